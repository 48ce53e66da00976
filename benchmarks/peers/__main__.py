"""This project, Haystack and txtai side by side: one command, one table.

    python -m benchmarks.peers --encoder DIR [--data PATH] [--only NAME …] [--rounds N] [--asked N]
                               [--sample N] [--skip N] [--json FILE] [--markdown FILE]

``--encoder``  the bundled encoder in float32, a sentence-transformers folder (``training.make_encoder
               --torch``); the peers have no way to run it as it ships
``--data``     public sets as in ``training/splits.py``: CMRC 2018 trial and DRCD dev; without it the shipped
               articles and their questions
Each peer is measured at its default and at its best for Chinese (see its driver), all with the reader that
ships, for them in its Hugging Face form. Run it from the repository, on a machine with nothing else to do.
Exit status 1 where a system dropped out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import described
from benchmarks.peers import sets
from benchmarks.peers.environments import python_of
from benchmarks.peers.measure import Bench, Contestant
from benchmarks.peers.process import PeerError
from benchmarks.peers.table import ahead, table

SCRATCH = Path("scratch/peers")
OURS = "qa"
PEERS = {
    "haystack": ("haystack", False),
    "haystack best": ("haystack", True),
    "txtai": ("txtai", False),
    "txtai best": ("txtai", True),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write what was asked for."""
    args = _options().parse_args(arguments)
    try:
        contestants = _contestants(args)
    except PeerError as error:
        print(error, file=sys.stderr)
        return 2
    found: dict[str, Any] = {"machine": described(), "rounds": args.rounds, "sets": {}}
    tables, failed = [], False
    every = [sets.shipped(args.sample)] if args.data is None else sets.public(args.data, args.sample)
    for collection in every[args.skip :]:
        bench = Bench(collection, SCRATCH / "run", asked=args.asked, patience=args.patience)
        compared = bench.compare(contestants, args.rounds, tell=_tell)
        tables.append(table(compared, OURS))
        found["sets"][collection.name] = compared.to_dict(OURS)
        failed = failed or bool(compared.failed)
        print(tables[-1], *(f"ahead: {line}" for line in ahead(compared, OURS)), sep="\n", flush=True)
        _write(args, found, tables)  # a set takes half an hour: what is measured stays
    return int(failed)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers")
    parser.add_argument("--encoder", type=Path, required=True, metavar="DIR", help="its float32 form")
    parser.add_argument("--reader", type=Path, metavar="DIR", help="its Hugging Face form; made if not given")
    parser.add_argument("--data", type=Path, metavar="PATH", help="folder of the public sets")
    parser.add_argument("--only", nargs="+", choices=PEERS, metavar="NAME", help=f"of {', '.join(PEERS)}")
    parser.add_argument("--skip", type=int, default=0, metavar="N", help="leave out the first N sets")
    parser.add_argument("--rounds", type=int, default=3, help="repeats, of which medians are taken")
    parser.add_argument("--asked", type=int, default=100, help="questions answered in a round, at most")
    parser.add_argument("--sample", type=int, help="questions at most, for a quick look")
    parser.add_argument("--patience", type=float, default=1800, help="seconds that one reply may take")
    parser.add_argument("--environments", type=Path, default=SCRATCH, help="where the peers are installed")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--markdown", type=Path, metavar="FILE")
    return parser


def _contestants(args: argparse.Namespace) -> list[Contestant]:
    """This project first. Raises PeerError where an environment cannot be made."""
    from qa.onnx import open_folder
    from qa.reader import FOLDER

    read = open_folder(FOLDER).config["settings"]["read"]
    reader = _reader(FOLDER) if args.reader is None else args.reader
    given = ("--encoder", str(args.encoder), "--reader", str(reader), "--read", str(read))
    found = [Contestant(OURS, (sys.executable, "-m", "benchmarks.peers.driver_qa"))]
    for name in args.only or PEERS:
        peer, best = PEERS[name]
        module = f"benchmarks.peers.driver_{peer}"
        python = python_of(peer, args.environments)
        found.append(Contestant(name, (python, "-m", module, *given, *(["--best"] if best else []))))
    return found


def _reader(shipped: Path) -> Path:
    """The shipped reader in its Hugging Face form, made anew where it is not of the present one."""
    from qa.onnx import open_folder
    from training.export_huggingface import export_huggingface

    made, of = SCRATCH / "reader", open_folder(shipped).fingerprint
    mark = made / "made-of"
    if not mark.exists() or mark.read_text(encoding="utf-8") != of:
        export_huggingface(shipped, made)
        mark.write_text(of, encoding="utf-8")
    return made


def _write(args: argparse.Namespace, found: dict[str, Any], tables: Sequence[str]) -> None:
    if args.json:
        args.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if args.markdown:
        args.markdown.write_text("\n".join(tables), encoding="utf-8")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
