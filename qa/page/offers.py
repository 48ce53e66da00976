"""Questions that the page offers: of the collection that is asked, other ones after each turn."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from qa.errors import QaError
from qa.page.exchanges import Exchange
from qa.page.markup import button, escaped, item_list, line
from qa.page.wording import Language, say

if TYPE_CHECKING:
    from qa.answering import Assistant
    from qa.suggestions import Suggestion

__all__ = ["Offers", "Pool"]

_OFFERED = 3
_PATIENCE = 40  # looks at a pool that is still being filled
_LOOK = 0.5  # seconds between them
_POOLS = 4  # collections whose questions are being found at a time


class Pool(Protocol):
    """What the page needs of ``qa.suggestions.Suggestions``."""

    def start(self) -> None:
        """Begin to fill it."""
        ...

    def stop(self) -> None:
        """End that."""
        ...

    def take(self, n: int = 3, *, near: str | None = None, shown: Sequence[str] = ()) -> Sequence[Suggestion]:
        """At most ``n`` questions that were not ``shown``."""
        ...


class Offers:
    """Chooses from the pools of the collections. Safe to use from several threads."""

    def __init__(
        self, assistant: Callable[[str], Assistant], made: Callable[[Assistant], Pool] | None
    ) -> None:
        """``assistant``: the one of a collection, by name; ``made``: a pool for one, None for none at all."""
        self._assistant, self._made = assistant, made
        self._pools: dict[str, tuple[Assistant, Pool]] = {}
        self._lock = threading.Lock()

    async def html(
        self, exchanges: Sequence[Exchange], collection: str, language: Language
    ) -> AsyncGenerator[str]:
        """The questions as buttons, once there are some; nothing before and nothing without."""
        yield ""
        for _ in range(_PATIENCE):
            questions = await asyncio.to_thread(self._taken, exchanges, collection)
            if questions is None:
                return
            if len(questions) == _OFFERED:
                break
            await asyncio.sleep(_LOOK)
        if questions:
            yield _listed(questions, bool(exchanges), language)

    def _taken(self, exchanges: Sequence[Exchange], collection: str) -> list[str] | None:
        """Some questions not asked yet; None where there is nothing to wait for."""
        try:
            pool = self._pool(collection)
        except QaError:
            return None
        if pool is None:
            return None
        asked = [text for exchange in exchanges for text in _texts(exchange)]
        near = next((source for exchange in reversed(exchanges) if (source := _source(exchange))), None)
        return [each.question for each in pool.take(_OFFERED, near=near, shown=asked)]

    def _pool(self, collection: str) -> Pool | None:
        if self._made is None:
            return None
        assistant = self._assistant(collection)
        with self._lock:
            known = self._pools.get(collection)
            if known is None or known[0] is not assistant:
                pool = self._made(assistant)
                pool.start()
                replaced = self._pools.pop(collection, None)
                self._pools[collection] = (assistant, pool)
                if replaced is None and len(self._pools) > _POOLS:
                    replaced = self._pools.pop(next(iter(self._pools)))
                if replaced is not None:
                    # Its last question may take a while, which nobody should wait for.
                    threading.Thread(target=replaced[1].stop, daemon=True).start()
            return self._pools[collection][1]


def _texts(exchange: Exchange) -> list[str]:
    searched = [] if exchange.answer is None else [str(exchange.answer["searched"])]
    return [exchange.question, *searched]


def _source(exchange: Exchange) -> str | None:
    """The article that was quoted."""
    citations = [] if exchange.answer is None else exchange.answer["citations"]
    return str(citations[0]["source"]) if citations else None


def _listed(questions: Sequence[str], begun: bool, language: Language) -> str:
    head = line("note", escaped(say(language, "offers" if begun else "offers_first")))
    return head + item_list(button("offer", question, question) for question in questions)
