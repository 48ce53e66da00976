"""The page's own style and script, put first into its head, so that nothing is shown before they count.

Gradio would add them after its own scripts have chosen the language and drawn the page.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from importlib import resources
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["FILES", "with_shell"]

FILES = Path(str(resources.files("qa.page") / "files"))
_TITLE = "qa · 只引用原文的中文问答"
_HEAD = f"""<head>
<meta charset="utf-8"><base href="./"><title>{_TITLE}</title>
<meta name="color-scheme" content="light dark">
<link rel="icon" href="page/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="page/style.css">
<script src="page/script.js"></script>"""
# What the page would tell of itself to other sites, with the address of a picture elsewhere.
_BEGINNING = re.compile(r"<head>\s*<meta charset=\"utf-8\" />\s*<base [^>]*>")
_OUTSIDE = re.compile(r"<meta\s+(?:property|name)=\"(?:og|twitter):[^>]*>|<link rel=\"manifest\"[^>]*>")


def with_shell(app: ASGIApp) -> ASGIApp:
    """``app`` with its page at ``/`` begun by the page's own head."""

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET" or _path(scope) != "/":
            await app(scope, receive, send)
            return
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await app({**scope, "headers": plain}, receive, _Rewriting(send))

    return served


def _path(scope: MutableMapping[str, Any]) -> str:
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(root) or "/"


class _Rewriting:
    """Holds a page back until it is whole, and sends it with its new head."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message = {}
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        body = bytes(self._body)
        headers = [
            (name, value) for name, value in self._start["headers"] if name.lower() != b"content-length"
        ]
        if any(name.lower() == b"content-type" and b"text/html" in value for name, value in headers):
            body = _rewritten(body.decode()).encode()
        headers.append((b"content-length", str(len(body)).encode()))
        await self._send({**self._start, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _rewritten(page: str) -> str:
    begun = _OUTSIDE.sub("", page.replace('lang="en"', 'lang="zh-CN"', 1))
    return _BEGINNING.sub(lambda _: _HEAD, begun, count=1)
