"""From a timeline to a tumour: its alterations, its disease, its receptors and its stage.

What is read
------------
Alterations
    `VARIANT//`, `MUTATION//` and `GENE_ALTERED//` as the source `genome` writes them for a MAF. A
    `VARIANT//` whose text is a genotype, such as `0/1`, is from a VCF and taken for inherited.
Disease
    The latest diagnosis that the ontology of the release knows as a neoplasm, by the text of the
    event, by the description of its code, or by the last part of the code.
Receptors
    `ER_STATUS//`, `PR_STATUS//`, `HER2_STATUS//` with `positive` or `negative`, the latest.
Stage
    `TUMOUR//stage` with a number, or `STAGE//` and the stage, the latest.
Measurements
    `TUMOUR//mutational_burden`, `TUMOUR//purity` with numbers and `MICROSATELLITE_STATE//` with the
    state. Which genes the test covers, copy number and fusions are not read from a timeline.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from osler.errors import InputError
from osler.genome.somatic.tables import rows_of

if TYPE_CHECKING:
    from osler.genome.somatic import Civic, Tumour

VARIANTS = ("VARIANT//", "MUTATION//", "GENE_ALTERED//")
SEQUENCED = "SEQUENCED//tumour"
DIAGNOSES = (
    "DIAGNOSIS//",
    "CONDITION//",
    "CANCER//",
    "SNOMED",
    "ICD",
    "ONCOTREE//",
    "DOID",
    "FHIR_TEXT//",
)
RECEPTOR_CODES = {"ER_STATUS": "ER", "PR_STATUS": "PR", "HER2_STATUS": "HER2"}
STATUSES = ("positive", "negative")
STAGE, STAGE_PREFIX = "TUMOUR//stage", "STAGE//"
BURDEN, PURITY, MICROSATELLITES = (
    "TUMOUR//mutational_burden",
    "TUMOUR//purity",
    "MICROSATELLITE_STATE//",
)
READ = (
    *VARIANTS,
    *DIAGNOSES,
    *(f"{name}//" for name in RECEPTOR_CODES),
    "SEQUENCED//",
    "TUMOUR//",
    STAGE_PREFIX,
    MICROSATELLITES,
)


@dataclass(frozen=True)
class FoundTumour:
    """A tumour on a timeline.

    Parameters
    ----------
    reported
        When the latest of the events that it rests on was reported; None if none has a time.
    named_by
        The code of the event that names the disease; None if it was given from outside.
    other_diseases
        Neoplasms that the timeline names besides.
    """

    tumour: Tumour
    reported: datetime | None
    named_by: str | None
    other_diseases: tuple[str, ...] = ()


@dataclass(frozen=True)
class NoTumour:
    """Why there is nothing to interpret."""

    why: str


NOT_SEQUENCED = NoTumour("no event says that a tumour was sequenced")
NO_DISEASE = NoTumour("the tumour was sequenced, and no event names its disease")


class TumourReader:
    """Reads tumours from timelines, with the names of diseases that a release knows.

    Parameters
    ----------
    descriptions
        What the codes of the vault mean.
    cancer
        Disease of the tumours of those whose timeline names none; None leaves them out.
    """

    def __init__(
        self, civic: Civic, descriptions: Mapping[str, str], cancer: str | None = None
    ) -> None:
        self._civic, self._descriptions, self._cancer = civic, descriptions, cancer
        self._diseases: dict[str, str | None] = {}
        if cancer is not None:
            civic.diseases.find(cancer)

    def read(self, events: pl.DataFrame) -> FoundTumour | NoTumour:
        """Read the tumour of one subject.

        Parameters
        ----------
        events
            One subject's timeline, sorted by time.
        """
        from osler.genome.somatic import Tumour

        rows = _Rows(events.filter(pl.col("code").str.contains(_ANY) & ~_is_inherited()))
        if not rows.sequenced:
            return NOT_SEQUENCED
        diseases = self._named(rows)
        if not diseases and self._cancer is None:
            return NO_DISEASE
        named_by, disease = diseases[-1] if diseases else (None, str(self._cancer))
        tumour = Tumour.from_events(
            rows.frame,
            disease,
            receptors=rows.receptors,
            stage=rows.stage,
            tmb=rows.number(BURDEN),
            purity=rows.number(PURITY),
            msi=rows.last_part(MICROSATELLITES),
        )
        others = tuple(one for one in dict.fromkeys(name for _, name in diseases) if one != disease)
        return FoundTumour(tumour, rows.reported({named_by}), named_by, others)

    def _named(self, rows: _Rows) -> list[tuple[str, str]]:
        """Return code and disease of each diagnosis that is a neoplasm, earliest first."""
        found = []
        for code, text in rows.diagnoses:
            disease = self._disease(code, text)
            if disease is not None:
                found.append((code, disease))
        return found

    def _disease(self, code: str, text: str | None) -> str | None:
        for name in (text, self._descriptions.get(code), code.rpartition("//")[2]):
            if name and (disease := self._known(name)):
                return disease
        return None

    def _known(self, name: str) -> str | None:
        plain = plain_name(name)
        if plain not in self._names:
            return None
        if plain not in self._diseases:
            try:
                self._diseases[plain] = self._civic.diseases.find(name).name
            except InputError:
                # A disease of the ontology that is no neoplasm.
                self._diseases[plain] = None
        return self._diseases[plain]

    @cached_property
    def _names(self) -> frozenset[str]:
        rows = rows_of(self._civic.release, "diseases")
        listed = (name for row in rows for name in (row["name"], *row["synonyms"].split("|")))
        return frozenset(plain_name(name) for name in listed if name)


class _Rows:
    """The events of one timeline that concern a tumour, in order."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame
        self._rows = list(frame.select("code", "numeric_value", "text_value", "time").iter_rows())

    @property
    def sequenced(self) -> bool:
        return any(code == SEQUENCED or code.startswith(VARIANTS) for code, *_ in self._rows)

    @property
    def diagnoses(self) -> list[tuple[str, str | None]]:
        return [(code, text) for code, _, text, _ in self._rows if code.startswith(DIAGNOSES)]

    @property
    def receptors(self) -> dict[str, str]:
        found = {}
        for code, *_ in self._rows:
            name, _, status = code.partition("//")
            if name in RECEPTOR_CODES and status in STATUSES:
                found[RECEPTOR_CODES[name]] = status
        return found

    @property
    def stage(self) -> str | None:
        number = self.number(STAGE)
        return self.last_part(STAGE_PREFIX) if number is None else f"{number:g}"

    def number(self, code: str) -> float | None:
        """Return the latest number of a code."""
        numbers = [value for one, value, *_ in self._rows if one == code and value is not None]
        return float(numbers[-1]) if numbers else None

    def last_part(self, prefix: str) -> str | None:
        """Return what follows the prefix in the latest code that begins with it."""
        codes = [code for code, *_ in self._rows if code.startswith(prefix)]
        return codes[-1].removeprefix(prefix) or None if codes else None

    def reported(self, named_by: Iterable[str | None]) -> datetime | None:
        """Return the time of the latest event that was used."""
        used = {*named_by, SEQUENCED, STAGE, BURDEN, PURITY}
        begins = (
            *VARIANTS,
            STAGE_PREFIX,
            MICROSATELLITES,
            *(f"{name}//" for name in RECEPTOR_CODES),
        )
        return max(
            (
                time
                for code, *_, time in self._rows
                if time is not None and (code in used or code.startswith(begins))
            ),
            default=None,
        )


_GENOTYPE = r"^[0-9.]+([/|][0-9.]+)*$"


def _is_inherited() -> pl.Expr:
    """Return which events are variants that a VCF told: their text is a genotype."""
    from_vcf = pl.col("text_value").str.contains(_GENOTYPE).fill_null(value=False)
    return pl.col("code").str.starts_with("VARIANT//") & from_vcf


_ANY = "^(" + "|".join(re.escape(prefix) for prefix in READ) + ")"


def plain_name(name: str) -> str:
    """Return a disease's name for a first comparison: lower case, letters and digits only.

    Examples
    --------
    >>> plain_name("Breast  Carcinoma, NOS")
    'breast carcinoma nos'
    """
    return " ".join(re.sub(r"[^a-z0-9]+", " ", name.lower().replace("tumour", "tumor")).split())
