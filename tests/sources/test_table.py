"""Tables become events by their mapping, every row loaded or refused."""

from __future__ import annotations

import gzip
import io
import os
import re
import tarfile
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from osler.errors import InputError
from osler.model import end_of_day
from osler.sources.table import TableSource

Load = Callable[..., Any]

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "physionet2012"
SIMPLE = """
subject: id
time: day
events: [{code: "LAB//{test}", value: result}]
"""


@pytest.fixture
def read(tmp_path: Path, load: Load) -> Load:
    """Return a function that reads a table given as text by a mapping given as text."""

    def _read(table: str | bytes, mapping: str = SIMPLE, **options: Any) -> Any:
        path, rules = tmp_path / "table.csv", tmp_path / "mapping.yaml"
        path.write_bytes(table.encode() if isinstance(table, str) else table)
        rules.write_text(mapping)
        return load(TableSource(), path, mapping=rules, **options)

    return _read


def _guide(kind: str) -> list[str]:
    text = (ROOT / "docs" / "howto" / "mapping.md").read_text()
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def test_the_guide(read: Load) -> None:
    """The worked example of the guide gives what the guide says."""
    loaded = read(_guide("csv")[0], _guide("yaml")[0])
    p17, p18 = loaded.ids.names["P-17"], loaded.ids.names["P-18"]
    eight = datetime(2021, 3, 5, 8, 10)
    assert set(loaded.events.rows()) == {
        (p17, None, "sex//female", None, "female"),
        (p18, None, "sex//male", None, "male"),
        (p17, eight, "LAB//creatinine//umol/L", 81.0, None),
        (p17, eight, "LAB//crp//mg/L", None, "<5"),
    }
    assert loaded.report.to_json()["read"] == loaded.report.loaded == 5
    assert loaded.report.notes == {"single events refused: a value outside its valid range": 1}


def test_births_and_deaths_of_the_guide(read: Load) -> None:
    """Age and months of survival become birth, death and cause, rounded to whole days."""
    events = f"subject: id\n{_guide('yaml')[1]}"
    table = "id,diagnosed,age,survival_months,status,cause\n1,2000-06-01,40,12,dead,cancer\n"
    loaded = read(table, events)
    died = end_of_day(date(2001, 6, 1))
    assert loaded.events.rows() == [
        (1, datetime(1960, 6, 1), "MEDS_BIRTH", None, None),
        (1, died, "MEDS_DEATH", None, None),
        (1, died, "DEATH_CAUSE//cancer", None, None),
    ]


def test_lifestyle_environment_and_social(read: Load) -> None:
    """What people tell and where they live loads like any other table."""
    table = (
        "person,asked,smoker,pack_years,alcohol,pm25,living\n"
        "1,2021-05-01,2,30.5,,12.5,alone\n"
        "2,2021-05-02,0,,20,8,\n"
    )
    loaded = read(table, _guide("yaml")[2])
    assert loaded.report.loaded == 2
    first, second = end_of_day(date(2021, 5, 1)), end_of_day(date(2021, 5, 2))
    year = end_of_day(date(2020, 12, 31))
    assert set(loaded.events.rows()) == {
        (1, first, "LIFESTYLE//smoking//current", None, None),
        (1, first, "LIFESTYLE//pack_years", 30.5, None),
        (1, year, "ENVIRONMENT//pm2_5_ug_m3", 12.5, None),
        (1, first, "SOCIAL//living//alone", None, None),
        (2, second, "LIFESTYLE//smoking//never", None, None),
        (2, second, "LIFESTYLE//alcohol_g_per_week", 20.0, None),
        (2, year, "ENVIRONMENT//pm2_5_ug_m3", 8.0, None),
    }


def test_offsets(read: Load) -> None:
    """Offsets count from midnight of a date, from a clock time, or give a date again."""
    mapping = """
        subject: id
        events:
          - {code: MIN, time: {date: day, offset_minutes: amount}}
          - {code: DAYS, time: {date: day, offset_days: amount}}
          - {code: BACK, time: {date: clock, before_weeks: 1}}
          - {code: HALF, time: {date: day, offset_days: 0.5}}
          - {code: LATER, time: {date: 2000-01-01, offset: elapsed}}
        """
    table = "id,day,clock,amount,elapsed\n1,2020-01-31,2020-01-31 06:00,90,48:05\n"
    times = dict(read(table, mapping).events.select("code", "time").rows())
    assert times == {
        "MIN": datetime(2020, 1, 31, 1, 30),
        "DAYS": end_of_day(date(2020, 4, 30)),
        "BACK": datetime(2020, 1, 24, 6),
        "HALF": datetime(2020, 1, 31, 12),
        "LATER": datetime(2000, 1, 3, 0, 5),
    }


def test_rows_are_refused_with_reasons(read: Load) -> None:
    """Each row that gives no event is refused for the gravest of its faults."""
    mapping = """
        subject: id
        time: {date: day, offset_hours: hours}
        events: [{code: "LAB//{test}", numeric_value: v, valid: {max: 100}, when: test != "skip"}]
        """
    day = "2020-01-01"
    rows = [
        f"1,{day},0,na,1",
        f",{day},0,na,1",
        "1,,0,na,1",
        "1,9999-12-31,0,na,1",
        "1,someday,0,na,1",
        f"1,{day},soon,na,1",
        f"1,{day},1e9,na,1",
        f"1,{day},,na,1",
        f"1,{day},0,na,high",
        f"1,{day},0,na,101",
        f"1,{day},0,na,",
        f"1,{day},0,,1",
        f"1,{day},0,skip,1",
        f"1,{day},0,{'x' * 1000},1",
        f"1,{day},0,na,-1e39",
        f"1,{day},0,na",
    ]
    report = read("id,day,hours,test,v\n" + "\n".join(rows), mapping).report
    assert report.loaded == 1
    assert report.read == len(rows)
    assert report.why == {
        "no subject": 1,
        "no date": 2,
        "impossible date": 2,
        "unreadable date": 1,
        "unreadable offset of a time": 1,
        "not a number": 1,
        "a value outside its valid range": 1,
        "the value is missing": 1,
        "a column of the code is missing": 1,
        "no event of the mapping applies": 1,
        "a code over 1000 bytes": 1,
        "a number too large or not finite": 1,
        "wrong number of columns": 1,
    }


def test_static_columns_are_given_once(read: Load) -> None:
    """A static column of a long table gives one event per subject; two values are told."""
    mapping = SIMPLE + "static: [sex, {column: weight, code: BODY//weight}]\n"
    table = "id,day,test,result,sex,weight\n" + "".join(
        f"{i % 2},2020-01-01,t,{i},{'f' if i != 5 else 'm'},70\n" for i in range(6)
    )
    for batch_rows in (1, 100):
        loaded = read(table, mapping, batch_rows=batch_rows)
        static = loaded.events.filter(pl.col("time").is_null())
        assert set(static.select("subject_id", "code", "numeric_value").rows()) == {
            (0, "sex//f", None),
            (1, "sex//f", None),
            (1, "sex//m", None),
            (0, "BODY//weight", 70.0),
            (1, "BODY//weight", 70.0),
        }
        assert static.height == 5
        assert loaded.report.notes == {"subjects with two values of one static column": 1}


def test_contradictions_are_told(read: Load) -> None:
    """Two births, a death before birth and duplicate rows are kept and told."""
    mapping = """
        subject: id
        events:
          - {code: MEDS_BIRTH, time: born}
          - {code: MEDS_DEATH, time: died}
        """
    table = "id,born,died\n1,1960-01-01,1950-01-01\n1,1961-01-01,\n1,1961-01-01,\n"
    report = read(table, mapping).report
    assert report.loaded == 3
    assert report.notes == {
        "exact duplicate rows kept": 1,
        "subjects with more than one time of birth": 1,
        "subjects who die before they are born": 1,
        "single events refused: no date": 2,
    }


def test_formulas_are_text(read: Load) -> None:
    """A spreadsheet formula is a value like any other."""
    loaded = read("id,day,test,result\n1,2020-01-01,t,=CMD|'/C calc'!A0\n")
    assert loaded.events["text_value"].to_list() == ["=CMD|'/C calc'!A0"]


def test_ten_megabyte_field(read: Load) -> None:
    """A field of 10 MB costs its own row only."""
    table = "id,day,test,result\n1,2020-01-01,t," + "x" * 10_000_000 + "\n2,2020-01-01,t,1\n"
    report = read(table).report
    assert (report.loaded, report.why) == (1, {"a field over 1 MB": 1})


def test_european_tables(read: Load) -> None:
    """Semicolons, decimal commas, Latin-1 and day-first dates are read when the mapping says so."""
    mapping = """
        subject: id
        time: {column: tag, format: "%d.%m.%Y"}
        encoding: latin-1
        decimal: ","
        events: [{code: "{größe}", value: wert}]
        """
    loaded = read("id;tag;größe;wert\n1;31.01.2020;länge;1,5\n".encode("latin-1"), mapping)
    assert loaded.events.rows() == [(1, end_of_day(date(2020, 1, 31)), "länge", 1.5, None)]


def test_latin_1_unannounced(read: Load) -> None:
    """Bytes that are not UTF-8 cost their own rows only."""
    report = read(
        "id,day,test,result\n1,2020-01-01,t,é\n".encode("latin-1") + b"2,2020,t,1\n"
    ).report
    assert report.loaded == 1
    assert report.why == {"bytes that are not text in the encoding": 1}


@pytest.mark.parametrize(
    ("table", "came"),
    [
        ("", "empty"),
        ("id,day,test,test\n", "more than once"),
        ("id,day,tests,result\n1,2,3,4\n", "no column 'test'.*did you mean 'tests'"),
        ('id,day,test,result\n1,2020,"t,1\n', "never closed"),
    ],
)
def test_tables_that_are_refused_whole(read: Load, table: str, came: str) -> None:
    """Empty files, doubled columns, absent columns and open quotes stop the load."""
    with pytest.raises(InputError, match=came):
        read(table)


def test_only_a_header(read: Load) -> None:
    """A table without rows loads nothing, and its columns are still looked at."""
    assert read("id,day,test,result\n").report.read == 0
    with pytest.raises(InputError, match="no column 'result'"):
        read("id,day,test\n")


def test_truncated_gzip(read: Load) -> None:
    """A packed table that was cut short stops the load."""
    rows = "".join(f"{i},2020-01-01,t,x{os.urandom(8).hex()}\n" for i in range(2000))
    packed = gzip.compress(b"id,day,test,result\n" + rows.encode())
    assert read(packed).report.loaded == 2000
    with pytest.raises(InputError, match="ends too early"):
        read(packed[:-100])


def test_parquet(tmp_path: Path, load: Load) -> None:
    """Parquet keeps its types: dates, times with zone, and integers that arrived as floats."""
    rows = pl.DataFrame(
        {
            "id": [1.0, 2.0, None],
            "day": [date(2020, 1, 1), date(1900, 1, 1), date(2020, 1, 1)],
            "test": [7, 8, 9],
            "result": [1.5, 2.0, 3.0],
        }
    )
    rows.write_parquet(tmp_path / "a.parquet")
    (tmp_path / "m.yaml").write_text(SIMPLE + 'missing: ["1900-01-01"]\n')
    loaded = load(TableSource(), tmp_path / "a.parquet", mapping=tmp_path / "m.yaml")
    assert loaded.events.rows() == [(1, end_of_day(date(2020, 1, 1)), "LAB//7", 1.5, None)]
    assert loaded.report.why == {"no date": 1, "no subject": 1}


def test_mapping_is_needed(tmp_path: Path, load: Load) -> None:
    """Without a mapping the source says that it needs one."""
    (tmp_path / "a.csv").write_text("a\n")
    with pytest.raises(InputError, match="--mapping: not given"):
        load(TableSource(), tmp_path / "a.csv")


STAYS = {
    "set/1.txt": "Time,Parameter,Value\n"
    "00:00,RecordID,1\n00:00,Age,60\n00:00,Height,-1\n01:30,HR,80",
    "set/2.txt": "Time,Parameter,Value\r\n00:00,RecordID,2\r\n47:59,HR,90\r\n48:00,Temp,-17.8\r\n",
    "set/3.txt": "Time,Parameter,Value\n",
    "set/4.txt": 'Time,Parameter,Value\n00:00,RecordID,4\n00:10,"HR",70\n',
    "set/5.txt": "Parameter,Time,Value\nRecordID,00:00,5\nHR,soon,70\n",
    "set/readme.md": "nothing",
}


def _archive(folder: Path, kind: str) -> Path:
    path = folder / f"set.{kind}"
    if kind == "tar.xz":
        with tarfile.open(path, "w:xz") as tar:
            for name, text in STAYS.items():
                info = tarfile.TarInfo(name)
                info.size = len(text.encode())
                tar.addfile(info, io.BytesIO(text.encode()))
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in STAYS.items():
                archive.writestr(name, text)
    else:
        for name, text in STAYS.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(text.encode())
    return path


@pytest.mark.parametrize("kind", ["tar.xz", "zip", "folder"])
def test_one_file_per_patient(tmp_path: Path, load: Load, kind: str) -> None:
    """The files of an archive are one table, and the file's name is the subject."""
    path = _archive(tmp_path, kind)
    loaded = load(TableSource(), path, mapping=EXAMPLES / "stays.yaml")
    start = datetime(2000, 1, 1)
    assert sorted(loaded.events.rows()) == [
        (1, datetime(1940, 1, 1), "MEDS_BIRTH", None, None),
        (1, start, "Age", 60.0, None),
        (1, start, "ICU_ADMISSION", None, None),
        (1, start.replace(hour=1, minute=30), "HR", 80.0, None),
        (2, start, "ICU_ADMISSION", None, None),
        (2, datetime(2000, 1, 2, 23, 59), "HR", 90.0, None),
        (4, start, "ICU_ADMISSION", None, None),
        (4, start.replace(minute=10), "HR", 70.0, None),
        (5, start, "ICU_ADMISSION", None, None),
    ]
    assert loaded.report.why == {
        "the value is missing": 1,
        "a value outside its valid range": 1,
        "unreadable offset of a time": 1,
    }


@pytest.mark.parametrize("kind", ["tar.xz", "folder"])
def test_files_named_after_patients_are_not_named(tmp_path: Path, load: Load, kind: str) -> None:
    """A fault in one file of many names it by its place, since its name may be a patient's."""
    path = _archive(tmp_path, kind)
    (tmp_path / "m.yaml").write_text("subject: {file: stem}\ntime: Tme\nevents: [{code: A}]")
    with pytest.raises(InputError, match="file 1 of") as raised:
        load(TableSource(), path, mapping=tmp_path / "m.yaml")
    assert "1.txt" not in str(raised.value)


def test_nothing_matches(tmp_path: Path, load: Load) -> None:
    """An archive without a file that the mapping names is refused; so is a workbook."""
    (tmp_path / "m.yaml").write_text(SIMPLE + 'files: "*.csv"')
    with pytest.raises(InputError, match="files like"):
        load(TableSource(), _archive(tmp_path, "zip"), mapping=tmp_path / "m.yaml")
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "<x/>")
        archive.writestr("[Content_Types].xml", "<x/>")
    with pytest.raises(InputError, match="an Excel workbook"):
        load(TableSource(), tmp_path / "a.xlsx", mapping=tmp_path / "m.yaml")


def test_outcomes_of_physionet(tmp_path: Path, load: Load) -> None:
    """Only the outcome in hospital becomes an event, after the 48 hours."""
    path = tmp_path / "Outcomes.txt"
    path.write_text(
        "RecordID,SAPS-I,SOFA,Length_of_stay,Survival,In-hospital_death\n"
        "1,6,1,5,-1,0\n2,16,8,8,2,1\n3,1,1,1,1,\n"
    )
    loaded = load(TableSource(), path, mapping=EXAMPLES / "outcomes.yaml")
    third = end_of_day(date(2000, 1, 3))
    assert loaded.events.rows() == [
        (1, third, "DISCHARGED_ALIVE", None, None),
        (2, third, "IN_HOSPITAL_DEATH", None, None),
    ]
    assert loaded.report.why == {"no event of the mapping applies": 1}


@pytest.mark.skipif(not os.environ.get("OSLER_DATA"), reason="needs OSLER_DATA")
def test_physionet(load: Load) -> None:
    """All 4,000 stays of set-a load, every row accounted for, none after 48 hours."""
    folder = Path(os.environ["OSLER_DATA"]) / "clinical" / "physionet2012"
    loaded = load(TableSource(), folder / "set-a.tar.xz", mapping=EXAMPLES / "stays.yaml")
    assert loaded.report.read == 1_757_980
    assert loaded.report.why == {
        "the value is missing": 2223,
        "a value outside its valid range": 31,
    }
    assert loaded.events["subject_id"].n_unique() == 4000
    assert loaded.events["time"].max() == datetime(2000, 1, 3)
    outcomes = load(TableSource(), folder / "Outcomes-a.txt", mapping=EXAMPLES / "outcomes.yaml")
    assert outcomes.codes.count("IN_HOSPITAL_DEATH") == 554
    assert set(outcomes.events["subject_id"]) == set(loaded.events["subject_id"])
