"""A pytest plugin: folders of articles, an encoder that counts, and the shipped index.

A test module asks for it with ``pytest_plugins = ("shelf_fixtures",)``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from shelf import CORPUS, CountingEncoder, fill


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> CountingEncoder:
    """Every ``encoder.load`` gives this one, so that nothing is embedded for real."""
    made = CountingEncoder()
    monkeypatch.setattr("qa.encoder.load", lambda name=None, **_: made)
    return made


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    """A folder with one article of every form and encoding."""
    folder = tmp_path / "articles"
    return fill(folder)


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index of the shipped articles, made once with the shipped encoder."""
    from qa.indexing import build_index

    folder = tmp_path_factory.mktemp("shipped") / "index"
    build_index(CORPUS / "articles", folder)
    return folder
