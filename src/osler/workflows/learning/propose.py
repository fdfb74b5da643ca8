"""A candidate beside the model in use, on people who came later than either had seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

import osler
from osler import evaluate
from osler.errors import Fault, InputError, NotEstimable
from osler.model import FORMAT_VERSION, digest_of
from osler.vault import Act, Vault
from osler.workflows.learning.protocol import METRICS, Protocol
from osler.workflows.one_file import check_files, write_whole
from osler.workflows.opening import Opening
from osler.workflows.study.fitting import Outcomes, predict
from osler.workflows.study.gather import Material, gather
from osler.workflows.study.horizons import Horizon
from osler.workflows.study.run import grid_of, outcomes_of
from osler.workflows.study.saved import SavedRun, plain

PROPOSED = "learn propose"
EVERYONE = "everyone"
BOOTSTRAP = 500
SHOWN, WORSE, TOO_FEW = "no worse", "not shown to be no worse", "too few to judge"

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Later:
    """Rows that neither model has seen, as both of them predict them."""

    outcomes: Outcomes
    subjects: NDArray[np.int64]
    groups: pl.DataFrame
    candidate: Floats
    incumbent: Floats
    times: Floats


def propose_update(
    opening: Opening,
    candidate: Path,
    incumbent: Path,
    protocol: Path,
    out: Path | None = None,
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Judge a candidate against the model in use by the protocol, and write the proposal.

    Both predict rows whose prediction is later than any that either learned from, of subjects
    that neither has seen. A candidate passes if, for every metric, the whole interval of the
    difference lies above minus the margin: over everyone and in each group.

    Parameters
    ----------
    candidate, incumbent
        Folders that `run_study` wrote; their studies ask the same question.
    out
        File to write; None writes none.

    Returns
    -------
    dict
        The proposal: `passed`, `judged`, the digests it rests on, and its own.

    Raises
    ------
    InputError
        If the runs ask different questions, or something changed that may not.
    NotEstimable
        If there are too few later rows.
    """
    if out is not None:
        check_files([out])
    agreed = Protocol.read(protocol)
    runs = SavedRun.load(candidate), SavedRun.load(incumbent)
    _check_question(*runs)
    _check_changes(*runs, agreed)
    vault = opening.open()
    with vault.act(PROPOSED, {"run": runs[0].digest, "against": runs[1].digest}) as act:
        later = _later(vault, act, opening, *runs)
    _check_enough(later, agreed)
    judged = _judged(later, agreed, seed)
    proposal: dict[str, Any] = plain(
        {
            "format_version": FORMAT_VERSION,
            "run": runs[0].digest,
            "against": runs[1].digest,
            "protocol": {"digest": agreed.digest, "title": agreed.title,
                         "signers": list(agreed.signers)},
            "vault": {"id": vault.vault_id, "manifest": vault.digest},
            "seed": seed,
            "software": f"osler {osler.__version__}",
            "later": {
                "rows": len(later.subjects),
                "subjects": len(np.unique(later.subjects)),
                "events": int((later.outcomes.cause == 1).sum()),
            },
            "judged": judged,
            "passed": all(one["verdict"] == SHOWN or one["told_only"] for one in judged),
        }
    )  # fmt: skip
    proposal["digest"] = digest_of(proposal)
    vault.record(PROPOSED, {"proposal": proposal["digest"], "passed": str(proposal["passed"])})
    if out is not None:
        text = json.dumps(proposal, indent=1, ensure_ascii=False)
        write_whole(out, lambda stream: stream.write(text))
    return proposal


def _check_question(candidate: SavedRun, incumbent: SavedRun) -> None:
    mine, theirs = candidate.results["outcome"], incumbent.results["outcome"]
    same = all(mine[key] == theirs[key] for key in ("type", "causes", "horizons"))
    if not same or candidate.study.task != incumbent.study.task:
        raise InputError(
            Fault(
                "--against",
                "a run of another question",
                "the same task and outcome in both",
                "an update is of one model; another question is another model",
            )
        )


def _check_changes(candidate: SavedRun, incumbent: SavedRun, agreed: Protocol) -> None:
    """Refuse a candidate in which something changed that the protocol does not allow."""
    mine, theirs = candidate.results["provenance"], incumbent.results["provenance"]
    changed = {
        "data": mine["inputs"].get("vault manifest") != theirs["inputs"].get("vault manifest"),
        "features": candidate.study.features != incumbent.study.features,
        "settings": candidate.study.model != incumbent.study.model
        or candidate.study.split != incumbent.study.split,
        "recalibration": bool(candidate.results.get("recalibration"))
        != bool(incumbent.results.get("recalibration")),
        "software": mine["software"] != theirs["software"],
    }
    faults = [
        Fault(f"protocol: may_change {what}", "changed between the runs", "what may change")
        for what, differs in changed.items()
        if differs and what not in agreed.may_change
    ]
    if faults:
        raise InputError(faults)


def _later(
    vault: Vault, act: Act, opening: Opening, candidate: SavedRun, incumbent: SavedRun
) -> _Later:
    """Return the rows after all that either model learned from, predicted by both."""
    found = [gather(vault, act, run.study, opening) for run in (candidate, incumbent)]
    keys = ["subject_id", "prediction_time"]
    rows = found[0].cohort.rows.select(keys)
    if not rows.equals(found[1].cohort.rows.select(keys)):
        raise InputError(Fault("--against", "other rows for the same task", "the same rows"))
    learned = pl.concat(
        [run.predictions.filter(pl.col("fold") >= 0).select(keys) for run in (candidate, incumbent)]
    )
    known = rows["subject_id"].is_in(learned["subject_id"].unique().implode())
    after = rows["prediction_time"] > learned["prediction_time"].max()
    kept = np.flatnonzero((after & ~known).to_numpy())
    if not kept.size:
        raise NotEstimable(
            "nobody came after those whom the models learned from: load later records, or keep "
            "some back when learning (`split: temporal_holdout`)"
        )
    outcomes = outcomes_of(found[0].cohort, candidate.study).take(kept)
    horizons = [Horizon(**one) for one in candidate.results["outcome"]["horizons"]]
    times = grid_of(outcomes, np.asarray([one.days for one in horizons]))
    return _Later(
        outcomes,
        rows["subject_id"].to_numpy()[kept],
        found[0].groups[kept],
        _predicted(candidate, found[0], kept, times, len(outcomes.causes)),
        _predicted(incumbent, found[1], kept, times, len(outcomes.causes)),
        times,
    )


def _predicted(
    run: SavedRun, material: Material, rows: NDArray[np.int64], times: Floats, causes: int
) -> Floats:
    model = run.final()
    return predict(model, model.of(material.matrix.take(rows)), times, causes)


def _check_enough(later: _Later, agreed: Protocol) -> None:
    subjects, events = len(np.unique(later.subjects)), int((later.outcomes.cause == 1).sum())
    if subjects < agreed.fewest_subjects or events < agreed.fewest_events:
        raise NotEstimable(
            f"{subjects} later subjects with {events} events; the protocol asks for "
            f"{agreed.fewest_subjects} and {agreed.fewest_events}: wait for more"
        )


def _judged(later: _Later, agreed: Protocol, seed: int) -> list[dict[str, Any]]:
    """Return one line per metric, over everyone and in each level of each group variable."""
    everyone = np.ones(len(later.subjects), dtype=np.bool_)
    parts: list[tuple[str, Bools]] = [(EVERYONE, everyone)]
    for name in agreed.groups:
        if name not in later.groups.columns:
            raise InputError(
                Fault(
                    f"protocol: groups {name}",
                    "no group variable of the study",
                    "one under `evaluate: groups`",
                )
            )
        levels = later.groups[name]
        parts += [
            (f"{name}: {level}", (levels == level).to_numpy()) for level in sorted(levels.unique())
        ]
    return [
        _line(later, agreed, metric, name, rows, seed)
        for metric in agreed.metrics
        for name, rows in parts
    ]


def _line(
    later: _Later, agreed: Protocol, metric: str, name: str, rows: Bools, seed: int
) -> dict[str, Any]:
    margin, n = agreed.metrics[metric], len(np.unique(later.subjects[rows]))
    line: dict[str, Any] = {
        "metric": metric, "group": name, "subjects": n, "margin": margin, "told_only": False,
        "difference": None,
    }  # fmt: skip
    small = {**line, "verdict": TOO_FEW, "told_only": agreed.small_groups == "tell"}
    if name != EVERYONE and n < agreed.fewest_of_a_group:
        return small
    try:
        difference = _difference(later, metric, rows, seed)
    except NotEstimable as error:
        return {**small, "why": str(error)}
    better = METRICS[metric]
    worst = difference["low"] if better else -difference["high"]
    shown = worst is not None and worst > -margin
    return {**line, "difference": difference, "verdict": SHOWN if shown else WORSE}


def _difference(later: _Later, metric: str, rows: Bools, seed: int) -> Mapping[str, Any]:
    index = np.flatnonzero(rows)
    outcomes = later.outcomes.take(index)
    subjects = later.subjects[index]
    common: dict[str, Any] = {
        "bootstrap": BOOTSTRAP, "seed": seed,
        "subjects": subjects if len(np.unique(subjects)) < len(subjects) else None,
    }  # fmt: skip
    first, second = later.candidate[index, 0], later.incumbent[index, 0]
    if outcomes.entry_days is None:
        found = evaluate.compare(metric, outcomes.y, first[:, 0], second[:, 0], **common)
    elif len(outcomes.causes) > 1:
        found = evaluate.compare(
            metric, outcomes.y, first, second, times=later.times, cause=1, **common
        )
    else:
        found = evaluate.compare(
            metric, outcomes.y, 1 - first, 1 - second, times=later.times, **common
        )
    return found.to_json()


def proposal_lines(told: Mapping[str, Any]) -> list[str]:
    """Return a proposal in a few lines."""
    later = told["later"]
    head = "passed" if told["passed"] else "not passed"
    lines = [f"{head}; judged on {later['subjects']:,} later subjects, {later['events']:,} events"]
    for one in told["judged"]:
        found = one["difference"]
        number = (
            ""
            if found is None
            else (f" {found['value']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f}),")
        )
        lines.append(
            f"  {one['metric']}, {one['group']} (n {one['subjects']:,}):{number} margin "
            f"{one['margin']:g}: {one['verdict']}"
        )
    return lines


def replay(
    opening: Opening, proposal: Path, candidate: Path, incumbent: Path, protocol: Path
) -> bool:
    """Tell whether judging again gives the proposal bit for bit.

    Parameters
    ----------
    proposal
        The file that `propose_update` wrote.
    candidate, incumbent, protocol
        As they were then.

    Raises
    ------
    InputError
        If the vault has changed since, so that it cannot be told.
    """
    from osler.workflows.learning.promote import read_proposal

    before = read_proposal(proposal)
    vault = opening.open()
    if vault.digest != before["vault"]["manifest"]:
        raise InputError(
            Fault(str(proposal), "a proposal of an earlier state of the vault", "the same state")
        )
    again = propose_update(opening, candidate, incumbent, protocol, seed=int(before["seed"]))
    return bool(again["digest"] == before["digest"])
