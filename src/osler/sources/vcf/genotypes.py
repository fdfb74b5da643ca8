"""The sample columns of one record: allele numbers, phase and other fields, all samples at once.

Source: VCF 4.4 specification, section 1.6.2, https://samtools.github.io/hts-specs/VCFv4.4.pdf.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

MISSING = -1
ABSENT = -2
MOST_ALLELES = 32_000
MOST_PLOIDY = 8
FEW_SAMPLES = 24

_TAB, _COLON, _DOT, _ZERO, _SLASH, _BAR = b"\t:.0/|"
_LONGEST_NUMBER = 10

Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]
Alleles = NDArray[np.int8] | NDArray[np.int16]


@dataclass(frozen=True)
class Genotypes:
    """The genotype of every sample at one record, as the file says it.

    Attributes
    ----------
    alleles
        Shape (samples, ploidy), int8 (int16 with over 127 alleles): 0 is the reference; -1
        missing; -2 no such copy, where another sample has more copies.
    phased
        Shape (samples,): whether all copies are parted by `|`; True for a single copy.
    malformed
        How many genotypes cannot be read, or name an allele that the record does not have; they
        are missing.
    """

    alleles: Alleles
    phased: NDArray[np.bool_]
    malformed: int = 0


class Columns:
    """The sample columns of a record.

    Parameters
    ----------
    region
        The columns from the first sample on, without a line end.
    keys
        Of the column FORMAT.

    Raises
    ------
    ValueError
        If there are not as many columns as samples; when they are first looked at.
    """

    def __init__(self, region: bytes, keys: tuple[bytes, ...], n_samples: int) -> None:
        self._region = region
        self._keys = keys
        self._n = n_samples

    def genotypes(self, n_alleles: int) -> Genotypes:
        """Read the field GT; all missing without one."""
        if b"GT" not in self._keys:
            self.check()
            alleles = np.full((self._n, 1), MISSING, np.int8)
            return Genotypes(alleles, np.zeros(self._n, np.bool_))
        number = self._keys.index(b"GT")
        if self._n <= FEW_SAMPLES:
            return _bounded(self._one_by_one(number), n_alleles)
        found = self._regular() if len(self._keys) == 1 else None
        return _bounded(found or self._irregular(number), n_alleles)

    def integers(self, key: str) -> NDArray[np.int32] | None:
        """Read a field of one whole number; -1 where missing or no number; None without it."""
        if key.encode() not in self._keys:
            return None
        start, end = self._field(self._keys.index(key.encode()))
        length = end - start
        plain = (length > 0) & (length <= _LONGEST_NUMBER)
        values = np.zeros(self._n, np.int64)
        text = self._padded
        for offset in range(int(length[plain].max(initial=0))):
            within = plain & (offset < length)
            digit = text[np.where(within, start + offset, 0)].astype(np.int64) - _ZERO
            plain &= ~within | ((digit >= 0) & (digit <= 9))
            values = np.where(within, values * 10 + digit, values)
        plain &= values <= np.iinfo(np.int32).max
        return np.where(plain, values, MISSING).astype(np.int32)

    def numbers(self, key: str, count: int = 1) -> NDArray[np.float32] | None:
        """Read a field of numbers, shape (samples, count); NaN where missing; None without it.

        A sample with another count of numbers is missing.
        """
        words = self.words(key)
        if words is None:
            return None
        values = np.full((self._n, count), np.nan, np.float32)
        for sample, word in enumerate(words):
            parts = word.split(b",")
            if len(parts) == count:
                values[sample] = [_number(one) for one in parts]
        return values

    def words(self, key: str) -> list[bytes] | None:
        """Read a field as text, empty where it was left out; None without it."""
        if key.encode() not in self._keys:
            return None
        start, end = self._field(self._keys.index(key.encode()))
        return [
            self._region[one:other] for one, other in zip(start.tolist(), end.tolist(), strict=True)
        ]

    def check(self) -> None:
        """Raise ValueError if there are not as many columns as samples."""
        if self._region.count(b"\t") + 1 != self._n:
            raise ValueError("not as many columns as samples")

    @cached_property
    def _padded(self) -> Bytes:
        return np.frombuffer(self._region + b"\t\t\t\t", np.uint8)

    @cached_property
    def _bounds(self) -> tuple[Ints, Ints]:
        text = self._padded[: len(self._region)]
        tabs = np.flatnonzero(text == _TAB)
        if len(tabs) != self._n - 1:
            raise ValueError("not as many columns as samples")
        return np.concatenate([[0], tabs + 1]), np.concatenate([tabs, [len(text)]])

    @cached_property
    def _colons(self) -> Ints:
        return np.flatnonzero(self._padded == _COLON)

    def _field(self, number: int) -> tuple[Ints, Ints]:
        """Return where a field begins and ends in each sample; empty where it was left out."""
        starts, ends = self._bounds
        before = np.searchsorted(self._colons, starts)
        padded = np.concatenate([self._colons, np.full(number + 1, len(self._region))])
        end = np.minimum(padded[before + number], ends)
        if number == 0:
            return starts, end
        return np.minimum(padded[before + number - 1] + 1, ends), end

    def _regular(self) -> Genotypes | None:
        """Read genotypes that are all written in three bytes, such as `0/1`; None if not."""
        if len(self._region) != 4 * self._n - 1:
            return None
        cells = self._padded[: 4 * self._n].reshape(self._n, 4)
        part = cells[:, 1]
        phased = part == _BAR
        if not ((cells[:, 3] == _TAB).all() and (phased | (part == _SLASH)).all()):
            return None
        pair = cells[:, ::2]
        digits = (pair - np.uint8(_ZERO)).view(np.int8)
        if pair.min() < _ZERO or pair.max() > _ZERO + 9:
            dots = pair == _DOT
            if not (dots | ((digits >= 0) & (digits <= 9))).all():
                return None
            digits = np.where(dots, np.int8(MISSING), digits)
        return Genotypes(digits, phased)

    def _one_by_one(self, number: int) -> Genotypes:
        """Read the genotypes of few samples, where arrays are slower than words."""
        columns = self._region.split(b"\t")
        if len(columns) != self._n:
            raise ValueError("not as many columns as samples")
        words = [(column.split(b":", number + 1)[number:] or [b""])[0] for column in columns]
        return _gathered(tuple(words))

    def _irregular(self, number: int) -> Genotypes:
        """Read genotypes of any form; those of one or two single digits all at once."""
        start, end = self._field(number)
        length = end - start
        text = self._padded
        first, part, second = text[start], text[start + 1], text[start + 2]
        one = (length == 1) & _plain(first)
        both = _plain(first) & _plain(second)
        two = (length == 3) & ((part == _SLASH) | (part == _BAR)) & both
        rest = np.flatnonzero(~one & ~two)
        read = [_word(self._region[start[at] : end[at]]) for at in rest]
        ploidy = max([2 if two.any() else 1, *(len(alleles) for alleles, _, _ in read)])
        alleles = np.full((self._n, ploidy), ABSENT, np.int16)
        known = one | two
        alleles[known, 0] = _digits(first[known])
        if ploidy > 1:
            alleles[two, 1] = _digits(second[two])
        phased = one | (part == _BAR)
        malformed = 0
        for at, (own, is_phased, wrong) in zip(rest, read, strict=True):
            alleles[at, : len(own)] = own
            phased[at] = is_phased
            malformed += wrong
        small = alleles.max(initial=0) <= np.iinfo(np.int8).max
        return Genotypes(alleles.astype(np.int8) if small else alleles, phased, malformed)


@lru_cache(maxsize=1 << 12)
def _gathered(words: tuple[bytes, ...]) -> Genotypes:
    """Return the genotypes that words say: one object for equal words, so not to be changed."""
    read = [_word(word) for word in words]
    ploidy = max((len(own) for own, _, _ in read), default=1)
    alleles = np.array([(*own, *(ABSENT,) * (ploidy - len(own))) for own, _, _ in read], np.int16)
    alleles = alleles.reshape(len(read), ploidy)
    small = alleles.max(initial=0) <= np.iinfo(np.int8).max
    phased = np.array([is_phased for _, is_phased, _ in read], np.bool_)
    found = Genotypes(
        alleles.astype(np.int8) if small else alleles, phased, sum(wrong for _, _, wrong in read)
    )
    found.alleles.flags.writeable = found.phased.flags.writeable = False
    return found


def _plain(cells: Bytes) -> NDArray[np.bool_]:
    plain: NDArray[np.bool_] = (cells == _DOT) | ((cells >= _ZERO) & (cells <= _ZERO + 9))
    return plain


def _digits(cells: Bytes) -> NDArray[np.int16]:
    return np.where(cells == _DOT, MISSING, cells.astype(np.int16) - _ZERO)


@lru_cache(maxsize=1 << 14)
def _word(word: bytes) -> tuple[tuple[int, ...], bool, bool]:
    """Read a genotype of any form: its alleles, whether phased, whether it makes no sense."""
    if not word:
        return (MISSING,), False, False
    # VCF 4.4 lets a genotype begin with the mark of its first allele's phase.
    bare = word[1:] if word[:1] in (b"/", b"|") else word
    parts = bare.replace(b"|", b"/").split(b"/")
    sound = len(parts) <= MOST_PLOIDY and all(
        part == b"." or (part.isdigit() and len(part) < 6 and int(part) < MOST_ALLELES)
        for part in parts
    )
    if not sound:
        return (MISSING,), False, True
    alleles = tuple(MISSING if part == b"." else int(part) for part in parts)
    return alleles, b"/" not in bare, False


def _bounded(found: Genotypes, n_alleles: int) -> Genotypes:
    """Take genotypes with an allele that the record does not have as missing."""
    if found.alleles.max(initial=0) < n_alleles:
        return found
    wrong = (found.alleles >= n_alleles).any(axis=1)
    alleles = found.alleles.copy()
    alleles[wrong] = np.where(alleles[wrong] == ABSENT, ABSENT, MISSING)
    return Genotypes(alleles, found.phased, found.malformed + int(wrong.sum()))


def _number(word: bytes) -> float:
    try:
        return float(word)
    except ValueError:
        return np.nan
