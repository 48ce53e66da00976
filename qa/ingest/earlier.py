"""What the generation before still offers: files, their parts, and the rows of its passages by key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from qa.boilerplate import GONE
from qa.index import Generation
from qa.ingest.places import Place, Stamp
from qa.ingest.reading import Part, Piece, sha256_of, with_root

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Earlier", "EarlierFile"]


@dataclass(frozen=True, slots=True)
class EarlierFile:
    """A file as it was seen: its articles are ``count`` rows from ``first``."""

    file: str
    sha256: str
    refused: tuple[str, ...]
    first: int
    count: int
    stamp: Stamp | None


class Earlier:
    """A generation as a source for the next one."""

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self._files = dict(_files(generation))

    def made_by(self, what: str) -> str:
        """Which code made ``articles`` or ``terms`` (see ``makers``); empty where that is not known."""
        return str(self.generation.seen.get(what, ""))

    def under(self, root: str) -> list[EarlierFile]:
        """The files that were seen under the PATH ``root``, in order."""
        return [file for (path, _), file in self._files.items() if path == root]

    def same(self, root: str, place: Place) -> EarlierFile | None:
        """The file at ``place`` if it holds what it held: by its stamp, or else by its hash.

        One that could not be read, and still cannot, counts as the same.
        """
        known = self._files.get((root, place.file))
        if known is None or (known.stamp is not None and known.stamp == place.stamp):
            return known
        return known if sha256_of(place.path) == known.sha256 else None

    def parts(self, file: EarlierFile, root: int) -> Iterator[Part]:
        """The parts of a file, under the number that its PATH has now."""
        for row in range(file.first, file.first + file.count):
            line = self.generation.line(row)
            if self.generation.root_numbers[row] != root:
                line = with_root(line, root)
            repeats, gone = self._repeats(row)
            yield Part(
                line,
                self.generation.dates[row],
                self._contents[row],
                self._pieces(row),
                repeats,
                gone,
                self.generation.left_out(row),
            )

    def _repeats(self, row: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The keys of an article's own, and those of them that are left out of its passages."""
        stored = self._stored[self._keyed[row] : self._keyed[row + 1], 1].tolist()
        return tuple(key & ~GONE for key in stored), tuple(key & ~GONE for key in stored if key & GONE)

    def _pieces(self, row: int) -> tuple[Piece, ...] | None:
        """The passages of an article; None for a double, which has none of its own."""
        if self.generation.doubles[row, 0] != row:
            return None
        found = []
        for at in range(self._starts[row], self._starts[row + 1]):
            _, start, end, heading, page = self._table[at]
            place = None if page < 0 else page
            found.append(Piece(start, end, self.generation.headings[heading], place, self._keys[at]))
        return tuple(found)

    @cached_property
    def passage_rows(self) -> dict[bytes, int]:
        """The row of each passage by its key."""
        return {key: row for row, key in enumerate(self._keys)}

    @cached_property
    def signatures(self) -> dict[bytes, NDArray[np.uint32]]:
        """The MinHash signature of each article by the key of its content."""
        found = self.generation.array("signatures")
        firsts = [row for row in range(len(found)) if self.generation.first(row) == row]
        return {self._contents[row]: found[row] for row in firsts}

    @cached_property
    def _stored(self) -> NDArray[np.uint64]:
        """uint64 (keys, 2): article row and key."""
        found: NDArray[np.uint64] = self.generation.array("repeats")
        return found

    @cached_property
    def _keyed(self) -> list[int]:
        """The first of the stored keys of each article, and the end of the last."""
        bounds = np.arange(len(self.generation) + 1, dtype=np.uint64)
        starts: list[int] = np.searchsorted(self._stored[:, 0], bounds).tolist()
        return starts

    @cached_property
    def _keys(self) -> list[bytes]:
        return _cut(self.generation.array("passages.keys"))

    @cached_property
    def _contents(self) -> list[bytes]:
        return _cut(self.generation.array("articles.keys"))

    @cached_property
    def _table(self) -> list[list[int]]:
        table: list[list[int]] = self.generation.table().tolist()
        return table

    @cached_property
    def _starts(self) -> list[int]:
        """The first passage of each article, and the end of the last."""
        rows = self.generation.article_rows()
        starts: list[int] = np.searchsorted(rows, np.arange(len(self.generation) + 1)).tolist()
        return starts


def _cut(keys: Any) -> list[bytes]:
    """The rows of uint8 (n, 16) as bytes."""
    whole = np.ascontiguousarray(keys).tobytes()
    return [whole[at : at + 16] for at in range(0, len(whole), 16)]


def _files(generation: Generation) -> Iterator[tuple[tuple[str, str], EarlierFile]]:
    roots, stamps = generation.manifest.roots, generation.seen.get("stamps", [])
    first = 0
    for at, seen in enumerate(generation.json("files.json")):
        stamp = stamps[at] if at < len(stamps) else None
        yield (
            (roots[seen["root"]].path, seen["file"]),
            EarlierFile(
                seen["file"],
                seen["sha256"],
                tuple(seen["refused"]),
                first,
                seen["articles"],
                None if stamp is None else Stamp(*stamp),
            ),
        )
        first += seen["articles"]
