"""Line files: each line is an article, and what is wrong with one is told of that one."""

from __future__ import annotations

from qa.errors import ArticleError
from qa.formats import lines
from qa.types import Article

LOST = "characters were lost before this file was written (锟斤拷 x 1)"
MISREAD = "reads like UTF-8 that was once opened as cp1252 and saved again"
PROSE = "青龙桥建于一九五八年，全长四十六米。"


def warned(raw: bytes) -> dict[str | None, tuple[str, ...]]:
    made = lines.read(raw, source="a.txt")
    return {part.element: part.warnings for part in made if isinstance(part, Article)}


def test_damage_is_told_of_the_line_that_has_it() -> None:
    taken = "石桥建于一九五八年，全长四十六米。".encode().decode("cp1252", "ignore")
    raw = f"{PROSE}\n石桥建于一九五八年，锟斤拷长四十六米。\n\n{taken}\n{PROSE}\n".encode()
    assert warned(raw) == {"line 1": (), "line 2": (LOST,), "line 4": (MISREAD,), "line 5": ()}


def test_what_depends_on_the_codec_is_told_of_every_line() -> None:
    raw = "恆春鎮的石橋全長四十六米，由愛德華‧李設計。\n木橋很短，由本地工匠修建。\n".encode("cp950")
    doubt = "cp950 and big5hkscs differ in 1 of its characters (‧/•)"
    assert warned(raw) == {"line 1": (doubt,), "line 2": (doubt,)}


def test_a_line_without_text_is_refused_by_its_number() -> None:
    made = lines.read(f"{PROSE}\n----\n".encode(), source="a.txt")
    assert [part.element for part in made if isinstance(part, Article)] == ["line 1"]
    assert [str(part) for part in made if isinstance(part, ArticleError)] == ["a.txt:2: holds no text"]
