"""Who is learned from and who is predicted: folds by stratum, by subject, by site, by time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from osler.errors import Fault, InputError
from osler.learn.losses import Bools, Ints


def stratified_folds(strata: Any, folds: int, seed: int, groups: Any = None) -> Ints:
    """Assign rows to folds so that every stratum spreads evenly and no group is in two folds.

    Parameters
    ----------
    strata : shape (n,)
        For example the cause of each row.
    folds
        At least 2.
    groups : shape (n,), optional
        For example the subject; each gets the highest stratum among its rows.

    Returns
    -------
    shape (n,)
        Fold 0..folds-1 of each row.

    Examples
    --------
    >>> fold = stratified_folds([0, 0, 1, 1], 2, seed=0)
    >>> sorted(fold[:2].tolist()), sorted(fold[2:].tolist())
    ([0, 1], [0, 1])
    """
    level = np.unique(np.asarray(strata), return_inverse=True)[1]
    if folds < 2 or len(level) < folds:
        raise InputError(Fault("folds", f"{folds} for {len(level)} rows", "2 or more, within rows"))
    member = np.arange(len(level)) if groups is None else _in_order_seen(groups)
    count = int(member.max()) + 1
    if count < folds:
        raise InputError(Fault("groups", f"{count} groups", f"at least as many as folds, {folds}"))
    highest = np.zeros(count, dtype=np.int64)
    np.maximum.at(highest, member, level)
    size = np.bincount(member, minlength=count)
    shuffled = np.random.default_rng(seed).permutation(count)
    # Larger groups first, so that the small ones can even the folds out.
    ranked = shuffled[np.lexsort((-size[shuffled], highest[shuffled]))]
    fold_of = np.empty(count, dtype=np.int64)
    fold_of[ranked] = np.arange(count) % folds
    return fold_of[member]


def _in_order_seen(groups: Any) -> Ints:
    values, first, code = np.unique(np.asarray(groups), return_index=True, return_inverse=True)
    rank = np.empty(len(values), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(values))
    return rank[code]


def splits(
    fold: Any, groups: Any = None, forward: bool = False
) -> Iterator[tuple[Any, Bools, Bools]]:
    """Yield (label, training rows, rows to predict) for every fold label, in sorted order.

    Parameters
    ----------
    fold : shape (n,)
        Fold numbers, sites (leave-one-site-out) or periods.
    groups : shape (n,), optional
        Rows of a group that is predicted are left out of that training, whatever their fold.
    forward
        Learn only from labels that sort before the predicted one (temporal validation); the
        first label is then never predicted.
    """
    label = np.asarray(fold)
    member = None if groups is None else np.asarray(groups)
    labels = np.unique(label)
    for value in labels[1:] if forward else labels:
        test = label == value
        train = label < value if forward else ~test
        if member is not None:
            train = train & ~np.isin(member, member[test])
        yield value, train, test
