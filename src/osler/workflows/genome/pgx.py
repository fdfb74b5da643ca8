"""`osler genome pgx`: what the inherited variants of people mean for their drugs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from osler.workflows.one_file import check_files, write_whole

if TYPE_CHECKING:
    from osler.genome.pgx import PgxResult
    from osler.knowledge import Release


def advise_on_drugs(
    variants: Path,
    out: Path | None = None,
    *,
    outside_calls: Path | None = None,
    samples: Sequence[str] | None = None,
    medications: Path | None = None,
    fhir: Path | None = None,
    release: Release | None = None,
) -> PgxResult:
    """Advise on drugs from a file of inherited variants.

    Parameters
    ----------
    variants
        VCF, bgzipped or not, BCF or gVCF.
    out, fhir
        JSON files to write, each whole or not at all: the result, and its FHIR bundle.
    outside_calls
        Tab-separated, no header: gene, diplotype, phenotype, activity score.
    samples
        Those to answer; all of the file by default.
    medications
        One drug a line, after a tab how strongly it inhibits CYP2D6 if that is known.
    release
        By default the newest about pharmacogenomics.

    Raises
    ------
    InputError
        If a file cannot be read or written, or a sample is not in the file.
    """
    check_files([place for place in (out, fhir) if place is not None])
    from osler.genome.pgx.pipeline import call

    result = call(
        variants,
        samples=samples,
        outside_calls=outside_calls,
        medications=medications,
        release=release,
    )
    if fhir is not None:
        from osler.genome.pgx.fhir import bundle

        content = bundle(result)
        write_whole(fhir, lambda stream: json.dump(content, stream, ensure_ascii=False))
    if out is not None:
        write_whole(out, result.write)
    return result
