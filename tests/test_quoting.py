"""How far reading goes, and what that leaves to be told by the next answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import pytest
from fakes import passages
from hypothesis import given
from hypothesis import strategies as st

from qa.quoting import answer_from, cited_sentence, read, untold
from qa.settings import AnswerSettings, EarlyStop
from qa.types import Passage, Reading, ScoredSpan, Span

TEXTS = ("上海试点。", "北京试点。", "深圳试点。", "广州试点。", "武汉试点。")
SHELF = passages(*TEXTS)


@dataclass
class Scoring:
    """Points at the first two characters of each passage, with log-odds by its number; keeps what it read."""

    scores: Sequence[float]
    settings: AnswerSettings = field(default_factory=AnswerSettings)
    name: str = "scoring"
    seen: list[list[int]] = field(default_factory=list)

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        self.seen.append([passage.number for passage in passages])
        return [Reading(0.0, (ScoredSpan(Span(0, 2), self.scores[each.number]),)) for each in passages]


def settings(first: int | None, confidence: float = 0.8, *, rank_weight: float = 0.0) -> AnswerSettings:
    rule = None if first is None else EarlyStop(first, confidence)
    return AnswerSettings(read=5, rank_weight=rank_weight, early_stop=rule)


def quotes(reader: Scoring, chosen: AnswerSettings) -> list[str]:
    return [each.quote for each in read(reader, "哪里?", SHELF, chosen)]


def test_without_a_rule_all_passages_are_read_at_once() -> None:
    reader = Scoring((5.0, 0.0, 1.0, 9.0, -1.0))
    assert quotes(reader, settings(None)) == ["广州", "上海", "深圳", "北京", "武汉"]
    assert reader.seen == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("log_odds", "seen"),
    [
        (1.3, [[0, 1], [2, 3, 4]]),  # 0.786
        (1.4, [[0, 1]]),  # 0.802
    ],
)
def test_reading_ends_where_the_first_passages_are_sure_enough(
    log_odds: float, seen: list[list[int]]
) -> None:
    reader = Scoring((0.0, log_odds, 9.0, 0.0, 0.0))
    found = quotes(reader, settings(2))
    assert reader.seen == seen
    assert found[0] == ("北京" if len(seen) == 1 else "深圳")
    assert len(found) == sum(map(len, seen))


def test_a_score_and_its_rank_are_the_same_in_two_parts_as_in_one() -> None:
    scores = (0.1, -0.4, 0.3, 0.2, -2.0)
    whole = read(Scoring(scores), "哪里?", SHELF, settings(None, rank_weight=1.5))
    parts = read(Scoring(scores), "哪里?", SHELF, settings(2, 0.99, rank_weight=1.5))
    assert parts == whole
    assert whole[0].score == 1 / (1 + math.exp(-(0.1 + 1.5)))


@pytest.mark.parametrize("first", [5, 6])
def test_a_rule_for_more_passages_than_there_are_changes_nothing(first: int) -> None:
    reader = Scoring((9.0, 0.0, 0.0, 0.0, 0.0))
    assert len(quotes(reader, settings(first))) == 5
    assert reader.seen == [[0, 1, 2, 3, 4]]


def test_reprints_of_what_is_sure_are_read_all_the_same() -> None:
    reader = Scoring((9.0, 0.0, 0.0, 8.0, 7.0))
    found = read(reader, "哪里?", SHELF, settings(2), lambda passage: passage.number % 3)
    assert reader.seen == [[0, 1], [3]]
    assert [each.quote for each in found] == ["上海", "广州", "北京"]


def test_nothing_to_read_gives_nothing() -> None:
    reader = Scoring(())
    for chosen in (settings(None), settings(2)):
        assert read(reader, "哪里?", (), chosen) == []
    assert reader.seen == []


@given(
    scores=st.lists(st.floats(-3, 3), min_size=5, max_size=5),
    first=st.integers(1, 6),
    confidence=st.floats(0, 1),
)
def test_what_is_read_is_as_sure_as_the_rule_asks_or_everything(
    scores: list[float], first: int, confidence: float
) -> None:
    whole = read(Scoring(scores), "哪里?", SHELF, settings(None))
    found = read(Scoring(scores), "哪里?", SHELF, settings(first, confidence))
    if len(found) == 5:
        assert found == whole
    else:
        assert len(found) == first
        assert found[0].score >= confidence
        assert found == [each for each in whole if each.passage.number < first]


def test_the_second_answer_tells_what_the_first_did_not_read() -> None:
    scores = (9.0, 0.0, 8.0, 7.0, 6.0)
    answer = partial(answer_from, threshold=0.6, others=4)
    every = read(Scoring(scores), "哪里?", SHELF, settings(None))
    for rule, told in ((settings(None), []), (settings(2), ["深圳", "广州", "武汉"])):
        first, _ = answer(read(Scoring(scores), "哪里?", SHELF, rule))
        second, _ = answer(untold(every, SHELF, 1, rule, answer))
        assert [each.quote for each in second] == told
        assert len(first) + len(second) == 4


def test_a_span_is_cited_in_its_sentence() -> None:
    (passage,) = passages("上海试点。北京也试点。")
    assert cited_sentence(passage, Span(5, 7)) == Span(5, 11)
    assert cited_sentence(passage, Span(3, 7)) == Span(0, 11)
    (found,) = read(Scoring((0.0,)), "哪里?", [passage], settings(None))
    assert found.sentence == Span(0, 5)


@pytest.mark.parametrize(("first", "confidence"), [(0, 0.5), (2, 1.1), (2, -0.1)])
def test_a_rule_that_is_none_is_refused(first: int, confidence: float) -> None:
    with pytest.raises(ValueError, match=f"after {first} passages at a confidence of {confidence}: no rule"):
        EarlyStop(first, confidence)
