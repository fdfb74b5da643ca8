"""Nothing that osler reads can run code."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FORBIDDEN_MODULES = {"cloudpickle", "dill", "marshal", "pickle", "shelve"}
FORBIDDEN_CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "joblib.load",
    "torch.load",
    "numpy.load",
    "yaml.load",
    "yaml.unsafe_load",
    "yaml.full_load",
    "os.system",
}
ALIASES = {"np": "numpy"}


def faults(source: str) -> list[str]:
    """Return each forbidden import and call in a module's text."""
    found = []
    tree = ast.parse(source)
    loaders = safe_loaders(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [one.name for one in node.names if one.name in FORBIDDEN_MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module in FORBIDDEN_MODULES:
            found.append(node.module)
        elif isinstance(node, ast.Call):
            name = _called(node.func)
            keywords = {word.arg: word.value for word in node.keywords}
            # NumPy's own format is data, as long as it may not fall back to pickle.
            guarded = name == "numpy.load" and _is_false(keywords.get("allow_pickle"))
            guarded |= name == "yaml.load" and _named(keywords.get("Loader")) in loaders
            if name in FORBIDDEN_CALLS and not guarded:
                found.append(name)
    return found


def safe_loaders(tree: ast.AST) -> set[str]:
    """Return the names of YAML loaders that build plain values only, own subclasses included."""
    safe = {"yaml.SafeLoader", "yaml.CSafeLoader"}
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and {_named(base) for base in node.bases} & safe:
            safe.add(node.name)
    return safe


def _named(node: ast.expr | None) -> str:
    return "" if node is None else _called(node)


def _called(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{ALIASES.get(node.value.id, node.value.id)}.{node.attr}"
    return ""


def _is_false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def test_no_module_loads_what_can_run(repository: Path) -> None:
    """No pickle, no evaluated text and no unsafe YAML in all of osler."""
    found = {
        file.name: faults(file.read_text("utf-8")) for file in (repository / "src").rglob("*.py")
    }
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import pickle", ["pickle"]),
        ("from joblib import x\nimport joblib\njoblib.load(f)", ["joblib.load"]),
        ("np.load(f)", ["numpy.load"]),
        ("np.load(f, allow_pickle=True)", ["numpy.load"]),
        ("np.load(f, allow_pickle=False)", []),
        ("eval('1')", ["eval"]),
        ("re.compile('1')", []),
        ("yaml.load(f, Loader=yaml.Loader)", ["yaml.load"]),
        ("yaml.load(f, Loader=Mine)", ["yaml.load"]),
        ("class Mine(yaml.SafeLoader): pass\nyaml.load(f, Loader=Mine)", []),
    ],
)
def test_the_check_can_fail(source: str, expected: list[str]) -> None:
    """Each forbidden way is seen, and what is harmless is left alone."""
    assert faults(source) == expected
