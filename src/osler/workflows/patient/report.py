"""The report of one patient: gathered, written, registered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

import osler
from osler.errors import Fault, InputError
from osler.model import FORMAT_VERSION, NotAssessed, Provenance, digest_of
from osler.report import patient_fhir, patient_html
from osler.vault import Vault
from osler.workflows.derived import POLYGENIC, inputs_of
from osler.workflows.opening import Opening
from osler.workflows.patient.diagnosis import diagnosis
from osler.workflows.patient.drugs import drugs
from osler.workflows.patient.known import known
from osler.workflows.patient.part import Part
from osler.workflows.patient.prognosis import Prognosis, prognosis
from osler.workflows.patient.scores import scores
from osler.workflows.patient.treatment import treatment
from osler.workflows.patient.tumour import tumour
from osler.workflows.study.run import described
from osler.workflows.study.saved import SavedRun, plain
from osler.workflows.writing import check_replaceable, whole_folder, write_json

FORMATS = ("html", "json", "fhir")
MARKER = "report.json"

NOT_YET = (NotAssessed("Images", "this version reads no images"),)
NO_TRIAL = NotAssessed(
    "Which treatment would help", "a prognosis is not a treatment effect, and none was estimated"
)


def report_patient(
    opening: Opening,
    subject_id: int,
    *,
    runs: Sequence[Path] = (),
    out: Path,
    formats: Sequence[str] = ("html", "json"),
) -> list[Path]:
    """Write what is known of one patient and what the runs' models say, into a new folder.

    Parameters
    ----------
    subject_id
        The MEDS subject.
    runs
        Folders that `run_study` wrote.
    out
        Folder to write; replaced whole if it holds an earlier report.
    formats
        Any of `html`, `json`, `fhir`.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    InputError
        If the subject is not in the vault, a format is unknown, or a run cannot be read.
    Damaged
        If a run is not what was saved.
    """
    unknown = [one for one in formats if one not in FORMATS]
    if unknown or not formats:
        came = ", ".join(map(repr, unknown)) or "nothing"
        raise InputError(Fault("--format", came, f"any of {', '.join(FORMATS)}, comma-separated"))
    check_replaceable(out, MARKER)
    loaded = [SavedRun.load(run) for run in runs]
    vault = opening.open()
    with vault.act(
        "report patient", {"runs": [run.digest for run in loaded]}, subjects=[subject_id]
    ):
        events = vault.subject_events(subject_id)
        if not events.height:
            raise InputError(
                Fault("SUBJECT", "a subject that is not in this vault", "one that was loaded")
            )
        report = assemble(subject_id, events, loaded, vault)
        digest = digest_of(json.dumps(report, sort_keys=True))
        vault.register_export("patient report", digest, [subject_id], where=str(out))
    return _write(report, out, formats)


def assemble(
    subject_id: int, events: pl.DataFrame, runs: Sequence[SavedRun], vault: Vault
) -> dict[str, Any]:
    """Return the object of `report.json`."""
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    inputs = {"timeline": digest_of(events.write_csv())}
    inputs |= {f"run {index + 1}": run.digest for index, run in enumerate(runs)}
    provenance = Provenance(f"osler {osler.__version__}", moment, inputs=inputs)
    descriptions = described(vault)
    told = [_asked(run, subject_id, events, vault, provenance) for run in runs]
    trials = [_tried(run, subject_id, events, vault, provenance) for run in runs]
    parts = _genome(subject_id, events, descriptions, vault, provenance)
    said = [
        *(one.findings for one in trials),
        *(one.findings for one in told),
        *(part.findings for part in parts.values()),
    ]
    inputs |= dict(pair for part in parts.values() for pair in part.inputs)
    first = next((one for one in told if one.summary), Prognosis())
    report: dict[str, Any] = plain(
        {
            "format_version": FORMAT_VERSION,
            "subject_id": subject_id,
            "generated_at": moment,
            "warnings": _once(line for run in runs for line in run.results["warnings"]),
            "summary": first.summary,
            "curves": first.curves,
            "alike": first.alike,
            "findings": [finding.to_json() for findings in said for finding in findings],
            **{name: part.section for name, part in parts.items()},
            "treatments": [one.section for one in trials if one.section],
            "missing": _once(name for one in told for name in one.missing),
            "groups": [group for one in told for group in one.groups],
            "not_assessed": [
                {"what": one.what, "why": one.why}
                for one in _not_assessed([*told, *trials, *parts.values()], bool(runs), trials)
            ],
            "timeline": known(events, descriptions, first.until),
            "scope": _once(line for run in runs for line in run.results["scope"]),
            "limits": _once(line for run in runs for line in run.results["limits"]),
            "provenance": vars(provenance),
        }
    )
    return report


def _asked(
    run: SavedRun, subject_id: int, events: pl.DataFrame, vault: Vault, provenance: Provenance
) -> Prognosis:
    """Let a run speak, with the derived results that its study names."""
    derived = run.study.features.derived
    seen = vault.subject_events(subject_id, derived=derived) if derived else events
    return prognosis(run, subject_id, seen, vault.vault_id, provenance)


def _tried(
    run: SavedRun, subject_id: int, events: pl.DataFrame, vault: Vault, provenance: Provenance
) -> Part:
    """Let a run's trial speak, with the derived results that its study names."""
    if not run.results.get("treatment"):
        return Part()
    derived = run.study.features.derived
    seen = vault.subject_events(subject_id, derived=derived) if derived else events
    return treatment(run, subject_id, seen, vault.vault_id, provenance)


def _genome(
    subject_id: int,
    events: pl.DataFrame,
    descriptions: Mapping[str, str],
    vault: Vault,
    provenance: Provenance,
) -> dict[str, Part]:
    """Return what the genome says, by the knowledge of today and not of when it was loaded."""
    return {
        "tumour": tumour(events, descriptions, provenance),
        "drugs": drugs(subject_id, events, descriptions, vault, provenance),
        "diagnosis": diagnosis(events, provenance),
        "scores": _scores(subject_id, events, descriptions, vault, provenance),
    }


def _scores(
    subject_id: int,
    events: pl.DataFrame,
    descriptions: Mapping[str, str],
    vault: Vault,
    provenance: Provenance,
) -> Part:
    """Return the scores that were loaded or derived: their weights are no knowledge of osler's."""
    made = inputs_of(vault.derivations(), [POLYGENIC])
    seen = vault.subject_events(subject_id, derived=[POLYGENIC]) if made else events
    part = scores(seen, descriptions, provenance)
    return replace(part, inputs=tuple(made.items())) if part.section else part


def _not_assessed(
    told: Sequence[Prognosis | Part], asked: bool, trials: Sequence[Part]
) -> list[NotAssessed]:
    none = [] if asked else [NotAssessed("Prognosis", "no study's run was given with --run")]
    tried = any(one.section or one.not_assessed for one in trials)
    rest = NOT_YET if tried else (*NOT_YET, NO_TRIAL)
    return [*none, *(gap for one in told for gap in one.not_assessed), *rest]


def _once(lines: Any) -> list[str]:
    return list(dict.fromkeys(lines))


def _write(report: dict[str, Any], out: Path, formats: Sequence[str]) -> list[Path]:
    with whole_folder(out, MARKER) as folder:
        # The JSON is always written: it is what the other forms are made from.
        write_json(folder / MARKER, report)
        if "html" in formats:
            (folder / "report.html").write_text(patient_html(report), "utf-8")
        if "fhir" in formats:
            write_json(folder / "report.fhir.json", patient_fhir(report))
        names = sorted(path.name for path in folder.iterdir())
    return [out / name for name in names]
