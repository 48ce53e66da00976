"""Articles that say the same: identical ones, and reprints that differ in a few words.

Reprints are found by MinHash (Broder 1997) over runs of four folded characters, white space and marks left
out, and grouped by what is alike: if A is a reprint of B and B of C, the three are one group.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from qa.text import fold

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Signature = NDArray[np.uint32]

__all__ = ["groups", "sign", "signature"]

PERMUTATIONS = 128  # the standard error of a similarity is at most 1 / (2 * sqrt(128)) = 0.044
RUN = 4  # characters; runs of three are shared by chance in long articles, of five lost at every edit
ALIKE = 0.6  # estimated Jaccard similarity from which two articles are reprints
SHORTEST = 60  # runs; shorter texts (rows of a table, notices) are alike without being reprints
NEIGHBOURS = 16  # articles of one band that each is compared with; a few are enough to join them all
_CHUNK = 4096  # runs that are hashed at once
_SEED = 1
_SCHEME: Any = "affine32"


def sign(texts: Sequence[str]) -> list[Signature]:
    """The signature of each text."""
    return [signature(text) for text in texts]


def signature(text: str) -> Signature:
    """uint32 (PERMUTATIONS,); zeros for a text that is too short to be compared."""
    from datasketch import MinHash

    bare = "".join(char for char in fold(text) if char.isalnum())
    runs = sorted({bare[at : at + RUN] for at in range(len(bare) - RUN + 1)})
    if len(runs) < SHORTEST:
        return np.zeros(PERMUTATIONS, dtype=np.uint32)
    made = MinHash(num_perm=PERMUTATIONS, seed=_SEED, hashfunc=zlib.crc32, scheme=_SCHEME)
    for start in range(0, len(runs), _CHUNK):
        made.update_batch([run.encode() for run in runs[start : start + _CHUNK]])
    return np.asarray(made.hashvalues, dtype=np.uint32)


def groups(signatures: Mapping[int, Signature]) -> dict[int, int]:
    """The group of each article, by row: the lowest row among its reprints, itself where it has none."""
    rows = [row for row in sorted(signatures) if signatures[row].any()]
    leader = {row: row for row in signatures}
    if len(rows) > 1:
        matrix = np.stack([signatures[row] for row in rows])
        for one, other in _candidates(matrix):
            if float(np.mean(matrix[one] == matrix[other])) >= ALIKE:
                _join(leader, rows[one], rows[other])
    return {row: _first(leader, row) for row in leader}


def _candidates(matrix: NDArray[np.uint32]) -> Iterator[tuple[int, int]]:
    """Pairs of rows of uint32 (articles, PERMUTATIONS) that share a band, and so may be alike.

    The bands are the library's for this similarity. They are sorted here, one at a time, where the library
    would keep a table of each.
    """
    from datasketch import MinHashLSH

    for start, end in MinHashLSH(threshold=ALIKE, num_perm=PERMUTATIONS).hashranges:
        band = matrix[:, start:end]
        order = np.lexsort(band.T)
        equal = (band[order[1:]] == band[order[:-1]]).all(axis=1)
        first = 0
        for at in range(1, len(order)):
            first = first if equal[at - 1] else at
            for other in {first, *range(max(first, at - NEIGHBOURS), at)} - {at}:
                yield int(order[other]), int(order[at])


def _first(leader: dict[int, int], row: int) -> int:
    while leader[row] != row:
        leader[row] = leader[leader[row]]
        row = leader[row]
    return row


def _join(leader: dict[int, int], row: int, other: int) -> None:
    one, two = _first(leader, row), _first(leader, other)
    leader[max(one, two)] = min(one, two)
