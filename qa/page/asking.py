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
from qa.page.exchanges import Exchange, shown_places
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
        history = [each.question for each in earlier if each.fault is None]
        filters = Filters(**{name: value for name, value in exchange.filters.items() if value})
        answer = assistant.ask(exchange.question, history, filters=filters, on_stage=tell).to_dict()
        previous = _continued(exchange, answer, earlier)
        if previous is None:
            return replace(exchange, answer=answer)
        return replace(exchange, answer=_unshown(answer, previous), more=True)

    def _logged(self, exchange: Exchange) -> None:
        if self.log and exchange.answer is not None:
            answer = exchange.answer
            facts = {name: answer[name] for name in ("question", "searched", "answer", "confidence")}
            _questions.info(json.dumps({"collection": exchange.collection, **facts}, ensure_ascii=False))


def _continued(
    exchange: Exchange, answer: Mapping[str, Any], earlier: Sequence[Exchange]
) -> list[Exchange] | None:
    """The exchanges that ``exchange`` goes on with (还有吗?); None where it asks something else.

    It goes on where other words came down to the very question that was answered last; the end of that
    question by itself repeats it.
    """
    last = earlier[-1] if earlier else None
    if last is None or last.answer is None or not (last.answer["citations"] or last.more):
        return None
    searched = str(answer["searched"])
    if searched != last.answer["searched"] or _bare(searched).endswith(_bare(exchange.question)):
        return None
    if (last.collection, last.filters) != (exchange.collection, exchange.filters):
        return None
    return [each for each in earlier if each.answer is not None and each.answer["searched"] == searched]


def _bare(question: str) -> str:
    return "".join(char for char in question if char.isalnum())


def _unshown(answer: Mapping[str, Any], previous: Sequence[Exchange]) -> Mapping[str, Any]:
    """``answer`` without the citations that ``previous`` show already."""
    shown = shown_places(previous)
    citations = [
        citation
        for citation in answer["citations"]
        if (citation["source"], citation["element"], citation["start"], citation["end"]) not in shown
    ]
    quote = citations[0]["quote"] if citations else None
    return {**answer, "answer": quote, "abstained": not citations, "citations": citations}
