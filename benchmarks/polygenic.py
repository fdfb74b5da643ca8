"""Polygenic scores: sums beside plink2, 100,000 people, similarity to a labelled reference.

People and variants are simulated; the real files are those of the PGS Catalog under OSLER_DATA,
without which their rows are left out. plink2 (Debian package) is the peer where it is installed.
Run: python benchmarks/polygenic.py [--people N] [--variants N]
"""

from __future__ import annotations

import argparse
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pgenlib
from numpy.typing import NDArray

from osler.genome.score import Options, ReferenceFiles, score
from osler.genome.score.reference import read_panel, read_sums
from osler.genome.score.similarity import most_similar
from osler.genome.score.standing import References

PEOPLE, VARIANTS = 100_000, 10_000
COMPARED_PEOPLE = 10_000
CHECKED_PEOPLE = 50
REPEATS = 5
FOLDS = 5
MEMBER_BYTES = 65_280
END_MARKER = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
PAIRS = (("A", "G"), ("C", "T"), ("A", "C"), ("G", "T"))
# The words `0/0`, `0/1` and `1/1`, each with a tab behind it.
WORDS = np.frombuffer(b"0/0\t0/1\t1/1\t", "<u4")

Rows = list[dict[str, Any]]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Simulated:
    """Files of simulated people, and what the sums of the first of them are."""

    vcf: Path
    pgen: Path
    weights: Path
    plink: Path
    expected: Floats


@dataclass(frozen=True)
class Measured:
    """A command that ran: elapsed and processor seconds, and peak memory."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def run(people: int = PEOPLE, variants: int = VARIANTS) -> Rows:
    """Return the rows of the table: what was measured, its value and the bound."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = _compared(simulate(folder / "some", min(COMPARED_PEOPLE, people), variants))
        shutil.rmtree(folder / "some")
        rows += _large(simulate(folder / "many", people, variants), people, variants)
    return rows + _real()


def _compared(made: Simulated) -> Rows:
    """Compare time and digits with plink2, from VCF, processes counted whole, run by turns."""
    out = made.vcf.with_name("scores.json")
    ours, theirs = [], []
    for _ in range(REPEATS):
        ours.append(_measured(_osler(made.vcf, made.weights, out)))
        if _plink2() is not None:
            theirs.append(_measured(_plink(made)))
    people = _count(made)
    what = f"{people:,} people × {_variants(made):,} variants, VCF"
    rows: Rows = []
    for unit, of in (("seconds", _wall_s), ("processor seconds", _cpu_s)):
        rows.append({"what": f"{what}: median {unit}", "osler": median(map(of, ours))})
        if theirs:
            ratios = [of(one) / of(other) for one, other in zip(ours, theirs, strict=True)]
            rows[-1] |= {"plink2": median(map(of, theirs)), "median ratio": median(ratios),
                         "bound": "ratio ≤ 1"}  # fmt: skip
    return [*rows, _digits(made)] if theirs else rows


def _wall_s(one: Measured) -> float:
    return one.wall_s


def _cpu_s(one: Measured) -> float:
    return one.cpu_s


def _digits(made: Simulated) -> dict[str, Any]:
    """Count people whose printed sum and average are those of plink2."""
    found = score(made.vcf, [made.weights], options=Options(impute="cohort"))
    told = made.vcf.with_name("out.sscore").read_text("utf-8").splitlines()[1:]
    same = sum(
        is_printed(row["average"], line.split("\t")[-2])
        and is_printed(row["sum"], line.split("\t")[-1])
        for row, line in zip(found.rows(), told, strict=True)
    )
    return {
        "what": "people whose printed digits of sum and average are plink2's",
        "osler": f"{same:,} of {len(told):,}",
        "bound": "all",
    }


def is_printed(value: float, text: str) -> bool:
    """Tell whether a number, rounded to PLINK's six digits, is what PLINK printed.

    Sums of weights with few decimals often lie halfway between two printed numbers; PLINK rounds
    those down or up by the last bit of its arithmetic, so either of the two is right.
    """
    told = Decimal(text)
    half = Decimal(5).scaleb(told.adjusted() - 6)
    return abs(Decimal(value) - told) <= half * (1 + Decimal("1e-6"))


def _large(made: Simulated, people: int, variants: int) -> Rows:
    """Score many people, and compare some of them with a dot product."""
    what = f"{people:,} people × {variants:,} variants"
    rows: Rows = []
    for source in (made.vcf, made.pgen):
        ran = _measured(_osler(source, made.weights, source.with_name("scores.json")))
        kind = source.name.split(".", 1)[1].removesuffix(".gz")
        rows.append({"what": f"{what}, {kind}: seconds", "osler": ran.wall_s, "bound": "≤ 240"})
        rows.append({"what": f"{what}, {kind}: peak MB", "osler": ran.peak_mb, "bound": "≤ 500"})
    if _plink2() is not None:
        rows[0]["plink2"] = _measured(_plink(made)).wall_s
    found = score(made.vcf, [made.weights]).sums.sums[0, : len(made.expected)]
    away = float(np.abs(found - made.expected).max())
    rows.append({"what": "largest difference from a float64 dot product", "osler": f"{away:.1e}",
                 "bound": "≤ 1e-9"})  # fmt: skip
    return rows


def _real() -> Rows:
    """Find superpopulations again, and place other people beside the reference."""
    data = os.environ.get("OSLER_DATA")
    if not data:
        return []
    folder = Path(data) / "genome" / "pgs"
    panel = read_panel(ReferenceFiles(pcs=folder / "ref.pcs.gz"))
    fold = np.random.default_rng(0).permutation(len(panel.names)) % FOLDS
    right = 0
    for held in range(FOLDS):
        learn, test = fold != held, fold == held
        found = most_similar(panel.values[learn], panel.labels[learn], panel.values[test])
        right += int((np.array(found.populations)[found.nearest] == panel.labels[test]).sum())
    share = right / len(panel.names)
    return [
        {"what": f"1000 Genomes, {len(panel.names):,} people, {FOLDS} folds: superpopulation by "
         "most similar", "osler": f"{share:.4f}", "bound": "≥ 0.97"},
        *_placed(folder),
    ]  # fmt: skip


def _placed(folder: Path) -> Rows:
    """Place the 929 people of HGDP beside 1000 Genomes by their published sums."""
    source = folder / "aggregated_scores.txt.gz"
    sums = read_sums(source, ["PGS001229"])["PGS001229"]
    files = ReferenceFiles(
        pcs=folder / "ref.pcs.gz", target_pcs=folder / "target.pcs.gz", scores=source
    )
    names = [name for name in sums if name.startswith("HGDP")]
    values = np.array([[sums[name] for name in names]])
    placed = References(files, ["PGS001229"]).standing(names, ["PGS001229"], values, None)
    rows: Rows = []
    for label, z in (
        ("beside the whole reference", (values - _mean(sums)) / _sd(sums)),
        ("Z_MostSimilarPop", placed.z_most_similar),
        ("Z_norm1", placed.z_norm1),
        ("Z_norm2", placed.z_norm2),
    ):
        rows.append({"what": f"HGDP, 929 people, PGS001229: mean and SD of {label}",
                     "osler": f"{np.nanmean(z):+.2f}, {np.nanstd(z):.2f}"})  # fmt: skip
    return rows


def _panel_sums(sums: dict[str, float]) -> Floats:
    return np.array([value for name, value in sums.items() if not name.startswith("HGDP")])


def _mean(sums: dict[str, float]) -> float:
    return float(_panel_sums(sums).mean())


def _sd(sums: dict[str, float]) -> float:
    return float(_panel_sums(sums).std())


def simulate(folder: Path, people: int, variants: int) -> Simulated:
    """Write a bgzipped VCF, a pgen and weights of unrelated people in equilibrium."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    names = [f"P{one}" for one in range(people)]
    weights = np.round(generator.normal(size=variants) * 0.05, 6)
    shares = generator.beta(0.8, 1.6, variants)
    expected = np.zeros(min(CHECKED_PEOPLE, people))
    made = Simulated(
        folder / "p.vcf.gz", folder / "p.pgen", folder / "w.txt", folder / "plink.txt", expected
    )

    def lines() -> Iterator[bytes]:
        head = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names]
        yield (
            "##fileformat=VCFv4.3\n##contig=<ID=1,length=248956422>\n"
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
            + "\t".join(head)
            + "\n"
        ).encode()
        with pgenlib.PgenWriter(
            str(made.pgen).encode(), people, variant_ct=variants, nonref_flags=False
        ) as writer:
            for number, share in enumerate(shares.tolist()):
                drawn = generator.random(people, dtype=np.float32)
                copies = (drawn < share * share).astype(np.int8)
                copies += drawn < 1 - (1 - share) ** 2
                expected[:] += weights[number] * copies[: len(expected)]
                writer.append_biallelic(copies)
                where = "\t".join(_variant(number))
                text = WORDS[copies].tobytes()[:-1]
                yield f"{where}\t.\tPASS\t.\tGT\t".encode() + text + b"\n"

    _write_blocked(made.vcf, lines())
    _write_tables(made, names, weights)
    return made


def _variant(number: int) -> tuple[str, str, str, str, str]:
    reference, alternative = PAIRS[number % len(PAIRS)]
    return "1", str(1000 + 20 * number), f"v{number}", reference, alternative


def _write_tables(made: Simulated, names: list[str], weights: Floats) -> None:
    rows = [_variant(number) for number in range(len(weights))]
    pvar = ["#CHROM\tPOS\tID\tREF\tALT", *("\t".join(row) for row in rows)]
    made.pgen.with_suffix(".pvar").write_text("\n".join(pvar) + "\n", "utf-8")
    made.pgen.with_suffix(".psam").write_text("\n".join(["#IID", *names]) + "\n", "utf-8")
    head = "chr_name\tchr_position\teffect_allele\tother_allele\teffect_weight"
    pairs = list(zip(rows, weights.tolist(), strict=True))
    table = [f"1\t{row[1]}\t{row[4]}\t{row[3]}\t{weight!r}" for row, weight in pairs]
    made.weights.write_text("\n".join([head, *table]) + "\n", "utf-8")
    plink = [f"{row[2]}\t{row[4]}\t{weight!r}" for row, weight in pairs]
    made.plink.write_text("\n".join(plink) + "\n", "utf-8")


def _write_blocked(path: Path, lines: Iterator[bytes]) -> None:
    """Write blocked gzip, packed by threads."""
    with path.open("wb") as file, ThreadPoolExecutor(2) as pool:
        held = b""
        for line in lines:
            held += line
            whole = len(held) // MEMBER_BYTES * MEMBER_BYTES
            parts = [held[at : at + MEMBER_BYTES] for at in range(0, whole, MEMBER_BYTES)]
            file.writelines(pool.map(_member, parts))
            held = held[whole:]
        file.write(_member(held) + END_MARKER)


def _member(content: bytes) -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, -15)
    body = packer.compress(content) + packer.flush()
    head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + struct.pack("<H", len(body) + 25)
    return head + body + struct.pack("<II", zlib.crc32(content), len(content))


def _osler(source: Path, weights: Path, out: Path) -> list[str]:
    words = ["genome", "score", str(source), "--weights", str(weights), "--out", str(out)]
    return [sys.executable, "-m", "osler", *words]


def _plink2() -> str | None:
    return shutil.which("plink2")


def _plink(made: Simulated) -> list[str]:
    out = str(made.vcf.with_name("out"))
    words = ["--vcf", str(made.vcf), "--score", str(made.plink), "cols=+scoresums", "--out", out]
    return [_plink2() or "plink2", *words]


def _measured(command: list[str]) -> Measured:
    """Run a command to its end and say what it took."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Measured(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _count(made: Simulated) -> int:
    return len(made.pgen.with_suffix(".psam").read_text("utf-8").splitlines()) - 1


def _variants(made: Simulated) -> int:
    return len(made.plink.read_text("utf-8").splitlines())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--variants", type=int, default=VARIANTS)
    chosen = parser.parse_args()
    for row in run(chosen.people, chosen.variants):
        print(row)
