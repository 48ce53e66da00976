"""The shipped articles and their labels: forms, sizes, splits, and every answer where it should stand."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from shelf import CORPUS

from qa import articles
from qa.labels import read as read_labels
from qa.lexical import BM25
from qa.passages import cut, indexed_text
from qa.text import fold, is_han, sentences, simplified
from qa.types import Article, Passage
from qa.words import Segmenter

ARTICLES = CORPUS / "articles"
SEEDS = Path(__file__).parents[1].parent / "shared" / "seeds"
QUESTIONS: list[dict[str, Any]] = [
    json.loads(line) for line in (CORPUS / "questions.jsonl").read_text("utf-8").splitlines()
]
ANSWERABLE = [question for question in QUESTIONS if question["answers"]]
LEAST = {
    "date": 30, "number": 25, "place": 24, "name": 40, "title": 10, "list": 40, "reason": 60, "way": 40,
    "definition": 24, "yesno": 30, "colloquial": 40, "misspelt": 24, "traditional": 20, "latin": 20,
    "followup": 60, "unanswerable": 70,
}  # fmt: skip
FIELDS = ("id", "question", "answers", "sources", "type", "history", "split")
MORE_FIELDS = {
    "misspelt": {"meant", "slip"},
    "unanswerable": {"near", "standalone"},
    "followup": {"standalone"},
}


@cache
def shelf() -> dict[str, tuple[Article, ...]]:
    """The articles of each file."""
    found = {}
    for path in sorted(ARTICLES.iterdir()):
        contents = articles.read(path, source=path.name)
        assert contents.refused == ()
        found[path.name] = contents.articles
    return found


@cache
def segmenter() -> Segmenter:
    return Segmenter()


def holding(question: dict[str, Any]) -> list[str]:
    """The sentences of a question's sources that hold one of its answers; a long answer may span several."""
    found = []
    for source in question["sources"]:
        for article in shelf()[source]:
            for answer in question["answers"]:
                for match in re.finditer(re.escape(answer), article.text):
                    inside = [
                        span.of(article.text)
                        for block in article.blocks
                        for span in sentences(article.text, block.span)
                        if span.start < match.end() and match.start() < span.end
                    ]
                    found.append("".join(inside))
    return found


# ---- articles


def test_there_are_thirty_articles_of_a_readable_length() -> None:
    files = {name: made for name, made in shelf().items() if not name.endswith(".jsonl")}
    lengths = {name: len(made[0].text) for name, made in files.items()}
    assert len(lengths) >= 30
    assert {name: size for name, size in lengths.items() if not 400 <= size <= 3000} == {}
    assert sum(len(article.text) for made in shelf().values() for article in made) >= 40_000


def test_every_form_is_there_and_read_as_what_it_is() -> None:
    encodings = {name: made[0].encoding for name, made in shelf().items() if made[0].encoding != "utf-8"}
    assert set(encodings.values()) == {"gb18030", "cp950", "utf-16-le"}
    assert encodings["finance-obstacles.txt"] == "utf-16-le"
    suffixes = Counter(Path(name).suffix for name in shelf())
    assert {".md", ".txt", ".html", ".jsonl"} == set(suffixes)
    assert len(shelf()["news-briefs.jsonl"]) == 15
    front = [name for name in shelf() if (ARTICLES / name).read_bytes().startswith(b"---\n")]
    assert len(front) >= 20
    for name in front:
        article = shelf()[name][0]
        assert article.title not in ("", Path(name).stem)
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", article.date or "")
        assert article.blocks[0].span.start > article.text.index("\n---\n", 4)
    assert b"\r\n" in (ARTICLES / "city-economy.txt").read_bytes()


def test_no_article_is_damaged() -> None:
    made = [article for group in shelf().values() for article in group]
    assert [article.id for article in made if article.warnings] == []
    assert [article.id for article in made if "\ufffd" in article.text] == []
    assert len({article.id for article in made}) == len(made)


def test_nothing_is_copied_from_the_seeds() -> None:
    """No twelve characters in a row, titles in 《》 aside."""
    if not SEEDS.is_dir():
        pytest.skip("the seed articles are not here")
    seeds = {bare[at : at + 12] for bare in map(_bare, _seed_texts()) for at in range(len(bare) - 11)}
    copied = {
        (name, bare[at : at + 12])
        for name, group in shelf().items()
        for article in group
        for bare in [_bare(article.text)]
        for at in range(len(bare) - 11)
        if bare[at : at + 12] in seeds
    }
    assert sorted(copied) == []


def _seed_texts() -> list[str]:
    return [path.read_text("utf-8") for path in sorted(SEEDS.iterdir())]


def _bare(text: str) -> str:
    """``text`` folded, without white space; each 《title》 is one mark that nothing else has."""
    return re.sub(r"\s+", "", re.sub(r"《[^《》]*》", "\0", fold(text)))


# ---- labels


def test_the_labels_can_be_read_and_have_ids_of_their_own() -> None:
    assert len(read_labels(CORPUS / "questions.jsonl").questions) == len(QUESTIONS)
    assert [name for name, times in Counter(q["id"] for q in QUESTIONS).items() if times > 1] == []
    asked = Counter((q["question"], tuple(q["history"])) for q in QUESTIONS)
    assert [question for question, times in asked.items() if times > 1] == []


def test_there_are_enough_questions_of_every_kind() -> None:
    kinds = Counter(question["type"] for question in QUESTIONS)
    assert len(QUESTIONS) >= 300
    assert set(kinds) == set(LEAST)
    assert {kind: (kinds[kind], least) for kind, least in LEAST.items() if kinds[kind] < least} == {}
    assert len(QUESTIONS) - len(ANSWERABLE) == kinds["unanswerable"]
    assert sum(bool(question["history"]) for question in QUESTIONS) >= kinds["followup"]
    assert sum(len(question["history"]) > 1 for question in QUESTIONS) >= 15
    assert sum(len(question["sources"]) > 1 for question in QUESTIONS) >= 40
    assert [q["id"] for q in QUESTIONS if q["type"] == "followup" and not q["history"]] == []


def test_both_halves_hold_every_kind() -> None:
    halves = Counter((question["split"], question["type"]) for question in QUESTIONS)
    assert set(halves) == {(split, kind) for split in ("tune", "report") for kind in LEAST}
    sizes = Counter(question["split"] for question in QUESTIONS)
    assert min(sizes.values()) / len(QUESTIONS) > 0.45


def test_each_label_has_the_form_that_the_readme_describes() -> None:
    odd = [
        question["id"]
        for question in QUESTIONS
        if tuple(question)[: len(FIELDS)] != FIELDS
        or not set(question) - set(FIELDS) <= MORE_FIELDS.get(question["type"], set())
        or not re.fullmatch(r"[ct]\d{3}", question["id"])
        or not _are_distinct_texts([*question["history"], question["question"]])
        or not _are_distinct_texts(question["answers"])
        or not _are_distinct_texts(question["sources"])
    ]
    assert odd == []


def _are_distinct_texts(values: list[Any]) -> bool:
    texts = [value for value in values if isinstance(value, str) and value and value == value.strip()]
    return len(texts) == len(values) == len(set(texts))


def test_each_follow_up_says_what_it_means_without_its_history() -> None:
    whole = {question["id"]: question["standalone"] for question in QUESTIONS if "standalone" in question}
    assert sorted(whole) == sorted(question["id"] for question in QUESTIONS if question["history"])
    for question in QUESTIONS:
        if question["history"]:
            said = whole[question["id"]]
            assert said not in (question["question"], *question["history"])
            assert not re.search("它|^那|呢？$", said), question["id"]


def test_near_misses_are_marked_by_what_is_off() -> None:
    near = Counter(question["near"] for question in QUESTIONS if "near" in question)
    assert set(near) == {"year", "place", "subject", "detail"}
    assert sum(near.values()) >= 45
    assert near["year"] >= 20
    assert near["place"] >= 20
    far = [question for question in QUESTIONS if not question["answers"] and "near" not in question]
    assert len(far) >= 10
    assert [question["id"] for question in QUESTIONS if "near" in question and question["answers"]] == []


def test_what_has_nothing_to_do_with_the_articles_shares_no_four_characters_with_them() -> None:
    text = "".join(fold(article.text) for group in shelf().values() for article in group)
    far = [
        fold(question["question"])
        for question in QUESTIONS
        if not question["answers"] and "near" not in question
    ]
    shared = {
        question[at : at + 4]
        for question in far
        for at in range(len(question) - 3)
        if question[at : at + 4] in text
    }
    assert shared == set()


def test_a_misspelt_question_is_one_to_three_characters_off() -> None:
    misspelt = [question for question in QUESTIONS if question["type"] == "misspelt"]
    slips = Counter(question["slip"] for question in misspelt)
    assert set(slips) == {"sound", "shape"}
    assert min(slips.values()) >= 10
    asked = {question["question"] for question in QUESTIONS}
    for question in misspelt:
        wrong, meant = question["question"], question["meant"]
        assert len(wrong) == len(meant)
        off = [(a, b) for a, b in zip(wrong, meant, strict=True) if a != b]
        assert 1 <= len(off) <= 3, question["id"]
        assert all(is_han(char) for pair in off for char in pair), question["id"]
        assert meant not in asked


def test_scripts_are_what_the_type_says() -> None:
    latin = re.compile("[A-Za-z]")
    for question in QUESTIONS:
        asked = question["question"]
        if question["type"] == "latin":
            assert latin.search(asked), question["id"]
            assert any(map(is_han, asked)), question["id"]
        if question["type"] == "traditional":
            assert simplified(asked) != asked, question["id"]


def test_every_answer_stands_in_one_of_its_sources() -> None:
    missing = [
        (question["id"], answer)
        for question in ANSWERABLE
        for answer in question["answers"]
        if not any(answer in article.text for source in question["sources"] for article in shelf()[source])
    ]
    assert missing == []


def test_every_source_holds_an_answer_in_its_running_text() -> None:
    idle = [
        (question["id"], source)
        for question in ANSWERABLE
        for source in question["sources"]
        if not any(
            answer in block.span.of(article.text)
            for article in shelf()[source]
            for block in article.blocks
            for answer in question["answers"]
        )
    ]
    assert idle == []
    assert [q["id"] for q in ANSWERABLE if not q["sources"]] == []
    assert [q["id"] for q in QUESTIONS if not q["answers"] and q["sources"]] == []


def test_splits_do_not_share_an_article() -> None:
    by_source = defaultdict(set)
    for question in ANSWERABLE:
        by_source[question["sources"][0]].add(question["split"])
    assert {source: splits for source, splits in by_source.items() if len(splits) > 1} == {}


def test_half_of_the_answerable_questions_are_worded_afresh() -> None:
    """They share less than half of their content words with the sentence that holds the answer."""
    afresh = sum(_shared(question) < 0.5 for question in ANSWERABLE)
    assert afresh / len(ANSWERABLE) >= 0.5


def _shared(question: dict[str, Any]) -> float:
    words = set(segmenter().content_words(question["question"]))
    if not words:
        return 0.0
    return max(
        (len(words & set(segmenter().content_words(text))) / len(words) for text in holding(question)),
        default=0.0,
    )


def test_word_matching_alone_does_not_solve_it() -> None:
    passages = [passage for group in shelf().values() for article in group for passage in cut(article)]
    bm25 = BM25.build([indexed_text(passage) for passage in passages], segmenter())
    hits = [_first_is_relevant(bm25, passages, question) for question in ANSWERABLE]
    assert 0.5 < sum(hits) / len(hits) < 0.85


def _first_is_relevant(bm25: BM25, passages: list[Passage], question: dict[str, Any]) -> bool:
    rows, _ = bm25.search(question["question"], 1)
    found = [passages[row] for row in rows]
    return any(
        passage.article.source in question["sources"]
        and any(answer in passage.text for answer in question["answers"])
        for passage in found
    )
