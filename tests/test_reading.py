"""What holds of any reading: spans inside their passage, one passage's reading apart from the others'."""

from __future__ import annotations

import math

import pytest
from fakes import CharacterEncoder, article
from hypothesis import given
from hypothesis import strategies as st
from strategies import articles

from qa.passages import cut
from qa.reading import FEATURES, Question, SentenceReader
from qa.types import Article, Passage, Span
from qa.words import Segmenter

SEGMENTER = Segmenter()
READER = SentenceReader(CharacterEncoder(), SEGMENTER)
QUESTIONS = (
    "上海是哪一年启动试点的?",
    "试点城市有哪些?",
    "为什么要试点?",
    "什么是区块链?",
    "试点在哪里?",
    "谁提出了计划?",
    "怎样推进试点?",
    "有多少城市?",
    "会不会泄露隐私?",
    "a",
    "？",
)


def passage(text: str, **facts: object) -> Passage:
    return Passage(article(text, **facts), Span(0, len(text)), number=0)  # type: ignore[arg-type]


@given(made=articles(), question=st.sampled_from(QUESTIONS))
def test_every_span_lies_in_its_passage_and_holds_words(made: Article, question: str) -> None:
    passages = cut(made)
    readings = READER.read(question, passages)
    assert len(readings) == len(passages)
    for each, reading in zip(passages, readings, strict=True):
        assert math.isfinite(reading.relevance)
        assert [s.score for s in reading.spans] == sorted((s.score for s in reading.spans), reverse=True)
        for scored in reading.spans:
            assert math.isfinite(scored.score)
            assert each.span.covers(scored.span)
            assert scored.span.of(made.text).strip() == scored.span.of(made.text) != ""


@given(made=articles(), question=st.sampled_from(QUESTIONS))
def test_a_reading_does_not_depend_on_the_other_passages(made: Article, question: str) -> None:
    passages = cut(made)
    together = READER.read(question, passages)
    assert together == [READER.read(question, [each])[0] for each in passages]
    assert together == READER.read(question, passages[::-1])[::-1]


def test_nothing_to_read_gives_nothing() -> None:
    assert READER.read("上海?", []) == []


@pytest.mark.parametrize(
    ("question", "text", "answer"),
    [
        ("上海是哪一年启动试点的?", "上海在2017年启动了试点。", "2017年"),
        ("上海是什么时候启动试点的?", "上海在2017年5月6日启动了试点。", "2017年5月6日"),
        ("奖金是多少?", "一等奖的奖金是五十万元。", "五十万元"),
        ("哪份文件规定了目标?", "目标写在《上海市行动计划》里。", "《上海市行动计划》"),
        ("为什么要试点?", "因为单据太多，所以要试点。", "因为单据太多，所以要试点"),
    ],
)
def test_a_sentence_is_narrowed_to_what_is_asked(question: str, text: str, answer: str) -> None:
    found = passage(text)
    (reading,) = READER.read(question, [found])
    assert reading.spans[0].span.of(found.article.text) == answer


def test_every_sentence_has_a_number_for_every_feature() -> None:
    found = passage("上海在2017年启动了试点。深圳在2018年开出了发票。", title="试点")
    for question in QUESTIONS[:-1]:
        asked = Question.parse(question, SEGMENTER)
        sentences = READER.candidates(asked, found)
        rows = READER.features(asked, sentences)
        assert [len(row) for row in rows] == [len(FEATURES)] * len(sentences)
        assert all(math.isfinite(value) for row in rows for value in row)
