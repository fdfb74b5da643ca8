"""Death from breast cancer in METABRIC, other deaths competing: osler beside its peers.

Five folds, stratified by cause, the same for all. Every choice osler makes (penalties, trees,
weights, periods) is made inside the training folds. Adjuvant treatment, surgery and the cohort of
recruitment are no predictors. Run: make bench ARGS=metabric
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from osler.config import DATA
from osler.evaluate import compare, competing
from osler.learn.crossfit import cross_fit
from osler.learn.splits import stratified_folds
from osler.predict import TimeToEvent

FOLDS, SEED, BOOTSTRAP = 5, 0, 500
MONTH_DAYS = 30
HORIZONS_MONTHS = (60.0, 120.0, 180.0)
FEWEST_CARRIERS = 10
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
    "HER2 status measured by SNP6": "her2_snp6",
    "PR Status": "pr",
    "Inferred Menopausal State": "menopause",
    "Integrative Cluster": "integrative_cluster",
    "Pam50 + Claudin-low subtype": "pam50",
    "3-Gene classifier subtype": "three_gene",
    "Primary Tumor Laterality": "laterality",
    "Tumor Other Histologic Subtype": "histology",
}
CAUSES = {"Died of Disease": 1, "Died of Other Causes": 2}


def women(folder: Path) -> tuple[pl.DataFrame, Any]:
    """Read predictors and outcome of the 1,980 women with follow-up.

    The one death without a cause counts as censored when it happened.
    """
    clinical = pl.read_csv(
        folder / "brca_metabric_clinical_data_packt.tsv", separator="\t", infer_schema_length=0
    ).filter(pl.col("Overall Survival (Months)").is_not_null())
    X = clinical.select(
        *(pl.col(column).cast(pl.Float64).alias(name) for column, name in NUMBERS.items()),
        *(pl.col(column).alias(name) for column, name in WORDS.items()),
    ).hstack(_altered_genes(folder / "data_mutations_extended.txt", clinical["Patient ID"]))
    y = np.zeros(len(clinical), dtype=[("event", np.int64), ("time", np.float64)])
    y["time"] = clinical["Overall Survival (Months)"].cast(pl.Float64)
    status = clinical["Patient's Vital Status"]
    y["event"] = status.replace_strict(CAUSES, default=0, return_dtype=pl.Int64)
    return X, y


def _altered_genes(path: Path, patients: pl.Series) -> pl.DataFrame:
    """Return 1 for a tumour with a mutation that is not silent; missing where not tested."""
    with path.open() as file:
        tested = set(file.readline().split(":", 1)[1].split())
    found = pl.read_csv(
        path, separator="\t", skip_rows=1, infer_schema_length=0, quote_char=None
    ).filter(pl.col("Variant_Classification") != "Silent")
    pairs = found.select(gene="Hugo_Symbol", patient="Tumor_Sample_Barcode").unique()
    pairs = pairs.filter(pl.col("patient").is_in(patients.implode()))
    counts = pairs["gene"].value_counts().filter(pl.col("count") >= FEWEST_CARRIERS)
    known = patients.is_in(list(tested))
    carriers = {gene: set(pairs.filter(gene=gene)["patient"]) for gene in sorted(counts["gene"])}
    return pl.DataFrame(
        {
            f"altered_{gene}": [
                float(patient in who) if is_known else None
                for patient, is_known in zip(patients, known, strict=True)
            ]
            for gene, who in carriers.items()
        }
    )


def penalised_cox(X: pl.DataFrame, y: Any, fold: Any, times: Any) -> Any:
    """Return out-of-fold 1 - S of lifelines' ridge Cox of the cause-specific hazard.

    Clinical columns only, which is better for it than with the genes; penalty 0.1.
    """
    from lifelines import CoxPHFitter

    clinical = X.select([column for column in X.columns if not column.startswith("altered_")])
    filled = clinical.with_columns(pl.col(list(NUMBERS.values())).fill_null(strategy="mean"))
    design = filled.to_dummies(list(WORDS.values())).cast(pl.Float64)
    design = design.select([name for name in design.columns if design[name].std() > 0.02])
    design = (design.to_numpy() - design.to_numpy().mean(0)) / design.to_numpy().std(0)
    risk = np.zeros((len(y), len(times)))
    import pandas as pd

    for f in np.unique(fold):
        table = pd.DataFrame(design, columns=[f"x{j}" for j in range(design.shape[1])])
        table["time"], table["event"] = y["time"], (y["event"] == 1).astype(int)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandas deprecations inside lifelines
            peer = CoxPHFitter(penalizer=0.1).fit(table[fold != f], "time", "event")
            survival = peer.predict_survival_function(table[fold == f], times=times)
        risk[fold == f] = 1 - survival.to_numpy().T
    return risk


def run() -> list[dict[str, Any]]:
    """Return one row per measure: osler's value and its peers', with the floor."""
    root = DATA.read()
    if root is None:
        return []
    X, y = women(Path(root) / "clinical" / "metabric")
    times = np.arange(6.0, HORIZONS_MONTHS[-1] + 1, 6.0)
    fold = stratified_folds(y["event"], FOLDS, SEED)
    began = time.perf_counter()
    ours = cross_fit(lambda: TimeToEvent(seed=SEED), X, y, times, labels=fold, final=False)
    seconds = time.perf_counter() - began
    cox = penalised_cox(X, y, fold, times)
    npi = X["npi"].to_numpy()
    measured = {
        horizon: competing(
            y,
            y,
            ours.incidence[1][:, times <= horizon],
            times[times <= horizon],
            horizons=[horizon],
            bootstrap=BOOTSTRAP,
            unit="mo",
        )
        for horizon in HORIZONS_MONTHS
    }
    table: list[dict[str, Any]] = [{"measure": "5-fold cross-fit, seconds", "osler": seconds}]
    for horizon in HORIZONS_MONTHS[1:]:
        within = times <= horizon
        for metric in ("uno_c_cause_specific", "uno_c"):
            given = {"metric": metric, "y": y, "times": times[within], "cause": 1}
            curves = ours.incidence[1][:, within]
            over_npi = compare(first=curves, second=npi, bootstrap=BOOTSTRAP, **given)
            over_cox = compare(first=curves, second=cox[:, within], bootstrap=BOOTSTRAP, **given)
            value = measured[horizon][metric]
            floor = 0.695 if metric == "uno_c_cause_specific" else None
            name = f"{metric} to {horizon:.0f} months"
            table += [
                {
                    "measure": name,
                    "osler": value,
                    "npi": value.value - over_npi.value,
                    "lifelines": value.value - over_cox.value,
                    "floor": floor,
                },
                {"measure": f"{name}: osler − npi", "osler": over_npi, "floor": 0.0},
                {"measure": f"{name}: osler − lifelines", "osler": over_cox},
            ]
    for horizon, found in measured.items():
        for metric in ("calibration_slope", "calibration_intercept", "ici", "oe"):
            floor = "0.9 to 1.1" if metric == "calibration_slope" and horizon == 120 else None
            row = {"measure": f"{metric} at {horizon:.0f} months", "osler": found[metric]}
            table.append(row | {"floor": floor})
        table.append(
            {"measure": f"Brier at {horizon:.0f} months", "osler": found[f"brier_{horizon:.0f}mo"]}
        )
    return table
