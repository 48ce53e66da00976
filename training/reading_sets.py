"""What the reading figures are asked of: labelled paragraphs, and all of them together in one index.

Indexes are kept in ``scratch/``, so that only the first run embeds anything.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from qa import labels
from qa.answering import Assistant
from qa.indexing import index_articles
from qa.labels import Question, Reference
from qa.passages import cut
from qa.relevance import Relevance, key
from qa.types import Article, Passage, Reader, Reading, Span
from training import splits

__all__ = [
    "Pool",
    "Remembering",
    "checklist",
    "drcd_report",
    "five_thousand",
    "flags",
    "given",
    "kept_out",
    "labelled",
    "passage_of",
    "sample",
    "trial",
]

T = TypeVar("T")
SCRATCH = Path("scratch")
WIDE = 100  # hits that are looked through where some paragraphs do not count
SEED = 2018


def kept_out(data: Path) -> list[splits.Row]:
    """The tenth of CMRC 2018 train's paragraphs that nothing is trained on."""
    return _asked(row for row in splits.cmrc_train(data) if row.split == "tune")


def trial(data: Path) -> list[splits.Row]:
    """CMRC 2018 trial."""
    return _asked(splits.cmrc_trial(data))


def drcd_report(data: Path) -> list[splits.Row]:
    """DRCD's reporting half."""
    return _asked(row for row in splits.drcd(data) if row.split == "report")


def checklist(data: Path, split: splits.Split) -> list[Question]:
    """One half of DuReader-checklist's questions, by the SHA-1 of their ids."""
    found = labels.read(data / "eval_only" / "dureader_checklist.train.jsonl").questions
    return [each for each in found if splits.half(each.id) == split]


def sample(found: Sequence[T], size: int | None) -> list[T]:
    """``size`` of ``found`` in their order, drawn the same in every run; all of them where None or fewer."""
    if size is None or size >= len(found):
        return list(found)
    chosen = sorted(random.Random(SEED).sample(range(len(found)), size))
    return [found[at] for at in chosen]


def labelled(row: splits.Row) -> Question:
    """A row as a labelled question about its paragraph."""
    references = dict.fromkeys(Reference(text, start) for text, start in row.answers)
    paragraph = labels.Paragraph(1, row.relevant[0], row.title)
    return Question(row.id, row.question, tuple(references), paragraph=paragraph)


def passage_of(text: str, title: str = "") -> Passage:
    """A text that is given whole, as one passage of an article of its own."""
    article = labels.paragraph_article("given", labels.Paragraph(1, text, title))
    return Passage(article, Span(0, len(text)))


def given(question: Question) -> Passage:
    """The labelled paragraph of ``question``, which must have one, as one passage."""
    if question.paragraph is None:
        raise ValueError(f"question {question.id} has no labelled paragraph")
    return passage_of(question.paragraph.text, question.paragraph.title)


def five_thousand(data: Path, folder: Path = SCRATCH / "five-thousand") -> Path:
    """An index of about 5,000 passages of CMRC 2018."""
    rows = [*splits.cmrc_trial(data), *splits.cmrc_train(data)]
    articles: list[Article] = []
    passages = 0
    for at, text in enumerate(dict.fromkeys(row.relevant[0] for row in rows), start=1):
        if passages >= 5000:
            break
        articles.append(labels.paragraph_article("pool", labels.Paragraph(at, text)))
        passages += len(cut(articles[-1]))
    index_articles(articles, data, folder)  # embeds only what an earlier run has not
    return folder


@dataclass(frozen=True, slots=True)
class Pool:
    """All paragraphs of CMRC 2018 train and trial and of DRCD in one index.

    ``hidden``  texts of paragraphs that no search brings up
    """

    assistant: Assistant
    relevance: Relevance
    hidden: frozenset[str] = frozenset()

    @classmethod
    def open(
        cls, data: Path, reader: Reader, folder: Path = SCRATCH / "reading-pool", *, reported: bool = True
    ) -> Pool:
        """``reported`` False hides the paragraphs that figures are reported on; nothing is read here."""
        rows = [*splits.cmrc_train(data), *splits.cmrc_trial(data), *splits.drcd(data)]
        paragraphs = dict.fromkeys((row.relevant[0], row.title) for row in rows)
        articles = [
            labels.paragraph_article("pool", labels.Paragraph(number, text, title))
            for number, (text, title) in enumerate(paragraphs, start=1)
        ]
        index_articles(articles, data, folder)
        assistant = Assistant(folder, reader=reader)
        hidden = frozenset(row.relevant[0] for row in rows if row.split == "report" and not reported)
        return cls(assistant, Relevance(assistant.passages()), hidden)

    def found(self, question: str, k: int, without: Collection[str] = ()) -> tuple[Passage, ...]:
        """The ``k`` best passages of paragraphs that are neither hidden nor among the texts ``without``."""
        out = self.hidden.union(without)
        hits = self.assistant.search(question, k=WIDE if out else k)
        return tuple(hit.passage for hit in hits if hit.passage.article.text not in out)[:k]

    def relevant(self, question: Question, passages: Iterable[Passage]) -> tuple[bool, ...]:
        """For each of ``passages`` whether it is of the labelled paragraph and holds the answer."""
        return flags(self.relevance, question, passages)


def flags(relevance: Relevance, question: Question, passages: Iterable[Passage]) -> tuple[bool, ...]:
    """For each of ``passages`` whether it is relevant to ``question``."""
    holding = relevance.passages(question)
    return tuple(key(passage) in holding for passage in passages)


class Remembering:
    """A reader that reads no passage twice for one question; satisfies ``Reader``.

    A reading does not depend on the other passages, so figures that share passages may share readings.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader, self.name, self.settings = reader, reader.name, reader.settings
        self._known: dict[tuple[str, str, str, Span, tuple[str, ...]], Reading] = {}

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """As the reader itself."""
        places = [
            (question, each.article.title, each.article.sha256, each.span, each.heading) for each in passages
        ]
        missing = {
            place: passage
            for place, passage in zip(places, passages, strict=True)
            if place not in self._known
        }
        read = self.reader.read(question, list(missing.values())) if missing else []
        self._known |= zip(missing, read, strict=True)
        return [self._known[place] for place in places]


def _asked(rows: Iterable[splits.Row]) -> list[splits.Row]:
    """The rows that can be asked: a few of the public sets have no question."""
    return list(_with_words(rows))


def _with_words(rows: Iterable[splits.Row]) -> Iterator[splits.Row]:
    for row in rows:
        if row.answers and any(char.isalnum() for char in row.question):
            yield row
