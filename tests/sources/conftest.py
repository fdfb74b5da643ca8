"""Reading a source without a vault: a stand-in for its map of subject names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from hypothesis import settings

from osler.model import empty_events
from osler.sources.base import Batch, LoadReport, Request, Source

# How long one example takes says more of the machine than of the code.
settings.register_profile("sources", deadline=None, max_examples=50)
settings.load_profile("sources")


class SampleIds:
    """Integers in text are themselves; other names count down from -1,000,001."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}

    def of(self, names: pl.Series) -> pl.Series:
        """Return one id per name."""
        return pl.Series(names.name, [self._one(name) for name in names], dtype=pl.Int64)

    def _one(self, name: str | None) -> int | None:
        if name is None:
            return None
        if name.lstrip("-").isdigit():
            return int(name)
        return self.names.setdefault(name, -1_000_001 - len(self.names))


class Loaded:
    """All that a source gave."""

    def __init__(self, batches: Iterator[Batch], report: LoadReport, ids: SampleIds) -> None:
        self.batches = list(batches)
        self.report = report
        self.ids = ids
        self.events = pl.concat([empty_events(), *(batch.events for batch in self.batches)])

    @property
    def codes(self) -> list[str]:
        """The codes in their order."""
        return self.events["code"].to_list()


def _load(
    source: Source,
    path: Path,
    *,
    mapping: Path | None = None,
    samples: Path | None = None,
    batch_rows: int = 1_000_000,
) -> Loaded:
    """Read a source to its end, without a vault."""
    report, ids = LoadReport(), SampleIds()
    request = Request(path, ids, report, mapping, samples, batch_rows)
    return Loaded(source.read(request), report, ids)


@pytest.fixture
def load() -> Callable[..., Loaded]:
    """Return the function that reads a source to its end."""
    return _load
