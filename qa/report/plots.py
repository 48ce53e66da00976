"""The report's plots as SVG to stand inside the page.

The drawings carry no font and no colour of their own: text stays text in the font of the page, and
colours are its variables, so that one drawing serves light and dark. The same numbers give the same
bytes. Each function returns one ``<svg>`` element; ``label`` is what a screen reader says of it.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any

from qa.metrics import percentile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["bars", "calibration", "latency", "risk_coverage"]

# Colours that stand for the page's variables until the drawing is finished.
_INK, _MUTED, _LINE, _ACCENT, _WARM = "#010101", "#020202", "#030303", "#040404", "#050505"
_VARIABLES = {_INK: "--ink", _MUTED: "--muted", _LINE: "--line", _ACCENT: "--accent", _WARM: "--warm"}

_WIDTH, _HEIGHT = 4.3, 2.9  # inches of 72 units: letters of 10 units are 10 px on a narrow phone
_FRAME = (0.12, 0.17, 0.85, 0.71)  # left, bottom, width, height, as shares of the drawing
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "qa",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _MUTED,
    "axes.labelsize": 10,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": False,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "xtick.labelcolor": _MUTED,
    "ytick.labelcolor": _MUTED,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


def risk_coverage(points: Sequence[tuple[float, float]], chosen: tuple[float, float] | None) -> str:
    """The curve of ``(coverage, risk)`` and the point that the threshold chose, None if it answers nothing.

    The broken line is the risk of answering everything.
    """
    coverage, risk = [point[0] for point in points], [point[1] for point in points]

    def draw(axes: Axes) -> None:
        axes.axhline(risk[-1], color=_MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.plot(coverage, risk, color=_ACCENT, linewidth=2)
        if chosen is not None:
            axes.plot(*([value] for value in chosen), "o", color=_WARM, markersize=7)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, max(*risk, 0.05) * 1.12)
        _shares(axes, x=True)
        _name(axes, "作答的比例 coverage", "答错的比例 risk")

    return _drawn("risk", "风险覆盖曲线 risk by coverage", draw)


def calibration(bins: Sequence[tuple[float, float]]) -> str:
    """Points of ``(mean confidence, share right)`` on the square; the broken line is perfect calibration."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=_MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.plot(
            [confidence for confidence, _ in bins],
            [right for _, right in bins],
            color=_ACCENT,
            linewidth=1.5,
            marker="o",
            markersize=5,
            clip_on=False,
            zorder=3,
        )
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        _shares(axes, x=True)
        _name(axes, "把握 confidence", "答对的比例 share right")

    return _drawn("calibration", "校准曲线 share right by confidence", draw)


_CELLS = 30  # bars of the histogram
_FARTHEST = 4  # times the 95th percentile: slower questions share the last bar, or one would flatten the rest


def latency(times: Sequence[float]) -> str:
    """Milliseconds of each question (at least one) as a histogram, with its median and 95th percentile."""
    middle, most = percentile(times, 50) or 0.0, percentile(times, 95) or 0.0
    limit = max(min(max(times), _FARTHEST * most), 1.0)

    def draw(axes: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        axes.hist([min(time, limit) for time in times], bins=_CELLS, range=(0, limit), color=_ACCENT)
        for mark in (middle, most):
            axes.axvline(mark, color=_INK, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.set_xlim(0, limit * 1.02)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.grid(visible=False, axis="x")
        _name(axes, "毫秒 milliseconds", "题数 questions")

    return _drawn("latency", "耗时分布 latency", draw)


def bars(counts: Sequence[tuple[str, int]]) -> str:
    """Horizontal bars, a row each in the order given, its label above it and its number at its end."""
    most = max(count for _, count in counts)
    row = 0.42  # inches

    def draw(axes: Axes) -> None:
        positions = list(range(len(counts)))
        axes.barh(positions, [count for _, count in counts], height=0.34, color=_ACCENT)
        for position, (label, count) in zip(positions, counts, strict=True):
            axes.text(0, position - 0.27, label, va="bottom", ha="left")
            axes.text(count + most * 0.015, position, str(count), va="center_baseline", ha="left")
        axes.set_xlim(0, most * 1.12)
        axes.set_ylim(len(counts) - 0.7, -0.8)
        axes.set_axis_off()

    height = row * (len(counts) + 0.1)
    return _drawn("causes", "失误原因 causes", draw, height=height, frame=(0.01, 0.0, 0.98, 1.0))


def _shares(axes: Axes, *, x: bool) -> None:
    from matplotlib.ticker import PercentFormatter

    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    if x:
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _name(axes: Axes, below: str, above: str) -> None:
    """Both axes by name, the upright one's above it: Chinese on its side is hard to read."""
    axes.set_xlabel(below)
    axes.text(0, 1.05, above, transform=axes.transAxes, color=_MUTED, ha="left", va="bottom")
    axes.tick_params(length=3)


# ---- from a drawing to an element of the page


def _drawn(
    name: str,
    label: str,
    draw: Callable[[Axes], None],
    *,
    height: float = _HEIGHT,
    frame: tuple[float, float, float, float] = _FRAME,
) -> str:
    with _quiet_style() as new_figure:
        figure = new_figure(figsize=(_WIDTH, height))
        draw(figure.add_axes(frame))
        return _element(figure, name, label)


@contextmanager
def _quiet_style() -> Iterator[type[Figure]]:
    """matplotlib with its own defaults and ours, whatever the user's settings are."""
    from matplotlib import rc_context, style
    from matplotlib.figure import Figure

    with warnings.catch_warnings(), style.context("default"), rc_context(_STYLE):
        # The page's font draws the letters; matplotlib measures with its own, which has no Han characters.
        warnings.filterwarnings("ignore", r"Glyph \d+", UserWarning)
        yield Figure


_NOWHERE = {"Date": None, "Creator": None, "Format": None, "Type": None}
_NAMES = re.compile(r'(?<= id=")|(?<=url\(#)|(?<=href="#)')
_LEFT_OUT = re.compile(
    r"""<defs>\s*<style.*?</style>\s*</defs>\s*|\sxmlns(?::\w+)?="[^"]*"|;?\s?font-family:[^;"]*""", re.DOTALL
)


def _element(figure: Figure, name: str, label: str) -> str:
    """The drawing as one element whose ids are its own in the page."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata=_NOWHERE)
    drawing = file.getvalue()
    drawing = _LEFT_OUT.sub("", drawing[drawing.index("<svg") :])
    drawing = _NAMES.sub(f"{name}-", drawing)
    for colour, variable in _VARIABLES.items():
        drawing = drawing.replace(colour, f"var({variable})")
    return drawing.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1).strip()
