"""What a reader was told of a tumour, and what was not given."""

from __future__ import annotations

import math

from osler.errors import Fault, InputError
from osler.genome.somatic.nouns import RECEPTORS, Tumour

STATUSES = ("positive", "negative")


def not_given(tumour: Tumour, *, of_breast: bool) -> tuple[str, ...]:
    """Name what was not given and could change a tier or a finding.

    Parameters
    ----------
    of_breast
        Whether it is a cancer of the breast, whose subtypes the receptors tell.
    """
    absent = {
        "stage": tumour.stage is None,
        "line of therapy": tumour.line is None,
        "assayed genes": tumour.assayed_genes is None,
        "copy number": tumour.copy_number is None,
        "fusions": tumour.fusions is None,
        "tumour purity": tumour.purity is None,
        "tumour mutational burden": tumour.tmb is None,
        "microsatellite state": tumour.msi is None,
    }
    receptors = [name for name in RECEPTORS if of_breast and name not in tumour.receptors]
    named = [name for name, is_absent in absent.items() if is_absent]
    return (*named, *(f"{name} receptor status" for name in receptors))


def check(tumour: Tumour) -> None:
    """Refuse what cannot be.

    Raises
    ------
    InputError
        If purity or burden is out of range, or a receptor or its status is unknown.
    """
    faults = []
    if tumour.purity is not None and not 0 < tumour.purity <= 1:
        faults.append(Fault("purity", "a number out of range", "more than 0, at most 1"))
    if tumour.tmb is not None and not (math.isfinite(tumour.tmb) and tumour.tmb >= 0):
        faults.append(Fault("tmb", "a number out of range", "mutations a megabase, 0 or more"))
    for name, status in tumour.receptors.items():
        if name not in RECEPTORS or status not in STATUSES:
            faults.append(
                Fault("receptors", "a receptor or status unknown here", receptors_expected())
            )
    if faults:
        raise InputError(faults)


def receptors_expected() -> str:
    """Say how receptors are given."""
    return f"{', '.join(RECEPTORS)}, each {' or '.join(STATUSES)}"


def receptors_of(text: str) -> dict[str, str]:
    """Read `ER=positive,PR=negative,HER2=+`; unknown and empty statuses are left out.

    Raises
    ------
    InputError
        If a part is not a receptor and its status.
    """
    words = {"positive": "positive", "pos": "positive", "+": "positive"}
    words |= {"negative": "negative", "neg": "negative", "-": "negative"}
    found: dict[str, str] = {}
    faults = []
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, _, status = part.partition("=")
        plain, said = name.strip().upper(), status.strip().lower()
        if plain not in RECEPTORS or (said and said != "unknown" and said not in words):
            faults.append(Fault("--receptors", "a part that cannot be read", receptors_expected()))
        elif said in words and found.get(plain, words[said]) != words[said]:
            faults.append(Fault("--receptors", "one receptor with two statuses", "one status"))
        elif said in words:
            found[plain] = words[said]
    if faults:
        raise InputError(faults)
    return found
