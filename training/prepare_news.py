"""Step 1b of the reader: the project's own questions on news, as training examples beside the public ones.

    python -m training.prepare_news --data PATH --out scratch/reader/news.jsonl \\
        --public scratch/reader/examples.jsonl --keep 4000

``questions/news.jsonl`` holds questions that were written by hand for this purpose, in users' words and not
the article's, on articles of ``PATH/articles``: of those it has the file's name with the line, and where in
the article's text the answer stands, nothing else. Each comes with a near miss, a question on the same
matter that the article does not answer. One article in eight is ``tune``: nothing is trained on it.

Lines are those of ``prepare_reader``; the near miss stands where swapped questions stand.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any

from qa import labels
from qa.answering import Assistant
from qa.indexing import index_articles
from qa.words import Segmenter
from training.prepare_reader import SEED, Unasked, example
from training.splits import Row, Split

__all__ = ["QUESTIONS", "News", "news"]

QUESTIONS = Path(__file__).with_name("questions") / "news.jsonl"
BODY = "正文："  # what goes before a text is the time of the article
EVERY = 40  # one article in so many is searched beside those that are asked about


@dataclass(frozen=True, slots=True)
class News:
    """One question. ``near_miss``: what the same article does not answer."""

    row: Row
    near_miss: str


def main(arguments: Sequence[str] | None = None) -> None:
    """Index the articles, search them for every question, and write the examples in random order."""
    parser = argparse.ArgumentParser(prog="python -m training.prepare_news")
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--questions", type=Path, default=QUESTIONS)
    parser.add_argument("--index", type=Path, default=Path("scratch/reader/news-index"))
    parser.add_argument("--public", type=Path, help="what prepare_reader wrote, to be mixed in")
    parser.add_argument("--keep", metavar="N", type=int, default=0, help="lines of it that are mixed in")
    parser.add_argument("--out", type=Path, default=Path("scratch/reader/news.jsonl"))
    args = parser.parse_args(arguments)
    asked = [each for each in news(args.data, args.questions) if each.row.split == "train"]
    lines = list(_examples(asked, args.data, args.index))
    chance = random.Random(SEED)
    if args.public is not None:
        public = args.public.read_text("utf-8").splitlines()
        lines += chance.sample(public, min(args.keep, len(public)))
    chance.shuffle(lines)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    print(f"{args.out}: {len(asked):,} questions on news, {len(lines) - len(asked):,} others")


def news(data: Path, questions: Path = QUESTIONS) -> list[News]:
    """The questions with their articles; ``split`` is ``tune`` for one article in eight, else ``train``."""
    rows = [json.loads(line) for line in questions.read_text("utf-8").splitlines()]
    texts = _texts(data, {row["article"] for row in rows})
    return [_news(number, row, texts[row["article"]]) for number, row in enumerate(rows, start=1)]


def _news(number: int, row: dict[str, Any], text: str) -> News:
    start, end = row["answer"]
    eighth = int(sha1(row["article"].encode()).hexdigest(), 16) % 8 == 0
    split: Split = "tune" if eighth else "train"
    found = Row(f"news-{number}", row["question"], (text,), ((text[start:end], start),), "", split)
    return News(found, row["near_miss"])


def _texts(data: Path, places: Iterable[str]) -> dict[str, str]:
    """Texts of articles by ``file:line``, lines counted from 0."""
    wanted = {place.rpartition(":")[0] for place in places}
    files = {name: (data / "articles" / name).read_text("utf-8").split("\n") for name in sorted(wanted)}
    found = {}
    for place in places:
        name, _, line = place.rpartition(":")
        found[place] = _body(files[name][int(line)])
    return found


def _body(line: str) -> str:
    _, mark, text = line.partition(BODY)
    return text if mark else line


def _examples(asked: Sequence[News], data: Path, index: Path) -> Iterator[str]:
    """A line for each question."""
    texts = dict.fromkeys([*(each.row.relevant[0] for each in asked), *_others(data)])
    articles = [
        labels.paragraph_article("news", labels.Paragraph(number, text))
        for number, text in enumerate(texts, start=1)
    ]
    index_articles(articles, data, index)
    chance, segmenter = random.Random(SEED), Segmenter()
    with Assistant(index, reader=Unasked()) as assistant:
        for each in asked:
            found = example(each.row, assistant, segmenter, chance) | {"swapped": [each.near_miss]}
            yield json.dumps(found, ensure_ascii=False)


def _others(data: Path) -> Iterator[str]:
    for path in sorted((data / "articles").glob("*.txt")):
        yield from (_body(line) for line in path.read_text("utf-8").split("\n")[::EVERY] if line.strip())


if __name__ == "__main__":
    main()
