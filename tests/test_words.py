"""Words agree with jieba, hold no surprises in their offsets, and users' words win."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from qa.errors import InputError
from qa.text import fold
from qa.words import Segmenter, _import_jieba

SEGMENTER = Segmenter()
PLAIN = [
    "上海在去年启动了区块链技术应用试点",
    "中国人民银行数字货币研究所牵头搭建贸易金融平台",
    "深圳开出全国第一张区块链电子发票",
    "他来到了网易杭研大厦",
    "结婚的和尚未结婚的",
    "乒乓球拍卖完了",
    "南京市长江大桥欢迎您",
    "工信处女干事每月经过下属科室都要亲口交代二十四口交换机等技术性器件的安装工作",
    "研究生命的起源",
    "小明硕士毕业于中国科学院计算所，后在日本京都大学深造。",
]


@pytest.fixture(scope="module")
def jieba_cut(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """jieba with its own dictionary, whose cache stays out of the shared temporary folder."""
    tokenizer = _import_jieba().Tokenizer()
    tokenizer.tmp_dir = str(tmp_path_factory.mktemp("jieba"))
    tokenizer.initialize()
    return lambda text: list(tokenizer.cut(text, HMM=False))


# ---- words


@given(texts() | st.text())
def test_words_together_are_the_text(text: str) -> None:
    folded = fold(text)
    assert "".join(SEGMENTER.words(folded)) == folded


@pytest.mark.parametrize("text", PLAIN)
def test_words_are_jiebas(text: str, jieba_cut) -> None:  # type: ignore[no-untyped-def]
    assert SEGMENTER.words(text) == jieba_cut(text)


@given(
    st.text(
        st.sampled_from("区块链技术应用试点城市上海北京的是在和政府金融中国人民银行数字货币"), max_size=30
    )
)
def test_random_words_are_jiebas(jieba_cut, text: str) -> None:  # type: ignore[no-untyped-def]
    assert SEGMENTER.words(text) == jieba_cut(text)


def test_traditional_words_are_those_of_the_simplified_text() -> None:
    assert SEGMENTER.words(fold("數字貨幣研究所牽頭搭建平臺")) == SEGMENTER.words(
        "数字货币研究所牵头搭建平台"
    )


def test_two_segmenters_do_not_share_their_words() -> None:
    taught = Segmenter(("链上金融",))
    assert taught.words("链上金融") == ["链上金融"]
    assert SEGMENTER.words("链上金融") == ["链", "上", "金融"]


# ---- user words


@pytest.mark.parametrize(
    ("word", "text", "words"),
    [
        ("区块链", "去年区块链试点", ["去年", "区块链", "试点"]),
        ("信链宝", "用信链宝查账", ["用", "信链宝", "查账"]),
        ("的是", "我的是他的", ["我", "的是", "他", "的"]),
        ("區塊鏈城市", "区块链城市很多", ["区块链城市", "很多"]),
        (
            "超过十六个字的一个非常长的机构名称也要认得",
            "在超过十六个字的一个非常长的机构名称也要认得吗",
            None,
        ),
    ],
)
def test_user_words_win(word: str, text: str, words: list[str] | None) -> None:
    taught = Segmenter((word,))
    assert taught.words(text) == (["在", word, "吗"] if words is None else words)
    assert taught.word_class(fold(word)) == "z"


def test_a_dictionary_file_as_jieba_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("\ufeff信链宝 10 nz\n\n數字票據\r\n链上金融 3\n", encoding="utf-8")
    assert Segmenter.from_file(path).user_words == ("信链宝", "数字票据", "链上金融")


@pytest.mark.parametrize("content", [None, "信链宝".encode("gbk"), b"\xff\xfe\x00"])
def test_an_unreadable_dictionary(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"words\.txt: cannot be read as a jieba dictionary .*UTF-8"):
        Segmenter.from_file(path)


# ---- terms


def test_terms_by_hand() -> None:
    # Words (marked by a space), then characters, then pairs of each Han run; other runs whole.
    assert SEGMENTER.terms("上海試點，ＡＢ-2 3.5%！") == [
        *[" 上海", " 试点"],
        *["上", "海", "试", "点"],
        *["上海", "海试", "试点"],
        "ab-2",
        "3.5%",
    ]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ("，。 \n", []),
        ("链", [" 链", "链"]),
        ("C++ 和c#", ["c++", " 和", "和", "c#"]),
        ("v1.2.3_rc a&b", ["v1.2.3_rc", "a&b"]),
        ("é 가", ["é", "가"]),
        ("𠮷", [" 𠮷", "𠮷"]),
    ],
)
def test_terms_at_the_edges(text: str, terms: list[str]) -> None:
    assert SEGMENTER.terms(text) == terms


@given(texts())
def test_terms_do_not_depend_on_script_or_width(text: str) -> None:
    assert SEGMENTER.terms(text) == SEGMENTER.terms(fold(text))


# ---- classes and weights


@given(texts())
def test_tagged_words_stand_where_they_say(text: str) -> None:
    folded = fold(text)
    at = 0
    for start, word, word_class in SEGMENTER.tagged(text):
        assert start >= at
        assert folded[start : start + len(word)] == word
        assert word_class == SEGMENTER.word_class(word)
        at = start + len(word)


def test_classes_by_hand() -> None:
    assert list(SEGMENTER.tagged("王小明　在上海,研究2個Fabric")) == [
        (0, "王小明", "h"),
        (4, "在", "f"),
        (5, "上海", "p"),
        (8, "研究", "v"),
        (10, "2", "m"),
        (11, "个", "m"),
        (12, "fabric", "x"),
    ]


def test_content_words_by_hand() -> None:
    assert list(SEGMENTER.content_words("上海的３個试点用Go写")) == ["上海", "3", "试点", "go"]


def test_weights() -> None:
    assert SEGMENTER.weight("的") == pytest.approx(math.log(60_101_967 / 318_825))
    assert SEGMENTER.weight("没有这个词吧") == pytest.approx(math.log(60_101_967))
    assert Segmenter(("的",)).weight("的") == pytest.approx(math.log(60_101_967))
