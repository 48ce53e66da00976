"""Killed at any moment, an index is the old one or the new one; with two at once, one is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from shelf import ROOT, SHANGHAI, CountingEncoder, contents

from qa.answering import Assistant
from qa.errors import IndexFolderError
from qa.index import Generation, read_manifest
from qa.indexing import build_index

pytest_plugins = ("shelf_fixtures",)

ENVIRONMENT = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
WHOLE = [".lock", "README.md", "manifest.json"]


# Three seeded moments, or as many as are asked for; 0: every step of the build.
MOMENTS = os.environ.get("QA_KILLS", "3")


def kills(articles: Path, index: Path, work: Path) -> list[dict[str, Any]]:
    """A row for each moment at which the build was killed; the last one was not killed."""
    script = str(ROOT / "tests" / "kill_points.py")
    done = subprocess.run(
        [sys.executable, script, str(articles), str(index), str(work), MOMENTS],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        check=True,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["killed"] for row in rows] == [True] * (len(rows) - 1) + [False]
    return rows


def fingerprint(folder: Path) -> str:
    manifest = read_manifest(folder)
    assert manifest is not None
    return manifest.fingerprint


@pytest.mark.slow
def test_a_killed_update_leaves_the_old_index_or_the_new_one(
    tmp_path: Path, articles: Path, model: CountingEncoder, record_property: Callable[[str, object], None]
) -> None:
    build_index(articles, tmp_path / "index")
    old = fingerprint(tmp_path / "index")
    (articles / "taipei.txt").unlink()
    (articles / "wuxi.md").write_text("# 无锡\n\n无锡在2023年才开始试点。\n", encoding="utf-8")
    new = build_index(articles, tmp_path / "new").fingerprint

    rows = kills(articles, tmp_path / "index", tmp_path / "work")
    assert len(rows) > 3
    record_property("kills", len(rows) - 1)
    found = [row["found"]["fingerprint"] for row in rows]
    switch = found.index(new)
    assert found == [old] * switch + [new] * (len(rows) - switch)
    assert [row["kept"] + row["embedded"] for row in rows[:switch]] == [1] * switch
    assert [row["embedded"] for row in rows[switch:]] == [0] * (len(rows) - switch)
    assert {row["found"]["answer"] for row in rows} == {"2017年"}
    assert all(all(row["found"]["holds"]) for row in rows)
    assert [row["after"] for row in rows] == [
        {"fingerprint": new, "names": WHOLE, "generations": 1} for _ in rows
    ]


@pytest.mark.slow
def test_a_killed_first_build_leaves_none_or_all(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    new = build_index(articles, tmp_path / "new").fingerprint
    rows = kills(articles, tmp_path / "index", tmp_path / "work")
    found = [row["found"] and row["found"]["fingerprint"] for row in rows]
    switch = found.index(new)
    assert found == [None] * switch + [new] * (len(rows) - switch)
    assert [row["kept"] + row["embedded"] for row in rows[:switch]] == [8] * switch
    assert [row["embedded"] for row in rows[switch:]] == [0] * (len(rows) - switch)
    assert [row["after"] for row in rows] == [
        {"fingerprint": new, "names": WHOLE, "generations": 1} for _ in rows
    ]


_SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job of the background is started without
from fakes import CharacterEncoder
import qa.encoder
from qa.cli import main

class Slow(CharacterEncoder):
    def encode(self, texts, kind):
        print("embedding", flush=True)
        time.sleep(60)
        return super().encode(texts, kind)

qa.encoder.load = lambda name=None, **_: Slow()
sys.exit(main(sys.argv[1:]))
"""


def standing(folder: Path) -> dict[str, bytes]:
    """What counts of an index: all but what a build has in hand, or left when it was killed."""
    return {name: raw for name, raw in contents(folder).items() if not name.startswith("building-")}


def slow_index(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """A ``qa index`` that has begun to embed and will go on for long."""
    started = subprocess.Popen(
        [sys.executable, "-c", _SLOW, "index", *arguments],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert started.stdout is not None
    assert started.stdout.readline() == b"embedding\n"
    return started


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_a_command_that_is_stopped_while_embedding(
    tmp_path: Path, articles: Path, model: CountingEncoder, sent: signal.Signals, status: int
) -> None:
    build_index(articles, tmp_path / "index")
    before = standing(tmp_path / "index")
    (articles / "wuxi.md").write_text("# 无锡\n\n无锡在2023年才开始试点。\n", encoding="utf-8")
    with slow_index(["--index", str(tmp_path / "index")]) as started:
        started.send_signal(sent)
        _, said = started.communicate()
    assert started.returncode == status
    told = b"qa: stopped; what was there before is unchanged\n"
    assert said == (told if sent == signal.SIGINT else b"")
    assert standing(tmp_path / "index") == before
    assert build_index([], tmp_path / "index").added == ("wuxi.md",)


def test_two_commands_at_once(tmp_path: Path, articles: Path, model: CountingEncoder) -> None:
    build_index(articles, tmp_path / "index")
    before = standing(tmp_path / "index")
    (articles / "wuxi.md").write_text("# 无锡\n\n无锡在2023年才开始试点。\n", encoding="utf-8")
    with slow_index(["--index", str(tmp_path / "index")]) as started:
        with pytest.raises(IndexFolderError, match="another `qa index` is at work here; try again"):
            build_index([], tmp_path / "index")
        with Assistant.open(tmp_path / "index") as assistant:
            assert assistant.ask("上海在哪一年启动了试点?", threshold=0.0).text == "2017年"
        assert standing(tmp_path / "index") == before
        started.kill()
        started.communicate()
    assert build_index([], tmp_path / "index").added == ("wuxi.md",)


def test_readers_open_and_ask_while_the_index_is_replaced_again_and_again(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    build_index(articles, tmp_path / "index")
    stop = threading.Event()
    failures: list[BaseException] = []
    asked = 0

    def read() -> None:
        nonlocal asked
        while not stop.is_set():
            try:
                with Assistant.open(tmp_path / "index") as assistant:
                    assert assistant.ask("上海在哪一年启动了试点?", threshold=0.0).text == "2017年"
                asked += 1
            except BaseException as error:  # handed to the test below
                failures.append(error)
                return

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(12):
        (articles / "wuxi.md").write_text(f"# 无锡\n\n无锡有{number + 2}个试点。\n", encoding="utf-8")
        build_index([], tmp_path / "index")
        time.sleep(0.01)
    stop.set()
    reader.join()
    assert failures == []
    assert asked > 0
    build_index([], tmp_path / "index")
    assert len([name for name in (tmp_path / "index").iterdir() if name.name.startswith("gen")]) == 1


def test_an_open_reader_goes_on_and_sees_the_new_index_when_it_reloads(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    build_index(articles, tmp_path / "index")
    with Assistant.open(tmp_path / "index") as assistant:
        before = assistant.ask("上海在哪一年启动了试点?", threshold=0.0)
        assert assistant.reload() is False
        text = SHANGHAI.replace("2017年", "2016年")
        (articles / "shanghai.md").write_text(text, encoding="utf-8")
        build_index([], tmp_path / "index")
        again = assistant.ask("上海在哪一年启动了试点?", threshold=0.0)
        assert (again.citations, again.confidence) == (before.citations, before.confidence)
        assert assistant.reload() is True
        after = assistant.ask("上海在哪一年启动了试点?", threshold=0.0)
        assert (before.text, after.text) == ("2017年", "2016年")
        assert after.index["fingerprint"] == Generation.open(tmp_path / "index").manifest.fingerprint
