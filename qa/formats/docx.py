"""Word documents: paragraphs in order, headings by style, tables by rows, notes below their paragraph.

The markup is walked here, because the usual library leaves out what stands in content controls, tracked
insertions, text boxes and footnotes. Deleted text is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qa.errors import ArticleError
from qa.formats import extracted, html, packed, rows
from qa.furniture import Kind, Line
from qa.types import Article

if TYPE_CHECKING:
    from zipfile import ZipFile

__all__ = ["SUFFIXES", "read"]

SUFFIXES = (".docx",)
KIND = "DOCX"
DOCUMENT = "word/document.xml"
LONG_CELL = 300  # characters; a table with longer cells lays out a page
WIDEST = 1000  # columns that one cell may stand for
MOST_CELLS = 200_000  # of one document, with those that merged cells stand for
BASED = 20  # styles below each other

_HEADING = re.compile(r"(?:heading|标题|標題)\s*([1-9])", re.IGNORECASE)
_TITLES = frozenset(("title", "标题", "標題"))
_CONTENTS = re.compile(r"toc\b", re.IGNORECASE)
_OFF = frozenset(("0", "false", "off", "none"))
# Deleted text, field codes, readings above characters, and the copy of a text box for old programs.
_PASSED = frozenset(("pPr", "rPr", "del", "moveFrom", "instrText", "delText", "rt", "Fallback", "sectPr"))
_NOTES = {"footnoteReference": "footnote", "endnoteReference": "endnote"}
_ENTERED = frozenset(("sdt", "sdtContent", "ins", "moveTo", "body", "customXml", "smartTag"))


@dataclass(frozen=True, slots=True)
class _Style:
    """What a paragraph style says. ``level``: of a heading, None where it is none."""

    level: int | None = None
    title: bool = False
    contents: bool = False
    item: bool = False


@dataclass
class _Walk:
    """A document and what it refers to; the title is found on the way."""

    source: str
    styles: Mapping[str, _Style]
    notes: Mapping[tuple[str, str], list[str]]
    title: str | None = None
    cells: int = 0


@dataclass
class _Paragraph:
    """The text of one paragraph as it is collected, with what hangs on it."""

    parts: list[str] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    boxes: list[Any] = field(default_factory=list)
    bold: list[bool] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """Its lines, without the blank ones."""
        return [line.strip() for line in "".join(self.parts).split("\n") if line.strip()]


def read(raw: bytes, *, source: str, encoding: str | None = None) -> list[Article]:
    """The one article of a document. ``encoding`` is not used: the text of a package is Unicode.

    Its title is the paragraph in the style Title, else its first line where that is a heading, else the
    file's name. Raises ArticleError for what is no DOCX, is locked or damaged, or holds no text.
    """
    with packed.opened(raw, where=source, kind=KIND) as package:
        packed.present(package, DOCUMENT, where=source, kind=KIND)
        tree = html.xml_tree(packed.unpacked(package, DOCUMENT, where=source), where=source)
        walk = _Walk(source, _styles(package, source), _notes(package, source))
    body = next((child for child in tree if _name(child) == "body"), None)
    if body is None:
        raise ArticleError(f"{source}: holds no text", where=source)
    lines = list(_lines(body, walk))
    return [extracted.article(lines, raw=raw, source=source, title=walk.title)]


def _name(element: Any) -> str:
    """The name without its namespace: there are two, for the two kinds of the standard."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _value(element: Any, name: str = "val") -> str | None:
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), None)


def _child(element: Any, *names: str) -> Any:
    """The element at the end of a path of names, None where it breaks off."""
    for name in names:
        element = next((child for child in element if _name(child) == name), None)
        if element is None:
            return None
    return element


def _on(element: Any) -> bool:
    """Whether a switch such as ``<w:b/>`` is there and not turned off."""
    return element is not None and (_value(element) or "").lower() not in _OFF


# -- what stands beside the document ----------------------------------------------------------------


def _part(package: ZipFile, name: str, source: str) -> Any:
    if name not in package.namelist():
        return ()
    return html.xml_tree(packed.unpacked(package, name, where=source), where=source)


def _styles(package: ZipFile, source: str) -> dict[str, _Style]:
    """The paragraph styles by id; what one does not say, the style that it is based on does."""
    found = {
        _value(child, "styleId") or "": child
        for child in _part(package, "word/styles.xml", source)
        if _name(child) == "style"
    }
    return {key: _style(child, found) for key, child in found.items()}


def _style(element: Any, found: Mapping[str, Any]) -> _Style:
    seen: list[Any] = []
    while element is not None and len(seen) < BASED:
        seen.append(element)
        named, based = _child(element, "name"), _child(element, "basedOn")
        name = "" if named is None else (_value(named) or "").strip()
        heading = _HEADING.fullmatch(name)
        level = int(heading[1]) if heading is not None else _outline_level(element)
        if level is not None or name.lower() in _TITLES or _CONTENTS.match(name):
            return _Style(
                level=None if level is None else min(level, 6),
                title=name.lower() in _TITLES,
                contents=_CONTENTS.match(name) is not None,
            )
        element = None if based is None else found.get(_value(based) or "")
    return _Style(item=any(_child(one, "pPr", "numPr") is not None for one in seen))


def _outline_level(element: Any) -> int | None:
    """Level 1 to 6 that a paragraph or a style has in the outline; 9 stands for running text."""
    stated = _child(element, "pPr", "outlineLvl")
    value = None if stated is None else _value(stated)
    if value is None or not value.isdecimal() or int(value) > 8:
        return None
    return min(int(value) + 1, 6)


def _notes(package: ZipFile, source: str) -> dict[tuple[str, str], list[str]]:
    """The lines of each footnote and endnote by kind and number; rules between them have a type."""
    found = {}
    for kind in _NOTES.values():
        for note in _part(package, f"word/{kind}s.xml", source):
            if _name(note) == kind and _value(note, "type") is None:
                paragraphs = (_collected(one) for one in note.iter() if _name(one) == "p")
                found[kind, _value(note, "id") or ""] = [line for one in paragraphs for line in one.lines]
    return found


# -- the document -----------------------------------------------------------------------------------


def _lines(element: Any, walk: _Walk) -> Iterator[Line]:
    for child in element:
        name = _name(child)
        if name == "p":
            yield from _paragraph(child, walk)
        elif name == "tbl":
            yield from _table(child, walk)
        elif name in _ENTERED:
            yield from _lines(child, walk)


def _paragraph(element: Any, walk: _Walk) -> Iterator[Line]:
    made, style = _collected(element), _style_of(element, walk)
    level = style.level if style.level is not None else _outline_level(element)
    if style.title:
        level = 1
        walk.title = walk.title or " ".join(made.lines) or None
    item = style.item or _child(element, "pPr", "numPr") is not None
    bold = bool(made.bold) and all(made.bold)
    kind: Kind | None = "furniture" if style.contents else None
    for text in made.lines:
        yield Line(text, level=level, kind=kind, item=item, bold=bold, prose=True)
    for box in made.boxes:
        yield from _lines(box, walk)
    for key in made.notes:
        yield from (Line(text, kind="text") for text in walk.notes.get(key, ()))


def _style_of(element: Any, walk: _Walk) -> _Style:
    named = _child(element, "pPr", "pStyle")
    return walk.styles.get("" if named is None else _value(named) or "", _Style())


def _collected(element: Any) -> _Paragraph:
    made = _Paragraph()
    _collect(element, made)
    return made


def _collect(element: Any, made: _Paragraph) -> None:
    for child in element:
        name = _name(child)
        if name in _PASSED:
            continue
        if name == "t":
            made.parts.append(child.text or "")
            if (child.text or "").strip():
                made.bold.append(_on(_child(element, "rPr", "b")))
        elif name in ("tab", "ptab"):
            made.parts.append(" ")
        elif name in ("br", "cr"):
            made.parts.append("\n")
        elif name == "noBreakHyphen":
            made.parts.append("-")
        elif name in _NOTES:
            made.notes.append((_NOTES[name], _value(child, "id") or ""))
        elif name == "txbxContent":
            made.boxes.append(child)
        else:
            _collect(child, made)


# -- tables -----------------------------------------------------------------------------------------


def _table(element: Any, walk: _Walk) -> Iterator[Line]:
    """A line a row, or the paragraphs of the cells where the table only lays out the page."""
    found = [
        _Row(row, [list(_lines(cell, walk)) for cell in _named(row, "tc")]) for row in _named(element, "tr")
    ]
    _refuse_wide(found, walk)
    cells = [row.cells for row in found]
    if max((len(row) for row in cells), default=0) < 2 or any(
        len(cell) > LONG_CELL for row in cells for cell in row
    ):
        yield from (line for row in found for inside in row.lines for line in inside)
        return
    _fill_down([row.element for row in found], cells)
    marked = bool(found) and _child(found[0].element, "trPr", "tblHeader") is not None
    yield from (Line(text, kind="text", item=True) for text in rows.row_lines(cells, marked=marked))


def _refuse_wide(found: list[_Row], walk: _Walk) -> None:
    """Raises ArticleError before so many cells are made that memory would not hold them."""
    for row in found:
        walk.cells += row.width
        if walk.cells > MOST_CELLS:
            raise ArticleError(
                f"{walk.source}: its tables have more than {MOST_CELLS:,} cells; split it", where=walk.source
            )


def _named(element: Any, name: str) -> Iterator[Any]:
    """The rows of a table or the cells of a row, also inside content controls."""
    for child in element:
        if _name(child) == name:
            yield child
        elif _name(child) in _ENTERED:
            yield from _named(child, name)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row and the lines of each of its cells: cells may hold tables, so they are read only once."""

    element: Any
    lines: list[list[Line]]

    @property
    def before(self) -> int:
        """Columns that the row leaves out at its start."""
        stated = _child(self.element, "trPr", "gridBefore")
        return 0 if stated is None else _count(stated)

    @property
    def width(self) -> int:
        """How many columns it has."""
        return self.before + sum(map(_width, _named(self.element, "tc")))

    @property
    def cells(self) -> list[str]:
        """The text of each column; a cell that spans several stands in the first."""
        cells = [""] * self.before
        for cell, inside in zip(_named(self.element, "tc"), self.lines, strict=True):
            text = " ".join(line.text for line in inside)
            cells += [text, *[""] * (_width(cell) - 1)]
        return cells


def _count(element: Any) -> int:
    value = _value(element) or "1"
    return min(int(value), WIDEST) if value.isdecimal() and int(value) > 0 else 1


def _fill_down(found: list[Any], cells: list[list[str]]) -> None:
    """A cell merged over several rows holds for each of them."""
    for above, below, row in zip(cells, cells[1:], found[1:], strict=False):
        at = len(below) - sum(_width(cell) for cell in _named(row, "tc"))
        for cell in _named(row, "tc"):
            merge = _child(cell, "tcPr", "vMerge")
            if merge is not None and (_value(merge) or "continue") == "continue" and at < len(above):
                below[at] = above[at]
            at += _width(cell)


def _width(cell: Any) -> int:
    span = _child(cell, "tcPr", "gridSpan")
    return 1 if span is None else _count(span)
