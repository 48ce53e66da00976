"""A labelled question set run through the system, and what came of it as numbers.

Each question is asked as a user would ask it. One that is refused is asked again with a threshold of
0, to learn what the system would have said: confidence is judged by that candidate, so ``AUROC``,
``AURC`` and ``ECE`` do not depend on the threshold, and a refusal that cost a right answer can be
told from one that had nothing to lose.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

from qa import __version__
from qa.errors import InputError
from qa.labels import LabelSet, Question, Reference, paragraph_article
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
    "fail_if",
    "load_run",
    "table",
    "to_json",
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
    relevance = _Relevance(assistant.passages())

    def outcome(question: Question) -> Outcome:
        ask = partial(assistant.ask, question.question, question.history, top_k=TOP_K)
        answer, candidate = _asked(question, threshold, ask)
        relevant = relevance.passages(question)
        flags = tuple(_key(hit.passage) in relevant for hit in answer.hits)
        return Outcome(question, answer, candidate, flags, len(relevant))

    info = assistant.index_info
    about = _about(labels, info.get("fingerprint"), info, threshold) | {
        "gold_passage": False,
        "relevance": _relevance_note(labels.questions),
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


# ---- relevance


_Key = tuple[str, int, int]


def _key(passage: Passage) -> _Key:
    """What makes it the same passage, whatever run of the program made the value."""
    return passage.article.id, passage.span.start, passage.span.end


def _holds_citation(passage: Passage, citation: Citation) -> bool:
    return passage.article.id == citation.article.id and passage.span.covers(citation.span)


class _Relevance:
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

    def passages(self, question: Question) -> frozenset[_Key]:
        """The relevant passages; none for a question that nothing answers."""
        return frozenset(
            _key(passage)
            for group, offset in self._candidates(question)
            for passage in group
            if any(_holds(passage, reference, offset) for reference in question.references)
        )

    def _candidates(self, question: Question) -> Iterator[tuple[list[Passage], int | None]]:
        """Passages by article, each with where the labelled paragraph begins in it."""
        if question.sources:
            for group in self._articles.values():
                if _matches(group[0].article.source, question.sources):
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


def _matches(source: str, wanted: Iterable[str]) -> bool:
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


def _relevance_note(questions: Sequence[Question]) -> str:
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


# ---- runs as JSON


def to_json(run: Mapping[str, Any]) -> str:
    """A run's JSON as text, the same bytes for the same run, ending in a newline."""
    return json.dumps(run, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def load_run(path: Path) -> dict[str, Any]:
    """A run that was saved earlier, to be a baseline. Raises InputError if the file is not one."""
    try:
        run = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read as a run of qa eval ({error}); give its --json file"
        ) from error
    if not isinstance(run, dict) or not isinstance(run.get("summary"), dict):
        raise InputError(f"{path}: is not a run of qa eval; give a file that --json wrote")
    return run


# ---- gates


_CONDITION = re.compile(r"\s*([^<>\s]+)\s*([<>])\s*([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*")


def fail_if(run: Mapping[str, Any], expression: str, baseline: Mapping[str, Any] | None = None) -> bool:
    """Whether a run fails ``NAME<X`` or ``NAME>X``.

    ``NAME`` is a measure of the summary, dotted where it lies deeper (``abstention.AUROC``,
    ``by_type.date.F1``). An unsigned ``X`` is compared with the value, a signed one with the value
    less the baseline's (to six digits, as runs are rounded).

    Raises InputError for an expression that cannot be read, an unknown or undefined measure, an X
    beyond 1 for a share, and a signed X without a baseline.
    """
    match = _CONDITION.fullmatch(expression)
    if match is None:
        raise InputError(
            f'--fail-if {expression}: write NAME<X or NAME>X, for example "F1<0.8" or "F1<-0.005"'
        )
    name, order, sign, digits = match.groups()
    limit = float(sign + digits)
    value = _measure(run, name, "this run")
    if abs(limit) > 1 and not name.startswith("latency_ms.") and name.split(".")[-1] != "n":
        raise InputError(f"--fail-if {expression}: {name} lies between 0 and 1")
    if sign:
        value = _difference(value, name, expression, baseline)
    return value < limit if order == "<" else value > limit


def _difference(value: float, name: str, expression: str, baseline: Mapping[str, Any] | None) -> float:
    if baseline is None:
        raise InputError(f"--fail-if {expression}: a signed value is a difference; give --baseline RUN.json")
    return round(value - _measure(baseline, name, "the baseline"), 6)


def _measure(run: Mapping[str, Any], name: str, whose: str) -> float:
    """A number of a run by its dotted name."""
    found: Any = {**run, **run["summary"]}
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            known = ", ".join(measure for measure, _ in _flat(run["summary"]))
            raise InputError(f"--fail-if: {whose} has no measure {name}; it has {known}")
        found = found[part]
    if found is None:
        raise InputError(f"--fail-if: {name} is undefined in {whose}: it has no questions of the kind")
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise InputError(f"--fail-if: {name} is not a number in {whose}")
    return found


def _flat(summary: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Measures by their dotted names."""
    for name, value in summary.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


# ---- the terminal


_CHINESE = {
    "n": "题数",
    "EM": "完全一致",
    "F1": "字面重合",
    "Recall@1": "首位命中",
    "Recall@5": "前五命中",
    "MRR@10": "倒数排名",
    "nDCG@10": "排序质量",
    "citations_valid": "引文属实",
    "abstention.n": "无答案题数",
    "abstention.AUROC": "知否可答",
    "abstention.AURC": "风险面积",
    "abstention.ECE": "校准误差",
    "abstention.answered_when_none": "无答案却作答",
    "abstention.refused_when_some": "有答案却拒答",
    "latency_ms.p50": "中位耗时(毫秒)",
    "latency_ms.p95": "九五分位耗时(毫秒)",
    "answered_when_none": "无答案却作答",
    "abstained": "有答案却拒答",
    "not_indexed": "索引中没有",
    "not_retrieved": "没有检索到",
    "ranked_too_low": "排名靠后",
    "wrong_passage": "选错段落",
    "wrong_span": "选错词句",
}


def table(run: Mapping[str, Any]) -> str:
    """A run's summary, its types and the causes of its misses as a plain table, a line each."""
    measures = [(name, _CHINESE.get(name, ""), _shown(name, value)) for name, value in _flat(run["summary"])]
    types = [
        (kind, f"题数 {scores['n']}", f"EM {_shown('EM', scores['EM'])}  F1 {_shown('F1', scores['F1'])}")
        for kind, scores in run["by_type"].items()
    ]
    counts = Counter(row["cause"] for row in run["questions"] if row["cause"] is not None)
    causes = [(cause, _CHINESE.get(cause, ""), str(count)) for cause, count in sorted(counts.items())]
    sections = [("指标", measures), ("按类型", types), ("失误原因", causes)]
    head = f"{run['run']['labels']}  阈值 {run['run']['threshold']:g}"
    return "\n\n".join([head, *(_section(title, rows) for title, rows in sections if rows)])


def _section(title: str, rows: Sequence[tuple[str, str, str]]) -> str:
    """Rows with the Chinese name first, in columns."""
    first = max(_width(label) for _, label, _ in rows)
    second = max(_width(name) for name, _, _ in rows)
    lines = [f"  {_padded(label, first)}  {_padded(name, second)}  {value}" for name, label, value in rows]
    return "\n".join([title, *lines])


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    return f"{value:.1f}" if name.startswith("latency_ms.") else f"{value:.3f}"


def _width(text: str) -> int:
    """Columns on a terminal: a wide or full-width character takes two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
