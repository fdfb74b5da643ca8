"""What the alleles of a record mean for a position of a definition, however they are written.

One insertion or deletion can be written in several ways: not trimmed, not moved to the left, or in
one record with others. Two spellings are the same variant if they make the same sequence out of the
reference. As much of the reference as is needed is known from the definition, from the record and,
where a repeat lies between the two, from the definition's HGVS name, which is written at the right
end of the repeat while the definition's VCF spelling is at its left end.

Sources: Tan, Abecasis & Kang 2015, Bioinformatics 31:2202-2204, doi:10.1093/bioinformatics/btv112,
on one spelling; HGVS recommendations 21.0, general, the rule of the 3' end, https://hgvs-nomenclature.org.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any

from osler.genome.pgx.sites import Site
from osler.knowledge import Release
from osler.sources.vcf import NON_REFERENCE, Record, is_bases, trimmed

Context = Callable[[Site], str]

_REPEAT = re.compile(r"g\.([0-9]+)([ACGT]+)\[[0-9]+\]")
_CHANGE = re.compile(r"g\.([0-9]+)(?:_[0-9]+)?(?:del|dup)")
_COPIES = re.compile(r"[ACGT]+\(([0-9]+)\)")


class Set(IntEnum):
    """Why an allele of a record is none of a position; below every index of an allele."""

    SYMBOLIC = -3
    SPANNED = -4
    UNKNOWN_BASE = -5


REASONS = {
    Set.SYMBOLIC: "a symbolic allele",
    Set.SPANNED: "a deletion spans it",
    Set.UNKNOWN_BASE: "an allele with an unknown base (N)",
}


NO_EVIDENCE = "a block of reference, which is no evidence for insertions and deletions"


@dataclass(frozen=True)
class Meaning:
    """What a record means for a position.

    Attributes
    ----------
    alleles
        For each allele of the record, the reference first: the sequence that it puts at the
        position, or why it is none.
    only_spans
        The record is of a deletion that spans the position, and says nothing else of it.
    block
        A block of reference (gVCF).
    refused
        Why the record cannot be trusted at the position; then `alleles` is empty.
    weak
        The refusal only counts where no other record speaks of the position.
    """

    alleles: tuple[str | Set, ...] = ()
    only_spans: bool = False
    block: bool = False
    refused: str | None = None
    weak: bool = False


def meaning_of(record: Record, site: Site, context: Context) -> Meaning | None:
    """Return what a record means for a position; None if it does not speak of it.

    Parameters
    ----------
    context
        Gives the reference sequence from a position on, as far as it is known.
    """
    if record.is_block:
        return _block(record, site)
    refused = _reference_refused(record, site)
    if refused is not None:
        return refused
    if record.position == site.place and record.reference == site.reference:
        return _exact(record, site)
    own = tuple(_allele(record, one, site, context) for one in record.alternates)
    alleles: tuple[str | Set, ...] = (site.reference, *own)
    if any(isinstance(one, str) and one != site.reference for one in own):
        return Meaning(alleles)
    if Set.SPANNED in own:
        return Meaning(alleles, only_spans=True)
    if not site.single and record.position == site.place and not _longer(record, site):
        shown = f"its reference allele is {record.reference}, the definition's {site.reference}"
        return Meaning(refused=shown, weak=True)
    return None


def meanings_of(
    record: Record, sites: Iterable[Site], context: Context
) -> list[tuple[Site, Meaning]]:
    """Return what a record means for each position that it speaks of.

    An insertion or deletion that is a documented allele of one position, moved to the right, is no
    undocumented allele of another that happens to lie where it is written.
    """
    found = [(site, meaning_of(record, site, context)) for site in sites]
    told = [(site, meaning) for site, meaning in found if meaning is not None]
    if len(told) < 2:
        return told
    claimed = {
        number
        for site, meaning in told
        for number, one in enumerate(meaning.alleles)
        if not site.single and one in site.position.alleles and one != site.reference
    }
    return [
        (site, own)
        for site, meaning in told
        if (own := _without(meaning, claimed, site, record)) is not None
    ]


def _without(meaning: Meaning, claimed: set[int], site: Site, record: Record) -> Meaning | None:
    """Take the alleles that are another position's out of a meaning; None if nothing is left."""
    if not site.single or not claimed or meaning.refused:
        return meaning
    alleles = tuple(
        site.reference
        if number in claimed and len(record.alleles[number]) != len(record.reference)
        else one
        for number, one in enumerate(meaning.alleles)
    )
    if all(one == site.reference for one in alleles):
        return None
    return replace(meaning, alleles=alleles)


def _longer(record: Record, site: Site) -> bool:
    return len(record.reference) > len(site.reference)


def _block(record: Record, site: Site) -> Meaning | None:
    """Take a block of reference for single bases; of anything longer it is no evidence."""
    if not record.position <= site.place <= record.end:
        return None
    if not site.single:
        return Meaning(refused=NO_EVIDENCE, weak=True)
    offset = site.place - record.position
    if offset < len(record.reference) and record.reference[offset] != site.reference:
        return _other_reference(record.reference[offset], site)
    return Meaning((site.reference, *(Set.SYMBOLIC,) * len(record.alternates)), block=True)


def _reference_refused(record: Record, site: Site) -> Meaning | None:
    """Refuse a record whose reference allele contradicts that of the position."""
    start = max(record.position, site.place)
    end = min(record.position + len(record.reference), site.end + 1)
    if start >= end:
        return None
    own = record.reference[start - record.position : end - record.position]
    other = site.reference[start - site.place : end - site.place]
    return None if own == other else _other_reference(own, site, other)


def _other_reference(came: str, site: Site, expected: str | None = None) -> Meaning:
    wanted = expected or site.reference
    return Meaning(refused=f"the file has {came} for reference where the genome has {wanted}")


def _exact(record: Record, site: Site) -> Meaning:
    """Read a record that is written as the definition is."""
    own = tuple(_verbatim(one) for one in record.alternates)
    if own and all(one is Set.SYMBOLIC for one in own):
        return Meaning(refused=REASONS[Set.SYMBOLIC])
    return Meaning((site.reference, *own))


def _verbatim(allele: str) -> str | Set:
    if allele == "*":
        return Set.SPANNED
    if not is_bases(allele):
        return Set.SYMBOLIC
    return Set.UNKNOWN_BASE if "N" in allele else allele


def _allele(record: Record, alternate: str, site: Site, context: Context) -> str | Set:
    """Return the sequence that an alternate puts at a position, or why there is none."""
    covers = record.position <= site.place <= record.position + len(record.reference) - 1
    if alternate in NON_REFERENCE or not is_bases(alternate):
        if alternate == "*":
            return Set.SPANNED if covers else site.reference
        return Set.SYMBOLIC
    if "N" in alternate:
        return Set.UNKNOWN_BASE
    variant = trimmed(record.position, record.reference, alternate)
    if site.single:
        return _base(variant, site)
    same = _documented(record, alternate, site, context)
    return same if same is not None else _at_window(variant, site)


def _base(variant: tuple[int, str, str], site: Site) -> str | Set:
    """Return the base that a variant leaves at a position of a single base."""
    start, reference, alternate = variant
    offset = site.place - start
    if not 0 <= offset < len(reference):
        return site.reference
    if len(reference) == len(alternate):
        return alternate[offset]
    anchored = reference[0] == alternate[0]
    return site.reference if anchored and offset == 0 else Set.SPANNED


def _at_window(variant: tuple[int, str, str], site: Site) -> str | Set:
    """Return what a variant that is no documented allele makes of a longer position.

    A change of single bases inside the window says nothing of an insertion or deletion there.
    """
    start, reference, alternate = variant
    end = start + len(reference) - 1
    if len(reference) == len(alternate):
        if not site.substituted or end < site.place or start > site.end:
            return site.reference
        return _put(variant, site) if site.place <= start and end <= site.end else Set.SPANNED
    anchored = reference[0] == alternate[0]
    if anchored and start == site.place and end <= site.end:
        return _put(variant, site)
    first_changed = start + 1 if anchored else start
    first_own = site.place if site.substituted else site.place + 1
    return Set.SPANNED if first_changed <= site.end and end >= first_own else site.reference


def _put(variant: tuple[int, str, str], site: Site) -> str:
    start, reference, alternate = variant
    return _with(site.reference, start - site.place, reference, alternate)


def _documented(record: Record, alternate: str, site: Site, context: Context) -> str | None:
    """Return the documented allele that makes the same sequence as an alternate; None if none."""
    change = _bases_changed(record.reference, alternate)
    candidates = [
        one
        for one in site.position.alleles
        if one != site.reference and _bases_changed(site.reference, one) == change
    ]
    apart = record.position > site.end or record.position + len(record.reference) <= site.place
    if not candidates or (apart and len(alternate) == len(record.reference)):
        return None
    start = min(record.position, site.place)
    bases = _joined(record, site, start, context)
    if bases is None:
        return None
    made = _with(bases, record.position - start, record.reference, alternate)
    for one in candidates:
        if made == _with(bases, site.place - start, site.reference, one):
            return one
    return None


def _bases_changed(reference: str, alternate: str) -> Counter[str]:
    """Return how many more of each base an alternate has; equal in all spellings of a variant."""
    change = Counter(alternate)
    change.subtract(reference)
    return change


def _with(bases: str, offset: int, reference: str, alternate: str) -> str:
    return bases[:offset] + alternate + bases[offset + len(reference) :]


def _joined(record: Record, site: Site, start: int, context: Context) -> str | None:
    """Return the reference over a record and a position; None where a part of it is not known."""
    end = max(record.position + len(record.reference) - 1, site.end)
    own = dict(enumerate(record.reference, start=record.position))
    known = dict(enumerate(site.reference, start=site.place)) | own
    if any(place not in known for place in range(start, end + 1)):
        told = dict(enumerate(context(site), start=site.place))
        if any(told.get(place, base) != base for place, base in own.items()):
            return None
        known = told | known
    bases = [known.get(place, "") for place in range(start, end + 1)]
    return "".join(bases) if all(bases) else None


class Repeats:
    """The reference right of insertions and deletions, as far as their HGVS names tell it.

    Read from the release when it is first asked for: most files are written as the definitions are.
    """

    def __init__(self, release: Release) -> None:
        self._release = release
        self._known: dict[str, dict[int, str]] = {}

    def __call__(self, site: Site) -> str:
        """Return the reference from a position on; at least its own reference allele."""
        if site.gene not in self._known:
            content = json.loads(self._release.read(f"alleles/{site.gene}"))
            self._known[site.gene] = {
                one["position"]: sequence_of(one) for one in content["variants"]
            }
        known = self._known[site.gene].get(site.position.position, "")
        return known if known.startswith(site.reference) else site.reference


def sequence_of(variant: Mapping[str, Any]) -> str:
    """Return the reference at a variant of a definition and right of it, by its HGVS name.

    Examples
    --------
    >>> sequence_of({
    ...     "position": 100, "ref": "G", "alts": ["GT"], "chromosomeHgvsName": "g.103dup",
    ...     "cpicToVcfAlleleMap": {},
    ... })
    'GTTT'
    """
    reference, place = variant["ref"], variant["position"]
    longest = max([reference, *variant["alts"]], key=len)
    unit = _unit(variant, longest[1:])
    name = variant.get("chromosomeHgvsName") or ""
    if not unit:
        return str(reference)
    end = place + len(reference) - 1
    repeat = _REPEAT.search(name)
    change = _CHANGE.search(name)
    if repeat:
        copies = _copies(variant, reference)
        end = max(end, int(repeat[1]) + copies * len(repeat[2]) - 1)
    elif change:
        end = max(end, int(change[1]) + len(unit) - 1)
    length = end - place
    return str(reference[0] + (unit * (length // len(unit) + 1))[:length])


def _unit(variant: Mapping[str, Any], sequence: str) -> str:
    """Return what is repeated: the bases that the smallest change adds or takes."""
    reference = variant["ref"]
    changes = {abs(len(one) - len(reference)) for one in variant["alts"]}
    if not changes or 0 in changes:
        return ""
    return sequence[: min(changes)]


def _copies(variant: Mapping[str, Any], reference: str) -> int:
    """Return how many copies of the repeat the reference has, by CPIC's name of its allele."""
    for name, allele in variant.get("cpicToVcfAlleleMap", {}).items():
        told = _COPIES.fullmatch(name)
        if allele == reference and told:
            return int(told[1])
    return 1
