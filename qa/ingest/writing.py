"""The files of a new generation, written as their articles come."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from qa.ingest.places import Stamp
from qa.ingest.reading import Lines, Part, Piece, Shorter, cut_lines, passage_of
from qa.ingest.repeats import Repeats
from qa.passages import indexed_text
from qa.settings import PassageSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["File", "Firsts", "Writer"]


@dataclass(frozen=True, slots=True)
class File:
    """One file as it goes into a generation: place, checksum, number of articles, what was refused."""

    root: int
    file: str
    sha256: str
    articles: int = 0
    refused: tuple[str, ...] = ()
    stamp: Stamp | None = None

    def to_dict(self) -> dict[str, Any]:
        """Its entry in ``files.json``."""
        return {
            "root": self.root,
            "file": self.file,
            "sha256": self.sha256,
            "articles": self.articles,
            "refused": list(self.refused),
        }


class Firsts:
    """Which article says first what another one says. ``fold``: whether that matters at all."""

    def __init__(self, *, fold: bool) -> None:
        self._fold = fold
        self._rows: dict[bytes, int] = {}
        self.rows: list[int] = []

    def add(self, content: bytes) -> bool:
        """Take in the next article; whether it is the first that says this."""
        row = len(self.rows)
        first = self._rows.setdefault(content, row) if self._fold else row
        self.rows.append(first)
        return first == row

    @property
    def doubles(self) -> int:
        """How many articles only say again what another one says."""
        return sum(first != row for row, first in enumerate(self.rows))


class Writer:
    """Takes in files with their parts, in order; a double is recorded, but has no passages of its own."""

    def __init__(self, folder: Path, settings: PassageSettings, *, fold: bool) -> None:
        """``folder``: the new generation's, empty; ``fold``: whether doubles are told."""
        self._folder, self._settings = folder, settings
        self._records = (folder / "articles.jsonl").open("wb")
        self._places = array("q")
        self._table = array("i")  # article, start, end, number of the heading, page
        self._starts = array("q", [0])  # first passage of each article, and the end
        self._headings: dict[tuple[str, ...], int] = {}
        self._catalogue: list[tuple[int, str, str | None]] = []
        self.files: list[File] = []
        self.firsts = Firsts(fold=fold)
        self.repeats = Repeats()
        self.keys: list[bytes] = []
        self.contents: list[bytes] = []

    def close(self) -> None:
        """Close the records; no more can be added."""
        self._records.close()

    def add(self, file: File, parts: Iterable[Part]) -> None:
        """Take in a file; the number of its parts is counted here."""
        before = len(self.contents)
        for part in parts:
            self._add(part, file)
        count = len(self.contents) - before
        self.files.append(File(file.root, file.file, file.sha256, count, file.refused, file.stamp))

    def _add(self, part: Part, file: File) -> None:
        row = len(self.contents)
        self._places.append(self._records.tell())
        self._records.write(part.line)
        self._catalogue.append((file.root, file.file, part.date))
        self.contents.append(part.content)
        first = self.firsts.add(part.content)
        self.repeats.add(part, file.root, file.file, whole=first and part.pieces is None)
        self._append(row, self._pieces(part, file.root) if first else ())

    def _append(self, row: int, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            heading = self._headings.setdefault(piece.heading, len(self._headings))
            page = -1 if piece.page is None else piece.page
            self._table.extend((row, piece.start, piece.end, heading, page))
            self.keys.append(piece.key)
        self._starts.append(len(self.keys))

    def _pieces(self, part: Part, root: int) -> tuple[Piece, ...]:
        """The passages of a part; what was a double before was not cut then."""
        if part.pieces is not None:
            return part.pieces
        (again,) = cut_lines(Lines((part.line,), root, self._settings))
        assert again.pieces is not None
        return again.pieces

    def shorter(self, gone: Mapping[int, frozenset[int]]) -> Iterator[Shorter]:
        """What has to be cut again without ``gone``, by row."""
        return (Shorter(self._line(row), keys, self._settings) for row, keys in gone.items())

    def recut(self, made: Mapping[int, tuple[Piece, ...]]) -> None:
        """Put other passages in the place of those of some articles, by row; a double has none."""
        table, starts, keys, headings = self._table, self._starts, self.keys, list(self._headings)
        self._table, self._starts, self.keys, self._headings = array("i"), array("q", [0]), [], {}
        for row, first in enumerate(self.firsts.rows):
            if first == row and row in made:
                self._append(row, made[row])
            else:
                span = range(starts[row], starts[row + 1])
                self._append(row, (_piece(table, keys, at, headings) for at in span))

    def texts(self, wanted: set[bytes]) -> Iterator[tuple[bytes, str]]:
        """Key and indexed text of each passage in ``wanted``, once, in order."""
        left = set(wanted)
        headings = list(self._headings)
        for row in range(len(self.contents)):
            span = range(self._starts[row], self._starts[row + 1])
            inside = [at for at in span if self.keys[at] in left]
            if inside:
                pieces = [_piece(self._table, self.keys, at, headings) for at in inside]
                for piece, passage in zip(pieces, passage_of(self._line(row), pieces), strict=True):
                    if piece.key in left:
                        left.remove(piece.key)
                        yield piece.key, indexed_text(passage)

    def article_texts(self, rows: Iterable[int]) -> Iterator[str]:
        """The text of the articles in ``rows``."""
        return (json.loads(self._line(row))["text"] for row in rows)

    def _line(self, row: int) -> bytes:
        """The record in ``row``; only once the records are closed."""
        with (self._folder / "articles.jsonl").open("rb") as stream:
            stream.seek(self._places[row])
            return stream.readline()

    def finish(self, groups: Mapping[int, int], signatures: NDArray[np.uint32]) -> None:
        """Write all that is known by now: ``groups`` of reprints and ``signatures``, both by row."""
        self._write("articles", np.array(self._places, dtype=np.int64))
        self._write("articles.keys", _keys(self.contents))
        self._write("signatures", signatures)
        firsts = np.array(self.firsts.rows, dtype=np.int32)
        grouped = np.array([groups[row] for row in self.firsts.rows], dtype=np.int32)
        self._write("doubles", np.stack([firsts, grouped], axis=1))
        self.repeats.save(self._folder)
        self._json("catalogue", self._catalogue)
        self._json("files", [file.to_dict() for file in self.files])
        self._passages()

    def _passages(self) -> None:
        ordered = {heading: at for at, heading in enumerate(sorted(self._headings))}
        final = np.array([ordered[heading] for heading in self._headings], dtype=np.int32)
        table = np.array(self._table, dtype=np.int32).reshape(-1, 5)
        if len(table):
            table[:, 3] = final[table[:, 3]]
        self._write("passages", table)
        self._write("passages.keys", _keys(self.keys))
        self._json("headings", [list(heading) for heading in ordered])

    def _write(self, name: str, values: Any) -> None:
        np.save(self._folder / f"{name}.npy", values)

    def _json(self, name: str, value: object) -> None:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=0)
        (self._folder / f"{name}.json").write_text(text, encoding="utf-8")


def _piece(table: array[int], keys: Sequence[bytes], at: int, headings: Sequence[tuple[str, ...]]) -> Piece:
    _, start, end, heading, page = table[5 * at : 5 * at + 5]
    return Piece(start, end, headings[heading], None if page < 0 else page, keys[at])


def _keys(keys: Sequence[bytes]) -> Any:
    """uint8 (n, 16)."""
    return np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, 16)
