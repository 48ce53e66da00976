"""EPUB books: one article, its chapters in reading order, headed as their pages are."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from qa.byline import Byline, named
from qa.decoding import decode
from qa.errors import ArticleError
from qa.formats import MOST_CHARACTERS, extracted, html, packed
from qa.furniture import Line
from qa.outline import iso_date
from qa.types import Article

if TYPE_CHECKING:
    from zipfile import ZipFile

__all__ = ["SUFFIXES", "read"]

SUFFIXES = (".epub",)
KIND = "EPUB"
CONTAINER = "META-INF/container.xml"
LOCKS = "META-INF/encryption.xml"
PAGES = frozenset(("application/xhtml+xml", "text/html", "application/x-dtbook+xml"))

_EMPTY = "area base br col embed hr img input link meta source track wbr"
# XML may close any element at once; to HTML `<title/>` is open until the end of the page.
_CLOSED = re.compile(rf"<(?!(?:{'|'.join(_EMPTY.split())})\b)([a-zA-Z][\w:-]*)((?:\s[^<>]*)?)/>")


def read(raw: bytes, *, source: str, encoding: str | None = None) -> list[Article]:
    """The one article of a book; title and date are those that it states.

    ``encoding`` is not used: the standard allows Unicode only. Raises ArticleError for what is no EPUB, is
    protected or damaged, or holds no text.
    """
    with packed.opened(raw, where=source, kind=KIND) as package:
        packed.present(package, CONTAINER, where=source, kind=KIND)
        root = _package_name(package, source)
        book = html.xml_tree(_member(package, root, source), where=f"{source}/{root}")
        names = list(dict.fromkeys(_pages(book, posixpath.dirname(root))))
        _refuse_protected(package, names, source)
        lines = list(_lines(package, names, source))
    title, date = _stated(book, "title"), _stated(book, "date")
    byline = Byline(named(_stated(book, "creator")), named(_stated(book, "publisher")))
    return [
        extracted.article(
            lines,
            raw=raw,
            source=source,
            title=title,
            date=None if date is None else iso_date(date, year=True),
            byline=byline,
        )
    ]


def _named(tree: Any, name: str) -> list[Any]:
    return [one for one in tree.iter() if isinstance(one.tag, str) and one.tag.rpartition("}")[2] == name]


def _member(package: ZipFile, name: str, source: str) -> bytes:
    if name not in package.NameToInfo:
        raise ArticleError(f"{source}: its part {name!r} is missing; get it again", where=source)
    return packed.unpacked(package, name, where=source)


def _package_name(package: ZipFile, source: str) -> str:
    container = html.xml_tree(_member(package, CONTAINER, source), where=f"{source}/{CONTAINER}")
    found = [name for one in _named(container, "rootfile") if (name := one.get("full-path"))]
    if not found:
        raise ArticleError(f"{source}: names no book inside; get it again", where=source)
    return str(found[0])


def _pages(book: Any, folder: str) -> list[str]:
    """The names of the pages in reading order, without the book's table of contents."""
    items = {one.get("id"): one for one in _named(book, "item")}
    spine = [items[key] for one in _named(book, "itemref") if (key := one.get("idref")) in items]
    return [
        posixpath.normpath(posixpath.join(folder, unquote(one.get("href") or "")))
        for one in spine
        if one.get("media-type") in PAGES and "nav" not in (one.get("properties") or "").split()
    ]


def _refuse_protected(package: ZipFile, names: list[str], source: str) -> None:
    """Only fonts may be locked: that is how they are kept from being copied out of a free book."""
    if LOCKS not in package.namelist():
        return
    locks = html.xml_tree(_member(package, LOCKS, source), where=f"{source}/{LOCKS}")
    locked = {unquote(one.get("URI") or "") for one in _named(locks, "CipherReference")}
    if locked & set(names):
        raise ArticleError(f"{source}: is protected against copying; use a free edition", where=source)


def _lines(package: ZipFile, names: list[str], source: str) -> Iterator[Line]:
    """The lines of all pages, counted: each page alone may be small."""
    characters = 0
    for name in names:
        for line in _page(package, name, source):
            characters += len(line.text) + 1
            if characters > MOST_CHARACTERS:
                raise ArticleError(
                    f"{source}: holds more than {MOST_CHARACTERS:,} characters; split it", where=source
                )
            yield line


def _page(package: ZipFile, name: str, source: str) -> list[Line]:
    where = f"{source}/{name}"
    raw = _member(package, name, source)
    if not raw.strip():
        return []
    text = decode(raw, where=where).text
    return [row.line for row in html.page_of(_CLOSED.sub(r"<\1\2></\1>", text), where).placed]


def _stated(book: Any, name: str) -> str | None:
    """The first that the book's metadata says under ``name``."""
    texts = (" ".join((one.text or "").split()) for one in _named(book, name))
    return next((text for text in texts if text), None)
