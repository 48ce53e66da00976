"""JSON Lines: every line an object with a text, and perhaps a title and a date."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import PurePosixPath
from typing import Any

from qa.byline import byline_of
from qa.decoding import Decoded, damage, decode
from qa.errors import ArticleError
from qa.formats import MOST_PARTS
from qa.outline import blocks, date_of, iso_date, lines, outline, refuse_many, shortened, title_of
from qa.types import Article

__all__ = ["SUFFIXES", "read"]

SUFFIXES = (".jsonl",)
LONGEST_ROW = 10_000_000  # characters; brackets alone take thirty times as much once parsed

TEXTS = ("text", "content", "正文", "内容")
TITLES = ("title", "标题", "headline")
AUTHORS = ("author", "作者", "记者")
ORIGINS = ("origin", "来源", "出处", "媒体", "media", "source")
DATES = ("date", "日期", "time", "published", "发布时间")


def read(raw: bytes, *, source: str, encoding: str | None = None) -> list[Article | ArticleError]:
    """One article a line, or why the line is refused; ``element`` is ``line N``, counted from 1.

    Accepted names are ``text``/``content``/``正文``/``内容``, ``title``/``标题``, ``date``/``日期``,
    ``author``/``作者`` and ``source``/``来源``. Blank lines are passed over. Raises ArticleError where the
    file as a whole cannot be decoded.
    """
    made = decode(raw, encoding=encoding, where=source)
    sha256 = hashlib.sha256(raw).hexdigest()
    found: list[Article | ArticleError] = []
    if made.text.count("\n") > MOST_PARTS:
        raise ArticleError(f"{source}: has more than {MOST_PARTS:,} lines; split it", where=source)
    for number, row in enumerate(made.text.split("\n"), start=1):
        if not row.strip():
            continue
        try:
            found.append(_article(row, number, source, sha256, made))
        except ArticleError as error:
            found.append(error)
    return found


def _article(row: str, number: int, source: str, sha256: str, made: Decoded) -> Article:
    if len(row) > LONGEST_ROW:
        raise _refusal(source, number, f"has {len(row):,} characters, more than {LONGEST_ROW:,}")
    entry = _entry(row, number, source)
    text = _value(entry, TEXTS)
    if text is None or not text.strip():
        raise _refusal(source, number, 'needs a "text" string')
    for names in (TEXTS, TITLES, AUTHORS, ORIGINS):  # half a character cannot be kept
        value = _value(entry, names)
        if value is not None and not value.isascii() and re.search("[\ud800-\udfff]", value):
            raise _refusal(source, number, f"has half of a surrogate pair in its {names[0]}")
    refuse_many(text, where=f"{source}:{number}")
    first = outline(lines(text))
    if first.empty:
        raise _refusal(source, number, "holds no text")
    element = f"line {number}"
    title = _value(entry, TITLES) or title_of(first, PurePosixPath(source).stem)
    byline = byline_of(first, author=_value(entry, AUTHORS), origin=_value(entry, ORIGINS))
    return Article(
        id=f"{source}#{element}",
        text=text,
        title=shortened(title),
        source=source,
        element=element,
        sha256=sha256,
        encoding=made.encoding,
        bom=made.bom,
        exact=False,
        date=iso_date(_value(entry, DATES) or "", year=True) or date_of(first),
        author=byline.author,
        origin=byline.origin,
        blocks=blocks(text, first, title=title),
        warnings=(*made.doubts, *damage(text)),
    )


def _entry(row: str, number: int, source: str) -> dict[str, Any]:
    try:
        entry = json.loads(row)
    except (ValueError, RecursionError) as error:
        raise _refusal(source, number, f"is not JSON ({error})") from error
    if not isinstance(entry, dict):
        raise _refusal(source, number, "needs to be a JSON object")
    return entry


def _value(entry: dict[str, Any], names: tuple[str, ...]) -> str | None:
    """The first string under one of ``names``."""
    return next((entry[name] for name in names if isinstance(entry.get(name), str)), None)


def _refusal(source: str, number: int, reason: str) -> ArticleError:
    return ArticleError(f"{source}:{number}: {reason}", where=source)
