"""Three forms of label file in, the same questions out; and what is wrong with a bad one."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.errors import LabelError
from qa.labels import LabelSet, Paragraph, Question, Reference, _element_lines, paragraph_articles, read
from qa.metrics import exact_match, f1
from qa.types import Block, Span

SHARED = Path(__file__).parents[1].parent / "shared"
CONTEXT = "2017年,上海启动试点。试点在上海。"
PLAIN = {"question": "上海哪一年启动试点?", "answers": ["2017年"]}


OTHER_SHAPE = 'needs a list "data", as SQuAD has it, or else one JSON object a line'
BARE_PARAGRAPH = 'holds "qas" and is no question; SQuAD has {"data": [{"paragraphs": [{"context", "qas"}]}]}'
HALF = "holds half a character (a lone surrogate); write the whole one"


def write(folder: Path, content: str | bytes, name: str = "labels.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def squad(*qas: dict[str, Any], context: str = CONTEXT) -> str:
    return json.dumps({"data": [{"title": "上海", "paragraphs": [{"context": context, "qas": list(qas)}]}]})


# ---- the three forms


def test_label_objects(tmp_path: Path) -> None:
    whole = {
        "id": "q1",
        "question": "那上海呢?",
        "answers": ["2017年", "2017"],
        "sources": ["shanghai.md"],
        "type": "date",
        "history": ["北京哪一年启动?"],
        "split": "report",
        "standalone": "上海哪一年启动?",
    }
    content = lines(whole, PLAIN, {"question": "谁?", "answers": []})
    assert read(write(tmp_path, content)) == LabelSet(
        "labels.jsonl",
        hashlib.sha256(content.encode()).hexdigest(),
        (
            Question(
                id="q1",
                question="那上海呢?",
                references=(Reference("2017年"), Reference("2017")),
                sources=("shanghai.md",),
                type="date",
                history=("北京哪一年启动?",),
                split="report",
                standalone="上海哪一年启动?",
            ),
            Question("line 2", "上海哪一年启动试点?", (Reference("2017年"),)),
            Question("line 3", "谁?"),
        ),
    )


def test_reader_rows(tmp_path: Path) -> None:
    row = {
        "id": "r1",
        "title": "上海",
        "context": CONTEXT,
        "question": "在哪里?",
        "answers": [
            {"text": "上海", "start": 6},
            {"text": "上海", "start": 16},
            {"text": "上海", "start": 6},
        ],
        "unanswerable": False,
    }
    none = {"id": "r2", "context": CONTEXT, "question": "谁?", "answers": [], "unanswerable": True}
    other = {"id": "r3", "context": "另一段。", "question": "谁?", "answers": ["另一段"]}
    paragraph = Paragraph(1, CONTEXT, "上海")
    assert read(write(tmp_path, lines(row, none, other))).questions == (
        Question("r1", "在哪里?", (Reference("上海", 6), Reference("上海", 16)), paragraph=paragraph),
        Question("r2", "谁?", paragraph=paragraph),
        Question("r3", "谁?", (Reference("另一段"),), paragraph=Paragraph(2, "另一段。")),
    )


def test_an_unanswerable_row_has_no_references(tmp_path: Path) -> None:
    row = {
        "context": CONTEXT,
        "question": "谁?",
        "answers": [{"text": "上海", "start": 6}],
        "unanswerable": True,
    }
    assert read(write(tmp_path, lines(row))).questions[0].references == ()


@pytest.mark.parametrize(
    ("answer", "references"),
    [
        ({"answers": [{"text": "上海", "answer_start": 6}]}, (Reference("上海", 6),)),
        ({"answers": [{"text": "上海", "answer_start": 5}]}, (Reference("上海"),)),  # not there: no place
        ({"answers": [{"text": "上海", "answer_start": -1}]}, (Reference("上海"),)),
        ({"answers": [{"text": "上海"}]}, (Reference("上海"),)),
        ({"answers": ["上海"]}, (Reference("上海"),)),
        ({"answers": [{"text": "", "answer_start": -1}], "is_impossible": False}, ()),
        ({"answers": [], "is_impossible": True, "plausible_answers": [{"text": "上海"}]}, ()),
        ({"answers": [{"text": "上海", "answer_start": 6}], "is_impossible": True}, ()),
        ({}, ()),
    ],
)
def test_squad(tmp_path: Path, answer: dict[str, Any], references: tuple[Reference, ...]) -> None:
    (question,) = read(write(tmp_path, squad({"id": "s1", "question": "在哪里?", **answer}))).questions
    assert question == Question("s1", "在哪里?", references, paragraph=Paragraph(1, CONTEXT, "上海"))


def test_squad_over_many_lines_with_and_without_ids(tmp_path: Path) -> None:
    pretty = json.dumps(json.loads(squad({"question": "甲?"}, {"id": 7, "question": "乙?"})), indent=2)
    assert [question.id for question in read(write(tmp_path, pretty)).questions] == ["question 1", "7"]


def test_a_json_array_of_rows(tmp_path: Path) -> None:
    assert read(write(tmp_path, json.dumps([PLAIN, PLAIN | {"id": "b"}], indent=2))).questions == (
        Question("row 1", "上海哪一年启动试点?", (Reference("2017年"),)),
        Question("b", "上海哪一年启动试点?", (Reference("2017年"),)),
    )


@pytest.mark.parametrize("form", [lines(PLAIN), squad({"question": "甲?"})], ids=["lines", "squad"])
def test_a_byte_order_mark_and_windows_newlines_change_nothing(tmp_path: Path, form: str) -> None:
    marked = write(tmp_path, b"\xef\xbb\xbf" + form.replace("\n", "\r\n").encode() + b"\r\n\r\n", "marked")
    assert read(marked).questions == read(write(tmp_path, form)).questions


def test_line_separators_inside_a_string_do_not_end_the_row(tmp_path: Path) -> None:
    rows = lines(PLAIN | {"question": "甲\u2028乙\x85丙?"})
    assert read(write(tmp_path, rows)).questions[0].question == "甲\u2028乙\x85丙?"


def test_a_row_given_twice_is_kept_once(tmp_path: Path) -> None:
    row = PLAIN | {"id": "q1"}
    assert len(read(write(tmp_path, lines(row, row))).questions) == 1


def test_an_empty_question_about_a_paragraph_stays(tmp_path: Path) -> None:
    row = {"id": "r1", "context": CONTEXT, "question": "", "answers": [{"text": "上海", "start": 6}]}
    assert read(write(tmp_path, lines(row))).questions[0].question == ""


TEXTS = st.text(min_size=1, max_size=8).filter(lambda text: bool(text.strip()))


@given(
    st.lists(
        st.fixed_dictionaries({"question": TEXTS, "answers": st.lists(TEXTS, max_size=3, unique=True)}),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    path = write(tmp_path_factory.mktemp("labels"), lines(*rows))
    assert [(q.question, list(q.answers)) for q in read(path).questions] == [
        (row["question"], row["answers"]) for row in rows
    ]


# ---- what is wrong


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ":1: holds no questions; give one JSON object a line"),
        ("\n \n", ":1: holds no questions; give one JSON object a line"),
        ("[]", ":1: holds no questions"),
        ('{"data": []}', ":1: holds no questions"),
        (
            lines(PLAIN) + "{oops}\n",
            ":2: is not JSON (Expecting property name enclosed in double quotes, column 2)",
        ),
        ('{"question": "甲?", "answers": []\n', ":1: is not JSON (Expecting ',' delimiter, column 33)"),
        (
            '{\n "data": [\n  {]\n',
            ":3: is not JSON (Expecting property name enclosed in double quotes, column 4)",
        ),
        ("\u4e00", ":1: is not JSON (Expecting value, column 1)"),
        (lines(PLAIN, [1]), ":2: must be a JSON object"),
        (lines(PLAIN, {"answers": []}), ':2: needs a non-empty string "question"'),
        (lines(PLAIN | {"question": " "}), ':1: needs a non-empty string "question"'),
        (lines({"question": "甲?"}), ':1: needs a list "answers"'),
        (lines(PLAIN | {"answers": "2017年"}), ':1: needs a list "answers"'),
        (lines(PLAIN | {"answers": [""]}), ':1: "answers" must be a list of non-empty strings'),
        (lines(PLAIN | {"sources": "a.md"}), ':1: "sources" must be a list of non-empty strings'),
        (lines(PLAIN | {"history": [1]}), ':1: "history" must be a list of non-empty strings'),
        (lines(PLAIN | {"type": 3}), ':1: "type" must be a string'),
        (lines(PLAIN | {"standalone": 3}), ':1: "standalone" must be a string'),
        (lines(PLAIN | {"id": ""}), ':1: "id" must be a non-empty string'),
        (
            lines(PLAIN | {"id": "a"}, {"id": "a", "question": "乙?", "answers": []}),
            ':2: id "a" is taken by line 1',
        ),
        (lines({"context": "甲", "question": "乙?", "answers": [3]}), ":1: an answer must be a JSON object"),
        (lines({"context": "甲", "question": "乙?", "answers": [{}]}), ':1: an answer needs a string "text"'),
        (lines({"context": "", "question": "乙?", "answers": []}), ':1: needs a non-empty string "context"'),
        ('{"data": 1}', f":1: {OTHER_SHAPE}"),
        ('{"version": "1", "articles": []}', ':1: needs a non-empty string "question"'),
        ('{"version": "1",\n "articles": []}', f":1: {OTHER_SHAPE}"),
        ('{\n "question": "甲?",\n "answers": []\n}', f":1: {OTHER_SHAPE}"),
        (json.dumps([{"context": "甲", "qas": []}]), f":1: row 1 {BARE_PARAGRAPH}"),
        (lines(PLAIN, {"context": "甲", "qas": []}), f":2: {BARE_PARAGRAPH}"),
        (json.dumps(PLAIN | {"question": "甲\ud83d?"}), f":1: {HALF}"),
        (lines(PLAIN) + json.dumps(PLAIN | {"answers": ["\udc00"]}), f":2: {HALF}"),
        (json.dumps({"context": "甲\ud83d", "question": "乙?", "answers": []}), f":1: {HALF}"),
        ('{"data": [{}]}', ':1: data[0] needs a list "paragraphs"'),
        (squad({"id": "s"}), ':1: data[0].paragraphs[0].qas[0] needs a non-empty string "question"'),
        (
            squad({"question": "甲?", "answers": 1}),
            ':1: data[0].paragraphs[0].qas[0] "answers" must be a list',
        ),
        ("[3]", ":1: row 1 must be a JSON object"),
    ],
)
def test_a_bad_file_is_refused_by_line(tmp_path: Path, content: str, message: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(LabelError) as caught:
        read(path)
    assert str(caught.value) == f"{path}{message}"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (lines(PLAIN) + "[" * 100_000, ":2: is not JSON that can be read (maximum recursion depth"),
        ('{"a":' * 100_000, ":1: is not JSON that can be read (maximum recursion depth"),
        (lines(PLAIN) + "9" * 5000, ":2: is not JSON that can be read (Exceeds the limit"),
    ],
    ids=["brackets", "objects", "digits"],
)
def test_json_that_python_gives_up_on_is_refused_by_line(tmp_path: Path, content: str, problem: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(LabelError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}{problem}")
    assert "\n" not in str(caught.value)


PRETTY = """{
  "version": "1",
  "data": [
    {"title": "甲", "paragraphs": []},
    {
      "paragraphs": [
        {
          "context": "乙\\n]。",
          "qas": [
            {"question": "1?", "answers": [{"text": "乙", "answer_start": 0}]},
            {
              "question": "2?",
              "answers": []
            }
          ]
        }
      ]
    }
  ]
}
"""


def test_a_document_of_many_lines_has_a_line_for_every_question(tmp_path: Path) -> None:
    questions = read(write(tmp_path, PRETTY)).questions
    assert [(question.id, question.line) for question in questions] == [
        ("question 1", 10),
        ("question 2", 11),
    ]


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ('"2?"', '""', None),  # an empty question about a paragraph stays
        ('"2?"', "3", ':11: data[1].paragraphs[0].qas[1] needs a non-empty string "question"'),
        ('"context"', '"text"', ':7: data[1].paragraphs[0] needs a non-empty string "context"'),
        ('{"title": "甲", "paragraphs": []}', "[]", ":4: data[0] must be a JSON object"),
        ('"1?"', '"1?", "id": 3', None),
        ('"qas"', '"questions"', ':7: data[1].paragraphs[0] needs a list "qas"'),
    ],
)
def test_a_fault_in_a_document_is_told_by_its_line(
    tmp_path: Path, good: str, bad: str, message: str | None
) -> None:
    path = write(tmp_path, PRETTY.replace(good, bad))
    if message is None:
        assert len(read(path).questions) == 2
        return
    with pytest.raises(LabelError) as caught:
        read(path)
    assert str(caught.value) == f"{path}{message}"


def test_a_fault_in_an_array_is_told_by_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, '[\n {"question": "甲?", "answers": []},\n\n {"question": "乙?"}\n]\n')
    with pytest.raises(LabelError) as caught:
        read(path)
    assert str(caught.value) == f'{path}:4: row 2 needs a list "answers"'


def test_rows_know_their_lines(tmp_path: Path) -> None:
    questions = read(write(tmp_path, "\n" + lines(PLAIN) + "\n" + lines(PLAIN | {"id": "b"}))).questions
    assert [(question.id, question.line) for question in questions] == [("line 2", 2), ("b", 4)]


NESTED = st.recursive(
    st.integers() | st.text('甲[]{},:"\\\n ', max_size=4) | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.", max_size=2), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(NESTED, st.integers(0, 3))
def test_every_element_of_a_document_is_found_on_its_line(value: Any, indent: int) -> None:
    text = json.dumps({"data": value}, ensure_ascii=False, indent=indent)
    for name, line in _element_lines(text).items():
        assert 1 < line <= text.count("\n") + 1
        found = value
        if name.startswith("data[") and "." not in name:
            for number in re.findall(r"\[(\d+)\]", name):
                found = found[int(number)]
            start = text.split("\n")[line - 1].strip()
            assert start.startswith(json.dumps(found, ensure_ascii=False)[:1])


def test_a_file_that_is_not_utf8_is_refused_by_line(tmp_path: Path) -> None:
    path = write(tmp_path, lines(PLAIN).encode() + "甲".encode("gb18030"))
    with pytest.raises(LabelError) as caught:
        read(path)
    assert str(caught.value) == f"{path}:2: is not UTF-8; save the file as UTF-8"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LabelError) as caught:
        read(tmp_path / "none.jsonl")
    assert str(caught.value) == (
        f"{tmp_path / 'none.jsonl'}:1: cannot be read (No such file or directory); check the path"
    )


# ---- paragraphs as articles


def test_each_distinct_paragraph_is_one_article(tmp_path: Path) -> None:
    document = {
        "data": [
            {
                "title": "甲",
                "paragraphs": [{"context": "甲一。", "qas": [{"question": "1?"}, {"question": "2?"}]}],
            },
            {"paragraphs": [{"context": "乙。", "qas": [{"question": "3?"}]}]},
            {"title": "丙", "paragraphs": [{"context": "甲一。", "qas": [{"question": "4?"}]}]},
        ]
    }
    labels = read(write(tmp_path, json.dumps(document), "dev.json"))
    first, second = paragraph_articles(labels)
    assert (first.id, first.source, first.element) == ("dev.json#paragraph 1", "dev.json", "paragraph 1")
    assert (first.text, first.title, first.exact, first.encoding) == ("甲一。", "甲", False, "utf-8")
    assert first.sha256 == hashlib.sha256("甲一。".encode()).hexdigest()
    assert first.blocks == (Block(Span(0, 3)),)
    assert (second.id, second.text, second.title) == ("dev.json#paragraph 2", "乙。", "")


def test_cmrc_trial_answers_are_right_by_their_own_measure() -> None:
    path = SHARED / "data/train/cmrc2018.trial.jsonl"
    if not path.exists():
        pytest.skip("needs the shared data")
    labels = read(path)
    assert (len(labels.questions), len(labels.paragraphs)) == (1002, 256)
    for question in labels.questions:
        (reference,) = question.references
        assert reference.start is not None
        assert question.context is not None
        assert question.context[reference.start :].startswith(reference.text)
        assert exact_match(reference.text, question.answers) == 1.0
        assert f1(reference.text, question.answers) == 1.0


def test_a_part_of_the_questions() -> None:
    splits = ("tune", "report", None, "report", "report")
    whole = LabelSet(
        "l.jsonl", "ab" * 32, tuple(Question(str(n), "?", split=split) for n, split in enumerate(splits))
    )
    parts = [whole.only(), whole.only("report"), whole.only(first=2), whole.only("report", 2)]
    assert [([question.id for question in part.questions], part.part) for part in parts] == [
        (["0", "1", "2", "3", "4"], None),
        (["1", "3", "4"], "report"),
        (["0", "1"], "first 2"),
        (["1", "3"], "report, first 2"),
    ]
    assert whole.only("none").questions == ()
