"""The command line to the letter: help texts, results, JSON, exit statuses; and what it leaves unimported.

Expected outputs lie in ``tests/golden``; after a change that is meant, ``QA_WRITE_GOLDEN=1 pytest
tests/test_cli.py`` writes them anew. Confidences and times are masked.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from shelf import ROOT, SOURCES, CountingEncoder

from qa import __version__
from qa.postings import Thinning, write_postings

pytest_plugins = ("shelf_fixtures",)

Command = Callable[..., tuple[int, str, str]]
GOLDEN = Path(__file__).parent / "golden"
QUESTION = "上海在哪一年启动了区块链技术应用试点?"


def golden(name: str, found: str) -> None:
    """``found`` with what changes masked, against the file of that name."""
    masked = re.sub(r"(把握(?: confidence)?) [01]\.\d\d", r"\1 #.##", found)
    masked = re.sub(r"\d+\.\d ms", "#.# ms", masked)
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("QA_WRITE_GOLDEN"):
        path.write_text(masked, encoding="utf-8")
    assert masked == path.read_text("utf-8")


@pytest.fixture
def built(tmp_path: Path, articles: Path, model: CountingEncoder, qa: Command) -> Path:
    assert qa("index", articles, "--index", tmp_path / "index")[0] == 0
    return tmp_path / "index"


@pytest.fixture
def single(tmp_path: Path, model: CountingEncoder, qa: Command) -> Path:
    """An index of one sentence, so that there is one thing to answer."""
    text = (
        "---\ntitle: 上海的试点\ndate: 2021-05-06\n---\n\n## 起步\n\n上海在2017年启动了区块链技术应用试点。\n"
    )
    (tmp_path / "one.md").write_text(text, encoding="utf-8")
    assert qa("index", tmp_path / "one.md", "--index", tmp_path / "single")[0] == 0
    return tmp_path / "single"


# ---- help


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="argparse words its help by version")
@pytest.mark.parametrize(
    "command", ["", "index", "articles", "ask", "search", "eval", "label", "verify", "serve", "doctor"]
)
def test_help_is_what_it_was(qa: Command, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    status, out, err = qa(*([command] if command else []), "--help")
    assert (status, err) == (0, "")
    golden(f"help{'-' if command else ''}{command}", out)


def test_version(qa: Command) -> None:
    assert qa("--version") == (0, f"qa {__version__}\n", "")


# ---- index


def test_index_summary(tmp_path: Path, articles: Path, model: CountingEncoder, qa: Command) -> None:
    index = ("--index", tmp_path / "index")
    lines = (
        "新增 added 6，更新 changed 0，未变 unchanged 0，移除 removed 0，拒收 refused 0\n"
        "共 7 篇 articles，8 段 passages，新嵌入 embedded 8\n"
    )
    assert qa("index", articles, *index) == (0, lines, "")
    (articles / "zero.txt").write_bytes(b"")
    (articles / "taipei.txt").unlink()
    lines = (
        "新增 added 0，更新 changed 0，未变 unchanged 5，移除 removed 1，拒收 refused 1\n"
        "共 6 篇 articles，7 段 passages，新嵌入 embedded 0\n"
        "  拒收 refused zero.txt: empty file\n"
    )
    assert qa("index", *index, "--strict") == (1, lines, "")
    status, out, err = qa("index", *index, "--json")
    assert (status, err, out.count("\n")) == (0, "", 1)
    summary = json.loads(out)
    assert summary["unchanged"] == [source for source in SOURCES if source != "taipei.txt"]
    assert list(summary) == [
        "added", "changed", "unchanged", "removed", "refused", "articles", "passages", "embedded", "doubles",
        "fingerprint",
    ]  # fmt: skip


def test_a_path_is_taken_out(tmp_path: Path, articles: Path, model: CountingEncoder, qa: Command) -> None:
    (tmp_path / "one.md").write_text("# 无锡\n\n无锡在2023年试点。\n", encoding="utf-8")
    assert qa("index", articles, tmp_path / "one.md", "--index", tmp_path / "index")[0] == 0
    status, out, _ = qa("index", "--remove", tmp_path / "one.md", "--index", tmp_path / "index", "--json")
    assert status == 0
    assert json.loads(out)["removed"] == ["one.md"]


# ---- ask and search


def test_an_answer(single: Path, qa: Command) -> None:
    status, out, err = qa("ask", QUESTION, "--threshold", "0", "--index", single)
    assert (status, err) == (0, "")
    golden("ask", out)
    status, out, err = qa("ask", QUESTION, "--threshold", "0", "--explain", "--index", single)
    assert (status, err) == (0, "")
    golden("ask-explain", re.sub(r" -?\d\.\d{3}  ", "  #.###  ", out))


def test_an_abstention(built: Path, qa: Command) -> None:
    status, out, err = qa("ask", QUESTION, "--threshold", "1", "--source", "sh*", "--index", built)
    assert (status, err) == (1, "")
    golden("ask-abstained", out)


def test_a_search(built: Path, qa: Command) -> None:
    status, out, err = qa("search", QUESTION, "--top-k", "3", "--index", built)
    assert (status, err) == (0, "")
    golden("search", out)
    status, out, err = qa("search", QUESTION, "--top-k", "3", "--json", "--index", built)
    assert (status, err, out.count("\n")) == (0, "", 1)
    found = json.loads(out)
    assert list(found) == ["question", "passages"]
    first = found["passages"][0]
    assert (first["source"], first["ranks"]["bm25"]) == ("shanghai.md", 1)


ANSWER = [
    "question", "searched", "answer", "abstained", "confidence", "citations", "passages", "timings_ms",
    "index",
]  # fmt: skip
CITATION = [
    "quote", "start", "end", "byte_start", "byte_end", "kind", "source", "element", "title", "heading",
    "page", "date", "author", "origin", "sentence", "sha256", "encoding",
]  # fmt: skip
PASSAGE = ["source", "element", "title", "start", "end", "text", "score", "ranks"]


def test_json_has_the_keys_of_the_interface(single: Path, tmp_path: Path, qa: Command) -> None:
    status, out, err = qa("ask", QUESTION, "--threshold", "0", "--json", "--index", single)
    assert (status, err, out.count("\n")) == (0, "", 1)
    answer = json.loads(out)
    assert list(answer) == ANSWER
    (citation,) = answer["citations"]
    assert list(citation) == CITATION
    assert list(citation["sentence"]) == ["text", "start", "end"]
    assert [list(passage) for passage in answer["passages"]] == [PASSAGE]
    assert list(answer["timings_ms"]) == ["retrieve", "read", "total"]
    assert list(answer["index"]) == ["fingerprint", "encoder", "reader"]
    assert 0 <= answer["confidence"] <= 1
    text = (tmp_path / "one.md").read_text("utf-8")
    start = text.index("2017年")
    raw = (tmp_path / "one.md").read_bytes()
    shown = {key: citation[key] for key in CITATION if key not in ("sha256", "sentence")}
    assert shown == {
        "quote": "2017年",
        "start": start,
        "end": start + 5,
        "byte_start": raw.index("2017年".encode()),
        "byte_end": raw.index("2017年".encode()) + 7,
        "kind": "answer",
        "source": "one.md",
        "element": None,
        "title": "上海的试点",
        "heading": ["起步"],
        "page": None,
        "date": "2021-05-06",
        "author": None,
        "origin": None,
        "encoding": "utf-8",
    }
    assert citation["sentence"]["text"] == "上海在2017年启动了区块链技术应用试点。"

    status, out, err = qa("ask", QUESTION, "--threshold", "1", "--json", "--index", single)
    assert (status, err) == (1, "")
    refused = json.loads(out)
    assert list(refused) == ANSWER
    assert (refused["answer"], refused["abstained"], refused["citations"]) == (None, True, [])
    assert refused["confidence"] == answer["confidence"]
    assert refused["passages"] == answer["passages"]


def test_history_comes_in_order_oldest_first(built: Path, qa: Command) -> None:
    asked = ("ask", "那广州呢?", "--history", "北京哪一年写进了计划?", "--history", "深圳哪一年开出发票?")
    _, out, _ = qa(*asked, "--index", built, "--json", "--threshold", "0")
    assert json.loads(out)["searched"] == "广州哪一年开出发票?"
    assert json.loads(out)["question"] == "那广州呢?"


@pytest.mark.parametrize(
    ("filters", "sources"),
    [
        (("--source", "south/*"), {"south/guangzhou.txt"}),
        (("--source", "*zh*"), {"shenzhen.html", "south/guangzhou.txt"}),
        (("--after", "2021"), {"shanghai.md", "briefs.jsonl"}),
        (("--before", "2020-03-01"), {"briefs.jsonl"}),
        (("--after", "2021-05", "--before", "2021-06"), {"shanghai.md"}),
        (("--top-k", "1000"), set(SOURCES)),
    ],
)
def test_filters(built: Path, qa: Command, filters: tuple[str, ...], sources: set[str]) -> None:
    for command in ("search", "ask"):
        _, out, _ = qa(command, "试点?", *filters, "--top-k", "50", "--json", "--index", built)
        assert {passage["source"] for passage in json.loads(out)["passages"]} == sources


def test_lines_of_standard_input_give_a_line_each_in_order(built: Path, qa: Command) -> None:
    lines = [
        QUESTION.encode(),
        json.dumps({"id": "b", "question": QUESTION}).encode(),
        b'{"id": 3, "question": "\xe4\xb8\x8a"',
        b"\xff\xfe",
        b"",
        b"   ",
        json.dumps({"id": None, "question": "那广州呢?", "history": ["深圳哪一年开出发票?"]}).encode(),
        json.dumps({"question": QUESTION, "history": "x"}).encode(),
        json.dumps({"id": "i", "history": []}).encode(),
        "？！".encode(),
        ("上" * 20_000).encode(),
        b'{"question": "\\ud800\xe4\xb8\x8a\xe6\xb5\xb7?", "id": "s"}',
        b'{"a":' + b"[" * 100_000,
        ("\ufeff" + QUESTION).encode() + b"\r",
        b'["' + QUESTION.encode() + b'"]',
    ]
    status, out, err = qa("ask", "-", "--threshold", "0", "--index", built, stdin=b"\n".join(lines))
    assert (status, out.count("\n")) == (0, len(lines))
    assert re.fullmatch(r"qa: 15 个问题，每秒 \d+\.\d 个 questions, \d+\.\d a second\n", err)
    rows: list[dict[str, Any]] = [json.loads(line) for line in out.split("\n")[:-1]]
    assert [row.get("error", "")[:28] for row in rows] == [
        "",
        "",
        "the line is not JSON (Expect",
        "the line is not UTF-8 (inval",
        "the question is empty; ask s",
        "the question is empty; ask s",
        "",
        'the object needs a "question',
        'the object needs a "question',
        "'？！' holds no words; ask a q",
        "the question has 20,000 char",
        "",
        "the line is not JSON (maximu",
        "",
        "",
    ]
    ids = [row.get("id", "none") for row in rows]
    assert ids == ["none", "b", *["none"] * 4, None, "none", "i", "none", "none", "s", *["none"] * 3]
    assert list(rows[0]) == ANSWER
    assert list(rows[1]) == ["id", *ANSWER]
    assert rows[6]["searched"] == "广州哪一年开出发票?"
    assert rows[13]["question"] == QUESTION
    assert rows[0]["citations"] == rows[1]["citations"] == rows[13]["citations"]


def test_no_lines_give_no_lines(built: Path, qa: Command) -> None:
    assert qa("ask", "-", "--index", built, stdin=b"") == (0, "", "")


def test_history_of_the_command_line_comes_before_that_of_a_line(built: Path, qa: Command) -> None:
    line = json.dumps({"question": "那广州呢?"}).encode()
    _, out, _ = qa("ask", "-", "--history", "深圳哪一年开出发票?", "--index", built, stdin=line)
    assert json.loads(out)["searched"] == "广州哪一年开出发票?"


# ---- eval

LABELS = (
    {"id": "q1", "question": QUESTION, "answers": ["2017年"], "sources": ["shanghai.md"], "split": "tune"},
    {"id": "q2", "question": "上海的市长是谁?", "answers": [], "type": "name", "split": "report"},
    {"id": "q3", "question": "那广州呢?", "answers": ["2019年"], "sources": ["south/guangzhou.txt"],
     "history": ["深圳哪一年开出发票?"], "split": "report"},
)  # fmt: skip


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in LABELS), encoding="utf-8")
    return path


def test_eval_prints_one_run_as_json(built: Path, labels: Path, qa: Command) -> None:
    status, out, err = qa("eval", labels, "--index", built, "--threshold", "0", "--json", "-")
    assert (status, err) == (0, "")
    run = json.loads(out)
    assert list(run) == ["run", "summary", "by_type", "questions"]
    assert (run["summary"]["n"], run["summary"]["Recall@1"], run["summary"]["citations_valid"]) == (
        3,
        1.0,
        1.0,
    )
    assert [row["id"] for row in run["questions"]] == ["q1", "q2", "q3"]
    assert run["run"]["threshold"] == 0.0


def test_eval_prints_a_table_and_writes_the_run(
    built: Path, labels: Path, tmp_path: Path, qa: Command
) -> None:
    file = tmp_path / "run.json"
    status, out, err = qa("eval", labels, "--index", built, "--threshold", "0", "--json", file)
    assert (status, err) == (0, "")
    assert out.startswith("labels.jsonl  门槛 threshold 0\n\n指标 measures\n")
    assert json.loads(file.read_text("utf-8"))["summary"]["n"] == 3
    call = ("eval", labels, "--index", built, "--threshold", "0")
    assert qa(*call, "--baseline", file, "--fail-if", "Recall@1<-0.005")[0] == 0
    status, out, err = qa(*call, "--fail-if", "n>2", "--fail-if", "n>3", "--json", "-")
    assert (status, err) == (1, "qa: --fail-if n>2 成立 holds\n")
    assert json.loads(out)["summary"]["n"] == 3
    for rule, told in (("F1<-0.1", "give --baseline RUN.json"), ("Fun<0.1", "has no measure Fun")):
        status, out, err = qa(*call, "--fail-if", rule)
        assert (status, err.count("\n"), told in err) == (2, 1, True)


def test_eval_of_one_split(built: Path, labels: Path, qa: Command) -> None:
    status, out, _ = qa("eval", labels, "--index", built, "--split", "report", "--json", "-")
    assert (status, [row["id"] for row in json.loads(out)["questions"]]) == (0, ["q2", "q3"])
    status, out, err = qa("eval", labels, "--index", built, "--split", "none")
    assert (status, out) == (2, "")
    assert err == f"qa: {labels}: no question has the split 'none'\n"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Reader rows over two paragraphs."""
    contexts = ("上海在2017年启动了试点。", "深圳在2018年开出了发票。")
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join(
            json.dumps(
                {
                    "id": str(at),
                    "context": context,
                    "question": f"{context[:2]}在哪一年{context[8:-1]}?",
                    "answers": [{"text": context[3:8], "start": 3}],
                    "unanswerable": False,
                },
                ensure_ascii=False,
            )
            + "\n"
            for at, context in enumerate(contexts)
        ),
        encoding="utf-8",
    )
    return path


def test_eval_of_a_label_files_own_paragraphs(
    tmp_path: Path, rows: Path, model: CountingEncoder, qa: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    call = ("eval", rows, "--squad-corpus", "--threshold", "0", "--json", "-")
    status, out, err = qa(*call)
    assert (status, err) == (0, "")
    assert sorted(tmp_path.iterdir()) == before
    run = json.loads(out)
    assert (run["summary"]["EM"], run["summary"]["Recall@1"]) == (1.0, 1.0)
    kept = qa(*call, "--index", "kept")
    assert json.loads(kept[1])["run"]["index"] == run["run"]["index"]
    assert (tmp_path / "kept" / "manifest.json").is_file()
    assert qa("search", "试点", "--index", "kept")[0] == 0


def test_eval_with_the_labelled_paragraph_opens_no_index(
    tmp_path: Path, rows: Path, labels: Path, model: CountingEncoder, qa: Command
) -> None:
    call = ("eval", rows, "--gold-passage", "--index", tmp_path / "none", "--json", "-")
    status, out, err = qa(*call)
    assert (status, err) == (0, "")
    run = json.loads(out)
    assert (run["summary"]["EM"], run["summary"]["Recall@1"], run["run"]["threshold"]) == (1.0, None, 0.0)
    assert json.loads(qa(*call, "--threshold", "1")[1])["summary"]["EM"] == 0.0
    for option, told in (
        ("--gold-passage", "question q1 has no labelled paragraph to read"),
        ("--squad-corpus", "carries no paragraphs to index; run it without --squad-corpus"),
    ):
        status, out, err = qa("eval", labels, option)
        assert (status, out, err.count("\n"), told in err) == (2, "", 1, True)


def test_eval_never_pushes_out_an_index(built: Path, rows: Path, qa: Command) -> None:
    status, out, err = qa("eval", rows, "--squad-corpus", "--index", built)
    assert (status, out) == (2, "")
    assert err == f"qa: {built}: is an index of other articles; name another with --index\n"
    assert qa("ask", QUESTION, "--threshold", "0", "--index", built)[0] == 0


# ---- doctor


def test_doctor(built: Path, articles: Path, tmp_path: Path, qa: Command) -> None:
    status, out, err = qa("doctor", "--json", "--index", built)
    assert (status, err, out.count("\n")) == (0, "", 1)
    found = json.loads(out)
    assert list(found) == ["versions", "encoder", "reader", "index"]
    assert (found["versions"]["qa"], found["encoder"]["status"]) == (__version__, "ok")
    assert (found["reader"]["status"], found["reader"]["name"]) == ("ok", "reader-zh")
    assert (found["index"]["status"], found["index"]["articles"]) == ("ok", 7)
    assert found["index"]["paths"] == [str(articles)]
    status, out, err = qa("doctor", "--index", tmp_path / "none")
    assert (status, err) == (0, "")
    assert f"  status: none at {tmp_path / 'none'}; make one: qa index PATH\n" in out


def test_doctor_tells_which_ngrams_are_dropped(
    articles: Path, tmp_path: Path, qa: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    thin = partial(write_postings, thinning=Thinning(above=0, share=0.5))
    monkeypatch.setattr("qa.ingest.building.write_postings", thin)
    qa("index", articles, "--index", tmp_path / "thin")
    out = qa("doctor", "--index", tmp_path / "thin")[1]
    assert "  ngrams_dropped: 15 in more than 50% of the passages\n" in out


# ---- processes

_FAKED = (
    "import sys; from fakes import CharacterEncoder; import qa.encoder; "
    "qa.encoder.load = lambda name=None, **_: CharacterEncoder(); "
    "from qa.cli import main; sys.exit(main(sys.argv[1:]))"
)


def test_a_reader_that_goes_away_is_no_error(built: Path) -> None:
    for call in (["ask", "-"], ["search", "试点"], ["--help"]):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [sys.executable, "-c", _FAKED, *call, *(["--index", str(built)] if call[0] != "--help" else [])],
            input=(QUESTION + "\n").encode() * 3,
            stdout=writing,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
            check=False,
        )
        os.close(writing)
        assert (done.returncode, done.stderr) == (0, b"")


def test_a_terminal_without_unicode_gets_escapes(built: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FAKED, "search", "上海𠮷", "--json", "--index", str(built)],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PYTHONIOENCODING": "ascii"},
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout.decode("ascii"))["question"] == "上海𠮷"


def imported(*arguments: str) -> set[str]:
    """The top-level modules that a call of the real command line has imported when it ends."""
    script = (
        "import sys; from qa.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    return set(done.stderr.splitlines()[-1].split())


def test_help_imports_nothing_heavy() -> None:
    ours = {name for name in imported("--help") if name not in sys.stdlib_module_names}
    assert {name for name in ours if not name.startswith(("_", "sitecustomize"))} - {"zipimport"} <= {"qa"}


HEAVY = {"torch", "transformers", "sentence_transformers", "gradio", "bm25s", "scipy", "fastapi", "lxml"}


def test_asking_imports_no_training_library(shipped: Path) -> None:
    for call in (("ask", QUESTION), ("search", QUESTION)):
        loaded = imported(*call, "--index", str(shipped))
        assert {"numpy", "faiss", "onnxruntime", "tokenizers", "jieba"} <= loaded
        heavy = {
            "torch",
            "transformers",
            "sentence_transformers",
            "gradio",
            "bm25s",
            "scipy",
            "fastapi",
            "lxml",
        }
        assert loaded & heavy == set()


def test_the_readmes_first_question_is_answered(shipped: Path, qa: Command) -> None:
    status, out, err = qa("ask", "上海是哪一年启动区块链技术应用试点的?", "--index", shipped, "--json")
    assert (status, err) == (0, "")
    answer = json.loads(out)
    assert answer["answer"] == "2017年"
    assert "shanghai.md" in {citation["source"] for citation in answer["citations"]}
