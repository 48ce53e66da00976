"""Which passages of an index are relevant to a labelled question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from qa.labels import Question, Reference
from qa.types import Passage, Span

__all__ = ["Key", "Relevance", "key", "matches", "note"]

Key = tuple[str, int, int]


def key(passage: Passage) -> Key:
    """What makes it the same passage, whatever run of the program made the value."""
    return passage.article.id, passage.span.start, passage.span.end


class Relevance:
    """Which passages of an index are relevant to a question.

    A passage is relevant if it comes from one of the ``sources``, or else from the labelled
    paragraph, and holds a reference; where the reference has a place in the paragraph, the passage
    must overlap it. With neither sources nor paragraph, holding a reference is enough.
    """

    def __init__(self, passages: Iterable[Passage]) -> None:
        self._articles: dict[str, list[Passage]] = {}
        for passage in passages:
            self._articles.setdefault(passage.article.id, []).append(passage)
        self._by_text: dict[str, list[list[Passage]]] = {}
        for group in self._articles.values():
            self._by_text.setdefault(group[0].article.text, []).append(group)

    def passages(self, question: Question) -> frozenset[Key]:
        """The relevant passages; none for a question that nothing answers."""
        return frozenset(
            key(passage)
            for group, offset in self._candidates(question)
            for passage in group
            if any(_holds(passage, reference, offset) for reference in question.references)
        )

    def _candidates(self, question: Question) -> Iterator[tuple[list[Passage], int | None]]:
        """Passages by article, each with where the labelled paragraph begins in it."""
        if question.sources:
            for group in self._articles.values():
                if matches(group[0].article.source, question.sources):
                    yield group, _offset(group, question.context)
        elif question.context is None:
            for group in self._articles.values():
                yield group, None
        else:
            yield from self._around(question.context)

    def _around(self, context: str) -> Iterator[tuple[list[Passage], int | None]]:
        """Articles that are the paragraph; failing that, those that hold it."""
        whole = self._by_text.get(context)
        for group in self._articles.values() if whole is None else whole:
            offset = _offset(group, context)
            if offset is not None:
                yield group, offset


def matches(source: str, wanted: Iterable[str]) -> bool:
    """Whether a citation's source is one of the labelled ones: equal to it, or ending in ``/`` and it."""
    return any(source == name or source.endswith(f"/{name}") for name in wanted)


def _offset(group: Sequence[Passage], context: str | None) -> int | None:
    found = -1 if context is None else group[0].article.text.find(context)
    return None if found < 0 else found


def _holds(passage: Passage, reference: Reference, offset: int | None) -> bool:
    if reference.text not in passage.text:
        return False
    if offset is None or reference.start is None:
        return True
    return passage.span.overlaps(Span(reference.start, reference.start + len(reference.text)).shift(offset))


def note(questions: Sequence[Question]) -> str:
    """How relevance was judged, over the questions that have an answer, for the reader of the figures."""
    judged = [question for question in questions if question.references]
    bare = sum(not question.sources and question.paragraph is None for question in judged)
    if not bare:
        return "place and answer text"
    return (
        "answer text only"
        if bare == len(judged)
        else f"answer text only for {bare} of {len(judged)} questions"
    )
