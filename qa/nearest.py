"""Which vectors are nearest: the kinds of vector index, chosen by their number.

flat    every vector is looked at: exact
lists   from 65,537 vectors on. Inverted lists (IVF) over one byte a number (SQ8), memory-mapped, propose;
        what they propose is scored from the vectors themselves, memory-mapped too.

Whatever the kind, a vector is kept in half precision: 2 bytes a number, a cosine within 5e-4 of float32's
at worst, 1e-5 as a rule. So an update may take it from a generation of either kind, and equals a rebuild.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from qa import arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qa.types import Mask, Rows, Vectors

    Halves = NDArray[np.float16]
    Blocks = Iterable[NDArray[np.float16] | NDArray[np.float32]]

__all__ = ["INDEX", "KIND", "VECTORS", "Flat", "Lists", "Nearest", "load", "made", "recall", "write"]

INDEX: Final = "vectors.faiss"
VECTORS: Final = "vectors.npy"  # float16 (n, dim), beside lists only
KIND: Final = "vectors.json"  # what the index is, and how good; the manifest repeats it

FLAT_UP_TO = 65_536  # vectors; so many are looked at in about 5 ms
EXACT_UP_TO = 4_096  # vectors; where a filter leaves no more, each of them is scored
TARGET = 0.98  # Recall@10 for which lists are probed
SAMPLE = 256  # questions that the recall is measured with
SEED = 20_240  # for the sample
LEAST = 100  # candidates that lists propose at least; twice as many as asked for where that is more
# How far a sample's questions are moved off their vectors. By the static encoder, lists of 200,000 passages
# of news found as much for CMRC 2018's real questions as for such ones; by a network, lists of 15,600 more.
MOVED = 4.0
_A_LIST = 40  # vectors that a list's centre is trained from; FAISS asks for 39
_ROUNDS = 10  # of k-means
_BLOCK = 16_384  # vectors that are added, or compared, at once
_NOISE = 1e-6  # two cosines that differ by less may be one cosine, summed in another order


class Nearest(Protocol):
    """An index of unit vectors by row."""

    def __len__(self) -> int: ...

    @property
    def dim(self) -> int:
        """Length of a vector."""
        ...

    def candidates(self, vector: Vectors, k: int, allowed: Mask | None) -> Rows:
        """Rows among which the ``k`` nearest to ``vector``, float32 (1, dim), are, in no order.

        At least as many as ``k`` where there are so many that are ``allowed``.
        """
        ...

    def vectors(self, rows: Rows) -> Vectors:
        """The vectors of ``rows``, float32 (len(rows), dim)."""
        ...

    def save(self, folder: Path) -> list[str]:
        """Write the index's files and name them."""
        ...


class Flat:
    """Looks at every vector."""

    def __init__(self, index: Any) -> None:
        self._index = index

    @classmethod
    def of(cls, halves: Halves) -> Flat:
        """The index of ``halves``, float16 (n, dim)."""
        faiss = _faiss()
        kept = faiss.ScalarQuantizer.QT_fp16
        index = faiss.IndexScalarQuantizer(halves.shape[1], kept, faiss.METRIC_INNER_PRODUCT)
        for block in _blocks(halves):
            index.add(block)
        return cls(index)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    def candidates(self, vector: Vectors, k: int, allowed: Mask | None) -> Rows:
        """The ``k`` nearest and all that tie with the last: FAISS would pick any of those."""
        size = len(self) if allowed is None else int(allowed.sum())
        if k >= size:
            return _all(size, allowed)
        params = None if allowed is None else _faiss().SearchParameters(sel=_only(allowed))
        with _one_thread():
            scores, rows = self._index.search(vector, k + 1, params=params)
            found: Rows = rows[0, :k]
            if scores[0, k - 1] - scores[0, k] <= _NOISE:
                least = float(scores[0, k - 1]) - _NOISE
                _, _, found = self._index.range_search(vector, least, params=params)
        return found

    def vectors(self, rows: Rows) -> Vectors:
        """The vectors of ``rows``, float32 (len(rows), dim)."""
        with _one_thread():
            found: Vectors = self._index.reconstruct_batch(rows)
        return found

    def save(self, folder: Path) -> list[str]:
        """Write the index's files and name them."""
        _faiss().write_index(self._index, str(folder / INDEX))
        _describe(folder, {"kind": "flat", "vectors": len(self), "dim": self.dim, "recall@10": 1.0})
        return [INDEX, KIND]


class Lists:
    """Looks at the vectors of the lists whose centres are nearest, and at more while that is too few."""

    def __init__(self, index: Any, halves: Halves, *, probes: int, recall: float) -> None:
        """``halves``: the vectors that ``index`` was made from, float16 (n, dim).

        ``probes``  how many lists are looked at
        ``recall``  Recall@10 that was measured with so many
        """
        self._index, self._halves = index, halves
        self.probes, self.recall = probes, recall

    @classmethod
    def of(cls, halves: Halves) -> Lists:
        """Train lists, fill them, and find how many must be probed. The same vectors give the same bytes."""
        index = _trained(halves)
        for block in _blocks(halves):
            index.add(block)
        made = cls(index, halves, probes=1, recall=0.0)
        made.probes, made.recall = _probes(made)
        return made

    def __len__(self) -> int:
        return len(self._halves)

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._halves.shape[1])

    @property
    def count(self) -> int:
        """How many lists."""
        return int(self._index.nlist)

    def candidates(self, vector: Vectors, k: int, allowed: Mask | None) -> Rows:
        """What the lists propose; where few are allowed, all of them.

        Where a filter leaves a share of the vectors, so many more lists are probed.
        """
        size = len(self) if allowed is None else int(allowed.sum())
        if size <= max(k, EXACT_UP_TO):
            return _all(size, allowed)
        wanted = min(max(2 * k, LEAST), size)
        selector = None if allowed is None else _only(allowed)
        probes = min(self.count, -(-self.probes * len(self) // size))
        found = self._proposed(vector, wanted, probes, selector)
        while len(found) < wanted and probes < self.count:
            probes = min(self.count, 4 * probes)
            found = self._proposed(vector, wanted, probes, selector)
        return found

    def _proposed(self, vector: Vectors, wanted: int, probes: int, selector: Any) -> Rows:
        params = _faiss().SearchParametersIVF(nprobe=probes, sel=selector)
        with _one_thread():
            _, rows = self._index.search(vector, wanted, params=params)
        found: Rows = rows[0][rows[0] >= 0]
        return found

    def vectors(self, rows: Rows) -> Vectors:
        """The vectors of ``rows``, float32 (len(rows), dim)."""
        return self._halves[rows].astype(np.float32)

    def save(self, folder: Path) -> list[str]:
        """Write the index's files and name them; the vectors stay where they lie there already."""
        _faiss().write_index(self._index, str(folder / INDEX))
        lies_at = getattr(self._halves, "filename", None)
        if lies_at is None or Path(lies_at).resolve() != (folder / VECTORS).resolve():
            np.save(folder / VECTORS, self._halves)
        described = {"kind": "lists", "vectors": len(self), "dim": self.dim, "lists": self.count}
        _describe(folder, described | {"probes": self.probes, "recall@10": self.recall})
        return [INDEX, VECTORS, KIND]

    def found(self, questions: Vectors, probes: int) -> Iterator[Vectors]:
        """For each question the cosines of what ``probes`` lists propose, exact, in no order."""
        params = _faiss().SearchParametersIVF(nprobe=probes)
        _, rows = self._index.search(questions, min(LEAST, len(self)), params=params)
        for question, proposed in zip(questions, rows, strict=True):
            yield self.vectors(proposed[proposed >= 0]) @ question


def made(blocks: Blocks, dim: int) -> Nearest:
    """The index of blocks of unit vectors, (rows, ``dim``) each, in order; of the kind their number asks."""
    halves = [np.asarray(block, dtype=np.float16) for block in blocks]
    return _of(np.concatenate([np.zeros((0, dim), dtype=np.float16), *halves]))


def write(folder: Path, blocks: Blocks, dim: int) -> list[str]:
    """The same, written into ``folder`` as the blocks come: the vectors are never all in memory."""
    path, count = folder / VECTORS, 0
    with path.open("wb") as stream:
        _head(stream, 0, dim)
        for block in blocks:
            np.asarray(block, dtype=np.float16).tofile(stream)
            count += len(block)
        stream.seek(0)
        _head(stream, count, dim)
    names = _of(arrays.mapped(path)).save(folder)
    if VECTORS not in names:
        path.unlink()
    return names


def load(folder: Path) -> Nearest:
    """Open what ``save`` or ``write`` wrote. FAISS's own errors pass through as RuntimeError.

    An index that has no description is flat: those of earlier versions are.
    """
    path = folder / KIND
    described: dict[str, Any] = {"kind": "flat"}
    if path.exists():
        described = json.loads(path.read_text(encoding="utf-8"))
    if described["kind"] == "flat":
        return Flat(_faiss().read_index(str(folder / INDEX)))
    if described["kind"] != "lists":
        raise ValueError(f"{KIND}: there is no kind {described['kind']!r}")
    lists, halves = _opened(folder / INDEX), arrays.mapped(folder / VECTORS)
    return Lists(lists, halves, probes=described["probes"], recall=described["recall@10"])


def recall(index: Nearest, *, seed: int = SEED + 1) -> float:
    """Recall@10 against looking at every vector, 0 to 1, of a sample drawn by ``seed``; 1 where flat."""
    if not isinstance(index, Lists):
        return 1.0
    sample = _Sample(index, seed)
    return sample.recall(index, index.probes)


def _of(halves: Halves) -> Nearest:
    return Flat.of(halves) if len(halves) <= FLAT_UP_TO else Lists.of(halves)


def _probes(lists: Lists) -> tuple[int, float]:
    """About the fewest lists that reach ``TARGET``, or all; and the recall then."""
    sample, probes = _Sample(lists, SEED), 1
    while probes < lists.count:
        reached = sample.recall(lists, probes)
        if reached >= TARGET:
            return probes, reached
        probes += max(1, probes // 8)
    return lists.count, sample.recall(lists, lists.count)


class _Sample:
    """Questions that are not in the index: vectors of it, moved as far from passages as questions are.

    To each number of a vector a normal one is added, of ``MOVED`` times the deviation that number has.
    What is found is told by its cosine: of vectors that are equal, any will do.
    """

    def __init__(self, lists: Lists, seed: int) -> None:
        chance = np.random.default_rng(seed)
        chosen = np.sort(chance.choice(len(lists), min(SAMPLE, len(lists)), replace=False))
        own = lists.vectors(chosen)
        moved = own + MOVED * own.std(axis=0) * chance.standard_normal(own.shape).astype(np.float32)
        self._questions: Vectors = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        self._tenth = self._least(lists)

    def _least(self, lists: Lists) -> Vectors:
        """The cosine of the tenth nearest of all vectors to each question."""
        best = np.zeros((len(self._questions), 0), dtype=np.float32)
        for start in range(0, len(lists), _BLOCK):
            block = lists.vectors(np.arange(start, min(start + _BLOCK, len(lists))))
            best = np.concatenate([best, self._questions @ block.T], axis=1)
            best = np.partition(best, -10, axis=1)[:, -10:]
        tenth: Vectors = best[:, 0]
        return tenth

    def recall(self, lists: Lists, probes: int) -> float:
        """The mean share of the ten nearest that ``probes`` lists hold, to four digits."""
        hits = [
            min(10, int((cosines >= tenth - _NOISE).sum())) / 10
            for cosines, tenth in zip(lists.found(self._questions, probes), self._tenth, strict=True)
        ]
        return round(float(np.mean(hits)), 4)


def _trained(halves: Halves) -> Any:
    """Empty lists, about four times the root of the number of vectors; centres come from a part of them."""
    faiss = _faiss()
    lists = 1 << max(0, round(np.log2(4 * np.sqrt(len(halves)))))
    bytes_ = faiss.ScalarQuantizer.QT_8bit
    dim, product = halves.shape[1], faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexIVFScalarQuantizer(faiss.IndexFlatIP(dim), dim, lists, bytes_, product)
    index.cp.niter, index.cp.seed, index.cp.min_points_per_centroid = _ROUNDS, SEED, 1
    step = max(1, len(halves) // (_A_LIST * lists))
    index.train(halves[::step].astype(np.float32))
    return index


def _opened(path: Path) -> Any:
    """Lists where they lie on the disk; FAISS's threads that read ahead cost more than they save."""
    faiss = _faiss()
    index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
    lists = faiss.downcast_InvertedLists(index.invlists)
    if isinstance(lists, faiss.OnDiskInvertedLists):
        lists.prefetch_nthread = 0
    return index


def _all(size: int, allowed: Mask | None) -> Rows:
    return np.arange(size, dtype=np.int64) if allowed is None else np.flatnonzero(allowed)


def _only(allowed: Mask) -> Any:
    """FAISS's selector of the ``allowed`` rows."""
    return _faiss().IDSelectorBitmap(np.packbits(allowed, bitorder="little"))


def _blocks(halves: Halves) -> Iterator[Vectors]:
    for start in range(0, len(halves), _BLOCK):
        yield halves[start : start + _BLOCK].astype(np.float32)


def _head(stream: IO[bytes], count: int, dim: int) -> None:
    """The head of a .npy file; NumPy leaves room in it, so that any count takes the same bytes."""
    shape = {"descr": "<f2", "fortran_order": False, "shape": (count, dim)}
    np.lib.format.write_array_header_1_0(stream, shape)


def _describe(folder: Path, described: dict[str, Any]) -> None:
    text = json.dumps({**described, "stored": "float16"}, indent=1, sort_keys=True)
    (folder / KIND).write_text(text + "\n", encoding="utf-8")


@contextmanager
def _one_thread() -> Iterator[None]:
    """For what one question asks, which FAISS does not divide.

    Its other threads would wake and then spin for a while, on processors that the reader needs. The setting
    is the calling thread's alone.
    """
    faiss = _faiss()
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def _faiss() -> Any:
    """The library, imported when first needed; its stubs lag behind its keyword arguments."""
    import faiss

    return faiss
