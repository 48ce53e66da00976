"""The README's transcripts are what the commands print, but for the confidence, which is masked."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from qa.formats import table

ROOT = Path(__file__).parents[1]
QA = str(Path(sys.executable).parent / "qa")
CONFIDENCE = re.compile(r"(?<=confidence )\d\.\d\d|(?<=把握 )\d\.\d\d")


def transcripts() -> list[tuple[str, str]]:
    """Each ``$ qa ask`` of the README that shows its output, with that output."""
    blocks = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    commands = [block.split("\n", 1) for block in blocks if block.startswith("$ qa ask")]
    return [(command[2:], output) for command, output in commands if output]


def test_the_readme_shows_three_transcripts() -> None:
    assert len(transcripts()) == 3


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme") / "index"
    subprocess.run(
        [QA, "index", "corpus/articles", "--index", str(folder)], cwd=ROOT, check=True, capture_output=True
    )
    return folder


@pytest.mark.parametrize(("command", "output"), transcripts())
def test_transcript(command: str, output: str, index: Path) -> None:
    arguments = [QA, *shlex.split(command)[1:], "--index", str(index)]
    run = subprocess.run(arguments, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert CONFIDENCE.sub("_", run.stdout) == CONFIDENCE.sub("_", output)


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    usage = subprocess.run([QA, "--help"], capture_output=True, encoding="utf-8", check=True).stdout
    commands = re.findall(r"^    (\w+) ", usage, re.MULTILINE)
    assert len(commands) == 9
    assert [name for name in commands if f"`qa {name}" not in readme] == []


def test_the_table_of_formats_is_that_of_the_code() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [
        f"| `{'` `'.join(suffixes.split())}` | {name} | {what} | {by} |"
        for suffixes, name, what, by in table()
    ]
    assert len(rows) == 10
    assert [row for row in rows if row not in readme] == []
