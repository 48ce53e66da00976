"""Each miss has one cause: decided from hand-set facts, found for planted follow-ups, planted in an index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

import pytest
from fakes import FixedLeg, passages
from handmade import NAME, OTHER, YEAR, Fake, Line, label, labels
from hypothesis import given
from hypothesis import strategies as st
from shelf import CountingEncoder, fill

from qa import causes
from qa.answering import Assistant
from qa.causes import Cause, Facts, Place, Pointed, cause
from qa.evaluation import Run, evaluate
from qa.index import keep_threshold
from qa.indexing import build_index
from qa.retrieval import Hybrid
from qa.settings import AnswerSettings, OwnThreshold
from qa.types import Passage, Reading, ScoredSpan, Span

# ---- the decision

WRONG = Facts(right=False)


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        (Facts(), None),
        (Facts(answerable=False, right=False, abstained=True), None),
        (Facts(answerable=False, right=False), "answered_when_none"),
        (Facts(answerable=False, right=False, wrongly_rewritten=True), "wrong_rewrite"),
        (replace(WRONG, place="nowhere"), "not_in_articles"),
        (replace(WRONG, place="refused"), "refused_file"),
        (replace(WRONG, place="left_out"), "furniture"),
        (replace(WRONG, place="cut"), "cut_across"),
        (replace(WRONG, wrongly_rewritten=True), "wrong_rewrite"),
        (replace(WRONG, rank=None), "not_retrieved"),
        (replace(WRONG, rank=9, read=8), "ranked_too_low"),
        (replace(WRONG, rank=8, read=8, pointed="elsewhere"), "wrong_passage"),
        (replace(WRONG, rank=8, read=8), "wrong_span"),
        (replace(WRONG, pointed="nothing", abstained=True), "abstained"),
        (Facts(abstained=True), "abstained"),
        (Facts(abstained=True, wrongly_rewritten=True), "wrong_rewrite"),
        # The first stage that lost it is to blame, whatever came after.
        (replace(WRONG, place="cut", wrongly_rewritten=True, rank=None), "cut_across"),
        (replace(WRONG, wrongly_rewritten=True, rank=None), "wrong_rewrite"),
        # A wrong answer that was refused all the same was lost where the wrong words were taken.
        (replace(WRONG, abstained=True), "wrong_span"),
        # Words that are right were found, though in a passage that the labels do not name.
        (Facts(abstained=True, place="nowhere", rank=None), "abstained"),
    ],
)
def test_the_first_stage_that_lost_it(facts: Facts, wanted: Cause | None) -> None:
    assert cause(facts) == wanted


FACTS = st.builds(
    Facts,
    answerable=st.booleans(),
    abstained=st.booleans(),
    right=st.booleans(),
    place=st.sampled_from(get_args(Place)),
    wrongly_rewritten=st.booleans(),
    rank=st.none() | st.integers(1, 9),
    read=st.integers(1, 9),
    pointed=st.sampled_from(get_args(Pointed)),
)


@given(FACTS)
def test_every_miss_has_a_cause_and_nothing_else_has_one(facts: Facts) -> None:
    found = cause(facts)
    assert (found is not None) == facts.missed
    assert found is None or found in get_args(Cause)


@pytest.mark.parametrize(
    ("bm25", "dense", "leg"),
    [
        (1, 8, "both"),
        (8, 9, "bm25"),
        (None, 8, "dense"),
        (9, None, "neither"),
        (None, None, "neither"),
    ],
)
def test_the_leg_that_would_have_had_it(bm25: int | None, dense: int | None, leg: str) -> None:
    assert causes.legs({"bm25": bm25, "dense": dense}, read=8) == leg


def test_a_legs_own_rank_of_the_best_of_some_rows() -> None:
    legs = {
        "bm25": (FixedLeg("bm25", (5.0, 4.0, 3.0, float("nan"))), 0.5),
        "dense": (FixedLeg("dense", (0.1, 0.2, 0.3, 0.4)), 0.5),
    }
    hybrid = Hybrid(legs, passages("甲", "乙", "丙", "丁"), pool=1)
    assert hybrid.leg_ranks("?", [1, 2], 4) == {"bm25": 2, "dense": 2}
    assert hybrid.leg_ranks("?", [1, 2], 1) == {"bm25": None, "dense": None}
    assert hybrid.leg_ranks("?", [3], 4) == {"bm25": None, "dense": 1}
    assert hybrid.leg_ranks("?", [], 4) == {"bm25": None, "dense": None}


# ---- follow-ups

LOST = Line([OTHER], "北京", OTHER, 0.9, searched="改错了?")
READ = Line([NAME], "平台", NAME, 0.9, searched="改错了?")
ALONE = "沪链是什么?"


def follow_up(line: Line, found: Mapping[str, Sequence[Passage]], **more: object) -> Cause | None:
    """Of a follow-up about 沪链, where ``found`` says what a search for other words gives."""
    asked = replace(label("q1", "沪链", history=("先问?", "再问?")), **more)  # type: ignore[arg-type]
    script = {"q1?": line, ALONE: Line([NAME], "沪链", NAME, 0.9)}
    return evaluate(labels(asked), Fake(script, found=found)).outcomes[0].cause


def test_a_follow_up_that_all_questions_in_a_row_would_have_found_was_wrongly_rewritten() -> None:
    assert follow_up(LOST, {"先问? 再问? q1?": [YEAR, NAME]}) == "wrong_rewrite"


def test_a_follow_up_that_they_would_not_have_found_either_was_not() -> None:
    assert follow_up(LOST, {"先问? 再问? q1?": [YEAR]}) == "not_retrieved"
    assert follow_up(LOST, {"先问? 再问? q1?": [YEAR] * 8 + [NAME]}) == "not_retrieved"  # 8 are read
    assert follow_up(READ, {"先问? 再问? q1?": [NAME]}) == "wrong_span"


def test_a_question_without_history_was_not_rewritten() -> None:
    assert follow_up(LOST, {"q1?": [NAME]}, history=()) == "not_retrieved"


def test_the_labelled_standalone_form_goes_before_the_row_of_questions() -> None:
    assert follow_up(LOST, {ALONE: [NAME]}, standalone=ALONE) == "wrong_rewrite"
    assert follow_up(LOST, {"先问? 再问? q1?": [NAME]}, standalone="改错了?") == "not_retrieved"


def test_a_follow_up_that_is_answered_in_its_standalone_form_was_wrongly_rewritten() -> None:
    assert follow_up(READ, {}, standalone=ALONE) == "wrong_rewrite"
    refused = replace(READ, words="沪链", confidence=0.1)
    assert follow_up(refused, {}) == "abstained"
    assert follow_up(refused, {}, standalone=ALONE) == "wrong_rewrite"


def test_a_follow_up_that_nothing_answers_may_be_rewritten_to_one_that_something_does() -> None:
    asked = label("q1", history=("先问?",), standalone=ALONE)
    answered = {"q1?": LOST, ALONE: Line([OTHER], "北京", OTHER, 0.9)}
    refused = answered | {ALONE: Line([OTHER], "北京", OTHER, 0.1)}
    assert evaluate(labels(asked), Fake(answered)).outcomes[0].cause == "answered_when_none"
    assert evaluate(labels(asked), Fake(refused)).outcomes[0].cause == "wrong_rewrite"


# ---- planted in an index

FILLERS = "".join(f'{{"title": "{n}", "text": "州州州州第{n}号。"}}\n' for n in range(60))
TAIL, HEAD = "最后一件事记在二〇二四年。", "三月的会议接着讲了别的。"
LONG = f"{'市里做了许多事情，' * 25}{TAIL}{HEAD}{'会上又说了许多话，' * 25}到此为止。\n"


@dataclass(frozen=True)
class Plant:
    """A question, what the reader points at for it, and the one cause that is to be found for its miss.

    The reader is sure by 0.88, or by 0.12 where its words are marked with a ``-``.
    """

    question: str
    points: str
    cause: Cause | None
    answers: tuple[str, ...] = ()
    source: str | None = None


PLANTS = (
    Plant("上海在哪一年启动了试点?", "2017年", None, ("2017年",), "shanghai.md"),
    Plant("上海的试点由哪家银行资助?", "", "not_in_articles", ("亚洲银行",), "shanghai.md"),
    Plant("上海的试点在哪个国家?", "", "not_in_articles", ("2017年",), "nowhere.md"),
    Plant("残卷里写了什么?", "", "refused_file", ("秘密",), "torn.txt"),
    Plant("深圳的页脚写着什么?", "", "furniture", ("版权所有",), "shenzhen.html"),
    Plant("上海的文章是哪天写的?", "", "furniture", ("2021-05-06",), "shanghai.md"),
    Plant("事情记在哪年哪月?", "", "cut_across", ("二〇二四年。三月",), "long.txt"),
    Plant("州州州州?", "州州", "not_retrieved", ("四十家",), "briefs.jsonl"),
    Plant("深圳的发票和电子发票?", "发票", "ranked_too_low", ("三百萬元",), "taipei.txt"),
    Plant("北京的海淀区和广州承担什么?", "广州", "wrong_passage", ("大数据中心",), "beijing.txt"),
    Plant("北京哪个区承担政务服务?", "北京", "wrong_span", ("海淀区",), "beijing.txt"),
    Plant("广州从哪年开始试点?", "-2019年", "abstained", ("2019年",), "south/guangzhou.txt"),
    Plant("广州的经费由谁承担?", "", "abstained", ("市财政",), "guangzhou.txt"),
    Plant("深圳的地铁有几条?", "深圳", "answered_when_none"),
    Plant("广州的海港有多大?", "-广州", None),
)


@dataclass(frozen=True)
class Pointing:
    """Points at the words that are written for a question, in every passage that holds them."""

    name: str = "pointing"
    settings: AnswerSettings = field(
        default_factory=lambda: AnswerSettings(read=2, rank_weight=0.0, threshold=0.5)
    )

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        words = next(plant.points for plant in PLANTS if plant.question == question)
        return [_reading(passage, words.lstrip("-"), -2.0 if "-" in words else 2.0) for passage in passages]


def _reading(passage: Passage, words: str, score: float) -> Reading:
    at = passage.article.text.find(words, passage.span.start, passage.span.end) if words else -1
    return Reading(score, (ScoredSpan(Span(at, at + len(words)), score),) if at >= 0 else ())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of the small articles with what the plants need besides."""
    home = tmp_path_factory.mktemp("planted")
    articles = fill(home / "articles")
    (articles / "fillers.jsonl").write_text(FILLERS, encoding="utf-8")
    (articles / "long.txt").write_text(LONG, encoding="utf-8")
    (articles / "torn.txt").write_bytes(b"")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qa.encoder.load", lambda name=None, **_: CountingEncoder())
        build_index(articles, home / "index")
    return home / "index"


def opened(folder: Path) -> Assistant:
    return Assistant(folder, model=CountingEncoder(), reader=Pointing())


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    asked = [
        replace(
            label(f"q{n}", *plant.answers, sources=() if plant.source is None else (plant.source,)),
            question=plant.question,
        )
        for n, plant in enumerate(PLANTS)
    ]
    with opened(folder) as assistant:
        return evaluate(labels(*asked), assistant)


@pytest.mark.parametrize("number", range(len(PLANTS)))
def test_a_planted_miss_is_found_by_its_cause(run: Run, number: int) -> None:
    assert run.outcomes[number].cause == PLANTS[number].cause


def test_the_causes_add_up_to_the_misses(run: Run) -> None:
    counts = Counter(outcome.cause for outcome in run.outcomes)
    assert set(get_args(Cause)) - set(counts) == {"wrong_rewrite"}  # planted above
    misses = sum(outcome.facts.missed for outcome in run.outcomes)
    assert misses == len(PLANTS) - counts[None] == 13


def test_the_legs_tell_how_far_they_were(run: Run) -> None:
    rows = {row["question"]: row for row in run.to_dict()["questions"]}
    far, low = rows["州州州州?"], rows["深圳的发票和电子发票?"]
    assert (far["rank"], far["leg"], far["leg_ranks"]["bm25"]) == (None, "neither", None)
    assert far["leg_ranks"]["dense"] > 60
    assert low["rank"] > 2
    assert low["leg"] == "neither"


def test_the_run_names_the_doubtful_labels(run: Run) -> None:
    assert [(doubt.question, doubt.kind) for doubt in run.doubts] == [
        ("q1", "answer_nowhere"),
        ("q2", "unknown_source"),
        ("q3", "refused_source"),
    ]


# ---- the assistant that is evaluated


def test_the_assistant_tells_what_its_index_holds(folder: Path) -> None:
    with opened(folder) as assistant:
        assert assistant.read == 2
        assert assistant.refused() == ("torn.txt",)
        sources = Counter(article.source for article in assistant.articles())
        assert (sources["fillers.jsonl"], sources["briefs.jsonl"], sources["long.txt"]) == (60, 2, 1)


def test_a_threshold_of_ones_own_is_used_shown_and_seen_by_a_running_assistant(folder: Path) -> None:
    with opened(folder) as assistant:
        assert assistant.threshold == 0.5
        assert not assistant.reload()
        keep_threshold(folder, OwnThreshold(0.1, "pointing", 0.05, "ours.jsonl", 60))
        assert assistant.reload()
        assert assistant.threshold == 0.1
        answer = assistant.ask("广州从哪年开始试点?")
        assert answer.text == "2019年"
        assert answer.to_dict()["index"] == {
            "fingerprint": assistant.generation.manifest.fingerprint,
            "encoder": "characters",
            "reader": "pointing",
            "threshold": 0.1,
        }
        assert assistant.ask("广州从哪年开始试点?", threshold=0.5).abstained


def test_a_threshold_found_with_another_reader_does_not_count(folder: Path) -> None:
    keep_threshold(folder, OwnThreshold(0.1, "another", 0.05, "ours.jsonl", 60))
    with opened(folder) as assistant:
        assert assistant.threshold == 0.5
        assert "threshold" not in assistant.index_info


def test_settings_that_are_given_go_before_a_threshold_that_is_kept(folder: Path) -> None:
    keep_threshold(folder, OwnThreshold(0.1, "pointing", 0.05, "ours.jsonl", 60))
    given = AnswerSettings(read=2, threshold=0.7)
    with Assistant(folder, model=CountingEncoder(), reader=Pointing(), settings=given) as assistant:
        assert assistant.threshold == 0.7
        assert "threshold" not in assistant.index_info
