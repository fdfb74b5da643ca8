"""What the ledger tells: the audit of a vault or of one subject, and which exports hold whom."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

from osler.vault.access import SHORT_PSEUDONYM_BYTES, Pseudonyms, holds
from osler.vault.ledger import Record

STORE = "store"
ERASE = "erase"
EXPORT = "export"

DIGEST = re.compile(r"[0-9a-f]{16,128}")
WORDS = re.compile(r"[A-Za-z][A-Za-z0-9 _+-]{0,79}")


def plain(what: Any, pseudonyms: Pseudonyms) -> Any:
    """Return what may stand in the ledger: numbers, digests and plain words.

    Any other text, such as a path, a date or a code, is replaced by its keyed digest; the names
    of fields are held to the same rule.
    """
    if what is None or isinstance(what, bool | int):
        return what
    if isinstance(what, Integral):
        return int(what)
    if isinstance(what, Real):
        return float(what) if math.isfinite(what) else None
    if isinstance(what, Mapping):
        return {plain(str(name), pseudonyms): plain(one, pseudonyms) for name, one in what.items()}
    if isinstance(what, list | tuple | set | frozenset):
        return [plain(one, pseudonyms) for one in what]
    text = str(what)
    if DIGEST.fullmatch(text) or WORDS.fullmatch(text):
        return text
    return f"withheld {pseudonyms.of_text(text)}"


def entry(record: Record) -> dict[str, Any]:
    """Return a record as a line of the audit."""
    count = len(record.listed) // SHORT_PSEUDONYM_BYTES
    return {
        "number": record.number,
        "time": record.time,
        "user": record.user,
        "purpose": record.purpose,
        "action": record.action,
        "what": dict(record.what),
        "subjects": "all" if record.scope == "all" else count,
        "generation": record.generation,
    }


def touching(records: Iterable[Record], short: bytes, *, erased: bool) -> list[Record]:
    """Return the records of acts that touched one subject.

    An act on all subjects of a generation touched those who came with that generation or before
    it, and had not been erased by then.

    Parameters
    ----------
    short
        The subject's short pseudonym.
    erased
        Whether the subject has a tombstone.
    """
    listed = list(records)
    named = {one.number for one in listed if holds(one.listed, short)}
    came = [one.what["generation"] for one in listed if one.action == STORE and one.number in named]
    went = [one.generation for one in listed if one.action == ERASE and one.number in named]
    first = min(came, default=None)
    last = max(went, default=None) if erased else None
    return [
        one
        for one in listed
        if one.number in named
        or (
            one.scope == "all"
            and first is not None
            and first <= one.generation
            and (last is None or one.generation <= last)
        )
    ]


def exports(
    records: Iterable[Record], places: Mapping[str, str], short: bytes, *, erased: bool
) -> list[dict[str, Any]]:
    """Return the registered exports that hold one subject: number, kind, time, digest, place."""
    return [
        {
            "number": one.number,
            "kind": one.what["kind"],
            "time": one.time,
            "digest": one.what["digest"],
            "where": places.get(str(one.number)),
            "subjects": entry(one)["subjects"],
        }
        for one in touching(records, short, erased=erased)
        if one.action == EXPORT
    ]
