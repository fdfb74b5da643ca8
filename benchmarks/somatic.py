"""Tumours interpreted by CIViC: the women of METABRIC, and how much of CIViC is understood.

The 1,980 women of METABRIC with a clinical record, each with her mutations and receptor status;
the genes in the mutation file count as assayed. Two real tumours (TCGA, as PCGR's examples have
them) are matched by coordinates where OSLER_DATA is set. PCGR is the peer; it needs a reference
bundle of tens of gigabytes and cannot be installed from a package alone, so nothing of it stands
beside. Run: make bench ARGS=somatic
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median
from typing import Any

import polars as pl

import osler.demo
from osler.config import DATA
from osler.genome.somatic import (
    AlterationKind,
    Interpreted,
    SomaticResult,
    Tumour,
    interpret,
    load,
)
from osler.genome.somatic.civic import Civic
from osler.genome.somatic.document import unread_names
from osler.genome.somatic.interpret import SENSITIVE
from osler.genome.somatic.maf import read_maf
from osler.genome.somatic.names import Kind

FOLDER = Path(osler.demo.__file__).parent / "data"
RECEPTORS = {"ER": "ER Status", "PR": "PR Status", "HER2": "HER2 Status"}
WORDS = {"+": "positive", "-": "negative", "Positive": "positive", "Negative": "negative"}
TUMOURS_BOUND = 200.0
REPEATS = 3
NOT_SHOWN_BY_GENES = {Kind.EXPRESSION, Kind.OTHER_TEST, Kind.POLYMORPHISM}
EXAMPLES = {"T001-BRCA": "breast cancer", "T001-COAD": "colon adenocarcinoma"}


def run() -> list[dict[str, Any]]:
    """Return rows of the table: what was measured and its value."""
    began = time.process_time()
    civic = load()
    loaded = time.process_time() - began
    tumours = _women()
    seconds = []
    for _ in range(REPEATS):
        began = time.process_time()
        results = [interpret(tumour, civic) for tumour in tumours]
        seconds.append(time.process_time() - began)
    rate = len(tumours) / median(seconds)
    return [
        *_understood(civic),
        _row("reading the release, seconds of one core", loaded),
        _row("women of METABRIC", len(tumours)),
        _row("tumours a second of one core, after reading", rate, f"≥ {TUMOURS_BOUND:.0f}"),
        *_shares(results),
        _row("`osler genome somatic`, one tumour, process start included, seconds", _command()),
        *_examples(civic),
    ]


def _row(what: str, value: Any, bound: str | None = None) -> dict[str, Any]:
    return {"what": what, "osler": value, "bound": bound}


def _women() -> list[Tumour]:
    clinical = pl.read_parquet(FOLDER / "metabric_clinical.parquet").filter(
        pl.col("Nottingham prognostic index").is_not_null()
    )
    file = read_maf(FOLDER / "metabric_mutations.maf.parquet")
    genes = frozenset(one.gene for ones in file.tumours.values() for one in ones)
    return [
        Tumour(
            tuple(file.tumours.get(row["Sample ID"], ())),
            "breast cancer",
            receptors={
                name: WORDS[row[column]]
                for name, column in RECEPTORS.items()
                if row[column] in WORDS
            },
            assayed_genes=genes,
            sample=row["Sample ID"],
        )
        for row in clinical.iter_rows(named=True)
    ]


def _understood(civic: Civic) -> list[dict[str, Any]]:
    """Count the names of CIViC that are read, and those that a test of genes can show."""
    variants = list(civic.variants.values())
    read = len(variants) - len(unread_names(civic))
    shown = [
        one
        for one in variants
        if one.name.read
        and not any(pattern.kind in NOT_SHOWN_BY_GENES for pattern in one.name.patterns)
    ]
    return [
        _row(
            f"names of CIViC's {len(variants):,} variants that are read, share",
            read / len(variants),
        ),
        _row("of which a test of genes can show, share", len(shown) / len(variants)),
    ]


def _shares(results: list[SomaticResult]) -> list[dict[str, Any]]:
    """Give the share of women with each tier, and with a drug in their own disease."""
    best = [
        min((one.tier.tier for one in result.alterations if one.tier and _found(one)), default="")
        for result in results
    ]
    drugs = [
        any(one.drugs(SENSITIVE) and _found(one) for one in result.alterations)
        for result in results
    ]
    suspected = [any(one.germline for one in result.alterations) for result in results]
    shares = {
        "with a tier I or II alteration": [tier.startswith("I") and tier != "III" for tier in best],
        "with tier I": [tier in {"I-A", "I-B"} for tier in best],
        "with tier I-A": [tier == "I-A" for tier in best],
        "with evidence for a drug's effect in breast cancer": drugs,
        "with an alteration that may be inherited": suspected,
    }
    return [_row(f"women {what}, share", mean(those)) for what, those in shares.items()]


def _found(one: Interpreted) -> bool:
    """Tell an alteration from a gene that was tested and is as it should be."""
    return one.alteration.kind is not AlterationKind.WILD_TYPE


def _command() -> float:
    """Time the command on one tumour of a few mutations."""
    frame = pl.read_parquet(FOLDER / "metabric_mutations.maf.parquet")
    one = frame.filter(pl.col("Tumor_Sample_Barcode") == frame["Tumor_Sample_Barcode"][0])
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "tumour.maf"
        one.write_csv(path, separator="\t")
        command = [sys.executable, "-m", "osler", "genome", "somatic", str(path)]
        seconds = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            out = Path(name) / "somatic.json"
            subprocess.run(
                [*command, "--cancer", "breast cancer", "--out", str(out)],
                check=True,
                capture_output=True,
            )
            seconds.append(time.perf_counter() - began)
            assert json.loads(out.read_text("utf-8"))["samples"]
    return median(seconds)


def _examples(civic: Civic) -> list[dict[str, Any]]:
    """Name what is found in two unannotated VCFs, by allele alone."""
    from osler.genome.somatic.vcf import read_somatic_vcf

    data = DATA.read()
    if not data:
        return []
    rows = []
    for name, cancer in EXAMPLES.items():
        path = Path(data) / "genome" / "pcgr_examples" / f"{name}.grch37.vcf.gz"
        if not path.is_file():
            continue
        (alterations,) = read_somatic_vcf(path, None, civic).tumours.values()
        result = interpret(Tumour(tuple(alterations), cancer), civic)
        found = ", ".join(
            f"{one.alteration.title} ({one.tier.tier})" for one in result.alterations if one.tier
        )
        rows.append(_row(f"{name}, GRCh37, not annotated, {cancer}", found))
    return rows


if __name__ == "__main__":
    for line in run():
        print(line)
