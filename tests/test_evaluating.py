"""`qa eval` on the command line: what is checked before anything is asked, and parts of a label file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from shelf import CountingEncoder

pytest_plugins = ("shelf_fixtures",)

Command = Callable[..., tuple[int, str, str]]
QUESTION = "上海在哪一年启动了区块链技术应用试点?"
LABELS = (
    {"id": "q1", "question": QUESTION, "answers": ["2017年"], "sources": ["one.md"], "type": "date"},
    {"id": "q2", "question": "上海的市长是谁?", "answers": [], "type": "name"},
    {"id": "q3", "question": QUESTION, "answers": ["1843年"], "sources": ["one.md"]},
)


@pytest.fixture
def index(tmp_path: Path, model: CountingEncoder, qa: Command) -> Path:
    """An index of one sentence."""
    (tmp_path / "one.md").write_text(
        "# 上海的试点\n\n上海在2017年启动了区块链技术应用试点。\n", encoding="utf-8"
    )
    assert qa("index", tmp_path / "one.md", "--index", tmp_path / "single")[0] == 0
    return tmp_path / "single"


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in LABELS), encoding="utf-8")
    return path


def test_the_first_questions_and_as_much_of_the_baseline(
    index: Path, labels: Path, tmp_path: Path, qa: Command
) -> None:
    whole, call = tmp_path / "whole.json", ("eval", labels, "--index", index, "--threshold", "0")
    status, out, err = qa(*call, "--json", whole)
    assert status == 0
    assert err == (
        "qa: 有 1 处标注可疑，仍然计分 doubtful labels, which still count:\n"
        "qa: labels.jsonl:3: question q3: “1843年” stands nowhere in one.md\n"
    )
    status, out, err = qa(*call, "--limit", "2", "--baseline", whole, "--fail-if", "F1<-0.1", "--json", "-")
    run = json.loads(out)
    assert (status, run["run"]["part"], [row["id"] for row in run["questions"]]) == (
        0,
        "first 2",
        ["q1", "q2"],
    )
    assert err == f"qa: {whole}: 只取本次的 2 题 of its 3 questions only those of this run\n"
    assert run["comparison"]["measures"]["F1"]["difference"] == 0.0
    planted = ("--limit", "2", "--baseline", whole, "--fail-if", "F1<-0.1", "--threshold", "1")
    assert qa("eval", labels, "--index", index, *planted)[0] == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--fail-if", "Fun<0.1"], "--fail-if: this run has no measure Fun; it has n, EM, "),
        (["--fail-if", "F1<-0.1"], "--fail-if F1<-0.1: a signed value is a difference; give --baseline"),
        (["--fail-if", "by_type.place.F1<0.1"], "--fail-if: this run has no measure by_type.place.F1; "),
        (
            ["--baseline", "other.json"],
            "other.json: is a run of other labels (x.jsonl, sha256 cdcdcdcdcdcd; ",
        ),
        (["--report", "gone/run.html"], "gone/run.html: there is no folder to write it to; make gone first"),
        (
            ["--set-threshold-at-error", "0.1"],
            "a threshold of one's own needs at least 50 labelled questions",
        ),
        (
            ["--squad-corpus", "--store", "x.db"],
            "--squad-corpus and --set-threshold-at-error write to an index",
        ),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_asked(
    labels: Path,
    tmp_path: Path,
    qa: Command,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    other = {"run": {"labels": "x.jsonl", "labels_sha256": "cd" * 32}, "summary": {}, "questions": []}
    Path("other.json").write_text(json.dumps(other), encoding="utf-8")
    status, out, err = qa("eval", labels, *([] if "--store" in options else ["--index", "none"]), *options)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"qa: {told}")
