"""CIViC's names of variants, read into classes that an alteration can be compared with.

A name is written by people: `V600E`, `EXON 19 DELETION`, `EML4-ALK G1269A`, `S310F/Y`,
`V600E and AMPLIFICATION`. `parse_name` gives groups of patterns: the name fits a tumour that has
one pattern of every group. What cannot be read is told (`Kind.UNREAD`); what is read but no test
of a tumour's genes shows, such as methylation, has `Kind.OTHER_TEST`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property

from osler.genome.somatic.protein import Effect, ProteinChange, parse_protein


class Kind(StrEnum):
    """What a pattern speaks of."""

    PROTEIN = "protein change"
    CODON = "codon"
    CODONS = "stretch of codons"
    EXON = "exon"
    INTRON = "intron"
    DOMAIN = "domain"
    GENE = "gene"
    COPY_NUMBER = "copy number"
    FUSION = "fusion"
    EXPRESSION = "expression"
    WILD_TYPE = "wild type"
    CODING = "coding change"
    PLACE = "genomic place"
    POLYMORPHISM = "polymorphism"
    OTHER_TEST = "other test"
    UNREAD = "unread"


class Action(StrEnum):
    """What has to happen at the place that a pattern names."""

    ANY = "any change of the protein"
    ACTIVATING = "activating"
    NOT_LOSS = "any change of the protein but a loss of function"
    TRUNCATING = "truncating"
    FRAMESHIFT = "frameshift"
    LOSS = "loss of function"
    DELETION = "deletion"
    INSERTION = "insertion"
    DUPLICATION = "duplication"
    SKIPPING = "skipping"
    AMPLIFICATION = "amplification"
    LOSS_OF_HETEROZYGOSITY = "loss of heterozygosity"
    HIGH = "high expression"
    LOW = "low expression"
    MEASURED = "expression"


@dataclass(frozen=True)
class Pattern:
    """One thing that a name asks for.

    Parameters
    ----------
    change
        Of `PROTEIN`: the change.
    first, last
        Codons or exons, from 1; 0 if none are named.
    reference
        Of `CODON`: the residue, one letter.
    partners
        Of `FUSION`: the genes in the name's order; empty if any partner will do.
    text
        The words themselves: a domain, a coding change, an exon joint such as `e13-e20`.
    """

    kind: Kind
    action: Action = Action.ANY
    change: ProteinChange | None = None
    first: int = 0
    last: int = 0
    reference: str = ""
    partners: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True)
class VariantName:
    """A name as patterns: one of every group has to be there, in one tumour."""

    name: str
    groups: tuple[tuple[Pattern, ...], ...]

    @cached_property
    def patterns(self) -> tuple[Pattern, ...]:
        """All patterns, whatever their group."""
        return tuple(pattern for group in self.groups for pattern in group)

    @property
    def read(self) -> bool:
        """Whether every part of the name was understood."""
        return all(pattern.kind is not Kind.UNREAD for pattern in self.patterns)


Groups = tuple[tuple[Pattern, ...], ...]

_RESIDUE = "[ACDEFGHIKLMNPQRSTVWY]"
_CODING_SUFFIX = re.compile(r"\(?\s*(c\.[^()]+?(?:\([^)]*\))?[^()]*)\)?$")
_FUSION = re.compile(r"([A-Z][A-Z0-9]+)-([A-Z][A-Z0-9]+)")
_ANY_FUSION = re.compile(r"(?:([A-Z][A-Z0-9]+) )?(?:FUSIONS?|REARRANGEMENTS?)")
_EXON_JOINT = re.compile(r"E[0-9]+-E[0-9]+")
_EXONS = re.compile(
    r"(?:RARE )?EX(?:ON )?\s?([0-9]+)(?:-([0-9]+))? "
    r"(MUTATIONS?|DEL(?:ETION)?|INSERTION|FRAMESHIFT|SKIPPING(?: MUTATION)?|OVEREXPRESSION)"
)
_EXON_ACTIONS = {
    "MUT": Action.ANY,
    "DEL": Action.DELETION,
    "INS": Action.INSERTION,
    "FRA": Action.FRAMESHIFT,
    "SKI": Action.SKIPPING,
}
_OTHER_TEST = re.compile(
    r"METHYLATION|PHOSPHORYLATION|MISLOCALIZATION|TRANSLOCATION|SERUM LEVELS|ALTERNATIVE TRANSCRIPT"
    r"|COPY NUMBER VARIATION|DOUBLE PH"
)
# Of the gene or of its protein: more than one changed copy.
LOST = "LOSS"
_WORDS: dict[str, Pattern] = {
    "MUTATION": Pattern(Kind.GENE),
    "ALTERATION": Pattern(Kind.GENE),
    "RARE MUTATION": Pattern(Kind.UNREAD, text="RARE MUTATION"),
    "GAIN-OF-FUNCTION": Pattern(Kind.GENE, Action.ACTIVATING),
    "ACTIVATING MUTATION": Pattern(Kind.GENE, Action.ACTIVATING),
    "TRUNCATING MUTATION": Pattern(Kind.GENE, Action.TRUNCATING),
    "FRAMESHIFT TRUNCATION": Pattern(Kind.GENE, Action.FRAMESHIFT),
    "FRAMESHIFT MUTATION": Pattern(Kind.GENE, Action.FRAMESHIFT),
    "FRAMESHIFT": Pattern(Kind.GENE, Action.FRAMESHIFT),
    "LOSS": Pattern(Kind.GENE, Action.LOSS, text=LOST),
    "LOSS-OF-FUNCTION": Pattern(Kind.GENE, Action.LOSS),
    "INACTIVATING MUTATION": Pattern(Kind.GENE, Action.LOSS),
    "DELETERIOUS MUTATION": Pattern(Kind.GENE, Action.LOSS),
    "AMPLIFICATION": Pattern(Kind.COPY_NUMBER, Action.AMPLIFICATION),
    "DELETION": Pattern(Kind.COPY_NUMBER, Action.DELETION),
    "BIALLELIC INACTIVATION": Pattern(Kind.UNREAD, text="BIALLELIC INACTIVATION"),
    "LOH": Pattern(Kind.COPY_NUMBER, Action.LOSS_OF_HETEROZYGOSITY),
    "COPY-NEUTRAL LOSS OF HETEROZYGOSITY": Pattern(Kind.COPY_NUMBER, Action.LOSS_OF_HETEROZYGOSITY),
    "OVEREXPRESSION": Pattern(Kind.EXPRESSION, Action.HIGH),
    "UNDEREXPRESSION": Pattern(Kind.EXPRESSION, Action.LOW),
    "EXPRESSION": Pattern(Kind.EXPRESSION, Action.MEASURED),
    "WILD TYPE": Pattern(Kind.WILD_TYPE),
    "WILDTYPE": Pattern(Kind.WILD_TYPE),
    "ITD": Pattern(Kind.DOMAIN, Action.DUPLICATION, text="INTERNAL TANDEM DUPLICATION"),
    "INTERNAL DUPLICATION": Pattern(Kind.DOMAIN, Action.DUPLICATION, text="INTERNAL DUPLICATION"),
    "PROMOTER MUTATION": Pattern(Kind.PLACE, text="PROMOTER"),
}


def parse_name(name: str, gene: str = "", types: tuple[str, ...] = ()) -> VariantName:
    """Read a variant's name.

    Parameters
    ----------
    name
        As CIViC has it, in any case.
    gene
        The gene that CIViC files it under.
    types
        Its Sequence Ontology terms; they tell a promoter's `C228T` from a protein's, and what sort
        of `MUTATION` is meant.

    Examples
    --------
    >>> [str(pattern.kind) for pattern in parse_name("EML4-ALK G1269A", "ALK").patterns]
    ['fusion', 'protein change']
    >>> [len(group) for group in parse_name("S310F/Y", "ERBB2").groups]
    [2]
    """
    plain = " ".join(name.replace("\N{MINUS SIGN}", "-").split())
    if regulatory(types) and not _FUSION.fullmatch(plain.upper()):
        return VariantName(name, ((Pattern(Kind.PLACE, text=plain),),))
    coding = _coding(plain)
    if coding is not None:
        return VariantName(name, (coding,))
    parts = re.split(r"\s+AND\s+", plain.upper())
    groups = [group for part in parts for group in _part(part, gene)]
    if len(groups) == 1:
        groups = [tuple(_narrowed(pattern, types) for pattern in groups[0])]
    return VariantName(name, tuple(groups))


def regulatory(types: tuple[str, ...]) -> bool:
    """Tell whether the variant lies outside what is translated, by its types."""
    outside = ("regulatory_region", "upstream_gene", "5_prime_UTR", "3_prime_UTR", "intron_variant")
    return bool(types) and all(
        any(word in kind for word in outside) and "splice" not in kind for kind in types
    )


def _coding(plain: str) -> tuple[Pattern, ...] | None:
    """Read a name that carries a coding change, `R167Q (c.500G>A)` or `c.902-1G>T`.

    The first pattern is the coding change, the second, if any, the protein's.
    """
    found = _CODING_SUFFIX.search(plain)
    if not found:
        return None
    exact = Pattern(Kind.CODING, text=found[1].replace(" ", ""))
    rest = plain[: found.start()].strip()
    change = parse_protein(rest) if rest else None
    if change is None:
        return (exact,)
    return (exact, Pattern(Kind.PROTEIN, change=change))


def _part(part: str, gene: str) -> Groups:
    """Read one part of a name, in capitals."""
    for reader in _READERS:
        found = reader(part, gene)
        if found is not None:
            return found
    return _one(Pattern(Kind.UNREAD, text=part))


def _one(*patterns: Pattern) -> Groups:
    return (patterns,)


def _word(part: str, gene: str) -> Groups | None:
    bare = part.removeprefix(f"{gene} ") if gene else part
    pattern = _WORDS.get(bare) or _WORDS.get(bare.removesuffix("S"))
    return _one(pattern) if pattern else None


def _protein(part: str, gene: str) -> Groups | None:
    bare = part.removeprefix(f"{gene} ")
    change = parse_protein(bare)
    return _one(Pattern(Kind.PROTEIN, change=change)) if change else None


def _codon(part: str, _gene: str) -> Groups | None:
    codons = [re.fullmatch(rf"({_RESIDUE})([0-9]+)", one) for one in part.split("/")]
    patterns = [
        Pattern(Kind.CODON, reference=one[1], first=int(one[2]), last=int(one[2]))
        for one in codons
        if one
    ]
    return _one(*patterns) if patterns and len(patterns) == len(codons) else None


def _choice(part: str, _gene: str) -> Groups | None:
    """Read `S310F/Y`."""
    found = re.fullmatch(rf"({_RESIDUE}[0-9]+)({_RESIDUE}(?:/{_RESIDUE})+)", part)
    if not found:
        return None
    changes = [parse_protein(found[1] + one) for one in found[2].split("/")]
    return _one(*(Pattern(Kind.PROTEIN, change=one) for one in changes if one))


def _codons(part: str, _gene: str) -> Groups | None:
    """Read `DEL 485-490` and `DEL4-11`."""
    found = re.fullmatch(r"DEL ?([0-9]+)-([0-9]+)", part)
    if not found:
        return None
    first, last = int(found[1]), int(found[2])
    return _one(Pattern(Kind.CODONS, Action.DELETION, first=first, last=last))


def _coding_deletion(part: str, _gene: str) -> Groups | None:
    """Read `1100DELC`, a change of the coding sequence without its `c.`."""
    found = re.fullmatch(r"([0-9]+)DEL([ACGT]+)", part)
    return _one(Pattern(Kind.CODING, text=f"c.{found[1]}del{found[2]}")) if found else None


def _not_codon(part: str, _gene: str) -> Groups | None:
    """Read `NON-V600`: a mutation of the gene anywhere but there."""
    found = re.fullmatch(rf"NON-({_RESIDUE})([0-9]+)", part)
    if not found:
        return None
    place = int(found[2])
    return _one(Pattern(Kind.GENE, reference=found[1], first=place, last=place))


def _exons(part: str, _gene: str) -> Groups | None:
    found = _EXONS.fullmatch(part)
    if not found:
        return None
    if found[3] == "OVEREXPRESSION":
        return _one(Pattern(Kind.OTHER_TEST, text=part))
    first = int(found[1])
    last = int(found[2] or first)
    return _one(Pattern(Kind.EXON, _EXON_ACTIONS[found[3][:3]], first=first, last=last))


def _exon_and_change(part: str, gene: str) -> Groups | None:
    """Read `EX19 DEL L858R`."""
    found = re.fullmatch(r"(EX(?:ON )?[0-9]+ DEL) (\S+)", part)
    if not found:
        return None
    exon, change = _exons(found[1], gene), _protein(found[2], gene)
    if exon is None or change is None:
        return None
    return exon + change


def _bare_exon(part: str, _gene: str) -> Groups | None:
    """Read the first half of `EXON 10 AND EXON 21 MUTATION`."""
    found = re.fullmatch(r"EXON ([0-9]+)", part)
    if not found:
        return None
    exon = int(found[1])
    return _one(Pattern(Kind.EXON, first=exon, last=exon))


def _intron(part: str, _gene: str) -> Groups | None:
    found = re.fullmatch(r"INTRON ([0-9]+) (?:MUTATION|REARRANGEMENT)", part)
    return _one(Pattern(Kind.PLACE, text=part)) if found else None


def _domain(part: str, _gene: str) -> Groups | None:
    found = re.fullmatch(r"(.+?) (?:DOMAIN )?(?:MUTATION|MUT)", part)
    domain = re.search(r"DOMAIN|TKD|P-LOOP", part)
    if not (found and domain) or part.startswith("NON-"):
        return None
    return _one(Pattern(Kind.DOMAIN, text=found[1]))


def _fusion(part: str, gene: str) -> Groups | None:
    """Read a fusion, alone or with what else has to be there: a change, or an exon joint."""
    found = re.match(_FUSION.pattern + r"(?: +(.+))?$", part)
    if found and not part.startswith(("NON-", "LOSS-", "GAIN-", "N-", "P-")):
        fused = Pattern(Kind.FUSION, partners=(found[1], found[2]))
        return _with_rest(fused, found[3], gene)
    found = re.match(_ANY_FUSION.pattern + r"(?: +(.+))?$", part)
    if not found or found[1] not in {None, gene}:
        return None
    return _with_rest(Pattern(Kind.FUSION, text="any partner"), found[2], gene)


def _with_rest(fused: Pattern, rest: str | None, gene: str) -> Groups | None:
    if not rest:
        return _one(fused)
    if _EXON_JOINT.fullmatch(rest) or rest.startswith("TYPE "):
        return _one(replace(fused, text=rest.lower()))
    changes = [_protein(one, gene) or _codon(one, gene) for one in re.split(r"[ -]", rest)]
    if any(one is None for one in changes):
        return None
    return ((fused,), *(group for change in changes if change for group in change))


def _polymorphism(part: str, _gene: str) -> Groups | None:
    """Read an rs number, a star allele, or a named polymorphism: inherited, not of the tumour."""
    if re.fullmatch(
        r"RS[0-9]+(?: HOMOZYGOSITY)?|.+\*[0-9]+[A-Z]?(?: HOMOZYGOSITY)?|SNP[0-9]+", part
    ):
        return _one(Pattern(Kind.POLYMORPHISM, text=part))
    if "POLYMORPHISM" in part or "TANDEM REPEAT" in part:
        return _one(Pattern(Kind.POLYMORPHISM, text=part))
    return None


def _other_test(part: str, _gene: str) -> Groups | None:
    if _OTHER_TEST.search(part):
        return _one(Pattern(Kind.OTHER_TEST, text=part))
    if part.endswith("EXPRESSION"):
        return _one(Pattern(Kind.OTHER_TEST, text=part))
    return None


def _splice(part: str, _gene: str) -> Groups | None:
    """Read `IVS2+1G>A` and `F547 SPLICE SITE MUTATION`: told by place alone."""
    if re.fullmatch(r"IVS[0-9]+[+-][0-9].*|.*SPLICE SITE MUTATION", part):
        return _one(Pattern(Kind.PLACE, text=part))
    return None


def _null(part: str, _gene: str) -> Groups | None:
    """Read `NULL (COMPLETE DELETION)`, `3P26.3-25.3 11MB DEL`, `VIII`: large losses by place."""
    if re.fullmatch(r"NULL \(.*DELETION.*\)|[0-9]+[PQ].* DEL|VIII|3' EXON DELETION", part):
        return _one(Pattern(Kind.OTHER_TEST, text=part))
    return None


_READERS: tuple[Callable[[str, str], Groups | None], ...] = (
    _word,
    _exons,
    _exon_and_change,
    _bare_exon,
    _not_codon,
    _codon,
    _choice,
    _codons,
    _coding_deletion,
    _protein,
    _polymorphism,
    _intron,
    _splice,
    _domain,
    _fusion,
    _other_test,
    _null,
)


def _narrowed(pattern: Pattern, types: tuple[str, ...]) -> Pattern:
    """Let a gene's `MUTATION` mean what its Sequence Ontology terms say of it."""
    if pattern.kind is not Kind.GENE or pattern.action is not Action.ANY:
        return pattern
    told = set(types)
    if "gain_of_function_variant" in told or told in ({"missense_variant"}, {"inframe_variant"}):
        return replace(pattern, action=Action.NOT_LOSS)
    if "loss_of_function_variant" in told:
        return replace(pattern, action=Action.LOSS)
    return pattern


def silent(name: VariantName) -> bool:
    """Tell whether the name is of a change that leaves the protein as it is."""
    changes = [pattern.change for pattern in name.patterns if pattern.change]
    return bool(changes) and all(change.effect is Effect.SILENT for change in changes)
