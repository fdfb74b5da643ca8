"""A batch of collected rows made into events; duplicates and unreadable times counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from osler.model import EVENT_SCHEMA, as_events, empty_events
from osler.model.events import END_OF_DAY
from osler.sources.base import LoadReport, SubjectIds
from osler.sources.fhir.codes import Resource
from osler.sources.fhir.rows import BORN, ENDED, STATIC, Rows
from osler.sources.timestamps import read_times

DUPLICATE = "duplicate resource"
OTHER_VERSION = "another version of a resource already read"
OTHER_BIRTH = "a patient already read, with another date of birth"
TIME_NOT_KEPT = "impossible or unreadable birth, death or end not kept"
END_BEFORE_START = "ends before it starts: end not kept"
NO_TIME_LEFT = "no usable date"

Hashes = NDArray[np.int64]


def _none() -> Hashes:
    return np.empty(0, dtype=np.int64)


@dataclass
class Resources:
    """The resources of a batch and, as 64-bit hashes, those of all batches before.

    Two different ones share a hash with a probability of about n² / 2^65.

    Parameters
    ----------
    kinds, reasons
        Type of each resource, and why it is refused; None when it is not.
    keys, versions
        Hash of type and id, and of the version beside; 0 without an id.
    seen
        How many resources were met in all batches.
    """

    kinds: list[str] = field(default_factory=list)
    reasons: list[str | None] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    known_keys: Hashes = field(default_factory=_none)
    known_versions: Hashes = field(default_factory=_none)
    seen: int = 0

    def __len__(self) -> int:
        return len(self.kinds)

    def add(self, resource: Resource, kind: str, reason: str | None) -> None:
        """Count a resource."""
        name, meta = resource.get("id"), resource.get("meta")
        key = version = 0
        if isinstance(name, str) and name:
            key = hash((kind, name))
            version = hash((key, _version(meta), _text(resource.get("birthDate"))))
        self._append(kind, reason, key, version)

    def refuse(self, reason: str) -> None:
        """Count a resource whose content is not looked at."""
        self._append("", reason, 0, 0)

    def _append(self, kind: str, reason: str | None, key: int, version: int) -> None:
        self.kinds.append(kind)
        self.reasons.append(reason)
        self.keys.append(key)
        self.versions.append(version)
        self.seen += 1

    def mark_duplicates(self) -> None:
        """Refuse what came before, in this batch or an earlier one: the first is kept."""
        keys, versions = (np.array(hashes, dtype=np.int64) for hashes in (self.keys, self.versions))
        again = (_repeated(keys) | _within(keys, self.known_keys)) & (keys != 0)
        same = _repeated(versions) | _within(versions, self.known_versions)
        for place in np.flatnonzero(again):
            other = OTHER_BIRTH if self.kinds[place] == "Patient" else OTHER_VERSION
            self.reasons[place] = DUPLICATE if same[place] else other
        self.known_keys = np.union1d(self.known_keys, keys[keys != 0])
        self.known_versions = np.union1d(self.known_versions, versions[keys != 0])

    def next(self) -> Resources:
        """Return the start of the next batch."""
        return Resources(
            known_keys=self.known_keys, known_versions=self.known_versions, seen=self.seen
        )


def _version(meta: object) -> tuple[str, str]:
    if not isinstance(meta, dict):
        return "", ""
    return _text(meta.get("versionId")), _text(meta.get("lastUpdated"))


def _text(value: object) -> str:
    """Return a text as it is; anything else, which may be nested without end, as none."""
    return value if isinstance(value, str) else ""


def _repeated(hashes: Hashes) -> NDArray[np.bool_]:
    """Tell which are there before in the same array."""
    first = np.zeros(len(hashes), dtype=bool)
    first[np.unique(hashes, return_index=True)[1]] = True
    return ~first


def _within(hashes: Hashes, known: Hashes) -> NDArray[np.bool_]:
    """Tell which are in a sorted array."""
    if not len(known):
        return np.zeros(len(hashes), dtype=bool)
    place = np.searchsorted(known, hashes).clip(max=len(known) - 1)
    found: NDArray[np.bool_] = known[place] == hashes
    return found


def events_of(
    rows: Rows, resources: Resources, subjects: SubjectIds, report: LoadReport
) -> pl.DataFrame:
    """Make events of a batch, and count each of its resources as loaded or refused."""
    resources.mark_duplicates()
    frame = _timed(rows)
    reasons = pl.DataFrame(
        {
            "resource": np.arange(len(resources), dtype=np.int64),
            "kind_name": resources.kinds,
            "reason": pl.Series(resources.reasons, dtype=pl.String),
        }
    )
    bad = frame.filter(pl.col("vital") & pl.col("fault").is_not_null())
    reasons = reasons.join(
        bad.group_by("resource").agg(pl.col("fault").first()), on="resource", how="left"
    ).with_columns(reason=pl.coalesce("reason", "fault"))
    kept = frame.join(reasons.filter(pl.col("reason").is_null()), on="resource", how="semi")
    report.note(TIME_NOT_KEPT, kept.filter(pl.col("fault").is_not_null()).height)
    kept = _ends_after_starts(kept.filter(pl.col("fault").is_null()), report)
    _count(reasons, kept, report)
    return _with_subjects(kept, subjects)


def _timed(rows: Rows) -> pl.DataFrame:
    """Return the rows as a frame, with times read and what is wrong with them."""
    frame = pl.DataFrame(
        {
            "subject": pl.Series(rows.subjects, dtype=pl.String),
            "written": pl.Series(rows.times, dtype=pl.String),
            "code": pl.Series(rows.codes, dtype=pl.String),
            "numeric_value": pl.Series(rows.numbers, dtype=pl.Float64),
            "text_value": pl.Series(rows.texts, dtype=pl.String),
            "resource": pl.Series(rows.resources, dtype=pl.Int64),
            "kind": pl.Series(rows.kinds, dtype=pl.Int8),
            "vital": pl.Series(rows.vital, dtype=pl.Boolean),
        }
    )
    born = frame["kind"] == BORN
    usual = read_times(frame["written"])
    births = read_times(frame["written"].filter(born), birth=True)
    times, faults = usual.values, usual.faults
    if len(births.values):
        times = times.scatter(born.arg_true(), births.values)
        faults = faults.scatter(born.arg_true(), births.faults)
    static = frame["kind"] == STATIC
    return frame.with_columns(
        time=times, fault=pl.select(pl.when(~pl.lit(static)).then(pl.lit(faults))).to_series()
    )


def _ends_after_starts(frame: pl.DataFrame, report: LoadReport) -> pl.DataFrame:
    """Leave out ends before their start. A start known by its day alone moves the end there."""
    ended = pl.col("kind") == ENDED
    if not frame.select(ended.any()).item():
        return frame
    begun = pl.col("time").filter(~ended).min().over("resource")
    same_day = (begun.dt.date() == pl.col("time").dt.date()) & (begun.dt.time() == END_OF_DAY)
    moved = frame.with_columns(
        time=pl.when(ended & same_day).then(pl.max_horizontal("time", begun)).otherwise("time")
    )
    early = moved.select(ended & (pl.col("time") < begun).fill_null(False)).to_series()
    report.note(END_BEFORE_START, int(early.sum()))
    return moved.filter(~early)


def _count(reasons: pl.DataFrame, kept: pl.DataFrame, report: LoadReport) -> None:
    empty = ~pl.col("resource").is_in(kept["resource"].unique().implode())
    # A medication is loaded by giving its code to those that refer to it.
    left = pl.when(empty & (pl.col("kind_name") != "Medication")).then(pl.lit(NO_TIME_LEFT))
    kind = pl.when(pl.col("kind_name") != "").then(pl.col("kind_name") + ": ").otherwise(pl.lit(""))
    told = reasons.select((kind + pl.coalesce("reason", left)).alias("reason")).to_series()
    counted = Counter(dict(told.drop_nulls().value_counts().iter_rows()))
    for reason, count in counted.items():
        report.refuse(reason, count)
    report.loaded += told.null_count()


def _with_subjects(kept: pl.DataFrame, subjects: SubjectIds) -> pl.DataFrame:
    if not kept.height:
        return empty_events()
    names = kept.select(pl.col("subject").unique(maintain_order=True))
    ids = names.with_columns(subject_id=subjects.of(names["subject"]).cast(pl.Int64))
    found = kept.join(ids, on="subject", how="left", maintain_order="left")
    return as_events(found.select(list(EVENT_SCHEMA)))
