"""An answer with a person's judgement of it, and the label that this amounts to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from qa.labels import Question, Reference

__all__ = [
    *("Asked", "Fate", "Filed", "Judged", "Judgement", "Key", "Replaced"),
    *("distinct", "holding", "label", "label_id", "label_line", "merged", "sentence_of"),
]

Judgement = Literal["right", "wrong", "should_answer", "should_refuse"]
Fate = Literal[
    "added",  # a new line of the label file
    "known",  # the label file says the same already
    "differs",  # the label file says something else; it stays, a person decides
    "pending",  # no right words are known yet
]
Key = tuple[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with the earlier ones of its conversation, oldest first."""

    question: str
    history: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        """What makes two questions the same: their words, but for white space at the ends."""
        return self.question.strip(), tuple(turn.strip() for turn in self.history)


@dataclass(frozen=True, slots=True)
class Judged:
    """An answer with a person's judgement of it.

    ``answers``   the right words, as far as somebody gave them
    ``sources``   the files they stand in, as far as somebody gave them
    ``response``  the answer object of the public JSON
    ``where``     ``file:line``, or ``""``
    """

    asked: Asked
    judgement: Judgement
    answers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    type: str | None = None
    split: str | None = None
    response: Mapping[str, Any] = field(default_factory=dict)
    where: str = ""

    def line(self) -> str:
        """The judged answer as a line of a feedback file, without the newline."""
        about = {"question": self.asked.question, "history": list(self.asked.history)}
        given = {"answers": self.answers, "sources": self.sources, "type": self.type, "split": self.split}
        row = {"label": {**about, **_present(given)}, "judgement": self.judgement, "response": self.response}
        return json.dumps(row, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Replaced:
    """A judgement that a later one of the same question takes the place of."""

    earlier: Judged
    later: Judged


@dataclass(frozen=True, slots=True)
class Filed:
    """What became of one judged answer."""

    judged: Judged
    fate: Fate


def label_id(question: str, history: Sequence[str] = ()) -> str:
    """``u`` and twelve hexadecimal digits: SHA-256 of the question and its history, ends stripped."""
    words, before = Asked(question, tuple(history)).key
    return "u" + hashlib.sha256(json.dumps([words, *before]).encode()).hexdigest()[:12]


def label(judged: Judged) -> Question | None:
    """The label that a judged answer amounts to; None where its right words are not known.

    ``right``          the quoted words, or that nothing answers where the response refused
    ``should_refuse``  that nothing answers
    ``wrong`` and ``should_answer``  the words that were given with the judgement

    Sources are those given, else those of the response that are known to hold the words.
    """
    answers, sources = judged.answers, judged.sources
    if judged.judgement == "should_refuse":
        answers = sources = ()
    elif judged.judgement == "right":
        answers, sources = _confirmed(judged)
    elif not answers:
        return None
    elif not sources:
        sources = holding(judged.response, answers)
    words, before = judged.asked.key
    return Question(
        id=label_id(words, before),
        question=words,
        references=tuple(map(Reference, answers)),
        sources=sources,
        type=judged.type,
        history=before,
        split=judged.split,
    )


def label_line(question: Question) -> str:
    """A label as a line of a label file, without the newline."""
    row: dict[str, Any] = {
        "id": question.id,
        "question": question.question,
        "answers": list(question.answers),
        "sources": list(question.sources),
        **_present({"type": question.type}),
        "history": list(question.history),
        **_present({"split": question.split}),
    }
    return json.dumps(row, ensure_ascii=False)


def merged(judged: Iterable[Judged]) -> tuple[tuple[Judged, ...], tuple[Replaced, ...]]:
    """One judgement a question, the last one given, in the order of their last place in the file."""
    last: dict[Key, Judged] = {}
    replaced = []
    for each in judged:
        earlier = last.pop(each.asked.key, None)
        if earlier is not None:
            replaced.append((each.asked.key, earlier))
        last[each.asked.key] = each
    return tuple(last.values()), tuple(Replaced(earlier, last[key]) for key, earlier in replaced)


def _present(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in row.items() if value}


def _confirmed(judged: Judged) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of the answer that was judged right, and the sources that say just these words."""
    citations = judged.response.get("citations", [])
    if not citations:
        return (), ()
    quote = citations[0]["quote"]
    alike = [cited["source"] for cited in citations if cited["quote"] == quote and _says_the_same(cited)]
    return distinct([quote, *judged.answers]), distinct([*alike, *judged.sources])


def _says_the_same(citation: Mapping[str, Any]) -> bool:
    return citation.get("kind", "answer") in ("answer", "same")


def distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def holding(response: Mapping[str, Any], answers: Sequence[str]) -> tuple[str, ...]:
    """The sources of the response whose shown text holds one of ``answers``, cited ones first."""
    texts = [(cited["source"], sentence_of(cited)) for cited in response.get("citations", [])]
    texts += [(hit["source"], hit["text"]) for hit in response.get("passages", [])]
    return distinct(source for source, text in texts if any(answer in text for answer in answers))


def sentence_of(citation: Mapping[str, Any]) -> str:
    """The cited sentence; the quote alone where the response leaves it out."""
    sentence = citation.get("sentence")
    text = sentence.get("text") if isinstance(sentence, Mapping) else None
    return text if isinstance(text, str) else str(citation["quote"])
