"""Measures against cases worked by hand, the words of NLTK, and ir_measures."""

from __future__ import annotations

import math
import random
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scorers import ir_measures

from qa.metrics import (
    RANKING,
    aurc,
    auroc,
    calibration_error,
    character_f1,
    enumerated,
    exact_match,
    f1,
    first_rank,
    holds,
    list_precision,
    list_recall,
    longest_common_run,
    mean,
    ndcg,
    percentile,
    recall,
    reciprocal_rank,
    risk_coverage,
    segments,
    sentence_hit,
    share,
    without_punctuation,
)

MIXED = st.text(alphabet="区块链上海年试点，。：…aB1 9.,'-\"!()", max_size=14)
CONFIDENCES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), st.booleans()), min_size=1, max_size=25
)


# ---- EM and F1


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("2017年", ["2017", "年"]),
        ("区块链BaaS平台", ["区", "块", "链", "baas", "平", "台"]),
        ("《上海》：“试点”。", ["上", "海", "试", "点"]),
        # Punctuation goes before words are cut, so it joins what it stood between.
        ("A-1：B", ["a1b"]),
        ("2021-05-06", ["20210506"]),
        # Half-width commas, ellipses and the left single quotation mark are not in the script's list.
        ("试点,上海…", ["试", "点", ",", "上", "海", "…"]),
        ("  ", []),
        # What follows is what NLTK's tokenizer gives for the same runs.
        (
            "1,339 km, 3.5% of u.s. (abc).",
            ["1,339", "km", ",", "3.5", "%", "of", "u.s.", "(", "abc", ")", "."],
        ),
        ("It's Lyoko... don't!", ["it", "'s", "lyoko", "...", "do", "n't", "!"]),
        ("dogs' 1—2 \u201a", ["dogs", "'", "1", "—", "2", "\u201a"]),
    ],
)
def test_segments(text: str, units: list[str]) -> None:
    assert segments(text) == units


@given(MIXED)
def test_segments_lose_nothing_but_blanks_and_punctuation(text: str) -> None:
    assert "".join(segments(text)) == "".join(without_punctuation(text).split())


@pytest.mark.parametrize(
    ("left", "right", "length"),
    [
        ("abcde", "xbcdy", 3),
        ("abxcd", "abcd", 2),  # a run has no gaps: a subsequence would give 4
        ("", "a", 0),
        ("aaa", "aa", 2),
    ],
)
def test_longest_common_run(left: str, right: str, length: int) -> None:
    assert longest_common_run(left, right) == length


@given(MIXED, MIXED)
def test_longest_common_run_agrees_with_every_substring(left: str, right: str) -> None:
    runs = {left[start:end] for start in range(len(left)) for end in range(start + 1, len(left) + 1)}
    assert longest_common_run(left, right) == max((len(run) for run in runs if run in right), default=0)


@pytest.mark.parametrize(
    ("prediction", "references", "value"),
    [
        ("2017年", ["2017年"], 1.0),
        ("“2017年”。", ["2017年"], 1.0),
        ("BaaS 平台", ["baas 平台"], 1.0),
        ("2017年,", ["2017年"], 0.0),  # a half-width comma stays, as in the script
        ("上海", ["北京", "上海"], 1.0),
        (None, ["上海"], 0.0),
        ("上海", [], None),
    ],
)
def test_exact_match(prediction: str | None, references: list[str], value: float | None) -> None:
    assert exact_match(prediction, references) == value


def test_a_sentence_holds_a_reference_whatever_the_marks() -> None:
    assert holds("他写了《狂人 日记》。", ["阿Q正传", "“狂人日记”"])
    assert not holds("他写了书。", ["狂人日记"])
    assert not holds("他写了书。", [])
    assert not holds("他写了书。", ["。"])  # a reference of marks alone would be everywhere
    assert not holds(None, ["书"])


@pytest.mark.parametrize(
    ("prediction", "references", "value"),
    [
        ("2017年", ["2017年"], 1.0),
        # Prediction 上海市 (3 units), reference 上海 (2), common run 2: P = 2/3, R = 1, F1 = 4/5.
        ("上海市", ["上海"], 0.8),
        # 2017 年 9 月 (4) and 2017 年 (2), common 2: P = 1/2, R = 1, F1 = 2/3.
        ("2017年9月", ["2017年"], 2 / 3),
        # 甲乙丙丁 and 甲乙X丁 share runs 甲乙 (2) and 丁 (1), and only the longest counts:
        # P = 2/4, R = 2/4, F1 = 1/2, where a bag of characters would give 3/4.
        ("甲乙丙丁", ["甲乙x丁"], 0.5),
        # The best reference counts: against 北京 0, against 上海市 2PR/(P+R) = 2*1*(2/3)/(5/3) = 4/5.
        ("上海", ["北京", "上海市"], 0.8),
        ("北京", ["上海"], 0.0),
        ("。", ["。"], 0.0),  # nothing is left to share, as in the script
        (None, ["上海"], 0.0),
        ("上海", [], None),
    ],
)
def test_f1(prediction: str | None, references: list[str], value: float | None) -> None:
    assert f1(prediction, references) == (None if value is None else pytest.approx(value, abs=1e-12))


@given(MIXED, MIXED)
def test_f1_is_symmetric_and_a_share(left: str, right: str) -> None:
    value = f1(left, [right])
    assert value == f1(right, [left])
    assert value is not None
    assert 0 <= value <= 1


@pytest.mark.parametrize(
    ("prediction", "references", "value"),
    [
        ("2017年", ["2017年"], 1.0),
        ("《ＢaaＳ　平臺》", ["baas平台"], 1.0),  # width, case and script are folded, marks and blanks go
        # 甲乙丙丁 and 甲乙x丁 share three of four characters: P = R = 3/4, where f1 sees a run of two.
        ("甲乙丙丁", ["甲乙x丁"], 0.75),
        # The digits of 2017年9月 (7) and 2017年 (5), common 5: P = 5/7, R = 1, F1 = 10/12.
        ("2017年9月", ["2017年"], 10 / 12),
        # A character counts as often as both hold it: 天天 (2) and 天 (1), P = 1/2, R = 1, F1 = 2/3.
        ("天天", ["天"], 2 / 3),
        ("区块链+", ["区块链"], 6 / 7),  # a symbol is no punctuation
        ("上海", ["北京", "上海市"], 0.8),
        ("北京", ["上海"], 0.0),
        ("。", ["。"], 0.0),
        (None, ["上海"], 0.0),
        ("上海", [], None),
    ],
)
def test_character_f1(prediction: str | None, references: list[str], value: float | None) -> None:
    assert character_f1(prediction, references) == (
        None if value is None else pytest.approx(value, abs=1e-12)
    )


@given(MIXED, MIXED)
def test_character_f1_is_symmetric_and_blind_to_order(left: str, right: str) -> None:
    value = character_f1(left, [right])
    assert value == character_f1(right, [left]) == character_f1(left[::-1], [right])
    assert value is not None
    assert 0 <= value <= 1


def test_sentence_hit() -> None:
    assert sentence_hit("早在2017年，上海就启动了试点。", ["2016年", "2017年"]) == 1.0
    assert sentence_hit("上海就启动了试点。", ["2017年"]) == 0.0
    assert sentence_hit(None, ["2017年"]) == 0.0
    assert sentence_hit("上海就启动了试点。", []) is None


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("金融、物流和贸易", ("金融", "物流", "贸易")),
        ("数据透明，以及防篡改", ("数据透明", "防篡改")),
        ("苏州与深圳、成都,雄安新区", ("苏州", "深圳", "成都", "雄安新区")),
        ("有一、二；三\n四", ("有一", "二", "三", "四")),
        ("共1,339人，3,000元", ("共1,339人", "3,000元")),
        ("社会参与", ("社会参与",)),
        ("及时办理和平安", ("及时办理", "平安")),
        ("甲、甲、。", ("甲",)),
        ("", ()),
    ],
)
def test_enumerated(text: str, items: tuple[str, ...]) -> None:
    assert enumerated(text) == items


@pytest.mark.parametrize(
    ("quotes", "references", "precision", "recall"),
    [
        (["金融、物流和贸易"], ["金融、物流和贸易"], 1.0, 1.0),
        (["贸易", "金融"], ["金融、物流和贸易"], 1.0, 2 / 3),
        (["金融、物流", "医疗", "金融"], ["金融、物流和贸易"], 2 / 3, 2 / 3),
        # 上海市 is like 上海, F1 0.8; 物流业务 is not like 物流, F1 2*2/(4+2) = 2/3.
        (["上海市、物流业务"], ["上海和物流"], 0.5, 0.5),
        # The best reference counts for each: precision of the longer one, recall of the shorter.
        (["金融、物流和贸易"], ["金融、物流", "金融、物流、贸易、医疗"], 1.0, 1.0),
        ([], ["金融、物流"], 0.0, 0.0),
        (["。"], ["金融、物流"], 0.0, 0.0),
        (["金融"], [], None, None),
    ],
)
def test_lists(
    quotes: list[str], references: list[str], precision: float | None, recall: float | None
) -> None:
    assert list_precision(quotes, references) == precision
    assert list_recall(quotes, references) == recall


# ---- rankings


@pytest.mark.parametrize(
    ("relevant", "rank", "at_1", "at_5", "reciprocal"),
    [
        ([True, False], 1, 1.0, 1.0, 1.0),
        ([False, False, True, True], 3, 0.0, 1.0, 1 / 3),
        ([False] * 5 + [True], 6, 0.0, 0.0, 1 / 6),
        ([False] * 10 + [True], 11, 0.0, 0.0, 0.0),  # MRR@10 looks no further
        ([], None, 0.0, 0.0, 0.0),
    ],
)
def test_first_relevant(
    relevant: list[bool], rank: int | None, at_1: float, at_5: float, reciprocal: float
) -> None:
    assert first_rank(relevant) == rank
    assert (recall(relevant, 1), recall(relevant, 5)) == (at_1, at_5)
    assert reciprocal_rank(relevant, 10) == reciprocal


@pytest.mark.parametrize(
    ("relevant", "total", "value"),
    [
        ([True], 1, 1.0),
        ([False, True], 1, 1 / math.log2(3)),
        # Relevant at 1 and 3 of three in the index: DCG = 1 + 1/2 = 1.5, ideal = 1 + 1/log2(3) + 1/2.
        ([True, False, True], 3, 1.5 / (1.5 + 1 / math.log2(3))),
        ([False] * 10 + [True], 1, 0.0),
        ([False], 0, 0.0),
    ],
)
def test_ndcg(relevant: list[bool], total: int, value: float) -> None:
    assert ndcg(relevant, 10, total) == pytest.approx(value, abs=1e-12)


def test_rankings_agree_with_ir_measures() -> None:
    measures, theirs = ir_measures()
    rng = random.Random(2018)
    for _ in range(60):
        relevant = [rng.random() < 0.2 for _ in range(rng.randrange(1, 15))]
        missed = rng.randrange(0, 4)
        if sum(relevant) + missed == 0:
            continue
        found = [f"p{row}" for row in range(len(relevant))]
        judged = {name: 1 for name, hit in zip(found, relevant, strict=True) if hit}
        judged |= {f"missed{row}": 1 for row in range(missed)}
        run = {"q": {name: float(-row) for row, name in enumerate(found)}}
        expected = measures.calc_aggregate(theirs.values(), {"q": judged}, run)
        for measure in RANKING:
            value = measure.of(relevant, len(judged))
            assert value == pytest.approx(expected[theirs[measure.name]], abs=1e-9), (measure.name, relevant)


def test_means_of_rankings_agree_with_ir_measures() -> None:
    measures, theirs = ir_measures()
    # Found at 2 of two; one of the eleven found, beyond 10; nothing found at all; found at 1 and 3 of four.
    rankings = {
        "a": ([False, True], 2),
        "b": ([False] * 10 + [True], 1),
        "c": ([], 3),
        "d": ([True, False, True], 4),
    }
    run = {q: {f"{row}": -float(row) for row in range(len(found))} for q, (found, _) in rankings.items()}
    qrels = {
        q: {f"{row}": 1 for row, hit in enumerate(found) if hit}
        | {f"missed{row}": 1 for row in range(total - sum(found))}
        for q, (found, total) in rankings.items()
    }
    expected = measures.calc_aggregate(theirs.values(), qrels, run)
    ours = [mean([measure.of(*ranking) for ranking in rankings.values()]) for measure in RANKING]
    assert ours == pytest.approx([expected[theirs[measure.name]] for measure in RANKING], abs=1e-12)
    assert ours[:3] == [0.25, 0.5, (1 / 2 + 1) / 4]


# ---- confidences


@pytest.mark.parametrize(
    ("scores", "positive", "value"),
    [
        ([0.9, 0.8, 0.1], [True, True, False], 1.0),
        ([0.1, 0.9], [True, False], 0.0),
        # Pairs (0.9, 0.5) won, (0.9, 0.2) won, (0.5, 0.5) tied, (0.5, 0.2) won: 3.5 of 4.
        ([0.9, 0.5, 0.5, 0.2], [True, True, False, False], 0.875),
        ([0.9, 0.1], [True, True], None),
        ([], [], None),
    ],
)
def test_auroc(scores: list[float], positive: list[bool], value: float | None) -> None:
    assert auroc(scores, positive) == value


@given(CONFIDENCES)
def test_auroc_agrees_with_counting_pairs(rows: list[tuple[float, bool]]) -> None:
    above = [score for score, label in rows if label]
    below = [score for score, label in rows if not label]
    pairs = [(a > b) + 0.5 * (a == b) for a, b in product(above, below)]
    wanted = sum(pairs) / len(pairs) if pairs else None
    value = auroc([score for score, _ in rows], [label for _, label in rows])
    assert value == (None if wanted is None else pytest.approx(wanted, abs=1e-12))


def test_risk_coverage() -> None:
    # By falling confidence: right, wrong, right, wrong. Risk 0/1, 1/2, 1/3, 2/4.
    curve = risk_coverage([0.2, 0.9, 0.6, 0.4], [True, False, True, False])
    assert curve == [(0.25, 0.0), (0.5, 0.5), (0.75, pytest.approx(1 / 3)), (1.0, 0.5)]
    # The mean of the four risks: (0 + 1/2 + 1/3 + 1/2) / 4 = 1/3.
    assert aurc([0.2, 0.9, 0.6, 0.4], [True, False, True, False]) == pytest.approx(1 / 3)


def test_ties_share_their_errors() -> None:
    # Two of equal confidence, one wrong: half an error each. Risk 1/2 at both points, in either order.
    assert risk_coverage([0.5, 0.5], [True, False]) == [(0.5, 0.5), (1.0, 0.5)]
    assert risk_coverage([0.5, 0.5], [False, True]) == [(0.5, 0.5), (1.0, 0.5)]


@given(CONFIDENCES, st.randoms(use_true_random=False))
def test_order_of_questions_does_not_matter(rows: list[tuple[float, bool]], rng: random.Random) -> None:
    shuffled = list(rows)
    rng.shuffle(shuffled)
    for measure in (aurc, calibration_error):
        one, other = (measure([c for c, _ in pairs], [f for _, f in pairs]) for pairs in (rows, shuffled))
        assert one == pytest.approx(other, abs=1e-12)


def test_calibration_error() -> None:
    # Two bins of two. {0.9, 0.8}: one right, |1/2 - 0.85| = 0.35. {0.4, 0.2}: none right, |0 - 0.3| = 0.3.
    # ECE = (0.35 + 0.3) / 2 = 0.325.
    assert calibration_error([0.9, 0.4, 0.8, 0.2], [True, False, False, False], bins=2) == pytest.approx(
        0.325
    )
    # Fewer questions than bins, one each: |1 - 0.9| and |0 - 0.2|, mean 0.15.
    assert calibration_error([0.9, 0.2], [True, False]) == pytest.approx(0.15)


def test_calibration_bins_are_of_equal_count() -> None:
    # Sixteen questions in ten bins, the sizes differing by at most one: edges ceil(16 * i / 10) are
    # 0 2 4 5 7 8 10 12 13 15 16. All but the last are right at 1.0, and the last, alone in its bin, is
    # wrong at 0.5: ECE = 1/16 * 0.5 = 1/32.
    assert calibration_error([1.0] * 15 + [0.5], [True] * 15 + [False]) == pytest.approx(1 / 32)
    # Twelve in ten: edges 0 2 3 4 5 6 8 9 10 11 12. The first bin holds 1.0 (right) and 0.6 (wrong),
    # |1/2 - 0.8| = 0.3; the others are right at 0.5, gap 1/2. ECE = 2/12 * 0.3 + 10/12 * 0.5 = 0.05 + 5/12.
    confidences, right = [1.0, 0.6] + [0.5] * 10, [True, False] + [True] * 10
    assert calibration_error(confidences, right) == pytest.approx(0.05 + 5 / 12)


def test_nothing_is_undefined_never_nan() -> None:
    assert [aurc([], []), calibration_error([], []), mean([]), share([]), percentile([], 50)] == [None] * 5


# ---- small sums


def test_mean_and_share() -> None:
    assert mean([1.0, 0.0, 0.5]) == 0.5
    assert share([True, False, False, True]) == 0.5


def test_percentile() -> None:
    # Position (4 - 1) * 0.5 = 1.5, half way between 20 and 30; (4 - 1) * 0.95 = 2.85 of the way.
    assert percentile([40.0, 10.0, 30.0, 20.0], 50) == 25.0
    assert percentile([40.0, 10.0, 30.0, 20.0], 95) == pytest.approx(38.5)
    assert percentile([7.0], 95) == 7.0


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=20), st.sampled_from([0, 5, 50, 95, 100]))
def test_percentile_agrees_with_numpy(values: list[float], percent: int) -> None:
    assert percentile(values, percent) == pytest.approx(float(np.percentile(values, percent)), abs=1e-9)
