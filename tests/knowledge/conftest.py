"""A release in the making, and a state folder of its own for every test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from osler import knowledge

Maker = Callable[..., Path]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what a test installs away from every other test."""
    folder = tmp_path / "state"
    monkeypatch.setenv("OSLER_STATE", str(folder))
    return folder


@pytest.fixture
def made(tmp_path: Path) -> Maker:
    """Return a maker of sealed releases with one table of weights."""

    def make(name: str = "herbs-2026-01-01", text: str = "sage\nthyme\n", **other: Any) -> Path:
        folder = tmp_path / "made" / name
        folder.mkdir(parents=True)
        (folder / "herbs.txt").write_text(text, "utf-8")
        table = {
            "name": "herbs",
            "file": "herbs.txt",
            "date": name[-10:],
            "licence": "CC0-1.0",
            "source": "a garden",
        }
        content = {
            "format_version": 1,
            "name": name,
            "subject": "herbs",
            "date": name[-10:],
            "title": "Herbs",
            "tables": [table],
        }
        (folder / "release.json").write_text(json.dumps(content | other), "utf-8")
        knowledge.seal(folder)
        return folder

    return make
