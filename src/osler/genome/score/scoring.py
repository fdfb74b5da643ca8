"""Polygenic scores of everybody in a file of genotypes, in one pass over it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

import osler
from osler.errors import Fault, InputError
from osler.genome.score import naming
from osler.genome.score.matcher import Matcher
from osler.genome.score.matching import ABSENT, Rules, Tally
from osler.genome.score.options import Options, ReferenceFiles
from osler.genome.score.result import ScoreOutcome, ScoreResult, Standing
from osler.genome.score.totals import Sums, Totals
from osler.genome.score.vcf import Answerer, Header, Vcf
from osler.genome.score.weights import ScoringFile, read_weights
from osler.sources.vcf.text import Stored

if TYPE_CHECKING:
    from osler.genome.score.loadings import Loadings
    from osler.genome.score.standing import References

BCF = b"BCF"
BUILD_UNKNOWN = (
    "the genotypes do not tell their genome build; the scores' own positions were taken as theirs"
)
SCORE_BUILD_UNKNOWN = "the score does not tell its genome build; it was taken as the genotypes'"
BUILD_GIVEN = "the genome build was given, and the genotypes say another one"
NO_END_MARKER = "the genotypes lack the end marker of blocked gzip: the file may have been cut"
FEW_LOADINGS = "of the loadings were found in the genotypes; projected components are rough"
LEAST_LOADINGS = 0.9

Floats = NDArray[np.float64]
Source = Path | Stored


def score(
    source: Source | str,
    weights: Sequence[Path | str | ScoringFile],
    *,
    options: Options | None = None,
    reference: ReferenceFiles | None = None,
) -> ScoreResult:
    """Score everybody in a file of genotypes.

    Parameters
    ----------
    source
        VCF (plain, gzipped, blocked gzip), BCF, or `.pgen` with `.pvar` and `.psam` beside it; or
        a VCF that is no file of its own, as `osler.sources.vcf.Stored`.
    weights
        Scoring files of the PGS Catalog, or what `read_weights` made of them.
    reference
        Files of a reference panel; without them a sum has no z.

    Returns
    -------
    A sum for each person and score, why variants were not matched, and what the sum means beside
    the panel. A score of which too few variants were found is refused: its sums are NaN.

    Raises
    ------
    InputError
        If a file cannot be read, two scores have one name, or a score's positions are of another
        genome build.
    """
    return Scorer(weights, options=options, reference=reference).score(source)


class Scorer:
    """Weights and a reference panel, read once to score one file of genotypes after another.

    Parameters
    ----------
    weights, options, reference
        As of `score`.

    Raises
    ------
    InputError
        If a file cannot be read, or two scores have one name.
    """

    def __init__(
        self,
        weights: Sequence[Path | str | ScoringFile],
        *,
        options: Options | None = None,
        reference: ReferenceFiles | None = None,
    ) -> None:
        self.options = options or Options()
        self.options.check()
        self.scores = _scores(weights)
        self._references, self._loadings = _references(reference, self.scores)

    def score(self, source: Source | str) -> ScoreResult:
        """Score everybody in a file of genotypes, in one pass over it.

        Raises
        ------
        InputError
            If it cannot be read, or a score's positions are of another genome build.
        """
        options, scores = self.options, self.scores
        source = Path(source) if isinstance(source, str) else source
        genotypes = open_genotypes(source, options)
        build = naming.build(options.build) or genotypes.header.build
        matcher = _matcher(scores, self._loadings, build, options)
        samples = genotypes.header.samples
        totals = Totals(len(matcher.offsets), len(samples), options.impute)
        genotypes.add_to(totals, matcher)
        sums, projected = _finished(totals, matcher, len(scores))
        tallies = [one.finish() for one in matcher.wanted]
        outcomes = [
            _outcome(one, build, tally, options) for one, tally in zip(scores, tallies, strict=True)
        ]
        sums = _without_refused(sums, outcomes)
        return ScoreResult(
            samples=tuple(samples),
            outcomes=tuple(outcomes),
            sums=sums,
            standing=self._standing(samples, sums, projected),
            build=build,
            notes=tuple(_notes(genotypes, matcher, options)),
            software=f"osler {osler.__version__}",
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            inputs={
                "genotypes": genotypes.digest(),
                **{one.score_id: one.sha256 for one in scores},
            },
        )

    def _standing(self, samples: Sequence[str], sums: Sums, projected: Floats | None) -> Standing:
        """Say what the sums mean beside the panel, if there is one."""
        if self._references is None:
            return Standing.without_reference(sums.sums.shape)
        names = [one.score_id for one in self.scores]
        return self._references.standing(samples, names, sums.sums, projected)


class Genotypes(Protocol):
    """A file of genotypes, read once."""

    header: Header
    told: Counter[str]

    def add_to(self, totals: Totals, answerer: Answerer) -> None:
        """Add every record that the scores ask for."""
        ...

    def digest(self) -> str:
        """Return the SHA-256 of the file, after it was read."""
        ...


def open_genotypes(source: Source, options: Options) -> Genotypes:
    """Open genotypes: `.pgen` by its name, BCF by how it begins, and VCF.

    Each reader is imported when it is needed, because most runs need one.

    Raises
    ------
    InputError
        If the file is not there or its header cannot be read.
    """
    stored = source if isinstance(source, Stored) else Stored.file(source)
    if stored.path is not None and stored.path.suffix == ".pgen":
        from osler.genome.score.pgen import Pgen

        return Pgen(stored.path)
    dosage = options.dosage == "auto"
    if stored.path is not None and stored.first_unpacked(len(BCF)) == BCF:
        from osler.genome.score.bcf import Bcf

        return Bcf(stored.path, dosage=dosage)
    return Vcf(stored, dosage=dosage)


def _references(
    files: ReferenceFiles | None, scores: Sequence[ScoringFile]
) -> tuple[References | None, Loadings | None]:
    """Read the files of a reference panel; nothing without any."""
    if files is None or files == ReferenceFiles(population=files.population):
        return None, None
    from osler.genome.score.loadings import read_loadings
    from osler.genome.score.standing import References

    references = References(files, [one.score_id for one in scores])
    return references, read_loadings(files.loadings) if files.loadings else None


def _scores(weights: Sequence[Path | str | ScoringFile]) -> list[ScoringFile]:
    """Read scoring files, all their faults at once."""
    if not weights:
        raise InputError(Fault("weights", "none", "one scoring file or more"))
    scores, faults = [], []
    for one in weights:
        try:
            scores.append(one if isinstance(one, ScoringFile) else read_weights(one))
        except InputError as error:
            faults += list(error.faults)
    twice = [name for name, count in Counter(one.score_id for one in scores).items() if count > 1]
    faults += [
        Fault("weights", f"two files of the score {name}", "each score once") for name in twice
    ]
    if faults:
        raise InputError(faults)
    return scores


def _matcher(
    scores: Sequence[ScoringFile], loadings: Loadings | None, build: str | None, options: Options
) -> Matcher:
    """Prepare the look-up of every score's variants, in the genotypes' build.

    Raises
    ------
    InputError
        If a score's positions are of another build.
    """
    matcher = Matcher(Rules(options.ambiguous))
    faults = []
    for one in scores:
        placement = one.placed(build)
        if placement is None:
            faults.append(_other_build(one, build))
        else:
            matcher.add_score(one, placement)
    if loadings is not None:
        placement = loadings.variants.placed(build)
        if placement is None:
            faults.append(_other_build(loadings.variants, build))
        else:
            matcher.add_loadings(loadings, placement)
    if faults:
        raise InputError(faults)
    if options.allele_frequencies is not None:
        from osler.genome.score.frequencies import read_frequencies

        matcher.frequencies = read_frequencies(options.allele_frequencies, matcher.positions())
    return matcher


def _other_build(score: ScoringFile, build: str | None) -> Fault:
    """Say that a score's positions are of another build, and what would help."""
    found = " and ".join(dict.fromkeys(str(one.build) for one in score.placements))
    return Fault(
        score.source,
        f"positions of {found}",
        f"{build}, as the genotypes",
        f"take the PGS Catalog's file harmonised to it ({score.score_id}_hmPOS_{build}.txt.gz)",
    )


def _finished(totals: Totals, matcher: Matcher, n_scores: int) -> tuple[Sums, Floats | None]:
    """Split the totals into sums of scores and projected components."""
    found = totals.finish()
    centred = found.sums + np.array(matcher.offsets)[:, None]
    sums = Sums(
        centred[:n_scores], found.alleles[:n_scores], found.missing[:n_scores],
        found.imputed[:n_scores],
    )  # fmt: skip
    return sums, centred[n_scores:].T if matcher.loadings is not None else None


def _outcome(score: ScoringFile, build: str | None, tally: Tally, options: Options) -> ScoreOutcome:
    """Say how a score was matched, and refuse it if too little was."""
    rate = tally.n_matched / score.n_variants
    refused = rate < options.min_match or not tally.n_matched
    placement = score.placed(build)
    return ScoreOutcome(
        score_id=score.score_id,
        trait=score.about.get("trait_reported"),
        source=Path(score.source).name,
        sha256=score.sha256,
        status="refused" if refused else "scored",
        build=build or (placement.build if placement else None),
        variants=score.n_variants,
        match_rate=rate,
        matched=dict(tally.matched.most_common()),
        unmatched=dict(tally.unmatched.most_common()),
        notes=tuple(
            [SCORE_BUILD_UNKNOWN] * (placement is not None and placement.build is None)
            + _score_notes(score, tally, rate, options)
        ),
    )


def _score_notes(score: ScoringFile, tally: Tally, rate: float, options: Options) -> list[str]:
    """Say why a score was refused, and which rows its file spoils."""
    notes = []
    if not tally.n_matched:
        notes.append("no variant found: are build and chromosome names those of the genotypes?")
    elif rate < options.min_match:
        notes.append(
            f"refused: {tally.n_matched:,} of {score.n_variants:,} variants found ({rate:.1%}), "
            f"fewer than {options.min_match:.0%}; a sum over so few is another score"
        )
    notes += [f"{rows:,} rows of the file not used: {why}" for why, rows in score.refused.items()]
    absent = tally.unmatched.get(ABSENT, 0)
    if absent:
        notes.append(
            f"{absent:,} variants have no record: they count as nothing, and where the genotypes "
            "leave out sites at which all are reference, sums of scores with them may be too low "
            "or too high"
        )
    return notes


def _without_refused(sums: Sums, outcomes: Sequence[ScoreOutcome]) -> Sums:
    """Return the sums, NaN for scores that were refused."""
    refused = np.array([one.status == "refused" for one in outcomes])
    told = sums.sums.copy()
    told[refused] = np.nan
    return Sums(told, sums.alleles, sums.missing, sums.imputed)


def _notes(genotypes: Genotypes, matcher: Matcher, options: Options) -> list[str]:
    """Say what is doubtful about the genotypes as a whole."""
    notes = []
    said, given = genotypes.header.build, naming.build(options.build)
    if said is None and given is None:
        notes.append(BUILD_UNKNOWN)
    elif said and given and said != given:
        notes.append(BUILD_GIVEN)
    if isinstance(genotypes, Vcf) and not genotypes.text.ended_well:
        notes.append(NO_END_MARKER)
    for what, count in (genotypes.told + matcher.told).most_common():
        notes.append(f"{count:,} {what}")
    if matcher.loadings is not None:
        tally = matcher.loadings.finish()
        total = sum(tally.matched.values()) + sum(tally.unmatched.values())
        if tally.n_matched < LEAST_LOADINGS * total:
            notes.append(f"{tally.n_matched:,} of {total:,} {FEW_LOADINGS}")
    return notes
