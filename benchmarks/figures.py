"""The first figures: start, warm retrieval, indexing, citations, and what fusion finds that BM25 misses.

    python -m benchmarks.figures [--data PATH] [--seeds PATH] [--torch DIR] [--json FILE] [--only NAME]

``--data``   public sets as in ``training/splits.py``: 5,000 passages for warm retrieval
``--seeds``  a folder of other articles whose citations are checked too
``--torch``  the encoder's float32 model as a sentence-transformers folder (``training.make_encoder
             --torch``): the baseline of indexing
Ratios are taken between runs that alternate in one process or one loop; milliseconds stand beside the
machine and its load. What needs a path that was not given is left out and said to be.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.machine import described
from qa import encoder, labels
from qa.answering import Assistant
from qa.indexing import build_index
from qa.lexical import BM25
from qa.metrics import percentile
from qa.passages import indexed_text
from qa.relevance import Relevance, key
from qa.verification import verify
from qa.words import Segmenter
from training import splits
from training.reading_sets import five_thousand

SCRATCH = Path("scratch")
CORPUS = Path("corpus/articles")
QUESTIONS = Path("corpus/questions.jsonl")
PAIRS = 11


def main() -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    for name in ("data", "seeds", "torch", "json"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--only", help="measure this one alone")
    args = parser.parse_args()
    found: dict[str, Any] = {"machine": described()}
    with tempfile.TemporaryDirectory() as folder:
        build_index(CORPUS, folder)
        for name, measure in _measures(args, Path(folder)).items():
            if args.only not in (None, name):
                continue
            found[name] = measure()
            print(f"{name}: {json.dumps(found[name], ensure_ascii=False)}", flush=True)
    if args.json:
        args.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _measures(args: argparse.Namespace, index: Path) -> dict[str, Callable[[], Any]]:
    return {
        "help": _help,
        "cold": lambda: _cold(index),
        "warm retrieval": lambda: _warm(args.data) if args.data else "left out: --data",
        "indexing": lambda: _indexing(args.torch) if args.torch else "left out: --torch",
        "citations, corpus": lambda: _citations(CORPUS, index),
        "citations, seeds": lambda: _citations(args.seeds, None) if args.seeds else "left out: --seeds",
        "found beyond BM25": lambda: _beyond(index),
        "answers, report": lambda: _answers(index),
    }


def _help() -> dict[str, float]:
    """``qa --help`` against an empty Python: median of pairs. Reach: at most 5."""
    qa = str(Path(sys.executable).parent / "qa")
    return _pairs([qa, "--help"], [sys.executable, "-c", "pass"])


def _cold(index: Path) -> dict[str, float]:
    """``qa ask`` from process start to exit against ``import sentence_transformers``. Reach: below 0.40."""
    qa = str(Path(sys.executable).parent / "qa")
    ask = [qa, "ask", "上海是哪一年启动区块链技术应用试点的?", "--index", str(index)]
    return _pairs(ask, [sys.executable, "-c", "import sentence_transformers"])


def _pairs(ours: Sequence[str], baseline: Sequence[str]) -> dict[str, float]:
    times = [(_seconds(ours), _seconds(baseline)) for _ in range(PAIRS)]
    return {
        "ratio": round(median(a / b for a, b in times), 3),
        "ms": round(1000 * median(a for a, _ in times), 1),
        "baseline_ms": round(1000 * median(b for _, b in times), 1),
    }


def _seconds(command: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "HF_HUB_OFFLINE": "1"})
    return time.perf_counter() - began


def _warm(data: Path) -> dict[str, float]:
    """Retrieval on 5,000 passages, each question new. Reach: p95 below 20 ms."""
    with Assistant.open(five_thousand(data)) as assistant:
        assistant.search("预热", k=10)
        times = []
        for row in splits.cmrc_trial(data)[:500]:
            began = time.perf_counter()
            assistant.search(row.question, k=10)
            times.append(1000 * (time.perf_counter() - began))
        size = len(assistant.passages())
    return {"passages": size, "p50_ms": _rounded(times, 50), "p95_ms": _rounded(times, 95)}


def _rounded(times: Sequence[float], percent: float) -> float:
    return round(percentile(times, percent) or 0.0, 2)


def _indexing(folder: Path) -> dict[str, float]:
    """Passages a second against the same model in float32 sentence-transformers. Reach: at least 3."""
    from sentence_transformers import SentenceTransformer

    with Assistant.open(_built(CORPUS)) as assistant:
        texts = [indexed_text(passage) for passage in assistant.passages()][:192]
    ours = encoder.load()
    theirs = SentenceTransformer(str(folder), device="cpu")
    ours.encode(texts[:8], "passage")
    theirs.encode(texts[:8])
    ratios, rates = [], []
    for _ in range(3):
        mine = _timed(lambda: ours.encode(texts, "passage"))
        other = _timed(lambda: theirs.encode([f"passage: {text}" for text in texts], batch_size=16))
        ratios.append(other / mine)
        rates.append((len(texts) / mine, len(texts) / other))
    return {
        "ratio": round(median(ratios), 2),
        "passages_per_s": round(median(rate for rate, _ in rates), 1),
        "baseline_passages_per_s": round(median(rate for _, rate in rates), 1),
    }


def _built(path: Path) -> Path:
    folder = SCRATCH / f"index-{path.name}"
    build_index(path, folder)
    return folder


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _citations(articles: Path, index: Path | None) -> dict[str, int]:
    """Every citation of every shipped question, asked with threshold 0. Reach: all hold."""
    folder = _built(articles) if index is None else index
    checked = broken = 0
    encodings: set[str] = set()
    with Assistant.open(folder) as assistant:
        for question in labels.read(QUESTIONS).questions:
            answer = assistant.ask(question.question, question.history, threshold=0.0).to_dict()
            verdicts = verify(answer, assistant.generation.file_path)
            checked += len(verdicts)
            broken += sum(not verdict.holds for verdict in verdicts)
            encodings |= {citation["encoding"] for citation in answer["citations"]}
    return {"citations": checked, "broken": broken, "encodings": len(encodings)}


def _beyond(index: Path) -> dict[str, int]:
    """Shipped questions whose answer BM25 alone does not have among its first five, and fusion has."""
    found = {"questions": 0, "bm25": 0, "fused": 0, "fused, not bm25": 0}
    with Assistant.open(index) as assistant:
        passages = assistant.passages()
        relevance = Relevance(passages)
        bm25 = BM25.load(assistant.generation.path, len(passages), Segmenter())
        for question in labels.read(QUESTIONS).questions:
            if not question.answers:
                continue
            hits = assistant.search(question.question, question.history, k=5)
            searched = assistant.standalone(question.question, question.history)
            rows, _ = bm25.search(searched, 5)
            relevant = relevance.passages(question)
            alone = any(key(passages[int(row)]) in relevant for row in rows)
            fused = any(key(hit.passage) in relevant for hit in hits)
            found["questions"] += 1
            found["bm25"] += alone
            found["fused"] += fused
            found["fused, not bm25"] += fused and not alone
    return found


def _answers(index: Path) -> dict[str, float]:
    """The reporting half of the shipped questions: shares by whether an article answers them.

    Answered rightly: the first citation's sentence holds a labelled answer.
    """
    counts = dict.fromkeys(("answered rightly", "answered wrongly", "refused"), 0)
    none = {"answerable": 0, "unanswerable": 0, "refused rightly": 0}
    with Assistant.open(index) as assistant:
        for question in labels.read(QUESTIONS).questions:
            if question.split != "report":
                continue
            answer = assistant.ask(question.question, question.history)
            none["answerable" if question.answers else "unanswerable"] += 1
            if not question.answers:
                none["refused rightly"] += answer.abstained
            elif answer.abstained:
                counts["refused"] += 1
            else:
                right = any(text in answer.citations[0].sentence for text in question.answers)
                counts["answered rightly" if right else "answered wrongly"] += 1
    shares = {name: round(count / none["answerable"], 3) for name, count in counts.items()}
    return {**shares, "refused rightly": round(none["refused rightly"] / none["unanswerable"], 3)}


if __name__ == "__main__":
    main()
