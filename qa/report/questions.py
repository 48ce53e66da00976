"""Each question of a run as the report shows it: what was expected and given, and both in their passage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, Literal

from qa.labels import paragraph_article
from qa.relevance import key
from qa.types import Citation, Passage, Span

if TYPE_CHECKING:
    from qa.evaluation import Outcome
    from qa.labels import Question

__all__ = ["Piece", "Row", "Shown", "State", "passage_parts", "row"]

State = Literal["right", "wrong", "refused", "refused_wrongly"]
Role = Literal["given", "withheld", "expected", "labelled"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of a passage's characters that are all of the given answer or not, of an expected one or not."""

    text: str
    given: bool = False
    expected: bool = False


Part = tuple[bool, tuple[Piece, ...]]
"""Pieces in order, and whether they belong to the sentence of the given answer."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage with its marks.

    ``role``  it holds the given answer; what a threshold of 0 would have given; the expected answer, as
              the best ranked of the relevant ones; or it is the paragraph of the label file
    ``span``  what is pointed at in it, in ``passage.article.text``: the answer, or the whole passage
    """

    role: Role
    passage: Passage
    span: Span
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One question.

    ``number``  from 1, in the order of the labels
    ``facts``   its object in the public JSON
    ``doubts``  what is doubtful about its label
    """

    number: int
    state: State
    outcome: Outcome
    facts: Mapping[str, Any]
    passages: tuple[Shown, ...]
    doubts: tuple[str, ...] = ()

    @property
    def further(self) -> tuple[Citation, ...]:
        """What is cited after the first."""
        return self.outcome.answer.citations[1:]

    @property
    def withheld(self) -> str | None:
        """What a refusal kept back; None for an answer."""
        return self.outcome.candidate.text if self.outcome.answer.abstained else None

    @property
    def legs(self) -> Mapping[str, int]:
        """Ranks of the first relevant passage in the legs that found it."""
        rank = self.outcome.rank
        return {} if rank is None else self.outcome.answer.hits[rank - 1].ranks


def row(
    number: int, outcome: Outcome, facts: Mapping[str, Any], *, labels: str, doubts: Sequence[str] = ()
) -> Row:
    """``labels`` is the name of the label file, as the source of its own paragraphs."""
    passages = tuple(_passages(outcome, facts, labels))
    return Row(number, _state(facts), outcome, facts, passages, tuple(doubts))


def _state(facts: Mapping[str, Any]) -> State:
    if facts["abstained"]:
        return "refused" if facts["cause"] is None else "refused_wrongly"
    return "right" if facts["cause"] is None else "wrong"


def _passages(outcome: Outcome, facts: Mapping[str, Any], labels: str) -> Iterator[Shown]:
    """Where the answer was taken from, and, if that was the wrong place, where it should have been."""
    said = outcome.candidate.citations
    if said:
        yield _shown("withheld" if outcome.answer.abstained else "given", outcome.question, said[0])
    if facts["cause"] is None or not outcome.answerable:
        return
    relevant = _relevant(outcome)
    if relevant and not (said and key(said[0].passage) in map(key, relevant)):
        yield _expected("expected", outcome.question, relevant[0])
    elif not relevant and outcome.question.paragraph is not None:
        article = paragraph_article(labels, outcome.question.paragraph)
        labelled = Passage(article, Span(0, len(article.text)))
        if not (said and said[0].article.id == article.id):
            yield _expected("labelled", outcome.question, labelled)


def _relevant(outcome: Outcome) -> list[Passage]:
    flags = outcome.relevant or ()
    return [hit.passage for hit, relevant in zip(outcome.answer.hits, flags, strict=False) if relevant]


def _shown(role: Role, question: Question, citation: Citation) -> Shown:
    passage = citation.passage
    wanted = expected_spans(question, passage)
    parts = passage_parts(passage, wanted, given=citation.span, sentence=citation.sentence_span)
    return Shown(role, passage, citation.span, parts)


def _expected(role: Role, question: Question, passage: Passage) -> Shown:
    return Shown(role, passage, passage.span, passage_parts(passage, expected_spans(question, passage)))


def expected_spans(question: Question, passage: Passage) -> tuple[Span, ...]:
    """Where the references stand in the passage, in article coordinates.

    A reference with a place in the labelled paragraph stands there alone, if the article holds the
    paragraph; any other stands wherever its words do.
    """
    home = -1 if question.context is None else passage.article.text.find(question.context)
    found: list[Span] = []
    for reference in question.references:
        if home >= 0 and reference.start is not None:
            place = Span(reference.start, reference.start + len(reference.text)).shift(home)
            found += [place] if place.overlaps(passage.span) else []
        else:
            matches = re.finditer(re.escape(reference.text), passage.text)
            found += [Span(*match.span()).shift(passage.span.start) for match in matches]
    return tuple(found)


def passage_parts(
    passage: Passage,
    expected: Sequence[Span] = (),
    *,
    given: Span | None = None,
    sentence: Span | None = None,
) -> tuple[Part, ...]:
    """The passage cut wherever a mark begins or ends; spans are in ``passage.article.text``.

    The pieces joined are ``passage.text``, whatever the spans are.
    """
    marks = [span for span in (given, sentence, *expected) if span is not None]
    inside = {edge for span in marks for edge in (span.start, span.end)}
    whole = passage.span
    edges = [whole.start, *sorted(edge for edge in inside if whole.start < edge < whole.end), whole.end]
    pieces = [
        (
            _covered(run, [sentence]),
            Piece(run.of(passage.article.text), _covered(run, [given]), _covered(run, expected)),
        )
        for run in (Span(start, end) for start, end in pairwise(edges) if start < end)
    ]
    return tuple(
        (in_sentence, tuple(piece for _, piece in group))
        for in_sentence, group in groupby(pieces, key=lambda pair: pair[0])
    )


def _covered(run: Span, by: Iterable[Span | None]) -> bool:
    return any(span is not None and span.covers(run) for span in by)
