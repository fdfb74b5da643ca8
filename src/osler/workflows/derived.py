"""Results that osler derived, as a study may use them: which there are, and what to say of them."""

from __future__ import annotations

from collections.abc import Sequence

from osler.vault import Derivation

# By a release of knowledge that osler has.
BY_KNOWLEDGE = ("tumour", "pharmacogenomics", "phenotype")
# By weights that the user names.
POLYGENIC = "polygenic"
DERIVABLE = (*BY_KNOWLEDGE, POLYGENIC)


def inputs_of(derivations: Sequence[Derivation], used: Sequence[str]) -> dict[str, str]:
    """Return what a result that uses derived ones was made from, for its provenance."""
    return {
        f"derived {one.about} ({one.release})": one.basis
        for one in derivations
        if one.about in used
    }


def warnings_of(derivations: Sequence[Derivation], used: Sequence[str]) -> tuple[str, ...]:
    """Return what every report must say where derived results are features."""
    return tuple(
        f"Features about {one.about} were derived with the knowledge of {one.release}, which may "
        "be later than the moments predicted: a model made then could not have had them."
        for one in derivations
        if one.about in used
    )


def in_words(used: Sequence[str]) -> tuple[str, ...]:
    """Say in a sentence which derived results a study uses; nothing if it uses none."""
    if not used:
        return ()
    return (
        f"Beside what was loaded, what osler derived about {' and '.join(used)} counts, "
        "from when the results it rests on were reported.",
    )
