"""Loading and reading: what goes in comes out, sorted, whole or not at all."""

from __future__ import annotations

import math
from datetime import datetime

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from osler.errors import InputError
from osler.model import BIRTH, EVENT_SCHEMA, sort_events, validate_events
from osler.vault import Key, Vault, loading

COLUMNS = list(EVENT_SCHEMA)

rows = st.lists(
    st.tuples(
        st.integers(-(2**63) + 1, 2**63 - 1) | st.integers(-3, 3),
        st.none() | st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)),
        st.sampled_from(["A", "B//x", "É"]) | st.text(min_size=1),
        st.none() | st.floats(width=32),
        st.none() | st.text(),
    ),
    max_size=30,
)


def frame(listed: list[tuple[object, ...]]) -> pl.DataFrame:
    """Return rows as events."""
    return pl.DataFrame(listed, schema=EVENT_SCHEMA, orient="row")


def test_what_goes_in_comes_out_sorted(place) -> None:
    """Shuffled events come back complete, in sound MEDS order, each subject in one shard."""
    events = place.people(*range(-5, 30), -(2**62), 2**62)
    place.load(events.sample(fraction=1.0, shuffle=True, seed=1), vault=place.init())
    vault = place.open()
    shards = [vault.shard_events(shard) for shard in vault.shard_ids()]
    assert all(validate_events(one) == [] for one in shards)
    subjects = pl.concat([one["subject_id"].unique() for one in shards])
    assert subjects.n_unique() == subjects.len() == 37
    assert place.everything(vault).equals(
        events.sort("subject_id", "time", "code", nulls_last=False)
    )


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(listed=rows, split=st.integers(0, 30))
def test_any_events_survive_the_vault(tmp_path_factory, place, listed, split) -> None:
    """Any ids, times, codes, values and texts come back bit for bit, in order of arrival."""
    place.path = tmp_path_factory.mktemp("any") / "vault"
    events = frame(listed)
    with place.init(shards=2).loading("test", "00") as session:
        assert session.append(events[:split]) == events[:split].height
        assert session.append(events[split:]) == events[split:].height
    vault = place.open()
    whole = pl.concat([vault.shard_events(shard) for shard in vault.shard_ids()])
    assert sort_events(whole).equals(sort_events(events))
    for subject in events["subject_id"].unique():
        own = vault.subject_events(subject)
        assert own.equals(sort_events(events.filter(pl.col("subject_id") == subject)))


def test_static_events_come_first_and_ties_keep_their_order(place) -> None:
    """Events without a time lead, and events of one moment stay as they came."""
    moment = datetime(2020, 1, 1)
    place.load(
        frame(
            [
                (1, moment, "Z", None, None),
                (1, moment, "A", None, None),
                (1, None, "S", None, None),
                (1, moment, "Z", None, None),
            ]
        ),
        vault=place.init(),
    )
    assert place.open().subject_events(1)["code"].to_list() == ["S", "Z", "A", "Z"]


def test_not_a_number_and_infinity_are_kept(place) -> None:
    """Values that are not finite, and the sign of zero, come back as they were."""
    values = [math.nan, math.inf, -math.inf, -0.0, None]
    events = frame([(1, None, f"V{n}", value, None) for n, value in enumerate(values)])
    place.load(events, vault=place.init())
    got = place.open().subject_events(1)["numeric_value"].to_list()
    assert [str(one) for one in got] == ["nan", "inf", "-inf", "-0.0", "None"]


def test_exact_duplicates_are_kept(place) -> None:
    """Rows that are the same in every column are all kept."""
    events = pl.concat([place.people(1)] * 3)
    assert place.load(events, vault=place.init()).info().events == 9


def test_texts_of_ten_megabytes_are_kept(place) -> None:
    """A field of ten megabytes comes back whole."""
    text = "x" * 10_000_000
    place.load(frame([(1, None, "NOTE", None, text)]), vault=place.init())
    assert place.open().subject_events(1)["text_value"].item() == text


def test_columns_and_categories_can_be_chosen(filled) -> None:
    """A read gives the columns asked for, in that order, and codes as categories if wished."""
    vault = filled.open()
    got = vault.shard_events(0, columns=["code", "subject_id"], categorical_codes=True)
    assert got.columns == ["code", "subject_id"]
    assert got.schema["code"] == pl.Categorical()
    plain = vault.shard_events(0)
    assert got["code"].cast(pl.String).equals(plain["code"])
    with pytest.raises(InputError, match="colour"):
        vault.shard_events(0, columns=["colour"])
    with pytest.raises(InputError, match="shard"):
        vault.shard_events(3)


def test_empty_shards_have_the_same_columns(place) -> None:
    """A shard without events gives a frame without rows, of the right types."""
    vault = place.init()
    assert vault.shard_events(0).schema == EVENT_SCHEMA
    got = vault.shard_events(0, columns=["code"], categorical_codes=True)
    assert got.schema == {"code": pl.Categorical()}
    assert vault.subject_events(4).schema == EVENT_SCHEMA
    assert vault.codes().is_empty()


def test_a_second_load_adds_and_the_order_holds(filled) -> None:
    """Events of a later load join those of the same subjects in one sorted shard."""
    later = filled.people(*range(15, 25)).with_columns(pl.col("time").dt.offset_by("-3y"))
    vault = filled.load(later, "02")
    assert vault.info().subjects == 24
    assert vault.info().events == 90
    assert all(validate_events(vault.shard_events(shard)) == [] for shard in vault.shard_ids())


def test_the_same_source_is_loaded_once(filled) -> None:
    """The same format and digest are known again, and nothing is added."""
    vault = filled.open()
    with vault.loading("test", "ab" * 32) as session:
        assert session.already_loaded
        with pytest.raises(InputError, match="already loaded"):
            session.append(filled.people(99))
    with vault.loading("other", "ab" * 32) as session:
        assert not session.already_loaded
    assert vault.info().subjects == 20


def test_an_error_leaves_the_vault_as_it_was(filled) -> None:
    """A load that fails half way adds nothing, leaves no file, and can be tried again."""
    vault, files = filled.open(), filled.files()
    generation = vault.generation

    def fail() -> None:
        with vault.loading("test", "02") as session:
            session.append(filled.people(77))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (vault.generation, filled.files()) == (generation, files)
    filled.load(filled.people(77), "02", vault=vault)
    assert vault.info().subjects == 21


def test_an_abandoned_or_empty_load_changes_nothing(filled) -> None:
    """Nothing comes of a load that was abandoned or brought nothing, and it may come again."""
    vault = filled.open()
    generation = vault.generation
    with vault.loading("test", "02") as session:
        session.append(filled.people(77))
        session.abandon()
    with vault.loading("test", "02") as session:
        assert session.append(filled.people(1).clear()) == 0
    assert vault.generation == generation
    with vault.loading("test", "02") as session:
        assert not session.already_loaded


def test_events_without_subject_or_code_are_refused_whole(place) -> None:
    """Rows that cannot be filed are a fault of the reader, all told at once."""
    broken = frame([(None, None, "A", None, None), (1, None, None, None, None)])
    vault = place.init()
    with pytest.raises(InputError) as caught, vault.loading("test", "02") as session:
        session.append(broken)
    assert len(caught.value.faults) == 2
    assert vault.info().events == 0


def test_buffers_that_are_full_go_to_disk_encrypted(place, monkeypatch) -> None:
    """With tiny buffers the result is the same, and no file ever shows a code in clear."""
    monkeypatch.setattr(loading, "BUFFER_BYTES", 2_000)
    events = place.people(*range(60))
    vault = place.init()
    with vault.loading("test", "02") as session:
        for start in range(0, events.height, 20):
            session.append(events[start : start + 20])
        spilled = [path for path in place.files() if "shards" in path.parts]
        assert spilled
        assert not any(b"ONLY//" in path.read_bytes() for path in place.files())
    kept = events.sort("subject_id", "time", "code", nulls_last=False)
    assert place.everything(vault).equals(kept)
    assert len([path for path in place.files() if "shards" in path.parts]) == 3


def test_many_small_loads_are_joined(place) -> None:
    """Segments of a shard do not pile up beyond a bound, and nothing is lost or moved."""
    vault = place.init(shards=1)
    for number in range(loading.MOST_SEGMENTS + 2):
        place.load(place.people(number), f"{number:02x}", vault=vault)
    assert len(vault._store.manifest.segments(0)) == 2
    assert vault.info().subjects == loading.MOST_SEGMENTS + 2
    assert place.verify().sound


def test_compaction_leaves_one_segment_and_the_same_events(filled) -> None:
    """Joining segments by hand changes no event, and readers of before still read."""
    filled.load(filled.people(*range(30)), "02")
    reader, before = filled.open(), filled.everything()
    assert filled.open().compact() == 3
    assert filled.open().compact() == 0
    assert filled.everything().equals(before)
    assert filled.everything(reader).equals(before)
    assert filled.verify().sound


def test_every_code_is_described_once(place) -> None:
    """Codes of events are all listed; what was said of one first stays; others do not appear."""
    vault = place.init()
    said = pl.DataFrame({"code": [BIRTH, BIRTH, "NEVER"], "description": [None, "birth", "x"]})
    with vault.loading("test", "02") as session:
        session.append(place.people(1), said)
    later = pl.DataFrame(
        {"code": [BIRTH], "description": ["other"], "parent_codes": [["SNOMED/1"]]}
    )
    with vault.loading("test", "03") as session:
        session.append(place.people(2), later)
    codes = {row["code"]: row for row in vault.codes().iter_rows(named=True)}
    assert set(codes) == {BIRTH, "LAB//creatinine", "ONLY//1", "ONLY//2", "SNOMED/1"}
    assert codes[BIRTH]["description"] == "birth"
    assert codes[BIRTH]["parent_codes"] == ["SNOMED/1"]


def test_what_stands_above_a_code_is_kept_without_events(place) -> None:
    """All ancestors are listed, also in a circle, until no code below them has an event."""
    vault = place.init()
    above = {"ONLY//1": ["A"], "A": ["B", "C"], "B": ["A"], "NEVER": ["D"]}
    said = pl.DataFrame({"code": list(above), "parent_codes": list(above.values())})
    with vault.loading("test", "02") as session:
        session.append(place.people(1), said)
    with vault.loading("test", "03") as session:
        session.append(place.people(2))
    listed = set(vault.codes()["code"])
    assert listed == {BIRTH, "LAB//creatinine", "ONLY//1", "ONLY//2", "A", "B", "C"}
    vault.erase(1)
    assert set(vault.codes()["code"]) == {BIRTH, "LAB//creatinine", "ONLY//2"}


def test_info_counts(filled) -> None:
    """Subjects, events, attachments, shards and bytes are those of the present generation."""
    info = filled.open().info().to_json()
    assert info["bytes"] == sum(path.stat().st_size for path in filled.files())
    del info["bytes"]
    assert info == {
        "subjects": 20,
        "events": 60,
        "attachments": 1,
        "shards": 3,
        "format_version": 1,
        "generation": 2,
    }


@pytest.mark.parametrize("shards", [0, -1, 1001])
def test_number_of_shards_is_bounded(place, shards: int) -> None:
    """A vault has from one to a thousand shards."""
    with pytest.raises(InputError, match="shards"):
        place.init(shards=shards)


def test_a_folder_with_something_in_it_is_not_taken(place) -> None:
    """A vault is never made over other files, nor over another vault."""
    place.init()
    with pytest.raises(InputError, match="not an empty folder"):
        place.init()
    assert place.verify().sound


def test_an_empty_folder_is_taken(place) -> None:
    """A folder that is there and empty becomes the vault."""
    place.path.mkdir()
    assert place.init().info().events == 0


def test_a_vault_of_a_later_version_is_told(filled) -> None:
    """A vault of a later format says that osler is too old, not that it is damaged."""
    from osler.vault import manifest

    line, rest = manifest.split((filled.path / "manifest").read_bytes())
    header = manifest.Header.parse(line)
    later = manifest.Header(**(vars(header) | {"format_version": 3}))
    (filled.path / "manifest").write_bytes(later.line() + rest)
    with pytest.raises(InputError, match="update osler"):
        filled.open()


def test_nothing_on_disk_shows_a_subject_or_a_code(filled) -> None:
    """Neither names nor contents of files hold a code, a text or an attachment in clear."""
    for path in filled.files():
        content = path.read_bytes()
        for clear in (b"creatinine", b"ONLY", b"note", b"pixel", b"scan.dcm", b"MEDS_"):
            assert clear not in content, path
    assert Key.from_passphrase("x").path is None
    assert isinstance(filled.open(), Vault)
