"""Indexing by stage: articles a second, memory, and what a second run costs.

    python -m benchmarks.indexing PATH [--no-lines] [--sample N ...] [--changed N] [--encoder NAME]
                                  [--json FILE]

``PATH``       a folder of line files (one article a line), or with ``--no-lines`` of any files
``--sample``   how many articles, the first ones; several sizes show whether memory grows. All, if not given
``--changed``  articles that are changed before the third run (100)
``--encoder``  as for ``qa index``; ``static``, if not given, so that the rest of the work shows

The files are copied to a temporary folder. For each size there are three runs, each in a process of its own:
a new index, nothing changed, and some articles changed. ``peak_mb`` is the highest resident size of the
process, what of it was its own at the most (the rest are pages of the index's files, which the system can
take back), and the highest of the largest process that helped.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Self

from benchmarks.machine import described
from qa.articles import find
from qa.indexing import Plan, build_index

RUNS = ("new", "unchanged", "changed")


def main() -> None:
    """Measure, print, and write JSON; with ``--run``, be one run."""
    args = _options().parse_args()
    if args.run is not None:
        print(json.dumps(_run(args.path, args.run, args.encoder, lines=args.lines)))
        return
    found: dict[str, Any] = {"machine": described(), "encoder": args.encoder, "sizes": []}
    for size in args.sample or [None]:
        measured = _measured(args, size)
        print(json.dumps(measured, ensure_ascii=False, indent=1), flush=True)
        found["sizes"].append(measured)
    if args.json:
        args.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.indexing")
    parser.add_argument("path", type=Path)
    parser.add_argument("--no-lines", dest="lines", action="store_false")
    parser.add_argument("--sample", type=int, action="append")
    parser.add_argument("--changed", type=int, default=100)
    parser.add_argument("--encoder", default="static")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    return parser


def _measured(args: argparse.Namespace, size: int | None) -> dict[str, Any]:
    """The three runs over the first ``size`` articles."""
    with tempfile.TemporaryDirectory(prefix="qa-indexing-") as folder:
        copies, index = Path(folder, "articles"), Path(folder, "index")
        _copy(args.path, copies, size, lines=args.lines)
        time.sleep(3)  # files that were only just written are not known by their times
        found: dict[str, Any] = {}
        for name in RUNS:
            if name == "changed":
                _change(copies, args.changed, lines=args.lines)
            found[name] = _in_process(copies, index, args)
        sizes = {path.name: path.stat().st_size for path in sorted(index.glob("generation-*/*"))}
        return {**found, "bytes": {"articles": _bytes(copies), "index": sum(sizes.values())}}


def _in_process(copies: Path, index: Path, args: argparse.Namespace) -> dict[str, Any]:
    lines = [] if args.lines else ["--no-lines"]
    command = [sys.executable, "-m", "benchmarks.indexing", str(copies), *lines]
    done = subprocess.run(
        [*command, "--encoder", args.encoder, "--run", str(index)], stdout=subprocess.PIPE, check=True
    )
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def _run(path: Path, index: Path, name: str, *, lines: bool) -> dict[str, Any]:
    """One run: seconds and pieces of each stage, the whole, and memory."""
    began = time.perf_counter()
    stages: dict[str, list[float]] = {}
    last = began

    def progress(stage: str, done: int, total: int) -> None:
        nonlocal last
        now = time.perf_counter()
        spent = stages.setdefault(stage, [0.0, 0])
        stages[stage] = [spent[0] + now - last, done]
        last = now

    plan = Plan(name, lines=lines)
    with _Own() as memory:
        summary = build_index(path, index, plan=plan, on_progress=progress)
    progress("publish", 1, 1)
    if "read" in stages:  # a line file is one file and many articles
        stages["read"][1] = summary.articles
    own, helpers = (
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {
        "articles": summary.articles,
        "passages": summary.passages,
        "embedded": summary.embedded,
        "doubles": summary.doubles,
        "refused": len(summary.refused),
        "seconds": round(time.perf_counter() - began, 2),
        "stages": {stage: _rate(seconds, int(done)) for stage, (seconds, done) in stages.items()},
        "peak_mb": {
            "resident": round(own / 1024),
            "own": round(memory.peak / 1024),
            "largest_helper": round(helpers / 1024),
        },
    }


class _Own:
    """The most memory of this process that is in no file, in KiB, looked at 20 times a second."""

    def __init__(self) -> None:
        self.peak = 0
        self._end = threading.Event()
        self._looking = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._looking.join()

    def _look(self) -> None:
        while not self._end.wait(0.05):
            lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
            found = [int(line.split()[1]) for line in lines if line.startswith("RssAnon:")]
            self.peak = max(self.peak, *found)


def _rate(seconds: float, done: int) -> dict[str, float]:
    return {"seconds": round(seconds, 2), "done": done, "per_s": round(done / seconds, 1) if seconds else 0.0}


def _copy(path: Path, copies: Path, size: int | None, *, lines: bool) -> None:
    """Copy the first ``size`` articles."""
    copies.mkdir()
    left = size
    for file in find(path).files:
        if left is not None and left <= 0:
            return
        target = copies / file.name
        if not lines or left is None:
            shutil.copy(file, target)
            left = left if left is None else left - 1
            continue
        rows = file.read_text(encoding="utf-8").split("\n")[:left]
        target.write_text("\n".join(rows), encoding="utf-8")
        left -= len(rows)


def _change(copies: Path, number: int, *, lines: bool) -> None:
    """Put a sentence at the end of ``number`` articles, as evenly over the files as it goes."""
    files = find(copies).files
    for at, file in enumerate(files):
        share = number // len(files) + (at < number % len(files))
        _lengthen(file, share, lines=lines)


def _lengthen(file: Path, share: int, *, lines: bool) -> None:
    text = file.read_text(encoding="utf-8")
    rows = text.split("\n") if lines else [text]
    step = max(1, len(rows) // max(1, share))
    for at in range(0, min(len(rows), share * step), step):
        rows[at] += f"这是后来补写的第{at}句话。"
    file.write_text("\n".join(rows), encoding="utf-8")


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
