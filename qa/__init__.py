"""Chinese question answering that only quotes.

>>> from qa import Assistant, build_index                                    # doctest: +SKIP
>>> build_index("corpus/articles", "index")                                  # doctest: +SKIP
>>> with Assistant.open("index") as assistant:                               # doctest: +SKIP
...     print(assistant.ask("上海是哪一年启动区块链技术应用试点的?").text)
2017年
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qa.answering import Assistant
    from qa.errors import QaError
    from qa.indexing import build_index
    from qa.types import Answer, Citation, Hit, Passage, Span

__version__ = "0.1.0"
__all__ = ["Answer", "Assistant", "Citation", "Hit", "Passage", "QaError", "Span", "build_index"]

_HOMES = {
    "Answer": "qa.types",
    "Assistant": "qa.answering",
    "Citation": "qa.types",
    "Hit": "qa.types",
    "Passage": "qa.types",
    "QaError": "qa.errors",
    "Span": "qa.types",
    "build_index": "qa.indexing",
}


if not TYPE_CHECKING:  # type checkers read the imports above; this would hide the submodules from them

    def __getattr__(name: str) -> object:
        """Import a public name when it is first asked for, so that ``qa --help`` loads nothing heavy."""
        if name not in _HOMES:
            raise AttributeError(f"module 'qa' has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
