"""The web chat: a plain page over the same ``Assistant``, each answer with its citations under it.

Words of questions and articles reach the page through ``escaped`` only.
"""

from __future__ import annotations

import html
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from qa.errors import QaError

if TYPE_CHECKING:
    from qa.answering import Assistant
    from qa.types import Answer, Citation, CitationKind, Hit, Passage, Span

__all__ = ["HEAD", "confidence_word", "escaped", "message", "page", "theme"]

_EXAMPLES = (
    "上海是哪一年启动区块链技术应用试点的?",
    "什么是区块链城市?",
    "青岛的智慧物流项目是怎么做的?",
)
_Message = dict[str, Any]

# Gradio gives the page the browser's language, names each message by its source, markup and all, leaves
# the chat out of the keyboard's reach, and would scroll past the first words of a long answer.
HEAD = """
<style>
  .gradio-container { max-width: 56rem !important; width: 100%; margin: 0 auto !important; }
  .gradio-container .main.app { padding: 0.75rem !important; width: 100%; }
  #title h1 { margin: 0; font-size: 1.35rem; }
  #title p { margin: 0.15rem 0 0; color: var(--body-text-color-subdued); }
  #chat, #chat .bubble-wrap { border: 0; background: transparent; }
  #chat .placeholder { flex-grow: 0; height: auto; margin: auto auto 0; }
  #chat .examples { margin: 0 auto auto; }
  #chat .bot, #chat .user { border: 0; box-shadow: none; }
  #chat .bot { background: transparent; padding-left: 0; padding-right: 0; }
  #chat .user { background: var(--color-accent-soft); border-radius: 0.75rem; }
  #chat .answer { overflow-wrap: anywhere; color: var(--body-text-color); }
  #chat .answer p, #chat .answer ul { display: block; margin: 0 0 0.5rem; padding: 0; list-style: none; }
  #chat .answer li { margin: 0 0 0.75rem; padding: 0; }
  #chat .answer .words { white-space: pre-wrap; }
  #chat .answer .quote { font-size: 1.5rem; line-height: 1.4; font-weight: 600; }
  #chat .answer .long { font-size: 1.15rem; line-height: 1.6; }
  #chat .answer .sentence { padding-left: 0.75rem; border-left: 3px solid var(--border-color-primary); }
  #chat .answer .place, #chat .answer .note { font-size: 0.85rem; color: var(--body-text-color-subdued); }
  #chat .answer .under { margin-top: 1.25rem; font-weight: 600; }
  #chat mark { background: #ffe58a; color: #111; padding: 0 0.1em; border-radius: 3px; }
</style>
<script>
  const root = document.documentElement;
  const language = () => { if (root.lang !== "zh-CN") root.lang = "zh-CN"; };
  const all = (selector) => document.querySelectorAll("#chat " + selector);
  const name = (selector, words) => {
    for (const each of all(selector))
      if (each.getAttribute("aria-label") !== words) each.setAttribute("aria-label", words);
  };
  const names = () => {
    name("[data-testid=user]", "问题");
    name("[data-testid=bot]", "回答");
    name("[role=log]", "对话");
    name(".top-panel button", "清空对话");
    name(".scroll-down-button-container button", "到末尾");
    for (const each of all("[role=log]")) each.tabIndex = 0;
    for (const each of all(".example")) each.removeAttribute("aria-label");
    for (const each of all(".examples")) each.removeAttribute("role");
  };
  let seen = "";
  const follow = () => {
    const log = document.querySelector("#chat [role=log]");
    if (!log || log.textContent === seen) return;
    seen = log.textContent;
    [...log.querySelectorAll(".user-row")].at(-1)?.scrollIntoView({ block: "start" });
  };
  const mend = () => { language(); names(); follow(); };
  mend();
  new MutationObserver(mend).observe(document,
    { subtree: true, childList: true, characterData: true, attributeFilter: ["aria-label", "lang"] });
</script>
"""


def theme() -> Any:
    """Calm colours with contrast enough to read, and the fonts that the reader's machine has."""
    import gradio

    system = ["system-ui", "sans-serif"]
    plain = gradio.themes.Default(
        primary_hue="teal", neutral_hue="slate", font=system, font_mono=["monospace"]
    )
    return plain.set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
    )


def page(assistant: Assistant) -> Any:
    """The Gradio page. Imports gradio, which takes seconds."""
    import gradio

    def reply(question: str, messages: list[_Message]) -> Iterator[tuple[Any, Any]]:
        if not question.strip():
            yield gradio.skip(), gradio.skip()
            return
        asked = [*messages, {"role": "user", "content": escaped(question)}]
        history = [_text(turn["content"]) for turn in messages if turn["role"] == "user"]
        # Only the first step empties the box: what is typed while the answer is made stays there.
        cleared: Any = ""
        for shown in _stages(assistant, question, history):
            yield cleared, [*asked, {"role": "assistant", "content": shown}]
            cleared = gradio.skip()

    def reply_to_example(event: Any, messages: list[_Message]) -> Iterator[tuple[Any, Any]]:
        yield from reply(str(event.value["text"]), messages)

    # Gradio reads the annotation to hand the event over; as text it could not be resolved.
    reply_to_example.__annotations__["event"] = gradio.SelectData

    with gradio.Blocks(title="qa · 只引用原文的中文问答", analytics_enabled=False, fill_height=True) as demo:
        gradio.HTML(
            "<h1>只引用原文的中文问答</h1><p>回答都是文章里的原话，并注明出处；文章没写的，就说没有。</p>",
            elem_id="title",
        )
        chat = gradio.Chatbot(
            elem_id="chat",
            label="对话",
            show_label=False,
            scale=1,
            height="60vh",
            buttons=[],
            autoscroll=False,
            feedback_options=None,
            allow_tags=False,
            latex_delimiters=[],
            examples=[{"text": question} for question in _EXAMPLES],
            placeholder="问文章里写到的事，例如：",
        )
        with gradio.Row(equal_height=True):
            ask = gradio.Textbox(
                elem_id="ask",
                label="问题",
                show_label=False,
                placeholder="输入问题，按回车提问",
                autofocus=True,
                max_lines=6,
                scale=1,
                min_width=120,
                container=False,
            )
            send = gradio.Button("提问", elem_id="send", variant="primary", scale=0, min_width=88)
        running: dict[str, Any] = {
            "concurrency_limit": 2,
            "concurrency_id": "answer",
            "show_progress": "hidden",
            "api_visibility": "private",
        }
        gradio.on([ask.submit, send.click], reply, [ask, chat], [ask, chat], trigger_mode="once", **running)
        chat.example_select(reply_to_example, chat, [ask, chat], trigger_mode="once", **running)
    demo.queue(max_size=32, api_open=False)
    return demo


def _text(content: Any) -> str:
    """The words of a question in the chat, which Gradio hands back as a string or as a list of parts."""
    if not isinstance(content, str):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return html.unescape(content)


def _stages(assistant: Assistant, question: str, history: Sequence[str]) -> Iterator[str]:
    """What the chat shows while the answer is made, and then the answer; a fault is told in one line."""
    yield _note("正在检索文章……")
    try:
        # Searching once more inside ``ask`` costs a twentieth of the reading that the user waits for.
        found = assistant.search(question, history, k=5)
        yield _note(f"找到 {len(found)} 段，正在阅读……")
        yield message(assistant.ask(question, history))
    except QaError as error:
        yield _note(f"⚠ 这个问题无法回答：{error}")
    except Exception:
        logging.getLogger(__name__).exception("a question of the chat failed")
        yield _note("⚠ 出错了，这个问题没有得到处理；原因记在服务器的日志里。")


# -- an answer as HTML ---------------------------------------------------------------------------------


def message(answer: Answer) -> str:
    """``answer`` for the chat, as HTML on one line: the quote large, then each citation and its place."""
    parts = [] if answer.searched == answer.question else [_line("note", f"检索：{escaped(answer.searched)}")]
    parts += _abstention(answer) if answer.abstained else _citations(answer)
    return _answer(parts)


def _citations(answer: Answer) -> Iterator[str]:
    first, *further = answer.citations
    if _whole_sentence(first):
        yield _line("quote long words", _marked(first))
        yield _line("place", _place(first.passage, first.span))
    else:
        size = "quote words" if len(first.quote) <= _LARGE else "quote long words"
        yield _line(size, escaped(first.quote))
        yield _cited(first)
    yield _line("note", f"把握 {_percent(answer.confidence)} · {confidence_word(answer.confidence)}")
    for kind, citations in groupby(further, key=lambda citation: citation.kind):
        yield _line("under", _UNDER[kind])
        yield _list(map(_cited, citations))


_LARGE = 20  # characters of the longest quote in the largest letters
_UNDER: dict[CitationKind, str] = {"answer": "回答", "same": "另有出处也这样说", "other": "其他可能的回答"}


def _whole_sentence(citation: Citation) -> bool:
    """Whether the sentence has no words but the quote's, so that showing both would say it twice."""
    return not any(char.isalnum() for char in "".join(_around(citation)))


def _abstention(answer: Answer) -> Iterator[str]:
    yield _line("quote", "文章里没有找到答案。")
    yield _line("note", f"最可能的一处也只有 {_percent(answer.confidence)} 的把握，不足以作答。")
    if answer.hits:
        yield _line("under", "最接近的段落")
        yield _list(map(_nearest, answer.hits[:3]))


def _nearest(hit: Hit) -> str:
    text = hit.passage.text.strip()
    shown = escaped(text[:_SHOWN]) + ("……" if len(text) > _SHOWN else "")
    return _line("sentence words", shown) + _line("place", _place(hit.passage, hit.passage.span))


_SHOWN = 100  # characters of a passage that is near


def _cited(citation: Citation) -> str:
    """The sentence with the quote marked, and where it stands."""
    place = _place(citation.passage, citation.span)
    return _line("sentence words", _marked(citation)) + _line("place", place)


def _marked(citation: Citation) -> str:
    before, after = _around(citation)
    return f"{escaped(before)}<mark>{escaped(citation.quote)}</mark>{escaped(after)}"


def _around(citation: Citation) -> tuple[str, str]:
    """What of the sentence stands before the quote, and behind it."""
    text, span, sentence = citation.article.text, citation.span, citation.sentence_span
    return text[sentence.start : span.start], text[span.end : sentence.end]


def _place(passage: Passage, span: Span) -> str:
    article = passage.article
    page = None if passage.page is None else f"第 {passage.page} 页"
    parts = [article.title, " > ".join(passage.heading), article.date, page, article.place]
    known = dict.fromkeys(part for part in parts if part)  # a heading may repeat the title
    return escaped(" · ".join([*known, f"第 {span.start + 1}–{span.end} 字"]))


def confidence_word(confidence: float) -> str:
    """``confidence`` (0 to 1) as people say it."""
    return next(word for least, word in _WORDS if confidence >= least)


_WORDS = ((0.85, "很有把握"), (0.65, "比较有把握"), (0.0, "把握不大"))


def _percent(confidence: float) -> str:
    """Rounded down, so that nothing short of certain reads as 100%."""
    return f"{int(confidence * 100)}%"


def _answer(parts: Iterable[str]) -> str:
    return f'<div class="answer">{"".join(parts)}</div>'


def _note(text: str) -> str:
    return _answer([_line("note", escaped(text))])


def _line(classes: str, inside: str) -> str:
    return f'<p class="{classes}">{inside}</p>'


def _list(items: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


_special = re.compile(r"[\t\n\r -/:-@\[-`{-~]")


def escaped(text: str) -> str:
    """``text`` so that the chat shows it as it is: no Markdown, no HTML, no image, nothing to run.

    Every ASCII mark, space and line break becomes a character reference; ``html.unescape`` gives the
    text back. References to other characters are not used: HTML takes some of them for others.
    """
    return _special.sub(lambda match: f"&#{ord(match.group())};", text)
