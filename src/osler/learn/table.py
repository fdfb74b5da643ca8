"""What a user may hand over as `X`, brought to one form: a frame of numbers, truths and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from osler.errors import Fault, InputError
from osler.learn.losses import Floats

NUMBER, TRUTH, WORD = "number", "truth", "word"
FEW_ROWS = 64  # up to here a query costs more than the arithmetic
MOST = 1e50  # so that cubes of splines and squares of sums stay finite
_DTYPES = {NUMBER: pl.Float64, TRUTH: pl.Boolean, WORD: pl.String}
_READABLE: set[type[pl.DataType]] = {pl.Float64, pl.Int64, pl.Boolean, pl.String}


@dataclass(frozen=True)
class Schema:
    """Names and kinds of the columns a model was fitted on.

    Parameters
    ----------
    names
        One per input column, in order.
    kinds
        ``"number"``, ``"truth"`` or ``"word"``, one per column.
    named
        Whether the caller gave the names; without, columns are matched by position.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    named: bool

    @staticmethod
    def of(frame: pl.DataFrame, named: bool) -> Schema:
        """Describe a frame that came from `as_frame`."""
        by_type = {dtype: kind for kind, dtype in _DTYPES.items()}
        return Schema(tuple(frame.columns), tuple(by_type[type(t)] for t in frame.dtypes), named)

    def align(self, X: Any) -> tuple[pl.DataFrame, tuple[str, ...]]:
        """Bring new rows to the fitted columns, by name where both sides have names.

        Returns
        -------
        The frame in fitted order, and notes on what was left aside.

        Raises
        ------
        InputError
            If columns are missing, or hold words where the model learnt numbers or the reverse.
        """
        notes: tuple[str, ...] = ()
        if is_feature_matrix(X):
            extra = len({str(column) for column in X.columns} - set(self.names))
            return self._as_fitted(as_frame(X.select(self.names))[0]), _ignored(extra)
        frame, named = as_frame(X)
        if named and self.named:
            given = frame.columns
            known = set(given)
            missing = [name for name in self.names if name not in known]
            if missing:
                raise InputError([_missing(name) for name in missing])
            notes = _ignored(frame.width - len(self.names))
            names = list(self.names)
            frame = frame if given == names else frame[names]
        elif frame.width != len(self.names):
            raise InputError(
                Fault("X", f"{frame.width} columns", f"the {len(self.names)} of the fit")
            )
        else:
            frame.columns = list(self.names)
        return self._as_fitted(frame), notes

    def _as_fitted(self, frame: pl.DataFrame) -> pl.DataFrame:
        if _types(frame) == [_DTYPES[kind] for kind in self.kinds]:
            return frame
        faults, columns = [], []
        for series, kind in zip(frame.get_columns(), self.kinds, strict=True):
            if series.dtype == _DTYPES[kind]:
                columns.append(series)
            elif series.null_count() == len(series):
                columns.append(series.cast(_DTYPES[kind]))
            elif WORD not in (kind, Schema.of(series.to_frame(), True).kinds[0]):
                columns.append(_number_or_truth(series, kind))
            else:
                faults.append(Fault(f"X column {series.name!r}", f"{series.dtype} values", kind))
        if faults:
            raise InputError(faults)
        return pl.DataFrame(columns) if columns else frame


def _types(frame: pl.DataFrame) -> list[type[pl.DataType]]:
    """Return the class of each column's type: comparing types themselves takes long."""
    return [type(one) for one in frame.dtypes]


def _ignored(extra: int) -> tuple[str, ...]:
    return (f"{extra} columns that the model does not know were ignored",) if extra else ()


def is_feature_matrix(X: Any) -> bool:
    """Return whether `X` can be asked for columns that none of its rows has a cell in.

    Such a column is no mistake there: nobody among these rows had the event.
    """
    return hasattr(X, "to_frame") and hasattr(X, "select") and hasattr(X, "take")


def _number_or_truth(series: pl.Series, kind: str) -> pl.Series:
    if kind == NUMBER:
        return series.cast(pl.Float64)
    return (series != 0).alias(series.name)


def _missing(name: str) -> Fault:
    return Fault("X", f"no column {name!r}", "every column of the fit", "leave cells empty instead")


def as_frame(X: Any) -> tuple[pl.DataFrame, bool]:
    """Bring `X` to a polars frame of Float64, Boolean and String columns; NaN becomes null.

    Parameters
    ----------
    X
        numpy (n, p), polars or pandas frame, or an object with ``to_frame()`` that returns one
        (a FeatureMatrix). Numeric, boolean and string columns; NaN or null is missing. Not changed.

    Returns
    -------
    The frame, and whether the columns came with names of their own.

    Raises
    ------
    InputError
        For a bare sparse matrix, anything not two-dimensional, no columns, repeated column names,
        numbers that are infinite or beyond `MOST`, and columns of dates or nested values; all of
        them at once.
    """
    frame, named = _taken_in(X)
    faults: list[Fault] = []
    frame = _readable(frame, faults)
    numbers = [name for name, dtype in frame.schema.items() if dtype.is_numeric()]
    if numbers and 0 < frame.height <= FEW_ROWS:
        frame, most = _few_as_numbers(frame, numbers)
        faults += _out_of_range(numbers, most)
    elif numbers:
        frame = frame.with_columns(pl.col(numbers).cast(pl.Float64).fill_nan(None))
        most = frame.select(pl.col(numbers).abs().max().fill_null(0.0)).row(0)
        faults += _out_of_range(numbers, most)
    if not frame.width:
        faults.append(Fault("X", "no columns", "at least one"))
    if faults:
        raise InputError(faults)
    return frame, named


def few_as_array(rows: Sequence[tuple[Any, ...]], places: Sequence[int]) -> Floats:
    """Return cells of few rows as an array, shape (n, len(places)), NaN where None.

    Cell by cell: waking the threads that would do it for many rows takes longer.
    """
    cells = [[row[place] for place in places] for row in rows]
    return np.array(cells, dtype=np.float64).reshape(len(rows), len(places))


def _few_as_numbers(
    frame: pl.DataFrame, numbers: list[str]
) -> tuple[pl.DataFrame, tuple[float, ...]]:
    """Bring the numbers of few rows to Float64, NaN to null; return the largest of each too.

    A query, even one for all columns, takes longer on a single row than its model.
    """
    places = [place for place, dtype in enumerate(frame.dtypes) if dtype.is_numeric()]
    rows = frame.rows()
    matrix = few_as_array(rows, places)
    absent = np.isnan(matrix)
    not_null = np.array([[row[place] is not None for place in places] for row in rows])
    columns = frame.get_columns()
    changed = False
    for at, place in enumerate(places):
        holes = bool((absent[:, at] & not_null[:, at]).any())
        if holes or columns[place].dtype != pl.Float64:
            columns[place] = pl.Series(numbers[at], matrix[:, at], nan_to_null=True)
            changed = True
    most = tuple(np.where(absent, 0.0, np.abs(matrix)).max(axis=0).tolist())
    return pl.DataFrame(columns) if changed else frame, most


def _out_of_range(numbers: list[str], most: tuple[float, ...]) -> list[Fault]:
    faults = []
    for name, value in zip(numbers, most, strict=True):
        if value > MOST:
            came = "infinite values" if np.isinf(value) else f"values beyond {MOST:g}"
            faults.append(Fault(f"X column {name!r}", came, "numbers", "leave them empty"))
    return faults


def _taken_in(X: Any) -> tuple[pl.DataFrame, bool]:
    if isinstance(X, pl.DataFrame):
        return X, True
    if isinstance(X, pl.LazyFrame):
        return X.collect(), True
    if hasattr(X, "tocsr") or type(X).__module__.startswith("scipy.sparse"):
        raise InputError(
            Fault(
                "X",
                "a bare sparse matrix",
                "a FeatureMatrix or a frame",
                "a sparse matrix cannot tell a zero from a missing value",
            )
        )
    if type(X).__module__.startswith("pandas") and hasattr(X, "iloc"):
        return _from_pandas(X), True
    if hasattr(X, "to_frame"):
        return as_frame(X.to_frame())
    return _from_array(X), False


def _from_array(X: Any) -> pl.DataFrame:
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise InputError(Fault("X", "rows of unequal length", "a table")) from error
    if array.ndim != 2 or array.dtype.names is not None:
        raise InputError(
            Fault("X", f"an array of shape {array.shape}", "two dimensions", "X.reshape(-1, 1)?")
        )
    if array.dtype.kind in "fiub":
        # A copy by columns: polars would otherwise look into the caller's memory.
        columns = np.array(array, order="F", copy=True)
        return pl.DataFrame({f"x{j}": columns[:, j] for j in range(array.shape[1])})
    faults: list[Fault] = []
    series = [_from_objects(f"x{j}", array[:, j].tolist(), faults) for j in range(array.shape[1])]
    if faults:
        raise InputError(faults)
    return pl.DataFrame(series)


def _from_objects(name: str, values: list[Any], faults: list[Fault]) -> pl.Series:
    present = [None if _is_missing(value) else value for value in values]
    kinds = {type(value) for value in present if value is not None}
    if all(issubclass(kind, bool | np.bool_) for kind in kinds) and kinds:
        return pl.Series(name, [None if v is None else bool(v) for v in present], dtype=pl.Boolean)
    if all(issubclass(kind, bool | int | float | np.number | np.bool_) for kind in kinds):
        return pl.Series(name, [None if v is None else float(v) for v in present], dtype=pl.Float64)
    if all(issubclass(kind, str) for kind in kinds):
        return pl.Series(name, [None if v is None else str(v) for v in present], dtype=pl.String)
    faults.append(
        Fault(f"X column {name!r}", "values of mixed types", "numbers, booleans or strings")
    )
    return pl.Series(name, [None] * len(present), dtype=pl.Float64)


def _is_missing(value: Any) -> bool:
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # pandas.NA has no truth value
        return True


def _from_pandas(X: Any) -> pl.DataFrame:
    names = [str(name) for name in X.columns]
    if len(set(names)) < len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise InputError(
            [Fault("X", f"column {name!r} more than once", "unique names") for name in repeated]
        )
    faults: list[Fault] = []
    series = [
        _pandas_column(name, X.iloc[:, position], faults) for position, name in enumerate(names)
    ]
    if faults:
        raise InputError(faults)
    return pl.DataFrame(series)


def _pandas_column(name: str, column: Any, faults: list[Fault]) -> pl.Series:
    kind = getattr(column.dtype, "kind", "O")
    if kind in "fiub" and not hasattr(column.dtype, "na_value"):
        return pl.Series(name, np.array(column.to_numpy(), copy=True))
    if kind in "mM":
        faults.append(_wrong_type(name, str(column.dtype)))
        return pl.Series(name, [None] * len(column), dtype=pl.Float64)
    return _from_objects(name, column.tolist(), faults)


def _readable(frame: pl.DataFrame, faults: list[Fault]) -> pl.DataFrame:
    """Return the frame with only numbers, truths and words; the rest are faults."""
    if set(_types(frame)) <= _READABLE:
        return frame
    changed = []
    for name, dtype in frame.schema.items():
        if dtype == pl.Object:
            changed.append(_from_objects(name, frame[name].to_list(), faults))
        elif dtype == pl.Null:
            changed.append(frame[name].cast(pl.Float64))
        elif dtype in (pl.Categorical, pl.Enum):
            changed.append(frame[name].cast(pl.String))
        elif dtype not in (pl.Boolean, pl.String) and not dtype.is_numeric():
            faults.append(_wrong_type(name, str(dtype)))
    return frame.with_columns(changed) if changed else frame


def _wrong_type(name: str, came: str) -> Fault:
    return Fault(
        f"X column {name!r}",
        f"values of type {came}",
        "numbers, booleans or strings",
        "turn dates into an age or a duration",
    )
