"""Many lines at once: several are worked on at a time, and what comes of them is told in their order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Queue
from typing import TypeVar

__all__ = ["told_in_order"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 4  # items for each that is worked on that are taken before the first of them is told


def told_in_order(
    items: Iterable[Item], work: Callable[[Item], Result], tell: Callable[[Result], None], at_once: int
) -> int:
    """``tell`` what ``work`` makes of each of ``items``, in their order; returns how many there were.

    A result is told as soon as it and those before it are there, while the next item is still waited for.
    ``work`` is called in ``at_once`` other threads and ``tell`` in one. Raises what any of the three raises;
    nothing is told after that.
    """
    waiting: Queue[Future[Result] | None] = Queue(_AHEAD * at_once)
    over = threading.Event()
    with (
        ThreadPoolExecutor(at_once, "work") as workers,
        ThreadPoolExecutor(1, "tell") as teller,
    ):
        told = teller.submit(_tell_all, waiting, tell, over)
        try:
            for item in items:
                if over.is_set():
                    break
                waiting.put(workers.submit(work, item))
        except BaseException:
            over.set()
            raise
        finally:
            waiting.put(None)
        return told.result()


def _tell_all(
    waiting: Queue[Future[Result] | None], tell: Callable[[Result], None], over: threading.Event
) -> int:
    """Tell what comes until there is no more; after a fault only make room, so that nobody waits for ever."""
    told = 0
    fault: BaseException | None = None
    while (future := waiting.get()) is not None:
        if over.is_set():
            future.cancel()
            continue
        try:
            tell(future.result())
            told += 1
        except BaseException as error:  # raised below, when nobody waits for room any more
            fault = error
            over.set()
    if fault is not None:
        raise fault
    return told
