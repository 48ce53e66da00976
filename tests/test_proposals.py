"""Questions made from sentences by rules: which come, which are dropped, where the answers are."""

from __future__ import annotations

import pytest
from fakes import article
from hypothesis import given
from strategies import articles as any_article

from qa.proposals import proposals
from qa.types import Article, Block, Span
from qa.words import Segmenter

SEGMENTER = Segmenter()


def questions(text: str, heading: tuple[str, ...] = ()) -> list[tuple[str, str | None]]:
    """Each question made from ``text`` with the words that answer it, where the rule knows them."""
    made = article(text, blocks=(Block(Span(0, len(text)), heading),))
    return [
        (each.question, None if each.answer is None else each.answer.of(text))
        for each in proposals(made, SEGMENTER)
    ]


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (
            "杭州互联网法院2017年8月18日成立，很快收到案件。",
            [("杭州互联网法院是什么时候成立的？", "2017年8月18日")],
        ),
        ("北京互联网法院于2018年9月9日挂牌。", [("北京互联网法院是什么时候挂牌的？", "2018年9月9日")]),
        (
            "央行数字货币研究所在2019年成立，工作由此开始。",
            [("央行数字货币研究所是哪一年成立的？", "2019年")],
        ),
        (
            "2021年3月，陕西启动“秦创原”创新驱动平台，总窗口设在西咸新区。",
            [("陕西是什么时候启动“秦创原”创新驱动平台的？", "2021年3月")],
        ),
        (
            "2018年8月10日，全国首张区块链电子发票在深圳开出，金额不大。",
            [
                ("全国首张区块链电子发票是什么时候在深圳开出的？", "2018年8月10日"),
                ("全国首张区块链电子发票是在哪里开出的？", "在深圳"),
            ],
        ),
        (
            "2020年5月，省里公布《海南省加快区块链产业发展若干政策措施》，内容不少。",
            [("《海南省加快区块链产业发展若干政策措施》是什么时候公布的？", "2020年5月")],
        ),
        (
            "《个人信息保护法》自2021年11月1日起施行，要求很严。",
            [("《个人信息保护法》从什么时候开始施行？", "2021年11月1日")],
        ),
        (
            "《上海市促进区块链技术和产业发展的实施意见》由上海市人民政府印发。",
            [("《上海市促进区块链技术和产业发展的实施意见》是由谁印发的？", "上海市人民政府")],
        ),
        ("数字人民币由中国人民银行发行，是法定货币。", [("数字人民币是由谁发行的？", "中国人民银行")]),
        ("智能合约是存放在区块链上、条件满足时自动执行的程序。", [("什么是智能合约？", None)]),
        ("解决难题的规则，就叫共识机制。", [("什么是共识机制？", None)]),
        ("哈希函数有三个特点：快、稳、难倒推。", [("哈希函数有哪三个特点？", None)]),
        (
            "专项资金的好处是专款专用，评审和考核都有固定规则。",
            [("专项资金的好处是什么？", "专款专用，评审和考核都有固定规则")],
        ),
        (
            "杭州互联网法院是全国第一家专管网络案件的法院，名气很大。",
            [("全国第一家专管网络案件的法院是哪一家？", "杭州互联网法院")],
        ),
        (
            "研发的重心放在中关村科学城，原因是顶尖高校大半集中在那一带。",
            [("为什么研发的重心放在中关村科学城？", "顶尖高校大半集中在那一带")],
        ),
        ("特色领域试点有164个，分布很广。", [("特色领域试点有多少个？", "164")]),
        ("工作量证明，英文缩写是PoW，由比特币采用。", [("工作量证明的英文缩写是什么？", "PoW")]),
    ],
)
def test_each_rule_makes_its_question(text: str, made: list[tuple[str, str | None]]) -> None:
    assert questions(text) == made


@pytest.mark.parametrize(
    "text",
    [
        "它由奥加罗和奥斯特豪特在2014年发表。",
        "2017年，这座城市的区块链技术应用试点正式启动。",
        "该平台2019年12月上线。",
        "第三批在2022年4月公布。",
        "2018年6月，杭州互联网法院审结了一起作品侵权案。",
        "市里2020年5月公布名单。",
        "登记机构看到完税记录，即刻办理转移登记手续。",
        "区块链说到底是一种记账的技术，账本分散在许多地方。",
        "系统2020年上线。",
        "| 深圳 | 2018年成立 |",
        "两者常被混为一谈，区别其实不难记。",
        "",
    ],
)
def test_what_is_doubtful_is_dropped(text: str) -> None:
    assert questions(text) == []


def test_a_sentence_gives_the_same_question_in_either_script_and_with_either_marks() -> None:
    plain = [("数字人民币是由谁发行的？", "中国人民银行")]
    assert questions("数字人民币由中国人民银行发行,是法定货币.") == plain
    assert questions("數字人民幣由中國人民銀行發行，是法定貨幣。") == [
        ("数字人民币是由谁发行的？", "中國人民銀行")
    ]


def test_list_marks_and_latin_words_leave_no_trace() -> None:
    assert questions("- PBFT 于1999年由卡斯特罗提出，适合联盟链。") == [
        ("PBFT是哪一年提出的？", "1999年"),
        ("PBFT是由谁提出的？", "卡斯特罗"),
    ]


def test_a_heading_that_asks_is_answered_below_it() -> None:
    text = "评价试点时，不妨看五个方面。"
    assert questions(text, ("正文", "怎样判断一个试点做得好不好")) == [("怎样判断一个试点做得好不好？", None)]
    for heading in ("第一张是什么时候开出的", "它与普通发票有何不同", "会不会有假票", "定义", "法律依据"):
        assert questions(text, (heading,)) == []


def test_a_heading_that_is_explained_at_once_is_asked_for() -> None:
    assert questions("权益证明用押金代替算力。", ("权益证明",)) == []
    assert questions("权益证明，用押金代替算力。", ("权益证明",)) == [("什么是权益证明？", None)]


def test_a_question_of_the_article_is_answered_by_what_follows() -> None:
    text = "电子发票和普通发票有什么不同？电子发票可以随时查验。"
    (made,) = proposals(article(text), SEGMENTER)
    assert (made.question, made.form, made.home.of(text)) == (
        "电子发票和普通发票有什么不同？",
        "asked",
        "电子发票可以随时查验。",
    )


def test_a_question_comes_once() -> None:
    assert len(questions("北京互联网法院于2018年9月9日挂牌。北京互联网法院于2018年9月9日挂牌。")) == 1


@given(any_article())
def test_whatever_the_article_the_questions_are_tidy_and_have_a_place(made: Article) -> None:
    found = list(proposals(made, SEGMENTER))
    assert len({each.question for each in found}) == len(found)
    for each in found:
        assert each.question.endswith("？")
        assert each.question.isprintable()
        assert 6 <= len(each.question) <= 42
        assert each.home.end <= len(made.text)
        assert each.answer is None or each.home.covers(each.answer)
