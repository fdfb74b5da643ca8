"""Which ACMG/AMP criteria a variant meets, by the files that are there.

A criterion whose source was not given is not assessed; so are those that need the patient, the
family or the laboratory, unless their results are given (docs/methods/acmg.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from osler.genome.diagnose.acmg import (
    CRITERIA,
    MEANING,
    Classification,
    Criterion,
    State,
    Strength,
    classify,
    not_assessed,
)
from osler.genome.diagnose.clinvar import Assertion, ClinVar, Significance
from osler.genome.diagnose.consequence import (
    CANONICAL_SPLICE,
    IN_FRAME,
    MISSENSE,
    NONSENSE_OR_FRAMESHIFT,
    NULL,
    START_LOST,
    STOP_LOST,
    SYNONYMOUS,
    WHOLE_GENE_LOST,
    Consequence,
)
from osler.genome.diagnose.gnomad import Frequencies, Frequency
from osler.genome.diagnose.sites import Allele

BA1_SOURCE = (
    "Richards et al. 2015, doi:10.1038/gim.2015.30; population of at least 2,000 alleles: Ghosh et "
    "al. 2018, Hum Mutat 39:1525-1530, doi:10.1002/humu.23642"
)
BS1_SOURCE = "Richards et al. 2015, doi:10.1038/gim.2015.30; threshold as given"
PM2_SOURCE = (
    "ClinGen Sequence Variant Interpretation Working Group, recommendation for absence or rarity "
    "(PM2), version 1.0, 2020: supporting"
)
PVS1_SOURCE = "Abou Tayoun et al. 2018, Hum Mutat 39:1517-1524, doi:10.1002/humu.23626"
RESIDUE_SOURCE = "Richards et al. 2015, doi:10.1038/gim.2015.30; ClinVar"
REVEL_SOURCE = (
    "REVEL by Pejaver et al. 2022, Am J Hum Genet 109:2163-2177, doi:10.1016/j.ajhg.2022.10.013"
)
SPLICE_SOURCE = (
    "SpliceAI by Walker et al. 2023, Am J Hum Genet 110:1046-1067, doi:10.1016/j.ajhg.2023.06.002"
)
LENGTH_SOURCE = "Richards et al. 2015, doi:10.1038/gim.2015.30"
# Pejaver et al. 2022, table 2.
_REVEL_FOR = ((0.932, Strength.STRONG), (0.773, Strength.MODERATE), (0.644, Strength.SUPPORTING))
_REVEL_AGAINST = (
    (0.003, Strength.VERY_STRONG),
    (0.016, Strength.STRONG),
    (0.183, Strength.MODERATE),
    (0.290, Strength.SUPPORTING),
)
# Walker et al. 2023.
SPLICED_FROM, NOT_SPLICED_TO = 0.2, 0.1
MOST_LOST_SHARE = 0.1


@dataclass(frozen=True)
class Thresholds:
    """The numbers and lists that a laboratory may set otherwise.

    Attributes
    ----------
    ba1_above
        Stand-alone benign above this share (Richards et al. 2015: 5 %).
    bs1_above
        More frequent than the disease allows; it depends on the disease (Whiffin et al. 2017,
        Genet Med 19:1151-1158, doi:10.1038/gim.2017.26), so BS1 is not assessed without it.
    pm2_to
        Rare up to this share; osler's choice, to be set for the disease. 0: only if never seen.
    least_alleles
        A share of fewer alleles says nothing (Ghosh et al. 2018: 2,000, for BA1).
    complete
        The files of frequencies hold every site that the study found: what they do not have was
        not seen. Otherwise absence from them is not absence.
    established_stars
        Stars of ClinVar from which another variant of the residue counts as established.
    loss_of_function
        Genes where loss of function is a known mechanism of disease; None: not told.
    ba1_exceptions
        Variants that ClinGen, or the user, exempts from BA1.
    """

    ba1_above: float = 0.05
    bs1_above: float | None = None
    pm2_to: float = 0.0001
    least_alleles: int = 2000
    complete: bool = False
    established_stars: int = 2
    loss_of_function: frozenset[str] | None = None
    ba1_exceptions: frozenset[Allele] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Sources:
    """What can be asked about a variant; None where the user gave no file."""

    clinvar: ClinVar | None = None
    frequencies: Frequencies | None = None


def assess(
    allele: Allele,
    gene: str,
    told: Consequence | None,
    sources: Sources,
    thresholds: Thresholds,
    given: Iterable[Criterion] = (),
) -> Classification:
    """Classify a variant of one gene.

    Parameters
    ----------
    told
        What it does to the gene; None where the file is not annotated.
    given
        Criteria that the user has judged; they come before those found here, and a note tells
        where the two differ.
    """
    found = [
        _pvs1(gene, told, thresholds),
        *_of_residue(allele, told, sources.clinvar, thresholds),
        _pm4(told),
        _bp3(told),
        *_predicted(told),
        _bp7(told),
        *_of_frequency(allele, sources.frequencies, thresholds),
    ]
    own = {one.code: one for one in found}
    said = {one.code: one for one in given}
    listed = [said.get(code) or own.get(code) or not_assessed(code) for code in CRITERIA]
    classified = classify(listed)
    differing = tuple(
        f"{code} is {said[code].state} as given, {own[code].state} by the files"
        for code in said
        if code in own and own[code].state not in ("not assessed", said[code].state)
    )
    return replace(classified, notes=(*classified.notes, *differing))


def _met(code: str, strength: Strength, source: str, evidence: str) -> Criterion:
    return Criterion(code, "met", source, strength, evidence)


def _not_met(code: str, source: str, evidence: str) -> Criterion:
    return Criterion(code, "not met", source, None, evidence)


def _unannotated(code: str) -> Criterion:
    return not_assessed(code, "the file does not say what the variant does to the gene")


# --- PVS1 -----------------------------------------------------------------------------------------


def _pvs1(gene: str, told: Consequence | None, thresholds: Thresholds) -> Criterion:
    if told is None or not told.terms:
        return _unannotated("PVS1")
    if not told.has(NULL):
        return _not_met("PVS1", PVS1_SOURCE, "no null variant")
    if thresholds.loss_of_function is None:
        why = "a null variant; whether loss of function of the gene causes disease was not given"
        return not_assessed("PVS1", why)
    if gene not in thresholds.loss_of_function:
        why = "a null variant; the gene is not among those given with a known loss of function"
        return not_assessed("PVS1", why)
    strength, why = _null_strength(told)
    return _met("PVS1", strength, PVS1_SOURCE, why)


def _null_strength(told: Consequence) -> tuple[Strength, str]:
    """Return how strong PVS1 is; the weaker way of the decision tree where a step is not known."""
    if told.has(WHOLE_GENE_LOST):
        return Strength.VERY_STRONG, "the whole transcript is lost"
    if told.has(NONSENSE_OR_FRAMESHIFT):
        return _truncation_strength(told)
    if told.has(CANONICAL_SPLICE):
        return Strength.STRONG, "canonical splice site; whether the frame is kept is not known"
    if told.has(START_LOST):
        return Strength.SUPPORTING, "start codon lost; no pathogenic variant before the next known"
    return Strength.STRONG, "an exon is lost; whether the frame is kept is not known"


def _truncation_strength(told: Consequence) -> tuple[Strength, str]:
    """Return the strength of a stop or frameshift by whether the transcript decays."""
    word = "stop gained" if told.has(frozenset({"stop_gained"})) else "frameshift"
    if told.exon is None or told.exons is None:
        return Strength.MODERATE, f"{word}; its exon is not told, so decay is not known"
    place = f"{word} in exon {told.exon} of {told.exons}"
    if told.exon < told.exons - 1:
        return Strength.VERY_STRONG, f"{place}: the transcript is predicted to decay"
    if told.exon == told.exons - 1:
        why = "in its last 50 bases the transcript would not decay, which is not known"
        return Strength.STRONG, f"{place}; {why}"
    if told.lost_share is not None and told.lost_share > MOST_LOST_SHARE:
        return Strength.STRONG, f"{place}: no decay, {told.lost_share:.0%} of the protein lost"
    lost = "how much of the protein is lost is not known"
    if told.lost_share is not None:
        lost = f"{told.lost_share:.0%} of the protein lost"
    return Strength.MODERATE, f"{place}: no decay, {lost}"


# --- PS1, PM5 -------------------------------------------------------------------------------------


def _of_residue(
    allele: Allele, told: Consequence | None, clinvar: ClinVar | None, thresholds: Thresholds
) -> list[Criterion]:
    """Assess PS1 and PM5 by ClinVar's pathogenic variants of the same codon."""
    codes = ("PS1", "PM5")
    if told is None or not told.terms:
        return [_unannotated(code) for code in codes]
    if not told.has(MISSENSE):
        return [_not_met(code, RESIDUE_SOURCE, "no missense variant") for code in codes]
    if clinvar is None:
        return [not_assessed(code, "no ClinVar file was given") for code in codes]
    own = _own_change(allele, told)
    if own is None:
        why = "the codon is not told (VEP's Codons and STRAND), or is not that of the reference"
        return [not_assessed(code, why) for code in codes]
    same, other = _established(allele, told, own, clinvar, thresholds.established_stars)
    # ClinVar by the codon is complete only as far as ClinVar is: not met, not ruled out.
    return [
        _by_residue("PS1", Strength.STRONG, same, clinvar),
        _by_residue("PM5", Strength.MODERATE, other, clinvar),
    ]


def _own_change(allele: Allele, told: Consequence) -> tuple[str, str] | None:
    if told.codon is None or allele.chromosome == "MT":
        return None
    if len(allele.reference) != 1 or len(allele.alternate) != 1:
        return None
    return told.codon.change(0, allele.reference, allele.alternate)


def _established(
    allele: Allele, told: Consequence, own: tuple[str, str], clinvar: ClinVar, stars: int
) -> tuple[list[Assertion], list[Assertion]]:
    """Return established variants with the same change of the protein, and with another."""
    same: list[Assertion] = []
    other: list[Assertion] = []
    for offset in range(-2, 3):
        for one in clinvar.near.get((allele.chromosome, allele.position + offset), ()):
            change = _change_of(one, told, offset)
            sound = one.stars >= stars and one.significance in _ESTABLISHED
            if one.allele == allele or change is None or not sound:
                continue
            if change == own:
                same.append(one)
            elif change[1] not in (own[1], "*", change[0]):
                other.append(one)
    return same, other


_ESTABLISHED = frozenset({Significance.PATHOGENIC, Significance.PATHOGENIC_OR_LIKELY})


def _change_of(one: Assertion, told: Consequence, offset: int) -> tuple[str, str] | None:
    if told.codon is None or len(one.allele.reference) != 1 or len(one.allele.alternate) != 1:
        return None
    return told.codon.change(offset, one.allele.reference, one.allele.alternate)


def _by_residue(
    code: str, strength: Strength, found: list[Assertion], clinvar: ClinVar
) -> Criterion:
    if not found:
        why = f"{clinvar.source}: none that is established, beside the variant itself"
        return _not_met(code, RESIDUE_SOURCE, why)
    named = ", ".join(f"{one.allele} ({one.stars} stars)" for one in found[:3])
    return _met(code, strength, RESIDUE_SOURCE, f"{MEANING[code]}: {named}; {clinvar.source}")


# --- PM4, BP3, PP3, BP4, BP7 ----------------------------------------------------------------------


def _pm4(told: Consequence | None) -> Criterion:
    if told is None or not told.terms:
        return _unannotated("PM4")
    if told.has(NULL):
        return _not_met("PM4", LENGTH_SOURCE, "a null variant, which PVS1 speaks of")
    if told.has(STOP_LOST):
        return _met("PM4", Strength.MODERATE, LENGTH_SOURCE, "the stop codon is lost")
    if told.has(IN_FRAME):
        return not_assessed("PM4", "in frame; whether it lies in a repeat is not known")
    return _not_met("PM4", LENGTH_SOURCE, "the protein keeps its length")


def _bp3(told: Consequence | None) -> Criterion:
    if told is None or not told.terms:
        return _unannotated("BP3")
    if told.has(IN_FRAME):
        return not_assessed("BP3", "in frame; whether it lies in a repeat is not known")
    return _not_met("BP3", LENGTH_SOURCE, "no in-frame insertion or deletion")


def _predicted(told: Consequence | None) -> list[Criterion]:
    """Assess PP3 and BP4: missense by REVEL, others by SpliceAI, a null variant by neither."""
    if told is None or not told.terms:
        return [_unannotated(code) for code in ("PP3", "BP4")]
    if told.has(NULL):
        why = "a null variant, which PVS1 speaks of"
        return [_not_met(code, SPLICE_SOURCE, why) for code in ("PP3", "BP4")]
    return _by_revel(told) if told.has(MISSENSE) else _by_splicing(told)


def _by_revel(told: Consequence) -> list[Criterion]:
    score = told.revel
    spliced = told.splice_ai is not None and told.splice_ai >= SPLICED_FROM
    if score is None:
        if spliced:
            return _by_splicing(told)
        why = "no REVEL score in the file, or several that differ"
        return [not_assessed(code, why) for code in ("PP3", "BP4")]
    words = f"REVEL {score:.3f}"
    damaging = next((one for least, one in _REVEL_FOR if score >= least), None)
    harmless = next((one for most, one in _REVEL_AGAINST if score <= most), None)
    if damaging is None and spliced:
        words += f", but SpliceAI {told.splice_ai:.2f} predicts another splicing"
        damaging, harmless = Strength.SUPPORTING, None
    return [
        _either("PP3", damaging, REVEL_SOURCE, words),
        _either("BP4", harmless, REVEL_SOURCE, words),
    ]


def _by_splicing(told: Consequence) -> list[Criterion]:
    if told.splice_ai is None:
        return [not_assessed(code, "no SpliceAI scores in the file") for code in ("PP3", "BP4")]
    words = f"SpliceAI {told.splice_ai:.2f}"
    damaging = Strength.SUPPORTING if told.splice_ai >= SPLICED_FROM else None
    harmless = Strength.SUPPORTING if told.splice_ai <= NOT_SPLICED_TO else None
    if told.has(IN_FRAME | STOP_LOST):
        # SpliceAI does not speak of what the change does to the protein.
        harmless = None
    return [
        _either("PP3", damaging, SPLICE_SOURCE, words),
        _either("BP4", harmless, SPLICE_SOURCE, words),
    ]


def _bp7(told: Consequence | None) -> Criterion:
    if told is None or not told.terms:
        return _unannotated("BP7")
    if told.is_altering or not told.has(SYNONYMOUS):
        return _not_met("BP7", SPLICE_SOURCE, "not silent")
    if told.splice_ai is None:
        return not_assessed("BP7", "silent; no SpliceAI scores in the file")
    harmless = Strength.SUPPORTING if told.splice_ai <= NOT_SPLICED_TO else None
    return _either("BP7", harmless, SPLICE_SOURCE, f"silent, SpliceAI {told.splice_ai:.2f}")


def _either(code: str, strength: Strength | None, source: str, words: str) -> Criterion:
    if strength is None:
        return _not_met(code, source, words)
    return _met(code, strength, source, words)


# --- PM2, BA1, BS1 --------------------------------------------------------------------------------


def _of_frequency(
    allele: Allele, known: Frequencies | None, thresholds: Thresholds
) -> list[Criterion]:
    codes = ("PM2", "BA1", "BS1")
    if known is None:
        return [not_assessed(code, "no file of frequencies was given") for code in codes]
    found = known.exact.get(allele)
    if found is None:
        return _if_unlisted(allele, known, thresholds)
    why = _doubt(found, thresholds)
    if why is not None:
        return [not_assessed(code, why) for code in codes]
    return [
        _pm2(found, thresholds, known.name),
        _ba1(allele, found, thresholds, known.name),
        _bs1(allele, found, thresholds, known.name),
    ]


def _if_unlisted(allele: Allele, known: Frequencies, thresholds: Thresholds) -> list[Criterion]:
    """Assess a variant that the files do not have: absent only where they looked."""
    site = known.site_of(allele)
    if site is not None and _doubt(site, thresholds) is None:
        words = f"{known.name} has other alleles at this position, not this one"
    elif thresholds.complete:
        words = f"not in {known.name}, which was said to be complete; coverage is not known"
    else:
        why = f"not in {known.name}, which may be a part of the study or not cover the position"
        return [not_assessed(code, why) for code in ("PM2", "BA1", "BS1")]
    return [
        _met("PM2", Strength.SUPPORTING, PM2_SOURCE, words),
        _not_met("BA1", BA1_SOURCE, words),
        _not_met("BS1", BS1_SOURCE, words),
    ]


def _doubt(found: Frequency, thresholds: Thresholds) -> str | None:
    if found.most is None:
        return "the file of frequencies has the variant without a frequency"
    if found.filters:
        return f"the site failed filters ({', '.join(found.filters)[:80]})"
    number = found.number
    if number is not None and number < thresholds.least_alleles:
        return f"only {number} alleles were looked at"
    return None


def _words(found: Frequency, name: str) -> str:
    share = "" if found.most is None else f"{found.most:.3g}"
    where = "in the population with most" if found.most == found.highest else "of all alleles"
    return f"frequency {share} {where}; {name}"


def _pm2(found: Frequency, thresholds: Thresholds, name: str) -> Criterion:
    rare = found.most is not None and found.most <= thresholds.pm2_to
    words = f"{_words(found, name)}; rare up to {thresholds.pm2_to:g}"
    return _either("PM2", Strength.SUPPORTING if rare else None, PM2_SOURCE, words)


def _ba1(allele: Allele, found: Frequency, thresholds: Thresholds, name: str) -> Criterion:
    words = f"{_words(found, name)}; common above {thresholds.ba1_above:g}"
    state: State = "not met"
    if found.most is not None and found.most > thresholds.ba1_above:
        if allele in thresholds.ba1_exceptions:
            return not_assessed("BA1", f"{words}; exempted from BA1, as given")
        counted = found.most_number
        if counted is not None and counted < thresholds.least_alleles:
            return not_assessed("BA1", f"{words}; only {counted} alleles in that population")
        state = "met"
    return Criterion("BA1", state, BA1_SOURCE, None, words)


def _bs1(allele: Allele, found: Frequency, thresholds: Thresholds, name: str) -> Criterion:
    if thresholds.bs1_above is None:
        return not_assessed("BS1", "how frequent the disease allows a variant to be was not given")
    words = f"{_words(found, name)}; allowed up to {thresholds.bs1_above:g}"
    above = found.most is not None and found.most > thresholds.bs1_above
    if _ba1(allele, found, thresholds, name).state == "met":
        return _not_met("BS1", BS1_SOURCE, f"{words}; BA1 speaks of it")
    return _either("BS1", Strength.STRONG if above else None, BS1_SOURCE, words)
