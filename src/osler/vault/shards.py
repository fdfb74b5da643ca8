"""Which shard a subject is in, and a shard's segments read and written as frames."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Collection, Iterable, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from osler.model import EVENT_SCHEMA, sort_events
from osler.vault import disk, frames
from osler.vault.keys import KEY_BYTES
from osler.vault.manifest import FileKind, StoredFile
from osler.vault.store import NewFile, Store

# The finaliser of SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
# Generators", OOPSLA 2014, doi:10.1145/2660193.2660195.
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)


def shard_of(subject_ids: npt.NDArray[np.int64], salt: int, shards: int) -> npt.NDArray[np.uint64]:
    """Return the shard of each subject: a salted hash that spreads any ids evenly.

    Examples
    --------
    >>> shard_of(np.arange(4), 7, 1).tolist()
    [0, 0, 0, 0]
    """
    mixed = subject_ids.astype(np.int64).view(np.uint64) ^ np.uint64(salt)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * MIX_2
    spread: npt.NDArray[np.uint64] = (mixed ^ (mixed >> np.uint64(31))) % np.uint64(shards)
    return spread


def write_frame(
    store: Store,
    frame: pl.DataFrame,
    kind: FileKind,
    shard: int | None = None,
    *,
    derived: str | None = None,
) -> NewFile:
    """Write a frame into a new file under a fresh key and wait for the disk.

    The commit gives it its generation, and sees to it that its name is on disk.

    Parameters
    ----------
    derived
        Of a segment with what was derived: about which subject of knowledge.
    """
    name = store.new_name(kind, shard)
    data_key = os.urandom(KEY_BYTES)
    content = memoryview(frames.to_parquet(frame, data_key, store.binding(name)))
    disk.write_new(store.path / name, content)
    file = StoredFile(
        name=name,
        kind=kind,
        digest=hashlib.sha256(content).hexdigest(),
        size=len(content),
        key=secrets.token_hex(8),
        shard=shard,
        rows=frame.height,
        derived=derived,
    )
    return NewFile(file, data_key)


def read_new_frame(store: Store, new: NewFile) -> pl.DataFrame:
    """Read a frame that this process wrote and no manifest names yet."""
    content = frames.read_file(store.path / new.file.name)
    binding = store.binding(new.file.name)
    return frames.from_parquet(content, new.data_key, binding, name=new.file.name)


def read_frame(
    store: Store,
    file: StoredFile,
    *,
    columns: Sequence[str] | None = None,
    categorical: Sequence[str] = (),
    subject_id: int | None = None,
) -> pl.DataFrame:
    """Read a frame of the pinned generation.

    Raises
    ------
    Damaged
        If it is not as it was written.
    """
    return frames.from_parquet(
        store.content(file),
        store.data_key(file),
        store.binding(file.name),
        name=file.name,
        columns=columns,
        categorical=categorical,
        subject_id=subject_id,
    )


def read_shard(
    store: Store,
    shard: int,
    *,
    columns: Sequence[str] | None = None,
    categorical: bool = False,
    derived: Collection[str] = (),
) -> pl.DataFrame:
    """Read all segments of a shard as one sorted frame of the columns asked for.

    What was derived is left out but for the subjects of knowledge named.
    """
    wanted = list(EVENT_SCHEMA) if columns is None else list(columns)
    files = store.manifest.segments(shard, derived)
    needed = wanted if len(files) == 1 else [*dict.fromkeys(["subject_id", "time", *wanted])]
    as_categories = ["code"] if categorical and "code" in wanted else []
    parts = [read_frame(store, file, columns=needed, categorical=as_categories) for file in files]
    if not parts:
        return empty(wanted, categorical=categorical)
    return merged(parts).select(wanted)


def merged(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Join frames of events, each sorted, into one that is sorted; ties in the given order."""
    listed = list(parts)
    return listed[0] if len(listed) == 1 else sort_events(pl.concat(listed))


def empty(columns: Sequence[str], *, categorical: bool) -> pl.DataFrame:
    """Return a frame of events without rows, with the columns asked for."""
    schema = dict(EVENT_SCHEMA)
    if categorical:
        schema["code"] = pl.Categorical()
    return pl.DataFrame(schema={name: schema[name] for name in columns})
