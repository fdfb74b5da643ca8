"""Loading a source into a vault, and exporting a vault as MEDS."""

from __future__ import annotations

import hashlib
from pathlib import Path

from osler.errors import Fault, InputError
from osler.progress import track
from osler.sources import Batch, LoadReport, Request, Source, registry
from osler.vault import ERASED, Loading
from osler.workflows.opening import Opening

DIGEST_BLOCK_BYTES = 1 << 20
GENOME = "genome"


def load(
    opening: Opening,
    format_name: str,
    path: Path,
    *,
    mapping: Path | None = None,
    samples: Path | None = None,
) -> LoadReport:
    """Read a source into the vault: all of it, or, when anything fails, nothing.

    Parameters
    ----------
    format_name
        Name of a registered source: `meds`, `omop`, `fhir`, `table`, `genome`, ….
    path
        File or folder.
    mapping
        Mapping file, for `table`.
    samples
        Sample map, for `genome`.

    Returns
    -------
    LoadReport
        Records read, loaded, refused and why; `already_loaded` when the same source is there.

    Raises
    ------
    InputError
        If the source cannot be read at all; the vault is then unchanged.
    """
    for given in filter(None, (path, mapping, samples)):
        if not given.exists():
            raise InputError(Fault(str(given), "no such file or folder", "a source to load"))
        if not (given.is_file() or given.is_dir()):
            raise InputError(Fault(str(given), "a pipe or a device", "a file or a folder"))
    for given in filter(None, (mapping, samples)):
        if not given.is_file():
            raise InputError(Fault(str(given), "a folder", "a file"))
    source = registry.get(format_name)
    report = LoadReport()
    vault = opening.open()
    digest = source_digest(source, path, mapping, samples)
    with vault.loading(source=format_name, digest=digest) as session:
        if session.already_loaded:
            report.already_loaded = True
            return report
        request = Request(
            path=path,
            subjects=session.subjects,
            report=report,
            mapping=mapping,
            samples=samples,
        )
        before = events = attached = 0
        for batch in track(source.read(request), f"Loading {format_name}, batches"):
            taken = session.append(batch.events, batch.codes)
            _count_erased(report, batch.events.height, taken, report.loaded - before)
            before, events = report.loaded, events + taken
            attached += _attach(session, batch)
        if not events + attached:
            session.abandon()
    if format_name == GENOME and events + attached:
        from osler.workflows.genome.landing import derive_after_load

        derive_after_load(vault, opening, report)
    return report


def _attach(session: Loading, batch: Batch) -> int:
    """Take the files of a batch; return how many were taken. An erased subject's are not."""
    taken = 0
    for one in batch.attachments:
        with one.open() as stream:
            taken += session.attach(one.subject_id, one.name, stream)
    return taken


def _count_erased(report: LoadReport, events: int, taken: int, records: int) -> None:
    """Count records of erased subjects as refused; where a record is several events, in share."""
    if taken < events:
        refused = round(records * (events - taken) / events)
        report.loaded -= refused
        report.refuse(ERASED, refused)


def source_digest(source: Source, path: Path, *others: Path | None) -> str:
    """Return one sha256 over the contents of all files of a source, and their names in a folder.

    The name of a single file does not count: the same file under another name is the same source.
    """
    whole = hashlib.sha256(source.name.encode())
    for file in sorted(source.files(path)):
        name = file.relative_to(path).as_posix() if path.is_dir() else ""
        whole.update(name.encode() + b"\0" + _file_digest(file))
    for other in filter(None, others):
        whole.update(b"\1" + _file_digest(other))
    return whole.hexdigest()


def _file_digest(path: Path) -> bytes:
    one = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(DIGEST_BLOCK_BYTES):
            one.update(block)
    return one.digest()
