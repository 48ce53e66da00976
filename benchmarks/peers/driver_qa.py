"""This project, as it ships, behind the lines of ``protocol``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.peers.protocol import ARTICLES, arguments, serve

if TYPE_CHECKING:
    from qa import Assistant
    from qa.types import Article, Passage

__all__ = ["Shipped", "article"]


class Shipped:
    """The bundled encoder and reader, BM25 and vectors fused; asked with a threshold of 0."""

    packages: Sequence[str] = ("qa",)

    def __init__(self) -> None:
        self._assistant: Assistant | None = None

    @property
    def models(self) -> Sequence[Path]:
        """The package itself, models and all, where it is used from its checkout."""
        package = Path(__file__).parents[2] / "qa"
        return [package] if package.is_dir() else []

    def prepare(self) -> None:
        """Imports; the encoder opens on the clock."""
        import qa.indexing  # noqa: F401

    def index(self, data: Path, folder: Path) -> None:
        """Cuts, segments, embeds and writes, each file synced."""
        from qa.indexing import index_articles

        index_articles(list(_articles(data)), data / ARTICLES, folder)

    def open(self, folder: Path) -> None:
        """Opens the index with its models."""
        from qa import Assistant

        self._assistant = Assistant.open(folder)

    def search(self, question: str, k: int) -> list[str]:
        """Ids by fusion."""
        return [_id(hit.passage) for hit in self._opened.search(question, k=k)]

    def ask(self, question: str) -> str | None:
        """The first citation's words."""
        return self._opened.ask(question, threshold=0.0).text

    @property
    def _opened(self) -> Assistant:
        assert self._assistant is not None, "open comes first"
        return self._assistant


def article(row: Mapping[str, Any]) -> Article:
    """The article of a line of the articles file, a dataclass that went through JSON."""
    from qa.types import Article, Block, Span

    blocks = (Block(Span(**each["span"]), tuple(each["heading"]), each["page"]) for each in row["blocks"])
    return Article(**{**row, "blocks": tuple(blocks), "warnings": tuple(row["warnings"])})


def _articles(data: Path) -> Iterator[Article]:
    with (data / ARTICLES).open(encoding="utf-8") as lines:
        for line in lines:
            yield article(json.loads(line))


def _id(passage: Passage) -> str:
    return f"{passage.article.element}:{passage.span.start}-{passage.span.end}"


if __name__ == "__main__":
    arguments("driver_qa")
    serve(Shipped())
