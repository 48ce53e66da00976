"""BM25's files from blocks: the bytes do not depend on the memory, and a large index is thinned by rule."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import corpora, words_of

from qa.ingest.terms import TermsTask, segment
from qa.lexical import BM25, Thinned
from qa.postings import LEVELS, THINNING, Counted, Thinning, write_postings
from qa.text import is_han
from qa.words import Segmenter

SEGMENTER = Segmenter()
TEXTS = ["北京的试点", "上海的试点 ok", "上海的账本 ok", "的 ok"]
WHOLE = Thinning(above=1_000_000, share=0.5)


def write(folder: Path, texts: list[str], *, cut: int = 2, held: int = 1 << 20, thin: Thinning) -> BM25:
    """The leg of ``texts``, written ``cut`` passages at a time and opened again."""
    folder.mkdir()
    made = segment(TermsTask((), tuple(texts)))
    ends = np.concatenate(([0], np.cumsum(made.counted.sizes)))

    def blocks() -> list[Counted]:
        spans = [(at, min(at + cut, len(texts))) for at in range(0, len(texts), cut)]
        cells = [slice(ends[a], ends[b]) for a, b in spans]
        return [
            Counted(made.counted.terms[each], made.counted.counts[each], made.counted.sizes[a:b])
            for each, (a, b) in zip(cells, spans, strict=True)
        ]

    names = made.words
    write_postings(
        folder,
        blocks,
        size=len(names),
        words=lambda numbers: [names[n] for n in numbers],
        thinning=thin,
        held=held,
    )
    return BM25.load(folder, len(texts), SEGMENTER)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@given(texts=corpora(), cut=st.integers(1, 5), held=st.sampled_from([1, 3, 40]), thin=st.booleans())
def test_the_bytes_do_not_depend_on_what_is_held(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], cut: int, held: int, thin: bool
) -> None:
    base = tmp_path_factory.mktemp("postings")
    thinning = Thinning(above=0, share=0.5) if thin else WHOLE
    write(base / "at once", texts, cut=len(texts) + 1, thin=thinning)
    write(base / "in pieces", texts, cut=cut, held=held, thin=thinning)
    assert contents(base / "in pieces") == contents(base / "at once")


def test_the_cells_of_each_passage_are_kept_whole(tmp_path: Path) -> None:
    write(tmp_path / "thin", TEXTS, thin=Thinning(above=0, share=0.5))
    write(tmp_path / "whole", TEXTS, thin=WHOLE)
    for name in ("passage-terms", "passage-counts", "passage-sizes"):
        thin, whole = (np.load(tmp_path / each / f"bm25.{name}.npy") for each in ("thin", "whole"))
        assert thin.tolist() == whole.tolist()
    sizes = [len(Counter(SEGMENTER.terms(text))) for text in TEXTS]
    assert np.load(tmp_path / "thin" / "bm25.passage-sizes.npy").tolist() == sizes


# ---- thinned


def thinned_formula(texts: list[str], question: str, share: float) -> tuple[list[float], list[float]]:
    """The formula without n-grams of more than ``share`` of the passages, and how far off a byte may be."""
    bags = [Counter(SEGMENTER.terms(text)) for text in texts]
    mean = sum(bag.total() for bag in bags) / len(bags)
    scores, off = [0.0] * len(bags), [1e-5] * len(bags)
    for term in SEGMENTER.terms(question):
        df = sum(term in bag for bag in bags)
        if df > share * len(bags) and is_han(term[0]):
            continue
        top = math.log(1 + (len(bags) - df + 0.5) / (df + 0.5)) * 2.2
        for row, bag in enumerate(bags):
            if term in bag:
                scores[row] += top * bag[term] / (bag[term] + 1.2 * (0.25 + 0.75 * bag.total() / mean))
                off[row] += 0.5001 * top / LEVELS
    return scores, off


@given(texts=corpora(), question=words_of("区块链技术北京上海a1 。"), share=st.sampled_from([0.2, 0.5, 1.0]))
def test_a_thinned_score_is_the_formula_to_half_a_level_a_term(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], question: str, share: float
) -> None:
    texts = ["区块链", *texts]
    folder = tmp_path_factory.mktemp("thinned") / "leg"
    leg = write(folder, texts, thin=Thinning(above=0, share=share))
    wanted, off = thinned_formula(texts, question, share)
    found = leg.scores(question, np.arange(len(texts)))
    assert found.dtype == np.float32
    assert (np.abs(found - np.array(wanted)) <= off).all()
    assert [score > 0 for score in found.tolist()] == [score > 0 for score in wanted]


def test_a_frequent_gram_is_dropped_and_a_frequent_word_is_not(tmp_path: Path) -> None:
    leg = write(tmp_path / "leg", TEXTS, thin=Thinning(above=3, share=0.5))
    # 的 as a gram stands in all four; 上, 海 and 上海 in two, which is not more than half
    assert leg.thinned == Thinned(share=0.5, dropped=1, levels=255, k1=1.2)
    said = json.loads((tmp_path / "leg" / "bm25.json").read_text("utf-8"))
    assert said == {"share": 0.5, "dropped": 1, "levels": 255, "k1": 1.2}
    assert leg.search("的", 9)[0].tolist() == [3, 0, 1, 2]  # the word
    assert leg.search("OK", 9)[0].tolist() == [3, 1, 2]  # in three of four
    assert leg.search("上海", 9)[0].tolist() == [1, 2]


def test_a_word_that_stands_everywhere_is_still_found(tmp_path: Path) -> None:
    leg = write(tmp_path / "leg", ["上海", "上海甲", "上海乙"], thin=Thinning(above=0, share=0.5))
    assert leg.search("上海", 9)[0].tolist() == [0, 1, 2]
    assert leg.search("海", 9)[0].tolist() == []  # a gram that was dropped, and no word of these


def test_no_more_passages_than_stated_are_kept_whole(tmp_path: Path) -> None:
    leg = write(tmp_path / "leg", TEXTS, thin=Thinning(above=4, share=0.5))
    assert leg.thinned is None
    assert not (tmp_path / "leg" / "bm25.json").exists()
    assert np.load(tmp_path / "leg" / "bm25.shares.npy").dtype == np.float32
    BM25.build(TEXTS, SEGMENTER).save(tmp_path)
    for name in ("bm25.rows.npy", "bm25.shares.npy", "bm25.indptr.npy", "bm25.terms.marisa"):
        assert (tmp_path / "leg" / name).read_bytes() == (tmp_path / name).read_bytes()


def test_the_stated_share() -> None:
    assert Thinning(above=50_000, share=0.2) == THINNING


@pytest.mark.parametrize("texts", [[], [""], ["", "。"]])
def test_nothing_to_thin(texts: list[str], tmp_path: Path) -> None:
    leg = write(tmp_path / "leg", texts, thin=Thinning(above=0, share=0.5) if texts else WHOLE)
    assert leg.search("上海", 5)[0].tolist() == []
