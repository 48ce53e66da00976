"""Last step of the reader: what its outputs are worth, how many passages it reads, when it abstains.

    python -m training.calibrate_reader --data PATH [--reader DIR] [--write]

Only tuning parts are looked at, and none that the reader was trained on:

- ``pool``: every tenth paragraph of CMRC 2018 train, asked of all paragraphs that no figure is reported on,
  each question once as it is and once with its paragraph taken out of the search;
- ``given``: the same questions with their paragraph given, and with it less the answer's sentence;
- ``news``: the project's own questions on news that are kept out of training, with the article given, and
  the near miss of each;
- ``checklist``: the even half of DuReader-checklist with its paragraphs given (only numbers are taken);
- ``shipped``: the ``tune`` half of the project's own questions over its own articles.

``pool`` and ``shipped`` have the form in which the reader is used and weigh 1 each, the others 0.25 each,
whatever their size; the candidates of a question share its weight. Right means an F1 of at least 0.8; an
answer is astray whose cited sentence does not hold a labelled answer, and the threshold is the lowest at
which, over ``pool`` and ``shipped``, no more than one answer in ten is. All figures printed are
cross-validated, questions on one paragraph together. With ``--write`` the numbers go into
``DIR/config.json``. The reader's outputs are kept in ``scratch/``: a second run only fits.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from qa import labels
from qa.answering import Assistant, cited_sentence
from qa.indexing import build_index
from qa.metrics import exact_match, f1, holds
from qa.relevance import Relevance
from qa.types import Passage, Reader, Span
from training import reading_sets as sets
from training.prepare_written import NEWS, written
from training.reader_batches import without_answer
from training.reader_calibration import (
    FEATURES,
    Calibration,
    Candidates,
    Case,
    Judged,
    case_weights,
    errors_of_answered,
    fit,
    held_out,
    judged,
    lowest_threshold,
)

if TYPE_CHECKING:
    from qa.reader import RawReading, SpanReader
    from training.reader_calibration import Floats, Rows

__all__ = ["Fitted", "Tuning", "cases_of", "main"]

T = TypeVar("T")
BUNDLED = Path(__file__).parents[1] / "qa" / "models" / "reader"
WEIGHTS = {"pool": 1.0, "given": 0.25, "news": 0.25, "checklist": 0.25, "shipped": 1.0}
USED = {"pool": 1.0, "shipped": 1.0}  # what the threshold is found on
MOST = 12  # passages that are read here; how many are read later is chosen
NUMBERS = range(6, MOST + 1)
ERROR = 0.1  # share of answers astray that the threshold may let through
SLACK = 0.001  # F1 that may be given up to read a passage less


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask, fit, print the tables, and write the numbers if that is wanted."""
    parser = argparse.ArgumentParser(prog="python -m training.calibrate_reader")
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--reader", metavar="DIR", type=Path, default=BUNDLED)
    parser.add_argument("--labels", type=Path, default=Path("corpus/questions.jsonl"))
    parser.add_argument("--articles", type=Path, default=Path("corpus/articles"))
    parser.add_argument("--sample", metavar="N", type=int, help="questions of each set at most")
    parser.add_argument("--read", metavar="N", type=int, help="passages to read, instead of the number found")
    parser.add_argument("--write", action="store_true", help="put the numbers into DIR/config.json")
    args = parser.parse_args(arguments)
    from qa import reader

    loaded = reader.load(str(args.reader))
    cases = cases_of(args.data, args.labels, args.articles, loaded, args.sample)
    tuning = Tuning(cases, *asked(loaded, args.reader, cases))
    print(tuning.orders())
    print(tuning.numbers())
    found = tuning.fitted(tuning.number() if args.read is None else args.read)
    print(tuning.sets(found))
    print(json.dumps(found.to_dict(), indent=1))
    if args.write:
        write(args.reader / "config.json", found)


# ---- asking


def cases_of(
    data: Path, label_file: Path, articles: Path, reader: Reader, size: int | None = None
) -> list[Case]:
    """All tuning questions, ``size`` of each set at most, with the passages that are read for them.

    ``reader`` reads nothing yet: an index is opened with one.
    """
    return [
        *_public(data, reader, size),
        *_news(data, size),
        *_checklist(data, size),
        *_shipped(label_file, articles, reader, size),
    ]


def _public(data: Path, reader: Reader, size: int | None) -> Iterator[Case]:
    pool = sets.Pool.open(data, reader, reported=False)
    for row in counted(sets.sample(sets.kept_out(data), size), "searching"):
        each, paragraph = sets.labelled(row), row.relevant[0]
        found = pool.found(each.question, MOST)
        flags = pool.relevant(each, found)
        yield Case("pool", paragraph, each.question, each.answers, found, flags)
        yield Case("pool", paragraph, each.question, (), pool.found(each.question, MOST, [paragraph]))
        yield Case("given", paragraph, each.question, each.answers, (sets.given(each),), (True,))
        text, start = row.answers[0]
        rest = without_answer(paragraph, Span(start, start + len(text)))
        if rest:
            yield Case("given", paragraph, each.question, (), (sets.passage_of(rest, row.title),))


def _news(data: Path, size: int | None) -> Iterator[Case]:
    for each in sets.sample([each for each in written(data, NEWS) if each.row.split == "tune"], size):
        question = sets.labelled(each.row)
        text, passages = each.row.relevant[0], (sets.given(question),)
        yield Case("news", text, question.question, question.answers, passages, (True,))
        yield Case("news", text, each.near_miss, (), passages)


def _checklist(data: Path, size: int | None) -> Iterator[Case]:
    for each in sets.sample(sets.checklist(data, "tune"), size):
        yield Case("checklist", each.context or "", each.question, each.answers, (sets.given(each),), (True,))


def _shipped(label_file: Path, articles: Path, reader: Reader, size: int | None) -> Iterator[Case]:
    folder = sets.SCRATCH / "index-articles"
    build_index(articles, folder)
    asked = [each for each in labels.read(label_file).questions if each.split == "tune"]
    with Assistant(folder, reader=reader) as assistant:
        relevance = Relevance(assistant.passages())
        for each in sets.sample(asked, size):
            searched = assistant.standalone(each.question, each.history)
            found = tuple(hit.passage for hit in assistant.search(searched, k=MOST))
            flags = sets.flags(relevance, each, found)
            yield Case("shipped", " ".join(each.sources) or each.id, searched, each.answers, found, flags)


def asked(reader: SpanReader, folder: Path, cases: Sequence[Case]) -> tuple[Candidates, float]:
    """The reader's candidates for every case, and the seconds that a passage took (the median question's)."""
    kept = sets.SCRATCH / "reader" / f"candidates-{_key(folder, cases)}.npz"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        candidates, seconds = _read(reader, cases)
        names = Candidates.__slots__
        arrays = {name: getattr(candidates, name) for name in names}
        np.savez(kept, seconds=seconds, **arrays)
    with np.load(kept) as found:
        return Candidates(**{name: found[name] for name in Candidates.__slots__}), float(found["seconds"])


def _key(folder: Path, cases: Sequence[Case]) -> str:
    """Changes with the weights of the reader and with what it is asked, not with its settings."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.is_file() and path.name not in ("config.json", "README.md"):
            digest.update(path.read_bytes())
    for case in cases:
        places = [
            (each.article.sha256, each.article.title, each.heading, each.span) for each in case.passages
        ]
        digest.update(repr((case.kind, case.question, case.answers, places)).encode())
    return digest.hexdigest()[:16]


def _read(reader: SpanReader, cases: Sequence[Case]) -> tuple[Candidates, float]:
    known: dict[tuple[str, Passage], RawReading] = {}
    rows: list[tuple[int, tuple[float, ...], float, float, bool, bool]] = []
    seconds: list[float] = []
    for number, case in enumerate(counted(cases, "reading")):
        missing = [each for each in case.passages if (case.question, each) not in known]
        began = time.perf_counter()
        read = reader.raw(case.question, missing) if missing else []
        if missing:
            seconds.append((time.perf_counter() - began) / len(missing))
        known |= {(case.question, each): raw for each, raw in zip(missing, read, strict=True)}
        for at, passage in enumerate(case.passages):
            raw = known[case.question, passage]
            relevant = at < len(case.relevant) and case.relevant[at]
            for each in raw.spans:
                text = each.span.of(passage.article.text)
                features = (raw.relevance, each.logit, each.share, 1 / (at + 1))
                scores = (f1(text, case.answers) or 0.0, exact_match(text, case.answers) or 0.0)
                sentence = cited_sentence(passage, each.span).of(passage.article.text)
                rows.append((number, features, *scores, holds(sentence, case.answers), relevant))
    case_, features_, *others = (np.array(column) for column in zip(*rows, strict=True))
    return Candidates(features_, case_, *others), float(np.median(seconds))


# ---- fitting


@dataclass(frozen=True, slots=True)
class Fitted:
    """The numbers of a reader: passages to read, threshold, and what its outputs weigh."""

    read: int
    threshold: float
    calibration: Calibration

    def to_dict(self) -> dict[str, Any]:
        """The two sections of the reader's ``config.json``."""
        weights = dict(zip(FEATURES, self.calibration.weights, strict=True))
        rank = weights.pop("rank")
        rounded = {name: round(value, 4) for name, value in weights.items()}
        return {
            "settings": {"read": self.read, "rank_weight": round(rank, 4), "threshold": self.threshold},
            "calibration": {"bias": round(self.calibration.bias, 4), **rounded},
        }


class Tuning:
    """The tuning questions with the reader's candidates, and what they say."""

    def __init__(self, cases: Sequence[Case], candidates: Candidates, seconds: float) -> None:
        """``seconds``: what reading one passage took, for the table of numbers."""
        self.cases, self.candidates, self.seconds = cases, candidates, seconds
        self.kinds = [case.kind for case in cases]
        self.weights: Floats = case_weights(self.kinds, WEIGHTS)
        self.folds: Rows = np.array([case.fold for case in cases])

    def said(self, candidates: Candidates, columns: Sequence[str] = FEATURES) -> Judged:
        """What would be said to each question, cross-validated."""

        def learn(others: Candidates) -> Callable[[Candidates], Floats]:
            found = fit(others, self.weights, columns)
            return lambda held: found.scores(held.features)

        return judged(self.cases, candidates, held_out(candidates, self.folds, learn))

    def of(self, said: Judged, kind: str) -> Judged:
        """The questions of one set."""
        return said.of(np.array([each == kind for each in self.kinds]))

    def orders(self) -> str:
        """Which output orders passages, and says that none answers, best; over ``pool`` and ``shipped``."""
        ways: dict[str, Sequence[str]] = {
            "span logit alone": ("logit",),
            "relevance alone": ("relevance",),
            "relevance, then span logit": ("relevance", "logit"),
            "with the span's share": ("relevance", "logit", "share"),
            "with the passage's rank": FEATURES,
        }
        rows = {name: self.said(self.candidates, columns) for name, columns in ways.items()}
        return "\n\n".join(
            _table(
                f"{kind}: what orders", {name: self.of(said, kind).figures() for name, said in rows.items()}
            )
            for kind in ("pool", "shipped")
        )

    def numbers(self) -> str:
        """What reading more passages brings."""
        rows = {}
        for number, said in self._by_number().items():
            milliseconds = {"ms": 1000 * self.seconds * number}
            rows[f"{number} passages"] = self.of(said, "pool").figures() | milliseconds
        return _table("pool: passages read", rows)

    def number(self) -> int:
        """The fewest passages whose F1, mean of ``pool`` and ``shipped``, is within ``SLACK`` of the best."""
        found = {number: self._f1(said) for number, said in self._by_number().items()}
        return min(number for number, value in found.items() if value >= max(found.values()) - SLACK)

    def _by_number(self) -> dict[int, Judged]:
        return {number: self.said(self.candidates.first(number)) for number in NUMBERS}

    def _f1(self, said: Judged) -> float:
        return float(np.mean([self.of(said, kind).figures()["F1"] for kind in ("pool", "shipped")]))

    def fitted(self, read: int) -> Fitted:
        """Weights from all tuning questions; the threshold from cross-validated confidences."""
        candidates = self.candidates.first(read)
        used = np.array(
            [USED.get(kind, 0.0) * weight for kind, weight in zip(self.kinds, self.weights, strict=True)]
        )
        threshold = lowest_threshold(self.said(candidates), used, ERROR)
        return Fitted(read, threshold, fit(candidates, self.weights))

    def sets(self, found: Fitted) -> str:
        """Each set with what the numbers do on it, isotonic beside Platt's, and its own threshold."""
        candidates = self.candidates.first(found.read)
        said, isotonic = self.said(candidates), self._isotonic(candidates)
        rows = {}
        for kind in WEIGHTS:
            one = self.of(said, kind)
            equal = np.ones(len(one.confidence))
            answered, astray, wrong = errors_of_answered(one, equal, found.threshold)
            rows[kind] = {
                "n": float(len(one.confidence)),
                **one.figures(),
                "ECE isotonic": self.of(isotonic, kind).figures()["ECE"],
                "answered": answered,
                "astray of answered": astray,
                "wrong of answered": wrong,
                "own threshold": lowest_threshold(one, equal, ERROR),
            }
        answered, astray, wrong = errors_of_answered(said, self.weights, found.threshold)
        empty = dict.fromkeys(next(iter(rows.values())), float("nan"))
        rows["all, weighted"] = empty | {
            "answered": answered,
            "astray of answered": astray,
            "wrong of answered": wrong,
        }
        return _table(f"threshold {found.threshold}, {found.read} passages read", rows)

    def _isotonic(self, candidates: Candidates) -> Judged:
        """As ``said``, with a monotone curve (Zadrozny & Elkan 2002) in place of Platt's."""
        from sklearn.isotonic import IsotonicRegression

        def learn(others: Candidates) -> Callable[[Candidates], Floats]:
            found = fit(others, self.weights)
            scores = found.scores(others.features)
            best = others.best(scores)
            curve = IsotonicRegression(y_min=1e-3, y_max=1 - 1e-3, out_of_bounds="clip")
            curve.fit(scores[best], others.right[best], sample_weight=self.weights[others.case[best]])

            def score(held: Candidates) -> Floats:
                summed = found.scores(held.features)
                chance = curve.predict(summed)
                odds: Floats = np.log(chance / (1 - chance)) + 1e-6 * summed  # ties keep their order
                return odds

            return score

        return judged(self.cases, candidates, held_out(candidates, self.folds, learn))


def write(path: Path, found: Fitted) -> None:
    """Put the numbers into the reader's ``config.json``; the rest of it stays."""
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(content | found.to_dict(), ensure_ascii=False, indent=2) + "\n", "utf-8")


def _table(title: str, rows: Mapping[str, Mapping[str, float]]) -> str:
    """Rows of figures under their names."""
    names = list(next(iter(rows.values())))
    wide = max(len(title), *map(len, rows))
    lines = [f"{title:<{wide}}  " + "  ".join(names)]
    for row, figures in rows.items():
        cells = (_cell(figures[name]).rjust(len(name)) for name in names)
        lines.append(f"{row:<{wide}}  " + "  ".join(cells))
    return "\n".join(lines)


def _cell(value: float) -> str:
    if value != value:
        return "-"
    return f"{value:.0f}" if value > 1 else f"{value:.4f}"


def counted(items: Sequence[T], name: str) -> Iterator[T]:
    """``items``, counted on standard error where somebody looks on."""
    for done, item in enumerate(items, start=1):
        if sys.stderr.isatty():
            print(f"\r{name} {done}/{len(items)} ", end="\n" if done == len(items) else "", file=sys.stderr)
        yield item


if __name__ == "__main__":
    main()
