"""A threshold found on labels by hand: the lowest hundredth, who is too few, and where it is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from handmade import NAME, OTHER, PASSAGES, YEAR, Fake, Line, label, labels
from shelf import CountingEncoder

from qa.errors import IndexFolderError, InputError
from qa.evaluation import Run, evaluate, evaluate_gold
from qa.index import read_manifest
from qa.indexing import build_index
from qa.labels import Paragraph
from qa.settings import OwnThreshold
from qa.thresholds import FEWEST, OperatingPoint, at_error, set_threshold
from qa.types import Answer

pytest_plugins = ("shelf_fixtures",)

RIGHT, ASTRAY, NONE, SILENT = (
    Line([NAME], "平台", NAME),  # the wrong words, but of the sentence that holds the answer
    Line([YEAR], "2017年", YEAR),
    Line([OTHER], "北京", OTHER),
    Line([NAME]),
)


def run(*lines: tuple[Line, float], threshold: float = 0.5) -> Run:
    """A question for each of ``lines`` with its confidence; 沪链 answers all, but for those of ``NONE``."""
    asked = [label(f"q{n}") if line is NONE else label(f"q{n}", "沪链") for n, (line, _) in enumerate(lines)]
    script = {f"q{n}?": replace(line, confidence=sure) for n, (line, sure) in enumerate(lines)}
    return evaluate(labels(*asked), Fake(script, PASSAGES, threshold))


def test_the_lowest_hundredth_that_lets_no_more_errors_through() -> None:
    # Sure by 0.9: 38 right. By 0.801: 1 astray, 1 of 39. By 0.7: 1 that nothing answers, 2 of 40, which
    # is 0.05. By 0.6: 1 astray, 3 of 41. 10 are right again by 0.1: 3 of 51, and 3 say nothing.
    lines = [(RIGHT, 0.9)] * 38 + [(ASTRAY, 0.801), (NONE, 0.7), (ASTRAY, 0.6)]
    lines += [(RIGHT, 0.1)] * 10 + [(SILENT, 0.95)] * 3
    found = at_error(run(*lines).outcomes, 0.05)
    assert (found.threshold, found.allowed, found.error) == (0.61, 0.05, 0.05)
    assert (found.answered, found.questions) == (40 / 54, 54)
    assert found.interval.low < 40 / 54 < found.interval.high
    assert at_error(run(*lines).outcomes, 0.06).threshold == 0.0  # 3 of 51
    assert at_error(run(*lines).outcomes, 0.03).threshold == 0.71
    assert at_error(run(*lines).outcomes, 0.0).threshold == 0.81


def test_the_threshold_that_was_asked_with_changes_nothing() -> None:
    lines = [(RIGHT, 0.9)] * 40 + [(ASTRAY, 0.4)] * 20
    wanted = at_error(run(*lines).outcomes, 0.1)
    assert wanted.threshold == 0.41
    assert at_error(run(*lines, threshold=0.95).outcomes, 0.1) == wanted
    assert at_error(run(*lines, threshold=0.0).outcomes, 0.1) == wanted


def test_the_interval_is_that_of_a_share() -> None:
    # 30 of 60: a normal approximation gives 0.5 ± 1.96 · √(0.25 / 60) = 0.5 ± 0.1265.
    found = at_error(run(*[(RIGHT, 0.9)] * 30, *[(ASTRAY, 0.2)] * 30).outcomes, 0.05)
    assert (found.interval.low, found.interval.high) == pytest.approx((0.3735, 0.6265), abs=0.02)


def test_it_is_told_in_a_line() -> None:
    found = at_error(run(*[(RIGHT, 0.9)] * 60).outcomes, 0.05)
    assert found.line() == (
        "门槛 threshold 0.00：60 题中回答 answers 100.0% (100.0%–100.0%)，"
        "其中错误 of them errors 0.0%，容许 allowed 5.0%"
    )


def test_fewer_than_fifty_questions_are_too_few() -> None:
    assert FEWEST == 50
    assert at_error(run(*[(RIGHT, 0.9)] * 50).outcomes, 0.05).threshold == 0.0
    with pytest.raises(InputError, match=r"needs at least 50 labelled questions, here are 49; label more"):
        at_error(run(*[(RIGHT, 0.9)] * 49).outcomes, 0.05)


@pytest.mark.parametrize("lines", [[(ASTRAY, 0.9)] * 60, [(SILENT, 0.0)] * 60])
def test_where_no_threshold_will_do_none_is_found(lines: list[tuple[Line, float]]) -> None:
    with pytest.raises(InputError, match=r"^at no threshold are at most 5\.0% of the answers errors; allow"):
        at_error(run(*lines).outcomes, 0.05)


def test_it_is_kept_in_the_index_for_the_runs_reader(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    build_index(articles, tmp_path / "index")
    made = run(*[(RIGHT, 0.9)] * 40, *[(ASTRAY, 0.4)] * 20)
    found = set_threshold(made, 0.1, tmp_path / "index")
    assert found == OperatingPoint(0.41, 0.1, 0.0, 40 / 60, found.interval, 60)
    manifest = read_manifest(tmp_path / "index")
    assert manifest is not None
    assert manifest.threshold == OwnThreshold(0.41, "r", 0.1, "labels.jsonl", 60)


def test_it_is_not_found_where_nothing_was_searched(tmp_path: Path) -> None:
    asked = replace(label("q", "甲"), paragraph=Paragraph(1, "甲。"))
    given = evaluate_gold(
        labels(asked), lambda question, passages, threshold=None: Answer(question, question), reader="r"
    )
    with pytest.raises(InputError, match=r"is for an index; run it without --gold-passage$"):
        set_threshold(given, 0.05, tmp_path)


def test_where_there_is_no_index_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(IndexFolderError, match="holds no index"):
        set_threshold(run(*[(RIGHT, 0.9)] * 60), 0.05, tmp_path / "index")
    assert not (tmp_path / "index").exists()
