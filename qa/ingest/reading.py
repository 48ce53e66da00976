"""A file to its parts: each article as it goes into an index, with its passages and their keys.

Everything here is plain values, because it crosses between processes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from qa import articles, boilerplate
from qa.errors import ArticleError
from qa.index import Root, article_from_record, article_record
from qa.ingest.places import Stamp
from qa.passages import cut, indexed_text
from qa.settings import PassageSettings
from qa.types import Article, Passage, Span

__all__ = [
    *("Lines", "Part", "Piece", "Read", "Shorter", "Task"),
    *("cut_lines", "part", "passage_of", "read", "sha256_of", "shorten", "with_root"),
]

ATTEMPTS = 3  # to read a file that changes while it is read


@dataclass(frozen=True, slots=True)
class Task:
    """A file to read. ``file`` is its path under the PATH numbered ``root``; ``name`` what errors call it."""

    path: str
    root: int
    file: str
    name: str
    encoding: str | None
    lines: bool
    passage: PassageSettings


@dataclass(frozen=True, slots=True)
class Lines:
    """Records that were read before, to be cut into passages again."""

    lines: tuple[bytes, ...]
    root: int
    passage: PassageSettings


@dataclass(frozen=True, slots=True)
class Shorter:
    """A record whose passages are cut without the sentences of the keys ``gone``."""

    line: bytes
    gone: frozenset[int]
    passage: PassageSettings


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage of an article: characters of its text, headings above, page, key of what is indexed."""

    start: int
    end: int
    heading: tuple[str, ...]
    page: int | None
    key: bytes


@dataclass(frozen=True, slots=True)
class Part:
    """One article as it goes into an index.

    ``line``     its record, one line of JSON with its line feed
    ``date``     as in the record
    ``content``  the key of what it says; two articles of one key say the same
    ``pieces``   its passages; None where they were not cut
    ``repeats``  the keys of what may be boilerplate (see ``qa.boilerplate``)
    ``gone``     those of them that were left out of the passages, and ``left_out`` their places
    """

    line: bytes
    date: str | None
    content: bytes
    pieces: tuple[Piece, ...] | None
    repeats: tuple[int, ...] = ()
    gone: tuple[int, ...] = ()
    left_out: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """What became of a file: its parts, why others were refused, the hash of its bytes, and its stamp.

    ``stamp`` is None where the next run must look at its bytes in any case: it could not be read, or is so
    fresh that a change may not show.
    """

    sha256: str
    stamp: Stamp | None
    parts: tuple[Part, ...] = ()
    refused: tuple[str, ...] = ()


def read(task: Task) -> Read:
    """The parts of a file. What is wrong with it is told in ``refused``; nothing is raised."""
    path = Path(task.path)
    for _ in range(ATTEMPTS):
        before = Stamp.of(path)
        found = _read(task, path)
        if before == Stamp.of(path):
            trusted = found.sha256 and before is not None and before.settled
            return replace(found, stamp=before if trusted else None)
    return Read("", None, (), (f"{task.name}: changes while it is read; index again when it is finished",))


def _read(task: Task, path: Path) -> Read:
    if path.exists() and not path.is_file():  # reading a pipe would wait for ever
        return Read("", None, (), (f"{task.name}: is not a regular file",))
    try:
        made = articles.read(path, source=task.name, encoding=task.encoding, lines=task.lines)
    except ArticleError as error:
        return Read(sha256_of(path), None, (), (str(error),))
    parts = tuple(part(article, task.root, task.file, task.passage) for article in made.articles)
    # The checksum of the bytes that were read: the file may have changed since.
    return Read(made.articles[0].sha256, None, parts, made.refused)


def cut_lines(task: Lines) -> tuple[Part, ...]:
    """The parts of records that were read before."""
    return tuple(_again(line, task) for line in task.lines)


def _again(line: bytes, task: Lines) -> Part:
    record = json.loads(line)
    return part(_article(record), task.root, record["file"], task.passage)


def shorten(tasks: Sequence[Shorter]) -> list[tuple[tuple[Span, ...], tuple[Piece, ...]]]:
    """For each record, what is left out of it, and its passages."""
    return [_shortened(task) for task in tasks]


def _shortened(task: Shorter) -> tuple[tuple[Span, ...], tuple[Piece, ...]]:
    article = _article(json.loads(task.line))
    spans = boilerplate.left_out(article, task.gone)
    return spans, _pieces(boilerplate.parted(article, spans), task.passage)


def with_root(line: bytes, root: int) -> bytes:
    """A record's line with the number that its PATH has now."""
    return _line({**json.loads(line), "root": root})


def part(article: Article, root: int, file: str, settings: PassageSettings) -> Part:
    """``article`` of the file ``file`` under the PATH numbered ``root``, cut into passages."""
    pieces, repeats = _pieces(article, settings), boilerplate.keys(article)
    line = _line(article_record(article, root, file))
    return Part(line, article.date, _content(article), pieces, repeats)


def _pieces(article: Article, settings: PassageSettings) -> tuple[Piece, ...]:
    return tuple(_piece(passage) for passage in cut(article, settings))


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, sort_keys=True).encode() + b"\n"


def _piece(passage: Passage) -> Piece:
    key = _key(indexed_text(passage))
    return Piece(passage.span.start, passage.span.end, passage.heading, passage.page, key)


def passage_of(line: bytes, pieces: Iterable[Piece]) -> list[Passage]:
    """The passages of a record, as they were cut from it."""
    article = _article(json.loads(line))
    return [Passage(article, Span(each.start, each.end), each.heading, each.page) for each in pieces]


def _article(record: dict[str, Any]) -> Article:
    """The article of a record. Its source does not matter here: nothing that is indexed depends on it."""
    return article_from_record({**record, "root": 0}, (Root("/", "/"),))


def _content(article: Article) -> bytes:
    """The key of an article's title, date and characters; white space does not count.

    Nor does a title that is only the file's name. The text is taken as it stands, so that simplified and
    traditional copies are two articles: either may be quoted.
    """
    stems = {PurePosixPath(name).stem for name in (article.source, (article.element or "").split(": ")[0])}
    title = "" if article.title in stems else article.title
    return _key("\0".join((title, article.date or "", "".join(article.text.split()))))


def _key(text: str) -> bytes:
    """16 bytes that stand for ``text``."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal; empty where it cannot be read."""
    try:
        if not path.is_file():  # opening a pipe would wait for ever
            return ""
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""
