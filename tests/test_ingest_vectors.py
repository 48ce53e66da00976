"""Vectors on their way into an index: half precision throughout, and what an interrupted run leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from fakes import CharacterEncoder

from qa.ingest.unfinished import Batches
from qa.ingest.vectors import Embeddings

TEXTS = ["北京", "上海", "北上", "广州", "深圳", "海"]
KEYS = [bytes([at]) * 16 for at in range(len(TEXTS))]


@dataclass(frozen=True)
class Quick(CharacterEncoder):
    """One that makes three vectors in a second."""

    per_second: int = 3


def begun(folder: Path, encoder: CharacterEncoder) -> Embeddings:
    """The vectors of a run that begins in ``folder``."""
    spill = folder / "building"
    spill.mkdir(exist_ok=True)
    (spill / "spill.vectors").unlink(missing_ok=True)
    return Embeddings(spill, Batches(folder), encoder, None)


@pytest.mark.parametrize(
    ("encoder", "batches", "known"), [(CharacterEncoder(), 5, 5), (Quick(), 1, 3)], ids=["slow", "quick"]
)
def test_what_is_made_in_a_second_is_kept_at_once(
    encoder: CharacterEncoder, batches: int, known: int, tmp_path: Path
) -> None:
    vectors = begun(tmp_path, encoder)
    for at in range(6):
        vectors.add(KEYS[at : at + 1], TEXTS[at : at + 1], keep=at < 5)
    assert len(Batches(tmp_path).of("vectors")) == batches
    again = begun(tmp_path, encoder)
    assert [key in again for key in KEYS] == [True] * known + [False] * (6 - known)
    expected = encoder.encode(TEXTS[:known], "passage").astype(np.float16)
    (block,) = again.blocks(KEYS[:known])
    assert (block.dtype.name, block.tolist()) == ("float16", expected.tolist())


def test_another_encoder_s_batches_do_not_count(tmp_path: Path) -> None:
    begun(tmp_path, CharacterEncoder()).add(KEYS, TEXTS, keep=True)
    assert KEYS[0] not in begun(tmp_path, CharacterEncoder(name="other"))
    assert KEYS[0] in begun(tmp_path, CharacterEncoder())
