"""Writing a vault as a MEDS dataset, in clear."""

from __future__ import annotations

from pathlib import Path

from osler.errors import Fault, InputError
from osler.model import digest_of
from osler.progress import track
from osler.sources.meds import write_dataset
from osler.workflows.opening import Opening
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
    check_place(out)
    if out.is_dir() and any(out.iterdir()):
        raise InputError(
            Fault(
                str(out), "a folder with files in it", "a new or empty folder", "name another one"
            )
        )
    vault = opening.open()
    with vault.act("export meds"):
        shards = track(vault.shard_ids(), "Exporting, shards")
        written = write_dataset(
            out, (vault.shard_events(shard) for shard in shards), codes=vault.codes()
        )
        counts = {"subjects": written.subjects, "events": written.events}
        vault.register_export("MEDS dataset", digest_of(counts), None, where=str(out))
    return counts
