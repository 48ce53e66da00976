"""What a measured system is asked, and how: JSON Lines over its driver's standard input and output.

A request is one object a line, ``{"do": NAME, …}``; its reply is one line, ``{"done": …}`` or
``{"error": "…"}``. The measuring code holds the clock, so a driver only does what it is asked. This module
runs in every system's own environment and needs nothing but Python (``installed`` also ``packaging``, which
all of them bring).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, TextIO

__all__ = ["ARTICLES", "PASSAGES", "Given", "System", "arguments", "folder_bytes", "installed", "serve"]

ARTICLES = "articles.jsonl"
PASSAGES = "passages.jsonl"


class System(Protocol):
    """A system under measure. Passages go by the ids that the passages file gives them."""

    @property
    def packages(self) -> Sequence[str]:
        """The distributions that a user of it installs."""
        ...

    @property
    def models(self) -> Sequence[Path]:
        """Folders that it needs besides."""
        ...

    def prepare(self) -> None:
        """Load whatever indexing needs; not on the clock."""
        ...

    def index(self, data: Path, folder: Path) -> None:
        """Make an index of the passages of ``data`` and leave it in ``folder``, a new one."""
        ...

    def open(self, folder: Path) -> None:
        """Open an index that was made before, ready to answer."""
        ...

    def search(self, question: str, k: int) -> list[str]:
        """The ids of the ``k`` best passages, best first."""
        ...

    def ask(self, question: str) -> str | None:
        """The answer's words; None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Given:
    """One line of the passages file.

    ``above``  the title and headings that it stands under, may be empty
    ``text``   its own words
    """

    id: str
    above: str
    text: str

    @property
    def indexed(self) -> str:
        """What retrieval sees of it, in every system alike."""
        return f"{self.above}\n{self.text}" if self.above else self.text

    @classmethod
    def read(cls, data: Path) -> list[Given]:
        """The passages of ``data`` in their order."""
        with (data / PASSAGES).open(encoding="utf-8") as lines:
            return [cls(**json.loads(line)) for line in lines]


def serve(system: System, requests: Iterable[str] | None = None, replies: TextIO | None = None) -> None:
    """Do what is asked, one line after the other, until the requests end."""
    replies = _own_output() if replies is None else replies
    for line in sys.stdin if requests is None else requests:
        print(json.dumps(_reply(system, json.loads(line)), ensure_ascii=False), file=replies, flush=True)


def _own_output() -> TextIO:
    """Standard output for replies alone; whatever a library prints goes to standard error."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return replies


def _reply(system: System, request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {"done": _DO[request["do"]](system, request)}
    except Exception as error:  # whatever a foreign library raises is told in one line, and the run goes on
        reason = " ".join(str(error).split())[:300]
        return {"error": f"{type(error).__name__}: {reason}"}


_DO: Mapping[str, Callable[[System, Mapping[str, Any]], Any]] = {
    "prepare": lambda system, _: system.prepare(),
    "index": lambda system, asked: system.index(Path(asked["data"]), Path(asked["folder"])),
    "open": lambda system, asked: system.open(Path(asked["folder"])),
    "search": lambda system, asked: system.search(asked["question"], asked["k"]),
    "ask": lambda system, asked: system.ask(asked["question"]),
    "installed": lambda system, _: installed(system.packages, system.models),
}


def arguments(name: str) -> argparse.Namespace:
    """The options that every driver takes: ``best``, ``encoder``, ``reader``, ``read``."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.peers.{name}")
    parser.add_argument("--best", action="store_true", help="the best Chinese configuration, not the default")
    parser.add_argument("--encoder", type=Path, help="a sentence-transformers folder")
    parser.add_argument("--reader", type=Path, help="a Hugging Face question answering folder")
    parser.add_argument("--read", type=int, default=8, help="passages that are read for an answer")
    return parser.parse_args()


# ---- disk


def installed(packages: Iterable[str], models: Iterable[Path] = ()) -> dict[str, Any]:
    """``bytes`` of the distributions with all that they require, and of the folders; their ``versions``."""
    packages = list(packages)
    closure = {_name(found): found for name in packages for found in _closure(name, set())}
    files = (each.locate_file(path) for each in closure.values() for path in each.files or ())
    code = sum(_size(Path(str(file))) for file in files)
    return {
        "bytes": code + sum(folder_bytes(folder) for folder in models),
        "versions": {name: metadata.version(name) for name in packages},
    }


def folder_bytes(folder: Path) -> int:
    """The bytes of all files below ``folder``, compiled Python left out."""
    return sum(_size(path) for path in folder.rglob("*"))


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() and path.suffix != ".pyc" else 0


def _closure(name: str, seen: set[str]) -> Iterator[metadata.Distribution]:
    """The distribution ``name`` and, once each, what it requires here; what is not installed is left out."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    if canonicalize_name(name) in seen:
        return
    seen.add(canonicalize_name(name))
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return
    yield found
    for text in found.requires or ():
        required = Requirement(text)
        if required.marker is None or required.marker.evaluate({"extra": ""}):
            yield from _closure(required.name, seen)


def _name(found: metadata.Distribution) -> str:
    return found.metadata["Name"].lower()
