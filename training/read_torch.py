"""Reading with the PyTorch model: for figures while training and for comparison with the exported one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from qa.windows import Window, Windows
from training.reader_batches import PAD
from training.reader_model import ReaderModel, span_scores

__all__ = ["Found", "read"]

_BATCH = 8192  # pieces


@dataclass(frozen=True, slots=True)
class Found:
    """The best span of one text: its words, its score and the relevance of its window, in log-odds."""

    text: str
    score: float
    relevance: float


def read(model: ReaderModel, windows: Windows, asked: Sequence[tuple[str, str, str]]) -> list[Found]:
    """The best span for each ``(question, title, text)``, over all windows of the text."""
    seen = [(at, window) for at, each in enumerate(asked) for window in windows.of(*each)]
    seen.sort(key=lambda pair: len(pair[1].ids))
    best: dict[int, Found] = {}
    device = next(model.parameters()).device
    for chunk in _chunks(seen):
        ids, mask, passage = (
            torch.as_tensor(array, device=device) for array in _arrays([w for _, w in chunk])
        )
        with torch.inference_mode():
            outputs = model(ids, mask, passage)
            scores, relevance = span_scores(outputs).cpu().numpy(), outputs.relevance.cpu().numpy()
        for row, (at, window) in enumerate(chunk):
            found = _best(window, scores[row], float(relevance[row]), asked[at][2])
            if at not in best or found.score > best[at].score:
                best[at] = found
    return [best[at] for at in range(len(asked))]


def _chunks(seen: Sequence[tuple[int, Window]]) -> list[list[tuple[int, Window]]]:
    chunks: list[list[tuple[int, Window]]] = [[]]
    for pair in seen:
        if chunks[-1] and (len(chunks[-1]) + 1) * len(pair[1].ids) > _BATCH:
            chunks.append([])
        chunks[-1].append(pair)
    return chunks if chunks[0] else []


def _arrays(found: Sequence[Window]) -> tuple[Any, Any, Any]:
    shape = (len(found), max(len(window.ids) for window in found))
    ids, mask, passage = np.full(shape, PAD), np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)
    for row, window in enumerate(found):
        ids[row, : len(window.ids)] = window.ids
        mask[row, : len(window.ids)] = 1
        passage[row, window.first : len(window.ids) - 1] = True
    return ids, mask, passage


def _best(window: Window, scores: Any, relevance: float, text: str) -> Found:
    """The span with the highest score."""
    inside = slice(window.first, window.first + len(window.offsets))
    scores = scores[inside, inside]
    if not len(scores):
        return Found("", -1e9, relevance)
    first, last = divmod(int(np.argmax(scores)), len(scores))
    words = text[window.offsets[first][0] : window.offsets[last][1]]
    return Found(words, float(scores[first, last]), relevance)
