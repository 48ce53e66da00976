"""Runs as files and as tables; what is measured in them is tested with the evaluation."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa.errors import InputError
from qa.runs import Rule, columns, flat, load_run, shown


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read (No such file or directory); check the path"),
        (b"{", "is not JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))"),
        (b"\xff", "is not JSON ('utf-8' codec can't decode byte 0xff in position 0: invalid start byte)"),
        (b"[" * 100_000, "is not JSON (maximum recursion depth exceeded while decoding a JSON array"),
        (b"[]", "is not a run of qa eval; give a file that --json wrote"),
        (b'{"summary": []}', "is not a run of qa eval; give a file that --json wrote"),
    ],
)
def test_a_file_that_is_no_run_is_refused_in_one_line(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "run.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        load_run(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_columns_count_a_wide_character_twice() -> None:
    assert columns([("题数", "n", "6"), ("F1", "measure", "")]) == ["  题数  n        6", "  F1    measure"]
    assert columns([]) == []


def test_measures_as_text() -> None:
    assert [shown("F1", 0.5), shown("F1", None), shown("n", 3), shown("latency_ms.p50", 7.25)] == [
        "0.500",
        "-",
        "3",
        "7.2",
    ]


def test_measures_by_dotted_names() -> None:
    assert list(flat({"n": 1, "abstention": {"n": 2, "ECE": None}})) == [
        ("n", 1),
        ("abstention.n", 2),
        ("abstention.ECE", None),
    ]


def test_a_rule_is_read_before_anything_is_run() -> None:
    assert Rule.parse("F1 < -0.02") == Rule("F1 < -0.02", "F1", False, -0.02, signed=True)
    assert Rule.parse("latency_ms.p95>250") == Rule(
        "latency_ms.p95>250", "latency_ms.p95", True, 250.0, False
    )
    with pytest.raises(InputError, match=r"^--fail-if F1>80: F1 lies between 0 and 1$"):
        Rule.parse("F1>80")


def test_a_rule_knows_whether_a_run_has_its_measure() -> None:
    run = {"summary": {"F1": None}, "by_type": {"date": {"EM": 0.5}}}
    Rule.parse("F1<0.5").require_known(run)  # whatever its value
    Rule.parse("by_type.date.EM<0.5").require_known(run)
    for name in ("F2", "by_type.name.EM"):
        with pytest.raises(InputError, match=rf"^--fail-if: this run has no measure {name}; it has F1$"):
            Rule.parse(f"{name}<0.5").require_known(run)
