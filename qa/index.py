"""The index folder: what lies in it, how it is opened, and how it is replaced whole.

    index/README.md                 what each file is
    index/manifest.json             names the generation that counts; replacing it is the switch
    index/generation-…/             one build: articles, passages, BM25, vectors
    index/unfinished/               batches of a build that was stopped; gone once one is done

A build writes a new generation beside the old one, syncs it, and then replaces ``manifest.json`` with
one ``os.replace``. A reader that opened the old generation keeps it until it closes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, lru_cache, partial
from importlib import resources
from pathlib import Path
from typing import Any, overload

from qa import arrays
from qa.errors import IndexFolderError
from qa.settings import OwnThreshold
from qa.types import Article, Block, Passage, Span

__all__ = [
    "FORMAT",
    "SEEN",
    "UNFINISHED",
    "Generation",
    "Manifest",
    "Root",
    "batch_name",
    "is_batch",
    "is_building",
    "is_index",
    "keep_threshold",
    "lock",
    "publish",
    "read_manifest",
]

FORMAT = 3  # raised whenever the files of a generation change their meaning
_HASHED = 64 << 20  # bytes; larger files are checked by size on opening and by hash by ``qa doctor``

README = "README.md"
_MARK = b"# qa index"  # how the README of an index begins
_GENERATION = re.compile(r"generation-[0-9a-f]{16}")
_BUILDING = re.compile(r"building-\d+")
_BESIDE = (f"building-{README}", "building-manifest.json")
SEEN = "seen.json"  # lies in the generation, but is not of it: it holds times of this machine's files
UNFINISHED = "unfinished"
_PARTS = re.compile(
    r"(articles\.jsonl|(articles|passages)\.(keys\.)?npy|(doubles|signatures|repeats|left_out)\.npy|dictionary\.txt"
    r"|(catalogue|headings|files|(building-)?seen)\.json|bm25\..+|vectors\.(faiss|json|npy)|spill\..+)"
)
_BATCH = re.compile(r"(files|terms|vectors)-\d{6}\.(jsonl|npz)(\.part)?")


@dataclass(frozen=True, slots=True)
class Root:
    """A PATH that the index was given. ``name`` prefixes its sources where there are several.

    ``lines``  whether each line of its plain text files is an article
    """

    path: str
    name: str
    encoding: str | None = None
    lines: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``manifest.json`` says.

    ``settings``  what the generation was made with, and under ``threshold`` an ``OwnThreshold``, if there
                  is one: it came later, belongs to the folder, and is not in the fingerprint
    ``files``     name → bytes and SHA-256 of each file of the generation
    ``vectors``   what ``vectors.json`` of the generation says: the kind of the vector index, its Recall@10;
                  empty for one of an earlier version, which is flat
    """

    generation: str
    fingerprint: str
    roots: tuple[Root, ...]
    encoder: Mapping[str, Any]
    settings: Mapping[str, Any]
    counts: Mapping[str, int]
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    vectors: Mapping[str, Any] = field(default_factory=dict)

    @property
    def threshold(self) -> OwnThreshold | None:
        """The threshold that was found on the team's own labels."""
        kept = self.settings.get("threshold")
        return None if kept is None else OwnThreshold(**kept)

    def to_json(self) -> str:
        """The file's text: the same manifest, the same bytes."""
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, indent=1, sort_keys=True)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of an index folder; None where there is none. Raises IndexFolderError if unusable."""
    path = folder / "manifest.json"
    anew = f"build it anew: qa index PATH --rebuild --index {folder}"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IndexFolderError(
            f"{path}: cannot be read ({error.strerror}); check its rights or name another with --index"
        ) from error
    except (ValueError, RecursionError) as error:
        raise IndexFolderError(f"{path}: cannot be read as an index manifest ({error}); {anew}") from error
    version = raw.get("format") if isinstance(raw, dict) else None
    if version != FORMAT:
        raise IndexFolderError(f"{path}: is of format {version}, this version reads format {FORMAT}; {anew}")
    try:
        del raw["format"]
        return _checked(Manifest(**{**raw, "roots": tuple(Root(**root) for root in raw["roots"])}))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise IndexFolderError(f"{path}: is damaged ({error}); {anew}") from error


def _checked(manifest: Manifest) -> Manifest:
    """``manifest`` if its values are of the kinds that the rest relies on; raises TypeError, ValueError."""
    if not _GENERATION.fullmatch(manifest.generation):
        raise ValueError(f"no generation is called {manifest.generation!r}")
    texts = [manifest.fingerprint, manifest.encoder["name"], manifest.encoder["fingerprint"]]
    texts += [text for root in manifest.roots for text in (root.path, root.name, root.encoding or "")]
    numbers = [manifest.counts["articles"], manifest.counts["passages"]]
    numbers += [facts["bytes"] for facts in manifest.files.values()]
    texts += [facts["sha256"] for facts in manifest.files.values()]
    if manifest.threshold is not None:
        texts.append(manifest.threshold.reader)
    if not isinstance(manifest.vectors, dict):
        raise TypeError("vectors is no object")
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(n, int) for n in numbers):
        raise TypeError("a value is of the wrong kind")
    if missing := {"articles.jsonl", "doubles.npy", "files.json", "vectors.faiss"} - manifest.files.keys():
        raise ValueError(f"it names no {min(missing)}")
    return manifest


class Generation:
    """One build of the index, open for reading; articles are loaded as they are asked for."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        """Check the files against ``manifest`` and open them. Raises IndexFolderError."""
        self.path = folder / manifest.generation
        self.manifest = manifest
        # Not a file object: whoever drops a generation without closing it should hear no warning.
        self._open = [_hold(self.path)]
        self._release = weakref.finalize(self, _close, self._open)
        try:
            check(self.path, manifest)
            self._open.append(os.open(self.path / "articles.jsonl", os.O_RDONLY))
            self._places = arrays.read(self.path / "articles.npy")
            self._table = arrays.mapped(self.path / "passages.npy")
            self.headings = [tuple(heading) for heading in self.json("headings.json")]
            self.doubles = arrays.read(self.path / "doubles.npy")
            self._left_out = arrays.read(self.path / "left_out.npy")
        except (OSError, ValueError) as error:
            self.close()
            raise IndexFolderError(
                f"{self.path}: cannot be opened ({error}); run `qa index --rebuild --index {folder}`"
            ) from error
        except IndexFolderError:
            self.close()
            raise
        # By a proxy: in a circle it would be held, and could not be swept, until the circle is collected.
        self._article = lru_cache(maxsize=256)(partial(Generation._read_article, weakref.proxy(self)))

    @classmethod
    def open(cls, folder: Path) -> Generation:
        """The generation that counts. Raises IndexFolderError where there is no index or it is damaged."""
        manifest = _found(folder)
        try:
            return cls(folder, manifest)
        except IndexFolderError:  # a build may have switched and swept since the manifest was read
            again = _found(folder)
            if again.generation == manifest.generation:
                raise
            return cls(folder, again)

    def __len__(self) -> int:
        """How many articles."""
        return len(self._places)

    @property
    def passages(self) -> Sequence[Passage]:
        """All its passages, by row."""
        return _Passages(self)

    def article(self, row: int) -> Article:
        """The article in ``row``, 0-based; what is left out of its passages is in none of its blocks."""
        return self._article(row)

    def left_out(self, row: int) -> tuple[Span, ...]:
        """What of the article in ``row`` repeats across its folder, in order (see ``qa.boilerplate``)."""
        start, end = self._left_out[:, 0].searchsorted([row, row + 1])
        return tuple(Span(*ends) for ends in self._left_out[start:end, 1:].tolist())

    def passage(self, row: int) -> Passage:
        """The passage in ``row``, 0-based."""
        article, start, end, heading, page = (int(cell) for cell in self._table[row])
        place = None if page < 0 else page
        return Passage(self.article(article), Span(start, end), self.headings[heading], place, row)

    def article_rows(self) -> Any:
        """The article row of each passage, int32 (passages,)."""
        return self._table[:, 0]

    def table(self) -> Any:
        """int32 (passages, 5): article row, start, end, row of ``headings``, page (-1: none) of each."""
        return self._table

    def record(self, row: int) -> dict[str, Any]:
        """The stored line of an article, from ``article_record``. Raises IndexFolderError once closed."""
        found: dict[str, Any] = json.loads(self.line(row))
        return found

    def line(self, row: int) -> bytes:
        """The same as it lies in the file, with its line feed."""
        if not self._open:
            raise IndexFolderError(f"{self.path}: was closed; open the index again")
        place = int(self._places[row])
        end = int(self._places[row + 1]) if row + 1 < len(self._places) else self._end()
        return os.pread(self._open[1], end - place, place)

    def array(self, name: str) -> Any:
        """One of the generation's arrays, memory-mapped; one that is empty is read."""
        return arrays.mapped(self.path / f"{name}.npy")

    def text(self, name: str) -> str:
        """One of the generation's text files."""
        return (self.path / name).read_text(encoding="utf-8")

    def user_words(self) -> tuple[str, ...]:
        """The words of the user's dictionary that its terms were made with."""
        return tuple(self.text("dictionary.txt").split())

    def json(self, name: str) -> Any:
        """One of the generation's JSON files."""
        return json.loads(self.text(name))

    def catalogue(self) -> list[tuple[str, str | None]]:
        """Source and date of each article, by row."""
        roots = self.manifest.roots
        rows = self.json("catalogue.json")
        return [(source_of(root, file, roots), date) for root, file, date in rows]

    @cached_property
    def dates(self) -> list[str | None]:
        """The date of each article, by row."""
        return [date for _, _, date in self.json("catalogue.json")]

    @cached_property
    def root_numbers(self) -> list[int]:
        """The number of each article's PATH, by row."""
        return [root for root, _, _ in self.json("catalogue.json")]

    @cached_property
    def seen(self) -> dict[str, Any]:
        """What the last run saw of the files, and which code read them; empty where that is not known.

        ``stamps`` has an entry for each file of ``files.json``, null where it must be looked at again.
        """
        try:
            found = json.loads((self.path / SEEN).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def count_doubles(self) -> int:
        """How many articles only say again what another one says."""
        return int((self.doubles[:, 0] != range(len(self))).sum())

    def first(self, row: int) -> int:
        """The row of the first article that says what the one in ``row`` says, which may be itself."""
        return int(self.doubles[row, 0])

    def group_of(self, passage: Passage) -> int:
        """The group of reprints of the article that a passage of this generation stands in."""
        return self.group(int(self._table[passage.number, 0]))

    def cited_as(self, passage: Passage, named: Mapping[int, int]) -> Passage:
        """``passage`` as it stands in a double of its article; ``named``: that one's row, by its own."""
        row = int(self._table[passage.number, 0])
        return passage if named[row] == row else _standing_in(passage, self.article(named[row]))

    def group(self, row: int) -> int:
        """The group of reprints of the article in ``row``: the row of the first of them, maybe itself."""
        return int(self.doubles[row, 1])

    def file_path(self, source: str) -> Path:
        """Where the file behind a citation's ``source`` lay when it was indexed."""
        if source not in self._files:
            raise IndexFolderError(f"{source}: this index holds no such source; name its folder with --root")
        return self._files[source]

    def refused(self) -> tuple[str, ...]:
        """The sources of the files of which all, or a part, was refused when they were read, sorted."""
        roots = self.manifest.roots
        seen = self.json("files.json")
        return tuple(sorted(source_of(f["root"], f["file"], roots) for f in seen if f["refused"]))

    @cached_property
    def _files(self) -> dict[str, Path]:
        """Each file that was seen, by its source."""
        roots = self.manifest.roots
        return {
            source_of(seen["root"], seen["file"], roots): Path(roots[seen["root"]].path, seen["file"])
            for seen in self.json("files.json")
        }

    def close(self) -> None:
        """Let go of the files, so that an older generation can be swept."""
        self._release()

    def _end(self) -> int:
        return int(self.manifest.files["articles.jsonl"]["bytes"])

    def _read_article(self, row: int) -> Article:
        article = article_from_record(self.record(row), self.manifest.roots)
        if not (spans := self.left_out(row)):
            return article
        from qa.boilerplate import parted

        return parted(article, spans)


def _standing_in(passage: Passage, article: Article) -> Passage:
    """The same words in an article that differs from the passage's in white space alone."""
    text = passage.article.text
    start = _place(article.text, len("".join(text[: passage.span.start].split())))
    end = _place(article.text, len("".join(text[: passage.span.end].split())) - 1) + 1
    return replace(passage, article=article, span=Span(start, end))


def _place(text: str, number: int) -> int:
    """Where the character with this number among those that are no white space stands."""
    for at, char in enumerate(text):
        number -= not char.isspace()
        if number < 0:
            return at
    raise ValueError("the text is shorter")


def _found(folder: Path) -> Manifest:
    manifest = read_manifest(folder)
    if manifest is None:
        raise IndexFolderError(f"{folder}: holds no index; make one: qa index PATH --index {folder}")
    return manifest


class _Passages(Sequence[Passage]):
    """All passages of a generation, made when asked for."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation

    def __len__(self) -> int:
        return int(self._generation.manifest.counts["passages"])

    @overload
    def __getitem__(self, row: int) -> Passage: ...
    @overload
    def __getitem__(self, row: slice) -> list[Passage]: ...
    def __getitem__(self, row: int | slice) -> Passage | list[Passage]:
        if isinstance(row, slice):
            return [self._generation.passage(at) for at in range(len(self))[row]]
        return self._generation.passage(range(len(self))[row])


def article_record(article: Article, root: int, file: str) -> dict[str, Any]:
    """``article`` as one JSON line; ``root`` numbers the PATH, ``file`` lies under it (see ``source_of``)."""
    return {
        "root": root,
        "file": file,
        "element": article.element,
        "title": article.title,
        "date": article.date,
        "author": article.author,
        "origin": article.origin,
        "sha256": article.sha256,
        "encoding": article.encoding,
        "bom": article.bom,
        "exact": article.exact,
        "warnings": list(article.warnings),
        "blocks": [[b.span.start, b.span.end, list(b.heading), b.page] for b in article.blocks],
        "text": article.text,
    }


def article_from_record(record: Mapping[str, Any], roots: Sequence[Root]) -> Article:
    """The article of a stored line; its source is prefixed where the index has several PATHs."""
    source = source_of(record["root"], record["file"], roots)
    element = record["element"]
    return Article(
        id=source if element is None else f"{source}#{element}",
        text=record["text"],
        title=record["title"],
        source=source,
        sha256=record["sha256"],
        encoding=record["encoding"],
        element=element,
        bom=record["bom"],
        exact=record["exact"],
        date=record["date"],
        author=record.get("author"),
        origin=record.get("origin"),
        blocks=tuple(
            Block(Span(start, end), tuple(heading), page) for start, end, heading, page in record["blocks"]
        ),
        warnings=tuple(record["warnings"]),
    )


def source_of(root: int, file: str, roots: Sequence[Root]) -> str:
    """What a citation calls a file; ``file`` is its path under its PATH, empty where it is the PATH itself.

    Where the index has several PATHs the PATH's name goes before it.
    """
    name = roots[root].name
    if not file:
        return name
    return file if len(roots) == 1 else f"{name}/{file}"


def check(path: Path, manifest: Manifest, *, every_byte: bool = False) -> None:
    """Hold the files of a generation against the manifest. Raises IndexFolderError that names the file."""
    remedy = f"run `qa index --rebuild --index {path.parent}`"
    for name, facts in sorted(manifest.files.items()):
        file = path / name
        try:
            size = file.stat().st_size
            whole = every_byte or size <= _HASHED
            damaged = size != facts["bytes"] or (whole and _sha256(file) != facts["sha256"])
        except OSError as error:
            raise IndexFolderError(f"{file}: cannot be opened ({error.strerror}); {remedy}") from error
        if damaged:
            raise IndexFolderError(f"{file}: is damaged (size or checksum differs); {remedy}")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold ``folder`` for writing. Raises IndexFolderError if it is foreign or another build holds it."""
    _claim(folder)
    try:
        held = (folder / ".lock").open("a")
    except OSError as error:
        raise IndexFolderError(
            f"{folder}: cannot be written to ({error.strerror}); name another folder with --index"
        ) from error
    with held as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise IndexFolderError(
                f"{folder}: another `qa index` is at work here; try again when it is done"
            ) from None
        yield


def _claim(folder: Path) -> None:
    """Make the folder if it is missing; refuse one that holds somebody else's files."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        foreign = sorted(entry.name for entry in folder.iterdir() if not _ours(entry))
    except OSError as error:
        raise IndexFolderError(
            f"{folder}: cannot be used as an index folder ({error.strerror}); name another with --index"
        ) from error
    needed = {"manifest.json", UNFINISHED}.intersection(foreign)
    if needed or (foreign and not (folder / "manifest.json").exists()):
        named = min(needed or foreign)
        raise IndexFolderError(
            f"{folder}: holds files that are no index ({named}); name an empty folder with --index"
        )


def _ours(entry: Path) -> bool:
    """Whether an entry of an index folder was made by us; what is not is never touched.

    Names alone do not tell: other programs keep ``generation-1`` folders and ``manifest.json`` files too.
    """
    if entry.name == README:
        return entry.is_file() and entry.read_bytes().startswith(_MARK)
    if entry.name == "manifest.json":
        return is_index(entry.parent)
    if entry.name == UNFINISHED:
        return _holds_only(_BATCH, entry)
    if _GENERATION.fullmatch(entry.name) or _BUILDING.fullmatch(entry.name):
        return _holds_only(_PARTS, entry)
    return entry.name in (".lock", ".gitignore", *_BESIDE)


def is_index(folder: Path) -> bool:
    """Whether ``folder`` holds an index of ours, a damaged one included."""
    manifest = folder / "manifest.json"
    try:
        if not manifest.is_file():
            return False
        if b'"generation": "generation-' in manifest.read_bytes():
            return True
        return any(
            _GENERATION.fullmatch(each.name) and _holds_only(_PARTS, each) for each in folder.iterdir()
        )
    except OSError:
        return False


def _holds_only(names: re.Pattern[str], folder: Path) -> bool:
    """Whether every entry of ``folder`` has one of the names that we give."""
    try:
        return all(names.fullmatch(part.name) for part in folder.iterdir())
    except FileNotFoundError:  # swept by another build since it was listed
        return True
    except NotADirectoryError:
        return False


def batch_name(kind: str, number: int) -> str:
    """What a batch in ``unfinished`` is called; ``kind``: files, terms, vectors."""
    return f"{kind}-{number:06d}.{'jsonl' if kind == 'files' else 'npz'}"


def is_building(entry: Path) -> bool:
    """Whether an entry of an index folder is what a build that was killed left."""
    return _BUILDING.fullmatch(entry.name) is not None and _holds_only(_PARTS, entry)


def is_batch(name: str, kind: str) -> bool:
    """Whether ``name`` is that of a whole batch of this kind."""
    return _BATCH.fullmatch(name) is not None and name.startswith(kind) and not name.endswith(".part")


def publish(folder: Path, building: Path, manifest: Manifest) -> None:
    """Make ``building`` the generation that counts, then sweep older ones. Call under ``lock``.

    Everything is on disk before the switch; the switch is one rename.
    """
    _sync(building)
    target = folder / manifest.generation
    manifest = replace(manifest, vectors=_described(building / "vectors.json"))
    if target.exists():  # the same content was built before: keep it if it is whole
        try:
            check(target, manifest, every_byte=True)
            (building / SEEN).replace(target / SEEN)
            shutil.rmtree(building)
        except IndexFolderError:
            shutil.rmtree(target)
    if building.exists():
        building.rename(target)
    if not (folder / README).exists() or _ours(folder / README):
        _write(folder / README, (resources.files("qa") / "data" / "index-readme.md").read_text("utf-8"))
    _write(folder / "manifest.json", manifest.to_json() + "\n")
    sweep(folder, keep=manifest.generation)


def _described(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


def keep_threshold(folder: Path, found: OwnThreshold) -> None:
    """Keep a threshold in the index at ``folder``, in the place of one that it has.

    The manifest is replaced whole. Updates carry the threshold over; ``--rebuild``, which starts over,
    drops it. Raises IndexFolderError where there is no index, or another writer holds it.
    """
    _found(folder)  # before the lock, which would make the folder
    with lock(folder):
        manifest = _found(folder)
        settings = {**manifest.settings, "threshold": asdict(found)}
        _write(folder / "manifest.json", replace(manifest, settings=settings).to_json() + "\n")


def sweep(folder: Path, keep: str | None) -> None:
    """Remove what interrupted builds left, and older generations that nobody has open.

    Call when a build is done: batches of ``unfinished`` go too.
    """
    for entry in sorted(folder.iterdir()):
        if entry.name == keep or not _ours(entry):
            continue
        if entry.name in _BESIDE:
            entry.unlink()
        elif entry.name == UNFINISHED or _BUILDING.fullmatch(entry.name):
            shutil.rmtree(entry)
        elif _GENERATION.fullmatch(entry.name):
            _remove_unread(entry)


def see(generation: Path, seen: Mapping[str, Any]) -> None:
    """Write down what was seen of the files that went into a generation, unless it is there already."""
    text, path = json.dumps(seen) + "\n", generation / SEEN
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        _write(path, text)


def fingerprint(files: Mapping[str, Mapping[str, Any]], *parts: object) -> str:
    """SHA-256 over the files' checksums and whatever else decides the answers."""
    described = json.dumps([dict(sorted(files.items())), *parts], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(described.encode()).hexdigest()


def facts(folder: Path, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Bytes and SHA-256 of files of a generation."""
    return {
        name: {"bytes": (folder / name).stat().st_size, "sha256": _sha256(folder / name)}
        for name in sorted(names)
    }


def _write(path: Path, text: str) -> None:
    """Replace a file whole: written beside, synced, renamed."""
    beside = path.with_name(f"building-{path.name}")
    with beside.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)
    _sync_folder(path.parent)


def _sync(folder: Path) -> None:
    for file in sorted(folder.iterdir()):
        handle = os.open(file, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def _hold(path: Path) -> int:
    """A shared lock on a generation, so that no build sweeps it while it is read."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise IndexFolderError(
            f"{path}: is missing; run `qa index --rebuild --index {path.parent}`"
        ) from error
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def _remove_unread(path: Path) -> None:
    """Remove a generation unless a reader holds it; one that comes meanwhile waits, and finds it gone."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    except BlockingIOError:
        return
    finally:
        os.close(handle)


def _close(handles: list[int]) -> None:
    while handles:  # emptied, so that no number is used again that by then means another file
        os.close(handles.pop())
