"""Collections: what people upload is kept whole or refused with a reason, and nothing half done stays."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shelf import BEIJING, GUANGZHOU, SHANGHAI, TAIPEI, CountingEncoder

from qa.collection import Collection, Collections, FileResult, Limits, Upload
from qa.errors import IndexFolderError, InputError
from qa.index import read_manifest
from qa.indexing import build_index
from qa.settings import AnswerSettings
from qa.types import Passage, Reading, ScoredSpan

pytest_plugins = ("shelf_fixtures",)

NAME = "城市"


@dataclass(frozen=True)
class FirstWords:
    """Quotes the first four characters of every passage that shares a character with the question."""

    name: str = "first words"
    settings: AnswerSettings = field(default_factory=AnswerSettings)

    def read(self, question: str, passages: Sequence[Passage]) -> list[Reading]:
        return [
            Reading(1.0, (ScoredSpan(type(p.span)(p.span.start, p.span.start + 4), 3.0),)) for p in passages
        ]


@pytest.fixture(autouse=True)
def _reader(monkeypatch: pytest.MonkeyPatch, model: CountingEncoder) -> None:
    monkeypatch.setattr("qa.collection.load_reader", lambda name=None: FirstWords())


@pytest.fixture
def index(tmp_path: Path, articles: Path) -> Path:
    """The server's own index, of one folder."""
    build_index(articles, tmp_path / "index")
    return tmp_path / "index"


@pytest.fixture
def shelf(tmp_path: Path, index: Path) -> Collections:
    return Collections.open(index, tmp_path / "home")


def upload(folder: Path, name: str, content: str | bytes, *, called: str | None = None) -> Upload:
    """A file as it lies in the server's temporary folder."""
    path = folder / f"arrived-{len(list(folder.glob('arrived-*')))}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Upload(path, name if called is None else called)


def states(results: Sequence[FileResult]) -> list[tuple[str, str]]:
    return [(result.name, result.state) for result in results]


def sources(shelf: Collections, name: str) -> list[str]:
    return sorted({article.source for article in shelf.assistant(name).articles()})


def on_disk(folder: Path) -> list[str]:
    """Every file below, locks left out."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if ".lock" not in path)


# ---- looking and making


def test_the_servers_own_collection_comes_first(shelf: Collections, index: Path, articles: Path) -> None:
    shelf.create("乙")
    shelf.create("a")
    own, first, second = shelf.listed()
    assert own == Collection("default", index, articles, articles / "uploads", False, 7, 8)
    assert (first.name, first.own, first.articles, first.passages, first.problem) == ("a", True, 0, 0, None)
    assert second.name == "乙"


def test_nothing_is_made_by_looking(tmp_path: Path, index: Path) -> None:
    shelf = Collections.open(index, tmp_path / "home")
    assert [collection.name for collection in shelf.listed()] == ["default"]
    assert not (tmp_path / "home").exists()


def test_a_name_is_taken_once(shelf: Collections) -> None:
    assert shelf.create("  Étude ").name == "Étude"
    for name in ("Étude", "étude", "ÉTUDE", "e\u0301tude", "Default"):
        with pytest.raises(InputError, match=r"the name is taken$"):
            shelf.create(name)
    with pytest.raises(InputError, match=r"cannot hold /$"):
        shelf.create("../a")


def test_there_are_as_many_as_the_limits_allow(tmp_path: Path, index: Path) -> None:
    shelf = Collections.open(index, tmp_path / "home", limits=Limits(collections=1))
    shelf.create("a")
    with pytest.raises(InputError, match=r"too many collections$"):
        shelf.create("b")


@pytest.mark.parametrize("name", ["b", "..", "../home", "", ".locks", "a\0b"])
def test_an_unknown_collection_is_told(shelf: Collections, name: str) -> None:
    shelf.create("a")
    with pytest.raises(InputError, match=r"there is no such collection$"):
        shelf.get(name)


def test_foreign_folders_are_no_collections(shelf: Collections, tmp_path: Path) -> None:
    shelf.create("a")
    (tmp_path / "home" / ".hidden" / "articles").mkdir(parents=True)
    (tmp_path / "home" / "no articles").mkdir()
    (tmp_path / "home" / "a file").write_text("x")
    (tmp_path / "home" / "default" / "articles").mkdir(parents=True)
    assert [collection.name for collection in shelf.listed()] == ["default", "a"]


def test_an_empty_collection_cannot_be_asked(shelf: Collections) -> None:
    shelf.create("a")
    with pytest.raises(InputError, match=r"the collection is empty$"):
        shelf.assistant("a")
    with pytest.raises(InputError, match=r"the collection is empty$"):
        shelf.rebuild("a")


def test_a_damaged_index_is_told_and_rebuilt(shelf: Collections, tmp_path: Path) -> None:
    shelf.create("a")
    shelf.add("a", [upload(tmp_path, "上海.md", SHANGHAI)])
    (shelf.get("a").index / "manifest.json").write_text("{")
    assert "cannot be read as an index manifest" in str(shelf.get("a").problem)
    with pytest.raises(IndexFolderError):
        Collections.open(shelf.get("default").index, tmp_path / "home").assistant("a")
    assert shelf.rebuild("a").articles == 1
    assert (shelf.get("a").problem, shelf.get("a").articles) == (None, 1)


def test_a_server_without_an_index_says_so(tmp_path: Path) -> None:
    (only,) = Collections.open(tmp_path / "none", tmp_path / "home").listed()
    assert only.problem == f"{tmp_path / 'none'}: 还没有索引；there is no index here"


# ---- adding


def test_uploads_are_kept_indexed_and_asked(shelf: Collections, tmp_path: Path) -> None:
    shelf.create(NAME)
    seen: list[tuple[str, int, int]] = []
    files = [
        upload(tmp_path, "上海.md", SHANGHAI),
        upload(tmp_path, "广州.txt", GUANGZHOU.encode("gb18030")),
    ]
    results = shelf.add(NAME, files, on_progress=lambda *step: seen.append(step))
    assert results == (
        FileResult("上海.md", "added", "", "上海.md"),
        FileResult("广州.txt", "added", "", "广州.txt"),
    )
    assert seen[:4] == [("check", 1, 2), ("check", 2, 2), ("read", 1, 2), ("read", 2, 2)]
    collection = shelf.get(NAME)
    assert (collection.articles, collection.passages) == (2, 3)
    answer = shelf.assistant(NAME).ask("广州从哪一年开始试点?")
    assert answer.citations[0].article.source == "广州.txt"
    assert all(
        article.encoding == "gb18030" for article in shelf.assistant(NAME).articles() if "广" in article.id
    )
    assert on_disk(collection.index.parent / "articles") == ["上海.md", "广州.txt"]


def test_an_open_assistant_sees_what_is_added(shelf: Collections, tmp_path: Path) -> None:
    shelf.create(NAME)
    shelf.add(NAME, [upload(tmp_path, "上海.md", SHANGHAI)])
    assistant = shelf.assistant(NAME)
    shelf.add(NAME, [upload(tmp_path, "北京.txt", BEIJING)])
    assert shelf.assistant(NAME) is assistant
    assert sources(shelf, NAME) == ["上海.md", "北京.txt"]


@pytest.mark.parametrize(
    ("called", "kept"),
    [
        ("../../上海.md", "上海.md"),
        ("/etc/上海.md", "上海.md"),
        ("C:\\上海.md", "上海.md"),
        (".上海.md", "上海.md"),
        ("上\0海\n.md", "上海.md"),
        ("con.md", "_con.md"),
        ("上" * 300 + ".md", "上" * 65 + ".md"),
        ("<b>${1}</b>.md", "b_.md"),
    ],
)
def test_names_are_cleaned(shelf: Collections, tmp_path: Path, called: str, kept: str) -> None:
    shelf.create(NAME)
    (result,) = shelf.add(NAME, [upload(tmp_path, "", SHANGHAI, called=called)])
    assert result == FileResult(kept, "added", "", kept)
    assert on_disk(tmp_path / "home" / NAME / "articles") == [kept]
    assert not (tmp_path / "上海.md").exists()


def test_a_file_that_is_there_is_named(shelf: Collections, tmp_path: Path) -> None:
    shelf.create(NAME)
    shelf.add(NAME, [upload(tmp_path, "上海.md", SHANGHAI)])
    before = (shelf.get(NAME).index / "manifest.json").read_bytes()
    assert shelf.add(NAME, [upload(tmp_path, "另.md", SHANGHAI)]) == (
        FileResult("另.md", "duplicate", "与已有的 上海.md 内容相同；is the same as 上海.md", "上海.md"),
    )
    assert (shelf.get(NAME).index / "manifest.json").read_bytes() == before
    twice = [upload(tmp_path, "北京.txt", BEIJING), upload(tmp_path, "京.txt", BEIJING)]
    assert states(shelf.add(NAME, twice)) == [("北京.txt", "added"), ("京.txt", "duplicate")]
    assert on_disk(tmp_path / "home" / NAME / "articles") == ["上海.md", "北京.txt"]


def test_a_taken_name_gets_a_number(shelf: Collections, tmp_path: Path) -> None:
    shelf.create(NAME)
    files = [upload(tmp_path, "A.txt", BEIJING), upload(tmp_path, "a.txt", TAIPEI)]
    assert shelf.add(NAME, files) == (
        FileResult("A.txt", "added", "", "A.txt"),
        FileResult("a.txt", "added", "已有同名文件，存为 a-2.txt；kept as a-2.txt", "a-2.txt"),
    )
    assert on_disk(tmp_path / "home" / NAME / "articles") == ["A.txt", "a-2.txt"]


PROGRAM = b"\x7fELF\x02\x01\x01" + bytes(9) + bytes(range(256)) * 40


def locked_pdf() -> bytes:
    """A PDF whose text cannot be had without a password that nobody gives."""
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
        b"3 0 obj<</Filter/Standard/V 1/R 2/O<" + b"00" * 32 + b">/U<" + b"11" * 32 + b">/P -44>>endobj\n"
        b"trailer<</Root 1 0 R/Encrypt 3 0 R/ID[<00><00>]/Size 4>>\n%%EOF"
    )


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("空.txt", b"", "无法读取：里面没有文字；empty file"),
        ("程序.txt", PROGRAM, "无法读取：内容不是文章，像是程序、图片或别的格式；not text: NUL at byte 7"),
        (
            "锁.pdf",
            locked_pdf(),
            "无法读取：有密码，请去掉密码后再上传；needs a password; save it without one",
        ),
        ("坏.docx", b"PK\3\4 nonsense", "无法读取：文件可能已损坏；.+"),
        ("图.png", b"\x89PNG", r"无法读取：不支持这种格式；\.png is not supported; .+"),
        ("无.jsonl", b"not json\n", "无法读取：.+"),
    ],
)
def test_what_cannot_be_read_is_refused_and_not_kept(
    shelf: Collections, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    shelf.create(NAME)
    good, bad = upload(tmp_path, "上海.md", SHANGHAI), upload(tmp_path, name, content)
    results = shelf.add(NAME, [bad, good])
    assert states(results) == [(name, "refused"), ("上海.md", "added")]
    assert results[0].source is None
    with pytest.raises(AssertionError, match=f"^{reason}$"):
        raise AssertionError(results[0].reason)
    assert on_disk(tmp_path / "home" / NAME / "articles") == ["上海.md"]


def test_only_refused_files_index_nothing(shelf: Collections, tmp_path: Path) -> None:
    shelf.create(NAME)
    assert states(shelf.add(NAME, [upload(tmp_path, "空.txt", "")])) == [("空.txt", "refused")]
    assert on_disk(tmp_path / "home" / NAME) == []


def test_a_reader_that_fails_refuses_one_file_only(
    shelf: Collections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from qa import articles

    read = articles.read

    def failing(path: Path, **options: str | None) -> articles.Contents:
        if path.name == "坏.md":
            raise RuntimeError("a fault of a library")
        return read(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("qa.articles.read", failing)
    shelf.create(NAME)
    bad, good = upload(tmp_path, "坏.md", BEIJING), upload(tmp_path, "上海.md", SHANGHAI)
    assert shelf.add(NAME, [bad, good])[0] == FileResult(
        "坏.md", "refused", "无法读取：文件可能已损坏；it may be damaged"
    )
    assert sources(shelf, NAME) == ["上海.md"]


def test_parts_that_cannot_be_read_are_told(shelf: Collections, tmp_path: Path) -> None:
    shelf.create(NAME)
    lines = '{"title": "武汉", "text": "武汉在2020年成立了产业联盟。"}\nnot json\n{"title": "无"}\n'
    (result,) = shelf.add(NAME, [upload(tmp_path, "短讯.jsonl", lines)])
    assert (result.state, result.source) == ("added", "短讯.jsonl")
    assert result.reason.startswith("2 处未能读入，例如：")


def test_limits_refuse_by_file(tmp_path: Path, index: Path) -> None:
    small = len(SHANGHAI.encode())
    limits = Limits(file_bytes=small, files=2, total_bytes=small + len("甲乙丙。".encode()))
    shelf = Collections.open(index, tmp_path / "home", limits=limits)
    shelf.create(NAME)
    results = shelf.add(
        NAME,
        [
            upload(tmp_path, "大.txt", b"a" * (small + 1)),
            upload(tmp_path, "上海.md", SHANGHAI),
            upload(tmp_path, "北京.txt", BEIJING),
            upload(tmp_path, "短.txt", "甲乙丙。"),
            upload(tmp_path, "一.txt", "丁。"),
        ],
    )
    assert [(result.state, result.reason.split("；")[-1]) for result in results] == [
        ("refused", f"is larger than {small / 1e6:g} MB"),
        ("added", ""),
        ("refused", f"the collection would be larger than {limits.total_bytes / 1e6:g} MB"),
        ("added", ""),
        ("refused", "the collection is full"),
    ]


def test_half_a_gigabyte_is_refused_unread(shelf: Collections, tmp_path: Path) -> None:
    shelf.create(NAME)
    with (tmp_path / "huge").open("wb") as stream:
        stream.truncate(500_000_000)
    (result,) = shelf.add(NAME, [Upload(tmp_path / "huge", "huge.txt")])
    assert (result.state, result.reason) == ("refused", "太大，每个文件最多 50 MB；is larger than 50 MB")


def test_what_is_no_file_is_refused(shelf: Collections, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    shelf.create(NAME)
    results = shelf.add(NAME, [tmp_path / "pipe.txt", tmp_path / "gone.txt", str(tmp_path)])
    assert [result.reason.split("；")[-1] for result in results] == [
        "is not a regular file",
        "it is gone (No such file or directory)",
        "is not a regular file",
    ]


# ---- the server's own


def test_the_servers_own_takes_uploads_into_a_folder_of_theirs(
    shelf: Collections, articles: Path, tmp_path: Path
) -> None:
    (result,) = shelf.add("default", [upload(tmp_path, "无锡.txt", "无锡在2023年才开始试点。")])
    assert result == FileResult("无锡.txt", "added", "", "uploads/无锡.txt")
    assert (articles / "uploads" / "无锡.txt").is_file()
    assert "uploads/无锡.txt" in sources(shelf, "default")
    (same,) = shelf.add("default", [upload(tmp_path, "x.md", SHANGHAI)])
    assert (same.state, same.source) == ("duplicate", "shanghai.md")


def test_only_uploads_can_be_removed_from_it(shelf: Collections, articles: Path, tmp_path: Path) -> None:
    shelf.add("default", [upload(tmp_path, "无锡.txt", "无锡在2023年才开始试点。")])
    own = shelf.get("default")
    assert (own.removable("uploads/无锡.txt"), own.removable("shanghai.md")) == (True, False)
    for source in ("shanghai.md", "uploads/../shanghai.md", "gone.md", "/etc/passwd", "uploads", "a\0"):
        with pytest.raises(InputError, match=r"is no uploaded file of it$"):
            shelf.remove("default", source)
    shelf.remove("default", "uploads/无锡.txt")
    assert "uploads/无锡.txt" not in sources(shelf, "default")
    assert len(on_disk(articles)) == 6
    assert not (articles / "uploads").exists()


def test_an_index_of_several_paths_takes_no_uploads(tmp_path: Path, articles: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "无锡.txt").write_text("无锡在2023年才开始试点。", encoding="utf-8")
    build_index([articles, tmp_path / "more"], tmp_path / "index")
    shelf = Collections.open(tmp_path / "index", tmp_path / "home")
    own = shelf.get("default")
    assert (own.root, own.uploads, own.articles) == (None, None, 8)
    for change in (
        lambda: shelf.add("default", [tmp_path / "more" / "无锡.txt"]),
        lambda: shelf.remove("default", "more/无锡.txt"),
    ):
        with pytest.raises(InputError, match=r"this collection takes no uploads$"):
            change()
    assert shelf.rebuild("default").articles == 8


def test_its_files_are_read_with_its_encoding(tmp_path: Path, model: CountingEncoder) -> None:
    from qa.indexing import Plan

    (tmp_path / "big5").mkdir()
    (tmp_path / "big5" / "a.txt").write_bytes(TAIPEI.encode("big5"))
    build_index(tmp_path / "big5", tmp_path / "index", plan=Plan(encoding="big5"))
    shelf = Collections.open(tmp_path / "index", tmp_path / "home")
    (result,) = shelf.add("default", [upload(tmp_path, "b.txt", "臺北的短文。".encode("big5"))])
    assert result.state == "added"
    assert {article.encoding for article in shelf.assistant().articles()} == {"big5"}


def test_it_cannot_be_deleted(shelf: Collections) -> None:
    with pytest.raises(InputError, match=r"the server's own collection stays$"):
        shelf.delete("default", repeated="default")


def test_refreshing_takes_in_what_the_disk_has(shelf: Collections, articles: Path) -> None:
    assistant = shelf.assistant()
    (articles / "taipei.txt").unlink()
    assert shelf.refresh("default").removed == ("taipei.txt",)
    assert "taipei.txt" not in {article.source for article in assistant.articles()}


# ---- removing, deleting


def test_removing_an_article_and_then_the_last(shelf: Collections, tmp_path: Path) -> None:
    shelf.create(NAME)
    shelf.add(NAME, [upload(tmp_path, "上海.md", SHANGHAI), upload(tmp_path, "北京.txt", BEIJING)])
    assistant = shelf.assistant(NAME)
    shelf.remove(NAME, "上海.md")
    assert [article.source for article in assistant.articles()] == ["北京.txt"]
    shelf.remove(NAME, "北京.txt")
    assert on_disk(tmp_path / "home" / NAME) == []
    with pytest.raises(InputError, match=r"the collection is empty$"):
        shelf.assistant(NAME)
    assert states(shelf.add(NAME, [upload(tmp_path, "北京.txt", BEIJING)])) == [("北京.txt", "added")]
    assert sources(shelf, NAME) == ["北京.txt"]


def test_deleting_needs_the_name_once_more(shelf: Collections, tmp_path: Path) -> None:
    shelf.create(NAME)
    shelf.add(NAME, [upload(tmp_path, "上海.md", SHANGHAI)])
    for repeated in ("", "城", "default"):
        with pytest.raises(InputError, match=r"type its name to delete it$"):
            shelf.delete(NAME, repeated=repeated)
    answering = shelf.assistant(NAME)
    shelf.delete(NAME, repeated=f" {NAME} ")
    assert [collection.name for collection in shelf.listed()] == ["default"]
    assert on_disk(tmp_path / "home") == []
    assert answering.ask("上海?").text is not None  # a question under way is answered
    with pytest.raises(InputError, match=r"there is no such collection$"):
        shelf.assistant(NAME)
    shelf.create(NAME)
    assert shelf.get(NAME).articles == 0


def test_what_a_deletion_left_is_swept(shelf: Collections, tmp_path: Path, index: Path) -> None:
    shelf.create(NAME)
    (tmp_path / "home" / ".trash-x" / "collection").mkdir(parents=True)
    Collections.open(index, tmp_path / "home")
    assert not (tmp_path / "home" / ".trash-x").exists()


# ---- two at once, and faults


def test_two_uploads_at_once_both_succeed(shelf: Collections, tmp_path: Path, model: CountingEncoder) -> None:
    shelf.create(NAME)
    begun, go = threading.Event(), threading.Event()
    waits: list[str] = []

    def hold() -> None:
        begun.set()
        assert go.wait(60)

    model.on_embed = hold
    first, second = upload(tmp_path, "上海.md", SHANGHAI), upload(tmp_path, "北京.txt", BEIJING)

    def waiting(stage: str, done: int, total: int) -> None:
        if stage == "wait":
            waits.append(stage)
            go.set()

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(shelf.add, NAME, [first])
        assert begun.wait(60)
        two = pool.submit(shelf.add, NAME, [second], on_progress=waiting)
        assert [states(job.result()) for job in (one, two)] == [
            [("上海.md", "added")],
            [("北京.txt", "added")],
        ]
    assert waits == ["wait"]
    assert sources(shelf, NAME) == ["上海.md", "北京.txt"]


@pytest.mark.parametrize(
    "fault", [InputError("no"), OSError(28, "No space left on device"), KeyboardInterrupt()]
)
def test_nothing_stays_of_a_batch_that_could_not_be_indexed(
    shelf: Collections, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    shelf.create(NAME)
    shelf.add(NAME, [upload(tmp_path, "上海.md", SHANGHAI), upload(tmp_path, "广州.txt", GUANGZHOU)])
    before = on_disk(tmp_path / "home")

    def failing(*_: object, **__: object) -> None:
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr("qa.collection.build_index", failing)
        for change in (
            lambda: shelf.add(NAME, [upload(tmp_path, "北京.txt", BEIJING)]),
            lambda: shelf.remove(NAME, "上海.md"),
        ):
            expected = IndexFolderError if isinstance(fault, OSError) else type(fault)
            with pytest.raises(expected):
                change()
    assert on_disk(tmp_path / "home") == before
    assert states(shelf.add(NAME, [upload(tmp_path, "北京.txt", BEIJING)])) == [("北京.txt", "added")]


def test_a_disk_that_cannot_be_written_is_one_line(shelf: Collections, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file in the way")
    with pytest.raises(IndexFolderError, match="cannot be written"):
        shelf.create(NAME)


def test_what_a_killed_process_left_is_undone(shelf: Collections, tmp_path: Path) -> None:
    shelf.create(NAME)
    shelf.add(NAME, [upload(tmp_path, "上海.md", SHANGHAI), upload(tmp_path, "北京.txt", BEIJING)])
    files = tmp_path / "home" / NAME / "articles"
    # Killed between moving a file in and indexing it.
    moved = files / ".incoming-1"
    moved.mkdir()
    (moved / "moved.json").write_text('["上海.md", "广州.txt"]', encoding="utf-8")
    (files / "广州.txt").write_text(GUANGZHOU, encoding="utf-8")
    # Killed between moving a file out and indexing without it.
    removed = files / ".incoming-2"
    removed.mkdir()
    (removed / "removed.json").write_text('"北京.txt"', encoding="utf-8")
    (files / "北京.txt").rename(removed / "removed")
    assert shelf.refresh(NAME).unchanged == ("上海.md", "北京.txt")
    assert on_disk(files) == ["上海.md", "北京.txt"]
    assert [entry.name for entry in files.iterdir() if entry.is_dir()] == []


def test_a_removal_that_was_indexed_stays_removed(shelf: Collections, tmp_path: Path) -> None:
    shelf.create(NAME)
    shelf.add(NAME, [upload(tmp_path, "上海.md", SHANGHAI)])
    left = tmp_path / "home" / NAME / "articles" / ".incoming-1"
    left.mkdir()
    (left / "removed.json").write_text('"北京.txt"', encoding="utf-8")
    (left / "removed").write_text(BEIJING, encoding="utf-8")
    assert shelf.refresh(NAME).unchanged == ("上海.md",)
    assert on_disk(left.parent) == ["上海.md"]


def test_a_home_that_was_moved_goes_on(shelf: Collections, tmp_path: Path, index: Path) -> None:
    shelf.create(NAME)
    shelf.add(NAME, [upload(tmp_path, "上海.md", SHANGHAI)])
    (tmp_path / "home").rename(tmp_path / "elsewhere")
    moved = Collections.open(index, tmp_path / "elsewhere")
    assert moved.assistant(NAME).ask("上海?").text is not None
    moved.add(NAME, [upload(tmp_path, "北京.txt", BEIJING)])
    assert sources(moved, NAME) == ["上海.md", "北京.txt"]
    manifest = read_manifest(moved.get(NAME).index)
    assert manifest is not None
    assert [root.path for root in manifest.roots] == [str(tmp_path / "elsewhere" / NAME / "articles")]
    assert not (tmp_path / "elsewhere" / NAME / "index.moved").exists()


# ---- assistants


def test_the_encoder_is_loaded_once(
    tmp_path: Path, articles: Path, monkeypatch: pytest.MonkeyPatch, model: CountingEncoder
) -> None:
    build_index(articles, tmp_path / "index")
    shelf = Collections.open(tmp_path / "index", tmp_path / "home")
    shelf.create(NAME)
    shelf.add(NAME, [upload(tmp_path, "上海.md", SHANGHAI)])
    loaded: list[str | None] = []

    def load(name: str | None = None) -> CountingEncoder:
        loaded.append(name)
        return model

    monkeypatch.setattr("qa.encoder.load", load)
    with shelf:
        assert shelf.assistant() is shelf.assistant("default")
        assert shelf.assistant(NAME) is not shelf.assistant()
    assert loaded == ["characters"]


def test_what_others_replace_is_opened_anew(shelf: Collections, tmp_path: Path, articles: Path) -> None:
    shelf.create(NAME)
    shelf.add(NAME, [upload(tmp_path, "上海.md", SHANGHAI)])
    shelf.assistant()
    shelf.assistant(NAME)
    assert shelf.reload() == ()
    (articles / "taipei.txt").unlink()
    build_index(articles, shelf.get("default").index)
    assert shelf.reload() == ("default",)
    shutil.rmtree(tmp_path / "home" / NAME)
    assert shelf.reload() == ()
    with pytest.raises(InputError, match=r"there is no such collection$"):
        shelf.assistant(NAME)


@given(st.text(max_size=40))
def test_no_name_leads_out_of_the_home(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    home = tmp_path_factory.getbasetemp() / "fuzzed"
    collection = Collection(NAME, home / "index", home, home, own=True)
    found = collection.file(name)
    assert found is None or found.resolve().is_relative_to(home.resolve())


def test_answers_are_kept_where_that_is_wanted(tmp_path: Path, index: Path) -> None:
    for cache, read_again in ((0, True), (2, False)):
        shelf = Collections.open(index, tmp_path / "home", cache=cache)
        first, second = (shelf.assistant().ask("广州从哪一年开始试点?") for _ in range(2))
        assert replace(second, timings_ms=first.timings_ms) == first
        assert (second.timings_ms["read"] > 0) is read_again
