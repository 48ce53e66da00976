"""Texts in, unit vectors out: the encoders that ship with the project, or any sentence-transformers model."""

from __future__ import annotations

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qa.errors import ModelError
from qa.onnx import available_threads, open_folder
from qa.text import simplified

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from qa.onnx import Session
    from qa.types import Encoder, TextKind, Vectors

__all__ = ["BUNDLED", "STATIC", "BundledEncoder", "SentenceTransformerEncoder", "load"]

BUNDLED: Final = "bundled"
STATIC: Final = "static"
_SHIPPED: Final = Path(__file__).parent / "models" / "encoder"
_HUB_SECONDS: Final = 3.0  # for the hub to say whether it knows a name; the whole refusal stays under 5


def load(name: str | None = None, *, threads: int | None = None) -> Encoder:
    """The encoder called ``name``: None or ``bundled`` for the shipped one, ``static`` for the quick one
    that ships beside it (see ``qa/static.py``), else a folder or hub name.

    ``threads`` is how many texts the shipped encoders work on at once, by default one a processor.
    Raises ModelError where the model is damaged, or ``name`` is neither a folder nor to be had.
    """
    if name is None or name == BUNDLED:
        return BundledEncoder(threads=threads)
    if name == STATIC:
        from qa.static import StaticEncoder

        return StaticEncoder(threads=threads)
    return SentenceTransformerEncoder(name)


class BundledEncoder:
    """The model in ``qa/models/encoder``, run by ONNX Runtime; no network, no torch.

    Each text is run alone, so its vector is the same in any company, to the last bit. The model may have
    one graph for questions and passages or one for each (see the model card); each opens when first used.
    A model that says so in its ``config.json`` is given every text in simplified script.
    """

    def __init__(self, folder: Path = _SHIPPED, *, threads: int | None = None) -> None:
        """Checks the model's files; raises ModelError where one is missing or damaged."""
        self._folder = open_folder(folder)
        self._config = self._folder.config
        self._threads = available_threads() if threads is None else threads
        self._tokenizer = self._folder.tokenizer(max_tokens=self._config["max_tokens"])
        self._sessions: dict[str, Session] = {}
        self._opening = threading.Lock()

    @property
    def name(self) -> str:
        """``bundled``."""
        return BUNDLED

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the hashes of all the model's files."""
        return self._folder.fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._config["dim"])

    def encode(self, texts: Sequence[str], kind: TextKind) -> Vectors:
        """float32 ``(len(texts), dim)``, unit rows, in order; what is past 512 tokens of a text is cut."""
        return _stacked(self.encode_batches(texts, kind), self.dim)

    def encode_batches(self, texts: Sequence[str], kind: TextKind, *, size: int = 32) -> Iterator[Vectors]:
        """The rows of ``encode`` as they come, at most ``size`` at a time, so that a caller can report."""
        if not texts:
            return
        session = self._session(kind)
        workers = min(self._threads, len(texts))
        if workers == 1:
            yield from _grouped((self._vector(session, text, kind) for text in texts), size)
            return
        with ThreadPoolExecutor(workers, thread_name_prefix="encoder") as pool:
            rows = pool.map(lambda text: self._vector(session, text, kind), texts)
            yield from _grouped(rows, size)

    def _session(self, kind: TextKind) -> Session:
        graphs = self._config["graphs"]
        name = graphs[kind]
        # Only a graph of its own for passages unpacks its weights as it opens.
        fold = kind == "passage" and graphs["query"] != name
        with self._opening:
            if name not in self._sessions:
                self._sessions[name] = self._folder.session(name, fold=fold)
            return self._sessions[name]

    def _vector(self, session: Session, text: str, kind: TextKind) -> Vectors:
        import numpy as np

        if self._config.get("script") == "simplified":
            text = simplified(text)
        prefixed = self._config["prefixes"][kind] + _encodable(text)
        ids = np.array(self._tokenizer.encode(prefixed).ids, dtype=np.int64)
        row: Vectors = session.run(input_ids=ids)[0]  # (1, dim)
        return row


class SentenceTransformerEncoder:
    """Any sentence-transformers model: a local folder first, a name on the hub otherwise.

    Prefixes are used where the model declares them as its prompts, none otherwise.
    """

    def __init__(self, name: str) -> None:
        """Loads the model; raises ModelError within 5 seconds where there is none of that name."""
        folder = _local_folder(name)
        if folder is None:
            _ask_hub(name)
        self._name = name
        self._model = _load_sentence_transformer(name, local=folder is not None)
        self._prompts = {kind: _prompt(self._model.prompts, kind) for kind in ("query", "passage")}
        folder = folder or _cached_folder(name)
        self._fingerprint = (
            hashlib.sha256(name.encode()).hexdigest() if folder is None else _hash_folder(folder)
        )

    @property
    def name(self) -> str:
        """The folder or hub name that was given."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the files of the model's folder; over the name where it has none."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self._model.get_embedding_dimension())

    def encode(self, texts: Sequence[str], kind: TextKind) -> Vectors:
        """float32 ``(len(texts), dim)``, unit rows, in order."""
        return _stacked(self.encode_batches(texts, kind), self.dim)

    def encode_batches(self, texts: Sequence[str], kind: TextKind, *, size: int = 256) -> Iterator[Vectors]:
        """The rows of ``encode`` as they come, ``size`` at a time."""
        import numpy as np

        for start in range(0, len(texts), size):
            rows = self._model.encode(
                [_encodable(text) for text in texts[start : start + size]],
                prompt=self._prompts[kind],
                normalize_embeddings=True,
                show_progress_bar=False,
            )
            yield np.asarray(rows, dtype=np.float32)


def _stacked(batches: Iterator[Vectors], dim: int) -> Vectors:
    import numpy as np

    return np.concatenate([np.empty((0, dim), np.float32), *batches])


def _grouped(rows: Iterator[Vectors], size: int) -> Iterator[Vectors]:
    import numpy as np

    group: list[Vectors] = []
    for row in rows:
        group.append(row)
        if len(group) == size:
            yield np.concatenate(group)
            group = []
    if group:
        yield np.concatenate(group)


def _encodable(text: str) -> str:
    """``text`` with lone surrogates, which no tokenizer takes, as U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _prompt(prompts: dict[str, str], kind: str) -> str:
    """The declared prompt; a passage's may also go by ``document``, sentence-transformers' own name."""
    names = (kind, "document") if kind == "passage" else (kind,)
    return next((prompts[name] for name in names if prompts.get(name)), "")


def _local_folder(name: str) -> Path | None:
    """The folder ``name`` if there is one. Raises ModelError where it holds no model."""
    folder = Path(name).expanduser()
    if not folder.is_dir():
        return None
    if not any((folder / marker).is_file() for marker in ("modules.json", "config.json")):
        raise ModelError(f"{name}: a folder without a sentence-transformers model (no modules.json)")
    return folder


def _repository(name: str) -> str:
    return name if "/" in name else f"sentence-transformers/{name}"


def _cached_folder(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    for marker in ("modules.json", "config.json"):
        found = try_to_load_from_cache(_repository(name), marker)
        if isinstance(found, str):
            return Path(found).parent
    return None


def _ask_hub(name: str) -> None:
    """Returns where ``name`` is in the hub's local cache or the hub knows it; raises ModelError otherwise."""
    refusal = f"{name}: no such folder, and the model hub"
    remedy = f"name a folder that holds a sentence-transformers model, {BUNDLED} or {STATIC}"
    try:
        from huggingface_hub import HfApi, constants

        if _cached_folder(name) is not None:
            return
        if constants.HF_HUB_OFFLINE:
            raise ModelError(f"{refusal} is switched off (HF_HUB_OFFLINE); {remedy}")
        error = _within(_HUB_SECONDS, lambda: HfApi().model_info(_repository(name), timeout=_HUB_SECONDS))
    except ValueError as invalid:  # what huggingface_hub raises for a name that cannot be one
        raise ModelError(f"{name}: no such folder, and not a name on the model hub; {remedy}") from invalid
    if error is not None:
        raise ModelError(f"{refusal} does not give it ({type(error).__name__}); {remedy}") from error


def _within(seconds: float, call: Callable[[], Any]) -> Exception | None:
    """What ``call`` raised, None if it returned; TimeoutError if it did neither in ``seconds``.

    A thread, because looking up a host name cannot be given a time limit.
    """
    outcome: list[Exception | None] = []

    def attempt() -> None:
        try:
            call()
            outcome.append(None)
        except Exception as error:  # handed to the caller
            outcome.append(error)

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(seconds)
    return outcome[0] if outcome else TimeoutError(f"no answer in {seconds} s")


def _load_sentence_transformer(name: str, *, local: bool) -> Any:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        from sentence_transformers import SentenceTransformer
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        path = str(Path(name).expanduser()) if local else name
        return SentenceTransformer(path, local_files_only=local or _cached_folder(name) is not None)
    except Exception as error:
        # A model folder can fail in as many ways as it has files; the reader needs one line.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{name}: not a model that sentence-transformers can load ({reason})") from error


def _hash_folder(folder: Path) -> str:
    """SHA-256 over the names and bytes of the files in ``folder``, documentation left out."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix != ".md"):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            total.update(f"{path.relative_to(folder).as_posix()} {digest}\n".encode())
    return total.hexdigest()
