"""How well the protein of an allele works, as far as a rule ranks alleles by it."""

from __future__ import annotations

import csv
import io
import json
from functools import cached_property

from osler.knowledge import Release

PYPGX_ALLELES = "pypgx/allele"

RYR1_RANKS = {
    "Malignant Hyperthermia Associated": 0.0,
    "Uncertain Function": 1.0,
    "Normal Function": 2.0,
}
UNKNOWN_RYR1 = 1.0
UNKNOWN_DPYD = 0.9
"""An allele without a function ranks under the normal ones: it is never taken for one of them."""


class FunctionTable:
    """Ranks of alleles by function, the lowest function first.

    DPYD by CPIC's activity values (Amstutz et al. 2018, doi:10.1002/cpt.911), RYR1 by whether CPIC
    associates the allele with malignant hyperthermia (Gonsalves et al. 2019, doi:10.1002/cpt.1319).
    Each table is read when it is first asked for; a release without it leaves every rank equal.
    """

    def __init__(self, release: Release) -> None:
        self.release = release
        self._names = frozenset(release.names())

    def rank(self, gene: str, allele: str) -> float:
        """Return the rank of an allele: lower is lower function."""
        if gene == "DPYD":
            return self._dpyd.get(allele, UNKNOWN_DPYD)
        if gene == "RYR1":
            return self._ryr1.get(allele, UNKNOWN_RYR1)
        return 0.0

    @cached_property
    def _dpyd(self) -> dict[str, float]:
        if "phenotypes/DPYD" not in self._names:
            return {}
        values = json.loads(self.release.read("phenotypes/DPYD"))["haplotypes"]
        return {name: float(text) for name, text in values.items() if _is_number(text)}

    @cached_property
    def _ryr1(self) -> dict[str, float]:
        if PYPGX_ALLELES not in self._names:
            return {}
        rows = csv.DictReader(io.StringIO(self.release.read(PYPGX_ALLELES).decode("utf-8")))
        return {
            row["StarAllele"]: RYR1_RANKS.get(row["Function"], UNKNOWN_RYR1)
            for row in rows
            if row["Gene"] == "RYR1"
        }


def _is_number(text: str | None) -> bool:
    return text is not None and text.replace(".", "", 1).isdigit()
