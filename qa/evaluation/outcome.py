"""What came of one question: what the user would see, what it is worth, and why it was missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qa import causes
from qa.causes import Cause, Facts, Legs, Place, Pointed
from qa.labels import Question
from qa.metrics import (
    NDCG,
    RIGHT,
    RankMeasure,
    character_f1,
    exact_match,
    f1,
    first_rank,
    list_precision,
    list_recall,
    sentence_hit,
    share,
)
from qa.types import Answer, Citation, Passage

__all__ = ["TOP_K", "Outcome"]

TOP_K = 50
"""How many ranked passages are asked for: what is not among them counts as not retrieved."""

LIST = "list"
"""The type of the questions that ask for several things."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question.

    ``answer``     what the user would see
    ``candidate``  what a threshold of 0 would have shown
    ``relevant``   for each of ``answer.hits`` whether it is relevant; None where nothing was searched
    ``in_index``   how many passages of the index are relevant
    ``place``      where the answer stands in the articles
    ``read``       so many of the first hits were read
    ``wrongly_rewritten``  whether the searched form of a follow-up lost it; looked into for misses only
    ``leg_ranks``  the best rank of a relevant passage in each leg by itself, None beyond ``LEG_DEPTH``;
                   looked into only where none came to be read
    """

    question: Question
    answer: Answer
    candidate: Answer
    relevant: tuple[bool, ...] | None = None
    in_index: int = 0
    place: Place = "passage"
    read: int = TOP_K
    wrongly_rewritten: bool = False
    leg_ranks: Mapping[str, int | None] | None = None

    @property
    def answerable(self) -> bool:
        """Whether the labels know an answer."""
        return bool(self.question.references)

    @property
    def exact(self) -> float | None:
        """EM of the answer; None for a question without one."""
        return exact_match(self.answer.text, self.question.answers)

    @property
    def f1(self) -> float | None:
        """F1 of the answer; None for a question without one."""
        return f1(self.answer.text, self.question.answers)

    @property
    def character_f1(self) -> float | None:
        """F1 of the answer by its folded characters; None for a question without one."""
        return character_f1(self.answer.text, self.question.answers)

    @property
    def list_precision(self) -> float | None:
        """How much of what is listed is wanted; None for a question of another type than ``LIST``."""
        return list_precision(*self._listed) if self.question.type == LIST else None

    @property
    def list_recall(self) -> float | None:
        """How much of what is wanted is listed; None for a question of another type than ``LIST``."""
        return list_recall(*self._listed) if self.question.type == LIST else None

    @property
    def _listed(self) -> tuple[list[str], tuple[str, ...]]:
        return [citation.quote for citation in self.answer.citations], self.question.answers

    @property
    def sentence_hit(self) -> float | None:
        """1.0 if the sentence that the answer stands in holds a reference; None without references."""
        return _sentence_hit(self.answer, self.question.answers)

    @property
    def candidate_hit(self) -> bool:
        """Whether the sentence that a threshold of 0 would have cited holds a reference."""
        return bool(_sentence_hit(self.candidate, self.question.answers))

    @property
    def right(self) -> bool:
        """Whether the answer, were there no threshold, has an F1 of at least ``RIGHT``.

        Never for a question that nothing answers: whatever would be said is wrong.
        """
        return (f1(self.candidate.text, self.question.answers) or 0.0) >= RIGHT

    @property
    def rank(self) -> int | None:
        """1-based rank of the first relevant passage, None if none was retrieved."""
        return None if self.relevant is None else first_rank(self.relevant)

    def ranking(self, measure: RankMeasure) -> float | None:
        """A measure of the ranking; None for a question without an answer, or where nothing was searched."""
        if not self.answerable or self.relevant is None:
            return None
        return measure.of(self.relevant, self.in_index)

    @property
    def citations_valid(self) -> float | None:
        """The share of the citations that lead back to their words; None where nothing is cited."""
        return share([_valid(citation) for citation in self.answer.citations])

    @property
    def facts(self) -> Facts:
        """What the cause of a miss is decided from. Where nothing is searched, what is given ranks first."""
        return Facts(
            answerable=self.answerable,
            abstained=self.answer.abstained,
            right=self.right,
            place=self.place,
            wrongly_rewritten=self.wrongly_rewritten,
            rank=1 if self.relevant is None else self.rank,
            read=self.read,
            pointed=self._pointed(),
        )

    @property
    def cause(self) -> Cause | None:
        """The stage that lost the question, the earliest that did; None if it was not missed.

        Missed: answered where nothing answers, refused, or answered with an F1 below ``RIGHT``.
        """
        return causes.cause(self.facts)

    @property
    def leg(self) -> Legs | None:
        """Which leg would have had a relevant passage read; None where one was, or none is in the index."""
        return None if self.leg_ranks is None else causes.legs(self.leg_ranks, self.read)

    def _pointed(self) -> Pointed:
        if self.candidate.abstained:
            return "nothing"
        if self.relevant is None:
            return "relevant"
        cited, read = self.candidate.citations[0], self.answer.hits[: self.read]
        flags = zip(read, self.relevant[: self.read], strict=True)
        inside = any(relevant and _holds_citation(hit.passage, cited) for hit, relevant in flags)
        return "relevant" if inside else "elsewhere"

    def to_dict(self) -> dict[str, Any]:
        """One of the ``questions`` of the public JSON."""
        return {
            "id": self.question.id,
            "question": self.question.question,
            "searched": self.answer.searched,
            "type": self.question.type,
            "history": list(self.question.history),
            "answerable": self.answerable,
            "answers": list(self.question.answers),
            "sources": list(self.question.sources),
            "answer": self.answer.text,
            "abstained": self.answer.abstained,
            "confidence": self.answer.confidence,
            "EM": self.exact,
            "F1": self.f1,
            "character_F1": self.character_f1,
            "sentence_hit": self.sentence_hit,
            "list_precision": self.list_precision,
            "list_recall": self.list_recall,
            "right": self.right,
            "citations_valid": self.citations_valid,
            "rank": self.rank,
            NDCG.name: self.ranking(NDCG),
            "cause": self.cause,
            "leg": self.leg,
            "leg_ranks": None if self.leg_ranks is None else dict(self.leg_ranks),
            "citations": [citation.to_dict() for citation in self.answer.citations],
        }


def _sentence_hit(answer: Answer, references: Sequence[str]) -> float | None:
    return sentence_hit(None if answer.abstained else answer.citations[0].sentence, references)


def _holds_citation(passage: Passage, citation: Citation) -> bool:
    return passage.article.id == citation.article.id and passage.span.covers(citation.span)


def _valid(citation: Citation) -> bool:
    """Whether the public JSON of a citation leads back to its words, by characters and by bytes."""
    shown, article = citation.to_dict(), citation.article
    quote: str = shown["quote"]
    if article.text[shown["start"] : shown["end"]] != quote:
        return False
    if shown["byte_start"] is None:
        return True
    raw = bytes(article.bom) + article.text.encode(article.encoding)
    quoted = raw[shown["byte_start"] : shown["byte_end"]]
    return quoted.decode(article.encoding, errors="replace") == quote
