"""External validation and recalibration as one act: a saved model judged on another vault."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
from osler.evaluate import Placing, Recalibration
from osler.evaluate.recalibrate import KINDS
from osler.features.column import AGE_CODE
from osler.model import FORMAT_VERSION, Provenance, digest_of
from osler.report import study_html
from osler.vault import Vault
from osler.workflows.derived import inputs_of, warnings_of
from osler.workflows.opening import Opening
from osler.workflows.study.card import write_card
from osler.workflows.study.domain import DOMAIN, cells_of, save_domain
from osler.workflows.study.fitting import Outcomes, predict, predict_interval
from osler.workflows.study.gather import Material, gather
from osler.workflows.study.horizons import Horizon
from osler.workflows.study.judging import SELECTED, Judge, observed_incidence, unformed
from osler.workflows.study.question import Study
from osler.workflows.study.results import cohort_section, outcome_codes, variables_section
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
from osler.workflows.study.transport import Newcomers, performance, transport_section
from osler.workflows.study.wording import Variable
from osler.workflows.writing import (
    DIGESTS,
    check_replaceable,
    folder_digests,
    whole_folder,
    write_json,
)

AS_SAVED = "as saved"
EVERYONE = "nobody left out"
FEWEST_JUDGED_EVENTS = 10
SAME_PEOPLE_SHARE = 0.5
GRID = 60
TRAINED = "not among those the model learned from"
LIMITS = (
    "The numbers describe people like those of this cohort, under the care they had.",
    "A reason says what moved the prediction, not what would happen if it were changed.",
    "One vault is one place: that a model travels to it says little about the next.",
)
# What is told of a model before and after its recalibration.
BEFORE_AND_AFTER = (
    "brier",
    "ibs",
    "log_loss",
    "oe",
    "calibration_slope",
    "calibration_intercept",
    "ici",
)

# What is repeated of the run that the model comes from.
DEVELOPMENT = (
    "question", "scope", "cohort", "model", "metrics", "selected", "groups", "group_note",
    "fairness", "outcome",
)  # fmt: skip

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Wanted:
    """How a run is to be applied.

    Parameters
    ----------
    recalibrate
        `intercept`, `slope`, `full`; None applies the model as it was saved.
    share
        Share of the subjects that the recalibration is fitted on; the rest judge it.
    """

    recalibrate: str | None = None
    share: float = 0.5
    seed: int = 0
    engine: str = "local"

    def __post_init__(self) -> None:
        faults = []
        if self.recalibrate is not None and self.recalibrate not in KINDS:
            faults.append(
                Fault("recalibrate", repr(self.recalibrate), f"one of {', '.join(KINDS)}")
            )
        if not 0.1 <= self.share <= 0.9:
            faults.append(Fault("share", f"{self.share:g}", "a share from 0.1 to 0.9"))
        if faults:
            raise InputError(faults)


@dataclass(frozen=True)
class _Applied:
    """A model on new people: what it said, of whom, and who judges it.

    Parameters
    ----------
    saved, final
        Incidence of the model as saved and as recalibrated, shape (n, K, t); one array when there
        was no recalibration.
    inside : shape (n,)
        Rows in the model's domain.
    fitted_on : shape (n,)
        Rows that the recalibration was fitted on; none of them judges.
    """

    run: SavedRun
    model: FittedModel
    material: Material
    outcomes: Outcomes
    horizons: tuple[Horizon, ...]
    times: Floats
    saved: Floats
    final: Floats
    inside: Bools
    fitted_on: Bools
    placing: Placing | None
    wanted: Wanted

    @property
    def at(self) -> tuple[int, ...]:
        """Positions of the horizons among the times."""
        return tuple(int(np.searchsorted(self.times, one.days)) for one in self.horizons)

    def judge(self, rows: Bools) -> Judge:
        """Return the judge over some rows."""
        return Judge(
            outcomes=self.outcomes,
            subjects=self.material.cohort.rows["subject_id"].to_numpy(),
            rows=np.flatnonzero(rows),
            train=self.outcomes.y,
            times=self.times,
            at=self.at,
            horizons=self.horizons,
            plan=self.run.study.evaluation,
            seed=self.wanted.seed,
        )


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
            **_results(applied, study),
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
    )


def _applied(saved: SavedRun, material: Material, wanted: Wanted) -> _Applied:
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
    applied = _Applied(
        saved, model, material, outcomes, horizons, times, incidence, incidence, inside,
        np.zeros_like(inside), placing, wanted,
    )  # fmt: skip
    return applied if wanted.recalibrate is None else _recalibrated(applied, wanted.recalibrate)


def _recalibrated(applied: _Applied, kind: str) -> _Applied:
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


def part_of(applied: _Applied, wanted: Wanted) -> Bools:
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


def _results(applied: _Applied, study: Study) -> dict[str, Any]:
    """Return the object of `results.json`, but for the provenance."""
    saved, material, outcomes = applied.run.results, applied.material, applied.outcomes
    judged = applied.inside & ~applied.fitted_on
    judge = applied.judge(judged)
    _check_events(judge)
    metrics = _metrics(applied, judge)
    own = metrics[SELECTED]
    groups, group_note = judge.groups(applied.final, material)
    part = applied.model.of(material.matrix)
    columns = [(one.code, one.aggregation) for one in part.columns]
    known = _variables(applied.run, part)
    gates = evaluate.gates(study.evaluation.limits, own, groups)
    timed = outcomes.entry_days is not None
    return {
        "format_version": FORMAT_VERSION,
        "title": study.title,
        "people": study.people,
        "scope": list(study.scope),
        "warnings": [*study.warnings, *_warnings(applied)],
        "cohort": cohort_section(material, outcomes, known, columns, part),
        "outcome": saved["outcome"],
        "model": {**saved["model"], "validation": _how(applied, judged)},
        "metrics": {name: _json(one) for name, one in metrics.items()},
        "other_causes": {
            name: _json(judge.metrics(applied.final, cause))
            for cause, name in list(enumerate(outcomes.causes, start=1))[1:]
            if timed and (judge.y["event"] == cause).any()
        },
        "selected": SELECTED,
        "headline": saved["headline"],
        "comparisons": [],
        "groups": groups,
        "group_note": group_note,
        "fairness": judge.fairness(applied.final, material),
        "sites": [],
        "calibration": judge.calibration(applied.final),
        "net_benefit": judge.net_benefit(applied.final),
        "incidence": observed_incidence(outcomes, max(one.days for one in applied.horizons)),
        "leakage": [],
        "gates": [vars(gate) for gate in gates],
        "importance": [],
        "variables": variables_section(known, part),
        "limits": [*LIMITS, *_limits(applied)],
        "question": saved["question"],
        "transport": {
            **transport_section(
                applied.run, _newcomers(applied), applied.run.domain(), applied.placing
            ),
            "absent_columns": _absent(applied),
            "performance": performance(saved["metrics"][saved["selected"]], _json(own)),
        },
        "development": {name: saved[name] for name in DEVELOPMENT if name in saved},
        "recalibration": _recalibration(applied, judge, metrics, own),
    }


def _metrics(applied: _Applied, judge: Judge) -> dict[str, dict[str, Any]]:
    """Return the metrics of the model as it speaks, as it was saved, and over everyone."""
    metrics = {SELECTED: judge.metrics(applied.final)}
    if applied.wanted.recalibrate is not None:
        metrics[f"{SELECTED}, {AS_SAVED}"] = judge.metrics(applied.saved)
    unseen = ~applied.fitted_on
    if not applied.inside[unseen].all():
        metrics[f"{SELECTED}, {EVERYONE}"] = applied.judge(unseen).metrics(applied.final)
    return metrics


def _check_events(judge: Judge) -> None:
    """Refuse to judge by a handful of events."""
    cause = judge.outcomes.take(judge.rows).cause
    events = int((cause == 1).sum())
    fewer = events if judge.outcomes.entry_days is not None else min(events, len(cause) - events)
    if fewer < FEWEST_JUDGED_EVENTS:
        raise NotEstimable(
            f"{fewer} rows of the {'event' if fewer == events else 'rarer outcome'} to judge the "
            f"model by; at least {FEWEST_JUDGED_EVENTS} are needed: load more subjects, or fit the "
            "recalibration on a smaller share"
        )


def _how(applied: _Applied, judged: Bools) -> str:
    subjects = applied.material.cohort.rows["subject_id"].to_numpy()
    count = len(np.unique(subjects[judged]))
    how = f"external validation: {count:,} subjects of another vault, none of whom it learned from"
    if applied.wanted.recalibrate is not None:
        other = len(np.unique(subjects[applied.fitted_on]))
        how += f" or was recalibrated on ({other:,} others were drawn for that)"
    return how


def _warnings(applied: _Applied) -> list[str]:
    """Return what every reader of the applied run must be told first."""
    told = []
    outside = int((~applied.inside).sum())
    if outside:
        told.append(
            f"The model abstains of {outside:,} of {len(applied.inside):,} rows: they are out of "
            "its domain, and the first column of numbers is not about them."
        )
    if _same_people(applied):
        told.append(
            "Many rows equal rows that the model was learned on in subject, time and outcome. If "
            "they are the same people, this is no external validation."
        )
    return told


def _same_people(applied: _Applied) -> bool:
    """Tell whether the new rows are those of the run in another vault."""
    rows, before = applied.material.cohort.rows, applied.run.predictions
    keys = [name for name in rows.columns if name in before.columns]
    shared = rows.select(keys).join(before.select(keys), on=keys, how="semi", nulls_equal=True)
    return shared.height > SAME_PEOPLE_SHARE * rows.height


def _limits(applied: _Applied) -> list[str]:
    told = list(applied.model.unknown(applied.material.matrix))
    absent = _absent(applied)
    if absent:
        told.append(
            f"{len(absent)} of the model's {len(applied.model.columns)} columns are of events that "
            "nobody here has; the model takes them for not recorded."
        )
    told += [
        f"No group of {name} could be formed: no event tells it."
        for name in unformed(applied.material)
    ]
    return told


def _absent(applied: _Applied) -> list[str]:
    present = {str(one) for one in applied.material.matrix.columns}
    return [one for one in applied.model.columns if one not in present]


def _newcomers(applied: _Applied) -> Newcomers:
    return Newcomers(
        applied.material.cohort.rows,
        cells_of(applied.model.of(applied.material.matrix)),
        applied.outcomes,
        applied.saved,
        applied.at,
        applied.horizons,
        applied.run.study.evaluation.bootstrap,
        applied.wanted.seed,
    )


def _recalibration(
    applied: _Applied, judge: Judge, metrics: dict[str, dict[str, Any]], own: dict[str, Any]
) -> dict[str, Any] | None:
    """Return what was fitted, on whom, and the model before and after on those left."""
    update: Recalibration | None = applied.model.recalibration
    if update is None or applied.wanted.recalibrate is None:
        return None
    before = metrics[f"{SELECTED}, {AS_SAVED}"]
    subjects = applied.material.cohort.rows["subject_id"].to_numpy()
    fitted_on = applied.fitted_on
    return {
        "kind": update.kind,
        "notes": list(update.notes),
        "fitted_on": {
            "rows": int((fitted_on & applied.inside).sum()),
            "subjects": len(np.unique(subjects[fitted_on & applied.inside])),
            "events": {
                name: int((applied.outcomes.cause[fitted_on & applied.inside] == c).sum())
                for c, name in enumerate(applied.outcomes.causes, start=1)
            },
            "share": applied.wanted.share,
            "seed": applied.wanted.seed,
        },
        "judged_on": {
            "rows": len(judge.rows),
            "subjects": len(np.unique(subjects[judge.rows])),
        },
        "curves": {
            name: curve.to_json()
            for name, curve in zip(applied.outcomes.causes, update.curves, strict=True)
        },
        "anchor_days": update.anchor,
        "before_and_after": [
            {"metric": name, "before": before[name].to_json(), "after": one.to_json()}
            for name, one in own.items()
            if name.startswith(BEFORE_AND_AFTER) and name in before
        ],
        "calibration_before": judge.calibration(applied.saved),
    }


def _variables(run: SavedRun, part: Any) -> list[Variable]:
    """Return the run's variables by the columns of its model."""
    position = {str(column): index for index, column in enumerate(part.columns)}
    found = []
    for one in run.results["variables"]:
        places = {name: position[name] for name in one["columns"] if name in position}
        levels = {places[name]: level for name, level in one["levels"].items() if name in places}
        if places:
            columns = tuple(places.values())
            found.append(Variable(one["name"], one["code"], columns, levels, one["unit"]))
    return found


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


def _predictions(applied: _Applied) -> pl.DataFrame:
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


def _save(folder: Path, applied: _Applied, results: dict[str, Any]) -> None:
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


def _json(metrics: dict[str, Any]) -> dict[str, Any]:
    return {key: one.to_json() for key, one in metrics.items()}
