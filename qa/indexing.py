"""Articles in, index out: what is new or changed is read and embedded, the rest is carried over.

A run goes through its stages file by file and batch by batch, so memory does not grow with the folder:
look, read and cut, tell doubles, segment, embed, write, switch. What a run that is stopped had finished
stays in the index folder, and the next one goes on from there (see ``qa.ingest.unfinished``).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa import articles, encoder, index
from qa.errors import IndexFolderError, InputError
from qa.index import Generation, Manifest, Root
from qa.ingest import makers
from qa.ingest.building import Building, Means, empty_folder
from qa.ingest.earlier import Earlier
from qa.ingest.paths import joined, named, touched
from qa.ingest.plan import Work
from qa.ingest.reading import part, sha256_of
from qa.ingest.unfinished import Batches, FileLog
from qa.ingest.workers import Workers
from qa.ingest.writing import File
from qa.onnx import available_threads
from qa.settings import PassageSettings, RetrievalSettings
from qa.words import Segmenter

if TYPE_CHECKING:
    from qa.types import Article, Encoder

__all__ = ["Plan", "Refusal", "Summary", "build_index", "index_articles", "remove_paths"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file, or a part of one, that is not in the index, and why."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What one run of indexing did, or would do; the first four name sources, sorted.

    ``doubles``      articles that only say again what another one says: kept by name, not searched twice
    ``embedded``     passages
    ``fingerprint``  empty where nothing was written
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = ()
    articles: int = 0
    passages: int = 0
    embedded: int = 0
    doubles: int = 0
    fingerprint: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The summary as JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to index with. None means: as the index was built, or the default in a new one.

    ``lines``    each line of a plain text file is an article
    ``dry_run``  tell what would happen, and write nothing
    """

    encoder: str | None = None
    encoding: str | None = None
    dictionary: Path | None = None
    rebuild: bool = False
    passage: PassageSettings = field(default_factory=PassageSettings)
    retrieval: RetrievalSettings = field(default_factory=RetrievalSettings)
    lines: bool | None = None
    dry_run: bool = False


def build_index(
    paths: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str] = "index",
    *,
    plan: Plan | None = None,
    on_progress: Progress | None = None,
) -> Summary:
    """Add or update the articles under ``paths`` in the index at ``folder``, which is made if missing.

    ``paths``        one path or several; an empty sequence refreshes all that the index remembers
    ``on_progress``  called with (stage, done, total); stages: read, doubles, terms, embed, write
    Raises InputError (a path is wrong, or nothing could be read), IndexFolderError (the folder is
    foreign, damaged or locked), ModelError. The index is replaced whole or not at all.
    """
    given = [Path(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    plan = Plan() if plan is None else plan
    target = Path(folder)
    _must_exist(given)
    if not given and not (target / "manifest.json").exists():
        raise InputError(f"{target}: there is no index to refresh; name a folder of articles: qa index PATH")
    with _held(target, plan) as (remembered, old):
        roots = joined(remembered, given, plan.encoding, plan.lines)
        if not roots:
            raise InputError(f"{target}: remembers no PATH; name a folder of articles: qa index PATH")
        everything = plan.rebuild or old is None or not given
        wanted = [Path(root.path) for root in roots] if everything else given
        return _Run(target, old, roots, plan, on_progress).update(touched(roots, wanted))


def remove_paths(
    paths: Sequence[str],
    folder: str | os.PathLike[str] = "index",
    *,
    plan: Plan | None = None,
    on_progress: Progress | None = None,
) -> Summary:
    """Take PATHs, as they were given to ``build_index``, out of the index. Raises as it does.

    Of ``plan`` only ``dry_run`` counts.
    """
    target = Path(folder)
    plan = Plan(dry_run=plan is not None and plan.dry_run)
    if not (target / "manifest.json").exists():
        raise IndexFolderError(f"{target}: holds no index; there is nothing to remove")
    with _held(target, plan) as (_, old):
        assert old is not None
        known = {root.path for root in old.manifest.roots}
        gone = {str(Path(path).resolve()) for path in paths}
        if unknown := sorted(gone - known):
            raise InputError(f"{unknown[0]}: is not a PATH of this index; it has: {', '.join(sorted(known))}")
        roots = tuple(root for root in old.manifest.roots if root.path not in gone)
        if not roots:
            raise InputError(f"{target}: --remove would take its last PATH; delete the folder instead")
        return _Run(target, old, named(roots), plan, on_progress).update(frozenset())


def index_articles(
    made: Sequence[Article],
    path: Path,
    folder: str | os.PathLike[str],
    *,
    plan: Plan | None = None,
    on_progress: Progress | None = None,
) -> Summary:
    """Make an index of articles that were already read, all parts of the one file at ``path``.

    Each is indexed, also one that says what another says. Raises IndexFolderError for the index of
    anything else, whose articles it would push out.
    """
    plan = Plan() if plan is None else plan
    target = Path(folder)
    with _held(target, plan) as (_, old):
        roots = joined((), [path])
        if old is not None and {root.path for root in old.manifest.roots} != {root.path for root in roots}:
            raise IndexFolderError(f"{target}: is an index of other articles; name another with --index")
        return _Run(target, old, roots, plan, on_progress).make(made, path)


def _must_exist(paths: Iterable[Path]) -> None:
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; check the path")


@contextmanager
def _held(folder: Path, plan: Plan) -> Iterator[tuple[tuple[Root, ...], Generation | None]]:
    """What stands (see ``_standing``), under the folder's lock, which only a run that writes takes."""
    with nullcontext() if plan.dry_run else index.lock(folder):
        roots, old = _standing(folder, plan)
        try:
            yield roots, old
        finally:
            if old is not None:
                old.close()  # an error that is kept would go on holding it, and no run could sweep it


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


class _Run:
    """One run of indexing, under the folder's lock unless nothing is to be written."""

    def __init__(
        self,
        folder: Path,
        old: Generation | None,
        roots: tuple[Root, ...],
        plan: Plan,
        on_progress: Progress | None,
    ) -> None:
        self.folder, self.old, self.roots, self.plan = folder, old, roots, plan
        self.progress: Progress = on_progress or _silent
        self.earlier = None if old is None else Earlier(old)
        self.means = Means(
            passage=plan.passage,
            retrieval=plan.retrieval,
            segmenter=self._segmenter(),
            model=self._encoder(),
            batches=Batches(folder),
            earlier=None if plan.rebuild else self.earlier,
        )

    def update(self, fresh: frozenset[str]) -> Summary:
        """Bring the index up to the files; only those under the PATHs ``fresh`` are looked at."""
        work = self._work(fresh)
        if not work.changes and self._made_alike():
            return self._nothing_new(work)
        if self.plan.dry_run:
            with tempfile.TemporaryDirectory(prefix="qa-dry-run-") as made:
                return self._tried(work, Path(made))
        with empty_folder(self.folder) as folder, self._building(folder) as building:
            self._fill(building, work)
            return self._published(building)

    def make(self, made: Sequence[Article], path: Path) -> Summary:
        """Make the index of articles that are all of the file at ``path``."""
        with empty_folder(self.folder) as folder, self._building(folder, fold=False) as building:
            parts = (part(article, 0, "", self.plan.passage) for article in made)
            building.writer.add(File(0, "", sha256_of(path)), parts)
            return self._published(building)

    # -- with what -------------------------------------------------------------------------------

    def _segmenter(self) -> Segmenter:
        if self.plan.dictionary is not None:
            return Segmenter.from_file(self.plan.dictionary)
        return Segmenter() if self.old is None else Segmenter(self.old.user_words())

    def _encoder(self) -> Encoder:
        if self.plan.encoder is not None or self.old is None:
            return encoder.load(self.plan.encoder)
        return encoder.load(str(self.old.manifest.encoder["name"]))

    def _made_with(self) -> dict[str, Any]:
        model = self.means.model
        return {"name": model.name, "fingerprint": model.fingerprint, "dim": model.dim}

    def _settings(self) -> dict[str, Any]:
        retrieval = self.plan.retrieval
        return {"passage": asdict(self.plan.passage), "bm25": {"k1": retrieval.k1, "b": retrieval.b}}

    def _made_alike(self) -> bool:
        """Whether the old generation would come out the same from the same files."""
        if self.old is None or self.means.earlier_terms() is None:
            return False
        settings = {name: value for name, value in self.old.manifest.settings.items() if name != "threshold"}
        return settings == self._settings() and dict(self.old.manifest.encoder) == self._made_with()

    # -- the stages ------------------------------------------------------------------------------

    def _work(self, fresh: frozenset[str]) -> Work:
        return Work(
            self.roots,
            fresh,
            self.earlier,
            FileLog(self.means.batches, makers.articles()),
            own=self.folder,
            passage=self.plan.passage,
            rebuild=self.plan.rebuild,
        )

    def _building(self, folder: Path, *, fold: bool = True) -> Building:
        return Building(folder, self.means, self.progress, fold=fold)

    def _fill(self, building: Building, work: Work) -> None:
        """Put the articles into a new generation. Raises InputError where there are none."""
        done = 0
        with Workers(work.workers(available_threads())) as workers:
            for file, parts, job in work.run(workers):
                building.writer.add(file, parts)
                if job:
                    done += 1
                    self.progress("read", done, work.todo)
        if not building.writer.contents:
            raise InputError(self._nothing(building.writer.files))

    def _nothing_new(self, work: Work) -> Summary:
        """The index stays; only what was seen of its files is written down anew."""
        assert self.old is not None
        files, manifest = work.files(), self.old.manifest
        if not self.plan.dry_run:
            index.see(self.old.path, _seen(files))
            index.sweep(self.folder, keep=manifest.generation)
        counts = (manifest.counts["articles"], manifest.counts["passages"])
        return self._summary(files, counts, 0, self.old.count_doubles(), manifest.fingerprint)

    def _tried(self, work: Work, folder: Path) -> Summary:
        """What would be done; what has to be written to find out goes into ``folder``."""
        with self._building(folder) as building:
            self._fill(building, work)
            writer, embedded = building.writer, building.missing()
            counts = (len(writer.contents), len(writer.keys))
            return self._summary(writer.files, counts, embedded, writer.firsts.doubles, "")

    def _published(self, building: Building) -> Summary:
        """Complete the generation and switch to it."""
        writer = building.writer
        embedded = building.complete()
        counts = (len(writer.contents), len(writer.keys))
        manifest = self._manifest(building.folder, *counts)
        summary = self._summary(writer.files, counts, embedded, writer.firsts.doubles, manifest.fingerprint)
        index.see(building.folder, _seen(writer.files))
        if self.old is not None:
            self.old.close()  # so that it can be swept
        index.publish(self.folder, building.folder, manifest)
        return summary

    def _nothing(self, files: Sequence[File]) -> str:
        paths = ", ".join(root.path for root in self.roots)
        reasons = [f"{file.file or paths}: {file.refused[0]}" for file in files if file.refused]
        if not reasons:
            kinds = " ".join(articles.SUFFIXES)
            return f"{paths}: holds no articles; put files there of these kinds: {kinds}"
        return f"{paths}: nothing could be read ({len(reasons)} refused; the first: {reasons[0]})"

    # -- what is told ----------------------------------------------------------------------------

    def _manifest(self, building: Path, articles_: int, passages: int) -> Manifest:
        files = index.facts(building, [file.name for file in building.iterdir()])
        made_with, settings = self._made_with(), self._settings()
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

    def _summary(
        self, files: Sequence[File], counts: tuple[int, int], embedded: int, doubles: int, fingerprint: str
    ) -> Summary:
        """``counts``: articles and passages."""
        now = {index.source_of(file.root, file.file, self.roots): file for file in files}
        before = self._before()
        kept = {source: file for source, file in now.items() if file.articles}
        refused = [Refusal(source, reason) for source, file in now.items() for reason in file.refused]
        return Summary(
            added=tuple(sorted(kept.keys() - before.keys())),
            changed=tuple(sorted(s for s in kept.keys() & before.keys() if before[s] != kept[s].sha256)),
            unchanged=tuple(sorted(s for s in kept.keys() & before.keys() if before[s] == kept[s].sha256)),
            removed=tuple(sorted(before.keys() - kept.keys())),
            refused=tuple(sorted(refused, key=lambda refusal: (refusal.source, refusal.reason))),
            articles=counts[0],
            passages=counts[1],
            embedded=embedded,
            doubles=doubles,
            fingerprint=fingerprint,
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


def _silent(stage: str, done: int, total: int) -> None:
    return None


def _seen(files: Sequence[File]) -> dict[str, Any]:
    """What the next run has to know: when each file was as it is here, and which code read it."""
    stamps = [None if file.stamp is None else file.stamp.to_list() for file in files]
    made_by = {
        "articles": makers.articles(),
        "signatures": makers.signatures(),
        "terms": makers.terms(),
    }
    return {**made_by, "stamps": stamps}
