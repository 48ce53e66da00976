"""Line files: each line of a plain text file is an article of its own.

Dumps of news and of encyclopaedias come so. That a folder holds such files is a setting of its PATH; the
suffix does not tell.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from qa.byline import byline_of
from qa.decoding import Decoded, damage, decode
from qa.errors import ArticleError
from qa.outline import blocks, date_of, iso_date, lines, outline
from qa.text import sentences
from qa.types import Article, Span

__all__ = ["read"]

TITLE = 40  # characters
SHORTEST_TITLE = 4

_BREAK = re.compile(r"\r\n|\n|\r")
# What stands before the text proper: a time stamp, and the name of a field.
_STAMP = re.compile(r"[\s\[\](（)）【】,，]*(?:[\d年月日时分秒\-/.:：]+[\s\[\](（)）【】,，]*)*")
_FIELD = re.compile(r"(?:(?:正文|内容|全文|标题|原标题|题目|摘要|來源|来源)\s*[:：]\s*)+")
_SOFT = re.compile(r"[，、：；,:;\s]")


def read(raw: bytes, *, source: str, encoding: str | None = None) -> list[Article | ArticleError]:
    """One article a line, or why the line is refused; ``element`` is ``line N``, counted from 1.

    Lines end with a line feed, a carriage return or both; blank ones are passed over. ``bom`` counts the
    bytes before the line. Raises ArticleError where the file as a whole cannot be decoded.
    """
    made = decode(raw, encoding=encoding, where=source)
    sha256 = hashlib.sha256(raw).hexdigest()
    found: list[Article | ArticleError] = []
    for line in _lines(made):
        try:
            found.append(_article(line, source, sha256, made))
        except ArticleError as error:
            found.append(error)
    return found


@dataclass(frozen=True, slots=True)
class _Line:
    """A line, its number from 1, and how many bytes of the file lie before it (0 where none can be told)."""

    number: int
    text: str
    before: int


def _lines(made: Decoded) -> Iterator[_Line]:
    start = counted = 0
    before = made.bom
    ends = [match.span() for match in _BREAK.finditer(made.text)]
    for number, (end, following) in enumerate([*ends, (len(made.text), len(made.text))], start=1):
        text = made.text[start:end]
        if text.strip():
            if made.exact:
                before += len(made.text[counted:start].encode(made.encoding))
                counted = start
            yield _Line(number, text, before)
        start = following


def _article(line: _Line, source: str, sha256: str, made: Decoded) -> Article:
    first = outline(lines(line.text))
    if first.empty:
        raise ArticleError(f"{source}:{line.number}: holds no text", where=source)
    stamp = _STAMP.match(line.text)
    assert stamp is not None  # it may be empty
    start = _behind(line.text, stamp.end())
    title = _title(line.text, start)
    byline = byline_of(outline(lines(line.text[start:])) if start else first)
    element = f"line {line.number}"
    return Article(
        id=f"{source}#{element}",
        text=line.text,
        title=title,
        source=source,
        element=element,
        sha256=sha256,
        encoding=made.encoding,
        bom=line.before,
        exact=made.exact,
        date=iso_date(stamp.group()) or date_of(first),
        author=byline.author,
        origin=byline.origin,
        blocks=blocks(line.text, first, title=title),
        warnings=(*made.doubts, *damage(line.text)),
    )


def _behind(text: str, start: int) -> int:
    """Where the text proper begins behind a stamp that ends at ``start``."""
    field = _FIELD.match(text, start)
    return start if field is None else field.end()


def _title(text: str, start: int) -> str:
    """The beginning of the first sentence from ``start`` on, as it stands; empty for a short line."""
    if len(text) - start <= TITLE:
        return ""
    sentence = next(iter(sentences(text, Span(start, min(len(text), start + 4 * TITLE)))), None)
    if sentence is None:
        return ""
    begun = sentence.of(text)
    if len(begun) > TITLE:
        soft = [match.start() for match in _SOFT.finditer(begun[:TITLE]) if match.start() >= TITLE // 3]
        begun = begun[: soft[-1]] if soft else begun[:TITLE]
    begun = begun.rstrip("。．.！!？?；;，,、：: ")
    return begun if len(begun) >= SHORTEST_TITLE else ""
