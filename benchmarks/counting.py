"""What the models are given while questions are asked: counts that do not depend on the machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from qa.onnx import Session
from qa.reader import SpanReader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from qa.types import Passage, Reading

__all__ = ["Work", "counting"]


@dataclass
class Work:
    """What was done since counting began.

    ``passages``        that the reader was given
    ``reader_runs``     of its graph, and the windows and pieces that went in
    ``encoder_runs``    of its graph, one a text, and the pieces that went in
    """

    passages: int = 0
    reader_runs: int = 0
    reader_windows: int = 0
    reader_pieces: int = 0
    encoder_runs: int = 0
    encoder_pieces: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def given(self, passages: int) -> None:
        """Count passages that are to be read."""
        with self._lock:
            self.passages += passages

    def ran(self, inputs: dict[str, NDArray[Any]]) -> None:
        """Count one run of a graph by what it was given."""
        with self._lock:
            if "starts" in inputs:
                self.reader_runs += 1
                self.reader_windows += len(inputs["starts"])
                self.reader_pieces += len(inputs["ids"])
            else:
                self.encoder_runs += 1
                self.encoder_pieces += inputs["input_ids"].size

    def to_dict(self) -> dict[str, int]:
        """The counts by name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, int)}


@contextmanager
def counting() -> Iterator[Work]:
    """Counts what the shipped encoder and the reader do, in this process, in all its threads."""
    work, run, read = Work(), Session.run, SpanReader.read

    def counted_run(session: Session, **inputs: NDArray[Any]) -> list[NDArray[Any]]:
        work.ran(inputs)
        return run(session, **inputs)

    def counted_read(reader: SpanReader, question: str, passages: Sequence[Passage]) -> list[Reading]:
        work.given(len(passages))
        return read(reader, question, passages)

    with patch.object(Session, "run", counted_run), patch.object(SpanReader, "read", counted_read):
        yield work
