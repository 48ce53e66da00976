"""Judgements from the page become lines that ``qa label`` takes, whole or not at all."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import pytest
from handmade import NAME, OTHER, YEAR, cite
from hypothesis import given
from hypothesis import strategies as st

from qa.errors import IndexFolderError, InputError
from qa.feedback import Feedback, offered
from qa.labelling import (
    Asked,
    Judged,
    Judgement,
    LabelFile,
    PendingFile,
    feedback,
    file_feedback,
    label_id,
    merged,
)
from qa.types import Answer, Hit

ANSWER = Answer(
    "上海哪一年启动试点?",
    "上海哪一年启动试点?",
    (cite(YEAR, "2017年"), cite(OTHER, "2019年")),
    0.9,
    (Hit(YEAR, 1.0, {"bm25": 1}), Hit(NAME, 0.5)),
    {"total": 2.0},
    {"fingerprint": "f00d", "encoder": "e", "reader": "r"},
)
REFUSAL = Answer("火星有平台吗?", "火星有平台吗?", (), 0.1, (Hit(NAME, 0.5),))
JUDGEMENTS: tuple[Judgement, ...] = get_args(Judgement)


def filed(path: Path, folder: Path) -> list[tuple[str, str]]:
    """What ``qa label`` makes of a feedback file: each question with its fate."""
    judged, _ = merged(feedback(path))
    files = LabelFile(folder / "labels.jsonl"), PendingFile(folder / "pending.jsonl")
    return [(each.judged.asked.question, each.fate) for each in file_feedback(judged, *files)]


def test_what_is_written_is_what_qa_label_reads(tmp_path: Path) -> None:
    kept = Feedback(tmp_path / "feedback")
    kept.record("城市", "right", ANSWER, history=["那北京呢?"])
    kept.record("城市", "should_answer", REFUSAL.to_dict(), answers=["没有"], sources=["a.md"])
    assert kept.path("城市") == tmp_path / "feedback" / "城市.jsonl"
    assert feedback(kept.path("城市")) == (
        Judged(
            Asked("上海哪一年启动试点?", ("那北京呢?",)),
            "right",
            response=json.loads(json.dumps(ANSWER.to_dict())),
            where=f"{kept.path('城市')}:1",
        ),
        Judged(
            Asked("火星有平台吗?"),
            "should_answer",
            answers=("没有",),
            sources=("a.md",),
            response=json.loads(json.dumps(REFUSAL.to_dict())),
            where=f"{kept.path('城市')}:2",
        ),
    )
    assert filed(kept.path("城市"), tmp_path) == [
        ("上海哪一年启动试点?", "added"),
        ("火星有平台吗?", "added"),
    ]
    assert [json.loads(line) for line in (tmp_path / "labels.jsonl").read_text("utf-8").splitlines()] == [
        {
            "id": label_id("上海哪一年启动试点?", ["那北京呢?"]),
            "question": "上海哪一年启动试点?",
            "answers": ["2017年"],
            "sources": ["cities/shanghai.md"],
            "history": ["那北京呢?"],
        },
        {
            "id": label_id("火星有平台吗?"),
            "question": "火星有平台吗?",
            "answers": ["没有"],
            "sources": ["a.md"],
            "history": [],
        },
    ]


def test_the_answers_whole_json_is_kept(tmp_path: Path) -> None:
    kept = Feedback(tmp_path)
    kept.record("a", "wrong", ANSWER)
    row = json.loads(kept.path("a").read_text("utf-8"))
    assert row == {
        "label": {"question": "上海哪一年启动试点?", "history": []},
        "judgement": "wrong",
        "response": json.loads(json.dumps(ANSWER.to_dict())),
    }


@pytest.mark.parametrize("answer", [ANSWER, REFUSAL])
def test_every_offered_judgement_is_taken(tmp_path: Path, answer: Answer) -> None:
    kept = Feedback(tmp_path)
    for judgement in offered(answer):
        kept.record("a", judgement, answer)
    assert [each.judgement for each in feedback(kept.path("a"))] == list(offered(answer))


def test_what_is_offered_fits_the_answer() -> None:
    assert offered(ANSWER) == ("right", "wrong", "should_refuse")
    assert offered(REFUSAL.to_dict()) == ("right", "should_answer")


def test_the_last_judgement_counts(tmp_path: Path) -> None:
    kept = Feedback(tmp_path)
    kept.record("a", "wrong", ANSWER)
    kept.record("a", "should_refuse", REFUSAL)
    kept.record("a", "right", ANSWER)
    judged, replaced = merged(feedback(kept.path("a")))
    assert [(each.asked.question, each.judgement) for each in judged] == [
        ("火星有平台吗?", "should_refuse"),
        ("上海哪一年启动试点?", "right"),
    ]
    assert [(pair.earlier.judgement, pair.later.judgement) for pair in replaced] == [("wrong", "right")]
    assert filed(kept.path("a"), tmp_path) == [("火星有平台吗?", "added"), ("上海哪一年启动试点?", "added")]


def test_each_collection_has_a_file(tmp_path: Path) -> None:
    kept = Feedback(tmp_path)
    kept.record("甲", "right", ANSWER)
    kept.record("乙", "wrong", ANSWER)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["乙.jsonl", "甲.jsonl"]
    for name in ("../a", "a/b", "", "a\0"):
        with pytest.raises(InputError):
            kept.record(name, "right", ANSWER)


@pytest.mark.parametrize(
    ("judgement", "response", "reason"),
    [
        ("great", ANSWER.to_dict(), "a judgement is one of right, wrong, should_answer, should_refuse"),
        ("right", {"question": "?"}, 'the answer has no "citations" to be right'),
        ("wrong", {"question": " "}, '"question" must be a string that is not empty'),
        ("wrong", {"citations": []}, '"question" must be a string that is not empty'),
        ("wrong", {"question": 1}, '"question" must be a string that is not empty'),
        ("wrong", {"question": "?", "citations": {}}, '"citations" of the answer must hold quote and source'),
        (
            "wrong",
            {"question": "?", "citations": [1]},
            '"citations" of the answer must hold quote and source',
        ),
        (
            "wrong",
            {"question": "?", "passages": [{"text": "a"}]},
            '"passages" of the answer must hold source',
        ),
        ("wrong", {"question": "?", "score": float("nan")}, "cannot be written as JSON (NaN is no JSON)"),
        ("wrong", {"question": "?", "more": {1, 2}}, "cannot be written as JSON"),
        ("wrong", {"question": "?", "more": "a" * 1_000_000}, "has more than 1,000,000 characters as JSON"),
    ],
)
def test_what_qa_label_could_not_read_is_refused(
    tmp_path: Path, judgement: Any, response: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InputError) as refused:
        Feedback(tmp_path).record("a", judgement, response)
    assert reason in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_right_refusal_has_no_right_words(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no right words"):
        Feedback(tmp_path).record("a", "right", REFUSAL, answers=["2017年"])
    with pytest.raises(InputError, match='"history" must be'):
        Feedback(tmp_path).record("a", "right", REFUSAL, history=[" "])


def test_nesting_without_end_is_refused(tmp_path: Path) -> None:
    deep: dict[str, Any] = {"question": "?"}
    for _ in range(100_000):
        deep = {"question": "?", "deeper": deep}
    with pytest.raises(InputError, match="cannot be written as JSON"):
        Feedback(tmp_path).record("a", "wrong", deep)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
words = st.text(max_size=6) | st.sampled_from(["\u2028", "\r\n", "a\nb", "\ud800", "\ufeff", '"\\'])
responses = st.fixed_dictionaries(
    {"question": words},
    optional={
        "citations": st.lists(st.fixed_dictionaries({"quote": words, "source": words}), max_size=2),
        "passages": json_values
        | st.lists(st.fixed_dictionaries({"source": words, "text": words}), max_size=2),
        "more": json_values,
    },
)


@given(st.sampled_from(JUDGEMENTS), responses, st.lists(words, max_size=2), st.lists(words, max_size=2))
def test_whatever_is_taken_can_be_labelled(
    tmp_path_factory: pytest.TempPathFactory,
    judgement: Judgement,
    response: dict[str, Any],
    history: list[str],
    answers: list[str],
) -> None:
    folder = tmp_path_factory.mktemp("feedback")
    kept = Feedback(folder)
    try:
        kept.record("a", judgement, response, history=history, answers=answers)
    except InputError:
        assert not kept.path("a").exists()
        return
    (judged,) = feedback(kept.path("a"))
    assert judged.asked == Asked(response["question"], tuple(history))
    assert judged.response == response
    (one,) = filed(kept.path("a"), folder)
    assert one[1] in ("added", "pending")


# ---- the file


def test_many_at_once_lose_no_line(tmp_path: Path) -> None:
    kept = Feedback(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: kept.record("a", "wrong", {"question": f"第{n}问"}), range(64)))
    assert sorted(each.asked.question for each in feedback(kept.path("a"))) == sorted(
        f"第{n}问" for n in range(64)
    )


def test_a_line_that_was_cut_off_stays_apart(tmp_path: Path) -> None:
    kept = Feedback(tmp_path)
    kept.path("a").write_text('{"cut', encoding="utf-8")
    kept.record("a", "wrong", ANSWER)
    first, second = kept.path("a").read_text("utf-8").splitlines()
    assert (first, json.loads(second)["judgement"]) == ('{"cut', "wrong")


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Feedback(tmp_path)
    kept.record("a", "wrong", ANSWER)
    before = kept.path("a").read_bytes()
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda handle, raw: write(handle, raw[:10]))
        with pytest.raises(IndexFolderError, match="反馈没有存下来；cannot be written"):
            kept.record("a", "right", ANSWER)
    assert kept.path("a").read_bytes() == before


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "feedback").write_text("a file in the way")
    with pytest.raises(IndexFolderError, match="反馈没有存下来；cannot be written"):
        Feedback(tmp_path / "feedback").record("a", "right", ANSWER)
