"""The vector of each distinct passage: from the generation before, an interrupted run, or embedded now.

From the encoder on they are in half precision, as an index keeps them (see ``qa/nearest.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from qa.dense import Dense
from qa.index import Generation
from qa.ingest.terms import mapped
from qa.ingest.unfinished import Batches
from qa.types import Encoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Halves = NDArray[np.float16]

__all__ = ["Embeddings"]

BLOCK = 4096  # vectors that are copied at once
_UNFIT = (ValueError, KeyError, EOFError, BadZipFile)  # what a batch gives that is none


class Embeddings:
    """The vectors of passages by their keys. ``spill``: a folder for those that are made now."""

    def __init__(
        self,
        spill: Path,
        batches: Batches,
        encoder: Encoder,
        earlier: tuple[Generation, dict[bytes, int]] | None,
    ) -> None:
        """Takes in what an interrupted run had embedded with the same encoder.

        ``earlier``  a generation of the same encoder, and the row of each of its passages by key
        """
        self._spill, self._batches, self._encoder = spill / "spill.vectors", batches, encoder
        self._rows: dict[bytes, int] = {}
        self._unkept: list[tuple[Sequence[bytes], Halves]] = []
        self._before = {} if earlier is None else earlier[1]
        self._dense = None if earlier is None else Dense.load(earlier[0].path, encoder)
        for batch in batches.of("vectors"):
            self._load(batch)

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows or key in self._before

    def add(self, keys: Sequence[bytes], texts: Sequence[str], *, keep: bool) -> None:
        """Embed texts; ``keep``: also for the run after this one, should it not end.

        What an encoder makes in a second is kept at once: of one that is quick, many batches together.
        """
        vectors = self._encoder.encode(texts, "passage").astype(np.float16)
        if keep:
            self._unkept.append((keys, vectors))
            if sum(len(each) for each, _ in self._unkept) >= getattr(self._encoder, "per_second", 0):
                self._batches.keep("vectors", self._save)
                self._unkept = []
        self._take(keys, vectors)

    def blocks(self, keys: Sequence[bytes]) -> Iterator[Halves]:
        """The vectors of the passages of these keys, in order, float16 (rows, dim) each."""
        new = mapped(self._spill, np.float16).reshape(-1, self._encoder.dim)
        for start in range(0, len(keys), BLOCK):
            yield self._block(keys[start : start + BLOCK], new)

    def _block(self, keys: Sequence[bytes], new: Halves) -> Halves:
        block: Halves = np.zeros((len(keys), self._encoder.dim), dtype=np.float16)
        places = [self._rows.get(key, -1) for key in keys]
        made = np.array([at for at, row in enumerate(places) if row >= 0], dtype=np.int64)
        block[made] = new[[row for row in places if row >= 0]]
        if self._dense is not None and len(made) < len(keys):
            kept = [at for at, row in enumerate(places) if row < 0]
            rows = np.array([self._before[keys[at]] for at in kept], dtype=np.int64)
            block[kept] = self._dense.vectors_of(rows)
        return block

    def _take(self, keys: Sequence[bytes], vectors: Halves) -> None:
        with self._spill.open("ab") as stream:
            vectors.tofile(stream)
        for key in keys:
            self._rows[key] = len(self._rows)

    def _save(self, stream: IO[bytes]) -> None:
        whole = np.frombuffer(b"".join(key for keys, _ in self._unkept for key in keys), dtype=np.uint8)
        vectors = np.concatenate([each for _, each in self._unkept])
        np.savez(stream, made_by=np.array(self._encoder.fingerprint), keys=whole, vectors=vectors)

    def _load(self, batch: Path) -> None:
        """Take in a batch; one that cannot be understood was made by another version, and is passed over."""
        with suppress(*_UNFIT), batch.open("rb") as stream, np.load(stream) as kept:
            if str(kept["made_by"]) != self._encoder.fingerprint:
                return
            whole, vectors = kept["keys"].tobytes(), kept["vectors"].astype(np.float16)
            keys = [whole[at : at + 16] for at in range(0, len(whole), 16)]
            fresh = [at for at, key in enumerate(keys) if key not in self._rows]
            self._take([keys[at] for at in fresh], vectors[fresh])
