"""Dense retrieval: FAISS inner product over unit vectors, which is the cosine."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa.types import Encoder

if TYPE_CHECKING:
    from qa.types import Mask, Rows, Vectors

__all__ = ["Dense"]


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
        faiss = _faiss()
        index = faiss.IndexFlatIP(encoder.dim)
        index.add(vectors)
        return cls(index, encoder)

    def search(self, question: str, k: int, allowed: Mask | None = None) -> tuple[Rows, Vectors]:
        """At most ``k`` rows by cosine, best first, ties by row."""
        faiss = _faiss()
        vector = self._question(question)
        size = self._index.ntotal if allowed is None else int(allowed.sum())
        if not size:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        parameters = None
        if allowed is not None:
            parameters = faiss.SearchParameters(sel=faiss.IDSelectorBatch(np.flatnonzero(allowed)))
        scores, rows = self._index.search(vector, min(k, size), params=parameters)
        order = np.lexsort((rows[0], -scores[0]))
        return rows[0][order], scores[0][order]

    def scores(self, question: str, rows: Rows) -> Vectors:
        """The cosine of each of ``rows`` with ``question``, float32."""
        if not len(rows):
            return np.zeros(0, dtype=np.float32)
        found: Vectors = self._index.reconstruct_batch(rows) @ self._question(question)[0]
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


def _faiss() -> Any:
    """The library, imported when first needed; its stubs lag behind its keyword arguments."""
    import faiss

    return faiss
