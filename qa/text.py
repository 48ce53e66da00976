"""Characters and sentences: folding that keeps every offset, and where sentences end.

Nothing here knows about articles or models. ``fold`` maps one character to one character, so a
position in folded text is the same position in the text itself.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from qa.types import Span

__all__ = ["fold", "han", "is_han", "sentences", "simplified", "trim"]

HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"

_ENDERS = "。！？；…｡"
_WIDE_CLOSERS = "”’」』）》】〕﹂﹄〉"
_CLOSERS = _WIDE_CLOSERS + ")"
_han = re.compile(f"[{HAN}]")
# An end of sentence: full-width marks anywhere; half-width ones only beside Han characters (a closing
# bracket or quote may stand between) and a full stop only behind one, because elsewhere they are code,
# prices or abbreviations. What lies in an address or between backticks is never an end.
_end = re.compile(
    rf"""(?P<kept>(?:https?|ftp)://[^\s"<>`\u0080-\U0010ffff]*[A-Za-z0-9/=&#_-](?:[{HAN}]+[/?=&#][!-~]+)*"""
    r"""|`[^`\r\n]{1,200}`)"""
    rf"""|(?:[{_ENDERS}]+[!?]*"""
    rf"""|(?:(?<=[{HAN}{_WIDE_CLOSERS}])|(?<=[{HAN}{_WIDE_CLOSERS}][)"'*]))[!?;]+"""
    rf"""|(?<![!?;])[!?;]+(?=[)"'*]{{0,2}}[{HAN}])"""
    rf"""|(?P<stop>(?<=[{HAN}])\.(?=["')*{_WIDE_CLOSERS}]*(?:\s|$))))[{_CLOSERS}]*"""
    r"""|(?P<line>[\r\n\u2028\u2029]+)"""
)
# A number that counts a list or a heading (一. 十二. 第三章.), behind which a full stop ends nothing.
_counter = re.compile(r"\s*第?[一二三四五六七八九十百]{1,4}[章节条]?")
# Marks that look the same at both ends (an apostrophe is none): where one is open they close a sentence.
_TWO_ENDED = (
    ("**", re.compile(r"\*\*")),
    ('"', re.compile('"')),
    ("'", re.compile(r"(?<![a-zA-Z])'|'(?![a-zA-Z])")),
)


@cache
def _table() -> dict[int, int]:
    lines = (resources.files("qa") / "data" / "fold.txt").read_text(encoding="ascii").splitlines()
    rows = (line.split() for line in lines if not line.startswith("#"))
    return {int(char, 16): int(row[0], 16) for row in rows for char in row[1:]}


def fold(text: str) -> str:
    """``text`` with width, case, script and punctuation folded; always of the same length.

    Traditional characters become simplified ones, full-width forms half-width ones, capitals small
    ones. Folding twice changes nothing more. Source of the table: ``qa/data/fold.txt``.
    """
    return text.translate(_table())


@cache
def _script_table() -> dict[int, int]:
    return {char: other for char, other in _table().items() if is_han(chr(char))}


def simplified(text: str) -> str:
    """``text`` with traditional characters as simplified ones and all else as it is; the same length."""
    return text.translate(_script_table())


def is_han(char: str) -> bool:
    """Whether one character is a Han character (any block, also 〇)."""
    return _han.match(char) is not None


def han(text: str) -> int:
    """How many Han characters ``text`` holds."""
    return len(_han.findall(text))


def trim(text: str, span: Span) -> Span:
    """``span`` without the white space at its two ends; empty at its start where all of it is space."""
    inside = span.of(text)
    left = len(inside) - len(inside.lstrip())
    if left == len(inside):
        return Span(span.start, span.start)
    return Span(span.start + left, span.start + len(inside.rstrip()))


def sentences(text: str, span: Span | None = None) -> list[Span]:
    """The sentences of ``text`` inside ``span`` (default: all of it), trimmed, in order, none empty.

    A sentence ends after 。！？；… (with closing quotes and brackets), after half-width ! ? ; beside
    Han characters, and at a line's end. Only white space lies between two sentences.
    """
    span = Span(0, len(text)) if span is None else span
    found, start, quotes = [], span.start, _Quotes(text, span)
    for match in _end.finditer(text, span.start, span.end):
        if match["kept"] or (match["stop"] and _counter.fullmatch(text, start, match.start())):
            continue
        end = quotes.new_line(match.end()) if match["line"] else quotes.close(match.end())
        found.append(trim(text, Span(start, end)))
        start = end
    found.append(trim(text, Span(start, span.end)))
    return _joined(text, [sentence for sentence in found if len(sentence)])


class _Quotes:
    """Which straight quotes and stars are open, counted along a line as its sentences are found."""

    def __init__(self, text: str, span: Span) -> None:
        self._text, self._span = text, span
        self.new_line(span.start)

    def new_line(self, at: int) -> int:
        """Forget what was open before ``at``, and return it."""
        self._seen = at
        self._open = dict.fromkeys((mark for mark, _ in _TWO_ENDED), 0)
        return at

    def close(self, end: int) -> int:
        """``end`` moved behind the marks there that were opened before, and brackets behind those."""
        self._count(end)
        for mark, _ in _TWO_ENDED * 2:
            if self._open[mark] and self._text.startswith(mark, end, self._span.end):
                end += len(mark)
                self._count(end)
        while end < self._span.end and self._text[end] in _CLOSERS:
            end += 1
        return end

    def _count(self, end: int) -> None:
        for mark, pattern in _TWO_ENDED:
            self._open[mark] ^= sum(1 for _ in pattern.finditer(self._text, self._seen, end)) % 2
        self._seen = end


def _joined(text: str, found: list[Span]) -> list[Span]:
    """Marks that stand alone (a stray closing quote, a second “……”) belong to the sentence before."""
    joined: list[Span] = []
    for span in found:
        alone = not any(char.isalnum() for char in span.of(text))
        if alone and joined and not text[joined[-1].end : span.start].strip(" \t\u3000"):
            joined[-1] = Span(joined[-1].start, span.end)
        else:
            joined.append(span)
    return joined
