"""Haystack 2 behind the lines of ``protocol``.

Default: the in-memory store's BM25 and the extractive reader, every number its own. Best: BM25 over
``words.terms``, the encoder with its prefixes, both fused by reciprocal rank, and as many passages read as
this project reads. The models are the ones that ship with this project, in float32: Haystack's own are
English and come from a hub.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.protocol import Given, arguments, serve
from benchmarks.peers.words import terms

__all__ = ["Best", "Default"]

STORE = "store.json"
POOL = 50  # that each leg proposes before fusion


class Default:
    """The document store's own BM25, ten documents, the reader."""

    packages: Sequence[str] = ("haystack-ai", "transformers", "accelerate", "torch")
    pool = 10  # InMemoryBM25Retriever's own

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self._store: Any = None
        self._reader: Any = None

    @property
    def models(self) -> Sequence[Path]:
        """The reader."""
        return [self.options.reader]

    def prepare(self) -> None:
        """Imports."""
        import haystack.document_stores.in_memory  # type: ignore[import-not-found]  # noqa: F401

    def index(self, data: Path, folder: Path) -> None:
        """Writes the documents, and the store to disk as the JSON file that it offers."""
        store = self.store_class()()
        store.write_documents(self.embedded(_documents(data)))
        folder.mkdir(parents=True, exist_ok=True)
        store.save_to_disk(str(folder / STORE))

    def open(self, folder: Path) -> None:
        """Loads the store and the reader."""
        from haystack.components.readers import ExtractiveReader  # type: ignore[import-not-found]

        self._store = self.store_class().load_from_disk(str(folder / STORE))
        self._reader = ExtractiveReader(model=str(self.options.reader), **self.reading())
        self._reader.warm_up()

    def search(self, question: str, k: int) -> list[str]:
        """Ids of what is found."""
        return [found.id for found in self.found(question, k)]

    def ask(self, question: str) -> str | None:
        """The best answer that is not "no answer"."""
        from haystack import Document

        read = self.found(question, self.to_read())
        if not read:
            return None
        plain = [Document(content=each.meta["passage"]) for each in read]
        answers = self._reader.run(query=question, documents=plain)["answers"]
        return next((answer.data for answer in answers if answer.data), None)

    # -- what the best configuration does otherwise ------------------------------------------------

    def store_class(self) -> Any:
        """The document store."""
        from haystack.document_stores.in_memory import InMemoryDocumentStore

        return InMemoryDocumentStore

    def embedded(self, documents: list[Any]) -> list[Any]:
        """The documents as they are stored."""
        return documents

    def reading(self) -> dict[str, Any]:
        """The reader's options."""
        return {}

    def to_read(self) -> int:
        """Documents that are read."""
        return self.pool

    def found(self, question: str, k: int) -> list[Any]:
        """The ``k`` best documents, best first."""
        found: list[Any] = self._store.bm25_retrieval(question, top_k=k)
        return found


class Best(Default):
    """Words and pairs for BM25, vectors, reciprocal rank fusion."""

    packages: Sequence[str] = (*Default.packages, "sentence-transformers", "jieba")

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self._encoder: Any = None

    @property
    def models(self) -> Sequence[Path]:
        """Encoder and reader."""
        return [self.options.encoder, self.options.reader]

    def prepare(self) -> None:
        """Imports, the document encoder, jieba's dictionary."""
        super().prepare()
        from haystack.components.embedders import SentenceTransformersDocumentEmbedder  # type: ignore[import-not-found]

        self._encoder = SentenceTransformersDocumentEmbedder(prefix="passage: ", **self._embedding())
        self._encoder.warm_up()
        terms("预热")

    def open(self, folder: Path) -> None:
        """Loads the query encoder as well."""
        from haystack.components.embedders import SentenceTransformersTextEmbedder

        super().open(folder)
        self._encoder = SentenceTransformersTextEmbedder(prefix="query: ", **self._embedding())
        self._encoder.warm_up()

    def store_class(self) -> Any:
        """The store with another cut of text for BM25."""
        from haystack.document_stores.in_memory import InMemoryDocumentStore

        class WordStore(InMemoryDocumentStore):  # type: ignore[misc]
            def _tokenize_bm25(self, text: str) -> list[str]:
                return terms(text)

        return WordStore

    def embedded(self, documents: list[Any]) -> list[Any]:
        """The documents with their vectors."""
        found: list[Any] = self._encoder.run(documents=documents)["documents"]
        return found

    def reading(self) -> dict[str, Any]:
        """One answer is wanted, and no weighing of "no answer"."""
        return {"top_k": 1, "no_answer": False}

    def to_read(self) -> int:
        """As many as this project reads."""
        return int(self.options.read)

    def found(self, question: str, k: int) -> list[Any]:
        """Both legs, fused."""
        from haystack.components.joiners import DocumentJoiner  # type: ignore[import-not-found]

        pool = max(k, POOL)
        vector = self._encoder.run(text=question)["embedding"]
        lexical = self._store.bm25_retrieval(question, top_k=pool)
        dense = self._store.embedding_retrieval(vector, top_k=pool)
        joiner = DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=k)
        found: list[Any] = joiner.run(documents=[lexical, dense])["documents"]
        return found

    def _embedding(self) -> dict[str, Any]:
        return {
            "model": str(self.options.encoder),
            "normalize_embeddings": True,
            "progress_bar": False,
            "local_files_only": True,
        }


def _documents(data: Path) -> list[Any]:
    """A document a passage; what the reader is to read stands in its ``meta``, without title and headings."""
    from haystack import Document

    return [
        Document(id=each.id, content=each.indexed, meta={"passage": each.text}) for each in Given.read(data)
    ]


if __name__ == "__main__":
    os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
    given = arguments("driver_haystack")
    serve(Best(given) if given.best else Default(given))
