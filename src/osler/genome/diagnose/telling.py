"""Which sign to look for next: what would best tell the leading candidates apart.

The expected information of a sign is the mutual information between its presence and which of the
leading candidates it is, with each candidate's frequency of the sign as probability (Shannon 1948,
Bell Syst Tech J 27:379-423).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from osler.genome.diagnose.nouns import TellingSign
from osler.genome.diagnose.profiles import Floats, Places
from osler.genome.diagnose.scoring import Scorer

if TYPE_CHECKING:
    from osler.genome.diagnose.ranking import Findings

LEADERS = 5
MOST_SIGNS = 5
LEAST_BITS = 0.02
EXPECTED_FROM = 0.5
ABSENT_BELOW = 0.05


def telling_signs(
    scorer: Scorer,
    diseases: Sequence[int],
    posteriors: Sequence[float],
    found: Findings,
    left_out: Places,
) -> tuple[TellingSign, ...]:
    """Return the signs with the most expected information on the leading candidates.

    Parameters
    ----------
    diseases, posteriors
        Of the ranking, best first; the first five are told apart.
    found
        What is known already: these terms, what they are kinds of, and kinds of the excluded ones
        are not proposed.
    """
    leaders = np.array(diseases[:LEADERS], np.int64)
    if len(leaders) < 2:
        return ()
    weight = np.array(posteriors[:LEADERS])
    weight = weight / weight.sum() if weight.sum() > 0 else np.full(len(leaders), 1 / len(leaders))
    frequency = scorer.frequencies(leaders, left_out)
    bits = information(weight, frequency)
    bits[_known(scorer, found)] = 0.0
    bits[~_told_of(scorer, leaders, left_out)] = 0.0
    return _chosen(scorer, leaders, frequency, bits)


def information(weight: Floats, frequency: Floats) -> Floats:
    """Return the expected information of each sign in bits.

    Parameters
    ----------
    weight : shape (diseases,)
        Posterior among these, sums to 1.
    frequency : shape (diseases, signs)

    Examples
    --------
    >>> information(np.array([0.5, 0.5]), np.array([[1.0, 0.3], [0.0, 0.3]])).round(3)
    array([1., 0.])
    """
    mean = weight @ frequency
    expected: Floats = _entropy(mean) - weight @ _entropy(frequency)
    return np.maximum(expected, 0.0)


def _entropy(share: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = -share * np.log2(share) - (1 - share) * np.log2(1 - share)
    whole: Floats = np.where((share <= 0) | (share >= 1), 0.0, bits)
    return whole


def _known(scorer: Scorer, found: Findings) -> Places:
    ontology = scorer.library.ontology
    known = {int(one) for term in found.observed for one in ontology.ancestors_of(term)}
    owner = np.repeat(np.arange(len(ontology)), np.diff(ontology.ancestor_starts))
    below = owner[np.isin(ontology.ancestors, np.array(found.excluded, np.int32))]
    return np.union1d(np.array(sorted(known), np.int64), below)


def _told_of(scorer: Scorer, leaders: Places, left_out: Places) -> NDArray[np.bool_]:
    """Tell which signs stand in a leader's own annotations: what can be looked for as such."""
    told = scorer.library.annotations
    rows = np.isin(told.disease, leaders) & ~told.negated
    rows[left_out] = False
    signs = np.zeros(len(scorer.library.ontology), np.bool_)
    signs[told.term[rows]] = True
    return signs


def _chosen(
    scorer: Scorer, leaders: Places, frequency: Floats, bits: Floats
) -> tuple[TellingSign, ...]:
    """Take the best signs, none of them a kind of another that was taken."""
    ontology, told = scorer.library.ontology, scorer.library.annotations
    chosen: list[int] = []
    for term in np.argsort(-bits, kind="stable")[: 40 * MOST_SIGNS].tolist():
        if bits[term] < LEAST_BITS or len(chosen) == MOST_SIGNS:
            break
        family = set(ontology.ancestors_of(term).tolist())
        kin = any(one in family or term in ontology.ancestors_of(one) for one in chosen)
        if not kin:
            chosen.append(term)
    return tuple(
        TellingSign(
            ontology.ids[term],
            ontology.names[term],
            float(bits[term]),
            tuple(
                told.diseases[one]
                for one, share in zip(leaders, frequency[:, term], strict=True)
                if share >= EXPECTED_FROM
            ),
            tuple(
                told.diseases[one]
                for one, share in zip(leaders, frequency[:, term], strict=True)
                if share < ABSENT_BELOW
            ),
        )
        for term in chosen
    )
