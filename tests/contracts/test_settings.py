"""Every setting is declared once and documented."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from osler.config import SETTINGS

NAME = re.compile(r"OSLER_[A-Z_]+")


@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS])
def test_a_setting_is_documented(name: str, repository: Path) -> None:
    """Each setting has its row on the page of settings."""
    page = (repository / "docs" / "reference" / "settings.md").read_text("utf-8")
    assert f"| `{name}` |" in page


def test_no_setting_is_documented_that_is_not_there(repository: Path) -> None:
    """The page of settings names none that the code does not know."""
    page = (repository / "docs" / "reference" / "settings.md").read_text("utf-8")
    assert set(NAME.findall(page)) == {setting.name for setting in SETTINGS}


def test_no_setting_is_read_past_the_declaration(repository: Path) -> None:
    """The surroundings are read in `osler.config` alone: no other module names a variable."""
    found = {}
    for file in (repository / "src").rglob("*.py"):
        if file.name == "config.py":
            continue
        literals = {
            node.value
            for node in ast.walk(ast.parse(file.read_text("utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        read = {one for one in literals if NAME.fullmatch(one)}
        if read:
            found[file.name] = read
    assert found == {}
