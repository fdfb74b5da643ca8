"""Genes in which an allele that the definition does not have is taken for the reference."""

from __future__ import annotations

UNDOCUMENTED_IS_REFERENCE = frozenset({"CACNA1S", "DPYD", "G6PD", "NUDT15", "RYR1", "TPMT"})
"""Their alleles decide toxicity: an undocumented allele beside a documented, harmful one must not
hide it, as "no call" would. The call then says where it is, and that "normal" does not speak of it.
Source: PharmCAT, Named Allele Matcher 201, "Undocumented Variations".
"""
