"""Follow-ups made whole, and questions that stand on their own left alone, to the character."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from qa.conversation import standalone
from qa.words import Segmenter

SEGMENTER = Segmenter()
CORPUS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "corpus" / "questions.jsonl").read_text("utf-8").splitlines()
]
ALONE = [row["question"] for row in CORPUS if not row["history"]]


def whole(question: str, *history: str) -> str:
    return standalone(question, history, SEGMENTER)


STARTED = "上海是哪一年启动试点的？"


@pytest.mark.parametrize(
    ("before", "question", "made"),
    [
        # 那上海呢?
        (STARTED, "那北京呢？", "北京是哪一年启动试点的？"),
        (STARTED, "北京呢", "北京是哪一年启动试点的？"),
        ("上海是哪一年啟動的?", "那臺北呢?", "臺北是哪一年啟動的?"),
        ("上海2017年的试点有哪些行业?", "那2019年呢?", "上海2019年的试点有哪些行业?"),
        ("《上海计划》是哪年发布的?", "那《北京方案》呢?", "《北京方案》是哪年发布的?"),
        ("和成都相比，重庆强在什么地方？", "那上海呢？", "和成都相比，上海强在什么地方？"),
        ("山东给济南安排了什么分工？", "青岛呢？", "山东给青岛安排了什么分工？"),
        ("区块链对政府有哪些好处?", "那对企业呢？", "区块链对企业有哪些好处?"),
        ("区块链有哪些优势?", "那缺点呢？", "区块链有哪些缺点?"),
        ("Fabric是什么?", "那Corda呢?", "Corda是什么?"),
        ("成都的平台是什么时候发布的？", "那管工程款的平台呢？", "成都的管工程款的平台是什么时候发布的？"),
        # 那X呢, 怎样?
        ("和成都相比，重庆强在什么地方？", "成都呢，强在哪儿？", "成都强在哪儿？"),
        ("深圳的计划是哪年公布的？", "那发票呢，哪年开的？", "深圳的发票哪年开的？"),
        # bare question words
        (STARTED, "为什么？", "上海启动试点为什么?"),
        (STARTED, "那为什么呢？", "上海启动试点为什么?"),
        ("什么是智能合约?", "谁？", "智能合约谁?"),
        ("什么是智能合约?", "谁提出的?", "智能合约谁提出的?"),
        ("广州的试点是什么时候启动的?", "什么时候结束?", "广州的试点什么时候结束?"),
        # 它, 其, 该
        (STARTED, "它的白皮书叫什么？", "上海的白皮书叫什么？"),
        ("什么是区块链城市？", "它有哪些特征？", "区块链城市有哪些特征？"),
        ("去中心化金融是什么？", "其特点有哪些?", "去中心化金融的特点有哪些?"),
        ("杭州的平台用来做什么?", "当地有哪些企业？", "杭州有哪些企业？"),
        ("《上海计划》是哪年发布的?", "该计划提出了哪些目标?", "《上海计划》提出了哪些目标?"),
        ("《上海计划》是哪年发布的?", "这份文件由谁发布？", "《上海计划》由谁发布？"),
        ("山东金融综合服务平台的利率是多少?", "该平台何时上线?", "山东金融综合服务平台何时上线?"),
        ("深圳的区块链平台有哪些?", "那座城市有什么政策？", "深圳有什么政策？"),
        # 那 as a link
        ("杭州用区块链做什么?", "那有哪些好处？", "杭州有哪些好处？"),
        ("成都的计划是哪年印发的？", "那山东省政府的方案是哪年的？", "山东省政府的方案是哪年的？"),
        ("技术在物流行业有什么用？", "那收货的人方便吗？", "技术在物流行业有用，收货的人方便吗？"),
    ],
)
def test_follow_ups(before: str, question: str, made: str) -> None:
    assert whole(question, before) == made


def test_chains_of_three_turns() -> None:
    assert whole("那深圳呢？", STARTED, "那北京呢？") == "深圳是哪一年启动试点的？"
    assert whole("它的白皮书叫什么？", STARTED, "那北京呢？") == "北京的白皮书叫什么？"
    assert whole("为什么？", STARTED, "那北京呢？", "那深圳呢？") == "深圳启动试点为什么?"
    assert whole("那2019年呢？", "上海2017年有哪些试点?", "那北京呢？") == "北京2019年有哪些试点?"


def test_the_last_turn_that_stands_alone_counts() -> None:
    assert whole("那深圳呢？", STARTED, "北京有多少家企业？") == "深圳有多少家企业？"


@pytest.mark.parametrize(
    "question",
    [
        "区块链是什么呢？",
        "为什么上海要启动试点呢？",
        "尤其重要的政策有哪些？",
        "其中哪些城市最早启动试点？",
        "其他城市有哪些试点？",
        "政府应该做什么？",
        "香港的平台该找哪个机构领牌照？",
        "那么多城市为什么要试点？",
        "首都那份白皮书叫什么？",
        "黄浦江边那座城市的口号叫什么？",
        "青岛不算大，它为什么先试点？",
        "此外还有哪些政策？",
    ],
)
def test_look_alikes_stand_on_their_own(question: str) -> None:
    assert whole(question, "成都的场景供给是什么做法？") == question


def test_without_history_nothing_changes() -> None:
    assert whole("那上海呢？") == "那上海呢？"
    assert whole(" 它是什么？ ", "", " \n") == " 它是什么？ "
    assert whole("那上海呢？", "北京有多少家企业？", "  ") == "上海有多少家企业？"


def test_standalone_questions_of_the_corpus_come_back_unchanged() -> None:
    assert len(ALONE) >= 40
    changed = {
        (question, before)
        for step in (1, 7, 100)
        for question, before in zip(ALONE, [*ALONE[step:], *ALONE[:step]], strict=True)
        if whole(question, before) != question
    }
    assert len(changed) / (3 * len(ALONE)) < 0.01
    assert {question for question, _ in changed} <= {
        "哪份五年规划把它当成要抢先布局的新技术？",
        "在新基建的划分里，它归到哪一类？",
        "哪份五年規劃把它當成要搶先布局的新技術？",
    }


def test_follow_ups_of_the_corpus_name_what_they_left_out() -> None:
    named = {
        "c061": "深圳的链上电子发票哪年开的第一张？",
        "c172": "成都强在哪儿？",
        "c218": "山东省政府的方案是哪年的？",
        "c279": "国家区块链创新应用试点里，特色领域的有几个？",
        "t067": "中国城市发展区块链有哪些欠缺的地方？",
        "t081": "区块链城市有哪些特征？",
        "t126": "区块链应用操作员跟区块链工程技术人员怎么分工？",
        "t149": "去中心化金融有什么风险？",
    }
    rows = {row["id"]: row for row in CORPUS}
    assert {at: whole(rows[at]["question"], *rows[at]["history"]) for at in named} == named


@given(texts(max_pieces=12), st.lists(texts(max_pieces=12) | st.sampled_from(ALONE), max_size=3))
def test_any_text_is_taken(question: str, history: list[str]) -> None:
    made = standalone(question, history, SEGMENTER)
    assert made == standalone(question, [turn for turn in history if turn.strip()], SEGMENTER)
    if not "".join(history).strip():
        assert made == question


@given(
    st.sampled_from(["那{}呢？", "它{}？", "该计划{}？", "{}呢，为什么？", "那{}？"]),
    texts(max_pieces=6),
    st.sampled_from(ALONE),
)
def test_marks_around_any_text_are_taken(mark: str, text: str, before: str) -> None:
    assert whole(mark.format(text), before) == whole(mark.format(text), before, " ")
