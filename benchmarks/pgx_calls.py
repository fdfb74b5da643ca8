"""Pharmacogenomic calls of a simulated cohort of 100,000 people, all genes, without reading."""

from __future__ import annotations

import json
import resource
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osler.genome.pgx.calling import call_genes
from osler.genome.pgx.definitions import Definitions, GeneDefinition
from osler.genome.pgx.nouns import UNKNOWN, GeneGenotypes, State

N_PEOPLE = 100_000
SHARE_MISSING = 0.0005


def run() -> list[dict[str, Any]]:
    """Return rows of the table: what was measured, its value and the bound."""
    definitions = Definitions.load()
    rng = np.random.default_rng(7)
    genotypes = {gene: simulated(one, rng) for gene, one in definitions.genes.items()}
    began, began_cpu = time.perf_counter(), time.process_time()
    calls = call_genes(genotypes, definitions)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    distinct = set(zip(*([id(one) for one in listed] for listed in calls.values()), strict=True))
    assert len(distinct) >= 50_000
    return [
        {"measure": "people", "value": N_PEOPLE, "bound": "100,000"},
        {"measure": "distinct over all genes", "value": len(distinct), "bound": "≥ 50,000"},
        {"measure": "people per second", "value": N_PEOPLE / seconds, "bound": "≥ 2,000"},
        {"measure": "people per CPU second", "value": N_PEOPLE / cpu_seconds, "bound": ""},
        {"measure": "peak memory with the genotypes, GB", "value": peak_gb, "bound": "≤ 1"},
    ]


def simulated(definition: GeneDefinition, rng: np.random.Generator) -> GeneGenotypes:
    """Return genotypes of pairs of named alleles, few of them frequent, and some missing."""
    positions = definition.all_positions
    alleles = np.zeros((len(definition.alleles), len(positions)), np.int8)
    for row, allele in enumerate(definition.alleles):
        for index, cell in allele.cells.items():
            alleles[row, index] = rng.choice(cell)
    shares = rng.dirichlet(np.full(len(alleles), 0.1))
    first = _strand(alleles, shares, rng)
    second = _strand(alleles, shares, rng)
    state = np.zeros(first.shape, np.uint8)
    n_missing = rng.binomial(first.size, SHARE_MISSING)
    at = np.unravel_index(rng.integers(first.size, size=n_missing), first.shape)
    state[at] = State.MISSING
    first[at], second[at] = UNKNOWN, UNKNOWN
    return GeneGenotypes(
        definition.gene,
        positions,
        tuple(one.alleles for one in positions),
        first,
        second,
        state,
        np.zeros(first.shape, np.bool_),
        np.broadcast_to(np.int32(0), first.shape),
    )


def _strand(
    alleles: NDArray[np.int8], shares: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int8]:
    return np.ascontiguousarray(alleles[rng.choice(len(alleles), N_PEOPLE, p=shares)].T)


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
