"""A user interprets tumours on the command line, with sound files and with wrong ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Osler = Callable[..., Any]

HEADER = (
    "Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\tHGVSp_Short\t"
    "t_alt_count\tt_ref_count"
)
PIK3CA = "PIK3CA\tT1\tMissense_Mutation\tp.H1047R\t30\t70"
GATA3 = "GATA3\tT1\tMissense_Mutation\tp.A318T\t30\t70"
OTHER = "TP53\tT2\tFrame_Shift_Ins\tp.H115Pfs*34\t30\t70"
ASK = ("genome", "somatic", "t.maf", "--cancer", "breast cancer")


@pytest.fixture
def maf(osler: Osler) -> Path:
    """Write a MAF of one tumour into the user's folder."""
    assert osler
    path = Path("t.maf")
    path.write_text("\n".join([HEADER, PIK3CA, GATA3]) + "\n", "utf-8")
    return path


def test_one_tumour_is_interpreted(osler: Osler, maf: Path) -> None:
    """The file holds knowledge, sample, alterations, genes and what was not given."""
    ended = osler(*ASK, "--out", "somatic.json")
    assert (ended.code, ended.err) == (0, "")
    told = json.loads(Path("somatic.json").read_text("utf-8"))
    assert {"release", "sha256", "date", "age"} <= set(told["knowledge"])
    (sample,) = told["samples"]
    assert sample["sample"] == "T1"
    assert sample["cancer"] == {"name": "breast cancer", "doid": "DOID:1612"}
    assert "stage" in sample["not_given"]
    first, second = sample["alterations"]
    assert (first["gene"], first["protein"], first["vaf"], first["tier"]) == (
        "PIK3CA",
        "p.H1047R",
        0.3,
        "I-B",
    )
    assert first["resistance"]
    assert first["sensitivity"]
    assert (second["gene"], second["tier"], second["matches"]) == ("GATA3", "III", [])
    assert {one["status"] for one in sample["genes"]} == {"altered", "not known whether tested"}
    assert "PIK3CA p.H1047R in breast cancer: tier I-B" in ended.out
    assert "not given: stage" in ended.out
    assert "years old" in ended.out
    assert maf.exists()


@pytest.mark.usefixtures("maf")
def test_json_goes_to_standard_output_and_is_the_file(osler: Osler) -> None:
    """`--json` writes what `--out` writes."""
    ended = osler(*ASK, "--json", "--out", "s.json")
    assert json.loads(ended.out) == json.loads(Path("s.json").read_text("utf-8"))


@pytest.mark.usefixtures("maf")
def test_everything_that_can_be_given(osler: Osler) -> None:
    """Genes, copy number, fusions, receptors and the rest are taken, and nothing is left open."""
    Path("genes.txt").write_text("PIK3CA\nERBB2\nAKT1\n", "utf-8")
    Path("copies.tsv").write_text("gene\tcall\nERBB2\tamplification\n", "utf-8")
    Path("fusions.tsv").write_text("FusionGene\nETV6--NTRK3\n", "utf-8")
    ended = osler(
        *ASK,
        *("--assayed", "genes.txt", "--copy-number", "copies.tsv", "--fusions", "fusions.tsv"),
        *("--receptors", "ER=positive,PR=negative,HER2=positive", "--tmb", "4", "--msi", "stable"),
        *("--stage", "IV", "--line", "2", "--purity", "0.7", "--out", "s.json"),
    )
    assert ended.code == 0, ended.err
    (sample,) = json.loads(Path("s.json").read_text("utf-8"))["samples"]
    kinds = {one["kind"] for one in sample["alterations"]}
    assert kinds == {"small variant", "copy number", "fusion", "receptor"}
    assert sample["not_given"] == []
    assert {"gene": "AKT1", "status": "tested and negative"} in sample["genes"]
    assert {"gene": "KRAS", "status": "not tested"} in sample["genes"]
    assert sample["tier"] == "I-A"


def test_every_sample_of_a_file_is_answered(osler: Osler) -> None:
    """Several tumours in one MAF, and one of them on demand."""
    Path("t.maf").write_text("\n".join([HEADER, PIK3CA, OTHER]) + "\n", "utf-8")
    assert osler(*ASK, "--out", "all.json").code == 0
    assert osler(*ASK, "--out", "one.json", "--tumour-sample", "T2").code == 0
    both, one = (json.loads(Path(f"{name}.json").read_text("utf-8")) for name in ("all", "one"))
    assert [sample["sample"] for sample in both["samples"]] == ["T1", "T2"]
    assert one["samples"] == both["samples"][1:]


def test_what_is_of_one_tumour_is_not_given_to_several(osler: Osler, check: Any) -> None:
    """A receptor status for two tumours is refused, each option with its line."""
    Path("t.maf").write_text("\n".join([HEADER, PIK3CA, OTHER]) + "\n", "utf-8")
    ended = osler(*ASK, "--receptors", "HER2=positive", "--purity", "0.5", "--out", "x.json")
    assert check.is_the_users(ended), ended.err
    assert len(ended.err.splitlines()) == 2
    assert not Path("x.json").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--cancer", "brest cancer"), "'breast cancer'"),
        (("--receptors", "HER2=3+"), "--receptors"),
        (("--purity", "7"), "purity"),
        (("--tmb", "-1"), "tmb"),
        (("--assayed", "nowhere.txt"), "nowhere.txt"),
        (("--copy-number", "t.maf"), "gene and call"),
        (("--fusions", "t.maf"), "FusionGene"),
        (("--tumour-sample", "T9"), "--tumour-sample"),
        (("--out", "."), "a folder"),
        (("--out", "none/there.json"), "make it first"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
@pytest.mark.usefixtures("maf")
def test_a_wrong_argument_is_one_line_and_writes_nothing(
    osler: Osler, check: Any, arguments: tuple[str, ...], told: str
) -> None:
    """Exit code 2, what was expected, and no file."""
    before = sorted(Path().rglob("*.json"))
    out = () if "--out" in arguments else ("--out", "x.json")
    ended = osler(*ASK, *arguments, *out)
    assert check.is_the_users(ended), ended.err
    assert told in ended.err
    assert sorted(Path().rglob("*.json")) == before


def test_several_faults_are_told_at_once(osler: Osler, check: Any) -> None:
    """An unknown cancer, receptors that cannot be read and an absent file are three lines."""
    wrong = ("--cancer", "nonsense", "--receptors", "X=1", "--out", "x.json")
    ended = osler("genome", "somatic", "absent.maf", *wrong)
    assert check.is_the_users(ended), ended.err
    assert len(ended.err.splitlines()) == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\0",
        b"not a table\n",
        b"\x1f\x8b\x08\x00broken",
        b"##fileformat=VCFv4.2\n",
        b"PK\x03\x04",
    ],
    ids=["empty", "zeros", "prose", "half gzip", "half VCF", "half zip"],
)
def test_a_hostile_file_is_the_users_fault(osler: Osler, check: Any, content: bytes) -> None:
    """No file breaks the command, and none is answered as if it were sound."""
    Path("t.maf").write_bytes(content)
    ended = osler(*ASK, "--out", "x.json")
    assert check.is_the_users(ended), ended.err
    assert not Path("x.json").exists()


def test_no_sample_stands_in_a_message(osler: Osler) -> None:
    """Samples are patients: they are in the answer, and in no fault."""
    secret = "Doe_Jane_1961"
    row = PIK3CA.replace("T1", secret)
    Path("t.maf").write_text(f"{HEADER}\n{row}\n{row}\textra\n", "utf-8")
    wrong = osler(*ASK, "--tumour-sample", "other", "--out", "x.json")
    assert secret not in wrong.err
    ended = osler(*ASK, "--out", "x.json")
    assert secret not in ended.err
    assert any("1" in note for note in json.loads(Path("x.json").read_text("utf-8"))["notes"])
