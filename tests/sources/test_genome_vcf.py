"""Variants of a VCF become events, and each sample's part of the file is kept with its subject."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from osler import workflows
from osler.errors import InputError
from osler.sources import genome
from osler.sources.base import Batch
from osler.sources.genome import GenomeSource, vcf
from osler.sources.genome.vcf import SEQUENCED
from osler.sources.vcf import Stored, open_vcf
from osler.vault import ERASED

Load = Callable[..., Any]
GRCH38 = "##contig=<ID=chr7,length=159345973>\n"
BRAF = "chr7 140753336 rs113488022 A T . PASS . GT"


def _vcf(*records: str, samples: str = "S1", header: str = GRCH38) -> str:
    columns = f"#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT {samples}".rstrip()
    rows = "".join(one.replace(" ", "\t") + "\n" for one in (columns, *records))
    return f"##fileformat=VCFv4.2\n{header}{rows}"


@pytest.fixture
def read(tmp_path: Path, load: Load) -> Load:
    """Return a function that reads a VCF and a sample map given as text."""

    def _read(text: str, samples: str | None = None, name: str = "a.vcf", **how: Any) -> Any:
        path, known = tmp_path / name, tmp_path / "samples.csv"
        content = text.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        if samples is not None:
            known.write_text(samples)
        chosen = known if samples is not None else None
        return load(GenomeSource(), path, samples=chosen, **how)

    return _read


def _variants(loaded: Any) -> list[tuple[Any, ...]]:
    events = loaded.events.filter(pl.col("code") != SEQUENCED)
    return list(events.select("subject_id", "code", "numeric_value", "text_value").rows())


def _attachments(loaded: Any) -> dict[int, bytes]:
    batches: list[Batch] = loaded.batches
    parts = {}
    for one in (one for batch in batches for one in batch.attachments):
        with one.open() as stream:
            parts[one.subject_id] = stream.read()
    return parts


def test_an_allele_becomes_an_event_with_its_copies_and_genotype(read: Load) -> None:
    """Trimmed, in the build of the header, one event for each alternate that a sample has."""
    text = _vcf(
        f"{BRAF} 0/1 1|1 0/0",
        "chr7 55174771 . CATAT CAT,CATATAT,GATAT . . . GT 1/2 3/. ./.",
        "chrX 100 . A G . q10 . GT 1 0/1 .",
        samples="1 2 3",
    )
    loaded = read(text)
    assert _variants(loaded) == [
        (1, "VARIANT//GRCh38//7-140753336-A-T", 1.0, "0/1"),
        (2, "VARIANT//GRCh38//7-140753336-A-T", 2.0, "1|1"),
        (1, "VARIANT//GRCh38//7-55174771-CAT-C", 1.0, "1/2"),
        (1, "VARIANT//GRCh38//7-55174771-C-CAT", 1.0, "1/2"),
        (2, "VARIANT//GRCh38//7-55174771-C-G", 1.0, "3/."),
        (1, "VARIANT//GRCh38//X-100-A-G", 1.0, "1"),
        (2, "VARIANT//GRCh38//X-100-A-G", 1.0, "0/1"),
    ]
    assert (loaded.report.read, loaded.report.loaded) == (3, 3)
    assert loaded.report.notes[vcf.FILTERED] == 1


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("chr7 5 . A <DEL> . . . GT 0/1", vcf.SYMBOLIC),
        ("chr7 5 . A * . . . GT 0/1", vcf.SYMBOLIC),
        ("chr7 5 . A G,<DEL> . . . GT 0/2", vcf.SYMBOLIC),
        ("chr7 5 . A . . . . GT 0/0", vcf.NO_ALTERNATE),
        ("chr7 5 . A <NON_REF> . . END=90 GT 0/0", vcf.NO_ALTERNATE),
        ("chr7 5 . A G . . . GT 0/0", vcf.NOT_CARRIED),
        ("chr7 5 . A G . . . GT ./.", vcf.NO_GENOTYPE),
        ("chr7 5 . A G . . . DP 7", vcf.NO_GENOTYPE),
        ("chr7 5 . A G . . . GT 0/1 0/1", vcf.BAD_COLUMNS),
        ("chr7 5 . . G . . . GT 0/1", vcf.NO_REFERENCE),
        ("chrUn_KI270742v1 5 . A G . . . GT 0/1", vcf.OTHER_CONTIG),
        (f"chr7 5 . A {'G' * 900} . . . GT 0/1", genome.LONG_ALLELE),
    ],
)
def test_what_is_no_event_is_refused_with_its_reason(read: Load, record: str, reason: str) -> None:
    """Read is loaded plus refused, and the sound record beside it is loaded."""
    loaded = read(_vcf(record, f"{BRAF} 0/1"))
    assert loaded.report.why == {reason: 1}
    assert (loaded.report.read, loaded.report.loaded) == (2, 1)
    assert len(_variants(loaded)) == 1


def test_the_sample_map_names_subjects_and_times(read: Load) -> None:
    """A sample that it does not have is left out and told; a time is that of the report."""
    text = _vcf(f"{BRAF} 0/1 0/1 1/1", samples="a b c")
    loaded = read(text, samples="sample,subject_id,time\na,7,2024-05-01T10:00:00\nc,9,\n")
    events = loaded.events.sort("subject_id", "code")
    assert events["subject_id"].to_list() == [7, 7, 9, 9]
    assert events["time"].to_list() == [datetime(2024, 5, 1, 10)] * 2 + [None] * 2
    assert loaded.report.notes == {vcf.UNMAPPED: 1, genome.STATIC: 1}
    assert set(_attachments(loaded)) == {7, 9}


def test_samples_of_nobody_refuse_every_record(read: Load) -> None:
    """A map that has none of the file's samples loads nothing and says so."""
    loaded = read(_vcf(f"{BRAF} 0/1"), samples="sample,subject_id\nx,1\n")
    assert loaded.report.why == {genome.NOT_MAPPED: 1}
    assert loaded.events.is_empty()
    assert not _attachments(loaded)


def test_each_sample_keeps_its_own_part_of_the_file(read: Load, tmp_path: Path) -> None:
    """One column of many, every record, what is only the reference too; named by an event."""
    records = [f"{BRAF}:AD 0/1:5,6 0/0:9,0", "chr7 5 . A . . . END=9 GT:AD 0/0:7 ./.:."]
    loaded = read(_vcf(*records, samples="1 2"))
    parts = _attachments(loaded)
    assert gzip.decompress(parts[2]).decode() == _vcf(
        f"{BRAF}:AD 0/0:9,0", "chr7 5 . A . . . END=9 GT:AD ./.:.", samples="2"
    )
    with open_vcf(Stored.parts("1", lambda: iter([parts[1]]))) as opened:
        assert [one.genotypes.alleles.tolist() for one in opened.records()] == [[[0, 1]], [[0, 0]]]
    names = {one.name for batch in loaded.batches for one in batch.attachments}
    events = loaded.events.filter(pl.col("code") == SEQUENCED)
    assert set(events["text_value"]) == names
    assert all("a.vcf" not in name for name in names)


def test_a_packed_file_of_one_sample_is_kept_as_it_is(read: Load, tmp_path: Path) -> None:
    """Byte for byte."""
    loaded = read(_vcf(f"{BRAF} 0/1", samples="1"), name="a.vcf.gz")
    assert _attachments(loaded) == {1: (tmp_path / "a.vcf.gz").read_bytes()}


def test_parts_are_packed_some_at_a_time(read: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """With little memory there are more passes over the file, and the same parts."""
    text = _vcf(f"{BRAF} 0/1 0/0 1/1", samples="1 2 3")
    expected = _attachments(read(text))
    monkeypatch.setattr(vcf, "MOST_PACKED_BYTES", 1)
    again = read(text)
    assert _attachments(again) == expected
    assert sum(bool(batch.attachments) for batch in again.batches) == 3


def test_too_many_samples_and_records_keep_no_parts(
    read: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told for how many samples, and the events are loaded."""
    monkeypatch.setattr(vcf, "MOST_CELLS", 1)
    loaded = read(_vcf(f"{BRAF} 0/1 0/0", samples="1 2"))
    assert loaded.report.notes[vcf.NOT_KEPT] == 2
    assert not _attachments(loaded)
    assert loaded.events.filter(pl.col("code") == SEQUENCED)["text_value"].to_list() == [None] * 2


def test_batches_are_bounded(read: Load) -> None:
    """A batch holds about as many rows as asked, and none is lost."""
    records = [f"chr7 {number} . A G . . . GT 0/1" for number in range(1, 51)]
    loaded = read(_vcf(*records), batch_rows=10)
    assert [batch.events.height for batch in loaded.batches if batch.events.height] == [10] * 5 + [
        1
    ]


def test_the_build_may_be_told_by_known_variants(read: Load) -> None:
    """CYP2C19*2 at its place in GRCh37, in a file whose header says nothing."""
    loaded = read(_vcf("10 96541616 rs4244285 G A . . . GT 0/1", header=""))
    assert _variants(loaded)[0][1] == "VARIANT//GRCh37//10-96541616-G-A"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_vcf(f"{BRAF} 0/1", header=""), "genome build unknown"),
        (_vcf(f"{BRAF} 0/1", header="##reference=hg18\n"), "other than GRCh37 and GRCh38"),
        ("##fileformat=VCFv4.2\n", "no line of column names"),
        ("no vcf at all\n", "no VCF"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_one_line(
    read: Load, text: str, message: str
) -> None:
    """Unknown builds, and files named `.vcf` that are none."""
    with pytest.raises(InputError, match=message) as caught:
        read(text)
    assert len(caught.value.lines()) == 1


def test_a_file_of_sites_is_refused(read: Load) -> None:
    """Without samples there is nobody whose variants they are."""
    text = "##fileformat=VCFv4.2\n" + GRCH38 + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    with pytest.raises(InputError, match="no samples"):
        read(text)


# --- into a vault -------------------------------------------------------------------------------


@pytest.fixture
def opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> workflows.Opening:
    """Return what opens a fresh vault."""
    monkeypatch.setenv("OSLER_STATE", str(tmp_path / "state"))
    opening = workflows.Opening(tmp_path / "vault", tmp_path / "key", "dr.example", "test")
    workflows.init_vault(opening)
    return opening


def test_a_vault_takes_events_and_files_once(opening: workflows.Opening, tmp_path: Path) -> None:
    """What was loaded is read back; the same file again loads nothing."""
    path = tmp_path / "a.vcf"
    path.write_text(_vcf(f"{BRAF} 0/1 0/0", samples="1 2"))
    report = workflows.load(opening, "genome", path)
    assert (report.read, report.loaded) == (1, 1)
    assert workflows.load(opening, "genome", path).already_loaded
    vault = opening.open()
    (name,) = vault.attachments(2)
    with open_vcf(Stored.parts(name, lambda: vault.attachment(2, name))) as opened:
        assert opened.samples == ("2",)
    codes = {SEQUENCED, "VARIANT//GRCh38//7-140753336-A-T"}
    assert set(vault.subject_events(1)["code"]) == codes
    assert workflows.verify_vault(opening).sound


def test_an_erased_subject_gets_neither_events_nor_a_file(
    opening: workflows.Opening, tmp_path: Path
) -> None:
    """Another file of the same subject brings nothing back, and the records are refused."""
    path = tmp_path / "a.vcf"
    path.write_text(_vcf(f"{BRAF} 0/1 0/0", samples="1 2"))
    workflows.load(opening, "genome", path)
    workflows.erase_subject(opening, 1)
    again = tmp_path / "b.vcf"
    again.write_text(_vcf(f"{BRAF} 1/1", "chr7 5 . A G . . . GT 0/1", samples="1"))
    report = workflows.load(opening, "genome", again)
    assert (report.loaded, report.why) == (0, {ERASED: 2})
    assert opening.open().subject_ids().to_list() == [2]
    assert opening.open().attachments(1) == []


def test_a_person_without_any_variant_is_in_the_vault(
    opening: workflows.Opening, tmp_path: Path
) -> None:
    """Looked at and all reference is not the same as not looked at."""
    path = tmp_path / "a.vcf"
    path.write_text(_vcf(f"{BRAF} 0/0", samples="1"))
    report = workflows.load(opening, "genome", path)
    assert report.why == {vcf.NOT_CARRIED: 1}
    assert opening.open().subject_events(1)["code"].to_list() == [SEQUENCED]
    assert len(opening.open().attachments(1)) == 1


def test_a_load_that_fails_leaves_the_vault_as_it_was(
    opening: workflows.Opening, tmp_path: Path
) -> None:
    """A file that is cut short brings nothing, not even its first half."""
    path = tmp_path / "a.vcf.gz"
    records = [f"chr7 {number} . A G . . . GT 0/1" for number in range(1, 30_000)]
    path.write_bytes(gzip.compress(_vcf(*records).encode())[:-40])
    with pytest.raises(InputError, match="cut short"):
        workflows.load(opening, "genome", path)
    assert workflows.vault_info(opening)["subjects"] == 0
