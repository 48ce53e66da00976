"""Why a question was missed: the one stage that lost it, decided from what is known of it.

A question goes through the stages in the order of ``Cause``; the first that lost it is to blame, because
no later one could have saved it. A miss without a cause cannot exist, so the causes of a run add up to
its misses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["Cause", "Facts", "Legs", "Place", "Pointed", "cause", "legs"]

Cause = Literal[
    "not_in_articles",  # the source does not hold the answer, or the index has no such source
    "refused_file",  # the source, or a part of it, was refused when it was read
    "furniture",  # only in what is never quoted: menus, footers, front matter, headings, what files repeat
    "cut_across",  # the answer stands in running text, but no single passage holds it
    "wrong_rewrite",  # the follow-up was searched as another question than it is
    "not_retrieved",  # no relevant passage is among the hits
    "ranked_too_low",  # one is, but below those that are read
    "wrong_passage",  # one was read, but the words that were taken stand in another
    "wrong_span",  # the words that were taken stand in a relevant passage, but are the wrong ones
    "abstained",  # refused, although the right words, or none at all, had been found
    "answered_when_none",  # nothing answers it, and it was answered
]

Place = Literal[
    "nowhere",  # in no article that was asked for
    "refused",  # not known: one of the articles asked for was refused
    "left_out",  # only where no block of running text is
    "cut",  # in running text, but wholly in no passage
    "passage",  # in a passage
]
"""Where the words of the best reference stand."""

Pointed = Literal["nothing", "elsewhere", "relevant"]
"""Whether the words that a threshold of 0 would have shown stand in a relevant passage that was read."""

Legs = Literal["bm25", "dense", "both", "neither"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one question after it was asked. The defaults are those of a question that went well.

    ``answerable``       the labels know an answer
    ``abstained``        the user saw no answer
    ``right``            the words that a threshold of 0 would have shown are right
    ``place``            where the answer stands
    ``wrongly_rewritten``  the searched form of a follow-up lost it
    ``rank``             of the first relevant hit, 1-based; None if no hit is relevant
    ``read``             so many of the first hits were read
    ``pointed``          where the words that a threshold of 0 would have shown stand
    """

    answerable: bool = True
    abstained: bool = False
    right: bool = True
    place: Place = "passage"
    wrongly_rewritten: bool = False
    rank: int | None = 1
    read: int = 1
    pointed: Pointed = "relevant"

    @property
    def missed(self) -> bool:
        """Whether the user was told something wrong, or nothing where there was something to tell."""
        return (self.abstained or not self.right) if self.answerable else not self.abstained


def cause(facts: Facts) -> Cause | None:
    """The stage that lost a question; None if it was not missed."""
    if not facts.missed:
        return None
    # Right words are right wherever they were found: then only the threshold stood in their way.
    unwritten = _unwritten(facts.place) if facts.answerable and not facts.right else None
    if unwritten is not None:
        return unwritten
    if facts.wrongly_rewritten:
        return "wrong_rewrite"
    if not facts.answerable:
        return "answered_when_none"
    return "abstained" if facts.right else _unread(facts)


def _unwritten(place: Place) -> Cause | None:
    """The cause that lies in the articles and how they were read and cut."""
    causes: dict[Place, Cause] = {
        "nowhere": "not_in_articles",
        "refused": "refused_file",
        "left_out": "furniture",
        "cut": "cut_across",
    }
    return causes.get(place)


def _unread(facts: Facts) -> Cause:
    """The cause that lies in searching and reading."""
    if facts.rank is None:
        return "not_retrieved"
    if facts.rank > facts.read:
        return "ranked_too_low"
    pointed: dict[Pointed, Cause] = {
        "nothing": "abstained",
        "elsewhere": "wrong_passage",
        "relevant": "wrong_span",
    }
    return pointed[facts.pointed]


def legs(ranks: Mapping[str, int | None], read: int) -> Legs:
    """Which leg, left to itself, would have put a relevant passage among the ``read`` that are read.

    ``ranks``: of the best relevant passage in ``bm25`` and in ``dense``. ``both``: the fusion lost it.
    """
    bm25, dense = (rank is not None and rank <= read for rank in (ranks.get("bm25"), ranks.get("dense")))
    if bm25 and dense:
        return "both"
    return "bm25" if bm25 else "dense" if dense else "neither"
