"""What `qa articles` tells: every article once, with its doubles, reprints and warnings."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from shelf import CountingEncoder

from qa.index import Generation
from qa.verification import verify

pytest_plugins = ("shelf_fixtures",)

Command = Callable[..., tuple[int, str, str]]
TEXT = "".join(
    f"第{n}条写明由第{n * 7 % 31}科负责第{n * 13 % 97}项工作，期限是{n * 3 % 28 + 1}天。" for n in range(20)
)


def test_articles_are_listed_with_their_doubles_and_reprints(
    tmp_path: Path, model: CountingEncoder, qa: Command
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name, text in (("a.txt", TEXT), ("b.txt", f"{TEXT}\n"), ("c.txt", TEXT.replace("期限", "时限", 3))):
        (folder / name).write_text(text, encoding="gb18030")
    (folder / "d.md").write_text("# 石桥\n\n石桥建于一九五八年，锟斤拷。\n", encoding="utf-8")
    assert qa("index", folder, "--index", tmp_path / "index")[0] == 0
    status, out, err = qa("articles", "--index", tmp_path / "index")
    passages = -(-len(TEXT) // 200)
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        f"a.txt · a · gb18030 · {len(TEXT)} 字 characters · {passages} 段 passages",
        "  内容相同 doubles b.txt",
        "  转载 reprints c.txt",
        f"c.txt · c · gb18030 · {len(TEXT)} 字 characters · {passages} 段 passages",
        "  转载 reprints a.txt",
        "d.md · 石桥 · utf-8 · 21 字 characters · 1 段 passages",
        "  注意 warning characters were lost before this file was written (锟斤拷 x 1)",
        f"共 4 篇 articles，{2 * passages + 1} 段 passages",
    ]
    status, out, err = qa("articles", "--index", tmp_path / "index", "--json")
    assert [json.loads(line) for line in out.splitlines()][2] == {
        "source": "d.md",
        "element": None,
        "title": "石桥",
        "date": None,
        "encoding": "utf-8",
        "characters": 21,
        "passages": 1,
        "warnings": ["characters were lost before this file was written (锟斤拷 x 1)"],
        "doubles": [],
        "reprints": [],
    }


def test_citations_of_line_files_hold_and_a_moved_line_is_told(
    tmp_path: Path, model: CountingEncoder, qa: Command
) -> None:
    file = tmp_path / "news.txt"
    file.write_bytes("北京在2016年发布了计划。\r\n上海在2017年启动了试点。\n".encode("gb18030"))
    assert qa("index", file, "--lines", "--encoding", "gb18030", "--index", tmp_path / "index")[0] == 0
    _, out, _ = qa(
        "ask", "上海在哪一年启动了试点?", "--threshold", "0", "--json", "--index", tmp_path / "index"
    )
    answer = json.loads(out)
    (cited,) = [each for each in answer["citations"] if each["kind"] == "answer"]
    assert (cited["quote"], cited["element"], cited["start"]) == ("2017年", "line 2", 3)
    assert file.read_bytes()[cited["byte_start"] : cited["byte_end"]].decode("gb18030") == "2017年"
    locate = Generation.open(tmp_path / "index").file_path
    assert [verdict.reason for verdict in verify({"citations": [cited]}, locate)] == [""]
    for wrong, reason in (
        ({"element": "line 1"}, "the words stand in line 2, not in line 1"),
        ({"start": 4, "end": 9}, "the words stand at character 3 of the line, not 4"),
    ):
        (verdict,) = verify({"citations": [{**cited, **wrong}]}, locate)
        assert verdict.reason == reason
