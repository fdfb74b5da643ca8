"""Sequence Ontology consequences, as VEP and SnpEff write them, to the classes of MAF."""

from __future__ import annotations

# Order of severity and classes as vcf2maf has them (Kandoth, github.com/mskcc/vcf2maf,
# doi:10.5281/zenodo.593251), for the terms that a tumour's variants have.
_CLASSES = (
    ("transcript_ablation", "Splice_Site"),
    ("exon_loss_variant", "Splice_Site"),
    ("splice_donor_variant", "Splice_Site"),
    ("splice_acceptor_variant", "Splice_Site"),
    ("stop_gained", "Nonsense_Mutation"),
    ("frameshift_variant", "Frame_Shift"),
    ("stop_lost", "Nonstop_Mutation"),
    ("start_lost", "Translation_Start_Site"),
    ("initiator_codon_variant", "Translation_Start_Site"),
    ("inframe_insertion", "In_Frame_Ins"),
    ("conservative_inframe_insertion", "In_Frame_Ins"),
    ("disruptive_inframe_insertion", "In_Frame_Ins"),
    ("inframe_deletion", "In_Frame_Del"),
    ("conservative_inframe_deletion", "In_Frame_Del"),
    ("disruptive_inframe_deletion", "In_Frame_Del"),
    ("protein_altering_variant", "Protein_Altering"),
    ("missense_variant", "Missense_Mutation"),
    ("splice_region_variant", "Splice_Region"),
    ("splice_donor_5th_base_variant", "Splice_Region"),
    ("splice_donor_region_variant", "Splice_Region"),
    ("splice_polypyrimidine_tract_variant", "Splice_Region"),
    ("incomplete_terminal_codon_variant", "Silent"),
    ("start_retained_variant", "Silent"),
    ("stop_retained_variant", "Silent"),
    ("synonymous_variant", "Silent"),
    ("5_prime_UTR_variant", "5'UTR"),
    ("5_prime_UTR_premature_start_codon_gain_variant", "5'UTR"),
    ("3_prime_UTR_variant", "3'UTR"),
    ("non_coding_transcript_exon_variant", "RNA"),
    ("mature_miRNA_variant", "RNA"),
    ("intron_variant", "Intron"),
    ("upstream_gene_variant", "5'Flank"),
    ("downstream_gene_variant", "3'Flank"),
    ("intergenic_variant", "IGR"),
    ("intergenic_region", "IGR"),
)
SEVERITY = {term: rank for rank, (term, _) in enumerate(_CLASSES)}
_CLASS_OF = dict(_CLASSES)


def classification_of(consequence: str, reference: str, alternate: str) -> str | None:
    """Return the class of MAF for terms joined by `&` or commas; None if none is known.

    Examples
    --------
    >>> classification_of("missense_variant&splice_region_variant", "A", "T")
    'Missense_Mutation'
    >>> classification_of("frameshift_variant", "AC", "A")
    'Frame_Shift_Del'
    """
    terms = [term.strip() for term in consequence.replace(",", "&").split("&")]
    known = sorted((term for term in terms if term in SEVERITY), key=SEVERITY.__getitem__)
    if not known:
        return None
    found = _CLASS_OF[known[0]]
    if found != "Frame_Shift":
        return found
    longer = len(alternate.replace("-", "")) > len(reference.replace("-", ""))
    return "Frame_Shift_Ins" if longer else "Frame_Shift_Del"


def severity(consequence: str) -> int:
    """Return how severe the worst term is; 0 is the most."""
    terms = consequence.replace(",", "&").split("&")
    return min((SEVERITY.get(term, len(SEVERITY)) for term in terms), default=len(SEVERITY))
