"""Where an index holds the answer to a labelled question: which passages are relevant, or why none is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from qa.causes import Place
from qa.labels import LabelSet, Question, Reference
from qa.types import Article, Passage, Span

__all__ = ["Doubt", "DoubtKind", "Key", "Relevance", "doubts", "key", "matches", "note"]

Key = tuple[str, int, int]


def key(passage: Passage) -> Key:
    """What makes it the same passage, whatever run of the program made the value."""
    return passage.article.id, passage.span.start, passage.span.end


@dataclass(frozen=True, slots=True)
class _Held:
    """One article of the index with its passages, by row."""

    article: Article
    passages: list[Passage] = field(default_factory=list)


def _firsts(articles: Collection[_Held]) -> dict[str, _Held]:
    """For each article that an index holds only by name, the one that says the same and has the passages.

    The two differ in white space at most.
    """
    named = {held.article.id: _bare(held.article) for held in articles if not held.passages}
    if not named:
        return {}
    firsts = {_bare(held.article): held for held in articles if held.passages}
    return {name: firsts[text] for name, text in named.items() if text in firsts}


def _bare(article: Article) -> str:
    return "".join(article.text.split())


class Relevance:
    """Which passages of an index are relevant to a question.

    A passage is relevant if it comes from one of the ``sources``, or else from the labelled
    paragraph, and holds a reference; where the reference has a place in the paragraph, the passage
    must overlap it. With neither sources nor paragraph, holding a reference is enough. Of articles that
    say the same one alone has passages; it goes by the names of all.
    """

    def __init__(
        self, passages: Iterable[Passage], articles: Iterable[Article] = (), refused: Iterable[str] = ()
    ) -> None:
        """``articles`` adds those without a passage; ``refused``: sources that were refused at reading."""
        self._articles: dict[str, _Held] = {}
        for passage in passages:
            self._held(passage.article).passages.append(passage)
        for article in articles:
            self._held(article)
        self._refused = tuple(refused)
        self._by_text: dict[str, list[_Held]] = {}
        self._by_end: dict[str, list[_Held]] = {}
        said = _firsts(self._articles.values())
        for held in self._articles.values():
            if held.article.id not in said:
                self._by_text.setdefault(held.article.text, []).append(held)
            for end in _ends(held.article.source):
                self._by_end.setdefault(end, []).append(said.get(held.article.id, held))

    def _held(self, article: Article) -> _Held:
        return self._articles.setdefault(article.id, _Held(article))

    def passages(self, question: Question) -> frozenset[Key]:
        """The relevant passages; none for a question that nothing answers."""
        return frozenset(map(key, self.relevant(question)))

    def relevant(self, question: Question) -> tuple[Passage, ...]:
        """The relevant passages themselves, by article and place."""
        return tuple(
            passage
            for held, offset in self._candidates(question)
            for passage in held.passages
            if any(_holds(passage, reference, offset) for reference in question.references)
        )

    def place(self, question: Question) -> Place:
        """Where the answer stands, at its best, in the articles that were asked for.

        What is known goes before what is not: ``refused`` is said only where no other article holds it.
        """
        if self.relevant(question):
            return "passage"
        found = [
            any(block.span.overlaps(span) for block in held.article.blocks)
            for held, offset in self._candidates(question)
            for reference in question.references
            for span in _occurrences(held.article.text, reference, offset)
        ]
        if found:
            return "cut" if any(found) else "left_out"
        return "refused" if self.was_refused(question.sources) else "nowhere"

    def asked(self, question: Question) -> bool:
        """Whether the index has any article that the question is to be answered from."""
        return next(self._candidates(question), None) is not None

    def unknown(self, question: Question) -> tuple[str, ...]:
        """The sources of the question that match no article of the index."""
        return tuple(source for source in question.sources if source not in self._by_end)

    def was_refused(self, sources: Iterable[str]) -> bool:
        """Whether one of ``sources`` matches a file that was refused, wholly or in part."""
        return any(matches(refused, sources) for refused in self._refused)

    def _candidates(self, question: Question) -> Iterator[tuple[_Held, int | None]]:
        """The articles asked for, each with where the labelled paragraph begins in it."""
        if question.sources:
            named = [held for source in question.sources for held in self._by_end.get(source, ())]
            for held in {held.article.id: held for held in named}.values():
                yield held, _offset(held.article, question.context)
        elif question.context is None:
            for held in self._articles.values():
                yield held, None
        else:
            yield from self._around(question.context)

    def _around(self, context: str) -> Iterator[tuple[_Held, int | None]]:
        """Articles that are the paragraph; failing that, those that hold it."""
        whole = self._by_text.get(context)
        for held in self._articles.values() if whole is None else whole:
            offset = _offset(held.article, context)
            if offset is not None:
                yield held, offset


def matches(source: str, wanted: Iterable[str]) -> bool:
    """Whether a citation's source is one of the labelled ones: equal to it, or ending in ``/`` and it."""
    return any(source == name or source.endswith(f"/{name}") for name in wanted)


def _ends(source: str) -> Iterator[str]:
    """Every name that ``matches`` takes for ``source``: ``a/b.md`` and ``b.md``."""
    yield source
    while "/" in source:
        source = source.partition("/")[2]
        yield source


def _offset(article: Article, context: str | None) -> int | None:
    found = -1 if context is None else article.text.find(context)
    return None if found < 0 else found


def _holds(passage: Passage, reference: Reference, offset: int | None) -> bool:
    if reference.text not in passage.text:
        return False
    if offset is None or reference.start is None:
        return True
    return passage.span.overlaps(Span(reference.start, reference.start + len(reference.text)).shift(offset))


def _occurrences(text: str, reference: Reference, offset: int | None) -> Iterator[Span]:
    """Where ``reference`` stands in an article: at its labelled place, or else anywhere."""
    size = len(reference.text)
    if offset is not None and reference.start is not None:
        yield Span(reference.start, reference.start + size).shift(offset)
        return
    start = text.find(reference.text)
    while start >= 0:
        yield Span(start, start + size)
        start = text.find(reference.text, start + 1)


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


# ---- labels that cannot be right


DoubtKind = Literal[
    "answer_nowhere",  # no answer of the label stands in its source
    "unknown_source",  # the index has no such source, or no article that holds the labelled paragraph
    "refused_source",  # the source, or the part of it that may hold the answer, was refused when it was read
]


@dataclass(frozen=True, slots=True)
class Doubt:
    """A label that was read, but that no answer from this index can be right by. ``where``: ``file:line``."""

    where: str
    question: str
    kind: DoubtKind
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: question {self.question}: {self.problem}"


def doubts(labels: LabelSet, relevance: Relevance | None = None) -> tuple[Doubt, ...]:
    """What is doubtful about ``labels``, in their order; a question may give rise to several.

    Without ``relevance`` (no index was opened) only labelled paragraphs are looked into.
    """
    return tuple(
        Doubt(f"{labels.name}:{question.line}", question.id, kind, problem)
        for question in labels.questions
        for kind, problem in (*_of_paragraph(question), *_of_index(question, relevance))
    )


_Said = tuple[DoubtKind, str]


def _of_paragraph(question: Question) -> Iterator[_Said]:
    context = question.context
    if context is not None and question.references and not any(a in context for a in question.answers):
        yield "answer_nowhere", f"{_quoted(question)} stands nowhere in its paragraph"


def _of_index(question: Question, relevance: Relevance | None) -> Iterator[_Said]:
    if relevance is None:
        return
    unknown = relevance.unknown(question)
    for source in unknown:
        if relevance.was_refused([source]):
            yield "refused_source", f"its source {source} was refused when the index was made"
        else:
            yield "unknown_source", f"its source {source} is not in the index"
    if not relevance.asked(question):
        if question.context is not None and not question.sources:
            yield "unknown_source", "no article of the index holds its paragraph"
    elif question.references and question.context is None:
        known = " or ".join(source for source in question.sources if source not in unknown)
        yield from _of_answer(question, relevance.place(question), known)


def _of_answer(question: Question, place: Place, known: str) -> Iterator[_Said]:
    missing = f"{_quoted(question)} stands nowhere in {known or 'the index'}"
    if place == "nowhere":
        yield "answer_nowhere", missing
    elif place == "refused":
        yield "refused_source", f"{missing}, of which a part was refused when the index was made"


def _quoted(question: Question) -> str:
    """The answers of a question as its doubts name them; long ones are cut."""
    cut = [answer if len(answer) <= 30 else f"{answer[:30]}…" for answer in question.answers]
    return " / ".join(f"“{' '.join(answer.split())}”" for answer in cut)
