"""Dense retrieval: FAISS inner product over unit vectors, which is the cosine."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa.types import Encoder

if TYPE_CHECKING:
    from qa.types import Mask, Rows, Vectors

__all__ = ["Dense"]

_NOISE = 1e-6  # two cosines that differ by less may be one cosine, summed in another order


class Dense:
    """The dense leg: an exact FAISS index and the encoder its vectors came from."""

    name = "dense"

    def __init__(self, index: Any, encoder: Encoder) -> None:
        self._index = index
        self._encoder = encoder
        self._question = lru_cache(maxsize=64)(self._encode)  # both legs' scores ask for the same vector

    @classmethod
    def build(cls, vectors: Vectors, encoder: Encoder) -> Dense:
        """Index unit ``vectors``, float32 (n, dim), row by row."""
        return cls.of_blocks([vectors], encoder)

    @classmethod
    def of_blocks(cls, blocks: Iterable[Vectors], encoder: Encoder) -> Dense:
        """Index blocks of unit vectors, float32 (rows, dim) each, in order; one is held beside the index."""
        index = _faiss().IndexFlatIP(encoder.dim)
        for vectors in blocks:
            index.add(vectors)
        return cls(index, encoder)

    def search(self, question: str, k: int, allowed: Mask | None = None) -> tuple[Rows, Vectors]:
        """At most ``k`` rows by cosine, best first, ties by row."""
        size = self._index.ntotal if allowed is None else int(allowed.sum())
        if not size:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        rows = self._nearest(self._question(question), min(k, size), size, allowed)
        scores = self.scores(question, rows)
        best = np.lexsort((rows, -scores))[:k]
        return rows[best], scores[best]

    def _nearest(self, vector: Vectors, k: int, size: int, allowed: Mask | None) -> Rows:
        """The ``k`` nearest rows and all that tie with the last: FAISS would pick any of those."""
        params = _only(allowed)
        scores, rows = self._index.search(vector, min(k + 1, size), params=params)
        if k < size and scores[0, k - 1] - scores[0, k] <= _NOISE:
            _, _, tied = self._index.range_search(vector, float(scores[0, k - 1]) - _NOISE, params=params)
            found: Rows = tied
        else:
            found = rows[0, :k]
        return found

    def scores(self, question: str, rows: Rows) -> Vectors:
        """The cosine of each of ``rows`` with ``question``, float32; equal vectors have equal ones."""
        if not len(rows):
            return np.zeros(0, dtype=np.float32)
        # Not a matrix product: there a row's last bit may depend on where the row stands.
        products: Vectors = self._index.reconstruct_batch(rows) * self._question(question)[0]
        found: Vectors = products.sum(axis=1)
        return found

    def _encode(self, question: str) -> Vectors:
        return self._encoder.encode([question], "query")

    def save(self, folder: Path) -> list[str]:
        """Write the leg's file into ``folder`` and name it."""
        _faiss().write_index(self._index, str(folder / "vectors.faiss"))
        return ["vectors.faiss"]

    @classmethod
    def load(cls, folder: Path, encoder: Encoder) -> Dense:
        """Open what ``save`` wrote. FAISS's own errors pass through as RuntimeError."""
        return cls(_faiss().read_index(str(folder / "vectors.faiss")), encoder)

    def vectors(self) -> Vectors:
        """All vectors, float32 (n, dim), in row order."""
        found: Vectors = self._index.reconstruct_n(0, self._index.ntotal)
        return found

    def vectors_of(self, rows: Rows) -> Vectors:
        """The vectors of ``rows``, float32 (len(rows), dim)."""
        found: Vectors = self._index.reconstruct_batch(rows)
        return found


def _only(allowed: Mask | None) -> Any:
    """FAISS's parameters for a search among the ``allowed`` rows."""
    if allowed is None:
        return None
    faiss = _faiss()
    return faiss.SearchParameters(sel=faiss.IDSelectorBatch(np.flatnonzero(allowed)))


def _faiss() -> Any:
    """The library, imported when first needed; its stubs lag behind its keyword arguments."""
    import faiss

    return faiss
