"""The rooms of indexing: what is on disk, workers, line files, postings, doubles, going on after a stop."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shelf import BEIJING, GUANGZHOU, ROOT, SHANGHAI, CountingEncoder, contents
from strategies import corpora

from qa import articles
from qa.errors import ArticleError, InputError
from qa.index import Generation, Root
from qa.indexing import Plan, Refusal, build_index, remove_paths
from qa.ingest import building, places, unfinished
from qa.ingest.doubles import groups, signature
from qa.ingest.places import Stamp, survey, unfit
from qa.ingest.reading import Task, read
from qa.ingest.terms import TermsTask, segment
from qa.ingest.workers import Died, Workers
from qa.labels import Question, Reference
from qa.lexical import BM25
from qa.postings import Counted, write_postings
from qa.relevance import Relevance
from qa.settings import PassageSettings
from qa.words import Segmenter

pytest_plugins = ("shelf_fixtures",)


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files count as settled at once, though the tests have only just written them."""
    monkeypatch.setattr(places, "SETTLED", 0)


# ---- what is on disk


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("新闻.txt", ""),
        ("x" * 251 + ".txt", ""),
        ("a b#?.txt", ""),
        ("a\nb.txt", "its name holds a line break or another control character; rename it"),
        ("a\u2028b.txt", "its name holds a line break or another control character; rename it"),
        ("a\x1bb.txt", "its name holds a line break or another control character; rename it"),
        ("\udcd0\udcc2.txt", "its name is not UTF-8; rename it"),
    ],
)
def test_names_that_cannot_stand_in_a_citation(name: str, problem: str) -> None:
    assert unfit(name) == problem


def test_odd_names_are_refused_on_one_line_and_the_rest_goes_in(
    tmp_path: Path, model: CountingEncoder
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    long = "长" * 83 + ".txt"  # 253 bytes
    for name in (os.fsencode("a\nb.txt"), "新闻.txt".encode("gbk"), b"\xff\xff.txt", os.fsencode(long)):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_text(BEIJING, encoding="utf-8")
    summary = build_index(folder, tmp_path / "index")
    assert summary.added == (long,)
    assert summary.refused == (
        Refusal("\\xff\\xff.txt", "\\xff\\xff.txt: its name is not UTF-8; rename it"),
        Refusal(
            "a\\nb.txt", "a\\nb.txt: its name holds a line break or another control character; rename it"
        ),
        Refusal("新闻.txt", "新闻.txt: its name is not UTF-8; rename it"),
    )
    assert build_index([], tmp_path / "index").refused == summary.refused


def test_links_in_circles_are_refused_or_entered_once(tmp_path: Path, model: CountingEncoder) -> None:
    folder = tmp_path / "docs"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "a.md").write_text(SHANGHAI, encoding="utf-8")
    (folder / "in" / "again").symlink_to(folder, target_is_directory=True)
    (folder / "one.txt").symlink_to(folder / "two.txt")
    (folder / "two.txt").symlink_to(folder / "one.txt")
    summary = build_index(folder, tmp_path / "index")
    assert summary.added == ("in/a.md",)
    assert [refusal.source for refusal in summary.refused] == ["one.txt", "two.txt"]


def test_a_file_is_told_by_its_stamp_or_by_its_hash(
    tmp_path: Path, articles: Path, model: CountingEncoder, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    real = places.Stamp.of

    def counting(path: Path) -> str:
        hashed.append(path.name)
        return sha256_of(path)

    from qa.ingest.reading import sha256_of

    monkeypatch.setattr("qa.ingest.earlier.sha256_of", counting)
    first = build_index(articles, tmp_path / "index")
    assert build_index([], tmp_path / "index").fingerprint == first.fingerprint
    assert hashed == []
    os.utime(articles / "beijing.txt", ns=(1, 1))
    assert build_index([], tmp_path / "index").fingerprint == first.fingerprint
    assert hashed == ["beijing.txt"]
    assert build_index([], tmp_path / "index").unchanged == first.added
    assert hashed == ["beijing.txt"]
    assert real(articles / "beijing.txt") == Stamp.of(articles / "beijing.txt")


def test_a_change_that_keeps_the_size_and_the_time_is_seen(
    tmp_path: Path, model: CountingEncoder, settled: None
) -> None:
    file = tmp_path / "docs" / "a.md"
    file.parent.mkdir()
    file.write_text(SHANGHAI, encoding="utf-8")
    build_index(file.parent, tmp_path / "index")
    before = file.stat()
    file.write_text(SHANGHAI.replace("2017年", "2016年"), encoding="utf-8")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert build_index([], tmp_path / "index").changed == ("a.md",)


def test_a_fresh_file_is_hashed_the_next_time(tmp_path: Path, articles: Path, model: CountingEncoder) -> None:
    build_index(articles, tmp_path / "index")
    generation = Generation.open(tmp_path / "index")
    assert generation.seen["stamps"] == [None] * 6
    generation.close()


def test_files_read_by_other_code_are_read_again(
    tmp_path: Path, articles: Path, model: CountingEncoder, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_index(articles, tmp_path / "index")
    before = contents(tmp_path / "index")
    steps: list[str] = []
    monkeypatch.setattr("qa.ingest.makers.articles", lambda: "another")
    build_index([], tmp_path / "index", on_progress=lambda stage, *_: steps.append(stage))
    assert steps.count("read") == 6
    assert contents(tmp_path / "index") == before
    build_index([], tmp_path / "index", on_progress=lambda stage, *_: steps.append(stage))
    assert steps.count("read") == 6


def test_a_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "log.txt"
    file.write_text(BEIJING, encoding="utf-8")
    real = articles.read

    def growing(path: Path, **given: object) -> articles.Contents:
        with file.open("a", encoding="utf-8") as stream:
            stream.write("又有一句。\n")
        return real(path, **given)  # type: ignore[arg-type]

    task = Task(str(file), 0, "log.txt", "log.txt", None, False, PassageSettings())
    assert len(read(task).parts) == 1
    monkeypatch.setattr(articles, "read", growing)
    made = read(task)
    assert (made.parts, made.stamp, made.sha256) == ((), None, "")
    assert made.refused == ("log.txt: changes while it is read; index again when it is finished",)


def test_a_file_that_vanishes_is_refused(tmp_path: Path) -> None:
    task = Task(str(tmp_path / "gone.txt"), 0, "gone.txt", "gone.txt", None, False, PassageSettings())
    assert read(task).refused == ("gone.txt: does not exist",)


def test_a_file_that_is_too_large_is_refused_and_the_rest_goes_in(
    tmp_path: Path, articles: Path, model: CountingEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qa.formats.LARGEST_FILE", 2000)
    (articles / "large.txt").write_text(BEIJING * 20, encoding="utf-8")
    summary = build_index(articles, tmp_path / "index")
    size = (articles / "large.txt").stat().st_size
    reason = f"large.txt: has {size:,} bytes, more than 2,000; split it"
    assert (summary.articles, summary.refused) == (7, (Refusal("large.txt", reason),))
    assert build_index([], tmp_path / "index").refused == summary.refused


def test_survey_gives_places_by_name(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(BEIJING, encoding="utf-8")
    found = survey(2, Root(str(tmp_path), "docs"), tmp_path / "index")
    assert [(place.root, place.file) for place in found] == [(2, "a.md"), (2, "a/z.md"), (2, "b.txt")]
    assert found[0].stamp == Stamp.of(tmp_path / "a.md")


# ---- workers


def double(number: int) -> int:
    return 2 * number


def test_results_come_in_the_order_of_the_tasks_and_a_dead_process_costs_one() -> None:
    tasks = [(3, False), (4, True), (5, False), (6, False)]
    with Workers(2) as workers:
        found = list(workers.map(_end_or_double, tasks))
        assert [one if isinstance(one, int) else type(one) for one in found] == [6, Died, 10, 12]
        with pytest.raises(ValueError, match="no digit"):
            list(workers.map(_digit, ["1", "x"]))
    with Workers(1) as alone:
        assert list(alone.map(double, range(4))) == [0, 2, 4, 6]


def _end_or_double(task: tuple[int, bool]) -> int:
    number, end = task
    if end:
        os._exit(9)
    print("a library that talks")  # must not come among the results
    return 2 * number


def _digit(text: str) -> int:
    if not text.isdigit():
        raise ValueError("no digit")
    return int(text)


# ---- line files

LINES = (
    "2023-08-16 18:24，正文：石桥建于一九五八年，全长四十六米，现在仍在使用，"
    "每天有两千人从桥上走过去上班，桥的两头都有花坛。"
    "\r\n\r\n第二行也是一篇。\n第三篇。"
)


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-be"])
def test_each_line_is_an_article_with_its_own_bytes(tmp_path: Path, codec: str) -> None:
    file = tmp_path / "news.txt"
    file.write_bytes(LINES.encode(codec))
    made = articles.read(file, source="news.txt", encoding=codec, lines=True)
    assert [(part.element, part.text[:4], part.date) for part in made.articles] == [
        ("line 1", "2023", "2023-08-16"), ("line 3", "第二行也", None), ("line 4", "第三篇。", None),
    ]  # fmt: skip
    assert [part.title for part in made.articles] == [
        "石桥建于一九五八年，全长四十六米，现在仍在使用，每天有两千人从桥上走过去上班",
        "",
        "",
    ]
    for part in made.articles:
        (block,) = part.blocks
        place = part.byte_span(block.span)
        assert place is not None
        assert file.read_bytes()[place.start : place.end].decode(part.encoding) == block.span.of(part.text)


def test_a_line_that_is_no_text_is_refused_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"{'=' * 20}\n石桥建于一九五八年。\n", encoding="utf-8")
    made = articles.read(tmp_path / "a.txt", source="a.txt", lines=True)
    assert [part.element for part in made.articles] == ["line 2"]
    assert made.refused == ("a.txt:1: holds no text",)
    (tmp_path / "a.txt").write_text("====\n", encoding="utf-8")
    with pytest.raises(ArticleError, match=r"^a\.txt:1: holds no text$"):
        articles.read(tmp_path / "a.txt", source="a.txt", lines=True)


def test_that_a_path_holds_line_files_is_remembered(tmp_path: Path, model: CountingEncoder) -> None:
    (tmp_path / "news").mkdir()
    (tmp_path / "news" / "a.txt").write_text(LINES, encoding="utf-8")
    (tmp_path / "news" / "b.md").write_text(SHANGHAI, encoding="utf-8")
    assert build_index(tmp_path / "news", tmp_path / "index").articles == 2
    assert build_index(tmp_path / "news", tmp_path / "index", plan=Plan(lines=True)).articles == 4
    with (tmp_path / "news" / "a.txt").open("a", encoding="utf-8") as stream:
        stream.write("\n第四篇在这里。")
    summary = build_index([], tmp_path / "index")
    assert (summary.articles, summary.changed, summary.embedded) == (5, ("a.txt",), 1)
    assert build_index(tmp_path / "news", tmp_path / "index", plan=Plan(lines=False)).articles == 2


# ---- postings


@given(texts=corpora(), cut=st.integers(1, 5))
def test_postings_are_those_of_bm25_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], cut: int
) -> None:
    segmenter, base = Segmenter(), tmp_path_factory.mktemp("postings")
    for name in ("whole", "blocks"):
        (base / name).mkdir()
    BM25.build(texts, segmenter).save(base / "whole")
    made = segment(TermsTask((), tuple(texts)))
    ends = np.cumsum(made.counted.sizes)

    def blocks() -> list[Counted]:
        rows = [range(start, min(start + cut, len(texts))) for start in range(0, len(texts), cut)]
        spans = [(ends[row[0]] - made.counted.sizes[row[0]], ends[row[-1]]) for row in rows]
        return [
            Counted(
                made.counted.terms[a:b], made.counted.counts[a:b], made.counted.sizes[row[0] : row[-1] + 1]
            )
            for row, (a, b) in zip(rows, spans, strict=True)
        ]

    names = made.words
    write_postings(
        base / "blocks", blocks, size=len(names), words=lambda numbers: [names[n] for n in numbers]
    )
    whole = contents(base / "whole")
    assert {name: raw for name, raw in contents(base / "blocks").items() if name in whole} == whole
    sizes = np.load(base / "blocks" / "bm25.passage-sizes.npy")
    assert sizes.tolist() == [len(Counter(segmenter.terms(text))) for text in texts]


# ---- doubles

LONG = "".join(
    f"第{n}条写明由第{n * 7 % 31}科负责第{n * 13 % 97}项工作，期限是{n * 3 % 28 + 1}天。" for n in range(40)
)


def test_a_reprint_is_told_from_another_article() -> None:
    texts = [LONG, LONG.replace("期限", "时限", 3) + "（原载晚报）", LONG[::-1], "短" * 30]
    found = groups({row: signature(text) for row, text in enumerate(texts)})
    assert found == {0: 0, 1: 0, 2: 2, 3: 3}


def test_script_width_and_marks_make_no_difference() -> None:
    text = LONG.replace("写明", "寫明").replace("，", ",").replace("负责", "負責")
    assert (signature(text) == signature(LONG)).all()


def test_groups_do_not_depend_on_the_order() -> None:
    texts = [LONG[at * 20 : at * 20 + 900] for at in range(5)]
    forwards = groups({row: signature(text) for row, text in enumerate(texts)})
    backwards = groups({row: signature(texts[row]) for row in reversed(range(5))})
    assert forwards == backwards == dict.fromkeys(range(5), 0)


def test_an_article_is_indexed_once_under_all_its_names(tmp_path: Path, model: CountingEncoder) -> None:
    folder = tmp_path / "docs"
    for name, text in (
        ("b.txt", GUANGZHOU),
        ("a/x.txt", GUANGZHOU.replace("\n", "\r\n")),
        ("c.txt", GUANGZHOU),
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    first = build_index(folder, tmp_path / "index")
    assert (first.articles, first.passages, first.doubles) == (3, 1, 2)
    generation = Generation.open(tmp_path / "index")
    assert [generation.first(row) for row in range(3)] == [0, 0, 0]
    assert [passage.article.source for passage in generation.passages] == ["a/x.txt"]
    generation.close()

    (folder / "a" / "x.txt").unlink()
    second = build_index([], tmp_path / "index")
    assert (second.articles, second.passages, second.doubles, second.removed) == (2, 1, 1, ("a/x.txt",))
    generation = Generation.open(tmp_path / "index")
    assert [passage.article.source for passage in generation.passages] == ["b.txt"]
    generation.close()
    build_index(folder, tmp_path / "anew")
    assert contents(tmp_path / "anew") == contents(tmp_path / "index")


def test_a_title_or_a_date_of_its_own_makes_an_article_of_its_own(
    tmp_path: Path, model: CountingEncoder
) -> None:
    (tmp_path / "a.jsonl").write_text(
        '{"title": "甲", "text": "每周三休息。"}\n{"title": "乙", "text": "每周三休息。"}\n'
        '{"title": "甲", "text": "每周三休息。", "date": "2020-01-01"}\n'
        '{"title": "甲", "text": "每周三 休息。"}\n',
        encoding="utf-8",
    )
    summary = build_index(tmp_path / "a.jsonl", tmp_path / "index")
    assert (summary.articles, summary.passages, summary.doubles) == (4, 3, 1)


# ---- what the articles of a folder share

NOTICE = "本文仅代表作者个人观点，与本站立场无关。"
ABOUT = "石桥学会成立于一九九八年，会址在河西路三号。"


def put(folder: Path, numbers: Iterable[int], tail: str) -> None:
    """An article of its own for each number, in two paragraphs, and ``tail`` below."""
    folder.mkdir(parents=True, exist_ok=True)
    for at in numbers:
        name = "".join(chr(0x5000 + (at * 7919 + n * 104_729) % 3000) for n in range(40))
        own = f"{name}是一座桥。\n\n它至今仍在使用，每天有{at}千人走过。"
        (folder / f"{at:02d}.txt").write_text(f"{own}\n\n{tail}\n", encoding="utf-8")


def passages_with(index: Path, words: str) -> list[str]:
    """The sources of the passages that hold ``words``."""
    generation = Generation.open(index)
    try:
        return [passage.article.source for passage in generation.passages if words in passage.text]
    finally:
        generation.close()


def test_what_a_folder_repeats_is_in_no_passage_and_its_text_stays(
    tmp_path: Path, model: CountingEncoder
) -> None:
    put(tmp_path / "docs", range(8), f"{NOTICE}\n{ABOUT}")
    assert build_index(tmp_path / "docs", tmp_path / "index").passages == 9  # 00.txt is parted
    assert all(NOTICE not in text for text in model.embedded)
    assert passages_with(tmp_path / "index", NOTICE) == []
    assert passages_with(tmp_path / "index", ABOUT) == ["00.txt"]
    generation = Generation.open(tmp_path / "index")
    article = generation.article(3)
    assert article.text == (tmp_path / "docs" / "03.txt").read_text("utf-8")
    assert [span.of(article.text) for span in generation.left_out(3)] == [NOTICE, ABOUT]
    assert [block.span.of(article.text) for block in article.blocks] == [article.text.partition("\n\n本")[0]]
    known = Relevance(generation.passages, [generation.article(row) for row in range(8)])
    for answer, place in (("作者个人观点", "left_out"), ("每天有3千人", "passage"), ("河西路", "left_out")):
        asked = Question("q", "?", (Reference(answer),), ("03.txt",))
        assert known.place(asked) == place
    generation.close()


def test_what_is_boilerplate_no_more_comes_back_and_an_update_stays_a_rebuild(
    tmp_path: Path, model: CountingEncoder
) -> None:
    docs = tmp_path / "docs"

    def same(notices: int, embedded: int) -> None:
        assert build_index([], tmp_path / "index").embedded == embedded
        assert len(passages_with(tmp_path / "index", NOTICE)) == notices
        shutil.rmtree(tmp_path / "anew", ignore_errors=True)
        build_index(docs, tmp_path / "anew")
        assert contents(tmp_path / "anew") == contents(tmp_path / "index")

    put(docs, range(6), NOTICE)
    build_index(docs, tmp_path / "index")
    same(0, 0)
    put(docs, range(10, 14), "石料采自河边。")  # 6 of 10 are too few
    same(6, 10)
    put(docs, [20], NOTICE)
    (docs / "05.txt").rename(docs / "30.txt")
    same(0, 7)
    put(docs / "more", range(3), "石料采自河边。")
    put(docs / "more", [0], NOTICE)  # says what 00.txt says, in another folder
    same(0, 2)
    (docs / "00.txt").unlink()
    assert build_index([], tmp_path / "index", plan=Plan(dry_run=True)).embedded == 7
    same(7, 7)


def test_a_run_that_was_stopped_leaves_out_the_same(
    tmp_path: Path, model: CountingEncoder, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfinished, "FILES", 3)
    put(tmp_path / "docs", range(8), f"{NOTICE}\n{ABOUT}")

    def stop() -> None:
        raise StopError

    model.on_embed = stop
    with pytest.raises(StopError):
        build_index(tmp_path / "docs", tmp_path / "index")
    assert (tmp_path / "index" / "unfinished" / "files-000002.jsonl").exists()
    model.on_embed = None
    build_index(tmp_path / "docs", tmp_path / "index")
    build_index(tmp_path / "docs", tmp_path / "anew")
    assert contents(tmp_path / "anew") == contents(tmp_path / "index")


# ---- trying, and going on


def test_a_dry_run_tells_what_would_happen_and_writes_nothing(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    tried = build_index(articles, tmp_path / "index", plan=Plan(dry_run=True))
    assert (tried.articles, tried.passages, tried.embedded, tried.fingerprint) == (7, 8, 8, "")
    assert not (tmp_path / "index").exists()
    assert model.embedded == []

    build_index(articles, tmp_path / "index")
    before = contents(tmp_path / "index")
    (articles / "taipei.txt").unlink()
    (articles / "wuxi.md").write_text("# 无锡\n\n无锡在2023年才开始试点。\n", encoding="utf-8")
    tried = build_index([], tmp_path / "index", plan=Plan(dry_run=True))
    assert contents(tmp_path / "index") == before
    done = build_index([], tmp_path / "index")
    assert (done.added, done.removed, done.embedded) == (("wuxi.md",), ("taipei.txt",), 1)
    assert {**done.to_dict(), "fingerprint": ""} == tried.to_dict()

    build_index([articles / "south", tmp_path / "articles"], tmp_path / "two")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.md").write_text(SHANGHAI, encoding="utf-8")
    build_index(tmp_path / "more", tmp_path / "two")
    before = contents(tmp_path / "two")
    tried = remove_paths([str(tmp_path / "more")], tmp_path / "two", plan=Plan(dry_run=True))
    assert (tried.removed, contents(tmp_path / "two")) == (("more/a.md",), before)


def test_whatever_a_run_does_it_lets_go_of_the_generation_it_read(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    index = tmp_path / "index"

    def generations() -> int:
        return sum(entry.name.startswith("generation-") for entry in index.iterdir())

    def changed(said: str) -> None:
        (articles / "wuxi.md").write_text(f"# 无锡\n\n无锡在2023年{said}。\n", encoding="utf-8")

    gc.disable()  # which would let go of it at some time or other
    try:
        build_index(articles, index)
        build_index([], index)  # finds nothing new
        changed("开始试点")
        build_index([], index, plan=Plan(dry_run=True))
        build_index([], index)
        assert generations() == 1
        with pytest.raises(InputError):
            remove_paths([str(articles)], index)
        changed("结束试点")
        build_index([], index)
        assert generations() == 1
    finally:
        gc.enable()


class StopError(Exception):
    pass


def test_a_run_goes_on_from_the_last_finished_batch(
    tmp_path: Path, articles: Path, model: CountingEncoder, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "EMBEDDED", 2)
    monkeypatch.setattr(building, "SEGMENTED", 3)
    monkeypatch.setattr(unfinished, "FILES", 2)
    monkeypatch.setattr(unfinished, "SECONDS", 3600.0)

    def stop() -> None:
        if len(model.embedded) > 4:
            raise StopError

    model.on_embed = stop
    with pytest.raises(StopError):
        build_index(articles, tmp_path / "index")
    model.on_embed = None
    kept = sorted(path.name for path in (tmp_path / "index" / "unfinished").iterdir())
    assert kept == [
        *(f"files-00000{n}.jsonl" for n in (1, 2, 3)),
        *(f"terms-00000{n}.npz" for n in (1, 2)),
        *(f"vectors-00000{n}.npz" for n in (1, 2)),
    ]

    model.embedded.clear()
    seen: list[tuple[str, int, int]] = []
    reads: list[str] = []
    real = articles_read()

    def counted(path: Path, **given: Any) -> Any:
        reads.append(path.name)
        return real(path, **given)

    monkeypatch.setattr("qa.articles.read", counted)
    summary = build_index(articles, tmp_path / "index", on_progress=lambda *step: seen.append(step))
    assert (summary.embedded, len(model.embedded), reads) == (4, 4, [])
    assert [step for step in seen if step[0] == "terms"] == [("terms", 2, 2)]
    assert not (tmp_path / "index" / "unfinished").exists()
    build_index(articles, tmp_path / "anew")
    assert contents(tmp_path / "anew") == contents(tmp_path / "index")


def test_what_was_read_under_another_path_is_named_anew(
    tmp_path: Path, articles: Path, model: CountingEncoder, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unfinished, "FILES", 1)

    def stop() -> None:
        raise StopError

    model.on_embed = stop
    with pytest.raises(StopError):
        build_index(articles / "south", tmp_path / "index")
    assert (tmp_path / "index" / "unfinished" / "files-000001.jsonl").exists()
    model.on_embed = None
    assert "south/guangzhou.txt" in build_index(articles, tmp_path / "index").added
    build_index(articles, tmp_path / "anew")
    assert contents(tmp_path / "anew") == contents(tmp_path / "index")


def articles_read() -> Callable[..., articles.Contents]:
    return articles.read


def test_batches_that_were_damaged_or_made_otherwise_are_passed_over(
    tmp_path: Path, articles: Path, model: CountingEncoder, settled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "index" / "unfinished"
    folder.mkdir(parents=True)
    for name in ("files-000001.jsonl", "terms-000001.npz", "vectors-000001.npz"):
        (folder / name).write_bytes(b"PK\x03\x04 half")
    (folder / "files-000002.jsonl").write_bytes(b'{"made_by": "another"}\n')
    (folder / "files-000003.jsonl.part").write_bytes(b"{")
    assert build_index(articles, tmp_path / "index").embedded == 8
    assert not folder.exists()


def test_a_full_disk_is_told_and_what_was_finished_stays(tmp_path: Path, articles: Path) -> None:
    """No file may grow beyond 2,000 bytes: the index cannot be written, and the old one is not touched."""
    script = (
        "import resource, sys; from fakes import CharacterEncoder; import qa.encoder; "
        "qa.encoder.load = lambda name=None, **_: CharacterEncoder(); from qa.cli import main; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), -1)); sys.exit(main(sys.argv[2:]))"
    )

    def run(limit: int) -> subprocess.CompletedProcess[str]:
        command = [
            sys.executable,
            "-c",
            script,
            str(limit),
            "index",
            str(articles),
            "--index",
            str(tmp_path / "i"),
        ]
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert run(1 << 30).returncode == 0
    before = contents(tmp_path / "i")
    (articles / "wuxi.md").write_text("# 无锡\n\n无锡在2023年才开始试点。\n", encoding="utf-8")
    done = run(2000)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("qa: ")
    assert "check the path, its rights and the free space" in done.stderr
    assert contents(tmp_path / "i") == before
    assert run(1 << 30).returncode == 0
