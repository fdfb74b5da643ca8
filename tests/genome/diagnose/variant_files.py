"""Small VCFs of a patient, of ClinVar and of gnomAD, in the layout of the real ones."""

from __future__ import annotations

from pathlib import Path

GRCH38 = "##contig=<ID=17,length=83257441>\n"
GRCH37 = "##contig=<ID=17,length=81195210>\n"
CSQ_PARTS = (
    "Allele|Consequence|SYMBOL|Feature|BIOTYPE|EXON|HGVSc|HGVSp|Protein_position|Codons|STRAND|"
    "CANONICAL|REVEL|SpliceAI_pred_DS_AG|SpliceAI_pred_DS_AL|SpliceAI_pred_DS_DG|"
    "SpliceAI_pred_DS_DL"
)
CSQ = (
    '##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. '
    f'Format: {CSQ_PARTS}">\n'
)
CLINVAR = (
    "##fileDate=2026-01-04\n##source=ClinVar\n##reference=GRCh38\n"
    '##INFO=<ID=CLNSIG,Number=.,Type=String,Description="classification">\n'
    '##INFO=<ID=CLNREVSTAT,Number=.,Type=String,Description="review status">\n'
)
GNOMAD = (
    '##INFO=<ID=AF,Number=A,Type=Float,Description="frequency">\n'
    '##INFO=<ID=AF_grpmax,Number=A,Type=Float,Description="highest frequency">\n'
)
REVIEW = {
    0: "no_assertion_criteria_provided",
    1: "criteria_provided,_single_submitter",
    2: "criteria_provided,_multiple_submitters,_no_conflicts",
    3: "reviewed_by_expert_panel",
}


def csq(gene: str, consequence: str, alternate: str = "A", **parts: str) -> str:
    """Return an INFO field of VEP with one entry."""
    told = {"Allele": alternate, "Consequence": consequence, "SYMBOL": gene, **parts}
    return "CSQ=" + "|".join(told.get(name, "") for name in CSQ_PARTS.split("|"))


def row(
    place: str, genotypes: str = "0/1", info: str = ".", filters: str = "PASS", chrom: str = "17"
) -> str:
    """Return a record; `place` is position, reference and alternates."""
    position, reference, alternates = place.split()
    fields = [chrom, position, ".", reference, alternates, ".", filters, info]
    return "\t".join([*fields, "GT", *genotypes.split()]) + "\n"


def patient(
    folder: Path,
    *rows: str,
    header: str = GRCH38 + CSQ,
    samples: str = "P1",
    name: str = "patient.vcf",
) -> Path:
    """Write a patient's VCF."""
    columns = "\t".join(
        ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples.split()]
    )
    path = folder / name
    path.write_text(f"##fileformat=VCFv4.2\n{header}{columns}\n{''.join(rows)}")
    return path


def sites(folder: Path, header: str, *rows: str, name: str) -> Path:
    """Write a VCF without samples; a row is `chrom position ref alt filter info`."""
    path = folder / name
    lines = []
    for one in rows:
        chrom, position, reference, alternates, filters, info = one.split(" ", 5)
        lines.append("\t".join([chrom, position, "77", reference, alternates, ".", filters, info]))
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"
    path.write_text(
        f"##fileformat=VCFv4.2\n{header}{columns}\n" + "".join(f"{line}\n" for line in lines)
    )
    return path


def clinvar_row(
    place: str,
    significance: str,
    stars: int = 2,
    gene: str = "BRCA1",
    term: str = "missense_variant",
    chrom: str = "17",
) -> str:
    """Return a row of ClinVar; `place` is position, reference and alternate."""
    info = (
        f"CLNSIG={significance};CLNREVSTAT={REVIEW[stars]};GENEINFO={gene}:672;MC=SO:0001583|{term}"
    )
    return f"{chrom} {place} . {info}"


def clinvar(folder: Path, *rows: str, header: str = CLINVAR, name: str = "clinvar.vcf") -> Path:
    """Write a ClinVar VCF."""
    return sites(folder, header, *rows, name=name)


def gnomad(folder: Path, *rows: str, header: str = GNOMAD, name: str = "gnomad.vcf") -> Path:
    """Write a gnomAD sites VCF; a row is `chrom position ref alt filter info`."""
    return sites(folder, header, *rows, name=name)
