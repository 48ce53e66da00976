"""Stage A: the student learns to give what the teacher gives, token by token and text by text.

Every layer has a layer of the teacher to follow, and every token of a text is an example (Jiao et al. 2020,
TinyBERT), so that a few million tokens go far. Differences count in standard deviations of the teacher's
own numbers: the vectors of this teacher all point nearly one way, and a plain cosine would hardly see what
tells two texts apart.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.encoder_student import goals, pooled

__all__ = ["Batch", "Distillation", "batches", "every", "padded"]

PAD = 1
_STEP = 16  # few lengths, so that the processor's kernels are set up but a few times
_WARM_UP = 0.06
_DEEP = 0.5  # weight of the layers below the last


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts of nearly one length. ``ids`` and ``mask`` int64 ``(texts, tokens)``."""

    ids: Any
    mask: Any


def batches(texts: Path, *, tokens: int, total: int, seed: int) -> list[Batch]:
    """Batches of about ``tokens``, padding included, ``total`` in all, of what ``prepare_encoder`` packed.

    Raises ValueError where the texts do not fill one batch.
    """
    packed = np.load(texts)
    ids, ends = packed["ids"], packed["ends"]
    starts = np.concatenate([[0], ends[:-1]])
    lengths = -(-(ends - starts) // _STEP) * _STEP
    chance = random.Random(seed)
    found: list[Batch] = []
    seen = 0
    while seen < total:
        groups: dict[int, list[int]] = {}
        for at in chance.sample(range(len(ends)), len(ends)):
            group = groups.setdefault(int(lengths[at]), [])
            group.append(at)
            if len(group) * lengths[at] >= tokens:
                found.append(padded([ids[starts[text] : ends[text]] for text in group], int(lengths[at])))
                seen += len(group) * int(lengths[at])
                groups.pop(int(lengths[at]))
            if seen >= total:
                break
        if not found:
            raise ValueError(f"{texts}: too few texts for one batch of {tokens} tokens")
    return found


def padded(texts: Sequence[Any], length: int) -> Batch:
    """The texts side by side."""
    ids = np.full((len(texts), length), PAD, dtype=np.int64)
    mask = np.zeros((len(texts), length), dtype=np.int64)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return Batch(torch.as_tensor(ids), torch.as_tensor(mask))


class Distillation:
    """The stage's state: student, teacher, optimiser and the step that comes next."""

    def __init__(self, teacher: Any, student: Any, steps: Sequence[Batch], *, rate: float) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.teacher = teacher.to(device=self.device, dtype=torch.bfloat16).eval()
        self.student = student.to(self.device).train()
        self.student.embeddings.requires_grad_(False)
        self.steps, self.rate, self.step = steps, rate, 0
        self.goals = goals(len(student.encoder.layer), len(teacher.encoder.layer))
        moved = [value for value in self.student.parameters() if value.requires_grad]
        self.optimiser = torch.optim.AdamW(moved, lr=rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
        self.spread = self._spread()

    def run(self, until: Callable[[Distillation, float], bool]) -> None:
        """Steps until none is left or ``until``, told the step's loss after each, says so."""
        while self.step < len(self.steps):
            if until(self, self.take(self.steps[self.step])):
                break

    def take(self, batch: Batch) -> float:
        """One step; its loss, 2 before anything is learnt and 0 where the student is the teacher."""
        loss = self.loss(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate()
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        self.step += 1
        return float(loss.detach())

    def loss(self, batch: Batch) -> Any:
        """Mean squared difference in the teacher's spread: of the last layer, the others and the texts."""
        mask = batch.mask.to(self.device)
        theirs, mine = self._teacher(batch), self._student(batch)
        deep, text = self.spread
        weight = mask[..., None] / (mask.sum() * theirs[0].shape[-1])
        layers = [
            (((a - b) / spread) ** 2 * weight).sum() for a, b, spread in zip(mine, theirs, deep, strict=True)
        ]
        texts = (((pooled(mine[-1], mask) - pooled(theirs[-1], mask)) / text) ** 2).mean()
        below = sum(layers[:-1]) / max(1, len(layers) - 1)
        return layers[-1] + _DEEP * below + texts

    def _rate(self) -> float:
        done = (self.step + 1) / len(self.steps)
        return self.rate * min(done / _WARM_UP, (1 - done) / (1 - _WARM_UP) + 1e-3)

    def _student(self, batch: Batch) -> list[Any]:
        with torch.autocast(self.device.type, torch.bfloat16):
            seen = self.student(
                input_ids=batch.ids.to(self.device),
                attention_mask=batch.mask.to(self.device),
                output_hidden_states=True,
            )
        return [hidden.float() for hidden in seen.hidden_states[1:]]

    def _teacher(self, batch: Batch) -> list[Any]:
        with torch.no_grad():
            seen = self.teacher(
                input_ids=batch.ids.to(self.device),
                attention_mask=batch.mask.to(self.device),
                output_hidden_states=True,
            )
        return [seen.hidden_states[goal + 1].float() for goal in self.goals]

    def _spread(self) -> tuple[list[Any], Any]:
        """Standard deviation of each number: over tokens for each layer followed, over texts for the last."""
        layers: list[list[Any]] = [[] for _ in self.goals]
        texts = []
        for batch in self.steps[:8]:
            mask = batch.mask.to(self.device)
            theirs = self._teacher(batch)
            texts.append(pooled(theirs[-1], mask))
            for found, hidden in zip(layers, theirs, strict=True):
                found.append(hidden[mask.bool()])
        deep = [torch.cat(found).std(dim=0) + 1e-3 for found in layers]
        return deep, torch.cat(texts).std(dim=0) + 1e-3

    def save(self, path: Path) -> None:
        """Everything that going on needs, replaced whole."""
        state = {
            "step": self.step,
            "student": self.student.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }
        torch.save(state, path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)

    def restore(self, path: Path) -> None:
        """Go on from ``save``."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.step = state["step"]
        self.student.load_state_dict(state["student"])
        self.optimiser.load_state_dict(state["optimiser"])


def every(minutes: float) -> Callable[[], bool]:
    """Says so once each ``minutes``."""
    last = time.monotonic()

    def due() -> bool:
        nonlocal last
        if time.monotonic() - last < 60 * minutes:
            return False
        last = time.monotonic()
        return True

    return due
