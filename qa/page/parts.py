"""What the page and the API are made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qa.page.evidence import Libraries

if TYPE_CHECKING:
    from collections.abc import Callable

    from qa.answering import Assistant
    from qa.collection import Collections
    from qa.desk import Desk
    from qa.feedback import Feedback
    from qa.page.offers import Pool

__all__ = ["Parts"]


@dataclass(frozen=True, slots=True)
class Parts:
    """The articles that are asked, and how.

    ``desk``      where questions take their turns, those of the page and those of the API
    ``feedback``  where judgements are kept; None for nowhere
    ``suggest``   makes the pool of questions that are offered for an assistant; None offers none
    ``log``       whether the words of questions go to the log
    ``libraries``  the articles of each collection, to be browsed and read
    """

    collections: Collections
    desk: Desk
    feedback: Feedback | None = None
    suggest: Callable[[Assistant], Pool] | None = None
    log: bool = False
    libraries: Libraries = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "libraries", Libraries(self.collections.assistant))
