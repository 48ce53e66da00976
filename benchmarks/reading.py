"""The reader's figures on the reporting splits: reading, search and reading, refusals, calibration, time.

    python -m benchmarks.reading --data PATH [--reader NAME] [--only NAME …] [--sample N] [--json FILE]

``PATH`` holds the public sets as ``training/splits.py`` names them; ``NAME`` is a reader's folder, without it
the bundled one is measured. Nothing is tuned here on what is measured. Confidence and answers are those
of a threshold of 0, as ``qa eval --gold-passage`` asks; right means an F1 of at least 0.8. ``--sample``
takes that many questions of each set, for a quick look.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.machine import described
from qa import labels
from qa.answering import Assistant, PassageReading
from qa.indexing import build_index
from qa.labels import Question
from qa.metrics import (
    RIGHT,
    aurc,
    auroc,
    calibration_error,
    exact_match,
    f1,
    holds,
    mean,
    percentile,
    risk_coverage,
    share,
)
from qa.types import Passage, Reader, Span
from qa.words import Segmenter
from training import prepare_reader, splits
from training import reading_sets as sets
from training.reader_batches import without_answer

T = TypeVar("T")
Figures = dict[str, Any]
RISK = 0.1  # the share of wrong answers that is allowed
CORPUS, QUESTIONS = Path("corpus/articles"), Path("corpus/questions.jsonl")
LATENCY_QUESTIONS = 300


@dataclass(frozen=True, slots=True)
class Said:
    """What was said to one question, with no threshold.

    ``references``  what counts as an answer; empty where nothing that was read answers
    ``text``        the first citation's words, None where there was no candidate
    ``passage``     where they stand
    ``sentence``    what is cited of it
    """

    references: tuple[str, ...]
    text: str | None
    confidence: float
    passage: Passage | None = None
    sentence: str | None = None

    @property
    def right(self) -> bool:
        """Whether it has an F1 of at least ``RIGHT``; never where nothing answers."""
        return (f1(self.text, self.references) or 0.0) >= RIGHT


# ---- what a list of answers comes to


def exactness(said: Sequence[Said]) -> Figures:
    """EM and F1 as CMRC 2018 defines them, over the questions that have an answer."""
    asked = [each for each in said if each.references]
    return {
        "n": len(asked),
        "EM": _rounded(mean([exact_match(each.text, each.references) or 0.0 for each in asked])),
        "F1": _rounded(mean([f1(each.text, each.references) or 0.0 for each in asked])),
    }


def refusal(answering: Sequence[Said], refusing: Sequence[Said]) -> Figures:
    """How well confidence tells questions that something answers from those that nothing does."""
    confidences = [each.confidence for each in (*answering, *refusing)]
    marks = [True] * len(answering) + [False] * len(refusing)
    return {
        "answering": len(answering),
        "refusing": len(refusing),
        "AUROC": _rounded(auroc(confidences, marks)),
    }


def calibration(said: Sequence[Said], threshold: float) -> Figures:
    """ECE, and what ``threshold`` would do: the share that is answered, and of those two shares of errors.

    ``wrong``   not right
    ``astray``  the cited sentence does not hold an answer
    """
    answered = [each for each in said if each.confidence >= threshold and each.text is not None]
    return {
        "n": len(said),
        "ECE": _rounded(calibration_error([each.confidence for each in said], [each.right for each in said])),
        "right": _rounded(share([each.right for each in said])),
        "answered": _rounded(len(answered) / len(said)) if said else None,
        "wrong of answered": _rounded(share([not each.right for each in answered])),
        "astray of answered": _rounded(
            share([not holds(each.sentence, each.references) for each in answered])
        ),
    }


def coverage(said: Sequence[Said], risk: float = RISK) -> Figures:
    """What can be answered, the surest first, while at most ``risk`` of what is answered is wrong.

    ``answered``            the share of all questions
    ``answered rightly``    of those that something answers, the share that is then answered, and rightly
    ``AURC``                the mean share of errors over all such shares
    """
    confidences, errors = [each.confidence for each in said], [not each.right for each in said]
    allowed = [point for point in risk_coverage(confidences, errors) if point[1] <= risk]
    answered, wrong = allowed[-1] if allowed else (0.0, 0.0)
    answerable = sum(bool(each.references) for each in said)
    rightly = answered * len(said) * (1 - wrong) / answerable if answerable else None
    return {
        "n": len(said),
        "answered": _rounded(answered),
        "answered rightly": _rounded(rightly),
        "AURC": _rounded(aurc(confidences, errors)),
    }


def reordering(before: Sequence[bool], after: Sequence[bool]) -> Figures:
    """Recall@1 by fusion and after reading; one flag a question: whether its first passage is relevant."""
    fused, read = share(before), share(after)
    gain = None if fused is None or read is None else read - fused
    return {"fused": _rounded(fused), "read": _rounded(read), "gain": _rounded(gain)}


# ---- the figures


class Bench:
    """The sets, asked of one reader; what several figures need is asked once."""

    def __init__(self, data: Path, reader: Reader, *, size: int | None = None) -> None:
        """``size``: questions of each set at most."""
        self.data, self.reader, self.size = data, reader, size
        self.settings = reader.settings
        self._read = PassageReading(sets.Remembering(reader))

    def said(
        self, question: str, passages: Sequence[Passage], references: Iterable[str], *, answer: bool = True
    ) -> Said:
        """What ``passages`` say; ``answer`` False where it is known that they do not answer."""
        found = self._read(question, passages, threshold=0.0)
        wanted = tuple(references) if answer else ()
        if not found.citations:
            return Said(wanted, found.text, found.confidence)
        first = found.citations[0]
        return Said(wanted, found.text, found.confidence, first.passage, first.sentence)

    def paragraph(self, question: Question) -> Said:
        """What its labelled paragraph says."""
        return self.said(question.question, [sets.given(question)], question.answers)

    def rows(self, load: Callable[[Path], list[splits.Row]]) -> list[splits.Row]:
        """A set, or the sample of it."""
        return sets.sample(load(self.data), self.size)

    @cached_property
    def pool(self) -> sets.Pool:
        """All public paragraphs in one index."""
        return sets.Pool.open(self.data, self.reader)

    @cached_property
    def trial(self) -> list[Question]:
        """CMRC trial's questions."""
        return [sets.labelled(row) for row in self.rows(sets.trial)]

    @cached_property
    def trial_given(self) -> list[Said]:
        """CMRC trial with the paragraph given."""
        return [self.paragraph(each) for each in progress(self.trial, "trial, given")]

    @cached_property
    def trial_searched(self) -> list[Said]:
        """CMRC trial over the pool."""
        return [
            self.said(each.question, self.pool.found(each.question, self.settings.read), each.answers)
            for each in progress(self.trial, "trial, searched")
        ]

    @cached_property
    def trial_taken_out(self) -> list[Said]:
        """CMRC trial over the pool, each question without its paragraph."""
        found = []
        for each in progress(self.trial, "trial, taken out"):
            passages = self.pool.found(each.question, self.settings.read, [each.context or ""])
            found.append(self.said(each.question, passages, each.answers, answer=False))
        return found


def gold(bench: Bench) -> Figures:
    """EM and F1 with the labelled paragraph given."""
    found = {
        "CMRC train, kept out": [bench.paragraph(each) for each in _labelled(bench, sets.kept_out)],
        "CMRC trial": bench.trial_given,
        "DRCD, reporting half": [bench.paragraph(each) for each in _labelled(bench, sets.drcd_report)],
    }
    return {name: exactness(said) for name, said in found.items()}


def _labelled(bench: Bench, load: Callable[[Path], list[splits.Row]]) -> Iterator[Question]:
    return progress([sets.labelled(row) for row in bench.rows(load)], load.__name__)


def pool(bench: Bench) -> Figures:
    """CMRC trial over all public paragraphs: EM and F1, and Recall@1 before and after reading."""
    first, chosen = [], []
    for question, said in zip(bench.trial, bench.trial_searched, strict=True):
        hits = bench.pool.found(question.question, 1)
        read = [] if said.passage is None else [said.passage]
        first.append(any(bench.pool.relevant(question, hits)))
        chosen.append(any(bench.pool.relevant(question, read)))
    given, searched = exactness(bench.trial_given), exactness(bench.trial_searched)
    gap = {f"{name} gap": _rounded(given[name] - searched[name]) for name in ("EM", "F1")}
    passages = len(bench.pool.assistant.passages())
    return {"passages": passages, **searched, **gap, "Recall@1": reordering(first, chosen)}


def refusals(bench: Bench) -> Figures:
    """AUROC of confidence, each kind of no-answer example apart."""
    asked = sets.sample(sets.checklist(bench.data, "report"), bench.size)
    said = [bench.paragraph(question) for question in progress(asked, "checklist")]
    found: Figures = {
        "checklist, reporting half": refusal(
            [each for each in said if each.references], [each for each in said if not each.references]
        )
    }
    for name, load in (("CMRC trial", sets.trial), ("DRCD, reporting half", sets.drcd_report)):
        pairs = _kinds(bench, bench.rows(load), name)
        found[name] = {kind: refusal(*zip(*said, strict=True)) for kind, said in pairs.items() if said}
    return found


def _kinds(bench: Bench, rows: Sequence[splits.Row], name: str) -> dict[str, list[tuple[Said, Said]]]:
    """By kind: what was said to a question with its paragraph, and to its example that nothing answers."""
    found: dict[str, list[tuple[Said, Said]]] = {"retrieved": [], "removed": [], "swapped": []}
    chance, segmenter = random.Random(prepare_reader.SEED), Segmenter()
    for row in progress(rows, name):
        answering = bench.paragraph(sets.labelled(row))
        for kind, question, passage in _unanswerable(row, bench.pool.assistant, segmenter, chance):
            found[kind].append((answering, bench.said(question, [passage], (), answer=False)))
    return found


def _unanswerable(
    row: splits.Row, assistant: Assistant, segmenter: Segmenter, chance: random.Random
) -> Iterator[tuple[str, str, Passage]]:
    """The no-answer examples of a question, at most one of each kind: kind, question, passage."""
    example = prepare_reader.example(row, assistant, segmenter, chance)
    for title, text in example["hard"][:1]:
        yield "retrieved", row.question, sets.passage_of(text, title)
    rest = without_answer(row.relevant[0], Span(*example["answer"]))
    if rest:
        yield "removed", row.question, sets.passage_of(rest, row.title)
    for question in example["swapped"][:1]:
        yield "swapped", question, sets.passage_of(row.relevant[0], row.title)


def calibrations(bench: Bench) -> Figures:
    """ECE and the error at the shipped threshold."""
    found = {
        "CMRC trial, searched, half of them without their paragraph": [
            *bench.trial_searched,
            *bench.trial_taken_out,
        ],
        "CMRC trial, paragraph given": bench.trial_given,
        "DRCD, reporting half, paragraph given": [
            bench.paragraph(each) for each in _labelled(bench, sets.drcd_report)
        ],
        "checklist, reporting half, paragraph given": [
            bench.paragraph(each)
            for each in progress(sets.sample(sets.checklist(bench.data, "report"), bench.size), "checklist")
        ],
        "shipped questions, reporting half": list(_shipped(bench)),
    }
    threshold = bench.settings.threshold
    return {"threshold": threshold, **{name: calibration(said, threshold) for name, said in found.items()}}


def _shipped(bench: Bench) -> Iterator[Said]:
    """The reporting half of the project's own questions over its own articles."""
    folder = sets.SCRATCH / "index-articles"
    build_index(CORPUS, folder)
    asked = [each for each in labels.read(QUESTIONS).questions if each.split == "report"]
    with Assistant(folder, reader=bench.reader) as assistant:
        for each in progress(sets.sample(asked, bench.size), "shipped questions"):
            searched = assistant.standalone(each.question, each.history)
            hits = assistant.search(searched, k=bench.settings.read)
            yield bench.said(searched, [hit.passage for hit in hits], each.answers)


def coverages(bench: Bench) -> Figures:
    """What can be answered at one error in ten, half of the questions without their paragraph."""
    return coverage([*bench.trial_searched, *bench.trial_taken_out])


def latency(bench: Bench) -> Figures:
    """A warm answer, search and reading, over about 5,000 passages, each question new. Milliseconds."""
    read = PassageReading(bench.reader)
    rows = sets.sample(sets.trial(bench.data), LATENCY_QUESTIONS)
    times: dict[str, list[float]] = {"total": [], "search": [], "reading": []}
    with Assistant(sets.five_thousand(bench.data), reader=bench.reader) as assistant:
        size = len(assistant.passages())
        for at, row in enumerate([rows[-1], *rows]):
            began = time.perf_counter()
            hits = assistant.search(row.question, k=bench.settings.read)
            found = time.perf_counter()
            read(row.question, [hit.passage for hit in hits])
            done = time.perf_counter()
            if at:  # the first only warms up
                for name, spent in zip(times, (done - began, found - began, done - found), strict=True):
                    times[name].append(1000 * spent)
    measured = {
        name: {f"p{at}": _rounded(percentile(spent, at), 1) for at in (50, 95)}
        for name, spent in times.items()
    }
    return {"passages": size, "read": bench.settings.read, **measured, "machine": described()}


FIGURES: dict[str, Callable[[Bench], Figures]] = {
    "gold": gold,
    "pool": pool,
    "refusals": refusals,
    "calibration": calibrations,
    "coverage": coverages,
    "latency": latency,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading")
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--reader", metavar="NAME", help="a reader's folder; without it the bundled one")
    parser.add_argument("--only", metavar="NAME", action="extend", nargs="+", choices=FIGURES)
    parser.add_argument("--sample", metavar="N", type=int, help="questions of each set at most")
    parser.add_argument("--json", metavar="FILE", type=Path)
    args = parser.parse_args(arguments)
    from qa import reader

    loaded = reader.load(args.reader)
    bench = Bench(args.data, loaded, size=args.sample)
    found: Figures = {"machine": described(), "reader": loaded.name, "sample": args.sample}
    for name, figure in FIGURES.items():
        if args.only is None or name in args.only:
            found[name] = figure(bench)
            print("\n".join(lines(name, found[name])), flush=True)
    if args.json:
        args.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def lines(name: str, figures: Figures) -> list[str]:
    """The figures as lines to read: one for each innermost group, named from the outside in."""
    plain = {key: value for key, value in figures.items() if not isinstance(value, dict)}
    own = [f"{name}: " + ", ".join(f"{key} {value}" for key, value in plain.items())] if plain else []
    groups = {key: value for key, value in figures.items() if isinstance(value, dict)}
    return own + [line for key, value in groups.items() for line in lines(f"{name}, {key}", value)]


def progress(items: Sequence[T], name: str) -> Iterator[T]:
    """``items``, counted on standard error where somebody looks on."""
    for done, item in enumerate(items, start=1):
        if sys.stderr.isatty():
            print(f"\r{name} {done}/{len(items)} ", end="\n" if done == len(items) else "", file=sys.stderr)
        yield item


def _rounded(value: float | None, digits: int = 4) -> float | None:
    return None if value is None else round(value, digits)


if __name__ == "__main__":
    main()
