"""A conversation to keep or to pass on: as Markdown, as JSON, and a link that opens a question.

A conversation is a sequence of answer objects of the public JSON, oldest first; one of ``question`` alone
was never answered. They may come from a browser, so nothing of their shape is taken for granted. In Markdown
their words are words: none of them can become a heading, a link, an image or HTML.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from qa.errors import InputError
from qa.names import collection_name

__all__ = ["Shared", "as_json", "as_markdown", "link", "shared", "words"]

LONGEST_SHARED = 1000  # characters of a question that a link opens; as many as can be asked
_LONGEST_QUERY = 16_000  # bytes; a thousand Chinese characters have 9,000, percent-encoded
_LARGEST = 20_000_000  # characters of a conversation as JSON
_SHOWN = 3  # passages shown under a refusal
_SPACES = re.compile(r"\s+")
# What begins something in CommonMark, or its common extensions, wherever it stands …
_MARKS = re.compile(r"[\\`*_\[\]<>&|~#$]|(?<=www)\.|:(?=//|[a-z])", re.IGNORECASE)
# … and what does at the beginning of a line: lists, rules, underlines of headings.
_LEADING = re.compile(r"^([-+=])|^(\d+)([.)])")
_UNSEEN = ("Cc", "Cf", "Cs")  # control, format (turns the direction of writing, among others), surrogate


def words(text: str) -> str:
    """``text`` as one line of Markdown that shows just its words, wherever in a line it is put.

    What Markdown could read is escaped, white space is one space, and what cannot be seen (control
    characters, marks that turn the direction of writing) is left out.
    """
    escaped = _MARKS.sub(lambda mark: f"\\{mark.group()}", _one_line(text))
    return _LEADING.sub(lambda mark: f"{mark[2] or ''}\\{mark[1] or mark[3]}", escaped)


def _one_line(text: str) -> str:
    seen = "".join(char for char in _SPACES.sub(" ", text) if unicodedata.category(char) not in _UNSEEN)
    return _SPACES.sub(" ", seen).strip()


def as_markdown(conversation: Sequence[Mapping[str, Any]], *, collection: str | None = None) -> str:
    """The conversation for people: each question, the quotes that answer it, and where they stand.

    Raises InputError for what is no conversation.
    """
    parts = ["# 问答记录"]
    if collection is not None:
        parts.append(f"合集：{words(collection)}")
    for number, answer in enumerate(_checked(conversation), start=1):
        parts.append(f"## {number}\\. {words(_text(answer, 'question'))}")
        parts += _answer(answer)
    return "\n\n".join(parts) + "\n"


def as_json(conversation: Sequence[Mapping[str, Any]], *, collection: str | None = None) -> str:
    """The conversation for programs, every answer whole: ``{"collection", "answers"}``.

    Raises InputError for what is no conversation.
    """
    whole = {"collection": collection, "answers": list(_checked(conversation))}
    try:
        text = json.dumps(whole, ensure_ascii=False, allow_nan=False, indent=1)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"对话无法导出；the conversation cannot be written as JSON ({error})") from error
    # A lone surrogate has no UTF-8; as a backslash escape it is the same string in JSON.
    return text.encode(errors="backslashreplace").decode() + "\n"


def _checked(conversation: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    if not all(isinstance(answer, Mapping) for answer in conversation):
        raise InputError("对话无法导出；a conversation is a list of answers")
    return conversation


# ---- an answer as Markdown


def _answer(answer: Mapping[str, Any]) -> Iterator[str]:
    searched = _text(answer, "searched")
    if searched and searched != _text(answer, "question"):
        yield f"检索：{words(searched)}"
    citations = _rows(answer, "citations")
    if citations:
        yield from _cited(citations)
        yield f"把握：{_percent(answer.get('confidence'))}"
    elif "citations" in answer:
        yield "文章里没有找到答案。"
        yield from _nearest(_rows(answer, "passages"))
    else:
        yield "（没有得到回答）"


def _cited(citations: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for number, citation in enumerate(citations):
        kind = "回答" if number == 0 else _KINDS.get(_text(citation, "kind"), _KINDS["other"])
        quote, sentence = words(_text(citation, "quote")), words(_sentence(citation))
        lines = [f"{kind}：**{quote}**" if quote else kind]
        lines += [sentence] if sentence not in ("", quote) else []
        yield "\n>\n".join(f"> {line}" for line in [*lines, f"—— {_place(citation)}"])


_KINDS = {"same": "另有出处也这样说", "other": "其他可能的回答"}


def _nearest(passages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for passage in passages[:_SHOWN]:
        yield f"> 相近的段落：{words(_text(passage, 'text'))}\n>\n> —— {_place(passage)}"


def _place(row: Mapping[str, Any]) -> str:
    """Title, headings, author, origin, date, page, source, which characters, as far as they are known."""
    page, start, end = (row.get(name) for name in ("page", "start", "end"))
    headings = row.get("heading")
    known = [
        _text(row, "title"),
        " › ".join(map(str, headings)) if isinstance(headings, list) else "",
        *(f"{label} {_text(row, name)}" for name, label in _BY.items() if _text(row, name)),
        _text(row, "date"),
        f"第 {page} 页" if isinstance(page, int) else "",
        _text(row, "source"),
        _text(row, "element"),
        f"第 {start + 1}–{end} 字" if isinstance(start, int) and isinstance(end, int) else "",
    ]
    return " · ".join(dict.fromkeys(words(part) for part in known if words(part)))


_BY = {"author": "作者", "origin": "来源"}


def _sentence(citation: Mapping[str, Any]) -> str:
    sentence = citation.get("sentence")
    return _text(sentence, "text") if isinstance(sentence, Mapping) else ""


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


def _rows(answer: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows = answer.get(name)
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _percent(confidence: object) -> str:
    """Rounded down, so that nothing short of certain reads as 100%."""
    if not isinstance(confidence, int | float) or not 0 <= confidence <= 1:
        return "不明"
    return f"{int(confidence * 100)}%"


# ---- a link


@dataclass(frozen=True, slots=True)
class Shared:
    """What a link opens: a question, empty where it has none that can be used, and a collection."""

    question: str = ""
    collection: str | None = None


def link(question: str, collection: str | None = None) -> str:
    """The part of an address from ``?`` on that opens ``question``, of a collection if one is named.

    Pure ASCII. Raises InputError for a question that is empty or has more than a thousand characters, and
    for what cannot be a collection's name.
    """
    asked = _one_line(question)
    if not asked or len(asked) > LONGEST_SHARED:
        raise InputError(
            f"这个问题不能做成链接，要有 1 到 {LONGEST_SHARED} 个字；a link takes so many characters"
        )
    named = {} if collection is None else {"collection": collection_name(collection)}
    return "?" + urlencode({"q": asked, **named})


def shared(query: str | Mapping[str, str]) -> Shared:
    """What the parameters of an address open; what cannot be used in them is passed over.

    ``query``: the part behind ``?``, with it or without, or the parameters by name.
    """
    found = _parameters(query) if isinstance(query, str) else query
    question = _one_line(str(found.get("q", "")))
    try:
        collection = collection_name(str(found["collection"])) if "collection" in found else None
    except InputError:
        collection = None
    return Shared(question if len(question) <= LONGEST_SHARED else "", collection)


def _parameters(query: str) -> dict[str, str]:
    """The parameters of a query; of two with one name the first, which is what stands first in the link."""
    if len(query) > _LONGEST_QUERY:
        return {}
    try:
        pairs = parse_qsl(query.removeprefix("?"), errors="replace", max_num_fields=20)
    except ValueError:
        return {}
    return dict(reversed(pairs))
