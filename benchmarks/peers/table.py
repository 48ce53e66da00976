"""The comparison as a Markdown table: what was measured, and as a ratio to this project."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.peers.measure import Comparison

__all__ = ["MEASURES", "Measure", "ahead", "table"]

MISSING = "–"


@dataclass(frozen=True, slots=True)
class Measure:
    """A row of the table.

    ``scale``   what a value is multiplied with to be shown
    ``more``    whether more is better
    ``varies``  whether it differs from round to round or from machine to machine, so that a ratio tells
    """

    name: str
    label: str
    scale: float = 1.0
    digits: int = 0
    more: bool = False
    varies: bool = True

    def shown(self, value: float | None) -> str:
        """``value`` as it is shown."""
        return MISSING if value is None else f"{value * self.scale:,.{self.digits}f}"


MEASURES = (
    Measure("cold", "冷启动到第一个回答 cold start to the first answer, s", digits=2),
    Measure("indexing", "建索引 indexing, passages/s", digits=1, more=True),
    Measure("Recall@1", "Recall@1", digits=3, more=True, varies=False),
    Measure("Recall@5", "Recall@5", digits=3, more=True, varies=False),
    Measure("MRR@10", "MRR@10", digits=3, more=True, varies=False),
    Measure("EM", "答案 answers, EM", digits=3, more=True, varies=False),
    Measure("F1", "答案 answers, F1", digits=3, more=True, varies=False),
    Measure("p50", "回答用时 answering, p50, ms", scale=1000),
    Measure("p95", "回答用时 answering, p95, ms", scale=1000),
    Measure("memory", "内存峰值，回答 peak memory, answering, MB", scale=1e-6),
    Measure("indexing memory", "内存峰值，建索引 peak memory, indexing, MB", scale=1e-6),
    Measure("disk", "索引大小 index on disk, MB", scale=1e-6, digits=1),
    Measure("installed", "安装大小，含模型 installed, with models, MB", scale=1e-6),
)


def table(found: Comparison, ours: str) -> str:
    """A column a system, ``ours`` first; in brackets its value as a multiple of ours."""
    systems = [ours, *(name for name in found.runs if name != ours)]
    rows = [
        [measure.label, *(_cell(found, measure, system, ours) for system in systems)] for measure in MEASURES
    ]
    head = [_title(found), *(f"{name}{_version(found, name)}" for name in systems)]
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def ahead(found: Comparison, ours: str) -> list[str]:
    """Each measure on which another system is ahead of ``ours``, in one line each."""
    return [
        f"{system}: {measure.label}: {measure.shown(theirs)}, {ours} {measure.shown(own)}"
        for system in found.runs
        for measure in MEASURES
        if system != ours
        and (theirs := found.median(system, measure.name)) is not None
        and (own := found.median(ours, measure.name)) is not None
        and (theirs > own if measure.more else theirs < own)
    ]


def _title(found: Comparison) -> str:
    passages, questions = len(found.collection.passages), len(found.collection.questions)
    return f"{found.collection.name}: {passages:,} 段 passages, {questions:,} 问 questions"


def _version(found: Comparison, system: str) -> str:
    """The version of the first of its packages."""
    versions = list(found.versions.get(system, {}).values())
    return f" ({versions[0]})" if versions else ""


def _cell(found: Comparison, measure: Measure, system: str, ours: str) -> str:
    shown = measure.shown(found.median(system, measure.name))
    ratio = found.ratio(system, measure.name, ours)
    if system == ours or ratio is None or not measure.varies:
        return shown
    return f"{shown} ({ratio:.2g}×)" if ratio < 10 else f"{shown} ({ratio:.0f}×)"
