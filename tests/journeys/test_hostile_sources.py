"""Every reader is sent what is malformed, empty, cut, contradictory or hostile."""

from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

Osler = Callable[..., Any]

SECRET = "ZZSECRET"
HEAD = "id,when,value,note\n"
MAPPING = """subject: id
time: when
events: [{code: LAB//x//mg, numeric_value: value}, {code: "N//{note}"}]
"""
LOL = '<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>'
MEGABYTES = 30_000_000


def zipped(name: str, content: bytes) -> bytes:
    """Return a zip archive of one file."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        writer.writestr(name, content)
    return archive.getvalue()


def person(name: str, **others: Any) -> str:
    """Return a FHIR patient as one line."""
    return json.dumps({"resourceType": "Patient", "id": name, "birthDate": "1950-01-01", **others})


def observation(name: str, **others: Any) -> str:
    """Return a FHIR observation as one line."""
    return json.dumps(
        {
            "resourceType": "Observation",
            "id": name,
            "status": "final",
            "subject": {"reference": "Patient/p1"},
            "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
            "effectiveDateTime": "2020-01-01",
            "valueQuantity": {"value": 120, "unit": "mm[Hg]"},
            **others,
        }
    )


UNREADABLE: dict[str, tuple[str, dict[str, bytes | str]]] = {
    "table empty": ("table", {"x.csv": ""}),
    "table never-ending quote": ("table", {"x.csv": f'{HEAD}{SECRET},2020-01-01,1,"{SECRET}'}),
    "table of noise": ("table", {"x.csv": b"\x93\xfa\x00\xff" * 500}),
    "table with a column twice": ("table", {"x.csv": "id,when,value,value,note\n1,,2,3,4\n"}),
    "table without the columns": ("table", {"x.csv": f"{SECRET[:2]},b\n1,2\n"}),
    "table cut in the archive": ("table", {"x.csv.gz": gzip.compress(HEAD.encode() * 999)[:40]}),
    "table that is a bomb": ("table", {"x.csv.gz": gzip.compress(b"\0" * 5 * MEGABYTES)}),
    "table that is a zip bomb": ("table", {"x.zip": zipped("t.csv", b"0" * 5 * MEGABYTES)}),
    "table that is nothing": ("table", {}),
    "meds without files": ("meds", {"readme.txt": "hello"}),
    "meds cut": ("meds", {"data/0.parquet": b"PAR1"}),
    "meds empty": ("meds", {"data/0.parquet": b""}),
    "omop without tables": ("omop", {"readme.txt": "hello"}),
    "omop empty": ("omop", {"person.csv": ""}),
    "omop without columns": ("omop", {"person.csv": "a,b\n1,2\n"}),
    "omop that is a bomb": ("omop", {"person.csv.gz": gzip.compress(b"x" * 5 * MEGABYTES)}),
    "fhir empty": ("fhir", {"Patient.ndjson": ""}),
    "fhir that is XML entities": ("fhir", {"Patient.xml": LOL}),
    "fhir that is not JSON": ("fhir", {"Patient.ndjson": f"{SECRET} is ill\n"}),
    "fhir nested without end": ("fhir", {"Patient.ndjson": "[" * 100_000}),
    "fhir that is a bomb": ("fhir", {"Patient.ndjson.gz": gzip.compress(b" " * 5 * MEGABYTES)}),
    "genome empty": ("genome", {"x.maf": ""}),
    "genome headers of another kind": ("genome", {"x.maf": f"Hugo_Symbol\n{SECRET}\n"}),
    "genome not packed": ("genome", {"x.vcf.gz": "hello"}),
}


def write(folder: Path, files: dict[str, bytes | str]) -> Path:
    """Write files into a folder; return the file if there is one at the top of it, else it."""
    folder.mkdir()
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


@pytest.mark.parametrize("case", UNREADABLE)
def test_an_unreadable_source_ends_with_2_and_changes_nothing(
    loaded: Osler, check: Any, case: str
) -> None:
    """A source that cannot be read at all is the user's: a few lines, no value, no change."""
    name, files = UNREADABLE[case]
    folder = write(Path("source"), files)
    source = folder / next(iter(files)) if name in ("table", "genome") and files else folder
    Path("map.yaml").write_text(MAPPING)
    Path("s.csv").write_text("sample,subject_id,time reported\nS1,1,2020-01-01\n")
    more = {"table": ("--mapping", "map.yaml"), "genome": ("--samples", "s.csv")}.get(name, ())
    before = check.stored()
    ended = loaded("load", name, source, *more, "--vault", "v", "--key-file", "key", "--json")
    assert check.is_the_users(ended), ended.err
    assert SECRET not in ended.err
    assert check.stored() == before


def counted(ended: Any) -> dict[str, Any]:
    """Return the report of a load that ended well, after checking its sums."""
    assert ended.code == 0, ended.err
    report: dict[str, Any] = json.loads(ended.out)
    assert report["read"] == report["loaded"] + report["refused"]
    assert report["refused"] == sum(report["why"].values())
    assert SECRET not in ended.out + ended.err
    return report


def test_rows_of_a_table_are_refused_one_by_one_and_counted(loaded: Osler) -> None:
    """Bad rows are refused with their reason; the good ones beside them are loaded."""
    Path("map.yaml").write_text(MAPPING)
    rows = [
        "1,2020-01-01,1.5,a",
        f"2,{SECRET},1,a",
        "3,2020-13-45,1,a",
        "4,9999-12-31,1,a",
        ",2020-01-01,1,a",
        "5,2020-01-01,1,a,b,c",
        f"6,2020-01-01,1,{'x' * 10_000_000}",
        "7,2020-01-01,1,a\0b",
        f"=cmd|'/C calc'!A0{SECRET},2020-01-01,=1+1,@SUM(A1)",
        f"8,2020-01-01,{SECRET},b",
        "1,2020-01-01,1.5,a",
    ]
    Path("x.csv").write_text(HEAD + "\n".join(rows) + "\n")
    call = ("load", "table", "x.csv", "--mapping", "map.yaml", "--vault", "v")
    report = counted(loaded(*call, "--key-file", "key", "--json"))
    assert (report["read"], report["loaded"]) == (11, 4)
    assert report["notes"] == {
        "exact duplicate rows kept": 1,
        "single events refused: not a number": 2,
    }


def test_a_table_of_headers_only_loads_nothing(loaded: Osler, check: Any) -> None:
    """No rows are no fault: nothing is read, nothing changes."""
    Path("map.yaml").write_text(MAPPING)
    Path("x.csv").write_text(HEAD)
    before = check.stored()
    call = ("load", "table", "x.csv", "--mapping", "map.yaml", "--vault", "v")
    assert counted(loaded(*call, "--key-file", "key", "--json"))["read"] == 0
    assert check.stored() == before


def test_resources_of_fhir_are_refused_one_by_one_and_counted(loaded: Osler) -> None:
    """Contradictory, impossible, cut and oversized resources are each refused with a reason."""
    lines = [
        person("p1"),
        person("p1"),
        person("p1", birthDate="1990-05-05"),
        observation("o1"),
        observation("o1"),
        observation("o2", effectiveDateTime="9999-12-31"),
        observation("o3", valueQuantity={"value": SECRET}),
        observation("o4", effectiveDateTime=SECRET),
        observation("o5", status="entered-in-error"),
        observation("o6", subject=None),
        observation("o7", code={"text": "x" * 10_000_000}),
        person("p2")[:-9],
    ]
    folder = write(Path("source"), {"all.ndjson": "\n".join(lines), "evil.xml": LOL})
    call = ("load", "fhir", folder, "--vault", "v", "--key-file", "key", "--json")
    report = counted(loaded(*call))
    assert (report["read"], report["loaded"]) == (12, 2)
    assert len(report["why"]) >= 8


def test_meds_rows_without_subject_or_code_are_counted(loaded: Osler) -> None:
    """A MEDS row needs a subject and a code; a damaged second file stops the whole load."""
    events = pl.DataFrame(
        {
            "subject_id": [1, None, 3],
            "time": [datetime(2020, 1, 1)] * 3,
            "code": ["A", "B", None],
            "numeric_value": pl.Series([1.0, 2.0, 3.0], dtype=pl.Float32),
        }
    )
    Path("m/data").mkdir(parents=True)
    events.write_parquet("m/data/0.parquet")
    call = ("load", "meds", "m", "--vault", "v", "--key-file", "key", "--json")
    report = counted(loaded(*call))
    assert (report["loaded"], report["why"]) == (1, {"no subject": 1, "no code": 1})
    Path("m/data/1.parquet").write_bytes(b"PAR1....PAR1")
    assert loaded(*call).code == 2


def test_omop_persons_that_contradict_are_counted(loaded: Osler) -> None:
    """A person twice with another birth, and rows of nobody, are refused with the reason."""
    folder = write(
        Path("source"),
        {
            "person.csv": "person_id,gender_concept_id,year_of_birth\n1,8507,1950\n1,8507,1960\n",
            "measurement.csv": "measurement_id,person_id,measurement_concept_id,measurement_date,"
            f"value_as_number\n1,1,3,2020-01-01,1\n2,99,3,2020-01-01,1\n3,1,3,9999-12-31,{SECRET}",
        },
    )
    call = ("load", "omop", folder, "--vault", "v", "--key-file", "key", "--json")
    report = counted(loaded(*call))
    assert report["refused"] == 3
    assert len(report["why"]) == 3


def test_a_source_without_end_is_refused(loaded: Osler, check: Any) -> None:
    """A pipe or a device is neither a file nor a folder and might never end."""
    os.mkfifo("pipe")
    for source in ("pipe", "/dev/zero"):
        call = ("load", "table", source, "--mapping", "m.yaml", "--vault", "v")
        assert check.is_the_users(loaded(*call, "--key-file", "key"))


@pytest.mark.parametrize("option", ["--mapping", "--samples"])
def test_a_folder_given_as_a_file_is_the_users(loaded: Osler, check: Any, option: str) -> None:
    """A mapping or a sample map that is a folder is told, not tripped over."""
    Path("folder").mkdir()
    ended = loaded("load", "table", "t.csv", option, "folder", "--vault", "v", "--key-file", "key")
    assert check.is_the_users(ended), ended.err
    assert "a folder" in ended.err


@pytest.mark.parametrize(
    "mapping",
    [
        "",
        "[1, 2]",
        "a: [",
        "!!python/object/apply:os.system ['touch pwned']",
        "subject: id\nfoo: 1\nevents: 3\n",
        "a: &a [1, 1]\nb: [*a, *a]\n",
        "[" * 100_000,
        "subject: no\ntime: nope\nevents: [{code: 'X//{none}', numeric_value: nil}]\n",
    ],
    ids=["empty", "list", "cut", "tag", "unknown", "alias", "deep", "columns"],
)
def test_a_wrong_mapping_is_the_users(loaded: Osler, check: Any, mapping: str) -> None:
    """A mapping that is not sound YAML, or names what is not there, ends with 2."""
    Path("map.yaml").write_text(mapping)
    call = ("load", "table", "t.csv", "--mapping", "map.yaml", "--vault", "v")
    assert check.is_the_users(loaded(*call, "--key-file", "key"))
    assert not Path("pwned").exists()
