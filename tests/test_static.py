"""The static encoder: sums that can be worked out by hand, and the table that ships."""

from __future__ import annotations

import hashlib
import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from strategies import texts as any_texts

from qa import encoder, static
from qa.errors import ModelError
from qa.static import GRAMS, ROWS, Grams, StaticEncoder, packed, unpacked
from qa.text import fold

SHIPPED = Path(static.__file__).parent / "models" / "static"
HAND = ["a", "中", "人", "国", "中国", "国人", "中国人"]


def made(folder: Path, grams: list[str], rows: list[list[int]]) -> StaticEncoder:
    """An encoder of these grams; their rows must be whole numbers from -7 to 7."""
    folder.mkdir(exist_ok=True)
    numbers = (np.array(rows, dtype=np.int8) + 8).astype(np.uint8)
    half = numbers.shape[1] // 2
    (folder / GRAMS).write_text("\n".join(grams), "utf-8")
    steps = np.ones(len(grams), dtype=np.uint8)
    (folder / ROWS).write_bytes(steps.tobytes() + (numbers[:, :half] | numbers[:, half:] << 4).tobytes())
    hashes = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (GRAMS, ROWS)}
    config = {"name": "hand", "dim": numbers.shape[1], "sha256": hashes}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    return StaticEncoder(folder, threads=2)


@pytest.fixture
def hand(tmp_path: Path) -> StaticEncoder:
    rows = [[0, 1, 0, 0], [3, 0, 0, 0], [0, 0, 0, 1], [0, 0, 2, 0], [0, 4, 0, 0], [0, 0, -2, 0], [0, 0, 0, 5]]
    return made(tmp_path / "hand", HAND, rows)


def plain(grams: list[str], text: str) -> list[int]:
    """The rows of a text's grams, found one by one."""
    rows = {gram: row for row, gram in enumerate(grams)}
    folded = fold(text)
    found = [folded[at : at + size] for size in (1, 2, 3) for at in range(len(folded) - size + 1)]
    return sorted(rows[gram] for gram in found if gram in rows)


def test_rows_of_texts() -> None:
    rows, starts = Grams(HAND).rows(["中國人", "", "中 国", "Ａ中\n国"])
    assert starts.tolist() == [0, 6, 6, 8, 11]
    assert [sorted(rows[a:b].tolist()) for a, b in pairwise(starts)] == [
        [1, 2, 3, 4, 5, 6],
        [],
        [1, 3],
        [0, 1, 3],
    ]


@given(any_texts())
def test_rows_are_those_of_every_gram_one_by_one(text: str) -> None:
    grams = [*"0127ab上京区北块工术海链", *("区块", "块链", "北京", "上海", "20", "ab"), "区块链", "201"]
    rows, starts = Grams(grams).rows([text, text])
    expected = plain(grams, text)
    for part in (rows[: starts[1]], rows[starts[1] :]):
        assert sorted(part.tolist()) == expected


def test_many_grams_are_all_found() -> None:
    letters = [char for char in map(chr, range(0x4E00, 0x5000)) if fold(char) == char][:300]
    pairs = [a + b for a in letters[::3] for b in letters[::2]]
    rows, starts = Grams([*letters, *pairs]).rows(pairs)
    single = {letter: at for at, letter in enumerate(letters)}
    expected = [sorted([single[pair[0]], single[pair[1]], 300 + at]) for at, pair in enumerate(pairs)]
    assert np.sort(rows.reshape(-1, 3), axis=1).tolist() == expected
    assert starts.tolist() == list(range(0, 3 * len(pairs) + 1, 3))


def test_a_gram_without_its_characters_is_refused() -> None:
    with pytest.raises(KeyError):
        Grams(["中", "中国"])


def test_vectors_by_hand(hand: StaticEncoder) -> None:
    found = hand.encode(["中国", "人", "中國人", "中国人口", "无"], "query")
    expected = np.array([[3, 4, 2, 0], [0, 0, 0, 1], [3, 4, 0, 6], [3, 4, 0, 6], [1, 0, 0, 0]])
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected, axis=1)[:, None], atol=1e-7)
    assert (found.dtype.name, hand.name, hand.dim) == ("float32", "static", 4)
    assert hand.encode([], "passage").shape == (0, 4)


def test_passages_and_questions_are_treated_alike(hand: StaticEncoder) -> None:
    assert hand.encode(["中国"], "query").tolist() == hand.encode(["中国"], "passage").tolist()


def test_what_is_behind_20000_characters_is_cut(hand: StaticEncoder) -> None:
    found = hand.encode(["人" * 20_000, "人" * 20_000 + "中" * 9], "passage")
    assert found[0].tolist() == found[1].tolist() == [0, 0, 0, 1]


def test_packing_keeps_what_fits() -> None:
    rows = np.array([[7, -8, 3, 0], [14, -16, 2, 6], [0, 0, 0, 0], [105, -105, 15, 45]], dtype=np.float32)
    data = packed(rows)
    assert len(data) == 4 * (1 + 2)
    assert unpacked(data, 4).tolist() == rows.tolist()


def test_packing_is_near() -> None:
    rows = np.random.default_rng(2).standard_normal((500, 64)).astype(np.float32)
    near = unpacked(packed(rows), 64).astype(np.float32)
    cosines = (rows * near).sum(axis=1) / np.linalg.norm(rows, axis=1) / np.linalg.norm(near, axis=1)
    assert cosines.min() > 0.98


def test_rows_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="reshape"):
        unpacked(b"12345678", 4)


# ---- what ships


@pytest.fixture(scope="module")
def shipped() -> StaticEncoder:
    if not SHIPPED.is_dir():
        pytest.skip("no static encoder ships yet")
    return StaticEncoder(threads=2)


def test_it_is_found_by_name(shipped: StaticEncoder) -> None:
    found = encoder.load("static")
    assert (found.name, found.fingerprint, found.dim) == (encoder.STATIC, shipped.fingerprint, 384)


def test_a_vector_has_length_1_and_is_the_same_in_any_company(shipped: StaticEncoder) -> None:
    texts = ["", " ", "区块链技术应用试点", "ＡＢＣ 2017年", "😀", "\ud800半", "乾隆" * 30_000]
    texts += [f"第{number}个城市在{2000 + number}年启动了试点。" for number in range(200)]
    together = shipped.encode(texts, "passage")
    alone = np.concatenate([shipped.encode([text], "query") for text in texts])
    assert together.tolist() == alone.tolist()
    assert together.tolist() == StaticEncoder(threads=1).encode(texts, "passage").tolist()
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)


def test_both_scripts_have_one_vector(shipped: StaticEncoder) -> None:
    left, right = shipped.encode(["区块链在台湾的发展", "區塊鏈在臺灣的發展"], "query")
    assert left.tolist() == right.tolist()


def test_a_question_is_nearest_to_what_answers_it(shipped: StaticEncoder) -> None:
    passages = [
        "早在2017年，海城市启动了区块链技术应用试点，涵盖港口、贸易两个领域。",
        "大熊猫以竹子为食，主要生活在四川、陕西和甘肃的山区。",
        "该剧由张三执导，李四主演，于2010年首播，收视率位居同时段第一。",
    ]
    asked = ["哪一年开始试点区块链?", "熊猫吃什么？", "这部电视剧的导演是谁"]
    cosines = shipped.encode(asked, "query") @ shipped.encode(passages, "passage").T
    assert cosines.argmax(axis=1).tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", [GRAMS, ROWS])
def test_a_damaged_file_is_told(name: str, shipped: StaticEncoder, tmp_path: Path) -> None:
    folder = tmp_path / "static"
    shutil.copytree(SHIPPED, folder)
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    with pytest.raises(ModelError, match=f"{name}: damaged"):
        StaticEncoder(folder)
