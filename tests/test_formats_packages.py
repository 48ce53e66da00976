"""Books, messages and archives: made by the tests, read as one file each."""

from __future__ import annotations

import io
import re
import stat
import zipfile
from email.message import EmailMessage
from importlib import import_module
from pathlib import Path

import pytest

from qa import articles, formats
from qa.errors import ArticleError
from qa.formats import archive, epub, mail, packed
from qa.types import Article

PROSE = "这座桥建于一九五八年，全长四十六米。"
CONTAINER = "<container><rootfiles><rootfile full-path='OPS/book.opf'/></rootfiles></container>"


def packed_as(files: dict[str, bytes | str]) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as package:
        for name, inside in files.items():
            package.writestr(name, inside)
    return raw.getvalue()


def told(made: list[Article | ArticleError]) -> list[str]:
    return [f"{part.element}={part.text}" if isinstance(part, Article) else str(part) for part in made]


# -- EPUB -------------------------------------------------------------------------------------------


def book(**more: bytes | str) -> bytes:
    page = "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title/></head><body>{}</body></html>"
    package = (
        "<package xmlns:dc='http://purl.org/dc/elements/1.1/'><metadata><dc:title>古桥志</dc:title>"
        "<dc:date>2019-03</dc:date></metadata><manifest>"
        "<item id='n' href='nav.xhtml' media-type='application/xhtml+xml' properties='nav'/>"
        "<item id='b' href='text/2.xhtml' media-type='application/xhtml+xml'/>"
        "<item id='a' href='text/%E4%B8%80.xhtml' media-type='application/xhtml+xml'/>"
        "<item id='c' href='cover.jpg' media-type='image/jpeg'/></manifest>"
        "<spine><itemref idref='n'/><itemref idref='c'/>"
        "<itemref idref='a'/><itemref idref='b'/></spine></package>"
    )
    return packed_as({
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "OPS/book.opf": package,
        "OPS/nav.xhtml": page.format("<p>目录</p>"),
        "OPS/text/一.xhtml": page.format(f"<h1>第一章 历史</h1><p>{PROSE}</p><a id='x'/><p>尚存。</p>"),
        "OPS/text/2.xhtml": page.format("<h1>第二章 石料</h1><p>花岗岩。</p>"),
        **more,
    })  # fmt: skip


def test_a_book_is_its_chapters_in_order() -> None:
    (article,) = epub.read(book(), source="书/桥.epub")
    assert article.text == f"第一章 历史\n{PROSE}\n尚存。\n第二章 石料\n花岗岩。"
    assert (article.title, article.date, article.element, article.exact) == ("古桥志", "2019-03", None, False)
    assert [(block.heading, block.span.of(article.text)) for block in article.blocks] == [
        (("第一章 历史",), f"{PROSE}\n尚存。"),
        (("第二章 石料",), "花岗岩。"),
    ]


def test_a_protected_book_is_refused_and_locked_fonts_do_no_harm() -> None:
    lock = "<encryption><CipherData><CipherReference URI='{}'/></CipherData></encryption>"
    locked = book(**{"META-INF/encryption.xml": lock.format("OPS/text/%E4%B8%80.xhtml")})
    with pytest.raises(ArticleError, match=r"^a\.epub: is protected against copying; use a free edition$"):
        epub.read(locked, source="a.epub")
    fonts = book(**{"META-INF/encryption.xml": lock.format("OPS/song.otf")})
    assert len(epub.read(fonts, source="a.epub")) == 1


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "empty file"),
        (
            packed_as({"a.txt": PROSE}),
            "is a ZIP package of something else, not EPUB; give it the right suffix",
        ),
        (packed_as({"META-INF/container.xml": "<a/>"}), "names no book inside; get it again"),
        (
            packed_as({"META-INF/container.xml": CONTAINER}),
            "its part 'OPS/book.opf' is missing; get it again",
        ),
        (packed_as({"META-INF/container.xml": CONTAINER, "OPS/book.opf": "<package/>"}), "holds no text"),
    ],
)
def test_what_is_no_book_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(ArticleError) as caught:
        epub.read(raw, source="a.epub")
    assert str(caught.value) == f"a.epub: {reason}"


# -- e-mail -----------------------------------------------------------------------------------------


def letter(text: str = f"{PROSE}\n\n> 上一封信。\n\n-- \n李春\n", charset: str = "utf-8") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"] = "古桥的长度", "李春 <li@example.org>"
    message["Date"] = "Tue, 05 Mar 2019 08:00:00 +0800"
    message.set_content(text, charset=charset)
    return message


def test_a_message_is_its_text_without_what_is_quoted() -> None:
    (article,) = mail.read(letter().as_bytes(), source="信/a.eml")
    assert isinstance(article, Article)
    assert article.text == f"{PROSE}\n\n> 上一封信。\n\n-- \n李春"
    assert (article.title, article.date, article.encoding) == ("古桥的长度", "2019-03-05", "utf-8")
    assert [block.span.of(article.text) for block in article.blocks] == [PROSE]


@pytest.mark.parametrize(
    "date", ["Mon, 9999999999999 Mar 2019 10:00:00", "Mon, 4 Mar 9999999999999 10:00:00 +0800"]
)
def test_a_date_of_too_many_digits_costs_only_itself(date: str) -> None:
    raw = re.sub(rb"(?m)^Date: .*$", f"Date: {date}".encode(), letter().as_bytes())
    (article,) = mail.read(raw, source="a.eml")
    assert isinstance(article, Article)
    assert article.text.startswith(PROSE)
    assert article.date is None


def test_a_stated_charset_is_believed_where_it_fits() -> None:
    for charset, text in (("gb2312", "你好"), ("big5", "你好"), ("iso-2022-jp", "日本")):
        (article,) = mail.read(letter(text, charset).as_bytes(), source="a.eml")
        assert isinstance(article, Article)
        assert article.text == text
    wrong = letter(PROSE).as_bytes().replace(b"utf-8", b"big5")
    assert told(mail.read(wrong, source="a.eml")) == [f"None={PROSE}"]


def test_a_message_of_markup_only_is_what_it_shows() -> None:
    message = letter()
    message.set_content(f"<html><body><p>{PROSE}</p><script>x</script></body></html>", subtype="html")
    assert told(mail.read(message.as_bytes(), source="a.eml")) == [f"None={PROSE}"]


def test_attachments_are_read_by_their_kind() -> None:
    message = letter(PROSE)
    for name, inside in (
        ("表.csv", "桥名,长,年\n赵州桥,50,隋\n"),
        ("a.png", "x"),
        ("坏.csv", ""),
        ("表.csv", "x"),
    ):
        message.add_attachment(inside.encode(), maintype="application", subtype="octet-stream", filename=name)
    message.add_attachment(letter("转发的信里的话。"))
    assert told(mail.read(message.as_bytes(), source="a.eml")) == [
        f"None={PROSE}",
        "表.csv: row 2=桥名：赵州桥，长：50，年：隋",
        "a.eml/坏.csv: empty file",
        "a.eml/表.csv: has the name of another attachment",
        "message 5.eml=转发的信里的话。",
    ]


def test_a_message_whose_charset_is_no_name_says_that_its_attachments_are_lost() -> None:
    head = b'From: a@example.org\nContent-Type: multipart/mixed; boundary=x; charset="a\0"\n\n'
    made = told(mail.read(head + PROSE.encode(), source="a.eml"))
    assert made[-1] == "a.eml: its attachments cannot be told apart; save them by themselves"


def test_a_cut_message_says_so_and_another_file_is_refused() -> None:
    message = letter(PROSE)
    message.add_attachment(b"abc", maintype="application", subtype="octet-stream", filename="a.txt")
    raw = message.as_bytes()
    (first, *_) = mail.read(raw[: raw.rindex(b"--=")], source="a.eml")
    assert isinstance(first, Article)
    assert first.warnings == ("the message is damaged (CloseBoundaryNotFound)",)
    for raw, reason in ((b" \n", "empty file"), (PROSE.encode(), "is no e-mail (no From, Date or Subject)")):
        with pytest.raises(ArticleError) as caught:
            mail.read(raw, source="a.eml")
        assert str(caught.value) == f"a.eml: {reason}"


# -- ZIP --------------------------------------------------------------------------------------------


def test_an_archive_is_its_files_by_name() -> None:
    raw = packed_as({
        "b/桥.txt": PROSE.encode("gb18030") * 3, "a.jsonl": '{"text": "' + PROSE + '"}\n{}\n', "c.png": "x",
        ".hidden.txt": PROSE, "__MACOSX/a.txt": PROSE, "e.txt": "",
        "d.zip": packed_as({"里.md": f"# 桥\n\n{PROSE}"}),
    })  # fmt: skip
    made = archive.read(raw, source="包/x.zip")
    assert told(made) == [
        f"a.jsonl: line 1={PROSE}",
        '包/x.zip/a.jsonl:2: needs a "text" string',
        f"b/桥.txt={PROSE * 3}",
        f"d.zip: 里.md=# 桥\n\n{PROSE}",
        "包/x.zip/e.txt: empty file",
    ]
    first, inner = made[2], made[3]
    assert isinstance(first, Article)
    assert isinstance(inner, Article)
    assert (first.id, first.source, first.title, first.encoding) == (
        "包/x.zip#b/桥.txt", "包/x.zip", "桥", "gb18030",
    )  # fmt: skip
    assert (first.exact, first.bom, first.sha256 == inner.sha256) == (False, 0, True)


def test_names_that_point_outside_and_links_are_refused() -> None:
    link = zipfile.ZipInfo("link.txt")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as package:
        for name in ("../up.txt", "/root.txt", "C:\\win.txt", "ok.txt"):
            package.writestr(name, PROSE)
        package.writestr(link, "/etc/passwd")
    assert sorted(told(archive.read(raw.getvalue(), source="x.zip"))) == [
        f"ok.txt={PROSE}",
        "x.zip/../up.txt: points out of the archive; refused",
        "x.zip//root.txt: points out of the archive; refused",
        "x.zip/C:/win.txt: points out of the archive; refused",
        "x.zip/link.txt: is a link, not a file; refused",
    ]


def test_names_in_the_systems_encoding() -> None:
    raw = packed_as({"AAAA.txt": PROSE}).replace(b"AAAA.txt", "古桥.txt".encode("gb18030"))
    assert told(archive.read(raw, source="x.zip")) == [f"古桥.txt={PROSE}"]


def test_reasons_are_one_line_whatever_the_parts_hold() -> None:
    (refused,) = told(archive.read(packed_as({"a\nb.txt": ""}), source="x.zip"))
    assert refused == "x.zip/a\ufffdb.txt: empty file"
    with pytest.raises(ArticleError) as caught:
        epub.read(packed_as({"META-INF/container.xml": "<a>\0</a>"}), source="a.epub")
    assert str(caught.value).startswith("a.epub/META-INF/container.xml: is not sound XML (")
    assert "\n" not in str(caught.value)


def test_depth_and_size_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = packed_as({"a.txt": PROSE})
    for name in ("3.zip", "2.zip", "1.zip"):
        raw = packed_as({name: raw})
    assert told(archive.read(raw, source="x.zip")) == [
        "x.zip/1.zip/2.zip/3.zip: lies more than 3 files deep; unpack it first"
    ]
    room = formats.Room(left=len(PROSE.encode()) + 1)
    many = archive.read(packed_as({"a.txt": PROSE, "b.txt": PROSE}), source="x.zip", room=room)
    assert told(many) == [
        f"a.txt={PROSE}",
        "x.zip/b.txt: the archive unpacks to more than 1,000,000,000 bytes; split it",
    ]
    monkeypatch.setattr(archive, "MOST_MEMBERS", 1)
    with pytest.raises(ArticleError, match=r"^x\.zip: holds more than 1 files; split it$"):
        archive.read(packed_as({"a.txt": PROSE, "b.txt": PROSE}), source="x.zip")


def test_bombs_passwords_and_damage_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "UNSUSPECTED", 10_000)
    raw = packed_as({"bomb.txt": "桥" * 50_000, "ok.txt": PROSE})
    assert [one.split("unpacks")[0] for one in told(archive.read(raw, source="x.zip"))] == [
        "x.zip/bomb.txt: 'bomb.txt' ",
        f"ok.txt={PROSE}",
    ]
    locked = bytearray(packed_as({"a.txt": PROSE}))
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    assert told(archive.read(bytes(locked), source="x.zip")) == [
        "x.zip/a.txt: needs a password; pack it without one"
    ]
    broken = packed_as({"a.txt": PROSE}).replace(PROSE.encode()[:3], b"???")
    for bad, reason in (
        (b"", "empty file"),
        (broken[:60], "is cut off or damaged (File is not a zip file); get it again"),
        (b"Rar!", "is a RAR archive, not ZIP; give it the right suffix"),
        (packed_as({"a.png": "x"}), "holds no file that can be read"),
    ):
        with pytest.raises(ArticleError) as caught:
            archive.read(bad, source="x.zip")
        assert str(caught.value) == f"x.zip: {reason}"


HIDDEN = "is XML in the encoding {!r}; save it as UTF-8"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "UTF-16", "us-ascii", "GB18030", "gb2312", "Big5-HKSCS", "windows-1252", "EUC-JP"]
)
def test_xml_in_which_marks_can_be_counted_is_let_in(encoding: str) -> None:
    packed.refuse_encoding(f"<?xml version='1.0' encoding='{encoding}'?><a/>".encode(), where="a")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"<?xml version='1.0' encoding='UTF-7'?>", HIDDEN.format("UTF-7")),
        (b'\xef\xbb\xbf<?xml version="1.0" encoding = "IBM037" ?>', HIDDEN.format("IBM037")),
        (
            b"<?xml version='1.0'" + b" " * 1000 + b"encoding='UTF-7'?>",
            "is not sound XML (its declaration has no end)",
        ),
    ],
)
def test_xml_that_hides_its_marks_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(ArticleError) as caught:
        packed.refuse_encoding(raw, where="a.docx")
    assert str(caught.value) == f"a.docx: {reason}"


# -- the seam ---------------------------------------------------------------------------------------


def test_every_format_has_its_reader_and_its_row() -> None:
    for made in formats.FORMATS:
        assert made.suffixes == import_module(f"qa.formats.{made.module}").SUFFIXES
    assert [row[0] for row in formats.table()] == [
        ".txt .text", ".md .markdown", ".html .htm", ".pdf", ".docx", ".xlsx .xls .csv .tsv", ".epub", ".eml",
        ".jsonl", ".zip",
    ]  # fmt: skip
    assert formats.table()[3] == (
        ".pdf",
        "PDF",
        "文字层，分栏排序，注明页码 the text layer, columns in order, page numbers",
        "pypdfium2 (BSD, Apache-2.0)",
    )


def test_a_member_without_a_name_costs_the_others_nothing() -> None:
    raw = packed_as({"?": "x", "a.txt": PROSE})
    nameless = raw.replace(b"?", b"\0")  # zipfile ends a name there
    assert [part.place for part in archive.read(nameless, source="x.zip") if isinstance(part, Article)] == [
        "x.zip (a.txt)"
    ]


def test_an_archive_is_read_through_the_seam(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(packed_as({"a.txt": PROSE, "b.txt": ""}))
    made = articles.read(tmp_path / "x.zip", source="x.zip")
    assert [one.place for one in made.articles] == ["x.zip (a.txt)"]
    assert made.refused == ("x.zip/b.txt: empty file",)
