"""Optional imports, through one function that says which extra brings them."""

from __future__ import annotations

import importlib
from types import ModuleType

from osler.errors import MissingExtra


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, or say how to install it.

    Raises
    ------
    MissingExtra
        If the module is not installed.

    Examples
    --------
    >>> require("json", "none").__name__
    'json'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtra(
            f"{module} is not installed; it comes with the extra {extra!r}: "
            f"pip install 'osler[{extra}]'"
        ) from error
