"""Two runs of ``qa eval`` over the same questions: what changed, and whether it is more than noise.

Everything is read from the JSON of a run, so that a baseline need only be a file. What the rows of the
questions can tell is drawn again with them (:mod:`qa.resampling`). Times are set side by side only: their
noise lies in what else the machine did, and no draw of the questions tells it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from qa import resampling
from qa.errors import InputError
from qa.metrics import NDCG, RANKING
from qa.runs import CHINESE, columns, flat, shown

if TYPE_CHECKING:
    from qa.labels import LabelSet
    from qa.resampling import Difference, Statistic

__all__ = [
    "Comparison",
    "MeasureChange",
    "QuestionChange",
    "baseline_for",
    "compare",
    "intervals",
    "require_same_questions",
    "statistics",
    "table",
]

_Json = Mapping[str, Any]
_SHOWN = 10  # questions of a kind in the table; the JSON has all of them
_WIDEST = 24  # characters of a question or an answer there


@dataclass(frozen=True, slots=True)
class MeasureChange:
    """A measure of both runs by its dotted name.

    ``sampled`` has the interval of the difference, None where the questions' rows cannot tell it.
    """

    name: str
    value: float
    baseline: float
    sampled: Difference | None = None

    @property
    def difference(self) -> float:
        """This run's value less the baseline's, to six digits, as ``--fail-if`` takes it."""
        return round(self.value - self.baseline, 6)

    def to_dict(self) -> dict[str, float | None]:
        """``low`` to ``high`` is the interval of the difference, ``p`` that of :class:`Difference`."""
        sampled = self.sampled
        return {
            "value": self.value,
            "baseline": self.baseline,
            "difference": self.difference,
            "low": None if sampled is None else round(sampled.low, 6),
            "high": None if sampled is None else round(sampled.high, 6),
            "p": None if sampled is None else round(sampled.p, 6),
        }


@dataclass(frozen=True, slots=True)
class QuestionChange:
    """A question of which the two runs made different things; an answer is None where it was refused."""

    id: str
    question: str
    answer: str | None
    baseline_answer: str | None
    cause: str | None
    baseline_cause: str | None

    def to_dict(self) -> dict[str, str | None]:
        """The fields by their names."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run beside its baseline.

    ``name``     the baseline's file
    ``about``    the baseline's ``run`` object
    ``gained``   missed by the baseline and not by the run, in the order of the labels
    ``lost``     the other way round
    ``changed``  missed by both or by neither, but with another answer or another cause
    ``untold``   measures that this run's questions tell and the baseline's, of an earlier version, do not
    """

    name: str
    about: _Json
    measures: tuple[MeasureChange, ...]
    gained: tuple[QuestionChange, ...]
    lost: tuple[QuestionChange, ...]
    changed: tuple[QuestionChange, ...]
    untold: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """For the run's JSON and the report."""
        return {
            "baseline": dict(self.about),
            "resamples": resampling.RESAMPLES,
            "level": resampling.LEVEL,
            "measures": {change.name: change.to_dict() for change in self.measures},
            "untold": list(self.untold),
            "gained": [change.to_dict() for change in self.gained],
            "lost": [change.to_dict() for change in self.lost],
            "changed": [change.to_dict() for change in self.changed],
        }


def compare(run: _Json, baseline: _Json, *, name: str = "the baseline") -> Comparison:
    """The run beside the baseline, both as ``Run.to_dict()`` gives them. ``name``: the baseline's file.

    Raises InputError if the baseline is of other questions or no whole run.
    """
    require_same_questions(run, baseline, name=name)
    ours, theirs = statistics(run), statistics(baseline)
    measures = tuple(_measures(run, baseline, ours, theirs))
    pairs = list(zip(run["questions"], baseline["questions"], strict=True))
    return Comparison(
        name=name,
        about=baseline["run"],
        measures=measures,
        gained=tuple(_change(*pair) for pair in pairs if _missed(pair[1]) and not _missed(pair[0])),
        lost=tuple(_change(*pair) for pair in pairs if _missed(pair[0]) and not _missed(pair[1])),
        changed=tuple(
            _change(*pair) for pair in pairs if _missed(pair[0]) == _missed(pair[1]) and _differ(*pair)
        ),
        untold=tuple(change.name for change in measures if change.name in ours.keys() - theirs.keys()),
    )


def _measures(
    run: _Json, baseline: _Json, ours: Mapping[str, Statistic], theirs: Mapping[str, Statistic]
) -> Iterator[MeasureChange]:
    """The measures that both summaries have a value of, in the run's order; counts are no measures."""
    sampled = resampling.differences(ours, theirs, len(run["questions"]))
    before = dict(flat(baseline["summary"]))
    for name, value in flat(run["summary"]):
        if isinstance(value, float) and isinstance(before.get(name), float):
            yield MeasureChange(name, value, before[name], sampled.get(name))


def _missed(row: _Json) -> bool:
    return row["cause"] is not None


def _differ(row: _Json, before: _Json) -> bool:
    return (row["answer"], row["cause"]) != (before["answer"], before["cause"])


def _change(row: _Json, before: _Json) -> QuestionChange:
    return QuestionChange(
        row["id"], row["question"], row["answer"], before["answer"], row["cause"], before["cause"]
    )


# ---- the same questions


_KEYS = ("id", "answers", "answer", "abstained", "confidence", "rank", "cause")


def baseline_for(labels: LabelSet, baseline: _Json, *, name: str) -> dict[str, Any]:
    """As much of the baseline as is of these questions, its measures taken anew where that is a part.

    A part keeps no times, for the questions do not tell them. ``name``: the baseline's file. Raises
    InputError unless the baseline is a whole run over the same labels and has each of these questions.
    """
    _require_whole(baseline, labels.name, labels.sha256, name)
    ids = [question.id for question in labels.questions]
    rows = {row["id"]: row for row in baseline["questions"]}
    _require_each(ids, rows, name)
    return dict(baseline) if list(rows) == ids else _part(baseline, [rows[each] for each in ids])


def require_same_questions(run: _Json, baseline: _Json, *, name: str) -> None:
    """Raises InputError unless the baseline is a whole run over the same questions. ``name``: its file."""
    about = run["run"]
    _require_whole(baseline, about["labels"], about["labels_sha256"], name)
    ours, theirs = ([row["id"] for row in each["questions"]] for each in (run, baseline))
    if ours != theirs:
        raise InputError(
            f"{name}: is a run of other questions of the same labels ({_apart(ours, theirs)}); "
            "give both the same --split"
        )


def _require_whole(baseline: _Json, labels: str, sha256: str, name: str) -> None:
    about, rows = baseline.get("run"), baseline.get("questions")
    if not isinstance(about, Mapping) or not isinstance(rows, list):
        raise InputError(f"{name}: is no whole run of qa eval; give a file that --json wrote")
    if about.get("labels_sha256") != sha256:
        raise InputError(
            f"{name}: is a run of other labels ({_labels(about.get('labels'), about.get('labels_sha256'))}; "
            f"this run: {_labels(labels, sha256)}); make the baseline again with these"
        )
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, Mapping) or not row.keys() >= set(_KEYS):
            raise InputError(
                f"{name}: question {number} lacks one of {', '.join(_KEYS)}; make the baseline again"
            )


def _require_each(ids: Sequence[str], known: Collection[str], name: str) -> None:
    missing = [each for each in ids if each not in known]
    if missing:
        raise InputError(
            f"{name}: is a run of other questions of the same labels ({_apart(ids, list(known))}); "
            "make the baseline again with these, or give both the same --split"
        )


def _labels(name: object, sha256: object) -> str:
    return f"{name}, sha256 {str(sha256)[:12]}"


def _apart(ours: Sequence[str], theirs: Sequence[str]) -> str:
    here, there = set(ours), set(theirs)
    other = [name for name in ours if name not in there] or [name for name in theirs if name not in here]
    only = f", only one of them has {other[0]}" if other else " in another order"
    return f"{len(theirs)} there, {len(ours)} here{only}"


def _part(baseline: _Json, rows: Sequence[_Json]) -> dict[str, Any]:
    """The baseline as if only the questions of ``rows`` had been asked."""
    cut = {**baseline, "questions": list(rows)}
    once: dict[str, float | None] = resampling.observed(statistics(cut) | _by_type(cut), len(rows))
    once |= {"n": len(rows), "abstention.n": sum(not row["answers"] for row in rows)}
    for kind in baseline.get("by_type", {}):
        once[f"by_type.{kind}.n"] = sum(row.get("type") == kind for row in rows)
    cut["summary"] = _filled(baseline["summary"], once)
    cut["by_type"] = _filled(baseline.get("by_type", {}), once, "by_type.")
    return cut


def _filled(measures: _Json, values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The same names with the ``values`` of their dotted names; None where there is none."""
    return {
        name: _filled(inner, values, f"{prefix}{name}.")
        if isinstance(inner, Mapping)
        else values.get(prefix + name)
        for name, inner in measures.items()
    }


# ---- measures from rows


def statistics(run: _Json) -> dict[str, Statistic]:
    """The measures of a run's summary that can be taken of any draw of its questions, by dotted names.

    A mean is known where each question's row has a value (or null) under its name; Recall@k and MRR@k
    follow from ``rank``, what concerns refusals from ``confidence``, ``abstained``, ``answers`` and,
    for AURC and ECE, ``right``.
    """
    rows = run["questions"]
    found = _ranking(rows, run["summary"]) | _means(rows, run["summary"])
    return found | {f"abstention.{name}": statistic for name, statistic in _abstention(rows).items()}


def _by_type(run: _Json) -> dict[str, Statistic]:
    found: dict[str, Statistic] = {}
    for kind, scores in run.get("by_type", {}).items():
        own = [row if row.get("type") == kind else {} for row in run["questions"]]
        found |= {f"by_type.{kind}.{name}": mean for name, mean in _means(own, scores).items()}
    return found


def _means(rows: Sequence[_Json], summary: _Json) -> dict[str, Statistic]:
    """What rows have under a name of the summary; an empty row stands for a question left out."""
    return {
        name: resampling.mean_of([row.get(name) for row in rows])
        for name, value in summary.items()
        if isinstance(value, float) and any(rows) and all(name in row for row in rows if row)
    }


def _ranking(rows: Sequence[_Json], summary: _Json) -> dict[str, Statistic]:
    """The measures that look no further than the first relevant passage; none where nothing was searched."""
    return {
        measure.name: resampling.mean_of(
            [measure.of(_relevant(row["rank"]), 1) if row["answers"] else None for row in rows]
        )
        for measure in RANKING
        if summary.get(measure.name) is not None and measure is not NDCG
    }


def _relevant(rank: int | None) -> list[bool]:
    return [] if rank is None else [False] * (rank - 1) + [True]


def _abstention(rows: Sequence[_Json]) -> dict[str, Statistic]:
    answerable = [bool(row["answers"]) for row in rows]
    confidences = [row["confidence"] for row in rows]
    found = {
        "AUROC": resampling.auroc_of(confidences, answerable),
        "answered_when_none": resampling.mean_of(
            [None if row["answers"] else float(not row["abstained"]) for row in rows]
        ),
        "refused_when_some": resampling.mean_of(
            [float(row["abstained"]) if row["answers"] else None for row in rows]
        ),
    }
    if all("right" in row for row in rows):
        found["AURC"] = resampling.aurc_of(confidences, [not row["right"] for row in rows])
        found["ECE"] = resampling.calibration_error_of(confidences, [row["right"] for row in rows])
    return found


def intervals(run: _Json) -> dict[str, tuple[float, float]]:
    """95 % intervals ``(low, high)`` of a run's measures, by their dotted names, to six digits.

    ``F1``, ``abstention.AUROC``, ``by_type.date.F1``; a measure that is undefined has none.
    """
    found = resampling.intervals(statistics(run) | _by_type(run), len(run["questions"]))
    return {
        name: (round(interval.low, 6), round(interval.high, 6))
        for name, interval in found.items()
        if interval is not None
    }


# ---- the terminal


def table(comparison: Comparison) -> str:
    """The differences with their intervals, and which questions were gained and lost, for people."""
    head = f"与基线比较 compared with {comparison.name}  门槛 threshold {comparison.about.get('threshold')}"
    measures = [_HEADER, *map(_cells, comparison.measures)]
    untold = [_UNTOLD.format(", ".join(comparison.untold))] if comparison.untold else []
    kinds = (
        ("新答对 gained", comparison.gained),
        ("新失误 lost", comparison.lost),
        ("有变化 changed", comparison.changed),
    )
    sections = ["\n".join([head, _LEGEND, *columns(measures), *untold])]
    return "\n\n".join([*sections, *(_section(*kind) for kind in kinds)])


_HEADER = ("指标", "measure", "基线", "本次", "差", "95% 区间", "p", "")
_LEGEND = "基线 was，本次 is，差 difference，区间 its interval，p 反号占比 two-sided；* 超出波动 beyond noise"

_UNTOLD = "  基线里没有逐题的值，故无区间 no interval, the baseline is of an earlier version: {}"


def _cells(change: MeasureChange) -> tuple[str, ...]:
    sampled, digits = change.sampled, 1 if change.name.startswith("latency_ms.") else 3
    values = [shown(change.name, change.baseline), shown(change.name, change.value)]
    cells = (CHINESE.get(change.name, ""), change.name, *values, f"{change.difference:+.{digits}f}")
    if sampled is None:
        return (*cells, "", "", "")
    beyond = sampled.low > 0 or sampled.high < 0
    interval = f"[{sampled.low:+.{digits}f}, {sampled.high:+.{digits}f}]"
    return (*cells, interval, f"{sampled.p:.3f}", "*" if beyond else "")


def _section(title: str, changes: Sequence[QuestionChange]) -> str:
    rows = [
        (
            change.id,
            _short(change.question),
            f"{_said(change.baseline_answer)} → {_said(change.answer)}",
            f"{_lost(change.baseline_cause)} → {_lost(change.cause)}",
        )
        for change in changes[:_SHOWN]
    ]
    more = [f"  另有 {len(changes) - _SHOWN} 题 more, see --json"] if len(changes) > _SHOWN else []
    return "\n".join([f"{title} {len(changes)}", *columns(rows), *more])


def _said(answer: str | None) -> str:
    return "拒答" if answer is None else _short(answer)


def _lost(cause: str | None) -> str:
    return "对" if cause is None else CHINESE.get(cause, cause)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _WIDEST else line[: _WIDEST - 1] + "…"
