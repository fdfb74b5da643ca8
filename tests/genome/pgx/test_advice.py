"""From what the genes are to what is recommended, by the guidelines that ship with osler."""

from __future__ import annotations

import functools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler import knowledge
from osler.genome.pgx import warfarin
from osler.genome.pgx.advice import Advisor, DrugAdvice, GeneState, _keys
from osler.genome.pgx.answers import Answers
from osler.genome.pgx.guidelines import Guideline, Row, plain_text, read_guidelines
from osler.genome.pgx.nouns import Diplotype, GeneCall
from osler.genome.pgx.outside import OutsideCall
from osler.genome.pgx.result import SampleResult

RELEASE = knowledge.get("cpic-2025-11-05")
GUIDELINES = {one.drug: one for one in read_guidelines(RELEASE)}


def called(gene: str, first: str, second: str | None = None) -> GeneCall:
    """Return a call of one pair."""
    return GeneCall(gene, "called", (Diplotype(first, second),))


@functools.cache
def answers(*outside: OutsideCall) -> Answers:
    """Return what answers with these outside calls."""
    return Answers(RELEASE, outside)


def result(*calls: GeneCall, outside: tuple[OutsideCall, ...] = ()) -> SampleResult:
    """Return the result of a sample with these calls."""
    return answers(*outside).sample("one", {call.gene: call for call in calls})


def advice(of: SampleResult, drug: str) -> list[DrugAdvice]:
    """Return the advice on one drug."""
    return [one for one in of.drugs if one.drug == drug]


def why_not(of: SampleResult, drug: str) -> str:
    """Return why nothing is advised on a drug."""
    return next(one.why for one in of.not_advised if one.drug == drug)


def test_advice_stands_population_by_population() -> None:
    """Clopidogrel has advice for three indications, each with its own strength."""
    found = advice(result(called("CYP2C19", "*2", "*2")), "clopidogrel")
    assert {one.population: one.classification for one in found} == {
        "CVI ACS PCI": "Strong",
        "CVI non-ACS non-PCI": "Moderate",
        "NVI": "Moderate",
    }
    assert all(one.lookup == (("CYP2C19", "Poor Metabolizer"),) for one in found)
    assert all("CPIC" in one.source and one.deviates for one in found)
    assert all(one.date == RELEASE.table(one.table).date for one in found)
    assert all("PMID" in one.citation for one in found)


def test_recommendations_are_plain_text() -> None:
    """No advice that the release can give has a tag or an entity left in it."""
    texts = [
        plain_text(row.recommendation)
        for guideline in GUIDELINES.values()
        for rows in guideline.rows.values()
        for row in rows
    ]
    assert len(texts) > 1900
    assert all(text.strip() for text in texts)
    assert not [text for text in texts if re.search(r"</?[a-z][^>]*>|&[a-z]+;", text)]


@given(st.text())
def test_any_text_becomes_plain_text(text: str) -> None:
    """Whatever a release holds as text, tags are gone and nothing fails."""
    assert not re.search(r"<[^>]*>", plain_text(f"<p>{text.replace('&', '')}</p>"))


def test_a_gene_that_is_not_known_is_told_in_the_advice_of_the_other() -> None:
    """Advice from CYP2C19 alone says that it does not speak of CYP2D6."""
    (found,) = advice(result(called("CYP2C19", "*1", "*1")), "amitriptyline")
    assert dict(found.lookup) == {"CYP2C19": "Normal Metabolizer", "CYP2D6": "No Result"}
    assert any("CYP2D6 is not known" in one for one in found.caveats)


def test_nothing_known_is_nothing_advised() -> None:
    """Without a single call every drug is listed as not advised, and none as normal."""
    found = result()
    assert found.drugs == ()
    assert {one.drug for one in found.not_advised} == set(GUIDELINES)
    assert all(one.phenotype is None for one in found.genes)


def test_a_guideline_that_needs_both_genes_gives_nothing_for_one() -> None:
    """A drug of one gene that is not known is not advised, with the gene's name."""
    assert "DPYD" in why_not(result(called("CYP2C19", "*1", "*1")), "capecitabine")


def test_an_ambiguous_gene_has_advice_for_each_reading() -> None:
    """Three possible pairs of CYP2C19 give the advice of all three phenotypes."""
    pairs = tuple(Diplotype(*pair) for pair in (("*4", "*4"), ("*4", "*17"), ("*17", "*17")))
    found = result(GeneCall("CYP2C19", "ambiguous", pairs))
    lookups = {dict(one.lookup)["CYP2C19"] for one in advice(found, "citalopram")}
    expected = {"Poor Metabolizer", "Intermediate Metabolizer", "Ultrarapid Metabolizer"}
    assert lookups == expected
    gene = found.gene("CYP2C19")
    assert gene.phenotype is None
    assert {one.name for _, one in gene.readings} == expected
    assert any("depends on which" in note for note in gene.notes)


def test_candidates_with_one_phenotype_have_it() -> None:
    """An ambiguous pair whose candidates mean the same has that phenotype."""
    pairs = (Diplotype("*1", "*2"), Diplotype("*1", "*3"))
    found = result(GeneCall("CYP2C19", "ambiguous", pairs))
    assert found.gene("CYP2C19").phenotype == "Intermediate Metabolizer"
    assert len(advice(found, "citalopram")) == 1


def test_alleles_that_no_table_knows_are_not_looked_up_as_normal() -> None:
    """An unknown allele is looked up as indeterminate, and every caveat says so."""
    found = result(outside=(OutsideCall("CYP2D6", Diplotype("*1", "*XXX")),))
    (codeine,) = advice(found, "codeine")
    assert dict(codeine.lookup) == {"CYP2D6": "n/a"}
    assert codeine.classification == "No recommendation"
    assert any("do not know the function" in one for one in codeine.caveats)


def test_an_undocumented_variant_is_told_with_every_advice_of_its_gene() -> None:
    """Where a variant is not in the definitions, normal is said not to speak of it."""
    call = GeneCall(
        "DPYD", "called", (Diplotype("Reference", "Reference"),), undocumented=(97078987,)
    )
    found = result(call)
    assert found.gene("DPYD").phenotype == "Normal Metabolizer"
    assert any("97078987" in note for note in found.gene("DPYD").notes)
    assert all(
        any("97078987" in caveat for caveat in one.caveats)
        for drug in ("capecitabine", "fluorouracil")
        for one in advice(found, drug)
    )


def test_alleles_not_ruled_out_are_told_with_the_advice() -> None:
    """Missing positions leave alleles open, and the advice says how many."""
    call = GeneCall(
        "TPMT",
        "called",
        (Diplotype("*1", "*1"),),
        missing=(18130687,),
        uncallable=("*3A", "*3C"),
    )
    for one in advice(result(call), "mercaptopurine"):
        assert any("2 alleles cannot be ruled out" in caveat for caveat in one.caveats)


def test_hla_statuses_are_looked_up_allele_by_allele() -> None:
    """Each guideline takes the status of its own allele; a missing one is no result."""
    found = result(outside=(OutsideCall("HLA-B", Diplotype("*15:02", "*57:01")),))
    assert dict(advice(found, "abacavir")[0].lookup) == {"HLA-B": "*57:01 positive"}
    assert dict(advice(found, "allopurinol")[0].lookup) == {"HLA-B": "*58:01 negative"}
    carbamazepine = advice(found, "carbamazepine")
    assert {one.population for one in carbamazepine} == {
        "CBZ naive",
        "CBZ use >3mos",
        "CBZ-no alternatives",
    }
    assert all(
        dict(one.lookup) == {"HLA-A": "No Result", "HLA-B": "*15:02 positive"}
        for one in carbamazepine
    )


def test_a_status_of_another_allele_is_no_result() -> None:
    """Knowing HLA-B*57:01 only says nothing of *15:02 for carbamazepine."""
    found = result(outside=(OutsideCall("HLA-B", phenotype="*57:01 positive"),))
    assert advice(found, "abacavir")[0].classification == "Strong"
    assert advice(found, "carbamazepine") == []
    assert "HLA-A" in why_not(found, "carbamazepine")


def test_a_negative_status_alone_is_not_the_whole_answer() -> None:
    """HLA-A known and HLA-B not: the advice says that it does not speak of HLA-B."""
    found = result(outside=(OutsideCall("HLA-A", phenotype="*31:01 negative"),))
    for one in advice(found, "carbamazepine"):
        assert any("HLA-B is not known" in caveat for caveat in one.caveats)


def test_warfarin_shows_both_branches_and_guesses_none() -> None:
    """The chart's branch on ancestry is shown on both sides, without a classification."""
    calls = {
        "CYP2C9": called("CYP2C9", "*3", "*8"),
        "VKORC1": called("VKORC1", "rs9923231 reference (C)", "rs9923231 variant (T)"),
        "CYP4F2": called("CYP4F2", "*1", "*3"),
    }
    found = answers().sample("one", calls, "A/G")
    (one,) = advice(found, "warfarin")
    assert one.classification is None
    branches = dict(one.branches)
    assert set(branches) == {warfarin.AFRICAN, warfarin.OTHER}
    assert "CYP4F2*3" in branches[warfarin.OTHER]
    assert "CYP4F2" not in branches[warfarin.AFRICAN]
    assert "rs12777823 A/G" in branches[warfarin.AFRICAN]
    assert "rs12777823" not in branches[warfarin.OTHER]
    assert all("CYP2C9*8" in text for text in branches.values())
    assert all(text in one.recommendation for text in branches.values())


def test_warfarin_is_dosed_clinically_where_african_alleles_were_not_read() -> None:
    """With African ancestry nothing is dosed by genotype unless *5, *6, *8 and *11 were tested."""
    calls = {
        "CYP2C9": GeneCall(
            "CYP2C9", "called", (Diplotype("*1", "*1"),), missing=(94947938,), uncallable=("*8",)
        ),
        "VKORC1": called("VKORC1", "rs9923231 reference (C)", "rs9923231 reference (C)"),
    }
    (one,) = advice(answers().sample("one", calls), "warfarin")
    assert "dose clinically" in dict(one.branches)[warfarin.AFRICAN]
    assert "dose clinically" not in dict(one.branches)[warfarin.OTHER]
    assert any("CYP4F2 is not known" in caveat for caveat in one.caveats)


def test_warfarin_without_its_genes_is_not_advised() -> None:
    """Nothing known of CYP2C9 and VKORC1 leaves the dose to the clinic."""
    assert "clinically" in why_not(result(called("CYP4F2", "*1", "*1")), "warfarin")


def test_a_drug_that_the_release_cannot_advise_on_is_named() -> None:
    """Guidelines that CPIC lists and the release lacks are told, not left out in silence."""
    found = result(called("NAT2", "*5", "*5"))
    assert "level A" in why_not(found, "hydralazine")
    assert "no rows" in why_not(found, "dibekacin")


def row(text: str) -> Row:
    """Return a row that recommends something."""
    return Row("general", "Strong", (), text, False)


def guideline(date: str, text: str | None) -> Guideline:
    """Return a guideline of one gene."""
    rows = {} if text is None else {("Normal",): (row(text),)}
    return Guideline("drug", "CPIC", ("GENE",), rows, f"table-{date}", date, "", "")


def test_the_newest_source_with_rows_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer table goes before an older one, but one without rows never replaces one with rows."""
    from osler.genome.pgx import guidelines

    for export, annotation, expected in (
        (guideline("2022-05-01", "old"), guideline("2024-03-25", "new"), "new"),
        (guideline("2026-05-01", "newer"), guideline("2024-03-25", "new"), "newer"),
        (guideline("2022-05-01", "old"), guideline("2024-03-25", None), "old"),
    ):
        monkeypatch.setattr(guidelines, "_pairs", lambda _: iter(()))
        monkeypatch.setattr(guidelines, "_export", lambda _, one=export: iter((one,)))
        monkeypatch.setattr(guidelines, "_annotations", lambda _, one=annotation: iter((one,)))
        (found,) = read_guidelines(RELEASE)
        assert found.rows["Normal",][0].recommendation == expected


def test_equal_lookups_are_answered_once() -> None:
    """Two samples with the same genes share their advice."""
    advisor = Advisor(GUIDELINES.values())
    state = GeneState(frozenset({frozenset({"Poor Metabolizer"})}))
    first = advisor.for_drug(GUIDELINES["citalopram"], {"CYP2C19": state})
    assert advisor.for_drug(GUIDELINES["citalopram"], {"CYP2C19": state}) is first


@given(st.data())
def test_advice_only_ever_comes_from_rows_of_what_is_known(data: st.DataObject) -> None:
    """Whatever is known, each key that advice was found by is one that the gene may be."""
    advisor = Advisor(one for one in GUIDELINES.values() if one.rows)
    guideline = data.draw(st.sampled_from(advisor.guidelines))
    states = {
        gene: GeneState(
            frozenset(
                frozenset({key})
                for key in data.draw(st.sets(st.sampled_from(advisor.lookups(gene)), max_size=2))
            )
        )
        for gene in guideline.genes
    }
    found, nothing = advisor.for_drug(guideline, states)
    assert bool(found) != (nothing is not None)
    for one in found:
        for gene, key in one.lookup:
            may_be = {key for keys in states[gene].possible for key in keys}
            assert key in may_be or key == "No Result"


@pytest.mark.parametrize("order", [1, -1])
def test_a_key_that_is_hit_for_want_of_knowledge_says_so(order: int) -> None:
    """Whichever reading of an open call is looked at first."""
    readings = [frozenset({"Indeterminate"}), frozenset[str]()][::order]
    (key,) = _keys(readings, frozenset({"Indeterminate", "Normal Metabolizer"}))
    assert key[0] == "Indeterminate"
    assert "do not know the function" in key[1]
