"""All that came of a question set: means over its questions, and the public JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from qa.evaluation.outcome import Outcome
from qa.metrics import RANKING, aurc, auroc, calibration_error, mean, percentile, risk_coverage, share
from qa.relevance import Doubt, DoubtKind
from qa.types import Answer

__all__ = ["Run"]


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


def _counted(found: Sequence[Doubt]) -> dict[str, int]:
    counts = Counter(doubt.kind for doubt in found)
    return {kind: counts[kind] for kind in get_args(DoubtKind)}


# ---- summary


def _summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Means over the questions that a measure is defined for; ``n`` counts all questions."""
    return {
        **_scores(outcomes),
        "character_F1": _mean(outcome.character_f1 for outcome in outcomes),
        "sentence_hit": _mean(outcome.sentence_hit for outcome in outcomes),
        **{measure.name: _mean(outcome.ranking(measure) for outcome in outcomes) for measure in RANKING},
        "list_precision": _mean(outcome.list_precision for outcome in outcomes),
        "list_recall": _mean(outcome.list_recall for outcome in outcomes),
        "citations_valid": _mean(outcome.citations_valid for outcome in outcomes),
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


def _rounded(value: Any) -> Any:
    """The same JSON with six digits after the point, so that a last bit cannot differ by machine."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value
