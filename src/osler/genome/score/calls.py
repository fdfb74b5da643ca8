"""The genotypes of one record: copies of an allele, missing ones, and how many each person has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from osler.errors import Fault, InputError

HALF_CALLS = "half-missing genotypes, taken as missing"
MALFORMED = "genotypes that cannot be read, taken as missing"
NO_PROBABILITIES = "GP that does not add up to 1, passed over"

_TAB, _COLON, _DOT, _ZERO, _SLASH, _BAR = b"\t:.0/|"
_MISSING, _NO_SECOND, _JUNK = -1, -2, -3
_LONGEST_FRACTION = 12
# Probabilities are often written with two or three decimals.
MOST_ROUNDING = 0.02

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Alleles = NDArray[np.int16]


class Genotypes(Protocol):
    """What is known of everybody at one record."""

    @property
    def ploidy(self) -> Floats:
        """Return how many copies of the chromosome each person's genotype speaks of."""
        ...

    def copies(self, allele: int) -> Floats:
        """Return each person's copies of an allele; NaN where missing; 0 is the reference."""
        ...


@dataclass(frozen=True)
class HardCalls:
    """Called genotypes.

    Parameters
    ----------
    first, second : shape (n,)
        Numbers of alleles; -1 is missing; a second of -2 says that there is but one.
    """

    first: Alleles
    second: Alleles

    @property
    def ploidy(self) -> Floats:
        """Return 1 or 2 for each person."""
        ploidy: Floats = np.where(self.second == _NO_SECOND, 1.0, 2.0)
        return ploidy

    def with_two_missing(self) -> HardCalls:
        """Return the same, a lone dot standing for two missing alleles."""
        lone = (self.first == _MISSING) & (self.second == _NO_SECOND)
        return HardCalls(self.first, np.where(lone, _MISSING, self.second).astype(np.int16))

    def copies(self, allele: int) -> Floats:
        """Return 0, 1, 2 or NaN for each person."""
        count: Floats = (self.first == allele).astype(np.float64)
        count += self.second == allele
        count[(self.first == _MISSING) | (self.second == _MISSING)] = np.nan
        return count


@dataclass(frozen=True)
class Dosages:
    """Expected copies, as imputation gives them.

    Parameters
    ----------
    alternatives : shape (alternative alleles, n)
        NaN where missing.
    ploidy : shape (n,)
    """

    alternatives: Floats
    ploidy: Floats

    def copies(self, allele: int) -> Floats:
        """Return the expected copies of an allele; NaN where missing."""
        if allele > 0:
            chosen: Floats = self.alternatives[allele - 1].copy()
            return chosen
        rest: Floats = self.ploidy - self.alternatives.sum(axis=0)
        return rest if allele == 0 else rest * 0.0


def regular(region: memoryview, n_samples: int) -> HardCalls | None:
    """Read genotypes that are all written in three bytes, such as `0/1`; None if they are not.

    Parameters
    ----------
    region
        The sample columns of a line, `FORMAT` being `GT` alone.
    """
    if len(region) != 4 * n_samples - 1:
        return None
    cells = np.frombuffer(bytes(region) + b"\t", np.uint8).reshape(n_samples, 4)
    parted = (cells[:, 1] == _SLASH) | (cells[:, 1] == _BAR)
    if not (parted.all() and (cells[:, 3] == _TAB).all()):
        return None
    return HardCalls(_digit(cells[:, 0]), _digit(cells[:, 2]))


def from_columns(
    region: memoryview,
    format_keys: list[bytes],
    shape: tuple[int, int],
    *,
    dosage: bool,
    one_copy: bool = False,
    where: str,
) -> tuple[HardCalls | Dosages, Counter[str]]:
    """Read the sample columns of any line.

    Parameters
    ----------
    format_keys
        Of the column `FORMAT`.
    shape
        How many alleles the record has, and how many samples the file.
    dosage
        Whether `DS`, or without it `GP`, goes before `GT`. A person for whom it is missing is taken
        at `GT`.
    one_copy
        Whether people may have one copy here, so that a lone dot is one missing allele.
    where
        File and line, for messages.

    Returns
    -------
    The genotypes, and how many of them were half-missing or malformed.

    Raises
    ------
    InputError
        If there are not as many columns as samples.
    """
    n_alleles, n_samples = shape
    columns = _Columns(region, n_samples, where)
    told: Counter[str] = Counter()
    calls = None
    if b"GT" in format_keys:
        calls = tidy(_calls(columns, format_keys.index(b"GT")), n_alleles, told)
        # How many copies a lone dot stands for only matters where there may be one.
        calls = calls if one_copy else calls.with_two_missing()
    # A record of the reference alone has no alternative of which copies could be expected.
    dosage = dosage and n_alleles > 1
    if dosage and b"DS" in format_keys:
        number = format_keys.index(b"DS")
        return _dosages(columns, number, n_alleles - 1, calls, told), told
    if dosage and b"GP" in format_keys:
        start, end = columns.field(format_keys.index(b"GP"))
        words = [
            columns.text[begin:stop].tobytes().split(b",")
            for begin, stop in zip(start.tolist(), end.tolist(), strict=True)
        ]
        return expected([_numbers_of(one) for one in words], n_alleles, calls, told), told
    if calls is None:
        nothing = np.full(n_samples, _MISSING, np.int16)
        return HardCalls(nothing, nothing), told
    return calls, told


class _Columns:
    """Where the fields of each sample begin and end."""

    def __init__(self, region: memoryview, n_samples: int, where: str) -> None:
        self.text = np.frombuffer(region, np.uint8)
        tabs = np.flatnonzero(self.text == _TAB)
        if len(tabs) != n_samples - 1:
            raise InputError(
                Fault(
                    where,
                    f"{len(tabs) + 1} sample columns",
                    f"{n_samples}, as in the header",
                    "the file may be cut short; fetch it again",
                )
            )
        self.starts = np.concatenate([[0], tabs + 1])
        self.ends = np.concatenate([tabs, [len(self.text)]])
        self.colons = np.flatnonzero(self.text == _COLON)

    def field(self, number: int) -> tuple[Ints, Ints]:
        """Return where a field begins and ends in each sample; empty where it was left out."""
        if not len(self.colons):
            return (self.starts, self.ends) if number == 0 else (self.ends, self.ends)
        before = np.searchsorted(self.colons, self.starts)
        padded = np.concatenate([self.colons, np.full(number + 1, len(self.text))])
        end = np.minimum(padded[before + number], self.ends)
        if number == 0:
            return self.starts, end
        start = np.minimum(padded[before + number - 1] + 1, self.ends)
        return start, end


def _digit(cells: Bytes) -> Alleles:
    """Return allele numbers of one digit, missing for a dot, junk for the rest."""
    numbers = cells.astype(np.int16) - _ZERO
    numbers[(numbers < 0) | (numbers > 9)] = _JUNK
    numbers[cells == _DOT] = _MISSING
    return numbers


def _calls(columns: _Columns, number: int) -> HardCalls:
    """Read the field `GT` of every sample."""
    start, end = columns.field(number)
    length = end - start
    text = np.concatenate([columns.text, np.zeros(4, np.uint8)])
    first = np.where(length > 0, _digit(text[start]), _MISSING).astype(np.int16)
    second = np.full(len(start), _MISSING, np.int16)
    second[length == 1] = _NO_SECOND
    part = text[start + 1]
    pair = (length == 3) & ((part == _SLASH) | (part == _BAR))
    second[pair] = _digit(text[start[pair] + 2])
    for person in np.flatnonzero(~pair & (length > 1)):
        word = columns.text[start[person] : end[person]].tobytes()
        first[person], second[person] = _word(word)
    return HardCalls(first, second)


def tidy(calls: HardCalls, n_alleles: int, told: Counter[str]) -> HardCalls:
    """Take half-missing genotypes and those that make no sense as missing, and count them.

    Parameters
    ----------
    n_alleles
        Of the record; higher numbers make no sense.
    """
    first, second = calls.first, calls.second
    wrong = (first >= n_alleles) | (second >= n_alleles) | (first == _JUNK) | (second == _JUNK)
    half = ~wrong & ((first == _MISSING) != (second == _MISSING)) & (second != _NO_SECOND)
    if not (wrong.any() or half.any()):
        return calls
    told.update({HALF_CALLS: int(half.sum()), MALFORMED: int(wrong.sum())})
    gone = wrong | half
    return HardCalls(
        np.where(gone, _MISSING, first).astype(np.int16),
        np.where(gone, _MISSING, second).astype(np.int16),
    )


def _word(word: bytes) -> tuple[int, int]:
    """Read a genotype of any length, such as `10/0`."""
    parts = word.replace(b"|", b"/").split(b"/")
    numbers = [
        _MISSING if one == b"." else int(one) if one.isdigit() and len(one) < 5 else _JUNK
        for one in parts
    ]
    if len(numbers) == 1:
        return numbers[0], _NO_SECOND
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (_JUNK, _JUNK)


def _dosages(
    columns: _Columns,
    number: int,
    n_alternatives: int,
    calls: HardCalls | None,
    told: Counter[str],
) -> Dosages:
    """Read the field `DS` of every sample; a missing one is taken from the called genotype."""
    start, end = columns.field(number)
    ploidy = calls.ploidy if calls is not None else np.full(len(start), 2.0)
    if n_alternatives != 1:
        values = _several(columns, start, end, n_alternatives, told)
    else:
        values = _decimals(columns.text, start, end, told)[None, :]
    with np.errstate(invalid="ignore"):
        wrong = ((values < 0) | (values.sum(axis=0) > ploidy + 0.01)).any(axis=0)
    told[MALFORMED] += int(wrong.sum())
    values[:, wrong] = np.nan
    return Dosages(filled(values, calls), ploidy)


def expected(
    probabilities: Sequence[Sequence[float]],
    n_alleles: int,
    calls: HardCalls | None,
    told: Counter[str],
) -> Dosages:
    """Return the copies that probabilities of genotypes give to expect (`GP`, VCF 4.3).

    Older files write them as Phred scores, which do not add up to 1: there the called genotype is
    taken.

    Parameters
    ----------
    probabilities
        Of each person, in the order of the VCF: genotype j/k stands at k (k + 1) / 2 + j; one for
        each allele where there is one copy.
    """
    pairs = [(first, second) for second in range(n_alleles) for first in range(second + 1)]
    copies_of = {
        len(kinds): np.array([[one.count(a) for one in kinds] for a in range(1, n_alleles)], float)
        for kinds in ([(a,) for a in range(n_alleles)], pairs)
    }
    values = np.full((n_alleles - 1, len(probabilities)), np.nan)
    ploidy = calls.ploidy if calls is not None else np.full(len(probabilities), 2.0)
    for person, given in enumerate(probabilities):
        total = sum(given)
        if len(given) in copies_of and min(given) >= 0 and abs(total - 1) <= MOST_ROUNDING:
            values[:, person] = copies_of[len(given)] @ given / total
            ploidy[person] = 1 if len(given) == n_alleles else 2
        elif given:
            told[NO_PROBABILITIES] += 1
    return Dosages(filled(values, calls), ploidy)


def _numbers_of(words: list[bytes]) -> list[float]:
    """Return numbers; none where there is none or one is missing or cannot be read."""
    try:
        return [] if words in ([b"."], [b""]) else [float(one) for one in words]
    except ValueError:
        return [np.nan]


def filled(values: Floats, calls: HardCalls | None) -> Floats:
    """Take called genotypes where expected copies are missing."""
    if calls is not None:
        for alternative in range(len(values)):
            absent = np.isnan(values[alternative])
            values[alternative, absent] = calls.copies(alternative + 1)[absent]
    return values


def _several(
    columns: _Columns, start: Ints, end: Ints, n_alternatives: int, told: Counter[str]
) -> Floats:
    """Read fields with one number for each alternative allele; all of them or none."""
    values = np.full((n_alternatives, len(start)), np.nan)
    for person, (begin, stop) in enumerate(zip(start.tolist(), end.tolist(), strict=True)):
        words = columns.text[begin:stop].tobytes().split(b",")
        if len(words) == n_alternatives:
            values[:, person] = [_decimal(one, told) for one in words]
        elif words not in ([b"."], [b""]):
            told[MALFORMED] += 1
    values[:, np.isnan(values).any(axis=0)] = np.nan
    return values


def _decimals(text: Bytes, start: Ints, end: Ints, told: Counter[str]) -> Floats:
    """Read plain decimal numbers at once, and those with an exponent one by one."""
    length = end - start
    widest = int(min(length.max(initial=0), _LONGEST_FRACTION))
    padded = np.concatenate([text, np.zeros(widest + 1, np.uint8)])
    whole = np.zeros(len(start), np.int64)
    places = np.zeros(len(start), np.int64)
    pointed = np.zeros(len(start), bool)
    plain = (length > 0) & (length <= _LONGEST_FRACTION)
    for offset in range(widest):
        within = offset < length
        letter = padded[start + offset]
        digit = within & (letter >= _ZERO) & (letter < _ZERO + 10)
        point = within & (letter == _DOT) & ~pointed
        plain &= digit | point | ~within
        whole[digit] = whole[digit] * 10 + (letter[digit] - _ZERO)
        places += digit & pointed
        pointed |= point
    values = whole / 10.0**places
    alone = (length == 1) & pointed
    values[alone | (length == 0)] = np.nan
    for person in np.flatnonzero(~plain & (length > 0)):
        values[person] = _decimal(text[start[person] : end[person]].tobytes(), told)
    return values


def _decimal(word: bytes, told: Counter[str]) -> float:
    """Read one number; what is none is missing."""
    if word in (b"", b"."):
        return np.nan
    try:
        value = float(word)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        told[MALFORMED] += 1
        return np.nan
    return value
