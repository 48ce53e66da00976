"""Step 2b of the reader: of what a further training changed, keep a part.

    python -m training.mix_reader --run scratch/reader/run6 --began scratch/reader/run5 --share 0.4 \\
        --out scratch/reader/mixed

``--run`` and ``--began`` are folders that ``train_reader`` wrote, the second the one whose weights the first
began with. The weights in between often read better than those at either end (Wortsman et al. 2022); which
share does is found on the kept-out tenth. Writes ``reader.safetensors`` and a ``recipe.json`` with the share.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["between", "main"]

WEIGHTS = "reader.safetensors"


def main(arguments: Sequence[str] | None = None) -> None:
    """Mix and write. Raises SystemExit where the one run did not begin with the other."""
    from safetensors.numpy import load_file, save_file

    parser = argparse.ArgumentParser(prog="python -m training.mix_reader")
    parser.add_argument("--run", type=Path, required=True, metavar="DIR", help="the further training")
    parser.add_argument("--began", type=Path, required=True, metavar="DIR", help="the one before it")
    parser.add_argument("--share", type=float, required=True, help="of the change that is kept, 0 to 1")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    args = parser.parse_args(arguments)
    recipe, before = (
        json.loads((folder / "recipe.json").read_text("utf-8")) for folder in (args.run, args.began)
    )
    if recipe["began_with"] != before:
        parser.error(f"{args.run} did not begin with the weights of {args.began}")
    args.out.mkdir(parents=True, exist_ok=True)
    found = between(load_file(args.began / WEIGHTS), load_file(args.run / WEIGHTS), args.share)
    save_file(found, args.out / WEIGHTS)
    told = json.dumps({**recipe, "kept": args.share}, indent=1)
    (args.out / "recipe.json").write_text(f"{told}\n", "utf-8")


def between(
    before: Mapping[str, NDArray[np.float16]], after: Mapping[str, NDArray[np.float16]], share: float
) -> dict[str, NDArray[np.float16]]:
    """``before`` with ``share``, 0 to 1, of the way to ``after``, name by name."""
    return {
        name: (values + share * (after[name].astype(np.float32) - values)).astype(values.dtype)
        for name, values in before.items()
    }


if __name__ == "__main__":
    main()
