"""What became of the people most like a new one, in groups, so that no row of theirs is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osler.errors import NotEstimable
from osler.evaluate import incidence
from osler.evaluate.curves import wilson_interval
from osler.learn.losses import Floats, Ints

FEWEST_PEOPLE = 10
USUAL_PEOPLE = 50
MOST_PEOPLE = 500
EVENTS_WANTED = 20
LEAST_SHARE = 4  # no group is more than a quarter of all
LEVEL = 0.95
STEPS = 12
USUAL_SHARE = 0.995
ARRAYS = ("centres", "people", "value", "low", "high", "few", "predicted")


@dataclass(frozen=True)
class Group:
    """The group of people that one person is most like.

    Parameters
    ----------
    people
        How many they are; never fewer than `FEWEST_PEOPLE`.
    value, low, high : shape (K, t)
        Share who had each outcome by each time, with interval; NaN where it is not told.
    few : shape (K, t)
        Why not: fewer than `FEWEST_PEOPLE` of them had it.
    predicted : shape (K, t)
        What the model predicts of them on average.
    distance
        From the person to the middle of the group.
    unlike
        The person is farther from every group than nearly everyone who was learned from: these
        are not people like this one.
    """

    people: int
    value: Floats
    low: Floats
    high: Floats
    few: NDArray[np.bool_]
    predicted: Floats
    distance: float
    unlike: bool


@dataclass(frozen=True)
class Alike:
    """Groups of people alike in what moves their predictions, and what became of each group.

    People are parted in two halves along the direction in which their coordinates differ most,
    and each half again, until a group would be too small; so that groups are about equally large.
    Kept of a group are its mean, its size and its outcomes. An outcome that fewer than
    `FEWEST_PEOPLE` of it had, or are known not to have had, is not kept.

    Parameters
    ----------
    centres : shape (g, q)
        Mean coordinates of each group.
    people : shape (g,)
    value, low, high, few, predicted : shape (g, K, t)
    usual
        Distance to the nearest centre that `USUAL_SHARE` of those learned from keep.
    total
        How many people there are in all groups.

    References
    ----------
    Boley 1998, Data Mining and Knowledge Discovery 2:325-344 (principal direction divisive
    partitioning).
    """

    centres: Floats
    people: Ints
    value: Floats
    low: Floats
    high: Floats
    few: NDArray[np.bool_]
    predicted: Floats
    usual: float
    total: int

    @classmethod
    def of_times(
        cls,
        coordinates: Floats,
        y: NDArray[Any],
        times: Sequence[float] | Floats,
        *,
        causes: int,
        entry: Floats | None = None,
        predicted: Floats | None = None,
        least: int | None = None,
    ) -> Alike:
        """Group people with a time to event; one row is one person.

        Parameters
        ----------
        coordinates : shape (n, q)
            Out of a model's `coordinates`.
        y : shape (n,)
            Structured, `event` (0 censored, 1..K) and `time`.
        times
            By when outcomes are counted.
        predicted : shape (n, K, t), optional
            What the model predicts of each.
        least
            Fewest people in a group; None: what `least_people` says.

        Raises
        ------
        NotEstimable
            If there are too few people for two groups.
        """
        at = np.asarray(times, dtype=np.float64)
        middle = at[len(at) // 2]
        share = float(np.mean((y["event"] == 1) & (y["time"] <= middle)))
        groups = parted(coordinates, least or least_people(len(y), share))
        told = [
            _incidence(y[rows], at, causes, None if entry is None else entry[rows])
            for rows in groups
        ]
        return _assembled(coordinates, groups, told, predicted)

    @classmethod
    def of_classes(
        cls,
        coordinates: Floats,
        codes: Ints,
        classes: int,
        *,
        predicted: Floats | None = None,
        least: int | None = None,
    ) -> Alike:
        """Group people with a class 0..classes-1; one row is one person, and t is 1.

        Parameters
        ----------
        predicted : shape (n, K, 1), optional
            What the model predicts of each.

        Raises
        ------
        NotEstimable
            If there are too few people for two groups.
        """
        share = float(np.bincount(codes, minlength=classes).max() / max(len(codes), 1))
        groups = parted(coordinates, least or least_people(len(codes), share))
        told = [_shares(np.bincount(codes[rows], minlength=classes)) for rows in groups]
        return _assembled(coordinates, groups, told, predicted)

    @classmethod
    def of_label(
        cls,
        coordinates: Floats,
        label: Ints,
        *,
        predicted: Floats | None = None,
        least: int | None = None,
    ) -> Alike:
        """Group people with a label 0 or 1; K and t are 1, the share is that of 1.

        Parameters
        ----------
        predicted : shape (n, 1, 1), optional
            What the model predicts of each.

        Raises
        ------
        NotEstimable
            If there are too few people for two groups.
        """
        groups = parted(coordinates, least or least_people(len(label), float(np.mean(label))))
        told = []
        for rows in groups:
            had = int(label[rows].sum())
            told.append(tuple(one[1:] for one in _shares(np.array([len(rows) - had, had]))))
        return _assembled(coordinates, groups, told, predicted)

    def group_of(self, coordinates: Floats) -> Group:
        """Return the group whose middle is nearest to one person's coordinates, shape (q,)."""
        distances = np.sqrt(((self.centres - coordinates) ** 2).sum(axis=1))
        nearest = int(np.argmin(distances))
        return Group(
            int(self.people[nearest]),
            self.value[nearest],
            self.low[nearest],
            self.high[nearest],
            self.few[nearest],
            self.predicted[nearest],
            float(distances[nearest]),
            bool(distances[nearest] > self.usual),
        )


def least_people(people: int, share: float) -> int:
    """Return the fewest people of a group: so many that about `EVENTS_WANTED` of them had it.

    At least `USUAL_PEOPLE`, or a quarter of all where these are few; at most `MOST_PEOPLE`.

    Raises
    ------
    NotEstimable
        If two groups of `FEWEST_PEOPLE` cannot be made.

    Examples
    --------
    >>> least_people(2000, 0.25), least_people(2000, 0.05), least_people(100, 0.25)
    (80, 400, 25)
    """
    if people < 2 * FEWEST_PEOPLE:
        raise NotEstimable(
            f"{people} people are too few to be told in groups; at least {2 * FEWEST_PEOPLE} are "
            "needed"
        )
    wanted = EVENTS_WANTED / max(share, EVENTS_WANTED / MOST_PEOPLE)
    usual = min(max(round(wanted), USUAL_PEOPLE), MOST_PEOPLE)
    return max(min(usual, people // LEAST_SHARE), FEWEST_PEOPLE)


def parted(coordinates: Floats, least: int) -> list[Ints]:
    """Return rows in groups of at least `least` and fewer than twice as many, as nearly alike.

    Raises
    ------
    NotEstimable
        If `least` is below `FEWEST_PEOPLE`, or there are fewer rows than that.
    """
    if least < FEWEST_PEOPLE or len(coordinates) < least:
        raise NotEstimable(
            f"groups of {least} of {len(coordinates)} people cannot be told; groups have at least "
            f"{FEWEST_PEOPLE}"
        )
    waiting, done = [np.arange(len(coordinates))], []
    while waiting:
        rows = waiting.pop()
        if len(rows) < 2 * least:
            done.append(np.sort(rows))
            continue
        order = rows[np.argsort(_along_widest(coordinates[rows]), kind="stable")]
        waiting += [order[: len(rows) // 2], order[len(rows) // 2 :]]
    return done


def _along_widest(coordinates: Floats) -> Floats:
    """Return each row's place along the direction in which the rows differ most."""
    centred = coordinates - coordinates.mean(axis=0)
    widest = np.argmax((centred**2).sum(axis=0))
    place = centred[:, widest]
    for _ in range(STEPS):
        direction = centred.T @ place
        length = float(np.sqrt(direction @ direction))
        if length == 0:
            break
        place = centred @ (direction / length)
    return np.asarray(place)


Told = tuple[Floats, Floats, Floats, NDArray[np.bool_]]


def _incidence(y: NDArray[Any], times: Floats, causes: int, entry: Floats | None) -> Told:
    """Return Aalen and Johansen's incidence of every cause, shape (K, t), where it may be told."""
    shape = (causes, len(times))
    value, low, high = (np.full(shape, np.nan) for _ in range(3))
    had = np.array(
        [
            [((y["event"] == cause) & (y["time"] <= time)).sum() for time in times]
            for cause in range(1, causes + 1)
        ]
    )
    few = had < FEWEST_PEOPLE
    if not (y["event"] > 0).any():
        return value, low, high, few
    grid, place = np.unique(times, return_inverse=True)
    curves = incidence(y, grid, entry=entry, level=LEVEL)
    for cause in range(causes):
        for at, time in enumerate(times):
            without = (y["time"] > time) | ((y["event"] > 0) & (y["event"] != cause + 1))
            if not few[cause, at] and without.sum() >= FEWEST_PEOPLE:
                curve = curves[cause + 1]
                value[cause, at], low[cause, at], high[cause, at] = (
                    one[place[at]] for one in (curve.value, curve.low, curve.high)
                )
    return value, low, high, few


def _shares(counts: Ints) -> Told:
    """Return the share of every class, shape (k, 1), where it may be told."""
    total = int(counts.sum())
    value, low, high = (np.full((len(counts), 1), np.nan) for _ in range(3))
    few = (counts < FEWEST_PEOPLE)[:, None]
    for at in _tellable(counts):
        value[at, 0] = counts[at] / total
        low[at, 0], high[at, 0] = wilson_interval(value[at, 0], total, LEVEL)
    return value, low, high, few


def _tellable(counts: Ints) -> list[int]:
    """Return the classes whose share may be told: the others together are nobody or ten or more.

    What is not told could else be had by taking what is told from the whole.
    """
    order = [int(one) for one in np.argsort(counts, kind="stable")]
    hidden = [at for at in order if counts[at] < FEWEST_PEOPLE]
    left = [at for at in order if at not in hidden]
    while hidden and left and counts[hidden].sum() < FEWEST_PEOPLE:
        hidden.append(left.pop(0))
    return [] if len(left) == 1 and counts[left[0]] > counts.sum() - FEWEST_PEOPLE else left


def _assembled(
    coordinates: Floats, groups: Sequence[Ints], told: Sequence[Any], predicted: Floats | None
) -> Alike:
    centres = np.stack([coordinates[rows].mean(axis=0) for rows in groups])
    nearest = np.min([((coordinates - one) ** 2).sum(axis=1) for one in centres], axis=0)
    value, low, high, few = (np.stack([one[part] for one in told]) for part in range(4))
    return Alike(
        centres,
        np.array([len(rows) for rows in groups], dtype=np.int64),
        value,
        low,
        high,
        few,
        np.full(value.shape, np.nan)
        if predicted is None
        else np.stack([predicted[rows].mean(axis=0) for rows in groups]),
        float(np.sqrt(np.quantile(nearest, USUAL_SHARE))),
        len(coordinates),
    )
