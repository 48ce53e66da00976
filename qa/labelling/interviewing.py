"""The judgement asked for in the terminal, an answer at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from qa.errors import InputError
from qa.labelling.files import LabelFile, PendingFile
from qa.labelling.filing import file_one
from qa.labelling.judging import Asked, Filed, Judged, Judgement, distinct, holding, sentence_of

__all__ = ["Desk", "interview", "typed"]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a person judges answers.

    ``say``          shows a line
    ``hear``         shows a prompt and returns what was typed; None where nothing more will come
    ``source_text``  the text of a source, None where it is not at hand
    """

    labels: LabelFile
    pending: PendingFile
    say: Callable[[str], None]
    hear: Callable[[str], str | None]
    source_text: Callable[[str], str | None] = field(default=lambda _source: None)


Ask = Callable[[str, Sequence[str]], Mapping[str, Any]]
_Choice = Judgement | Literal["skip", "quit"]

_QUESTION = "问题 question（+ 开头为追问 + for a follow-up；空行结束 empty line to end）: "
_JUDGE = "1 对 right  2 错 wrong  3 该答 should answer  4 该拒 should refuse  s 跳过 skip  q 结束 quit: "
_WORDS = "正确的原文，照抄 the right words as in the article（空行：待定 empty line: pending）: "
_SOURCE = "出自哪个文件 source（空行：不注明 empty line: none）: "
_KEYS: Mapping[_Choice, tuple[str, ...]] = {
    "right": ("1", "对", "right"),
    "wrong": ("2", "错", "wrong"),
    "should_answer": ("3", "该答", "should answer"),
    "should_refuse": ("4", "该拒", "should refuse"),
    "skip": ("s", "跳过", "skip"),
    "quit": ("q", "结束", "quit"),
}


def interview(asked: Iterable[Asked], ask: Ask, desk: Desk) -> Iterator[Filed]:
    """Shows the answer to each question, asks what it is worth, and files it before the next one.

    ``ask`` gives the answer object of the public JSON; a question it cannot take (InputError) is told
    and passed over, as is one that the label file has. Since every judgement is in its file when it is
    yielded, an interruption loses nothing, and the same questions go on where they stopped.
    """
    for each in asked:
        if desk.labels.answers(each) is not None:
            desk.say(f"已有标注 labelled already: {each.question}")
            continue
        try:
            response = ask(each.question, each.history)
        except InputError as error:
            desk.say(f"不能提问 cannot be asked: {error}")
            continue
        for line in _shown(each, response):
            desk.say(line)
        choice = _choice(desk)
        if choice == "quit":
            return
        if choice != "skip":
            judged = Judged(each, choice, response=response)
            needs_words = choice in ("wrong", "should_answer")
            yield file_one(_worded(judged, desk) if needs_words else judged, desk.labels, desk.pending)


def typed(hear: Callable[[str], str | None]) -> Iterator[Asked]:
    """Questions as they are typed, until an empty line; ``+`` first makes one a follow-up of those before."""
    turns: tuple[str, ...] = ()
    while (line := hear(_QUESTION)) is not None and line.strip():
        follows = line.strip().startswith(("+", "＋"))
        question = line.strip().lstrip("+＋").strip()
        if question:
            turns = turns if follows else ()
            yield Asked(question, turns)
            turns = (*turns, question)


def _shown(asked: Asked, response: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield f"问 {' → '.join([*asked.history, asked.question])}"
    citations, passages = response.get("citations", []), response.get("passages", [])
    if citations:
        yield f"答 {citations[0]['quote']}"
        yield f"   {citations[0]['source']}: {' '.join(sentence_of(citations[0]).split())}"
        return
    yield "拒答 refused；最接近的段落 nearest passages:" if passages else "拒答 refused"
    for hit in passages[:3]:
        yield f"   {hit['source']}: {' '.join(hit['text'].split())[:60]}"


def _choice(desk: Desk) -> _Choice:
    while (heard := desk.hear(_JUDGE)) is not None:
        for choice, keys in _KEYS.items():
            if heard.strip().lower() in keys:
                return choice
        desk.say("请输入 1、2、3、4、s 或 q please type one of these")
    return "quit"


def _worded(judged: Judged, desk: Desk) -> Judged:
    """With the right words and their source as far as they are typed; without words it stays pending."""
    words = (desk.hear(_WORDS) or "").strip()
    if not words:
        return judged
    sources = holding(judged.response, [words]) or _cited_and_holding(judged.response, words, desk)
    if sources:
        return replace(judged, answers=(words,), sources=sources)
    desk.say(f"注意 warning: 在所引和所示的文字里没有找到 not found in what was cited or shown: {words}")
    source = (desk.hear(_SOURCE) or "").strip()
    if source:
        _warn(words, source, desk)
    return replace(judged, answers=(words,), sources=(source,) if source else ())


def _cited_and_holding(response: Mapping[str, Any], words: str, desk: Desk) -> tuple[str, ...]:
    """The cited sources whose whole text is at hand and holds ``words``."""
    cited = distinct(citation["source"] for citation in response.get("citations", []))
    return tuple(source for source in cited if words in (desk.source_text(source) or ""))


def _warn(words: str, source: str, desk: Desk) -> None:
    text = desk.source_text(source)
    if text is None:
        desk.say(f"注意 warning: 无法核对 cannot be checked: {source}")
    elif words not in text:
        desk.say(f"注意 warning: {source} 里没有这些字 does not hold these words; 照记 kept as typed")
