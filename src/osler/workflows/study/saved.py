"""A study's run on disk: saved whole, loaded only when every file is what it was."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from osler.errors import Damaged, Fault, InputError
from osler.evaluate import Recalibration, Reference
from osler.features import ANSWER_MARK, RARE, FeatureMatrix, Hierarchy
from osler.model import FORMAT_VERSION
from osler.predict import Risk, TimeToEvent
from osler.workflows.study.alike import ALIKE, Alike, load_alike, save_alike
from osler.workflows.study.domain import DOMAIN, load_domain
from osler.workflows.study.question import Study
from osler.workflows.study.wording import in_words
from osler.workflows.writing import DIGESTS, folder_digests, write_json

RESULTS, REPORT, CARD, PREDICTIONS, STUDY = (
    "results.json",
    "report.html",
    "card.json",
    "predictions.parquet",
    "study.yaml",
)
MODEL = "model"
FINAL = "final"
RECALIBRATION = "recalibration.json"
HIERARCHY = "hierarchy.json"

Model = TimeToEvent | Risk


@dataclass(frozen=True)
class FittedModel:
    """A model, its columns, how it was recalibrated, and what stood above the codes it learnt.

    Parameters
    ----------
    alike
        What became of the people learned from, in groups; None where they were too few.
    """

    model: Model
    columns: tuple[str, ...]
    recalibration: Recalibration | None = None
    hierarchy: Hierarchy | None = None
    alike: Alike | None = None

    def of(self, matrix: FeatureMatrix) -> FeatureMatrix:
        """Return the model's columns of any matrix; those it lacks hold no events."""
        return matrix.select(list(self.columns))

    def unknown(self, matrix: FeatureMatrix) -> tuple[str, ...]:
        """Return sentences on answers that the model did not learn, and how many rows have one."""
        return tuple(
            f"{in_words(code)}: an answer that the model does not know as one of its own, in "
            f"{rows} of {len(matrix)} rows; it counts as "
            + ("another." if self._pools(code) else "none of those it knows.")
            for code, rows in matrix.unknown_answers(self.columns).items()
        )

    def _pools(self, code: str) -> bool:
        """Whether rare answers to a code have a column."""
        return any(one.startswith(f"{code}{ANSWER_MARK}{RARE}|") for one in self.columns)

    def save(self, folder: Path) -> None:
        """Write the model and its columns."""
        self.model.save(folder)
        write_json(folder / "columns.json", list(self.columns))
        if self.hierarchy is not None:
            write_json(folder / HIERARCHY, self.hierarchy.to_json())
        if self.recalibration is not None:
            write_json(folder / RECALIBRATION, plain(self.recalibration.to_json()))
        if self.alike is not None:
            save_alike(self.alike, folder / ALIKE)

    @classmethod
    def load(cls, folder: Path, *, time_to_event: bool) -> FittedModel:
        """Read a model and its columns."""
        kind: type[Model] = TimeToEvent if time_to_event else Risk
        columns = json.loads((folder / "columns.json").read_text("utf-8"))
        update = None
        if (folder / RECALIBRATION).is_file():
            update = Recalibration.from_json(
                json.loads((folder / RECALIBRATION).read_text("utf-8"))
            )
        alike = load_alike(folder / ALIKE) if (folder / ALIKE).is_dir() else None
        return cls(kind.load(folder), tuple(columns), update, _hierarchy(folder), alike)


@dataclass(frozen=True)
class SavedRun:
    """A run read back.

    Parameters
    ----------
    results
        What `results.json` says.
    predictions
        One row per row of the cohort, with its fold and its out-of-fold predictions.
    """

    path: Path
    study: Study
    results: dict[str, Any]
    predictions: pl.DataFrame
    digest: str

    @classmethod
    def load(cls, path: Path) -> SavedRun:
        """Read a run after checking every file against its digest.

        Raises
        ------
        InputError
            If the folder is not a run, or one of a newer osler.
        Damaged
            If a file is missing or is not what was saved.
        """
        digests = _digests(path)
        found = folder_digests(path)
        wrong = [name for name, digest in digests.items() if found.get(name) != digest]
        if wrong:
            raise Damaged(f"{path}: {', '.join(sorted(wrong)[:3])} changed since the run was saved")
        results = json.loads((path / RESULTS).read_text("utf-8"))
        _check_version(path / RESULTS, results.get("format_version"))
        return cls(
            path=path,
            study=_study(path),
            results=results,
            predictions=pl.read_parquet(path / PREDICTIONS),
            digest=found[RESULTS],
        )

    def model_for(self, subject_id: int, vault_id: str) -> tuple[FittedModel, int | None]:
        """Return the model that may speak of a subject, and its fold.

        A subject of the training data gets the model of the fold that left the subject out; anyone
        else, and any subject of another vault, the final model with fold None.
        """
        fold = self.fold_of(subject_id, vault_id)
        name = FINAL if fold is None else f"fold-{fold}"
        folder = self.path / MODEL / name
        return FittedModel.load(folder, time_to_event=self.study.time_to_event), fold

    def final(self) -> FittedModel:
        """Return the model that was fitted on everyone."""
        folder = self.path / MODEL / FINAL
        return FittedModel.load(folder, time_to_event=self.study.time_to_event)

    def domain(self) -> Reference | None:
        """Return what the people that the final model learned from looked like, if it was saved."""
        folder = self.path / MODEL / DOMAIN
        return load_domain(folder) if folder.is_dir() else None

    def fold_of(self, subject_id: int, vault_id: str) -> int | None:
        """Return the fold that left the subject out, None if the subject was not in training."""
        if self.results["provenance"]["inputs"].get("vault") != vault_id:
            return None
        own = self.predictions.filter(pl.col("subject_id") == subject_id)["fold"]
        folds = own.drop_nulls().filter(own.drop_nulls() >= 0)
        return int(folds[0]) if folds.len() else None


def _study(path: Path) -> Study:
    """Return the study of a run, with the hierarchy that its model was fitted with."""
    study = Study.parse((path / STUDY).read_text("utf-8"), STUDY)
    hierarchy = _hierarchy(path / MODEL / FINAL)
    return replace(study, features=replace(study.features, hierarchy=hierarchy))


def _hierarchy(folder: Path) -> Hierarchy | None:
    if not (folder / HIERARCHY).is_file():
        return None
    return Hierarchy.from_json(json.loads((folder / HIERARCHY).read_text("utf-8")))


def _digests(path: Path) -> dict[str, str]:
    """Return the digests that a run was saved with, by file name.

    Raises
    ------
    InputError
        If the folder is not a run, or one of a newer osler.
    Damaged
        If the list is not one that was saved.
    """
    if not (path / DIGESTS).is_file():
        raise InputError(Fault(str(path), "no run", "a folder that `osler study run` wrote"))
    try:
        listed = json.loads((path / DIGESTS).read_text("utf-8"))
        version, digests = listed["format_version"], dict(listed["sha256"])
        newer = version > FORMAT_VERSION
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Damaged(f"{path / DIGESTS} is not the list of digests that was saved") from error
    if newer:
        _check_version(path, version)
    if not {RESULTS, PREDICTIONS, STUDY, f"{MODEL}/{FINAL}/columns.json"} <= set(digests):
        raise Damaged(f"{path / DIGESTS} lists no results, predictions, study or model")
    return digests


def _check_version(where: Path, version: Any) -> None:
    """Refuse what a newer osler has written."""
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise InputError(
            Fault(str(where), f"format {version}", f"at most {FORMAT_VERSION}", "update osler")
        )


def plain(value: Any) -> Any:
    """Return a value as JSON takes it: numpy as Python, NaN and infinities as null."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if hasattr(value, "to_json"):
        return plain(value.to_json())
    return value
