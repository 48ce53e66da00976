"""Sound files broken in every way: the vocabulary of the fuzz tests, and what must hold of any reader.

A break is plain data, so that hypothesis can shrink it and a long run can draw it at random.
"""

from __future__ import annotations

import io
import random
import re
import zipfile
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from hypothesis import strategies as st
from specimens import MAKERS, zipped

from qa.errors import ArticleError
from qa.formats import SUFFIXES
from qa.types import Article

__all__ = ["KINDS", "READERS", "Break", "broken", "check", "drawn", "files", "sound"]

KINDS = ("cut", "drop", "zero", "flip", "put", "double", "swap")
# A suffix for each way of reading: the others are other names of one of these.
READERS = (
    ".txt", ".md", ".html", ".pdf", ".docx", ".xlsx", ".xls",
    ".csv", ".tsv", ".epub", ".eml", ".jsonl", ".zip",
)  # fmt: skip
LONGEST = 400  # bytes that one break touches
PACKED = frozenset((".docx", ".xlsx", ".epub", ".zip"))
SENTENCES = ("青龙桥建于一九五八年，全长四十六米。", "修桥的工人来自附近七个村子，一共用了两年时间。")

_MARKUP = """<p> </p> <w:p> <w:tbl> <w:tr> <w:tc> </w:tc> <w:t> <br/> <div> <table> <td> <a> <script> <!-- -->
<![CDATA[ ]]> <?x ?> &amp; &#0; &#xD800; &#x110000; &a; <!DOCTYPE w:val="-1" w:val="99999999999" w:val="x"
r="ZZZ9" t="s" s="999" idref="" href="../.." full-path="/" charset=utf-7 charset=big5 hidden"""
_OBJECTS = """obj endobj stream endstream << >> [ ] ( ) /Kids /Count /Parent /Rotate 45 /MediaBox /Length -1
BT ET 99999999999 /Filter /LZWDecode Tj Tm Do 1e38 xref trailer R"""
_LETTERS = """Content-Type: multipart/mixed boundary= charset=unknown =?utf-8?b?? =?x?q?=ZZ?= --===== base64
Date: Content-Transfer-Encoding: quoted-printable filename*=utf-8''%zz Subject: message/rfc822"""
_SIGNS = """\" , ; { } [ ] : null "text" \\ud800 1e999 --- ``` ~~~ === # | > ![ ]( ~{ ~} 锟斤拷 \U0002a6a5"""
_BYTES = rb"""\xff \xfe\xff \x81\x30\x81 \xa1 \xed\xa0\x80 \x00 \x1a \t \n \r \r\n
\xe2\x80\xa8 \xef\xbb\xbf \xef\xbf\xbd"""
TOKENS = (
    *(token.encode() for part in (_MARKUP, _OBJECTS, _LETTERS, _SIGNS) for token in part.split()),
    *(token.decode("unicode_escape").encode("latin-1") for token in _BYTES.split()),
    *(b"PK\x03\x04", b"PK\x05\x06"),
)


@dataclass(frozen=True)
class Break:
    """One change: its kind, where it begins (a share of the whole), how long it is, what it puts in."""

    kind: str
    at: float
    length: int
    token: bytes

    def of(self, raw: bytes) -> bytes:
        """``raw`` changed."""
        start = int(self.at * len(raw))
        end = min(len(raw), start + self.length)
        before, inside, after = raw[:start], raw[start:end], raw[end:]
        return {
            "cut": before,
            "drop": before + after,
            "zero": before + bytes(len(inside)) + after,
            "flip": before + bytes(byte ^ 1 << self.length % 8 for byte in inside[:1]) + inside[1:] + after,
            "put": before + self.token + inside + after,
            "double": before + inside * 3 + after,
            "swap": before + after[: self.length] + inside + after[self.length :],
        }[self.kind]


def breaks() -> st.SearchStrategy[list[Break]]:
    """One to five changes."""
    one = st.builds(
        Break,
        kind=st.sampled_from(KINDS),
        at=st.floats(0, 1, exclude_max=True),
        length=st.integers(1, LONGEST),
        token=st.sampled_from(TOKENS),
    )
    return st.lists(one, min_size=1, max_size=5)


def drawn(rng: random.Random) -> list[Break]:
    """The same at random."""
    return [
        Break(rng.choice(KINDS), rng.random(), rng.randint(1, LONGEST), rng.choice(TOKENS))
        for _ in range(rng.randint(1, 5))
    ]


@cache
def sound(suffix: str) -> bytes:
    """The file that is broken."""
    return MAKERS[suffix]("青龙桥", SENTENCES)


def broken(suffix: str, changes: list[Break], *, inside: int | None = None) -> bytes:
    """The sound file of ``suffix``, changed; with ``inside``, that member of it and not its packing."""
    raw = sound(suffix)
    if inside is None:
        return _changed(raw, changes)
    with zipfile.ZipFile(io.BytesIO(raw)) as package:
        members = {name: package.read(name) for name in package.namelist()}
    name = sorted(members)[inside % len(members)]
    return zipped({**members, name: _changed(members[name], changes)})


def _changed(raw: bytes, changes: list[Break]) -> bytes:
    for change in changes:
        raw = change.of(raw)
    return raw


def files(suffix: str) -> st.SearchStrategy[bytes]:
    """Broken files of one kind; also sound ones of another kind, and any bytes."""
    inside = st.none() | st.integers(0, 9) if suffix in PACKED else st.none()
    return st.one_of(
        st.builds(lambda changes, at: broken(suffix, changes, inside=at), breaks(), inside),
        st.builds(lambda changes, at: broken(suffix, changes, inside=at), breaks(), inside),
        st.sampled_from(sorted(MAKERS)).map(sound),
        st.binary(max_size=200),
    )


def check(suffix: str, raw: bytes) -> None:
    """Read ``raw`` as a file of ``suffix``: it is refused by name, or gives articles that can be kept."""
    source = f"a{suffix}"
    reader = import_module(f"qa.formats.{SUFFIXES[suffix]}")
    try:
        parts = reader.read(raw, source=source)
    except ArticleError as error:
        parts = [error]
    assert parts or suffix in (".csv", ".tsv", ".xlsx", ".xls", ".jsonl"), "nothing, and no reason"
    for part in parts:
        if isinstance(part, Article):
            _keepable(part)
        else:
            told = str(part)
            assert told.startswith(source), told
            assert "\n" not in told, told
            told.encode()


def _keepable(article: Article) -> None:
    """The article can be saved as UTF-8, and its blocks lie in order inside its text."""
    for text in (article.text, article.title, article.place, article.encoding, *article.warnings):
        text.encode()
    assert "\n" not in article.title
    assert article.date is None or re.fullmatch(r"\d{4}(-\d\d(-\d\d)?)?", article.date), article.date
    assert article.blocks
    end = 0
    for block in article.blocks:
        assert end <= block.span.start < block.span.end <= len(article.text)
        quote = block.span.of(article.text)
        assert quote == quote.strip()
        end = block.span.end
        "".join(block.heading).encode()
