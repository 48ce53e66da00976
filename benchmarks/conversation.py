"""Follow-ups: what search finds for them as typed, as rewritten, and as a person wrote them out.

    python -m benchmarks.conversation [--split SPLIT] [--rewriter PATH] [--half HALF] [--sample N] [--json F]

BM25 over the shipped articles, no model. ``PATH`` is a JSON Lines file of ``{history, query, rewrite}``;
of it, the rows whose rewrite asks something. The rules were made on the tuning halves: report on the other.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.machine import described
from qa import articles, labels
from qa.conversation import standalone
from qa.labels import Question
from qa.lexical import BM25
from qa.metrics import character_f1, exact_match, mean, percentile, recall
from qa.passages import cut, indexed_text
from qa.relevance import Relevance, key
from qa.types import Passage
from qa.words import Segmenter
from training.splits import half

CORPUS = Path(__file__).parents[1] / "corpus"
FORMS = ("as typed", "rewritten", "written out")
_asks = re.compile(r"吗|什么|怎么|哪|谁|几|多少|为啥|呢|[?？]|如何|是不是|有没有|何")

Figures = dict[str, float]
Rewrite = Callable[[str, Sequence[str]], str]


def main() -> None:
    """Print the figures; with ``--json`` keep them too."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--split", default="report", choices=("tune", "report"))
    parser.add_argument("--rewriter", type=Path)
    parser.add_argument("--half", default="tune", choices=("tune", "report"), help="of the rewriter's rows")
    parser.add_argument("--sample", type=int, default=1000, help="rewriter's rows at most")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    segmenter = Segmenter()

    def rewrite(question: str, history: Sequence[str]) -> str:
        return standalone(question, history, segmenter)

    asked = labels.read(CORPUS / "questions.jsonl").questions
    found: dict[str, Figures] = dict(retrieval(asked, args.split, rewrite, segmenter))
    found["left unchanged"] = unchanged([each for each in asked if not each.history], rewrite)
    if args.rewriter:
        found[f"rewriter, {args.half}"] = rewrites(_rows(args.rewriter, args.half, args.sample), rewrite)
    found["milliseconds"] = timed(asked, rewrite)
    for name, figures in found.items():
        print(f"{name:<16}", "  ".join(f"{what} {value:.4g}" for what, value in figures.items()))
    if args.json:
        kept = {"machine": described(), "split": args.split, "figures": found}
        args.json.write_text(json.dumps(kept, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def retrieval(
    asked: Sequence[Question], split: str, rewrite: Rewrite, segmenter: Segmenter
) -> Iterator[tuple[str, Figures]]:
    """Recall@1 and @5 of the relevant passages, over the answerable follow-ups of ``split``, by form."""
    follow_ups = [each for each in asked if each.history and each.references and each.split == split]
    passages = _passages()
    bm25 = BM25.build(map(indexed_text, passages), segmenter)
    relevance = Relevance(passages)
    for form in FORMS:
        hits = []
        for each in follow_ups:
            rows, _ = bm25.search(_searched(each, form, rewrite), 5)
            wanted = relevance.passages(each)
            hits.append([key(passages[row]) in wanted for row in rows])
        shares = {f"Recall@{k}": mean([recall(flags, k) for flags in hits]) or 0.0 for k in (1, 5)}
        yield form, {**shares, "questions": float(len(follow_ups))}


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


def unchanged(alone: Sequence[Question], rewrite: Rewrite) -> Figures:
    """The share left as typed, each asked after one that shares an article and after one that shares none."""
    related = [(each, other) for each in alone if (other := _other(each, alone, shared=True)) is not None]
    unrelated = [(each, other) for each in alone if (other := _other(each, alone, shared=False)) is not None]
    return {
        f"after {kind}": mean([float(rewrite(a.question, [b.question]) == a.question) for a, b in pairs])
        or 0.0
        for kind, pairs in (("a related one", related), ("an unrelated one", unrelated))
    }


def _other(question: Question, alone: Sequence[Question], *, shared: bool) -> Question | None:
    """The next question that shares an article with ``question`` or, where not ``shared``, shares none."""
    at = alone.index(question)
    sources = set(question.sources)
    for other in (*alone[at + 1 :], *alone[:at]):
        if bool(sources & set(other.sources)) is shared:
            return other
    return None


def _rows(path: Path, wanted: str, size: int) -> list[dict[str, str | list[str]]]:
    """Rows of one half, by SHA-1 of the row number, whose rewrite asks something; evenly spread."""
    lines = enumerate(path.read_text(encoding="utf-8").splitlines())
    rows = [json.loads(line) for at, line in lines if half(str(at)) == wanted]
    asking = [row for row in rows if _asks.search(row["rewrite"])]
    return asking[:: max(1, len(asking) // size)][:size]


def rewrites(rows: Sequence[dict[str, str | list[str]]], rewrite: Rewrite) -> Figures:
    """Exact match and character F1 against the rewrites, beside those of the query as typed."""
    pairs = [
        (str(row["query"]), rewrite(str(row["query"]), row["history"]), str(row["rewrite"])) for row in rows
    ]
    return {
        "EM": mean([exact_match(made, [wanted]) or 0.0 for _, made, wanted in pairs]) or 0.0,
        "F1": mean([character_f1(made, [wanted]) or 0.0 for _, made, wanted in pairs]) or 0.0,
        "F1 as typed": mean([character_f1(typed, [wanted]) or 0.0 for typed, _, wanted in pairs]) or 0.0,
        "rows": float(len(pairs)),
    }


def timed(asked: Sequence[Question], rewrite: Rewrite) -> Figures:
    """Milliseconds of the processor for one rewrite, over the follow-ups."""
    taken = []
    for each in asked:
        if each.history:
            began = time.thread_time()
            rewrite(each.question, each.history)
            taken.append(1000 * (time.thread_time() - began))
    return {f"p{share}": percentile(taken, share) or 0.0 for share in (50, 95)}


if __name__ == "__main__":
    main()
