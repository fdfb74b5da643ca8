"""Settings from the surroundings."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from osler import config


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without any setting."""
    for setting in config.SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)


def test_an_empty_setting_is_unset() -> None:
    """An empty variable means the same as none."""
    assert config.KEY.read({"OSLER_KEY": ""}) is None
    assert config.KEY.read({"OSLER_KEY": "x"}) == "x"
    assert config.KEY.read({}) is None


def test_settings_have_their_own_names() -> None:
    """Each setting is declared once, under the prefix of osler."""
    names = [setting.name for setting in config.SETTINGS]
    assert len(set(names)) == len(names)
    assert all(name.startswith("OSLER_") for name in names)
    assert all(setting.meaning for setting in config.SETTINGS)


def test_every_declared_setting_is_listed() -> None:
    """A setting that the module declares cannot be left out of the list that docs are held to."""
    declared = {value for value in vars(config).values() if isinstance(value, config.Setting)}
    assert declared == set(config.SETTINGS)


def test_user_is_the_setting_else_the_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who acts is OSLER_USER, else the account, else `unknown`, never an error."""
    monkeypatch.setattr(getpass, "getuser", lambda: "account")
    assert config.user() == "account"
    monkeypatch.setenv("OSLER_USER", "dr.house")
    assert config.user() == "dr.house"


@pytest.mark.parametrize("error", [KeyError, OSError])
def test_an_account_without_a_name_is_unknown(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """A container without an account name still has a user for the ledger."""

    def nameless() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert config.user() == "unknown"


def test_purpose_is_the_setting_else_unspecified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why is OSLER_PURPOSE, else `unspecified`."""
    assert config.purpose() == "unspecified"
    monkeypatch.setenv("OSLER_PURPOSE", "tumour board")
    assert config.purpose() == "tumour board"


def test_state_lies_outside_every_vault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """OSLER_STATE, else the platform's state home, else the one below HOME."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert config.state_folder() == tmp_path / ".local" / "state" / "osler"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "x"))
    assert config.state_folder() == tmp_path / "x" / "osler"
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "y"))
    assert config.state_folder() == tmp_path / "y"
