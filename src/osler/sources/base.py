"""What every source reader is given and gives back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Protocol

if TYPE_CHECKING:
    import polars as pl


@dataclass
class LoadReport:
    """Counts of source records (rows, resources): every one is either loaded or refused.

    A record that becomes several events counts once. `notes` counts what is worth telling but
    refused nothing, such as exact duplicates that were kept.
    """

    loaded: int = 0
    why: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    already_loaded: bool = False

    @property
    def refused(self) -> int:
        """Records that were not loaded."""
        return sum(self.why.values())

    @property
    def read(self) -> int:
        """Records seen: loaded plus refused."""
        return self.loaded + self.refused

    def refuse(self, reason: str, records: int = 1) -> None:
        """Count records not loaded. The reason holds no patient value."""
        if records:
            self.why[reason] += records

    def note(self, what: str, records: int = 1) -> None:
        """Count something worth telling that refused nothing."""
        if records:
            self.notes[what] += records

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of `osler load --json`."""
        return {
            "read": self.read,
            "loaded": self.loaded,
            "refused": self.refused,
            "why": dict(self.why.most_common()),
            "notes": dict(self.notes.most_common()),
            "already_loaded": self.already_loaded,
        }


class SubjectIds(Protocol):
    """Gives subjects that are not integers a stable integer id; the map lives in the vault."""

    def of(self, names: pl.Series) -> pl.Series:
        """Return int64 ids, one per name (null stays null).

        A name that is an integer in text, within int64, is its own id; any other name gets the id
        it has had in this vault before, else a new one that no integer name can have.
        """
        ...


@dataclass(frozen=True)
class Attachment:
    """A file that belongs to a subject and is kept beside the events.

    Parameters
    ----------
    name
        One line, unlike that of any other of the subject's attachments.
    open
        Gives its content from the beginning.
    """

    subject_id: int
    name: str
    open: Callable[[], BinaryIO]


@dataclass(frozen=True)
class Batch:
    """A part of a source as events, small enough to hold in memory.

    Parameters
    ----------
    events
        Rows of `osler.model.EVENT_SCHEMA`, in any order.
    codes
        Rows of `osler.model.CODE_COLUMNS` for codes that the source describes; may repeat.
    attachments
        Files that belong to subjects.
    """

    events: pl.DataFrame
    codes: pl.DataFrame | None = None
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class Request:
    """What to read and how.

    Parameters
    ----------
    path
        File or folder, existing.
    subjects
        Where subjects that are not integers get their ids.
    report
        The reader counts into it as it goes.
    mapping
        Mapping file of the `table` source; None for the rest.
    samples
        Sample map of `genome` and `images`: sample, subject_id, time reported.
    batch_rows
        About how many rows a batch may hold.
    """

    path: Path
    subjects: SubjectIds
    report: LoadReport
    mapping: Path | None = None
    samples: Path | None = None
    batch_rows: int = 1_000_000


class Source(Protocol):
    """A reader of one format. Third parties register theirs in the group `osler.sources`."""

    name: ClassVar[str]
    describes: ClassVar[str]

    def files(self, path: Path) -> list[Path]:
        """Return the files that make up the source, for its digest.

        Raises
        ------
        InputError
            If nothing at `path` is of this format; says what was expected.
        """
        ...

    def read(self, request: Request) -> Iterator[Batch]:
        """Yield the events batch by batch; nothing is dropped without being counted."""
        ...
