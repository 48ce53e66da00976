"""The pure parts of ``benchmarks/scale.py``: articles of any number, recall by hand, growth, the table."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import scale_articles, scale_curve
from benchmarks.scale import disk, exact_recall

NEWS = [
    "第一季度的出口增长了百分之五。外贸企业普遍看好下半年的订单。",
    "气象台发布了暴雨预警，山区学校停课一天。",
    "第一季度的出口增长了百分之五。 外贸企业普遍看好下半年的订单。",  # the same but for a space
    "",
    "短句。图书馆新馆将在明年春天对读者开放！",
]


def run(size: int, **values: Any) -> dict[str, Any]:
    """A run whose values lie where the table looks for them."""
    made: dict[str, Any] = {"size": size, "passages": size + 2}
    for path, value in values.items():
        *outer, last = path.split("__")
        place = made
        for name in outer:
            place = place.setdefault(name, {})
        place[last] = value
    return made


# ---- articles and questions


def test_news_comes_first_and_none_of_it_twice() -> None:
    rows = list(scale_articles.grown(NEWS, 8))
    assert [line for line, again in rows if not again] == [NEWS[0], NEWS[1], NEWS[4]]
    assert [again for _, again in rows] == [False] * 3 + [True] * 5  # each is short enough for one passage


def test_no_more_than_wanted() -> None:
    assert list(scale_articles.grown(NEWS, 2)) == [(NEWS[0], False), (NEWS[1], False)]


def test_recombined_articles_are_made_of_the_news_and_repeat_with_the_seed() -> None:
    pool = {
        "第一季度的出口增长了百分之五。",
        "外贸企业普遍看好下半年的订单。",
        "气象台发布了暴雨预警，山区学校停课一天。",
        "图书馆新馆将在明年春天对读者开放！",
    }
    first, again, other = (list(scale_articles.grown(NEWS, 30, seed=seed)) for seed in (1, 1, 2))
    assert first == again != other
    for line, _ in first[3:]:
        assert set(scale_articles._SENTENCE.findall(line)) <= pool


def test_many_passages_are_counted_by_their_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale_articles, "EXACT", 2)
    news = ["甲乙丙丁戊己庚辛。", "子丑寅卯辰巳午未。", "天地玄黄宇宙洪荒。", "日月盈昃辰宿列张。"]
    assert len(list(scale_articles.grown(news, 4))) == 4  # two cut, then nine characters a passage


def test_news_without_a_sentence() -> None:
    with pytest.raises(ValueError, match="holds no sentence"):
        list(scale_articles.grown(["", "短。"], 3))


def test_files_are_made_once(tmp_path: Path) -> None:
    (tmp_path / "news.txt").write_text("\n".join(NEWS), encoding="utf-8")
    made = scale_articles.make(tmp_path / "news.txt", tmp_path / "size" / "articles", 5)
    assert made == scale_articles.Made(tmp_path / "size" / "articles", 5, 2)
    (file,) = made.folder.iterdir()
    lines = file.read_text(encoding="utf-8").splitlines()
    assert (file.name, lines[:3], len(lines)) == ("news-00001.txt", [NEWS[0], NEWS[1], NEWS[4]], 5)
    file.write_text("kept", encoding="utf-8")
    assert scale_articles.make(tmp_path / "news.txt", made.folder, 5) == made
    assert file.read_text(encoding="utf-8") == "kept"
    assert scale_articles.make(tmp_path / "news.txt", made.folder, 2).articles == 2
    assert file.read_text(encoding="utf-8").splitlines() == NEWS[:2]


def test_questions_are_distinct_clauses(tmp_path: Path) -> None:
    (tmp_path / "news-00001.txt").write_text("\n".join(NEWS), encoding="utf-8")
    asked = scale_articles.questions(tmp_path, 10)
    assert sorted(asked) == [
        "图书馆新馆将在明年春天对读者开放？",
        "外贸企业普遍看好下半年的订单？",
        "山区学校停课一天？",
        "气象台发布了暴雨预警？",
        "第一季度的出口增长了百分之五？",
    ]
    assert scale_articles.questions(tmp_path, 2) == asked[:2]


# ---- recall


def test_recall_by_hand() -> None:
    rows = np.zeros((12, 12), dtype=np.float32)
    np.fill_diagonal(rows, np.linspace(1, 0.1, 12))
    asked = np.ones((1, 12), dtype=np.float32)  # its cosine with row n falls with n
    blocks = [rows[:5], rows[5:]]
    assert exact_recall(asked, [list(range(10))], iter(blocks)) == 1.0
    assert exact_recall(asked, [[0, 1, 2, 3, 4, 5, 6, 7, 10, 11]], iter(blocks)) == 0.8
    assert exact_recall(asked, [[9]], iter(blocks)) == 0.1


def test_among_equals_any_may_be_named() -> None:
    same = np.full((20, 4), 0.5, dtype=np.float32)
    assert exact_recall(same[:1], [list(range(7, 17))], iter([same])) == 1.0


def test_fewer_passages_than_places() -> None:
    rows = np.eye(3, dtype=np.float32)
    assert exact_recall(rows[:1], [[0, 1, 2]], iter([rows])) == 1.0
    assert exact_recall(rows[:1], [[]], iter([rows])) == 0.0


# ---- the curve


def test_disk_by_purpose() -> None:
    files = {
        "bm25.rows.npy": 2_000_000,
        "bm25.json": 0,
        "vectors.faiss": 500_000,
        "articles.jsonl": 1_250_000,
    }
    assert disk(files) == {"bm25": 2.0, "vectors": 0.5, "articles": 1.2, "index": 3.8}


def test_a_run_takes_the_place_of_an_earlier_one_of_its_size(tmp_path: Path) -> None:
    file = tmp_path / "runs.json"
    assert scale_curve.load(file) == []
    for made in (run(1000, encoder="a"), run(10, encoder="b"), run(1000, encoder="c")):
        runs = scale_curve.keep(file, made)
    assert [(each["size"], each["encoder"]) for each in runs] == [(10, "b"), (1000, "c")]
    assert scale_curve.load(file) == json.loads(file.read_text("utf-8"))["runs"] == runs


def test_growth_is_by_the_passages_that_there_are() -> None:
    small = {"size": 1000, "passages": 1000, "query": {"again": {"p95": 4.0}}}
    large = {"size": 10_000, "passages": 9_000, "query": {"again": {"p95": 12.0}}}
    (found,) = scale_curve.growth([small, large])
    assert (found.factor, found.by, round(found.exponent, 6)) == (3.0, 9.0, 0.5)
    assert str(found) == "检索 p95，毫秒 retrieval p95, ms, 1k → 10k: ×3 for ×9, exponent 0.50"


def test_the_table() -> None:
    values = {"build__seconds": 12.34, "query__again__p95": 3.21, "recall__Recall@10": 0.98765}
    lines = scale_curve.table([run(1000, **values), run(1_000_000)]).splitlines()
    assert lines[:2] == ["| | 1k | 1M |", "|---|---:|---:|"]
    assert lines[2] == "| 段落 passages | 1,002 | 1,000,002 |"
    assert lines[3] == "| 建索引，秒 build, s | 12.3 | – |"
    assert lines[-1] == "| 近似检索 Recall@10 Recall@10 of the vector index | 0.9877 | – |"
    assert len(lines) == 2 + len(scale_curve.MEASURES)


def test_what_is_asked_of_a_million() -> None:
    assert scale_curve.reached([run(1000)]) == []
    values = {"query__again__p95": 60.0, "memory_mb__peak": 3100, "recall__Recall@10": 0.97}
    assert scale_curve.reached([run(1_000_000, **values)]) == [
        "✓ 检索 p95，毫秒 retrieval p95, ms: 60.0 (≤ 60.0)",
        "✗ 常驻内存峰值，MB peak resident memory, MB: 3,100 (≤ 3,000)",
        "✗ 冷启动打开，毫秒 cold open, ms: – (≤ 1,000)",
        "✓ 近似检索 Recall@10 Recall@10 of the vector index: 0.9700 (≥ 0.9700)",
    ]


@pytest.mark.parametrize("chinese", [True, False])
def test_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chinese: bool) -> None:
    if not chinese:
        monkeypatch.setattr(scale_curve, "_FONTS", ())
    runs = [
        run(size, query__again__p95=size**0.5, memory_mb__peak=300 + size / 100) for size in (1000, 10_000)
    ]
    scale_curve.picture(runs, tmp_path / "scale.png")
    raw = (tmp_path / "scale.png").read_bytes()
    width, height = (int.from_bytes(raw[at : at + 4], "big") for at in (16, 20))
    assert (raw[:8], width, height) == (b"\x89PNG\r\n\x1a\n", 1440, 1050)


def test_islice_of_a_large_size_does_not_wait() -> None:
    assert len(list(islice(scale_articles.grown(NEWS, 1_000_000_000), 50))) == 50
