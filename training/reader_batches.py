"""Training examples as batches of windows, drawn anew each epoch from a seed.

A group is what one question's spans are normalised over: the window that answers and, most times, one
that does not (Clark & Gardner 2018, shared normalisation). Two kinds of windows stand alone: the paragraph
without the answer's sentence, and the question with a name, number or year swapped.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from qa.text import fold, sentences
from qa.types import Span
from qa.windows import Window, Windows

__all__ = ["Batch", "Example", "Kind", "Mix", "epoch_batches", "read_examples", "without_answer"]

Kind = Literal["answer", "hard", "removed", "swapped"]
PAD = 1
_STEP = 16  # pieces; windows are padded to a multiple
# Labels take such marks in or leave them out as it comes; no scorer counts them.
_EDGE = " \t\r\n\u3000。，、；：！？．｡,;:!?…—*·“”‘’「」『』《》〈〉（）()【】[]〔〕\"'"


@dataclass(frozen=True, slots=True)
class Example:
    """A line of ``prepare_reader``."""

    question: str
    title: str
    context: str
    answer: Span
    hard: tuple[tuple[str, str], ...]
    swapped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mix:
    """How much of what an epoch holds.

    ``hard``, ``removed``, ``swapped``  chance that a question brings a window of this kind that does not
                                        answer it
    ``shortest``, ``longest``           characters of a window with an answer, drawn evenly between
    ``titled``                          chance that a window is seen under its title
    """

    hard: float = 0.5
    removed: float = 0.15
    swapped: float = 0.15
    shortest: int = 80
    longest: int = 320
    titled: float = 0.75


@dataclass(frozen=True, slots=True)
class Item:
    """One window; ``start`` and ``end`` are the indices in ``ids`` of the answer's first and last piece."""

    group: int
    ids: tuple[int, ...]
    first: int
    start: int
    end: int

    @property
    def answers(self) -> bool:
        return self.start > 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows of one training step; arrays have one row a window.

    ``ids``, ``mask``  int64 ``(windows, pieces)``; ``passage`` bool, where a span may begin or end
    ``start``, ``end`` int64 ``(windows,)``, 0 for a window without answer
    ``group``          int64 ``(windows,)``, the same for the windows of one question
    """

    ids: Any
    mask: Any
    passage: Any
    start: Any
    end: Any
    group: Any


def read_examples(path: Path) -> list[Example]:
    """The lines that ``prepare_reader`` wrote."""
    found = []
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        hard = tuple((title, text) for title, text in row["hard"])
        answer = Span(*row["answer"])
        found.append(
            Example(row["question"], row["title"], row["context"], answer, hard, tuple(row["swapped"]))
        )
    return found


def epoch_batches(
    examples: Sequence[Example], windows: Windows, mix: Mix, *, seed: int, epoch: int, tokens: int
) -> list[Batch]:
    """All batches of one epoch, each of at most ``tokens`` pieces with padding, in random order."""
    chance = random.Random(f"{seed} {epoch}")
    groups = [
        group
        for number, example in enumerate(chance.sample(examples, len(examples)))
        for group in _groups(example, 3 * number, windows, mix, chance)
        if group
    ]
    batches = list(_packed(groups, tokens, chance))
    chance.shuffle(batches)
    return [_batch(items) for items in batches]


def _groups(
    example: Example, number: int, windows: Windows, mix: Mix, chance: random.Random
) -> Iterator[list[Item]]:
    """The groups of one question, numbered from ``number``."""
    above = example.title if chance.random() < mix.titled else ""
    size = chance.randint(mix.shortest, mix.longest)
    text, answer = _around(example.context, example.answer, size, chance)
    item = _item(windows, example.question, above, text, answer, number)
    if item is None:
        return
    group = [item]
    if example.hard and chance.random() < mix.hard:
        title, passage = chance.choice(example.hard)
        group.append(_other(windows, example.question, title if above else "", passage, number))
    yield group
    if chance.random() < mix.removed:
        rest = without_answer(example.context, example.answer)
        if rest:
            yield [_other(windows, example.question, above, _some(rest, size, chance), number + 1)]
    if example.swapped and chance.random() < mix.swapped:
        yield [_other(windows, chance.choice(example.swapped), above, text, number + 2)]


def _around(text: str, answer: Span, size: int, chance: random.Random) -> tuple[str, Span]:
    """Whole sentences around ``answer``, about ``size`` characters, and the answer's place in them."""
    found = sentences(text)
    inside = [at for at, each in enumerate(found) if each.overlaps(answer)]
    if not inside:
        return text, answer
    first, last = inside[0], inside[-1]
    while True:
        left, right = first > 0, last + 1 < len(found)
        if not (left or right) or found[last].end - found[first].start >= size:
            break
        if left and (not right or chance.random() < 0.5):
            first -= 1
        else:
            last += 1
    begin = min(found[first].start, answer.start)
    return text[begin : max(found[last].end, answer.end)], answer.shift(-begin)


def without_answer(text: str, answer: Span) -> str:
    """``text`` less every sentence that overlaps ``answer`` or holds its words."""
    words = fold(answer.of(text)).strip()
    kept = [
        each.of(text)
        for each in sentences(text)
        if not each.overlaps(answer) and words not in fold(each.of(text))
    ]
    return "".join(kept)


def _some(text: str, size: int, chance: random.Random) -> str:
    start = chance.choice([each.start for each in sentences(text)])
    return text[start : start + size]


def _item(windows: Windows, question: str, above: str, text: str, answer: Span, group: int) -> Item | None:
    """The window of ``text`` that holds all of ``answer``; None where none does."""
    inside = answer.of(text)
    start = answer.start + len(inside) - len(inside.lstrip(_EDGE))
    end = answer.start + len(inside.rstrip(_EDGE))
    if start >= end:
        return None
    for window in windows.of(question, above, text):
        first = _piece(window, start)
        last = _piece(window, end - 1)
        if first is not None and last is not None:
            return Item(group, window.ids, window.first, window.first + first, window.first + last)
    return None


def _piece(window: Window, place: int) -> int | None:
    """Which piece holds the character at ``place``."""
    return next((at for at, (start, end) in enumerate(window.offsets) if start <= place < end), None)


def _other(windows: Windows, question: str, above: str, text: str, group: int) -> Item:
    window = windows.of(question, above, text)[0]
    return Item(group, window.ids, window.first, 0, 0)


def _packed(groups: Sequence[list[Item]], tokens: int, chance: random.Random) -> Iterator[list[Item]]:
    """Groups of about the same length together, few shapes in all: each new one costs a compilation."""
    by_length: dict[int, list[list[Item]]] = {}
    for group in groups:
        by_length.setdefault(_padded(group), []).append(group)
    left: list[list[Item]] = []
    for length in sorted(by_length):
        left += by_length[length]
        chance.shuffle(left)
        rows = tokens // length
        while sum(map(len, left)) >= rows:
            yield _filled(left, rows)
    if left:
        yield [item for group in left for item in group]


def _padded(group: Sequence[Item]) -> int:
    """The length of its longest window, rounded up."""
    return -(-max(len(item.ids) for item in group) // _STEP) * _STEP


def _filled(left: list[list[Item]], rows: int) -> list[Item]:
    """At most ``rows`` windows in whole groups, taken off the end of ``left``; one fewer if none fits."""
    batch: list[Item] = []
    while len(batch) < rows:
        fits = [at for at in range(len(left)) if len(left[at]) <= rows - len(batch)]
        if not fits:
            break
        batch += left.pop(fits[-1])
    return batch


def _batch(items: Sequence[Item]) -> Batch:
    longest = _padded(items)
    ids = np.full((len(items), longest), PAD, dtype=np.int64)
    mask = np.zeros_like(ids)
    passage = np.zeros(ids.shape, dtype=bool)
    for row, item in enumerate(items):
        ids[row, : len(item.ids)] = item.ids
        mask[row, : len(item.ids)] = 1
        passage[row, item.first : len(item.ids) - 1] = True
    start = np.array([item.start for item in items], dtype=np.int64)
    end = np.array([item.end for item in items], dtype=np.int64)
    return Batch(ids, mask, passage, start, end, np.array([item.group for item in items], dtype=np.int64))
