"""What a thing was made from, and digests that depend on nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

from hypothesis import given
from hypothesis import strategies as st

from osler.model import FORMAT_VERSION, Provenance, digest_of

VALUES = st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4), max_size=6)


def test_a_digest_is_the_sha256_of_the_bytes() -> None:
    """Text and bytes have the digest that any other tool computes."""
    assert digest_of("é") == digest_of("é".encode()) == hashlib.sha256("é".encode()).hexdigest()


@given(VALUES)
def test_order_of_keys_does_not_move_a_digest(value: dict[str, object]) -> None:
    """Two equal JSON objects have one digest, however they were built."""
    assert digest_of(value) == digest_of(dict(reversed(value.items())))


@given(VALUES, VALUES)
def test_different_values_have_different_digests(
    one: dict[str, object], other: dict[str, object]
) -> None:
    """Digests are equal exactly when the values are."""
    assert (digest_of(one) == digest_of(other)) == (one == other)


def test_provenance_carries_the_format_version() -> None:
    """A saved result says which format it is written in."""
    made = Provenance("osler 0.1.0", "2026-01-01T00:00:00Z", seed=3, inputs={"study": "ab"})
    assert asdict(made)["format_version"] == FORMAT_VERSION
