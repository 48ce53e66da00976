"""How far a figure can be trusted: bootstrap intervals, and the difference of two runs.

The questions of a run are drawn again with replacement, as many as there are, and every measure is
taken of each draw; the middle 95 % of what comes out is the interval (percentile bootstrap, Efron and
Tibshirani 1993, chapter 13). Two runs over the same questions are measured on the same draws, so that
what makes a question hard for both does not count as noise (paired bootstrap, Koehn 2004).

A draw is kept as counts, how often each question was drawn, and a ``Statistic`` turns the counts of
many draws into a value each at once. Draws come from the raw stream of PCG64, which NumPy promises
not to change: the same questions give the same intervals everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Statistic = Callable[[Values], Values]
    """Counts ``(draws, questions)`` to the measure of each draw ``(draws,)``, NaN where it is undefined."""

__all__ = [
    "LEVEL",
    "RESAMPLES",
    "SEED",
    "Difference",
    "Interval",
    "aurc_of",
    "auroc_of",
    "calibration_error_of",
    "differences",
    "intervals",
    "mean_of",
    "observed",
]

RESAMPLES = 2000
LEVEL = 0.95
SEED = 0

_CELLS = 50_000  # counts kept at a time, 400 KB: what the measures read many times stays in the cache
_BILLION = 1e9


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the measure of another sample of such questions would lie, by ``LEVEL``."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A run's measure less the other's over the same questions.

    ``low``, ``high``  the interval of the difference
    ``p``              twice the share of draws on the other side of zero (zero is on both), at most 1:
                       how easily chance alone gives such a difference
    """

    value: float
    low: float
    high: float
    p: float


# ---- statistics


def mean_of(values: Sequence[float | None]) -> Statistic:
    """The mean over the questions drawn that have a value; None where the measure has none."""
    import numpy as np

    # In whole billionths every sum is exact, so that no order of adding changes a bit.
    parts = np.array([0.0 if value is None else round(value * _BILLION) for value in values])
    present = np.array([float(value is not None) for value in values])

    def mean(counts: Values) -> Values:
        return _divided(counts @ parts, (counts @ present) * _BILLION)

    return mean


def auroc_of(scores: Sequence[float], positive: Sequence[bool]) -> Statistic:
    """:func:`qa.metrics.auroc` of the questions drawn."""
    import numpy as np

    ties = _Ties.rising(scores)
    flags = np.array(positive, dtype=np.float64)

    def auroc(counts: Values) -> Values:
        positives, negatives = ties.sums(counts * flags), ties.sums(counts * (1 - flags))
        below = np.cumsum(negatives, axis=1) - negatives
        wins = (positives * (below + negatives / 2)).sum(axis=1)
        return _divided(wins, positives.sum(axis=1) * negatives.sum(axis=1))

    return auroc


def aurc_of(confidences: Sequence[float], errors: Sequence[bool]) -> Statistic:
    """:func:`qa.metrics.aurc` of the questions drawn."""
    import numpy as np

    ties = _Ties.falling(confidences)
    flags = np.array(errors, dtype=np.float64)

    def aurc(counts: Values) -> Values:
        # Question j of a tie of m with e errors, after c questions with E errors, has the risk
        # (E + j e/m) / (c + j) = e/m + (E - c e/m) / (c + j): their sum needs harmonic numbers only.
        sizes, wrong = ties.sums(counts), ties.sums(counts * flags)
        done = np.cumsum(sizes, axis=1)
        before, missed = done - sizes, np.cumsum(wrong, axis=1) - wrong
        rates = _divided(wrong, sizes, empty=0.0)
        harmonic = _harmonic(len(flags))
        steps = harmonic[done.astype(np.int64)] - harmonic[before.astype(np.int64)]
        return _divided((wrong + (missed - before * rates) * steps).sum(axis=1), counts.sum(axis=1))

    return aurc


def calibration_error_of(confidences: Sequence[float], right: Sequence[bool], bins: int = 10) -> Statistic:
    """:func:`qa.metrics.calibration_error` of the questions drawn."""
    import numpy as np

    ties = _Ties.falling(confidences)
    gaps = np.array(right, dtype=np.float64) - np.array(confidences, dtype=np.float64)

    def calibration_error(counts: Values) -> Values:
        sizes, gained = ties.sums(counts), ties.sums(counts * gaps)
        done, height = np.cumsum(sizes, axis=1), np.cumsum(gained, axis=1)
        slopes = _divided(gained, sizes, empty=0.0)
        total, last = len(gaps), np.zeros(len(counts))
        error = np.zeros(len(counts))
        for edge in (-(-total * step // bins) for step in range(1, bins + 1)):
            # An edge inside a tie takes its part of the tie's gap.
            at = np.argmax(done >= edge, axis=1)[:, None]
            ahead = np.take_along_axis(done, at, axis=1) - edge
            here = np.take_along_axis(height, at, axis=1) - ahead * np.take_along_axis(slopes, at, axis=1)
            error += np.abs(here[:, 0] - last)
            last = here[:, 0]
        return error / total

    return calibration_error


@dataclass(frozen=True, slots=True)
class _Ties:
    """Questions in an order: ``order`` their numbers, ``starts`` where each group of equals begins."""

    order: NDArray[np.int64]
    starts: NDArray[np.int64]

    @classmethod
    def rising(cls, keys: Sequence[float]) -> _Ties:
        import numpy as np

        values = np.array(keys, dtype=np.float64)
        order = np.argsort(values, kind="stable")
        ranked = values[order]
        return cls(order, np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]])))

    @classmethod
    def falling(cls, keys: Sequence[float]) -> _Ties:
        return cls.rising([-key for key in keys])

    def sums(self, counts: Values) -> Values:
        """``(draws, questions)`` to ``(draws, groups)``."""
        import numpy as np

        summed: Values = np.add.reduceat(counts[:, self.order], self.starts, axis=1)
        return summed


def _harmonic(n: int) -> Values:
    """``H(0)`` to ``H(n)``."""
    import numpy as np

    return np.concatenate([[0.0], np.cumsum(1 / np.arange(1, n + 1))])


def _divided(part: Values, whole: Values, empty: float = float("nan")) -> Values:
    import numpy as np

    return np.divide(part, whole, out=np.full_like(part, empty), where=whole > 0)


# ---- draws


def observed(statistics: Mapping[str, Statistic], n: int) -> dict[str, float | None]:
    """Each measure of the ``n`` questions themselves, to six digits; None for one that is undefined."""
    import numpy as np

    found = {name: float(statistic(np.ones((1, n)))[0]) for name, statistic in statistics.items() if n}
    return {name: None if math.isnan(value) else round(value, 6) for name, value in found.items()}


def intervals(
    statistics: Mapping[str, Statistic],
    n: int,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    level: float = LEVEL,
) -> dict[str, Interval | None]:
    """The interval of each measure over ``n`` questions; None for one that is undefined.

    Draws in which a measure is undefined (of one class only) do not count for it.
    """
    drawn = _measured(statistics, n, resamples, seed)
    return {
        name: None if observed is None else Interval(*_middle(values, level))
        for name, (observed, values) in drawn.items()
    }


def differences(
    run: Mapping[str, Statistic],
    baseline: Mapping[str, Statistic],
    n: int,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    level: float = LEVEL,
) -> dict[str, Difference | None]:
    """The difference of each measure that both have, over the same ``n`` questions in the same order.

    None where a measure is undefined for one of the two.
    """
    paired = {name: _less(run[name], baseline[name]) for name in run if name in baseline}
    drawn = _measured(paired, n, resamples, seed)
    return {
        name: None if observed is None else Difference(observed, *_middle(values, level), _opposite(values))
        for name, (observed, values) in drawn.items()
    }


def _less(run: Statistic, baseline: Statistic) -> Statistic:
    return lambda counts: run(counts) - baseline(counts)


def _opposite(values: Values) -> float:
    tail = min(int((values <= 0).sum()), int((values >= 0).sum()))
    return min(1.0, 2 * tail / len(values))


def _middle(values: Values, level: float) -> tuple[float, float]:
    import numpy as np

    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _measured(
    statistics: Mapping[str, Statistic], n: int, resamples: int, seed: int
) -> dict[str, tuple[float | None, Values]]:
    """Each measure of the questions themselves, and of the draws in which it is defined."""
    import numpy as np

    once = np.ones((1, n))
    drawn: dict[str, list[Values]] = {name: [once[0, :0]] for name in statistics}
    seen = {name: float(statistic(once)[0]) if n else math.nan for name, statistic in statistics.items()}
    for counts in _draws(n, resamples, seed):
        for name, statistic in statistics.items():
            values = statistic(counts)
            drawn[name].append(values[~np.isnan(values)])
    joined = {name: np.concatenate(parts) for name, parts in drawn.items()}
    return {
        name: (None if math.isnan(seen[name]) or not len(joined[name]) else seen[name], joined[name])
        for name in statistics
    }


def _draws(n: int, resamples: int, seed: int) -> Iterator[Values]:
    """How often each of ``n`` questions was drawn, ``(draws, n)``, in parts that fit the cache."""
    import numpy as np

    if not n:
        return
    stream = np.random.PCG64(seed)
    size = max(1, _CELLS // n)
    for start in range(0, resamples, size):
        rows = min(size, resamples - start)
        # The upper half of 64 random bits times n, over 2**32: a question's number, even to n / 2**32.
        raw = stream.random_raw(rows * n).astype(np.uint64) >> np.uint64(32)
        numbers = (raw * np.uint64(n) >> np.uint64(32)).astype(np.int64)
        numbers += np.repeat(np.arange(rows) * n, n)
        yield np.bincount(numbers, minlength=rows * n).reshape(rows, n).astype(np.float64)
