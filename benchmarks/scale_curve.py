"""The runs of ``benchmarks.scale`` as one file, a table, growth between sizes, and a picture."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MEASURES", "REACH", "Growth", "Measure", "growth", "keep", "load", "picture", "reached", "table"]

Run = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measure:
    """One row of the table: its names, where it lies in a run, and how it is written."""

    chinese: str
    english: str
    path: str
    form: str = "{:,.0f}"

    def of(self, run: Run) -> float | None:
        """Its value; None where the run has none."""
        found: Any = run
        for name in self.path.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        return None if found is None else float(found)

    def text(self, run: Run) -> str:
        """Its value as it is printed."""
        found = self.of(run)
        return "–" if found is None else self.form.format(found)


BUILD = Measure("建索引，秒", "build, s", "build.seconds", "{:,.1f}")
OPEN = Measure("冷启动打开，毫秒", "cold open, ms", "open.index_ms")
P50 = Measure("检索 p50，毫秒", "retrieval p50, ms", "query.again.p50", "{:.1f}")
P95 = Measure("检索 p95，毫秒", "retrieval p95, ms", "query.again.p95", "{:.1f}")
LEXICAL = Measure("仅 BM25 p95，毫秒", "BM25 alone p95, ms", "legs.bm25.p95", "{:.1f}")
DENSE = Measure("仅向量 p95，毫秒", "vectors alone p95, ms", "legs.dense.p95", "{:.1f}")
RESIDENT = Measure("常驻内存峰值，MB", "peak resident memory, MB", "memory_mb.peak")
DISK = Measure("磁盘，MB", "disk, MB", "disk_mb.index")
RECALL = Measure("近似检索 Recall@10", "Recall@10 of the vector index", "recall.Recall@10", "{:.4f}")

MEASURES = (
    Measure("段落", "passages", "passages"),
    BUILD,
    Measure("建索引内存峰值，MB", "peak memory of the build, MB", "build.peak_mb.own"),
    DISK,
    OPEN,
    P50,
    P95,
    Measure("首次提问 p95，毫秒", "first asked, p95, ms", "query.first.p95", "{:.1f}"),
    LEXICAL,
    DENSE,
    RESIDENT,
    RECALL,
)
GROWING = (BUILD, DISK, OPEN, P50, P95, RESIDENT)
# What issue 7 asks for at a million passages: at most, or for Recall@10 at least.
REACH = ((P95, 60.0), (RESIDENT, 3000.0), (OPEN, 1000.0), (RECALL, 0.97))


@dataclass(frozen=True, slots=True)
class Growth:
    """How a measure grows from one size to the next: ``factor`` for ``by`` times the passages."""

    measure: Measure
    start: int
    end: int
    factor: float
    by: float

    @property
    def exponent(self) -> float:
        """1 is as fast as the passages; below 1 it is slower."""
        return math.log(self.factor) / math.log(self.by)

    def __str__(self) -> str:
        way = f"{_short(self.start)} → {_short(self.end)}"
        grown = f"×{self.factor:.2g} for ×{self.by:.3g}, exponent {self.exponent:.2f}"
        return f"{self.measure.chinese} {self.measure.english}, {way}: {grown}"


def load(path: Path) -> list[dict[str, Any]]:
    """The runs that a file holds, by size; none where there is no file."""
    if not path.exists():
        return []
    runs: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["runs"]
    return sorted(runs, key=lambda run: int(run["size"]))


def keep(path: Path, run: Run) -> list[dict[str, Any]]:
    """Put a run into a file, in the place of an earlier one of its size; all that are there now."""
    others = [other for other in load(path) if other["size"] != run["size"]]
    runs = sorted([*others, dict(run)], key=lambda each: int(each["size"]))
    text = json.dumps({"runs": runs}, ensure_ascii=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
    return runs


def table(runs: Sequence[Run]) -> str:
    """A Markdown table: a row each measure, a column each size."""
    head = " | ".join(_short(int(run["size"])) for run in runs)
    lines = [f"| | {head} |", f"|---|{'---:|' * len(runs)}"]
    for measure in MEASURES:
        cells = " | ".join(measure.text(run) for run in runs)
        lines.append(f"| {measure.chinese} {measure.english} | {cells} |")
    return "\n".join(lines)


def growth(runs: Sequence[Run]) -> list[Growth]:
    """How each growing measure goes from each size to the next, by the passages that there really are."""
    found = []
    for measure in GROWING:
        for before, after in itertools.pairwise(runs):
            values = measure.of(before), measure.of(after)
            by = after["passages"] / before["passages"]
            if values[0] and values[1] and by > 1:
                factor = values[1] / values[0]
                found.append(Growth(measure, int(before["size"]), int(after["size"]), factor, by))
    return found


def reached(runs: Sequence[Run]) -> list[str]:
    """A line each for what is asked of a million passages; none without such a run."""
    whole = [run for run in runs if int(run["size"]) == 1_000_000]
    return [
        f"{'✓' if _within(measure, run, limit) else '✗'} {measure.chinese} {measure.english}: "
        f"{measure.text(run)} ({'≥' if measure is RECALL else '≤'} {measure.form.format(limit)})"
        for run in whole
        for measure, limit in REACH
    ]


def _within(measure: Measure, run: Run, limit: float) -> bool:
    value = measure.of(run)
    if value is None:
        return False
    return value >= limit if measure is RECALL else value <= limit


def _short(size: int) -> str:
    """``1k``, ``100k``, ``1M``; any other number with commas."""
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if size >= unit and size % unit == 0:
            return f"{size // unit}{letter}"
    return f"{size:,}"


# ---- the picture

_BLUE, _SAND, _GREEN, _INK, _MUTED, _LINE = "#2f6690", "#c98b3b", "#5b8e7d", "#22313f", "#66727d", "#dfe4e8"
_FONTS = ("NotoSansCJK-Regular", "NotoSansSC-Regular", "SourceHanSansSC-Regular", "wqy-zenhei", "simhei")
_STYLE: dict[Any, Any] = {
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _MUTED,
    "axes.titlecolor": _INK,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": False,
    "grid.color": _LINE,
    "grid.linewidth": 0.7,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "figure.facecolor": "white",
    "legend.frameon": False,
}
Panel = tuple[str, str, str, tuple[tuple[Measure, str], ...]]
_PANELS: tuple[Panel, ...] = (
    ("检索耗时", "retrieval", "ms", ((P95, _BLUE), (P50, _GREEN), (LEXICAL, _SAND), (DENSE, _MUTED))),
    ("内存与磁盘", "memory and disk", "MB", ((RESIDENT, _BLUE), (DISK, _SAND))),
    ("建索引", "build", "s", ((BUILD, _BLUE),)),
    ("冷启动打开", "cold open", "ms", ((OPEN, _BLUE),)),
)


def picture(runs: Sequence[Run], path: Path) -> None:
    """Four curves over the number of passages, both axes logarithmic; PNG."""
    from matplotlib import rc_context, style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    font = _chinese_font()
    own: dict[Any, Any] = {"font.family": ["DejaVu Sans"] if font is None else [font, "DejaVu Sans"]}
    with style.context("default"), rc_context(_STYLE | own):
        figure = Figure(figsize=(9.6, 7.0), layout="constrained")
        FigureCanvasAgg(figure)
        for axes, panel in zip(figure.subplots(2, 2).flat, _PANELS, strict=True):
            _draw(axes, runs, panel, _named(chinese=font is not None))
        figure.savefig(path, dpi=150, metadata={"Software": None})


def _chinese_font() -> str | None:
    """A font of this machine that has Han characters; without one the picture is in English."""
    from matplotlib import font_manager

    # matplotlib's own list is kept from its first start on, and knows no font that came later.
    for path in sorted(font_manager.findSystemFonts()):
        if Path(path).stem in _FONTS:
            font_manager.fontManager.addfont(path)
            return str(font_manager.FontProperties(fname=path).get_name())
    return None


def _named(*, chinese: bool) -> Callable[[str, str], str]:
    return lambda first, second: f"{first} {second}" if chinese else second


def _draw(axes: Axes, runs: Sequence[Run], panel: Panel, name: Callable[[str, str], str]) -> None:
    title, english, unit, measures = panel
    for measure, colour in measures:
        points = [(run["passages"], value) for run in runs if (value := measure.of(run)) is not None]
        if points:
            label = name(measure.chinese.split("，")[0], measure.english.rpartition(",")[0])
            axes.plot(*zip(*points, strict=True), color=colour, marker="o", markersize=5, label=label)
    axes.set(xscale="log", yscale="log", title=f"{name(title, english)} ({unit})")
    axes.set_xlabel(name("段落", "passages"))
    axes.tick_params(which="both", length=0)
    _label_ticks(axes, runs)
    if len(measures) > 1:
        axes.legend(fontsize=8.5)


def _label_ticks(axes: Axes, runs: Sequence[Run]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_xticks([run["passages"] for run in runs], [_short(int(run["size"])) for run in runs])
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.15g}"))
