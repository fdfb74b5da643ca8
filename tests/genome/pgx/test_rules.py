"""Each gene's exception does what its source says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osler import knowledge
from osler.genome.pgx.calling import Settling, call_gene, call_genes, what_would_settle
from osler.genome.pgx.definitions import Definitions
from osler.genome.pgx.nouns import ABSENT, Discarded, GeneCall, GeneGenotypes, State
from osler.genome.pgx.rules import ONLY_BY_OUTSIDE_CALL, UNDOCUMENTED_IS_REFERENCE

DEFINITIONS = Definitions.load(knowledge.get("cpic-2025-11-05"))
HAPB3 = "c.1129-5923C>G, c.1236G>A (HapB3)"
EXONIC, INTRONIC = "rs56038477", "rs75017182"
UNDOCUMENTED = 9

Carried = Mapping[str, tuple[int, ...] | None]


def genotypes(
    gene: str, *people: Carried, phased: bool = False, one_copy: bool = False
) -> GeneGenotypes:
    """Return genotypes of people: the reference but for what they carry; None is missing."""
    positions = DEFINITIONS.genes[gene].all_positions
    shape = (len(positions), len(people))
    first = np.zeros(shape, np.int8)
    second = np.full(shape, ABSENT if one_copy else 0, np.int8)
    state = np.full(shape, State.CALLED, np.uint8)
    for person, carried in enumerate(people):
        for row, position in enumerate(positions):
            pair = carried.get(position.rsid or "", carried.get("*", (0, 0)))
            if pair is None:
                state[row, person] = State.MISSING
                first[row, person] = second[row, person] = -1
            elif any(pair) or not one_copy:
                first[row, person] = pair[0]
                second[row, person] = pair[1] if len(pair) > 1 else ABSENT
    alleles = tuple(
        (*one.alleles, *(f"<{more}>" for more in range(len(one.alleles), UNDOCUMENTED + 1)))
        for one in positions
    )
    return GeneGenotypes(
        gene,
        positions,
        alleles,
        first,
        second,
        state,
        np.full(shape, phased, np.bool_),
        np.zeros(shape, np.int32),
    )


def call(gene: str, carried: Carried, *, phased: bool = False, one_copy: bool = False) -> GeneCall:
    """Call a gene in one person."""
    read = genotypes(gene, carried, phased=phased, one_copy=one_copy)
    (found,) = call_gene(read, DEFINITIONS.genes[gene], function=DEFINITIONS.function)
    return found


def shown(gene: str, carried: Carried, *, phased: bool = False) -> list[str]:
    """Return what a result shows."""
    return list(call(gene, carried, phased=phased).printed())


def settled(gene: str, carried: Carried, *, phased: bool = False) -> tuple[Settling, ...]:
    """Return what would settle a person's call."""
    read, definition = genotypes(gene, carried, phased=phased), DEFINITIONS.genes[gene]
    (found,) = call_gene(read, definition, function=DEFINITIONS.function)
    return what_would_settle(read, found, definition, function=DEFINITIONS.function)


HET, HOM = (0, 1), (1, 1)


def test_every_gene_of_the_definitions_is_answered() -> None:
    """All genes have a call for every sample, those without genotypes too."""
    calls = call_genes({"CYP3A5": genotypes("CYP3A5", {}, {"rs776746": HET})}, DEFINITIONS)
    assert set(calls) == set(DEFINITIONS.genes)
    assert {len(listed) for listed in calls.values()} == {2}
    assert [list(one.printed()) for one in calls["CYP3A5"]] == [["*1/*1"], ["*1/*3"]]
    assert calls["TPMT"][0].status == "no call"
    assert "no position of TPMT" in calls["TPMT"][0].notes[0]


@pytest.mark.parametrize("gene", sorted(set(DEFINITIONS.genes) - {"CYP2D6"}))
def test_the_reference_is_called_where_all_is_reference(gene: str) -> None:
    """Two reference alleles, settled, with nothing missing."""
    found = call(gene, {})
    reference = DEFINITIONS.genes[gene].reference
    assert list(found.printed()) == [f"{reference}/{reference}"]
    assert (found.status, found.missing, found.notes) == ("called", (), ())
    assert settled(gene, {}) == ()


@pytest.mark.parametrize("gene", sorted(DEFINITIONS.genes))
def test_nothing_read_is_never_the_reference(gene: str) -> None:
    """A gene without any genotype is not called, and all its positions are missing."""
    found = call(gene, {"*": None})
    assert found.status == ("not callable" if gene == "CYP2D6" else "no call")
    assert not found.printed()
    assert len(found.missing) == len({one.position for one in DEFINITIONS.genes[gene].positions})
    assert not found.phased


def test_cyp2d6_is_not_callable_from_a_vcf() -> None:
    """Whatever the genotypes, copies do not show."""
    found = call("CYP2D6", {"rs3892097": HET})
    assert found.status == "not callable"
    assert "outside call" in found.notes[0]
    assert settled("CYP2D6", {"rs3892097": HET}) == ()


def test_genes_by_outside_call_only_have_no_definition() -> None:
    """HLA types and MT-RNR1 are not read from a VCF."""
    assert not set(ONLY_BY_OUTSIDE_CALL) & set(DEFINITIONS.genes)


@pytest.mark.parametrize("gene", sorted(set(DEFINITIONS.genes) - {"CYP2D6"}))
def test_an_undocumented_allele_is_the_reference_where_toxicity_is_at_stake(gene: str) -> None:
    """In six genes the rest is called and the place told; elsewhere nothing fits."""
    position = next(one for one in DEFINITIONS.genes[gene].positions if one.rsid)
    found = call(gene, {position.rsid or "": (0, UNDOCUMENTED)})
    assert found.undocumented == (position.position,)
    if gene in UNDOCUMENTED_IS_REFERENCE:
        reference = DEFINITIONS.genes[gene].reference
        assert list(found.printed()) == [f"{reference}/{reference}"]
    else:
        assert found.status == "no call"
        assert str(position.position) in found.notes[0]


def test_cyp2c9_shows_rs12777823_beside_its_call() -> None:
    """The extra position is reported, and no allele hangs on it."""
    assert call("CYP2C9", {"rs12777823": HET}).beside == (("rs12777823", "G/A"),)
    assert call("CYP2C9", {"rs12777823": None, "rs1799853": HET}).beside == (("rs12777823", None),)
    assert shown("CYP2C9", {"rs12777823": None, "rs1799853": HET}) == ["*1/*2"]
    assert call("CYP2C9", {"rs12777823": (0, UNDOCUMENTED)}).undocumented == ()


def test_cftr_shows_a_carrier_by_the_variant() -> None:
    """Beside the reference a variant is heterozygous; two variants are a pair."""
    carrier = call("CFTR", {"rs11971167": HET})
    assert list(carrier.printed()) == ["D1270N (heterozygous)"]
    assert carrier.diplotypes[0].second == "D1270N"
    assert shown("CFTR", {"rs11971167": HOM}) == ["D1270N/D1270N"]
    assert shown("CFTR", {"rs11971167": HET, "rs75527207": HET}) == ["D1270N/G551D"]


def test_slco1b1_falls_back_on_rs4149056_and_says_so() -> None:
    """No star alleles fit; the variant is shown, and advice is looked up as *1/*5."""
    odd = {"rs4149056": HET, "rs2306283": HET, "rs72559748": HOM, "rs11045853": HET}
    found = call("SLCO1B1", odd)
    assert (found.status, found.diplotypes) == ("no call", ())
    assert list(found.printed()) == ["rs4149056 T/C"]
    assert [str(one) for one in found.advised] == ["*1/*5"]
    assert any("rs4149056 T/C alone" in note for note in found.notes)
    without = call("SLCO1B1", {**odd, "rs4149056": None})
    assert not without.printed()
    assert not without.advised


def test_slco1b1_suballeles_are_called_as_45() -> None:
    """Both suballeles of *45 have its name."""
    assert shown("SLCO1B1", {"rs71581941": HET}) == ["*1/*45"]
    both = {"rs71581941": HOM, "rs2306283": HET, "rs4149056": HET}
    assert shown("SLCO1B1", both) == ["*45/*45"]


@pytest.mark.parametrize("rsid", ["rs1801279", "rs1801280", "rs1799930", "rs1208", "rs1799931"])
def test_nat2_is_not_called_without_a_required_position(rsid: str) -> None:
    """Each of five positions is required, and reading it is what would settle the call."""
    found = call("NAT2", {rsid: None})
    assert found.status == "no call"
    assert "not called without" in found.notes[0]
    (act,) = settled("NAT2", {rsid: None, "rs72466456": None})
    assert [one.rsid for one in act.positions] == [rsid]
    assert act.outcomes == ()


def test_nat2_picks_by_priority_only_without_phase() -> None:
    """*5/*6 is picked of three alike; with known strands the strands decide."""
    carried = {"rs1801280": HET, "rs1799930": HET, "rs1208": HET}
    found = call("NAT2", carried)
    assert list(found.printed()) == ["*5/*6"]
    assert "*1/*30, *16/*34" in found.notes[0]
    assert shown("NAT2", carried, phased=True) == ["*1/*30"]


def test_g6pd_of_one_copy_is_one_allele() -> None:
    """A male has one allele, however the file writes his references."""
    male = call("G6PD", {"rs5030868": (1,)}, one_copy=True)
    assert [str(one) for one in male.diplotypes] == [
        "Mediterranean, Dallas, Panama, Sassari, Cagliari, Birmingham"
    ]
    mixed = call("G6PD", {"rs5030868": (1,)})
    assert mixed.diplotypes == male.diplotypes
    contradicting = call("G6PD", {"rs5030868": (1,), "rs1050829": HET})
    assert contradicting.diplotypes == male.diplotypes
    (position,) = (one for one in DEFINITIONS.genes["G6PD"].positions if one.rsid == "rs1050829")
    assert contradicting.missing == (position.position,)


def test_g6pd_of_two_different_alleles_says_that_activity_is_open() -> None:
    """A heterozygous female is called, with what X inactivation does."""
    found = call("G6PD", {"rs5030869": HET})
    assert list(found.printed()) == ["B (reference)/Chatham"]
    assert "X inactivation" in found.notes[0]
    assert call("G6PD", {"rs5030869": HOM}).notes == ()


def test_half_a_genotype_on_an_autosome_is_missing() -> None:
    """One allele where there are two copies is not a call of one copy."""
    found = call("CYP3A5", {"rs776746": (1,)})
    assert found.missing
    assert list(found.printed()) == ["*1/*1"]
    assert "*3" in found.uncallable


def test_dpyd_strands_are_named_by_all_they_carry() -> None:
    """With known strands variants stand together, and the lowest of each strand is looked up."""
    found = call("DPYD", {"rs72549310": HET, "rs67376798": HET}, phased=True)
    assert list(found.printed()) == ["Reference/[c.61C>T + c.2846A>T]"]
    assert [str(one) for one in found.advised] == ["Reference/c.61C>T"]
    assert found.phased


def test_dpyd_without_phase_is_a_list() -> None:
    """Each allele is one entry, and the two of lowest function are looked up."""
    found = call("DPYD", {"rs72549310": HET, "rs67376798": HET, "rs1801265": HOM})
    assert list(found.printed()) == ["c.61C>T", "c.85T>C (*9A) (homozygous)", "c.2846A>T"]
    assert [str(one) for one in found.advised] == ["c.61C>T/c.2846A>T"]
    assert found.diplotypes == ()
    assert not found.phased


def test_dpyd_with_one_heterozygote_needs_no_phase() -> None:
    """Homozygotes lie on both strands, so one heterozygote has its place."""
    found = call("DPYD", {"rs67376798": HET, "rs1801265": HOM})
    assert list(found.printed()) == ["c.85T>C (*9A)/[c.85T>C (*9A) + c.2846A>T]"]
    assert [str(one) for one in found.advised] == ["c.85T>C (*9A)/c.2846A>T"]


@pytest.mark.parametrize(
    ("exonic", "intronic", "expected", "noted"),
    [
        (HET, HET, f"Reference/{HAPB3}", False),
        (HOM, HOM, f"{HAPB3}/{HAPB3}", False),
        ((0, 0), HET, "Reference/c.1129-5923C>G", True),
        (HET, (0, 0), "Reference/Reference", True),
        (HET, None, f"Reference/{HAPB3}", True),
        ((0, 0), None, "Reference/Reference", True),
        (None, HET, "Reference/c.1129-5923C>G", False),
        (None, None, "Reference/Reference", False),
    ],
)
def test_hapb3_is_decided_by_its_intronic_variant(
    exonic: tuple[int, int] | None, intronic: tuple[int, int] | None, expected: str, noted: bool
) -> None:
    """The exonic variant counts only where the intronic one is missing; conflicts are told."""
    found = call("DPYD", {EXONIC: exonic, INTRONIC: intronic})
    assert list(found.printed()) == [expected]
    assert any("HapB3" in note for note in found.notes) == noted


def test_hapb3_on_known_strands() -> None:
    """Apart, the intronic variant is its own allele and the exonic one is none."""
    apart = genotypes("DPYD", {EXONIC: (1, 0), INTRONIC: (0, 1)}, phased=True)
    (found,) = call_gene(apart, DEFINITIONS.genes["DPYD"], function=DEFINITIONS.function)
    assert list(found.printed()) == ["Reference/c.1129-5923C>G"]


def test_ryr1_shows_carriers_pairs_and_lists() -> None:
    """A carrier by the variant, two on one strand together, without phase a list."""
    names = {"rs193922746": "c.97A>G", "rs193922749": "c.152C>A", "rs142474192": "c.418G>A"}
    one, *_ = names
    assert shown("RYR1", {one: HET}) == ["c.97A>G (heterozygous)"]
    assert shown("RYR1", {one: HOM}) == ["c.97A>G/c.97A>G"]
    assert shown("RYR1", dict.fromkeys(names, HET)) == list(names.values())
    together = " + ".join(names.values())
    assert shown("RYR1", dict.fromkeys(names, HET), phased=True) == [f"[{together}] (heterozygous)"]


def test_ryr1_looks_up_an_allele_of_known_risk_first() -> None:
    """A variant associated with malignant hyperthermia outranks those of unknown function."""
    carried = {"rs193922746": HET, "rs193922749": HET, "rs193922747": HET}
    found = call("RYR1", carried)
    assert "c.103T>C" in found.printed()
    assert "c.103T>C" in str(found.advised[0])


def test_phased_is_what_the_file_says() -> None:
    """One heterozygote has its place without phase, but the file did not say so."""
    assert not call("TPMT", {"rs1142345": HET}).phased
    assert call("TPMT", {"rs1142345": HET}, phased=True).phased
    assert call("TPMT", {}, phased=True).phased
    assert not call("TPMT", {}).phased


def test_what_was_set_aside_is_told_of_its_samples_only() -> None:
    """Reasons and notes of reading reach the calls of the samples that they are about."""
    read = genotypes("CYP3A5", {}, {"rs776746": None})
    told = GeneGenotypes(
        read.gene,
        read.positions,
        read.alleles,
        read.first,
        read.second,
        read.state,
        read.phased,
        read.phase_set,
        (Discarded(99672916, "the reference differs", (1,)),),
        ((None, "old file"),),
    )
    definition = DEFINITIONS.genes["CYP3A5"]
    first, second = call_gene(told, definition, function=DEFINITIONS.function)
    assert first.notes == ("old file",)
    assert second.notes == ("99672916 was set aside: the reference differs", "old file")
    assert second.missing == (99672916,)


def test_a_missing_position_names_what_it_would_tell() -> None:
    """Without rs887829 UGT1A1*28 may be *80+*28, and reading it tells."""
    found = call("UGT1A1", {"rs887829": None, "rs3064744": (0, 2)})
    assert found.status == "ambiguous"
    acts = settled("UGT1A1", {"rs887829": None, "rs3064744": (0, 2)})
    (act,) = acts
    assert act.what == "genotype rs887829 (chr2:233759924)"
    outcomes = [list(one.printed()) for one in act.outcomes]
    assert outcomes[:2] == [["*1/*28"], ["*1/*80+*28"]]


def test_phase_is_what_would_settle_alleles_that_lie_apart_or_together() -> None:
    """TPMT *1/*3A and *3B/*3C have the same unphased genotypes."""
    carried = {"rs1800460": HET, "rs1142345": HET}
    assert shown("TPMT", carried) == ["*1/*3A"]
    (act,) = settled("TPMT", carried)
    assert act.what.startswith("phase rs1142345")
    assert {one.printed()[0] for one in act.outcomes} == {"*1/*3A", "*3B/*3C"}
    assert settled("TPMT", carried, phased=True) == ()


def test_dpyd_phase_decides_between_one_strand_and_two() -> None:
    """Two variants on one strand leave the other working."""
    (act,) = settled("DPYD", {"rs72549310": HET, "rs67376798": HET})
    assert {one.printed()[0] for one in act.outcomes} == {
        "Reference/[c.61C>T + c.2846A>T]",
        "c.61C>T/c.2846A>T",
    }


def test_no_samples_are_no_calls() -> None:
    """An empty file has an answer for every gene, of nobody."""
    calls = call_genes({"TPMT": genotypes("TPMT")}, DEFINITIONS)
    assert all(listed == [] for listed in calls.values())


def test_positions_may_come_in_any_order_and_be_absent() -> None:
    """Genotypes are found by their position; one that is not there is missing."""
    read = genotypes("TPMT", {"rs1142345": HET})
    turned = np.arange(len(read.positions))[::-1][1:]
    part = GeneGenotypes(
        read.gene,
        tuple(read.positions[one] for one in turned),
        tuple(read.alleles[one] for one in turned),
        read.first[turned],
        read.second[turned],
        read.state[turned],
        read.phased[turned],
        read.phase_set[turned],
    )
    (found,) = call_gene(part, DEFINITIONS.genes["TPMT"], function=DEFINITIONS.function)
    assert list(found.printed()) == ["*1/*3C"]
    assert found.missing == (read.positions[-1].position,)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_samples_are_called_alike_alone_and_together(data: st.DataObject) -> None:
    """Broadcasting equal columns changes no call, nor does the order of unphased alleles."""
    gene = data.draw(st.sampled_from(["CYP2C19", "G6PD", "DPYD", "NUDT15"]))
    rsids = [one.rsid for one in DEFINITIONS.genes[gene].positions if one.rsid][:6]
    genotype = st.sampled_from([(0, 0), (0, 1), (1, 0), (1, 1), (0, UNDOCUMENTED), None])
    people = data.draw(
        st.lists(st.fixed_dictionaries(dict.fromkeys(rsids, genotype)), min_size=1, max_size=6)
    )
    definition, function = DEFINITIONS.genes[gene], DEFINITIONS.function
    together = call_gene(genotypes(gene, *people), definition, function=function)
    assert together == [call(gene, one) for one in people]
    turned = [{rsid: pair and pair[::-1] for rsid, pair in one.items()} for one in people]
    assert together == call_gene(genotypes(gene, *turned), definition, function=function)
