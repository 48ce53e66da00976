"""The reader's model card: ``reader_card.md`` with the recipe and the figures as measured.

python -m training.reader_card --run scratch/reader/run --figures benchmarks/reading-DATE.json
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from qa.reader import EARLY_STOP
from training.prepare_written import ENCYCLOPAEDIA, NEWS
from training.reader_batches import Mix
from training.train_reader import MIXES

__all__ = ["card", "passages_read"]

_TEMPLATE = Path(__file__).with_suffix(".md")
_KINDS = ("retrieved", "removed", "swapped")


def main(arguments: Sequence[str] | None = None) -> None:
    """Write ``README.md`` into the reader's folder."""
    parser = argparse.ArgumentParser(prog="python -m training.reader_card")
    parser.add_argument(
        "--run", type=Path, default=Path("scratch/reader/run"), help="what train_reader wrote"
    )
    parser.add_argument("--figures", type=Path, required=True, help="what benchmarks.reading --json wrote")
    parser.add_argument("--reader", type=Path, default=Path("qa/models/reader"))
    args = parser.parse_args(arguments)
    recipe = json.loads((args.run / "recipe.json").read_text("utf-8"))
    rows = [json.loads(line) for line in (args.run / "log.jsonl").read_text("utf-8").splitlines()]
    figures = json.loads(args.figures.read_text("utf-8"))
    text = card(recipe, rows, figures, args.reader, args.figures.name)
    (args.reader / "README.md").write_text(text, "utf-8")


def card(
    recipe: Mapping[str, Any],
    log: Sequence[Mapping[str, Any]],
    figures: Mapping[str, Any],
    reader: Path,
    name: str,
) -> str:
    """The card's Markdown. ``name``: of the file with the figures, which holds their date."""
    config = json.loads((reader / "config.json").read_text("utf-8"))
    pool, kinds = figures["pool"], figures["refusals"]
    return Template(_TEMPLATE.read_text("utf-8")).substitute(
        **_trained(recipe, log),
        size=f"{sum(path.stat().st_size for path in reader.iterdir() if path.suffix != '.md') / 1e6:.1f}",
        json=name,
        command=_command(figures),
        date=_date(name),
        gold="\n".join(_gold(*row) for row in figures["gold"].items()),
        passages=f"{pool['passages']:,}",
        pool_em=_percent(pool["EM"]),
        pool_f1=_percent(pool["F1"]),
        gap_em=_percent(pool["EM gap"]),
        gap_f1=_percent(pool["F1 gap"]),
        fused=_percent(pool["Recall@1"]["fused"]),
        reordered=_percent(pool["Recall@1"]["read"]),
        answered=f"{_percent(figures['coverage']['answered'])} %",
        kinds=" | ".join(("as labelled", *_KINDS)),
        kind_rule="---|" * (1 + len(_KINDS)),
        refusals="\n".join(_refusals(*row) for row in kinds.items()),
        threshold=figures["calibration"]["threshold"],
        calibration="\n".join(
            _calibration(*row) for row in figures["calibration"].items() if isinstance(row[1], dict)
        ),
        read=passages_read(config["settings"]),
        hashes="\n".join(f"- `{file}`: `{value}`" for file, value in config["sha256"].items()),
    )


def _command(figures: Mapping[str, Any]) -> str:
    """What prints the figures; the first table may be of more questions than the others."""
    sample = figures["sample"]
    if not sample:
        return "`python -m benchmarks.reading --data PATH`"
    asked = max(row["n"] for row in figures["gold"].values())
    more = f" (first table: `--only gold --sample {asked}`)" if asked > sample else ""
    return f"`python -m benchmarks.reading --data PATH --sample {sample}`{more}"


def passages_read(settings: Mapping[str, Any]) -> str:
    """How many passages a reader with these settings in its ``config.json`` reads, as a clause."""
    every, stop = settings["read"], settings.get(EARLY_STOP)
    if stop is None:
        return f"{every} passages are read"
    first, enough = stop["first"], stop["confidence"]
    return f"{first} passages are read, and {every} where no span of theirs reaches {enough:g}"


def _trained(recipe: Mapping[str, Any], log: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    stages = list(_stages(recipe))[::-1]
    pieces = recipe["tokens"] * sum(stage["steps"] for stage in stages)
    speed = [row["pieces_per_second"] for row in log if "pieces_per_second" in row][-1]
    return {
        **recipe,
        "stages": "\n".join(_stage(number, stage) for number, stage in enumerate(stages, start=1)),
        "news": _lines([NEWS]),
        "encyclopaedia": _lines(ENCYCLOPAEDIA),
        "warm_up": f"{100 * recipe['warm_up']:g}",
        "titled": f"{100 * Mix().titled:g}",
        "minutes": round(pieces / speed / 600) * 10,
    }


def _lines(paths: Iterable[Path]) -> str:
    return f"{sum(len(path.read_text('utf-8').splitlines()) for path in paths):,}"


def _stages(recipe: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    """A training and those whose weights it began with, the last first."""
    while recipe is not None:
        yield recipe
        recipe = recipe["began_with"]


def _stage(number: int, recipe: Mapping[str, Any]) -> str:
    """A row of the table of trainings; what changes with the epoch is separated by commas."""
    first = recipe["first"]
    mixes = [MIXES[min(epoch, len(MIXES) - 1)] for epoch in range(first, first + recipe["epochs"])]
    cells = (
        *(f"{number}", f"{recipe['examples']:,}", f"{recipe['steps']:,}"),
        *(f"{recipe[name]:g}" for name in ("rate", "dropout", "unknown")),
        _each(f"{mix.shortest}–{mix.longest}" for mix in mixes),
        *(_each(f"{getattr(mix, kind):g}" for mix in mixes) for kind in ("hard", "removed", "swapped")),
        f"{recipe.get('kept', 1.0):.0%}",
    )
    return f"| {' | '.join(cells)} |"


def _each(values: Iterable[str]) -> str:
    """One value where all are the same, else all of them."""
    found = list(values)
    return found[0] if len(set(found)) == 1 else ", ".join(found)


def _gold(name: str, row: Mapping[str, Any]) -> str:
    return f"| {name} | {row['n']:,} | {_percent(row['EM'])} | {_percent(row['F1'])} |"


def _refusals(name: str, row: Mapping[str, Any]) -> str:
    cells = [_area(row), *(_area(row.get(kind, {})) for kind in _KINDS)]
    return f"| {name} | {' | '.join(cells)} |"


def _area(row: Mapping[str, Any]) -> str:
    return f"{row['AUROC']:.3f}" if "AUROC" in row else ""


def _calibration(name: str, row: Mapping[str, Any]) -> str:
    cells = (f"{row['n']:,}", f"{row['ECE']:.3f}", f"{_percent(row['answered'])} %")
    errors = (f"{_percent(row[f'{kind} of answered'])} %" for kind in ("astray", "wrong"))
    return f"| {name} | {' | '.join((*cells, *errors))} |"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _date(name: str) -> str:
    found = re.search(r"\d{4}-\d{2}-\d{2}", name)
    return found.group() if found else "undated"


if __name__ == "__main__":
    main()
