"""A tumour from the events of a timeline."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from osler.genome.somatic.nouns import CHANGES_PROTEIN, Alteration, Place

if TYPE_CHECKING:
    import polars as pl

SEQUENCED = "SEQUENCED//tumour"
NOT_SEQUENCED = (
    "no event says that the tumour was sequenced: no alteration does not mean that there is none"
)
OTHER_CLASSES = frozenset(
    {
        "Silent",
        "Intron",
        "RNA",
        "IGR",
        "Splice_Region",
        "Targeted_Region",
        "3'UTR",
        "5'UTR",
        "3'Flank",
        "5'Flank",
        "De_novo_Start_InFrame",
        "De_novo_Start_OutOfFrame",
    }
)
_VARIANT = re.compile(r"VARIANT//(GRCh3[78])//([0-9A-Z_.]+)-([0-9]+)-([ACGTN]+|-)-([ACGTN]+|-)")
_Row = tuple[str, float | None, str | None]


def alterations_of(events: pl.DataFrame) -> tuple[Alteration, ...]:
    """Return the small variants in one subject's events, each once, in the order of the events.

    `VARIANT//` tells the most. `MUTATION//` and `GENE_ALTERED//` of the same gene and protein
    change repeat it, and speak for themselves where there is no such variant.
    """
    rows: list[_Row] = list(events.select("code", "numeric_value", "text_value").iter_rows())
    found: dict[tuple[str, str | None], Alteration] = {}
    for reader in (_variant, _mutation, _altered):
        for row in rows:
            alteration = reader(row)
            if alteration is not None:
                found.setdefault((alteration.gene, _key(alteration)), alteration)
    told = {gene for gene, protein in found if protein}
    return tuple(one for one in found.values() if _key(one) or one.gene not in told)


def notes_of(events: pl.DataFrame) -> tuple[str, ...]:
    """Return what the timeline leaves open."""
    codes = set(events["code"].to_list())
    sequenced = SEQUENCED in codes or any(
        code.startswith(("VARIANT//", "MUTATION//", "GENE_ALTERED//")) for code in codes
    )
    return () if sequenced else (NOT_SEQUENCED,)


def _key(alteration: Alteration) -> str | None:
    """Return what tells one alteration of a gene from another."""
    return alteration.protein or (alteration.what if alteration.place else None)


def _variant(row: _Row) -> Alteration | None:
    code, share, text = row
    found = _VARIANT.fullmatch(code)
    if not found:
        return None
    gene, protein, classification = _label(text or "")
    start = int(found[3])
    reference, alternate = found[4].replace("-", ""), found[5].replace("-", "")
    place = Place(found[1], found[2], start, reference, alternate)
    fraction = share if share is not None and 0 <= share <= 1 else None
    return Alteration(
        gene,
        classification=classification,
        protein=protein,
        place=place,
        allele_fraction=fraction,
    )


def _label(text: str) -> tuple[str, str | None, str | None]:
    """Split `TP53 p.R175H Missense_Mutation`, any part of which may be absent."""
    words = text.split()
    classification = None
    if words and words[-1] in CHANGES_PROTEIN | OTHER_CLASSES:
        classification = words.pop()
    protein = words.pop() if words and words[-1].startswith("p.") else None
    if protein is None and len(words) == 2:
        protein = words.pop()
    return (words[0] if len(words) == 1 else ""), protein, classification


def _mutation(row: _Row) -> Alteration | None:
    code, _, protein = row
    parts = code.split("//")
    if parts[0] != "MUTATION" or len(parts) != 3:
        return None
    return Alteration(parts[1], classification=parts[2], protein=protein)


def _altered(row: _Row) -> Alteration | None:
    code, _, protein = row
    parts = code.split("//")
    if parts[0] != "GENE_ALTERED" or len(parts) != 2:
        return None
    return Alteration(parts[1], classification="Protein_Altering", protein=protein)
