"""What a user may choose when genotypes are scored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from osler.errors import Fault, InputError
from osler.genome.score import naming
from osler.genome.score.matching import Ambiguous
from osler.genome.score.totals import Impute

Dosage = Literal["auto", "GT"]
LEAST_MATCH = 0.75


@dataclass(frozen=True)
class Options:
    """How to match and to sum.

    Parameters
    ----------
    min_match
        Smallest share of a score's variants that must be found for its sum to be told. 0.75 is the
        default of the PGS Catalog Calculator (Lambert et al. 2024, medRxiv 2024.05.29.24307783).
    ambiguous
        `drop` leaves out palindromic variants (A/T, C/G) unless frequencies in the score and in a
        reference tell their strand; `keep` takes them as written.
    impute
        What stands for a missing genotype: the copies expected by a `reference` frequency (from
        `allele_frequencies`, else from the score's own file; nothing where neither has one), those
        expected in this very `cohort`, as `plink2 --score` does, or `none`.
    dosage
        `auto` reads `DS` where a VCF has it, else `GP`, else `GT`; `GT` reads called genotypes
        only.
    build
        Of the genotypes, when their file does not say it, or says it wrongly.
    allele_frequencies
        Table of a reference: CHROM, POS (or an ID of the form chromosome:position), REF, ALT and
        ALT_FREQS, as `plink2 --freq` writes it.
    """

    min_match: float = LEAST_MATCH
    ambiguous: Ambiguous = "drop"
    impute: Impute = "reference"
    dosage: Dosage = "auto"
    build: str | None = None
    allele_frequencies: Path | str | None = None

    @classmethod
    def of_words(
        cls,
        *,
        min_match: float,
        ambiguous: str,
        impute: str,
        dosage: str,
        build: str | None,
        allele_frequencies: Path | None,
    ) -> Options:
        """Make them of words that a user typed.

        Parameters
        ----------
        min_match, ambiguous, impute, dosage, build, allele_frequencies
            As the attributes of the same name.

        Raises
        ------
        InputError
            If a word is not among the choices.
        """
        options = cls(
            min_match,
            cast("Ambiguous", ambiguous),
            cast("Impute", impute),
            cast("Dosage", dosage),
            build,
            allele_frequencies,
        )
        options.check()
        return options

    def check(self) -> None:
        """Refuse what is not among the choices, all faults at once.

        Raises
        ------
        InputError
            If anything is not.
        """
        faults = [
            Fault(name, "another word", " or ".join(get_args(choices)))
            for name, value, choices in (
                ("ambiguous", self.ambiguous, Ambiguous),
                ("impute", self.impute, Impute),
                ("dosage", self.dosage, Dosage),
            )
            if value not in get_args(choices)
        ]
        if not 0 <= self.min_match <= 1:
            faults.append(Fault("min_match", "a number outside 0 to 1", "a share from 0 to 1"))
        if self.build is not None and naming.build(self.build) is None:
            faults.append(Fault("build", "another name", "GRCh37 or GRCh38"))
        if faults:
            raise InputError(faults)


@dataclass(frozen=True)
class ReferenceFiles:
    """Files of a reference panel, for what a sum means beside other people's.

    Parameters
    ----------
    pcs
        Principal components of the panel: a table with IID, PC1, PC2, … and, if it has one, a
        column SuperPop or Population.
    labels
        Table with IID and SuperPop or Population (a `.psam` will do); else a `.psam` beside `pcs`
        with the same name.
    target_pcs
        Components of the people who are scored, in the same space; else those of `loadings`, else
        the rows of `pcs` that bear their names.
    scores
        Sums of the panel: a table with IID, PGS and SUM; else those of panel members who are in the
        genotypes themselves.
    loadings
        Table with chr_name, chr_position, effect_allele, other_allele, PC1, PC2, … and, to centre
        and to scale, allelefrequency_effect: projects the genotypes.
    population
        Column of the labels: SuperPop unless said otherwise.
    """

    pcs: Path | str | None = None
    labels: Path | str | None = None
    target_pcs: Path | str | None = None
    scores: Path | str | None = None
    loadings: Path | str | None = None
    population: str = "SuperPop"
