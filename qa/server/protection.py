"""What stands around the whole application: safety headers, the password, requests from other sites."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Login", "protected"]

_OPEN = "/api/health"  # for whoever watches the server
_WRONG = 0.5  # seconds that a wrong password costs

# Nothing of a page may come from, or go to, another machine, whatever stands in an article. Gradio and
# Swagger start from inline scripts, and Gradio makes functions from text.
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; "
    "base-uri 'self'; form-action 'self'; frame-ancestors 'self'; style-src 'self' 'unsafe-inline'; "
    "script-src 'self' 'unsafe-inline' 'unsafe-eval'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


@dataclass(frozen=True, slots=True)
class Login:
    """The one name and password that open the server."""

    name: str
    password: str

    def admits(self, authorization: bytes) -> bool:
        """Whether a Basic header holds them; takes as long for a near miss as for a far one."""
        scheme, _, encoded = authorization.partition(b" ")
        try:
            given = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            return False
        expected = f"{self.name}:{self.password}".encode()
        return scheme.lower() == b"basic" and hmac.compare_digest(given, expected)


def protected(app: ASGIApp, login: Login | None) -> ASGIApp:
    """``app`` behind its guards; without ``login`` anybody who reaches the port may use it."""
    return _WithHeaders(_Guard(app, login))


class _Guard:
    """Turns away whoever has no password, and what other sites make a browser send."""

    def __init__(self, app: ASGIApp, login: Login | None) -> None:
        self._app = app
        self._login = login

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        refusal = _from_elsewhere(headers) or await self._unknown(_path(scope), headers)
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await refusal(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _unknown(self, path: str, headers: Mapping[bytes, bytes]) -> JSONResponse | None:
        if self._login is None or path == _OPEN:
            return None
        given = headers.get(b"authorization")
        if given is not None and self._login.admits(given):
            return None
        if given is not None:
            await asyncio.sleep(_WRONG)
        wanted = {"WWW-Authenticate": 'Basic realm="qa", charset="UTF-8"'}
        return JSONResponse({"error": "请输入用户名和密码；a name and a password are needed"}, 401, wanted)


def _path(scope: Scope) -> str:
    """The path without what a proxy has in front of it."""
    return str(scope["path"]).removeprefix(str(scope.get("root_path", "")))


def _from_elsewhere(headers: Mapping[bytes, bytes]) -> JSONResponse | None:
    """Browsers say when another site sends a request; only its links to a page are followed."""
    elsewhere = headers.get(b"sec-fetch-site") == b"cross-site"
    if elsewhere and headers.get(b"sec-fetch-mode") != b"navigate":
        return JSONResponse({"error": "another site may not ask"}, 403)
    return None


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
