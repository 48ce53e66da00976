"""Files in every encoding, made from known text, with what must become of each.

``FILES`` says of each file either the codec that must be found, and the text is then ``text`` to the last
character, or how the reason of its refusal begins.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["FILES", "File"]

SIMPLIFIED = (
    "镇上的老桥建于一九五八年，全长四十六米，是附近七个村子去集市的必经之路。\n"
    "去年秋天，桥面重新铺了青石板，栏杆也换成了新的。\n"
    "修桥的师傅说，桥墩下面的木桩至今没有腐烂，再用五十年也没有问题。\n"
)
TRADITIONAL = (
    "山腳下的圖書館於一九三二年落成，館內收藏了三萬餘冊舊書，其中多半是地方誌。\n"
    "每逢週末，附近學校的學生會來這裡看書，管理員也會替他們講解館藏的來歷。\n"
    "颱風過後屋頂漏水，幸好書架都已經先移到二樓，沒有一本書受損。\n"
)
CANTONESE = TRADITIONAL + "老闆話呢間舖頭嘅嘢好食，啲街坊日日都嚟幫襯，佢哋冚唪唥都係熟客。\n"
RARE = SIMPLIFIED + "桥头石碑上刻着修桥人的名字：朱镕、陶喆、㐂久和𠮷田。\n"
TEN = "桥长四十六米很结实。"
TEN_TRADITIONAL = "橋長四十六公尺很穩。"
HEAD = "-- exported by a mail gateway, do not edit --\r\n" * 30
LATIN = "Le pont a été reconstruit en été, près du château.\n"
KOREAN = "이 다리는 천구백오십팔년에 지어졌으며 길이는 사십육 미터이다. 마을 사람들이 매일 건너다닌다.\n"
JAPANESE = "この橋は昭和三十三年に建てられ、長さは四十六メートルです。村の人々が毎日渡っています。\n"

CRLF, CR = SIMPLIFIED.replace("\n", "\r\n"), SIMPLIFIED.replace("\n", "\r")
MIXED = "第一行。\r\n第二行是桥。\r第三行。\n\n第四行。\u2028第五行。\x85第六行。\x0b第七行"


@dataclass(frozen=True)
class File:
    """A file, and the text and codec that must be found in it, or the beginning of its refusal."""

    name: str
    raw: bytes
    text: str | None = None
    codec: str | None = None
    bom: int = 0
    reason: str | None = None


def _plain() -> Iterator[File]:
    """Text files that are accepted: name, text, codec they are written in, codec that is found."""
    rows = (
        ("utf8", SIMPLIFIED, "utf-8", "utf-8"),
        ("utf8-traditional", TRADITIONAL, "utf-8", "utf-8"),
        ("utf8-crlf", CRLF, "utf-8", "utf-8"),
        ("utf8-cr", CR, "utf-8", "utf-8"),
        ("utf8-mixed-line-ends", MIXED, "utf-8", "utf-8"),
        ("utf8-rare", RARE, "utf-8", "utf-8"),
        ("utf8-ten", TEN, "utf-8", "utf-8"),
        ("utf8-one", "桥", "utf-8", "utf-8"),
        ("utf8-late", HEAD + SIMPLIFIED, "utf-8", "utf-8"),
        ("utf8-emoji", SIMPLIFIED + "大家都说好👍🏽，还有一家👨‍👩‍👧。", "utf-8", "utf-8"),
        ("utf8-latin", LATIN, "utf-8", "utf-8"),
        ("ascii", HEAD, "ascii", "utf-8"),
        ("gb2312", SIMPLIFIED, "gb2312", "gb18030"),
        ("gb2312-crlf", CRLF, "gb2312", "gb18030"),
        ("gb2312-ten", TEN, "gb2312", "gb18030"),
        ("gb2312-late", HEAD + SIMPLIFIED, "gb2312", "gb18030"),
        ("gbk", SIMPLIFIED + "朱镕和陶喆。", "gbk", "gb18030"),
        ("gbk-traditional", TRADITIONAL, "gbk", "gb18030"),
        ("gbk-cr", CR, "gbk", "gb18030"),
        ("gbk-late", HEAD + "朱镕和陶喆都到桥上来过。", "gbk", "gb18030"),
        ("gb18030-four-bytes", RARE, "gb18030", "gb18030"),
        ("gb18030-four-bytes-late", HEAD + RARE, "gb18030", "gb18030"),
        ("gb18030-traditional", TRADITIONAL + "㐂久先生寫。", "gb18030", "gb18030"),
        ("gb18030-ten", "㐂久和𠮷田都来修桥。", "gb18030", "gb18030"),
        ("big5", TRADITIONAL, "big5", "cp950"),
        ("big5-crlf", TRADITIONAL.replace("\n", "\r\n"), "big5", "cp950"),
        ("big5-ten", TEN_TRADITIONAL, "big5", "cp950"),
        ("big5-late", HEAD + TRADITIONAL, "big5", "cp950"),
        ("cp950", TRADITIONAL + "票價為二十€。", "cp950", "cp950"),
        ("hkscs", CANTONESE, "big5hkscs", "big5hkscs"),
        ("hkscs-late", HEAD + CANTONESE, "big5hkscs", "big5hkscs"),
        ("hkscs-kana", TRADITIONAL + "招牌上寫著おでん。", "big5hkscs", "big5hkscs"),
        ("hkscs-beyond-the-plane", TRADITIONAL + "匾上有個𨋢字。", "big5hkscs", "big5hkscs"),
        ("hz", SIMPLIFIED, "hz", "hz"),
        ("hz-crlf", CRLF, "hz", "hz"),
        ("hz-ten", TEN, "hz", "hz"),
        ("hz-tilde", "约~46米。\n" + SIMPLIFIED, "hz", "hz"),
        ("hz-late", HEAD + SIMPLIFIED, "hz", "hz"),
        ("utf16le", SIMPLIFIED, "utf-16-le", "utf-16-le"),
        ("utf16le-crlf", CRLF, "utf-16-le", "utf-16-le"),
        ("utf16le-traditional", TRADITIONAL, "utf-16-le", "utf-16-le"),
        ("utf16le-rare", RARE, "utf-16-le", "utf-16-le"),
        ("utf16le-ten", TEN, "utf-16-le", "utf-16-le"),
        ("utf16le-late", HEAD + SIMPLIFIED, "utf-16-le", "utf-16-le"),
        ("utf16be", SIMPLIFIED, "utf-16-be", "utf-16-be"),
        ("utf16be-traditional", TRADITIONAL, "utf-16-be", "utf-16-be"),
        ("utf16be-rare", RARE, "utf-16-be", "utf-16-be"),
        ("utf16be-ten", TEN_TRADITIONAL, "utf-16-be", "utf-16-be"),
        ("utf16be-late", HEAD + TRADITIONAL, "utf-16-be", "utf-16-be"),
    )
    for name, text, written, found in rows:
        yield File(f"{name}.txt", text.encode(written), text, found)


def _marked() -> Iterator[File]:
    """Files whose first bytes say what they are; the mark is no part of the text."""
    rows = (
        ("utf8", codecs.BOM_UTF8, "utf-8"),
        ("utf16le", codecs.BOM_UTF16_LE, "utf-16-le"),
        ("utf16be", codecs.BOM_UTF16_BE, "utf-16-be"),
        ("utf32le", codecs.BOM_UTF32_LE, "utf-32-le"),
        ("utf32be", codecs.BOM_UTF32_BE, "utf-32-be"),
        ("gb18030", "\ufeff".encode("gb18030"), "gb18030"),
    )
    for name, mark, codec in rows:
        yield File(f"{name}-bom.txt", mark + RARE.encode(codec), RARE, codec, len(mark))
        yield File(f"{name}-bom-one.txt", mark + "桥".encode(codec), "桥", codec, len(mark))


def _pages() -> Iterator[File]:
    """HTML whose ``charset`` is wrong, missing or unknown; ``text`` is what the page shows."""
    rows = (
        ("utf8-says-gb2312", "gb2312", SIMPLIFIED, "utf-8", "utf-8"),
        ("utf8-says-big5", "big5", TRADITIONAL, "utf-8", "utf-8"),
        ("gbk-says-utf8", "utf-8", SIMPLIFIED, "gbk", "gb18030"),
        ("gbk-says-big5", "big5", SIMPLIFIED, "gbk", "gb18030"),
        ("gbk-says-latin1", "iso-8859-1", SIMPLIFIED, "gbk", "gb18030"),
        ("gbk-says-nonsense", "x-chinese", SIMPLIFIED, "gbk", "gb18030"),
        ("gb18030-says-gb2312", "gb2312", RARE, "gb18030", "gb18030"),
        ("big5-says-gb2312", "gb2312", TRADITIONAL, "big5", "cp950"),
        ("big5-says-utf8", "utf-8", TRADITIONAL, "big5", "cp950"),
        ("hkscs-says-big5", "big5", CANTONESE, "big5hkscs", "big5hkscs"),
        ("utf16le-says-utf8", "utf-8", SIMPLIFIED, "utf-16-le", "utf-16-le"),
    )
    for name, stated, text, written, found in rows:
        shown = "".join(f"<p>{line}</p>\n" for line in text.splitlines())
        page = f"<html><head><meta charset={stated}><title>p</title></head><body>\n{shown}</body></html>"
        yield File(f"{name}.html", page.encode(written), text.rstrip("\n"), found)
    shown = "".join(f"<p>{line}</p>" for line in SIMPLIFIED.splitlines())
    yield File("gbk-says-nothing.html", shown.encode("gbk"), SIMPLIFIED.rstrip("\n"), "gb18030")
    declared = f"<?xml version='1.0' encoding='utf-16'?><html><body>{shown}</body></html>"
    yield File("utf8-says-utf16.html", declared.encode(), SIMPLIFIED.rstrip("\n"), "utf-8")


def _refused() -> Iterator[File]:
    cannot = "bytes that do not decode, the first at byte"
    whole, gbk, big5 = SIMPLIFIED.encode(), SIMPLIFIED.encode("gbk"), TRADITIONAL.encode("big5")
    rows = (
        ("empty", b"", "empty file"),
        ("gbk-two", "联通".encode("gbk"), "could be gb18030 or "),
        ("big5-two", "橋樑".encode("big5"), "could be "),
        ("gbk-cut", gbk[:-2], "no encoding fits"),
        ("big5-cut", big5[:-2], "no encoding fits"),
        ("gbk-euro-byte", gbk + b"\x8046", "no encoding fits"),
        ("utf8-cut", whole[:-3], f"UTF-8 with 1 {cannot} {len(whole) - 4};"),
        ("utf8-stray", whole + b"\xff" + whole, f"UTF-8 with 1 {cannot} {len(whole)};"),
        ("utf8-then-gbk", whole + gbk, "no encoding fits"),
        ("utf8-surrogates", whole + "\ud842\udfb7".encode("utf-8", "surrogatepass"), "no encoding fits"),
        ("utf16-odd", codecs.BOM_UTF16_LE + SIMPLIFIED.encode("utf-16-le")[:-1], "is not utf-16-le: byte "),
        ("utf16-half-a-pair", codecs.BOM_UTF16_LE + b"\x65\x68\x42\xd8\x65\x68", "is not utf-16-le: byte 2 "),
        ("nul", whole + b"\0", "not text: NUL at byte "),
        ("controls", whole + bytes(range(1, 9)) * 20, "not text: 160 control characters"),
        ("picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\1\0", "not text: NUL at byte 8"),
        ("latin1", LATIN.encode("latin-1"), "no encoding fits"),
        ("euc-kr", KOREAN.encode("euc-kr"), "no encoding fits"),
        ("euc-jp", JAPANESE.encode("euc-jp"), "no encoding fits"),
        ("shift-jis", JAPANESE.encode("shift_jis"), "no encoding fits"),
        ("iso2022-jp", JAPANESE.encode("iso2022_jp"), "looks like ISO-2022"),
        ("hz-broken", SIMPLIFIED.encode("hz").replace(b"~}", b"~~", 1), "could be hz or utf-8"),
    )  # fmt: skip
    for name, raw, reason in rows:
        yield File(f"{name}.txt", raw, reason=reason)


FILES = (*_plain(), *_marked(), *_pages(), *_refused())
