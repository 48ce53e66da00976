"""What is left out of passages because it repeats across the articles of a folder (see ``qa.boilerplate``).

It is known only when the last article was read. So passages are cut from whole articles first, and cut once
more where something has to go; an update does that only for articles where what goes has changed.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from qa.boilerplate import GONE, repeated
from qa.types import Span

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from qa.ingest.reading import Part

__all__ = ["Repeats"]


@dataclass(frozen=True, slots=True)
class _Left:
    """What was left out of an article when its passages were cut: keys, and their places."""

    gone: frozenset[int]
    spans: tuple[Span, ...]


_NOTHING = _Left(frozenset(), ())


class Repeats:
    """The keys of the articles of a new generation, and what is left out of each."""

    def __init__(self) -> None:
        self._rows = array("q")
        self._keys = array("Q")
        self._folders = array("q")  # of each article
        self._numbers: dict[tuple[int, str], int] = {}
        self._left: dict[int, _Left] = {}
        self._mask: NDArray[np.bool_] = np.zeros(0, dtype=bool)

    def add(self, part: Part, root: int, file: str, *, whole: bool) -> None:
        """Take in the next article, of the file ``file`` under the PATH numbered ``root``.

        ``whole``: nothing was left out of its passages, whatever ``part`` says of an earlier generation.
        """
        row = len(self._folders)
        folder = (root, PurePosixPath(file).parent.as_posix())
        self._folders.append(self._numbers.setdefault(folder, len(self._numbers)))
        self._rows.extend([row] * len(part.repeats))
        self._keys.extend(part.repeats)
        if part.gone and not whole:
            self._left[row] = _Left(frozenset(part.gone), part.left_out)

    def changed(self, firsts: Sequence[int], groups: Mapping[int, int]) -> dict[int, frozenset[int]]:
        """What has to be left out of the articles whose passages were cut otherwise, by row.

        ``firsts``: the row of the first article that says the same; ``groups``: of reprints, by row.
        """
        rows, found = np.array(self._rows, dtype=np.int64), np.array(self._keys, dtype=np.uint64)
        first = np.array(firsts, dtype=np.int64)
        own = first[rows] == rows
        group = np.array([groups[row] for row in range(len(firsts))], dtype=np.int64)
        self._mask = np.zeros(len(rows), dtype=bool)
        self._mask[own] = repeated(rows[own], found[own], np.array(self._folders, dtype=np.int64), group)
        gone = self._by_row(rows, found)
        for at in np.flatnonzero(~own):  # a double is quoted like the one that it repeats
            self._mask[at] = int(found[at]) in gone.get(int(first[rows[at]]), ())
        gone = self._by_row(rows, found)
        every = sorted(gone.keys() | self._left.keys())
        wanted = {row: gone.get(row, frozenset()) for row in every}
        return {row: keys for row, keys in wanted.items() if keys != self._left.get(row, _NOTHING).gone}

    def _by_row(self, rows: NDArray[np.int64], found: NDArray[np.uint64]) -> dict[int, frozenset[int]]:
        gone: dict[int, set[int]] = {}
        for row, key in zip(rows[self._mask].tolist(), found[self._mask].tolist(), strict=True):
            gone.setdefault(row, set()).add(key)
        return {row: frozenset(keys) for row, keys in gone.items()}

    def leave_out(self, row: int, gone: frozenset[int], spans: tuple[Span, ...]) -> None:
        """Note that the article in ``row`` was cut anew, without ``spans``."""
        self._left.pop(row, None)
        if gone:
            self._left[row] = _Left(gone, spans)

    def save(self, folder: Path) -> None:
        """Write ``repeats.npy`` and ``left_out.npy``."""
        keys = np.array(self._keys, dtype=np.uint64)
        keys[np.flatnonzero(self._mask)] |= np.uint64(GONE)
        rows = np.array(self._rows, dtype=np.uint64)
        np.save(folder / "repeats.npy", np.stack([rows, keys], axis=1))
        spans = [(row, *_ends(span)) for row, left in sorted(self._left.items()) for span in left.spans]
        np.save(folder / "left_out.npy", np.array(spans, dtype=np.int32).reshape(-1, 3))


def _ends(span: Span) -> tuple[int, int]:
    return span.start, span.end
