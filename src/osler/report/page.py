"""One page of HTML with everything inside it: no script, no font, no address."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from osler.report import names, numbers


@cache
def environment() -> Environment:
    """Return the templates, in which every text is escaped and a missing name is an error."""
    made = Environment(
        loader=PackageLoader("osler.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        day=numbers.day,
        decimal=numbers.decimal,
        capitalize_first=numbers.capitalized,
        plain=numbers.plain,
        signed=numbers.signed,
        whole=numbers.whole,
        words=names.words,
    )
    return made


def render(template: str, content: Mapping[str, Any]) -> str:
    """Fill a template."""
    return environment().get_template(template).render(content)


def flat(provenance: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Return nested provenance as rows of name and value; dates are left in ISO form."""
    if isinstance(provenance, Mapping):
        return [
            row
            for key, value in provenance.items()
            for row in flat(value, f"{prefix} › {key}" if prefix else str(key).replace("_", " "))
        ]
    if numbers.is_list(provenance):
        if any(isinstance(entry, Mapping) for entry in provenance):
            return [
                row for i, entry in enumerate(provenance, 1) for row in flat(entry, f"{prefix} {i}")
            ]
        provenance = ", ".join(str(entry) for entry in provenance)
    return [] if provenance is None or provenance == "" else [(prefix, _exact(provenance))]


def _exact(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
