"""Small PDF files made by hand: known text at known places, in a font that says what its signs mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Words", "column", "pdf"]

WIDTH, HEIGHT = 595, 842


@dataclass(frozen=True)
class Words:
    """A line of text with the place of its first character, in points from the lower left corner.

    ``shape``: how the font is turned and stretched, as PDF has it; not for pages that are turned.
    """

    text: str
    x: float
    y: float
    size: float = 12
    shape: str = "1 0 0 1"


def column(lines: Sequence[str], x: float, top: float, size: float = 12, pitch: float = 18) -> list[Words]:
    """Lines below each other, the first at ``top``; leading full-width spaces move a line in."""
    return [
        Words(
            line.lstrip("\u3000"), x + size * (len(line) - len(line.lstrip("\u3000"))), top - pitch * at, size
        )
        for at, line in enumerate(lines)
    ]


def pdf(
    pages: Sequence[Sequence[Words]],
    *,
    picture: bool = False,
    mapped: bool = True,
    turn: int = 0,
    latin: bool = False,
) -> bytes:
    """A file of ``pages``; half-width characters are half as wide as others.

    ``picture`` puts an image on each page; without ``mapped`` no sign says which character it is.
    ``turn``: degrees to the right by which each page is turned when it is shown; its text is upright then.
    ``latin`` sets ASCII in Helvetica.
    """
    chars = sorted({char for page in pages for words in page for char in words.text})
    codes = {char: at for at, char in enumerate(chars, start=1)}
    kids = " ".join(f"{10 + 2 * at} 0 R" for at in range(len(pages)))
    wide = " ".join(f"{codes[char]} [500]" for char in chars if char < "\u2000")
    if latin:
        codes = {char: ord(char) for char in chars}
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>".encode(),
        3: b"<< /Type /Font /Subtype /Type0 /BaseFont /Song /Encoding /Identity-H /DescendantFonts [4 0 R]"
        + (b" /ToUnicode 6 0 R >>" if mapped else b" >>"),
        4: b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Song /DW 1000 /FontDescriptor 5 0 R"
        b" /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"
        + f" /W [{wide}] >>".encode(),
        5: b"<< /Type /FontDescriptor /FontName /Song /Flags 4 /ItalicAngle 0 /Ascent 860 /Descent -140"
        b" /CapHeight 800 /StemV 80 /FontBBox [0 -140 1000 860] >>",
        6: _stream(_map(codes)),
        7: _stream(b"\x80", "/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray"
                   " /BitsPerComponent 8"),
    }  # fmt: skip
    if latin:
        objects[3] = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    digits = 2 if latin else 4
    for at, page in enumerate(pages):
        objects[10 + 2 * at] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Rotate {turn}"
            f" /Resources << /Font << /F 3 0 R >> /XObject << /I 7 0 R >> >> /Contents {11 + 2 * at} 0 R >>"
        ).encode()
        drawn = "q 400 0 0 400 90 200 cm /I Do Q\n" if picture else ""
        objects[11 + 2 * at] = _stream(
            (drawn + "".join(_shown(words, codes, digits, turn) for words in page)).encode()
        )
    return _file(objects)


def _shown(words: Words, codes: dict[str, int], digits: int, turn: int) -> str:
    text = "".join(f"{codes[char]:0{digits}X}" for char in words.text)
    x, y = words.x, words.y
    place = {
        0: f"{words.shape} {x} {y}",
        90: f"0 1 -1 0 {WIDTH - y} {x}",
        180: f"-1 0 0 -1 {WIDTH - x} {HEIGHT - y}",
        270: f"0 -1 1 0 {y} {HEIGHT - x}",
    }[turn]
    return f"BT /F {words.size} Tf {place} Tm <{text}> Tj ET\n"


def _map(codes: dict[str, int]) -> bytes:
    rows = "\n".join(f"<{code:04X}> <{char.encode('utf-16-be').hex()}>" for char, code in codes.items())
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /M def /CMapType 2 def\n"
        "1 begincodespacerange <0000> <FFFF> endcodespacerange\n"
        f"{len(codes)} beginbfchar\n{rows}\nendbfchar\nendcmap end end"
    ).encode()


def _stream(inside: bytes, more: str = "") -> bytes:
    return f"<< /Length {len(inside)} {more} >>\nstream\n".encode() + inside + b"\nendstream"


def _file(objects: dict[int, bytes]) -> bytes:
    made, places = b"%PDF-1.5\n", {}
    for number, inside in sorted(objects.items()):
        places[number] = len(made)
        made += f"{number} 0 obj\n".encode() + inside + b"\nendobj\n"
    rows = "".join(f"{number} 1\n{place:010d} 00000 n \n" for number, place in places.items())
    table = f"xref\n0 1\n0000000000 65535 f \n{rows}trailer << /Size {max(places) + 1} /Root 1 0 R >>\n"
    return made + f"{table}startxref\n{len(made)}\n%%EOF\n".encode()
