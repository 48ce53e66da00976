"""One file a format: raw bytes in, articles out.

A reader is a module with ``read(raw, *, source, encoding)``, imported when a file of its kind is first met.
The readers of files that hold files (``CONTAINERS``) also take the ``room`` that is left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any

from qa.errors import ArticleError
from qa.types import Article

__all__ = [
    "CONTAINERS",
    "FORMATS",
    "LARGEST_FILE",
    "SUFFIXES",
    "Format",
    "Room",
    "library",
    "member",
    "refuse_large",
    "table",
]

DEEPEST = 3  # containers inside each other
LARGEST = 1_000_000_000  # bytes that may come out of one container and all within it
LARGEST_FILE = 200_000_000  # bytes of one file: all of it is held in memory while it is read
MOST_CHARACTERS = 50_000_000  # of all the texts in one container
MOST_PARTS = 300_000  # articles in one file; each takes about a kilobyte beside its text


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of file: which module reads it, what it is called, what becomes of it, what parses it."""

    module: str
    suffixes: tuple[str, ...]
    name: str
    chinese: str
    english: str
    library: str = "Python"


FORMATS = (
    Format("plain", (".txt", ".text"), "纯文本 plain text", "全文，逐字节可查", "the whole file, by bytes"),
    Format("markdown", (".md", ".markdown"), "Markdown", "全文，标题分级", "the whole file, headings nested"),
    Format("html", (".html", ".htm"), "HTML", "正文，去掉菜单页脚", "the text without menus", "lxml (BSD)"),
    Format(
        "pdf",
        (".pdf",),
        "PDF",
        "文字层，分栏排序，注明页码",
        "the text layer, columns in order, page numbers",
        "pypdfium2 (BSD, Apache-2.0)",
    ),
    Format(
        "docx",
        (".docx",),
        "Word DOCX",
        "标题、列表、表格、脚注",
        "headings, lists, tables, notes",
        "lxml (BSD)",
    ),
    Format(
        "tables",
        (".xlsx", ".xls", ".csv", ".tsv"),
        "表格 XLSX XLS CSV TSV",
        "每行一篇，或一问一答",
        "each row an article, or a question and its answer",
        "openpyxl (MIT); `.xls`: xlrd (BSD), `pip install xlrd`",
    ),
    Format("epub", (".epub",), "EPUB", "全书，按章分标题", "the book, headed by chapter", "lxml (BSD)"),
    Format("mail", (".eml",), "邮件 e-mail", "正文与附件", "the message and its attachments"),
    Format("jsonl", (".jsonl",), "JSON Lines", "每行一篇", "each line an article"),
    Format("archive", (".zip",), "ZIP", "以上各种文件", "any of the files above"),
)
SUFFIXES = {suffix: made.module for made in FORMATS for suffix in made.suffixes}
CONTAINERS = frozenset(("archive", "mail"))


@dataclass
class Room:
    """What containers inside each other may still hold: bytes, characters, articles, and levels below."""

    left: int = LARGEST
    depth: int = DEEPEST
    characters: int = MOST_CHARACTERS
    parts: int = MOST_PARTS

    def take(self, parts: Iterable[Article | ArticleError], where: str) -> None:
        """Count what came out of one member. Raises ArticleError where that is too much."""
        for part in parts:
            self.parts -= 1
            self.characters -= len(part.text) if isinstance(part, Article) else 0
        if self.parts < 0 or self.characters < 0:
            raise ArticleError(f"{where}: holds more than can be read at once; split it", where=where)


def library(name: str, *, where: str, kind: str) -> Any:
    """A library that only files of one rare ``kind`` need. Raises ArticleError that tells how to get it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ArticleError(
            f"{where}: {kind} is read by {name}, which is not installed; run: pip install {name}", where=where
        ) from error


def refuse_large(size: int, *, where: str) -> None:
    """Raises ArticleError where a file of ``size`` bytes is too large, before anything of it is read."""
    if size > LARGEST_FILE:
        raise ArticleError(f"{where}: has {size:,} bytes, more than {LARGEST_FILE:,}; split it", where=where)


def table() -> list[tuple[str, str, str, str]]:
    """A row for each format, for documents: suffixes, name, what becomes of it, and the library."""
    return [
        (" ".join(made.suffixes), made.name, f"{made.chinese} {made.english}", made.library)
        for made in FORMATS
    ]


def member(
    raw: bytes, *, name: str, source: str, sha256: str, encoding: str | None, room: Room
) -> list[Article | ArticleError]:
    """The articles of the file ``name`` that lies inside the file ``source``, or why there are none.

    Their ``element`` begins with ``name``; ``sha256`` is that of the file outside.
    """
    where = f"{source}/{name}"
    try:
        parts = _parts(raw, name, where, encoding, room)
    except ArticleError as error:
        return [error]
    return [part if isinstance(part, ArticleError) else _inside(part, name, source, sha256) for part in parts]


def _parts(
    raw: bytes, name: str, where: str, encoding: str | None, room: Room
) -> list[Article | ArticleError]:
    module = SUFFIXES[PurePosixPath(name).suffix.lower()]
    reader = import_module(f"qa.formats.{module}")
    if module not in CONTAINERS:
        found = list(reader.read(raw, source=where, encoding=encoding))
        room.take(found, where)
        return found
    if room.depth <= 1:
        raise ArticleError(f"{where}: lies more than {DEEPEST} files deep; unpack it first", where=where)
    room.depth -= 1
    try:
        return list(reader.read(raw, source=where, encoding=encoding, room=room))
    finally:
        room.depth += 1


def _inside(article: Article, name: str, source: str, sha256: str) -> Article:
    element = name if article.element is None else f"{name}: {article.element}"
    return replace(
        article,
        id=f"{source}#{element}",
        source=source,
        element=element,
        sha256=sha256,
        bom=0,
        exact=False,
    )
