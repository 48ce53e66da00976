"""A conversation as Markdown and JSON, in which words stay words, and links that open a question."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

import pytest
from handmade import NAME, OTHER, YEAR, article, cite
from hypothesis import given
from hypothesis import strategies as st

from qa.errors import InputError
from qa.transcript import Shared, as_json, as_markdown, link, shared, words
from qa.types import Answer, Citation, Hit, Passage, Span

ANSWER = Answer(
    "那上海呢?",
    "上海哪一年启动试点?",
    (cite(YEAR, "2017年"), cite(OTHER, "2019年")),
    0.917,
    (Hit(YEAR, 1.0),),
).to_dict()
REFUSAL = Answer("火星有平台吗?", "火星有平台吗?", (), 0.1, (Hit(NAME, 0.5),)).to_dict()


def test_a_conversation_as_markdown() -> None:
    assert (
        as_markdown([ANSWER, REFUSAL, {"question": "还有吗?"}], collection="我的_文章")
        == r"""# 问答记录

合集：我的\_文章

## 1\. 那上海呢?

检索：上海哪一年启动试点?

> 回答：**2017年**
>
> 2017年,上海启动试点。
>
> —— cities/shanghai.md · 第 1–5 字

> 其他可能的回答：**2019年**
>
> 2019年,北京启动试点。
>
> —— cities/beijing.md · 第 1–5 字

把握：91%

## 2\. 火星有平台吗?

文章里没有找到答案。

> 相近的段落：平台名叫沪链。
>
> —— cities/shanghai.md · 第 14–20 字

## 3\. 还有吗?

（没有得到回答）
"""
    )


def test_a_citation_tells_all_that_is_known_of_its_place() -> None:
    source = article(
        "a/年报.pdf", "2017年启动。", date="2021-05-06", element="附件 1", author="张三", origin="人民网"
    )
    passage = Passage(source, Span(0, 8), ("第一章", "起步"), 3)
    said = Answer("何时?", "何时?", (Citation(passage, Span(0, 8), Span(0, 8)),), 1.0).to_dict()
    known = "a/年报.pdf · 第一章 › 起步 · 作者 张三 · 来源 人民网 · 2021-05-06 · 第 3 页 · 附件 1 · 第 1–8 字"
    assert as_markdown([said]).splitlines()[4:8] == ["> 回答：**2017年启动。**", ">", f"> —— {known}", ""]


def test_an_empty_conversation() -> None:
    assert as_markdown([]) == "# 问答记录\n"
    assert as_json([]) == '{\n "collection": null,\n "answers": []\n}\n'


def test_a_conversation_as_json_is_whole() -> None:
    text = as_json([ANSWER, REFUSAL], collection="城市")
    assert json.loads(text) == {"collection": "城市", "answers": json.loads(json.dumps([ANSWER, REFUSAL]))}
    assert "火星有平台吗?" in text


def test_what_has_no_json_is_told() -> None:
    for value in (float("nan"), {1}):
        with pytest.raises(InputError, match="cannot be written as JSON"):
            as_json([{"question": value}])
    for export in (as_json, as_markdown):
        with pytest.raises(InputError, match="a conversation is a list of answers"):
            export(["问"])  # type: ignore[list-item]


def test_a_lone_surrogate_survives() -> None:
    assert json.loads(as_json([{"question": "a\ud800"}]).encode())["answers"] == [{"question": "a\ud800"}]
    assert as_markdown([{"question": "a\ud800b"}]).splitlines()[2] == r"## 1\. ab"


# ---- nothing gets out of its words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2017年，3.5%，12:30，2021-05-06", "2017年，3.5%，12:30，2021-05-06"),
        ("# 题", r"\# 题"),
        ("- a", r"\- a"),
        ("+ a", r"\+ a"),
        ("12. a", r"12\. a"),
        ("1) a", r"1\) a"),
        ("---", r"\---"),
        ("===", r"\==="),
        ("> a", r"\> a"),
        ("![图](http://x.org/a.png)", r"!\[图\](http\://x.org/a.png)"),
        ("<script>alert(1)</script>", r"\<script\>alert(1)\</script\>"),
        ("&lt;b&gt;", r"\&lt;b\&gt;"),
        ("www.x.org", r"www\.x.org"),
        ("*a* _b_ `c` ~~d~~ $e$ |f|", r"\*a\* \_b\_ \`c\` \~\~d\~\~ \$e\$ \|f\|"),
        ("\\", "\\\\"),
        ("    a\r\n\r\n# b\u2028c", r"a \# b c"),
        ("a\0\u202eb\u200b", "ab"),
    ],
)
def test_marks_are_escaped(text: str, shown: str) -> None:
    assert words(text) == shown


PIECES = (
    *"\\`*_{}[]()<>#+-.!|~&:@^$=\"'\n\r\t 1a甲",
    *(
        "    ",
        "\n\n",
        "---",
        "***",
        "```",
        "~~~",
        "===",
        "[a]: b",
        "![a](b)",
        "<b>",
        "<!--",
        "]]>",
        "&amp;",
        "1. ",
    ),
    *(
        "http://a.b",
        "www.a.b",
        "<http://a.b>",
        "[a](javascript:b)",
        "| a | b |\n|---|---|",
        "\u2028",
        "\u202e",
        "\0",
    ),
    *(":smile:", "  \n", "\\\n", "<img src=x onerror=y>", "# ", "> ", "- "),
)
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=2), max_size=10).map("".join)


def visible(text: str) -> str:
    """The words of ``text`` as a page shows them: on one line, with nothing in it that cannot be seen."""
    seen = "".join(c for c in re.sub(r"\s", " ", text) if unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    return " ".join(re.sub(r"\s+", " ", seen).split())


def rendered(markdown: str) -> list[Any]:
    """The tokens of CommonMark with tables and strikethrough, inline ones among them."""
    markdown_it = pytest.importorskip("markdown_it")
    parser = markdown_it.MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = []
    for token in parser.parse(markdown):
        tokens += [token, *(token.children or ())]
    return tokens


@given(texts, st.sampled_from(["", "> ", "## 1\\. ", "> 回答：", "- "]))
def test_words_stay_words_wherever_they_are_put(text: str, before: str) -> None:
    bare, put = rendered(before + "x"), rendered(before + words("x" + text))
    assert [token.type for token in put if token.type != "text"] == [
        token.type for token in bare if token.type != "text"
    ]
    alone = rendered(words(text))
    assert {token.type for token in alone} <= {"paragraph_open", "inline", "text", "paragraph_close"}
    assert visible("".join(token.content for token in alone if token.type == "text")) == visible(text)


@given(texts, texts, texts, texts)
def test_no_answer_can_change_the_form_of_a_transcript(
    question: str, quote: str, source: str, heading: str
) -> None:
    citation = {"quote": f"x{quote}", "source": f"x{source}", "heading": [f"x{heading}"], "kind": "answer"}
    answer = {"question": f"x{question}", "searched": f"x{question}", "citations": [citation]}
    plain = {
        "question": "x",
        "searched": "x",
        "citations": [{"quote": "x", "source": "y", "heading": ["z"], "kind": "answer"}],
    }
    marks = [token.type for token in rendered(as_markdown([answer])) if token.type != "text"]
    expected = [token.type for token in rendered(as_markdown([plain])) if token.type != "text"]
    assert [kind for kind in marks if "strong" not in kind] == [k for k in expected if "strong" not in k]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NAMES = (
    "question",
    "searched",
    "citations",
    "passages",
    "confidence",
    "quote",
    "sentence",
    "source",
    "heading",
)
answers = st.dictionaries(
    st.sampled_from(NAMES),
    json_values | st.lists(st.dictionaries(st.sampled_from(NAMES), json_values, max_size=4), max_size=2),
    max_size=5,
)


@given(st.lists(answers, max_size=3))
def test_whatever_comes_from_a_browser_is_written(conversation: list[dict[str, Any]]) -> None:
    kinds = {token.type for token in rendered(as_markdown(conversation))}
    assert not kinds & {
        "link_open",
        "image",
        "html_block",
        "html_inline",
        "code_block",
        "fence",
        "hr",
        "code_inline",
    }


# ---- links


def test_a_link_opens_its_question() -> None:
    made = link("上海哪一年启动试点? 50%&#", "我的 文章")
    assert made == (
        "?q=%E4%B8%8A%E6%B5%B7%E5%93%AA%E4%B8%80%E5%B9%B4%E5%90%AF%E5%8A%A8%E8%AF%95%E7%82%B9%3F+50%25%26%23"
        "&collection=%E6%88%91%E7%9A%84+%E6%96%87%E7%AB%A0"
    )
    assert shared(made) == shared(made[1:]) == Shared("上海哪一年启动试点? 50%&#", "我的 文章")
    assert shared(link("为什么?")) == Shared("为什么?", None)


def test_what_cannot_be_a_link_is_told() -> None:
    for question in ("", " \n", "\0", "字" * 1001):
        with pytest.raises(InputError, match="a link takes so many characters"):
            link(question)
    with pytest.raises(InputError, match="cannot hold /"):
        link("问?", "../a")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", Shared()),
        ("?", Shared()),
        ("?q=", Shared()),
        ("?q=a%00b%0Ac", Shared("ab c")),
        ("?q=%E2%80%AEa", Shared("a")),
        ("?q=%FF", Shared("\ufffd")),
        ("?q=" + "a" * 1000, Shared("a" * 1000)),
        ("?q=" + "a" * 1001, Shared()),
        ("?q=a&q=b", Shared("a")),
        ("?q=a&collection=..%2Fetc", Shared("a")),
        ("?q=a&collection=%00", Shared("a")),
        ("?collection=default", Shared("", "default")),
        ("?__theme=dark&q=a", Shared("a")),
        ("?" + "&".join(f"x{n}=1" for n in range(30)) + "&q=a", Shared()),
        ("?q=a&z=" + "b" * 20_000, Shared()),
        ("?q=<script>", Shared("<script>")),
    ],
)
def test_what_a_link_cannot_say_is_passed_over(query: str, found: Shared) -> None:
    assert shared(query) == found


def test_parameters_may_come_parsed() -> None:
    assert shared({"q": " 问\0? ", "collection": "a/b"}) == Shared("问?", None)


@given(st.text(max_size=60))
def test_every_link_opens_what_was_asked(question: str) -> None:
    if not visible(question):
        with pytest.raises(InputError):
            link(question)
        return
    made = link(question, "default")
    assert made.isascii()
    assert shared(made) == Shared(visible(question), "default")


@given(st.text(max_size=60))
def test_no_query_breaks_the_page(query: str) -> None:
    found = shared(query)
    assert "\0" not in found.question
    assert len(found.question) <= 1000
