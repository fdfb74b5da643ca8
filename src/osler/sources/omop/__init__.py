"""OMOP Common Data Model."""

from osler.sources.omop.reading import OmopSource

__all__ = ["OmopSource"]
