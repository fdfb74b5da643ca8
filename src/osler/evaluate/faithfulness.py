"""Whether named reasons are what a prediction rests on: deleting them must move it most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from osler.evaluate.bootstrap import Measured, Resamples
from osler.evaluate.inputs import Checking, Floats
from osler.model import Estimate

_MOVED = "mean absolute change of the prediction when {} is deleted"


@dataclass(frozen=True)
class Faithfulness:
    """How far predictions move without their named reasons, and without as many others.

    Parameters
    ----------
    named, others
        Mean absolute change of the prediction, on its own scale.
    difference
        Named minus others; the explanation is faithful when all of its interval is above 0.
    share
        Of the rows, those whose prediction moves more without the named; even ones count half.
    """

    named: Estimate
    others: Estimate
    difference: Estimate
    share: Estimate

    @property
    def faithful(self) -> bool:
        """Whether deleting the named reasons moves predictions more, chance set aside."""
        return bool(self.difference.low > 0)

    def to_json(self) -> dict[str, Any]:
        """Return the object of `results.json`."""
        parts = ("named", "others", "difference", "share")
        told = {part: getattr(self, part).to_json() for part in parts}
        return {**told, "faithful": self.faithful}


def faithfulness(
    whole: Any,
    without_named: Any,
    without_others: Any,
    *,
    subjects: Any = None,
    level: float = 0.95,
    bootstrap: int = 1000,
    seed: int = 0,
) -> Faithfulness:
    """Compare deleting the reasons that an explanation names with deleting as many others.

    Parameters
    ----------
    whole : shape (n,)
        Predictions with everything known.
    without_named : shape (n,)
        The same rows' predictions without their strongest reasons.
    without_others : shape (n, d)
        Without as many others, drawn d times.
    subjects : shape (n,), optional
        Whose row each is; the bootstrap draws whole subjects.

    Raises
    ------
    InputError
        If the arrays do not fit together or hold what is no number.

    Examples
    --------
    >>> found = faithfulness([0.5, 0.2, 0.7], [0.3, 0.1, 0.4], [[0.48], [0.2], [0.69]])
    >>> found.faithful, round(found.named.value, 3), round(found.others.value, 3)
    (True, 0.2, 0.01)

    References
    ----------
    Samek et al. 2017, IEEE Trans Neural Netw Learn Syst 28:2660-2673 (evaluation by deletion);
    DeYoung et al. 2020, ACL 4443-4458 (comprehensiveness).
    """
    checking = Checking()
    before = checking.numbers(whole, "whole", 1)
    after = checking.numbers(without_named, "without_named", 1)
    other = checking.numbers(without_others, "without_others", 2)
    checking.same_length(after, "without_named", len(before))
    checking.same_length(other, "without_others", len(before))
    drawn = checking.subjects(subjects, len(before))
    checking.settings(level, bootstrap)
    checking.done()
    named = np.abs(after - before)
    others = np.abs(other - before[:, None]).mean(axis=1)
    more = np.where(named > others, 1.0, np.where(named < others, 0.0, 0.5))
    columns = np.column_stack([named, others, named - others, more])
    return _measured(columns, Resamples.of(len(before), bootstrap, seed, drawn), level)


def _measured(columns: Floats, resamples: Resamples, level: float) -> Faithfulness:
    draws = resamples.means(columns)
    meanings = (
        _MOVED.format("what the explanation names"),
        _MOVED.format("as much that it does not name"),
        "how much more the prediction moves without what the explanation names",
        "share of rows whose prediction moves more without what the explanation names",
    )
    named, others, difference, share = (
        Measured(float(columns[:, at].mean()), draws[:, at], len(columns), meaning).estimate(level)
        for at, meaning in enumerate(meanings)
    )
    return Faithfulness(named, others, difference, share)
