"""An environment of its own for each peer, made once with pip.

``constraints.txt`` pins every package. On Linux, tell pip where PyTorch's CPU builds are (its ``Get Started``
page names the index; pip reads it from ``PIP_EXTRA_INDEX_URL``), or gigabytes of CUDA packages come along.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.peers.process import PeerError

__all__ = ["REQUIREMENTS", "python_of"]

REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    "haystack": ("haystack-ai<3", "transformers", "accelerate", "torch", "sentence-transformers", "jieba"),
    "txtai": ("txtai==9.14.*", "jieba"),
}
CONSTRAINTS = Path(__file__).with_name("constraints.txt")


def python_of(name: str, folder: Path) -> str:
    """The interpreter of the environment ``folder/name``, which is made or brought up to date first.

    Raises PeerError where pip fails.
    """
    home = folder / name
    python = home / "bin" / "python"
    ready, wanted = home / "ready", _wanted(name)
    if not python.exists():
        _run(name, [sys.executable, "-m", "venv", str(home)])
    if not ready.exists() or ready.read_text(encoding="utf-8") != wanted:
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run(name, [*install, "-c", str(CONSTRAINTS), *REQUIREMENTS[name]])
        ready.write_text(wanted, encoding="utf-8")
    return str(python)


def _wanted(name: str) -> str:
    """What the environment is made of, as one hash."""
    content = "\n".join(REQUIREMENTS[name]).encode() + CONSTRAINTS.read_bytes()
    return hashlib.sha256(content).hexdigest()


def _run(name: str, command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise PeerError(f"{name}: its environment cannot be made ({said[-1][:200] if said else command[2]})")
