"""What a result says in the patient's report, and the events that it puts on the timeline.

Advice to do something unusual comes first; then, in one finding, the drugs whose usual dose stands
by what is known; then each gene; last, abstained, what is not known. Unknown never means safe.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from osler.genome.pgx.advice import DrugAdvice
from osler.genome.pgx.phenoconversion import Phenoconversion
from osler.genome.pgx.result import GeneResult, SampleResult
from osler.knowledge import Release
from osler.model import Evidence, Finding, Provenance, Reason

ADVICE = "drug advice"
GENE = "pharmacogene"
NO_CHANGE = "standard dose by genotype"
CONVERSION = "phenoconversion"
NO_WORD = ("No recommendation", "N/A", None)

Code = tuple[str, float | None, str | None]


def findings(result: SampleResult, *, release: Release, provenance: Provenance) -> list[Finding]:
    """Return the findings of one sample, what deviates from the usual first.

    Parameters
    ----------
    release
        That the result was made with; every finding names it and the date of its table.
    """
    genes = {one.gene: one for one in result.genes}
    deviating = [one for one in result.drugs if one.deviates is not False]
    others = [one for one in result.drugs if one.deviates is False]
    silent = [one for one in others if is_silent(one)]
    usual = [one for one in others if not is_silent(one)]
    found = [_advised(one, genes, release, provenance) for one in _merged(deviating)]
    if result.phenoconversion is not None and result.phenoconversion.inhibitors:
        found.append(_converted(result, result.phenoconversion, release, provenance))
    if usual:
        found.append(_usual(usual, genes, release, provenance))
    if silent:
        found.append(_silent(silent, release, provenance))
    known = [one for one in result.genes if one.phenotype is not None]
    unknown = [one for one in result.genes if one.phenotype is None]
    found += [_gene(one, release, provenance) for one in known]
    return found + [_unknown(one, result, release, provenance) for one in unknown]


def codes(result: SampleResult) -> list[Code]:
    """Return the events of one sample: (code, number, text).

    A gene that was called has `GENOTYPE//CYP2C19//*1/*2` and, where it has one,
    `PHENOTYPE//CYP2C19//Intermediate Metabolizer` with its activity score as number. One that is
    ambiguous or was not called says so in the code, with the candidates as text.
    """
    found: list[Code] = []
    for gene in result.genes:
        shown = gene.call.printed()
        if gene.call.status == "called" and shown:
            found += [(f"GENOTYPE//{gene.gene}//{one}", None, None) for one in shown]
        else:
            candidates = " or ".join(shown) or None
            found.append((f"GENOTYPE//{gene.gene}//{gene.call.status}", None, candidates))
        if gene.phenotype is not None:
            code = f"PHENOTYPE//{gene.gene}//{gene.phenotype}"
            found.append((code, gene.activity_score, None))
    return found


def is_silent(advice: DrugAdvice) -> bool:
    """Tell whether a guideline's row says that there is no recommendation."""
    if advice.classification in NO_WORD:
        return not advice.branches
    return advice.recommendation.startswith(NO_WORD[0])


def _merged(advice: Iterable[DrugAdvice]) -> list[list[DrugAdvice]]:
    """Put together the entries of a drug that recommend the same in the same words."""
    groups: dict[tuple[str, str, str | None], list[DrugAdvice]] = {}
    for one in advice:
        groups.setdefault((one.drug, one.recommendation, one.classification), []).append(one)
    return list(groups.values())


def _advised(
    group: Sequence[DrugAdvice],
    genes: dict[str, GeneResult],
    release: Release,
    provenance: Provenance,
) -> Finding:
    first = group[0]
    populations = [one for one in dict.fromkeys(x.population for x in group) if one != "general"]
    of = f" ({'; '.join(populations)})" if populations else ""
    sentence = first.recommendation.split("\n")[0]
    caveats = [caveat for one in group for caveat in one.caveats]
    return Finding(
        kind=ADVICE,
        statement=f"{first.drug}{of}: {sentence}",
        value=first.recommendation,
        unit=None,
        interval=None,
        reasons=_reasons(first.genes, genes, release),
        evidence=(_evidence(first),),
        caveats=tuple(dict.fromkeys([*caveats, _dated(first.table, first.date, release)])),
        status="final",
        provenance=provenance,
    )


def _usual(
    advice: Sequence[DrugAdvice],
    genes: dict[str, GeneResult],
    release: Release,
    provenance: Provenance,
) -> Finding:
    names = list(dict.fromkeys(one.drug for one in advice))
    asked = list(dict.fromkeys(gene for one in advice for gene in one.genes))
    gaps: dict[str, list[str]] = {}
    for one in advice:
        for caveat in one.caveats:
            gaps.setdefault(caveat, []).append(one.drug)
    caveats = [f"{text} ({', '.join(dict.fromkeys(of))})" for text, of in gaps.items()]
    dates = sorted({one.date for one in advice})
    return Finding(
        kind=NO_CHANGE,
        statement="By the genes that are known, nothing speaks against the usual use of "
        + ", ".join(names),
        value=None,
        unit=None,
        interval=None,
        reasons=_reasons(asked, genes, release),
        evidence=(Evidence("CPIC", "guidelines", f"{len(names)} drugs, {release.name}"),),
        caveats=(
            "genes only: other reasons against a drug, and other genes, are not looked at",
            *caveats,
            f"tables of {' and '.join(dates)} in {release.name}",
        ),
        status="final",
        provenance=provenance,
    )


def _silent(advice: Sequence[DrugAdvice], release: Release, provenance: Provenance) -> Finding:
    names = ", ".join(dict.fromkeys(one.drug for one in advice))
    dates = sorted({one.date for one in advice})
    return Finding(
        kind=ADVICE,
        statement=f"The guidelines make no recommendation by these genes for {names}",
        value=None,
        unit=None,
        interval=None,
        reasons=(),
        evidence=(),
        caveats=(
            "no recommendation does not mean that the usual dose is safe",
            f"tables of {' and '.join(dates)} in {release.name}",
        ),
        status="abstained",
        provenance=provenance,
    )


def _gene(gene: GeneResult, release: Release, provenance: Provenance) -> Finding:
    shown = " or ".join(gene.call.printed()) or " or ".join(label for label, _ in gene.readings)
    score = "" if gene.activity_score is None else f", activity score {gene.activity_score}"
    return Finding(
        kind=GENE,
        statement=f"{gene.gene} {shown}: {gene.phenotype}{score}",
        value=gene.phenotype,
        unit=None,
        interval=None,
        reasons=_reasons([gene.gene], {gene.gene: gene}, release),
        evidence=tuple(
            Evidence(release.name, "table", f"{table} of {date}") for table, date in gene.tables
        ),
        caveats=gene.notes or (_tables_of(gene, release),),
        status="final",
        provenance=provenance,
    )


def _unknown(
    gene: GeneResult, result: SampleResult, release: Release, provenance: Provenance
) -> Finding:
    waiting = [one.drug for one in result.not_advised if gene.gene in one.genes]
    partly = [
        one.drug for one in result.drugs if any(gene.gene in caveat for caveat in one.caveats)
    ]
    shown = " or ".join(gene.call.printed())
    sentence = f"{gene.gene}{f' {shown}' if shown else ''}: no phenotype"
    if waiting:
        sentence += f"; nothing is advised here for {', '.join(dict.fromkeys(waiting))}"
    if partly:
        sentence += f"; advice without it for {', '.join(dict.fromkeys(partly))}"
    return Finding(
        kind=GENE,
        statement=sentence,
        value=None,
        unit=None,
        interval=None,
        reasons=(),
        evidence=(),
        caveats=("unknown is not normal", *gene.notes, *_settled_by(gene), release.name),
        status="abstained",
        provenance=provenance,
    )


def _converted(
    result: SampleResult, conversion: Phenoconversion, release: Release, provenance: Provenance
) -> Finding:
    names = [one.name or "unknown" for one in conversion.phenotypes] or ["unchanged"]
    drugs = list(dict.fromkeys(one.drug for one in result.converted if one.deviates))
    listed = f"; advice then for {', '.join(drugs)}" if drugs else ""
    return Finding(
        kind=CONVERSION,
        statement=f"With the medication list, CYP2D6 acts as {' or '.join(names)}{listed}",
        value=names[0] if len(names) == 1 else None,
        unit=None,
        interval=None,
        reasons=tuple(
            Reason(f"{one.drug}, a {one.strength} inhibitor of CYP2D6", None, one.source)
            for one in conversion.inhibitors
        ),
        evidence=(),
        caveats=(*conversion.caveats, f"phenotypes of {release.name}"),
        status="final",
        provenance=provenance,
    )


def _reasons(
    names: Iterable[str], genes: dict[str, GeneResult], release: Release
) -> tuple[Reason, ...]:
    found = []
    for name in names:
        gene = genes.get(name)
        shown = " or ".join(gene.call.printed()) if gene else ""
        means = (gene.phenotype if gene else None) or "not known"
        source = _tables_of(gene, release) if gene else release.name
        found.append(Reason(f"{name} {shown or 'without a call'}: {means}", None, source))
    return tuple(found)


def _evidence(advice: DrugAdvice) -> Evidence:
    level = advice.classification or "a flow chart, not classified"
    return Evidence(advice.source, level, advice.citation or advice.url)


def _settled_by(gene: GeneResult) -> list[str]:
    return [
        f"{one.what}: {', '.join(one.drugs)} depend on it" if one.drugs else one.what
        for one in gene.settling
    ]


def _tables_of(gene: GeneResult, release: Release) -> str:
    listed = ", ".join(f"{name} of {date}" for name, date in gene.tables)
    return f"{release.name}: {listed}" if listed else release.name


def _dated(table: str, date: str, release: Release) -> str:
    return f"rests on {table} of {date} in {release.name}"
