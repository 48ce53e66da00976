"""What the files of a folder share is kept out of passages; nothing that could be asked for is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from fakes import article
from hypothesis import given
from hypothesis import strategies as st

from qa.boilerplate import keys, left_out, needed, parted, repeated
from qa.text import sentences
from qa.types import Article

NOTICE = "本文仅代表作者个人观点，与本站立场无关。"
CALL = "新闻线索请拨打报料热线，全天有人接听。"
PHONE = "客服电话：400-800-1234"
ABOUT = "石桥学会成立于一九九八年，会址在河西路三号。"


def story(at: int, *tail: str) -> Article:
    text = (
        f"第{at}座桥建于一九五八年，由附近村子的石匠修成。桥长{at}百米，桥面铺的是本地出产的青石板。"
        f"它至今仍在使用，每天有{at}千人从上面走过。"
    )
    return article("\n".join((text, *tail)), source=f"桥/{at}.txt", title=f"桥{at}")


def gone(
    articles: Sequence[Article], groups: Sequence[int] | None = None, folders: Sequence[int] | None = None
) -> list[set[int]]:
    """The keys that are left out of each article."""
    every = [(row, key) for row, one in enumerate(articles) for key in keys(one)]
    mask = repeated(
        np.array([row for row, _ in every], dtype=np.int64),
        np.array([key for _, key in every], dtype=np.uint64),
        np.array([0] * len(articles) if folders is None else folders, dtype=np.int64),
        np.array(range(len(articles)) if groups is None else groups, dtype=np.int64),
    )
    found: list[set[int]] = [set() for _ in articles]
    for (row, key), left in zip(every, mask.tolist(), strict=True):
        if left:
            found[row].add(key)
    return found


def cleaned(articles: Sequence[Article], **given: Sequence[int]) -> list[Article]:
    pairs = zip(articles, gone(articles, **given), strict=True)
    return [parted(one, left_out(one, left)) for one, left in pairs]


def quotable(one: Article) -> list[str]:
    return [span.of(one.text) for block in one.blocks for span in sentences(one.text, block.span)]


@pytest.mark.parametrize(
    ("articles", "notice", "other"),
    [(0, 5, 5), (5, 5, 5), (6, 5, 5), (10, 7, 8), (100, 20, 80), (1000, 64, 800), (30_000, 347, 24_000)],
)
def test_how_many_must_share_a_sentence(articles: int, notice: int, other: int) -> None:
    assert (needed(articles, notice=True), needed(articles, notice=False)) == (notice, other)


def test_notices_that_all_share_are_left_out_and_the_text_stays() -> None:
    before = [story(at, NOTICE, CALL) for at in range(10)]
    for one, made in zip(before, cleaned(before), strict=True):
        assert made.text == one.text
        assert quotable(made) == quotable(one)[:3]
        assert replace(made, blocks=one.blocks) == one


def test_what_fewer_share_stays() -> None:
    other = [story(at) for at in range(20, 40)]
    few = [story(at, NOTICE) for at in range(10)]
    assert (needed(30, notice=True), needed(31, notice=True)) == (11, 12)
    assert cleaned([*few, *other]) == [*few, *other]
    more = [*few, story(10, NOTICE)]
    assert [len(quotable(one)) for one in cleaned([*more, *other[:19]])] == [3] * 30


def test_a_figure_that_some_articles_share_stays() -> None:
    before = [story(at, *(["全市共有石桥二十三座。"] if at % 2 else [])) for at in range(40)]
    assert cleaned(before) == before


def test_what_could_be_asked_for_stays_in_the_first_article() -> None:
    before = [story(at, ABOUT, PHONE, NOTICE) for at in range(10)]
    first, *rest = cleaned(before)
    assert quotable(first)[3:] == [ABOUT, PHONE]
    assert [quotable(one)[3:] for one in rest] == [[]] * 9


def test_a_field_of_a_form_is_never_left_out() -> None:
    before = [story(at, "主持人：李明", "地点：三楼会议室，靠窗。") for at in range(10)]
    assert cleaned(before) == before


def test_a_line_without_a_stop_goes_where_nearly_all_have_it() -> None:
    before = [story(at, "石桥周报第三编") for at in range(10)]
    assert [quotable(one)[3:] for one in cleaned(before)] == [[]] * 10
    assert cleaned([*before[:7], *(story(at) for at in range(10, 13))])[:7] == before[:7]


def test_reprints_of_one_article_count_once() -> None:
    before = [story(at, ABOUT) for at in range(30)]
    assert cleaned(before, groups=[0] * 30) == before
    assert cleaned(before, groups=[at // 8 for at in range(30)]) == before
    assert ABOUT not in quotable(cleaned(before, groups=[at // 6 for at in range(30)])[1])
    notices = [story(at, NOTICE) for at in range(30)]
    assert NOTICE not in quotable(cleaned(notices, groups=[0] * 30)[0])


def test_folders_and_kinds_are_compared_with_themselves() -> None:
    before = [story(at, NOTICE) for at in range(8)]
    assert cleaned(before, folders=[0, 1] * 4) == before
    parts = [replace(one, element=f"line {at}") if at % 2 else one for at, one in enumerate(before)]
    assert cleaned(parts) == parts
    lines = [replace(one, element=f"line {at}") for at, one in enumerate(before)]
    assert NOTICE not in quotable(cleaned(lines)[0])
    assert [keys(replace(one, element=f"sheet 甲, row {at}")) for at, one in enumerate(before)] == [()] * 8


def test_filled_in_forms_and_articles_of_notices_stay_whole() -> None:
    text = "第一联存档备查，第二联交由乙方，第三联交由甲方"
    forms = [article(f"{text}\n{at}号。", source=f"{at}.txt") for at in range(9)]
    assert cleaned(forms) == forms
    notices = [article(f"{NOTICE}{CALL}", source=f"{at}.txt") for at in range(9)]
    assert cleaned(notices) == notices
    short = [article(f"第{at}座桥。\n{NOTICE}{CALL}", source=f"{at}.txt") for at in range(9)]
    assert [quotable(one) for one in cleaned(short)] == [[f"第{at}座桥。"] for at in range(9)]


def test_a_block_is_parted_where_a_sentence_goes() -> None:
    texts = [f"甲桥长{at}米，是座石桥。{NOTICE}乙桥宽{at}米，是座木桥。" for at in range(8)]
    (made, *_) = cleaned([article(text, source=f"{at}.txt") for at, text in enumerate(texts)])
    assert [block.span.of(made.text) for block in made.blocks] == [
        "甲桥长0米，是座石桥。",
        "乙桥宽0米，是座木桥。",
    ]


def test_the_middle_of_an_article_is_its_own() -> None:
    long = "".join(f"这是第{at}句话。" for at in range(20))
    texts = [f"{at}号文。{long}{NOTICE}{long}{at}号文完了。" for at in range(9)]
    made = cleaned([article(text, source=f"{at}.txt") for at, text in enumerate(texts)])
    assert all(NOTICE in "".join(quotable(one)) for one in made)


SENTENCES = st.sampled_from(
    [f"第{at}句说的是桥。" for at in range(8)] + ["是。", "好", "\n", NOTICE, CALL, "桥报"]
)
FOLDERS = st.lists(st.lists(SENTENCES, min_size=1, max_size=30).map("".join), max_size=20)


@given(FOLDERS)
def test_nothing_is_lost_that_fewer_share_and_no_sentence_of_the_text_at_all(texts: list[str]) -> None:
    before = [article(text, source=f"{at}.txt", title=f"题{at}") for at, text in enumerate(texts)]
    after = cleaned(before)
    held = [set(quotable(one)) for one in before]
    for one, made in zip(before, after, strict=True):
        assert len(keys(one)) <= 18
        assert replace(made, blocks=()) == replace(one, blocks=())
        assert set(quotable(made)) <= set(quotable(one))
        assert quotable(made) or not quotable(one)
        lost = set(quotable(one)) - set(quotable(made))
        assert all(sum(sentence in other for other in held) >= 5 for sentence in lost)
    everything = {sentence for one in before for sentence in quotable(one)}
    kept = {sentence for one in after for sentence in quotable(one)}
    assert all(sentence in (NOTICE, CALL) or "桥报" in sentence for sentence in everything - kept)
