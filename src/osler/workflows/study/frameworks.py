"""What each card asks, item by item, and which facts answer it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from osler import knowledge
from osler.workflows.study import facts as f
from osler.workflows.study.facts import only_external, only_internal, said, where_learned
from osler.workflows.study.teller import Fact, Statement, Teller, tell

SUBJECT = "model cards"
Answers = Mapping[str, tuple[Fact, ...]]

_fairness = (f.performance_by_group, f.fairness_numbers)

HTI1: Answers = {
    "(B)(1)(i)": (said("developer"), said("contact")),
    "(B)(1)(ii)": (said("funding"),),
    "(B)(1)(iii)": (f.output,),
    "(B)(1)(iv)": (f.output_type,),
    "(B)(2)(i)": (f.intended_use,),
    "(B)(2)(ii)": (f.population,),
    "(B)(2)(iii)": (said("intended_users"),),
    "(B)(2)(iv)": (said("decision_role"),),
    "(B)(3)(i)": (f.caution,),
    "(B)(3)(ii)": (f.limitations,),
    "(B)(4)(i)": (where_learned(f.eligibility),),
    "(B)(4)(ii)": (f.personal_inputs,),
    "(B)(4)(iii)": (where_learned(f.characteristics),),
    "(B)(4)(iv)": (said("relevance"),),
    "(B)(5)(i)": (f.fairness_process,),
    "(B)(5)(ii)": (f.bias_process,),
    "(B)(6)(i)": (said("external_data"), only_external(f.provenance), f.other_centres),
    "(B)(6)(ii)": (f.tester,),
    "(B)(6)(iii)": (said("external_people"), only_external(f.characteristics)),
    "(B)(6)(iv)": (said("external_process"), only_external(f.validation), f.between_centres),
    "(B)(7)(i)": (where_learned(f.performance),),
    "(B)(7)(ii)": tuple(where_learned(one) for one in _fairness),
    "(B)(7)(iii)": (said("external_validity"), only_external(f.performance), f.clusters),
    "(B)(7)(iv)": (said("external_fairness"), *(only_external(one) for one in _fairness)),
    "(B)(7)(v)": (said("outcome_evaluations"),),
    "(B)(8)(i)": (said("validity_monitoring"),),
    "(B)(8)(ii)": (said("local_validity"), only_external(f.performance)),
    "(B)(8)(iii)": (said("fairness_monitoring"),),
    "(B)(8)(iv)": (said("local_fairness"), *(only_external(one) for one in _fairness)),
    "(B)(9)(i)": (f.no_update,),
    "(B)(9)(ii)": (said("corrections"),),
}

TRIPOD_AI: Answers = {
    "1": (f.objective, f.population),
    "2": (),
    "3a": (said("context"),),
    "3b": (f.population, f.intended_use, said("intended_users")),
    "3c": (said("inequalities"),),
    "4": (f.objective,),
    "5a": (said("data_source"), f.scope, f.provenance),
    "5b": (f.dates,),
    "6a": (said("setting"),),
    "6b": (f.eligibility,),
    "6c": (said("treatments"),),
    "7": (f.preparation,),
    "8a": (f.question, f.output, said("outcome_rationale")),
    "8b": (said("outcome_assessors"),),
    "8c": (said("outcome_blinding"),),
    "9a": (f.predictor_choice,),
    "9b": (f.predictors, f.predictor_timing, said("predictor_blinding")),
    "9c": (said("predictor_assessors"),),
    "10": (f.numbers, said("sample_size")),
    "11": (f.missing,),
    "12a": (f.validation,),
    "12b": (f.predictor_handling,),
    "12c": (f.model_type, f.overfitting, f.resampling),
    "12d": (f.clusters,),
    "12e": (f.measures,),
    "12f": (f.recalibration,),
    "12g": (f.prediction_means,),
    "13": (f.imbalance,),
    "14": (f.fairness_process, f.bias_process),
    "15": (f.output_type, f.output, f.thresholds),
    "16": (f.transport,),
    "17": (said("ethics"),),
    "18a": (said("funding"),),
    "18b": (said("conflicts"),),
    "18c": (said("protocol"),),
    "18d": (said("registration"),),
    "18e": (said("data_sharing"),),
    "18f": (f.open_code,),
    "19": (said("involvement"),),
    "20a": (f.eligibility, f.numbers),
    "20b": (f.characteristics, f.numbers, f.dates),
    "20c": (f.transport,),
    "21": (f.numbers, f.recalibration),
    "22": (f.prediction_means,),
    "23a": (f.performance, f.performance_by_group),
    "23b": (f.clusters,),
    "24": (f.recalibration, f.recalibrated_performance),
    "25": (said("interpretation"),),
    "26": (f.limitations,),
    "27a": (f.poor_input,),
    "27b": (said("user_expertise"),),
    "27c": (said("next_steps"),),
}

_PEOPLE: Answers = {
    "1.1": (said("data_source"), f.provenance),
    "1.2": (f.question, f.dates),
    "1.3": (f.eligibility, said("relevance")),
    "2.1": (f.predictors, f.preparation),
    "2.2": (f.preparation,),
    "2.3": (said("predictor_blinding"),),
    "2.4": (f.predictor_timing,),
    "3.1": (f.question, said("outcome_rationale")),
    "3.2": (said("outcome_assessors"),),
    "3.3": (said("outcome_blinding"),),
    "3.4": (f.output,),
}

# Evidence for whoever answers; PROBAST+AI is a judgement, and the answers stay blank.
PROBAST_AI: Answers = {
    **{f"development {key}": facts for key, facts in _PEOPLE.items()},
    "development 4.1": (f.numbers, said("sample_size")),
    "development 4.2": (f.predictor_handling,),
    "development 4.3": (f.missing,),
    "development 4.4": (f.imbalance,),
    "development 4.5": (f.overfitting,),
    **{f"evaluation {key}": facts for key, facts in _PEOPLE.items()},
    "evaluation 4.1": (f.validation,),
    "evaluation 4.2": (f.numbers, said("sample_size")),
    "evaluation 4.3": (f.missing,),
    "evaluation 4.4": (f.imbalance,),
    "evaluation 4.5": (f.no_leakage,),
    "evaluation 4.6": (only_internal(f.resampling), only_external(f.validation)),
    "evaluation 4.7": (f.measures, f.performance),
}

# By the path of the element in the schema of the CHAI Applied Model Card, version 0.2.
CHAI: Answers = {
    "BasicInfo/ModelName": (f.title,),
    "BasicInfo/ModelDeveloper": (said("developer"),),
    "BasicInfo/DeveloperContact": (said("contact"),),
    "ReleaseInfo/ReleaseStage": (said("stage"),),
    "ReleaseInfo/ReleaseDate": (f.software_version,),
    "ReleaseInfo/ReleaseVersion": (said("version"),),
    "ReleaseInfo/GlobalAvailability": (said("availability"),),
    "ReleaseInfo/RegulatoryApproval": (said("regulatory"),),
    "ModelSummary/Summary": (f.objective, f.question, f.numbers, f.performance),
    "ModelSummary/Keywords/Keyword": (said("keywords"),),
    "UsesAndDirections/IntendedUseAndWorkflow": (f.intended_use, said("context")),
    "UsesAndDirections/PrimaryIntendedUsers": (said("intended_users"),),
    "UsesAndDirections/HowToUse": (said("how_to_use"),),
    "UsesAndDirections/TargetedPatientPopulation": (f.population,),
    "UsesAndDirections/CautionedOutOfScopeSettings": (f.caution,),
    "Warnings/KnownRisksAndLimitations": (f.limitations,),
    "Warnings/KnownBiasesOrEthicalConsiderations": (said("inequalities"), *_fairness),
    "Warnings/ClinicalRiskLevel": (said("risk_level"),),
    "TrustIngredients/AISystemFacts/OutcomesAndOutputs": (f.output_type, f.output),
    "TrustIngredients/AISystemFacts/ModelType": (f.model_type,),
    "TrustIngredients/AISystemFacts/InputDataSource": (said("data_source"), f.provenance),
    "TrustIngredients/AISystemFacts/OutputAndInputDataTypes": (f.predictors,),
    "TrustIngredients/AISystemFacts/DevelopmentDataCharacterization": (
        f.numbers, f.dates, f.characteristics, f.eligibility,
    ),
    "TrustIngredients/AISystemFacts/BiasMitigationApproaches": (f.fairness_process, f.bias_process),
    "TrustIngredients/AISystemFacts/OngoingMaintenance": (
        said("validity_monitoring"), said("fairness_monitoring"), f.no_update, said("corrections"),
    ),
    "TrustIngredients/AISystemFacts/Transparency": (f.prediction_means,),
    "TrustIngredients/TransparencyInformation/FundingSource": (said("funding"),),
    "TrustIngredients/TransparencyInformation/StakeholdersConsulted": (
        said("stakeholders"), said("involvement"),
    ),
    "KeyMetrics/UsefulnessUsabilityEfficacy/MetricGoal": (f.limits_met,),
    "KeyMetrics/UsefulnessUsabilityEfficacy/Interpretation": (said("interpretation"), f.utility),
    "KeyMetrics/UsefulnessUsabilityEfficacy/TestType": (f.validation,),
    "KeyMetrics/UsefulnessUsabilityEfficacy/TestingDataDescription": (f.numbers, f.dates),
    "KeyMetrics/UsefulnessUsabilityEfficacy/ValidationProcessAndJustification": (f.measures,),
    "KeyMetrics/FairnessEquity/MetricGoal": (f.fairness_process,),
    "KeyMetrics/FairnessEquity/Interpretation": _fairness,
    "KeyMetrics/FairnessEquity/TestType": (f.validation,),
    "KeyMetrics/FairnessEquity/TestingDataDescription": (f.characteristics,),
    "KeyMetrics/FairnessEquity/ValidationProcessAndJustification": (f.bias_process,),
    "KeyMetrics/SafetyReliability/MetricGoal": (f.limits_met,),
    "KeyMetrics/SafetyReliability/Interpretation": (f.limitations,),
    "KeyMetrics/SafetyReliability/TestType": (f.validation,),
    "KeyMetrics/SafetyReliability/TestingDataDescription": (f.numbers,),
    "KeyMetrics/SafetyReliability/ValidationProcessAndJustification": (f.no_leakage,),
    "Resources/EvaluationReferences": (said("outcome_evaluations"),),
    "Resources/ClinicalTrial": (said("trial"),),
    "Resources/PeerReviewedPublications": (said("publications"),),
    "Resources/PatientConsentOrDisclosure": (said("consent", "ethics"),),
    "Bibliography": (said("publications"),),
}  # fmt: skip

LISTS: Mapping[str, Answers] = {"hti1": HTI1, "tripod_ai": TRIPOD_AI, "probast_ai": PROBAST_AI}


@dataclass(frozen=True)
class Answered:
    """One item of a card, and what is said there."""

    id: str
    section: str
    text: str
    applies: str
    statement: Statement

    def to_json(self) -> dict[str, Any]:
        """Return the item as `card.json` holds it."""
        asked = {"id": self.id, "section": self.section, "asks": self.text}
        if self.applies:
            asked["applies"] = self.applies
        return {**asked, **self.statement.to_json()}


def framework(name: str, teller: Teller) -> dict[str, Any]:
    """Return every item of a published list with what the artefacts say to it.

    Parameters
    ----------
    name
        `hti1`, `tripod_ai` or `probast_ai`.
    """
    release = knowledge.current(SUBJECT)
    table = release.table(name)
    listed = json.loads(release.read(name))
    answers = LISTS[name]
    items = [
        Answered(
            one["id"],
            one["section"],
            one["text"],
            one.get("applies", ""),
            tell(teller, answers.get(one["id"], ())),
        )
        for one in listed["items"]
    ]
    return {
        "title": listed["title"],
        "source": {
            "release": release.name,
            "date": table.date,
            "citation": table.source,
            "sha256": table.sha256,
        },
        "filled": sum(one.statement.filled for one in items),
        "of": len(items),
        "items": [one.to_json() for one in items],
    }
