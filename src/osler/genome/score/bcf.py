"""Scoring a BCF through cyvcf2."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from osler import extras
from osler.errors import Fault, InputError
from osler.genome.score import naming
from osler.genome.score.calls import Dosages, HardCalls, expected, filled, tidy
from osler.genome.score.totals import Totals
from osler.genome.score.vcf import Answerer, Header, check_samples, site_of
from osler.sources.vcf.header import told_in

_HASHED_BYTES = 1 << 20


class Bcf:
    """A BCF, read once.

    Attributes
    ----------
    told : Counter
        What was doubtful, by kind.
    """

    def __init__(self, path: Path, *, dosage: bool) -> None:
        self.path, self.dosage = path, dosage
        self.told: Counter[str] = Counter()
        library = extras.require("cyvcf2", "genome")
        try:
            self.file: Any = library.VCF(str(path))
        except (OSError, ValueError) as error:
            raise self.unreadable() from error
        samples = list(self.file.samples)
        check_samples(str(path), samples)
        self.header = Header(samples, told_in(self.file.raw_header.splitlines()).build)

    def unreadable(self) -> InputError:
        """Return the error for a file that cannot be read to its end."""
        return InputError(
            Fault(str(self.path), "a BCF cut short or damaged", "a whole one", "fetch it again")
        )

    def digest(self) -> str:
        """Return the SHA-256 of the file."""
        found = hashlib.sha256()
        with self.path.open("rb") as file:
            for part in iter(lambda: file.read(_HASHED_BYTES), b""):
                found.update(part)
        return found.hexdigest()

    def add_to(self, totals: Totals, answerer: Answerer) -> None:
        """Add every record that the scores ask for."""
        for where, records in groupby(self.asked(answerer), key=lambda one: one[0]):
            group = [record for _, record in records]
            sites = [site for site, _ in group]
            for (site, genotypes), terms in zip(group, answerer.terms(where, sites), strict=True):
                if terms:
                    if isinstance(genotypes, HardCalls):
                        genotypes = tidy(genotypes, len(site.alleles), self.told)
                    totals.add(genotypes, terms, haploid=where[0] in naming.HAPLOID)

    def asked(self, answerer: Answerer) -> Iterator[tuple[tuple[str, int], tuple[Any, Any]]]:
        """Yield place, alleles and genotypes of the records that a score asks for."""
        names: dict[str, str] = {}
        records = iter(self.file)
        while True:
            try:
                record = next(records, None)
            except (OSError, ValueError, RuntimeError) as error:
                raise self.unreadable() from error
            if record is None:
                return
            name = names.setdefault(record.CHROM, naming.chromosome(record.CHROM))
            if any(record.POS in table for table in answerer.asks_for(name)):
                site = site_of([record.REF, *(record.ALT or ["."])])
                yield (name, record.POS), (site, self.genotypes(record, name))

    def genotypes(self, record: Any, chromosome: str) -> HardCalls | Dosages:
        """Return a record's genotypes, `DS` or `GP` before `GT` if that was asked for."""
        calls = _calls(record, len(self.header.samples))
        if chromosome != "X" and chromosome not in naming.HAPLOID:
            calls = calls.with_two_missing()
        dosage = self.dosage and bool(record.ALT)
        if dosage and "DS" in record.FORMAT:
            values = np.array(record.format("DS"), np.float64).T.copy()
            return Dosages(filled(values, calls), calls.ploidy)
        if dosage and "GP" in record.FORMAT:
            given = np.array(record.format("GP"), np.float64)
            known = [row[~np.isnan(row)].tolist() for row in given]
            return expected(known, 1 + len(record.ALT), calls, self.told)
        return calls


def _calls(record: Any, n_samples: int) -> HardCalls:
    """Return called genotypes; all missing in a record without `GT`."""
    if record.genotype is None or "GT" not in record.FORMAT:
        nothing = np.full(n_samples, -1, np.int16)
        return HardCalls(nothing, nothing)
    alleles = record.genotype.array()[:, :-1].astype(np.int16)
    second = alleles[:, 1] if alleles.shape[1] > 1 else np.full(n_samples, -2, np.int16)
    if alleles.shape[1] > 2:
        # More copies than two are no genotype that a score could count.
        more = (alleles[:, 2:] != -2).any(axis=1)
        return HardCalls(np.where(more, -3, alleles[:, 0]).astype(np.int16), second)
    return HardCalls(alleles[:, 0], second)
