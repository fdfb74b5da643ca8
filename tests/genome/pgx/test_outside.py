"""Calls made elsewhere: their file, what they mean, and where they differ from the VCF."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler import knowledge
from osler.errors import InputError
from osler.genome.pgx.nouns import Diplotype, GeneCall
from osler.genome.pgx.outside import OutsideGene, by_gene, conflict, read_outside_calls
from osler.genome.pgx.phenotype_tables import Phenotypes

PHENOTYPES = Phenotypes(knowledge.get("cpic-2025-11-05"))
ASKED = {
    "HLA-A": ["*31:01 positive", "*31:01 negative", "No Result"],
    "HLA-B": ["*15:02 positive", "*57:01 positive", "*57:01 negative", "*58:01 negative"],
}


def written(folder: Path, *lines: str) -> Path:
    """Write a file of outside calls."""
    path = folder / "calls.tsv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def read(folder: Path, *lines: str) -> dict[str, OutsideGene]:
    """Write a file of outside calls and return what it means."""
    return by_gene(read_outside_calls(written(folder, *lines)), PHENOTYPES, ASKED)


def test_a_diplotype_is_read_in_order_and_looked_up(tmp_path: Path) -> None:
    """Alleles are put in order, and the phenotype follows from the table."""
    found = read(tmp_path, "CYP2D6\t*4/*1")["CYP2D6"]
    assert found.call.printed() == ("*1/*4",)
    assert (found.call.status, found.call.source) == ("called", "outside call")
    assert found.phenotypes[0].name == "Intermediate Metabolizer"


def test_a_gene_that_stands_several_times_lists_all_its_calls(tmp_path: Path) -> None:
    """Every call of a repeated gene is kept, in order, and the gene is ambiguous."""
    lines = [f"CYP2D6\t{pair}" for pair in ("*1x2/*9", "*4/*10", "*1x3/*1", "*1/*1", "*1/*1")]
    found = read(tmp_path, *lines)["CYP2D6"]
    assert found.call.printed() == ("*1/*1", "*1/*1x3", "*1x2/*9", "*4/*10")
    assert found.call.status == "ambiguous"
    assert len(found.phenotypes) == 4


def test_phenotype_or_score_alone_are_looked_up_directly(tmp_path: Path) -> None:
    """A call without a diplotype has the phenotype or the score that was told."""
    found = read(
        tmp_path, "CYP2C19\t\tPoor Metabolizer", "CYP2D6\t\t\t1.25", "CYP2C9\t\t\t≥3", "# a comment"
    )
    assert found["CYP2C19"].phenotypes[0].lookups == ("Poor Metabolizer",)
    assert found["CYP2D6"].phenotypes[0].name == "Normal Metabolizer"
    assert found["CYP2D6"].phenotypes[0].activity_score == 1.25
    assert found["CYP2C19"].call.printed() == ()
    assert found["CYP2C9"].call.status == "called"


def test_a_phenotype_is_taken_in_any_case(tmp_path: Path) -> None:
    """Laboratories write phenotypes in small letters too."""
    found = read(tmp_path, "CYP2C19\t\tpoor metabolizer")["CYP2C19"]
    assert found.phenotypes[0].lookups == ("Poor Metabolizer",)


def test_a_phenotype_that_contradicts_its_diplotype_is_used_and_told(tmp_path: Path) -> None:
    """What the laboratory says of a diplotype goes before the table, and the difference is told."""
    found = read(tmp_path, "CYP2C19\t*1/*1\tPoor Metabolizer")["CYP2C19"].phenotypes[0]
    assert found.name == "Poor Metabolizer"
    assert any("Normal Metabolizer" in note for note in found.notes)


def test_a_phenotype_that_agrees_with_its_diplotype_keeps_the_score(tmp_path: Path) -> None:
    """Telling the phenotype too does not lose the activity score of the diplotype."""
    found = read(tmp_path, "CYP2D6\t*1/*3\tIntermediate Metabolizer")["CYP2D6"].phenotypes[0]
    assert (found.activity_score, found.lookups) == (1.0, ("1.0",))


def test_an_unknown_allele_has_no_phenotype(tmp_path: Path) -> None:
    """An allele that the table does not have is listed, without a phenotype and with a note."""
    found = read(tmp_path, "CYP2D6\t*1/*XXX")["CYP2D6"]
    assert found.call.printed() == ("*1/*XXX",)
    assert found.phenotypes[0].name is None
    assert found.phenotypes[0].notes


def test_hla_alleles_become_the_statuses_that_guidelines_ask_for(tmp_path: Path) -> None:
    """Two typed alleles settle every allele asked for."""
    found = read(tmp_path, "HLA-B\t*15:02/*57:01")["HLA-B"].phenotypes[0]
    assert found.lookups == ("*15:02 positive", "*57:01 positive", "*58:01 negative")


@pytest.mark.parametrize(
    ("typed", "lookups"),
    [
        ("*57:01", ("*57:01 positive",)),
        ("*57/*07:02", ("*15:02 negative", "*58:01 negative")),
        ("*07:02/*57:01:01:01", ("*15:02 negative", "*57:01 positive", "*58:01 negative")),
        ("HLA-B*57:01/HLA-B*07:02", ("*15:02 negative", "*57:01 positive", "*58:01 negative")),
        ("*15:02N/*07:02", ()),
        ("*7:2/*58:1", ("*15:02 negative", "*57:01 negative", "*58:01 positive")),
    ],
)
def test_hla_typing_answers_only_what_it_can(
    tmp_path: Path, typed: str, lookups: tuple[str, ...]
) -> None:
    """One allele, one field or a null allele leave open what they leave open."""
    found = read(tmp_path, f"HLA-B\t{typed}")["HLA-B"].phenotypes[0]
    assert found.lookups == lookups


def test_hla_statuses_may_be_told_as_phenotypes_line_by_line(tmp_path: Path) -> None:
    """Statuses of several lines are put together; a contradiction is kept and told."""
    lines = ["HLA-B\t\t*57:01 positive", "HLA-B\t\t*15:02 negative", "HLA-B\t\t*57:01 negative"]
    found = read(tmp_path, *lines)["HLA-B"].phenotypes[0]
    assert found.lookups == ("*15:02 negative", "*57:01 negative", "*57:01 positive")
    assert any("as positive and as negative" in note for note in found.notes)


def test_a_line_with_the_gene_alone_is_left_aside_and_said_so(tmp_path: Path) -> None:
    """A gene without anything told of it is no call."""
    found = read(tmp_path, "CYP2D6\t\t\t")["CYP2D6"]
    assert found.call.status == "no call"
    assert any("without content" in note for note in found.call.notes)


def test_a_gene_of_which_nothing_is_known_keeps_what_was_told(tmp_path: Path) -> None:
    """A gene that the release does not have is listed, without a phenotype."""
    found = read(tmp_path, "CYP1A2\t*1/*1F")["CYP1A2"]
    assert found.call.printed() == ("*1/*1F",)
    assert found.phenotypes[0].name is None


def test_a_difference_from_the_vcf_is_told(tmp_path: Path) -> None:
    """The outside call is used, and what the file says stands in a note; equal calls have none."""
    outside = read(tmp_path, "CYP2C19\t*2/*1")["CYP2C19"]
    file = GeneCall("CYP2C19", "called", (Diplotype("*1", "*17"),))
    assert "*1/*17" in conflict(outside, file, ["Rapid Metabolizer"])
    same = GeneCall("CYP2C19", "called", (Diplotype("*1", "*2"),))
    assert conflict(outside, same, ["Intermediate Metabolizer"]) == ""
    assert conflict(outside, GeneCall("CYP2C19", "no call"), []) == ""


def test_a_phenotype_told_alone_is_compared_with_that_of_the_vcf(tmp_path: Path) -> None:
    """Without a diplotype the phenotypes are compared."""
    outside = read(tmp_path, "CYP2C19\t\tPoor Metabolizer")["CYP2C19"]
    file = GeneCall("CYP2C19", "called", (Diplotype("*1", "*17"),))
    assert conflict(outside, file, ["Rapid Metabolizer"])
    assert conflict(outside, file, ["Poor Metabolizer"]) == ""


def test_every_malformed_line_is_told_at_once_without_its_content(tmp_path: Path) -> None:
    """Each bad line has its fault with its number, and none repeats what stood there."""
    path = written(
        tmp_path,
        "CYP2D6\t*1/*2/*3secret",
        "not a gene\t*1/*1",
        "CYP2C19\t*1/*2\t\tlots",
        "CYP2C9\t*1/*2\t\t1.0\tmore",
        "CYP2C9\t*1/",
        "CYP2C9\t*1|*2",
        "CYP2D6\t*1/*1",
    )
    with pytest.raises(InputError) as error:
        read_outside_calls(path)
    lines = error.value.lines()
    assert [f"line {number}" in line for number, line in enumerate(lines, 1)] == [True] * 6
    assert "secret" not in str(error.value)
    assert "lots" not in str(error.value)


@pytest.mark.parametrize("header", ["Gene\tDiplotype\tPhenotype\tActivity", "gene\tdiplotype"])
def test_a_header_is_named_as_such(tmp_path: Path, header: str) -> None:
    """A file with a header says that it has none."""
    with pytest.raises(InputError, match="header"):
        read_outside_calls(written(tmp_path, header, "CYP2D6\t*1/*4"))


def test_a_file_that_is_not_there_not_text_or_too_large_is_refused(tmp_path: Path) -> None:
    """What cannot be a file of outside calls is refused in one sentence."""
    with pytest.raises(InputError):
        read_outside_calls(tmp_path / "absent.tsv")
    with pytest.raises(InputError):
        read_outside_calls(tmp_path)
    binary = tmp_path / "binary.tsv"
    binary.write_bytes(b"CYP2D6\t\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        read_outside_calls(binary)
    large = tmp_path / "large.tsv"
    large.write_bytes(b"#" * (5 << 20))
    with pytest.raises(InputError, match="4 MiB"):
        read_outside_calls(large)


def test_an_empty_file_has_no_calls(tmp_path: Path) -> None:
    """Nothing told is no fault; byte order marks and line ends of Windows are taken."""
    assert read_outside_calls(written(tmp_path, "", "  ")) == ()
    marked = tmp_path / "marked.tsv"
    marked.write_bytes(b"\xef\xbb\xbfCYP2D6\t*1/*4\r\n")
    assert str(read_outside_calls(marked)[0].diplotype) == "*1/*4"


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """Hostile lines end in calls or in an InputError, never in another error."""
    path = tmp_path_factory.mktemp("calls") / "calls.tsv"
    path.write_text(f"CYP2D6\t{text}\n{text}", "utf-8", errors="replace")
    with contextlib.suppress(InputError):
        by_gene(read_outside_calls(path), PHENOTYPES, ASKED)
