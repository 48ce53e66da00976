"""Characters and sentences: folding that keeps every offset, and where sentences end.

Nothing here knows about articles or models. ``fold`` maps one character to one character, so a
position in folded text is the same position in the text itself.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources

from qa.types import Span

__all__ = ["fold", "han", "is_han", "sentences", "trim"]

HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"

_ENDERS = "。！？；…｡"
_HALF_ENDERS = "!?;"
_CLOSERS = "”’」』）》】〕﹂﹄)〉"
_han = re.compile(f"[{HAN}]")
# An end of sentence: full-width marks anywhere; half-width ones and a full stop only right after a Han
# character (or a bracket or quote that closes), because elsewhere they are code, prices or abbreviations.
_end = re.compile(
    rf"""(?:[{_ENDERS}]+[!?]*|(?<=[{HAN}{_CLOSERS}"'])[{_HALF_ENDERS}]+|(?<=[{HAN}])\.(?=\s|$))[{_CLOSERS}]*"""
    r"""|[\r\n\u2028\u2029]+"""
)
# Marks that look the same at both ends: after a sentence's end they close it only where one is open.
_TWO_ENDED = ('"', "**", "'")


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
    found, start = [], span.start
    for match in _end.finditer(text, span.start, span.end):
        end = _closed(text, start, match.end(), span.end)
        found.append(trim(text, Span(start, end)))
        start = end
    found.append(trim(text, Span(start, span.end)))
    return _joined(text, [sentence for sentence in found if len(sentence)])


def _closed(text: str, start: int, end: int, limit: int) -> int:
    """``end`` moved behind straight quotes and stars that were opened since ``start``."""
    for mark in _TWO_ENDED:
        if text.startswith(mark, end, limit) and text.count(mark, start, end) % 2:
            end += len(mark)
    return end


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
