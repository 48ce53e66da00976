"""Markdown: the text keeps its markup, so that every offset is an offset in the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from qa.byline import byline_of
from qa.decoding import decode
from qa.errors import ArticleError
from qa.furniture import Line
from qa.outline import (
    Placed,
    date_of,
    decoded_article,
    iso_date,
    lines,
    outline,
    refuse_many,
    title_of,
)
from qa.types import Article

__all__ = ["SUFFIXES", "read"]

SUFFIXES = (".md", ".markdown")
LONGEST_ORNAMENT = 1000  # characters; longer lines are text

_KEY = re.compile(r"^([A-Za-z_]+)\s*[:=]\s*(.+?)\s*$")
_MATTER = re.compile(
    r"\A(---|\+\+\+)[ \t]*[\r\n]+[\w-]+\s*[:=][\s\S]*?[\r\n](?:\1|\.\.\.)[ \t]*(?:[\r\n]|\Z)"
)
_FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})")
_UNDERLINE = re.compile(r"^\s{0,3}(=+|-{2,})\s*$")
_LINK = r"!?\[(?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*\](?:\([^)]*\)|\[[^\]]*\])"
_PICTURES = re.compile(
    r"^(?:\s*(?:!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])|\[!\[[^\]]*\]\([^)]*\)\]\([^)]*\)))+\s*$"
)
_TO_ANCHOR = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+\[[^\]]*\]\(#[^)]*\)\s*$")
_LINK_RE = re.compile(_LINK)
_DEFINITION = re.compile(r"^\s{0,3}\[[^\]]+\]:\s*\S+")
_ONLY_TAGS = re.compile(r"^\s*(?:</?[A-Za-z][^<>]*>\s*)+$")
_LIST = re.compile(r"^\s*(?:[-*+•]\s|\||>)")
_STRONG = re.compile(r"^\s*(\*\*|__)(?=\S)(.+?)\1\s*$")


@dataclass
class _State:
    """Where the reading of the lines stands: in front matter, a code fence, a comment, or in the text."""

    fence: str | None = None
    comment: bool = False
    matter: str | None = None
    meta: dict[str, str] = field(default_factory=dict)


def read(raw: bytes, *, source: str, encoding: str | None = None) -> list[Article]:
    """The one article of a Markdown file; front matter, code, images and comments are no running text.

    Title and date come from the front matter, else from the text. Raises ArticleError where the file
    holds no text.
    """
    made = decode(raw, encoding=encoding, where=source)
    refuse_many(made.text, where=source)
    state = _State()
    first = outline(_marked(tuple(lines(made.text)), made.text, state))
    if first.empty:
        raise ArticleError(f"{source}: holds no text", where=source)
    title = state.meta.get("title") or title_of(first, PurePosixPath(source).stem)
    date = iso_date(state.meta.get("date", ""), year=True) or date_of(first)
    byline = byline_of(first, author=state.meta.get("author"), origin=state.meta.get("source"))
    return [decoded_article(made, first, raw, source=source, title=title, date=date, byline=byline)]


def _marked(placed: Sequence[Placed], text: str, state: _State) -> Iterator[Placed]:
    """The lines with what the markup says of each."""
    for at, row in enumerate(placed):
        if _outside(row, at, state, text) or (at > 0 and _underlines(placed[at - 1], row, text)):
            yield _furniture(row)
        else:
            below = placed[at + 1] if at + 1 < len(placed) else None
            yield replace(row, line=_line(row, below, text))


def _furniture(row: Placed) -> Placed:
    return replace(row, line=replace(row.line, kind="furniture", level=None))


def _outside(row: Placed, at: int, state: _State, text: str) -> bool:
    """Whether the line is front matter, code or a comment; moves ``state`` on."""
    return _matter(row, at, state, text) or _fenced(row, state) or _commented(row, state)


def _matter(row: Placed, at: int, state: _State, text: str) -> bool:
    line = row.line.text.strip()
    if at == 0 and _MATTER.match(text):
        state.matter = line
        return True
    if state.matter is None:
        return False
    if line == state.matter or line == "...":
        state.matter = None
    elif (pair := _KEY.match(line)) is not None:
        state.meta.setdefault(pair[1].lower(), pair[2].strip("\"'"))
    return True


def _fenced(row: Placed, state: _State) -> bool:
    fence = _FENCE.match(row.line.text)
    if state.fence is None:
        state.fence = None if fence is None else fence[1]
        return fence is not None
    if fence is not None and fence[1].startswith(state.fence) and row.line.text.strip() == fence[1]:
        state.fence = None
    return True


def _commented(row: Placed, state: _State) -> bool:
    line = row.line.text.strip()
    if state.comment:
        state.comment = "-->" not in line
        return True
    if line.startswith("<!--"):
        state.comment = "-->" not in line
        return line.endswith("-->") or state.comment
    return False


def _line(row: Placed, below: Placed | None, text: str) -> Line:
    line = row.line
    if line.level is not None:
        return line
    if below is not None and _underlines(row, below, text):
        return replace(line, level=1 if "=" in below.line.text else 2)
    if len(line.text) <= LONGEST_ORNAMENT and _ornament(line.text):
        return replace(line, kind="furniture")
    strong = _STRONG.match(line.text)
    if strong is not None and len(strong[2]) <= 30 and not re.search(r"[。!！;；,，:：…?？]\W*$", strong[2]):
        return replace(line, level=6)
    return replace(
        line, item=_LIST.match(line.text) is not None, kind="text" if "|" in line.text[:3] else None
    )


def _ornament(line: str) -> bool:
    """Pictures, badges, bare tags, link definitions, tables of contents and rows of links."""
    alone = (_PICTURES, _TO_ANCHOR, _DEFINITION, _ONLY_TAGS)
    if any(pattern.match(line) for pattern in alone):
        return True
    rest, links = _LINK_RE.subn("", line)
    return links >= 2 and "|" in rest and len(re.sub(r"[\s|·•/]", "", rest)) <= 8 and not line.startswith("|")


def _underlines(above: Placed, below: Placed, text: str) -> bool:
    """Whether ``below`` is the rule under a heading, on the very next line."""
    line = above.line.text.strip()
    between = text[above.span.end : below.span.start]
    return (
        _UNDERLINE.match(below.line.text) is not None
        and between in ("\n", "\r\n", "\r")
        and above.line.level is None
        and 0 < len(line) <= 40
        and not re.search(r"[。！!；;,，:：…|]$", line)
        and not _UNDERLINE.match(line)
    )
