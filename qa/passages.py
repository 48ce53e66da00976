"""Articles are cut into passages: whole sentences of one block, about 200 to 300 characters.

Every offset counts characters of ``Article.text``. A passage never crosses a heading or a piece of
furniture, because a block does not.
"""

from __future__ import annotations

import re
import unicodedata

from qa.settings import PassageSettings
from qa.text import is_han, sentences, trim
from qa.types import Article, Block, Passage, Span

__all__ = ["above", "cut", "indexed_text"]

# 1,000 and 12:30 and https:// are one word.
_soft = re.compile(r"[，、：\s]|(?<![0-9A-Za-z])[,:]|[,:](?![0-9A-Za-z/])")
_word = re.compile(r"[^\W\d_]|[0-9_.,:/@%+&=?#~-]")


def cut(article: Article, settings: PassageSettings | None = None) -> list[Passage]:
    """The passages of ``article`` in order; together they cover every sentence of its blocks."""
    settings = PassageSettings() if settings is None else settings
    return [
        Passage(article, span, block.heading, block.page)
        for block in article.blocks
        for span in _passages(article.text, block, settings)
    ]


def indexed_text(passage: Passage) -> str:
    """What the retrievers see of a passage: its title and headings, then its text."""
    context = above(passage)
    return f"{context}\n{passage.text}" if context else passage.text


def above(passage: Passage) -> str:
    """The title and headings that a passage stands under, outermost first, each once; may be empty."""
    parts = [part for part in (passage.article.title, *passage.heading) if part]
    return " ".join(dict.fromkeys(parts))


def _passages(text: str, block: Block, settings: PassageSettings) -> list[Span]:
    """The sentences of a block, those longer than the limit cut into shorter pieces, packed."""
    whole = sentences(text, block.span)
    pieces = [piece for sentence in whole for piece in _shortened(text, sentence, settings.limit)]
    return _pack(pieces, frozenset(whole), settings)


def _shortened(text: str, sentence: Span, limit: int) -> list[Span]:
    pieces, start = [], sentence.start
    while sentence.end - start > limit:
        end = _break(text, start, start + limit)
        pieces.append(trim(text, Span(start, end)))
        start = end
    pieces.append(trim(text, Span(start, sentence.end)))
    return [piece for piece in pieces if len(piece)]


def _break(text: str, start: int, end: int) -> int:
    """The best place at or before ``end`` to cut: after a comma, else not inside a word."""
    half = start + (end - start) // 2
    soft = [match.end() for match in _soft.finditer(text, half, end + 1) if match.end() <= end]
    if soft:
        return soft[-1]
    return next((place for place in range(end, half, -1) if _loose(text[place - 1], text[place])), end)


def _loose(before: str, after: str) -> bool:
    """Whether a cut between two characters leaves words, numbers and combined characters whole."""
    if unicodedata.category(after) in ("Mn", "Me", "Cf", "Sk") or before == "\u200d":
        return False
    if is_han(before) or is_han(after):
        return True
    return not (_word.match(before) and _word.match(after))


def _pack(pieces: list[Span], whole: frozenset[Span], settings: PassageSettings) -> list[Span]:
    """Runs of pieces of at most ``limit`` characters, each begun with ``whole`` ones of the one before."""
    packed: list[Span] = []
    first = last = 0  # the open run is pieces[first:last]
    while last < len(pieces):
        last += 1
        full = last == len(pieces) or pieces[last].end - pieces[first].start > settings.limit
        if full or pieces[last - 1].end - pieces[first].start >= settings.target:
            packed.append(Span(pieces[first].start, pieces[last - 1].end))
            first = last if last == len(pieces) else _overlap(pieces, first, last, whole, settings)
    return packed


def _overlap(
    pieces: list[Span], first: int, last: int, whole: frozenset[Span], settings: PassageSettings
) -> int:
    """Where the next run begins: at the earliest of the last sentences that fit the overlap and the limit."""
    begin = last
    while (
        begin - 1 > first
        and pieces[begin - 1] in whole
        and pieces[last - 1].end - pieces[begin - 1].start <= settings.overlap
        and pieces[last].end - pieces[begin - 1].start <= settings.limit
    ):
        begin -= 1
    return begin
