"""它, 其, 当地, 该计划: words that stand for what the last question was about, replaced by it."""

from __future__ import annotations

import re

from qa.conversation import topics
from qa.conversation.parsed import TITLE, Parsed
from qa.text import fold
from qa.types import Span

__all__ = ["demonstrated", "referred"]

_pronoun = re.compile(
    r"它们|它|其|他们|她们|他|她|当地|那里|那儿|这里|^(?:这个|那个|这)(?=是|算|叫|能|会|有)"
)
_of_place_words = ("当地", "那里", "那儿", "这里")
_demonstrative = re.compile(
    r"^(?:那么|那|至于|还有|换成|如果是|如果换成)?[,\s]*+"
    r"(?:请问)?(?:在|对|对于|由|用|给|和|与|跟|为|从|把|按|关于|根据|通过|参加|推动)?"
    r"(?P<this>该|此|(?:这|那)(?:一)?(?:个|项|份|座|些|种|部|家|套|条)?)(?P<noun>[\u4e00-\u9fff]{1,3})"
)
# Nouns that a demonstrative carries and that a 《title》 or a place already says.
_of_title = re.compile(r"文件|计划|方案|意见|白皮书|政策|办法|规划|法规|通知|报告|标准")
_of_place = re.compile(r"城市|地方|地区|市|省|区|县")
_thing = re.compile(
    rf"{_of_title.pattern}|{_of_place.pattern}|平台|项目|技术|试点|法院|系统|企业|公司|机构|产业|园区|活动|做法|领域|应用"
)
_NOUNS = "npohzx"


def demonstrated(now: Parsed, before: Parsed, topic: Span) -> str | None:
    """该计划, 这座城市 at a question's start: the last topic, with the noun where it adds something."""
    match = _demonstrative.match(now.folded)
    noun = _thing.match(now.folded, match.start("noun")) if match else None
    if match is None or noun is None:
        return None
    topic = topics.place(before, topic) if _of_place.fullmatch(noun.group()) else topic
    named = topic.of(before.text)
    said = _of_title if TITLE.search(named) else _of_place
    adds = not said.fullmatch(noun.group()) and not fold(named).endswith(noun.group())
    kept = now.text[noun.start() : noun.end()] if adds else ""
    return now.text[: match.start("this")] + named + kept + now.text[noun.end() :]


def referred(now: Parsed, before: Parsed, topic: Span) -> str | None:
    """它, 其, 他们, 当地 replaced by the last topic, unless an earlier clause holds what they stand for."""
    starts = {start: word for start, word, _ in now.tokens}
    for match in _pronoun.finditer(now.folded):
        word = starts.get(match.start(), "")
        if word != match.group():
            continue  # inside another word: 尤其, 其中, 其他
        clause = now.folded.rfind(",", 0, match.start())
        if any(cls in _NOUNS and start < clause for start, _, cls in now.tokens):
            return None
        topic = topics.place(before, topic) if word in _of_place_words else topic
        return now.text[: match.start()] + topic.of(before.text) + now.text[match.end() :]
    return None
