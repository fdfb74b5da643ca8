"""From what, with what and when a thing was made."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Provenance:
    """What a saved result was made from.

    Parameters
    ----------
    inputs
        Name to sha256 of every input: vault generation, study file, model, knowledge release.
    seed
        The seed of the run; None where nothing was random.
    created_at
        ISO 8601, UTC.
    """

    software: str
    created_at: str
    seed: int | None = None
    inputs: dict[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION


def digest_of(content: bytes | str | dict[str, Any] | list[Any]) -> str:
    """Return the sha256 of bytes, of text, or of a JSON value in canonical form.

    Examples
    --------
    >>> digest_of({"b": 1, "a": 2}) == digest_of({"a": 2, "b": 1})
    True
    """
    if isinstance(content, dict | list):
        content = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    if isinstance(content, str):
        content = content.encode()
    return hashlib.sha256(content).hexdigest()
