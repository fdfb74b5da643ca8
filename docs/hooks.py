"""Builds what would otherwise have to be kept by hand: navigation, pages of rooms, commands.

A new page in `howto/`, `methods/` or `decisions/` is in the navigation because it lies there; a new
room or command is in the reference because it exists.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import osler
from osler import cli

DOCS = Path(__file__).parent
ROOT = DOCS.parent
COMMANDS_MARK = "<!-- commands -->"
ROOT_PAGES = {"changelog.md": "CHANGELOG.md", "architecture.md": "ARCHITECTURE.md"}
REFERENCE_PAGES = (
    "reference/commands.md",
    "reference/study-file.md",
    "reference/settings.md",
)
PYTHON_FOLDER = "reference/python"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Lay out the navigation: explicit sections, pages by what lies in their folders."""
    config.nav = [
        {"Home": "index.md"},
        *_section("Tutorial", "tutorial"),
        *_section("How-to", "howto"),
        *_section("Methods", "methods"),
        *_section("Decisions", "decisions"),
        {"Reference": [*REFERENCE_PAGES, {"Python": [_room_page(room) for room in rooms()]}]},
        {"Benchmarks": "benchmarks.md"},
        {"Roadmap": ["roadmap.md", "architecture.md"]},
        {"Changelog": "changelog.md"},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each room, and the pages that lie at the root of the repository."""
    for room in rooms():
        content = f"# {room}\n\n::: {room}\n    options: {{show_root_heading: false}}\n"
        files.append(File.generated(config, _room_page(room), content=content))
    for page, source in ROOT_PAGES.items():
        content = (ROOT / source).read_text("utf-8").replace("](docs/", "](")
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the help of every command where a page asks for it."""
    if COMMANDS_MARK not in markdown:
        return markdown
    return markdown.replace(COMMANDS_MARK, "\n".join(commands()))


def rooms() -> list[str]:
    """Return the packages of osler that show names to the outside."""
    found = ["osler"]
    for module in pkgutil.iter_modules(osler.__path__, "osler."):
        if not module.name.endswith(("__main__", ".cli")):
            loaded = importlib.import_module(module.name)
            if module.ispkg is False or getattr(loaded, "__all__", None):
                found.append(module.name)
    return found


def commands() -> Iterator[str]:
    """Yield the help of every command as Markdown."""
    for words, command in _walk(typer.main.get_command(cli.app), ("osler",)):
        name = " ".join(words)
        yield f"## {name}\n"
        text = (command.help or "").replace("\b", "")
        says, _, example = text.partition("Example:")
        yield f"{says.strip()}\n"
        yield f"```text\n{command.get_usage(_context(command, name))}\n```\n"
        yield "| argument | meaning |\n|---|---|"
        for one in command.params:
            if one.name != "help":
                yield _row(one)
        yield f"\n```bash\n{' '.join(example.split())}\n```\n"


def _walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield words, command
        return
    for name, one in sorted(below.items()):
        yield from _walk(one, (*words, name))


def _context(command: Any, name: str) -> Any:
    return command.make_context(name, [], resilient_parsing=True)


def _row(one: Any) -> str:
    is_option = one.param_type_name == "option"
    shown = ", ".join(one.opts) if is_option else one.metavar or one.name.upper()
    default = one.default
    if is_option and isinstance(default, str | int | Path) and not isinstance(default, bool):
        return f"| `{shown}` | {one.help or ''} Default `{getattr(default, 'value', default)}`. |"
    return f"| `{shown}` | {one.help or ''} |"


def _section(title: str, folder: str) -> list[dict[str, Any]]:
    """Return a section for the pages of a folder or for the one page of that name, if any."""
    page = DOCS / f"{folder}.md"
    pages = [page] if page.exists() else []
    pages += sorted((DOCS / folder).glob("*.md"))
    named = [str(one.relative_to(DOCS).as_posix()) for one in pages]
    if not named:
        return []
    return [{title: named[0] if len(named) == 1 and page.exists() else named}]


def _room_page(room: str) -> str:
    return f"{PYTHON_FOLDER}/{room}.md"
