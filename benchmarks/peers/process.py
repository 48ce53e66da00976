"""A driver as the measuring code sees it: a process that answers one line at a time, within a time."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from typing import IO, Any, Self

__all__ = ["OFFLINE", "Driver", "PeerError"]

OFFLINE: Mapping[str, str] = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HAYSTACK_TELEMETRY_ENABLED": "False",
    "PYTHONPATH": "",  # each environment is its own
}
_LAST = 4  # seconds that a driver has to end by itself


class PeerError(Exception):
    """A system that cannot be measured; one line that says which, what it was doing and why."""


class Driver:
    """A running driver. Ends with the ``with`` block, at the latest."""

    def __init__(self, name: str, command: Sequence[str], *, log: Path, patience: float) -> None:
        """Starts ``command``.

        ``name``      the system's, for errors
        ``log``       where its standard error goes; added to
        ``patience``  seconds that a reply may take
        """
        self.name, self._log, self._patience = name, log, patience
        log.parent.mkdir(parents=True, exist_ok=True)
        self._errors: IO[str] = log.open("a", encoding="utf-8")
        self._replies: Queue[str | None] = Queue()
        environment = {**os.environ, **OFFLINE}
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                encoding="utf-8",
                env=environment,
            )
        except OSError as error:
            self._errors.close()
            raise PeerError(f"{name}: cannot be started ({command[0]}: {error.strerror})") from error
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, do: str, **more: Any) -> Any:
        """What it replies to ``do``. Raises PeerError where it fails, dies or takes too long."""
        with suppress(OSError):  # one that is gone; the reply tells how
            print(json.dumps({"do": do, **more}, ensure_ascii=False), file=self._stdin, flush=True)
        reply = self._reply(do)
        if "error" in reply:
            raise PeerError(f"{self.name}: {do} failed ({reply['error']})")
        return reply["done"]

    @property
    def peak(self) -> int | None:
        """The most memory that it has held until now, in bytes; None where the system does not tell."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        except OSError:
            return None
        peaks = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
        return 1024 * int(peaks[0]) if peaks else None

    def close(self) -> None:
        """Ends it."""
        with suppress(OSError):  # what was not yet written to one that is gone
            self._stdin.close()
        try:
            self._process.wait(_LAST)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._errors.close()

    @property
    def _stdin(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._replies.put(line)
        self._replies.put(None)

    def _reply(self, do: str) -> dict[str, Any]:
        try:
            line = self._replies.get(timeout=self._patience)
        except Empty:
            self._process.kill()
            raise PeerError(
                f"{self.name}: no reply to {do} within {self._patience:g} s; see {self._log}"
            ) from None
        if line is None:
            status = self._process.wait()
            raise PeerError(f"{self.name}: ended with status {status} at {do} ({self._last_words()})")
        try:
            reply: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise PeerError(f"{self.name}: replied to {do} with no JSON ({line.strip()[:80]!r})") from error
        return reply

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").split("\n")
        spoken = [line.strip() for line in lines if line.strip()]
        return spoken[-1][:200] if spoken else "it said nothing"
