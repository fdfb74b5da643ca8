"""A tumour from a VCF, annotated or not."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from osler.errors import Fault, InputError
from osler.extras import require
from osler.genome.somatic.annotation import Annotation, annotation_of, chosen
from osler.genome.somatic.civic import Civic, CivicVariant
from osler.genome.somatic.maf import TumourFile
from osler.genome.somatic.nouns import Alteration, Place
from osler.genome.somatic.protein import Effect, ProteinChange
from osler.sources.files import require_file

MOST_ALLELE_BASES = 900
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
NO_SHARES = "no read counts (AD or AF) of the tumour, so no allele fractions"


@dataclass(frozen=True)
class _Header:
    samples: tuple[str, ...]
    build: str | None
    annotation: Annotation | None
    tumour: str | None


def read_somatic_vcf(path: Path, sample: str | None, civic: Civic) -> TumourFile:
    """Read the variants of one tumour.

    Parameters
    ----------
    sample
        The tumour's, of a file with several; None if there is one, or the header names it.

    Raises
    ------
    InputError
        If it is no VCF, ends too early, or which sample is the tumour is not clear.
    """
    reader = _opened(path)
    header = _header(reader)
    column = _tumour_column(header, sample, path.name)
    file = TumourFile(annotated=header.annotation is not None, build=header.build)
    found: list[Alteration] = []
    for record in _records(reader, path.name):
        found += _alterations(record, column, header, civic, file)
    name = header.samples[column] if column is not None else "tumour"
    file.tumours = {name: list(dict.fromkeys(found))}
    if not file.annotated:
        file.notes[ANNOTATE] = 0
        if header.build != GRCH37:
            file.notes[NO_PLACES] = 0
    if found and all(one.allele_fraction is None for one in found):
        file.notes[NO_SHARES] = 0
    return file


def _opened(path: Path) -> Any:
    require_file(path)
    cyvcf2 = require("cyvcf2", "genome")
    try:
        return cyvcf2.VCF(str(path))
    except (OSError, ValueError) as error:
        raise InputError(Fault(path.name, "no VCF that can be read", "VCF or BCF")) from error


def _records(reader: Any, where: str) -> Iterator[Any]:
    """Yield the records; say so if the file ends too early."""
    try:
        yield from reader
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(Fault(where, "damaged or cut short", "a whole VCF")) from error


def _header(reader: Any) -> _Header:
    text = str(reader.raw_header)
    descriptions = {
        line.info()["ID"]: line.info().get("Description", "")
        for line in reader.header_iter()
        if line.type == "INFO"
    }
    tumour = _TUMOUR_LINE.search(text)
    return _Header(
        tuple(reader.samples),
        _build(text),
        annotation_of(descriptions),
        tumour[1].strip() if tumour else None,
    )


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
    record: Any, column: int | None, header: _Header, civic: Civic, file: TumourFile
) -> Iterator[Alteration]:
    """Yield what the tumour carries of a record; count the rest."""
    if record.FILTER is not None:
        file.notes[FILTERED] += 1
        return
    carried = _carried(record, column)
    for which, alternate in enumerate(record.ALT):
        if carried is not None and which + 1 not in carried:
            file.notes[NOT_IN_TUMOUR] += 1
        elif not _plain(record.REF, alternate):
            file.notes[SYMBOLIC] += 1
        else:
            found, why = _alteration(record, which, column, header, civic)
            if why:
                file.notes[why] += 1
            if found is not None:
                yield found


def _plain(reference: str, alternate: str) -> bool:
    both = (reference.upper(), alternate.upper())
    sound = all(_ALLELE.fullmatch(one) for one in both)
    return sound and sum(map(len, both)) <= MOST_ALLELE_BASES


def _carried(record: Any, column: int | None) -> set[int] | None:
    """Return the alleles of the tumour's genotype; None if it has no genotype."""
    if column is None or "GT" not in (record.FORMAT or ()):
        return None
    genotype = [one for one in record.genotypes[column][:-1] if one >= 0]
    return set(genotype) if genotype else None


def _alteration(
    record: Any, which: int, column: int | None, header: _Header, civic: Civic
) -> tuple[Alteration | None, str | None]:
    """Return an allele with what the annotation, or else CIViC's coordinates, say of it."""
    alternates = [str(one).upper() for one in record.ALT]
    reference = record.REF.upper()
    place = (
        Place.trimmed(header.build, record.CHROM, record.POS, reference, alternates[which])
        if header.build
        else None
    )
    share, depth = _reads(record, which, column)
    if header.annotation is None:
        return _by_place(place, share, depth, civic)
    text = record.INFO.get(header.annotation.field)
    told = chosen(header.annotation, str(text), reference, alternates, which) if text else None
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
    """Return an allele that CIViC names, with what CIViC says it does to the protein."""
    for variant in civic.by_place.get(place, ()) if place else ():
        change = _change(variant)
        if change is not None and place is not None:
            found = Alteration(
                variant.gene,
                classification=_class(change, place),
                protein=variant.label.partition(" (")[0],
                place=place,
                allele_fraction=share,
                depth=depth,
            )
            return found, None
    return None, NOT_NAMED


def _change(variant: CivicVariant) -> ProteinChange | None:
    """Return the one change that a variant's name is of; None for names of several things."""
    if len(variant.name.groups) != 1:
        return None
    changes = [pattern.change for pattern in variant.name.patterns if pattern.change is not None]
    return changes[0] if len(changes) == 1 else None


def _class(change: ProteinChange, place: Place) -> str | None:
    if change.effect is Effect.FRAMESHIFT:
        longer = len(place.alternate) > len(place.reference)
        return "Frame_Shift_Ins" if longer else "Frame_Shift_Del"
    return _CLASS_OF_EFFECT.get(change.effect)


def _reads(record: Any, which: int, column: int | None) -> tuple[float | None, int | None]:
    """Return the share of the tumour's reads with the allele and their number, from AD or AF."""
    if column is None:
        return None, None
    counts = _numbers(record, "AD", column)
    if len(counts) == len(record.ALT) + 1 and all(one >= 0 for one in counts):
        depth = sum(counts)
        return (counts[which + 1] / depth, int(depth)) if depth else (None, None)
    shares = _numbers(record, "AF", column)
    if len(shares) == len(record.ALT) and 0 <= shares[which] <= 1:
        return shares[which], None
    return None, None


def _numbers(record: Any, name: str, column: int) -> list[float]:
    """Return a sample's numbers in a FORMAT field; none if it is absent or no number."""
    if name not in (record.FORMAT or ()):
        return []
    try:
        values: Sequence[Any] = record.format(name)[column]
        numbers = [float(one) for one in values]
    except (KeyError, TypeError, ValueError):
        return []
    return numbers if all(map(math.isfinite, numbers)) else []
