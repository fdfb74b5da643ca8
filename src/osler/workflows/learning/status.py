"""Which model is current, and whether it still holds: wagers on what became of its predictions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from osler.evaluate.monitoring import Monitor
from osler.vault import Vault
from osler.workflows.learning.decisions import decided
from osler.workflows.opening import Opening
from osler.workflows.study.gather import groups_of, rows_of
from osler.workflows.study.saved import SavedRun

PROMOTED, ROLLED_BACK = "learn promote", "learn rollback"
TOO_FEW = 30
FEWEST_OF_A_GROUP = 30


def learning_status(opening: Opening, run: Path | None = None) -> dict[str, Any]:
    """Tell which run is current and, for a run, how its predictions have fared since.

    Parameters
    ----------
    run
        The run whose recorded decisions are watched; None tells only which is current.

    Returns
    -------
    dict
        `current` (digest of a run, None if none was promoted), `history`, and for a run
        `watched`: `decisions`, `known` (outcomes known by now), `acted`, `alarms`, `wagers`.
    """
    vault = opening.open()
    history = promotions(vault)
    told: dict[str, Any] = {
        "current": history[-1]["run"] if history else None,
        "history": history,
    }
    if run is None:
        return told
    saved = SavedRun.load(run)
    with vault.act("learn status", {"run": saved.digest}):
        shards = [_of_shard(vault, shard, saved) for shard in vault.shard_ids()]
    labels = pl.concat(shards).sort("known_at", "subject_id")
    return {**told, "run": saved.digest, "watched": watched(labels, saved)}


def promotions(vault: Vault) -> list[dict[str, Any]]:
    """Return every promotion and rollback that the vault's ledger holds, the oldest first."""
    return [
        {
            "act": one["action"], "run": one["what"].get("run"), "at": one["time"],
            "by": one["user"], "proposal": one["what"].get("proposal"),
        }
        for one in vault.audit()
        if one["action"] in (PROMOTED, ROLLED_BACK)
    ]  # fmt: skip


def watched(labels: pl.DataFrame, saved: SavedRun) -> dict[str, Any]:
    """Return how the wagers against a model stand.

    Parameters
    ----------
    labels
        `prediction`, `acted`, `group`, `y` (null while not known), in order of knowing.
    """
    known = labels.filter(pl.col("y").is_not_null())
    usable = known.filter(~pl.col("acted"))
    counts = usable["group"].value_counts().filter(pl.col("count") >= FEWEST_OF_A_GROUP)
    groups = tuple(sorted(str(one) for one in counts["group"] if one))
    monitor = Monitor(_accepted(saved.results), groups if len(groups) > 1 else ())
    monitor = monitor.watch(
        known["y"].to_numpy(),
        known["prediction"].to_numpy(),
        groups=known["group"].fill_null("").to_list(),
        acted=known["acted"].to_numpy(),
    )
    return {
        "decisions": labels.height,
        "known": known.height,
        "acted": int(labels["acted"].sum()),
        "enough": usable.height >= TOO_FEW,
        "level": monitor.level,
        "alarms": [{"test": one.name, "at_label": one.alarm_at} for one in monitor.alarms],
        "wagers": [
            {"test": one.name, "labels": one.seen, "evidence": one.evidence, "most": one.most,
             "alarm_at_evidence": 1 / one.level}
            for one in monitor.wagers
        ],
    }  # fmt: skip


def status_lines(told: Mapping[str, Any]) -> list[str]:
    """Return the status in a few sentences."""
    current = told["current"]
    lines = [f"current model: {current[:16]}" if current else "no model was promoted yet"]
    watch = told.get("watched")
    if watch is None:
        return lines
    lines.append(
        f"{watch['decisions']:,} decisions, {watch['known']:,} with a known outcome; care was "
        f"changed in {watch['acted']:,}, which do not count"
    )
    if not watch["enough"]:
        return [*lines, f"fewer than {TOO_FEW} outcomes to watch: nothing can be said yet"]
    if not watch["alarms"]:
        return [*lines, "no alarm: nothing shows that the model has stopped holding"]
    named = "; ".join(f"{one['test']} at label {one['at_label']:,}" for one in watch["alarms"])
    return [*lines, f"alarm: {named}"]


def _of_shard(vault: Vault, shard: int, saved: SavedRun) -> pl.DataFrame:
    """Return the decisions of a shard's subjects, each with what became of its row."""
    events = vault.shard_events(shard)
    decisions = decided(events, saved.digest)
    cohort = rows_of(events, saved.study).rows.sort("prediction_time")
    variable = next((one[0] for one in saved.study.evaluation.groups if len(one) == 1), "")
    levels = groups_of(events, cohort, saved.study)
    named = levels[variable] if variable in levels.columns else pl.Series([""] * cohort.height)
    rows = cohort.with_columns(*_outcome(saved), named.alias("group"))
    joined = decisions.join_asof(
        rows.select("subject_id", "prediction_time", "group", "y", "known_after_days"),
        left_on="time",
        right_on="prediction_time",
        by="subject_id",
        check_sortedness=False,
    ).filter(pl.col("prediction_time").is_not_null())
    days = pl.duration(microseconds=pl.col("known_after_days") * 86_400_000_000)
    return (
        joined.with_columns(known_at=pl.col("prediction_time") + days)
        .unique(["subject_id", "prediction_time"], keep="last", maintain_order=True)
        .select("subject_id", "time", "prediction", "acted", "group", "y", "known_at")
    )


def _outcome(saved: SavedRun) -> list[pl.Expr]:
    """Return the outcome by the middle horizon, 1 or 0, null while not known, and when it was."""
    if not saved.study.time_to_event:
        return [
            pl.col("boolean_value").cast(pl.Float64).alias("y"),
            pl.lit(0.0).alias("known_after_days"),
        ]
    horizons = saved.results["outcome"]["horizons"]
    days = float(horizons[len(horizons) // 2]["days"])
    early = pl.col("duration_days") <= days
    had, other = early & (pl.col("cause") == 1), early & (pl.col("cause") > 1)
    label = pl.when(had).then(1.0).when(other | ~early).then(0.0)
    return [
        label.alias("y"),
        pl.min_horizontal("duration_days", pl.lit(days)).alias("known_after_days"),
    ]


def _accepted(results: Mapping[str, Any]) -> float | None:
    """Return the low end of the AUROC with which the model was accepted, if it tells one."""
    metrics = results["metrics"][results["selected"]]
    horizons = results["outcome"]["horizons"]
    middle = horizons[len(horizons) // 2]
    names = ("auroc", f"auc_{int(middle['days'])}d")
    found = next((metrics[name] for name in names if name in metrics), None)
    low = None if found is None else found.get("low")
    return float(low) if low is not None and 0.5 < low < 1 else None
