"""The student: fewer and narrower layers cut out of the teacher, to begin from."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch

__all__ = ["beginnings", "goals", "load_bert", "make_student", "neurons", "pooled", "save_student"]


def load_bert(folder: Path) -> Any:
    """The BERT model of a sentence-transformers folder, without dropout: it is slow on processors."""
    from transformers import BertModel

    return BertModel.from_pretrained(
        folder,
        add_pooling_layer=False,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="sdpa",
        local_files_only=True,
    )


def beginnings(layers: int, of: int) -> tuple[int, ...]:
    """Which of the teacher's layers each of the student's begins from: evenly spread, first and last too."""
    return tuple(round(at * (of - 1) / max(1, layers - 1)) for at in range(layers))


def goals(layers: int, of: int) -> tuple[int, ...]:
    """Which of the teacher's layers (from 0) each of the student's is to give the same as."""
    return tuple(round((at + 1) * of / layers) - 1 for at in range(layers))


def make_student(teacher: Any, layers: int, feed_forward: int, ids: Any, mask: Any) -> Any:
    """``layers`` of the teacher's layers with the ``feed_forward`` inner neurons that ``ids`` use most."""
    config = copy.deepcopy(teacher.config)
    config.num_hidden_layers, config.intermediate_size = layers, feed_forward
    student = type(teacher)(config, add_pooling_layer=False)
    student.embeddings.load_state_dict(teacher.embeddings.state_dict())
    chosen = beginnings(layers, len(teacher.encoder.layer))
    kept = neurons(teacher, chosen, feed_forward, ids, mask)
    for mine, theirs in zip(student.encoder.layer, chosen, strict=True):
        mine.load_state_dict(_narrowed(teacher.encoder.layer[theirs].state_dict(), kept[theirs]))
    return student


def neurons(teacher: Any, layers: tuple[int, ...], count: int, ids: Any, mask: Any) -> dict[int, Any]:
    """Each layer's inner neurons that add most: mean magnitude times the length of what one adds."""
    kept: dict[int, Any] = {}

    def watch(layer: int) -> Any:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            used = (output.abs() * mask[..., None]).sum(dim=(0, 1))
            added = teacher.encoder.layer[layer].output.dense.weight.norm(dim=0)
            kept[layer] = (used * added).topk(count).indices.sort().values

        return teacher.encoder.layer[layer].intermediate.register_forward_hook(hook)

    hooks = [watch(layer) for layer in layers]
    with torch.inference_mode():
        teacher(input_ids=ids, attention_mask=mask)
    for hook in hooks:
        hook.remove()
    return kept


def _narrowed(state: dict[str, Any], kept: Any) -> dict[str, Any]:
    """A layer's weights with only the inner neurons ``kept``."""
    inner = [f"intermediate.dense.{end}" for end in ("weight", "bias")]
    outer = "output.dense.weight"
    return {**state, **{name: state[name][kept] for name in inner}, outer: state[outer][:, kept]}


def pooled(hidden: Any, mask: Any) -> Any:
    """The mean over each text's tokens, ``(texts, hidden)``."""
    weight = mask[..., None].to(hidden.dtype)
    return (hidden * weight).sum(dim=1) / weight.sum(dim=1)


def save_student(bert: Any, base: Path, folder: Path) -> None:
    """A sentence-transformers folder with ``bert`` in place of the model in ``base``, all else as there."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(base), device="cpu", local_files_only=True)
    model[0].model = bert.cpu().float()
    model.save(str(folder))
