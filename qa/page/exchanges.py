"""The conversation as the browser keeps it: questions, and the JSON of their answers.

What comes back from a browser may be anything; only what can be shown again is taken.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from qa.page.answer import answer_html, note
from qa.page.markup import button, escaped, line
from qa.page.wording import Language, say

__all__ = ["Exchange", "begun", "kept", "messages", "place_of", "restored", "shown_places"]

_MOST = 40  # exchanges that a browser keeps; its storage has room for a few hundred
_NAME = re.compile(r"t[0-9a-f]{8}")
_FILTERS = ("source", "after", "before")
Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and what came of it.

    ``key``      names it within the page
    ``asked``    when, ISO 8601 in UTC
    ``answer``   the public JSON; None while there is none
    ``fault``    what went wrong, for people
    ``more``     the answer goes on where an earlier one stopped
    """

    key: str
    question: str
    asked: str
    collection: str
    filters: Mapping[str, str] = field(default_factory=dict)
    answer: Mapping[str, Any] | None = None
    fault: str | None = None
    more: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As the browser keeps it."""
        return asdict(self)


def begun(question: str, collection: str, filters: Mapping[str, str]) -> Exchange:
    """An exchange that begins now."""
    asked = datetime.now(UTC).isoformat(timespec="seconds")
    return Exchange(f"t{secrets.token_hex(4)}", question, asked, collection, dict(filters))


def kept(exchanges: Sequence[Exchange]) -> list[dict[str, Any]]:
    """What the browser is given to keep: the last ones."""
    return [exchange.to_dict() for exchange in exchanges[-_MOST:]]


def restored(found: object) -> list[Exchange]:
    """The exchanges that a browser has kept, without those that cannot be shown."""
    if not isinstance(found, list):
        return []
    read = (_restored(each) for each in found[-_MOST:])
    return [exchange for exchange in read if exchange is not None]


def _restored(found: object) -> Exchange | None:
    try:
        exchange = _checked(Exchange(**found))  # type: ignore[arg-type]
        _reply(exchange, "zh")
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None
    return exchange


def _checked(exchange: Exchange) -> Exchange:
    texts = [exchange.question, exchange.asked, exchange.collection, exchange.fault or ""]
    texts += [*exchange.filters, *exchange.filters.values()]
    if not all(isinstance(text, str) for text in texts) or not _NAME.fullmatch(exchange.key):
        raise TypeError("not of the kinds that the page keeps")
    if not isinstance(exchange.more, bool) or set(exchange.filters) - set(_FILTERS):
        raise ValueError("nothing that the page keeps")
    return exchange


Where = tuple[str, str | None, int, int]


def place_of(citation: Mapping[str, Any]) -> Where:
    """Source, element and characters of a citation."""
    return citation["source"], citation["element"], citation["start"], citation["end"]


def shown_places(exchanges: Iterable[Exchange]) -> set[Where]:
    """Where every citation stands that the exchanges show."""
    return {
        place_of(citation)
        for exchange in exchanges
        if exchange.answer is not None
        for citation in exchange.answer["citations"]
    }


def messages(exchanges: Sequence[Exchange], language: Language, *, stage: str | None = None) -> list[Message]:
    """The conversation for the chat. ``stage``: how far the last question is, while it has no answer."""
    said: list[Message] = []
    for exchange in exchanges:
        said.append({"role": "user", "content": line("asked words", escaped(exchange.question))})
        last = exchange is exchanges[-1]
        reply = note(stage) if last and stage is not None else _reply(exchange, language)
        said.append({"role": "assistant", "content": reply})
    return said


def _reply(exchange: Exchange, language: Language) -> str:
    if exchange.answer is not None:
        return answer_html(
            exchange.key,
            exchange.answer,
            language,
            collection=exchange.collection,
            filters=exchange.filters,
            more=exchange.more,
        )
    told = say(language, "unfinished") if exchange.fault is None else exchange.fault
    again = button("again", exchange.question, say(language, "again"))
    parts = line("note", escaped(told)) + line("acts", again)
    return f'<div class="answer done fault" id="{escaped(exchange.key)}">{parts}</div>'
