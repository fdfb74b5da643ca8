"""Synthetic events of any number, the same for the same seed; nobody's data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

CODES = 2_000
SUBJECTS_PER_FILE = 2_500
MICROSECONDS_PER_DAY = 86_400_000_000
FIRST_DAY = 14_610  # 2010-01-01
DAYS = 3_653
CODE_SKEW = 1.2


def subject_ids(subjects: int) -> np.ndarray:
    """Return ascending ids with gaps, as real ones have."""
    return np.arange(subjects, dtype=np.int64) * 7 + 10_000_001


def events(rows: int, subjects: int, seed: int = 0) -> Iterator[pl.DataFrame]:
    """Yield `rows` events of `subjects` subjects, sorted, a few thousand subjects at a time.

    Codes are drawn by Zipf's law, so that some are common and most are rare; a value has one
    decimal, a tenth of the rows has none, and the times of a subject lie within ten years.
    """
    names = pl.Series("code", [f"LAB//{number:05d}//mg/dL" for number in range(CODES)])
    weights = 1.0 / np.arange(1, CODES + 1) ** CODE_SKEW
    weights /= weights.sum()
    ids = subject_ids(subjects)
    done = 0
    for number, start in enumerate(range(0, subjects, SUBJECTS_PER_FILE)):
        own = ids[start : start + SUBJECTS_PER_FILE]
        until = rows * (start + own.size) // subjects
        yield _events_of(own, until - done, np.random.default_rng([seed, number]), names, weights)
        done = until


def _events_of(
    own: np.ndarray, rows: int, rng: np.random.Generator, names: pl.Series, weights: np.ndarray
) -> pl.DataFrame:
    day = rng.integers(FIRST_DAY, FIRST_DAY + DAYS, rows)
    value = np.round(rng.normal(100, 25, rows), 1).astype(np.float32)
    frame = pl.DataFrame(
        {
            "subject_id": own[rng.integers(0, own.size, rows)],
            "time": day * MICROSECONDS_PER_DAY + rng.integers(0, 86_400, rows) * 1_000_000,
            "code": names.gather(rng.choice(CODES, rows, p=weights)),
            "numeric_value": pl.Series(value).set(pl.Series(rng.random(rows) < 0.1), None),
            "text_value": pl.Series([None], dtype=pl.String).new_from_index(0, rows),
        }
    ).with_columns(pl.col("time").cast(pl.Datetime("us")))
    return frame.sort("subject_id", "time", maintain_order=True)


def write_meds(folder: Path, rows: int, subjects: int, seed: int = 0) -> Path:
    """Write a MEDS dataset: `data/train/N.parquet` and `metadata/codes.parquet`; return it."""
    data, metadata = folder / "data" / "train", folder / "metadata"
    data.mkdir(parents=True, exist_ok=True)
    metadata.mkdir(exist_ok=True)
    for number, frame in enumerate(events(rows, subjects, seed)):
        frame.write_parquet(data / f"{number:03d}.parquet", compression="zstd")
    codes = [f"LAB//{number:05d}//mg/dL" for number in range(CODES)]
    described = pl.DataFrame(
        {"code": codes, "description": [f"Test {number}" for number in range(CODES)]}
    ).with_columns(parent_codes=pl.lit(None, dtype=pl.List(pl.String)))
    described.write_parquet(metadata / "codes.parquet")
    return folder
