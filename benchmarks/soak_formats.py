"""The readers of every format under broken files, for as long as they are given.

    python -m benchmarks.soak_formats [--seconds 600] [--seed 0] [--workers 2] [--json FILE] [SUFFIX …]

Each suffix is fuzzed in a process of its own, within a gigabyte of memory, until its seconds are over; each
file that a reader fails on, hangs on or dies of is kept in ``scratch/`` under its seed, and told. Ends with
status 1 where anything was found.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

KEPT = ROOT / "scratch"
MEMORY = 2_000_000_000  # bytes of addresses; what is in use stays below a gigabyte
MOST_MEGABYTES = 1000
HANG = 60  # seconds of processor time that one file of a few kilobytes may take


def main() -> int:
    """Fuzz, print a line for each suffix, and say whether all was well."""
    from broken import READERS, sound

    args = _options().parse_args()
    if args.worker:
        return _work(args.worker, args.seconds, args.seed)
    for suffix in args.suffixes:
        sound(suffix)  # an unknown one fails here
    found: dict[str, Any] = {}
    suffixes = args.suffixes or list(READERS)
    with ThreadPoolExecutor(args.workers) as workers:
        results = workers.map(lambda suffix: _fuzzed(suffix, args.seconds, args.seed), suffixes)
        for suffix, result in zip(suffixes, results, strict=True):
            found[suffix] = result
            print(f"{suffix}: {json.dumps(result)}", flush=True)
    if args.json:
        told = {"seconds_each": args.seconds, "seed": args.seed, "readers": found}
        args.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return int(any(each["status"] for each in found.values()))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak_formats", description=__doc__)
    parser.add_argument("suffixes", nargs="*", metavar="SUFFIX")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="readers fuzzed at a time")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser


def _fuzzed(suffix: str, seconds: float, seed: int) -> dict[str, Any]:
    """What a worker told: ``files``, ``faults``, ``megabytes``; where it died, only its ``status``."""
    call = [*(sys.executable, "-m", "benchmarks.soak_formats", "--worker", suffix)]
    call += ["--seconds", str(seconds), "--seed", str(seed)]
    ended = subprocess.run(call, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8", check=False)
    told: dict[str, Any] = json.loads(ended.stdout) if ended.stdout else {"last": str(_last(suffix))}
    return {**told, "status": ended.returncode}


def _last(suffix: str) -> Path:
    return KEPT / f"soak-last{suffix}"


def _work(suffix: str, seconds: float, seed: int) -> int:
    """Read broken files of one suffix; the last one lies in ``scratch/`` in case the process dies of it."""
    from broken import PACKED, broken, check, drawn

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    KEPT.mkdir(exist_ok=True)
    last, faults, count = _last(suffix), 0, 0
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
            print(f"{suffix}: {type(error).__name__}: {error} ({kept})", file=sys.stderr, flush=True)
        count += 1
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
    print(json.dumps({"files": count, "faults": faults, "megabytes": used}))
    if not faults:
        last.unlink(missing_ok=True)
    return int(faults > 0 or used > MOST_MEGABYTES)


if __name__ == "__main__":
    sys.exit(main())
