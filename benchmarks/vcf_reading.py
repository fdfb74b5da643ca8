"""Read the pharmacogenomic positions of one person and of 100,000, and call their genes.

The cohort is drawn from the named alleles of the release: two for each person and gene, the
reference half of the time. cyvcf2 (htslib) reads the genotypes of the same file beside it, without
asking what they mean. Each run has a process of its own. Run: python -m benchmarks vcf_reading
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from osler.genome.pgx.definitions import Definitions, GeneDefinition

SAMPLES = 100_000
REFERENCE_SHARE = 0.5
PACKING = 1
BLOCK_BYTES = 65_280
END_MARKER = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
HEADER = (
    '##fileformat=VCFv4.2\n##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n{contigs}'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{samples}\n"
)


def run(samples: int = SAMPLES) -> list[dict[str, Any]]:
    """Return rows of the table: what was measured, for osler and for cyvcf2, and the bound."""
    with tempfile.TemporaryDirectory() as folder:
        one, many = Path(folder) / "one.vcf", Path(folder) / "cohort.vcf.gz"
        simulate(one, 1)
        distinct = simulate(many, samples)
        single = _in_process("read", one)
        cohort = _in_process("read", many)
        called = _in_process("call", many)
        beside, beside_one = _in_process("cyvcf2", many), _in_process("cyvcf2", one)
    count = f"{samples:,} people"
    return [
        {
            "what": "one person, all positions: seconds",
            "osler": single["read_s"],
            "cyvcf2": beside_one["read_s"],
            "bound": 0.15,
        },
        {
            "what": f"{count}, {cohort['positions']:,.0f} positions: seconds",
            "osler": cohort["read_s"],
            "cyvcf2": beside["read_s"],
            "bound": 25.0,
        },
        {
            "what": f"{count}: peak memory, MB",
            "osler": cohort["peak_mb"],
            "cyvcf2": beside["peak_mb"],
            "bound": 700.0,
        },
        {"what": f"{count}: distinct multi-gene genotypes", "osler": distinct, "bound": 50_000},
        {
            "what": f"{count}, read and called: people a second",
            "osler": samples / called["all_s"],
            "bound": 2_000,
        },
        {
            "what": f"{count}, read and called: peak memory, MB",
            "osler": called["peak_mb"],
            "bound": 1_000,
        },
    ]


def simulate(path: Path, samples: int, seed: int = 0) -> int:
    """Write a cohort drawn from the named alleles; return how many distinct genotypes it has."""
    rng = np.random.default_rng(seed)
    definitions = Definitions.load()
    genes = definitions.genes.values()
    people = np.zeros(samples, np.uint64)
    male = rng.random(samples) < 0.5
    with path.open("wb") as file:
        out = _Bgzf(file) if path.suffix == ".gz" else file
        out.write(_header(genes, samples).encode())
        for definition in genes:
            pair = _drawn(rng, definition, samples)
            people = people * np.uint64(1_000_003) + pair[0] * np.uint64(1_009) + pair[1]
            for line in _lines(definition, pair, male, rng):
                out.write(line)
        if isinstance(out, _Bgzf):
            out.finish()
    return len(np.unique(people))


def _header(genes: Any, samples: int) -> str:
    contigs = dict.fromkeys(one.chromosome for gene in genes for one in gene.all_positions)
    return HEADER.format(
        contigs="".join(f"##contig=<ID={one},assembly=GRCh38.p14>\n" for one in contigs),
        samples="\t".join(f"P{number}" for number in range(samples)),
    )


def _drawn(rng: np.random.Generator, definition: GeneDefinition, samples: int) -> Any:
    """Draw two named alleles for each person, shape (2, samples), the lower number first."""
    count = len(definition.alleles)
    chances = np.full(count, (1 - REFERENCE_SHARE) / max(count - 1, 1))
    chances[0] += 1 - chances.sum()
    pair = rng.choice(count, (2, samples), p=chances).astype(np.uint64)
    return np.sort(pair, axis=0)


def _lines(
    definition: GeneDefinition, pair: Any, male: Any, rng: np.random.Generator
) -> Iterator[bytes]:
    """Yield the records of a gene; males have one copy of chrX."""
    for number, position in enumerate(definition.all_positions):
        if number < len(definition.positions):
            # Where several bases fit, the last: the reference is the first.
            shown = [one.cells.get(number, (0,))[-1] for one in definition.alleles]
            bases = np.array(shown, np.uint8)
            first, second = bases[pair[0]], bases[pair[1]]
        else:
            first, second = rng.integers(0, 2, (2, len(male)), dtype=np.uint8)
        if position.chromosome == "chrX":
            genotypes = [
                f"{one}" if is_male else f"{one}/{other}"
                for one, other, is_male in zip(first, second, male, strict=True)
            ]
            text = "\t".join(genotypes).encode()
        else:
            cells = np.empty((len(male), 4), np.uint8)
            cells[:, 0], cells[:, 2] = first + ord("0"), second + ord("0")
            cells[:, 1], cells[:, 3] = ord("/"), ord("\t")
            text = cells.tobytes()[:-1]
        fixed = (
            position.chromosome,
            str(position.position),
            position.rsid or ".",
            position.alleles[0],
            ",".join(position.alleles[1:]),
            ".\tPASS\t.\tGT\t",
        )
        yield "\t".join(fixed).encode() + text + b"\n"


class _Bgzf:
    """Writes blocked gzip."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._held = b""

    def write(self, data: bytes) -> None:
        """Take data and write the blocks that are full."""
        self._held += data
        whole = len(self._held) // BLOCK_BYTES * BLOCK_BYTES
        for start in range(0, whole, BLOCK_BYTES):
            self._block(self._held[start : start + BLOCK_BYTES])
        self._held = self._held[whole:]

    def finish(self) -> None:
        """Write what is left and the end marker."""
        if self._held:
            self._block(self._held)
        self._file.write(END_MARKER)

    def _block(self, data: bytes) -> None:
        packer = zlib.compressobj(PACKING, zlib.DEFLATED, -15)
        packed = packer.compress(data) + packer.flush()
        size = (len(packed) + 25).to_bytes(2, "little")
        start = bytes.fromhex("1f8b08040000000000ff060042430200") + size
        end = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
        self._file.write(start + packed + end)


def _in_process(what: str, path: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", what, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _child(what: str, path: Path) -> dict[str, float]:
    if what == "cyvcf2":
        import cyvcf2

        started = time.perf_counter()
        for variant in cyvcf2.VCF(str(path), gts012=True):
            variant.genotype.array()
        return {"read_s": time.perf_counter() - started, "peak_mb": _peak_mb()}
    from osler.genome.pgx.reading import read

    definitions = Definitions.load()
    started = time.perf_counter()
    found = read(path, definitions)
    measured = {
        "read_s": time.perf_counter() - started,
        "positions": float(sum(len(one.positions) for one in found.genes.values())),
    }
    if what == "call":
        from osler.genome.pgx.calling import call_genes

        calls = call_genes(found.genes, definitions)
        measured["all_s"] = time.perf_counter() - started
        measured["called"] = float(sum(len(one) for one in calls.values()))
    return measured | {"peak_mb": _peak_mb()}


def _peak_mb() -> float:
    """Return the most memory that this process itself had; its parent's does not count."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--child", nargs=2)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(_child(given.child[0], Path(given.child[1]))))
    else:
        for row in run(given.samples):
            print(row)
