"""Builds an index again and again, killing the build at moments between its first and its last step.

``python kill_points.py ARTICLES INDEX WORK MOMENTS`` prints a JSON line for each kill: what was found
afterwards, how much the next, undisturbed build found done, and what it left. The last line is of a build
that was not killed. MOMENTS is how many, drawn with a fixed seed; 0: every one. A step is any call of
Python's that opens, makes, renames or removes something in the folder; the kill comes just before it.
Batches are small here, so that there are many. A process of its own, because it forks.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
from fakes import CharacterEncoder

import qa.encoder
from qa.answering import Assistant
from qa.errors import IndexFolderError
from qa.index import Generation, check
from qa.indexing import build_index
from qa.ingest import building, places, unfinished
from qa.verification import verify

STEPS = frozenset(("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.scandir", "os.listdir"))
SEED = 6


def main(articles: Path, index: Path, work: Path, moments: int) -> None:
    qa.encoder.load = lambda name=None, **_: CharacterEncoder()
    building.EMBEDDED = building.SEGMENTED = 2
    unfinished.FILES = 1
    places.SETTLED = 0
    _lay(index, work)
    steps = _run(articles, work, at=0)
    for at in [*_drawn(steps, moments), steps + 1]:
        _lay(index, work)
        killed = _run(articles, work, at) == -1
        found, kept = _found(work), _kept(work)
        embedded = build_index(articles, work).embedded
        row = {"at": at, "killed": killed, "found": found, "kept": kept, "embedded": embedded}
        print(json.dumps({**row, "after": _after(work)}), flush=True)


def _drawn(steps: int, moments: int) -> list[int]:
    every = range(1, steps + 1)
    return sorted(random.Random(SEED).sample(every, min(moments, steps))) if moments else list(every)


def _lay(index: Path, work: Path) -> None:
    shutil.rmtree(work, ignore_errors=True)
    if index.exists():
        shutil.copytree(index, work)


def _run(articles: Path, work: Path, at: int) -> int:
    """Build in a child that is killed at step ``at`` (0: never); its steps, -1 if it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        seen = 0

        def step(event: str, args: tuple[Any, ...]) -> None:
            nonlocal seen
            if event in STEPS and args and str(work) in str(args[0]):
                seen += 1
                if seen == at:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(step)
        build_index(articles, work)
        os.write(writing, str(seen).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        told = stream.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return -1
    assert os.WEXITSTATUS(status) == 0, f"the build failed at step {at}"
    return int(told)


def _found(work: Path) -> dict[str, Any] | None:
    """Fingerprint and answer of the index that is there, every byte checked; None where there is none."""
    try:
        generation = Generation.open(work)
    except IndexFolderError:
        return None
    check(generation.path, generation.manifest, every_byte=True)
    with Assistant(work, model=CharacterEncoder()) as assistant:
        answer = assistant.ask("上海在哪一年启动了试点?", threshold=0.5)
        verdicts = verify(answer.to_dict(), generation.file_path)
    generation.close()
    return {
        "fingerprint": generation.manifest.fingerprint,
        "answer": answer.text,
        "holds": [verdict.holds for verdict in verdicts],
    }


def _kept(work: Path) -> int:
    """How many passages the killed build had embedded in batches that it finished."""
    found = 0
    for batch in sorted((work / "unfinished").glob("vectors-*.npz")):
        with np.load(batch) as kept:
            found += len(kept["vectors"])
    return found


def _after(work: Path) -> dict[str, Any]:
    names = sorted(entry.name for entry in work.iterdir())
    return {
        "fingerprint": Generation.open(work).manifest.fingerprint,
        "names": [name for name in names if not name.startswith("generation-")],
        "generations": sum(name.startswith("generation-") for name in names),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
