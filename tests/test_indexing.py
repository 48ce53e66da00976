"""Articles in, index out: an update equals a rebuild, and only what is new is embedded."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shelf import BEIJING, GUANGZHOU, ROOT, SHANGHAI, SOURCES, CountingEncoder, contents, fill

from qa import labels
from qa.errors import IndexFolderError, InputError
from qa.index import Generation, read_manifest
from qa.indexing import Plan, Refusal, build_index, index_articles, remove_paths
from qa.passages import indexed_text

pytest_plugins = ("shelf_fixtures",)


def sources(folder: Path) -> list[str]:
    """The sources of an index, each once, in order."""
    generation = Generation.open(folder)
    try:
        return list(dict.fromkeys(source for source, _ in generation.catalogue()))
    finally:
        generation.close()


def roots(folder: Path) -> list[tuple[str, str]]:
    manifest = read_manifest(folder)
    assert manifest is not None
    return [(root.path, root.name) for root in manifest.roots]


# ---- the summary


def test_the_summary_tells_what_was_done(tmp_path: Path, articles: Path, model: CountingEncoder) -> None:
    first = build_index(articles, tmp_path / "index")
    assert first.added == SOURCES
    assert (first.changed, first.unchanged, first.removed, first.refused) == ((), (), (), ())
    assert (first.articles, first.passages, first.embedded) == (7, 8, 8)

    (articles / "taipei.txt").unlink()
    (articles / "shanghai.md").write_text(SHANGHAI.replace("贸易融资", "供应链金融"), encoding="utf-8")
    (articles / "wuxi.md").write_text("# 无锡\n\n无锡在2023年才开始试点。\n", encoding="utf-8")
    (articles / "nothing.txt").write_bytes(b"")
    second = build_index(articles, tmp_path / "index")
    assert second.added == ("wuxi.md",)
    assert second.changed == ("shanghai.md",)
    assert second.unchanged == ("beijing.txt", "briefs.jsonl", "shenzhen.html", "south/guangzhou.txt")
    assert second.removed == ("taipei.txt",)
    assert second.refused == (Refusal("nothing.txt", "nothing.txt: empty file"),)
    assert (second.articles, second.passages, second.embedded) == (7, 8, 2)
    assert second.fingerprint != first.fingerprint
    assert second.to_dict() == {
        "added": ("wuxi.md",),
        "changed": ("shanghai.md",),
        "unchanged": second.unchanged,
        "removed": ("taipei.txt",),
        "refused": ({"source": "nothing.txt", "reason": "nothing.txt: empty file"},),
        "articles": 7,
        "passages": 8,
        "embedded": 2,
        "doubles": 0,
        "fingerprint": second.fingerprint,
    }


def test_a_file_that_turned_bad_is_removed_and_refused(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    build_index(articles, tmp_path / "index")
    (articles / "beijing.txt").write_bytes(bytes(range(256)) * 20)
    summary = build_index(articles, tmp_path / "index")
    assert summary.removed == ("beijing.txt",)
    assert [refusal.source for refusal in summary.refused] == ["beijing.txt"]
    assert "beijing.txt" not in sources(tmp_path / "index")


def test_a_bad_line_of_json_lines_is_refused_and_the_others_stay(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    with (articles / "briefs.jsonl").open("a", encoding="utf-8") as stream:
        stream.write('{"title": "无文"}\nnot json\n')
    summary = build_index(articles, tmp_path / "index")
    assert [refusal.source for refusal in summary.refused] == ["briefs.jsonl", "briefs.jsonl"]
    assert "briefs.jsonl" in summary.added
    assert summary.articles == 7


def test_progress_counts_up_to_the_whole(tmp_path: Path, articles: Path, model: CountingEncoder) -> None:
    seen: list[tuple[str, int, int]] = []
    build_index(articles, tmp_path / "index", on_progress=lambda *step: seen.append(step))
    assert [step for step in seen if step[0] == "read"] == [("read", n, 6) for n in range(1, 7)]
    assert [step for step in seen if step[0] == "embed"] == [("embed", 8, 8)]


# ---- only what is new


def test_only_new_and_changed_passages_are_embedded(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    build_index(articles, tmp_path / "index")
    everything = [indexed_text(passage) for passage in Generation.open(tmp_path / "index").passages]
    assert sorted(model.embedded) == sorted(everything)

    model.embedded.clear()
    build_index(articles, tmp_path / "index")
    assert model.embedded == []

    (articles / "shanghai.md").rename(articles / "renamed.md")
    summary = build_index(articles, tmp_path / "index")
    assert (summary.added, summary.removed, model.embedded) == (("renamed.md",), ("shanghai.md",), [])

    (articles / "shenzhen.html").write_text(
        (articles / "shenzhen.html").read_text("utf-8").replace("餐厅", "饭馆"), encoding="utf-8"
    )
    build_index(articles, tmp_path / "index")
    assert len(model.embedded) == 1
    assert "开票的是一家饭馆" in model.embedded[0]


def test_rebuild_and_another_encoder_embed_everything(
    tmp_path: Path, articles: Path, model: CountingEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_index(articles, tmp_path / "index")
    model.embedded.clear()
    build_index([], tmp_path / "index", plan=Plan(rebuild=True))
    assert len(model.embedded) == 8

    other = CountingEncoder()
    monkeypatch.setattr(CountingEncoder, "fingerprint", "another")
    monkeypatch.setattr("qa.encoder.load", lambda name=None, **_: other)
    assert build_index([], tmp_path / "index").embedded == 8
    assert len(other.embedded) == 8


def test_equal_passages_are_embedded_once(tmp_path: Path, model: CountingEncoder) -> None:
    (tmp_path / "twins").mkdir()
    for name, last in (("one.md", "甲"), ("two.md", "乙")):
        text = SHANGHAI + f"\n## 其他\n\n{last}方的试点。\n"
        (tmp_path / "twins" / name).write_text(text, encoding="utf-8")
    summary = build_index(tmp_path / "twins", tmp_path / "index")
    assert (summary.passages, summary.embedded) == (6, 4)


def test_untouched_paths_are_not_read_again(tmp_path: Path, articles: Path, model: CountingEncoder) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.md").write_text(GUANGZHOU, encoding="utf-8")
    build_index([articles, tmp_path / "more"], tmp_path / "index")
    (articles / "shanghai.md").write_bytes(b"")
    (tmp_path / "more" / "a.md").write_text(BEIJING, encoding="utf-8")
    summary = build_index(tmp_path / "more", tmp_path / "index")
    assert summary.changed == ("more/a.md",)
    assert "articles/shanghai.md" in summary.unchanged
    assert "articles/shanghai.md" in build_index([], tmp_path / "index").removed


# ---- an update is a rebuild

_TEXTS = (
    SHANGHAI,
    BEIJING,
    GUANGZHOU,
    "",
    "# 空\n",
    "无锡在2023年才开始试点。",
    '{"text": "西安的试点。"}\n坏行\n',
)
_NAMES = ("a.md", "b.txt", "c/d.md", "c/e.jsonl", "f.html", "z.txt")
_edits = st.lists(
    st.tuples(st.sampled_from(("one", "two")), st.sampled_from(_NAMES), st.sampled_from((None, *_TEXTS))),
    min_size=1,
    max_size=5,
)


@settings(max_examples=25)
@given(steps=st.lists(_edits, min_size=1, max_size=4))
def test_an_update_equals_a_rebuild_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[tuple[str, str, str | None]]]
) -> None:
    base = tmp_path_factory.mktemp("update")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("qa.encoder.load", lambda name=None, **_: CountingEncoder())
        for folder in ("one", "two"):
            (base / folder).mkdir()
            (base / folder / "always.md").write_text(SHANGHAI, encoding="utf-8")
        for number, edits in enumerate(steps):
            for folder, name, text in edits:
                _put(base / folder / name, text)
            touched = sorted({folder for folder, _, _ in edits}) if number else ["one", "two"]
            build_index([base / folder for folder in touched], base / "updated")
        build_index([base / "one", base / "two"], base / "rebuilt")
    assert contents(base / "updated") == contents(base / "rebuilt")


def _put(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


_BUILD = """
import sys
from fakes import CharacterEncoder
import qa.encoder
qa.encoder.load = lambda name=None, **_: CharacterEncoder()
from qa.indexing import build_index
build_index(sys.argv[1], sys.argv[2])
"""


def test_the_bytes_do_not_depend_on_the_hash_seed(tmp_path: Path, articles: Path) -> None:
    for seed in ("0", "1", "4242"):
        subprocess.run(
            [sys.executable, "-c", _BUILD, str(articles), str(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
            check=True,
        )
    assert contents(tmp_path / "0") == contents(tmp_path / "1") == contents(tmp_path / "4242")


# ---- PATHs


def test_one_path_gives_plain_sources_and_several_are_prefixed(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.md").write_text(SHANGHAI, encoding="utf-8")
    build_index(articles, tmp_path / "index")
    assert sources(tmp_path / "index") == list(SOURCES)
    summary = build_index(tmp_path / "more", tmp_path / "index")
    assert sources(tmp_path / "index") == [*(f"articles/{source}" for source in SOURCES), "more/a.md"]
    assert summary.added == ("more/a.md",)
    assert summary.unchanged == tuple(f"articles/{source}" for source in SOURCES)
    summary = remove_paths([str(tmp_path / "more")], tmp_path / "index")
    assert sources(tmp_path / "index") == list(SOURCES)
    assert (summary.removed, summary.unchanged, summary.embedded) == (("more/a.md",), SOURCES, 0)


def test_a_file_may_be_a_path(tmp_path: Path, articles: Path, model: CountingEncoder) -> None:
    build_index(articles / "shanghai.md", tmp_path / "index")
    assert sources(tmp_path / "index") == ["shanghai.md"]
    assert Generation.open(tmp_path / "index").file_path("shanghai.md") == articles / "shanghai.md"
    build_index(articles / "south", tmp_path / "index")
    assert sources(tmp_path / "index") == ["shanghai.md", "south/guangzhou.txt"]


def test_a_file_named_outright_is_taken_even_if_hidden(tmp_path: Path, model: CountingEncoder) -> None:
    (tmp_path / ".hidden.md").write_text(SHANGHAI, encoding="utf-8")
    assert build_index(tmp_path / ".hidden.md", tmp_path / "index").added == (".hidden.md",)


def test_a_path_inside_a_path_refreshes_the_outer_one(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    build_index(articles, tmp_path / "index")
    (articles / "south" / "foshan.md").write_text(BEIJING, encoding="utf-8")
    (articles / "taipei.txt").unlink()
    summary = build_index(articles / "south", tmp_path / "index")
    assert (summary.added, summary.removed) == (("south/foshan.md",), ("taipei.txt",))
    assert roots(tmp_path / "index") == [(str(articles), "articles")]


def test_a_path_swallows_those_inside_it(tmp_path: Path, articles: Path, model: CountingEncoder) -> None:
    build_index([articles / "south", articles / "shanghai.md"], tmp_path / "index")
    assert sources(tmp_path / "index") == ["shanghai.md", "south/guangzhou.txt"]
    build_index(articles, tmp_path / "index")
    assert roots(tmp_path / "index") == [(str(articles), "articles")]
    assert sources(tmp_path / "index") == list(SOURCES)
    build_index(articles, tmp_path / "fresh")
    assert contents(tmp_path / "index") == contents(tmp_path / "fresh")


def test_two_paths_of_one_name_are_told_apart(tmp_path: Path, model: CountingEncoder) -> None:
    for parent in ("x", "y", "z"):
        (tmp_path / parent / "docs").mkdir(parents=True)
        (tmp_path / parent / "docs" / "a.md").write_text(f"# {parent}\n\n{BEIJING}", encoding="utf-8")
    build_index([tmp_path / parent / "docs" for parent in ("z", "x", "y")], tmp_path / "index")
    assert sources(tmp_path / "index") == ["docs/a.md", "docs-2/a.md", "docs-3/a.md"]
    generation = Generation.open(tmp_path / "index")
    assert generation.file_path("docs-2/a.md") == tmp_path / "y" / "docs" / "a.md"


def test_one_path_named_twice_or_through_a_link_is_one(
    tmp_path: Path, articles: Path, model: CountingEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(articles)
    monkeypatch.chdir(tmp_path)
    build_index(["articles", articles, "link", "./articles/../articles"], tmp_path / "index")
    assert roots(tmp_path / "index") == [(str(articles), "articles")]


def test_no_path_refreshes_all(tmp_path: Path, articles: Path, model: CountingEncoder) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.md").write_text(SHANGHAI, encoding="utf-8")
    build_index([articles, tmp_path / "more"], tmp_path / "index")
    (articles / "taipei.txt").unlink()
    (tmp_path / "more" / "b.md").write_text(BEIJING, encoding="utf-8")
    summary = build_index([], tmp_path / "index")
    assert (summary.added, summary.removed) == (("more/b.md",), ("articles/taipei.txt",))


def test_a_vanished_path_is_told_and_nothing_is_lost(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "a.md").write_text(SHANGHAI, encoding="utf-8")
    build_index([articles, tmp_path / "more"], tmp_path / "index")
    before = contents(tmp_path / "index")
    shutil.rmtree(tmp_path / "more")
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / 'more'}: is gone; bring it back, or take")):
        build_index([], tmp_path / "index")
    assert contents(tmp_path / "index") == before
    assert build_index(articles, tmp_path / "index").unchanged[-1] == "more/a.md"
    remove_paths([str(tmp_path / "more")], tmp_path / "index")
    assert sources(tmp_path / "index") == list(SOURCES)


def test_a_path_that_never_was_is_refused_before_anything_is_made(
    tmp_path: Path, model: CountingEncoder
) -> None:
    with pytest.raises(InputError, match="no such file or folder; check the path"):
        build_index(tmp_path / "nowhere", tmp_path / "index")
    with pytest.raises(InputError, match="there is no index to refresh; name a folder of articles"):
        build_index([], tmp_path / "index")
    with pytest.raises(IndexFolderError, match="holds no index; there is nothing to remove"):
        remove_paths(["x"], tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_removing_what_is_not_there_and_the_last_path_are_refused(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    build_index(articles, tmp_path / "index")
    before = contents(tmp_path / "index")
    with pytest.raises(InputError, match=re.escape(f"is not a PATH of this index; it has: {articles}")):
        remove_paths([str(articles / "south")], tmp_path / "index")
    with pytest.raises(InputError, match="--remove would take its last PATH; delete the folder instead"):
        remove_paths([str(articles)], tmp_path / "index")
    assert contents(tmp_path / "index") == before


def test_folders_without_articles_are_told(tmp_path: Path, model: CountingEncoder) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: holds no articles; put files there of these kinds: \.txt"):
        build_index(tmp_path / "empty", tmp_path / "index")
    (tmp_path / "empty" / "a.txt").write_bytes(b"")
    with pytest.raises(InputError, match=r"nothing could be read \(1 refused; the first: a\.txt"):
        build_index(tmp_path / "empty", tmp_path / "index")


def test_an_index_is_not_read_into_itself_or_into_another(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    build_index(articles, articles / "index")
    build_index(articles, articles / "second")
    for _ in range(2):
        assert build_index(articles, articles / "index").added == ()
    assert sources(articles / "index") == list(SOURCES)
    assert sources(articles / "second") == list(SOURCES)


def test_a_pipe_among_the_articles_is_refused(tmp_path: Path, articles: Path, model: CountingEncoder) -> None:
    os.mkfifo(articles / "pipe.txt")
    (articles / "dangling.txt").symlink_to(tmp_path / "nowhere.txt")
    assert build_index(articles, tmp_path / "index").refused == (
        Refusal("dangling.txt", "dangling.txt: does not exist"),
        Refusal("pipe.txt", "pipe.txt: is not a regular file"),
    )


# ---- what an index remembers


def test_the_encoding_is_remembered(tmp_path: Path, model: CountingEncoder) -> None:
    (tmp_path / "old").mkdir()
    short = tmp_path / "old" / "short.txt"
    short.write_bytes("㐂㐄㐅。㐂㐄。".encode("gb18030"))  # too rare and too short to be told
    (tmp_path / "old" / "long.txt").write_text(GUANGZHOU, encoding="gb18030")
    assert [r.source for r in build_index(tmp_path / "old", tmp_path / "index").refused] == ["short.txt"]
    build_index(tmp_path / "old", tmp_path / "index", plan=Plan(encoding="gb18030"))
    assert sources(tmp_path / "index") == ["long.txt", "short.txt"]
    short.write_bytes("㐂㐄㐅㐂。㐂㐄。".encode("gb18030"))
    assert build_index([], tmp_path / "index").changed == ("short.txt",)
    assert build_index([], tmp_path / "index", plan=Plan(rebuild=True)).unchanged == ("long.txt", "short.txt")


def test_an_encoding_for_a_part_of_a_path_is_refused(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    build_index(articles, tmp_path / "index")
    with pytest.raises(InputError, match="whose files share one --encoding; keep them in another folder"):
        build_index(articles / "south", tmp_path / "index", plan=Plan(encoding="gb18030"))
    assert sources(tmp_path / "index") == list(SOURCES)


def test_an_unknown_encoding_is_refused(tmp_path: Path, articles: Path, model: CountingEncoder) -> None:
    with pytest.raises(InputError, match="klingon"):
        build_index(articles, tmp_path / "index", plan=Plan(encoding="klingon"))


def test_the_dictionary_is_remembered(tmp_path: Path, articles: Path, model: CountingEncoder) -> None:
    (tmp_path / "words.txt").write_text("区块链技术应用试点 5 n\n贸易融资\n", encoding="utf-8")
    build_index(articles, tmp_path / "index", plan=Plan(dictionary=tmp_path / "words.txt"))
    (tmp_path / "words.txt").unlink()
    expected = ["区块链技术应用试点", "贸易融资"]
    assert Generation.open(tmp_path / "index").text("dictionary.txt").split() == expected
    (articles / "taipei.txt").unlink()
    build_index([], tmp_path / "index")
    build_index([], tmp_path / "index", plan=Plan(rebuild=True))
    assert Generation.open(tmp_path / "index").text("dictionary.txt").split() == expected


def test_a_dictionary_that_cannot_be_read_is_told_before_anything_is_embedded(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    (tmp_path / "words.txt").write_bytes("词".encode("gb18030"))
    for name in ("words.txt", "nowhere.txt"):
        with pytest.raises(InputError, match=f"{name}: .*jieba dictionary"):
            build_index(articles, tmp_path / "index", plan=Plan(dictionary=tmp_path / name))
    assert model.embedded == []
    assert contents(tmp_path / "index") == {}


def test_what_goes_wrong_while_building_leaves_nothing_behind(
    tmp_path: Path, articles: Path, model: CountingEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_index(articles, tmp_path / "index")
    before = contents(tmp_path / "index")
    (articles / "taipei.txt").unlink()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("qa.dense.Dense.write", full)
    with pytest.raises(OSError, match="No space left"):
        build_index([], tmp_path / "index")
    assert contents(tmp_path / "index") == before


# ---- indexes of label files


def test_label_paragraphs_never_push_out_an_index(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        '{"id": "1", "context": "上海在2017年试点。", "question": "上海哪年试点?", '
        '"answers": [{"text": "2017年", "start": 3}], "unanswerable": false}\n',
        encoding="utf-8",
    )
    made = labels.paragraph_articles(labels.read(rows))
    build_index(articles, tmp_path / "index")
    before = contents(tmp_path / "index")
    with pytest.raises(IndexFolderError, match="is an index of other articles; name another with --index"):
        index_articles(made, rows, tmp_path / "index")
    assert contents(tmp_path / "index") == before
    assert index_articles(made, rows, tmp_path / "labels").added == ("rows.jsonl",)
    assert index_articles(made, rows, tmp_path / "labels").unchanged == ("rows.jsonl",)


def test_filling_twice_gives_equal_indexes(tmp_path: Path, model: CountingEncoder) -> None:
    """The order in which files were made does not matter, nor do their times."""
    build_index(fill(tmp_path / "a" / "articles"), tmp_path / "one")
    first = Generation.open(tmp_path / "one")
    for source in reversed(SOURCES):
        path = tmp_path / "a" / "articles" / source
        raw = path.read_bytes()
        path.unlink()
        path.write_bytes(raw)
    build_index(tmp_path / "a" / "articles", tmp_path / "two")
    assert Generation.open(tmp_path / "two").manifest == first.manifest
