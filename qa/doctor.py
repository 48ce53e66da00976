"""What is installed, which models serve, and whether everything needed offline is there."""

from __future__ import annotations

import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from qa import __version__, encoder, index, nearest, reader
from qa.errors import QaError
from qa.types import Article, Block, Passage, Span

__all__ = ["examine", "healthy"]

PACKAGES = (
    "faiss-cpu",
    "gradio",
    "jieba",
    "lxml",
    "numpy",
    "onnxruntime",
    "sentence-transformers",
    "tokenizers",
)
OPTIONAL = {"milvus-lite": "milvus", "pymilvus": "milvus", "xlrd": "xls"}  # the extra that installs each


def examine(folder: Path, *, measure: bool = False) -> dict[str, dict[str, Any]]:
    """Findings by section; a fault is told in its row, not raised.

    ``measure``  also measure the vector index's recall anew, on another sample than when it was built
    """
    return {
        "versions": {"qa": __version__, "python": platform.python_version(), **_packages()},
        "encoder": _encoder(),
        "reader": _reader(),
        "index": _index(folder, measure=measure),
    }


def healthy(findings: dict[str, dict[str, Any]]) -> bool:
    """Whether nothing is missing or damaged; that there is no index yet is no fault."""
    missing = any(str(version).startswith("missing") for version in findings["versions"].values())
    index_status = str(findings["index"]["status"])
    models = all(findings[model]["status"] == "ok" for model in ("encoder", "reader"))
    return not missing and models and index_status.startswith(("ok", "none at"))


def _packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing; run: make setup"
    for name, extra in OPTIONAL.items():
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = f"not installed; if it is needed: pip install 'qa[{extra}]'"
    return found


def _encoder() -> dict[str, Any]:
    try:
        model = encoder.load()
        length = float((model.encode(["检查"], "query")[0] ** 2).sum())
    except QaError as error:
        return {"status": str(error)}
    sound = abs(length - 1) < 1e-3
    return {
        "status": "ok" if sound else f"a vector has length {length:.3f}, not 1",
        "name": model.name,
        "fingerprint": model.fingerprint,
        "dim": model.dim,
        "offline": True,
    }


def _reader() -> dict[str, Any]:
    text = "检查结果：读者在第三行。"
    article = Article("doctor", text, "", "doctor", "", "utf-8", blocks=(Block(Span(0, len(text))),))
    try:
        model = reader.load()
        read = model.read("读者在第几行？", [Passage(article, Span(0, len(text)))])
    except QaError as error:
        return {"status": str(error)}
    return {
        "status": "ok" if read[0].spans else "points at nothing in a sentence of its own",
        "name": model.name,
        "offline": True,
    }


def _index(folder: Path, *, measure: bool) -> dict[str, Any]:
    try:
        manifest = index.read_manifest(folder)
        if manifest is None:
            return {"status": f"none at {folder}; make one: qa index PATH"}
        index.check(folder / manifest.generation, manifest, every_byte=True)
        made_with = encoder.load(str(manifest.encoder["name"])).fingerprint
    except QaError as error:
        return {"status": str(error)}
    same = made_with == manifest.encoder["fingerprint"]
    return {
        "status": "ok" if same else f"made with another encoder; run: qa index --rebuild --index {folder}",
        "fingerprint": manifest.fingerprint,
        "encoder": manifest.encoder["name"],
        **manifest.counts,
        **_vectors(folder, manifest, measure=measure),
        **_grams(folder / manifest.generation),
        "paths": [root.path for root in manifest.roots],
    }


def _vectors(folder: Path, manifest: index.Manifest, *, measure: bool) -> dict[str, Any]:
    """The kind of the vector index and how much of what is nearest it finds; one without a word is flat."""
    said = manifest.vectors
    kind = str(said.get("kind", "flat"))
    if "lists" in said:
        kind = f"{said['lists']} lists, {said['probes']} of them probed"
    found = {"vector_index": kind, "recall@10": said.get("recall@10", 1.0)}
    if measure:
        found["recall@10_now"] = nearest.recall(nearest.load(folder / manifest.generation))
    return found


def _grams(generation: Path) -> dict[str, Any]:
    """How many n-grams are not searched for, because they stand in too many passages of a large index."""
    said = generation / "bm25.json"
    if not said.exists():
        return {}
    found = json.loads(said.read_text(encoding="utf-8"))
    return {"ngrams_dropped": f"{found['dropped']} in more than {found['share']:.0%} of the passages"}
