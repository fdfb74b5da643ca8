"""Optional imports."""

from __future__ import annotations

import json

import pytest

from osler.errors import MissingExtra
from osler.extras import require


def test_what_is_installed_is_returned() -> None:
    """The module itself comes back."""
    assert require("json", "any") is json


def test_what_is_missing_names_its_extra() -> None:
    """The message is the command that installs it."""
    with pytest.raises(MissingExtra, match=r"pip install 'osler\[ray\]'"):
        require("osler_has_no_such_module", "ray")
