"""Codes with places for columns: `LAB//{test}//{unit}`."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

_PART = re.compile(r"\{\{|\}\}|\{(?P<column>[^{}]+)\}|(?P<text>[^{}]+)")


@dataclass(frozen=True)
class Template:
    """A code made of constant text and columns.

    Parameters
    ----------
    parts
        In order; `(True, name)` is a column, `(False, text)` is text.
    """

    parts: tuple[tuple[bool, str], ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read a template; `{{` and `}}` are braces themselves.

        Raises
        ------
        ValueError
            If a brace is left open or nothing is in it.

        Examples
        --------
        >>> sorted(Template.parse("LAB//{test}//{unit}").columns)
        ['test', 'unit']
        """
        parts, place = [], 0
        while place < len(text):
            match = _PART.match(text, place)
            if match is None:
                raise ValueError(f"a lone brace at character {place + 1}")
            column = match.group("column")
            constant = match.group("text") or match.group()[:1]
            parts.append((column is not None, column if column is not None else constant))
            place = match.end()
        return cls(tuple(parts))

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it needs."""
        return frozenset(part for is_column, part in self.parts if is_column)

    @property
    def constant(self) -> str | None:
        """The code itself if no column is in it."""
        return None if self.columns else "".join(part for _, part in self.parts)

    def filled(self) -> pl.Expr:
        """Return the code over a frame of text columns; null where one of them is missing."""
        parts = [pl.col(part) if is_column else pl.lit(part) for is_column, part in self.parts]
        return pl.concat_str(parts)
