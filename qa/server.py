"""The HTTP API and the web chat on one port. Everything is served from this machine; nothing calls out.

Importing this module loads FastAPI; gradio, which takes seconds, is loaded by ``application``.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qa import __version__
from qa.answering import Assistant, Filters
from qa.errors import InputError, QaError
from qa.types import hit_to_dict

__all__ = ["AnswerBody", "SearchBody", "api", "application", "serve"]

_AT_ONCE = 8  # API questions worked on at a time; more are told to come back
_LARGEST = 64 << 10  # bytes of a request's body
_LOOK = 2.0  # seconds between two looks at whether the index was replaced
_CLOSING = 2  # seconds that open connections are given when the server is stopped

# Nothing of a page may come from, or go to, another machine, whatever stands in an article. Gradio and
# Swagger start from inline scripts, and Gradio makes functions from text.
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


# -- serving -------------------------------------------------------------------------------------------


def serve(assistant: Assistant, *, host: str = "127.0.0.1", port: int = 7860) -> None:
    """Serve until stopped by Ctrl-C; the address is told on standard error.

    ``port``: 0 for any that is free. Raises InputError if ``host`` and ``port`` cannot be served on.
    """
    import uvicorn

    with _listening(host, port) as listener:
        config = uvicorn.Config(
            application(assistant), log_level="warning", timeout_graceful_shutdown=_CLOSING
        )
        threading.Thread(target=_follow, args=(assistant,), daemon=True).start()
        sys.stderr.write(f"网页问答 web chat: {_address(listener)}\n")
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:  # uvicorn has closed down, and hands the signal on
            return


def _follow(assistant: Assistant) -> None:
    """Open the index anew whenever `qa index` has replaced it; until it can be, the open one serves."""
    while True:
        time.sleep(_LOOK)
        with suppress(QaError, OSError):
            assistant.reload()


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


def application(assistant: Assistant) -> FastAPI:
    """The API with the chat page mounted at ``/``."""
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported
    import gradio

    from qa.chat import HEAD, page, theme

    # The mount answers every path, so it comes after the API's own. The page takes no files.
    mounted: FastAPI = gradio.mount_gradio_app(
        api(assistant),
        page(assistant),
        path="/",
        head=HEAD,
        theme=theme(),
        footer_links=[],
        run_history=False,
        max_file_size=1,
        show_error=False,
    )
    return mounted


# -- the API -------------------------------------------------------------------------------------------


def api(assistant: Assistant) -> FastAPI:
    """``/api/ask``, ``/api/search``, ``/api/health``, and their documentation at ``/docs``."""
    app = FastAPI(
        title="qa",
        description="中文问答，只引用原文。 Chinese question answering that only quotes.",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        telemetry={"auto_configure": False},
    )
    app.add_middleware(_WithHeaders)
    _tell_errors(app)
    _answer(app, assistant)
    _document(app)
    _refuse_others(app)
    return app


def _answer(app: FastAPI, assistant: Assistant) -> None:
    places = threading.BoundedSemaphore(_AT_ONCE)

    @contextmanager
    def place() -> Iterator[None]:
        if not places.acquire(blocking=False):
            raise HTTPException(503, "busy; ask again in a moment", {"Retry-After": "1"})
        try:
            yield
        finally:
            places.release()

    @app.post("/api/ask", summary="提问 ask", responses=_responses(AnswerBody), openapi_extra=_ASKED)
    def ask(asked: Annotated[QuestionBody, Depends(_question)]) -> JSONResponse:
        """The words of the articles that answer, with their places; an abstention is 200 as well."""
        with place():
            answer = assistant.ask(
                asked.question, asked.history or (), top_k=asked.top_k, filters=asked.filters
            )
        return JSONResponse(answer.to_dict())

    @app.post("/api/search", summary="检索 search", responses=_responses(SearchBody), openapi_extra=_ASKED)
    def search(asked: Annotated[QuestionBody, Depends(_question)]) -> JSONResponse:
        """The passages nearest to the question, best first; 10 unless `top_k` says otherwise."""
        k = 10 if asked.top_k is None else asked.top_k
        with place():
            hits = assistant.search(asked.question, asked.history or (), k=k, filters=asked.filters)
        return JSONResponse({"question": asked.question, "passages": [hit_to_dict(hit) for hit in hits]})

    @app.get("/api/health", summary="状态 health", responses={200: {"model": HealthBody}})
    def health() -> JSONResponse:
        """That the server is up, and which index it answers from."""
        return JSONResponse(
            {"status": "ok", "passages": len(assistant.passages()), "index": assistant.index_info}
        )


async def _question(request: Request) -> QuestionBody:
    """The question in the request's body, whatever content type the client gives it."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > _LARGEST:
            raise HTTPException(413, f"the body is larger than {_LARGEST:,} bytes")
    try:
        return QuestionBody.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the body"
        raise InputError(f"{where}: {first['msg']}; see /docs") from error


def _tell_errors(app: FastAPI) -> None:
    """Every error of the API is ``{"error": one line}``."""

    @app.exception_handler(QaError)
    async def refused(_: Request, error: QaError) -> JSONResponse:
        return _error(422 if isinstance(error, InputError) else 503, str(error))

    @app.exception_handler(HTTPException)
    async def told(_: Request, error: HTTPException) -> JSONResponse:
        return _error(error.status_code, error.detail, error.headers)

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> JSONResponse:
        return _error(500, "the server has made a mistake; its log tells more")


def _error(status: int, message: str, headers: Any = None) -> JSONResponse:
    return JSONResponse({"error": " ".join(message.split())}, status, headers)


def _refuse_others(app: FastAPI) -> None:
    """Paths under ``/api`` that do not exist, and wrong methods, which the chat's mount would swallow."""
    methods = {"/api/ask": "POST", "/api/search": "POST", "/api/health": "GET"}

    async def refuse(request: Request) -> JSONResponse:
        path = request.url.path
        if path in methods:
            raise HTTPException(405, f"{path} takes {methods[path]} only", {"Allow": methods[path]})
        raise HTTPException(404, f"{path} does not exist; see /docs")

    every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    for path in ("/api", "/api/{rest:path}"):
        app.add_route(path, refuse, methods=every, include_in_schema=False)


def _document(app: FastAPI) -> None:
    """``/docs`` with Swagger's files from the installed package instead of a CDN."""
    from fastapi.openapi.docs import get_swagger_ui_html
    from fastapi.staticfiles import StaticFiles

    folder = next((resources.files("swagger_ui_bundle") / "vendor").iterdir())
    app.mount("/swagger", StaticFiles(directory=str(folder)), name="swagger")

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="qa · HTTP API",
            swagger_js_url="/swagger/swagger-ui-bundle.js",
            swagger_css_url="/swagger/swagger-ui.css",
            swagger_favicon_url="/swagger/favicon-32x32.png",
            swagger_ui_parameters={"validatorUrl": None},  # else a badge from another host
        )

    app.openapi_version = "3.0.3"  # the newest that the bundled Swagger shows

    @app.get("/openapi.json", include_in_schema=False)
    def described() -> JSONResponse:
        return JSONResponse(_without_null(app.openapi()))


def _without_null(schema: Any) -> Any:
    """``schema`` with OpenAPI 3.0's ``nullable`` in place of 3.1's type ``null``."""
    if isinstance(schema, list):
        return [_without_null(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    fields = {name: _without_null(value) for name, value in schema.items()}
    if _NULL in fields.get("anyOf", []):
        (kind,) = (each for each in fields.pop("anyOf") if each != _NULL)
        fields |= kind | {"nullable": True}
    return fields


_NULL = {"type": "null"}


class _WithHeaders:
    """Puts the safety headers on every response, streams included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        await self._app(scope, receive, with_headers)


# -- what travels --------------------------------------------------------------------------------------


class QuestionBody(BaseModel):
    """What is asked."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question: str
    history: Annotated[list[str] | None, Field(description="earlier questions, oldest first")] = None
    top_k: Annotated[int | None, Field(ge=1, le=1000, description="how many passages to return")] = None
    source: Annotated[str | None, Field(description="only sources that fit this glob")] = None
    after: Annotated[str | None, Field(description="only articles since, YYYY[-MM[-DD]]")] = None
    before: Annotated[str | None, Field(description="only articles until, YYYY[-MM[-DD]]")] = None

    @property
    def filters(self) -> Filters:
        """Which articles are asked. Raises InputError for a date that is none."""
        return Filters(self.source, self.after, self.before)


class SentenceBody(BaseModel):
    """The sentence that a quote stands in."""

    text: str
    start: int
    end: int


class CitationBody(BaseModel):
    """Words of an article with their place; `start` and `end` count its characters, half-open."""

    quote: str
    start: int
    end: int
    byte_start: int | None
    byte_end: int | None
    kind: Literal["answer", "same", "other"]
    source: str
    element: str | None
    title: str
    heading: list[str]
    page: int | None
    date: str | None
    sentence: SentenceBody
    sha256: str
    encoding: str


class PassageBody(BaseModel):
    """A ranked passage; `ranks` is its 1-based rank in each search that found it."""

    source: str
    element: str | None
    title: str
    start: int
    end: int
    text: str
    score: float
    ranks: dict[str, int]


class AnswerBody(BaseModel):
    """`answer` is `citations[0].quote`, null for an abstention; `confidence` is from 0 to 1."""

    question: str
    searched: str
    answer: str | None
    abstained: bool
    confidence: float
    citations: list[CitationBody]
    passages: list[PassageBody]
    timings_ms: dict[str, float]
    index: dict[str, str]


class SearchBody(BaseModel):
    """The passages nearest to the question, best first."""

    question: str
    passages: list[PassageBody]


class HealthBody(BaseModel):
    """The index that is open."""

    status: str
    passages: int
    index: dict[str, str]


class ErrorBody(BaseModel):
    """What is wrong, in one line."""

    error: str


def _responses(body: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    """The answers of an endpoint, for its documentation."""
    responses: dict[int | str, dict[str, Any]] = {200: {"model": body}}
    for status, reason in ((413, "body too large"), (422, "bad input"), (503, "busy")):
        responses[status] = {"model": ErrorBody, "description": reason}
    return responses


_ASKED: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": QuestionBody.model_json_schema(),
                "example": {"question": "上海是哪一年启动区块链技术应用试点的?"},
            }
        },
    }
}
