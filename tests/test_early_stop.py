"""The rule for ending a reading early, on questions whose outcome can be worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from qa.reader import Calibration
from qa.settings import AnswerSettings, EarlyStop
from training.early_stop import Tried, best_by_place, confidences, found, lowest, table, tried, write
from training.reader_calibration import Candidates

# The best chance in each of three passages; one row a question.
BEST = np.array(
    [
        [0.9, 0.1, 0.2],
        [0.8, 0.85, 0.1],  # changed if it ends after one passage
        [0.5, 0.6, 0.7],  # changed after one and after two
        [0.3, -1.0, 0.2],
        [-1.0, -1.0, -1.0],
    ]
)
FOLDS = np.array([0, 1, 2, 3, 4])


def about(value: float) -> Any:
    """The same but for the last bits; of any type, because it stands in for a float."""
    return pytest.approx(value)


def candidates(*rows: tuple[int, float, float, float, int]) -> Candidates:
    """Rows of case, relevance, logit, share and the passage's rank."""
    features = np.array([[relevance, logit, share, 1 / rank] for _, relevance, logit, share, rank in rows])
    none = np.zeros(len(rows))
    return Candidates(features, np.array([row[0] for row in rows]), none, none, none > 0, none > 0)


def test_confidences_are_those_of_the_reader() -> None:
    reader = SimpleNamespace(
        calibration=Calibration(bias=-1.0, relevance=2.0, logit=0.5, share=0.25),
        settings=AnswerSettings(rank_weight=0.6),
    )
    chances = confidences(candidates((0, 1.0, 4.0, -2.0, 3)), reader)  # type: ignore[arg-type]
    assert chances == pytest.approx(1 / (1 + np.exp(-(-1 + 2 + 2 - 0.5 + 0.2))), abs=1e-12)


def test_the_best_of_each_passage_that_would_be_read() -> None:
    rows = candidates((0, 0, 0, 0, 1), (0, 0, 0, 0, 1), (0, 0, 0, 0, 3), (2, 0, 0, 0, 2), (2, 0, 0, 0, 4))
    best = best_by_place(rows, np.array([0.2, 0.4, 0.3, 0.6, 0.9]), 3, 3)
    np.testing.assert_array_equal(best, [[0.4, -1, 0.3], [-1, -1, -1], [-1, 0.6, -1]])


@pytest.mark.parametrize(
    ("first", "limit", "threshold", "confidence"),
    [
        (1, 0.0, 1.0, 0.81),
        (1, 0.2, 1.0, 0.51),
        (1, 0.4, 1.0, 0.0),
        (2, 0.0, 1.0, 0.61),
        (2, 0.2, 1.0, 0.0),
        (1, 0.0, 0.2, 0.91),  # 0.9 without the 0.2 of its third passage, which could be cited beside it
        (1, 0.2, 0.21, 0.51),
        (2, 0.0, 0.2, 0.91),
        (2, 0.2, 0.2, 0.61),
    ],
)
def test_the_lowest_confidence_that_changes_no_more_than_allowed(
    first: int, limit: float, threshold: float, confidence: float
) -> None:
    assert lowest(BEST, first, limit, threshold) == confidence


def test_the_rule_that_is_soonest_done_is_found() -> None:
    rows = tried(BEST, FOLDS, 0.0, 1.0)
    assert rows == [
        # Two at a time: one and then two passages take as long as two and then one.
        Tried(EarlyStop(1, 0.81), about(0.2), about(2.6), about(1.8), 0.0, about(0.2)),
        Tried(EarlyStop(2, 0.61), about(0.4), about(2.6), about(1.6), 0.0, about(0.2)),
    ]
    assert found(rows) is None  # on other questions than it was found on each rule changes one in five
    assert found(rows, 0.2) == rows[1]
    assert table(rows, 5).splitlines()[1] == "1  0.81  0.200  2.60  1.80  0.0000  0.2000"


def test_where_nothing_ends_early_there_is_no_rule() -> None:
    (row,) = tried(np.array([[0.2, 0.9]]), FOLDS[:1], 0.0, 1.0)
    assert (row.rule, row.stopped, row.rounds) == (EarlyStop(1, 0.21), 0.0, 2.0)
    assert found([row]) is None


def test_the_rule_is_written_and_taken_out_again(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    before = {"name": "阅读", "settings": {"read": 6, "threshold": 0.4}, "calibration": {"bias": 1.0}}
    path.write_text(json.dumps(before, ensure_ascii=False, indent=2) + "\n", "utf-8")
    kept = path.read_bytes()
    write(path, Tried(EarlyStop(2, 0.7), 0.5, 4.0, 2.5, 0.0, 0.0))
    assert json.loads(path.read_text("utf-8"))["settings"] == {
        "read": 6,
        "threshold": 0.4,
        "early_stop": {"first": 2, "confidence": 0.7},
    }
    write(path, None)
    assert path.read_bytes() == kept
