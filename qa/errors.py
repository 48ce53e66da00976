"""The one error tree. The edge (``cli``, ``server``) prints its message and nothing else.

QaError                    every error this package raises on purpose
├── InputError             a question, option or path that cannot be used as given
├── ArticleError           one article file that is refused; the run goes on without it
│   └── EncodingError      … because no encoding is the clear winner (carries the candidates)
├── LabelError             a labelled question set that cannot be read (carries file and line)
├── IndexFolderError       an index folder that is missing, foreign, damaged or locked
├── StoreError             a Milvus that cannot be reached, or whose collection is not as it has to be
└── ModelError             a model that is missing, damaged, or not the one the index was built with
"""

from __future__ import annotations

__all__ = [
    "ArticleError",
    "EncodingError",
    "IndexFolderError",
    "InputError",
    "LabelError",
    "ModelError",
    "QaError",
    "StoreError",
]


class QaError(Exception):
    """An error whose message is one line that says what, where and what to do next."""


class InputError(QaError):
    """A question, option or path that cannot be used as given."""


class ArticleError(QaError):
    """An article file that is refused. ``where`` is the path as the user knows it."""

    def __init__(self, message: str, *, where: str = "") -> None:
        super().__init__(message)
        self.where = where


class EncodingError(ArticleError):
    """No encoding is the clear winner. ``candidates`` are the codecs that would decode it."""

    def __init__(self, message: str, *, where: str = "", candidates: tuple[str, ...] = ()) -> None:
        super().__init__(message, where=where)
        self.candidates = candidates


class LabelError(QaError):
    """A labelled question set that cannot be read; the message begins with ``file:line``."""


class IndexFolderError(QaError):
    """An index folder that is missing, foreign, damaged, or held by another writer."""


class StoreError(QaError):
    """A Milvus that cannot be reached, or a collection that is missing, foreign or of another make."""


class ModelError(QaError):
    """A model that is missing, damaged, or not the one the index was built with."""
