"""The reader's training: examples, windows and losses worked out by hand; the Hugging Face folder."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fakes import article
from test_windows import characters

from qa.onnx import open_folder
from qa.reader import FOLDER, load
from qa.types import Passage, Span
from qa.windows import Windows
from qa.words import Segmenter
from training import splits
from training.export_huggingface import export_huggingface
from training.mix_reader import main as mix_reader
from training.prepare_reader import example, training_rows
from training.prepare_written import ENCYCLOPAEDIA, NEWS, written
from training.reader_batches import Batch, Example, Mix, epoch_batches, without_answer
from training.reader_card import passages_read
from training.reader_model import Outputs, losses, span_scores
from training.splits import Row

SHARED = Path(__file__).parents[2] / "shared" / "data"
TEXT = "上海在2017年启动。深圳在2019年公布计划。广州在2020年跟上。"
ANSWER = Span(3, 8)
ROW = Row("1", "上海哪年启动?", (TEXT,), (("2017年", 3),), "试点", "train")
EXAMPLE = Example(ROW.question, "试点", TEXT, ANSWER, (("杭州", "杭州也有试点。"),), ("深圳哪年启动?",))
ALL = Mix(hard=1.0, removed=1.0, swapped=1.0, shortest=1, longest=1, titled=1.0)
WINDOWS = characters(size=200, overlap=20)


class Nothing:
    """An assistant that finds the passages it was given."""

    def __init__(self, passages: list[Passage]) -> None:
        self.passages = passages

    def search(self, question: str, k: int) -> list[Found]:
        return [Found(passage) for passage in self.passages]


class Found:
    def __init__(self, passage: Passage) -> None:
        self.passage = passage


def test_without_answer_every_sentence_that_holds_it_is_gone() -> None:
    text = "上海在2017年启动。深圳在2019年公布。那是２０１７年的事。"
    assert without_answer(text, Span(3, 8)) == "深圳在2019年公布。"


def test_hard_passages_neither_hold_the_answer_nor_overlap_its_place() -> None:
    whole = article(TEXT)
    pieces = [Passage(whole, span) for span in (Span(0, 11), Span(11, 24), Span(24, len(TEXT)))]
    other = article("上海也在2017年。")
    found = example(
        ROW,
        Nothing([*pieces, Passage(other, Span(0, len(other.text)))]),  # type: ignore[arg-type]
        Segmenter(),
        random.Random(1),
    )
    assert [text for _, text in found["hard"]] == [TEXT[11:24], TEXT[24:]]
    assert found["answer"] == [3, 8]
    assert set(found["swapped"]) <= {"深圳哪年启动?", "广州哪年启动?"}
    assert found["swapped"]


def batches(example: Example, mix: Mix, **changes: int) -> list[Batch]:
    settings = {"seed": 1, "epoch": 0, "tokens": 10_000} | changes
    return epoch_batches([example], WINDOWS, mix, **settings)


def test_an_epoch_holds_the_answer_and_the_three_kinds_without() -> None:
    (batch,) = batches(EXAMPLE, ALL)
    assert batch.ids.shape == (4, 32)  # padded to a multiple of 16
    (answer,) = np.flatnonzero(batch.start)
    words = "".join(map(chr, batch.ids[answer, batch.start[answer] : batch.end[answer] + 1]))
    assert words == "2017年"
    groups = batch.group.tolist()
    assert sorted(groups) == [0, 0, 1, 2]  # the retrieved passage is normalised with the answer
    assert groups[answer] == 0
    assert not batch.passage[batch.mask == 0].any()
    pieces = {group: int(row.sum()) for group, row in zip(groups[::-1], batch.passage[::-1], strict=True)}
    assert (pieces[1], pieces[2]) == (1, 11)  # one character of the rest; the answer's sentence


def test_the_same_seed_gives_the_same_batches_and_another_epoch_others() -> None:
    mix = Mix(hard=0.5, removed=0.5, swapped=0.5, shortest=1, longest=40, titled=0.5)
    first = [batches(EXAMPLE, mix, epoch=epoch) for epoch in (0, 0, *range(1, 9))]
    shapes = [[batch.ids.tolist() for batch in found] for found in first]
    assert shapes[0] == shapes[1]
    assert any(shape != shapes[0] for shape in shapes[2:])


def test_no_batch_is_larger_than_allowed() -> None:
    found = [
        batch
        for batch in epoch_batches([EXAMPLE] * 30, WINDOWS, ALL, seed=1, epoch=0, tokens=320)
        if batch.ids.size > 320
    ]
    assert found == []


def hand_batch(group: list[int]) -> Batch:
    ones = np.ones((2, 3), dtype=np.int64)
    return Batch(ones, ones, ones.astype(bool), np.array([1, 0]), np.array([2, 0]), np.array(group))


def outputs(start: Any, end: Any, relevance: Any) -> Outputs:
    nothing = torch.zeros(*start.shape, 1)
    return Outputs(start, end, nothing, nothing, relevance)


# Of three pieces three may begin, three end, and six pairs are spans; the loss is half of all three.
@pytest.mark.parametrize(("group", "windows"), [([0, 0], 2), ([0, 1], 1)])
def test_spans_are_normalised_over_the_windows_of_a_question(group: list[int], windows: int) -> None:
    scores = torch.zeros(2, 3)
    span, relevance = losses(outputs(scores, scores, torch.zeros(2)), hand_batch(group), "cpu")
    rivals = [3 * windows, 3 * windows, 6 * windows]
    assert float(span) == pytest.approx(sum(map(math.log, rivals)) / 2)
    assert float(relevance) == pytest.approx(math.log(2))


def test_a_sure_and_right_reader_loses_nothing() -> None:
    start, end = torch.zeros(2, 3), torch.zeros(2, 3)
    start[0, 1] = end[0, 2] = 50.0
    span, relevance = losses(outputs(start, end, torch.tensor([50.0, -50.0])), hand_batch([0, 0]), "cpu")
    assert float(span) == pytest.approx(0, abs=1e-6)
    assert float(relevance) == pytest.approx(0, abs=1e-6)


def test_a_span_has_the_scores_of_its_ends_and_of_both_together() -> None:
    pieces = torch.arange(3.0)[None]
    opens, closes = torch.tensor([[[1.0], [0.0], [0.0]]]), torch.tensor([[[0.0], [0.0], [5.0]]])
    scores = span_scores(Outputs(pieces, 10 * pieces, opens, closes, torch.zeros(1)))[0]
    assert scores.triu().tolist() == [[0, 10, 25], [0, 11, 21], [0, 0, 22]]
    assert float(scores.tril(-1).sum()) == -60_000  # a span does not end before it begins


def test_marks_at_the_ends_of_a_label_are_not_learnt() -> None:
    marked = replace(EXAMPLE, context=TEXT.replace("2017年", "《2017年》、"), answer=Span(3, 11))
    (batch,) = batches(marked, ALL)
    (answer,) = np.flatnonzero(batch.start)
    words = "".join(map(chr, batch.ids[answer, batch.start[answer] : batch.end[answer] + 1]))
    assert words == "2017年"


def test_no_reported_or_kept_out_paragraph_is_trained_on() -> None:
    if not SHARED.is_dir():
        pytest.skip("the public sets are not here")
    trained = {(row.title, row.relevant[0]) for row in training_rows(SHARED)}
    cmrc = [row for row in splits.cmrc_train(SHARED) if row.split == "tune"]
    drcd = [row for row in splits.drcd(SHARED) if row.split == "report"]
    others = [*splits.cmrc_trial(SHARED), *cmrc, *drcd]
    assert len(trained) > 3000
    assert len(others) > 4000
    texts, titles = {text for _, text in trained}, {title for title, _ in trained}
    assert [row.id for row in others if row.relevant[0] in texts or row.title in titles] == []


def test_written_questions_find_their_texts_by_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "articles").mkdir()
    lines = [
        "2023-01-01，正文：上海在2017年启动。",
        "没有时间的文章，深圳在2019年公布。",
        *[""] * 3,
        "北京。",
    ]
    (tmp_path / "articles" / "some.txt").write_text("\n".join(lines), "utf-8")
    questions = tmp_path / "news.jsonl"
    rows = [
        {"article": "some.txt:0", "question": "上海?", "answer": [3, 8], "near_miss": "广州?"},
        {"article": "some.txt:1", "question": "深圳?", "answer": [11, 16], "near_miss": "北京?"},
        {"article": "some.txt:5", "question": "哪里?", "answer": [0, 2], "near_miss": "哪年?"},
    ]
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    found = written(tmp_path, questions)
    assert [each.row.answers for each in found] == [(("2017年", 3),), (("2019年", 11),), (("北京", 0),)]
    assert [each.row.relevant for each in found] == [("上海在2017年启动。",), (lines[1],), (lines[5],)]
    assert [(each.row.id, each.near_miss) for each in found[:2]] == [("news-1", "广州?"), ("news-2", "北京?")]
    # Of the SHA-1 sums of the three names only the last is a multiple of eight.
    assert [each.row.split for each in found] == ["train", "train", "tune"]


def test_the_written_questions_fit_their_texts() -> None:
    if not SHARED.is_dir():
        pytest.skip("the articles are not here")
    found = written(SHARED, NEWS, *ENCYCLOPAEDIA)
    assert len(found) > 5000
    assert {each.row.split for each in found} == {"train", "tune"}
    for each in found:
        ((answer, start),) = each.row.answers
        assert answer == answer.strip() != ""
        assert len(answer) == len(each.row.relevant[0][start : start + len(answer)])
        assert each.near_miss not in (each.row.question, "")
    trained, tuned = (
        {each.row.relevant[0] for each in found if each.row.split == split} for split in ("train", "tune")
    )
    assert not trained & tuned


def test_a_part_of_what_a_training_changed_is_kept(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    before: dict[str, Any] = {"seed": 1, "began_with": None}
    after = {"seed": 2, "began_with": before}
    for name, value, recipe in (("before", 1.0, before), ("after", 3.0, after)):
        (tmp_path / name).mkdir()
        save_file({"w": np.array([value, 2.0], np.float16)}, tmp_path / name / "reader.safetensors")
        (tmp_path / name / "recipe.json").write_text(json.dumps(recipe), "utf-8")
    call = ["--run", str(tmp_path / "after"), "--began", str(tmp_path / "before"), "--share", "0.25"]
    mix_reader([*call, "--out", str(tmp_path / "mixed")])
    mixed = load_file(tmp_path / "mixed" / "reader.safetensors")["w"]
    assert (mixed.tolist(), str(mixed.dtype)) == ([1.5, 2.0], "float16")
    told = json.loads((tmp_path / "mixed" / "recipe.json").read_text("utf-8"))
    assert told == {**after, "kept": 0.25}
    call[1], call[3] = call[3], call[1]
    with pytest.raises(SystemExit):
        mix_reader([*call, "--out", str(tmp_path / "other")])


def test_the_hugging_face_folder_points_at_the_same_words(tmp_path: Path) -> None:
    from safetensors.numpy import load_file
    from transformers import AutoModelForQuestionAnswering, AutoTokenizer

    export_huggingface(FOLDER, tmp_path)
    model = AutoModelForQuestionAnswering.from_pretrained(tmp_path).eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    question, text = "深圳是哪一年公布计划的?", TEXT
    asked = tokenizer(question, text, return_tensors="pt", return_offsets_mapping=True)
    window = Windows(open_folder(FOLDER).tokenizer()).of(question, "", text)[0]
    assert asked["input_ids"][0].tolist() == list(window.ids)
    with torch.inference_mode():
        out = model(
            input_ids=asked["input_ids"], attention_mask=asked["attention_mask"], output_hidden_states=True
        )
    inside = slice(window.first, window.first + len(window.offsets))
    start, end = (logits[0, inside].numpy() for logits in (out.start_logits, out.end_logits))
    words = text[window.offsets[start.argmax()][0] : window.offsets[end.argmax()][1]]
    passage = Passage(article(text, title=""), Span(0, len(text)))
    ours = load().raw(question, [passage])[0].spans[0]
    assert words == ours.span.of(text) == "2019年"
    more = load_file(tmp_path / "more.safetensors")
    hidden = out.hidden_states[-1][0, inside].numpy()
    together = (hidden[start.argmax()] @ more["opens.weight"].T) @ (
        hidden[end.argmax()] @ more["closes.weight"].T
    )
    # Ours rounds activations to int8.
    assert start.max() + end.max() + together == pytest.approx(ours.logit, abs=0.5)


def test_the_shipped_card_speaks_of_the_shipped_folder() -> None:
    config = json.loads((FOLDER / "config.json").read_text("utf-8"))
    told = (FOLDER / "README.md").read_text("utf-8")
    assert f"{passages_read(config['settings'])} (`training" in told
    assert f"answered at {config['settings']['threshold']} |" in told
    assert all(f"- `{name}`: `{value}`" in told for name, value in config["sha256"].items())
    assert passages_read({"read": 8}) == "8 passages are read"
