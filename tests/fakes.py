"""Stand-ins for models and files whose results can be worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from qa.types import Article, Block, Passage, Span, TextKind

if TYPE_CHECKING:
    from qa.types import Mask, Rows, Vectors


@dataclass(frozen=True)
class CharacterEncoder:
    """A text's vector counts the characters of ``alphabet`` in it, scaled to length 1.

    The last of ``len(alphabet) + 1`` dimensions stands for a text that holds none of them, so that a
    cosine is worked out by counting: 京京 and 京海 have 2 / (2 · √2) = 0.7071.
    """

    alphabet: str = "北京上海深圳广州"
    name: str = "characters"

    @property
    def fingerprint(self) -> str:
        return f"{self.name}:{self.alphabet}"

    @property
    def dim(self) -> int:
        return len(self.alphabet) + 1

    def encode(self, texts: Sequence[str], kind: TextKind) -> Vectors:
        rows = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[:-1] = [text.count(letter) for letter in self.alphabet]
            row[-1] = not row.any()
            row /= np.float32(np.linalg.norm(row))
        return rows


@dataclass(frozen=True)
class VectorEncoder:
    """A question ``"3"`` has the vector of row 3; passages are given as vectors elsewhere."""

    rows: Vectors
    name: str = "rows"
    fingerprint: str = "rows"

    @property
    def dim(self) -> int:
        return int(self.rows.shape[1])

    def encode(self, texts: Sequence[str], kind: TextKind) -> Vectors:
        return self.rows[[int(text) for text in texts]]


@dataclass(frozen=True)
class FixedLeg:
    """A leg with a fixed score for each row, whatever is asked; NaN where it does not find the row."""

    name: str
    by_row: tuple[float, ...]

    def search(self, question: str, k: int, allowed: Mask | None = None) -> tuple[Rows, Vectors]:
        found = [
            row
            for row, score in enumerate(self.by_row)
            if not math.isnan(score) and (allowed is None or allowed[row])
        ]
        best = sorted(found, key=lambda row: (-self.by_row[row], row))[:k]
        return np.array(best, dtype=np.int64), self.scores(question, np.array(best, dtype=np.int64))

    def scores(self, question: str, rows: Rows) -> Vectors:
        return np.nan_to_num(np.array(self.by_row, dtype=np.float32))[rows]


def article(text: str, *, source: str = "a.md", title: str = "", **facts: object) -> Article:
    """An article that is one block of ``text``."""
    block = Block(Span(0, len(text)))
    return Article(source, text, title, source, "00", "utf-8", **{"blocks": (block,), **facts})  # type: ignore[arg-type]


def passages(*texts: str) -> list[Passage]:
    """Each text as the one passage of its own article, numbered from 0."""
    return [
        Passage(article(text, source=f"{row}.md"), Span(0, len(text)), number=row)
        for row, text in enumerate(texts)
    ]
