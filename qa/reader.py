"""The trained reader: one run of a small transformer over all passages of a question, spans out.

The model sees question and passage together (``qa.windows``) and gives each piece of the passage how well
a span begins and ends there, each pair of pieces how well they go together as its two ends (a product of
two short vectors), and each window one number, whether it answers at all. All
windows of a question go in together; what one gets does not depend on the others. Which numbers belong to
the model (calibration, threshold, how many passages are worth reading) stands beside it in ``config.json``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from qa.errors import ModelError
from qa.onnx import available_threads, open_folder
from qa.passages import above
from qa.settings import AnswerSettings, EarlyStop
from qa.spans import whole
from qa.types import Passage, Reading, ScoredSpan, Span
from qa.windows import Window, Windows
from qa.words import Segmenter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

__all__ = [
    *("BUNDLED", "EARLY_STOP", "FOLDER", "FORMAT", "GRAPH"),
    *("Calibration", "RawReading", "RawSpan", "SpanReader", "load"),
]

BUNDLED = "bundled"
GRAPH = "reader.onnx"
EARLY_STOP = "early_stop"  # what the rule is called under "settings" in config.json
FORMAT = 2  # of the folder; another number stands for other inputs, outputs or files
FOLDER = Path(__file__).parent / "models" / "reader"
_MOST = 8192  # pieces of one run, or little more: a bound on memory
_LONGEST = 80  # pieces of a span
_ROWS = 32  # starts whose ends are scored in one product
_PER_PASSAGE = 3  # spans of a passage
_surrogate = re.compile("[\ud800-\udfff]")  # halves of a pair, which no tokenizer takes
_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class RawSpan:
    """A span of ``Article.text`` as the model sees it.

    ``logit``  the log-odds of its start, its end and the two together, added
    ``share``  the log of its probability among all spans of its passage, at most 0
    """

    span: Span
    logit: float
    share: float


@dataclass(frozen=True, slots=True)
class RawReading:
    """What the model says of one passage.

    ``relevance``  the highest of its windows' log-odds that it answers at all
    ``spans``      best first, apart from each other, at most three
    """

    relevance: float
    spans: tuple[RawSpan, ...] = ()


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights that turn a raw span into log-odds of being right; fitted on tuning questions."""

    bias: float
    relevance: float
    logit: float
    share: float

    def log_odds(self, relevance: float, found: RawSpan) -> float:
        """How likely ``found`` is right, in a passage of this ``relevance``."""
        return self.bias + self.relevance * relevance + self.logit * found.logit + self.share * found.share


class Runs(Protocol):
    """An ONNX session as the reader uses it; a fake has one method."""

    def run(self, **inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """The outputs for the inputs, both as ``training/export_reader.py`` lists them."""
        ...


class _Seen(NamedTuple):
    """A window with the logits of all spans of its passage, float32 ``(pieces, _LONGEST)``.

    ``totals[i, m]`` belongs to the span from piece ``i`` to piece ``i + m``; -inf past the window's end.
    """

    window: Window
    totals: Floats
    relevance: float


class SpanReader:
    """Satisfies ``Reader``. Safe to use from several threads.

    ``threads``  runs that go on side by side, whoever asked for them; None: as many as processors may be
                 used. The readings do not depend on it
    """

    def __init__(
        self,
        session: Runs,
        windows: Windows,
        segmenter: Segmenter,
        *,
        name: str,
        calibration: Calibration,
        settings: AnswerSettings | None = None,
        threads: int | None = None,
    ) -> None:
        self._session, self._windows, self._segmenter = session, windows, segmenter
        self._name, self._calibration = name, calibration
        self._settings = AnswerSettings() if settings is None else settings
        self._threads = available_threads() if threads is None else threads
        # One set of workers for all who ask: more runs than processors would only get in each other's way.
        self._workers = ThreadPoolExecutor(self._threads, "reader")

    @property
    def name(self) -> str:
        """Shown in ``Answer.index``."""
        return self._name

    @property
    def settings(self) -> AnswerSettings:
        """How answers are chosen with this reader, as its folder states."""
        return self._settings

    @property
    def calibration(self) -> Calibration:
        """What turns its outputs into log-odds, as its folder states."""
        return self._calibration

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """One reading per passage; ``relevance`` is its best span's score, log-odds of being right.

        ``relevance`` is -inf where a passage holds nothing that could be quoted.
        """
        return [self._reading(raw) for raw in self.raw(question, passages)]

    def raw(self, question: str, passages: Sequence[Passage]) -> list[RawReading]:
        """What the model says of each passage, in order, before calibration."""
        asked = _readable(question)
        cut = [self._windows.of(asked, _readable(above(p)), _readable(p.text)) for p in passages]
        seen = iter(self._seen([window for windows in cut for window in windows]))
        return [
            self._raw(passage, [next(seen) for _ in windows])
            for passage, windows in zip(passages, cut, strict=True)
        ]

    def _reading(self, raw: RawReading) -> Reading:
        scored = [ScoredSpan(s.span, self._calibration.log_odds(raw.relevance, s)) for s in raw.spans]
        spans = tuple(sorted(scored, key=lambda found: -found.score))
        return Reading(spans[0].score if spans else -inf, spans)

    def _raw(self, passage: Passage, seen: Sequence[_Seen]) -> RawReading:
        offsets = _offsets(seen)
        found: list[RawSpan] = []
        totals = _together(seen, len(offsets))
        norm = _log_sum_exp(totals)
        for first, last, logit in _best_spans(totals):
            span = self._whole(passage, Span(offsets[first][0], offsets[last][1]))
            if span is not None and not any(span.overlaps(better.span) for better in found):
                found.append(RawSpan(span, logit, logit - norm))
        return RawReading(max(each.relevance for each in seen), tuple(found))

    def _whole(self, passage: Passage, span: Span) -> Span | None:
        """``span`` of the passage's text in the article's, nothing cut; None where it holds no word."""
        if not any(char.isalnum() for char in span.of(passage.text)):
            return None
        text = passage.article.text
        return whole(text, span.shift(passage.span.start), passage.span, self._segmenter)

    def _seen(self, windows: Sequence[Window]) -> list[_Seen]:
        """Each window with the model's outputs, in order."""
        batches = _batches([len(window.ids) for window in windows], self._threads)

        def run(batch: Sequence[int]) -> list[_Seen]:
            return _outputs(self._session, [windows[at] for at in batch])

        done = zip(batches, self._workers.map(run, batches), strict=True)
        found = {at: seen for batch, group in done for at, seen in zip(batch, group, strict=True)}
        return [found[at] for at in range(len(windows))]


def load(
    name: str | None = None, *, segmenter: Segmenter | None = None, threads: int | None = None
) -> SpanReader:
    """The reader in the folder ``name``; None or ``bundled`` for the one that ships with the package.

    Raises ModelError where there is no such folder, where a file in it is missing or damaged, and where
    its ``config.json`` does not describe a reader.
    """
    folder = FOLDER if name is None or name == BUNDLED else Path(name).expanduser()
    if not folder.is_dir():
        raise ModelError(
            f"{name or folder}: no such folder; name one that training.export_reader wrote, or {BUNDLED}"
        )
    opened = open_folder(folder)
    config = _Config(folder / "config.json", opened.config)
    size, overlap = config.number("windows", "size", int), config.number("windows", "overlap", int)
    return SpanReader(
        opened.session(GRAPH),
        Windows(opened.tokenizer(), size=size, overlap=overlap),
        Segmenter() if segmenter is None else segmenter,
        name=config.name,
        calibration=config.calibration,
        settings=config.settings,
        threads=threads,
    )


class _Config:
    """A reader's ``config.json``; raises ModelError, naming what is wrong, where it is another model's."""

    def __init__(self, path: Path, content: Mapping[str, Any]) -> None:
        self._path, self._content = path, content
        if content.get("format") != FORMAT:
            raise self._wrong(f'"format" is {content.get("format")!r}, not {FORMAT}')
        if not {GRAPH, "tokenizer.json"} <= set(content["sha256"]):
            raise self._wrong(f'"sha256" does not name {GRAPH} and tokenizer.json')

    @property
    def name(self) -> str:
        name = self._content.get("name")
        if not isinstance(name, str) or not name:
            raise self._wrong('needs a "name"')
        return name

    @property
    def calibration(self) -> Calibration:
        names = Calibration.__dataclass_fields__
        return Calibration(**{name: self.number("calibration", name, float) for name in names})

    @property
    def settings(self) -> AnswerSettings:
        return AnswerSettings(
            read=self.number("settings", "read", int),
            rank_weight=self.number("settings", "rank_weight", float),
            threshold=self.number("settings", "threshold", float),
            early_stop=self._early_stop(),
        )

    def _early_stop(self) -> EarlyStop | None:
        """The rule that ``training/early_stop.py`` found for these settings, if it was asked for one."""
        if EARLY_STOP not in self._content["settings"]:
            return None
        found = _Config(self._path, {**self._content, **self._content["settings"]})
        first, confidence = (
            found.number(EARLY_STOP, "first", int),
            found.number(EARLY_STOP, "confidence", float),
        )
        try:
            return EarlyStop(first, confidence)
        except ValueError as error:
            raise self._wrong(f'"{EARLY_STOP}": {error}') from error

    def number(self, group: str, name: str, kind: Callable[[Any], _Number]) -> _Number:
        """The number ``name`` of ``group``."""
        numbers = self._content.get(group)
        value = numbers.get(name) if isinstance(numbers, dict) else None
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise self._wrong(f'needs a number "{name}" under "{group}"')
        return kind(value)

    def _wrong(self, what: str) -> ModelError:
        remedy = f"name a folder that training.export_reader of this version wrote, or {BUNDLED}"
        return ModelError(f"{self._path}: not a reader's description ({what}); {remedy}")


def _readable(text: str) -> str:
    return _surrogate.sub("\ufffd", text)


def _batches(lengths: Sequence[int], parts: int) -> list[list[int]]:
    """Which windows run together: ``parts`` runs of like size, more where they would be large.

    The longest windows are dealt out first, each to the run with the least so far (Graham 1969).
    """
    parts = min(max(parts, -(-sum(lengths) // _MOST)), len(lengths))
    batches: list[list[int]] = [[] for _ in range(parts)]
    sizes = [0] * parts
    for at in sorted(range(len(lengths)), key=lambda at: (-lengths[at], at)):
        least = sizes.index(min(sizes))
        batches[least].append(at)
        sizes[least] += lengths[at]
    return batches


def _outputs(session: Runs, windows: Sequence[Window]) -> list[_Seen]:
    """The model's outputs for ``windows``, in order, from one run."""
    lengths = np.array([len(window.ids) for window in windows])
    *pieces, relevance = session.run(**_inputs(windows, lengths))
    first = np.cumsum(lengths) - lengths + [window.first for window in windows]
    return [
        _Seen(window, _totals(*(values[at : at + len(window.offsets)] for values in pieces)), float(score))
        for window, at, score in zip(windows, first, relevance, strict=True)
    ]


def _inputs(windows: Sequence[Window], lengths: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """What the graph takes; its names are explained in ``training/export_reader.py``."""
    ends = np.cumsum(lengths)
    return {
        "ids": np.concatenate([np.array(window.ids, np.int64) for window in windows]),
        "positions": np.concatenate([np.arange(length) for length in lengths]),
        "starts": (ends - lengths)[:, None],
        "ends": ends[:, None],
    }


def _offsets(seen: Sequence[_Seen]) -> list[tuple[int, int]]:
    """Where each piece of a passage lies in it, from windows that share some."""
    offsets: list[tuple[int, int]] = []
    for each in seen:
        offsets += each.window.offsets[len(offsets) - each.window.at :]
    return offsets


def _totals(start: Floats, end: Floats, opens: Floats, closes: Floats) -> Floats:
    """The logits of all spans of one window, as ``_Seen`` has them.

    ``opens`` and ``closes`` have one row a piece; the others one number.
    """
    # Row by row of blocks, past which no span reaches: each product is small enough for NumPy's BLAS not to
    # wake its threads, which go on spinning on the processors that the model's runs need.
    pieces = len(start)
    wide = np.full((pieces, pieces + _LONGEST), -inf, np.float32)
    for at in range(0, pieces, _ROWS):
        rows, columns = slice(at, at + _ROWS), slice(at, min(at + _ROWS + _LONGEST, pieces))
        wide[rows, columns] = opens[rows] @ closes[columns].T + start[rows, None] + end[columns]
    row = np.arange(pieces)
    totals: Floats = sliding_window_view(wide, _LONGEST, axis=1)[row, row]
    return totals


def _together(seen: Sequence[_Seen], pieces: int) -> Floats:
    """The logits of all spans of a passage; where windows share one, the higher counts."""
    totals = np.full((pieces, _LONGEST), -inf, np.float32)
    for each in seen:
        here = totals[each.window.at : each.window.at + len(each.totals)]
        np.maximum(here, each.totals, out=here)
    return totals


def _log_sum_exp(totals: Floats) -> float:
    """Of all numbers in ``totals``; 0 where there is none."""
    if not len(totals):
        return 0.0
    largest = totals.max()
    return float(largest + np.log(np.exp(totals - largest).sum(dtype=np.float64)))


def _best_spans(totals: Floats) -> list[tuple[int, int, float]]:
    """First and last piece and logit of the best spans that share no piece, best first."""
    totals = totals.copy()
    found: list[tuple[int, int, float]] = []
    while len(totals) and len(found) < _PER_PASSAGE:
        first, more = divmod(int(totals.argmax()), _LONGEST)
        if totals[first, more] == -inf:
            break
        found.append((first, first + more, float(totals[first, more])))
        _take_out(totals, first, first + more)
    return found


def _take_out(totals: Floats, first: int, last: int) -> None:
    """Leaves out every span that shares a piece with ``[first, last]``."""
    totals[first : last + 1] = -inf
    begin = max(first - _LONGEST + 1, 0)
    reach = np.arange(begin, first)[:, None] + np.arange(_LONGEST)
    totals[begin:first][reach >= first] = -inf
