"""Workbooks and separated values: a row an article, or a question with its answer."""

from __future__ import annotations

import csv
import datetime as dt
import io
import zipfile
from collections.abc import Sequence

import openpyxl
import pytest

from qa.errors import ArticleError
from qa.formats import rows, tables
from qa.types import Article

BRIDGES = [["桥名", "全长", "年代"], ["赵州桥", "50.82", "隋代"], ["卢沟桥", "266.5", ""]]


def separated(table: Sequence[Sequence[str]], **options: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, **options).writerows(table)  # type: ignore[arg-type]
    return text.getvalue().encode()


def workbook(**sheets: Sequence[Sequence[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name, table in sheets.items():
        sheet = book.create_sheet(name)
        for row in table:
            sheet.append(list(row))
    raw = io.BytesIO()
    book.save(raw)
    return raw.getvalue()


def read(raw: bytes, source: str) -> tuple[list[Article], list[str]]:
    made = tables.read(raw, source=source)
    return (
        [part for part in made if isinstance(part, Article)],
        [str(part) for part in made if isinstance(part, ArticleError)],
    )


def test_each_row_keeps_the_names_of_its_columns() -> None:
    found, refused = read(separated(BRIDGES), "表/桥梁.csv")
    assert [(one.id, one.element, one.title, one.text) for one in found] == [
        ("表/桥梁.csv#row 2", "row 2", "桥梁", "桥名：赵州桥，全长：50.82，年代：隋代"),
        ("表/桥梁.csv#row 3", "row 3", "桥梁", "桥名：卢沟桥，全长：266.5"),
    ]
    assert refused == []
    (block,) = found[1].blocks
    assert (block.span.start, block.span.end, block.heading) == (0, 15, ())
    assert (found[0].encoding, found[0].exact, len(found[0].sha256)) == ("utf-8", False, 64)


def test_a_question_with_its_answer_is_the_answer_under_the_question() -> None:
    table = [
        ["问题", "答案", "日期"],
        ["桥长多少?", "50.82米。", "2019/3/5"],
        ["", "无问", ""],
        ["桥宽?", "9米", ""],
    ]
    found, refused = read(separated(table), "a.csv")
    assert [(one.title, one.text, one.date) for one in found] == [
        ("桥长多少?", "桥长多少?\n50.82米。", "2019-03-05"),
        ("桥宽?", "桥宽?\n9米", None),
    ]
    assert [block.span.of(one.text) for one in found for block in one.blocks] == ["50.82米。", "9米"]
    assert [block.heading for one in found for block in one.blocks] == [(), ()]
    assert refused == ['a.csv: row 3: needs something under "问题"']


def test_a_column_of_texts_makes_each_row_an_article() -> None:
    table = [["标题", "正文", "编号"], ["古桥", "桥建于宋代。\n全长46米。", "1"], ["空", "", "2"]]
    found, refused = read(separated(table), "a.csv")
    assert [(one.title, one.text, one.element) for one in found] == [
        ("古桥", "桥建于宋代。\n全长46米。", "row 2")
    ]
    assert refused == ['a.csv: row 3: needs something under "正文"']


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ";"), ("a.csv", "\t"), ("a.csv", "|"), ("a.tsv", "\t")])
def test_what_parts_the_columns(name: str, mark: str) -> None:
    found, _ = read(separated([["桥名", "备注"], ["赵州桥", "石,拱;桥|\t"]], delimiter=mark), name)
    assert [one.text for one in found] == ["桥名：赵州桥，备注：石,拱;桥|"]


def test_encodings_and_what_is_no_csv() -> None:
    text = "桥名,全长,说明\n赵州桥,五十米,这座桥建于隋代的大业年间，由著名的工匠设计建造\n"
    (made,) = tables.read(text.encode("gb18030"), source="a.csv")
    assert isinstance(made, Article)
    assert made.encoding == "gb18030"
    with pytest.raises(
        ArticleError, match=r"^a\.csv:2: is not CSV \(unexpected end of data\); check its quotation"
    ):
        tables.read('桥名,全长\n"赵州桥,五十米\n'.encode(), source="a.csv")
    with pytest.raises(ArticleError, match=r"^a\.csv: empty file$"):
        tables.read(b"", source="a.csv")


def test_a_table_without_a_header_is_its_values() -> None:
    found, _ = read(separated([["赵州桥", "50.82", "隋"], ["卢沟桥", "266.5", "金"]]), "a.csv")
    assert [one.text for one in found] == ["赵州桥，50.82，隋", "卢沟桥，266.5，金"]


def test_sheets_values_and_a_caption() -> None:
    raw = workbook(
        Sheet1=[
            ["全国桥梁名录"],
            [],
            ["桥名", "全长", "占比", "建成", "完好"],
            ["赵州桥", 50.0, 0.125, dt.date(2019, 3, 5), True],
        ],
        价格=[["品名", "单价"], ["石料", 12]],
    )
    found, refused = read(raw, "年鉴.xlsx")
    assert [(one.element, one.title, one.text) for one in found] == [
        (
            "sheet Sheet1, row 4",
            "全国桥梁名录",
            "桥名：赵州桥，全长：50，占比：0.125，建成：2019-03-05，完好：TRUE",
        ),
        ("sheet 价格, row 2", "价格", "品名：石料，单价：12"),
    ]
    assert (refused, found[0].sha256 == found[1].sha256, found[0].encoding) == ([], True, "utf-8")


def test_a_percentage_is_shown_as_one() -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["桥名", "占比"])
    book.worksheets[0].append(["赵州桥", 0.125])
    book.worksheets[0]["B2"].number_format = "0.0%"
    raw = io.BytesIO()
    book.save(raw)
    found, _ = read(raw.getvalue(), "占比.xlsx")
    assert [(one.title, one.text) for one in found] == [("占比", "桥名：赵州桥，占比：12.5%")]


def test_too_many_cells_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_CELLS", 8)
    for raw, name in ((separated(BRIDGES), "a.csv"), (workbook(一=BRIDGES), "a.xlsx")):
        with pytest.raises(ArticleError) as caught:
            tables.read(raw, source=name)
        assert str(caught.value) == f"{name}: holds more than 8 cells; split it"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty file"),
        (workbook(a=BRIDGES)[:1000], "is cut off or damaged (File is not a zip file); get it again"),
        (b"a,b\n", "is something else, not XLSX; give it the right suffix"),
    ],
)
def test_what_is_no_workbook_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(ArticleError) as caught:
        tables.read(raw, source="a.xlsx")
    assert str(caught.value) == f"a.xlsx: {reason}"


def with_part(part: str, inside: bytes) -> bytes:
    """A sound workbook in which one part is another, or that has one more."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(a=BRIDGES))) as package, zipfile.ZipFile(made, "w") as copy:
        parts = {name: package.read(name) for name in package.namelist()}
        for name, kept in {**parts, part: inside}.items():
            copy.writestr(name, kept)
    return made.getvalue()


def test_damaged_markup_inside_is_one_line() -> None:
    with pytest.raises(
        ArticleError, match=r"^a\.xlsx: cannot be read as XLSX \(\w+: [^\n]*\); save it again$"
    ):
        tables.read(with_part("xl/worksheets/sheet1.xml", b"<broken"), source="a.xlsx")


def test_a_part_whose_marks_cannot_be_counted_is_refused() -> None:
    hidden = b'<?xml version="1.0" encoding="UTF-7"?>+ADw-styleSheet/+AD4-'
    with pytest.raises(ArticleError) as caught:
        tables.read(with_part("xl/styles.xml", hidden), source="a.xlsx")
    assert str(caught.value) == "a.xlsx: 'xl/styles.xml': is XML in the encoding 'UTF-7'; save it as UTF-8"


def test_a_damaged_part_that_no_one_needs_does_no_harm() -> None:
    raw = with_part("xl/media/image1.png", b"a picture").replace(b"a picture", b"a pikture")
    made, refused = read(raw, "a.xlsx")
    assert ([part.text for part in made], refused) == (
        ["桥名：赵州桥，全长：50.82，年代：隋代", "桥名：卢沟桥，全长：266.5"],
        [],
    )


@pytest.mark.parametrize(
    ("table", "made"),
    [
        ([["桥名", "赵州桥"], ["全长", "50米"]], ["桥名：赵州桥", "全长：50米"]),
        (
            [["年份", "产量"], ["2019", "35"], ["2020", "36"]],
            ["年份：2019，产量：35", "年份：2020，产量：36"],
        ),
        ([["", "甲", "乙"], ["长", "1", "2"]], ["长，甲：1，乙：2"]),
        ([["名：", "值"], ["长", ""]], ["名：", "长"]),
    ],
)
def test_headers_are_told_from_rows(table: list[list[str]], made: list[str]) -> None:
    assert rows.row_lines(table)[-1] == made[-1]
