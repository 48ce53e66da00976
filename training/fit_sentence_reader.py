"""Fit the weights of the sentence reader and the threshold below which the system abstains.

    python -m training.fit_sentence_reader --data PATH [--labels corpus/questions.jsonl]

Only tuning parts are looked at: the ``tune`` half of the shipped questions, every tenth paragraph of
CMRC 2018 train, and the even half of DRCD. A third of the public questions are asked of an index without
their paragraph, so that "the articles do not tell" is learnt too. Two steps: a logistic regression tells
sentences that hold the answer from those that do not; a second one (Platt 1999) turns the best
sentence's score into the chance that it is right.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qa import encoder, labels
from qa.answering import Assistant
from qa.indexing import build_index, index_articles
from qa.reading import FEATURES, Question, SentenceReader
from qa.relevance import matches
from qa.settings import AnswerSettings
from qa.types import Passage
from qa.words import Segmenter
from training import splits

TARGET = Path(__file__).parents[1] / "qa" / "data" / "sentence-reader.json"
READ = AnswerSettings().read
# Set, not fitted: the tuning questions hardly tell (about one right answer in a hundred fewer, two wrong
# ones to unanswerable questions fewer), but a quote about another city or year is what costs trust.
SET = {"rival_place": -3.0, "rival_year": -2.0}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with the passages that were found for it. No ``answers``: nothing answers it."""

    question: str
    answers: tuple[str, ...]
    sources: tuple[str, ...]
    passages: tuple[Passage, ...]
    weight: float


def main() -> None:
    """Fit, write the weights, and print the figures of the tuning questions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--labels", type=Path, default=Path("corpus/questions.jsonl"))
    parser.add_argument("--articles", type=Path, default=Path("corpus/articles"))
    parser.add_argument("--sample", type=int, default=400)
    args = parser.parse_args()
    from sklearn.linear_model import LogisticRegression

    reader = SentenceReader(encoder.load(), Segmenter(), [0.0] * len(FEATURES))
    asked = [*_shipped(args), *_public(args)]
    rows, marks, weights, groups = _table(reader, asked)
    answerable = np.array([bool(each.answers) for each in asked])
    first = LogisticRegression(fit_intercept=False, C=10.0, max_iter=1000)
    first.fit(rows, marks, sample_weight=weights)
    scores = rows @ first.coef_[0]
    best = np.array([group.start + int(np.argmax(scores[group])) for group in groups])
    platt = LogisticRegression(C=100.0)
    platt.fit(scores[best, None], marks[best], sample_weight=weights[best])
    found = first.coef_[0] * platt.coef_[0][0]
    found[0] += platt.intercept_[0]
    *weights_, rank_weight = found.tolist()
    print(f"rank_weight for qa/settings.py: {rank_weight:.2f}")
    _report(1 / (1 + np.exp(-(rows[best] @ found))), marks[best], answerable)
    made = {
        "made_by": "training/fit_sentence_reader.py",
        "weights": {name: round(float(value), 4) for name, value in zip(FEATURES, weights_, strict=True)}
        | SET,
    }
    TARGET.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")


def _shipped(args: argparse.Namespace) -> Iterator[Asked]:
    """The tuning half of the shipped questions over the shipped articles."""
    questions = [q for q in labels.read(args.labels).questions if q.split == "tune"]
    with tempfile.TemporaryDirectory() as folder:
        build_index(args.articles, folder)
        with Assistant.open(folder) as assistant:
            for each in questions:
                asked = assistant.standalone(each.question, each.history)
                hits = assistant.search(asked, k=READ)
                yield Asked(asked, each.answers, each.sources, tuple(h.passage for h in hits), 1.0)


def _public(args: argparse.Namespace) -> Iterator[Asked]:
    """Tuning questions of CMRC and DRCD over their paragraphs, every third without its own."""
    cmrc = [row for row in splits.cmrc_train(args.data) if row.split == "tune"]
    drcd = [row for row in splits.drcd(args.data) if row.split == "tune"]
    asked = [*cmrc[:: max(1, len(cmrc) // args.sample)], *drcd[:: max(1, len(drcd) // args.sample)]]
    left_out = {row.relevant[0] for row in asked[::3]}
    texts = list(dict.fromkeys(row.relevant[0] for row in [*cmrc, *drcd] if row.relevant[0] not in left_out))
    folder = Path("scratch/fit-public")  # kept, so that a second run embeds nothing anew
    paragraphs = [labels.Paragraph(number, text) for number, text in enumerate(texts, start=1)]
    index_articles([labels.paragraph_article("pool", each) for each in paragraphs], args.labels, folder)
    with Assistant.open(folder) as assistant:
        for row in asked:
            passages = tuple(hit.passage for hit in assistant.search(row.question, k=READ))
            answers = () if row.relevant[0] in left_out else tuple(text for text, _ in row.answers)
            yield Asked(row.question, answers, (), passages, 0.5)


def _table(reader: SentenceReader, asked: Sequence[Asked]) -> tuple[Any, Any, Any, list[slice]]:
    """Features and reciprocal rank, marks and weights of every candidate sentence; rows by question."""
    rows: list[tuple[float, ...]] = []
    marks: list[bool] = []
    weights: list[float] = []
    groups: list[slice] = []
    for done, each in enumerate(asked):
        question = Question.parse(each.question, Segmenter())
        chosen = [reader.candidates(question, passage) for passage in each.passages]
        found = [sentence for group in chosen for sentence in group]
        ranks = [rank for rank, group in enumerate(chosen, start=1) for _ in group]
        start = len(rows)
        rows += [(*row, 1 / rank) for row, rank in zip(reader.features(question, found), ranks, strict=True)]
        marks += [_answers(each, s.passage.article.source, s.span.of(s.passage.article.text)) for s in found]
        weights += [each.weight] * len(found)
        groups.append(slice(start, len(rows)))
        if sys.stderr.isatty():
            print(f"\r{done}/{len(asked)}", end="", file=sys.stderr)
    return np.array(rows), np.array(marks), np.array(weights), groups


def _answers(asked: Asked, source: str, sentence: str) -> bool:
    right_place = not asked.sources or matches(source, asked.sources)
    return right_place and any(answer in sentence for answer in asked.answers)


def _report(confidence: Any, right: Any, answerable: Any) -> None:
    """What each threshold would do on the tuning questions; the best harmonic mean is the one to ship."""
    print("threshold  answered  wrong among them  answered rightly  refused rightly  harmonic mean")
    for threshold in np.arange(0.2, 0.85, 0.05):
        chosen = confidence >= threshold
        wrong = 1 - right[chosen].mean() if chosen.any() else float("nan")
        answered, refused = (chosen & right)[answerable].mean(), (~chosen)[~answerable].mean()
        mean = 2 * answered * refused / (answered + refused)
        print(f"  {threshold:.2f}      {chosen.mean():.3f}     {wrong:.3f}", end="")
        print(f"             {answered:.3f}             {refused:.3f}            {mean:.3f}")


if __name__ == "__main__":
    main()
