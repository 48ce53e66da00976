"""Kinds of questions, and spans of the kind asked for, in coordinates of the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from qa.questions import NARROW, Kind, kind, typed_spans
from qa.text import fold
from qa.types import Span

KINDS: dict[Kind, tuple[str, ...]] = {
    "date": (
        "上海哪一年启动试点？",
        "上海是哪年启动的?",
        "文件什么时候发布？",
        "系統甚麼時候上線？",
        "系统啥时候上线",
        "何时成立?",
        "維港邊的系統幾時開始用？",
        "数电票从哪天起推广？",
        "哪个月上线?",
    ),
    "number": (
        "一共有多少家企业？",
        "入选了几家？",
        "試點為期幾年零幾個月？",
        "平台占地多大?",
        "这个系统用多久?",
        "贷款占比是怎么样?",
        "交易额有多少",
    ),
    "title": (
        "上海发布了哪份文件？",
        "哪部法律规定的?",
        "什么文件最早提出？",
        "蓉城那份名字特别的文件叫什么？",
        "公文题目是什么？",
        "署名中本聪的论文叫什么题目？",
        "由哪項規劃提出?",
    ),
    "place": (
        "试点在哪里启动？",
        "園區在哪？",
        "最早是哪个城市？",
        "何处可以办理?",
        "第一张票出自哪个吃饭的地方？",
        "公司位于什么区?",
    ),
    "person": ("谁提出了智能合约？", "由哪位科学家发明?", "誰在2014年發表了Raft？"),
    "list": ("有哪些好处？", "重点行业是哪几个?", "分哪三路推进？", "有什么特征？", "分別是甚麼？"),
    "reason": ("为什么要上链？", "為何失敗?", "为啥没人用", "原因是什么？", "怎么没几个人用？", "干嘛开刀"),
    "way": ("如何推动区块链？", "怎么办?", "怎样防止造假", "用什么办法报销？", "咋個申請？", "从哪儿下手?"),
    "definition": ("什么是区块链？", "區塊鏈是什麼？", "“双花”是什么意思?", "何谓共识", "节点指的是什么？"),
    "yesno": ("能领到钱吗？", "是否收费", "还用不用稽查？", "能不能一直看下去", "是不是骗局"),
    "other": ("强在哪儿？", "几十年前的卷宗", "没几个人", "介绍区块链", "", "哪类公司没资格"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "question"), [(k, question) for k, group in KINDS.items() for question in group]
)
def test_kind(asked: Kind, question: str) -> None:
    assert kind(question) == asked


def test_kinds_are_all_tested() -> None:
    assert sum(map(len, KINDS.values())) >= 40
    assert set(KINDS) > NARROW


def found(question: str, text: str) -> list[str]:
    return [span.of(text) for span in typed_spans(question, kind(question), text, Span(0, len(text)))]


@pytest.mark.parametrize(
    ("question", "text", "spans"),
    [
        # dates
        ("哪一年启动？", "2017年5月,二〇一八年,公元前221年。", ["2017年", "二〇一八年", "公元前221年"]),
        ("何时启动？", "2017年5月6日,二〇一八年十二月底。", ["2017年5月6日", "二〇一八年十二月底"]),
        ("何时启动？", "3月上旬,21世纪。", ["3月上旬", "21世纪"]),
        ("何时启动？", "见2019-05-06和2020/1/2。", ["2019-05-06", "2020/1/2"]),
        ("2017年之后是哪年？", "2017年和2018年。", ["2018年"]),
        # numbers
        ("有多少家企业？", "35个城市的1200余家企业,占三成。", ["1200余家"]),
        ("有多少企业？", "2017年有1,200.5万家,约3成。", ["1,200.5万家", "3成"]),
        ("融资多少万元？", "融资3.5万元,合30亿元或5美元。", ["3.5万元", "30亿元"]),
        ("有多少用户？", "一下来了四方人士,一个平台,两类用户,三十个,5万。", ["两类", "三十个", "5万"]),
        ("占了几个？", "一个平台有十一个和3家。", ["十一个", "3家"]),
        ("一共多少枚?", "一个平台发了5枚。", ["5枚"]),
        ("要多少保证金？", "一个人交3,000元,分2次。", ["3,000元"]),
        ("有多少人?", "三十多名员工,5万人,10家。", ["三十多名", "5万人"]),
        ("要几个月？", "5月起用6个月,去3个城市。", ["6个月"]),
        ("几个小时？", "三个小时或40小时,2天。", ["三个小时", "40小时"]),
        ("几公里?", "全长12.5公里,造价3亿。", ["12.5公里"]),
        ("要多久？", "三年,6个月,两个小时内,5天以上,10家。", ["三年", "6个月", "两个小时内", "5天以上"]),
        # shares
        ("占比多少？", "35.5%,百分之三十,百分之3.5。", ["35.5%", "百分之三十", "百分之3.5"]),
        ("占比多少？", "占三成,成功率高。", ["三成"]),
        ("有多少家？", "共有３，５家在北京，另有１２，５００家。", ["５家", "１２，５００家"]),
        ("利率是百分之几？", "共12家,利率4.35%。", ["4.35%"]),
        # titles
        ("哪份文件？", "《计划（2020）》和“白皮书”,《意见》。", ["《计划（2020）》", "“白皮书”", "《意见》"]),
        ("《意见》之后是哪份文件？", "《意见》与《办法》。", ["《办法》"]),
        # kinds without a pattern
        ("在哪里？", "在上海。", []),
        ("为什么？", "因为2017年。", []),
    ],
)  # fmt: skip
def test_typed_spans_by_hand(question: str, text: str, spans: list[str]) -> None:
    assert found(question, text) == spans


def test_offsets_behind_full_width_digits_and_traditional_script() -> None:
    text = "於２０１７年啟動，佔３５．５％；臺灣約１，２００家。"
    assert typed_spans("哪一年？", "date", text, Span(0, len(text))) == [Span(1, 6)]
    assert typed_spans("占比多少？", "number", text, Span(0, len(text))) == [Span(10, 15)]
    assert typed_spans("多少家？", "number", text, Span(0, len(text))) == [Span(19, 25)]


def test_only_inside_the_span() -> None:
    text = "2016年。2017年。2018年。"
    assert typed_spans("哪一年？", "date", text, Span(6, 12)) == [Span(6, 11)]


@given(
    texts(),
    st.sampled_from(["哪一年?", "何时?", "多少?", "多少家?", "占比?", "多久?", "哪份文件?"]),
    st.data(),
)
def test_spans_lie_inside_in_order_and_fold_alike(text: str, question: str, data: st.DataObject) -> None:
    start, end = sorted([data.draw(st.integers(0, len(text))), data.draw(st.integers(0, len(text)))])
    spans = typed_spans(question, kind(question), text, Span(start, end))
    assert all(Span(start, end).covers(span) and len(span) for span in spans)
    assert spans == sorted(spans)
    assert spans == typed_spans(question, kind(question), fold(text), Span(start, end))
