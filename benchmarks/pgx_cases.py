"""Pharmacogenomic calls against published expectations: synthetic cases, HapB3 rows, NAT2 rows."""

from __future__ import annotations

import csv
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from osler.genome.pgx.calling import call_gene
from osler.genome.pgx.definitions import Definitions, GeneDefinition
from osler.genome.pgx.nouns import ABSENT, UNKNOWN, GeneCall, GeneGenotypes, State

FOLDER = Path("genome") / "pharmcat_cases"
HAPB3 = "c.1129-5923C>G, c.1236G>A (HapB3)"
INTRONIC_ALONE = "c.1129-5923C>G"
FIELDS = ("source_diplotypes", "printed", "matcher_pairs")

EXPLAINED = {
    "NamedAlleleMatcherCyp2c19Test.rs12769205missingrs4244285het": (
        "the case lists every pair that explains the genotypes; here only the best-scored are"
        " called, and *1/*2 scores higher than *2/*35, in which *35 has lost rs12769205"
    ),
}

Genotype = tuple[str, ...] | None


@dataclass(frozen=True)
class Case:
    """Genotypes of one gene in one sample, and what is expected of them.

    `genotypes` are by rsid or position, None where missing; the rest is the reference. `expected`
    holds every accepted answer, each as sorted strings.
    """

    source: str
    name: str
    gene: str
    genotypes: Mapping[str | int, Genotype]
    expected: tuple[tuple[str, ...], ...]
    phased: bool = False
    haploid: bool = False


def run() -> list[dict[str, Any]]:
    """Return one row for each source, and one for each difference."""
    if not os.environ.get("OSLER_DATA"):
        print("skipped: OSLER_DATA is not set")
        return []
    folder = Path(os.environ["OSLER_DATA"]) / FOLDER
    definitions = Definitions.load()
    skipped: Counter[str] = Counter()
    cases = [*synthetic(folder, definitions, skipped), *hapb3(folder), *nat2(folder)]
    answered = [(one, told(call(one, definitions))) for one in cases]
    rows: list[dict[str, Any]] = []
    for source in dict.fromkeys(one.source for one in cases):
        here = [answer in one.expected for one, answer in answered if one.source == source]
        rows.append({"what": source, "cases": len(here), "as expected": sum(here)})
    rows += [{"what": f"left out: {why}", "cases": n} for why, n in skipped.items()]
    for one, answer in answered:
        if answer not in one.expected:
            what = f"difference: {one.gene}, {one.name}"
            expected = " or ".join("; ".join(each) for each in one.expected)
            called, why = "; ".join(answer), EXPLAINED.get(one.name, "")
            rows.append({"what": what, "expected": expected, "called": called, "why": why})
    return rows


def call(case: Case, definitions: Definitions) -> GeneCall:
    """Call the gene of a case."""
    definition = definitions.genes[case.gene]
    genotypes = rendered(definition, case.genotypes, phased=case.phased, haploid=case.haploid)
    return call_gene(genotypes, definition, function=definitions.function)[0]


def told(found: GeneCall) -> tuple[str, ...]:
    """Return an answer in a form that does not depend on the order of alleles."""
    return tuple(sorted(map(unordered, found.printed())))


def unordered(pair: str) -> str:
    """Return a pair with its alleles sorted; names may hold slashes in no gene that is cut here."""
    return "/".join(sorted(pair.split("/")))


def rendered(
    definition: GeneDefinition,
    genotypes: Mapping[str | int, Genotype],
    *,
    phased: bool = False,
    haploid: bool = False,
) -> GeneGenotypes:
    """Return one sample's genotypes, the reference where nothing else is said."""
    positions = definition.all_positions
    alleles = [list(one.alleles) for one in positions]
    first = np.zeros((len(positions), 1), np.int8)
    second = np.full_like(first, ABSENT if haploid else 0)
    state = np.full(first.shape, State.CALLED, np.uint8)
    for index, position in enumerate(positions):
        for key in (position.rsid, position.position):
            if key is None or key not in genotypes:
                continue
            given = genotypes[key]
            if given is None:
                state[index] = State.MISSING
                first[index], second[index] = UNKNOWN, UNKNOWN
                continue
            places = [_place(alleles[index], one) for one in given]
            first[index] = places[0]
            second[index] = places[1] if len(places) > 1 else ABSENT
    return GeneGenotypes(
        definition.gene,
        positions,
        tuple(map(tuple, alleles)),
        first,
        second,
        state,
        np.full(first.shape, phased, np.bool_),
        np.zeros(first.shape, np.int32),
    )


def _place(alleles: list[str], allele: str) -> int:
    if allele not in alleles:
        alleles.append(allele)
    return alleles.index(allele)


def synthetic(folder: Path, definitions: Definitions, skipped: Counter[str]) -> Iterator[Case]:
    """Yield the genes of the synthetic cases that are called from genotypes; count the others."""
    for one in json.loads((folder / "cases_dev.json").read_text("utf-8")):
        outside = {line.split("\\t")[0] for line in one["outside_calls"]}
        unsupported = [name for name, *_ in one["unsupported_ops"] if name != "male"]
        for gene, expected in one["expected"].items():
            answer = next((expected[field] for field in FIELDS if field in expected), None)
            if why := _left_out(gene, one, outside, unsupported, answer):
                skipped[why] += 1
                continue
            yield Case(
                "synthetic cases",
                one["test"],
                gene,
                _genotypes_of(one, gene),
                (tuple(sorted(map(unordered, answer))),),
                one["phased"],
                ["male"] in one["unsupported_ops"] and definitions.genes[gene].chromosome == "chrX",
            )


def _left_out(
    gene: str, case: Mapping[str, Any], outside: set[str], unsupported: list[str], answer: object
) -> str | None:
    """Return why a gene of a case says nothing of calling from genotypes."""
    if gene in outside:
        return "known by an outside call"
    if gene not in case["genes"]:
        return "expected of a gene without genotypes in the case"
    if unsupported:
        return f"made by {', '.join(unsupported)}"
    return "nothing expected of the call" if answer is None else None


def _genotypes_of(case: Mapping[str, Any], gene: str) -> dict[str | int, Genotype]:
    calls = {
        one["rsid"] or one["pos"]: tuple(one["alleles"])
        for one in case["calls"]
        if one["gene"] == gene
    }
    return calls | {rsid: None for of, rsid in case["missing"] if of == gene}


PARTS = {"ref": "Reference", "HapB3Intron": INTRONIC_ALONE, "HapB3": HAPB3}


def hapb3(folder: Path) -> Iterator[Case]:
    """Yield each row of the DPYD table, phased and unphased."""
    with (folder / "dpyd_hapb3_dev.tsv").open(encoding="utf-8", newline="") as lines:
        _, _, rsids, *rows = csv.reader(lines, delimiter="\t")
    for number, row in enumerate(rows, 4):
        texts = dict(zip(rsids[:7], row[:7], strict=True))
        unphased, phased = row[9].strip(), row[7].strip()
        for strands_known, answer in ((True, phased), (False, unphased or phased)):
            yield Case(
                f"HapB3 rows, {'phased' if strands_known else 'unphased'}",
                f"row {number}",
                "DPYD",
                {rsid: _dpyd_genotype(rsid, text) for rsid, text in texts.items()},
                tuple(_dpyd_answers(answer)),
                strands_known,
            )


DPYD_BASES = {
    "rs56038477": ("C", "T"),
    "rs75017182": ("G", "C"),
    "rs72549310": ("G", "A"),
    "rs67376798": ("T", "A"),
    "rs1801265": ("A", "G"),
    "rs186169810": ("A", "G"),
    "rs115232898": ("T", "C"),
}
"""As GRCh38 writes them; the alternative of rs186169810 is not one of the definition's."""


def _dpyd_genotype(rsid: str, text: str) -> Genotype:
    if text == "missing":
        return None
    return tuple(DPYD_BASES[rsid][int(one)] for one in re.split(r"[/|]", text))


def _dpyd_answers(text: str) -> Iterator[tuple[str, ...]]:
    """Yield a row's answer: a pair, or the list of alleles detected."""
    if "/" in text:
        yield (unordered("/".join(_strand(one) for one in text.split("/"))),)
        return
    names = [PARTS.get(one, one) for one in (part.strip() for part in text.split(","))]
    yield tuple(sorted({_twice(one, names) for one in names}))


def _strand(text: str) -> str:
    inside = text.strip("[]").split("+")
    names = [PARTS.get(one.strip(), one.strip()) for one in inside]
    return f"[{' + '.join(names)}]" if len(names) > 1 else names[0]


def _twice(name: str, names: list[str]) -> str:
    return f"{name} (homozygous)" if names.count(name) == 2 else name


def nat2(folder: Path) -> Iterator[Case]:
    """Yield each row of the NAT2 table; where there is a pick, it is what is called."""
    with (folder / "nat2_tests.tsv").open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines, delimiter="\t"), 2):
            missing = re.findall(r"rs\d+", row["Missing positions"])
            genotypes: dict[str | int, Genotype] = {
                rsid: tuple(row[rsid].split("/")) for rsid in row if rsid and rsid.startswith("rs")
            }
            answer = (row["Pick"] or row["Output"]).replace("not called", "")
            pairs = tuple(sorted(unordered(one.strip()) for one in answer.split(" or ") if one))
            yield Case(
                "NAT2 rows",
                f"row {number}",
                "NAT2",
                genotypes | dict.fromkeys(missing),
                (pairs,),
            )


if __name__ == "__main__":
    print(json.dumps(run(), indent=1))
