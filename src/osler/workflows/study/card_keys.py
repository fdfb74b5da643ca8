"""What of a card only people know: the `card:` section of a study file."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from osler.workflows.study.question import Section

Told = Mapping[str, tuple[str, ...]]

# Key to what it says; each takes a sentence or a list of sentences.
CARD_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "developer": "who made the model",
        "contact": "how the developer is reached",
        "funding": "who paid, and what part the funders had",
        "conflicts": "conflicts of interest",
        "context": "the healthcare context, and why the model was made",
        "intended_use": "what the model is for",
        "how_to_use": "how it is used in the course of care",
        "intended_users": "who is to use it",
        "decision_role": "whether it informs, augments or replaces a decision",
        "user_expertise": "what users must know and do",
        "out_of_scope": "tasks, settings and people it must not be used for",
        "risks": "known risks and inappropriate uses",
        "risk_level": "how much harm a wrong answer could do",
        "inequalities": "known health inequalities",
        "data_source": "where the data come from, and why these",
        "setting": "kind, number and places of the centres",
        "relevance": "how the data relate to where the model is to be used",
        "treatments": "treatments received, and how they were handled",
        "preparation": "what was done to the data before they were loaded",
        "outcome_rationale": "why this outcome, and how it was assessed",
        "outcome_assessors": "who assessed the outcome",
        "outcome_blinding": "whether they were blind to the predictors",
        "predictor_assessors": "who assessed the predictors",
        "predictor_blinding": "whether they were blind to the outcome",
        "sample_size": "how the size of the study was arrived at",
        "thresholds": "why these thresholds",
        "fairness": "what was done so that the output is fair",
        "bias": "what was done to manage, reduce or remove bias",
        "external_data": "where else the model was tested, if not by `osler study apply`",
        "external_tester": "who tested it there",
        "external_people": "who the people there were",
        "external_process": "how it was tested there",
        "external_validity": "how good it was there, with where that is published",
        "external_fairness": "how good it was for groups there, with where that is published",
        "outcome_evaluations": "evaluations of what using it did to outcomes",
        "validity_monitoring": "how and how often its validity is watched",
        "fairness_monitoring": "how and how often its fairness is watched",
        "local_validity": "how good it is in local data, if not by `osler study apply`",
        "local_fairness": "how fair it is in local data, if not by `osler study apply`",
        "updates": "how and how often it is updated",
        "corrections": "how often its performance is corrected when something is found",
        "ethics": "who approved the study, and about consent",
        "consent": "what patients were asked or told",
        "protocol": "where the protocol is",
        "registration": "where the study is registered",
        "data_sharing": "whether the data can be had",
        "code_sharing": "whether the code can be had",
        "involvement": "what part patients and the public had",
        "stakeholders": "whom else was consulted",
        "interpretation": "what the results mean",
        "next_steps": "what should come next",
        "publications": "where it was published",
        "trial": "clinical trials of it",
        "stage": "how far it is released",
        "version": "which release of the model this is",
        "availability": "where in the world it is available",
        "regulatory": "approvals",
        "keywords": "words to find it by",
    }
)


def read_card(section: Section) -> Told:
    """Read the `card:` section; every unknown key is a fault."""
    told = {key: section.texts(key) for key in CARD_KEYS}
    section.finish()
    return MappingProxyType({key: lines for key, lines in told.items() if lines})
