"""Dated outside knowledge: releases of tables, each with its licence, source and digest."""

from osler.knowledge.changes import Changes, TableChange, changes
from osler.knowledge.release import Release, Table
from osler.knowledge.sealing import seal
from osler.knowledge.shelf import current, get, install, releases, subjects, verify

__all__ = [
    "Changes",
    "Release",
    "Table",
    "TableChange",
    "changes",
    "current",
    "get",
    "install",
    "releases",
    "seal",
    "subjects",
    "verify",
]
