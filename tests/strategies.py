"""The shared vocabulary of hypothesis strategies: the texts, articles and vectors that tests are run on."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from qa.types import Article, Block, Span

# What Chinese articles are made of and what breaks offset work: CRLF, U+3000, full-width forms, emoji
# with joiners, characters outside the BMP, combining marks, traditional script, quotes, stars, addresses.
PIECES = (
    *"区块链技术试点城市在北京上海年月日的了是有和",
    *"區塊鏈試點臺灣發展乾隆麼么",
    *"。！？；，、：…｡.!?;,:",
    *"“”‘’「」『』《》（）【】()[]\"'`*#-",
    *" \t\n\r\u3000\u2028\u0085\ufeff\u200b",
    *"０９ＡＺａｚ％¥℃①ⅣßİıΣσςﬁﬀǅéa\u0301",
    *"𠮷𪚥😀👨\u200d👩🇨🇳가ก",
    "\r\n",
    "\n\n",
    "……",
    "**",
    "3.5%",
    "2017年",
    "foo(); bar",
    "https://example.org/a?b=c;d",
    "http://example.org/wiki/区块链?action=edit",
    "`x = 1; y`",
    "“你好。”",
    '"你好。"',
    "一. ",
    "1. ",
    "该计划提出",
    "Hyperledger Fabric",
)


def texts(*, max_pieces: int = 60) -> st.SearchStrategy[str]:
    """Texts of the pieces above with any other characters strewn in."""
    any_characters = st.text(max_size=3)
    return st.lists(st.sampled_from(PIECES) | any_characters, max_size=max_pieces).map("".join)


def words_of(letters: str, *, max_size: int = 12) -> st.SearchStrategy[str]:
    """Words over a small alphabet, so that texts share terms."""
    return st.text(st.sampled_from(letters), max_size=max_size)


def corpora(*, min_size: int = 0, max_size: int = 8) -> st.SearchStrategy[list[str]]:
    """Small collections of short Chinese and Latin texts that share many terms; some are empty."""
    return st.lists(words_of("区块链技术北京上海a1 ,。"), min_size=min_size, max_size=max_size)


@st.composite
def articles(draw: st.DrawFn) -> Article:
    """An article over random text whose blocks are random runs of it, in order and apart."""
    text = draw(texts(max_pieces=150))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=8)))
    blocks = tuple(
        Block(Span(start, end), (f"第{start}节",), start)
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    )
    return Article("a", text, "题", "a.txt", "00", "utf-8", blocks=blocks)


@st.composite
def unit_vectors(
    draw: st.DrawFn, *, min_size: int = 1, max_size: int = 40, dim: int = 8
) -> NDArray[np.float32]:
    """Unit rows, float32 (n, dim), some of them equal."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size = draw(st.integers(min_size, max_size))
    distinct = rng.standard_normal((draw(st.integers(1, size)), dim))
    rows = distinct[rng.integers(0, len(distinct), size)]
    unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit
