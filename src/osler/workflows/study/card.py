"""The model's card, filled from what the run has measured; what is not known is left blank."""

from __future__ import annotations

from typing import Any


def card(results: dict[str, Any], columns: int) -> dict[str, Any]:
    """Return the card of a run.

    Parameters
    ----------
    results
        What `results.json` says.
    columns
        Number of columns that the final model uses.
    """
    selected = results["selected"]
    return {
        "format_version": results["format_version"],
        "name": results["title"],
        "intended_use": "Research use. Not a medical device; not for the care of a patient.",
        "question": results["question"],
        "population": results["scope"],
        "warnings": results["warnings"],
        "outcome": results["outcome"],
        "data": {
            "rows": results["cohort"]["rows"],
            "subjects": results["cohort"]["subjects"],
            "events": results["cohort"]["events"],
            "flow": results["cohort"]["flow"],
            "first_prediction": results["cohort"].get("first_prediction"),
            "last_prediction": results["cohort"].get("last_prediction"),
        },
        "model": {
            "kind": results["model"]["kind"],
            "chosen": results["model"].get("chosen"),
            "columns": columns,
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
        "external_validation": results.get("sites") or None,
        "clinical_trial": None,
        "funding": None,
        "contact": None,
        "provenance": results["provenance"],
    }


def write_card(folder: Any, results: Any, study: Any, columns: int) -> None:
    from osler.workflows.writing import write_json

    write_json(folder / "card.json", card(results, columns))
