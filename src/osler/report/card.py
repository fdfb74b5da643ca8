"""The model card as a page: what is asked of the model, its answer or a blank, its origin."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from osler.report.numbers import as_dict, dicts, maybe, plain, texts, whole
from osler.report.page import flat, render

SHORT_DIGEST = 12
NAMES = {
    "hti1": "ONC HTI-1 source attributes",
    "tripod_ai": "TRIPOD+AI checklist",
    "probast_ai": "PROBAST+AI signalling questions",
    "chai": "CHAI Applied Model Card",
}
NOTES = {
    "probast_ai": (
        "PROBAST+AI is a judgement by people who know the field. What stands here is the evidence "
        "that the run has for each question; the answers (yes, probably yes, probably no, no) are "
        "left to the assessor."
    ),
    "chai": "The same content is in card.xml, in the order of the published schema.",
}

Json = Mapping[str, Any]


def card_html(card: Json) -> str:
    """Return a model's card as one HTML page that needs nothing else.

    Parameters
    ----------
    card
        The content of `card.json`.
    """
    frameworks = as_dict(card.get("frameworks"))
    return render(
        "card.html.j2",
        {
            "title": plain(card.get("name") or "Model card"),
            "use": maybe(card.get("intended_use")),
            "question": texts(card.get("question"))[:1],
            "warnings": texts(card.get("warnings")),
            "facts": [
                (f"{whole(one.get('filled'))} of {whole(one.get('of'))}", NAMES.get(key, key))
                for key, one in frameworks.items()
            ],
            "frameworks": [_framework(key, one) for key, one in frameworks.items()],
            "artefacts": [
                (name, str(digest)) for name, digest in as_dict(card.get("artefacts")).items()
            ],
            "provenance": flat(card.get("provenance")),
        },
    )


def _framework(key: str, content: Any) -> dict[str, Any]:
    one = as_dict(content)
    items = dicts(one.get("items"))
    source = as_dict(one.get("source"))
    return {
        "key": key,
        "name": NAMES.get(key, key),
        "title": plain(one.get("title")),
        "note": NOTES.get(key, ""),
        "citation": maybe(source.get("citation") or source.get("schema")),
        "filled": whole(one.get("filled")),
        "of": whole(one.get("of")),
        "sections": [
            {"name": section, "asked": [_item(entry) for entry in group]}
            for section, group in groupby(items, key=lambda entry: str(entry.get("section") or ""))
        ],
    }


def _item(entry: Json) -> dict[str, Any]:
    return {
        "id": plain(entry.get("id")),
        "asks": plain(entry.get("asks")),
        "applies": maybe(entry.get("applies")),
        "value": maybe(entry.get("value")),
        "origins": _origins(entry.get("origins")),
    }


def _origins(listed: Any) -> list[str]:
    """Return each artefact once with the places read in it, digests in short."""
    by_artefact: dict[str, list[str]] = {}
    for one in dicts(listed):
        digest = str(one.get("sha256") or "")[:SHORT_DIGEST]
        name = f"{plain(one.get('artefact'))}{f' ({digest}…)' if digest else ''}"
        by_artefact.setdefault(name, []).append(plain(one.get("place")))
    return [f"{name}: {', '.join(dict.fromkeys(places))}" for name, places in by_artefact.items()]
