"""Genes that are known by an outside call only."""

from __future__ import annotations

ONLY_BY_OUTSIDE_CALL = ("HLA-A", "HLA-B", "MT-RNR1")
"""HLA types cannot be read from a list of variants on the reference, and the release has no
definition of alleles for MT-RNR1. Source: PharmCAT, "Calling HLA", and its definitions 3.1.1.
"""
