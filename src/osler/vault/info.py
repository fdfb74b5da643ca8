"""What a vault holds, in numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from osler.vault import ledger, manifest
from osler.vault.store import Store


@dataclass(frozen=True)
class VaultInfo:
    """Counts of what a vault holds.

    Parameters
    ----------
    subjects
        With events or attachments.
    bytes
        On disk, of the present generation.
    generation
        Grows by one with every change.
    events
        That were loaded; what was derived from them is not counted.
    """

    subjects: int
    events: int
    attachments: int
    shards: int
    bytes: int
    format_version: int
    generation: int

    def to_json(self) -> dict[str, int]:
        """Return plain JSON values."""
        return asdict(self)


def info_of(store: Store) -> VaultInfo:
    """Count what is in the pinned generation."""
    current = store.manifest
    outer = [store.path / manifest.NAME, store.path / ledger.NAME]
    return VaultInfo(
        subjects=current.subjects,
        events=sum(file.rows for file in current.loaded_segments()),
        attachments=len(current.of_kind("attachment")),
        shards=current.shards,
        bytes=sum(file.size for file in (*current.files, current.keys))
        + sum(one.stat().st_size for one in outer),
        format_version=store.state.header.format_version,
        generation=current.generation,
    )
