"""The command line: parse, one workflow, show."""

from osler.cli.app import app, main, run

__all__ = ["app", "main", "run"]
