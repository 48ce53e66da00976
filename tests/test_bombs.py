"""Files made to take all memory or all time: refused by name, or read, within a gigabyte.

A few take several seconds each and are read only with ``QA_BOMBS=1``, as ``make soak`` does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from bombs import BOMBS, SLOW

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
    "attributes.html": "its tags hold more attributes than can be read; save it anew",
    "slashes.html": "its tags hold more attributes than can be read; save it anew",
    "quotes.html": "holds no text",
    "bare.html": "holds more than 2,000,000 elements and attributes; split it",
    "many.html": "holds more than 2,000,000 elements and attributes; split it",
    "deep.docx": "is not sound XML (Excessive depth in document: 256",
    "many.docx": "holds more than 2,000,000 elements and attributes; split it",
    "empty.docx": "holds no text",
    "wide.docx": "its tables have more than 200,000 cells; split it",
    "hidden.docx": "is XML in the encoding 'UTF-7'; save it as UTF-8",
    "attributes.docx": "holds no text",
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


NAMES = [name for name in BOMBS if name not in SLOW or os.environ.get("QA_BOMBS")]


@pytest.fixture(scope="module")
def outcomes() -> dict[str, dict[str, object]]:
    """What became of each bomb in a process that may not take more than its share."""
    call = [sys.executable, str(Path(__file__).parent / "bombs.py"), *NAMES]
    done = subprocess.run(call, capture_output=True, encoding="utf-8", check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, ""), f"at {NAMES[len(rows) : len(rows) + 1]}"
    return {row["name"]: row for row in rows}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_bomb_is_read_or_refused_within_a_gigabyte(
    name: str, outcomes: dict[str, dict[str, object]], record_property: Callable[[str, object], None]
) -> None:
    told, megabytes = str(outcomes[name]["outcome"]), int(str(outcomes[name]["megabytes"]))
    record_property("megabytes", megabytes)
    record_property("seconds", outcomes[name]["seconds"])
    assert megabytes < 1000
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
