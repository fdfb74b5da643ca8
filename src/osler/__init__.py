"""osler: an open engine for precision medicine.

>>> import osler
>>> osler.__version__.count(".")
2
"""

from importlib.metadata import version as _version

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

__version__ = _version("osler")

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
