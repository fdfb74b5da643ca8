"""Copy number, fusions and assayed genes, each from a small table."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from osler.errors import Fault, InputError
from osler.genome.somatic.civic import Civic
from osler.genome.somatic.nouns import Alteration, AlterationKind
from osler.sources.base import LoadReport
from osler.sources.delimited import Dialect, read_delimited
from osler.sources.files import open_binary

ANY_SAMPLE = ""
_SAMPLE = ("tumor_sample_barcode", "sample", "sample_id", "tumour_sample")
_GENE = ("gene", "hugo_symbol", "symbol")
_CALL = ("call", "cna", "copy_number", "status", "value")
_FUSION = ("fusiongene", "fusion", "fusion_gene", "fusion_name")
_PAIRS = (
    ("gene1", "gene2"),
    ("site1_hugo_symbol", "site2_hugo_symbol"),
    ("left_gene", "right_gene"),
)
_SEGMENT = ("chromosome", "start", "end", "nmajor", "nminor")
# Words for calls; numbers are those of GISTIC 2.0 (Mermel et al. 2011, Genome Biol 12:R41,
# doi:10.1186/gb-2011-12-4-r41) as cBioPortal writes them.
_CALLS = {
    "amplification": "amplification",
    "amplified": "amplification",
    "amp": "amplification",
    "2": "amplification",
    "gain": "gain",
    "1": "gain",
    "neutral": "neutral",
    "neut": "neutral",
    "diploid": "neutral",
    "normal": "neutral",
    "0": "neutral",
    "loss": "loss",
    "-1": "loss",
    "deletion": "deletion",
    "deleted": "deletion",
    "del": "deletion",
    "homdel": "deletion",
    "homozygous deletion": "deletion",
    "deep deletion": "deletion",
    "-2": "deletion",
    "loh": "loss of heterozygosity",
    "loss of heterozygosity": "loss of heterozygosity",
}
_MOST_ROWS = 2_000_000

# COSMIC, definition of gain and loss, cancer.sanger.ac.uk/cosmic/help/cnv/overview: above an
# average ploidy of 2.7 the genome counts as doubled.
DOUBLED_PLOIDY = 2.7
AMPLIFIED_COPIES, AMPLIFIED_COPIES_DOUBLED = 5, 9


@dataclass(frozen=True)
class Measured:
    """Alterations of one kind by sample (the empty name: of whichever), and what to tell."""

    by_sample: Mapping[str, tuple[Alteration, ...]]
    notes: tuple[str, ...] = ()

    def of(self, sample: str) -> tuple[Alteration, ...]:
        """Return what belongs to a sample."""
        return (*self.by_sample.get(ANY_SAMPLE, ()), *self.by_sample.get(sample, ()))

    @property
    def names_samples(self) -> bool:
        """Whether the file says whose its rows are."""
        return ANY_SAMPLE not in self.by_sample


def read_copy_number(path: Path, build: str | None, civic: Civic) -> Measured:
    """Read copy number: a table of gene and call, or of segments with both alleles' copies.

    Parameters
    ----------
    build
        Of the segments. Genes are placed by CIViC's coordinates, which are GRCh37.

    Raises
    ------
    InputError
        If columns are absent, or no row can be read.
    """
    sheet = _table(path)
    columns = sheet.columns
    if all(name in columns for name in _SEGMENT):
        return _segments(path, sheet, build, civic)
    gene, call = _one_of(columns, _GENE), _one_of(columns, _CALL)
    if gene is None or call is None:
        expected = "columns gene and call, or Chromosome, Start, End, nMajor and nMinor"
        raise InputError(Fault(path.name, "other columns", expected))
    sample = _one_of(columns, _SAMPLE)
    found: dict[str, list[Alteration]] = defaultdict(list)
    bad = sheet.bad
    for row in sheet.rows:
        said = _CALLS.get(_call_text(row[call]))
        if said is None or not row[gene]:
            bad += 1
            continue
        alteration = Alteration(row[gene], AlterationKind.COPY_NUMBER, call=said)
        found[row[sample] if sample else ANY_SAMPLE].append(alteration)
    notes = _noted(path, bad, found, "copy-number rows that cannot be read", _calls_expected())
    return Measured(_sealed(found, sample), notes)


def _call_text(text: str) -> str:
    plain = text.strip().lower().replace("_", " ")
    return str(int(float(plain))) if re.fullmatch(r"-?[0-2](?:\.0+)?", plain) else plain


def _calls_expected() -> str:
    return "amplification, gain, neutral, loss, deletion, LOH, or -2 to 2"


@dataclass(frozen=True)
class _Segment:
    chromosome: str
    start: int
    end: int
    major: float
    minor: float

    @property
    def copies(self) -> float:
        return self.major + self.minor

    @property
    def bases(self) -> int:
        return self.end - self.start + 1


def _segments(path: Path, sheet: _Sheet, build: str | None, civic: Civic) -> Measured:
    sample = _one_of(sheet.columns, _SAMPLE)
    found: dict[str, list[_Segment]] = defaultdict(list)
    bad = sheet.bad
    for row in sheet.rows:
        segment = _segment(row, sheet.columns)
        if segment is None:
            bad += 1
        else:
            found[row[sample] if sample else ANY_SAMPLE].append(segment)
    expected = "start up to end, copies of 0 or more"
    notes = _noted(path, bad, found, "copy-number segments that cannot be", expected)
    if build != "GRCh37":
        note = (
            f"copy-number segments on {build or 'a build that was not told'}: CIViC places genes "
            "on GRCh37, so no gene's copies are known; give a table of gene and call"
        )
        return Measured(_sealed({}, sample), (*notes, note))
    calls = {name: _gene_calls(segments, civic) for name, segments in found.items()}
    return Measured(_sealed(calls, sample), notes)


def _segment(row: Mapping[str, str], columns: Mapping[str, str]) -> _Segment | None:
    chromosome, *texts = (row[columns[name]].strip() for name in _SEGMENT)
    try:
        start, end, major, minor = (float(text) for text in texts)
    except ValueError:
        return None
    numbers = (start, end, major, minor)
    if not all(map(math.isfinite, numbers)) or not 0 < start <= end or min(major, minor) < 0:
        return None
    return _Segment(chromosome.removeprefix("chr").upper(), int(start), int(end), major, minor)


def _gene_calls(segments: list[_Segment], civic: Civic) -> list[Alteration]:
    """Call each gene that CIViC places, by the segment that covers more than half of it."""
    bases = sum(one.bases for one in segments)
    ploidy = sum(one.copies * one.bases for one in segments) / bases
    by_chromosome: dict[str, list[_Segment]] = defaultdict(list)
    for one in segments:
        by_chromosome[one.chromosome].append(one)
    found = []
    for gene, (chromosome, first, last) in civic.gene_regions.items():
        over = [(_overlap(one, first, last), one) for one in by_chromosome[chromosome]]
        most = max(over, key=lambda one: one[0], default=(0, None))
        segment = most[1]
        # A gene of which a part alone is covered was not measured.
        if segment is None or most[0] <= (last - first + 1) / 2:
            continue
        call = _called(segment, ploidy)
        found.append(Alteration(gene, AlterationKind.COPY_NUMBER, call=call, copies=segment.copies))
    return found


def _overlap(segment: _Segment, first: int, last: int) -> int:
    return max(0, min(segment.end, last) - max(segment.start, first) + 1)


def _called(segment: _Segment, ploidy: float) -> str:
    """Call a segment as COSMIC does, and loss of heterozygosity where one allele is gone."""
    doubled = ploidy > DOUBLED_PLOIDY
    copies = segment.copies
    if copies >= (AMPLIFIED_COPIES_DOUBLED if doubled else AMPLIFIED_COPIES):
        return "amplification"
    if round(copies) == 0:
        return "deletion"
    if doubled and copies < ploidy - DOUBLED_PLOIDY:
        return "loss"
    return "loss of heterozygosity" if round(segment.minor) == 0 else "neutral"


def read_fusions(path: Path) -> Measured:
    """Read fusions: a column such as `FusionGene` with `EML4--ALK`, or two columns of genes.

    Raises
    ------
    InputError
        If there is no such column, or no fusion can be read.
    """
    sheet = _table(path)
    columns = sheet.columns
    one = _one_of(columns, _FUSION)
    pair = next((names for names in _PAIRS if all(name in columns for name in names)), None)
    if one is None and pair is None:
        expected = "a column FusionGene with GENE1--GENE2, or columns gene1 and gene2"
        raise InputError(Fault(path.name, "other columns", expected))
    sample = _one_of(columns, _SAMPLE)
    found: dict[str, list[Alteration]] = defaultdict(list)
    bad = sheet.bad
    for row in sheet.rows:
        genes = _partners(row[one]) if one else _both(row, columns, pair or ())
        if genes is None:
            bad += 1
            continue
        fused = Alteration(genes[0] or genes[1], AlterationKind.FUSION, partners=genes)
        found[row[sample] if sample else ANY_SAMPLE].append(fused)
    notes = _noted(path, bad, found, "fusions that cannot be read", "GENE1--GENE2")
    return Measured(_sealed(found, sample), notes)


def _partners(text: str) -> tuple[str, str] | None:
    """Read `EML4--ALK`, `EML4::ALK`, and `--ALK` whose other partner is not known."""
    for separator in ("--", "::"):
        first, found, second = text.strip().partition(separator)
        if found:
            return _sound_partners(first.strip(), second.strip())
    return None


def _sound_partners(first: str, second: str) -> tuple[str, str] | None:
    sound = all(re.fullmatch(r"[A-Za-z0-9.@-]*", one) for one in (first, second))
    return (first, second) if sound and (first or second) else None


def _both(
    row: Mapping[str, str], columns: Mapping[str, str], pair: tuple[str, ...]
) -> tuple[str, str] | None:
    return _sound_partners(*(row[columns[name]].strip() for name in pair))


def read_assayed(path: Path) -> frozenset[str]:
    """Read the genes that a test covers: one a line, or the names of a BED file.

    Raises
    ------
    InputError
        If it holds no gene, or is a BED file without names.
    """
    genes: set[str] = set()
    nameless = 0
    with open_binary(path) as stream:
        content = stream.read()
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(Fault(path.name, "not UTF-8 text", "a list of genes or a BED")) from error
    for line in lines:
        fields = line.strip().split("\t")
        if not fields[0] or fields[0].startswith(("#", "track", "browser")):
            continue
        if len(fields) > 2 and fields[1].isdigit() and fields[2].isdigit():
            name = re.match(r"[A-Za-z0-9.-]+", fields[3].strip()) if len(fields) > 3 else None
            nameless += name is None
            genes |= {name.group()} if name else set()
        else:
            genes.add(fields[0].strip())
    if nameless:
        expected = "a gene's symbol in the fourth column"
        raise InputError(Fault(path.name, f"{nameless} intervals without a name", expected))
    if not genes or not all(re.fullmatch(r"[A-Za-z0-9.@_-]{1,40}", one) for one in genes):
        expected = "one gene's symbol a line, or a BED with names"
        raise InputError(Fault(path.name, "something else", expected))
    return frozenset(genes)


@dataclass(frozen=True)
class _Sheet:
    """A table: its columns by their plain names, its rows, and how many lines were none."""

    columns: Mapping[str, str]
    rows: Iterator[dict[str, str]]
    bad: int


def _table(path: Path) -> _Sheet:
    report = LoadReport()
    batches = list(read_delimited(path, report, batch_rows=_MOST_ROWS, dialect=Dialect("\t", "#")))
    columns = {name.strip().lower(): name for name in batches[0].columns} if batches else None
    rows = (
        {name: str(value) if value is not None else "" for name, value in row.items()}
        for batch in batches
        for row in batch.iter_rows(named=True)
    )
    return _Sheet(columns or _header_of(path), rows, report.refused)


def _header_of(path: Path) -> dict[str, str]:
    from osler.sources.delimited import delimited_header

    header = delimited_header(path, Dialect("\t", "#"))
    return {name.strip().lower(): name for name in header.columns}


def _one_of(columns: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((columns[name] for name in names if name in columns), None)


def _noted(
    path: Path, bad: int, found: Mapping[str, object], what: str, expected: str
) -> tuple[str, ...]:
    """Tell of rows that were left out; refuse a file of which nothing is left."""
    if bad and not found:
        raise InputError(Fault(path.name, f"{bad} {what} and no other", expected))
    return (f"{bad} {what} left out; expected {expected}",) if bad else ()


def _sealed(
    found: Mapping[str, list[Alteration]], sample: str | None
) -> dict[str, tuple[Alteration, ...]]:
    sealed = {name: tuple(dict.fromkeys(ones)) for name, ones in found.items()}
    if sample is None:
        sealed.setdefault(ANY_SAMPLE, ())
    return sealed
