"""The CHAI Applied Model Card as XML, in the order and with the elements of its own schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from osler import knowledge
from osler.workflows.study.frameworks import CHAI, SUBJECT
from osler.workflows.study.teller import Statement, Teller, tell

SCHEMA = "chai/schema"
ROOT = "AppliedModelCard"
RESULT = "Results/MetricResult"
_XS = "{http://www.w3.org/2001/XMLSchema}"

# Which metrics stand under which of the schema's three headings.
METRICS = {
    "KeyMetrics/UsefulnessUsabilityEfficacy": ("uno_c", "auroc", "ibs", "brier"),
    "KeyMetrics/SafetyReliability": ("calibration_slope", "calibration_intercept", "oe", "ici"),
}
FAIRNESS = "KeyMetrics/FairnessEquity"


@dataclass(frozen=True)
class Leaf:
    """An element of the schema that holds text: its path, and whether it must be there."""

    path: str
    required: bool


def leaves() -> list[Leaf]:
    """Return the elements with text, in the order of the schema."""
    return list(_below(_types(), "", ROOT, True))


def namespace() -> str:
    """Return the schema's target namespace."""
    return str(_schema().get("targetNamespace"))


def _schema() -> ET.Element:
    # The release is sealed: what is parsed here is what was shipped or what the user installed.
    return ET.fromstring(knowledge.current(SUBJECT).read(SCHEMA))  # noqa: S314  as above


def _types() -> dict[str, ET.Element]:
    schema = _schema()
    types = {str(one.get("name")): one for one in schema.findall(f"{_XS}complexType")}
    root = next(one for one in schema.findall(f"{_XS}element") if one.get("name") == ROOT)
    return {**types, ROOT: root}


def _below(types: dict[str, ET.Element], path: str, kind: str, required: bool) -> Iterator[Leaf]:
    for sequence in types[kind].iter(f"{_XS}sequence"):
        for element in sequence.findall(f"{_XS}element"):
            name = element.get("name")
            if name is None:  # the signature: nobody signs here
                continue
            there = f"{path}/{name}" if path else name
            needed = required and "0" not in (element.get("minOccurs"), sequence.get("minOccurs"))
            own = str(element.get("type")).removeprefix("mc:")
            if own in types:
                yield from _below(types, there, own, needed)
            else:
                yield Leaf(there, needed)


def chai_statements(teller: Teller) -> dict[str, Statement]:
    """Return what is said at each text of the schema, metric results apart."""
    return {
        leaf.path: tell(teller, CHAI.get(leaf.path, ()))
        for leaf in leaves()
        if RESULT not in leaf.path
    }


def chai_xml(statements: dict[str, Statement], teller: Teller) -> str:
    """Return the card as XML; what must be there and of which nothing is known is empty."""
    space = namespace()
    ET.register_namespace("", space)
    root = ET.Element(f"{{{space}}}{ROOT}")
    for leaf in leaves():
        if RESULT in leaf.path:
            if leaf.path.endswith("Label"):
                _results(root, space, leaf.path.removesuffix("/MetricResult/Label"), teller)
            continue
        statement = statements[leaf.path]
        if leaf.required or statement.filled:
            _at(root, space, leaf.path).text = _clean(statement.text or "")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _at(root: ET.Element, space: str, path: str) -> ET.Element:
    """Return the element at a path, making what is missing."""
    here = root
    parts = path.split("/")
    for part in parts:
        found = here.find(f"{{{space}}}{part}")
        here = ET.SubElement(here, f"{{{space}}}{part}") if found is None else found
    return here


def _results(root: ET.Element, space: str, path: str, teller: Teller) -> None:
    """Add the metrics of a heading; one empty result where there is none, as the schema asks."""
    results = _at(root, space, path)
    for label, value in metric_results(path.removesuffix("/Results"), teller) or [("", "")]:
        one = ET.SubElement(results, f"{{{space}}}MetricResult")
        ET.SubElement(one, f"{{{space}}}Label").text = label
        ET.SubElement(one, f"{{{space}}}ValueJson").text = value


def metric_results(heading: str, teller: Teller) -> list[tuple[str, str]]:
    """Return name and JSON of each metric under a heading, as they stand in `results.json`."""
    own = teller.results["metrics"].get(teller.results["selected"], {})
    if heading != FAIRNESS:
        return [(name, _json(own[name])) for name in METRICS.get(heading, ()) if name in own]
    return [
        (f"{name}, {', '.join(f'{key} {level}' for key, level in row['group'].items())}",
         _json(row["metrics"][name]))
        for row in teller.results["groups"]
        for name in ("uno_c", "auroc", "oe")
        if name in row["metrics"]
    ]  # fmt: skip


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _clean(text: str) -> str:
    """Return text without the control characters that XML forbids."""
    return "".join(one for one in text if one.isprintable() or one in "\n\t")
