"""What the page is made of, without a browser: HTML of answers, what a browser kept, words, offers, desks."""

from __future__ import annotations

import asyncio
import html
import json
import re
import string
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from live import OneCollection, Scripted, parts
from strategies import texts
from test_page import EVIL, FURTHER, HITS, HOSTILE, SCRIPT, SHANGHAI, FixedPool, cited

from qa.collection import FileResult
from qa.desk import BusyError, Desk, Job
from qa.errors import InputError, ModelError
from qa.page import faults, wording
from qa.page.answer import answer_html, citation_href, confidence_word, place
from qa.page.asking import Asking, Step
from qa.page.exchanges import Exchange, begun, kept, messages, restored
from qa.page.markup import escaped
from qa.page.offers import Offers
from qa.page.shelf import Shelf
from qa.page.wording import language_of, say
from qa.types import Answer

TAGS = {"div", "p", "span", "mark", "a", "button", "details", "summary", "ul", "li"}
NO_FILTERS = {"source": "", "after": "", "before": ""}


def shown(answer: Answer, **options: Any) -> str:
    given = {"collection": "default", "filters": {}, **options}
    return answer_html("t00000000", answer.to_dict(), "zh", **given)


SHOWN: dict[str, Any] = {"collection": "default", "filters": {}}


def answered_by(citation: Mapping[str, Any]) -> dict[str, Any]:
    """The answer that one citation makes."""
    return {**Answer("问", "问", (SHANGHAI,), 0.7).to_dict(), "citations": [citation]}


# ---- markup


@given(texts() | st.text())
def test_escaped_text_has_no_mark_of_html_or_markdown(text: str) -> None:
    unshown = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]")
    assert html.unescape(escaped(text)) == unshown.sub("\ufffd", text)
    assert set(escaped(text)) & set("<>\"'`*_[](){}$!~|=\\/:.@ \t\r\n\x00") == set()


@pytest.mark.parametrize(
    ("confidence", "word"),
    [
        *((1.0, "sure"), (0.8, "sure"), (0.799, "fairly")),
        *((0.6, "fairly"), (0.599, "hardly"), (0.0, "hardly")),
    ],
)
def test_confidence_in_words(confidence: float, word: str) -> None:
    assert confidence_word(confidence) == word


def test_a_quote_that_is_the_whole_sentence_is_said_once() -> None:
    made = shown(Answer("问", "问", (cited("\n", "整句都是回答", "。\n"),), 0.7))
    assert re.findall(r"<mark>(.*?)</mark>", made) == ["整句都是回答"]
    assert re.sub(r'href="[^"]*"', "", made).count("整句都是回答") == 1


@pytest.mark.parametrize(
    "answer", [Answer("恶", "恶", (EVIL, *FURTHER), 0.5), Answer(HOSTILE, "恶", (), 0.1, HITS)]
)
def test_no_tag_of_an_answer_comes_from_its_data(answer: Answer) -> None:
    tags = set(re.findall(r"<(/?\w+)", shown(answer, filters={"source": HOSTILE})))
    assert {tag.strip("/") for tag in tags} <= TAGS


def test_the_link_of_a_citation_tells_where_its_words_stand() -> None:
    found = cited("上海在", "2017年", "启动。", source="a b&c#.md", element=None).to_dict()
    href = citation_href(found, "我的 &合集", quote=(3, 8), sentence=(0, 12))
    assert href.startswith("#article?")
    assert set(href) <= set(string.ascii_letters + string.digits + "#?=&%+-_.~")
    assert dict(parse_qsl(urlsplit(href.replace("#", "/", 1)).query)) == {
        "collection": "我的 &合集",
        "source": "a b&c#.md",
        "start": "3",
        "end": "8",
        "sentence_start": "0",
        "sentence_end": "12",
        "quote": "2017年",
    }


def test_a_place_names_the_author_and_the_origin() -> None:
    by = {**SHANGHAI.to_dict(), "author": "张三", "origin": "人民网"}
    told = "上海 · 第一节 · 作者 张三 · 来源 人民网 · 2021-05-06 · shanghai.md · 第 4–8 字"
    assert place(by, "zh") == told
    assert place(by, "en").startswith("上海 · 第一节 · by 张三 · from 人民网 · 2021-05-06")
    made = re.sub(r"<[^>]*>", "", answer_html("t00000000", answered_by(by), "zh", **SHOWN))
    assert told in html.unescape(made)


def test_what_has_no_title_is_called_by_its_source() -> None:
    bare = {"title": "", "source": "a.md", "start": 0, "end": 2}
    assert place(bare, "zh") == "a.md · 第 1–2 字"


def test_a_place_names_page_element_and_characters_in_both_languages() -> None:
    found: Mapping[str, Any] = {
        **SHANGHAI.to_dict(),
        "page": 3,
        "element": "line 2",
        "heading": ["上海", "目标"],
        "start": 9,
        "end": 12,
    }
    assert (
        place(found, "zh") == "上海 · 上海 > 目标 · 2021-05-06 · 第 3 页 · shanghai.md (line 2) · 第 10–12 字"
    )
    assert place(found, "en").endswith("page 3 · shanghai.md (line 2) · characters 10–12")


# ---- wording


def test_both_languages_have_the_same_values_to_fill_in() -> None:
    for key, words in wording._WORDS.items():
        assert set(re.findall(r"{(\w+)}", words[0])) == set(re.findall(r"{(\w+)}", words[1])), key
        assert all(words), key


@pytest.mark.parametrize(
    ("wanted", "language"),
    [("en-GB", "en"), ("EN", "en"), ("zh-TW", "zh"), ("fr", "zh"), ("", "zh"), (None, "zh"), (3, "zh")],
)
def test_chinese_unless_english_is_asked_for(wanted: object, language: str) -> None:
    assert language_of(wanted) == language


# ---- what a browser has kept


def exchanges() -> list[Exchange]:
    answered = [
        replace(begun(question, "default", NO_FILTERS), answer=replace(answer, question=question).to_dict())
        for question, answer in SCRIPT.items()
        if isinstance(answer, Answer)
    ]
    failed = replace(begun("坏", "default", NO_FILTERS), fault="不行")
    return [*answered, failed, begun("没答完", "我的", {**NO_FILTERS, "after": "2021"})]


def test_a_conversation_comes_back_from_the_browser_as_it_was() -> None:
    made = exchanges()
    assert restored(kept(made)) == made
    assert messages(restored(kept(made)), "en") == messages(made, "en")


@pytest.mark.parametrize(
    "broken",
    [
        None,
        3,
        [],
        {},
        {"question": 3},
        {"key": '"><img src=x>'},
        {"filters": {"onload": "x"}},
        {"filters": {"after": 3}},
        {"answer": {}},
        {"answer": {"citations": [{}]}},
        {"answer": {"citations": "x", "question": "", "searched": "", "confidence": 1}},
        {"answer": {"citations": [], "passages": 3, "question": "", "searched": "", "confidence": 1}},
        {"more": "yes"},
        {"unknown": 1},
    ],
)
def test_what_cannot_be_shown_again_is_left_out(broken: object) -> None:
    (good,) = kept(exchanges()[:1])
    bad = {**good, **broken} if isinstance(broken, dict) and broken else broken
    assert restored([good, bad]) == restored([good])
    assert restored(bad) == []


def test_a_browser_is_given_the_last_forty_to_keep() -> None:
    many = [begun(str(n), "default", NO_FILTERS) for n in range(50)]
    assert [each["question"] for each in kept(many)] == [str(n) for n in range(10, 50)]


# ---- asking


def steps(script: Scripted, question: str, earlier: tuple[Exchange, ...] = (), **filters: str) -> list[Step]:
    asking = Asking(OneCollection(script).assistant, Desk(1, 4))

    async def collected() -> list[Step]:
        exchange = begun(question, "default", {**NO_FILTERS, **filters})
        return [step async for step in asking.steps(exchange, earlier, "zh")]

    return asyncio.run(collected())


def test_the_stages_of_a_question() -> None:
    found = steps(Scripted(SCRIPT), "上海?")
    assert [step.stage for step in found] == [
        *("排队中……", "正在检索 3 段文字……", "找到 2 段，正在阅读……", None)
    ]
    assert found[-1].exchange.answer == {**SCRIPT["上海?"].to_dict(), "question": "上海?"}  # type: ignore[union-attr]


def test_what_went_wrong_is_not_history() -> None:
    script = Scripted(SCRIPT)
    failed = replace(begun("坏?", "default", NO_FILTERS), fault="不行")
    good = steps(script, "上海?")[-1].exchange
    steps(script, "那北京呢?", (good, failed))
    assert script.asked[-1] == ("那北京呢?", ("上海?",))


def test_what_else_goes_on_where_the_last_answer_stopped() -> None:
    script = Scripted(SCRIPT)
    first = steps(script, "几处?")[-1].exchange
    again = steps(script, "几处?", (first,))[-1].exchange
    second = steps(script, "还有吗?", (first,))[-1].exchange
    third = steps(script, "还有别的吗?", (first, second))[-1].exchange
    assert [each.more for each in (first, again, second, third)] == [False, False, True, True]
    assert script.asked[-1] == ("还有别的吗?", ("几处?", "还有吗?"))


def test_after_a_refusal_there_is_nothing_to_go_on_with() -> None:
    script = Scripted({"无?": Answer("", "无?"), "还有吗?": Answer("", "无?")})
    first = steps(script, "无?")[-1].exchange
    assert not steps(script, "还有吗?", (first,))[-1].exchange.more


def test_other_articles_are_asked_from_the_beginning() -> None:
    script = Scripted(SCRIPT)
    first = replace(steps(script, "几处?")[-1].exchange, collection="别的")
    second = steps(script, "还有吗?", (first,))[-1].exchange
    assert not second.more
    assert second.answer == {**SCRIPT["几处?"].to_dict(), "question": "还有吗?"}  # type: ignore[union-attr]
    third = steps(script, "还有吗?", (first, second))[-1].exchange
    assert third.more
    assert script.asked[1:] == [("几处?", ()), ("还有吗?", ("几处?", "几处?"))]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InputError("日期不对"), r"这样做不成：日期不对"),
        (BusyError("x"), r"现在提问的人太多，请稍等片刻再试。"),
        (ModelError("/srv/model.onnx: is damaged"), r"抱歉，出错了.+编号 ([0-9a-f]{8}) 告诉管理员.+"),
        (RuntimeError("secret"), r"抱歉，出错了.+编号 ([0-9a-f]{8}) 告诉管理员.+"),
    ],
)
def test_faults_of_the_server_have_a_number_in_its_log(
    error: Exception, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = re.fullmatch(told, faults.told(error, "zh"))
    assert found is not None
    assert [record.getMessage()[:8] for record in caplog.records] == list(found.groups())


def test_questions_are_logged_only_where_that_was_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    script = Scripted(SCRIPT)
    for log in (False, True):
        asking = Asking(OneCollection(script).assistant, Desk(1, 4), log)

        async def run(asking: Asking = asking) -> None:
            for question in ("上海?", "错?"):
                async for _ in asking.steps(begun(question, "default", NO_FILTERS), (), "zh"):
                    pass

        asyncio.run(run())
    logged = [json.loads(record.getMessage()) for record in caplog.records if record.name == "qa.questions"]
    facts = {"question": "上海?", "searched": "上海?", "answer": "2017年", "confidence": 0.917}
    assert logged == [{"collection": "default", **facts}]
    assert [
        record for record in caplog.records if "?" in record.getMessage() and record.name != "qa.questions"
    ] == []


# ---- the desk


def test_a_full_desk_turns_away_and_takes_again() -> None:
    desk, hold = Desk(1, 1), threading.Event()
    assert not desk.busy
    first, second = desk.submit(hold.wait), desk.submit(lambda: 2)
    assert desk.busy
    with pytest.raises(BusyError):
        desk.submit(lambda: 3)
    hold.set()
    assert (first.result(10), second.result(10)) == (True, 2)
    assert desk.submit(lambda: 4).result(10) == 4


def test_a_job_that_is_given_up_before_its_turn_is_not_done() -> None:
    desk, hold, done = Desk(1, 4), threading.Event(), []

    async def given_up() -> None:
        blocking = desk.submit(hold.wait)
        told = aiter(Job(desk, lambda tell: done.append(1)))
        waiting = asyncio.ensure_future(anext(told))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        hold.set()
        await asyncio.wrap_future(blocking)

    asyncio.run(given_up())
    desk.submit(lambda: None).result(10)
    assert done == []


# ---- offers and uploads


def offered(earlier: list[Exchange], made: Callable[[Any], Any] | None) -> list[list[str]]:
    offers = Offers(OneCollection(Scripted(SCRIPT)).assistant, made)

    async def collected() -> Iterator[str]:
        return iter([html async for html in offers.html(earlier, "default", "zh")])

    return [
        [html.unescape(found) for found in re.findall(r">([^<>]+)</button>", each)]
        for each in asyncio.run(collected())
    ]


def test_offers_are_not_what_was_asked() -> None:
    asked = [replace(begun("深圳?", "default", NO_FILTERS))]
    assert offered([], lambda _: FixedPool())[-1] == ["多?", "上海是哪一年启动区块链技术应用试点的?", "深圳?"]
    assert offered(asked, lambda _: FixedPool())[-1] == [
        "多?",
        "上海是哪一年启动区块链技术应用试点的?",
        "无?",
    ]
    assert offered(asked, None) == [[]]


def test_the_results_of_an_upload_are_text() -> None:
    from qa.page.shelf import _results

    made = _results(
        [FileResult(HOSTILE, "refused", HOSTILE), FileResult("b.txt", "added", source="b.txt")], "zh"
    )
    tags = {tag.strip("/") for tag in re.findall(r"<(/?\w+)", made)}
    assert tags == {"table", "thead", "tbody", "tr", "th", "td", "p"}
    cells = [html.unescape(cell) for cell in re.findall(r"<td>(.*?)</td>", made)]
    assert cells == [HOSTILE, "未收", HOSTILE, "b.txt", "已加入", ""]


def test_an_empty_collection_says_so() -> None:
    made = parts(Scripted(SCRIPT))
    shelf = Shelf(made.collections, made.libraries)
    choice = shelf.choice("gone", "en")
    assert (choice["value"], choice["choices"]) == ("default", [("Built-in articles", "default")])
    about, listing = shelf.shown("default", "", "en")
    assert html.unescape(about) == f'<p class="note">{say("en", "is_empty")}</p>'
    assert listing == ""
    assert "没有名为“gone”的合集" in html.unescape(shelf.shown("gone", "", "zh")[0])
