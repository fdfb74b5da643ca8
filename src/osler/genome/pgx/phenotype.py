"""From a pair of alleles to a phenotype, by the tables of the release.

A table lists pairs of alleles with their phenotype, their activity score where the gene has one
(CYP2C9, CYP2D6, DPYD), and the key that guidelines are looked up with. Copies of an allele multiply
its value; a score that is not listed has the phenotype of those around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from osler.genome.pgx.nouns import Diplotype

INDETERMINATE = "Indeterminate"
NOT_SCORED = "n/a"
NO_RESULT = "No Result"

AT_LEAST = "≥"
COPIES = re.compile(r"(?P<base>\*[0-9]+)x(?P<least>≥?)(?P<number>N|[0-9]{1,3})")


@dataclass(frozen=True)
class Phenotype:
    """What a pair of alleles means for its gene.

    Attributes
    ----------
    name
        Such as `Poor Metabolizer`; None where no table says.
    activity_score
        Where the gene has one. A score of "at least 3" is 3, and a note says so.
    lookups
        The keys that guidelines are looked up with: more than one where copies were not counted, or
        where a score lies between two that the guidelines list; all of them are shown. Empty where
        the tables do not know the alleles.
    notes
        What a reader should know of how it came about.
    """

    name: str | None
    activity_score: float | None = None
    lookups: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Score:
    """An activity score as the tables write it: `1.25`, or `≥3.0`."""

    value: float
    at_least: bool = False

    @classmethod
    def read(cls, text: str) -> Score | None:
        """Read a score; None for `n/a` and for what is none.

        Examples
        --------
        >>> Score.read("≥3.0")
        Score(value=3.0, at_least=True)
        >>> Score.read("n/a") is None
        True
        """
        match = re.fullmatch(r"(≥|>=)?\s*([0-9]{1,3}(?:\.[0-9]{1,6})?)", text.strip())
        return Score(float(match[2]), bool(match[1])) if match else None

    def __add__(self, other: Score) -> Score:
        return Score(self.value + other.value, self.at_least or other.at_least)

    def __str__(self) -> str:
        return f"{AT_LEAST if self.at_least else ''}{self.value}"


class Pairs(Protocol):
    """The pairs of alleles that a table lists."""

    def find(self, names: tuple[str, ...]) -> Phenotype | None:
        """Return what a pair means, by its sorted names, one where there is one copy."""
        ...

    def alleles(self) -> frozenset[str]:
        """Return the names of the alleles that stand in a pair."""
        ...

    def distinct(self) -> tuple[Phenotype, ...]:
        """Return the phenotypes that pairs have, each once."""
        ...


class NoPairs:
    """A table that lists no pairs."""

    def find(self, names: tuple[str, ...]) -> Phenotype | None:  # noqa: ARG002  the protocol's
        """Return nothing."""
        return None

    def alleles(self) -> frozenset[str]:
        """Return none."""
        return frozenset()

    def distinct(self) -> tuple[Phenotype, ...]:
        """Return none."""
        return ()


@dataclass(frozen=True)
class PhenotypeTable:
    """The phenotypes of one gene.

    Attributes
    ----------
    table, date
        The table of the release, and its own date.
    pairs
        The pairs of alleles that it lists.
    values
        Activity value by allele, None for `n/a`; empty where the gene has none.
    functions
        Clinical function by allele, where the table has it.
    """

    gene: str
    table: str
    date: str
    pairs: Pairs
    values: Mapping[str, Score | None] = field(default_factory=dict)
    functions: Mapping[str, str] = field(default_factory=dict)

    def of(self, pair: Diplotype) -> Phenotype:
        """Return what a pair means; one that the table does not have is unknown, never normal."""
        names = tuple(sorted(one for one in (pair.first, pair.second) if one is not None))
        found = self.pairs.find(names)
        if found is not None:
            return found
        if self.values and len(names) == 2:
            return self._summed(names)
        return unknown(self, [one for one in names if one not in self.alleles] or [str(pair)])

    @cached_property
    def alleles(self) -> frozenset[str]:
        """The names of the alleles that the table has."""
        return frozenset(self.functions) or self.pairs.alleles()

    @property
    def says_nothing(self) -> bool:
        """Whether the table gives the gene no phenotypes at all."""
        return not self.pairs.distinct()

    @cached_property
    def phenotypes(self) -> frozenset[str]:
        """The phenotypes that the table has."""
        return frozenset(one.name for one in self.pairs.distinct() if one.name is not None)

    @cached_property
    def by_score(self) -> dict[Score, str]:
        """The phenotype of each score that the table lists."""
        return {
            score: one.name
            for one in self.pairs.distinct()
            for score in [Score.read(one.lookups[0])]
            if score is not None and one.name is not None
        }

    def of_score(self, score: Score) -> Phenotype:
        """Return the phenotype of a score.

        A score that the table does not list has the phenotype of those on both sides of it, where
        they agree, and is looked up by both.
        """
        notes = (f"activity score at least {score.value}",) if score.at_least else ()
        if score in self.by_score:
            return Phenotype(self.by_score[score], score.value, (str(score),), notes)
        around = self._around(score)
        names = {self.by_score[one] for one in around}
        if len(names) != 1:
            open_ends = [one for one in self.by_score if one.value >= score.value]
            possible = sorted(around or open_ends, key=lambda one: (one.value, one.at_least))
            lookups = tuple(map(str, possible))
            return Phenotype(None, score.value, lookups, (*notes, _between(score, names)))
        told = f"activity score {score} is looked up as {' and '.join(map(str, around))}"
        return Phenotype(names.pop(), score.value, tuple(map(str, around)), (*notes, told))

    def of_phenotype(self, name: str) -> Phenotype:
        """Return a phenotype told from outside, looked up by every score that has it."""
        name = next((one for one in self.phenotypes if one.lower() == name.lower()), name)
        if name not in self.phenotypes:
            told = f"{name!r} is not a phenotype of {self.gene} that {self.table} has"
            return Phenotype(name, None, (), (told,))
        if not self.by_score:
            return Phenotype(name, None, (name,))
        if name == INDETERMINATE:
            return Phenotype(name, None, (NOT_SCORED,))
        scores = sorted(
            (score for score, of in self.by_score.items() if of == name),
            key=lambda one: (one.value, one.at_least),
        )
        lookups = tuple(map(str, scores))
        if len(lookups) == 1:
            return Phenotype(name, scores[0].value, lookups)
        told = "a phenotype without an activity score: looked up by every score that has it"
        return Phenotype(name, None, lookups, (told,))

    def _around(self, score: Score) -> list[Score]:
        """Return the listed scores next below and above, of its own phenotype if that is known."""
        listed = sorted(
            (one for one in self.by_score if one.at_least == score.at_least),
            key=lambda one: one.value,
        )
        below = [one for one in listed if one.value < score.value][-1:]
        above = [one for one in listed if one.value > score.value][:1]
        edge = cpic_cyp2d6_phenotype(score) if self.gene == "CYP2D6" else None
        if edge is None:
            return [] if score.at_least else below + above
        return [one for one in below + above if self.by_score[one] == edge]

    def _summed(self, names: tuple[str, ...]) -> Phenotype:
        """Sum the values of two alleles that the table does not list as a pair."""
        choices = [self._values_of(name) for name in names]
        unlisted = [name for name, choice in zip(names, choices, strict=True) if not choice]
        if unlisted:
            return unknown(self, unlisted)
        found = [
            self.of_score(first + second)
            if first is not None and second is not None
            else Phenotype(INDETERMINATE, None, (NOT_SCORED,))
            for first in choices[0]
            for second in choices[1]
        ]
        return together(found, f"copies of {' / '.join(names)} are not in the table as they stand")

    def _values_of(self, name: str) -> list[Score | None]:
        """Return the values that an allele may have, by its number of copies; empty if unknown."""
        if name in self.values:
            return [self.values[name]]
        copies = COPIES.fullmatch(name)
        if not copies or copies["base"] not in self.values:
            return []
        one = self.values[copies["base"]]
        if one is None or one.value == 0:
            return [one]
        return self._multiplied(copies, one)

    def _multiplied(self, copies: re.Match[str], one: Score) -> list[Score | None]:
        base, number = copies["base"], copies["number"]
        if number == "N" or copies["least"]:
            listed = [self.values[name] for name in self.values if name.startswith(f"{base}x")]
            return listed or [Score(2 * one.value, at_least=True)]
        if int(number) >= 3 and f"{base}x{AT_LEAST}3" in self.values:
            return [self.values[f"{base}x{AT_LEAST}3"]]
        return [Score(int(number) * one.value)] if int(number) else []


def cpic_cyp2d6_phenotype(score: Score) -> str | None:
    """Return the phenotype of a CYP2D6 activity score by CPIC's ranges; None where it stays open.

    References
    ----------
    Caudle et al. 2020, Clinical and Translational Science 13:116-124, doi:10.1111/cts.12692, and
    Crews et al. 2021, Clinical Pharmacology and Therapeutics 110:888-896, doi:10.1002/cpt.2149: 0
    poor; above 0 and under 1.25 intermediate; 1.25 to 2.25 normal; above 2.25 ultrarapid.
    """
    if score.value > 2.25:
        return "Ultrarapid Metabolizer"
    if score.at_least:
        return None
    if score.value == 0:
        return "Poor Metabolizer"
    return "Intermediate Metabolizer" if score.value < 1.25 else "Normal Metabolizer"


def together(found: Iterable[Phenotype], why: str) -> Phenotype:
    """Return several possible phenotypes as one: what they share, and the lookups of all."""
    listed = list(dict.fromkeys(found))
    if len(listed) == 1:
        return listed[0]
    names = {one.name for one in listed}
    scores = {one.activity_score for one in listed}
    lookups = tuple(dict.fromkeys(key for one in listed for key in one.lookups))
    notes = tuple(dict.fromkeys(note for one in listed for note in one.notes))
    shown = ", ".join(str(one.name) for one in listed)
    return Phenotype(
        names.pop() if len(names) == 1 else None,
        scores.pop() if len(scores) == 1 else None,
        lookups,
        (f"{why}; possible: {shown}", *notes),
    )


def unknown(table: PhenotypeTable, names: Iterable[str]) -> Phenotype:
    """Return that the table does not have these alleles, and which it has that look alike."""
    notes = []
    for name in names:
        alike = sorted(one for one in table.alleles if name and one.endswith(f".{name}"))
        hint = f"; it has {', '.join(alike)}: write it so to be looked up" if alike else ""
        notes.append(f"{name} is not in {table.table}: no phenotype{hint}")
    return Phenotype(None, None, (), tuple(notes))


def _between(score: Score, names: Iterable[str]) -> str:
    listed = ", ".join(sorted(names))
    return f"activity score {score} has no phenotype in the table" + (
        f": it lies between {listed}" if listed else ""
    )
