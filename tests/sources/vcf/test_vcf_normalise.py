"""One variant has one spelling."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from osler.sources.vcf import normalise, trimmed

BASES = st.text("ACGT", min_size=1, max_size=8)
REFERENCE = "GGCATATATATATAGCCCCTTTGACGACGACTTA"
START = 101


def _applied(position: int, reference: str, alternate: str) -> str:
    offset = position - START
    assert REFERENCE[offset : offset + len(reference)] == reference
    return REFERENCE[:offset] + alternate + REFERENCE[offset + len(reference) :]


@given(st.integers(1, 99), BASES, BASES)
def test_trimming_keeps_the_variant_and_one_base(
    position: int, reference: str, alternate: str
) -> None:
    """What is cut off is shared, and no allele is empty."""
    start, left, right = trimmed(position, reference, alternate)
    before = start - position
    after = len(reference) - before - len(left)
    assert reference[:before] == alternate[:before]
    assert reference[len(reference) - after :] == alternate[len(alternate) - after :]
    assert left
    assert right
    assert trimmed(start, left, right) == (start, left, right)


@given(st.data())
def test_all_spellings_of_a_variant_become_one(data: st.DataObject) -> None:
    """Two records that make the same sequence are the same after normalising."""
    made: dict[str, tuple[int, str, str]] = {}
    for _ in range(2):
        offset = data.draw(st.integers(2, 24))
        length = data.draw(st.integers(1, 5))
        reference = REFERENCE[offset : offset + length]
        alternate = data.draw(
            st.sampled_from([reference[0], reference + REFERENCE[offset + 1 : offset + 3]])
        )
        assume(alternate != reference)
        one = normalise(START + offset, reference, alternate, REFERENCE, START)
        sequence = _applied(START + offset, reference, alternate)
        assert _applied(*one) == sequence
        assert made.setdefault(sequence, one) == one


def test_the_repeat_of_ugt1a1_moves_to_its_left_end() -> None:
    """A TA more, written at the right end of the repeat, is the allele CATAT at its left end."""
    context = "C" + "AT" * 7 + "A"
    assert normalise(233760248, "A", "ATA", context, 233760233) == (233760233, "C", "CAT")


def test_without_the_reference_nothing_moves() -> None:
    """The bases left of a variant are not guessed."""
    assert normalise(110, "ATA", "A") == (110, "ATA", "A")
