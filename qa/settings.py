"""The numbers that shape results, each with where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from qa.types import LegName

__all__ = ["AnswerSettings", "EarlyStop", "OwnThreshold", "PassageSettings", "RetrievalSettings"]


@dataclass(frozen=True, slots=True)
class PassageSettings:
    """How articles are cut. All lengths in characters.

    ``target``   a passage that has reached this takes no further sentence
    ``limit``    no passage is longer; a longer sentence is cut at a comma, or hard
    ``overlap``  whole sentences of the passage before, up to this many characters, are repeated
    """

    target: int = 200
    limit: int = 300
    overlap: int = 60


@dataclass(frozen=True, slots=True)
class RetrievalSettings:
    """How passages are ranked.

    ``pool``         how many passages each leg proposes before fusion
    ``bm25_weight``  share of BM25 in the sum of z-scores, 0 to 1; the dense leg has the rest. The top of
                     the tuning curve is flat from 0.35 to 0.65, with the static encoder from 0.5 to 0.7
                     (``benchmarks/fusion.py``); one half is also best on the tuning half of the shipped
                     questions
    ``k1``, ``b``    BM25's own (Robertson & Zaragoza 2009)
    """

    pool: int = 100
    bm25_weight: float = 0.5
    k1: float = 1.2
    b: float = 0.75

    @classmethod
    def of_leg(cls, leg: LegName | None) -> Self:
        """Those with which ``leg`` searches alone; None: both together."""
        return cls() if leg is None else cls(bm25_weight=1.0 if leg == "bm25" else 0.0)


@dataclass(frozen=True, slots=True)
class EarlyStop:
    """When the first passages are enough; found for a reader by ``training/early_stop.py``.

    ``first``       how many are read first
    ``confidence``  0 to 1; where the best span in them has at least this, the rest is not read
    """

    first: int
    confidence: float

    def __post_init__(self) -> None:
        if self.first < 1 or not 0 <= self.confidence <= 1:
            raise ValueError(f"after {self.first} passages at a confidence of {self.confidence}: no rule")


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """How answers are chosen.

    ``read``         the first so many fused passages are read; fixed, never a clock, so answers repeat
    ``rank_weight``  log-odds that a passage's reciprocal rank adds; fitted with the reader's weights
    ``threshold``    confidence below which the system says that the articles do not tell; a trained
                     reader brings its own, with ``read`` and ``rank_weight``, in its ``config.json``
    ``show``         passages kept on the answer
    ``others``       further citations at most
    ``early_stop``   when fewer than ``read`` are read; None: never
    """

    read: int = 8
    rank_weight: float = 3.35
    threshold: float = 0.4
    show: int = 5
    others: int = 4
    early_stop: EarlyStop | None = None


@dataclass(frozen=True, slots=True)
class OwnThreshold:
    """A threshold that was found on a team's own labels, kept in the manifest of its index.

    ``threshold``  0 to 1; it takes the place of the reader's own
    ``reader``     the name of the reader it was found with; with any other it does not count, because
                   confidences of two readers cannot be compared
    ``error``      the share of errors among the answers that was allowed
    ``labels``     the label file's name
    ``questions``  how many were asked
    """

    threshold: float
    reader: str
    error: float
    labels: str
    questions: int

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"the threshold {self.threshold} does not lie between 0 and 1")
