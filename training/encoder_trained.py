"""Step 3 of the encoder: a trained sentence-transformers folder becomes the model that ships.

    python -m training.encoder_trained --trained scratch/encoder/run/model --out qa/models/encoder

``--texts`` names what ``prepare_encoder`` packed, to tell how near the graph is to float32. Run it again with
``--figures FILE``, what ``benchmarks.encoding --json FILE`` wrote, for the model card. ``--fixtures`` with
``tests/data`` renews the float32 vectors that the tests compare with. The same weights give the same bytes in
every file but the card.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qa.onnx import open_session
from training.encoder_fixtures import write_trained_fixtures
from training.encoder_graph import export_quick, read_trained
from training.export import WEIGHTS_FILE, Weights
from training.make_encoder import PREFIXES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["main", "trained_card", "write_trained"]

GRAPH: Final = "encoder.onnx"
_CARD: Final = Path(__file__).with_name("encoder_trained_card.md")
_LICENCE: Final = Path(__file__).with_name("LICENSE.encoder_trained")
_MEASURED: Final = 200


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the model folder; see the module's text."""
    parser = argparse.ArgumentParser(prog="python -m training.encoder_trained")
    parser.add_argument("--trained", type=Path, required=True, help="sentence-transformers folder")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the model folder to write")
    parser.add_argument("--texts", type=Path, default=Path("scratch/encoder/texts.npz"))
    parser.add_argument("--figures", type=Path, metavar="FILE", help="what benchmarks.encoding wrote")
    parser.add_argument("--fixtures", type=Path, metavar="DIR", help="renew what tests/test_encoder.py reads")
    args = parser.parse_args(arguments)
    write_trained(args.trained, args.out)
    near = nearness(args.trained, args.out / GRAPH, args.texts)
    size = sum(path.stat().st_size for path in args.out.iterdir())
    print(f"wrote {args.out}: {size / 1e6:.1f} MB, cosine to float32 {json.dumps(near)}")
    if args.fixtures is not None:
        from sentence_transformers import SentenceTransformer

        trained = SentenceTransformer(str(args.trained), device="cpu", local_files_only=True)
        write_trained_fixtures(trained, args.fixtures)
    if args.figures is not None:
        figures = json.loads(args.figures.read_text("utf-8"))
        recipe = json.loads((args.trained / "recipe.json").read_text("utf-8"))
        (args.out / "README.md").write_text(trained_card(args.out, figures, recipe, near), "utf-8")


def write_trained(trained: Path, out: Path) -> None:
    """Writes graph, weights, tokenizer, licence and ``config.json``; files of an older model are removed."""
    out.mkdir(parents=True, exist_ok=True)
    for old in [*out.glob("*.onnx"), *out.glob("*.bin")]:
        old.unlink()
    source, weights = read_trained(trained), Weights()
    export_quick(source, out / GRAPH, weights)
    weights.write(out)
    shutil.copyfile(trained / "tokenizer.json", out / "tokenizer.json")
    _unbounded(out / "tokenizer.json")
    shutil.copyfile(_LICENCE, out / "LICENSE")
    loaded = sorted(("tokenizer.json", WEIGHTS_FILE, GRAPH))
    config = {
        "name": f"encoder-zh-{source.architecture.layers}",
        "dim": source.architecture.hidden,
        "max_tokens": source.architecture.positions,
        "script": "simplified",
        "prefixes": PREFIXES,
        "graphs": {"query": GRAPH, "passage": GRAPH},
        "sha256": {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in loaded},
    }
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def _unbounded(path: Path) -> None:
    """Takes out the lengths to cut and pad to that training left in the tokenizer."""
    content = json.loads(path.read_text("utf-8"))
    content["truncation"] = content["padding"] = None
    path.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")), "utf-8")


def nearness(trained: Path, graph: Path, texts: Path) -> dict[str, float]:
    """Mean and least cosine of the graph's vectors to those of the float32 model; empty without ``texts``."""
    if not texts.exists():
        return {}
    chosen = _sample(texts)
    session = open_session(graph)
    mine = np.concatenate([session.run(input_ids=ids.astype(np.int64))[0] for ids in chosen])
    cosines = (mine * _float32(trained, chosen)).sum(axis=1)
    return {"mean": round(float(cosines.mean()), 5), "least": round(float(cosines.min()), 5)}


def _sample(texts: Path) -> list[NDArray[Any]]:
    packed = np.load(texts)
    ids, ends = packed["ids"], packed["ends"]
    step = max(1, len(ends) // _MEASURED)
    return [ids[ends[at - 1] : ends[at]] for at in range(1, len(ends), step)]


def _float32(trained: Path, chosen: Sequence[NDArray[Any]]) -> NDArray[np.float32]:
    import torch
    from transformers import BertModel

    model = BertModel.from_pretrained(trained, add_pooling_layer=False, local_files_only=True).eval()
    rows = []
    with torch.inference_mode():
        for ids in chosen:
            hidden = model(input_ids=torch.as_tensor(ids.astype(np.int64))[None]).last_hidden_state
            rows.append(torch.nn.functional.normalize(hidden.mean(dim=1), dim=-1).numpy())
    return np.concatenate(rows)


def trained_card(
    out: Path, figures: Mapping[str, Any], recipe: Mapping[str, Any], near: Mapping[str, float]
) -> str:
    """The card's Markdown: ``figures`` by ``benchmarks.encoding``, ``recipe`` by ``train_encoder``."""
    config = json.loads((out / "config.json").read_text("utf-8"))
    weights = out / WEIGHTS_FILE
    return Template(_CARD.read_text("utf-8")).substitute(
        recipe=json.dumps(recipe, ensure_ascii=False),
        layers=recipe["layers"],
        feed_forward=recipe["feed_forward"],
        megabytes=f"{weights.stat().st_size / 1e6:.1f}",
        mean=near.get("mean", "not measured"),
        least=near.get("least", "not measured"),
        recall="\n".join(_recall_rows(figures)),
        speed="\n".join(f"| {name} | {value} |" for name, value in figures["passages_per_s"].items()),
        ratio=json.dumps(figures["ratio"], ensure_ascii=False),
        hashes="\n".join(
            f"| `{name}` | {(out / name).stat().st_size:,} | `{value}` |"
            for name, value in config["sha256"].items()
        ),
    )


def _recall_rows(figures: Mapping[str, Any]) -> list[str]:
    return [
        f"| {name} | {asked} | {found['Recall@1']:.4f} | {found['Recall@5']:.4f} |"
        for name, sets in figures["recall"].items()
        for asked, found in sets.items()
    ]


if __name__ == "__main__":
    main()
