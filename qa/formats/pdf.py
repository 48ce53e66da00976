"""PDF: the text layer in reading order, lines joined to paragraphs, the page of each."""

from __future__ import annotations

import math
import os
import pickle
import re
import subprocess
import sys
import unicodedata
import zlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from ctypes import byref
from dataclasses import dataclass, replace
from itertools import groupby
from threading import Lock
from typing import Any

from qa.errors import ArticleError
from qa.formats import extracted, packed
from qa.formats.layout import Glyph, Paragraph, Printed, lines, paragraphs, without_running_heads
from qa.furniture import Line
from qa.text import sentences
from qa.types import Article, Block, Span

__all__ = ["SUFFIXES", "read", "serve"]

SUFFIXES = (".pdf",)
HEADING = 60  # characters of a heading
SMALLEST = 0.1  # points that a sign's size counts as at least
LARGER = 1.12  # times the size of running text
MOST_PAGES = 20_000
MOST_GLYPHS = 10_000_000
MOST_ON_A_PAGE = 200_000
MOST_LINES = 1_000_000
LARGEST_STREAM = 500_000_000  # bytes of one stream unpacked; deflate packs 1032 to 1 at most
LONGEST_HEADER = 4000  # bytes of what stands before a stream
LARGEST_FORM = 1_000_000  # bytes of a form that are looked at
DRAWN = 1_000_000  # times that forms inside each other may draw each other, before the file is guarded
MEMORY = 1_000_000_000  # bytes of addresses of a process that reads a guarded file …
SECONDS = 120  # … and its processor time
UNMAPPED = 0.2  # the share of signs that no one can read, above which the file is refused

_STREAM = re.compile(rb"(?<!end)stream\r?\n")
_DRAWS = re.compile(rb"\bDo\b")
_OTHER_FILTER = re.compile(rb"/(?:LZWDecode|LZW|ASCIIHexDecode|AHx|ASCII85Decode|A85|RunLengthDecode|RL)\b")
_TWICE = re.compile(
    rb"/(?:FlateDecode|Fl|LZWDecode|LZW)\s*/(?:FlateDecode|Fl|LZWDecode|LZW|RunLengthDecode|RL)\b"
)
_STOP = re.compile(r"[。；;，,]$")
_HYPHENS = (0x02, 0xFFFE)  # how the library writes a hyphen at the end of a line
_LOST = "\ufffd"  # a sign of which nobody knows what character it is

# The library may be entered by one thread at a time.
_door = Lock()


@dataclass(frozen=True, slots=True)
class _Sheet:
    """One page as it was taken out: its height, its lines, how many signs and pictures it has.

    ``signs`` with a character, ``unmapped`` without one.
    """

    height: float
    lines: list[Printed]
    signs: int
    unmapped: int
    pictures: bool


def read(raw: bytes, *, source: str, encoding: str | None = None) -> list[Article]:
    """The one article of a file; each block is of one page. ``encoding`` is not used.

    A sentence that runs over a page's end belongs to the page on which it begins. Raises ArticleError for
    what is no PDF, is locked, damaged or scanned, or has signs without characters.
    """
    if not raw:
        raise ArticleError(f"{source}: empty file", where=source)
    if b"%PDF-" not in raw[:1024]:
        packed.refuse_other(raw, where=source, kind="PDF")
    _refuse_bomb(raw, source)
    return _guarded(raw, source) if _suspicious(raw) else _read(raw, source)


def _read(raw: bytes, source: str) -> list[Article]:
    with _door:
        sheets = _sheets(raw, source)
    notes = (*_cut_off(raw), *_pictures(sheets, source), *_unmapped(sheets, source))
    pages = [(sheet.height, sheet.lines) for sheet in sheets]
    found = [one for one in paragraphs(without_running_heads(pages)) if one.text]
    rows = _lines(found)
    made = extracted.article(rows, raw=raw, source=source, title=_title(found, rows), warnings=notes)
    return [replace(made, blocks=tuple(_paged(made, found)))]


# -- what is refused, and what is said --------------------------------------------------------------


def _refuse_bomb(raw: bytes, source: str) -> None:
    if _TWICE.search(raw):
        raise ArticleError(f"{source}: packs its streams twice; refused as a bomb", where=source)
    for _, start, end in _streams(raw):
        large = (end - start) * 1032 > LARGEST_STREAM
        if large and raw[start : start + 1] == b"\x78" and _unpacks_beyond(raw[start:end]):
            raise ArticleError(
                f"{source}: a stream unpacks to more than {LARGEST_STREAM:,} bytes; refused as a bomb",
                where=source,
            )


def _streams(raw: bytes) -> Iterator[tuple[bytes, int, int]]:
    """The dictionary before each stream, nearly, and where the stream begins and ends."""
    end = 0
    for found in _STREAM.finditer(raw):
        if found.end() > end:  # else the one that was found before is still the next
            next_end = raw.find(b"endstream", found.end())
            end = len(raw) if next_end < 0 else next_end
        first = max(0, found.start() - LONGEST_HEADER)
        yield raw[max(first, raw.rfind(b"obj", first, found.start())) : found.start()], found.end(), end


def _unpacks_beyond(stream: bytes) -> bool:
    unpack, size = zlib.decompressobj(), 0
    try:
        while stream and size <= LARGEST_STREAM and not unpack.eof:
            size += len(unpack.decompress(stream, 1_000_000))
            stream = unpack.unconsumed_tail
    except zlib.error:
        return False
    return size > LARGEST_STREAM


def _suspicious(raw: bytes) -> bool:
    """Whether the file may ask the library for more memory or time than can be seen from outside.

    Forms that draw forms several times each do, and streams packed in ways that are not undone here.
    """
    drawn = 1
    for header, start, end in _streams(raw):
        if (end - start) * 1000 > LARGEST_STREAM and _OTHER_FILTER.search(header):
            return True
        if b"/Form" in header:
            drawn *= max(1, _draws(raw[start : min(end, start + LARGEST_FORM)], header))
            if drawn > DRAWN:
                return True
    return False


def _draws(stream: bytes, header: bytes) -> int:
    """How many objects a form draws; ten where that cannot be told."""
    if b"/Filter" in header:
        try:
            stream = zlib.decompressobj().decompress(stream, LARGEST_FORM)
        except zlib.error:
            return 10
    return len(_DRAWS.findall(stream))


def _guarded(raw: bytes, source: str) -> list[Article]:
    """The same in a process of its own, which the system ends when it takes too much."""
    call = [sys.executable, "-P", "-c", "from qa.formats.pdf import serve; serve()"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(call, input=pickle.dumps((raw, source)), env=env, capture_output=True, check=False)
    if done.returncode != 0:
        raise ArticleError(
            f"{source}: takes more memory or time than a file may; refused as a bomb", where=source
        )
    found: list[Article] | ArticleError = pickle.loads(done.stdout)
    if isinstance(found, ArticleError):
        raise found
    return found


def serve() -> None:
    """Read the one file on standard input and write its articles, or why it is refused: what a guard runs."""
    with suppress(ImportError):  # there are systems without it
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    raw, source = pickle.load(sys.stdin.buffer)
    found: list[Article] | ArticleError
    try:
        found = _read(raw, source)
    except ArticleError as error:
        found = error
    pickle.dump(found, sys.stdout.buffer)


def _cut_off(raw: bytes) -> tuple[str, ...]:
    if b"%%EOF" in raw[-2048:]:
        return ()
    return ("the file is cut off: pages may be missing",)


def _pictures(sheets: Sequence[_Sheet], source: str) -> tuple[str, ...]:
    """A note of the pages that are pictures. Raises ArticleError where all that hold anything are."""
    scanned = [number for number, sheet in enumerate(sheets, start=1) if sheet.pictures and not sheet.signs]
    if scanned and not any(sheet.signs for sheet in sheets):
        raise ArticleError(
            f"{source}: is scanned ({len(scanned)} pages are pictures without text);"
            " recognise its text (OCR) first",
            where=source,
        )
    listed = ", ".join(map(str, scanned[:10])) + (" …" if len(scanned) > 10 else "")
    return (f"pages that are pictures without text: {listed}",) if scanned else ()


def _unmapped(sheets: Sequence[_Sheet], source: str) -> tuple[str, ...]:
    """A note of signs that are drawn without saying which characters they are."""
    lost = sum(sheet.unmapped for sheet in sheets)
    total = lost + sum(sheet.signs for sheet in sheets)
    if lost > UNMAPPED * total:
        raise ArticleError(
            f"{source}: {lost} of its {total} signs do not say which characters they are;"
            " recognise its text (OCR) first",
            where=source,
        )
    return (f"{lost} signs do not say which characters they are and are left out",) if lost else ()


# -- the library ------------------------------------------------------------------------------------


def _sheets(raw: bytes, source: str) -> list[_Sheet]:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(raw)
    except pypdfium2.PdfiumError as error:
        raise ArticleError(f"{source}: {_reason(str(error))}", where=source) from error
    try:
        if not 0 < len(document) <= MOST_PAGES:
            raise ArticleError(
                f"{source}: has {len(document)} pages, not 1 to {MOST_PAGES:,}; split it", where=source
            )
        return list(_taken(document, source))
    except pypdfium2.PdfiumError as error:
        raise ArticleError(f"{source}: is damaged ({error}); get it again", where=source) from error
    finally:
        document.close()


def _reason(error: str) -> str:
    if "assword" in error:
        return "needs a password; save it without one"
    if "ecurity" in error:
        return "is locked in a way that cannot be opened; save it without a lock"
    return "is cut off or damaged; get it again"


def _taken(document: Any, source: str) -> Iterator[_Sheet]:
    signs = found = 0
    for number, page in enumerate(document, start=1):
        text = page.get_textpage()
        count = text.count_chars()
        signs += count
        if count > MOST_ON_A_PAGE:
            raise ArticleError(
                f"{source}: page {number} holds more than {MOST_ON_A_PAGE:,} signs; split it", where=source
            )
        sheet = _sheet(page, text)
        found += len(sheet.lines)
        if signs > MOST_GLYPHS or found > MOST_LINES:
            raise ArticleError(
                f"{source}: holds more than {MOST_GLYPHS:,} signs or {MOST_LINES:,} lines; split it",
                where=source,
            )
        yield sheet
        text.close()
        page.close()


def _sheet(page: Any, text: Any) -> _Sheet:
    from pypdfium2 import raw as pdfium

    every = list(_glyphs(page, text))
    found = [glyph for glyph in every if glyph.text != _LOST]
    pictures = not found and any(
        True for _ in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3)
    )
    return _Sheet(page.get_height(), lines(found), len(found), len(every) - len(found), pictures)


def _glyphs(page: Any, text: Any) -> Iterator[Glyph]:
    """The signs of a page in the order of the file, upright as the page is shown."""
    from pypdfium2 import raw as pdfium

    box, matrix = pdfium.FS_RECTF(), pdfium.FS_MATRIX()
    turn = _Turn(page.get_rotation(), *page.get_cropbox())
    spaced, high = False, ""
    for at in range(text.count_chars()):
        char = _character(pdfium.FPDFText_GetUnicode(text, at), high)
        high = char if "\ud800" <= char <= "\udbff" else ""
        made_up = pdfium.FPDFText_IsGenerated(text, at) == 1
        if pdfium.FPDFText_HasUnicodeMapError(text, at) == 1 or unicodedata.category(char) in ("Co", "Cn"):
            char = _LOST
        if char.isspace():
            spaced = spaced or not made_up
        if made_up or char.isspace() or unicodedata.category(char) in ("Cc", "Cs"):
            continue
        pdfium.FPDFText_GetLooseCharBox(text, at, byref(box))
        pdfium.FPDFText_GetMatrix(text, at, byref(matrix))
        # A font that is turned over has a size below zero, one that is flattened none.
        size = max(SMALLEST, abs(pdfium.FPDFText_GetFontSize(text, at)) * math.hypot(matrix.c, matrix.d))
        x0, x1, y0, y1 = turn.upright(box.left, box.right, box.bottom, box.top)
        yield Glyph(char, x0, x1, y0, y1, size, spaced)
        spaced = False


def _character(code: int, high: str) -> str:
    """The character of a code, the second half of a pair with its first; radicals as the characters."""
    if code in _HYPHENS:
        return "-"
    char = chr(code) if code <= 0x10FFFF else "\ufffd"
    if high and "\udc00" <= char <= "\udfff":
        return (high + char).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    # Some programs write radicals (U+2F00 …) where characters that look the same are meant.
    return unicodedata.normalize("NFKC", char) if "\u2e80" <= char <= "\u2fdf" else char


@dataclass(frozen=True, slots=True)
class _Turn:
    """How far a page is turned when it is shown, and its edges before that."""

    degrees: int
    left: float
    bottom: float
    right: float
    top: float

    def upright(self, x0: float, x1: float, y0: float, y1: float) -> tuple[float, float, float, float]:
        """The edges left, right, bottom and top of a box on the page as it is shown."""
        if self.degrees == 90:
            return y0 - self.bottom, y1 - self.bottom, self.right - x1, self.right - x0
        if self.degrees == 180:
            return self.right - x1, self.right - x0, self.top - y1, self.top - y0
        if self.degrees == 270:
            return self.top - y1, self.top - y0, x0 - self.left, x1 - self.left
        return x0 - self.left, x1 - self.left, y0 - self.bottom, y1 - self.bottom


# -- paragraphs to an article -----------------------------------------------------------------------


def _lines(found: Sequence[Paragraph]) -> list[Line]:
    """The paragraphs as lines; those in larger type than most of the text are headings by their size."""
    body = _body(found)
    larger = sorted({one.size for one in found if _is_heading(one, body)}, reverse=True)
    return [
        Line(one.text, level=min(1 + larger.index(one.size), 6), prose=True)
        if _is_heading(one, body)
        else Line(one.text, kind="text" if one.row else None, item=one.row, prose=True)
        for one in found
    ]


def _body(found: Sequence[Paragraph]) -> float:
    """The size in which most characters are set."""
    sizes: Counter[float] = Counter()
    for one in found:
        sizes[one.size] += len(one.text)
    return max(sizes, key=lambda size: (sizes[size], -size), default=1.0)


def _is_heading(one: Paragraph, body: float) -> bool:
    return (
        one.size > LARGER * body and len(one.text) <= HEADING and not one.row and not _STOP.search(one.text)
    )


def _title(found: Sequence[Paragraph], rows: Sequence[Line]) -> str | None:
    """The largest heading of the first page."""
    first = [
        row.text
        for one, row in zip(found, rows, strict=True)
        if row.level == 1 and one.pages[0][1] == found[0].pages[0][1]
    ]
    return first[0] if first else None


def _paged(article: Article, found: Sequence[Paragraph]) -> Iterator[Block]:
    """The article's blocks, parted where the first sentence of a page begins."""
    starts, numbers, at = [], [], 0
    for one in found:
        starts += [at + start for start, _ in one.pages]
        numbers += [number for _, number in one.pages]
        at += len(one.text) + 1

    def page(sentence: Span) -> int:
        return numbers[bisect_right(starts, sentence.start) - 1]

    for block in article.blocks:
        for number, group in groupby(sentences(article.text, block.span), key=page):
            inside = list(group)
            yield Block(Span(inside[0].start, inside[-1].end), block.heading, number)
