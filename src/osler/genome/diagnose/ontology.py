"""The Human Phenotype Ontology: terms, what they are kinds of, and ids that were replaced.

The file is OBO 1.4 (https://owlcollab.github.io/oboformat/doc/obo-syntax.html); only `id`, `name`,
`is_a`, `alt_id`, `is_obsolete`, `replaced_by` and `consider` are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from osler.errors import Fault, InputError

ABNORMALITY = "HP:0000118"
"""Phenotypic abnormality: what is below it can be seen in a patient."""
TERM_ID = re.compile(r"HP:[0-9]{7}")
_LINES = re.compile(r"^(?:id|name|is_a|alt_id|is_obsolete|replaced_by|synonym): .*", re.MULTILINE)

_EXACT = re.compile(r'"([^"]+)" EXACT(?! obsolete)')

Ints = NDArray[np.int32]
Standing = Literal["current", "renamed", "obsolete", "not an abnormality", "unknown"]


@dataclass(frozen=True)
class Resolved:
    """What a given id stands for.

    Attributes
    ----------
    given
        As it came.
    term
        Index of the term; None where it cannot be used.
    standing
        `renamed` when the id is an alternative or replaced one; else why it cannot be used.
    """

    given: str
    term: int | None
    standing: Standing


@dataclass(frozen=True)
class Ontology:
    """The abnormalities of the ontology, as arrays.

    Attributes
    ----------
    ids, names
        By index, parents before their children; index 0 is `ABNORMALITY`.
    ancestor_starts, ancestors
        The ancestors of term t, itself the last, are
        `ancestors[ancestor_starts[t]:ancestor_starts[t + 1]]`.
    replacements
        Alternative and obsolete ids to the current one.
    elsewhere
        Current ids outside of `ABNORMALITY`, such as modes of inheritance, with their names.
    obsolete
        Ids without replacement.
    synonyms
        Exact synonyms, with the term's index.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    index: Mapping[str, int]
    ancestor_starts: Ints
    ancestors: Ints
    replacements: Mapping[str, str]
    elsewhere: Mapping[str, str]
    obsolete: frozenset[str]
    synonyms: tuple[tuple[int, str], ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def ancestors_of(self, term: int) -> Ints:
        """Return the term and all that it is a kind of, as indices."""
        return self.ancestors[self.ancestor_starts[term] : self.ancestor_starts[term + 1]]

    def resolve(self, given: str) -> Resolved:
        """Return the term that an id stands for, through alternative and replaced ids."""
        current = self.replacements.get(given, given)
        term = self.index.get(current)
        if term is not None:
            return Resolved(given, term, "current" if current == given else "renamed")
        if current in self.elsewhere:
            return Resolved(given, None, "not an abnormality")
        return Resolved(given, None, "obsolete" if current in self.obsolete else "unknown")

    def closure(self, terms: Iterable[int]) -> Ints:
        """Return the terms and all their ancestors, each once, sorted."""
        listed = [self.ancestors_of(term) for term in terms]
        return np.unique(np.concatenate(listed)) if listed else np.zeros(0, np.int32)


@dataclass
class _Stanza:
    id: str = ""
    name: str = ""
    parents: list[str] = field(default_factory=list)
    obsolete: bool = False
    replaced_by: str = ""
    synonyms: list[str] = field(default_factory=list)


def read_ontology(content: bytes) -> Ontology:
    """Read an ontology in OBO format.

    Raises
    ------
    InputError
        If it has no terms below `ABNORMALITY`, or they are kinds of themselves.
    """
    stanzas, alternatives = _stanzas(content.decode("utf-8"))
    order, ancestors = _below(ABNORMALITY, stanzas)
    index = {one: number for number, one in enumerate(order)}
    rows = [sorted(index[above] for above in ancestors[one]) for one in order]
    starts = np.zeros(len(rows) + 1, np.int32)
    np.cumsum([len(row) for row in rows], out=starts[1:])
    flat = np.fromiter((term for row in rows for term in row), np.int32, int(starts[-1]))
    current = {one for one, stanza in stanzas.items() if not stanza.obsolete}
    return Ontology(
        ids=tuple(order),
        names=tuple(stanzas[one].name for one in order),
        index=index,
        ancestor_starts=starts,
        ancestors=flat,
        replacements=_replacements(stanzas, alternatives),
        elsewhere={one: stanzas[one].name for one in current if one not in index},
        obsolete=frozenset(stanzas) - current,
        synonyms=tuple(
            (number, text) for number, one in enumerate(order) for text in stanzas[one].synonyms
        ),
    )


def _stanzas(text: str) -> tuple[dict[str, _Stanza], dict[str, str]]:
    """Return the terms by id, and alternative ids with the term they stand for."""
    stanzas: dict[str, _Stanza] = {}
    alternatives: dict[str, str] = {}
    stanza = _Stanza()
    for line in _LINES.findall(text):
        key, _, value = line.partition(": ")
        if key == "id":
            stanza = _Stanza(value.strip())
            if TERM_ID.fullmatch(stanza.id):
                stanzas[stanza.id] = stanza
        elif key == "is_a":
            stanza.parents.append(value.split(" ", 1)[0])
        elif key == "name":
            stanza.name = value.strip()
        elif key == "synonym":
            if exact := _EXACT.match(value):
                stanza.synonyms.append(exact[1])
        elif key == "alt_id":
            alternatives[value.strip()] = stanza.id
        elif key == "replaced_by":
            stanza.replaced_by = value.strip()
        else:
            stanza.obsolete = value.startswith("true")
    return stanzas, alternatives


def _replacements(
    stanzas: Mapping[str, _Stanza], alternatives: Mapping[str, str]
) -> dict[str, str]:
    direct = {one: found.replaced_by for one, found in stanzas.items() if found.replaced_by}
    direct |= {one: to for one, to in alternatives.items() if one not in stanzas}
    followed = {}
    for one, to in direct.items():
        seen = {one}
        while to in direct and to not in seen:
            seen.add(to)
            to = direct[to]
        followed[one] = to
    return followed


def _below(
    root: str, stanzas: Mapping[str, _Stanza]
) -> tuple[list[str], dict[str, frozenset[str]]]:
    """Return the root and what is below it, parents first, each with its ancestors and itself."""
    children: dict[str, list[str]] = {}
    for one, stanza in stanzas.items():
        if not stanza.obsolete:
            for parent in stanza.parents:
                children.setdefault(parent, []).append(one)
    within, stack = {root}, [root]
    while stack:
        for child in children.get(stack.pop(), ()):
            if child not in within:
                within.add(child)
                stack.append(child)
    waiting = {
        one: sum(parent in within for parent in stanzas[one].parents) if one != root else 0
        for one in within
        if one in stanzas
    }
    ready = [one for one in (root,) if one in waiting]
    ancestors: dict[str, frozenset[str]] = {}
    order = []
    while ready:
        one = ready.pop()
        order.append(one)
        above = [ancestors[parent] for parent in stanzas[one].parents if parent in within]
        ancestors[one] = frozenset((one,)).union(*above) if one != root else frozenset((root,))
        for child in children.get(one, ()):
            waiting[child] -= 1
            if not waiting[child]:
                ready.append(child)
    if not order or len(order) < len(waiting):
        came = "no terms below HP:0000118" if not order else "terms that are kinds of themselves"
        raise InputError(Fault("the ontology", came, "the Human Phenotype Ontology in OBO format"))
    return order, ancestors
