"""What a question costs, in counts that are the same on any machine: no clock, and no reader's opinion.

Another encoder or reader changes the numbers of ``PIECES`` at most. The bytes of the shipped index lie in
``tests/data/index_bytes.json``; after a change that is meant, ``QA_WRITE_COUNTS=1 pytest
tests/test_counts.py`` writes them anew.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.counting import Work, counting
from qa.answering import Assistant, Filters
from qa.reader import SpanReader, load

pytest_plugins = ("shelf_fixtures",)

THREADS = 2
BYTES = Path(__file__).parent / "data" / "index_bytes.json"
# Questions, and how many pieces each has for the encoder.
PIECES = {
    "上海是哪一年启动区块链技术应用试点的?": 17,
    "挨着香港、能先行先试的是深圳哪一片？": 19,
    "平台备了案，我往里投钱就稳了吗？": 20,
    "維港邊那個防止一票多貸的系統幾時開始用？": 22,
    "名字里有少见的字，为啥机器死活认不出本人？": 23,
}


@pytest.fixture(scope="module")
def reader() -> SpanReader:
    return load(threads=THREADS)


@pytest.fixture(scope="module")
def assistant(shipped: Path, reader: SpanReader) -> Iterator[Assistant]:
    with Assistant(shipped, reader=reader, cache=1) as opened:
        yield opened


@pytest.mark.parametrize("question", PIECES)
def test_a_question_is_embedded_once_and_read_in_as_few_runs_as_there_are_threads(
    assistant: Assistant, reader: SpanReader, question: str
) -> None:
    with counting() as work:
        assistant.ask(question)
    assert (work.encoder_runs, work.encoder_pieces) == (1, PIECES[question])
    assert work.reader_windows == work.passages
    rule = reader.settings.early_stop
    if rule is None or work.passages == assistant.read:
        assert work.passages == assistant.read
        assert work.reader_runs == THREADS * (1 if rule is None else 2)
    else:
        assert rule.first <= work.passages < assistant.read
        assert work.reader_runs <= 2 * THREADS


def test_a_kept_answer_asks_nothing_of_the_models(assistant: Assistant) -> None:
    question = next(iter(PIECES))
    assistant.ask(question)
    with counting() as work:
        assistant.ask(question)
    assert work == Work()


def test_a_search_is_one_run_of_the_encoder(shipped: Path) -> None:
    question, pieces = next(iter(PIECES.items()))
    with Assistant.open(shipped, answers=False) as searching, counting() as work:
        searching.search(question, k=100, filters=Filters(source="*.md"))
    assert work == Work(encoder_runs=1, encoder_pieces=pieces)


def test_the_shipped_index_takes_as_many_bytes_as_it_did(assistant: Assistant) -> None:
    files = {name: facts["bytes"] for name, facts in sorted(assistant.generation.manifest.files.items())}
    on_disk = {name: (assistant.generation.path / name).stat().st_size for name in files}
    assert on_disk == files
    if os.environ.get("QA_WRITE_COUNTS"):
        BYTES.write_text(json.dumps(files, indent=1) + "\n", encoding="utf-8")
    assert files == json.loads(BYTES.read_text("utf-8"))
