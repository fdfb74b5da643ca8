"""From a frame of numbers, truths and words to the two designs that learners take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from osler.learn.losses import Bools, Floats, Ints
from osler.learn.table import FEW_ROWS, NUMBER, WORD, Schema, few_as_array

MOST_LEVELS = 100
RAREST_LEVEL = 5
WINSOR = 0.005
KNOTS = (0.05, 0.35, 0.65, 0.95)  # four knots: Harrell 2015, Regression Modeling Strategies, 2.4.6
FEWEST_FOR_SPLINE = 8
ROWS_FOR_SPLINES = 15  # per number: curves on fewer rows cost more than they show
RAREST_INDICATOR = 5
RARE_SHARE = 0.9  # a number this often at one value is a seldom finding, such as a mutated gene


@dataclass(frozen=True)
class ColumnPlan:
    """How one input column becomes design columns; learned without looking at the outcome.

    Parameters
    ----------
    monotone
        1 if a score may only rise with the column, -1 if only fall, 0 if either; such a column has
        no curved terms, since a spline's slope is not of one sign where its coefficient is.
    """

    kind: str
    levels: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    centre: float = 0.0
    scale: float = 1.0
    knots: tuple[float, ...] = ()
    indicator: bool = False
    rare: bool = False
    monotone: int = 0

    @property
    def tree_width(self) -> int:
        """Columns in the design for trees."""
        return max(len(self.levels), 1) if self.kind == WORD else 1

    @property
    def linear_width(self) -> int:
        """Columns in the design for linear predictors."""
        if self.kind == WORD:
            return len(self.levels) + int(self.indicator)
        value = 0 if self.scale == 0 else 1 + max(len(self.knots) - 2, 0)
        return value + int(self.indicator)


@dataclass(frozen=True)
class Encoding:
    """Turns frames of one schema into designs, the same way at fit and at prediction.

    Parameters
    ----------
    schema
        The input columns.
    plans
        One per input column.
    """

    schema: Schema
    plans: tuple[ColumnPlan, ...]

    @staticmethod
    def fit(
        frame: pl.DataFrame,
        named: bool,
        splines: bool = True,
        monotone: Mapping[str, int] | None = None,
    ) -> Encoding:
        """Learn levels, ranges, knots and missingness from a frame out of `as_frame`.

        Numbers get spline terms only where there are `ROWS_FOR_SPLINES` rows for each, and where
        `monotone` does not name a direction for them.
        """
        signs = monotone or {}
        schema = Schema.of(frame, named)
        splines = splines and frame.height >= ROWS_FOR_SPLINES * schema.kinds.count(NUMBER)
        plans = tuple(
            _plan(series, kind, splines, signs.get(series.name, 0))
            for series, kind in zip(frame.get_columns(), schema.kinds, strict=True)
        )
        return Encoding(schema, plans)

    def tree_design(self, frame: pl.DataFrame) -> Floats:
        """Return one column per number or truth (NaN when missing) and one per level of a word."""
        width = len(self.tree_owner)
        design = np.empty((frame.height, width), order="F")
        if frame.height <= FEW_ROWS:
            self._side_by_side.fill_trees(frame, design)
            return design
        at = 0
        for values, plan in self._columns(frame):
            block = design[:, at : at + plan.tree_width]
            if isinstance(values, pl.Series):
                _tree_words(values, plan, block)
            else:
                block[:, 0] = values
            at += plan.tree_width
        return design

    def _columns(self, frame: pl.DataFrame) -> Iterator[tuple[Floats | pl.Series, ColumnPlan]]:
        """Yield each column, words as a series and the rest as numbers with NaN for missing."""
        numeric = [
            name for name, plan in zip(frame.columns, self.plans, strict=True) if plan.kind != WORD
        ]
        matrix = _matrix(frame, numeric)
        at = 0
        for series, plan in zip(frame.get_columns(), self.plans, strict=True):
            if plan.kind == WORD:
                yield series, plan
            else:
                yield matrix[:, at], plan
                at += 1

    def linear_design(self, frame: pl.DataFrame) -> Floats:
        """Return standardised numbers with spline terms, truths, levels and missing indicators.

        Missing cells are at the column's centre, with the indicator set where one was learned.
        """
        width = len(self.linear_owner)
        design = np.zeros((frame.height, width), order="F")
        if frame.height <= FEW_ROWS:
            self._side_by_side.fill(frame, design)
            return design
        at = 0
        for values, plan in self._columns(frame):
            _linear_block(values, plan, design[:, at : at + plan.linear_width])
            at += plan.linear_width
        return design

    @cached_property
    def _side_by_side(self) -> SideBySide:
        return SideBySide(self.plans)

    @cached_property
    def tree_owner(self) -> Ints:
        """Input column of each column of the tree design."""
        return np.repeat(np.arange(len(self.plans)), [plan.tree_width for plan in self.plans])

    @cached_property
    def linear_owner(self) -> Ints:
        """Input column of each column of the linear design."""
        return np.repeat(np.arange(len(self.plans)), [plan.linear_width for plan in self.plans])

    @property
    def linear_curved(self) -> Bools:
        """Whether each column of the linear design is a curved term of a spline."""
        kinds = [
            [at and at <= max(len(plan.knots) - 2, 0) for at in range(plan.linear_width)]
            for plan in self.plans
        ]
        return np.array([bool(one) for kind in kinds for one in kind], dtype=bool)

    @property
    def linear_rare(self) -> Bools:
        """Whether each column of the linear design comes from a number that seldom varies."""
        return np.array([plan.rare for plan in self.plans], dtype=bool)[self.linear_owner]

    @property
    def linear_sign(self) -> Ints:
        """Sign that each linear coefficient must have: 1, -1, or 0 for either."""
        signs = [
            [plan.monotone if at == 0 and plan.scale != 0 else 0 for at in range(plan.linear_width)]
            for plan in self.plans
        ]
        return np.array([one for each in signs for one in each], dtype=np.int64)

    @property
    def tree_sign(self) -> Ints:
        """Direction in which trees may follow each of their columns: 1, -1, or 0 for either."""
        return np.array([plan.monotone for plan in self.plans], dtype=np.int64)[self.tree_owner]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"schema": asdict(self.schema), "plans": [asdict(plan) for plan in self.plans]}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Encoding:
        """Rebuild from `to_json`."""
        schema = data["schema"]
        plans = [
            {**plan, "levels": tuple(plan["levels"]), "knots": tuple(plan["knots"])}
            for plan in data["plans"]
        ]
        return Encoding(
            Schema(tuple(schema["names"]), tuple(schema["kinds"]), bool(schema["named"])),
            tuple(ColumnPlan(**plan) for plan in plans),
        )


class SideBySide:
    """The designs of few rows, all numbers and truths at once; equal but for rounding.

    Parameters
    ----------
    plans
        One per input column.
    """

    def __init__(self, plans: Sequence[ColumnPlan]) -> None:
        starts = np.cumsum([0, *(plan.linear_width for plan in plans)])
        self._numeric = [j for j, plan in enumerate(plans) if plan.kind != WORD]
        own = [plans[j] for j in self._numeric]
        self._words = [(j, plan, starts[j]) for j, plan in enumerate(plans) if plan.kind == WORD]
        self._varied = np.array([k for k, plan in enumerate(own) if plan.scale != 0], dtype=int)
        varied = [own[k] for k in self._varied]
        self._low, self._high, self._centre, self._scale = (
            np.array([getattr(plan, name) for plan in varied], dtype=np.float64)
            for name in ("low", "high", "centre", "scale")
        )
        at_tree = np.cumsum([0, *(plan.tree_width for plan in plans)])
        self._tree_at = at_tree[np.array(self._numeric, dtype=int)]
        self._tree_words = [(j, plan, at_tree[j]) for j, plan, _ in self._words]
        places = starts[np.array(self._numeric, dtype=int)]
        self._value_at = places[self._varied]
        marked = [k for k, plan in enumerate(own) if plan.indicator]
        self._marked = np.array(marked, dtype=int)
        self._mark_at = np.array([places[k] + own[k].linear_width - 1 for k in marked], dtype=int)
        self._curves = [
            self._curve(varied, number) for number in sorted({len(p.knots) for p in varied} - {0})
        ]

    def _curve(self, varied: Sequence[ColumnPlan], number: int) -> tuple[Ints, Floats, Floats]:
        """Return which varied columns have so many knots, the knots, and the curves' centres."""
        which = np.array([k for k, plan in enumerate(varied) if len(plan.knots) == number])
        knots = np.array([varied[k].knots for k in which]).T
        return which, knots, natural_spline(self._centre[which], knots)

    def fill_trees(self, frame: pl.DataFrame, design: Floats) -> None:
        """Fill an empty design for trees."""
        columns = frame.get_columns()
        for j, plan, start in self._tree_words:
            _tree_words(columns[j], plan, design[:, start : start + plan.tree_width])
        design[:, self._tree_at] = few_as_array(frame.rows(), self._numeric)

    def fill(self, frame: pl.DataFrame, design: Floats) -> None:
        """Fill a design for linear predictors that is all zeros."""
        columns = frame.get_columns()
        for j, plan, start in self._words:
            _linear_block(columns[j], plan, design[:, start : start + plan.linear_width])
        if not self._numeric:
            return
        given = few_as_array(frame.rows(), self._numeric)
        design[:, self._mark_at] = np.isnan(given[:, self._marked])
        values = np.clip(given[:, self._varied], self._low, self._high)
        values = np.where(np.isnan(values), self._centre, values)
        design[:, self._value_at] = (values - self._centre) / self._scale
        for which, knots, centres in self._curves:
            curved = natural_spline(values[:, which], knots[:, None, :]) - centres[None]
            for term in range(curved.shape[-1]):
                design[:, self._value_at[which] + 1 + term] = curved[..., term]


def _matrix(frame: pl.DataFrame, names: Sequence[str]) -> Floats:
    """Return numbers and truths as an array, shape (n, len(names)), NaN where missing."""
    if not names:
        return np.empty((frame.height, 0))
    columns = [frame[name] for name in names]
    floats = [one if one.dtype == pl.Float64 else one.cast(pl.Float64) for one in columns]
    return np.asarray(pl.DataFrame(floats).to_numpy())


def _plan(series: pl.Series, kind: str, splines: bool, monotone: int = 0) -> ColumnPlan:
    missing = series.null_count()
    indicator = RAREST_INDICATOR <= missing <= len(series) - RAREST_INDICATOR
    if kind == WORD:
        return ColumnPlan(kind, levels=_levels(series), indicator=indicator)
    values = _numbers(series)
    values = values[~np.isnan(values)]
    if not len(values) or values.min() == values.max():
        return ColumnPlan(kind, scale=0.0, indicator=indicator, monotone=monotone)
    rare = float(np.unique(values, return_counts=True)[1].max()) > RARE_SHARE * len(values)
    low, high = np.quantile(values, [WINSOR, 1 - WINSOR])
    if low == high:
        low, high = values.min(), values.max()
    inside = np.clip(values, low, high)
    return ColumnPlan(
        kind,
        low=float(low),
        high=float(high),
        centre=float(inside.mean()),
        # A seldom finding keeps its own unit: a deviation of one would make it loud.
        scale=float(high - low if rare or kind != NUMBER else inside.std()),
        knots=_knots(inside) if splines and kind == NUMBER and not (rare or monotone) else (),
        indicator=indicator,
        rare=rare,
        monotone=monotone,
    )


def _levels(series: pl.Series) -> tuple[str, ...]:
    """Return the levels frequent enough to learn from; the rest share the reference."""
    counts = series.drop_nulls().value_counts().filter(pl.col("count") >= RAREST_LEVEL)
    ranked = counts.sort(["count", series.name], descending=[True, False])
    return tuple(sorted(ranked[series.name].head(MOST_LEVELS).to_list()))


def _knots(inside: Floats) -> tuple[float, ...]:
    if len(np.unique(inside)) < FEWEST_FOR_SPLINE:
        return ()
    knots = np.unique(np.quantile(inside, KNOTS))
    return tuple(float(k) for k in knots) if len(knots) >= 3 else ()


def _numbers(series: pl.Series) -> Floats:
    return series.cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)


def _one_hot(series: pl.Series, plan: ColumnPlan, block: Floats) -> None:
    place = {level: number for number, level in enumerate(plan.levels)}
    codes = np.array([place.get(word, -1) for word in series.to_list()], dtype=np.int64)
    block[:] = 0.0
    known = np.flatnonzero(codes >= 0)
    block[known, codes[known]] = 1.0


def _tree_words(series: pl.Series, plan: ColumnPlan, block: Floats) -> None:
    _one_hot(series, plan, block)
    block[_absent(series) | (not plan.levels)] = np.nan


def _absent(series: pl.Series) -> Bools:
    """Return which cells are null; asked of the series only where they differ."""
    missing = series.null_count()
    if missing in (0, len(series)):
        return np.full(len(series), missing > 0)
    return series.is_null().to_numpy()


def _linear_block(given: Floats | pl.Series, plan: ColumnPlan, block: Floats) -> None:
    if isinstance(given, pl.Series):
        _one_hot(given, plan, block[:, : len(plan.levels)])
        absent = _absent(given)
    else:
        absent = np.isnan(given)
    if plan.indicator:
        block[:, -1] = absent
    if isinstance(given, pl.Series):
        return
    if plan.scale == 0:
        return
    values = np.clip(given, plan.low, plan.high)
    values[absent] = plan.centre
    block[:, 0] = (values - plan.centre) / plan.scale
    if plan.knots:
        curved = natural_spline(values, np.asarray(plan.knots))
        centre = natural_spline(np.asarray([plan.centre]), np.asarray(plan.knots))
        block[:, 1 : 1 + curved.shape[1]] = curved - centre


def natural_spline(values: Floats, knots: Floats) -> Floats:
    """Return the non-linear part of a restricted cubic spline, linear beyond the outer knots.

    Parameters
    ----------
    values : shape (n,)
        Or any other shape to which a knot broadcasts.
    knots : shape (k,)
        Strictly increasing; the result has k − 2 columns, in units of the range of the knots.

    References
    ----------
    Harrell 2015, Regression Modeling Strategies, 2nd ed., eq. 2.24.
    """
    last, before = knots[-1], knots[-2]
    unit = (last - knots[0]) ** 2

    def cube(at: float) -> Floats:
        return np.maximum(values - at, 0.0) ** 3

    columns = [
        (
            cube(t)
            - cube(before) * (last - t) / (last - before)
            + cube(last) * (before - t) / (last - before)
        )
        / unit
        / (last - knots[0])
        for t in knots[:-2]
    ]
    return np.stack(columns, axis=-1)
