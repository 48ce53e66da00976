"""The web chat: one page over the collections, each answer with its citations beside it.

    layout      the components of the page and what happens on their events
    asking      a question's way: stages, answer, fault
    exchanges   the conversation as the browser keeps it
    answer      an answer as HTML            markup   the only way of text into HTML
    evidence    a cited article in pieces    shelf    articles and collections in the page
    wording     what the page says, in Chinese and English
    shell       the page's own style and script, first of all in its head
    files/      style.css, script.js

Importing this package loads nothing heavy; ``layout.page`` loads gradio, which takes seconds.
"""

from __future__ import annotations

from qa.page.layout import page, theme, translations
from qa.page.parts import Parts
from qa.page.shell import FILES, with_shell

__all__ = ["FILES", "Parts", "page", "theme", "translations", "with_shell"]
