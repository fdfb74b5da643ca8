"""The mapping file: what of a table becomes which event; grammar in docs/howto/mapping.md."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import polars as pl
import yaml

from osler.errors import Fault, InputError
from osler.model import BIRTH
from osler.sources.delimited import Dialect
from osler.sources.files import require_file
from osler.sources.table.condition import Condition, ConditionError, parse_condition
from osler.sources.table.template import Template
from osler.sources.timestamps import parse_times

# A mapping is written by hand; a megabyte of it is something else.
MOST_MAPPING_BYTES = 2**20

# Days that one unit has. Registries give months and years that were made from days by these.
UNIT_DAYS = {
    "seconds": 1 / 86_400,
    "minutes": 1 / 1_440,
    "hours": 1 / 24,
    "days": 1.0,
    "weeks": 7.0,
    "months": 30.4375,
    "years": 365.25,
}
WHOLE_DAY_UNITS = ("days", "weeks", "months", "years")

_TOP = ("title", "subject", "time", "static", "events", "missing", "values", "valid", "files")
_WRITTEN = ("separator", "encoding", "decimal", "comment", "quotes")
_EVENT = ("code", "time", "value", "numeric_value", "text_value", "when", "valid", "description")
_STATIC = ("column", "code", "valid", "description")
_SEPARATORS = {"comma": ",", "tab": "\t", "semicolon": ";", "pipe": "|", "\\t": "\t"}


@dataclass(frozen=True)
class Offset:
    """How far from its base a time lies.

    Parameters
    ----------
    unit
        A key of `UNIT_DAYS`, or `clock` for text such as `31:05` (hours and minutes).
    column
        Where the amount stands; None when it is a constant.
    sign
        1 after the base, -1 before it.
    """

    unit: str
    column: str | None
    amount: float = 0.0
    sign: int = 1


@dataclass(frozen=True)
class TimeRule:
    """When an event was: a column or a constant, and offsets from it."""

    column: str | None
    constant: str | None = None
    pattern: str | None = None
    offsets: tuple[Offset, ...] = ()

    @property
    def columns(self) -> Iterator[str]:
        """The columns that it needs."""
        if self.column is not None:
            yield self.column
        yield from (offset.column for offset in self.offsets if offset.column is not None)


@dataclass(frozen=True)
class ValidRange:
    """Between which numbers a value is possible, both included."""

    low: float = float("-inf")
    high: float = float("inf")


@dataclass(frozen=True)
class EventRule:
    """One event per row for which it holds.

    Parameters
    ----------
    code
        Its code; None for a static column, which gives `column` with a number or `column//text`.
    time
        None for a static event.
    value
        Column that gives a number, or else a text.
    """

    code: Template | None
    time: TimeRule | None
    value: str | None = None
    numeric_value: str | None = None
    text_value: str | None = None
    when: Condition | None = None
    valid: ValidRange | None = None
    description: str | None = None

    @property
    def columns(self) -> set[str]:
        """The columns that it needs."""
        named = {self.value, self.numeric_value, self.text_value} - {None}
        return {
            *(name for name in named if name is not None),
            *(self.code.columns if self.code else ()),
            *(self.time.columns if self.time else ()),
            *(self.when.columns if self.when else ()),
        }


@dataclass(frozen=True)
class Mapping:
    """A whole mapping file.

    Parameters
    ----------
    subject
        Column with the subject; None when the subject is the name of the file, without suffix.
    rules
        Static columns first, then events.
    missing
        Texts that stand for nothing, besides blanks.
    values
        Column to the texts in it that are renamed.
    valid
        Code to its range.
    files
        Which files of a folder or archive are read, as a pattern such as `*.txt`.
    """

    subject: str | None
    rules: tuple[EventRule, ...]
    missing: frozenset[str] = frozenset()
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    valid: dict[str, ValidRange] = field(default_factory=dict)
    files: str | None = None
    dialect: Dialect = field(default_factory=Dialect)
    decimal: Literal[".", ","] = "."

    @property
    def columns(self) -> set[str]:
        """The columns that a table must have."""
        named = set().union(*(rule.columns for rule in self.rules)) | set(self.values)
        return named | ({self.subject} if self.subject is not None else set())

    def require(self, columns: tuple[str, ...], where: str) -> None:
        """Look whether a table has all the columns.

        Raises
        ------
        InputError
            Naming each column that it has not, and the nearest that it has.
        """
        faults = []
        for name in sorted(self.columns - set(columns)):
            near = difflib.get_close_matches(name, columns, n=1, cutoff=0.6)
            remedy = f"did you mean {near[0]!r}?" if near else ""
            listed = ", ".join(columns[:12]) + (", …" if len(columns) > 12 else "")
            faults.append(Fault(where, f"no column {name!r}", f"one of {listed}", remedy))
        if faults:
            raise InputError(faults)


def read_mapping(path: Path) -> Mapping:
    """Read a mapping file.

    Raises
    ------
    InputError
        With every fault in it, each under its key.
    """
    require_file(path)
    if path.stat().st_size > MOST_MAPPING_BYTES:
        raise InputError(Fault(path.name, "over 1 MB", "a mapping written by hand"))
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(Fault(path.name, "not UTF-8 text", "YAML in UTF-8")) from error
    return parse_mapping(text, path.name)


def parse_mapping(text: str, where: str = "mapping") -> Mapping:
    """Read a mapping from its text; see `read_mapping`."""
    loader = _Loader(text)
    try:
        content = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise InputError(Fault(f"{where}{line}", str(error.problem), "YAML")) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InputError(Fault(where, "not readable as YAML", "YAML")) from error
    finally:
        loader.dispose()
    reader = _Reader(where)
    mapping = reader.mapping(content)
    if reader.faults:
        raise InputError(reader.faults)
    return mapping


class _Loader(yaml.BaseLoader):
    """YAML of text, lists and mappings only: `no` is not false, and 007 is not 7.

    Aliases are refused, since a few of them unfold to any size, and so are keys given twice and
    nesting deeper than any mapping has.
    """

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self._depth > _MOST_NESTED:
            problem = f"nested more than {_MOST_NESTED} deep"
            raise yaml.composer.ComposerError(None, None, problem, None)
        self._depth += 1
        try:
            return self._composed(parent, index)
        finally:
            self._depth -= 1

    def _composed(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = cast(Any, self).peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, "an alias (*), which is not used", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in seen:
                problem = "a key that is given twice or is not text"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


_MOST_NESTED = 20
_NONE = ("", "null", "~", "Null", "NULL")


class _Reader:
    """Walks through the YAML, gathering every fault on the way."""

    def __init__(self, where: str) -> None:
        self._where = where
        self.faults: list[Fault] = []

    def _fault(self, key: str, came: str, expected: str, remedy: str = "") -> None:
        self.faults.append(Fault(f"{self._where}, {key}", came, expected, remedy))

    def mapping(self, content: object) -> Mapping:
        if not isinstance(content, dict):
            self._fault("top", "not a mapping", "keys such as `subject` and `events`")
            return Mapping(None, ())
        self._known(content, (*_TOP, *_WRITTEN), "")
        time = self._time(content["time"], "time") if "time" in content else None
        static = [
            self._static(entry, f"static[{number}]")
            for number, entry in enumerate(self._list(content.get("static"), "static"))
        ]
        events = [
            self._event(entry, f"events[{number}]", time, "time" in content)
            for number, entry in enumerate(self._list(content.get("events"), "events"))
        ]
        if not static and not events:
            self._fault("events", "neither `events` nor `static`", "at least one of them")
        return Mapping(
            subject=self._subject(content),
            rules=tuple(rule for rule in (*static, *events) if rule is not None),
            missing=frozenset(self._texts(content.get("missing"), "missing")),
            values=self._values(content.get("values")),
            valid=self._valid_by_code(content.get("valid")),
            files=self._text(content, "files", ""),
            dialect=self._dialect(content),
            decimal="," if self._one_of(content, "decimal", (".", ",")) == "," else ".",
        )

    def _known(self, content: dict[str, Any], known: tuple[str, ...], key: str) -> None:
        for name in content:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                remedy = f"did you mean `{near[0]}`?" if near else ""
                path = f"{key}.{name}" if key else name
                self._fault(path, "an unknown key", f"one of {', '.join(known)}", remedy)

    def _list(self, content: object, key: str) -> list[Any]:
        if content is None or content == "":
            return []
        if not isinstance(content, list):
            self._fault(key, "not a list", "a list")
            return []
        return content

    def _text(self, content: dict[str, Any], name: str, key: str) -> str | None:
        value = content.get(name)
        if value is None:
            return None
        if not isinstance(value, str) or value in _NONE:
            self._fault(f"{key}.{name}" if key else name, "not a text", "a text")
            return None
        return value

    def _one_of(self, content: dict[str, Any], name: str, allowed: tuple[str, ...]) -> str | None:
        value = content.get(name)
        if value is not None and value not in allowed:
            self._fault(name, "not one of these", " or ".join(map(repr, allowed)))
        return value if isinstance(value, str) else None

    def _subject(self, content: dict[str, Any]) -> str | None:
        subject = content.get("subject")
        if isinstance(subject, str) and subject not in _NONE:
            return subject
        if subject == {"file": "stem"}:
            return None
        if isinstance(subject, dict) and list(subject) == ["column"]:
            return self._text(subject, "column", "subject")
        came = "absent" if subject is None else "not a column"
        self._fault("subject", came, "a column, or `{file: stem}`")
        return None

    def _time(self, content: object, key: str) -> TimeRule | None:
        if isinstance(content, str):
            return None if content in _NONE else TimeRule(content)
        if not isinstance(content, dict):
            self._fault(key, "not a column", "a column, a mapping, or null for static events")
            return None
        offsets = tuple(
            self._offset(name, amount, f"{key}.{name}")
            for name, amount in content.items()
            if name not in ("column", "date", "format")
        )
        if ("date" in content) == ("column" in content):
            self._fault(key, "not exactly one of `date` and `column`", "one of them")
            return None
        base = self._text(content, "date" if "date" in content else "column", key)
        if base is None:
            return None
        pattern = self._text(content, "format", key)
        if "date" in content and _is_moment(base):
            return TimeRule(None, base, None, tuple(filter(None, offsets)))
        return TimeRule(base, None, pattern, tuple(filter(None, offsets)))

    def _offset(self, name: str, amount: object, key: str) -> Offset | None:
        kind, _, unit = name.partition("_")
        if not (name == "offset" or (kind in ("offset", "before") and unit in UNIT_DAYS)):
            units = ", ".join(UNIT_DAYS)
            expected = f"`date`, `column`, `format`, `offset`, `offset_` or `before_` with {units}"
            self._fault(key, "an unknown key", expected)
            return None
        if not isinstance(amount, str) or amount in _NONE:
            self._fault(key, "not a column or a number", "a column or a number")
            return None
        sign = -1 if kind == "before" else 1
        if name != "offset" and re.fullmatch(r"[+-]?\d+(\.\d+)?", amount):
            return Offset(unit, None, float(amount), sign)
        return Offset(unit or "clock", amount, sign=sign)

    def _static(self, entry: object, key: str) -> EventRule | None:
        if isinstance(entry, str) and entry not in _NONE:
            return EventRule(None, None, value=entry)
        if not isinstance(entry, dict):
            self._fault(key, "not a column", "a column, or a mapping with `column`")
            return None
        self._known(entry, _STATIC, key)
        column = self._text(entry, "column", key)
        if column is None:
            self._fault(f"{key}.column", "absent", "a column")
        code = self._code(entry, key) if "code" in entry else None
        valid = self._valid(entry["valid"], f"{key}.valid") if "valid" in entry else None
        described = self._text(entry, "description", key)
        return EventRule(code, None, value=column, valid=valid, description=described)

    def _event(
        self, entry: object, key: str, time: TimeRule | None, time_known: bool
    ) -> EventRule | None:
        if not isinstance(entry, dict):
            self._fault(key, "not a mapping", "a mapping with `code`")
            return None
        self._known(entry, _EVENT, key)
        if "time" in entry:
            time = self._time(entry["time"], f"{key}.time")
        elif not time_known:
            expected = "a column; or `time: null` if the event is static"
            self._fault(f"{key}.time", "absent here and above", expected)
        value = self._text(entry, "value", key)
        number, text = self._text(entry, "numeric_value", key), self._text(entry, "text_value", key)
        if value is not None and (number is not None or text is not None):
            expected = "`value` alone, or `numeric_value` and `text_value`"
            self._fault(f"{key}.value", "beside another value", expected)
        return EventRule(
            code=self._code(entry, key),
            time=time,
            value=value,
            numeric_value=number,
            text_value=text,
            when=self._when(entry, key),
            valid=self._valid(entry["valid"], f"{key}.valid") if "valid" in entry else None,
            description=self._text(entry, "description", key),
        )

    def _code(self, entry: dict[str, Any], key: str) -> Template | None:
        code = self._text(entry, "code", key)
        if code is None:
            if "code" not in entry:
                self._fault(f"{key}.code", "absent", "a code such as `LAB//{test}`")
            return None
        try:
            return Template.parse(code)
        except ValueError as error:
            remedy = "double a brace that is meant as a character"
            self._fault(f"{key}.code", str(error), "columns in braces", remedy)
            return None

    def _when(self, entry: dict[str, Any], key: str) -> Condition | None:
        when = self._text(entry, "when", key)
        if when is None:
            return None
        try:
            return parse_condition(when)
        except ConditionError as error:
            expected = 'a condition such as `status == "final" and value is not missing`'
            self._fault(f"{key}.when", str(error), expected)
            return None

    def _valid(self, content: object, key: str) -> ValidRange | None:
        if not isinstance(content, dict) or not content:
            self._fault(key, "not a mapping", "`min`, `max` or both")
            return None
        self._known(content, ("min", "max"), key)
        bounds = {"min": float("-inf"), "max": float("inf")}
        for name in bounds.keys() & content.keys():
            try:
                bounds[name] = float(content[name])
            except (TypeError, ValueError):
                self._fault(f"{key}.{name}", "not a number", "a number")
        if bounds["min"] > bounds["max"]:
            self._fault(key, "`min` above `max`", "`min` at most `max`")
        return ValidRange(bounds["min"], bounds["max"])

    def _valid_by_code(self, content: object) -> dict[str, ValidRange]:
        if content is None:
            return {}
        if not isinstance(content, dict):
            self._fault("valid", "not a mapping", "codes with `min` and `max`")
            return {}
        found = {code: self._valid(bounds, f"valid.{code}") for code, bounds in content.items()}
        return {code: bounds for code, bounds in found.items() if bounds is not None}

    def _texts(self, content: object, key: str) -> list[str]:
        listed = self._list(content, key)
        for number, entry in enumerate(listed):
            if not isinstance(entry, str):
                self._fault(f"{key}[{number}]", "not a text", "a text")
        return [entry.strip() for entry in listed if isinstance(entry, str)]

    def _values(self, content: object) -> dict[str, dict[str, str]]:
        if content is None:
            return {}
        if not isinstance(content, dict):
            self._fault("values", "not a mapping", "columns, each with its texts and their names")
            return {}
        for column, names in content.items():
            sound = isinstance(names, dict) and all(isinstance(n, str) for n in names.values())
            if not sound:
                self._fault(f"values.{column}", "not a mapping", "texts and their new names")
        return {column: names for column, names in content.items() if isinstance(names, dict)}

    def _dialect(self, content: dict[str, Any]) -> Dialect:
        separator = self._text(content, "separator", "")
        separator = _SEPARATORS.get(separator or "", separator)
        if separator is not None and (len(separator) != 1 or not separator.isascii()):
            self._fault("separator", "not one character", "comma, tab, semicolon, pipe")
            separator = None
        encoding = self._text(content, "encoding", "") or "utf-8"
        if not _is_text_encoding(encoding):
            self._fault("encoding", "not known", "a name such as `utf-8` or `latin-1`")
            encoding = "utf-8"
        quotes = self._one_of(content, "quotes", ("true", "false")) != "false"
        return Dialect(separator, self._text(content, "comment", ""), quotes, encoding)


def _is_moment(text: str) -> bool:
    looks = re.match(r"\d{4}-\d{2}-\d{2}", text) is not None
    return looks and parse_times(pl.Series([text]))[0] is not None


def _is_text_encoding(name: str) -> bool:
    try:
        "a".encode(name)
    except (LookupError, ValueError):
        return False
    return True


def is_birth(rule: EventRule) -> bool:
    """Say whether a rule makes births, whose dates begin their day."""
    return rule.code is not None and rule.code.constant == BIRTH
