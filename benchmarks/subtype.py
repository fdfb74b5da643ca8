"""The molecular subtype (PAM50 with claudin-low) from routine pathology in METABRIC.

Five stratified folds. Routine pathology: age, menopausal state, grade, stage, size, nodes (the
Nottingham index), cellularity, histology, side, and the receptors ER, PR and HER2. No expression
cluster, copy number or mutation. The peer is scikit-learn's multinomial logistic regression, its
penalty chosen inside the training folds. Run: make bench ARGS=subtype
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from osler.config import DATA
from osler.learn.splits import stratified_folds
from osler.predict import Diagnosis

FOLDS, SEED, RESAMPLES, LEVEL = 5, 0, 1000, 0.9
SUBTYPES = ("Basal", "Her2", "LumA", "LumB", "Normal", "claudin-low")
FEWEST_FOR_COVERAGE = 50
NUMBERS = {
    "Age at Diagnosis": "age_years",
    "Nottingham prognostic index": "npi",
    "Tumor Size": "size_mm",
    "Neoplasm Histologic Grade": "grade",
    "Tumor Stage": "stage",
}
WORDS = {
    "Cellularity": "cellularity",
    "ER Status": "er",
    "ER status measured by IHC": "er_ihc",
    "HER2 Status": "her2",
    "PR Status": "pr",
    "Inferred Menopausal State": "menopause",
    "Primary Tumor Laterality": "laterality",
    "Tumor Other Histologic Subtype": "histology",
}


def women(folder: Path) -> tuple[pl.DataFrame, Any]:
    """Read routine pathology and subtype of the women whose subtype is one of the six."""
    clinical = pl.read_csv(
        folder / "brca_metabric_clinical_data_packt.tsv", separator="\t", infer_schema_length=0
    ).filter(pl.col("Pam50 + Claudin-low subtype").is_in(SUBTYPES))
    X = clinical.select(
        *(pl.col(column).cast(pl.Float64).alias(name) for column, name in NUMBERS.items()),
        *(pl.col(column).alias(name) for column, name in WORDS.items()),
    )
    return X, clinical["Pam50 + Claudin-low subtype"].to_numpy()


def multinomial(X: pl.DataFrame, y: Any, train: Any, test: Any) -> Any:
    """Return the probabilities of a penalised multinomial logistic regression."""
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    filled = X.with_columns(pl.col(list(NUMBERS.values())).fill_null(strategy="mean"))
    design = filled.to_dummies(list(WORDS.values())).cast(pl.Float64).to_numpy()
    model = make_pipeline(
        StandardScaler(),
        LogisticRegressionCV(
            Cs=np.logspace(-3, 1, 9),
            cv=5,
            scoring="neg_log_loss",
            max_iter=5000,
            l1_ratios=(0.0,),
            use_legacy_attributes=False,
        ),
    )
    return model.fit(design[train], y[train]).predict_proba(design[test])


def run() -> list[dict[str, Any]]:
    """Return the table's rows."""
    X, y = women(Path(str(DATA.read())) / "clinical" / "metabric")
    code = np.searchsorted(SUBTYPES, y)
    fold = stratified_folds(y, FOLDS, SEED)
    ours, peer = (np.zeros((len(y), len(SUBTYPES))) for _ in range(2))
    covered = np.zeros(len(y), bool)
    sizes = np.zeros(len(y))
    seconds = 0.0
    for f in range(FOLDS):
        train, test = fold != f, fold == f
        began = time.perf_counter()
        model = Diagnosis(seed=SEED).fit(X.filter(train), y[train])
        seconds += time.perf_counter() - began
        ours[test] = model.predict_proba(X.filter(test))
        sets = model.predict_set(X.filter(test), LEVEL)
        covered[test] = [truth in one for truth, one in zip(y[test], sets, strict=True)]
        sizes[test] = [len(one) for one in sets]
        peer[test] = multinomial(X, y, train, test)
    rows = _losses(code, ours, peer)
    rows.append({"measure": "classes in a 90 % set, mean", "osler": f"{sizes.mean():.2f}"})
    for number, name in enumerate(SUBTYPES):
        here = code == number
        if here.sum() >= FEWEST_FOR_COVERAGE:
            rows.append(
                {
                    "measure": f"90 % sets that hold {name} (n = {here.sum()})",
                    "osler": f"{covered[here].mean():.3f}",
                    "asked": "0.88 to 0.92",
                }
            )
    rows.append({"measure": "seconds a fit", "osler": f"{seconds / FOLDS:.1f}"})
    return [{"multinomial logistic": "", "asked": "", **row} for row in rows]


def _losses(code: Any, ours: Any, peer: Any) -> list[dict[str, Any]]:
    each = [-np.log(np.maximum(p[np.arange(len(code)), code], 1e-15)) for p in (ours, peer)]
    right = [(np.argmax(p, axis=1) == code).mean() for p in (ours, peer)]
    rng = np.random.default_rng(SEED)
    picks = rng.integers(0, len(code), (RESAMPLES, len(code)))
    difference = each[0] - each[1]
    low, high = np.quantile(difference[picks].mean(axis=1), [0.025, 0.975])
    return [
        {
            "measure": f"log-loss, {len(code):,} women, six subtypes",
            "osler": f"{each[0].mean():.3f}",
            "multinomial logistic": f"{each[1].mean():.3f}",
        },
        {
            "measure": "difference in log-loss",
            "osler": f"{difference.mean():.3f} ({low:.3f} to {high:.3f})",
            "asked": "interval below 0",
        },
        {
            "measure": "share right",
            "osler": f"{right[0]:.3f}",
            "multinomial logistic": f"{right[1]:.3f}",
        },
    ]
