"""Judged answers become label lines: which, where they go, and that no line is lost, doubled or cut."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa import labels
from qa.errors import InputError
from qa.labelling import (
    Asked,
    Desk,
    Judged,
    LabelFile,
    PendingFile,
    Replaced,
    feedback,
    file_feedback,
    interview,
    label,
    label_id,
    label_line,
    merged,
    questions,
    report_lines,
    typed,
)
from qa.labels import Question, Reference

ROOT = Path(__file__).parents[1]
ASKED = "上海哪一年启动试点?"
SENTENCE = "早在2017年,上海启动试点。"
CITED = {
    "quote": "2017年",
    "kind": "answer",
    "source": "shanghai.md",
    "sentence": {"text": SENTENCE, "start": 0, "end": 15},
}
PASSAGE = {"source": "years.md", "text": "上海\n启动试点是2017年。北京在2019年。"}
ANSWERED: dict[str, Any] = {
    "question": ASKED,
    "answer": "2017年",
    "citations": [CITED],
    "passages": [PASSAGE],
}
REFUSED: dict[str, Any] = {"question": ASKED, "answer": None, "citations": [], "passages": [PASSAGE]}


def row(judgement: str, response: Mapping[str, Any] = ANSWERED, **given: Any) -> dict[str, Any]:
    return {"label": given, "judgement": judgement, "response": response}


def write(folder: Path, *rows: object, name: str = "feedback.jsonl") -> Path:
    path = folder / name
    lines = [line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def judged(folder: Path, judgement: str, response: Mapping[str, Any] = ANSWERED, **given: Any) -> Judged:
    return feedback(write(folder, row(judgement, response, **given)))[0]


def made(question: str, *answers: str, sources: tuple[str, ...] = (), **more: Any) -> Question:
    history = more.get("history", ())
    references = tuple(map(Reference, answers))
    return Question(label_id(question, history), question, references, sources, **more)


def lines(path: Path) -> list[Any]:
    text = path.read_text("utf-8")
    assert text.endswith("\n")
    return [json.loads(line) for line in text.split("\n")[:-1]]


# ---- ids


def test_an_id_is_the_hash_of_the_question_and_its_history() -> None:
    listed = json.dumps([ASKED, "北京呢?"]).encode()
    assert label_id(ASKED, ["北京呢?"]) == "u" + hashlib.sha256(listed).hexdigest()[:12]
    assert label_id("谁?") == "u84034776b510" == label_id(" 谁?\n")
    assert label_id("谁?", ["a", "b"]) != label_id("谁?", ["b", "a"])


@given(st.lists(st.text(), min_size=1), st.lists(st.text(), min_size=1))
def test_two_questions_share_an_id_only_if_they_are_the_same(one: list[str], two: list[str]) -> None:
    keys = [Asked(turns[0], tuple(turns[1:])).key for turns in (one, two)]
    ids = [label_id(turns[0], turns[1:]) for turns in (one, two)]
    assert (ids[0] == ids[1]) == (keys[0] == keys[1])


# ---- what a judgement amounts to


def test_right_takes_the_quote_and_its_source(tmp_path: Path) -> None:
    found = label(judged(tmp_path, "right", history=["北京呢?"], type="date", split="tune"))
    assert found == made(
        ASKED, "2017年", sources=("shanghai.md",), history=("北京呢?",), type="date", split="tune"
    )


def test_right_adds_what_the_label_knows_and_where_the_same_words_stand(tmp_path: Path) -> None:
    cited = [
        CITED,
        {"quote": "2017年", "kind": "same", "source": "years.md"},
        {"quote": "2017 年", "kind": "same", "source": "other.md"},
        {"quote": "2017年", "kind": "other", "source": "third.md"},
    ]
    found = label(
        judged(
            tmp_path,
            "right",
            {"citations": cited},
            question="何时?",
            answers=["2017", "2017年"],
            sources=["a.md"],
        )
    )
    assert found == made("何时?", "2017年", "2017", sources=("shanghai.md", "years.md", "a.md"))


def test_a_refusal_that_was_right_is_a_question_without_an_answer(tmp_path: Path) -> None:
    assert label(judged(tmp_path, "right", REFUSED)) == made(ASKED)


def test_should_refuse_drops_all_answers(tmp_path: Path) -> None:
    found = label(judged(tmp_path, "should_refuse", answers=["2017年"], sources=["shanghai.md"], type="x"))
    assert found == made(ASKED, type="x")


@pytest.mark.parametrize("judgement", ["wrong", "should_answer"])
def test_wrong_and_should_answer_need_the_right_words(tmp_path: Path, judgement: str) -> None:
    assert label(judged(tmp_path, judgement)) is None
    assert label(judged(tmp_path, judgement, answers=[])) is None
    assert label(judged(tmp_path, judgement, answers=["2019年"])) == made(
        ASKED, "2019年", sources=("years.md",)
    )
    assert label(judged(tmp_path, judgement, answers=["2019年"], sources=["b.md"])) == made(
        ASKED, "2019年", sources=("b.md",)
    )
    assert label(judged(tmp_path, judgement, answers=["2020年"])) == made(ASKED, "2020年")
    assert label(judged(tmp_path, judgement, answers=["上海启动试点"])) == made(
        ASKED, "上海启动试点", sources=("shanghai.md",)
    )


def test_a_label_line_reads_back_as_the_same_label(tmp_path: Path) -> None:
    first = made(ASKED, "2017年", "2017", sources=("a.md",), history=("北京?",), type="date", split="tune")
    second = made("谁?\u2028 “x”\t")
    path = write(tmp_path, label_line(first), label_line(second))
    assert label_line(first) == (
        f'{{"id": "{first.id}", "question": "{ASKED}", "answers": ["2017年", "2017"], "sources": ["a.md"], '
        '"type": "date", "history": ["北京?"], "split": "tune"}'
    )
    assert labels.read(path).questions == (first, second)


# ---- the feedback file


def test_feedback_is_read_with_its_places(tmp_path: Path) -> None:
    path = write(tmp_path, row("right"), "", row("wrong", question=" 谁? ", answers=["甲", "甲", "乙"]))
    assert feedback(path) == (
        Judged(Asked(ASKED), "right", response=ANSWERED, where=f"{path}:1"),
        Judged(Asked(" 谁? "), "wrong", ("甲", "乙"), response=ANSWERED, where=f"{path}:3"),
    )


def test_the_label_asks_before_the_response(tmp_path: Path) -> None:
    assert judged(tmp_path, "wrong", question="谁?").asked == Asked("谁?")
    assert feedback(write(tmp_path, {"label": {"question": "谁?"}, "judgement": "wrong"}))[0].response == {}


def test_a_feedback_line_is_written_as_it_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, row("wrong", history=["北京?"], answers=["甲"], sources=["a.md"], type="x"))
    found = feedback(path)
    assert json.loads(found[0].line()) == row(
        "wrong", question=ASKED, history=["北京?"], answers=["甲"], sources=["a.md"], type="x"
    )
    assert feedback(write(tmp_path, found[0].line())) == found


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"label": {', "is not a line of JSON (Expecting property name enclosed in double quotes"),
        ("[1]", "the line must be a JSON object"),
        ({"judgement": "right"}, '"label" must be a JSON object'),
        (row("good"), '"judgement" must be one of right, wrong, should_answer, should_refuse'),
        (row(["right"]), '"judgement" must be one of right, wrong, should_answer, should_refuse'),  # type: ignore[arg-type]
        (row("wrong", {}), 'needs a non-empty string "question"'),
        (row("wrong", question=" "), 'needs a non-empty string "question"'),
        (row("wrong", history="北京?"), '"history" must be a list of non-empty strings'),
        (row("wrong", answers=[""]), '"answers" must be a list of non-empty strings'),
        (row("wrong", type=1), '"type" must be a string'),
        (row("wrong", []), '"response" must be a JSON object'),  # type: ignore[arg-type]
        (row("wrong", {"citations": {}}), '"citations" of the response must be a list'),
        (row("wrong", {"citations": ["x"]}), 'each of "citations" must be a JSON object'),
        (row("wrong", {"citations": [{"quote": "x"}]}), 'needs a non-empty string "source"'),
        (row("wrong", {"passages": [{"source": "x"}]}), 'needs a non-empty string "text"'),
        (row("right", {"question": "谁?"}), 'is judged right, and has no "response" with "citations"'),
        (row("right", REFUSED, answers=["甲"]), "a refusal is judged right, and the label has answers"),
    ],
)
def test_a_bad_feedback_line_is_named(tmp_path: Path, line: object, problem: str) -> None:
    path = write(tmp_path, row("right"), line)
    with pytest.raises(InputError) as caught:
        feedback(path)
    assert str(caught.value).startswith(f"{path}:2: {problem}")
    assert "\n" not in str(caught.value)


def test_a_feedback_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jsonl: cannot be read \(No such file or directory\)"):
        feedback(tmp_path / "none.jsonl")
    path = tmp_path / "gbk.jsonl"
    path.write_bytes(b"\n" + "{}中文".encode("gbk"))
    with pytest.raises(InputError, match=r"gbk\.jsonl:2: is not UTF-8; save the file as UTF-8"):
        feedback(path)


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "", " ")
    with pytest.raises(InputError, match=r"feedback\.jsonl:1: holds no judged answers; give one a line"):
        feedback(path)
    with pytest.raises(InputError, match=r"feedback\.jsonl:1: holds no questions; give one a line"):
        questions(path)
    PendingFile(path)
    assert LabelFile(write(tmp_path, name="labels.jsonl")).add(made(ASKED)) == "added"


# ---- several judgements of one question


def test_the_later_judgement_counts(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        row("right"),
        row("wrong", question="谁?"),
        row("should_refuse", question=f" {ASKED} "),
        row("right", history=["北京?"]),
        row("wrong", answers=["2019年"]),
    )
    first, who, second, other, third = feedback(path)
    assert merged(feedback(path)) == ((who, other, third), (Replaced(first, third), Replaced(second, third)))
    assert merged([]) == ((), ())


# ---- files


def test_feedback_is_filed(tmp_path: Path) -> None:
    target = tmp_path / "labels.jsonl"
    path = write(
        tmp_path,
        row("right"),
        row("wrong", question="谁?", history=["北京?"]),
        row("should_refuse", question="为何?"),
        row("right", question="为何?"),
    )
    kept, replaced = merged(feedback(path))
    filed = file_feedback(kept, LabelFile(target), PendingFile(tmp_path / "pending.jsonl"))
    assert [each.fate for each in filed] == ["added", "pending", "added"]
    assert labels.read(target).questions == (
        made(ASKED, "2017年", sources=("shanghai.md",)),
        made("为何?", "2017年", sources=("shanghai.md",)),
    )
    assert lines(tmp_path / "pending.jsonl") == [row("wrong", question="谁?", history=["北京?"])]
    later = f"以后者为准 the later judgement counts ({path}:4)"
    assert list(report_lines(filed, replaced)) == [
        "新增 added 2，已有 known 0，不符 differs 0，待定 pending 1，合并 merged 1",
        f"  合并 merged {path}:3 为何?: should_refuse → right，{later}",
        f'  待定 pending {path}:2 谁?: 缺正确的原文 put the right words into "answers" of its label',
    ]


def test_filing_twice_changes_no_byte(tmp_path: Path) -> None:
    path = write(tmp_path, row("right"), row("wrong", question="谁?"))
    target, waiting = tmp_path / "labels.jsonl", tmp_path / "pending.jsonl"
    file_feedback(feedback(path), LabelFile(target), PendingFile(waiting))
    before = target.read_bytes(), waiting.read_bytes()
    filed = file_feedback(feedback(path), LabelFile(target), PendingFile(waiting))
    assert [each.fate for each in filed] == ["known", "pending"]
    assert (target.read_bytes(), waiting.read_bytes()) == before


def test_a_pending_line_with_its_words_becomes_a_label(tmp_path: Path) -> None:
    target, waiting = tmp_path / "labels.jsonl", tmp_path / "pending.jsonl"
    file_feedback([judged(tmp_path, "wrong")], LabelFile(target), PendingFile(waiting))
    waiting.write_text(
        waiting.read_text("utf-8").replace('"history": []', '"history": [], "answers": ["2019年"]'), "utf-8"
    )
    filed = file_feedback(feedback(waiting), LabelFile(target), PendingFile(waiting))
    assert [each.fate for each in filed] == ["added"]
    assert labels.read(target).questions == (made(ASKED, "2019年", sources=("years.md",)),)


@pytest.mark.parametrize(
    ("there", "judgement", "response", "given", "fate"),
    [
        (["2017年", "2017"], "right", ANSWERED, {}, "known"),
        (["2018年"], "right", ANSWERED, {}, "differs"),
        ([], "right", ANSWERED, {}, "differs"),
        ([], "right", REFUSED, {}, "known"),
        (["2017年"], "should_refuse", ANSWERED, {}, "differs"),
        (["2018年"], "wrong", ANSWERED, {}, "known"),
        (["2017年"], "wrong", ANSWERED, {}, "differs"),
        (["2017年"], "should_answer", REFUSED, {}, "known"),
        ([], "should_answer", REFUSED, {}, "differs"),
        (["2017年"], "wrong", ANSWERED, {"answers": ["2019年"]}, "differs"),
    ],
)
def test_what_the_label_file_says_stays(
    tmp_path: Path,
    there: list[str],
    judgement: str,
    response: Mapping[str, Any],
    given: dict[str, Any],
    fate: str,
) -> None:
    target = write(tmp_path, {"id": "c001", "question": ASKED, "answers": there}, name="labels.jsonl")
    before = target.read_bytes()
    pending = tmp_path / "pending.jsonl"
    filed = file_feedback(
        [judged(tmp_path, judgement, response, **given)], LabelFile(target), PendingFile(pending)
    )
    assert [each.fate for each in filed] == [fate]
    assert target.read_bytes() == before
    assert not pending.exists()
    differing = f"  不符 differs {tmp_path / 'feedback.jsonl'}:1 {ASKED}: 标注文件里另有说法，未改动"
    assert [line.startswith(differing) for line in report_lines(filed)][1:] == [True] * (fate == "differs")


def test_an_id_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    target = write(tmp_path, {"id": label_id(ASKED), "question": "改过的问题?", "answers": ["2017年"]})
    assert LabelFile(target).add(made(ASKED, "2017年")) == "known"
    assert LabelFile(target).add(made(ASKED, "2019年")) == "differs"
    assert len(lines(target)) == 1


def test_a_file_without_a_last_newline_gets_one(tmp_path: Path) -> None:
    target = tmp_path / "labels.jsonl"
    target.write_text('{"question": "谁?", "answers": ["甲"]}', "utf-8")
    assert LabelFile(target).add(made(ASKED, "2017年")) == "added"
    assert target.read_text("utf-8") == (
        f'{{"question": "谁?", "answers": ["甲"]}}\n{label_line(made(ASKED, "2017年"))}\n'
    )


def test_no_file_is_made_before_there_is_a_line(tmp_path: Path) -> None:
    LabelFile(tmp_path / "labels.jsonl")
    PendingFile(tmp_path / "pending.jsonl")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"question": "谁?", "ans', "is not a line of JSON ("),
        ({"question": "谁?"}, 'is no label line ("question", "answers"); name another file'),
        ({"context": "甲", "question": "谁?", "answers": []}, "is no label line"),
        (row("right"), "is no label line"),
        ({"question": "", "answers": []}, 'needs a non-empty string "question"'),
    ],
)
def test_a_file_that_holds_no_labels_is_left_alone(tmp_path: Path, line: object, problem: str) -> None:
    path = write(tmp_path, {"question": "谁?", "answers": []}, line)
    with pytest.raises(InputError) as caught:
        LabelFile(path)
    assert str(caught.value).startswith(f"{path}:2: {problem}")


def test_two_writers_take_turns_and_see_each_other(tmp_path: Path) -> None:
    one, two = LabelFile(tmp_path / "labels.jsonl"), LabelFile(tmp_path / "labels.jsonl")
    assert one.add(made(ASKED, "2017年")) == "added"
    assert two.add(made(ASKED, "2017年")) == "known"
    assert two.add(made("谁?")) == "added"
    assert one.add(made("谁?")) == "known"
    assert len(lines(one.path)) == 2


def test_a_lone_surrogate_is_kept_as_an_escape(tmp_path: Path) -> None:
    target = tmp_path / "labels.jsonl"
    assert LabelFile(target).add(made("谁\ud800?")) == "added"
    assert lines(target)[0]["question"] == "谁\ud800?"


# ---- kills and full disks


def test_what_a_full_disk_cut_short_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = LabelFile(tmp_path / "labels.jsonl")
    target.add(made("谁?"))
    before = target.path.read_bytes()
    write_all = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda handle, raw: write_all(handle, raw[: len(raw) // 2]))
        with pytest.raises(OSError, match="No space left on device"):
            target.add(made(ASKED, "2017年"))
    assert target.path.read_bytes() == before
    assert target.add(made(ASKED, "2017年")) == "added"
    assert labels.read(target.path).questions == (made("谁?"), made(ASKED, "2017年"))


KILLED = """
import os, signal, sys
from pathlib import Path
from qa import labelling
from qa.labels import Question

moment, path = sys.argv[1], Path(sys.argv[2])
file, real, count = labelling.LabelFile(path), getattr(os, moment), 0

def killing(*arguments):
    global count
    count += 1
    if count == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments)

setattr(os, moment, killing)
for number in range(9):
    file.add(Question(labelling.label_id(str(number)), str(number)))
"""


@pytest.mark.parametrize(("moment", "whole"), [("write", 2), ("fsync", 3)])
def test_a_kill_leaves_whole_lines_and_the_next_run_goes_on(tmp_path: Path, moment: str, whole: int) -> None:
    path = tmp_path / "labels.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, moment, str(path)], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == -signal.SIGKILL
    assert [line["question"] for line in lines(path)] == [str(number) for number in range(whole)]
    again = LabelFile(path)
    assert [again.add(made(str(number))) for number in range(4)] == ["known"] * whole + ["added"] * (
        4 - whole
    )
    assert [line["question"] for line in lines(path)] == ["0", "1", "2", "3"]


# ---- questions to ask


def test_questions_are_plain_lines_or_objects(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        f"  {ASKED} ",
        "",
        {"question": "那北京呢?", "history": [ASKED]},
        {"id": "x", "question": "谁?", "answers": ["甲"]},
    )
    assert questions(path) == (Asked(ASKED), Asked("那北京呢?", (ASKED,)), Asked("谁?"))
    with pytest.raises(InputError, match=r'q\.jsonl:2: needs a non-empty string "question"'):
        questions(write(tmp_path, "谁?", {"history": []}, name="q.jsonl"))


def test_typed_questions_follow_each_other_where_they_say_so() -> None:
    heard: Iterator[str | None] = iter(["一?", "+二?", "＋ 三?", "+", " 四? ", "+五?", " "])
    assert list(typed(lambda prompt: next(heard))) == [
        Asked("一?"),
        Asked("二?", ("一?",)),
        Asked("三?", ("一?", "二?")),
        Asked("四?"),
        Asked("五?", ("四?",)),
    ]
    assert list(typed(lambda prompt: None)) == []


# ---- the interview


class Terminal:
    """What a person types, in order, and what they are shown; a prompt ends in ``:``."""

    def __init__(self, folder: Path, *heard: str | None, texts: Mapping[str, str] | None = None) -> None:
        self.shown: list[str] = []
        self._heard = iter(heard)
        self.labels = folder / "labels.jsonl"
        self.pending = folder / "pending.jsonl"
        self._texts = texts or {}

    def hear(self, prompt: str) -> str | None:
        self.shown.append(prompt.split("（")[0].split("  ")[0])
        heard = next(self._heard, None)
        if heard == "^C":
            raise KeyboardInterrupt
        return heard

    def run(self, *asked: Asked, response: Mapping[str, Any] = ANSWERED) -> list[str]:
        def ask(question: str, history: Sequence[str]) -> Mapping[str, Any]:
            if question == "?":
                raise InputError("the question holds only marks")
            return {**response, "question": question}

        desk = Desk(
            LabelFile(self.labels), PendingFile(self.pending), self.shown.append, self.hear, self._texts.get
        )
        return [each.fate for each in interview(asked, ask, desk)]


def test_an_interview_shows_asks_and_files(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "1", "对", "4")
    asked = [Asked(ASKED), Asked("那上海呢?", ("北京?",)), Asked("谁?")]
    assert terminal.run(*asked) == ["added"] * 3
    assert labels.read(terminal.labels).questions == (
        made(ASKED, "2017年", sources=("shanghai.md",)),
        made("那上海呢?", "2017年", sources=("shanghai.md",), history=("北京?",)),
        made("谁?"),
    )
    shown = ["答 2017年", f"   shanghai.md: {SENTENCE}", "1 对 right"]
    assert terminal.shown == [
        *("", f"问 {ASKED}", *shown),
        *("", "问 北京? → 那上海呢?", *shown),
        *("", "问 谁?", *shown),
    ]


def test_a_refusal_shows_the_nearest_passages(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "right")
    assert terminal.run(Asked("谁?"), response=REFUSED) == ["added"]
    assert labels.read(terminal.labels).questions == (made("谁?"),)
    assert terminal.shown == [
        "",
        "问 谁?",
        "拒答 refused；最接近的段落 nearest passages:",
        "   years.md: 上海 启动试点是2017年。北京在2019年。",
        "1 对 right",
    ]


def test_right_words_that_were_shown_bring_their_source(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "2", " 2019年 ")
    assert terminal.run(Asked(ASKED)) == ["added"]
    assert labels.read(terminal.labels).questions == (made(ASKED, "2019年", sources=("years.md",)),)


def test_right_words_elsewhere_in_the_cited_source_need_no_question(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "错", "金融、物流", texts={"shanghai.md": "最先是金融、物流。"})
    assert terminal.run(Asked(ASKED)) == ["added"]
    assert labels.read(terminal.labels).questions == (made(ASKED, "金融、物流", sources=("shanghai.md",)),)


@pytest.mark.parametrize(
    ("source", "warning"),
    [
        ("b.md", []),
        ("c.md", ["注意 warning: c.md 里没有这些字 does not hold these words; 照记 kept as typed"]),
        ("d.md", ["注意 warning: 无法核对 cannot be checked: d.md"]),
        ("", []),
    ],
)
def test_right_words_that_stand_nowhere_are_warned_about(
    tmp_path: Path, source: str, warning: list[str]
) -> None:
    terminal = Terminal(tmp_path, "3", "八月", source, texts={"b.md": "在八月", "c.md": "在九月"})
    assert terminal.run(Asked(ASKED), response=REFUSED) == ["added"]
    sources = (source,) if source else ()
    assert labels.read(terminal.labels).questions == (made(ASKED, "八月", sources=sources),)
    assert terminal.shown[5:] == [
        "正确的原文，照抄 the right words as in the article",
        "注意 warning: 在所引和所示的文字里没有找到 not found in what was cited or shown: 八月",
        "出自哪个文件 source",
        *warning,
    ]


def test_without_words_it_stays_pending(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "2", "", "3", None)
    assert terminal.run(Asked(ASKED), Asked("谁?"), Asked("为何?")) == ["pending", "pending"]
    assert not terminal.labels.exists()
    assert [(each.asked, each.judgement) for each in feedback(terminal.pending)] == [
        (Asked(ASKED), "wrong"),
        (Asked("谁?"), "should_answer"),
    ]


def test_other_keys_are_asked_again_and_questions_can_be_skipped(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path, "x", "S", "q")
    assert terminal.run(Asked(ASKED), Asked("?"), Asked("谁?"), Asked("为何?")) == []
    assert terminal.shown[5:9] == [
        "请输入 1、2、3、4、s 或 q please type one of these",
        "1 对 right",
        "不能提问 cannot be asked: the question holds only marks",
        "",
    ]
    assert "问 为何?" not in terminal.shown
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_loses_nothing_and_the_next_time_goes_on(tmp_path: Path) -> None:
    asked = [Asked(ASKED), Asked("谁?"), Asked("为何?"), Asked("何处?")]
    first = Terminal(tmp_path, "1", "2", "", "^C")
    with pytest.raises(KeyboardInterrupt):
        first.run(*asked)
    assert [row["question"] for row in lines(tmp_path / "labels.jsonl")] == [ASKED]
    assert [each.asked.question for each in feedback(tmp_path / "pending.jsonl")] == ["谁?"]
    second = Terminal(tmp_path, "4", "1", "1")
    assert second.run(*asked) == ["added"] * 3
    assert second.shown[0] == f"已有标注 labelled already: {ASKED}"
    assert [row["question"] for row in lines(tmp_path / "labels.jsonl")] == [ASKED, "谁?", "为何?", "何处?"]
