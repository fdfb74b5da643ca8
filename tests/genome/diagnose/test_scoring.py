"""Likelihood ratios: what speaks for which disease, and that papers left out leave no trace."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.genome.diagnose.small import OBSOLETE, REPLACED, ROWS, TERMS, ontology, scorer

from osler.genome.diagnose.phenopacket import Phenopacket
from osler.genome.diagnose.ranking import findings_of
from osler.genome.diagnose.telling import information

SEEN = [one for one in TERMS if one not in ("HP:0000001", "HP:0000005", "HP:0000118")]
FINDINGS = [one for one in SEEN if one not in ("HP:0000006", "HP:0000007")]
SCORER = scorer()
INDEX = SCORER.library.ontology.index
PAPERS = ["PMID:1", "PMID:2", "PMID:3", "PMID:4", "PMID:5"]
# Every disease keeps a row that no paper has a part in, so that it stays in the file.
NAMES = {row[0]: row[1] for row in ROWS if row[0].startswith("OMIM")}
KEPT = tuple((one, name, "", "HP:0001251", one, "1/9", "P") for one, name in NAMES.items())
WITH_KEPT = scorer((*ROWS, *KEPT))


def terms(ids: list[str]) -> list[int]:
    """Return the indices of terms."""
    return [INDEX[one] for one in ids]


def place(disease: str) -> int:
    """Return a disease's index."""
    return SCORER.library.annotations.index[disease]


@pytest.mark.parametrize(
    ("finding", "disease"),
    [
        ("HP:0000501", "OMIM:100001"),
        ("HP:0000519", "OMIM:100002"),
        ("HP:0001251", "OMIM:100003"),
        ("HP:0001249", "OMIM:100004"),
    ],
)
def test_a_finding_of_one_disease_speaks_most_for_it(finding: str, disease: str) -> None:
    """What only one disease is annotated with puts it first."""
    total = SCORER.score(terms([finding]), []).total
    assert int(total.argmax()) == place(disease)


def test_a_more_general_finding_counts_by_what_is_below_it() -> None:
    """A disease annotated with a special kind expects the general finding too."""
    scores = SCORER.score(terms(["HP:0001250"]), [])
    assert scores.exact[0, place("OMIM:100003")]
    assert int(scores.total.argmax()) == place("OMIM:100003")


def test_a_more_special_finding_counts_by_what_is_above_it() -> None:
    """A kind that no profile has speaks for those that have something more general."""
    total = SCORER.score(terms(["HP:0000519"]), []).total
    assert total[place("OMIM:100001")] > total[place("OMIM:100003")]


def test_what_a_disease_is_said_not_to_show_speaks_against_it() -> None:
    """A row with NOT takes away what the finding would say."""
    plain = scorer(tuple(row for row in ROWS if row[2] != "NOT"))
    finding = terms(["HP:0000518"])
    said = SCORER.score(finding, []).observed[0, place("OMIM:100003")]
    assert said <= plain.score(finding, []).observed[0, place("OMIM:100003")]


def test_a_finding_that_another_implies_counts_once() -> None:
    """A general finding beside its special kind adds nothing but the crowd of findings."""
    alone = SCORER.score(terms(["HP:0000519"]), []).total
    both = SCORER.score(terms(["HP:0000519", "HP:0000518", "HP:0000478"]), []).total
    np.testing.assert_allclose(alone, both)


def test_an_exclusion_speaks_against_who_always_shows_it() -> None:
    """Between two diseases with the finding, its absence favours the one that shows it less."""
    rows = (
        ("OMIM:100001", "One", "", "HP:0000518", "PMID:1", "100/100", "P"),
        ("OMIM:100002", "Two", "", "HP:0000518", "PMID:1", "50/100", "P"),
    )
    total = scorer(rows).score([], terms(["HP:0000518"])).total
    assert total[1] > total[0]


@given(st.lists(st.sampled_from(FINDINGS), min_size=1, max_size=6, unique=True), st.randoms())
def test_the_order_of_findings_does_not_matter(ids: list[str], random: object) -> None:
    """The same findings in another order give the same scores."""
    shuffled = sorted(ids, key=lambda one: hash((one, str(random))))
    first, second = SCORER.score(terms(ids), []), SCORER.score(terms(shuffled), [])
    np.testing.assert_allclose(first.total, second.total)


@given(
    st.lists(st.sampled_from(FINDINGS), max_size=5, unique=True),
    st.lists(st.sampled_from(FINDINGS), max_size=5, unique=True),
    st.sets(st.sampled_from(PAPERS)),
)
def test_scores_are_finite(observed: list[str], excluded: list[str], papers: set[str]) -> None:
    """No combination of findings and papers left out makes a score that is no number."""
    left_out = SCORER.library.annotations.rows_of(papers)
    scores = SCORER.score(terms(observed), terms(excluded), left_out)
    assert np.isfinite(scores.total).all()
    assert np.isfinite(SCORER.log_prior(left_out)).all()


@given(
    st.lists(st.sampled_from(FINDINGS), max_size=4, unique=True),
    st.lists(st.sampled_from(FINDINGS), max_size=4, unique=True),
    st.sets(st.sampled_from(PAPERS), min_size=1),
)
def test_a_paper_left_out_leaves_no_trace(
    observed: list[str], excluded: list[str], papers: set[str]
) -> None:
    """Scores, prior and frequencies are those of a release that never had the paper's rows."""
    without = tuple(
        row for row in (*ROWS, *KEPT) if papers.isdisjoint(row[4].split(";")) or row[6] == "I"
    )
    never = scorer(without)
    left_out = WITH_KEPT.library.annotations.rows_of(papers)
    here = WITH_KEPT.score(terms(observed), terms(excluded), left_out)
    there = never.score(terms(observed), terms(excluded))
    np.testing.assert_allclose(here.total, there.total, atol=1e-12)
    np.testing.assert_allclose(WITH_KEPT.log_prior(left_out), never.log_prior())
    every = np.arange(4)
    np.testing.assert_allclose(
        WITH_KEPT.frequencies(every, left_out), never.frequencies(every), atol=1e-12
    )


def test_contradictions_doubles_and_unknown_terms_are_told() -> None:
    """Whatever is mapped, left out or said twice is a counted note, and the rest stands."""
    packet = Phenopacket(
        "a",
        (REPLACED, "HP:0000518", "HP:7654321", OBSOLETE, "HP:0000006", "HP:0000118"),
        ("HP:0000478", "HP:0001250"),
    )
    found = findings_of(packet, ontology())
    assert [ontology().ids[one] for one in found.observed] == ["HP:0000518"]
    assert [ontology().ids[one] for one in found.excluded] == ["HP:0001250"]
    assert found.given == {INDEX["HP:0000518"]: REPLACED}
    told = " | ".join(found.notes)
    for what in ("older id", "twice", "unknown", "obsolete", "no abnormality", "contradicts"):
        assert what in told
    assert "no more than 'abnormal'" in told


@given(
    st.lists(st.floats(0.01, 1), min_size=2, max_size=4),
    st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=4, max_size=4),
)
def test_a_sign_tells_no_more_than_there_is_to_know(
    weight: list[float], frequency: list[list[float]]
) -> None:
    """Expected information is at least nothing and at most one bit."""
    share = np.array(weight) / sum(weight)
    bits = information(share, np.array(frequency[: len(weight)]))
    assert (bits >= 0).all()
    assert (bits <= 1 + 1e-9).all()
