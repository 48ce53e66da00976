"""The web application on a port of its own, and an assistant whose answers are written by hand."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from qa.answering import Assistant, Filters, Stage
from qa.collection import DEFAULT, Collection, Collections, Limits
from qa.desk import Desk
from qa.errors import InputError
from qa.feedback import Feedback
from qa.index import Generation
from qa.page.offers import Pool
from qa.server import Login, Parts, application
from qa.server.protection import protected
from qa.types import Answer, Hit


@dataclass
class Scripted:
    """Gives the answer that is written for a question, or raises what is written for it.

    An answer is given only while ``open`` is set, so that a test can hold one back. ``generation``: the
    index that its articles are shown from, where they are.
    """

    script: Mapping[str, Answer | Exception]
    generation: Generation | None = None
    open: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    filters: list[Filters | None] = field(default_factory=list)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        self.open.set()

    @property
    def index_info(self) -> dict[str, str]:
        return {"fingerprint": "f", "encoder": "e", "reader": "r"}

    def passages(self) -> Sequence[object]:
        return range(3)

    def standalone(self, question: str, history: Sequence[str] = ()) -> str:
        written = self.script.get(question)
        return written.searched if isinstance(written, Answer) else question

    def search(
        self, question: str, history: Sequence[str] = (), *, k: int = 10, filters: Filters | None = None
    ) -> tuple[Hit, ...]:
        return self._written(question).hits[:k]

    def ask(
        self,
        question: str,
        history: Sequence[str] = (),
        *,
        top_k: int | None = None,
        others: int | None = None,
        filters: Filters | None = None,
        on_stage: Callable[[Stage, int], None] | None = None,
    ) -> Answer:
        self.asked.append((question, tuple(history)))
        self.filters.append(filters)
        if on_stage is not None:
            on_stage("search", 3)
            on_stage("read", 2)
        self.begun.release()
        assert self.open.wait(60)
        return self._written(question)

    def _written(self, question: str) -> Answer:
        written = self.script.get(question, InputError(f"{question!r} is not in the script"))
        if isinstance(written, Exception):
            raise written
        return replace(written, question=question)


@dataclass(frozen=True)
class OneCollection:
    """The collections of a server that has its own only."""

    only: Assistant | Scripted
    limits: Limits = field(default_factory=Limits)

    def assistant(self, name: str = DEFAULT) -> Assistant:
        self.get(name)
        return cast(Assistant, self.only)

    def get(self, name: str) -> Collection:
        if name != DEFAULT:
            raise InputError(f"没有名为“{name}”的合集")
        return self.listed()[0]

    def listed(self) -> tuple[Collection, ...]:
        articles = 0 if isinstance(self.only, Scripted) and self.only.generation is None else 1
        return (Collection(DEFAULT, Path("index"), None, None, False, articles, len(self.only.passages())),)

    def reload(self) -> tuple[str, ...]:
        return ()


Served = Assistant | Scripted | Collections | OneCollection


def parts(
    served: Served,
    *,
    desk: Desk | None = None,
    feedback: Path | None = None,
    suggest: Callable[[Assistant], Pool] | None = None,
    log: bool = False,
) -> Parts:
    """What the application is made from."""
    shelf = served if isinstance(served, Collections | OneCollection) else OneCollection(served)
    collections = cast(Collections, shelf)
    kept = None if feedback is None else Feedback(feedback)
    return Parts(collections, Desk(2, 32) if desk is None else desk, kept, suggest, log)


async def _application(made: Parts, root_path: str) -> Any:
    """Made inside a loop, because outside one Gradio makes its own and leaves them unclosed."""
    return application(made, root_path=root_path)


@contextmanager
def serving(served: Served | Parts, *, login: Login | None = None, root_path: str = "") -> Iterator[str]:
    """The address of the whole application, chat and API, while it is served in a thread."""
    made = served if isinstance(served, Parts) else parts(served)
    with ThreadPoolExecutor(1) as apart:  # Playwright has a loop running in the tests' own thread
        app: ASGIApp = apart.submit(lambda: asyncio.run(_application(made, root_path))).result()
    config = uvicorn.Config(
        protected(app, login), log_level="critical", timeout_graceful_shutdown=1, root_path=root_path
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()
