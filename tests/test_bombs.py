"""Files made to take all memory or all time: refused by name, or read, within a gigabyte.

They take many minutes, so they are run by hand: ``QA_BOMBS=1 pytest tests/test_bombs.py``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bombs import BOMBS

from qa.errors import ArticleError
from qa.formats import LARGEST_FILE, refuse_large

# How each reason begins, behind the file's name; what is not here is read, as one article if not said else.
REFUSED = {
    "too-large.txt": "is a text of 64,000,001 bytes, more than 64,000,000; split it",
    "line-ends.txt": "has more than 1,000,000 lines; split it",
    "dates.txt": "holds no text",
    "hashes.md": "has more than 1,000,000 lines; split it",
    "fences.md": "holds no text",
    "deep.html": "is nested too deeply to be read; save it anew",
    "many.html": "holds more than 2,000,000 elements and attributes; split it",
    "deep.docx": "is not sound XML (Excessive depth in document: 256",
    "many.docx": "holds more than 2,000,000 elements and attributes; split it",
    "empty.docx": "holds no text",
    "wide.docx": "its tables have more than 200,000 cells; split it",
    "laughs.docx": "is not sound XML (",
    "tight.docx": "'word/document.xml' unpacks to ",
    "cells.xlsx": "holds more than 300,000 rows; split it",
    "rows.xlsx": "holds more than 1,000,000 cells; split it",
    "strings.xlsx": "'xl/sharedStrings.xml' holds more than 8,000,000 marks; split it",
    "laughs.xlsx": "cannot be read as XLSX (",
    "commas.csv": "holds more than 1,000,000 cells; split it",
    "rows.csv": "holds more than 300,000 rows; split it",
    "parts.csv": "holds more than 300,000 rows; split it",
    "many.epub": "/a.xhtml: holds more than 2,000,000 elements and attributes; split it",
    "nested.eml": "holds more than 100 messages or groups of parts",
    "parts.eml": "has more than 10,000 parts; split it",
    "type.eml": "has a header of 100,026 characters",
    "lines.jsonl": "has more than 300,000 lines; split it",
    "rows.jsonl": "has more than 300,000 lines; split it",
    "members.zip": "holds more than 100,000 files; split it",
    "forms.pdf": "takes more memory or time than a file may; refused as a bomb",
    "inflated.pdf": "a stream unpacks to more than 500,000,000 bytes; refused as a bomb",
    "twice.pdf": "packs its streams twice; refused as a bomb",
    "brackets.pdf": "is ",
    "loop.pdf": "is damaged (",
}
READ = {
    "brackets.jsonl": "0 articles of 1",
    "lists.jsonl": "0 articles of 1",
    "long.jsonl": "0 articles of 1",
    "tight.zip": "0 articles of 1",
    "nested.zip": "0 articles of 1000",
    "wide.zip": "1000 articles of 1000",
    "header.csv": "10001 articles of 10001",
}


@pytest.fixture(scope="module")
def outcomes() -> dict[str, dict[str, object]]:
    """What became of each bomb in a process that may not take more than its share."""
    if not os.environ.get("QA_BOMBS"):
        pytest.skip("QA_BOMBS=1 runs them, which takes many minutes")
    call = [sys.executable, str(Path(__file__).parent / "bombs.py")]
    done = subprocess.run(call, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}


@pytest.mark.slow
def test_every_bomb_was_read_or_refused_within_a_gigabyte(outcomes: dict[str, dict[str, object]]) -> None:
    assert list(outcomes) == list(BOMBS)
    assert max(int(str(row["megabytes"])) for row in outcomes.values()) < 1000


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_what_became_of_a_bomb(name: str, outcomes: dict[str, dict[str, object]]) -> None:
    told = str(outcomes[name]["outcome"])
    if name not in REFUSED:
        assert told == READ.get(name, "1 articles of 1")
        return
    assert told.startswith(name)
    assert told[len(name) :].removeprefix(": ").startswith(REFUSED[name])


def test_a_file_is_weighed_before_it_is_read() -> None:
    refuse_large(LARGEST_FILE, where="a.pdf")
    with pytest.raises(
        ArticleError, match=r"^a\.pdf: has 200,000,001 bytes, more than 200,000,000; split it$"
    ):
        refuse_large(LARGEST_FILE + 1, where="a.pdf")
