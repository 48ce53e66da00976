"""ZIP packages opened within bounds: documents that are packed XML, and archives."""

from __future__ import annotations

import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator

from qa.errors import ArticleError

__all__ = ["opened", "present", "refuse_encoding", "refuse_other", "refuse_tight", "unpacked"]

LARGEST_PART = 100_000_000  # bytes of one member once unpacked
UNSUSPECTED = 10_000_000  # bytes up to which any ratio is allowed: repeated text packs well
RATIO = 200  # times; sheets of repeated numbers reach about 100, deflate at most 1032
LONGEST_DECLARATION = 1000  # bytes
_DECLARATION = re.compile(rb"(?:\xef\xbb\xbf)?<\?xml\s")
_ENCODING = re.compile(rb"""\bencoding\s*=\s*["']([^"']*)""")
# Those in which every ``<`` is the byte 3C, so that marks can be counted before anything is parsed. In others
# (UTF-7, those of mainframes) a mark can be hidden.
_COUNTABLE = re.compile(
    rb"utf-?8|utf-?16(?:be|le)?|(?:us-)?ascii|iso-?8859-\d+|latin-?1|(?:windows-|cp)(?:125\d|936|950)"
    rb"|gb_?2312|gbk|gb18030|euc-\w\w|big5(?:-?hkscs)?|shift_jis|koi8-[ru]",
    re.IGNORECASE,
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LOCKED = "EncryptedPackage".encode("utf-16-le")
_BEGINNINGS = (
    (b"%PDF-", "PDF"),
    (_OLE, "an old Office file (.doc, .xls)"),
    (b"{\\rtf", "RTF"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"<", "HTML or XML"),
)
_HOLDS = (
    ("word/document.xml", "DOCX"),
    ("xl/workbook.xml", "XLSX"),
    ("ppt/presentation.xml", "PPTX"),
    ("META-INF/container.xml", "EPUB"),
)
# What zipfile raises over a damaged package, besides its own error.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, NotImplementedError,
)  # fmt: skip


def opened(raw: bytes, *, where: str, kind: str) -> zipfile.ZipFile:
    """The package in ``raw``. ``kind`` is what it is meant to be (``DOCX``), for errors.

    Raises ArticleError naming ``where``: nothing in it, locked with a password, cut off, something else.
    """
    if not raw:
        raise ArticleError(f"{where}: empty file", where=where)
    if raw.startswith(_OLE) and _LOCKED in raw:
        raise ArticleError(f"{where}: needs a password; save it without one", where=where)
    if not raw.startswith(b"PK"):
        refuse_other(raw, where=where, kind=kind)
    try:
        return zipfile.ZipFile(io.BytesIO(raw))
    except _DAMAGE as error:
        raise ArticleError(f"{where}: is cut off or damaged ({error}); get it again", where=where) from error


def refuse_other(raw: bytes, *, where: str, kind: str) -> None:
    """Raises ArticleError that says what ``raw`` is, if that can be told, where ``kind`` was expected."""
    found = next((name for start, name in _BEGINNINGS if raw.lstrip()[:8].startswith(start)), None)
    if found is None and raw.startswith(b"PK"):
        found = "a ZIP package"
    told = "something else" if found is None else found
    raise ArticleError(f"{where}: is {told}, not {kind}; give it the right suffix", where=where)


def present(package: zipfile.ZipFile, name: str, *, where: str, kind: str) -> None:
    """Raises ArticleError where the package does not hold ``name``, which a file of this kind must."""
    names = set(package.namelist())
    if name not in names:
        found = next((other for part, other in _HOLDS if part in names), "a ZIP package of something else")
        raise ArticleError(f"{where}: is {found}, not {kind}; give it the right suffix", where=where)


def refuse_encoding(raw: bytes, *, where: str) -> None:
    """Raises ArticleError where the XML that begins with ``raw`` says that its marks are hidden."""
    head = raw[:LONGEST_DECLARATION]
    if _DECLARATION.match(head) is None:
        return  # UTF-8, or UTF-16 that its first bytes tell
    end = head.find(b"?>")
    if end < 0:
        raise ArticleError(f"{where}: is not sound XML (its declaration has no end)", where=where)
    found = _ENCODING.search(head, 0, end)
    if found is not None and _COUNTABLE.fullmatch(found[1]) is None:
        name = found[1].decode("ascii", "replace")[:20]
        raise ArticleError(f"{where}: is XML in the encoding {name!r}; save it as UTF-8", where=where)


def refuse_tight(package: zipfile.ZipFile, *, where: str, marks: Callable[[str], int]) -> None:
    """For a library that reads the members by itself: raises ArticleError where one cannot be let out.

    ``marks``: how many ``<`` the member of a name may hold.
    """
    for info in package.infolist():
        _refuse_large(info, where)
        refuse_encoding(_head(package, info), where=f"{where}: {info.filename!r}")
        allowed = marks(info.filename)
        if (
            info.file_size > allowed
            and sum(part.count(b"<") for part in _chunks(package, info, where)) > allowed
        ):
            raise ArticleError(
                f"{where}: {info.filename!r} holds more than {allowed:,} marks; split it", where=where
            )


def _head(package: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """The beginning of a member; nothing where it is damaged, which matters only to who needs it."""
    try:
        with package.open(info) as member:
            return member.read(LONGEST_DECLARATION)
    except _DAMAGE:
        return b""


def _chunks(package: zipfile.ZipFile, info: zipfile.ZipInfo, where: str) -> Iterator[bytes]:
    try:
        with package.open(info) as member:
            while chunk := member.read(1 << 20):
                yield chunk
    except _DAMAGE as error:
        raise _damaged(info, error, where) from error


def _damaged(info: zipfile.ZipInfo, error: Exception, where: str) -> ArticleError:
    return ArticleError(f"{where}: is damaged at {info.filename!r} ({error}); get it again", where=where)


def unpacked(package: zipfile.ZipFile, name: str | zipfile.ZipInfo, *, where: str) -> bytes:
    """The bytes of one member. Raises ArticleError: locked, too large, packed too tightly, damaged."""
    info = package.getinfo(name) if isinstance(name, str) else name
    _refuse_large(info, where)
    try:
        return package.read(info)
    except _DAMAGE as error:
        raise _damaged(info, error, where) from error


def _refuse_large(info: zipfile.ZipInfo, where: str) -> None:
    """By the size that the package states: zipfile gives out no byte more than that."""
    if info.flag_bits & 1:
        raise ArticleError(f"{where}: needs a password; pack it without one", where=where)
    size = info.file_size
    if size > LARGEST_PART:
        raise ArticleError(
            f"{where}: {info.filename!r} unpacks to {size:,} bytes, more than {LARGEST_PART:,}; split it",
            where=where,
        )
    if size > UNSUSPECTED and size > RATIO * info.compress_size:
        raise ArticleError(
            f"{where}: {info.filename!r} unpacks to {size // max(1, info.compress_size)} times its size;"
            " refused as a bomb",
            where=where,
        )
