"""What would settle an open call, and which drug advice hangs on it."""

from __future__ import annotations

import numpy as np
import pytest

from osler import knowledge
from osler.genome.pgx.definitions import Definitions
from osler.genome.pgx.nouns import ABSENT, GeneGenotypes, State
from osler.genome.pgx.pipeline import answer, rs12777823_of, variants_of
from osler.genome.pgx.reading import VcfGenotypes
from osler.genome.pgx.result import GeneResult, SampleResult

DEFINITIONS = Definitions.load(knowledge.get("cpic-2025-11-05"))


def genotypes(
    gene: str,
    carried: dict[str, tuple[int, int]],
    missing: tuple[str, ...] = (),
) -> GeneGenotypes:
    """Return one sample's genotypes of a gene: the reference but for what is carried or missing."""
    positions = DEFINITIONS.genes[gene].all_positions
    pairs = [
        (-1, -1) if one.rsid in missing else carried.get(one.rsid or "", (0, 0))
        for one in positions
    ]
    first, second = (np.array([[pair[at]] for pair in pairs], np.int8) for at in (0, 1))
    state = np.where(first < 0, State.NOT_ASSAYED, State.CALLED).astype(np.uint8)
    return GeneGenotypes(
        gene,
        positions,
        tuple(one.alleles for one in positions),
        first,
        second,
        state,
        np.zeros(first.shape, np.bool_),
        np.zeros(first.shape, np.int32),
    )


def result(*genes: GeneGenotypes) -> SampleResult:
    """Return the result of one sample."""
    read = VcfGenotypes(("one",), {one.gene: one for one in genes}, (), "GRCh38")
    (sample,) = answer(read, DEFINITIONS).samples
    return sample


def gene_of(sample: SampleResult, name: str) -> GeneResult:
    """Return one gene that is open."""
    found = sample.gene(name)
    assert found.settling, name
    return found


def test_a_missing_position_that_changes_advice_names_the_drugs() -> None:
    """Without rs28399504 CYP2C19 may be *4 or *17, and clopidogrel hangs on which."""
    sample = result(
        genotypes(
            "CYP2C19",
            {"rs12248560": (1, 1), "rs3758581": (1, 1)},
            missing=("rs28399504",),
        )
    )
    found = gene_of(sample, "CYP2C19")
    assert found.call.status == "ambiguous"
    by_rsid = {one.positions[0].rsid: one for one in found.settling if len(one.positions) == 1}
    assert "clopidogrel" in by_rsid["rs28399504"].drugs
    assert len({phenotype for _, phenotype in by_rsid["rs28399504"].candidates}) > 1


def test_a_position_that_no_advice_hangs_on_says_so() -> None:
    """A position whose every outcome means the same for drugs has an empty list."""
    sample = result(genotypes("SLCO1B1", {}, missing=("rs11045852",)))
    acts = [act for act in sample.gene("SLCO1B1").settling if not act.drugs]
    changed = [act for act in sample.gene("SLCO1B1").settling if act.drugs]
    assert all(act.to_json()["advice_depends_on_it"] is False for act in acts)
    assert all(act.to_json()["advice_depends_on_it"] is True for act in changed)


def test_a_gene_that_is_settled_has_nothing_to_settle() -> None:
    """All positions read and one pair: nothing hangs on anything."""
    sample = result(genotypes("CYP2C19", {"rs3758581": (1, 1)}), genotypes("CYP2C9", {}))
    assert sample.gene("CYP2C19").settling == ()
    assert sample.gene("CYP2C9").settling == ()


def test_a_gene_without_any_position_hangs_on_all_of_them() -> None:
    """Nothing read: reading the gene decides over every drug that asks for it."""
    everywhere = tuple(one.rsid or "" for one in DEFINITIONS.genes["DPYD"].all_positions)
    sample = result(genotypes("DPYD", {}, missing=everywhere))
    found = sample.gene("DPYD")
    assert found.call.status == "no call"
    assert found.phenotype is None
    assert {"capecitabine", "fluorouracil"} <= {
        drug for act in found.settling for drug in act.drugs
    }


def test_a_partner_gene_may_make_a_position_matter_or_not() -> None:
    """What hangs on a gene is asked with the sample's other genes as they are."""
    missing = genotypes("TPMT", {}, missing=("rs1142345",))
    alone = result(missing)
    with_partner = result(missing, genotypes("NUDT15", {}))
    for sample in (alone, with_partner):
        drugs = {drug for act in gene_of(sample, "TPMT").settling for drug in act.drugs}
        assert "mercaptopurine" in drugs


def test_variants_are_counted_by_copy() -> None:
    """One or two copies of two, or one of one, and nothing for the reference or the unknown."""
    seen = genotypes("CYP2C19", {"rs4244285": (0, 1), "rs3758581": (1, 1)}, missing=("rs12248560",))
    (variants,) = variants_of([seen], 1)
    counted = {one.rsid: (one.copies, one.of_copies) for one in variants}
    assert counted == {"rs4244285": (1, 2), "rs3758581": (2, 2)}
    single = genotypes("G6PD", {"rs5030868": (1, ABSENT)})
    (variants,) = variants_of([single], 1)
    assert [(one.copies, one.of_copies) for one in variants] == [(1, 1)]


@pytest.mark.parametrize(
    ("pair", "missing", "shown"),
    [
        ((0, 0), (), "G/G"),
        ((0, 1), (), "A/G"),
        ((1, 1), (), "A/A"),
        ((0, 0), ("rs12777823",), None),
    ],
)
def test_the_position_beside_cyp2c9_is_read_for_warfarin(
    pair: tuple[int, int], missing: tuple[str, ...], shown: str | None
) -> None:
    """rs12777823 is given as a genotype, or not at all."""
    seen = genotypes("CYP2C9", {"rs12777823": pair}, missing)
    assert rs12777823_of(seen, 1) == [shown]
    assert rs12777823_of(None, 2) == [None, None]
