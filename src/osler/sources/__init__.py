"""Readers: one per format, each from a format to events."""

from osler.sources.base import Batch, LoadReport, Request, Source, SubjectIds

__all__ = ["Batch", "LoadReport", "Request", "Source", "SubjectIds"]
