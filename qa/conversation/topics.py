"""What a question is about: its topic, its subject, and all that it says without what it asks."""

from __future__ import annotations

import re

from qa.conversation.parsed import ASKING, DEFINED, GENERIC, OPENING, TITLE, Parsed, span_of
from qa.text import fold
from qa.types import Span

__all__ = ["named_in", "noun_runs", "place", "statement", "subject", "topic"]

_LONGEST = 48  # characters that are carried over from the last question
_asked = re.compile(rf"是?(?:{ASKING.pattern}|呢)|的(?=[?.!\s]*+$)")
_opener = re.compile(rf"{OPENING}(?=.{{2}})")
# Question words that ask about the whole of what they stand in, so that all of it is said.
_whole = re.compile(r"(?:怎么|咋)办|怎么|咋|怎样|如何|为什么|为何|为啥|吗|是否|是不是|有没有|能不能|会不会")
_copula = re.compile(r"是|叫|有|指|叫做|名叫|属于")
_adverb = re.compile(r"一共|总共|现在|目前|如今|全面|大概|大约|到底|究竟|主要|最早|最先|首先|先|都|又|共")
_closing = ("”", "」", "』", "》", "）", '"')
_NOUNS = "npohzx"


def topic(before: Parsed) -> Span | None:
    """What a question asks to define, else its last 《title》, first name, or first noun."""
    if match := DEFINED.match(before.folded):
        return Span(*match.span(match.lastgroup or "a"))
    titles = list(TITLE.finditer(before.folded))
    if titles:
        return Span(*titles[-1].span())
    named = _named(before)
    begin = _opened(before)
    asked = ASKING.search(before.folded, begin)
    end = _subject_end(before, begin, asked.start()) if asked else begin
    if named is not None and begin < named.start and named.end == end <= begin + 14:
        return Span(begin, end)  # a name that the dictionary cuts: 雄安 before 新区
    return named


def place(before: Parsed, otherwise: Span) -> Span:
    """The first place that ``before`` names, else ``otherwise``."""
    places = (span_of(token) for token in before.tokens if token[2] == "p" and token[1] not in GENERIC)
    return next(places, otherwise)


def noun_runs(before: Parsed) -> list[Span]:
    """Unbroken runs of nouns; longer verbs and adjectives belong to one inside it (技术应用试点)."""
    found: list[Span] = []
    pending: Span | None = None  # verbs behind the last run, kept if a noun follows
    for token in before.tokens:
        span = span_of(token)
        touches = bool(found) and (pending or found[-1]).end == span.start
        if ASKING.search(token[1]):
            pending = None
        elif token[2] in "nzx":
            found = [*found[:-1], Span(found[-1].start, span.end)] if touches else [*found, span]
            pending = None
        else:
            longer = touches and token[2] in "va" and len(span) > 1
            pending = Span(found[-1].start, span.end) if longer else None
    return found


def statement(before: Parsed, begin: int = 0) -> str:
    """``before`` without its question words, so that another question can be put behind it."""
    if match := DEFINED.match(before.folded):
        return before.cut(match, match.lastgroup or "a")
    spans = [Span(*match.span()) for match in _asked.finditer(before.folded)]
    kept = [
        char
        for at, char in enumerate(before.text)
        if at >= begin and not any(span.start <= at < span.end for span in spans)
    ]
    return "".join(kept).strip("?？.。!！,， )）")


def subject(before: Parsed) -> str:
    """What a question is about, without what it asks: 重庆的基地 of 重庆的基地收什么样的公司?"""
    if match := DEFINED.match(before.folded):
        return before.cut(match, match.lastgroup or "a")
    begin = _opened(before)
    asked = ASKING.search(before.folded, begin)
    if asked is None:
        return _shortened(before.text[begin:])
    if _says_more(before, asked):
        return _shortened(statement(before, begin))
    end = _subject_end(before, begin, asked.start())
    return _shortened(before.text[begin:end] if end > begin else statement(before, begin))


def _named(before: Parsed) -> Span | None:
    """The first name of a question with the nouns behind it, or else its first nouns."""
    for at, token in enumerate(before.tokens):
        if before.is_name(token):
            return _phrase(before, at)
    return next(iter(noun_runs(before)), None)


def _phrase(before: Parsed, first: int) -> Span:
    """The name at token ``first`` with the nouns that follow it, also behind 的 (成都的场景供给)."""
    span = span_of(before.tokens[first])
    for run in noun_runs(before):
        if run.start >= span.end and before.folded[span.end : run.start] in ("", "的"):
            return Span(span.start, run.end)
    return span


def _says_more(before: Parsed, asked: re.Match[str]) -> bool:
    """Whether what follows a question word belongs to the statement (怎么拿到授权, 哪些问题, 推开了吗)."""
    behind = [token for token in before.tokens if token[0] >= asked.end()]
    return bool(_whole.fullmatch(asked.group())) or any(each in "npohzx" for _, _, each in behind)


def _opened(before: Parsed) -> int:
    """Where a question begins behind 请问, 你知道 and their like."""
    opener = _opener.match(before.folded)
    return opener.end() if opener else 0


def _subject_end(before: Parsed, begin: int, end: int) -> int:
    """Where the nouns before ``end`` end: behind them stand the verb and its adverbs; ``begin`` if none."""
    inside = [token for token in before.tokens if begin <= token[0] and span_of(token).end <= end]
    while inside:
        span, (_, word, each) = span_of(inside[-1]), inside.pop()
        if _closed(before, span.end) > span.end:
            return span.end + 1
        if each in _NOUNS and not _adverb.fullmatch(word):
            return _closed(before, span.end)
        if _copula.fullmatch(word) and inside and inside[-1][2] in "va" and len(inside[-1][1]) > 1:
            return _closed(before, span.start)  # 成都的场景供给是什么: the verb belongs to the name
    return begin


def _closed(before: Parsed, end: int) -> int:
    """``end`` behind a closing quote or bracket that follows at once."""
    return end + (before.text[end : end + 1] in _closing)


def _shortened(text: str) -> str:
    """``text`` without marks at its ends; of what is very long, the first clause."""
    text = text.strip("?？.。!！,， ")
    return text if len(text) <= _LONGEST else re.split("[,，]", text)[0][:_LONGEST]


def named_in(folded: str, before: Parsed, named: Span) -> bool:
    """Whether ``folded`` already holds the words of ``named``."""
    return fold(named.of(before.text)) in folded
