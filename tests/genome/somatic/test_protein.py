"""Protein changes, as people and programs write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.genome.somatic.protein import ONE_LETTER, Effect, parse_protein

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
THREE = {one: three.capitalize() for three, one in ONE_LETTER.items()}


@pytest.mark.parametrize(
    ("text", "effect", "reference", "position", "alternate"),
    [
        ("p.V600E", Effect.MISSENSE, "V", 600, "E"),
        ("NP_004324.2:p.(Val600Glu)", Effect.MISSENSE, "V", 600, "E"),
        ("GLU17LYS", Effect.MISSENSE, "E", 17, "K"),
        ("p.R130*", Effect.NONSENSE, "R", 130, "*"),
        ("W1815X", Effect.NONSENSE, "W", 1815, "*"),
        ("p.Arg130Ter", Effect.NONSENSE, "R", 130, "*"),
        ("p.H115Pfs*34", Effect.FRAMESHIFT, "H", 115, "P"),
        ("E55RfsTer11", Effect.FRAMESHIFT, "E", 55, "R"),
        ("T148HFSX9", Effect.FRAMESHIFT, "T", 148, "H"),
        ("p.E746_A750del", Effect.DELETION, "E", 746, ""),
        ("D842_H845DELDIMH", Effect.DELETION, "D", 842, ""),
        ("p.D770_N771insSVD", Effect.INSERTION, "D", 770, "SVD"),
        ("p.Y772_A775dup", Effect.DUPLICATION, "Y", 772, ""),
        ("L747_P753delinsS", Effect.REPLACEMENT, "L", 747, "S"),
        ("V600_K601>E", Effect.REPLACEMENT, "V", 600, "E"),
        ("p.M1?", Effect.START_LOST, "M", 1, ""),
        ("*214C", Effect.STOP_LOST, "*", 214, "C"),
        ("p.*394Rext*7", Effect.STOP_LOST, "*", 394, "R"),
        ("p.Arg175=", Effect.SILENT, "R", 175, "R"),
        ("p.X125_splice", Effect.SPLICE, "", 125, ""),
    ],
)
def test_a_change_is_read(
    text: str, effect: Effect, reference: str, position: int, alternate: str
) -> None:
    """What happens, where and to what follows from the text, however it is written."""
    change = parse_protein(text)
    assert change is not None
    assert (change.effect, change.reference, change.position) == (effect, reference, position)
    assert change.alternate == alternate


@pytest.mark.parametrize(
    "text", ["", "p.?", "p.", "V600", "AMPLIFICATION", "A750_E746del", "p.V600Efs>", "x" * 5000]
)
def test_what_is_no_change_is_not_read(text: str) -> None:
    """A codon, a word, an impossible range and an endless text give nothing."""
    assert parse_protein(text) is None


@given(st.sampled_from(RESIDUES), st.integers(2, 40000), st.sampled_from(RESIDUES + "*"))
def test_short_and_long_writing_mean_the_same(one: str, place: int, other: str) -> None:
    """One letter, three letters, three capitals and brackets are one change."""
    short = parse_protein(f"p.{one}{place}{other}")
    long = f"{THREE[one]}{place}{THREE[other]}"
    assert short is not None
    assert short == parse_protein(f"p.{long}") == parse_protein(f"p.({long})")
    assert short == parse_protein(long.upper())


@given(st.text(max_size=80))
def test_any_text_is_survived(text: str) -> None:
    """No text breaks the reader."""
    change = parse_protein(text)
    assert change is None or change.end >= change.position


def test_frameshifts_are_one_change_only_if_they_go_on_alike() -> None:
    """Two frameshifts of one residue differ unless both tell the same new residue or length."""
    bare, one, other = (parse_protein(text) for text in ("A56fs", "A56Gfs*10", "A56Rfs*3"))
    assert bare
    assert one
    assert other
    assert one.same_as(one)
    assert not one.same_as(other)
    assert not bare.same_as(one)


def test_an_untold_insertion_is_not_any_insertion() -> None:
    """`P780INS` does not say what was inserted and is not the same as one that does."""
    bare, told = parse_protein("P780INS"), parse_protein("P780_Y781insGSP")
    assert bare
    assert told
    assert not bare.same_as(told)
