"""The same acts from Python: what they return, what they raise, what they leave behind."""

from __future__ import annotations

from pathlib import Path

import pytest

import osler
from osler import workflows
from osler.errors import InputError, KeyUnavailable
from osler.vault import Vault
from osler.workflows import Opening

TABLE = "id,when,value\nJane,2020-01-02,1.5\nJoe,2020-01-03,2.5\n"
MAPPING = "subject: id\ntime: when\nevents: [{code: LAB//x//mg, numeric_value: value}]\n"


@pytest.fixture
def opening(tmp_path: Path) -> Opening:
    """Make a loaded vault and return what opens it."""
    (tmp_path / "t.csv").write_text(TABLE)
    (tmp_path / "m.yaml").write_text(MAPPING)
    opening = Opening(tmp_path / "v", tmp_path / "key", "dr.example", "ward round")
    assert workflows.init_vault(opening) == tmp_path / "key"
    report = workflows.load(opening, "table", tmp_path / "t.csv", mapping=tmp_path / "m.yaml")
    assert (report.read, report.loaded, report.already_loaded) == (2, 2, False)
    return opening


def test_every_act_is_found_and_no_other(opening: Opening) -> None:
    """Acts are imported on first use; a name that is none is an AttributeError."""
    assert all(callable(getattr(workflows, name)) for name in workflows.__all__)
    assert set(dir(workflows)) == set(workflows.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        workflows.nonsense  # noqa: B018  the access is what raises


def test_the_acts_of_a_vault(opening: Opening, tmp_path: Path) -> None:
    """Info, verify, audit, export, rekey and erase answer as the commands do."""
    assert workflows.vault_info(opening)["subjects"] == 2
    assert workflows.verify_vault(opening).sound
    assert workflows.export_meds(opening, tmp_path / "out") == {"subjects": 2, "events": 2}
    assert {one["user"] for one in workflows.audit_vault(opening)} == {"dr.example"}
    workflows.rekey_vault(opening, tmp_path / "new")
    with pytest.raises(osler.errors.KeyUnavailable):
        workflows.vault_info(opening)
    renewed = Opening(opening.path, tmp_path / "new")
    subject = int(renewed.open().subject_ids()[0])
    proof = workflows.erase_subject(renewed, subject)
    assert proof["events_erased"] == 1
    assert len(proof["exports"]) == 1


def test_loading_again_and_loading_nothing(opening: Opening, tmp_path: Path) -> None:
    """The same content under another name is known; a missing source is the caller's."""
    again = tmp_path / "again.csv"
    again.write_text(TABLE)
    mapping = tmp_path / "m.yaml"
    assert workflows.load(opening, "table", again, mapping=mapping).already_loaded
    with pytest.raises(InputError, match="no such file"):
        workflows.load(opening, "table", tmp_path / "none.csv", mapping=mapping)
    with pytest.raises(InputError, match="nonsense"):
        workflows.load(opening, "nonsense", again)


def test_a_rekeying_that_fails_keeps_the_old_key_and_drops_the_new(
    opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the vault has its new key, the file that would open nothing is removed."""

    def fails(self: Vault, key: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Vault, "rekey", fails)
        with pytest.raises(OSError, match="No space"):
            workflows.rekey_vault(opening, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert workflows.vault_info(opening)["events"] == 2


def test_a_rekeying_that_fails_too_late_keeps_the_new_key(
    opening: Opening, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the vault has its new key, nothing may take the file that opens it."""
    rekey = Vault.rekey

    def late(self: Vault, key: object) -> None:
        rekey(self, key)
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Vault, "rekey", late)
        with pytest.raises(OSError, match="Input/output"):
            workflows.rekey_vault(opening, tmp_path / "new")
    assert workflows.vault_info(Opening(opening.path, tmp_path / "new"))["events"] == 2


def test_an_opening_shows_no_key(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its text nor an error repeats a passphrase."""
    monkeypatch.setenv("OSLER_KEY", "correct horse battery")
    bare = Opening(opening.path)
    assert "horse" not in repr(bare)
    with pytest.raises(KeyUnavailable) as refused:
        bare.open()
    assert "horse" not in str(refused.value)
