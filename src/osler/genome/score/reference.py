"""Reading a reference panel: components, populations and sums of its people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from osler.errors import Fault, InputError
from osler.genome.score.options import ReferenceFiles
from osler.genome.score.tables import Table, read_table

_IDENTITY = ("IID", "#IID", "sample", "sample_id", "ID")
_FAMILY = ("FID", "#FID")
_COMPONENT = re.compile(r"PC_?([0-9]+)", re.IGNORECASE)
_POPULATIONS = ("SuperPop", "superpopulation", "super_pop", "Population", "pop", "label")
_SUM, _SCORE = ("SUM", "sum"), ("PGS", "score_id", "accession")
_UNLABELLED = frozenset({"", ".", "NA", "nan", "None", "NONE"})

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Components:
    """Principal components by name of the person.

    Parameters
    ----------
    rows
        Name to row, under both `IID` and `FID_IID` where there is a family.
    values : shape (m, components)
    """

    names: tuple[str, ...]
    rows: dict[str, int]
    values: Floats

    def of(self, people: Sequence[str]) -> Floats:
        """Return the components of people, NaN for those who are not there."""
        found = np.full((len(people), self.values.shape[1]), np.nan)
        for person, name in enumerate(people):
            row = self.rows.get(name)
            if row is not None:
                found[person] = self.values[row]
        return found


@dataclass(frozen=True)
class Panel:
    """A reference panel's people who have both components and a population."""

    names: tuple[str, ...]
    values: Floats
    labels: NDArray[np.str_]
    everybody: Components


def read_components(path: Path | str) -> Components:
    """Read a table with IID, PC1, PC2, ….

    Raises
    ------
    InputError
        If it has no such columns, no numbers in them, or a person twice.
    """
    path = Path(path)
    table = read_table(path)
    identity = _identity(table)
    numbered = {int(m[1]): n for n, c in enumerate(table.columns) if (m := _COMPONENT.fullmatch(c))}
    count = next(k for k in range(len(numbered) + 1) if k + 1 not in numbered)
    if not count:
        raise InputError(Fault(str(path), "no column PC1", "columns IID, PC1, PC2, …"))
    try:
        values = np.array(
            [[float(row[numbered[k + 1]]) for k in range(count)] for row in table.rows]
        )
    except ValueError:
        values = np.array([np.nan])
    if not np.isfinite(values).all():
        raise InputError(Fault(str(path), "components that are no numbers", "a number in each"))
    names = tuple(row[identity] for row in table.rows)
    _check_once(path, names)
    rows = {name: number for number, name in enumerate(names)}
    family = table.find(_FAMILY)
    if family is not None:
        for number, row in enumerate(table.rows):
            rows.setdefault(f"{row[family]}_{names[number]}", number)
    return Components(names, rows, values)


def read_panel(files: ReferenceFiles) -> Panel:
    """Read a panel's components and the populations of its people.

    Raises
    ------
    InputError
        If components or labels are missing or cannot be read.
    """
    if files.pcs is None:
        raise InputError(Fault("reference", "no components", "a file of them", "--reference-pcs"))
    path = Path(files.pcs)
    everybody = read_components(path)
    source = Path(files.labels) if files.labels else labels_beside(path)
    table = read_table(source or path)
    column = table.find((files.population, *_POPULATIONS))
    if column is None:
        raise InputError(
            Fault(
                str(source or path),
                f"no column {files.population}",
                "the population of each person of the panel",
                "name a table with IID and SuperPop with --reference-labels",
            )
        )
    identity = _identity(table)
    label_of = {row[identity]: row[column].strip() for row in table.rows}
    labelled = [
        number
        for number, name in enumerate(everybody.names)
        if label_of.get(name, "") not in _UNLABELLED
    ]
    if not labelled:
        raise InputError(
            Fault(str(source or path), "no label for anybody of the components", "the same IIDs")
        )
    names = tuple(everybody.names[number] for number in labelled)
    labels = np.array([label_of[name] for name in names])
    return Panel(names, everybody.values[labelled], labels, everybody)


def read_sums(path: Path | str, score_ids: Sequence[str]) -> dict[str, dict[str, float]]:
    """Read sums of a panel: score to person to sum.

    A score of the table is one of `score_ids` if it has its name, alone or before an underscore
    (`PGS001229_hmPOS_GRCh38`).

    Raises
    ------
    InputError
        If a column is missing, a sum is no number, or a person is there twice for one score.
    """
    path = Path(path)
    table = read_table(path)
    identity, column, score = _identity(table), table.find(_SUM), table.find(_SCORE)
    if column is None:
        raise InputError(Fault(str(path), "no column SUM", "columns IID, PGS, SUM"))
    if score is None and len(score_ids) > 1:
        raise InputError(Fault(str(path), "no column PGS", "columns IID, PGS, SUM"))
    named: dict[str, str | None] = {}
    sums: dict[str, dict[str, float]] = {}
    for row in table.rows:
        said = row[score] if score is not None else score_ids[0]
        if said not in named:
            named[said] = _score_of(said, score_ids)
        score_id = named[said]
        if score_id is None:
            continue
        found = sums.setdefault(score_id, {})
        if row[identity] in found:
            raise InputError(Fault(str(path), "a person twice for one score", "each once"))
        found[row[identity]] = _finite(path, row[column])
    return sums


def _score_of(said: str, score_ids: Sequence[str]) -> str | None:
    """Return the score that a table's name of it means."""
    return next((one for one in score_ids if said == one or said.startswith(f"{one}_")), None)


def _finite(path: Path, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise InputError(Fault(str(path), "a sum that is no number", "a number in each row"))
    return value


def labels_beside(path: Path) -> Path | None:
    """Return the `.psam` of the same name beside a file of components, if there is one."""
    stem = path.name.split(".")[0]
    beside = [path.with_name(stem + ending) for ending in (".psam", ".psam.gz")]
    return next((one for one in beside if one.is_file()), None)


def _identity(table: Table) -> int:
    column = table.find(_IDENTITY)
    if column is None:
        raise InputError(Fault(str(table.path), "no column IID", "the name of each person as IID"))
    return column


def _check_once(path: Path, names: Sequence[str]) -> None:
    twice = len(names) - len(set(names))
    if twice:
        raise InputError(Fault(str(path), f"{twice} people who stand there twice", "each once"))
