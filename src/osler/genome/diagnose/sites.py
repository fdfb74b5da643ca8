"""Looking up a person's variants in large files of sites, ClinVar's and gnomAD's, one pass each.

Only what lies at a position that is asked for is kept, so memory goes with the patient, not with
the file. A large file with an index is asked by region.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from osler.errors import Fault, InputError
from osler.sources.vcf import Record, Vcf, chromosome_name, is_bases, open_vcf, trimmed
from osler.sources.vcf.opening import LEAST_BYTES_FOR_INDEX
from osler.sources.vcf.text import Lines, Stored

Build = str
BUILDS = ("GRCh37", "GRCh38")
# Above this many positions one pass is faster than asking an index for each.
MOST_REGIONS = 20_000
# A wrong build gives another reference base at three positions of four.
LEAST_COMPARED, MOST_DIFFERING = 8, 0.3
LEAST_FIELDS = 8
LONGEST_POSITION = 10

OTHER_REFERENCE = "sites with another reference allele than the patient's file, not used"
NO_BUILD = "does not tell its genome build, taken as the patient's"


@dataclass(frozen=True, order=True)
class Allele:
    """A variant as it is compared between files: chromosome without `chr`, trimmed."""

    chromosome: str
    position: int
    reference: str
    alternate: str

    @classmethod
    def of(cls, chromosome: str, position: int, reference: str, alternate: str) -> Allele:
        """Trim what both alleles share, so that one variant has one spelling.

        It is not moved along repeats: that would need the reference sequence.
        """
        return cls(chromosome_name(chromosome), *trimmed(position, reference, alternate))

    @classmethod
    def read(cls, text: str) -> Allele | None:
        """Read `17-43045711-G-A`, with `chr` or `:` too; None if it is none."""
        parts = text.strip().replace(":", "-").replace(">", "-").split("-")
        if len(parts) != 4 or not parts[1].isdigit() or len(parts[1]) > LONGEST_POSITION:
            return None
        if not (is_bases(parts[2]) and is_bases(parts[3])):
            return None
        return cls.of(parts[0], int(parts[1]), parts[2].upper(), parts[3].upper())

    def __str__(self) -> str:
        return f"{self.chromosome}-{self.position}-{self.reference}-{self.alternate}"


@dataclass
class Wanted:
    """Positions of one person's variants.

    Attributes
    ----------
    bases
        By chromosome and position, the first base of the reference there.
    """

    bases: dict[str, dict[int, str]] = field(default_factory=dict)
    _sorted: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def around(cls, alleles: Iterable[Allele], margin: int = 0) -> Wanted:
        """Take the positions of the variants, and those near by."""
        found = cls()
        for one in alleles:
            known = found.bases.setdefault(one.chromosome, {})
            for place in range(one.position - margin, one.position + margin + 1):
                known.setdefault(place, "")
            known[one.position] = one.reference[0]
        found._sorted = {name: sorted(places) for name, places in found.bases.items()}
        return found

    def reaches(self, chromosome: str, first: int, last: int) -> bool:
        """Say whether a position from `first` to `last` is wanted."""
        places = self._sorted.get(chromosome)
        if not places:
            return False
        at = bisect_left(places, first)
        return at < len(places) and places[at] <= last

    def regions(self) -> list[tuple[str, int, int]]:
        """Return each run of neighbouring positions once."""
        found: list[tuple[str, int, int]] = []
        for name, places in self._sorted.items():
            for place in places:
                if found and found[-1][0] == name and place <= found[-1][2] + 1:
                    found[-1] = (name, found[-1][1], place)
                else:
                    found.append((name, place, place))
        return found


def records_at(path: Path, vcf: Vcf, wanted: Wanted) -> Iterator[Record]:
    """Yield the records of a file of sites that reach a wanted position.

    Raises
    ------
    InputError
        If the file is cut short or damaged.
    """
    regions = wanted.regions()
    if len(regions) <= MOST_REGIONS and _has_index(path):
        yield from (one for one in vcf.records(regions) if _is_wanted(one, wanted))
        return
    if not _is_text(path):
        yield from (one for one in vcf.records() if _is_wanted(one, wanted))
        return
    for line in site_lines(path):
        if _may_be_wanted(line, wanted):
            fields = line.rstrip(b"\r").split(b"\t", LEAST_FIELDS)
            if len(fields) >= LEAST_FIELDS:
                yield Record(fields[:LEAST_FIELDS], 0)


def _may_be_wanted(line: bytes, wanted: Wanted) -> bool:
    """Say whether a line reaches a wanted position, looking at no more of it than is needed."""
    fields = line.split(b"\t", 4)
    if len(fields) < 5 or not fields[1].isdigit() or len(fields[1]) > LONGEST_POSITION:
        return False
    name = _name_of(fields[0])
    known = wanted.bases.get(name)
    if known is None:
        return False
    first, bases = int(fields[1]), len(fields[3])
    return first in known or (bases > 1 and wanted.reaches(name, first, first + bases - 1))


@lru_cache(maxsize=4096)
def _name_of(contig: bytes) -> str:
    return chromosome_name(contig.decode("utf-8", "replace"))


def records_with(path: Path, text: bytes) -> Iterator[Record]:
    """Yield the records of a file of sites that have a text somewhere.

    Raises
    ------
    InputError
        If the file is cut short or damaged.
    """
    if not _is_text(path):
        with open_vcf(path) as vcf:
            yield from vcf.records()
        return
    for line in site_lines(path):
        fields = line.rstrip(b"\r").split(b"\t", LEAST_FIELDS) if text in line else []
        if (
            len(fields) >= LEAST_FIELDS
            and fields[1].isdigit()
            and len(fields[1]) <= LONGEST_POSITION
        ):
            yield Record(fields[:LEAST_FIELDS], 0)


def site_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a VCF after its header."""
    for batch in Lines(Stored.file(path)).batches():
        for line in batch:
            if line and line[0] != 35:  # ord("#")
                yield line


def _is_text(path: Path) -> bool:
    return Stored.file(path).first_unpacked(4) != b"BCF\x02"


def _has_index(path: Path) -> bool:
    """Say whether the reader will use an index: a large file, and an index not older than it."""
    about = path.stat()
    if about.st_size < LEAST_BYTES_FOR_INDEX:
        return False
    for ending in (".tbi", ".csi"):
        index = path.with_name(path.name + ending)
        if index.is_file():
            return index.stat().st_mtime >= about.st_mtime
    return False


def _is_wanted(record: Record, wanted: Wanted) -> bool:
    last = record.position + len(record.reference) - 1
    return wanted.reaches(record.chromosome, record.position, last)


@dataclass
class Agreement:
    """Whether a file's reference alleles are the patient's: a wrong build shows here."""

    compared: int = 0
    differing: int = 0

    def holds(self, allele: Allele, wanted: Wanted) -> bool:
        """Compare a site with the patient's reference; False if it is another."""
        base = wanted.bases.get(allele.chromosome, {}).get(allele.position)
        if not base:
            return True
        self.compared += 1
        if base == allele.reference[0]:
            return True
        self.differing += 1
        return False

    def settle(self, where: str, notes: Counter[str]) -> None:
        """Refuse a file of another build, and count single sites that differ.

        Raises
        ------
        InputError
            If too many reference alleles differ.
        """
        if self.compared >= LEAST_COMPARED and self.differing > MOST_DIFFERING * self.compared:
            came = f"another reference allele at {self.differing} of {self.compared} positions"
            remedy = "give the file of the same genome build"
            raise InputError(Fault(where, came, "the build of the patient's file", remedy))
        if self.differing:
            notes[f"{where}: {OTHER_REFERENCE}"] += self.differing


def check_build(vcf: Vcf, build: Build | None, notes: Counter[str]) -> None:
    """Refuse a file of sites whose header tells another build than the patient's.

    Raises
    ------
    InputError
        If the builds differ, or the file is of a build that is neither GRCh37 nor GRCh38.
    """
    told = vcf.header.told
    if told.other or told.contradiction or (told.build and build and told.build != build):
        came = f"genome build {told.build}" if told.build else told.how
        expected = f"{build}, as the patient's file" if build else " or ".join(BUILDS)
        remedy = "give the file of the same genome build"
        raise InputError(Fault(vcf.where, came, expected, remedy))
    if told.build is None:
        notes[f"{vcf.where}: {NO_BUILD}"] = 0


def build_of(vcf: Vcf, build: Build | None) -> tuple[Build | None, str | None]:
    """Return the build of the patient's file, and what is doubtful of it.

    Parameters
    ----------
    build
        What the user says; it settles a header that does not tell.

    Raises
    ------
    InputError
        If the user's and the header's differ, or it is another build.
    """
    if build is not None and build not in BUILDS:
        raise InputError(Fault("build", "an unknown genome build", " or ".join(BUILDS)))
    told = vcf.header.told
    if told.build and build and told.build != build:
        raise InputError(Fault(vcf.where, f"genome build {told.build}", f"{build}, as told"))
    if told.other or (told.contradiction and build is None):
        raise InputError(Fault(vcf.where, told.how, " or ".join(BUILDS)))
    if build or told.build:
        return build or told.build, None
    return None, f"the genome build is not known: {told.how}"


def per_allele(text: str | None, which: int, count: int) -> str | None:
    """Return the value for one of `count` alternates; None if it cannot be told whose it is."""
    if text is None or text in ("", "."):
        return None
    values = text.split(",")
    if len(values) == count:
        return values[which]
    return text if len(values) == 1 and count == 1 else None
