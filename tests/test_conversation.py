"""Follow-ups made whole, and questions that stand on their own left alone, to the character."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from qa.conversation import FollowUp, follow_up, names_in, standalone
from qa.words import Segmenter

SEGMENTER = Segmenter()
CORPUS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "corpus" / "questions.jsonl").read_text("utf-8").splitlines()
]
ALONE = [row["question"] for row in CORPUS if not row["history"]]
FOLLOW_UPS = [row["question"] for row in CORPUS if row["history"]]


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
        ("深圳的计划是哪年公布的？", "那发票呢，哪年开的？", "深圳发票哪年开的？"),
        # bare question words
        (STARTED, "为什么？", "上海启动试点为什么？"),
        (STARTED, "那为什么呢？", "上海启动试点为什么呢？"),
        ("什么是智能合约?", "谁？", "智能合约谁？"),
        ("什么是智能合约?", "谁提出的?", "智能合约，谁提出的?"),
        ("广州的试点是什么时候启动的?", "什么时候结束?", "广州的试点，什么时候结束?"),
        # 它, 其, 该
        (STARTED, "它的白皮书叫什么？", "上海的白皮书叫什么？"),
        ("什么是区块链城市？", "它有哪些特征？", "区块链城市有哪些特征？"),
        ("去中心化金融是什么？", "其特点有哪些?", "去中心化金融特点有哪些?"),
        ("杭州的平台用来做什么?", "当地有哪些企业？", "杭州有哪些企业？"),
        ("《上海计划》是哪年发布的?", "该计划提出了哪些目标?", "《上海计划》提出了哪些目标?"),
        ("《上海计划》是哪年发布的?", "这份文件由谁发布？", "《上海计划》由谁发布？"),
        ("山东金融综合服务平台的利率是多少?", "该平台何时上线?", "山东金融综合服务平台何时上线?"),
        ("深圳的区块链平台有哪些?", "那座城市有什么政策？", "深圳有什么政策？"),
        ("什么是区块链城市？", "和它有什么区别？", "和区块链城市有什么区别？"),
        ("你知道智能合约吗？", "它有什么风险？", "智能合约有什么风险？"),
        ("雄安新区是哪年宣布设立的？", "它怎么解决欠薪？", "雄安新区怎么解决欠薪？"),
        ("重庆的基地在哪里？", "這個是誰辦的？", "重庆的基地是誰辦的？"),
        (STARTED, "它的期限到哪一年？", "上海的期限到哪一年？"),
        # 还有吗?
        (STARTED, "还有吗？", STARTED),
        (STARTED, "那还有别的吗", STARTED),
        (STARTED, "还有哪些？", STARTED),
        # 现在呢?
        ("上海有多少家企业?", "现在呢？", "现在上海有多少家企业?"),
        ("上海2017年有多少家企业?", "那现在呢？", "上海现在有多少家企业?"),
        ("上海现在有多少家企业?", "2019年？", "上海2019年有多少家企业?"),
        # names without 呢
        (STARTED, "北京也是吗？", "北京是哪一年启动试点的？"),
        (STARTED, "北京", "北京是哪一年启动试点的？"),
        ("武汉对链上项目，政策上给什么？", "技术上的呢？", "武汉对链上项目，技术上给什么？"),
        ("北京发展区块链，在人才上做了什么？", "那在资金上呢？", "北京发展区块链，在资金上做了什么？"),
        ("上链前该问自己哪些问题？", "答案要是不对呢？", "上链前该问自己问题，答案要是不对呢？"),
        ("给老年人做科普，重点讲什么？", "对公务员呢？", "对公务员做科普，重点讲什么？"),
        # what names too little
        (STARTED, "难在什么地方？", "上海启动试点，难在什么地方？"),
        ("什么是区块链城市？", "跟智慧城市有什么区别？", "区块链城市跟智慧城市有什么区别？"),
        ("宁波的“一单到底”推开了吗？", "难在什么地方？", "宁波的“一单到底”推开了，难在什么地方？"),
        ("电子发票抬头写错了怎么办？", "还能拿去报销吗？", "电子发票抬头写错了，还能拿去报销吗？"),
        (
            "重庆的创新基地收什么样的公司？",
            "对发币是怎么规定的？",
            "重庆的创新基地收公司，对发币是怎么规定的？",
        ),
        ("深圳什么时候开出第一张发票？", "金额是多少？", "深圳开出第一张发票，金额是多少？"),
        ("上海的白皮书叫什么？", "其中哪些城市最早启动试点？", "上海的白皮书，其中哪些城市最早启动试点？"),
        ("《上海计划》是哪年发布的?", "该奖项由谁颁发？", "《上海计划》，该奖项由谁颁发？"),
        ("Fabric是什么?", "有什么特点？", "Fabric，有什么特点？"),
        # 那 as a link
        ("杭州用区块链做什么?", "那有哪些好处？", "杭州用区块链，有哪些好处？"),
        ("成都的计划是哪年印发的？", "那山东省政府的方案是哪年的？", "山东省政府的方案是哪年的？"),
        ("技术在物流行业有什么用？", "那收货的人方便吗？", "技术在物流行业，收货的人方便吗？"),
    ],
)
def test_follow_ups(before: str, question: str, made: str) -> None:
    assert whole(question, before) == made


def test_chains_of_three_turns() -> None:
    assert whole("那深圳呢？", STARTED, "那北京呢？") == "深圳是哪一年启动试点的？"
    assert whole("它的白皮书叫什么？", STARTED, "那北京呢？") == "北京的白皮书叫什么？"
    assert whole("为什么？", STARTED, "那北京呢？", "那深圳呢？") == "深圳启动试点为什么？"
    assert whole("那2019年呢？", "上海2017年有哪些试点?", "那北京呢？") == "北京2019年有哪些试点?"


def test_the_last_turn_that_stands_alone_counts() -> None:
    assert whole("那深圳呢？", STARTED, "北京有多少家企业？") == "深圳有多少家企业？"


@pytest.mark.parametrize(
    "question",
    [
        "区块链是什么呢？",
        "为什么上海要启动试点呢？",
        "香港的平台该找哪个机构领牌照？",
        "首都那份白皮书叫什么？",
        "黄浦江边那座城市的口号叫什么？",
        "青岛不算大，它为什么先试点？",
    ],
)
def test_look_alikes_stand_on_their_own(question: str) -> None:
    assert whole(question, "成都的场景供给是什么做法？") == question


def test_a_question_in_the_last_one_s_words_stands_on_its_own() -> None:
    assert whole("联盟链是不是谁都能加入？", "公链是不是谁都能加入？") == "联盟链是不是谁都能加入？"


@pytest.mark.parametrize(
    "question",
    [
        "其他城市有哪些试点？",
        "政府应该做什么？",
        "那么多城市为什么要试点？",
        "此外还有哪些政策？",
        "尤其重要的有哪些？",
    ],
)
def test_marks_inside_other_words_are_not_taken_out(question: str) -> None:
    assert whole(question, "成都的场景供给是什么做法？") == f"成都的场景供给，{question}"


@pytest.mark.parametrize(
    ("history", "question", "skip"),
    [
        ([STARTED], "还有吗？", 1),
        ([STARTED], "还有别的吗", 1),
        ([STARTED], "其他的呢？", 1),
        ([STARTED], "還有其他的嗎？", 1),
        ([STARTED], "有没有别的答案？", 1),
        ([STARTED], "再说几个", 1),
        ([STARTED], "除了这个呢？", 1),
        ([STARTED], "继续", 1),
        ([STARTED, "还有吗？"], "还有吗？", 2),
        ([STARTED, "还有吗？", "谢谢", "还有呢"], "那还有别的吗？", 3),
        (["北京有多少家企业？", "还有吗？", STARTED], "还有吗？", 1),
        ([STARTED, "还有吗？"], STARTED, 0),
        ([STARTED, *["还有吗？"] * 30], "还有吗？", 31),
    ],
)
def test_asking_for_more_counts_the_answers_there_were(history: list[str], question: str, skip: int) -> None:
    assert follow_up(question, history, SEGMENTER) == FollowUp(STARTED, skip)


def test_more_of_what_was_asked_for_pages_on_and_more_of_something_else_does_not() -> None:
    history = ["2017年启动试点的城市有哪些？"]
    assert follow_up("还有哪些城市？", history, SEGMENTER) == FollowUp(history[0], 1)
    assert follow_up("还有哪些政策？", history, SEGMENTER).skip == 0


def test_after_more_other_follow_ups_lean_on_the_question_itself() -> None:
    history = [STARTED, "还有吗？", "还有吗？"]
    assert follow_up("那北京呢？", history, SEGMENTER) == FollowUp("北京是哪一年启动试点的？")
    assert follow_up("还有吗？", [*history, "那北京呢？"], SEGMENTER) == FollowUp(
        "北京是哪一年启动试点的？", 1
    )


@pytest.mark.parametrize(
    ("before", "question"),
    [
        ("教师资格证怎么报名？", "怎么报名"),
        ("上海今天天气怎么样？", "天气怎么样呢？"),
        ("《上海计划》讲的是什么？", "讲的是什么？"),
    ],
)
def test_the_end_of_the_last_question_is_that_question(before: str, question: str) -> None:
    assert follow_up(question, [before], SEGMENTER) == FollowUp(before)


@pytest.mark.parametrize(
    ("before", "made"),
    [
        ("朱正廷是谁？", "朱正廷是哪里人？"),
        ("杨阳写过什么书？", "杨阳是哪里人？"),
        ("毛姆在哪里出生？", "毛姆是哪里人？"),
        ("李白写过什么诗？", "李白是哪里人？"),
    ],
)
def test_a_given_name_stays_with_its_surname(before: str, made: str) -> None:
    assert whole("他是哪里人？", before) == made


@pytest.mark.parametrize(
    ("before", "made"),
    [
        ("你知道云梯链吗？", "云梯链，作者是谁？"),
        ("你知道云梯链是什么吗？", "云梯链，作者是谁？"),
        ("云梯链你知道吗？", "云梯链，作者是谁？"),
        ("你觉得云梯链怎么样？", "云梯链，作者是谁？"),
    ],
)
def test_what_somebody_knows_is_the_topic(before: str, made: str) -> None:
    assert whole("作者是谁？", before) == made


def test_names_come_from_titles_headings_and_marks() -> None:
    heads = [
        "上海的区块链试点：以金融为圆心",
        "三、传感器",
        "Raft",
        "做法",
        "一共多少钱？",
        "2021",
        "第二章 云梯链",
    ]
    texts = ["《密码法》和《比特币：一种现金系统》说，“一单到底”不是“合并”，“垃圾进，垃圾出。”"]
    assert names_in(heads, texts, SEGMENTER) == {
        *("上海的区块链试点", "以金融为圆心", "raft", "云梯链", "密码法", "一单到底"),
    }
    assert names_in([], [], SEGMENTER) == frozenset()


def test_a_name_that_is_a_place_takes_the_place_of_a_place() -> None:
    names = {"云梯县", "云梯链"}
    history = ["云梯县是哪一年启动试点的？"]
    assert standalone("那上海呢？", history, SEGMENTER, names=names) == "上海是哪一年启动试点的？"


def test_a_chain_of_follow_ups_is_followed_to_its_end() -> None:
    chain = ["北京的行动计划是哪年公布的？", "那上海呢？", "它的期限呢？", "为什么？"]
    made = [standalone(chain[at], chain[:at], SEGMENTER) for at in range(len(chain))]
    assert made == [
        "北京的行动计划是哪年公布的？",
        "上海的行动计划是哪年公布的？",
        "上海的行动计划的期限呢？",
        "上海的行动计划的期限为什么？",
    ]


def test_only_the_last_twenty_questions_count() -> None:
    between = ["智能合约能不能改？"] * 20
    assert whole("那北京呢？", STARTED, "那深圳呢？") == "北京是哪一年启动试点的？"
    assert whole("那北京呢？", STARTED, *between) == whole("那北京呢？", *between)
    assert whole("那北京呢？", STARTED, *["好的"] * 19) == "北京是哪一年启动试点的？"


def test_thanks_between_questions_are_passed_over() -> None:
    assert whole("为什么？", STARTED, "谢谢", "好的，明白了！") == "上海启动试点为什么？"
    assert whole("谢谢", STARTED) == "谢谢"


def test_the_articles_own_names_stand_on_their_own() -> None:
    asked, history = "创世块在哪天诞生？", [STARTED]
    assert standalone(asked, history, SEGMENTER) == "上海启动试点，创世块在哪天诞生？"
    assert standalone(asked, history, SEGMENTER, names={"创世块"}) == asked


def test_the_articles_own_names_are_topics_whole() -> None:
    history = ["雄安新区的平台是哪年上线的？"]
    names = {"雄安新区", "安新"}
    assert standalone("它靠什么？", history, SEGMENTER, names=names) == "雄安新区的平台靠什么？"
    assert standalone("那苏州呢？", ["云梯链是什么?"], SEGMENTER, names={"云梯链"}) == "苏州是什么?"


def test_without_history_nothing_changes() -> None:
    assert whole("那上海呢？") == "那上海呢？"
    assert whole(" 它是什么？ ", "", " \n") == " 它是什么？ "
    assert whole("那上海呢？", "北京有多少家企业？", "  ") == "上海有多少家企业？"


def test_standalone_questions_of_the_corpus_come_back_unchanged() -> None:
    assert len(ALONE) >= 40
    for step in (1, 7, 100):
        after = zip(ALONE, [*ALONE[step:], *ALONE[:step]], strict=True)
        assert sum(whole(question, before) != question for question, before in after) / len(ALONE) < 0.03


def test_follow_ups_of_the_corpus_name_what_they_left_out() -> None:
    named = {
        "c061": "深圳链上电子发票哪年开的第一张？",
        "c172": "成都强在哪儿？",
        "c218": "山东省政府的方案是哪年的？",
        "c279": "国家区块链创新应用试点里，特色领域有几个？",
        "c319": "南京二手房过户，水电的户名还得自己跑去改吗？",
        "c326": "西安做文创的小店拿到博物馆的授权，到期了会怎样？",
        "c329": "国家区块链创新应用试点，特色领域的主体由谁来承担？",
        "t067": "中国城市发展区块链有哪些欠缺的地方？",
        "t081": "区块链城市有哪些特征？",
        "t126": "区块链应用操作员跟区块链工程技术人员怎么分工？",
        "t149": "去中心化金融有什么风险？",
    }
    rows = {row["id"]: row for row in CORPUS}
    assert {at: whole(rows[at]["question"], *rows[at]["history"]) for at in named} == named


def invented(made: str, question: str, history: list[str]) -> set[str]:
    """The characters of ``made`` that nobody typed; a comma may keep two questions apart."""
    return set(made) - set("".join([question, *history])) - {"，"}


@pytest.mark.parametrize(
    "text",
    [
        *("," * 999, " " * 998 + "呢", "那" + "," * 990 + "呢", "呢" * 1000, "的" * 1000, "什么" * 500),
        *("那" * 1000, "还有" * 500, "北京呢," + "?," * 490 + "\n", "知道" * 500, "好的" * 499 + "x"),
        *(
            "《" * 1000,
            "北京的" * 333,
            "它" * 1000,
            "是谁" * 500,
            "1年" * 500,
            "一" * 1000 + "年",
            "多少" + "万" * 998,
        ),
    ],
)
def test_a_thousand_characters_of_any_mark_are_taken(text: str) -> None:
    history = [STARTED, text, STARTED]
    for question, before in (
        (text, [STARTED]),
        (text, [text]),
        ("那上海呢？", history),
        ("为什么？", [text]),
    ):
        made = whole(question, *before)
        assert made
        assert invented(made, question, before) == set()


@given(st.sampled_from(ALONE), st.sampled_from(ALONE))
def test_what_was_made_whole_is_left_as_it_is(question: str, before: str) -> None:
    made = whole(question, before)
    assert whole(made, before) == made


@given(st.data())
def test_no_word_is_invented_for_real_follow_ups(data: st.DataObject) -> None:
    question = data.draw(st.sampled_from(FOLLOW_UPS) | st.sampled_from(ALONE))
    history = data.draw(
        st.lists(st.sampled_from(ALONE) | st.sampled_from(FOLLOW_UPS), min_size=1, max_size=4)
    )
    assert invented(whole(question, *history), question, history) == set()


@given(texts(max_pieces=12), st.lists(texts(max_pieces=12) | st.sampled_from(ALONE), max_size=3))
def test_any_text_is_taken(question: str, history: list[str]) -> None:
    made = standalone(question, history, SEGMENTER)
    assert made == standalone(question, [turn for turn in history if turn.strip()], SEGMENTER)
    assert invented(made, question, history) == set()
    assert bool(made) == bool(question)
    if not "".join(history).strip():
        assert made == question


@given(
    st.sampled_from(["那{}呢？", "它{}？", "该计划{}？", "{}呢，为什么？", "那{}？"]),
    texts(max_pieces=6),
    st.sampled_from(ALONE),
)
def test_marks_around_any_text_are_taken(mark: str, text: str, before: str) -> None:
    assert whole(mark.format(text), before) == whole(mark.format(text), before, " ")
