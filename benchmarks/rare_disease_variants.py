"""Rare disease with an exome: the diagnosis by signs alone, and with the patient's variants.

Published cases (phenopacket-store) whose causal variants are known by place. Each is put into a
made-up annotated exome: in every gene that has a disease, 0.1 rare damaging heterozygous alleles on
average (the background rate of LIRICAL, Robinson et al. 2020), a missense variant or, in one of
ten, a stop. Causal variants are annotated by their HGVS. Neither ClinVar nor gnomAD nor any
predictor is given, so that a causal missense variant looks as any other. The case's own
publications are left out.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

CASES, SEED = 200, 20261123
RATE, STOPS = 0.1, 0.1
SHOWN = 10
HEADER = (
    "##fileformat=VCFv4.2\n##reference=GRCh38\n"
    '##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. '
    'Format: Allele|Consequence|SYMBOL">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tpatient\n"
)
GENOTYPES = {"heterozygous": "0/1", "homozygous": "1/1", "hemizygous": "1"}

Rows = list[dict[str, Any]]


def run() -> Rows:
    """Return a row for each source of evidence."""
    from osler.genome.diagnose import load
    from osler.genome.diagnose.joining import by_disease
    from osler.genome.diagnose.phenopacket import Phenopacket
    from osler.genome.diagnose.variants import evidence

    engine, draw = load(), random.Random(SEED)  # noqa: S311  # no secret
    genes = sorted({gene for found in engine.annotations.genes.values() for gene in found})
    ranks: dict[str, list[int]] = {"signs": [], "signs and variants": [], "variants": []}
    seconds = 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exome.vcf"
        for case in cases(engine, draw):
            path.write_text(exome(case, genes, draw))
            start = time.process_time()
            found = evidence(path, genes=frozenset(genes), sex=case["sex"])
            seconds += time.process_time() - start
            genotype = by_disease(found, engine.annotations)
            about = (case["id"], tuple(case["hpo"]), tuple(case["not_hpo"]), case["sex"])
            packet = Phenopacket(*about, tuple(case["pmid"]))
            truth = case["disease"][0][0]
            for name, given in (("signs", None), ("signs and variants", genotype)):
                answer = engine.rank(
                    packet, exclude_own_publications=True, top=SHOWN, genotype=given
                )
                ranks[name].append(place(truth, [one.disease for one in answer.ranking]))
            ranks["variants"].append(by_variants(engine, truth, genotype))
    return [
        {
            "evidence": name,
            "cases": len(listed),
            "top-1": round(sum(one == 1 for one in listed) / len(listed), 3),
            "top-10": round(sum(one <= SHOWN for one in listed) / len(listed), 3),
            "CPU ms to read an exome": round(1000 * seconds / len(listed)),
        }
        for name, listed in ranks.items()
    ]


def cases(engine: Any, draw: random.Random) -> Rows:
    """Return a sample of the cases that can be ranked and whose variants all have a place."""
    path = Path(os.environ["OSLER_DATA"]) / "genome/phenopackets/cases_dev.jsonl.gz"
    told = engine.annotations
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        listed = [json.loads(line) for line in lines]
    usable = []
    for case in listed:
        index = told.index.get(case["disease"][0][0], len(told.diseases))
        placed = case["variants"] and all(one["vcf"] and one["gene"] for one in case["variants"])
        left_out = set(told.rows_of(case["pmid"]).tolist())
        own = {int(row) for row in (told.disease == index).nonzero()[0]} if placed else set()
        if placed and index < told.n_omim and own - left_out and case["hpo"]:
            usable.append(case)
    return draw.sample(usable, min(CASES, len(usable)))


def exome(case: dict[str, Any], genes: list[str], draw: random.Random) -> str:
    """Return an annotated VCF with the causal variants and the background."""
    rows = []
    for one in case["variants"]:
        _, chromosome, position, reference, alternate = one["vcf"]
        genotype = GENOTYPES.get(one["zyg"], "0/1")
        info = f"CSQ={alternate}|{consequence(one)}|{one['gene']}"
        rows.append((chromosome, position, reference, alternate, info, genotype))
    for number, gene in enumerate(genes):
        if draw.random() < RATE:
            kind = "stop_gained" if draw.random() < STOPS else "missense_variant"
            rows.append(("chr1", 1000 + 100 * number, "G", "A", f"CSQ=A|{kind}|{gene}", "0/1"))
    lines = [
        f"{c}\t{p}\t.\t{r}\t{a}\t50\tPASS\t{info}\tGT\t{gt}\n" for c, p, r, a, info, gt in rows
    ]
    return HEADER + "".join(lines)


def consequence(variant: dict[str, Any]) -> str:
    """Return the Sequence Ontology's term of a published variant, by its HGVS."""
    text = " ".join(variant["hgvs"])
    coding = next((one for one in variant["hgvs"] if ":c." in one), "")
    _, _, _, reference, alternate = variant["vcf"]
    if "fs" in text:
        return "frameshift_variant"
    if "Ter" in text.partition(":p.")[2] and "ext" not in text:
        return "stop_gained"
    if any(sign in coding for sign in ("+1", "+2", "-1", "-2")) and "p.?" in text:
        return "splice_donor_variant"
    if len(reference) != len(alternate):
        longer = len(alternate) > len(reference)
        whole = (len(reference) - len(alternate)) % 3 == 0
        inside = "inframe_insertion" if longer else "inframe_deletion"
        return inside if whole else "frameshift_variant"
    return "missense_variant"


def place(truth: str, ranking: list[str]) -> int:
    """Return the place of the diagnosis; one past the last shown if it is not there."""
    return ranking.index(truth) + 1 if truth in ranking else SHOWN + 1


def by_variants(engine: Any, truth: str, genotype: Any) -> int:
    """Return the place by the variants alone, ties counted as lost."""
    told = engine.annotations
    own = genotype.get(told.index[truth])
    if own is None:
        return SHOWN + 1
    return 1 + sum(
        one.log_lr >= own.log_lr for index, one in genotype.items() if index != told.index[truth]
    )
