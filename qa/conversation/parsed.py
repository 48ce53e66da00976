"""A question taken apart: its words with their classes, its names, and the words it asks with."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from qa.text import fold
from qa.types import Span
from qa.words import Segmenter, WordClass

__all__ = [
    "ASKING",
    "DEFINED",
    "GENERIC",
    "LONGEST_NAME",
    "OPENING",
    "TITLE",
    "YEAR",
    "Parsed",
    "Words",
    "span_of",
]

Token = tuple[int, str, WordClass]

LONGEST_NAME = 16  # characters
ASKING = re.compile(
    r"什么时候|(?:甚么|什么|啥)(?:样的?)?|哪[一两二三四五几]?[年天个些里儿座份部项家条所种类批款次位本张]?|何时|何处"
    r"|何人|谁|多少[个家张枚份万亿元]*+|多[久大长高远]|几[个家种类项天年月次]?|(?:怎么|咋)办|怎么样?|咋|如何|为什么|为何|为啥|是否"
    r"|是不是|吗|有没有|怎样|能不能|会不会"
)
YEAR = re.compile(r"(?:\d{4}|[〇零一二三四五六七八九]{4})年")
TITLE = re.compile(r"《[^《》]{1,60}》")
OPENING = (
    r"^(?:请问|那么|那|你们?|您|我想|想)*+"
    r"(?:知道|认识|听说过|听过|看过|读过|玩过|用过|了解|喜欢|觉得|介绍一下|说说)(?:一下)?"
)
_known = r"(?:你们?|您|大家)?(?:知道|认识|听说过|听过|看过|读过|玩过|用过|了解)"
# A question about nothing but what a thing is, or whether one knows it: the thing is its topic.
DEFINED = re.compile(
    r"^(?:什么是|什么叫|何谓)(?P<a>[^,?.!]{2,20}?)[?.!\s]*+$"
    rf"|{OPENING}(?P<c>[^,?.!]{{2,16}}?)(?:是谁|是什么)?(?:吗|么|没有?|怎么样)[?.!\s]*+$"
    rf"|^(?P<d>[^,?.!]{{2,16}}?){_known}(?:吗|么|没有?)[?.!\s]*+$"
    r"|^(?P<b>[^,?.!]{2,20}?)(?:是指|指的是|是)什么(?!时候)[^,]{0,4}$"
)
# Words of a noun's class that name nothing by themselves.
GENERIC = frozenset(
    {"城市", "地方", "地区", "国家", "省市", "省", "市", "区", "县", "国", "本地", "各地", "全国"}
)
_NAMES = "poh"
_of_place = re.compile(r"(?:省|市|县|区|州|国|镇|乡|岛|港)$")
# Single characters that stand behind a surname without belonging to the name.
_NO_GIVEN_NAME = frozenset(
    "是在有的了呢吗么啊呀吧和与跟及同或会能要去被把将为对从到个也都就不没很多大还又再更最说做写叫让给用比等"
    "上下里中年月日时前后内外何哪几谁胖丑帅美高矮好坏吃喝看听住来走姓氏家"
)
_COMMON = 4.0  # the weight of 是 and 有, which tell nothing


@dataclass(frozen=True, slots=True)
class Words:
    """The words of questions and their classes, the articles' own names among them."""

    segmenter: Segmenter
    names: Container[str]
    _parsed: dict[str, Parsed] = field(default_factory=dict)

    def parsed(self, text: str) -> Parsed:
        """``text`` without white space at its ends, taken apart; each text once."""
        text = text.strip()
        if text not in self._parsed:
            self._parsed[text] = Parsed.of(text, self)
        return self._parsed[text]

    def tagged(self, text: str) -> tuple[Token, ...]:
        """Offset, folded word and class of each word of ``text``, the articles' own names in one piece."""
        tokens = tuple(self.segmenter.tagged(text))
        found = [] if self.names == () else [self._name(span, fold(text)) for span in self._found(fold(text))]
        taken = [span_of(token) for token in found]
        rest = [token for token in tokens if not any(span_of(token).overlaps(span) for span in taken)]
        return _with_people(sorted([*rest, *found]))

    def _found(self, folded: str) -> Iterator[Span]:
        """The names in ``folded``, the longest at each place, none inside another."""
        at = 0
        while at < len(folded):
            sizes = range(min(LONGEST_NAME, len(folded) - at), 1, -1)
            size = next((size for size in sizes if folded[at : at + size] in self.names), 0)
            if size:
                yield Span(at, at + size)
            at += max(size, 1)

    def _name(self, span: Span, folded: str) -> Token:
        """A name with the dictionary's class, where that knows it for a name, else an organisation's."""
        word = span.of(folded)
        known = self.segmenter.word_class(word)
        return span.start, word, known if known in _NAMES else "p" if _of_place.search(word) else "o"

    def told(self, tokens: Iterable[Token]) -> float:
        """How much the nouns, verbs and adjectives among ``tokens`` tell together.

        The sum of ``Segmenter.weight`` above that of a common verb.
        """
        return sum(self.segmenter.weight(word) - _COMMON for _, word, each in tokens if each in "npohzxva")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A question taken apart once; offsets are those of ``text``."""

    text: str
    folded: str
    tokens: tuple[Token, ...]
    inner_places: tuple[Span, ...]  # places that begin a longer word: 广州 in 广州市委
    words: Words

    @classmethod
    def of(cls, text: str, words: Words) -> Parsed:
        """``text``, whole, taken apart."""
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
        marked = [Span(*match.span()) for each in (YEAR, TITLE) for match in each.finditer(self.folded)]
        return sorted([*marked, *(span_of(token) for token in self.tokens if self.is_name(token))])

    @staticmethod
    def is_name(token: Token) -> bool:
        """Whether a word names a place, an organisation or a person."""
        return token[2] in _NAMES and token[1] not in GENERIC

    def cut(self, match: re.Match[str], group: str) -> str:
        """What a group of a match in ``folded`` covers, as it was typed."""
        return self.text[match.start(group) : match.end(group)]


def _with_people(tokens: Sequence[Token]) -> tuple[Token, ...]:
    """``tokens`` with a surname and what is left of a given name behind it as one word: 朱, 正 and 廷."""
    found: list[Token] = []
    grows = False  # whether the last word is a surname with room behind it
    for token in tokens:
        start, word, each = token
        if grows and span_of(found[-1]).end == start and len(word) == 1 and word not in _NO_GIVEN_NAME:
            start, word = found[-1][0], found[-1][1] + word
            found[-1], grows = (start, word, "h"), len(word) < 3
        else:
            found.append(token)
            grows = each == "h" and len(word) == 1
    return tuple(found)


def span_of(token: Token) -> Span:
    """Where a word stands."""
    return Span(token[0], token[0] + len(token[1]))
