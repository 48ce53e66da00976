"""Passages are exact runs of their article, within the limit, and together they cover every block."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from fakes import article
from hypothesis import given
from hypothesis import strategies as st
from strategies import articles

from qa.passages import cut, indexed_text
from qa.settings import PassageSettings
from qa.text import sentences
from qa.types import Article, Block, Passage, Span

SMALL = PassageSettings(target=20, limit=30, overlap=8)
sizes = st.tuples(st.integers(1, 40), st.integers(0, 40), st.integers(0, 30)).map(
    lambda size: PassageSettings(target=size[0], limit=size[0] + size[1], overlap=size[2])
)


def parts(text: str, settings: PassageSettings = SMALL) -> list[str]:
    return [passage.text for passage in cut(article(text), settings)]


def block_of(passage: Passage) -> Block:
    (found,) = [block for block in passage.article.blocks if block.span.covers(passage.span)]
    return found


# ---- properties


@given(articles(), sizes)
def test_each_passage_lies_in_one_block_under_its_heading(
    article: Article, settings: PassageSettings
) -> None:
    for passage in cut(article, settings):
        block = block_of(passage)
        assert passage.text == article.text[passage.span.start : passage.span.end]
        assert passage.text.strip() == passage.text != ""
        assert len(passage.span) <= settings.limit
        assert (passage.heading, passage.page, passage.number) == (block.heading, block.page, -1)


@given(articles(), sizes)
def test_passages_cover_every_block_in_order(article: Article, settings: PassageSettings) -> None:
    found = cut(article, settings)
    assert [(p.span.start, p.span.end) for p in found] == sorted((p.span.start, p.span.end) for p in found)
    assert all(a.span.start < b.span.start and a.span.end < b.span.end for a, b in pairwise(found))
    covered = {at for passage in found for at in range(passage.span.start, passage.span.end)}
    wanted = {
        at
        for block in article.blocks
        for at in range(block.span.start, block.span.end)
        if not article.text[at].isspace()
    }
    assert wanted - covered == set()


@given(articles(), sizes)
def test_an_overlap_is_whole_sentences(article: Article, settings: PassageSettings) -> None:
    found = cut(article, settings)
    for before, after in pairwise(found):
        if after.span.start < before.span.end:
            assert before.span.end - after.span.start <= settings.overlap
            inside = sentences(article.text, block_of(before).span)
            assert after.span.start in {sentence.start for sentence in inside}
            assert before.span.end in {sentence.end for sentence in inside}


@given(articles())
def test_a_short_block_is_one_passage(article: Article) -> None:
    wide = PassageSettings(target=10**6, limit=10**6)
    assert [passage.text for passage in cut(article, wide)] == [
        text for block in article.blocks if (text := block.span.of(article.text).strip())
    ]


@given(
    st.lists(
        st.sampled_from(["word", "3.14", "1,000", "a-b", "区块链", "12:30", "e\u0301te\u0301"]), min_size=1
    ),
    sizes,
)
def test_no_cut_inside_a_word_where_a_space_is_near(words: list[str], settings: PassageSettings) -> None:
    if settings.limit < 20:
        settings = PassageSettings(limit=20)
    text = " ".join(words)
    assert [word for part in parts(text, settings) for word in part.split()] == words


# ---- by hand


def test_sentences_are_packed_to_the_target_and_repeat_the_last() -> None:
    text = "一二三四五六七八九。一二三四五六七八九十。短句。又一句话来了。末句。"
    assert parts(text) == ["一二三四五六七八九。一二三四五六七八九十。", "短句。又一句话来了。末句。"]
    text = "一二三四五六七八九。一二三四五六七八。短句。又一句话来了在这里吧好的。末句。"
    assert parts(text) == [
        "一二三四五六七八九。一二三四五六七八。短句。",
        "短句。又一句话来了在这里吧好的。末句。",
    ]


def test_no_overlap_that_would_break_the_limit() -> None:
    text = "甲" * 16 + "。" + "短句。" + "乙" * 28 + "。"
    assert parts(text) == ["甲" * 16 + "。短句。", "乙" * 28 + "。"]


def test_the_end_of_a_cut_sentence_is_not_repeated() -> None:
    text = "甲" * 33 + "。" + "乙" * 9 + "。"
    assert parts(text, PassageSettings(target=4, limit=30, overlap=8)) == [
        "甲" * 30,
        "甲甲甲。",
        "乙" * 9 + "。",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("甲" * 20 + "，" + "乙" * 20, ["甲" * 20 + "，", "乙" * 20]),
        ("甲" * 40, ["甲" * 30, "甲" * 10]),
        ("甲" * 26 + "Hyperledger", ["甲" * 26, "Hyperledger"]),
        ("甲" * 27 + "1,000,000元", ["甲" * 27, "1,000,000元"]),
        ("甲" * 27 + "12:30见", ["甲" * 27, "12:30见"]),
        ("a" * 40, ["a" * 30, "a" * 10]),
        ("甲" * 29 + "e\u0301", ["甲" * 29, "e\u0301"]),
        ("甲" * 29 + "👍🏽好", ["甲" * 29, "👍🏽好"]),
        ("甲" * 25 + ",乙,AI" + "丙" * 9, ["甲" * 25 + ",乙,", "AI" + "丙" * 9]),
    ],
)
def test_a_long_sentence_is_cut_at_the_best_place(text: str, found: list[str]) -> None:
    assert parts(text) == found


def test_a_million_characters_without_a_mark() -> None:
    found = cut(article("区块链" * 333_334))
    assert [(p.span.start, p.span.end) for p in found] == [
        (at, min(at + 300, 1_000_002)) for at in range(0, 1_000_002, 300)
    ]


@pytest.mark.parametrize("unit", ["好。", "a", "!", "“", "http://", '好"', "，", "a "])
def test_a_long_run_of_anything_is_covered(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    found = cut(article(text))
    assert found[0].span.start == 0
    assert found[-1].span.end == len(text.rstrip())
    assert all(a.span.start < b.span.start <= a.span.end + 1 for a, b in pairwise(found))


def test_what_is_indexed() -> None:
    text = "正文。"
    plain = Article("a", text, "题", "a.txt", "00", "utf-8")
    assert (
        indexed_text(Passage(plain, Span(0, 3), ("题", "第一节", "第一节", "甲"))) == "题 第一节 甲\n正文。"
    )
    assert indexed_text(Passage(plain, Span(0, 3))) == "题\n正文。"
    assert indexed_text(Passage(article(text), Span(0, 3))) == "正文。"


def test_furniture_between_blocks_is_in_no_passage() -> None:
    text = "首页 登录\n正文一。\n广告\n正文二。"
    blocks = (Block(Span(6, 10), ("一",)), Block(Span(14, 18), ("二",), 2))
    found = cut(Article("a", text, "题", "a.txt", "00", "utf-8", blocks=blocks))
    assert [(p.text, p.heading, p.page) for p in found] == [
        ("正文一。", ("一",), None),
        ("正文二。", ("二",), 2),
    ]
    assert not re.search("登录|广告", "".join(p.text for p in found))
