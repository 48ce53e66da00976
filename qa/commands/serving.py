"""`qa serve`."""

from __future__ import annotations

from typing import Any

from qa.commands.opening import opened
from qa.commands.options import add_index_option, add_reader_option, command, port

__all__ = ["add_serve"]


def add_serve(commands: Any) -> None:
    """`qa serve`."""
    made = command(
        commands,
        "serve",
        _serve,
        "网页问答与 HTTP 接口 the web chat and the HTTP API",
        "qa serve --port 7860",
    )
    made.add_argument("--host", metavar="H", default="127.0.0.1", help="地址 address (default: 127.0.0.1)")
    made.add_argument("--port", metavar="P", type=port, default=7860, help="端口 port (default: 7860)")
    add_index_option(made)
    add_reader_option(made)


def _serve(args: Any) -> int:
    from qa.server import serve

    with opened(args.index, args.reader) as assistant:
        serve(assistant, host=args.host, port=args.port)
    return 0
