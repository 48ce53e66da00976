"""Candidates to citations, filters, and an assistant that many ask at once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fakes import passages
from hypothesis import given
from hypothesis import strategies as st
from shelf import CountingEncoder

from qa.answering import Assistant, Filters, PassageReading, answer_from, checked_question
from qa.errors import IndexFolderError, InputError, ModelError
from qa.indexing import build_index
from qa.settings import AnswerSettings
from qa.types import Answer, Candidate, Passage, Reading, ScoredSpan, Span

pytest_plugins = ("shelf_fixtures",)

SHELF = passages("上海在2017年试点。", "上海的试点从２０１７年开始。", "上海在2018年试点。")


def candidate(row: int, quote: str, score: float) -> Candidate:
    passage = SHELF[row]
    start = passage.text.index(quote)
    return Candidate(passage, Span(start, start + len(quote)), passage.span, score)


SAID = (candidate(0, "2017年", 0.9), candidate(2, "2018年", 0.8), candidate(1, "２０１７年", 0.7))


# ---- candidates to citations


def test_the_best_candidate_is_the_answer_and_those_that_say_the_same_follow() -> None:
    citations, confidence = answer_from(SAID, 0.5, 4)
    assert [(citation.kind, citation.quote) for citation in citations] == [
        ("answer", "2017年"),
        ("same", "２０１７年"),
        ("other", "2018年"),
    ]
    assert confidence == 0.9


@pytest.mark.parametrize(
    ("threshold", "quotes"),
    [
        (0.0, ["2017年", "２０１７年", "2018年"]),
        (0.7, ["2017年", "２０１７年", "2018年"]),
        (0.75, ["2017年", "2018年"]),
        (0.9, ["2017年"]),
        (0.91, []),
        (1.0, []),
    ],
)
def test_what_is_below_the_threshold_is_not_cited(threshold: float, quotes: list[str]) -> None:
    citations, confidence = answer_from(SAID, threshold, 4)
    assert [citation.quote for citation in citations] == quotes
    assert confidence == 0.9


def test_no_candidate_is_an_abstention_with_confidence_zero() -> None:
    assert answer_from((), 0.0, 4) == ((), 0.0)


@pytest.mark.parametrize("others", [0, 1, 2])
def test_further_citations_are_limited(others: int) -> None:
    assert len(answer_from(SAID, 0.0, others)[0]) == 1 + others


def test_one_place_is_cited_once() -> None:
    twice = (SAID[0], candidate(0, "17年试", 0.8), SAID[2])
    assert [citation.quote for citation in answer_from(twice, 0.0, 4)[0]] == ["2017年", "２０１７年"]


@given(scores=st.lists(st.floats(0, 1), max_size=8), threshold=st.floats(0, 1), others=st.integers(0, 4))
def test_an_answer_cites_its_best_candidate_or_nothing(
    scores: list[float], threshold: float, others: int
) -> None:
    ranked = sorted(scores, reverse=True)
    found = [candidate(at % 3, ("上海", "试点")[at % 2], score) for at, score in enumerate(ranked)]
    citations, confidence = answer_from(found, threshold, others)
    answer = Answer("?", "?", citations, confidence)
    assert confidence == (ranked[0] if ranked else 0.0)
    assert answer.abstained == (not ranked or ranked[0] < threshold)
    assert [citation.kind for citation in citations][:1] == ([] if answer.abstained else ["answer"])
    assert len(citations) <= 1 + others
    assert answer.text == (None if answer.abstained else found[0].quote)


# ---- questions


@pytest.mark.parametrize("question", ["上海?", "a", "1", " 上海 \n", "上" * 1000, "？a！"])
def test_a_question_with_a_word_can_be_asked(question: str) -> None:
    assert checked_question(question) == question


@pytest.mark.parametrize("question", ["", " ", "\u3000\n", "？", "！。，", "上" * 1001, "\ud800", "😀"])
def test_a_question_without_one_cannot(question: str) -> None:
    with pytest.raises(InputError):
        checked_question(question)


# ---- filters


@pytest.mark.parametrize(
    ("after", "before", "date", "admitted"),
    [
        ("2021", None, "2021-05-06", True),
        ("2021", None, "2020-12-31", False),
        ("2021-05-06", None, "2021-05-06", True),
        ("2021-05-07", None, "2021-05-06", False),
        ("2021-05-07", None, "2021", True),
        ("2021-05-07", None, "2021-05", True),
        (None, "2021", "2021-12-31", True),
        (None, "2021", "2022-01-01", False),
        (None, "2021-05-06", "2021-05-06", True),
        (None, "2021-05-05", "2021-05-06", False),
        ("2021", "2021", "2021-05-06", True),
        ("2021", None, None, False),
        (None, "2021", None, False),
        (None, None, None, True),
    ],
)
def test_dates_are_inclusive_and_compared_as_far_as_they_go(
    after: str | None, before: str | None, date: str | None, admitted: bool
) -> None:
    assert Filters(after=after, before=before).admits("a.md", date) is admitted


@pytest.mark.parametrize("date", ["", "去年", "21", "2021-13", "2021-02-30", "2021/05/06", "2021-05-06T00"])
def test_what_is_no_date_is_refused(date: str) -> None:
    with pytest.raises(InputError, match="is not a date; give YYYY, YYYY-MM or YYYY-MM-DD"):
        Filters(after=date)


@pytest.mark.parametrize(
    ("glob", "admitted"),
    [("*", True), ("a/*", True), ("*.md", True), ("b.md", False), ("A/*", False), ("a/b/c.m?", True)],
)
def test_a_glob_is_over_the_whole_source(glob: str, admitted: bool) -> None:
    assert Filters(source=glob).admits("a/b/c.md", None) is admitted


# ---- the assistant


@pytest.fixture
def built(tmp_path: Path, articles: Path, model: CountingEncoder) -> Path:
    build_index(articles, tmp_path / "index")
    return tmp_path / "index"


QUESTIONS = (
    "上海在哪一年启动了试点?",
    "广州的经费由谁承担?",
    "深圳哪一天开出了发票?",
    "臺北的服務收費嗎?",
    "南京的奖金是多少?",
    "武汉成立了什么?",
    "什么?",
)


def essence(answer: Answer) -> tuple[object, ...]:
    """All of an answer but for the time it took."""
    return answer.searched, answer.citations, answer.confidence, answer.hits, answer.index


def test_threads_that_ask_at_once_get_the_same_answers(built: Path) -> None:
    with Assistant.open(built) as assistant:
        alone = [essence(assistant.ask(question, threshold=0.0)) for question in QUESTIONS]
    with Assistant.open(built) as assistant, ThreadPoolExecutor(8) as pool:
        asked = pool.map(lambda question: essence(assistant.ask(question, threshold=0.0)), QUESTIONS * 10)
        assert list(asked) == alone * 10


def test_asking_again_and_opening_again_change_nothing(built: Path) -> None:
    runs = []
    for _ in range(2):
        with Assistant.open(built) as assistant:
            runs += [[essence(assistant.ask(q, threshold=0.0)) for q in QUESTIONS] for _ in range(2)]
    assert runs[0] == runs[1] == runs[2] == runs[3]


def test_top_k_changes_what_is_shown_but_not_what_is_answered(built: Path) -> None:
    with Assistant.open(built) as assistant:
        few, many = (assistant.ask(QUESTIONS[0], top_k=k, threshold=0.0) for k in (1, 50))
    assert (len(few.hits), len(many.hits)) == (1, 8)
    assert few.citations == many.citations
    assert few.hits == many.hits[:1]


def test_a_citation_lies_in_its_sentence_and_its_passage(built: Path) -> None:
    with Assistant.open(built) as assistant:
        for question in QUESTIONS:
            for citation in assistant.ask(question, threshold=0.0).citations:
                assert citation.sentence_span.covers(citation.span)
                assert citation.passage.span.covers(citation.sentence_span)
                assert citation.quote
                assert citation.quote == citation.quote.strip()


def test_filters_hold_for_answers_too(built: Path) -> None:
    with Assistant.open(built) as assistant:
        only = Filters(source="south/*")
        answer = assistant.ask(QUESTIONS[0], filters=only, threshold=0.0)
        assert {hit.passage.article.source for hit in answer.hits} == {"south/guangzhou.txt"}
        assert {citation.article.source for citation in answer.citations} <= {"south/guangzhou.txt"}
        with pytest.raises(InputError, match="no article of the index passes the filters; widen --source"):
            assistant.search(QUESTIONS[0], filters=Filters(after="2030"))


def test_one_leg_alone_ranks_as_that_leg_does(built: Path) -> None:
    with Assistant.open(built) as both:
        assert "leg" not in both.index_info
    for name in ("bm25", "dense"):
        with Assistant.open(built, leg=name) as alone:
            assert alone.index_info["leg"] == name
            hits = alone.search(QUESTIONS[0], k=3)
            assert [dict(hit.ranks) for hit in hits] == [{name: rank} for rank in range(1, len(hits) + 1)]
            assert hits


def test_what_cannot_be_opened_is_told(tmp_path: Path, built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(IndexFolderError, match="holds no index; make one: qa index PATH"):
        Assistant.open(tmp_path / "nowhere")
    monkeypatch.setattr(CountingEncoder, "fingerprint", "another")
    with pytest.raises(ModelError, match=r"was indexed with another encoder \(characters, "):
        Assistant.open(built)


def test_the_index_names_what_answered(built: Path) -> None:
    with Assistant.open(built) as assistant:
        info = assistant.index_info
        assert sorted(info) == ["encoder", "fingerprint", "reader"]
        assert info["encoder"] == "characters"
        assert assistant.ask(QUESTIONS[0]).index == info
        assert len(assistant.passages()) == 8


# ---- passages that are given


class FirstWords:
    """Points at the first two characters of every passage."""

    name = "first words"
    settings = AnswerSettings(threshold=0.0)

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        return [Reading(0.0, (ScoredSpan(Span(p.span.start, p.span.start + 2), 0.0),)) for p in passages]


def test_given_passages_are_read_without_an_index() -> None:
    read = PassageReading(FirstWords())
    answer = read("上海?", SHELF)
    assert (answer.text, answer.hits, answer.index) == ("上海", (), {})
    assert [citation.kind for citation in answer.citations] == ["answer", "same", "same"]
    assert read("上海?", SHELF, threshold=1.0).text is None
    assert read("上海?", ()).abstained
    with pytest.raises(InputError, match="the question is empty"):
        read("", SHELF)
