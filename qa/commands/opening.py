"""The assistant over an index, which is built first where it is the default one and there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qa.commands.options import DEFAULT_ARTICLES, DEFAULT_INDEX
from qa.commands.output import Bar, say
from qa.errors import InputError

if TYPE_CHECKING:
    from qa.answering import Assistant
    from qa.types import LegName

__all__ = ["ensured", "opened"]


def opened(index: str, reader: str | None = None, leg: LegName | None = None) -> Assistant:
    """The assistant over ``index``, which is built first if it is the default one and there is none."""
    from qa.answering import Assistant

    ensured(index)
    return Assistant.open(index, reader=reader, leg=leg)


def ensured(index: str) -> None:
    """Build ``index`` if it is the default one and there is none. Raises as ``build_index`` does."""
    from pathlib import Path

    if index == DEFAULT_INDEX and not (Path(index) / "manifest.json").exists():
        _build_default()


def _build_default() -> None:
    from pathlib import Path

    from qa.indexing import build_index

    if not Path(DEFAULT_ARTICLES).is_dir():
        raise InputError(f"{DEFAULT_INDEX}: there is no index here; make one: qa index PATH")
    say(f"qa: 首次使用，先为 {DEFAULT_ARTICLES} 建立索引 building the index first …")
    with Bar() as bar:
        build_index(DEFAULT_ARTICLES, DEFAULT_INDEX, on_progress=bar.show)
