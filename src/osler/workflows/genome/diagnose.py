"""`osler genome diagnose`: which rare diseases the findings of patients speak for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from osler.errors import Fault, InputError
from osler.workflows.one_file import check_files, write_whole

if TYPE_CHECKING:
    from osler.genome.diagnose import Diagnosis, Engine
    from osler.genome.diagnose.nouns import GenotypeEvidence
    from osler.genome.diagnose.phenopacket import PhenopacketFile
    from osler.knowledge import Release

MOST_CANDIDATES = 25


@dataclass(frozen=True)
class CasesQuestion:
    """Which patients, and how to rank.

    Parameters
    ----------
    packets
        GA4GH Phenopackets as JSON: one, a list, or one a line; packed or not.
    exclude_own_publications
        Leave out annotations curated from a case's own publications.
    top
        How many candidates to show of each case.
    variants
        A VCF of the patient; then the file holds one case.
    sample
        The patient's sample in the VCF; needed where it has several.
    clinvar, gnomad
        Files that the user supplies; without them their criteria are not assessed.
    criteria
        Criteria that the user has judged.
    loss_of_function
        Genes where loss of function is a known mechanism, by the user.
    build
        `GRCh37` or `GRCh38`, where the VCF does not tell.
    whole
        The whole exome or genome was sequenced, so that finding nothing speaks against a gene.
    """

    packets: Path
    exclude_own_publications: bool = False
    top: int = MOST_CANDIDATES
    variants: Path | None = None
    sample: str | None = None
    clinvar: Path | None = None
    gnomad: Path | None = None
    criteria: Path | None = None
    loss_of_function: Path | None = None
    build: str | None = None
    whole: bool = False


@dataclass(frozen=True)
class CasesAnswer:
    """What is the same for all cases, and how to work out each.

    Attributes
    ----------
    about
        The document of `diagnosis.json` without its cases.
    """

    about: Mapping[str, Any]
    _cases: Callable[[], Iterator[Diagnosis]]

    def cases(self) -> Iterator[Diagnosis]:
        """Yield the diagnosis of each case in the file's order, worked out as it is asked for."""
        return self._cases()

    def to_json(self) -> dict[str, Any]:
        """Return the whole document."""
        return {**self.about, "cases": [one.to_json() for one in self.cases()]}

    def write(self, stream: TextIO, seen: Callable[[Diagnosis], object] | None = None) -> None:
        """Write the document case by case: a store of thousands never lies in memory.

        Parameters
        ----------
        seen
            Is told each diagnosis as it is written.
        """
        for key, value in self.about.items():
            stream.write("{\n " if key == next(iter(self.about)) else ",\n ")
            stream.write(f"{json.dumps(key)}: {_plain(value)}")
        stream.write(',\n "cases": [')
        for number, one in enumerate(self.cases()):
            stream.write(("" if number == 0 else ",") + "\n  " + _plain(one.to_json()))
            if seen is not None:
                seen(one)
        stream.write("\n ]\n}\n")


def diagnose(
    question: CasesQuestion,
    out: Path | None = None,
    *,
    release: Release | None = None,
    seen: Callable[[Diagnosis], object] | None = None,
) -> CasesAnswer:
    """Rank all OMIM diseases for each patient of a file of phenopackets.

    Parameters
    ----------
    out
        JSON file to write, whole or not at all; nothing is written without.
    release
        By default the newest about phenotypes.
    seen
        Is told each diagnosis as it is written to `out`.

    Raises
    ------
    InputError
        If a file cannot be read or written, a line or member of the file is no phenopacket, or a
        VCF meets several cases.
    """
    if out is not None:
        check_files([out])
    from osler.genome.diagnose import load, read_phenopackets

    _check_options(question)
    file = read_phenopackets(question.packets)
    _check_cases(question, file)
    engine = load(release)
    genotype, notes = _genotype(question, file, engine)
    answer = CasesAnswer(
        _about(question, file, engine, notes), lambda: _cases(question, file, engine, genotype)
    )
    if out is not None:
        write_whole(out, lambda stream: answer.write(stream, seen))
    return answer


def _check_options(question: CasesQuestion) -> None:
    """Refuse options that only a VCF gives a meaning, and a ranking of nothing."""
    faults = []
    if question.top < 1:
        faults.append(Fault("--top", "less than one candidate", "1 or more"))
    if question.variants is None:
        given = {
            "--sample": question.sample is not None,
            "--clinvar": question.clinvar is not None,
            "--gnomad": question.gnomad is not None,
            "--criteria": question.criteria is not None,
            "--loss-of-function": question.loss_of_function is not None,
            "--build": question.build is not None,
            "--whole": question.whole,
        }
        faults += [
            Fault(name, "given without variants", "--vcf FILE beside it")
            for name, is_given in given.items()
            if is_given
        ]
    if faults:
        raise InputError(faults)


def _check_cases(question: CasesQuestion, file: PhenopacketFile) -> None:
    """Refuse a file with damaged parts, and one person's variants for several."""
    name = question.packets.name
    faults = [
        Fault(f"{name}, {one.where}", one.why, "a Phenopacket, an object of JSON", "mend it")
        for one in file.refused
    ]
    if question.variants is not None and len(file.packets) > 1:
        came = f"variants of one person, and {len(file.packets):,} cases"
        faults.append(Fault("--vcf", came, "one case", "give one phenopacket"))
    if faults:
        raise InputError(faults)


def _genotype(
    question: CasesQuestion, file: PhenopacketFile, engine: Engine
) -> tuple[Mapping[int, GenotypeEvidence] | None, list[str]]:
    """Return what the patient's variants say of each disease; None where there is no VCF."""
    if question.variants is None:
        return None, []
    from osler.genome.diagnose.criteria import Thresholds
    from osler.genome.diagnose.given import read_criteria, read_genes
    from osler.genome.diagnose.joining import by_disease
    from osler.genome.diagnose.variants import evidence

    mechanism = read_genes(question.loss_of_function) if question.loss_of_function else None
    found = evidence(
        question.variants,
        sample=question.sample,
        genes=frozenset(gene for genes in engine.annotations.genes.values() for gene in genes),
        clinvar=question.clinvar,
        gnomad=question.gnomad,
        build=question.build,
        sex=file.packets[0].sex,
        whole=question.whole,
        thresholds=Thresholds(loss_of_function=mechanism),
        given=read_criteria(question.criteria) if question.criteria else None,
    )
    own = file.packets[0].publications if question.exclude_own_publications else ()
    return by_disease(found, engine.annotations, own), list(found.notes)


def _cases(
    question: CasesQuestion,
    file: PhenopacketFile,
    engine: Engine,
    genotype: Mapping[int, GenotypeEvidence] | None,
) -> Iterator[Diagnosis]:
    from osler.progress import track

    for packet in track(file.packets, "cases"):
        yield engine.rank(
            packet,
            exclude_own_publications=question.exclude_own_publications,
            top=question.top,
            genotype=genotype,
        )


def _about(
    question: CasesQuestion, file: PhenopacketFile, engine: Engine, notes: list[str]
) -> dict[str, Any]:
    release = engine.release
    return {
        "format_version": 1,
        "knowledge": {
            "release": release.name,
            "sha256": release.sha256,
            "date": str(release.date),
            "citation": engine.citation,
            "diseases": engine.library.n_diseases,
        },
        "settings": {
            "exclude_own_publications": question.exclude_own_publications,
            "top": question.top,
            "variants": question.variants is not None,
        },
        "notes": [*(f"{count:,} {what}" for what, count in file.notes.items()), *notes],
    }


def _plain(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
