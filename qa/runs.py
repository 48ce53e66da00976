"""A run of ``qa eval`` once it is made: as JSON, as a gate for CI, and as a table for people."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa.errors import InputError
from qa.metrics import RIGHT

__all__ = ["CHINESE", "Rule", "columns", "fail_if", "flat", "load_run", "shown", "table", "to_json"]


def to_json(run: Mapping[str, Any]) -> str:
    """A run's JSON as text, the same bytes for the same run, ending in a newline."""
    return json.dumps(run, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def load_run(path: Path) -> dict[str, Any]:
    """A run that was saved earlier, to be a baseline. Raises InputError if the file is not one."""
    try:
        run = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not JSON ({error}); give a file that --json wrote") from error
    if not isinstance(run, dict) or not isinstance(run.get("summary"), dict):
        raise InputError(f"{path}: is not a run of qa eval; give a file that --json wrote")
    return run


# ---- gates


_CONDITION = re.compile(r"\s*([^<>\s]+)\s*([<>])\s*([+-]?)((?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*")


@dataclass(frozen=True, slots=True)
class Rule:
    """``NAME<X`` or ``NAME>X``: when a run fails. ``signed``: ``limit`` is of the difference from a baseline.

    ``name`` is a measure of the summary, dotted where it lies deeper (``abstention.AUROC``,
    ``by_type.date.F1``).
    """

    text: str
    name: str
    above: bool
    limit: float
    signed: bool

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Raises InputError for an expression that cannot be read, and for an X beyond 1 for a share."""
        match = _CONDITION.fullmatch(text)
        if match is None:
            raise InputError(f'--fail-if {text}: write NAME<X or NAME>X, for example "F1<0.8" or "F1<-0.005"')
        name, order, sign, digits = match.groups()
        limit = float(sign + digits)
        if abs(limit) > 1 and not name.startswith("latency_ms.") and name.split(".")[-1] != "n":
            raise InputError(f"--fail-if {text}: {name} lies between 0 and 1")
        return cls(text, name, order == ">", limit, bool(sign))

    def holds(self, run: Mapping[str, Any], baseline: Mapping[str, Any] | None = None) -> bool:
        """Whether the run fails; differences are taken to six digits, as runs are rounded.

        Raises InputError for a measure that is unknown or undefined, and for a signed X without a baseline.
        """
        value = _measure(run, self.name, "this run")
        if self.signed:
            value = round(value - self.before(baseline), 6)
        return value > self.limit if self.above else value < self.limit

    def require_known(self, run: Mapping[str, Any]) -> None:
        """Raises InputError unless a run such as this one has the measure, whatever its value."""
        _looked_up(run, self.name, "this run")

    def before(self, baseline: Mapping[str, Any] | None) -> float:
        """The baseline's value of the measure. Raises InputError where there is none."""
        if baseline is None:
            raise InputError(
                f"--fail-if {self.text}: a signed value is a difference; give --baseline RUN.json"
            )
        return _measure(baseline, self.name, "the baseline")


def fail_if(run: Mapping[str, Any], expression: str, baseline: Mapping[str, Any] | None = None) -> bool:
    """Whether a run fails by an expression. Raises InputError as :class:`Rule` does."""
    return Rule.parse(expression).holds(run, baseline)


def _measure(run: Mapping[str, Any], name: str, whose: str) -> float:
    """A number of a run by its dotted name."""
    found = _looked_up(run, name, whose)
    if found is None:
        raise InputError(f"--fail-if: {name} is undefined in {whose}: it has no questions of the kind")
    return found


def _looked_up(run: Mapping[str, Any], name: str, whose: str) -> float | None:
    found: Any = {**run, **run["summary"]}
    for part in name.split("."):
        if not isinstance(found, Mapping) or part not in found:
            known = ", ".join(measure for measure, _ in flat(run["summary"]))
            raise InputError(f"--fail-if: {whose} has no measure {name}; it has {known}")
        found = found[part]
    if found is not None and (isinstance(found, bool) or not isinstance(found, (int, float))):
        raise InputError(f"--fail-if: {name} is not a number in {whose}")
    return found


def flat(summary: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The measures of a summary by their dotted names, in its order."""
    for name, value in summary.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


# ---- the terminal


CHINESE: Mapping[str, str] = {  # measures by their dotted names, and causes
    "n": "题数",
    "EM": "完全一致",
    "F1": "字面重合",
    "character_F1": "逐字重合",
    "sentence_hit": "句子命中",
    "list_precision": "列举查准",
    "list_recall": "列举查全",
    "Recall@1": "首位命中",
    "Recall@5": "前五命中",
    "MRR@10": "倒数排名",
    "nDCG@10": "排序质量",
    "citations_valid": "引文属实",
    "abstention.n": "无答案题数",
    "abstention.AUROC": "知否可答",
    "abstention.AURC": "风险面积",
    "abstention.ECE": "校准误差",
    "abstention.answered_when_none": "无答案却作答",
    "abstention.refused_when_some": "有答案却拒答",
    "latency_ms.p50": "中位耗时(毫秒)",
    "latency_ms.p95": "九五分位耗时(毫秒)",
    "not_in_articles": "文章里没有",
    "refused_file": "文件被拒收",
    "furniture": "不在正文里",
    "cut_across": "被切在两段",
    "wrong_rewrite": "追问改写有误",
    "not_retrieved": "没有检索到",
    "ranked_too_low": "排名靠后",
    "wrong_passage": "选错段落",
    "wrong_span": "选错词句",
    "abstained": "有答案却拒答",
    "answered_when_none": "无答案却作答",
}


def table(run: Mapping[str, Any]) -> str:
    """A run's summary, its types and the causes of its misses as a plain table, a line each."""
    measures = [(CHINESE.get(name, ""), name, shown(name, value)) for name, value in flat(run["summary"])]
    types = [
        (kind, f"题数 {scores['n']}", f"EM {shown('EM', scores['EM'])}", f"F1 {shown('F1', scores['F1'])}")
        for kind, scores in run["by_type"].items()
    ]
    counts = Counter(row["cause"] for row in run["questions"] if row["cause"] is not None)
    causes = [(CHINESE.get(cause, ""), cause, str(count)) for cause, count in sorted(counts.items())]
    missed = f"失误原因 causes of {counts.total()} misses（{_MISSED}）"
    sections: list[tuple[str, Sequence[Sequence[str]]]] = [
        ("指标 measures", measures),
        ("按类型 by type", types),
        (missed, causes),
    ]
    head = f"{run['run']['labels']}  门槛 threshold {run['run']['threshold']:g}"
    return "\n\n".join([head, *("\n".join([title, *columns(rows)]) for title, rows in sections if rows)])


_MISSED = f"F1 < {RIGHT}、错拒、误答 wrongly refused or answered"


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of as many cells each as indented lines, every column as wide as its widest cell."""
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def shown(name: str, value: float | None) -> str:
    """A measure as text: shares to three digits, milliseconds to one, counts whole."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return str(value)
    return f"{value:.1f}" if name.startswith("latency_ms.") else f"{value:.3f}"


def _width(text: str) -> int:
    """Columns on a terminal: a wide or full-width character takes two."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))
