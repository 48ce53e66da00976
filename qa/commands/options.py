"""What several commands take."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qa.milvus.address import Address

__all__ = [
    *("DEFAULT_ARTICLES", "DEFAULT_INDEX"),
    *("add_index_option", "add_leg_option", "add_reader_option", "add_store_option"),
    *("command", "port", "positive", "unit"),
]

DEFAULT_INDEX = "index"
DEFAULT_ARTICLES = "corpus/articles"


def command(commands: Any, name: str, run: Callable[[Any], int], what: str, example: str) -> Any:
    """A new command, with its one-line help and an example; ``run`` gets the parsed arguments."""
    made = commands.add_parser(
        name,
        help=what,
        description=what,
        epilog=f"例 example:  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.set_defaults(run=run)
    return made


def add_index_option(command: Any) -> None:
    """``--index``, the default index unless given."""
    command.add_argument(
        "--index",
        metavar="DIR",
        default=DEFAULT_INDEX,
        help=f"索引文件夹 index folder (default: {DEFAULT_INDEX})",
    )


def add_reader_option(command: Any) -> None:
    """``--reader``."""
    command.add_argument("--reader", metavar="NAME", help="阅读模型的文件夹 folder of another reader")


def add_store_option(command: Any, *, dest: str = "index") -> None:
    """``--store``. Its address takes the place of ``--index`` unless ``dest`` is another."""
    command.add_argument(
        "--store",
        metavar="URI",
        dest=dest,
        type=_store,
        default=argparse.SUPPRESS if dest == "index" else None,
        help="Milvus 存储，如 a store: milvus://HOST:PORT/COLLECTION, FILE.db",
    )


def add_leg_option(command: Any) -> None:
    """``--leg``, both unless given; and ``--store``, which is where the legs may search."""
    add_store_option(command)
    command.add_argument(
        "--leg", choices=("bm25", "dense"), help="只用这一路检索 search with one leg alone (default: both)"
    )


def _store(text: str) -> Address:
    """An argument that is the address of a store. Raises InputError."""
    from qa.milvus.address import parse

    return parse(text)


def positive(text: str) -> int:
    """An argument from 1 to 1000."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 1000")
    return int(text)


def unit(text: str) -> float:
    """An argument from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def port(text: str) -> int:
    """An argument that is a TCP port."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return int(text)
