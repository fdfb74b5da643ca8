"""What the genome says, as sections of the patient report: tumour, drugs, diagnosis, scores."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from osler.report.numbers import (
    UNKNOWN,
    as_dict,
    day,
    decimal,
    dicts,
    finite,
    maybe,
    plain,
    texts,
    whole,
)

TUMOUR_KINDS = ("tumour alteration", "tumour genes tested")
DRUG_KINDS = ("drug advice", "standard dose by genotype", "pharmacogene", "phenoconversion")
DIAGNOSIS_KINDS = ("diagnosis",)
SCORE_KINDS = ("polygenic score",)
KINDS = frozenset((*TUMOUR_KINDS, *DRUG_KINDS, *DIAGNOSIS_KINDS, *SCORE_KINDS))

MOST_DRUGS = 6
MOST_NAMES = 60
MOST_LETTERS = 260
MOST_LED = 24
# CPIC's classes of recommendation, the strongest first.
STRENGTHS = ("Strong", "Moderate", "Optional")
# Words of advice against a drug; they only put it above other advice of the same strength.
AVOID = re.compile(
    r"\bavoid\b|\bdo not use\b|\bnot recommended\b|\bcontraindicated\b", re.IGNORECASE
)
NO_NEED = "no need to avoid"
# Where CPIC's recommendations turn from what to do to what else to think of.
CONSIDERATIONS = "\nOther Considerations"
# Matches of the alteration itself; every other one speaks of more than what was found.
ITSELF = (
    "same protein change",
    "same coding change",
    "same genomic change",
    "same fusion partners",
    "same copy-number class",
)

SIDES = ("response", "resistance")
# CIViC's levels that make tier I; what else does is evidence of outlook or diagnosis.
STRONG_LEVELS = frozenset("AB")
NO_DRUG = "by evidence of outlook or diagnosis and not of a drug"

Json = Mapping[str, Any]


def shown_in_sections(report: Json) -> frozenset[str]:
    """Return the kinds of findings that have a section of their own in this report."""
    sections = (
        ("tumour", TUMOUR_KINDS),
        ("drugs", DRUG_KINDS),
        ("diagnosis", DIAGNOSIS_KINDS),
        ("scores", SCORE_KINDS),
    )
    return frozenset(kind for name, kinds in sections if report.get(name) for kind in kinds)


def tumour(report: Json) -> dict[str, Any] | None:
    """Return the tumour's section; None if the report has none."""
    section = as_dict(report.get("tumour"))
    if not section:
        return None
    genes = as_dict(section.get("genes"))
    return {
        "title": maybe(section.get("cancer")),
        "facts": _tumour_facts(section),
        "age": maybe(as_dict(section.get("knowledge")).get("age")),
        "alterations": [_alteration(entry) for entry in dicts(section.get("alterations"))],
        "without_evidence": texts(section.get("without_evidence")),
        "genes": [
            {"status": plain(status), "names": _names(texts(genes[status])), "n": len(named)}
            for status in genes
            if (named := texts(genes[status])) and status != "altered"
        ],
        "not_given": texts(section.get("not_given")),
        "notes": [
            *(
                f"the timeline also names {one}; this section is about "
                f"{plain(section.get('cancer'))}"
                for one in texts(section.get("other_diseases"))
            ),
            *texts(section.get("notes")),
        ],
    }


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _tumour_facts(section: Json) -> list[tuple[str, str]]:
    receptors = as_dict(section.get("receptors"))
    facts = [("Disease", maybe(section.get("cancer")))]
    if receptors:
        told = ", ".join(f"{name} {status}" for name, status in receptors.items())
        facts.append(("Receptors", told))
    if section.get("stage"):
        facts.append(("Stage", plain(section["stage"])))
    if section.get("reported"):
        facts.append(("Reported", day(section["reported"])))
    return [fact for fact in facts if fact[1]]


def _alteration(entry: Json) -> dict[str, Any]:
    share = finite(entry.get("share_of_reads"))
    tier = maybe(entry.get("tier"))
    about = [maybe(entry.get("class")).replace("_", " ").lower() or maybe(entry.get("kind"))]
    if share is not None:
        about.append(f"in {100 * share:.0f} % of reads")
    return {
        "title": plain(entry.get("title")),
        "tier": tier,
        "rank": tier.partition("-")[0] or "none",
        "why": _tier_words(entry),
        "about": ", ".join(part for part in about if part),
        "response": _drugs(entry.get("response")),
        "resistance": _drugs(entry.get("resistance")),
        "elsewhere": _drugs(entry.get("elsewhere"), with_disease=True),
        "other": texts(entry.get("other")),
        "conflicts": texts(entry.get("conflicts")),
        "inherited": texts(entry.get("inherited")),
        "subclonal": maybe(entry.get("subclonal")),
        "evidence": [
            {
                "name": plain(line.get("name")),
                "level": maybe(line.get("level")),
                "says": maybe(line.get("says")),
                "citation": maybe(line.get("citation")),
            }
            for line in dicts(entry.get("evidence"))
        ],
        "more": _more(entry),
    }


def _tier_words(entry: Json) -> str:
    """Return why the tier is what it is, and whether a tier I is about a drug at all."""
    why = maybe(entry.get("tier_why"))
    return f"{why}; {NO_DRUG}" if _is_of_no_drug(entry) else why


def _is_of_no_drug(entry: Json) -> bool:
    levels = {one.get("level") for side in SIDES for one in dicts(entry.get(side))}
    strong = maybe(entry.get("tier")).startswith("I-")
    asserted = "assertion" in maybe(entry.get("tier_why"))
    return strong and not asserted and not levels & STRONG_LEVELS


def _more(entry: Json) -> str:
    items, cited = finite(entry.get("items")), len(dicts(entry.get("evidence")))
    left = int(items or 0) - cited
    return f"and {left} more in report.json and CIViC" if left > 0 else ""


def _drugs(value: Any, *, with_disease: bool = False) -> dict[str, Any]:
    entries = dicts(value)
    shown = entries[:MOST_DRUGS]
    matches = {"" if one.get("match") in ITSELF else maybe(one.get("match")) for one in shown}
    # What all the evidence is about is told once, above it.
    shared = matches.pop() if len(matches) == 1 and len(shown) > 1 else ""
    return {
        "rows": [
            {
                "drugs": plain(entry.get("drugs")),
                "level": plain(entry.get("level")),
                "of": plain(entry.get("disease")).lower() if with_disease else "",
                "itself": entry.get("match") in ITSELF,
                "match": "" if shared else maybe(entry.get("match")),
            }
            for entry in shown
        ],
        "about": shared,
        "more": max(len(entries) - MOST_DRUGS, 0),
    }


def drugs(report: Json) -> dict[str, Any] | None:
    """Return the section on drugs; None if the report has none."""
    section = as_dict(report.get("drugs"))
    if not section:
        return None
    known = as_dict(section.get("knowledge"))
    genes = [_gene(entry) for entry in dicts(section.get("genes"))]
    return {
        "release": maybe(known.get("release")),
        "date": day(known.get("date")) if known.get("date") else "",
        "reported": day(section.get("reported")) if section.get("reported") else "",
        "advice": _by_drug([_advice(entry) for entry in dicts(section.get("advice"))]),
        "usual": texts(section.get("usual")),
        "no_recommendation": texts(section.get("no_recommendation")),
        "not_advised": [
            {
                "drug": plain(entry.get("drug")),
                "genes": ", ".join(texts(entry.get("genes"))),
                "why": maybe(entry.get("why")),
            }
            for entry in dicts(section.get("not_advised"))
        ],
        "known": [gene for gene in genes if gene["phenotype"]],
        "unknown": [gene for gene in genes if not gene["phenotype"]],
        "conversion": _conversion(as_dict(section.get("phenoconversion"))),
        "notes": texts(section.get("notes")),
    }


def _by_drug(advice: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put together what is said of one drug, and drugs of which the same is said; strong first."""
    of_drug: dict[str, list[dict[str, Any]]] = {}
    for one in advice:
        of_drug.setdefault(one["drug"], []).append(one)
    alike: dict[str, list[str]] = {}
    for drug, parts in of_drug.items():
        alike.setdefault(_said(parts), []).append(drug)
    groups = [_group(drugs, of_drug[drugs[0]]) for drugs in alike.values()]
    return sorted(groups, key=lambda one: min(map(_urgency, one["parts"])))


def _group(drugs: Sequence[str], parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "drug": ", ".join(drugs),
        "genes": parts[0]["genes"],
        "caveats": list(dict.fromkeys(line for one in parts for line in one["caveats"])),
        "sources": list(dict.fromkeys(one["source_line"] for one in parts)),
        "parts": sorted(parts, key=_urgency),
    }


def _said(parts: Sequence[dict[str, Any]]) -> str:
    """Return what is said of a drug, without its name and its source."""
    told = [{k: v for k, v in one.items() if k not in ("drug", "source_line")} for one in parts]
    return repr(told)


def _urgency(part: Mapping[str, Any]) -> tuple[int, int]:
    """Return what orders advice: how strong it is, and of the same strength what to avoid first."""
    if NO_NEED in part["short"].lower():
        return _strength(part), 2
    return _strength(part), 0 if AVOID.search(part["short"]) else 1


def _strength(part: Mapping[str, Any]) -> int:
    named = [rank for rank, name in enumerate(STRENGTHS) if name in part["strength"]]
    return named[0] if named else len(STRENGTHS)


def _advice(entry: Json) -> dict[str, Any]:
    text, _, considerations = str(entry.get("recommendation") or "").partition(CONSIDERATIONS)
    date = f" of {entry['date']}" if entry.get("date") else ""
    strength = [maybe(entry.get("source")), maybe(entry.get("classification"))]
    cited = [maybe(entry.get("citation")), f"{maybe(entry.get('table'))}{date}"]
    return {
        "drug": plain(entry.get("drug")),
        "whom": "; ".join(one for one in texts(entry.get("populations")) if one != "general"),
        "strength": " · ".join(one for one in strength if one),
        "short": first_sentences(text),
        "recommendation": [line for line in texts(text.split("\n")) if line.strip()],
        "considerations": " ".join(considerations.split()),
        "implications": texts(entry.get("implications")),
        "branches": [
            {"when": plain(one.get("when")), "what": plain(one.get("what"))}
            for one in dicts(entry.get("branches"))
        ],
        "genes": [
            {
                "gene": plain(one.get("gene")),
                "call": maybe(one.get("call")),
                "phenotype": plain(one.get("phenotype") or "not known"),
            }
            for one in dicts(entry.get("genes"))
        ],
        "caveats": texts(entry.get("caveats")),
        "source_line": " · ".join(one for one in cited if one),
    }


def first_sentences(text: str, most_letters: int = MOST_LETTERS) -> str:
    """Return the first sentence, and the next ones as long as all of it stays short.

    What is left out is marked, since it may be what deviates.

    Examples
    --------
    >>> first_sentences("Avoid it. Use another. " + "And so on" * 40)
    'Avoid it. Use another. …'
    """
    shown = ""
    for sentence in re.findall(r".+?[.!?](?=\s+[A-Z]|$)|.+$", " ".join(text.split())):
        if shown and len(shown) + len(sentence) > most_letters:
            return f"{shown} …"
        shown = f"{shown} {sentence.strip()}".strip()
    return shown


def _gene(entry: Json) -> dict[str, Any]:
    score = finite(entry.get("activity_score"))
    missing = finite(entry.get("missing_positions"))
    settling = [
        f"{plain(one.get('what'))} (advice on {', '.join(texts(one.get('drugs')))} depends on it)"
        if texts(one.get("drugs"))
        else plain(one.get("what"))
        for one in dicts(entry.get("settling"))
    ]
    return {
        "gene": plain(entry.get("gene")),
        "call": " or ".join(texts(entry.get("call"))) or plain(entry.get("status")),
        "status": maybe(entry.get("status")),
        "outside": entry.get("source") == "outside call",
        "phenotype": maybe(entry.get("phenotype")),
        "score": "" if score is None else decimal(score, 2).rstrip("0").rstrip("."),
        "missing": f"{missing:.0f} positions were not read" if missing else "",
        "notes": texts(entry.get("notes")),
        "settling": settling,
    }


def _conversion(entry: Json) -> dict[str, Any] | None:
    inhibitors = dicts(entry.get("inhibitors"))
    if not inhibitors:
        return None
    return {
        "inhibitors": [
            f"{plain(one.get('drug'))}, a {plain(one.get('strength'))} inhibitor"
            for one in inhibitors
        ],
        "phenotypes": " or ".join(texts(entry.get("phenotypes"))) or "unchanged",
        "drugs": ", ".join(texts(entry.get("drugs"))),
        "caveats": texts(entry.get("caveats")),
    }


def diagnosis(report: Json) -> dict[str, Any] | None:
    """Return the section on rare diseases; None if the report has none."""
    section = as_dict(report.get("diagnosis"))
    if not section:
        return None
    present, absent = (int(finite(section.get(name)) or 0) for name in ("present", "absent"))
    known = as_dict(section.get("knowledge"))
    return {
        "signs": f"{present} present" + (f", {absent} absent" if absent else ""),
        "diseases": whole(section.get("diseases")),
        "release": maybe(known.get("release")),
        "reported": day(section.get("reported")) if section.get("reported") else "",
        "ranking": [
            {
                "name": plain(one.get("name")),
                "disease": plain(one.get("disease")),
                "posterior": percent(one.get("posterior")),
                "genes": ", ".join(texts(one.get("genes"))),
                "for": ", ".join(texts(one.get("for"))),
                "against": ", ".join(texts(one.get("against"))),
            }
            for one in dicts(section.get("ranking"))
        ],
        "would_tell": [
            f"{plain(one.get('name'))} (speaks for {', '.join(texts(one.get('for')))})"
            for one in dicts(section.get("would_tell"))
        ],
        "notes": texts(section.get("notes")),
    }


def percent(value: Any) -> str:
    """Return a posterior in percent, never a rounded certainty.

    Examples
    --------
    >>> percent(0.9996), percent(0.25), percent(0.0001)
    ('>99 %', '25 %', '<1 %')
    """
    number = finite(value)
    if number is None:
        return UNKNOWN
    if number > 0.99:
        return ">99 %"
    return "<1 %" if number < 0.01 else f"{100 * number:.0f} %"


def scores(report: Json) -> list[dict[str, str]]:
    """Return the polygenic scores of the report, one row each."""
    return [
        {
            "score": plain(entry.get("score_id")),
            "what": maybe(entry.get("what")),
            "value": decimal(entry.get("value"), 3),
            "standing": maybe(entry.get("standing")),
            "date": day(entry.get("date")) if entry.get("date") else "no date",
        }
        for entry in dicts(report.get("scores"))
    ]


def leads(report: Json) -> list[dict[str, str]]:
    """Return the line of each section that a reader needs first, with the section's anchor."""
    found = []
    section = tumour(report)
    if section is not None:
        found.append({"anchor": "tumour", "head": "Tumour", "text": _tumour_lead(section)})
    advice = drugs(report)
    if advice is not None:
        found.append({"anchor": "drugs", "head": "Drugs", "text": _drug_lead(advice)})
    ranked = diagnosis(report)
    if ranked is not None and ranked["ranking"]:
        first = ranked["ranking"][0]
        text = (
            f"the signs speak most for {first['name']}, {first['posterior']} by the ranking; "
            "a hypothesis to test"
        )
        found.append({"anchor": "diagnosis", "head": "Rare disease", "text": text})
    return found


def _tumour_lead(section: Json) -> str:
    if not section["alterations"]:
        return "no alteration was found on which there is evidence"
    first, others = section["alterations"][0], len(section["alterations"]) - 1
    more = f"; and {others} more with evidence" if others else ""
    return f"{_alteration_line(first)}{more}"


def _alteration_line(one: Json) -> str:
    response, resistance = (
        [f"{row['drugs']} ({row['level']})" for row in one[side]["rows"][:3]] for side in SIDES
    )
    of_no_drug = f", {NO_DRUG}" if one["why"].endswith(NO_DRUG) else ""
    told = [f"tier {one['tier']}{of_no_drug}"] if one["tier"] else []
    told += [f"evidence of response to {', '.join(response)}"] if response else []
    told += [f"of resistance or harm with {', '.join(resistance)}"] if resistance else []
    return f"{one['title']}: {'; '.join(told)}"


def _drug_lead(section: Json) -> str:
    strong: list[str] = []
    others: list[str] = []
    for one in section["advice"]:
        is_strong = min(map(_strength, one["parts"])) == 0
        (strong if is_strong else others).extend(one["drug"].split(", "))
    if not strong:
        if not others:
            return "by the genes that are known, no guideline asks for anything unusual"
        return f"guidelines advise on {_listed(others)}"
    more = f"; weaker advice on {len(others)} more" if others else ""
    return f"guidelines strongly advise on {_listed(strong)}{more}"


def _listed(names: Sequence[str]) -> str:
    left = len(names) - MOST_LED
    return f"{', '.join(names[:MOST_LED])}{f' and {left} more' if left > 0 else ''}"


def headlines(report: Json) -> list[str]:
    """Return what the genome says in a few short sentences, for a terminal or a summary."""
    lines = []
    section = tumour(report)
    if section is not None:
        lines += [_alteration_line(one) for one in section["alterations"]]
    advice = drugs(report)
    if advice is not None:
        for one in advice["advice"]:
            genes = ", ".join(f"{gene['gene']} {gene['phenotype']}" for gene in one["genes"])
            lines.append(f"{one['drug']} ({genes}): {one['parts'][0]['short']}")
    ranked = diagnosis(report)
    if ranked is not None:
        lines += [
            f"Rare disease to test for, {one['posterior']}: {one['name']} ({one['disease']})"
            for one in ranked["ranking"][:3]
        ]
    return lines
