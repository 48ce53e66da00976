"""Articles in, index out: what is new or changed is read and embedded, the rest is carried over."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa import articles, encoder, index
from qa.errors import ArticleError, IndexFolderError, InputError
from qa.index import Generation, Manifest, Root
from qa.passages import cut, indexed_text
from qa.settings import PassageSettings, RetrievalSettings
from qa.words import Segmenter

if TYPE_CHECKING:
    from qa.types import Article, Encoder, Passage, Vectors

__all__ = ["Plan", "Refusal", "Summary", "build_index", "index_articles", "remove_paths"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file, or a part of one, that is not in the index, and why."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What one run of indexing did; the first four name sources, sorted."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()
    articles: int = 0
    passages: int = 0
    embedded: int = 0
    fingerprint: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _File:
    """One file as it goes into a generation: its place, checksum, articles, and what was refused."""

    root: int
    file: str
    sha256: str
    records: tuple[dict[str, Any], ...] = ()
    refused: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return {
            "root": self.root,
            "file": self.file,
            "sha256": self.sha256,
            "articles": len(self.records),
            "refused": list(self.refused),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What to index with. None means: as the index was built, or the default in a new one."""

    encoder: str | None = None
    encoding: str | None = None
    dictionary: Path | None = None
    rebuild: bool = False
    passage: PassageSettings = field(default_factory=PassageSettings)
    retrieval: RetrievalSettings = field(default_factory=RetrievalSettings)


def build_index(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str] = "index",
    *,
    plan: Plan | None = None,
    on_progress: Progress | None = None,
) -> Summary:
    """Add or update the articles under ``paths`` in the index at ``folder``, which is made if missing.

    ``paths``        one path or several; an empty sequence refreshes all that the index remembers
    ``on_progress``  called with (stage, done, total)
    Raises InputError (a path is wrong, or nothing could be read), IndexFolderError (the folder is
    foreign, damaged or locked), ModelError. The index is replaced whole or not at all.
    """
    named = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    plan = Plan() if plan is None else plan
    target = Path(folder)
    _must_exist(Path(path) for path in named)
    if not named and not (target / "manifest.json").exists():
        raise InputError(f"{target}: there is no index to refresh; name a folder of articles: qa index PATH")
    with index.lock(target):
        remembered, old = _standing(target, plan)
        roots = _joined(remembered, [Path(path) for path in named], plan.encoding)
        if not roots:
            raise InputError(f"{target}: remembers no PATH; name a folder of articles: qa index PATH")
        everything = plan.rebuild or old is None or not named
        wanted = [Path(root.path) for root in roots] if everything else [Path(path) for path in named]
        fresh = _touched(roots, wanted)
        return _Build(target, old, roots, plan, on_progress or _silent).run(fresh)


def remove_paths(
    paths: Sequence[str], folder: str | os.PathLike[str] = "index", *, on_progress: Progress | None = None
) -> Summary:
    """Take PATHs, as they were given to ``build_index``, out of the index. Raises as it does."""
    target = Path(folder)
    if not (target / "manifest.json").exists():
        raise IndexFolderError(f"{target}: holds no index; there is nothing to remove")
    with index.lock(target):
        _, old = _standing(target, Plan())
        assert old is not None
        known = {root.path for root in old.manifest.roots}
        gone = {str(Path(path).resolve()) for path in paths}
        if unknown := sorted(gone - known):
            raise InputError(f"{unknown[0]}: is not a PATH of this index; it has: {', '.join(sorted(known))}")
        roots = tuple(root for root in old.manifest.roots if root.path not in gone)
        if not roots:
            raise InputError(f"{target}: --remove would take its last PATH; delete the folder instead")
        return _Build(target, old, _named(roots), Plan(), on_progress or _silent).run(frozenset())


def index_articles(
    made: Sequence[Article],
    path: Path,
    folder: str | os.PathLike[str],
    *,
    plan: Plan | None = None,
    on_progress: Progress | None = None,
) -> Summary:
    """Make an index of articles that were already read, all parts of the one file at ``path``.

    Raises IndexFolderError for the index of anything else, whose articles it would push out.
    """
    plan = Plan() if plan is None else plan
    target = Path(folder)
    with index.lock(target):
        _, old = _standing(target, plan)
        roots = _joined((), [path], None)
        if old is not None and {root.path for root in old.manifest.roots} != {root.path for root in roots}:
            raise IndexFolderError(f"{target}: is an index of other articles; name another with --index")
        records = tuple(index.article_record(article, 0, "") for article in made)
        build = _Build(target, old, roots, plan, on_progress or _silent)
        return build.finish([_File(0, "", _sha256(path), records)])


def _must_exist(paths: Iterable[Path]) -> None:
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; check the path")


def _silent(stage: str, done: int, total: int) -> None:
    return None


def _standing(folder: Path, plan: Plan) -> tuple[tuple[Root, ...], Generation | None]:
    """The PATHs that the index remembers, and the generation to build upon.

    With ``rebuild`` a damaged generation is passed over, and so are PATHs that cannot be read.
    """
    roots: tuple[Root, ...] = ()
    try:
        manifest = index.read_manifest(folder)
        if manifest is None:
            return (), None
        roots = manifest.roots
        return roots, Generation(folder, manifest)
    except IndexFolderError:
        if plan.rebuild:
            return roots, None
        raise


def _joined(old: Sequence[Root], paths: Sequence[Path], encoding: str | None) -> tuple[Root, ...]:
    """The index's PATHs with ``paths`` among them; a new one swallows those inside it.

    Raises InputError for an encoding that is meant for a part of a PATH: a PATH has one for all its files.
    """
    roots = list(old)
    for path in (path.resolve() for path in paths):
        inside = [root for root in roots if path.is_relative_to(root.path)]
        if inside:  # refreshed with the PATH that holds it
            at = roots.index(inside[0])
            if encoding not in (None, inside[0].encoding) and str(path) != inside[0].path:
                raise InputError(
                    f"{path}: is a part of {inside[0].path}, whose files share one --encoding; "
                    "keep them in another folder"
                )
            roots[at] = replace(inside[0], encoding=encoding or inside[0].encoding)
            continue
        roots = [root for root in roots if not Path(root.path).is_relative_to(path)]
        roots.append(Root(str(path), path.name or "root", encoding))
    return _named(roots)


def _named(roots: Sequence[Root]) -> tuple[Root, ...]:
    """PATHs in order of their paths; equal names are told apart by a number."""
    named: list[Root] = []
    for root in sorted(roots, key=lambda root: root.path):
        plain = Path(root.path).name or "root"
        taken = {other.name for other in named}
        names = (plain, *(f"{plain}-{n}" for n in range(2, len(roots) + 2)))
        named.append(replace(root, name=next(name for name in names if name not in taken)))
    return tuple(named)


def _touched(roots: Sequence[Root], paths: Sequence[Path]) -> frozenset[str]:
    """The paths of the roots that have to be read again."""
    wanted = [path.resolve() for path in paths]
    return frozenset(
        root.path
        for root in roots
        if any(path.is_relative_to(root.path) or Path(root.path).is_relative_to(path) for path in wanted)
    )


class _Build:
    """One run of indexing, under the folder's lock."""

    def __init__(
        self, folder: Path, old: Generation | None, roots: tuple[Root, ...], plan: Plan, progress: Progress
    ) -> None:
        self.folder, self.old, self.roots, self.plan, self.progress = folder, old, roots, plan, progress

    def run(self, fresh: frozenset[str]) -> Summary:
        """Read, cut, embed, write, switch."""
        return self.finish(self._files(fresh))

    def finish(self, files: Sequence[_File]) -> Summary:
        """Cut, embed, write and switch to an index of ``files``."""
        records = [record for file in files for record in file.records]
        if not records:
            raise InputError(self._nothing(files))
        made = [index.article_from_record(record, self.roots) for record in records]
        passages = [
            (row, passage) for row, article in enumerate(made) for passage in cut(article, self.plan.passage)
        ]
        texts = [indexed_text(passage) for _, passage in passages]
        segmenter, model = self._segmenter(), self._encoder()
        vectors, embedded = self._vectors(texts, model)
        with _building(self.folder) as building:
            _write_articles(building, records)
            _write_passages(building, passages)
            _write_files(building, files)
            self._write_legs(building, texts, vectors, model, segmenter)
            manifest = self._manifest(building, model, len(records), len(passages))
            summary = self._summary(files, manifest, embedded)
            if self.old is not None:
                self.old.close()  # so that it can be swept
            index.publish(self.folder, building, manifest)
        return summary

    # -- reading ---------------------------------------------------------------------------------

    def _files(self, fresh: frozenset[str]) -> list[_File]:
        """Every file of the new generation, by PATH and name; those of untouched PATHs are carried over."""
        files: list[_File] = []
        for number, root in enumerate(self.roots):
            if root.path in fresh:
                files += self._read(number, root)
            else:
                files += self._carried(number, root)
        return files

    def _read(self, number: int, root: Root) -> list[_File]:
        path = Path(root.path)
        if not path.exists():
            raise InputError(f"{path}: is gone; bring it back, or take it out: qa index --remove {path}")
        found = articles.find(path)
        refused = [
            _File(number, _below(path, where), "", refused=(reason,)) for where, reason in found.refused
        ]
        wanted = self._outside_indexes(path, found.files)
        read = []
        for done, file in enumerate(wanted, start=1):
            read.append(self._read_file(number, root, file))
            self.progress("read", done, len(wanted))
        return sorted(refused + read, key=lambda file: file.file)

    def _outside_indexes(self, root: Path, files: Sequence[Path]) -> list[Path]:
        """``files`` but for those of an index, which would come in again with every run."""
        folders = {parent for file in files for parent in file.parents if parent.is_relative_to(root)}
        ours = {folder for folder in folders if _same(folder, self.folder) or index.is_index(folder)}
        return [file for file in files if ours.isdisjoint(file.parents)]

    def _read_file(self, number: int, root: Root, path: Path) -> _File:
        file = _below(Path(root.path), path)
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            return _File(number, file, "", refused=(f"{file or path.name}: is not a regular file",))
        try:
            read = articles.read(path, source=file or path.name, encoding=root.encoding)
        except ArticleError as error:
            return _File(number, file, _sha256(path), refused=(str(error),))
        records = [index.article_record(part, number, file) for part in read.articles]
        # The checksum of the bytes that were read: the file may have changed since.
        return _File(number, file, read.articles[0].sha256, tuple(records), read.refused)

    def _carried(self, number: int, root: Root) -> list[_File]:
        assert self.old is not None
        before = next(at for at, old in enumerate(self.old.manifest.roots) if old.path == root.path)
        seen = [file for file in self.old.json("files.json") if file["root"] == before]
        records: dict[str, list[dict[str, Any]]] = {file["file"]: [] for file in seen}
        for row in range(len(self.old)):
            record = self.old.record(row)
            if record["root"] == before:
                records[record["file"]].append({**record, "root": number})
        return [
            _File(number, f["file"], f["sha256"], tuple(records[f["file"]]), tuple(f["refused"]))
            for f in seen
        ]

    def _nothing(self, files: Sequence[_File]) -> str:
        paths = ", ".join(root.path for root in self.roots)
        reasons = [f"{file.file or paths}: {file.refused[0]}" for file in files if file.refused]
        if not reasons:
            kinds = " ".join(articles.SUFFIXES)
            return f"{paths}: holds no articles; put files there of these kinds: {kinds}"
        return f"{paths}: nothing could be read ({len(reasons)} refused; the first: {reasons[0]})"

    # -- embedding -------------------------------------------------------------------------------

    def _encoder(self) -> Encoder:
        if self.plan.encoder is not None or self.old is None:
            return encoder.load(self.plan.encoder)
        return encoder.load(str(self.old.manifest.encoder["name"]))

    def _vectors(self, texts: Sequence[str], model: Encoder) -> tuple[Vectors, int]:
        """The vector of each passage's text, and how many had to be embedded."""
        import numpy as np

        known = self._known(model)
        missing = [text for text in dict.fromkeys(texts) if _key(text) not in known]
        for start in range(0, len(missing), _BATCH):
            batch = missing[start : start + _BATCH]
            known.update(zip(map(_key, batch), model.encode(batch, "passage"), strict=True))
            self.progress("embed", start + len(batch), len(missing))
        vectors = np.array([known[_key(text)] for text in texts], dtype=np.float32)
        return vectors.reshape(len(texts), model.dim), len(missing)

    def _known(self, model: Encoder) -> dict[bytes, Any]:
        """Vectors of the old generation by what was embedded; none if another model made them."""
        old = self.old
        if old is None or self.plan.rebuild or old.manifest.encoder["fingerprint"] != model.fingerprint:
            return {}
        from qa.dense import Dense

        vectors = Dense.load(old.path, model).vectors()
        keys = (_key(indexed_text(passage)) for passage in old.passages)
        return dict(zip(keys, vectors, strict=True))

    # -- writing ---------------------------------------------------------------------------------

    def _segmenter(self) -> Segmenter:
        if self.plan.dictionary is not None:
            return Segmenter.from_file(self.plan.dictionary)
        if self.old is None:
            return Segmenter()
        return Segmenter(self.old.user_words())

    def _write_legs(
        self, building: Path, texts: Sequence[str], vectors: Vectors, model: Encoder, segmenter: Segmenter
    ) -> None:
        from qa.dense import Dense
        from qa.lexical import BM25

        (building / "dictionary.txt").write_text("\n".join(segmenter.user_words), encoding="utf-8")
        self.progress("terms", 0, len(texts))
        settings = self.plan.retrieval
        BM25.build(texts, segmenter, k1=settings.k1, b=settings.b).save(building)
        Dense.build(vectors, model).save(building)

    def _manifest(self, building: Path, model: Encoder, articles_: int, passages: int) -> Manifest:
        files = index.facts(building, [file.name for file in building.iterdir()])
        made_with = {"name": model.name, "fingerprint": model.fingerprint, "dim": model.dim}
        retrieval = self.plan.retrieval
        settings = {"passage": asdict(self.plan.passage), "bm25": {"k1": retrieval.k1, "b": retrieval.b}}
        fingerprint = index.fingerprint(files, made_with, settings, [asdict(root) for root in self.roots])
        return Manifest(
            generation=f"generation-{fingerprint[:16]}",
            fingerprint=fingerprint,
            roots=self.roots,
            encoder=made_with,
            settings=settings | self._kept(),
            counts={"articles": articles_, "passages": passages},
            files=files,
        )

    def _kept(self) -> dict[str, Any]:
        """The threshold of one's own that the old manifest holds, unless this build starts over."""
        if self.old is None or self.plan.rebuild or self.old.manifest.threshold is None:
            return {}
        return {"threshold": asdict(self.old.manifest.threshold)}

    def _summary(self, files: Sequence[_File], manifest: Manifest, embedded: int) -> Summary:
        now = {index.source_of(file.root, file.file, self.roots): file for file in files}
        before = self._before()
        kept = {source: file for source, file in now.items() if file.records}
        refused = [Refusal(source, reason) for source, file in now.items() for reason in file.refused]
        return Summary(
            added=tuple(sorted(kept.keys() - before.keys())),
            changed=tuple(sorted(s for s in kept.keys() & before.keys() if before[s] != kept[s].sha256)),
            unchanged=tuple(sorted(s for s in kept.keys() & before.keys() if before[s] == kept[s].sha256)),
            removed=tuple(sorted(before.keys() - kept.keys())),
            refused=tuple(sorted(refused, key=lambda refusal: (refusal.source, refusal.reason))),
            articles=manifest.counts["articles"],
            passages=manifest.counts["passages"],
            embedded=embedded,
            fingerprint=manifest.fingerprint,
        )

    def _before(self) -> dict[str, str]:
        """Source → checksum of the files that the old generation held, named as the new one names them."""
        if self.old is None:
            return {}
        numbers = {root.path: number for number, root in enumerate(self.roots)}
        held = {}
        for file in self.old.json("files.json"):
            root = self.old.manifest.roots[file["root"]]
            if file["articles"] and root.path in numbers:
                held[index.source_of(numbers[root.path], file["file"], self.roots)] = file["sha256"]
            elif file["articles"]:
                held[index.source_of(file["root"], file["file"], self.old.manifest.roots)] = file["sha256"]
        return held


_BATCH = 64  # passages handed to the encoder between two reports of progress


@contextmanager
def _building(folder: Path) -> Iterator[Path]:
    """A fresh folder to build in; whatever goes wrong, it does not stay."""
    building = folder / f"building-{os.getpid()}"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    try:
        yield building
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _same(path: Path, other: Path) -> bool:
    return other.exists() and path.samefile(other)


def _below(root: Path, path: Path) -> str:
    """``path`` under ``root`` with ``/``; empty where it is the root itself."""
    return "" if path == root else path.relative_to(root).as_posix()


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, indent=0)


def _write_articles(building: Path, records: Sequence[dict[str, Any]]) -> None:
    import numpy as np

    places = []
    with (building / "articles.jsonl").open("wb") as stream:
        for record in records:
            places.append(stream.tell())
            stream.write(json.dumps(record, ensure_ascii=False, sort_keys=True).encode() + b"\n")
    np.save(building / "articles.npy", np.array(places, dtype=np.int64))
    rows = [[record["root"], record["file"], record["date"]] for record in records]
    (building / "catalogue.json").write_text(_json(rows), encoding="utf-8")


def _write_files(building: Path, files: Sequence[_File]) -> None:
    (building / "files.json").write_text(_json([file.to_dict() for file in files]), encoding="utf-8")


def _write_passages(building: Path, passages: Sequence[tuple[int, Passage]]) -> None:
    import numpy as np

    headings = {heading: at for at, heading in enumerate(sorted({p.heading for _, p in passages}))}
    rows = [
        (row, p.span.start, p.span.end, headings[p.heading], -1 if p.page is None else p.page)
        for row, p in passages
    ]
    np.save(building / "passages.npy", np.array(rows, dtype=np.int32).reshape(len(rows), 5))
    (building / "headings.json").write_text(_json([list(heading) for heading in headings]), encoding="utf-8")
