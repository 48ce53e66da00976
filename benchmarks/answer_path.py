"""The way of one question: how long it takes, what it asks of the models, and how many are answered at once.

    python -m benchmarks.answer_path [--index DIR] [--questions FILE] [--data PATH] [--number N] [--json FILE]

The shipped questions are asked of the shipped articles, or with ``--data`` those of CMRC 2018 trial of
5,000 passages of CMRC (``training/reading_sets.py``); ``--index`` with ``--questions`` (a label file) asks
others. No question twice, and each part opens the index anew, so that nothing is known from the one before.

- ``one``: asked one after another, warm: p50 and p95 of all, of search and of reading, in milliseconds, and
  the processor time of a question in all its threads, which a busy machine changes least;
- ``work``: passages read, runs of the models and pieces that went in, a question; the same on any machine;
- ``callers``: 1, 4 and 20 threads that ask as fast as they are answered: answers a second and p95;
- ``lines``: the same questions as lines of ``qa ask -``, beside one at a time in the same process: answers
  a second and the ratio.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.counting import counting
from benchmarks.machine import described
from qa import labels
from qa.answering import Assistant
from qa.commands.lines import told_in_order
from qa.indexing import build_index
from qa.metrics import percentile
from qa.onnx import available_threads
from training import splits
from training.reading_sets import five_thousand

__all__ = ["main", "measured", "questions_of"]

CORPUS = Path("corpus/articles")
QUESTIONS = Path("corpus/questions.jsonl")
NUMBER = 60
CALLERS = (1, 4, 20)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answer_path")
    for name in ("index", "questions", "data", "json"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--number", metavar="N", type=int, default=NUMBER, help="questions at most")
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as made:
        index = _index(args, Path(made))
        asked = questions_of(args.data, args.questions)[: args.number]
        found = {"machine": described(), **measured(index, asked)}
    print(json.dumps(found, ensure_ascii=False, indent=1))
    if args.json:
        args.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _index(args: argparse.Namespace, made: Path) -> Path:
    """The index that was named, that of 5,000 passages, or that of the shipped articles, made for this."""
    if args.index is not None:
        return Path(args.index)
    if args.data is not None:
        return five_thousand(args.data)
    build_index(CORPUS, made)
    return made


def questions_of(data: Path | None, file: Path | None) -> list[str]:
    """The questions that stand alone, each once, in their order."""
    if data is not None and file is None:
        found: Iterable[str] = (row.question for row in splits.cmrc_trial(data))
    else:
        rows = labels.read(QUESTIONS if file is None else file).questions
        found = (row.question for row in rows if not row.history)
    return [each for each in dict.fromkeys(found) if any(char.isalnum() for char in each)]


def measured(index: Path, asked: Sequence[str]) -> dict[str, Any]:
    """All parts, over ``asked``."""
    with _warm(index) as assistant:
        passages = len(assistant.passages())
    return {
        "passages": passages,
        "questions": len(asked),
        "one": _one(index, asked),
        "work": _work(index, asked),
        "callers": {str(number): _callers(index, asked, number) for number in CALLERS},
        "lines": _lines(index, asked),
    }


def _warm(index: Path) -> Assistant:
    assistant = Assistant.open(index)
    assistant.warm()
    return assistant


def _one(index: Path, asked: Sequence[str]) -> dict[str, float]:
    with _warm(index) as assistant:
        spent = time.process_time()
        answers = [assistant.ask(question) for question in asked]
        spent = time.process_time() - spent
    found = {"processor_ms": round(1000 * spent / len(asked), 1)}
    for stage, name in (("total", ""), ("retrieve", "search_"), ("read", "read_")):
        times = [answer.timings_ms[stage] for answer in answers]
        found |= {f"{name}p{percent}_ms": _percentile(times, percent) for percent in (50, 95)}
    return found


def _work(index: Path, asked: Sequence[str]) -> dict[str, float]:
    with _warm(index) as assistant, counting() as work:
        for question in asked:
            assistant.ask(question)
    return {name: round(count / len(asked), 3) for name, count in work.to_dict().items()}


def _callers(index: Path, asked: Sequence[str], number: int) -> dict[str, float]:
    """``number`` threads that take the next question as soon as they have an answer."""
    with _warm(index) as assistant:

        def timed(question: str) -> float:
            began = time.perf_counter()
            assistant.ask(question)
            return 1000 * (time.perf_counter() - began)

        with ThreadPoolExecutor(number) as callers:
            began = time.perf_counter()
            times = list(callers.map(timed, asked))
            spent = time.perf_counter() - began
    return {"a_second": round(len(asked) / spent, 2), "p95_ms": _percentile(times, 95)}


def _lines(index: Path, asked: Sequence[str]) -> dict[str, float]:
    def several(answer: Callable[[str], str]) -> None:
        told_in_order(asked, answer, lambda _: None, available_threads() + 1)

    def single(answer: Callable[[str], str]) -> None:
        for question in asked:
            answer(question)

    rates = {work: _rate(index, work, len(asked)) for work in (several, single)}
    return {"a_second": round(rates[several], 2), "ratio": round(rates[several] / rates[single], 3)}


def _rate(index: Path, work: Callable[[Callable[[str], str]], None], count: int) -> float:
    with _warm(index) as assistant:
        began = time.perf_counter()
        work(lambda question: json.dumps(assistant.ask(question).to_dict(), ensure_ascii=False))
        return count / (time.perf_counter() - began)


def _percentile(times: Sequence[float], percent: float) -> float:
    return round(percentile(times, percent) or 0.0, 1)


if __name__ == "__main__":
    main()
