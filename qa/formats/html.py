"""HTML: the visible text, one line a block element, menus and all; the markup tells what is furniture."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from qa.byline import byline_of, named
from qa.decoding import damage, decode
from qa.errors import ArticleError
from qa.formats import packed
from qa.furniture import Line
from qa.outline import Placed, blocks, date_of, iso_date, outline, title_of
from qa.types import Article, Span

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SUFFIXES", "Page", "page_of", "read", "refuse_many", "xml_tree"]

SUFFIXES = (".html", ".htm")
MOST_NODES = 2_000_000  # elements and attributes of one tree: each takes up to 250 bytes
MOST_PAIRS = 1_000_000_000  # of attributes in one tag, in all tags: the parser compares each pair

_BLOCKS = """
    address article aside blockquote body br button caption center dd details dialog div dl dt fieldset
    figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr html legend li main menu nav ol option p
    pre section summary table tbody tfoot thead tr ul
"""
BLOCKS = frozenset(_BLOCKS.split())
_SILENT = """
    script style template noscript head svg math iframe object canvas audio video select textarea
"""
SILENT = frozenset(_SILENT.split())
_FURNITURE_TAGS = "nav footer aside button label legend dialog menu"
FURNITURE_TAGS = frozenset(_FURNITURE_TAGS.split())
_FURNITURE_ROLES = "navigation banner contentinfo complementary search menu menubar dialog"
FURNITURE_ROLES = frozenset(_FURNITURE_ROLES.split())
CELLS = frozenset(("td", "th"))
_WORDLESS = frozenset(("a", "script", "style"))
HEADINGS = {f"h{level}": level for level in range(1, 7)}

# Names that pages give to what surrounds the text, as whole words of a class or an id …
_CUE_WORD = re.compile(
    r"(?:^|[-_\s])(?:main|top|side|site|page|post|entry|article|left|right|sub|mw|local|global)?[-_]?"
    r"(?:nav|menu|foot|crumbs?|position|sider|tags?|tagcloud|toc|toolbar|topbar|pager|paging|logo|ads?|advert|banner|search|login"
    r"|links?|friendlinks?|qrcode|subscribe|disclaimer|statement|hot|panel|head|references|meta|description|prev|next|xxgk)"
    r"(?:s|bar|box|list|table|wrap)?(?=$|[-_\s\d])"
)
# … and as parts of one.
_CUE_PART = re.compile(
    r"navbar|navigat|navbox|breadcrumb|sidebar|footer|copyright|comment|share|pagination|catlinks|related|recommend|sitesub|prevnext"
)
_NEVER = frozenset(("html", "body", "main", "article"))
_CONTENT = re.compile(r"article|content|entry|post|editor|text|main|正文")
# A tag that may hold attributes, to its end: a ``>`` inside a value in quotation marks is no end.
_TAG = re.compile(r"""<[A-Za-z_:][^\s/<>]*+[\s/][^>=]*+(?:=\s*+(?:"[^"]*+"|'[^']*+')?+[^>=]*+)*+""")
_QUOTED = re.compile(r"""=\s*+(?:"[^"]*+"|'[^']*+')""")
_ATTRIBUTE = re.compile(r"(?<=[\s/])[^\s/]")
_DECLARED = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
_SPACE = re.compile(r"[ \t\n\r\f\v\xa0]+")
_SITE = re.compile(r"\s+[-–—|_]\s*|\s*[-–—|_]\s+|[_|｜]|::|--+|——")
_STOP = re.compile(r"[。！？!?；;]")
_DATE_NAMES = (
    "article:published_time",
    "publishdate",
    "pubdate",
    "publish_time",
    "date",
    "og:release_date",
    "dc.date",
)


_AUTHOR_NAMES = ("author", "article:author", "dc.creator", "byl")
_ORIGIN_NAMES = ("source", "contentsource", "mediaid", "dc.source")


@dataclass
class _Piece:
    """One line as it is collected, before it has a place in the text."""

    text: str
    level: int | None
    furniture: bool
    item: bool
    linked: float
    links: int
    bold: bool
    content: bool
    code: bool


@dataclass
class _Reading:
    """The walk through the tree: what is open, and the line that is being collected."""

    cued: frozenset[Any]
    pieces: list[_Piece] = field(default_factory=list)
    open: dict[str, int] = field(default_factory=dict)
    parts: list[str] = field(default_factory=list)
    linked: int = 0
    bold: int = 0
    links: int = 0
    furniture: int = 0
    content: int = 0

    def inside(self, *tags: str) -> bool:
        return any(self.open.get(tag, 0) > 0 for tag in tags)

    def add(self, text: str | None) -> None:
        if not text:
            return
        self.parts.append(text)
        size = len(_SPACE.sub("", text))
        self.linked += size if self.inside("a") else 0
        self.bold += size if self.inside("b", "strong") else 0

    def flush(self) -> None:
        """End the line, if it holds anything."""
        raw = "".join(self.parts)
        for text in raw.splitlines() if self.inside("pre") else [raw]:
            self._piece(text)
        self.parts.clear()
        self.linked = self.bold = self.links = 0

    def _piece(self, raw: str) -> None:
        text = "\t".join(_SPACE.sub(" ", cell).strip() for cell in raw.split("\x1f")).strip()
        if not text:
            return
        size = len(_SPACE.sub("", text))
        level = next((level for tag, level in HEADINGS.items() if self.inside(tag)), None)
        self.pieces.append(
            _Piece(
                text=text,
                level=level,
                furniture=self.furniture > 0,
                item=self.inside("li", "dt", "dd", "blockquote", "figcaption") or "\t" in text,
                linked=self.linked / size,
                links=self.links,
                bold=self.bold >= size,
                content=self.content > 0,
                code=self.inside("pre") and re.search(r"[\u3400-\u9fff]", text) is None,
            )
        )


@dataclass(frozen=True, slots=True)
class Page:
    """The visible text of one page, its lines, and the title and the date that its markup states."""

    text: str
    placed: list[Placed]
    title: str | None
    date: str | None
    author: str | None = None
    origin: str | None = None


def page_of(text: str, source: str) -> Page:
    """What the markup ``text`` shows. Raises ArticleError where there is no element in it."""
    tree = _parse(text, source)
    pieces = _pieces(tree)
    title = _title(tree, pieces)
    shown, placed = _placed(pieces, title)
    meta = _meta(tree)
    author, origin = (_stated(meta, names) for names in (_AUTHOR_NAMES, _ORIGIN_NAMES))
    return Page(shown, placed, title, _date(tree), author, origin)


def xml_tree(raw: bytes, *, where: str) -> Any:
    """The root of an XML document; no entity is put in and nothing is fetched.

    Raises ArticleError for what is not sound, and for more marks than a tree can be made of.
    """
    from lxml import etree

    packed.refuse_encoding(raw, where=where)
    refuse_many(raw.count(b"<") - raw.count(b"</") + raw.count(b"="), where=where)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        return etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        told = " ".join((error.msg or "").split())
        raise ArticleError(f"{where}: is not sound XML ({told}); get it again", where=where) from error


def refuse_many(nodes: int, *, where: str) -> None:
    """Raises ArticleError where a tree would have more ``nodes`` than memory has room for."""
    if nodes > MOST_NODES:
        raise ArticleError(
            f"{where}: holds more than {MOST_NODES:,} elements and attributes; split it", where=where
        )


def read(raw: bytes, *, source: str, encoding: str | None = None) -> list[Article]:
    """The one article of a page. ``Article.text`` is its visible text, a line a block, so ``exact`` is False.

    A ``charset`` in the page is only a hint to decoding. Raises ArticleError where the page holds no text.
    """
    declared = _DECLARED.search(raw[:4096])
    made = decode(
        raw,
        encoding=encoding,
        where=source,
        declared=None if declared is None else declared[1].decode("ascii", "ignore"),
    )
    page = page_of(made.text, source)
    found = outline(page.placed)
    running = blocks(page.text, found, title=page.title)
    if not running:
        raise ArticleError(f"{source}: holds no text", where=source)
    byline = byline_of(found, author=page.author, origin=page.origin)
    return [
        Article(
            id=source,
            text=page.text,
            title=page.title or title_of(found, PurePosixPath(source).stem),
            source=source,
            sha256=hashlib.sha256(raw).hexdigest(),
            encoding=made.encoding,
            bom=made.bom,
            exact=False,
            date=page.date or date_of(found),
            author=byline.author,
            origin=byline.origin,
            blocks=running,
            warnings=(*made.doubts, *damage(page.text)),
        )
    ]


def _refuse_crowded(text: str, source: str) -> None:
    """Raises ArticleError where a tree would hold too much, or a tag so much that comparing takes minutes."""
    nodes, pairs = text.count("<") - text.count("</"), 0
    refuse_many(nodes, where=source)
    for tag in _TAG.finditer(text):
        names = len(_ATTRIBUTE.findall(_QUOTED.sub(" ", tag[0])))
        nodes += names
        pairs += names * names
        refuse_many(nodes, where=source)
        if pairs > MOST_PAIRS:
            raise ArticleError(
                f"{source}: its tags hold more attributes than can be read; save it anew", where=source
            )


def _parse(text: str, source: str) -> Any:
    from lxml import etree, html

    _refuse_crowded(text, source)
    # lxml refuses a str that still declares the encoding it once had.
    text = _XML_DECLARATION.sub("", text)
    parser = html.HTMLParser(huge_tree=True, remove_comments=True)
    try:
        page = html.document_fromstring(text, parser=parser)
    except (etree.ParserError, ValueError) as error:
        raise ArticleError(f"{source}: holds no text", where=source) from error
    for fault in parser.error_log.filter_from_fatals():
        if fault.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT:  # what comes behind would be lost in silence
            raise ArticleError(f"{source}: is nested too deeply to be read; save it anew", where=source)
    return page


def _pieces(page: Any) -> list[_Piece]:
    """The lines of the page in order."""
    from lxml import etree

    reading = _Reading(frozenset(_cued(page)))
    walk = etree.iterwalk(page, events=("start", "end"))
    for event, element in walk:
        if not isinstance(element.tag, str):
            if event == "end":
                reading.add(element.tail)
            continue
        if event == "start":
            if element.tag in SILENT or _hidden(element):
                walk.skip_subtree()
            else:
                _enter(reading, element)
        else:
            _leave(reading, element)
    reading.flush()
    return reading.pieces


def _enter(reading: _Reading, element: Any) -> None:
    tag = element.tag
    if _breaks(element):
        reading.flush()
    elif tag in CELLS and reading.parts:
        reading.add("\x1f")
    reading.open[tag] = reading.open.get(tag, 0) + 1
    reading.furniture += _surrounds(element, reading)
    reading.content += _holds(element)
    reading.links += tag == "a"
    reading.add(element.text)


def _leave(reading: _Reading, element: Any) -> None:
    tag = element.tag
    if tag not in SILENT and not _hidden(element):
        if _breaks(element):
            reading.flush()
        reading.open[tag] -= 1
        reading.furniture -= _surrounds(element, reading)
        reading.content -= _holds(element)
    reading.add(element.tail)


def _breaks(element: Any) -> bool:
    """Whether a line ends here. A cell does so only where it lays out the page, holding blocks of its own."""
    if element.tag in CELLS:
        return any(
            True for _ in element.iter("p", "div", "br", "table", "ul", "ol", "center", "h1", "h2", "h3")
        )
    return element.tag in BLOCKS


def _hidden(element: Any) -> bool:
    return element.get("hidden") is not None and element.tag != "html"


def _surrounds(element: Any, reading: _Reading) -> bool:
    """Whether the element is there for the site, not for the article."""
    if element.tag == "header":
        return not reading.inside("article", "main", "section")
    return (
        element.tag in FURNITURE_TAGS
        or (element.get("role") or "").lower() in FURNITURE_ROLES
        or element in reading.cued
    )


def _holds(element: Any) -> bool:
    return element.tag in ("article", "main") or _CONTENT.search(_names(element)) is not None


def _names(element: Any) -> str:
    return f"{element.get('class') or ''} {element.get('id') or ''}".strip().lower()


def _cued(page: Any) -> Iterator[Any]:
    """Elements whose class or id names them as furniture, unless they hold most of the page's own words."""
    from lxml import etree

    words = silent = 0  # so far on the page, and how many open elements hold none
    began: dict[Any, int] = {}
    own: dict[Any, int] = {}
    for event, element in etree.iterwalk(page, events=("start", "end")):
        if event == "start":
            silent += element.tag in _WORDLESS
            if _is_cue(element):
                began[element] = words
            words += 0 if silent else _sentences(element.text)
        else:
            if element in began:
                own[element] = words - began[element]
            silent -= element.tag in _WORDLESS
            words += 0 if silent else _sentences(element.tail)
    return (element for element, count in own.items() if 2 * count <= words)


def _is_cue(element: Any) -> bool:
    if not isinstance(element.tag, str) or element.tag in _NEVER or element.tag in HEADINGS:
        return False
    names = _names(element)
    return bool(names) and (_CUE_PART.search(names) or _CUE_WORD.search(names)) is not None


def _sentences(text: str | None) -> int:
    """Characters of a piece of text that holds a whole sentence; outside links, a menu has none."""
    return len(text) if text and _STOP.search(text) else 0


def _placed(pieces: Sequence[_Piece], title: str | None) -> tuple[str, list[Placed]]:
    """The article's text and its lines."""
    linked = _link_lists(pieces)
    placed, start = [], 0
    for at, piece in enumerate(pieces):
        line = _line(piece, at in linked, title)
        placed.append(Placed(Span(start, start + len(piece.text)), line))
        start += len(piece.text) + 1
    return "\n".join(piece.text for piece in pieces), placed


def _line(piece: _Piece, listed: bool, title: str | None) -> Line:
    level = piece.level
    if level is None and title is not None and piece.text == title:
        level = 1
    aside = piece.code or listed or (piece.furniture and level != 1)
    return Line(
        piece.text,
        level=level,
        kind="furniture" if aside else None,
        item=piece.item,
        bold=piece.bold,
        prose=True,
    )


def _link_lists(pieces: Sequence[_Piece]) -> set[int]:
    """Lines that are nothing but links, several in a row or in one, and the short title above them.

    Lists of links in the middle of an article are its own.
    """
    found: set[int] = set()
    run: list[int] = []
    for at in range(len(pieces) + 1):
        piece = pieces[at] if at < len(pieces) else None
        if piece is not None and piece.linked > 0.6 and piece.links > 0 and not _STOP.search(piece.text):
            run.append(at)
            continue
        alone = bool(run) and sum(pieces[one].links for one in run) >= 2
        if alone and not all(pieces[one].content for one in run):
            found.update(run)
            above = run[0] - 1
            if above >= 0 and len(pieces[above].text) <= 6 and pieces[above].level is None:
                found.add(above)
        run = []
    return found


def _title(page: Any, pieces: Sequence[_Piece]) -> str | None:
    """What the page calls itself: ``og:title``, else its one h1, else ``<title>`` without the site's name."""
    named = _meta(page).get("og:title")
    tops = [piece.text for piece in pieces if piece.level == 1]
    title = _SPACE.sub(" ", page.findtext(".//title") or "").strip()
    if named:
        return _SPACE.sub(" ", named).strip()
    if len(tops) == 1:
        return re.sub(r"\s*(?:¶|\[\s*编辑\s*\])\s*$", "", tops[0])
    return _SITE.split(title)[0].strip() or None if title else None


def _meta(page: Any) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for element in page.iter("meta"):
        name = element.get("property") or element.get("name") or element.get("itemprop")
        if name and element.get("content"):
            found.setdefault(name.lower(), element.get("content"))
    return found


def _stated(meta: Mapping[str, str], names: Sequence[str]) -> str | None:
    """The first of ``names`` that holds a name."""
    return next((found for name in names if (found := named(meta.get(name))) is not None), None)


def _date(page: Any) -> str | None:
    """The date of publication that the markup states."""
    meta = _meta(page)
    stated = [meta[name] for name in _DATE_NAMES if name in meta]
    stated += [element.get("datetime") for element in page.iter("time") if element.get("datetime")]
    return next((date for value in stated if (date := iso_date(value)) is not None), None)
