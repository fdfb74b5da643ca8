"""Models on disk: JSON, plain arrays and LightGBM's text, each with its digest; nothing runs."""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osler import __version__
from osler.errors import Damaged, Fault, InputError
from osler.model import digest_of

MODEL_FORMAT_VERSION = 2
MANIFEST = "manifest.json"
SPEC = "model.json"
ARRAYS = "arrays.npz"
MOST_BYTES = 4 * 2**30


@dataclass(frozen=True)
class Stored:
    """A model taken apart into what may be written.

    Parameters
    ----------
    kind
        Which model it is, such as ``"time-to-event"``.
    spec
        Plain JSON values.
    arrays
        Numbers only, no objects.
    texts
        Name to text; each becomes a file.
    """

    kind: str
    spec: dict[str, Any]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)


def save_model(stored: Stored, folder: str | Path) -> Path:
    """Write a model folder; a crash at any instant leaves the old folder or the new one.

    Raises
    ------
    InputError
        If something that is not a model is already there.
    """
    target = Path(folder)
    if target.exists() and not _replaceable(target):
        raise InputError(
            Fault("folder", "something that is not a model", "a new or a model's folder")
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _write(stored, made)
        _swap(made, target)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return target


def _replaceable(target: Path) -> bool:
    return target.is_dir() and ((target / MANIFEST).is_file() or not any(target.iterdir()))


def _write(stored: Stored, folder: Path) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **stored.arrays)
    contents = {
        SPEC: json.dumps(stored.spec, sort_keys=True, indent=1).encode(),
        ARRAYS: buffer.getvalue(),
        **{f"{name}.txt": text.encode() for name, text in stored.texts.items()},
    }
    manifest: dict[str, Any] = {
        "format_version": MODEL_FORMAT_VERSION,
        "kind": stored.kind,
        "software": f"osler {__version__}",
        "files": {name: digest_of(content) for name, content in contents.items()},
    }
    manifest["digest"] = digest_of(manifest)
    contents[MANIFEST] = json.dumps(manifest, sort_keys=True, indent=1).encode()
    for name, content in contents.items():
        with (folder / name).open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def _swap(made: Path, target: Path) -> None:
    made.chmod(0o755)
    if not target.exists():
        made.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
    target.rename(old / "model")
    made.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def load_model(folder: str | Path, kind: str) -> Stored:
    """Read a model folder after checking every digest.

    Raises
    ------
    InputError
        If there is no model, one of another kind, or one of another format.
    Damaged
        If a file is missing, cut or changed.
    """
    source = Path(folder)
    if not (source / MANIFEST).is_file():
        raise InputError(Fault("folder", "no model", f"a folder with {MANIFEST}"))
    manifest = _manifest(source)
    version = manifest.get("format_version")
    if version != MODEL_FORMAT_VERSION:
        older = isinstance(version, int) and version < MODEL_FORMAT_VERSION
        remedy = "fit the model again and save it" if older else "upgrade osler"
        raise InputError(
            Fault(MANIFEST, f"format {version}", f"format {MODEL_FORMAT_VERSION}", remedy)
        )
    claimed = manifest.pop("digest", None)
    if claimed != digest_of(manifest):
        raise Damaged(f"{MANIFEST} was changed after the model was saved")
    if manifest.get("kind") != kind:
        raise InputError(Fault("folder", f"a model of kind {manifest.get('kind')!r}", repr(kind)))
    contents = {name: _checked(source, name, digest) for name, digest in manifest["files"].items()}
    return _unpacked(kind, contents)


def _manifest(source: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((source / MANIFEST).read_bytes())
    except (ValueError, RecursionError) as error:
        raise Damaged(f"{MANIFEST} cannot be read") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise Damaged(f"{MANIFEST} does not list the model's files")
    return manifest


def _checked(source: Path, name: str, digest: str) -> bytes:
    path = source / name
    if Path(name).name != name or path.is_symlink() or not path.is_file():
        raise Damaged(f"a file of the model is missing: {name}")
    if path.stat().st_size > MOST_BYTES:
        raise Damaged(f"a file of the model is too large: {name}")
    content = path.read_bytes()
    if digest_of(content) != digest:
        raise Damaged(f"a file of the model was changed after it was saved: {name}")
    return content


def _unpacked(kind: str, contents: dict[str, bytes]) -> Stored:
    try:
        spec = json.loads(contents[SPEC])
        with zipfile.ZipFile(io.BytesIO(contents[ARRAYS])) as archive:
            if sum(member.file_size for member in archive.infolist()) > MOST_BYTES:
                raise Damaged("the model's arrays are too large")
        with np.load(io.BytesIO(contents[ARRAYS]), allow_pickle=False) as arrays:
            read = {name: arrays[name] for name in arrays.files}
        texts = {
            name.removesuffix(".txt"): content.decode()
            for name, content in contents.items()
            if name.endswith(".txt")
        }
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise Damaged("the model's files cannot be read") from error
    return Stored(kind, spec, read, texts)
