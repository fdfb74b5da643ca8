"""The patient flow: boxes for the steps at which someone was left out, lines for the others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from osler.report.numbers import dicts, finite, plain, texts, whole

APART = "of these"
# What the cohort's steps are called in a task; a reader needs the condition alone.
_TASK_WORDS = re.compile(r"(?:window \S+: |trigger )")

Json = Mapping[str, Any]


def flow(steps: Any) -> list[dict[str, Any]]:
    """Return the boxes of the flow diagram, in order.

    A step that leaves nobody out is told in the box before it, but for the last; a part of the rows
    (a step that begins with `of these`) is told in the last box, unless it is empty.

    Returns
    -------
    list of dict
        `step`, `count`, `subjects` (empty when the same), `left` (how many the step before had
        more; empty for none), `notes`, `passed` (conditions that left nobody out).
    """
    boxes: list[dict[str, Any]] = []
    parts: list[str] = []
    before: float | None = None
    listed = dicts(steps)
    for place, entry in enumerate(listed):
        rows, subjects = finite(entry.get("rows")), finite(entry.get("subjects"))
        count = subjects if rows is None else rows
        name = _step_words(entry)
        if name.lower().startswith(APART):
            parts += [_part_words(name, count, entry)] if count else []
            continue
        same = bool(boxes) and count is not None and count == before
        if same and place < len(listed) - 1:
            boxes[-1]["passed"].append(name[:1].lower() + name[1:])
            continue
        boxes.append(_box(name, entry, _left(before, count)))
        before = count if count is not None else before
    if boxes:
        boxes[-1]["notes"] += parts
    return boxes


def _box(name: str, entry: Json, left: str) -> dict[str, Any]:
    rows, subjects = finite(entry.get("rows")), finite(entry.get("subjects"))
    return {
        "step": name,
        "count": whole(subjects if rows is None else rows),
        "subjects": whole(subjects)
        if subjects is not None and rows not in (None, subjects)
        else "",
        "left": left,
        "notes": texts(entry.get("note")),
        "passed": [],
    }


def _left(before: float | None, count: float | None) -> str:
    if before is None or count is None or count >= before:
        return ""
    return whole(before - count)


def _step_words(entry: Json) -> str:
    text = _TASK_WORDS.sub("", plain(entry.get("step")), count=1).replace("_", " ")
    return text[:1].upper() + text[1:]


def _part_words(name: str, count: float, entry: Json) -> str:
    what = name[len(APART) :].lstrip(": ")
    notes = "; ".join(texts(entry.get("note")))
    return f"of these, {whole(count)} {what}{f' ({notes})' if notes else ''}"
