"""From the lines that a format extracted to its article."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import PurePosixPath

from qa.byline import Byline, byline_of
from qa.decoding import damage
from qa.errors import ArticleError
from qa.furniture import Line
from qa.outline import MOST_LINES, Outline, Placed, blocks, date_of, outline, shortened, title_of
from qa.types import Article, Span

__all__ = ["article", "placed"]


def placed(lines: Sequence[Line]) -> tuple[str, list[Placed]]:
    """The text of the lines, a newline between two, and the place of each in it."""
    found, start = [], 0
    for line in lines:
        found.append(Placed(Span(start, start + len(line.text)), line))
        start += len(line.text) + 1
    return "\n".join(line.text for line in lines), found


def article(
    lines: Sequence[Line],
    *,
    raw: bytes,
    source: str,
    title: str | None = None,
    date: str | None = None,
    encoding: str = "utf-8",
    warnings: tuple[str, ...] = (),
    byline: Byline | None = None,
) -> Article:
    """The article that ``lines`` make; its text is theirs, not the file's, so ``exact`` is False.

    ``title``, ``date`` and ``byline`` are looked for in the lines where they are None. ``encoding`` is only
    a name here, that of the part that was decoded. What is damaged in the text is added to ``warnings``.
    Raises ArticleError where no line is running text.
    """
    if len(lines) > MOST_LINES:
        raise ArticleError(f"{source}: has more than {MOST_LINES:,} lines; split it", where=source)
    text, rows = placed(lines)
    made: Outline = outline(rows)
    if made.empty:
        raise ArticleError(f"{source}: holds no text", where=source)
    title = title_of(made, PurePosixPath(source).stem) if title is None else title
    byline = byline_of(made) if byline is None else byline
    return Article(
        id=source,
        text=text,
        title=shortened(title),
        source=source,
        sha256=hashlib.sha256(raw).hexdigest(),
        encoding=encoding,
        exact=False,
        date=date_of(made) if date is None else date,
        author=byline.author,
        origin=byline.origin,
        blocks=blocks(text, made, title=title),
        warnings=(*warnings, *damage(text)),
    )
