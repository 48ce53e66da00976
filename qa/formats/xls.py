"""Workbooks of Excel before 2007: their sheets as rows of text. The library has to be asked for."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from qa.errors import ArticleError
from qa.formats import library, packed

__all__ = ["sheets"]

LARGEST = 50_000_000  # bytes; the library holds all sheets at once


def sheets(raw: bytes, *, source: str) -> Iterator[tuple[str, Iterator[list[str]]]]:
    """The name of each sheet and its rows as people see them, nearly: dates as ISO, whole numbers bare.

    Raises ArticleError for what is no such workbook, is locked or damaged, and where the library is missing.
    """
    if not raw:
        raise ArticleError(f"{source}: empty file", where=source)
    if raw.startswith((b"PK", b"%PDF-")) or raw.lstrip()[:1] == b"<":
        packed.refuse_other(raw, where=source, kind="XLS")
    if len(raw) > LARGEST:
        raise ArticleError(f"{source}: has {len(raw):,} bytes, more than {LARGEST:,}; split it", where=source)
    xlrd = library("xlrd", where=source, kind=".xls")
    try:
        book = xlrd.open_workbook(file_contents=raw, logfile=io.StringIO(), ragged_rows=True)
        for sheet in book.sheets():
            yield (
                sheet.name,
                ([_shown(xlrd, cell, book.datemode) for cell in row] for row in sheet.get_rows()),
            )
    except ArticleError:
        raise
    except Exception as error:  # the library lets through whatever damaged records lead to
        if "encrypted" in str(error).lower():
            raise ArticleError(f"{source}: needs a password; save it without one", where=source) from error
        told = " ".join(str(error).split())[:100]
        raise ArticleError(
            f"{source}: cannot be read as XLS ({type(error).__name__}: {told}); save it as XLSX", where=source
        ) from error


def _shown(xlrd: Any, cell: Any, datemode: int) -> str:
    value = cell.value
    if cell.ctype == xlrd.XL_CELL_DATE:
        return _date(xlrd, value, datemode)
    if cell.ctype == xlrd.XL_CELL_NUMBER:
        return f"{value:.15g}"
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return str(bool(value)).upper()
    return str(value).strip() if cell.ctype == xlrd.XL_CELL_TEXT else ""


def _date(xlrd: Any, value: float, datemode: int) -> str:
    try:
        moment = xlrd.xldate_as_datetime(value, datemode)
    except (ValueError, OverflowError):  # a number that is only shown as a date
        return f"{value:.15g}"
    midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return str(moment.date().isoformat() if midnight else moment.isoformat(" ", "seconds"))
