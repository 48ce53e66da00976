"""From a reader's outputs to log-odds of being right: candidates as rows of numbers, and the fit.

Nothing here knows a model or a file: ``calibrate_reader`` asks and writes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qa.metrics import RIGHT, aurc, auroc, calibration_error, mean, risk_coverage
from qa.types import Passage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = [
    "FEATURES",
    "Calibration",
    "Candidates",
    "Case",
    "Judged",
    "case_weights",
    "errors_of_answered",
    "fit",
    "held_out",
    "judged",
    "lowest_threshold",
]

FEATURES = ("relevance", "logit", "share", "rank")
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Case:
    """A question with the passages that are read for it, best first.

    ``kind``      the set it is of
    ``group``     what cross-validation keeps together: the questions on one paragraph
    ``answers``   empty where the passages do not answer
    ``relevant``  for each passage whether it is the one to find; empty where that is not judged
    """

    kind: str
    group: str
    question: str
    answers: tuple[str, ...]
    passages: tuple[Passage, ...]
    relevant: tuple[bool, ...] = ()

    @property
    def fold(self) -> int:
        """Which part of the cross-validation it is tested in."""
        return int(hashlib.sha1(self.group.encode()).hexdigest(), 16) % FOLDS


@dataclass(frozen=True, slots=True)
class Candidates:
    """Every span that the reader pointed at, one row each, in the order of the cases and their passages.

    ``features``   float ``(rows, 4)``, columns ``FEATURES``; ``rank`` is 1 / rank of the passage
    ``case``       int ``(rows,)``, which case, ascending
    ``f1``, ``exact``  float ``(rows,)``, 0 where nothing answers
    ``held``       bool ``(rows,)``, whether the sentence that would be cited holds an answer
    ``relevant``   bool ``(rows,)``, whether the passage is the one to find
    """

    features: Floats
    case: Rows
    f1: Floats
    exact: Floats
    held: Flags
    relevant: Flags

    @property
    def right(self) -> Flags:
        """Whether a candidate counts as right."""
        found: Flags = self.f1 >= RIGHT
        return found

    def of(self, chosen: Any) -> Candidates:
        """The rows that ``chosen`` picks."""
        arrays = (self.features, self.case, self.f1, self.exact, self.held, self.relevant)
        return Candidates(*(array[chosen] for array in arrays))

    def first(self, passages: int) -> Candidates:
        """Those of the first ``passages`` passages of each case."""
        return self.of(self.features[:, FEATURES.index("rank")] > 1 / (passages + 0.5))

    def best(self, scores: Floats) -> Rows:
        """Of each case with candidates the row that scores highest, the first among equals; by case."""
        order = np.lexsort((np.arange(len(scores)), -scores, self.case))
        leads = np.ones(len(order), dtype=bool)
        leads[1:] = self.case[order][1:] != self.case[order][:-1]
        return order[leads]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Log-odds of being right: ``bias`` plus the weighted sum of ``FEATURES``."""

    bias: float
    weights: tuple[float, ...]

    def scores(self, features: Floats) -> Floats:
        """Float ``(rows,)``."""
        found: Floats = self.bias + features @ np.array(self.weights)
        return found


def fit(candidates: Candidates, weights: Floats, columns: Sequence[str] = FEATURES) -> Calibration:
    """A logistic regression over all candidates, then Platt's (1999) over the best one of each case.

    The first learns whether the cited sentence holds an answer, the second whether the quote is right: what
    is about where to look, and whether to answer at all, is not blurred by how an annotator would have cut
    the quote. Cross-validated on the tuning sets, AUROC of refusals 0.754 → 0.802 (shipped), 0.728 → 0.775
    (news), 0.922 → 0.933 (given) against learning the right quote in both, with the same EM and F1.

    ``weights``  float, one for each case, shared by its candidates
    ``columns``  the features that may have a weight
    """
    used = [FEATURES.index(name) for name in columns]
    shared = weights[candidates.case] / np.bincount(candidates.case)[candidates.case]
    chosen = np.zeros(len(FEATURES))
    _, chosen[used] = _logistic(candidates.features[:, used], candidates.held, shared)
    summed = candidates.features @ chosen
    best = candidates.best(summed)
    bias, slope = _logistic(summed[best, None], candidates.right[best], weights[candidates.case[best]])
    return Calibration(bias, tuple((slope[0] * chosen).tolist()))


def _logistic(features: Floats, right: Flags, weights: Floats) -> tuple[float, Floats]:
    """Intercept and weights; columns are scaled inside, so that slight regularisation treats all alike."""
    from sklearn.linear_model import LogisticRegression

    scale = features.std(axis=0)
    scale[scale == 0] = 1.0
    model = LogisticRegression(C=100.0, max_iter=1000)
    model.fit(features / scale, right, sample_weight=weights / weights.mean())
    return float(model.intercept_[0]), model.coef_[0] / scale


def held_out(
    candidates: Candidates,
    folds: Rows,
    learn: Callable[[Candidates], Callable[[Candidates], Floats]],
) -> Floats:
    """Cross-validated scores, float ``(rows,)``: each fold by what ``learn`` made of the others.

    ``folds``  int, one for each case
    """
    scores = np.zeros(len(candidates.case))
    for fold in range(FOLDS):
        inside = folds[candidates.case] == fold
        if inside.any():
            scores[inside] = learn(candidates.of(~inside))(candidates.of(inside))
    return scores


@dataclass(frozen=True, slots=True)
class Judged:
    """The best candidate of every case; arrays have one entry a case.

    ``confidence``  0 to 1, 0 for a case without candidates
    ``answerable``  whether the passages answer
    ``held``        whether the cited sentence holds an answer
    """

    confidence: Floats
    right: Flags
    answerable: Flags
    f1: Floats
    exact: Floats
    held: Flags
    relevant: Flags

    def of(self, chosen: Any) -> Judged:
        """The cases that ``chosen`` picks."""
        arrays = (self.confidence, self.right, self.answerable, self.f1, self.exact, self.held, self.relevant)
        return Judged(*(array[chosen] for array in arrays))

    def figures(self) -> dict[str, float]:
        """Reading over the answerable cases, refusing over all of them; NaN where undefined."""
        asked, confidence, errors = self.of(self.answerable), self.confidence.tolist(), ~self.right
        covered = [at for at, risk in risk_coverage(confidence, errors.tolist()) if risk <= 0.1]
        found = {
            "EM": mean(asked.exact.tolist()),
            "F1": mean(asked.f1.tolist()),
            "Recall@1": mean(asked.relevant.tolist()),
            "AUROC": auroc(confidence, self.answerable.tolist()),
            "AURC": aurc(confidence, errors.tolist()),
            "ECE": calibration_error(confidence, self.right.tolist()),
            "answered at 10 %": covered[-1] if covered else 0.0,
        }
        return {name: float("nan") if value is None else float(value) for name, value in found.items()}


def judged(cases: Sequence[Case], candidates: Candidates, scores: Floats) -> Judged:
    """What would be said to every case: its candidate with the highest of ``scores``, which are log-odds."""
    best = candidates.best(scores)
    at = candidates.case[best]
    confidence, f1, exact = (np.zeros(len(cases)) for _ in range(3))
    held, relevant = np.zeros(len(cases), dtype=bool), np.zeros(len(cases), dtype=bool)
    confidence[at] = 1 / (1 + np.exp(-np.clip(scores[best], -700, 700)))
    f1[at], exact[at] = candidates.f1[best], candidates.exact[best]
    held[at], relevant[at] = candidates.held[best], candidates.relevant[best]
    answerable = np.array([bool(case.answers) for case in cases])
    return Judged(confidence, f1 >= RIGHT, answerable, f1, exact, held, relevant)


def case_weights(kinds: Sequence[str], weights: Mapping[str, float]) -> Floats:
    """One weight a case, so that the cases of each kind weigh ``weights[kind]`` together."""
    count = {kind: kinds.count(kind) for kind in set(kinds)}
    return np.array([weights[kind] / count[kind] for kind in kinds])


def errors_of_answered(said: Judged, weights: Floats, threshold: float) -> tuple[float, float, float]:
    """What ``threshold`` does, by weight: the share of cases answered, and of those

    the share astray, that is whose cited sentence holds no answer, and the share that is not right.
    """
    answered = said.confidence >= threshold
    total = weights[answered].sum()
    astray, wrong = (weights[answered & ~good].sum() for good in (said.held, said.right))
    shares = (float(astray / total), float(wrong / total)) if total else (0.0, 0.0)
    return float(total / weights.sum()), *shares


def lowest_threshold(said: Judged, weights: Floats, error: float) -> float:
    """The lowest whole hundredth at which at most ``error`` of what is answered goes astray."""
    for hundredth in range(101):
        if errors_of_answered(said, weights, hundredth / 100)[1] <= error:
            return hundredth / 100
    return 1.0
