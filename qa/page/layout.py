"""The components of the page, and what happens on their events."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from qa import transcript
from qa.collection import DEFAULT
from qa.errors import InputError
from qa.page import faults
from qa.page.asking import Asking
from qa.page.exchanges import Exchange, begun, kept, messages, restored
from qa.page.offers import Offers
from qa.page.shelf import Shelf
from qa.page.shell import FILES
from qa.page.wording import LANGUAGES, Language, language_of, say, table

if TYPE_CHECKING:
    from qa.page.parts import Parts

__all__ = ["page", "theme", "translations"]

_PRIVATE: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
_LONG: dict[str, Any] = {**_PRIVATE, "concurrency_limit": None, "trigger_mode": "once"}
_QUICK: dict[str, Any] = {**_PRIVATE, "queue": False}
_NEWEST: dict[str, Any] = {**_LONG, "trigger_mode": "multiple"}


def theme() -> Any:
    """Calm colours with contrast enough to read, and the fonts that the reader's machine has."""
    import gradio

    system = [
        "system-ui",
        "-apple-system",
        "PingFang SC",
        "Microsoft YaHei",
        "Noto Sans CJK SC",
        "sans-serif",
    ]
    plain = gradio.themes.Default(
        primary_hue="teal", neutral_hue="slate", font=system, font_mono=["monospace"]
    )
    return plain.set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
        input_border_color_focus="*primary_700",
        input_border_color_focus_dark="*primary_400",
        input_shadow_focus="none",
        input_shadow_focus_dark="none",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
    )


def translations() -> Any:
    """The labels in both languages, as gradio takes them."""
    import gradio

    return gradio.I18n(**{language: table(language) for language in LANGUAGES})


def page(parts: Parts) -> Any:
    """The Gradio page. Imports gradio, which takes seconds."""
    import gradio

    title = "qa · 只引用原文的中文问答"
    with gradio.Blocks(
        title=title, analytics_enabled=False, fill_height=True, fill_width=True, delete_cache=(3600, 86400)
    ) as demo:
        _Page(gradio, demo, parts).build()
    demo.queue(max_size=None, api_open=False)
    return demo


class _Turn:
    """Questions that are being found for a visitor."""


class _Page:
    """Builds the components first and then joins them."""

    def __init__(self, gradio: Any, demo: Any, parts: Parts) -> None:
        self._gr, self._demo = gradio, demo
        self._words = translations()
        self._feedback = parts.feedback
        self._asking = Asking(parts.collections.assistant, parts.desk, parts.log)
        self._shelf = Shelf(parts.collections, parts.libraries)
        self._offers = Offers(parts.collections.assistant, parts.suggest)
        # A visitor's newest by session; what an earlier one finds late is not shown.
        self._turns: WeakValueDictionary[str, _Turn] = WeakValueDictionary()

    def build(self) -> None:
        """Everything, inside the ``Blocks`` that is open."""
        gr = self._gr
        self.language = gr.BrowserState("zh", storage_key="qa-words", secret="qa")
        self._head()
        with gr.Row(elem_id="both", equal_height=False):
            with gr.Column(elem_id="left", scale=11, min_width=300), gr.Tabs(elem_id="tabs") as self.tabs:
                with gr.Tab(self._words("chat"), id="chat", elem_id="tab-chat"):
                    self._chat()
                with gr.Tab(self._words("articles"), id="articles", elem_id="tab-articles"):
                    self._articles()
            gr.HTML(_frame("evidence"), elem_id="evidence", js_on_load=None)
        self.courier = self._hidden("courier", "qa.wire(trigger, watch, props)")
        # The script keeps the conversation, because a ``BrowserState`` is overwritten by other tabs.
        self.kept = self._hidden("kept", "qa.keeping(watch, props)")
        self._join_chat()
        self._join_articles()

    # -- components --------------------------------------------------------------------------------

    def _hidden(self, name: str, script: str) -> Any:
        """What goes between the server and the script; nothing of it is made into HTML."""
        return self._gr.HTML(None, elem_id=name, html_template="<span></span>", js_on_load=script)

    def _head(self) -> None:
        gr = self._gr
        with gr.Row(elem_id="head"):
            gr.HTML(_frame("header"), elem_id="title", js_on_load=None)
            self.collection = gr.Dropdown(
                [(DEFAULT, DEFAULT)],
                value=DEFAULT,
                label=self._words("collection"),
                elem_id="collection",
                allow_custom_value=True,  # else a list that changed would make the page refuse its own values
                container=False,
                scale=0,
                min_width=180,
            )

    def _chat(self) -> None:
        gr, words = self._gr, self._words
        self.chat = gr.Chatbot(
            elem_id="chat",
            label=words("conversation"),
            show_label=False,
            scale=1,
            height="100%",
            buttons=[],
            autoscroll=False,
            feedback_options=None,
            allow_tags=False,
            latex_delimiters=[],
            placeholder=words("invitation"),
        )
        gr.HTML("", elem_id="earlier", js_on_load=None)
        self.offers = gr.HTML("", elem_id="offers", js_on_load=None)
        with gr.Row(elem_id="composer"):
            self.box = gr.Textbox(
                elem_id="ask",
                label=words("question"),
                show_label=False,
                placeholder=words("type"),
                autofocus=True,
                max_lines=6,
                scale=1,
                min_width=120,
                container=False,
            )
            self.send = gr.Button(words("ask"), elem_id="send", variant="primary", scale=0, min_width=80)
        with gr.Row(elem_id="tools"):
            with gr.Accordion(words("filters"), open=False, elem_id="filters"), gr.Row():
                self.source = self._narrowing("source", "source_hint", min_width=220, scale=2)
                self.after = self._narrowing("after", "date", min_width=110)
                self.before = self._narrowing("before", "date", min_width=110)
            self.anew = gr.Button(words("anew"), elem_id="anew", size="sm", scale=0, min_width=60)
            self.markdown = gr.Button(
                words("save_markdown"), elem_id="save-md", size="sm", scale=0, min_width=60
            )
            self.json = gr.Button(words("save_json"), elem_id="save-json", size="sm", scale=0, min_width=60)

    def _narrowing(self, name: str, hint: str, **shape: int) -> Any:
        words = self._words
        return self._gr.Textbox(
            label=words(name), placeholder=words(hint), elem_id=name, max_lines=1, **shape
        )

    def _articles(self) -> None:
        gr, words = self._gr, self._words
        self.about = gr.HTML("", elem_id="about", js_on_load=None)
        with gr.Accordion(words("upload"), open=False, elem_id="upload"):
            self.into = gr.Textbox(
                label=words("into"), placeholder=words("into_hint"), elem_id="into", max_lines=1
            )
            self.files = gr.File(
                label=words("files"), show_label=False, file_count="multiple", elem_id="files", height=140
            )
            gr.HTML('<p role="status"></p>', elem_id="unsent", js_on_load=None)
            self.results = gr.HTML("", elem_id="results", js_on_load=None)
        with gr.Accordion(words("manage"), open=False, elem_id="manage"):
            self.rebuild = gr.Button(words("rebuild"), elem_id="rebuild", size="sm")
            with gr.Column(elem_id="deleting"):  # shown where the collection may be deleted
                self.repeat = gr.Textbox(label=words("repeat"), elem_id="repeat", max_lines=1)
                self.delete = gr.Button(words("delete"), elem_id="delete", variant="stop", size="sm")
            self.managed = gr.HTML("", elem_id="managed", js_on_load=None)
        self.find = gr.Textbox(
            label=words("find"), placeholder=words("find_hint"), elem_id="find", max_lines=1, type="text"
        )
        self.listing = gr.HTML("", elem_id="listing", js_on_load=None)

    # -- the conversation --------------------------------------------------------------------------

    def _join_chat(self) -> None:
        gr = self._gr
        self._show_kept()
        asked = gr.on(
            [self.box.submit, self.send.click],
            self._ask,
            [self.box, self.kept, self.collection, self.source, self.after, self.before, self.language],
            [self.box, self.chat, self.kept],
            # A question may be asked before the page's load has told what is kept, and the language.
            js="(question, kept, ...given) => [question, qa.kept(), ...given.slice(0, -1), qa.language]",
            **_LONG,
        )
        self._offer_after(asked)
        self._offer_after(
            self.anew.click(lambda: ([], [], ""), None, [self.kept, self.chat, self.offers], **_QUICK)
        )
        for button, form in ((self.markdown, "md"), (self.json, "json")):
            button.click(self._exporting(form), [self.kept, self.language], self.courier, **_QUICK)
        self.courier.select(self._judging(), [self.kept, self.language], self.courier, **_QUICK)
        # Through the queue, so that the page listens again: the script asks for it after a silence.
        self.courier.submit(lambda: None, None, None, **{**_LONG, "trigger_mode": "multiple"})

    def _show_kept(self) -> None:
        """Show what the browser has kept, and what the address asks for."""
        shown = self._demo.load(
            self._opened,
            [self.language, self.kept, self.box],
            [self.language, self.kept, self.chat, self.box, self.collection, self.courier],
            js="() => [qa.language, qa.kept(), location.search]",
            **_PRIVATE,
        ).then(
            self._browse,
            [self.collection, self.find, self.language],
            [self.about, self.listing],
            **_PRIVATE,
        )
        self._offer_after(shown)

    def _opened(self, wanted: str, kept_now: object, address: str) -> tuple[Any, ...]:
        language = language_of(wanted)
        exchanges = restored(kept_now)
        shared = transcript.shared(_typed(address))
        name = shared.collection or (exchanges[-1].collection if exchanges else DEFAULT)
        ready = {"ready": secrets.token_hex(4), "ask": bool(shared.question)}
        box = shared.question if shared.question else self._gr.skip()
        shown = messages(exchanges, language)
        return language, kept(exchanges), shown, box, self._choice(name, language), ready

    async def _ask(
        self,
        question: str,
        kept_now: object,
        collection: str,
        source: str,
        after: str,
        before: str,
        wanted: str,
    ) -> AsyncIterator[tuple[Any, Any, Any]]:
        gr, language = self._gr, language_of(wanted)
        if not _typed(question):
            yield gr.skip(), gr.skip(), gr.skip()
            return
        earlier = restored(kept_now)
        filters = {"source": _typed(source), "after": _typed(after), "before": _typed(before)}
        exchange = begun(question.replace("\0", " "), _typed(collection) or DEFAULT, filters)
        # Only the first step empties the box: what is typed while the answer is made stays there. The
        # question is kept at once, so that a page that is closed now still has it.
        box: Any = ""
        async for step in self._asking.steps(exchange, earlier, language):
            exchanges = [*earlier, step.exchange]
            changed = box == "" or step.stage is None
            shown = messages(exchanges, language, stage=step.stage)
            yield box, shown, kept(exchanges) if changed else gr.skip()
            box = gr.skip()

    def _offer_after(self, event: Any) -> None:
        event.then(self._offering(), [self.kept, self.collection, self.language], self.offers, **_NEWEST)

    def _offering(self) -> Any:
        async def offer(request: Any, kept_now: object, collection: str, wanted: str) -> AsyncIterator[Any]:
            turn = self._turns[request.session_hash] = _Turn()
            offered = self._offers.html(restored(kept_now), str(collection), language_of(wanted))
            async with aclosing(offered):
                async for html in offered:
                    if self._turns.get(request.session_hash) is not turn:
                        break
                    yield html
            yield self._gr.skip()  # Gradio sends what came last once more, perhaps over what is newer

        # As for ``_judging``.
        offer.__annotations__["request"] = self._gr.Request
        return offer

    def _exporting(self, form: str) -> Any:
        def export(kept_now: object, wanted: str) -> dict[str, Any]:
            exchanges = restored(kept_now)
            try:
                return _download(exchanges, form)
            except InputError as error:
                return _saying(faults.told(error, language_of(wanted)))

        return export

    def _judging(self) -> Any:
        def judge(event: Any, kept_now: object, wanted: str) -> dict[str, Any]:
            language = language_of(wanted)
            try:
                verdict, _, key = str(event._data["value"]).partition(":")
                self._judge(verdict, key, restored(kept_now))
            except Exception as error:
                return _saying(faults.told(error, language))
            return {**_saying(say(language, "judged")), "judged": f"{verdict}:{key}"}

        # Gradio reads the annotation to hand the event over; as text it could not be resolved.
        judge.__annotations__["event"] = self._gr.EventData
        return judge

    def _judge(self, verdict: str, key: str, exchanges: list[Exchange]) -> None:
        if self._feedback is None:
            return
        at = next(n for n, exchange in enumerate(exchanges) if exchange.key == key)
        exchange = exchanges[at]
        assert exchange.answer is not None
        self._feedback.record(
            exchange.collection,
            verdict,  # type: ignore[arg-type]  # it checks the word itself
            exchange.answer,
            history=[earlier.question for earlier in exchanges[:at] if earlier.fault is None],
        )

    # -- articles ----------------------------------------------------------------------------------

    def _join_articles(self) -> None:
        shelf_now = [self.about, self.listing]
        self._offer_after(
            self.collection.change(
                self._browse, [self.collection, self.find, self.language], shelf_now, **_QUICK
            )
        )
        self.find.change(
            self._browse,
            [self.collection, self.find, self.language],
            shelf_now,
            **{**_PRIVATE, "trigger_mode": "always_last", "concurrency_limit": 4},
        )
        changed = [self.collection, self.about, self.listing]
        self.files.upload(
            self._take,
            [self.files, self.into, self.collection, self.language],
            [self.files, self.into, self.results, *changed],
            **_LONG,
        )
        self.rebuild.click(self._rebuilt, [self.collection, self.language], [self.managed, *changed], **_LONG)
        self.delete.click(
            self._deleted,
            [self.collection, self.repeat, self.language],
            [self.repeat, self.managed, *changed],
            **_LONG,
        )
        self.courier.delete(
            self._removing(),
            [self.collection, self.find, self.language],
            [self.courier, *changed],
            **_LONG,
        )

    def _browse(self, collection: str, words: str, wanted: str) -> tuple[str, str]:
        return self._shelf.shown(_typed(collection) or DEFAULT, _typed(words), language_of(wanted))

    def _choice(self, name: str, language: Language) -> Any:
        return self._gr.update(**self._shelf.choice(name, language))

    async def _now(self, name: str, language: Language, words: str = "") -> tuple[Any, str, str]:
        """The choice of collections with ``name`` chosen, what that one holds, and its articles."""
        choice = self._choice(name, language)
        return choice, *await asyncio.to_thread(self._shelf.shown, name, words, language)

    async def _take(
        self, paths: list[str] | None, into: str, collection: str, wanted: str
    ) -> AsyncIterator[tuple[Any, ...]]:
        skip, language = self._gr.skip(), language_of(wanted)
        chosen = _typed(collection) or DEFAULT
        async for step in self._shelf.taken(paths or [], _typed(into), chosen, language):
            if step.done:
                yield None, "", step.html, *await self._now(step.collection, language)
            else:
                yield skip, skip, step.html, skip, skip, skip

    async def _rebuilt(self, collection: str, wanted: str) -> AsyncIterator[tuple[Any, ...]]:
        skip, language = self._gr.skip(), language_of(wanted)
        async for step in self._shelf.rebuilt(_typed(collection) or DEFAULT, language):
            now = await self._now(step.collection, language) if step.done else (skip, skip, skip)
            yield step.html, *now

    async def _deleted(self, collection: str, repeated: str, wanted: str) -> tuple[Any, ...]:
        language = language_of(wanted)
        step = await self._shelf.deleted(_typed(collection) or DEFAULT, _typed(repeated), language)
        return "", step.html, *await self._now(step.collection, language)

    def _removing(self) -> Any:
        async def remove(event: Any, collection: str, words: str, wanted: str) -> tuple[Any, ...]:
            language, name = language_of(wanted), _typed(collection) or DEFAULT
            said = await self._shelf.removed(name, str(event._data["value"]), language)
            return _saying(said), *await self._now(name, language, _typed(words))

        # Gradio reads the annotation to hand the event over; as text it could not be resolved.
        remove.__annotations__["event"] = self._gr.EventData
        return remove


def _typed(words: object) -> str:
    """What stands in a field; gradio gives None for one that was never touched."""
    return words.strip() if isinstance(words, str) else ""


def _frame(name: str) -> str:
    """A part of the page that never changes, both languages in it: ``style.css`` shows one of them."""
    return (FILES / f"{name}.html").read_text(encoding="utf-8")


def _saying(words: str) -> dict[str, Any]:
    """For the courier: words for the visitor. Each has a number, so that the same words are told twice."""
    return {"say": words, "number": secrets.token_hex(4)}


def _download(exchanges: list[Exchange], form: str) -> dict[str, Any]:
    answers = [
        {"question": exchange.question} if exchange.answer is None else exchange.answer
        for exchange in exchanges
    ]
    names = {exchange.collection for exchange in exchanges}
    collection = names.pop() if len(names) == 1 else None
    write = transcript.as_markdown if form == "md" else transcript.as_json
    return {
        "number": secrets.token_hex(4),
        "download": f"qa.{form}",
        "type": "text/markdown" if form == "md" else "application/json",
        "text": write(answers, collection=collection),
    }
