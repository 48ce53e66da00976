"""E-mail files: the message is one article, and each attachment of a known kind its own."""

from __future__ import annotations

import email
import email.policy
import hashlib
import re
from collections.abc import Iterator
from email.message import EmailMessage, Message
from email.utils import parseaddr, parsedate_to_datetime
from pathlib import PurePosixPath

from qa.byline import Byline, named
from qa.decoding import Decoded, decode
from qa.errors import ArticleError, EncodingError, InputError
from qa.formats import SUFFIXES as KINDS
from qa.formats import Room, extracted, html, member
from qa.furniture import Line
from qa.outline import lines
from qa.types import Article

__all__ = ["SUFFIXES", "read"]

SUFFIXES = (".eml",)
LARGEST = 100_000_000  # bytes; the library holds them several times
MOST_ATTACHMENTS = 1000
MOST_PARTS = 10_000  # beginnings of parts, also those of parts inside parts
LONGEST_HEADER = 10_000  # characters; the library's parser takes their square
DEEPEST = 100  # messages and groups of parts
HEADERS = ("from", "date", "subject", "to", "message-id")
WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "big5": "cp950"}  # what programs write under these names

# What the library raises over broken messages.
_BROKEN = (ValueError, OverflowError, LookupError, TypeError, AttributeError)
_BOUNDARY = re.compile(rb"^content-type:\s*multipart/", re.IGNORECASE | re.MULTILINE)
_INNER = re.compile(rb"^content-type:\s*message/", re.IGNORECASE | re.MULTILINE)
_STRUCTURE = re.compile(
    rb"^(?:content-[a-z-]+|mime-version):[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*", re.IGNORECASE | re.MULTILINE
)
_SIGNATURE = re.compile(r"--\s*")
_SENT_BEFORE = re.compile(r"\s*>")
_BEFORE = re.compile(r"-{2,}\s*(?:原始邮件|原始郵件|转发邮件|Original Message|Forwarded message)\s*-{2,}")


def read(
    raw: bytes, *, source: str, encoding: str | None = None, room: Room | None = None
) -> list[Article | ArticleError]:
    """The message, then its attachments, whose ``element`` is their file's name; what is refused, why.

    The text is the plain part, else what the HTML part shows. Quoted lines of earlier messages and the
    signature are furniture. Title and date are the headers'. ``encoding`` goes before the stated
    charset. Raises ArticleError for what is no message.
    """
    if not raw.strip():
        raise ArticleError(f"{source}: empty file", where=source)
    _refuse_bomb(raw, source)
    try:
        message = email.message_from_bytes(raw, policy=email.policy.default)
    except (*_BROKEN, RecursionError) as error:
        raise ArticleError(
            f"{source}: cannot be read as e-mail ({type(error).__name__}); save it again", where=source
        ) from error
    if not isinstance(message, EmailMessage) or not any(_header(message, name) for name in HEADERS):
        raise ArticleError(f"{source}: is no e-mail (no From, Date or Subject)", where=source)
    sha256 = hashlib.sha256(raw).hexdigest()
    found: list[Article | ArticleError] = []
    try:
        found.append(_message(message, raw, source, encoding))
    except ArticleError as error:
        found.append(error)
    room = Room() if room is None else room
    for name, inside in _attachments(message, source):
        if isinstance(inside, ArticleError):
            found.append(inside)
        else:
            found += member(inside, name=name, source=source, sha256=sha256, encoding=encoding, room=room)
    return found


def _refuse_bomb(raw: bytes, source: str) -> None:
    """Raises ArticleError for more parts, deeper parts or longer headers than a letter has."""
    if len(raw) > LARGEST:
        raise ArticleError(f"{source}: has {len(raw):,} bytes, more than {LARGEST:,}; split it", where=source)
    if raw.count(b"\n--") > MOST_PARTS:
        raise ArticleError(f"{source}: has more than {MOST_PARTS:,} parts; split it", where=source)
    if len(_BOUNDARY.findall(raw)) + len(_INNER.findall(raw)) > DEEPEST:
        raise ArticleError(f"{source}: holds more than {DEEPEST} messages or groups of parts", where=source)
    longest = max((found.end() - found.start() for found in _STRUCTURE.finditer(raw)), default=0)
    if longest > LONGEST_HEADER:
        raise ArticleError(f"{source}: has a header of {longest:,} characters", where=source)


def _message(message: EmailMessage, raw: bytes, source: str, encoding: str | None) -> Article:
    body = message.get_body(preferencelist=("plain", "html"))
    made = _decoded(body, source, encoding) if isinstance(body, EmailMessage) else None
    if made is None or body is None:
        raise ArticleError(f"{source}: holds no text", where=source)
    if body.get_content_type() == "text/html":
        shown = [row.line for row in html.page_of(made.text, source).placed]
    else:
        shown = list(_marked(made.text))
    return extracted.article(
        shown,
        raw=raw,
        source=source,
        title=_subject(message) or PurePosixPath(source).stem,
        date=_date(message),
        encoding=made.encoding,
        warnings=(*made.doubts, *_defects(message)),
        byline=Byline(named(_sender(message))),
    )


def _decoded(part: EmailMessage, source: str, encoding: str | None) -> Decoded | None:
    """The text of a part: by the user's word, by the stated charset where it fits, else by a look at it."""
    raw = part.get_payload(decode=True)
    if not isinstance(raw, bytes) or not raw.strip():
        return None
    stated = part.get_content_charset()
    if encoding is None and stated is not None and not stated.startswith("us-ascii"):
        try:
            return decode(raw, encoding=WIDER.get(stated, stated), where=source)
        except (EncodingError, InputError):
            pass
    return decode(raw, encoding=encoding, where=source, declared=stated)


def _marked(text: str) -> Iterator[Line]:
    """The lines of a plain part; what was sent before and the signature are furniture."""
    below = False
    for row in lines(text):
        line = row.line.text
        below = below or _SIGNATURE.fullmatch(line) is not None or _BEFORE.match(line.strip()) is not None
        outside = below or _SENT_BEFORE.match(line) is not None
        yield Line(line, level=None, kind="furniture" if outside else None, prose=True)


# -- headers ----------------------------------------------------------------------------------------


def _header(message: EmailMessage, name: str) -> str | None:
    """A header as one line; None where it is missing or cannot be read."""
    raw = next((value for key, value in message.raw_items() if key.lower() == name), None)
    if raw is None or len(raw) > LONGEST_HEADER:
        return None
    try:
        value = message[name]
    except _BROKEN:
        return None
    return None if value is None else " ".join(str(value).split()) or None


def _subject(message: EmailMessage) -> str | None:
    """The subject; raw bytes in it, which the standard forbids, are decoded where they can be."""
    subject = _header(message, "subject")
    if subject is None or subject.isascii():
        return subject
    try:
        raw = subject.encode("utf-8", "surrogateescape")
        return decode(raw).text if re.search("[\udc80-\udcff]", subject) else subject
    except (ArticleError, UnicodeError):
        return None


def _sender(message: EmailMessage) -> str | None:
    """The name of who sent it, the address where there is none."""
    name, address = parseaddr(_header(message, "from") or "")
    return name or address or None


def _date(message: EmailMessage) -> str | None:
    stated = _header(message, "date")
    try:
        return None if stated is None else parsedate_to_datetime(stated).date().isoformat()
    except (ValueError, TypeError, OverflowError):
        return None


def _defects(message: EmailMessage) -> tuple[str, ...]:
    """What the parts of a cut or damaged message lack, one line."""
    names = {
        type(defect).__name__.removesuffix("Defect") for part in message.walk() for defect in part.defects
    }
    return (f"the message is damaged ({', '.join(sorted(names))})",) if names else ()


# -- attachments ------------------------------------------------------------------------------------


def _attachments(message: EmailMessage, source: str) -> Iterator[tuple[str, bytes | ArticleError]]:
    """Name and bytes of each attachment of a known kind; of two with one name the second is refused."""
    seen: set[str] = set()
    try:
        parts = list(_parts(message))
    except _BROKEN:  # a charset that is no name, and the like
        reason = f"{source}: its attachments cannot be told apart; save them by themselves"
        yield "", ArticleError(reason, where=source)
        return
    for number, part in enumerate(parts, start=1):
        if number > MOST_ATTACHMENTS:
            reason = f"{source}: has more than {MOST_ATTACHMENTS} attachments; the rest is left out"
            yield "", ArticleError(reason, where=source)
            return
        name = _file_name(part, number)
        if PurePosixPath(name).suffix.lower() not in KINDS:
            continue
        if name in seen:
            yield name, ArticleError(f"{source}/{name}: has the name of another attachment", where=source)
            continue
        seen.add(name)
        yield name, _content(part)


def _parts(message: EmailMessage) -> Iterator[EmailMessage]:
    """Attachments, also those inside groups of parts; a message that was forwarded is one."""
    for part in message.iter_attachments():
        if part.get_content_maintype() == "multipart":
            yield from _parts(part)
        else:
            yield part


def _file_name(part: EmailMessage, number: int) -> str:
    try:
        name = part.get_filename()
    except _BROKEN:
        name = None
    if name is None:
        return f"message {number}.eml" if part.get_content_type() == "message/rfc822" else ""
    return " ".join(PurePosixPath(name.replace("\\", "/")).name.encode("utf-8", "replace").decode().split())


def _content(part: EmailMessage) -> bytes:
    if part.get_content_type() == "message/rfc822":
        inner = part.get_payload()
        messages = inner if isinstance(inner, list) else []
        return b"".join(one.as_bytes() for one in messages if isinstance(one, Message))
    raw = part.get_payload(decode=True)
    return raw if isinstance(raw, bytes) else b""
