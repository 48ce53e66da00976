"""A cited article as JSON for the evidence pane: pieces of text, each with what it is.

A browser counts UTF-16 units, so nothing there counts: the text is cut here.
"""

from __future__ import annotations

from typing import Any

from qa.errors import InputError
from qa.library import Library, Place, Reading
from qa.types import Span

__all__ = ["evidence", "opened"]


def opened(
    library: Library, source: str, element: str | None, spans: tuple[int, int, int, int] | None, quote: str
) -> Reading:
    """The article called ``source``, with what was cited marked.

    ``spans``  start and end of the quote, and of its sentence; None marks nothing. A quote of no
               characters marks nothing either, and tints the sentence
    Raises InputError where there is no such article, or the spans run backwards.
    """
    if spans is None:
        return library.open(source, element)
    start, end, sentence_start, sentence_end = spans
    if start > end or sentence_start > sentence_end:
        raise InputError("the quote or its sentence runs backwards; give its start before its end")
    place = Place(source, element, Span(start, end), Span(sentence_start, sentence_end), quote)
    return library.open_at(place)


def evidence(reading: Reading) -> dict[str, Any]:
    """``reading`` for a browser; the ``text`` of the segments, joined, is the whole article.

    ``kind`` of a segment: see ``qa.library``. ``anchor`` is not null where the outline, or the mark, leads.
    ``stale``: the words that were cited do not stand there any more.
    """
    entry = reading.entry
    return {
        "source": entry.source,
        "element": entry.element,
        "title": entry.title,
        "date": entry.date,
        "stale": reading.stale,
        "warnings": list(entry.warnings),
        "outline": [
            {"title": each.title, "level": each.level, "anchor": each.anchor} for each in reading.outline
        ],
        "segments": [
            {"text": each.text, "kind": each.kind, "anchor": each.anchor or None} for each in reading.segments
        ],
    }
