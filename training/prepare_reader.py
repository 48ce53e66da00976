"""Step 1 of the reader: labelled questions with passages that do not answer them.

    python -m training.prepare_reader --data PATH --out scratch/reader/examples.jsonl

Takes the training parts that ``splits.py`` allows (CMRC 2018 train less every tenth paragraph, DRCD's
even articles). Each line of the output is a question with its paragraph and

- ``hard``: passages that the project's own retrieval brings up and that do not hold the answer;
- ``swapped``: the question about another year, number or name of its paragraph, which thereby (nearly
  always) loses its answer.

The third kind, the paragraph without the answer's sentence, is made while training (``reader_batches``).
To train on questions of your own, write lines of the same form.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from qa import labels
from qa.answering import Assistant
from qa.indexing import index_articles
from qa.settings import AnswerSettings
from qa.text import fold, simplified
from qa.types import Passage, Reading
from qa.words import Segmenter
from training import splits

HARD = 5  # passages kept for a question
SWAPPED = 3
SEED = 20181122
_number = re.compile(r"\d+(?:\.\d+)?")
_title = re.compile(r"《[^》]{1,20}》|“[^”]{1,12}”|「[^」]{1,12}」")


def main(arguments: Sequence[str] | None = None) -> None:
    """Index the paragraphs, search them for every question, and write the examples."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("scratch/reader/examples.jsonl"))
    parser.add_argument("--index", type=Path, default=Path("scratch/reader/index"))
    args = parser.parse_args(arguments)
    rows = training_rows(args.data)
    paragraphs = list(dict.fromkeys((row.relevant[0], row.title) for row in rows))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    articles = [
        labels.paragraph_article("pool", labels.Paragraph(number, text, title))
        for number, (text, title) in enumerate(paragraphs, start=1)
    ]
    index_articles(articles, args.data, args.index)
    chance = random.Random(SEED)
    segmenter = Segmenter()
    with Assistant(args.index, reader=Unasked()) as assistant, args.out.open("w", encoding="utf-8") as out:
        for done, row in enumerate(rows):
            found = example(row, assistant, segmenter, chance)
            out.write(json.dumps(found, ensure_ascii=False) + "\n")
            if sys.stderr.isatty():
                print(f"\r{done}/{len(rows)}", end="", file=sys.stderr)
    print(f"{args.out}: {len(rows):,} questions on {len(paragraphs):,} paragraphs")


class Unasked:
    """Stands where a reader must be: this step only searches, and may run before there is a reader."""

    name = "none"
    settings = AnswerSettings()

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        """Nothing, for each passage."""
        return [Reading(-math.inf) for _ in passages]


def training_rows(data: Path) -> list[splits.Row]:
    """The questions that a reader may be trained on."""
    cmrc = [row for row in splits.cmrc_train(data) if row.split == "train"]
    drcd = [row for row in splits.drcd(data) if row.split == "tune"]
    return [row for row in [*cmrc, *drcd] if row.question.strip() and row.answers]


def example(
    row: splits.Row, assistant: Assistant, segmenter: Segmenter, chance: random.Random
) -> dict[str, Any]:
    """One line of the output."""
    text, start = row.answers[0]
    hits = assistant.search(row.question[:1000], k=30)
    answer = fold(text)
    hard = [
        (hit.passage.article.title, hit.passage.text)
        for hit in hits
        if answer not in fold(hit.passage.text) and not _overlaps(hit.passage, row, start)
    ]
    return {
        "id": row.id,
        "question": row.question,
        "title": row.title,
        "context": row.relevant[0],
        "answer": [start, start + len(text)],
        "hard": hard[:HARD],
        "swapped": list(_swapped(row, segmenter, chance)),
    }


def _overlaps(passage: Passage, row: splits.Row, start: int) -> bool:
    """Whether a passage is a piece of the labelled paragraph that holds part of the answer."""
    same = passage.article.text == row.relevant[0]
    return same and passage.span.start < start + len(row.answers[0][0]) and passage.span.end > start


def _swapped(row: splits.Row, segmenter: Segmenter, chance: random.Random) -> Iterator[str]:
    """The question with a number or a name turned into another one of the paragraph; at most ``SWAPPED``."""
    question, context = simplified(row.question), simplified(row.relevant[0])
    answer, others = simplified(row.answers[0][0]), _named(context, segmenter)
    swaps = [
        (old, new)
        for old, kind in _named(question, segmenter).items()
        for new, other_kind in others.items()
        if kind == other_kind and new not in question and old not in new and new not in answer
    ]
    chance.shuffle(swaps)
    for old, new in swaps[:SWAPPED]:
        yield question.replace(old, new)


def _named(text: str, segmenter: Segmenter) -> dict[str, str]:
    """Numbers, quoted titles and names of ``text`` with their kinds, in order of appearance."""
    found = {match.group(): "number" for match in _number.finditer(text)}
    found |= {match.group(): "title" for match in _title.finditer(text)}
    for start, word, word_class in segmenter.tagged(text):
        if word_class in "phoz" and len(word) > 1:
            found[text[start : start + len(word)]] = word_class
    return found


if __name__ == "__main__":
    main()
