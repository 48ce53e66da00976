"""txtai behind the lines of ``protocol``.

Default: vectors alone, as its quick start has it, and its extractive question answering over the three best
passages. Best: a hybrid index, BM25 over ``words.terms`` beside the encoder with its prefixes. The models are
the ones that ship with this project, in float32: txtai's own are English and come from a hub.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.protocol import Given, arguments, serve
from benchmarks.peers.words import terms

__all__ = ["Best", "Default"]

INDEX = "embeddings"


class Default:
    """``Embeddings(path=…, content=True)`` and ``RAG`` over it with an extractive model."""

    packages: Sequence[str] = ("txtai",)

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self._embeddings: Any = None
        self._answers: Any = None

    @property
    def models(self) -> Sequence[Path]:
        """Encoder and reader."""
        return [self.options.encoder, self.options.reader]

    def prepare(self) -> None:
        """Imports and the encoder."""
        from txtai import Embeddings  # type: ignore[import-not-found]

        self._embeddings = Embeddings(self.configuration())

    def index(self, data: Path, folder: Path) -> None:
        """Embeds, stores the passages beside their vectors and saves it all."""
        self._embeddings.index((each.id, each.indexed, None) for each in Given.read(data))
        self._embeddings.save(str(folder / INDEX))

    def open(self, folder: Path) -> None:
        """Loads the index with its encoder, and the reader."""
        from txtai import RAG, Embeddings
        from txtai.pipeline import Questions  # type: ignore[import-not-found]

        self._embeddings = Embeddings()
        self._embeddings.load(str(folder / INDEX))
        self._answers = RAG(self._embeddings, Questions(str(self.options.reader)), output="flatten")

    def search(self, question: str, k: int) -> list[str]:
        """Ids of what is found."""
        return [found["id"] for found in self._embeddings.search(question, k)]

    def ask(self, question: str) -> str | None:
        """The answer; None also where the model points at no word, on which txtai fails."""
        try:
            answer: str | None = self._answers(question)
        except TypeError:  # a start or an end at a special token belongs to no word
            return None
        return answer or None

    def configuration(self) -> dict[str, Any]:
        """Of the index."""
        return {"path": str(self.options.encoder), "content": True}


class Best(Default):
    """Words and pairs for BM25, vectors with the encoder's prefixes, txtai's own fusion."""

    packages: Sequence[str] = (*Default.packages, "jieba")

    def prepare(self) -> None:
        """jieba's dictionary as well."""
        super().prepare()
        terms("预热")

    def configuration(self) -> dict[str, Any]:
        """A hybrid index."""
        return {
            **super().configuration(),
            "instructions": {"query": "query: ", "data": "passage: "},
            "scoring": {
                "method": "benchmarks.peers.txtai_scoring.WordBM25",
                "terms": True,
                "normalize": True,
            },
        }


if __name__ == "__main__":
    given = arguments("driver_txtai")
    serve(Best(given) if given.best else Default(given))
