"""`qa serve`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from qa.commands.opening import ensured
from qa.commands.options import add_index_option, add_reader_option, command, port, positive
from qa.errors import InputError

if TYPE_CHECKING:
    from qa.answering import Assistant
    from qa.server import Login, Parts

__all__ = ["add_serve"]

_PASSWORD = "QA_PASSWORD"  # the name of the variable
_BUSY = 20.0  # what is offered is found out twenty times as slowly while people ask


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
    made.add_argument(
        "--root-path", metavar="PATH", default="", help="代理加在前面的路径 prefix that a proxy takes off"
    )
    add_index_option(made)
    add_reader_option(made)
    made.add_argument(
        "--collections",
        metavar="DIR",
        default="collections",
        help="上传的文章放在哪里 where uploaded articles are kept (default: collections)",
    )
    made.add_argument(
        "--feedback",
        metavar="DIR",
        default="feedback",
        help="评价放在哪里 where judgements are kept (default: feedback)",
    )
    _add_limits(made)
    made.add_argument(
        "--user",
        metavar="NAME",
        help=f"需要登录，密码取自环境变量 {_PASSWORD} a name to log in with; password from {_PASSWORD}",
    )
    made.add_argument(
        "--password-file", metavar="FILE", help="或取自文件第一行 or from the first line of a file"
    )
    made.add_argument(
        "--log-questions", action="store_true", help="日志里记下问题 write questions to the log"
    )


def _add_limits(made: Any) -> None:
    made.add_argument(
        "--max-upload-mb",
        metavar="N",
        type=positive,
        default=50,
        help="上传每个文件最大 MB largest uploaded file (default: 50)",
    )
    made.add_argument(
        "--max-files",
        metavar="N",
        type=positive,
        default=1000,
        help="每个合集最多几个文件 files in a collection (default: 1000)",
    )
    made.add_argument(
        "--queue",
        metavar="N",
        type=positive,
        default=64,
        help="最多几个问题排队 questions that may wait (default: 64)",
    )
    made.add_argument(
        "--cache",
        metavar="N",
        type=_none_or_more,
        default=256,
        help="记住最近几个回答，0 则不记 answers that are kept, 0: none (default: 256)",
    )


def _none_or_more(text: str) -> int:
    """An argument from 0 to 1000."""
    return 0 if text == "0" else positive(text)


def _serve(args: Any) -> int:
    from qa.server import Serving, serve

    root_path = args.root_path.strip("/")
    serving = Serving(
        args.host, args.port, f"/{root_path}" if root_path else "", _login(args.user, args.password_file)
    )
    _keep_log(args.log_questions)
    serve(lambda: _parts(args), serving)
    return 0


def _parts(args: Any) -> Parts:
    from qa.collection import Collections, Limits
    from qa.desk import Desk
    from qa.feedback import Feedback
    from qa.onnx import available_threads
    from qa.server import Parts
    from qa.suggestions import Suggestions

    ensured(args.index)
    limits = Limits(file_bytes=args.max_upload_mb * 1_000_000, files=args.max_files)
    collections = Collections.open(
        args.index, args.collections, reader=args.reader, limits=limits, cache=args.cache
    )
    collections.assistant().warm()  # one that cannot be opened is told now, not to the first visitor
    desk = Desk(max(2, available_threads()), args.queue)

    def suggestions(assistant: Assistant) -> Suggestions:
        return Suggestions(assistant, rest=lambda: _BUSY if desk.busy else 1.0)

    return Parts(collections, desk, Feedback(args.feedback), suggestions, args.log_questions)


def _login(name: str | None, file: str | None) -> Login | None:
    """The login that was asked for. Raises InputError where its password is missing."""
    from qa.server import Login

    if name is None:
        if file is not None:
            raise InputError("--password-file goes with --user; give the name to log in with")
        return None
    password = os.environ.get(_PASSWORD, "") if file is None else _first_line(file)
    if not name or ":" in name or not password:
        raise InputError(
            f"--user needs a name without colon, and a password in {_PASSWORD} or in --password-file"
        )
    return Login(name, password)


def _first_line(file: str) -> str:
    from pathlib import Path

    try:
        return Path(file).read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: the password cannot be read from it ({error})") from error


def _keep_log(questions: bool) -> None:
    """Warnings and faults to standard error; the words of questions only where that was asked for."""
    import logging

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.WARNING)
    if questions:
        logging.getLogger("qa.questions").setLevel(logging.INFO)
