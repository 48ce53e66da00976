"""A run beside its baseline as the report shows it: every difference with whether it is more than noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from qa.report.figures import facts
from qa.runs import CHINESE, shown

if TYPE_CHECKING:
    from qa.report.figures import Interval

__all__ = ["Change", "Changes", "Verdict", "changes"]

_Json = Mapping[str, Any]
Verdict = Literal["better", "worse", "noise", "unknown"]

_LESS_IS_BETTER = (
    "abstention.AURC",
    "abstention.ECE",
    "abstention.answered_when_none",
    "abstention.refused_when_some",
)


@dataclass(frozen=True, slots=True)
class Change:
    """A measure by its dotted name beside the baseline's.

    ``interval``  of the difference, None where it is not known
    ``reach``     the greatest difference that is drawn
    """

    name: str
    value: float
    baseline: float
    gap: float
    interval: Interval | None
    reach: float = 1.0

    @property
    def chinese(self) -> str:
        """Its Chinese name, empty where it has none."""
        return CHINESE.get(self.name, "")

    @property
    def before(self) -> str:
        """The baseline's value as text."""
        return shown(self.name, self.baseline)

    @property
    def now(self) -> str:
        """This run's value as text."""
        return shown(self.name, self.value)

    @property
    def difference(self) -> str:
        """With its sign."""
        return self._signed(self.gap)

    @property
    def range(self) -> str:
        """The interval of the difference as text, empty without one."""
        return "" if self.interval is None else " … ".join(map(self._signed, self.interval))

    @property
    def whisker(self) -> tuple[float, Interval] | None:
        """Difference and interval on a scale from 0 to 1 whose middle is no difference; None if not drawn."""
        if self.interval is None:
            return None
        low, high = self.interval
        return self._placed(self.gap), (self._placed(low), self._placed(high))

    @property
    def verdict(self) -> Verdict:
        """Whether the difference is more than noise: its interval lies on one side of zero."""
        if self.interval is None:
            return "unknown"
        low, high = self.interval
        if low <= 0 <= high:
            return "noise"
        return "better" if (low > 0) != (self.name in _LESS_IS_BETTER) else "worse"

    def _signed(self, value: float) -> str:
        return f"{value:+.{1 if self.name.startswith('latency_ms.') else 3}f}"

    def _placed(self, value: float) -> float:
        return 0.5 + value / (2 * self.reach)


@dataclass(frozen=True, slots=True)
class Changes:
    """A run beside its baseline.

    ``about``      what was run otherwise, as name, then and now
    ``measures``   the differences, in the run's order
    ``questions``  those that came out otherwise, by kind: its two names and its questions
    ``untold``     measures without an interval because the baseline's questions do not tell them
    """

    about: tuple[tuple[str, str, str], ...]
    measures: tuple[Change, ...]
    questions: tuple[tuple[str, str, tuple[_Json, ...]], ...]
    untold: tuple[str, ...] = ()


def changes(comparison: _Json, about: _Json) -> Changes:
    """The JSON of a comparison, with this run's own ``run`` object."""
    measures = [
        Change(name, each["value"], each["baseline"], each["difference"], _interval(each))
        for name, each in comparison["measures"].items()
    ]
    drawn = [abs(edge) for each in measures if each.interval for edge in (each.gap, *each.interval)]
    reach = max(drawn, default=0.0) or 1.0
    return Changes(
        tuple(_otherwise(comparison["baseline"], about)),
        tuple(replace(each, reach=reach) for each in measures),
        (
            ("新答对", "gained", tuple(comparison["gained"])),
            ("新失误", "lost", tuple(comparison["lost"])),
            ("别的变化", "changed otherwise", tuple(comparison["changed"])),
        ),
        tuple(comparison["untold"]),
    )


def _interval(change: _Json) -> Interval | None:
    return None if change["low"] is None else (change["low"], change["high"])


def _otherwise(baseline: _Json, about: _Json) -> Iterator[tuple[str, str, str]]:
    before, now = ({fact.name: fact.shown for fact in facts(each)} for each in (baseline, about))
    for name in dict.fromkeys([*before, *now]):
        if before.get(name) != now.get(name):
            yield name, before.get(name, "-"), now.get(name, "-")
