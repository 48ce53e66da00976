"""The web chat in a real Chromium: what is shown and done, what must not take effect, that nothing leaves."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest
from fakes import article
from live import Scripted, parts, serving
from shelf import GUANGZHOU, CountingEncoder, fill
from test_collection import PROGRAM, locked_pdf

from qa.collection import Collections, Limits
from qa.errors import InputError
from qa.index import Generation
from qa.indexing import build_index
from qa.types import Answer, Citation, CitationKind, Hit, Passage, Span

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

pytestmark = pytest.mark.browser

HOSTILE = (
    "<img src=http://evil.example/a.png onerror=window.hit=1> ![x](http://evil.example/b.png) "
    "<script>window.hit=2</script> $$x^2$$ \\(y\\) **粗** _斜_ `码` [链](http://evil.example/) "
    "{{value}} ${window.hit=3} <style>*{display:none}</style> &lt;b&gt; &amp;#91; www.evil.example "
    "a@evil.example :smile: ~~删~~ | 表 | 格 | <!-- 注 --> <b>粗</b> 😀👨\u200d👩 \u3000全角\t制表"
)
LINES = "# 题\n\n- 一\n- 二\r\n    四格\n\n***\n> 引\n\n1. 项"
NARROW, WIDE = (360, 740), (1280, 800)
LONG = "\n\n".join(f"第{n}段，这里写的是别的事情，不写试点，只是为了让文章长一些。" * 3 for n in range(40))


def cited(
    before: str, quote: str, after: str, kind: CitationKind = "answer", *, source: str = "a.md", **facts: Any
) -> Citation:
    """A citation of ``quote`` in an article that is the sentence alone."""
    text = before + quote + after
    whole = Passage(article(text, source=source, **facts), Span(0, len(text)), ("第一节",))
    return Citation(whole, Span(len(before), len(before) + len(quote)), whole.span, kind)


def cited_in(text: str, quote: str, sentence: str, **facts: Any) -> Citation:
    """A citation of ``quote`` in a ``sentence`` of a longer article."""
    begin = text.index(sentence)
    start = text.index(quote, begin)
    whole = Passage(article(text, **facts), Span(begin, begin + len(sentence)))
    return Citation(whole, Span(start, start + len(quote)), whole.span)


SENTENCE = "😀 深圳在2018年8月开出了第一张发票。"
BEFORE = f"# 深圳\n\n作者：市税务局\n来源：试点简报\n\n## 从前\n\n{LONG}\n\n## 发票\n\n前面一句。"
SHENZHEN = f"{BEFORE}{SENTENCE}后面一句。\n\n## 后来\n\n{LONG}\n"
SHANGHAI = cited("上海在", "2017年", "启动了试点。", source="shanghai.md", title="上海", date="2021-05-06")
INVOICE = cited_in(SHENZHEN, "2018年8月", SENTENCE, source="shenzhen.md", title="深圳")
EVIL = cited(f"前{HOSTILE}", HOSTILE, f"{HOSTILE}后", source="evil.md", title=HOSTILE)
BROKEN = cited(LINES, LINES, LINES, source="*a*_b_.md")
FURTHER = [
    cited(f"第{n}处写着", f"{2000 + n}年", "。", "answer" if n == 1 else "other", source=f"{n}.md")
    for n in range(1, 5)
]
HITS = tuple(
    Hit(Passage(article(text, source=source, title=f"题{source}"), Span(0, len(text))), 1.0)
    for text, source in (("甲" * 150, "n1.md"), (HOSTILE, "n2.md"), ("乙乙乙", "n3.md"), ("丙", "n4.md"))
)
EXAMPLE = "上海是哪一年启动区块链技术应用试点的?"
SCRIPT: dict[str, Answer | Exception] = {
    "上海?": Answer("", "上海?", (SHANGHAI,), 0.917),
    EXAMPLE: Answer("", EXAMPLE, (SHANGHAI,), 0.917),
    "深圳?": Answer("", "深圳?", (INVOICE,), 0.8),
    "那北京呢?": Answer("", "北京?", (cited("北京在", "2022年", "开始。", source="beijing.md"),), 0.7),
    "恶?": Answer("", "恶?", (EVIL,), 0.5),
    "行?": Answer("", "行?", (BROKEN,), 0.5),
    "多?": Answer(
        "",
        "多?",
        (
            SHANGHAI,
            cited("表：", "2017年", "。", "same", source="b.md"),
            cited("另：", "2018年", "。", "other", source="c.md"),
        ),
        0.999,
    ),
    "几处?": Answer("", "几处?", (SHANGHAI,), 0.9),
    "还有吗?": Answer("", "几处?", tuple(FURTHER), 0.9),
    "还有别的吗?": Answer("", "几处?", (), 0.9),
    "无?": Answer("", "无?", (), 0.123, HITS),
    "坏?": InputError("what is wrong <b>here</b>"),
    "错?": RuntimeError("secret"),
    "What is it in English?": Answer("", "What is it in English?", (), 0.01),
}


# ---- serving


@dataclass(frozen=True)
class Offered:
    """A question that is offered, as ``qa.suggestions`` gives it."""

    question: str


class FixedPool:
    """Offers what was not shown yet."""

    def start(self) -> None:
        """There is nothing to fill."""

    def stop(self) -> None:
        """There is nothing to end."""

    def take(self, n: int = 3, *, near: str | None = None, shown: Sequence[str] = ()) -> Sequence[Any]:
        every = ["多?", EXAMPLE, "深圳?", "无?", "上海?", HOSTILE]
        return [Offered(question) for question in every if question not in shown][:n]


@pytest.fixture(scope="module")
def generation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Generation]:
    """The articles of the script in an index, so that they can be shown."""
    folder = tmp_path_factory.mktemp("page")
    answers = [answer for answer in SCRIPT.values() if isinstance(answer, Answer)]
    found = [c.article for a in answers for c in a.citations] + [h.passage.article for h in HITS]
    (folder / "articles").mkdir()
    for each in found:
        (folder / "articles" / each.source).write_bytes(each.text.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qa.encoder.load", lambda name=None, **_: CountingEncoder())
        build_index(folder / "articles", folder / "index")
    opened = Generation.open(folder / "index")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def script(generation: Generation) -> Scripted:
    return Scripted(SCRIPT, generation)


@pytest.fixture(scope="module")
def feedback(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feedback")


@pytest.fixture(scope="module")
def address(script: Scripted, feedback: Path) -> Iterator[str]:
    with serving(parts(script, feedback=feedback, suggest=lambda _: FixedPool())) as served:
        yield served


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One for all tests, so that Gradio's files are fetched once; each test leaves nothing in it."""
    made = browser.new_context(locale="zh-CN", permissions=["clipboard-read", "clipboard-write"])
    made.set_default_timeout(30_000)
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
    page.evaluate("localStorage.clear()")
    page.close()
    hosts = {urlsplit(url).netloc for url in asked_for if urlsplit(url).scheme not in ("data", "blob")}
    assert hosts == {urlsplit(address).netloc}
    # Gradio complains where a page is left while it listens.
    left = re.compile("AbortError|.*Connection errored out|.*network error", re.DOTALL)
    assert [words for words in complaints if not left.match(words)] == []


def ready(page: Page) -> Page:
    """Once the page has shown what the browser has kept."""
    page.locator("body.ready").wait_for()
    return page


@pytest.fixture
def page(context: BrowserContext, address: str, script: Scripted) -> Iterator[Page]:
    """The chat as a visitor finds it."""
    script.asked.clear()
    script.filters.clear()
    with opened(context, address) as found:
        yield ready(found)


@pytest.fixture
def phone(context: BrowserContext, address: str) -> Iterator[Page]:
    with opened(context, address, NARROW) as found:
        yield ready(found)


def ask(page: Page, question: str) -> Locator:
    """Ask by Enter; the answer, once it is there."""
    before = page.locator("#chat .answer.done").count()
    page.locator("#ask textarea").fill(question)
    page.locator("#ask textarea").press("Enter")
    answer = page.locator("#chat .answer.done").nth(before)
    answer.wait_for()
    return answer


def lines(answer: Locator, selector: str = "p:not(.acts)") -> list[str]:
    found: list[str] = answer.locator(selector).evaluate_all("all => all.map(each => each.textContent)")
    return found


def mark(page: Page, words: str) -> Locator:
    """The first mark in the evidence pane, once the marks together have these words."""
    marked = "[...document.querySelectorAll('#pane-text mark')].map(e => e.textContent)"
    page.wait_for_function(f"words => {marked}.join('') === words", arg=words)
    return page.locator("#pane-text mark").first


def in_view(target: Locator) -> bool:
    """Whether it lies inside the pane that scrolls it."""
    inside: bool = target.evaluate(
        "e => { const a = e.getBoundingClientRect(), b = e.closest('#pane-text').getBoundingClientRect();"
        " return a.top >= b.top && a.bottom <= Math.min(b.bottom, innerHeight) }"
    )
    return inside


def said(page: Page, words: str) -> None:
    page.locator("#said").filter(has_text=words).wait_for()


# ---- how it looks, and to whom


def complaints_of_axe(page: Page) -> list[tuple[str, str]]:
    """What axe-core finds wrong: the rule and the first element; nothing where axe-core is not installed."""
    pytest.importorskip("axe_playwright_python")
    page.evaluate((resources.files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    found = page.evaluate("axe.run().then(found => found.violations)")
    return [(each["id"], each["nodes"][0]["html"][:200]) for each in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [NARROW, WIDE], ids=["360", "1280"])
def test_the_page_fits_is_named_and_pleases_axe(page: Page, size: tuple[int, int], scheme: Any) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=scheme)
    assert page.title() == "qa · 只引用原文的中文问答"
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert page.locator("h1").inner_text() == "只引用原文的中文问答"
    assert page.get_by_role("textbox", name="问题", exact=True).count() == 1
    assert page.get_by_role("button", name="提问", exact=True).count() == 1
    assert page.locator("footer").count() == 0
    for question in ("恶?", "行?", "多?", "无?"):
        ask(page, question)
    page.locator("#chat details summary").first.click()
    page.locator("#offers button").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("#chat [role=log]").evaluate("e => e.scrollWidth <= e.clientWidth")
    assert complaints_of_axe(page) == []
    page.get_by_role("tab", name="文章").click()
    page.locator("#listing li").first.wait_for()
    assert complaints_of_axe(page) == []


def test_english_by_choice_by_address_and_by_the_browser(
    browser: Browser, context: BrowserContext, page: Page, address: str
) -> None:
    ask(page, "无?")
    page.get_by_role("button", name="English").click()
    page.get_by_role("button", name="Ask", exact=True).wait_for()
    page.locator("#chat .answer.done").wait_for()
    assert lines(page.locator("#chat .answer.done"))[:2] == [
        "The articles do not tell.",
        "The most likely place is only 12% certain, too little to answer.",
    ]
    assert page.locator("html").get_attribute("lang") == "en"
    page.get_by_role("button", name="中文").click()
    page.get_by_role("button", name="提问", exact=True).wait_for()
    with opened(context, f"{address}/?lang=en") as other:
        other.get_by_role("button", name="Ask", exact=True).wait_for()
    abroad = browser.new_context(locale="en-GB")
    with opened(abroad, address) as other:
        other.get_by_role("button", name="Ask", exact=True).wait_for()
        assert lines(ask(other, "上海?"))[-1] == "Confidence 91% · high"
    abroad.close()


def test_dark_by_choice_stays(page: Page) -> None:
    assert page.locator("body.dark").count() == 0
    page.get_by_role("button", name="深色").click()
    page.locator("body.dark").wait_for()
    page.reload()
    page.locator("body.dark").wait_for()
    page.get_by_role("button", name="浅色").click()
    page.locator("body:not(.dark)").wait_for()


# ---- answers


def test_an_answer_shows_the_quote_its_sentence_and_its_place(page: Page) -> None:
    answer = ask(page, "上海?")
    assert lines(answer) == [
        "2017年",
        "上海在2017年启动了试点。",
        "上海 · 第一节 · 2021-05-06 · shanghai.md · 第 4–8 字",
        "把握 91% · 很高",
    ]
    assert lines(answer, "mark") == ["2017年"]
    assert lines(answer, ".quote") == ["2017年"]
    assert lines(answer, ".acts button") == ["复制", "复制链接", "对", "不对", "不该回答"]
    assert page.locator("#ask textarea").input_value() == ""
    mark(page, "2017年")  # it opens by itself
    assert page.locator("#ask textarea").evaluate("e => e === document.activeElement")


def test_agreeing_sources_and_further_answers_are_folded_under_it(page: Page) -> None:
    answer = ask(page, "多?")
    assert lines(answer, "summary") == ["另有 1 处也这样说", "其他可能的回答（1）"]
    assert not answer.get_by_text("表：2017年。").is_visible()
    answer.locator("summary").nth(0).click()
    answer.locator("summary").nth(1).click()
    assert answer.get_by_text("表：2017年。").is_visible()
    assert lines(answer, "details p") == [
        "表：2017年。",
        "第一节 · b.md · 第 3–7 字",
        "另：2018年。",
        "第一节 · c.md · 第 3–7 字",
    ]


def test_a_citation_opens_the_article_with_the_words_marked(page: Page) -> None:
    answer = ask(page, "深圳?")
    answer.locator("a.cite").click()
    marked = mark(page, "2018年8月")
    page.wait_for_function("document.activeElement.tagName === 'MARK'")
    assert in_view(marked)
    assert page.locator("#pane-text").evaluate("e => e.textContent") == SHENZHEN
    assert lines(page.locator("#pane-head")) == ["作者 市税务局 · 来源 试点简报 · shenzhen.md"]
    before, after = SENTENCE.split("2018年8月")
    assert lines(page.locator("#pane-text"), ".sentence") == [before, after]
    assert lines(page.locator("#pane-text"), "[role=heading]") == ["# 深圳", "## 从前", "## 发票", "## 后来"]
    page.locator("#pane-head summary").click()
    page.get_by_role("button", name="后来").click()
    assert in_view(page.get_by_role("heading", name="后来"))  # its marks are for the eye alone
    page.keyboard.press("Escape")
    assert answer.locator("a.cite").evaluate("e => e === document.activeElement")


def test_on_a_phone_the_article_comes_as_a_sheet_and_goes_back(phone: Page) -> None:
    answer = ask(phone, "深圳?")
    phone.wait_for_timeout(300)
    assert not phone.locator("#pane").is_visible()
    for close in ("button", "back"):
        answer.locator("a.cite").click()
        phone.wait_for_function("document.activeElement.tagName === 'MARK'")  # drawn anew, and aimed at
        assert in_view(mark(phone, "2018年8月"))
        assert phone.locator("#pane").evaluate("e => e.getBoundingClientRect().width") == NARROW[0]
        if close == "button":
            phone.get_by_role("button", name="回到对话").click()
        else:
            phone.go_back()
        phone.locator("#pane").wait_for(state="hidden")
        assert answer.locator("a.cite").evaluate("e => e === document.activeElement")
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")


class LatePool(FixedPool):
    """Takes its time after a question, until it is told to go on."""

    def __init__(self) -> None:
        self.waiting, self.go_on = threading.Event(), threading.Event()

    def take(self, n: int = 3, *, near: str | None = None, shown: Sequence[str] = ()) -> Sequence[Any]:
        if shown:
            self.waiting.set()
            assert self.go_on.wait(60)
        return super().take(n, near=near, shown=shown)


def test_what_is_found_late_is_not_offered(context: BrowserContext, script: Scripted) -> None:
    pool = LatePool()
    with (
        serving(parts(script, suggest=lambda _: pool)) as address,
        opened(context, address) as page,
    ):
        ask(ready(page), "上海?")
        assert pool.waiting.wait(60)
        page.get_by_role("button", name="新对话").click()
        page.locator("#offers p").filter(has_text="例如").wait_for()
        pool.go_on.set()
        page.wait_for_timeout(1000)
        assert lines(page.locator("#offers"), "p") == ["例如"]


def test_an_abstention_is_said_plainly_and_offers_the_nearest_passages(page: Page) -> None:
    answer = ask(page, "无?")
    assert lines(answer) == [
        "文章里没有找到答案。",
        "最可能的一处，把握也只有 12%，不足以作答。",
        "最接近的段落",
        "甲" * 100 + "……",
        "题n1.md · n1.md · 第 1–150 字",
        HOSTILE[:100] + "……",
        f"题n2.md · n2.md · 第 1–{len(HOSTILE)} 字",
        "乙乙乙",
        "题n3.md · n3.md · 第 1–3 字",
    ]
    assert lines(answer, ".acts button") == ["复制", "复制链接", "对", "应该有答案"]
    answer.locator("a.cite").nth(2).click()
    page.locator("#pane-text .sentence").filter(has_text="乙乙乙").wait_for()
    assert page.locator("#pane-text mark").count() <= 1
    assert page.locator("#pane-text").evaluate("e => e.textContent") == "乙乙乙"


# ---- conversation


def test_a_follow_up_tells_what_was_searched_and_lets_it_be_edited(page: Page, script: Scripted) -> None:
    ask(page, "上海?")
    ask(page, "<b>&lt;x&gt;</b> $$ **?")
    answer = ask(page, "那北京呢?")
    assert lines(answer)[:2] == ["检索：北京? 改", "2022年"]
    assert script.asked == [("上海?", ()), ("<b>&lt;x&gt;</b> $$ **?", ("上海?",)), ("那北京呢?", ("上海?",))]
    answer.get_by_role("button", name="改").click()
    assert page.locator("#ask textarea").input_value() == "北京?"
    assert page.locator("#ask textarea").evaluate("e => e === document.activeElement")


def test_what_else_pages_on_through_further_answers(page: Page) -> None:
    ask(page, "几处?")
    first = ask(page, "还有吗?")
    assert lines(first, ".quote, .sentence mark") == ["2001年", "2001年", "2002年", "2003年", "2004年"]
    second = ask(page, "还有别的吗?")
    assert lines(second)[1:] == ["没有别的了。", "对“几处?”，文章里找得到的回答都在上面了。"]


def test_suggested_questions_ask_and_change(page: Page, script: Scripted) -> None:
    page.locator("#offers button").first.wait_for()
    assert lines(page.locator("#offers"), "button") == ["多?", EXAMPLE, "深圳?"]
    page.locator("#offers button").nth(1).click()
    page.locator("#chat .answer.done .quote").wait_for()
    page.locator("#offers button").filter(has_text="无?").wait_for()
    assert lines(page.locator("#offers"), "button") == ["多?", "深圳?", "无?"]
    assert script.asked == [(EXAMPLE, ())]


def test_stages_are_told_and_a_second_question_waits_in_its_box(page: Page, script: Scripted) -> None:
    script.open.clear()
    box = page.locator("#ask textarea")
    try:
        box.fill("上海?")
        box.press("Enter")
        page.locator("#chat .answer").filter(has_text="找到 2 段，正在阅读……").wait_for()
        box.fill("多?")
        box.press("Enter")
    finally:
        script.open.set()
    page.locator("#chat .answer.done .quote").wait_for()
    assert box.input_value() == "多?"
    page.wait_for_timeout(300)
    page.get_by_role("button", name="提问", exact=True).click()
    page.locator("#chat .answer.done summary").first.wait_for()
    assert script.asked == [("上海?", ()), ("多?", ("上海?",))]


def test_a_conversation_survives_a_reload(page: Page, script: Scripted) -> None:
    ask(page, "上海?")
    script.open.clear()
    try:
        page.locator("#ask textarea").fill("深圳?")
        page.locator("#ask textarea").press("Enter")
        page.locator("#chat .answer").filter(has_text="正在阅读").wait_for()
        page.reload()  # in the middle of an answer
        page.locator("#chat .answer.fault").wait_for()
    finally:
        script.open.set()
    assert lines(page.locator("#chat .answer").first)[:2] == ["2017年", "上海在2017年启动了试点。"]
    assert lines(page.locator("#chat"), ".asked") == ["上海?", "深圳?"]
    assert lines(page.locator("#chat .answer.fault")) == ["这个问题还没有答完，页面就关上了。"]
    page.get_by_role("button", name="再问一次").click()
    page.locator("#chat .answer.done .quote").nth(1).wait_for()
    page.get_by_role("button", name="新对话").click()
    page.locator("#chat .answer").first.wait_for(state="detached")
    ready(page).reload()
    ready(page)
    page.wait_for_timeout(300)
    assert page.locator("#chat .answer").count() == 0


def asked(page: Page, n: int) -> list[str]:
    """The questions of a conversation, once ``n`` are answered."""
    page.locator("#chat .answer.done").nth(n - 1).wait_for()
    return lines(page.locator("#chat"), ".asked")


def test_tabs_do_not_overwrite_each_other(context: BrowserContext, page: Page, address: str) -> None:
    ask(page, "上海?")
    with opened(context, address) as other:
        assert asked(ready(other), 1) == ["上海?"]  # a new tab goes on with the last conversation
        ask(other, "深圳?")
        ask(page, "多?")
        ask(other, "无?")
        for tab, questions in ((page, ["上海?", "多?"]), (other, ["上海?", "深圳?", "无?"])):
            tab.reload()
            assert asked(ready(tab), len(questions)) == questions


def test_earlier_conversations_come_back_and_can_be_deleted(page: Page) -> None:
    ask(page, "上海?")
    ask(page, "多?")
    page.get_by_role("button", name="新对话").click()
    page.locator("#earlier li").wait_for()
    assert page.locator("#pane-head, #pane-text").all_text_contents() == ["", ""]
    assert lines(page.locator("#earlier"), "li button") == ["上海?"]
    page.locator("#offers p").filter(has_text="例如").wait_for()
    page.locator("#earlier li button").click()
    assert asked(page, 2) == ["上海?", "多?"]
    ready(page).get_by_role("button", name="新对话").click()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="全部删除").click()
    page.locator("#earlier li").wait_for(state="detached")
    page.reload()
    ready(page)
    kept = "Object.keys(localStorage).filter(key => key.startsWith('qa.conversation.')).length"
    assert page.evaluate(kept) == 1  # the one that was begun, which holds nothing yet
    assert page.locator("#chat .asked").count() == 0


def test_a_conversation_is_saved_with_its_citations(page: Page) -> None:
    ask(page, "上海?")
    with page.expect_download() as saved:
        page.get_by_role("button", name="存为 Markdown").click()
    text = Path(saved.value.path()).read_text("utf-8")
    assert saved.value.suggested_filename == "qa.md"
    assert "## 1\\. 上海?" in text
    assert "**2017年**" in text
    with page.expect_download() as saved:
        page.get_by_role("button", name="存为 JSON").click()
    kept = json.loads(Path(saved.value.path()).read_text("utf-8"))
    assert kept["collection"] == "default"
    assert [answer["answer"] for answer in kept["answers"]] == ["2017年"]
    assert kept["answers"][0]["citations"] == [SHANGHAI.to_dict()]


def test_a_link_opens_a_question(context: BrowserContext, page: Page, address: str, script: Scripted) -> None:
    answer = ask(page, "上海?")
    answer.get_by_role("button", name="复制链接").click()
    said(page, "链接已复制。")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == f"{address}/?q={quote('上海?')}&collection=default"
    answer.get_by_role("button", name="复制", exact=True).click()
    said(page, "已复制。")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.split("\n")[:2] == ["2017年", "上海在2017年启动了试点。"]
    page.get_by_role("button", name="新对话").click()
    page.goto(link)
    page.locator("#chat .answer.done .quote").wait_for()
    assert script.asked == [("上海?", ()), ("上海?", ())]
    assert page.url == f"{address}/"


def test_judgements_are_kept_and_stay_pressed(page: Page, feedback: Path) -> None:
    ask(page, "上海?")
    ask(page, "无?").get_by_role("button", name="应该有答案").click()
    said(page, "已记下，谢谢。")
    page.locator("#chat .answer").first.get_by_role("button", name="不对").click()
    page.locator("#chat button[aria-pressed=true]").nth(1).wait_for()
    kept = [json.loads(line) for line in (feedback / "default.jsonl").read_text("utf-8").splitlines()]
    assert [(line["judgement"], line["response"]["question"]) for line in kept[-2:]] == [
        ("should_answer", "无?"),
        ("wrong", "上海?"),
    ]
    assert kept[-1]["response"]["citations"] == [SHANGHAI.to_dict()]
    page.reload()
    page.locator("#chat button[aria-pressed=true]").nth(1).wait_for()
    assert lines(page.locator("#chat"), "button[aria-pressed=true]") == ["不对", "应该有答案"]


def test_a_question_is_asked_of_some_articles_only(page: Page, script: Scripted) -> None:
    page.get_by_role("tab", name="文章").click()
    page.get_by_label("查找文章").fill("shanghai")
    page.locator("#listing li").nth(1).wait_for(state="detached")
    page.get_by_role("button", name="只问这篇").click()
    page.wait_for_function(
        "document.querySelector('#source textarea, #source input')?.value === 'shanghai.md'"
    )
    page.get_by_label("不早于").fill("2021-05")
    answer = ask(page, "上海?")
    assert lines(answer)[0] == "范围：shanghai.md · 不早于 2021-05"
    filters = script.filters[-1]
    assert filters is not None
    assert (filters.source, filters.after, filters.before) == ("shanghai.md", "2021-05", None)
    page.get_by_label("不早于").fill("五月")
    assert lines(ask(page, "上海?")) == ["“五月”不是日期，请写成 2021、2021-05 或 2021-05-06。"]


# ---- bad input


def test_nothing_of_an_article_takes_effect(page: Page) -> None:
    answer = ask(page, "恶?")
    assert lines(answer)[:2] == [HOSTILE, f"前{HOSTILE}{HOSTILE}{HOSTILE}后"]
    assert lines(answer, "mark") == [HOSTILE]
    assert lines(answer, "a.cite") == [f"{HOSTILE} · 第一节"]
    assert lines(answer, ".place") == [
        f"{HOSTILE} · 第一节 · evil.md · 第 {len(HOSTILE) + 2}–{2 * len(HOSTILE) + 1} 字"
    ]
    inside = answer.locator("*").evaluate_all("all => [...new Set(all.map(each => each.tagName))].sort()")
    assert inside == ["A", "BUTTON", "MARK", "P", "SPAN"]
    answer.locator("a.cite").click()
    mark(page, HOSTILE)
    assert page.locator("#pane-text").evaluate("e => e.textContent") == f"前{HOSTILE}{HOSTILE}{HOSTILE}后"
    assert page.locator("#pane-text img, #pane-text script, #pane-text style").count() == 0
    assert page.evaluate("window.hit") is None


def test_line_breaks_of_an_article_stay(page: Page) -> None:
    answer = ask(page, "行?")
    assert lines(answer)[:2] == [LINES, 3 * LINES]
    answer.locator("a.cite").click()
    mark(page, LINES)
    assert page.locator("#pane-text").evaluate("e => e.textContent") == 3 * LINES


def test_a_question_shows_as_it_was_typed(page: Page) -> None:
    ask(page, f"    {HOSTILE}")
    question = page.locator("#chat .asked")
    assert question.evaluate("e => e.textContent.trim()") == HOSTILE
    assert question.locator("*").count() == 0
    assert page.locator("#chat img").count() == 0
    assert page.evaluate("window.hit") is None


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("坏?", r"这样做不成：what is wrong <b>here</b>"),
        ("错?", r"抱歉，出错了，没有处理成。请把编号 [0-9a-f]{8} 告诉管理员，原因记在服务器的日志里。"),
        ("问" * 20_000, r"问题有 20,000 个字，最多 1,000 个；请缩短后再问。"),
        ("?!……", r"这里没有可以检索的字，请用一句话来问。"),
    ],
    ids=["bad", "fault", "20,000 characters", "no words"],
)
def test_what_goes_wrong_is_one_sentence(page: Page, question: str, told: str) -> None:
    (line,) = lines(ask(page, question))
    assert re.fullmatch(told, line)
    assert lines(ask(page, "上海?"))[0] == "2017年"


def test_a_nul_and_another_language_are_questions(page: Page, script: Scripted) -> None:
    assert lines(ask(page, "What is it in English?"))[0] == "文章里没有找到答案。"
    page.evaluate(
        "() => { const box = document.querySelector('#ask textarea'); box.value = '上\\u0000海?';"
        " box.dispatchEvent(new Event('input', {bubbles: true})) }"
    )
    before = page.locator("#chat .answer.done").count()
    page.locator("#ask textarea").press("Enter")
    page.locator("#chat .answer.done").nth(before).wait_for()
    assert script.asked[-1][0] == "上 海?"


@pytest.mark.parametrize("typed", ["", "   ", "\u3000"])
def test_an_empty_question_does_nothing(page: Page, script: Scripted, typed: str) -> None:
    page.locator("#ask textarea").fill(typed)
    page.locator("#ask textarea").press("Enter")
    page.get_by_role("button", name="提问", exact=True).click()
    page.wait_for_timeout(300)
    ask(page, "上海?")
    assert page.locator("#chat .asked").count() == 1
    assert script.asked == [("上海?", ())]


# The stream that is opened for what holds `closing` is over at once and brings nothing, as one that closes at
# that moment.
CLOSING = """
  window.closing = "";
  let sent = false;
  const real = window.fetch;
  window.fetch = (what, ...rest) => {
    const path = String(what.url ?? what);
    if (path.includes("queue/join") && window.closing) sent ||= rest[0].body.includes(window.closing);
    if (!sent || !path.includes("queue/data")) return real(what, ...rest);
    sent = false;
    window.closing = "";
    const headers = {"content-type": "text/event-stream"};
    return Promise.resolve(new Response('data: {"msg": "close_stream"}\\n\\n', {headers}));
  };
"""


def closing(page: Page, what: str, shown: str) -> None:
    page.add_init_script(CLOSING)
    page.reload()
    ready(page).locator(shown).first.wait_for()
    page.wait_for_load_state("networkidle")  # no stream is open any more
    page.evaluate("what => { window.closing = what }", what)


def test_a_question_that_is_sent_while_the_stream_closes_is_answered(page: Page, script: Scripted) -> None:
    closing(page, "上海?", "#offers button")
    assert lines(ask(page, "上海?"))[0] == "2017年"
    assert page.evaluate("window.closing") == ""
    assert page.locator("#chat .asked").count() == 1
    assert script.asked == [("上海?", ())]


def test_enter_that_confirms_a_candidate_does_not_send(page: Page, script: Scripted) -> None:
    session = page.context.new_cdp_session(page)
    page.locator("#ask textarea").focus()
    session.send("Input.imeSetComposition", {"text": "shanghai", "selectionStart": 8, "selectionEnd": 8})
    composing = {"key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229}
    session.send("Input.dispatchKeyEvent", {"type": "keyDown", **composing})
    session.send("Input.insertText", {"text": "上海?"})
    session.send("Input.dispatchKeyEvent", {"type": "keyUp", **composing})
    page.wait_for_timeout(300)
    assert page.locator("#ask textarea").input_value() == "上海?"
    assert script.asked == []
    page.keyboard.press("Enter")
    page.locator("#chat .answer.done .quote").wait_for()


# ---- by keyboard alone


def test_everything_is_reached_by_keyboard(page: Page) -> None:
    page.locator("#ask textarea").focus()
    page.keyboard.type("深圳?")
    page.keyboard.press("Enter")
    page.locator("#chat .answer.done .quote").wait_for()
    page.locator("#offers button").filter(has_text="无?").wait_for()
    reached = []
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        reached.append(page.evaluate("document.activeElement.className + ' ' + document.activeElement.name"))
        if "cite" in reached[-1]:
            break
    else:
        pytest.fail(f"the citation is not reached: {reached}")
    assert [name.split()[-1] for name in reached if name.startswith("act ")] == [
        *("offer", "offer", "offer", "judge", "judge", "judge", "share", "copy"),
    ]
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.tagName === 'MARK'")
    page.keyboard.press("Escape")
    page.wait_for_function("document.activeElement.classList.contains('cite')")
    outlined = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outlined == "solid"


# ---- collections


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Collections:
    """Real collections, with the models that ship."""
    folder = tmp_path_factory.mktemp("shelf")
    build_index(fill(folder / "articles"), folder / "index")
    return Collections.open(folder / "index", folder / "home", limits=Limits(file_bytes=1_000_000))


@pytest.fixture(scope="module")
def real(shelf: Collections) -> Iterator[str]:
    with serving(shelf) as served:
        yield served


def test_articles_are_uploaded_asked_refused_and_deleted(
    context: BrowserContext, real: str, tmp_path: Path, shelf: Collections
) -> None:
    evil = '<img src=x onerror="window.hit=1">.txt'
    files = {
        "guangzhou.txt": GUANGZHOU.encode("gb18030"),
        "again.txt": GUANGZHOU.encode("gb18030"),
        "program.txt": PROGRAM,
        evil: "哈尔滨在2016年办了冰雪节。\n".encode(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with opened(context, real) as page:
        ready(page)
        page.get_by_role("tab", name="文章").click()
        page.get_by_role("button", name="上传文章").click()
        page.get_by_label("传到新合集").fill("我的文章")
        page.locator("#files input[type=file]").set_input_files([tmp_path / name for name in files])
        states = [row[:2] for row in results(page)]
        assert states[:3] == [["guangzhou.txt", "已加入"], ["again.txt", "已有"], ["program.txt", "未收"]]
        assert states[3][1] == "已加入"
        page.locator("#about").filter(has_text="2 篇文章").wait_for()
        assert page.get_by_label("合集", exact=True).input_value() == "我的文章"
        assert page.evaluate("window.hit") is None
        page.get_by_role("tab", name="问答").click()
        answer = ask(page, "广州从哪一年开始试点?")
        assert lines(answer, ".quote") == ["2019年"]
        answer.locator("a.cite").click()
        mark(page, "2019年")
        assert page.locator("#pane-text").evaluate("e => e.textContent") == GUANGZHOU
        page.get_by_role("tab", name="文章").click()
        page.once("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="删除", exact=True).first.click()
        page.locator("#about").filter(has_text="1 篇文章").wait_for()
        page.get_by_role("button", name="管理合集").click()
        page.get_by_role("button", name="重建索引").click()
        page.locator("#managed").filter(has_text="索引已重建").wait_for()
        page.get_by_role("button", name="删除合集").click()
        page.locator("#managed").filter(has_text="请照样输入它的名称").wait_for()
        page.get_by_label("照样输入合集名称").fill("我的文章")
        page.get_by_role("button", name="删除合集").click()
        page.locator("#managed").filter(has_text="已删除").wait_for()
        assert page.get_by_label("合集", exact=True).input_value() == "自带的文章"
    assert [each.name for each in shelf.listed()] == ["default"]


def arrive(page: Page, files: dict[str, bytes], into: str) -> None:
    """Choose ``files`` for a collection. A name may be one that no disk has."""
    page.get_by_role("tab", name="文章").click()
    if not page.locator("#files").is_visible():
        page.get_by_role("button", name="上传文章").click()
    page.get_by_label("传到新合集").fill(into)
    page.locator("#results").evaluate("e => { e.querySelector('.prose').textContent = '' }")
    page.locator("#files input[type=file]").evaluate(
        """(input, files) => {
            const chosen = new DataTransfer();
            for (const [name, bytes] of files)
                chosen.items.add(new File([Uint8Array.from(bytes, (byte) => byte.charCodeAt(0))], name));
            input.files = chosen.files;
            input.dispatchEvent(new Event("change", { bubbles: true }));
        }""",
        [[name, content.decode("latin-1")] for name, content in files.items()],
    )


def results(page: Page) -> list[list[str]]:
    """What became of each file."""
    page.locator("#results tbody tr").first.wait_for()
    found: list[list[str]] = page.locator("#results tbody tr").evaluate_all(
        "all => all.map(e => [...e.cells].map(c => c.textContent))"
    )
    return found


def test_what_is_uploaded_while_the_stream_closes_is_told(
    context: BrowserContext, real: str, shelf: Collections
) -> None:
    with opened(context, real) as page:
        closing(page, "关流时", "#ask textarea")
        arrive(page, {"哈尔滨.txt": "哈尔滨在2016年办了冰雪节。\n".encode()}, "关流时")
        assert results(page) == [["哈尔滨.txt", "已加入", ""]]
        assert page.evaluate("window.closing") == ""
    shelf.delete("关流时", repeated="关流时")


def test_each_bad_file_is_refused_in_a_sentence_and_the_good_ones_come_in(
    context: BrowserContext, real: str, shelf: Collections
) -> None:
    files = {
        "大.txt": "很长的文章。\n".encode() * 53_000,  # 1,007,000 bytes
        "锁.pdf": locked_pdf(),
        "程序.txt": PROGRAM,
        "../../外面.txt": "外面在2016年修了一条路。\n".encode(),
        "空.txt": b"",
    }
    with opened(context, real) as page:
        arrive(ready(page), files, "坏文件")
        assert results(page) == [
            ["锁.pdf", "未收", "无法读取：有密码，请去掉密码后再上传；needs a password; save it without one"],
            ["程序.txt", "未收", "无法读取：内容不是文章，像是程序、图片或别的格式；not text: NUL at byte 7"],
            ["外面.txt", "已加入", ""],
            ["空.txt", "未收", "无法读取：里面没有文字；empty file"],
        ]
        told = "“大.txt”太大，没有上传；每个文件最多 1 MB。"
        assert page.locator("#unsent").inner_text().strip() == told
        arrive(page, {"又来.txt": files["../../外面.txt"]}, "")
        assert results(page) == [["又来.txt", "已有", "与已有的 外面.txt 内容相同；is the same as 外面.txt"]]
        assert page.locator("#unsent").inner_text().strip() == ""
    root = shelf.get("坏文件").root
    assert root is not None
    assert [file.name for file in root.iterdir()] == ["外面.txt"]
    shelf.delete("坏文件", repeated="坏文件")


def test_two_who_upload_into_one_collection_at_once_both_come_in(
    context: BrowserContext, real: str, shelf: Collections
) -> None:
    with opened(context, real) as page, opened(context, real) as other:
        ready(page), ready(other)
        arrive(page, {"甲.txt": "甲城在2011年通了地铁。\n".encode()}, "同时")
        arrive(other, {"乙.txt": "乙城在2012年通了地铁。\n".encode()}, "同时")
        assert results(page) == [["甲.txt", "已加入", ""]]
        assert results(other) == [["乙.txt", "已加入", ""]]
    assert shelf.get("同时").articles == 2
    shelf.delete("同时", repeated="同时")


# ---- the rest of the server, seen from a page


def test_the_documentation_page_works(context: BrowserContext, address: str) -> None:
    with opened(context, f"{address}/docs") as page:
        page.locator(".opblock-summary-path").nth(4).wait_for()
        paths = page.locator(".opblock-summary-path").evaluate_all("all => all.map(e => e.dataset.path)")
        assert paths == ["/api/ask", "/api/search", "/api/article", "/api/collections", "/api/health"]


def test_the_page_may_ask_the_api(page: Page) -> None:
    status = page.evaluate(
        "fetch('/api/ask', {method: 'POST', body: '{\"question\": \"上海?\"}'}).then(r => r.status)"
    )
    assert status == 200
