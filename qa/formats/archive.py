"""ZIP archives: each file inside is read as it would be outside. Nothing is written to disk."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from qa.errors import ArticleError
from qa.formats import LARGEST, Room, member, packed
from qa.formats import SUFFIXES as KINDS
from qa.types import Article

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

__all__ = ["SUFFIXES", "read"]

SUFFIXES = (".zip",)
MOST_MEMBERS = 100_000
_CONTROL = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")  # a name is one line
_UTF8 = 0x800  # the bit that says that a name is UTF-8


def read(
    raw: bytes, *, source: str, encoding: str | None = None, room: Room | None = None
) -> list[Article | ArticleError]:
    """The articles of the files inside, by name; ``element`` begins with the name; what is refused, why.

    Hidden files and files of other kinds are passed over, as in a folder. Raises ArticleError where the
    archive as a whole cannot be read or holds more than it may.
    """
    room = Room() if room is None else room
    sha256 = hashlib.sha256(raw).hexdigest()
    found: list[Article | ArticleError] = []
    with packed.opened(raw, where=source, kind="ZIP") as package:
        for name, info in _members(package, source):
            where = f"{source}/{name}"
            try:
                _refuse_place(name, info, where)
                inside = _taken(package, info, where, room)
            except ArticleError as error:
                found.append(error)
            else:
                found += member(inside, name=name, source=source, sha256=sha256, encoding=encoding, room=room)
    if not found:
        raise ArticleError(f"{source}: holds no file that can be read", where=source)
    return found


def _members(package: ZipFile, source: str) -> Iterator[tuple[str, ZipInfo]]:
    """The files of known kinds with their names, sorted; a name that comes twice is taken once, the last."""
    if len(package.infolist()) > MOST_MEMBERS:
        raise ArticleError(f"{source}: holds more than {MOST_MEMBERS:,} files; split it", where=source)
    named = {_name(info): info for info in package.infolist() if info.filename and not info.is_dir()}
    for name in sorted(named):
        parts = PurePosixPath(name).parts
        hidden = any((part.startswith(".") and part != "..") or part == "__MACOSX" for part in parts)
        if not hidden and PurePosixPath(name).suffix.lower() in KINDS:
            yield name, named[name]


def _name(info: ZipInfo) -> str:
    """A member's name. Programs write it in the system's encoding, which zipfile takes for cp437."""
    name = info.filename
    if not info.flag_bits & _UTF8:
        stored = name.encode("cp437", "replace")
        for codec in ("utf-8", "gb18030"):
            try:
                name = stored.decode(codec)
                break
            except UnicodeDecodeError:
                continue
    return _CONTROL.sub("\ufffd", name.replace("\\", "/"))


def _refuse_place(name: str, info: ZipInfo, where: str) -> None:
    """Names that point out of the archive, and links: nobody packs them by accident."""
    if name.startswith("/") or ".." in PurePosixPath(name).parts or name[1:2] == ":":
        raise ArticleError(f"{where}: points out of the archive; refused", where=where)
    if stat.S_ISLNK(info.external_attr >> 16):
        raise ArticleError(f"{where}: is a link, not a file; refused", where=where)


def _taken(package: ZipFile, info: ZipInfo, where: str, room: Room) -> bytes:
    """The member's bytes, counted against what may still come out."""
    if info.file_size > room.left:
        raise ArticleError(
            f"{where}: the archive unpacks to more than {LARGEST:,} bytes; split it", where=where
        )
    inside = packed.unpacked(package, info, where=where)
    room.left -= len(inside)
    return inside
