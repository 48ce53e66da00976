"""Two small runs side by side, every number of which can be worked out on paper."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import pytest

from qa import metrics
from qa.comparison import baseline_for, compare, intervals, require_same_questions, statistics, table
from qa.errors import InputError
from qa.labels import LabelSet, Question
from qa.resampling import Interval
from qa.resampling import intervals as sampled
from qa.runs import fail_if, flat, to_json


def row(name: str, answer: str | None, confidence: float, f1: float | None, **more: Any) -> dict[str, Any]:
    """A question's row; one without an ``f1`` has no answer."""
    answerable = f1 is not None
    right = answerable and more.pop("right", f1 == 1.0)
    cause = None if (answer is None if not answerable else f1 == 1.0) else "wrong_span"
    return {
        "id": name,
        "question": f"{name} 是什么？",
        "type": "name" if answerable else "none",
        "answers": ["甲"] if answerable else [],
        "answer": answer,
        "abstained": answer is None,
        "confidence": confidence,
        "EM": f1 and float(f1 == 1.0),
        "F1": f1,
        "right": right,
        "rank": 1 if answerable else None,
        "cause": cause,
        **more,
    }


def written(rows: Sequence[dict[str, Any]], **about: Any) -> dict[str, Any]:
    """The JSON of a run: its summary from the rows by the measures themselves."""
    answerable = [each for each in rows if each["answers"]]
    relevant = [[] if each["rank"] is None else [False] * (each["rank"] - 1) + [True] for each in answerable]
    confidences, right = [each["confidence"] for each in rows], [each["right"] for each in rows]
    summary: dict[str, Any] = {
        "n": len(rows),
        "EM": metrics.mean([each["EM"] for each in answerable]),
        "F1": metrics.mean([each["F1"] for each in answerable]),
        "Recall@1": metrics.mean([metrics.recall(flags, 1) for flags in relevant]),
        "MRR@10": metrics.mean([metrics.reciprocal_rank(flags, 10) for flags in relevant]),
        "nDCG@10": 0.5,  # the rows do not tell it
        "abstention": {
            "n": len(rows) - len(answerable),
            "AUROC": metrics.auroc(confidences, [bool(each["answers"]) for each in rows]),
            "AURC": metrics.aurc(confidences, [not each for each in right]),
            "ECE": metrics.calibration_error(confidences, right),
            "answered_when_none": metrics.share(
                [not each["abstained"] for each in rows if not each["answers"]]
            ),
            "refused_when_some": metrics.share([each["abstained"] for each in answerable]),
        },
        "latency_ms": {"p50": 40.0},
    }
    kinds = sorted({each["type"] for each in rows})
    by_type = {
        kind: {
            "n": len(own),
            "F1": metrics.mean([each["F1"] for each in own if each["F1"] is not None]),
        }
        for kind in kinds
        for own in [[each for each in rows if each["type"] == kind]]
    }
    about = {"labels": "l.jsonl", "labels_sha256": "ab" * 32, "threshold": 0.5} | about
    return {"run": about, "summary": summary, "by_type": by_type, "questions": list(rows)}


def baseline() -> dict[str, Any]:
    return written(
        [
            row("q1", "甲", 0.9, 1.0),
            row("q2", "乙", 0.8, 0.5, rank=2),
            row("q3", None, 0.4, 0.0, right=True, cause="abstained"),
            row("q4", "丁", 0.6, 0.0, rank=None, cause="not_retrieved"),
            row("q5", "戊", 0.7, None, cause="answered_when_none"),
            row("q6", None, 0.1, None),
        ]
    )


def run() -> dict[str, Any]:
    """q2 and q5 are gained, q1 is lost, q4 is missed in another way, q3 and q6 are as they were."""
    return written(
        [
            row("q1", "甲乙", 0.9, 0.5),
            row("q2", "甲", 0.8, 1.0),
            row("q3", None, 0.4, 0.0, right=True, cause="abstained"),
            row("q4", "庚", 0.6, 0.5, rank=3),
            row("q5", None, 0.3, None),
            row("q6", None, 0.1, None),
        ]
    )


# ---- measures


def test_the_questions_rows_tell_every_measure_as_the_summary_has_it() -> None:
    import numpy as np

    for made in (run(), baseline()):
        once = {name: float(each(np.ones((1, 6)))[0]) for name, each in statistics(made).items()}
        known = dict(flat(made["summary"]))
        left_out = {"n", "nDCG@10", "abstention.n", "latency_ms.p50"}
        expected = {name: value for name, value in known.items() if name not in left_out}
        assert once == pytest.approx(expected, abs=1e-9)


def test_differences() -> None:
    measures = {change.name: change for change in compare(run(), baseline()).measures}
    shown = {name: (change.baseline, change.value, change.difference) for name, change in measures.items()}
    # F1 of q1 to q4: 1, 1/2, 0, 0 and then 1/2, 1, 0, 1/2.
    assert shown["F1"] == (0.375, 0.5, 0.125)
    assert shown["EM"] == (0.25, 0.25, 0.0)
    assert shown["Recall@1"] == (0.5, 0.75, 0.25)
    assert shown["MRR@10"] == (0.625, 2.5 / 3, 0.208333)  # (1 + 1/2 + 1) / 4, (3 + 1/3) / 4
    assert shown["abstention.AUROC"] == (0.75, 1.0, 0.25)  # of eight pairs 0.4 and 0.6 lose to 0.7
    assert shown["abstention.answered_when_none"] == (0.5, 0.0, -0.5)
    assert shown["abstention.refused_when_some"] == (0.25, 0.25, 0.0)
    assert shown["nDCG@10"] == (0.5, 0.5, 0.0)
    assert shown["latency_ms.p50"] == (40.0, 40.0, 0.0)
    assert [name for name, change in measures.items() if change.sampled is None] == [
        "nDCG@10",
        "latency_ms.p50",
    ]
    assert list(measures) == [name for name, _ in flat(run()["summary"]) if name.split(".")[-1] != "n"]


def test_intervals_of_differences_are_paired() -> None:
    # All F1 rise by a quarter: on every draw the difference is a quarter, however hard the questions are.
    low = written([row(f"q{n}", "甲", 0.5, value) for n, value in enumerate([0.0, 0.25, 0.5, 0.75])])
    high = written([row(f"q{n}", "甲", 0.5, value) for n, value in enumerate([0.25, 0.5, 0.75, 1.0])])
    f1 = next(change for change in compare(high, low).measures if change.name == "F1")
    assert f1.to_dict() == {
        "value": 0.625,
        "baseline": 0.375,
        "difference": 0.25,
        "low": 0.25,
        "high": 0.25,
        "p": 0.0,
    }


def test_what_an_older_run_does_not_tell_has_no_interval() -> None:
    older = baseline()
    for each in older["questions"]:
        del each["right"]
    del older["summary"]["EM"]
    measures = {change.name: change for change in compare(run(), older).measures}
    assert "EM" not in measures
    assert [name for name, change in measures.items() if change.sampled is None] == [
        "nDCG@10",
        "abstention.AURC",
        "abstention.ECE",
        "latency_ms.p50",
    ]


def test_a_measure_that_rows_have_under_its_name_is_compared() -> None:
    one, other = run(), baseline()
    for made, values in ((one, [1.0, 0.5, None]), (other, [0.5, 0.5, None])):
        for each, value in zip(made["questions"], values * 2, strict=True):
            each["nDCG@10"] = value
    change = next(change for change in compare(one, other).measures if change.name == "nDCG@10")
    assert change.sampled is not None
    assert change.sampled.value == 0.25


def with_ndcg(made: dict[str, Any]) -> dict[str, Any]:
    """The run as this version writes it: its questions tell nDCG@10."""
    for each in made["questions"]:
        each["nDCG@10"] = 0.5 if each["answers"] else None
    return made


def test_what_the_questions_of_an_older_baseline_do_not_tell_is_said_once() -> None:
    comparison = compare(with_ndcg(run()), baseline(), name="old.json")
    assert comparison.untold == ("nDCG@10",)
    assert comparison.to_dict()["untold"] == ["nDCG@10"]
    (line,) = [line for line in table(comparison).splitlines() if "earlier version" in line]
    assert (
        line == "  基线里没有逐题的值，故无区间 no interval, the baseline is of an earlier version: nDCG@10"
    )
    assert "compared with old.json  门槛 threshold 0.5\n" in table(comparison)
    assert compare(with_ndcg(run()), with_ndcg(baseline())).untold == ()
    assert compare(run(), baseline()).untold == ()  # neither of them tells it


def test_without_a_search_no_ranking_is_compared() -> None:
    one, other = run(), baseline()
    for made in (one, other):
        made["summary"] |= {"Recall@1": None, "MRR@10": None, "nDCG@10": None}
    names = [change.name for change in compare(one, other).measures]
    assert names[:3] == ["EM", "F1", "abstention.AUROC"]


def test_intervals_of_a_run() -> None:
    found = intervals(run())
    alone = sampled({"F1": statistics(run())["F1"]}, 6)["F1"]
    assert isinstance(alone, Interval)
    assert found["F1"] == (round(alone.low, 6), round(alone.high, 6)) == found["by_type.name.F1"]
    assert found["abstention.AUROC"] == (1.0, 1.0)
    assert found["abstention.answered_when_none"] == (0.0, 0.0)
    assert "nDCG@10" not in found
    assert "by_type.none.F1" not in found


# ---- questions


def test_gained_lost_and_changed() -> None:
    comparison = compare(run(), baseline())
    assert [change.id for change in comparison.gained] == ["q2", "q5"]
    assert [change.id for change in comparison.lost] == ["q1"]
    assert [change.id for change in comparison.changed] == ["q4"]
    assert comparison.gained[1].to_dict() == {
        "id": "q5",
        "question": "q5 是什么？",
        "answer": None,
        "baseline_answer": "戊",
        "cause": None,
        "baseline_cause": "answered_when_none",
    }


def test_a_run_against_itself_changes_nothing() -> None:
    comparison = compare(run(), run())
    assert (comparison.gained, comparison.lost, comparison.changed) == ((), (), ())
    for change in comparison.measures:
        assert change.difference == 0
        assert change.sampled is None or (change.sampled.low, change.sampled.high, change.sampled.p) == (
            0,
            0,
            1,
        )


def test_the_json_of_a_comparison() -> None:
    shown = compare(run(), baseline()).to_dict()
    assert list(shown) == [
        "baseline",
        "resamples",
        "level",
        "measures",
        "untold",
        "gained",
        "lost",
        "changed",
    ]
    assert (shown["resamples"], shown["level"]) == (2000, 0.95)
    assert shown["baseline"] == baseline()["run"]
    assert to_json(shown) == to_json(compare(run(), baseline()).to_dict())


# ---- a part of a baseline


def asked(*names: str, sha256: str = "ab" * 32) -> LabelSet:
    return LabelSet("l.jsonl", sha256, tuple(Question(name, f"{name}?") for name in names))


def test_a_baseline_of_more_questions_is_measured_over_those_that_are_asked() -> None:
    rows = baseline()["questions"]
    part = baseline_for(asked("q1", "q2", "q5"), with_ndcg(baseline()), name="b.json")
    expected = written([rows[0], rows[1], rows[4]])
    assert part["questions"] == with_ndcg(expected)["questions"]
    untimed = expected["summary"] | {"latency_ms": {"p50": None}}
    assert part["summary"] | {"abstention": None} == untimed | {"abstention": None}
    assert part["summary"]["abstention"] == pytest.approx(expected["summary"]["abstention"], abs=5e-7)
    assert part["by_type"] == expected["by_type"] | {"name": {"n": 2, "F1": 0.75}}
    assert (part["summary"]["F1"], part["summary"]["abstention"]["AUROC"]) == (0.75, 1.0)
    assert baseline_for(asked("q6"), baseline(), name="b.json")["summary"]["F1"] is None


def test_a_baseline_of_the_same_questions_stays_as_it_is() -> None:
    whole = asked(*(f"q{n}" for n in range(1, 7)))
    assert baseline_for(whole, baseline(), name="b.json") == baseline()


def test_a_difference_is_judged_against_the_part() -> None:
    part = baseline_for(asked("q1", "q2"), baseline(), name="b.json")
    lost = written([row("q1", None, 0.9, 0.0), row("q2", "乙", 0.8, 0.5)])
    assert fail_if(lost, "F1<-0.4", part) is True  # 0.25 now, 0.75 there; 0.375 over all six
    assert compare(lost, part).lost[0].id == "q1"


def test_a_baseline_without_one_of_the_questions_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        baseline_for(asked("q6", "q7"), baseline(), name="b.json")
    assert str(caught.value) == (
        "b.json: is a run of other questions of the same labels (6 there, 2 here, only one of them has q7); "
        "make the baseline again with these, or give both the same --split"
    )
    with pytest.raises(InputError, match=r"^b\.json: is a run of other labels "):
        baseline_for(asked("q1", sha256="cd" * 32), baseline(), name="b.json")


# ---- bad baselines


def _without(made: dict[str, Any], *path: str | int) -> dict[str, Any]:
    inner: Any = made
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    return made


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (
            written(baseline()["questions"], labels="old.jsonl", labels_sha256="cd" * 32),
            (
                "b.json: is a run of other labels (old.jsonl, sha256 cdcdcdcdcdcd; this run: l.jsonl, "
                "sha256 abababababab); make the baseline again with these"
            ),
        ),
        (
            written(baseline()["questions"][:5]),
            (
                "b.json: is a run of other questions of the same labels (5 there, 6 here, only one of them "
                "has q6); give both the same --split"
            ),
        ),
        (
            written(baseline()["questions"][::-1]),
            (
                "b.json: is a run of other questions of the same labels (6 there, 6 here in another order); "
                "give both the same --split"
            ),
        ),
        (
            _without(baseline(), "questions"),
            "b.json: is no whole run of qa eval; give a file that --json wrote",
        ),
        (_without(baseline(), "run"), "b.json: is no whole run of qa eval; give a file that --json wrote"),
        (
            _without(baseline(), "questions", 1, "cause"),
            (
                "b.json: question 2 lacks one of id, answers, answer, abstained, confidence, rank, cause; "
                "make the baseline again"
            ),
        ),
    ],
)
def test_a_baseline_of_something_else_is_refused(other: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        compare(run(), other, name="b.json")
    assert str(caught.value) == message


def test_the_same_questions_may_have_been_run_otherwise() -> None:
    other = deepcopy(baseline())
    other["run"]["threshold"] = 0.1
    require_same_questions(run(), other, name="b.json")


# ---- the terminal


def test_table() -> None:
    assert table(compare(run(), baseline())) == (
        "与基线比较 compared with the baseline  门槛 threshold 0.5\n"
        "基线 was，本次 is，差 difference，区间 its interval，p 反号占比 two-sided；* 超出波动 beyond noise\n"
        "  指标            measure                        基线   本次   差      95% 区间          p\n"
        "  完全一致        EM                             0.250  0.250  +0.000  [-0.750, +0.667]  1.000\n"
        "  字面重合        F1                             0.375  0.500  +0.125  [-0.333, +0.500]  0.812\n"
        "  首位命中        Recall@1                       0.500  0.750  +0.250  [+0.000, +0.750]  0.695\n"
        "  倒数排名        MRR@10                         0.625  0.833  +0.208  [+0.000, +0.444]  0.202\n"
        "  排序质量        nDCG@10                        0.500  0.500  +0.000\n"
        "  知否可答        abstention.AUROC               0.750  1.000  +0.250  [+0.000, +0.800]  0.673\n"
        "  风险面积        abstention.AURC                0.531  0.656  +0.125  [-0.808, +0.808]  0.744\n"
        "  校准误差        abstention.ECE                 0.483  0.450  -0.033  [-0.367, +0.333]  0.890\n"
        "  无答案却作答    abstention.answered_when_none  0.500  0.000  -0.500  [-1.000, +0.000]  0.514\n"
        "  有答案却拒答    abstention.refused_when_some   0.250  0.250  +0.000  [+0.000, +0.000]  1.000\n"
        "  中位耗时(毫秒)  latency_ms.p50                 40.0   40.0   +0.0\n"
        "\n"
        "新答对 gained 2\n"
        "  q2  q2 是什么？  乙 → 甲    选错词句 → 对\n"
        "  q5  q5 是什么？  戊 → 拒答  无答案却作答 → 对\n"
        "\n"
        "新失误 lost 1\n"
        "  q1  q1 是什么？  甲 → 甲乙  对 → 选错词句\n"
        "\n"
        "有变化 changed 1\n"
        "  q4  q4 是什么？  丁 → 庚  没有检索到 → 选错词句"
    )


def test_what_is_beyond_noise_is_starred() -> None:
    low = written([row(f"q{n}", "甲", 0.5, value) for n, value in enumerate([0.0, 0.25, 0.5, 0.75])])
    high = written([row(f"q{n}", "甲", 0.5, value) for n, value in enumerate([0.25, 0.5, 0.75, 1.0])])
    f1 = [line for line in table(compare(high, low)).splitlines() if " F1 " in line]
    assert [line.split() for line in f1] == [
        ["字面重合", "F1", "0.375", "0.625", "+0.250", "[+0.250,", "+0.250]", "0.000", "*"]
    ]


def test_a_long_list_of_questions_is_cut() -> None:
    before = written([row(f"q{n}", "甲", 0.5, 1.0) for n in range(12)])
    after = written([row(f"q{n}", "一" * 30, 0.5, 0.0) for n in range(12)])
    lines = table(compare(after, before)).splitlines()
    at = lines.index("新失误 lost 12")
    assert lines[at + 1] == f"  q0  q0 是什么？  甲 → {'一' * 23}…  对 → 选错词句"
    assert lines[at + 10].startswith("  q9  ")
    assert lines[at + 11] == "  另有 2 题 more, see --json"
    assert "新答对 gained 0" in lines
