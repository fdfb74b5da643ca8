"""Effects for people like each row, with intervals for those conditional effects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from osler.effect.average import mean_and_error
from osler.effect.intervals import SUREST_CHANCE, Residuals, half_widths, inflation
from osler.effect.learners.basis import Basis
from osler.effect.learners.columns import SurfaceColumns
from osler.effect.learners.kernel import search
from osler.effect.learners.noise import relative_variance
from osler.effect.learners.surface import Scales, Sums, Surface, held_out, refine, sums, whole
from osler.effect.nuisance import Nuisance
from osler.effect.problem import BINARY, RMST, TIME_TO_EVENT, Problem
from osler.errors import Damaged, Fault, InputError
from osler.learn.losses import Floats
from osler.learn.modelfile import Stored, load_model, save_model

KIND = "individual-effects"
SAME_NOISE = 0.02


@dataclass(frozen=True)
class Individual:
    """Learned effects; no row of the data is in it.

    Parameters
    ----------
    columns, surface
        Covariates as columns, and the surfaces over them.
    reference
        Place of the arm that others are compared with.
    centre, scale
        Mean and standard deviation of the outcome that was learned from.
    shift : shape (K,)
        What the doubly robust average adds to every effect of an arm.
    shift_variance : shape (K,)
        How uncertain that is.
    wider
        Factor on the standard errors, from held-out residuals.
    bound
        The largest effect there can be; infinite for a continuous outcome.
    estimand
        What `effect` estimates and `interval` covers, in words.
    residuals
        For intervals of a single person's own outcomes.
    """

    columns: SurfaceColumns
    surface: Surface
    reference: int
    centre: float
    scale: float
    shift: Floats
    shift_variance: Floats
    wider: float
    bound: float
    estimand: str
    residuals: Residuals

    def effect(self, frame: pl.DataFrame, arm: int) -> Floats:
        """Return the expected effect of an arm for people like each row, shape (n,)."""
        return self._effect(frame, arm)[0]

    def predict(self, frame: pl.DataFrame, arm: int | None = None) -> Floats:
        """Return the effect of the only other arm, or of the one named; see `effect`."""
        return self.effect(frame, self.other_arm() if arm is None else arm)

    def interval(
        self, frame: pl.DataFrame, level: float = 0.95, arm: int | None = None
    ) -> tuple[Floats, Floats]:
        """Return intervals for the conditional effect at each row, (low, high), each (n,).

        They are for the mean effect of all people with these covariates, not for the difference
        of one person's two outcomes; see `outcome_interval` for that.
        """
        if not 0 < level < 1:
            raise InputError(Fault("level", "a value outside (0, 1)", "such as 0.95"))
        effect, error = self._effect(frame, self.other_arm() if arm is None else arm)
        half = half_widths(error, level)
        # An effect at the bound of its scale still lies within its interval.
        low = np.clip(effect - half, -self.bound, self.bound)
        return low, np.clip(effect + half, -self.bound, self.bound)

    def outcome_interval(
        self, frame: pl.DataFrame, level: float = 0.9, arm: int | None = None
    ) -> tuple[Floats, Floats]:
        """Return conformal intervals for the difference of each person's own two outcomes.

        Far wider than `interval`: both outcomes are uncertain, and nobody has both. Each outcome
        has a weighted conformal interval; the difference lies between their ends.

        References
        ----------
        Lei & Candès 2021, J R Stat Soc B 83:911-938, doi:10.1111/rssb.12445.
        """
        if not 0 < level < 1:
            raise InputError(Fault("level", "a value outside (0, 1)", "such as 0.9"))
        which = self.other_arm() if arm is None else arm
        expected = self.outcomes(frame)
        ends = [self.residuals.ends(one, level) for one in (which, self.reference)]
        low = expected[:, which] + ends[0][0] - (expected[:, self.reference] + ends[1][1])
        high = expected[:, which] + ends[0][1] - (expected[:, self.reference] + ends[1][0])
        return np.clip(low, -self.bound, self.bound), np.clip(high, -self.bound, self.bound)

    def outcomes(self, frame: pl.DataFrame) -> Floats:
        """Return the expected outcome under every arm, shape (n, K)."""
        found = self.surface.outcomes(self.columns.design(frame)) * self.scale + self.centre
        return np.asarray(found + self.shift)

    def other_arm(self) -> int:
        """Return the only arm besides the reference.

        Raises
        ------
        InputError
            If there are several.
        """
        others = [one for one in range(len(self.shift)) if one != self.reference]
        if len(others) > 1:
            raise InputError(Fault("arm", "none", "one of the arms besides the reference"))
        return others[0]

    def _effect(self, frame: pl.DataFrame, arm: int) -> tuple[Floats, Floats]:
        design = self.columns.design(frame)
        mean, variance = self.surface.effect(design, arm, self.reference)
        effect = mean * self.scale + self.shift[arm]
        spread = variance * (self.scale * self.wider) ** 2 + self.shift_variance[arm]
        return np.clip(effect, -self.bound, self.bound), np.sqrt(spread)

    def save(self, folder: str | Path) -> Path:
        """Write it as JSON and arrays with their digests."""
        stored = Stored(KIND, {})
        self.put(stored)
        return save_model(stored, folder)

    @classmethod
    def load(cls, folder: str | Path) -> Individual:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            If there is no such model, or one of a newer format.
        Damaged
            If a file is missing, cut or changed.
        """
        return cls.get(load_model(folder, KIND))

    def put(self, into: Stored) -> None:
        """Add its numbers to a stored model."""
        into.spec["individual"] = {
            "columns": self.columns.to_json(),
            "reference": self.reference,
            "centre": self.centre,
            "scale": self.scale,
            "wider": self.wider,
            "bound": None if np.isinf(self.bound) else self.bound,
            "estimand": self.estimand,
        }
        parts = {
            "mean": self.surface.mean,
            "covariance": self.surface.covariance,
            "shift": self.shift,
            "shift_variance": self.shift_variance,
            **self.surface.basis.arrays(),
            **self.residuals.arrays(),
        }
        into.arrays.update({f"individual_{name}": array for name, array in parts.items()})

    @staticmethod
    def get(stored: Stored) -> Individual:
        """Rebuild from what `put` added.

        Raises
        ------
        Damaged
            If a part is missing or does not fit the others.
        """
        try:
            spec: dict[str, Any] = stored.spec["individual"]
            start = "individual_"
            arrays = {
                k.removeprefix(start): v for k, v in stored.arrays.items() if k.startswith(start)
            }
            arms = len(arrays["shift"])
            basis = Basis.from_arrays(arrays, arms)
            columns = SurfaceColumns.from_json(spec["columns"])
            surface = Surface(basis, arrays["mean"], arrays["covariance"])
            if arrays["mean"].shape != (basis.width,) or basis.columns != columns.width:
                raise Damaged("the model's numbers do not fit its columns")
            if arrays["covariance"].shape != (basis.width, basis.width):
                raise Damaged("the model's numbers do not fit its columns")
            return Individual(
                columns, surface, int(spec["reference"]), float(spec["centre"]),
                float(spec["scale"]), arrays["shift"], arrays["shift_variance"],
                float(spec["wider"]), np.inf if spec["bound"] is None else float(spec["bound"]),
                str(spec["estimand"]), Residuals.from_arrays(arrays, arms),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise Damaged("the model's files lack a part") from error


def learn(problem: Problem, nuisance: Nuisance, seed: int = 0) -> Individual:
    """Learn the effects of every arm against the reference.

    Outcomes of all arms are smooth surfaces over the covariates, with jumps where the data show
    them, that share a part and differ by another; how much each covariate counts, and whether
    the arms differ by more than a constant, is decided by the likelihood of the data.

    Parameters
    ----------
    nuisance
        Its `pseudo` is the outcome; its scores move the average and check the result.
    """
    columns, design = _design(problem, nuisance)
    centre, scale = _standard(nuisance.pseudo)
    y = (nuisance.pseudo - centre) / scale
    kernels = search(design, problem.arm, y, problem.arms, seed)
    basis = Basis.of(kernels, design, seed)
    fit = _fit(basis, design, problem, y, nuisance, kernels.noise**2)
    surface = Surface.of(basis, fit.total, fit.scales, cautious=True)
    residual = (y - fit.level) * scale
    shift, shift_variance = _recentred(problem, nuisance, residual)
    return Individual(
        columns, surface, problem.reference, centre, scale, shift, shift_variance, fit.wider,
        _bound(problem), estimand(problem),
        Residuals.of(residual, problem, nuisance),
    )  # fmt: skip


def _design(problem: Problem, nuisance: Nuisance) -> tuple[SurfaceColumns, Floats]:
    columns = SurfaceColumns.fit(problem.frame, problem.named)
    design = columns.design(problem.frame)
    fewer = columns.screened(design, problem.arm, nuisance.pseudo)
    return (columns, design) if fewer is columns else (fewer, fewer.design(problem.frame))


def _standard(y: Floats) -> tuple[float, float]:
    spread = float(y.std())
    return float(y.mean()), spread if spread > 0 else 1.0


@dataclass(frozen=True)
class _Fit:
    total: Sums
    scales: Scales
    level: Floats
    wider: float


def _fit(
    basis: Basis, design: Floats, problem: Problem, y: Floats, nuisance: Nuisance, noise: float
) -> _Fit:
    """Learn once with equal weights, then with weights by the noise that is left, if it differs."""
    arm, weight = problem.arm, np.ones(len(y))
    masks = [nuisance.fold == one for one in np.unique(nuisance.fold)]
    parts = [(m, sums(basis, design[m], arm[m], y[m], weight[m])) for m in masks]
    total = whole([part for _, part in parts])
    scales = refine(basis, total, noise)
    seen = held_out(basis, design, arm, parts, scales)
    squared = (y - seen.level) ** 2
    variance = relative_variance(design, arm, seen.level, squared)
    if variance.std() > SAME_NOISE:
        weight = 1.0 / variance
        total = sums(basis, design, arm, y, weight)
        scales = refine(basis, total, scales.noise)
    some = seen.judged
    wider = inflation(squared[some], seen.variance, scales.noise * variance[some])
    return _Fit(total, scales, seen.level, wider)


def _recentred(problem: Problem, nuisance: Nuisance, residual: Floats) -> tuple[Floats, Floats]:
    """Return how far doubly robust averages move the effects of each arm, with variances.

    The mean held-out residual of an arm, weighted to all people, is what its surface misses on
    average (Robins, Rotnitzky & Zhao 1994); only what exceeds chance moves it (positive-part
    Stein shrinkage).
    """
    gap, square = np.zeros(problem.arms), np.zeros(problem.arms)
    for one in range(problem.arms):
        rows = problem.arm == one
        weight = 1.0 / np.maximum(nuisance.propensity[rows, one], SUREST_CHANCE)
        gap[one], error, _ = mean_and_error(residual[rows], problem.cluster[rows], weight)
        square[one] = error**2
    moved = gap - gap[problem.reference]
    variance = square + square[problem.reference]
    share = np.maximum(0.0, 1.0 - variance / np.maximum(moved**2, 1e-300))
    share[problem.reference] = 0.0
    return share * moved, share * variance


def _bound(problem: Problem) -> float:
    if problem.kind == BINARY:
        return 1.0
    if problem.kind == TIME_TO_EVENT:
        horizon = problem.horizon or np.inf
        return horizon if problem.measure == RMST else 1.0
    return float(np.inf)


def estimand(problem: Problem) -> str:
    """Say in words what individual effects are."""
    what = {BINARY: "risk", TIME_TO_EVENT: "risk by the horizon"}.get(problem.kind, "mean outcome")
    if problem.kind == TIME_TO_EVENT and problem.measure == RMST:
        what = "mean time without an event up to the horizon"
    return (
        f"conditional effect: the difference of the {what}, arm minus "
        f"{problem.labels[problem.reference]}, among all people with the same covariates; "
        "not the difference of one person's own two outcomes, which nobody can observe"
    )
