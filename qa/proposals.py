"""Questions that the sentences of an article answer, made by rules over their words; no language model.

Each rule turns one form of sentence, or a heading, into one question. A result that is doubtful (words that
point elsewhere, a subject that names too little, clauses in each other) is dropped: few and good. Whether
the system finds the answer is for ``suggestions`` to see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, zip_longest
from typing import Literal

from qa.text import HAN, sentences, simplified
from qa.types import Article, Block, Span
from qa.words import Segmenter

__all__ = ["Form", "Proposal", "proposals"]

Form = Literal["when", "who", "where", "what", "which", "how many", "why", "says", "heading", "asked"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A question with where its answer stands.

    ``home``    the words that answer lie in here, in ``Article.text``
    ``answer``  the words that answer, in ``Article.text``, where the rule knows them
    """

    question: str
    form: Form
    home: Span
    answer: Span | None = None


def proposals(article: Article, segmenter: Segmenter) -> Iterator[Proposal]:
    """The questions of ``article`` in the order of its text, each once; in simplified characters."""
    seen: set[str] = set()
    of_blocks = (_of_block(article, block, segmenter) for block in article.blocks)
    for made in chain(_of_title(article, segmenter), *of_blocks):
        question = _SPACE.sub("", made.question)
        if question not in seen and _reads_well(question):
            seen.add(question)
            yield replace(made, question=question)


_SPACE = re.compile(
    rf"(?<=[{HAN}？])\s+|\s+(?=[{HAN}？])"
)  # between Chinese and Latin words, in either order


def _of_block(article: Article, block: Block, segmenter: Segmenter) -> Iterator[Proposal]:
    if block.heading:
        yield from _of_heading(article, block, segmenter)
    text = _even(article.text, block.span)
    spans = sentences(article.text, block.span)
    for span, after in zip_longest(spans, spans[1:]):
        yield from _of_sentence(text, span, after, Span(span.start, block.span.end), segmenter)


_half = re.compile(rf"(?<=[{HAN}”》）)])[,.;:?!]+(?![0-9A-Za-z])")
_WIDE = str.maketrans(",.;:?!", "，。；：？！")


def _even(text: str, span: Span) -> str:
    """``text``, simplified and with full-width marks in ``span``, so that one rule fits all; same length."""
    inside = _half.sub(lambda found: found.group().translate(_WIDE), simplified(span.of(text)))
    return text[: span.start] + inside + text[span.end :]


# ---- what a sentence offers

_NUMERAL = r"[0-9０-９,，.]*[0-9０-９]+|[〇一二两三四五六七八九十百千]+"
_DATE = r"[12][0-9]{3}年(?:[0-9]{1,2}月(?:[0-9]{1,2}日)?)?"
_LEAD = re.compile(r"^\s*(?:[-*+•·]\s+|[0-9]{1,2}[.、)）]\s*|[（(][0-9一二三四五六七八九十]{1,3}[)）]\s*)?")
# What ends a clause; quotes, book titles and brackets hold commas of their own, so they are not cut.
_CLAUSE = re.compile(r"(?:《[^《》]*》|“[^“”]*”|（[^（）]*）|\([^()]*\)|[^，,。；;：:！!？?])+")


class _Clause:
    """A sentence from one of its clauses on, with its words; ``home`` is the whole clause."""

    def __init__(self, text: str, start: int, home: Span, segmenter: Segmenter) -> None:
        self.start, self.home, self.segmenter = start, home, segmenter
        self.text = text[start : home.end]

    @cached_property
    def _inside_words(self) -> frozenset[int]:
        words = self.segmenter.tagged(self.text)
        return frozenset(place for at, word, _ in words for place in range(at + 1, at + len(word)))

    def cuts_no_word(self, *places: int) -> bool:
        """Whether no word has one of ``places`` in its middle."""
        return self._inside_words.isdisjoint(places)

    def placed(self, match: re.Match[str], group: str) -> Span:
        """A group of a match in ``Article.text``."""
        return Span(*match.span(group)).shift(self.start)

    def names(self, match: re.Match[str], group: str, *, least: float) -> bool:
        """Whether a group is a noun phrase that says what it means, without what stands before it."""
        return self.cuts_no_word(*match.span(group)) and _names(match[group], self.segmenter, least)


def _clauses(text: str, home: Span, segmenter: Segmenter) -> Iterator[_Clause]:
    """A sentence without its list mark, and then what is left of it from each further clause on."""
    inside = home.of(text)
    lead = _LEAD.match(inside)
    begin = 0 if lead is None else lead.end()
    for found in _CLAUSE.finditer(inside, begin):
        yield _Clause(text, home.start + found.start(), home, segmenter)


# Words that point at something said elsewhere, or that bind a clause to the one before it.
_POINTS = re.compile(
    r"它|其(?!他)|[他她我]|这|那(?!么)|哪|该|此|本(?:文|次|项|市|省|区|县|地|法|办法|条|节|章|书|系统|报告)|上述|前者|后者|以下|如下|前面|后面"
    r"|同[年月日]|当[年时地]|今[年天日]|去年|明年|目前|现在|如今|后来|自己|本人|咱|你|您|大家|双方|对方|各方|各自|彼此|另[一外]"
    r"|其中|第[一二三四五六七八九十]+(?:[道个类点批步块条座份种次招是张家款案项])|[一二三]是|所谓|之一|不(?:仅|光|但|只)|也(?!门)|还|又|再|却|就|则"
    r"|但|而(?!且)|因此|所以|于是|不过|然后|并且|而且|同时|如果|只要|即使|虽然|尽管|有人|有的|有些|某些?|一些|几[个座家]|等等|什么|同样|接下来|说到底|其实"
)
_GENERIC_WORDS = (
    "技术|系统|平台|企业|公司|机构|城市|地方|部门|政府|项目|文件|问题|办法|方案"
    "|情况|方面|内容|工作|优点|缺点|优势|劣势|法律|政策|规定|目标|目的|原因"
    "|结果|特点|作用|意义|做法|方法|时间|数据|信息|服务|产品|应用|场景|用户"
    "|市民|居民|人们|专家|市里|省里|区里|县里|全国|国家|国内|国外|世界|社会"
    "|市场|行业|产业|经济|领域|活动|业务|新区|园区|高新区|开发区|东西|事情|地区"
    "|方式|人员|单位|机关|一方|会议|名单|报告|通知|意见|计划|规划"
)
_GENERIC = frozenset(_GENERIC_WORDS.split("|"))
_EDGES = frozenset("的和与及或在对从把被向由于以为按让使给跟比等中上下里内外前后时")
_TERM = rf"[{HAN}A-Za-z0-9\-+·/ ]"


def _names(phrase: str, segmenter: Segmenter, least: float) -> bool:
    phrase = phrase.strip()
    if re.fullmatch(r"《[^《》]{2,50}》", phrase):
        return True
    bare = re.sub(rf"^{_DATE}(?:公布|发布|印发|出台|施行|通过)的|[《》“”（）()]", "", phrase)
    if not 2 <= len(bare) <= 24 or not re.fullmatch(rf"{_TERM}+", bare) or _POINTS.search(bare):
        return False
    if bare[0] in _EDGES or bare[-1] in _EDGES or not _balanced(phrase):
        return False
    words = [(word, kind) for _, word, kind in segmenter.tagged(bare)]
    if words[0][1] in "rm" or words[-1][1] in "rfm" or any(kind == "r" for _, kind in words):
        return False
    if any(kind == "f" and word not in "的和与及" for word, kind in words):
        return False
    if any(kind in "pohz" and word not in _GENERIC for word, kind in words):
        return True
    telling = [word for word, kind in words if kind not in "frm" and word not in _GENERIC]
    return sum(segmenter.weight(word) for word in telling) >= least


def _balanced(text: str) -> bool:
    return all(text.count(left) == text.count(right) for left, right in ("《》", "“”", "（）", "()", "「」"))


# ---- the rules, each from one form of sentence to one question

_Rule = Callable[[_Clause], Iterator[Proposal]]
_EVENTS = (
    "正式成立|正式启动|正式上线|正式施行|正式实施|正式发布|正式挂牌|正式开通|首次发布"
    "|首次公布|开始施行|开始实施|开始试点|开始运行|投入使用|成立|设立|挂牌|上线"
    "|启动|发布|公布|出台|印发|施行|实施|推出|开通|问世|诞生|建成|开出|签署"
    "|颁布|发表|创立|创办|开业|揭牌|动工|竣工|开工|通车|开馆|落成|首飞|发射"
    "|获批|召开|举行|举办|开幕|闭幕|逝世|出生|去世|上市|合并|更名|解散|生效"
    "|废止|提出|发行|试行|试运行"
)
_AGENTS = (
    "印发|发布|公布|发行|制定|编写|编制|提出|发表|运营|承建|主办|承办|设立|颁发"
    "|开具|起草|创办|创立|设计|研制|开发|建设|管理|运行|维护|出版|撰写|主编"
    "|负责|提供|审核|监管"
)
_subject = r"(?P<subject>[^，,。；;：:！？]{2,30}?)"
_HOW = "(?P<how>联合|共同|正式|首次|成功|率先|全面|对外|开始)?"
_place = r"(?P<place>(?:在|于)[^，,。；：的]{2,12}?)?"
_object = r"(?P<done>了)?(?P<object>(?:《[^《》]*》|“[^“”]*”|[^，,。；;：:！？《“]){0,40})[，,。；;]"
_dated_first = re.compile(
    rf"^(?:早在|在|到了?)?(?P<date>{_DATE})(?:初|底|末)?[，,]?{_subject}{_place}{_HOW}(?P<verb>{_EVENTS}){_object}"
)
_dated_inside = re.compile(
    rf"^{_subject}[，,]?(?:于|在|是在)?\s*(?P<date>{_DATE})(?:初|底|末)?(?:就|才)?(?:由[^，,。；：]{{2,24}}?)?{_place}{_HOW}(?P<verb>{_EVENTS}){_object}"
)
_since = re.compile(rf"^{_subject}自\s*(?P<date>{_DATE})起(?:正式)?(?P<verb>施行|实施|执行|生效)[，,。；;]")
_began = re.compile(rf"^{_subject}始于\s*(?P<date>{_DATE})(?:初|底|末)?[，,。；;]")
_issued = re.compile(
    rf"^(?:早在|在|到了?)?(?P<date>{_DATE})(?:初|底|末)?[，,]?(?P<who>[^，,。；：《》]{{0,24}}?)"
    r"(?P<verb>公布|发布|印发|出台|颁布|推出|通过|发表)了?(?P<title>《[^《》]{4,30}》)"
)


def _when(clause: _Clause) -> Iterator[Proposal]:
    for pattern in (_dated_first, _dated_inside):
        match = pattern.match(clause.text)
        if match is None or not clause.names(match, "subject", least=16) or not _event(clause, match):
            continue
        subject, how = match["subject"].strip(), match["how"] or ""
        said = f"{match['place'] or ''}{how}{match['verb']}{match['object'].strip()}".removesuffix("的")
        question = f"{subject}是{_asked_date(match['date'])}{said}的？"
        yield Proposal(question, "when", clause.home, clause.placed(match, "date"))
        if match["place"] and _is_place(match["place"][1:], clause.segmenter):
            told = f"{how}{match['verb']}{match['object'].strip()}".removesuffix("的")
            yield Proposal(
                f"{subject}是在哪里{told}的？", "where", clause.home, clause.placed(match, "place")
            )


def _is_place(phrase: str, segmenter: Segmenter) -> bool:
    """Whether a phrase is the name of a place, with nothing before it."""
    kinds = [kind for _, _, kind in segmenter.tagged(phrase)]
    return bool(kinds) and kinds[0] == "p" and set(kinds) <= set("pnz")


def _since_when(clause: _Clause) -> Iterator[Proposal]:
    match = _since.match(clause.text)
    if match is not None and clause.names(match, "subject", least=16):
        question = f"{match['subject'].strip()}从什么时候开始{match['verb']}？"
        yield Proposal(question, "when", clause.home, clause.placed(match, "date"))
    match = _began.match(clause.text)
    if match is not None and _of_a_name(match["subject"], clause.segmenter):
        question = f"{match['subject'].strip()}始于{_asked_date(match['date'])}？"
        yield Proposal(question, "when", clause.home, clause.placed(match, "date"))


def _of_a_name(phrase: str, segmenter: Segmenter) -> bool:
    """Whether a phrase begins with a name, as in 北京对区块链的摸索."""
    kinds = [kind for _, _, kind in segmenter.tagged(phrase)]
    return bool(kinds) and kinds[0] in "poh" and _POINTS.search(phrase) is None and _balanced(phrase)


def _when_issued(clause: _Clause) -> Iterator[Proposal]:
    match = _issued.match(clause.text)
    if match is not None:
        question = f"{match['title']}是{_asked_date(match['date'])}{match['verb']}的？"
        yield Proposal(question, "when", clause.home, clause.placed(match, "date"))


_quantified = re.compile(
    r"[一两二三四五六七八九十0-9]+(?:个|起|份|项|种|批|座|家|次|条|部|张|款|场|套|类|名|位|多)"
)


def _event(clause: _Clause, match: re.Match[str]) -> bool:
    """Whether what is said of the subject is one plain event, with a definite object or none."""
    told = match["object"].strip().removesuffix("的")
    if not clause.cuts_no_word(*match.span("verb")):
        return False
    if told == "":
        return True
    if _POINTS.search(told) or _quantified.match(told) or not _balanced(told) or told[0] in "的和与及、":
        return False
    place = match["place"]
    return (place is None or not _POINTS.search(place)) and "由" not in told


def _asked_date(date: str) -> str:
    return "哪一年" if date.endswith("年") else "什么时候"


_agent = re.compile(
    rf"^{_subject}(?:是)?(?:(?:于|在)\s*{_DATE})?由(?P<who>[^，,。；;：:的在于]{{2,30}}?)(?:(?:于|在)\s*{_DATE})?"
    rf"(?P<how>共同|联合|牵头|负责|统一)?(?P<verb>{_AGENTS})(?:的)?[，,。；;]"
)


def _who(clause: _Clause) -> Iterator[Proposal]:
    match = _agent.match(clause.text)
    if match is None or not clause.names(match, "subject", least=16):
        return
    if not clause.cuts_no_word(*match.span("who")) or _POINTS.search(match["who"]):
        return
    question = f"{match['subject'].strip()}是由谁{match['how'] or ''}{match['verb']}的？"
    yield Proposal(question, "who", clause.home, clause.placed(match, "who"))


_issuer = re.compile(
    rf"^(?:{_DATE}[，,]?)?(?P<who>[^，,。；：《》]{{3,24}}?)(?:(?:于|在)\s*{_DATE})?(?:今天|今日|近日)?(?P<how>联合|共同|正式)?"
    r"(?P<verb>公布|发布|印发|出台|颁布|制定|编写)了?(?P<title>《[^《》]{4,30}》)"
)


def _who_issued(clause: _Clause) -> Iterator[Proposal]:
    match = _issuer.match(clause.text)
    if match is None or not _balanced(match["who"]) or _POINTS.search(match["who"]):
        return
    kinds = {kind for _, _, kind in clause.segmenter.tagged(match["who"])}
    if kinds & set("poh") and clause.cuts_no_word(*match.span("who")):
        question = f"{match['title']}是由谁{match['how'] or ''}{match['verb']}的？"
        yield Proposal(question, "who", clause.home, clause.placed(match, "who"))


_located = re.compile(
    rf"^(?:[^，,。；：]{{2,30}}[，,])?{_subject}(?P<verb>位于|坐落在|坐落于|地处|设在|总部设在|放在)(?P<where>[^，,。；;：:！？]{{2,20}})[，,。；;]"
)


def _where(clause: _Clause) -> Iterator[Proposal]:
    match = _located.match(clause.text)
    if match is None or not clause.names(match, "subject", least=99) or _POINTS.search(match["where"]):
        return  # what is nowhere in particular has no name of its own
    yield Proposal(
        f"{match['subject'].strip()}{match['verb']}哪里？",
        "where",
        clause.home,
        clause.placed(match, "where"),
    )


_defined = re.compile(
    rf"^(?:所谓)?(?P<term>“[^“”]{{2,12}}”|{_TERM}{{2,12}}?)[，,]?(?:就)?"
    r"(?:是指|指的是|是(?=一[种类门套项]|把|用|由|存放|能够)|是(?=[^，。]{2,30}的一种|[^，。]{6,40}的[^，。]{2,6}[，。])|即(?![刻将使便可时]))(?P<rest>.{8,})"
)
_called = re.compile(
    rf"(?:就|也)?(?:叫|叫做|叫作|称为|称作|被称为|称之为|就是常说的|就是所谓的?)(?P<term>“[^“”]{{3,12}}”|{_TERM}{{3,10}})[。；]"
)


def _what(clause: _Clause) -> Iterator[Proposal]:
    for match in (_defined.match(clause.text), _called.search(clause.text)):
        if (
            match is not None
            and clause.names(match, "term", least=16)
            and _is_term(match["term"], clause.segmenter)
        ):
            yield Proposal(f"什么是{match['term'].strip()}？", "what", clause.home)


def _is_term(phrase: str, segmenter: Segmenter) -> bool:
    """Whether a phrase is the name of a thing rather than a clause, or of a place."""
    kinds = [kind for _, _, kind in segmenter.tagged(phrase)]
    return (
        "的" not in phrase and set(kinds) <= set("nohzxva") and kinds.count("v") <= 1 and kinds[-1] in "nohzx"
    )


_ATTRIBUTES = (
    "办法|做法|方法|目标|目的|特点|优点|缺点|优势|短板|关键|核心|重点|难点|好处|原则|定位|口号|特别之处|特色|原理|作用|任务|宗旨|职责|用途"
    "|英文缩写|英文名|缩写|全称|简称|前身|别名|意思|含义|前提|门槛|初衷|卖点|意义|由来|含义|流程"
)
_attributed = re.compile(
    rf"^(?P<whole>(?P<subject>[^，,。；;：:！？的]{{2,20}})的(?:最大|主要|核心|根本)?(?P<noun>{_ATTRIBUTES}))(?:主要|就)?(?:是|在于)(?P<told>[^。；;！？]{{4,}})[。；]"
)


def _attribute(clause: _Clause) -> Iterator[Proposal]:
    match = _attributed.match(clause.text)
    if (
        match is not None
        and clause.names(match, "subject", least=16)
        and not match["told"].startswith(("不", "否"))
    ):
        yield Proposal(f"{match['whole']}是什么？", "what", clause.home, clause.placed(match, "told"))


_abbreviated = re.compile(
    rf"^(?P<subject>{_TERM}{{2,14}})[，,](?P<noun>英文缩写|英文简称|缩写|简称|全称)(?:是|为)?(?P<told>[^，,。；：]{{2,20}})[，,。；]"
)


def _abbreviation(clause: _Clause) -> Iterator[Proposal]:
    match = _abbreviated.match(clause.text)
    if match is not None and clause.names(match, "subject", least=16):
        question = f"{match['subject'].strip()}的{match['noun']}是什么？"
        yield Proposal(question, "what", clause.home, clause.placed(match, "told"))


_aimed = re.compile(
    rf"^{_subject}[，,]?(?:旨在|意在|目的在于|目的是|为的是)(?P<told>[^。；;！？]{{6,}})[。；]"
)
_also_called = re.compile(
    rf"^{_subject}[，,]?(?P<verb>俗称|又称|也叫|又叫|简称|别称|昵称)(?P<told>“[^“”]{{2,14}}”|{_TERM}{{2,10}}?)[，,。；]"
)


def _aim(clause: _Clause) -> Iterator[Proposal]:
    match = _aimed.match(clause.text)
    if match is not None and clause.names(match, "subject", least=16):
        yield Proposal(
            f"{match['subject'].strip()}的目的是什么？", "what", clause.home, clause.placed(match, "told")
        )
    match = _also_called.match(clause.text)
    if match is not None and clause.names(match, "subject", least=16):
        question = f"{match['subject'].strip()}{match['verb']}什么？"
        yield Proposal(question, "what", clause.home, clause.placed(match, "told"))


_counted_kinds = re.compile(
    rf"^{_subject}(?:一共|共|总共|主要|大致)?(?P<verb>有|涉及|列出|提出|确立|设立|规定|确定|明确)(?P<done>了)?"
    rf"(?P<number>[两三四五六七八九十]{{1,2}})(?P<measure>个|种|类|条|道|项|点|大|方面)(?P<noun>[{HAN}]{{2,10}})[：:，,。]"
)
_parted = re.compile(
    rf"^{_subject}(?:主要|大致|通常|一般|可以)?(?P<verb>分为|分成)(?P<number>[两三四五六七八九十])(?P<measure>类|种|个|大类|级|步|层)"
)
_including = re.compile(
    rf"^{_subject}(?:主要|通常|一般)?(?P<verb>包括|包含|涵盖)(?P<list>[^。；;：:！？]*、[^。；;：:！？]*)[。；;]"
)


def _which(clause: _Clause, below: Span) -> Iterator[Proposal]:
    """``below``: from here to the end of the block, where what is counted is listed."""
    match = _counted_kinds.match(clause.text)
    if (
        match is not None
        and clause.names(match, "subject", least=14)
        and clause.cuts_no_word(match.start("noun"))
    ):
        asks = f"{match['verb']}{match['done'] or ''}哪{match['number']}{match['measure']}{match['noun']}"
        question = f"{match['subject'].strip()}{asks}？"
        yield Proposal(question, "which", below)
    match = _parted.match(clause.text)
    if match is not None and clause.names(match, "subject", least=14):
        yield Proposal(
            f"{match['subject'].strip()}{match['verb']}哪{match['number']}{match['measure']}？",
            "which",
            clause.home,
        )
    match = _including.match(clause.text)
    if match is not None and clause.names(match, "subject", least=16):
        question = f"{match['subject'].strip()}{match['verb']}哪些？"
        yield Proposal(question, "which", clause.home, clause.placed(match, "list"))


_MEASURES = (
    "个|家|座|项|张|份|条|所|名|人|种|台|辆|次|款|部|套|万|亿|万元|亿元"
    "|元|公里|米|平方米|万人|亿人|天|年|小时"
)
_amount = re.compile(
    rf"^{_subject}(?:一共|共|总共|已经|已|目前)?(?P<verb>有|设有|拥有|建有|建成|开通|覆盖|收录)(?:了)?(?:约|大约|近|超过|至少)?"
    rf"(?P<number>(?:{_NUMERAL})[万亿余多]*)(?P<measure>{_MEASURES})(?P<noun>[{HAN}]{{0,8}})[，,。；;]"
)


def _how_many(clause: _Clause) -> Iterator[Proposal]:
    match = _amount.match(clause.text)
    if match is None or not clause.names(match, "subject", least=18) or _POINTS.search(match["noun"]):
        return
    question = f"{match['subject'].strip()}{match['verb']}多少{match['measure']}{match['noun']}？"
    yield Proposal(question, "how many", clause.home, clause.placed(match, "number"))


_measured = re.compile(
    rf"^(?P<whole>(?P<subject>[^，,。；;：:！？的]{{2,20}})的(?P<noun>总?面积|总?金额|总额|奖金|长度|人数|数量|总?投资|注册资本|比例|占比|价格|总量|规模|寿命))"
    rf"(?:约|大约)?(?:为|是|有|达|达到)(?:约|大约|近|超过)?(?P<number>(?:{_NUMERAL})[^，,。；：]{{0,8}})[，,。；]"
)


def _how_much(clause: _Clause) -> Iterator[Proposal]:
    match = _measured.match(clause.text)
    if match is not None and clause.names(match, "subject", least=14):
        yield Proposal(f"{match['whole']}是多少？", "how many", clause.home, clause.placed(match, "number"))


_because = re.compile(
    r"^(?P<what>[^，,。；;：:！？]{6,30})[，,](?:主要|正)?(?:是因为|因为|原因是|原因在于|为的是)(?P<why>[^。；;！？]{6,})[。；]"
)
_since_so = re.compile(
    r"^(?:因为|由于)(?P<why>[^，,。；;！？]{4,40})[，,](?:所以|因此)?(?P<what>[^，,。；;：:！？]{6,30})[。；]"
)
_that_is_why = re.compile(
    r"^(?P<subject>[^，,。；;：:！？]{2,16})之所以(?P<what>[^，,。；;：:！？]{3,24})[，,](?:主要)?是因为(?P<why>[^。；;！？]{4,})"
)


def _why(clause: _Clause) -> Iterator[Proposal]:
    match = _that_is_why.match(clause.text)
    if match is not None and clause.names(match, "subject", least=12) and not _POINTS.search(match["what"]):
        question = f"{match['subject'].strip()}为什么{match['what'].strip()}？"
        yield Proposal(question, "why", clause.home, clause.placed(match, "why"))
    match = _because.match(clause.text) or _since_so.match(clause.text)
    if match is not None and _states(match["what"], clause.segmenter):
        question = f"为什么{match['what'].strip()}？"
        yield Proposal(question, "why", clause.home, clause.placed(match, "why"))


def _states(clause: str, segmenter: Segmenter) -> bool:
    """Whether a clause can be understood alone, and begins with what it is about."""
    if _POINTS.search(clause) or not _balanced(clause) or re.search(r"[“”、]|吗|呢|[0-9]", clause):
        return False
    words = [(word, kind) for _, word, kind in segmenter.tagged(clause)]
    if not words or words[0][1] not in "npohzx" or len(words[0][0]) < 2:
        return False
    if sum(kind in "npohzx" and len(word) > 1 and word not in _GENERIC for word, kind in words) < 2:
        return False
    return sum(segmenter.weight(word) for word, kind in words if kind not in "frm") >= 30


_titled = re.compile(
    r"^(?P<subject>《[^《》]{4,50}》)[^。；：《》]{0,30}?(?P<verb>提出|规定|明确|指出|要求|强调|写明)[，,：:]?(?P<rest>[^。；]{8,})[。；]"
)
_SAYS = {"要求": "提出了什么要求", "规定": "作了什么规定", "明确": "明确了什么"}


def _says(clause: _Clause) -> Iterator[Proposal]:
    match = _titled.match(clause.text)
    if match is not None:
        asks = _SAYS.get(match["verb"], f"{match['verb']}了什么")
        yield Proposal(f"{match['subject']}{asks}？", "says", clause.home, clause.placed(match, "rest"))


_first = re.compile(
    rf"^{_subject}(?:{_DATE}[^，,。]{{0,8}})?[，,]?是(?P<what>(?:全国|我国|国内|世界|全球|亚洲|全省|全市)(?:第一|首)(?P<measure>家|个|座|所|部|条|张)(?P<told>[^，,。；：]{{4,24}}))[，,。；]"
)


def _which_first(clause: _Clause) -> Iterator[Proposal]:
    match = _first.match(clause.text)
    if match is None or not clause.names(match, "subject", least=14) or _POINTS.search(match["told"]):
        return
    question = f"{match['what']}是哪一{match['measure']}？"
    yield Proposal(question, "which", clause.home, clause.placed(match, "subject"))


# Rules that hold for a clause in the middle of a sentence too, and those that need its beginning.
_ANYWHERE: tuple[_Rule, ...] = (
    _when,
    _why,
    _since_when,
    _who,
    _how_many,
    _how_much,
    _attribute,
    _which_first,
)
_AT_FIRST: tuple[_Rule, ...] = (_abbreviation, _when_issued, _who_issued, _where, _what, _says)


def _of_sentence(
    text: str, home: Span, after: Span | None, below: Span, segmenter: Segmenter
) -> Iterator[Proposal]:
    if re.search(r"[|`*]", home.of(text)):
        return
    for number, clause in enumerate(_clauses(text, home, segmenter)):
        if number == 0 and clause.text.rstrip('”"’」').endswith(("？", "?")):
            yield from _asked(clause, after)
            return
        for rule in _ANYWHERE + _AT_FIRST * (number == 0):
            yield from rule(clause)
        if number == 0:
            yield from _which(clause, below)


# ---- questions that stand in the article already

_interrogative = re.compile(
    r"什么|为何|为啥|怎么|怎样|如何|哪[里儿些个种几一]|多少|多[久大长]|谁|是否|能否|吗$|有没有|会不会|能不能|难在|何处|何时"
)


def _asked(clause: _Clause, after: Span | None) -> Iterator[Proposal]:
    """A question that the article asks and goes on to answer."""
    question = re.sub(r"^(?:问[：:]|那么[，,]?)", "", clause.text).rstrip("？?").strip()
    if after is not None and _stands_alone(question, clause.segmenter, 26):
        yield Proposal(f"{question}？", "asked", after)


def _of_title(article: Article, segmenter: Segmenter) -> Iterator[Proposal]:
    """A title that is a question, answered somewhere in the article."""
    title = simplified(article.title).rstrip("？?").strip()
    if _stands_alone(title, segmenter, 17):
        yield Proposal(f"{title}？", "heading", Span(0, len(article.text)))


def _of_heading(article: Article, block: Block, segmenter: Segmenter) -> Iterator[Proposal]:
    """A heading that is a question, answered by what stands under it."""
    heading = (
        re.sub(r"^[（(]?[0-9一二三四五六七八九十]{1,3}[)）]?[.、：:]?\s*", "", block.heading[-1])
        .rstrip("？?")
        .strip()
    )
    if _stands_alone(heading, segmenter, 17):
        yield Proposal(f"{heading}？", "heading", block.span)
    elif (
        re.fullmatch(rf"{_TERM}{{3,10}}", heading)
        and not heading.isascii()
        and _introduced(heading, article, block)
    ):
        if _names(heading, segmenter, 16) and _is_term(heading, segmenter):
            yield Proposal(f"什么是{heading}？", "what", block.span)

    elif (
        (found := _heading_of.match(heading))
        and _names(found["subject"], segmenter, 16)
        and _begins_with_noun(heading, segmenter)
    ):
        ends = "有哪些" if found["noun"] in _SEVERAL else "是什么"
        yield Proposal(f"{heading}{ends}？", "heading", block.span)


def _begins_with_noun(phrase: str, segmenter: Segmenter) -> bool:
    return next((kind in "npohzx" for _, _, kind in segmenter.tagged(phrase)), False)


_SEVERAL_WORDS = "特点|优点|缺点|优势|劣势|短板|好处|难点|局限|风险|条件|步骤|教训|经验|原则|措施|任务|类型"
_SEVERAL = frozenset(_SEVERAL_WORDS.split("|"))
_heading_of = re.compile(
    rf"^(?P<subject>[^，,。；;：:！？的]{{2,16}})的(?P<noun>{_ATTRIBUTES}|{'|'.join(sorted(_SEVERAL))})$"
)


def _introduced(term: str, article: Article, block: Block) -> bool:
    """Whether the text under a heading begins by saying what the heading names."""
    return (
        block.span.of(article.text)
        .lstrip("“ ")
        .startswith((f"{term}，", f"{term}是", f"{term},", f"{term}”"))
    )


def _stands_alone(question: str, segmenter: Segmenter, least: float) -> bool:
    if _interrogative.search(question) is None or re.search(r"[：:；;。！!？?“”|]", question):
        return False
    if _POINTS.search(_interrogative.sub(" ", question)):
        return False
    words = [
        (word, kind) for _, word, kind in segmenter.tagged(question) if len(word) > 1 and word not in _GENERIC
    ]
    named = [word for word, kind in words if kind in "npohzx" and not _interrogative.search(word)]
    telling = [word for word, kind in words if kind in "npohzxva" and not _interrogative.search(word)]
    if not telling or question.startswith(("会不会", "能不能", "有没有", "是否", *_EDGES)):
        return False
    return len(named) >= 2 and sum(segmenter.weight(word) for word in telling) >= least


_odd = re.compile(r"[`*_#|<>\[\]{}\\~]|https?:|\s{2}|的的|了了|是是|[，,、]？|[0-9]年.*哪一年")


def _reads_well(question: str) -> bool:
    """The last look at any question: its length, its brackets, and marks that belong to no question."""
    return 6 <= len(question) <= 42 and _balanced(question) and _odd.search(question) is None
