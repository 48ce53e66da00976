"""Word documents: made by a library from known text, and with markup that it cannot write."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable

import docx
import pytest
from docx.document import Document

from qa.errors import ArticleError
from qa.formats import docx as reader
from qa.formats import packed
from qa.types import Article

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
PROSE = "这座桥建于一九五八年，全长四十六米。"


def saved(fill: Callable[[Document], object]) -> bytes:
    document = docx.Document()
    fill(document)
    raw = io.BytesIO()
    document.save(raw)
    return raw.getvalue()


def by_hand(body: str, **parts: str) -> bytes:
    """A package of nothing but its document and ``parts`` of the folder ``word``."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as package:
        package.writestr("word/document.xml", f"<w:document {W}><w:body>{body}</w:body></w:document>")
        for name, inside in parts.items():
            package.writestr(f"word/{name}.xml", inside)
    return raw.getvalue()


def p(text: str, inside: str = "") -> str:
    return f"<w:p>{inside}<w:r><w:t>{text}</w:t></w:r></w:p>"


def one(raw: bytes) -> Article:
    (article,) = reader.read(raw, source="桥/a.docx")
    return article


def blocks(article: Article) -> list[tuple[tuple[str, ...], str]]:
    return [(block.heading, block.span.of(article.text)) for block in article.blocks]


def test_title_headings_lists_and_tables() -> None:
    def fill(document: Document) -> None:
        document.add_heading("古桥", 0)
        document.add_paragraph("2019年3月5日")
        document.add_heading("历史", 1)
        document.add_paragraph(PROSE)
        document.add_heading("石料", 2)
        document.add_paragraph("花岗岩", style="List Bullet")
        document.add_paragraph("青石", style="List Number")
        document.add_heading("数据", 1)
        table = document.add_table(3, 3)
        rows = (("桥名", "作者", "全长"), ("赵州桥", "李春", "50米"), ("卢沟桥", "", "266米"))
        for row, texts in zip(table.rows, rows, strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text

    article = one(saved(fill))
    assert article.text == (
        f"古桥\n2019年3月5日\n历史\n{PROSE}\n石料\n花岗岩\n青石\n数据\n"
        "桥名：赵州桥，作者：李春，全长：50米\n桥名：卢沟桥，全长：266米"
    )
    assert (article.title, article.date, article.exact) == ("古桥", "2019-03-05", False)
    assert blocks(article) == [
        (("历史",), PROSE),
        (("历史", "石料"), "花岗岩\n青石"),
        (("数据",), "桥名：赵州桥，作者：李春，全长：50米\n桥名：卢沟桥，全长：266米"),
    ]
    assert article.blocks[0].span.start == article.text.index(PROSE) == 16


def test_footnotes_stand_below_their_paragraph() -> None:
    note = f'<w:footnotes {W}><w:footnote w:type="separator" w:id="0">{p("线")}</w:footnote>'
    note += f'<w:footnote w:id="2">{p("据县志记载。")}</w:footnote></w:footnotes>'
    mark = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    body = f"<w:p><w:r><w:t>桥建于</w:t></w:r>{mark}<w:r><w:t>宋代。</w:t></w:r></w:p>{p(PROSE)}"
    assert one(by_hand(body, footnotes=note)).text == f"桥建于宋代。\n据县志记载。\n{PROSE}"


def test_what_is_inserted_controlled_or_boxed_stays_and_what_is_deleted_goes() -> None:
    boxed = f"<w:txbxContent>{p('框内的话。')}</w:txbxContent>"
    choice = f'<m:AlternateContent xmlns:m="m"><m:Choice>{boxed}</m:Choice><m:Fallback>{boxed}</m:Fallback>'
    body = (
        f"<w:sdt><w:sdtContent>{p('控件里的话。')}</w:sdtContent></w:sdt>"
        "<w:p><w:r><w:t>桥建于</w:t></w:r><w:ins><w:r><w:t>宋</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText>明</w:delText></w:r></w:del>"
        "<w:r><w:instrText>PAGE</w:instrText></w:r><w:fldSimple><w:r><w:t>代</w:t></w:r></w:fldSimple>"
        "<w:r><w:t>。</w:t><w:br/><w:t>桥</w:t><w:tab/><w:t>长。</w:t></w:r>"
        f"<w:r>{choice}</m:AlternateContent></w:r></w:p>"
    )
    assert one(by_hand(body)).text == "控件里的话。\n桥建于宋代。\n桥 长。\n框内的话。"


def test_merged_cells_hold_for_each_row() -> None:
    def cell(text: str, more: str = "") -> str:
        return f"<w:tc><w:tcPr>{more}</w:tcPr>{p(text)}</w:tc>"

    wide = '<w:gridSpan w:val="2"/>'
    start, on = '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    table = (
        f"<w:tr>{cell('省')}{cell('桥')}{cell('长')}</w:tr>"
        f"<w:tr>{cell('河北', start)}{cell('赵州桥')}{cell('50米')}</w:tr>"
        f"<w:tr>{cell('', on)}{cell('永通桥')}{cell('32米')}</w:tr>"
        f"<w:tr>{cell('', on)}{cell('未测', wide)}</w:tr>"
    )
    assert one(by_hand(f"<w:tbl>{table}</w:tbl>")).text.split("\n") == [
        "省：河北，桥：赵州桥，长：50米",
        "省：河北，桥：永通桥，长：32米",
        "省：河北，桥：未测",
    ]


def test_the_widest_rows_lose_nothing_and_are_counted_before_they_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wide = '<w:tcPr><w:gridSpan w:val="1000"/></w:tcPr>'
    row = f"<w:tr><w:tc>{wide}{p('赵州桥')}</w:tc><w:tc>{p('50米')}</w:tc></w:tr>"
    raw = by_hand(f"<w:tbl>{row}</w:tbl>")
    assert one(raw).text == "赵州桥，50米"
    monkeypatch.setattr(reader, "MOST_CELLS", 1001)
    assert one(raw).text == "赵州桥，50米"
    monkeypatch.setattr(reader, "MOST_CELLS", 1000)
    with pytest.raises(ArticleError, match=r"a\.docx: its tables have more than 1,000 cells; split it$"):
        one(raw)


def test_two_columns_of_names_and_values_have_no_header() -> None:
    rows = "".join(
        f"<w:tr><w:tc>{p(name)}</w:tc><w:tc>{p(value)}</w:tc></w:tr>"
        for name, value in (("桥名", "赵州桥"), ("全长", "50米"))
    )
    assert one(by_hand(f"<w:tbl>{rows}</w:tbl>")).text == "桥名：赵州桥\n全长：50米"


def test_a_table_that_lays_out_the_page_is_its_paragraphs() -> None:
    body = f"<w:tbl><w:tr><w:tc>{p(PROSE)}{p('第二段。')}</w:tc></w:tr></w:tbl>"
    assert one(by_hand(body)).text == f"{PROSE}\n第二段。"


def test_headings_by_chinese_names_by_what_they_are_based_on_and_by_outline() -> None:
    styles = (
        f'<w:styles {W}><w:style w:styleId="a"><w:name w:val="标题 1"/></w:style>'
        '<w:style w:styleId="b"><w:name w:val="本院标题"/><w:basedOn w:val="a"/></w:style>'
        '<w:style w:styleId="c"><w:name w:val="绕"/><w:basedOn w:val="c"/></w:style>'
        '<w:style w:styleId="d"><w:name w:val="toc 1"/></w:style></w:styles>'
    )
    style = '<w:pPr><w:pStyle w:val="{}"/></w:pPr>'
    body = (
        p("历史", style.format("d"))
        + p("历史", style.format("b"))
        + p(PROSE, style.format("c"))
        + p("石料", '<w:pPr><w:outlineLvl w:val="1"/></w:pPr>')
        + p("花岗岩。")
    )
    article = one(by_hand(body, styles=styles))
    assert article.title == "历史"
    assert blocks(article) == [((), PROSE), (("石料",), "花岗岩。")]


def test_entities_are_not_put_in() -> None:
    raw = io.BytesIO()
    bomb = '<!DOCTYPE x [<!ENTITY a "啊啊啊"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    with zipfile.ZipFile(raw, "w") as package:
        package.writestr(
            "word/document.xml",
            f"{bomb}<w:document {W}><w:body>{p('桥&a;长&f;。')}</w:body></w:document>",
        )
    assert one(raw.getvalue()).text == "桥"


WHOLE = by_hand(p(PROSE))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty file"),
        (WHOLE[: len(WHOLE) // 2], "is cut off or damaged (File is not a zip file); get it again"),
        (b"%PDF-1.7", "is PDF, not DOCX; give it the right suffix"),
        (PROSE.encode(), "is something else, not DOCX; give it the right suffix"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 9,
            "is an old Office file (.doc, .xls), not DOCX; give it the right suffix",
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "needs a password; save it without one",
        ),
        (by_hand(""), "holds no text"),
        (by_hand("<w:p>"), "is not sound XML"),
    ],
)
def test_what_is_no_document_with_text_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(ArticleError) as caught:
        reader.read(raw, source="a.docx")
    assert str(caught.value).split(" (Opening")[0] == f"a.docx: {reason}"
    assert caught.value.where == "a.docx"


def test_another_package_is_named() -> None:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as package:
        package.writestr("xl/workbook.xml", "")
    with pytest.raises(ArticleError, match=r"^a\.docx: is XLSX, not DOCX; give it the right suffix$"):
        reader.read(raw.getvalue(), source="a.docx")


def test_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("word/document.xml", b" " * 1_000_000)
    monkeypatch.setattr(packed, "UNSUSPECTED", 100_000)
    with pytest.raises(ArticleError) as caught:
        reader.read(raw.getvalue(), source="a.docx")
    told = re.sub(r"\d{3,}", "N", str(caught.value))
    assert told == "a.docx: 'word/document.xml' unpacks to N times its size; refused as a bomb"
    monkeypatch.setattr(packed, "LARGEST_PART", 999_999)
    with pytest.raises(ArticleError, match=r"unpacks to 1,000,000 bytes, more than 999,999; split it$"):
        reader.read(raw.getvalue(), source="a.docx")


def test_deep_nesting_is_refused() -> None:
    deep = "<w:sdt><w:sdtContent>" * 200 + p(PROSE) + "</w:sdtContent></w:sdt>" * 200
    with pytest.raises(ArticleError, match=r"^a\.docx: is not sound XML \(Excessive depth"):
        reader.read(by_hand(deep), source="a.docx")
