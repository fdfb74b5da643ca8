"""The subjects of a vault: who is in it, and which name in a source became which id."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from osler.vault.access import Pseudonyms

SCHEMA = pl.Schema({"subject_id": pl.Int64(), "name": pl.String()})
# What the name of an erased subject is given, so that the vault refuses and counts its events.
ERASED_ID = -(2**63)


class SubjectNames:
    """Gives ids to names; the same name has the same id in every load.

    Parameters
    ----------
    table
        Subjects of the vault, with the name of those that have one.
    next_id
        The first id that was never given.
    pseudonyms, tombstones
        To know the names of erased subjects again.
    """

    def __init__(
        self,
        table: pl.DataFrame,
        next_id: int,
        pseudonyms: Pseudonyms,
        tombstones: Collection[str],
    ) -> None:
        named = table.filter(pl.col("name").is_not_null())
        self._ids: dict[str, int] = dict(zip(named["name"], named["subject_id"], strict=True))
        self._given = set(self._ids.values())
        self._taken = set(table.filter(pl.col("subject_id") >= next_id)["subject_id"])
        self._first_id = next_id
        self.next_id = next_id
        self._pseudonyms = pseudonyms
        self._tombstones = tombstones

    def of(self, names: pl.Series) -> pl.Series:
        """Return int64 ids, one per name (null stays null).

        A name that is an integer in text, within int64, is its own id, unless that id was given
        to another name before; then, and for every other name, it is the id that the name has had
        before, or else the next one. The name of an erased subject gets an id of which the vault
        refuses all events.
        """
        texts = names.cast(pl.String).alias("name")
        distinct = texts.drop_nulls().unique(maintain_order=True).to_frame()
        # An integer as Python writes it: "007" and "7" may be two people, so only one is 7.
        distinct = distinct.with_columns(id=pl.col("name").cast(pl.Int64, strict=False))
        own = (pl.col("id").cast(pl.String) == pl.col("name")) & (pl.col("id") != ERASED_ID)
        own = own.fill_null(False) & ~pl.col("id").is_in(list(self._given))
        integers, others = distinct.filter(own), distinct.filter(~own)["name"]
        self.take(integers["id"])
        given = {"name": others, "id": [self._of(name) for name in others]}
        ids = pl.concat([integers, pl.DataFrame(given, schema=integers.schema)])
        joined = texts.to_frame().join(ids, on="name", how="left", maintain_order="left")
        return joined["id"].alias(names.name)

    def take(self, subject_ids: pl.Series) -> None:
        """Note ids that came without a name, so that none of them is given to one."""
        self._taken.update(subject_ids.filter(subject_ids >= self._first_id))

    def names(self) -> pl.DataFrame:
        """Return every id that was given, with its name."""
        ids = list(self._ids.values())
        return pl.DataFrame({"subject_id": ids, "name": list(self._ids)}, schema=SCHEMA)

    def _of(self, name: str) -> int:
        known = self._ids.get(name)
        if known is not None:
            return known
        if self._tombstones and self._pseudonyms.of_name(name).hex() in self._tombstones:
            return ERASED_ID
        return self._give(name)

    def _give(self, name: str) -> int:
        while self.next_id in self._taken:
            self.next_id += 1
        given = self.next_id
        self.next_id += 1
        self._ids[name] = given
        self._given.add(given)
        return given


def empty_table() -> pl.DataFrame:
    """Return a table of subjects without rows."""
    return pl.DataFrame(schema=SCHEMA)
