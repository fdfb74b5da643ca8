"""Reading what diseases show: frequencies, references, publications left out, damage."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.genome.diagnose.small import annotation_text, annotations, gene_text, ontology

from osler.errors import InputError
from osler.genome.diagnose.annotations import _frequency, publications_of, read_annotations


def test_diseases_of_omim_come_first_and_are_ranked() -> None:
    """Orphanet's diseases are kept to borrow from, after those that are ranked."""
    read = annotations()
    assert read.n_omim == 4
    assert read.diseases[-1] == "ORPHA:7"


def test_what_a_paper_has_a_part_in_is_found() -> None:
    """A row of several publications belongs to each of them."""
    read = annotations()
    of_four = read.rows_of(["PMID:4"])
    assert [read.references[read.reference[row]] for row in of_four] == ["PMID:4;PMID:5"]
    assert len(read.rows_of(["PMID:5"])) == 3
    assert len(read.rows_of(["PMID:99"])) == 0
    assert len(read.rows_of([])) == 0


def test_modes_and_genes_belong_to_diseases() -> None:
    """Modes of inheritance are no findings, and genes are told by symbol."""
    read = annotations()
    one = read.index["OMIM:100002"]
    assert read.modes_of(one) == ("HP:0000007",)
    assert read.modes_of(one, ["PMID:3"]) == ()
    assert read.modes_of(99) == ()
    assert read.genes[one] == ("CRYB",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3/4", (3, 4, None)),
        ("HP:0040280", (0, 0, 1.0)),
        ("25%", (0, 0, 0.25)),
        ("", (0, 0, None)),
        ("5/4", (0, 0, None)),
        ("0/0", (0, 0, None)),
        ("120%", (0, 0, None)),
        ("often", (0, 0, None)),
    ],
)
def test_a_frequency_is_counted_classed_or_not_given(
    text: str, expected: tuple[float, float, float | None]
) -> None:
    """Whatever contradicts itself counts as not given."""
    seen, of, share = _frequency(text)
    assert (seen, of, None if math.isnan(share) else share) == pytest.approx(expected)


@given(st.text(max_size=20))
def test_any_text_as_a_frequency_is_sound(text: str) -> None:
    """No frequency is above one or below zero, whatever stands there."""
    seen, of, share = _frequency(text)
    assert 0 <= seen <= of
    assert math.isnan(share) or 0 <= share <= 1


def test_publications_are_read_in_every_spelling() -> None:
    """References name publications with or without space and in either case."""
    assert publications_of("pmid: 12;PMID:0034;OMIM:1") == ["PMID:12", "PMID:0034"]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "no columns"),
        (b"a\tb\n1\t2\n", "no columns"),
        (annotation_text(()), "cannot be read|no row"),
    ],
)
def test_a_damaged_table_is_refused(content: bytes, match: str) -> None:
    """A table without its columns or rows is one clear fault."""
    with pytest.raises(InputError, match=match):
        read_annotations(content, gene_text(), ontology())


def test_terms_that_the_ontology_lacks_are_counted() -> None:
    """A row about a term of another release is left out and counted."""
    extra = ("OMIM:100001", "Cataract 1", "", "HP:7654321", "PMID:1", "", "P")
    content = annotation_text() + ("\t".join(extra) + "\n").encode()
    read = read_annotations(content, gene_text(), ontology())
    assert read.left_out == {"terms that the ontology does not have": 1}
    assert len(read.disease) == len(annotations().disease)
