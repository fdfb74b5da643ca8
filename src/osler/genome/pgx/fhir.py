"""The result as a FHIR R4 bundle by HL7's Genomics Reporting guide.

Variant → Haplotype → Genotype → Therapeutic Implication, each derived from the one before; a
Medication Recommendation (a Task) for every piece of advice that asks for something unusual; a
Genomics Report for every sample. An implication has components and no value of its own, as its
profile demands. Genes that were not called are genotypes without a value and with the reason.

References
----------
HL7 FHIR R4 (4.0.1) and Genomics Reporting Implementation Guide, STU 2 (2.0.0),
http://hl7.org/fhir/uv/genomics-reporting/STU2/; codes from LOINC (https://loinc.org).
"""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

from osler.genome.pgx.advice import DrugAdvice
from osler.genome.pgx.result import GeneResult, PgxResult, SampleResult, SeenVariant

PROFILES = "http://hl7.org/fhir/uv/genomics-reporting/StructureDefinition/"
TO_BE_DETERMINED = "http://hl7.org/fhir/uv/genomics-reporting/CodeSystem/tbd-codes-cs"
LOINC = "http://loinc.org"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
DBSNP = "http://www.ncbi.nlm.nih.gov/snp"
CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
SECTIONS = "http://terminology.hl7.org/CodeSystem/v2-0074"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
ASSEMBLY = "GRCh38"
SAMPLES = "urn:osler:sample"
SHA256 = "urn:osler:sha256"
RESEARCH_ONLY = "Research use; not a medical device."
NO_CHANGE_KNOWN = "No advice that deviates from standard; what is not known is listed, not assumed."

ALLELIC_STATES = {
    (1, 2): ("LA6706-1", "Heterozygous"),
    (2, 2): ("LA6705-3", "Homozygous"),
    (1, 1): ("LA6707-9", "Hemizygous"),
}

Json = dict[str, Any]


def bundle(result: PgxResult) -> Json:
    """Return the whole result as one bundle of the type `collection`.

    Returns
    -------
    dict
        Ids follow from the content: the same result gives the same bundle.
    """
    content = json.dumps([result.knowledge, result.provenance], sort_keys=True, default=dict)
    made = _Bundle(hashlib.sha256(content.encode()).hexdigest())
    for sample in result.samples:
        _add_sample(made, sample, result)
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{made.root}"},
        "entry": made.entries,
    }


class _Bundle:
    """Entries under way, each with an id that follows from the result and its place."""

    def __init__(self, seed: str) -> None:
        self.root = uuid.uuid5(uuid.NAMESPACE_URL, f"osler-pgx:{seed}")
        self.entries: list[Json] = []

    def add(self, kind: str, content: Json) -> Json:
        """Add a resource and return a reference to it."""
        name = str(uuid.uuid5(self.root, f"{kind}-{len(self.entries)}"))
        resource = {"resourceType": kind, "id": name, **content}
        self.entries.append({"fullUrl": f"urn:uuid:{name}", "resource": resource})
        return {"reference": f"urn:uuid:{name}"}


def _add_sample(made: _Bundle, sample: SampleResult, result: PgxResult) -> None:
    patient = made.add("Patient", {"identifier": [{"system": SAMPLES, "value": sample.sample}]})
    variants: dict[str, list[Json]] = {}
    for seen in sample.variants:
        made_of = made.add("Observation", _variant(seen, patient))
        variants.setdefault(seen.gene, []).append(made_of)
    genotypes: dict[str, list[Json]] = {}
    haplotypes: list[Json] = []
    for gene in sample.genes:
        found = _add_gene(made, gene, patient, variants.get(gene.gene, []))
        haplotypes += found[0]
        genotypes[gene.gene] = found[1]
    implications, tasks = [], []
    for advice in sample.drugs:
        basis = [one for gene in advice.genes for one in genotypes.get(gene, [])]
        implication = made.add("Observation", _implication(advice, patient, basis))
        implications.append(implication)
        if advice.deviates is not False:
            tasks.append(made.add("Task", _task(advice, patient, implication)))
    listed = [one for ones in (*variants.values(), haplotypes, *genotypes.values()) for one in ones]
    made.add("DiagnosticReport", _report(sample, result, patient, listed + implications, tasks))


def _add_gene(
    made: _Bundle, gene: GeneResult, patient: Json, variants: list[Json]
) -> tuple[list[Json], list[Json]]:
    """Add the haplotypes of a gene and its genotypes, one for each that is possible."""
    names = dict.fromkeys(
        name for pair in gene.call.diplotypes for name in (pair.first, pair.second) if name
    )
    haplotypes = {
        name: made.add("Observation", _haplotype(gene, name, patient, variants)) for name in names
    }
    if not gene.call.diplotypes and not gene.readings:
        return [], [made.add("Observation", _unknown_genotype(gene, patient))]
    if gene.call.detected or not gene.call.diplotypes:
        label = "; ".join(gene.call.printed()) or "; ".join(one for one, _ in gene.readings)
        return [*haplotypes.values()], [
            made.add("Observation", _genotype(gene, label, patient, variants))
        ]
    genotypes = []
    for pair in gene.call.diplotypes:
        basis = [haplotypes[name] for name in dict.fromkeys((pair.first, pair.second)) if name]
        genotypes.append(made.add("Observation", _genotype(gene, str(pair), patient, basis)))
    return [*haplotypes.values()], genotypes


def _observation(profile: str, code: Json, patient: Json, status: str = "final") -> Json:
    return {
        "meta": {"profile": [PROFILES + profile]},
        "status": status,
        "category": [
            {"coding": [{"system": CATEGORIES, "code": "laboratory"}]},
            {"coding": [{"system": SECTIONS, "code": "GE"}]},
        ],
        "code": code,
        "subject": patient,
    }


def _variant(seen: SeenVariant, patient: Json) -> Json:
    state = ALLELIC_STATES.get((seen.copies, seen.of_copies))
    components = [
        _component(_loinc("48018-6", "Gene studied [ID]"), _concept(seen.gene)),
        _component(
            _loinc("62374-4", "Human reference sequence assembly version"),
            _concept(ASSEMBLY),
        ),
        _component(_loinc("48000-4", "Chromosome"), _concept(seen.chromosome)),
        _component(
            _loinc("81254-5", "Genomic allele start-end"),
            {"valueRange": {"low": {"value": seen.position}}},
        ),
        _component(_loinc("69547-8", "Genomic ref allele [ID]"), {"valueString": seen.reference}),
        _component(_loinc("69551-0", "Genomic alt allele [ID]"), {"valueString": seen.allele}),
    ]
    if state:
        value = {"valueCodeableConcept": _loinc(*state)}
        components.append(_component(_loinc("53034-5", "Allelic state"), value))
    if seen.rsid:
        coded = {"coding": [{"system": DBSNP, "code": seen.rsid}], "text": seen.rsid}
        value = {"valueCodeableConcept": coded}
        components.append(_component(_loinc("81252-9", "Discrete genetic variant"), value))
    code = _loinc("69548-6", "Genetic variant assessment")
    return {
        **_observation("variant", code, patient),
        "valueCodeableConcept": _loinc("LA9633-4", "Present"),
        "component": components,
    }


def _haplotype(gene: GeneResult, name: str, patient: Json, variants: list[Json]) -> Json:
    return {
        **_observation("haplotype", _loinc("84414-2", "Haplotype name"), patient),
        **_concept(f"{gene.gene} {name}"),
        **_derived(variants),
        "component": [_studied(gene)],
    }


def _genotype(gene: GeneResult, label: str, patient: Json, basis: list[Json]) -> Json:
    status = "final" if gene.call.status == "called" else "preliminary"
    return {
        **_observation("genotype", _loinc("84413-4", "Genotype display name"), patient, status),
        **_concept(f"{gene.gene} {label}"),
        **_derived(basis),
        **_notes(gene.notes),
        "component": [_studied(gene)],
    }


def _unknown_genotype(gene: GeneResult, patient: Json) -> Json:
    reason = "unsupported" if gene.call.status == "not callable" else "unknown"
    return {
        **_observation("genotype", _loinc("84413-4", "Genotype display name"), patient),
        "dataAbsentReason": {"coding": [{"system": ABSENT, "code": reason}]},
        **_notes(gene.notes),
        "component": [_studied(gene)],
    }


def _implication(advice: DrugAdvice, patient: Json, basis: list[Json]) -> Json:
    code = _coded("therapeutic-implication", "Therapeutic Implication")
    lookup = ", ".join(f"{gene} {key}" for gene, key in advice.lookup)
    said = " ".join(advice.implications) or "no implication stated"
    components = [
        _component(
            _loinc("51963-7", "Medication assessed [ID]"),
            {"valueCodeableConcept": _drug(advice)},
        ),
        _component(
            _coded("predicted-therapeutic-implication", "Predicted Therapeutic Implication"),
            _concept(lookup),
        ),
        _component(_coded("conclusion-string", "Conclusion text"), {"valueString": said}),
        _component(
            _coded("phenotypic-treatment-context", "Phenotypic treatment context"),
            _concept(advice.population),
        ),
    ]
    if advice.classification:
        components.append(
            _component(
                _loinc("93044-6", "Level of evidence"),
                _concept(f"{advice.source}: {advice.classification}"),
            )
        )
    return {
        **_observation("therapeutic-implication", code, patient),
        **_derived(basis),
        **_notes((*advice.caveats, f"{advice.table} of {advice.date}. {advice.citation}")),
        "component": components,
    }


def _task(advice: DrugAdvice, patient: Json, implication: Json) -> Json:
    return {
        "meta": {"profile": [PROFILES + "medication-recommendation"]},
        "status": "requested",
        "intent": "proposal",
        "code": {"text": "Review the medication against the genotype"},
        "description": advice.recommendation,
        "for": patient,
        "reasonReference": implication,
        **_notes((RESEARCH_ONLY, *advice.caveats)),
        "input": [
            {
                "type": {"text": "medication"},
                "valueCodeableConcept": _drug(advice),
            }
        ],
    }


def _report(
    sample: SampleResult, result: PgxResult, patient: Json, listed: list[Json], tasks: list[Json]
) -> Json:
    release = f"{result.knowledge.get('release')} ({result.knowledge.get('sha256')})"
    unknown = [one.gene for one in sample.genes if one.phenotype is None]
    conclusion = [
        RESEARCH_ONLY,
        f"{len(tasks)} recommendations to review." if tasks else NO_CHANGE_KNOWN,
        f"Without a phenotype: {', '.join(unknown)}." if unknown else "",
        f"Knowledge: {release}.",
    ]
    return {
        "meta": {"profile": [PROFILES + "genomics-report"]},
        **({"extension": [_action(task) for task in tasks]} if tasks else {}),
        "status": "final",
        "category": [{"coding": [{"system": SECTIONS, "code": "GE"}]}],
        "code": _loinc("51969-4", "Genetic analysis report"),
        "subject": patient,
        "result": listed,
        "conclusion": " ".join(one for one in conclusion if one),
    }


def _action(task: Json) -> Json:
    return {"url": PROFILES + "recommended-action", "valueReference": task}


def _drug(advice: DrugAdvice) -> Json:
    if advice.rxnorm is None:
        return {"text": advice.drug}
    coding = {"system": RXNORM, "code": advice.rxnorm, "display": advice.drug}
    return {"coding": [coding], "text": advice.drug}


def _studied(gene: GeneResult) -> Json:
    return _component(_loinc("48018-6", "Gene studied [ID]"), _concept(gene.gene))


def _component(code: Json, value: Json) -> Json:
    return {"code": code, **value}


def _concept(text: str) -> Json:
    return {"valueCodeableConcept": {"text": text}}


def _loinc(code: str, display: str) -> Json:
    return {"coding": [{"system": LOINC, "code": code, "display": display}]}


def _coded(code: str, display: str) -> Json:
    return {"coding": [{"system": TO_BE_DETERMINED, "code": code, "display": display}]}


def _derived(basis: list[Json]) -> Json:
    return {"derivedFrom": basis} if basis else {}


def _notes(notes: tuple[str, ...]) -> Json:
    texts = [note for note in notes if note.strip()]
    return {"note": [{"text": note} for note in texts]} if texts else {}
