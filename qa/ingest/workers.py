"""Functions run on all cores, each in a process of its own; results come in the order of the tasks.

The processes are started plainly, not forked and not through ``multiprocessing``: the caller may have
threads, and a script of a user's that calls ``build_index`` need not guard its main module. A process that
dies over a task (a parser's crash, the system's want of memory) costs that task only.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from typing import Any, Self, TypeVar

__all__ = ["Died", "Workers", "serve"]

Given = TypeVar("Given")
Made = TypeVar("Made")

AHEAD = 2  # tasks for each process that may be under way or done and not yet taken


class Died:
    """The process that worked on a task ended before it was done."""


class Workers:
    """``count`` processes, started when first needed; with fewer than two, this process does the work."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._own = threading.local()
        self._running: list[subprocess.Popen[bytes]] = []
        self._closing = False
        self._threads: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        for process in list(self._running):
            process.kill()  # it only reads and counts: there is nothing to put in order
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        for process in self._running:
            _close(process)

    def map(self, function: Callable[[Given], Made], tasks: Iterable[Given]) -> Iterator[Made | Died]:
        """``function`` of each task, in order; ``Died`` in the place of a result where its process ended.

        ``function`` lies at the top of its module; tasks and results can be pickled. Tasks are taken a few
        ahead of the results and no more. What the function raises is raised here.
        """
        if self._count < 2:
            yield from map(function, tasks)
            return
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="worker")
        waiting: deque[Future[Any]] = deque()
        for task in tasks:
            waiting.append(self._threads.submit(self._run, function, task))
            if len(waiting) >= AHEAD * self._count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _run(self, function: Callable[[Any], Any], task: object) -> Any:
        if self._closing:
            return Died()
        process = getattr(self._own, "process", None)
        if process is None:
            process = self._own.process = _started()
            self._running.append(process)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump((function.__module__, function.__qualname__, task), process.stdin)
            process.stdin.flush()
            made, value = pickle.load(process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            self._own.process = None
            process.kill()
            return Died()
        if not made:
            raise value
        return value


def _started() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", "from qa.ingest.workers import serve; serve()"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _close(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):  # what was not sent is not wanted any more
                stream.close()


def serve() -> None:
    """Work on the tasks that come on standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that leads decides
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come among the results
    while True:
        try:
            module, name, task = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            made = (True, getattr(import_module(module), name)(task))
        except Exception as error:  # handed to the one that leads, which raises it
            made = (False, error)
        pickle.dump(made, results)
        results.flush()
