"""How well an alteration fits a variant of CIViC: never better than what both of them tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from osler.genome.somatic.civic import Civic, CivicVariant
from osler.genome.somatic.names import LOST, Action, Kind, Pattern
from osler.genome.somatic.nouns import Alteration, AlterationKind
from osler.genome.somatic.protein import Effect, ProteinChange

# An insertion or deletion in a repeat may be written at either end of it; further away, the same
# words speak of another place, by the numbering of another transcript.
SAME_PLACE_BASES = 50
# Splice sites are the two bases on either side of an exon.
SPLICE_BASES = 2
LONGEST_REGION_BASES = 5000
GRCH37 = "GRCh37"


class VariantMatch(StrEnum):
    """How specific a match is, the most specific first."""

    SAME_CHANGE = "same protein change"
    SAME_CODING = "same coding change"
    SAME_PLACE = "same genomic change"
    FUSION = "same fusion partners"
    COPY_NUMBER = "same copy-number class"
    RECEPTOR = "receptor status"
    CODON = "same codon"
    CODONS = "same stretch of codons"
    EXON = "same exon"
    REGION = "same region"
    FUSION_ANY = "fusion of the gene"
    CLASS = "gene and class of alteration"
    ONE_COPY = "gene, loss of one copy at least"
    WILD_TYPE = "no alteration found in the gene"
    GENE = "gene, any alteration"
    OTHER_CHANGE = "same codon, another change"
    PART = "part of a combination"


RANK = {match: rank for rank, match in enumerate(VariantMatch)}
EXACT = frozenset({VariantMatch.SAME_CHANGE, VariantMatch.SAME_CODING, VariantMatch.SAME_PLACE})
_TELLING = EXACT | {VariantMatch.CODON}


def matches_of(
    alteration: Alteration, tumour: Sequence[Alteration], civic: Civic
) -> list[tuple[CivicVariant, VariantMatch]]:
    """Return the variants of CIViC that an alteration fits, the most specific first.

    Parameters
    ----------
    tumour
        All alterations of the tumour: some names ask for several.
    """
    candidates = _candidates(alteration, civic)
    found = []
    for variant in candidates:
        match = _fit(alteration, tumour, variant, civic)
        if match is not None:
            found.append((variant, match))
    found += _activating(candidates, found)
    return sorted(found, key=lambda one: (RANK[one[1]], one[0].number))


def _candidates(alteration: Alteration, civic: Civic) -> list[CivicVariant]:
    genes = alteration.partners or (alteration.gene,)
    listed = [variant for gene in genes for variant in civic.by_gene.get(gene, ())]
    if alteration.place is not None:
        listed += civic.by_place.get(alteration.place, ())
    by_number = {one.number: one for one in listed if _about(alteration, one)}
    return [one for number, one in by_number.items() if number in civic.evidence]


def _about(alteration: Alteration, variant: CivicVariant) -> bool:
    """Tell whether a variant is of the alteration's gene; one of a fusion is of either partner."""
    return (
        alteration.kind is AlterationKind.FUSION
        or alteration.gene == variant.gene
        or (alteration.place is not None and alteration.place in variant.places)
    )


def _fit(
    alteration: Alteration, tumour: Sequence[Alteration], variant: CivicVariant, civic: Civic
) -> VariantMatch | None:
    """Return how the alteration fits, with what else the name asks for."""
    groups = variant.name.groups
    own = [_group(alteration, group, variant, civic) for group in groups]
    best = _best(own)
    if best is None or len(groups) == 1:
        return best
    others = [one for one in tumour if one != alteration and _about(one, variant)]
    rest = [
        _best(_group(other, group, variant, civic) for other in others)
        for group, fitted in zip(groups, own, strict=True)
        if fitted is None
    ]
    told = [one for one in (*own, *rest) if one is not None]
    if len(told) == len(groups):
        weakest = max(told, key=RANK.__getitem__)
        return best if RANK[weakest] <= RANK[VariantMatch.FUSION_ANY] else weakest
    return VariantMatch.PART if best in _TELLING else None


def _group(
    alteration: Alteration, group: tuple[Pattern, ...], variant: CivicVariant, civic: Civic
) -> VariantMatch | None:
    return _best(_pattern(alteration, pattern, variant, civic) for pattern in group)


def _best(found: Iterable[VariantMatch | None]) -> VariantMatch | None:
    told = [one for one in found if one is not None]
    return min(told, key=RANK.__getitem__) if told else None


def _pattern(
    alteration: Alteration, pattern: Pattern, variant: CivicVariant, civic: Civic
) -> VariantMatch | None:
    """Compare one alteration with one pattern."""
    if alteration.kind is AlterationKind.SMALL:
        return _small(alteration, pattern, variant, civic)
    if alteration.kind is AlterationKind.COPY_NUMBER:
        return _copy_number(alteration, pattern)
    if alteration.kind is AlterationKind.FUSION:
        return _fusion(alteration, pattern, variant)
    if alteration.kind is AlterationKind.RECEPTOR:
        return _receptor(alteration, pattern)
    return VariantMatch.WILD_TYPE if pattern.kind is Kind.WILD_TYPE else None


def _small(
    alteration: Alteration, pattern: Pattern, variant: CivicVariant, civic: Civic
) -> VariantMatch | None:
    if alteration.place is not None and alteration.place in variant.places:
        return _same_place(alteration, pattern)
    if pattern.kind in {Kind.PROTEIN, Kind.CODING}:
        return _change(alteration, pattern, variant)
    if pattern.kind is Kind.CODON:
        return _codon(alteration, pattern, variant)
    if pattern.kind is Kind.CODONS:
        change = alteration.change
        fits = change is not None and change.effect in {Effect.DELETION, Effect.REPLACEMENT}
        return VariantMatch.CODONS if fits and _touches(change, pattern) else None
    if pattern.kind is Kind.EXON:
        return _exon(alteration, pattern, variant, civic)
    if pattern.kind is Kind.DOMAIN:
        return _domain(alteration, pattern, variant, civic)
    if pattern.kind is Kind.PLACE:
        return _place(alteration, variant)
    if pattern.kind is Kind.GENE:
        return _gene(alteration, pattern, civic)
    return None


# CIViC gives one allele as an example of a class: then the match is of that class.
_OF_EXAMPLE = {
    Kind.CODON: VariantMatch.CODON,
    Kind.CODONS: VariantMatch.CODONS,
    Kind.EXON: VariantMatch.EXON,
    Kind.DOMAIN: VariantMatch.REGION,
    Kind.GENE: VariantMatch.CLASS,
}
_BY_ALLELE = frozenset({Kind.PROTEIN, Kind.CODING, Kind.PLACE, Kind.UNREAD})


def _same_place(alteration: Alteration, pattern: Pattern) -> VariantMatch | None:
    """Compare with a pattern of a variant that has this very allele."""
    if pattern.kind not in _BY_ALLELE:
        return _OF_EXAMPLE.get(pattern.kind)
    change, named = alteration.change, pattern.change
    same = change is not None and named is not None and change.same_as(named)
    return VariantMatch.SAME_CHANGE if same else VariantMatch.SAME_PLACE


def _touches(change: ProteinChange | None, pattern: Pattern) -> bool:
    return change is not None and change.touches(pattern.first, pattern.last)


def _change(alteration: Alteration, pattern: Pattern, variant: CivicVariant) -> VariantMatch | None:
    """Compare with one change of the protein or of the coding sequence."""
    if _elsewhere(alteration, variant):
        return None
    if pattern.kind is Kind.CODING:
        return VariantMatch.SAME_CODING if _coding(alteration) == pattern.text else None
    own = alteration.change
    if own is None or own.effect is Effect.SILENT:
        return None
    known = [one.change for one in (pattern, *variant.aliases) if one.change is not None]
    # A name that gives the coding change means that one alone.
    wanted = [one.text for one in variant.name.patterns if one.kind is Kind.CODING]
    told = _coding(alteration)
    if any(own.same_as(one) for one in known):
        other = bool(wanted) and told is not None and told not in wanted
        return VariantMatch.CODON if other else VariantMatch.SAME_CHANGE
    return _near(own, pattern.change)


def _near(own: ProteinChange, named: ProteinChange | None) -> VariantMatch | None:
    """Compare two changes that are not the same."""
    if named is None or (own.reference, own.position) != (named.reference, named.position):
        return None
    if own.effect is named.effect is Effect.FRAMESHIFT:
        return VariantMatch.CODON
    if own.effect is named.effect is Effect.MISSENSE:
        return VariantMatch.OTHER_CHANGE
    return None


def _coding(alteration: Alteration) -> str | None:
    return alteration.coding.rpartition(":")[2] if alteration.coding else None


def _elsewhere(alteration: Alteration, variant: CivicVariant) -> bool:
    """Tell whether both have coordinates and these are far from each other."""
    place, region = alteration.place, variant.region
    if place is None or region is None or place.build != GRCH37:
        return False
    chromosome, first, last = region
    near = place.start <= last + SAME_PLACE_BASES and place.end >= first - SAME_PLACE_BASES
    return place.chromosome != chromosome or not near


def _inside(alteration: Alteration, variant: CivicVariant, margin: int = 0) -> bool | None:
    """Tell whether the alteration lies in the variant's region; None if that cannot be told."""
    place, region = alteration.place, variant.region
    if place is None or region is None or place.build != GRCH37:
        return None
    chromosome, first, last = region
    overlap = place.start <= last + margin and place.end >= first - margin
    return place.chromosome == chromosome and overlap


def _codon(alteration: Alteration, pattern: Pattern, variant: CivicVariant) -> VariantMatch | None:
    """Compare with a codon: any change of it, but no end of the protein there."""
    change = alteration.change
    if change is None or alteration.loses_function or not alteration.changes_protein:
        return None
    if change.position == pattern.first and change.reference not in {"", pattern.reference}:
        return None
    if not _touches(change, pattern) or _elsewhere(alteration, variant):
        return None
    return VariantMatch.CODON


def _exon(
    alteration: Alteration, pattern: Pattern, variant: CivicVariant, civic: Civic
) -> VariantMatch | None:
    if pattern.last > pattern.first or "exon_loss_variant" in variant.types:
        skipped = pattern.action is Action.SKIPPING
        if not skipped:
            return None
    margin = SPLICE_BASES if pattern.action is Action.SKIPPING else 0
    inside = _inside(alteration, variant, margin)
    if inside is None:
        inside = alteration.exon is not None and pattern.first <= alteration.exon <= pattern.last
    fits = inside and _acts(alteration, pattern.action, civic)
    return VariantMatch.EXON if fits else None


def _domain(
    alteration: Alteration, pattern: Pattern, variant: CivicVariant, civic: Civic
) -> VariantMatch | None:
    fits = _inside(alteration, variant) and _acts(alteration, pattern.action, civic)
    return VariantMatch.REGION if fits else None


_EFFECTS = {
    Action.DELETION: {Effect.DELETION, Effect.REPLACEMENT},
    Action.INSERTION: {Effect.INSERTION, Effect.DUPLICATION},
    Action.DUPLICATION: {Effect.INSERTION, Effect.DUPLICATION},
    Action.FRAMESHIFT: {Effect.FRAMESHIFT},
}
_CLASSES = {
    Action.DELETION: {"In_Frame_Del"},
    Action.INSERTION: {"In_Frame_Ins"},
    Action.DUPLICATION: {"In_Frame_Ins"},
    Action.FRAMESHIFT: {"Frame_Shift_Del", "Frame_Shift_Ins"},
    Action.SKIPPING: {"Splice_Site"},
}


def _acts(alteration: Alteration, action: Action, civic: Civic) -> bool:
    """Tell whether a small variant does what the pattern asks for."""
    if action is Action.ANY:
        truncated = alteration.loses_function and alteration.gene in civic.activation_only
        return alteration.changes_protein and not truncated
    if action is Action.NOT_LOSS:
        return alteration.changes_protein and not alteration.loses_function
    if action is Action.TRUNCATING:
        return alteration.truncates
    if action is Action.LOSS:
        return alteration.loses_function
    change = alteration.change
    if change is not None and action in _EFFECTS:
        return change.effect in _EFFECTS[action]
    return alteration.classification in _CLASSES.get(action, set())


def _place(alteration: Alteration, variant: CivicVariant) -> VariantMatch | None:
    """Compare with a place outside what is translated."""
    if variant.places or variant.region is None or alteration.changes_protein:
        return None
    _, first, last = variant.region
    short = last - first < LONGEST_REGION_BASES
    return VariantMatch.REGION if short and _inside(alteration, variant) else None


def _gene(alteration: Alteration, pattern: Pattern, civic: Civic) -> VariantMatch | None:
    if pattern.action is Action.ACTIVATING or not _acts(alteration, pattern.action, civic):
        return None
    if pattern.reference and (alteration.change is None or _touches(alteration.change, pattern)):
        return None
    if pattern.text == LOST:
        return VariantMatch.ONE_COPY
    classed = pattern.action in {Action.TRUNCATING, Action.FRAMESHIFT, Action.LOSS}
    return VariantMatch.CLASS if classed else VariantMatch.GENE


def _activating(
    candidates: list[CivicVariant],
    found: list[tuple[CivicVariant, VariantMatch]],
) -> list[tuple[CivicVariant, VariantMatch]]:
    """Return names that ask for an activating mutation, if CIViC says that this one is."""
    activates = any(
        match in EXACT and "gain_of_function_variant" in variant.types for variant, match in found
    )
    if not activates:
        return []
    return [
        (variant, VariantMatch.CLASS)
        for variant in candidates
        if any(pattern.action is Action.ACTIVATING for pattern in variant.name.patterns)
    ]


def _copy_number(alteration: Alteration, pattern: Pattern) -> VariantMatch | None:
    if pattern.kind is Kind.COPY_NUMBER:
        return VariantMatch.COPY_NUMBER if alteration.call == str(pattern.action) else None
    lost = pattern.kind is Kind.GENE and pattern.action is Action.LOSS
    return VariantMatch.CLASS if lost and alteration.call == "deletion" else None


def _fusion(alteration: Alteration, pattern: Pattern, variant: CivicVariant) -> VariantMatch | None:
    if pattern.kind is not Kind.FUSION or alteration.partners is None:
        return None
    if not pattern.partners:
        return VariantMatch.FUSION_ANY if variant.gene in alteration.partners else None
    first, second = pattern.partners
    given = alteration.partners
    either = (given, given[::-1])
    if not any(_is_gene(first, one) and _is_gene(second, two) for one, two in either):
        return None
    # Which exons are joined is not compared: files rarely tell.
    return VariantMatch.FUSION_ANY if pattern.text else VariantMatch.FUSION


def _is_gene(named: str, gene: str) -> bool:
    """Compare a partner as CIViC names it with a symbol: the ABL of `BCR-ABL` is ABL1."""
    return gene == named or (gene.startswith(named) and gene[len(named) :].isdigit())


def _receptor(alteration: Alteration, pattern: Pattern) -> VariantMatch | None:
    """Compare a positive HER2 with what makes it so: an amplified gene, or too much protein.

    References
    ----------
    Wolff et al. 2018, J Clin Oncol 36:2105-2122, doi:10.1200/JCO.2018.77.8738.
    """
    amplified = pattern.kind is Kind.COPY_NUMBER and pattern.action is Action.AMPLIFICATION
    expressed = pattern.kind is Kind.EXPRESSION and pattern.action is Action.HIGH
    fits = alteration.call == "positive" and (amplified or expressed)
    return VariantMatch.RECEPTOR if fits else None
