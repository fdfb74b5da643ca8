"""What a variant file says of the pharmacogenomic positions, and what it does not say."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from osler.errors import InputError
from osler.genome.pgx.definitions import Definitions
from osler.genome.pgx.nouns import GeneGenotypes, Position, State
from osler.genome.pgx.positions37 import PositionMap
from osler.genome.pgx.reading import NO_POSITION, VcfGenotypes, read
from osler.genome.pgx.sites import Sites
from osler.genome.pgx.spelling import Repeats, Set, meanings_of
from osler.sources.vcf import Record, Stored

GRCH38 = "##contig=<ID=chr10,length=133797422>\n"
GRCH37 = "##contig=<ID=10,length=135534747>\n"
STAR_2 = "chr10 94781859 rs4244285 G A . PASS . GT"
Read = Callable[..., VcfGenotypes]


@cache
def definitions() -> Definitions:
    """Return the definitions that ship with osler."""
    return Definitions.load()


def _text(records: Sequence[str], samples: Sequence[str], header: str) -> str:
    columns = "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"])
    names = "\t".join([columns, *samples])
    rows = "".join(one.replace(" ", "\t") + "\n" for one in records)
    return f"##fileformat=VCFv4.2\n{header}{names}\n{rows}"


def _read(
    *records: str,
    samples: Sequence[str] = ("S1",),
    header: str = GRCH38,
    wanted: Sequence[str] | None = None,
) -> VcfGenotypes:
    content = _text(records, samples, header).encode()
    stored = Stored.parts("test.vcf", lambda: iter([content]))
    return read(stored, definitions(), samples=wanted)


def _row(found: GeneGenotypes, position: int) -> int:
    return [one.position for one in found.positions].index(position)


def _at(found: VcfGenotypes, gene: str, position: int, sample: int = 0) -> tuple[State, str]:
    """Return the state and the genotype of a sample, such as `A/G`; a dot for no allele."""
    one = found.genes[gene]
    row = _row(one, position)
    shown = [
        one.alleles[row][index] if index >= 0 else "."
        for index in (int(one.first[row, sample]), int(one.second[row, sample]))
        if index != -2
    ]
    return State(one.state[row, sample]), "/".join(shown)


def _reasons(found: VcfGenotypes, gene: str) -> dict[int, str]:
    return {one.position: one.reason for one in found.genes[gene].discarded}


# --- states -------------------------------------------------------------------------------------


def test_the_five_states() -> None:
    """Called, reference with evidence, missing, not assayed and set aside are told apart."""
    found = _read(
        f"{STAR_2} 0/1",
        "chr10 94780600 . A <NON_REF> . . END=94780700 GT:GQ 0/0:60",
        "chr10 94775367 . A G . . . GT ./.",
        "chr10 94775416 . T <DEL> . . . GT 0/1",
    )
    assert _at(found, "CYP2C19", 94781859) == (State.CALLED, "G/A")
    assert _at(found, "CYP2C19", 94780653) == (State.REFERENCE, "G/G")
    assert _at(found, "CYP2C19", 94775367) == (State.MISSING, "./.")
    assert _at(found, "CYP2C19", 94775416) == (State.DISCARDED, "./.")
    assert _at(found, "CYP2C19", 94762706) == (State.NOT_ASSAYED, "./.")
    assert _reasons(found, "CYP2C19") == {94775416: "a symbolic allele"}


def test_every_documented_allele_of_every_gene_is_read() -> None:
    """Written as the definition is, each allele comes back as itself, in the file's order."""
    records, expected = [], []
    for gene, definition in definitions().genes.items():
        for one in definition.all_positions:
            last = len(one.alleles) - 1
            fields = (one.chromosome, one.position, ".", one.alleles[0], ",".join(one.alleles[1:]))
            records.append(" ".join(map(str, fields)) + f" . . . GT {last}/0 1|1")
            expected.append((gene, one, f"{one.alleles[last]}/{one.alleles[0]}"))
    found = _read(*records, samples=("S1", "S2"))
    for gene, one, shown in expected:
        assert _at(found, gene, one.position) == (State.CALLED, shown)
        both = f"{one.alleles[1]}/{one.alleles[1]}"
        assert _at(found, gene, one.position, 1) == (State.CALLED, both)
    assert not any(one.discarded for one in found.genes.values())
    assert found.build == "GRCh38"
    assert not any(one.phased[:, 0].any() for one in found.genes.values())
    assert all(one.phased[:, 1].all() for one in found.genes.values())


def test_every_gene_is_there_and_nothing_is_reference_by_default() -> None:
    """A file without any position of a definition assays nothing, and says so."""
    found = _read("chr1 5 . A G . . . GT 0/1")
    assert list(found.genes) == list(definitions().genes)
    assert all((one.state == State.NOT_ASSAYED).all() for one in found.genes.values())
    assert all((one.first == -1).all() for one in found.genes.values())
    assert NO_POSITION in found.notes


def test_half_calls_are_missing_and_told() -> None:
    """One allele of two is no genotype."""
    found = _read(f"{STAR_2} 1/. ./0 0/1", samples=("a", "b", "c"))
    states = [_at(found, "CYP2C19", 94781859, sample)[0] for sample in range(3)]
    assert states == [State.MISSING, State.MISSING, State.CALLED]
    assert found.genes["CYP2C19"].notes == ((None, "94781859: half a genotype, taken as missing"),)


def test_one_copy_on_chr_x_and_two_equal_ones() -> None:
    """`1` is one copy; `1/1` stays two, as the file writes it, with a note."""
    record = "chrX 154536002 . C T . . . GT"
    found = _read(f"{record} 1 1/1 0", samples=("a", "b", "c"))
    shown = [_at(found, "G6PD", 154536002, sample)[1] for sample in range(3)]
    assert shown == ["T", "T/T", "C"]
    assert any("chrX" in text for _, text in found.genes["G6PD"].notes)
    assert not _read(f"{record} 1").genes["G6PD"].notes


def test_more_copies_than_two_are_set_aside() -> None:
    """A genotype of three alleles is none that can be matched."""
    found = _read(f"{STAR_2} 0/0/1 0/1", samples=("a", "b"))
    assert _at(found, "CYP2C19", 94781859)[0] == State.DISCARDED
    assert _at(found, "CYP2C19", 94781859, 1) == (State.CALLED, "G/A")


def test_phase_and_phase_sets_are_kept() -> None:
    """Order, phase and the number of the phase set, 0 where there is none."""
    found = _read(
        "chr10 94781859 . G A . . . GT:PS 1|0:94780000 0/1:.",
        "chr10 94780653 . G A . . . GT 0|1 0|1",
        samples=("a", "b"),
    )
    one = found.genes["CYP2C19"]
    row, other = _row(one, 94781859), _row(one, 94780653)
    assert one.phase_set[row].tolist() == [94780000, 0]
    assert one.phase_set[other].tolist() == [0, 0]
    assert one.phased[row].tolist() == [True, False]
    assert _at(found, "CYP2C19", 94781859)[1] == "A/G"


def test_undocumented_alternates_keep_their_own_sequence() -> None:
    """An allele that the definition does not have is added after those that it has."""
    found = _read("chr10 94781859 . G T,A,GTT . . . GT 1/3")
    one = found.genes["CYP2C19"]
    row = _row(one, 94781859)
    documented = one.positions[row].alleles
    assert one.alleles[row][: len(documented)] == documented
    assert _at(found, "CYP2C19", 94781859) == (State.CALLED, "T/GTT")


def test_samples_come_in_the_order_asked_for() -> None:
    """A part of the samples, in any order; one that is not there is a fault without its name."""
    record = f"{STAR_2} 0/0 0/1 1/1"
    found = _read(record, samples=("a", "b", "c"), wanted=("c", "a"))
    assert found.samples == ("c", "a")
    assert [_at(found, "CYP2C19", 94781859, n)[1] for n in (0, 1)] == ["A/A", "G/G"]
    with pytest.raises(InputError, match="1 samples") as caught:
        _read(record, samples=("a", "b", "c"), wanted=("a", "Smith"))
    assert "Smith" not in str(caught.value)


def test_a_file_of_sites_is_refused() -> None:
    """Without samples there is nobody to answer."""
    content = b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    with pytest.raises(InputError, match="no samples"):
        read(Stored.parts("a.vcf", lambda: iter([content])), definitions())


# --- doubtful records ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("chr10 94781859 . C A . . . GT 0/1", "the file has C for reference"),
        ("chr10 94781859 . N A . . . GT 0/1", "the file has N for reference"),
        ("chr10 94781858 . AT A . . . GT 0/1", "the file has T for reference"),
        ("chr10 94781859 . G <DEL> . . . GT 0/0", "a symbolic allele"),
        ("chr10 94781859 . G A,<DEL> . . . GT 0/2", "a symbolic allele"),
        ("chr10 94781859 . G A,<NON_REF> . . . GT 1/2", "a symbolic allele"),
        ("chr10 94781859 . G A,* . . . GT 1/2", "a deletion spans it"),
        ("chr10 94781859 . G N . . . GT 0/1", "an allele with an unknown base"),
        ("chr10 94781857 . CAG C . . . GT 0/1", "a deletion spans it"),
    ],
)
def test_what_cannot_be_trusted_is_set_aside_with_its_reason(record: str, reason: str) -> None:
    """Other reference, symbolic, spanning and unknown alleles are never a call."""
    found = _read(record, "chr10 94780653 . G A . . . GT 0/1")
    assert _at(found, "CYP2C19", 94781859) == (State.DISCARDED, "./.")
    assert _reasons(found, "CYP2C19")[94781859].startswith(reason)
    assert _at(found, "CYP2C19", 94780653) == (State.CALLED, "G/A")


def test_only_the_samples_with_the_doubtful_allele_are_set_aside() -> None:
    """Others of the same record are called."""
    found = _read("chr10 94781859 . G A,* . . . GT 0/1 1/2 0/0 ./.", samples=("a", "b", "c", "d"))
    states = [_at(found, "CYP2C19", 94781859, sample)[0] for sample in range(4)]
    assert states == [State.CALLED, State.DISCARDED, State.CALLED, State.MISSING]
    (one,) = found.genes["CYP2C19"].discarded
    assert one.samples == (1,)


def test_a_deletion_over_a_called_position_is_told_and_overrules_nothing() -> None:
    """In either order of the records; who does not carry it hears nothing."""
    deletion = "chr10 94781857 . CAG C . . . GT 0/1 0/0"
    for records in ([deletion, f"{STAR_2} 0/1 0/1"], [f"{STAR_2} 0/1 0/1", deletion]):
        found = _read(*records, samples=("a", "b"))
        assert _at(found, "CYP2C19", 94781859) == (State.CALLED, "G/A")
    assert found.genes["CYP2C19"].notes == ((0, "94781859: a deletion spans it in another record"),)


def test_a_filter_that_failed_is_told_and_the_genotype_is_used() -> None:
    """The note names the position and the filter."""
    found = _read("chr10 94781859 . G A . LowQual . GT 0/1")
    assert _at(found, "CYP2C19", 94781859) == (State.CALLED, "G/A")
    assert found.genes["CYP2C19"].notes == ((None, "94781859: used though its FILTER is LowQual"),)


def test_a_record_with_too_few_columns_is_told_and_the_rest_is_answered() -> None:
    """Whose genotype is whose is not known, so it is nobody's."""
    found = _read(f"{STAR_2} 0/1", "chr10 94780653 . G A . . . GT 0/1 1/1", samples=("a", "b"))
    assert _at(found, "CYP2C19", 94780653, 1) == (State.CALLED, "A/A")
    assert _at(found, "CYP2C19", 94781859)[0] == State.NOT_ASSAYED
    assert any("columns" in text for text in found.notes)


# --- several records at one position ------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("0/1", "0/1", (State.CALLED, "G/A")),
        ("0/1", "1/0", (State.CALLED, "G/A")),
        ("0|1", "0|1", (State.CALLED, "G/A")),
        ("./.", "0/1", (State.CALLED, "G/A")),
        ("0/1", "./.", (State.CALLED, "G/A")),
        ("./.", "./.", (State.MISSING, "./.")),
        ("0/1", "1/1", (State.DISCARDED, "./.")),
        ("0/0", "0/1", (State.DISCARDED, "./.")),
        ("0|1", "1|0", (State.DISCARDED, "./.")),
    ],
)
def test_equal_records_are_one_and_others_contradict(
    first: str, second: str, expected: tuple[State, str]
) -> None:
    """Two records of the same alleles."""
    found = _read(f"{STAR_2} {first}", f"{STAR_2} {second}")
    assert _at(found, "CYP2C19", 94781859) == expected
    contradictory = {94781859: "several records that contradict each other"}
    assert _reasons(found, "CYP2C19") == (contradictory if expected[0] == State.DISCARDED else {})


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("0/1", "0/0", (State.CALLED, "G/A")),
        ("0/0", "0/1", (State.CALLED, "G/C")),
        ("0/0", "0/0", (State.CALLED, "G/G")),
        ("0/1", "0/1", (State.CALLED, "A/C")),
        ("1/0", "0/1", (State.CALLED, "A/C")),
        ("1|0", "0|1", (State.CALLED, "A/C")),
        ("0|1", "1|0", (State.CALLED, "C/A")),
        ("1|0", "1|0", (State.DISCARDED, "./.")),
        ("1/1", "0/1", (State.DISCARDED, "./.")),
        ("1/1", "0/0", (State.CALLED, "A/A")),
    ],
)
def test_a_record_split_by_its_alternates_is_put_together(
    first: str, second: str, expected: tuple[State, str]
) -> None:
    """As `bcftools norm -m -` splits them: the reference of one is the alternate of the other."""
    found = _read(f"{STAR_2} {first}", f"chr10 94781859 . G C . . . GT {second}")
    assert _at(found, "CYP2C19", 94781859) == expected


def test_a_sound_record_beside_one_with_another_reference() -> None:
    """The sound one is used, in either order, and the other is told."""
    wrong = "chr10 94781859 . C A . . . GT 1/1"
    for records in ([wrong, f"{STAR_2} 0/1"], [f"{STAR_2} 0/1", wrong]):
        found = _read(*records)
        assert _at(found, "CYP2C19", 94781859) == (State.CALLED, "G/A")
        assert not found.genes["CYP2C19"].discarded
    assert "another record was set aside" in found.genes["CYP2C19"].notes[0][1]


# --- gVCF ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "state"),
    [
        ("chr10 94781800 . A <NON_REF> . . END=94781900 GT:GQ:MIN_DP 0/0:50:20", State.REFERENCE),
        ("chr10 94781800 . A <*> . . END=94781900 GT 0/0", State.REFERENCE),
        ("chr10 94781800 . A . . . END=94781900 GT 0/0", State.REFERENCE),
        ("chr10 94781859 . G <NON_REF> . . . GT 0/0", State.REFERENCE),
        ("chr10 94781800 . A <NON_REF> . . END=94781858 GT 0/0", State.NOT_ASSAYED),
        ("chr10 94781800 . A <NON_REF> . . END=94781900 GT ./.", State.MISSING),
        ("chr10 94781800 . A <NON_REF> . . END=94781900 GT:GQ 0/0:3", State.MISSING),
        ("chr10 94781800 . A <NON_REF> . . END=94781900 GT:DP 0/0:0", State.MISSING),
        ("chr10 94781859 . C <NON_REF> . . . GT 0/0", State.DISCARDED),
        ("chr10 93900000 . A <NON_REF> . . END=94900000 GT 0/0", State.REFERENCE),
    ],
)
def test_a_block_of_reference_is_evidence_if_it_is_good(block: str, state: State) -> None:
    """It reaches the position, was sequenced, and is of quality 20 or more."""
    found = _read(block, "chr10 94780653 . G A,<NON_REF> . . . GT 0/1")
    assert _at(found, "CYP2C19", 94781859)[0] == state
    shown = "G/G" if state == State.REFERENCE else "./."
    assert _at(found, "CYP2C19", 94781859)[1] == shown
    assert _at(found, "CYP2C19", 94780653) == (State.CALLED, "G/A")


def test_a_block_is_no_evidence_for_insertions_and_deletions() -> None:
    """Single bases only; the deletion's position is set aside with that reason."""
    found = _read("chr1 97450000 . A <NON_REF> . . END=97450100 GT:GQ 0/0:99")
    assert _at(found, "DPYD", 97450058) == (State.REFERENCE, "C/C")
    assert _at(found, "DPYD", 97450065)[0] == State.DISCARDED
    assert "no evidence" in _reasons(found, "DPYD")[97450065]
    called = _read(
        "chr1 97450000 . A <NON_REF> . . END=97450064 GT:GQ 0/0:99",
        "chr1 97450065 . TG T,<NON_REF> . . . GT 0/1",
        "chr1 97450067 . A <NON_REF> . . END=97450100 GT:GQ 0/0:99",
    )
    assert _at(called, "DPYD", 97450065) == (State.CALLED, "TG/T")
    assert not called.genes["DPYD"].discarded


# --- spelling -----------------------------------------------------------------------------------


def _indels() -> list[tuple[str, Position]]:
    return [
        (gene, one)
        for gene, definition in definitions().genes.items()
        for one in definition.all_positions
        if any(len(allele) != len(one.alleles[0]) for allele in one.alleles)
    ]


def _context(gene: str, position: Position) -> str:
    """Return the reference from a position on, as far as its HGVS name tells it."""
    sites, repeats = _sites()
    site = next(
        one for one in sites if one.gene == gene and one.position.position == position.position
    )
    return repeats(site)


def _spellings(position: Position, alternate: str, context: str) -> set[tuple[int, str, str]]:
    """Return every way to write an allele within the known reference, by trying them all."""
    reference = position.alleles[0]
    made = alternate + context[len(reference) :]
    found = set()
    for start in range(len(context)):
        for end in range(start + 1, len(context) + 1):
            tail = len(context) - end
            middle = made[start : len(made) - tail]
            if len(made) - tail <= start or made[:start] != context[:start]:
                continue
            if made[len(made) - tail :] == context[end:] and middle != context[start:end]:
                found.add((position.position + start, context[start:end], middle))
    return found


@cache
def _sites() -> tuple[Sites, Repeats]:
    return Sites.of(definitions(), "GRCh38", None), Repeats(definitions().release)


def _told(position: Position, spelling: tuple[int, str, str]) -> dict[tuple[str, int], object]:
    """Return what a record means, by gene and position, for all positions that it speaks of."""
    start, reference, alternate = spelling
    place = (position.chromosome, str(start), ".", reference, alternate)
    record = Record([one.encode() for one in (*place, ".", ".", ".", "GT", "0/1")], 1)
    sites, repeats = _sites()
    told = meanings_of(record, sites.met_by(record), repeats)
    return {(site.gene, site.position.position): one.alleles[1] for site, one in told}


@pytest.mark.parametrize("gene", sorted({gene for gene, _ in _indels()}))
def test_every_spelling_of_every_indel_is_its_allele(gene: str) -> None:
    """Moved to the right, not trimmed, or both: each is the allele that the definition has."""
    tried = 0
    for position in [one for own, one in _indels() if own == gene]:
        context = _context(gene, position)
        for alternate in position.alleles[1:]:
            spellings = sorted(_spellings(position, alternate, context))
            for spelling in spellings:
                told = _told(position, spelling)
                assert told.pop((gene, position.position)) == alternate
                # A deletion may span other positions; it is never another allele of one.
                assert set(told.values()) <= {Set.SPANNED}
            for start, reference, middle in (spellings[0], spellings[-1]):
                found = _read(f"{position.chromosome} {start} . {reference} {middle} . . . GT 0/1")
                shown = f"{position.alleles[0]}/{alternate}"
                assert _at(found, gene, position.position) == (State.CALLED, shown)
            tried += len(spellings)
    assert tried


def test_the_repeat_of_ugt1a1_is_found_at_its_other_end() -> None:
    """A TA more at the right end of seven, and merged with others in one record."""
    right = _read("chr2 233760248 . A ATA . . . GT 0/1")
    assert _at(right, "UGT1A1", 233760233) == (State.CALLED, "CAT/CATAT")
    merged = _read("chr2 233760233 . CATAT CATATAT,CAT,C . . . GT 1/2")
    assert _at(merged, "UGT1A1", 233760233) == (State.CALLED, "CATAT/C")


def test_a_base_within_a_longer_record_is_read() -> None:
    """Several bases replaced at once, and a base beside a deletion of the next ones."""
    replaced = _read("chr10 94781858 . AGG TAG . . . GT 0/1")
    assert _at(replaced, "CYP2C19", 94781859) == (State.CALLED, "G/A")
    beside = _read("chr10 94781859 . GAC AAC,G . . . GT 1/2")
    assert _at(beside, "CYP2C19", 94781859) == (State.CALLED, "A/G")


def test_an_indel_beside_a_base_says_nothing_of_it() -> None:
    """The base before a deletion is not assayed by it."""
    found = _read("chr10 94781859 . GA G . . . GT 0/1")
    assert _at(found, "CYP2C19", 94781859)[0] == State.NOT_ASSAYED


def test_a_base_inside_a_deletion_says_nothing_of_the_deletion() -> None:
    """G6PD has single bases within its long deletions."""
    found = _read("chrX 154533015 . G A . . . GT 0")
    assert _at(found, "G6PD", 154533012)[0] == State.NOT_ASSAYED


def test_another_change_at_an_indel_is_undocumented_or_spans() -> None:
    """A shorter deletion keeps its own sequence; a longer one spans."""
    shorter = _read("chr1 97740410 . GAT G . . . GT 0/1")
    assert _at(shorter, "DPYD", 97740410) == (State.CALLED, "GATGA/GGA")
    longer = _read("chr1 97740405 . ACCCCGATGATT A . . . GT 0/1")
    assert _at(longer, "DPYD", 97740410)[0] == State.DISCARDED


def test_an_indel_with_a_shorter_reference_is_set_aside() -> None:
    """`T` without alternate says nothing of TG to T; told, unless another record does."""
    short = "chr1 97450065 . T . . . . GT 0/0"
    found = _read(short)
    assert _at(found, "DPYD", 97450065)[0] == State.DISCARDED
    both = _read(short, "chr1 97450065 . TG T . . . GT 0/1")
    assert _at(both, "DPYD", 97450065) == (State.CALLED, "TG/T")
    assert not both.genes["DPYD"].discarded
    assert not both.genes["DPYD"].notes


# --- builds -------------------------------------------------------------------------------------


def test_grch37_gives_the_genotypes_of_grch38() -> None:
    """Every position is found at its place in GRCh37, with the reference allele of GRCh37."""
    places = PositionMap.load(definitions().release)
    records, expected, swapped = [], [], 0
    for gene, definition in definitions().genes.items():
        for one in definition.all_positions:
            place = places.of(gene, one)
            assert place is not None
            others = [allele for allele in one.alleles if allele != place.reference]
            swapped += place.reference != one.alleles[0]
            chromosome = one.chromosome.removeprefix("chr")
            fields = (chromosome, place.position, ".", place.reference, ",".join(others))
            records.append(" ".join(map(str, fields)) + " . . . GT 0/1")
            expected.append((gene, one.position, f"{place.reference}/{others[0]}"))
    found = _read(*records, header=GRCH37)
    assert found.build == "GRCh37"
    for gene, position, shown in expected:
        assert _at(found, gene, position) == (State.CALLED, shown)
    assert swapped >= 4
    assert any("GRCh37" in text for text in found.notes)


def test_places_derived_from_neighbours_are_those_of_the_table() -> None:
    """Left out of the table, a position of a gene other than CYP2D6 is derived as it was."""
    places = PositionMap.load(definitions().release)
    derived = wrong = 0
    for gene, definition in definitions().genes.items():
        for one in definition.positions if gene != "CYP2D6" else ():
            own = places.of(gene, one)
            assert own is not None
            if own.derived:
                continue
            chromosome = one.chromosome.removeprefix("chr")
            rest = {
                name: [place for place in listed if place != one.position]
                for name, listed in places.of_gene.items()
                if name in (gene, chromosome)
            }
            known = dict(places.known[chromosome])
            del known[one.position]
            again = PositionMap({chromosome: known}, rest).of(gene, one)
            derived += again is not None
            wrong += again is not None and again.position != own.position
    assert derived > 500
    assert wrong == 0


def test_rs12777823_is_where_dbsnp_has_it_in_grch37() -> None:
    """10:96405502 of GRCh37 (dbSNP 156), derived: the table does not have it."""
    found = _read("10 96405502 rs12777823 G A . . . GT 0/1", header=GRCH37)
    assert _at(found, "CYP2C9", 94645745) == (State.CALLED, "G/A")


def test_the_build_is_told_by_the_records_where_the_header_does_not() -> None:
    """The rs number, the reference allele and the alternate at a known place speak for it."""
    for position, build in ((94781859, "GRCh38"), (96541616, "GRCh37")):
        found = _read(f"10 {position} rs4244285 G A . . . GT 0/1", header="")
        assert found.build == build
        assert _at(found, "CYP2C19", 94781859) == (State.CALLED, "G/A")
        assert any(build in text for text in found.notes)


def test_a_file_that_tells_no_build_and_has_no_position_is_answered_with_a_note() -> None:
    """Nothing is assayed in either build, so nothing can be wrong."""
    found = _read("10 5 . G A . . . GT 0/1", header="")
    assert found.build is None
    assert any("does not tell" in text for text in found.notes)


@pytest.mark.parametrize(
    ("header", "record", "message"),
    [
        ("##contig=<ID=chr10,length=135374737>\n", STAR_2, "neither GRCh37 nor GRCh38"),
        ("##reference=hg18\n", STAR_2, "other than GRCh37 and GRCh38"),
        ("", "10 94781859 . C T . . . GT", "genome build unknown"),
        (GRCH38, "10 96541616 rs4244285 G A . . . GT", "a header of GRCh38 and records of GRCh37"),
        (GRCH37, STAR_2, "a header of GRCh37 and records of GRCh38"),
    ],
)
def test_wrong_and_unknown_builds_are_refused_in_one_line(
    header: str, record: str, message: str
) -> None:
    """Another build, a header that the records contradict, or nothing that tells."""
    with pytest.raises(InputError, match=message) as caught:
        _read(f"{record} 0/1", header=header)
    assert len(caught.value.lines()) == 1


# --- scale --------------------------------------------------------------------------------------


def test_many_samples_are_read_as_each_alone() -> None:
    """What is read at once for all is what is read for one."""
    rng = np.random.default_rng(3)
    words = ["0/0", "0/1", "1|1", "./.", "1/.", "2/1", "0", ".", "x", "0/1/1"]
    places = ((94781859, "A,*"), (94780653, "A,T"), (94775367, "G,GT"))
    drawn = {place: rng.choice(words, 60).tolist() for place, _ in places}
    references = {94781859: "G", 94780653: "G", 94775367: "A"}
    many = _read(
        *(
            f"chr10 {place} . {references[place]} {alternates} . . . GT {' '.join(drawn[place])}"
            for place, alternates in places
        ),
        samples=[f"S{number}" for number in range(60)],
    )
    for sample in range(60):
        alone = _read(
            *(
                f"chr10 {place} . {references[place]} {alternates} . . . GT {drawn[place][sample]}"
                for place, alternates in places
            )
        )
        for place, _ in places:
            assert _at(many, "CYP2C19", place, sample) == _at(alone, "CYP2C19", place)


def test_the_shared_example_is_read_whole() -> None:
    """PharmCAT's example names the reference at every position, exactly as the definitions do."""
    folder = os.environ.get("OSLER_DATA")
    if not folder:
        pytest.skip("needs OSLER_DATA")
    path = Path(folder) / "genome" / "pharmcat_cases" / "pharmcat.example.vcf"
    found = read(path, definitions())
    states = np.concatenate([one.state.ravel() for one in found.genes.values()])
    assert (states == State.CALLED).all()
    assert not found.notes
