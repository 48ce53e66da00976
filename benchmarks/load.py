"""Many people asking at once: how long answers take, and how soon something moves on their pages.

    python -m benchmarks.load [--users 20] [--seconds 60] [--pause 2] [--by page|api] [--json FILE]

Serves the shipped articles on loopback and asks as browsers do (``--by page``: through the page's queue,
with its stages) or as programs do (``--by api``). Each user rests ``--pause`` seconds between an answer and
the next question; no question is asked twice, and nothing is cached. Ends with status 1 if any question
was not answered. With ``--address URL`` a server that runs already is asked.
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
from contextlib import contextmanager
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
PATIENCE = 120  # seconds that one answer may take


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
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if args.address:
        found = _measured(args, args.address)
    else:
        with _served() as address:
            found = _measured(args, address)
    print(json.dumps(found, ensure_ascii=False))
    if args.json:
        args.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 1 if found["faults"] else 0


@contextmanager
def _served() -> Iterator[str]:
    """A server of its own over the shipped articles, in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        build_index(CORPUS, f"{folder}/index")
        kept = ["--collections", f"{folder}/collections", "--feedback", f"{folder}/feedback"]
        call = [sys.executable, "app.py", "--port", str(port), "--index", f"{folder}/index", *kept]
        process = subprocess.Popen(call)
        try:
            _started(f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def _started(address: str) -> None:
    while True:
        try:
            if _call(address, "GET", "/api/health")[0] == 200:
                return
        except OSError:
            pass  # it is not listening yet
        time.sleep(0.2)


def _measured(args: argparse.Namespace, address: str) -> dict[str, Any]:
    questions = iter(dict.fromkeys(each.question for each in labels.read(QUESTIONS).questions))
    ask = _Page(address) if args.by == "page" else _Api(address)
    ask("上海是哪一年启动区块链技术应用试点的?", Heard())  # everything is loaded by now
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
        except OSError as error:
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
        except OSError as error:
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
