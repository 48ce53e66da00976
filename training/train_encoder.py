"""Step 2 of the encoder: a smaller student, on two cores or on an accelerator, resumable.

    python -m training.train_encoder --base DIR --layers N --out scratch/encoder/run

``DIR`` is what ``make_encoder --torch`` writes; the data are those of ``prepare_encoder``. First the student
is taught to give what the base gives (``encoder_distillation.py``), then questions are drawn to the passages
that answer them (``encoder_contrast.py``; it needs ``pip install accelerate datasets``), and last the two
results are mixed in the share that finds most on the questions kept out (Wortsman et al. 2022, WiSE-FT): the
distilled weights know more kinds of text than the pairs show. Run the same command again after a break: it
goes on from the last checkpoint. ``OUT/model`` is the sentence-transformers folder to export.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from training.encoder_contrast import evaluators, figures, train_contrast
from training.encoder_distillation import Distillation, batches, every
from training.encoder_student import load_bert, make_student, save_student
from training.prepare_encoder import read_pairs

__all__ = ["Recipe", "main", "mixed"]

SHARES = (0.0, 0.2, 0.4)  # of the distilled weights in the result


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the result depends on; kept beside it.

    ``distil_tokens``   tokens of stage A, padding included; ``tokens`` of one of its steps
    ``pair_epochs``     how often stage B sees the pairs; ``repeat`` counts a group's pairs more than once
    ``scale``           inverse temperature of the contrastive loss; the base was made with 100
    """

    layers: int = 6
    feed_forward: int = 768
    distil_tokens: int = 3_500_000
    tokens: int = 4096
    distil_rate: float = 4e-4
    pair_epochs: float = 1.0
    pair_batch: int = 64
    pair_rate: float = 1e-4
    scale: float = 100.0
    repeat: dict[str, int] = field(default_factory=lambda: {"statutes": 2})
    seed: int = 1


def main(arguments: Sequence[str] | None = None) -> None:
    """Both stages and the mixing, from the base or from where a break left off."""
    args = _options().parse_args(arguments)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    _quieten()
    recipe = Recipe(
        layers=args.layers,
        feed_forward=args.feed_forward,
        distil_tokens=args.distil_tokens,
        pair_epochs=args.pair_epochs,
        pair_rate=args.pair_rate,
        pair_batch=args.pair_batch,
        scale=args.scale,
    )
    torch.manual_seed(recipe.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    _check(args.out / "recipe.json", recipe)
    searches = evaluators(read_pairs(args.data / "tune.jsonl"), args.sample)
    tell = _teller(args.out / "log.jsonl")
    distilled, contrasted = args.out / "distilled", args.out / "contrasted"
    if not (distilled / "modules.json").exists() and not _distil(args, recipe, distilled, searches, tell):
        return
    if not (contrasted / "modules.json").exists():
        _contrast(args, recipe, distilled, contrasted, searches, tell)
    _mix(distilled, contrasted, args.out / "model", searches, tell)
    (args.out / "model" / "recipe.json").write_bytes((args.out / "recipe.json").read_bytes())


def _options() -> argparse.ArgumentParser:
    recipe = Recipe()
    parser = argparse.ArgumentParser(prog="python -m training.train_encoder")
    parser.add_argument(
        "--base", type=Path, required=True, help="sentence-transformers folder of the teacher"
    )
    parser.add_argument("--data", type=Path, default=Path("scratch/encoder"), help="by prepare_encoder")
    parser.add_argument("--out", type=Path, default=Path("scratch/encoder/run"))
    parser.add_argument("--layers", type=int, default=recipe.layers)
    parser.add_argument("--feed-forward", type=int, default=recipe.feed_forward, help="inner neurons a layer")
    parser.add_argument("--distil-tokens", type=int, default=recipe.distil_tokens)
    parser.add_argument("--pair-epochs", type=float, default=recipe.pair_epochs)
    parser.add_argument("--pair-rate", type=float, default=recipe.pair_rate)
    parser.add_argument("--pair-batch", type=int, default=recipe.pair_batch)
    parser.add_argument("--scale", type=float, default=recipe.scale)
    parser.add_argument("--sample", type=int, default=300, help="kept-out questions of each group")
    parser.add_argument("--save-minutes", type=float, default=4.0, help="between checkpoints of stage A")
    parser.add_argument("--save-steps", type=int, default=40, help="between checkpoints of stage B")
    parser.add_argument("--stop-after", type=float, metavar="MINUTES", help="pause stage A here")
    return parser


def _quieten() -> None:
    """Keeps bars and reports about the unused pooler out of the log."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _check(path: Path, recipe: Recipe) -> None:
    """Keeps the recipe; raises ValueError where the folder was begun with another one."""
    text = json.dumps(asdict(recipe), indent=1) + "\n"
    if path.exists() and path.read_text("utf-8") != text:
        raise ValueError(f"{path}: begun with another recipe; take another --out or delete the folder")
    path.write_text(text, "utf-8")


def _teller(log: Path) -> Callable[[dict[str, Any]], None]:
    def tell(row: dict[str, Any]) -> None:
        with log.open("a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)

    return tell


def _distil(
    args: argparse.Namespace,
    recipe: Recipe,
    folder: Path,
    searches: dict[str, Any],
    tell: Callable[[dict[str, Any]], None],
) -> bool:
    """Stage A; whether it came to its end."""
    steps = batches(
        args.data / "texts.npz", tokens=recipe.tokens, total=recipe.distil_tokens, seed=recipe.seed
    )
    teacher = load_bert(args.base)
    first = steps[0]
    student = make_student(teacher, recipe.layers, recipe.feed_forward, first.ids, first.mask)
    stage = Distillation(teacher, student, steps, rate=recipe.distil_rate)
    checkpoint = args.out / "distillation.pt"
    if checkpoint.exists():
        stage.restore(checkpoint)
    due, enough = every(args.save_minutes), every(args.stop_after or float("inf"))
    losses: list[float] = []

    def until(now: Distillation, loss: float) -> bool:
        losses.append(loss)
        if now.step % 25 == 0:
            recent = sum(losses[-25:]) / len(losses[-25:])
            tell({"stage": "distil", "step": now.step, "of": len(steps), "loss": round(recent, 4)})
        stopped = enough()
        if due() or stopped:
            now.save(checkpoint)
        return stopped

    stage.run(until)
    if stage.step < len(steps):
        return False
    save_student(stage.student, args.base, folder)
    tell({"stage": "distilled", **figures(_opened(folder), searches)})
    return True


def _contrast(
    args: argparse.Namespace,
    recipe: Recipe,
    distilled: Path,
    folder: Path,
    searches: dict[str, Any],
    tell: Callable[[dict[str, Any]], None],
) -> None:
    model = _opened(distilled)
    train_contrast(
        model,
        read_pairs(args.data / "pairs.jsonl"),
        args.out / "contrast",
        rate=recipe.pair_rate,
        batch=recipe.pair_batch,
        scale=recipe.scale,
        epochs=recipe.pair_epochs,
        seed=recipe.seed,
        repeat=recipe.repeat,
        tell=lambda row: tell({"stage": "contrast", **row}),
        save_steps=args.save_steps,
    )
    model.max_seq_length = 512
    model.save(str(folder))


def _opened(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), local_files_only=True)


def _mix(
    distilled: Path,
    contrasted: Path,
    out: Path,
    searches: dict[str, Any],
    tell: Callable[[dict[str, Any]], None],
) -> None:
    """Writes the mixture of the two models that finds most on the questions kept out.

    What counts is the first five, of equal ones the first, then the larger share, nearer to the base.
    """
    model = _opened(contrasted)
    trained, before = (_opened(folder).state_dict() for folder in (contrasted, distilled))
    best = (-1.0, -1.0, 0.0)
    for share in SHARES:
        model.load_state_dict(mixed(trained, before, share))
        found = figures(model, searches)
        tell({"stage": "mix", "share": share, **found})
        five, one = (sum(found[name] for name in found if name.endswith(end)) for end in ("@5", "@1"))
        best = max(best, (five, one, share))
    model.load_state_dict(mixed(trained, before, best[-1]))
    model.save(str(out))
    tell({"stage": "mixed", "share": best[-1]})


def mixed(trained: dict[str, Any], before: dict[str, Any], share: float) -> dict[str, Any]:
    """Each number ``1 - share`` parts of ``trained`` and ``share`` parts of ``before``."""
    return {
        name: torch.lerp(value, before[name], share) if value.is_floating_point() else value
        for name, value in trained.items()
    }


if __name__ == "__main__":
    main()
