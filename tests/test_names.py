"""Names that people give are safe as names on any disk, whatever they are."""

from __future__ import annotations

import unicodedata
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.errors import InputError
from qa.names import LONGEST_NAME, collection_name, file_name, folded, untaken

BIDI = "\u202e"
NASTY = (
    *'/\\.:*?"<>|%~ \t\n\r\0\x1b\x7f\u3000\u200b\u200d\u2028\u202e\u2066\ufeff\ud800',
    *(
        "..",
        "../",
        "con",
        "NUL",
        "com1",
        "COM¹",
        ".txt",
        "文章",
        "é",
        "e\u0301",
        "𠮷",
        "👨",
        "a" * 90,
        "字" * 90,
    ),
)
names = st.lists(st.sampled_from(NASTY) | st.text(max_size=3), max_size=8).map("".join)


# ---- collections


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("区块链", "区块链"),
        ("  2022 年试点\u3000", "2022 年试点"),
        ("甲\u3000乙", "甲 乙"),
        ("e\u0301tude", "étude"),
        ("Отчёты & 报告（一）", "Отчёты & 报告（一）"),
        ("𠮷" * 60, "𠮷" * 60),
        ("v1.2", "v1.2"),
        ("console", "console"),
    ],
)
def test_names_in_any_script_are_taken(given: str, name: str) -> None:
    assert collection_name(given) == name


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("", "needs a letter or a digit"),
        (" \u3000", "needs a letter or a digit"),
        ("——", "needs a letter or a digit"),
        ("..", "needs a letter or a digit"),
        ("字" * 61, "has at most 60 characters"),
        ("a\0b", "cannot hold what cannot be seen"),
        ("a\nb", "cannot hold what cannot be seen"),
        (f"a{BIDI}b", "cannot hold what cannot be seen"),
        ("a\u200bb", "cannot hold what cannot be seen"),
        ("a\ud800", "cannot hold what cannot be seen"),
        ("a/b", "cannot hold /"),
        ("../a", "cannot hold /"),
        ("a\\b", "cannot hold \\"),
        ("C:a", "cannot hold :"),
        (".git", "cannot begin or end with a dot"),
        ("a.", "cannot begin or end with a dot"),
        ("CON", "cannot be the name of a device"),
        ("nul.txt", "cannot be the name of a device"),
        ("COM¹", "cannot be the name of a device"),
    ],
)
def test_what_cannot_be_a_name_is_told(given: str, reason: str) -> None:
    with pytest.raises(InputError, match=f"{reason.replace(chr(92), chr(92) * 2)}$"):
        collection_name(given)


@given(names)
def test_a_refusal_is_one_visible_line(given: str) -> None:
    with pytest.raises(InputError) as refused:
        collection_name(f"/{given}")
    assert str(refused.value).isprintable()


def test_a_refusal_shows_nothing_that_moves_the_text_about() -> None:
    with pytest.raises(InputError, match="“a\ufffdb”"):
        collection_name(f"a{BIDI}b")


@given(names)
def test_a_name_that_is_taken_is_one_visible_part_of_a_path(given: str) -> None:
    try:
        name = collection_name(given)
    except InputError:
        return
    assert Path(name).parts == PureWindowsPath(name).parts == (name,)
    assert name.isprintable()
    assert len(name) <= LONGEST_NAME
    assert len(name.encode()) <= 240
    assert not PureWindowsPath(name).is_reserved()
    assert collection_name(name) == name == unicodedata.normalize("NFC", name)


# ---- files


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("报告.txt", "报告.txt"),
        ("../../etc/passwd", "passwd"),
        ("/etc/报告.md", "报告.md"),
        ("C:\\Users\\a\\报告.md", "报告.md"),
        ("..", "未命名"),
        ("a/", "未命名"),
        ("", "未命名"),
        (".bashrc", "bashrc"),
        ("a\0b\n.txt", "ab.txt"),
        (f"a{BIDI}txt.exe", "atxt.exe"),
        ("a:b?.txt", "a_b_.txt"),
        ("CON.txt", "_CON.txt"),
        ("con.tar.txt", "_con.tar.txt"),
        ("lpt1", "_lpt1"),
        ("a. .txt", "a.txt"),
        ("字" * 100 + ".txt", "字" * 65 + ".txt"),
        ("a." + "b" * 300, "a." + "b" * 198),
        ("a.b.PDF", "a.b.PDF"),
    ],
)
def test_a_files_name_is_cleaned(given: str, name: str) -> None:
    assert file_name(given) == name


@given(names)
def test_a_cleaned_name_is_one_visible_part_of_a_path_and_stays(given: str) -> None:
    name = file_name(given)
    assert Path(name).parts == PureWindowsPath(name).parts == (name,)
    assert name.isprintable()
    assert not name.startswith(".")
    assert len(name.encode()) <= 210
    assert not PureWindowsPath(name).is_reserved()
    assert file_name(name) == name


def test_a_taken_name_gets_a_number() -> None:
    assert untaken("a.txt", {"b.txt"}) == "a.txt"
    assert untaken("A.txt", {"a.txt"}) == "A-2.txt"
    assert untaken("a.txt", {"a.txt", "a-2.txt"}) == "a-3.txt"
    assert untaken("未命名", {"未命名"}) == "未命名-2"


def test_capitals_and_forms_of_one_letter_are_one_name() -> None:
    assert folded("É") == folded("e\u0301")
    assert folded("STRASSE") == folded("Straße")
    assert folded("北京") != folded("背景")
