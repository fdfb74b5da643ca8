"""One record of a VCF, parsed as far as it is asked for."""

from __future__ import annotations

import re
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from osler.sources.vcf.build import chromosome_name
from osler.sources.vcf.genotypes import ABSENT, MISSING, Columns, Genotypes

# VCF 4.4, sections 1.6.1 and 5.5: any other allele, of which a gVCF says how far it was looked for.
NON_REFERENCE = frozenset({"<NON_REF>", "<*>"})
_BASES = re.compile(r"[ACGTNacgtn]+")


class Record:
    """A record of a VCF.

    Attributes
    ----------
    chromosome
        Without `chr`; MT for the mitochondrial one.
    contig
        As the file names it.
    position
        From 1.
    ids
        Such as rs numbers; empty without.
    reference, alternates
        In upper case where they are bases; symbolic ones as they are. A lone `.` is no alternate.
    filters
        Those failed; empty if it passed or no filter was applied.
    """

    def __init__(self, fields: list[bytes], n_samples: int) -> None:
        self.contig = fields[0].decode("utf-8", "replace")
        self.chromosome = chromosome_name(self.contig)
        self.position = int(fields[1])
        self._fields = fields
        self._n = n_samples
        self._genotypes: Genotypes | None = None
        self.reference = _allele(fields[3])
        self.alternates = (
            () if fields[4] == b"." else tuple(_allele(one) for one in fields[4].split(b","))
        )

    @property
    def alleles(self) -> tuple[str, ...]:
        """The reference, then the alternates."""
        return (self.reference, *self.alternates)

    @property
    def ids(self) -> tuple[str, ...]:
        """Names of the variant."""
        return tuple(_listed(self._fields[2], b";"))

    @property
    def filters(self) -> tuple[str, ...]:
        """Filters that it failed."""
        return tuple(one for one in _listed(self._fields[6], b";") if one != "PASS")

    @property
    def quality(self) -> float | None:
        """Phred-scaled quality; None without."""
        try:
            return float(self._fields[5])
        except ValueError:
            return None

    def split(self) -> tuple[bytes, list[bytes]]:
        """Return the columns before the samples as they are, a tab at the end, and the samples'."""
        samples = self._fields[9].split(b"\t") if len(self._fields) > 9 else []
        return b"\t".join(self._fields[:9]) + b"\t", samples

    def info(self, name: str) -> str | None:
        """Return a value of INFO, empty for a flag; None if it is absent."""
        key = name.encode()
        for entry in self._fields[7].split(b";"):
            found, _, value = entry.partition(b"=")
            if found == key:
                return value.decode("utf-8", "replace")
        return None

    @cached_property
    def end(self) -> int:
        """The last position that it speaks of: INFO END, else that of its reference."""
        told = self.info("END") if b"END=" in self._fields[7] else None
        own = self.position + len(self.reference) - 1
        return max(own, int(told)) if told and told.isdigit() and len(told) < 11 else own

    @property
    def is_block(self) -> bool:
        """Whether it speaks of reference only, with nothing but symbolic alternates: gVCF."""
        if self.alternates:
            return self.alternates[0][0] == "<" and NON_REFERENCE.issuperset(self.alternates)
        return self.end > self.position + len(self.reference) - 1

    @cached_property
    def format_keys(self) -> tuple[bytes, ...]:
        """The keys of the column FORMAT."""
        return tuple(self._fields[8].split(b":")) if len(self._fields) > 9 else ()

    @cached_property
    def columns(self) -> Columns:
        """The sample columns."""
        region = self._fields[9] if len(self._fields) > 9 else b""
        return Columns(region, self.format_keys, self._n)

    @property
    def genotypes(self) -> Genotypes:
        """What every sample has.

        Raises
        ------
        ValueError
            If there are not as many columns as samples.
        """
        if self._genotypes is None:
            self._genotypes = self.columns.genotypes(len(self.alternates) + 1)
        return self._genotypes

    @property
    def phase_set(self) -> NDArray[np.int32] | None:
        """Shape (samples,): the number of the phase set (PS), -1 without; None if no field PS."""
        return self.columns.integers("PS")

    def dosage(self, name: str = "DS") -> NDArray[np.float32] | None:
        """Return expected copies, shape (samples, alternates), NaN missing; None if not given."""
        return self.columns.numbers(name, len(self.alternates))

    def copies(self, allele: int) -> NDArray[np.int8]:
        """Return how many copies of an allele each sample has; -1 if any copy is missing."""
        alleles = self.genotypes.alleles
        count: NDArray[np.int8] = (alleles == allele).sum(axis=1, dtype=np.int8)
        count[(alleles == MISSING).any(axis=1)] = MISSING
        return count

    @property
    def copy_number(self) -> NDArray[np.int8]:
        """How many copies each sample's genotype speaks of."""
        copies: NDArray[np.int8] = (self.genotypes.alleles != ABSENT).sum(axis=1, dtype=np.int8)
        return copies


def is_bases(allele: str) -> bool:
    """Say whether an allele is written in bases, N included: not symbolic, spanning or missing."""
    return _BASES.fullmatch(allele) is not None


def _allele(text: bytes) -> str:
    allele = text.decode("utf-8", "replace")
    return allele.upper() if is_bases(allele) else allele


def _listed(text: bytes, separator: bytes) -> list[str]:
    if text in (b".", b""):
        return []
    return [one.decode("utf-8", "replace") for one in text.split(separator)]
