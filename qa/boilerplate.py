"""What the articles of a folder share word for word at their ends: notices, advertisements, closing lines.

``furniture`` knows such lines by their shape, and what it does not know it keeps. Here articles are compared
with each other instead. Two passes: ``keys`` of each article, small enough to be stored; ``repeated`` of
the keys of a whole folder; then ``without`` leaves the sentences found out of an article's blocks. Its text
stays as it is, so that no offset moves.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from qa.text import sentences
from qa.types import Article, Block, Span

__all__ = ["folder", "keys", "needed", "repeated", "without"]

FIRST = 6  # sentences from the start of an article that are compared …
LAST = 12  # … and from its end
SHORTEST = 4  # letters, digits and Han characters; shorter ones say nothing and cost nothing
LEAST = 5  # articles
TIMES = 2.0  # times the square root of the folder's articles
MOST = 0.5  # share of an article's text; reprints and filled-in forms share more, and stay whole


def folder(article: Article) -> str:
    """Which articles are compared: those whose files lie in one folder, by its path."""
    return PurePosixPath(article.source).parent.as_posix()


def needed(articles: int) -> int:
    """In how many of a folder's ``articles`` a sentence stands if it is boilerplate.

    The share falls as the folder grows (all of 5, 20 of 100, 350 of 30,000): what hundreds of articles end
    with nobody wrote for them, and a folder of many sites holds a few of each.
    """
    return max(LEAST, math.ceil(TIMES * math.sqrt(articles)))


def keys(article: Article) -> tuple[int, ...]:
    """A 64-bit number for each distinct sentence at the two ends of the running text, and for the title.

    At most ``FIRST + LAST + 1``, sorted. White space does not count. The title of a part (a row, a line) is
    that of its file, and is left out.
    """
    found = {_key(span.of(article.text)) for span in _ends(article)}
    if article.element is None and article.title:
        found.add(_key(f"title {article.title}"))
    return tuple(sorted(found - {0}))


def repeated(articles: Iterable[Sequence[int]]) -> frozenset[int]:
    """The keys that are boilerplate, of the ``keys`` of every article of one folder."""
    counts: Counter[int] = Counter()
    size = 0
    for found in articles:
        counts.update(found)
        size += 1
    least = needed(size)
    return frozenset(key for key, count in counts.items() if count >= least)


def without(article: Article, shared: frozenset[int]) -> Article:
    """``article`` without the sentences in ``shared`` in its blocks; with its file's name for such a title.

    It stays whole where most of its text would go.
    """
    if article.element is None and _key(f"title {article.title}") in shared:
        article = replace(article, title=PurePosixPath(article.source).stem)
    dropped = {span for span in _ends(article) if _key(span.of(article.text)) in shared}
    size = sum(len(block.span) for block in article.blocks)
    if not dropped or sum(map(len, dropped)) > MOST * size:
        return article
    return replace(article, blocks=tuple(_blocks(article, dropped)))


def _ends(article: Article) -> list[Span]:
    """The sentences at both ends of the running text, in order, each once."""
    found: dict[Block, list[Span]] = {}
    for blocks, most in ((article.blocks, FIRST), (article.blocks[::-1], LAST)):
        count = 0
        for block in blocks:
            if block not in found:
                found[block] = sentences(article.text, block.span)
            count += len(found[block])
            if count >= most:
                break
    spans = [span for block in article.blocks for span in found.get(block, ())]
    return spans if len(spans) <= FIRST + LAST else [*spans[:FIRST], *spans[-LAST:]]


def _key(sentence: str) -> int:
    """A number that stands for the words of a sentence; 0 for what is too short to be compared."""
    words = "".join(sentence.split())
    if sum(map(str.isalnum, words[: 4 * SHORTEST])) < SHORTEST:
        return 0
    return int.from_bytes(hashlib.blake2b(words.encode(), digest_size=8).digest(), "big")


def _blocks(article: Article, dropped: set[Span]) -> Iterator[Block]:
    """The blocks parted where a sentence is left out."""
    for block in article.blocks:
        if not any(block.span.covers(span) for span in dropped):
            yield block
            continue
        run: list[Span] = []
        for sentence in [*sentences(article.text, block.span), None]:
            if sentence is not None and sentence not in dropped:
                run.append(sentence)
            elif run:
                yield replace(block, span=Span(run[0].start, run[-1].end))
                run = []
