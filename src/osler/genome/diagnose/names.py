"""What the name of a disease tells: findings it is named after, and the series it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from osler.genome.diagnose.ontology import Ontology

LONGEST_PHRASE_WORDS = 7
FEWEST_LETTERS = 5
# OMIM's wording of a term whose name is "Intellectual disability" (HP:0001249).
_WORDING = (
    ("intellectual developmental disorder", "intellectual disability"),
    ("impaired intellectual development", "intellectual disability"),
)
_BRACKETS = re.compile(r"\([^)]*\)")
_NO_WORD = re.compile(r"[^a-z0-9]+")
_KEEPS_ITS_S = ("ss", "is", "us")
# What tells the members of a series apart, and words that say nothing of which series it is.
_OF_A_MEMBER = re.compile(
    r"\b(?:type|autosomal|recessive|dominant|x linked|susceptibility to|with|and|due to"
    r"|deficiency of|[0-9]+[a-z]?|[ivx]+|[a-h])\b"
)

Phrase = tuple[str, ...]


def words(text: str) -> Phrase:
    """Return the words of a phrase, without case, brackets and plural.

    Examples
    --------
    >>> words("Seizures, febrile (disease)")
    ('seizure', 'febrile')
    """
    text = text.lower()
    for theirs, ours in _WORDING:
        text = text.replace(theirs, ours)
    return tuple(_singular(one) for one in _NO_WORD.sub(" ", _BRACKETS.sub("", text)).split())


def _singular(word: str) -> str:
    plural = len(word) > 4 and word.endswith("s") and not word.endswith(_KEEPS_ITS_S)
    return word[:-1] if plural else word


def plain(text: str) -> str:
    """Return a name in lower case without punctuation."""
    return " ".join(_NO_WORD.sub(" ", text.lower()).split())


def stem(text: str) -> str:
    """Return what the names of a series have in common.

    Examples
    --------
    >>> stem("Developmental and epileptic encephalopathy 96")
    'developmental epileptic encephalopathy'
    """
    return " ".join(_OF_A_MEMBER.sub(" ", plain(text.split(";")[0])).split())


def phrases(ontology: Ontology) -> dict[Phrase, int]:
    """Return the names and exact synonyms of the abnormalities as phrases; a name comes first."""
    known: dict[Phrase, int] = {}
    for texts in (enumerate(ontology.names), ontology.synonyms):
        for term, text in texts:
            phrase = words(text)
            long_enough = sum(map(len, phrase)) >= FEWEST_LETTERS
            if term and long_enough and len(phrase) <= LONGEST_PHRASE_WORDS:
                known.setdefault(phrase, term)
    return known


def findings_in(name: str, known: Mapping[Phrase, int]) -> list[int]:
    """Return the terms that a disease is named after, the longest phrase first at each word."""
    spoken, at, found = words(name), 0, []
    while at < len(spoken):
        for length in range(min(LONGEST_PHRASE_WORDS, len(spoken) - at), 0, -1):
            term = known.get(spoken[at : at + length])
            if term is not None:
                found.append(term)
                at += length
                break
        else:
            at += 1
    return list(dict.fromkeys(found))


def series(names: Sequence[str]) -> list[list[int]]:
    """Return the groups of names that have a stem in common, two members or more."""
    groups: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        if common := stem(name):
            groups.setdefault(common, []).append(number)
    return [group for group in groups.values() if len(group) > 1]


def by_key(keys: Iterable[tuple[int, str]]) -> dict[str, list[int]]:
    """Return the numbers that have a key in common."""
    groups: dict[str, list[int]] = {}
    for number, key in keys:
        if key:
            groups.setdefault(key, []).append(number)
    return groups
