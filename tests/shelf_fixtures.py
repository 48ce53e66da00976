"""A pytest plugin: folders of articles, an encoder that counts, and the shipped index.

A test module asks for it with ``pytest_plugins = ("shelf_fixtures",)``.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from shelf import CORPUS, CountingEncoder, fill

from qa.cli import main


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


@pytest.fixture
def qa(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """The command line in this process: ``qa("ask", …)`` gives exit status, standard output and error."""

    def run(*arguments: object, stdin: bytes | None = None) -> tuple[int, str, str]:
        with pytest.MonkeyPatch.context() as patch:
            if stdin is not None:
                patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin), encoding="utf-8"))
            try:
                status = main([str(argument) for argument in arguments])
            except SystemExit as left:
                status = int(left.code or 0)
        out, err = capfd.readouterr()
        return status, out, err

    return run
