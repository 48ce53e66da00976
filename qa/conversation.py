"""Follow-up questions made to stand on their own, by rules over word classes; no language model.

那上海呢? takes the place of what the last question asked about; 它、其、该计划… stand for its topic; a
bare question word (为什么? 什么时候?) asks it of the last statement; 那… without a name of its own keeps
the last question in front. What shows none of these marks is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from qa.text import fold
from qa.types import Span
from qa.words import Segmenter, WordClass

__all__ = ["standalone"]

_Token = tuple[int, str, WordClass]

_asking = re.compile(
    r"什么时候|甚么|什么|啥|哪一?[年天个些里儿座份部项几]?|何时|何处|何人|谁|多[少久大长高远]|几|怎么样?|咋"
    r"|如何|为什么|为何|为啥|是否|是不是|吗|有没有|怎样|能不能|会不会"
)
_asked = re.compile(rf"是?(?:{_asking.pattern}|呢)|的(?=[?.!\s]*$)")
_lead = r"^(?:那么|那|至于|还有|换成|如果是|如果换成)?[,\s]*"
_bare = re.compile(
    r"^(?:那么|那|但|可是?)?[,\s]*(?:这|那)?(?:又)?(?:是|都是)?"
    r"(?P<asks>为什么|为何|为啥|什么时候|啥时候|何时|哪一?年|在?哪里|在?哪儿|怎么做(?:的|到的)?|如何做(?:的|到的)?"
    r"|谁|多少|有多少|有哪些|是什么|什么原因|还有吗|还有呢|还有哪些|还有什么)(?:呢|啊|呀|的)?[?.!\s]*$"
)
_what_about = re.compile(rf"{_lead}(?P<topic>[^,?.!]{{1,20}}?)(?:又|的话)?呢[?.!\s]*$")
_aside = re.compile(rf"{_lead}(?P<topic>[^,?.!]{{1,20}}?)(?:的话)?呢[,?\s]+(?P<rest>[^\s].*)$")
# 那 as a mere link, not the one of 那个, 那份, 那里, 那么多.
_link = re.compile(
    r"^那(?:么(?![多少大小高长快慢好难])|(?!么))[,\s]*(?![个份座项里儿些种类天年时条家位次本部套款张块段边样批所])"
)
_continues = re.compile(r"(?:还|也|又)?(?:有|是|会|能|要|在|做|怎|需要|可以|应该|包括)")
_pronoun = re.compile(r"它们|它|其|他们|当地|那里|那儿|这里")
_demonstrative = re.compile(
    rf"{_lead}(?:请问)?(?:在|对|对于|由|用|给|和|与|跟|为|从|把|按|关于|根据|通过|参加|推动)?"
    r"(?P<this>该|此|(?:这|那)(?:一)?(?:个|项|份|座|些|种|部|家|套|条)?)(?P<noun>[\u4e00-\u9fff]{1,3})"
)
# Nouns that a demonstrative carries and that a 《title》 or a place already says.
_of_title = re.compile(r"文件|计划|方案|意见|白皮书|政策|办法|规划|法规|通知|报告|标准")
_of_place = re.compile(r"城市|地方|地区|市|省|区|县")
_thing = re.compile(
    rf"{_of_title.pattern}|{_of_place.pattern}|平台|项目|技术|试点|法院|系统|企业|公司|机构|产业|园区|活动|做法|领域|应用"
)
# What a question asks for in the abstract: 那欠缺的地方呢? asks for it in place of 哪些优势.
_abstract = re.compile(
    r"(?:优势|劣势|优点|缺点|长处|短处|好处|坏处|害处|风险|问题|挑战|困难|障碍|不足|地方|作用|用处|特征|特点"
    r"|原因|措施|意义|影响|前景|目标|目的|条件|步骤|机遇)$"
)
_asked_noun = re.compile(r"(?:哪些|什么|哪几[个种项]|多少)(?P<noun>[\u4e00-\u9fff]{2,6}?)[?.!\s]*$")
_defined = re.compile(
    r"^(?:什么是|什么叫|何谓)(?P<a>[^,?.!]{2,20}?)[?.!\s]*$|^(?P<b>[^,?.!的]{2,20}?)(?:是指|指的是|是)什么[^,]{0,4}$"
)
# Words of a noun's class that name nothing by themselves.
_GENERIC = frozenset(
    {"城市", "地方", "地区", "国家", "省市", "省", "市", "区", "县", "国", "本地", "各地", "全国"}
)
_PREPOSITIONS = "对在给用从和跟与为"
_NAMES = "poh"
_NOUNS = "npohzx"
_year = re.compile(r"(?:\d{4}|[〇零一二三四五六七八九]{4})年")
_title = re.compile(r"《[^《》]{1,60}》")


def standalone(question: str, history: Sequence[str], segmenter: Segmenter | None = None) -> str:
    """``question`` with what it leaves out taken from ``history`` (earlier questions, oldest first).

    A question that stands on its own comes back unchanged, to the character.
    """
    segmenter = Segmenter() if segmenter is None else segmenter
    previous = ""
    for turn in filter(str.strip, history):
        previous = _resolve(turn, previous, segmenter)
    return _resolve(question, previous, segmenter)


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A question taken apart once; offsets are those of ``text``."""

    text: str
    folded: str
    tokens: tuple[_Token, ...]
    inner_places: tuple[Span, ...]  # places that begin a longer word: 广州 in 广州市委

    @classmethod
    def of(cls, text: str, segmenter: Segmenter) -> _Parsed:
        tokens = tuple(segmenter.tagged(text))
        inner = (
            Span(start, start + size)
            for start, word, _ in tokens
            for size in (2, 3)
            if len(word) > size and segmenter.word_class(word[:size]) == "p"
        )
        return cls(text, fold(text), tokens, tuple(inner))

    def names(self) -> list[Span]:
        """Its years, 《titles》 and names, in order."""
        marked = [Span(*m.span()) for pattern in (_year, _title) for m in pattern.finditer(self.folded)]
        named = [_span(token) for token in self.tokens if token[2] in _NAMES and token[1] not in _GENERIC]
        return sorted([*marked, *named])


def _span(token: _Token) -> Span:
    return Span(token[0], token[0] + len(token[1]))


def _resolve(question: str, previous: str, segmenter: Segmenter) -> str:
    """The first rule whose mark ``question`` shows, applied; ``question`` itself where none does."""
    if not previous:
        return question
    now = _Parsed.of(question.strip(), segmenter)
    before = _Parsed.of(previous.strip(), segmenter)
    if match := _bare.match(now.folded):
        return f"{_statement(before)}{_cut(now, match, 'asks')}?"
    if (match := _what_about.match(now.folded)) and not _asking.search(match["topic"]):
        return _exchange(_Parsed.of(_cut(now, match, "topic"), segmenter), before)
    if (match := _aside.match(now.folded)) and not _asking.search(match["topic"]):
        return _with_name(f"{_cut(now, match, 'topic')}{_cut(now, match, 'rest')}", before, segmenter)
    topic = _topic(before)
    if match := _link.match(now.folded):
        return _continued(_Parsed.of(now.text[match.end() :], segmenter), before, topic)
    if topic is None or fold(topic.of(before.text)) in now.folded:
        return question
    if _names_nothing(now):
        return f"{topic.of(before.text)}{now.text}"
    return _demonstrated(now, before, topic) or _referred(now, before, topic) or question


def _names_nothing(now: _Parsed) -> bool:
    """Whether a question holds question words and verbs only (什么时候结束? 谁提出的?)."""
    asked = [Span(*match.span()) for match in _asking.finditer(now.folded)]
    said = [token for token in now.tokens if not any(span.overlaps(_span(token)) for span in asked)]
    return bool(asked) and not any(token[2] in "npohzxmr" for token in said)


def _cut(parsed: _Parsed, match: re.Match[str], group: str) -> str:
    return parsed.text[match.start(group) : match.end(group)]


# -- 那上海呢? ------------------------------------------------------------------------------


def _exchange(topic: _Parsed, before: _Parsed) -> str:
    """``before`` asked of ``topic`` instead: it takes the place of what is like it."""
    span = _like(topic, before) or _common(topic, before) or _topic(before)
    if span is None:
        return f"{topic.text}{before.text}"
    kept, new = before.text[: span.start], topic.text
    if new[0] in _PREPOSITIONS and kept.endswith(new[0]):
        kept = kept[:-1]  # 那对企业呢? after 对政府有哪些好处?
    return kept + new + before.text[span.end :]


def _like(topic: _Parsed, before: _Parsed) -> Span | None:
    """The last year, 《title》 or name of the topic's own class that stands before the question word."""
    for pattern in (_year, _title):
        if pattern.search(topic.folded):
            return _last([Span(*match.span()) for match in pattern.finditer(before.folded)], before)
    wanted = next((each for _, _, each in topic.tokens if each in _NAMES), None)
    same = [_span(token) for token in before.tokens if token[2] == wanted]
    if wanted == "p" and not same:
        same = list(before.inner_places[:1])
    specific = [span for span in same if span.of(before.folded) not in _GENERIC] or same
    return _last(_merged(specific, before.folded), before)


def _common(topic: _Parsed, before: _Parsed) -> Span | None:
    """What a topic without a name replaces: the thing asked for if it is one, else the last noun run."""
    if _abstract.search(topic.folded) and (match := _asked_noun.search(before.folded)):
        return Span(*match.span("noun"))
    return _last(_noun_runs(before), before)


def _last(spans: Sequence[Span], before: _Parsed) -> Span | None:
    """The last of ``spans`` before the question word, else the first."""
    word = _asking.search(before.folded)
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


# -- the topic --------------------------------------------------------------------------------


def _topic(before: _Parsed) -> Span | None:
    """What a question asks to define, else its last 《title》, first name, or first noun."""
    if match := _defined.match(before.folded):
        return Span(*match.span("a" if match["a"] else "b"))
    titles = list(_title.finditer(before.folded))
    if titles:
        return Span(*titles[-1].span())
    for at, token in enumerate(before.tokens):
        if token[2] in _NAMES and token[1] not in _GENERIC:
            return _phrase(before, at)
    return next(iter(_noun_runs(before)), None)


def _phrase(before: _Parsed, first: int) -> Span:
    """The name at token ``first`` with the nouns that follow it, also behind 的 (成都的场景供给)."""
    span = _span(before.tokens[first])
    for run in _noun_runs(before):
        if run.start >= span.end and before.folded[span.end : run.start] in ("", "的"):
            return Span(span.start, run.end)
    return span


def _noun_runs(before: _Parsed) -> list[Span]:
    """Unbroken runs of nouns; longer verbs and adjectives belong to one inside it (技术应用试点)."""
    found: list[Span] = []
    pending: Span | None = None  # verbs behind the last run, kept if a noun follows
    for token in before.tokens:
        span = _span(token)
        touches = bool(found) and (pending or found[-1]).end == span.start
        if _asking.search(token[1]):
            pending = None
        elif token[2] in "nzx":
            found = [*found[:-1], Span(found[-1].start, span.end)] if touches else [*found, span]
            pending = None
        else:
            longer = touches and token[2] in "va" and len(span) > 1
            pending = Span(found[-1].start, span.end) if longer else None
    return found


# -- 那…, 它, 该计划 ----------------------------------------------------------------------


def _with_name(text: str, before: _Parsed, segmenter: Segmenter) -> str:
    """``text``, told of the last question's first name if it has none of its own."""
    names = [] if _Parsed.of(text, segmenter).names() else before.names()
    return f"{names[0].of(before.text)}的{text}" if names else text


def _continued(rest: _Parsed, before: _Parsed, topic: Span | None) -> str:
    """那 + ``rest``: of the last topic if it lacks a subject, else behind the last statement."""
    if topic is not None and _continues.match(rest.folded):
        return f"{topic.of(before.text)}{rest.text}"
    if rest.names() or (topic is not None and fold(topic.of(before.text)) in rest.folded):
        return rest.text
    return f"{_statement(before)}，{rest.text}"


def _demonstrated(now: _Parsed, before: _Parsed, topic: Span) -> str | None:
    """该计划, 这座城市 at a question's start: the last topic, with the noun where it adds something."""
    match = _demonstrative.match(now.folded)
    noun = _thing.match(now.folded, match.start("noun")) if match else None
    if match is None or noun is None:
        return None
    topic = _place(before, topic) if _of_place.fullmatch(noun.group()) else topic
    named = topic.of(before.text)
    said = _of_title if _title.search(named) else _of_place
    adds = not said.fullmatch(noun.group()) and not fold(named).endswith(noun.group())
    kept = f"的{noun.group()}" if adds else ""
    return now.text[: match.start("this")] + named + kept + now.text[noun.end() :]


def _referred(now: _Parsed, before: _Parsed, topic: Span) -> str | None:
    """它, 其, 他们, 当地 replaced by the last topic, unless an earlier clause holds what they stand for."""
    starts = {start: (word, at) for at, (start, word, _) in enumerate(now.tokens)}
    for match in _pronoun.finditer(now.folded):
        word, at = starts.get(match.start(), ("", -1))
        if word != match.group():
            continue  # inside another word: 尤其, 其中, 其他
        clause = now.folded.rfind(",", 0, match.start())
        if any(cls in _NOUNS and start < clause for start, _, cls in now.tokens):
            return None
        topic = _place(before, topic) if word in ("当地", "那里", "那儿", "这里") else topic
        owns = word == "其" and at + 1 < len(now.tokens) and now.tokens[at + 1][2] in _NOUNS
        named = topic.of(before.text) + ("的" if owns else "")
        return now.text[: match.start()] + named + now.text[match.end() :]
    return None


def _place(before: _Parsed, topic: Span) -> Span:
    """The first place that ``before`` names, else its topic."""
    places = (_span(token) for token in before.tokens if token[2] == "p" and token[1] not in _GENERIC)
    return next(places, topic)


def _statement(before: _Parsed) -> str:
    """``before`` without its question words, so that another question can be put behind it."""
    if match := _defined.match(before.folded):
        return _cut(before, match, "a" if match["a"] else "b")
    spans = [Span(*match.span()) for match in _asked.finditer(before.folded)]
    kept = [char for at, char in enumerate(before.text) if not any(s.start <= at < s.end for s in spans)]
    return "".join(kept).strip("?？.。!！,， )）")
