"""Follow-ups: what search finds for them as typed, as rewritten, and as a person wrote them out.

    python -m benchmarks.conversation [--rewriter PATH] [--sample N] [--json FILE]

BM25 over the shipped articles, no model; the names that it finds for a question and the ones before it are
known, as to ``qa ask``. Both halves of the labels: the rules were made on ``tune``, ``report`` counts.
``PATH`` is a JSON Lines file of ``{history, query, rewrite}``, people's chatter with rewrites by hand; of its
tuning half (``training.splits.half`` of the row number), as an aside, the rows that are like questions here:
the query asks, and the earlier turns that ask, which are all of the history, hold what the rewrite adds.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.machine import described
from qa import articles, labels
from qa.conversation import names_in, standalone
from qa.labels import Question
from qa.lexical import BM25
from qa.metrics import exact_match, mean, percentile, recall
from qa.passages import cut, indexed_text
from qa.relevance import Relevance, key
from qa.types import Passage
from qa.words import Segmenter
from training.splits import half

CORPUS = Path(__file__).parents[1] / "corpus"
FORMS = ("as typed", "rewritten", "written out")
SPLITS = ("tune", "report")
_asks = re.compile(r"吗|什么|怎么|哪|谁|几|多少|多久|为啥|呢|[?？]|如何|是不是|有没有|何|么$")

Figures = dict[str, float]
Rewrite = Callable[[str, Sequence[str]], str]


def main() -> None:
    """Print the figures; with ``--json`` keep them too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rewriter", type=Path)
    parser.add_argument("--sample", type=int, default=1000, help="rewriter's rows at most")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    shelf = Shelf()
    asked = labels.read(CORPUS / "questions.jsonl").questions
    found: dict[str, Figures] = {}
    for split in SPLITS:
        chosen = [each for each in asked if each.split == split]
        for form, figures in retrieval([each for each in chosen if each.history], shelf):
            found[f"{form}, {split}"] = figures
        found[f"left unchanged, {split}"] = unchanged(chosen, shelf.rewritten)
    if args.rewriter:
        found["rewriter, tune"] = rewrites(_rows(args.rewriter, args.sample), shelf.segmenter)
    found["milliseconds"] = timed(asked, shelf)
    for name, figures in found.items():
        print(f"{name:<22}", "  ".join(f"{what} {value:.4g}" for what, value in figures.items()))
    if args.json:
        kept = {"machine": described(), "figures": found}
        args.json.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


class Shelf:
    """The shipped articles in BM25, and follow-ups rewritten with the names that it finds."""

    def __init__(self) -> None:
        self.segmenter = Segmenter()
        self.passages = _passages()
        self.bm25 = BM25.build(map(indexed_text, self.passages), self.segmenter)
        self.relevance = Relevance(self.passages)

    def found(self, question: str, k: int) -> list[Passage]:
        """The ``k`` best passages."""
        return [self.passages[row] for row in self.bm25.search(question, k)[0]]

    def rewritten(self, question: str, history: Sequence[str]) -> str:
        """The question as it is searched, with names as ``qa.answering`` gathers them."""
        found = [passage for each in (*history[-3:], question) for passage in self.found(each, 10)]
        heads = [head for passage in found for head in (passage.article.title, *passage.heading)]
        names = names_in(heads, [passage.text for passage in found], self.segmenter)
        return standalone(question, history, self.segmenter, names=names)


def retrieval(follow_ups: Sequence[Question], shelf: Shelf) -> Iterator[tuple[str, Figures]]:
    """How many answerable follow-ups find a relevant passage first, and among the first 5, by form."""
    answerable = [each for each in follow_ups if each.references]
    for form in FORMS:
        hits = []
        for each in answerable:
            wanted = shelf.relevance.passages(each)
            found = shelf.found(_searched(each, form, shelf.rewritten), 5)
            hits.append([key(passage) in wanted for passage in found])
        shares = {f"Recall@{k}": mean([recall(flags, k) for flags in hits]) or 0.0 for k in (1, 5)}
        yield form, {**shares, "questions": float(len(answerable))}


def _searched(question: Question, form: str, rewrite: Rewrite) -> str:
    if form == "rewritten":
        return rewrite(question.question, question.history)
    return question.question if form == "as typed" else question.standalone or question.question


def _passages() -> list[Passage]:
    folder = CORPUS / "articles"
    return [
        passage
        for path in articles.find(folder).files
        for article in articles.read(path, source=path.relative_to(folder).as_posix()).articles
        for passage in cut(article)
    ]


def unchanged(chosen: Sequence[Question], rewrite: Rewrite) -> Figures:
    """The share left as typed of what stands alone: each question after one that shares an article with it
    and after one that shares none, and each follow-up as written out by hand, after its own history.
    """
    alone = [each for each in chosen if not each.history]
    others = {shared: [_other(each, alone, shared=shared) for each in alone] for shared in (True, False)}
    asked = {
        name: [
            (each.question, [other.question])
            for each, other in zip(alone, others[shared], strict=True)
            if other
        ]
        for name, shared in (("after a related one", True), ("after an unrelated one", False))
    }
    asked["written out"] = [(each.standalone, list(each.history)) for each in chosen if each.standalone]
    return {
        name: mean([float(rewrite(question, history) == question) for question, history in pairs]) or 0.0
        for name, pairs in asked.items()
    }


def _other(question: Question, alone: Sequence[Question], *, shared: bool) -> Question | None:
    """The next question that shares an article with ``question`` or, where not ``shared``, shares none."""
    at = alone.index(question)
    sources = set(question.sources)
    for other in (*alone[at + 1 :], *alone[:at]):
        if bool(sources & set(other.sources)) is shared:
            return other
    return None


def _rows(path: Path, size: int) -> list[tuple[str, list[str], str]]:
    """Query, earlier questions and rewrite of the rows that are like questions; evenly spread."""
    found = []
    for at, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        query, made = row["query"], row["rewrite"]
        history = [turn for turn in row["history"] if _asks.search(turn)]
        like = bool(history) and bool(_asks.search(query)) and set(made) <= set("".join((*history, query)))
        if like and half(str(at)) == "tune":
            found.append((query, history, made))
    return found[:: max(1, len(found) // size)][:size]


def rewrites(rows: Sequence[tuple[str, list[str], str]], segmenter: Segmenter) -> Figures:
    """Exact match with the rewrite by hand, and of the characters that it adds to the query: precision (of
    those that ours adds), recall and their F1, summed over all rows.
    """
    made = [(query, standalone(query, history, segmenter), wanted) for query, history, wanted in rows]
    added = [(_added(query, ours), _added(query, wanted)) for query, ours, wanted in made]
    both = sum((ours & wanted).total() for ours, wanted in added)
    ours, wanted = (sum(each[at].total() for each in added) for at in (0, 1))
    return {
        "EM": mean([exact_match(ours, [wanted]) or 0.0 for _, ours, wanted in made]) or 0.0,
        "precision": both / max(ours, 1),
        "recall": both / max(wanted, 1),
        "F1": 2 * both / max(ours + wanted, 1),
        "rows": float(len(rows)),
    }


def _added(query: str, made: str) -> Counter[str]:
    """The letters and digits of ``made`` beyond those of ``query``."""
    return Counter(filter(str.isalnum, made)) - Counter(query)


def timed(asked: Sequence[Question], shelf: Shelf) -> Figures:
    """Milliseconds of the processor for one rewrite with the search for names, over the follow-ups; and
    after 20 earlier questions.
    """
    follow_ups = [each for each in asked if each.history]
    long = [each.question for each in follow_ups][-20:]
    taken: dict[str, list[float]] = {"one": [], "after 20": []}
    for each in follow_ups:
        for name, history in (
            ("one", list(each.history)),
            ("after 20", [*long[: 20 - len(each.history)], *each.history]),
        ):
            began = time.thread_time()
            shelf.rewritten(each.question, history)
            taken[name].append(1000 * (time.thread_time() - began))
    return {f"{name} p{p}": percentile(times, p) or 0.0 for name, times in taken.items() for p in (50, 95)}


if __name__ == "__main__":
    main()
