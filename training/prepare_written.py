"""Step 1b of the reader: questions written for it by hand, as training examples beside the public ones.

    python -m training.prepare_written --data PATH --out scratch/reader/written.jsonl \\
        --public scratch/reader/examples.jsonl --keep 6000

``questions/news.jsonl`` holds questions on news (``PATH/articles``) in users' words and not the article's,
``questions/encyclopaedia*.jsonl`` further questions on paragraphs of CMRC 2018's training part. Of the text
they have the file's name with the line, and where in the article or paragraph the answer stands, nothing
else. Each comes with a near miss, a question on the same matter that the text does not answer. One article of
news in eight is ``tune``: nothing is trained on it.

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
from training.splits import Row, Split, cmrc_train

__all__ = ["ENCYCLOPAEDIA", "NEWS", "Written", "written"]

NEWS = Path(__file__).with_name("questions") / "news.jsonl"
ENCYCLOPAEDIA = (NEWS.with_name("encyclopaedia.jsonl"), NEWS.with_name("encyclopaedia-2.jsonl"))
BODY = "正文："  # what goes before a text is the time of the article
PARAGRAPHS = "cmrc2018.train.jsonl"
EVERY = 40  # one article in so many is searched beside those that are asked about


@dataclass(frozen=True, slots=True)
class Written:
    """One question. ``near_miss``: what the same text does not answer."""

    row: Row
    near_miss: str


def main(arguments: Sequence[str] | None = None) -> None:
    """Index the articles, search them for every question, and write the examples in random order."""
    parser = argparse.ArgumentParser(prog="python -m training.prepare_written")
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--questions", type=Path, nargs="+", default=[NEWS, *ENCYCLOPAEDIA])
    parser.add_argument("--index", type=Path, default=Path("scratch/reader/written-index"))
    parser.add_argument("--take", metavar="N", type=int, help="so many of the questions, drawn; else all")
    parser.add_argument("--public", type=Path, help="what prepare_reader wrote, to be mixed in")
    parser.add_argument("--keep", metavar="N", type=int, default=0, help="lines of it that are mixed in")
    parser.add_argument("--out", type=Path, default=Path("scratch/reader/written.jsonl"))
    args = parser.parse_args(arguments)
    asked = [each for each in written(args.data, *args.questions) if each.row.split == "train"]
    lines = list(_examples(asked, args.data, args.index))
    chance = random.Random(SEED)
    if args.take is not None:
        lines = chance.sample(lines, min(args.take, len(lines)))
    own = len(lines)
    if args.public is not None:
        public = args.public.read_text("utf-8").splitlines()
        lines += chance.sample(public, min(args.keep, len(public)))
    chance.shuffle(lines)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    print(f"{args.out}: {own:,} questions written by hand, {len(lines) - own:,} others")


def written(data: Path, *files: Path) -> list[Written]:
    """The questions with their texts; ``split`` is ``tune`` for one article of news in eight, else ``train``.

    ``data``: folder of the public sets; ``files``: ``NEWS`` and the like, one question a line.
    """
    rows = [
        (f"{file.stem}-{number}", json.loads(line))
        for file in files
        for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1)
    ]
    texts = _texts(data, {row["article"] for _, row in rows})
    return [_written(name, row, *texts[row["article"]]) for name, row in rows]


def _written(name: str, row: dict[str, Any], title: str, text: str) -> Written:
    start, end = row["answer"]
    eighth = int(sha1(row["article"].encode()).hexdigest(), 16) % 8 == 0
    split: Split = "tune" if eighth and not row["article"].startswith(PARAGRAPHS) else "train"
    return Written(
        Row(name, row["question"], (text,), ((text[start:end], start),), title, split), row["near_miss"]
    )


def _texts(data: Path, places: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Title and text by ``file:line``, lines counted from 0."""
    wanted = {place.rpartition(":")[0] for place in places}
    lines = {name: _lines(data, name) for name in sorted(wanted)}
    found = {}
    for place in places:
        name, _, line = place.rpartition(":")
        found[place] = lines[name][int(line)]
    return found


def _lines(data: Path, name: str) -> list[tuple[str, str]]:
    """Title and text of each line of one file; a line of news has no title."""
    if name != PARAGRAPHS:
        return [("", _body(line)) for line in (data / "articles" / name).read_text("utf-8").split("\n")]
    return [("", "") if row.split == "tune" else (row.title, row.relevant[0]) for row in cmrc_train(data)]


def _body(line: str) -> str:
    _, mark, text = line.partition(BODY)
    return text if mark else line


def _examples(asked: Sequence[Written], data: Path, index: Path) -> Iterator[str]:
    """A line for each question."""
    texts = dict.fromkeys([*(each.row.relevant[0] for each in asked), *_others(data)])
    articles = [
        labels.paragraph_article("written", labels.Paragraph(number, text))
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
