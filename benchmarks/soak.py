"""What takes too long for every commit, one step after the other, with its time and what it came to.

    python -m benchmarks.soak [--minutes 10] [--only STEP …] [--encoder DIR] [--data PATH]
                              [--articles PATH] [--json FILE]

| step    | what                                                                                            |
|---------|-------------------------------------------------------------------------------------------------|
| `bombs` | every file of `tests/bombs.py` is read or refused within a gigabyte                             |
| `fuzz`  | each reader under broken files for `--minutes` (`benchmarks.soak_formats`)                      |
| `kills` | indexing is killed at twenty seeded moments of an update and of a first build, and loses nothing |
| `load`  | twenty people ask at once (`benchmarks.load`)                                                   |
| `peers` | side by side (`benchmarks.peers`); needs ``--encoder``, and takes ``--data``                    |
| `scale` | up to 100,000 passages (`benchmarks.scale`); needs ``--articles``, line files                   |

A step goes on where another failed, and the file is written after each, so that what was found stays. Ends
with status 1 where one failed; a step whose path is not given is left out and said to be. ``--only``
leaves the other steps of the file as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from benchmarks.machine import described

__all__ = ["STEPS", "Step", "chosen", "failed", "from_pytest", "main", "ran", "steps"]

ROOT = Path(__file__).parents[1]
STEPS = ("bombs", "fuzz", "kills", "load", "peers", "scale")
KILLS = 20
SIZES = "1000,10000,100000"  # passages


def _from_json(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


@dataclass(frozen=True)
class Step:
    """One command, which writes its figures to the file whose name is put behind it.

    ``figures`` reads that file; ``lacks`` names the option without which the step is left out.
    """

    name: str
    call: tuple[str, ...]
    figures: Callable[[Path], dict[str, Any]] = _from_json
    environment: Mapping[str, str] = field(default_factory=dict)
    lacks: str | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps, print a line for each, and write JSON."""
    parser = _options()
    args = parser.parse_args(arguments)
    taken = chosen(steps(args), args.only)
    if args.only and (lacking := [step for step in taken if step.lacks]):
        parser.error(" ".join(f"{step.name} needs {step.lacks}" for step in lacking))
    machine = described()
    file = args.json or ROOT / "benchmarks" / f"soak-{machine['date']}.json"
    before = _from_json(file)["steps"] if args.only and file.exists() else {}
    found: dict[str, Any] = {"machine": machine, "steps": before}
    for step in taken:
        told = ran(step)
        found["steps"][step.name] = told
        print(f"{step.name}: {json.dumps(told, ensure_ascii=False)}", flush=True)
        file.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    lost = failed({step.name: found["steps"][step.name] for step in taken})
    print(f"失败 failed: {', '.join(lost)}" if lost else "全部通过 all passed")
    return int(bool(lost))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--minutes", type=float, default=10, help="for which each reader is fuzzed")
    parser.add_argument("--only", nargs="+", choices=STEPS, metavar="STEP", help=f"of {', '.join(STEPS)}")
    parser.add_argument("--encoder", type=Path, metavar="DIR", help="the encoder in float32, for peers")
    parser.add_argument("--data", type=Path, metavar="PATH", help="folder of the public sets, for peers")
    parser.add_argument("--articles", type=Path, metavar="PATH", help="line files, for scale")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


def steps(args: argparse.Namespace) -> list[Step]:
    """All of them in order, with the options that they take."""
    return [
        _tested("bombs", "tests/test_bombs.py", QA_BOMBS="1"),
        Step("fuzz", _module("soak_formats", "--seconds", f"{60 * args.minutes:g}")),
        _tested("kills", "tests/test_interruption.py", QA_KILLS=str(KILLS)),
        Step("load", _module("load")),
        Step(
            "peers",
            _module("peers", "--encoder", str(args.encoder), *_given("--data", args.data)),
            lacks=None if args.encoder else "--encoder",
        ),
        Step(
            "scale",
            _module("scale", "--data", str(args.articles), "--sizes", SIZES),
            lacks=None if args.articles else "--articles",
        ),
    ]


def _given(option: str, path: Path | None) -> tuple[str, ...]:
    return () if path is None else (option, str(path))


def _module(name: str, *options: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"benchmarks.{name}", *options, "--json")


def _tested(name: str, file: str, **environment: str) -> Step:
    call = (sys.executable, "-m", "pytest", file, "-o", "junit_family=xunit1", "--junit-xml")
    return Step(name, call, from_pytest, environment)


def chosen(every: Iterable[Step], only: Sequence[str] | None) -> list[Step]:
    """Those of the names ``only``, or all if it is None, in the order of ``every``."""
    return [step for step in every if only is None or step.name in only]


def ran(step: Step) -> dict[str, Any]:
    """Exit status, seconds, load averages afterwards, and the step's figures; or why it is left out."""
    if step.lacks:
        return {"left_out": step.lacks}
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "figures")
        call = [*step.call, str(file)]
        status = subprocess.run(
            call, cwd=ROOT, env={**os.environ, **step.environment}, check=False
        ).returncode
        figures = step.figures(file) if file.exists() else {}
    seconds, load = round(time.perf_counter() - began, 1), [round(one, 2) for one in os.getloadavg()]
    return {"status": status, "seconds": seconds, "load": load, **figures}


def failed(told: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The names of the steps that ended with another status than 0."""
    return [name for name, each in told.items() if each.get("status", 0) != 0]


def from_pytest(file: Path) -> dict[str, Any]:
    """Tests by outcome, the names of those that failed, and the highest of each figure that they recorded."""
    outcomes: Counter[str] = Counter()
    lost: list[str] = []
    most: dict[str, float] = {}
    for case in ElementTree.parse(file).iter("testcase"):
        outcome = next(
            (tag for tag in ("failure", "error", "skipped") if case.find(tag) is not None), "passed"
        )
        outcomes[outcome] += 1
        if outcome in ("failure", "error"):
            lost.append(case.get("name", ""))
        for recorded in case.iter("property"):
            name, value = recorded.get("name", ""), float(recorded.get("value", "0"))
            most[name] = max(value, most.get(name, value))
    return {"tests": dict(outcomes), "failed": lost, "most": most}


if __name__ == "__main__":
    sys.exit(main())
