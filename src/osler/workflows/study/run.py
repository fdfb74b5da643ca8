"""A study from question to saved run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

import osler
from osler.cohort import Cohort, explain
from osler.effect.verdict import PERSONALISE
from osler.errors import NotEstimable
from osler.evaluate import Reference
from osler.model import FORMAT_VERSION, Provenance, digest_of
from osler.report import study_html, study_text
from osler.vault import Vault
from osler.workflows.derived import in_words, inputs_of, warnings_of
from osler.workflows.opening import Opening
from osler.workflows.study.alert_plan import alert_sentences
from osler.workflows.study.card import write_card
from osler.workflows.study.domain import DOMAIN, RULE, domain_of, save_domain
from osler.workflows.study.fitting import CrossFitted, Outcomes, cross_fit, reference_columns
from osler.workflows.study.gather import Material, gather, with_hierarchy
from osler.workflows.study.horizons import Horizon, horizons_of
from osler.workflows.study.mitigation import with_groups
from osler.workflows.study.question import Study
from osler.workflows.study.results import assemble
from osler.workflows.study.saved import (
    FINAL,
    MODEL,
    PREDICTIONS,
    REPORT,
    RESULTS,
    STUDY,
    plain,
)
from osler.workflows.study.trial.estimate import EFFECT, Trial, trial_of
from osler.workflows.study.trial.telling import treatment
from osler.workflows.study.trial.words import sentences
from osler.workflows.writing import (
    DIGESTS,
    check_replaceable,
    folder_digests,
    whole_folder,
    write_json,
)

GRID = 25

Floats = NDArray[np.float64]


def run_study(
    opening: Opening, path: Path, out: Path, *, seed: int = 0, engine: str = "local"
) -> dict[str, Any]:
    """Answer the study's question from a vault, and save the run.

    Parameters
    ----------
    path
        The study file.
    out
        Folder to write: `results.json`, `report.html`, `card.json`, `model/`,
        `predictions.parquet`, `study.yaml`, `digests.json`.
    seed
        Makes the run repeatable.
    engine
        `local`, or `ray` for the map over shards.

    Returns
    -------
    dict
        What `results.json` says.

    Raises
    ------
    InputError
        With every fault of the study file.
    NotEstimable
        If the cohort is empty or has too few events; says where its rows were lost.
    """
    study = Study.read(path)
    check_replaceable(out, RESULTS)
    vault = opening.open()
    derived = warnings_of(vault.derivations(), study.features.derived)
    warned = (*study.warnings, *derived, *said_of_race(study))
    study = with_hierarchy(replace(study, warnings=warned), vault)
    with vault.act("study run", {"study": study.digest}) as act:
        material = gather(vault, act, study, opening, engine=engine)
        descriptions = described(vault)
    horizons = horizons_of(study, material.cohort)
    outcomes = with_groups(outcomes_of(material.cohort, study), material, study)
    reference_columns(material.matrix, study)
    days = np.asarray([one.days for one in horizons])
    times = grid_of(outcomes, days)
    fitted = cross_fit(material.matrix, outcomes, material.cohort.rows, study, times, days, seed)
    domain = domain_of(material.matrix, fitted)
    trial = trial_of(study, material, outcomes, horizons, descriptions, seed)
    results: dict[str, Any] = plain(
        {
            **assemble(study, material, outcomes, fitted, horizons, descriptions, seed),
            **({} if trial is None else treatment(trial, study, outcomes.causes, seed)),
            "question": [
                *explain(study.task, study.outcome, index=study.index),
                *in_words(study.features.derived),
                *alert_sentences(study.evaluation.alerts),
                *sentences(study.treatment),
            ],
            "domain_rule": RULE if domain is not None else None,
            "provenance": vars(provenance_of(study, vault, seed)),
        }
    )
    predictions = predictions_of(material, outcomes, fitted, horizons)
    with whole_folder(out, RESULTS) as folder:
        save(folder, study, results, predictions, fitted, domain, trial)
        subjects = material.cohort.rows["subject_id"].unique().to_list()
        vault.register_export("study run", digest_of(results), subjects, where=str(out))
    return results


def said_of_race(study: Study) -> tuple[str, ...]:
    """Return what every report must say where a model may read race or ethnicity."""
    why = study.features.race_and_ethnicity
    return (f"The model may read race and ethnicity. The study says why: {why}",) if why else ()


def outcomes_of(cohort: Cohort, study: Study) -> Outcomes:
    """Return the outcome of each row as the learners take it.

    Raises
    ------
    NotEstimable
        If there is no row; says at which step of the flow the last ones were lost.
    """
    rows = cohort.rows
    if not rows.height:
        lost = next((step for step in cohort.flow if not step.rows), None)
        where = f" after the step {lost.step!r}" if lost else ""
        raise NotEstimable(
            f"the cohort is empty{where}: check the codes of the task against the vault's, or "
            "load subjects who meet its conditions"
        )
    if not study.time_to_event:
        labels = rows["boolean_value"].cast(pl.Int64).to_numpy()
        return Outcomes(labels, None, (study.label,))
    if not (rows["cause"] == 1).any():
        raise NotEstimable(
            f"none of {rows.height} rows has the event {cohort.causes[0]!r}: check its codes "
            "against the vault's, lengthen the follow-up, or widen the cohort"
        )
    y = np.zeros(rows.height, dtype=[("event", np.int64), ("time", np.float64)])
    y["event"], y["time"] = rows["cause"].to_numpy(), rows["duration_days"].to_numpy()
    return Outcomes(y, rows["entry_days"].to_numpy().astype(np.float64), tuple(cohort.causes))


def grid_of(outcomes: Outcomes, horizons: Floats) -> Floats:
    """Return the times at which curves are kept: quantiles of the event times, and the horizons."""
    if outcomes.entry_days is None:
        return horizons
    happened = outcomes.y["time"][outcomes.y["event"] > 0]
    inside = happened[happened <= horizons.max()]
    quantiles = np.quantile(inside, np.linspace(0.05, 0.95, GRID)) if inside.size else []
    return np.unique(np.concatenate([np.round(quantiles), horizons]))


def described(vault: Vault) -> dict[str, str]:
    """Return the descriptions that sources gave for codes."""
    codes = vault.codes().filter(pl.col("description").is_not_null())
    return dict(zip(codes["code"].to_list(), codes["description"].to_list(), strict=True))


def provenance_of(study: Study, vault: Vault, seed: int) -> Provenance:
    """Return what the run was made from."""
    return Provenance(
        software=f"osler {osler.__version__}",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
        inputs={
            "study": study.digest,
            "vault": vault.vault_id,
            "vault generation": str(vault.generation),
            "vault manifest": vault.digest,
            **inputs_of(vault.derivations(), study.features.derived),
        },
    )


def predictions_of(
    material: Material, outcomes: Outcomes, fitted: CrossFitted, horizons: list[Horizon]
) -> pl.DataFrame:
    """Return one row per row of the cohort with its out-of-fold predictions."""
    columns: dict[str, Any] = {"fold": fitted.fold}
    places = np.searchsorted(fitted.times, [one.days for one in horizons])
    for c, cause in enumerate(outcomes.causes):
        for h, horizon in enumerate(horizons):
            name = f"{cause}|{horizon.label}" if horizon.label else cause
            columns[name] = fitted.incidence[:, c, places[h]]
            columns[f"{name}|low"] = fitted.low[:, c, h]
            columns[f"{name}|high"] = fitted.high[:, c, h]
    return pl.concat([material.cohort.rows, pl.DataFrame(columns)], how="horizontal")


def save(
    folder: Path,
    study: Study,
    results: dict[str, Any],
    predictions: pl.DataFrame,
    fitted: CrossFitted,
    domain: Reference | None,
    trial: Trial | None = None,
) -> None:
    """Write every file of a run, the list of digests last."""
    (folder / STUDY).write_text(study.text, "utf-8")
    write_json(folder / RESULTS, results)
    (folder / REPORT).write_text(study_html(results), "utf-8")
    write_card(folder, results, study)
    predictions.write_parquet(folder / PREDICTIONS)
    fitted.final.save(folder / MODEL / FINAL)
    for number, model in enumerate(fitted.folds):
        model.save(folder / MODEL / f"fold-{number}")
    if domain is not None:
        save_domain(domain, folder / MODEL / DOMAIN)
    if trial is not None and trial.model is not None:
        # Who may not be told an effect of her own needs none to be saved.
        own = trial.model.verdict().decision == PERSONALISE
        trial.model.save(folder / MODEL / EFFECT, individual=own)
    write_json(
        folder / DIGESTS, {"format_version": FORMAT_VERSION, "sha256": folder_digests(folder)}
    )


def explain_study(path: Path) -> list[str]:
    """Return the study's question in plain words.

    Raises
    ------
    InputError
        With every fault of the file.
    """
    study = Study.read(path)
    question = [
        *explain(study.task, study.outcome, index=study.index),
        *in_words(study.features.derived),
        *alert_sentences(study.evaluation.alerts),
        *sentences(study.treatment),
    ]
    return [study.title, *question, *study.scope]


def study_summary(results: dict[str, Any]) -> str:
    """Return the run in a few lines."""
    return study_text(results)
