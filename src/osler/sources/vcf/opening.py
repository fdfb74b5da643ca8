"""Opening a VCF or BCF, and reading its records in order or by regions.

Text is read by osler itself; BCF, and regions of a large file that has an index, by htslib through
cyvcf2 (docs/decisions/0008-reading-variant-files.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from osler.errors import Fault, InputError
from osler.extras import require
from osler.sources.vcf.build import Build, chromosome_name
from osler.sources.vcf.header import MOST_HEADER_LINES, Header, parse_header
from osler.sources.vcf.record import Record
from osler.sources.vcf.text import Lines, Stored

Region = tuple[str, int, int]

# Below this, reading all of a file is faster than bringing htslib into memory.
LEAST_BYTES_FOR_INDEX = 48 << 20
# A record that begins so far before a region can reach into it: blocks of gVCF, long deletions.
LONGEST_REACH = 1_000_000
FIELDS_WITH_SAMPLES = 9
LEAST_FIELDS = 8
LONGEST_POSITION = 10
# Where the chromosome and the position of a record are.
MOST_PLACE_BYTES = 120

MALFORMED_LINE = "lines that are no records (too few columns or no position), left out"
CUT_LINE = "a last line without an end: the file may be cut short"
NO_END_MARKER = "no end marker of BGZF: the file may be cut short"
NO_CONTIGS = "no contig lines in the header"
NO_FILEFORMAT = "no line ##fileformat at its beginning"
OLD_INDEX = "an index older than the file, not used"
_BCF = b"BCF\x02"


class Vcf:
    """A VCF or BCF that is open.

    Attributes
    ----------
    header
        Its samples, its contigs, and what they tell of the genome build.
    notes : Counter
        What was doubtful, by kind; complete after the last record.
    """

    def __init__(self, stored: Stored) -> None:
        self.where = stored.where
        self.notes: Counter[str] = Counter()
        self._stored = stored
        self._is_bcf = stored.first_unpacked(4) == _BCF
        self._lines: Iterator[bytes] | None = None
        self._text: Lines | None = None
        self.header = self._read_header()
        if not self.header.contigs:
            self.notes[NO_CONTIGS] = 1

    @property
    def samples(self) -> tuple[str, ...]:
        """Names of the samples; none in a file of sites."""
        return self.header.samples

    @property
    def build(self) -> Build | None:
        """The genome build that the header tells."""
        return self.header.told.build

    @property
    def is_gvcf(self) -> bool:
        """Whether the header announces blocks of reference."""
        return self.header.blocks

    def records(self, regions: Sequence[Region] | None = None) -> Iterator[Record]:
        """Yield the records, all of them or those that reach into a region, in the file's order.

        Parameters
        ----------
        regions
            Chromosome without `chr`, first and last position. A record is yielded once.

        Raises
        ------
        InputError
            If the file is cut short or damaged.
        """
        if self._is_bcf or (regions is not None and self._has_index()):
            yield from self._by_htslib(regions)
            return
        wanted = None if regions is None else _joined(regions)
        for line in self._records_as_text():
            record = self._record(line, wanted)
            if record is not None:
                yield record

    # --- header ---------------------------------------------------------------------------------

    def _read_header(self) -> Header:
        if self._is_bcf:
            with _quiet_htslib(self._stored) as reader:
                text = str(reader.raw_header).rstrip("\n\0")
            return parse_header([line.encode() for line in text.split("\n")], self.where)
        lines: list[bytes] = []
        for line in self._open_text():
            if line.startswith(b"#CHROM"):
                lines.append(line)
                if not lines[0].startswith(b"##fileformat=VCF"):
                    self.notes[NO_FILEFORMAT] = 1
                return parse_header(lines, self.where)
            if line.startswith(b"##"):
                lines.append(line)
            elif line.strip():
                break
            if len(lines) > MOST_HEADER_LINES:
                break
        came = "no line of column names" if lines else "no VCF"
        expected = "a VCF: lines ##…, then #CHROM POS ID REF …, then the records"
        raise InputError(Fault(self.where, came, expected))

    def _open_text(self) -> Iterator[bytes]:
        self._text = Lines(self._stored)
        self._lines = iter(self._text)
        return self._lines

    # --- text -----------------------------------------------------------------------------------

    def _records_as_text(self) -> Iterator[bytes]:
        """Yield the lines after the header; from the beginning when they were read before."""
        lines, self._lines = self._lines, None
        if lines is None:
            lines = self._open_text()
            self._lines = None
            for line in lines:
                if line.startswith(b"#CHROM"):
                    break
        yield from lines
        if self._text is not None and not self._text.ended_well:
            self.notes[NO_END_MARKER] = 1
        if self._text is not None and self._text.cut_line:
            self.notes[CUT_LINE] = 1

    def _record(self, line: bytes, wanted: Mapping[str, list[Span]] | None) -> Record | None:
        """Parse a line; None if it is not wanted or, counted, no record."""
        if wanted is not None and _is_elsewhere(line, wanted):
            return None
        if line in (b"", b"\r"):
            return None
        fields = line.rstrip(b"\r").split(b"\t", FIELDS_WITH_SAMPLES)
        n_samples = len(self.header.samples)
        expected = FIELDS_WITH_SAMPLES + 1 if n_samples else LEAST_FIELDS
        if len(fields) < expected or not fields[1].isdigit() or len(fields[1]) > LONGEST_POSITION:
            self.notes[MALFORMED_LINE] += 1
            return None
        record = Record(fields, n_samples)
        if wanted is not None and not _reaches(wanted.get(record.contig, []), record):
            return None
        return record

    # --- htslib ---------------------------------------------------------------------------------

    def _has_index(self) -> bool:
        path = self._stored.path
        if path is None or path.stat().st_size < LEAST_BYTES_FOR_INDEX:
            return False
        index = _index_of(path)
        if index is None or not self._stored.is_blocked:
            return False
        if index.stat().st_mtime < path.stat().st_mtime:
            self.notes[OLD_INDEX] = 1
            return False
        return True

    def _by_htslib(self, regions: Sequence[Region] | None) -> Iterator[Record]:
        with _quiet_htslib(self._stored) as reader:
            if regions is not None and self._has_index():
                yield from self._by_index(reader, regions)
                return
            wanted = None if regions is None else _joined(regions)
            for line in _text_of(reader, self.where):
                record = self._record(line, wanted)
                if record is not None:
                    yield record

    def _by_index(self, reader: Any, regions: Sequence[Region]) -> Iterator[Record]:
        contigs = {chromosome_name(name): name for name in reader.seqnames}
        last: tuple[str, int] = ("", 0)
        for chromosome, spans in _merged(regions).items():
            if chromosome not in contigs:
                continue
            for start, end in spans:
                where = f"{contigs[chromosome]}:{start}-{end}"
                for line in _text_of(reader(where), self.where):
                    record = self._record(line, None)
                    if record is None or (record.position <= last[1] and last[0] == chromosome):
                        continue
                    yield record
                last = (chromosome, end)


Span = tuple[int, int]


@contextmanager
def open_vcf(source: Path | Stored) -> Iterator[Vcf]:
    """Open a VCF (plain, gzipped or bgzipped) or BCF; what is no file can be VCF only.

    Raises
    ------
    InputError
        If it is no readable VCF, has no line of column names, or names a sample twice.
    """
    yield Vcf(source if isinstance(source, Stored) else Stored.file(source))


def is_vcf(path: Path) -> bool:
    """Say whether a file begins as VCF or BCF do."""
    start = Stored.file(path).first_unpacked(16)
    return start.startswith((b"##fileformat=VCF", b"BCF\x02", b"#CHROM\tPOS"))


def _is_elsewhere(line: bytes, wanted: Mapping[str, list[Span]]) -> bool:
    """Say whether a line is a record that is far from all regions, looking at little of it."""
    contig, _, rest = line[:MOST_PLACE_BYTES].partition(b"\t")
    position, tab, _ = rest.partition(b"\t")
    if not tab or not position.isdigit():
        return False
    spans = wanted.get(contig.decode("utf-8", "replace"))
    return spans is None or not _may_reach(spans, int(position))


def _merged(regions: Sequence[Region]) -> dict[str, list[Span]]:
    """Return the regions by chromosome, sorted, those that touch made one."""
    found: dict[str, list[Span]] = {}
    for chromosome, start, end in sorted(regions):
        spans = found.setdefault(chromosome, [])
        if spans and start <= spans[-1][1] + 1:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((start, end))
    return found


def _joined(regions: Sequence[Region]) -> dict[str, list[Span]]:
    """Return the regions by every name that a file may give their chromosome."""
    found = {}
    for chromosome, spans in _merged(regions).items():
        names = {chromosome, chromosome.lower()} | ({"M", "m"} if chromosome == "MT" else set())
        for name in names:
            for prefix in ("", "chr", "Chr", "CHR"):
                found[prefix + name] = spans
    return found


def _may_reach(spans: list[Span], position: int) -> bool:
    return any(start - LONGEST_REACH <= position <= end for start, end in spans)


def _reaches(spans: list[Span], record: Record) -> bool:
    return any(start <= record.end and record.position <= end for start, end in spans)


def _index_of(path: Path) -> Path | None:
    for ending in (".tbi", ".csi"):
        index = path.with_name(path.name + ending)
        if index.is_file():
            return index
    return None


@contextmanager
def _quiet_htslib(stored: Stored) -> Iterator[Any]:
    """Open a file by htslib, whose own words stay unsaid."""
    if stored.path is None:
        raise InputError(Fault(stored.where, "BCF", "VCF, or BCF in a file"))
    cyvcf2 = require("cyvcf2", "genome")
    cyvcf2.cyvcf2.set_htslib_log_level(0)
    try:
        reader = cyvcf2.VCF(str(stored.path))
    except Exception as error:  # cyvcf2 raises bare Exception for what it cannot read
        raise InputError(Fault(stored.where, "no readable BCF or VCF", "a whole file")) from error
    try:
        yield reader
    finally:
        reader.close()


def _text_of(variants: Iterable[Any], where: str) -> Iterator[bytes]:
    """Yield records of htslib as lines."""
    iterator = iter(variants)
    while True:
        try:
            variant = next(iterator)
        except StopIteration:
            return
        except Exception as error:  # cyvcf2 raises bare Exception for a damaged record
            raise InputError(
                Fault(where, "damaged or cut short", "a whole file", "copy it again")
            ) from error
        yield str(variant).rstrip("\n").encode()
