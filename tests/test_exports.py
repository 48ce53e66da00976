"""What is written for outside scorers, and that a scorer gets the run's own figures from it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scorers import ir_measures

from qa.errors import InputError
from qa.evaluation import Outcome, Run
from qa.exports import passage_name, predictions, qrels, question_name, trec_run
from qa.labels import Question, Reference
from qa.relevance import Key, key
from qa.types import Answer, Article, Citation, Hit, Passage, Span

ARTICLE = Article("城市 志/a.md", "甲乙丙丁。" * 12, "题", "城市 志/a.md", "0" * 64, "utf-8")
PASSAGES = [Passage(ARTICLE, Span(start, start + 5), number=start // 5) for start in range(0, 60, 5)]


def outcome(
    name: str, ranking: Sequence[int], relevant: Collection[int], *, answerable: bool = True
) -> Outcome:
    """A question whose ranking is given by rows; the answer is the first passage's first character."""
    hits = tuple(Hit(PASSAGES[row], 0.5) for row in ranking)
    first = [
        Citation(hit.passage, Span(hit.passage.span.start, hit.passage.span.start + 1), hit.passage.span)
        for hit in hits[:1]
    ]
    answer = Answer("?", "?", tuple(first), 0.5, hits)
    question = Question(name, "?", (Reference("甲"),) if answerable else ())
    return Outcome(question, answer, answer, tuple(row in relevant for row in ranking), len(relevant))


# Found first; found at 3 and 11 of three; found at 6; not found; found nothing; in no passage; unanswerable.
RELEVANT: Mapping[str, Collection[int]] = {
    "q 1": [4],
    "q2": [2, 11, 7],
    "q3": [5],
    "q4": [8, 9],
    "q5": [1],
    "q6": [],
    "q7": [],
}
RUN = Run(
    {},
    (
        outcome("q 1", [4, 3], RELEVANT["q 1"]),
        outcome("q2", [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11], RELEVANT["q2"]),
        outcome("q3", [0, 1, 2, 3, 4, 5], RELEVANT["q3"]),
        outcome("q4", [0], RELEVANT["q4"]),
        outcome("q5", [], RELEVANT["q5"]),
        outcome("q6", [3], RELEVANT["q6"]),
        outcome("q7", [3], RELEVANT["q7"], answerable=False),
    ),
)


def relevant(question: Question) -> frozenset[Key]:
    return frozenset(key(PASSAGES[row]) for row in RELEVANT[question.id])


def test_predictions() -> None:
    written = predictions(RUN)
    assert json.loads(written) == {
        "q 1": "甲",
        "q2": "甲",
        "q3": "甲",
        "q4": "甲",
        "q5": "",
        "q6": "甲",
        "q7": "甲",
    }
    assert written.startswith('{\n "q 1": "甲",\n')


def test_a_trec_run_keeps_the_order_of_the_hits_even_where_their_scores_tie() -> None:
    lines = trec_run(RUN).splitlines()
    assert lines[:2] == ["q%201 Q0 城市%20志/a.md:20-25 1 2 qa", "q%201 Q0 城市%20志/a.md:15-20 2 1 qa"]
    assert [line.split()[3:5] for line in lines if line.startswith("q3 ")] == [
        ["1", "6"],
        ["2", "5"],
        ["3", "4"],
        ["4", "3"],
        ["5", "2"],
        ["6", "1"],
    ]
    assert len(lines) == 2 + 11 + 6 + 1 + 0 + 1 + 1


def test_judgements_hold_what_was_not_retrieved_too() -> None:
    assert qrels(RUN, relevant) == (
        "q%201 0 城市%20志/a.md:20-25 1\n"
        "q2 0 城市%20志/a.md:10-15 1\n"
        "q2 0 城市%20志/a.md:35-40 1\n"
        "q2 0 城市%20志/a.md:55-60 1\n"
        "q3 0 城市%20志/a.md:25-30 1\n"
        "q4 0 城市%20志/a.md:40-45 1\n"
        "q4 0 城市%20志/a.md:45-50 1\n"
        "q5 0 城市%20志/a.md:5-10 1\n"
        "q6 0 none 0\n"
    )


def test_an_outside_scorer_gets_the_figures_of_the_run() -> None:
    measures, theirs = ir_measures()
    found = measures.calc_aggregate(
        theirs.values(),
        list(measures.read_trec_qrels(qrels(RUN, relevant))),
        list(measures.read_trec_run(trec_run(RUN))),
    )
    summary = RUN.to_dict()["summary"]
    assert {name: round(found[measure], 6) for name, measure in theirs.items()} == {
        name: summary[name] for name in theirs
    }
    assert (summary["Recall@1"], summary["MRR@10"]) == (0.166667, 0.25)  # (1 + 1/3 + 1/6) / 6


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("c001", "c001"),
        ("line 3", "line%203"),
        ("100%", "100%25"),
        ("a\u3000b\tc\x85", "a%E3%80%80b%09c%C2%85"),
        ("\ufeff问", "%EF%BB%BF问"),
        ("\udc80", "%ED%B2%80"),
    ],
)
def test_names_are_one_word(text: str, name: str) -> None:
    assert question_name(text) == name
    assert passage_name((text, 3, 9)) == f"{name}:3-9"


@given(st.lists(st.text(min_size=1), min_size=2, max_size=2, unique=True))
def test_names_stay_apart_and_have_no_blanks(texts: list[str]) -> None:
    one, other = map(question_name, texts)
    assert one != other
    assert one.split() == [one]


def test_a_run_without_a_search_has_no_rankings() -> None:
    answer = Answer("?", "?")
    run = Run({}, (Outcome(Question("q", "?"), answer, answer),))
    told = r"^--run and --qrels need a search; leave out --gold-passage$"
    with pytest.raises(InputError, match=told):
        trec_run(run)
    with pytest.raises(InputError, match=told):
        qrels(run, relevant)
    assert predictions(run) == '{\n "q": ""\n}\n'
