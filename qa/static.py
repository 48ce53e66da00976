"""A table of vectors in place of a network: some hundred times as fast as the bundled encoder, and weaker.

A text's vector is the sum of the rows of its characters, its pairs of characters and its triples, as far as
the table has them, scaled to length 1. The table is learnt from questions and the passages that answer them
(``training/make_static.py``). Rows are whole numbers, so their sum is the same in any order and any company.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from qa.onnx import available_threads, open_folder
from qa.text import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from qa.types import TextKind, Vectors

__all__ = ["GRAMS", "ROWS", "STATIC", "Grams", "StaticEncoder", "packed", "unpacked"]

STATIC: Final = "static"
GRAMS: Final = "grams.txt"  # a gram a line
ROWS: Final = "rows.bin"  # see ``packed``
_SHIPPED: Final = Path(__file__).parent / "models" / STATIC
_LONGEST: Final = 20_000  # characters of a text; what is behind them is cut
_BLOCK: Final = 64  # texts that are looked up at once: their arrays stay in the processor's cache
_BREAK: Final = "\n"  # stands between two texts; is in no gram
_STEPS: Final = 15  # the largest step of a row: 8 of them still fit a byte


class StaticEncoder:
    """The table in ``qa/models/static``; NumPy alone. Questions and passages are treated alike."""

    def __init__(self, folder: Path = _SHIPPED, *, threads: int | None = None) -> None:
        """Checks the model's files; raises ModelError where one is missing or damaged.

        ``threads``  how many blocks of texts are worked on at once, by default one a processor
        """
        self._folder = open_folder(folder)
        self._threads = available_threads() if threads is None else threads
        self._grams = Grams((folder / GRAMS).read_text("utf-8").split("\n"))
        self._rows = unpacked((folder / ROWS).read_bytes(), self.dim)

    @property
    def name(self) -> str:
        """``static``."""
        return STATIC

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the hashes of all the model's files."""
        return self._folder.fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._folder.config["dim"])

    @property
    def per_second(self) -> int:
        """About how many passages are encoded in a second: fewer are not worth a file of their own."""
        return 8192

    def encode(self, texts: Sequence[str], kind: TextKind) -> Vectors:
        """float32 ``(len(texts), dim)``, unit rows, in order; of a text 20,000 characters count.

        A text of which the table has nothing gets the vector (1, 0, …, 0).
        """
        empty: Vectors = np.empty((0, self.dim), dtype=np.float32)
        return np.concatenate([empty, *self.encode_batches(texts, kind)])

    def encode_batches(
        self, texts: Sequence[str], kind: TextKind, *, size: int = _BLOCK
    ) -> Iterator[Vectors]:
        """The rows of ``encode`` as they come, ``size`` at a time."""
        blocks = [texts[start : start + size] for start in range(0, len(texts), size)]
        if self._threads == 1 or len(blocks) < 2:
            yield from map(self._encode, blocks)
            return
        with ThreadPoolExecutor(min(self._threads, len(blocks)), thread_name_prefix="static") as pool:
            yield from pool.map(self._encode, blocks)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        rows, starts = self._grams.rows(texts)
        sums = np.zeros((len(texts), self.dim), dtype=np.int32)
        for at, total in enumerate(sums):
            self._rows.take(rows[starts[at] : starts[at + 1]], axis=0).sum(axis=0, out=total)
        sums[~sums.any(axis=1), 0] = 1
        exact = sums.astype(np.float64)
        lengths = np.sqrt((exact * exact).sum(axis=1, keepdims=True))
        unit: Vectors = (exact / lengths).astype(np.float32)
        return unit


def packed(rows: NDArray[np.float32]) -> bytes:
    """``rows``, float32 (n, dim) with an even ``dim``, in 4 bits a number and a step a row.

    First the steps, uint8 (n,), then uint8 (n, dim / 2): the low half of byte j is number j, the high half
    number j + dim / 2, both plus 8. A number is what is kept times the row's step. Steps are whole numbers of
    one unit for the whole table, which does not matter to a cosine; of the steps that fit, the nearest is
    taken.
    """
    largest = np.abs(rows).max(axis=1)
    unit = np.float32(max(float(np.quantile(largest, 0.999)), 1e-12) / (7 * _STEPS))
    best = np.zeros(len(rows), dtype=np.uint8)
    least = (rows * rows).sum(axis=1)
    for step in range(1, _STEPS + 1):
        wrong = rows - _rounded(rows, unit * step) * (unit * step)
        error = (wrong * wrong).sum(axis=1)
        best[error < least] = step
        least = np.minimum(error, least)
    numbers = (_rounded(rows, unit * np.maximum(best, 1)[:, None]) + 8).astype(np.uint8)
    numbers[best == 0] = 8
    half = rows.shape[1] // 2
    return best.tobytes() + (numbers[:, :half] | numbers[:, half:] << 4).tobytes()


def _rounded(rows: NDArray[np.float32], step: NDArray[np.float32] | np.float32) -> NDArray[np.float32]:
    whole: NDArray[np.float32] = np.clip(np.rint(rows / step), -8, 7)
    return whole


def unpacked(data: bytes, dim: int) -> NDArray[np.int8]:
    """int8 (n, dim): what ``packed`` wrote, in units of the table. Raises ValueError for any other size."""
    whole = np.frombuffer(data, dtype=np.uint8)
    size = len(whole) // (1 + dim // 2)
    halves = whole[size:].reshape(size, dim // 2)
    numbers = np.concatenate([halves & 15, halves >> 4], axis=1).astype(np.int8) - np.int8(8)
    found: NDArray[np.int8] = numbers * whole[:size, None].astype(np.int8)
    return found


class Grams:
    """Which characters, pairs and triples have a row: the row of a gram is its place in ``grams``."""

    def __init__(self, grams: Sequence[str]) -> None:
        """``grams``: of 1 to 3 folded characters, shorter ones first, each once.

        The characters of a longer one, and the first two of a triple, must be there too: KeyError otherwise.
        """
        rows = {gram: row for row, gram in enumerate(grams)}
        pairs = [gram for gram in grams if len(gram) == 2]
        triples = [gram for gram in grams if len(gram) == 3]
        self.size = len(grams)
        self._numbers = _numbers([gram for gram in grams if len(gram) == 1])
        self._pairs = _Table(
            [rows[gram[0]] + 1 << 16 | rows[gram[1]] + 1 for gram in pairs], [rows[gram] for gram in pairs]
        )
        self._triples = _Table(
            [rows[gram[:2]] << 16 | rows[gram[2]] + 1 for gram in triples], [rows[gram] for gram in triples]
        )

    def rows(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The rows of all ``texts`` one after another, and where each text's begin, with the end of the last.

        int32 (found,), int64 (len(texts) + 1,). Of a text the first 20,000 characters count.
        """
        cut = [text[:_LONGEST] for text in texts]
        joined = _BREAK.join([*cut, _BREAK, ""])  # two more, so that the last ones have neighbours as well
        codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        found = self._found(self._numbers[codes])
        known = found >= 0
        ends = np.cumsum(known.sum(axis=1))
        starts = np.cumsum([0, *(len(text) + 1 for text in cut)])
        return found[known], np.concatenate(([0], ends))[starts]

    def _found(self, numbers: NDArray[np.uint32]) -> NDArray[np.int32]:
        """int32 (characters - 2, 3): the rows of the grams that begin at each character, -1 where none is."""
        found = np.empty((len(numbers) - 2, 3), dtype=np.int32)
        found[:, 0] = numbers[:-2].astype(np.int32) - 1
        found[:, 1] = self._pairs.find(numbers[:-2] << np.uint32(16) | numbers[1:-1])
        pairs = np.flatnonzero(found[:, 1] >= 0)
        keys = found[pairs, 1].astype(np.uint32) << np.uint32(16) | numbers[pairs + 2]
        found[:, 2] = -1
        found[pairs, 2] = self._triples.find(keys)
        return found


def _numbers(characters: Sequence[str]) -> NDArray[np.uint32]:
    """uint32 (0x110000,): by code point the number of its folded form in ``characters``, from 1; 0: none."""
    numbers = np.zeros(0x110000, dtype=np.uint32)
    for number, char in enumerate(characters, start=1):
        numbers[ord(char)] = number
    every = "".join(map(chr, (*range(0xD800), *range(0xE000, 0x30000))))
    folded = np.frombuffer(fold(every).encode("utf-32-le"), dtype=np.uint32)
    numbers[np.frombuffer(every.encode("utf-32-le"), dtype=np.uint32)] = numbers[folded]
    return numbers


class _Table:
    """Rows by key, found for a whole array at once.

    Keys that meet in one place of the first table are put into the second, and so on: nothing is searched.
    """

    _FACTOR: Final = np.uint32(2_654_435_761)  # Knuth's multiplicative hash

    def __init__(self, keys: Sequence[int], rows: Sequence[int]) -> None:
        self._keys = np.array([*keys, 0], dtype=np.uint32)  # no key is 0: what is not there points here
        self._rows = np.array([*rows, -1], dtype=np.int32)
        self._levels: list[tuple[np.uint32, NDArray[np.int32]]] = []
        left = np.arange(len(keys), dtype=np.int32)
        while len(left):
            bits = max(8, len(left).bit_length() + 4)
            shift = np.uint32(32 - bits)
            level = np.full(1 << bits, len(keys), dtype=np.int32)
            places = self._places(self._keys[left], shift)
            level[places] = left
            self._levels.append((shift, level))
            left = left[level[places] != left]

    def find(self, keys: NDArray[np.uint32]) -> NDArray[np.int32]:
        """int32 (len(keys),): the row of each key, -1 where there is none."""
        found = np.full(len(keys), -1, dtype=np.int32)
        for shift, level in self._levels:
            at = level[self._places(keys, shift)]
            np.copyto(found, self._rows[at], where=self._keys[at] == keys)
        return found

    def _places(self, keys: NDArray[np.uint32], shift: np.uint32) -> NDArray[np.uint32]:
        return (keys ^ keys >> np.uint32(15)) * self._FACTOR >> shift
