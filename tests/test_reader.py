"""The trained reader: decoding worked out by hand, the shipped model against float32, what is refused."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fakes import article
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts
from test_windows import characters

from qa.errors import ModelError
from qa.onnx import open_folder
from qa.reader import (
    _LONGEST,
    _ROWS,
    FOLDER,
    GRAPH,
    Calibration,
    RawReading,
    RawSpan,
    SpanReader,
    _batches,
    _totals,
    load,
)
from qa.settings import AnswerSettings, EarlyStop
from qa.types import Passage, Reading, ScoredSpan, Span
from qa.windows import Window, Windows
from qa.words import Segmenter

if TYPE_CHECKING:
    from numpy.typing import NDArray

DATA = Path(__file__).parent / "data"
SEGMENTER = Segmenter()
PLAIN = Calibration(bias=0.0, relevance=0.0, logit=1.0, share=0.0)
QUESTION = "上海是哪一年启动区块链试点的?"


@dataclass
class Marked:
    """A session that finds starts and ends by the piece itself: -20 for a piece that is not named."""

    start: dict[str, float]
    end: dict[str, float]
    relevance: dict[str, float] = field(default_factory=dict)
    calls: list[int] = field(default_factory=list)
    pairs: dict[str, float] = field(default_factory=dict)  # added for a first and a last piece together

    def run(self, **inputs: NDArray[Any]) -> list[NDArray[Any]]:
        pieces = [chr(number) for number in inputs["ids"]]
        self.calls.append(len(inputs["starts"]))
        for start, end in zip(inputs["starts"][:, 0], inputs["ends"][:, 0], strict=True):
            assert inputs["positions"][start:end].tolist() == list(range(end - start))
        windows = zip(inputs["starts"][:, 0], inputs["ends"][:, 0], strict=True)
        relevance = [max(self.relevance.get(p, -9.0) for p in pieces[at:end]) for at, end in windows]
        return [
            np.array([self.start.get(piece, -20.0) for piece in pieces], np.float32),
            np.array([self.end.get(piece, -20.0) for piece in pieces], np.float32),
            np.array([[float(p == pair[0]) for pair in (*self.pairs, "--")] for p in pieces], np.float32),
            np.array(
                [[v * (p == k[1]) for k, v in (*self.pairs.items(), ("--", 0))] for p in pieces], np.float32
            ),
            np.array(relevance, np.float32),
        ]


def reader(
    session: Marked, *, size: int = 384, overlap: int = 96, calibration: Calibration = PLAIN, threads: int = 1
) -> SpanReader:
    windows = characters(size=size, overlap=overlap)
    return SpanReader(session, windows, SEGMENTER, name="marked", calibration=calibration, threads=threads)


def passage(text: str, *, title: str = "", start: int = 0, heading: tuple[str, ...] = ()) -> Passage:
    return Passage(article(text, title=title), Span(start, len(text)), heading)


# -- decoding ------------------------------------------------------------------------------------


def test_the_best_span_its_logit_and_its_share() -> None:
    session = Marked({"x": 3.0, "y": 1.0}, {"y": 2.0}, {"x": 0.5})
    (raw,) = reader(session).raw("q", [passage("a x y b")])
    (found,) = [span for span in raw.spans if span.logit > 0]
    assert raw.relevance == 0.5
    assert (found.span, found.logit) == (Span(2, 5), 5.0)
    # The only spans with a chance: from x to y, y alone. The next ones have e^-15 of the first's.
    assert found.share == pytest.approx(5 - math.log(math.exp(5) + math.exp(3)), abs=1e-6)


def test_ends_that_go_together_win() -> None:
    starts, ends = {"x": 3.0, "y": 2.0}, {"x": 2.0, "y": 3.0}
    (raw,) = reader(Marked(starts, ends, pairs={"xx": 1.5, "yy": 0.5})).raw("q", [passage("x y")])
    assert [(span.span, span.logit) for span in raw.spans] == [(Span(0, 1), 6.5), (Span(2, 3), 5.5)]
    assert raw.spans[0].share == pytest.approx(
        6.5 - math.log(math.exp(6.5) + math.exp(6.0) + math.exp(5.5)), abs=1e-5
    )


def test_spans_are_apart_and_best_first() -> None:
    session = Marked(
        {"甲": 5.0, "乙": 4.0, "丙": 3.0, "丁": 2.0}, {"甲": 5.0, "乙": 4.0, "丙": 3.0, "丁": 2.0}
    )
    (raw,) = reader(session).raw("q", [passage("甲, 乙, 丙, 丁")])
    # 甲 begins and 乙 ends better than 乙 alone, but what shares a piece with a better span is left out.
    assert [(span.span, span.logit) for span in raw.spans] == [
        (Span(0, 1), 10.0),
        (Span(3, 4), 8.0),
        (Span(6, 7), 6.0),
    ]


def test_a_span_is_at_most_eighty_pieces_long() -> None:
    session = Marked({"<": 9.0}, {">": 9.0, "m": 1.0})
    near, far = (passage(f"<{'a' * 77}m{'b' * more}>") for more in (0, 1))
    assert reader(session).raw("q", [near])[0].spans[0].logit == 18.0
    assert reader(session).raw("q", [far])[0].spans[0].logit == 10.0


def test_an_end_never_stands_before_its_start() -> None:
    (raw,) = reader(Marked({"y": 9.0}, {"x": 9.0})).raw("q", [passage("a x b y c")])
    assert all(span.logit < 0 for span in raw.spans)


def test_places_count_in_the_article_and_the_span_is_whole() -> None:
    text = "第一节\n深圳在2018年开出了发票。"
    session = Marked({"2": 4.0}, {"8": 4.0})
    (raw,) = reader(session).raw("q", [passage(text, start=4)])
    assert raw.spans[0].span.of(text) == "2018年"
    assert raw.spans[0].logit == 8.0


def test_spans_that_become_one_are_kept_once() -> None:
    text = "库容3.5亿立方米。"
    (raw,) = reader(Marked({"3": 5.0, "立": 4.0}, {"5": 5.0, "米": 4.0})).raw("q", [passage(text)])
    assert [span.span.of(text) for span in raw.spans][:1] == ["3.5亿立方米"]
    assert all(not a.span.overlaps(b.span) for a, b in pairwise(raw.spans))


def test_title_and_headings_are_seen_once_each() -> None:
    seen: list[str] = []

    class Listening(Marked):
        def run(self, **inputs: NDArray[Any]) -> list[NDArray[Any]]:
            seen.append("".join(chr(number) if number > 2 else "|" for number in inputs["ids"]))
            return super().run(**inputs)

    reader(Listening({}, {})).raw("q", [passage("文", title="题", heading=("题", "节"))])
    assert seen == ["|q||题 节|文|"]


def test_windows_of_one_passage_are_read_as_one() -> None:
    text = "a" * 30 + "x" + "b" * 30 + "y" + "c" * 30
    whole_session, cut_session = (
        Marked({"x": 3.0, "y": 2.0}, {"x": 3.0, "y": 2.0}, {"y": 1.0}) for _ in "12"
    )
    (whole,) = reader(whole_session).raw("q", [passage(f"{text[:30]} x {text[31:61]} y {text[62:]}")])
    (cut,) = reader(cut_session, size=40, overlap=10).raw(
        "q", [passage(f"{text[:30]} x {text[31:61]} y {text[62:]}")]
    )
    assert (whole_session.calls, cut_session.calls) == ([1], [4])
    assert [(s.span, s.logit) for s in cut.spans[:2]] == [(s.span, s.logit) for s in whole.spans[:2]]
    assert cut.relevance == whole.relevance == 1.0


def test_a_passage_without_pieces_has_no_spans() -> None:
    assert reader(Marked({}, {})).raw("q", [passage("")]) == [RawReading(-9.0)]
    assert reader(Marked({}, {})).read("q", [passage("。。")]) == [Reading(-math.inf)]
    assert reader(Marked({}, {})).read("q", []) == []


def test_all_passages_go_in_together() -> None:
    session = Marked({}, {})
    reader(session).raw("q", [passage("甲"), passage("乙"), passage("丙")])
    assert session.calls == [3]


def test_scores_are_calibrated_log_odds() -> None:
    weights = Calibration(bias=-1.0, relevance=2.0, logit=0.5, share=0.25)
    assert weights.log_odds(3.0, RawSpan(Span(0, 1), 4.0, -2.0)) == -1 + 6 + 2 - 0.5
    session = Marked({"x": 3.0}, {"x": 3.0}, {"x": 1.0})
    (read,) = reader(session, calibration=weights).read("q", [passage("x")])
    assert read == Reading(4.0, (ScoredSpan(Span(0, 1), 4.0),))


@given(
    found=st.lists(st.text("甲乙丙丁 xy，", max_size=30), max_size=9),
    threads=st.integers(1, 4),
)
def test_a_reading_does_not_depend_on_company_or_threads(found: list[str], threads: int) -> None:
    marks = {"甲": 3.0, "乙": 2.5, "x": 1.0}
    passages = [passage(text) for text in found]
    together = reader(Marked(marks, marks, marks), threads=threads).raw("q", passages)
    assert together == [reader(Marked(marks, marks, marks)).raw("q", [each])[0] for each in passages]


@given(text=texts(max_pieces=80), seed=st.integers(0, 9))
def test_any_logits_give_spans_inside_the_passage_apart_from_each_other(text: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    marks = {char: float(rng.normal(0, 3)) for char in sorted(set(text))}
    begin = len(text) // 5
    (raw,) = reader(Marked(marks, marks), size=60, overlap=20).raw("q", [passage(text, start=begin)])
    for span in raw.spans:
        assert Span(begin, len(text)).covers(span.span)
        assert any(char.isalnum() for char in span.span.of(text))
        assert span.share <= 1e-6
    assert all(not a.span.overlaps(b.span) for n, a in enumerate(raw.spans) for b in raw.spans[:n])


@given(pieces=st.integers(0, 300), seed=st.integers(0, 9))
def test_spans_are_scored_in_blocks_as_one_by_one(pieces: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    start, end = rng.normal(size=(2, pieces)).astype(np.float32)
    opens, closes = rng.normal(size=(2, pieces, 4)).astype(np.float32)
    expected = np.full((pieces, _LONGEST), -np.inf)
    for i in range(pieces):
        for m in range(min(_LONGEST, pieces - i)):
            expected[i, m] = start[i] + end[i + m] + opens[i] @ closes[i + m]
    np.testing.assert_allclose(_totals(start, end, opens, closes), expected, rtol=1e-4, atol=1e-5)


@given(lengths=st.lists(st.integers(1, 500), max_size=12), parts=st.integers(1, 4))
def test_runs_are_of_like_size_and_hold_every_window_once(lengths: list[int], parts: int) -> None:
    found = _batches(lengths, parts)
    assert sorted(at for batch in found for at in batch) == list(range(len(lengths)))
    assert len(found) == min(parts, len(lengths))
    sizes = [sum(lengths[at] for at in batch) for batch in found]
    assert max(sizes, default=0) - min(sizes, default=0) <= max(lengths, default=0)


def test_long_readings_take_more_runs_than_there_are_threads() -> None:
    assert [len(batch) for batch in _batches([400] * 50, 2)] == [17, 17, 16]
    assert _batches([3, 9, 5, 4], 2) == [[1, 0], [2, 3]]


def test_all_who_ask_share_as_many_runs_as_there_are_threads() -> None:
    marks, together = {"甲": 3.0}, threading.Barrier(2, timeout=60)
    inside: list[int] = []
    most: list[int] = []

    class Meeting(Marked):
        """Each run waits for another one to be under way."""

        def run(self, **inputs: NDArray[Any]) -> list[NDArray[Any]]:
            inside.append(1)
            together.wait()
            most.append(len(inside))
            together.wait()
            inside.pop()
            return super().run(**inputs)

    shared = reader(Meeting(marks, marks), threads=2)
    found = [passage(f"甲{'乙' * number}") for number in range(4)]
    with ThreadPoolExecutor(8) as pool:
        together_read = list(pool.map(lambda _: shared.raw("q", found), range(24)))
    assert together_read == [reader(Marked(marks, marks)).raw("q", found)] * 24
    assert set(most) == {2}


# -- the shipped model ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped() -> SpanReader:
    return load(threads=1)


@pytest.fixture(scope="module")
def windows() -> list[Window]:
    cut = Windows(open_folder(FOLDER).tokenizer())
    rows = json.loads((DATA / "reader_windows.json").read_text("utf-8"))
    return [cut.of(question, above, text)[0] for question, above, text in rows]


OUTPUTS = ("start", "end", "opens", "closes", "relevance")


def outputs(windows: list[Window]) -> list[NDArray[Any]]:
    """``OUTPUTS`` of all pieces and windows, from one run of the shipped graph."""
    ends = np.cumsum([len(window.ids) for window in windows])[:, None]
    starts = np.concatenate([[[0]], ends[:-1]])
    return (
        open_folder(FOLDER)
        .session(GRAPH)
        .run(
            ids=np.concatenate([window.ids for window in windows]),
            positions=np.concatenate([np.arange(len(window.ids)) for window in windows]),
            starts=starts,
            ends=ends,
        )
    )


def test_the_shipped_graph_is_near_float32(windows: list[Window]) -> None:
    exact = np.load(DATA / "reader_outputs.npz")
    found = dict(zip(OUTPUTS, outputs(windows), strict=True))
    for name, least in zip(OUTPUTS, (0.99, 0.99, 0.97, 0.97, 0.98), strict=True):
        assert np.corrcoef(found[name].ravel(), exact[name].ravel())[0, 1] > least, name
    same = 0
    at = 0
    for window in windows:
        inside = slice(at + window.first, at + len(window.ids) - 1)
        at += len(window.ids)
        ours, theirs = (
            (int(each["start"][inside].argmax()), int(each["end"][inside].argmax()))
            for each in (found, exact)
        )
        same += ours == theirs
    assert same >= 0.85 * len(windows)


def test_a_block_of_spans_is_one_threads_work(windows: list[Window]) -> None:
    opens = outputs(windows[:1])[OUTPUTS.index("opens")]
    # OpenBLAS wakes its threads for products of more than 4 · 65,536 multiplications.
    assert _ROWS * (_ROWS + _LONGEST) * opens.shape[1] <= 4 * 65_536


def test_a_window_gives_the_same_bits_alone_and_among_others(windows: list[Window]) -> None:
    chosen = windows[:12]
    alone = [outputs([window]) for window in chosen]
    for column, together in enumerate(outputs(chosen)):
        np.testing.assert_array_equal(together, np.concatenate([each[column] for each in alone]))


def test_a_reading_is_the_same_in_any_company_and_with_any_threads(shipped: SpanReader) -> None:
    found = [
        passage("上海在2017年启动了区块链技术应用试点，先从金融、物流和贸易三个行业做起。", title="试点"),
        passage("深圳市税务局在2018年8月10日开出了全国第一张区块链电子发票。" * 3),
        passage("广州。"),
        passage(""),
        passage("北京的目录链" * 90),
    ]
    together = shipped.raw(QUESTION, found)
    assert load(threads=2).raw(QUESTION, found[::-1]) == together[::-1]
    assert [shipped.raw(QUESTION, [each])[0] for each in found] == together


def test_traditional_and_simplified_text_are_read_alike(shipped: SpanReader) -> None:
    simplified = passage("上海在2017年启动了区块链试点，深圳在2018年开出了电子发票。")
    traditional = passage("上海在2017年啟動了區塊鏈試點，深圳在2018年開出了電子發票。")
    asked = shipped.raw("上海是哪一年启动试点的?", [simplified])
    assert asked == shipped.raw("上海是哪一年啟動試點的?", [traditional])
    assert asked[0].spans[0].span.of(simplified.text) == "2017年"


def test_half_a_surrogate_pair_is_read_as_an_unknown_character(shipped: SpanReader) -> None:
    (raw,) = shipped.raw("\ud800上海?", [passage("\ud800上海在2017年启动了试点。")])
    assert all(Span(0, 16).covers(span.span) for span in raw.spans)


# -- folders -------------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "reader"))


def refused(folder: Path | str) -> str:
    with pytest.raises(ModelError) as caught:
        load(str(folder))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_that_is_not_there_is_named() -> None:
    message = refused("nowhere/reader")
    assert message == (
        "nowhere/reader: no such folder; name one that training.export_reader wrote, or bundled"
    )


@pytest.mark.parametrize("name", ["weights.bin", "tokenizer.json", GRAPH])
def test_a_damaged_file_is_named(copy: Path, name: str) -> None:
    raw = bytearray((copy / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (copy / name).write_bytes(raw)
    assert refused(copy).startswith(f"{copy / name}: damaged (its SHA-256 is not the one in config.json)")
    (copy / name).unlink()
    assert refused(copy).startswith(f"{copy / name}: No such file")


def test_another_models_folder_is_no_reader() -> None:
    encoder = FOLDER.parent / "encoder"
    assert refused(encoder).startswith(
        f'{encoder / "config.json"}: not a reader\'s description ("format" is None, not 2); name a folder'
    )


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"format": 1}, '"format" is 1, not 2'),
        ({"name": ""}, 'needs a "name"'),
        ({"windows": {"size": 384}}, 'needs a number "overlap" under "windows"'),
        ({"settings": None}, 'needs a number "read" under "settings"'),
        ({"calibration": {"bias": "0"}}, 'needs a number "bias" under "calibration"'),
        ({"sha256": {}}, '"sha256" does not name reader.onnx and tokenizer.json'),
    ],
)
def test_a_description_with_something_missing_is_refused(copy: Path, change: Any, what: str) -> None:
    path = copy / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), "utf-8")
    assert refused(copy).startswith(f"{path}: not a reader's description ({what}); ")


def test_a_description_that_is_no_json_is_refused(copy: Path) -> None:
    (copy / "config.json").write_text("{", "utf-8")
    assert refused(copy).startswith(f"{copy / 'config.json'}: not a model description")


def test_name_and_settings_come_from_the_folder(copy: Path) -> None:
    path = copy / "config.json"
    settings = {"read": 5, "rank_weight": 1.5, "threshold": 0.25}
    path.write_text(
        json.dumps(json.loads(path.read_text("utf-8")) | {"name": "mine", "settings": settings}), "utf-8"
    )
    opened = load(str(copy))
    assert (opened.name, opened.settings) == (
        "mine",
        AnswerSettings(read=5, rank_weight=1.5, threshold=0.25),
    )


def test_a_rule_for_stopping_early_comes_from_the_folder(copy: Path) -> None:
    path = copy / "config.json"
    content = json.loads(path.read_text("utf-8"))
    assert load(str(copy)).settings.early_stop == _rule(content["settings"].get("early_stop"))
    content["settings"]["early_stop"] = {"first": 2, "confidence": 0.75}
    path.write_text(json.dumps(content), "utf-8")
    assert load(str(copy)).settings.early_stop == EarlyStop(2, 0.75)


def _rule(content: dict[str, Any] | None) -> EarlyStop | None:
    return None if content is None else EarlyStop(**content)


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ({"first": 2}, 'needs a number "confidence" under "early_stop"'),
        (None, 'needs a number "first" under "early_stop"'),
        (
            {"first": 0, "confidence": 0.5},
            '"early_stop": after 0 passages at a confidence of 0.5: no rule',
        ),
    ],
)
def test_a_rule_that_is_none_is_refused(copy: Path, rule: Any, what: str) -> None:
    path = copy / "config.json"
    content = json.loads(path.read_text("utf-8"))
    content["settings"]["early_stop"] = rule
    path.write_text(json.dumps(content), "utf-8")
    assert refused(copy).startswith(f"{path}: not a reader's description ({what}); ")


def test_the_folder_is_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 35_000_000


def test_reading_leaves_nothing_in_the_home_folder(tmp_path: Path) -> None:
    """ONNX Runtime would keep a device ID there, and report its use, if it were not told otherwise."""
    script = (
        "from fakes import article; from qa.reader import load; from qa.types import Passage, Span;"
        "print(len(load().read('哪年?', [Passage(article('在2017年。'), Span(0, 8))])))"
    )
    paths = os.pathsep.join(map(str, (DATA.parent, DATA.parents[1])))
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": paths}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    run = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert (run.stdout, run.stderr) == ("1\n", "")
    assert sorted(tmp_path.rglob("*")) == []
