"""How the static encoder is made: which grams, what is distilled, what training moves."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qa.static import Grams, StaticEncoder
from training.make_static import (
    Recipe,
    cloze_pairs,
    distilled,
    grams_of,
    recall,
    static_card,
    trained,
    write_static,
)
from training.prepare_encoder import Pair

TINY = Recipe(pairs=2, triples=1, least=2, dim=4, clozes=3, epochs=30, batch=4, rate=0.05)
TEXTS = ["區块链，区块链。区块 链A", "a北京 京北 北a京 京a北", "区北 链京 块京"]


def test_grams_stand_together_more_often_than_by_chance() -> None:
    assert grams_of(TEXTS, TINY) == [*"a京北区块链", "区块", "块链", "区块链"]
    assert grams_of(TEXTS, Recipe(pairs=9, triples=9, least=4)) == [*"a京北区块链"]


def test_distilling_keeps_what_is_far_apart_and_weighs_by_rarity() -> None:
    alone = np.array([[5, 0, 0], [-5, 0, 0], [0, 1, 0], [0, -1, 0]], dtype=np.float32)
    counts = np.array([0, 10, 0, 0])
    found = distilled(alone, counts, Recipe(dim=2, own=0.0, rare=1.0))
    expected = np.array([[1, 0], [0.5, 0], [0, 1], [0, 1]])
    np.testing.assert_allclose(np.abs(found), expected, atol=1e-6)
    assert found[0, 0] == -2 * found[1, 0]


def test_clozes_are_a_sentence_and_its_surroundings() -> None:
    text = "".join(f"第{number}句话说的是第{number}件事情。" for number in "一二三四五六七八")
    pairs = cloze_pairs([text, "短。"], Recipe(clozes=20))
    assert len(pairs) == 20
    assert all(pair.question in text and 2 <= pair.positive.count("。") <= 6 for pair in pairs)
    without = sum(pair.question not in pair.positive for pair in pairs)
    assert pairs == cloze_pairs([text, "短。"], Recipe(clozes=20))
    assert 6 <= without <= 18


def test_training_draws_questions_to_their_passages() -> None:
    grams = [*"甲乙丙丁一二三四"]
    pairs = [
        Pair("p", asked, told, (wrong,))
        for asked, told, wrong in zip("甲乙丙丁", "一二三四", "二三四一", strict=True)
    ]
    before = distilled(np.eye(8, dtype=np.float32), np.zeros(8, dtype=np.int64), TINY)
    after = trained(before, Grams(grams), [], pairs, TINY)
    assert recall(after, Grams(grams), pairs) == {"p R@1": 1.0, "p R@5": 1.0}
    assert after.tolist() == trained(before, Grams(grams), [], pairs, TINY).tolist()


def test_what_is_written_opens_and_has_a_card(tmp_path: Path) -> None:
    write_static(tmp_path, ["中", "国"], np.array([[7, 0], [0, -7]], dtype=np.float32), TINY)
    found = StaticEncoder(tmp_path).encode(["中", "国", "中国"], "query")
    np.testing.assert_allclose(found, [[1, 0], [0, -1], [0.5**0.5, -(0.5**0.5)]], atol=1e-7)
    card = static_card(tmp_path, {"recall": {"static": {"CMRC": {"Recall@1": 0.5, "Recall@5": 0.75}}}})
    assert "| What has a row | 2 grams of" in card
    assert "| static | CMRC | 0.5000 | 0.7500 |" in card
