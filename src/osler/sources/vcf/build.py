"""Which build of the human genome a file is written in, by what its header says.

Sources: lengths of the chromosomes, Genome Reference Consortium, assemblies GRCh37
(GCA_000001405.1) and GRCh38 (GCA_000001405.15); VCF 4.4 specification, section 1.4, on the lines
contig, reference and assembly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Build = Literal["GRCh37", "GRCh38"]

_CHROMOSOMES = (*map(str, range(1, 23)), "X", "Y")
_GRCH37_LENGTHS = (
    "249250621 243199373 198022430 191154276 180915260 171115067 159138663 146364022 "
    "141213431 135534747 135006516 133851895 115169878 107349540 102531392 90354753 "
    "81195210 78077248 59128983 63025520 48129895 51304566 155270560 59373566"
)
_GRCH38_LENGTHS = (
    "248956422 242193529 198295559 190214555 181538259 170805979 159345973 145138636 "
    "138394717 133797422 135086622 133275309 114364328 107043718 101991189 90338345 "
    "83257441 80373285 58617616 64444167 46709983 50818468 156040895 57227415"
)


def _by_chromosome(lengths: str) -> dict[str, int]:
    return dict(zip(_CHROMOSOMES, map(int, lengths.split()), strict=True))


LENGTHS: dict[Build, dict[str, int]] = {
    "GRCh37": _by_chromosome(_GRCH37_LENGTHS),
    "GRCh38": _by_chromosome(_GRCH38_LENGTHS),
}
_NAMES: dict[Build, re.Pattern[str]] = {
    "GRCh37": re.compile(r"grch37|hg19|hs37d5|\bb37\b|human_g1k_v37|\bncbi37\b", re.IGNORECASE),
    "GRCh38": re.compile(r"grch38|hg38|hs38|\bb38\b|\bncbi38\b", re.IGNORECASE),
}
OTHER_BUILD = re.compile(r"grch36|ncbi36|hg18|\bb36\b|ncbi35|hg17|t2t|chm13|\bhs1\b", re.IGNORECASE)


@dataclass(frozen=True)
class Contig:
    """A line `##contig` of a header; `name` is without `chr`."""

    name: str
    length: int | None = None
    assembly: str | None = None


@dataclass(frozen=True)
class Told:
    """The build that a header tells, and by what.

    Attributes
    ----------
    build
        None where the header says nothing, contradicts itself, or names another build.
    how
        In words.
    other
        The header names a build that is neither.
    contradiction
        The header speaks for both.
    """

    build: Build | None
    how: str
    other: bool = False
    contradiction: bool = False


def chromosome_name(contig: str) -> str:
    """Return the name of a chromosome without `chr`, with MT for the mitochondrial one.

    Examples
    --------
    >>> chromosome_name("chr7"), chromosome_name("chrM"), chromosome_name("x")
    ('7', 'MT', 'X')
    """
    name = contig[3:] if contig[:3].lower() == "chr" else contig
    upper = name.upper()
    if upper in ("M", "MT"):
        return "MT"
    return upper if upper in ("X", "Y") else name


def told_by(contigs: Iterable[Contig], texts: Iterable[str]) -> Told:
    """Return the build that a header tells.

    Parameters
    ----------
    contigs
        The lengths of the chromosomes decide, then what they are called the assembly of.
    texts
        Values of `##reference`, `##assembly` and the like, asked last.
    """
    listed = list(contigs)
    by_length = {
        build
        for one in listed
        for build, lengths in LENGTHS.items()
        if one.length is not None and lengths.get(one.name) == one.length
    }
    measured = any(one.length is not None and one.name in _CHROMOSOMES for one in listed)
    assemblies = [one.assembly for one in listed if one.assembly]
    by_name, strange = _named(assemblies)
    if not by_name and not strange:
        by_name, strange = _named(texts)
    if by_length or not measured:
        return _verdict(by_length, by_name, strange)
    return Told(None, "the lengths of its contigs are of neither GRCh37 nor GRCh38", other=True)


def _named(texts: Iterable[str]) -> tuple[set[Build], bool]:
    listed = list(texts)
    named = {
        build for build, pattern in _NAMES.items() if any(pattern.search(one) for one in listed)
    }
    return named, any(OTHER_BUILD.search(one) for one in listed)


def _verdict(by_length: set[Build], by_name: set[Build], strange: bool) -> Told:
    if len(by_length) > 1 or (by_length and by_name and not by_length & by_name):
        return Told(None, "its header speaks for GRCh37 and for GRCh38", contradiction=True)
    if by_length:
        return Told(next(iter(by_length)), "the lengths of its contigs")
    if len(by_name) > 1:
        return Told(None, "its header speaks for GRCh37 and for GRCh38", contradiction=True)
    if strange:
        return Told(None, "its header names a build other than GRCh37 and GRCh38", other=True)
    if by_name:
        return Told(next(iter(by_name)), "the name in its header")
    return Told(None, "its header does not tell")
