"""A generation in the making, from its articles to its two legs."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np

from qa.dense import Dense
from qa.errors import QaError
from qa.index import is_building
from qa.ingest import makers
from qa.ingest.doubles import PERMUTATIONS, groups, sign
from qa.ingest.earlier import Earlier
from qa.ingest.reading import shorten
from qa.ingest.terms import Terms, TermsTask, segment
from qa.ingest.unfinished import Batches
from qa.ingest.vectors import Embeddings
from qa.ingest.workers import Died, Workers
from qa.ingest.writing import Writer
from qa.onnx import available_threads
from qa.postings import write_postings
from qa.settings import PassageSettings, RetrievalSettings
from qa.types import Encoder
from qa.words import Segmenter

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Building", "Means", "empty_folder"]

Progress = Callable[[str, int, int], None]
Item = TypeVar("Item")
Given = TypeVar("Given")
Made = TypeVar("Made")

SIGNED = 128  # articles in a task
SHORTENED = 128  # articles in a task
SEGMENTED = 256  # passages in a task, and in a batch that is kept
EMBEDDED = 128  # passages in a batch that is kept
ALONE = 1024  # articles or passages for which no process is started


@dataclass(frozen=True, slots=True)
class Means:
    """What a generation is made with. ``earlier``: what there is to build upon, None where nothing counts."""

    passage: PassageSettings
    retrieval: RetrievalSettings
    segmenter: Segmenter
    model: Encoder
    batches: Batches
    earlier: Earlier | None

    @property
    def terms_made_by(self) -> str:
        """All that decides which terms a text has."""
        return "\n".join((makers.terms(), *self.segmenter.user_words))

    def earlier_terms(self) -> Earlier | None:
        """The earlier generation if its terms may be used."""
        if self.earlier is None or self.earlier.made_by("terms") != makers.terms():
            return None
        return self.earlier if self.earlier.generation.user_words() == self.segmenter.user_words else None

    def earlier_vectors(self) -> Earlier | None:
        """The earlier generation if its vectors may be used."""
        if self.earlier is None:
            return None
        made_by = self.earlier.generation.manifest.encoder["fingerprint"]
        return self.earlier if made_by == self.model.fingerprint else None


class Building:
    """A new generation in ``folder``. ``fold``: whether doubles are told."""

    def __init__(self, folder: Path, means: Means, progress: Progress, *, fold: bool) -> None:
        self.folder, self._means, self._progress = folder, means, progress
        self.writer = Writer(folder, means.passage, fold=fold)
        self._fold = fold

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.writer.close()

    def complete(self) -> int:
        """Make all that follows from the articles; how many passages were embedded."""
        self.writer.close()
        signatures = self._signatures()
        grouped = groups(dict(enumerate(signatures)))
        self._leave_out(grouped)
        self.writer.finish(grouped, signatures)
        terms = self._terms()
        vectors, embedded = self._vectors()
        self._write_legs(terms, vectors)
        for spill in self.folder.glob("spill.*"):
            spill.unlink()
        return embedded

    def missing(self) -> int:
        """How many passages would have to be embedded."""
        self.writer.close()
        self._leave_out(groups(dict(enumerate(self._signatures()))))
        vectors = self._known_vectors()
        return len({key for key in self.writer.keys if key not in vectors})

    def _signatures(self) -> NDArray[np.uint32]:
        """uint32 (articles, PERMUTATIONS): each article's signature; zeros where doubles are not told."""
        writer, earlier = self.writer, self._means.earlier
        found = np.zeros((len(writer.contents), PERMUTATIONS), dtype=np.uint32)
        if not self._fold:
            return found
        current = earlier is not None and earlier.made_by("signatures") == makers.signatures()
        known = earlier.signatures if earlier is not None and current else {}
        first = [row for row, first in enumerate(writer.firsts.rows) if row == first]
        new = [row for row in first if writer.contents[row] not in known]
        for row in set(first).difference(new):
            found[row] = known[writer.contents[row]]
        texts = (tuple(batch) for batch in _batches(writer.article_texts(new), SIGNED))
        made = (each for batch in _mapped(sign, texts, len(new)) for each in batch)
        for done, (row, signature) in enumerate(zip(new, made, strict=True), start=1):
            found[row] = signature
            self._progress("doubles", done, len(new))
        return found

    def _leave_out(self, grouped: Mapping[int, int]) -> None:
        """Cut those passages again from which something goes, or no longer goes, that articles share."""
        if not self._fold:
            return
        writer = self.writer
        gone = writer.repeats.changed(writer.firsts.rows, grouped)
        tasks = _batches(writer.shorter(gone), SHORTENED)
        made = (each for batch in _mapped(shorten, tasks, len(gone)) for each in batch)
        pieces = {}
        for (row, keys), (spans, cut) in zip(gone.items(), made, strict=True):
            writer.repeats.leave_out(row, keys, spans)
            pieces[row] = cut
        if pieces:
            writer.recut(pieces)

    def _terms(self) -> Terms:
        means = self._means
        earlier = means.earlier_terms()
        before = None if earlier is None else (earlier.generation, earlier.passage_rows)
        terms = Terms(self.folder, means.batches, means.terms_made_by, before)
        wanted = {key for key in self.writer.keys if key not in terms}
        keys: list[tuple[bytes, ...]] = []
        made = _mapped(segment, self._tasks(wanted, keys), len(wanted))
        done = 0
        for at, segmented in enumerate(made):
            terms.add(keys[at], segmented, keep=len(keys[at]) == SEGMENTED)
            done += len(keys[at])
            self._progress("terms", done, len(wanted))
        return terms

    def _tasks(self, wanted: set[bytes], keys: list[tuple[bytes, ...]]) -> Iterator[TermsTask]:
        """Texts to segment, and, noted in ``keys``, whose they are."""
        for batch in _batches(self.writer.texts(wanted), SEGMENTED):
            keys.append(tuple(key for key, _ in batch))
            yield TermsTask(self._means.segmenter.user_words, tuple(text for _, text in batch))

    def _vectors(self) -> tuple[Embeddings, int]:
        vectors = self._known_vectors()
        wanted = {key for key in self.writer.keys if key not in vectors}
        done = 0
        for batch in _batches(self.writer.texts(wanted), EMBEDDED):
            keys, texts = zip(*batch, strict=True)
            vectors.add(keys, texts, keep=len(batch) == EMBEDDED)
            done += len(batch)
            self._progress("embed", done, len(wanted))
        return vectors, len(wanted)

    def _known_vectors(self) -> Embeddings:
        means = self._means
        earlier = means.earlier_vectors()
        before = None if earlier is None else (earlier.generation, earlier.passage_rows)
        return Embeddings(self.folder, means.batches, means.model, before)

    def _write_legs(self, terms: Terms, vectors: Embeddings) -> None:
        means, keys = self._means, self.writer.keys
        self._progress("write", 0, 1)
        words = "\n".join(means.segmenter.user_words)
        (self.folder / "dictionary.txt").write_text(words, encoding="utf-8")
        write_postings(
            self.folder,
            lambda: terms.blocks(keys),
            size=terms.size,
            words=terms.words,
            k1=means.retrieval.k1,
            b=means.retrieval.b,
        )
        Dense.write(self.folder, vectors.blocks(keys), means.model)
        self._progress("write", 1, 1)


def _mapped(function: Callable[[Given], Made], tasks: Iterable[Given], size: int) -> Iterator[Made]:
    """``function`` of each task in order, on all cores where ``size``, the amount of work, is worth it."""
    with Workers(1 if size < ALONE else available_threads()) as workers:
        for made in workers.map(function, tasks):
            if isinstance(made, Died):
                raise QaError(
                    "a process that helped ended early (no memory left?); run again: it goes on from here"
                )
            yield made


def _batches(items: Iterable[Item], size: int) -> Iterator[tuple[Item, ...]]:
    """``items`` in tuples of ``size``, the last one maybe shorter."""
    left = iter(items)
    while batch := tuple(islice(left, size)):
        yield batch


@contextmanager
def empty_folder(index: Path) -> Iterator[Path]:
    """A fresh folder in ``index`` to build in; whatever goes wrong, it does not stay.

    Those that killed builds left go first: they may be what fills the disk.
    """
    for left in index.glob("building-*"):
        if is_building(left):
            shutil.rmtree(left)
    folder = index / f"building-{os.getpid()}"
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
