"""Make the synthetic person of the germline demo from the allele definitions that ship with osler.

The person does not exist: the alleles were chosen so that each kind of result is seen once. Every
position of every definition is written, so that nothing is missing; genotypes are unphased.

Run: python tools/make_demo_germline.py src/osler/demo/data/germline/synthetic.vcf
"""

from __future__ import annotations

import sys
from pathlib import Path

from osler import knowledge
from osler.genome.pgx.definitions import Definitions, GeneDefinition

SAMPLE = "synthetic"
# Two alleles for each gene; every other gene is twice its reference.
CHOSEN = {
    "CYP2C19": ("*2", "*2"),
    "CYP2C9": ("*1", "*3"),
    "DPYD": ("Reference", "c.1129-5923C>G, c.1236G>A (HapB3)"),
    "SLCO1B1": ("*1", "*5"),
    "TPMT": ("*1", "*3A"),
    "UGT1A1": ("*28", "*28"),
    "VKORC1": ("rs9923231 variant (T)", "rs9923231 variant (T)"),
}
# Genes on chrX and chrM: one copy in a man.
ONE_COPY = ("chrX", "chrM")


def main(out: Path) -> None:
    """Write the file."""
    definitions = Definitions.load(knowledge.current("pharmacogenomics"))
    lines: dict[tuple[str, int], str] = {}
    for gene in definitions.genes.values():
        for place, line in records(gene):
            lines.setdefault(place, line)
    chromosomes = list(dict.fromkeys(chromosome for chromosome, _ in sorted(lines, key=order)))
    head = [
        "##fileformat=VCFv4.2",
        f"##source=osler tools/make_demo_germline.py from {definitions.release.name}",
        "##synthetic=this person does not exist",
        *(f"##contig=<ID={name},assembly=GRCh38>" for name in chromosomes),
        '##INFO=<ID=PX,Number=.,Type=String,Description="Gene">',
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
        "\t".join(
            ("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", SAMPLE)
        ),
    ]
    body = [lines[place] for place in sorted(lines, key=order)]
    out.write_text("\n".join([*head, *body]) + "\n", "utf-8")


def order(place: tuple[str, int]) -> tuple[int, int]:
    """Return what sorts places by chromosome and position."""
    name = place[0].removeprefix("chr")
    return ({"X": 23, "Y": 24, "M": 25}.get(name) or int(name), place[1])


def records(gene: GeneDefinition) -> list[tuple[tuple[str, int], str]]:
    """Return a gene's records, by chromosome and position."""
    chosen = CHOSEN.get(gene.gene, (gene.reference, gene.reference))
    alleles = {one.name: one for one in gene.alleles}
    reference = gene.alleles[0]
    found = []
    for index, position in enumerate(gene.all_positions):
        pair = [
            alleles[name].cells.get(index, reference.cells.get(index, (0,)))[0] for name in chosen
        ]
        genotype = (
            str(pair[0]) if position.chromosome in ONE_COPY else "/".join(map(str, sorted(pair)))
        )
        first, *others = position.alleles
        line = (
            position.chromosome,
            str(position.position),
            position.rsid or ".",
            first,
            ",".join(others) or ".",
            ".",
            "PASS",
            f"PX={gene.gene}",
            "GT",
            genotype,
        )
        found.append(((position.chromosome, position.position), "\t".join(line)))
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
