"""Text values as categories: what an event answers, beside the code that asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from osler.features.column import ANSWER_MARK
from osler.features.slices import Bools, Ints, Slices

# A longer text, or one of several lines, is a note and not an answer.
LONGEST_ANSWER = 60
# In these vocabularies the text repeats in words what a code beside it says.
LABELLED = frozenset({"VARIANT", "MUTATION", "GENE_ALTERED"})
NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Answers:
    """The events that hold an answer, each under the name `CODE//=text`.

    Parameters
    ----------
    names
        Distinct names.
    event, name : shape (m,)
        Position of each answer among the events, ascending, and of its name in `names`.
    begins : shape (m,)
        Whether it is the first answer to its code among the events of its stretch.
    before_us, after_us : shape (m,)
        Time of the answer to the same code before it, and of the one after it, whatever they say.
    """

    names: list[str]
    event: Ints
    name: Ints
    begins: Bools
    before_us: Ints
    after_us: Ints


def answers_of(
    texts: pl.Series,
    values: npt.NDArray[np.floating],
    times_us: Ints,
    names: list[str],
    group: Ints,
) -> Answers | None:
    """Take the answers out of events in order of stretch and time; None where there are none.

    Parameters
    ----------
    texts, values, times_us : shape (n,)
        Of the events. A text that only writes the event's own number is no answer.
    names
        Codes.
    group : shape (n,)
        Stretch times the number of codes, plus the position of the code in `names`.
    """
    if texts.null_count() == texts.len():
        return None
    labelled = np.array([one.partition("//")[0] in LABELLED for one in names], dtype=np.bool_)
    told = texts.is_not_null().to_numpy() & ~labelled[group % len(names)]
    event = np.flatnonzero(told)
    said, kind, number = _kinds(texts.gather(event))
    kept = (kind >= 0) & ~(number & ~np.isnan(values[event]))
    event, kind, group = event[kept], kind[kept], group[event[kept]]
    if not event.size:
        return None
    found, name = np.unique(group % len(names) * len(said) + kind, return_inverse=True)
    pairs = (divmod(one, len(said)) for one in found.tolist())
    return Answers(
        [f"{names[code]}{ANSWER_MARK}{said[text]}" for code, text in pairs],
        event,
        name.astype(np.int64),
        *_neighbours(group, times_us[event]),
    )


def clean(text: pl.Expr) -> pl.Expr:
    """Return a text without blanks at its ends and with single ones between its words."""
    return text.str.strip_chars().str.replace_all(r"[ \t]+", " ")


def is_answer(text: pl.Expr) -> pl.Expr:
    """Whether a clean text is short and of one line."""
    return text.str.len_chars().is_between(1, LONGEST_ANSWER) & ~text.str.contains(r"[\r\n]")


def _kinds(texts: pl.Series) -> tuple[list[str], Ints, Bools]:
    """Return the distinct answers, the number of each text's (-1 for notes), and which are numbers.

    Blanks around and between words are not part of an answer; letters are taken as they are.
    """
    codes = texts if isinstance(texts.dtype, pl.Categorical) else texts.cast(pl.Categorical())
    physical = codes.to_physical().to_numpy()
    used, place = np.unique(physical, return_index=True)
    raw = codes.gather(place).cast(pl.String)
    table = raw.alias("text").to_frame().with_columns(clean(pl.col("text")).alias("said"))
    table = table.with_columns(
        pl.when(is_answer(pl.col("said"))).then(pl.col("said")),
        numeric=pl.col("said").cast(pl.Float64, strict=False).is_not_null(),
    )
    said = table["said"].drop_nulls().unique().sort()
    number = {text: i for i, text in enumerate(said)}
    kind = np.array([number.get(one, -1) for one in table["said"]], dtype=np.int64)
    numeric = table["numeric"].to_numpy()
    at = np.searchsorted(used, physical)
    return said.to_list(), kind[at], numeric[at]


def _neighbours(group: Ints, times_us: Ints) -> tuple[Bools, Ints, Ints]:
    """Return which begin their group, and the times of the ones before and after in it."""
    order = np.argsort(group, kind="stable")
    same = group[order[1:]] == group[order[:-1]]
    earlier, later = order[:-1][same], order[1:][same]
    begins = np.ones(group.size, dtype=np.bool_)
    begins[later] = False
    before, after = np.full(group.size, -NEVER), np.full(group.size, NEVER)
    before[later], after[earlier] = times_us[earlier], times_us[later]
    return begins, before, after


@dataclass(frozen=True)
class Answered:
    """For events sorted into runs: which runs are answers, and what stands beside each answer.

    Parameters
    ----------
    named : shape (names,)
        Which names are answers.
    begins, before_us, after_us : shape (n,)
        As in `Answers`, at the places of the sorted events; elsewhere without meaning.
    """

    named: Bools
    begins: Bools
    before_us: Ints
    after_us: Ints

    def stands(self, name: str, slices: Slices, which: Ints, length_us: int | None) -> Bools:
        """Whether an answer is the first, or the last, that its code was given in the window.

        Parameters
        ----------
        name
            `first` or `last`.
        which
            Places of the answers among the slices.
        length_us
            Of the window; None for all of the past.
        """
        until = slices.until_us[which]
        if name == "last":
            return self.after_us[slices.end[which] - 1] > until
        place = slices.first[which]
        if length_us is None:
            return self.begins[place]
        return self.begins[place] | (self.before_us[place] <= until - length_us)
