"""Mapping files: their grammar, and every fault in them at once."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.errors import InputError
from osler.sources.table import parse_mapping, read_mapping
from osler.sources.table.condition import ConditionError, parse_condition
from osler.sources.table.template import Template

ROWS = pl.DataFrame(
    {
        "status": ["final", "draft", None, "final"],
        "value": ["5", "<5", "1.0", None],
        "In-hospital_death": ["1", "0", "1", None],
        "Cell type": ["B", "T", "B", None],
    }
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('status == "final"', [1, 0, 0, 1]),
        ("status != 'final'", [0, 1, 1, 0]),
        ('not status == "final"', [0, 1, 1, 0]),
        ('status in ["final", "draft"]', [1, 1, 0, 1]),
        ('status not in ["final"]', [0, 1, 1, 0]),
        ("status is missing", [0, 0, 1, 0]),
        ("status is not missing", [1, 1, 0, 1]),
        ("value == 1", [0, 0, 1, 0]),
        ('value == "1"', [0, 0, 0, 0]),
        ("value > 1", [1, 0, 0, 0]),
        ("value >= 1 and value <= 5", [1, 0, 1, 0]),
        ("value < -1e3", [0, 0, 0, 0]),
        ("In-hospital_death == 1", [1, 0, 1, 0]),
        ('`Cell type` == "B"', [1, 0, 1, 0]),
        ('status == "final" or value == 1 and status is missing', [1, 0, 1, 1]),
        ('(status == "final" or value == 1) and value is missing', [0, 0, 0, 1]),
    ],
)
def test_conditions(text: str, holds: list[int]) -> None:
    """Each form of condition holds for the rows that it should, and missing equals nothing."""
    condition = parse_condition(text)
    assert ROWS.select(condition.holds.alias("x"))["x"].to_list() == list(map(bool, holds))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "status",
        'status = "final"',
        'status == "final',
        "status == final",
        'status > "a"',
        "status in []",
        "status is final",
        '(status == "a"',
        'status == "a" status == "b"',
        "__import__('os').system('x')",
        'status == "a" and',
        "not " * 60 + "a is missing",
        "(" * 5000 + "a is missing" + ")" * 5000,
    ],
)
def test_conditions_that_are_none(text: str) -> None:
    """What does not follow the grammar is refused; nothing is ever run."""
    with pytest.raises(ConditionError):
        parse_condition(text)


@given(st.text(max_size=40))
def test_any_condition_text(text: str) -> None:
    """Any text is a condition or refused as one."""
    try:
        condition = parse_condition(text)
    except ConditionError:
        return
    assert condition.columns


def test_templates() -> None:
    """Columns are filled in, braces can be doubled, and a missing column makes no code."""
    template = Template.parse("LAB//{status}//{{x}}")
    assert ROWS.select(template.filled().alias("x"))["x"].to_list() == [
        "LAB//final//{x}",
        "LAB//draft//{x}",
        None,
        "LAB//final//{x}",
    ]
    assert Template.parse("MEDS_BIRTH").constant == "MEDS_BIRTH"
    for text in ("LAB//{", "LAB//}", "LAB//{}", "{a{b}}"):
        with pytest.raises(ValueError, match="lone brace"):
            Template.parse(text)


def test_all_faults_at_once() -> None:
    """Every fault is told under its key, unknown keys with the nearest known one."""
    with pytest.raises(InputError) as raised:
        parse_mapping(
            """
            subject: {folder: x}
            tiem: t
            static: [{code: "A"}]
            events:
              - {code: "LAB//{", numeric_value: v}
              - {code: A, value: v, text_value: w, when: "v ="}
              - {numeric_value: v, time: {date: d, offset_fortnights: 2}, valid: {min: 5, max: 1}}
              - just text
            missing: 5
            values: {sex: male}
            decimal: ";"
            encoding: klingon
            separator: "--"
            """
        )
    told = {fault.where.removeprefix("mapping, "): fault for fault in raised.value.faults}
    assert set(told) == {
        "subject",
        "tiem",
        "static[0].column",
        "events[0].code",
        "events[0].time",
        "events[1].time",
        "events[1].value",
        "events[1].when",
        "events[2].code",
        "events[2].time.offset_fortnights",
        "events[2].valid",
        "events[3]",
        "missing",
        "values.sex",
        "decimal",
        "encoding",
        "separator",
    }
    assert told["tiem"].remedy == "did you mean `time`?"


@pytest.mark.parametrize(
    ("text", "came"),
    [
        ("", "not a mapping"),
        ("[a, b]", "not a mapping"),
        ("a: b\nc: [", "line 2"),
        ("subject: a\nsubject: b", "given twice"),
        ("a: &x [1]\nb: *x", "an alias"),
        ("subject: !!python/object/apply:os.system [x]", "not a column"),
        ("[" * 100_000, "nested more than 20 deep"),
        ("subject: a\nevents: []", "at least one of them"),
    ],
)
def test_files_that_are_no_mappings(text: str, came: str) -> None:
    """Broken, doubled, recursive and hostile YAML is refused, and never builds an object."""
    with pytest.raises(InputError, match=came):
        parse_mapping(text)


def test_yaml_means_what_it_says() -> None:
    """`no` is a text, not false; 007 keeps its zeros; null is nothing."""
    mapping = parse_mapping(
        "subject: id\ntime: null\nmissing: [no, 007, -1]\nevents: [{code: A, value: v}]"
    )
    assert mapping.missing == {"no", "007", "-1"}
    assert mapping.rules[0].time is None


def test_columns_of_a_mapping() -> None:
    """All columns that a mapping names are known, wherever they stand."""
    mapping = parse_mapping(
        """
        subject: a
        time: {date: b, offset_days: c, before_hours: 2}
        static: [d]
        events: [{code: "{e}", numeric_value: f, text_value: g, when: h == 1}]
        values: {i: {x: y}}
        """
    )
    assert mapping.columns == set("abcdefghi")
    with pytest.raises(InputError, match="no column 'i'"):
        mapping.require(tuple("abcdefgh"), "table")


def test_file_faults(tmp_path: Path) -> None:
    """A mapping that is absent, a folder, too large or not text is refused by name."""
    (tmp_path / "large.yaml").write_text("#" * 1_100_000)
    (tmp_path / "latin.yaml").write_bytes("subject: é".encode("latin-1"))
    for name, came in [
        ("none.yaml", "not there"),
        ("", "a folder"),
        ("large.yaml", "over 1 MB"),
        ("latin.yaml", "not UTF-8"),
    ]:
        with pytest.raises(InputError, match=came):
            read_mapping(tmp_path / name)
