"""What kind of answer a question asks for, and where text of that kind stands.

All patterns work on folded text (``qa.text.fold``), whose offsets are those of the text itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast

from qa.text import HAN, fold
from qa.types import Span

__all__ = ["NARROW", "Kind", "kind", "typed_spans"]

Kind = Literal[
    "date", "number", "title", "place", "person", "list", "reason", "way", "definition", "yesno", "other"
]
# Kinds whose answer is a short span of its own; for the others it is a clause or a sentence.
NARROW: frozenset[Kind] = frozenset({"date", "number", "title", "place"})

_DOCUMENT = (
    "文件|公文|白皮书|计划|方案|意见|政策|规划|办法|法规|条例|法律|通知|报告|标准|论文"
    "|书|杂志|电影|小说|歌|专辑|作品"
)
_FAINT = "差强难好贵错"  # 强在哪儿, 难在什么地方 ask for no place
_PLACE = (
    rf"哪里|(?<![从在])哪儿|(?<![{_FAINT}])在哪|(?<![{_FAINT}]在)什么地方|何[处地]|位于|哪一?座"
    "|哪个?(?:城市|[省市区县国州镇村]|[^,?]{0,4}地方)"
)
_SEVERAL = rf"(?<![没好十百千])几(?=[{HAN}])(?![十百千万亿])"  # 几家, but not 几十年前, 没几个
# Other words for the same question words; 甚 stays itself when it is folded, because of 甚至.
_SPOKEN = (("甚么", "什么"), ("啥", "什么"), ("咋", "怎么"))
# In the order they are tried: the more telling cue first.
_CUES: tuple[tuple[Kind, re.Pattern[str]], ...] = tuple(
    (cast("Kind", name), re.compile(cue))
    for name, cue in (
        ("reason", r"为什么|为何|何以|原因|因何|凭什么|干嘛|怎么[会没变]|缘故|由于什么|图个?什么|怕什么"),
        ("title", rf"(?:{_DOCUMENT})[^,?]{{0,4}}(?:叫|题目|标题|名称|名字|名为|题为)"),
        ("list", r"分别(?:是|为|有)|列举"),
        ("definition", r"什么是|是什么(?:意思)?[?]?$|是指什么|指的是什么|含义|定义|何谓|什么叫|是什么意思"),
        ("title", rf"[哪何]一?[份部个些本首项]?[^,?年月天日市省区县城国人家位]{{0,6}}?(?:{_DOCUMENT})"),
        ("title", rf"什么(?!办法|意见|标准)[^,?]{{0,6}}?(?:{_DOCUMENT})"),
        ("list", r"哪些|哪几|哪[两三四五六七八九十]|有什么|包括什么"),
        ("date", r"哪一?[年天]|哪个?月|什么时[候间]|哪时候|何[时年]|几时|几年[?]?$|几月|年份|时间是"),
        ("number", rf"多[少大长高久远宽重快]|{_SEVERAL}|百分之几|比例|占比|第几|几何[?]?$"),
        ("person", r"谁|哪位|何人|什么人"),
        ("place", _PLACE),
        ("way", r"如何|怎么|怎样|什么(?:方式|办法|方法|途径|手段)|从哪儿"),
        ("yesno", rf"吗|是否|有没有|可否|能否|([{HAN}])不\1"),
    )
)  # fmt: skip


def kind(question: str) -> Kind:
    """The kind of answer ``question`` asks for; ``other`` where no cue stands in it."""
    plain = fold(question)
    for spoken, written in _SPOKEN:
        plain = plain.replace(spoken, written)
    return next((name for name, cue in _CUES if cue.search(plain)), "other")


@dataclass(frozen=True, slots=True)
class _Finder:
    pattern: re.Pattern[str]
    group: int | str = 0


_DIGIT = "〇零一二两三四五六七八九十百千万亿"
_YEAR = r"(?:公元前?)?(?:\d{3,4}|[〇零一二三四五六七八九]{4})\s?年"
_ORDINAL = r"(?:\d{1,2}|[一二三四五六七八九十]{1,3})"
_DAY = rf"{_ORDINAL}\s?月(?:底|初|[中上下]旬|份)?(?:\s?{_ORDINAL}\s?[日号])?"
_DATE = _Finder(
    re.compile(rf"{_YEAR}(?:\s?{_DAY})?|{_DAY}|\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{1,2}}世纪")
)
_YEARS = _Finder(re.compile(_YEAR))
_TITLE = _Finder(re.compile(r"《[^《》\n]{1,60}》|[\"][^\"\n]{2,30}[\"]"))
# In folded text 。 is a point and ， a comma: they belong to a number only inside it.
_FIGURE = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_QUANTITY = rf"(?:{_FIGURE}|[{_DIGIT}]+|数[十百千万亿]+)(?:多|余|几)?[十百千万亿]*(?:分之[{_DIGIT}]+)?"
_MEASURE = (
    "平方公里|平方米|立方米|公里|千米|厘米|毫米|公顷|公斤|个?小时|分钟|个月|美元|港元|欧元|百分点|人(?!民币)"
    "|[个家名位座项条份次种类批笔款台套张件户辆吨米亩元年月天日周秒倍页字枚只棵株块分头匹艘架间栋幢层颗粒盒本册篇%]"
)
# Measures that stand for one another: who asks 多少人 is also answered with 5名.
_SAME = {
    "个": "个(?!月|小时)|家|座|项|名|条|种",
    "块": "块|元",
    **dict.fromkeys("人名位", "人|名|位"),
    **dict.fromkeys(("小时", "个小时"), "个?小时"),
}
_UNIT = rf"(?:%|‰|个百分点|[a-z]+|平方公里|平方米|公里|千米|公顷|小时|分钟|个月|[{HAN}])"
# 一个, 一下, 一种 are no counts, nor is a single numeral inside a word: 四方.
_NO_COUNT = rf"(?!一[^{_DIGIT}\d])"
_NUMBER = _Finder(
    re.compile(
        rf"(?<![\d.])(?!{_YEAR}){_NO_COUNT}"
        rf"(?P<n>(?=[\d数]|[{_DIGIT}]{{2}}|[{_DIGIT}](?:{_MEASURE})){_QUANTITY}{_UNIT}?)"
    ),
    "n",
)
_MONEY = re.compile(rf"(?:多少|几)(?:钱|[{HAN}]{{0,4}}?(?:费|经费|资金|保证金|补贴|奖励|人民币))")
_SUM = _Finder(re.compile(rf"(?P<n>{_QUANTITY}\s?(?:元|块|美元|港元|欧元|人民币))"), "n")


def typed_spans(question: str, asked: Kind, text: str, span: Span) -> list[Span]:
    """Spans of the asked kind inside ``span`` of ``text``, in order, none that the question itself holds.

    ``place`` has no pattern here: the reader finds places by their word class.
    """
    finder = _finder(asked, fold(question))
    if finder is None:
        return []
    folded, folded_question = fold(span.of(text)), fold(question)
    found = (Span(*match.span(finder.group)) for match in finder.pattern.finditer(folded))
    return [each.shift(span.start) for each in found if each.of(folded) not in folded_question]


def _finder(asked: Kind, question: str) -> _Finder | None:
    if asked == "date":
        return _YEARS if re.search(r"哪一?年|何年|年份|几年", question) else _DATE
    if asked == "title":
        return _TITLE
    if asked == "number":
        return _number(question)
    return None


def _number(question: str) -> _Finder:
    """Numbers, of the unit the question names where it names one (多少家, 几个月, 百分之几)."""
    if re.search(r"比例|占比|百分之|多少%", question):
        return _Finder(
            re.compile(rf"{_FIGURE}%|百分之(?:{_FIGURE}|[{_DIGIT}点]+)|[{_DIGIT}\d]成(?!为|立|功|都)")
        )
    if re.search(r"多久|多长时间", question):
        return _Finder(re.compile(rf"{_QUANTITY}\s?(?:年|个月|月|周|天|日|个?小时|分钟|秒)(?:以?[内上])?"))
    if _MONEY.search(question):
        return _SUM
    if asked := re.search(rf"(?:多少|几)[十百千万亿]*(?P<unit>{_MEASURE})", question):
        unit = _SAME.get(asked["unit"], re.escape(asked["unit"]))
        start = _NO_COUNT if asked["unit"] == "个" else ""
        return _Finder(re.compile(rf"{start}(?P<n>{_QUANTITY}\s?(?:{unit}))"), "n")
    return _NUMBER
