"""Each question asked as a user would ask it.

One that is refused is asked again with a threshold of 0, to learn what the system would have said; give
the assistant a :class:`~qa.evaluation.rereading.Rereading` reader, and that is not read again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from qa import __version__
from qa.causes import Place
from qa.errors import InputError
from qa.evaluation.outcome import TOP_K, Outcome
from qa.evaluation.run import Run
from qa.labels import LabelSet, Question, paragraph_article
from qa.relevance import Key, Relevance, doubts, key, note
from qa.types import Answer, Article, Hit, Passage, Span

__all__ = ["LEG_DEPTH", "Answerer", "PassageAnswerer", "evaluate", "evaluate_gold", "unanswered"]

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
class _Sought:
    """A question with the passages of the index that are relevant, and where its answer stands."""

    question: Question
    passages: Mapping[Key, Passage]
    place: Place


@dataclass(frozen=True, slots=True)
class _Evaluation:
    """One assistant that is asked, and what its index holds."""

    assistant: Answerer
    relevance: Relevance
    threshold: float

    def outcome(self, question: Question) -> Outcome:
        """What came of ``question``; where it was missed, what can be found out about that."""
        sought = self._sought(question)
        made = self._judged(sought, question.question, question.history)
        if not made.facts.missed:
            return made
        made = replace(made, wrongly_rewritten=self._wrongly_rewritten(sought, made))
        if made.cause not in ("not_retrieved", "ranked_too_low") or not made.answer.hits:
            return made
        rows = [passage.number for passage in sought.passages.values()]
        return replace(made, leg_ranks=self.assistant.leg_ranks(made.answer.searched, rows, LEG_DEPTH))

    def _sought(self, question: Question) -> _Sought:
        relevant = {key(passage): passage for passage in self.relevance.relevant(question)}
        there = bool(relevant) or not question.references
        return _Sought(question, relevant, "passage" if there else self.relevance.place(question))

    def _judged(self, sought: _Sought, words: str, history: Sequence[str]) -> Outcome:
        ask = partial(self.assistant.ask, words, history, top_k=TOP_K)
        answer, candidate = _asked(sought.question, self.threshold, ask)
        flags = tuple(key(hit.passage) in sought.passages for hit in answer.hits)
        read = self.assistant.read
        return Outcome(sought.question, answer, candidate, flags, len(sought.passages), sought.place, read)

    def _wrongly_rewritten(self, sought: _Sought, missed: Outcome) -> bool:
        """Whether a follow-up was lost because it was searched as another question than it is.

        It was, if no relevant passage was read, but one is among those that would be read for its
        ``standalone`` form; where the labels give none, for the earlier questions and itself in a row,
        which leave nothing out. Or if, asked in its ``standalone`` form, it is not missed.
        """
        question = sought.question
        if not question.history or question.standalone == missed.answer.searched:
            return False
        whole = question.standalone
        if whole is None:
            whole = " ".join((*question.history, question.question))
        try:
            if missed.rank is None or missed.rank > missed.read:
                hits = self.assistant.search(whole, k=self.assistant.read)
                if any(key(hit.passage) in sought.passages for hit in hits):
                    return True
        except InputError:  # in a row they are too long to be asked
            return False
        return question.standalone is not None and not self._judged(sought, whole, ()).facts.missed


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


def unanswered(labels: LabelSet) -> Run:
    """A run in which nothing was asked: what measures there will be before there are any."""
    blank = [(question, Answer(question.question, question.question)) for question in labels.questions]
    return Run({}, tuple(Outcome(question, answer, answer) for question, answer in blank))


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
    """The answer at ``threshold`` and at 0; the same where it answers.

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
        "part": labels.part,
        "index": index,
        "versions": {"qa": __version__},
        "models": {"encoder": models.get("encoder"), "reader": models.get("reader")},
        "threshold": threshold,
        "seed": 0,
    }
