"""What a tumour's alterations mean: evidence by level and tier, for, against and what is open."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from osler.genome.somatic.civic import (
    DIAGNOSTIC,
    FUNCTIONAL,
    PREDICTIVE,
    PREDISPOSING,
    PROGNOSTIC,
    Assertion,
    Civic,
    CivicVariant,
    Evidence,
    load,
)
from osler.genome.somatic.disease import (
    APPLIES,
    BREAST_CANCER,
    CONCERNS,
    Disease,
    DiseaseMatch,
)
from osler.genome.somatic.genes import GeneStatus, gene_statuses, negative_genes
from osler.genome.somatic.germline import GermlineSuspicion, germline_suspicion, subclonal_hint
from osler.genome.somatic.given import check, not_given
from osler.genome.somatic.match import RANK, VariantMatch, matches_of
from osler.genome.somatic.nouns import Alteration, AlterationKind, Tumour
from osler.genome.somatic.tiers import RANK as TIER_RANK
from osler.genome.somatic.tiers import Tier, best, tier_of
from osler.knowledge import Release

SENSITIVE = frozenset({"Sensitivity/Response"})
RESISTANT = frozenset({"Resistance", "Reduced Sensitivity", "Adverse Response"})


@dataclass(frozen=True)
class Match:
    """Evidence that says one thing: of one CIViC variant, in one disease, of one set of drugs.

    Parameters
    ----------
    items
        The items of evidence, best level first.
    tier
        None for evidence that has no tier: against, inherited risk, function, or not told.
    """

    variant: CivicVariant
    variant_match: VariantMatch
    disease_match: DiseaseMatch
    items: tuple[Evidence, ...]
    tier: Tier | None
    caveats: tuple[str, ...]

    @property
    def first(self) -> Evidence:
        """The item that stands for all."""
        return self.items[0]

    @property
    def level(self) -> str:
        """Best level, A to E."""
        return min(item.level for item in self.items)

    @property
    def supports(self) -> bool:
        """Whether it speaks for what its significance says; else against it."""
        return self.first.direction == "Supports"

    @property
    def statement(self) -> str:
        """What it says, in a sentence."""
        item = self.first
        drugs = drug_words(item)
        of = f" to {drugs}" if drugs else ""
        meaning = item.significance if item.significance not in {"", "N/A"} else "no significance"
        verb = {"Supports": "supports", "Does Not Support": "does not support"}.get(
            item.direction, "does not say for or against"
        )
        return (
            f"{self.variant.gene} {self.variant.label} in {item.disease.name}: level {self.level} "
            f"evidence {verb} {item.kind.lower()} {meaning}{of}"
        )


@dataclass(frozen=True)
class Interpreted:
    """One alteration with all that is known of it."""

    alteration: Alteration
    matches: tuple[Match, ...]
    tier: Tier | None
    conflicts: tuple[str, ...]
    germline: GermlineSuspicion | None
    subclonal: str | None

    @property
    def known(self) -> bool:
        """Whether CIViC says anything of it."""
        return bool(self.matches)

    def drugs(self, significances: frozenset[str], *, applies: bool = True) -> tuple[str, ...]:
        """Return drugs, or drugs together, that evidence supports one of the significances for.

        Parameters
        ----------
        applies
            Only evidence in this disease, or in any cancer.
        """
        found = [
            drug_words(match.first)
            for match in self.matches
            if match.supports
            and match.first.kind == PREDICTIVE
            and match.first.significance in significances
            and (match.disease_match in CONCERNS or not applies)
        ]
        return tuple(dict.fromkeys(one for one in found if one))


@dataclass(frozen=True)
class SomaticResult:
    """What one tumour's alterations mean, with what was left open.

    Parameters
    ----------
    alterations
        Highest tier first.
    genes
        Each gene on which there is drug evidence for this cancer, and whether it was tested.
    silent
        Small variants that do not change a protein and of which CIViC says nothing: counted.
    excluded
        Items whose disease the receptors rule out: counted.
    elsewhere
        Items on prognosis or diagnosis in other diseases, which say nothing here: counted.
    """

    tumour: Tumour
    disease: Disease
    civic: Civic
    alterations: tuple[Interpreted, ...]
    genes: tuple[GeneStatus, ...]
    silent: int
    excluded: int
    elsewhere: int
    not_given: tuple[str, ...]
    notes: tuple[str, ...]

    @cached_property
    def tier(self) -> Tier | None:
        """The highest tier of the tumour."""
        return best([one.tier for one in self.alterations if one.tier])

    @property
    def age(self) -> str:
        """How old the knowledge is."""
        return self.civic.age()


def interpret(tumour: Tumour, release: Release | Civic | None = None) -> SomaticResult:
    """Interpret a tumour by CIViC.

    Parameters
    ----------
    release
        A release about tumours, or one that was loaded; the newest if none is given.

    Raises
    ------
    InputError
        If the cancer is unknown, or a number of the tumour is out of its range.
    NotEstimable
        If the release lacks a table.
    """
    civic = load(release)
    check(tumour)
    disease = civic.diseases.find(tumour.cancer)
    everything = tumour.everything
    everything += [
        Alteration(gene, AlterationKind.WILD_TYPE)
        for gene in negative_genes(tumour, everything, civic)
    ]
    reader = _Reader(tumour, disease, civic, everything)
    told = [reader.interpreted(alteration) for alteration in dict.fromkeys(everything)]
    shown = [one for one in told if one.known or _worth_showing(one.alteration)]
    return SomaticResult(
        tumour=tumour,
        disease=disease,
        civic=civic,
        alterations=tuple(sorted(shown, key=_importance)),
        genes=gene_statuses(tumour, everything, disease, civic),
        silent=_small(told) - _small(shown),
        excluded=reader.excluded,
        elsewhere=reader.elsewhere,
        not_given=not_given(tumour, of_breast=civic.diseases.is_a(disease, BREAST_CANCER)),
        notes=(*tumour.notes, *_contradictions(everything, tumour), *_without_evidence(tumour)),
    )


def _small(told: Sequence[Interpreted]) -> int:
    return sum(one.alteration.kind is AlterationKind.SMALL for one in told)


def _worth_showing(alteration: Alteration) -> bool:
    """Tell whether an alteration is shown though nothing is known of it."""
    if alteration.kind is AlterationKind.SMALL:
        return alteration.changes_protein
    return alteration.kind in {AlterationKind.FUSION, AlterationKind.COPY_NUMBER} and (
        alteration.call in {None, "amplification", "deletion"}
    )


def _importance(one: Interpreted) -> tuple[int, int, str, str]:
    tier = TIER_RANK[one.tier.tier] if one.tier else len(TIER_RANK)
    return (tier, -len(one.matches), one.alteration.gene, one.alteration.what)


class _Reader:
    """Reads one tumour's alterations against CIViC."""

    def __init__(
        self, tumour: Tumour, disease: Disease, civic: Civic, everything: Sequence[Alteration]
    ) -> None:
        self.tumour, self.disease, self.civic, self.everything = tumour, disease, civic, everything
        self.excluded = 0
        self.elsewhere = 0
        self._diseases: dict[Disease, DiseaseMatch] = {}

    def interpreted(self, alteration: Alteration) -> Interpreted:
        variants = matches_of(alteration, self.everything, self.civic)
        matches = [one for variant, how in variants for one in self._of_variant(variant, how)]
        matches.sort(key=_order)
        tier = best([one.tier for one in matches if one.tier]) or _unknown(alteration)
        purity = self.tumour.purity
        return Interpreted(
            alteration,
            tuple(matches),
            tier,
            _conflicts(matches),
            germline_suspicion(alteration, variants, purity, self.civic),
            subclonal_hint(alteration, purity),
        )

    def _of_variant(self, variant: CivicVariant, how: VariantMatch) -> list[Match]:
        groups: dict[tuple[object, ...], list[Evidence]] = defaultdict(list)
        for item in self.civic.evidence[variant.number]:
            disease = self._disease_match(item.disease)
            if disease is DiseaseMatch.CONTRADICTED:
                self.excluded += 1
                continue
            # What it says of prognosis or diagnosis in another disease says nothing in this one.
            if disease is DiseaseMatch.OTHER and item.kind in {PROGNOSTIC, DIAGNOSTIC}:
                self.elsewhere += 1
                continue
            # That a gene is as it should be says something in the disease studied alone.
            if how is VariantMatch.WILD_TYPE and disease not in APPLIES:
                continue
            groups[_says(item)].append(item)
        return [self._match(variant, how, items) for items in groups.values()]

    def _match(self, variant: CivicVariant, how: VariantMatch, items: list[Evidence]) -> Match:
        items.sort(key=lambda item: (item.level, -(item.rating or 0), item.number))
        disease = self._disease_match(items[0].disease)
        assertions = self._assertions(variant)
        tier = tier_of(items, how, disease, assertions)
        return Match(variant, how, disease, tuple(items), tier, _caveats(items, how, disease))

    def _assertions(self, variant: CivicVariant) -> list[Assertion]:
        return [
            one
            for one in self.civic.assertions.get(variant.number, ())
            if self._disease_match(one.disease) in APPLIES | {DiseaseMatch.PAN_CANCER}
        ]

    def _disease_match(self, disease: Disease) -> DiseaseMatch:
        if disease not in self._diseases:
            self._diseases[disease] = self.civic.diseases.match(
                self.disease, self.tumour.receptors, disease
            )
        return self._diseases[disease]


def _unknown(alteration: Alteration) -> Tier | None:
    """Return tier III for what has no evidence that gives a tier; none for what is no variant."""
    if alteration.kind in {AlterationKind.RECEPTOR, AlterationKind.WILD_TYPE}:
        return None
    return Tier("III", "CIViC has no evidence that would give another tier")


def _says(item: Evidence) -> tuple[object, ...]:
    """Return what makes items say the same."""
    return (
        item.kind,
        item.direction,
        item.significance,
        frozenset(item.drugs),
        item.together,
        item.disease,
        item.germline,
    )


def _order(match: Match) -> tuple[int, int, int, int]:
    tier = TIER_RANK[match.tier.tier] if match.tier else len(TIER_RANK)
    kind = {PREDISPOSING: 1, FUNCTIONAL: 2}.get(match.first.kind, 0)
    return (tier, kind, RANK[match.variant_match], match.first.number)


def _caveats(
    items: Sequence[Evidence], how: VariantMatch, disease: DiseaseMatch
) -> tuple[str, ...]:
    found = []
    if all(item.germline for item in items):
        found.append("the evidence is about inherited variants")
    if how is VariantMatch.GENE:
        found.append("the evidence is about any alteration of the gene; this one may do nothing")
    if how is VariantMatch.OTHER_CHANGE:
        found.append("the evidence is about another change of the same codon")
    if how is VariantMatch.PART:
        found.append("the evidence is about this alteration together with one not found here")
    if how in {VariantMatch.CLASS, VariantMatch.ONE_COPY}:
        found.append("whether both copies of the gene are lost is not known")
    if how is VariantMatch.RECEPTOR:
        found.append("matched by receptor status, not by a test of the gene")
    if disease is DiseaseMatch.SUBTYPE_OPEN:
        found.append(f"holds if the tumour is: {items[0].disease.name}; this was not given")
    return tuple(found)


def _conflicts(matches: Sequence[Match]) -> tuple[str, ...]:
    """Say of which drugs there is evidence for and against, or for both response and resistance."""
    sides: dict[str, dict[str, list[Match]]] = defaultdict(lambda: defaultdict(list))
    for match in matches:
        drugs = drug_words(match.first)
        side = _side(match)
        if drugs and side and match.disease_match in CONCERNS:
            sides[drugs][side].append(match)
    return tuple(
        f"{drugs}: " + "; ".join(f"{side} {_named(found)}" for side, found in sorted(by.items()))
        for drugs, by in sides.items()
        if len(by) > 1
    )


def _side(match: Match) -> str | None:
    """Return which way a match points: to response or away from it."""
    item = match.first
    if item.kind != PREDICTIVE:
        return None
    responds = item.significance in SENSITIVE
    resists = item.significance in RESISTANT
    if not (responds or resists):
        return None
    if match.supports:
        return "for response" if responds else "for resistance or harm"
    return "against response" if responds else "against resistance or harm"


def _named(matches: Sequence[Match]) -> str:
    items = sorted(item.number for match in matches for item in match.items)
    levels = "".join(sorted({item.level for match in matches for item in match.items}))
    shown = ", ".join(f"EID{number}" for number in items[:4])
    more = f" and {len(items) - 4} more" if len(items) > 4 else ""
    return f"(level {'/'.join(levels)}: {shown}{more})"


def drug_words(item: Evidence) -> str:
    """Return an item's drugs in words, with how they are given together."""
    joint = {"Combination": " + ", "Sequential": " then ", "Substitutes": " or "}
    drugs = item.drugs if item.together == "Sequential" else sorted(item.drugs)
    return joint.get(item.together, ", ").join(drugs)


def _contradictions(everything: Sequence[Alteration], tumour: Tumour) -> list[str]:
    """Say where copy number and receptor status of HER2 disagree."""
    amplified = any(one.gene == "ERBB2" and one.call == "amplification" for one in everything)
    status = tumour.receptors.get("HER2")
    if amplified and status == "negative":
        return ["ERBB2 is amplified by copy number, and HER2 is negative by receptor status"]
    if amplified and status is None:
        return ["ERBB2 is amplified by copy number; the HER2 status was not given"]
    return []


def _without_evidence(tumour: Tumour) -> list[str]:
    """Say what was given and changes nothing, since CIViC has no evidence filed under it."""
    given = {
        "tumour mutational burden": tumour.tmb,
        "microsatellite state": tumour.msi,
        "stage": tumour.stage,
        "line of therapy": tumour.line,
    }
    named = [name for name, value in given.items() if value is not None]
    if not named:
        return []
    return [f"given, but not a field of CIViC, so that no tier rests on it: {', '.join(named)}"]
