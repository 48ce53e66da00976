"""A question's way through the page: its stages while it is worked on, its answer, or what went wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qa.answering import Filters
from qa.desk import Desk, Job
from qa.page import faults
from qa.page.exchanges import Exchange, place_of, shown_places
from qa.page.wording import Language, say

if TYPE_CHECKING:
    from qa.answering import Assistant

__all__ = ["Asking", "Step"]

_questions = logging.getLogger("qa.questions")
_STAGES = {"search": "searching", "read": "reading"}


@dataclass(frozen=True, slots=True)
class Step:
    """How far the last exchange is: a stage while it is worked on, else what became of it."""

    exchange: Exchange
    stage: str | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks for the page.

    ``assistant``  the one of a collection, by name; raises QaError where it cannot be asked
    ``log``        whether the words of questions go to the log
    """

    assistant: Callable[[str], Assistant]
    desk: Desk
    log: bool = False

    async def steps(
        self, exchange: Exchange, earlier: Sequence[Exchange], language: Language
    ) -> AsyncIterator[Step]:
        """What becomes of ``exchange`` after ``earlier`` ones; the last step has its answer or its fault."""
        wrong = faults.unaskable(exchange.question, dict(exchange.filters), language)
        if wrong is not None:
            yield Step(replace(exchange, fault=wrong))
            return
        yield Step(exchange, say(language, "waiting"))
        try:
            job = Job(self.desk, lambda tell: self._answer(exchange, earlier, tell))
            async for stage, passages in job:
                yield Step(exchange, say(language, _STAGES[str(stage)], n=f"{passages:,}"))
            answered = job.result()
        except Exception as error:
            yield Step(replace(exchange, fault=faults.told(error, language)))
            return
        self._logged(answered)
        yield Step(answered)

    def _answer(self, exchange: Exchange, earlier: Sequence[Exchange], tell: Callable[..., None]) -> Exchange:
        assistant = self.assistant(exchange.collection)
        known = [each for each in earlier if each.fault is None]
        history, asked = _history(known), exchange.question
        if known and _elsewhere(exchange, known[-1]):
            history, asked = [], assistant.standalone(asked, history)
        filters = Filters(**{name: value for name, value in exchange.filters.items() if value})
        found = assistant.ask(asked, history, filters=filters, on_stage=tell)
        answer = replace(found, question=exchange.question).to_dict()
        return replace(exchange, answer=answer, more=_goes_on(exchange, answer, known))

    def _logged(self, exchange: Exchange) -> None:
        if self.log and exchange.answer is not None:
            answer = exchange.answer
            facts = {name: answer[name] for name in ("question", "searched", "answer", "confidence")}
            _questions.info(json.dumps({"collection": exchange.collection, **facts}, ensure_ascii=False))


def _elsewhere(exchange: Exchange, before: Exchange) -> bool:
    """Whether it asks other articles than the exchange before it."""
    return (exchange.collection, exchange.filters) != (before.collection, before.filters)


def _history(known: Sequence[Exchange]) -> list[str]:
    """The earlier questions, each as it was typed, or as it was searched where it went to other articles.

    There it began anew: 还有吗? asks for what these articles have not told yet.
    """
    return [
        str(each.answer["searched"])
        if each.answer is not None and number and _elsewhere(each, known[number - 1])
        else each.question
        for number, each in enumerate(known)
    ]


def _goes_on(exchange: Exchange, answer: Mapping[str, Any], known: Sequence[Exchange]) -> bool:
    """Whether ``answer`` goes on where the last one stopped (还有吗?): same question, nothing told again."""
    last = known[-1] if known else None
    if last is None or last.answer is None or not (last.answer["citations"] or last.more):
        return False
    if answer["searched"] != last.answer["searched"] or _elsewhere(exchange, last):
        return False
    same = (each for each in known if each.answer and each.answer["searched"] == answer["searched"])
    told = shown_places(same)
    return not any(place_of(citation) in told for citation in answer["citations"])
