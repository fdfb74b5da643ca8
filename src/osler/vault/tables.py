"""The small tables of a vault: its subjects and its codes; and what an attachment is bound to."""

from __future__ import annotations

import polars as pl

from osler.model import CODE_COLUMNS
from osler.vault.manifest import FileKind
from osler.vault.shards import read_frame
from osler.vault.store import Store, binding
from osler.vault.subjects import empty_table


def read_subjects(store: Store) -> pl.DataFrame:
    """Return subject_id (sorted) and name (null for subjects that came as integers)."""
    return _read(store, "subjects", empty_table())


def read_codes(store: Store) -> pl.DataFrame:
    """Return `CODE_COLUMNS`, sorted: codes that events of the vault have, and those above them."""
    return _read(store, "codes", pl.DataFrame(schema=CODE_COLUMNS))


def joined_subjects(table: pl.DataFrame, touched: pl.Series, names: pl.DataFrame) -> pl.DataFrame:
    """Return the table of subjects with those that a load brought."""
    ids = pl.concat([table["subject_id"], touched.alias("subject_id")]).unique().sort()
    return ids.to_frame().join(names, on="subject_id", how="left", maintain_order="left")


def described(codes: pl.DataFrame) -> pl.DataFrame:
    """Return descriptions of codes in `CODE_COLUMNS`; columns that are absent become null."""
    columns = [
        (pl.col(name) if name in codes.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in CODE_COLUMNS.items()
    ]
    return codes.select(columns).drop_nulls("code")


def joined_codes(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """Return one row for each code; what `first` says of it counts before what `second` says."""
    both = pl.concat([described(first), described(second)])
    said = [pl.col(name).drop_nulls().first() for name in CODE_COLUMNS if name != "code"]
    return both.group_by("code", maintain_order=True).agg(said).sort("code")


def with_ancestors(codes: pl.Series, said: pl.DataFrame) -> pl.DataFrame:
    """Return rows of `CODE_COLUMNS` for the codes and for all that stands above them, sorted.

    Parameters
    ----------
    said
        Rows of `CODE_COLUMNS`, one for each code; a code that is not there gets an empty row.
    """
    pairs = said.select("code", "parent_codes").explode("parent_codes", empty_as_null=True)
    found = reached = codes.unique().alias("code").to_frame()
    while reached.height:
        parents = reached.join(pairs.drop_nulls(), on="code", how="inner")
        above = parents.select(pl.col("parent_codes").alias("code")).unique()
        reached = above.join(found, on="code", how="anti")
        found = pl.concat([found, reached])
    return found.sort("code").join(said, on="code", how="left", maintain_order="left")


def attachment_binding(vault_id: str, file_name: str, subject_id: int, title: str) -> bytes:
    """Return what binds an attachment to its vault, its file, its subject and its name."""
    whose = subject_id.to_bytes(8, "little", signed=True)
    return b"\0".join((binding(vault_id, file_name), whose, title.encode()))


def _read(store: Store, kind: FileKind, without: pl.DataFrame) -> pl.DataFrame:
    files = store.manifest.of_kind(kind)
    return read_frame(store, files[-1]) if files else without
