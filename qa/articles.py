"""Files to articles: finds them, and hands each to the reader of its format.

A reader is a module of ``qa.formats`` with ``read(raw, *, source, encoding)``, imported when a file of
its kind is first met.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from qa.errors import ArticleError
from qa.formats import SUFFIXES, refuse_large
from qa.types import Article

__all__ = ["SUFFIXES", "Contents", "Found", "find", "read"]


@dataclass(frozen=True, slots=True)
class Contents:
    """What one file holds: its articles in order, and why each part that is missing was refused."""

    articles: tuple[Article, ...]
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The files under a PATH, by POSIX path, and the places that could not be looked into."""

    files: tuple[Path, ...]
    refused: tuple[tuple[Path, str], ...] = ()


def read(path: Path, *, source: str, encoding: str | None = None, lines: bool = False) -> Contents:
    """The articles of the file at ``path``, called ``source`` in citations and errors.

    ``encoding`` is the user's word for text files; ``lines``: each line of a plain text file is an article.
    A part that cannot be read (a line of a JSON Lines file) is refused by name and the others are kept.
    Raises ArticleError where nothing of the file can be read, or it is too large to be read at all.
    """
    module = SUFFIXES.get(path.suffix.lower())
    if module is None:
        kinds = " ".join(SUFFIXES)
        raise ArticleError(
            f"{source}: {path.suffix or 'no suffix'} is not supported; use {kinds}", where=source
        )
    if lines and module == "plain":
        module = "lines"
    parts = import_module(f"qa.formats.{module}").read(_bytes(path, source), source=source, encoding=encoding)
    articles = tuple(part for part in parts if isinstance(part, Article))
    refused = tuple(str(part) for part in parts if isinstance(part, ArticleError))
    if not articles:
        raise ArticleError(refused[0] if refused else f"{source}: holds no text", where=source)
    return Contents(articles, refused)


def _bytes(path: Path, source: str) -> bytes:
    if path.is_dir():
        raise ArticleError(f"{source}: is a folder, not a file", where=source)
    try:
        refuse_large(path.stat().st_size, where=source)
        return path.read_bytes()
    except OSError as error:
        raise ArticleError(f"{source}: {_reason(error)}", where=source) from error


def _reason(error: OSError) -> str:
    reasons = {PermissionError: "no permission to read it", FileNotFoundError: "does not exist"}
    return reasons.get(type(error), error.strerror or str(error))


def find(path: Path) -> Found:
    """The files that can be read at ``path`` (a file) or anywhere below it (a folder).

    Hidden files and folders are passed over, and so are files of other kinds; a file that is named outright
    is always taken. A folder is entered once, however many links lead to it.
    """
    if not path.is_dir():
        return Found((path,))
    refused: list[tuple[Path, str]] = []
    files = _walk(path, refused, set())
    return Found(
        tuple(sorted(files, key=lambda file: file.relative_to(path).as_posix())),
        tuple(sorted(refused)),
    )


def _walk(folder: Path, refused: list[tuple[Path, str]], entered: set[str]) -> Iterator[Path]:
    here = os.path.realpath(folder)
    if here in entered:
        return
    entered.add(here)
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        refused.append((folder, f"{folder.name}: {_reason(error)}"))
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, refused, entered)
        elif entry.suffix.lower() in SUFFIXES:
            yield entry
