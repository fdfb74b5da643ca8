"""How far a person's variants of a gene speak for a disease of that gene.

The idea is LIRICAL's (Robinson et al. 2020, Am J Hum Genet 107:403-417,
doi:10.1016/j.ajhg.2020.06.021): how likely so many damaging alleles are if the disease is there,
against how likely they are in anyone. From it come the chance of 5 % that a causal allele is
missed, the 0.1 predicted damaging alleles that anyone has in a gene, and the ratio of about 1,000
of an allele that is known as pathogenic. The mixture over whether an allele is damaging is osler's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from osler.genome.diagnose.carried import Strand, Zygosity

Mode = Literal["dominant", "recessive", "x-linked"]
MODES = ("dominant", "recessive", "x-linked")

MISSED = 0.05
FOUND = 1 - MISSED
PREDICTED_RATE, ESTABLISHED_RATE = 0.1, 0.001
MOST_RATIO = 1e6
# Exomiser's limits for a predicted allele, by mode (Smedley et al. 2015, Nat Protoc 10:2004-2015,
# doi:10.1038/nprot.2015.124, default settings): 0.1 %, and 2 % for one of two.
MOST_FREQUENCY: dict[str, float] = {"dominant": 0.001, "recessive": 0.02, "x-linked": 0.001}
# More alleles of one gene than this are noise; pairs are tried among the most damaging.
MOST_ALLELES = 16


@dataclass(frozen=True)
class Damage:
    """An allele of a gene, as it counts.

    Attributes
    ----------
    probability
        That it damages the gene.
    established
        Known as pathogenic, by ClinVar or by its class; not a prediction alone.
    frequency
        The highest known share of any population; None if not known.
    """

    probability: float
    established: bool
    frequency: float | None
    zygosity: Zygosity
    strand: Strand | None = None

    def within(self, mode: str) -> float:
        """Return the probability, 0 where a prediction is too frequent for the mode."""
        common = self.frequency is not None and self.frequency > MOST_FREQUENCY[mode]
        return 0.0 if common and not self.established else self.probability

    @property
    def rate(self) -> float:
        """How many such alleles anyone has in a gene."""
        usual = ESTABLISHED_RATE if self.established else PREDICTED_RATE
        return max(usual, 2 * (self.frequency or 0.0))

    @property
    def on_all_copies(self) -> bool:
        """Whether no copy of the gene is without it."""
        return self.zygosity is not Zygosity.HETEROZYGOUS

    def in_cis(self, other: Damage) -> bool:
        """Say whether both are known to lie on one copy."""
        return self.strand is not None and self.strand == other.strand


def log_ratio(alleles: Sequence[Damage], mode: Mode | None, *, whole: bool) -> float:
    """Return the log likelihood ratio of a disease of the gene.

    Parameters
    ----------
    alleles
        Of the gene; benign ones have probability 0.
    mode
        None if it is not known: the mean of the dominant and the recessive ratio.
    whole
        The whole exome or genome was sequenced, so that finding nothing speaks against. Otherwise
        the ratio is never below 1.

    Returns
    -------
    Natural logarithm, between -6 and 13.9.
    """
    listed = sorted(alleles, key=lambda one: -one.probability)[:MOST_ALLELES]
    none = _none(mode) if whole else 1.0
    if mode == "dominant":
        ratio = _dominant(listed, none)
    elif mode == "recessive":
        ratio = _recessive(listed, none, single=_single() if whole else 1.0)
    elif mode == "x-linked":
        ratio = _x_linked(listed, none)
    else:
        both = [log_ratio(listed, one, whole=whole) for one in ("dominant", "recessive")]
        ratio = sum(map(math.exp, both)) / 2
    least = 0.0 if whole else 1.0
    return math.log(min(max(ratio, least), MOST_RATIO))


def _none(mode: Mode | None) -> float:
    """Return the ratio where nothing was found although all was looked at."""
    missed = MISSED**2 if mode == "recessive" else MISSED
    return missed / math.exp(-PREDICTED_RATE)


def _single() -> float:
    """Return the ratio of one allele where two are needed: the second was missed."""
    return min(1.0, 2 * FOUND * MISSED / PREDICTED_RATE)


def _dominant(alleles: Sequence[Damage], none: float, mode: str = "dominant") -> float:
    """Return the best of the alleles: one is enough."""
    ratios = [
        one.within(mode) * FOUND / one.rate + (1 - one.within(mode)) * none for one in alleles
    ]
    return max(ratios, default=none)


def _x_linked(alleles: Sequence[Damage], none: float) -> float:
    """Return the best allele; with an intact copy beside it, the disease may not show."""
    hidden = [one for one in alleles if not one.on_all_copies]
    plain = [one for one in alleles if one.on_all_copies]
    best = _dominant(plain, none, "x-linked")
    if not hidden:
        return best
    shown = _dominant(hidden, none, "x-linked")
    return max(best if plain else none, (1 + shown) / 2 if shown > 1 else shown)


def _recessive(alleles: Sequence[Damage], none: float, single: float) -> float:
    """Return the best two copies: one allele on all, or two that are not known to be in cis."""
    ratios = [_on_all(one, none) for one in alleles if one.on_all_copies]
    ratios += [
        _pair(one, other, none, single)
        for one, other in combinations(alleles, 2)
        if not one.in_cis(other)
    ]
    chances = [one.within("recessive") for one in alleles]
    ratios += [chance * single + (1 - chance) * none for chance in chances]
    return max(ratios, default=none)


def _on_all(one: Damage, none: float) -> float:
    probability = one.within("recessive")
    # On one copy only (chromosome X of a male) there is one chance to have it, not two.
    rate = one.rate if one.zygosity is Zygosity.HEMIZYGOUS else one.rate**2 / 2
    found = FOUND if one.zygosity is Zygosity.HEMIZYGOUS else FOUND**2
    return probability * found / rate + (1 - probability) * none


def _pair(one: Damage, other: Damage, none: float, single: float) -> float:
    first, second = one.within("recessive"), other.within("recessive")
    both = FOUND**2 / (one.rate * other.rate / 2)
    either = first * (1 - second) + second * (1 - first)
    neither = (1 - first) * (1 - second)
    return first * second * both + either * single + neither * none
