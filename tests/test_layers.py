"""Each module imports lower rows only, and heavy libraries only where and when they are needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "qa"
ROWS = (
    ("errors", "types"),
    ("arrays", "desk", "names", "settings", "text", "words", "onnx"),
    (
        *("decoding", "furniture", "formats", "articles", "outline", "passages", "encoder"),
        *("static", "nearest"),
        *("conversation", "metrics", "labels", "windows", "spans", "resampling", "causes"),
        *("boilerplate", "byline"),
    ),
    ("dense", "lexical", "postings", "proposals", "reader", "relevance"),
    ("quoting", "retrieval"),
    ("index",),
    ("ingest", "intake"),
    ("answering", "catalogue", "indexing", "verification"),
    (
        *("evaluation", "runs", "labelling", "doctor", "terminal", "watching"),
        *("collection", "library", "milvus", "suggestions", "transcript"),
    ),
    ("comparison", "exports", "feedback", "thresholds", "report"),
    ("page",),
    ("server",),
    ("commands",),
    ("cli",),
    ("__main__",),
)
ROW = {module: row for row, modules in enumerate(ROWS) for module in modules}
# Who may know whom within a row.
BESIDE = {
    "articles": {"formats"},
    "words": {"text"},
    "formats": {"byline", "furniture", "decoding", "outline"},
    "outline": {"furniture"},
    "boilerplate": {"furniture"},
    "byline": {"furniture", "outline"},
    "encoder": {"static"},
}
HEAVY = {
    "torch": set(),
    "sentence_transformers": {"encoder"},
    "faiss": {"nearest"},
    "jieba": {"words"},
    "onnxruntime": {"onnx"},
    "tokenizers": {"onnx"},
    "gradio": {"page.layout", "server.serving"},  # the page, and its place in the application
    "lxml": {"formats.html"},
    "openpyxl": {"formats.tables"},
    "pypdfium2": {"formats.pdf"},
    "marisa_trie": {"words", "lexical", "postings"},  # the dictionary and the index's own terms
    "pymilvus": {"milvus.connection", "milvus.schema"},
    "milvus_lite": {"milvus.connection"},
    "grpc": {"milvus.connection"},
    "datasketch": {"ingest.doubles"},
}
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sorted(ROOT.rglob("*.py"))
}


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Each imported module with whether it is imported at the top, types' imports left out."""
    tree = ast.parse(path.read_text("utf-8"))
    typed = {id(node) for block in ast.walk(tree) if _for_types(block) for node in ast.walk(block)}
    top = {id(node) for node in _top(tree)}
    for node in ast.walk(tree):
        if id(node) in typed:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) in top


def _for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _top(node: ast.AST) -> Iterator[ast.AST]:
    """What runs when the module is imported: everything outside functions."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield child
            yield from _top(child)


def ours(name: str) -> str | None:
    """``text`` for ``qa.text.fold``; None for what is not of this package, or the package itself."""
    parts = name.split(".")
    return parts[1] if parts[0] == "qa" and len(parts) > 1 and parts[1] in ROW else None


def test_every_module_has_a_row() -> None:
    assert {name.split(".")[0] for name in MODULES} - {"__init__", "data", "models"} <= set(ROW)
    assert len(ROW) == sum(map(len, ROWS))


@pytest.mark.parametrize("module", [name for name in MODULES if name != "__init__"])
def test_a_module_imports_lower_rows_only(module: str) -> None:
    own = module.split(".")[0]
    allowed = {name for name, row in ROW.items() if row < ROW[own]} | BESIDE.get(own, set())
    found = {name for imported, _ in imports(MODULES[module]) if (name := ours(imported))}
    assert found - {own} <= allowed, f"{module} imports {sorted(found - {own} - allowed)}"
    if own in ("conversation", "passages"):
        assert max((ROW[name] for name in found - {own}), default=0) <= 1


def test_no_exception_is_idle() -> None:
    seen: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        own = module.split(".")[0]
        names = {name for imported, _ in imports(path) if (name := ours(imported)) and name != own}
        seen.setdefault(own, set()).update(name for name in names if ROW[name] == ROW[own])
    assert {own: names for own, names in seen.items() if names} == BESIDE


@pytest.mark.parametrize("module", list(MODULES))
def test_heavy_libraries_are_imported_late_and_in_one_place(module: str) -> None:
    for imported, at_top in imports(MODULES[module]):
        library = imported.split(".")[0]
        if library in HEAVY:
            assert module in HEAVY[library], f"{module} imports {library}"
            assert not at_top, f"{module} imports {library} at its top"


def loaded(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    call = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(call.stdout.split())


def test_the_command_line_starts_without_anything_heavy() -> None:
    assert loaded("import qa, qa.cli") & {*HEAVY, "numpy", "fastapi", "pydantic"} == set()


def test_the_public_names_are_found_when_asked_for() -> None:
    import qa

    assert [getattr(qa, name).__name__ for name in qa.__all__] == qa.__all__
    with pytest.raises(AttributeError, match="module 'qa' has no attribute 'nothing'"):
        _ = qa.nothing  # type: ignore[attr-defined]
