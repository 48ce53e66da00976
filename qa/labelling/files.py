"""Label files and pending files: they grow by whole lines and hold no question twice."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from qa.errors import InputError
from qa.labelling.judging import Asked, Fate, Judged, Key, label_id, label_line
from qa.labelling.reading import judged_in, rows_of, string, strings
from qa.labels import Question

__all__ = ["LabelFile", "PendingFile", "append_line", "locked"]


class LabelFile:
    """A label file that grows by whole lines and never holds a question or an id twice.

    Nothing is created before the first label. Each line is one ``write``, synced; a kill leaves all of
    it or nothing, and what a full disk cut short is taken back. Several writers take turns.

    Raises InputError, ``file:line`` first, for a file that is there and is not JSON Lines of labels.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = -1
        self._by_key: dict[Key, tuple[str, ...]] = {}
        self._by_id: dict[str, tuple[str, ...]] = {}
        if path.exists():
            self._load(path.stat().st_size)

    def answers(self, asked: Asked) -> tuple[str, ...] | None:
        """The answers that the file has for a question; None where it has no label for it."""
        return self._there(asked, label_id(*asked.key))

    def add(self, question: Question) -> Fate:
        """Append a label unless the file has its question or its id. Raises OSError if it cannot."""
        with locked(self.path) as handle:
            size = os.fstat(handle).st_size
            if size != self._size:  # another writer was here since
                self._load(size)
            asked = Asked(question.question, question.history)
            there = self._there(asked, question.id)
            if there is not None:
                return "known" if _agrees(question.answers, there) else "differs"
            self._size = append_line(handle, label_line(question))
        self._note(question.id, asked, question.answers)
        return "added"

    def _there(self, asked: Asked, identifier: str) -> tuple[str, ...] | None:
        return self._by_key.get(asked.key, self._by_id.get(identifier))

    def _load(self, size: int) -> None:
        self._by_key.clear()
        self._by_id.clear()
        for where, row in rows_of(self.path):
            if "context" in row or not isinstance(row.get("answers"), list):
                raise InputError(f'{where}: is no label line ("question", "answers"); name another file')
            asked = Asked(string(row, "question", where), strings(row, "history", where))
            self._note(str(row.get("id", "")), asked, strings(row, "answers", where))
        self._size = size

    def _note(self, identifier: str, asked: Asked, answers: tuple[str, ...]) -> None:
        self._by_key[asked.key] = answers
        if identifier:
            self._by_id[identifier] = answers


class PendingFile:
    """A feedback file of judged answers that still want their right words, each question once.

    Written like a ``LabelFile``. With ``answers`` put into its labels it is a feedback file to file again.

    Raises InputError, ``file:line`` first, for a file that is there and is not feedback.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        rows = rows_of(path) if path.exists() else ()
        self._known = {judged_in(row, where).asked.key for where, row in rows}

    def add(self, judged: Judged) -> None:
        """Append a judged answer unless its question waits already. Raises OSError if it cannot."""
        if judged.asked.key in self._known:
            return
        with locked(self.path) as handle:
            append_line(handle, judged.line())
        self._known.add(judged.asked.key)


def _agrees(answers: Sequence[str], there: Sequence[str]) -> bool:
    return set(answers) <= set(there) and bool(answers) == bool(there)


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """The file open for appending, made if it is not there, with other writers kept waiting."""
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)


def append_line(handle: int, line: str) -> int:
    """Write one whole line, or nothing; returns the size of the file."""
    end = os.fstat(handle).st_size
    unended = end > 0 and os.pread(handle, 1, end - 1) != b"\n"
    # A lone surrogate has no UTF-8; as a backslash escape it is the same string in JSON.
    raw = ("\n" * unended + line + "\n").encode(errors="backslashreplace")
    try:
        if os.write(handle, raw) != len(raw):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(handle)
    except OSError:
        os.ftruncate(handle, end)
        raise
    return end + len(raw)
