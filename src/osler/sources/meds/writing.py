"""Writing a MEDS 0.4 dataset: whole or not at all.

Source: https://github.com/Medical-Event-Data-Standard/meds, `meds/schema.py` of 0.4.1.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from osler.errors import Fault, InputError
from osler.model import CODE_COLUMNS, as_events, empty_events, sort_events
from osler.sources.meds.layout import CODES, DATA_FOLDER, DATASET, SPLITS

MEDS_VERSION = "0.4.1"

DATA_SCHEMA = pa.schema(
    [
        pa.field("subject_id", pa.int64(), nullable=False),
        pa.field("time", pa.timestamp("us")),
        pa.field("code", pa.string(), nullable=False),
        pa.field("numeric_value", pa.float32()),
        pa.field("text_value", pa.large_string()),
    ]
)
CODE_SCHEMA = pa.schema(
    [
        pa.field("code", pa.string(), nullable=False),
        pa.field("description", pa.string()),
        pa.field("parent_codes", pa.list_(pa.string())),
    ]
)
SPLIT_SCHEMA = pa.schema(
    [
        pa.field("subject_id", pa.int64(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
    ]
)
DATASET_KEYS = (
    "dataset_name",
    "dataset_version",
    "etl_name",
    "etl_version",
    "license",
    "location_uri",
    "description_uri",
)


@dataclass(frozen=True)
class Written:
    """What was written: its folder and how much is in it."""

    folder: Path
    shards: int
    events: int
    subjects: int
    codes: int


def write_dataset(
    folder: Path,
    shards: Iterable[pl.DataFrame],
    codes: pl.DataFrame | None = None,
    *,
    about: Mapping[str, str] | None = None,
    splits: pl.DataFrame | None = None,
) -> Written:
    """Write shards of events as a MEDS 0.4 dataset.

    The folder appears at once and complete, or not at all: everything is written beside it and
    renamed. Empty shards are left out, unless all are.

    Parameters
    ----------
    folder
        Must not exist, or be empty.
    shards
        Frames with the MEDS columns; each subject in one of them. Sorted if they are not.
    codes
        Rows of `CODE_COLUMNS`; codes that are used but not described get a row without
        description.
    about
        Any of `DATASET_KEYS`.
    splits
        Columns subject_id, split.

    Raises
    ------
    InputError
        If the folder holds something, a key is unknown, or a subject is in two shards.
    """
    _require_empty(folder)
    unknown = sorted(set(about or ()) - set(DATASET_KEYS))
    if unknown:
        raise InputError(Fault("about", f"keys {', '.join(unknown)}", ", ".join(DATASET_KEYS)))
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.partial-", dir=folder.parent))
    try:
        written = _write(partial, folder, shards, codes, dict(about or {}), splits)
        if folder.is_dir():
            folder.rmdir()
        partial.rename(folder)
        _sync(folder.parent)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return written


def _write(
    partial: Path,
    folder: Path,
    shards: Iterable[pl.DataFrame],
    codes: pl.DataFrame | None,
    about: dict[str, str],
    splits: pl.DataFrame | None,
) -> Written:
    (partial / DATA_FOLDER).mkdir()
    (partial / CODES).parent.mkdir()
    used = pl.Series("code", dtype=pl.String)
    seen = pl.Series("subject_id", dtype=pl.Int64)
    count = events = 0
    for shard in shards:
        rows = sort_events(as_events(shard))
        if not rows.height:
            continue
        subjects = rows["subject_id"].unique()
        if subjects.is_in(seen.implode()).any():
            raise InputError(Fault(f"shard {count}", "subjects of an earlier shard", "new ones"))
        seen = pl.concat([seen, subjects])
        used = pl.concat([used, rows["code"].unique()]).unique()
        _write_table(partial / DATA_FOLDER / f"{count}.parquet", rows, DATA_SCHEMA)
        count, events = count + 1, events + rows.height
    if not count:
        _write_table(partial / DATA_FOLDER / "0.parquet", empty_events(), DATA_SCHEMA)
    described = _described(codes, used)
    _write_table(partial / CODES, described, CODE_SCHEMA)
    if splits is not None:
        _write_table(partial / SPLITS, splits.select("subject_id", "split"), SPLIT_SCHEMA)
    _write_about(partial / DATASET, about)
    return Written(folder, max(count, 1), events, len(seen), described.height)


def _described(codes: pl.DataFrame | None, used: pl.Series) -> pl.DataFrame:
    given = (
        pl.DataFrame(schema=CODE_COLUMNS) if codes is None else codes.select(CODE_COLUMNS.names())
    )
    given = given.unique("code", keep="first", maintain_order=True)
    bare = used.to_frame().join(given, on="code", how="anti")
    nothing = [
        pl.lit(None, CODE_COLUMNS[name]).alias(name) for name in CODE_COLUMNS if name != "code"
    ]
    return pl.concat([given, bare.with_columns(nothing)]).sort("code")


def _write_table(path: Path, rows: pl.DataFrame, schema: pa.Schema) -> None:
    table = rows.to_arrow().select(schema.names).cast(schema)
    with path.open("wb") as stream:
        pq.write_table(table, stream, compression="zstd")
        stream.flush()
        os.fsync(stream.fileno())


def _write_about(path: Path, about: dict[str, str]) -> None:
    content = {
        "dataset_name": "osler export",
        "etl_name": "osler",
        **about,
        "meds_version": MEDS_VERSION,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "raw_source_id_columns": [],
        "code_modifier_columns": [],
        "additional_value_modality_columns": [],
        "site_id_columns": [],
        "other_extension_columns": [],
    }
    with path.open("w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())


def _require_empty(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputError(Fault(folder.name, "a file or link", "a folder that does not exist yet"))
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(Fault(folder.name, "a folder with files in it", "an empty or new folder"))


def _sync(folder: Path) -> None:
    """Make the renaming last through a power failure, where the platform can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
