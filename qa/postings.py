"""BM25's files from the terms of each passage, block by block: memory does not grow with the passages.

The result is that of ``BM25.build(…).save(…)`` over the same texts, byte for byte. Beside it lie the terms
of each passage, so that the next build need not segment it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

__all__ = ["Counted", "Vocabulary", "write_postings"]


@dataclass(frozen=True, slots=True)
class Counted:
    """The terms of consecutive passages.

    ``terms``   numbers of their distinct terms, int32 (cells,), passage after passage, each in the order in
                which its terms first come, so that the same text always gives the same cells
    ``counts``  how often each stands there, uint32 (cells,)
    ``sizes``   cells of each passage, int64 (passages,)
    """

    terms: Any
    counts: Any
    sizes: Any


Blocks = Callable[[], Iterable[Counted]]
Words = Callable[[Sequence[int]], list[str]]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The terms that are used. ``final`` gives each old number its column, -1 for a term that is not used."""

    trie: Any
    final: Any

    @classmethod
    def of(cls, used: Numbers, size: int, words: Words) -> Vocabulary:
        """The vocabulary of the term numbers ``used``, all below ``size``; ``words`` tells their terms."""
        import marisa_trie

        terms = words(used.tolist())
        trie = marisa_trie.Trie(sorted(terms))
        final = np.full(size, -1, dtype=np.int64)
        final[used] = [trie[term] for term in terms]
        return cls(trie, final)


def write_postings(
    folder: Path, blocks: Blocks, *, size: int, words: Words, k1: float = 1.2, b: float = 0.75
) -> None:
    """Write the lexical leg's files into ``folder``, from passages that ``blocks`` gives in order, twice.

    ``size``   one more than the highest term number
    ``words``  the terms of given numbers
    """
    df, lengths, most = _counted(blocks(), size)
    used = np.flatnonzero(df)
    vocabulary = Vocabulary.of(used, size, words)
    columns = np.zeros(len(used), dtype=np.int64)
    columns[vocabulary.final[used]] = df[used]
    n = len(lengths)
    idf = np.log1p((n - columns + 0.5) / (columns + 0.5))
    norm = k1 * (1 - b + b * lengths * n / max(lengths.sum(), 1.0))
    indptr = np.concatenate(([0], np.cumsum(columns))).astype(np.int64)
    vocabulary.trie.save(str(folder / "bm25.terms.marisa"))
    np.save(folder / "bm25.indptr.npy", indptr)
    _fill(folder, _final(blocks(), vocabulary), indptr, idf, norm, k1, most)


def _counted(blocks: Iterable[Counted], size: int) -> tuple[Numbers, Any, int]:
    """In how many passages each term stands, each passage's length in terms (float64), the highest count."""
    df, lengths, most = np.zeros(size, dtype=np.int64), [np.zeros(0)], 0
    for block in blocks:
        df += np.bincount(block.terms, minlength=size)
        lengths.append(_sums(block.counts, block.sizes))
        most = max(most, int(block.counts.max(initial=0)))
    return df, np.concatenate(lengths), most


def _sums(counts: Any, sizes: Any) -> Any:
    """The sum of each passage's counts, float64; a passage without terms has 0."""
    ends = np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))
    stops = np.cumsum(sizes)
    return (ends[stops] - ends[stops - sizes]).astype(np.float64)


def _final(blocks: Iterable[Counted], vocabulary: Vocabulary) -> Iterator[Counted]:
    """The blocks by their columns; within a passage the terms stay in the order of their first places."""
    for block in blocks:
        yield Counted(vocabulary.final[block.terms].astype(np.int32), block.counts, block.sizes)


def _fill(
    folder: Path, blocks: Iterable[Counted], indptr: Numbers, idf: Any, norm: Any, k1: float, most: int
) -> None:
    """The cells, by term in ``bm25.rows`` and ``bm25.shares`` and by passage in ``bm25.passage-…``."""
    cells, first, at = int(indptr[-1]), 0, 0
    rows = _array(folder / "bm25.rows.npy", np.int32, cells)
    shares = _array(folder / "bm25.shares.npy", np.float32, cells)
    terms = _array(folder / "bm25.passage-terms.npy", np.int32, cells)
    counts = _array(folder / "bm25.passage-counts.npy", np.min_scalar_type(most), cells)
    sizes = np.zeros(len(norm), dtype=np.int32)
    cursor = indptr[:-1].copy()
    for block in blocks:
        row = np.repeat(np.arange(first, first + len(block.sizes), dtype=np.int32), block.sizes)
        frequency = block.counts.astype(np.float64)
        share = idf[block.terms] * frequency * (k1 + 1) / (frequency + norm[row])
        places, order = _places(block.terms, cursor)
        rows[places], shares[places] = row[order], share[order].astype(np.float32)
        terms[at : at + len(row)], counts[at : at + len(row)] = block.terms, block.counts
        sizes[first : first + len(block.sizes)] = block.sizes
        first, at = first + len(block.sizes), at + len(row)
    np.save(folder / "bm25.passage-sizes.npy", sizes)


def _places(terms: Any, cursor: Numbers) -> tuple[Numbers, Numbers]:
    """Where the cells of a block go, ascending, and which cells these are; ``cursor`` moves on."""
    order = np.argsort(terms, kind="stable")
    ordered = terms[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    lengths = np.diff(np.append(starts, len(ordered)))
    column = ordered[starts]
    places = np.repeat(cursor[column] - starts, lengths) + np.arange(len(ordered))
    cursor[column] += lengths
    return places, order


def _array(path: Path, kind: Any, cells: int) -> Any:
    """A new array file to be filled in place; an empty one cannot be mapped."""
    if not cells:
        np.save(path, np.zeros(0, dtype=kind))
        return np.zeros(0, dtype=kind)
    return np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=(cells,))
