"""ClinVar and gnomAD are read at a person's variants, whatever the file's spelling and damage."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.genome.diagnose.variant_files import CLINVAR, GNOMAD, clinvar, clinvar_row, gnomad

from osler.errors import InputError
from osler.genome.diagnose import sites
from osler.genome.diagnose.clinvar import (
    AMBIGUOUS,
    DISAGREEING,
    NUMBERED,
    ClinVar,
    Significance,
    pathogenic_places,
    read_clinvar,
    significance_of,
    stars_of,
)
from osler.genome.diagnose.gnomad import BAD_LINE, BAD_NUMBER, Frequencies, read_frequencies
from osler.genome.diagnose.sites import OTHER_REFERENCE, Allele, Wanted
from osler.sources.vcf import opening

ONE = Allele("17", 1000, "G", "A")


def _clinvar(path: Path, *alleles: Allele, notes: Counter[str] | None = None) -> ClinVar:
    return read_clinvar(path, alleles or [ONE], "GRCh38", Counter() if notes is None else notes)


def _frequencies(path: Path, *alleles: Allele, notes: Counter[str] | None = None) -> Frequencies:
    tally = Counter() if notes is None else notes
    return read_frequencies([path], alleles or [ONE], "GRCh38", tally)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Pathogenic", Significance.PATHOGENIC),
        ("Likely_pathogenic", Significance.LIKELY_PATHOGENIC),
        ("Pathogenic/Likely_pathogenic", Significance.PATHOGENIC_OR_LIKELY),
        ("Pathogenic/Likely_pathogenic|other", Significance.PATHOGENIC_OR_LIKELY),
        ("Pathogenic/Pathogenic,_low_penetrance", Significance.PATHOGENIC),
        ("Pathogenic,_low_penetrance", Significance.OTHER),
        ("Uncertain_significance", Significance.UNCERTAIN),
        ("Uncertain_significance/Uncertain_risk_allele", Significance.UNCERTAIN),
        ("Conflicting_classifications_of_pathogenicity", Significance.CONFLICTING),
        ("Conflicting_interpretations_of_pathogenicity|risk_factor", Significance.CONFLICTING),
        ("Benign/Likely_benign", Significance.BENIGN_OR_LIKELY),
        ("Benign|drug_response", Significance.BENIGN),
        ("Pathogenic|Benign", Significance.CONFLICTING),
        ("drug_response", Significance.OTHER),
        ("no_classification_for_the_single_variant", Significance.OTHER),
        ("", Significance.OTHER),
    ],
)
def test_classes(text: str, expected: Significance) -> None:
    """CLNSIG is read as ClinVar writes it, in old and new files."""
    assert significance_of(text) is expected


def test_stars() -> None:
    """The review status has the stars that ClinVar shows; what is not known has none."""
    assert stars_of("practice_guideline") == 4
    assert stars_of("reviewed_by_expert_panel") == 3
    assert stars_of("criteria_provided,_conflicting_classifications") == 1
    assert stars_of("no_assertion_criteria_provided") == 0
    assert stars_of("something new") == 0


@pytest.mark.parametrize("chrom", ["17", "chr17"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_variant_is_found_by_place_and_alleles(tmp_path: Path, chrom: str, packed: bool) -> None:
    """With `chr` or without, packed or not; another allele there is not the variant."""
    path = clinvar(
        tmp_path,
        clinvar_row("1000 G A", "Pathogenic", chrom=chrom),
        clinvar_row("1000 G T", "Benign", chrom=chrom),
        clinvar_row("5000 C T", "Benign", chrom=chrom),
    )
    if packed:
        other = tmp_path / "clinvar.vcf.gz"
        other.write_bytes(gzip.compress(path.read_bytes()))
        path = other
    found = _clinvar(path)
    assert set(found.exact) == {ONE}
    one = found.exact[ONE]
    assert (one.significance, one.stars, one.genes) == (Significance.PATHOGENIC, 2, ("BRCA1",))
    assert "2026-01-04" in found.source


def test_one_spelling_for_an_insertion_or_deletion(tmp_path: Path) -> None:
    """Bases that both alleles share do not matter, at either end, also before the position."""
    asked = Allele.of("chr17", 1002, "TAG", "T")
    path = clinvar(tmp_path, clinvar_row("1000 CATAGC CATC", "Pathogenic"))
    assert asked == Allele.of("17", 1000, "CATAGC", "CATC")
    assert _clinvar(path, asked).exact[asked].significance is Significance.PATHOGENIC


def test_several_alleles_in_a_record(tmp_path: Path) -> None:
    """A class for each allele is used; one class for several alleles is nobody's, and counted."""
    info = "CLNSIG={};CLNREVSTAT=criteria_provided,_single_submitter,{};GENEINFO=A:1"
    path = clinvar(
        tmp_path,
        "17 1000 G A,T . " + info.format("Pathogenic,Benign", "reviewed_by_expert_panel"),
        "17 2000 G A,T . " + info.format("Pathogenic", "x"),
    )
    notes: Counter[str] = Counter()
    t, lost = Allele("17", 1000, "G", "T"), Allele("17", 2000, "G", "A")
    found = _clinvar(path, ONE, t, lost, notes=notes)
    assert found.exact[ONE].significance is Significance.PATHOGENIC
    assert (found.exact[t].significance, found.exact[t].stars) == (Significance.BENIGN, 3)
    assert lost not in found.exact
    assert notes[AMBIGUOUS] == 1


def test_the_same_variant_twice(tmp_path: Path) -> None:
    """More stars decide; equal stars that disagree are conflicting, and counted."""
    notes: Counter[str] = Counter()
    two = Allele("17", 3000, "G", "A")
    path = clinvar(
        tmp_path,
        clinvar_row("1000 G A", "Benign", stars=1),
        clinvar_row("1000 G A", "Pathogenic", stars=3),
        clinvar_row("3000 G A", "Benign", stars=2),
        clinvar_row("3000 G A", "Pathogenic", stars=2),
    )
    found = _clinvar(path, ONE, two, notes=notes)
    assert found.exact[ONE].significance is Significance.PATHOGENIC
    assert found.exact[two].significance is Significance.CONFLICTING
    assert notes[DISAGREEING] == 2


def test_classes_as_numbers_are_not_guessed(tmp_path: Path) -> None:
    """A file from before 2017 gives numbers, which are counted and not used."""
    notes: Counter[str] = Counter()
    assert not _clinvar(clinvar(tmp_path, clinvar_row("1000 G A", "5")), notes=notes).exact
    assert notes[NUMBERED] == 1


def test_places_of_what_is_pathogenic(tmp_path: Path) -> None:
    """Positions of pathogenic and likely pathogenic records are kept, with enough stars only."""
    path = clinvar(
        tmp_path,
        clinvar_row("1000 G A", "Pathogenic", stars=1),
        clinvar_row("2000 G A", "Likely_pathogenic", stars=0),
        clinvar_row("3000 G A", "Likely_pathogenic", stars=1),
        clinvar_row("4000 G A", "Conflicting_classifications_of_pathogenicity"),
        clinvar_row("5000 G A", "Benign"),
    )
    assert pathogenic_places(path, 1) == {"17": {1000, 3000}}


def test_a_file_of_another_build_is_refused(tmp_path: Path) -> None:
    """A header that tells another build, or reference bases that are others, stop the reading."""
    row = clinvar_row("1000 G A", "Pathogenic")
    header = CLINVAR.replace("GRCh38", "GRCh37")
    with pytest.raises(InputError, match="GRCh37"):
        _clinvar(clinvar(tmp_path, row, header=header))
    silent = CLINVAR.replace("##reference=GRCh38\n", "")
    asked = [Allele("17", 1000 + 10 * n, "G", "A") for n in range(10)]
    rows = [clinvar_row(f"{one.position} C T", "Pathogenic") for one in asked]
    with pytest.raises(InputError, match="another reference allele"):
        _clinvar(clinvar(tmp_path, *rows, header=silent), *asked)


def test_a_single_other_reference_is_counted_and_not_used(tmp_path: Path) -> None:
    """One record with another reference base is left out and told."""
    notes: Counter[str] = Counter()
    found = _clinvar(clinvar(tmp_path, clinvar_row("1000 C A", "Pathogenic")), notes=notes)
    assert not found.exact
    assert notes[f"clinvar.vcf: {OTHER_REFERENCE}"] == 1


def test_what_is_no_clinvar_is_refused(tmp_path: Path) -> None:
    """A VCF without CLNSIG, an empty file, a table, and no file at all have one plain message."""
    other = gnomad(tmp_path, "17 1000 G A . AF=0.1")
    with pytest.raises(InputError, match="CLNSIG"):
        _clinvar(other)
    with pytest.raises(InputError, match="CLNSIG"):
        pathogenic_places(other, 1)
    empty = tmp_path / "empty.vcf"
    empty.write_text("")
    with pytest.raises(InputError, match="VCF"):
        _clinvar(empty)
    with pytest.raises(InputError, match="not there"):
        _clinvar(tmp_path / "missing.vcf")


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    """A gzip file that ends too early is told, not read as if that were all."""
    rows = [clinvar_row(f"{1000 + n} G A", "Pathogenic") for n in range(5000)]
    whole = gzip.compress(clinvar(tmp_path, *rows).read_bytes())
    cut = tmp_path / "cut.vcf.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cut short"):
        _clinvar(cut)


def test_lines_that_are_no_records_are_passed_over(tmp_path: Path) -> None:
    """Garbage between the records does not stop the reading."""
    path = clinvar(tmp_path, clinvar_row("1000 G A", "Pathogenic"))
    text = path.read_text().splitlines(keepends=True)
    garbage = ["\n", "nonsense\n", "17\tx\t.\tG\tA\n", "17\t" + "9" * 40 + "\t.\tG\tA\t.\t.\t.\n"]
    path.write_text("".join([*text[:-1], *garbage, text[-1]]))
    assert set(_clinvar(path).exact) == {ONE}
    assert pathogenic_places(path, 1) == {"17": {1000}}


@pytest.mark.skipif(shutil.which("tabix") is None, reason="needs tabix of htslib")
def test_a_large_file_is_asked_by_its_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the index the answer is that of one pass; an index older than the file is not used."""
    monkeypatch.setattr(sites, "LEAST_BYTES_FOR_INDEX", 0)
    monkeypatch.setattr(opening, "LEAST_BYTES_FOR_INDEX", 0)
    rows = [clinvar_row(f"{1000 + 10 * n} G A", "Pathogenic") for n in range(500)]
    plain = clinvar(tmp_path, *rows)
    asked = [Allele("17", 1000 + 70 * n, "G", "A") for n in range(60)]
    expected = set(_clinvar(plain, *asked).exact)
    assert len(expected) == 60
    packed = tmp_path / "clinvar.vcf.gz"
    with packed.open("wb") as out:
        subprocess.run(["bgzip", "-c", str(plain)], stdout=out, check=True)
    subprocess.run(["tabix", "-p", "vcf", str(packed)], check=True)
    assert set(_clinvar(packed, *asked).exact) == expected
    os.utime(packed.with_name("clinvar.vcf.gz.tbi"), (1, 1))
    assert set(_clinvar(packed, *asked).exact) == expected


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_whatever_stands_in_a_file_nothing_breaks(
    tmp_path_factory: Any, lines: list[bytes]
) -> None:
    """Any bytes after the header are passed over, or refused as input."""
    path = clinvar(tmp_path_factory.mktemp("any"), clinvar_row("1000 G A", "Pathogenic"))
    tail = [b"17\t1000\t.\tG\tA\t.\t.\t" + line for line in lines]
    path.write_bytes(path.read_bytes() + b"\n".join([*tail, *lines]))
    try:
        assert ONE in _clinvar(path).exact
        assert 1000 in pathogenic_places(path, 1)["17"]
    except InputError as refused:
        assert "clinvar.vcf" in str(refused)  # noqa: PT017  # both outcomes are right


def test_only_what_was_asked_is_kept() -> None:
    """Positions are looked up by the chromosome, also where a record begins before them."""
    wanted = Wanted.around([ONE, Allele("X", 5, "C", "CT")], margin=1)
    assert wanted.reaches("17", 990, 999)
    assert not wanted.reaches("17", 990, 998)
    assert not wanted.reaches("18", 1000, 1000)
    assert wanted.regions() == [("17", 999, 1001), ("X", 4, 6)]


# --- frequencies ----------------------------------------------------------------------------------


@pytest.mark.parametrize("highest", ["AF_grpmax", "AF_popmax", "AF_grpmax_joint"])
def test_frequencies_of_gnomads_versions(tmp_path: Path, highest: str) -> None:
    """The share of all and of the population with most are read in each version's fields."""
    path = gnomad(
        tmp_path,
        f"chr17 1000 G A PASS AC=15;AN=150000;AF=0.0001;{highest}=0.0004;nhomalt=2",
    )
    one = _frequencies(path).exact[ONE]
    assert (one.overall, one.highest, one.most) == (0.0001, 0.0004, 0.0004)
    assert (one.number, one.homozygotes, one.filters) == (150000, 2, ())


def test_several_alleles_at_a_site(tmp_path: Path) -> None:
    """Values by allele go to their allele, the number of all alleles to each."""
    path = gnomad(tmp_path, "17 1000 G T,A AC0 AC=3,1;AN=10000;AF=0.0003,0.0001")
    one = _frequencies(path).exact[ONE]
    assert (one.overall, one.number, one.filters) == (0.0001, 10000, ("AC0",))


def test_a_share_is_worked_out_from_counts(tmp_path: Path) -> None:
    """Without AF the count and the number give it; with neither there is none."""
    header = GNOMAD.replace("ID=AF,", "ID=AC,")
    path = gnomad(tmp_path, "17 1000 G A . AC=5;AN=1000", "17 2000 G A . AC=5", header=header)
    two = Allele("17", 2000, "G", "A")
    found = _frequencies(path, ONE, two)
    assert found.exact[ONE].most == 0.005
    assert found.exact[two].most is None


def test_shares_that_are_none_are_counted(tmp_path: Path) -> None:
    """Below 0, above 1, not a number: not used, and told."""
    two, three = Allele("17", 2000, "G", "A"), Allele("17", 3000, "G", "A")
    path = gnomad(tmp_path, "17 1000 G A . AF=1.5", "17 2000 G A . AF=nan", "17 3000 G A . AF=lots")
    notes: Counter[str] = Counter()
    found = _frequencies(path, ONE, two, three, notes=notes)
    assert all(one.most is None for one in found.exact.values())
    assert notes[BAD_NUMBER] >= 2


def test_a_site_with_other_alleles_is_remembered(tmp_path: Path) -> None:
    """That a position was looked at is known from another allele there."""
    found = _frequencies(gnomad(tmp_path, "17 1000 G T PASS AF=0.1"))
    assert not found.exact.get(ONE)
    assert found.site_of(ONE) is not None
    assert found.site_of(Allele("17", 2000, "G", "A")) is None


def test_a_file_without_frequencies_is_refused(tmp_path: Path) -> None:
    """A VCF without AF, and a table without the columns, are told with what is missing."""
    with pytest.raises(InputError, match="no allele frequency"):
        _frequencies(clinvar(tmp_path, clinvar_row("1000 G A", "Benign")))
    table = tmp_path / "table.tsv"
    table.write_text("gene\tsize\nA\t1\n")
    with pytest.raises(InputError) as told:
        _frequencies(table)
    assert len(told.value.faults) == 2


@pytest.mark.parametrize(
    "text",
    [
        "chrom\tpos\tref\talt\tAF\tAF_popmax\nchr17\t1000\tG\tA\t0.01\t0.02\n",
        "variant\tAF\tgrpmax\n17-1000-G-A\t0.01\t0.02\n",
        'Chromosome,Position,Reference,Alternate,"Allele Frequency",popmax\n'
        '17,1000,G,A,"0.01",0.02\n',
        "#CHROM\tPOS\tREF\tALT\tAF\tAF_grpmax\tFILTER\n17\t1000\tG\tA\t0.01\t0.02\tPASS\n",
    ],
)
def test_tables(tmp_path: Path, text: str) -> None:
    """A table by tabs or commas, with the columns of gnomAD's files or of its browser."""
    path = tmp_path / "frequencies.txt"
    path.write_text(text)
    notes: Counter[str] = Counter()
    one = _frequencies(path, notes=notes).exact[ONE]
    assert (one.overall, one.highest, one.filters) == (0.01, 0.02, ())
    assert any("build" in note for note in notes)


def test_bad_lines_of_a_table_are_counted(tmp_path: Path) -> None:
    """A line that names no variant, or a stray quotation mark, costs that line only."""
    path = tmp_path / "frequencies.tsv"
    path.write_text('variant\tAF\nx\t1\n"17-1-A\t1\n17-1000-G-A\t0.01\n')
    notes: Counter[str] = Counter()
    assert _frequencies(path, notes=notes).exact[ONE].most == 0.01
    assert notes[BAD_LINE] == 2


def test_of_two_files_the_higher_share_counts(tmp_path: Path) -> None:
    """Exomes and genomes are asked together."""
    first = gnomad(tmp_path, "17 1000 G A PASS AF=0.01", name="exomes.vcf")
    second = gnomad(tmp_path, "17 1000 G A PASS AF=0.02", name="genomes.vcf")
    notes: Counter[str] = Counter()
    found = read_frequencies([first, second], [ONE], "GRCh38", notes)
    assert found.exact[ONE].most == 0.02


@pytest.mark.parametrize(
    "text",
    ["17-1000-G-A", "chr17-1000-G-A", "17:1000:G:A", "chr17:1000:G>A", " 17-1000-g-a "],
)
def test_spellings_of_a_variant(text: str) -> None:
    """A variant is read in the usual spellings."""
    assert Allele.read(text) == ONE


@pytest.mark.parametrize("text", ["", "17-1000-G", "17-x-G-A", "17-1000-G-<DEL>", "a" * 5000])
def test_what_is_no_variant(text: str) -> None:
    """What names no variant is none."""
    assert Allele.read(text) is None
