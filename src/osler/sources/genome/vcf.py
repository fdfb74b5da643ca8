"""Variants of a person (or a tumour) from a VCF, gVCF or BCF.

Each allele that a sample has and that is not the reference becomes

- `VARIANT//GRCh38//7-140753336-A-T`, text the genotype as in the file (`0/1`), with the number of
  copies as number. Alleles are trimmed to one shared base; a record with several alternates is
  several variants.

Each sample has one event `SEQUENCED//genome`, whose text names the attachment that holds the
sample's own part of the file. What the events do not say is there: which positions were looked at
and found to be the reference. Later knowledge is applied to it.

Source: VCF 4.4 specification, https://samtools.github.io/hts-specs/VCFv4.4.pdf.
"""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from osler import knowledge
from osler.errors import Fault, InputError
from osler.model import CODE_COLUMNS, EVENT_SCHEMA, as_events
from osler.sources.base import Attachment, Batch, LoadReport, Request
from osler.sources.genome.maf import LONG_ALLELE, MOST_ALLELE_BASES, NOT_MAPPED, STATIC
from osler.sources.samples import SampleMap
from osler.sources.vcf import Record, Vcf, is_bases, is_vcf, open_vcf, trimmed
from osler.sources.vcf.build import Build
from osler.sources.vcf.evidence import build_by, evidence_of, places_in

SEQUENCED = "SEQUENCED//genome"
SUFFIXES = (".vcf", ".vcf.gz", ".vcf.bgz", ".bcf")
CHROMOSOMES = frozenset((*map(str, range(1, 23)), "X", "Y", "MT"))

OTHER_CONTIG = "on a contig other than chromosomes 1 to 22, X, Y and MT"
NO_ALTERNATE = "reference only: kept in the attached file, no event"
NOT_CARRIED = "no sample has another allele than the reference: kept in the attached file, no event"
NO_GENOTYPE = "no genotype"
SYMBOLIC = "symbolic, spanning or unknown alleles only"
NO_REFERENCE = "no reference allele in bases"
BAD_COLUMNS = "not as many columns as samples"
SOME_SYMBOLIC = "symbolic, spanning or unknown alleles beside others, left out"
UNMAPPED = "samples that the sample map does not have"
FILTERED = "records that did not pass a filter, loaded as they are"
NOT_KEPT = "samples whose part of the file was too large to be kept with them"

# All of the samples' own parts that are packed at one time, in memory.
MOST_PACKED_BYTES = 256 << 20
# Samples × records up to which every sample gets its own part of a file of several samples.
MOST_CELLS = 200_000_000
PACKED_BYTES_OF_A_RECORD = 12
PACKING = 6


@dataclass(frozen=True)
class _Samples:
    """The samples of a file that are somebody's.

    Attributes
    ----------
    columns
        Their places in the file.
    subject_id, time
        Whose they are, and when the result was reported.
    """

    columns: NDArray[np.int64]
    subject_id: NDArray[np.int64]
    time: pl.Series


@dataclass
class _Rows:
    """Variants on their way into a batch of events."""

    sample: list[int] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    copies: list[int] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.code)

    def events(self, samples: _Samples) -> pl.DataFrame:
        """Return them as events."""
        which = np.array(self.sample, np.int64)
        return as_events(
            pl.DataFrame(
                {
                    "subject_id": samples.subject_id[which],
                    "time": samples.time.gather(which),
                    "code": self.code,
                    "numeric_value": np.array(self.copies, np.float32),
                    "text_value": self.text,
                }
            )
        )


def is_for_here(path: Path) -> bool:
    """Say whether a file is a VCF or BCF, or has the name of one.

    Raises
    ------
    InputError
        If it is no plain file.
    """
    return is_vcf(path) or path.name.lower().endswith(SUFFIXES)


def read(request: Request) -> Iterator[Batch]:
    """Yield the events of a VCF, and then the samples' own parts of it.

    Raises
    ------
    InputError
        If the file is no whole VCF, has no samples, or no known genome build.
    """
    with open_vcf(request.path) as vcf:
        if not vcf.samples:
            came, expected = "no samples", "a VCF with a column for each sample"
            raise InputError(Fault(request.path.name, came, expected))
        build = _build(vcf)
        samples = _samples(vcf, request)
        name = _attachment_name(request.path)
        yield from _events(vcf, build, samples, request)
        for what, count in vcf.notes.items():
            request.report.note(what, count)
        kept = _is_kept(vcf, samples, request.report)
        yield _sequenced(samples, name if kept else None)
        if kept:
            yield from _parts(vcf, samples, name, request)


def _build(vcf: Vcf) -> Build:
    """Return the genome build: what the header tells, else what known variants tell."""
    if vcf.build is not None:
        return vcf.build
    if not vcf.header.told.other:
        places = places_in(knowledge.current("pharmacogenomics"))
        build = build_by(evidence_of(vcf, places))
        if build is not None:
            return build
    raise InputError(
        Fault(
            vcf.where,
            f"genome build unknown: {vcf.header.told.how}",
            "GRCh38 or GRCh37",
            "add contig lines with lengths or an assembly to the header",
        )
    )


def _samples(vcf: Vcf, request: Request) -> _Samples:
    """Return whose the samples are."""
    names = pl.DataFrame({"sample": list(vcf.samples)}).with_row_index("column")
    if request.samples:
        known = SampleMap.read(request.samples, request.subjects)
    else:
        known = SampleMap.of_names(names["sample"], request.subjects)
    rows = names.join(known.rows, on="sample", how="inner", maintain_order="left")
    rows = rows.filter(pl.col("subject_id").is_not_null())
    request.report.note(UNMAPPED, names.height - rows.height)
    return _Samples(
        rows["column"].to_numpy().astype(np.int64), rows["subject_id"].to_numpy(), rows["time"]
    )


# --- events -------------------------------------------------------------------------------------


def _events(vcf: Vcf, build: Build, samples: _Samples, request: Request) -> Iterator[Batch]:
    report = request.report
    rows = _Rows()
    for record in vcf.records():
        reason = _reason(record, samples) or _take(record, build, samples, rows, report)
        if reason:
            report.refuse(reason)
            continue
        report.loaded += 1
        report.note(STATIC, int(samples.time.null_count() > 0))
        report.note(FILTERED, int(bool(record.filters)))
        if len(rows) >= request.batch_rows:
            yield Batch(rows.events(samples))
            rows = _Rows()
    if rows:
        yield Batch(rows.events(samples))


def _reason(record: Record, samples: _Samples) -> str | None:
    """Return why a record is refused before its genotypes are looked at."""
    if not len(samples.columns):
        return NOT_MAPPED
    if record.chromosome not in CHROMOSOMES:
        return OTHER_CONTIG
    if not is_bases(record.reference):
        return NO_REFERENCE
    if not record.alternates or record.is_block:
        return NO_ALTERNATE
    if b"GT" not in record.format_keys:
        return NO_GENOTYPE
    sound = [one for one in record.alternates if is_bases(one)]
    if not sound:
        return SYMBOLIC
    if all(len(one) + len(record.reference) > MOST_ALLELE_BASES for one in sound):
        return LONG_ALLELE
    return None


def _take(
    record: Record, build: Build, samples: _Samples, rows: _Rows, report: LoadReport
) -> str | None:
    """Take the alleles that samples have; return why there is none to take."""
    try:
        found = record.genotypes
    except ValueError:
        return BAD_COLUMNS
    alleles = found.alleles
    if len(samples.columns) < len(alleles):
        alleles = alleles[samples.columns]
    if not (alleles >= 0).any():
        return NO_GENOTYPE
    carried = left_out = 0
    for number, alternate in enumerate(record.alternates, start=1):
        copies = (alleles == number).sum(axis=1)
        carriers = np.flatnonzero(copies)
        if not len(carriers):
            continue
        if not is_bases(alternate) or len(alternate) + len(record.reference) > MOST_ALLELE_BASES:
            left_out += 1
            continue
        carried += 1
        code = _code(record, build, alternate)
        for sample in carriers.tolist():
            rows.sample.append(sample)
            rows.code.append(code)
            rows.copies.append(int(copies[sample]))
            column = int(samples.columns[sample])
            rows.text.append(_genotype(tuple(alleles[sample].tolist()), bool(found.phased[column])))
    report.note(SOME_SYMBOLIC, int(bool(carried and left_out)))
    if carried:
        return None
    return SYMBOLIC if left_out else NOT_CARRIED


def _code(record: Record, build: Build, alternate: str) -> str:
    position, reference, own = trimmed(record.position, record.reference, alternate)
    return f"VARIANT//{build}//{record.chromosome}-{position}-{reference}-{own}"


def _genotype(alleles: Sequence[int], phased: bool) -> str:
    """Return a genotype as a file writes it."""
    shown = ["." if one < 0 else str(one) for one in alleles if one != -2]
    return ("|" if phased else "/").join(shown)


def _sequenced(samples: _Samples, attachment: str | None) -> Batch:
    """Give one event for each sample, which says where its own part of the file is."""
    texts = [
        None if attachment is None else _title(attachment, column)
        for column in samples.columns.tolist()
    ]
    events = pl.DataFrame(
        {
            "subject_id": samples.subject_id,
            "time": samples.time,
            "code": SEQUENCED,
            "text_value": pl.Series(texts, dtype=pl.String),
        }
    )
    about = "Genome sequenced or genotyped; the text names the attachment that holds it"
    codes = pl.DataFrame([(SEQUENCED, about, None)], schema=CODE_COLUMNS, orient="row")
    return Batch(as_events(events) if len(texts) else pl.DataFrame(schema=EVENT_SCHEMA), codes)


# --- the samples' own parts ---------------------------------------------------------------------


def _attachment_name(path: Path) -> str:
    """Return a name that tells one file from another without saying what either is called."""
    with path.open("rb") as stream:
        return f"genome-{hashlib.file_digest(stream, 'sha256').hexdigest()[:16]}"


def _title(attachment: str, column: int) -> str:
    return f"{attachment}-{column + 1}.vcf.gz"


def _is_kept(vcf: Vcf, samples: _Samples, report: LoadReport) -> bool:
    """Tell whether every sample gets its own part of the file."""
    if len(vcf.samples) > 1 and len(samples.columns) * report.read > MOST_CELLS:
        report.note(NOT_KEPT, len(samples.columns))
        return False
    return True


def _parts(vcf: Vcf, samples: _Samples, name: str, request: Request) -> Iterator[Batch]:
    """Yield the samples' own parts of the file, packed, as many at a time as memory takes."""
    packed = request.path.suffix.lower() in (".gz", ".bgz")
    if len(vcf.samples) == 1 and packed:
        yield _attached([_attachment(samples, 0, name, lambda: request.path.open("rb"))])
        return
    size = request.path.stat().st_size // len(vcf.samples)
    size += PACKED_BYTES_OF_A_RECORD * request.report.read
    together = max(1, MOST_PACKED_BYTES // max(size, 1))
    for start in range(0, len(samples.columns), together):
        chosen = range(start, min(start + together, len(samples.columns)))
        parts = _packed(vcf, [int(samples.columns[one]) for one in chosen])
        yield _attached(
            [
                _attachment(samples, one, name, _again(part))
                for one, part in zip(chosen, parts, strict=True)
            ]
        )


def _attachment(
    samples: _Samples, number: int, name: str, opened: Callable[[], BinaryIO]
) -> Attachment:
    title = _title(name, int(samples.columns[number]))
    return Attachment(int(samples.subject_id[number]), title, opened)


def _again(content: bytes) -> Callable[[], BinaryIO]:
    return lambda: io.BytesIO(content)


def _attached(attachments: Iterable[Attachment]) -> Batch:
    return Batch(pl.DataFrame(schema=EVENT_SCHEMA), None, tuple(attachments))


def _packed(vcf: Vcf, columns: Sequence[int]) -> list[bytes]:
    """Return the file with one sample's column, for each of the columns, gzipped."""
    packers = [zlib.compressobj(PACKING, zlib.DEFLATED, 31) for _ in columns]
    names = vcf.header.lines[-1].split(b"\t")
    about = b"\n".join(vcf.header.lines[:-1]) + b"\n"
    parts = []
    for packer, column in zip(packers, columns, strict=True):
        own = b"\t".join([*names[:9], names[9 + column]]) + b"\n"
        parts.append([packer.compress(about + own if len(vcf.header.lines) > 1 else own)])
    for record in vcf.records():
        fixed, own_columns = record.split()
        if len(own_columns) != len(vcf.samples):
            continue
        for packer, part, column in zip(packers, parts, columns, strict=True):
            part.append(packer.compress(fixed + own_columns[column] + b"\n"))
    return [b"".join([*part, packer.flush()]) for packer, part in zip(packers, parts, strict=True)]
