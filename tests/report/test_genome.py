"""The genome in the patient report: tiers with drugs for and against, advice short and in full."""

from __future__ import annotations

import copy
import json
import re
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.report import patient_fhir, patient_html, patient_text
from osler.report.genome import drugs, first_sentences

Json = dict[str, Any]
PROVENANCE = {"software": "osler", "created_at": "2026-11-22T10:00:00+00:00", "inputs": {}}


def finding(kind: str, statement: str, value: Any = None, status: str = "final") -> Json:
    """Return a finding of the genome."""
    return {
        "kind": kind,
        "statement": statement,
        "value": value,
        "unit": None,
        "interval": None,
        "reasons": [{"what": "PIK3CA p.H1047R", "effect": None, "source": "timeline"}],
        "evidence": [{"source": "CIViC EID1", "level": "A", "citation": "Someone 2019"}],
        "caveats": ["only a caveat of this finding"],
        "status": status,
        "provenance": PROVENANCE,
    }


def drug(name: str, level: str = "A", match: str = "same protein change", of: str = "") -> Json:
    """Return a drug with its evidence."""
    return {"drugs": name, "level": level, "match": match, "disease": of, "caveats": []}


@pytest.fixture
def tumour_report(report: Json) -> Json:
    """Return a report with a tumour's section and its findings."""
    report["tumour"] = {
        "cancer": "breast cancer",
        "reported": "1990-01-01",
        "stage": "2",
        "receptors": {"ER": "positive", "HER2": "negative"},
        "other_diseases": ["melanoma"],
        "knowledge": {
            "release": "civic-2021-02-25",
            "date": "2021-02-25",
            "age": "CIViC as of 2021-02-25 (5.7 years old): what came since is not in it",
        },
        "tier": "I-A",
        "alterations": [
            {
                "title": "PIK3CA p.H1047R",
                "kind": "small variant",
                "class": "Missense_Mutation",
                "share_of_reads": 0.31,
                "tier": "I-A",
                "tier_why": "level A, in this disease",
                "response": [drug("Alpelisib + Fulvestrant"), *[drug(f"D{n}") for n in range(9)]],
                "resistance": [drug("Trastuzumab", "B", "gene, any alteration")],
                "elsewhere": [drug("Aspirin", "B", of="Colorectal Cancer")],
                "other": [],
                "conflicts": ["Everolimus: for and against"],
                "inherited": ["a share of reads near one half"],
                "subclonal": None,
                "evidence": [
                    {"name": "EID7315", "level": "A", "says": "Response", "citation": "André 2019"}
                ],
                "items": 38,
            }
        ],
        "without_evidence": ["AGMO p.K245N"],
        "genes": {
            "altered": ["PIK3CA"],
            "tested and negative": ["ESR1"],
            "not tested": [],
            "not known whether tested": ["NTRK1", "NTRK3"],
        },
        "not_given": ["line of therapy"],
        "notes": ["tiers are derived by rule"],
    }
    report["findings"].append(finding("tumour alteration", "PIK3CA: tier I-A", "I-A"))
    return report


@pytest.fixture
def drug_report() -> Json:
    """Return a report with drug advice and nothing else."""
    return {
        "format_version": 1,
        "subject_id": 7,
        "generated_at": "2026-11-22T10:00:00+00:00",
        "summary": None,
        "findings": [
            finding("drug advice", "clopidogrel: avoid", "Avoid clopidogrel."),
            finding("pharmacogene", "HLA-A: no phenotype", status="abstained"),
        ],
        "not_assessed": [{"what": "Prognosis", "why": "no study's run was given"}],
        "drugs": {
            "knowledge": {"release": "cpic-2025-11-05", "date": "2025-11-05"},
            "reported": "2026-01-12",
            "advice": [
                {
                    "drug": "clopidogrel",
                    "source": "CPIC",
                    "populations": [whom],
                    "classification": strength,
                    "recommendation": "Avoid clopidogrel.\n\nOther Considerations\nSee figure 2.",
                    "implications": ["CYP2C19: little active metabolite"],
                    "branches": [],
                    "genes": [{"gene": "CYP2C19", "call": "*2/*2", "phenotype": "Poor"}],
                    "caveats": ["rests on the genes alone"],
                    "citation": "Lee 2022",
                    "table": "guidelines/clopidogrel",
                    "date": "2024-04-01",
                }
                for whom, strength in (("CVI ACS PCI", "Strong"), ("NVI", "Moderate"))
            ],
            "usual": ["simvastatin"],
            "no_recommendation": ["aspirin"],
            "not_advised": [{"drug": "allopurinol", "genes": ["HLA-B"], "why": "not known"}],
            "genes": [
                {
                    "gene": "CYP2C19",
                    "status": "called",
                    "call": ["*2/*2"],
                    "phenotype": "Poor Metabolizer",
                    "activity_score": None,
                    "source": "file",
                    "notes": [],
                    "missing_positions": 2,
                    "settling": [],
                },
                {
                    "gene": "HLA-A",
                    "status": "not callable",
                    "call": [],
                    "phenotype": None,
                    "activity_score": None,
                    "source": "file",
                    "notes": ["not read from a VCF"],
                    "missing_positions": 0,
                    "settling": [{"what": "type HLA-A", "drugs": ["carbamazepine"]}],
                },
            ],
            "phenoconversion": {
                "inhibitors": [{"drug": "paroxetine", "strength": "strong"}],
                "phenotypes": ["Poor Metabolizer"],
                "not_known": [],
                "drugs": ["codeine"],
                "caveats": ["it ends when the drug is stopped"],
            },
            "notes": [],
        },
        "scores": [{"score_id": "PGS000018", "what": None, "value": 1.23, "date": "2024-01-02"}],
        "diagnosis": {
            "knowledge": {"release": "hpo-2025-01-16", "date": "2025-01-16"},
            "reported": "2024-01-02",
            "present": 3,
            "absent": 1,
            "diseases": 8359,
            "ranking": [
                {
                    "disease": "OMIM:162200",
                    "name": "Neurofibromatosis, type 1",
                    "posterior": 0.9996,
                    "genes": ["NF1"],
                    "for": ["Lisch nodules"],
                    "against": ["no Seizure"],
                }
            ],
            "would_tell": [{"hpo": "HP:0000997", "name": "Axillary freckling", "for": ["type 1"]}],
            "notes": [],
        },
    }


def text_of(html: str) -> str:
    """Return a page's text without style and tags."""
    bare = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def test_resistance_stands_beside_response(tumour_report: Json) -> None:
    """Each alteration shows its tier, drugs for and against, and response elsewhere."""
    text = text_of(patient_html(tumour_report))
    order = [
        "I-A tier PIK3CA p.H1047R",
        "missense mutation, in 31 % of reads",
        "Evidence for response A Alpelisib + Fulvestrant",
        "and 4 more in report.json",
        "Evidence for resistance or harm B Trastuzumab gene, any alteration",
        "Aspirin in colorectal cancer",
        "Evidence disagrees: Everolimus: for and against",
        "May be inherited: a share of reads near one half",
        "A Response. André 2019 EID7315",
        "and 37 more",
    ]
    places = [text.index(mark) for mark in order]
    assert places == sorted(places)


def test_the_line_that_matters_stands_first(tumour_report: Json, drug_report: Json) -> None:
    """Above all sections stand the strongest alteration and the drugs of strong advice."""
    for report, line, heading in (
        (
            tumour_report,
            "Tumour PIK3CA p.H1047R: tier I-A; evidence of response",
            "What the tumour",
        ),
        (drug_report, "Drugs guidelines strongly advise on", "Drug advice"),
    ):
        text = text_of(patient_html(report)).partition("Not a medical device.")[2]
        assert 0 <= text.index(line) < text.index(heading)


def test_a_ranking_is_told_as_a_hypothesis(drug_report: Json) -> None:
    """No posterior is rounded to certainty, and the page says what the ranking is not."""
    text = text_of(patient_html(drug_report))
    assert "Neurofibromatosis, type 1 OMIM:162200 · NF1 >99 % Lisch nodules no Seizure" in text
    assert "a hypothesis to test, no diagnosis" in text
    assert "Axillary freckling (speaks for type 1)" in text
    assert "Rare disease to test for, >99 %: Neurofibromatosis" in patient_text(drug_report)


def test_a_tier_that_no_drug_made_says_so(tumour_report: Json) -> None:
    """Strong evidence of outlook does not lend its tier to a drug with weak evidence."""
    (one, *_) = tumour_report["tumour"]["alterations"]
    said = "by evidence of outlook or diagnosis and not of a drug"
    assert said not in text_of(patient_html(tumour_report))
    for side in ("response", "resistance"):
        one[side] = [{**drug, "level": "D"} for drug in one[side]]
    text = text_of(patient_html(tumour_report))
    assert f"tier I-A, {said}; evidence of response to Alpelisib + Fulvestrant (D)" in text
    assert text.count(said) == 2


def test_what_all_evidence_is_about_is_told_once(tumour_report: Json) -> None:
    """Evidence on more than the alteration says so at each drug, or once where it is the same."""
    (one, *_) = tumour_report["tumour"]["alterations"]
    rows = [
        {"drugs": name, "level": "B", "disease": "Breast Cancer", "match": "receptor status"}
        for name in ("Neratinib", "Lapatinib")
    ]
    one["response"] = rows
    text = text_of(patient_html(tumour_report))
    assert text.count("receptor status") == 1
    rows[0]["match"] = "gene, any alteration"
    assert text_of(patient_html(tumour_report)).count("receptor status") == 1
    rows[0]["match"] = "same protein change"
    assert "B Neratinib B Lapatinib receptor status" in text_of(patient_html(tumour_report))


@pytest.mark.parametrize("harmless", ["There is no need to avoid it.", "Usual dose, but watch."])
def test_what_to_avoid_stands_above_advice_of_the_same_strength(
    drug_report: Json, harmless: str
) -> None:
    """Of strong advice, drugs not to be used come first; weaker advice never does."""
    like = {**drug_report["drugs"]["advice"][0], "populations": []}
    told = {
        "aaa": (harmless, "Strong"),
        "bbb": ("Avoid bbb if you can.", "Optional"),
        "ccc": ("Avoid ccc if you can.", "Strong"),
    }
    drug_report["drugs"]["advice"] = [
        {**like, "drug": drug, "recommendation": text, "classification": strength}
        for drug, (text, strength) in told.items()
    ]
    shown = [one["drug"] for one in drugs(drug_report)["advice"]]
    assert shown == ["ccc", "aaa", "bbb"]


def test_the_age_of_the_knowledge_and_what_is_open_are_told(tumour_report: Json) -> None:
    """The section says how old the knowledge is, which genes were tested, what was not given."""
    text = text_of(patient_html(tumour_report))
    assert "CIViC as of 2021-02-25 (5.7 years old)" in text
    assert "Tested and negative (1) genes with drug evidence for this cancer ESR1" in text
    assert "Not known whether tested (2)" in text
    assert "Not tested (" not in text
    assert "Not given tiers depend on it line of therapy" in text
    assert "unknown does not mean harmless" in text
    assert "The timeline also names melanoma" in text


def test_a_finding_with_a_section_is_not_told_twice(tumour_report: Json) -> None:
    """Findings of the tumour stand in its section; without the section, among all findings."""
    assert "only a caveat of this finding" not in patient_html(tumour_report)
    del tumour_report["tumour"]
    assert "PIK3CA: tier I-A" in patient_html(tumour_report)


def test_the_genome_speaks_where_the_model_may_not(tumour_report: Json) -> None:
    """A model that abstains stays silent though the tumour's findings are final."""
    for one in tumour_report["findings"]:
        if one["kind"] == "prognosis":
            one |= {"status": "abstained", "value": 0.7777, "caveats": ["a limit was missed"]}
    html = patient_html(tumour_report)
    assert "No prediction is given for this patient" in html
    assert "0.7777" not in html
    assert "After 5 years" not in html
    assert "Evidence for response" in html


def test_advice_is_short_first_and_in_full_after(drug_report: Json) -> None:
    """A table in short leads; considerations, implications and sources follow; one per drug."""
    html = patient_html(drug_report)
    text = text_of(html)
    assert html.count("<h4>clopidogrel</h4>") == 1
    short, full = text.index("CVI ACS PCI"), text.index("The advice in full")
    assert short < full < text.index("See figure 2.") < text.index("Lee 2022")
    assert text[:full].count("Avoid clopidogrel.") == 2
    assert "See figure 2." not in text[:full]


def test_unknown_genes_and_drugs_are_told_as_unknown(drug_report: Json) -> None:
    """What is not known has its own lines, and never stands among the usual."""
    text = text_of(patient_html(drug_report))
    assert re.search(r"Not known \(1\) .* allopurinol \(HLA-B\)", text)
    assert "No recommendation made (1) that does not mean safe aspirin" in text
    assert "HLA-A not callable not known" in text
    assert "would settle it: type HLA-A (advice on carbamazepine depends on it)" in text
    assert "2 positions were not read" in text


def test_phenoconversion_stands_beside_the_genotype(drug_report: Json) -> None:
    """What the medication list makes of CYP2D6 is told with the drugs that it concerns."""
    text = text_of(patient_html(drug_report))
    assert "With the medication list, CYP2D6 acts as Poor Metabolizer" in text
    assert "paroxetine, a strong inhibitor" in text
    assert "Advice then changes for codeine" in text


def test_without_a_model_no_alarm_is_raised(drug_report: Json) -> None:
    """A report of the genome alone does not lead with a missing prediction."""
    text = text_of(patient_html(drug_report))
    assert "No prediction is given" not in text
    assert "There are no findings" not in text
    assert "Prognosis no study's run was given" in text
    assert "PGS000018 1.230 not compared with anybody" in text


def test_advice_has_no_value_in_fhir_and_unknown_is_unknown(drug_report: Json) -> None:
    """Implications carry no value[x]; a gene that is not known is a result: unknown."""
    entries = [one["resource"] for one in patient_fhir(drug_report)["entry"]]
    advice, gene = (one for one in entries if one["resourceType"] == "Observation")
    assert not [key for key in advice if key.startswith("value")]
    assert "dataAbsentReason" not in advice
    assert any(note["text"].startswith("Reason:") for note in advice["note"])
    assert (gene["status"], gene["dataAbsentReason"]["coding"][0]["code"]) == ("final", "unknown")
    (report,) = (one for one in entries if one["resourceType"] == "DiagnosticReport")
    assert (report["status"], report["code"]["text"]) == ("final", "Patient report")
    assert "clopidogrel (CYP2C19 Poor): Avoid clopidogrel." in report["conclusion"]


def test_the_terminal_tells_the_genome_in_lines(tumour_report: Json, drug_report: Json) -> None:
    """The text names each alteration with drugs for and against, and each drug with its advice."""
    told = patient_text(tumour_report)
    assert "PIK3CA p.H1047R: tier I-A; evidence of response to Alpelisib + Fulvestrant (A)" in told
    assert "resistance or harm with Trastuzumab" in told
    assert "clopidogrel (CYP2C19 Poor): Avoid clopidogrel." in patient_text(drug_report)
    assert "Abstained" not in patient_text(drug_report)


def test_whatever_stands_in_the_sections_is_escaped(tumour_report: Json, drug_report: Json) -> None:
    """Text of a file or a table reaches the page as text, never as a tag."""
    evil = "<script>alert(1)</script>"
    tumour_report["tumour"]["alterations"][0]["title"] = evil
    tumour_report["tumour"]["without_evidence"] = [evil]
    drug_report["drugs"]["advice"][0]["recommendation"] = evil
    drug_report["drugs"]["genes"][0]["notes"] = [evil]
    for html in map(patient_html, (tumour_report, drug_report)):
        assert "<script" not in html
        assert "&lt;script" in html


@pytest.mark.parametrize("section", ["tumour", "drugs", "diagnosis", "scores"])
def test_any_absent_or_odd_value_leaves_a_page(
    section: str, tumour_report: Json, drug_report: Json
) -> None:
    """Each key of a section may be absent, null or of another kind; the page still stands."""
    whole = tumour_report if section == "tumour" else drug_report
    keys = list(whole[section]) if isinstance(whole[section], dict) else [None]
    for key in keys:
        for odd in (None, [], {}, "text", 7):
            changed = copy.deepcopy(whole)
            if key is None:
                changed[section] = odd
            else:
                changed[section][key] = odd
            assert "<html" in patient_html(changed)
            assert patient_text(changed)
            json.dumps(patient_fhir(changed))


@given(st.text(max_size=400))
def test_short_advice_never_hides_that_there_is_more(text: str) -> None:
    """What is shown is a beginning of the text, and a mark stands where something is left out."""
    short, plain = first_sentences(text, 80), " ".join(text.split())
    shown = short.removesuffix(" …")
    assert plain.startswith(shown)
    assert (short != shown) == (len(shown) < len(plain)) or plain.endswith("…")
