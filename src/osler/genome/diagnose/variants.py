"""A person's variants by gene: their ACMG/AMP class, and how far they speak for a disease.

What was not given is not assessed, and a gene without a variant is not a gene without a change:
only who says that the whole exome or genome was sequenced gets evidence against a gene.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from osler.errors import Fault, InputError
from osler.genome.diagnose.acmg import Class, Classification, Criterion
from osler.genome.diagnose.carried import NO_GENES, Asked, Carried, Person, Zygosity, read_person
from osler.genome.diagnose.clinvar import Assertion, Significance, pathogenic_places, read_clinvar
from osler.genome.diagnose.consequence import (
    CANONICAL_SPLICE,
    IN_FRAME,
    MISSENSE,
    NULL,
    STOP_LOST,
    Consequence,
)
from osler.genome.diagnose.criteria import Sources, Thresholds, assess
from osler.genome.diagnose.gnomad import Frequency, read_frequencies
from osler.genome.diagnose.ratio import MODES, Damage, Mode, log_ratio
from osler.genome.diagnose.sites import Allele

# From ClinVar's classes a class is believed that someone gave criteria for.
LEAST_STARS = 1
# Lower ends of the classes: Tavtigian et al. 2018, Genet Med 20:1054-1060.
SURE, LIKELY = 0.99, 0.9
# Exomiser's scores by kind of change, where no predictor tells (Smedley et al. 2015, Nat Protoc
# 10:2004-2015, doi:10.1038/nprot.2015.124; org.monarchinitiative.exomiser, variant types).
_BY_KIND = (
    (CANONICAL_SPLICE, 0.9),
    (NULL, 0.95),
    (STOP_LOST, 0.7),
    (IN_FRAME, 0.85),
    (MISSENSE, 0.6),
)
SEXES = {"MALE": True, "FEMALE": False}
NO_CLINVAR = "no ClinVar file was given: PS1, PM5 and ClinVar's own class are not assessed"
NO_FREQUENCIES = "no file of frequencies was given: PM2, BA1 and BS1 are not assessed"
NO_MECHANISM = "no list of genes with a known loss of function was given: PVS1 is not assessed"
NOT_CARRIED = "variants with criteria given that the file does not have, or not for this person"
NOT_PLACED = "variants with criteria given that are in none of the genes, or in no known one"
SEVERAL_GENES = "variants that ClinVar puts to several genes; they count in each"


@dataclass(frozen=True)
class VariantEvidence:
    """A variant of the person in one gene.

    Attributes
    ----------
    build
        Of the position; None where nobody says.
    copies
        How many copies of the gene carry it, 1 or 2.
    classification
        By the ACMG/AMP criteria.
    clinvar, frequency
        What the user's files say of this very variant; None if nothing.
    probability
        That it damages the gene, as it counts in the ranking; not the class's posterior.
    """

    allele: Allele
    build: str | None
    gene: str
    zygosity: Zygosity
    copies: int
    told: Consequence | None
    classification: Classification
    clinvar: Assertion | None
    frequency: Frequency | None
    probability: float
    established: bool
    damage: Damage

    @property
    def variant(self) -> str:
        """`chromosome-position-reference-alternate`, without `chr`."""
        return str(self.allele)

    @property
    def consequence(self) -> tuple[str, ...]:
        """Terms of the Sequence Ontology, the most severe first; empty if not known."""
        return self.told.terms if self.told else ()

    @property
    def hgvs(self) -> str | None:
        """The change of the protein, else that of the coding sequence; None if not told."""
        return (self.told.protein or self.told.coding) if self.told else None

    def to_json(self) -> dict[str, Any]:
        """Return the entry of a case's `variants`."""
        told = self.told
        return {
            "variant": self.variant,
            "build": self.build,
            "gene": self.gene,
            "zygosity": self.zygosity.value,
            "copies": self.copies,
            "consequence": list(self.consequence),
            "annotated_by": told.source if told else None,
            "transcript": told.transcript if told else None,
            "hgvs_c": told.coding if told else None,
            "hgvs_p": told.protein if told else None,
            "clinvar": self.clinvar.to_json() if self.clinvar else None,
            "gnomad": self.frequency.to_json() if self.frequency else None,
            "probability_damaging": self.probability,
            "acmg": self.classification.to_json(),
        }


@dataclass(frozen=True)
class GeneEvidence:
    """What a person's variants of one gene say.

    Attributes
    ----------
    log_lr
        Natural logarithm of the likelihood ratio of a disease of the gene whose mode of
        inheritance is not known.
    heterozygous, homozygous, hemizygous
        How many variants of each, benign ones included.
    variants
        The most damaging first.
    notes
        What a reader should know.
    whole
        The user said that all of the exome or genome was sequenced.
    """

    gene: str
    log_lr: float
    heterozygous: int = 0
    homozygous: int = 0
    hemizygous: int = 0
    variants: tuple[VariantEvidence, ...] = ()
    notes: tuple[str, ...] = ()
    whole: bool = False

    @classmethod
    def of(cls, gene: str, variants: Sequence[VariantEvidence], *, whole: bool) -> GeneEvidence:
        """Add up the variants of a gene."""
        ordered = tuple(sorted(variants, key=lambda one: (-one.probability, one.allele)))
        count = Counter(one.zygosity for one in ordered)
        return cls(
            gene,
            log_ratio([one.damage for one in ordered], None, whole=whole),
            count[Zygosity.HETEROZYGOUS],
            count[Zygosity.HOMOZYGOUS],
            count[Zygosity.HEMIZYGOUS],
            ordered,
            tuple(_notes(ordered)),
            whole,
        )

    def log_lr_for(self, mode: Mode | None) -> float:
        """Return the log likelihood ratio for a mode of inheritance.

        Parameters
        ----------
        mode
            `dominant` (one damaged copy is enough), `recessive` (two are needed; one alone says
            nothing, as a healthy carrier has one too), `x-linked`, or None if not known.

        Raises
        ------
        InputError
            If the mode is another.
        """
        if mode is not None and mode not in MODES:
            raise InputError(Fault("mode of inheritance", "another one", ", ".join(MODES)))
        return log_ratio([one.damage for one in self.variants], mode, whole=self.whole)

    def to_json(self) -> dict[str, Any]:
        """Return the gene's entry: counts, ratios by mode, and variants."""
        return {
            "gene": self.gene,
            "log_lr": self.log_lr,
            "log_lr_by_mode": {
                "dominant": self.log_lr_for("dominant"),
                "recessive": self.log_lr_for("recessive"),
                "x-linked": self.log_lr_for("x-linked"),
            },
            "heterozygous": self.heterozygous,
            "homozygous": self.homozygous,
            "hemizygous": self.hemizygous,
            "variants": [one.to_json() for one in self.variants],
            "notes": list(self.notes),
        }


class Evidence(dict[str, GeneEvidence]):
    """What a person's variants say, by the symbol of the gene; genes without a variant are absent.

    Attributes
    ----------
    build
        Of the file; None where nobody says.
    notes
        What was doubtful, left out or not given, counted where that means anything.
    """

    def __init__(
        self,
        genes: Mapping[str, GeneEvidence],
        *,
        build: str | None,
        whole: bool,
        notes: Iterable[str],
    ) -> None:
        super().__init__(genes)
        self.build = build
        self.whole = whole
        self.notes = tuple(notes)

    def of(self, gene: str) -> GeneEvidence:
        """Return what is said of a gene, also of one without a variant.

        That is nothing, unless the whole exome or genome was sequenced: then a causal variant was
        missed in one of twenty.
        """
        return self.get(gene) or GeneEvidence.of(gene, (), whole=self.whole)


def evidence(
    path: Path,
    *,
    sample: str | None = None,
    genes: Collection[str] | None = None,
    clinvar: Path | None = None,
    gnomad: Path | Sequence[Path] | None = None,
    build: str | None = None,
    sex: str | None = None,
    whole: bool = False,
    thresholds: Thresholds | None = None,
    given: Mapping[Allele, Sequence[Criterion]] | None = None,
) -> Evidence:
    """Read what one person's variants say of genes.

    Parameters
    ----------
    path
        A VCF or BCF, annotated by VEP or SnpEff; without annotation only what ClinVar lists can be
        put to a gene.
    sample
        The person's name in the file; needed where it has several.
    genes
        Symbols that matter; all by default.
    clinvar
        The user's ClinVar VCF, of the same build.
    gnomad
        The user's sites VCFs or tables of frequencies, of the same build.
    build
        `GRCh37` or `GRCh38`, where the file does not tell.
    sex
        `MALE`, `FEMALE` or None.
    whole
        The whole exome or genome was sequenced and the file has all that was found.
    thresholds
        Numbers and lists of the criteria.
    given
        Criteria that the user has judged (`osler.genome.diagnose.given.read_criteria`).

    Raises
    ------
    InputError
        If a file is not what it should be, is cut short or of another build, or which person is
        meant is not clear.

    References
    ----------
    Richards et al. 2015, Genet Med 17:405-424; Tavtigian et al. 2020, Hum Mutat 41:1734-1737;
    Robinson et al. 2020, Am J Hum Genet 107:403-417.
    """
    thresholds = thresholds or Thresholds()
    given = given or {}
    places = pathogenic_places(clinvar, LEAST_STARS) if clinvar else {}
    asked = Asked(genes, places, given, SEXES.get(sex or ""))
    person = read_person(path, sample, build, asked)
    notes = person.notes
    alleles = sorted(person.carried)
    frequencies = [gnomad] if isinstance(gnomad, Path) else list(gnomad or ())
    sources = Sources(
        read_clinvar(clinvar, alleles, person.build, notes) if clinvar else None,
        read_frequencies(frequencies, alleles, person.build, notes) if frequencies else None,
    )
    found: dict[str, list[VariantEvidence]] = {}
    for allele in alleles:
        for one in _of_allele(person.carried[allele], person, sources, thresholds, given, genes):
            found.setdefault(one.gene, []).append(one)
    notes.update(dict.fromkeys(_not_given(person, sources, thresholds), 0))
    notes.update(_unused(given, person, found))
    return Evidence(
        {gene: GeneEvidence.of(gene, ones, whole=whole) for gene, ones in sorted(found.items())},
        build=person.build,
        whole=whole,
        notes=[f"{number:,} {what}" if number else what for what, number in notes.items()],
    )


def _unused(
    given: Mapping[Allele, Sequence[Criterion]],
    person: Person,
    found: Mapping[str, Sequence[VariantEvidence]],
) -> dict[str, int]:
    """Count the variants whose given criteria went nowhere."""
    placed = {one.allele for ones in found.values() for one in ones}
    counts = {
        NOT_CARRIED: sum(allele not in person.carried for allele in given),
        NOT_PLACED: sum(allele in person.carried and allele not in placed for allele in given),
    }
    return {what: number for what, number in counts.items() if number}


def _not_given(person: Person, sources: Sources, thresholds: Thresholds) -> list[str]:
    told = [] if sources.clinvar else [NO_CLINVAR]
    told += [] if sources.frequencies else [NO_FREQUENCIES]
    told += [NO_MECHANISM] if thresholds.loss_of_function is None else []
    return told + ([] if person.annotated or sources.clinvar else [NO_GENES])


def _of_allele(
    carried: Carried,
    person: Person,
    sources: Sources,
    thresholds: Thresholds,
    given: Mapping[Allele, Sequence[Criterion]],
    genes: Collection[str] | None,
) -> list[VariantEvidence]:
    """Return the variant in each gene that it may concern."""
    asserted = sources.clinvar.exact.get(carried.allele) if sources.clinvar else None
    frequency = sources.frequencies.exact.get(carried.allele) if sources.frequencies else None
    told = _by_gene(carried, asserted, carried.allele in given, genes)
    if len(told) > 1 and not carried.told:
        person.notes[SEVERAL_GENES] += 1
    found = []
    for gene, consequence in told.items():
        classified = assess(
            carried.allele, gene, consequence, sources, thresholds, given.get(carried.allele, ())
        )
        chance, established = _probability(consequence, classified, asserted)
        share = frequency.most if frequency else None
        damage = Damage(chance, established, share, carried.zygosity, carried.strand)
        found.append(
            VariantEvidence(
                carried.allele,
                person.build,
                gene,
                carried.zygosity,
                carried.copies,
                consequence,
                classified,
                asserted,
                frequency,
                chance,
                established,
                damage,
            )
        )
    return found


def _by_gene(
    carried: Carried, asserted: Assertion | None, is_given: bool, genes: Collection[str] | None
) -> dict[str, Consequence | None]:
    """Return what the variant does to each gene it may concern.

    Those it alters by the annotation; beside them those to which ClinVar puts a variant that it
    calls pathogenic, with ClinVar's consequence where there is no annotation.
    """
    found: dict[str, Consequence | None] = {
        gene: one for gene, one in carried.told.items() if one.is_altering or is_given
    }
    if asserted is None or not (_is_believed(asserted) and asserted.significance.is_pathogenic):
        return found
    for gene in asserted.genes:
        if gene in found or not (genes is None or gene in genes):
            continue
        own = carried.told.get(gene)
        if own is None and not carried.told and asserted.terms:
            own = Consequence(asserted.terms, "ClinVar")
        # An annotation that has the variant in other genes only is believed in those.
        if own is not None or not found:
            found[gene] = own
    return found


def _is_believed(asserted: Assertion) -> bool:
    return asserted.stars >= LEAST_STARS


def _probability(
    told: Consequence | None, classified: Classification, asserted: Assertion | None
) -> tuple[float, bool]:
    """Return the chance that a variant damages the gene, and whether that is established."""
    believed = asserted.significance if asserted and _is_believed(asserted) else None
    if classified.class_.is_benign or (believed is not None and believed.is_benign):
        return 0.0, False
    if believed is Significance.PATHOGENIC or classified.class_ is Class.PATHOGENIC:
        return SURE, True
    if (believed is not None and believed.is_pathogenic) or classified.class_.is_pathogenic:
        return LIKELY, True
    if told is None:
        return 0.0, False
    if told.has(MISSENSE) and not told.has(NULL) and told.revel is not None:
        return told.revel, False
    return next((chance for terms, chance in _BY_KIND if told.has(terms)), 0.0), False


def _notes(variants: Sequence[VariantEvidence]) -> list[str]:
    """Return what a reader of a gene's variants should know."""
    notes = []
    damaging = [one for one in variants if one.probability > 0]
    hidden = [one for one in damaging if one.zygosity is Zygosity.HETEROZYGOUS]
    if len(hidden) > 1:
        known = [one for one in hidden if one.damage.strand is not None]
        notes.append(
            "two or more heterozygous variants: whether they lie on one copy is "
            + ("known from the phase" if len(known) == len(hidden) else "not known")
        )
    for one in variants:
        asserted = one.clinvar
        if asserted is None or asserted.stars < LEAST_STARS:
            continue
        against = asserted.significance.is_pathogenic and one.classification.class_.is_benign
        if against or (asserted.significance.is_benign and one.classification.class_.is_pathogenic):
            own = one.classification.class_.value
            notes.append(f"{one.variant}: ClinVar {asserted.significance.value}, criteria {own}")
    return notes
