"""BM25 for txtai over words of our own, named in its configuration; imported by txtai alone."""

from __future__ import annotations

from collections.abc import Callable

from txtai.scoring import BM25  # type: ignore[import-not-found]

from benchmarks.peers.words import terms

__all__ = ["WordBM25"]


class WordBM25(BM25):  # type: ignore[misc]
    """txtai's BM25 with another tokenizer."""

    def loadtokenizer(self) -> Callable[[str], list[str]]:
        """How passages and questions are cut."""
        return terms
