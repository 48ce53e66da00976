"""The term counts of each distinct passage: from the generation before, an interrupted run, or made now.

Terms have numbers of their own here: first those of the earlier generation's trie, then, as they come, the
new ones. ``write_postings`` gives them their final columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile

import numpy as np

from qa.index import Generation
from qa.ingest.unfinished import Batches
from qa.lexical import open_terms
from qa.postings import Counted
from qa.words import Segmenter

__all__ = ["Segmented", "Terms", "TermsTask", "mapped", "segment"]

BLOCK = 2048  # passages that are inverted at once
_UNFIT = (ValueError, KeyError, EOFError, BadZipFile)  # what a batch gives that is none


@dataclass(frozen=True, slots=True)
class TermsTask:
    """Texts to segment; ``user_words`` as for ``Segmenter``."""

    user_words: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Segmented:
    """The terms of some texts: ``counted`` holds positions in ``words``."""

    words: tuple[str, ...]
    counted: Counted


def segment(task: TermsTask) -> Segmented:
    """The terms of each text, counted."""
    segmenter = _segmenter(task.user_words)
    rows = [Counter(segmenter.terms(text)) for text in task.texts]
    words = tuple(dict.fromkeys(term for row in rows for term in row))
    number = {word: at for at, word in enumerate(words)}
    return Segmented(
        words,
        Counted(
            np.array([number[term] for row in rows for term in row], dtype=np.int32),
            np.array([count for row in rows for count in row.values()], dtype=np.uint32),
            np.array([len(row) for row in rows], dtype=np.int64),
        ),
    )


@lru_cache(maxsize=4)
def _segmenter(user_words: tuple[str, ...]) -> Segmenter:
    return Segmenter(user_words)


class Terms:
    """The terms of passages by their keys. ``spill``: a folder for the numbers that are made now."""

    def __init__(
        self, spill: Path, batches: Batches, made_by: str, earlier: tuple[Generation, dict[bytes, int]] | None
    ) -> None:
        """Takes in what an interrupted run had made.

        ``made_by``  code and user's words: all that decides which terms a text has
        ``earlier``  a generation whose terms may be used, and the row of each of its passages by key
        """
        self._spill, self._batches, self._made_by = spill, batches, made_by
        self._earlier = None if earlier is None else _Earlier(*earlier)
        self._base = 0 if self._earlier is None else len(self._earlier.trie)
        self._words: dict[str, int] = {}
        self._rows: dict[bytes, int] = {}
        self._ends = [0]
        for batch in batches.of("terms"):
            self._load(batch)

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows or (self._earlier is not None and key in self._earlier.rows)

    def add(self, keys: Sequence[bytes], made: Segmented, *, keep: bool) -> None:
        """Take in the terms of passages; ``keep``: also for the run after this one, should it not end."""
        if keep:
            self._batches.keep("terms", lambda stream: self._save(stream, keys, made))
        self._take(keys, made)

    @property
    def size(self) -> int:
        """One more than the highest number of a term."""
        return self._base + len(self._words)

    def words(self, numbers: Sequence[int]) -> list[str]:
        """The terms of these numbers."""
        new = list(self._words)
        return [new[n - self._base] if n >= self._base else self._before(n) for n in numbers]

    def _before(self, number: int) -> str:
        assert self._earlier is not None
        return str(self._earlier.trie.restore_key(number))

    def blocks(self, keys: Sequence[bytes]) -> Iterator[Counted]:
        """The terms of the passages of these keys, in order."""
        terms = mapped(self._spill / "spill.terms", np.int32)
        counts = mapped(self._spill / "spill.counts", np.uint32)
        for start in range(0, len(keys), BLOCK):
            cells = [self._cells(key, terms, counts) for key in keys[start : start + BLOCK]]
            yield Counted(
                np.concatenate([each for each, _ in cells]),
                np.concatenate([each for _, each in cells]).astype(np.uint32),
                np.array([len(each) for each, _ in cells], dtype=np.int64),
            )

    def _cells(self, key: bytes, terms: Any, counts: Any) -> tuple[Any, Any]:
        row = self._rows.get(key)
        if row is None:
            assert self._earlier is not None
            return self._earlier.cells(key)
        cells = slice(self._ends[row], self._ends[row + 1])
        return terms[cells], counts[cells]

    def _number(self, word: str) -> int:
        known = None if self._earlier is None else self._earlier.trie.get(word)
        return (
            int(known) if known is not None else self._base + self._words.setdefault(word, len(self._words))
        )

    def _take(self, keys: Sequence[bytes], made: Segmented) -> None:
        numbers = np.array([self._number(word) for word in made.words], dtype=np.int32)
        with (self._spill / "spill.terms").open("ab") as stream:
            numbers[made.counted.terms].tofile(stream)
        with (self._spill / "spill.counts").open("ab") as stream:
            made.counted.counts.tofile(stream)
        for key, size in zip(keys, made.counted.sizes.tolist(), strict=True):
            self._rows[key] = len(self._ends) - 1
            self._ends.append(self._ends[-1] + size)

    def _save(self, stream: IO[bytes], keys: Sequence[bytes], made: Segmented) -> None:
        np.savez(
            stream,
            made_by=np.array(self._made_by),
            keys=np.frombuffer(b"".join(keys), dtype=np.uint8),
            words=np.frombuffer("\n".join(made.words).encode(), dtype=np.uint8),
            terms=made.counted.terms,
            counts=made.counted.counts,
            sizes=made.counted.sizes,
        )

    def _load(self, batch: Path) -> None:
        """Take in a batch; one that cannot be understood was made by another version, and is passed over."""
        with suppress(*_UNFIT), batch.open("rb") as stream, np.load(stream) as kept:
            if str(kept["made_by"]) != self._made_by:
                return
            whole = kept["keys"].tobytes()
            keys = [whole[at : at + 16] for at in range(0, len(whole), 16)]
            words = kept["words"].tobytes().decode()
            counted = Counted(kept["terms"], kept["counts"], kept["sizes"])
            self._take(keys, Segmented(tuple(words.split("\n")) if words else (), counted))


class _Earlier:
    """The terms that a generation keeps by passage."""

    def __init__(self, generation: Generation, rows: dict[bytes, int]) -> None:
        self.rows = rows
        self.trie = open_terms(generation.path)
        self._terms, self._counts, sizes = (
            generation.array(f"bm25.passage-{name}") for name in ("terms", "counts", "sizes")
        )
        self._ends = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64))).tolist()

    def cells(self, key: bytes) -> tuple[Any, Any]:
        row = self.rows[key]
        cells = slice(self._ends[row], self._ends[row + 1])
        return self._terms[cells], self._counts[cells]


def mapped(path: Path, kind: Any) -> Any:
    """The numbers in a raw file; an empty or missing one cannot be mapped."""
    if not path.exists() or not path.stat().st_size:
        return np.zeros(0, dtype=kind)
    return np.memmap(path, dtype=kind, mode="r")
