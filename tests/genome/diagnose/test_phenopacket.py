"""Reading phenopackets: one, a list, one a line; both spellings; damage told by its place."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osler.errors import InputError
from osler.genome.diagnose.phenopacket import read_packet, read_phenopackets


def packet(name: str = "a", **more: Any) -> dict[str, Any]:
    """Build a packet with one finding present and one excluded."""
    features = [
        {"type": {"id": "HP:0001250", "label": "Seizure"}},
        {"type": {"id": "HP:0000518"}, "excluded": True},
    ]
    about = {"externalReferences": [{"id": "PMID:12", "description": "its paper"}]}
    return {"id": name, "phenotypicFeatures": features, "metaData": about, **more}


def written(folder: Path, text: str, name: str = "cases.json") -> Path:
    """Write a file."""
    path = folder / name
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([packet("a"), packet("b")]),
        json.dumps([packet("a"), packet("b")], indent=1),
        json.dumps(packet("a")) + "\n\n" + json.dumps(packet("b")) + "\n",
        "\ufeff" + json.dumps(packet("a")) + "\r\n" + json.dumps(packet("b")),
    ],
    ids=["list", "indented list", "lines", "mark and other ends of line"],
)
def test_a_list_and_lines_are_the_same(text: str, tmp_path: Path) -> None:
    """The packets come in order, whichever of the forms the file has."""
    file = read_phenopackets(written(tmp_path, text))
    assert [one.id for one in file.packets] == ["a", "b"]
    assert file.packets[0] == file.packets[1].__class__(
        "a", ("HP:0001250",), ("HP:0000518",), None, ("PMID:12",)
    )


def test_one_object_over_many_lines_is_one_packet(tmp_path: Path) -> None:
    """Indentation does not make lines of it."""
    file = read_phenopackets(written(tmp_path, json.dumps(packet(), indent=2)))
    assert len(file.packets) == 1


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    """What gzip packed is read as it was."""
    path = tmp_path / "cases.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(packet()).encode()))
    assert len(read_phenopackets(path).packets) == 1


def test_a_broken_line_is_told_by_its_number(tmp_path: Path) -> None:
    """The place counts empty lines as an editor does, and nothing of the line is repeated."""
    text = json.dumps(packet()) + "\n\n" + '{"id": "Smith' + "\n" + json.dumps(packet("b"))
    file = read_phenopackets(written(tmp_path, text))
    (one,) = file.refused
    assert one.where == "line 3"
    assert "Smith" not in one.why
    assert [found.id for found in file.packets] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "nothing"),
        ("[]", "nothing"),
        ("  \n \n", "nothing"),
        ("{", "the whole file"),
        ("[1, null]", "member 1"),
        ('{"resourceType": "Patient"}', "the whole file"),
        ('{"id": "x", "phenotypicFeatures": 5}', "the whole file"),
        ("[" * 100_000, "the whole file"),
    ],
)
def test_what_holds_no_packet_is_refused(text: str, where: str, tmp_path: Path) -> None:
    """One line for each fault says where it is."""
    with pytest.raises(InputError, match=where):
        read_phenopackets(written(tmp_path, text))


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    """A file that was cut short is an input error, not half an answer."""
    path = tmp_path / "cases.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(packet()).encode() * 99)[:-20])
    with pytest.raises(InputError, match=r"cases\.jsonl\.gz"):
        read_phenopackets(path)


def test_the_other_spelling_of_protobuf_is_read() -> None:
    """Field names in snake case are the same fields."""
    value = {
        "id": "a",
        "phenotypic_features": [{"type": {"id": "hp_0001250 "}}],
        "meta_data": {
            "external_references": [{"reference": "https://pubmed.ncbi.nlm.nih.gov/34/"}]
        },
    }
    found = read_packet(value)
    assert (found.present, found.publications) == (("HP:0001250",), ("PMID:34",))


def test_what_is_no_hpo_term_is_counted(tmp_path: Path) -> None:
    """Features of other ontologies and broken ones leave the rest of the packet."""
    features = [{"type": {"id": "MONDO:0005027"}}, {}, 7, {"type": {"id": "HP:0001250"}}]
    text = json.dumps(packet(phenotypicFeatures=features))
    file = read_phenopackets(written(tmp_path, text))
    assert file.packets[0].present == ("HP:0001250",)
    assert file.notes == {"features whose type is no HPO term, left out": 3}


def test_what_a_packet_says_of_the_diagnosis_is_not_read() -> None:
    """The answer cannot leak into the ranking."""
    told = packet(diseases=[{"term": {"id": "OMIM:100001"}}], interpretations=[{"x": "OMIM:1"}])
    assert read_packet(told) == read_packet(packet())


def test_a_family_is_its_proband(tmp_path: Path) -> None:
    """Of a family the patient is read, and a note says so."""
    file = read_phenopackets(written(tmp_path, json.dumps({"id": "f", "proband": packet("p")})))
    assert [one.id for one in file.packets] == ["p"]
    assert file.notes == {"families or cohorts, of which the patients were taken": 1}


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["id", "type", "excluded", "phenotypicFeatures", "subject", "metaData", "proband"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_a_packet_or_a_clear_refusal(value: object) -> None:
    """Nothing but the documented error comes of a hostile value."""
    try:
        found = read_packet(value)
    except ValueError:
        return
    assert all(one.startswith("HP:") for one in (*found.present, *found.excluded))


def test_a_packet_of_endless_features_is_refused() -> None:
    """What no patient has would fill the memory."""
    features = [{"type": {"id": "HP:0001250"}}] * 1001
    with pytest.raises(ValueError, match="more than 1000 features"):
        read_packet({"id": "a", "phenotypicFeatures": features})
