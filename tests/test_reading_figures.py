"""The reader's figures and its calibration, on answers made by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.reading import Bench, Said, calibration, coverage, exactness, lines, refusal, reordering
from qa.labels import Paragraph, Question, Reference
from qa.settings import AnswerSettings
from qa.types import Passage, Reading, ScoredSpan, Span
from training import splits
from training.calibrate_reader import WEIGHTS, Fitted, Tuning, write
from training.reader_calibration import (
    Calibration,
    Candidates,
    Case,
    case_weights,
    errors_of_answered,
    fit,
    judged,
    lowest_threshold,
)
from training.reading_sets import Remembering, given, labelled, passage_of, sample

RIGHT = Said(("上海",), "上海", 0.9, sentence="“上海”市。")
WRONG = Said(("上海",), "北京", 0.4)
NOTHING = Said((), "北京", 0.6)


class Pointing:
    """Points at 上海 in a passage, with even odds; counts the passages it has read."""

    name = "pointing"
    settings = AnswerSettings(read=3, rank_weight=math.log(3), threshold=0.9)

    def __init__(self) -> None:
        self.read_passages: list[str] = []

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        self.read_passages += [passage.text for passage in passages]
        places = [(passage, passage.text.find("上海")) for passage in passages]
        return [
            Reading(0.0, () if at < 0 else (ScoredSpan(Span(at, at + 2).shift(passage.span.start), 0.0),))
            for passage, at in places
        ]


def candidates(rows: Sequence[tuple[int, float, float, float]]) -> Candidates:
    """Rows of (case, relevance, 1 / rank, F1)."""
    case, relevance, rank, f1 = (np.array(column) for column in zip(*rows, strict=True))
    none = np.zeros(len(rows))
    features = np.stack([relevance, none, none, rank], axis=1)
    return Candidates(features, case.astype(np.int64), f1, (f1 == 1.0).astype(float), f1 > 0.5, f1 > 0)


def case(kind: str = "pool", *, answers: tuple[str, ...] = ("上海",), group: str = "") -> Case:
    return Case(kind, group, "哪里?", answers, ())


def test_exactness_leaves_out_what_nothing_answers() -> None:
    assert exactness([RIGHT, WRONG, NOTHING, Said(("上海市",), "上海", 0.1)]) == {
        "n": 3,
        "EM": 0.3333,
        "F1": 0.6,
    }


def test_a_refusal_is_told_by_its_confidence() -> None:
    assert refusal([RIGHT, WRONG], [NOTHING]) == {"answering": 2, "refusing": 1, "AUROC": 0.5}


def test_calibration_counts_errors_among_the_answered() -> None:
    assert calibration([RIGHT, WRONG, NOTHING], 0.5) == {
        "n": 3,
        "ECE": 0.3667,  # (0.1 + 0.4 + 0.6) / 3
        "right": 0.3333,
        "answered": 0.6667,
        "wrong of answered": 0.5,
        "astray of answered": 0.5,
    }


def test_the_right_sentence_with_other_words_is_wrong_and_not_astray() -> None:
    wide = Said(("上海",), "在上海市中心以北", 0.9, sentence="在上海市中心以北。")
    found = calibration([wide], 0.5)
    assert (found["wrong of answered"], found["astray of answered"]) == (1.0, 0.0)


def test_an_empty_answer_is_no_answer_at_threshold_0() -> None:
    assert calibration([Said(("上海",), None, 0.0)], 0.0)["answered"] == 0.0


def test_coverage_is_the_largest_share_within_the_risk() -> None:
    # risks in order of confidence: 0, 0, 1/3, 1/4; half of four questions, both right, of three answerable
    said = [RIGHT, Said(("上海",), "上海", 0.8), NOTHING, Said(("上海",), "上海", 0.3)]
    assert coverage(said, risk=0.1) == {
        "n": 4,
        "answered": 0.5,
        "answered rightly": 0.6667,
        "AURC": 0.1458,  # (1/3 + 1/4) / 4
    }


def test_coverage_is_nothing_where_the_surest_answer_is_wrong() -> None:
    assert coverage([NOTHING, WRONG], risk=0.1)["answered"] == 0.0


def test_reordering_is_a_difference_of_shares() -> None:
    assert reordering([True, False, False, True], [True, True, False, True]) == {
        "fused": 0.5,
        "read": 0.75,
        "gain": 0.25,
    }


def test_lines_name_a_group_from_the_outside_in() -> None:
    assert lines("pool", {"n": 2, "Recall@1": {"fused": 0.5, "read": 1.0}}) == [
        "pool: n 2",
        "pool, Recall@1: fused 0.5, read 1.0",
    ]


def test_a_bench_asks_without_threshold_and_knows_what_cannot_be_answered() -> None:
    bench = Bench(Path("nowhere"), Pointing())
    question = Question("1", "哪里?", (Reference("上海"),), paragraph=given_paragraph("在上海。"))
    said = bench.paragraph(question)
    assert (said.text, said.right) == ("上海", True)
    assert said.confidence == pytest.approx(0.75)
    assert not bench.said("哪里?", [given(question)], question.answers, answer=False).right


def given_paragraph(text: str) -> Paragraph | None:
    return labelled(splits.Row("1", "哪里?", (text,), (("上海", 1),), "城市", "tune")).paragraph


def test_remembering_reads_a_passage_once_for_a_question() -> None:
    reader = Pointing()
    remembering = Remembering(reader)
    shanghai, beijing = passage_of("去上海。"), passage_of("去北京。")
    first = remembering.read("哪里?", [shanghai, beijing, shanghai])
    again = remembering.read("哪里?", [beijing, shanghai])
    assert first == [Reading(0.0, (ScoredSpan(Span(1, 3), 0.0),)), Reading(0.0), first[0]]
    assert again == [first[1], first[0]]
    assert reader.read_passages == ["去上海。", "去北京。"]
    remembering.read("何处?", [shanghai])
    assert len(reader.read_passages) == 3


def test_a_row_becomes_a_question_about_its_paragraph() -> None:
    row = splits.Row("7", "哪里?", ("在上海。",), (("上海", 1), ("上海", 1)), "城市", "tune")
    question = labelled(row)
    assert question.references == (Reference("上海", 1),)
    assert (given(question).text, given(question).article.title) == ("在上海。", "城市")


def test_a_sample_is_the_same_each_time_and_in_order() -> None:
    chosen = sample(range(100), 5)
    assert chosen == sample(range(100), 5) == sorted(chosen)
    assert len(set(chosen)) == 5
    assert sample([1, 2], 5) == [1, 2]


def test_the_best_candidate_of_each_case_is_judged() -> None:
    found = candidates([(0, 1.0, 1.0, 0.0), (0, 2.0, 0.5, 1.0), (2, -1.0, 1.0, 0.5)])
    said = judged([case(), case(answers=()), case()], found, found.features[:, 0])
    assert said.confidence.tolist() == pytest.approx([1 / (1 + math.exp(-2)), 0.0, 1 / (1 + math.e)])
    assert said.right.tolist() == [True, False, False]
    assert said.answerable.tolist() == [True, False, True]
    assert found.best(np.zeros(3)).tolist() == [0, 2]  # the first among equals
    assert found.first(1).case.tolist() == [0, 2]


def test_cases_of_a_kind_share_its_weight() -> None:
    assert case_weights(["a", "b", "a"], {"a": 1.0, "b": 0.5}).tolist() == [0.5, 0.5, 0.5]


def test_the_fit_finds_the_share_that_is_right() -> None:
    # relevance 1 is right three times in four, relevance -1 once in four, and nothing else tells
    rows = [
        (at, sign, 1.0, float((at // 2 % 4 != 0) == (sign > 0))) for at, sign in enumerate([1.0, -1.0] * 32)
    ]
    found = fit(candidates(rows), np.ones(64))
    log_odds = found.scores(np.array([[1.0, 0.0, 0.0, 1.0], [-1.0, 0.0, 0.0, 1.0]]))
    assert log_odds.tolist() == pytest.approx([math.log(3), -math.log(3)], abs=0.01)
    assert found.weights[1:3] == (0.0, 0.0)


def test_the_fit_learns_the_sentence_and_then_how_often_the_quote_is_right() -> None:
    # Relevance 1 finds the sentence three times in four, relevance -1 once in four; every second time the
    # quote is right as well, 3 in 8 and 1 in 8.
    rows = []
    for at, sign in enumerate([1.0, -1.0] * 32):
        held = (at // 2 % 4 != 0) == (sign > 0)
        rows.append((at, sign, 1.0, (1.0 if at // 8 % 2 else 0.6) if held else 0.0))
    log_odds = fit(candidates(rows), np.ones(64)).scores(
        np.array([[1.0, 0.0, 0.0, 1.0], [-1.0, 0.0, 0.0, 1.0]])
    )
    assert log_odds.tolist() == pytest.approx([math.log(3 / 5), math.log(1 / 7)], abs=0.01)


def test_the_threshold_is_the_lowest_within_the_error() -> None:
    # 0.88: right; 0.73: astray; 0.5: the right sentence, too many words of it
    found = candidates([(0, 2.0, 1.0, 1.0), (1, 1.0, 1.0, 0.0), (2, 0.0, 1.0, 0.6)])
    said = judged([case()] * 3, found, found.features[:, 0])
    weights = np.array([1.0, 0.5, 0.5])
    assert errors_of_answered(said, weights, 0.6) == (0.75, 1 / 3, 1 / 3)
    assert errors_of_answered(said, weights, 0.0) == (1.0, 0.25, 0.5)
    assert lowest_threshold(said, weights, 0.25) == 0.0
    assert lowest_threshold(said, weights, 0.1) == 0.74


def test_fitted_numbers_go_beside_what_the_config_holds(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"name": "读", "settings": {"read": 8}}', "utf-8")
    write(config, Fitted(6, 0.7, Calibration(-1.0, (0.5, 0.25, 2.0, 1.12345))))
    assert json.loads(config.read_text("utf-8")) == {
        "name": "读",
        "settings": {"read": 6, "rank_weight": 1.1235, "threshold": 0.7},
        "calibration": {"bias": -1.0, "relevance": 0.5, "logit": 0.25, "share": 2.0},
    }


def test_the_fewest_passages_that_read_as_well_are_read() -> None:
    # A third of the questions are answered by the first passage, a third by the seventh, the others by none.
    cases = [case(kind, group=str(at)) for at, kind in enumerate(["pool", "shipped"] * 30)]
    rows = [
        (at, 3.0 if rank == right else -3.0, 1 / rank, float(rank == right))
        for at, right in enumerate([1, 1, 7, 7, 13, 13] * 10)
        for rank in range(1, 13)
    ]
    tuning = Tuning(cases + [case(kind) for kind in ("given", "news", "checklist")], candidates(rows), 0.01)
    assert tuning.number() == 7


def test_each_set_is_shown_with_the_threshold_it_would_want_alone() -> None:
    cases = [case(kind, group=str(at)) for at, kind in enumerate([*WEIGHTS] * 10)]
    rows = [(at, 2.0 if at % 3 else -2.0, 1.0, float(at % 3 > 0)) for at in range(50)]
    shown = Tuning(cases, candidates(rows), 0.01).sets(Fitted(6, 0.5, Calibration(0.0, (1.0, 0.0, 0.0, 0.0))))
    title, pool, *_, weighted = shown.splitlines()
    assert title.split()[:6] == ["threshold", "0.5,", "6", "passages", "read", "n"]
    # 6 of the 10 questions have a candidate that the fit trusts, and it is right
    assert pool.split()[:2] == ["pool", "10"]
    assert pool.split()[-4:-1] == ["0.6000", "0.0000", "0.0000"]
    assert weighted.split()[-4:] == ["0.6545", "0.0000", "0.0000", "-"]
