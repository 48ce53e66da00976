"""BM25 against its formula, worked out slowly, and against a rival implementation."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import corpora, words_of

from qa.lexical import BM25
from qa.words import Segmenter

SEGMENTER = Segmenter()
CHINESE = [
    "上海在2017年启动了区块链技术应用试点。",
    "北京的白皮书提出了三个重点行业：金融、政务和物流。",
    "区块链技术把账本分给许多人，谁也不能单独改账。",
    "深圳开出第一张区块链电子发票，试点由税务局推动。",
    "上海的试点涉及金融、物流和贸易。上海，上海！",
    "",
    "Hyperledger Fabric 2.5 版支持 Go 和 Java。",
]


def formula(texts: list[str], question: str, k1: float = 1.2, b: float = 0.75) -> list[float]:
    """Summed over the terms asked: idf · tf · (k1 + 1) / (tf + k1 · (1 - b + b · length / mean length))."""
    bags = [Counter(SEGMENTER.terms(text)) for text in texts]
    mean = sum(bag.total() for bag in bags) / len(bags) if bags else 0.0
    found = []
    for bag in bags:
        score = 0.0
        for term in SEGMENTER.terms(question):
            df = sum(term in other for other in bags)
            idf = math.log(1 + (len(bags) - df + 0.5) / (df + 0.5))
            if term in bag:
                length = bag.total() / mean
                score += idf * bag[term] * (k1 + 1) / (bag[term] + k1 * (1 - b + b * length))
        found.append(score)
    return found


def rival(texts: list[str], question: str, k1: float, b: float) -> list[float]:
    """bm25s, which leaves the constant factor k1 + 1 out, over the same terms as integers."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        import bm25s

    bags = [SEGMENTER.terms(text) for text in texts]
    number = {term: at for at, term in enumerate(sorted({term for bag in bags for term in bag}))}
    index = bm25s.BM25(method="lucene", k1=k1, b=b)
    index.index(([[number[term] for term in bag] for bag in bags], number), show_progress=False)
    asked = [number[term] for term in SEGMENTER.terms(question) if term in number]
    return [(k1 + 1) * float(score) for score in index.get_scores_from_ids(asked)]


def ranked(scores: list[float], k: int) -> list[int]:
    return sorted((row for row, s in enumerate(scores) if s > 0), key=lambda row: (-scores[row], row))[:k]


# ---- scores


@given(
    corpora(),
    words_of("区块链技术北京上海a1 。"),
    st.sampled_from([(1.2, 0.75), (0.9, 0.4), (2.0, 0.0), (1.5, 1.0)]),
)
def test_scores_are_the_formula(texts: list[str], question: str, constants: tuple[float, float]) -> None:
    k1, b = constants
    leg = BM25.build(texts, SEGMENTER, k1=k1, b=b)
    wanted = formula(texts, question, k1, b)
    np.testing.assert_allclose(leg.scores(question, np.arange(len(texts))), wanted, rtol=1e-5, atol=1e-6)
    rows, scores = leg.search(question, 3)
    assert [rows.dtype.name, scores.dtype.name] == ["int64", "float32"]
    # float32 sums may settle a tie of the formula's float64 ones differently, never a difference.
    np.testing.assert_allclose(scores, [wanted[row] for row in ranked(wanted, 3)], rtol=1e-5)


@pytest.mark.parametrize(("k1", "b"), [(1.2, 0.75), (0.9, 0.4), (2.0, 0.1)])
@pytest.mark.parametrize(
    "question", ["上海的试点", "区块链技术是什么", "hyperledger 2.5", "金融，金融，物流"]
)
def test_scores_are_the_rivals(question: str, k1: float, b: float) -> None:
    leg = BM25.build(CHINESE, SEGMENTER, k1=k1, b=b)
    found = leg.scores(question, np.arange(len(CHINESE)))
    np.testing.assert_allclose(found, rival(CHINESE, question, k1, b), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found, formula(CHINESE, question, k1, b), rtol=1e-5, atol=1e-6)


@given(
    st.lists(words_of("区块链技术北京上海a1 ,。"), min_size=1, max_size=8), words_of("区块链技术北京上海a1")
)
def test_random_scores_are_the_rivals(texts: list[str], question: str) -> None:
    texts = ["区块链", *texts]
    if not set(SEGMENTER.terms(question)) & {term for text in texts for term in SEGMENTER.terms(text)}:
        question = "区块"
    found = BM25.build(texts, SEGMENTER).scores(question, np.arange(len(texts)))
    np.testing.assert_allclose(found, rival(texts, question, 1.2, 0.75), rtol=1e-5, atol=1e-6)


# ---- ranking


def test_ranks_by_hand() -> None:
    leg = BM25.build(CHINESE, SEGMENTER)
    assert (
        leg.search("上海的试点", 10)[0].tolist() == ranked(formula(CHINESE, "上海的试点"), 10) == [4, 0, 3, 1]
    )
    assert leg.search("fabric", 10)[0].tolist() == [6]


def test_ties_are_settled_by_row() -> None:
    leg = BM25.build(["北京", "上海", "上海", "北京", "上海", "深圳"], SEGMENTER)
    assert leg.search("上海", 2)[0].tolist() == [1, 2]
    assert leg.search("上海", 9)[0].tolist() == [1, 2, 4]
    assert leg.search("上海北京", 9)[0].tolist() == [0, 3, 1, 2, 4]


@pytest.mark.parametrize("k", [1, 2, 4, 5, 100])
@pytest.mark.parametrize("question", ["上海", "3区7号", "17"])
def test_the_best_of_many_are_those_of_a_full_sort(question: str, k: int) -> None:
    # Four blocks and a rest.
    texts = [f"第{n % 17}区{n % 23}号，" + "上海" * (n * 7 % 5) for n in range(2100)]
    leg = BM25.build(texts, SEGMENTER)
    every = leg.scores(question, np.arange(len(texts)))
    wanted = [row for row in np.lexsort((np.arange(len(texts)), -every)).tolist() if every[row] > 0][:k]
    rows, scores = leg.search(question, k)
    assert (rows.tolist(), scores.tolist()) == (wanted, every[wanted].tolist())


def test_only_allowed_rows() -> None:
    leg = BM25.build(["上海", "上海上海", "北京", "上海"], SEGMENTER)
    assert leg.search("上海", 9, np.array([True, False, True, True]))[0].tolist() == [0, 3]
    assert leg.search("上海", 1, np.array([False, False, True, True]))[0].tolist() == [3]
    assert leg.search("上海", 9, np.zeros(4, dtype=bool))[0].tolist() == []


@pytest.mark.parametrize("question", ["", "？！", "xyz", "乒乓"])
def test_a_question_without_a_known_term_finds_nothing(question: str) -> None:
    leg = BM25.build(CHINESE, SEGMENTER)
    rows, scores = leg.search(question, 5)
    assert (rows.tolist(), scores.tolist()) == ([], [])
    assert leg.scores(question, np.array([2, 0])).tolist() == [0.0, 0.0]


def test_both_scripts_and_both_widths_find_the_same() -> None:
    leg = BM25.build(["上海在２０１７年啟動區塊鏈試點", "北京"], SEGMENTER)
    plain = leg.search("上海2017年启动区块链试点", 5)
    wide = leg.search("上海２０１７年啟動區塊鏈試點", 5)
    assert plain[0].tolist() == wide[0].tolist() == [0]
    assert plain[1].tolist() == wide[1].tolist()


@pytest.mark.parametrize("texts", [[], [""], ["", "。"]])
def test_nothing_to_find(texts: list[str], tmp_path: Path) -> None:
    built = BM25.build(texts, SEGMENTER)
    built.save(tmp_path)
    for leg in (built, BM25.load(tmp_path, len(texts), SEGMENTER)):
        rows, scores = leg.search("上海", 5)
        assert (rows.tolist(), scores.tolist()) == ([], [])


def test_no_place_asked_for() -> None:
    assert BM25.build(CHINESE, SEGMENTER).search("上海", 0)[0].tolist() == []


# ---- files


def test_what_is_loaded_is_what_was_saved(tmp_path: Path) -> None:
    built = BM25.build(CHINESE, SEGMENTER)
    names = built.save(tmp_path)
    assert names == ["bm25.terms.marisa", "bm25.indptr.npy", "bm25.rows.npy", "bm25.shares.npy"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
    loaded = BM25.load(tmp_path, len(CHINESE), SEGMENTER)
    for question in ("上海的试点", "区块链技术", "hyperledger", "无关"):
        (rows, scores), (again, same) = built.search(question, 5), loaded.search(question, 5)
        assert (rows.tolist(), scores.tolist()) == (again.tolist(), same.tolist())


BUILD = """
import sys
from pathlib import Path
from qa.lexical import BM25
from qa.words import Segmenter
texts = Path(sys.argv[1]).read_text("utf-8").split("|")
segmenter = Segmenter(("链上金融", "数字票据"))
BM25.build(texts, segmenter).save(Path(sys.argv[2]))
terms = "|".join(term for text in texts for term in segmenter.terms(text))
Path(sys.argv[2], "terms").write_text(terms, "utf-8")
"""


def test_any_hash_seed_gives_the_same_terms_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "texts").write_text("|".join(CHINESE), "utf-8")
    written = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        call = [sys.executable, "-c", BUILD, str(tmp_path / "texts"), str(folder)]
        subprocess.run(call, check=True, env={**os.environ, "PYTHONHASHSEED": seed})
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert len(written[0]) == 5
    assert written[0] == written[1]
