"""The web chat: a plain page over the same ``Assistant``, each answer with its citations under it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from qa.errors import QaError

if TYPE_CHECKING:
    from qa.answering import Assistant
    from qa.types import Answer, Citation, Span

__all__ = ["HEAD", "page"]

HEAD = """
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'self'; img-src 'self' data: blob:; font-src 'self' data:;
  style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; connect-src 'self'">
<style>
  .main.app, .gradio-container { padding: 8px !important; max-width: 880px !important; }
  .gradio-container { margin: 0 auto !important; }
  #chat .bot mark { background: #ffe58a; color: #111; padding: 0 2px; border-radius: 3px; }
  footer { display: none !important; }
</style>
"""

_EXAMPLES = (
    "上海是哪一年启动区块链技术应用试点的?",
    "什么是区块链城市?",
    "青岛的智慧物流项目是怎么做的?",
)
_Message = dict[str, Any]


def page(assistant: Assistant) -> Any:
    """The Gradio page. Imports gradio, which takes seconds."""
    import gradio

    with gradio.Blocks(title="qa · 只引用原文的问答", analytics_enabled=False) as demo:
        gradio.HTML("<h1>只引用原文的中文问答</h1>", elem_id="title")
        chat = gradio.Chatbot(
            elem_id="chat",
            label="对话",
            height="65vh",
            buttons=["copy"],
            allow_tags=False,
            latex_delimiters=[],
            examples=[{"text": question} for question in _EXAMPLES],
            placeholder="问文章里写到的事；回答都是原文，并注明出处。",
        )
        ask = gradio.Textbox(
            elem_id="ask",
            placeholder="输入问题，按回车",
            show_label=False,
            label="问题",
            submit_btn=True,
            autofocus=True,
            max_length=1000,
        )

        def reply(question: str, messages: list[_Message]) -> Iterator[tuple[str, list[_Message]]]:
            asked = [*messages, {"role": "user", "content": question}]
            yield "", [*asked, {"role": "assistant", "content": "正在查找……"}]
            yield "", [*asked, {"role": "assistant", "content": _reply(assistant, question, messages)}]

        def example(event: gradio.SelectData) -> str:
            return str(event.value["text"])

        ask.submit(reply, [ask, chat], [ask, chat], concurrency_limit=2, concurrency_id="answer")
        chat.example_select(example, None, ask).then(
            reply, [ask, chat], [ask, chat], concurrency_limit=2, concurrency_id="answer"
        )
    return demo


def _reply(assistant: Assistant, question: str, messages: Sequence[_Message]) -> str:
    """The answer to ``question`` as Markdown; a fault is told in one line."""
    history = [_text(message["content"]) for message in messages if message["role"] == "user"]
    try:
        return markdown(assistant.ask(question, history))
    except QaError as error:
        return f"⚠ {escaped(str(error))}"


def _text(content: Any) -> str:
    """The words of a message, which Gradio hands back as a string or as a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def markdown(answer: Answer) -> str:
    """``answer`` for the chat: the quote large, then each citation's sentence and place."""
    lines = [] if answer.searched == answer.question else [f"检索：{escaped(answer.searched)}", ""]
    if answer.abstained:
        lines += [f"**文章里没有找到答案。**（把握 {answer.confidence:.0%}）", ""]
        if answer.hits:
            lines += ["最接近的段落：", ""]
        for hit in answer.hits[:3]:
            text = " ".join(hit.passage.text.split())
            lines.append(
                f"- {escaped(text[:90])}… — *{escaped(_place(hit.passage.article.source, hit.passage.span))}*"
            )
        return "\n".join(lines)
    lines += [f"### {escaped(str(answer.text))}", ""]
    for number, citation in enumerate(answer.citations, start=1):
        lines += [f"{number}. {_marked(citation)}", f"   <br>*{escaped(_about(citation))}*"]
    lines += ["", f"把握 {answer.confidence:.0%}"]
    return "\n".join(lines)


def _marked(citation: Citation) -> str:
    """The sentence with the quote marked."""
    text, span, sentence = citation.article.text, citation.span, citation.sentence_span
    before, after = text[sentence.start : span.start], text[span.end : sentence.end]
    return f"{escaped(before)}<mark>{escaped(citation.quote)}</mark>{escaped(after)}"


def _about(citation: Citation) -> str:
    article = citation.article
    parts = [
        _place(article.source, citation.span),
        article.title,
        *citation.passage.heading,
        article.date or "",
    ]
    return " · ".join(dict.fromkeys(part for part in parts if part))


def _place(source: str, span: Span) -> str:
    return f"{source} 第 {span.start}–{span.end} 字"


_special = re.compile(r"([\\`*_{}\[\]()#+\-.!|~<>&$:])")


def escaped(text: str) -> str:
    """``text`` so that the chat shows it as it is: no Markdown, no HTML, no image, on one line.

    Every mark that means something to Markdown or HTML becomes a character reference.
    """
    return _special.sub(lambda match: f"&#{ord(match.group())};", " ".join(text.split()))
