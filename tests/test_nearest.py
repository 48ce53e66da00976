"""Both kinds of vector index against brute force, on clustered vectors and seeded chance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fakes import VectorEncoder
from numpy.typing import NDArray

from qa import nearest
from qa.dense import Dense
from qa.nearest import Flat, Lists

Floats = NDArray[np.float32]
DIM = 16


def clustered(count: int, *, seed: int = 5, centres: int = 40) -> Floats:
    """Unit vectors in clusters, as texts on the same matter are."""
    chance = np.random.default_rng(seed)
    middle = chance.standard_normal((centres, DIM))
    vectors = middle[chance.integers(0, centres, count)] + 0.5 * chance.standard_normal((count, DIM))
    unit: Floats = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


def kept(vectors: Floats) -> Floats:
    """What an index keeps of ``vectors``."""
    return vectors.astype(np.float16).astype(np.float32)


def brute_force(vectors: Floats, question: Floats, k: int, allowed: NDArray[np.bool_]) -> list[int]:
    cosines = (kept(vectors) * question).sum(axis=1)
    return sorted(np.flatnonzero(allowed).tolist(), key=lambda row: (-cosines[row], row))[:k]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists from 301 vectors on, and filters that leave 20 are few."""
    for name, value in {"FLAT_UP_TO": 300, "EXACT_UP_TO": 20, "LEAST": 20, "SAMPLE": 64}.items():
        monkeypatch.setattr(nearest, name, value)


def test_the_kind_goes_by_the_number_of_vectors(small: None) -> None:
    assert isinstance(nearest.made([clustered(300)], DIM), Flat)
    assert isinstance(nearest.made([clustered(300), clustered(1)], DIM), Lists)


@pytest.mark.parametrize("k", [1, 10, 100])
def test_flat_is_brute_force(k: int) -> None:
    vectors = clustered(500)
    leg = Dense.build(vectors, VectorEncoder(vectors))
    allowed = np.random.default_rng(3).random(500) < 0.3
    for asked in range(0, 500, 50):
        for mask, looked_at in ((None, np.ones(500, bool)), (allowed, allowed)):
            expected = brute_force(vectors, vectors[asked], k, looked_at)
            assert leg.search(str(asked), k, mask)[0].tolist() == expected


def test_lists_find_nearly_what_brute_force_finds(small: None) -> None:
    vectors, questions = np.split(clustered(4100), [4000])
    leg = Dense.build(vectors, VectorEncoder(questions))
    every = np.ones(4000, bool)
    hits = [
        len(set(leg.search(str(at), 10)[0].tolist()) & set(brute_force(vectors, questions[at], 10, every)))
        for at in range(100)
    ]
    assert sum(hits) == 1000


def test_what_lists_find_has_the_scores_of_the_vectors_themselves(small: None) -> None:
    vectors = clustered(4000)
    leg = Dense.build(vectors, VectorEncoder(vectors))
    rows, scores = leg.search("7", 30)
    assert scores.tolist() == (kept(vectors)[rows] * vectors[7]).sum(axis=1).tolist()
    assert scores.tolist() == sorted(scores.tolist(), reverse=True)
    assert scores.tolist() == leg.scores("7", rows).tolist()
    assert rows[0] == 7


@pytest.mark.parametrize("share", [0.002, 0.02, 0.5])
def test_a_filter_gets_all_that_it_asks_for(share: float, small: None) -> None:
    vectors = clustered(4000)
    leg = Dense.build(vectors, VectorEncoder(vectors))
    allowed = np.random.default_rng(3).random(4000) < share
    found = [leg.search(str(asked), 10, allowed)[0].tolist() for asked in range(0, 4000, 400)]
    expected = [brute_force(vectors, vectors[asked], 10, allowed) for asked in range(0, 4000, 400)]
    assert [len(rows) for rows in found] == [len(rows) for rows in expected]
    hits = sum(len(set(left) & set(right)) for left, right in zip(found, expected, strict=True))
    assert hits == sum(map(len, expected))


@pytest.mark.parametrize("k", [100, 3999, 4000, 9999])
def test_more_may_be_asked_for_than_there_are(k: int, small: None) -> None:
    vectors = clustered(4000)
    leg = Dense.build(vectors, VectorEncoder(vectors))
    rows, _ = leg.search("3", k)
    assert len(rows) == len(set(rows.tolist())) == min(k, 4000)


def test_equal_vectors_are_as_good_as_each_other(small: None) -> None:
    vectors = np.repeat(clustered(10), 100, axis=0)
    index = nearest.made([vectors], DIM)
    assert isinstance(index, Lists)
    index.probes = index.count
    assert nearest.recall(index) == 1.0


@pytest.mark.parametrize("count", [0, 5, 300, 301, 2000])
def test_written_in_blocks_is_built_at_once(count: int, small: None, tmp_path: Path) -> None:
    vectors = clustered(count)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    cut = [vectors[start : start + 128] for start in range(0, count, 128)]
    names = nearest.write(tmp_path / "a", cut, DIM)
    assert names == nearest.made([vectors], DIM).save(tmp_path / "b")
    assert sorted(names) == sorted(path.name for path in (tmp_path / "a").iterdir())
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize("count", [0, 5, 2000])
def test_what_is_loaded_is_what_was_written(count: int, small: None, tmp_path: Path) -> None:
    vectors = clustered(count)
    encoder = VectorEncoder(clustered(20, seed=9))
    built = Dense.build(vectors, encoder)
    Dense.write(tmp_path, [vectors], encoder)
    loaded = Dense.load(tmp_path, encoder)
    assert loaded.vectors().tolist() == built.vectors().tolist() == kept(vectors).tolist()
    for at in range(20):
        found, expected = loaded.search(str(at), 10), built.search(str(at), 10)
        assert [each.tolist() for each in found] == [each.tolist() for each in expected]


def test_vectors_from_either_kind_give_the_same_bytes(small: None, tmp_path: Path) -> None:
    """An update takes them from the generation before, a rebuild from the encoder."""
    vectors = clustered(400)
    few, many = nearest.made([vectors[:200]], DIM), nearest.made([vectors], DIM)
    taken = {
        "grown": [few.vectors(np.arange(200)), vectors[200:]],
        "shrunk": [many.vectors(np.arange(200))],
        "new": [vectors],
        "less": [vectors[:200]],
    }
    for name, blocks in taken.items():
        (tmp_path / name).mkdir()
        nearest.write(tmp_path / name, blocks, DIM)
    for left, right in (("grown", "new"), ("shrunk", "less")):
        names = sorted(path.name for path in (tmp_path / left).iterdir())
        assert names == sorted(path.name for path in (tmp_path / right).iterdir())
        for name in names:
            assert (tmp_path / left / name).read_bytes() == (tmp_path / right / name).read_bytes()


def test_the_description_tells_the_kind_and_the_recall(small: None, tmp_path: Path) -> None:
    nearest.write(tmp_path, [clustered(200)], DIM)
    told = json.loads((tmp_path / nearest.KIND).read_text("utf-8"))
    assert told == {"kind": "flat", "vectors": 200, "dim": 16, "recall@10": 1.0, "stored": "float16"}
    nearest.write(tmp_path, [clustered(4000)], DIM)
    told = json.loads((tmp_path / nearest.KIND).read_text("utf-8"))
    assert told == {
        "kind": "lists",
        "vectors": 4000,
        "dim": 16,
        "lists": 256,
        "probes": 27,
        "recall@10": 0.9859,
        "stored": "float16",
    }
    index = nearest.load(tmp_path)
    assert isinstance(index, Lists)
    assert nearest.recall(index, seed=nearest.SEED) == told["recall@10"]


def test_an_index_without_a_description_is_flat(tmp_path: Path) -> None:
    """Those of earlier versions, in single precision."""
    import faiss

    vectors = clustered(50)
    index = faiss.IndexFlatIP(DIM)
    index.add(vectors)
    faiss.write_index(index, str(tmp_path / nearest.INDEX))
    leg = Dense.load(tmp_path, VectorEncoder(vectors))
    assert leg.vectors().tolist() == vectors.tolist()
    assert leg.search("3", 1)[0].tolist() == [3]


def test_a_kind_of_a_later_version_is_refused(tmp_path: Path) -> None:
    nearest.write(tmp_path, [clustered(5)], DIM)
    (tmp_path / nearest.KIND).write_text('{"kind": "graph"}', "utf-8")
    with pytest.raises(ValueError, match="there is no kind 'graph'"):
        nearest.load(tmp_path)


@pytest.mark.parametrize("name", [nearest.INDEX, nearest.VECTORS])
def test_a_file_that_is_cut_off_does_not_open(name: str, small: None, tmp_path: Path) -> None:
    nearest.write(tmp_path, [clustered(2000)], DIM)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises((RuntimeError, ValueError)):
        nearest.load(tmp_path)
