"""A labelled question set run through the system, and what came of it as numbers.

Each question is asked as a user would ask it. One that is refused is asked again with a threshold of
0, to learn what the system would have said: confidence is judged by that candidate, so ``AUROC``,
``AURC`` and ``ECE`` do not depend on the threshold, and a refusal that cost a right answer can be
told from one that had nothing to lose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol

from qa import __version__
from qa.errors import InputError
from qa.labels import LabelSet, Question, paragraph_article
from qa.metrics import (
    RANKING,
    RIGHT,
    aurc,
    auroc,
    calibration_error,
    exact_match,
    f1,
    first_rank,
    mean,
    percentile,
    risk_coverage,
    share,
)
from qa.relevance import Relevance, key, note
from qa.types import Answer, Citation, Passage, Span

__all__ = [
    "TOP_K",
    "Answerer",
    "Cause",
    "Outcome",
    "PassageAnswerer",
    "Run",
    "evaluate",
    "evaluate_gold",
]

TOP_K = 10
"""How many ranked passages are asked for: as many as MRR@10 and nDCG@10 look at."""

Progress = Callable[[int, int], None]
Cause = Literal[
    "answered_when_none",  # nothing answers it, and it was answered
    "abstained",  # it would have been right, or had no candidate, and was refused
    "not_indexed",  # no passage of the index is relevant
    "not_retrieved",  # none of the relevant passages was among the hits
    "ranked_too_low",  # the answer came from a passage ranked above the first relevant one
    "wrong_passage",  # the answer came from one that was not, although a relevant one ranked higher
    "wrong_span",  # the answer came from a relevant passage, but it is the wrong words
]


class Answerer(Protocol):
    """What a run needs of the ``Assistant``."""

    @property
    def threshold(self) -> float:
        """The confidence below which it abstains, unless told otherwise."""
        ...

    @property
    def index_info(self) -> Mapping[str, str]:
        """``fingerprint``, ``encoder`` and ``reader`` of the open index."""
        ...

    def ask(
        self,
        question: str,
        history: Sequence[str] = (),
        *,
        top_k: int | None = None,
        threshold: float | None = None,
    ) -> Answer:
        """The answer, with the ``top_k`` best passages in ``hits``."""
        ...

    def passages(self) -> Iterable[Passage]:
        """Every passage of the index, by row."""
        ...


class PassageAnswerer(Protocol):
    """``Assistant.read_passages``, or anything that answers from the passages it is given."""

    def __call__(
        self, question: str, passages: Sequence[Passage], *, threshold: float | None = None
    ) -> Answer:
        """The answer; abstains below ``threshold``."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question.

    ``answer``     what the user would see
    ``candidate``  what a threshold of 0 would have shown
    ``relevant``   for each of ``answer.hits`` whether it is relevant; None where nothing was searched
    ``in_index``   how many passages of the index are relevant
    """

    question: Question
    answer: Answer
    candidate: Answer
    relevant: tuple[bool, ...] | None = None
    in_index: int = 0

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
    def right(self) -> bool:
        """Whether the answer, were there no threshold, has an F1 of at least ``RIGHT``.

        Never for a question that nothing answers: whatever would be said is wrong.
        """
        return (f1(self.candidate.text, self.question.answers) or 0.0) >= RIGHT

    @property
    def rank(self) -> int | None:
        """1-based rank of the first relevant passage, None if none was retrieved."""
        return None if self.relevant is None else first_rank(self.relevant)

    @property
    def cause(self) -> Cause | None:
        """The stage that lost the question, the earliest that did; None if it was not missed.

        Missed: answered where nothing answers, refused, or answered with an F1 below ``RIGHT``.
        """
        if not self.answerable:
            return None if self.answer.abstained else "answered_when_none"
        if self.right:
            return "abstained" if self.answer.abstained else None
        if self.relevant is not None and self.rank is None:
            return "not_retrieved" if self.in_index else "not_indexed"
        return "abstained" if self.candidate.abstained else self._misread()

    def _misread(self) -> Cause:
        if self.relevant is None or self.rank is None:
            return "wrong_span"
        cited = self.candidate.citations[0]
        holding = [_holds_citation(hit.passage, cited) for hit in self.answer.hits]
        if any(held and relevant for held, relevant in zip(holding, self.relevant, strict=True)):
            return "wrong_span"
        chosen = first_rank(holding)
        return "ranked_too_low" if chosen is not None and chosen < self.rank else "wrong_passage"

    def to_dict(self) -> dict[str, Any]:
        """One of the ``questions`` of the public JSON."""
        return {
            "id": self.question.id,
            "question": self.question.question,
            "searched": self.answer.searched,
            "type": self.question.type,
            "answers": list(self.question.answers),
            "answer": self.answer.text,
            "abstained": self.answer.abstained,
            "confidence": self.answer.confidence,
            "EM": self.exact,
            "F1": self.f1,
            "rank": self.rank,
            "cause": self.cause,
            "citations": [citation.to_dict() for citation in self.answer.citations],
        }


@dataclass(frozen=True, slots=True)
class Run:
    """All outcomes of one label file, in its order. ``about``: the ``run`` object of the public JSON."""

    about: Mapping[str, Any]
    outcomes: tuple[Outcome, ...]

    def curve(self) -> list[tuple[float, float]]:
        """``(coverage, risk)`` over all questions by falling confidence; a risk is a wrong candidate."""
        return risk_coverage(*_confidence_and_error(self.outcomes))

    def to_dict(self) -> dict[str, Any]:
        """The public JSON; ``by_type`` covers the questions that state a type.

        Only ``summary.latency_ms`` differs between two runs of the same things.
        """
        types = sorted(
            {outcome.question.type for outcome in self.outcomes if outcome.question.type is not None}
        )
        run: dict[str, Any] = {
            "run": dict(self.about),
            "summary": _summary(self.outcomes),
            "by_type": {
                kind: _scores([outcome for outcome in self.outcomes if outcome.question.type == kind])
                for kind in types
            },
            "questions": [outcome.to_dict() for outcome in self.outcomes],
        }
        return {key: _rounded(value) for key, value in run.items()}


def evaluate(
    labels: LabelSet,
    assistant: Answerer,
    *,
    threshold: float | None = None,
    on_progress: Progress | None = None,
) -> Run:
    """Asks every question of ``labels`` and judges the ranking, the answer and the refusal.

    ``threshold``    None: the assistant's own
    ``on_progress``  called with the questions done and their number, after each
    """
    threshold = assistant.threshold if threshold is None else threshold
    relevance = Relevance(assistant.passages())

    def outcome(question: Question) -> Outcome:
        ask = partial(assistant.ask, question.question, question.history, top_k=TOP_K)
        answer, candidate = _asked(question, threshold, ask)
        relevant = relevance.passages(question)
        flags = tuple(key(hit.passage) in relevant for hit in answer.hits)
        return Outcome(question, answer, candidate, flags, len(relevant))

    info = assistant.index_info
    about = _about(labels, info.get("fingerprint"), info, threshold) | {
        "gold_passage": False,
        "relevance": note(labels.questions),
    }
    return Run(about, _each(labels.questions, outcome, on_progress))


def evaluate_gold(
    labels: LabelSet,
    read_passages: PassageAnswerer,
    *,
    reader: str,
    threshold: float = 0.0,
    on_progress: Progress | None = None,
) -> Run:
    """Gives the reader the labelled paragraph of every question: what it can do without a search.

    ``reader`` is the name to report; the history of a question is left aside.

    Raises InputError if a question has no labelled paragraph.
    """

    def outcome(question: Question) -> Outcome:
        read = partial(read_passages, question.question, [_gold(labels.name, question)])
        return Outcome(question, *_asked(question, threshold, read))

    about = _about(labels, None, {"reader": reader}, threshold) | {"gold_passage": True, "relevance": None}
    return Run(about, _each(labels.questions, outcome, on_progress))


def _each(
    questions: Sequence[Question], outcome: Callable[[Question], Outcome], on_progress: Progress | None
) -> tuple[Outcome, ...]:
    outcomes = []
    for question in questions:
        outcomes.append(outcome(question))
        if on_progress is not None:
            on_progress(len(outcomes), len(questions))
    return tuple(outcomes)


class _Ask(Protocol):
    def __call__(self, *, threshold: float) -> Answer: ...


def _asked(question: Question, threshold: float, ask: _Ask) -> tuple[Answer, Answer]:
    """The answer at ``threshold`` and at 0.

    Public sets have a few questions that cannot be asked (empty, only marks): those count as left
    unanswered, and the run goes on.
    """
    try:
        answer = ask(threshold=threshold)
    except InputError:
        answer = Answer(question.question, question.question)
        return answer, answer
    return answer, ask(threshold=0.0) if answer.abstained and threshold > 0 else answer


def _gold(name: str, question: Question) -> Passage:
    if question.paragraph is None:
        raise InputError(
            f"{name}: question {question.id} has no labelled paragraph to read; run it without --gold-passage"
        )
    article = paragraph_article(name, question.paragraph)
    return Passage(article, Span(0, len(article.text)))


def _about(
    labels: LabelSet, index: str | None, models: Mapping[str, str], threshold: float
) -> dict[str, Any]:
    return {
        "labels": labels.name,
        "labels_sha256": labels.sha256,
        "index": index,
        "versions": {"qa": __version__},
        "models": {"encoder": models.get("encoder"), "reader": models.get("reader")},
        "threshold": threshold,
        "seed": 0,
    }


def _holds_citation(passage: Passage, citation: Citation) -> bool:
    return passage.article.id == citation.article.id and passage.span.covers(citation.span)


# ---- summary


def _summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Means over the questions that have an answer; ``n`` counts all questions."""
    searched = [outcome for outcome in outcomes if outcome.answerable and outcome.relevant is not None]
    return {
        **_scores(outcomes),
        **{
            measure.name: mean([measure.of(outcome.relevant or (), outcome.in_index) for outcome in searched])
            for measure in RANKING
        },
        "citations_valid": share(
            [_valid(citation) for outcome in outcomes for citation in outcome.answer.citations]
        ),
        "abstention": _abstention(outcomes),
        "latency_ms": _latency([outcome.answer for outcome in outcomes]),
    }


def _scores(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "n": len(outcomes),
        "EM": mean([outcome.exact for outcome in outcomes if outcome.exact is not None]),
        "F1": mean([outcome.f1 for outcome in outcomes if outcome.f1 is not None]),
    }


def _abstention(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """How well the system knows what it does not know.

    ``n``       questions that nothing answers
    ``AUROC``   how well confidence tells the questions with an answer from those without
    ``AURC``    over all questions by falling confidence, the mean share of wrong candidates; one is
                right only if the question has an answer and its F1 is at least ``RIGHT``
    ``ECE``     the gap between confidence and the share of right candidates, in ten bins
    """
    confidences, errors = _confidence_and_error(outcomes)
    return {
        "n": sum(not outcome.answerable for outcome in outcomes),
        "AUROC": auroc(confidences, [outcome.answerable for outcome in outcomes]),
        "AURC": aurc(confidences, errors),
        "ECE": calibration_error(confidences, [not error for error in errors]),
        "answered_when_none": share(
            [not outcome.answer.abstained for outcome in outcomes if not outcome.answerable]
        ),
        "refused_when_some": share([outcome.answer.abstained for outcome in outcomes if outcome.answerable]),
    }


def _confidence_and_error(outcomes: Sequence[Outcome]) -> tuple[list[float], list[bool]]:
    return [outcome.answer.confidence for outcome in outcomes], [not outcome.right for outcome in outcomes]


def _latency(answers: Iterable[Answer]) -> dict[str, float | None]:
    """Milliseconds of the questions as they were asked, without the second asking of a refused one."""
    times = [answer.timings_ms["total"] for answer in answers if "total" in answer.timings_ms]
    return {"p50": percentile(times, 50), "p95": percentile(times, 95)}


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


def _rounded(value: Any) -> Any:
    """The same JSON with six digits after the point, so that a last bit cannot differ by machine."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value
