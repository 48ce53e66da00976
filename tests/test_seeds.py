"""Real input: the five web articles that the system was asked for. Skipped where they are not at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from qa import labels
from qa.answering import Assistant
from qa.indexing import build_index
from qa.verification import verify

SEEDS = Path(__file__).parents[1].parent / "shared" / "seeds"
QUESTIONS = Path(__file__).parent / "data" / "seed_questions.jsonl"


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Assistant:
    if not SEEDS.is_dir():
        pytest.skip(f"{SEEDS} is not here")
    folder = tmp_path_factory.mktemp("seeds") / "index"
    summary = build_index(SEEDS, folder)
    assert (len(summary.added), summary.refused) == (5, ())
    return Assistant.open(folder)


def test_twenty_questions_come_back_right_or_are_refused_rightly(assistant: Assistant) -> None:
    wrong = []
    for question in labels.read(QUESTIONS).questions:
        answer = assistant.ask(question.question)
        quoted = answer.text or ""
        right = any(text in quoted for text in question.answers) if question.answers else answer.abstained
        if not right:
            wrong.append((question.id, answer.text))
    assert wrong == EXPECTED_MISSES


# What this version misses, so that a change for better or worse is seen.
EXPECTED_MISSES: list[tuple[str, str | None]] = [("s15", None)]  # the right words, but held to be unsure


def test_every_citation_verifies(assistant: Assistant) -> None:
    checked = 0
    for question in labels.read(QUESTIONS).questions:
        answer = assistant.ask(question.question, threshold=0.0).to_dict()
        verdicts = verify(answer, assistant.generation.file_path)
        checked += len(verdicts)
        assert [verdict for verdict in verdicts if not verdict.holds] == []
    assert checked >= 20
