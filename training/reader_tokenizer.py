"""The reader's tokenizer: the encoder's pieces, cut so that spans can begin and end where answers do.

The encoder's own cutting joins marks and particles to names (``公司的``, ``》，``), and 7 of 100 answers of
CMRC 2018 then begin or end inside a piece. Here numbers, Latin words, marks and common particles are cut
off first: of the same answers 0.3 in 100 are left, for 4 pieces more in 100.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["reader_tokenizer"]

# Characters that often stand beside an answer without being part of it, as the tokenizer sees them.
_PARTICLES = "的了是在为与和及等之至到从由被有于中以对将向后前时年月日名称叫也都"
_APART = rf"[0-9]+(?:[.,][0-9]+)*|[A-Za-z]+|[^\p{{L}}\p{{N}}\s]|\s+|[{_PARTICLES}]"


def reader_tokenizer(encoder_tokenizer: Path) -> str:
    """The JSON of the reader's tokenizer, made from that of the encoder."""
    content: dict[str, Any] = json.loads(encoder_tokenizer.read_text("utf-8"))
    apart = {"type": "Split", "pattern": {"Regex": _APART}, "behavior": "Isolated", "invert": False}
    spaces = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": False}
    content["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [apart, spaces]}
    content["post_processor"] = None
    return json.dumps(content, ensure_ascii=False)
