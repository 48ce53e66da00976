"""Encoders side by side: what each finds on the reporting sets, and how fast it is.

    python -m benchmarks.encoding --data PATH [--torch DIR] [--encoder NAME ...] [--json FILE]

``--data``     public sets as in ``training/splits.py``
``--torch``    the 12-layer model in float32 as a sentence-transformers folder (``training.make_encoder
               --torch``): the yardstick of speed
``--encoder``  ``bundled``, a model folder of ours (with ``config.json`` and ONNX graphs) or a
               sentence-transformers model; may be given several times, ``bundled`` if not at all
Vectors are kept in ``scratch/``, so a second run only measures speed anew. Recall is of the dense leg alone.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.figures import _timed
from benchmarks.fusion import _vectors
from benchmarks.machine import described
from qa import encoder, labels
from qa.articles import find, read
from qa.metrics import mean
from qa.passages import cut, indexed_text
from qa.types import Span
from training import splits

CORPUS = Path("corpus/articles")
PASSAGES = 192
ROUNDS = 3
YARDSTICK = "sentence-transformers float32"


@dataclass(frozen=True)
class Asked:
    """A set's questions and, for each, the rows of the pool that answer it."""

    name: str
    questions: list[str]
    relevant: list[frozenset[int]]
    texts: list[str]


def main() -> None:
    """Measure, print, and write JSON."""
    args = _options().parse_args()
    names = args.encoder or [encoder.BUNDLED]
    models = {name: _opened(name) for name in names}
    found: dict[str, Any] = {"machine": described(), "recall": {}}
    sets = _sets(args.data, passages=args.passages) if args.data else []
    for name, model in models.items():
        found["recall"][name] = {asked.name: _recall(asked, model) for asked in sets}
        for asked, measures in found["recall"][name].items():
            shown = "  ".join(f"{key} {value:.4f}" for key, value in measures.items())
            print(f"{name:<28} {asked:<18} {shown}", flush=True)
    found |= _speed(models, args.torch)
    print(json.dumps({key: found[key] for key in ("passages_per_s", "ratio")}, ensure_ascii=False))
    if args.json:
        args.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encoding")
    parser.add_argument("--data", type=Path, help="folder of the public sets; without it only speed")
    parser.add_argument("--torch", type=Path, help="float32 sentence-transformers folder, the yardstick")
    parser.add_argument("--encoder", action="append", metavar="NAME")
    parser.add_argument("--passages", action="store_true", help="also the paragraphs cut as they are indexed")
    parser.add_argument("--json", type=Path)
    return parser


def _opened(name: str) -> Any:
    config = Path(name) / "config.json"
    if config.is_file() and "graphs" in json.loads(config.read_text("utf-8")):
        return encoder.BundledEncoder(Path(name))
    return encoder.load(name)


def _sets(data: Path, *, passages: bool) -> list[Asked]:
    """The reporting parts of CMRC and DRCD over the paragraphs of both, of STARD over its statutes."""
    train, trial, drcd, stard = (
        load(data) for load in (splits.cmrc_train, splits.cmrc_trial, splits.drcd, splits.stard)
    )
    whole = list(dict.fromkeys(row.relevant[0] for row in [*train, *trial, *drcd]))
    wiki = {"CMRC": trial, "DRCD": [row for row in drcd if row.split == "report"]}
    sets = [_asked(name, rows, whole) for name, rows in wiki.items()]
    law = [row for row in stard if row.split == "report"]
    sets.append(_asked("STARD", law, splits.statutes(stard)))
    if passages:
        titles = {row.relevant[0]: row.title for row in [*train, *trial, *drcd]}
        sets += _cut_sets(wiki, titles)
    return sets


def _asked(name: str, rows: Sequence[splits.Row], texts: list[str]) -> Asked:
    number = {text: at for at, text in enumerate(texts)}
    relevant = [frozenset(number[text] for text in row.relevant) for row in rows]
    return Asked(name, [row.question for row in rows], relevant, texts)


def _cut_sets(wiki: dict[str, list[splits.Row]], titles: dict[str, str]) -> list[Asked]:
    """The same questions over passages; one answers where it overlaps the labelled answer."""
    texts: list[str] = []
    places: dict[str, list[tuple[int, Span]]] = {}
    for at, (text, title) in enumerate(titles.items(), start=1):
        for passage in cut(labels.paragraph_article("pool", labels.Paragraph(at, text, title))):
            places.setdefault(text, []).append((len(texts), passage.span))
            texts.append(indexed_text(passage))
    return [
        Asked(
            f"{name}, passages",
            [row.question for row in rows],
            [_holding(row, places[row.relevant[0]]) for row in rows],
            texts,
        )
        for name, rows in wiki.items()
    ]


def _holding(row: splits.Row, places: Sequence[tuple[int, Span]]) -> frozenset[int]:
    answers = [(start, start + len(text)) for text, start in row.answers]
    return frozenset(
        at for at, span in places if any(span.start < end and start < span.end for start, end in answers)
    )


def _recall(asked: Asked, model: Any) -> dict[str, float]:
    questions = _vectors(asked.questions, "query", model)
    passages = _vectors(asked.texts, "passage", model)
    ranks = [
        _first(vector @ passages.T, rows) for vector, rows in zip(questions, asked.relevant, strict=True)
    ]
    return {f"Recall@{k}": mean([float(rank <= k) for rank in ranks]) or 0.0 for k in (1, 5)}


def _first(scores: Any, rows: frozenset[int]) -> float:
    """Rank, from 1, of the first relevant row, ties by row; infinite where none is relevant."""
    order = np.lexsort((np.arange(len(scores)), -scores))
    places = np.flatnonzero(np.isin(order, sorted(rows)))
    return float(places[0] + 1) if len(places) else float("inf")


def _speed(models: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    """Passages of the shipped articles a second, everyone in turns; medians of the rounds."""
    texts = _corpus_texts()
    works: dict[str, Callable[[], Any]] = {
        name: partial(model.encode, texts, "passage") for name, model in models.items()
    }
    if folder is not None:
        from sentence_transformers import SentenceTransformer

        yardstick = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
        prefixed = [f"passage: {text}" for text in texts]
        works[YARDSTICK] = lambda: yardstick.encode(prefixed, batch_size=16)
    rates: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(ROUNDS + 1):  # the first only warms up
        for name, work in works.items():
            seconds = _timed(work)
            if turn:
                rates[name].append(len(texts) / seconds)
    ratios = {
        name: round(median(a / b for a, b in zip(rates[name], rates[YARDSTICK], strict=True)), 2)
        for name in models
        if YARDSTICK in rates
    }
    return {"passages_per_s": {name: round(median(r), 1) for name, r in rates.items()}, "ratio": ratios}


def _corpus_texts() -> list[str]:
    found = [read(path, source=path.name) for path in find(CORPUS).files]
    passages = [passage for contents in found for article in contents.articles for passage in cut(article)]
    return [indexed_text(passage) for passage in passages][:PASSAGES]


if __name__ == "__main__":
    main()
