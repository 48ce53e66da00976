"""The public data sets and which part of each may be trained on, tuned on, or only reported on.

Paths come as arguments; nothing of the data is in the project. The rules are fixed here, so that no
figure is tuned on what it reports:

- CMRC 2018 train: every tenth paragraph, by order of first appearance, is kept out of training (``tune``).
- CMRC 2018 trial: only reported on.
- DRCD: an article (the id before the first ``-``) whose SHA-1 is even may be trained and tuned on, an
  odd one is reported on.
- STARD: ``query_id % 5 == 0`` is reported on, the rest may be trained and tuned on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["Row", "Split", "cmrc_train", "cmrc_trial", "drcd", "half", "stard", "statutes"]

Split = Literal["train", "tune", "report"]


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled question. ``relevant``: the texts that answer it; ``answers``: spans of the first."""

    id: str
    question: str
    relevant: tuple[str, ...]
    answers: tuple[tuple[str, int], ...]
    title: str
    split: Split


def half(name: str) -> Split:
    """``tune`` where the SHA-1 of ``name`` is even, ``report`` where it is odd."""
    return "tune" if int(hashlib.sha1(name.encode()).hexdigest(), 16) % 2 == 0 else "report"


def cmrc_train(data: Path) -> list[Row]:
    """CMRC 2018 train; every tenth paragraph is ``tune``, the rest ``train``."""
    rows = list(_lines(data / "train" / "cmrc2018.train.jsonl"))
    order = {context: at for at, context in enumerate(dict.fromkeys(row["context"] for row in rows))}
    return [_row(row, "tune" if order[row["context"]] % 10 == 0 else "train") for row in rows]


def cmrc_trial(data: Path) -> list[Row]:
    """CMRC 2018 trial, all of it ``report``."""
    rows = _lines(data / "train" / "cmrc2018.trial.jsonl")
    return [_row(row, "report") for row in rows if row["question"].strip()]


def drcd(data: Path) -> list[Row]:
    """DRCD in traditional script, by article ``tune`` (which may also be trained on) or ``report``."""
    rows = [
        *_lines(data / "train" / "drcd_trad.dev.jsonl"),
        *_lines(data / "train" / "drcd_trad.train1960.jsonl"),
    ]
    return [_row(row, half(row["id"].split("-")[0])) for row in rows]


def stard(data: Path) -> list[Row]:
    """STARD's lay legal questions; ``relevant`` are the texts of the statutes, as ``statutes`` gives them."""
    raw = json.loads((data / "train" / "stard_queries.json").read_text(encoding="utf-8"))
    return [
        Row(
            id=str(row["query_id"]),
            question=row["问题"],
            relevant=tuple(_statute(name, text) for name, text in row["相关法规"].items()),
            answers=(),
            title="",
            split="report" if row["query_id"] % 5 == 0 else "tune",
        )
        for row in raw
    ]


def statutes(rows: Iterable[Row]) -> list[str]:
    """Every statute of ``rows``, once, by first appearance."""
    return list(dict.fromkeys(text for row in rows for text in row.relevant))


def _statute(name: str, text: str) -> str:
    return f"{name}\n{text.strip()}"


def _row(raw: dict[str, Any], split: Split) -> Row:
    answers = tuple((answer["text"], int(answer["start"])) for answer in raw["answers"])
    return Row(raw["id"], raw["question"], (raw["context"],), answers, raw["title"], split)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
