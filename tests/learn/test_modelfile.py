"""Model folders: what is damaged, foreign or newer is refused, and nothing is run."""

import json
import os

import numpy as np
import pytest

from osler import Damaged, InputError
from osler.learn.modelfile import Stored, load_model, save_model


@pytest.fixture
def folder(tmp_path):
    """Return a saved model."""
    stored = Stored("sort", {"a": [1, 2]}, {"x": np.arange(4.0)}, {"tree": "text\n"})
    return save_model(stored, tmp_path / "model")


def test_it_comes_back(folder):
    """Specification, arrays and texts are read as they were written."""
    stored = load_model(folder, "sort")
    assert stored.spec == {"a": [1, 2]}
    np.testing.assert_array_equal(stored.arrays["x"], np.arange(4.0))
    assert stored.texts == {"tree": "text\n"}


def test_every_changed_byte_is_found(folder):
    """A flipped bit at a sample of positions in every file is refused."""
    rng = np.random.default_rng(0)
    for path in sorted(folder.iterdir()):
        original = path.read_bytes()
        for position in rng.integers(0, len(original), 12):
            changed = bytearray(original)
            changed[position] ^= 1 << int(rng.integers(0, 8))
            path.write_bytes(bytes(changed))
            with pytest.raises((Damaged, InputError)):
                load_model(folder, "sort")
        path.write_bytes(original)
    load_model(folder, "sort")


@pytest.mark.parametrize("name", ["model.json", "arrays.npz", "tree.txt"])
def test_a_missing_or_cut_file_is_found(folder, name):
    """Each file of the model is needed whole."""
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1])
    with pytest.raises(Damaged):
        load_model(folder, "sort")
    (folder / name).unlink()
    with pytest.raises(Damaged):
        load_model(folder, "sort")


def test_a_newer_format_is_refused(folder):
    """A model of a later version says that osler must be upgraded."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["format_version"] = 99
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="upgrade"):
        load_model(folder, "sort")


def test_another_kind_or_nothing_is_refused(folder, tmp_path):
    """A model of another kind, or an empty folder, is the user's fault, said plainly."""
    with pytest.raises(InputError, match="kind"):
        load_model(folder, "other")
    with pytest.raises(InputError, match="no model"):
        load_model(tmp_path, "sort")


def test_other_peoples_files_are_not_overwritten(tmp_path):
    """Saving over a folder that is no model is refused and changes nothing."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(InputError):
        save_model(Stored("sort", {}), tmp_path / "mine")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_a_crash_leaves_the_old_model(folder, monkeypatch):
    """If writing fails, the old model is whole and no rubbish is left."""

    def fail(_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        save_model(Stored("sort", {"a": 3}), folder)
    monkeypatch.undo()
    assert load_model(folder, "sort").spec == {"a": [1, 2]}
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_saving_again_replaces(folder):
    """A second save to the same folder leaves only the new model."""
    save_model(Stored("sort", {"a": 3}), folder)
    assert load_model(folder, "sort").spec == {"a": 3}
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_no_objects_are_stored(tmp_path):
    """Arrays of objects, which only a pickle could hold, are refused."""
    with pytest.raises(ValueError, match="allow_pickle"):
        save_model(Stored("sort", {}, {"x": np.array([{}])}), tmp_path / "model")
    assert not list(tmp_path.iterdir())
