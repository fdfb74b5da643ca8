"""From a path, YAML text or a mapping to the mapping of a task."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from osler.errors import Fault, InputError

TaskLike = Mapping[str, Any] | str | Path

LARGEST_FILE_BYTES = 5_000_000


class _Loader(yaml.SafeLoader):
    """Plain values only, and no key twice: YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key that is not a single value", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_PLAIN = {
    "tag:yaml.org,2002:bool": (r"(?:true|True|TRUE|false|False|FALSE)\Z", "tTfF"),
    "tag:yaml.org,2002:int": (r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F]+)\Z", "-+0123456789"),
    "tag:yaml.org,2002:float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z"
        r"|[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z",
        "-+.0123456789",
    ),
}


def read_as_yaml_1_2(loader: type[yaml.SafeLoader]) -> None:
    """Let plain values mean what they mean in YAML 1.2, the language of ACES files.

    In YAML 1.1 the code `NO` would be false, `1e3` a text, and `1:30` a number of seconds.
    """
    kept = {
        first: [(tag, form) for tag, form in forms if tag not in _PLAIN]
        for first, forms in loader.yaml_implicit_resolvers.items()
    }
    loader.yaml_implicit_resolvers = kept
    for tag, (form, firsts) in _PLAIN.items():
        loader.add_implicit_resolver(tag, re.compile(form), list(firsts))


read_as_yaml_1_2(_Loader)


def load_document(task: TaskLike) -> Any:
    """Return what a task file holds.

    Parameters
    ----------
    task
        A path; YAML text, known by its line breaks; or the mapping itself.

    Raises
    ------
    InputError
        If there is no such file, or it is not YAML.
    """
    if isinstance(task, Mapping):
        return task
    if isinstance(task, str) and "\n" in task:
        return _parse(task, "task")
    if not isinstance(task, str | Path):
        raise InputError(Fault("task", type(task).__name__, "a path, YAML text or a mapping"))
    path = Path(task)
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise InputError(Fault(path.name, "a file over 5 MB", "a task file"))
        return _parse(path.read_text(encoding="utf-8"), path.name)
    except UnicodeDecodeError as error:
        raise InputError(Fault(path.name, "bytes that are not UTF-8", "YAML text")) from error
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(Fault(f"task {path.name}", "no file to read", "a task file")) from error


def _parse(text: str, where: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        came = error.problem or "not YAML"
        raise InputError(Fault(f"{where}{line}", came, "valid YAML")) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(Fault(where, "text that is not YAML", "valid YAML")) from error
