"""The quick benchmarks beside those that are kept: what moved by more than its noise.

    python -m benchmarks.guards [--runs N] [--only NAME …] [--keep] [--folder DIR]      (make bench)

Each benchmark runs ``--runs`` times as a process of its own; a figure is the median of its runs, its noise
the distance between the lowest and the highest of them, 0 for what is counted. What is kept lies in
``benchmarks/kept``, a file for each version of the project; the comparison is with the highest one. A figure
moved where it is further from the kept one than both noises together. Times of another machine are not
compared, counts are. ``--keep`` writes the file of this version, for a release or a change that is meant;
nothing passes or fails here.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.machine import described
from qa import __version__

__all__ = ["Figure", "Kept", "Moved", "compared", "figures", "flat", "latest", "main"]

FOLDER = Path(__file__).with_name("kept")
QUICK = {
    "figures": ("benchmarks.figures",),
    "answer path": ("benchmarks.answer_path",),
}
RUNS = 3
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)\.json")
_ON_THE_CLOCK = re.compile(r"[._](?:ms|a_second|per_s|ratio)$")
_SAME_MACHINE = ("processor", "cores", "python")


@dataclass(frozen=True, slots=True)
class Figure:
    """The median of a figure's runs, and how far apart the lowest and the highest were."""

    value: float
    noise: float = 0.0


@dataclass(frozen=True, slots=True)
class Kept:
    """The figures of one version, by their names, with the machine they were taken on."""

    version: str
    machine: Mapping[str, Any]
    figures: Mapping[str, Figure]

    @classmethod
    def read(cls, path: Path) -> Kept:
        """What ``write`` wrote."""
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = {name: Figure(**row) for name, row in found["figures"].items()}
        return cls(found["version"], found["machine"], rows)

    def write(self, folder: Path) -> Path:
        """Into the file of its version, in place of an earlier one."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.version}.json"
        path.write_text(json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        return path


@dataclass(frozen=True, slots=True)
class Moved:
    """A figure that is another one than it was; None where there was or is none."""

    name: str
    before: Figure | None
    now: Figure | None

    def __str__(self) -> str:
        return f"{self.name}: {_shown(self.before)} → {_shown(self.now)}{self._share}"

    @property
    def _share(self) -> str:
        if self.before is None or self.now is None or not self.before.value:
            return ""
        return f" ({self.now.value / self.before.value - 1:+.1%})"


def _shown(figure: Figure | None) -> str:
    if figure is None:
        return "none"
    return f"{figure.value:g}" if not figure.noise else f"{figure.value:g} ± {figure.noise:g}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, compare, print, and keep if that is wanted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guards")
    parser.add_argument("--runs", metavar="N", type=int, default=RUNS)
    parser.add_argument("--only", metavar="NAME", nargs="+", choices=list(QUICK), default=list(QUICK))
    parser.add_argument("--keep", action="store_true", help="keep what is found as this version's")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    args = parser.parse_args(arguments)
    found: dict[str, Figure] = {}
    for name in args.only:
        print(f"{name}: {args.runs} runs …", file=sys.stderr)
        found |= figures(name, [_run(QUICK[name]) for _ in range(args.runs)])
    now = Kept(__version__, described(), found)
    print(_told(latest(args.folder), now, args.only))
    if args.keep:
        print(f"kept: {now.write(args.folder)}")


def _run(module: Sequence[str]) -> dict[str, Any]:
    """What one run of a benchmark writes."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "found.json"
        subprocess.run([sys.executable, "-m", *module, "--json", str(file)], check=True, stdout=sys.stderr)
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def figures(name: str, runs: Sequence[Mapping[str, Any]]) -> dict[str, Figure]:
    """The figures of a benchmark from what its runs found; only those that every run has."""
    rows = [flat(run, name) for run in runs]
    shared = [each for each in rows[0] if all(each in row for row in rows)]
    return {each: _figure([row[each] for row in rows]) for each in shared}


def _figure(values: Sequence[float]) -> Figure:
    return Figure(median(values), round(max(values) - min(values), 6))


def flat(found: Mapping[str, Any], name: str) -> dict[str, float]:
    """All numbers of nested JSON by dotted names, but for those of the machine and what was left out."""
    numbers: dict[str, float] = {}
    for key, value in found.items():
        if isinstance(value, Mapping) and key != "machine":
            numbers |= flat(value, f"{name}.{key}")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            numbers[f"{name}.{key}"] = value
    return numbers


def latest(folder: Path) -> Kept | None:
    """The kept figures of the highest version."""
    files = [path for path in folder.glob("*.json") if _VERSION.fullmatch(path.name)]
    return Kept.read(max(files, key=_number)) if files else None


def _number(path: Path) -> tuple[int, ...]:
    match = _VERSION.fullmatch(path.name)
    return tuple(map(int, match.groups())) if match else ()


def compared(before: Kept, now: Kept) -> list[Moved]:
    """What moved by more than its noise, by name; times only where the machine is the same one."""
    same = all(before.machine.get(fact) == now.machine.get(fact) for fact in _SAME_MACHINE)
    names = sorted({*before.figures, *now.figures})
    rows = [
        Moved(name, before.figures.get(name), now.figures.get(name))
        for name in names
        if same or not _ON_THE_CLOCK.search(name)
    ]
    return [row for row in rows if _has_moved(row)]


def _has_moved(row: Moved) -> bool:
    if row.before is None or row.now is None:
        return True
    return abs(row.now.value - row.before.value) > row.before.noise + row.now.noise


def _told(before: Kept | None, now: Kept, names: Sequence[str]) -> str:
    """What is printed: all figures where nothing is kept yet, else those that moved."""
    if before is None:
        rows = [f"{name}: {_shown(figure)}" for name, figure in now.figures.items()]
        return "\n".join([*rows, "nothing is kept to compare with; --keep keeps these"])
    asked = tuple(f"{name}." for name in names)
    known = {name: figure for name, figure in before.figures.items() if name.startswith(asked)}
    moved = compared(Kept(before.version, before.machine, known), now)
    rows = [str(row) for row in moved]
    end = f"{len(moved)} of {len(now.figures)} figures moved since {before.version} by more than their noise"
    return "\n".join([*rows, end, *_other_machine(before, now)])


def _other_machine(before: Kept, now: Kept) -> list[str]:
    other = [fact for fact in _SAME_MACHINE if before.machine.get(fact) != now.machine.get(fact)]
    return [f"another machine than then ({', '.join(other)}): times were not compared"] if other else []


if __name__ == "__main__":
    main()
