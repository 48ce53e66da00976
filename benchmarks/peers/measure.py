"""The measuring: every system is asked the same by the same code, in turns, each time in new processes.

A turn of a system is two processes. The first makes an index; the second opens it, answers a first question
(the cold start, from the process's start on) and then others one at a time. Turns of all systems alternate,
so that what slows the machine for a while slows all of them; ratios are taken within a round.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.peers.process import Driver, PeerError
from benchmarks.peers.protocol import folder_bytes
from benchmarks.peers.sets import Collection
from qa.labels import Question
from qa.metrics import exact_match, f1, mean, percentile, recall, reciprocal_rank
from training.reading_sets import sample

__all__ = ["Bench", "Comparison", "Contestant", "Figures"]

Figures = dict[str, float | None]
DEPTH = 10  # passages of a ranking


@dataclass(frozen=True, slots=True)
class Contestant:
    """A system in one configuration, and what starts its driver."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the rounds came to, by system.

    ``runs``       one round after the other; the first also holds what does not vary
    ``failed``     systems that dropped out, with the line that tells why
    ``versions``   of their packages
    """

    collection: Collection
    asked: int
    runs: dict[str, list[Figures]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    versions: dict[str, dict[str, str]] = field(default_factory=dict)

    def values(self, system: str, measure: str) -> list[float]:
        """What the rounds measured, those that did not left out."""
        found = (run.get(measure) for run in self.runs.get(system, []))
        return [value for value in found if value is not None]

    def median(self, system: str, measure: str) -> float | None:
        """Of the rounds; None where none measured it."""
        found = self.values(system, measure)
        return median(found) if found else None

    def ratio(self, system: str, measure: str, to: str) -> float | None:
        """The median over the rounds of the system's value divided by that of the system ``to``."""
        rounds = zip(self.runs.get(system, []), self.runs.get(to, []), strict=False)
        pairs = [(theirs.get(measure), ours.get(measure)) for theirs, ours in rounds]
        found = [theirs / ours for theirs, ours in pairs if theirs is not None and ours]
        return median(found) if found else None

    def to_dict(self, to: str) -> dict[str, Any]:
        """As JSON; ratios to the system ``to``."""
        systems = {
            system: {
                measure: {
                    "median": self.median(system, measure),
                    "ratio": self.ratio(system, measure, to),
                    "runs": self.values(system, measure),
                }
                for measure in runs[0]
            }
            for system, runs in self.runs.items()
            if runs
        }
        return {
            "passages": len(self.collection.passages),
            "questions": len(self.collection.questions),
            "asked": self.asked,
            "versions": self.versions,
            "systems": systems,
            "failed": self.failed,
        }


class Bench:
    """Measures systems on one collection."""

    def __init__(
        self,
        collection: Collection,
        folder: Path,
        *,
        asked: int | None,
        patience: float = 1800,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Writes the collection's files into ``folder``, where the indexes and logs go as well.

        ``asked``     questions that are answered in each round, at most; rankings are made for all
        ``patience``  seconds that one reply may take
        """
        self.collection, self.folder = collection, folder
        self.asked: Sequence[Question] = sample(collection.questions, asked)
        self._patience, self._clock = patience, clock
        self._data = folder / "data"
        collection.write(self._data)

    def compare(
        self,
        contestants: Sequence[Contestant],
        rounds: int,
        tell: Callable[[str], None] = lambda line: None,
    ) -> Comparison:
        """All ``contestants``, in turns; one that fails drops out, and ``tell`` is given the line."""
        found = Comparison(self.collection, len(self.asked), {each.name: [] for each in contestants})
        for number in range(rounds):
            for contestant in contestants:
                if contestant.name in found.failed:
                    continue
                tell(f"{self.collection.name}, round {number + 1} of {rounds}: {contestant.name}")
                try:
                    found.runs[contestant.name].append(self._turn(contestant, found, first=number == 0))
                except PeerError as error:
                    found.failed[contestant.name] = str(error)
                    tell(str(error))
        return found

    def _turn(self, contestant: Contestant, found: Comparison, *, first: bool) -> Figures:
        """One round of one system; what does not vary is measured in the ``first`` alone."""
        index = self.folder / "index"
        shutil.rmtree(index, ignore_errors=True)
        figures = self._indexing(contestant, index, found.versions if first else None)
        return figures | self._answering(contestant, index, rank=first)

    def _indexing(
        self, contestant: Contestant, index: Path, versions: dict[str, dict[str, str]] | None
    ) -> Figures:
        figures: Figures = {}
        with self._driver(contestant) as driver:
            if versions is not None:
                here = driver("installed")
                versions[contestant.name] = here["versions"]
                figures["installed"] = here["bytes"]
            driver("prepare")
            began = self._clock()
            driver("index", data=str(self._data), folder=str(index))
            spent = self._clock() - began
            return figures | {
                "indexing": len(self.collection.passages) / spent,
                "indexing memory": driver.peak,
                "disk": folder_bytes(index),
            }

    def _answering(self, contestant: Contestant, index: Path, *, rank: bool) -> Figures:
        began = self._clock()
        with self._driver(contestant) as driver:
            driver("open", folder=str(index))
            said = [driver("ask", question=self.asked[0].question)]
            figures: Figures = {"cold": self._clock() - began}
            times = []
            for question in self.asked[1:]:
                asked = self._clock()
                said.append(driver("ask", question=question.question))
                times.append(self._clock() - asked)
            figures |= {"p50": percentile(times, 50), "p95": percentile(times, 95), "memory": driver.peak}
            return figures | (self._quality(driver, said) if rank else {})

    def _quality(self, driver: Driver, said: Sequence[str | None]) -> Figures:
        """Rankings and answers do not vary from round to round."""
        rankings = [
            self.collection.flags(question, driver("search", question=question.question, k=DEPTH))
            for question in self.collection.questions
        ]
        return {**ranking(rankings), **_reading(self.asked, said)}

    def _driver(self, contestant: Contestant) -> Driver:
        log = self.folder / f"{contestant.name.replace(' ', '-')}.log"
        return Driver(contestant.name, contestant.command, log=log, patience=self._patience)


def ranking(flags: Sequence[Sequence[bool]]) -> Mapping[str, float | None]:
    """Means over the questions; for each, whether the passages of its ranking are relevant, best first."""
    return {
        "Recall@1": mean([recall(each, 1) for each in flags]),
        "Recall@5": mean([recall(each, 5) for each in flags]),
        "MRR@10": mean([reciprocal_rank(each, 10) for each in flags]),
    }


def _reading(asked: Sequence[Question], said: Sequence[str | None]) -> Mapping[str, float | None]:
    """EM and F1 of CMRC 2018."""
    pairs = list(zip(said, asked, strict=True))
    return {
        "EM": mean([exact_match(text, question.answers) or 0.0 for text, question in pairs]),
        "F1": mean([f1(text, question.answers) or 0.0 for text, question in pairs]),
    }
