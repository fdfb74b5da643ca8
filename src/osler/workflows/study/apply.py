"""External validation and recalibration as one act: a saved model judged on another vault."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

import osler
from osler import evaluate
from osler.cohort.flow import FlowStep
from osler.errors import Fault, InputError, NotEstimable
from osler.features.column import AGE_CODE
from osler.model import FORMAT_VERSION, Provenance, digest_of
from osler.report import study_html
from osler.vault import Vault
from osler.workflows.derived import inputs_of, warnings_of
from osler.workflows.opening import Opening
from osler.workflows.study.applied import Applied, Wanted
from osler.workflows.study.apply_results import results_of
from osler.workflows.study.card import write_card
from osler.workflows.study.domain import DOMAIN, cells_of, save_domain
from osler.workflows.study.fitting import Outcomes, predict, predict_interval
from osler.workflows.study.gather import Material, gather
from osler.workflows.study.horizons import Horizon
from osler.workflows.study.question import Study
from osler.workflows.study.results import outcome_codes
from osler.workflows.study.run import grid_of, outcomes_of, said_of_race
from osler.workflows.study.saved import (
    FINAL,
    MODEL,
    PREDICTIONS,
    REPORT,
    RESULTS,
    STUDY,
    FittedModel,
    SavedRun,
    plain,
)
from osler.workflows.writing import (
    DIGESTS,
    check_replaceable,
    folder_digests,
    whole_folder,
    write_json,
)

GRID = 60
TRAINED = "not among those the model learned from"

Bools = NDArray[np.bool_]


def apply_study(
    opening: Opening,
    run: Path,
    out: Path,
    *,
    recalibrate: str | None = None,
    share: float = 0.5,
    seed: int = 0,
    engine: str = "local",
) -> dict[str, Any]:
    """Judge a saved run's model on another vault, and recalibrate it to there if asked.

    The cohort and the features are extracted by the run's own study file. Nothing is learned here
    but the recalibration, and that on a part of the subjects that then judges nothing.

    Parameters
    ----------
    run
        Folder that `run_study` wrote; every file is checked against its digest.
    out
        Folder to write, laid out as a run: `results.json`, `report.html`, `card.json`, `model/`,
        `predictions.parquet`, `study.yaml`, `digests.json`.
    recalibrate
        `intercept`, `slope` or `full`; None leaves the model as it is.
    share
        Share of the subjects that the recalibration is fitted on.
    seed
        Draws that part.

    Returns
    -------
    dict
        What `results.json` says.

    Raises
    ------
    Damaged
        If a file of the run is not what was saved.
    InputError
        If the folder is no run, or the vault has nothing of the outcome or of the model's columns.
    NotEstimable
        If the cohort is empty, has too few events to judge or to recalibrate, or is altogether out
        of the model's domain; says what would do.
    """
    wanted = Wanted(recalibrate, share, seed, engine)
    saved = _loaded(run, out, wanted)
    vault = opening.open()
    study = saved.study
    derived = warnings_of(vault.derivations(), study.features.derived)
    study = replace(study, warnings=(*study.warnings, *derived, *said_of_race(study)))
    with vault.act("study apply", {"study": study.digest, "run": saved.digest}) as act:
        _check_outcome(vault, study)
        material = gather(vault, act, study, opening, engine=engine)
    material = _not_learned_from(saved, material, vault)
    applied = _applied(saved, material, wanted)
    results: dict[str, Any] = plain(
        {
            **results_of(applied, study),
            "provenance": vars(_provenance(saved, study, vault, seed)),
        }
    )
    with whole_folder(out, RESULTS) as folder:
        _save(folder, applied, results)
        subjects = material.cohort.rows["subject_id"].unique().to_list()
        vault.register_export("study apply", digest_of(results), subjects, where=str(out))
    return results


def _loaded(run: Path, out: Path, wanted: Wanted) -> SavedRun:
    """Read the run, and see that `out` may be written and is not the run itself."""
    saved = SavedRun.load(run)
    check_replaceable(out, RESULTS)
    if out.resolve() == run.resolve() or run.resolve() in out.resolve().parents:
        raise InputError(Fault(str(out), "the run itself", "another folder", "name another one"))
    if wanted.recalibrate and saved.final().recalibration is not None:
        raise InputError(
            Fault(
                str(run),
                "a run that was recalibrated already",
                "one that `osler study run` wrote",
                "apply the run that it came from, or leave out --recalibrate",
            )
        )
    return saved


def _check_outcome(vault: Vault, study: Study) -> None:
    """Refuse a vault that has no event of the outcome's code.

    Raises
    ------
    InputError
        If it has none.
    """
    known = set(vault.codes()["code"].to_list())
    main = outcome_codes(study)[:1]
    if main and main[0] not in known:
        raise InputError(
            Fault(
                "--vault",
                f"a vault without any event {main[0]}, the outcome of the study",
                "one that records the outcome",
                "map its own code of it to this one when loading",
            )
        )


def _not_learned_from(saved: SavedRun, material: Material, vault: Vault) -> Material:
    """Leave out those the model learned from, where the vault is the one it was learned on.

    Raises
    ------
    InputError
        If nobody else is there.
    """
    if saved.results["provenance"]["inputs"].get("vault") != vault.vault_id:
        return material
    trained = saved.predictions.filter(pl.col("fold") >= 0)["subject_id"].to_numpy()
    rows = material.cohort.rows
    kept = np.flatnonzero(~np.isin(rows["subject_id"].to_numpy(), trained))
    if rows.height and not kept.size:
        raise InputError(
            Fault(
                "--vault",
                "the vault that the model was learned on, with nobody new in it",
                "another vault, or one with people loaded since",
            )
        )
    left = rows[kept]
    step = FlowStep(TRAINED, left.height, left["subject_id"].n_unique())
    return replace(
        material,
        cohort=replace(material.cohort, rows=left, flow=(*material.cohort.flow, step)),
        matrix=material.matrix.take(kept),
        groups=material.groups[kept],
        latest_source=material.latest_source[kept],
        occurrences=material.occurrences[kept],
        adjusting=None if material.adjusting is None else material.adjusting.take(kept),
    )


def _applied(saved: SavedRun, material: Material, wanted: Wanted) -> Applied:
    """Predict, find who is out of the domain, and recalibrate on a part if asked."""
    outcomes = outcomes_of(material.cohort, saved.study)
    _check_labels(outcomes)
    model = saved.final()
    part = model.of(material.matrix)
    _check_columns(model, material)
    horizons = tuple(Horizon(**one) for one in saved.results["outcome"]["horizons"])
    days = np.asarray([one.days for one in horizons])
    times = grid_of(outcomes, days)
    if outcomes.entry_days is not None:
        times = np.union1d(times, np.linspace(0, days.max(), GRID + 1)[1:])
    incidence = predict(model, part, times, len(outcomes.causes))
    domain = saved.domain()
    placing = None if domain is None else domain.place(cells_of(part))
    inside = np.ones(len(outcomes.cause), dtype=np.bool_) if placing is None else placing.inside
    _check_inside(inside)
    applied = Applied(
        saved, model, material, outcomes, horizons, times, incidence, incidence, inside,
        np.zeros_like(inside), placing, wanted,
    )  # fmt: skip
    return applied if wanted.recalibrate is None else _recalibrated(applied, wanted.recalibrate)


def _recalibrated(applied: Applied, kind: str) -> Applied:
    """Fit the recalibration on a part of the subjects and update everyone's predictions."""
    fitted_on = part_of(applied, applied.wanted)
    rows = np.flatnonzero(fitted_on & applied.inside)
    own = applied.outcomes.take(rows)
    subjects = applied.material.cohort.rows["subject_id"].to_numpy()[rows]
    who = subjects if len(np.unique(subjects)) < len(subjects) else None
    if own.entry_days is None:
        update = evaluate.recalibrate_risk(own.y, applied.saved[rows, 0, 0], kind, subjects=who)
        final = update.probability(applied.saved[:, 0, 0])[:, None, None]
    else:
        anchor = applied.horizons[len(applied.horizons) // 2].days
        upto = applied.times <= max(one.days for one in applied.horizons)
        update = evaluate.recalibrate_incidence(
            own.y,
            applied.saved[rows][:, :, upto],
            applied.times[upto],
            kind,
            anchor=anchor,
            entry=own.entry_days,
            subjects=who,
        )
        final = update.incidence(applied.saved, applied.times)
    return replace(
        applied,
        model=replace(applied.model, recalibration=update),
        final=final,
        fitted_on=fitted_on,
    )


def part_of(applied: Applied, wanted: Wanted) -> Bools:
    """Draw the subjects that the recalibration is fitted on, alike with and without the event."""
    subjects = applied.material.cohort.rows["subject_id"].to_numpy()
    cause = applied.outcomes.cause
    drawn: list[Any] = []
    random = np.random.default_rng(wanted.seed)
    names = np.unique(subjects)
    worst = np.zeros(len(names), dtype=np.int64)
    np.maximum.at(worst, np.searchsorted(names, subjects), cause)
    for level in np.unique(worst):
        of_level = random.permutation(names[worst == level])
        drawn.extend(of_level[: round(wanted.share * len(of_level))].tolist())
    return np.isin(subjects, drawn)


def _check_labels(outcomes: Outcomes) -> None:
    if outcomes.entry_days is None and len(np.unique(outcomes.y)) < 2:
        which = "has" if outcomes.y.any() else "has not"
        raise NotEstimable(
            f"every one of {len(outcomes.y)} rows {which} the outcome {outcomes.causes[0]!r}: "
            "nothing can be judged; check its codes against the vault's, or load more subjects"
        )


def _check_columns(model: FittedModel, material: Material) -> None:
    """Refuse a vault in which no column of the model is found.

    Raises
    ------
    InputError
        If there is none but the age.
    """
    present = {str(one) for one in material.matrix.columns}
    wanted = [one for one in model.columns if not one.startswith(f"{AGE_CODE}|")]
    if wanted and not present.intersection(wanted):
        raise InputError(
            Fault(
                "--vault",
                "a vault with none of the codes that the model reads",
                f"codes such as {wanted[0].split('|')[0]}",
                "map its own codes to those of the run when loading",
            )
        )


def _check_inside(inside: Bools) -> None:
    if not inside.any():
        raise NotEstimable(
            f"all {len(inside)} rows are out of the model's domain: it abstains of everyone; check "
            "units and codes against those of the vault it was learned on, or learn a model here"
        )


def _provenance(saved: SavedRun, study: Study, vault: Vault, seed: int) -> Provenance:
    return Provenance(
        software=f"osler {osler.__version__}",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
        inputs={
            "study": study.digest,
            "run results": saved.digest,
            "run digests": digest_of((saved.path / DIGESTS).read_bytes()),
            "run vault": saved.results["provenance"]["inputs"]["vault"],
            "vault": vault.vault_id,
            "vault generation": str(vault.generation),
            "vault manifest": vault.digest,
            **inputs_of(vault.derivations(), study.features.derived),
        },
    )


def _predictions(applied: Applied) -> pl.DataFrame:
    """Return one row per row of the cohort; no prediction where the model abstains."""
    n = len(applied.inside)
    columns: dict[str, Any] = {
        "fold": np.full(n, -1),
        "in_domain": applied.inside,
        "recalibrated_on": applied.fitted_on,
    }
    part = applied.model.of(applied.material.matrix)
    days = np.asarray([one.days for one in applied.horizons])
    causes = applied.outcomes.causes
    low, high = predict_interval(applied.model, part, days, len(causes))
    for c, cause in enumerate(causes):
        for h, horizon in enumerate(applied.horizons):
            name = f"{cause}|{horizon.label}" if horizon.label else cause
            at = applied.at[h]
            for end, values in (
                ("", applied.final[:, c, at]),
                ("|low", low[:, c, h]),
                ("|high", high[:, c, h]),
            ):
                columns[f"{name}{end}"] = np.where(applied.inside, values, np.nan)
            if applied.wanted.recalibrate is not None:
                before = applied.saved[:, c, at]
                columns[f"{name}|as_saved"] = np.where(applied.inside, before, np.nan)
    frame = pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))
    return pl.concat([applied.material.cohort.rows, frame], how="horizontal")


def _save(folder: Path, applied: Applied, results: dict[str, Any]) -> None:
    """Write every file of the applied run, the list of digests last."""
    (folder / STUDY).write_text(applied.run.study.text, "utf-8")
    write_json(folder / RESULTS, results)
    (folder / REPORT).write_text(study_html(results), "utf-8")
    write_card(folder, results, applied.run.study)
    _predictions(applied).write_parquet(folder / PREDICTIONS)
    applied.model.save(folder / MODEL / FINAL)
    domain = applied.run.domain()
    if domain is not None:
        save_domain(domain, folder / MODEL / DOMAIN)
    write_json(
        folder / DIGESTS, {"format_version": FORMAT_VERSION, "sha256": folder_digests(folder)}
    )
