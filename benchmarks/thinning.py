"""What thinning a large index costs: BM25 alone, whole and without its most frequent n-grams.

    python -m benchmarks.thinning --data PATH [--index DIR] [--questions N] [--json FILE]

``--data``   a folder with ``train/`` as ``training/splits.py`` names its files
``--index``  the index of all CMRC 2018 and DRCD paragraphs that ``benchmarks.reading`` keeps in ``scratch/``

The questions are CMRC trial's and those of DRCD that are reported on. A passage is relevant if it is of the
labelled paragraph and holds a labelled answer. ``kept``: the share of BM25's cells that are; ``cells``: how
many it adds up for a question.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qa import arrays
from qa.lexical import BM25, Thinned, open_terms
from qa.metrics import mean, recall, reciprocal_rank
from qa.postings import LEVELS, THINNING
from qa.text import is_han
from qa.words import Segmenter
from training import splits

INDEX = Path("scratch/reading-pool")
SHARES = (1.0, 0.3, 0.2, 0.15, 0.1, 0.05, 0.02)
K1 = 1.2
_SEGMENTER = Segmenter()


@dataclass(frozen=True)
class Columns:
    """BM25's arrays of a whole index of ``size`` passages."""

    terms: Any
    indptr: Any
    rows: Any
    shares: Any
    size: int

    def leg(self) -> BM25:
        """The leg as it is."""
        return BM25(self.terms, self.indptr, self.rows, self.shares, self.size, _SEGMENTER)

    def thinned(self, share: float) -> BM25:
        """The leg as ``write_postings`` thins it."""
        df = np.diff(self.indptr)
        frequent = np.flatnonzero(df > share * self.size).tolist()
        dropped = [column for column in frequent if is_han(self.terms.restore_key(column)[0])]
        kept = np.ones(len(df), dtype=bool)
        kept[dropped] = False
        cells = np.repeat(kept, df)
        top = np.log1p((self.size - df + 0.5) / (df + 0.5)) * (K1 + 1)
        codes = np.maximum(np.rint(LEVELS * self.shares / np.repeat(top, df)), 1).astype(np.uint8)
        indptr = np.concatenate(([0], np.cumsum(np.where(kept, df, 0)))).astype(np.int64)
        said = Thinned(share, len(dropped), LEVELS, K1)
        rows = self.rows[cells]
        return BM25(self.terms, indptr, rows, codes[cells], self.size, _SEGMENTER, thinned=said)


def main() -> None:
    """Measure, print a table, keep it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.thinning")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--index", type=Path, default=INDEX)
    parser.add_argument("--questions", type=int, default=1200, help="at most, evenly spread")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    (generation,) = args.index.glob("generation-*")
    columns, asked = _columns(generation), _questions(args.data, generation, args.questions)
    rows: list[dict[str, Any]] = []
    legs = [("whole", columns.leg()), *((str(share), columns.thinned(share)) for share in SHARES)]
    print(f"{columns.size} passages, {len(asked)} questions\nshare  R@1     R@5     MRR@10  kept    cells")
    for name, leg in legs:
        row: dict[str, Any] = {
            "share": name,
            **_measures(leg, asked),
            "kept": len(leg._rows) / len(columns.rows),
        }
        row["cells"] = round(sum(_cells(leg, question) for question, _ in asked) / len(asked))
        print(f"{name:<5}  " + "  ".join(f"{value:<6.4g}" for value in list(row.values())[1:]), flush=True)
        rows.append(row)
    if args.json:
        found = {"passages": columns.size, "questions": len(asked), "shipped": THINNING.share, "rows": rows}
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _columns(generation: Path) -> Columns:
    if (generation / "bm25.json").exists():
        raise SystemExit("benchmarks.thinning: this index is thinned already; name a smaller one")
    size = len(arrays.read(generation / "passages.npy"))
    indptr, rows, shares = (arrays.read(generation / f"bm25.{n}.npy") for n in ("indptr", "rows", "shares"))
    return Columns(open_terms(generation), indptr, rows, shares, size)


def _questions(data: Path, generation: Path, most: int) -> list[tuple[str, frozenset[int]]]:
    """Questions with the rows of their relevant passages; one without any in this index is left out."""
    texts = [json.loads(line)["text"] for line in (generation / "articles.jsonl").open(encoding="utf-8")]
    articles: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        articles.setdefault(text.strip(), []).append(row)
    passages: dict[int, list[tuple[int, str]]] = {}
    for at, (article, start, end, *_) in enumerate(arrays.read(generation / "passages.npy").tolist()):
        passages.setdefault(article, []).append((at, texts[article][start:end]))
    asked = []
    for one in [*splits.cmrc_trial(data), *(each for each in splits.drcd(data) if each.split == "report")]:
        beside = [each for at in articles.get(one.relevant[0].strip(), ()) for each in passages.get(at, ())]
        relevant = frozenset(at for at, text in beside if any(answer in text for answer, _ in one.answers))
        if relevant:
            asked.append((one.question, relevant))
    return asked[:: max(1, len(asked) // most)]


def _cells(leg: BM25, question: str) -> int:
    columns = [leg._terms[term] for term in set(_SEGMENTER.terms(question)) if term in leg._terms]
    return sum(int(leg._indptr[column + 1] - leg._indptr[column]) for column in columns)


def _measures(leg: BM25, asked: Sequence[tuple[str, frozenset[int]]]) -> dict[str, float]:
    flags = [[int(row) in relevant for row in leg.search(question, 10)[0]] for question, relevant in asked]
    found = {
        "Recall@1": mean([recall(each, 1) for each in flags]),
        "Recall@5": mean([recall(each, 5) for each in flags]),
        "MRR@10": mean([reciprocal_rank(each, 10) for each in flags]),
    }
    return {name: float(value or 0.0) for name, value in found.items()}


if __name__ == "__main__":
    main()
