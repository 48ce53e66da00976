"""The long run: which steps are taken, what a step tells, and that one that fails is not passed over."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import soak
from benchmarks.soak import STEPS, Step, chosen, failed, from_pytest, main, ran, steps

WRITES = """import json, os, pathlib, sys
pathlib.Path(sys.argv[1]).write_text(json.dumps({figures}))
sys.exit({status})"""


def step(name: str, figures: str = "{'files': 3}", status: int = 0, **environment: str) -> Step:
    """A step that writes ``figures`` and ends with ``status``."""
    return Step(
        name, (sys.executable, "-c", WRITES.format(figures=figures, status=status)), environment=environment
    )


def planned(*options: str) -> dict[str, Step]:
    return {each.name: each for each in steps(soak._options().parse_args(options))}


def test_steps_are_chosen_by_name_in_their_own_order() -> None:
    every = list(planned().values())
    assert [each.name for each in every] == list(STEPS)
    assert chosen(every, None) == every
    assert [each.name for each in chosen(every, ["load", "bombs"])] == ["bombs", "load"]


def test_options_reach_their_steps() -> None:
    told = planned("--minutes", "0.5", "--encoder", "E", "--articles", "A")
    assert told["fuzz"].call[1:] == ("-m", "benchmarks.soak_formats", "--seconds", "30", "--json")
    assert told["load"].call[1:] == ("-m", "benchmarks.load", "--json")
    assert told["peers"].call[1:] == ("-m", "benchmarks.peers", "--encoder", "E", "--json")
    assert told["scale"].call[3:] == ("--data", "A", "--sizes", "1000,10000,100000", "--json")
    assert (told["bombs"].environment, told["kills"].environment) == ({"QA_BOMBS": "1"}, {"QA_KILLS": "20"})
    assert [each.lacks for each in told.values()] == [None] * 6
    assert [each.lacks for each in planned().values()] == [None] * 4 + ["--encoder", "--articles"]
    with_data = planned("--encoder", "E", "--data", "D")["peers"]
    assert with_data.call[3:] == ("--encoder", "E", "--data", "D", "--json")


def test_a_step_tells_its_status_its_time_and_its_figures() -> None:
    told = ran(step("kills", "{'kills': os.environ['QA_KILLS']}", 3, QA_KILLS="7"))
    assert (type(told.pop("seconds")), len(told.pop("load"))) == (float, 3)
    assert told == {"status": 3, "kills": "7"}


def test_a_step_that_dies_without_figures_is_told_all_the_same() -> None:
    told = ran(Step("load", (sys.executable, "-c", "import sys; sys.exit(9)")))
    assert (told["status"], set(told)) == (9, {"status", "seconds", "load"})


def test_a_step_whose_path_is_not_given_is_left_out_and_does_not_fail() -> None:
    told = ran(Step("peers", ("no such command",), lacks="--encoder"))
    assert told == {"left_out": "--encoder"}
    assert failed({"bombs": {"status": 0}, "fuzz": {"status": 2}, "peers": told}) == ["fuzz"]


@pytest.mark.parametrize(
    ("status", "ended", "said"), [(0, 0, "全部通过 all passed"), (5, 1, "失败 failed: fuzz")]
)
def test_the_run_goes_on_behind_a_failure_and_ends_with_its_status(
    status: int,
    ended: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    every = [step("bombs"), step("fuzz", status=status), step("kills", "{'files': 4}")]
    monkeypatch.setattr(soak, "steps", lambda args: every)
    file = tmp_path / "soak.json"
    assert main(["--minutes", "2", "--json", str(file)]) == ended
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert [(name, each["status"], each["files"]) for name, each in kept["steps"].items()] == [
        ("bombs", 0, 3),
        ("fuzz", status, 3),
        ("kills", 0, 4),
    ]
    assert "load" in kept["machine"]
    assert capsys.readouterr().out.splitlines()[-1] == said


def test_steps_that_are_run_alone_leave_the_others_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "soak.json"
    for figures in ("{'files': 3}", "{'files': 5}"):
        every = [step("bombs", figures), step("fuzz", figures, status=5 if "3" in figures else 0)]
        monkeypatch.setattr(soak, "steps", lambda args, every=every: every)
        only = ["--only", "fuzz"] if file.exists() else []
        assert main([*only, "--json", str(file)]) == int("3" in figures)
    kept = json.loads(file.read_text(encoding="utf-8"))["steps"]
    assert {name: each["files"] for name, each in kept.items()} == {"bombs": 3, "fuzz": 5}


def test_a_step_that_is_asked_for_needs_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--only", "peers"])
    assert caught.value.code == 2
    assert "peers needs --encoder" in capsys.readouterr().err


def test_figures_of_tests_are_their_outcomes_and_the_highest_of_what_they_recorded(tmp_path: Path) -> None:
    def case(name: str, inside: str = "") -> str:
        return f'<testcase name="{name}">{inside}</testcase>'

    def recorded(value: str) -> str:
        return f'<properties><property name="megabytes" value="{value}"/></properties>'

    file = tmp_path / "tests.xml"
    cases = [
        case("a", recorded("96")),
        case("b", recorded("966") + "<failure/>"),
        case("c", "<skipped/>"),
        case("d", "<error/>"),
        case("e", recorded("9.5")),
    ]
    file.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>", encoding="utf-8")
    assert from_pytest(file) == {
        "tests": {"passed": 2, "failure": 1, "skipped": 1, "error": 1},
        "failed": ["b", "d"],
        "most": {"megabytes": 966.0},
    }
