"""Scoring a VCF in one pass: only the lines that a score asks for are parsed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from osler.errors import Fault, InputError
from osler.genome.score import naming
from osler.genome.score.calls import HardCalls, from_columns, regular, tidy
from osler.genome.score.matching import Site
from osler.genome.score.totals import Term, Totals, Waiting
from osler.genome.score.weights import ADDITIVE
from osler.sources.vcf.header import told_in
from osler.sources.vcf.text import Lines, LineSpan, Stored

FIXED = 9
_CARRIAGE_RETURN = 13
# All that stands before the samples nearly always fits in.
_HEAD_BYTES = 1024
# Where people have one copy, or some have.
_OTHER_PLOIDY = naming.HAPLOID | {"X"}

Place = tuple[str, int]
NOT_PASSED = "matched records whose FILTER is not PASS, used all the same"
NO_GENOTYPES = "matched records without GT, DS or GP, taken as missing"


class Record(NamedTuple):
    """A line of a VCF that a score asks for; the samples are still one text."""

    reference: bytes
    alternative: bytes
    filter: bytes
    format: bytes
    region: memoryview
    line: int

    @property
    def site(self) -> Site:
        """Return the alleles."""
        alleles = [self.reference, *self.alternative.split(b",")]
        return site_of([one.decode("ascii", "replace") for one in alleles])


class Answerer(Protocol):
    """Who knows what the scores ask for, and what the records of a position mean for them."""

    def asks_for(self, chromosome: str) -> Sequence[Mapping[int, object]]:
        """Return, for each score, its positions on a chromosome that wait for an answer."""
        ...

    def plain_terms(self, where: tuple[str, int], alleles: tuple[str, ...]) -> list[Term] | None:
        """Return what the only record of a position adds, if that is the plain case; else None."""
        ...

    def terms(self, where: tuple[str, int], sites: Sequence[Site]) -> list[list[Term]]:
        """Return, for each record of a position, what it adds to the scores."""
        ...


@dataclass
class Header:
    """What a VCF says of itself.

    Parameters
    ----------
    build
        None if the header does not tell it.
    """

    samples: list[str]
    build: str | None
    notes: list[str] = field(default_factory=list)


class Vcf:
    """A VCF, plain or compressed, read once.

    Attributes
    ----------
    told : Counter
        What was doubtful, by kind.
    """

    def __init__(self, stored: Stored, *, dosage: bool) -> None:
        self.dosage = dosage
        self.text = Lines(stored, digested=True)
        self.where = stored.where
        self.told: Counter[str] = Counter()
        self.line = 0
        self.lines = self.text.spans()
        self.header = self.read_header()

    def digest(self) -> str:
        """Return the SHA-256 of the file, once all of it was read."""
        return "" if self.text.digest is None else self.text.digest.hexdigest()

    def read_header(self) -> Header:
        """Read up to the line of column names.

        Raises
        ------
        InputError
            If this is no VCF, it has no samples, or a sample twice.
        """
        about: list[str] = []
        for buffer, start, end in self.lines:
            self.line += 1
            line = buffer[start:end].rstrip(b"\r")
            if line.startswith(b"##"):
                about.append(line.decode("utf-8", "replace"))
            elif line.startswith(b"#CHROM"):
                samples = line.decode("utf-8", "replace").split("\t")[FIXED:]
                check_samples(self.where, samples)
                return Header(samples, told_in(about).build)
            elif line.strip():
                raise self.no_vcf()
        raise self.no_vcf()

    def no_vcf(self) -> InputError:
        """Return the error for a file that is no VCF."""
        return InputError(
            Fault(self.where, "no line of column names", "a VCF with a line #CHROM POS ID …")
        )

    def add_to(self, totals: Totals, answerer: Answerer) -> None:
        """Add every record that the scores ask for.

        Records of one position are answered together. One that stands alone, with two alleles and
        called genotypes, is by far the commonest, and takes the short way.
        """
        group: list[Record] = []
        at: Place = ("", 0)
        for line, where, alone in self.asked(answerer):
            record = self.record(*line)
            if where != at and group:
                self.answer(totals, answerer, at, group)
                group = []
            if alone and not group and self.add_plain(totals, answerer, where, record):
                continue
            at = where
            group.append(record)
        if group:
            self.answer(totals, answerer, at, group)
        self.add_odd(totals, totals.flush())

    def asked(self, answerer: Answerer) -> Iterator[tuple[LineSpan, Place, bool]]:
        """Yield the lines of positions that a score asks for.

        Yields
        ------
        The line, its place, and whether the next line is surely of another position.
        """
        asked: dict[bytes, tuple[str, Collection[int]]] = {}
        for line in self.lines:
            buffer, start, end = line
            self.line += 1
            first = buffer.find(b"\t", start, end)
            second = buffer.find(b"\t", first + 1, end)
            if first < 0 or second < 0:
                self.check_blank(buffer[start:end])
                continue
            chromosome = buffer[start:first]
            if chromosome not in asked:
                name = naming.chromosome(chromosome.decode("utf-8", "replace"))
                asked[chromosome] = name, _together(answerer.asks_for(name))
            name, wanted = asked[chromosome]
            if not wanted:
                continue
            try:
                position = int(buffer[first + 1 : second])
            except ValueError:
                raise self.malformed("a position that is no number") from None
            if position in wanted:
                known = end + 1 < len(buffer)
                again = buffer.startswith(buffer[start : second + 1], end + 1)
                yield line, (name, position), known and not again

    def check_blank(self, line: bytes) -> None:
        """Pass over an empty line; refuse one with too few columns."""
        if line.strip():
            raise self.malformed("a line of fewer than three columns")

    def malformed(self, came: str) -> InputError:
        """Return the error for a line that is no record."""
        return InputError(
            Fault(
                f"{self.where}, line {self.line}",
                came,
                "a record of a VCF",
                "the file may be cut short; fetch it again",
            )
        )

    def record(self, buffer: bytes, start: int, end: int) -> Record:
        """Take a line apart; its samples stay where they are."""
        if buffer[end - 1] == _CARRIAGE_RETURN:
            end -= 1
        head = buffer[start : min(start + _HEAD_BYTES, end)]
        cells = head.split(b"\t", FIXED)
        if len(cells) <= FIXED:
            head = buffer[start:end]
            cells = head.split(b"\t", FIXED)
        if len(cells) <= FIXED:
            raise self.malformed(f"{len(cells)} columns")
        return Record(
            cells[3],
            cells[4],
            cells[6],
            cells[8],
            memoryview(buffer)[start + len(head) - len(cells[FIXED]) : end],
            self.line,
        )

    def add_plain(self, totals: Totals, answerer: Answerer, where: Place, record: Record) -> bool:
        """Add a record by the short way; return whether it could be."""
        if (
            record.format != b"GT"
            or len(record.region) != 4 * totals.shape[1] - 1
            or where[0] in _OTHER_PLOIDY
        ):
            return False
        alleles = (record.reference.decode("ascii", "replace").upper(),
                   record.alternative.decode("ascii", "replace").upper())  # fmt: skip
        terms = answerer.plain_terms(where, alleles)
        if terms is None:
            return False
        self.tell_filter(record)
        if all(term.effect == ADDITIVE for term in terms):
            self.add_odd(totals, totals.add_text(record.region, terms))
        else:
            self.add_columns(totals, where[0], record, terms)
        return True

    def tell_filter(self, record: Record) -> None:
        """Count a record that did not pass its filters."""
        if record.filter not in (b"PASS", b"."):
            self.told[NOT_PASSED] += 1

    def answer(
        self, totals: Totals, answerer: Answerer, at: Place, group: Sequence[Record]
    ) -> None:
        """Add the records of one position."""
        for record, terms in zip(
            group, answerer.terms(at, [one.site for one in group]), strict=True
        ):
            if terms:
                self.tell_filter(record)
                self.add_columns(totals, at[0], record, terms)

    def add_odd(self, totals: Totals, records: Sequence[Waiting]) -> None:
        """Add records of two alleles that have missing genotypes, or other letters than 0 and 1."""
        for region, terms in records:
            calls = regular(region, totals.shape[1])
            if calls is None:
                read, told = from_columns(
                    region, [b"GT"], (2, totals.shape[1]), dosage=False, where=self.where
                )
                self.told.update(told)
                totals.add(read, terms)
            else:
                totals.add(tidy(calls, 2, self.told), terms)

    def add_columns(
        self, totals: Totals, chromosome: str, record: Record, terms: Sequence[Term]
    ) -> None:
        """Add a record of any kind."""
        keys, n_samples = record.format.split(b":"), totals.shape[1]
        if b"GT" not in keys and not (self.dosage and {b"DS", b"GP"} & set(keys)):
            self.told[NO_GENOTYPES] += 1
        n_alleles = len(record.site.alleles)
        calls: HardCalls | None = regular(record.region, n_samples) if keys == [b"GT"] else None
        haploid = chromosome in naming.HAPLOID
        if calls is not None:
            totals.add(tidy(calls, n_alleles, self.told), terms, haploid=haploid)
            return
        read, told = from_columns(
            record.region,
            keys,
            (n_alleles, n_samples),
            dosage=self.dosage,
            one_copy=chromosome == "X" or haploid,
            where=f"{self.where}, line {record.line}",
        )
        self.told.update(told)
        totals.add(read, terms, haploid=haploid)


def _together(tables: Sequence[Mapping[int, object]]) -> Collection[int]:
    """Return all positions of several tables; of one, the table itself."""
    return tables[0] if len(tables) == 1 else set().union(*tables)


def check_samples(where: str, samples: Sequence[str]) -> None:
    """Refuse a file without samples, and one with two samples of one name.

    Raises
    ------
    InputError
        If it is one.
    """
    if not samples:
        raise InputError(Fault(where, "no samples", "a VCF with a column for each sample"))
    twice = sum(count > 1 for count in Counter(samples).values())
    if twice:
        raise InputError(
            Fault(where, f"{twice} sample names twice", "each once", "rename or drop the copies")
        )


def site_of(alleles: Sequence[str]) -> Site:
    """Return a record's alleles; what says only that there is no alternative is left out."""
    upper = [one.upper() for one in alleles]
    rest = upper[1:]
    while rest and rest[-1] in (".", "<NON_REF>", "<*>"):
        rest.pop()
    return Site((upper[0], *rest))
