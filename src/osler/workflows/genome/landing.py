"""Landing: what the genome of everyone in a vault means, put on their timelines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joblib import Parallel, delayed

import osler
from osler import knowledge
from osler.errors import Fault, InputError, OslerError
from osler.extras import require
from osler.knowledge import Release
from osler.model import Finding, Provenance, digest_of
from osler.progress import track
from osler.sources import LoadReport
from osler.vault import Vault
from osler.workflows.derived import BY_KNOWLEDGE, DERIVABLE, POLYGENIC
from osler.workflows.genome.interpreters import Interpreter, ShardResults, interpreter_of
from osler.workflows.opening import Opening

if TYPE_CHECKING:
    from osler.genome.score import ReferenceFiles
    from osler.workflows.genome.polygenic import ScoreInterpreter

THREADS = 2
# What a load of genomes brings; signs come with other loads.
AT_LOAD = ("tumour", "pharmacogenomics")
# Goes up when the same knowledge comes to other results.
METHOD_VERSION = 1
# At about a tenth of a second each: a load ends within a minute of what it loaded.
MOST_FILES_AT_LOAD = 500


@dataclass(frozen=True)
class Derived:
    """What was derived about one subject of knowledge.

    Parameters
    ----------
    subjects, events
        Who has results, and how many events they are.
    skipped
        Subjects of whom nothing could be said, counted by reason.
    already_derived
        The vault held the results of the same data, release and version.
    """

    about: str
    release: str
    subjects: int
    events: int
    skipped: dict[str, int]
    already_derived: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    def lines(self) -> list[str]:
        """Return what was derived, in a line, and one for each reason why nothing was."""
        done = "as before" if self.already_derived else "now on the timelines"
        return [
            f"{self.about}: {self.events:,} results of {self.subjects:,} subjects by "
            f"{self.release}, {done}",
            *(f"  nothing said of {count:,}: {why}" for why, count in self.skipped.items()),
        ]


@dataclass(frozen=True)
class Weights:
    """Files of weights, and of a reference panel to compare their sums with.

    Parameters
    ----------
    files
        Scoring files of the PGS Catalog, or tables like them.
    reference
        None where a sum is to stand alone.
    """

    files: tuple[Path, ...]
    reference: ReferenceFiles | None = None

    def read(self) -> ScoreInterpreter:
        """Read the files.

        Raises
        ------
        InputError
            If a file cannot be read; all faults at once.
        """
        from osler.workflows.genome.polygenic import ScoreInterpreter

        return ScoreInterpreter(self.files, self.reference)


@dataclass(frozen=True)
class Plan:
    """What is derived, by what: enough for a worker to make the interpreter itself.

    Parameters
    ----------
    release
        Name of the release of knowledge, or of the weights.
    weights, digest
        Of polygenic scores.
    """

    about: str
    release: str
    cancer: str | None = None
    weights: Weights | None = None
    digest: str = ""

    def interpreter(self, vault: Vault) -> Interpreter:
        """Make the interpreter."""
        if self.weights is not None:
            return self.weights.read()
        return interpreter_of(self.about, knowledge.get(self.release), vault, cancer=self.cancer)

    def basis(self) -> str:
        """Return the digest of all that the results depend on beside the data."""
        return digest_of(
            {
                "release": self.digest or knowledge.get(self.release).sha256,
                "cancer": self.cancer,
                "software": osler.__version__,
                "method": METHOD_VERSION,
            }
        )


def derive(
    opening: Opening,
    what: Sequence[str] = BY_KNOWLEDGE,
    *,
    cancer: str | None = None,
    weights: Weights | None = None,
    engine: str = "local",
) -> list[Derived]:
    """Interpret the genomes of everyone in a vault and keep the results on their timelines.

    What was derived before about the same is replaced. Nothing is done where the same data, release
    and version of osler gave the results that are there.

    Parameters
    ----------
    what
        Subjects of knowledge: `tumour`, `pharmacogenomics`, `phenotype`, and `polygenic` with
        weights.
    cancer
        The disease of tumours whose timeline names none; None leaves them out.
    weights
        What polygenic scores are made by; osler ships none.
    engine
        `local`, or `ray` for the map over shards.

    Raises
    ------
    InputError
        If a subject of knowledge or the cancer is unknown, or weights are missing, in vain or
        cannot be read.
    """
    check_what(what, weights)
    scorer = None if weights is None else weights.read()
    vault = opening.open()
    done = []
    for about in dict.fromkeys(what):
        if about == POLYGENIC and scorer is not None:
            plan = Plan(about, scorer.release_name, weights=weights, digest=scorer.digest)
            done.append(_derive_one(vault, plan, opening, engine, scorer))
        else:
            plan = Plan(about, knowledge.current(about).name, cancer)
            done.append(_derive_one(vault, plan, opening, engine))
    return done


def derive_after_load(vault: Vault, opening: Opening, report: LoadReport) -> None:
    """Derive what a load of genomes brought, as notes of its report.

    A load does not fail because its meaning could not be told: then that is the note, and the
    results of before stay. Where it would take long, nothing is derived and the note says so.
    """
    for about in AT_LOAD:
        if about == "pharmacogenomics" and _germline_files(vault) > MOST_FILES_AT_LOAD:
            report.note(f"{about}: many files; derive with `osler genome derive`")
            continue
        plan = Plan(about, knowledge.current(about).name)
        try:
            done = _derive_one(vault, plan, opening, "local")
        except (OslerError, OSError) as error:
            report.note(f"{about}: not derived: {error}")
            continue
        report.note(f"{about}: subjects with results by {done.release}", done.subjects)
        for why, count in done.skipped.items():
            report.note(f"{about}: {why}", count)


def _germline_files(vault: Vault) -> int:
    from osler.workflows.genome.germline import germline_files

    with vault.act("derive"):
        names = [name for shard in vault.shard_ids() for _, name in vault.shard_attachments(shard)]
    return len(germline_files(names))


def check_what(what: Sequence[str], weights: Weights | None = None) -> None:
    """Refuse a subject of knowledge about which nothing is derived, and one without its files."""
    faults = []
    unknown = [one for one in what if one not in DERIVABLE]
    if unknown or not what:
        came = ", ".join(map(repr, unknown)) or "nothing"
        faults.append(Fault("--what", came, f"any of {', '.join(DERIVABLE)}, comma-separated"))
    if POLYGENIC in what and (weights is None or not weights.files):
        expected = f"a scoring file for `{POLYGENIC}`"
        faults.append(Fault("--weights", "none", expected, "name one with --weights"))
    if weights is not None and POLYGENIC not in what and not unknown:
        came = f"files, and {POLYGENIC} is not among what is derived"
        remedy = f"add {POLYGENIC} to --what"
        faults.append(Fault("--weights", came, f"`{POLYGENIC}` in --what", remedy))
    if faults:
        raise InputError(faults)


def _derive_one(
    vault: Vault, plan: Plan, opening: Opening, engine: str, ready: Interpreter | None = None
) -> Derived:
    skipped: Counter[str] = Counter()
    events = subjects = 0
    with vault.deriving(plan.about, plan.release, plan.basis()) as session:
        if session.already_derived:
            known = next(one for one in vault.derivations() if one.about == plan.about)
            return Derived(plan.about, plan.release, known.subjects, known.events, {}, True)
        for part in _map(vault, session.act_number, plan, opening, engine, ready):
            events += session.append(part.events())
            subjects += len({one.subject_id for one in part.results if one.codes})
            skipped += part.skipped
    return Derived(plan.about, plan.release, subjects, events, dict(skipped.most_common()))


def _map(
    vault: Vault, act: int, plan: Plan, opening: Opening, engine: str, ready: Interpreter | None
) -> Iterator[ShardResults]:
    """Interpret every shard; memory is bounded by those in flight."""
    shards = vault.shard_ids()
    if engine == "ray":
        require("ray.util.joblib", "ray").register_ray()
        jobs = (delayed(_in_worker)(opening, act, shard, plan) for shard in shards)
        yield from Parallel(n_jobs=-1, backend="ray", return_as="list")(jobs)
        return
    interpreter = ready or plan.interpreter(vault)
    parts = Parallel(n_jobs=THREADS, backend="threading", return_as="generator")(
        delayed(interpreter.of_shard)(vault, shard) for shard in shards
    )
    yield from track(parts, f"Interpreting {plan.about}, shards", total=len(shards))


def _in_worker(opening: Opening, within: int, shard: int, plan: Plan) -> ShardResults:
    vault = opening.open(within=within)
    return plan.interpreter(vault).of_shard(vault, shard)


def changed_subjects(opening: Opening, old: str, new: str) -> list[int]:
    """Return the subjects of whom two releases of knowledge say different things, sorted.

    Statement, value, status and reasons of every finding are compared; the age of the knowledge,
    citations and wording of caveats are not.

    Parameters
    ----------
    old, new
        Names of releases about one subject of knowledge.

    Raises
    ------
    InputError
        If a release is unknown, the two are about different things, or nothing about patients is
        concluded from them.
    """
    releases = knowledge.get(old), knowledge.get(new)
    _check_comparable(*releases)
    vault = opening.open()
    what = {"old": releases[0].sha256, "new": releases[1].sha256}
    changed: list[int] = []
    with vault.act("knowledge diff", what):
        before, after = (interpreter_of(one.subject, one, vault) for one in releases)
        for shard in track(vault.shard_ids(), "Comparing, shards"):
            one, other = (_said(each.of_shard(vault, shard)) for each in (before, after))
            changed += [
                subject for subject in {**one, **other} if one.get(subject) != other.get(subject)
            ]
    return sorted(changed)


def _check_comparable(old: Release, new: Release) -> None:
    faults = []
    if old.subject != new.subject:
        came = f"about {new.subject}, and the first is about {old.subject}"
        faults.append(Fault(new.name, came, "two releases about the same"))
    if old.subject not in BY_KNOWLEDGE:
        came = f"about {old.subject}, of which no patient's findings are derived"
        faults.append(Fault(old.name, came, f"one about {' or '.join(BY_KNOWLEDGE)}"))
    if faults:
        raise InputError(faults)


_NOBODYS = Provenance("osler", "")


def _said(part: ShardResults) -> dict[int, frozenset[Any]]:
    """Return what is said of each subject, without when, by whom and by which release."""
    return {
        one.subject_id: frozenset(map(_essence, one.findings(_NOBODYS))) for one in part.results
    }


def _essence(finding: Finding) -> tuple[Any, ...]:
    reasons = tuple(reason.what for reason in finding.reasons)
    return (finding.kind, finding.statement, finding.value, finding.status, reasons)
