"""The small language of `when:`: conditions on the columns of a row. Never evaluated as Python.

    expression  = conjunction { "or" conjunction }
    conjunction = negation { "and" negation }
    negation    = "not" negation | "(" expression ")" | comparison
    comparison  = column ( "==" | "!=" ) ( text | number )
                | column ( "<" | "<=" | ">" | ">=" ) number
                | column [ "not" ] "in" "[" ( text | number ) { "," ( text | number ) } "]"
                | column "is" [ "not" ] "missing"

A column is a word of letters, digits, `_`, `-` and `.`, or anything between backticks. Text stands
in double or single quotes. A missing value is equal to nothing: `!=` and `not in` hold for it,
every other comparison does not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce

import polars as pl

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<quoted>"[^"]*"|'[^']*')
    | `(?P<column>[^`]+)`
    | (?P<number>[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?(?![\w.-]))
    | (?P<word>[^\W\d][\w.\-]*|\d[\w.\-]*)
    | (?P<symbol>==|!=|<=|>=|<|>|\(|\)|\[|\]|,)
    )""",
    re.VERBOSE,
)
_KEYWORDS = ("and", "or", "not", "in", "is", "missing")
_MOST_NESTED = 50


@dataclass(frozen=True)
class Condition:
    """A parsed condition.

    Parameters
    ----------
    text
        As it was written.
    holds
        Over a frame with the columns as text, missing values null; never null itself.
    columns
        The columns that it looks at.
    """

    text: str
    holds: pl.Expr
    columns: frozenset[str]


class ConditionError(ValueError):
    """The condition does not follow the grammar; says where."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    place: int


def parse_condition(text: str) -> Condition:
    """Parse a condition.

    Raises
    ------
    ConditionError
        With the place of the first thing that does not fit.

    Examples
    --------
    >>> parsed = parse_condition('status == "final" and value is not missing')
    >>> sorted(parsed.columns)
    ['status', 'value']
    """
    parser = _Parser(text)
    holds = parser.whole()
    return Condition(text, holds, frozenset(parser.columns))


def _tokens(text: str) -> list[_Token]:
    tokens, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            at = place + len(text[place:]) - len(text[place:].lstrip())
            raise ConditionError(f"character {at + 1}: {text[at]!r} does not belong here")
        kind, content = match.lastgroup, match.group(match.lastgroup)
        if kind == "word":
            kind = "keyword" if content in _KEYWORDS else "column"
        elif kind == "quoted":
            content = content[1:-1]
        tokens.append(_Token(kind, content, match.start(match.lastgroup) + 1))
        place = match.end()
    return tokens


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self.columns: set[str] = set()

    def whole(self) -> pl.Expr:
        holds = self._either()
        if self._at < len(self._tokens):
            raise self._unexpected("`and`, `or` or the end")
        return holds

    def _either(self) -> pl.Expr:
        parts = [self._both()]
        while self._take("or"):
            parts.append(self._both())
        return reduce(lambda left, right: left | right, parts)

    def _both(self) -> pl.Expr:
        parts = [self._negation()]
        while self._take("and"):
            parts.append(self._negation())
        return reduce(lambda left, right: left & right, parts)

    def _negation(self) -> pl.Expr:
        self._depth += 1
        if self._depth > _MOST_NESTED:
            raise ConditionError(f"nested more than {_MOST_NESTED} deep")
        try:
            if self._take("not"):
                return ~self._negation()
            if self._take("("):
                inner = self._either()
                self._expect(")")
                return inner
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> pl.Expr:
        column = pl.col(self._column())
        if self._take("is"):
            negated = self._take("not")
            self._expect("missing")
            return column.is_not_null() if negated else column.is_null()
        negated = self._take("not")
        if negated or self._next_is("in"):
            self._expect("in")
            among = _any_of([_equals(column, one) for one in self._list()])
            return ~among if negated else among
        for sign in ("==", "!="):
            if self._take(sign):
                equal = _equals(column, self._literal())
                return equal if sign == "==" else ~equal
        return self._ordered(column)

    def _ordered(self, column: pl.Expr) -> pl.Expr:
        number = column.cast(pl.Float64, strict=False)
        if self._take("<="):
            holds = number <= self._number()
        elif self._take(">="):
            holds = number >= self._number()
        elif self._take("<"):
            holds = number < self._number()
        elif self._take(">"):
            holds = number > self._number()
        else:
            raise self._unexpected("a comparison")
        return holds.fill_null(False)

    def _list(self) -> list[_Token]:
        self._expect("[")
        listed = [self._literal()]
        while self._take(","):
            listed.append(self._literal())
        self._expect("]")
        return listed

    def _column(self) -> str:
        token = self._peek()
        if token is None or token.kind not in ("column", "number"):
            raise self._unexpected("a column")
        self._at += 1
        self.columns.add(token.text)
        return token.text

    def _literal(self) -> _Token:
        token = self._peek()
        if token is None or token.kind not in ("quoted", "number"):
            raise self._unexpected("a text in quotes or a number")
        self._at += 1
        return token

    def _number(self) -> float:
        token = self._literal()
        try:
            return float(token.text)
        except ValueError as error:
            raise ConditionError(f"character {token.place}: expected a number") from error

    def _peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _next_is(self, text: str) -> bool:
        token = self._peek()
        return token is not None and token.kind in ("keyword", "symbol") and token.text == text

    def _take(self, text: str) -> bool:
        if self._next_is(text):
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._unexpected(f"`{text}`")

    def _unexpected(self, expected: str) -> ConditionError:
        token = self._peek()
        came = "the end" if token is None else f"character {token.place}: {token.text!r}"
        return ConditionError(f"{came} where {expected} was expected")


def _equals(column: pl.Expr, literal: _Token) -> pl.Expr:
    """Compare as text, and with a bare number as a number too: `1` is also `1.0`."""
    if literal.kind == "number":
        same = column.cast(pl.Float64, strict=False) == float(literal.text)
    else:
        same = column == literal.text
    return same.fill_null(False)


def _any_of(parts: list[pl.Expr]) -> pl.Expr:
    return reduce(lambda left, right: left | right, parts)
