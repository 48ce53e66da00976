"""Fusion by hand: z-scores of what the legs propose, summed with their weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
from fakes import FixedLeg, passages
from hypothesis import given
from hypothesis import strategies as st

from qa.retrieval import Hybrid, fuse
from qa.types import Hit

NONE = math.nan
PASSAGES = passages("甲", "乙", "丙", "丁", "戊")


def floats(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(values, dtype=np.float32)


def search(bm25: tuple[float, ...], dense: tuple[float, ...], k: int = 5, **settings: int) -> list[Hit]:
    legs = {"bm25": (FixedLeg("bm25", bm25), 0.4), "dense": (FixedLeg("dense", dense), 0.6)}
    return list(Hybrid(legs, PASSAGES, **settings).search("?", k))


# ---- fuse


def test_z_scores_by_hand() -> None:
    # (1, 2, 3): mean 2, deviation √(2/3); (0, 0, 3): mean 1, deviation √2
    step = 1 / math.sqrt(2 / 3)
    total = fuse([(floats(1, 2, 3), 0.4), (floats(0, 0, 3), 0.6)])
    wanted = [-0.4 * step - 0.6 / math.sqrt(2), -0.6 / math.sqrt(2), 0.4 * step + 1.2 / math.sqrt(2)]
    np.testing.assert_allclose(total, wanted, rtol=1e-12)


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=9), st.floats(0, 50, width=32))
def test_a_constant_leg_adds_nothing(scores: list[float], constant: float) -> None:
    alone = fuse([(floats(*scores), 0.6)])
    assert fuse([(floats(*scores), 0.6), (floats(*[constant] * len(scores)), 0.4)]).tolist() == alone.tolist()


@pytest.mark.parametrize("size", [1, 3, 7, 10, 100])
@pytest.mark.parametrize("constant", [0.0, 0.1, 0.7, 1.1, 12.3])
def test_scores_that_are_all_equal_are_no_signal(size: int, constant: float) -> None:
    # Their mean is a last bit away from them, which a z-score would blow up to a whole unit.
    assert fuse([(floats(*[constant] * size), 1.0)]).tolist() == [0.0] * size


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=9), st.integers(1, 8), st.integers(-9, 9))
def test_a_legs_own_scale_does_not_matter(scores: list[int], factor: int, offset: int) -> None:
    plain = fuse([(floats(*scores), 1.0)])
    scaled = fuse([(floats(*(factor * score + offset for score in scores)), 1.0)])
    np.testing.assert_allclose(plain, scaled, atol=1e-9)


# ---- Hybrid


def test_hits_ranks_and_scores_by_hand() -> None:
    hits = search(bm25=(NONE, 4.0, 2.0, NONE, NONE), dense=(0.9, 0.8, NONE, NONE, NONE))
    # pooled rows 0, 1, 2: BM25 (0, 4, 2), dense (0.9, 0.8, 0)
    total = fuse([(floats(0, 4, 2), 0.4), (floats(0.9, 0.8, 0), 0.6)])
    assert [hit.passage.number for hit in hits] == [1, 0, 2]
    assert [hit.score for hit in hits] == [total[1], total[0], total[2]]
    assert [dict(hit.ranks) for hit in hits] == [{"bm25": 1, "dense": 2}, {"dense": 1}, {"bm25": 2}]
    assert [hit.passage for hit in hits] == [PASSAGES[1], PASSAGES[0], PASSAGES[2]]


def test_ties_are_settled_by_row() -> None:
    hits = search(bm25=(NONE, 1.0, 1.0, NONE, 1.0), dense=(NONE, 0.5, 0.5, NONE, 0.5))
    assert [(hit.passage.number, hit.score) for hit in hits] == [(1, 0.0), (2, 0.0), (4, 0.0)]
    assert [hit.ranks["bm25"] for hit in hits] == [1, 2, 3]


def test_at_most_k_and_at_least_the_pool() -> None:
    scores = (5.0, 4.0, 3.0, 2.0, 1.0)
    assert [hit.passage.number for hit in search(scores, scores, k=2)] == [0, 1]
    assert [hit.passage.number for hit in search(scores, scores[::-1], k=2, pool=1)] == [4, 3]
    assert [hit.passage.number for hit in search(scores, scores, k=4, pool=1)] == [0, 1, 2, 3]


def test_an_empty_pool() -> None:
    assert search((NONE,) * 5, (NONE,) * 5) == []


def test_only_allowed_rows() -> None:
    scores = (5.0, 4.0, 3.0, 2.0, 1.0)
    hybrid = Hybrid({"bm25": (FixedLeg("bm25", scores), 1.0)}, PASSAGES)
    allowed = np.array([False, True, False, True, False])
    hits = hybrid.search("?", 5, allowed)
    assert [(hit.passage.number, dict(hit.ranks)) for hit in hits] == [(1, {"bm25": 1}), (3, {"bm25": 2})]
