"""The whole way from files to one woman's report, on the cohort that ships with osler."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from osler import demo as cohort
from osler.errors import Fault, InputError
from osler.workflows.genome.pgx import advise_on_drugs
from osler.workflows.loading import load
from osler.workflows.opening import Opening
from osler.workflows.patient import report_patient
from osler.workflows.study import run_study
from osler.workflows.study.saved import SavedRun
from osler.workflows.vaults import init_vault

TUMOUR, FINDING = "tumour", "TUMOUR_FINDING"
PURPOSE = "demonstration"
VAULT, KEY, STUDY, PATIENTS = "vault", "vault.key", "study", "patients"
GERMLINE = "germline"
GERMLINE_VAULT = "germline.vault"


@dataclass(frozen=True)
class Demo:
    """Where the demo has put its things."""

    study: Path
    patients: tuple[Path, ...]
    vault: Path
    key_file: Path
    germline: tuple[Path, ...] = ()

    def lines(self) -> list[str]:
        """Return the closing words, each with a place."""
        return [
            f"study report:    {self.study}",
            *(f"patient report:  {path}" for path in self.patients),
            *(f"drug advice:     {path}" for path in self.germline),
            f"vault:           {self.vault}",
            f"its key:         {self.key_file}",
        ]


def run_demo(
    out: Path, *, patients: int = 3, seed: int = 0, tell: Callable[[str], None] | None = None
) -> Demo:
    """Make a vault of METABRIC, run the study on it and report on some of its women.

    Two made-up people with an inherited genome get a report on their drugs in the same way.

    Parameters
    ----------
    out
        Folder; a demo that is there already is brought up to date.
    patients
        How many reports. The women are spread evenly over the range of predicted risk, each the
        nearest whose tumour has an alteration with evidence.
    tell
        Is given one line as each step begins.

    Raises
    ------
    InputError
        If `out` holds other things than an earlier demo.
    """
    say = tell or (lambda line: None)  # noqa: ARG005  silence takes the line too
    key_file, vault, study = out / KEY, out / VAULT, out / STUDY
    opening = Opening(vault, key_file, purpose=PURPOSE)
    _check(out)
    say("1/5  an encrypted vault, with its key outside it")
    if not vault.exists():
        out.mkdir(parents=True, exist_ok=True)
        init_vault(opening)
    say("2/5  loading the clinical record and the tumour genomes of METABRIC")
    load(opening, "table", cohort.CLINICAL, mapping=cohort.MAPPING)
    load(opening, "genome", cohort.MUTATIONS, samples=cohort.SAMPLES)
    say("3/5  the study: cohort, features, cross-fitted models, validation (a minute or two)")
    run_study(opening, cohort.STUDY, study, seed=seed)
    say("4/5  the patients' reports: prognosis, and what the tumour's mutations mean")
    reports = []
    for subject in spread_over_risk(SavedRun.load(study), patients, _with_evidence(opening)):
        folder = out / PATIENTS / str(subject)
        report_patient(opening, subject, runs=[study], out=folder)
        reports.append(folder / "report.html")
    say("5/5  inherited genomes: drug advice for two made-up people")
    germline = _germline(out)
    return Demo(study / "report.html", tuple(reports), vault, key_file, germline)


def _germline(out: Path) -> tuple[Path, ...]:
    """Load the inherited genomes that ship with osler, and report on each."""
    opening = Opening(out / GERMLINE_VAULT, out / KEY, purpose=PURPOSE)
    if not opening.path.exists():
        init_vault(opening, shards=1)
    load(opening, "table", cohort.CALLS, mapping=cohort.CALLS_MAPPING)
    for variants in cohort.GENOMES.values():
        load(opening, "genome", variants, samples=cohort.GENOME_SAMPLES)
    vault = opening.open()
    with vault.act("demo"):
        # Ids are given in the order of appearance: that of the calls.
        subjects = vault.subject_ids().to_list()
    reports = []
    for (name, variants), subject in zip(cohort.GENOMES.items(), subjects, strict=True):
        folder = out / (GERMLINE if name == cohort.WORKED_EXAMPLE else f"{GERMLINE}-{name}")
        report_patient(opening, subject, out=folder)
        advise_on_drugs(variants, folder / "pgx.json", outside_calls=cohort.outside_calls(name))
        reports.append(folder / "report.html")
    return tuple(reports)


def _check(out: Path) -> None:
    """Refuse a folder with other things in it, and a vault without its key."""
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / KEY).is_file())):
        raise InputError(
            Fault(
                str(out),
                "something else than an earlier demo",
                "a new or empty folder",
                "name another one with --out",
            )
        )


def _with_evidence(opening: Opening) -> frozenset[int]:
    """Return the women of whose tumour something was derived when it was loaded."""
    vault = opening.open()
    if TUMOUR not in {one.about for one in vault.derivations()}:
        return frozenset()
    found: set[int] = set()
    with vault.act("demo"):
        for shard in vault.shard_ids():
            events = vault.shard_events(shard, derived=[TUMOUR])
            told = events.filter(pl.col("code").str.starts_with(f"{FINDING}//"))
            found |= set(told["subject_id"].to_list())
    return frozenset(found)


def spread_over_risk(
    run: SavedRun, patients: int, among: Collection[int] = frozenset()
) -> list[int]:
    """Return subjects from low to high predicted risk of the main cause, evenly spread.

    Parameters
    ----------
    among
        At each place the nearest of these is taken, where there is one who was not taken yet.
    """
    outcome = run.results["outcome"]
    middle = outcome["horizons"][len(outcome["horizons"]) // 2]["label"]
    name = f"{outcome['event']}|{middle}" if middle else outcome["event"]
    ranked = (
        run.predictions.sort(name, "subject_id")["subject_id"].unique(maintain_order=True).to_list()
    )
    preferred = [place for place, one in enumerate(ranked) if one in among] or range(len(ranked))
    taken: dict[int, None] = {}
    for number in range(min(patients, len(ranked))):
        place = int((number + 0.5) / patients * len(ranked))
        free = [one for one in preferred if one not in taken]
        free = free or [one for one in range(len(ranked)) if one not in taken]
        taken[_nearest(free, place)] = None
    return [int(ranked[place]) for place in sorted(taken)]


def _nearest(places: Iterable[int], place: int) -> int:
    return min(places, key=lambda one: abs(one - place))
