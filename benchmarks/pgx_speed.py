"""Drug advice from a VCF.

One patient and a hundred, from the start of the process to the whole result on disk: alleles,
phenotypes, recommendations for every drug, what would settle open calls. The worked example is
PharmCAT's; of itself PharmCAT documents 0.2 to 0.8 samples/s a core.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

CASES = Path(os.environ.get("OSLER_DATA", "absent")) / "genome" / "pharmcat_cases"
REPEATS = 5
NEWER_THAN_THE_RELEASE = {"hydralazine", "metoprolol"}

Rows = list[dict[str, Any]]


def run() -> Rows:
    """Time the command on one patient and on a hundred; compare the worked example."""
    with tempfile.TemporaryDirectory() as room:
        out = Path(room) / "pgx.json"
        outside = CASES / "pharmcat.example.outsideCall.tsv"
        one = seconds(CASES / "pharmcat.example.vcf", out, "--outside-calls", str(outside))
        genes, drugs = agreement(json.loads(out.read_text("utf-8")))
        many = seconds(CASES / "100samples.vcf.bgz", out)
        samples = len(json.loads(out.read_text("utf-8"))["samples"])
        size = out.stat().st_size / 2**20
    load = f"{os.getloadavg()[0]:.1f}"
    speed = tuple(samples / taken for taken in many)
    return [
        row("one patient, s", *one, load),
        row(f"{samples} patients, s", *many, load),
        row(f"{samples} patients, samples/s, one process", *speed, load),
        row(f"result of {samples} patients, MiB", size),
        row("worked example, genes as in PharmCAT's report", genes),
        row("worked example, drug and population as in its report", drugs),
    ]


def row(what: str, value: Any, of_cpu: Any = None, load: str = "") -> dict[str, Any]:
    """Return a row of the table."""
    return {"what": what, "by the clock": value, "by processor time": of_cpu, "load": load}


def seconds(variants: Path, out: Path, *options: str) -> tuple[float, float]:
    """Return the median time of the command, after a run that is not timed.

    Returns
    -------
    By the clock, and of the processor: on a busy machine the two differ.
    """
    command = [sys.executable, "-m", "osler", "genome", "pgx", str(variants), "--out", str(out)]
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        clock, processor = [], []
        for _ in range(REPEATS + 1):
            begin, before = time.perf_counter(), _processor()
            subprocess.run([*command, *options], env=environment, check=True, capture_output=True)
            clock.append(time.perf_counter() - begin)
            processor.append(_processor() - before)
    return statistics.median(clock[1:]), statistics.median(processor[1:])


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def agreement(content: dict[str, Any]) -> tuple[str, str]:
    """Return how many genes, and drugs with population, agree with PharmCAT's report."""
    (sample,) = content["samples"]
    genes = {one["gene"]: one for one in sample["genes"]}
    lines = (CASES / "pharmcat.example.report.tsv").read_text("utf-8").splitlines()[1:]
    header, *rows = [line.split("\t") for line in lines]
    told = [dict(zip(header, row, strict=False)) for row in rows]
    alike = [one for one in told if _same(genes[one["Gene"]], one)]
    with gzip.open(CASES / "pharmcat.example.report.json.gz") as stream:
        report = json.load(stream)["drugs"]["CPIC Guideline Annotation"]
    expected = {
        (drug, one["population"], one["classification"])
        for drug, entry in report.items()
        for guideline in entry["guidelines"]
        for one in guideline["annotations"]
        if drug not in NEWER_THAN_THE_RELEASE
    }
    found = {(one["drug"], one["population"], one["classification"]) for one in sample["drugs"]}
    return f"{len(alike)} of {len(told)}", f"{len(found & expected)} of {len(expected)}"


def _same(found: dict[str, Any], told: dict[str, str]) -> bool:
    score = told["Activity Score"]
    return (
        found["diplotypes"] == [told["Source Diplotype"]]
        and (found["phenotype"] or "") == told["Phenotype"].strip()
        and found["activity_score"] == (float(score) if score else None)
    )
