"""Fusion: what the legs propose is scored by every leg and summed as z-scores."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from qa.types import Hit, Leg, Passage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qa.types import Mask, Rows, Vectors

__all__ = ["Hybrid", "fuse"]

_NOISE = 1e-6  # scores are float32: what differs by less, relative to the largest, is equal


class Hybrid:
    """Ranks the passages of an index by all its legs together."""

    def __init__(
        self, legs: Mapping[str, tuple[Leg, float]], passages: Sequence[Passage], *, pool: int = 100
    ) -> None:
        """``legs``: each leg with its weight (the weights sum to 1); ``passages``: by row number."""
        self._legs = legs
        self._passages = passages
        self._pool = pool

    @property
    def legs(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._legs)

    def search(self, question: str, k: int, allowed: Mask | None = None) -> tuple[Hit, ...]:
        """At most ``k`` hits, best first, ties by row. ``allowed``: bool (n,), the rows to look at."""
        proposals = {
            name: leg.search(question, max(self._pool, k), allowed) for name, (leg, _) in self._legs.items()
        }
        rows = np.unique(np.concatenate([found for found, _ in proposals.values()]))
        if not len(rows):
            return ()
        total = fuse([(leg.scores(question, rows), weight) for leg, weight in self._legs.values()])
        best = np.lexsort((rows, -total))[:k]
        ranks = {name: _ranks(found) for name, (found, _) in proposals.items()}
        return tuple(self._hit(int(rows[at]), float(total[at]), ranks) for at in best)

    def leg_ranks(self, question: str, rows: Collection[int], k: int) -> dict[str, int | None]:
        """The best rank, 1-based, of any of ``rows`` in each leg by itself; None beyond the first ``k``."""
        ranks = {name: _ranks(leg.search(question, k)[0]) for name, (leg, _) in self._legs.items()}
        return {
            name: min((found[row] for row in rows if row in found), default=None)
            for name, found in ranks.items()
        }

    def _hit(self, row: int, score: float, ranks: Mapping[str, Mapping[int, int]]) -> Hit:
        legs = {name: found[row] for name, found in ranks.items() if row in found}
        return Hit(self._passages[row], score, legs)


def _ranks(rows: Rows) -> dict[int, int]:
    return {int(row): rank for rank, row in enumerate(rows, start=1)}


def fuse(scored: Sequence[tuple[Vectors, float]]) -> NDArray[np.float64]:
    """The weighted sum of z-scores, float (n,); a leg whose scores are all equal adds nothing.

    Mean and deviation are taken over the pooled passages of this question, so the sum does not depend
    on a leg's own scale. Measured against reciprocal rank fusion in ``benchmarks/fusion.py``.
    """
    total = np.zeros(len(scored[0][0]))
    for scores, weight in scored:
        total += weight * _z(scores.astype(np.float64))
    return total


def _z(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    if np.ptp(scores) <= _NOISE * np.abs(scores).max():
        return np.zeros_like(scores)
    standard: NDArray[np.float64] = (scores - scores.mean()) / scores.std()
    return standard
