"""Bytes to text, never by a silent guess.

A byte order mark decides. Else strict UTF-8, HZ (by its escapes), GB18030, Big5 and UTF-16 are tried,
and every codec that decodes strictly is scored by how rare its characters are in Chinese text. That is
needed because nearly all Big5 text is valid GB18030 too, and UTF-16 without a mark decodes as much.
A file with no clear winner is refused with the candidates named, for the user to say ``--encoding``.
"""

from __future__ import annotations

import codecs
import math
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

from qa.errors import ArticleError, EncodingError, InputError

__all__ = ["Decoded", "damage", "decode"]

TABLE = Path(__file__).parent / "data" / "common_characters.txt"

# The longer mark first: UTF-32-LE begins with the mark of UTF-16-LE.
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    ("\ufeff".encode("gb18030"), "gb18030"),
)
LEGACY = ("gb18030", "cp950", "big5hkscs", "utf-16-le", "utf-16-be")
FAMILY = {
    "gb2312": "gb",
    "gbk": "gb",
    "gb18030": "gb",
    "big5": "big5",
    "cp950": "big5",
    "big5hkscs": "big5",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16",
    "utf-16-be": "utf-16",
    "utf-8": "utf-8",
}
UNORDERED = ("utf-16", "utf-32")

ASCII_BITS = 6  # the same for every candidate: what counts is how many characters were left as ASCII
RARE_BITS = 20  # a character the table does not hold: one in a million
IMPOSSIBLE_BITS = 30  # unassigned, private or control characters
PLAUSIBLE_BITS = 11.6  # mean of running Chinese is 9 to 10; EUC-KR read as GB18030 is above 12
PLAUSIBLE_SPREAD = 9.0  # short texts vary: allow this over the root of the number of characters
CLEAR_BITS = 24.0  # the winner must be 2**24 times likelier than the next
HINT_BITS = 8.0  # with a declaration that agrees, this much is enough
SAMPLE = 100_000  # characters scored
WEAK_UTF8_DISTINCT = 5
LARGEST = 64_000_000  # bytes of one text: a gigabyte of memory while the encodings are tried

_ASCII = re.compile("[\t\n\r -~]+")
_HZ_RUN = re.compile(rb"~\{((?:[\x21-\x77][\x21-\x7e])+)~\}")
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_CONTROL_SHARE = 0.02

# What was lost leaves these behind: U+FFFD, that read as GBK or Latin-1, memory that nothing was written to.
LOST = ("\ufffd", "锟斤拷", "ï¿½", "烫烫烫烫", "屯屯屯屯")
# (what the bytes were, what they were taken for)
MISREAD = (
    ("utf-8", "gb18030"),
    ("utf-8", "cp1252"),
    ("utf-8", "latin-1"),
    ("gb18030", "latin-1"),
    ("cp950", "latin-1"),
    ("cp950", "gb18030"),
    ("gb18030", "cp950"),
)
FEWER_BITS = 3  # by which a character must become commoner, on average, once the mistake is undone
_QUESTIONED = re.compile(r"\?{3,}")
# What the marks and the commonest characters of Chinese in UTF-8 become when read as GBK …
_AS_GBK = "鈥锛銆鐨鍦鍥鏄涓浜鎴"
# … and sequences of UTF-8 read a byte a character, as Windows shows them.
_AS_LATIN = r"[\xc2-\xf4][\x80-\xbf\u0152-\u017e\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
_PLACE = re.compile(rf"[{_AS_GBK}]|(?:{_AS_LATIN}{{1,3}}){{3}}")
_AROUND = (0, 6, 12, 30)  # characters looked at behind such a place, nearest first
MOST_PLACES = 1000


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a file and how it was had.

    ``encoding``  Python codec that decodes the bytes after the mark (``utf-16-le``, never ``utf-16``)
    ``bom``       bytes of the mark before the text
    ``exact``     ``text.encode(encoding)`` gives those bytes back, piece by piece too
    ``warnings``  what may be wrong with the characters, one line each; also ``doubts``
    ``doubts``    which characters depend on the codec that was chosen, one line
    """

    text: str
    encoding: str
    bom: int = 0
    exact: bool = True
    warnings: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One codec that decodes strictly. ``bits``: in total, ``mean``: per non-ASCII character."""

    codec: str
    text: str
    bits: float
    mean: float
    marks: int
    distinct: int

    @property
    def plausible(self) -> bool:
        """Whether it reads like Chinese at all, so that it may win alone.

        In UTF-16 the ASCII characters count too: that each has its NUL in the right place is evidence.
        """
        wide = self.codec.startswith("utf-16")
        size, mean = (len(self.text), self.bits / len(self.text)) if wide else (self.marks, self.mean)
        return size > 0 and mean <= _plausible(size)


def _plausible(size: int) -> float:
    """Mean bits up to which ``size`` characters can be Chinese."""
    return PLAUSIBLE_BITS + PLAUSIBLE_SPREAD / math.sqrt(max(1, size))


def decode(
    raw: bytes, *, encoding: str | None = None, where: str = "", declared: str | None = None
) -> Decoded:
    """The text of a file's bytes; newlines stay as they are.

    ``encoding`` is the user's word and is obeyed strictly. ``declared`` is what the file says of itself
    (an HTML ``charset``): it only settles between candidates that are close. ``where`` names the file
    in errors. Raises ArticleError for what is no text, EncodingError where no codec clearly wins or the
    user's does not decode it, InputError for a codec that does not exist.
    """
    where = where or "input"
    if not raw:
        raise ArticleError(f"{where}: empty file", where=where)
    if len(raw) > LARGEST:
        raise ArticleError(
            f"{where}: is a text of {len(raw):,} bytes, more than {LARGEST:,}; split it", where=where
        )
    codec, bom = _codec(raw, encoding=encoding, where=where, declared=declared)
    text = _strict(raw[bom:], codec, where)
    _refuse_binary(text, where)
    doubts = _doubts(raw[bom:], text, codec)
    return Decoded(text, codec, bom, _exact(raw[bom:], text, codec), (*damage(text), *doubts), doubts)


def _codec(raw: bytes, *, encoding: str | None, where: str, declared: str | None) -> tuple[str, int]:
    """Which codec decodes ``raw`` and how many bytes its mark takes."""
    marked = next(((codec, len(mark)) for mark, codec in MARKS if raw.startswith(mark)), None)
    if encoding is not None:
        named = _named(encoding)
        if marked is not None and (marked[0] == named or named in UNORDERED):
            return marked
        if named in UNORDERED:
            raise InputError(f"{where}: no byte order mark: say {named}-le or {named}-be instead of {named}")
        return named, 0
    if marked is not None:
        return marked
    return _guess(raw, where, None if declared is None else _family(declared)), 0


def _named(encoding: str) -> str:
    """The codec's own name; ``utf-8-sig`` is UTF-8, whose mark is looked for anyway."""
    try:
        info = codecs.lookup(encoding)
        "".encode(encoding)  # codecs that are no text encodings (base64, rot13) refuse here
    except (LookupError, ValueError) as error:
        raise InputError(f"unknown encoding {encoding!r}: try utf-8, gb18030, big5 or utf-16-le") from error
    name = info.name.replace("_", "-")
    return name.removesuffix("-sig")


def _family(declared: str) -> str | None:
    try:
        return FAMILY.get(codecs.lookup(declared.strip()).name.replace("_", "-"))
    except (LookupError, ValueError):  # a name with a NUL or half a surrogate is none
        return None


def _guess(raw: bytes, where: str, family: str | None) -> str:
    if b"\x1b$" in raw:
        raise EncodingError(f"{where}: looks like ISO-2022: convert it to UTF-8", where=where)
    if _hz(raw, where):
        return "hz"
    utf8 = _candidate(raw, "utf-8")
    if utf8 is not None and _strong_utf8(utf8):
        return "utf-8"
    found = [made for codec in LEGACY if (made := _candidate(raw, codec)) is not None]
    found = _one_big5(found, raw)
    if utf8 is not None and "\0" not in utf8.text:
        return _weak_utf8(utf8, found, where)
    return _winner(found, raw, where, family)


def _hz(raw: bytes, where: str) -> bool:
    """Whether the bytes are ASCII whose ``~{…~}`` runs read as Chinese."""
    runs = _HZ_RUN.findall(raw) if raw.isascii() else []
    if not runs:
        return False
    inside = bytes(byte | 0x80 for byte in b"".join(runs))
    made = _candidate(inside, "gb2312")
    if made is None:
        return False
    if made.plausible and _try(raw, "hz") is not None:
        return True
    raise EncodingError(
        f"{where}: could be hz or utf-8; say which with --encoding", where=where, candidates=("hz", "utf-8")
    )


def _strong_utf8(made: _Candidate) -> bool:
    """Three-byte sequences hardly arise by chance; text of one- and two-byte ones alone may be GBK."""
    return max(made.text, default="") >= "\u0800" and "\0" not in made.text


def _weak_utf8(utf8: _Candidate, rivals: list[_Candidate], where: str) -> str:
    """UTF-8 without a Han character stands, unless something else reads as Chinese throughout.

    A dot between names (C2 B7) is one common character in GBK: a few familiar signs are no rival's proof.
    """
    likely = [one for one in rivals if one.plausible and one.bits < utf8.bits]
    if not likely or (utf8.marks > 0 and utf8.distinct < WEAK_UTF8_DISTINCT and _familiar(utf8.text)):
        return "utf-8"
    best = min(likely, key=lambda one: (one.bits, one.codec))
    if utf8.marks >= WEAK_UTF8_DISTINCT and utf8.bits - best.bits > CLEAR_BITS:
        return best.codec
    raise _unclear([best, utf8], where)


def _familiar(text: str) -> bool:
    """Whether its non-ASCII characters are Latin letters and signs, or in the table."""
    return all("\xa0" <= char <= "\u017f" or char in _table() for char in set(_ASCII.sub("", text)))


def _winner(found: list[_Candidate], raw: bytes, where: str, family: str | None) -> str:
    ranked = sorted(found, key=lambda one: (one.bits, one.codec))
    if not ranked or not ranked[0].plausible:
        raise _unreadable(ranked, raw, where)
    best, rest = ranked[0], ranked[1:]
    lead = rest[0].bits - best.bits if rest else math.inf
    needed = HINT_BITS if FAMILY[best.codec] == family else CLEAR_BITS
    if lead >= needed:
        return best.codec
    raise _unclear([one for one in ranked if one.bits - best.bits < CLEAR_BITS], where)


def _one_big5(found: list[_Candidate], raw: bytes) -> list[_Candidate]:
    """Keep one of the two Big5 codecs: they share the Han characters and differ in symbols and kana.

    Kana, circled numbers and radicals stand where Big5-HKSCS (after ETEN) has them; Python's cp950 puts
    them elsewhere. For the symbols of the first rows Windows' mapping is the usual one.
    """
    pair = {one.codec: one for one in found if FAMILY[one.codec] == "big5"}
    if len(pair) < 2:
        return found
    extended = any("\u2460" <= char <= "\u33ff" for char in _differences(pair["big5hkscs"], pair["cp950"]))
    exact = {codec for codec, one in pair.items() if _exact(raw, one.text, codec)}
    drop = "cp950" if extended or exact == {"big5hkscs"} else "big5hkscs"
    return [one for one in found if one.codec != drop]


def _differences(ours: _Candidate, other: _Candidate) -> set[str]:
    if len(ours.text) != len(other.text):
        return set(ours.text) - set(other.text)
    return {one for one, two in zip(ours.text, other.text, strict=True) if one != two}


def _candidate(raw: bytes, codec: str) -> _Candidate | None:
    text = _try(raw, codec)
    if text is None:
        return None
    marks = _ASCII.sub("", text)
    sample = marks[:: max(1, len(marks) // SAMPLE)]
    counts = Counter(sample)
    total = sum(_bits(char) * count for char, count in counts.items())
    mean = total / len(sample) if sample else 0.0
    bits = mean * len(marks) + ASCII_BITS * (len(text) - len(marks))
    return _Candidate(codec, text, bits, mean, len(marks), len(counts))


@cache
def _table() -> dict[str, int]:
    """Bits of each common character, from the table made by ``training/make_character_table.py``."""
    rows = TABLE.read_text(encoding="utf-8").splitlines()
    cells = (row.split("\t") for row in rows if row and not row.startswith("#"))
    return {char: int(bits) for bits, chars in cells for char in chars}


def _bits(char: str) -> int:
    known = _table().get(char)
    if known is not None:
        return known
    return IMPOSSIBLE_BITS if unicodedata.category(char) in ("Cn", "Co", "Cc", "Cs") else RARE_BITS


def _try(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return None


def _strict(raw: bytes, codec: str, where: str) -> str:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError as error:
        wider = " (try gb18030)" if codec in ("gb2312", "gbk") else ""
        raise EncodingError(
            f"{where}: is not {codec}: byte {error.start} cannot be decoded{wider}",
            where=where,
            candidates=(codec,),
        ) from error


def _refuse_binary(text: str, where: str) -> None:
    if "\0" in text:
        raise ArticleError(f"{where}: not text: NUL at character {text.index(chr(0))}", where=where)
    controls = len(_CONTROL.findall(text))
    if controls > max(1, _CONTROL_SHARE * len(text)):
        raise ArticleError(f"{where}: not text: {controls} control characters", where=where)


def _unreadable(ranked: list[_Candidate], raw: bytes, where: str) -> ArticleError:
    """Why nothing fits: nearly UTF-8, no text at all, or a codec of another language."""
    if b"\0" in raw:
        return ArticleError(f"{where}: not text: NUL at byte {raw.index(0)}", where=where)
    kept = raw.decode("utf-8", errors="ignore").encode()
    if len(raw) - len(kept) <= max(4, len(raw) // 100) and not kept.isascii():
        at = _first_bad_byte(raw)
        return EncodingError(
            f"{where}: UTF-8 with {len(raw) - len(kept)} bytes that do not decode, the first at byte {at};"
            " repair the file or name its --encoding",
            where=where,
            candidates=("utf-8",),
        )
    names = tuple(one.codec for one in ranked)
    tried = f"; it would decode as {', '.join(names)} but not to Chinese" if names else ""
    return EncodingError(
        f"{where}: no encoding fits{tried}; name it with --encoding", where=where, candidates=names
    )


def _first_bad_byte(raw: bytes) -> int:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return len(raw)


def _unclear(close: list[_Candidate], where: str) -> EncodingError:
    names = tuple(one.codec for one in close)
    return EncodingError(
        f"{where}: could be {' or '.join(names)}; say which with --encoding", where=where, candidates=names
    )


def _exact(raw: bytes, text: str, codec: str) -> bool:
    if codec in ("hz", "utf-7") or codec.startswith("iso2022"):
        return False  # stateful: a piece of the text does not encode to a piece of the bytes
    try:
        return text.encode(codec) == raw
    except UnicodeEncodeError:
        return False


def damage(text: str) -> tuple[str, ...]:
    """What was done to ``text`` before it came here, one line each: characters lost, bytes read wrongly.

    Nothing can be mended from the text alone, so it is told and left as it is.
    """
    found = (_lost(text), _questioned(text), _misread(text) or _misread_in_part(text))
    return tuple(warning for warning in found if warning is not None)


def _lost(text: str) -> str | None:
    """Characters replaced before the file was written."""
    lost = {name: count for name in LOST if (count := text.count(name))}
    if not lost:
        return None
    listed = ", ".join(
        f"{'U+FFFD' if name == chr(0xFFFD) else name} x {count}" for name, count in lost.items()
    )
    return f"characters were lost before this file was written ({listed})"


def _questioned(text: str) -> str | None:
    """Whether question marks stand where a program that knew no Chinese had to write something."""
    if "???" not in text:
        return None
    marks = sum(len(run) for run in _QUESTIONED.findall(text))
    if marks < 12 or 5 * marks < len(text):
        return None
    return f"characters were lost before this file was written ({marks} question marks in their place)"


def _misread(text: str) -> str | None:
    """Whether the text as a whole is in one encoding that was once opened as another and saved again."""
    marks = _ASCII.sub("", text[:5_000])[:500]
    return None if len(marks) < 6 else _undone(marks)


def _undone(marks: str) -> str | None:
    """Which mistake made ``marks`` of commoner characters, if any did."""
    bits = _mean_bits(marks)
    for was, taken in MISREAD if bits > PLAUSIBLE_BITS else ():
        raw = marks.encode(taken, errors="ignore")
        back = raw.decode(was, errors="ignore")
        # By chance much is valid in the older encodings, so there it must read as Chinese throughout.
        share, most = (0.7, bits) if was == "utf-8" else (0.95, _plausible(len(back)))
        mean = _mean_bits(back)
        kept = len(back.encode(was, errors="ignore"))
        if kept > share * len(raw) > 0 and mean < bits - FEWER_BITS and mean <= most:
            return f"reads like {was.upper()} that was once opened as {taken} and saved again"
    return None


def _misread_in_part(text: str) -> str | None:
    """The first place that reads like that, where most of the text does not."""
    for found in islice(_PLACE.finditer(text), MOST_PLACES):
        for around in _AROUND:
            marks = _ASCII.sub("", text[found.start() : found.end() + around])
            told = None if len(marks) < 4 else _undone(marks)
            if told is not None:
                return told.replace("reads", f"reads at character {found.start()}", 1)
    return None


def _mean_bits(text: str) -> float:
    marks = _ASCII.sub("", text)
    return sum(map(_bits, marks)) / len(marks) if marks else float(IMPOSSIBLE_BITS)


def _doubts(raw: bytes, text: str, codec: str) -> tuple[str, ...]:
    """Where the two codecs of Big5 differ over the file."""
    other = {"cp950": "big5hkscs", "big5hkscs": "cp950"}.get(codec)
    reading = None if other is None else _try(raw, other)
    if reading is None or reading == text or len(reading) != len(text):
        return ()
    pairs = sorted({f"{a}/{b}" for a, b in zip(text, reading, strict=True) if a != b})
    return (f"{codec} and {other} differ in {len(pairs)} of its characters ({' '.join(pairs[:6])})",)
