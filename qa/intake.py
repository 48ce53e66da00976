"""What people upload on its way into a collection: checked, set aside, moved in whole or not at all.

A batch is staged in a hidden folder beside the files of the collection, on the same disk, which indexing
passes over. Before anything moves, a journal there says what will, so that what a killed process left half
done can be undone by the next change.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal

from qa import articles
from qa.errors import ArticleError, IndexFolderError, InputError, QaError
from qa.index import Generation, read_manifest
from qa.names import file_name, folded, untaken

__all__ = [
    "Collection",
    "FileResult",
    "FileState",
    "Intake",
    "Limits",
    "Upload",
    "move_in",
    "recover",
    "staging_beside",
    "told",
    "write_synced",
]

_INCOMING = ".incoming-"
_CHUNK = 1 << 20  # bytes copied at a time

Progress = Callable[[str, int, int], None]
FileState = Literal["added", "duplicate", "refused"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much people may upload; bytes are those of the files as they are."""

    file_bytes: int = 50_000_000
    files: int = 2_000  # of one collection
    total_bytes: int = 500_000_000  # of one collection
    collections: int = 100


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that has arrived: where it lies now, and what the client calls it."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of one uploaded file.

    ``name``    what the client calls it, cleaned
    ``reason``  for people: why it was refused, which file it equals, or what of it could not be read
    ``source``  what citations call it, where it is in the collection
    """

    name: str
    state: FileState
    reason: str = ""
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection as it stands.

    ``root``      the folder or file that is indexed; None where there are several
    ``uploads``   where uploaded files go, in ``root``; None where it takes none
    ``own``       whether it was made through the page, and so can be deleted
    ``articles``, ``passages``  how many; 0 while it is empty
    ``problem``   why it cannot be asked although it is not empty
    """

    name: str
    index: Path
    root: Path | None
    uploads: Path | None
    own: bool
    articles: int = 0
    passages: int = 0
    problem: str | None = None

    def removable(self, source: str) -> bool:
        """Whether the file that citations call ``source`` may be removed: it was uploaded, and is there."""
        return self.file(source) is not None

    def file(self, source: str) -> Path | None:
        """The uploaded file that citations call ``source``; None where there is none."""
        parts = PurePosixPath(source).parts
        if self.root is None or self.uploads is None or ".." in parts or "\0" in source:
            return None
        path = self.root / source
        return path if path.is_relative_to(self.uploads) and path.is_file() else None


# ---- what uploads go through


@dataclass
class Intake:
    """One batch of files on its way into a collection."""

    collection: Collection
    staging: Path
    limits: Limits
    arrived: dict[str, str] = field(default_factory=dict)  # checksum → what citations will call it

    def receive(self, uploads: Sequence[Upload], progress: Progress) -> tuple[FileResult, ...]:
        """What becomes of each; those to be added lie in ``staging`` under their names to come."""
        results = []
        for done, upload in enumerate(uploads, start=1):
            results.append(self._result(upload))
            progress("check", done, len(uploads))
        return tuple(results)

    def _result(self, upload: Upload) -> FileResult:
        name = file_name(upload.name)
        try:
            return self._taken(upload.path, name)
        except InputError as refused:
            return FileResult(name, "refused", str(refused))
        except ArticleError as unread:
            reason = str(unread).removeprefix(f"{name}: ")
            return FileResult(name, "refused", f"无法读取：{_in_chinese(reason)}{reason}")

    def _taken(self, path: Path, name: str) -> FileResult:
        size = self._size(path)
        held, checksum = self.staging / "held", hashlib.sha256()
        try:
            _copy(path, held, checksum.update, self.limits.file_bytes)
            same = self.arrived.get(checksum.hexdigest()) or self._stored(size, checksum.hexdigest())
            if same is not None:
                return FileResult(name, "duplicate", f"与已有的 {same} 内容相同；is the same as {same}", same)
            note = self._note(held, name)
            kept = untaken(name, self._taken_names)
            held.rename(self.staging / "files" / kept)
        finally:
            held.unlink(missing_ok=True)
        source = self._source(kept)
        self._taken_names.add(folded(kept))
        self._room[0] -= 1
        self._room[1] -= size
        self.arrived[checksum.hexdigest()] = source
        if kept != name:
            note = "；".join(filter(None, (f"已有同名文件，存为 {kept}；kept as {kept}", note)))
        return FileResult(name, "added", note, source)

    def _size(self, path: Path) -> int:
        """Bytes of a file that may come in; raises InputError for one that may not."""
        try:
            facts = path.stat()
        except OSError as error:
            raise InputError(f"上传的文件不见了，请再试一次；it is gone ({error.strerror})") from error
        if not stat.S_ISREG(facts.st_mode):
            raise InputError("不是普通文件；is not a regular file")
        most = self.limits.file_bytes
        if facts.st_size > most:
            raise InputError(f"太大，每个文件最多 {_bytes(most)}；is larger than {_bytes(most)}")
        if self._room[0] < 1:
            raise InputError(f"合集里最多 {self.limits.files} 个文件；the collection is full")
        if facts.st_size > self._room[1]:
            total = _bytes(self.limits.total_bytes)
            raise InputError(f"合集总共最多 {total}，放不下了；the collection would be larger than {total}")
        return facts.st_size

    def _note(self, held: Path, name: str) -> str:
        """What of the file cannot be read, for people. Raises ArticleError where nothing can."""
        # The suffix tells the format, so it is read under its own name.
        named = self.staging / "read" / name
        held.rename(named)
        try:
            contents = articles.read(named, source=name, encoding=self._encoding)
        except ArticleError:
            raise
        except Exception as error:
            logging.getLogger(__name__).exception("an uploaded file could not be read")
            raise ArticleError("文件可能已损坏；it may be damaged", where=name) from error
        finally:
            named.rename(held)
        if not contents.refused:
            return ""
        first = contents.refused[0].removeprefix(f"{name}: ").removeprefix(f"{name}:")
        return f"{len(contents.refused)} 处未能读入，例如：{first}"

    @cached_property
    def _encoding(self) -> str | None:
        """What the files of the collection's PATH are decoded with."""
        manifest = read_manifest(self.collection.index)
        return None if manifest is None else manifest.roots[0].encoding

    @cached_property
    def _uploads(self) -> Path:
        assert self.collection.uploads is not None
        return self.collection.uploads

    @cached_property
    def _taken_names(self) -> set[str]:
        return {folded(entry.name) for entry in self._uploads.iterdir()}

    @cached_property
    def _room(self) -> list[int]:
        """Files and bytes that may still come."""
        sizes = [file.stat().st_size for file in self._uploads.rglob("*") if file.is_file()]
        return [self.limits.files - len(sizes), self.limits.total_bytes - sum(sizes)]

    @cached_property
    def _by_size(self) -> dict[int, list[Path]]:
        assert self.collection.root is not None
        found: dict[int, list[Path]] = {}
        for file in articles.find(self.collection.root).files:
            with suppress(OSError):
                found.setdefault(file.stat().st_size, []).append(file)
        return found

    def _stored(self, size: int, checksum: str) -> str | None:
        """What citations call the file of the collection that has this content."""
        assert self.collection.root is not None
        for file in self._by_size.get(size, ()):
            with suppress(OSError), file.open("rb") as stream:
                if hashlib.file_digest(stream, "sha256").hexdigest() == checksum:
                    return file.relative_to(self.collection.root).as_posix()
        return None

    def _source(self, kept: str) -> str:
        assert self.collection.root is not None
        return (self._uploads / kept).relative_to(self.collection.root).as_posix()


# What readers of files say in English, in order; the first that fits is told in Chinese before it.
_REASONS = (
    (r"\bpassword\b", "有密码，请去掉密码后再上传"),
    (r"protected against copying", "有版权保护，读不出文字"),
    (r"not text|^is .+, not .+; give it", "内容不是文章，像是程序、图片或别的格式"),
    (r"empty file|holds no (?:text|file)", "里面没有文字"),
    (r"scanned", "是扫描件，只有图片，没有文字"),
    (r"not supported|not installed", "不支持这种格式"),
    (r"refused as a bomb|times its size|too deeply|files deep|split it", "展开后太大，请拆成几个文件"),
    (r"encoding|decode|ISO-2022|byte order", "认不出文字编码，请另存为 UTF-8"),
    (r"damaged|cut off|not sound|get it again|save it (?:again|anew)|cannot be read", "文件可能已损坏"),
)


def _in_chinese(reason: str) -> str:
    """What ``reason`` comes down to, with a mark behind it; empty where it is Chinese or not known."""
    if not reason.isascii() and re.match(r"[\u4e00-\u9fff]", reason):
        return ""
    return next((f"{told}；" for sign, told in _REASONS if re.search(sign, reason)), "")


def _copy(path: Path, to: Path, seen: Callable[[bytes], object], most: int) -> None:
    """Copy a file, synced; one that grew beyond ``most`` bytes meanwhile raises InputError."""
    with path.open("rb") as source, to.open("xb") as target:
        while chunk := source.read(_CHUNK):
            seen(chunk)
            target.write(chunk)
            if target.tell() > most:
                raise InputError(f"太大，每个文件最多 {_bytes(most)}；is larger than {_bytes(most)}")
        target.flush()
        os.fsync(target.fileno())


def _bytes(number: int) -> str:
    return f"{number / 1_000_000:g} MB"


# ---- whole or not at all


@contextmanager
def staging_beside(collection: Collection) -> Iterator[Path]:
    """A hidden folder beside the files, which indexing passes over; whatever happens, it goes.

    The folder for uploads is there meanwhile, and goes again if nothing came into it.
    """
    assert collection.root is not None
    assert collection.uploads is not None
    with told(collection.root):
        staging = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=collection.root))
        try:
            (staging / "files").mkdir()
            (staging / "read").mkdir()
            collection.uploads.mkdir(exist_ok=True)
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            if not collection.own:
                with suppress(OSError):
                    collection.uploads.rmdir()


def move_in(collection: Collection, staging: Path, index: Callable[[], object]) -> None:
    """Move what lies in ``staging`` into the collection and index it, or take it all back."""
    assert collection.uploads is not None
    names = sorted(entry.name for entry in (staging / "files").iterdir())
    write_synced(staging / "moved.json", json.dumps(names))
    moved = []
    try:
        for name in names:
            (staging / "files" / name).rename(collection.uploads / name)
            moved.append(collection.uploads / name)
        _sync_folder(collection.uploads)
        index()
    except BaseException:
        for path in moved:
            path.unlink(missing_ok=True)
        raise


def recover(collection: Collection) -> None:
    """Undo what a process that was killed in the middle of a change has left. Call while writing."""
    assert collection.root is not None
    for staging in sorted(collection.root.glob(f"{_INCOMING}*")):
        with suppress(OSError, ValueError):
            _take_back(collection, json.loads((staging / "moved.json").read_text("utf-8")))
        with suppress(OSError, ValueError):
            _put_back(collection, staging, json.loads((staging / "removed.json").read_text("utf-8")))
        shutil.rmtree(staging, ignore_errors=True)


def _take_back(collection: Collection, names: Sequence[str]) -> None:
    """Remove the files among ``names`` that were moved in and never indexed."""
    assert collection.root is not None
    assert collection.uploads is not None
    indexed = _sources(collection)
    for path in (collection.uploads / name for name in names):
        if indexed is not None and path.relative_to(collection.root).as_posix() not in indexed:
            path.unlink(missing_ok=True)


def _put_back(collection: Collection, staging: Path, source: str) -> None:
    """Bring back a file that was moved out while the index still has it."""
    assert collection.root is not None
    indexed = _sources(collection)
    if (staging / "removed").exists() and (indexed is None or source in indexed):
        (staging / "removed").rename(collection.root / source)


def _sources(collection: Collection) -> frozenset[str] | None:
    """The sources in the index of a collection; None where it cannot be opened."""
    try:
        if read_manifest(collection.index) is None:
            return frozenset()
        generation = Generation.open(collection.index)
    except QaError:
        return None
    try:
        return frozenset(source for source, _ in generation.catalogue())
    finally:
        generation.close()


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """A fault of the disk as one line."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise IndexFolderError(f"{folder}: 无法写入，什么都没有改动；cannot be written ({reason})") from error


def write_synced(path: Path, text: str) -> None:
    """Write a small file so that it is there after a power cut."""
    with path.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
