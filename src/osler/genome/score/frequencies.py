"""Allele frequencies of a reference, at the positions that a score asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from osler.errors import Fault, InputError
from osler.genome.score import naming
from osler.genome.score.matching import Site
from osler.genome.score.tables import Table, read_table

_CHROMOSOME = ("#CHROM", "CHROM", "chr_name")
_POSITION = ("POS", "chr_position")
_FREQUENCY = ("ALT_FREQS", "ALT_FREQ", "alt_frequency")
_REFERENCE, _ALTERNATIVE = ("REF",), ("ALT",)

ByAllele = dict[str, float]
Place = tuple[str, int]


class Frequencies:
    """Frequencies by position and alleles.

    Parameters
    ----------
    known
        Chromosome and position to one mapping for each record of the reference, from allele to
        frequency, on the forward strand.
    """

    def __init__(self, known: Mapping[Place, Sequence[ByAllele]]) -> None:
        self.known = known

    def of(self, where: Place, site: Site) -> ByAllele:
        """Return allele to frequency of the reference's record that has the site's alleles."""
        for record in self.known.get(where, ()):
            if set(site.alleles) <= set(record):
                return record
        return {}


def read_frequencies(path: Path | str, wanted: Mapping[str, Collection[int]]) -> Frequencies:
    """Read a table of frequencies, as `plink2 --freq` writes it.

    Parameters
    ----------
    wanted
        Chromosome to the positions that matter; the others are passed over.

    Raises
    ------
    InputError
        If the file lacks a column, or a frequency at such a position is no share.
    """
    path = Path(path)
    table = read_table(path)
    columns = [table.find(names) for names in (_CHROMOSOME, _REFERENCE, _ALTERNATIVE, _FREQUENCY)]
    at = table.find(_POSITION)
    identity = table.find(("ID",))
    missing = [
        names[0]
        for names, column in zip(
            (_CHROMOSOME, _REFERENCE, _ALTERNATIVE, _FREQUENCY), columns, strict=True
        )
        if column is None
    ]
    if at is None and identity is None:
        missing.append("POS")
    if missing:
        raise InputError(
            Fault(
                str(path),
                f"no column {', '.join(missing)}",
                "CHROM, POS, REF, ALT, ALT_FREQS, as of `plink2 --freq cols=+pos`",
            )
        )
    return Frequencies(_collected(table, columns, at, identity, wanted))


def _collected(
    table: Table,
    columns: Sequence[int | None],
    at: int | None,
    identity: int | None,
    wanted: Mapping[str, Collection[int]],
) -> dict[Place, list[ByAllele]]:
    known: dict[Place, list[ByAllele]] = {}
    chromosome, reference, alternative, frequency = (column or 0 for column in columns)
    for number, row in enumerate(table.rows):
        text = row[at] if at is not None else [*row[identity or 0].split(":"), ""][1]
        name = naming.chromosome(row[chromosome])
        if not text.isdigit() or int(text) not in wanted.get(name, ()):
            continue
        alleles = row[alternative].upper().split(",")
        try:
            shares = [float(one) for one in row[frequency].split(",")]
            if len(shares) != len(alleles) or not all(0 <= one <= 1 for one in shares):
                raise ValueError
        except ValueError:
            raise InputError(
                Fault(
                    f"{table.path}, row {number + 1}", "no share", "a frequency in 0 to 1 per ALT"
                )
            ) from None
        record = dict(zip(alleles, shares, strict=True))
        record[row[reference].upper()] = max(0.0, 1 - sum(shares))
        known.setdefault((name, int(text)), []).append(record)
    return known
