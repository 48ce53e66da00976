"""Kept figures: what counts as moved, which version they are compared with, what is no figure."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from benchmarks import guards
from benchmarks.guards import Figure, Kept, Moved, compared, figures, flat, latest
from qa import __version__

MACHINE = {"processor": "one", "cores": 2, "python": "3.11.7", "date": "2026-11-22", "load": [0.1]}
RUN = {
    "machine": {"cores": 2},
    "help": {"ratio": 2.2, "ms": 67.0},
    "warm retrieval": "left out: --data",
    "answers, report": {"refused": 0.6, "exact": True},
    "passages": 352,
}


def kept(version: str = "0.1.0", **rows: Figure) -> Kept:
    return Kept(version, MACHINE, {f"path.{name}": figure for name, figure in rows.items()})


def timed(rows: dict[str, Figure], *, cores: int = 2) -> Kept:
    named = {f"path.{name}": figure for name, figure in rows.items()}
    return Kept("0.1.0", {**MACHINE, "cores": cores}, named)


def test_numbers_are_named_by_where_they_stand() -> None:
    assert flat(RUN, "figures") == {
        "figures.help.ratio": 2.2,
        "figures.help.ms": 67.0,
        "figures.answers, report.refused": 0.6,
        "figures.passages": 352,
    }


def test_a_figure_is_the_median_of_its_runs_and_its_noise_their_width() -> None:
    runs = [{"ms": 10.0, "n": 5}, {"ms": 13.0, "n": 5}, {"ms": 11.0, "n": 5, "more": 1}]
    assert figures("path", runs) == {"path.ms": Figure(11.0, 3.0), "path.n": Figure(5, 0)}


@pytest.mark.parametrize(
    ("before", "now", "moved"),
    [
        (Figure(10.0, 1.0), Figure(13.0, 2.0), False),
        (Figure(10.0, 1.0), Figure(13.1, 2.0), True),
        (Figure(10.0, 1.0), Figure(6.9, 2.0), True),
        (Figure(6), Figure(6), False),
        (Figure(6), Figure(5), True),
    ],
)
def test_what_is_further_than_both_noises_moved(before: Figure, now: Figure, moved: bool) -> None:
    found = compared(kept(work=before), kept(work=now))
    assert found == ([Moved("path.work", before, now)] if moved else [])


def test_what_is_new_or_gone_is_told() -> None:
    one, two = Figure(1.0), Figure(2.0, 0.5)
    found = compared(kept(old=one, both=one), kept(both=one, new=two))
    assert found == [Moved("path.new", None, two), Moved("path.old", one, None)]
    assert list(map(str, found)) == ["path.new: none → 2 ± 0.5", "path.old: 1 → none"]
    assert str(Moved("x", Figure(4.0), Figure(5.0, 0.25))) == "x: 4 → 5 ± 0.25 (+25.0%)"


def test_times_of_another_machine_are_not_compared() -> None:
    rows = {name: Figure(1.0) for name in ("p50_ms", "a_second", "passages_per_s", "ratio", "terms")}
    others = {name: Figure(9.0) for name in rows}
    same = compared(timed(rows), timed(others))
    assert len(same) == 5
    elsewhere = compared(timed(rows), timed(others, cores=64))
    assert [row.name for row in elsewhere] == ["path.terms"]


def test_the_highest_version_is_compared_with(tmp_path: Path) -> None:
    assert latest(tmp_path) is None
    for version in ("0.9.0", "0.10.0", "0.2.11"):
        kept(version, n=Figure(1.0, 0.5)).write(tmp_path)
    (tmp_path / "notes.json").write_text("[]", "utf-8")
    assert latest(tmp_path) == kept("0.10.0", n=Figure(1.0, 0.5))


def test_the_command_runs_compares_and_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    values = iter((5, 5, 7, 7))
    monkeypatch.setattr(guards, "_run", lambda module: {"n": next(values), "ms": 3.0})
    monkeypatch.setattr(guards, "described", lambda: MACHINE)
    call = ["--runs", "2", "--only", "answer path", "--folder", str(tmp_path)]
    guards.main([*call, "--keep"])
    assert capsys.readouterr().out.splitlines() == [
        "answer path.n: 5",
        "answer path.ms: 3",
        "nothing is kept to compare with; --keep keeps these",
        f"kept: {tmp_path / __version__}.json",
    ]
    guards.main(call)
    assert capsys.readouterr().out.splitlines() == [
        "answer path.n: 5 → 7 (+40.0%)",
        f"1 of 2 figures moved since {__version__} by more than their noise",
    ]


def test_what_is_kept_in_the_project_can_be_read() -> None:
    found = latest(guards.FOLDER)
    assert found is None or re.fullmatch(r"\d+\.\d+\.\d+", found.version)


def test_a_benchmark_that_fails_is_told() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        guards._run(("benchmarks.no_such_benchmark",))
