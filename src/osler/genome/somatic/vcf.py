"""A tumour from a VCF, annotated or not."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from osler.errors import Fault, InputError
from osler.genome.somatic.annotation import Annotation, annotation_of, chosen
from osler.genome.somatic.civic import Civic, CivicVariant
from osler.genome.somatic.consequence import classification_of
from osler.genome.somatic.maf import TumourFile
from osler.genome.somatic.names import Kind
from osler.genome.somatic.nouns import Alteration, Place
from osler.genome.somatic.protein import Effect, ProteinChange
from osler.sources.files import open_binary

MOST_ALLELE_BASES = 900
MOST_LINE_BYTES = 64 << 20
GRCH37 = "GRCh37"
# Lengths of chromosome 1 in the two builds (Genome Reference Consortium), which tell them apart.
_BUILD_OF_LENGTH = {"249250621": "GRCh37", "248956422": "GRCh38"}
_CONTIG = re.compile(r"##contig=<ID=(?:chr)?1,(?:[^>]*,)?length=([0-9]+)")
_NAMED_BUILDS = (
    ("GRCh37", re.compile(r"grch37|hg19|hs37d5|b37", re.IGNORECASE)),
    ("GRCh38", re.compile(r"grch38|hg38|hs38", re.IGNORECASE)),
)
_BUILD_LINES = ("##reference", "##contig", "##new_reference", "##assembly", "##VEP", "##SnpEff")
_TUMOUR_LINE = re.compile(r"##tumor_sample=(.+)")
_TUMOUR_NAMES = frozenset({"TUMOR", "TUMOUR"})
_INFO_LINE = re.compile(r"^##INFO=<ID=([^,>]+),.*?Description=\"([^\"]*)", re.MULTILINE)
_FIXED = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
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
    chromosome: str
    position: int
    reference: str
    alternates: tuple[str, ...]
    filtered: bool
    info: Mapping[str, str]
    values: Mapping[str, str]
    """The FORMAT fields of the tumour's sample."""


def read_somatic_vcf(path: Path, sample: str | None, civic: Civic) -> TumourFile:
    """Read the variants of one tumour from a text VCF, packed or not.

    Parameters
    ----------
    sample
        The tumour's, of a file with several; None if there is one, or the header names it.

    Raises
    ------
    InputError
        If it is no VCF, ends too early, or which sample is the tumour is not clear.
    """
    with open_binary(path) as stream:
        lines = _lines(stream, path.name)
        header = _header(lines, path.name)
        column = _tumour_column(header, sample, path.name)
        file = TumourFile(annotated=header.annotation is not None, build=header.build)
        found: list[Alteration] = []
        for line in lines:
            record = _record(line, column)
            if record is None:
                file.notes[UNREADABLE] += 1
            else:
                found += _alterations(record, header, civic, file)
    name = header.samples[column] if column is not None else "tumour"
    unique = list(dict.fromkeys(found))
    file.notes.update({REPEATED: len(found) - len(unique)} if len(unique) < len(found) else {})
    file.tumours = {name: unique}
    _tell_what_is_absent(file, header)
    return file


def _tell_what_is_absent(file: TumourFile, header: _Header) -> None:
    if not file.annotated:
        file.notes[ANNOTATE] = 0
        if header.build != GRCH37:
            file.notes[NO_PLACES] = 0
    (found,) = file.tumours.values()
    if found and all(one.allele_fraction is None for one in found):
        file.notes[NO_SHARES] = 0


def _lines(stream: BinaryIO, where: str) -> Iterator[str]:
    """Yield the lines as text; what is not UTF-8 becomes a mark, since only names may hold it."""
    for number, line in enumerate(stream):
        if number == 0 and line.startswith(b"BCF"):
            remedy = "make a VCF of it: bcftools view"
            raise InputError(Fault(where, "BCF", "a text VCF, packed or not", remedy))
        if len(line) > MOST_LINE_BYTES:
            raise InputError(Fault(where, "a line over 64 MiB", "a VCF"))
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        if text:
            yield text


def _header(lines: Iterator[str], where: str) -> _Header:
    """Read up to the line of columns."""
    told: list[str] = []
    for line in lines:
        if line.startswith("#CHROM\t"):
            columns = line.split("\t")
            if columns[:8] != _FIXED:
                break
            text = "\n".join(told)
            tumour = _TUMOUR_LINE.search(text)
            samples = tuple(columns[9:])
            descriptions = dict(_INFO_LINE.findall(text))
            named = tumour[1].strip() if tumour else None
            return _Header(samples, _build(text), annotation_of(descriptions), named)
        if not line.startswith("##"):
            break
        told.append(line)
    raise InputError(Fault(where, "no line of columns that begins #CHROM", "a VCF"))


def _build(header: str) -> str | None:
    """Return the build by the length of chromosome 1, else by the names that the header uses."""
    length = _CONTIG.search(header)
    if length and length[1] in _BUILD_OF_LENGTH:
        return _BUILD_OF_LENGTH[length[1]]
    lines = [line for line in header.splitlines() if line.startswith(_BUILD_LINES)]
    named = {
        build for build, pattern in _NAMED_BUILDS if any(pattern.search(line) for line in lines)
    }
    return named.pop() if len(named) == 1 else None


def _record(line: str, column: int | None) -> _Record | None:
    """Read a line; None if it is no record."""
    fields = line.split("\t")
    if len(fields) < 8 or not re.fullmatch(r"[0-9]{1,10}", fields[1]) or not fields[0]:
        return None
    values: dict[str, str] = {}
    if column is not None:
        if len(fields) <= 9 + column:
            return None
        values = dict(zip(fields[8].split(":"), fields[9 + column].split(":"), strict=False))
    info = dict(one.partition("=")[::2] for one in fields[7].split(";"))
    return _Record(
        fields[0],
        int(fields[1]),
        fields[3].upper(),
        tuple(one.upper() for one in fields[4].split(",") if one not in {".", ""}),
        fields[6] not in {"PASS", ".", ""},
        info,
        values,
    )


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
    if record.filtered:
        file.notes[FILTERED] += 1
        return
    carried = _carried(record)
    for which, alternate in enumerate(record.alternates):
        if carried is not None and which + 1 not in carried:
            file.notes[NOT_IN_TUMOUR] += 1
        elif not _plain(record.reference, alternate):
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
    reference, alternates = record.reference, record.alternates
    place = (
        Place.trimmed(
            header.build, record.chromosome, record.position, reference, alternates[which]
        )
        if header.build
        else None
    )
    share, depth = _reads(record, which)
    if header.annotation is None:
        return _by_place(place, share, depth, civic)
    text = record.info.get(header.annotation.field)
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
