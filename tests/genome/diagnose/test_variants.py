"""A person's variants by gene: which criteria are met, and how far they speak for a disease."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.genome.diagnose.variant_files import (
    CSQ,
    GRCH37,
    GRCH38,
    clinvar,
    clinvar_row,
    csq,
    gnomad,
    patient,
    row,
)

from osler.errors import InputError
from osler.genome.diagnose.acmg import Criterion
from osler.genome.diagnose.carried import (
    CONTRADICTORY,
    FILTERED,
    HALF,
    MALE_HETEROZYGOUS,
    NO_GENES,
    NO_GENOTYPE,
    REPEATED,
    SYMBOLIC,
    Strand,
    Zygosity,
)
from osler.genome.diagnose.criteria import Thresholds
from osler.genome.diagnose.given import read_criteria, read_genes
from osler.genome.diagnose.ratio import MODES, Damage, Mode, log_ratio
from osler.genome.diagnose.sites import Allele
from osler.genome.diagnose.variants import Evidence, VariantEvidence, evidence

STOP = csq("BRCA1", "stop_gained", EXON="5/23", HGVSp="NP_1:p.Arg10Ter")
MISSENSE = csq("BRCA1", "missense_variant", Codons="Gtt/Att", STRAND="1", REVEL="0.95")
ONE = Allele("17", 1000, "G", "A")


def _one(found: Evidence, gene: str = "BRCA1") -> VariantEvidence:
    (variant,) = found[gene].variants
    return variant


def _states(one: VariantEvidence) -> dict[str, str]:
    return {each.code: each.state for each in one.classification.criteria}


def _written(one: VariantEvidence) -> set[str]:
    return {str(each) for each in one.classification.met}


def _has(found: Evidence, note: str) -> bool:
    return any(one.endswith(note) for one in found.notes)


# --- nothing given, nothing assessed --------------------------------------------------------------


def test_without_files_their_criteria_are_not_assessed(tmp_path: Path) -> None:
    """A stop alone: no frequency, no ClinVar, no mechanism, so nothing is met and all is told."""
    found = evidence(patient(tmp_path, row("1000 G A", info=STOP)))
    one = _one(found)
    assert one.classification.class_.value == "uncertain significance"
    assert not one.classification.met
    assessed = {"PS2", "PM2", "BA1", "BS1", "PVS1", "PM3", "PP1", "PP4", "PM1", "BS2"}
    assert assessed <= set(one.classification.not_assessed)
    told = " ".join(found.notes)
    assert all(word in told for word in ("ClinVar", "frequencies", "loss of function"))


def test_every_entry_is_json_with_a_source(tmp_path: Path) -> None:
    """A variant's entry has all criteria, each with a state, words and a source."""
    found = evidence(patient(tmp_path, row("1000 G A", info=STOP)))
    told = json.loads(json.dumps(found["BRCA1"].to_json(), allow_nan=False))
    (one,) = told["variants"]
    assert one["variant"] == "17-1000-G-A"
    assert one["build"] == "GRCh38"
    assert one["hgvs_p"] == "p.Arg10Ter"
    assert len(one["acmg"]["criteria"]) == 28
    assert all(each["source"] and each["evidence"] for each in one["acmg"]["criteria"])


# --- PVS1 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("consequence", "parts", "expected"),
    [
        ("stop_gained", {"EXON": "5/23"}, {"PVS1"}),
        ("frameshift_variant&splice_region_variant", {"EXON": "21/23"}, {"PVS1"}),
        ("stop_gained", {"EXON": "22/23"}, {"PVS1_Strong"}),
        ("stop_gained", {"EXON": "23/23", "Protein_position": "100/1000"}, {"PVS1_Strong"}),
        ("stop_gained", {"EXON": "23/23", "Protein_position": "980/1000"}, {"PVS1_Moderate"}),
        ("stop_gained", {"EXON": "1/1"}, {"PVS1_Moderate"}),
        ("stop_gained", {}, {"PVS1_Moderate"}),
        ("splice_donor_variant", {}, {"PVS1_Strong"}),
        ("start_lost", {}, {"PVS1_Supporting"}),
        ("transcript_ablation", {}, {"PVS1"}),
        ("stop_lost", {}, {"PM4"}),
    ],
)
def test_how_strong_a_null_variant_is(
    tmp_path: Path, consequence: str, parts: dict[str, str], expected: set[str]
) -> None:
    """The decision tree of Abou Tayoun 2018, its weaker way where a step is not known."""
    info = csq("BRCA1", consequence, **parts)
    known = Thresholds(loss_of_function=frozenset({"BRCA1"}))
    assert _written(_one(evidence(_of(tmp_path, info), thresholds=known))) == expected


def _of(folder: Path, info: str, genotype: str = "0/1") -> Path:
    return patient(folder, row("1000 G A", genotype, info))


def test_no_null_criterion_without_a_known_mechanism(tmp_path: Path) -> None:
    """A gene that is not on the list, or no list, leaves PVS1 not assessed."""
    path = _of(tmp_path, STOP)
    for known in (None, frozenset({"TP53"})):
        one = _one(evidence(path, thresholds=Thresholds(loss_of_function=known)))
        assert _states(one)["PVS1"] == "not assessed"


# --- PM2, BA1, BS1 --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("17 1000 G A PASS AF=0.00001;AN=100000", {"PM2": "met", "BA1": "not met"}),
        ("17 1000 G A PASS AF=0.01;AN=100000", {"PM2": "not met", "BA1": "not met"}),
        ("17 1000 G A PASS AF=0.06;AN=100000", {"PM2": "not met", "BA1": "met"}),
        ("17 1000 G A PASS AF=0.05;AN=100000", {"PM2": "not met", "BA1": "not met"}),
        ("17 1000 G A PASS AF=0.01;AF_grpmax=0.2", {"PM2": "not met", "BA1": "met"}),
        (
            "17 1000 G A PASS AF=0.01;AF_grpmax=0.2;AN_grpmax=100",
            {"PM2": "not met", "BA1": "not assessed"},
        ),
        ("17 1000 G A AS_VQSR AF=0.2", {"PM2": "not assessed", "BA1": "not assessed"}),
        ("17 1000 G A PASS AF=0.0;AN=500", {"PM2": "not assessed", "BA1": "not assessed"}),
        ("17 1000 G T PASS AF=0.2", {"PM2": "met", "BA1": "not met"}),
        ("17 1000 G T RF AF=0.2", {"PM2": "not assessed", "BA1": "not assessed"}),
        ("17 1000 G T PASS AF=0.2;AN=80", {"PM2": "not assessed", "BA1": "not assessed"}),
        ("17 5000 G T PASS AF=0.2", {"PM2": "not assessed", "BA1": "not assessed"}),
    ],
)
def test_frequency_criteria(tmp_path: Path, line: str, expected: dict[str, str]) -> None:
    """Rare supports, common stands alone; a doubtful or unseen site says nothing."""
    one = _one(evidence(_of(tmp_path, MISSENSE), gnomad=gnomad(tmp_path, line)))
    assert {code: _states(one)[code] for code in expected} == expected
    assert _states(one)["BS1"] in {"not assessed", "not met"}
    if expected["PM2"] == "met":
        assert "PM2_Supporting" in _written(one)


def test_absent_is_rare_only_from_a_complete_file(tmp_path: Path) -> None:
    """That a file does not have a variant counts when the user says that it is complete."""
    files = gnomad(tmp_path, "17 5000 G T PASS AF=0.2")
    one = _one(
        evidence(_of(tmp_path, MISSENSE), gnomad=files, thresholds=Thresholds(complete=True))
    )
    assert "PM2_Supporting" in _written(one)


def test_thresholds_are_the_users(tmp_path: Path) -> None:
    """BS1 is assessed with a threshold, and BA1's exceptions are honoured."""
    path, files = _of(tmp_path, MISSENSE), gnomad(tmp_path, "17 1000 G A PASS AF=0.06")
    strict = Thresholds(bs1_above=0.01, ba1_above=0.1)
    assert "BS1" in _written(_one(evidence(path, gnomad=files, thresholds=strict)))
    exempt = Thresholds(ba1_exceptions=frozenset({ONE}))
    assert _states(_one(evidence(path, gnomad=files, thresholds=exempt)))["BA1"] == "not assessed"


def test_common_and_benign_does_not_speak_for_a_disease(tmp_path: Path) -> None:
    """A stop that a tenth of people carry is benign by BA1 and adds nothing."""
    found = evidence(_of(tmp_path, STOP), gnomad=gnomad(tmp_path, "17 1000 G A PASS AF=0.1"))
    assert _one(found).classification.class_.value == "benign"
    assert found["BRCA1"].log_lr_for("dominant") == 0


# --- PS1, PM5 -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "ps1", "pm5"),
    [
        # GTT (Val) to ATT (Ile) at 1000; the codon ends at 1002.
        (["1002 T C Pathogenic"], "not met", "not met"),
        (["1000 G C Pathogenic"], "not met", "met"),
        (["1001 T C Pathogenic"], "not met", "met"),
        (["1000 G C Likely_pathogenic"], "not met", "not met"),
        (["1000 G A Pathogenic"], "not met", "not met"),
        (["1003 G C Pathogenic"], "not met", "not met"),
        (["999 G C Pathogenic"], "not met", "not met"),
        ([], "not met", "not met"),
    ],
)
def test_other_variants_of_the_residue(tmp_path: Path, rows: list[str], ps1: str, pm5: str) -> None:
    """Established variants of ClinVar in the same codon count by what they do to the residue."""
    listed = [
        clinvar_row(" ".join(one.split()[:3]), one.split()[3]) for one in [*rows, "9000 G C Benign"]
    ]
    one = _one(evidence(_of(tmp_path, MISSENSE), clinvar=clinvar(tmp_path, *listed)))
    assert (_states(one)["PS1"], _states(one)["PM5"]) == (ps1, pm5)


@pytest.mark.parametrize("strand", ["1", "-1"])
def test_the_same_change_by_other_bases(tmp_path: Path, strand: str) -> None:
    """Phe to Leu by another base of the codon is PS1, on either strand."""
    # TTC (Phe) to CTC (Leu) here; TTC to TTA or TTG (Leu) in ClinVar, at the codon's other end.
    if strand == "1":
        place, known, codons = "1000 T C", "1002 C A", "Ttc/Ctc"
    else:
        place, known, codons = "1002 A G", "1000 G T", "Ttc/Ctc"
    info = csq(
        "BRCA1", "missense_variant", place.split()[2], Codons=codons, STRAND=strand, REVEL="0.5"
    )
    path = patient(tmp_path, row(place, info=info))
    one = _one(evidence(path, clinvar=clinvar(tmp_path, clinvar_row(known, "Pathogenic"))))
    assert _written(one) == {"PS1"}


def test_one_star_is_not_established(tmp_path: Path) -> None:
    """A single submitter's neighbour does not make PM5, unless the user says so."""
    files = clinvar(tmp_path, clinvar_row("1000 G C", "Pathogenic", stars=1))
    path = _of(tmp_path, MISSENSE)
    assert _states(_one(evidence(path, clinvar=files)))["PM5"] == "not met"
    loose = Thresholds(established_stars=1)
    assert _states(_one(evidence(path, clinvar=files, thresholds=loose)))["PM5"] == "met"


def test_without_the_codon_the_residue_is_not_assessed(tmp_path: Path) -> None:
    """Without VEP's Codons and STRAND, or with a codon that is not the reference's, no PS1."""
    files = clinvar(tmp_path, clinvar_row("1000 G C", "Pathogenic"))
    for parts in ({}, {"Codons": "Ctt/Att", "STRAND": "1"}, {"Codons": "Gtt/Att", "STRAND": "x"}):
        info = csq("BRCA1", "missense_variant", **parts)
        one = _one(evidence(_of(tmp_path, info), clinvar=files))
        assert (_states(one)["PS1"], _states(one)["PM5"]) == ("not assessed", "not assessed")


# --- PP3, BP4, BP7 --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        ("0.932", {"PP3_Strong"}),
        ("0.931", {"PP3_Moderate"}),
        ("0.773", {"PP3_Moderate"}),
        ("0.772", {"PP3"}),
        ("0.644", {"PP3"}),
        ("0.643", set()),
        ("0.291", set()),
        ("0.290", {"BP4"}),
        ("0.183", {"BP4_Moderate"}),
        ("0.016", {"BP4_Strong"}),
        ("0.003", {"BP4_VeryStrong"}),
        ("0.9&0.9", {"PP3_Moderate"}),
        ("0.9&.", {"PP3_Moderate"}),
    ],
)
def test_revel(tmp_path: Path, score: str, expected: set[str]) -> None:
    """The intervals of Pejaver 2022, table 2, ends included as printed there."""
    info = csq("BRCA1", "missense_variant", REVEL=score)
    assert _written(_one(evidence(_of(tmp_path, info)))) == expected


@pytest.mark.parametrize("score", ["", ".", "0.9&0.1", "1.5", "nan", "high"])
def test_no_usable_revel_is_not_assessed(tmp_path: Path, score: str) -> None:
    """No score, several that differ, and what is none leave PP3 and BP4 not assessed."""
    one = _one(evidence(_of(tmp_path, csq("BRCA1", "missense_variant", REVEL=score))))
    assert {_states(one)[code] for code in ("PP3", "BP4")} == {"not assessed"}


def _splicing(highest: str) -> dict[str, str]:
    zero = {f"SpliceAI_pred_DS_{one}": "0.0" for one in ("AL", "DG", "DL")}
    return {"SpliceAI_pred_DS_AG": highest, **zero}


def test_splicing_is_predicted_by_spliceai(tmp_path: Path) -> None:
    """From 0.2 it supports, also for a missense variant that REVEL finds harmless."""
    info = csq("BRCA1", "missense_variant", REVEL="0.01", **_splicing("0.5"))
    assert _written(_one(evidence(_of(tmp_path, info)))) == {"PP3"}


def test_a_silent_variant_is_looked_at_when_clinvar_has_it(tmp_path: Path) -> None:
    """A synonymous variant is no candidate by itself; one that ClinVar calls pathogenic is."""
    info = csq("BRCA1", "synonymous_variant", **_splicing("0.05"))
    path = _of(tmp_path, info)
    assert not evidence(path)
    files = clinvar(tmp_path, clinvar_row("1000 G A", "Pathogenic", term="synonymous_variant"))
    one = _one(evidence(path, clinvar=files))
    assert _written(one) == {"BP4", "BP7"}
    assert any(
        "ClinVar pathogenic" in note for note in evidence(path, clinvar=files)["BRCA1"].notes
    )


# --- what the user judges -------------------------------------------------------------------------


def test_criteria_of_the_user_count_and_differences_are_told(tmp_path: Path) -> None:
    """PS2 comes from the user alone; where the files say otherwise, a note tells both."""
    listed = tmp_path / "criteria.tsv"
    listed.write_text("# judged\nchr17-1000-G-A\tPS2,PM2\ttrio\n17-7-G-A\tPS2\n")
    files = gnomad(tmp_path, "17 1000 G A PASS AF=0.01")
    found = evidence(_of(tmp_path, MISSENSE), gnomad=files, given=read_criteria(listed))
    one = _one(found)
    assert {"PS2", "PM2", "PP3_Strong"} == _written(one)
    assert any(
        "PM2 is met as given, not met by the files" in note for note in one.classification.notes
    )
    assert any(
        "1 variants with criteria given that the file does not have" in n for n in found.notes
    )


@pytest.mark.parametrize(
    "text", ["nonsense\tPS2\n", "17-1000-G-A\n", "17-1000-G-A\tPS9\n", "17-1-G-A\tPM2,PM2_Strong\n"]
)
def test_bad_lists_of_criteria(tmp_path: Path, text: str) -> None:
    """A line that is wrong is named by its number."""
    path = tmp_path / "criteria.tsv"
    path.write_text(text)
    with pytest.raises(InputError, match="line 1"):
        read_criteria(path)


def test_genes_with_a_known_mechanism(tmp_path: Path) -> None:
    """A list of symbols, or ClinGen's table, of which only sufficient evidence counts."""
    path = tmp_path / "genes.txt"
    path.write_text("# mine\nBRCA1\nTP53\n\n")
    assert read_genes(path) == {"BRCA1", "TP53"}
    path.write_text(
        "#ClinGen Gene Curation List\n#1 Jan\n"
        "#Gene Symbol\tGene ID\tHaploinsufficiency Score\n"
        "BRCA1\t672\t3\nTP53\t7157\t30\nXX\t1\tNot yet evaluated\n"
    )
    assert read_genes(path) == {"BRCA1"}
    path.write_text("\n")
    with pytest.raises(InputError, match="no gene"):
        read_genes(path)


# --- what the person carries ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("genotype", "zygosity", "copies"),
    [
        ("0/1", "heterozygous", 1),
        ("1|0", "heterozygous", 1),
        ("1/1", "homozygous", 2),
        ("1", "hemizygous", 1),
        ("./1", "heterozygous", 1),
    ],
)
def test_zygosity(tmp_path: Path, genotype: str, zygosity: str, copies: int) -> None:
    """Copies are those the genotype tells; a missing copy is neither reference nor variant."""
    found = evidence(_of(tmp_path, STOP, genotype))
    one = _one(found)
    assert (one.zygosity.value, one.copies) == (zygosity, copies)
    assert _has(found, HALF) == (genotype == "./1")


@pytest.mark.parametrize("genotype", ["0/0", "./.", "0", ".", "0/."])
def test_what_is_not_carried_is_not_listed(tmp_path: Path, genotype: str) -> None:
    """Reference and missing genotypes give no variant; a missing one is counted."""
    found = evidence(_of(tmp_path, STOP, genotype))
    assert not found
    assert _has(found, NO_GENOTYPE) == (genotype in {"./.", "."})


@pytest.mark.parametrize(
    ("sex", "genotype", "position", "zygosity"),
    [
        ("MALE", "1/1", 50_000_000, "hemizygous"),
        ("MALE", "1/1", 100_000, "homozygous"),
        ("FEMALE", "1/1", 50_000_000, "homozygous"),
        (None, "1/1", 50_000_000, "homozygous"),
        (None, "1", 50_000_000, "hemizygous"),
    ],
)
def test_chromosome_x(
    tmp_path: Path, sex: str | None, genotype: str, position: int, zygosity: str
) -> None:
    """In a male both writings are one copy, except where X pairs with Y."""
    record = row(f"{position} G A", genotype, csq("DMD", "stop_gained"), chrom="X")
    found = evidence(patient(tmp_path, record), sex=sex)
    assert _one(found, "DMD").zygosity.value == zygosity
    assert _one(found, "DMD").copies == (1 if zygosity == "hemizygous" else 2)


def test_a_heterozygous_male_on_x_is_doubtful(tmp_path: Path) -> None:
    """It is kept as it is written, and counted."""
    record = row("50000000 G A", "0/1", csq("DMD", "stop_gained"), chrom="chrX")
    assert _has(evidence(patient(tmp_path, record), sex="MALE"), MALE_HETEROZYGOUS)


def test_several_samples_need_a_name(tmp_path: Path) -> None:
    """Without one the file is refused, and no name is repeated in a message."""
    path = patient(tmp_path, row("1000 G A", "0/0 1/1", STOP), samples="SECRET1 SECRET2")
    with pytest.raises(InputError, match="2 samples") as told:
        evidence(path)
    assert "SECRET" not in str(told.value)
    assert not evidence(path, sample="SECRET1")
    assert _one(evidence(path, sample="SECRET2")).copies == 2
    with pytest.raises(InputError) as told:
        evidence(path, sample="SECRET3")
    assert "SECRET" not in str(told.value)


def test_sites_only_are_refused(tmp_path: Path) -> None:
    """A file without a person is not a person's."""
    with pytest.raises(InputError, match="no sample"):
        evidence(clinvar(tmp_path, clinvar_row("1000 G A", "Pathogenic")))


def test_alleles_of_one_record_go_to_their_own_entries(tmp_path: Path) -> None:
    """VEP's entries are matched to the alternate that the person has."""
    info = csq("BRCA1", "stop_gained", "A") + "," + csq("BRCA1", "missense_variant", "T")[4:]
    found = evidence(patient(tmp_path, row("1000 G A,T", "0/2", info)))
    assert _one(found).variant == "17-1000-G-T"
    assert _one(found).consequence == ("missense_variant",)


def test_the_file_is_read_on_past_what_is_doubtful(tmp_path: Path) -> None:
    """Filtered, symbolic, repeated and contradictory records are counted, the rest answered."""
    path = patient(
        tmp_path,
        row("500 G A", info=STOP, filters="LowQual"),
        row("600 G <DEL>", info=csq("BRCA1", "transcript_ablation", "<DEL>")),
        row("700 G A", info=STOP),
        row("700 G A", info=STOP),
        row("800 G A", "0/1", STOP),
        row("800 G A", "1/1", STOP),
        row("1000 G A", info=STOP),
        "garbage\n",
    )
    found = evidence(path)
    assert [one.allele.position for one in found["BRCA1"].variants] == [700, 800, 1000]
    assert all(_has(found, note) for note in (FILTERED, SYMBOLIC, REPEATED, CONTRADICTORY))
    assert {one.copies for one in found["BRCA1"].variants} == {1}


def test_genes_that_do_not_matter_are_left_out(tmp_path: Path) -> None:
    """A variant of two genes is listed in those asked for."""
    info = STOP + "," + csq("NBR2", "missense_variant")[4:]
    path = _of(tmp_path, info)
    assert set(evidence(path)) == {"BRCA1", "NBR2"}
    assert set(evidence(path, genes={"NBR2"})) == {"NBR2"}
    assert not evidence(path, genes=set())


def test_snpeff_is_read_too(tmp_path: Path) -> None:
    """ANN gives gene, consequence and exon."""
    header = GRCH38 + '##INFO=<ID=ANN,Number=.,Type=String,Description="Functional annotations">\n'
    ann = "ANN=A|stop_gained|HIGH|BRCA1|672|transcript|NM_1|protein_coding|5/23|c.1G>A|p.Arg10*"
    known = Thresholds(loss_of_function=frozenset({"BRCA1"}))
    found = evidence(patient(tmp_path, row("1000 G A", info=ann), header=header), thresholds=known)
    assert _written(_one(found)) == {"PVS1"}
    assert _one(found).hgvs == "p.Arg10*"


def test_without_annotation_clinvar_gives_the_gene(tmp_path: Path) -> None:
    """A pathogenic variant is put to ClinVar's gene; without ClinVar nothing can be said."""
    path = patient(tmp_path, row("1000 G A"), row("2000 G A"), header=GRCH38)
    bare = evidence(path)
    assert not bare
    assert _has(bare, NO_GENES)
    files = clinvar(
        tmp_path,
        clinvar_row("1000 G A", "Pathogenic", term="nonsense"),
        clinvar_row("2000 G A", "Benign"),
    )
    found = evidence(path, clinvar=files)
    assert _one(found).consequence == ("stop_gained",)
    assert found["BRCA1"].log_lr_for("dominant") == pytest.approx(math.log(941), abs=0.1)


@pytest.mark.parametrize("packed", [False, True])
def test_damage_and_wrong_builds(tmp_path: Path, packed: bool) -> None:
    """A cut file, an empty one, and files of two builds have one plain message each."""
    path = _of(tmp_path, STOP)
    if packed:
        cut = tmp_path / "cut.vcf.gz"
        many = [row(f"{1000 + n} G A", info=STOP) for n in range(3000)]
        whole = gzip.compress(patient(tmp_path, *many, name="many.vcf").read_bytes())
        cut.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(InputError, match="cut short"):
            evidence(cut)
    empty = tmp_path / "empty.vcf"
    empty.write_text("")
    with pytest.raises(InputError, match="VCF"):
        evidence(empty)
    files = clinvar(tmp_path, clinvar_row("1000 G A", "Pathogenic"))
    old = patient(tmp_path, row("1000 G A", info=STOP), header=GRCH37 + CSQ, name="old.vcf")
    with pytest.raises(InputError, match="GRCh37"):
        evidence(old, clinvar=files)
    with pytest.raises(InputError, match="GRCh38"):
        evidence(path, build="GRCh37")
    with pytest.raises(InputError, match="build"):
        evidence(path, build="hg99")


def test_an_unknown_build_is_told_and_can_be_given(tmp_path: Path) -> None:
    """A header that says nothing is noted; the user's word settles it."""
    path = patient(tmp_path, row("1000 G A", info=STOP), header=CSQ)
    assert any("genome build is not known" in note for note in evidence(path).notes)
    assert evidence(path, build="GRCh38").build == "GRCh38"
    other = "##reference=hg18\n" + CSQ
    with pytest.raises(InputError, match="GRCh37"):
        evidence(patient(tmp_path, row("1000 G A", info=STOP), header=other))


@given(st.text(max_size=80), st.text("01./|-x", max_size=6))
def test_whatever_an_annotation_says_nothing_breaks(
    tmp_path_factory: Any, text: str, genotype: str
) -> None:
    """Any annotation and any genotype give an answer, or are refused as input."""
    info = "CSQ=A|stop_gained|BRCA1|" + text.replace("\t", " ").replace("\n", " ")
    records = [row("1000 G A", genotype or ".", info), row("2000 G A", "0/1", STOP)]
    path = patient(tmp_path_factory.mktemp("any"), *records)
    found = evidence(path)
    assert ("17-2000-G-A") in {one.variant for one in found["BRCA1"].variants}
    json.dumps(found["BRCA1"].to_json(), allow_nan=False)


# --- how far it speaks ----------------------------------------------------------------------------


def _damage(chance: float = 0.95, **other: Any) -> Damage:
    about = {"established": False, "frequency": None, "zygosity": Zygosity.HETEROZYGOUS, **other}
    return Damage(chance, **about)


def test_one_allele_is_enough_for_dominant_and_says_nothing_for_recessive() -> None:
    """A carrier of a recessive allele is like any healthy carrier, however sure the allele is."""
    one = _damage(0.99, established=True)
    assert log_ratio([one], "dominant", whole=False) > math.log(500)
    assert log_ratio([one], "recessive", whole=False) == pytest.approx(0)


def test_two_alleles_for_recessive_unless_on_one_copy() -> None:
    """Two heterozygous alleles speak for it, not when their phase puts them on one copy."""
    two = [_damage(), _damage()]
    homozygous = [_damage(zygosity=Zygosity.HOMOZYGOUS)]
    assert log_ratio(two, "recessive", whole=False) > 4
    assert log_ratio(homozygous, "recessive", whole=False) > 4
    cis = [_damage(strand=Strand(1, 0)), _damage(strand=Strand(1, 0))]
    trans = [_damage(strand=Strand(1, 0)), _damage(strand=Strand(1, 1))]
    apart = [_damage(strand=Strand(1, 0)), _damage(strand=Strand(2, 0))]
    assert log_ratio(cis, "recessive", whole=False) == pytest.approx(0)
    assert log_ratio(trans, "recessive", whole=False) > 4
    assert log_ratio(apart, "recessive", whole=False) > 4


def test_chromosome_x_counts_fully_on_all_copies() -> None:
    """A male's one copy counts as dominant; with an intact copy beside it, less."""
    male = [_damage(zygosity=Zygosity.HEMIZYGOUS)]
    female = [_damage()]
    full = log_ratio(male, "x-linked", whole=False)
    assert full == pytest.approx(log_ratio(male, "dominant", whole=False))
    assert 0 < log_ratio(female, "x-linked", whole=False) < full


def test_nothing_found_says_nothing_unless_all_was_sequenced() -> None:
    """Missing is not absent: only a whole exome or genome speaks against a gene."""
    for mode in (*MODES, None):
        assert log_ratio([], mode, whole=False) == 0  # type: ignore[arg-type]  # str of MODES
        assert log_ratio([], mode, whole=True) < -2  # type: ignore[arg-type]  # str of MODES
    assert log_ratio([], "dominant", whole=True) == pytest.approx(math.log(0.05) + 0.1)


def test_a_frequent_prediction_does_not_count_for_dominant() -> None:
    """A predicted allele that is too frequent for the mode is background."""
    common = _damage(frequency=0.01)
    assert log_ratio([common], "dominant", whole=False) == 0
    assert log_ratio([_damage(frequency=0.03)] * 2, "recessive", whole=False) == 0
    assert log_ratio([common, common], "recessive", whole=False) > 3


DAMAGES = st.builds(
    Damage,
    st.floats(0, 1),
    st.booleans(),
    st.none() | st.floats(0, 1),
    st.sampled_from(list(Zygosity)),
    st.none() | st.builds(Strand, st.integers(-1, 2), st.integers(0, 1)),
)


@given(st.lists(DAMAGES, max_size=6), st.sampled_from([*MODES, None]), st.booleans())
def test_the_ratio_is_bounded(alleles: list[Damage], mode: Mode | None, whole: bool) -> None:
    """It is finite, at most a million, and below 1 only if all was sequenced."""
    ratio = log_ratio(alleles, mode, whole=whole)
    assert ratio <= math.log(1e6) + 1e-9
    assert ratio >= (math.log(0.05**2) if whole else 0.0)


@given(st.lists(DAMAGES, min_size=1, max_size=6), st.sampled_from(MODES), st.booleans())
def test_another_allele_never_speaks_against(
    alleles: list[Damage], mode: Mode, whole: bool
) -> None:
    """A further allele leaves the ratio or raises it, in any order."""
    fewer = log_ratio(alleles[1:], mode, whole=whole)
    assert log_ratio(alleles, mode, whole=whole) >= fewer - 1e-9
    assert log_ratio(alleles[::-1], mode, whole=whole) == pytest.approx(
        log_ratio(alleles, mode, whole=whole)
    )


def test_an_unknown_mode_is_refused(tmp_path: Path) -> None:
    """A mode that is none of the three is told."""
    found = evidence(_of(tmp_path, STOP))
    with pytest.raises(InputError, match="mode"):
        found["BRCA1"].log_lr_for("polygenic")  # type: ignore[arg-type]  # the point


def test_genes_without_a_variant(tmp_path: Path) -> None:
    """They are not listed; asked for, they say nothing, or against if all was sequenced."""
    path = _of(tmp_path, STOP)
    assert evidence(path).of("TP53").log_lr == 0
    whole = evidence(path, whole=True)
    assert "TP53" not in whole
    assert whole.of("TP53").log_lr_for("dominant") < -2


def test_counts_by_zygosity(tmp_path: Path) -> None:
    """A gene's entry counts its variants by zygosity."""
    path = patient(
        tmp_path,
        row("1000 G A", info=STOP),
        row("1100 G A", "1/1", STOP),
        row("1200 G A", "1", STOP),
    )
    gene = evidence(path)["BRCA1"]
    assert (gene.heterozygous, gene.homozygous, gene.hemizygous) == (1, 1, 1)


def test_a_criterion_may_be_given_as_an_object(tmp_path: Path) -> None:
    """Criteria of the user need no file."""
    given_ = {ONE: (Criterion.said("PS2"),)}
    assert _written(_one(evidence(_of(tmp_path, STOP), given=given_))) == {"PS2"}
