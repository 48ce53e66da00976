"""What many files of a folder share is kept out of passages; what few share never is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import article
from hypothesis import given
from hypothesis import strategies as st

from qa.boilerplate import MOST, folder, keys, needed, repeated, without
from qa.text import sentences
from qa.types import Article

NOTICE = "本文仅代表作者个人观点，与本站立场无关。"
CALL = "新闻线索请拨打报料热线，全天有人接听。"


def story(at: int, *, source: str = "") -> Article:
    text = (
        f"第{at}座桥建于一九五八年，由附近村子的石匠修成。桥长{at}百米，桥面铺的是本地出产的青石板。"
        f"它至今仍在使用，每天有{at}千人从上面走过。"
    )
    return article(f"{text}{NOTICE}\n{CALL}", source=source or f"桥/{at}.txt", title=f"桥{at}")


def cleaned(articles: list[Article]) -> list[Article]:
    shared = repeated(map(keys, articles))
    return [without(one, shared) for one in articles]


def quotable(one: Article) -> list[str]:
    return [span.of(one.text) for block in one.blocks for span in sentences(one.text, block.span)]


@pytest.mark.parametrize(
    ("articles", "least"), [(0, 5), (1, 5), (5, 5), (6, 5), (10, 7), (100, 20), (1000, 64), (30_000, 347)]
)
def test_how_many_must_share_a_sentence(articles: int, least: int) -> None:
    assert needed(articles) == least


def test_a_notice_that_all_share_is_left_out_and_the_text_stays() -> None:
    before = [story(at) for at in range(10)]
    for one, made in zip(before, cleaned(before), strict=True):
        assert made.text == one.text
        assert quotable(made) == quotable(one)[:3]
        assert NOTICE not in "".join(block.span.of(made.text) for block in made.blocks)


def test_what_fewer_share_stays() -> None:
    other = [article(f"这是第{at}条短讯，全文只有一句话。", source=f"桥/s{at}.txt") for at in range(20)]
    few = [story(at) for at in range(9)]
    assert (needed(29), needed(32)) == (11, 12)
    assert cleaned([*few, *other]) == [*few, *other]
    assert quotable(cleaned([*few, story(9), story(10), story(11), *other])[0]) == quotable(few[0])[:3]


def test_reprints_and_forms_stay_whole() -> None:
    same = [article(f"{NOTICE}{CALL}编号{at}。", source=f"{at}.txt") for at in range(30)]
    assert cleaned(same) == same


def test_a_block_is_parted_where_a_sentence_goes() -> None:
    texts = [f"甲桥长{at}米，是座石桥。{NOTICE}乙桥宽{at}米，是座木桥。" for at in range(8)]
    (made, *_) = cleaned([article(text, source=f"{at}.txt") for at, text in enumerate(texts)])
    assert [block.span.of(made.text) for block in made.blocks] == [
        "甲桥长0米，是座石桥。",
        "乙桥宽0米，是座木桥。",
    ]


def test_a_title_that_all_share_is_the_sites() -> None:
    named = [replace(story(at), title="某某晚报") for at in range(8)]
    assert [made.title for made in cleaned(named)] == [str(at) for at in range(8)]
    rows = [replace(one, element=f"row {at}") for at, one in enumerate(named)]
    assert {made.title for made in cleaned(rows)} == {"某某晚报"}


def test_the_middle_of_an_article_is_its_own() -> None:
    long = "".join(f"这是第{at}句话。" for at in range(20))
    texts = [f"{at}号文。{long}{NOTICE}{long}{at}号文完了。" for at in range(9)]
    made = cleaned([article(text, source=f"{at}.txt") for at, text in enumerate(texts)])
    assert all(NOTICE in "".join(quotable(one)) for one in made)


def test_a_folder_is_that_of_the_file() -> None:
    assert folder(story(1)) == "桥"
    assert folder(article("x", source="a.zip", element="里/b.txt")) == "."


SENTENCES = st.sampled_from([f"第{at}句说的是桥。" for at in range(12)] + ["是。", "好", "\n", NOTICE, CALL])
FOLDERS = st.lists(st.lists(SENTENCES, min_size=1, max_size=30).map("".join), max_size=30)


@given(FOLDERS)
def test_no_sentence_is_dropped_that_fewer_than_the_share_hold(texts: list[str]) -> None:
    before = [article(text, source=f"{at}.txt", title=f"题{at}") for at, text in enumerate(texts)]
    held = [set(quotable(one)) for one in before]
    for one, made in zip(before, cleaned(before), strict=True):
        gone = set(quotable(one)) - set(quotable(made))
        assert all(sum(sentence in other for other in held) >= needed(len(texts)) for sentence in gone)
        assert sum(map(len, quotable(made))) >= (1 - MOST) * sum(map(len, quotable(one)))
        assert made.text == one.text
        assert replace(made, blocks=()) == replace(one, blocks=())


@given(FOLDERS)
def test_nothing_is_made_up_and_few_numbers_are_kept(texts: list[str]) -> None:
    before = [article(text, source=f"{at}.txt", title=f"题{at}") for at, text in enumerate(texts)]
    shared = repeated(map(keys, before))
    for one in before:
        assert len(keys(one)) <= 19
        made = without(one, shared)
        assert set(quotable(made)) <= set(quotable(one))
