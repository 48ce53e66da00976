"""Files that are small or sound, and would take all memory or all time if they were read as they ask to be.

``python bombs.py`` reads each in this process, within bounds of memory and of processor time that the system
keeps, and prints a JSON line: its name, what became of it, the most memory meanwhile and the processor
time, both also of the process that guards a PDF. A bomb that takes more than its time ends the process.
"""

from __future__ import annotations

import io
import json
import resource
import signal
import sys
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path, PurePosixPath

sys.path.insert(0, str(Path(__file__).parents[1]))

from printed import column, pdf

from qa.decoding import LARGEST
from qa.errors import ArticleError
from qa.formats import SUFFIXES

MEMORY = 1_000_000_000  # bytes that may be in use
ADDRESSES = 3_000_000_000  # … and be asked for, which is more
SECONDS = 60  # of processor time for each; the slowest takes about ten
MILLION = 1_000_000
PROSE = "这座桥建于一九五八年，全长四十六米。"
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
LAUGHS = "<!DOCTYPE a [<!ENTITY l0 '哈哈哈哈'>{}]>".format(
    "".join(f"<!ENTITY l{at} '{f'&l{at - 1};' * 10}'>" for at in range(1, 12))
)


def package(**parts: bytes | str) -> bytes:
    """A ZIP package; ``__`` in a name stands for ``/`` and ``_0`` for a full stop."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as made:
        for name, inside in parts.items():
            made.writestr(name.replace("__", "/").replace("_0", "."), inside)
    return raw.getvalue()


def docx(body: str, declared: str = "", **parts: str) -> bytes:
    document = f"{declared}<w:document {W}><w:body>{body}</w:body></w:document>"
    return package(word__document_0xml=document, **parts)


def nested_tables(depth: int) -> str:
    return (
        "<w:tbl><w:tr><w:tc>" * depth
        + f"<w:p><w:r><w:t>{PROSE}</w:t></w:r></w:p>"
        + ("</w:tc></w:tr></w:tbl>" * depth)
    )


def styles(count: int) -> str:
    rows = "".join(
        f'<w:style w:type="paragraph" w:styleId="s{at}"><w:basedOn w:val="s{at + 1}"/></w:style>'
        for at in range(count)
    )
    return f"<w:styles {W}>{rows}</w:styles>"


def xlsx(sheet: str, declared: str = "", strings: str = "") -> bytes:
    """A workbook of one sheet with the rows ``sheet`` and the shared strings ``strings``."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    links = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packed = "http://schemas.openxmlformats.org/package/2006"
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    return package(**{
        "[Content_Types].xml": f'<Types xmlns="{packed}/content-types">'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kinds}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kinds}.worksheet+xml"/>'
        f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kinds}.sharedStrings+xml"/></Types>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{links}"><sheets>'
        '<sheet name="表" sheetId="1" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{packed}/relationships">'
        f'<Relationship Id="rId1" Type="{links}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'{declared}<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData>'
        "</worksheet>",
        "xl/sharedStrings.xml": f'<sst xmlns="{main}">{strings}</sst>',
    })  # fmt: skip


def epub(spine: int, page: str, declared: str = "") -> bytes:
    item = "<item id='a' href='a.xhtml' media-type='application/xhtml+xml'/>"
    pages = "<itemref idref='a'/>" * spine
    book = f"{declared}<package><manifest>{item}</manifest><spine>{pages}</spine></package>"
    return package(
        **{
            "META-INF/container.xml": "<container><rootfile full-path='a.opf'/></container>",
            "a.opf": book,
            "a.xhtml": page,
        }
    )


def letter(headers: str, body: str) -> bytes:
    return f"From: a@example.org\n{headers}\n\n{body}".encode()


def nested_parts(depth: int) -> bytes:
    body = PROSE
    for at in range(depth):
        body = f'Content-Type: multipart/mixed; boundary="b{at}"\n\n--b{at}\n{body}\n--b{at}--\n'
    return f"From: a@example.org\n{body}".encode()


def nested_zips(depth: int) -> bytes:
    raw = PROSE.encode()
    name = "a.txt"
    for _ in range(depth):
        raw = package(**{f"{at}-{name}": raw for at in range(10)})
        name = "a.zip"
    return raw


def drawing(depth: int, times: int) -> bytes:
    """A PDF whose page draws a form, which draws another many times, and so on."""
    raw = pdf([column([PROSE], 72, 700)])
    calls = "/N Do " * times
    forms = b"".join(
        f"{at} 0 obj\n<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Length {len(calls)}"
        f" /Resources << /XObject << /N {at + 1} 0 R >> >> >>\nstream\n{calls}\nendstream\nendobj\n".encode()
        for at in range(50, 50 + depth)
    )
    return (
        raw.replace(b"/I 7 0 R", b"/I 50 0 R")
        .replace(b"BT", b"/I Do BT", 1)
        .replace(b"xref", forms + b"xref", 1)
    )


def streamed(inside: bytes, filters: str = "/FlateDecode") -> bytes:
    made = b"%PDF-1.5\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n"
    made += b"2 0 obj\n<< /Type /Pages /Count 1 /Kids [3 0 R] >>\nendobj\n"
    made += b"3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>\nendobj\n"
    made += f"4 0 obj\n<< /Filter {filters} /Length {len(inside)} >>\nstream\n".encode() + inside
    return made + b"\nendstream\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"


def inflated(megabytes: int) -> bytes:
    packing = zlib.compressobj(9)
    return b"".join([*(packing.compress(b" " * MILLION) for _ in range(megabytes)), packing.flush()])


BOMBS: dict[str, Callable[[], bytes]] = {
    "line.txt": lambda: ("桥" * (LARGEST // 3)).encode(),
    "line-gbk.txt": lambda: (PROSE * (LARGEST // 36)).encode("gbk"),
    "too-large.txt": lambda: b"a" * (LARGEST + 1),
    "line-ends.txt": lambda: PROSE.encode() + b"\n" * (LARGEST // 2),
    "dates.txt": lambda: ("桥\n\n" + "2019年3月5日\n" * 60_000).encode(),
    "spaces.txt": lambda: (("阅读1" + " " * 150 + "x\n") * 30_000).encode(),
    "hashes.md": lambda: b" ## a" * 10 * MILLION,
    "brackets.md": lambda: (b"[" * 999 + b"\n") * 1000,
    "fences.md": lambda: b"```\n" * 100_000,
    "deep.html": lambda: b"<div>" * MILLION + PROSE.encode(),
    "deep-cues.html": lambda: b"<div class=nav>" * 2000 + f"<p>{PROSE}</p>".encode() * 10_000,
    "many.html": lambda: b"<br>" * 3 * MILLION + PROSE.encode(),
    "attributes.html": lambda: f"<p {' '.join(f'a{at}=1' for at in range(200_000))}>{PROSE}</p>".encode(),
    "bare.html": lambda: b"<p a b c d e f g h i j k l>x" * 200_000,
    "slashes.html": lambda: f"<p/{'/'.join(f'a{at}' for at in range(200_000))}>{PROSE}</p>".encode(),
    "quotes.html": lambda: b"<p " + b'="' * 5 * MILLION + b">" + PROSE.encode(),
    "cells.html": lambda: b"<table><tr><td>" * 600 + PROSE.encode(),
    "spaced.html": lambda: f"<h1>{'　' * MILLION}桥</h1><p>{PROSE}</p>".encode(),
    "line.html": lambda: f"<p>{'桥' * 10 * MILLION}</p>".encode(),
    "laughs.html": lambda: f"{LAUGHS}<p>&l11;</p><p>{PROSE}</p>".encode(),
    "deep.docx": lambda: docx("<w:p>" * 10_000 + "</w:p>" * 10_000),
    "tables.docx": lambda: docx(nested_tables(60)),
    "wide.docx": lambda: docx(
        "<w:tbl><w:tr>"
        + '<w:tc><w:tcPr><w:gridSpan w:val="9999"/></w:tcPr><w:p><w:r><w:t>桥</w:t></w:r></w:p></w:tc>'
        * 100_000
        + "</w:tr></w:tbl>"
    ),
    "many.docx": lambda: docx("<p b=''/>" * 1_060_000),
    "empty.docx": lambda: docx("<w:p/>" * 1_600_000),
    "styles.docx": lambda: docx(
        f'<w:p><w:pPr><w:pStyle w:val="s0"/></w:pPr><w:r><w:t>{PROSE}</w:t></w:r></w:p>',
        word__styles_0xml=styles(20_000),
    ),
    "laughs.docx": lambda: docx(
        "<w:p><w:r><w:t>&l11;</w:t></w:r></w:p>", LAUGHS.replace("<!DOCTYPE a", "<!DOCTYPE w:document")
    ),
    "attributes.docx": lambda: docx("<p {}/>".format(" ".join(f"a{at}=''" for at in range(500_000)))),
    "hidden.docx": lambda: package(
        word__document_0xml=b'<?xml version="1.0" encoding="UTF-7"?>+ADw-w+AD4-' + b"+ADw-p/+AD4-" * 800_000
    ),
    "tight.docx": lambda: docx(" " * 60 * MILLION),
    "cells.xlsx": lambda: xlsx(
        "".join(f"<row><c><v>{at * 7919 % 99991}</v></c><c><v>{at}</v></c></row>" for at in range(500_001))
    ),
    "rows.xlsx": lambda: xlsx('<row r="1048577"><c r="ZZZ1048577"><v>1</v></c></row>'),
    "strings.xlsx": lambda: xlsx(
        "<row><c><v>1</v></c></row>",
        strings="".join(f"<si><t>{at * 7919 % 99991}</t></si>" for at in range(2_100_000)),
    ),
    "laughs.xlsx": lambda: xlsx("<row><c t='inlineStr'><is><t>&l11;</t></is></c></row>", LAUGHS),
    "commas.csv": lambda: b"a," * 25 * MILLION,
    "rows.csv": lambda: b"1,2\n" * 600_000,
    "parts.csv": lambda: "桥\n".encode() * 400_000,
    "header.csv": lambda: (f"{'长' * 900_000},宽\n" + "1,2\n" * 10_000).encode(),
    "same.epub": lambda: epub(100_000, f"<p>{PROSE}</p>"),
    "laughs.epub": lambda: epub(1, f"<p>{PROSE}</p>", LAUGHS.replace("<!DOCTYPE a", "<!DOCTYPE package")),
    "many.epub": lambda: epub(1, "<br>" * 2_100_000),
    "nested.eml": lambda: nested_parts(5000),
    "nested-little.eml": lambda: nested_parts(90),
    "parts.eml": lambda: letter("Content-Type: multipart/mixed; boundary=b", "--b\n\n" * 50_000),
    "subject.eml": lambda: letter(f"Subject: {'=?utf-8?q?=E6=A1=A5?= ' * 50_000}", PROSE),
    "type.eml": lambda: letter(f"Content-Type: text/plain; {'a=b; ' * 20_000}", PROSE),
    "to.eml": lambda: letter("To: " + "a@example.org, " * 100_000, PROSE),
    "brackets.jsonl": lambda: b"[" * 5 * MILLION,
    "lines.jsonl": lambda: b"\n" * 20 * MILLION,
    "rows.jsonl": lambda: '{"text": "桥长。"}\n'.encode() * 400_000,
    "long.jsonl": lambda: b'{"text": "' + b"a" * 11 * MILLION + b'"}',
    "lists.jsonl": lambda: b"[" + b"[]," * 3 * MILLION + b"[]]",
    "tight.zip": lambda: package(a_0txt=" " * 60 * MILLION),
    "nested.zip": lambda: nested_zips(5),
    "wide.zip": lambda: nested_zips(3),
    "members.zip": lambda: package(**{f"{at}.txt": "" for at in range(100_001)}),
    "forms.pdf": lambda: drawing(20, 10),
    "inflated.pdf": lambda: streamed(inflated(600)),
    "twice.pdf": lambda: streamed(
        zlib.compress(zlib.compress(b" " * 100 * MILLION)), "[/FlateDecode /FlateDecode]"
    ),
    "brackets.pdf": lambda: (
        b"%PDF-1.5\n1 0 obj\n" + b"[" * 5 * MILLION + b"\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF"
    ),
    "pages.pdf": lambda: pdf([column([PROSE], 72, 700)]).replace(b"/Count 1 ", b"/Count 99999999 "),
    "loop.pdf": lambda: pdf([column([PROSE], 72, 700)]).replace(b"/Kids [10 0 R]", b"/Kids [2 0 R]"),
}

# Those that take several seconds each of a whole core.
SLOW = frozenset(("hashes.md", "empty.docx", "cells.xlsx", "commas.csv"))


def outcome(name: str, raw: bytes) -> str:
    """``N articles``, or why the file is refused."""
    reader = import_module(f"qa.formats.{SUFFIXES[PurePosixPath(name).suffix]}")
    try:
        found = reader.read(raw, source=name)
    except ArticleError as error:
        return str(error)
    return f"{sum(not isinstance(part, ArticleError) for part in found)} articles of {len(found)}"


def main(names: list[str]) -> None:
    """Read the bombs of ``names``, or all."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    for name in names or BOMBS:
        raw = BOMBS[name]()
        with suppress(OSError):  # only Linux forgets the peak so far
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = _seconds()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)  # its signal ends the process
        told = outcome(name, raw)
        signal.setitimer(signal.ITIMER_PROF, 0)
        own, helpers = (now - then for now, then in zip(_seconds(), before, strict=True))
        megabytes = _megabytes(helped=helpers > 0)
        row = {"name": name, "outcome": told, "megabytes": megabytes, "seconds": round(own + helpers, 1)}
        print(json.dumps(row, ensure_ascii=False), flush=True)


def _seconds() -> tuple[float, float]:
    """Of processor time so far: of this process, and of those that helped it."""
    own, helpers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime, helpers.ru_utime + helpers.ru_stime


def _megabytes(*, helped: bool) -> int:
    """The most that this process has held since it was last made to forget; or the largest helper so far."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with suppress(OSError):
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        own = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    helper = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss if helped else 0
    return max(own, helper) // 1000


if __name__ == "__main__":
    main(sys.argv[1:])
