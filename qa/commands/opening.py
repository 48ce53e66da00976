"""The assistant over an index, which is built first where it is the default one and there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qa.commands.options import DEFAULT_ARTICLES, DEFAULT_INDEX
from qa.commands.output import Bar, say
from qa.errors import InputError

if TYPE_CHECKING:
    from qa.answering import Assistant
    from qa.milvus.address import Address
    from qa.types import LegName

__all__ = ["ensured", "opened"]


def opened(
    index: str | Address, reader: str | None = None, leg: LegName | None = None, *, answers: bool = True
) -> Assistant:
    """The assistant over ``index``, a folder or a store.

    A folder is made first if it is the default one and there is none. ``answers``: as for ``Assistant.open``.
    """
    if not isinstance(index, str):
        return _over_store(index, reader, leg, answers=answers)
    from qa.answering import Assistant

    ensured(index)
    return Assistant.open(index, reader=reader, leg=leg, answers=answers)


def _over_store(address: Address, reader: str | None, leg: LegName | None, *, answers: bool) -> Assistant:
    """The assistant over a store; what is not whole there is said."""
    from qa.milvus.assistant import StoreAssistant

    assistant = StoreAssistant.at(address, reader=reader, leg=leg, answers=answers)
    for line in assistant.unfinished():
        say(f"qa: {line}")
    return assistant


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
