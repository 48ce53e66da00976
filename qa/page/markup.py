"""Text as HTML that shows it as it is, in a chat that reads Markdown.

Words of questions, articles, file names and errors reach the page through ``escaped`` only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["button", "escaped", "item_list", "line", "link"]

_special = re.compile(r"[\t\n\r -/:-@\[-`{-~]")
# Nothing of this is shown, and a parser of HTML would change it or stop at it.
_unshown = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]")


def escaped(text: str) -> str:
    """``text`` so that the chat shows it as it is: no Markdown, no HTML, no image, nothing to run.

    Every ASCII mark, space and line break becomes a character reference; ``html.unescape`` gives the
    text back, but for control characters, which become U+FFFD. References to other characters are not
    used: HTML takes some of them for others. Safe in attributes, too.
    """
    shown = _unshown.sub("\N{REPLACEMENT CHARACTER}", text)
    return _special.sub(lambda match: f"&#{ord(match.group())};", shown)


def line(classes: str, inside: str) -> str:
    """A paragraph around HTML."""
    return f'<p class="{classes}">{inside}</p>'


def item_list(items: Iterable[str]) -> str:
    """A list of pieces of HTML."""
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def button(act: str, value: str, words: str, *, classes: str = "act", title: str = "") -> str:
    """A button that the page's script acts on; ``value`` says what with."""
    about = f' title="{escaped(title)}"' if title else ""
    return (
        f'<button type="button" class="{classes}" name="{act}" value="{escaped(value)}"{about}>'
        f"{escaped(words)}</button>"
    )


def link(href: str, words: str, *, classes: str) -> str:
    """A link inside the page; ``words`` are escaped here."""
    return f'<a class="{classes}" href="{escaped(href)}">{escaped(words)}</a>'
