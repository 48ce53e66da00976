"""The HTTP API and the web chat on one port. Everything is served from this machine; nothing calls out."""

from __future__ import annotations

import os
import threading
from importlib import resources
from typing import TYPE_CHECKING, Any

from qa.answering import Assistant, Filters
from qa.errors import InputError, QaError
from qa.types import hit_to_dict

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["api", "serve"]

_AT_ONCE = 8  # questions answered or waiting at a time; more are told to come back
_LARGEST = 64 << 10  # bytes of a request's body


def serve(assistant: Assistant, *, host: str = "127.0.0.1", port: int = 7860) -> None:
    """Serve until stopped. Raises InputError if the port is taken."""
    import uvicorn

    _must_be_free(host, port)
    uvicorn.run(application(assistant), host=host, port=port, log_level="warning")


def application(assistant: Assistant) -> FastAPI:
    """The API with the chat page mounted at ``/``."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read when gradio is imported
    import gradio

    from qa.chat import HEAD, page

    return gradio.mount_gradio_app(  # type: ignore[no-any-return]
        api(assistant), page(assistant), path="/", head=HEAD, footer_links=[]
    )


def _must_be_free(host: str, port: int) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InputError(
                f"{host}:{port}: cannot be served on ({error.strerror}); choose another with --port"
            ) from error


def api(assistant: Assistant) -> FastAPI:
    """``/api/ask``, ``/api/search``, ``/api/health``, and their documentation at ``/docs``."""
    from fastapi import FastAPI, Request
    from fastapi.concurrency import run_in_threadpool
    from fastapi.responses import JSONResponse

    app = FastAPI(title="qa", version=_version(), docs_url=None, redoc_url=None)
    places = threading.BoundedSemaphore(_AT_ONCE)

    @app.exception_handler(QaError)
    async def refused(_: Request, error: QaError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status_code=422 if isinstance(error, InputError) else 503)

    async def answered(request: Request, work: Any) -> JSONResponse:
        body = await _body(request)
        if isinstance(body, JSONResponse):
            return body
        if not places.acquire(blocking=False):
            return JSONResponse({"error": "busy; ask again in a moment"}, status_code=503)
        try:
            return JSONResponse(await run_in_threadpool(work, _Request(body)))
        finally:
            places.release()

    @app.post("/api/ask", summary="提问 ask", openapi_extra=_ASK_BODY)
    async def ask(request: Request) -> JSONResponse:
        """The answer object; an abstention is 200."""
        return await answered(
            request,
            lambda asked: assistant.ask(
                asked.question, asked.history, top_k=asked.top_k(5), filters=asked.filters
            ).to_dict(),
        )

    @app.post("/api/search", summary="检索 search", openapi_extra=_ASK_BODY)
    async def search(request: Request) -> JSONResponse:
        """Ranked passages."""
        return await answered(
            request,
            lambda asked: {
                "question": asked.question,
                "passages": [
                    hit_to_dict(hit)
                    for hit in assistant.search(
                        asked.question, asked.history, k=asked.top_k(10), filters=asked.filters
                    )
                ],
            },
        )

    @app.get("/api/health", summary="状态 health")
    def health() -> dict[str, Any]:
        """Whether the index is open, and which."""
        return {"status": "ok", "passages": len(assistant.passages()), "index": assistant.index_info}

    _mount_docs(app)
    return app


def _version() -> str:
    from qa import __version__

    return __version__


async def _body(request: Any) -> Any:
    """The parsed body, or the response that refuses it."""
    import json

    from fastapi.responses import JSONResponse

    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _LARGEST:
            return JSONResponse({"error": f"the body is larger than {_LARGEST:,} bytes"}, status_code=413)
    try:
        body = json.loads(raw)
    except ValueError as error:
        return JSONResponse({"error": f"the body is not JSON ({error})"}, status_code=422)
    if not isinstance(body, dict):
        return JSONResponse({"error": "the body must be a JSON object"}, status_code=422)
    return body


class _Request:
    """A request's fields, checked. Raises InputError that names the field."""

    def __init__(self, body: dict[str, Any]) -> None:
        unknown = sorted(set(body) - {"question", "history", "top_k", "source", "after", "before"})
        if unknown:
            raise InputError(f"{unknown[0]}: is not a field of a question")
        self.question = self._text(body, "question") or ""
        self.history = body.get("history") or []
        if not isinstance(self.history, list) or not all(isinstance(turn, str) for turn in self.history):
            raise InputError("history: must be a list of strings")
        self._top_k = body.get("top_k")
        self.filters = Filters(*(self._text(body, name) for name in ("source", "after", "before")))

    @staticmethod
    def _text(body: dict[str, Any], name: str) -> str | None:
        value = body.get(name)
        if value is not None and not isinstance(value, str):
            raise InputError(f"{name}: must be a string")
        return value

    def top_k(self, default: int) -> int:
        """How many passages are wanted, 1 to 1000."""
        value = default if self._top_k is None else self._top_k
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1000:
            raise InputError("top_k: must be a whole number from 1 to 1000")
        return value


def _mount_docs(app: FastAPI) -> None:
    """``/docs`` with Swagger's files from the installed package instead of a CDN."""
    from fastapi.openapi.docs import get_swagger_ui_html
    from fastapi.responses import HTMLResponse
    from fastapi.staticfiles import StaticFiles

    folder = next((resources.files("swagger_ui_bundle") / "vendor").iterdir())
    app.mount("/swagger", StaticFiles(directory=str(folder)), name="swagger")

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="qa · API",
            swagger_js_url="/swagger/swagger-ui-bundle.js",
            swagger_css_url="/swagger/swagger-ui.css",
            swagger_favicon_url="/swagger/favicon-32x32.png",
        )


_ASK_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["question"],
                    "additionalProperties": False,
                    "properties": {
                        "question": {"type": "string"},
                        "history": {"type": "array", "items": {"type": "string"}},
                        "top_k": {"type": "integer", "minimum": 1, "maximum": 1000},
                        "source": {"type": "string", "description": "glob"},
                        "after": {"type": "string", "description": "YYYY[-MM[-DD]]"},
                        "before": {"type": "string", "description": "YYYY[-MM[-DD]]"},
                    },
                },
                "example": {"question": "上海是哪一年启动区块链技术应用试点的?"},
            }
        },
    }
}
