"""Every format and encoding, end to end: indexed, asked about, quoted from the right place, verified."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from specimens import MAKERS, zipped

from qa.answering import Assistant
from qa.index import Generation
from qa.indexing import build_index
from qa.types import Citation
from qa.verification import verify

pytest_plugins = ("shelf_fixtures",)


@dataclass(frozen=True)
class Fact:
    """A file with one fact of its own. ``element`` and ``page``: where the answer must stand."""

    file: str
    name: str
    number: str
    element: str | None = None
    page: int | None = None
    codec: str | None = None
    traditional: bool = False

    @property
    def sentences(self) -> tuple[str, str]:
        if self.traditional:
            return (
                f"{self.name}位於河的北岸，四周都是稻田，遠處可以看見山。",
                f"{self.name}的重修工程一共花費了{self.number}萬元。",
            )
        return (
            f"{self.name}位于河的北岸，四周都是稻田，远处可以看见山。",
            f"{self.name}的重修工程一共花费了{self.number}万元。",
        )

    @property
    def question(self) -> str:
        return f"{self.name}的重修工程花费了多少万元?"

    @property
    def raw(self) -> bytes:
        suffix = "." + self.file.rpartition(".")[2]
        raw = MAKERS[suffix](self.name, self.sentences)
        return raw if self.codec is None else raw.decode().encode(self.codec)


FACTS = (
    Fact("a.txt", "青龙桥", "三百一十"),
    Fact("a.md", "白马塔", "三百二十"),
    Fact("a.html", "红枫水库", "三百三十"),
    Fact("a.pdf", "黄石码头", "三百四十", page=2),
    Fact("a.docx", "清泉茶厂", "三百五十"),
    Fact("a.xlsx", "明德书院", "三百六十", element="sheet Sheet, row 3"),
    Fact("a.xls", "桂花酒坊", "五百五十", element="sheet Sheet 1, row 3"),
    Fact("a.csv", "永安古城", "三百七十", element="row 3"),
    Fact("a.tsv", "向阳农场", "三百八十", element="row 3"),
    Fact("a.epub", "东湖公园", "三百九十"),
    Fact("a.eml", "西岭隧道", "四百一十"),
    Fact("a.jsonl", "南山气象站", "四百二十", element="line 2"),
    Fact("a.zip", "北岸灯塔", "四百三十", element="里/a.txt"),
    Fact("gb18030.txt", "金沙渡口", "四百四十", codec="gb18030"),
    Fact("gbk.md", "银杏小学", "四百五十", codec="gbk"),
    Fact("hz.txt", "玉泉医院", "四百六十", codec="hz"),
    Fact("utf16.txt", "石门煤矿", "四百七十", codec="utf-16"),
    Fact("utf16be.txt", "柳林车站", "四百八十", codec="utf-16-be"),
    Fact("bom.txt", "松江粮仓", "四百九十", codec="utf-8-sig"),
    Fact("big5.txt", "竹園劇場", "五百一十", codec="big5", traditional=True),
    Fact("hkscs.txt", "鰂魚涌電站", "五百二十", codec="big5hkscs", traditional=True),
    Fact("gb18030.csv", "兰亭纸坊", "五百三十", element="row 3", codec="gb18030"),
    Fact("gbk.html", "荷塘渔场", "五百四十", codec="gbk"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files, among them an archive whose members are called as the parts of other files are."""
    made = tmp_path_factory.mktemp("formats") / "articles"
    made.mkdir()
    for fact in FACTS:
        (made / fact.file).write_bytes(fact.raw)
    members = {
        f"{name}.txt": f"{name}里的话：渡船每天开{at}班。"
        for at, name in enumerate(("paragraph 1", "line 2"), 3)
    }
    (made / "parts.zip").write_bytes(zipped(members))
    return made


def cited(fact: Fact, citation: Mapping[str, object]) -> None:
    """The citation is of the fact's file, and of the place in it."""
    assert citation["source"] == fact.file
    assert (citation["element"], citation["page"]) == (fact.element, fact.page)
    assert fact.number in str(citation["quote"])


def test_every_format_is_there() -> None:
    suffixes = {Path(fact.file).suffix for fact in FACTS}
    assert suffixes == set(MAKERS) - {".text", ".markdown", ".htm"}


def test_every_passage_of_every_format_verifies(folder: Path, tmp_path: Path, model: object) -> None:
    build_index(folder, tmp_path / "index")
    generation = Generation.open(tmp_path / "index")
    citations = [Citation(one, one.span, one.span).to_dict() for one in generation.passages]
    verdicts = verify({"citations": citations}, generation.file_path)
    assert [verdict for verdict in verdicts if not verdict.holds] == []
    assert {citation["source"] for citation in citations} == {fact.file for fact in FACTS} | {"parts.zip"}
    for fact in FACTS:
        answer = next(
            one for one in citations if f"{fact.number}{'萬' if fact.traditional else '万'}" in one["quote"]
        )
        cited(fact, answer)
        exact = answer["byte_start"] is not None
        assert exact == (fact.file.endswith((".txt", ".md")) and fact.codec != "hz")


def test_a_changed_file_of_any_format_is_found(folder: Path, tmp_path: Path, model: object) -> None:
    build_index(folder, tmp_path / "index")
    generation = Generation.open(tmp_path / "index")
    citations = [Citation(one, one.span, one.span).to_dict() for one in generation.passages]
    for fact in FACTS:
        other = Fact(fact.file, fact.name, "九", codec=fact.codec, traditional=fact.traditional)
        (tmp_path / fact.file).write_bytes(other.raw)
        number = [one for one in citations if one["source"] == fact.file and fact.number in one["quote"]]
        verdicts = verify({"citations": number}, lambda source: tmp_path / source)
        assert verdicts
        assert not any(verdict.holds for verdict in verdicts), fact.file


@pytest.mark.slow
def test_a_question_about_each_file_is_answered_from_its_place(folder: Path, tmp_path: Path) -> None:
    """With the encoder and the reader that ship with the system."""
    build_index(folder, tmp_path / "index")
    with Assistant.open(tmp_path / "index") as assistant:
        for fact in FACTS:
            answer = assistant.ask(fact.question, threshold=0.0).to_dict()
            first = answer["citations"][0]
            assert (first["source"], first["element"], first["page"]) == (fact.file, fact.element, fact.page)
            assert fact.number in first["sentence"]["text"]
            verdicts = verify(answer, assistant.generation.file_path)
            assert [verdict for verdict in verdicts if not verdict.holds] == []


def test_the_command_agrees(
    folder: Path, tmp_path: Path, model: object, qa: Callable[..., tuple[int, str, str]]
) -> None:
    build_index(folder, tmp_path / "index")
    generation = Generation.open(tmp_path / "index")
    citations = [Citation(one, one.span, one.span).to_dict() for one in generation.passages]
    raw = json.dumps({"citations": citations}).encode()
    said = f"引文 citations {len(citations)}，相符 hold {len(citations)}\n"
    assert qa("verify", "-", "--index", tmp_path / "index", stdin=raw) == (0, said, "")
