"""``/api``: questions, searches, articles; what is refused is ``{"error": one line}``."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from qa import __version__
from qa.collection import DEFAULT
from qa.desk import BusyError
from qa.errors import InputError, QaError
from qa.page.evidence import evidence, opened
from qa.server.bodies import (
    ASKED,
    AnswerBody,
    ArticleBody,
    CollectionsBody,
    HealthBody,
    QuestionBody,
    SearchBody,
    responses,
)
from qa.server.documentation import document
from qa.types import hit_to_dict

if TYPE_CHECKING:
    from qa.page.parts import Parts

__all__ = ["api"]

_LARGEST = 64 << 10  # bytes of a request's body
_log = logging.getLogger("qa.server")
_METHODS = {
    "/api/ask": "POST",
    "/api/search": "POST",
    "/api/article": "GET",
    "/api/collections": "GET",
    "/api/health": "GET",
}


def api(parts: Parts) -> FastAPI:
    """The API by itself, with its documentation at ``/docs``."""
    app = FastAPI(
        title="qa",
        description="中文问答，只引用原文。 Chinese question answering that only quotes.",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        telemetry={"auto_configure": False},
    )
    _tell_errors(app)
    _answer(app, parts)
    _show(app, parts)
    document(app)
    _refuse_others(app)
    return app


def _answer(app: FastAPI, parts: Parts) -> None:
    @app.post("/api/ask", summary="提问 ask", responses=responses(AnswerBody), openapi_extra=ASKED)
    async def ask(asked: Annotated[QuestionBody, Depends(_question)]) -> JSONResponse:
        """The words of the articles that answer, with their places; an abstention is 200 as well."""

        def answered() -> dict[str, Any]:
            assistant = parts.collections.assistant(asked.collection)
            history = asked.history or ()
            return assistant.ask(asked.question, history, top_k=asked.top_k, filters=asked.filters).to_dict()

        return JSONResponse(await parts.desk.run(answered))

    @app.post("/api/search", summary="检索 search", responses=responses(SearchBody), openapi_extra=ASKED)
    async def search(asked: Annotated[QuestionBody, Depends(_question)]) -> JSONResponse:
        """The passages nearest to the question, best first; 10 unless `top_k` says otherwise."""
        k = 10 if asked.top_k is None else asked.top_k

        def found() -> list[dict[str, Any]]:
            assistant = parts.collections.assistant(asked.collection)
            hits = assistant.search(asked.question, asked.history or (), k=k, filters=asked.filters)
            return [hit_to_dict(hit) for hit in hits]

        return JSONResponse({"question": asked.question, "passages": await parts.desk.run(found)})


def _show(app: FastAPI, parts: Parts) -> None:
    @app.get("/api/article", summary="看文章 article", responses=responses(ArticleBody))
    def article(
        source: Annotated[str, Query(description="as in a citation")],
        element: Annotated[str | None, Query(description="as in a citation")] = None,
        collection: str = DEFAULT,
        start: Annotated[int | None, Query(ge=0, description="of the quote")] = None,
        end: Annotated[int | None, Query(ge=0)] = None,
        sentence_start: Annotated[int | None, Query(ge=0)] = None,
        sentence_end: Annotated[int | None, Query(ge=0)] = None,
        quote: Annotated[str, Query(description="what stands there, if the article has not changed")] = "",
    ) -> JSONResponse:
        """An article in pieces, with the quote marked where `start` and `end` are given."""
        spans = None
        if start is not None and end is not None:
            around = (
                start if sentence_start is None else sentence_start,
                end if sentence_end is None else sentence_end,
            )
            spans = (start, end, *around)
        library = parts.libraries.of(collection)
        return JSONResponse(evidence(opened(library, source, element, spans, quote)))

    @app.get("/api/collections", summary="合集 collections", responses={200: {"model": CollectionsBody}})
    def collections() -> JSONResponse:
        """The collections, and how much is in them."""
        names = ("name", "own", "articles", "passages")
        listed = parts.collections.listed()
        return JSONResponse(
            {"collections": [{name: getattr(each, name) for name in names} for each in listed]}
        )

    @app.get("/api/health", summary="状态 health", responses={200: {"model": HealthBody}})
    def health() -> JSONResponse:
        """That the server is up, and which index it answers from."""
        assistant = parts.collections.assistant()
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
    """Every error of the API is ``{"error": one line}``; a fault of the server has a number."""

    @app.exception_handler(QaError)
    async def refused(_: Request, error: QaError) -> JSONResponse:
        if isinstance(error, BusyError):
            return _error(503, "busy; ask again in a moment", {"Retry-After": "1"})
        if isinstance(error, InputError):
            return _error(422, str(error))
        _log.error("%s", error)
        return _error(503, str(error))

    @app.exception_handler(RequestValidationError)
    async def unusable(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        return _error(422, f"{first['loc'][-1]}: {first['msg']}; see /docs")

    @app.exception_handler(HTTPException)
    async def told(_: Request, error: HTTPException) -> JSONResponse:
        return _error(error.status_code, error.detail, error.headers)

    @app.exception_handler(Exception)
    async def failed(_: Request, error: Exception) -> JSONResponse:
        number = secrets.token_hex(4)
        _log.error("%s: %s", number, type(error).__name__)  # uvicorn logs the traceback after it
        return _error(500, f"the server has made a mistake; its log tells more under {number}")


def _error(status: int, message: str, headers: Any = None) -> JSONResponse:
    return JSONResponse({"error": " ".join(message.split())}, status, headers)


def _refuse_others(app: FastAPI) -> None:
    """Paths under ``/api`` that do not exist, and wrong methods, which the chat's mount would swallow."""

    async def refuse(request: Request) -> JSONResponse:
        path = request.url.path.removeprefix(str(request.scope.get("root_path", "")))
        if path in _METHODS:
            raise HTTPException(405, f"{path} takes {_METHODS[path]} only", {"Allow": _METHODS[path]})
        raise HTTPException(404, f"{path} does not exist; see /docs")

    every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    for path in ("/api", "/api/{rest:path}"):
        app.add_route(path, refuse, methods=every, include_in_schema=False)
