"""Names that the articles know and the dictionary may not: in titles, headings, 《》 and quotation marks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from qa.conversation.parsed import ASKING, LONGEST_NAME
from qa.text import HAN, fold
from qa.words import Segmenter

__all__ = ["names_in"]

# What counts a heading: 一、 第三章 (二) 3.1
_counter = re.compile(
    r"^\s*+(?:第?[一二三四五六七八九十百\d]+[章节条部]?[、.,)\s][\d.\s]*+|\([一二三四五六七八九十\d]+\))"
)
_parts = re.compile(rf"[{HAN}a-z0-9·]+(?:[ \-+][a-z0-9]+)*+")
_marked = re.compile(r"《([^《》]{1,60})》|“([^“”]{3,12})”")


def names_in(heads: Iterable[str], texts: Iterable[str], segmenter: Segmenter) -> frozenset[str]:
    """The folded names, of 2 to 16 characters, in titles and headings (``heads``) and in running ``texts``.

    A word that the dictionary knows for anything but a name is none; nor is what asks something.
    """
    marked = (name for text in texts for match in _marked.finditer(text) for name in match.groups() if name)
    found = {name for head in heads for name in _named(head)} | {
        name for each in marked for name in _whole(each)
    }
    return frozenset(name for name in found if segmenter.word_class(name) in "pohzx")


def _named(head: str) -> Iterator[str]:
    """The parts of a title or heading that marks keep apart: 上海 and 以金融为圆心 of 上海：以金融为圆心."""
    folded = _counter.sub("", fold(head))
    yield from (part for part in _parts.findall(folded) if _fits(part))


def _whole(marked: str) -> Iterator[str]:
    folded = fold(marked)
    if _parts.fullmatch(folded) and _fits(folded):
        yield folded


def _fits(name: str) -> bool:
    return 2 <= len(name) <= LONGEST_NAME and not name.isdigit() and not ASKING.search(name)
