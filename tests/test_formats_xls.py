"""Workbooks of old: read where the library is there, and where it is not the reason tells how to get it."""

from __future__ import annotations

import sys

import pytest
from specimens import xls

from qa.errors import ArticleError
from qa.formats import tables
from qa.types import Article

ROWS: list[list[str | float]] = [["桥名", "全长", "备注"], ["赵州桥", 50.82, "隋代"], ["卢沟桥", 266.0, ""]]


def test_each_row_keeps_the_names_of_its_columns() -> None:
    pytest.importorskip("xlrd")
    made = tables.read(xls(ROWS), source="年鉴/桥.xls")
    assert [(part.element, part.title, part.text) for part in made if isinstance(part, Article)] == [
        ("sheet Sheet 1, row 2", "桥", "桥名：赵州桥，全长：50.82，备注：隋代"),
        ("sheet Sheet 1, row 3", "桥", "桥名：卢沟桥，全长：266"),
    ]
    assert len(made) == 2


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty file"),
        (b"<table><tr><td>1</td></tr></table>", "is HTML or XML, not XLS; give it the right suffix"),
        (b"PK\x03\x04", "is a ZIP package, not XLS; give it the right suffix"),
        (b"abc", "cannot be read as XLS (XLRDError: Unsupported format, or corrupt file: "),
        (xls(ROWS)[:12], "cannot be read as XLS ("),
    ],
)
def test_what_is_no_workbook_is_refused(raw: bytes, reason: str) -> None:
    pytest.importorskip("xlrd")
    with pytest.raises(ArticleError) as caught:
        tables.read(raw, source="a.xls")
    assert str(caught.value).startswith(f"a.xls: {reason}")


def test_without_the_library_the_reason_is_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xlrd", None)
    with pytest.raises(ArticleError) as caught:
        tables.read(xls(ROWS), source="a.xls")
    told = "a.xls: .xls is read by xlrd, which is not installed; run: pip install xlrd"
    assert (str(caught.value), caught.value.where) == (told, "a.xls")
