"""Many people asking at once: how long answers take, and how soon something moves on their pages.

    python -m benchmarks.load [--users 20] [--seconds 60] [--pause 2] [--by page|api] [--json FILE]
    python -m benchmarks.load --starts 5 [--json FILE]

Serves the shipped articles on loopback and asks as browsers do (``--by page``: through the page's queue,
with its stages) or as programs do (``--by api``). Each user rests ``--pause`` seconds between an answer and
the next question; no question is asked twice, and nothing is cached. Ends with status 1 if any question
was not answered. With ``--address URL`` a server that runs already is asked.

``start_s`` is the time from the start of the process, with an index there, to the first answer; ``--starts``
measures that alone, so many times. Both end with a line for people and one of JSON.
"""

from __future__ import annotations

import argparse
import http.client
import json
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.machine import described
from qa import labels
from qa.indexing import build_index
from qa.metrics import percentile

CORPUS = Path("corpus/articles")
QUESTIONS = Path("corpus/questions.jsonl")
FIRST = "上海是哪一年启动区块链技术应用试点的?"
PATIENCE = 120  # seconds that one answer may take
_BROKEN = (OSError, http.client.HTTPException, ValueError)  # what a request may end with


@dataclass
class Heard:
    """What the users have seen, in seconds."""

    answers: list[float] = field(default_factory=list)
    moves: list[float] = field(default_factory=list)  # from asking to the first thing that shows
    faults: list[str] = field(default_factory=list)
    abstained: int = 0


def main() -> int:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pause", type=float, default=2)
    parser.add_argument("--by", choices=("page", "api"), default="page")
    parser.add_argument("--address")
    parser.add_argument("--starts", type=int, metavar="N")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    found = _starts(args.starts) if args.starts else _load(args)
    print(_told(found))
    print(json.dumps(found, ensure_ascii=False))
    if args.json:
        args.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 1 if found.get("faults") else 0


def _load(args: argparse.Namespace) -> dict[str, Any]:
    if args.address:
        return _measured(args, args.address)
    with _index() as index, _served(index) as (address, start):
        return {**_measured(args, address), "start_s": round(start, 2)}


def _starts(times: int) -> dict[str, Any]:
    """Starts of the server, one after the other; the first reads its files from the disk."""
    seconds = []
    with _index() as index:
        for _ in range(times):
            with _served(index) as (_, start):
                seconds.append(round(start, 2))
    return {"machine": described(), "starts_s": seconds, "start_s": percentile(seconds, 50)}


def _told(found: dict[str, Any]) -> str:
    names = ("answers", "abstained", "answers_a_second", "p50_ms", "p95_ms", "first_move_p95_ms", "start_s")
    told = [f"{name} {found[name]}" for name in names if name in found]
    return " · ".join([*told, *([f"faults {len(found['faults'])}"] if "faults" in found else [])])


@contextmanager
def _index() -> Iterator[Path]:
    """A folder with an index of the shipped articles."""
    with tempfile.TemporaryDirectory() as folder:
        build_index(CORPUS, f"{folder}/index")
        yield Path(folder)


@contextmanager
def _served(folder: Path) -> Iterator[tuple[str, float]]:
    """A server in a process of its own, and the seconds from its start to its first answer."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    kept = ["--collections", f"{folder}/collections", "--feedback", f"{folder}/feedback"]
    call = [sys.executable, "app.py", "--port", str(port), "--index", f"{folder}/index", *kept]
    began = time.perf_counter()
    process = subprocess.Popen(call)
    try:
        _first_answer(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}", time.perf_counter() - began
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def _first_answer(address: str, process: subprocess.Popen[bytes]) -> None:
    """Ask until there is an answer. Raises SystemExit where the server ended."""
    while process.poll() is None:
        with suppress(OSError, http.client.HTTPException):  # it is not listening yet
            if _call(address, "POST", "/api/ask", {"question": FIRST})[0] == 200:
                return
        time.sleep(0.05)
    raise SystemExit(f"the server ended with status {process.returncode} before its first answer")


def _measured(args: argparse.Namespace, address: str) -> dict[str, Any]:
    questions = iter(dict.fromkeys(each.question for each in labels.read(QUESTIONS).questions))
    ask = _Page(address) if args.by == "page" else _Api(address)
    ask(FIRST, Heard())  # everything is loaded by now
    heard, lock, began = Heard(), threading.Lock(), time.perf_counter()

    def use(user: int) -> None:
        time.sleep(user * args.pause / args.users)  # people do not come all in one moment
        while time.perf_counter() - began < args.seconds:
            with lock:
                question = next(questions, None)
            if question is None:
                heard.faults.append("there are no further questions; ask for fewer users or seconds")
                return
            ask(question, heard)
            time.sleep(args.pause)

    users = [threading.Thread(target=use, args=(user,)) for user in range(args.users)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    return _figures(args, heard, time.perf_counter() - began)


def _figures(args: argparse.Namespace, heard: Heard, spent: float) -> dict[str, Any]:
    def milliseconds(seconds: list[float], percent: float) -> int | None:
        found = percentile(seconds, percent)
        return None if found is None else round(1000 * found)

    return {
        "machine": described(),
        "by": args.by,
        "users": args.users,
        "pause_s": args.pause,
        "seconds": round(spent, 1),
        "answers": len(heard.answers),
        "abstained": heard.abstained,
        "answers_a_second": round(len(heard.answers) / spent, 2),
        "p50_ms": milliseconds(heard.answers, 50),
        "p95_ms": milliseconds(heard.answers, 95),
        "first_move_p50_ms": milliseconds(heard.moves, 50),
        "first_move_p95_ms": milliseconds(heard.moves, 95),
        "faults": heard.faults,
    }


def _call(address: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=PATIENCE)
    try:
        data = None if body is None else json.dumps(body).encode()
        connection.request(method, path, data, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


class _Api:
    """Asks as programs do."""

    def __init__(self, address: str) -> None:
        self._address = address

    def __call__(self, question: str, heard: Heard) -> None:
        began = time.perf_counter()
        try:
            status, reply = _call(self._address, "POST", "/api/ask", {"question": question})
        except _BROKEN as error:
            heard.faults.append(f"{type(error).__name__}: {error}")
            return
        if status != 200:
            heard.faults.append(f"{status}: {reply}")
            return
        heard.answers.append(time.perf_counter() - began)
        heard.abstained += reply["abstained"]


class _Page:
    """Asks as the page does in a browser: joins its queue and listens to the stages."""

    def __init__(self, address: str) -> None:
        self._address = address
        config = _call(address, "GET", "/config")[1]
        ids = {each["props"].get("elem_id"): each["id"] for each in config["components"]}
        self._event = next(
            each["id"] for each in config["dependencies"] if [ids["send"], "click"] in each["targets"]
        )

    def __call__(self, question: str, heard: Heard) -> None:
        session, began = secrets.token_hex(6), time.perf_counter()
        data = [question, [], "default", "", "", "", "zh"]
        asked = {"data": data, "fn_index": self._event, "session_hash": session, "event_data": None}
        try:
            status, reply = _call(self._address, "POST", "/gradio_api/queue/join", asked)
            if status != 200:
                heard.faults.append(f"{status}: {reply}")
                return
            moves = [(time.perf_counter() - began, told) for told in self._told(session)]
        except _BROKEN as error:
            heard.faults.append(f"{type(error).__name__}: {error}")
            return
        last = json.dumps(moves[-1][1] if moves else None, ensure_ascii=False)
        whole = "".join(json.dumps(told, ensure_ascii=False) for _, told in moves)
        if '"success": true' not in last or "answer done fault" in whole or "answer done" not in whole:
            heard.faults.append(last[:300])
            return
        heard.moves.append(moves[0][0])
        heard.answers.append(moves[-1][0])
        heard.abstained += "没有找到答案" in whole

    def _told(self, session: str) -> Iterator[dict[str, Any]]:
        """What the page is told, from the first stage to the end."""
        connection = http.client.HTTPConnection(urlsplit(self._address).netloc, timeout=PATIENCE)
        try:
            connection.request("GET", f"/gradio_api/queue/data?session_hash={session}")
            for line in connection.getresponse():
                told = json.loads(line[5:]) if line.startswith(b"data:") else {}
                if told.get("msg") in ("process_generating", "process_completed"):
                    yield told
                if told.get("msg") == "process_completed":
                    return
        finally:
            connection.close()


if __name__ == "__main__":
    sys.exit(main())
