"""The dense leg against brute force: every score a dot product, every tie settled by row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import CharacterEncoder, VectorEncoder
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import unit_vectors

from qa.dense import Dense


def kept(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """What an index keeps of ``vectors``: half precision."""
    return vectors.astype(np.float16).astype(np.float32)


def brute_force(vectors: NDArray[np.float32], asked: int, k: int, allowed: NDArray[np.bool_]) -> list[int]:
    cosines = (kept(vectors).astype(np.float64) * vectors[asked].astype(np.float64)).sum(axis=1)
    return sorted(np.flatnonzero(allowed).tolist(), key=lambda row: (-round(cosines[row], 6), row))[:k]


@given(unit_vectors(), st.integers(1, 60), st.data())
def test_search_is_brute_force(vectors: NDArray[np.float32], k: int, data: st.DataObject) -> None:
    leg = Dense.build(vectors, VectorEncoder(vectors))
    asked = data.draw(st.integers(0, len(vectors) - 1))
    allowed = np.array(data.draw(st.lists(st.booleans(), min_size=len(vectors), max_size=len(vectors))))
    for mask, looked_at in ((None, np.ones(len(vectors), bool)), (allowed, allowed)):
        rows, scores = leg.search(str(asked), k, mask)
        assert rows.tolist() == brute_force(vectors, asked, k, looked_at)
        assert [rows.dtype.name, scores.dtype.name] == ["int64", "float32"]
        np.testing.assert_allclose(scores, kept(vectors)[rows] @ vectors[asked], atol=1e-6)
        assert scores.tolist() == leg.scores(str(asked), rows).tolist()


@pytest.mark.parametrize("k", [1, 5, 99, 100, 120, 999])
def test_ties_beyond_the_last_place_are_settled_by_row(k: int) -> None:
    # FAISS keeps its best in another structure from k = 100 on, which picks any of those that tie.
    vectors = np.eye(3, dtype=np.float32)[np.arange(1000) % 3]
    rows, scores = Dense.build(vectors, VectorEncoder(vectors)).search("1", k)
    assert rows.tolist() == [*range(1, 1000, 3), *(row for row in range(1000) if row % 3 != 1)][:k]
    assert scores.tolist() == ([1.0] * 333 + [0.0] * 667)[:k]


def test_equal_vectors_have_equal_scores_wherever_they_stand() -> None:
    rng = np.random.default_rng(7)
    vectors = rng.standard_normal((5, 384)).astype(np.float32)[np.arange(51) % 5]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = Dense.build(vectors, VectorEncoder(vectors)).scores("0", np.arange(51))
    assert len(set(scores.tolist())) == len(np.unique(vectors, axis=0))


def test_cosines_by_hand() -> None:
    encoder = CharacterEncoder()
    leg = Dense.build(encoder.encode(["上海", "北京", "上上海", "无"], "passage"), encoder)
    rows, scores = leg.search("上", 10)
    assert rows.tolist() == [2, 0, 1, 3]
    np.testing.assert_allclose(scores, [2 / 5**0.5, 1 / 2**0.5, 0, 0], atol=5e-4)


def test_an_empty_index_and_an_empty_mask_find_nothing() -> None:
    encoder = CharacterEncoder()
    empty = Dense.build(np.zeros((0, encoder.dim), dtype=np.float32), encoder)
    full = Dense.build(encoder.encode(["上海"], "passage"), encoder)
    for leg, mask in ((empty, None), (full, np.array([False]))):
        rows, scores = leg.search("上海", 5, mask)
        assert (rows.tolist(), scores.tolist()) == ([], [])
    assert full.scores("上海", np.zeros(0, dtype=np.int64)).tolist() == []


@given(unit_vectors())
def test_what_is_loaded_is_what_was_saved(
    tmp_path_factory: pytest.TempPathFactory, vectors: NDArray[np.float32]
) -> None:
    folder = tmp_path_factory.mktemp("dense")
    encoder = VectorEncoder(vectors)
    leg = Dense.build(vectors, encoder)
    assert leg.save(folder) == ["vectors.faiss", "vectors.json"]
    loaded = Dense.load(folder, encoder)
    assert loaded.vectors().tolist() == leg.vectors().tolist() == kept(vectors).tolist()
    assert loaded.search("0", 5)[0].tolist() == leg.search("0", 5)[0].tolist()


def test_two_saves_are_the_same_bytes(tmp_path: Path) -> None:
    vectors = np.eye(4, dtype=np.float32)
    written = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Dense.build(vectors, VectorEncoder(vectors)).save(tmp_path / name)
        written.append((tmp_path / name / "vectors.faiss").read_bytes())
    assert written[0] == written[1]


def test_a_question_is_encoded_once() -> None:
    asked = []

    class Counting(CharacterEncoder):
        def encode(self, texts, kind):  # type: ignore[no-untyped-def]
            asked.append((list(texts), kind))
            return super().encode(texts, kind)

    encoder = Counting()
    leg = Dense.build(CharacterEncoder().encode(["上海", "北京"], "passage"), encoder)
    rows, _ = leg.search("上海", 2)
    leg.scores("上海", rows)
    assert asked == [(["上海"], "query")]
