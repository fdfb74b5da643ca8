"""Writing a vault as a MEDS dataset, or the labels of a study, in clear."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from osler.cohort import Cohort
from osler.cohort.labels import write_labels
from osler.errors import Fault, InputError
from osler.model import digest_of
from osler.progress import track
from osler.sources.meds import write_dataset
from osler.workflows.opening import Opening
from osler.workflows.study.gather import rows_of
from osler.workflows.study.question import Study
from osler.workflows.writing import check_place


def export_meds(opening: Opening, out: Path) -> dict[str, int]:
    """Write every event as MEDS 0.4 into a new folder and register the export.

    Returns
    -------
    dict
        Numbers of subjects and events.

    Raises
    ------
    InputError
        If `out` holds something, cannot be made, or lies inside a vault.
    """
    _check_empty(out)
    vault = opening.open()
    with vault.act("export meds"):
        shards = track(vault.shard_ids(), "Exporting, shards")
        written = write_dataset(
            out, (vault.shard_events(shard) for shard in shards), codes=vault.codes()
        )
        counts = {"subjects": written.subjects, "events": written.events}
        vault.register_export("MEDS dataset", digest_of(counts), None, where=str(out))
    return counts


def export_labels(opening: Opening, study: Path, out: Path) -> dict[str, Any]:
    """Write who takes part in a study and what became of them, without fitting anything.

    MEDS labels in `labels/`, and `time_to_event.parquet` where the outcome is one; registered as
    an export that names the subjects.

    Parameters
    ----------
    study
        The study file.
    out
        New or empty folder.

    Returns
    -------
    dict
        `rows`, `subjects`, `events` by cause, `files`, and the `flow` that led to the rows.

    Raises
    ------
    InputError
        With every fault of the study file, or if `out` holds something or cannot be made.
    """
    _check_empty(out)
    asked = Study.read(study)
    vault = opening.open()
    with vault.act("export labels", {"study": asked.digest}):
        shards = track(vault.shard_ids(), "Looking for rows, shards")
        cohort = Cohort.concat([rows_of(vault.shard_events(shard), asked) for shard in shards])
        order = cohort.rows.sort("subject_id", "prediction_time", maintain_order=True)
        about = {"study": asked.digest, "vault": vault.vault_id, "vault manifest": vault.digest}
        files = _write_whole(replace(cohort, rows=order), out, about)
        counts = {
            "rows": order.height,
            "subjects": order["subject_id"].n_unique(),
            "events": cohort.events,
            "files": files,
            "flow": [vars(step) for step in cohort.flow],
        }
        subjects = order["subject_id"].unique().to_list()
        vault.register_export("labels", digest_of(counts), subjects, where=str(out))
    return counts


def _write_whole(cohort: Cohort, out: Path, about: dict[str, str]) -> list[str]:
    """Write labels beside their place, and put them there when all are written."""
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out if out.is_dir() else out.parent
    with tempfile.TemporaryDirectory(prefix=".osler-new-", dir=beside) as name:
        files = write_labels(cohort, Path(name), about)
        out.mkdir(exist_ok=True)
        for part in list(Path(name).iterdir()):
            part.rename(out / part.name)
    return files


def _check_empty(out: Path) -> None:
    check_place(out)
    if out.is_dir() and any(out.iterdir()):
        raise InputError(
            Fault(
                str(out), "a folder with files in it", "a new or empty folder", "name another one"
            )
        )
