"""A tumour from a VCF, annotated or not."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from osler.errors import Fault, InputError
from osler.genome.somatic.annotation import Annotation, annotation_of, chosen
from osler.genome.somatic.civic import Civic, CivicVariant
from osler.genome.somatic.consequence import classification_of
from osler.genome.somatic.maf import TumourFile
from osler.genome.somatic.names import Kind
from osler.genome.somatic.nouns import Alteration, Place
from osler.genome.somatic.protein import Effect, ProteinChange
from osler.sources.vcf import Header, Record, Vcf, open_vcf

MOST_ALLELE_BASES = 900
GRCH37 = "GRCh37"
_TUMOUR_LINE = re.compile(r"##tumor_sample=(.+)")
# CrossMap (Zhao et al. 2014, Bioinformatics 30:1006-1007) names the reference it lifted to.
_LIFTED = b"##new_reference_genome="
_BUILDS = (
    (GRCH37, re.compile(r"grch37|hg19", re.IGNORECASE)),
    ("GRCh38", re.compile(r"grch38|hg38", re.IGNORECASE)),
)
_TUMOUR_NAMES = frozenset({"TUMOR", "TUMOUR"})
_INFO_LINE = re.compile(r"^##INFO=<ID=([^,>]+),.*?Description=\"([^\"]*)", re.MULTILINE)
_ALLELE = re.compile(r"[ACGTN]+")
_CLASS_OF_EFFECT = {
    Effect.MISSENSE: "Missense_Mutation",
    Effect.NONSENSE: "Nonsense_Mutation",
    Effect.DELETION: "In_Frame_Del",
    Effect.INSERTION: "In_Frame_Ins",
    Effect.DUPLICATION: "In_Frame_Ins",
    Effect.REPLACEMENT: "Protein_Altering",
    Effect.START_LOST: "Translation_Start_Site",
    Effect.STOP_LOST: "Nonstop_Mutation",
    Effect.SILENT: "Silent",
}

FILTERED = "records that the caller filtered, left out"
NOT_IN_TUMOUR = "alleles that the tumour's sample does not carry, left out"
SYMBOLIC = "symbolic, spanning or overlong alleles, left out"
NO_GENE = "variants without a gene in their annotation: nothing is known of them"
NOT_NAMED = "variants at no allele that CIViC names: without annotation nothing is known of them"
ANNOTATE = "the file is not annotated; annotate it with VEP or SnpEff to have all of it read"
NO_PLACES = (
    "the file is neither annotated nor on GRCh37, whose coordinates CIViC has: nothing was matched"
)
UNREADABLE = "lines that are no records, left out"
REPEATED = "records given twice, counted once"
NO_SHARES = "no read counts (AD or AF) of the tumour, so no allele fractions"


@dataclass(frozen=True)
class _Header:
    samples: tuple[str, ...]
    build: str | None
    annotation: Annotation | None
    tumour: str | None


@dataclass(frozen=True)
class _Record:
    """A record, with the FORMAT fields of the tumour's sample."""

    told: Record
    values: Mapping[str, str]

    @property
    def alternates(self) -> tuple[str, ...]:
        return self.told.alternates


def read_somatic_vcf(path: Path, sample: str | None, civic: Civic) -> TumourFile:
    """Read the variants of one tumour from a VCF or BCF.

    Parameters
    ----------
    sample
        The tumour's, of a file with several; None if there is one, or the header names it.

    Raises
    ------
    InputError
        If it is no VCF, ends too early, or which sample is the tumour is not clear.
    """
    with open_vcf(path) as vcf:
        header = _header(vcf)
        column = _tumour_column(header, sample, path.name)
        file = TumourFile(annotated=header.annotation is not None, build=header.build)
        found: list[Alteration] = []
        for told in vcf.records():
            record = _of_tumour(told, column)
            if record is None:
                file.notes[UNREADABLE] += 1
            else:
                found += _alterations(record, header, civic, file)
    name = header.samples[column] if column is not None else "tumour"
    unique = list(dict.fromkeys(found))
    file.notes.update({REPEATED: len(found) - len(unique)} if len(unique) < len(found) else {})
    file.notes.update({what: _count(what, number) for what, number in vcf.notes.items()})
    file.tumours = {name: unique}
    _tell_what_is_absent(file, header)
    return file


def _count(what: str, number: int) -> int:
    """Return how often something was seen; 0 for what is of the file and needs no count."""
    return 0 if what.startswith(("no ", "a ", "an ")) else number


def _tell_what_is_absent(file: TumourFile, header: _Header) -> None:
    if not file.annotated:
        file.notes[ANNOTATE] = 0
        if header.build != GRCH37:
            file.notes[NO_PLACES] = 0
    (found,) = file.tumours.values()
    if found and all(one.allele_fraction is None for one in found):
        file.notes[NO_SHARES] = 0


def _header(vcf: Vcf) -> _Header:
    text = "\n".join(line.decode("utf-8", "replace") for line in vcf.header.lines)
    tumour = _TUMOUR_LINE.search(text)
    return _Header(
        vcf.samples,
        vcf.build or _lifted_to(vcf.header),
        annotation_of(dict(_INFO_LINE.findall(text))),
        tumour[1].strip() if tumour else None,
    )


def _lifted_to(header: Header) -> str | None:
    """Return the build that CrossMap names where nothing else in the header tells one."""
    if header.told.other or header.told.contradiction:
        return None
    named = [line.decode("utf-8", "replace") for line in header.lines if line.startswith(_LIFTED)]
    found = {build for build, names in _BUILDS if any(names.search(line) for line in named)}
    return found.pop() if len(found) == 1 else None


def _of_tumour(record: Record, column: int | None) -> _Record | None:
    """Return a record with the tumour's fields; None if its column is not there."""
    if column is None:
        return _Record(record, {})
    _, samples = record.split()
    if column >= len(samples):
        return None
    values = samples[column].decode("utf-8", "replace").split(":")
    keys = [key.decode("utf-8", "replace") for key in record.format_keys]
    return _Record(record, dict(zip(keys, values, strict=False)))


def _tumour_column(header: _Header, sample: str | None, where: str) -> int | None:
    """Return which sample is the tumour; None for a file without samples."""
    samples = header.samples
    if sample is not None:
        if sample not in samples:
            raise InputError(
                Fault("--tumour-sample", "a sample that is not there", "a sample of the file")
            )
        return samples.index(sample)
    if len(samples) < 2:
        return 0 if samples else None
    named = [
        number
        for number, name in enumerate(samples)
        if name == header.tumour or name.upper() in _TUMOUR_NAMES
    ]
    if len(named) == 1:
        return named[0]
    remedy = "name the tumour's with --tumour-sample"
    raise InputError(Fault(where, f"{len(samples)} samples", "to know which is the tumour", remedy))


def _alterations(
    record: _Record, header: _Header, civic: Civic, file: TumourFile
) -> Iterator[Alteration]:
    """Yield what the tumour carries of a record; count the rest."""
    if record.told.filters:
        file.notes[FILTERED] += 1
        return
    carried = _carried(record)
    for which, alternate in enumerate(record.alternates):
        if carried is not None and which + 1 not in carried:
            file.notes[NOT_IN_TUMOUR] += 1
        elif not _plain(record.told.reference, alternate):
            file.notes[SYMBOLIC] += 1
        else:
            found, why = _alteration(record, which, header, civic)
            if why:
                file.notes[why] += 1
            if found is not None:
                yield found


def _plain(reference: str, alternate: str) -> bool:
    both = (reference, alternate)
    sound = all(_ALLELE.fullmatch(one) for one in both)
    return sound and reference != alternate and sum(map(len, both)) <= MOST_ALLELE_BASES


def _carried(record: _Record) -> set[int] | None:
    """Return the alleles of the tumour's genotype; None if it has no genotype."""
    alleles = re.findall(r"[0-9]+", record.values.get("GT", ""))
    return {int(one) for one in alleles} if alleles else None


def _alteration(
    record: _Record, which: int, header: _Header, civic: Civic
) -> tuple[Alteration | None, str | None]:
    """Return an allele with what the annotation, or else CIViC's coordinates, say of it."""
    told_of, alternates = record.told, record.alternates
    reference = told_of.reference
    place = (
        Place.trimmed(
            header.build, told_of.chromosome, told_of.position, reference, alternates[which]
        )
        if header.build
        else None
    )
    share, depth = _reads(record, which)
    if header.annotation is None:
        return _by_place(place, share, depth, civic)
    text = told_of.info(header.annotation.field)
    told = chosen(header.annotation, text, reference, alternates, which) if text else None
    if told is None:
        known, _ = _by_place(place, share, depth, civic)
        return known, None if known else NO_GENE
    return (
        Alteration(
            told.gene,
            classification=told.classification,
            protein=told.protein,
            coding=told.coding,
            exon=told.exon,
            place=place,
            allele_fraction=share,
            depth=depth,
        ),
        None,
    )


def _by_place(
    place: Place | None, share: float | None, depth: int | None, civic: Civic
) -> tuple[Alteration | None, str | None]:
    """Return an allele that CIViC names, with what CIViC says it does."""
    if place is None:
        return None, NOT_NAMED
    named = [_named(variant, place) for variant in civic.by_place.get(place, ())]
    known = [one for one in named if one is not None]
    if not known:
        return None, NOT_NAMED
    best = next((one for one in known if one.protein), known[0])
    return replace(best, place=place, allele_fraction=share, depth=depth), None


# Polymorphisms are not of the tumour.
_INHERITED = frozenset({Kind.POLYMORPHISM})


def _named(variant: CivicVariant, place: Place) -> Alteration | None:
    """Return what a variant's name says of its allele; None for what is inherited."""
    patterns = variant.name.patterns
    changes = [pattern.change for pattern in patterns if pattern.change is not None]
    coding = next((one.text for one in patterns if one.kind is Kind.CODING), None)
    if len(changes) == 1:
        written = variant.label.partition(" (")[0].split()[-1].removeprefix("p.")
        return Alteration(
            variant.gene,
            classification=_class(changes[0], place),
            protein=f"p.{written}",
            coding=coding,
        )
    if all(pattern.kind in _INHERITED for pattern in patterns):
        return None
    known = classification_of("&".join(variant.types), place.reference, place.alternate)
    return Alteration(variant.gene, classification=known, coding=coding)


def _class(change: ProteinChange, place: Place) -> str | None:
    if change.effect is Effect.FRAMESHIFT:
        longer = len(place.alternate) > len(place.reference)
        return "Frame_Shift_Ins" if longer else "Frame_Shift_Del"
    return _CLASS_OF_EFFECT.get(change.effect)


def _reads(record: _Record, which: int) -> tuple[float | None, int | None]:
    """Return the share of the tumour's reads with the allele and their number, from AD or AF."""
    counts = _numbers(record.values.get("AD", ""))
    if len(counts) == len(record.alternates) + 1 and all(one >= 0 for one in counts):
        depth = sum(counts)
        return (counts[which + 1] / depth, int(depth)) if depth else (None, None)
    shares = _numbers(record.values.get("AF", ""))
    if len(shares) == len(record.alternates) and 0 <= shares[which] <= 1:
        return shares[which], None
    return None, None


def _numbers(text: str) -> list[float]:
    """Return numbers joined by commas; none if any of them is no number."""
    try:
        numbers = [float(one) for one in text.split(",")]
    except ValueError:
        return []
    return numbers if all(map(math.isfinite, numbers)) else []
