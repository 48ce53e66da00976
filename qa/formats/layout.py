"""From glyphs on pages to paragraphs: runs, lines, columns in reading order, running heads, joined lines.

Lengths are in points, y grows upwards. Nothing here knows of a PDF library.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from statistics import median

from qa.furniture import numbering
from qa.text import is_han

__all__ = ["Glyph", "Paragraph", "Printed", "lines", "paragraphs", "without_running_heads"]

GUTTER = 0.8  # of the type's size: the least space between two columns
RUN_GAP = 1.0  # … and the least that parts two runs of a line
WORD_GAP = 0.15  # … that parts two Latin words
HAN_GAP = 0.6  # … that is a space beside a Han character; justified lines stretch less
PAIRS = 3  # lines that stand beside each other, for columns to be seen
COLUMN = 8.0  # of the type's size: the usual width of a column's lines; narrower are cells of a table
FULL = 10.0  # … the least width of a line that fills its column
INDENT = 0.8
SAME_SIZE = 1.12  # sizes whose ratio is less are one
EDGE = 0.1  # of the page's height: where running heads and page numbers stand
BESIDE = 3000  # runs of a page up to which they are compared with each other; a full page has 200
REPEATED = 3  # pages on which a running head stands; in a file of two pages, two

_STOPPED = re.compile(r"(?:[。！？!?；;：:…]|[^\d\s]\.)[”’」』）)\"']*$")
_NO_START = "，。、；：？！”’」』）》】…,.;:?!)]}%％"
_PAGE_NUMBER = re.compile(
    r"[-–—·•.~\s]*(?:第|page|p\.?)?\s*(?:\d{1,4}|[ivxlc]{1,7})\s*(?:页|頁)?"
    r"(?:\s*(?:/|of|共|，共|,\s*共)\s*\d{1,4}\s*(?:页|頁)?)?[-–—·•.~\s]*",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+|[一二三四五六七八九十百]+")
_HYPHENS = "-\u2010\xad"


@dataclass(frozen=True, slots=True)
class Glyph:
    """One printed character and the box of its line; ``spaced``: a space stands before it."""

    text: str
    x0: float
    x1: float
    y0: float
    y1: float
    size: float
    spaced: bool = False


@dataclass(frozen=True, slots=True)
class Printed:
    """A line. ``left`` and ``right`` are the edges of its column, ``column`` is that one's number."""

    text: str
    x0: float
    x1: float
    y0: float
    y1: float
    size: float
    left: float = 0.0
    right: float = 0.0
    column: int = 0
    row: bool = False

    @property
    def middle(self) -> float:
        """Half its height."""
        return (self.y0 + self.y1) / 2


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines joined. ``pages``: where in ``text`` each of its pages begins, the first at 0."""

    text: str
    size: float
    pages: tuple[tuple[int, int], ...]
    row: bool = False


# -- glyphs to lines --------------------------------------------------------------------------------


def lines(glyphs: Iterable[Glyph]) -> list[Printed]:
    """The lines of one page in reading order."""
    runs = list(_runs(glyphs))
    return [
        replace(line, column=number)
        for number, column in enumerate(_columns(runs, _bounds(runs)))
        for line in column
    ]


def _runs(glyphs: Iterable[Glyph]) -> Iterator[Printed]:
    """Glyphs that follow each other on one line, without a wide space between them."""
    run: list[Glyph] = []
    for glyph in glyphs:
        if run and not _follows(run[-1], glyph):
            yield _run(run)
            run = []
        run.append(glyph)
    if run:
        yield _run(run)


def _follows(before: Glyph, glyph: Glyph) -> bool:
    if (before.x0, before.x1, before.y0) == (glyph.x0, glyph.x1, glyph.y0):
        return True  # one sign that stands for several characters
    size = max(before.size, glyph.size)
    level = min(before.y1, glyph.y1) - max(before.y0, glyph.y0)
    gap = glyph.x0 - before.x1
    return -0.5 * size < gap < RUN_GAP * size and level > 0.5 * min(
        before.y1 - before.y0, glyph.y1 - glyph.y0
    )


def _abreast(one: Glyph | Printed, other: Glyph | Printed) -> bool:
    """Whether two boxes share half the height of the lower one."""
    shared = min(one.y1, other.y1) - max(one.y0, other.y0)
    return shared > 0.5 * min(one.y1 - one.y0, other.y1 - other.y0)


def _run(run: Sequence[Glyph]) -> Printed:
    parts = [run[0].text]
    for before, glyph in pairwise(run):
        parts.append(" " + glyph.text if _parted(before, glyph) else glyph.text)
    sizes = Counter(glyph.size for glyph in run)
    return Printed(
        "".join(parts),
        min(glyph.x0 for glyph in run),
        max(glyph.x1 for glyph in run),
        min(glyph.y0 for glyph in run),
        max(glyph.y1 for glyph in run),
        max(sizes, key=lambda size: (sizes[size], size)),
    )


def _parted(before: Glyph, glyph: Glyph) -> bool:
    """Whether a space stands between two glyphs of a run."""
    if glyph.spaced:
        return True
    beside = is_han(before.text[-1]) or is_han(glyph.text[0])
    wide = beside or before.text[-1] >= "\u2000" or glyph.text[0] >= "\u2000"
    return glyph.x0 - before.x1 > (HAN_GAP if wide else WORD_GAP) * max(before.size, glyph.size)


# -- columns ----------------------------------------------------------------------------------------


def _columns(runs: Sequence[Printed], bounds: tuple[float, float]) -> Iterator[list[Printed]]:
    """The columns in reading order; what spans two of them parts what is above from what is below.

    ``bounds`` are the edges of the place in which ``runs`` stand.
    """
    gutter = _gutter(runs)
    if gutter is None:
        yield _stacked(runs, bounds)
        return
    sides = [_bounds([run for run in runs if inside(run, gutter)]) for inside in (_is_left, _is_right)]
    downwards = sorted(runs, key=lambda run: (-run.middle, run.x0))
    for across, group in groupby(downwards, key=lambda run: run.x0 < gutter < run.x1):
        band = list(group)
        if across:
            yield _stacked(band, bounds)
            continue
        for inside, side in zip((_is_left, _is_right), sides, strict=True):
            beside = [run for run in band if inside(run, gutter)]
            if beside:
                yield from _columns(beside, side)


def _is_left(run: Printed, gutter: float) -> bool:
    return run.x1 <= gutter


def _is_right(run: Printed, gutter: float) -> bool:
    return run.x0 >= gutter


def _bounds(runs: Sequence[Printed]) -> tuple[float, float]:
    return min((run.x0 for run in runs), default=0.0), max((run.x1 for run in runs), default=0.0)


def _gutter(runs: Sequence[Printed]) -> float | None:
    """Where most lines part from a line beside them, if those are wide enough for columns of text."""
    pairs = list(_pairs(sorted(runs, key=lambda run: -run.middle))) if len(runs) <= BESIDE else []
    if len(pairs) < PAIRS:
        return None
    ends = sorted({left.x1 for left, _ in pairs})
    best = max(ends, key=lambda end: (sum(left.x1 <= end < right.x0 for left, right in pairs), -end))
    chosen = [(left, right) for left, right in pairs if left.x1 <= best < right.x0]
    wide = all(
        median((run.x1 - run.x0) / run.size for run in side) >= COLUMN for side in zip(*chosen, strict=True)
    )
    if len(chosen) < PAIRS or not wide:
        return None
    return (best + min(right.x0 for _, right in chosen)) / 2


def _pairs(downwards: Sequence[Printed]) -> Iterator[tuple[Printed, Printed]]:
    """Each run with the nearest to its right on its level, where there is a gutter between them."""
    for at, run in enumerate(downwards):
        beside = [*_level(run, downwards[:at][::-1]), *_level(run, downwards[at + 1 :])]
        right = [other for other in beside if other.x0 >= run.x1]
        nearest = min(right, key=lambda other: other.x0, default=None)
        if nearest is not None and nearest.x0 - run.x1 >= GUTTER * run.size:
            yield run, nearest


def _level(run: Printed, others: Iterable[Printed]) -> Iterator[Printed]:
    """The runs next to ``run`` in height that overlap it by half."""
    for other in others:
        if abs(other.middle - run.middle) > 2 * run.size:
            return
        if _abreast(run, other):
            yield other


def _stacked(runs: Sequence[Printed], bounds: tuple[float, float]) -> list[Printed]:
    """The lines of one column from the top down."""
    levels: list[list[Printed]] = []
    for run in sorted(runs, key=lambda run: (-run.middle, run.x0)):
        if levels and abs(levels[-1][0].middle - run.middle) < 0.5 * min(run.size, levels[-1][0].size):
            levels[-1].append(run)
        else:
            levels.append([run])
    return [_beside(sorted(level, key=lambda run: run.x0), bounds) for level in levels]


def _beside(runs: Sequence[Printed], bounds: tuple[float, float]) -> Printed:
    """Runs on one level as one line: a row of cells, unless the first only numbers the second."""
    numbered = len(runs) == 2 and len(runs[0].text) <= 4 and numbering(runs[0].text + "桥") is not None
    return replace(
        max(runs, key=lambda run: run.x1 - run.x0),
        text=(" " if numbered else "\t").join(run.text for run in runs),
        x0=runs[0].x0,
        x1=runs[-1].x1,
        left=bounds[0],
        right=bounds[1],
        row=len(runs) > 1 and not numbered,
    )


# -- running heads ----------------------------------------------------------------------------------


def without_running_heads(pages: Sequence[tuple[float, Sequence[Printed]]]) -> list[list[Printed]]:
    """The pages, each with its height, without page numbers and what stands at the edge of several.

    A running head may count pages or chapters: numbers in it may differ.
    """
    seen = Counter(
        key for height, page in pages for key in {_key(line) for line in page if _outer(line, height)}
    )
    needed = min(REPEATED, max(2, len(pages)))
    return [
        [line for line in page if not _runs_along(line, height, seen[_key(line)] >= needed)]
        for height, page in pages
    ]


def _outer(line: Printed, height: float) -> bool:
    return line.middle < EDGE * height or line.middle > (1 - EDGE) * height


def _runs_along(line: Printed, height: float, repeated: bool) -> bool:
    """Whether a line is there for the page; one that ends a sentence is text, however often it stands."""
    text = line.text.strip()
    numbers = _PAGE_NUMBER.fullmatch(text) is not None
    return _outer(line, height) and (numbers or (repeated and _STOPPED.search(text) is None))


def _key(line: Printed) -> tuple[str, int]:
    """The words of a line without its numbers, and its height on the page, to about a line."""
    return _NUMBER.sub("#", "".join(line.text.split())), round(line.middle / (2 * line.size))


# -- lines to paragraphs ----------------------------------------------------------------------------


def paragraphs(pages: Sequence[Sequence[Printed]]) -> list[Paragraph]:
    """The lines of all pages joined to paragraphs; page numbers count from 1."""
    numbered = [(number, line) for number, page in enumerate(pages, start=1) for line in page]
    pitch = _pitch(pages)
    found: list[list[tuple[int, Printed]]] = []
    for one in numbered:
        if found and _continues(found[-1][-1], one, pitch):
            found[-1].append(one)
        else:
            found.append([one])
    return [_paragraph(group) for group in found]


def _pitch(pages: Sequence[Sequence[Printed]]) -> float:
    """The usual distance between two lines of a column."""
    steps = [
        before.middle - line.middle
        for page in pages
        for before, line in pairwise(page)
        if before.column == line.column
    ]
    return median(steps) if steps else float("inf")


def _continues(above: tuple[int, Printed], below: tuple[int, Printed], pitch: float) -> bool:
    """Whether a line goes on with the paragraph of the one before it in reading order."""
    (page, before), (next_page, line) = above, below
    if before.row or line.row or not 1 / SAME_SIZE < line.size / before.size < SAME_SIZE:
        return False
    ended = _STOPPED.search(before.text) is not None
    near = page == next_page and before.column == line.column
    if near and before.middle - line.middle > 1.5 * pitch:
        return False
    if not _full(before, line) or (ended and not near):
        return False
    numbered = numbering(line.text) is not None and _indented(line) and near
    return not numbered if not ended else not _indented(line) and numbering(line.text) is None


def _indented(line: Printed) -> bool:
    return line.x0 - line.left > INDENT * line.size


def _full(before: Printed, line: Printed) -> bool:
    """Whether what begins the next line would not have found room behind ``before``."""
    if before.x1 - before.left < FULL * before.size:
        return False
    first = line.text[0]
    if is_han(first) or first >= "\u2000":
        after = len(line.text[1:3]) - len(line.text[1:3].lstrip(_NO_START))
        needed = 1.5 + after
    else:
        needed = 0.6 * len(re.split(r"[\s\u2000-\uffff]", line.text, maxsplit=1)[0]) + 0.5
    return before.right - before.x1 < needed * before.size


def _paragraph(group: Sequence[tuple[int, Printed]]) -> Paragraph:
    parts: list[str] = []
    size, pages = 0, [(0, group[0][0])]
    for number, line in group:
        text = line.text.strip()
        if parts and text:
            joined = _joined(parts[-1], text)
            size += len(joined) - len(parts[-1])
            parts[-1] = joined
        if number != pages[-1][1]:
            pages.append((size, number))
        if text:
            parts.append(text)
            size += len(text)
    return Paragraph("".join(parts), group[0][1].size, tuple(pages), group[0][1].row)


def _joined(above: str, line: str) -> str:
    """A line as the next goes on behind it: words that were divided are whole again, Han characters touch."""
    if above[-1] in _HYPHENS and above[-2:-1].isalpha() and line[0].islower():
        return above[:-1]
    apart = above[-1] < "\u2000" and line[0] < "\u2000" and above[-1] not in _HYPHENS
    return f"{above} " if apart else above
