"""Where the files of a MEDS dataset lie, and what their columns are called.

Source: https://github.com/Medical-Event-Data-Standard/meds, `meds/schema.py` of 0.3 and 0.4.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import pyarrow as pa

from osler.errors import Fault, InputError
from osler.model import CODE_COLUMNS
from osler.sources.files import (
    files_below,
    is_parquet,
    open_parquet,
    parquet_batches,
    require_file,
)

DATA_FOLDER = "data"
CODES = "metadata/codes.parquet"
SPLITS = "metadata/subject_splits.parquet"
DATASET = "metadata/dataset.json"

# A description of a dataset is a page; a gigabyte of it is an attack.
MOST_DATASET_BYTES = 2**20
_METADATA_ROWS = 2**20


@dataclass(frozen=True)
class Layout:
    """The files of one dataset.

    Parameters
    ----------
    root
        The folder, or the single file of events.
    shards
        The Parquet files of events, sorted by path.
    metadata
        The metadata files that are there, by their path in the dataset.
    """

    root: Path
    shards: tuple[Path, ...]
    metadata: dict[str, Path]

    @classmethod
    def of(cls, path: Path) -> Layout:
        """Find the files of a dataset.

        Raises
        ------
        InputError
            If there are no Parquet files of events.
        """
        if not path.is_dir():
            if not is_parquet(require_file(path)):
                remedy = "use `osler load table` with a mapping for other tables"
                raise InputError(
                    Fault(path.name, "not a Parquet file", "Parquet with MEDS columns", remedy)
                )
            return cls(path, (path,), {})
        data = path / DATA_FOLDER
        shards = files_below(data if data.is_dir() else path, (".parquet",))
        shards = [shard for shard in shards if shard.parent.name != "metadata"]
        if not shards:
            raise InputError(Fault(path.name, "no Parquet files in `data`", "a MEDS dataset"))
        known = {name: path / name for name in (CODES, SPLITS, DATASET)}
        return cls(path, tuple(shards), {n: file for n, file in known.items() if file.is_file()})

    def name_of(self, shard: Path) -> str:
        """Return what messages call a shard."""
        return shard.name if shard == self.root else str(shard.relative_to(self.root))

    def codes(self) -> pl.DataFrame | None:
        """Return the code metadata with the columns of `CODE_COLUMNS`; None without the file.

        Raises
        ------
        InputError
            If it is damaged or has no column `code`.
        """
        rows = self._table(CODES, ("code",))
        if rows is None:
            return None
        columns = [
            (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind).alias(name)
            for name, kind in CODE_COLUMNS.items()
        ]
        try:
            return rows.select(columns).drop_nulls("code").unique("code", keep="first")
        except pl.exceptions.PolarsError as error:
            expected = f"columns {dict(CODE_COLUMNS)}"
            raise InputError(Fault(CODES, "columns of other types", expected)) from error

    def splits(self) -> pl.DataFrame | None:
        """Return the splits as columns subject_id, split; None without the file."""
        rows = self._table(SPLITS, ("split",))
        if rows is None:
            return None
        subject = next((n for n in ("subject_id", "patient_id") if n in rows.columns), None)
        if subject is None:
            raise InputError(
                Fault(f"{SPLITS}, column subject_id", "absent", "a column of that name")
            )
        return rows.select(pl.col(subject).alias("subject_id"), "split")

    def dataset(self) -> dict[str, Any] | None:
        """Return what the dataset says of itself; None without the file.

        Raises
        ------
        InputError
            If it is not a JSON object.
        """
        file = self.metadata.get(DATASET)
        if file is None:
            return None
        try:
            with file.open("rb") as stream:
                content = json.loads(stream.read(MOST_DATASET_BYTES))
        except (OSError, ValueError, RecursionError) as error:
            raise InputError(Fault(DATASET, "not readable JSON", "a JSON object")) from error
        if not isinstance(content, dict):
            raise InputError(Fault(DATASET, "not a JSON object", "a JSON object"))
        return content

    def _table(self, name: str, columns: tuple[str, ...]) -> pl.DataFrame | None:
        file = self.metadata.get(name)
        if file is None:
            return None
        with open_parquet(file, name) as opened:
            present = opened.schema_arrow.names
        faults = [
            Fault(f"{name}, column {column}", "absent", "a column of that name")
            for column in columns
            if column not in present
        ]
        if faults:
            raise InputError(faults)
        batches = list(parquet_batches(file, _METADATA_ROWS))
        if batches:
            return pl.concat(batches)
        return pl.DataFrame(schema=dict.fromkeys(present, pl.Null))


@dataclass(frozen=True)
class Spelling:
    """What the columns of one file are called.

    MEDS 0.4 and 0.3 say `subject_id, time, code, numeric_value, text_value`; earlier drafts
    `patient_id`, `timestamp`, `numerical_value`; some derived files keep one column `value`.

    Parameters
    ----------
    names
        MEDS name to the name in the file.
    others
        Columns that MEDS has no place for.
    faults
        Columns that are absent or of a type that cannot be read.
    """

    names: dict[str, str]
    others: tuple[str, ...]
    faults: tuple[Fault, ...]

    OLDER: ClassVar[dict[str, tuple[str, ...]]] = {
        "subject_id": ("patient_id",),
        "time": ("timestamp",),
        "code": (),
        "numeric_value": ("numerical_value", "value"),
        "text_value": (),
    }

    @classmethod
    def of(cls, shard: Path, where: str) -> Spelling:
        """Find the columns of a file by name, and look at their types."""
        with open_parquet(shard, where) as opened:
            schema = opened.schema_arrow
        repeated = {name for name in schema.names if schema.names.count(name) > 1}
        if repeated:
            listed = ", ".join(sorted(repeated))
            return cls({}, (), (Fault(where, f"columns {listed} more than once", "once each"),))
        names = {}
        for name, older in cls.OLDER.items():
            found = [spelling for spelling in (name, *older) if spelling in schema.names]
            if found:
                names[name] = found[0]
        others = tuple(column for column in schema.names if column not in names.values())
        return cls(names, others, (*_absent(names, where), *_unreadable(names, schema, where)))


def _absent(names: dict[str, str], where: str) -> list[Fault]:
    return [
        Fault(f"{where}, column {name}", "absent", "a table of MEDS events")
        for name in ("subject_id", "time", "code")
        if name not in names
    ]


def _unreadable(names: dict[str, str], schema: pa.Schema, where: str) -> list[Fault]:
    faults = []
    for name, column in names.items():
        kind = schema.field(column).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if not any(test(kind) for test in _READABLE[name]):
            expected = _TYPES[name]
            faults.append(Fault(f"{where}, column {column}", f"type {kind}", expected))
    return faults


def _is_text(kind: pa.DataType) -> bool:
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(test(kind) for test in texts)


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


_TYPES = {
    "subject_id": "int64",
    "time": "timestamp[us]",
    "code": "string",
    "numeric_value": "float",
    "text_value": "string",
}
_READABLE = {
    "subject_id": (pa.types.is_integer, _is_text),
    "time": (pa.types.is_timestamp, pa.types.is_date, _is_text, pa.types.is_null),
    "code": (_is_text, pa.types.is_integer),
    "numeric_value": (_is_number, _is_text, pa.types.is_null),
    "text_value": (_is_text, pa.types.is_null),
}
