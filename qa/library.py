"""The articles of an index for people who browse: a list, a search by words, and one article to read.

An article to read comes as segments of text in order, each with what it is; together they are
``Article.text``, character by character. Whoever shows them escapes each and never counts characters.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import TYPE_CHECKING, Any, Literal

from qa.errors import InputError
from qa.outline import plain
from qa.text import fold
from qa.types import Article, Citation, Span

if TYPE_CHECKING:
    from qa.answering import Assistant
    from qa.index import Generation

__all__ = [
    "Entry",
    "Heading",
    "Library",
    "Listed",
    "Place",
    "Reading",
    "Segment",
    "SegmentKind",
    "place_of",
    "reading",
]

SegmentKind = Literal[
    "mark",  # the quote
    "sentence",  # the rest of the sentence that it stands in
    "passage",  # the rest of the passages that hold it
    "text",  # other running text
    "heading",
    "aside",  # menus, footers, front matter: never quoted
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One article in a list. ``row`` numbers it in the index, ``characters`` and ``passages`` are counts."""

    row: int
    source: str
    element: str | None
    title: str
    date: str | None
    characters: int
    passages: int
    warnings: tuple[str, ...] = ()
    author: str | None = None
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """Some of the articles that fit, in order, and how many fit in all."""

    entries: tuple[Entry, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a citation points: ``quote`` is what stands at ``span`` if the article is still the same."""

    source: str
    element: str | None
    span: Span
    sentence: Span
    quote: str


@dataclass(frozen=True, slots=True)
class Heading:
    """A line of the outline; ``level`` from 1. ``anchor`` is that of the segment where it begins."""

    title: str
    level: int
    anchor: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of an article's text; ``anchor`` is not empty where the outline, or the mark, leads."""

    text: str
    kind: SegmentKind
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One article to read.

    ``segments``  all of its text, in order
    ``marks``     what is marked, in ``Article.text``; empty where nothing is, or the article has changed
    ``passages``  its passages in order, as the index has them; two may overlap
    ``stale``     whether the words that were to be marked do not stand there any more
    """

    entry: Entry
    segments: tuple[Segment, ...]
    outline: tuple[Heading, ...]
    marks: tuple[Span, ...]
    passages: tuple[Span, ...]
    stale: bool = False

    @property
    def text(self) -> str:
        """The whole article."""
        return "".join(segment.text for segment in self.segments)


MARK = "mark"  # the anchor of the first mark


class Library:
    """The articles that an assistant answers from, as they stand in its index. Safe to use from threads."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._lock = threading.Lock()
        self._known: tuple[str, tuple[Entry, ...]] = ("", ())

    def entries(self) -> tuple[Entry, ...]:
        """All articles, in the order of the index: by source. Made once for each state of the index."""
        return self._entries_of(self._assistant.generation)

    def _entries_of(self, generation: Generation) -> tuple[Entry, ...]:
        with self._lock:
            if self._known[0] != generation.manifest.fingerprint:
                self._known = generation.manifest.fingerprint, tuple(_entries(generation))
            return self._known[1]

    def find(self, words: str = "", *, offset: int = 0, limit: int = 50) -> Listed:
        """The articles whose title, source, element or date hold every word of ``words``; all without any.

        Words are apart by white space. Traditional and simplified, full and half width, capitals and small
        letters are one. Those with the words in the title come first, else the order is the index's.
        """
        wanted = fold(words).split()
        found = [(entry, _fit(entry, wanted)) for entry in self.entries()]
        fitting = sorted((each for each in found if each[1]), key=lambda each: -each[1])
        return Listed(tuple(entry for entry, _ in fitting[offset : offset + limit]), len(fitting))

    def sources(self) -> tuple[str, ...]:
        """Every source once, in order, for a choice of which to ask."""
        return tuple(dict.fromkeys(entry.source for entry in self.entries()))

    def open(self, source: str, element: str | None = None) -> Reading:
        """One article to read, nothing marked. Raises InputError where the index has none of that name."""
        return self._reading(source, element, None)

    def open_at(self, place: Place | Citation | Mapping[str, Any]) -> Reading:
        """The article of a citation, or of its public JSON, with the quote marked.

        If the article has changed since, and the quote does not stand there any more, nothing is marked and
        the reading is ``stale``. Raises InputError where the article is gone, or ``place`` is no citation.
        """
        found = place if isinstance(place, Place) else place_of(place)
        return self._reading(found.source, found.element, found)

    def _reading(self, source: str, element: str | None, place: Place | None) -> Reading:
        generation = self._assistant.generation
        entries = self._entries_of(generation)
        entry = next((each for each in entries if (each.source, each.element) == (source, element)), None)
        if entry is None:
            raise InputError(
                f"这篇文章不在索引里，可能已被删除：{source[:200]}；the index has no such article"
            )
        rows = (generation.article_rows() == entry.row).nonzero()[0]
        spans = [generation.passage(int(row)).span for row in rows]
        return reading(generation.article(entry.row), entry, spans, place)


def place_of(citation: Citation | Mapping[str, Any]) -> Place:
    """Where a citation, or its public JSON, points. Raises InputError for JSON that is none."""
    raw = citation.to_dict() if isinstance(citation, Citation) else citation
    try:
        span, around = Span(raw["start"], raw["end"]), raw["sentence"]
        sentence = Span(around["start"], around["end"])
        texts = (raw["source"], raw["quote"], raw["element"] or "")
        if not all(isinstance(text, str) for text in texts) or not sentence.covers(span) or not len(span):
            raise ValueError("a value is of the wrong kind")
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"这不是一处引用；this is no citation ({error})") from error
    return Place(raw["source"], raw["element"], span, sentence, raw["quote"])


def _entries(generation: Generation) -> Iterator[Entry]:
    import numpy as np

    counts = np.bincount(generation.article_rows(), minlength=len(generation))
    for row in range(len(generation)):
        article = generation.article(row)
        yield _entry(row, article, int(counts[row]))


def _entry(row: int, article: Article, passages: int) -> Entry:
    return Entry(
        row=row,
        source=article.source,
        element=article.element,
        title=article.title,
        date=article.date,
        characters=len(article.text),
        passages=passages,
        warnings=article.warnings,
        author=article.author,
        origin=article.origin,
    )


def _fit(entry: Entry, wanted: Sequence[str]) -> int:
    """2 where the title holds all of ``wanted``, 1 where all that is listed does together, else 0."""
    title = fold(entry.title)
    if all(word in title for word in wanted):
        return 2
    whole = "\n".join([title, fold(entry.source), fold(entry.element or ""), entry.date or ""])
    return int(all(word in whole for word in wanted))


# ---- an article in segments


def reading(article: Article, entry: Entry, passages: Sequence[Span], place: Place | None = None) -> Reading:
    """``article`` to read, with what ``place`` points at marked if it is still there.

    ``passages``  the spans of its passages, in order
    """
    stale = place is not None and place.span.of(article.text) != place.quote
    at = None if place is None or stale else place
    headings = list(_headings(article))
    anchors = _anchors(headings, at)
    return Reading(
        entry=entry,
        segments=tuple(_segments(article.text, _layers(article, passages, headings, at), anchors)),
        outline=tuple(Heading(title, level, anchors[line.start]) for title, level, line in headings),
        marks=() if at is None else (at.span,),
        passages=tuple(passages),
        stale=stale,
    )


_Headed = tuple[str, int, Span]  # title, level, and its line


def _headings(article: Article) -> Iterator[_Headed]:
    """The headings above the blocks, each once, with the line that each stands in.

    A heading whose line cannot be found, as in a format that keeps them apart, begins at its block.
    """
    path: tuple[str, ...] = ()
    seen = 0
    for block in article.blocks:
        shared = _shared(path, block.heading)
        lines = list(_lines(article.text, Span(seen, max(seen, block.span.start))))
        for level, title in enumerate(block.heading[shared:], start=shared + 1):
            found = next((line for line in lines if plain(line.of(article.text)) == title), None)
            if found is not None:
                lines = [line for line in lines if line.start >= found.end]
            yield title, level, Span(block.span.start, block.span.start) if found is None else found
        path, seen = block.heading, block.span.end


def _shared(path: Sequence[str], other: Sequence[str]) -> int:
    """How many of the outermost headings are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(path, other, strict=False)))


def _lines(text: str, span: Span) -> Iterator[Span]:
    start = span.start
    for line in span.of(text).splitlines(keepends=True):
        bare = line.rstrip()
        yield Span(start, start + len(bare))
        start += len(line)


def _anchors(headings: Sequence[_Headed], place: Place | None) -> dict[int, str]:
    """The anchor of each offset that something leads to; what begins at one place shares one."""
    found: dict[int, str] = {}
    for number, (_, _, line) in enumerate(headings, start=1):
        found.setdefault(line.start, f"h{number}")
    return found if place is None else {**found, place.span.start: MARK}


_Layers = list[tuple[SegmentKind, list[Span]]]


def _layers(
    article: Article, passages: Sequence[Span], headings: Sequence[_Headed], place: Place | None
) -> _Layers:
    """What covers which characters; where several do, the first counts."""
    lines = [line for *_, line in headings] + _title_line(article)
    always: _Layers = [("heading", lines), ("text", [block.span for block in article.blocks])]
    if place is None:
        return always
    around = [span for span in passages if span.overlaps(place.span)]
    return [("mark", [place.span]), ("sentence", [place.sentence]), ("passage", around), *always]


def _title_line(article: Article) -> list[Span]:
    """The line above the running text that says the title, which the outline leaves out."""
    above = Span(0, article.blocks[0].span.start if article.blocks else 0)
    lines = (line for line in _lines(article.text, above) if plain(line.of(article.text)) == article.title)
    return [line for line in lines if article.title][:1]


def _segments(text: str, layers: _Layers, anchors: Mapping[int, str]) -> Iterator[Segment]:
    edges = {0, len(text), *anchors}
    edges.update(edge for _, spans in layers for span in spans for edge in (span.start, span.end))
    covered = [(kind, _Covered(spans)) for kind, spans in layers]
    for start, end in pairwise(sorted(edges)):
        kind: SegmentKind = next((kind for kind, spans in covered if start in spans), "aside")
        yield Segment(text[start:end], kind, anchors.get(start, ""))


class _Covered:
    """Whether an offset lies in one of some spans, in the time of a bisection."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._spans: list[Span] = []
        for span in sorted(spans):
            if self._spans and span.start <= self._spans[-1].end:
                self._spans[-1] = Span(self._spans[-1].start, max(self._spans[-1].end, span.end))
            else:
                self._spans.append(span)
        self._starts = [span.start for span in self._spans]

    def __contains__(self, offset: int) -> bool:
        at = bisect_right(self._starts, offset) - 1
        return at >= 0 and offset < self._spans[at].end
