"""Builds an index again and again, killing the build at its first, second, … step in the index folder.

``python kill_points.py ARTICLES INDEX WORK`` prints a JSON line for each kill: what was found afterwards,
and what the next, undisturbed build left. A step is any call of Python's that opens, makes, renames or
removes something in the folder; the kill comes just before it. A process of its own, because it forks.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from fakes import CharacterEncoder

import qa.encoder
from qa.answering import Assistant
from qa.errors import IndexFolderError
from qa.index import Generation, check
from qa.indexing import build_index
from qa.verification import verify

STEPS = frozenset(("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.scandir", "os.listdir"))


def main(articles: Path, index: Path, work: Path) -> None:
    qa.encoder.load = lambda name=None, **_: CharacterEncoder()
    for at in range(1, 1000):
        shutil.rmtree(work, ignore_errors=True)
        if index.exists():
            shutil.copytree(index, work)
        killed = _killed(articles, work, at)
        found = _found(work)
        build_index(articles, work)
        print(json.dumps({"at": at, "killed": killed, "found": found, "after": _after(work)}), flush=True)
        if not killed:
            return


def _killed(articles: Path, work: Path, at: int) -> bool:
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
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, f"the build failed at step {at}"
    return False


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


def _after(work: Path) -> dict[str, Any]:
    names = sorted(entry.name for entry in work.iterdir())
    return {
        "fingerprint": Generation.open(work).manifest.fingerprint,
        "names": [name for name in names if not name.startswith("generation-")],
        "generations": sum(name.startswith("generation-") for name in names),
    }


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:4]))
