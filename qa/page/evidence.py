"""A cited article as JSON for the evidence pane: pieces of text, each with what it is.

A browser counts UTF-16 units, so nothing there counts: the text is cut here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qa.errors import InputError
from qa.library import Library, Place, Reading
from qa.types import Span

if TYPE_CHECKING:
    from qa.answering import Assistant

__all__ = ["Libraries", "evidence", "opened"]


class Libraries:
    """The articles of each collection; their list is made once. Safe to use from several threads."""

    def __init__(self, assistant: Callable[[str], Assistant]) -> None:
        """``assistant``: the one of a collection, by name; raises QaError where it cannot be opened."""
        self._assistant = assistant
        self._known: dict[str, tuple[Assistant, Library]] = {}
        self._lock = threading.Lock()

    def of(self, collection: str) -> Library:
        """The articles of a collection. Raises QaError where it cannot be opened."""
        assistant = self._assistant(collection)
        with self._lock:
            known = self._known.get(collection)
            if known is None or known[0] is not assistant:
                known = self._known[collection] = (assistant, Library(assistant))
            return known[1]


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
        "author": entry.author,
        "origin": entry.origin,
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
