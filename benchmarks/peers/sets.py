"""What is asked of every system: passages that this project has cut, and questions that they answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from benchmarks.peers.protocol import ARTICLES, PASSAGES
from qa import articles, labels
from qa.labels import LabelSet, Question
from qa.passages import above, cut
from qa.relevance import Relevance, key
from qa.types import Article, Passage
from training import splits
from training.reading_sets import sample

__all__ = ["Collection", "public", "shipped"]

CORPUS, QUESTIONS = Path("corpus/articles"), Path("corpus/questions.jsonl")


@dataclass(frozen=True)
class Collection:
    """Articles with their passages, and the questions that are reported on.

    ``passages`` are keyed by the ids that every driver speaks of: ``ARTICLE:START-END``, the article by
    its number, the place in characters of its text.
    """

    name: str
    articles: tuple[Article, ...]
    questions: tuple[Question, ...]

    @cached_property
    def passages(self) -> dict[str, Passage]:
        """All passages by their ids, in order."""
        return {
            f"{number}:{passage.span.start}-{passage.span.end}": passage
            for number, article in enumerate(self.articles)
            for passage in cut(article)
        }

    @cached_property
    def _relevance(self) -> Relevance:
        return Relevance(self.passages.values(), self.articles)

    def flags(self, question: Question, ids: Iterable[str]) -> list[bool]:
        """For each of ``ids`` whether that passage is relevant; an unknown id is not."""
        relevant = self._relevance.passages(question)
        known = self.passages
        return [each in known and key(known[each]) in relevant for each in ids]

    def write(self, folder: Path) -> None:
        """The articles and the passages as the files that drivers read."""
        folder.mkdir(parents=True, exist_ok=True)
        numbered = (replace(each, element=str(at)) for at, each in enumerate(self.articles))
        _write(folder / ARTICLES, map(asdict, numbered))
        _write(
            folder / PASSAGES,
            (
                {"id": name, "above": above(passage), "text": passage.text}
                for name, passage in self.passages.items()
            ),
        )


def shipped(size: int | None = None) -> Collection:
    """The shipped articles and the reporting half of their questions, follow-ups left out.

    ``size``: questions at most.
    """
    made = [
        article
        for path in articles.find(CORPUS).files
        for article in articles.read(path, source=path.relative_to(CORPUS).as_posix()).articles
    ]
    asked = [each for each in labels.read(QUESTIONS).questions if each.split == "report" and not each.history]
    return Collection("shipped corpus", tuple(made), _answered(asked, size))


def public(data: Path, size: int | None = None) -> list[Collection]:
    """CMRC 2018 trial, and DRCD dev with its reporting half asked; each over its own paragraphs."""
    trial = labels.read(data / "train" / "cmrc2018.trial.jsonl")
    drcd = labels.read(data / "train" / "drcd_trad.dev.jsonl")
    report = [each for each in drcd.questions if splits.half(each.id.split("-")[0]) == "report"]
    return [_over("CMRC 2018 trial", trial, trial.questions, size), _over("DRCD dev", drcd, report, size)]


def _over(name: str, held: LabelSet, questions: Iterable[Question], size: int | None) -> Collection:
    return Collection(name, labels.paragraph_articles(held), _answered(questions, size))


def _answered(questions: Iterable[Question], size: int | None) -> tuple[Question, ...]:
    """Those that something answers and that can be asked, or a sample of them."""
    found: Sequence[Question] = [
        each for each in questions if each.references and any(char.isalnum() for char in each.question)
    ]
    return tuple(sample(found, size))


def _write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
