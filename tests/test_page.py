"""The web chat in a real Chromium: what is shown, what must not take effect, and that nothing leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from fakes import article
from hypothesis import given
from live import Scripted, serving
from strategies import texts

from qa.chat import confidence_word, escaped, message
from qa.errors import InputError
from qa.types import Answer, Citation, CitationKind, Hit, Passage, Span

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

HOSTILE = (
    "<img src=http://evil.example/a.png onerror=window.hit=1> ![x](http://evil.example/b.png) "
    "<script>window.hit=2</script> $$x^2$$ \\(y\\) **粗** _斜_ `码` [链](http://evil.example/) "
    "{{value}} ${window.hit=3} <style>*{display:none}</style> &lt;b&gt; &amp;#91; www.evil.example "
    "a@evil.example :smile: ~~删~~ | 表 | 格 | <!-- 注 --> <b>粗</b> 😀👨\u200d👩 \u3000全角\t制表"
)
LINES = "# 题\n\n- 一\n- 二\r\n    四格\n\n***\n> 引\n\n1. 项"
NARROW, WIDE = (360, 740), (1280, 800)


def cited(before: str, quote: str, after: str, kind: CitationKind = "answer", **facts: Any) -> Citation:
    """A citation of ``quote`` in an article that is the sentence alone."""
    text = before + quote + after
    whole = Passage(article(text, **facts), Span(0, len(text)), ("第一节",))
    return Citation(whole, Span(len(before), len(before) + len(quote)), whole.span, kind)


SHANGHAI = cited("上海在", "2017年", "启动了试点。", source="shanghai.md", title="上海", date="2021-05-06")
HITS = tuple(
    Hit(Passage(article(text, source=source, title=f"题{source}"), Span(0, len(text))), 1.0)
    for text, source in (("甲" * 150, "1.md"), (HOSTILE, "2.md"), ("乙", "3.md"), ("丙", "4.md"))
)
SCRIPT: dict[str, Answer | Exception] = {
    "上海?": Answer("", "上海?", (SHANGHAI,), 0.917),
    "那北京呢?": Answer("", "北京?", (cited("北京在", "2022年", "开始。"),), 0.7),
    "恶?": Answer("", "恶?", (cited(f"前{HOSTILE}", HOSTILE, f"{HOSTILE}后", title=HOSTILE),), 0.5),
    "行?": Answer("", "行?", (cited(LINES, LINES, LINES, source="*a*_b_.md"),), 0.5),
    "多?": Answer(
        "",
        "多?",
        (
            SHANGHAI,
            cited("表：", "2017年", "。", "same", source="b.md"),
            cited("另：", "2018年", "。", "other", source="c.md", element="line 3"),
        ),
        0.999,
    ),
    "无?": Answer("", "无?", (), 0.123, HITS),
    "坏?": InputError("what is wrong <b>here</b>"),
    "错?": RuntimeError("secret"),
    "上海是哪一年启动区块链技术应用试点的?": Answer("", "", (SHANGHAI,), 0.917),
}


# ---- what needs no browser


@pytest.mark.parametrize(
    ("confidence", "word"),
    [
        *((1.0, "很有把握"), (0.85, "很有把握"), (0.849, "比较有把握")),
        *((0.65, "比较有把握"), (0.649, "把握不大"), (0.0, "把握不大")),
    ],
)
def test_confidence_in_words(confidence: float, word: str) -> None:
    assert confidence_word(confidence) == word


@given(texts())
def test_escaped_text_has_no_mark_of_html_or_markdown(text: str) -> None:
    import html

    assert html.unescape(escaped(text)) == text
    assert set(escaped(text)) & set("<>\"'`*_[](){}$!~|=\\/:.@ \t\r\n") == set()


def test_a_quote_that_is_the_whole_sentence_is_said_once() -> None:
    shown = message(Answer("问", "问", (cited("\n", "整句都是回答", "。\n"),), 0.7))
    assert shown.count("整句都是回答") == 1
    assert "<mark>整句都是回答</mark>" in shown


# ---- the browser


@pytest.fixture(scope="module")
def script() -> Scripted:
    return Scripted(SCRIPT)


@pytest.fixture(scope="module")
def address(script: Scripted) -> Iterator[str]:
    with serving(script) as served:
        yield served


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One for all tests, so that Gradio's files are fetched once; the page keeps nothing in it."""
    made = browser.new_context()
    yield made
    made.close()


@contextmanager
def opened(context: BrowserContext, address: str, size: tuple[int, int] = WIDE) -> Iterator[Page]:
    """A new page; whatever is done on it, no request may go to another host and no script may fail."""
    page = context.new_page()
    page.set_viewport_size({"width": size[0], "height": size[1]})
    asked_for: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked_for.append(request.url))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(address)
    yield page
    page.close()
    hosts = {urlsplit(url).netloc for url in asked_for if urlsplit(url).scheme not in ("data", "blob")}
    assert hosts == {urlsplit(address).netloc}
    assert complaints == []


@pytest.fixture
def page(context: BrowserContext, address: str, script: Scripted) -> Iterator[Page]:
    """The chat as a visitor finds it."""
    script.asked.clear()
    with opened(context, address) as found:
        found.locator("#ask textarea").wait_for()
        yield found
        assert found.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])") == "[{},{}]"


def ask(page: Page, question: str, *, wait: bool = True) -> Any:
    """Ask by Enter; the last message of the chat, once it is an answer."""
    before = page.locator("#chat .bot .answer").count()
    box = page.locator("#ask textarea")
    box.fill(question)
    for _ in range(200):  # an answer that is just shown may not be finished for Gradio
        box.press("Enter")
        page.wait_for_timeout(50)
        if not box.input_value():
            break
    last = page.locator("#chat .bot .answer").nth(before)
    if wait:
        page.wait_for_function(
            "n => { const e = document.querySelectorAll('#chat .bot .answer')[n];"
            " return e && !/^正在|，正在阅读/.test(e.textContent); }",
            arg=before,
        )
    return last


def lines(answer: Any, selector: str = "p") -> list[str]:
    found: list[str] = answer.locator(selector).evaluate_all("all => all.map(each => each.textContent)")
    return found


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["360", "1280"])
def test_the_page_fits_and_is_named(page: Page, size: tuple[int, int], scheme: Any) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=scheme)
    page.reload()
    page.locator("h1").wait_for()
    page.get_by_role("button", name="什么是区块链城市?", exact=True).wait_for()
    page.wait_for_function("document.documentElement.lang === 'zh-CN'")
    assert page.title() == "qa · 只引用原文的中文问答"
    assert page.locator("h1").all_inner_texts() == ["只引用原文的中文问答"]
    assert page.get_by_role("button", name="提问", exact=True).count() == 1
    assert page.get_by_role("textbox", name="问题").count() == 1
    assert page.locator("footer").count() == 0
    for question in ("恶?", "行?", "多?", "无?"):
        ask(page, question)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("#chat [role=log]").evaluate("e => e.scrollWidth <= e.clientWidth")
    names = "all => [...new Set(all.map(each => each.getAttribute('aria-label')))]"
    found = page.locator("#chat [aria-label]").evaluate_all(names)
    assert set(found) - {"到末尾"} == {"清空对话", "对话", "问题", "回答"}


@pytest.mark.browser
def test_an_answer_shows_the_quote_its_sentence_and_its_place(page: Page) -> None:
    answer = ask(page, "上海?")
    assert lines(answer) == [
        "2017年",
        "上海在2017年启动了试点。",
        "上海 · 第一节 · 2021-05-06 · shanghai.md · 第 4–8 字",
        "把握 91% · 很有把握",
    ]
    assert lines(answer, "mark") == ["2017年"]
    assert lines(answer, ".quote") == ["2017年"]
    assert page.locator("#ask textarea").input_value() == ""


@pytest.mark.browser
def test_agreeing_sources_and_further_answers_stand_under_it(page: Page) -> None:
    assert lines(ask(page, "多?"))[3:] == [
        "把握 99% · 很有把握",
        "另有出处也这样说",
        "表：2017年。",
        "第一节 · b.md · 第 3–7 字",
        "其他可能的回答",
        "另：2018年。",
        "第一节 · c.md (line 3) · 第 3–7 字",
    ]


@pytest.mark.browser
def test_an_abstention_is_said_plainly_with_the_nearest_passages(page: Page) -> None:
    assert lines(ask(page, "无?")) == [
        "文章里没有找到答案。",
        "最可能的一处也只有 12% 的把握，不足以作答。",
        "最接近的段落",
        "甲" * 100 + "……",
        "题1.md · 1.md · 第 1–150 字",
        HOSTILE[:100] + "……",
        f"题2.md · 2.md · 第 1–{len(HOSTILE)} 字",
        "乙",
        "题3.md · 3.md · 第 1–1 字",
    ]


@pytest.mark.browser
def test_a_follow_up_uses_the_earlier_questions_of_the_chat(page: Page, script: Scripted) -> None:
    ask(page, "上海?")
    ask(page, "<b>&lt;x&gt;</b> $$ **?")
    assert lines(ask(page, "那北京呢?"))[:2] == ["检索：北京?", "2022年"]
    assert script.asked == [
        ("上海?", ()),
        ("那北京呢?", ("上海?", "<b>&lt;x&gt;</b> $$ **?")),
    ]


@pytest.mark.browser
def test_nothing_of_an_article_takes_effect(page: Page) -> None:
    answer = ask(page, "恶?")
    assert lines(answer)[:2] == [HOSTILE, f"前{HOSTILE}{HOSTILE}{HOSTILE}后"]
    assert lines(answer, "mark") == [HOSTILE]
    assert lines(answer, ".place") == [
        f"{HOSTILE} · 第一节 · a.md · 第 {len(HOSTILE) + 2}–{2 * len(HOSTILE) + 1} 字"
    ]
    inside = answer.locator("*").evaluate_all("all => [...new Set(all.map(each => each.tagName))].sort()")
    assert inside == ["MARK", "P"]
    assert page.evaluate("window.hit") is None


@pytest.mark.browser
def test_line_breaks_of_an_article_stay(page: Page) -> None:
    answer = ask(page, "行?")
    assert lines(answer)[:2] == [LINES, 3 * LINES]
    assert lines(answer, ".place") == [f"第一节 · *a*_b_.md · 第 {len(LINES) + 1}–{2 * len(LINES)} 字"]
    assert answer.locator(".quote").evaluate("e => getComputedStyle(e).whiteSpace") in (
        "pre-wrap",
        "preserve",
    )


@pytest.mark.browser
def test_a_question_shows_as_it_was_typed(page: Page) -> None:
    ask(page, f"    {HOSTILE}")
    question = page.locator("#chat .user [data-testid=user]")
    assert question.evaluate("e => e.textContent.trim()") == HOSTILE
    assert question.locator("img, script, style, b, em, strong, a, code, pre").count() == 0
    assert page.evaluate("window.hit") is None


@pytest.mark.browser
@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("坏?", "⚠ 这个问题无法回答：what is wrong <b>here</b>"),
        ("错?", "⚠ 出错了，这个问题没有得到处理；原因记在服务器的日志里。"),
    ],
)
def test_an_error_is_one_line_of_the_chat(page: Page, question: str, said: str) -> None:
    assert lines(ask(page, question)) == [said]
    assert lines(ask(page, "上海?"))[0] == "2017年"


@pytest.mark.browser
@pytest.mark.parametrize("typed", ["", "   ", "\u3000"])
def test_an_empty_question_does_nothing(page: Page, script: Scripted, typed: str) -> None:
    page.locator("#ask textarea").fill(typed)
    page.locator("#ask textarea").press("Enter")
    page.get_by_role("button", name="提问", exact=True).click()
    ask(page, "上海?")
    assert page.locator("#chat .user [data-testid=user]").count() == 1
    assert script.asked == [("上海?", ())]


@pytest.mark.browser
def test_the_button_and_the_examples_ask(page: Page, script: Scripted) -> None:
    page.get_by_text("上海是哪一年启动区块链技术应用试点的?").click()
    page.locator("#chat .bot .quote").wait_for()
    page.locator("#ask textarea").fill("多?")
    page.get_by_role("button", name="提问", exact=True).click()
    page.locator("#chat .bot .under").first.wait_for()
    first = "上海是哪一年启动区块链技术应用试点的?"
    assert script.asked == [(first, ()), ("多?", (first,))]


@pytest.mark.browser
def test_a_second_question_waits_in_its_box(page: Page, script: Scripted) -> None:
    script.open.clear()
    try:
        first = ask(page, "上海?", wait=False)
        page.wait_for_function("document.querySelector('#chat').textContent.includes('正在阅读')")
        assert lines(first) == ["找到 0 段，正在阅读……"]
        page.locator("#ask textarea").fill("多?")
        page.locator("#ask textarea").press("Enter")
    finally:
        script.open.set()
    page.locator("#chat .bot .quote").wait_for()
    assert lines(first)[0] == "2017年"
    assert page.locator("#ask textarea").input_value() == "多?"
    ask(page, "多?")
    page.locator("#chat .bot .under").first.wait_for()
    assert script.asked == [("上海?", ()), ("多?", ("上海?",))]


@pytest.mark.browser
def test_the_first_words_of_a_long_answer_are_in_view(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 500})
    ask(page, "上海?")
    answer = ask(page, "无?")
    page.wait_for_timeout(300)
    top = answer.locator(".quote").evaluate("e => e.getBoundingClientRect().top")
    log = page.locator("#chat [role=log]").evaluate("e => e.getBoundingClientRect().top")
    assert 0 <= top - log < 120


@pytest.mark.browser
def test_the_page_may_ask_the_api(page: Page) -> None:
    status = page.evaluate(
        "fetch('/api/ask', {method: 'POST', body: '{\"question\": \"上海?\"}'}).then(r => r.status)"
    )
    assert status == 200


@pytest.mark.browser
def test_the_documentation_page_works(context: BrowserContext, address: str) -> None:
    with opened(context, f"{address}/docs") as page:
        page.locator(".opblock-summary-path").nth(2).wait_for()
        paths = page.locator(".opblock-summary-path").evaluate_all("all => all.map(e => e.dataset.path)")
        assert paths == ["/api/ask", "/api/search", "/api/health"]
