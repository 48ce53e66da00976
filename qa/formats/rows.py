"""Rows of a table as text: each keeps the names of its columns, so that it can be read alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["headed", "row_lines", "row_text"]

NAME = 20  # characters of a column's name
_STOP = re.compile(r"[。！？!?；;]")
_FIGURE = re.compile(r"[-+]?[\d.,/:% \-年月日]*\d[\d.,/:% \-年月日]*")


def row_lines(rows: Sequence[Sequence[str]], *, marked: bool = False) -> list[str]:
    """A line for each row that holds anything, under the names of the first row where that is a header.

    ``marked``: the file says that the first row is one.
    """
    if len(rows) > 1 and (marked or headed(rows)):
        names: Sequence[str] | None = rows[0]
        rows = rows[1:]
    else:
        names = None
    return [text for row in rows if (text := row_text(names, row))]


def row_text(names: Sequence[str] | None, row: Sequence[str]) -> str:
    """``name：value，name：value`` of the cells that are filled; without names the values alone.

    Two cells without names are a name and its value.
    """
    if names is None:
        filled = [cell for cell in row if cell]
        return "：".join(filled) if len(filled) == len(row) == 2 else "，".join(filled)
    named = (*(name.rstrip(":：") for name in names), *[""] * (len(row) - len(names)))
    return "，".join(
        f"{name}：{cell}" if name else cell for name, cell in zip(named[: len(row)], row, strict=True) if cell
    )


def headed(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: short, distinct words, no figures.

    With two columns, the rows may be names and values, so figures must stand under a name.
    """
    first = rows[0]
    filled = [cell for cell in first if cell]
    named = (
        len(filled) >= max(2, len(first) - 1)
        and len(set(filled)) == len(filled)
        and all(len(cell) <= NAME and not _STOP.search(cell) and not figure(cell) for cell in filled)
    )
    return named and (len(first) > 2 or _figures_below(rows[1:]))


def figure(cell: str) -> bool:
    """Whether a cell holds nothing but a number, a date or a time."""
    return _FIGURE.fullmatch(cell) is not None


def _figures_below(rows: Sequence[Sequence[str]]) -> bool:
    columns = zip(*(row for row in rows if all(row)), strict=False)
    return any(all(figure(cell) for cell in column) for column in columns)
