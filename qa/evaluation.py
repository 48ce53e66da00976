"""A labelled question set run through the system, and what came of it as numbers.

Each question is asked as a user would ask it. One that is refused is asked again with a threshold of
0, to learn what the system would have said: confidence is judged by that candidate, so ``AUROC``,
``AURC`` and ``ECE`` do not depend on the threshold, and a refusal that cost a right answer can be
told from one that had nothing to lose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, get_args

from qa import __version__, causes
from qa.causes import Cause, Facts, Legs, Place, Pointed
from qa.errors import InputError
from qa.labels import LabelSet, Question, paragraph_article
from qa.metrics import (
    RANKING,
    RIGHT,
    aurc,
    auroc,
    calibration_error,
    character_f1,
    exact_match,
    f1,
    first_rank,
    list_precision,
    list_recall,
    mean,
    percentile,
    risk_coverage,
    sentence_hit,
    share,
)
from qa.relevance import Doubt, DoubtKind, Relevance, doubts, key, note
from qa.types import Answer, Article, Citation, Hit, Passage, Span

__all__ = [
    "LEG_DEPTH",
    "TOP_K",
    "Answerer",
    "Outcome",
    "PassageAnswerer",
    "Run",
    "evaluate",
    "evaluate_gold",
]

TOP_K = 50
"""How many ranked passages are asked for: what is not among them counts as not retrieved."""

LIST = "list"
"""The type of the questions that ask for several things."""

LEG_DEPTH = 1000
"""How deep each leg is looked into by itself where no relevant passage came to be read."""

Progress = Callable[[int, int], None]


class Answerer(Protocol):
    """What a run needs of the ``Assistant``."""

    @property
    def threshold(self) -> float:
        """The confidence below which it abstains, unless told otherwise."""
        ...

    @property
    def read(self) -> int:
        """How many of the best passages are read for an answer."""
        ...

    @property
    def index_info(self) -> Mapping[str, str | float]:
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

    def search(self, question: str, history: Sequence[str] = (), *, k: int = 10) -> Sequence[Hit]:
        """The ``k`` best passages, best first."""
        ...

    def leg_ranks(self, searched: str, rows: Collection[int], k: int) -> Mapping[str, int | None]:
        """The best rank of any of ``rows`` in ``bm25`` and ``dense`` by themselves; None beyond ``k``."""
        ...

    def passages(self) -> Iterable[Passage]:
        """Every passage of the index, by row."""
        ...

    def articles(self) -> Iterable[Article]:
        """Every article of the index, by row."""
        ...

    def refused(self) -> Iterable[str]:
        """The sources that were refused, whole or in part, when they were indexed."""
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
            "rank": self.rank,
            "cause": self.cause,
            "leg": self.leg,
            "leg_ranks": None if self.leg_ranks is None else dict(self.leg_ranks),
            "citations": [citation.to_dict() for citation in self.answer.citations],
        }


@dataclass(frozen=True, slots=True)
class Run:
    """All outcomes of one label file, in its order.

    ``about``   the ``run`` object of the public JSON
    ``doubts``  the labels that no answer from this index can be right by; the JSON only counts them
    """

    about: Mapping[str, Any]
    outcomes: tuple[Outcome, ...]
    doubts: tuple[Doubt, ...] = ()

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
            "run": {**self.about, "doubts": _counted(self.doubts)},
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
    relevance = Relevance(assistant.passages(), assistant.articles(), assistant.refused())
    evaluation = _Evaluation(assistant, relevance, threshold)
    info = assistant.index_info
    about = _about(labels, info.get("fingerprint"), info, threshold) | {
        "read": assistant.read,
        "leg": info.get("leg"),
        "gold_passage": False,
        "relevance": note(labels.questions),
    }
    outcomes = _each(labels.questions, evaluation.outcome, on_progress)
    return Run(about, outcomes, doubts(labels, relevance))


@dataclass(frozen=True, slots=True)
class _Evaluation:
    """One assistant that is asked, and what its index holds."""

    assistant: Answerer
    relevance: Relevance
    threshold: float

    def outcome(self, question: Question) -> Outcome:
        """What came of ``question``; where it was missed, what can be found out about that."""
        made = self._judged(question, question.question, question.history)
        if not made.facts.missed:
            return made
        made = replace(made, wrongly_rewritten=self._wrongly_rewritten(made))
        if made.cause not in ("not_retrieved", "ranked_too_low") or not made.answer.hits:
            return made
        rows = [passage.number for passage in self.relevance.relevant(question)]
        return replace(made, leg_ranks=self.assistant.leg_ranks(made.answer.searched, rows, LEG_DEPTH))

    def _judged(self, question: Question, words: str, history: Sequence[str]) -> Outcome:
        ask = partial(self.assistant.ask, words, history, top_k=TOP_K)
        answer, candidate = _asked(question, self.threshold, ask)
        relevant = self.relevance.passages(question)
        flags = tuple(key(hit.passage) in relevant for hit in answer.hits)
        place: Place = "passage" if relevant or not question.references else self.relevance.place(question)
        return Outcome(question, answer, candidate, flags, len(relevant), place, self.assistant.read)

    def _wrongly_rewritten(self, missed: Outcome) -> bool:
        """Whether a follow-up was lost because it was searched as another question than it is.

        It was, if no relevant passage was read, but one is among those that would be read for its
        ``standalone`` form; where the labels give none, for the earlier questions and itself in a row,
        which leave nothing out. Or if, asked in its ``standalone`` form, it is not missed.
        """
        question = missed.question
        if not question.history or question.standalone == missed.answer.searched:
            return False
        whole = question.standalone
        if whole is None:
            whole = " ".join((*question.history, question.question))
        try:
            if missed.rank is None or missed.rank > missed.read:
                relevant = self.relevance.passages(question)
                hits = self.assistant.search(whole, k=self.assistant.read)
                if any(key(hit.passage) in relevant for hit in hits):
                    return True
        except InputError:  # in a row they are too long to be asked
            return False
        return question.standalone is not None and not self._judged(question, whole, ()).facts.missed


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
        passage = _gold(labels.name, question)
        answer, candidate = _asked(question, threshold, partial(read_passages, question.question, [passage]))
        there = not question.references or any(text in passage.text for text in question.answers)
        return Outcome(question, answer, candidate, place="passage" if there else "nowhere")

    about = _about(labels, None, {"reader": reader}, threshold) | {
        "read": None,
        "gold_passage": True,
        "relevance": None,
    }
    return Run(about, _each(labels.questions, outcome, on_progress), doubts(labels))


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
    labels: LabelSet, index: str | float | None, models: Mapping[str, str | float], threshold: float
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


def _counted(found: Sequence[Doubt]) -> dict[str, int]:
    counts = Counter(doubt.kind for doubt in found)
    return {kind: counts[kind] for kind in get_args(DoubtKind)}


def _sentence_hit(answer: Answer, references: Sequence[str]) -> float | None:
    return sentence_hit(None if answer.abstained else answer.citations[0].sentence, references)


def _holds_citation(passage: Passage, citation: Citation) -> bool:
    return passage.article.id == citation.article.id and passage.span.covers(citation.span)


# ---- summary


def _summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Means over the questions that have an answer; ``n`` counts all questions."""
    searched = [outcome for outcome in outcomes if outcome.answerable and outcome.relevant is not None]
    return {
        **_scores(outcomes),
        "character_F1": _mean(outcome.character_f1 for outcome in outcomes),
        "sentence_hit": _mean(outcome.sentence_hit for outcome in outcomes),
        **{
            measure.name: mean([measure.of(outcome.relevant or (), outcome.in_index) for outcome in searched])
            for measure in RANKING
        },
        "list_precision": _mean(outcome.list_precision for outcome in outcomes),
        "list_recall": _mean(outcome.list_recall for outcome in outcomes),
        "citations_valid": share(
            [_valid(citation) for outcome in outcomes for citation in outcome.answer.citations]
        ),
        "abstention": _abstention(outcomes),
        "latency_ms": _latency([outcome.answer for outcome in outcomes]),
    }


def _scores(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "n": len(outcomes),
        "EM": _mean(outcome.exact for outcome in outcomes),
        "F1": _mean(outcome.f1 for outcome in outcomes),
    }


def _mean(values: Iterable[float | None]) -> float | None:
    return mean([value for value in values if value is not None])


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
