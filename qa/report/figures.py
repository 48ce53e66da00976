"""The numbers of a run as the report shows them: each as text, the curves with their points."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qa.metrics import confidence_bins, percentile
from qa.report import plots, wording
from qa.runs import CHINESE, flat, shown

if TYPE_CHECKING:
    from qa.evaluation import Outcome, Run

__all__ = [
    "Causes",
    "Count",
    "Fact",
    "Interval",
    "Measure",
    "Plot",
    "Type",
    "calibration",
    "calibration_bins",
    "causes",
    "facts",
    "latency",
    "measures",
    "risk",
    "types",
]

Interval = tuple[float, float]
_Json = Mapping[str, Any]
_CHECKSUM = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Fact:
    """One of the things that were run, by its dotted name."""

    name: str
    value: Any

    @property
    def chinese(self) -> str:
        """Its Chinese name, empty where it has none."""
        return wording.FACTS.get(self.name, "")

    @property
    def shown(self) -> str:
        """The value as text; checksums by their beginning."""
        if isinstance(self.value, bool):
            return "是 yes" if self.value else "否 no"
        text = str(self.value)
        return text[:16] + "…" if _CHECKSUM.fullmatch(text) else text


def facts(about: _Json) -> list[Fact]:
    """What the run says of itself; left out is what is unknown, and the doubts, which the questions tell."""
    return [
        Fact(name, value)
        for name, value in flat(about)
        if value is not None and not name.startswith("doubts.")
    ]


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of the run with its 95% interval. ``name``: dotted, in the summary or in one type."""

    name: str
    value: float | None
    interval: Interval | None = None

    @property
    def chinese(self) -> str:
        """Its Chinese name, empty where it has none."""
        return CHINESE.get(self.name, "")

    @property
    def shown(self) -> str:
        """The value as text."""
        return shown(self.name, self.value)

    @property
    def range(self) -> str:
        """The interval as text, empty without one."""
        if self.interval is None:
            return ""
        low, high = self.interval
        return f"{shown(self.name, low)}–{shown(self.name, high)}"

    @property
    def share(self) -> bool:
        """Whether it lies between 0 and 1, so that it can be drawn on that scale."""
        return isinstance(self.value, float) and not self.name.startswith("latency_ms.")


def measures(summary: _Json, intervals: Mapping[str, Interval]) -> list[Measure]:
    """The measures of the summary, in its order."""
    return [Measure(name, value, intervals.get(name)) for name, value in flat(summary)]


@dataclass(frozen=True, slots=True)
class Type:
    """The questions of one type. ``key``: what the page's filter calls it; ``missed``: how many were."""

    key: str
    name: str
    measures: tuple[Measure, ...]
    missed: int


def types(run: _Json, keys: Mapping[str | None, str], intervals: Mapping[str, Interval]) -> list[Type]:
    """The types of a run's JSON; intervals are named ``by_type.date.F1``."""
    missed = Counter(question["type"] for question in run["questions"] if question["cause"] is not None)
    return [
        Type(
            keys[kind],
            kind,
            tuple(
                Measure(name, value, intervals.get(f"by_type.{kind}.{name}")) for name, value in flat(scores)
            ),
            missed[kind],
        )
        for kind, scores in run["by_type"].items()
    ]


# ---- curves


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing, the line under it in two languages, and its points: names of the columns, and rows."""

    drawing: str
    note: str
    english: str
    table: tuple[tuple[str, ...], tuple[tuple[str, ...], ...]] | None = None


def risk(run: Run) -> Plot:
    """Risk by coverage, with what the threshold of the run chose."""
    points = run.curve()
    answered = [outcome for outcome in run.outcomes if not outcome.answer.abstained]
    chosen = None
    note = f"虚线：全部作答时答错 {_percent(points[-1][1])}。"
    english = f"Broken line: {_percent(points[-1][1])} wrong if everything is answered."
    if answered:
        wrong = sum(not outcome.right for outcome in answered) / len(answered)
        chosen = (len(answered) / len(run.outcomes), wrong)
        note += f"圆点：作答 {_percent(chosen[0])}，其中答错 {_percent(wrong)}。"
        english += f" Dot: {_percent(chosen[0])} answered, {_percent(wrong)} of them wrong."
    rows = tuple((_percent(share), _percent(_risk_at(points, share))) for share in _COVERAGES)
    table = (("作答 coverage", "答错 risk"), rows)
    return Plot(plots.risk_coverage(points, chosen), note, english, table)


_COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def _risk_at(points: Sequence[tuple[float, float]], coverage: float) -> float:
    """The risk where at least ``coverage`` of the questions are answered."""
    return points[math.ceil(len(points) * coverage) - 1][1]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def calibration(outcomes: Sequence[Outcome], error: float | None) -> Plot:
    """Share of right candidates by confidence. ``error``: the run's ECE."""
    bins = calibration_bins(
        [outcome.answer.confidence for outcome in outcomes], [outcome.right for outcome in outcomes]
    )
    rows = tuple((str(count), f"{confidence:.3f}", f"{right:.3f}") for count, confidence, right in bins)
    note = f"按把握分成题数相等的 {len(bins)} 组；虚线：把握与答对的比例相等。"
    english = f"Groups of equal size by confidence: {len(bins)}. Broken line: confidence is the share right."
    if error is not None:
        note += f"校准误差 ECE {error:.3f}。"
    return Plot(
        plots.calibration([(confidence, right) for _, confidence, right in bins]),
        note,
        english,
        (("题数 n", "把握 confidence", "答对 right"), rows),
    )


def calibration_bins(
    confidences: Sequence[float], right: Sequence[bool], bins: int = 10
) -> list[tuple[int, float, float]]:
    """``(n, mean confidence, share right)`` of the bins of equal count that ECE is measured over.

    By falling confidence; see :func:`qa.metrics.confidence_bins`.
    """
    return [
        (
            len(group),
            math.fsum(confidence for confidence, _ in group) / len(group),
            math.fsum(truth for _, truth in group) / len(group),
        )
        for group in confidence_bins(confidences, right, bins)
    ]


def latency(outcomes: Sequence[Outcome]) -> Plot | None:
    """Milliseconds of the questions as they were asked; None if no question was timed."""
    times = [
        outcome.answer.timings_ms["total"] for outcome in outcomes if "total" in outcome.answer.timings_ms
    ]
    if not times:
        return None
    middle, most = (percentile(times, share) or 0.0 for share in (50, 95))
    note = f"虚线：中位 {middle:.0f} 毫秒，九五分位 {most:.0f} 毫秒；最慢 {max(times):.0f} 毫秒，"
    note += "太慢的都算在最后一格。"
    english = "Broken lines: median and 95th percentile. The last bar also counts what is slower."
    return Plot(plots.latency(times), note, english)


# ---- causes


@dataclass(frozen=True, slots=True)
class Count:
    """How many questions one cause lost."""

    name: str
    count: int

    @property
    def chinese(self) -> str:
        """The cause in Chinese, or its name."""
        return CHINESE.get(self.name, self.name)


@dataclass(frozen=True, slots=True)
class Causes:
    """All misses by cause, most first. ``drawing``: None without misses."""

    counts: tuple[Count, ...]
    drawing: str | None

    @property
    def total(self) -> int:
        """How many questions were missed."""
        return sum(cause.count for cause in self.counts)

    @property
    def names(self) -> dict[str, str]:
        """Each cause in Chinese."""
        return {cause.name: cause.chinese for cause in self.counts}


def causes(questions: Sequence[_Json]) -> Causes:
    """The causes of a run's ``questions``."""
    found = Counter(question["cause"] for question in questions if question["cause"] is not None)
    counts = tuple(
        Count(name, count) for name, count in sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    )
    rows = [
        (cause.chinese if cause.chinese == cause.name else f"{cause.chinese} {cause.name}", cause.count)
        for cause in counts
    ]
    return Causes(counts, plots.bars(rows) if rows else None)
