"""Rare disease: rank of the diagnosis among all OMIM diseases, and calibration of the posterior.

Published cases (phenopacket-store) whose disease keeps an annotation once all that was curated from
the case's own publications is left out. Beside it, on the same cases and with the same rows left
out: a plain semantic similarity (mean of Resnik's best matches, both ways) and a simple likelihood
ranker after LIRICAL. The constants of the posterior are fitted on other diseases than those they
are measured on (three folds by disease), and the shipped ones are shown beside. `--fit` prints what
all cases together give: these are the shipped ones.
"""

from __future__ import annotations

import gzip
import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDS, BINS = 3, 10
# A disease with hundreds of published patients would else be most of the fit.
MOST_CASES_TO_FIT = 6
FITTED = ("temper", "crowding", "looked_for", "exclusion", "published")
MOST_TIMED = 200

Floats = NDArray[np.float64]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A published case: findings as terms, the rows of its own publications, the diagnosis."""

    observed: tuple[int, ...]
    excluded: tuple[int, ...]
    left_out: NDArray[np.int64]
    disease: int


@dataclass(frozen=True)
class Parts:
    """What the constants weigh, for every case and disease, and how many findings there are."""

    observed: NDArray[np.float32]
    looked_for: NDArray[np.float32]
    not_there: NDArray[np.float32]
    papers: NDArray[np.float32]
    n_observed: Floats
    n_excluded: Floats
    truth: NDArray[np.int64]

    def logs(self, constants: Floats, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the logarithms whose softmax is the posterior."""
        temper, crowding, looked_for, exclusion, published = constants.astype(np.float32)
        present = (temper * self.n_observed[rows] ** -crowding).astype(np.float32)[:, None]
        absent = (temper * self.n_excluded[rows] ** -crowding).astype(np.float32)[:, None]
        negative = looked_for * self.looked_for[rows] + exclusion * self.not_there[rows]
        return present * self.observed[rows] + absent * negative + published * self.papers[rows]


def main() -> Rows:
    """Measure; one row for each ranker and each bin of the reliability."""
    from osler.genome.diagnose import load

    engine = load()
    cases = read_cases(engine)
    rows = [peer("semantic similarity (Resnik, mean of best matches)", Resnik(engine), cases)]
    rows.append(peer("simple likelihood ratios (after LIRICAL)", Plain(engine), cases))
    parts = work_out(engine, cases)
    shipped = np.array([getattr(engine.weights, name) for name in FITTED])
    crossed, folds = np.empty((len(cases), len(FITTED))), folds_of(parts.truth)
    for fold in range(FOLDS):
        crossed[folds == fold] = fit(parts, np.flatnonzero(folds != fold), shipped)
    ms = timed(engine, cases)
    for name, constants in (
        ("osler, constants as shipped", np.tile(shipped, (len(cases), 1))),
        ("osler, constants fitted on other diseases", crossed),
    ):
        ranks, top = measure(parts, constants)
        rows.append({**summary(name, ranks, parts.truth), **calibration(top, ranks == 1), "ms": ms})
    return rows + reliability(top, ranks == 1)


def run() -> Rows:
    """Return the table."""
    return main()


def read_cases(engine: Any) -> list[Case]:
    """Return the cases whose disease keeps an annotation."""
    path = Path(os.environ["OSLER_DATA"]) / "genome/phenopackets/cases_dev.jsonl.gz"
    from osler.genome.diagnose.phenopacket import Phenopacket

    told, found = engine.annotations, []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            one = json.loads(line)
            packet = Phenopacket(one["id"], tuple(one["hpo"]), tuple(one["not_hpo"]))
            terms = engine.findings(packet)
            disease = told.index.get(one["disease"][0][0], len(told.diseases))
            left_out = told.rows_of(one["pmid"])
            own = np.setdiff1d(np.flatnonzero((told.disease == disease) & ~told.negated), left_out)
            if disease < told.n_omim and len(own) and terms.observed:
                found.append(Case(terms.observed, terms.excluded, left_out, disease))
    return found


# --- osler --------------------------------------------------------------------------------------


def work_out(engine: Any, cases: list[Case]) -> Parts:
    """Return what the constants weigh."""
    from osler.genome.diagnose.scoring import Scorer

    scorer = Scorer(engine.library)
    scorer.weights = replace(engine.weights, temper=1.0, crowding=0.0, published=1.0, exclusion=1.0)
    tables = [np.zeros((len(cases), engine.library.n_diseases), np.float32) for _ in range(4)]
    counts = np.ones((2, len(cases)))
    for row, case in enumerate(cases):
        found = scorer.score(case.observed, (), case.left_out)
        expected = scorer._table_of((), case.excluded, case.left_out)
        implied = scorer._implied(case.excluded)
        looked_for, _ = scorer._explained(case.excluded, implied, expected, None)
        tables[0][row] = found.observed.sum(axis=0)
        tables[1][row] = looked_for.sum(axis=0)
        tables[2][row] = scorer._not_there(case.excluded, expected).sum(axis=0)
        tables[3][row] = scorer.log_prior(case.left_out)
        counts[0, row] = max(int((~found.implied).sum()), 1)
        counts[1, row] = max(int((~implied).sum()), 1)
    truth = np.array([case.disease for case in cases])
    return Parts(*tables, counts[0], counts[1], truth)


def folds_of(truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a fold for each case, the same for all of a disease."""
    diseases, place = np.unique(truth, return_inverse=True)
    return np.random.default_rng(0).integers(0, FOLDS, len(diseases))[place]


def fit(parts: Parts, rows: NDArray[np.int64], start: Floats) -> Floats:
    """Return the constants under which the diagnoses of these cases are most likely.

    A disease weighs by its number of cases to the power of 3/4: neither all alike nor as published.
    """
    from scipy.optimize import minimize

    chosen, weight = sampled(parts.truth, rows)

    def surprise(constants: Floats) -> float:
        logs = np.concatenate(
            [of_truth(parts, constants, some) for some in np.array_split(chosen, 8)]
        )
        return float(-(weight * logs).sum() / weight.sum())

    def slope(constants: Floats) -> Floats:
        steps = 0.02 * np.eye(len(constants))
        return np.array(
            [(surprise(constants + one) - surprise(constants - one)) / 0.04 for one in steps]
        )

    return minimize(surprise, start, jac=slope, method="L-BFGS-B", options={"maxiter": 15}).x


def sampled(truth: NDArray[np.int64], rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats]:
    """Return a few cases of each disease, and their weights."""
    shuffled = np.random.default_rng(0).permutation(rows)
    size, taken, chosen = Counter(truth[rows].tolist()), Counter[int](), []
    for row in shuffled.tolist():
        disease = int(truth[row])
        if taken[disease] < MOST_CASES_TO_FIT:
            taken[disease] += 1
            chosen.append(row)
    weight = [size[int(truth[row])] ** 0.75 / taken[int(truth[row])] for row in chosen]
    return np.array(chosen), np.array(weight)


def of_truth(parts: Parts, constants: Floats, rows: NDArray[np.int64]) -> Floats:
    """Return the log posterior of the diagnosis of each case."""
    logs = parts.logs(constants, rows)
    highest = logs.max(axis=1)
    whole = highest + np.log(np.exp(logs - highest[:, None]).sum(axis=1))
    return (logs[np.arange(len(rows)), parts.truth[rows]] - whole).astype(np.float64)


def measure(parts: Parts, constants: Floats) -> tuple[Floats, Floats]:
    """Return the rank of each diagnosis, and the posterior of each first candidate."""
    ranks, top = np.zeros(len(constants)), np.zeros(len(constants))
    for row, its in enumerate(constants):
        logs = parts.logs(its, np.array([row]))[0]
        ranks[row] = rank_of(logs, int(parts.truth[row]))
        top[row] = 1 / np.exp(logs - logs.max()).sum()
    return ranks, top


def timed(engine: Any, cases: list[Case]) -> float:
    """Return milliseconds of processor time for a case, everything that a user gets included."""
    from osler.genome.diagnose.phenopacket import Phenopacket

    ids = engine.ontology.ids
    packets = [
        Phenopacket(
            "case",
            tuple(ids[one] for one in case.observed),
            tuple(ids[one] for one in case.excluded),
            None,
            tuple({engine.annotations.references[ref] for ref in
                   engine.annotations.reference[case.left_out].tolist()}),
        )
        for case in cases[:: max(len(cases) // MOST_TIMED, 1)]
    ]  # fmt: skip
    engine.rank(packets[0])
    began = time.process_time()
    for packet in packets:
        engine.rank(packet, exclude_own_publications=True)
    return 1000 * (time.process_time() - began) / len(packets)


# --- peers --------------------------------------------------------------------------------------


class Resnik:
    """Mean information of the best common kind, both ways: Resnik 1995, IJCAI 14:448-453."""

    def __init__(self, engine: Any) -> None:
        self.ontology, told = engine.ontology, engine.annotations
        self.told, self.n = told, told.n_omim
        rows = np.flatnonzero(~told.negated & (told.disease < self.n))
        self.sets = {
            one: np.unique(told.term[rows[told.disease[rows] == one]])
            for one in np.unique(told.disease[rows]).tolist()
        }
        self.profile = np.zeros((len(self.ontology), self.n), np.bool_)
        for disease, terms in self.sets.items():
            self.profile[self.ontology.closure(terms), disease] = True
        share = (self.profile.sum(axis=1) + 1) / (self.n + 1)
        self.information = -np.log(share)
        self.terms = np.concatenate(list(self.sets.values()))
        self.owner = np.repeat(list(self.sets), [len(one) for one in self.sets.values()])

    def score(self, case: Case) -> Floats:
        """Return the similarity to each disease."""
        ontology = self.ontology
        changed = self._without(case)
        there = np.zeros(self.n)
        for term in case.observed:
            family = ontology.ancestors_of(term)
            its = self.information[family][:, None] * self.profile[family]
            for disease, (profile, _) in changed.items():
                its[:, disease] = self.information[family] * np.isin(family, profile)
            there += its.max(axis=0)
        best = self._best(case.observed)
        back = np.bincount(self.owner, best[self.terms], self.n)
        back /= np.maximum(np.bincount(self.owner, minlength=self.n), 1)
        for disease, (_, terms) in changed.items():
            back[disease] = best[terms].mean() if len(terms) else 0.0
        return there / len(case.observed) + back

    def _best(self, observed: tuple[int, ...]) -> Floats:
        """Return of each term the information of the best common kind with a finding."""
        known = np.zeros(len(self.ontology))
        family = self.ontology.closure(observed)
        known[family] = self.information[family]
        return np.maximum.reduceat(
            known[self.ontology.ancestors], self.ontology.ancestor_starts[:-1].astype(np.int64)
        )

    def _without(self, case: Case) -> dict[int, tuple[Any, Any]]:
        told, found = self.told, {}
        for disease in np.unique(told.disease[case.left_out]).tolist():
            if disease < self.n:
                rows = np.flatnonzero((told.disease == disease) & ~told.negated)
                terms = np.unique(told.term[np.setdiff1d(rows, case.left_out)])
                found[disease] = (self.ontology.closure(terms), terms)
        return found


class Plain:
    """Frequencies of the annotations, Orphanet's of the same name among them, over the mean.

    After Robinson et al. 2020, Am J Hum Genet 107:403-417: a finding that the disease does not have
    counts half by a more general one that it has. Findings present only: with the excluded ones
    this ranker does worse on these cases.
    """

    def __init__(self, engine: Any) -> None:
        from osler.genome.diagnose.profiles import Library
        from osler.genome.diagnose.scoring import Scorer

        alone = replace(
            engine.weights,
            same_stem=0.0,
            same_gene=0.0,
            allelic=0.0,
            series=0.0,
            name=0.0,
            exponent=1.0,
            least_frequency=0.01,
        )
        self.ontology = engine.ontology
        self.scorer = Scorer(Library(engine.ontology, engine.annotations, alone))

    def score(self, case: Case) -> Floats:
        """Return the sum of the log likelihood ratios for each disease."""
        table = self.scorer._table_of(case.observed, (), case.left_out)
        whole = np.zeros(table.strength.shape[1])
        for term in case.observed:
            family = table.places(self.ontology.ancestors_of(term))
            ratio = table.strength[family] / table.background[family][:, None]
            # A disease left without any annotation shares not even the root.
            whole += np.log(np.maximum(ratio[-1], 0.5 * ratio.max(axis=0)) + 1e-6)
        return whole


def peer(name: str, ranker: Resnik | Plain, cases: list[Case]) -> dict[str, Any]:
    """Rank all cases by a peer."""
    began = time.process_time()
    ranks = np.array([rank_of(ranker.score(case), case.disease) for case in cases])
    ms = 1000 * (time.process_time() - began) / len(cases)
    return {**summary(name, ranks, np.array([case.disease for case in cases])), "ms": ms}


# --- what is told -------------------------------------------------------------------------------


def rank_of(scores: Any, disease: int) -> float:
    """Return the rank of a disease, ties in the middle."""
    own = scores[disease]
    return float((scores > own).sum() + ((scores == own).sum() + 1) / 2)


def summary(name: str, ranks: Floats, truth: NDArray[np.int64]) -> dict[str, Any]:
    """Return shares of cases, and of top-1 also the mean over diseases."""
    _, place, size = np.unique(truth, return_inverse=True, return_counts=True)
    weight = 1 / size[place]
    return {
        "": name,
        "cases": len(ranks),
        "top-1": float((ranks < 2).mean()),
        "top-5": float((ranks < 6).mean()),
        "top-10": float((ranks < 11).mean()),
        "top-1, mean of diseases": float((weight * (ranks < 2)).sum() / weight.sum()),
        "top-10, mean of diseases": float((weight * (ranks < 11)).sum() / weight.sum()),
    }


def calibration(top: Floats, right: NDArray[np.bool_]) -> dict[str, Any]:
    """Return the expected calibration error of the first candidate, ten bins of equal width."""
    place = np.minimum((top * BINS).astype(int), BINS - 1)
    gaps = [
        abs(top[place == one].mean() - right[place == one].mean()) * (place == one).mean()
        for one in np.unique(place)
    ]
    return {"ECE": float(sum(gaps))}


def reliability(top: Floats, right: NDArray[np.bool_]) -> Rows:
    """Return for each bin what was told and what was so; constants fitted on other diseases."""
    place = np.minimum((top * BINS).astype(int), BINS - 1)
    return [
        {
            "": f"posterior of the first {one / BINS:.1f} to {(one + 1) / BINS:.1f}",
            "cases": int((place == one).sum()),
            "mean posterior": float(top[place == one].mean()),
            "share right": float(right[place == one].mean()),
        }
        for one in np.unique(place).tolist()
    ]


if __name__ == "__main__":
    from osler.genome.diagnose import load

    the_engine = load()
    the_parts = work_out(the_engine, read_cases(the_engine))
    begun = np.array([getattr(the_engine.weights, name) for name in FITTED])
    if "--fit" in sys.argv:
        found = fit(the_parts, np.arange(len(the_parts.truth)), begun)
        print(dict(zip(FITTED, found.round(3).tolist(), strict=True)))
