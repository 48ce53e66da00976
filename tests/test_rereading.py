"""A reader that is asked the same twice, and an index that a label names by its second name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from handmade import NAME, OTHER, PASSAGES, SHANGHAI, YEAR, article, label

from qa.evaluation.rereading import Rereading
from qa.relevance import Relevance
from qa.settings import AnswerSettings
from qa.types import Passage, Reading


@dataclass
class Counting:
    """A reader whose reading of a passage tells how often it was called by then."""

    name: str = "counting"
    settings: AnswerSettings = field(default_factory=lambda: AnswerSettings(read=3))
    asked: list[tuple[str, list[Passage]]] = field(default_factory=list)

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        self.asked.append((question, list(passages)))
        return [Reading(float(len(self.asked)), ()) for _ in passages]


def test_a_passage_is_read_once_for_a_question_and_in_the_order_that_is_asked() -> None:
    counting = Counting()
    reader = Rereading(counting)
    assert [each.relevance for each in reader.read("甲?", [YEAR, NAME])] == [1.0, 1.0]
    assert [each.relevance for each in reader.read("甲?", [OTHER, NAME, YEAR])] == [2.0, 1.0, 1.0]
    same = replace(YEAR)  # the same passage of the same index is another value each time
    assert [each.relevance for each in reader.read("甲?", [same])] == [1.0]
    assert reader.read("甲?", []) == []
    assert counting.asked == [("甲?", [YEAR, NAME]), ("甲?", [OTHER])]


def test_another_question_is_read_anew() -> None:
    counting = Counting()
    reader = Rereading(counting)
    for question in ("甲?", "乙?", "甲?"):
        reader.read(question, [YEAR])
    assert counting.asked == [("甲?", [YEAR]), ("乙?", [YEAR]), ("甲?", [YEAR])]


def test_it_goes_by_the_name_and_the_settings_of_its_reader() -> None:
    reader = Rereading(Counting())
    assert (reader.name, reader.settings) == ("counting", AnswerSettings(read=3))


def test_an_article_that_is_held_only_by_name_answers_with_the_passages_of_the_one_that_says_the_same() -> (
    None
):
    spaced = article("copies/again.md", SHANGHAI.text.replace("。", "。\n"))
    other = article("copies/other.md", "平台名叫沪链。")
    relevance = Relevance(PASSAGES, [SHANGHAI, spaced, other])
    named = label("q", "沪链", sources=["again.md"])
    assert relevance.relevant(named) == (NAME,)
    assert relevance.relevant(label("q", "沪链", sources=["again.md", "shanghai.md"])) == (NAME,)
    assert (relevance.unknown(named), relevance.place(named)) == ((), "passage")
    assert relevance.relevant(label("q", "沪链", sources=["other.md"])) == ()
