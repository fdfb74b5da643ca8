"""From shards of a vault to the rows, columns and groups of a study: a map and a small reduce."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from operator import add

import polars as pl
from joblib import Parallel, delayed

from osler.cohort import Cohort, build, occurrences
from osler.errors import Fault, InputError
from osler.extras import require
from osler.features import FeatureMatrix, Hierarchy, featurise
from osler.model import BIRTH
from osler.vault import Act, Vault
from osler.workflows.opening import Opening
from osler.workflows.study.demographics import audited
from osler.workflows.study.question import GroupDefinition, Study

UNKNOWN = "unknown"
DECISIONS = "DECISION//*"
DAYS_PER_YEAR = 365.25
THREADS = 2


@dataclass(frozen=True)
class Material:
    """What a study is made of, row by row.

    Parameters
    ----------
    cohort
        Rows with outcome, and the flow that led to them.
    matrix
        Features at each row's prediction time.
    groups
        One text column per group variable, `unknown` where nothing is recorded.
    latest_source
        Time of the latest event that a row's features could see; null when there is none.
    occurrences
        When the predicates of a target trial, and the event of alerts, occur around each row.
    """

    cohort: Cohort
    matrix: FeatureMatrix
    groups: pl.DataFrame
    latest_source: pl.Series
    occurrences: pl.DataFrame
    adjusting: FeatureMatrix | None = None

    @classmethod
    def concat(cls, parts: Iterable[Material]) -> Material:
        """Join the parts of several shards, in order of subject and time.

        Which shard holds a subject differs between vaults; the order, and with it every fold and
        every resample, must not.
        """
        listed = list(parts)
        cohort = Cohort.concat([part.cohort for part in listed])
        order = cohort.rows.select(
            pl.arg_sort_by("subject_id", "prediction_time", maintain_order=True)
        ).to_series()
        return cls(
            replace(cohort, rows=cohort.rows[order]),
            FeatureMatrix.concat([part.matrix for part in listed]).take(order.to_numpy()),
            pl.concat([part.groups for part in listed])[order],
            pl.concat([part.latest_source for part in listed])[order],
            pl.concat([part.occurrences for part in listed])[order],
            _joined([part.adjusting for part in listed], order),
        )

    @property
    def adjusted(self) -> FeatureMatrix:
        """What a trial may adjust for, row by row."""
        return self.matrix if self.adjusting is None else self.adjusting


def _joined(parts: list[FeatureMatrix | None], order: pl.Series) -> FeatureMatrix | None:
    told = [one for one in parts if one is not None]
    return FeatureMatrix.concat(told).take(order.to_numpy()) if told else None


def gather(
    vault: Vault, act: Act, study: Study, opening: Opening, *, engine: str = "local"
) -> Material:
    """Build the rows and features of a study from every shard.

    Memory is bounded by the shards in flight, one per worker, and by the result.

    Parameters
    ----------
    act
        The recorded act that the reading belongs to.
    engine
        `local` for threads of this process, `ray` for processes that open the vault themselves
        with the same key file or environment.
    """
    shards = vault.shard_ids()
    if engine == "ray":
        require("ray.util.joblib", "ray").register_ray()
        jobs = (delayed(_in_worker)(opening, act.number, shard, study) for shard in shards)
        return Material.concat(Parallel(n_jobs=-1, backend="ray")(jobs))
    jobs = (delayed(_in_thread)(vault, shard, study) for shard in shards)
    return Material.concat(Parallel(n_jobs=THREADS, backend="threading")(jobs))


def with_hierarchy(study: Study, vault: Vault) -> Study:
    """Return the study with what stands above the vault's codes, if it rolls up.

    Raises
    ------
    InputError
        If the vault knows no parents of any code, or some that lead back to their child.
    """
    if not study.features.roll_up:
        return study
    hierarchy = Hierarchy.of(vault.codes())
    if not hierarchy.parents:
        came = "a vault that knows no parents of any code"
        expected = "codes with `parent_codes`, from the source's code metadata"
        raise InputError(Fault("features: roll_up", came, expected, "load them, or take it out"))
    return replace(study, features=replace(study.features, hierarchy=hierarchy))


def _in_thread(vault: Vault, shard: int, study: Study) -> Material:
    return of_events(vault.shard_events(shard, derived=study.features.derived), study)


def _in_worker(opening: Opening, within: int, shard: int, study: Study) -> Material:
    return _in_thread(opening.open(within=within), shard, study)


def of_events(events: pl.DataFrame, study: Study) -> Material:
    """Build the rows, features and groups from some subjects' events."""
    cohort = rows_of(events, study)
    return Material(
        cohort,
        matrix_of(events, cohort.rows, study),
        groups_of(events, cohort.rows, study),
        latest_source_of(events, cohort.rows),
        occurrences_of(events, cohort.rows, study),
        adjusting_of(events, cohort.rows, study),
    )


def rows_of(events: pl.DataFrame, study: Study) -> Cohort:
    """Build the rows of a study with what became of each."""
    return build(events, study.task, study.outcome, index=study.index)


def matrix_of(
    events: pl.DataFrame, rows: pl.DataFrame, study: Study, *, keep_events: bool = False
) -> FeatureMatrix:
    """Compute the features that a study asks for at each row's prediction time."""
    plan = study.features
    # A birth is the age, and says nothing more by having been recorded.
    # Nor is what was decided because of a model anything that one may learn from.
    apart = [BIRTH, DECISIONS]
    if study.split.site is not None:
        apart.append(f"{study.split.site}//*")
    matrix = featurise(
        events,
        rows.select("subject_id", "prediction_time"),
        windows=list(plan.windows),
        aggregations=list(plan.aggregations),
        include=list(plan.include),
        exclude=list(dict.fromkeys([*plan.exclude, *apart])),
        age=plan.age,
        text=plan.text,
        roll_up=plan.hierarchy,
        keep_events=keep_events,
    )
    return matrix if plan.race_and_ethnicity else without_race(matrix, plan.hierarchy)


def without_race(matrix: FeatureMatrix, hierarchy: Hierarchy | None = None) -> FeatureMatrix:
    """Return the matrix without the columns of race and ethnicity, which are only audited.

    Neither their answers stay nor what stands above them: a count over all races is one of them.
    """
    codes = {column.code for column in matrix.columns}
    below = codes if hierarchy is None else codes.union(hierarchy.parents)
    dropped = {code for told in audited(below).values() for code in told}
    if hierarchy is not None:
        dropped.update(*(hierarchy.above(code) for code in dropped))
    if not dropped:
        return matrix
    return matrix.select([str(one) for one in matrix.columns if one.code not in dropped])


def adjusting_of(events: pl.DataFrame, rows: pl.DataFrame, study: Study) -> FeatureMatrix | None:
    """Compute what a trial adjusts for, where it names codes that are no features of the study."""
    also = () if study.treatment is None else study.treatment.also
    if not also:
        return None
    plan = study.features
    left_out = tuple(one for one in plan.exclude if one not in also)
    wider = replace(plan, include=(*plan.include, *also), exclude=left_out)
    return matrix_of(events, rows, replace(study, features=wider))


def groups_of(events: pl.DataFrame, rows: pl.DataFrame, study: Study) -> pl.DataFrame:
    """Return each row's level of every group variable that the study names, and its site."""
    names = {name for group in study.evaluation.groups for name in group}
    if study.model.fairness is not None:
        names.add(study.model.fairness.groups)
    columns = [_levels(events, rows, definition_of(name, study)) for name in sorted(names)]
    if study.split.site is not None:
        site = GroupDefinition("site", (f"{study.split.site}//*",))
        columns.append(_levels(events, rows, site))
    return pl.DataFrame(columns) if columns else pl.DataFrame({"all": ["all"] * rows.height})


def definition_of(name: str, study: Study) -> GroupDefinition:
    """Return how a group is read: as the study defines it, else from codes that begin with it."""
    return study.definitions.get(name, GroupDefinition(name, (f"{name}//*",)))


def _levels(events: pl.DataFrame, rows: pl.DataFrame, definition: GroupDefinition) -> pl.Series:
    keyed = rows.select("subject_id", "prediction_time").with_row_index("row")
    if definition.age_years:
        found = _age_bands(events, keyed, definition.age_years)
    else:
        found = _code_levels(events, keyed, definition.codes)
    joined = keyed.join(found, on="row", how="left", maintain_order="left")
    return joined["level"].fill_null(UNKNOWN).alias(definition.name)


def _age_bands(events: pl.DataFrame, keyed: pl.DataFrame, edges: tuple[float, ...]) -> pl.DataFrame:
    births = (
        events.filter((pl.col("code") == BIRTH) & pl.col("time").is_not_null())
        .group_by("subject_id")
        .agg(pl.col("time").min().alias("born"))
    )
    years = (pl.col("prediction_time") - pl.col("born")).dt.total_seconds() / 86400 / DAYS_PER_YEAR
    labels = [f"under {edges[0]:g}"]
    labels += [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    labels.append(f"{edges[-1]:g} and over")
    band = reduce(add, [(years >= edge).cast(pl.Int64) for edge in edges])
    level = band.replace_strict(dict(enumerate(labels)), default=None, return_dtype=pl.String)
    return keyed.join(births, on="subject_id").select("row", level.alias("level"))


def _code_levels(
    events: pl.DataFrame, keyed: pl.DataFrame, patterns: tuple[str, ...]
) -> pl.DataFrame:
    matches = pl.any_horizontal([pl.col("code").str.contains(_regex(one)) for one in patterns])
    told = events.filter(matches).select("subject_id", "time", "code")
    return (
        keyed.join(told, on="subject_id", maintain_order="right")
        .filter(pl.col("time").is_null() | (pl.col("time") <= pl.col("prediction_time")))
        .sort("row", "time", nulls_last=False, maintain_order=True)
        .group_by("row", maintain_order=True)
        .agg(
            pl.col("code")
            .last()
            .str.split("//")
            .list.last()
            .str.replace_all("_", " ")
            .alias("level")
        )
    )


def _regex(pattern: str) -> str:
    escaped = "".join(".*" if char == "*" else _escape(char) for char in pattern)
    return f"(?i)^{escaped}$"


def _escape(char: str) -> str:
    return char if char.isalnum() or char in "_/ " else f"\\{char}"


def occurrences_of(events: pl.DataFrame, rows: pl.DataFrame, study: Study) -> pl.DataFrame:
    """Return when predicates occur around each row: of the study's trial, and of its alerts."""
    asked = () if study.treatment is None else study.treatment.predicates
    alerts = study.evaluation.alerts
    if alerts is not None and alerts.label:
        asked = tuple(dict.fromkeys([*asked, alerts.label]))
    if not asked:
        return pl.DataFrame({"none": pl.Series([None] * rows.height, dtype=pl.Boolean)})
    return occurrences(events, study.task, rows, asked)


def latest_source_of(events: pl.DataFrame, rows: pl.DataFrame) -> pl.Series:
    """Return, per row, the time of the latest event at or before its prediction time."""
    keyed = rows.select("subject_id", "prediction_time").with_row_index("row")
    timed = events.filter(pl.col("time").is_not_null()).select("subject_id", "time")
    latest = (
        keyed.join(timed, on="subject_id")
        .filter(pl.col("time") <= pl.col("prediction_time"))
        .group_by("row")
        .agg(pl.col("time").max().alias("latest"))
    )
    return keyed.join(latest, on="row", how="left", maintain_order="left")["latest"]
