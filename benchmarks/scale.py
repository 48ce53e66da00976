"""A curve, not a point: building, opening and asking an index of a thousand to a million passages.

    python -m benchmarks.scale --data PATH [--sizes 1000,10000,100000,1000000] [--encoder static]
                               [--folder DIR] [--keep] [--json FILE] [--picture FILE.png]

``PATH``      a line file, or a folder of them: news, one article a line. Where it does not last, its
              sentences are recombined (``benchmarks/scale_articles.py``)
``--folder``  where articles and indexes are made; a temporary folder, if not given
``--keep``    leave them there. A size whose index is finished is not built again; a build that was
              stopped goes on from where it was
``--json``    keep the runs here; a size that was run before is replaced, the others stay
``--picture`` draw all runs of the file, those of earlier calls too

Each size is built and asked in processes of its own. Before the index is opened its files are put out of the
system's cache. 1,000 distinct questions, clauses of the articles, are asked twice: ``first`` reads the disk,
``again`` does not. Memory is the highest resident size of the process after the first 1,000, mapped pages
included, and with the reader's model. Recall@10 is that of the vector leg against every stored vector.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, get_args

import numpy as np

from benchmarks import scale_articles, scale_curve
from benchmarks.machine import described
from qa import encoder
from qa.answering import Assistant
from qa.dense import Dense
from qa.index import Generation
from qa.indexing import Plan, build_index
from qa.metrics import percentile
from qa.reader import load as load_reader
from qa.settings import RetrievalSettings
from qa.types import LegName

if TYPE_CHECKING:
    from qa.types import Vectors

__all__ = ["disk", "exact_recall", "main"]

SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUESTIONS = 1_000
K = 10
BLOCK = 8_192  # vectors that are compared at once
_NOISE = 1e-6  # cosines that differ by less are equal


def main() -> None:
    """Run the sizes, print and keep; with ``--stage``, be one process of one size."""
    args = _options().parse_args()
    if args.stage is not None:
        print(json.dumps(STAGES[args.stage](args.folder, args.encoder)))
        return
    with _folder(args.folder) as folder:
        runs: list[dict[str, Any]] = scale_curve.load(args.json) if args.json else []
        for size in args.sizes:
            run = _measured(args, folder / f"{size}-{_safe(args.encoder)}", size)
            runs = scale_curve.keep(args.json or folder / "scale.json", run)
            print(scale_curve.table(runs), flush=True)
    for line in (*map(str, scale_curve.growth(runs)), *scale_curve.reached(runs)):
        print(line)
    if args.picture:
        scale_curve.picture(runs, args.picture)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sizes", type=_sizes, default=SIZES)
    parser.add_argument("--encoder", default="static")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--stage", choices=sorted(STAGES), help=argparse.SUPPRESS)
    return parser


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(part) for part in text.split(",")))


def _safe(name: str) -> str:
    return "".join(char if char.isalnum() else "_" for char in name)


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="qa-scale-") as made:
        yield Path(made)


def _measured(args: argparse.Namespace, folder: Path, size: int) -> dict[str, Any]:
    """One size: articles and questions, then each stage in a process of its own."""
    if args.data is None:
        raise SystemExit("benchmarks.scale: name the news with --data PATH")
    folder.mkdir(exist_ok=True)
    made = scale_articles.make(args.data, folder / "articles", size)
    asked = scale_articles.questions(made.folder, QUESTIONS)
    (folder / "questions.txt").write_text("\n".join(asked), encoding="utf-8")
    run: dict[str, Any] = {"size": size, "machine": described(), "encoder": args.encoder}
    run |= {"articles": made.articles, "recombined": made.recombined}
    for stage in ("build", "ask", "legs", "recall"):
        run |= _in_process(stage, folder, args.encoder)
        print(f"{size:,}: {stage}", file=sys.stderr, flush=True)
    if not args.keep:
        _remove(folder)
    return run


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()


def _in_process(stage: str, folder: Path, name: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.scale", "--stage", stage, "--folder", str(folder)]
    done = subprocess.run([*command, "--encoder", name], stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


# ---- building


def _build(folder: Path, name: str) -> dict[str, Any]:
    """Build the index, unless it is there; what that took is kept beside it."""
    note, index = folder / "build.json", folder / "index"
    if note.exists() and (index / "manifest.json").exists():
        kept: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        return kept
    resumed = index.exists()
    began = time.perf_counter()
    with _Stages() as stages:
        plan = Plan(encoder=name, lines=True)
        summary = build_index(folder / "articles", index, plan=plan, on_progress=stages)
    seconds = time.perf_counter() - began
    helper = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    peak = {"own": stages.peak, "resident": _status("VmHWM"), "largest_helper": round(helper)}
    build = {"seconds": round(seconds, 1), "resumed": resumed, "stages": stages.told(), "peak_mb": peak}
    with closing(Generation.open(index)) as generation:
        vectors = dict(getattr(generation.manifest, "vectors", {}))
        sizes = disk({name: facts["bytes"] for name, facts in generation.manifest.files.items()})
    found = {"passages": summary.passages, "build": build, "disk_mb": sizes, "vectors": vectors}
    note.write_text(json.dumps(found) + "\n", encoding="utf-8")
    return found


def disk(files: Mapping[str, int]) -> dict[str, float]:
    """Megabytes by what they are for, from bytes by file name; ``index`` is their sum."""
    found = {"bm25": 0.0, "vectors": 0.0, "articles": 0.0, "index": 0.0}
    for name, size in files.items():
        kind = name.split(".")[0]
        found[kind if kind in ("bm25", "vectors") else "articles"] += size / 1e6
        found["index"] += size / 1e6
    return {kind: round(size, 1) for kind, size in found.items()}


class _Stages:
    """Seconds and the most memory in no file of each stage of a build; call it with each step of progress."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._memory: dict[str, int] = {}
        self._last, self._now = time.perf_counter(), "look"
        self._end = threading.Event()
        self._looking = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._looking.start()
        return self

    def __exit__(self, *_: object) -> None:
        self("publish", 1, 1)
        self._end.set()
        self._looking.join()

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.perf_counter()
        self._seconds[stage] = self._seconds.get(stage, 0.0) + now - self._last
        self._last, self._now = now, "publish" if (stage, done) == ("write", total) else stage

    def _look(self) -> None:
        while not self._end.wait(0.05):
            self._memory[self._now] = max(self._memory.get(self._now, 0), _status("RssAnon"))

    @property
    def peak(self) -> int:
        """The highest of all, in MB."""
        return max(self._memory.values(), default=0)

    def told(self) -> dict[str, dict[str, float]]:
        """Each stage that took any time: its seconds, and its most memory in MB."""
        return {
            stage: {"seconds": round(seconds, 1), "own_mb": self._memory.get(stage, 0)}
            for stage, seconds in self._seconds.items()
        }


def _status(name: str) -> int:
    """A line of this process's status, in MB."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024)


# ---- asking


def _ask(folder: Path, name: str) -> dict[str, Any]:
    """Open the index with nothing of it in memory and ask every question twice."""
    index, asked = folder / "index", _questions(folder)
    began = time.perf_counter()
    model, reader = encoder.load(name), load_reader()
    model.encode(["预热"], "query")
    loaded = time.perf_counter()
    models = _status("VmHWM")
    generation = _opening(index)
    _put_out(index)
    opening = time.perf_counter()
    with Assistant(index, model=model, reader=reader) as assistant:
        opened = time.perf_counter()
        assistant.search(asked[0], k=K)
        found = time.perf_counter()
        first = _times(assistant, asked)
        memory = {"peak": _status("VmHWM"), "own": _status("RssAnon"), "mapped": _status("RssFile")}
        again = _times(assistant, asked)
    opens = {"models_ms": loaded - began, "generation_ms": generation, "index_ms": opened - opening}
    opens |= {"first_search_ms": found - opened}
    return {
        "open": {name: round(1000 * seconds, 1) for name, seconds in opens.items()},
        "query": {"questions": len(asked), "first": first, "again": again},
        "memory_mb": memory | {"before": models},
    }


def _opening(index: Path) -> float:
    """Seconds that opening takes without the legs: checking the files, reading the headings."""
    _put_out(index)
    began = time.perf_counter()
    Generation.open(index).close()
    return time.perf_counter() - began


def _legs(folder: Path, name: str) -> dict[str, Any]:
    """The same questions to each leg alone."""
    asked, model, reader = _questions(folder), encoder.load(name), load_reader()
    found: dict[str, Any] = {}
    for leg in get_args(LegName):
        alone = RetrievalSettings.of_leg(leg)
        with Assistant(folder / "index", model=model, reader=reader, retrieval=alone) as assistant:
            _times(assistant, asked)
            found[leg] = _times(assistant, asked)
    return {"legs": found}


def _questions(folder: Path) -> list[str]:
    return (folder / "questions.txt").read_text(encoding="utf-8").splitlines()


def _times(assistant: Assistant, asked: Sequence[str]) -> dict[str, float]:
    """Milliseconds of a search: median, 95th percentile, the longest; and of the processor, all cores."""
    times, worked = [], []
    for question in asked:
        began, before = time.perf_counter(), time.process_time()
        assistant.search(question, k=K)
        times.append(1000 * (time.perf_counter() - began))
        worked.append(1000 * (time.process_time() - before))
    shares = {"p50": percentile(times, 50), "p95": percentile(times, 95), "max": max(times)}
    shares |= {"processor_p50": percentile(worked, 50), "processor_p95": percentile(worked, 95)}
    return {name: round(value or 0.0, 2) for name, value in shares.items()}


def _put_out(folder: Path) -> None:
    """Take the files of ``folder`` out of the system's cache, as far as it follows the advice."""
    for path in folder.rglob("*"):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


# ---- what the vector index misses


def _recall(folder: Path, name: str) -> dict[str, Any]:
    """Recall@10 of the vector leg."""
    asked, model = _questions(folder), encoder.load(name)
    with closing(Generation.open(folder / "index")) as generation:
        leg, size = Dense.load(generation.path, model), len(generation.passages)
        found = [leg.search(question, K)[0].tolist() for question in asked]
        blocks = (leg.vectors_of(np.arange(at, min(at + BLOCK, size))) for at in range(0, size, BLOCK))
        return {"recall": {"Recall@10": exact_recall(model.encode(asked, "query"), found, blocks)}}


def exact_recall(asked: Vectors, found: Sequence[Sequence[int]], blocks: Iterator[Vectors]) -> float:
    """The share of the ``K`` nearest that was found, 0 to 1, over all questions.

    ``asked``   float32 (questions, dim)
    ``found``   the rows that an index gave for each
    ``blocks``  all vectors, in row order

    A row that is as near as the ``K``-th counts as one of them: among equals any may be named.
    """
    best = np.full((len(asked), K), -np.inf, dtype=np.float32)
    own = [dict.fromkeys(rows, -np.inf) for rows in found]
    first = 0
    for block in blocks:
        scores = asked @ block.T
        for cosines, rows in zip(scores, own, strict=True):
            for row in rows:
                if first <= row < first + len(block):
                    rows[row] = float(cosines[row - first])
        best = -np.partition(-np.concatenate([best, scores], axis=1), K - 1, axis=1)[:, :K]
        first += len(block)
    wanted = min(K, first)
    least = np.sort(best, axis=1)[:, -wanted]
    right = [
        min(wanted, sum(cosine >= limit - _NOISE for cosine in rows.values()))
        for rows, limit in zip(own, least.tolist(), strict=True)
    ]
    return round(float(sum(right) / (wanted * len(asked))), 4)


STAGES: dict[str, Callable[[Path, str], dict[str, Any]]] = {
    "build": _build,
    "ask": _ask,
    "legs": _legs,
    "recall": _recall,
}


if __name__ == "__main__":
    main()
