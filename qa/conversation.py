"""Follow-up questions made to stand on their own, by rules over word classes; no language model.

A first form: 那上海呢? takes the place of what the last question asked about; 它、其、该… stand for the
last named thing; a bare question word (为什么? 什么时候?) asks it of the last subject.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from qa.text import fold
from qa.types import Span
from qa.words import Segmenter, WordClass

__all__ = ["standalone"]

_what_about = re.compile(
    r"^(?:那么|那|至于|还有|换成|如果是)?[,\s]*(?P<topic>[^,?.!]{1,20}?)(?:又|的话)?呢[?.!\s]*$"
)
_pronoun = re.compile(
    r"它们|它的|它|其(?![他它实中余次])|(?:该|此|这个|那个|这项|那项|这份|那份|这座|那座|这一)(?=[\u4e00-\u9fff])|他们|当地|那里|那儿|这里"
)
_demonstrative_noun = re.compile(
    r"(?:城市|市|省|文件|计划|方案|意见|白皮书|政策|平台|项目|技术|试点|地方|地区|法院|系统|企业)"
)
_bare = re.compile(
    r"^(?:那|那么)?[,\s]*(?P<asks>为什么|为何|为啥|什么时候|何时|哪一?年|在?哪里|在哪儿?|怎么做|如何做"
    r"|谁|多少|有哪些|是什么|还有吗|还有呢|还有哪些)(?:呢|啊|呀|的)?[?.!\s]*$"
)
_then = re.compile(r"^(?:那么|那)[,\s]*(?=有|还|是|会|能|要|在|做|怎)")
# Words of the class "place" or "noun" that name nothing by themselves.
_GENERIC = frozenset(
    {"城市", "地方", "地区", "国家", "省市", "省", "市", "区", "县", "国", "本地", "各地", "全国"}
)
_year = re.compile(r"(?:\d{4}|[〇零一二三四五六七八九]{4})年")
_title = re.compile(r"《[^《》]{1,60}》")
_asking = re.compile(
    r"什么时候|什么|哪一?[年天个些里儿座份部项]?|何时|谁|多少|几|怎么样?|如何|为什么|为何|是否|吗|呢|有没有|怎样"
)

_asked = re.compile(rf"是?(?:{_asking.pattern})|的(?=[?.!\s]*$)")


def standalone(question: str, history: Sequence[str], segmenter: Segmenter | None = None) -> str:
    """``question`` with what it leaves out taken from ``history`` (earlier questions, oldest first).

    A question that stands on its own comes back unchanged, to the character.
    """
    segmenter = Segmenter() if segmenter is None else segmenter
    previous = ""
    for turn in [*history, question]:
        previous = _resolve(turn, previous, segmenter) if previous else turn
    return previous


def _resolve(question: str, previous: str, segmenter: Segmenter) -> str:
    folded = fold(question.strip())
    if match := _what_about.match(folded):
        return _exchange(question.strip()[slice(*match.span("topic"))], previous, segmenter)
    topic = _topic(previous, segmenter)
    if topic is None:
        return question
    named = topic.of(previous)
    if match := _bare.match(folded):
        return f"{_statement(previous)}{question.strip()[slice(*match.span('asks'))]}?"
    if match := _then.match(folded):
        return named + question.strip()[match.end() :]
    if (match := _pronoun.search(folded)) and fold(named) not in folded:
        return _substitute(question.strip(), match, named, folded)
    return question


def _substitute(question: str, match: re.Match[str], named: str, folded: str) -> str:
    """The pronoun replaced by the named thing; 该计划, 这座城市 are replaced with their noun."""
    end = match.end()
    if match.group().startswith(("该", "此", "这", "那")) and (
        noun := _demonstrative_noun.match(folded, end)
    ):
        end = noun.end()
    owner = "的" if match.group() in ("它的",) else ""
    return question[: match.start()] + named + owner + question[end:]


def _exchange(topic: str, previous: str, segmenter: Segmenter) -> str:
    """``previous`` asked of ``topic`` instead: it takes the place of the last thing of its own class."""
    spans = _like(topic, previous, segmenter)
    if not spans:
        last = _topic(previous, segmenter)
        spans = [] if last is None else [last]
    if not spans:
        return f"{topic}{previous}"
    span = spans[0]
    return previous[: span.start] + topic + previous[span.end :]


def _like(topic: str, previous: str, segmenter: Segmenter) -> list[Span]:
    """What in ``previous`` is of the class of ``topic``: a year, a 《title》, a place or another name."""
    for pattern in (_year, _title):
        if pattern.search(fold(topic)):
            return [Span(*match.span()) for match in pattern.finditer(fold(previous))]
    classes = [word_class for _, _, word_class in segmenter.tagged(topic)]
    if not classes:
        return []
    wanted = next((each for each in classes if each in "pohz"), classes[-1])
    return [
        Span(start, start + len(word))
        for start, word, word_class in segmenter.tagged(previous)
        if word_class == wanted and not _asking.fullmatch(word)
    ]


def _topic(previous: str, segmenter: Segmenter) -> Span | None:
    """The thing a question is about: its last 《title》, else its first name, else its first noun run."""
    titles = list(_title.finditer(fold(previous)))
    if titles:
        return Span(*titles[-1].span())
    tagged = [
        (start, word, cls) for start, word, cls in segmenter.tagged(previous) if not _asking.search(word)
    ]
    for start, word, word_class in tagged:
        if word_class in "poh" and word not in _GENERIC:
            return Span(start, start + len(word))
    return _noun_run(tagged)


def _noun_run(tagged: Sequence[tuple[int, str, WordClass]]) -> Span | None:
    """The first unbroken run of nouns, verbs inside it or behind it taken along (区块链技术应用试点)."""
    start = end = -1
    for at, word, word_class in tagged:
        if start < 0 and word_class in "nzxp":
            start, end = at, at + len(word)
        elif start >= 0 and at == end and word_class in "nzxpva":
            end = at + len(word)
        elif start >= 0:
            break
    return Span(start, end) if start >= 0 else None


def _statement(previous: str) -> str:
    """``previous`` without its question words, so that a bare question word can be put behind it."""
    return _asked.sub("", fold(previous)).strip("?.!, ")
