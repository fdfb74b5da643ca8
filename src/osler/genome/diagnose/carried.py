"""The alleles that one person carries, read from a VCF: those that could matter, and how often."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from osler.errors import Fault, InputError
from osler.genome.diagnose.consequence import ALTERING, Consequence, consequences
from osler.genome.diagnose.sites import Allele, build_of
from osler.genome.somatic.annotation import Annotation, annotation_of
from osler.sources.vcf import ABSENT, MISSING, Record, Vcf, is_bases, open_vcf

MOST_ALLELE_BASES = 1000
# Parts of chromosome X that pair with Y: Genome Reference Consortium, assemblies GRCh37 and GRCh38.
_PAIRING = {
    "GRCh37": ((60_001, 2_699_520), (154_931_044, 155_260_560)),
    "GRCh38": ((10_001, 2_781_479), (155_701_383, 156_030_895)),
}
_INFO_LINE = re.compile(r"^##INFO=<ID=([^,>]+),.*?Description=\"([^\"]*)", re.MULTILINE)
_ALTERING = re.compile("|".join(sorted(ALTERING)))
_SCORES = ("REVEL",)

FILTERED = "records that the caller filtered, left out"
NO_GENOTYPE = "records without a genotype of the person, unknown and not taken as reference"
HALF = "genotypes of which one copy is missing; the copy that is known counts"
UNREADABLE = "records whose genotypes cannot be read, left out"
SYMBOLIC = "symbolic, spanning or overlong alleles, not looked at"
REPEATED = "variants given twice, counted once"
CONTRADICTORY = "variants given twice with different genotypes; the fewer copies count"
MANY_COPIES = "genotypes of more than two copies; two count"
MALE_HETEROZYGOUS = "heterozygous genotypes of a male on chromosome X, outside what pairs with Y"
ANNOTATE = "the file is not annotated: annotate it with VEP or SnpEff, to know what a variant does"
NO_GENES = "without annotation and ClinVar no variant can be put to a gene: nothing was looked at"


class Zygosity(Enum):
    """How many of a person's copies carry an allele."""

    HETEROZYGOUS = "heterozygous"
    HOMOZYGOUS = "homozygous"
    HEMIZYGOUS = "hemizygous"


@dataclass(frozen=True)
class Strand:
    """On which copy an allele lies, where the file tells: strands compare within one phase set."""

    phase_set: int
    number: int


@dataclass(frozen=True)
class Carried:
    """An allele that the person carries.

    Attributes
    ----------
    copies
        1 or 2.
    told
        By gene, what the annotation says of it.
    strand
        None where it is on both copies, or the phase is not told.
    """

    allele: Allele
    zygosity: Zygosity
    copies: int
    told: Mapping[str, Consequence]
    strand: Strand | None = None


@dataclass
class Person:
    """What a VCF says of one person.

    Attributes
    ----------
    build
        GRCh37 or GRCh38; None where nobody says.
    annotated
        Whether the file says what variants do to genes.
    notes
        What was doubtful or left out, counted; 0 for what needs no count.
    """

    build: str | None
    annotated: bool
    carried: dict[Allele, Carried] = field(default_factory=dict)
    notes: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Asked:
    """Which alleles are kept: those that alter one of the genes, and those at these places.

    Attributes
    ----------
    genes
        None for all.
    places
        By chromosome: where ClinVar has something pathogenic.
    alleles
        Those that the user speaks of.
    male
        None if not known.
    """

    genes: Container[str] | None = None
    places: Mapping[str, Container[int]] = field(default_factory=dict)
    alleles: Container[Allele] = frozenset()
    male: bool | None = None


def read_person(path: Path, sample: str | None, build: str | None, asked: Asked) -> Person:
    """Read what one person carries.

    Parameters
    ----------
    sample
        The person's name in the file; needed where it has several.
    build
        What the user says; it settles a header that does not tell.

    Raises
    ------
    InputError
        If it is no VCF, ends too early, has no or several samples and none is named, or is of
        another build.
    """
    with open_vcf(path) as vcf:
        column = _column(vcf, sample)
        known, doubt = build_of(vcf, build)
        text = "\n".join(line.decode("utf-8", "replace") for line in vcf.header.lines)
        annotation = annotation_of(dict(_INFO_LINE.findall(text)))
        person = Person(known, annotation is not None)
        person.notes.update(dict.fromkeys([doubt] if doubt else [], 0))
        for record in vcf.records():
            _take(record, column, annotation, asked, person)
        person.notes.update({what: _count(what, number) for what, number in vcf.notes.items()})
    if not person.annotated:
        person.notes[ANNOTATE] = 0
    return person


def _count(what: str, number: int) -> int:
    """Return how often something was seen; 0 for what is of the file and needs no count."""
    return 0 if what.startswith(("no ", "a ", "an ")) else number


def _column(vcf: Vcf, sample: str | None) -> int:
    if sample is not None:
        if sample not in vcf.samples:
            raise InputError(Fault("--sample", "not among the file's", "a sample of the VCF"))
        return vcf.samples.index(sample)
    if len(vcf.samples) == 1:
        return 0
    if not vcf.samples:
        raise InputError(Fault(vcf.where, "no sample, sites only", "one person's genotypes"))
    came = f"{len(vcf.samples)} samples"
    raise InputError(
        Fault(vcf.where, came, "to know which is the patient", "name it with --sample")
    )


def _take(
    record: Record, column: int, annotation: Annotation | None, asked: Asked, person: Person
) -> None:
    """Keep what the person carries of a record and could matter."""
    if record.is_block or not record.alternates:
        return
    text = record.info(annotation.field) if annotation else None
    if not _may_matter(record, text, asked):
        return
    if record.filters:
        person.notes[FILTERED] += 1
        return
    copies = _copies(record, column, person.notes)
    if copies is None:
        return
    for which, alternate in enumerate(record.alternates):
        number = copies.count(which + 1)
        if not number:
            continue
        if not _is_plain(record.reference, alternate):
            person.notes[SYMBOLIC] += 1
            continue
        told = _told(record, which, annotation, text, asked)
        allele = Allele.of(record.chromosome, record.position, record.reference, alternate)
        if told or _is_asked(allele, asked):
            zygosity = _zygosity(allele, number, copies, asked, person)
            strand = _strand(record, column, copies, which + 1)
            both = 1 if zygosity is Zygosity.HEMIZYGOUS else min(number, 2)
            _keep(Carried(allele, zygosity, both, told, strand), person)


def _may_matter(record: Record, text: str | None, asked: Asked) -> bool:
    """Say quickly whether a record can be of interest, before its genotypes are read."""
    if text is not None and _ALTERING.search(text):
        return True
    places = asked.places.get(record.chromosome)
    last = record.position + len(record.reference)
    near = range(record.position, min(last, record.position + MOST_ALLELE_BASES))
    if places is not None and any(place in places for place in near):
        return True
    return any(
        Allele.of(record.chromosome, record.position, record.reference, one) in asked.alleles
        for one in record.alternates
        if asked.alleles and is_bases(one)
    )


def _is_asked(allele: Allele, asked: Asked) -> bool:
    if allele in asked.alleles:
        return True
    return allele.position in asked.places.get(allele.chromosome, ())


def _is_plain(reference: str, alternate: str) -> bool:
    sound = is_bases(reference) and is_bases(alternate) and reference != alternate
    return sound and len(reference) + len(alternate) <= MOST_ALLELE_BASES


def _copies(record: Record, column: int, notes: Counter[str]) -> list[int] | None:
    """Return the person's alleles, without missing ones; None if none is known."""
    try:
        row = record.genotypes.alleles[column].tolist()
    except ValueError:
        notes[UNREADABLE] += 1
        return None
    present = [one for one in row if one != ABSENT]
    known = [one for one in present if one != MISSING]
    if not known:
        notes[NO_GENOTYPE] += 1
        return None
    if len(known) < len(present):
        notes[HALF] += any(known)
        # The missing copy stays in its place, so that one known copy of two is not hemizygous.
        return present
    return known


def _told(
    record: Record, which: int, annotation: Annotation | None, text: str | None, asked: Asked
) -> dict[str, Consequence]:
    """Return by gene what an allele does: of the genes asked for, if it alters any of them."""
    if annotation is None or not text:
        return {}
    scores = {name: record.info(name) for name in _SCORES}
    found = consequences(annotation, text, record.reference, record.alternates, which, scores)
    wanted = {
        gene: one for gene, one in found.items() if asked.genes is None or gene in asked.genes
    }
    altering = any(one.is_altering for one in wanted.values())
    allele = Allele.of(
        record.chromosome, record.position, record.reference, record.alternates[which]
    )
    return wanted if altering or _is_asked(allele, asked) else {}


def _zygosity(
    allele: Allele, number: int, copies: list[int], asked: Asked, person: Person
) -> Zygosity:
    if len(copies) > 2:
        person.notes[MANY_COPIES] += 1
    if len(copies) == 1:
        return Zygosity.HEMIZYGOUS
    single = _is_single_in_males(allele, person.build)
    if number >= 2:
        male = asked.male is True and single
        return Zygosity.HEMIZYGOUS if male else Zygosity.HOMOZYGOUS
    if asked.male is True and single:
        person.notes[MALE_HETEROZYGOUS] += 1
    return Zygosity.HETEROZYGOUS


def _is_single_in_males(allele: Allele, build: str | None) -> bool:
    if allele.chromosome == "Y":
        return True
    if allele.chromosome != "X" or build is None:
        return False
    return not any(first <= allele.position <= last for first, last in _PAIRING[build])


def _strand(record: Record, column: int, copies: list[int], allele: int) -> Strand | None:
    if len(copies) != 2 or copies.count(allele) != 1 or not record.genotypes.phased[column]:
        return None
    sets = record.phase_set
    # VCF 4.4, section 1.6.2: without PS all phased genotypes of a chromosome are one set.
    return Strand(-1 if sets is None else int(sets[column]), copies.index(allele))


def _keep(one: Carried, person: Person) -> None:
    known = person.carried.get(one.allele)
    if known is None:
        person.carried[one.allele] = one
        return
    same = (known.zygosity, known.copies) == (one.zygosity, one.copies)
    person.notes[REPEATED if same else CONTRADICTORY] += 1
    if one.copies < known.copies:
        person.carried[one.allele] = one
