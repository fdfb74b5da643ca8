"""Reading the ontology: families of terms, replaced and obsolete ids, damage."""

from __future__ import annotations

import pytest
from tests.genome.diagnose.small import OBSOLETE, REPLACED, ontology, ontology_text

from osler import knowledge
from osler.errors import InputError
from osler.genome.diagnose.ontology import read_ontology


def test_a_term_is_a_kind_of_all_above_it() -> None:
    """Ancestors are the term itself, last, and whatever it is a kind of below the root."""
    read = ontology()
    family = [read.ids[one] for one in read.ancestors_of(read.index["HP:0000519"])]
    assert family == ["HP:0000118", "HP:0000478", "HP:0000518", "HP:0000519"]


def test_only_abnormalities_are_terms() -> None:
    """The root's parent and modes of inheritance are known, but no finding."""
    read = ontology()
    assert "HP:0000001" not in read.index
    assert read.resolve("HP:0000006").standing == "not an abnormality"


@pytest.mark.parametrize(
    ("given", "standing", "name"),
    [
        ("HP:0000518", "current", "Cataract"),
        (REPLACED, "renamed", "Cataract"),
        (OBSOLETE, "obsolete", None),
        ("HP:7654321", "unknown", None),
    ],
)
def test_an_id_is_followed_to_what_it_stands_for(
    given: str, standing: str, name: str | None
) -> None:
    """Replaced ids lead to the current term; obsolete and unknown ones to none."""
    read = ontology()
    resolved = read.resolve(given)
    assert resolved.standing == standing
    assert (None if resolved.term is None else read.names[resolved.term]) == name


def test_a_term_that_is_a_kind_of_itself_is_refused() -> None:
    """A circle has no order in which parents come before their children."""
    circle = ontology_text().replace(
        b"id: HP:0000518\nname: Cataract\n", b"id: HP:0000518\nname: Cataract\nis_a: HP:0000519\n"
    )
    with pytest.raises(InputError, match="kinds of themselves"):
        read_ontology(circle)


@pytest.mark.parametrize("content", [b"", b"nothing", b"[Term]\nid: HP:0000005\nname: x\n"])
def test_what_is_no_ontology_is_refused(content: bytes) -> None:
    """Without terms below the root there is nothing to rank by."""
    with pytest.raises(InputError, match="no terms below"):
        read_ontology(content)


def test_the_shipped_ontology_has_parents_before_children() -> None:
    """Every term of the release comes after all that it is a kind of, and ends its own family."""
    read = read_ontology(knowledge.current("phenotype").read("ontology"))
    assert len(read) > 15_000
    assert read.ids[0] == "HP:0000118"
    for term in range(len(read)):
        family = read.ancestors_of(term)
        assert family[-1] == term
        assert (family[:-1] < term).all()
