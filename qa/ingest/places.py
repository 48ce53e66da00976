"""What lies under the PATHs now: every file with its stamp, which tells, unread, whether it is as it was.

A file whose size, times and inode are those of the last run is taken to hold what it held then. Where the
stamp differs, or the file was so fresh then that a later change could have left the same times, its bytes
are hashed; only where the hash differs too is it read. ``--rebuild`` reads everything.
"""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from qa import articles, index
from qa.errors import InputError
from qa.index import Root

__all__ = ["Place", "Stamp", "below", "survey", "unfit"]

SETTLED = 2_000_000_000  # nanoseconds; the coarsest clock of a file system in use (FAT) ticks every 2 s


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a file system tells of a file: bytes, times of its content and of its entry in ns, inode."""

    size: int
    modified: int
    changed: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> Stamp | None:
        """The stamp of the file at ``path`` (links followed); None where there is none to be had."""
        try:
            found = path.stat()
        except OSError:
            return None
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)

    def to_list(self) -> list[int]:
        """The four numbers, in the order of the fields."""
        return list(astuple(self))

    @property
    def settled(self) -> bool:
        """Whether a change from now on would show in the times."""
        return max(self.modified, self.changed) < time.time_ns() - SETTLED


@dataclass(frozen=True, slots=True)
class Place:
    """A file under the PATH numbered ``root``; ``file`` is its path below, empty where it is the PATH.

    ``refused``  why it cannot be looked into at all, empty where it can
    """

    root: int
    file: str
    path: Path
    stamp: Stamp | None = None
    refused: str = ""

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self.file or self.path.name


def survey(number: int, root: Root, own: Path) -> list[Place]:
    """The files under ``root``, by their names; those of an index, and above all of ``own``, left out.

    Raises InputError where the PATH is gone.
    """
    path = Path(root.path)
    if not path.exists():
        raise InputError(f"{path}: is gone; bring it back, or take it out: qa index --remove {path}")
    found = articles.find(path)
    shut = [Place(number, _shown(below(path, where)), where, None, why) for where, why in found.refused]
    files = [_place(number, path, file) for file in _outside_indexes(path, found.files, own)]
    return sorted(shut + files, key=lambda place: place.file)


def _place(number: int, root: Path, path: Path) -> Place:
    file = below(root, path)
    if problem := unfit(file):
        shown = _shown(file)
        return Place(number, shown, path, None, f"{shown}: {problem}")
    return Place(number, file, path, Stamp.of(path))


def below(root: Path, path: Path) -> str:
    """``path`` under ``root`` with ``/``; empty where it is the root itself."""
    return "" if path == root else path.relative_to(root).as_posix()


def unfit(name: str) -> str:
    """Why a file's name cannot stand in a citation, or nothing."""
    if any("\ud800" <= char <= "\udfff" for char in name):
        return "its name is not UTF-8; rename it"
    if any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in name):
        return "its name holds a line break or another control character; rename it"
    return ""


def _shown(name: str) -> str:
    """A name on one line. One that is not UTF-8 was most likely written in GBK."""
    if any("\ud800" <= char <= "\udfff" for char in name):
        raw = os.fsencode(name)
        try:
            name = raw.decode("gb18030")
        except UnicodeDecodeError:
            name = raw.decode("utf-8", "backslashreplace")
    return "".join(char if not unfit(char) else char.encode("unicode_escape").decode() for char in name)


def _outside_indexes(root: Path, files: Sequence[Path], own: Path) -> list[Path]:
    """``files`` but for those of an index, which would come in again with every run."""
    folders = {parent for file in files for parent in file.parents if parent.is_relative_to(root)}
    ours = {folder for folder in folders if _same(folder, own) or index.is_index(folder)}
    return [file for file in files if ours.isdisjoint(file.parents)]


def _same(path: Path, other: Path) -> bool:
    return other.exists() and path.samefile(other)
