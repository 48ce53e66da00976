"""Articles are cut into passages: whole sentences of one block, about 200 to 300 characters.

Every offset counts characters of ``Article.text``. A passage never crosses a heading or a piece of
furniture, because a block does not.
"""

from __future__ import annotations

import re

from qa.settings import PassageSettings
from qa.text import is_han, sentences, trim
from qa.types import Article, Block, Passage, Span

__all__ = ["cut", "indexed_text"]

_soft = re.compile(r"[，,、:：]|\s")


def cut(article: Article, settings: PassageSettings | None = None) -> list[Passage]:
    """The passages of ``article`` in order; together they cover every sentence of its blocks."""
    settings = PassageSettings() if settings is None else settings
    return [
        Passage(article, span, block.heading, block.page)
        for block in article.blocks
        for span in _pack(_pieces(article.text, block, settings.limit), settings)
    ]


def indexed_text(passage: Passage) -> str:
    """What the retrievers see of a passage: its title and headings, then its text."""
    above = [part for part in (passage.article.title, *passage.heading) if part]
    context = " ".join(dict.fromkeys(above))
    return f"{context}\n{passage.text}" if context else passage.text


def _pieces(text: str, block: Block, limit: int) -> list[Span]:
    """The sentences of a block, those longer than ``limit`` cut into shorter pieces."""
    return [piece for sentence in sentences(text, block.span) for piece in _shortened(text, sentence, limit)]


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
    soft = [match.end() for match in _soft.finditer(text, half, end)]
    if soft:
        return soft[-1]
    for place in range(end, half, -1):
        before, after = text[place - 1], text[place]
        if is_han(before) or is_han(after) or not (before.isalnum() and after.isalnum()):
            return place
    return end


def _pack(pieces: list[Span], settings: PassageSettings) -> list[Span]:
    """Runs of pieces of at most ``limit`` characters, each begun with the tail of the one before."""
    packed: list[Span] = []
    first = last = 0  # the open run is pieces[first:last]
    while last < len(pieces):
        last += 1
        full = last == len(pieces) or pieces[last].end - pieces[first].start > settings.limit
        if full or pieces[last - 1].end - pieces[first].start >= settings.target:
            packed.append(Span(pieces[first].start, pieces[last - 1].end))
            first = _overlap(pieces, first, last, settings)
    return packed


def _overlap(pieces: list[Span], first: int, last: int, settings: PassageSettings) -> int:
    """Where the next run begins: at the earliest of the last pieces that fit the overlap and the limit."""
    if last == len(pieces):
        return last
    begin = last
    while (
        begin - 1 > first
        and pieces[last - 1].end - pieces[begin - 1].start <= settings.overlap
        and pieces[last].end - pieces[begin - 1].start <= settings.limit
    ):
        begin -= 1
    return begin
