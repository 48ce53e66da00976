"""Sizes of clusters, worked out by hand, and the page that they stand on."""

from __future__ import annotations

from pathlib import Path

import pytest
from shelf import CountingEncoder

from benchmarks.cluster import Assumed, PerPassage, counted, sized, table
from qa.indexing import build_index

pytest_plugins = ("shelf_fixtures",)

PER = PerPassage(dim=384, fields=500, terms=2000, postings=250, article=600)
GIB = 2**30


def test_what_is_written_of_a_passage() -> None:
    assert PER.vector == 1536
    assert PER.stored == 1536 + 500 + 2000 + 600


def test_a_graph_lies_in_memory() -> None:
    made = sized(PER, 10_000_000, "HNSW")
    memory = 1.3 * 10_000_000 * (1536 + 4 * 60 + 8 * 250) / GIB  # 45.7 GiB: one node of 48 a replica
    assert made.memory == pytest.approx(2 * memory)
    assert made.store == pytest.approx(10_000_000 * (1536 + 0.4 * 3100) / GIB)
    assert made.cost == pytest.approx(1000 * 2 * 0.5 / (3600 * 20 * 2))
    assert (made.disk, made.channels, made.nodes) == (0.0, 1, 2)


def test_codes_of_a_byte_leave_the_rest_on_the_disk() -> None:
    made = sized(PER, 100_000_000, "IVF_SQ8", Assumed(replicas=1))
    assert made.memory == pytest.approx(1.3 * 1e8 * (384 + 500) / GIB)  # 107 GiB: three nodes of 48
    assert made.disk == pytest.approx(1e8 * (2000 + 500 + 2000) / GIB)
    assert (made.nodes, made.channels) == (3, 4)


def test_the_disk_too_asks_for_nodes() -> None:
    made = sized(PER, 1_000_000_000, "DISKANN", Assumed(replicas=1, node=10_000))
    assert made.memory == pytest.approx(1.3 * 1e9 * (192 + 200) / GIB)
    assert made.disk == pytest.approx(1e9 * (1536 + 240 + 2000 + 500 + 2000) / GIB)  # 5,845 GiB
    assert (made.nodes, made.channels) == (6, 16)


def test_a_thousand_questions_cost_what_the_nodes_do_in_their_time() -> None:
    twice = sized(PER, 10_000_000, "HNSW", Assumed(price=1.0, rate=10.0))
    assert twice.cost == pytest.approx(4 * sized(PER, 10_000_000, "HNSW").cost)


def test_counted_in_an_index(tmp_path: Path, model: CountingEncoder) -> None:
    (tmp_path / "a.txt").write_text("上海试点。", encoding="utf-8")
    build_index(tmp_path / "a.txt", tmp_path / "index")
    found = counted(tmp_path / "index")
    # The title a, the words 上海 and 试点, four characters, three pairs: a word or pair has 7 letters, a
    # character 4, and there are nine spaces between the ten.
    assert (found.dim, found.postings, found.terms) == (9, 10, 2 + 5 * 7 + 4 * 4 + 9)
    jieba = counted(tmp_path / "index", "jieba")
    assert jieba.terms == len("a\n上海试点.".encode())
    assert (jieba.fields, jieba.article) == (found.fields, found.article)


def test_the_page_has_the_tables_of_its_figures() -> None:
    page = (Path(__file__).parents[1] / "benchmarks" / "cluster.md").read_text("utf-8")
    counts = {"terms": (384, 669, 3035, 326, 679), "jieba": (384, 669, 607, 88, 679)}
    for analyzer, found in counts.items():
        per = PerPassage(*found)
        cells = (per.vector, *found[1:], round(per.stored))
        assert f"| `{analyzer}` | " + " | ".join(f"{cell:,}" for cell in cells) + " |" in page
        assert "\n".join(table(per, Assumed())) in page
