"""The shipped reader as a Hugging Face question-answering folder, for other tools.

    python -m training.export_huggingface --reader qa/models/reader --out DIR

The folder opens with ``AutoModelForQuestionAnswering`` and ``AutoTokenizer``. Its weights are those that
ship, int8 and all, turned back into float32; a passage is read without a title, and the outputs that such
a model has no place for lie beside it in ``more.safetensors``: ``relevance``, whether it answers at all (a
product with the first piece's last hidden state), and ``opens`` and ``closes``, whose product is added to
the scores of a start and an end.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qa.onnx import open_folder
from training.torch_encoder import LAYER_NAMES

__all__ = ["export_huggingface", "tensors"]

_HEADS = 12
_POSITIONS = 512
_SPECIAL = {
    "bos_token": "<s>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "pad_token": "<pad>",
    "cls_token": "<s>",
    "sep_token": "</s>",
    "mask_token": "<mask>",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the shipped folder and write the other."""
    parser = argparse.ArgumentParser(prog="python -m training.export_huggingface")
    parser.add_argument("--reader", type=Path, default=Path("qa/models/reader"))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(arguments)
    export_huggingface(args.reader, args.out)
    print(f"wrote {args.out}")


def export_huggingface(reader: Path, out: Path) -> None:
    """Writes ``out``. Raises ModelError where ``reader`` is damaged."""
    import torch
    from safetensors.torch import save_file
    from transformers import BertConfig, BertForQuestionAnswering

    open_folder(reader)  # checks the hashes
    found = {name: torch.tensor(values) for name, values in tensors(reader).items()}
    words = found["bert.embeddings.word_embeddings.weight"]
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=words.shape[1],
        num_hidden_layers=sum(name.endswith("query.weight") for name in found),
        num_attention_heads=_HEADS,
        intermediate_size=len(found["bert.encoder.layer.0.intermediate.dense.weight"]),
        max_position_embeddings=_POSITIONS,
        type_vocab_size=2,
        layer_norm_eps=1e-12,
        pad_token_id=1,
    )
    more = {name: found.pop(name) for name in list(found) if not name.startswith(("bert.", "qa_outputs."))}
    model = BertForQuestionAnswering(config)
    model.load_state_dict(found)
    out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(out)
    save_file(more, out / "more.safetensors")
    _write_tokenizer(reader, out)
    for name in ("LICENSE", "README.md"):
        if (reader / name).exists():
            shutil.copy(reader / name, out / name)


def tensors(reader: Path) -> dict[str, Any]:
    """The reader's weights in float32 under the names of ``BertForQuestionAnswering``."""
    import onnx

    stored = {tensor.name: tensor for tensor in onnx.load(str(reader / "reader.onnx")).graph.initializer}

    def plain(name: str) -> Any:
        return onnx.numpy_helper.to_array(stored[name]).astype(np.float32)

    def matrix(name: str) -> Any:
        return (plain(f"{name}.int8") * plain(f"{name}.columns")).T.copy()  # stored (in, out)

    positions = plain("emb.pos")  # with the row of type 0 added
    found = {
        "bert.embeddings.word_embeddings.weight": _words(stored["emb.word"], plain("emb.word.scales")),
        "bert.embeddings.position_embeddings.weight": positions,
        "bert.embeddings.token_type_embeddings.weight": np.zeros((2, positions.shape[1]), np.float32),
        "bert.embeddings.LayerNorm.weight": plain("emb.ln.w"),
        "bert.embeddings.LayerNorm.bias": plain("emb.ln.b"),
    }
    layers = sum(name.endswith(".q.int8") for name in stored)
    for layer in range(layers):
        for part, torch_part in LAYER_NAMES.items():
            norm = part.endswith("ln")
            weight = plain(f"l{layer}.{part}.w") if norm else matrix(f"l{layer}.{part}")
            found[f"bert.encoder.layer.{layer}.{torch_part}.weight"] = weight
            found[f"bert.encoder.layer.{layer}.{torch_part}.bias"] = plain(f"l{layer}.{part}.b")
    heads, bias = plain("heads.w").T, plain("heads.b")
    return found | {
        "qa_outputs.weight": heads[:2].copy(),
        "qa_outputs.bias": bias[:2].copy(),
        "relevance.weight": heads[2:3].copy(),
        "relevance.bias": bias[2:3].copy(),
        "opens.weight": heads[3 : (3 + len(heads)) // 2].copy(),
        "closes.weight": heads[(3 + len(heads)) // 2 :].copy(),
    }


def _words(stored: Any, scales: Any) -> Any:
    """The word embeddings: 4-bit blocks, two's complement, the first of two in the low half of a byte."""
    rows, columns = stored.dims
    packed = np.frombuffer(stored.raw_data, np.uint8)
    nibbles = np.stack([packed & 15, packed >> 4], axis=-1).astype(np.int16)
    values = np.where(nibbles > 7, nibbles - 16, nibbles).reshape(rows, -1, columns // scales.shape[1])
    return (values * scales[:, :, None]).reshape(rows, columns).astype(np.float32)


def _write_tokenizer(reader: Path, out: Path) -> None:
    """The reader's tokenizer with the pair put together as the reader sees it, title left out."""
    content = json.loads((reader / "tokenizer.json").read_text("utf-8"))
    begin, end = ({"SpecialToken": {"id": mark, "type_id": 0}} for mark in ("<s>", "</s>"))
    first, second = ({"Sequence": {"id": part, "type_id": 0}} for part in "AB")
    content["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [begin, first, end],
        "pair": [begin, first, end, end, end, second, end],
        "special_tokens": {
            mark: {"id": mark, "ids": [number], "tokens": [mark]}
            for mark, number in (("<s>", 0), ("</s>", 2))
        },
    }
    (out / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), "utf-8")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": _POSITIONS, **_SPECIAL}
    (out / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
