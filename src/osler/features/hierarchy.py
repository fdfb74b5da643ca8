"""What stands above a code: the ancestors that its events count for too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from osler.errors import Fault, InputError

MOST_NAMED = 5


@dataclass(frozen=True)
class Hierarchy:
    """Codes and the parents of each, without a way back to where one started.

    Parameters
    ----------
    parents
        The codes right above each code. A code without parents need not be there.

    Examples
    --------
    >>> above = Hierarchy({"ICD10//I50.9": ("ICD10//I50",), "ICD10//I50": ("ICD10//I",)}).above
    >>> sorted(above("ICD10//I50.9"))
    ['ICD10//I', 'ICD10//I50']
    """

    parents: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        round_trip = _cycle(self.parents)
        if round_trip:
            shown = [*round_trip[:MOST_NAMED], *(["…"] if len(round_trip) > MOST_NAMED else [])]
            came = "codes that stand above themselves: " + " below ".join([*shown, round_trip[0]])
            expected = "parents that lead upwards and end"
            raise InputError(Fault("parent_codes", came, expected, "take one of these links out"))

    @classmethod
    def of(cls, codes: pl.DataFrame) -> Hierarchy:
        """Read the metadata of MEDS codes; a code in several rows has the parents of all.

        Parameters
        ----------
        codes
            Columns `code` and `parent_codes`, a list of texts, null or empty where there are none.

        Raises
        ------
        InputError
            If a column is absent or of another type, or parents lead back to their child.
        """
        kinds = {"code": pl.String(), "parent_codes": pl.List(pl.String())}
        none = pl.List(pl.Null())
        faults = [
            Fault(f"codes, column {name}", str(codes.schema.get(name, "absent")), str(kind))
            for name, kind in kinds.items()
            if codes.schema.get(name) != kind and codes.schema.get(name) not in (none, pl.Null())
        ]
        if faults:
            raise InputError(faults)
        listed = codes.select(pl.col(name).cast(kind) for name, kind in kinds.items())
        pairs = listed.explode("parent_codes", empty_as_null=True).drop_nulls().unique()
        grouped = pairs.sort("code", "parent_codes").group_by("code", maintain_order=True).all()
        return cls({code: tuple(parents) for code, parents in grouped.iter_rows()})

    @classmethod
    def from_json(cls, content: Any) -> Hierarchy:
        """Return what `to_json` gave."""
        return cls({str(code): tuple(map(str, parents)) for code, parents in content.items()})

    def to_json(self) -> dict[str, list[str]]:
        """Return the parents of each code as JSON takes them."""
        return {code: list(parents) for code, parents in sorted(self.parents.items())}

    def above(self, code: str) -> frozenset[str]:
        """Return all ancestors of a code, each once, however many ways lead there."""
        found: set[str] = set()
        waiting = list(self.parents.get(code, ()))
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting.extend(self.parents.get(one, ()))
        return frozenset(found)

    def within(self, code: str, codes: Iterable[str]) -> list[str]:
        """Return those of the codes that are this one or stand below it."""
        return [one for one in codes if one == code or code in self.above(one)]

    def is_above(self, code: str) -> bool:
        """Whether any code stands below."""
        return any(code in parents for parents in self.parents.values())


def _cycle(parents: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return codes each of which is below the next and the last below the first; empty if none."""
    settled: set[str] = set()
    for start in parents:
        path: list[str] = []
        on_path: dict[str, int] = {}
        waiting = [(start, False)]
        while waiting:
            code, left = waiting.pop()
            if left:
                settled.add(path.pop())
                del on_path[code]
            elif code in on_path:
                return path[on_path[code] :]
            elif code not in settled:
                on_path[code] = len(path)
                path.append(code)
                waiting.append((code, True))
                waiting.extend((one, False) for one in parents.get(code, ()))
    return []
