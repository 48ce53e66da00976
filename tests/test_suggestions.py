"""Suggestions: only what is found again is offered, at once, once, and in bounded work."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import article

from qa.errors import InputError
from qa.proposals import Proposal
from qa.suggestions import Suggestion, Suggestions, found_itself
from qa.types import Answer, Article, Citation, Passage, Span

CITIES = ("杭州", "北京", "广州", "成都")


def court(city: str) -> Article:
    text = f"{city}互联网法院2017年8月18日成立。{city}区块链服务平台由{city}市人民政府建设。"
    return article(text, source=f"{city}.md", title=f"{city}的法院")


@dataclass
class Index:
    """What suggestions see of a generation."""

    articles: Sequence[Article]
    fingerprint: str = "1"

    @property
    def manifest(self) -> Any:
        return SimpleNamespace(fingerprint=self.fingerprint)

    def __len__(self) -> int:
        return len(self.articles)

    def article(self, row: int) -> Article:
        return self.articles[row]

    def catalogue(self) -> list[tuple[str, str | None]]:
        return [(each.source, each.date) for each in self.articles]


def quoting(words: str) -> Callable[[Article, str], str | None]:
    """Quotes ``words`` of the article whose city the question names."""
    return lambda made, question: words if made.text[:2] in question else None


@dataclass
class Asked:
    """An assistant that quotes what it is told to, and remembers what it was asked."""

    generation: Any
    quote: Callable[[Article, str], str | None]
    rewrites: Callable[[str], str] = lambda question: question
    asked: list[str] = field(default_factory=list)

    def standalone(self, question: str, history: Sequence[str] = ()) -> str:
        assert history
        return self.rewrites(question)

    def ask(self, question: str) -> Answer:
        self.asked.append(question)
        for made in self.generation.articles:
            words = self.quote(made, question)
            if words is not None and words in made.text:
                start = made.text.index(words)
                whole = Span(0, len(made.text))
                cited = Citation(Passage(made, whole), Span(start, start + len(words)), whole)
                return Answer(question, question, (cited,), 0.75)
        return Answer(question, question, (), 0.1)


def either(made: Article, question: str) -> str | None:
    """The date for when, the government for who."""
    if made.text[:2] not in question:
        return None
    return f"{made.text[:2]}市人民政府" if "谁" in question else "2017年8月18日"


@pytest.fixture
def assistant() -> Asked:
    return Asked(Index([court(city) for city in CITIES]), either)


def asked_of(found: Sequence[Suggestion]) -> list[str]:
    return [each.question for each in found]


# ---- what is kept


def test_what_is_found_again_is_kept(assistant: Asked) -> None:
    suggestions = Suggestions(assistant)
    assert suggestions.known() == ()
    assert suggestions.take(3) == ()
    assert suggestions.fill() == 8
    assert sorted(asked_of(suggestions.known())) == sorted(
        question
        for city in CITIES
        for question in (f"{city}互联网法院是什么时候成立的？", f"{city}区块链服务平台是由谁建设的？")
    )
    first = next(each for each in suggestions.known() if each.source == "杭州.md")
    assert first == Suggestion(
        "杭州互联网法院是什么时候成立的？", "when", "杭州.md", None, "杭州的法院", 0.75
    )


@pytest.mark.parametrize(
    ("quote", "kept"),
    [
        (quoting("2017年8月18日"), 4),  # the right words for one question of each article
        (quoting("互联网"), 0),  # the right sentence, other words
        (quoting("没有这些字"), 0),  # an abstention
        (
            lambda made, question: "2017年8月18日" if made.text[:2] == "北京" else None,
            1,
        ),  # of one article only
    ],
)
def test_what_is_not_found_again_is_not_offered(
    quote: Callable[[Article, str], str | None], kept: int
) -> None:
    assert Suggestions(Asked(Index([court(city) for city in CITIES]), quote)).fill() == kept


def test_a_question_that_would_be_rewritten_is_not_offered(assistant: Asked) -> None:
    assistant.rewrites = lambda question: f"火星{question}" if "谁" in question else question
    assert Suggestions(assistant).fill() == 4
    assert not any("谁" in question for question in assistant.asked)


def test_a_question_that_cannot_be_asked_is_passed_over(
    assistant: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(question: str) -> Answer:
        raise InputError("no")

    monkeypatch.setattr(assistant, "ask", refusing)
    assert Suggestions(assistant).fill() == 0


def test_the_first_citation_counts() -> None:
    made, other = court("杭州"), court("北京")
    whole = Span(0, len(made.text))
    date = Citation(Passage(made, whole), Span(7, 17), whole)
    elsewhere = Citation(Passage(other, whole), Span(7, 17), whole)
    proposal = Proposal("?", "when", Span(0, 20), Span(7, 17))
    assert found_itself(Answer("?", "?", (date, elsewhere)), made, proposal)
    assert not found_itself(Answer("?", "?", (elsewhere, date)), made, proposal)
    assert not found_itself(Answer("?", "?", ()), made, proposal)
    assert not found_itself(Answer("?", "?", (date,)), made, Proposal("?", "when", Span(20, 30)))
    assert not found_itself(Answer("?", "?", (date,)), made, Proposal("?", "when", Span(0, 20), Span(0, 5)))


# ---- what is taken


def test_each_turn_brings_others_until_there_are_none(assistant: Asked) -> None:
    suggestions = Suggestions(assistant)
    suggestions.fill()
    shown: list[str] = []
    for _ in range(4):
        taken = suggestions.take(2, shown=shown)
        assert len(taken) == 2
        assert len({each.source for each in taken}) == 2
        assert not set(asked_of(taken)) & set(shown)
        shown += asked_of(taken)
    assert suggestions.take(2, shown=shown) == ()
    assert suggestions.take(2, shown=[question.replace("？", "?") for question in shown]) == ()


def test_those_of_the_last_answer_come_first(assistant: Asked) -> None:
    suggestions = Suggestions(assistant)
    suggestions.fill()
    sources = [each.source for each in suggestions.take(3, near="成都.md")]
    assert sources[:2] == ["成都.md", "成都.md"]
    assert sources[2] != "成都.md"
    assert [each.source for each in suggestions.take(1, near="成都.md")] == ["成都.md"]
    assert len(suggestions.take(100, near="成都.md")) == 8
    assert suggestions.take(0) == suggestions.take(-1) == ()


def test_the_same_seed_gives_the_same(assistant: Asked) -> None:
    one, two = Suggestions(assistant, seed=7), Suggestions(assistant, seed=7)
    one.fill()
    two.fill()
    assert one.known() == two.known()
    assert one.take(3, seed=1) == two.take(3, seed=1)
    assert len({one.take(3, seed=seed) for seed in range(10)}) > 1


# ---- how much is done


def test_no_more_is_asked_than_may_be(assistant: Asked) -> None:
    suggestions = Suggestions(assistant, most=3)
    suggestions.fill()
    assert len(assistant.asked) == 3
    suggestions.fill()
    assert len(assistant.asked) == 3


def test_nothing_is_asked_twice_and_a_new_index_begins_anew(assistant: Asked) -> None:
    suggestions = Suggestions(assistant)
    suggestions.fill()
    assert (suggestions.fill(), len(assistant.asked)) == (8, 8)
    assistant.generation = Index([court("成都")], "2")
    assert suggestions.fill() == 2
    assert {each.source for each in suggestions.known()} == {"成都.md"}


def test_one_article_does_not_fill_the_pool() -> None:
    names = "甲乙丙丁戊己庚辛"
    text = "".join(f"杭州第{name}法院2017年成立。".replace("第", "") for name in names)
    made = article(text, source="杭州.md")

    def quote(each: Article, question: str) -> str | None:
        return f"{question[: question.index('是')]}2017年"

    assert Suggestions(Asked(Index([made]), quote)).fill() == 6


def test_a_wanted_article_is_next() -> None:
    cities = ("杭州", "北京", "广州", "成都", "上海", "深圳", "南京", "武汉")
    assistant = Asked(Index([court(city) for city in cities]), either)
    suggestions = Suggestions(assistant)
    last = _order(cities)[-1]
    assert suggestions.take(3, near=f"{last}.md") == ()
    suggestions.fill()
    assert suggestions.known()[0].source == f"{last}.md"


def _order(cities: Sequence[str]) -> list[str]:
    """The cities in the order in which they are tried when none is wanted."""
    suggestions = Suggestions(Asked(Index([court(city) for city in cities]), either))
    suggestions.fill()
    return list(dict.fromkeys(each.source.removesuffix(".md") for each in suggestions.known()))


def test_the_pool_is_filled_in_the_background(assistant: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    filled = threading.Event()
    ask = assistant.ask

    def asking(question: str) -> Answer:
        if len(assistant.asked) == 7:
            filled.set()
        return ask(question)

    monkeypatch.setattr(assistant, "ask", asking)
    with Suggestions(assistant, rest=lambda: 0.0) as suggestions:
        assert filled.wait(60)
        suggestions.start()  # once is enough
    assert len(suggestions.known()) == 8


def test_a_fault_is_logged_and_does_not_end_the_page(
    assistant: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged = threading.Event()

    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == "suggestions could not be made":
                logged.set()

    def failing(question: str) -> Answer:
        raise RuntimeError("a fault")

    monkeypatch.setattr(assistant, "ask", failing)
    logger, heard = logging.getLogger("qa.suggestions"), Heard()
    monkeypatch.setattr(logger, "propagate", False)
    logger.addHandler(heard)
    try:
        with Suggestions(assistant) as suggestions:
            assert logged.wait(60)
            assert suggestions.take(3) == ()
    finally:
        logger.removeHandler(heard)


def test_after_each_question_it_rests_as_long_as_it_is_told(assistant: Asked) -> None:
    told = threading.Event()

    def rest() -> float:
        if len(assistant.asked) == 2:
            told.set()
            return 1e6
        return 0.0

    with Suggestions(assistant, rest=rest) as suggestions:
        assert told.wait(30)
    assert (len(assistant.asked), len(suggestions.known())) == (2, 2)
