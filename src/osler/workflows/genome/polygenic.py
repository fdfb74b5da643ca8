"""Polygenic scores of everyone in a vault whose inherited genome was loaded."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from osler.errors import Fault, InputError
from osler.genome.score import Options, ReferenceFiles, Scorer, codes, findings
from osler.genome.score.reference import labels_beside
from osler.model import digest_of
from osler.sources.vcf import Stored
from osler.vault import Vault
from osler.workflows.genome.germline import files_by_report, germline_files, reported
from osler.workflows.genome.interpreters import ShardResults, SubjectResult

MOST_NAME = 48
REFUSED = "too few of any score's variants in the genotypes"


class ScoreInterpreter:
    """Scores inherited genomes by files of weights, each read once.

    Weights are no knowledge that osler ships: who derives scores names their files.

    Parameters
    ----------
    weights
        Scoring files of the PGS Catalog, or tables like them.
    reference
        Files of a panel; components of the people come by `loadings`. Without it a sum lands
        alone.

    Attributes
    ----------
    release_name : str
        The scores, as the name under which their results are kept.
    digest : str
        SHA-256 over everything but the genotypes that the results depend on.

    Raises
    ------
    InputError
        If a file cannot be read; all faults at once.
    """

    about = "polygenic"

    def __init__(
        self,
        weights: Sequence[Path],
        reference: ReferenceFiles | None = None,
        *,
        options: Options | None = None,
    ) -> None:
        self.scorer = Scorer(weights, options=options, reference=reference)
        self.release_name = _name_of([one.score_id for one in self.scorer.scores])
        self.digest = digest_of(
            {
                "weights": [one.sha256 for one in self.scorer.scores],
                "reference": _digests_of(reference or ReferenceFiles()),
                "options": _options_of(self.scorer.options),
            }
        )

    def of_shard(self, vault: Vault, shard: int) -> ShardResults:
        """Score the germline file of each subject that has one."""
        names: dict[int, list[str]] = {}
        for subject_id, name in vault.shard_attachments(shard):
            names.setdefault(subject_id, []).append(name)
        asked = sorted(one for one, files in names.items() if germline_files(files))
        whole = ShardResults()
        if not asked:
            return whole
        events = vault.shard_events(shard)
        parts = events.partition_by("subject_id", as_dict=True, maintain_order=True)
        for subject_id in asked:
            own = parts.get((subject_id,), events.clear())
            files = files_by_report(own, names[subject_id])
            found = self.of_file(vault, subject_id, files[-1])
            if isinstance(found, str):
                whole.skipped[found] += 1
            else:
                whole.results.append(replace(found, reported=reported(own, files[-1:])))
        return whole

    def of_file(self, vault: Vault, subject_id: int, name: str) -> SubjectResult | str:
        """Score one subject's file, or say why nothing is said."""
        kept = Stored.parts("attachment", lambda: vault.attachment(subject_id, name))
        try:
            result = self.scorer.score(kept)
            if len(result.samples) != 1:
                came = f"{len(result.samples)} samples"
                raise InputError(Fault("attachment", came, "one, the subject's own"))
        except InputError as error:
            # One damaged file must not keep the others from being read.
            return f"a germline file that cannot be scored: {error.faults[0]}"
        if result.all_refused:
            return REFUSED
        (sample,) = result.samples
        return SubjectResult(
            subject_id,
            None,
            codes(result, sample),
            lambda provenance: findings(result, sample, provenance=provenance),
        )


def _name_of(score_ids: Sequence[str]) -> str:
    """Return a name under which results can be kept, whatever the scores are called."""
    first = re.sub("[^A-Za-z0-9_+.-]", "_", score_ids[0])[:MOST_NAME]
    first = first if first[:1].isalpha() else f"score {first}"
    more = len(score_ids) - 1
    return f"{first} and {more} more" if more else first


def _digests_of(reference: ReferenceFiles) -> dict[str, str | None]:
    """Return the digests of a panel's files, and of the labels that are found beside one."""
    labels = reference.labels or (labels_beside(Path(reference.pcs)) if reference.pcs else None)
    files = asdict(replace(reference, labels=labels))
    population = files.pop("population")
    digests = {name: _digest_of_file(path) for name, path in files.items()}
    return {**digests, "population": population}


def _options_of(options: Options) -> dict[str, object]:
    return {**asdict(options), "allele_frequencies": _digest_of_file(options.allele_frequencies)}


def _digest_of_file(path: Path | str | None) -> str | None:
    return None if path is None else digest_of(Path(path).read_bytes())
