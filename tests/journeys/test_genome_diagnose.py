"""Walk `osler genome diagnose` as a user would: files in each form, damage, variants beside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from osler import cli

MARFAN = ["HP:0001083", "HP:0002616", "HP:0001166", "HP:0001519", "HP:0000768"]
HEADER = """##fileformat=VCFv4.2
##contig=<ID=chr15,length=101991189,assembly=GRCh38>
##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. \
Format: Allele|Consequence|SYMBOL|Gene|Feature_type|Feature|BIOTYPE|HGVSc|HGVSp|CANONICAL">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tpatient
"""
STOP = (
    "chr15\t48430000\t.\tC\tT\t99\tPASS\tCSQ=T|stop_gained|{gene}|ENSG1|Transcript|ENST1|"
    "protein_coding|ENST1:c.1C>T|ENSP1:p.Arg1Ter|YES\tGT\t0/1\n"
)


def packet(name: str, *present: str, excluded: tuple[str, ...] = ()) -> dict[str, Any]:
    """Build a phenopacket."""
    features: list[dict[str, Any]] = [{"type": {"id": one}} for one in present]
    features += [{"type": {"id": one}, "excluded": True} for one in excluded]
    about = {"externalReferences": [{"id": "PMID:20301510"}]}
    return {"id": name, "phenotypicFeatures": features, "metaData": about}


def ended(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run the command in this process; return its code and both streams."""
    code = cli.run(["genome", "diagnose", *map(str, arguments)])
    streams = capsys.readouterr()
    return code, streams.out, streams.err


@pytest.mark.parametrize("form", ["object", "list", "lines"])
def test_each_form_of_file_is_answered(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One object, a list and one object a line give what the published interface names."""
    cases = [packet("one", *MARFAN, excluded=("HP:0001250",)), packet("two", "HP:0001250")]
    text = {
        "object": json.dumps(cases[0], indent=2),
        "list": json.dumps(cases),
        "lines": "\n".join(map(json.dumps, cases)),
    }[form]
    file, out = tmp_path / "cases.json", tmp_path / "diagnosis.json"
    file.write_text(text)
    code, told, _ = ended(capsys, file, "--exclude-own-publications", "--out", out)
    assert code == 0
    assert "A ranking is a hypothesis" in told
    answer = json.loads(out.read_text())
    assert [one["id"] for one in answer["cases"]] == ["one", "two"][: 1 if form == "object" else 2]
    assert answer["knowledge"]["release"].startswith("hpo-")
    assert len(answer["knowledge"]["sha256"]) == 64
    ranking = answer["cases"][0]["ranking"]
    assert [one["posterior"] for one in ranking] == sorted(
        (one["posterior"] for one in ranking), reverse=True
    )
    assert {"disease", "name", "posterior", "terms"} <= set(ranking[0])
    assert ranking[0]["disease"].startswith("OMIM:")
    assert [one["hpo"] for one in ranking[0]["terms"]] == [*MARFAN, "HP:0001250"]
    assert all(isinstance(one["log_lr"], float) for one in ranking[0]["terms"])


def test_json_goes_to_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json standard output is the document and nothing else; a run repeats exactly."""
    file = tmp_path / "cases.json"
    file.write_text(json.dumps(packet("one", *MARFAN)))
    first = ended(capsys, file, "--json", "--top", 2)
    assert first == ended(capsys, file, "--json", "--top", 2)
    assert len(json.loads(first[1])["cases"][0]["ranking"]) == 2


def test_doubtful_terms_are_told_and_the_rest_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unknown terms are counted in the case; a case without findings says so; others stand."""
    file, out = tmp_path / "cases.json", tmp_path / "diagnosis.json"
    cases = [packet("a", "HP:9999999", "HP:0001083"), packet("b"), packet("c", "HP:0001250")]
    file.write_text(json.dumps(cases))
    code, told, _ = ended(capsys, file, "--out", out)
    assert code == 0
    assert "1 of 3 cases without anything to rank by" in told
    answers = json.loads(out.read_text())["cases"]
    assert answers[0]["notes"] == ["1 unknown HPO terms, left out"]
    assert (answers[1]["ranking"], len(answers[2]["ranking"])) == ([], 25)
    assert "nothing to rank by" in answers[1]["notes"][0]


def test_a_broken_line_is_told_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each broken line is one line on standard error with its number and without its content."""
    file, out = tmp_path / "cases.jsonl", tmp_path / "diagnosis.json"
    sound = json.dumps(packet("a", "HP:0001250"))
    file.write_text(f'{sound}\n{{"id": "Smith\n{sound}\n[1]\n')
    code, told, faults = ended(capsys, file, "--out", out)
    assert (code, told) == (2, "")
    assert [line.split(":")[1].strip() for line in faults.splitlines()] == [
        "cases.jsonl, line 2",
        "cases.jsonl, line 4",
    ]
    assert "Smith" not in faults
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["absent.json"], "absent.json"),
        (["cases.json", "--top", "0"], "--top"),
        (["cases.json", "--sample", "x", "--whole"], "without variants"),
        (["cases.json", "--out", "nowhere/diagnosis.json"], "nowhere"),
        (["empty.json"], "nothing"),
    ],
)
def test_what_cannot_work_ends_before_it_begins(
    arguments: list[str],
    what: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The user's mistakes end with 2, a line for each, and nothing written."""
    monkeypatch.chdir(tmp_path)
    Path("cases.json").write_text(json.dumps(packet("a", "HP:0001250")))
    Path("empty.json").write_text("")
    code, told, faults = ended(capsys, *arguments)
    assert (code, told) == (2, "")
    assert what in faults
    assert sorted(one.name for one in tmp_path.iterdir()) == ["cases.json", "empty.json"]


def test_a_variant_lifts_the_diseases_of_its_gene(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A truncating variant of FBN1 raises Marfan syndrome, and the answer shows the variant."""
    pytest.importorskip("cyvcf2")
    file, vcf = tmp_path / "case.json", tmp_path / "patient.vcf"
    file.write_text(json.dumps(packet("a", *MARFAN[1:])))
    vcf.write_text(HEADER + STOP.format(gene="FBN1"))
    alone = json.loads(ended(capsys, file, "--json", "--top", 9000)[1])["cases"][0]["ranking"]
    code, text, faults = ended(capsys, file, "--vcf", vcf, "--json", "--top", 9000)
    assert (code, faults) == (0, "")
    document = json.loads(text)
    both = document["cases"][0]["ranking"]
    first, then = (
        next(one for one in ranking if one["disease"] == "OMIM:154700") for ranking in (alone, both)
    )
    assert then["posterior"] > first["posterior"]
    assert then["genotype"]["gene"] == "FBN1"
    assert then["genotype"]["variants"][0]["variant"] == "15-48430000-C-T"
    assert "genotype" not in first
    assert any("ClinVar" in note for note in document["notes"])


def test_one_persons_variants_are_not_given_to_several(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A VCF beside two cases is refused."""
    file, vcf = tmp_path / "cases.json", tmp_path / "patient.vcf"
    file.write_text(json.dumps([packet("a", *MARFAN), packet("b", *MARFAN)]))
    vcf.write_text(HEADER + STOP.format(gene="FBN1"))
    code, told, faults = ended(capsys, file, "--vcf", vcf)
    assert (code, told) == (2, "")
    assert "one case" in faults
