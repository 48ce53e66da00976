"""Collections of articles: made, filled, searched and deleted by people who never see the disk.

    collections/NAME/articles/    the files as they were uploaded
    collections/NAME/index/       their index; missing while the collection is empty

The index that ``qa serve --index`` names is one more collection, ``default``. Its articles belong to whoever
runs the server: it can be read and rebuilt. What is uploaded to it goes into ``uploads/`` in its folder, so
that nothing else can be removed through the page; where it was made from several PATHs, or from one file,
or its folder cannot be written to, it takes no uploads.

Changes to one collection wait for each other, in this process and among processes. A change is whole or is
taken back; what a killed process left half done is cleared away by the next change.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from qa import articles, encoder
from qa.answering import Assistant
from qa.errors import InputError, QaError
from qa.index import Manifest, read_manifest
from qa.indexing import Plan, Summary, build_index
from qa.intake import (
    Collection,
    FileResult,
    FileState,
    Intake,
    Limits,
    Upload,
    move_in,
    recover,
    staging_beside,
    told,
    write_synced,
)
from qa.names import collection_name, folded
from qa.reader import load as load_reader

if TYPE_CHECKING:
    from qa.types import Encoder, Reader

__all__ = ["DEFAULT", "Collection", "Collections", "FileResult", "FileState", "Limits", "Upload"]

DEFAULT = "default"  # the collection of the index that the server was given
_UPLOADS = "uploads"
_TRASH = ".trash-"
_LOCKS = ".locks"

Progress = Callable[[str, int, int], None]


class Collections:
    """All collections of a server. Safe to use from several threads.

    Methods that take a name raise InputError where there is no such collection. Those that change one
    take ``on_progress``, called with (stage, done, total): ``wait`` while another change is at work,
    ``check`` for each file, and then the stages of ``build_index``.
    """

    def __init__(
        self,
        index: Path,
        home: Path,
        *,
        reader: str | None = None,
        limits: Limits | None = None,
        cache: int = 0,
    ) -> None:
        """``index``: the server's own; ``home``: where the others lie. Nothing is read or made yet."""
        self._index, self._home = index, home
        self.limits = Limits() if limits is None else limits
        self._models = _Models(reader, cache)
        self._assistants: dict[str, Assistant] = {}
        self._opening = threading.Lock()

    @classmethod
    def open(
        cls,
        index: str | os.PathLike[str] = "index",
        home: str | os.PathLike[str] = "collections",
        *,
        reader: str | None = None,
        limits: Limits | None = None,
        cache: int = 0,
    ) -> Self:
        """The collections under ``home``, and that of ``index``; what deletions left behind is swept.

        ``reader``: another reader's folder, for all of them; ``cache``: answers that each keeps.
        """
        made = cls(Path(index), Path(home), reader=reader, limits=limits, cache=cache)
        _sweep(made._home)
        return made

    # -- looking -----------------------------------------------------------------------------------

    def listed(self) -> tuple[Collection, ...]:
        """The server's own collection, and then the others by name."""
        return (self._default(), *(self._own(name) for name in sorted(self._names())))

    def get(self, name: str) -> Collection:
        """The collection called ``name``."""
        if name == DEFAULT:
            return self._default()
        if name not in self._names():
            raise InputError(f"没有名为“{_printable(name)}”的合集，可能已被删除；there is no such collection")
        return self._own(name)

    def assistant(self, name: str = DEFAULT) -> Assistant:
        """The assistant of a collection, opened when it is first asked for and then kept.

        Raises InputError while it is empty, IndexFolderError and ModelError where it cannot be opened.
        """
        found = self._assistants.get(name)
        if found is not None:
            return found
        collection = self.get(name)
        if collection.own and not collection.articles and collection.problem is None:
            raise InputError(f"合集“{name}”里还没有文章，请先上传；the collection is empty")
        with self._opening:
            if name not in self._assistants:
                self._assistants[name] = self._models.assistant(collection.index)
            return self._assistants[name]

    def reload(self) -> tuple[str, ...]:
        """Open anew what was replaced since; the names of these. One that is gone is let go of."""
        return tuple(name for name in tuple(self._assistants) if self._reloaded(name))

    def close(self) -> None:
        """Let go of all indexes."""
        while self._assistants:
            self._assistants.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- changing ----------------------------------------------------------------------------------

    def create(self, name: str) -> Collection:
        """A new, empty collection.

        Raises InputError for a name that cannot be used or is taken (capitals are not told apart), and
        where there are as many as the limits allow.
        """
        name = collection_name(name)
        with self._writing("", _silent):
            names = self._names()
            if folded(name) in {folded(DEFAULT), *map(folded, names)}:
                raise InputError(f"已有名为“{name}”的合集，请换一个名称；the name is taken")
            if len(names) >= self.limits.collections:
                raise InputError(f"最多 {self.limits.collections} 个合集，请先删除一个；too many collections")
            with told(self._home):
                (self._home / name / "articles").mkdir(parents=True, exist_ok=True)
        return self.get(name)

    def add(
        self,
        name: str,
        files: Sequence[Upload | str | os.PathLike[str]],
        *,
        on_progress: Progress | None = None,
    ) -> tuple[FileResult, ...]:
        """Take files into a collection and index them; what became of each, in order.

        A path stands for an ``Upload`` under its own last name. A file that cannot be read, or that the
        collection has already, is not kept. A name that is taken gets a number. Raises InputError where
        the collection takes no uploads, and QaError where indexing fails; then none of the files is kept.
        """
        progress = on_progress or _silent
        with self._writing(name, progress):
            collection = self._taking_uploads(name)
            with staging_beside(collection) as staging:
                intake = Intake(collection, staging, self.limits)
                results = intake.receive([_upload(file) for file in files], progress)
                if any(result.state == "added" for result in results):
                    move_in(collection, staging, lambda: self._indexed(collection, progress))
        return results

    def remove(self, name: str, source: str, *, on_progress: Progress | None = None) -> None:
        """Remove the uploaded file that citations call ``source``, with every article in it.

        Raises InputError where there is no such file, or it was not uploaded. If indexing fails it stays.
        """
        progress = on_progress or _silent
        with self._writing(name, progress):
            collection = self._taking_uploads(name)
            file = collection.file(source)
            if file is None:
                raise InputError(
                    f"{_printable(source)}：不是上传到这个合集的文件，不能删除；is no uploaded file of it"
                )
            with staging_beside(collection) as staging:
                write_synced(staging / "removed.json", json.dumps(source))
                self._without(collection, file, staging / "removed", progress)

    def refresh(self, name: str, *, on_progress: Progress | None = None) -> Summary:
        """Bring the index of a collection up to what lies on the disk. Raises as ``build_index`` does."""
        return self._built(name, Plan(), on_progress or _silent)

    def rebuild(self, name: str, *, on_progress: Progress | None = None) -> Summary:
        """Make the index of a collection anew. A threshold of its own is dropped, as by ``--rebuild``."""
        return self._built(name, Plan(rebuild=True), on_progress or _silent)

    def delete(self, name: str, *, repeated: str) -> None:
        """Delete a collection with its files and its index; ``repeated`` is its name once more.

        Raises InputError where the two differ, and for the server's own. Questions under way are answered.
        """
        if not self.get(name).own:
            raise InputError("这个合集属于服务器，不能在网页上删除；the server's own collection stays")
        if repeated.strip() != name:
            raise InputError(f"要删除合集，请照样输入它的名称“{name}”；type its name to delete it")
        with self._writing(name, _silent):
            self.get(name)  # it may be gone by now
            with told(self._home):
                trash = Path(tempfile.mkdtemp(prefix=_TRASH, dir=self._home))
                (self._home / name).rename(trash / "collection")
            self._assistants.pop(name, None)
            shutil.rmtree(trash, ignore_errors=True)

    # -- one collection ----------------------------------------------------------------------------

    def _names(self) -> list[str]:
        try:
            entries = [entry for entry in self._home.iterdir() if (entry / "articles").is_dir()]
        except OSError:
            return []
        return [entry.name for entry in entries if _is_name(entry.name)]

    def _own(self, name: str) -> Collection:
        folder = self._home / name
        return _counted(
            Collection(name, folder / "index", folder / "articles", folder / "articles", own=True)
        )

    def _default(self) -> Collection:
        root = _single_root(self._index)
        writable = root is not None and root.is_dir() and os.access(root, os.W_OK | os.X_OK)
        uploads = root / _UPLOADS if root is not None and writable else None
        return _counted(Collection(DEFAULT, self._index, root, uploads, own=False))

    def _taking_uploads(self, name: str) -> Collection:
        collection = self.get(name)
        if collection.uploads is None:
            raise InputError(f"合集“{name}”不能上传文件，请上传到别的合集；this collection takes no uploads")
        recover(collection)
        return collection

    def _built(self, name: str, plan: Plan, progress: Progress) -> Summary:
        with self._writing(name, progress):
            collection = self.get(name)
            if collection.uploads is not None:
                recover(collection)
            if collection.own and _has_no_files(collection):
                raise InputError(f"合集“{name}”里还没有文章，请先上传；the collection is empty")
            return self._indexed(collection, progress, plan)

    def _indexed(self, collection: Collection, progress: Progress, plan: Plan | None = None) -> Summary:
        plan = Plan() if plan is None else plan
        with told(collection.index):
            if not collection.own or collection.root is None:
                summary = build_index([], collection.index, plan=plan, on_progress=progress)
            else:
                if not (collection.index / "manifest.json").exists():
                    plan = replace(plan, encoder=self._encoder())
                with _unless_moved(collection):
                    summary = build_index(collection.root, collection.index, plan=plan, on_progress=progress)
        self._reloaded(collection.name)
        return summary

    def _encoder(self) -> str | None:
        """The encoder of the server's own index, which a new collection takes too."""
        with suppress(QaError):
            manifest = read_manifest(self._index)
            return None if manifest is None else str(manifest.encoder["name"])
        return None

    def _without(self, collection: Collection, file: Path, aside: Path, progress: Progress) -> None:
        file.rename(aside)
        try:
            if collection.own and _has_no_files(collection):
                self._emptied(collection, aside.with_name("index"))
            else:
                self._indexed(collection, progress)
        except BaseException:
            aside.rename(file)
            raise

    def _emptied(self, collection: Collection, aside: Path) -> None:
        """The last article is gone, and an index holds at least one."""
        if collection.index.exists():
            collection.index.rename(aside)
        self._assistants.pop(collection.name, None)

    def _reloaded(self, name: str) -> bool:
        assistant = self._assistants.get(name)
        try:
            return assistant is not None and assistant.reload()
        except (QaError, OSError):
            if not self._there(name):
                self._assistants.pop(name, None)
            return False

    def _there(self, name: str) -> bool:
        folder = self._index if name == DEFAULT else self._home / name / "index"
        return (folder / "manifest.json").exists()

    @contextmanager
    def _writing(self, name: str, progress: Progress) -> Iterator[None]:
        """Changes to one collection take turns."""
        locks = self._home / _LOCKS
        with told(self._home):
            locks.mkdir(parents=True, exist_ok=True)
            lock = hashlib.sha256(folded(name).encode()).hexdigest()[:16]
            handle = os.open(locks / lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress("wait", 0, 1)
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


# ---- how collections stand


@contextmanager
def _unless_moved(collection: Collection) -> Iterator[None]:
    """Set an index aside whose articles lay elsewhere (its home was moved), until there is a new one."""
    manifest = None
    with suppress(QaError):
        manifest = read_manifest(collection.index)
    assert collection.root is not None
    if manifest is None or [root.path for root in manifest.roots] == [str(collection.root.resolve())]:
        yield
        return
    aside = collection.index.with_name("index.moved")
    shutil.rmtree(aside, ignore_errors=True)
    collection.index.rename(aside)
    try:
        yield
    except BaseException:
        shutil.rmtree(collection.index, ignore_errors=True)
        aside.rename(collection.index)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _sweep(home: Path) -> None:
    """Remove what is left of deleted collections."""
    with suppress(OSError):
        for trash in home.glob(f"{_TRASH}*"):
            shutil.rmtree(trash, ignore_errors=True)


def _upload(file: Upload | str | os.PathLike[str]) -> Upload:
    return file if isinstance(file, Upload) else Upload(Path(file), Path(file).name)


class _Models:
    """The encoder and the reader are loaded once for all collections."""

    def __init__(self, reader: str | None, cache: int) -> None:
        self._name, self._cache = reader, cache
        self._encoders: dict[str, Encoder] = {}

    def assistant(self, index: Path) -> Assistant:
        """An assistant over ``index``. Raises IndexFolderError, ModelError."""
        manifest = read_manifest(index)
        if manifest is None:
            return Assistant(index)  # raises, and says what to do
        name = str(manifest.encoder["name"])
        if name not in self._encoders:
            self._encoders[name] = encoder.load(name)
        # Words of a user's dictionary change what the reader sees, so such an index has its own.
        own = _has_dictionary(index, manifest)
        reader = self._name if own else self._reader
        return Assistant(index, model=self._encoders[name], reader=reader, cache=self._cache)

    @cached_property
    def _reader(self) -> Reader:
        return load_reader(self._name)


def _has_dictionary(index: Path, manifest: Manifest) -> bool:
    try:
        return bool((index / manifest.generation / "dictionary.txt").read_text("utf-8").split())
    except (OSError, ValueError):
        return True


def _counted(collection: Collection) -> Collection:
    """With the numbers of its index, or why there are none."""
    try:
        manifest = read_manifest(collection.index)
    except QaError as error:
        return replace(collection, problem=str(error))
    if manifest is None and collection.own:
        return collection
    if manifest is None:
        return replace(collection, problem=f"{collection.index}: 还没有索引；there is no index here")
    return replace(collection, articles=manifest.counts["articles"], passages=manifest.counts["passages"])


def _single_root(index: Path) -> Path | None:
    """What the index was made from, where that is one PATH."""
    with suppress(QaError):
        manifest = read_manifest(index)
        if manifest is not None and len(manifest.roots) == 1:
            return Path(manifest.roots[0].path)
    return None


def _has_no_files(collection: Collection) -> bool:
    return collection.root is not None and not articles.find(collection.root).files


def _is_name(name: str) -> bool:
    try:
        return collection_name(name) == name and folded(name) != DEFAULT
    except InputError:
        return False


def _printable(text: str) -> str:
    """``text`` for a message: short, and nothing in it that cannot be seen."""
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:60])
    return shown if len(text) <= 60 else f"{shown}……"


def _silent(stage: str, done: int, total: int) -> None:
    return None
