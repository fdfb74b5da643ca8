"""What holds for every test: no network, no setting of the machine, no clock to race against."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from osler import config

# A shared machine is slow at times; that is no failure of the code.
settings.register_profile("osler", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("osler")


@pytest.fixture(autouse=True)
def _bare_surroundings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Hide the machine's settings, and keep what lies outside vaults in a folder of the test."""
    for setting in config.SETTINGS:
        if setting is not config.DATA:
            monkeypatch.delenv(setting.name, raising=False)
    monkeypatch.setenv(config.STATE.name, str(tmp_path_factory.mktemp("state")))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves the machine; sockets between processes stay."""
    connect = socket.socket.connect

    def local_only(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else None
        if host is not None and host not in ("127.0.0.1", "::1", "localhost"):
            pytest.fail(f"a test tried to reach {host}")
        connect(self, address)  # type: ignore[arg-type] # handed on as it came

    monkeypatch.setattr(socket.socket, "connect", local_only)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Find the root of the checkout."""
    return Path(__file__).resolve().parents[1]
