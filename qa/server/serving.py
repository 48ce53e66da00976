"""The port: it answers at once, while models and page are still being loaded, and until it is stopped."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from qa.errors import InputError, QaError
from qa.page.shell import FILES
from qa.server.api import api
from qa.server.protection import Login, protected

if TYPE_CHECKING:
    from qa.collection import Collections
    from qa.page.parts import Parts

__all__ = ["Serving", "application", "serve"]

_LOOK = 2.0  # seconds between two looks at whether an index was replaced
_CLOSING = 2  # seconds that open connections are given when the server is stopped


@dataclass(frozen=True, slots=True)
class Serving:
    """Where and for whom to serve.

    ``port``       0 for any that is free
    ``root_path``  what a proxy puts in front of every path and takes off again
    ``login``      None where anybody who reaches the port may use it
    """

    host: str = "127.0.0.1"
    port: int = 7860
    root_path: str = ""
    login: Login | None = None


def serve(made: Callable[[], Parts], serving: Serving) -> None:
    """Serve until stopped by Ctrl-C; the address is told on standard error.

    ``made``: opens the collections; called when the port is taken, beside the page's loading.
    Raises InputError if the host and port cannot be served on, and what ``made`` raises.
    """
    import uvicorn

    with _listening(serving.host, serving.port) as listener:
        starting = _Starting(lambda: _loaded(made, serving.root_path))
        config = uvicorn.Config(
            protected(starting, serving.login),
            log_level="warning",
            root_path=serving.root_path,
            timeout_graceful_shutdown=_CLOSING,
        )
        server = uvicorn.Server(config)
        starting.give_up = lambda: setattr(server, "should_exit", True)
        sys.stderr.write(f"网页问答 web chat: {_address(listener)}{serving.root_path}\n")
        with suppress(KeyboardInterrupt):  # uvicorn has closed down, and hands the signal on
            server.run(sockets=[listener])
        if starting.fault is not None:
            raise starting.fault


def _loaded(made: Callable[[], Parts], root_path: str) -> FastAPI:
    parts = made()
    app = application(parts, root_path=root_path)
    threading.Thread(target=_follow, args=(parts.collections,), daemon=True).start()
    return app


def _follow(collections: Collections) -> None:
    """Open an index anew whenever `qa index` has replaced it; until it can be, the open one serves."""
    while True:
        time.sleep(_LOOK)
        with suppress(QaError, OSError):
            collections.reload()


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A listening socket, taken before anything slow is done so that a taken port is told at once."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(128)
        except OSError as error:
            raise InputError(
                f"{host}:{port}: cannot be served on ({error.strerror}); choose another with --host or --port"
            ) from error
        yield listener


def _address(listener: socket.socket) -> str:
    """What to open in a browser; a server on all interfaces is reached as this machine."""
    host, port = listener.getsockname()[:2]
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}"


def application(parts: Parts, *, root_path: str = "") -> FastAPI:
    """The API with the chat page mounted at ``/``; not behind its guards yet."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
    import gradio

    from qa.page import page, theme, translations, with_shell

    app = api(parts)
    app.mount("/page", StaticFiles(directory=FILES), name="page")
    # The mount answers every path, so it comes after the API's own.
    mounted: FastAPI = gradio.mount_gradio_app(
        app,
        page(parts),
        path="/",
        root_path=root_path or None,
        theme=theme(),
        i18n=translations(),
        footer_links=[],
        run_history=False,
        max_file_size=parts.collections.limits.file_bytes,
        show_error=False,
    )
    mounted.add_middleware(with_shell)
    return mounted


class _Starting:
    """An application that is there before it is ready, and makes the real one meanwhile."""

    def __init__(self, make: Callable[[], FastAPI]) -> None:
        self._make = make
        self._app: ASGIApp | None = None
        self.fault: BaseException | None = None
        self.give_up: Callable[[], None] = lambda: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._app is not None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._waiting(scope)(scope, receive, send)

    def _waiting(self, scope: Scope) -> ASGIApp:
        """Pages come back by themselves; whoever asks the API is told when to."""
        soon = {"Retry-After": "1", "Cache-Control": "no-store"}
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        if path.startswith("/api/"):
            return JSONResponse({"status": "starting", "error": "starting; ask again in a moment"}, 503, soon)
        return HTMLResponse(
            (FILES / "starting.html").read_text("utf-8"), 503 if scope["method"] != "GET" else 200, soon
        )

    async def _live(self, receive: Receive, send: Send) -> None:
        """Make the application beside the serving, and let it live as long as the server."""
        stop = asyncio.Event()
        await receive()
        life = asyncio.create_task(self._run(stop))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        stop.set()
        await life
        await send({"type": "lifespan.shutdown.complete"})

    async def _run(self, stop: asyncio.Event) -> None:
        try:
            app = await asyncio.to_thread(lambda: asyncio.run(_inside_a_loop(self._make)))
            # The server has started without the application, so its own start is due by hand.
            async with app.router.lifespan_context(app):
                self._app = app
                await stop.wait()
        except BaseException as error:
            self.fault = error
            self.give_up()


async def _inside_a_loop(make: Callable[[], FastAPI]) -> FastAPI:
    """Outside a loop gradio makes loops of its own and leaves them unclosed."""
    return make()
