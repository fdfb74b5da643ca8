"""The numbers of the ranking that are the same for every disease and every term.

They were chosen on published cases by cross-validation over diseases: no number belongs to one
disease (docs/methods/rare-disease.md).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Weights:
    """How much each kind of evidence counts.

    Attributes
    ----------
    default_frequency
        Of a finding whose row says no frequency.
    pseudo_people
        How many people with the default frequency are added to those counted.
    least_frequency
        Below it, a frequency counts as this: a few patients do not show that a finding never is.
    exponent
        Strength of an annotation = frequency ** exponent. Small: that a finding was described
        tells more than in how many of a handful of patients.
    same_name, same_stem, same_gene
        Strength of what Orphanet says of a disease of the same name, of a name alike up to its
        number, or of the same gene, relative to the disease's own.
    sharing_exponent
        The last two are divided by the Orphanet disease's number of genes to this power.
    allelic, series, name
        Strength of what is annotated to the other diseases of the gene, of the mean over the
        other members of a series, and of a finding the disease is named after.
    least_series
        What is weaker than this in a series is left out.
    nearby
        Weight of a match at a more general term, relative to its own likelihood ratio.
    unrelated
        Likelihood ratio of a finding that the disease shares nothing with, before `breadth`.
    unseen
        Added to the number of diseases with a term, so that a term no disease has can be scored.
    breadth
        Power of the sum of a disease's strengths that each observed finding is divided by: a
        disease with a hundred findings explains any one of them less well.
    breadth_offset
        Added to that sum.
    redundancy, unlike
        A finding counts 1 / (1 + redundancy * sum over the others of their likeness beyond
        `unlike`), so that ten words for one face do not count as ten findings.
    exclusion
        Weight of the log of 1 - frequency of an excluded finding.
    never_certain
        Times a frequency before that, so that one exclusion cannot rule out.
    looked_for
        Weight of how well a disease explains an excluded finding: one excludes what one had a
        reason to look for.
    published
        Log prior weight of a disease for each unit of log(1 + publications it is annotated from).
    temper, crowding
        All log likelihood ratios times temper * n ** -crowding, n the number of findings (of those
        present, or of those excluded) that no other implies: findings of one patient depend on
        each other, the more the more there are.
    """

    default_frequency: float = 0.5
    pseudo_people: float = 2.0
    least_frequency: float = 0.02
    exponent: float = 0.25
    same_name: float = 1.0
    same_stem: float = 0.4
    same_gene: float = 0.7
    sharing_exponent: float = 1.0
    allelic: float = 0.3
    series: float = 0.3
    least_series: float = 0.005
    name: float = 0.9
    nearby: float = 0.25
    unrelated: float = 1.0
    unseen: float = 0.2
    breadth: float = 0.4
    breadth_offset: float = 10.0
    redundancy: float = 1.0
    unlike: float = 0.3
    exclusion: float = 0.5
    never_certain: float = 0.98
    looked_for: float = 0.8
    published: float = 0.45
    temper: float = 1.5
    crowding: float = 0.5

    def temper_of(self, findings: int) -> float:
        """Return what the log likelihood ratios of so many findings are multiplied by."""
        return float(self.temper * max(findings, 1) ** -self.crowding)


DEFAULT = Weights()
