"""From what the genes are to what is recommended for each drug.

Missing means unknown, never normal: a guideline of several genes has rows for "No Result", and such
advice says that it does not speak of the gene that is not known. Where nothing is known, or a
guideline has no row for what is known, the drug is listed as not advised, with the reason.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from osler.genome.pgx.guidelines import Guideline, Row, plain_text
from osler.genome.pgx.phenotype import INDETERMINATE, NO_RESULT, NOT_SCORED

UNKNOWN_ALLELE = (NOT_SCORED, INDETERMINATE, NO_RESULT)
"""What alleles that no table knows are looked up by: the first that a guideline has."""


@dataclass(frozen=True)
class GeneState:
    """What a gene may be, as guidelines look it up.

    Attributes
    ----------
    possible
        Each possibility a set of keys (HLA has several statuses at once). None at all means no
        result; one without keys means alleles that no table knows.
    caveats
        What all advice from this gene has to say: an undocumented variant, alleles not ruled out.
    """

    possible: frozenset[frozenset[str]] = frozenset()
    caveats: tuple[str, ...] = ()


@dataclass(frozen=True)
class DrugAdvice:
    """What a guideline recommends for one drug, one population and one reading of the genes.

    Attributes
    ----------
    source
        Who recommends, such as `CPIC`.
    population
        Indication or drug history; `n/a` where a flow chart takes their place.
    lookup
        Gene to the key that the row was found by.
    deviates
        Whether it asks for something other than usual; None if the source does not tell.
    branches
        What depends on something that is not known here and is not guessed: (when, what).
    table, date
        The table that it rests on, and that table's own date.
    rxnorm
        The drug's number in RxNorm, where the release has it.
    """

    drug: str
    source: str
    genes: tuple[str, ...]
    population: str
    classification: str | None
    implications: tuple[str, ...]
    recommendation: str
    lookup: tuple[tuple[str, str], ...]
    caveats: tuple[str, ...]
    deviates: bool | None
    citation: str
    url: str
    table: str
    date: str
    branches: tuple[tuple[str, str], ...] = ()
    rxnorm: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the entry of `drugs` in `pgx.json`."""
        entry: dict[str, Any] = {
            "drug": self.drug,
            "source": self.source,
            "genes": list(self.genes),
            "population": self.population,
            "classification": self.classification,
            "implications": list(self.implications),
            "recommendation": self.recommendation,
            "lookup": dict(self.lookup),
            "caveats": list(self.caveats),
            "deviates_from_standard": self.deviates,
            "citation": self.citation,
            "url": self.url,
            "rxnorm": self.rxnorm,
            "table": self.table,
            "table_date": self.date,
        }
        if self.branches:
            entry["branches"] = [
                {"when": when, "recommendation": what} for when, what in self.branches
            ]
        return entry


@dataclass(frozen=True)
class NotAdvised:
    """A drug that has a guideline, and why nothing of it is said."""

    drug: str
    source: str
    genes: tuple[str, ...]
    why: str
    table: str
    date: str

    def to_json(self) -> dict[str, Any]:
        """Return the entry of `not_advised` in `pgx.json`."""
        return {
            "drug": self.drug,
            "source": self.source,
            "genes": list(self.genes),
            "why": self.why,
            "table": self.table,
            "table_date": self.date,
        }


NOTHING_KNOWN = GeneState()
Advice = tuple[tuple[DrugAdvice, ...], NotAdvised | None]


class Advisor:
    """The guidelines of a release; equal lookups are answered once.

    Parameters
    ----------
    guidelines
        Those with rows; a drug with a rule of its own, such as warfarin, is left to that rule.
    """

    def __init__(self, guidelines: Iterable[Guideline]) -> None:
        self.guidelines = tuple(guidelines)
        self._answered: dict[tuple[str, tuple[GeneState, ...]], Advice] = {}

    def of(self, genes: Mapping[str, GeneState]) -> list[Advice]:
        """Return the advice for every drug, in the order of their names."""
        return [self.for_drug(guideline, genes) for guideline in self.guidelines]

    def for_drug(self, guideline: Guideline, genes: Mapping[str, GeneState]) -> Advice:
        """Return the advice for one drug, for every reading of its genes."""
        states = tuple(genes.get(gene, NOTHING_KNOWN) for gene in guideline.genes)
        key = (guideline.drug, states)
        if key not in self._answered:
            self._answered[key] = _look_up(guideline, states)
        return self._answered[key]

    def lookups(self, gene: str) -> list[str]:
        """Return every key that a gene is looked up with in any guideline."""
        found = (one.vocabulary.get(gene, ()) for one in self.guidelines)
        return sorted({key for keys in found for key in keys})

    def genes(self) -> list[str]:
        """Return every gene that a guideline asks for."""
        return sorted({gene for one in self.guidelines for gene in one.genes})


def _look_up(guideline: Guideline, states: Sequence[GeneState]) -> Advice:
    if not guideline.rows:
        return (), _not_advised(guideline, "the release has no rows for it to be looked up in")
    if not any(state.possible for state in states):
        names = " and ".join(guideline.genes)
        return (), _not_advised(guideline, f"nothing is known of {names}")
    keys = [
        _keys(state.possible, guideline.vocabulary[gene])
        for gene, state in zip(guideline.genes, states, strict=True)
    ]
    found = tuple(
        _advice(guideline, combination, row, [one for state in states for one in state.caveats])
        for combination in product(*keys)
        for row in guideline.rows.get(tuple(key for key, _ in combination), ())
    )
    if found:
        return found, None
    return (), _not_advised(guideline, _why_no_row(guideline, states, keys))


def _keys(
    possible: Collection[frozenset[str]], vocabulary: frozenset[str]
) -> list[tuple[str, str]]:
    """Return the keys of a guideline that a gene has, each with what is not known, if anything.

    A key that one reading hits and another only for want of knowledge is told as not known.
    """
    if not possible:
        return [(NO_RESULT, "is not known")] if NO_RESULT in vocabulary else []
    found: dict[str, str] = {}
    for keys in possible:
        hits = keys & vocabulary
        if hits:
            found = dict.fromkeys(hits, "") | found
        elif not keys:
            known = [one for one in UNKNOWN_ALLELE if one in vocabulary][:1]
            found |= dict.fromkeys(
                known, "has alleles of which the tables do not know the function"
            )
        elif NO_RESULT in vocabulary and _is_status(vocabulary):
            found[NO_RESULT] = "is not known for the allele that this guideline asks for"
    return sorted(found.items())


def _is_status(vocabulary: frozenset[str]) -> bool:
    """Tell whether the keys are statuses of single alleles, of which others may be known."""
    return any(key.endswith((" positive", " negative")) for key in vocabulary)


def _advice(
    guideline: Guideline,
    combination: tuple[tuple[str, str], ...],
    row: Row,
    of_genes: Sequence[str],
) -> DrugAdvice:
    named = tuple(zip(guideline.genes, combination, strict=True))
    gaps = [f"{gene} {gap}: this advice does not speak of it" for gene, (_, gap) in named if gap]
    caveats = (*gaps, *of_genes)
    return DrugAdvice(
        guideline.drug,
        guideline.source,
        guideline.genes,
        row.population,
        row.classification,
        row.implications,
        plain_text(row.recommendation),
        tuple((gene, key) for gene, (key, _) in named),
        caveats,
        row.deviates,
        guideline.citation,
        guideline.url,
        guideline.table,
        guideline.date,
        rxnorm=guideline.rxnorm,
    )


def _not_advised(guideline: Guideline, why: str) -> NotAdvised:
    note = f"{why}. {guideline.note}" if guideline.note else why
    return NotAdvised(
        guideline.drug, guideline.source, guideline.genes, note, guideline.table, guideline.date
    )


def _why_no_row(
    guideline: Guideline, states: Sequence[GeneState], keys: Sequence[list[tuple[str, str]]]
) -> str:
    """Say which gene the guideline has no row for."""
    named = list(zip(guideline.genes, states, keys, strict=True))
    unknown = [gene for gene, state, _ in named if not state.possible]
    if unknown:
        return f"{' and '.join(unknown)} not known, and the guideline needs it"
    strange = [gene for gene, state, _ in named if frozenset() in state.possible]
    if strange:
        return f"{' and '.join(strange)}: alleles of which the tables do not know the function"
    unlisted = [
        f"{gene} {' or '.join(sorted(set().union(*state.possible)))}"
        for gene, state, found in named
        if not found
    ]
    return f"the guideline has no row for {'; '.join(unlisted) or 'this combination'}"
