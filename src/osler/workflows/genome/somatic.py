"""`osler genome somatic`: what the alterations of tumours mean for their treatment."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from osler.errors import Fault, InputError
from osler.sources.files import require_file
from osler.sources.vcf import is_vcf
from osler.workflows.one_file import check_files, write_whole

if TYPE_CHECKING:
    from osler.genome.somatic import Civic, SomaticResult, Tumour
    from osler.genome.somatic.maf import TumourFile
    from osler.genome.somatic.measurements import Measured


# A cohort's file is for programs; line breaks would add half its size.
MOST_INDENTED = 50


@dataclass(frozen=True)
class TumourQuestion:
    """What is asked, and what is known beside the variants. None: not given.

    Parameters
    ----------
    variants
        A MAF or a VCF.
    cancer
        Name, synonym or DOID.
    receptors
        `ER=positive,PR=negative,HER2=negative`.
    assayed, copy_number, fusions
        Files; see `osler.genome.somatic.measurements`.
    sample
        Of a file with several, the one that is the tumour.
    """

    variants: Path
    cancer: str
    assayed: Path | None = None
    copy_number: Path | None = None
    fusions: Path | None = None
    receptors: str = ""
    tmb: float | None = None
    msi: str | None = None
    stage: str | None = None
    line: str | None = None
    purity: float | None = None
    sample: str | None = None


@dataclass(frozen=True)
class SomaticAnswer:
    """What came of it, and the JSON that says so."""

    results: tuple[SomaticResult, ...]
    document: dict[str, Any]


def interpret_tumours(question: TumourQuestion, out: Path | None = None) -> SomaticAnswer:
    """Interpret the tumours of a MAF or a VCF by CIViC.

    Parameters
    ----------
    out
        JSON file to write, whole or not at all; nothing is written without.

    Raises
    ------
    InputError
        If a file cannot be read, the cancer is unknown, something given for one tumour meets
        several, or `out` cannot be written.
    """
    from osler.genome.somatic import interpret, load
    from osler.genome.somatic.document import document

    if out is not None:
        check_files([out])
    civic = load()
    receptors = _checked(question, civic)
    file = _read(question, civic)
    tumours = _tumours(question, receptors, file, civic)
    results = tuple(interpret(tumour, civic) for tumour in tumours)
    told = document(results, civic, file.told())
    if out is not None:
        write_whole(out, partial(_write, content=told))
    return SomaticAnswer(results, told)


def _checked(question: TumourQuestion, civic: Civic) -> dict[str, str]:
    """Return the receptors, after all that can be checked without reading was checked at once."""
    from osler.genome.somatic import receptors_of

    receptors: dict[str, str] = {}
    files = (question.variants, question.assayed, question.copy_number, question.fusions)
    checks: list[Callable[[], object]] = [
        lambda: civic.diseases.find(question.cancer),
        lambda: receptors.update(receptors_of(question.receptors)),
        *(partial(require_file, file) for file in files if file is not None),
    ]
    faults: list[Fault | str] = []
    for check in checks:
        try:
            check()
        except InputError as error:
            faults += error.faults
    if faults:
        raise InputError(faults)
    return receptors


def _write(stream: TextIO, content: dict[str, Any]) -> None:
    few = len(content["samples"]) <= MOST_INDENTED
    text = json.dumps(content, indent=2 if few else None, ensure_ascii=False, allow_nan=False)
    stream.write(text + "\n")


def _read(question: TumourQuestion, civic: Civic) -> TumourFile:
    """Read the variants, of the one sample that was asked for."""
    from osler.genome.somatic.maf import read_maf

    path = question.variants
    if is_vcf(path):
        from osler.genome.somatic.vcf import read_somatic_vcf

        return read_somatic_vcf(path, question.sample, civic)
    file = read_maf(path)
    if question.sample is not None:
        if question.sample not in file.tumours:
            expected = "a sample of the file"
            raise InputError(Fault("--tumour-sample", "a sample that is not there", expected))
        file.tumours = {question.sample: file.tumours[question.sample]}
    return file


def _tumours(
    question: TumourQuestion, receptors: dict[str, str], file: TumourFile, civic: Civic
) -> list[Tumour]:
    """Join the variants of each sample with what else was given."""
    from osler.genome.somatic import Tumour
    from osler.genome.somatic.measurements import read_assayed, read_copy_number, read_fusions

    genes = read_assayed(question.assayed) if question.assayed else None
    copies = (
        read_copy_number(question.copy_number, file.build, civic) if question.copy_number else None
    )
    fusions = read_fusions(question.fusions) if question.fusions else None
    _check_one_tumour(question, file, copies, fusions)
    return [
        Tumour(
            tuple(alterations),
            question.cancer,
            receptors=receptors,
            copy_number=copies.of(sample) if copies else None,
            fusions=fusions.of(sample) if fusions else None,
            assayed_genes=genes,
            tmb=question.tmb,
            msi=question.msi,
            stage=question.stage,
            line=question.line,
            purity=question.purity,
            sample=sample,
            annotated=file.annotated,
            notes=tuple(note for one in (copies, fusions) if one for note in one.notes),
        )
        for sample, alterations in file.tumours.items()
    ]


def _check_one_tumour(
    question: TumourQuestion,
    file: TumourFile,
    copies: Measured | None,
    fusions: Measured | None,
) -> None:
    """Refuse to give one tumour's measurements to several."""
    if len(file.tumours) < 2:
        return
    given = {
        "--copy-number": copies is not None and not copies.names_samples,
        "--fusions": fusions is not None and not fusions.names_samples,
        "--receptors": bool(question.receptors),
        "--tmb": question.tmb is not None,
        "--msi": question.msi is not None,
        "--stage": question.stage is not None,
        "--line": question.line is not None,
        "--purity": question.purity is not None,
    }
    came = f"given for one tumour, and the file has {len(file.tumours)}"
    remedy = "name the one with --tumour-sample"
    faults = [
        Fault(name, came, "one tumour", remedy) for name, is_given in given.items() if is_given
    ]
    if faults:
        raise InputError(faults)
