"""Dense retrieval: inner products of unit vectors, which are cosines, over one of FAISS's indexes."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from qa import nearest
from qa.types import Encoder

if TYPE_CHECKING:
    from qa.nearest import Blocks, Nearest
    from qa.types import Mask, Rows, Vectors

__all__ = ["Dense"]


class Dense:
    """The dense leg: an index of vectors (see ``qa/nearest.py``) and the encoder they came from."""

    name = "dense"

    def __init__(self, index: Nearest, encoder: Encoder) -> None:
        self._index = index
        self._encoder = encoder
        self._question = lru_cache(maxsize=64)(self._encode)  # both legs' scores ask for the same vector

    @classmethod
    def build(cls, vectors: Vectors, encoder: Encoder) -> Dense:
        """Index unit ``vectors``, float32 (n, dim), row by row."""
        return cls.of_blocks([vectors], encoder)

    @classmethod
    def of_blocks(cls, blocks: Blocks, encoder: Encoder) -> Dense:
        """Index blocks of unit vectors, float32 or float16 (rows, dim) each, in order."""
        return cls(nearest.made(blocks, encoder.dim), encoder)

    def search(self, question: str, k: int, allowed: Mask | None = None) -> tuple[Rows, Vectors]:
        """At most ``k`` rows by cosine, best first, ties by row."""
        if not len(self._index) or (allowed is not None and not allowed.any()):
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.float32)
        rows = self._index.candidates(self._question(question), k, allowed)
        scores = self.scores(question, rows)
        best = np.lexsort((rows, -scores))[:k]
        return rows[best], scores[best]

    def scores(self, question: str, rows: Rows) -> Vectors:
        """The cosine of each of ``rows`` with ``question``, float32; equal vectors have equal ones."""
        if not len(rows):
            return np.zeros(0, dtype=np.float32)
        # Not a matrix product: there a row's last bit may depend on where the row stands.
        products: Vectors = self._index.vectors(rows) * self._question(question)[0]
        found: Vectors = products.sum(axis=1)
        return found

    def _encode(self, question: str) -> Vectors:
        return self._encoder.encode([question], "query")

    def save(self, folder: Path) -> list[str]:
        """Write the leg's files into ``folder`` and name them."""
        return self._index.save(folder)

    @classmethod
    def write(cls, folder: Path, blocks: Blocks, encoder: Encoder) -> list[str]:
        """What ``of_blocks`` and ``save`` do, with the vectors on the disk instead of in memory."""
        return nearest.write(folder, blocks, encoder.dim)

    @classmethod
    def load(cls, folder: Path, encoder: Encoder) -> Dense:
        """Open what ``save`` wrote. FAISS's own errors pass through as RuntimeError."""
        return cls(nearest.load(folder), encoder)

    def vectors(self) -> Vectors:
        """All vectors, float32 (n, dim), in row order."""
        return self._index.vectors(np.arange(len(self._index)))

    def vectors_of(self, rows: Rows) -> Vectors:
        """The vectors of ``rows``, float32 (len(rows), dim)."""
        return self._index.vectors(rows)
