"""One spelling for one variant: trimmed, and moved to the left where the reference is known.

Source: Tan, Abecasis & Kang 2015, Bioinformatics 31:2202-2204, doi:10.1093/bioinformatics/btv112.
"""

from __future__ import annotations


def trimmed(position: int, reference: str, alternate: str) -> tuple[int, str, str]:
    """Return a variant without the bases that both alleles share, one base kept in each.

    The common end goes first, then the common beginning, so that an insertion or deletion stays as
    far left as its own alleles allow.

    Examples
    --------
    >>> trimmed(100, "CATAT", "CAT")
    (100, 'CAT', 'C')
    >>> trimmed(100, "ACG", "ATG")
    (101, 'C', 'T')
    """
    end = 0
    while (
        end < min(len(reference), len(alternate)) - 1 and reference[-1 - end] == alternate[-1 - end]
    ):
        end += 1
    reference, alternate = reference[: len(reference) - end], alternate[: len(alternate) - end]
    start = 0
    while start < min(len(reference), len(alternate)) - 1 and reference[start] == alternate[start]:
        start += 1
    return position + start, reference[start:], alternate[start:]


def normalise(
    position: int,
    reference: str,
    alternate: str,
    context: str = "",
    context_start: int = 0,
) -> tuple[int, str, str]:
    """Return the left-most, shortest spelling of a variant.

    Parameters
    ----------
    context, context_start
        Bases of the reference sequence and the position of the first; without them, or beyond
        them, the variant is trimmed and not moved.

    Examples
    --------
    >>> normalise(107, "TAT", "T", "CATATATA", 101)
    (101, 'CAT', 'C')
    """
    position, reference, alternate = trimmed(position, reference, alternate)
    while len(reference) != len(alternate) and reference[0] == alternate[0]:
        longer = max(reference, alternate, key=len)
        before = position - 1 - context_start
        # One step to the left: the anchor must be the last base of what is added or lost.
        if longer[-1] != reference[0] or not 0 <= before < len(context):
            break
        base = context[before]
        reference, alternate = base + reference[:-1], base + alternate[:-1]
        position -= 1
    return position, reference, alternate
