"""osler: an open engine for precision medicine.

>>> import osler
>>> osler.__version__.count(".")
2
"""

from importlib import import_module as _import_module
from types import ModuleType as _Module

from osler.errors import (
    Damaged,
    Fault,
    InputError,
    KeyUnavailable,
    MissingExtra,
    NotEstimable,
    OslerError,
    Refused,
)

__version__ = "0.1.0"

_ROOMS = (
    "cohort",
    "evaluate",
    "features",
    "genome",
    "knowledge",
    "learn",
    "model",
    "predict",
    "report",
    "sources",
    "testing",
    "vault",
    "workflows",
)


def __getattr__(name: str) -> _Module:
    """Import a room when it is first asked for, so that `import osler` itself stays fast."""
    if name in _ROOMS:
        return _import_module(f"osler.{name}")
    raise AttributeError(f"module 'osler' has no attribute {name!r}")


__all__ = [
    "Damaged",
    "Fault",
    "InputError",
    "KeyUnavailable",
    "MissingExtra",
    "NotEstimable",
    "OslerError",
    "Refused",
    "__version__",
]
