"""The web application on a port of its own, and an assistant whose answers are written by hand."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import uvicorn

from qa.answering import Assistant, Filters
from qa.errors import InputError
from qa.server import application
from qa.types import Answer, Hit


@dataclass
class Scripted:
    """Gives the answer that is written for a question, or raises what is written for it.

    An answer is given only while ``open`` is set, so that a test can hold one back.
    """

    script: Mapping[str, Answer | Exception]
    open: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    begun: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __post_init__(self) -> None:
        self.open.set()

    @property
    def index_info(self) -> dict[str, str]:
        return {"fingerprint": "f", "encoder": "e", "reader": "r"}

    def passages(self) -> Sequence[object]:
        return range(3)

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
        filters: Filters | None = None,
    ) -> Answer:
        self.asked.append((question, tuple(history)))
        self.begun.release()
        assert self.open.wait(60)
        return self._written(question)

    def _written(self, question: str) -> Answer:
        written = self.script.get(question, InputError(f"{question!r} is not in the script"))
        if isinstance(written, Exception):
            raise written
        return replace(written, question=question)


async def _application(assistant: Assistant) -> Any:
    """Made inside a loop, because outside one Gradio makes its own and leaves them unclosed."""
    return application(assistant)


@contextmanager
def serving(assistant: Assistant | Scripted) -> Iterator[str]:
    """The address of the whole application, chat and API, while it is served in a thread."""
    with ThreadPoolExecutor(1) as apart:  # Playwright has a loop running in the tests' own thread
        app = apart.submit(lambda: asyncio.run(_application(cast(Assistant, assistant)))).result()
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()
