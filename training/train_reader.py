"""Step 2 of the reader: training, on two cores or on an accelerator, resumable.

    python -m training.train_reader --data PATH --base DIR --out scratch/reader/run

``DIR`` is what ``make_encoder --torch`` writes; ``PATH`` holds the public sets, for the kept-out tenth that
is read every so often. Run the same command again after a break: it goes on from the last checkpoint.
The weights to export (a running mean over the steps) are ``OUT/reader.safetensors``, in half precision.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from qa.metrics import auroc, exact_match, f1, mean
from qa.types import Span
from qa.windows import Windows
from training import splits
from training.read_torch import read
from training.reader_batches import Batch, Mix, epoch_batches, read_examples, without_answer
from training.reader_model import ReaderModel, losses
from training.reader_tokenizer import reader_tokenizer

ENCODER_TOKENIZER = Path(__file__).parents[1] / "qa" / "models" / "encoder" / "tokenizer.json"
# The share of windows without answer grows: spans are learnt first. The last two are those of further
# trainings, on questions with near misses.
MIXES = (
    Mix(0.2, 0.05, 0.05),
    Mix(0.3, 0.1, 0.1),
    Mix(0.4, 0.15, 0.15, longest=420),
    Mix(0.4, 0.15, 0.5, longest=420),
    Mix(0.3, 0.1, 0.5, longest=420),
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the result depends on; kept with the checkpoint.

    ``first``       number of the first epoch among ``MIXES``
    ``rate``        highest learning rate, reached after ``warm_up`` of all steps, then straight to zero
    ``layer_rate``  each layer's rate relative to that of the one above
    ``tokens``      pieces of a step, padding included
    ``average``     decay of the running mean of the weights
    ``dropout``     share of the numbers left out in each half of a layer
    ``unknown``     share of the pieces hidden
    """

    layers: int = 10
    epochs: int = 3
    first: int = 0
    tokens: int = 4096
    rate: float = 1.5e-4
    layer_rate: float = 0.95
    warm_up: float = 0.06
    decay: float = 0.01
    average: float = 0.998
    dropout: float = 0.1
    unknown: float = 0.05
    seed: int = 1


def main(arguments: Sequence[str] | None = None) -> None:
    """Train from the base or from the last checkpoint, and write the weights."""
    args = _options().parse_args(arguments)
    recipe = Recipe(layers=args.layers, epochs=args.epochs, first=args.first, rate=args.rate, seed=args.seed)
    torch.manual_seed(recipe.seed)
    windows = Windows(Tokenizer.from_str(reader_tokenizer(ENCODER_TOKENIZER)), size=512)
    examples = read_examples(args.examples)
    steps = [
        batch
        for epoch in range(recipe.first, recipe.first + recipe.epochs)
        for batch in epoch_batches(
            examples,
            windows,
            MIXES[min(epoch, len(MIXES) - 1)],
            seed=recipe.seed,
            epoch=epoch,
            tokens=recipe.tokens,
        )
    ]
    pieces = sum(batch.ids.size for batch in steps)
    print(f"{len(steps)} steps, {pieces / 1e6:.1f} million pieces", flush=True)
    model = ReaderModel.from_base(args.base, recipe.layers, dropout=recipe.dropout, unknown=recipe.unknown)
    if args.start is not None:
        model.load_trained(args.start)
    training = Training(model, recipe, len(steps))
    args.out.mkdir(parents=True, exist_ok=True)
    checkpoint = args.out / "checkpoint.pt"
    if checkpoint.exists():
        training.restore(checkpoint)
    kept = asdict(recipe) | {"examples": len(examples), "steps": len(steps), "began_with": _began(args.start)}
    (args.out / "recipe.json").write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    held_out = Held(args.data, windows, args.sample)
    _run(training, steps, held_out, args)


def _began(start: Path | None) -> dict[str, Any] | None:
    """The recipe of the run whose weights this one begins with; None where it begins with the base."""
    if start is None:
        return None
    recipe: dict[str, Any] = json.loads((start.parent / "recipe.json").read_text("utf-8"))
    return recipe


def _options() -> argparse.ArgumentParser:
    recipe = Recipe()
    parser = argparse.ArgumentParser(prog="python -m training.train_reader")
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--base", type=Path, required=True, help="sentence-transformers folder to begin from")
    parser.add_argument(
        "--start",
        type=Path,
        metavar="FILE",
        help="begin from the weights of an earlier run instead, its recipe.json beside them",
    )
    parser.add_argument("--examples", type=Path, default=Path("scratch/reader/examples.jsonl"))
    parser.add_argument("--out", type=Path, default=Path("scratch/reader/run"))
    parser.add_argument("--layers", type=int, default=recipe.layers)
    parser.add_argument("--epochs", type=int, default=recipe.epochs)
    parser.add_argument("--first", type=int, default=recipe.first, help="which of MIXES to begin with")
    parser.add_argument("--rate", type=float, default=recipe.rate)
    parser.add_argument("--seed", type=int, default=recipe.seed)
    parser.add_argument("--sample", type=int, default=250, help="kept-out questions read between steps")
    parser.add_argument("--read-every", type=int, default=300, help="steps between readings")
    parser.add_argument("--save-minutes", type=float, default=4.0)
    parser.add_argument("--stop-after", type=float, default=math.inf, metavar="MINUTES", help="pause here")
    return parser


def _run(training: Training, steps: Sequence[Batch], held_out: Held, args: argparse.Namespace) -> None:
    began = saved = time.monotonic()
    log = args.out / "log.jsonl"
    seen, span, relevance = 0, [], []
    while training.step < len(steps):
        batch = steps[training.step]
        losses_ = training.take(batch)
        seen += batch.ids.size
        span.append(losses_[0])
        relevance.append(losses_[1])
        now = time.monotonic()
        last = training.step == len(steps)
        if training.step % 50 == 0:
            row = {
                "step": training.step,
                "of": len(steps),
                "span": round(sum(span[-50:]) / 50, 4),
                "relevance": round(sum(relevance[-50:]) / 50, 4),
                "pieces_per_second": round(seen / (now - began)),
            }
            _tell(log, row)
        if training.step % args.read_every == 0 or last:
            training.save_weights(args.out / "reader.safetensors")
            with training.averaged() as model:
                _tell(log, {"step": training.step, **held_out.figures(model)})
        pause = now - began > 60 * args.stop_after
        if now - saved > 60 * args.save_minutes or last or pause:
            training.save(args.out / "checkpoint.pt")
            saved = now
        if pause:
            break


def _tell(log: Path, row: dict[str, Any]) -> None:
    with log.open("a", encoding="utf-8") as out:
        out.write(json.dumps(row) + "\n")
    print(json.dumps(row), flush=True)


class Training:
    """The model in bf16, its exact weights in float32, and their running mean."""

    def __init__(self, model: ReaderModel, recipe: Recipe, steps: int) -> None:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.device, self.recipe, self.steps, self.step = device, recipe, steps, 0
        model.bert.embeddings.requires_grad_(False)
        named = model.trained()
        self.exact = {name: value.detach().clone().float().to(device) for name, value in named}
        self.mean = {name: value.clone() for name, value in self.exact.items()}
        self.model: ReaderModel = model.to(device=device, dtype=torch.bfloat16).train()
        self.moved = dict(self.model.trained())
        groups = [
            {
                "params": [value],
                "lr": recipe.rate,
                "share": self._share(name),
                "weight_decay": self._decay(value),
            }
            for name, value in self.exact.items()
        ]
        self.optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), eps=1e-6, fused=True)

    def _share(self, name: str) -> float:
        """The layer's rate relative to the outputs'."""
        parts = name.split(".")
        depth = self.recipe.layers - int(parts[parts.index("layer") + 1]) if "layer" in parts else 0
        return self.recipe.layer_rate**depth

    def _decay(self, value: Any) -> float:
        return self.recipe.decay if value.ndim > 1 else 0.0

    def _rate(self) -> float:
        done, warm = self.step / self.steps, self.recipe.warm_up
        return self.recipe.rate * (
            min(1.0, (done + 1 / self.steps) / warm) if done < warm else (1 - done) / (1 - warm)
        )

    def take(self, batch: Batch) -> tuple[float, float]:
        """One step; returns its two losses."""
        arrays = (
            torch.as_tensor(array, device=self.device) for array in (batch.ids, batch.mask, batch.passage)
        )
        span, relevance = losses(self.model(*arrays), batch, self.device)
        (span + relevance).backward()
        for name, exact in self.exact.items():
            exact.grad = self.moved[name].grad.float()
            self.moved[name].grad = None
        torch.nn.utils.clip_grad_norm_(self.exact.values(), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate() * group["share"]
        self.optimiser.step()
        self.step += 1
        decay = min(self.recipe.average, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, exact in self.exact.items():
                self.moved[name].copy_(exact)
                self.mean[name].lerp_(exact, 1 - decay)
        return float(span.detach()), float(relevance.detach())

    def averaged(self) -> Averaged:
        """The model with the mean weights, while the ``with`` block lasts."""
        return Averaged(self)

    def save(self, path: Path) -> None:
        """Everything that going on needs, replaced whole."""
        state = {
            "step": self.step,
            "recipe": asdict(self.recipe),
            "exact": self.exact,
            "mean": self.mean,
            "optimiser": self.optimiser.state_dict(),
        }
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def restore(self, path: Path) -> None:
        """Go on from ``save``; what was set on the command line this time holds from here."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.step = state["step"]
        for kept, saved in ((self.exact, state["exact"]), (self.mean, state["mean"])):
            for name, value in saved.items():
                kept[name].copy_(value)
        with torch.no_grad():
            for name, exact in self.exact.items():
                self.moved[name].copy_(exact)
        shares = [group["share"] for group in self.optimiser.param_groups]
        self.optimiser.load_state_dict(state["optimiser"])
        for group, share in zip(self.optimiser.param_groups, shares, strict=True):
            group["share"] = share

    def save_weights(self, path: Path) -> None:
        """The mean weights without the embeddings (they are the base's), float16."""
        from safetensors.torch import save_file

        save_file({name: value.half().contiguous().cpu() for name, value in self.mean.items()}, path)


class Averaged:
    """Swaps the mean weights in and out again."""

    def __init__(self, training: Training) -> None:
        self._training = training

    def __enter__(self) -> ReaderModel:
        self._put(self._training.mean)
        self._training.model.eval()
        return self._training.model

    def __exit__(self, *_: object) -> None:
        self._put(self._training.exact)
        self._training.model.train()

    def _put(self, weights: dict[str, Any]) -> None:
        with torch.no_grad():
            for name, value in weights.items():
                self._training.moved[name].copy_(value)


class Held:
    """The kept-out tenth of CMRC 2018 train: the labelled paragraph, and three ways of not answering."""

    def __init__(self, data: Path, windows: Windows, sample: int) -> None:
        rows = [row for row in splits.cmrc_train(data) if row.split == "tune" and row.question.strip()]
        self.rows = random.Random(0).sample(rows, min(sample, len(rows)))
        self.windows = windows

    def figures(self, model: ReaderModel) -> dict[str, float]:
        """EM and F1 in per cent; AUROC of each score against the paragraph without the answer's sentence."""
        asked = [(row.question, row.title, row.relevant[0]) for row in self.rows]
        without = [
            (row.question, row.title, without_answer(row.relevant[0], Span(at, at + len(text))) or "。")
            for row in self.rows
            for text, at in row.answers[:1]
        ]
        found, none = read(model, self.windows, asked), read(model, self.windows, without)
        references = [[text for text, _ in row.answers] for row in self.rows]
        marks = [True] * len(found) + [False] * len(none)
        figures = {
            "EM": mean([exact_match(f.text, r) or 0.0 for f, r in zip(found, references, strict=True)]),
            "F1": mean([f1(f.text, r) or 0.0 for f, r in zip(found, references, strict=True)]),
            "AUROC span": auroc([f.score for f in [*found, *none]], marks),
            "AUROC relevance": auroc([f.relevance for f in [*found, *none]], marks),
        }
        return {name: round(100 * (value or 0.0), 2) for name, value in figures.items()}


if __name__ == "__main__":
    main()
