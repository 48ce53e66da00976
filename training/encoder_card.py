"""The encoder's model card: ``encoder_card.md`` with the figures of the run that made it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Figures", "card"]

_TEMPLATE: Final = Path(__file__).with_suffix(".md")
_RETRIEVAL: Final = """
## Retrieval
CMRC 2018 trial, {questions:.0f} questions on {paragraphs:.0f} paragraphs, nearest vector, R@1:
float32 {float32:.3f}, shipped {shipped:.3f}. Cosine to float32: questions mean {question mean:.5f}
(least {question least:.5f}), paragraphs mean {paragraph mean:.5f} (least {paragraph least:.5f}).
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured.

    ``candidates``  a row for each way to multiply: ``kind``, ``speed`` and, but for PyTorch, the rest
    ``speed``       passages a second, ``shipped`` and ``sentence-transformers``, in one run
    ``cold``        milliseconds of a fresh process, by stage
    ``recall``      R@1 and nearness to float32 on labelled questions; empty if not measured
    """

    candidates: Sequence[Mapping[str, Any]]
    speed: Mapping[str, float]
    cold: Mapping[str, float]
    recall: Mapping[str, float]


def card(figures: Figures, folder: Path) -> str:
    """The card's Markdown for the model in ``folder``."""
    ours, theirs = figures.speed["shipped"], figures.speed["sentence-transformers"]
    stages = {name: ms for name, ms in figures.cold.items() if name not in ("total", "later question")}
    return Template(_TEMPLATE.read_text("utf-8")).substitute(
        runtime=version("onnxruntime"),
        table="\n".join(_row(row) for row in figures.candidates),
        ours=f"{ours:.1f}",
        theirs=f"{theirs:.1f}",
        ratio=f"{ours / theirs:.1f}",
        first=f"{figures.cold['total']:.0f}",
        stages=", ".join(f"{name} {ms:.0f} ms" for name, ms in stages.items()),
        later=f"{figures.cold['later question']:.1f}",
        recall=_RETRIEVAL.format(**figures.recall) if figures.recall else "",
        hashes=_hashes(folder),
    )


def _row(row: Mapping[str, Any]) -> str:
    if "megabytes" not in row:
        return f"| {row['kind']} | | | {row['speed']:.1f} | 1 | 1 |"
    size = f"{row['megabytes']:.1f} | {row['open']:.2f} | {row['speed']:.1f}"
    return f"| {row['kind']} | {size} | {row['mean']:.5f} | {row['least']:.5f} |"


def _hashes(folder: Path) -> str:
    hashes = json.loads((folder / "config.json").read_text("utf-8"))["sha256"]
    return "\n".join(
        f"| `{name}` | {(folder / name).stat().st_size:,} | `{value}` |" for name, value in hashes.items()
    )
