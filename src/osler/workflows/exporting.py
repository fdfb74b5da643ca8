"""Writing a vault as a MEDS dataset, in clear."""

from __future__ import annotations

from pathlib import Path

from osler.model import digest_of
from osler.progress import track
from osler.sources.meds import write_dataset
from osler.workflows.opening import Opening


def export_meds(opening: Opening, out: Path) -> dict[str, int]:
    """Write every event as MEDS 0.4 into a new folder and register the export.

    Returns
    -------
    dict
        Numbers of subjects and events.
    """
    vault = opening.open()
    with vault.act("export meds"):
        shards = track(vault.shard_ids(), "Exporting, shards")
        written = write_dataset(
            out, (vault.shard_events(shard) for shard in shards), codes=vault.codes()
        )
        counts = {"subjects": written.subjects, "events": written.events}
        vault.register_export("MEDS dataset", digest_of(counts), None, where=str(out))
    return counts
