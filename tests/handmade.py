"""An assistant that says what is written for it: runs of it can be worked out on paper."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qa.errors import InputError
from qa.labels import LabelSet, Question, Reference
from qa.types import Answer, Article, Citation, Hit, Passage, Span


def article(source: str, text: str, **more: Any) -> Article:
    return Article(source, text, source, source, "0" * 64, "utf-8", **more)


SHANGHAI = article("cities/shanghai.md", "2017年,上海启动试点。平台名叫沪链。")
BEIJING = article("cities/beijing.md", "2019年,北京启动试点。")
YEAR, NAME, OTHER = PASSAGES = (
    Passage(SHANGHAI, Span(0, 13), number=0),
    Passage(SHANGHAI, Span(13, 20), number=1),
    Passage(BEIJING, Span(0, 13), number=2),
)


def cite(passage: Passage, words: str) -> Citation:
    start = passage.article.text.index(words, passage.span.start)
    return Citation(passage, Span(start, start + len(words)), passage.span)


@dataclass(frozen=True)
class Line:
    """What the fake says to one question: passages in order, the words it would cite, its confidence."""

    hits: Sequence[Passage] = ()
    words: str | None = None
    of: Passage = YEAR
    confidence: float = 0.0
    ms: float = 1.0
    searched: str | None = None


@dataclass
class Fake:
    script: Mapping[str, Line]
    index: Iterable[Passage] = PASSAGES
    threshold: float = 0.5
    read: int = 8
    gone: Sequence[str] = ()
    found: Mapping[str, Sequence[Passage]] = field(default_factory=dict)
    ranks: Mapping[str, int | None] = field(default_factory=lambda: {"bm25": None, "dense": 12})
    asked: list[tuple[str, tuple[str, ...], int | None, float | None]] = field(default_factory=list)
    looked_into: list[tuple[str, Collection[int], int]] = field(default_factory=list)
    index_info: Mapping[str, str | float] = field(
        default_factory=lambda: {"fingerprint": "f00d", "encoder": "e", "reader": "r"}
    )

    def passages(self) -> Iterable[Passage]:
        return self.index

    def articles(self) -> Iterable[Article]:
        return [passage.article for passage in self.index]

    def refused(self) -> Sequence[str]:
        return self.gone

    def search(self, question: str, history: Sequence[str] = (), *, k: int = 10) -> Sequence[Hit]:
        return [Hit(passage, 1.0) for passage in self.found.get(question, ())][:k]

    def leg_ranks(self, searched: str, rows: Collection[int], k: int) -> Mapping[str, int | None]:
        self.looked_into.append((searched, rows, k))
        return self.ranks

    def ask(
        self,
        question: str,
        history: Sequence[str] = (),
        *,
        top_k: int | None = None,
        threshold: float | None = None,
    ) -> Answer:
        self.asked.append((question, tuple(history), top_k, threshold))
        if not question:
            raise InputError("the question is empty")
        line = self.script[question]
        limit = self.threshold if threshold is None else threshold
        said = line.words is not None and line.confidence >= limit
        return Answer(
            question,
            line.searched or question,
            (cite(line.of, line.words),) if said and line.words is not None else (),
            line.confidence,
            tuple(Hit(passage, 1 / rank) for rank, passage in enumerate(line.hits, start=1)),
            {"total": line.ms},
        )


def label(name: str, *answers: str, sources: Sequence[str] = (), **more: Any) -> Question:
    return Question(name, f"{name}?", tuple(map(Reference, answers)), tuple(sources), **more)


def labels(*questions: Question) -> LabelSet:
    return LabelSet("labels.jsonl", "ab" * 32, questions)
