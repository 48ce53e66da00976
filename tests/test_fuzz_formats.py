"""No file, however broken, may end a run: every reader refuses it by name or gives sound articles."""

from __future__ import annotations

import os

import pytest
from broken import READERS, check, files, sound
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from specimens import MAKERS

from qa.formats import SUFFIXES

# About ten seconds of processor time each, two minutes together. Readers share decoding, markup and outline,
# so each of those is fuzzed for longer. QA_FUZZ=2: twenty seconds each; `make soak` gives each ten minutes.
EXAMPLES = {
    ".txt": 3000, ".md": 4000, ".html": 4000, ".pdf": 4000, ".docx": 4000, ".xlsx": 1500, ".xls": 4000,
    ".csv": 3000, ".tsv": 2000, ".epub": 4000, ".eml": 2500, ".jsonl": 4000, ".zip": 3000,
}  # fmt: skip
SHARE = float(os.environ.get("QA_FUZZ", "1"))


def test_every_kind_of_file_is_fuzzed() -> None:
    assert set(MAKERS) == set(SUFFIXES)
    assert {SUFFIXES[suffix] for suffix in READERS} == set(SUFFIXES.values())
    assert set(EXAMPLES) == set(READERS)


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
