"""CIViC as a release carries it: variants with their names read, evidence, assertions, diseases."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from osler import knowledge
from osler.errors import NotEstimable
from osler.genome.somatic.disease import Disease, Diseases
from osler.genome.somatic.names import Action, Kind, Pattern, VariantName, parse_name
from osler.genome.somatic.nouns import LOSING_EFFECTS, Place
from osler.genome.somatic.protein import Effect, parse_protein
from osler.genome.somatic.tables import rows_of
from osler.knowledge import Release

SUBJECT = "tumour"
DISEASES = "diseases"
GRCH37 = "GRCh37"
RARE, COMMON = "Rare Germline", "Common Germline"
GERMLINE = frozenset({RARE, COMMON})
PREDICTIVE, PROGNOSTIC, DIAGNOSTIC = "Predictive", "Prognostic", "Diagnostic"
PREDISPOSING, FUNCTIONAL = "Predisposing", "Functional"
SUPPORTS = "Supports"
NOT_TOLD = frozenset({"", "N/A"})
DAYS_PER_YEAR = 365.25


@dataclass(frozen=True)
class Evidence:
    """One item of evidence: what one publication says of one variant in one disease.

    Parameters
    ----------
    level
        A validated association, B clinical, C case study, D preclinical, E inferential.
    rating
        Stars from 1 to 5 that CIViC's editors gave the publication; None if not rated.
    """

    number: int
    variant: int
    kind: str
    direction: str
    level: str
    significance: str
    drugs: tuple[str, ...]
    together: str
    disease: Disease
    origin: str
    rating: int | None
    citation: str
    statement: str

    @property
    def name(self) -> str:
        """What CIViC calls it."""
        return f"EID{self.number}"

    @property
    def germline(self) -> bool:
        """Whether it is about an inherited variant."""
        return self.origin in GERMLINE


@dataclass(frozen=True)
class CivicVariant:
    """A variant of CIViC.

    Parameters
    ----------
    name
        Its name, read.
    places
        GRCh37 alleles, where CIViC has both; of one or several writings.
    region
        Chromosome, first and last base in GRCh37 of its coordinates; None if it has none.
    aliases
        Protein changes that CIViC lists as other names, on other transcripts among them.
    """

    number: int
    gene: str
    label: str
    name: VariantName
    types: tuple[str, ...]
    places: frozenset[Place]
    region: tuple[str, int, int] | None
    aliases: tuple[Pattern, ...]


@dataclass(frozen=True)
class Assertion:
    """CIViC's summary of several items, with its AMP/ASCO/CAP category, such as `I-A`."""

    number: int
    variant: int
    disease: Disease
    drugs: frozenset[str]
    kind: str
    direction: str
    significance: str
    tier: str | None
    items: frozenset[int]
    summary: str


class Civic:
    """All that a release of CIViC says, by gene.

    Attributes
    ----------
    release
        What it was read from.
    evidence
        Items by variant number.
    by_gene
        Variants with evidence, by gene.
    by_place
        Variants by GRCh37 allele.
    actionable
        Genes with drug evidence by disease and receptors, kept once they were asked for.
    gene_regions
        Genes' places in GRCh37, of genes of which CIViC has copy number, expression or any mutation
        as a variant: these have the whole gene's coordinates.
    wild_types
        Genes of which CIViC has the wild type as a variant.
    inherited_genes
        Genes of which CIViC has rare inherited variants that end the function.
    activation_only
        Genes of which CIViC knows gains of function or single changed residues, and no loss.
    """

    def __init__(self, release: Release) -> None:
        self.release = release
        self.diseases = Diseases(_with_diseases(release))
        written = _written_places(release)
        self.variants = {
            one.number: one
            for one in (_variant(row, written) for row in rows_of(release, "variants"))
        }
        self.evidence: Mapping[int, tuple[Evidence, ...]] = self._read_evidence()
        self.assertions: Mapping[int, tuple[Assertion, ...]] = self._read_assertions()
        self.by_gene = self._group()
        self.by_place = self._index()
        self.actionable: dict[tuple[Disease, tuple[tuple[str, str], ...]], frozenset[str]] = {}
        self.gene_regions = _gene_regions(self.variants.values())
        self.wild_types = frozenset(
            variant.gene
            for variant in self.variants.values()
            if any(pattern.kind is Kind.WILD_TYPE for pattern in variant.name.patterns)
        )
        self.inherited_genes = frozenset(
            variant.gene
            for variant in self.variants.values()
            if (_loses(variant) or _truncated(variant))
            and any(map(_inherited, self.evidence.get(variant.number, ())))
        )
        self.activation_only = frozenset(
            gene for gene, variants in self.by_gene.items() if _activation_only(gene, variants)
        )

    def _read_evidence(self) -> dict[int, tuple[Evidence, ...]]:
        found: dict[int, list[Evidence]] = defaultdict(list)
        for row in rows_of(self.release, "evidence"):
            item = self._evidence(row)
            found[item.variant].append(item)
        return {variant: tuple(items) for variant, items in found.items()}

    def _evidence(self, row: Mapping[str, str]) -> Evidence:
        return Evidence(
            number=int(row["evidence_id"]),
            variant=int(row["variant_id"]),
            kind=row["evidence_type"],
            direction=row["evidence_direction"],
            level=row["evidence_level"],
            significance=row["clinical_significance"],
            drugs=_list(row["drugs"]),
            together=row["drug_interaction_type"],
            disease=self._disease(row["disease"], row["doid"]),
            origin=row["variant_origin"],
            rating=int(row["rating"]) if row["rating"] else None,
            citation=_citation(row),
            statement=row["evidence_statement"],
        )

    def _disease(self, name: str, number: str) -> Disease:
        doid = self.diseases.of_doid(number) if number else None
        if doid is not None:
            self.diseases.name_as(name, doid)
        return Disease(doid, name)

    def _read_assertions(self) -> dict[int, tuple[Assertion, ...]]:
        found: dict[int, list[Assertion]] = defaultdict(list)
        for row in rows_of(self.release, "assertions"):
            one = self._assertion(row)
            found[one.variant].append(one)
        return {variant: tuple(ones) for variant, ones in found.items()}

    def _assertion(self, row: Mapping[str, str]) -> Assertion:
        words = row["amp_category"].replace("Tier ", "").replace("Level ", "").replace(" ", "")
        return Assertion(
            number=int(row["assertion_id"]),
            variant=int(row["variant_id"]),
            disease=self._disease(row["disease"], row["doid"]),
            drugs=frozenset(_list(row["drugs"])),
            kind=row["assertion_type"],
            direction=row["assertion_direction"],
            significance=row["clinical_significance"],
            tier=words or None,
            items=frozenset(int(one) for one in row["evidence_item_ids"].split(",") if one),
            summary=row["assertion_summary"],
        )

    def _group(self) -> dict[str, tuple[CivicVariant, ...]]:
        found: dict[str, list[CivicVariant]] = defaultdict(list)
        for variant in self.variants.values():
            if variant.number not in self.evidence:
                continue
            found[variant.gene].append(variant)
            for partner in _partners(variant) - {variant.gene}:
                found[partner].append(variant)
        return {gene: tuple(variants) for gene, variants in found.items()}

    def _index(self) -> dict[Place, tuple[CivicVariant, ...]]:
        found: dict[Place, list[CivicVariant]] = defaultdict(list)
        for variant in self.variants.values():
            for place in variant.places:
                found[place].append(variant)
        return {place: tuple(variants) for place, variants in found.items()}

    @property
    def date(self) -> str:
        """Day of the evidence table, ISO 8601."""
        return self.release.table("evidence").date

    def age(self, on: dt.date | None = None) -> str:
        """Say how old the knowledge is."""
        years = ((on or dt.date.today()) - dt.date.fromisoformat(self.date)).days / DAYS_PER_YEAR
        old = f"{years:.1f} years old" if years >= 1 else f"{years * 12:.0f} months old"
        return (
            f"CIViC as of {self.date} ({old}): approvals, trials and guidelines since then "
            "are not in it"
        )


def load(release: Release | Civic | None = None) -> Civic:
    """Return CIViC of a release, the newest one if none is given; read once a process.

    What was loaded is given back as it is, so that a cohort need not look for releases each time.

    Raises
    ------
    NotEstimable
        If the release lacks a table without which nothing can be matched.
    """
    if isinstance(release, Civic):
        return release
    release = release or knowledge.current(SUBJECT)
    absent = {"evidence", "variants", "assertions"} - set(release.names())
    if absent:
        raise NotEstimable(
            f"{release.name} lacks {', '.join(sorted(absent))}; a release about tumours needs them"
        )
    return _loaded(release)


@lru_cache(maxsize=4)
def _loaded(release: Release) -> Civic:
    return Civic(release)


def _with_diseases(release: Release) -> Release:
    """Return the release itself if it has the diseases, else the newest one that does."""
    if DISEASES in release.names():
        return release
    having = [one for one in knowledge.releases() if DISEASES in one.names()]
    if not having:
        raise NotEstimable(f"{release.name} has no table of diseases, and no other release has one")
    return having[-1]


def _list(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(",") if one.strip())


def _citation(row: Mapping[str, str]) -> str:
    if row["source_type"] == "PubMed":
        return f"{row['citation']}, PMID {row['citation_id']}"
    return (
        f"{row['citation']}, {row['source_type']} {row['asco_abstract_id'] or row['citation_id']}"
    )


ACCEPTED = "accepted_vcf"


def _written_places(release: Release) -> dict[int, frozenset[Place]]:
    """Return the alleles of CIViC's own VCF, by variant: indels in repeats as VCF has them."""
    found: dict[int, set[Place]] = defaultdict(set)
    lines = release.read(ACCEPTED).decode().split("\n") if ACCEPTED in release.names() else []
    for line in lines:
        fields = line.split("\t")
        if line.startswith("#") or len(fields) < 5 or not fields[2].isdigit():
            continue
        for alternate in fields[4].split(","):
            place = Place.trimmed(GRCH37, fields[0], int(fields[1]), fields[3], alternate)
            found[int(fields[2])].add(place)
    return {number: frozenset(places) for number, places in found.items()}


def _variant(row: Mapping[str, str], written: Mapping[int, frozenset[Place]]) -> CivicVariant:
    types = tuple(one for one in row["variant_types"].split(",") if one not in NOT_TOLD)
    return CivicVariant(
        number=int(row["variant_id"]),
        gene=row["gene"],
        label=row["variant"],
        name=parse_name(row["variant"], row["gene"], types),
        types=types,
        places=_places(row) | written.get(int(row["variant_id"]), frozenset()),
        region=_region(row),
        aliases=_aliases(row),
    )


def _places(row: Mapping[str, str]) -> frozenset[Place]:
    """Return the allele; several alternates, `G/A`, are several."""
    if row["reference_build"] != GRCH37 or row["chromosome2"] or not row["start"]:
        return frozenset()
    reference, start = row["reference_bases"], int(row["start"])
    span = int(row["stop"]) - start + 1
    # An allele whose length is not that of its coordinates is a slip of the pen.
    if not row["chromosome"] or (reference and len(reference) != span):
        return frozenset()
    alternates = [one for one in row["variant_bases"].split("/") if one]
    if not reference and (span != 2 or not alternates):
        return frozenset()
    return frozenset(
        Place.trimmed(GRCH37, row["chromosome"], start if reference else start + 1, reference, one)
        for one in (alternates or [""])
        if one != reference
    )


def _region(row: Mapping[str, str]) -> tuple[str, int, int] | None:
    if row["reference_build"] != GRCH37 or row["chromosome2"]:
        return None
    if not (row["chromosome"] and row["start"] and row["stop"]):
        return None
    return row["chromosome"], int(row["start"]), int(row["stop"])


def _aliases(row: Mapping[str, str]) -> tuple[Pattern, ...]:
    changes = [parse_protein(one) for one in row["variant_aliases"].split(",") if one]
    changes += [parse_protein(one) for one in row["hgvs_expressions"].split(",") if ":p." in one]
    return tuple(
        dict.fromkeys(Pattern(Kind.PROTEIN, change=one) for one in changes if one is not None)
    )


def _partners(variant: CivicVariant) -> set[str]:
    return {one for pattern in variant.name.patterns for one in pattern.partners}


_WHOLE_GENE = frozenset({Kind.GENE, Kind.COPY_NUMBER, Kind.EXPRESSION, Kind.WILD_TYPE})


def _gene_regions(variants: Iterable[CivicVariant]) -> dict[str, tuple[str, int, int]]:
    """Return each gene's longest region among the variants that are about all of it."""
    found: dict[str, tuple[str, int, int]] = {}
    for variant in variants:
        whole = all(pattern.kind in _WHOLE_GENE for pattern in variant.name.patterns)
        if not whole or variant.region is None:
            continue
        known = found.get(variant.gene)
        if known is None or variant.region[2] - variant.region[1] > known[2] - known[1]:
            found[variant.gene] = variant.region
    return found


_TRUNCATING_TYPES = ("stop_gained", "frameshift", "transcript_ablation")
_LOSING_ACTIONS = frozenset({Action.LOSS, Action.TRUNCATING, Action.FRAMESHIFT})
_GAINING_ACTIONS = frozenset(
    {Action.ACTIVATING, Action.NOT_LOSS, Action.AMPLIFICATION, Action.HIGH, Action.DUPLICATION}
)


def _inherited(item: Evidence) -> bool:
    return item.origin == RARE or (item.kind == PREDISPOSING and item.origin != COMMON)


def _activation_only(gene: str, variants: tuple[CivicVariant, ...]) -> bool:
    own = [variant for variant in variants if variant.gene == gene]
    # One nonsense change of an oncogene is no class: CIViC lists KRAS Q22*.
    lost = any(map(_loses, own)) or sum(map(_truncated, own)) > 1
    return any(map(_gains, own)) and not lost


def _loses(variant: CivicVariant) -> bool:
    """Tell whether a name is of a class that ends the gene's function."""
    return any(
        pattern.action in _LOSING_ACTIONS
        or (pattern.kind is Kind.COPY_NUMBER and pattern.action is Action.DELETION)
        for pattern in variant.name.patterns
    )


def _truncated(variant: CivicVariant) -> bool:
    """Tell whether a name is of one change that ends the protein early."""
    return any(word in kind for kind in variant.types for word in _TRUNCATING_TYPES) or any(
        pattern.change is not None and pattern.change.effect in LOSING_EFFECTS
        for pattern in variant.name.patterns
    )


def _gains(variant: CivicVariant) -> bool:
    return "gain_of_function_variant" in variant.types or any(
        pattern.action in _GAINING_ACTIONS
        or pattern.kind in {Kind.CODON, Kind.FUSION}
        or (pattern.change is not None and pattern.change.effect is Effect.MISSENSE)
        for pattern in variant.name.patterns
    )
