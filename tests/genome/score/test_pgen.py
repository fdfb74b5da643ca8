"""PLINK 2 files and BCF say the same as the VCF that they were made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from osler.errors import InputError
from osler.genome.score import Options, score

from .conftest import WriteVcf, WriteWeights

pgenlib = pytest.importorskip("pgenlib")

PEOPLE = ["A", "B", "C", "D"]
COPIES = [[0, 1, 2, -9], [2, 1, 0, 0], [1, 1, 2, 0], [2, 0, 2, 0]]
PLACES = ["1\t10", "1\t20", "chr2\t30", "X\t40"]
ROWS = ["1 10 G A 1", "1 20 A G 10", "2 30 G A 100", "X 40 G A 1000"]
SEX = ["1", "2", "1", "2"]


def write_pgen(folder: Path, people: list[str] = PEOPLE, columns: str = "#IID\tSEX") -> Path:
    """Write four variants of four people."""
    path = folder / "p.pgen"
    with pgenlib.PgenWriter(
        str(path).encode(), len(PEOPLE), variant_ct=len(COPIES), nonref_flags=False
    ) as writer:
        for row in COPIES:
            writer.append_biallelic(np.array(row, np.int8))
    body = "".join(f"{place}\tv\tA\tG\n" for place in PLACES)
    (folder / "p.pvar").write_text(f"##x=1\n#CHROM\tPOS\tID\tREF\tALT\n{body}", "utf-8")
    rows = "".join(f"{one}\t{sex}\n" for one, sex in zip(people, SEX, strict=False))
    (folder / "p.psam").write_text(f"{columns}\n{rows}", "utf-8")
    return path


def test_a_pgen_is_summed(tmp_path: Path, write_weights: WriteWeights) -> None:
    """Copies are weighed, missing ones imputed, and a man's X counts once."""
    found = score(write_pgen(tmp_path), [write_weights(ROWS)], options=Options(impute="cohort"))
    assert found.samples == tuple(PEOPLE)
    assert found.sums.sums.tolist() == [
        [0 + 0 + 100 + 1000, 1 + 10 + 100, 2 + 20 + 200 + 1000, 1 + 20 + 0 + 0]
    ]
    assert found.sums.alleles.tolist() == [[7, 8, 7, 8]]
    assert found.sums.missing.tolist() == [[0, 0, 0, 1]]


def test_a_packed_list_of_variants_is_read(tmp_path: Path, write_weights: WriteWeights) -> None:
    """`.pvar.zst` says the same as `.pvar`."""
    pa = pytest.importorskip("pyarrow")
    plain = score(write_pgen(tmp_path), [write_weights(ROWS)])
    source = tmp_path / "p.pvar"
    with pa.CompressedOutputStream(str(tmp_path / "p.pvar.zst"), "zstd") as stream:
        stream.write(source.read_bytes())
    source.unlink()
    packed = score(tmp_path / "p.pgen", [write_weights(ROWS)])
    assert packed.sums.sums.tolist() == plain.sums.sums.tolist()


@pytest.mark.parametrize(
    ("damage", "came"),
    [
        ("no psam", "no .psam"),
        ("no pvar", "no .pvar"),
        ("no names", "no table of people"),
        ("twice", "1 names that stand there twice"),
        ("few people", "damaged, or has other people"),
        ("few variants", "damaged, or has other people"),
        ("no columns", "without column names"),
        ("short row", "variant 5 is no variant"),
        ("junk", "damaged, or has other people"),
    ],
)
def test_files_that_do_not_go_together_are_refused(
    tmp_path: Path, write_weights: WriteWeights, damage: str, came: str
) -> None:
    """Missing, mixed up and damaged files of a data set are refused in words."""
    path = write_pgen(tmp_path)
    pvar, psam = tmp_path / "p.pvar", tmp_path / "p.psam"
    text = pvar.read_text("utf-8")
    if damage == "no psam":
        psam.unlink()
    elif damage == "no pvar":
        pvar.unlink()
    elif damage == "no names":
        psam.write_text("A\t1\n", "utf-8")
    elif damage == "twice":
        write_pgen(tmp_path, ["A", "A", "C", "D"])
    elif damage == "few people":
        write_pgen(tmp_path, PEOPLE[:2])
    elif damage == "few variants":
        pvar.write_text("".join(text.splitlines(keepends=True)[:-1]), "utf-8")
    elif damage == "no columns":
        pvar.write_text(text.replace("#CHROM", "CHROM"), "utf-8")
    elif damage == "short row":
        pvar.write_text(text + "1\t5\n", "utf-8")
    else:
        path.write_bytes(b"junk")
    with pytest.raises(InputError, match=came):
        score(path, [write_weights(ROWS)])


def test_a_bcf_says_what_its_vcf_says(
    tmp_path: Path, write_vcf: WriteVcf, write_weights: WriteWeights
) -> None:
    """Phased, missing, haploid and multi-allelic genotypes come out alike."""
    cyvcf2 = pytest.importorskip("cyvcf2")
    about = (
        "##contig=<ID=1,length=248956422>\n##contig=<ID=X,length=156040895>\n"
        '##FILTER=<ID=PASS,Description="">\n'
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="">\n'
        '##FORMAT=<ID=DS,Number=A,Type=Float,Description="">\n'
        '##FORMAT=<ID=GP,Number=G,Type=Float,Description="">\n'
    )
    vcf = write_vcf(
        ["1 10 A G GT 0|1 ./.", "1 20 A G,C GT 1/2 0/2", "1 30 A G GT:DS 0/1:0.5 1/1:.",
         "X 40 A G GT 1 0/1", "X 50 A G GT:GP 1:0.25,0.75 0/1:0,0,1"],
        about=about,
    )  # fmt: skip
    weights = write_weights(
        ["1 10 G A 1", "1 20 C A 10", "1 30 G A 100", "X 40 A G 1000", "X 50 G A 1e4"]
    )
    bcf = tmp_path / "v.bcf"
    source = cyvcf2.VCF(str(vcf))
    writer = cyvcf2.Writer(str(bcf), source, mode="wb")
    for record in source:
        writer.write_record(record)
    writer.close()
    source.close()
    one, two = (score(path, [weights], options=Options(impute="none")) for path in (vcf, bcf))
    assert (
        one.sums.sums.tolist()
        == two.sums.sums.tolist()
        == [[1 + 10 + 50 + 7500, 10 + 200 + 1000 + 20000]]
    )
    assert one.sums.alleles.tolist() == two.sums.alleles.tolist()
    assert one.sums.missing.tolist() == two.sums.missing.tolist()
