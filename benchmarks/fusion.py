"""Fusion against its legs on public question sets: tunes the weight on one half, reports on the other.

    python -m benchmarks.fusion --data PATH [--encoder NAME] [--sample N] [--json FILE]

Pools: all paragraphs of CMRC 2018 train and trial and of DRCD, one passage each; the statutes of STARD.
``PATH`` holds ``train/`` with the files that ``training/splits.py`` names. Vectors are kept in
``scratch/`` so that a second run is quick.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qa import encoder
from qa.lexical import BM25
from qa.metrics import mean, ndcg, recall, reciprocal_rank
from qa.retrieval import fuse
from qa.settings import RetrievalSettings
from qa.words import Segmenter
from training import splits

SCRATCH = Path("scratch")
WEIGHTS = [round(0.05 * step, 2) for step in range(21)]
POOL = 100


@dataclass(frozen=True)
class Pool:
    """A set of passages with both legs' scores for the questions asked of it."""

    name: str
    rows: list[splits.Row]
    texts: list[str]
    lexical: Any  # float32 (questions, passages)
    dense: Any  # float32 (questions, passages)


def main() -> None:
    """Tune on ``tune``, report on ``report``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", help="by default the bundled one")
    parser.add_argument("--sample", type=int, default=1000, help="questions of each tuning set at most")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    model = encoder.load(args.encoder)
    pools = [_pool(name, rows, texts, model) for name, rows, texts in _sets(args.data, args.sample)]
    tuned = {
        weight: mean([_measures(pool, weight, "tune")["MRR@10"] for pool in pools if _has(pool, "tune")])
        for weight in WEIGHTS
    }
    shipped = RetrievalSettings().bm25_weight
    print("BM25's weight on the tuning sets, mean MRR@10:")
    for weight, value in tuned.items():
        print(f"  {weight:.2f}  {value:.4f}{'  <- shipped' if weight == shipped else ''}")
    report = {
        pool.name: {
            leg: _measures(pool, weight, "report")
            for leg, weight in (("bm25", 1.0), ("dense", 0.0), ("fused", shipped))
        }
        for pool in pools
        if _has(pool, "report")
    }
    print("\nreporting sets:")
    for name, legs in report.items():
        for leg, measures in legs.items():
            print(
                f"  {name:<8} {leg:<6} " + "  ".join(f"{key} {value:.4f}" for key, value in measures.items())
            )
    if args.json:
        found = {"encoder": model.fingerprint, "weight": shipped, "tuning": tuned, "report": report}
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _sets(data: Path, sample: int) -> list[tuple[str, list[splits.Row], list[str]]]:
    train, trial, drcd, stard = (
        load(data) for load in (splits.cmrc_train, splits.cmrc_trial, splits.drcd, splits.stard)
    )
    paragraphs = list(dict.fromkeys(row.relevant[0] for row in [*train, *trial, *drcd]))
    cmrc = [*_sample([row for row in train if row.split == "tune"], sample), *trial]
    asked = [
        *_sample([row for row in drcd if row.split == "tune"], sample),
        *[row for row in drcd if row.split == "report"],
    ]
    return [
        ("CMRC", cmrc, paragraphs),
        ("DRCD", asked, paragraphs),
        ("STARD", stard, splits.statutes(stard)),
    ]


def _sample(rows: list[splits.Row], size: int) -> list[splits.Row]:
    """At most ``size`` rows, evenly spread, the same in every run."""
    step = max(1, len(rows) // size)
    return rows[::step][:size]


def _pool(name: str, rows: list[splits.Row], texts: list[str], model: Any) -> Pool:
    bm25 = BM25.build(texts, Segmenter())
    every = np.arange(len(texts))
    lexical = np.stack([bm25.scores(row.question, every) for row in rows])
    passages = _vectors(texts, "passage", model)
    questions = _vectors([row.question for row in rows], "query", model)
    return Pool(name, rows, texts, lexical, questions @ passages.T)


def _vectors(texts: Sequence[str], kind: Any, model: Any) -> Any:
    """Vectors of ``texts``, from ``scratch/`` if they were made before."""
    key = hashlib.sha256("\0".join([model.fingerprint, kind, *texts]).encode()).hexdigest()[:16]
    path = SCRATCH / f"vectors-{key}.npy"
    if path.exists():
        return np.load(path)
    rows: list[Any] = []
    for start in range(0, len(texts), 128):
        rows.append(model.encode(texts[start : start + 128], kind))
        if sys.stderr.isatty():
            print(f"\r{kind} {start}/{len(texts)}", end="", file=sys.stderr)
    SCRATCH.mkdir(exist_ok=True)
    np.save(path, np.concatenate(rows))
    return np.concatenate(rows)


def _has(pool: Pool, split: str) -> bool:
    return any(row.split == split for row in pool.rows)


def _measures(pool: Pool, weight: float, split: str) -> dict[str, float]:
    """Means over the questions of ``split``, ranked with BM25's share ``weight``."""
    number = {text: at for at, text in enumerate(pool.texts)}
    found = []
    for at, row in enumerate(pool.rows):
        if row.split == split:
            relevant = {number[text] for text in row.relevant}
            ranked = _ranked(pool.lexical[at], pool.dense[at], weight)
            flags = [passage in relevant for passage in ranked]
            found.append(
                (
                    recall(flags, 1),
                    recall(flags, 5),
                    reciprocal_rank(flags, 10),
                    ndcg(flags, 10, len(relevant)),
                )
            )
    names = ("Recall@1", "Recall@5", "MRR@10", "nDCG@10")
    return {name: float(mean([row[at] for row in found]) or 0.0) for at, name in enumerate(names)}


def _ranked(lexical: Any, dense: Any, weight: float) -> list[int]:
    """The ten best passages, fused as ``qa.retrieval`` does; weights 0 and 1 are the legs alone."""
    if weight in (0.0, 1.0):
        scores = lexical if weight else dense
        return [int(row) for row in np.lexsort((np.arange(len(scores)), -scores))[:10]]
    rows = np.unique(np.concatenate([_top(lexical), _top(dense)]))
    total = fuse([(lexical[rows], weight), (dense[rows], 1 - weight)])
    return [int(rows[at]) for at in np.lexsort((rows, -total))[:10]]


def _top(scores: Any) -> Any:
    return np.lexsort((np.arange(len(scores)), -scores))[:POOL]


if __name__ == "__main__":
    main()
