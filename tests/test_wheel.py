"""The built wheel carries the models and the tables, and works outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ARTICLE = "# 城市试点\n\n早在2017年，海城市启动了区块链技术应用试点。试点涵盖港口、贸易两个领域。\n"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    names = subprocess.run(
        ["git", "ls-files", "qa", "pyproject.toml", "README.md", "LICENSE"],
        cwd=ROOT, capture_output=True, encoding="utf-8", check=True,
    ).stdout.split("\n")  # fmt: skip
    for name in filter(None, names):
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-w", str(folder), str(source)], check=True, capture_output=True)
    return next(folder.glob("qa-*.whl"))


def test_the_wheel_carries_models_tables_and_licences(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "qa"], cwd=ROOT, capture_output=True, encoding="utf-8", check=True
    ).stdout.split()
    assert [name for name in tracked if name not in names] == []
    assert not [name for name in names if name.startswith(("tests", "training", "benchmarks", "corpus"))]


def test_the_wheel_answers_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    (tmp_path / "articles").mkdir()
    (tmp_path / "articles" / "试点.md").write_text(ARTICLE, encoding="utf-8")
    script = (
        "import sys, qa; from qa.cli import main;"
        f"assert qa.__file__.startswith({str(site)!r}), qa.__file__;"
        "assert main(['index', 'articles', '--index', 'index']) == 0;"
        "sys.exit(main(['ask', '海城市是哪一年启动区块链技术应用试点的?', '--index', 'index']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-c", script]
    run = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[2] == "2017年"
