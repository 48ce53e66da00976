"""The peer benchmark: its measuring, its table and its drivers' lines, on systems made by hand."""

from __future__ import annotations

import io
import itertools
import json
import sys
import types
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.peers import environments, protocol
from benchmarks.peers.driver_qa import article
from benchmarks.peers.measure import Bench, Comparison, Contestant, Figures, ranking
from benchmarks.peers.process import Driver, PeerError
from benchmarks.peers.protocol import Given, folder_bytes, installed, serve
from benchmarks.peers.sets import Collection
from benchmarks.peers.table import MEASURES, Measure, ahead, table
from benchmarks.peers.words import terms
from qa.labels import Paragraph, Question, Reference, paragraph_article

ROOT = Path(__file__).parents[1]
SHANGHAI, SHENZHEN = "上海在2017年启动试点。", "深圳在2019年启动试点。"
FIRST, SECOND = "0:0-13", "1:0-13"

# A driver: what it says is in its one argument, the name of one of these.
DRIVER = f"""
import sys, time
sys.path.insert(0, {str(ROOT)!r})
from benchmarks.peers.protocol import serve

class Fake:
    packages, models = ["packaging"], []
    answers = {{"上海哪年?": "2017年", "深圳哪年?": "2019", "哪里?": None}}
    found = {{"上海哪年?": ["{FIRST}"], "深圳哪年?": ["{FIRST}", "{SECOND}"], "哪里?": ["9:0-1"]}}
    def prepare(self): print("not a reply")
    def index(self, data, folder):
        folder.mkdir()
        (folder / "index").write_bytes(b"12345")
    def open(self, folder): (folder / "index").read_bytes()
    def search(self, question, k): return self.found[question][:k]
    def ask(self, question): return self.answers[question]

class Dying(Fake):
    def open(self, folder):
        print("out of luck", file=sys.stderr)
        sys.stderr.flush()
        import os; os._exit(3)

class Hanging(Fake):
    def prepare(self): time.sleep(60)

class Failing(Fake):
    def ask(self, question): raise ValueError("no\\n such word")

serve(globals()[sys.argv[1]]())
"""


def collection() -> Collection:
    articles = tuple(
        paragraph_article("pool", Paragraph(at, text, "试点"))
        for at, text in enumerate((SHANGHAI, SHENZHEN), start=1)
    )
    questions = (
        Question("1", "上海哪年?", (Reference("2017年"),), paragraph=Paragraph(1, SHANGHAI)),
        Question("2", "深圳哪年?", (Reference("2019年"),), paragraph=Paragraph(2, SHENZHEN)),
        Question("3", "哪里?", (Reference("深圳"),), paragraph=Paragraph(2, SHENZHEN)),
    )
    return Collection("两座城市", articles, questions)


def contestant(kind: str, name: str = "fake") -> Contestant:
    return Contestant(name, (sys.executable, "-c", DRIVER, kind))


def ticks() -> Callable[[], float]:
    """A clock that goes on by half a second whenever it is looked at."""
    count = itertools.count()
    return lambda: next(count) / 2


def driver(tmp_path: Path, *command: str, patience: float = 60) -> Driver:
    return Driver("fake", command, log=tmp_path / "fake.log", patience=patience)


# ---- measuring


def test_every_measure_of_a_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Driver, "peak", 7_000_000)
    bench = Bench(collection(), tmp_path, asked=None, patience=60, clock=ticks())
    found = bench.compare([contestant("Fake")], 2)
    every_round = {
        "indexing": 4.0,  # two passages in half a second
        "indexing memory": 7_000_000,
        "disk": 5,
        "cold": 0.5,
        "p50": 0.5,
        "p95": 0.5,
        "memory": 7_000_000,
    }
    once = {
        "installed": installed(["packaging"])["bytes"],
        "Recall@1": 1 / 3,
        "Recall@5": 2 / 3,
        "MRR@10": 0.5,
        "EM": 1 / 3,
        "F1": (1 + 2 / 3) / 3,  # the second answer has one of the two units, 2019 and 年
    }
    assert found.failed == {}
    assert found.runs["fake"][0] == pytest.approx(every_round | once)
    assert found.runs["fake"][1] == every_round
    assert {measure.name for measure in MEASURES} == found.runs["fake"][0].keys()


def test_only_so_many_questions_are_answered(tmp_path: Path) -> None:
    bench = Bench(collection(), tmp_path, asked=2)
    assert len(bench.asked) == 2
    assert set(bench.asked) < set(collection().questions)


def test_a_ranking_counts_by_its_first_relevant_passage() -> None:
    flags = [[True], [False] * 4 + [True], [False] * 9 + [True], [False] * 10 + [True]]
    assert ranking(flags) == {"Recall@1": 0.25, "Recall@5": 0.5, "MRR@10": (1 + 0.2 + 0.1) / 4}


def test_one_that_fails_drops_out_and_the_others_go_on(tmp_path: Path) -> None:
    told: list[str] = []
    bench = Bench(collection(), tmp_path, asked=1, patience=60)
    found = bench.compare([contestant("Failing", "bad"), contestant("Fake", "good")], 2, tell=told.append)
    line = "bad: ask failed (ValueError: no such word)"
    assert found.failed == {"bad": line}
    assert [len(found.runs[name]) for name in ("bad", "good")] == [0, 2]
    assert told == [
        "两座城市, round 1 of 2: bad",
        line,
        "两座城市, round 1 of 2: good",
        "两座城市, round 2 of 2: good",
    ]


# ---- drivers that do not behave


def test_a_driver_that_dies_is_told_with_its_last_words(tmp_path: Path) -> None:
    bench = Bench(collection(), tmp_path, asked=1, patience=60)
    found = bench.compare([contestant("Dying")], 1)
    assert found.failed == {"fake": "fake: ended with status 3 at open (out of luck)"}


def test_a_driver_that_hangs_is_ended(tmp_path: Path) -> None:
    with driver(tmp_path, sys.executable, "-c", DRIVER, "Hanging", patience=60) as fake:
        assert fake("installed")["versions"].keys() == {"packaging"}
        fake._patience = 0.2
        with pytest.raises(PeerError) as told:
            fake("prepare")
    assert str(told.value) == f"fake: no reply to prepare within 0.2 s; see {tmp_path / 'fake.log'}"
    assert fake._process.poll() == -9


def test_what_is_no_json_is_told(tmp_path: Path) -> None:
    with (
        driver(tmp_path, sys.executable, "-c", "print('welcome'); input()") as fake,
        pytest.raises(PeerError, match=r"^fake: replied to open with no JSON \('welcome'\)$"),
    ):
        fake("open")


def test_what_cannot_be_started_is_told(tmp_path: Path) -> None:
    missing = str(tmp_path / "python")
    with pytest.raises(PeerError) as told:
        driver(tmp_path, missing)
    assert str(told.value) == f"fake: cannot be started ({missing}: No such file or directory)"


# ---- the driver's end


class Canned:
    packages: Sequence[str] = ()
    models: Sequence[Path] = ()

    def prepare(self) -> None:
        return None

    def index(self, data: Path, folder: Path) -> None:
        raise OSError(f"{data} to {folder}:\n no space")

    def open(self, folder: Path) -> None:
        return None

    def search(self, question: str, k: int) -> list[str]:
        return [question] * k

    def ask(self, question: str) -> str | None:
        return question[:2] or None


def test_each_request_has_one_reply() -> None:
    requests = [
        {"do": "prepare"},
        {"do": "index", "data": "d", "folder": "f"},
        {"do": "search", "question": "上海", "k": 2},
        {"do": "ask", "question": "上海哪年?"},
        {"do": "ask", "question": ""},
        {"do": "dance"},
    ]
    replies = io.StringIO()
    serve(Canned(), (json.dumps(each) for each in requests), replies)
    assert replies.getvalue().splitlines() == [
        '{"done": null}',
        '{"error": "OSError: d to f: no space"}',
        '{"done": ["上海", "上海"]}',
        '{"done": "上海"}',
        '{"done": null}',
        """{"error": "KeyError: 'dance'"}""",
    ]


def test_installed_counts_what_is_required_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, "peer_one", "1.5", 'peer-two>=1\nRequires-Dist: peer-ghost; extra == "more"', b"123")
    package(tmp_path, "peer_two", "2.0", "peer-one", b"4567")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights").write_bytes(b"89")
    monkeypatch.syspath_prepend(tmp_path)
    found = installed(["peer-one", "peer-two"], [tmp_path / "model"])
    assert found == {"bytes": 9, "versions": {"peer-one": "1.5", "peer-two": "2.0"}}


def package(folder: Path, name: str, version: str, requires: str, code: bytes) -> None:
    """An installed distribution of one module, whose own description counts nothing."""
    (folder / f"{name}.py").write_bytes(code)
    told = folder / f"{name}-{version}.dist-info"
    told.mkdir()
    text = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n"
    (told / "METADATA").write_text(f"{text}Requires-Dist: {requires}\n")
    (told / "RECORD").write_text(f"{name}.py,,\n__pycache__/{name}.cpython-311.pyc,,\n")


def test_compiled_python_is_no_part_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "code.py").write_bytes(b"12")
    (tmp_path / "inner" / "code.pyc").write_bytes(b"345")
    assert folder_bytes(tmp_path) == 2


def test_words_and_pairs_are_one_field(monkeypatch: pytest.MonkeyPatch) -> None:
    jieba = types.SimpleNamespace(
        cut=lambda text: ["北京", "大学", "，", "ai"], setLogLevel=lambda level: None
    )
    monkeypatch.setitem(sys.modules, "jieba", jieba)
    assert terms("北京大学，AI") == ["北京", "大学", "ai", "北京", "京大", "大学"]


# ---- passages


def test_drivers_read_the_passages_that_the_collection_has(tmp_path: Path) -> None:
    held = collection()
    held.write(tmp_path)
    assert Given.read(tmp_path) == [Given(FIRST, "试点", SHANGHAI), Given(SECOND, "试点", SHENZHEN)]
    assert Given.read(tmp_path)[0].indexed == f"试点\n{SHANGHAI}"
    lines = (tmp_path / protocol.ARTICLES).read_text(encoding="utf-8").splitlines()
    read = [article(json.loads(line)) for line in lines]
    assert read == [replace(each, element=str(at)) for at, each in enumerate(held.articles)]


def test_a_passage_is_relevant_by_its_paragraph() -> None:
    held = collection()
    assert held.flags(held.questions[1], [FIRST, SECOND, "9:0-1"]) == [False, True, False]


# ---- the table


def compared() -> Comparison:
    runs: dict[str, list[Figures]] = {
        "qa": [
            {"cold": 0.5, "indexing": 100.0, "Recall@1": 0.9, "p50": 0.02, "memory": 2e8},
            {"cold": 1.0, "indexing": 50.0, "p50": 0.04, "memory": 2e8},
            {"cold": 0.5, "indexing": 200.0, "p50": 0.02, "memory": 2e8},
        ],
        "peer": [
            {"cold": 5.0, "indexing": 10.0, "Recall@1": 0.95, "p50": 0.41, "memory": None},
            {"cold": 7.0, "indexing": 10.0, "p50": 0.4, "memory": None},
            {"cold": 8.0, "indexing": 10.0, "p50": 0.39, "memory": None},
        ],
        "gone": [],
    }
    versions = {"qa": {"qa": "0.1.0"}, "peer": {"peer-ai": "2.31.0", "torch": "2.13.0"}}
    return Comparison(collection(), 3, runs, {"gone": "gone: died"}, versions)


def test_the_table_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = tuple(each for each in MEASURES if each.name in {"cold", "indexing", "Recall@1", "p50", "memory"})
    monkeypatch.setattr("benchmarks.peers.table.MEASURES", rows)
    assert table(compared(), "qa") == (
        "| 两座城市: 2 段 passages, 3 问 questions | qa (0.1.0) | peer (2.31.0) | gone |\n"
        "| --- | --- | --- | --- |\n"
        "| 冷启动到第一个回答 cold start to the first answer, s | 0.50 | 7.00 (10×) | – |\n"
        "| 建索引 indexing, passages/s | 100.0 | 10.0 (0.1×) | – |\n"
        "| Recall@1 | 0.900 | 0.950 | – |\n"
        "| 回答用时 answering, p50, ms | 20 | 400 (20×) | – |\n"
        "| 内存峰值，回答 peak memory, answering, MB | 200 | – | – |\n"
    )


def test_a_ratio_is_taken_within_each_round() -> None:
    assert compared().ratio("peer", "cold", "qa") == 10.0  # of 10, 7 and 16
    assert compared().ratio("peer", "memory", "qa") is None
    assert compared().ratio("gone", "cold", "qa") is None


def test_where_a_peer_is_ahead_is_said() -> None:
    assert ahead(compared(), "qa") == ["peer: Recall@1: 0.950, qa 0.900"]


def test_less_is_better_of_times() -> None:
    found = Comparison(collection(), 3, {"qa": [{"p95": 0.2}], "peer": [{"p95": 0.1234}]})
    assert ahead(found, "qa") == ["peer: 回答用时 answering, p95, ms: 123, qa 200"]


def test_a_comparison_as_json() -> None:
    found = compared().to_dict("qa")
    assert found["systems"]["peer"]["cold"] == {"median": 7.0, "ratio": 10.0, "runs": [5.0, 7.0, 8.0]}
    assert found["systems"]["peer"]["memory"] == {"median": None, "ratio": None, "runs": []}
    assert found["systems"].keys() == {"qa", "peer"}
    assert {key: found[key] for key in ("passages", "questions", "asked", "failed")} == {
        "passages": 2,
        "questions": 3,
        "asked": 3,
        "failed": {"gone": "gone: died"},
    }


def test_numbers_are_shown_in_the_unit_of_their_row() -> None:
    assert Measure("memory", "MB", scale=1e-6).shown(1_234_567_890) == "1,235"
    assert Measure("memory", "MB").shown(None) == "–"


# ---- environments


def test_an_environment_that_is_ready_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "txtai" / "bin").mkdir(parents=True)
    (tmp_path / "txtai" / "bin" / "python").touch()
    (tmp_path / "txtai" / "ready").write_text(environments._wanted("txtai"))
    monkeypatch.setattr(environments, "_run", lambda name, command: pytest.fail(f"ran {command}"))
    assert environments.python_of("txtai", tmp_path) == str(tmp_path / "txtai" / "bin" / "python")


def test_an_environment_is_made_with_its_pins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(name: str, command: list[str]) -> None:
        ran.append(command)
        (tmp_path / name).mkdir(exist_ok=True)

    monkeypatch.setattr(environments, "_run", run)
    python = environments.python_of("txtai", tmp_path)
    assert ran == [
        [sys.executable, "-m", "venv", str(tmp_path / "txtai")],
        [
            *(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("-c", str(ROOT / "benchmarks/peers/constraints.txt"), "txtai==9.14.*", "jieba"),
        ],
    ]


def test_a_pip_that_fails_is_told_in_one_line() -> None:
    with pytest.raises(PeerError) as told:
        environments._run("txtai", [sys.executable, "-c", "raise SystemExit('one\\nno such version\\n')"])
    assert str(told.value) == "txtai: its environment cannot be made (no such version)"
