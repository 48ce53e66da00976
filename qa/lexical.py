"""BM25 over words and character n-grams: one sparse matrix, scored once at indexing time.

A column is a term, a cell the whole BM25 share of that term in that passage, so a query only adds up
the columns of its terms. Formula: Robertson & Zaragoza 2009, with Lucene's idf,
``ln(1 + (N - df + 0.5) / (df + 0.5))``, which is never negative.

An index of many passages is thinned (``qa.postings.Thinning``): n-grams that stand in very many of them have
no column, and a share is one byte, in parts of the most that its term can add. ``bm25.json`` says so.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa import arrays
from qa.words import Segmenter

if TYPE_CHECKING:
    from qa.types import Mask, Rows, Vectors

__all__ = ["BM25", "Thinned", "open_terms"]

_BLOCK = 512  # passages of which the best is looked at first


@dataclass(frozen=True, slots=True)
class Thinned:
    """How the files of a large index were made smaller.

    ``share``    an n-gram of more than this share of the passages has no column, 0 to 1
    ``dropped``  how many n-grams that are
    ``levels``   the highest value of a share; it stands for idf · (k1 + 1), which no share reaches
    """

    share: float
    dropped: int
    levels: int
    k1: float


class BM25:
    """The lexical leg. ``indptr`` int64 (terms + 1,), ``rows`` int32 and ``shares`` float32 (cells,).

    ``thinned``: how the files were made smaller, None where they are whole; then shares are uint8.
    """

    name = "bm25"

    def __init__(
        self,
        terms: Any,
        indptr: Any,
        rows: Any,
        shares: Any,
        size: int,
        segmenter: Segmenter,
        *,
        thinned: Thinned | None = None,
    ) -> None:
        self._terms, self._indptr, self._rows, self._shares = terms, indptr, rows, shares
        self.size = size
        self.thinned = thinned
        self._segmenter = segmenter
        self._all = lru_cache(maxsize=8)(self._summed)  # one question is asked for ranks and for scores

    @classmethod
    def build(cls, texts: Iterable[str], segmenter: Segmenter, *, k1: float = 1.2, b: float = 0.75) -> BM25:
        """Index ``texts`` in order. The same texts give the same bytes under any hash seed."""
        import marisa_trie

        counts = [Counter(segmenter.terms(text)) for text in texts]
        terms = marisa_trie.Trie(sorted({term for count in counts for term in count}))
        lengths = np.array([count.total() for count in counts], dtype=np.float64)
        columns = [terms[term] for count in counts for term in count]
        column = np.array(columns, dtype=np.int64)
        row = np.repeat(np.arange(len(counts), dtype=np.int32), [len(count) for count in counts])
        frequency = np.array([n for count in counts for n in count.values()], dtype=np.float64)
        df = np.bincount(column, minlength=len(terms)) if len(column) else np.zeros(0, dtype=np.int64)
        idf = np.log1p((len(counts) - df + 0.5) / (df + 0.5))
        norm = k1 * (1 - b + b * lengths * len(lengths) / max(lengths.sum(), 1.0))
        shares = idf[column] * frequency * (k1 + 1) / (frequency + norm[row])
        order = np.lexsort((row, column))
        indptr = np.concatenate(([0], np.cumsum(df))).astype(np.int64)
        return cls(terms, indptr, row[order], shares[order].astype(np.float32), len(counts), segmenter)

    def search(self, question: str, k: int, allowed: Mask | None = None) -> tuple[Rows, Vectors]:
        """At most ``k`` rows that share a term with ``question``, best first, ties by row."""
        scores = self._all(question)
        if allowed is not None:
            scores = np.where(allowed, scores, np.float32(0))
        found = _candidates(scores, k)
        best = found[np.lexsort((found, -scores[found]))][:k]
        return best.astype(np.int64), scores[best]

    def scores(self, question: str, rows: Rows) -> Vectors:
        """BM25 of each of ``rows``, float32, 0 where no term is shared."""
        return self._all(question)[rows]

    def _summed(self, question: str) -> Vectors:
        """BM25 of every passage, float32 (size,). A repeated query term counts once for each time."""
        total = np.zeros(self.size, dtype=np.float32)
        for term, times in sorted(Counter(self._segmenter.terms(question)).items()):
            if term in self._terms:
                column = self._terms[term]
                cells = slice(int(self._indptr[column]), int(self._indptr[column + 1]))
                np.add.at(total, self._rows[cells], self._shares_of(cells, times))
        return total

    def _shares_of(self, cells: slice, times: int) -> Vectors:
        """``times`` the shares of the ``cells`` of one column, float32."""
        unit = np.float32(times if self.thinned is None else times * self._level(cells.stop - cells.start))
        found: Vectors = np.multiply(self._shares[cells], unit, dtype=np.float32)
        return found

    def _level(self, df: int) -> float:
        """What 1 in a thinned column of ``df`` passages stands for."""
        assert self.thinned is not None
        idf = math.log1p((self.size - df + 0.5) / (df + 0.5))
        return idf * (self.thinned.k1 + 1) / self.thinned.levels

    def save(self, folder: Path) -> list[str]:
        """Write the leg's files into ``folder`` and name them."""
        held = {"indptr": self._indptr, "rows": self._rows, "shares": self._shares}
        self._terms.save(str(folder / "bm25.terms.marisa"))
        for name, array in held.items():
            np.save(folder / f"bm25.{name}.npy", array)
        return ["bm25.terms.marisa", *(f"bm25.{name}.npy" for name in held)]

    @classmethod
    def load(cls, folder: Path, size: int, segmenter: Segmenter) -> BM25:
        """Open what ``save`` wrote, memory-mapped. Errors of the files themselves pass through."""
        terms = open_terms(folder)
        indptr, rows, shares = (
            np.asarray(arrays.mapped(folder / f"bm25.{name}.npy")) for name in ("indptr", "rows", "shares")
        )
        return cls(terms, indptr, rows, shares, size, segmenter, thinned=_thinned(folder))


def _thinned(folder: Path) -> Thinned | None:
    """What ``bm25.json`` says; only a large index has one."""
    path = folder / "bm25.json"
    return Thinned(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def _candidates(scores: Vectors, k: int) -> Rows:
    """The rows of the ``k`` highest scores above 0, and of all that tie with the last, ascending.

    The ``k``-th highest of the blocks' best is no higher than the ``k``-th highest of all, so that whatever
    lies below it need not be sorted.
    """
    blocks, least = len(scores) // _BLOCK, np.float32(0)
    if 0 < k <= blocks:
        best = scores[: blocks * _BLOCK].reshape(blocks, _BLOCK).max(axis=1)
        least = np.partition(best, blocks - k)[blocks - k]
    found = np.flatnonzero(scores >= least) if least > 0 else np.flatnonzero(scores > 0)
    if len(found) > k > 0:
        least = np.partition(scores[found], len(found) - k)[len(found) - k]
        found = found[scores[found] >= least]
    return found


def open_terms(folder: Path) -> Any:
    """The trie of an index's terms in ``folder``, memory-mapped; the number of a term is its column."""
    import marisa_trie

    terms = marisa_trie.Trie()
    terms.mmap(str(folder / "bm25.terms.marisa"))
    return terms
