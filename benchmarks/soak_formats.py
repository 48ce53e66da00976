"""The readers of every format under broken files, for as long as they are given.

    python -m benchmarks.soak_formats [--seconds 600] [--seed 0] [--bombs] [SUFFIX …]

Each suffix is fuzzed in a process of its own, within a gigabyte of memory, until its seconds are over; each
file that a reader fails on, hangs on or dies of is kept in ``scratch/`` under its seed, and told. ``--bombs``
reads those of ``tests/bombs.py`` first. Ends with status 1 where anything was found.
"""

from __future__ import annotations

import argparse
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

KEPT = ROOT / "scratch"
MEMORY = 2_000_000_000  # bytes of addresses; what is in use stays below a gigabyte
IN_USE = 1_000_000  # kilobytes
HANG = 60  # seconds of processor time that one file of a few kilobytes may take


def main() -> int:
    """Fuzz, print a line for each suffix, and say whether all was well."""
    from broken import sound
    from specimens import MAKERS

    args = _options().parse_args()
    if args.worker:
        return _work(args.worker, args.seconds, args.seed)
    faults = _bombs() if args.bombs else 0
    for suffix in args.suffixes or sorted(MAKERS):
        sound(suffix)  # an unknown suffix fails here
        call = [*(sys.executable, "-m", "benchmarks.soak_formats", "--worker", suffix)]
        call += ["--seconds", str(args.seconds), "--seed", str(args.seed)]
        ended = subprocess.run(call, cwd=ROOT, check=False).returncode
        if ended:
            faults += 1
            print(f"{suffix}: FAILED (status {ended}); see {KEPT}/soak-last{suffix}", flush=True)
    return min(faults, 1)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak_formats", description=__doc__)
    parser.add_argument("suffixes", nargs="*", metavar="SUFFIX")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bombs", action="store_true")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser


def _work(suffix: str, seconds: float, seed: int) -> int:
    """Read broken files of one suffix; the last one lies in ``scratch/`` in case the process dies of it."""
    from broken import PACKED, broken, check, drawn

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    KEPT.mkdir(exist_ok=True)
    last, faults, count = KEPT / f"soak-last{suffix}", 0, 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        rng = random.Random(f"{seed} {count}")
        inside = rng.randrange(10) if suffix in PACKED and rng.random() < 0.7 else None
        raw = broken(suffix, drawn(rng), inside=inside)
        last.write_bytes(raw)
        signal.setitimer(signal.ITIMER_VIRTUAL, HANG)  # its signal ends the process, the file stays
        try:
            check(suffix, raw)
        except Exception as error:  # whatever it is, it is a fault
            faults += 1
            kept = KEPT / f"soak-{seed}-{count}{suffix}"
            kept.write_bytes(raw)
            print(f"{suffix}: {type(error).__name__}: {error} ({kept})", flush=True)
        count += 1
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{suffix}: {count:,} files, {faults} faults, {used // 1000} MB at most", flush=True)
    if not faults:
        last.unlink(missing_ok=True)
    return int(faults > 0 or used > IN_USE)


def _bombs() -> int:
    """How many bombs were not refused or read within their bounds, 0 or 1."""
    ended = subprocess.run([sys.executable, str(ROOT / "tests" / "bombs.py")], cwd=ROOT, check=False)
    return int(ended.returncode != 0)


if __name__ == "__main__":
    sys.exit(main())
