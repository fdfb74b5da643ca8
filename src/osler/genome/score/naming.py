"""Names of chromosomes and genome builds, and the two strands."""

from __future__ import annotations

import re

GRCH37, GRCH38 = "GRCh37", "GRCh38"

# PLINK numbers what comes after the autosomes (cog-genomics.org/plink/2.0/data, chromosome codes).
_NUMBERED = {"23": "X", "24": "Y", "25": "X", "26": "MT", "M": "MT"}
_PSEUDOAUTOSOMAL = frozenset({"XY", "PAR1", "PAR2"})
# Every person carries one copy at most.
HAPLOID = frozenset({"Y", "MT"})

_BUILDS = {
    "grch37": GRCH37, "hg19": GRCH37, "b37": GRCH37, "hs37d5": GRCH37, "ncbi37": GRCH37,
    "humang1kv37": GRCH37,
    "grch38": GRCH38, "hg38": GRCH38, "b38": GRCH38, "hs38dh": GRCH38, "ncbi38": GRCH38,
    "grch38full": GRCH38, "hs38": GRCH38,
}  # fmt: skip
_COMPLEMENT = str.maketrans("ACGT", "TGCA")
_LETTERS = re.compile(r"[ACGT]+")


def chromosome(text: str) -> str:
    """Return a chromosome's bare name: `1` to `22`, `X`, `Y`, `MT`; other names as they came.

    Pseudo-autosomal names (`XY`, `PAR1`, `PAR2`, PLINK's 25) become `X`, on which they lie.

    Examples
    --------
    >>> [chromosome(one) for one in ("chr7", "07", "chrM", "23", "PAR1", "GL000191.1")]
    ['7', '7', 'MT', 'X', 'X', 'GL000191.1']
    """
    bare = text.strip()
    if bare[:3].lower() == "chr":
        bare = bare[3:]
    upper = bare.upper()
    if upper in _PSEUDOAUTOSOMAL:
        return "X"
    if upper in ("X", "Y", "MT"):
        return upper
    if bare.isdigit():
        bare = bare.lstrip("0") or "0"
    return _NUMBERED.get(bare.upper(), bare)


def build(text: str | None) -> str | None:
    """Return `GRCh37` or `GRCh38` for any of their usual names; None for anything else.

    Examples
    --------
    >>> build("hg19"), build("GRCh38.p13"), build("NR")
    ('GRCh37', 'GRCh38', None)
    """
    plain = re.sub(r"[\s_-]|\.p\d+$", "", (text or "").strip().lower())
    return _BUILDS.get(plain)


def is_known_build(name: str) -> bool:
    """Tell whether a name is one of the two builds that osler knows."""
    return name in (GRCH37, GRCH38)


def complement(allele: str) -> str:
    """Return the allele as the other strand shows it, one base at a time.

    Examples
    --------
    >>> complement("A"), complement("ACG")
    ('T', 'TGC')
    """
    return allele.translate(_COMPLEMENT)


def is_letters(allele: str) -> bool:
    """Tell whether an allele is written in A, C, G and T."""
    return _LETTERS.fullmatch(allele) is not None
