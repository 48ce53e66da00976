"""Folding keeps every offset; sentences cover the text and end where a reader would end them."""

from __future__ import annotations

from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from qa.text import fold, han, is_han, sentences, trim
from qa.types import Span

ROWS = [
    [chr(int(code, 16)) for code in line.split()]
    for line in (resources.files("qa") / "data" / "fold.txt").read_text("ascii").splitlines()
    if not line.startswith("#")
]


def cut(text: str) -> list[str]:
    return [span.of(text) for span in sentences(text)]


# ---- fold


@given(texts() | st.text())
def test_fold_keeps_every_offset_and_folding_twice_changes_nothing(text: str) -> None:
    folded = fold(text)
    assert len(folded) == len(text)
    assert fold(folded) == folded
    assert folded == "".join(map(fold, text))


def test_each_row_of_the_table_leads_to_a_fixed_point() -> None:
    assert [row for row in ROWS if fold(row[0]) != row[0]] == []
    assert [char for row in ROWS for char in row[1:] if fold(char) != row[0]] == []
    folded = [char for row in ROWS for char in row[1:]]
    assert len(folded) == len(set(folded))


@pytest.mark.parametrize("newline", ["\n", "\r", "\r\n"])
def test_newlines_stay(newline: str) -> None:
    assert fold(f"甲{newline}乙") == f"甲{newline}乙"


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ＡＢｃ１２３％", "abc123%"),
        ("甲\u3000乙\t丙", "甲 乙 丙"),
        ("，：；！？（）。、", ",:;!?().,"),
        ("“好”‘好’「好」『好』", '"好"\'好\'"好""好"'),
        ("區塊鏈技術應用試點", "区块链技术应用试点"),
        ("臺灣、台灣", "台湾,台湾"),
        ("什麼、什么、么、甚至", "什么,什么,么,甚至"),
        ("頭髮、發展", "头发,发展"),
        ("Σσ", "σσ"),
        ("İı", "İı"),
        ("ß", "ß"),
        ("ﬁ", "ﬁ"),
        ("①⑨", "19"),
        ("𠮷😀", "𠮷😀"),
    ],
)
def test_fold_by_hand(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_marks_of_titles_stay_marks_of_titles() -> None:
    assert fold("《计划》〈意见〉") == "《计划》《意见》"


@given(texts() | st.text())
def test_fold_leaves_no_full_width_digit_or_letter(text: str) -> None:
    assert [char for char in fold(text) if "０" <= char <= "９" or "Ａ" <= char <= "Ｚ"] == []


# ---- Han characters and white space


def test_han_counts_every_block() -> None:
    assert han("区块链 abc 㐀〇𠮷 ー가") == 6
    assert [is_han(char) for char in "区𠮷〇a1。가"] == [True, True, True, False, False, False, False]


@given(texts(), st.data())
def test_trim(text: str, data: st.DataObject) -> None:
    start, end = sorted([data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))])
    trimmed = trim(text, Span(start, end))
    assert trimmed.of(text) == text[start:end].strip()
    assert Span(start, end).covers(trimmed)
    if not len(trimmed):
        assert trimmed == Span(start, start)


# ---- sentences


@given(texts(), st.data())
def test_sentences_cover_all_but_white_space(text: str, data: st.DataObject) -> None:
    start, end = sorted([data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))])
    found = sentences(text, Span(start, end))
    at = start
    for sentence in found:
        assert at <= sentence.start < sentence.end <= end
        assert text[at : sentence.start].strip() == ""
        assert sentence.of(text) == sentence.of(text).strip()
        at = sentence.end
    assert text[at:end].strip() == ""


@given(texts())
def test_no_sentence_holds_a_line_break(text: str) -> None:
    assert [sentence for sentence in cut(text) if set(sentence) & set("\r\n\u2028\u2029")] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        (" \r\n\u3000", []),
        ("甲。乙！丙？丁；戊……己｡庚", ["甲。", "乙！", "丙？", "丁；", "戊……", "己｡", "庚"]),
        ("真的？！好!?是吗?好;走了!", ["真的？！", "好!?", "是吗?", "好;", "走了!"]),
        ("占50%;其中2017;北京!", ["占50%;", "其中2017;", "北京!"]),
        ("甲.\r\n乙. 丙.", ["甲.", "乙.", "丙."]),
        ("第一行\r\n\r\n第二行\n第三行", ["第一行", "第二行", "第三行"]),
        ("他说：“好。”她说：「走！」（完。）后来", ["他说：“好。”", "她说：「走！」", "（完。）", "后来"]),
        ('他说:"你好。我走了。"然后"再见。"走了', ['他说:"你好。', '我走了。"', '然后"再见。"', "走了"]),
        ("好。\"再见。\"'嗯。'走", ["好。", '"再见。"', "'嗯。'", "走"]),
        ('("好。")然后', ['("好。")', "然后"]),
        ("it's 好。'是。'", ["it's 好。", "'是。'"]),
        ("**好。**坏。**是**。", ["**好。**", "坏。", "**是**。"]),
        ('"第一行。\n"第二行。"', ['"第一行。', '"第二行。"']),
        ("约3.5亿元,1.2.3版。", ["约3.5亿元,1.2.3版。"]),
        ('if (a) { foo(); x = "b"; }', ['if (a) { foo(); x = "b"; }']),
        ("运行`print(甲。乙); 好!`即可。对", ["运行`print(甲。乙); 好!`即可。", "对"]),
        ("见https://a.cn/b?c=d;e!谢谢。", ["见https://a.cn/b?c=d;e!", "谢谢。"]),
        ("见http://a.cn/区块链?action=edit。好", ["见http://a.cn/区块链?action=edit。", "好"]),
        ("1. 甲;\n2. 乙;\n- 丙", ["1. 甲;", "2. 乙;", "- 丙"]),
        ("一. 总则\n十二. 附则. 完", ["一. 总则", "十二. 附则.", "完"]),
        ("第一……第二……", ["第一……", "第二……"]),
        ("好…… ……”走", ["好…… ……”", "走"]),
        ("好。\n——\n走", ["好。", "——", "走"]),
        ("𠮷!😀好。😀!", ["𠮷!", "😀好。😀!"]),
        ("Hello! World? a;b.", ["Hello! World? a;b."]),
    ],
)
def test_sentences_by_hand(text: str, found: list[str]) -> None:
    assert cut(text) == found


def test_a_mark_left_over_belongs_to_the_sentence_before() -> None:
    text = '"甲。乙。"丙。'
    assert [span.of(text) for span in sentences(text, Span(1, 6))] == ["甲。", '乙。"']
