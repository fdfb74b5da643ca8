"""An audit of features, outcome and splits: whether a column knows what it should not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy import sparse

from osler.evaluate.bootstrap import Resamples
from osler.evaluate.concordance import Pairs, binary_pairs, concordance, harrell_pairs, rows_of
from osler.evaluate.inputs import Bools, Checking, Floats, Ints, Outcome
from osler.features.column import ZERO_WHEN_ABSENT

Status = Literal["ok", "warning", "fault"]

# Screening looks at this many rows and pairs; only columns that stand out are then looked at whole.
MOST_SCREENED_ROWS = 5_000
SCREENED_PAIRS = 20_000
FEWEST_PAIRS = 200
COLUMNS_AT_ONCE = 200
MOST_LOOKED_AT = 20
MOST_NAMED = 10
NEARLY = 0.99
SCREENING_SLACK = 0.05
FAR_ABOVE = 0.15
FAR_ABOVE_FROM = 0.75
RESAMPLES = 200
FEWEST_OF_A_LEVEL = 5
TELLING_ROWS = 0.9


@dataclass(frozen=True)
class LeakageCheck:
    """One check; `detail` names columns and counts, never a patient."""

    check: str
    status: Status
    detail: str

    def to_json(self) -> dict[str, str]:
        """Return the row of `results.json`."""
        return asdict(self)


@dataclass(frozen=True)
class _Column:
    """A named source of numbers; `part` says whether it is its value, its presence or a level."""

    name: str
    part: str

    def __str__(self) -> str:
        return self.name if self.part == "value" else f"{self.name} ({self.part})"


@dataclass(frozen=True)
class _Table:
    """Features of any accepted kind, given out as blocks of numbers."""

    names: tuple[str, ...]
    rows: int
    frame: pl.DataFrame | None
    matrix: Any

    def blocks(self, index: Ints) -> Iterator[tuple[list[_Column], Floats]]:
        """Yield columns and their numbers at some rows, NaN missing, a few columns at a time."""
        held = None if self.matrix is None else self.matrix[index].tocsc()
        for start in range(0, len(self.names), COLUMNS_AT_ONCE):
            names = self.names[start : start + COLUMNS_AT_ONCE]
            columns: list[_Column] = []
            parts: list[Floats] = []
            for number, name in enumerate(names):
                values = (
                    _frame_column(self.frame, name, index)
                    if held is None
                    else {"value": _sparse_column(held, start + number, name)}
                )
                for part, one in _with_presence(values).items():
                    columns.append(_Column(name, part))
                    parts.append(one)
            if parts:
                yield columns, np.column_stack(parts)

    def one(self, column: _Column) -> Floats:
        """Return the numbers of one column at every row."""
        alone = _Table((column.name,), self.rows, self.frame, self._only(column.name))
        for columns, values in alone.blocks(np.arange(self.rows)):
            if column in columns:
                return np.asarray(values[:, columns.index(column)])
        return np.full(self.rows, np.nan)

    def _only(self, name: str) -> Any:
        return None if self.matrix is None else self.matrix[:, [self.names.index(name)]]

    def row_keys(self) -> Any:
        """Return a hash of each row."""
        if self.frame is not None:
            return self.frame.hash_rows(seed=1).to_numpy()
        weights = np.random.default_rng(0).standard_normal((self.matrix.shape[1], 2))
        stored = self.matrix.copy()
        stored.data = np.ones_like(stored.data, dtype=np.float64)
        whole = np.column_stack([self.matrix @ weights[:, 0], stored @ weights[:, 1]])
        return pl.DataFrame(np.round(whole, 9)).hash_rows(seed=1).to_numpy()


def _frame_column(frame: pl.DataFrame | None, name: str, index: Ints) -> dict[str, Floats]:
    if frame is None:
        return {}
    series = frame[name]
    if series.dtype.is_numeric() or series.dtype == pl.Boolean:
        return {"value": series.cast(pl.Float64).to_numpy()[index]}
    if series.dtype.is_temporal():
        return {"value": series.to_physical().cast(pl.Float64).to_numpy()[index]}
    text = series.cast(pl.String)[index.tolist()]
    counts = text.drop_nulls().value_counts(sort=True)
    levels = counts.filter(pl.col("count") >= FEWEST_OF_A_LEVEL)[name].to_list()
    missing = text.is_null().to_numpy()
    found = {
        f"level {number + 1} of {len(levels)} by frequency": np.where(
            missing, np.nan, (text == level).fill_null(False).to_numpy()
        )
        for number, level in enumerate(levels[:MOST_LOOKED_AT])
    }
    return found or {"value": np.where(missing, np.nan, 0.0)}


def _sparse_column(held: Any, number: int, name: str) -> Floats:
    absent = 0.0 if name.rsplit("|", 1)[-1] in ZERO_WHEN_ABSENT else np.nan
    values = np.full(held.shape[0], absent)
    span = slice(held.indptr[number], held.indptr[number + 1])
    values[held.indices[span]] = held.data[span]
    return values


def _with_presence(values: dict[str, Floats]) -> dict[str, Floats]:
    first = next(iter(values.values()), None)
    if first is None:
        return values
    missing = np.isnan(first)
    if missing.any() and not missing.all():
        return values | {"whether it is there": (~missing).astype(np.float64)}
    return values


def leakage(
    X: Any,
    y: Any = None,
    *,
    columns: Sequence[Any] | None = None,
    prediction_time: Any = None,
    source_time: Any = None,
    outcome_codes: Sequence[str] = (),
    subjects: Any = None,
    split: Any = None,
    limit: float = 0.9,
    seed: int = 0,
) -> list[LeakageCheck]:
    """Audit features for what they should not know.

    Parameters
    ----------
    X : shape (n, p)
        Features: a polars or pandas frame, numbers, or anything with sparse `values` and
        `columns`, whose absent cells are missing (zero for `count` and `any`).
    y
        Structured (`event`, `time`) or 0/1; None leaves out the checks of single columns.
    columns
        Names of the columns, when `X` has none. `CODE|window|aggregation` tells the code.
    prediction_time : shape (n,)
        When each prediction is made; numbers or datetimes.
    source_time
        When the latest event behind a row happened, shape (n,), or column name to such times, or
        shape (n, p); missing where nothing lies behind.
    outcome_codes
        Codes that the outcome is made of; a longer code under one (`CODE//...`) counts too.
    subjects, split : shape (n,)
        The subject and the split (fold, train or test) of each row.
    limit
        A single column that ranks the outcome better than this is too good.

    Returns
    -------
    One row per check. `fault`: certain, or certain enough not to use the model; `warning`: look at
    it, or it could not be checked; `ok`: looked for and not found.

    Raises
    ------
    InputError
        If the arrays do not fit together.
    """
    checking = Checking()
    if not 0.5 < limit <= 1:
        checking.fault("limit", f"{limit}", "over 0.5, at most 1")
    table = _table(checking, X, columns)
    for given, where in (
        (prediction_time, "prediction_time"),
        (subjects, "subjects"),
        (split, "split"),
    ):
        if given is not None:
            checking.same_length(given, where, table.rows)
    outcome = None if y is None else _outcome(checking, y, table.rows)
    checking.done()
    found = [
        _after_prediction(checking, table, prediction_time, source_time),
        _named_by_outcome(table, outcome_codes),
        *_single_columns(table, outcome, limit, seed),
        _subjects_in_two(subjects, split),
        _rows_in_two(table, outcome, split),
    ]
    checking.done()
    return found


def _table(checking: Checking, X: Any, columns: Sequence[Any] | None) -> _Table:
    values: Any = getattr(X, "values", None)
    if sparse.issparse(values):
        names = tuple(str(one) for one in (X.columns if columns is None else columns))
        _names_fit(checking, names, values.shape[1])
        return _Table(names, values.shape[0], None, values.tocsr().astype(np.float64))
    if hasattr(X, "to_frame") and not isinstance(X, pl.DataFrame):
        X = X.to_frame()
    if isinstance(X, pl.DataFrame):
        return _Table(tuple(X.columns), X.height, X, None)
    if hasattr(X, "iloc"):
        frame = pl.from_pandas(X.rename(columns=str).reset_index(drop=True))
        return _Table(tuple(frame.columns), frame.height, frame, None)
    try:
        array = np.asarray(X, dtype=np.float64)
    except (TypeError, ValueError):
        checking.fault("X", "neither a frame nor numbers", "a frame, numbers or a FeatureMatrix")
        return _Table((), 0, pl.DataFrame(), None)
    if array.ndim != 2:
        checking.fault("X", f"{array.ndim} dimensions", "2: one row per prediction")
        return _Table((), 0, pl.DataFrame(), None)
    names = tuple(str(one) for one in columns or range(array.shape[1]))
    _names_fit(checking, names, array.shape[1])
    if checking.faults:
        return _Table((), array.shape[0], pl.DataFrame(), None)
    frame = pl.DataFrame(array, schema=list(names), orient="row").fill_nan(None)
    return _Table(names, array.shape[0], frame, None)


def _names_fit(checking: Checking, names: tuple[str, ...], count: int) -> None:
    if len(names) != count:
        checking.fault("columns", f"{len(names)} names", f"{count}, one per column of X")
    if len(set(names)) != len(names):
        checking.fault("columns", "names that repeat", "one name per column")


def _outcome(checking: Checking, y: Any, rows: int) -> Outcome | Floats:
    structured = getattr(getattr(y, "dtype", None), "names", None) is not None
    outcome = checking.outcome(y, "y") if structured else checking.labels(y, "y")
    checking.same_length(outcome, "y", rows)
    return outcome


def _comma(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _after_prediction(
    checking: Checking, table: _Table, prediction_time: Any, source_time: Any
) -> LeakageCheck:
    check = "information after the prediction time"
    if prediction_time is None or source_time is None:
        why = "not checked: needs prediction_time and source_time"
        return LeakageCheck(check, "warning", why)
    limit = _moments(prediction_time)
    if isinstance(source_time, Mapping):
        found = {str(name): _moments(times) for name, times in source_time.items()}
    else:
        times = _moments(source_time)
        found = (
            {name: times[:, number] for number, name in enumerate(table.names)}
            if times.ndim == 2 and times.shape[1] == len(table.names)
            else {"": times}
        )
    for name, times in found.items():
        if times.shape != limit.shape:
            where = f"source_time[{name!r}]" if name else "source_time"
            checking.fault(where, f"shape {times.shape}", f"{limit.shape}, or one per column")
            return LeakageCheck(check, "fault", "the times do not fit the rows")
    unknown = int(np.isnan(limit).sum())
    if unknown:
        return LeakageCheck(check, "fault", f"{unknown} rows have no prediction time")
    late = {name: times > limit for name, times in found.items()}
    rows = int(np.any(list(late.values()), axis=0).sum()) if late else 0
    if not rows:
        return LeakageCheck(check, "ok", f"no source event of {limit.size} rows is later")
    named = [name for name, after in late.items() if name and after.any()]
    where = f" in {_comma(named)}" if named else ""
    return LeakageCheck(check, "fault", f"{rows} of {limit.size} rows use later events{where}")


def _moments(times: Any) -> Floats:
    """Return times as numbers, microseconds for datetimes, NaN where missing."""
    if isinstance(times, pl.Series):
        times = times.to_numpy()
    array = np.asarray(times)
    if array.dtype == object:
        array = np.asarray(pl.Series(list(times)).to_numpy())
    if array.dtype.kind == "M":
        numbers = array.astype("datetime64[us]").astype(np.int64).astype(np.float64)
        return np.where(np.isnat(array), np.nan, numbers)
    return array.astype(np.float64)


def _named_by_outcome(table: _Table, outcome_codes: Sequence[str]) -> LeakageCheck:
    check = "columns named in the outcome"
    if not outcome_codes:
        return LeakageCheck(check, "warning", "not checked: needs outcome_codes")
    codes = tuple(outcome_codes)
    under = tuple(f"{code}//" for code in codes)
    named = []
    for name in table.names:
        code = name.rsplit("|", 2)[0]
        if code in codes or code.startswith(under):
            named.append(name)
    if not named:
        return LeakageCheck(check, "ok", f"no column is of the {len(codes)} outcome codes")
    detail = (
        f"{len(named)} columns are made of outcome codes: {_comma(named)}; right only if an "
        "earlier occurrence is meant to predict a later one"
    )
    return LeakageCheck(check, "warning", detail)


def _single_columns(
    table: _Table, outcome: Outcome | Floats | None, limit: float, seed: int
) -> list[LeakageCheck]:
    contains, too_good = "columns that contain the outcome", "single columns that are too good"
    if outcome is None:
        why = "not checked: needs y"
        return [LeakageCheck(contains, "warning", why), LeakageCheck(too_good, "warning", why)]
    had = outcome.event > 0 if isinstance(outcome, Outcome) else outcome > 0
    if not had.any() or (had.all() and not isinstance(outcome, Outcome)):
        why = "not checked: all outcomes are the same"
        return [LeakageCheck(contains, "warning", why), LeakageCheck(too_good, "warning", why)]
    rng = np.random.default_rng(seed)
    index = _screened_rows(had, rng)
    sample = outcome.rows(index) if isinstance(outcome, Outcome) else outcome[index]
    first, second = _sampled_pairs(sample, rng)
    twins: list[str] = []
    ranked: list[tuple[float, _Column]] = []
    for columns, values in table.blocks(index):
        same = _nearly_the_outcome(values, sample)
        twins += [str(column) for column, one in zip(columns, same, strict=True) if one]
        share = _share_in_order(values[first], values[second])
        ranked += list(zip(share.tolist(), columns, strict=True))
    return [_contains(contains, twins, len(table.names)), _too_good(table, outcome, ranked, limit)]


def _contains(check: str, twins: list[str], columns: int) -> LeakageCheck:
    if not twins:
        return LeakageCheck(check, "ok", f"none of {columns} columns determines the outcome")
    return LeakageCheck(check, "fault", f"identical or nearly so: {_comma(twins)}")


def _screened_rows(had: Bools, rng: np.random.Generator) -> Ints:
    if had.size <= MOST_SCREENED_ROWS:
        return np.arange(had.size)
    half = MOST_SCREENED_ROWS // 2
    kinds = [np.flatnonzero(had), np.flatnonzero(~had)]
    chosen = [rng.permutation(kind)[:half] for kind in kinds]
    return np.sort(np.concatenate(chosen))


def _sampled_pairs(sample: Outcome | Floats, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return pairs of rows, the first of which had the event sooner."""
    if isinstance(sample, Outcome):
        cases = np.flatnonzero(sample.event > 0)
        first = rng.choice(cases, SCREENED_PAIRS)
        second = rng.integers(0, len(sample), SCREENED_PAIRS)
        later = sample.time[second] > sample.time[first]
        same = (sample.time[second] == sample.time[first]) & (sample.event[second] == 0)
        return first[later | same], second[later | same]
    cases, controls = np.flatnonzero(sample > 0), np.flatnonzero(sample == 0)
    if not cases.size or not controls.size:
        return cases[:0], controls[:0]
    return rng.choice(cases, SCREENED_PAIRS), rng.choice(controls, SCREENED_PAIRS)


def _share_in_order(first: Floats, second: Floats) -> Floats:
    """Return how far each column ranks the pairs, 0.5 to 1; NaN with too few pairs."""
    known = ~(np.isnan(first) | np.isnan(second))
    pairs = known.sum(0)
    right = ((first > second) + 0.5 * (first == second) * known).sum(0)
    share = np.divide(right, pairs, out=np.full(pairs.size, np.nan), where=pairs >= FEWEST_PAIRS)
    return np.asarray(0.5 + np.abs(share - 0.5))


def _nearly_the_outcome(values: Floats, sample: Outcome | Floats) -> Bools:
    """Say which columns rise or fall with the outcome itself, or with its time."""
    # Imported here: it takes a second, and only the audit needs it.
    from scipy.stats import rankdata

    if isinstance(sample, Outcome):
        targets = [sample.event > 0, sample.event, sample.time]
    else:
        targets = [sample]
    same = np.zeros(values.shape[1], np.bool_)
    for target in targets:
        same |= np.abs(_correlation(values, np.asarray(target, np.float64))) >= NEARLY
        ranks = rankdata(values, axis=0, nan_policy="omit")
        same |= np.abs(_correlation(ranks, rankdata(target))) >= NEARLY
    return same


def _correlation(values: Floats, target: Floats) -> Floats:
    known = ~np.isnan(values)
    count = known.sum(0)
    usable = count >= max(2 * FEWEST_OF_A_LEVEL, 0.05 * len(values))
    size = np.maximum(count, 1)
    filled = np.where(known, values, 0.0)
    centred = np.where(known, filled - filled.sum(0) / size, 0.0)
    aim = np.where(known, target[:, None], 0.0)
    aim = np.where(known, aim - aim.sum(0) / size, 0.0)
    spread = np.sqrt((centred**2).sum(0) * (aim**2).sum(0))
    product = (centred * aim).sum(0)
    usable &= spread > 1e-12 * np.maximum(np.abs(filled).max(0, initial=0.0), 1.0)
    return np.asarray(np.divide(product, spread, out=np.zeros(product.size), where=usable))


def _too_good(
    table: _Table, outcome: Outcome | Floats, ranked: list[tuple[float, _Column]], limit: float
) -> LeakageCheck:
    check = "single columns that are too good"
    known = sorted((one for one in ranked if one[0] == one[0]), key=lambda one: -one[0])
    if not known:
        return LeakageCheck(check, "warning", "no column has enough values to be judged")
    near = [column for share, column in known if share >= limit - SCREENING_SLACK]
    looked = [(column, *_ranked_whole(table, outcome, column)) for column in near[:MOST_LOOKED_AT]]
    over = [(column, value, low, high) for column, value, low, high in looked if value >= limit]
    if over:
        certain = any(low >= limit for _, _, low, _ in over)
        named = [
            f"{column} {value:.3f} ({low:.3f} to {high:.3f})" for column, value, low, high in over
        ]
        more = " or more" if len(near) > MOST_LOOKED_AT else ""
        detail = f"{len(over)}{more} rank the outcome better than {limit:g}: {_comma(named)}"
        return LeakageCheck(check, "fault" if certain else "warning", detail)
    best, column = known[0]
    code = column.name.rsplit("|", 2)[0]
    others = (share for share, one in known if one.name.rsplit("|", 2)[0] != code)
    next_best = next(others, 0.5)
    told = f"the best, {column}, ranks the outcome at {best:.3f}, the next at {next_best:.3f}"
    if best >= FAR_ABOVE_FROM and best - next_best >= FAR_ABOVE:
        return LeakageCheck(check, "warning", f"one column is far above all others: {told}")
    return LeakageCheck(check, "ok", f"none ranks the outcome better than {limit:g}; {told}")


def _ranked_whole(
    table: _Table, outcome: Outcome | Floats, column: _Column
) -> tuple[float, float, float]:
    values = table.one(column)
    index = np.flatnonzero(~np.isnan(values))
    whole = _all_pairs(outcome)
    resamples = Resamples.of(values.size, RESAMPLES, 0).subset(index)
    told = concordance(values[index], rows_of(whole, index), resamples, "").estimate(0.95)
    if told.value >= 0.5:
        return told.value, told.low, told.high
    return 1 - told.value, 1 - told.high, 1 - told.low


def _all_pairs(outcome: Outcome | Floats) -> list[Pairs]:
    if isinstance(outcome, Outcome):
        return harrell_pairs(outcome.of_any_cause())
    return binary_pairs(outcome)


def _subjects_in_two(subjects: Any, split: Any) -> LeakageCheck:
    check = "subjects in two splits"
    if subjects is None or split is None:
        return LeakageCheck(check, "warning", "not checked: needs subjects and split")
    frame = pl.DataFrame({"subject": list(subjects), "split": list(split)}, strict=False)
    count = frame.group_by("subject").agg(pl.col("split").n_unique())
    twice = int((count["split"] > 1).sum())
    if twice:
        detail = f"{twice} of {count.height} subjects are in more than one split"
        return LeakageCheck(check, "fault", detail)
    return LeakageCheck(check, "ok", f"each of {count.height} subjects is in one split")


def _rows_in_two(table: _Table, outcome: Outcome | Floats | None, split: Any) -> LeakageCheck:
    check = "equal rows in two splits"
    if split is None:
        return LeakageCheck(check, "warning", "not checked: needs split")
    parts: dict[str, Any] = {"row": table.row_keys(), "split": list(split)}
    if isinstance(outcome, Outcome):
        parts |= {"event": outcome.event, "time": outcome.time}
    elif outcome is not None:
        parts |= {"event": outcome}
    frame = pl.DataFrame(parts, strict=False)
    keys = [name for name in parts if name != "split"]
    sets = frame.group_by(keys).agg(pl.len(), pl.col("split").n_unique())
    if sets.height < TELLING_ROWS * frame.height:
        detail = (
            f"not telling: only {sets.height} of {frame.height} rows differ, so equal rows are "
            "expected by chance"
        )
        return LeakageCheck(check, "warning", detail)
    equal = sets.filter(pl.col("split") > 1)
    rows = int(equal["len"].sum())
    if rows:
        detail = f"{rows} rows have an equal row, outcome included, in another split"
        return LeakageCheck(check, "warning", detail)
    return LeakageCheck(check, "ok", f"none of {frame.height} rows recurs in another split")
