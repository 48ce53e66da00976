"""The index folder: what lies in it, how damage is told, what is swept and what is never touched."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from shelf import ROOT, TAIPEI, CountingEncoder, contents

from qa import index
from qa.errors import IndexFolderError
from qa.index import Generation, Root, read_manifest, source_of
from qa.indexing import Plan, build_index
from qa.settings import OwnThreshold

pytest_plugins = ("shelf_fixtures",)


@pytest.fixture
def built(tmp_path: Path, articles: Path, model: CountingEncoder) -> Path:
    build_index(articles, tmp_path / "index")
    return tmp_path / "index"


def generations(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.name.startswith("generation-"))


def rewrite(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **changes}), encoding="utf-8")


# ---- what lies in it


def test_the_readme_is_the_packaged_one_and_names_every_file(built: Path) -> None:
    readme = (built / "README.md").read_text("utf-8")
    assert readme == (ROOT / "qa" / "data" / "index-readme.md").read_text("utf-8")
    named = re.findall(r"^\| `([^`]+)`", readme, re.MULTILINE)
    patterns = [re.escape(name).replace(r"\*", ".+").replace("…", "[0-9a-f]{16}") for name in named]
    files = [name for name in contents(built) if name != "README.md"]
    assert [name for name in files if not any(re.fullmatch(pattern, name) for pattern in patterns)] == []
    idle = [
        name for name, p in zip(named, patterns, strict=True) if not any(map(re.compile(p).fullmatch, files))
    ]
    assert idle == ["generation-…/vectors.npy"]  # only where there are many passages


def test_the_readme_kept_in_the_repository_is_the_packaged_one() -> None:
    packaged = ROOT / "qa" / "data" / "index-readme.md"
    assert (ROOT / "index" / "README.md").read_bytes() == packaged.read_bytes()


def test_a_manifest_comes_back_as_it_was_written(built: Path) -> None:
    manifest = read_manifest(built)
    assert manifest is not None
    assert manifest.to_json() + "\n" == (built / "manifest.json").read_text("utf-8")
    assert manifest.counts == {"articles": 7, "passages": len(Generation(built, manifest).passages)}
    assert manifest.encoder == {"name": "characters", "fingerprint": "characters:北京上海深圳广州", "dim": 9}
    assert manifest.generation == f"generation-{manifest.fingerprint[:16]}"
    names = {entry.name for entry in (built / manifest.generation).iterdir()}
    assert names == {*manifest.files, "seen.json"}


def test_no_manifest_is_no_index(tmp_path: Path) -> None:
    assert read_manifest(tmp_path) is None
    with pytest.raises(IndexFolderError, match=re.escape(f"{tmp_path}: holds no index; make one")):
        Generation.open(tmp_path)


def test_passages_and_articles_by_row(built: Path) -> None:
    with_rows = Generation.open(built)
    assert [passage.number for passage in with_rows.passages] == list(range(len(with_rows.passages)))
    assert with_rows.passages[-1] == with_rows.passages[len(with_rows.passages) - 1]
    assert with_rows.passages[1:3] == [with_rows.passages[1], with_rows.passages[2]]
    with pytest.raises(IndexError):
        with_rows.passages[len(with_rows.passages)]
    assert [with_rows.article(row).source for row in range(len(with_rows))] == [
        "beijing.txt", "briefs.jsonl", "briefs.jsonl", "shanghai.md",
        "shenzhen.html", "south/guangzhou.txt", "taipei.txt",
    ]  # fmt: skip
    assert with_rows.article(3).date == "2021-05-06"
    assert with_rows.catalogue()[1] == ("briefs.jsonl", "2020-03-01")


def test_sources_are_found_again(built: Path, articles: Path) -> None:
    generation = Generation.open(built)
    assert generation.file_path("south/guangzhou.txt") == articles / "south" / "guangzhou.txt"
    with pytest.raises(IndexFolderError, match=r"elsewhere.md: this index holds no such source"):
        generation.file_path("elsewhere.md")


def test_a_source_is_prefixed_only_where_there_are_several_paths() -> None:
    one, two = Root("/x/a", "a"), Root("/y/b.md", "b.md")
    assert source_of(0, "c/d.md", [one]) == "c/d.md"
    assert source_of(0, "c/d.md", [one, two]) == "a/c/d.md"
    assert source_of(1, "", [one, two]) == "b.md"
    assert source_of(0, "", [two]) == "b.md"


def test_a_generation_that_was_closed_says_so(built: Path) -> None:
    generation = Generation.open(built)
    generation.close()
    generation.close()
    with pytest.raises(IndexFolderError, match="was closed; open the index again"):
        generation.record(0)


# ---- damage


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "cannot be read as an index manifest"),
        ('{"format": 3, "gener', "cannot be read as an index manifest"),
        ("\0\1\2", "cannot be read as an index manifest"),
        ("[" * 100_000, "cannot be read as an index manifest"),
        ("[]", "is of format None, this version reads format 3"),
        ("{}", "is of format None, this version reads format 3"),
        ('{"format": 1}', "is of format 1, this version reads format 3"),
        ('{"format": 99}', "is of format 99, this version reads format 3"),
        ('{"format": 3}', "is damaged ('roots')"),
        ('{"format": 3, "roots": [1]}', "is damaged"),
    ],
)
def test_a_manifest_that_is_none_is_told_with_the_way_out(
    built: Path, articles: Path, text: str, problem: str
) -> None:
    (built / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(IndexFolderError, match=re.escape(problem)) as caught:
        Generation.open(built)
    assert str(built / "manifest.json") in str(caught.value)
    assert f"build it anew: qa index PATH --rebuild --index {built}" in str(caught.value)
    with pytest.raises(IndexFolderError, match=re.escape(problem)):
        build_index(articles, built)
    assert len(build_index(articles, built, plan=Plan(rebuild=True)).added) == 6


@pytest.mark.parametrize(
    "changes",
    [
        {"generation": "../../etc"},
        {"generation": 5},
        {"generation": "generation-"},
        {"fingerprint": None},
        {"encoder": "bundled"},
        {"encoder": {"name": "bundled"}},
        {"counts": {}},
        {"counts": {"articles": "7", "passages": 9}},
        {"counts": []},
        {"files": {}},
        {"files": []},
        {"files": {"articles.jsonl": {}}},
        {"roots": [{"path": 1, "name": "a"}]},
        {"roots": ["/x"]},
        {"unknown": 1},
    ],
)
def test_a_manifest_with_a_wrong_value_is_damaged(built: Path, changes: dict[str, Any]) -> None:
    rewrite(built, **changes)
    with pytest.raises(IndexFolderError, match=r"manifest.json: is damaged"):
        read_manifest(built)


def test_every_file_of_a_generation_is_checked_on_opening(built: Path) -> None:
    manifest = read_manifest(built)
    assert manifest is not None
    for name in manifest.files:
        path = built / manifest.generation / name
        raw = path.read_bytes()
        for damaged in (raw[: len(raw) // 2] if raw else b"x", raw[:-1] + bytes([(raw or b"\0")[-1] ^ 1])):
            path.write_bytes(damaged)
            with pytest.raises(IndexFolderError, match=rf"{re.escape(str(path))}: is damaged .* --rebuild"):
                Generation.open(built)
        path.unlink()
        with pytest.raises(IndexFolderError, match=rf"{re.escape(name)}: cannot be opened .* --rebuild"):
            Generation.open(built)
        path.write_bytes(raw)
    assert len(Generation.open(built)) == 7


def test_a_missing_generation_is_told(built: Path) -> None:
    shutil.rmtree(built / generations(built)[0])
    with pytest.raises(IndexFolderError, match="is missing; run `qa index --rebuild"):
        Generation.open(built)


def test_a_file_that_fits_the_manifest_but_is_no_array_is_told(built: Path) -> None:
    manifest = read_manifest(built)
    assert manifest is not None
    path = built / manifest.generation / "passages.npy"
    path.write_bytes(b"no array")
    rewrite(built, files=dict(manifest.files) | index.facts(path.parent, ["passages.npy"]))
    with pytest.raises(IndexFolderError, match=r"cannot be opened .* --rebuild"):
        Generation.open(built)


def test_a_damaged_generation_is_built_anew_from_the_paths_it_remembers(built: Path) -> None:
    before = contents(built)
    (built / generations(built)[0] / "vectors.faiss").write_bytes(b"")
    with pytest.raises(IndexFolderError, match=r"vectors.faiss: is damaged"):
        build_index([], built)
    build_index([], built, plan=Plan(rebuild=True))
    assert contents(built) == before


# ---- locks, sweeps, other people's folders


def test_two_builds_at_once_one_is_refused(built: Path, articles: Path) -> None:
    before = contents(built)
    with index.lock(built), pytest.raises(IndexFolderError, match="another `qa index` is at work here"):
        build_index(articles, built)
    assert contents(built) == before
    assert len(build_index(articles, built).unchanged) == 6


def test_an_older_generation_goes_when_nobody_reads_it(built: Path, articles: Path) -> None:
    first = generations(built)
    (articles / "taipei.txt").unlink()
    build_index([], built)
    assert len(generations(built)) == 1
    assert generations(built) != first


def test_an_older_generation_stays_while_it_is_read(built: Path, articles: Path) -> None:
    reading = Generation.open(built)
    (articles / "taipei.txt").unlink()
    build_index([], built)
    assert len(generations(built)) == 2
    assert [reading.article(row).source for row in range(7)][-1] == "taipei.txt"
    assert [passage.text for passage in reading.passages][-1].endswith("每年大約三百萬元。")
    assert reading.file_path("taipei.txt").name == "taipei.txt"
    reading.close()
    build_index([], built)
    assert len(generations(built)) == 1


def test_a_reader_in_another_process_holds_its_generation_too(built: Path, articles: Path) -> None:
    held = os.open(built / generations(built)[0], os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_SH)
    (articles / "taipei.txt").unlink()
    build_index([], built)
    assert len(generations(built)) == 2
    os.close(held)
    build_index([], built)
    assert len(generations(built)) == 1


def test_a_reader_that_comes_during_the_switch_opens_the_new_one(
    built: Path, articles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = read_manifest(built)
    (articles / "taipei.txt").unlink()
    build_index([], built)
    manifests = [stale, read_manifest(built)]
    monkeypatch.setattr(index, "read_manifest", lambda folder: manifests.pop(0))
    assert len(Generation.open(built)) == 6


def test_what_killed_builds_left_is_swept(built: Path) -> None:
    before = contents(built)
    (built / "building-77").mkdir()
    (built / "building-77" / "articles.jsonl").write_bytes(b"half")
    (built / "building-manifest.json").write_bytes(b"{")
    (built / "building-README.md").write_bytes(b"")
    shutil.copytree(built / generations(built)[0], built / "generation-0123456789abcdef")
    build_index([], built)
    assert contents(built) == before


@pytest.mark.parametrize(
    "name",
    [
        "thesis.docx",
        "README.md",
        "manifest.json",
        "generation-1/weights.bin",
        "generation-0123456789abcdef/weights.bin",
        "building-plans/house.dwg",
        "building-12/house.dwg",
        ".git/config",
        "unfinished/house.dwg",
        "generation-2",
    ],
)
def test_a_folder_with_somebody_elses_files_is_refused_and_untouched(
    tmp_path: Path, articles: Path, model: CountingEncoder, name: str
) -> None:
    theirs = tmp_path / "theirs"
    (theirs / name).parent.mkdir(parents=True)
    (theirs / name).write_text('{"name": "an extension", "manifest_version": 3}', encoding="utf-8")
    before = contents(theirs)
    with pytest.raises(IndexFolderError, match=re.escape(f"{theirs}: holds files that are no index")):
        build_index(articles, theirs)
    assert contents(theirs) == before
    assert model.embedded == []


def test_a_users_files_beside_an_index_stay(built: Path, articles: Path) -> None:
    (built / "notes.txt").write_text("mine", encoding="utf-8")
    (built / "generation-notes").mkdir()
    (built / "generation-notes" / "a.txt").write_text("mine", encoding="utf-8")
    (built / "building-plans").mkdir()
    (articles / "taipei.txt").unlink()
    build_index([], built)
    assert (built / "notes.txt").read_text("utf-8") == "mine"
    assert (built / "generation-notes" / "a.txt").read_text("utf-8") == "mine"
    assert (built / "building-plans").is_dir()


def test_a_file_where_the_folder_should_be_is_refused(
    tmp_path: Path, articles: Path, model: CountingEncoder
) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(IndexFolderError, match="cannot be used as an index folder"):
        build_index(articles, tmp_path / "file")
    assert (tmp_path / "file").read_text("utf-8") == "mine"


def test_an_empty_folder_may_become_an_index(tmp_path: Path, articles: Path, model: CountingEncoder) -> None:
    (tmp_path / "empty").mkdir()
    assert len(build_index(articles, tmp_path / "empty").added) == 6


def test_equal_content_keeps_the_generation(built: Path) -> None:
    def times() -> dict[str, int]:
        files = (built / generations(built)[0]).iterdir()
        return {path.name: path.stat().st_mtime_ns for path in files if path.name != "seen.json"}

    before = times()
    build_index([], built)
    assert times() == before
    build_index([], built, plan=Plan(rebuild=True))
    assert times() == before


def test_a_damaged_generation_of_equal_content_is_replaced(built: Path) -> None:
    before = contents(built)
    path = built / generations(built)[0] / "vectors.faiss"
    path.write_bytes(path.read_bytes()[:-1])
    build_index([], built, plan=Plan(rebuild=True))
    assert contents(built) == before


# ---- a threshold of one's own


OWN = OwnThreshold(threshold=0.61, reader="r", error=0.05, labels="ours.jsonl", questions=60)


def test_a_threshold_is_kept_and_changes_nothing_else(built: Path) -> None:
    before, files = read_manifest(built), contents(built)
    assert before is not None
    assert before.threshold is None
    index.keep_threshold(built, OWN)
    after = read_manifest(built)
    assert after == replace(before, settings={**before.settings, "threshold": asdict(OWN)})
    assert after.threshold == OWN
    assert {**contents(built), "manifest.json": b""} == {**files, "manifest.json": b""}


def test_a_threshold_takes_the_place_of_the_one_before(built: Path) -> None:
    index.keep_threshold(built, OWN)
    index.keep_threshold(built, replace(OWN, threshold=0.0))
    manifest = read_manifest(built)
    assert manifest is not None
    assert manifest.threshold == replace(OWN, threshold=0.0)


def test_updates_carry_a_threshold_over_and_a_rebuild_drops_it(built: Path, articles: Path) -> None:
    plain = contents(built)
    index.keep_threshold(built, OWN)
    kept = contents(built)
    build_index([], built)
    assert contents(built) == kept  # nothing changed, so nothing is written anew
    (articles / "taipei.txt").unlink()
    build_index(articles, built)
    updated = read_manifest(built)
    assert updated is not None
    assert (updated.threshold, updated.counts["articles"]) == (OWN, 6)
    (articles / "taipei.txt").write_text(TAIPEI, encoding="big5")
    build_index([], built, plan=Plan(rebuild=True))
    assert contents(built) == plain


def test_a_threshold_needs_an_index_that_nobody_writes_to(built: Path, tmp_path: Path) -> None:
    with pytest.raises(IndexFolderError, match="holds no index; make one: qa index PATH"):
        index.keep_threshold(tmp_path / "nowhere", OWN)
    assert not (tmp_path / "nowhere").exists()
    with index.lock(built), pytest.raises(IndexFolderError, match="another `qa index` is at work here"):
        index.keep_threshold(built, OWN)


@pytest.mark.parametrize(
    "kept", [0.6, {"threshold": 0.6}, {**asdict(OWN), "threshold": 1.5}, {**asdict(OWN), "reader": None}]
)
def test_a_threshold_that_is_none_is_damage(built: Path, kept: object) -> None:
    manifest = read_manifest(built)
    assert manifest is not None
    rewrite(built, settings={**manifest.settings, "threshold": kept})
    with pytest.raises(IndexFolderError, match=r"manifest.json: is damaged"):
        read_manifest(built)


# ---- what was refused


def test_an_index_remembers_what_it_refused(built: Path, articles: Path) -> None:
    assert Generation.open(built).refused() == ()
    (articles / "south" / "broken.txt").write_bytes(b"")
    with (articles / "briefs.jsonl").open("a", encoding="utf-8") as stream:
        stream.write("not json\n")
    build_index([], built)
    assert Generation.open(built).refused() == ("briefs.jsonl", "south/broken.txt")
