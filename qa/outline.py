"""From the lines of an article to its blocks, its title and its date.

Every format ends here: it hands over its text and its lines, each with its place in the text.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from qa.errors import ArticleError
from qa.furniture import Kind, Line, kinds, numbering, prose
from qa.types import Article, Block, Span

if TYPE_CHECKING:
    from qa.byline import Byline
    from qa.decoding import Decoded

__all__ = [
    "Outline",
    "Placed",
    "blocks",
    "date_of",
    "decoded_article",
    "iso_date",
    "lines",
    "outline",
    "plain",
    "refuse_many",
    "shortened",
    "title_of",
]

TITLE = 60  # characters of a line that may be a title
LONGEST_REPORT = 60  # characters in which a report says who reports, where and when
LONGEST_TITLE = 200  # characters of one that is stated, and of a heading
MOST_LINES = 1_000_000  # of one article
DATED_LINES = 15  # lines from the top in which a date of publication stands

_BREAKS = r"\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029"
_LINE = re.compile(rf"([^{_BREAKS}]*)(?:\r\n|[{_BREAKS}])|([^{_BREAKS}]+)\Z")
_INLINE = re.compile(r"(?:^|(?<=\s))(?=(#{2,6})[ \t]+\S)|^(?=[ \t\u3000]*(#{1,6})[ \t]+\S)")
_HASHES = re.compile(r"^\s*(#{1,6})[ \t]+")
_MARKS = re.compile(r"^\s*#{1,6}[ \t]+|\s+#+\s*$|\*\*|¶\s*$|\s*\[\s*(?:编辑|編輯|edit)\s*\]\s*$")
_DIGITS = dict(zip("〇零○一二三四五六七八九", "000123456789", strict=True))
_WIDE = str.maketrans("０１２３４５６７８９", "0123456789")
_NUMERIC = re.compile(
    r"(?<!\d)((?:19|20)\d\d)\s*(?:[-/.]\s*(\d{1,2})(?:\s*[-/.]\s*(\d{1,2}))?(?!\d)|年(?:\s*(\d{1,2})\s*月(?:\s*(\d{1,2})\s*[日号])?)?)"
)
# The calendar of the Republic: its first year is 1912.
_REPUBLIC = re.compile(
    r"(?:中华)?(?:民国|民國)\s*(元|\d{1,3}|[一二三四五六七八九十百零〇]{1,5})\s*年"
    r"(?:\s*(\d{1,2}|[一二三四五六七八九十]{1,2})\s*月(?:\s*(\d{1,2}|[一二三四五六七八九十]{1,3})\s*[日号號])?)?"
)
# What a report begins with: who reports, where and when (新华社北京2019年3月5日电, 本报2019年3月5日讯).
_REPORT = re.compile(
    r"^[\s（(【\[]*[^\s，。,；;：:]{0,20}?((?:19|20)\d\d年\d{1,2}月\d{1,2}日"
    r"|[一二][〇零○一二三四五六七八九]{3}年[一二三四五六七八九十]{1,2}月[一二三四五六七八九十]{1,3}日)\s*(?:电|電|讯|訊|消息)"
)
_HAN_DATE = re.compile(
    r"([一二][〇零○一二三四五六七八九]{3})年(?:([一二三四五六七八九十]{1,2})月(?:([一二三四五六七八九十]{1,3})[日号])?)?"
)


@dataclass(frozen=True, slots=True)
class Placed:
    """A line and where it stands in the article's text."""

    span: Span
    line: Line


@dataclass(frozen=True, slots=True)
class Outline:
    """What became of an article's lines; ``kinds`` has one entry for each of ``placed``."""

    placed: tuple[Placed, ...]
    kinds: tuple[Kind, ...]

    @property
    def empty(self) -> bool:
        """Whether no line is text."""
        return not any(
            kind == "text" and row.line.text.strip()
            for row, kind in zip(self.placed, self.kinds, strict=True)
        )


def lines(text: str) -> Iterator[Placed]:
    """The lines of plain text, without their newlines of whatever kind.

    A Markdown heading inside a line (``… 发展方向。 ### 1. 背景``) is cut off as a line of its own.
    """
    for found in _LINE.finditer(text):
        for start, end in _pieces(text, *found.span(1 if found[1] is not None else 2)):
            piece = text[start:end]
            hashes = _HASHES.match(piece)
            level = None if hashes is None or len(piece) > TITLE + 20 else len(hashes[1])
            yield Placed(Span(start, end), Line(piece, level=level))


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut before each heading mark whose line is short enough to be a heading."""
    whole = text[start:end]
    cuts = (
        [0, *(found.start() for found in _INLINE.finditer(whole) if found.start() > 0)]
        if "#" in whole
        else [0]
    )
    ends = [*cuts[1:], len(whole)]
    kept = [0]
    kept += [cut for cut, stop in zip(cuts[1:], ends[1:], strict=True) if _fits(whole[cut:stop])]
    for cut, stop in zip(kept, [*kept[1:], len(whole)], strict=True):
        yield start + cut, start + stop


def _fits(piece: str) -> bool:
    """Whether what follows a heading mark inside a line can be a heading."""
    return len(piece) <= TITLE and re.search(r"[。；;,，]\s*$", piece) is None


def outline(placed: Iterable[Placed]) -> Outline:
    """Sort the lines into text, headings and furniture."""
    rows = tuple(placed)
    return Outline(rows, tuple(kinds([row.line for row in rows])))


def blocks(text: str, made: Outline, *, title: str | None = None) -> tuple[Block, ...]:
    """The text between headings and furniture, each run of lines under its path of headings.

    A heading that only repeats ``title`` is left out of the paths.
    """
    return tuple(_blocks(text, made.placed, made.kinds, title))


def _blocks(text: str, rows: Sequence[Placed], found: Sequence[Kind], title: str | None) -> Iterator[Block]:
    path: list[tuple[str, str]] = []
    run: list[Span] = []
    filled = False  # whether text stands under the last heading
    for row, kind in zip(rows, found, strict=True):
        if kind == "text":
            if row.line.text.strip():
                run.append(row.span)
            continue
        yield from _block(text, run, path)
        filled, run = filled or bool(run), []
        if kind == "heading":
            path, filled = _under(path, row.line, title, filled), False
    yield from _block(text, run, path)


def _block(text: str, run: Sequence[Span], path: Sequence[tuple[str, str]]) -> Iterator[Block]:
    if not run:
        return
    start, end = run[0].start, run[-1].end
    inside = text[start:end]
    start += len(inside) - len(inside.lstrip())
    end -= len(inside) - len(inside.rstrip())
    yield Block(Span(start, end), tuple(heading for _, heading in path))


def _under(
    path: Sequence[tuple[str, str]], line: Line, title: str | None, filled: bool
) -> list[tuple[str, str]]:
    """The path of headings once ``line`` has been read.

    Levels of markup nest by number; numbering styles nest in the order in which they first appear. A short
    line without a number goes under a numbered one only where it follows at once.
    """
    heading = plain(line.text)
    if title is not None and heading == title:
        return []
    levels = [pair for pair in path if pair[0].startswith("h")]
    if line.level is not None:
        return [*(pair for pair in levels if int(pair[0][1:]) < line.level), (f"h{line.level}", heading)]
    style = numbering(heading) or "short"
    styles = [one for one, _ in path]
    if style in styles:
        return [*path[: styles.index(style)], (style, heading)]
    return [*(levels if style == "short" and filled else path), (style, heading)]


def plain(heading: str) -> str:
    """A heading's words without the marks of markup."""
    before, heading = None, heading[:LONGEST_TITLE]
    while before != heading:
        before, heading = heading, _MARKS.sub("", heading).strip()
    return heading


def shortened(title: str) -> str:
    """A title that a file states, on one line and of a length that can be shown."""
    title = " ".join(title[: 10 * LONGEST_TITLE].split())
    return title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"


def refuse_many(text: str, *, where: str) -> None:
    """Raises ArticleError where ``text`` has more lines than can be held beside each other."""
    if sum(text.count(mark) for mark in ("##", *"\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")) > MOST_LINES:
        raise ArticleError(f"{where}: has more than {MOST_LINES:,} lines; split it", where=where)


def title_of(made: Outline, otherwise: str) -> str:
    """The first line that is no furniture, if it looks like a title; else ``otherwise``."""
    for row, kind in zip(made.placed, made.kinds, strict=True):
        text = row.line.text.strip()
        if not text or kind == "furniture":
            continue
        if kind == "heading" and numbering(plain(text)) is None and len(text) <= TITLE:
            return plain(text)
        return otherwise
    return otherwise


def date_of(made: Outline) -> str | None:
    """The date of publication that the first lines state outside running text, ISO, None where none does."""
    reported = None
    for text, kind in _first(made):
        if kind == "furniture" or (len(text) <= 30 and not prose(text)):
            date = iso_date(text)
            if date is not None:
                return date
        report = _REPORT.match(text[:LONGEST_REPORT])
        if report is not None and reported is None:
            reported = iso_date(report[1])
    return reported


def _first(made: Outline) -> Iterator[tuple[str, Kind]]:
    """The first lines that hold anything, with their kinds."""
    filled = ((row.line.text.strip(), kind) for row, kind in zip(made.placed, made.kinds, strict=True))
    yield from islice(((text, kind) for text, kind in filled if text), DATED_LINES)


def iso_date(text: str, *, year: bool = False) -> str | None:
    """The first date in ``text`` as YYYY-MM-DD, YYYY-MM or YYYY.

    A year alone counts where it is written with 年, or where ``year`` says that the text is a date. Years of
    the Republic (民国一〇八年) are counted from 1912.
    """
    text = text.translate(_WIDE)
    if year and re.fullmatch(r"(?:19|20)\d\d", text.strip()):
        return text.strip()
    found = _NUMERIC.search(text)
    if found is not None:
        stated, month, day = found[1], found[2] or found[4], found[3] or found[5]
        return _valid(int(stated), None if month is None else int(month), None if day is None else int(day))
    republic = _REPUBLIC.search(text)
    if republic is not None:
        value = 1 if republic[1] == "元" else _number(republic[1])
        return None if value is None else _valid(1911 + value, _number(republic[2]), _number(republic[3]))
    han = _HAN_DATE.search(text)
    if han is None:
        return None
    digits = "".join(_DIGITS.get(char, "0") for char in han[1])
    return _valid(int(digits), _number(han[2]), _number(han[3]))


def _number(text: str | None) -> int | None:
    """The value of 7, 一〇八, 三十一 or 一百零八."""
    if text is None or text.isascii():
        return None if text is None else int(text)
    hundreds, hundred, rest = text.rpartition("百")
    tens, ten, ones = rest.lstrip("零〇").rpartition("十")
    value = 100 * _digits(hundreds, 1) if hundred else 0
    return value + (10 * _digits(tens, 1) if ten else 0) + _digits(ones, 0)


def _digits(text: str, empty: int) -> int:
    return int("".join(_DIGITS.get(char, "0") for char in text)) if text else empty


def _valid(year: int, month: int | None, day: int | None) -> str | None:
    if month is None:
        return f"{year:04d}"
    if not 1 <= month <= 12:
        return None
    return f"{year:04d}-{month:02d}" + ("" if day is None or not 1 <= day <= 31 else f"-{day:02d}")


def decoded_article(
    made: Decoded, found: Outline, raw: bytes, *, source: str, title: str, date: str | None, byline: Byline
) -> Article:
    """The article of a file whose text is the whole file as ``decode`` read it from ``raw``."""
    return Article(
        id=source,
        text=made.text,
        title=shortened(title),
        source=source,
        sha256=hashlib.sha256(raw).hexdigest(),
        encoding=made.encoding,
        bom=made.bom,
        exact=made.exact,
        date=date,
        author=byline.author,
        origin=byline.origin,
        blocks=blocks(made.text, found, title=title),
        warnings=made.warnings,
    )
