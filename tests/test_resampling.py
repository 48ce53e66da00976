"""Bootstrap figures against the measures themselves, taken of each draw one by one."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa import metrics
from qa.resampling import (
    RESAMPLES,
    Difference,
    Interval,
    aurc_of,
    auroc_of,
    calibration_error_of,
    differences,
    intervals,
    mean_of,
)

ROWS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.booleans(), st.integers(0, 3)),
    min_size=1,
    max_size=25,
)


def drawn(n: int, draws: int) -> list[list[int]]:
    """The questions of each draw, from the same stream as the module's, one number at a time."""
    stream = np.random.PCG64(0)
    return [[(int(stream.random_raw()) >> 32) * n >> 32 for _ in range(n)] for _ in range(draws)]


def middle(values: Sequence[float]) -> Any:
    ends = [metrics.percentile(values, percent) for percent in (2.5, 97.5)]
    assert ends[0] is not None
    return pytest.approx(ends, abs=1e-12)


# ---- statistics


RANKED: list[tuple[Any, Callable[[Sequence[float], Sequence[bool]], float | None]]] = [
    (auroc_of, metrics.auroc),
    (aurc_of, metrics.aurc),
    (calibration_error_of, metrics.calibration_error),
]


@pytest.mark.parametrize(("statistic", "measure"), RANKED)
@given(rows=ROWS)
def test_a_statistic_of_counts_is_the_measure_of_the_questions_drawn(
    statistic: Any, measure: Any, rows: list[tuple[float, bool, int]]
) -> None:
    # The counts of a draw add up to the number of questions; the last one fills it up, or is cut.
    left, counts = len(rows), []
    for _, _, count in rows[:-1]:
        counts.append(min(count, left))
        left -= counts[-1]
    counts.append(left)
    value = statistic([row[0] for row in rows], [row[1] for row in rows])(np.array([counts], float))[0]
    many = [row for row, count in zip(rows, counts, strict=True) for _ in range(count)]
    wanted = measure([row[0] for row in many], [row[1] for row in many])
    assert value == pytest.approx(math.nan if wanted is None else wanted, abs=1e-12, nan_ok=True)


def test_a_mean_leaves_out_what_has_no_value() -> None:
    counts = np.array([[1, 1, 1], [0, 2, 1], [1, 0, 2], [0, 3, 0]], float)
    values = mean_of([1.0, None, 0.25])(counts)
    # (1 + 1/4) / 2; 1/4; (1 + 2/4) / 3; nothing.
    assert values[:3].tolist() == [0.625, 0.25, 0.5]
    assert math.isnan(values[3])


def test_bins_split_ties_evenly() -> None:
    # Four of equal confidence 0.5, one right, in three bins: edges 2, 3, 4, and each question counts a
    # quarter right: gaps 2, 1 and 1 times |1/4 - 1/2|, over 4.
    values = calibration_error_of([0.5] * 4, [True, False, False, False], bins=3)(np.ones((1, 4)))
    assert values.tolist() == [0.25]


# ---- intervals


def test_an_interval_is_the_middle_of_the_draws() -> None:
    values = [1.0, 0.5, 0.0, 0.25, 1.0, 0.75, None]
    confidences, right = [0.9, 0.2, 0.5, 0.5, 0.8, 0.4, 0.1], [True, False, True, False, True, False, False]
    found = intervals(
        {"F1": mean_of(values), "AUROC": auroc_of(confidences, right), "AURC": aurc_of(confidences, right)}, 7
    )
    means, aurocs, aurcs = [], [], []
    for numbers in drawn(7, RESAMPLES):
        pairs = [confidences[number] for number in numbers], [right[number] for number in numbers]
        means.append(metrics.mean([value for number in numbers if (value := values[number]) is not None]))
        aurocs.append(metrics.auroc(*pairs))
        aurcs.append(metrics.aurc(*pairs))
    for name, expected in (("F1", means), ("AUROC", aurocs), ("AURC", aurcs)):
        interval = found[name]
        assert interval is not None
        assert [interval.low, interval.high] == middle([value for value in expected if value is not None])


def test_an_interval_is_the_same_wherever_it_is_computed() -> None:
    values = [number % 8 / 8 for number in range(40)]
    assert intervals({"F1": mean_of(values)}, 40)["F1"] == Interval(0.34375, 0.528125)


def test_draws_in_parts_are_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    values, statistic = [0.0, 1.0, 0.5, 0.25], {"F1": mean_of([0.0, 1.0, 0.5, 0.25])}
    whole = intervals(statistic, len(values), resamples=50)
    monkeypatch.setattr("qa.resampling._CELLS", 4 * 7)
    assert intervals(statistic, len(values), resamples=50) == whole
    monkeypatch.setattr("qa.resampling._CELLS", 1)
    assert intervals(statistic, len(values), resamples=50) == whole


def test_what_is_undefined_has_no_interval() -> None:
    statistics = {
        "F1": mean_of([None, None]),
        "AUROC": auroc_of([0.5, 0.6], [True, True]),
        "ECE": calibration_error_of([1.0, 1.0], [True, True]),
    }
    assert intervals(statistics, 2) == {"F1": None, "AUROC": None, "ECE": Interval(0.0, 0.0)}
    nothing = {"F1": mean_of([]), "AUROC": auroc_of([], []), "AURC": aurc_of([], [])}
    assert intervals(nothing, 0) == {"F1": None, "AUROC": None, "AURC": None}
    assert differences(nothing, nothing, 0) == {"F1": None, "AUROC": None, "AURC": None}


def test_draws_of_one_class_do_not_count() -> None:
    # Of two questions, one of each class, half the draws have both: in those the AUROC is 1.
    assert intervals({"AUROC": auroc_of([0.9, 0.1], [True, False])}, 2) == {"AUROC": Interval(1.0, 1.0)}


# ---- differences


def test_a_difference_is_taken_on_the_same_draws() -> None:
    run, baseline = [1.0, 0.5, 1.0, 0.0, 0.75], [0.5, 0.5, 1.0, 0.25, 0.25]
    found = differences({"F1": mean_of(run)}, {"F1": mean_of(baseline), "EM": mean_of(baseline)}, 5)
    sums = [sum(run[n] - baseline[n] for n in numbers) / 5 for numbers in drawn(5, RESAMPLES)]
    difference = found.pop("F1")
    assert found == {}
    assert difference is not None
    assert difference.value == pytest.approx(0.15, abs=1e-12)  # (0.5 - 0.25 + 0.5) / 5
    assert [difference.low, difference.high] == middle(sums)
    assert difference.p == 2 * sum(value <= 0 for value in sums) / RESAMPLES


def test_what_is_better_on_every_question_is_no_chance() -> None:
    one, other = {"F1": mean_of([0.75] * 4)}, {"F1": mean_of([0.5] * 4)}
    assert differences(one, other, 4) == {"F1": Difference(0.25, 0.25, 0.25, 0.0)}
    assert differences(other, one, 4) == {"F1": Difference(-0.25, -0.25, -0.25, 0.0)}
    assert differences(one, one, 4) == {"F1": Difference(0.0, 0.0, 0.0, 1.0)}


def test_a_difference_from_what_is_undefined_is_undefined() -> None:
    assert differences({"F1": mean_of([1.0])}, {"F1": mean_of([None])}, 1) == {"F1": None}


def test_importing_it_is_cheap() -> None:
    code = "import qa.resampling, sys; print('numpy' in sys.modules)"
    call = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert call.stdout == "False\n"
