"""Follow-up questions made to stand on their own, by rules over word classes; no language model.

那上海呢? takes the place of what the last question asked about; 它、其、该计划… stand for its topic; a
bare question word (为什么? 什么时候?) asks it of the last statement; 还有吗? asks the last question again;
what names too little to be understood alone (难在什么地方?) has the last subject put in front. Anything
else is left alone. No word is invented: all that is added stands in an earlier question, but for a comma.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from qa.text import fold
from qa.types import Span
from qa.words import Segmenter, WordClass

__all__ = ["standalone"]

_Token = tuple[int, str, WordClass]

_asking = re.compile(
    r"什么时候|(?:甚么|什么|啥)(?:样的?)?|哪[一两二三四五几]?[年天个些里儿座份部项家条所种类批款次位本张]?|何时|何处"
    r"|何人|谁|多少[个家张枚份万亿元]*|多[久大长高远]|几[个家种类项天年月次]?|(?:怎么|咋)办|怎么样?|咋|如何|为什么|为何|为啥|是否"
    r"|是不是|吗|有没有|怎样|能不能|会不会"
)
_asked = re.compile(rf"是?(?:{_asking.pattern}|呢)|的(?=[?.!\s]*$)")
_lead = r"^(?:那么|那|至于|还有|换成|如果是|如果换成)?[,\s]*"
_bare = re.compile(
    r"^(?:那么|那|但|可是?)?[,\s]*(?:这|那)?(?:又)?(?:是|都是)?"
    r"(?P<asks>为什么|为何|为啥|什么时候|啥时候|何时|哪一?年|在?哪里|在?哪儿|怎么做(?:的|到的)?|如何做(?:的|到的)?"
    r"|谁|多少|有多少|有哪些|是什么|什么原因)(?:呢|啊|呀|的)?[?.!\s]*$"
)
_more = re.compile(
    r"^(?:那么|那|除此之外|除此以外|此外)?[,\s]*(?:还有|别的|其他的?|另外的?|更多)(?:别的|其他的?|更多的?)?"
    r"(?:哪些|什么|吗|呢|么)*[?.!\s]*$"
)
_when = re.compile(
    r"现在|目前|如今|眼下|当前|今年|去年|明年|后年|前年|以前|从前|当时|将来|今后|今天|明天|后天|昨天"
)
_what_about = re.compile(rf"{_lead}(?P<topic>[^,?.!]{{1,20}}?)(?:又|的话)?呢[?.!\s]*$")
_aside = re.compile(rf"{_lead}(?P<topic>[^,?.!]{{1,20}}?)(?:的话)?呢[,?\s]+(?P<rest>[^\s].*)$")
# 那 as a mere link, not the one of 那个, 那份, 那里, 那么多.
_link = re.compile(
    r"^那(?:么(?![多少大小高长快慢好难])|(?!么))[,\s]*(?![个份座项里儿些种类天年时条家位次本部套款张块段边样批所])"
)
_pronoun = re.compile(
    r"它们|它|其|他们|她们|他|她|当地|那里|那儿|这里|^(?:这个|那个|这)(?=是|算|叫|能|会|有)"
)
# 法律上, 政策方面: each takes the place of the other.
_aspect = re.compile(r"(?P<noun>[\u4e00-\u9fff]{2,4}?)(?P<of>上|方面|层面|领域)(?P<tail>的?)$")
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
_opening = (
    r"^(?:请问|那么|那|你们?|您|我想|想)*(?:知道|认识|听说过|听过|看过|了解|喜欢|介绍一下|说说)(?:一下)?"
)
_opener = re.compile(rf"{_opening}(?=.{{2}})")
_defined = re.compile(
    r"^(?:什么是|什么叫|何谓)(?P<a>[^,?.!]{2,20}?)[?.!\s]*$"
    r"|^(?P<b>[^,?.!]{2,20}?)(?:是指|指的是|是)什么(?!时候)[^,]{0,4}$"
    rf"|{_opening}(?P<c>[^,?.!]{{2,16}}?)(?:吗|么|没有?)[?.!\s]*$"
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
# Question words that ask about the whole of what they stand in, so that all of it is said.
_whole = re.compile(r"(?:怎么|咋)办|怎么|咋|怎样|如何|为什么|为何|为啥|吗|是否|是不是|有没有|能不能|会不会")
_copula = re.compile(r"是|叫|有|指|叫做|名叫|属于")
# How much a question must tell to stand alone: sums of Segmenter.weight above _COMMON, over nouns, verbs
# and adjectives. Chosen on the tuning half of the shipped questions (benchmarks/conversation.py).
_COMMON = 4.0  # the weight of 是 and 有
_ENOUGH = 23.0
_ENOUGH_CLAUSES = 18.0  # a clause before a comma says what it is about
_ENOUGH_MARKED = 32.0  # says 还, 又, 后来 ...
_LONGEST = 48  # characters that are carried over from the last question
_marked = re.compile(
    r"还(?!是)|又|再|也|这样|那样|^(?:后来|最后|总共|一共|原来|另外|其余|其中|接下来|然后|之后|对|在|跟|和|与|比)"
)
# This or that one of something: nothing but the earlier questions can say of what.
_points = re.compile(
    r"^(?:那么|那)?(?:请问)?(?:该|此(?!外)|这|那(?!么|种|时|年|天))(?!里|边)[个份座项种条家位次部套款张块段笔批些]?"
)
_thanks = re.compile(
    r"^(?:谢谢|多谢|感谢|好|嗯|哦|噢|明白|知道|懂|收到|清楚|行|ok)"
    r"(?:[,.!\s]|谢谢|你|您|们|了|的|啦|吧|嗯|好|明白|知道|懂|清楚)*$"
)
_supposes = re.compile(r"要是|如果|假如|万一|倘若")
_adverb = re.compile(r"一共|总共|现在|目前|如今|全面|大概|大约|到底|究竟|主要|最早|最先|首先|先|都|又|共")
_compared = re.compile(r"^(?:跟|和|与|同|比)")
_likewise = re.compile(
    rf"{_lead}(?P<topic>[^,?.!]{{1,12}}?)(?:也|又|同样)(?:是|有|能|可以|行|会|要)?(?:这样|一样|如此)?(?:吗|么)?[?.!\s]*$"
)
_named = re.compile(r"[“”\"「『《a-z]")


def standalone(
    question: str,
    history: Sequence[str],
    segmenter: Segmenter | None = None,
    *,
    names: Container[str] = (),
) -> str:
    """``question`` with what it leaves out taken from ``history`` (earlier questions, oldest first).

    ``names``: folded names of 2 to 16 characters that the articles know (their titles, say), beside those
    of the dictionary; anything that answers ``in``. A question that stands on its own comes back unchanged,
    to the character.
    """
    words = _Words(Segmenter() if segmenter is None else segmenter, names)
    previous = ""
    for turn in filter(str.strip, history):
        previous = _resolve(turn, previous, words) if not previous or _asks(turn, words) else previous
    return _resolve(question, previous, words)


@dataclass(frozen=True, slots=True)
class _Words:
    """The words of a question and their classes, the articles' own names among them."""

    segmenter: Segmenter
    names: Container[str]

    def tagged(self, text: str) -> tuple[_Token, ...]:
        tokens = tuple(self.segmenter.tagged(text))
        found = [] if self.names == () else list(self._found(fold(text)))
        rest = [token for token in tokens if not any(_span(token).overlaps(span) for span in found)]
        return tuple(sorted([*rest, *((span.start, span.of(fold(text)), "o") for span in found)]))

    def _found(self, folded: str) -> Iterator[Span]:
        """The names in ``folded``, the longest at each place, none inside another."""
        at = 0
        while at < len(folded):
            sizes = range(min(16, len(folded) - at), 1, -1)
            size = next((size for size in sizes if folded[at : at + size] in self.names), 0)
            if size:
                yield Span(at, at + size)
            at += max(size, 1)

    def told(self, tokens: Iterable[_Token]) -> float:
        """How much the nouns, verbs and adjectives among ``tokens`` tell together."""
        return sum(self.segmenter.weight(word) - _COMMON for _, word, each in tokens if each in "npohzxva")


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A question taken apart once; offsets are those of ``text``."""

    text: str
    folded: str
    tokens: tuple[_Token, ...]
    inner_places: tuple[Span, ...]  # places that begin a longer word: 广州 in 广州市委
    words: _Words

    @classmethod
    def of(cls, text: str, words: _Words) -> _Parsed:
        tokens, segmenter = words.tagged(text), words.segmenter
        inner = (
            Span(start, start + size)
            for start, word, _ in tokens
            for size in (2, 3)
            if len(word) > size and segmenter.word_class(word[:size]) == "p"
        )
        return cls(text, fold(text), tokens, tuple(inner), words)

    def names(self) -> list[Span]:
        """Its years, 《titles》 and names, in order."""
        marked = [Span(*m.span()) for pattern in (_year, _title) for m in pattern.finditer(self.folded)]
        named = [_span(token) for token in self.tokens if token[2] in _NAMES and token[1] not in _GENERIC]
        return sorted([*marked, *named])


def _span(token: _Token) -> Span:
    return Span(token[0], token[0] + len(token[1]))


def _resolve(question: str, previous: str, words: _Words) -> str:
    """The first rule whose mark ``question`` shows, applied; ``question`` itself where none does."""
    if not previous:
        return question
    now = _Parsed.of(question.strip(), words)
    before = _Parsed.of(previous.strip(), words)
    if _more.match(now.folded):
        return previous
    if match := _bare.match(now.folded):
        return f"{_statement(before)}{now.text[match.start('asks') :]}"
    if (match := _what_about.match(now.folded)) and not _asking.search(match["topic"]):
        if _supposes.search(match["topic"]):
            return _behind(now, before)
        return _exchange(_Parsed.of(_cut(now, match, "topic"), words), before)
    if (match := _aside.match(now.folded)) and not _asking.search(match["topic"]):
        return _with_name(f"{_cut(now, match, 'topic')}{_cut(now, match, 'rest')}", before, words)
    if (match := _likewise.match(now.folded)) and not _asking.search(match["topic"]):
        return _exchange(_Parsed.of(_cut(now, match, "topic"), words), before)
    if named := _only_named(now):
        return _exchange(_Parsed.of(named, words), before)
    if match := _link.match(now.folded):
        return _continued(_Parsed.of(now.text[match.end() :], words), before)
    topic = _topic(before)
    if topic is None or fold(topic.of(before.text)) in now.folded:
        return question
    return _demonstrated(now, before, topic) or _referred(now, before, topic) or _led(now, before) or question


def _asks(text: str, words: _Words) -> bool:
    """Whether an earlier turn asks or names something, as 谢谢 and 好的 do not."""
    turn = _Parsed.of(text.strip(), words)
    if _thanks.match(turn.folded):
        return False
    marks = (_asking, _named, _what_about, _likewise)
    known = any(each.search(turn.folded) for each in marks) or bool(turn.names())
    return known or words.told(turn.tokens) >= _ENOUGH


def _led(now: _Parsed, before: _Parsed) -> str | None:
    """What names too little to be understood alone, behind what the last question was about."""
    return _behind(now, before) if _leans(now) else None


def _behind(now: _Parsed, before: _Parsed) -> str:
    """``now`` behind what the last question was about; a comma keeps the two apart."""
    subject = _subject(before)
    joins = not subject or _compared.match(now.folded)
    return f"{subject}{now.text}" if joins else f"{subject}，{now.text}"


def _only_named(now: _Parsed) -> str:
    """The place, organisation or year that a question is nothing but, without marks; empty otherwise."""
    bare = now.text.strip("?？.。!！ ")
    years = [Span(*match.span()) for match in _year.finditer(now.folded)]
    named = [*years, *(_span(token) for token in now.tokens if token[2] in "po")]
    return bare if bare and sum(map(len, named)) == len(bare) else ""


def _leans(now: _Parsed) -> bool:
    """Whether a question names nothing of its own and tells little."""
    clause = now.folded.rstrip("?.! ")
    if not _asking.search(clause) or _named.search(clause) or _defined.match(now.folded):
        return False
    own = [span for span in now.names() if not _year.fullmatch(span.of(now.folded))]
    if own and not (_compared.match(clause) and own[0].start <= 1 and len(own) == 1):
        return False
    asked = [Span(*match.span()) for match in _asking.finditer(clause)]
    said = [token for token in now.tokens if not any(span.overlaps(_span(token)) for span in asked)]
    marked = _ENOUGH_MARKED if _marked.search(clause) else _ENOUGH
    enough = _ENOUGH_CLAUSES if "," in clause else marked
    return bool(_points.match(clause)) or now.words.told(said) < enough


def _cut(parsed: _Parsed, match: re.Match[str], group: str) -> str:
    return parsed.text[match.start(group) : match.end(group)]


# -- 那上海呢? ------------------------------------------------------------------------------


def _exchange(topic: _Parsed, before: _Parsed) -> str:
    """``before`` asked of ``topic`` instead: it takes the place of what is like it."""
    if _when.fullmatch(topic.folded) or _year.fullmatch(topic.folded):
        return _at_time(topic, before)
    ways = (_like, _same_aspect, _same_role, _common, lambda _, last: _topic(last))
    span = next((found for way in ways if (found := way(topic, before)) is not None), None)
    if span is None:
        return f"{topic.text}{before.text}"
    kept, new = before.text[: span.start], topic.text
    if new[0] in _PREPOSITIONS and kept.endswith(new[0]):
        kept = kept[:-1]  # 那对上海呢? after 对北京有哪些好处?
    if new.endswith("的") and not before.folded.startswith("的", span.end):
        new = new[:-1] if _aspect.search(topic.folded) else new
    return kept + new + before.text[span.end :]


def _at_time(topic: _Parsed, before: _Parsed) -> str:
    """``before`` asked of another time, which takes the place of the one it names."""
    times = [Span(*match.span()) for each in (_year, _when) for match in each.finditer(before.folded)]
    span = _last(times, before) or Span(0, 0)
    return before.text[: span.start] + topic.text + before.text[span.end :]


def _same_role(topic: _Parsed, before: _Parsed) -> Span | None:
    """The preposition and noun that 对企业 takes the place of: 对政府 in 对政府有哪些好处."""
    if topic.text[0] not in _PREPOSITIONS:
        return None
    ends = {run.start: run.end for run in _noun_runs(before)}
    return next(
        (
            Span(start, ends[start + 1])
            for start, word, _ in before.tokens
            if len(word) == 1 and word in _PREPOSITIONS and start + 1 in ends
        ),
        None,
    )


def _same_aspect(topic: _Parsed, before: _Parsed) -> Span | None:
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
        return Span(*match.span(match.lastgroup or "a"))
    titles = list(_title.finditer(before.folded))
    if titles:
        return Span(*titles[-1].span())
    named = _named_topic(before)
    begin = _opened(before)
    asked = _asking.search(before.folded, begin)
    end = _subject_end(before, begin, asked.start()) if asked else begin
    if named is not None and begin < named.start and named.end == end <= begin + 14:
        return Span(begin, end)  # a name that the dictionary cuts: 雄安 before 新区
    return named


def _named_topic(before: _Parsed) -> Span | None:
    """The first name of a question with the nouns behind it, or else its first nouns."""
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


def _with_name(text: str, before: _Parsed, words: _Words) -> str:
    """``text``, told of the last question's first name if it has none of its own."""
    names = [] if _Parsed.of(text, words).names() else before.names()
    return f"{names[0].of(before.text)}{text}" if names else text


def _continued(rest: _Parsed, before: _Parsed) -> str:
    """那 + ``rest``: behind the last subject, unless it names its own."""
    topic = _topic(before)
    if rest.names() or (topic is not None and fold(topic.of(before.text)) in rest.folded):
        return rest.text
    return _behind(rest, before)


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
    kept = now.text[noun.start() : noun.end()] if adds else ""
    return now.text[: match.start("this")] + named + kept + now.text[noun.end() :]


def _referred(now: _Parsed, before: _Parsed, topic: Span) -> str | None:
    """它, 其, 他们, 当地 replaced by the last topic, unless an earlier clause holds what they stand for."""
    starts = {start: word for start, word, _ in now.tokens}
    for match in _pronoun.finditer(now.folded):
        word = starts.get(match.start(), "")
        if word != match.group():
            continue  # inside another word: 尤其, 其中, 其他
        clause = now.folded.rfind(",", 0, match.start())
        if any(cls in _NOUNS and start < clause for start, _, cls in now.tokens):
            return None
        topic = _place(before, topic) if word in ("当地", "那里", "那儿", "这里") else topic
        return now.text[: match.start()] + topic.of(before.text) + now.text[match.end() :]
    return None


def _place(before: _Parsed, topic: Span) -> Span:
    """The first place that ``before`` names, else its topic."""
    places = (_span(token) for token in before.tokens if token[2] == "p" and token[1] not in _GENERIC)
    return next(places, topic)


def _statement(before: _Parsed, begin: int = 0) -> str:
    """``before`` without its question words, so that another question can be put behind it."""
    if match := _defined.match(before.folded):
        return _cut(before, match, match.lastgroup or "a")
    spans = [Span(*match.span()) for match in _asked.finditer(before.folded)]
    kept = [
        char
        for at, char in enumerate(before.text)
        if at >= begin and not any(span.start <= at < span.end for span in spans)
    ]
    return "".join(kept).strip("?？.。!！,， )）")


def _subject(before: _Parsed) -> str:
    """What a question is about, without what it asks: 重庆的基地 of 重庆的基地收什么样的公司?"""
    if match := _defined.match(before.folded):
        return _cut(before, match, match.lastgroup or "a")
    begin = _opened(before)
    asked = _asking.search(before.folded, begin)
    if asked is None:
        return _shortened(before.text[begin:])
    if _says_more(before, asked):
        return _shortened(_statement(before, begin))
    end = _subject_end(before, begin, asked.start())
    return _shortened(before.text[begin:end] if end > begin else _statement(before, begin))


def _says_more(before: _Parsed, asked: re.Match[str]) -> bool:
    """Whether what follows a question word belongs to the statement (怎么拿到授权, 哪些问题, 推开了吗)."""
    behind = [token for token in before.tokens if token[0] >= asked.end()]
    return bool(_whole.fullmatch(asked.group())) or any(each in "npohzx" for _, _, each in behind)


def _opened(before: _Parsed) -> int:
    """Where a question begins behind 请问, 你知道 and their like."""
    opener = _opener.match(before.folded)
    return opener.end() if opener else 0


def _subject_end(before: _Parsed, begin: int, end: int) -> int:
    """Where the nouns before ``end`` end: behind them stand the verb and its adverbs; ``begin`` if none."""
    inside = [token for token in before.tokens if begin <= token[0] and _span(token).end <= end]
    while inside:
        span, (_, word, each) = _span(inside[-1]), inside.pop()
        if _closed(before, span.end) > span.end:
            return span.end + 1
        if each in _NOUNS and not _adverb.fullmatch(word):
            return _closed(before, span.end)
        if _copula.fullmatch(word) and inside and inside[-1][2] in "va" and len(inside[-1][1]) > 1:
            return _closed(before, span.start)  # 成都的场景供给是什么: the verb belongs to the name
    return begin


def _closed(before: _Parsed, end: int) -> int:
    """``end`` behind a closing quote or bracket that follows at once."""
    return end + (before.text[end : end + 1] in ("”", "」", "』", "》", "）", '"'))


def _shortened(text: str) -> str:
    """``text`` without marks at its ends; of what is very long, the first clause."""
    text = text.strip("?？.。!！,， ")
    return text if len(text) <= _LONGEST else re.split("[,，]", text)[0][:_LONGEST]
