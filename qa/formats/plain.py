"""Plain text: the whole file is the article."""

from __future__ import annotations

from pathlib import PurePosixPath

from qa.byline import byline_of
from qa.decoding import decode
from qa.errors import ArticleError
from qa.outline import date_of, decoded_article, lines, outline, refuse_many, title_of
from qa.types import Article

__all__ = ["SUFFIXES", "read"]

SUFFIXES = (".txt", ".text")


def read(raw: bytes, *, source: str, encoding: str | None = None) -> list[Article]:
    """The one article of a text file; ``Article.text`` is the whole file decoded.

    Its title is the first line that looks like one, else the file's name. Raises ArticleError where the
    file holds no text.
    """
    made = decode(raw, encoding=encoding, where=source)
    refuse_many(made.text, where=source)
    first = outline(lines(made.text))
    if first.empty:
        raise ArticleError(f"{source}: holds no text", where=source)
    title = title_of(first, PurePosixPath(source).stem)
    date = date_of(first)
    byline = byline_of(first)
    return [decoded_article(made, first, raw, source=source, title=title, date=date, byline=byline)]
