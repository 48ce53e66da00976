"""BM25's files from the terms of each passage, block by block: memory does not grow with the passages.

The result is that of ``BM25.build(…).save(…)`` over the same texts, byte for byte, unless there are so many
that it is thinned. Beside it lie the terms of each passage, so that the next build need not segment it
again. The columns are made of those, some at a time; every file is written from its beginning to its end.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from qa.text import is_han

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

__all__ = ["THINNING", "Counted", "Thinning", "Vocabulary", "write_postings"]

BLOCK = 2048  # passages whose cells are sorted at once
HELD = 1 << 25  # cells
LEVELS = 255  # of a share in one byte: a term's highest and 254 parts of it


@dataclass(frozen=True, slots=True)
class Thinning:
    """What a large index leaves out.

    ``above``  it is large with more passages than this; others are kept whole
    ``share``  an n-gram that stands in more than this share of the passages is dropped, 0 to 1. Words stay
               whatever their share: in a collection about one thing, its name stands nearly everywhere
    """

    above: int
    share: float


THINNING = Thinning(above=50_000, share=0.2)  # the loss by share: benchmarks/README.md


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
        final = np.full(size, -1, dtype=np.int32)
        final[used] = np.fromiter((trie[term] for term in terms), dtype=np.int32, count=len(terms))
        return cls(trie, final)


def write_postings(
    folder: Path,
    blocks: Blocks,
    *,
    size: int,
    words: Words,
    k1: float = 1.2,
    b: float = 0.75,
    thinning: Thinning = THINNING,
    held: int = HELD,
) -> None:
    """Write the lexical leg's files into ``folder``, from passages that ``blocks`` gives in order, twice.

    ``size``   one more than the highest term number
    ``words``  the terms of given numbers
    ``held``   cells that are held in memory at once, about 10 bytes each; the files do not depend on it
    """
    df, lengths, most = _counted(blocks(), size)
    used = np.flatnonzero(df)
    vocabulary = Vocabulary.of(used, size, words)
    vocabulary.trie.save(str(folder / "bm25.terms.marisa"))
    columns = np.zeros(len(used), dtype=np.int64)
    columns[vocabulary.final[used]] = df[used]
    passages = _write_passages(folder, _final(blocks(), vocabulary), len(lengths), int(df.sum()), most)
    scoring = _Scoring.of(columns, lengths, k1, b)
    kept = np.ones(len(columns), dtype=bool)
    thinned = len(lengths) > thinning.above
    if thinned:
        kept[_frequent_grams(vocabulary, columns > thinning.share * len(lengths))] = False
        said = {"dropped": int((~kept).sum()), "k1": k1, "levels": LEVELS, "share": thinning.share}
        (folder / "bm25.json").write_text(json.dumps(said, sort_keys=True) + "\n", encoding="utf-8")
    _write_columns(folder, passages, scoring, kept, held, np.uint8 if thinned else np.float32)


def _frequent_grams(vocabulary: Vocabulary, frequent: Any) -> list[int]:
    """The columns of the ``frequent`` ones, bool (columns,), that are n-grams: these begin with a Han."""
    columns = np.flatnonzero(frequent).tolist()
    return [column for column in columns if is_han(vocabulary.trie.restore_key(column)[0])]


@dataclass(frozen=True, slots=True)
class _Scoring:
    """What a share is made of: ``df`` and ``idf`` by column, ``norm`` by passage."""

    df: Numbers
    idf: Any
    norm: Any
    k1: float

    @classmethod
    def of(cls, df: Numbers, lengths: Any, k1: float, b: float) -> _Scoring:
        n = len(lengths)
        idf = np.log1p((n - df + 0.5) / (df + 0.5))
        return cls(df, idf, k1 * (1 - b + b * lengths * n / max(lengths.sum(), 1.0)), k1)

    def shares(self, columns: Any, counts: Any, rows: Any, kind: Any) -> Any:
        """The shares of cells; as uint8 in parts of the most that their terms can give, and never 0."""
        frequency = counts.astype(np.float64)
        if kind is np.uint8:
            return np.maximum(np.rint(LEVELS * frequency / (frequency + self.norm[rows])), 1)
        return self.idf[columns] * frequency * (self.k1 + 1) / (frequency + self.norm[rows])


def _counted(blocks: Iterable[Counted], size: int) -> tuple[Numbers, Any, int]:
    """In how many passages each term stands, each passage's length in terms (float64), the highest count."""
    df, lengths, most = np.zeros(size, dtype=np.int64), [np.zeros(0)], 0
    for block in blocks:
        np.add.at(df, block.terms, 1)
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


@dataclass(frozen=True, slots=True)
class _Passages:
    """The cells by passage, as they lie on the disk; ``narrow``: the kind of the counts."""

    terms: Path
    counts: Path
    narrow: Any
    sizes: Any

    def blocks(self) -> Iterator[tuple[Any, Any, Any]]:
        """Columns, counts and rows of the cells, some passages at a time, read and not mapped."""
        left = int(self.sizes.sum())
        with self.terms.open("rb") as terms, self.counts.open("rb") as counts:
            for stream, kind in ((terms, np.dtype(np.int32)), (counts, self.narrow)):
                stream.seek(-left * kind.itemsize, os.SEEK_END)  # behind the header
            for start in range(0, len(self.sizes), BLOCK):
                sizes = self.sizes[start : start + BLOCK]
                cells = int(sizes.sum())
                rows = np.repeat(np.arange(start, start + len(sizes), dtype=np.int32), sizes)
                yield np.fromfile(terms, np.int32, cells), np.fromfile(counts, self.narrow, cells), rows


def _write_passages(
    folder: Path, blocks: Iterable[Counted], passages: int, cells: int, most: int
) -> _Passages:
    """The cells by passage, in the order in which they come: ``bm25.passage-…``."""
    sizes, first = np.zeros(passages, dtype=np.int32), 0
    narrow = np.min_scalar_type(most)
    made = _Passages(folder / "bm25.passage-terms.npy", folder / "bm25.passage-counts.npy", narrow, sizes)
    with _array(made.terms, np.int32, cells) as terms, _array(made.counts, narrow, cells) as counts:
        for block in blocks:
            block.terms.astype(np.int32).tofile(terms)
            block.counts.astype(narrow).tofile(counts)
            sizes[first : first + len(block.sizes)] = block.sizes
            first += len(block.sizes)
    np.save(folder / "bm25.passage-sizes.npy", sizes)
    return made


def _write_columns(
    folder: Path, passages: _Passages, scoring: _Scoring, kept: Any, held: int, kind: Any
) -> None:
    """The cells by term, ``bm25.rows`` and ``bm25.shares``: as many columns at a time as may be held."""
    indptr = np.concatenate(([0], np.cumsum(np.where(kept, scoring.df, 0)))).astype(np.int64)
    np.save(folder / "bm25.indptr.npy", indptr)
    cells = int(indptr[-1])
    with (
        _array(folder / "bm25.rows.npy", np.int32, cells) as rows,
        _array(folder / "bm25.shares.npy", kind, cells) as shares,
    ):
        for first, last in _ranges(indptr, held):
            found = _columns(passages, scoring, kept, indptr[first : last + 1], first, kind)
            found[0].tofile(rows)
            found[1].tofile(shares)


def _ranges(indptr: Numbers, held: int) -> Iterator[tuple[int, int]]:
    """Consecutive columns that have at most ``held`` cells together, or one column that has more."""
    first, end = 0, len(indptr) - 1
    while first < end:
        last = int(np.searchsorted(indptr, indptr[first] + held, side="right")) - 1
        last = min(max(last, first + 1), end)
        yield first, last
        first = last


def _columns(
    passages: _Passages, scoring: _Scoring, kept: Any, indptr: Numbers, first: int, kind: Any
) -> tuple[Any, Any]:
    """Rows and shares of the columns from ``first`` on, those that are ``kept``; ``indptr``: their own."""
    rows = np.empty(int(indptr[-1] - indptr[0]), dtype=np.int32)
    shares = np.empty(len(rows), dtype=kind)
    cursor = indptr[:-1] - indptr[0]
    wanted = np.zeros(len(kept), dtype=bool)
    wanted[first : first + len(cursor)] = kept[first : first + len(cursor)]
    for terms, counts, row in passages.blocks():
        if not wanted.all():
            inside = wanted[terms]
            terms, counts, row = terms[inside], counts[inside], row[inside]
        places, order = _places(terms - first, cursor)
        rows[places] = row[order]
        shares[places] = scoring.shares(terms, counts, row, kind)[order]
    return rows, shares


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


@contextmanager
def _array(path: Path, kind: Any, cells: int) -> Iterator[IO[bytes]]:
    """A new array file that is written from its beginning to its end, as ``np.save`` would write it."""
    header = {"descr": np.dtype(kind).str, "fortran_order": False, "shape": (cells,)}
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        yield stream
