"""The float32 vectors that tests/test_encoder.py compares the shipped encoder with.

``encoder_texts.json`` holds the texts and questions, taken from the project's own corpus the first time
and kept from then on; the vectors beside it come from the unpruned model in PyTorch, or from the trained one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qa.text import simplified

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["write_fixtures", "write_trained_fixtures"]

_CORPUS: Final = Path(__file__).parents[1] / "corpus"
_EACH: Final = 200
_SHORTEST: Final = 40  # characters; below are headings and menu lines


def write_fixtures(unpruned: Any, full: dict[str, Any], pruned: dict[str, Any], folder: Path) -> None:
    """Writes the texts if there are none yet, their float32 vectors (as float16), their segmentation."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "encoder_texts.json"
    if not path.exists():
        path.write_text(json.dumps(_chosen(), ensure_ascii=False, indent=0) + "\n", "utf-8")
    chosen = json.loads(path.read_text("utf-8"))
    for name, prefix in (("texts", "passage: "), ("questions", "query: ")):
        vectors = unpruned.encode([prefix + text for text in chosen[name]], show_progress_bar=False)
        np.save(folder / f"encoder_{name}.npy", vectors.astype(np.float16))
    pieces = _segmentation(full, pruned, chosen["texts"] + chosen["questions"])
    (folder / "encoder_pieces.json").write_text(
        json.dumps(pieces, ensure_ascii=False, indent=0) + "\n", "utf-8"
    )


def write_trained_fixtures(trained: Any, folder: Path) -> None:
    """Writes the vectors that ``trained``, a sentence-transformers model, gives the kept texts (as float16).

    Like the shipped graph it sees them in simplified script and one at a time.
    """
    chosen = json.loads((folder / "encoder_texts.json").read_text("utf-8"))
    for name, kind in (("texts", "passage"), ("questions", "query")):
        texts = [f"{kind}: {simplified(text)}" for text in chosen[name]]
        vectors = trained.encode(texts, batch_size=1, show_progress_bar=False)
        np.save(folder / f"encoder_{name}.npy", vectors.astype(np.float16))


def _chosen() -> dict[str, list[str]]:
    paragraphs = list(dict.fromkeys(_paragraphs()))
    questions = list(dict.fromkeys(_questions()))
    return {"texts": _spread(paragraphs), "questions": _spread(questions)}


def _spread(items: list[str]) -> list[str]:
    """``_EACH`` of ``items`` at even distances, so that every article has its share."""
    return [items[i * len(items) // _EACH] for i in range(_EACH)]


def _paragraphs() -> Iterator[str]:
    for path in sorted([*_CORPUS.glob("articles/*.md"), *_CORPUS.glob("articles/*.txt")]):
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue  # the corpus has files in other encodings on purpose
        for line in text.splitlines():
            if len(line) >= _SHORTEST and not line.startswith(("#", "|", "-", "source:")):
                yield line


def _questions() -> Iterator[str]:
    for path in sorted(_CORPUS.glob("questions*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            yield json.loads(line)["question"]


def _segmentation(full: dict[str, Any], pruned: dict[str, Any], texts: list[str]) -> dict[str, str]:
    """How the unpruned tokenizer cuts each text whose pieces were all kept, pieces parted by spaces."""
    from training.prune import open_tokenizer

    kept = {piece for piece, _ in pruned["model"]["vocab"]}
    tokenizer = open_tokenizer(full)
    cut = {text: tokenizer.encode(text, add_special_tokens=False).tokens for text in texts}
    return {text: " ".join(tokens) for text, tokens in cut.items() if kept.issuperset(tokens)}
