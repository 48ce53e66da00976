"""What goes wrong at a user's desk: one clear line or a refusal by name, nothing lost, no traceback."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from shelf import ROOT, SOURCES, CountingEncoder, contents

from qa.index import read_manifest

pytest_plugins = ("shelf_fixtures",)

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def built(tmp_path: Path, articles: Path, model: CountingEncoder, qa: Command) -> Path:
    assert qa("index", articles, "--index", tmp_path / "index")[0] == 0
    return tmp_path / "index"


def complaint(result: tuple[int, str, str]) -> str:
    """The one line on standard error of a call that ends with status 2 and says nothing else."""
    status, out, err = result
    assert (status, out, err.count("\n"), err[:4]) == (2, "", 1, "qa: ")
    assert "Traceback" not in err
    return err[4:-1]


# ---- questions


@pytest.mark.parametrize("command", ["ask", "search"])
@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("", "the question is empty; ask something"),
        (" \n\u3000", "the question is empty; ask something"),
        ("上" * 20_000, "the question has 20,000 characters; at most 1,000 can be asked"),
        ("？！，。……", "'？！，。……' holds no words; ask a question in Chinese"),
        ("?!?!", "'?!?!' holds no words; ask a question in Chinese"),
        ("\ud800", r"'\ud800' holds no words; ask a question in Chinese"),
    ],
)
def test_a_question_that_cannot_be_asked(
    built: Path, qa: Command, command: str, question: str, told: str
) -> None:
    assert complaint(qa(command, question, "--index", built)).startswith(told)


@pytest.mark.parametrize(
    "question",
    [
        "When did Shanghai start its blockchain pilot?",
        "2017",
        "a",
        "上海在哪一年启动了试点?" * 80,
        "上海\udcff在哪一年启动了试点?",
        "上海\x00在哪一年\u2028启动了\u202e试点?",
        "𠮷野家在哪一年启动了试点👨‍👩‍👧?",
        "SELECT * FROM articles; --",
        "../../etc/passwd",
    ],
)
def test_an_odd_question_is_answered_or_not_but_never_fails(built: Path, qa: Command, question: str) -> None:
    status, out, err = qa("ask", question, "--index", built, "--json")
    assert (status in (0, 1), err) == (True, "")
    answer = json.loads(out)
    assert answer["question"] == question
    assert answer["abstained"] == (status == 1)
    status, out, err = qa("ask", question, "--index", built)
    assert (status in (0, 1), err) == (True, "")


def test_a_question_in_english_is_not_answered(shipped: Path, qa: Command) -> None:
    status, out, err = qa("ask", "What is the capital of France?", "--index", shipped)
    assert (status, err) == (1, "")
    assert out.startswith("文章里没有找到答案。")


# ---- indexes


def test_no_index(tmp_path: Path, qa: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for call in (("ask", "上海?"), ("search", "上海?"), ("verify", "-")):
        said = complaint(qa(*call, "--index", "none", stdin=b"{}"))
        assert said == "none: holds no index; make one: qa index PATH --index none"
    for call in (("ask", "上海?"), ("search", "上海?")):
        assert complaint(qa(*call)) == "index: there is no index here; make one: qa index PATH"
    assert complaint(qa("index")).startswith("index: there is no index to refresh; name a folder")
    assert list(tmp_path.iterdir()) == []


def test_the_default_index_is_built_where_the_articles_lie(
    tmp_path: Path, articles: Path, model: CountingEncoder, qa: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "corpus").mkdir()
    articles.rename(tmp_path / "corpus" / "articles")
    monkeypatch.chdir(tmp_path)
    status, out, err = qa("ask", "上海在哪一年启动了试点?", "--threshold", "0", "--json")
    assert status == 0
    assert json.loads(out)["answer"] == "2017年"
    assert err == "qa: 首次使用，先为 corpus/articles 建立索引 building the index first …\n"
    assert qa("ask", "上海在哪一年启动了试点?", "--threshold", "0")[2] == ""


@pytest.mark.parametrize("name", ["articles.jsonl", "vectors.faiss", "bm25.rows.npy", "passages.npy"])
def test_a_truncated_index_file(built: Path, qa: Command, name: str) -> None:
    manifest = read_manifest(built)
    assert manifest is not None
    path = built / manifest.generation / name
    path.write_bytes(path.read_bytes()[:-3])
    for call in (("ask", "上海?"), ("search", "上海?"), ("index",)):
        said = complaint(qa(*call, "--index", built))
        remedy = f"run `qa index --rebuild --index {built}`"
        assert said == f"{path}: is damaged (size or checksum differs); {remedy}"
    assert name in json.loads(qa("doctor", "--json", "--index", built)[1])["index"]["status"]
    assert qa("index", "--rebuild", "--index", built)[0] == 0
    assert qa("search", "上海?", "--index", built)[0] == 0


def test_a_foreign_index_file(built: Path, qa: Command) -> None:
    manifest = read_manifest(built)
    assert manifest is not None
    path = built / manifest.generation / "vectors.faiss"
    path.write_bytes(b"\x7fELF" + bytes(path.stat().st_size - 4))
    assert complaint(qa("ask", "上海?", "--index", built)).startswith(f"{path}: is damaged")


def test_a_truncated_manifest(built: Path, articles: Path, qa: Command) -> None:
    path = built / "manifest.json"
    path.write_bytes(path.read_bytes()[:100])
    for call in (("ask", "上海?"), ("index", articles)):
        said = complaint(qa(*call, "--index", built))
        assert said.startswith(f"{path}: cannot be read as an index manifest")
        assert said.endswith(f"build it anew: qa index PATH --rebuild --index {built}")
    assert qa("index", articles, "--rebuild", "--index", built)[0] == 0


def test_another_format(built: Path, qa: Command) -> None:
    path = built / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "format": 1}), encoding="utf-8")
    said = complaint(qa("ask", "上海?", "--index", built))
    assert said.startswith(f"{path}: is of format 1, this version reads format 3; build it anew")


def test_another_encoder(
    built: Path, model: CountingEncoder, qa: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CountingEncoder, "fingerprint", "0123456789abcdef")
    said = complaint(qa("ask", "上海?", "--index", built))
    assert said.startswith(f"{built}: was indexed with another encoder (characters, characters:")
    assert said.endswith(f"run `qa index --rebuild --index {built}`")
    assert qa("index", "--rebuild", "--index", built)[0] == 0
    assert qa("search", "上海?", "--index", built)[0] == 0


def test_an_index_that_is_a_file_or_somebody_elses_folder(
    tmp_path: Path, articles: Path, model: CountingEncoder, qa: Command
) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "thesis.docx").write_bytes(b"years of work")
    said = complaint(qa("index", articles, "--index", theirs))
    assert said == f"{theirs}: holds files that are no index (thesis.docx); name an empty folder with --index"
    assert contents(theirs) == {"thesis.docx": b"years of work"}
    assert complaint(qa("ask", "上海?", "--index", theirs)).startswith(f"{theirs}: holds no index; make one")
    for call in (("ask", "上海?"), ("index", articles)):
        complaint(qa(*call, "--index", theirs / "thesis.docx"))
    assert contents(theirs) == {"thesis.docx": b"years of work"}


# ---- articles


def test_an_empty_folder(tmp_path: Path, qa: Command, model: CountingEncoder) -> None:
    (tmp_path / "empty").mkdir()
    said = complaint(qa("index", tmp_path / "empty", "--index", tmp_path / "index"))
    assert said.startswith(f"{tmp_path / 'empty'}: holds no articles; put files there of these kinds: .txt")


def test_a_path_that_is_not_there(tmp_path: Path, qa: Command) -> None:
    said = complaint(qa("index", tmp_path / "nowhere", "--index", tmp_path / "index"))
    assert said == f"{tmp_path / 'nowhere'}: no such file or folder; check the path"
    complaint(qa("index", "x" * 5000, "--index", tmp_path / "index"))


BAD: dict[str, bytes] = {
    "binary.txt": bytes(range(256)) * 40,
    "picture.md": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(255, -1, -1)) * 8,
    "zero.txt": b"",
    "blank.txt": b" \n\t\n",
    "invalid.txt": b"\xff\xfe\xfd\xfc\xff\xff\xff" * 30 + b"\xff",
    "lines.jsonl": b"not json\n{\n",
    "empty.html": b"<html><body></body></html>",
}


def test_bad_files_are_refused_by_name_and_the_others_are_read(
    tmp_path: Path, articles: Path, model: CountingEncoder, qa: Command
) -> None:
    for name, raw in BAD.items():
        (articles / name).write_bytes(raw)
    status, out, err = qa("index", articles, "--index", tmp_path / "index", "--json")
    assert (status, err) == (0, "")
    summary = json.loads(out)
    assert summary["added"] == list(SOURCES)
    assert sorted({refusal["source"] for refusal in summary["refused"]}) == sorted(BAD)
    assert all(refusal["reason"].startswith(refusal["source"]) for refusal in summary["refused"])
    status, out, err = qa("index", "--index", tmp_path / "index", "--strict")
    assert (status, err) == (1, "")
    assert "拒收 refused zero.txt: empty file" in out
    assert "未变 unchanged 6，" in out


def test_a_million_characters_on_one_line(tmp_path: Path, model: CountingEncoder, qa: Command) -> None:
    (tmp_path / "long").mkdir()
    line = "上海的试点从金融做起" * 10_000 + "x" * 900_000
    (tmp_path / "long" / "line.txt").write_text(line, encoding="utf-8")
    (tmp_path / "long" / "sentence.md").write_text("深圳在2018年开出了发票。" * 1000, encoding="utf-8")
    status, out, err = qa("index", tmp_path / "long", "--index", tmp_path / "index", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out)["added"] == ["line.txt", "sentence.md"]
    assert max(len(text) for text in model.embedded) < 400
    status, out, err = qa(
        "ask", "深圳哪一年开出了发票?", "--index", tmp_path / "index", "--threshold", "0", "--json"
    )
    assert (status, err) == (0, "")
    assert json.loads(out)["citations"][0]["sentence"]["text"] == "深圳在2018年开出了发票。"


_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def _as_nobody(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = (
        "import sys; from fakes import CharacterEncoder; import qa.encoder; "
        "qa.encoder.load = lambda name=None, **_: CharacterEncoder(); "
        "from qa.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    return subprocess.run(
        [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            sys.executable,
            "-c",
            script,
            *arguments,
        ],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def nobody(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line run by the user ``nobody``; only root can become it."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv, to run as a user whom a folder can be closed to")
    if _as_nobody("--version").returncode != 0:
        pytest.skip("the user nobody cannot read the environment")
    for folder in (tmp_path_factory.getbasetemp(), *tmp_path_factory.getbasetemp().parents):
        if folder.owner() == "root" and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    return _as_nobody


def test_a_folder_without_permission(
    tmp_path: Path, articles: Path, nobody: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    tmp_path.chmod(0o777)
    (articles / "south").chmod(0o700)
    (articles / "beijing.txt").chmod(0o600)
    done = nobody("index", str(articles), "--index", str(tmp_path / "index"), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    summary = json.loads(done.stdout)
    assert summary["added"] == ["briefs.jsonl", "shanghai.md", "shenzhen.html", "taipei.txt"]
    assert summary["refused"] == [
        {"source": "beijing.txt", "reason": "beijing.txt: no permission to read it"},
        {"source": "south", "reason": "south: no permission to read it"},
    ]
    (articles).chmod(0o700)
    done = nobody("index", "--index", str(tmp_path / "index"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "no permission to read it" in done.stderr


def test_an_index_folder_without_permission(
    tmp_path: Path,
    articles: Path,
    model: CountingEncoder,
    qa: Command,
    nobody: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    tmp_path.chmod(0o755)
    assert qa("index", articles, "--index", tmp_path / "index")[0] == 0
    before = contents(tmp_path / "index")
    options = ("--threshold", "0", "--json", "--index", str(tmp_path / "index"))
    done = nobody("ask", "上海在哪一年启动了试点?", *options)
    assert (done.returncode, done.stderr) == (0, "")
    asked: dict[str, Any] = json.loads(done.stdout)
    assert asked["answer"] == "2017年"
    for folder in (tmp_path / "index", tmp_path / "new"):
        done = nobody("index", str(articles), "--index", str(folder))
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert str(folder) in done.stderr
        assert "Permission denied" in done.stderr
    assert contents(tmp_path / "index") == before
    (tmp_path / "index").chmod(0o700)
    done = nobody("ask", "上海?", "--index", str(tmp_path / "index"))
    told = "cannot be read (Permission denied); check its rights or name another with --index"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"qa: {tmp_path / 'index' / 'manifest.json'}: {told}\n"


# ---- calls


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["ask"], "the following arguments are required: QUESTION; see `qa ask --help`"),
        (["ask", "上海?", "--top-k", "0"], "'0' is not a whole number from 1 to 1000"),
        (["ask", "上海?", "--top-k", "1001"], "'1001' is not a whole number from 1 to 1000"),
        (["ask", "上海?", "--top-k", "²"], "'²' is not a whole number from 1 to 1000"),
        (["ask", "上海?", "--top-k", "-1"], "'-1' is not a whole number from 1 to 1000"),
        (["ask", "上海?", "--threshold", "1.5"], "'1.5' is not a number from 0 to 1"),
        (["ask", "上海?", "--threshold", "nan"], "'nan' is not a number from 0 to 1"),
        (["ask", "上海?", "--treshold", "1"], "unrecognized arguments: --treshold 1"),
        (
            ["ask", "上海?", "--after", "去年"],
            "after '去年': is not a date; give YYYY, YYYY-MM or",
        ),
        (["ask", "上海?", "--before", "2021-13"], "before '2021-13': is not a date"),
        (["ask", "-", "--before", "2021-02-30"], "before '2021-02-30': is not a date"),
        (["ask", "上海?", "--source", "nowhere/*"], "no article of the index passes the filters"),
        (["search", "上海?", "--top-k", "x"], "'x' is not a whole number from 1 to 1000"),
        (["serve", "--port", "0"], "'0' is not a port from 1 to 65535"),
        (["eval", "nowhere.jsonl"], "nowhere.jsonl:1: cannot be read"),
        (["verify", "nowhere.json"], "nowhere.json: No such file or directory; check the path"),
        (["verify", "-", "--root", "nowhere"], "nowhere: is not a folder"),
        (["index", "a", "--remove", "b"], "--remove goes alone with --index"),
        (["index", "--rebuild", "--remove", "b"], "--remove goes alone with --index"),
        (["dance"], "argument COMMAND: invalid choice: 'dance'"),
        ([], "the following arguments are required: COMMAND; see `qa --help`"),
        (["--dance"], "the following arguments are required: COMMAND"),
    ],
)
def test_a_wrong_call_is_one_line(
    built: Path, qa: Command, arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert told in complaint(qa(*arguments, stdin=b'{"citations": []}'))


def test_an_unknown_encoder_is_one_line(
    tmp_path: Path, articles: Path, qa: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    said = complaint(qa("index", articles, "--index", tmp_path / "index", "--encoder", tmp_path / "folder"))
    assert said.startswith(f"{tmp_path / 'folder'}: a folder without a sentence-transformers model")
