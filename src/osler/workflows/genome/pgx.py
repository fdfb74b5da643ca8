"""`osler genome pgx`: what the inherited variants of people mean for their drugs."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from osler.errors import Fault, InputError

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


def check_files(places: Sequence[Path]) -> None:
    """Refuse places where no file can be written, before the work begins.

    Raises
    ------
    InputError
        If a place is a folder, is in none that may be written, or two are the same.
    """
    faults = [fault for place in places for fault in _faults_of(place)]
    if len({place.resolve() for place in places}) < len(places):
        faults.append(Fault(str(places[-1]), "the place of another output", "one of its own"))
    if faults:
        raise InputError(faults)


def _faults_of(place: Path) -> list[Fault]:
    if place.is_dir():
        return [Fault(str(place), "a folder", "a file to write", "name a file in it")]
    folder = place.parent
    if not folder.is_dir():
        return [Fault(str(folder), "not a folder", "a folder to write in", "make it first")]
    if not os.access(folder, os.W_OK | os.X_OK):
        return [Fault(str(place), "a place that you may not write", "another", "name another one")]
    if place.exists() and not (place.is_file() and os.access(place, os.W_OK)):
        return [Fault(str(place), "something that cannot be replaced", "a file of yours")]
    return []


def write_whole(place: Path, write: Callable[[TextIO], None]) -> None:
    """Write a file beside its place and move it there when it is whole."""
    handle, name = tempfile.mkstemp(prefix=".osler-", suffix=".json", dir=place.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as stream:
            write(stream)
        fresh.chmod(0o666 & ~_umask())
        fresh.replace(place)
    finally:
        fresh.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
