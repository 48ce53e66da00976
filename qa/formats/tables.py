"""Tables (XLSX, XLS, CSV, TSV): each row is an article, or a question with its answer; columns go by name."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from qa.byline import Byline
from qa.decoding import decode
from qa.errors import ArticleError
from qa.formats import MOST_PARTS, extracted, packed, rows, xls
from qa.furniture import Line
from qa.outline import iso_date, lines
from qa.types import Article

__all__ = ["SUFFIXES", "read"]

SUFFIXES = (".xlsx", ".xls", ".csv", ".tsv")
MOST_CELLS = 1_000_000
MOST_ROWS = 1_048_576  # what one sheet can have
LONGEST_CELL = 1_000_000  # characters
LONGEST_NAME = 100  # characters of a column's name, which every row repeats
MOST_MARKS = 8_000_000  # beginnings and ends of elements in a sheet: four a cell
MOST_STYLES = 1_000_000  # … and in the other parts, which are held as trees

QUESTIONS = frozenset(["question", "q", "问题", "問題", "问", "問", "提问", "提問"])
ANSWERS = frozenset(["answer", "a", "答案", "答", "回答", "回复", "回覆", "答复"])
TEXTS = frozenset(["text", "content", "正文", "内容", "內容"])
TITLES = frozenset(["title", "headline", "标题", "標題", "题目"])
DATES = frozenset(["date", "time", "published", "日期", "发布时间", "發佈時間"])

_DEFAULT_SHEET = re.compile(r"(?:sheet|工作表)\s*\d*", re.IGNORECASE)
_PERCENT = re.compile(r"(?:0|#)(?:\.(0+))?%")
_DELIMITERS = ",\t;|"

Row = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class _Sheet:
    """One table and what all of its rows share. ``name`` is None for a file that is one table."""

    name: str | None
    title: str
    raw: bytes
    source: str
    encoding: str = "utf-8"
    bom: int = 0
    warnings: tuple[str, ...] = ()

    def element(self, number: int) -> str:
        """The name of a row, counted from 1 as a table program shows it."""
        return f"row {number}" if self.name is None else f"sheet {self.name}, row {number}"


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the columns with a meaning stand, None where there is none."""

    names: tuple[str, ...]
    question: int | None
    answer: int | None
    text: int | None
    title: int | None
    date: int | None


def read(raw: bytes, *, source: str, encoding: str | None = None) -> list[Article | ArticleError]:
    """One article a row, or why the row is refused; ``element`` is ``row N`` or ``sheet NAME, row N``.

    Columns named question and answer (问题, 答案) make the answer the text and the question its title;
    one named text (正文, 内容) is the text; else a row is all its cells, each after its column's name.
    ``encoding`` is the user's word for CSV. Raises ArticleError where the file as a whole cannot be read.
    """
    suffix = PurePosixPath(source).suffix.lower()
    if suffix in (".xlsx", ".xls"):
        workbook = _workbook if suffix == ".xlsx" else _old_workbook
        return [part for sheet, found in workbook(raw, source) for part in _articles(sheet, found)]
    sheet, found = _separated(raw, source, encoding)
    return list(_articles(sheet, found))


# -- rows to articles -------------------------------------------------------------------------------


def _articles(sheet: _Sheet, found: Sequence[Row]) -> Iterator[Article | ArticleError]:
    caption, table = _caption(found)
    if caption is not None:
        sheet = replace(sheet, title=caption)
    columns, body = _columns(table)
    sha256 = hashlib.sha256(sheet.raw).hexdigest()
    sheet = replace(sheet, raw=b"")  # the checksum is that of the whole file, once for all rows
    for number, row in body:
        try:
            made = _article(sheet, columns, row, number)
        except ArticleError as error:
            yield error
        else:
            element = sheet.element(number)
            yield replace(
                made,
                id=f"{sheet.source}#{element}",
                element=element,
                sha256=sha256,
                bom=sheet.bom,
            )


def _caption(found: Sequence[Row]) -> tuple[str | None, Sequence[Row]]:
    """A line alone above a table of several columns is its title, not a row of it."""
    wide = next((at for at, (_, row) in enumerate(found) if sum(map(bool, row)) > 1), None)
    if not wide:
        return None, found
    first = next(cell for cell in found[0][1] if cell)
    return (first if len(first) <= 60 else None), found[wide:]


def _columns(table: Sequence[Row]) -> tuple[_Columns | None, Sequence[Row]]:
    """The header, None where the first row is one of figures, and the rows below it."""
    if not table:
        return None, table
    names = tuple(" ".join(cell.split()) for cell in table[0][1])
    columns = _Columns(names, *(_at(names, known) for known in (QUESTIONS, ANSWERS, TEXTS, TITLES, DATES)))
    filled = [name for name in names if name]
    known = columns.text is not None or columns.answer is not None
    if not known and (len(filled) < 2 or any(rows.figure(name) for name in filled)):
        return None, table
    if any(len(name) > LONGEST_NAME for name in filled):
        return None, table
    return columns, table[1:]


def _at(names: Sequence[str], known: frozenset[str]) -> int | None:
    return next((at for at, name in enumerate(names) if name.lower() in known), None)


def _article(sheet: _Sheet, columns: _Columns | None, row: list[str], number: int) -> Article:
    if columns is not None and columns.question is not None and columns.answer is not None:
        question = _needed(sheet, columns, row, columns.question, number)
        answer = _needed(sheet, columns, row, columns.answer, number)
        heading = Line(" ".join(question.split()), level=1)
        return _made(sheet, [heading, *_text(answer)], columns, row, title=heading.text)
    if columns is not None and columns.text is not None:
        text = _needed(sheet, columns, row, columns.text, number)
        found = [one.line for one in lines(text)]
        return _made(sheet, found, columns, row, title=_cell(row, columns.title) or None)
    told = rows.row_text(None if columns is None else columns.names, [" ".join(cell.split()) for cell in row])
    return _made(sheet, [Line(told, kind="text")], columns, row, title=sheet.title)


def _made(
    sheet: _Sheet, found: Sequence[Line], columns: _Columns | None, row: list[str], *, title: str | None
) -> Article:
    date = "" if columns is None else _cell(row, columns.date)
    return extracted.article(
        found,
        raw=sheet.raw,
        source=sheet.source,
        title=title,
        date=iso_date(date, year=True),
        encoding=sheet.encoding,
        warnings=sheet.warnings,
        byline=Byline(),  # who is named in a row is no author of it
    )


def _text(cell: str) -> Iterator[Line]:
    """The lines of a cell that is text for certain, however short."""
    return (replace(one.line, kind="text", level=None) for one in lines(cell))


def _cell(row: list[str], at: int | None) -> str:
    return row[at] if at is not None and at < len(row) else ""


def _needed(sheet: _Sheet, columns: _Columns, row: list[str], at: int, number: int) -> str:
    cell = _cell(row, at)
    if not cell:
        raise ArticleError(
            f'{sheet.source}: {sheet.element(number)}: needs something under "{columns.names[at]}"',
            where=sheet.source,
        )
    return cell


# -- CSV --------------------------------------------------------------------------------------------


def _separated(raw: bytes, source: str, encoding: str | None) -> tuple[_Sheet, list[Row]]:
    made = decode(raw, encoding=encoding, where=source)
    delimiter = _delimiter(made.text, source)
    if made.text.count(delimiter) > 10 * MOST_CELLS:  # some may stand inside cells
        raise ArticleError(f"{source}: holds more than {MOST_CELLS:,} cells; split it", where=source)
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(made.text, newline=""), delimiter=delimiter, strict=True)
    try:
        found = _bounded(([cell.strip() for cell in row] for row in reader), source)
    except csv.Error as error:
        raise ArticleError(
            f"{source}:{reader.line_num}: is not CSV ({error}); check its quotation marks", where=source
        ) from error
    title = PurePosixPath(source).stem
    return _Sheet(None, title, raw, source, made.encoding, made.bom, made.doubts), found


def _delimiter(text: str, source: str) -> str:
    """What parts the first line most often; a tab for ``.tsv``."""
    if source.lower().endswith(".tsv"):
        return "\t"
    first = next((line for line in text.splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return max(_DELIMITERS, key=lambda mark: (bare.count(mark), -_DELIMITERS.index(mark)))


def _bounded(table: Iterable[list[str]], source: str) -> list[Row]:
    """The rows that hold anything, with their numbers. Raises ArticleError for too many cells or rows."""
    found, cells = [], 0
    for number, row in enumerate(table, start=1):
        cells += len(row)
        if cells > MOST_CELLS or number > MOST_ROWS:
            raise ArticleError(f"{source}: holds more than {MOST_CELLS:,} cells; split it", where=source)
        if any(row):
            found.append((number, row))
        if len(found) > MOST_PARTS:
            raise ArticleError(f"{source}: holds more than {MOST_PARTS:,} rows; split it", where=source)
    return found


# -- XLSX -------------------------------------------------------------------------------------------


def _workbook(raw: bytes, source: str) -> Iterator[tuple[_Sheet, list[Row]]]:
    """The sheets in order, hidden ones too. Formulas are read as the values last computed."""
    import openpyxl

    with packed.opened(raw, where=source, kind="XLSX") as package:
        packed.present(package, "xl/workbook.xml", where=source, kind="XLSX")
        packed.refuse_tight(package, where=source, marks=_marks)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and rules that it does not know
            book = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
            for sheet in book.worksheets:
                sheet.reset_dimensions()  # what a sheet says of its size may be wrong
                found = _bounded(([_shown(cell) for cell in row] for row in sheet.iter_rows()), source)
                yield _Sheet(sheet.title, _title(sheet.title, source), raw, source), found
    except ArticleError:
        raise
    except Exception as error:  # the library lets through whatever damaged markup leads to
        raise ArticleError(
            f"{source}: cannot be read as XLSX ({type(error).__name__}: {_line(error)}); save it again",
            where=source,
        ) from error


def _old_workbook(raw: bytes, source: str) -> Iterator[tuple[_Sheet, list[Row]]]:
    for name, found in xls.sheets(raw, source=source):
        yield _Sheet(name, _title(name, source), raw, source), _bounded(found, source)


def _marks(part: str) -> int:
    """How many marks a part of a workbook may hold: sheets are read as a stream."""
    return MOST_MARKS if part.startswith(("xl/worksheets/", "xl/sharedStrings")) else MOST_STYLES


def _title(sheet: str, source: str) -> str:
    return PurePosixPath(source).stem if _DEFAULT_SHEET.fullmatch(sheet.strip()) else sheet.strip()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:100]


def _shown(cell: Any) -> str:
    """The cell as people see it, nearly: dates as ISO, whole numbers without a point, percentages."""
    value = cell.value
    if value is None or cell.data_type == "e":
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, dt.datetime):
        midnight = (value.hour, value.minute, value.second) == (0, 0, 0)
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    if isinstance(value, float | int):
        percent = _PERCENT.fullmatch(cell.number_format or "")
        if percent is not None:
            return f"{value:.{len(percent[1] or '')}%}"
        return f"{value:.15g}" if isinstance(value, float) else str(value)
    return str(value).strip()
