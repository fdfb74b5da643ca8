"""What a run knows of its model, one fact to a function, for every card that asks for it."""

from __future__ import annotations

from osler.workflows.study.demographics import CHARACTERISTICS, characteristic_of
from osler.workflows.study.teller import Fact, Teller, escaped

MOST_GROUPS = 12
MOST_VARIABLES = 30
RESEARCH = "Research use. Not a medical device; not for the care of a patient."


def said(*keys: str) -> Fact:
    """Return the fact that the study file says under `card:`, the first key that has any."""

    def fact(teller: Teller) -> str | None:
        return next((text for key in keys if (text := teller.said(key))), None)

    return fact


def external(teller: Teller) -> bool:
    """Tell whether the run is of a saved model on another vault."""
    return "transport" in teller.results


def only_external(fact: Fact) -> Fact:
    """Return a fact that is told only of a model that was taken elsewhere."""
    return lambda teller: fact(teller) if external(teller) else None


def only_internal(fact: Fact) -> Fact:
    """Return a fact that is told only of a model judged where it was learned."""
    return lambda teller: None if external(teller) else fact(teller)


def where_learned(fact: Fact) -> Fact:
    """Return a fact about the people the model was learned on, wherever it is judged now."""
    return lambda teller: fact(teller.below("/development") if external(teller) else teller)


# Purpose.


def title(teller: Teller) -> str | None:
    """Tell the name of the study."""
    return teller.quote("/title") + "."


def objective(teller: Teller) -> str | None:
    """Tell development or evaluation, and of what."""
    what = (
        "Evaluation of a saved prediction model on other data"
        if external(teller)
        else ("Development and internal validation of a prediction model")
    )
    return f"{what}: {teller.quote('/title')}."


def intended_use(teller: Teller) -> str | None:
    """Tell what it is for; research, where the study file says nothing."""
    return teller.said("intended_use") or teller.software(RESEARCH)


def question(teller: Teller) -> str | None:
    """Tell the question in plain words."""
    return teller.quote("/question/0")


def eligibility(teller: Teller) -> str | None:
    """Tell who is in and who is not, with how many were left at each step."""
    sentences = teller.quote("/question")
    flow = teller.get("/cohort/flow") or []
    steps = [
        f"{teller.quote(f'/cohort/flow/{at}/step')}: {teller.count(f'/cohort/flow/{at}/rows')} rows"
        for at in range(len(flow))
    ]
    return f"{sentences} Rows left at each step: {'; '.join(steps)}." if steps else sentences


def scope(teller: Teller) -> str | None:
    """Tell whom the study covers."""
    return teller.quote("/scope") or None


def population(teller: Teller) -> str | None:
    """Tell whom it is for: whom the study covers, and its question."""
    return f"For {teller.quote('/people')}. {scope(teller) or ''} {question(teller)}".strip()


# Output and outcome.


def output(teller: Teller) -> str | None:
    """Tell what the model says: a chance by each horizon, of each cause."""
    names = [
        f"{_cause(teller, cause)} ({teller.quote(f'/outcome/causes/{at}')})"
        for at, cause in enumerate(teller.get("/outcome/causes") or [])
    ]
    when = [
        teller.quote(f"/outcome/horizons/{at}/text")
        for at, one in enumerate(teller.get("/outcome/horizons") or [])
        if one.get("text")
    ]
    by = f" within {', '.join(when)}" if when else ""
    return f"The chance, from none to certain, of: {'; '.join(names)}{by}; with an interval."


def output_type(teller: Teller) -> str | None:
    """Tell a prediction."""
    kind = teller.quote("/outcome/type")
    return f"Prediction: a probability (outcome of type {kind}), not a classification or an order."


def thresholds(teller: Teller) -> str | None:
    """Tell at which risks its use was looked at."""
    own = teller.said("thresholds")
    grid = teller.asked("evaluate: thresholds")
    told = f"Net benefit and fairness are told at risks of {', '.join(grid)}." if grid else ""
    return f"{told} {own}".strip() or None


def _cause(teller: Teller, cause: str) -> str:
    """Return what a cause is called in words."""
    return teller.quote(f"/outcome/names/{escaped(cause)}")


# Data.


def numbers(teller: Teller) -> str | None:
    """Tell how many people and events."""
    events = [
        f"{teller.count(f'/cohort/events/{escaped(name)}')} with {_cause(teller, name)}"
        for name in teller.get("/cohort/events") or {}
        if teller.get(f"/outcome/names/{escaped(name)}")
    ]
    told = f"{teller.count('/cohort/rows')} rows of {teller.count('/cohort/subjects')} subjects"
    return f"{told}; {', '.join(events)}; {teller.count('/cohort/without_event')} without an event."


def dates(teller: Teller) -> str | None:
    """Tell from when to when predictions were made."""
    first, last = teller.quote("/cohort/first_prediction"), teller.quote("/cohort/last_prediction")
    return f"Predictions from {first} to {last}."


def provenance(teller: Teller) -> str | None:
    """Tell which vault the data came from, by identifier and digest."""
    inputs = teller.get("/provenance/inputs") or {}
    names = ("vault", "vault generation", "vault manifest", "run vault", "run results")
    told = [
        f"{name} {teller.quote(f'/provenance/inputs/{escaped(name)}')}"
        for name in names
        if name in inputs
    ]
    return f"Data from {'; '.join(told)}."


def characteristics(teller: Teller) -> str | None:
    """Tell what each group variable's levels were, by number."""
    told = [
        f"{_group(teller, at)}: {teller.count(f'/groups/{at}/n')}"
        for at, one in enumerate((teller.get("/groups") or [])[:MOST_GROUPS])
        if not one.get("suppressed") and len(one["group"]) == 1
    ]
    ages = _table_one(teller, "AGE")
    told += [f"{ages}"] if ages else []
    listed = _table_one_of(teller)
    return f"{'; '.join([*told, *listed])}." if told or listed else None


def _group(teller: Teller, at: int) -> str:
    names = teller.get(f"/groups/{at}/group") or {}
    levels = [f"{name} {level}" for name, level in names.items()]
    teller.quotes += [*levels]
    return ", ".join(levels)


def _table_one(teller: Teller, code: str) -> str | None:
    for at, row in enumerate(teller.get("/cohort/table1") or []):
        if row.get("code") == code:
            name = teller.quote(f"/cohort/table1/{at}/variable")
            return f"{name}, median and quartiles {teller.quote(f'/cohort/table1/{at}/value')}"
    return None


def _table_one_of(teller: Teller) -> list[str]:
    """Return the levels of Table 1 that tell one of the characteristics a card must name."""
    told = []
    for at, row in enumerate(teller.get("/cohort/table1") or []):
        if row.get("code") != "AGE" and characteristic_of(str(row.get("code"))):
            place = f"/cohort/table1/{at}"
            name, level = teller.quote(f"{place}/variable"), teller.quote(f"{place}/level")
            told.append(f"{name} {level}: {teller.quote(f'{place}/value')}")
    return told


def personal_inputs(teller: Teller) -> str | None:
    """Tell which of the nine characteristics the model reads, by the names of its codes."""
    read: dict[str, list[str]] = {name: [] for name in CHARACTERISTICS}
    for at, one in enumerate(teller.get("/variables") or []):
        name = characteristic_of(str(one["code"]))
        if name:
            read[name].append(teller.quote(f"/variables/{at}/name"))
    told = [
        f"{name}: {'read, as ' + ', '.join(found) if found else 'not read'}"
        for name, found in read.items()
    ]
    return f"{'; '.join(told)}. Recognised by the names of the codes alone."


def predictors(teller: Teller) -> str | None:
    """Tell the variables that the model reads."""
    listed = teller.get("/variables") or []
    names = [
        teller.quote(f"/variables/{at}/name") for at in range(min(len(listed), MOST_VARIABLES))
    ]
    rest = " and others, listed in results.json" if len(listed) > MOST_VARIABLES else ""
    columns = teller.count("/model/columns")
    return f"{columns} columns of these variables: {', '.join(names)}{rest}."


def predictor_choice(teller: Teller) -> str | None:
    """Tell which codes were offered, and what was left out before."""
    included, excluded = teller.asked("features: include"), teller.asked("features: exclude")
    told = f"Codes offered: {', '.join(included)}"
    told += f"; left out: {', '.join(excluded)}" if excluded else ""
    return f"{told}. Columns that too few training subjects have are left out within each fold."


def predictor_timing(teller: Teller) -> str | None:
    """Tell when predictors count."""
    windows = ", ".join(teller.asked("features: windows"))
    return (
        f"Events count from when they were known, up to and including the prediction time, in "
        f"windows of {windows}; later ones never do."
    )


def missing(teller: Teller) -> str | None:
    """Tell how missing data were handled."""
    return teller.software(
        "A measurement that is not there is a state of its own: no row is left out for it, and "
        "nothing is imputed in silence; linear predictors get the middle and an indicator, trees "
        "their own branch. Censored follow-up enters through the risk sets."
    )


def predictor_handling(teller: Teller) -> str | None:
    """Tell how predictors enter."""
    return teller.software(
        "Numbers enter linearly and as restricted cubic splines where there are rows enough, and "
        "as they are into trees; nothing is dichotomised; categories enter as levels."
    )


def preparation(teller: Teller) -> str | None:
    """Tell what was done to the data before."""
    return teller.said("preparation") or teller.software(
        "Codes are grouped into windows and aggregations by the study file, alike for everyone; "
        "what a load refused, and why, is counted in the vault's ledger."
    )


# Model.


def model_type(teller: Teller) -> str | None:
    """Tell what the model is."""
    kind = teller.quote("/model/kind")
    return teller.software(
        f"osler.predict.{kind}: penalised linear, boosted and forest predictors, weighed on "
        "predictions for rows they did not see, which also calibrates them; penalties and trees "
        "chosen by cross-fitting."
    )


def overfitting(teller: Teller) -> str | None:
    """Tell what keeps it from overfitting."""
    return teller.software(
        "Penalties, early stopping and the weights of the parts are chosen by inner "
        "cross-fitting on rows that each part did not see."
    )


def validation(teller: Teller) -> str | None:
    """Tell on whom it was judged."""
    return f"Judged so: {teller.quote('/model/validation')}."


def prediction_means(teller: Teller) -> str | None:
    """Tell how predictions are calculated."""
    software = teller.quote("/provenance/software")
    return (
        f"From the saved model in model/final (plain JSON, arrays and text, each with its digest) "
        f"by {software}; `osler study apply` predicts for new people."
    )


def measures(teller: Teller) -> str | None:
    """Tell what was measured."""
    selected = str(teller.get("/selected"))
    names = list(teller.get(f"/metrics/{escaped(selected)}") or {})
    teller.quotes += names
    return (
        f"{', '.join(names)}; calibration plots, net benefit by threshold, and all of them within "
        "groups; intervals by bootstrap over subjects."
    )


def software_version(teller: Teller) -> str | None:
    """Tell what the run was made with, and when."""
    return f"{teller.quote('/provenance/software')}, {teller.quote('/provenance/created_at')}."


def open_code(teller: Teller) -> str | None:
    """Tell where the code is."""
    return teller.said("code_sharing") or teller.software(
        f"The analysis is osler, open source under Apache-2.0 ({software_version(teller)})"
    )


def imbalance(teller: Teller) -> str | None:
    """Tell no method for class imbalance is used."""
    return teller.software("No method to address class imbalance was used.")


# Performance.


def _estimates(teller: Teller, base: str, wanted: tuple[str, ...]) -> list[str]:
    found = teller.get(base) or {}
    return [
        f"{name.replace('_', ' ')} {teller.estimate(f'{base}/{escaped(name)}')}"
        for name in wanted
        if (found.get(name) or {}).get("value") is not None
    ]


HEADLINE = (
    "uno_c", "auroc", "ibs", "brier", "calibration_slope", "calibration_intercept", "oe", "ici",
)  # fmt: skip


def performance(teller: Teller) -> str | None:
    """Tell the metrics of the selected model, with intervals."""
    base = f"/metrics/{escaped(teller.get('/selected'))}"
    told = _estimates(teller, base, HEADLINE)
    return f"{'; '.join(told)} ({teller.quote('/model/validation')})." if told else None


def performance_by_group(teller: Teller) -> str | None:
    """Tell discrimination and calibration within each group, with intervals."""
    told = []
    for at, row in enumerate((teller.get("/groups") or [])[:MOST_GROUPS]):
        name = _group(teller, at)
        if row.get("suppressed"):
            teller.quotes.append(str(row["n"]))
            told.append(f"{name}: {row['n']} people, too few to show")
            continue
        found = _estimates(teller, f"/groups/{at}/metrics", ("uno_c", "auroc", "oe"))
        told.append(f"{name}: {', '.join(found)}")
    return f"{'; '.join(told)}." if told else None


def fairness_numbers(teller: Teller) -> str | None:
    """Tell how far groups lie apart at the threshold."""
    told = []
    for at, table in enumerate(teller.get("/fairness") or []):
        base = f"/fairness/{at}"
        variable = teller.quote(f"{base}/variable")
        found = _estimates(
            teller,
            f"{base}/differences",
            ("selection_rate", "true_positive_rate", "false_positive_rate"),
        )
        if found and table.get("threshold") is not None:
            told.append(
                f"{variable}, at a risk of {teller.number(f'{base}/threshold')}, largest less "
                f"smallest: {', '.join(found)}"
            )
    return f"{'; '.join(told)}." if told else None


def clusters(teller: Teller) -> str | None:
    """Tell each centre judged by a model of the others."""
    told = []
    for at, row in enumerate(teller.get("/sites") or []):
        if not row.get("suppressed"):
            found = _estimates(teller, f"/sites/{at}/metrics", ("uno_c", "auroc", "oe"))
            told.append(f"{teller.quote(f'/sites/{at}/site')}: {', '.join(found)}")
    return f"Each centre by a model of the others: {'; '.join(told)}." if told else None


def other_centres(teller: Teller) -> str | None:
    """Tell whose data stood for data from elsewhere, where each centre was set apart in turn."""
    told = [
        f"{teller.quote(f'/sites/{at}/site')} (n {teller.number(f'/sites/{at}/n', 0)})"
        for at in range(len(teller.get("/sites") or []))
    ]
    if not told:
        return None
    how = teller.software("No data from elsewhere. Each centre of the source stood in for them")
    return f"{how}: {'; '.join(told)}."


def between_centres(teller: Teller) -> str | None:
    """Tell how a model of the other centres was judged on each (Steyerberg & Harrell 2016)."""
    if not teller.get("/sites"):
        return None
    return teller.software(
        "Internal-external cross-validation: for each centre a model was learned on all others and "
        "judged on that one, with the same code and settings. It is no validation in another "
        "health system, and nobody independent has done it."
    )


def utility(teller: Teller) -> str | None:
    """Tell net benefit at the thresholds of the study."""
    asked = {float(one) for one in teller.study.get("evaluate: thresholds", ())}
    told = []
    for at, row in enumerate(teller.get("/net_benefit") or []):
        if row["threshold"] in asked and row["model"] is not None:
            base = f"/net_benefit/{at}"
            horizon = teller.quote(f"{base}/horizon")
            when = f" by {horizon}" if horizon else ""
            told.append(
                f"at a risk of {teller.number(f'{base}/threshold')}{when}: "
                f"{teller.number(f'{base}/model', 3)}, "
                f"treating all {teller.number(f'{base}/treat_all', 3)}"
            )
    return f"Net benefit {'; '.join(told)}." if told else None


def limits_met(teller: Teller) -> str | None:
    """Tell which limits it met."""
    told = [teller.quote(f"/gates/{at}/why") for at in range(len(teller.get("/gates") or []))]
    return f"Limits that it must meet before it may speak: {'; '.join(told)}." if told else None


def leakage(teller: Teller) -> str | None:
    """Tell what the audit for leakage found."""
    told = [
        f"{teller.quote(f'/leakage/{at}/check')}: {teller.quote(f'/leakage/{at}/detail')}"
        for at in range(len(teller.get("/leakage") or []))
    ]
    return f"Audit for leakage: {'; '.join(told)}." if told else None


def no_leakage(teller: Teller) -> str | None:
    """Tell what keeps training and test apart."""
    return leakage(teller) or validation(teller)


def resampling(teller: Teller) -> str | None:
    """Tell that every step is repeated within each fold."""
    return teller.software(
        "Every step (choice of columns, encoding, penalties, weights, calibration) is repeated "
        "within each fold; a subject is never in two folds."
    )


# Fairness, limits, use.


def fairness_process(teller: Teller) -> str | None:
    """Tell what the run does about fairness."""
    own = teller.said("fairness")
    audited = [_group(teller, at) for at in range(len(teller.get("/groups") or []))]
    if not audited:
        return own or None
    return (
        f"{own} Performance was measured, with intervals, within these groups before the model "
        f"may speak: {'; '.join(audited)}. {teller.quote('/group_note')} Race and ethnicity are "
        "audited, and not read by the model unless the study file says why."
    ).strip()


def bias_process(teller: Teller) -> str | None:
    """Tell what was done, or measured, to reduce bias."""
    own = teller.said("bias")
    told = []
    for at, table in enumerate(teller.get("/fairness") or []):
        for place, option in enumerate(table.get("mitigation") or []):
            base = f"/fairness/{at}/mitigation/{place}"
            if (option.get("gap_before") or {}).get("value") is None:
                continue
            told.append(
                f"{teller.quote(f'{base}/what')} by {teller.quote(f'/fairness/{at}/variable')}: "
                f"difference {teller.estimate(f'{base}/gap_before')} before, "
                f"{teller.estimate(f'{base}/gap_after')} after, net benefit "
                f"{teller.estimate(f'{base}/net_benefit_change', 3)}"
            )
    measured = f"Measured and not applied: {'; '.join(told)}." if told else ""
    return f"{own} {measured}".strip() or None


def caution(teller: Teller) -> str | None:
    """Tell where it must not be used."""
    own, warned = teller.said("out_of_scope"), teller.quote("/warnings")
    domain = teller.quote("/domain_rule") or teller.quote("/transport/domain/rule")
    return " ".join(part for part in (own, warned, domain) if part) or None


def limitations(teller: Teller) -> str | None:
    """Tell what limits the result, and what the limits found."""
    own = teller.said("risks")
    failed = [
        teller.quote(f"/gates/{at}/why")
        for at, gate in enumerate(teller.get("/gates") or [])
        if not gate["passed"]
    ]
    missed = f"Limits that it missed: {'; '.join(failed)}." if failed else ""
    return " ".join(part for part in (own, teller.quote("/limits"), missed) if part)


def poor_input(teller: Teller) -> str | None:
    """Tell what becomes of poor or missing input."""
    rule = teller.quote("/domain_rule") or teller.quote("/transport/domain/rule")
    return f"{missing(teller)} {rule}".strip()


# A model taken elsewhere.


def transport(teller: Teller) -> str | None:
    """Tell how the people there differ from those learned from."""
    base = "/transport/case_mix/membership"
    told = []
    for name in ("by_prediction_and_outcome", "by_predictors"):
        if (teller.get(f"{base}/{name}") or {}).get("value") is not None:
            what = name.replace("_", " ")
            told.append(f"{what}, c-statistic of membership {teller.estimate(f'{base}/{name}')}")
    for at, row in enumerate((teller.get("/transport/case_mix/variables") or [])[:5]):
        place = f"/transport/case_mix/variables/{at}"
        if row["notable"]:
            told.append(
                f"{teller.quote(f'{place}/column')} differs by "
                f"{teller.number(f'{place}/standardised_difference')} standard deviations"
            )
    outside = teller.get("/transport/domain/rows_outside")
    if outside is not None:
        told.append(f"{teller.count('/transport/domain/rows_outside')} rows out of the domain")
    return f"Beside the people learned from: {'; '.join(told)}." if told else None


def recalibration(teller: Teller) -> str | None:
    """Tell what was updated, and on whom."""
    kind = teller.quote("/recalibration/kind")
    if not kind:
        return None
    fitted, judged = "/recalibration/fitted_on/subjects", "/recalibration/judged_on/subjects"
    return (
        f"Recalibration ({kind}) fitted on {teller.count(fitted)} subjects and judged on "
        f"{teller.count(judged)} others."
    )


def recalibrated_performance(teller: Teller) -> str | None:
    """Tell the model before and after its update."""
    told = []
    for at, row in enumerate(teller.get("/recalibration/before_and_after") or []):
        if row["metric"] in HEADLINE:
            place = f"/recalibration/before_and_after/{at}"
            name = teller.quote(f"{place}/metric").replace("_", " ")
            told.append(
                f"{name} {teller.estimate(f'{place}/before')} before, "
                f"{teller.estimate(f'{place}/after')} after"
            )
    return f"{'; '.join(told)}." if told else None


def tester(teller: Teller) -> str | None:
    """Tell who tested it elsewhere."""
    own = teller.said("external_tester")
    if own:
        return own
    if not external(teller):
        developer = teller.said("developer") if teller.get("/sites") else ""
        return f"Nobody else than the developer: {developer}" if developer else None
    return f"The holder of the vault {teller.quote('/provenance/inputs/vault')}."


def no_update(teller: Teller) -> str | None:
    """Tell a saved model does not change by itself."""
    own = teller.said("updates")
    still = teller.software(
        "A saved model does not change by itself: each is bound to its digests, and an update is "
        "a new run."
    )
    return f"{own} {still}" if own else None
