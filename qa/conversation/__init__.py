"""Follow-up questions made to stand on their own, by rules over word classes; no language model.

那上海呢? takes the place of what the last question asked about (``exchange``); 它、其、该计划… stand for its
topic (``reference``); a bare question word (为什么? 什么时候?) asks it of the last statement; 还有吗? asks
the last question again, for further answers (``paging``); what names too little to be understood alone
(难在什么地方?) has the last subject put in front (``leaning``). Anything else is left alone. No word is
invented: all that is added stands in an earlier question, but for a comma.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from qa.conversation import leaning, paging, topics
from qa.conversation.exchange import exchanged, only_named
from qa.conversation.names import names_in
from qa.conversation.parsed import ASKING, Parsed, Words
from qa.conversation.reference import demonstrated, referred
from qa.text import fold
from qa.words import Segmenter

__all__ = ["FollowUp", "follow_up", "names_in", "standalone"]

_TURNS = 20  # earlier questions that are looked at; those that only ask for more do not count

_MARKS = "?.!呢啊呀 "
_lead = r"^(?:那么|那|至于|还有|换成|如果是|如果换成)?[,\s]*+"
_bare = re.compile(
    r"^(?:那么|那|但|可是?)?[,\s]*+(?:这|那)?(?:又)?(?:是|都是)?"
    r"(?P<asks>为什么|为何|为啥|什么时候|啥时候|何时|哪一?年|在?哪里|在?哪儿|怎么做(?:的|到的)?|如何做(?:的|到的)?"
    r"|谁|多少|有多少|有哪些|是什么|什么原因)(?:呢|啊|呀|的)?[?.!\s]*+$"
)
_what_about = re.compile(rf"{_lead}(?P<topic>[^,?.!]{{1,20}}?)(?:又|的话)?呢[?.!\s]*+$")
_aside = re.compile(rf"{_lead}(?P<topic>[^,?.!]{{1,20}}?)(?:的话)?呢[,?\s]++(?P<rest>[^\s].*)$", re.DOTALL)
_likewise = re.compile(
    rf"{_lead}(?P<topic>[^,?.!]{{1,12}}?)(?:也|又|同样)(?:是|有|能|可以|行|会|要)?(?:这样|一样|如此)?(?:吗|么)?[?.!\s]*+$"
)
_supposes = re.compile(r"要是|如果|假如|万一|倘若|^(?:然后|接着|接下来|后来|结果|之后|以后)$")
_its = re.compile(r"(?:它|他|她)们?的?.|其(?!他|它|余|中|实)")
# 那 as a mere link, not the one of 那个, 那份, 那里, 那么多.
_link = re.compile(
    r"^那(?:么(?![多少大小高长快慢好难])|(?!么))[,\s]*+(?![个份座项里儿些种类天年时条家位次本部套款张块段边样批所])"
)


@dataclass(frozen=True, slots=True)
class FollowUp:
    """What a question asks once what it leaves out is taken from the earlier ones.

    ``searched``  the question as it stands on its own
    ``skip``      how many answers to it were given already and are not wanted again (还有吗?)
    """

    searched: str
    skip: int = 0


def follow_up(
    question: str,
    history: Sequence[str],
    segmenter: Segmenter | None = None,
    *,
    names: Container[str] = (),
) -> FollowUp:
    """``question`` with what it leaves out taken from ``history`` (earlier questions, oldest first).

    ``names``: folded names of 2 to 16 characters that the articles know (``names_in``), beside those of
    the dictionary; anything that answers ``in``. A question that stands on its own comes back unchanged,
    to the character. Of the history the last 20 questions count, beside those that only ask for more.
    """
    words = Words(Segmenter() if segmenter is None else segmenter, names)
    before = FollowUp("")
    for turn in _recent(history):
        before = _resolved(turn, before, words) if _counts(turn, before, words) else before
    return _resolved(question, before, words)


def standalone(
    question: str,
    history: Sequence[str],
    segmenter: Segmenter | None = None,
    *,
    names: Container[str] = (),
) -> str:
    """What ``follow_up`` searches."""
    return follow_up(question, history, segmenter, names=names).searched


def _recent(history: Sequence[str]) -> list[str]:
    """The last turns of ``history``, oldest first: 20, and those between them that only ask for more."""
    found: list[str] = []
    room = _TURNS
    for turn in filter(str.strip, reversed(history)):
        room -= not paging.asks_on(fold(turn.strip()))
        if room < 0:
            break
        found.append(turn)
    return found[::-1]


def _counts(turn: str, before: FollowUp, words: Words) -> bool:
    """Whether later turns can lean on an earlier one: it asks something, as 谢谢 and 好的 do not."""
    parsed = words.parsed(turn)
    if not before.searched:
        return not leaning.thanks(parsed) and not paging.asks_on(parsed.folded)
    return paging.asks_on(parsed.folded) or leaning.asks(parsed)


def _resolved(question: str, before: FollowUp, words: Words) -> FollowUp:
    """``question`` after ``before``, which stands on its own; nothing was asked before where it is empty."""
    if not before.searched:
        return FollowUp(question)
    now, last = words.parsed(question), words.parsed(before.searched)
    if paging.asks_on(now.folded) or paging.asks_on_for(now.folded, last.folded):
        return replace(before, skip=before.skip + 1)
    if _repeats(now, last):
        return FollowUp(before.searched)
    return FollowUp(_rewritten(now, last) or question)


def _repeats(now: Parsed, before: Parsed) -> bool:
    """Whether a question is the end of the last one: 怎么报名? after 教师资格证怎么报名?"""
    bare = now.folded.rstrip(_MARKS)
    return len(bare) > 1 and before.folded.rstrip(_MARKS).endswith(bare)


def _rewritten(now: Parsed, before: Parsed) -> str | None:
    """The first rule whose mark ``now`` shows, applied to it; None where none does."""
    if match := _bare.match(now.folded):
        return f"{topics.statement(before)}{now.text[match.start('asks') :]}"
    if taken := _taking_a_place(now, before):
        return taken
    if match := _link.match(now.folded):
        return _continued(now.words.parsed(now.text[match.end() :]), before)
    topic = topics.topic(before)
    if topic is None or topics.named_in(now.folded, before, topic):
        return None
    return demonstrated(now, before, topic) or referred(now, before, topic) or _led(now, before)


def _taking_a_place(now: Parsed, before: Parsed) -> str | None:
    """那上海呢? 上海也是吗? 上海? 上海呢, 怎样?: what is named takes a place in the last question."""
    words = now.words
    for pattern in (_what_about, _aside, _likewise):
        match = pattern.match(now.folded)
        if match is None or ASKING.search(match["topic"]):
            continue
        if pattern is _aside:
            return _with_name(words.parsed(now.cut(match, "topic") + now.cut(match, "rest")), before)
        if pattern is _what_about and _supposes.search(match["topic"]):
            return leaning.behind(now, before)
        if _its.match(match["topic"]) and (topic := topics.topic(before)) is not None:
            return referred(now, before, topic)
        return exchanged(words.parsed(now.cut(match, "topic")), before)
    named = only_named(now)
    return exchanged(words.parsed(named), before) if named else None


def _with_name(now: Parsed, before: Parsed) -> str:
    """``now``, told of the last question's first name if it has none of its own."""
    names = [] if now.names() else before.names()
    return f"{names[0].of(before.text)}{now.text}" if names else now.text


def _continued(rest: Parsed, before: Parsed) -> str:
    """What stands behind 那: put behind the last subject, unless it names its own."""
    topic = topics.topic(before)
    if rest.names() or (topic is not None and topics.named_in(rest.folded, before, topic)):
        return rest.text
    return leaning.behind(rest, before)


def _led(now: Parsed, before: Parsed) -> str | None:
    """What names too little to be understood alone, behind what the last question was about."""
    return leaning.behind(now, before) if leaning.leans(now) and not _parallel(now, before) else None


def _parallel(now: Parsed, before: Parsed) -> bool:
    """Whether a question asks of something else, which it names, what the last one asked, word for word."""
    bare, last = now.folded.rstrip(_MARKS), before.folded.rstrip(_MARKS)
    pairs = zip(reversed(bare), reversed(last), strict=False)
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return shared >= 4 and 2 * shared >= len(bare) > shared
