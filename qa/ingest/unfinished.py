"""What an interrupted run had finished, kept in ``unfinished/`` of the index folder until it is published.

Everything is found again by content: files by their stamp, passages by their key. So it does not matter
what changed between the run that was stopped and the next one, nor in which order things come. A batch is
a file of its own, written beside, synced and renamed: it is there whole or not at all.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from qa.index import UNFINISHED, batch_name, is_batch
from qa.ingest.places import Stamp
from qa.ingest.reading import Read

__all__ = ["Batches", "FileLog", "Kind", "LoggedFile"]

Kind = Literal["files", "terms", "vectors"]
FILES = 256  # in a batch at most
BYTES = 4_000_000  # of records in a batch, about
SECONDS = 5.0  # after which a batch is kept though it is small: some formats take long to read


class Batches:
    """The batches that are kept in one index folder. Call under its lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / UNFINISHED
        self._last: dict[Kind, int] = {}  # looked up once: a large build keeps thousands of batches

    def of(self, kind: Kind) -> list[Path]:
        """The batches of a kind, oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.iterdir() if is_batch(path.name, kind))

    def keep(self, kind: Kind, write: Callable[[IO[bytes]], object]) -> None:
        """Keep one more batch; ``write`` is given the open file."""
        self.folder.mkdir(exist_ok=True)
        if kind not in self._last:
            self._last[kind] = max((int(path.stem.rpartition("-")[2]) for path in self.of(kind)), default=0)
        self._last[kind] += 1
        path = self.folder / batch_name(kind, self._last[kind])
        beside = path.with_name(f"{path.name}.part")
        try:
            with beside.open("wb") as stream:
                write(stream)
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        handle = os.open(self.folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


@dataclass(frozen=True, slots=True)
class LoggedFile:
    """A file that was read before: what became of it, and where its records lie."""

    sha256: str
    refused: tuple[str, ...]
    batch: Path
    places: tuple[tuple[int, int], ...]  # offset and bytes of each record

    def lines(self) -> tuple[bytes, ...]:
        """The records of its articles."""
        with self.batch.open("rb") as stream:
            return tuple(_at(stream, offset, size) for offset, size in self.places)


def _at(stream: IO[bytes], offset: int, size: int) -> bytes:
    stream.seek(offset)
    return stream.read(size)


class FileLog:
    """The files that an interrupted run had read, and those that this one reads.

    ``made_by``  which code reads; what other code had read does not count
    """

    def __init__(self, batches: Batches, made_by: str) -> None:
        self._batches, self._made_by = batches, made_by
        self._known: dict[str, LoggedFile] = {}
        self._open: list[tuple[str, Read]] = []
        self._bytes = 0
        self._since = time.monotonic()
        for batch in batches.of("files"):
            self._load(batch)

    def find(self, path: str, stamp: Stamp | None, how: Sequence[object]) -> LoggedFile | None:
        """The file at ``path`` if it was read as it is now; ``how``: its name and settings."""
        return None if stamp is None else self._known.get(_place(path, stamp, how))

    def add(self, path: str, read: Read, how: Sequence[object]) -> None:
        """Remember a file that was read; a batch that is full is kept."""
        if read.stamp is None:
            return
        self._open.append((_place(path, read.stamp, how), read))
        self._bytes += sum(len(part.line) for part in read.parts)
        if len(self._open) >= FILES or self._bytes >= BYTES or time.monotonic() - self._since > SECONDS:
            self._batches.keep("files", self._write)
            self._open, self._bytes, self._since = [], 0, time.monotonic()

    def _write(self, stream: IO[bytes]) -> None:
        stream.write(json.dumps({"made_by": self._made_by}).encode() + b"\n")
        for place, read in self._open:
            head = {
                "place": place,
                "sha256": read.sha256,
                "refused": read.refused,
                "sizes": [len(part.line) for part in read.parts],
            }
            stream.write(json.dumps(head).encode() + b"\n")
            stream.writelines(part.line for part in read.parts)

    def _load(self, batch: Path) -> None:
        """Take in a batch; one that cannot be understood was made by another version, and is passed over."""
        with suppress(ValueError, KeyError, TypeError, AttributeError), batch.open("rb") as stream:
            if json.loads(stream.readline()).get("made_by") == self._made_by:
                self._known.update(_logged(stream, batch))


def _logged(stream: IO[bytes], batch: Path) -> Iterator[tuple[str, LoggedFile]]:
    while head := stream.readline():
        file: dict[str, Any] = json.loads(head)
        offset, places = stream.tell(), []
        for size in file["sizes"]:
            places.append((offset, size))
            offset += size
        stream.seek(offset)
        yield file["place"], LoggedFile(file["sha256"], tuple(file["refused"]), batch, tuple(places))


def _place(path: str, stamp: Stamp, how: Sequence[object]) -> str:
    """What must be the same for a file to be taken as read."""
    return json.dumps([path, stamp.to_list(), *how], sort_keys=True)
