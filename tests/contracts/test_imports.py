"""Rooms import one way, and importing osler costs next to nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "duckdb",
    "jinja2",
    "lightgbm",
    "matplotlib",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "rich",
    "scipy",
    "sklearn",
    "typer",
)


def test_imports_point_one_way(repository: Path) -> None:
    """No room imports a later one, nor a neighbour on its own line."""
    ran = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports; exit(lint_imports())"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_command_line_starts_without_tables() -> None:
    """A command that opens no vault need not wait for what a vault needs."""
    asked = f"import sys, osler.cli; print(*(set(sys.modules) & set({HEAVY!r})))"
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["typer"]


@pytest.mark.parametrize("module", ["osler", "osler.errors", "osler.config", "osler.extras"])
def test_importing_osler_loads_nothing_heavy(module: str) -> None:
    """Tables, models and plots are loaded where they are used, not by `import osler`."""
    asked = f"import sys, {module}; print(*(set(sys.modules) & set({HEAVY!r})))"
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
