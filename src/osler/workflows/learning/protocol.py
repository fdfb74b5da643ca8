"""The protocol of updates: what may change, how it is tested, and who signs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from osler.errors import Fault, InputError
from osler.model import digest_of
from osler.workflows.study.document import kind_of, load_yaml, read_text
from osler.workflows.study.question import Section

# Whether more of a metric is better.
METRICS: Mapping[str, bool] = MappingProxyType(
    {"auroc": True, "uno_c": True, "harrell_c": True, "brier": False, "ibs": False,
     "log_loss": False}
)  # fmt: skip
CHANGES = ("data", "features", "settings", "recalibration", "software")
SMALL = ("block", "tell")


@dataclass(frozen=True)
class Protocol:
    """What was agreed before any candidate was seen.

    The parts are those that the guidance on predetermined change control plans asks for:
    description of modifications, modification protocol, impact (FDA, CDRH & CBER & CDER,
    "Marketing Submission Recommendations for a Predetermined Change Control Plan for Artificial
    Intelligence-Enabled Device Software Functions", December 2024).

    Parameters
    ----------
    may_change
        Of `CHANGES`; what else differs between the two runs forbids the update.
    metrics
        Metric to margin: by how much the candidate may be worse and still count as no worse.
    groups
        Group variables of the study in each level of which it must be no worse.
    fewest_subjects, fewest_events
        Less than this among later rows, and nothing is judged.
    fewest_of_a_group
        Smaller groups cannot be judged.
    small_groups
        `block` an update that a small group cannot be judged on, or `tell` it only.
    signers
        Who may sign a promotion.
    """

    title: str
    may_change: tuple[str, ...]
    metrics: Mapping[str, float]
    groups: tuple[str, ...]
    fewest_subjects: int
    fewest_events: int
    fewest_of_a_group: int
    small_groups: str
    signers: tuple[str, ...]
    text: str

    @property
    def digest(self) -> str:
        """The sha256 of the file."""
        return digest_of(self.text)

    @classmethod
    def read(cls, path: Path) -> Protocol:
        """Read a protocol.

        Raises
        ------
        InputError
            With every fault of the file at once.
        """
        return cls.parse(read_text(path), path.name)

    @classmethod
    def parse(cls, text: str, where: str = "protocol") -> Protocol:
        """Read a protocol from YAML text; `where` names it in messages."""
        faults: list[Fault | str] = []
        top = Section(load_yaml(text, where), where, faults)
        least = top.section("least")
        protocol = cls(
            title=top.text("title", default="An update protocol"),
            may_change=_of(top, "may_change", CHANGES),
            metrics=_metrics(top),
            groups=top.texts("groups"),
            fewest_subjects=_count(least, "subjects", 100),
            fewest_events=_count(least, "events", 20),
            fewest_of_a_group=_count(least, "group", 50),
            small_groups=top.text("small_groups", default=SMALL[0]),
            signers=top.texts("signers"),
            text=text,
        )
        least.finish()
        if protocol.small_groups not in SMALL:
            top.fault("small_groups", "another word", " or ".join(SMALL))
        if not protocol.signers:
            top.fault("signers", "nobody", "who may sign a promotion")
        top.finish()
        if faults:
            raise InputError(faults)
        return protocol


def _of(section: Section, key: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    listed = section.texts(key)
    for one in listed:
        if one not in allowed:
            section.fault(key, "another word", f"any of {', '.join(allowed)}")
    return listed


def _metrics(section: Section) -> dict[str, float]:
    given = section.mapping("metrics", required=True)
    for name, margin in given.items():
        if name not in METRICS:
            section.fault(f"metrics: {name}", "an unknown metric", ", ".join(METRICS))
        elif not _is_margin(margin):
            section.fault(f"metrics: {name}", kind_of(margin), "a margin from 0 to 1")
    if not given:
        section.fault("metrics", "none", f"at least one of {', '.join(METRICS)}")
    return {str(one): float(margin) for one, margin in given.items() if _is_margin(margin)}


def _is_margin(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _count(section: Section, key: str, default: int) -> int:
    return int(section.number(key, default=default, low=1, high=1e9, whole=True))
