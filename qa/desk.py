"""Work that takes turns: a few pieces at a time, some more wait, and the rest are told to come back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

from qa.errors import QaError

__all__ = ["BusyError", "Desk", "Job"]

Result = TypeVar("Result")
Told = tuple[object, ...]


class BusyError(QaError):
    """There is no place to wait left; the same may be asked again in a moment."""


class Desk:
    """Threads that work. Safe to use from several threads and loops."""

    def __init__(self, at_once: int, waiting: int) -> None:
        """``at_once``: pieces worked on at a time; ``waiting``: how many more may wait for that."""
        self._workers = ThreadPoolExecutor(at_once, thread_name_prefix="desk")
        self._free = self._places = at_once + waiting
        self._lock = threading.Lock()

    @property
    def full(self) -> bool:
        """Whether nobody else may wait."""
        return self._free == 0

    @property
    def busy(self) -> bool:
        """Whether anything is worked on or waits."""
        return self._free < self._places

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        """``work`` in its turn. Raises BusyError where nobody else may wait."""
        with self._lock:
            if self._free == 0:
                raise BusyError("现在提问的人太多，请稍等片刻再试；busy, ask again in a moment")
            self._free -= 1
        future = self._workers.submit(work)
        future.add_done_callback(self._left)
        return future

    def _left(self, _: object) -> None:
        with self._lock:
            self._free += 1

    async def run(self, work: Callable[[], Result]) -> Result:
        """The result of ``work``, without holding up the loop. Raises BusyError, and what ``work`` raises."""
        return await asyncio.wrap_future(self.submit(work))


class Job(Generic[Result]):
    """A piece of work that tells how far it is: ``async for`` over what it tells, then its result."""

    def __init__(
        self, desk: Desk, work: Callable[[Callable[..., None]], Result], *, abandoned: bool = True
    ) -> None:
        """``work`` is called with what it tells its stages to. Raises BusyError. Call inside a loop.

        ``abandoned``: nobody listening any more before its turn comes, it is not done at all.
        """
        self._abandoned = abandoned
        self._loop = asyncio.get_running_loop()
        self._told: asyncio.Queue[Told | None] = asyncio.Queue()
        self._future = desk.submit(lambda: work(lambda *stage: self._put(stage)))
        self._future.add_done_callback(lambda _: self._put(None))

    def _put(self, told: Told | None) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody listens any more
            self._loop.call_soon_threadsafe(self._told.put_nowait, told)

    async def __aiter__(self) -> AsyncIterator[Told]:
        """What the work tells, until it is done."""
        try:
            while (told := await self._told.get()) is not None:
                yield told
        finally:
            if self._abandoned:
                self._future.cancel()

    def result(self) -> Result:
        """What the work gave, or raises what it raised."""
        return self._future.result()
