"""No file, however broken, may end a run: every reader refuses it by name or gives sound articles."""

from __future__ import annotations

import os

import pytest
from broken import check, files, sound
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from specimens import MAKERS

from qa.formats import SUFFIXES

# About twenty seconds each on a machine with nothing else to do. QA_FUZZ=0.1 runs a tenth of them.
EXAMPLES = {
    ".txt": 6000, ".md": 6000, ".html": 4000, ".pdf": 4000, ".docx": 4000, ".xlsx": 1200, ".xls": 4000,
    ".csv": 6000, ".tsv": 6000, ".epub": 4000, ".eml": 3000, ".jsonl": 6000, ".zip": 4000,
}  # fmt: skip
SHARE = float(os.environ.get("QA_FUZZ", "1"))


def test_every_kind_of_file_is_fuzzed() -> None:
    assert set(MAKERS) == set(SUFFIXES)
    assert {SUFFIXES[suffix] for suffix in EXAMPLES} == set(SUFFIXES.values())


@pytest.mark.parametrize("suffix", sorted(MAKERS))
def test_the_sound_file_is_read(suffix: str) -> None:
    check(suffix, sound(suffix))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", sorted(EXAMPLES))
def test_a_broken_file_is_refused_or_read(suffix: str) -> None:
    @settings(
        max_examples=max(10, int(SHARE * EXAMPLES[suffix])),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(files(suffix))
    def run(raw: bytes) -> None:
        check(suffix, raw)

    run()


@settings(max_examples=max(10, int(SHARE * 2000)))
@given(st.sampled_from(sorted(EXAMPLES)), st.sampled_from(sorted(MAKERS)))
def test_a_wrong_suffix_is_refused_or_read(suffix: str, kind: str) -> None:
    check(suffix, sound(kind))
