"""那上海呢? What is named takes the place of what is like it in the last question."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qa.conversation import topics
from qa.conversation.parsed import ASKING, GENERIC, TITLE, YEAR, Parsed, span_of
from qa.types import Span

__all__ = ["exchanged", "only_named"]

_when = re.compile(
    r"现在|目前|如今|眼下|当前|今年|去年|明年|后年|前年|以前|从前|当时|将来|今后|今天|明天|后天|昨天"
)
# 法律上, 政策方面: each takes the place of the other.
_aspect = re.compile(r"(?P<noun>[\u4e00-\u9fff]{2,4}?)(?P<of>上|方面|层面|领域)(?P<tail>的?)$")
# What a question asks for in the abstract: 那欠缺的地方呢? asks for it in place of 哪些优势.
_abstract = re.compile(
    r"(?:优势|劣势|优点|缺点|长处|短处|好处|坏处|害处|风险|问题|挑战|困难|障碍|不足|地方|作用|用处|特征|特点"
    r"|原因|措施|意义|影响|前景|目标|目的|条件|步骤|机遇)$"
)
_asked_noun = re.compile(r"(?:哪些|什么|哪几[个种项]|多少)(?P<noun>[\u4e00-\u9fff]{2,6}?)[?.!\s]*+$")
_PREPOSITIONS = "对在给用从和跟与为"
_NAMES = "poh"


def exchanged(topic: Parsed, before: Parsed) -> str:
    """``before`` asked of ``topic`` instead: it takes the place of what is like it."""
    if _when.fullmatch(topic.folded) or YEAR.fullmatch(topic.folded):
        return _at_time(topic, before)
    ways = (_like, _same_aspect, _same_role, _common, lambda _, last: topics.topic(last))
    span = next((found for way in ways if (found := way(topic, before)) is not None), None)
    if span is None:
        return f"{topic.text}{before.text}"
    kept, new = before.text[: span.start], topic.text
    if new[0] in _PREPOSITIONS and kept.endswith(new[0]):
        kept = kept[:-1]  # 那对上海呢? after 对北京有哪些好处?
    if new.endswith("的") and not before.folded.startswith("的", span.end):
        new = new[:-1] if _aspect.search(topic.folded) else new
    return kept + new + before.text[span.end :]


def only_named(now: Parsed) -> str:
    """The place, organisation or year that a question is nothing but, without marks; empty otherwise."""
    bare = now.text.strip("?？.。!！ ")
    years = [Span(*match.span()) for match in YEAR.finditer(now.folded)]
    named = [*years, *(span_of(token) for token in now.tokens if token[2] in "po")]
    return bare if bare and sum(map(len, named)) == len(bare) else ""


def _at_time(topic: Parsed, before: Parsed) -> str:
    """``before`` asked of another time, which takes the place of the one it names."""
    times = [Span(*match.span()) for each in (YEAR, _when) for match in each.finditer(before.folded)]
    span = _last(times, before) or Span(0, 0)
    return before.text[: span.start] + topic.text + before.text[span.end :]


def _same_role(topic: Parsed, before: Parsed) -> Span | None:
    """The preposition and noun that 对企业 takes the place of: 对政府 in 对政府有哪些好处."""
    if topic.text[0] not in _PREPOSITIONS:
        return None
    ends = {run.start: run.end for run in topics.noun_runs(before)}
    return next(
        (
            Span(start, ends[start + 1])
            for start, word, _ in before.tokens
            if len(word) == 1 and word in _PREPOSITIONS and start + 1 in ends
        ),
        None,
    )


def _same_aspect(topic: Parsed, before: Parsed) -> Span | None:
    """The aspect that 法律上的 or 税费方面 takes the place of: 政策上 in 政策上给什么."""
    wanted = _aspect.search(topic.folded)
    if wanted is None:
        return None
    nouns = {start + len(word): start for start, word, each in before.tokens if each in "nzxv"}
    found = [
        Span(nouns[start], start + len(word))
        for start, word, _ in before.tokens
        if word == wanted["of"] and start in nouns
    ]
    return found[-1] if found else None


def _like(topic: Parsed, before: Parsed) -> Span | None:
    """The last year, 《title》 or name of the topic's own class that stands before the question word."""
    for pattern in (YEAR, TITLE):
        if pattern.search(topic.folded):
            return _last([Span(*match.span()) for match in pattern.finditer(before.folded)], before)
    wanted = next((each for _, _, each in topic.tokens if each in _NAMES), None)
    same = [span_of(token) for token in before.tokens if token[2] == wanted]
    if wanted == "p" and not same:
        same = list(before.inner_places[:1])
    specific = [span for span in same if span.of(before.folded) not in GENERIC] or same
    return _last(_merged(specific, before.folded), before)


def _common(topic: Parsed, before: Parsed) -> Span | None:
    """What a topic without a name replaces: the thing asked for if it is one, else the last noun run."""
    if _abstract.search(topic.folded) and (match := _asked_noun.search(before.folded)):
        return Span(*match.span("noun"))
    return _last(topics.noun_runs(before), before)


def _last(spans: Sequence[Span], before: Parsed) -> Span | None:
    """The last of ``spans`` before the question word, else the first."""
    word = ASKING.search(before.folded)
    early = [span for span in spans if word is None or span.end <= word.start()]
    return early[-1] if early else next(iter(spans), None)


def _merged(spans: Sequence[Span], folded: str) -> list[Span]:
    """Runs of names that touch, or that only 的 parts (上海的浦东), as one."""
    found: list[Span] = []
    for span in spans:
        if found and folded[found[-1].end : span.start] in ("", "的"):
            found[-1] = Span(found[-1].start, span.end)
        else:
            found.append(span)
    return found
