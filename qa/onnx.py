"""The one door to ONNX Runtime: a model folder is checked against its hashes, then opened.

A model folder holds a ``config.json`` whose ``sha256`` names each other file that is loaded, so that a
damaged or missing file is told as such instead of answering wrongly.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from tokenizers import Tokenizer

__all__ = ["ModelFolder", "Session", "available_threads", "open_folder", "open_session"]

CONFIG = "config.json"
_REMEDY = "reinstall qa, or restore the file from its repository"
_ERRORS_ONLY = 3  # ONNX Runtime's severity from which it logs


def available_threads() -> int:
    """How many processors this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Session:
    """An ONNX graph ready to run. Safe to use from several threads at once."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def run(self, **inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """The graph's outputs, in its own order, for ``inputs`` by name."""
        outputs: list[NDArray[Any]] = self._session.run(None, inputs)
        return outputs


def open_session(path: Path, *, threads: int = 1, fold: bool = False) -> Session:
    """Opens the graph in ``path`` on the processor, logging nothing but errors.

    ``threads``  that one run may use; with 1 the result does not depend on the machine's load
    ``fold``     whether constants are computed while opening (a graph that unpacks its weights needs it);
                 otherwise the graph is taken as it is, which opens faster

    Raises ModelError where ONNX Runtime refuses the file.
    """
    # From 1.31 on ONNX Runtime reports its use over the network and keeps a device ID, unless told before.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_BASIC if fold else level.ORT_DISABLE_ALL
    # Without this, DequantizeLinear is kept out of constant folding and would run with each text.
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # ONNX Runtime has no exception class of its own that covers what a bad file can raise.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{path}: ONNX Runtime cannot open it ({reason}); {_REMEDY}") from error
    return Session(session)


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder whose files were found to be the ones its ``config.json`` names.

    ``fingerprint``  SHA-256 of ``config.json``, which holds the hashes of the rest
    """

    path: Path
    config: Mapping[str, Any]
    fingerprint: str

    def session(self, name: str, *, threads: int = 1, fold: bool = False) -> Session:
        """Opens the graph ``name`` of this folder; see ``open_session``."""
        return open_session(self.path / name, threads=threads, fold=fold)

    def tokenizer(self, *, max_tokens: int | None = None) -> Tokenizer:
        """The folder's tokenizer, cutting texts at ``max_tokens`` with the special ones counted."""
        # Work is spread over whole texts by our own threads; this also stills the warning after a fork.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self.path / "tokenizer.json"))
        if max_tokens is not None:
            tokenizer.enable_truncation(max_tokens)
        return tokenizer


def open_folder(path: Path) -> ModelFolder:
    """Checks the folder's files against its ``config.json``.

    Raises ModelError, naming the file, where one is missing or is not the one that was shipped.
    """
    raw = _read(path / CONFIG)
    try:
        config = json.loads(raw)
        hashes: dict[str, str] = dict(config["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path / CONFIG}: not a model description; {_REMEDY}") from error
    for name, expected in hashes.items():
        if hashlib.sha256(_read(path / name)).hexdigest() != expected:
            raise ModelError(f"{path / name}: damaged (its SHA-256 is not the one in {CONFIG}); {_REMEDY}")
    return ModelFolder(path, config, hashlib.sha256(raw).hexdigest())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or 'cannot be read'}; {_REMEDY}") from error
