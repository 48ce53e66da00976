"""The outside scorer that rankings are held against: its measures by the names that they have here."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

__all__ = ["RANKINGS", "ir_measures"]

RANKINGS: Mapping[str, str] = {
    "Recall@1": "Success@1",
    "Recall@5": "Success@5",
    "MRR@10": "RR@10",
    "nDCG@10": "nDCG@10",
}


def ir_measures() -> tuple[Any, dict[str, Any]]:
    """The library, and its measures by our names, in the order of a run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its dependencies warn about themselves on import
        import ir_measures
    return ir_measures, {ours: ir_measures.parse_measure(theirs) for ours, theirs in RANKINGS.items()}
