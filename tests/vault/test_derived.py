"""Derived segments: kept apart, replaced together, and held to all that a vault promises."""

from __future__ import annotations

import io
from datetime import datetime

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from osler.errors import InputError, Refused
from osler.model import EVENT_SCHEMA, digest_of
from osler.vault import Key, manifest

BASIS = "cd" * 32
MOMENT = datetime(2001, 5, 6)


def results(subjects: list[int], code: str = "TUMOUR_FINDING//TP53//II") -> pl.DataFrame:
    """Return one derived event for each subject."""
    rows = [(one, MOMENT, code, 0.25, "p.R175H") for one in subjects]
    return pl.DataFrame(rows, schema=EVENT_SCHEMA, orient="row")


def derive(place, subjects: list[int], *, about="tumour", release="civic-2021-02-25", **more):
    """Derive one event for each subject, and return the vault."""
    vault = place.open()
    with vault.deriving(about, release, more.pop("basis", BASIS)) as session:
        session.append(results(subjects, **more))
    return vault


def _append_all(session, *frames: pl.DataFrame) -> None:
    for frame in frames:
        session.append(frame)


def derived_rows(vault, derived="all") -> pl.DataFrame:
    """Return the derived events of everyone."""
    shards = [vault.shard_events(shard, derived=derived) for shard in vault.shard_ids()]
    whole = pl.concat(shards)
    return whole.filter(pl.col("code").str.starts_with("TUMOUR") | (pl.col("code") == "PGX"))


def test_derived_events_are_left_out_unless_named(filled) -> None:
    """Neither a shard nor a subject shows what was derived, unless it is asked for by name."""
    before = filled.everything()
    vault = derive(filled, [3, 4, 5])
    assert filled.everything(vault).equals(before)
    assert vault.subject_events(3).height == 3
    assert vault.subject_events(3, derived=["tumour"]).height == 4
    assert derived_rows(vault, ["tumour"])["subject_id"].sort().to_list() == [3, 4, 5]
    assert derived_rows(filled.open()).equals(derived_rows(vault))


def test_columns_and_order_hold_with_derived_events(filled) -> None:
    """A shard with derived events is sorted, and gives the columns asked for."""
    vault = derive(filled, list(range(1, 21)))
    for shard in vault.shard_ids():
        whole = vault.shard_events(shard, derived="all")
        assert whole["subject_id"].is_sorted()
        part = vault.shard_events(
            shard, columns=["code"], categorical_codes=True, derived=["tumour"]
        )
        assert part["code"].cast(pl.String).equals(whole["code"])


def test_a_release_is_superseded_as_a_whole(filled) -> None:
    """Results of a newer release replace all of the older, also of subjects it says nothing of."""
    derive(filled, [3, 4, 5])
    vault = derive(filled, [4], release="civic-2026-01-01", code="TUMOUR_FINDING//TP53//I")
    assert derived_rows(vault).select("subject_id", "code").rows() == [
        (4, "TUMOUR_FINDING//TP53//I")
    ]
    (one,) = vault.derivations()
    assert (one.about, one.release, one.events, one.subjects) == (
        "tumour",
        "civic-2026-01-01",
        1,
        1,
    )


def test_subjects_of_knowledge_do_not_disturb_each_other(filled) -> None:
    """Deriving about drugs leaves what was derived about tumours."""
    derive(filled, [3, 4])
    vault = derive(filled, [4, 5], about="pharmacogenomics", release="cpic", code="PGX")
    assert [one.about for one in vault.derivations()] == ["tumour", "pharmacogenomics"]
    assert derived_rows(vault).height == 4
    assert derived_rows(vault, "tumour")["subject_id"].sort().to_list() == [3, 4]
    assert derived_rows(vault, ["pharmacogenomics"])["subject_id"].sort().to_list() == [4, 5]


def test_results_that_are_there_are_not_made_again(filled) -> None:
    """The same basis is known again and changes nothing; another basis is not."""
    generation = derive(filled, [3]).generation
    vault = filled.open()
    with vault.deriving("tumour", "civic-2021-02-25", BASIS) as session:
        assert session.already_derived
    assert vault.generation == generation
    with vault.deriving("tumour", "civic-2021-02-25", "ef" * 32) as session:
        assert not session.already_derived
    assert derived_rows(vault).is_empty()
    assert vault.derivations()[0].events == 0


def test_new_data_make_the_same_basis_another(filled) -> None:
    """After a load the results of before are not taken for those of now, by any handle."""
    derive(filled, [3])
    old = filled.open()
    filled.load(filled.people(50), "99")
    with old.deriving("tumour", "civic-2021-02-25", BASIS) as session:
        assert not session.already_derived
        session.append(results([3, 50]))
    assert derived_rows(filled.open())["subject_id"].sort().to_list() == [3, 50]


def test_naming_what_was_never_derived_is_told(filled) -> None:
    """A subject of knowledge without results is a fault; `all` of nothing is nothing."""
    vault = filled.open()
    with pytest.raises(InputError, match="nothing was derived yet"):
        vault.shard_events(0, derived=["tumour"])
    derive(filled, [3])
    with pytest.raises(InputError, match="one of tumour"):
        filled.open().subject_events(3, derived=["phenotype"])
    assert filled.open().subject_events(3, derived="all").height == 4
    assert vault.subject_events(3, derived="all").height == 3


def test_an_error_leaves_what_was_there(filled) -> None:
    """When deriving fails midway, the earlier results stay and no file is left behind."""
    derive(filled, [3, 4])
    files = {path for path in filled.files() if path.suffix == ".parquet"}
    vault = filled.open()
    unsound = pl.DataFrame({"subject_id": [7]})
    with pytest.raises(InputError), vault.deriving("tumour", "newer", "12" * 32) as session:
        _append_all(session, results([7, 8, 9]), unsound)
    assert {path for path in filled.files() if path.suffix == ".parquet"} == files
    assert filled.open().audit()[-1]["action"] == "derive abandoned"
    assert derived_rows(filled.open())["subject_id"].sort().to_list() == [3, 4]


def test_nothing_is_derived_of_strangers(filled) -> None:
    """Events of subjects whom the vault does not hold are refused, without naming them."""
    vault = filled.open()
    for faulty, words in (
        (results([3, 777_001, 777_002]), "2 of subjects not in the vault"),
        (results([3]).with_columns(subject_id=pl.lit(None, pl.Int64)), "1 rows without a value"),
    ):
        with (
            pytest.raises(InputError, match=words) as caught,
            vault.deriving("tumour", "civic", BASIS) as session,
        ):
            session.append(faulty)
        assert "777" not in str(caught.value)


@pytest.mark.parametrize(
    ("about", "release", "basis"),
    [("", "civic", BASIS), ("a/b", "civic", BASIS), ("tumour", "x\n", BASIS), ("t", "c", "xyz")],
)
def test_names_and_digests_are_checked(filled, about: str, release: str, basis: str) -> None:
    """What cannot be kept as a name or is no digest is refused before anything is written."""
    generation = filled.open().generation
    with pytest.raises(InputError), filled.open().deriving(about, release, basis):
        pass
    assert filled.open().generation == generation


def test_counts_and_codes_are_those_of_what_was_loaded(filled) -> None:
    """The vault's counts of events and its table of codes do not change by deriving."""
    before, codes = filled.open().info(), filled.open().codes()
    vault = derive(filled, [3, 4, 5])
    assert (vault.info().events, vault.info().subjects) == (before.events, before.subjects)
    assert vault.codes().equals(codes)


def test_erasure_takes_the_derived_results_too(filled) -> None:
    """Nothing derived of the erased stays; that of others does, and is still known as derived."""
    derive(filled, [3, 4, 5])
    proof = filled.open().erase(4)
    assert proof.events_erased == 4
    vault = filled.open()
    assert vault.subject_events(4, derived="all").is_empty()
    assert derived_rows(vault)["subject_id"].sort().to_list() == [3, 5]
    assert derived_rows(vault, ()).is_empty()
    assert filled.verify().sound
    with pytest.raises(InputError), vault.deriving("tumour", "civic", "34" * 32) as session:
        session.append(results([4]))


def test_erasing_the_only_one_leaves_an_empty_derivation(filled) -> None:
    """When the last with results leaves, the derivation stays and holds nobody."""
    derive(filled, [4])
    filled.open().erase(4)
    vault = filled.open()
    assert derived_rows(vault, ["tumour"]).is_empty()
    assert filled.verify().sound


def test_loads_and_compaction_keep_the_two_apart(filled) -> None:
    """Neither many loads nor compaction mixes derived events into what was loaded."""
    derive(filled, [3, 4, 5])
    for number in range(12):
        filled.load(filled.people(3, 4, 100 + number), f"{number:02d}")
    vault = filled.open()
    vault.compact()
    assert filled.everything().filter(pl.col("code").str.starts_with("TUMOUR")).is_empty()
    assert derived_rows(filled.open())["subject_id"].sort().to_list() == [3, 4, 5]
    assert filled.verify().sound
    files = filled.open()._store.manifest.files
    shards = {file.shard for file in files if file.derived}
    assert len([file for file in files if file.derived]) == len(shards)


def test_rekeying_keeps_derived_results(filled) -> None:
    """After a change of key, derived results are read under the new key."""
    derive(filled, [3, 4])
    filled.open().rekey(Key.from_passphrase("another one"))
    filled.key = Key.from_passphrase("another one")
    assert derived_rows(filled.open()).height == 2
    assert filled.verify().sound


def test_tampering_with_a_derived_segment_is_found(filled) -> None:
    """A derived file that was edited or removed is a fault of verification."""
    vault = derive(filled, [3])
    (file,) = [one for one in vault._store.manifest.files if one.derived]
    path = filled.path / file.name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert not filled.verify().sound
    path.unlink()
    assert not filled.verify().sound
    path.write_bytes(content)
    assert filled.verify().sound


def test_the_audit_of_a_subject_tells_the_deriving(filled) -> None:
    """Deriving is an act on everyone; only those with results stand in the record of storing."""
    derive(filled, [3])
    mine = [entry["action"] for entry in filled.open().audit(3)]
    others = [entry["action"] for entry in filled.open().audit(7)]
    assert "derive" in mine
    assert "store derived" in mine
    assert "derive" in others
    assert "store derived" not in others
    told = next(entry for entry in filled.open().audit() if entry["action"] == "derive")
    assert told["what"]["release"] == "civic-2021-02-25"


def test_deriving_asks_the_policy(filled) -> None:
    """Who may not derive does not, and nothing changes."""

    class Nobody:
        def allows(self, _actor, action, _purpose):
            return "not here" if action == "derive" else None

    vault = filled.open(policy=Nobody())
    with pytest.raises(Refused), vault.deriving("tumour", "civic", BASIS):
        pass
    assert not filled.open().derivations()


def test_workers_read_within_the_act(filled) -> None:
    """Another handle reads the same generation within the act of deriving, without a record."""
    vault = filled.open()
    with vault.deriving("tumour", "civic", BASIS) as session:
        (act,) = vault._acts
        other = filled.open(within=act.number)
        before = len(list(vault._store.ledger.records()))
        ids = other.shard_events(0)["subject_id"].unique().to_list()
        assert len(list(vault._store.ledger.records())) == before
        session.append(results(ids))
    assert sorted(derived_rows(vault)["subject_id"]) == sorted(ids)


def test_attachments_are_listed_by_shard(filled) -> None:
    """Each attachment is listed in the shard of its subject, once."""
    with filled.open().loading("test", "77") as session:
        session.attach(5, "b.vcf", io.BytesIO(b"x"))
        session.attach(900, "a.vcf", io.BytesIO(b"y"))
    vault = filled.open()
    listed = [vault.shard_attachments(shard) for shard in vault.shard_ids()]
    assert sorted(one for part in listed for one in part) == [
        (5, "b.vcf"),
        (5, "scan.dcm"),
        (900, "a.vcf"),
    ]


def test_a_vault_of_the_first_format_opens_and_stays_so(filled) -> None:
    """Without derived results a vault is written as format 1 and has no word of them."""
    vault = filled.open()
    assert vault.info().format_version == 1
    line, _ = manifest.split((filled.path / "manifest").read_bytes())
    assert manifest.Header.parse(line).format_version == 1
    fields: dict = {
        "derivations": [],
        "keys": {"derived": None},
        "files": [{"derived": None}],
        "retired": [{"file": {"derived": None}}],
    }
    manifest._without_derived(fields)
    assert "derived" not in str(fields).replace("derivations", "derived")
    assert derive(filled, [3]).info().format_version == 2
    assert filled.open().info().format_version == 2


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.lists(st.integers(1, 20), max_size=6), min_size=1, max_size=3))
def test_what_is_read_is_what_was_derived_last(filled, rounds: list[list[int]]) -> None:
    """Whatever was derived before, exactly the events of the last derivation are there."""
    for number, subjects in enumerate(rounds):
        derive(filled, subjects, basis=digest_of([number, rounds]))
    assert sorted(derived_rows(filled.open())["subject_id"]) == sorted(rounds[-1])
