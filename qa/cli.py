"""The command line: results on standard output, talk and progress on standard error.

Exit status: 0 done, 1 nothing found (see each command), 2 the call, the input or the index is wrong.
Nothing heavy is imported before a command has been chosen.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from qa.commands import asking, checking, evaluating, indexing, labelling, serving
from qa.errors import InputError, QaError

__all__ = ["main", "parser"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status. No traceback reaches the user."""
    _never_fail_to_print()
    try:
        return _run_command(arguments)
    except QaError as error:
        return _complain(str(error))
    except BrokenPipeError:  # the reader of our output has gone; nothing is left to say
        _drop_output()
        return 0
    except KeyboardInterrupt:
        return _complain("stopped; what was there before is unchanged", 130)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"{where}{error.strerror or error}; check the path, its rights and the free space")
        _drop_output()  # what could not be written would be tried again when the process ends
        return 2


def _run_command(arguments: Sequence[str] | None) -> int:
    try:
        args = parser().parse_args(arguments)
        status: int = args.run(args)
    finally:  # also when argparse has printed its help and leaves
        sys.stdout.flush()
    return status


def _never_fail_to_print() -> None:
    """What a terminal's encoding lacks is shown as an escape; in JSON that is an escape of JSON's own."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _drop_output() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str, status: int = 2) -> int:
    print("qa: " + " ".join(message.split()), file=sys.stderr)
    return status


class _Parser(argparse.ArgumentParser):
    """argparse with errors of one line."""

    def error(self, message: str) -> Any:
        raise InputError(f"{message}; see `{self.prog} --help`")


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(
        prog="qa",
        description="中文问答，只引用原文。 Chinese question answering that only quotes.",
        epilog='例 example:  qa ask "上海是哪一年启动区块链技术应用试点的?"',
    )
    top.add_argument("--version", action="version", version=f"qa {_version()}")
    commands = top.add_subparsers(title="命令 commands", metavar="COMMAND", required=True)
    for add in (
        *(indexing.add_index, indexing.add_articles, asking.add_ask, asking.add_search),
        *(evaluating.add_eval, labelling.add_label, checking.add_verify),
        *(serving.add_serve, checking.add_doctor),
    ):
        add(commands)
    return top


def _version() -> str:
    from qa import __version__

    return __version__
