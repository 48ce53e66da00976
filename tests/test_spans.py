"""A span made whole: which spans move, where to, and what holds of any span in any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from qa.spans import whole
from qa.text import fold, is_han
from qa.types import Span
from qa.words import Segmenter

SEGMENTER = Segmenter()


def made_whole(marked: str) -> str:
    """The whole span of a text whose span stands between ``<`` and ``>``, marked in the same way."""
    start = marked.index("<")
    end = marked.index(">") - 1
    text = marked.replace("<", "", 1).replace(">", "", 1)
    found = whole(text, Span(start, end), Span(0, len(text)), SEGMENTER)
    return f"{text[: found.start]}<{found.of(text)}>{text[found.end :]}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("最近的是<瑞典>语。", "最近的是<瑞典语>。"),
        ("由美<国教育部>管理", "由<美国教育部>管理"),
        ("上海<启动了>试点", "上海<启动了>试点"),
        ("这样会导<致粮食短缺>。", "这样会<导致粮食短缺>。"),
        ("这里使<用钢筋混凝土>建成", "这里使用<钢筋混凝土>建成"),
        ("基于Hyper<ledger Fab>ric平台", "基于<Hyperledger Fabric>平台"),
        ("感染COVID<-19>的人", "感染<COVID-19>的人"),
        ("会说C<+>+的人", "会说C<+>+的人"),
        ("會說臺<灣話>的人", "會說<臺灣話>的人"),
    ],
)
def test_no_word_is_cut(before: str, after: str) -> None:
    assert made_whole(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("共计1,2<34.5>万元。", "共计<1,234.5万元>。"),
        ("共计<1,234.5>万元。", "共计<1,234.5万元>。"),
        ("库容<3.5>亿立方米的水", "库容<3.5亿立方米>的水"),
        ("库容3.5<亿立方米>的水", "库容<3.5亿立方米>的水"),
        ("库容<3.5亿立>方米的水", "库容<3.5亿立方米>的水"),
        ("占百分<之三>的", "占<百分之三>的"),
        ("占百分之<3>左右", "占<百分之3>左右"),
        ("增长<12>%以上", "增长<12%>以上"),
        ("在<20>17年启动", "在<2017年>启动"),
        ("在<2017>年启动", "在<2017年>启动"),
        ("在<2019年>5月6日启动", "在<2019年>5月6日启动"),
        ("在<2019年5>月6日启动", "在<2019年5月>6日启动"),
        ("在20<19年5月6>日启动", "在<2019年5月6日>启动"),
        ("是第<4>4任总统", "是<第44任>总统"),
        ("耗时<3>个月完成", "耗时<3个月>完成"),
        ("spent $<3.2> billion on it", "spent <$3.2 billion> on it"),
        ("约<70>cm长", "约<70cm>长"),
        ("长约<12.5>km左右", "长约<12.5km>左右"),
        ("共有三百<二十万>人", "共有<三百二十万>人"),
        ("１９<９７年>回归", "<１９９７年>回归"),
    ],
)
def test_a_number_keeps_its_digits_and_its_unit(before: str, after: str) -> None:
    assert made_whole(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("他写了《<区块链》>一书", "他写了<《区块链》>一书"),
        ("他写了<《区块链>技术》一书", "他写了<《区块链技术》>一书"),
        ("提出<“三年>行动计划”的城市", "提出<“三年行动计划”>的城市"),
        ("提出<「三年>行动计划的城市", "提出「<三年>行动计划的城市"),
        ("中国电信<（简称电信>）公司", "中国电信（<简称电信>）公司"),
        ("<中国电信（简称电信>）公司", "<中国电信（简称电信）>公司"),
        ("在（成立于<2019年）>之后", "在（成立于<2019年>）之后"),
        ('提出<"三年>行动"的城市', '提出<"三年行动">的城市'),
        ("<中国《>论语》", "<中国>《论语》"),
        ("公布《<深圳区块链行动计划>(2019-22)》", "公布<《深圳区块链行动计划(2019-22)》>"),
        ("公布《深圳行动计划(<2019>-2022年)》", "公布《深圳行动计划(<2019>-2022年)》"),
        ("公布《<深圳行动计划>》", "公布<《深圳行动计划》>"),
        ("出自<论语》>和别的", "出自<论语>》和别的"),
    ],
)
def test_no_quotation_or_title_is_cut(before: str, after: str) -> None:
    assert made_whole(before) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("包括：< 金融、物流。>", "包括：< 金融、物流。>".replace("< ", " <").replace("。>", ">。")),
        ("<，上海；>", "，<上海>；"),
        ("<1. 加强监管。>", "1. <加强监管>。"),
        ("<（一）加强监管；>", "（一）<加强监管>；"),
        ("<- 加强监管\n>", "- <加强监管>\n"),
        ("<①加强监管>", "①<加强监管>"),
        ("长<1.5米>的", "长<1.5米>的"),
        ("气温<-5℃>左右", "气温<-5℃>左右"),
        ("<**上海**>是", "**<上海>**是"),
        ("使用<。>了", "使用<。>了"),
    ],
)
def test_marks_at_the_ends_are_left_out(before: str, after: str) -> None:
    assert made_whole(before) == after


def test_nothing_outside_the_passage_is_taken_in() -> None:
    text = "共计1,234.5万元"
    assert whole(text, Span(6, 8), Span(5, 8), SEGMENTER) == Span(5, 8)
    assert whole("瑞典语", Span(0, 1), Span(0, 2), SEGMENTER) == Span(0, 2)


def test_both_scripts_give_the_same_span() -> None:
    simplified, traditional = "深圳开出了第一张区块链电子发票", "深圳開出了第一張區塊鏈電子發票"
    for start in range(len(simplified)):
        for end in range(start + 1, len(simplified) + 1):
            span, within = Span(start, end), Span(0, len(simplified))
            assert whole(simplified, span, within, SEGMENTER) == whole(traditional, span, within, SEGMENTER)


@st.composite
def placed(draw: st.DrawFn) -> tuple[str, Span, Span]:
    """A text, a span in it and a passage around the span."""
    text = draw(texts(max_pieces=40))
    places = sorted(draw(st.lists(st.integers(0, len(text)), min_size=4, max_size=4)))
    return text, Span(places[1], places[2]), Span(places[0], places[3])


@given(placed())
def test_a_whole_span_stays_inside_keeps_words_and_is_final(case: tuple[str, Span, Span]) -> None:
    text, span, within = case
    found = whole(text, span, within, SEGMENTER)
    assert within.covers(found)
    assert whole(text, found, within, SEGMENTER) == found
    if any(char.isalnum() for char in span.of(text)):
        assert any(char.isalnum() for char in found.of(text))
    else:
        assert found == span


@given(placed())
def test_no_word_of_the_segmenter_is_cut(case: tuple[str, Span, Span]) -> None:
    text, span, within = case
    found = whole(text, span, within, SEGMENTER)
    if not any(char.isalnum() for char in span.of(text)):
        return
    for start, word, _ in SEGMENTER.tagged(within.of(text)):
        if all(is_han(char) for char in word):
            begin = within.start + start
            assert not begin < found.start < begin + len(word), (word, found.of(text))
            assert not begin < found.end < begin + len(word), (word, found.of(text))


@given(placed())
def test_folding_changes_no_span_of_han_text(case: tuple[str, Span, Span]) -> None:
    text, span, within = case
    han = "".join(char if is_han(char) else "，" for char in text)
    folded = "".join(fold(char) if is_han(char) else "，" for char in text)
    assert whole(han, span, within, SEGMENTER) == whole(folded, span, within, SEGMENTER)
