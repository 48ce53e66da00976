"""Step 1 of the encoder: question and passage pairs, and texts to copy the teacher on.

    python -m training.prepare_encoder --data PATH --out scratch/encoder

Takes only what ``splits.py`` allows to train on, and nothing that stands in a reported part. Writes

- ``pairs.jsonl``: a question, a passage that answers it, and up to three that BM25 finds and that do not;
- ``tune.jsonl``: the same of questions kept out of training, for figures between steps;
- ``texts.npz``: token ids of news, passages and questions with their prefix, for distillation.

Everything is in simplified script, as the encoder sees it. The same inputs give the same files. To train
on questions of your own, add lines of the same form to ``pairs.jsonl``.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
from tokenizers import Tokenizer

from qa import labels
from qa.lexical import BM25
from qa.passages import cut, indexed_text
from qa.settings import PassageSettings
from qa.text import fold, sentences, simplified
from qa.types import Passage, Span
from qa.words import Segmenter
from training import splits
from training.text_files import read_texts

__all__ = [
    "Pair",
    "article_pairs",
    "crop",
    "kept_out",
    "main",
    "paragraph_pairs",
    "read_pairs",
    "statute_pairs",
]

TOKENIZER: Final = Path(__file__).parents[1] / "qa" / "models" / "encoder" / "tokenizer.json"
SEED: Final = 20181122
NEGATIVES: Final = 3
LONGEST: Final = 420  # characters of a text; beyond it two cores learn too little in an hour
# Shorter than what is indexed (200 to 300 characters), so that an hour sees twice as many; the long ones
# are represented by whole paragraphs.
CUTS: Final = PassageSettings(target=120, limit=200, overlap=40)


@dataclass(frozen=True, slots=True)
class Pair:
    """A question with a text that answers it. ``group``: pairs that are contrasted with each other.

    ``negatives``  texts near in words that do not answer, nearest first; may be empty
    """

    group: str
    question: str
    positive: str
    negatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question, its passage, and what of the pool counts as answering: ``answer`` or any of ``right``."""

    question: str
    positive: str
    right: frozenset[str]
    answer: str = ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the three files."""
    args = _options().parse_args(arguments)
    args.out.mkdir(parents=True, exist_ok=True)
    chance = random.Random(SEED)
    news = [_body(line) for line in read_texts([str(args.data / "articles" / "*.txt")])]
    news = chance.sample(news, min(len(news), args.articles))
    trained, tuned = _labelled(args.data, args.sample)
    pairs, tune = ([*paragraph_pairs(part[0], chance), *statute_pairs(part[1])] for part in (trained, tuned))
    weak = article_pairs(news, chance, args.weak)
    _write(args.out / "pairs.jsonl", [*pairs, *long_pairs(trained[0], chance, args.long), *weak])
    _write(args.out / "tune.jsonl", tune)
    texts = list(distillation_texts(news, pairs, chance, args.texts))
    _pack(args.out / "texts.npz", texts)
    print(f"{args.out}: {len(pairs):,} pairs, {len(tune):,} kept out, {len(texts):,} texts")


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.prepare_encoder")
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    parser.add_argument("--out", type=Path, default=Path("scratch/encoder"))
    parser.add_argument("--texts", type=int, default=60_000, help="texts for distillation")
    parser.add_argument("--articles", type=int, default=30_000, help="news articles to draw from")
    parser.add_argument("--long", type=int, default=2_000, help="questions with a whole paragraph")
    parser.add_argument("--weak", type=int, default=2_000, help="first sentences paired with later passages")
    parser.add_argument("--sample", type=int, help="labelled questions of each set at most, for a trial")
    return parser


Parts = tuple[list[splits.Row], list[splits.Row]]


def _labelled(data: Path, sample: int | None) -> tuple[Parts, Parts]:
    """What is trained on and what is kept out of it: each paragraphs' questions and statutes' questions."""
    drcd, cmrc, stard = splits.drcd(data), splits.cmrc_train(data), splits.stard(data)
    reported = {text for row in [*drcd, *stard] if row.split == "report" for text in row.relevant}
    reported |= {text for row in splits.cmrc_trial(data) for text in row.relevant}
    wiki = [row for row in [*cmrc, *drcd] if row.split != "report" and row.answers and row.question.strip()]
    wiki = [row for row in wiki if row.relevant[0] not in reported]
    law = [_without(row, reported) for row in stard if row.split != "report"]
    groups = [wiki, [row for row in law if row.relevant]]
    trained, tuned = (
        [[row for row in rows if kept_out(row) is out] for rows in groups] for out in (False, True)
    )
    return _cut_short(trained, sample), _cut_short(tuned, sample)


def _cut_short(parts: list[list[splits.Row]], sample: int | None) -> Parts:
    wiki, law = (rows[:: max(1, len(rows) // sample)][:sample] if sample else rows for rows in parts)
    return wiki, law


def _without(row: splits.Row, reported: set[str]) -> splits.Row:
    """The question without the statutes that answer a reported one too."""
    relevant = tuple(text for text in row.relevant if text not in reported)
    return splits.Row(row.id, row.question, relevant, row.answers, row.title, row.split)


def kept_out(row: splits.Row) -> bool:
    """Whether a question is for figures between steps: CMRC's tenth, a tenth of DRCD's and STARD's parts.

    DRCD's ids begin with the number of the article, STARD's are numbers.
    """
    if row.id.startswith("TRAIN"):
        return row.split == "tune"
    return int(row.id.split("-")[0]) % 10 == 1


def paragraph_pairs(rows: Sequence[splits.Row], chance: random.Random) -> list[Pair]:
    """Each question with the passage of its paragraph that holds the answer, as it is indexed.

    Half of the paragraphs go without their title, as many articles do.
    """
    pool: dict[str, list[Passage]] = {}
    asked = []
    for row in rows:
        passages = pool.setdefault(row.relevant[0], [])
        if not passages:
            title = row.title if chance.random() < 0.5 else ""
            paragraph = labels.Paragraph(len(pool), row.relevant[0], title)
            passages.extend(cut(labels.paragraph_article("pool", paragraph), CUTS))
        text, start = row.answers[0]
        best = max(passages, key=lambda passage: _shared(passage.span, Span(start, start + len(text))))
        near = frozenset(_seen(p) for p in passages if _shared(p.span, best.span))
        asked.append(_Asked(simplified(row.question), _seen(best), near, fold(text)))
    texts = list(dict.fromkeys(_seen(passage) for passages in pool.values() for passage in passages))
    return list(_with_negatives("passages", asked, texts))


def _shared(left: Span, right: Span) -> int:
    return max(0, min(left.end, right.end) - max(left.start, right.start))


def _seen(passage: Passage) -> str:
    return simplified(indexed_text(passage))


def statute_pairs(rows: Sequence[splits.Row]) -> list[Pair]:
    """Each legal question with each statute that answers it."""
    asked = []
    for row in rows:
        right = frozenset(simplified(text)[:LONGEST] for text in row.relevant)
        asked += [_Asked(simplified(row.question), text, right) for text in sorted(right)]
    texts = [simplified(text)[:LONGEST] for text in splits.statutes(rows)]
    return list(_with_negatives("statutes", asked, texts))


def _with_negatives(group: str, asked: Sequence[_Asked], texts: Sequence[str]) -> Iterator[Pair]:
    bm25 = BM25.build(texts, Segmenter())
    folded = [fold(text) for text in texts]
    for each in asked:
        rows, _ = bm25.search(each.question, 20)
        wrong = [
            texts[row]
            for row in rows
            if texts[row] not in each.right and not (each.answer and each.answer in folded[row])
        ]
        yield Pair(group, each.question, each.positive, tuple(wrong[:NEGATIVES]))


def long_pairs(rows: Sequence[splits.Row], chance: random.Random, count: int) -> list[Pair]:
    """Questions with their whole paragraph, cut to ``LONGEST`` around the answer."""
    chosen = chance.sample(list(rows), min(count, len(rows)))
    return [
        Pair(
            "paragraphs",
            simplified(row.question),
            simplified(crop(row.relevant[0], row.answers[0][1], LONGEST, chance)),
        )
        for row in chosen
    ]


def crop(text: str, place: int, size: int, chance: random.Random) -> str:
    """``size`` characters of ``text`` that hold the one at ``place``."""
    first, last = max(0, place - size + 1), min(place, max(0, len(text) - size))
    start = chance.randint(min(first, last), last)
    return text[start : start + size]


def article_pairs(news: Sequence[str], chance: random.Random, count: int) -> list[Pair]:
    """First sentences of articles, which stand for questions, with a later passage of the same article."""
    found = []
    for text in news:
        spans = sentences(text, Span(0, len(text)))
        if len(spans) < 4 or not 12 <= len(spans[0]) <= 60:
            continue
        start = spans[chance.randrange(2, len(spans) - 1)].start
        lead, later = spans[0].of(text), text[start : start + chance.randint(100, 220)]
        found.append(Pair("articles", simplified(lead), simplified(later)))
        if len(found) == count:
            break
    return found


def distillation_texts(
    news: Sequence[str], pairs: Sequence[Pair], chance: random.Random, count: int
) -> Iterator[str]:
    """``count`` texts with their prefix: news of many lengths, leads, and what the pairs are made of."""
    own = list(dict.fromkeys(chain.from_iterable((p.positive, *p.negatives) for p in pairs)))
    asked = list(dict.fromkeys(p.question for p in pairs))
    for text in chance.sample(own, min(len(own), count // 5)):
        yield f"passage: {text}"
    for text in chance.sample(asked, min(len(asked), count // 5)):
        yield f"query: {text}"
    for at in range(count * 3 // 5):
        yield _excerpt(simplified(news[at % len(news)]), chance)


def _excerpt(text: str, chance: random.Random) -> str:
    """A piece of an article, from a sentence's start; one in six like a headline or a question."""
    spans = sentences(text, Span(0, len(text)))
    start = spans[chance.randrange(len(spans))].start if spans else 0
    if chance.random() < 1 / 6:
        return f"{chance.choice(('query', 'passage'))}: {text[start : start + chance.randint(6, 40)]}"
    longest = LONGEST if chance.random() < 0.12 else 200
    return f"passage: {text[start : start + chance.randint(30, longest)]}"


def _body(line: str) -> str:
    """An article without its time and what the site put before the text."""
    return line.partition("正文：")[2].strip() or line.strip()


def _write(path: Path, pairs: Iterable[Pair]) -> None:
    lines = (json.dumps(asdict(pair), ensure_ascii=False) + "\n" for pair in pairs)
    path.write_text("".join(lines), encoding="utf-8")


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a file in the form of ``pairs.jsonl``."""
    rows: Iterator[dict[str, Any]] = map(json.loads, path.read_text("utf-8").splitlines())
    return [Pair(r["group"], r["question"], r["positive"], tuple(r["negatives"])) for r in rows]


def _pack(path: Path, texts: Sequence[str]) -> None:
    """Token ids one text after another (uint16, as the vocabulary has 28,000 pieces) and where each ends."""
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    tokenizer.enable_truncation(384)
    encoded = [each.ids for each in tokenizer.encode_batch(list(texts))]
    np.savez(
        path,
        ids=np.fromiter(chain.from_iterable(encoded), dtype=np.uint16),
        ends=np.cumsum([len(ids) for ids in encoded]),
    )


if __name__ == "__main__":
    main()
