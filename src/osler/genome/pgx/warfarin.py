"""Warfarin: a flow chart in place of rows; its branch on ancestry is shown and never guessed.

CPIC's guideline doses adults by figure 2. Outside African ancestry a published algorithm takes
VKORC1 and CYP2C9*2 and *3, and CYP2C9*5, *6, *8, *11 and CYP4F2*3 change its dose. With African
ancestry nothing is dosed by genotype unless CYP2C9*5, *6, *8 and *11 were tested, and in African
Americans rs12777823 counts too. No table of the release holds the chart, so by how much each allele
changes the dose is left to the figure.

References
----------
Johnson et al. 2017, Clinical Pharmacology and Therapeutics 102:397-404, doi:10.1002/cpt.668,
PMC5546947, figure 2 with its notes; Drozda et al. 2015, Pharmacogenetics and Genomics 25:73-81,
doi:10.1097/FPC.0000000000000108, on what the algorithms miss in African Americans.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from osler.genome.pgx.advice import Advice, DrugAdvice, NotAdvised
from osler.genome.pgx.guidelines import Guideline
from osler.genome.pgx.nouns import GeneCall
from osler.genome.pgx.phenotype import Phenotype

DRUG = "warfarin"
POPULATION = "n/a"
RS12777823 = "rs12777823"
AFRICAN = "with African ancestry"
OTHER = "without African ancestry"
WITHIN_ALGORITHM = ("*2", "*3")
BESIDE_ALGORITHM = ("*5", "*6", "*8", "*11")
CYP4F2_ALLELE = "*3"
POOR = "Poor Metabolizer"
VKORC1_VARIANT = "rs9923231 variant (T)"
FIGURE = "figure 2 of the guideline (doi:10.1002/cpt.668) has by how much"

Calls = Mapping[str, GeneCall]


def advise(
    guideline: Guideline,
    calls: Calls,
    phenotypes: Mapping[str, tuple[Phenotype, ...]],
    rs12777823: str | None,
    caveats: tuple[str, ...] = (),
) -> Advice:
    """Return both branches of the chart for what the genes are.

    Parameters
    ----------
    rs12777823
        The genotype, such as `A/G`; None where it was not read.
    """
    if not _alleles(calls, "CYP2C9") and not _alleles(calls, "VKORC1"):
        why = "nothing is known of CYP2C9 and VKORC1: dose clinically, without genotype"
        genes = guideline.genes
        told = NotAdvised(DRUG, guideline.source, genes, why, guideline.table, guideline.date)
        return (), told
    branches = ((OTHER, _other(calls, phenotypes)), (AFRICAN, _african(calls, rs12777823)))
    shown = "\n".join(f"{when[0].upper()}{when[1:]}: {what}" for when, what in branches)
    note = "The chart branches on ancestry, which is not read from the genome here: both are shown."
    advice = DrugAdvice(
        DRUG,
        guideline.source,
        guideline.genes,
        POPULATION,
        None,
        tuple(_implications(calls, phenotypes, rs12777823)),
        f"{note}\n{shown}",
        tuple((gene, _lookup(calls, gene)) for gene in guideline.genes),
        (*_gaps(calls, rs12777823), *caveats),
        None,
        guideline.citation,
        guideline.url,
        guideline.table,
        guideline.date,
        branches,
        guideline.rxnorm,
    )
    return (advice,), None


def _other(calls: Calls, phenotypes: Mapping[str, tuple[Phenotype, ...]]) -> str:
    """Return what the chart says without African ancestry."""
    if not (_alleles(calls, "CYP2C9") and _alleles(calls, "VKORC1")):
        return "dose clinically: CYP2C9 and VKORC1 are not both known."
    steps = ["calculate the dose with a published algorithm that takes VKORC1 rs9923231 and CYP2C9"]
    steps[0] += " *2 and *3"
    carried = _carried(calls, BESIDE_ALGORITHM)
    if carried:
        steps.append(f"lower it for CYP2C9{', '.join(carried)}; {FIGURE}")
    if CYP4F2_ALLELE in _alleles(calls, "CYP4F2"):
        steps.append(f"raise it for CYP4F2*3; {FIGURE}")
    if POOR in {one.name for one in phenotypes.get("CYP2C9", ())}:
        steps.append("consider another anticoagulant: a CYP2C9 poor metaboliser")
    return "; then ".join(steps) + "."


def _african(calls: Calls, rs12777823: str | None) -> str:
    """Return what the chart says with African ancestry."""
    known = _alleles(calls, "CYP2C9") and _alleles(calls, "VKORC1")
    untested = sorted(set(BESIDE_ALGORITHM) & set(_uncallable(calls)), key=len)
    if not known or untested:
        why = f"CYP2C9{', '.join(untested)} were not tested" if untested else "not both are known"
        return f"dose clinically, without genotype: {why}."
    steps = ["calculate the dose with a published algorithm that takes VKORC1 rs9923231 and CYP2C9"]
    steps[0] += " *2 and *3"
    carried = _carried(calls, BESIDE_ALGORITHM)
    if carried:
        steps.append(
            f"lower it for CYP2C9{', '.join(carried)}, by 20 to 40 % in homozygotes; {FIGURE}"
        )
    if rs12777823 is None:
        steps.append("in African Americans rs12777823 counts too, and was not read")
    elif "A" in rs12777823:
        steps.append(f"in African Americans lower it for rs12777823 {rs12777823}; {FIGURE}")
    return "; then ".join(steps) + "."


def _implications(
    calls: Calls, phenotypes: Mapping[str, tuple[Phenotype, ...]], rs12777823: str | None
) -> Iterable[str]:
    for gene in ("CYP2C9", "VKORC1", "CYP4F2"):
        pairs = _lookup(calls, gene)
        names = dict.fromkeys(one.name for one in phenotypes.get(gene, ()) if one.name)
        yield f"{gene}: {pairs}" + (f" ({' or '.join(names)})" if names else "")
    yield f"{RS12777823}: {rs12777823 or 'not read'}"


def _gaps(calls: Calls, rs12777823: str | None) -> Iterable[str]:
    for gene in ("CYP2C9", "VKORC1", "CYP4F2"):
        if not _alleles(calls, gene):
            yield f"{gene} is not known: this advice does not speak of it"
    if rs12777823 is None:
        yield "rs12777823 was not read"


def _lookup(calls: Calls, gene: str) -> str:
    call = calls.get(gene)
    return " or ".join(map(str, call.diplotypes)) if call and call.diplotypes else "No Result"


def _alleles(calls: Calls, gene: str) -> set[str]:
    call = calls.get(gene)
    if call is None:
        return set()
    return {name for pair in call.diplotypes for name in (pair.first, pair.second) if name}


def _carried(calls: Calls, alleles: Iterable[str]) -> list[str]:
    found = _alleles(calls, "CYP2C9")
    return [name for name in alleles if name in found]


def _uncallable(calls: Calls) -> tuple[str, ...]:
    call = calls.get("CYP2C9")
    return call.uncallable if call else ()
