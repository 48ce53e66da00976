"""A sound file of every format, made from known sentences."""

from __future__ import annotations

import csv
import io
import json
import struct
import zipfile
from collections.abc import Callable, Mapping, Sequence
from email.message import EmailMessage

from printed import Words, column, pdf

__all__ = ["MAKERS", "xls", "zipped"]


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    """A ZIP package of ``files`` by name, the same bytes each time."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as package:
        for name, inside in files.items():
            package.writestr(zipfile.ZipInfo(name), inside)
    return raw.getvalue()


def _plain(title: str, sentences: Sequence[str]) -> bytes:
    return "\n\n".join([title, *sentences, ""]).encode()


def _markdown(title: str, sentences: Sequence[str]) -> bytes:
    body = "\n\n".join(sentences)
    return f"---\ndate: 2019-03-05\n---\n\n# {title}\n\n{body}\n\n- 条目一\n- 条目二\n".encode()


def _html(title: str, sentences: Sequence[str]) -> bytes:
    body = "\n".join(f"<p>{sentence}</p>" for sentence in sentences)
    return (
        f"<!DOCTYPE html><html><head><meta charset='utf-8'><title>{title}</title></head><body>"
        f"<nav><a href='/'>首页</a></nav><article><h1>{title}</h1>{body}"
        "<table><tr><th>年</th><th>长</th></tr><tr><td>1958</td><td>46</td></tr></table></article>"
        "<footer>版权所有</footer></body></html>"
    ).encode()


def _pdf(title: str, sentences: Sequence[str]) -> bytes:
    first = [Words(title, 72, 790, 20), *column(sentences[:1], 72, 740)]
    return pdf([first, column(sentences[1:] or ["第二页。"], 72, 740)])


def _docx(title: str, sentences: Sequence[str]) -> bytes:
    names = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'

    def p(text: str, style: str = "", more: str = "") -> str:
        named = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
        return f"<w:p>{named}<w:r><w:t>{text}</w:t></w:r>{more}</w:p>"

    mark = '<w:r><w:footnoteReference w:id="2"/></w:r>'
    cells = "".join(f"<w:tc>{p(text)}</w:tc>" for text in ("年", "长", "宽"))
    values = "".join(f"<w:tc>{p(text)}</w:tc>" for text in ("1958", "46", "9"))
    body = p(title, "h1") + "".join(p(sentence, more=mark) for sentence in sentences)
    return zipped({
        "word/document.xml": f"<w:document {names}><w:body>{body}"
        f"<w:tbl><w:tr>{cells}</w:tr><w:tr>{values}</w:tr></w:tbl></w:body></w:document>",
        "word/styles.xml": f'<w:styles {names}><w:style w:styleId="h1"><w:name w:val="heading 1"/></w:style>'
        "</w:styles>",
        "word/footnotes.xml": f'<w:footnotes {names}><w:footnote w:id="2">{p("据县志记载。")}</w:footnote>'
        "</w:footnotes>",
    })  # fmt: skip


def _table(title: str, sentences: Sequence[str]) -> list[list[str]]:
    return [
        ["问题", "答案", "日期"],
        *([f"{title}是怎样的?", sentence, "2019-03-05"] for sentence in sentences),
    ]


def _xlsx(title: str, sentences: Sequence[str]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    for row in _table(title, sentences):
        book.worksheets[0].append(row)
    raw = io.BytesIO()
    book.save(raw)
    return raw.getvalue()


def _xls(title: str, sentences: Sequence[str]) -> bytes:
    return xls(_table(title, sentences))


def xls(rows: Sequence[Sequence[str | float]]) -> bytes:
    """A workbook as Excel 2 wrote it: one sheet, its text in GBK."""

    def record(kind: int, inside: bytes) -> bytes:
        return struct.pack("<HH", kind, len(inside)) + inside

    made = record(0x0009, struct.pack("<HH", 2, 0x10)) + record(0x0042, struct.pack("<H", 936))
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            if isinstance(cell, float):
                made += record(0x0003, struct.pack("<HH3xd", y, x, cell))
            else:
                text = cell.encode("gbk")
                made += record(0x0004, struct.pack("<HH3xB", y, x, len(text)) + text)
    return made + record(0x000A, b"")


def _separated(mark: str) -> Callable[[str, Sequence[str]], bytes]:
    def made(title: str, sentences: Sequence[str]) -> bytes:
        text = io.StringIO()
        csv.writer(text, delimiter=mark).writerows(_table(title, sentences))
        return text.getvalue().encode()

    return made


def _epub(title: str, sentences: Sequence[str]) -> bytes:
    body = "".join(f"<p>{sentence}</p>" for sentence in sentences)
    return zipped({
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": "<container><rootfiles><rootfile full-path='OPS/book.opf'/></rootfiles>"
        "</container>",
        "OPS/book.opf": "<package xmlns:dc='http://purl.org/dc/elements/1.1/'><metadata>"
        f"<dc:title>{title}</dc:title><dc:date>2019-03-05</dc:date></metadata><manifest>"
        "<item id='a' href='a.xhtml' media-type='application/xhtml+xml'/></manifest>"
        "<spine><itemref idref='a'/></spine></package>",
        "OPS/a.xhtml": f"<html xmlns='http://www.w3.org/1999/xhtml'><head><title/></head><body>"
        f"<h1>第一章 {title}</h1>{body}</body></html>",
    })  # fmt: skip


def _mail(title: str, sentences: Sequence[str]) -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"] = title, "a@example.org"
    message["Date"] = "Tue, 05 Mar 2019 08:00:00 +0800"
    message.set_content("\n\n".join(sentences))
    message.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename="a.csv")
    message.set_boundary("=====")
    return message.as_bytes()


def _lines(title: str, sentences: Sequence[str]) -> bytes:
    rows = ({"title": title, "text": sentence, "date": "2019-03-05"} for sentence in sentences)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _archive(title: str, sentences: Sequence[str]) -> bytes:
    return zipped({"里/a.txt": _plain(title, sentences), "b.html": _html("别处", ["这里没有别的话。"])})


MAKERS: Mapping[str, Callable[[str, Sequence[str]], bytes]] = {
    ".txt": _plain,
    ".text": _plain,
    ".md": _markdown,
    ".markdown": _markdown,
    ".html": _html,
    ".htm": _html,
    ".pdf": _pdf,
    ".docx": _docx,
    ".xlsx": _xlsx,
    ".xls": _xls,
    ".csv": _separated(","),
    ".tsv": _separated("\t"),
    ".epub": _epub,
    ".eml": _mail,
    ".jsonl": _lines,
    ".zip": _archive,
}
