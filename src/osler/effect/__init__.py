"""Treatment: what is likely to help whom, with intervals, and when the data do not say."""

from osler.effect.treatment_effect import TreatmentEffect

__all__ = ["TreatmentEffect"]
