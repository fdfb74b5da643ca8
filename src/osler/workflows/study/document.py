"""A study file's text as one YAML mapping, read safely."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import yaml

from osler.cohort.document import read_as_yaml_1_2
from osler.errors import Fault, InputError

MOST_BYTES = 1_000_000
MOST_NODES = 100_000
MOST_DEEP = 40
KINDS = {
    str: "text",
    int: "number",
    float: "number",
    bool: "yes/no value",
    list: "list",
    dict: "mapping",
    type(None): "missing value",
    datetime: "moment",
    date: "date",
}


def read_text(path: Path) -> str:
    """Read a text file of a user, of at most a megabyte.

    Raises
    ------
    InputError
        If there is no such file, it is too large, or it is not UTF-8.
    """
    if not path.is_file():
        came = "a folder" if path.is_dir() else "no such file"
        raise InputError(Fault(str(path), came, "a study file in YAML"))
    if path.stat().st_size > MOST_BYTES:
        raise InputError(Fault(str(path), f"more than {MOST_BYTES} bytes", "a study file in YAML"))
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            Fault(str(path), "bytes that are not UTF-8", "a text file in UTF-8")
        ) from error


def load_yaml(text: str, where: str) -> dict[str, Any]:
    """Read one YAML mapping, safely: no tags that build objects, no exploding aliases.

    Raises
    ------
    InputError
        With the line, when it is not sound YAML or not a mapping.
    """
    try:
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise InputError(Fault(f"{where}{line}", str(error.problem), "sound YAML")) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(Fault(where, "text that cannot be read", "sound YAML")) from error
    if not isinstance(content, dict):
        raise InputError(
            Fault(
                where,
                "nothing" if content is None else kind_of(content),
                "a mapping with title:, task:, outcome:, …",
            )
        )
    if _nodes(content, {}) > MOST_NODES:
        raise InputError(Fault(where, "aliases that expand without end", "a plain study file"))
    return content


def kind_of(value: Any) -> str:
    """Say what kind of value stands there, in words."""
    return f"a {KINDS.get(type(value), type(value).__name__)}"


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, refusing a key that stands twice or is no plain value, and deep nests."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Read one node, or say at which line they are nested too deep."""
        self.depth += 1
        if self.depth > MOST_DEEP:
            raise yaml.constructor.ConstructorError(
                None,
                None,
                f"nested more than {MOST_DEEP} deep",
                parent.start_mark if parent else None,
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping, or say at which line a key is repeated or is a list or a mapping."""
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key that is a list or a mapping", key.start_mark
                )
            if key.value in seen and key.value != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


read_as_yaml_1_2(_Loader)


def _nodes(value: Any, sizes: dict[int, int]) -> int:
    if not isinstance(value, dict | list):
        return 1
    known = sizes.get(id(value))
    if known is not None:
        return known
    sizes[id(value)] = MOST_NODES + 1  # a mapping that holds itself never ends
    children = value.values() if isinstance(value, dict) else value
    size = 1 + sum(_nodes(child, sizes) for child in children)
    sizes[id(value)] = size
    return size
