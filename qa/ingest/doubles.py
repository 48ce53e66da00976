"""Articles that say the same: identical ones, and reprints that differ in a few words.

Reprints are found by MinHash (Broder 1997) over runs of four folded characters, white space and marks left
out, and grouped by what is alike: if A is a reprint of B and B of C, the three are one group.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
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
_CHUNK = 4096  # runs that are hashed at once
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
    made = MinHash(num_perm=PERMUTATIONS, hashfunc=zlib.crc32, scheme=_SCHEME)
    for start in range(0, len(runs), _CHUNK):
        made.update_batch([run.encode() for run in runs[start : start + _CHUNK]])
    return np.asarray(made.hashvalues, dtype=np.uint32)


def groups(signatures: Mapping[int, Signature]) -> dict[int, int]:
    """The group of each article, by row: the lowest row among its reprints, itself where it has none."""
    compared = {row: made for row, made in signatures.items() if made.any()}
    leader = {row: row for row in signatures}
    if len(compared) < 2:
        return leader
    from datasketch import MinHash, MinHashLSH

    near = MinHashLSH(threshold=ALIKE, num_perm=PERMUTATIONS)
    for row in sorted(compared):
        made = MinHash(hashvalues=compared[row], scheme=_SCHEME)
        for other in near.query(made):
            if float(np.mean(compared[other] == compared[row])) >= ALIKE:
                _join(leader, row, other)
        near.insert(row, made)
    return {row: _first(leader, row) for row in leader}


def _first(leader: dict[int, int], row: int) -> int:
    while leader[row] != row:
        leader[row] = leader[leader[row]]
        row = leader[row]
    return row


def _join(leader: dict[int, int], row: int, other: int) -> None:
    one, two = _first(leader, row), _first(leader, other)
    leader[max(one, two)] = min(one, two)
