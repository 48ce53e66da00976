"""A reader that knows its last question still: to ask it again, at another threshold, costs no reading."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from qa.relevance import key
from qa.settings import RetrievalSettings

if TYPE_CHECKING:
    from qa.answering import Assistant
    from qa.relevance import Key
    from qa.settings import AnswerSettings
    from qa.types import LegName, Passage, Reader, Reading

__all__ = ["Rereading", "opened"]


class Rereading:
    """Satisfies ``Reader``: passes each passage on once, as long as the question stays the same.

    For one index and one thread. A reading does not depend on the passages beside it, so what is kept of
    one is what another reading would be.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._question: str | None = None
        self._known: dict[Key, Reading] = {}

    @property
    def name(self) -> str:
        """The reader's own."""
        return self._reader.name

    @property
    def settings(self) -> AnswerSettings:
        """The reader's own."""
        return self._reader.settings

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """One reading per passage, in order; only what is not known of this question is read."""
        if question != self._question:
            self._question, self._known = question, {}
        new = {key(passage): passage for passage in passages if key(passage) not in self._known}
        if new:
            self._known |= zip(new, self._reader.read(question, list(new.values())), strict=True)
        return [self._known[key(passage)] for passage in passages]


def opened(folder: Path, *, reader: str | None = None, leg: LegName | None = None) -> Assistant:
    """The assistant over the index at ``folder``, with a rereading reader; else as ``Assistant.open``.

    Raises IndexFolderError, ModelError.
    """
    from qa.answering import Assistant
    from qa.index import Generation
    from qa.reader import load
    from qa.words import Segmenter

    generation = Generation.open(folder)
    segmenter = Segmenter(generation.user_words())  # it looks to it that no word is cut
    generation.close()
    rereading = Rereading(load(reader, segmenter=segmenter))
    return Assistant(folder, reader=rereading, retrieval=RetrievalSettings.of_leg(leg))
