"""The model's card, filled from what the run has measured; what is not known is left blank."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from osler.report import card_html
from osler.workflows.study.card_xml import chai_statements, chai_xml, leaves, namespace
from osler.workflows.study.frameworks import LISTS, framework
from osler.workflows.study.question import Study
from osler.workflows.study.teller import RESULTS, Teller
from osler.workflows.writing import write_json

CARD, PAGE, XML = "card.json", "card.html", "card.xml"


def card(results: Mapping[str, Any], study: Study, results_sha256: str) -> dict[str, Any]:
    """Return the card of a run.

    Parameters
    ----------
    results
        What `results.json` says.
    study
        The study file: what only people know stands there, under `card:`.
    results_sha256
        Digest of `results.json`, which every measured number of the card is in.

    Returns
    -------
    dict
        What the card says in short, and under `frameworks` every item of ONC's HTI-1, TRIPOD+AI,
        PROBAST+AI and the CHAI Applied Model Card with its value, null for a blank, and its origin.
    """
    teller = teller_of(results, study, results_sha256)
    return {
        **summary(results),
        "artefacts": {
            RESULTS: results_sha256,
            "study.yaml": study.digest,
        },
        "frameworks": {
            **{name: framework(name, teller) for name in LISTS},
            "chai": chai(teller),
        },
    }


def teller_of(results: Mapping[str, Any], study: Study, results_sha256: str) -> Teller:
    """Return what tells of a run and its study file."""
    asked = {
        "features: include": study.features.include,
        "features: exclude": study.features.exclude,
        "features: windows": study.features.windows,
        "evaluate: thresholds": [f"{one:g}" for one in study.evaluation.thresholds],
    }
    return Teller(results, results_sha256, study.digest, study.card, asked)


def summary(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return the card in short."""
    selected = results["selected"]
    cohort = results["cohort"]
    return {
        "format_version": results["format_version"],
        "name": results["title"],
        "intended_use": "Research use. Not a medical device; not for the care of a patient.",
        "question": results["question"],
        "population": results["scope"],
        "warnings": results["warnings"],
        "outcome": results["outcome"],
        "data": {
            "rows": cohort["rows"],
            "subjects": cohort["subjects"],
            "events": cohort["events"],
            "flow": cohort["flow"],
            "first_prediction": cohort.get("first_prediction"),
            "last_prediction": cohort.get("last_prediction"),
        },
        "model": {
            "kind": results["model"]["kind"],
            "chosen": results["model"].get("chosen"),
            "columns": results["model"]["columns"],
            "missing_values": "a missing measurement is a state of its own, not imputed in silence",
        },
        "validation": {
            "how": results["model"]["validation"],
            "metrics": results["metrics"].get(selected, {}),
            "limits": results["gates"],
            "may_speak": all(gate["passed"] for gate in results["gates"]),
        },
        "groups": results["groups"],
        "leakage": results["leakage"],
        "external_validation": results.get("transport") or results.get("sites") or None,
        "provenance": results["provenance"],
    }


def chai(teller: Teller) -> dict[str, Any]:
    """Return the texts of the CHAI Applied Model Card by their path in its schema."""
    statements = chai_statements(teller)
    needed = {leaf.path: leaf.required for leaf in leaves()}
    items = [
        {
            "id": path,
            "section": path.split("/")[0],
            "asks": path.split("/")[-1],
            "required": needed[path],
            **statement.to_json(),
        }
        for path, statement in statements.items()
    ]
    return {
        "title": "CHAI Applied Model Card",
        "source": {"schema": namespace()},
        "filled": sum(one["value"] is not None for one in items),
        "of": len(items),
        "items": items,
    }


def write_card(folder: Path, results: Mapping[str, Any], study: Study) -> dict[str, Any]:
    """Write `card.json`, `card.html` and `card.xml` beside the results that they are filled from.

    Parameters
    ----------
    folder
        Holds `results.json`.
    """
    digest = hashlib.sha256((folder / RESULTS).read_bytes()).hexdigest()
    made = card(results, study, digest)
    write_json(folder / CARD, made)
    (folder / PAGE).write_text(card_html(made), "utf-8")
    teller = teller_of(results, study, digest)
    (folder / XML).write_text(chai_xml(chai_statements(teller), teller), "utf-8")
    return made
