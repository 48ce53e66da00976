"""What a reading model sees of a passage: its pieces behind those of the question, in windows.

``<s> question </s></s> title and headings </s> passage </s>``, where a passage too long for the model is
seen in several windows that overlap. Text is read in simplified characters, one for one, so that offsets
of pieces are offsets of the text itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from qa.text import simplified

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["Window", "Windows"]

_BEGIN, _END = 0, 2  # ids of <s> and </s>
_QUESTION = 64  # pieces of the question that are read at most
_ABOVE = 32  # pieces of title and headings that are read at most, the last ones
_KEPT = 64  # questions and headings whose pieces are kept
_FEWEST = 16  # pieces of the passage that a window holds at least


@dataclass(frozen=True, slots=True)
class Window:
    """One input of the model.

    ``ids``      all of its piece numbers
    ``first``    index in ``ids`` of the first piece of the passage
    ``offsets``  start and end of each of the passage's pieces in it, in characters of the text given
    ``at``       how many pieces of the passage stand before the first one here
    """

    ids: tuple[int, ...]
    first: int
    offsets: tuple[tuple[int, int], ...]
    at: int = 0


class Windows:
    """Cuts questions and passages into windows of at most ``size`` pieces, ``overlap`` of them shared."""

    def __init__(self, tokenizer: Tokenizer, *, size: int = 384, overlap: int = 96) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True  # "<s>" in an article is three characters, not a mark
        self._tokenizer = tokenizer
        self._size, self._overlap = size, overlap
        # A question stands before every passage, titles and headings before those of one article.
        self._known = lru_cache(maxsize=_KEPT)(self._ids)

    def of(self, question: str, above: str, text: str) -> list[Window]:
        """The windows over ``text``, in order; ``above`` is its title and headings. At least one."""
        asked, heading = self._known(question)[:_QUESTION], self._known(above)[-_ABOVE:]
        head = (_BEGIN, *asked, _END, _END, *heading, _END)
        ids, offsets = self._pieces(text)
        room = max(self._size - len(head) - 1, _FEWEST)
        step = max(room - self._overlap, room // 2)
        starts = range(0, max(len(ids) - room, 0) + step, step)
        return [
            Window(
                (*head, *ids[at : at + room], _END),
                len(head),
                tuple(offsets[at : at + room]),
                at,
            )
            for at in starts
        ]

    def _ids(self, text: str) -> list[int]:
        return self._pieces(text)[0]

    def _pieces(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        found = self._tokenizer.encode(simplified(text), add_special_tokens=False)
        return found.ids, found.offsets
