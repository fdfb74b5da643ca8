"""Variant Call Format: VCF, bgzipped or not, gVCF and BCF, read record by record.

>>> from osler.sources.vcf import open_vcf            # doctest: +SKIP
>>> with open_vcf(path) as vcf:                       # doctest: +SKIP
...     for record in vcf.records():
...         record.chromosome, record.position, record.alleles, record.genotypes.alleles
"""

from osler.sources.vcf.build import Build, Contig, Told, chromosome_name
from osler.sources.vcf.genotypes import ABSENT, MISSING, Genotypes
from osler.sources.vcf.header import Header
from osler.sources.vcf.normalise import normalise, trimmed
from osler.sources.vcf.opening import Region, Vcf, is_vcf, open_vcf
from osler.sources.vcf.record import NON_REFERENCE, Record, is_bases
from osler.sources.vcf.text import Stored

__all__ = [
    "ABSENT",
    "MISSING",
    "NON_REFERENCE",
    "Build",
    "Contig",
    "Genotypes",
    "Header",
    "Record",
    "Region",
    "Stored",
    "Told",
    "Vcf",
    "chromosome_name",
    "is_bases",
    "is_vcf",
    "normalise",
    "open_vcf",
    "trimmed",
]
