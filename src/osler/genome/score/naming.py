"""Names of chromosomes and genome builds, and the two strands."""

from __future__ import annotations

import re
from collections.abc import Mapping

GRCH37, GRCH38 = "GRCh37", "GRCh38"

# Lengths in base pairs of the primary assembly (Genome Reference Consortium, GCA_000001405.1 and
# GCA_000001405.15). Only chromosomes whose length differs between the builds can tell them apart.
LENGTHS_BP: Mapping[str, Mapping[str, int]] = {
    GRCH37: {
        "1": 249250621, "2": 243199373, "3": 198022430, "4": 191154276, "5": 180915260,
        "6": 171115067, "7": 159138663, "8": 146364022, "9": 141213431, "10": 135534747,
        "11": 135006516, "12": 133851895, "13": 115169878, "14": 107349540, "15": 102531392,
        "16": 90354753, "17": 81195210, "18": 78077248, "19": 59128983, "20": 63025520,
        "21": 48129895, "22": 51304566, "X": 155270560,
    },
    GRCH38: {
        "1": 248956422, "2": 242193529, "3": 198295559, "4": 190214555, "5": 181538259,
        "6": 170805979, "7": 159345973, "8": 145138636, "9": 138394717, "10": 133797422,
        "11": 135086622, "12": 133275309, "13": 114364328, "14": 107043718, "15": 101991189,
        "16": 90338345, "17": 83257441, "18": 80373285, "19": 58617616, "20": 64444167,
        "21": 46709983, "22": 50818468, "X": 156040895,
    },
}  # fmt: skip

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
    return name in LENGTHS_BP


def build_of_lengths(lengths_bp: Mapping[str, int]) -> str | None:
    """Return the build whose chromosomes have these lengths; None if they fit neither or both.

    Parameters
    ----------
    lengths_bp
        By bare name of the chromosome.
    """
    fitting = [
        name
        for name, known in LENGTHS_BP.items()
        if any(known.get(one) == length for one, length in lengths_bp.items())
    ]
    return fitting[0] if len(fitting) == 1 else None


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
