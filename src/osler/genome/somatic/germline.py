"""Hints that an alteration may be inherited, or carried by a part of the tumour only."""

from __future__ import annotations

from dataclasses import dataclass

from osler.genome.somatic.civic import Civic, CivicVariant
from osler.genome.somatic.match import EXACT, VariantMatch
from osler.genome.somatic.nouns import Alteration, AlterationKind

# About half or all reads: Li et al. 2017, tables 4 and 5. The width is osler's.
HALF, WIDTH, NEARLY_ALL = 0.5, 0.1, 0.9
SUBCLONE_SHARE = 0.5
CONFIRM = "confirm in normal tissue, with genetic counselling; this is not a claim that it is"


@dataclass(frozen=True)
class GermlineSuspicion:
    """Why an alteration may be inherited, and what to do."""

    reasons: tuple[str, ...]
    advice: str = CONFIRM


def germline_suspicion(
    alteration: Alteration,
    matches: list[tuple[CivicVariant, VariantMatch]],
    purity: float | None,
    civic: Civic,
) -> GermlineSuspicion | None:
    """Return why a small variant may be inherited; None without a hint.

    References
    ----------
    Li et al. 2017, J Mol Diagn 19:4-23, doi:10.1016/j.jmoldx.2016.10.002: a share of about 50 % or
    100 % of the reads, or a variant known as inherited; confirm in normal tissue, and counsel.
    """
    if alteration.kind is not AlterationKind.SMALL:
        return None
    reasons = [
        *_by_share(alteration.allele_fraction, purity),
        *_by_variant(matches, civic),
        *_by_gene(alteration, civic),
    ]
    return GermlineSuspicion(tuple(reasons)) if reasons else None


def _by_share(share: float | None, purity: float | None) -> list[str]:
    """Compare the share of reads with what a change of the tumour alone could reach."""
    if share is None or purity is None:
        return []
    heterozygous = purity / 2
    if abs(share - HALF) <= WIDTH and share > heterozygous + WIDTH:
        return [
            f"{share:.0%} of reads carry it; in the tumour alone, at the purity given, one changed "
            f"copy of two would give {heterozygous:.0%}, and {purity:.0%} if it replaced the other"
        ]
    if share >= NEARLY_ALL and share > purity + WIDTH / 2:
        return [f"{share:.0%} of reads carry it, more than the purity given allows the tumour"]
    return []


def _by_variant(matches: list[tuple[CivicVariant, VariantMatch]], civic: Civic) -> list[str]:
    known = [
        variant.label
        for variant, match in matches
        if match in EXACT and any(item.germline for item in civic.evidence[variant.number])
    ]
    return [f"CIViC has evidence on {known[0]} as an inherited variant"] if known else []


def _by_gene(alteration: Alteration, civic: Civic) -> list[str]:
    if not alteration.loses_function or alteration.gene not in civic.inherited_genes:
        return []
    return [
        f"a variant that ends the function of {alteration.gene}, of which CIViC has such "
        "variants as inherited"
    ]


def cell_share(alteration: Alteration, purity: float | None) -> float | None:
    """Return the share of tumour cells that carry a small variant, if each has one of two copies.

    Returns
    -------
    From 0 to 1; None if the reads were not counted or the purity was not given.
    """
    if alteration.allele_fraction is None or not purity:
        return None
    return min(1.0, 2 * alteration.allele_fraction / purity)


def subclonal_hint(alteration: Alteration, purity: float | None) -> str | None:
    """Say that a variant may be in a part of the tumour's cells only; None without a hint."""
    share = cell_share(alteration, purity)
    if share is None or share >= SUBCLONE_SHARE:
        return None
    return (
        f"about {share:.0%} of tumour cells may carry it, if each has one changed copy of two: "
        "perhaps a subclone"
    )
