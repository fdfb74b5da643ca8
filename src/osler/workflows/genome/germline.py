"""The inherited genome of a patient, from what was loaded to what it means for drugs.

What is read
------------
Variants
    The attached VCF that the latest `SEQUENCED//genome` names, decrypted in memory part by part,
    never onto a disk. A VCF is taken for the inherited genome.
Calls made elsewhere
    `GENOTYPE//GENE//DIPLOTYPE` and `PHENOTYPE//GENE//PHENOTYPE` that were loaded, such as CYP2D6
    and HLA from a laboratory. They go before the VCF, as a file of outside calls does.
Medications
    Drugs that inhibit CYP2D6 by name or by the description of their code, recorded in the year
    before the last record of the timeline.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import polars as pl

from osler.errors import Fault, InputError
from osler.sources.vcf import Stored

if TYPE_CHECKING:
    from osler.genome.pgx import Answers, SampleResult
    from osler.genome.pgx.definitions import Definitions
    from osler.genome.pgx.outside import OutsideCall
    from osler.genome.pgx.phenoconversion import Medication
    from osler.genome.pgx.reading import VcfGenotypes
    from osler.knowledge import Release
    from osler.vault import Vault

GENOTYPE, PHENOTYPE = "GENOTYPE//", "PHENOTYPE//"
SEQUENCED = "SEQUENCED//genome"
MEDICATIONS = ("MEDICATION//", "DRUG//", "RxNorm", "ATC//", "NDC//")
NO_CALLS = ("ambiguous", "no call", "not callable")
CURRENT = timedelta(days=365)
ENDINGS = (".vcf", ".vcf.gz", ".vcf.bgz")
NO_FILE = "no germline file was loaded for this patient"
SEVERAL = "several germline files were loaded; the latest is read"


@dataclass(frozen=True)
class GermlineResult:
    """What one subject's inherited genome means for drugs.

    Parameters
    ----------
    reported
        When the latest event that it rests on was reported; None if none has a time.
    """

    sample: SampleResult
    reported: datetime | None


def germline_files(names: Iterable[str]) -> list[str]:
    """Return the attachments that are variants, in their order."""
    return [name for name in names if name.lower().endswith(ENDINGS)]


def files_by_report(events: pl.DataFrame, names: Iterable[str]) -> list[str]:
    """Return the attachments that are variants, those reported last at the end."""
    files = germline_files(names)
    told = events.filter(pl.col("code") == SEQUENCED)["text_value"].to_list()
    return sorted(files, key=lambda name: told.index(name) if name in told else -1)


class GermlineReader:
    """Reads inherited genomes out of a vault; definitions and guidelines are loaded once.

    Parameters
    ----------
    descriptions
        What the vault's codes mean.
    settle
        Also ask what would settle the calls that stay open, which takes as long as all the rest.
    """

    def __init__(
        self, release: Release, descriptions: Mapping[str, str], *, settle: bool = True
    ) -> None:
        self.release, self._descriptions, self._settle = release, descriptions, settle

    @cached_property
    def _definitions(self) -> Definitions:
        from osler.genome.pgx.definitions import Definitions

        return Definitions.load(self.release)

    def read(
        self, vault: Vault, subject_id: int, events: pl.DataFrame, names: Sequence[str]
    ) -> GermlineResult | str:
        """Read one subject's file, or say why there is nothing to say.

        Parameters
        ----------
        events
            The subject's timeline, sorted.
        names
            The subject's attachments, oldest first.
        """
        files = files_by_report(events, names)
        outside = outside_calls(events)
        if not files and not outside:
            return NO_FILE
        taken = medications(events, self._descriptions)
        sample = self._sample(vault, subject_id, files[-1] if files else None, outside, taken)
        notes = (SEVERAL,) if len(files) > 1 else ()
        sample = replace(sample, notes=(*sample.notes, *notes))
        return GermlineResult(sample, reported(events, files[-1:]))

    def _sample(
        self,
        vault: Vault,
        subject_id: int,
        name: str | None,
        outside: Sequence[OutsideCall],
        taken: Sequence[Medication],
    ) -> SampleResult:
        from osler.genome.pgx.calling import call_genes

        if name is None:
            unread = {gene: of[0] for gene, of in call_genes({}, self._definitions).items() if of}
            return self._answers(outside, taken).sample("", unread)
        read = self._read(vault, subject_id, name)
        if self._settle:
            from osler.genome.pgx import answer

            (sample,) = answer(read, self._definitions, outside, taken).samples
        else:
            sample = self._answered(read, self._answers(outside, taken))
        return replace(sample, sample="", notes=(*sample.notes, *read.notes))

    def _read(self, vault: Vault, subject_id: int, name: str) -> VcfGenotypes:
        from osler.genome.pgx import reading

        kept = Stored.parts("attachment", lambda: vault.attachment(subject_id, name))
        read = reading.read(kept, self._definitions)
        if len(read.samples) != 1:
            came = f"{len(read.samples)} samples"
            raise InputError(Fault("attachment", came, "one, the subject's own"))
        return read

    def _answers(self, outside: Sequence[OutsideCall], taken: Sequence[Medication]) -> Answers:
        from osler.genome.pgx import Answers

        if outside or taken:
            return Answers(self.release, outside, taken)
        return self._plain

    @cached_property
    def _plain(self) -> Answers:
        from osler.genome.pgx import Answers

        return Answers(self.release)

    def _answered(self, read: VcfGenotypes, answers: Answers) -> SampleResult:
        """Answer without what would settle open calls."""
        from osler.genome.pgx.calling import call_genes
        from osler.genome.pgx.pipeline import WARFARIN_GENE, rs12777823_of, variants_of

        calls = {gene: of[0] for gene, of in call_genes(read.genes, self._definitions).items()}
        (beside,) = rs12777823_of(read.genes.get(WARFARIN_GENE), 1)
        (variants,) = variants_of(read.genes.values(), 1)
        return answers.sample("", calls, beside, variants)


def is_call() -> pl.Expr:
    """Return which events are calls made elsewhere."""
    return pl.col("code").str.starts_with(GENOTYPE) | pl.col("code").str.starts_with(PHENOTYPE)


def outside_calls(events: pl.DataFrame) -> tuple[OutsideCall, ...]:
    """Return the calls made elsewhere that were loaded, the latest of each gene."""
    from osler.genome.pgx.nouns import Diplotype
    from osler.genome.pgx.outside import OutsideCall, natural

    diplotypes: dict[str, Diplotype] = {}
    phenotypes: dict[str, str] = {}
    for code in events["code"].to_list():
        kind, _, rest = code.partition("//")
        gene, _, what = rest.partition("//")
        if not (gene and what) or what in NO_CALLS:
            continue
        if kind == "GENOTYPE":
            first, *second = sorted(what.split("/", 1), key=natural)
            diplotypes[gene] = Diplotype(first, second[0] if second else None)
        elif kind == "PHENOTYPE":
            phenotypes[gene] = what
    return tuple(
        OutsideCall(gene, diplotypes.get(gene), phenotypes.get(gene))
        for gene in dict.fromkeys([*diplotypes, *phenotypes])
    )


def medications(events: pl.DataFrame, descriptions: Mapping[str, str]) -> tuple[Medication, ...]:
    """Return the drugs on a timeline that inhibit CYP2D6, those of the last year."""
    from osler.genome.pgx.phenoconversion import Medication, inhibitors_among

    last = events["time"].max()
    if not isinstance(last, datetime):
        return ()
    recent = events.filter(
        (pl.col("time") > last - CURRENT) & pl.col("code").str.contains(_MEDICATION)
    )
    found: dict[str, Medication] = {}
    for code, text, time in recent.select("code", "text_value", "time").iter_rows():
        name = text or descriptions.get(code) or code.rpartition("//")[2]
        known, _ = inhibitors_among([Medication(name)])
        if known:
            found[code] = Medication(f"{name}, recorded {time.date().isoformat()}")
    return tuple(found.values())


_MEDICATION = "^(" + "|".join(MEDICATIONS) + ")"


def reported(events: pl.DataFrame, files: Sequence[str]) -> datetime | None:
    """Return when the latest of the results was reported: of the files, and of calls elsewhere."""
    of_file = (pl.col("code") == SEQUENCED) & pl.col("text_value").is_in(list(files))
    latest = events.filter(of_file | is_call())["time"].max()
    return latest if isinstance(latest, datetime) else None
