"""What a file's annotation says a variant does to each gene: VEP's CSQ and SnpEff's ANN.

Terms of the Sequence Ontology as VEP and SnpEff write them; one transcript speaks for a gene.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from osler.genome.somatic.annotation import Annotation
from osler.genome.somatic.consequence import severity

NONSENSE_OR_FRAMESHIFT = frozenset({"stop_gained", "frameshift_variant"})
CANONICAL_SPLICE = frozenset({"splice_donor_variant", "splice_acceptor_variant"})
START_LOST = frozenset({"start_lost", "initiator_codon_variant"})
WHOLE_GENE_LOST = frozenset({"transcript_ablation"})
EXON_LOST = frozenset({"exon_loss_variant"})
NULL = NONSENSE_OR_FRAMESHIFT | CANONICAL_SPLICE | START_LOST | WHOLE_GENE_LOST | EXON_LOST
MISSENSE = frozenset({"missense_variant"})
STOP_LOST = frozenset({"stop_lost"})
IN_FRAME = frozenset(
    {
        "inframe_insertion",
        "inframe_deletion",
        "conservative_inframe_insertion",
        "conservative_inframe_deletion",
        "disruptive_inframe_insertion",
        "disruptive_inframe_deletion",
        "protein_altering_variant",
    }
)
SYNONYMOUS = frozenset({"synonymous_variant"})
ALTERING = NULL | MISSENSE | STOP_LOST | IN_FRAME
"""Terms of variants that change the protein or a splice site: those that can be a candidate."""

_REVEL_FIELDS = ("REVEL", "REVEL_score")
_SPLICEAI_FIELDS = tuple(f"SpliceAI_pred_DS_{change}" for change in ("AG", "AL", "DG", "DL"))
_CODONS = re.compile(r"([acgtn]*)([ACGTN])([acgtn]*)/([acgtn]*)([ACGTN])([acgtn]*)")
_BASES = "TCAG"
# The standard genetic code, NCBI translation table 1, in the order TCAG.
_AMINO_ACIDS = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
GENETIC_CODE = {
    one + two + three: _AMINO_ACIDS[16 * first + 4 * second + third]
    for first, one in enumerate(_BASES)
    for second, two in enumerate(_BASES)
    for third, three in enumerate(_BASES)
}
COMPLEMENT = str.maketrans("ACGT", "TGCA")


@dataclass(frozen=True)
class Codon:
    """The codon that a substitution changes.

    Attributes
    ----------
    bases
        Of the reference, as transcribed.
    changed
        Which of its bases is changed, from 0.
    forward
        Whether the gene lies on the forward strand.
    """

    bases: str
    changed: int
    forward: bool

    def change(self, offset: int, reference: str, alternate: str) -> tuple[str, str] | None:
        """Return the amino acids before and after another substitution near by.

        Parameters
        ----------
        offset
            Where it lies from the one of this codon, in bases of the genome.

        Returns
        -------
        None if it is outside the codon, or its reference is not the codon's.
        """
        place = self.changed + (offset if self.forward else -offset)
        if not 0 <= place < len(self.bases):
            return None
        before, after = reference, alternate
        if not self.forward:
            before, after = before.translate(COMPLEMENT), after.translate(COMPLEMENT)
        if self.bases[place] != before:
            return None
        altered = self.bases[:place] + after + self.bases[place + 1 :]
        old, new = GENETIC_CODE.get(self.bases), GENETIC_CODE.get(altered)
        return (old, new) if old and new else None


@dataclass(frozen=True)
class Consequence:
    """What an annotation says a variant does to one gene: None where it does not say.

    Attributes
    ----------
    terms
        Of the Sequence Ontology; empty where nothing is known.
    exon, exons
        The exon's number and how many there are.
    lost_share
        Part of the protein from the change to its end.
    revel
        Score of REVEL for this change; None too where a file gives several that differ.
    splice_ai
        Highest of the four delta scores of SpliceAI.
    source
        `VEP`, `SnpEff` or `ClinVar`.
    """

    terms: tuple[str, ...]
    source: str
    transcript: str | None = None
    coding: str | None = None
    protein: str | None = None
    exon: int | None = None
    exons: int | None = None
    lost_share: float | None = None
    codon: Codon | None = None
    revel: float | None = None
    splice_ai: float | None = None

    def has(self, terms: frozenset[str]) -> bool:
        """Say whether any of its terms is among those given."""
        return not terms.isdisjoint(self.terms)

    @property
    def is_altering(self) -> bool:
        """Whether it changes the protein or a splice site."""
        return self.has(ALTERING)


SOURCES = {"CSQ": "VEP", "ANN": "SnpEff"}


def consequences(
    annotation: Annotation,
    text: str,
    reference: str,
    alternates: Sequence[str],
    which: int,
    scores: Mapping[str, str | None],
) -> dict[str, Consequence]:
    """Return by gene what the annotation says of one alternate.

    Of a gene's transcripts: the one that VEP picked, else MANE Select, else canonical, else protein
    coding, else the most severe, else the first.

    Parameters
    ----------
    text
        The INFO field of the annotation.
    scores
        INFO fields of the record that have a predictor's score for each alternate.
    """
    by_gene: dict[str, list[dict[str, str]]] = {}
    for entry in annotation.read(text, reference, alternates, which):
        told = annotation.split(entry)
        if told.get("SYMBOL"):
            by_gene.setdefault(told["SYMBOL"], []).append(told)
    single = len(reference) == len(alternates[which]) == 1
    return {
        gene: _consequence(
            min(entries, key=_preference), SOURCES[annotation.field], single, which, scores
        )
        for gene, entries in by_gene.items()
    }


def terms_of(text: str) -> tuple[str, ...]:
    """Return the terms joined by `&`, the most severe first.

    Examples
    --------
    >>> terms_of("splice_region_variant&missense_variant")
    ('missense_variant', 'splice_region_variant')
    """
    return tuple(sorted(filter(None, text.split("&")), key=severity))


def score_of(values: Iterable[str | None]) -> float | None:
    """Return the score that the values agree on, None without one or if they differ.

    dbNSFP gives a value for each transcript, joined by `&` or commas, with `.` where there is none.
    """
    numbers = {number for text in values for number in _numbers(text)}
    return numbers.pop() if len(numbers) == 1 else None


def _preference(told: Mapping[str, str]) -> tuple[bool, bool, bool, bool, int]:
    return (
        told.get("PICK") != "1",
        not told.get("MANE_SELECT"),
        told.get("CANONICAL") != "YES",
        told.get("BIOTYPE") not in {"protein_coding", None},
        severity(told.get("Consequence", "")),
    )


def _consequence(
    told: Mapping[str, str], source: str, single: bool, which: int, scores: Mapping[str, str | None]
) -> Consequence:
    exon, exons = _counted(told.get("EXON"))
    revel = score_of(told.get(one) for one in _REVEL_FIELDS)
    if revel is None:
        revel = score_of([_of_alternate(scores.get("REVEL"), which)])
    return Consequence(
        terms_of(told.get("Consequence", "")),
        source,
        transcript=told.get("Feature") or None,
        coding=_told(told.get("HGVSc")),
        protein=_told(told.get("HGVSp")),
        exon=exon,
        exons=exons,
        lost_share=_lost_share(told.get("Protein_position")),
        codon=_codon(told) if single else None,
        revel=revel if revel is not None and 0 <= revel <= 1 else None,
        splice_ai=_splice_ai(told),
    )


def _of_alternate(text: str | None, which: int) -> str | None:
    """Return the value for one alternate of a field with one for each, or one for all."""
    values = (text or "").split(",")
    if len(values) == 1:
        return values[0]
    return values[which] if which < len(values) else None


def _numbers(text: str | None) -> list[float]:
    found = []
    for part in re.split(r"[&,]", text or ""):
        try:
            number = float(part)
        except ValueError:
            continue
        if math.isfinite(number):
            found.append(number)
    return found


def _told(text: str | None) -> str | None:
    """Return a change without its transcript, decoded; None if there is none."""
    return (unquote(text).rpartition(":")[2] or None) if text else None


def _counted(text: str | None) -> tuple[int | None, int | None]:
    found = re.match(r"([0-9]{1,5})(?:-[0-9]{1,5})?/([0-9]{1,5})", text or "")
    return (int(found[1]), int(found[2])) if found else (None, None)


def _lost_share(text: str | None) -> float | None:
    """Return the part of the protein from a position such as `120/400` to its end."""
    found = re.match(r"([0-9]{1,6})(?:-[0-9?]{1,6})?/([0-9]{1,6})", text or "")
    if not found or not 0 < int(found[1]) <= int(found[2]):
        return None
    return 1 - (int(found[1]) - 1) / int(found[2])


def _codon(told: Mapping[str, str]) -> Codon | None:
    found = _CODONS.fullmatch(told.get("Codons", ""))
    strand = told.get("STRAND")
    if not found or strand not in {"1", "-1"}:
        return None
    bases = (found[1] + found[2] + found[3]).upper()
    return Codon(bases, len(found[1]), strand == "1") if len(bases) == 3 else None


def _splice_ai(told: Mapping[str, str]) -> float | None:
    scores = [score_of([told.get(one)]) for one in _SPLICEAI_FIELDS]
    known = [one for one in scores if one is not None and 0 <= one <= 1]
    return max(known) if len(known) == len(_SPLICEAI_FIELDS) else None
