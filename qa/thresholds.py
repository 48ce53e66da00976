"""A threshold of a team's own: found on its labels, kept in its index.

The rule is the one by which the shipped reader's threshold was found: the lowest whole hundredth at which
no more than so large a share of the answers are errors. An error is an answer whose cited sentence does
not hold a labelled answer; any answer to a question that nothing answers is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qa.errors import InputError
from qa.index import keep_threshold
from qa.metrics import share
from qa.resampling import Interval, intervals, mean_of
from qa.settings import OwnThreshold

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qa.evaluation import Outcome, Run

__all__ = ["FEWEST", "OperatingPoint", "at_error", "require_enough", "set_threshold"]

FEWEST = 50
"""Of fewer questions an allowed error of one in twenty is a matter of two answers."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What a threshold does to the questions that it was found on. All but ``questions`` are 0 to 1.

    ``allowed``   the share of errors among the answers that was allowed
    ``error``     the share that it is
    ``answered``  the share of the questions that is answered
    ``interval``  of ``answered``, at this threshold, over other questions of the kind: the bootstrap's
    """

    threshold: float
    allowed: float
    error: float
    answered: float
    interval: Interval
    questions: int

    def line(self) -> str:
        """It in words, on one line."""
        within = f"{self.interval.low:.1%}–{self.interval.high:.1%}"
        return (
            f"门槛 threshold {self.threshold:.2f}：{self.questions} 题中回答 answers {self.answered:.1%} "
            f"({within})，其中错误 of them errors {self.error:.1%}，容许 allowed {self.allowed:.1%}"
        )


def require_enough(questions: int) -> None:
    """Raises InputError for fewer than ``FEWEST`` questions."""
    if questions < FEWEST:
        raise InputError(
            f"a threshold of one's own needs at least {FEWEST} labelled questions, here are {questions}; "
            "label more of them"
        )


def at_error(outcomes: Sequence[Outcome], allowed: float) -> OperatingPoint:
    """The lowest whole hundredth at which at most ``allowed`` (0 to 1) of what is answered is an error.

    Whatever threshold the outcomes were asked with, they are judged by what a threshold of 0 would have
    shown. Raises InputError for fewer than ``FEWEST`` questions, and where no threshold will do.
    """
    require_enough(len(outcomes))
    for hundredth in range(101):
        found = _at(hundredth / 100, outcomes, allowed)
        if found is not None:
            return found
    raise InputError(
        f"at no threshold are at most {allowed:.1%} of the answers errors; allow more of them, "
        "or see the causes of the misses for what to mend first"
    )


def _at(threshold: float, outcomes: Sequence[Outcome], allowed: float) -> OperatingPoint | None:
    """What ``threshold`` does; None if nothing is answered, or more than ``allowed`` of it is an error."""
    answered = [
        not outcome.candidate.abstained and outcome.answer.confidence >= threshold for outcome in outcomes
    ]
    error = share(
        [not outcome.candidate_hit for outcome, said in zip(outcomes, answered, strict=True) if said]
    )
    if error is None or error > allowed:
        return None
    said = [float(flag) for flag in answered]
    interval = intervals({"answered": mean_of(said)}, len(said))["answered"]
    assert interval is not None  # there are questions
    return OperatingPoint(threshold, allowed, error, sum(said) / len(said), interval, len(said))


def set_threshold(run: Run, allowed: float, folder: Path) -> OperatingPoint:
    """Find the threshold on ``run`` and keep it in the index at ``folder``, for the run's reader.

    Raises InputError as ``at_error`` does, and for a run that searched no index; IndexFolderError.
    """
    if run.about["gold_passage"]:
        raise InputError("a threshold of one's own is for an index; run it without --gold-passage")
    found = at_error(run.outcomes, allowed)
    reader, labels = str(run.about["models"]["reader"]), str(run.about["labels"])
    keep_threshold(folder, OwnThreshold(found.threshold, reader, allowed, labels, found.questions))
    return found
