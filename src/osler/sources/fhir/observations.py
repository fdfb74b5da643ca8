"""The resource Observation: a value of one of many types, or several of them as components.

Source: https://hl7.org/fhir/R4/observation.html.
"""

from __future__ import annotations

from osler.sources.fhir.codes import Resource, bare_codes, code_of, plain, words_of
from osler.sources.fhir.rows import NO_CODE, NO_DATE, Rows, Unfit, number_of

UCUM = "http://unitsofmeasure.org"

VALUE_NOT_READ = "Observation: value of a type without number or words, not kept"
COMPONENT_WITHOUT_VALUE = "Observation: component without a value, left out"
COMPONENT_UNFIT = "Observation: component with an unusable code or value, left out"
COMPARED = "Observation: below or above what was measured, kept with its comparator as text"

# http://terminology.hl7.org/CodeSystem/data-absent-reason, R4.
ABSENT = frozenset(
    (
        "unknown",
        "asked-unknown",
        "temp-unknown",
        "not-asked",
        "asked-declined",
        "masked",
        "not-applicable",
        "unsupported",
        "as-text",
        "error",
        "not-a-number",
        "negative-infinity",
        "positive-infinity",
        "not-performed",
        "not-permitted",
    )
)

# LOINC 69453-9, Cause of death [US Standard Certificate of Death].
CAUSE_OF_DEATH = "LOINC//69453-9"

_VALUES_IN_WORDS = ("valueString", "valueDateTime", "valueTime")


def read_observation(observation: Resource, rows: Rows) -> None:
    """Add the value, and each component as an event of its own.

    Raises
    ------
    Unfit
        If there is neither code nor date, or the value is told to be absent.
    """
    time = _time(observation)
    if not time:
        raise Unfit(NO_DATE)
    before = len(rows)
    components = observation.get("component") or []
    absent = bare_codes(observation.get("dataAbsentReason"))
    if _value_key(observation) or not (components or absent):
        _add(observation, time, rows)
    for component in components:
        _add_component(component, time, rows)
    if len(rows) == before:
        raise Unfit(_why_absent(absent))


def _time(observation: Resource) -> str | None:
    """Return when it was known: a period is known at its end."""
    period = observation.get("effectivePeriod") or {}
    timing = (observation.get("effectiveTiming") or {}).get("event") or [None]
    return (
        observation.get("effectiveDateTime")
        or period.get("end")
        or period.get("start")
        or observation.get("effectiveInstant")
        or timing[-1]
        or observation.get("issued")
    )


def _why_absent(absent: list[str]) -> str:
    told = [code if code in ABSENT else "of another kind" for code in absent]
    return f"value absent: {told[0]}" if told else "no component with a value"


def _value_key(observation: Resource) -> str | None:
    if "valueQuantity" in observation:  # nine of ten; the search below costs more
        return "valueQuantity"
    return next((key for key in observation if key.startswith("value")), None)


def _add_component(component: Resource, time: str, rows: Rows) -> None:
    if _value_key(component) is None:
        rows.note(COMPONENT_WITHOUT_VALUE)
        return
    try:
        _add(component, time, rows)
    except Unfit:
        rows.note(COMPONENT_UNFIT)


def _add(measured: Resource, time: str, rows: Rows) -> None:
    named = code_of(measured.get("code"), "Observation")
    if named is None:
        raise Unfit(NO_CODE)
    code, words = named
    number, unit, text = _value(measured, rows)
    if text is None:
        text = " ".join(bare_codes(measured.get("interpretation"))) or None
    full = f"{code}//{unit}" if unit else code
    rows.add(time, full, number=number, text=text)
    rows.describe(full, words)
    if code == CAUSE_OF_DEATH:
        _add_cause(measured, time, rows)


def _add_cause(measured: Resource, time: str, rows: Rows) -> None:
    cause = code_of(measured.get("valueCodeableConcept"), "Observation")
    if cause is not None:
        code = f"CAUSE_OF_DEATH//{cause[0]}"
        rows.add(time, code)
        rows.describe(code, cause[1])


def _value(measured: Resource, rows: Rows) -> tuple[float | None, str | None, str | None]:
    """Return number, unit and text; all None when there is no value."""
    key = _value_key(measured)
    if key is None:
        return None, None, None
    value = measured[key]
    if key == "valueQuantity":
        return _quantity(value, rows)
    if key == "valueCodeableConcept":
        return None, None, words_of(value)
    if key in _VALUES_IN_WORDS:
        return None, None, value
    if key == "valueBoolean":
        return float(value is True), None, str(value).lower()
    if key == "valueInteger":
        return number_of(value), None, None
    if key == "valueRatio":
        return _ratio(value, rows)
    rows.note(VALUE_NOT_READ)
    return None, None, None


def _quantity(quantity: Resource, rows: Rows) -> tuple[float | None, str | None, str | None]:
    if "value" not in quantity:
        return None, None, None
    comparator = quantity.get("comparator")
    if comparator:
        rows.note(COMPARED)
    return number_of(quantity["value"]), _unit(quantity), comparator


def _unit(quantity: Resource) -> str | None:
    """Return the UCUM code, else the unit as it is shown, else any other code."""
    code, shown = quantity.get("code"), quantity.get("unit")
    unit = code if code and quantity.get("system") == UCUM else shown or code
    return plain(unit) if unit else None


def _ratio(ratio: Resource, rows: Rows) -> tuple[float | None, str | None, str | None]:
    """Return a titre such as 1:128 in words, and as numerator by denominator."""
    above, below = ratio.get("numerator") or {}, ratio.get("denominator") or {}
    over, under = number_of(above.get("value")), number_of(below.get("value"))
    units = [_unit(part) for part in (above, below)]
    unit = f"{units[0]}/{units[1]}" if all(units) else units[0]
    if not under:
        rows.note(VALUE_NOT_READ)
    return number_of(over / under) if under else None, unit, f"{over:g}:{under:g}"
