"""Tumours from files: MAF, VCF, copy number, fusions, assayed genes; sound and hostile."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest

from osler.errors import InputError
from osler.genome.somatic import Alteration, load
from osler.genome.somatic.maf import TumourFile, read_maf
from osler.genome.somatic.match import matches_of
from osler.genome.somatic.measurements import read_assayed, read_copy_number, read_fusions
from osler.genome.somatic.names import Kind
from osler.genome.somatic.vcf import read_somatic_vcf

MAF_HEADER = (
    "Hugo_Symbol\tNCBI_Build\tChromosome\tStart_Position\tReference_Allele\tTumor_Seq_Allele1\t"
    "Tumor_Seq_Allele2\tTumor_Sample_Barcode\tVariant_Classification\tHGVSp_Short\tHGVSc\t"
    "Exon_Number\tt_alt_count\tt_ref_count\tMutation_Status"
)
BRAF = (
    "BRAF\tGRCh37\t7\t140453136\tA\tA\tT\tT1\tMissense_Mutation\tp.V600E\t"
    "c.1799T>A\t15/18\t30\t70\t"
)
VCF_HEADER = """##fileformat=VCFv4.2
##contig=<ID=1,length=249250621,species="Homo sapiens">
##FILTER=<ID=PASS,Description="All filters passed">
##FILTER=<ID=weak,Description="weak evidence">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Allelic depths">
"""
CSQ = (
    '##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. '
    'Format: Allele|Consequence|SYMBOL|HGVSc|HGVSp|EXON|CANONICAL">\n'
)
ANN = '##INFO=<ID=ANN,Number=.,Type=String,Description="Functional annotations">\n'
COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"


def maf(folder: Path, *rows: str, header: str = MAF_HEADER) -> Path:
    """Write a MAF."""
    path = folder / "tumour.maf"
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


def vcf(folder: Path, *rows: str, header: str = VCF_HEADER, samples: str = "TUMOR") -> Path:
    """Write a VCF."""
    path = folder / "tumour.vcf"
    path.write_text(f"{header}{COLUMNS}{samples}\n" + "\n".join(rows) + "\n", "utf-8")
    return path


def read_vcf(path: Path, sample: str | None = None) -> TumourFile:
    """Read a VCF against the release that ships."""
    return read_somatic_vcf(path, sample, load())


def alterations(file: TumourFile) -> list[Alteration]:
    """Return the alterations of the only sample."""
    (found,) = file.tumours.values()
    return found


def test_a_maf_gives_its_alterations(tmp_path: Path) -> None:
    """Gene, class, changes, exon, place and share of reads are read."""
    (one,) = alterations(read_maf(maf(tmp_path, BRAF)))
    assert (one.gene, one.classification) == ("BRAF", "Missense_Mutation")
    assert (one.protein, one.coding, one.exon) == ("p.V600E", "c.1799T>A", 15)
    assert (one.allele_fraction, one.depth) == (0.3, 100)
    assert one.place in load().by_place


def test_a_packed_maf_and_parquet_are_the_same(tmp_path: Path) -> None:
    """However it is stored, it says the same."""
    plain = maf(tmp_path, BRAF)
    packed, columns = tmp_path / "packed.maf.gz", tmp_path / "tumour.parquet"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    pl.read_csv(plain, separator="\t", infer_schema_length=0).write_parquet(columns)
    assert read_maf(plain).tumours == read_maf(packed).tumours == read_maf(columns).tumours


def test_every_sample_is_a_tumour_with_or_without_mutations(tmp_path: Path) -> None:
    """A sample listed as sequenced has an empty list; others keep their own."""
    header = "#Sequenced_Samples: T1 T2 T3\n" + MAF_HEADER
    file = read_maf(maf(tmp_path, BRAF, BRAF.replace("\tT1\t", "\tT3\t"), header=header))
    assert {name: len(found) for name, found in file.tumours.items()} == {"T1": 1, "T2": 0, "T3": 1}


def test_a_maf_of_vep_terms_is_read(tmp_path: Path) -> None:
    """Sequence Ontology terms stand for classes; an unknown word leaves the protein change."""
    rows = [
        BRAF.replace("Missense_Mutation", "missense_variant&splice_region_variant"),
        BRAF.replace("Missense_Mutation", "Curious").replace("V600E", "V600K"),
    ]
    file = read_maf(maf(tmp_path, *rows))
    assert [one.classification for one in alterations(file)] == ["Missense_Mutation", None]
    assert any("class unknown here" in note for note in file.told())


@pytest.mark.parametrize(
    ("row", "note"),
    [
        (BRAF.replace("\tT1\t", "\t\t"), "without a sample"),
        (BRAF.replace("BRAF", "Unknown", 1), "without a gene"),
        (BRAF + "Germline", "germline"),
        (BRAF.rpartition("\t")[0], "wrong number of columns"),
        (BRAF, "given twice"),
    ],
    ids=["no sample", "no gene", "germline", "cut short", "repeated"],
)
def test_a_bad_record_is_counted_and_the_rest_answered(tmp_path: Path, row: str, note: str) -> None:
    """One record is left out with its reason; the good one stays."""
    file = read_maf(maf(tmp_path, BRAF, row))
    assert len(alterations(file)) == 1
    assert any(note in told and told.startswith(("1 ", "rows")) for told in file.told())


def test_an_impossible_place_is_no_place(tmp_path: Path) -> None:
    """Coordinates that cannot be are left out; the words still count."""
    row = BRAF.replace("140453136", "minus one").replace("\t30\t70\t", "\t-3\tx\t")
    (one,) = alterations(read_maf(maf(tmp_path, row)))
    assert one.place is None
    assert one.allele_fraction is None
    assert one.protein == "p.V600E"


@pytest.mark.parametrize(
    "header",
    [
        "Hugo_Symbol\tVariant_Classification\tHGVSp_Short",
        "Tumor_Sample_Barcode\tHugo_Symbol",
        "chrom\tpos\tref",
    ],
)
def test_a_maf_without_its_columns_is_refused(tmp_path: Path, header: str) -> None:
    """Each absent column is named."""
    with pytest.raises(InputError, match=r"absent"):
        read_maf(maf(tmp_path, header=header))


def test_an_empty_maf_is_refused_and_one_without_rows_is_not(tmp_path: Path) -> None:
    """No header is a fault; no mutation is an answer."""
    empty = tmp_path / "empty.maf"
    empty.write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        read_maf(empty)
    assert read_maf(maf(tmp_path)).tumours == {}


V600E = "7\t140453136\t.\tA\tT\t.\tPASS\t.\tGT:AD\t0/1:60,20"


def test_an_unannotated_vcf_is_matched_by_allele(tmp_path: Path) -> None:
    """An allele that CIViC names brings its gene and change; others are counted, not guessed."""
    file = read_vcf(vcf(tmp_path, V600E, V600E.replace("140453136", "140453100")))
    (one,) = alterations(file)
    assert (one.gene, one.protein, one.classification) == ("BRAF", "p.V600E", "Missense_Mutation")
    assert one.allele_fraction == 0.25
    assert not file.annotated
    assert file.build == "GRCh37"
    assert any(note.startswith("1 variants at no allele") for note in file.told())


def test_civics_own_vcf_finds_civics_variants(tmp_path: Path) -> None:
    """Every allele of the release's VCF leads back to its variant, but for polymorphisms."""
    civic = load()
    lines = civic.release.read("accepted_vcf").decode("utf-8").splitlines()
    written = [line.split("\t") for line in lines if not line.startswith("#")]
    # A few of its insertions have no reference base, which VCF does not allow.
    records = [one for one in written if one[3] and one[4]]
    assert len(records) > len(written) - 10
    asked = {int(one[2]) for one in records} & set(civic.evidence)
    rows = ["\t".join([*one[:5], ".", "PASS", ".", "GT", "0/1"]) for one in records]
    found = alterations(read_vcf(vcf(tmp_path, *rows)))
    matched = {one.number for own in found for one, _ in matches_of(own, [own], civic)}
    lost = [civic.variants[number] for number in asked - matched]
    assert len(asked) > 600
    assert {one.name.patterns[0].kind for one in lost} == {Kind.POLYMORPHISM}


def test_another_build_without_annotation_matches_nothing(tmp_path: Path) -> None:
    """Coordinates of GRCh38 are not taken for those of GRCh37."""
    header = VCF_HEADER.replace("249250621", "248956422")
    file = read_vcf(vcf(tmp_path, V600E, header=header))
    assert alterations(file) == []
    assert any("nothing was matched" in note for note in file.told())


def test_the_build_that_a_file_was_lifted_to_is_known(tmp_path: Path) -> None:
    """CrossMap's line tells the build where there are no contigs."""
    bare = VCF_HEADER.replace(",length=249250621", "")
    header = bare + "##new_reference_genome=/data/hg19/ucsc.hg19.fa\n"
    assert read_vcf(vcf(tmp_path, V600E, header=header)).build == "GRCh37"


def test_a_file_without_contigs_has_no_build(tmp_path: Path) -> None:
    """A build that is not told is not assumed."""
    header = VCF_HEADER.replace(",length=249250621", "")
    file = read_vcf(vcf(tmp_path, V600E, header=header))
    assert file.build is None
    assert alterations(file) == []


def test_the_annotation_of_vep_is_read(tmp_path: Path) -> None:
    """The canonical transcript's gene, class, changes and exon count, whatever stands first."""
    info = (
        "CSQ=T|downstream_gene_variant|OTHER||||,"
        "T|missense_variant|BRAF|ENST1:c.1799T>A|ENSP1:p.Val600Glu|15/18|YES"
    )
    row = V600E.replace("\t.\tGT", f"\t{info}\tGT")
    (one,) = alterations(read_vcf(vcf(tmp_path, row, header=VCF_HEADER + CSQ)))
    assert (one.gene, one.classification, one.exon) == ("BRAF", "Missense_Mutation", 15)
    assert (one.protein, one.coding) == ("p.Val600Glu", "c.1799T>A")


def test_the_annotation_of_snpeff_is_read(tmp_path: Path) -> None:
    """ANN in its standard order, on any build."""
    info = (
        "ANN=T|missense_variant|MODERATE|BRAF|ENSG|transcript|ENST|protein_coding|15/18|"
        "c.1799T>A|p.Val600Glu|1799|1799|600||"
    )
    row = V600E.replace("\t.\tGT", f"\t{info}\tGT")
    header = VCF_HEADER.replace("249250621", "248956422") + ANN
    file = read_vcf(vcf(tmp_path, row, header=header))
    assert [one.protein for one in alterations(file)] == ["p.Val600Glu"]
    assert file.annotated


def test_each_allele_has_its_own_annotation(tmp_path: Path) -> None:
    """Of two alleles each gets its own entry, and only the one that the tumour carries counts."""
    info = "CSQ=T|missense_variant|BRAF||p.Val600Glu||,C|missense_variant|BRAF||p.Val600Gly||"
    row = f"7\t140453136\t.\tA\tT,C\t.\tPASS\t{info}\tGT:AD\t0/2:60,0,20"
    file = read_vcf(vcf(tmp_path, row, header=VCF_HEADER + CSQ))
    (one,) = alterations(file)
    assert (one.protein, one.allele_fraction) == ("p.Val600Gly", 0.25)
    assert any("does not carry" in note for note in file.told())


@pytest.mark.parametrize(
    ("row", "note"),
    [
        (V600E.replace("PASS", "weak"), "filtered"),
        (V600E.replace("0/1", "0/0"), "does not carry"),
        (V600E.replace("\tA\tT\t", "\tA\t<DEL>\t"), "symbolic"),
        (V600E.replace("\tA\tT\t", "\tA\t*\t"), "symbolic"),
    ],
)
def test_what_does_not_count_is_counted(tmp_path: Path, row: str, note: str) -> None:
    """Filtered records, alleles the tumour lacks and symbols are left out and told."""
    file = read_vcf(vcf(tmp_path, row))
    assert alterations(file) == []
    assert any(note in told for told in file.told())


def test_of_two_samples_the_tumour_has_to_be_known(tmp_path: Path) -> None:
    """By name, by the header, or by the word TUMOR; else the file is refused."""
    row = V600E + "\t0/0:50,0"
    unclear = vcf(tmp_path, row, samples="S1\tS2")
    with pytest.raises(InputError, match="--tumour-sample"):
        read_vcf(unclear)
    with pytest.raises(InputError, match="not there"):
        read_vcf(unclear, "S3")
    assert len(alterations(read_vcf(unclear, "S1"))) == 1
    assert alterations(read_vcf(unclear, "S2")) == []
    assert len(alterations(read_vcf(vcf(tmp_path, row, samples="TUMOR\tNORMAL")))) == 1
    header = VCF_HEADER + "##tumor_sample=S1\n"
    assert len(alterations(read_vcf(vcf(tmp_path, row, header=header, samples="S1\tS2")))) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"##fileformat=VCFv4.2\nnonsense\n",
        b"##fileformat=VCFv4.2\n",
        b"##fileformat=VCFv4.2\n#CHROM\tPOS\n",
        gzip.compress(b"##fileformat=VCFv4.2\n" * 999, mtime=0)[:60],
    ],
    ids=["no columns", "header only", "columns cut", "gzip cut"],
)
def test_what_is_no_vcf_is_refused(tmp_path: Path, content: bytes) -> None:
    """Something else that begins like one gives a fault, not a crash."""
    path = tmp_path / "broken.vcf"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_vcf(path)


def test_a_broken_line_is_counted_and_the_rest_answered(tmp_path: Path) -> None:
    """A line cut short, a position that is none and a repeated record leave the sound one."""
    rows = ["7\t140453136\t.\tA", V600E.replace("140453136", "here"), V600E, V600E]
    file = read_vcf(vcf(tmp_path, *rows))
    assert len(alterations(file)) == 1
    assert any(note.startswith("2 lines") for note in file.told())
    assert any("given twice" in note for note in file.told())


@pytest.mark.parametrize("genotype", ["1", "1/1", "./1", "0|1"])
def test_half_and_single_calls_carry_the_allele(tmp_path: Path, genotype: str) -> None:
    """One copy told is a copy."""
    assert len(alterations(read_vcf(vcf(tmp_path, V600E.replace("0/1", genotype))))) == 1


def test_a_vcf_without_samples_is_one_tumour(tmp_path: Path) -> None:
    """Sites alone are taken as the tumour's."""
    path = tmp_path / "sites.vcf"
    columns = COLUMNS.removesuffix("\tFORMAT\t")
    path.write_text(f"{VCF_HEADER}{columns}\n7\t140453136\t.\tA\tT\t.\t.\t.\n", "utf-8")
    assert len(alterations(read_vcf(path))) == 1


def table(folder: Path, *lines: str) -> Path:
    """Write a table."""
    path = folder / "table.tsv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.mark.parametrize(
    ("said", "call"),
    [
        ("AMPLIFICATION", "amplification"),
        ("2", "amplification"),
        ("2.0", "amplification"),
        ("-2", "deletion"),
        ("homdel", "deletion"),
        ("GAIN", "gain"),
        ("NEUT", "neutral"),
        ("LOH", "loss of heterozygosity"),
    ],
)
def test_calls_are_read_in_words_and_numbers(tmp_path: Path, said: str, call: str) -> None:
    """Words in any case, and the numbers of GISTIC."""
    measured = read_copy_number(table(tmp_path, "gene\tcall", f"ERBB2\t{said}"), None, load())
    assert [one.call for one in measured.of("any")] == [call]


def test_copy_number_of_several_samples_stays_with_its_sample(tmp_path: Path) -> None:
    """A column of samples keeps tumours apart."""
    path = table(tmp_path, "Sample\tGene\tCall", "T1\tERBB2\tamp", "T2\tPTEN\tdel")
    measured = read_copy_number(path, None, load())
    assert measured.names_samples
    assert [one.gene for one in measured.of("T1")] == ["ERBB2"]
    assert measured.of("T3") == ()


SEGMENTS = "Chromosome\tStart\tEnd\tnMajor\tnMinor"
DIPLOID = "1\t1\t240000000\t1\t1"


@pytest.mark.parametrize(
    ("copies", "call"),
    [
        ("8\t1", "amplification"),
        ("0\t0", "deletion"),
        ("2\t0", "loss of heterozygosity"),
        ("1\t1", "neutral"),
    ],
)
def test_segments_are_called_by_the_copies_of_both_alleles(
    tmp_path: Path, copies: str, call: str
) -> None:
    """A segment over ERBB2 in a genome of two copies."""
    path = table(tmp_path, SEGMENTS, DIPLOID, f"17\t37000000\t39000000\t{copies}")
    calls = {one.gene: one.call for one in read_copy_number(path, "GRCh37", load()).of("x")}
    assert calls["ERBB2"] == call
    assert "TP53" not in calls


def test_a_doubled_genome_needs_more_copies(tmp_path: Path) -> None:
    """Six copies are an amplification of a diploid genome and not of a tetraploid one."""
    over = "17\t37000000\t39000000\t4\t2"
    doubled = table(tmp_path, SEGMENTS, DIPLOID, over)
    text = doubled.read_text("utf-8").replace("1\t1\t240000000\t1\t1", "1\t1\t240000000\t2\t2")
    doubled.write_text(text, "utf-8")
    calls = {one.gene: one.call for one in read_copy_number(doubled, "GRCh37", load()).of("x")}
    assert calls["ERBB2"] == "neutral"


def test_segments_of_another_build_place_no_gene(tmp_path: Path) -> None:
    """Genes are placed on GRCh37; other coordinates give a note, not a call."""
    path = table(tmp_path, SEGMENTS, "17\t37000000\t39000000\t8\t1")
    measured = read_copy_number(path, "GRCh38", load())
    assert measured.of("x") == ()
    assert "no gene's copies are known" in measured.notes[0]


@pytest.mark.parametrize(
    "lines",
    [
        ("a\tb", "1\t2"),
        ("gene\tcall", "ERBB2\tplenty"),
        (SEGMENTS, "17\t5\t1\t1\t1"),
        (SEGMENTS, "17\t1\t5\t-1\t1"),
        (SEGMENTS, "17\t1\t5\tnan\t1"),
    ],
)
def test_copy_number_that_cannot_be_is_refused(tmp_path: Path, lines: tuple[str, ...]) -> None:
    """A file of which no row can be read gives a fault."""
    with pytest.raises(InputError):
        read_copy_number(table(tmp_path, *lines), "GRCh37", load())


@pytest.mark.parametrize(
    ("lines", "partners"),
    [
        (("FusionGene\tReads", "EML4--ALK\t9"), ("EML4", "ALK")),
        (("fusion", "EML4::ALK"), ("EML4", "ALK")),
        (("FusionGene", "--ALK"), ("", "ALK")),
        (("gene1\tgene2", "EML4\tALK"), ("EML4", "ALK")),
    ],
)
def test_fusions_are_read(
    tmp_path: Path, lines: tuple[str, ...], partners: tuple[str, str]
) -> None:
    """Both partners, or the one that is known."""
    (one,) = read_fusions(table(tmp_path, *lines)).of("x")
    assert one.partners == partners
    assert one.gene


def test_a_bad_fusion_is_told_and_the_rest_kept(tmp_path: Path) -> None:
    """One row that cannot be read is noted; a file of nothing else is refused."""
    measured = read_fusions(table(tmp_path, "FusionGene", "EML4--ALK", "--", "EML4--ALK\tmore"))
    assert len(measured.of("x")) == 1
    assert measured.notes[0].startswith("2 fusions")
    with pytest.raises(InputError):
        read_fusions(table(tmp_path, "FusionGene", "--"))
    with pytest.raises(InputError):
        read_fusions(table(tmp_path, "other", "EML4--ALK"))


def test_a_table_without_rows_says_that_nothing_was_found(tmp_path: Path) -> None:
    """A header alone is an empty result, not an absent one."""
    assert read_fusions(table(tmp_path, "FusionGene")).of("x") == ()


@pytest.mark.parametrize(
    ("lines", "genes"),
    [
        (("PIK3CA", "# note", "TP53", ""), {"PIK3CA", "TP53"}),
        (("3\t178866310\t178952500\tPIK3CA_exon10", "17\t1\t9\tTP53"), {"PIK3CA", "TP53"}),
    ],
)
def test_assayed_genes_come_from_a_list_or_a_bed(
    tmp_path: Path, lines: tuple[str, ...], genes: set[str]
) -> None:
    """One symbol a line, or the names of the intervals."""
    names = read_assayed(table(tmp_path, *lines))
    assert {name.split("_")[0] for name in names} == genes


@pytest.mark.parametrize("lines", [("",), ("3\t1\t9",), ("a gene with spaces\tx",)])
def test_assayed_genes_that_are_none_are_refused(tmp_path: Path, lines: tuple[str, ...]) -> None:
    """Nothing, intervals without names, and prose."""
    with pytest.raises(InputError):
        read_assayed(table(tmp_path, *lines))
