"""Runs of a hand-made assistant whose every number can be worked out on paper."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from handmade import NAME, OTHER, PASSAGES, SHANGHAI, YEAR, Fake, Line, article, cite, label, labels

from qa import __version__
from qa.errors import InputError
from qa.evaluation import Outcome, Run, evaluate, evaluate_gold, unanswered
from qa.labels import Paragraph, Question, Reference, paragraph_articles, read
from qa.runs import fail_if, flat, load_run, table, to_json
from qa.types import Answer, Citation, Passage, Span

SHARED = Path(__file__).parents[1].parent / "shared"


# Threshold 0.5. q1 right; q2 from a passage ranked above the relevant one; q3 wrong words of the right
# passage; q4 right, but refused; q5 answered though nothing answers; q6 rightly refused.
QUESTIONS = labels(
    label("q1", "2017年", sources=["shanghai.md"], type="date"),
    label("q2", "2019年", sources=["beijing.md"], type="date"),
    label("q3", "沪链", sources=["cities/shanghai.md"], type="name"),
    label("q4", "沪链", sources=["shanghai.md"], type="name"),
    label("q5", type="none"),
    label("q6", type="none"),
)
SCRIPT = {
    "q1?": Line([YEAR, OTHER, NAME], "2017年", YEAR, 0.9, 10),
    "q2?": Line([YEAR, OTHER], "2017年", YEAR, 0.8, 20),
    "q3?": Line([NAME, YEAR], "平台名叫沪链", NAME, 0.6, 30),
    "q4?": Line([NAME], "沪链", NAME, 0.4, 40),
    "q5?": Line([OTHER], "北京", OTHER, 0.7, 50),
    "q6?": Line([OTHER], "2019年", OTHER, 0.1, 60),
}


def golden() -> dict[str, Any]:
    """The run that the tests below work out."""
    return evaluate(QUESTIONS, Fake(SCRIPT)).to_dict()


def test_run_says_what_was_run() -> None:
    assert golden()["run"] == {
        "labels": "labels.jsonl",
        "labels_sha256": "ab" * 32,
        "part": None,
        "index": "f00d",
        "versions": {"qa": __version__},
        "models": {"encoder": "e", "reader": "r"},
        "threshold": 0.5,
        "seed": 0,
        "read": 8,
        "leg": None,
        "gold_passage": False,
        "relevance": "place and answer text",
        "doubts": {"answer_nowhere": 0, "unknown_source": 0, "refused_source": 0},
    }


def test_summary() -> None:
    assert golden()["summary"] == {
        "n": 6,
        # Over q1 to q4: EM 1, 0, 0, 0. F1 1; 年 of 2017 年 against 2019 年, 2*1/(2+2) = 1/2; 沪链 of six
        # characters, 2*2/(6+2) = 1/2; refused, 0. Mean 2/4.
        "EM": 0.25,
        "F1": 0.5,
        "character_F1": 0.575,  # 1; 2 0 1 年 of five each, 2*4/10; 沪链 of six, 2*2/8; refused, 0
        "sentence_hit": 0.5,  # q1, q3 of q1 to q4
        # First relevant passage at rank 1, 2, 1, 1, one relevant passage each.
        "Recall@1": 0.75,
        "Recall@5": 1.0,
        "MRR@10": 0.875,  # (1 + 1/2 + 1 + 1) / 4
        "nDCG@10": 0.907732,  # (3 + 1/log2(3)) / 4 = (3 + 0.630930) / 4
        "list_precision": None,
        "list_recall": None,
        "citations_valid": 1.0,
        "abstention": {
            "n": 2,
            # With an answer 0.9 0.8 0.6 0.4, without 0.7 0.1: of 8 pairs 2 + 2 + 1 + 1 are won.
            "AUROC": 0.75,
            # By falling confidence right (q1), wrong (q2), wrong (q5), wrong (q3), right (q4, were it not
            # refused), wrong (q6): risks 0, 1/2, 2/3, 3/4, 3/5, 4/6; their sum 3.183333 / 6.
            "AURC": 0.530556,
            # A bin each: 0.1 + 0.8 + 0.7 + 0.6 + 0.6 + 0.1 = 2.9, over 6.
            "ECE": 0.483333,
            "answered_when_none": 0.5,  # q5 of q5, q6
            "refused_when_some": 0.25,  # q4 of q1 to q4
        },
        "latency_ms": {"p50": 35.0, "p95": 57.5},  # 50 + 0.75 * 10
    }


def test_by_type() -> None:
    assert golden()["by_type"] == {
        "date": {"n": 2, "EM": 0.5, "F1": 0.75},
        "name": {"n": 2, "EM": 0.0, "F1": 0.25},
        "none": {"n": 2, "EM": None, "F1": None},
    }


def test_questions() -> None:
    rows = golden()["questions"]
    assert [(row["id"], row["answer"], row["EM"], row["F1"], row["rank"], row["cause"]) for row in rows] == [
        ("q1", "2017年", 1.0, 1.0, 1, None),
        ("q2", "2017年", 0.0, 0.5, 2, "wrong_passage"),
        ("q3", "平台名叫沪链", 0.0, 0.5, 1, "wrong_span"),
        ("q4", None, 0.0, 0.0, 1, "abstained"),
        ("q5", "北京", None, None, None, "answered_when_none"),
        ("q6", None, None, None, None, None),
    ]
    assert rows[0] == {
        "id": "q1",
        "question": "q1?",
        "searched": "q1?",
        "type": "date",
        "history": [],
        "answerable": True,
        "answers": ["2017年"],
        "sources": ["shanghai.md"],
        "answer": "2017年",
        "abstained": False,
        "confidence": 0.9,
        "EM": 1.0,
        "F1": 1.0,
        "character_F1": 1.0,
        "sentence_hit": 1.0,
        "list_precision": None,
        "list_recall": None,
        "right": True,
        "citations_valid": 1.0,
        "rank": 1,
        "nDCG@10": 1.0,
        "cause": None,
        "leg": None,
        "leg_ranks": None,
        "citations": [cite(YEAR, "2017年").to_dict()],
    }
    assert [(row["answerable"], row["right"], row["sentence_hit"]) for row in rows] == [
        (True, True, 1.0),
        (True, False, 0.0),  # 2019年 is not in the cited sentence
        (True, False, 1.0),  # 沪链 is, though more was quoted
        (True, True, 0.0),  # refused: the candidate would have been right, but no sentence was shown
        (False, False, None),
        (False, False, None),
    ]
    assert (rows[3]["abstained"], rows[3]["confidence"], rows[3]["citations"]) == (True, 0.4, [])
    assert [(row["nDCG@10"], row["citations_valid"]) for row in rows] == [
        (1.0, 1.0),
        (0.63093, 1.0),  # 1 / log2(3)
        (1.0, 1.0),
        (1.0, None),  # nothing is cited
        (None, 1.0),
        (None, None),
    ]


def test_curve() -> None:
    first, second, *_ = evaluate(QUESTIONS, Fake(SCRIPT)).curve()
    assert (first, second) == ((1 / 6, 0.0), (2 / 6, 0.5))


def test_only_what_is_refused_is_asked_again() -> None:
    fake, seen = Fake(SCRIPT), list[tuple[int, int]]()
    evaluate(QUESTIONS, fake, on_progress=lambda done, of: seen.append((done, of)))
    assert [(question, threshold) for question, _, _, threshold in fake.asked] == [
        ("q1?", 0.5),
        ("q2?", 0.5),
        ("q3?", 0.5),
        ("q4?", 0.5),
        ("q4?", 0.0),
        ("q5?", 0.5),
        ("q6?", 0.5),
        ("q6?", 0.0),
    ]
    assert {top_k for _, _, top_k, _ in fake.asked} == {50}
    assert seen == [(1, 6), (2, 6), (3, 6), (4, 6), (5, 6), (6, 6)]


def test_a_threshold_of_zero_is_kept_and_history_is_passed_on() -> None:
    fake = Fake({"q1?": Line()})
    run = evaluate(labels(label("q1", "甲", history=("先问?",))), fake, threshold=0.0).to_dict()
    assert run["run"]["threshold"] == 0.0
    assert fake.asked == [("q1?", ("先问?",), 50, 0.0)]


def test_a_run_names_the_part_of_the_labels_that_was_asked() -> None:
    part = replace(QUESTIONS, part="report, first 2", questions=QUESTIONS.questions[:2])
    assert evaluate(part, Fake(SCRIPT)).to_dict()["run"]["part"] == "report, first 2"


def test_what_a_run_will_measure_is_known_before_anything_is_asked() -> None:
    blank, whole = unanswered(QUESTIONS).to_dict(), golden()
    assert [name for name, _ in flat(blank["summary"])] == [name for name, _ in flat(whole["summary"])]
    assert [*flat(blank["by_type"])] == [
        ("date.n", 2),
        ("date.EM", 0.0),
        ("date.F1", 0.0),
        ("name.n", 2),
        ("name.EM", 0.0),
        ("name.F1", 0.0),
        ("none.n", 2),
        ("none.EM", None),
        ("none.F1", None),
    ]


def test_runs_differ_only_in_their_times() -> None:
    slow = {question: replace(line, ms=line.ms * 7) for question, line in SCRIPT.items()}
    one, other = golden(), evaluate(QUESTIONS, Fake(slow)).to_dict()
    assert one != other
    one["summary"].pop("latency_ms")
    other["summary"].pop("latency_ms")
    assert to_json(one) == to_json(other)


def test_measures_of_nothing_are_null() -> None:
    fake = Fake({"q1?": Line([OTHER])})
    summary = evaluate(labels(label("q1")), fake).to_dict()["summary"]
    assert summary == {
        "n": 1,
        "EM": None,
        "F1": None,
        "character_F1": None,
        "sentence_hit": None,
        "Recall@1": None,
        "Recall@5": None,
        "MRR@10": None,
        "nDCG@10": None,
        "list_precision": None,
        "list_recall": None,
        "citations_valid": None,
        "abstention": {
            "n": 1,
            "AUROC": None,
            "AURC": 1.0,  # whatever is said is wrong
            "ECE": 0.0,  # and its confidence is 0
            "answered_when_none": 0.0,
            "refused_when_some": None,
        },
        "latency_ms": {"p50": 1.0, "p95": 1.0},
    }


def test_a_question_that_cannot_be_asked_is_one_left_unanswered() -> None:
    run = evaluate(labels(replace(label("q1", "甲"), question="")), Fake({})).to_dict()
    assert (run["summary"]["EM"], run["summary"]["F1"], run["summary"]["latency_ms"]["p50"]) == (
        0.0,
        0.0,
        None,
    )


def test_lists_are_judged_where_a_list_is_asked_for() -> None:
    # 2017年 is one of the two wanted, and all that is given.
    asked = labels(label("q1", "2017年、2018年", type="list"), label("q2", "2017年、2018年", type="date"))
    script = {name: Line([YEAR], "2017年", YEAR, 0.9) for name in ("q1?", "q2?")}
    run = evaluate(asked, Fake(script)).to_dict()
    listed = [(row["list_precision"], row["list_recall"]) for row in run["questions"]]
    assert listed == [(1.0, 0.5), (None, None)]
    assert (run["summary"]["list_precision"], run["summary"]["list_recall"]) == (1.0, 0.5)


# ---- causes


@pytest.mark.parametrize(
    ("line", "cause"),
    [
        (Line([NAME], "沪链", NAME, 0.9), None),
        (Line([NAME], "沪链", NAME, 0.1), "abstained"),
        (Line([NAME], None), "abstained"),  # nothing to say at any threshold
        (Line([YEAR, OTHER], "2017年", YEAR, 0.9), "not_retrieved"),
        (Line([YEAR, OTHER], None), "not_retrieved"),
        (Line([OTHER, NAME], "北京", OTHER, 0.9), "wrong_passage"),
        (Line([NAME, OTHER], "北京", OTHER, 0.9), "wrong_passage"),
        (Line([NAME, OTHER], "2017年", YEAR, 0.9), "wrong_passage"),  # cited beyond the hits
        (Line([OTHER, NAME], "平台", NAME, 0.9), "wrong_span"),
        (Line([OTHER, NAME], "平台", NAME, 0.1), "wrong_span"),  # refused, and no loss
    ],
)
def test_cause_is_the_stage_that_lost_it(line: Line, cause: str | None) -> None:
    run = evaluate(labels(label("q1", "沪链", sources=["shanghai.md"])), Fake({"q1?": line}))
    assert run.outcomes[0].cause == cause


def test_a_question_whose_answer_is_in_no_source_is_not_in_the_articles() -> None:
    run = evaluate(labels(label("q1", "沪链", sources=["beijing.md"])), Fake({"q1?": Line([NAME])}))
    assert run.outcomes[0].cause == "not_in_articles"
    assert run.to_dict()["summary"]["nDCG@10"] == 0.0


def test_the_legs_are_asked_where_no_relevant_passage_was_read() -> None:
    asked = labels(
        label("q1", "沪链"),
        label("q2", "沪链"),
        label("q3", "沪链"),
        label("q4", "没有"),
        label("q5", "沪链"),
    )
    script = {
        "q1?": Line([YEAR, OTHER], "2017年", YEAR, 0.9, searched="改写"),
        "q2?": Line([YEAR, OTHER, NAME], "2017年", YEAR, 0.9),
        "q3?": Line([YEAR, NAME], "2017年", YEAR, 0.9),
        "q4?": Line([YEAR], "2017年", YEAR, 0.9),
        "q5?": Line([]),
    }
    fake = Fake(script, read=2, ranks={"bm25": None, "dense": 2})
    rows = evaluate(asked, fake).to_dict()["questions"]
    assert [(row["cause"], row["leg"], row["leg_ranks"]) for row in rows] == [
        ("not_retrieved", "dense", {"bm25": None, "dense": 2}),
        ("ranked_too_low", "dense", {"bm25": None, "dense": 2}),
        ("wrong_passage", None, None),
        ("not_in_articles", None, None),
        ("not_retrieved", None, None),  # nothing was found, or it could not be asked
    ]
    assert fake.looked_into == [("改写", [1], 1000), ("q2?", [1], 1000)]


def test_a_passage_below_those_that_are_read_does_not_count_as_read() -> None:
    fake = Fake({"q1?": Line([OTHER, NAME], "平台", NAME, 0.9)}, read=1)
    assert evaluate(labels(label("q1", "沪链")), fake).outcomes[0].cause == "ranked_too_low"


# ---- labels that are doubtful


def test_doubtful_labels_are_counted_in_the_run_and_told_with_it() -> None:
    asked = labels(
        label("q1", "沪链", sources=["shanghai.md", "gone.md"], line=1),
        label("q2", "没有", sources=["shanghai.md"], line=2),
        label("q3", sources=["bad.pdf"], line=3),
        label("q4", "2017年", sources=["shanghai.md"], line=4),
    )
    fake = Fake({f"q{n}?": Line() for n in range(1, 5)}, gone=["scans/bad.pdf"])
    run = evaluate(asked, fake)
    assert list(map(str, run.doubts)) == [
        "labels.jsonl:1: question q1: its source gone.md is not in the index",
        "labels.jsonl:2: question q2: “没有” stands nowhere in shanghai.md",
        "labels.jsonl:3: question q3: its source bad.pdf was refused when the index was made",
    ]
    assert run.to_dict()["run"]["doubts"] == {"answer_nowhere": 1, "unknown_source": 1, "refused_source": 1}


def told(*questions: Question, gone: Sequence[str] = ()) -> list[str]:
    """What is doubtful about ``questions``, without the place that it begins with."""
    fake = Fake({question.question: Line() for question in questions}, gone=gone)
    return [str(doubt).partition(": ")[2] for doubt in evaluate(labels(*questions), fake).doubts]


def test_each_source_that_is_not_there_is_doubtful() -> None:
    assert told(label("q", "沪链", sources=["a.md", "b.md"])) == [
        "question q: its source a.md is not in the index",
        "question q: its source b.md is not in the index",
    ]


def test_an_answer_that_stands_in_one_of_the_sources_is_not_doubtful() -> None:
    assert told(label("q", "没有", "沪链", sources=["beijing.md", "shanghai.md"])) == []
    assert told(label("q", "沪链")) == []


def test_an_answer_that_stands_nowhere_is_named_with_what_was_looked_into() -> None:
    assert told(label("q", "甲" * 31, "乙\n丙")) == [
        f"question q: “{'甲' * 30}…” / “乙 丙” stands nowhere in the index"
    ]
    assert told(label("q", "没有", sources=["a.md", "beijing.md", "shanghai.md"])) == [
        "question q: its source a.md is not in the index",
        "question q: “没有” stands nowhere in beijing.md or shanghai.md",
    ]
    (part,) = told(label("q", "没有", sources=["shanghai.md"]), gone=["cities/shanghai.md"])
    assert part.endswith(
        " stands nowhere in shanghai.md, of which a part was refused when the index was made"
    )


def test_a_paragraph_that_the_index_lacks_is_doubtful() -> None:
    assert told(around(0)) == ["question q: no article of the index holds its paragraph"]
    assert told(around(0, "2019年,北京启动试点。")) == ["question q: “甲” stands nowhere in its paragraph"]


def test_a_paragraph_that_lacks_its_answer_is_doubtful_without_any_index() -> None:
    lacking = Question("g1", "g1?", (Reference("北京"),), paragraph=Paragraph(1, "上海试点。"), line=7)
    run = evaluate_gold(labels(lacking), first_two, reader="r")
    assert list(map(str, run.doubts)) == [
        "labels.jsonl:7: question g1: “北京” stands nowhere in its paragraph"
    ]
    assert run.outcomes[0].cause == "not_in_articles"


# ---- relevance


def relevant(question: Question, passages: Sequence[Passage] = PASSAGES) -> list[bool]:
    outcome = evaluate(labels(question), Fake({question.question: Line(passages)}, passages)).outcomes[0]
    assert outcome.relevant is not None
    assert outcome.in_index == sum(outcome.relevant)
    return list(outcome.relevant)


@pytest.mark.parametrize(
    ("sources", "flags"),
    [
        (["cities/shanghai.md"], [True, False, False]),
        (["shanghai.md"], [True, False, False]),
        (["hanghai.md"], [False, False, False]),  # a part of a name is not its end
        (["shanghai.md", "beijing.md"], [True, False, True]),
        ([], [True, False, True]),  # any passage that holds one
    ],
)
def test_sources_match_whole_or_as_the_end_of_a_path(sources: list[str], flags: list[bool]) -> None:
    assert relevant(label("q", "启动试点", sources=sources)) == flags


def test_any_of_the_answers_counts() -> None:
    assert relevant(label("q", "北京", "沪链")) == [False, True, True]


def around(start: int | None, text: str = "甲乙。丙甲。") -> Question:
    return Question("q", "q?", (Reference("甲", start),), paragraph=Paragraph(1, text))


def test_the_labelled_paragraph_must_hold_the_answer_at_its_place() -> None:
    paragraph, twin = article("dev.json#1", "甲乙。丙甲。"), article("dev.json#2", "甲乙。")
    passages = [Passage(paragraph, Span(0, 3)), Passage(paragraph, Span(3, 6)), Passage(twin, Span(0, 3))]
    assert relevant(around(0), passages) == [True, False, False]
    assert relevant(around(4), passages) == [False, True, False]
    assert relevant(around(None), passages) == [True, True, False]


def test_a_labelled_paragraph_inside_a_longer_article_is_found_there() -> None:
    longer = article("long.md", "甲说。甲乙。丙甲。")
    passages = [Passage(longer, Span(0, 3)), Passage(longer, Span(3, 6)), Passage(longer, Span(6, 9))]
    assert relevant(around(4), passages) == [False, False, True]
    assert relevant(around(0), passages) == [False, True, False]
    assert relevant(around(0, "没有这一段甲"), passages) == [False, False, False]


@pytest.mark.parametrize(
    ("questions", "note"),
    [
        ([label("a", "甲"), label("b", "乙")], "answer text only"),
        ([label("a", "甲", sources=["x"]), label("b", "乙")], "answer text only for 1 of 2 questions"),
        ([label("a"), label("b", "甲", sources=["x"])], "place and answer text"),
        ([label("a", "甲", sources=["x"]), around(0)], "place and answer text"),
    ],
)
def test_the_run_says_how_relevance_was_judged(questions: list[Question], note: str) -> None:
    fake = Fake({question.question: Line() for question in questions})
    assert evaluate(labels(*questions), fake).about["relevance"] == note


def test_ndcg_is_measured_against_all_relevant_passages_of_the_index() -> None:
    # 启动试点 stands in two passages, the hits hold one, at rank 1: 1 / (1 + 1/log2(3)) = 0.613147.
    run = evaluate(labels(label("q", "启动试点")), Fake({"q?": Line([YEAR])})).to_dict()
    assert run["summary"]["nDCG@10"] == 0.613147


# ---- citations


def test_a_citation_whose_bytes_lead_elsewhere_is_not_valid() -> None:
    # "utf-16" writes a mark each time it encodes, so its bytes cannot be counted: the index says utf-16-le.
    wrong = Passage(replace(SHANGHAI, encoding="utf-16"), Span(0, 13))
    right = Passage(replace(SHANGHAI, encoding="utf-16-le", bom=2), Span(0, 13))
    extracted = Passage(replace(SHANGHAI, encoding="utf-16", exact=False), Span(0, 13))
    fake = Fake({f"{n}?": Line([p], "上海", p, 0.9) for n, p in enumerate([wrong, right, extracted, YEAR])})
    run = evaluate(labels(*(label(str(n), "上海") for n in range(4))), fake).to_dict()
    assert run["summary"]["citations_valid"] == 0.75


def test_validity_is_taken_a_question_at_a_time() -> None:
    # One of two citations holds, the one of the other question too: (1/2 + 1) / 2, where 2 of 3 hold.
    wrong = Passage(replace(SHANGHAI, encoding="utf-16"), Span(0, 13))
    cited = [(cite(YEAR, "上海"), cite(wrong, "上海")), (cite(YEAR, "上海"),)]
    answers = [Answer("?", "?", citations, 0.9) for citations in cited]
    run = Run({}, tuple(Outcome(label(str(n), "上海"), each, each) for n, each in enumerate(answers)))
    assert [outcome.citations_valid for outcome in run.outcomes] == [0.5, 1.0]
    assert run.to_dict()["summary"]["citations_valid"] == 0.75


# ---- the labelled paragraph


def first_two(question: str, passages: Sequence[Passage], *, threshold: float | None = None) -> Answer:
    """A reader that always points at the first two characters, sure by 0.3."""
    (passage,) = passages
    citation = Citation(passage, Span(0, 2), passage.span)
    said = threshold is None or threshold <= 0.3
    return Answer(question, question, (citation,) if said else (), 0.3, timings_ms={"total": 2.0})


GOLD = labels(
    Question("g1", "g1?", (Reference("上海", 0),), paragraph=Paragraph(1, "上海试点。", "上海")),
    Question("g2", "g2?", (Reference("试点", 2),), paragraph=Paragraph(1, "上海试点。", "上海")),
    Question("g3", "g3?", paragraph=Paragraph(2, "北京试点。")),
)


def test_gold_passages_give_the_reader_the_labelled_paragraph() -> None:
    run = evaluate_gold(GOLD, first_two, reader="r").to_dict()
    assert run["run"] == {
        "labels": "labels.jsonl",
        "labels_sha256": "ab" * 32,
        "part": None,
        "index": None,
        "versions": {"qa": __version__},
        "models": {"encoder": None, "reader": "r"},
        "threshold": 0.0,
        "seed": 0,
        "read": None,
        "gold_passage": True,
        "relevance": None,
        "doubts": {"answer_nowhere": 0, "unknown_source": 0, "refused_source": 0},
    }
    assert [(row["answer"], row["F1"], row["rank"], row["cause"]) for row in run["questions"]] == [
        ("上海", 1.0, None, None),
        ("上海", 0.0, None, "wrong_span"),
        ("北京", None, None, "answered_when_none"),
    ]
    assert (run["summary"]["EM"], run["summary"]["Recall@1"], run["summary"]["nDCG@10"]) == (0.5, None, None)
    assert run["questions"][0]["citations"][0]["source"] == "labels.jsonl"
    assert run["questions"][0]["citations"][0]["element"] == "paragraph 1"


def test_gold_passages_with_a_threshold_can_be_refused() -> None:
    outcomes = evaluate_gold(GOLD, first_two, reader="r", threshold=0.4).outcomes
    assert [(outcome.answer.text, outcome.cause) for outcome in outcomes] == [
        (None, "abstained"),
        (None, "wrong_span"),
        (None, None),
    ]


def test_gold_passages_need_a_labelled_paragraph() -> None:
    with pytest.raises(
        InputError, match=r"^labels\.jsonl: question q1 has no labelled paragraph to read; run it without"
    ):
        evaluate_gold(labels(label("q1", "甲")), first_two, reader="r")


def test_cmrc_trial_scores_one_when_the_references_are_answered() -> None:
    path = SHARED / "data/train/cmrc2018.trial.jsonl"
    if not path.exists():
        pytest.skip("needs the shared data")
    trial = read(path)
    home = {question.question: question for question in trial.questions if question.question}
    asked = replace(trial, questions=tuple(home.values()))
    passages = {
        item.text: Passage(item, Span(0, len(item.text)), number=row)
        for row, item in enumerate(paragraph_articles(trial))
    }
    script = {}
    for text, question in home.items():
        passage = passages[question.context or ""]
        script[text] = Line([passage], question.answers[0], passage, 1.0)
    summary = evaluate(asked, Fake(script, passages.values())).to_dict()["summary"]
    names = ("EM", "F1", "Recall@1", "Recall@5", "MRR@10", "nDCG@10", "citations_valid")
    assert [summary[name] for name in names] == [1.0] * 7


# ---- gates

MEASURES = (
    "n, EM, F1, character_F1, sentence_hit, Recall@1, Recall@5, MRR@10, nDCG@10, list_precision, "
    "list_recall, citations_valid, abstention.n, abstention.AUROC, abstention.AURC, abstention.ECE, "
    "abstention.answered_when_none, abstention.refused_when_some, latency_ms.p50, latency_ms.p95"
)


@pytest.mark.parametrize(
    ("expression", "fails"),
    [
        ("F1<0.5", False),
        ("F1<0.51", True),
        ("F1 > .49", True),
        ("Recall@1<0.8", True),
        ("abstention.AUROC<0.75", False),
        ("abstention.ECE>4.8e-1", True),
        ("by_type.date.F1<0.8", True),
        ("latency_ms.p95>57", True),
        ("n<7", True),
        # The baseline has F1 0.505: the difference is -0.005, not a bit of a float below it.
        ("F1<-0.005", False),
        ("F1<-0.004", True),
        ("F1<+0", True),
        ("abstention.ECE>+0.01", False),
    ],
)
def test_fail_if(expression: str, fails: bool) -> None:
    run, baseline = golden(), golden()
    baseline["summary"]["F1"] = 0.505
    assert fail_if(run, expression, baseline) is fails


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("F1", '--fail-if F1: write NAME<X or NAME>X, for example "F1<0.8" or "F1<-0.005"'),
        ("F1<=0.5", '--fail-if F1<=0.5: write NAME<X or NAME>X, for example "F1<0.8" or "F1<-0.005"'),
        ("F1<nan", '--fail-if F1<nan: write NAME<X or NAME>X, for example "F1<0.8" or "F1<-0.005"'),
        ("F1<80", "--fail-if F1<80: F1 lies between 0 and 1"),
        ("F1<-0.01", "--fail-if F1<-0.01: a signed value is a difference; give --baseline RUN.json"),
        ("abstention<0.5", "--fail-if: abstention is not a number in this run"),
        (
            "by_type.none.F1<0.5",
            "--fail-if: by_type.none.F1 is undefined in this run: it has no questions of the kind",
        ),
        (
            "abstention.auroc<0.5",
            "--fail-if: this run has no measure abstention.auroc; it has " + MEASURES,
        ),
    ],
)
def test_fail_if_refuses_what_it_cannot_judge(expression: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        fail_if(golden(), expression)
    assert str(caught.value) == message


def test_a_baseline_without_the_measure_is_refused() -> None:
    with pytest.raises(InputError, match=r"^--fail-if: the baseline has no measure F1; it has EM$"):
        fail_if(golden(), "F1<-0.1", {"summary": {"EM": 1.0}})


def test_a_saved_run_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(to_json(golden()), encoding="utf-8")
    assert load_run(path) == golden()


@pytest.mark.parametrize("content", ["[]", "{}", "{", '{"summary": 1}'])
def test_a_file_that_is_no_run_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"run\.json: is not (a run of qa eval|JSON \()"):
        load_run(path)


def test_json_keeps_chinese_and_has_no_nan() -> None:
    assert json.loads(to_json(golden())) == golden()
    assert '"answer": "2017年"' in to_json(golden())
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_json({"summary": {"F1": float("nan")}})


# ---- the terminal


def test_table() -> None:
    assert table(golden()) == (
        "labels.jsonl  门槛 threshold 0.5\n"
        "\n"
        "指标 measures\n"
        "  题数                n                              6\n"
        "  完全一致            EM                             0.250\n"
        "  字面重合            F1                             0.500\n"
        "  逐字重合            character_F1                   0.575\n"
        "  句子命中            sentence_hit                   0.500\n"
        "  首位命中            Recall@1                       0.750\n"
        "  前五命中            Recall@5                       1.000\n"
        "  倒数排名            MRR@10                         0.875\n"
        "  排序质量            nDCG@10                        0.908\n"
        "  列举查准            list_precision                 -\n"
        "  列举查全            list_recall                    -\n"
        "  引文属实            citations_valid                1.000\n"
        "  无答案题数          abstention.n                   2\n"
        "  知否可答            abstention.AUROC               0.750\n"
        "  风险面积            abstention.AURC                0.531\n"
        "  校准误差            abstention.ECE                 0.483\n"
        "  无答案却作答        abstention.answered_when_none  0.500\n"
        "  有答案却拒答        abstention.refused_when_some   0.250\n"
        "  中位耗时(毫秒)      latency_ms.p50                 35.0\n"
        "  九五分位耗时(毫秒)  latency_ms.p95                 57.5\n"
        "\n"
        "按类型 by type\n"
        "  date  题数 2  EM 0.500  F1 0.750\n"
        "  name  题数 2  EM 0.000  F1 0.250\n"
        "  none  题数 2  EM -      F1 -\n"
        "\n"
        "失误原因 causes of 4 misses（F1 < 0.8、错拒、误答 wrongly refused or answered）\n"
        "  有答案却拒答  abstained           1\n"
        "  无答案却作答  answered_when_none  1\n"
        "  选错段落      wrong_passage       1\n"
        "  选错词句      wrong_span          1"
    )


def test_a_table_without_types_or_misses_has_no_such_parts() -> None:
    run = evaluate(labels(label("q1", "沪链")), Fake({"q1?": Line([NAME], "沪链", NAME, 0.9)})).to_dict()
    assert "按类型" not in table(run)
    assert "失误原因" not in table(run)
