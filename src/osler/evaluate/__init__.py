"""Whether a prediction is right, for whom, and may speak: arrays in, numbers with intervals out."""

from osler.evaluate.alerts import (
    AlertReport,
    Compared,
    alert_report,
    at_burden,
    compare_alerts,
    compare_at_burden,
)
from osler.evaluate.benefit import NetBenefitRow, net_benefit
from osler.evaluate.by_group import GroupRow, GroupTable, groups
from osler.evaluate.calibration_bins import CalibrationBin, CalibrationTable, calibration_table
from osler.evaluate.comparison import compare
from osler.evaluate.curves import IncidenceCurve, incidence
from osler.evaluate.fairness import (
    FairnessGroup,
    FairnessTable,
    Mitigation,
    fairness,
    mitigated,
)
from osler.evaluate.faithfulness import Faithfulness, faithfulness
from osler.evaluate.labels import binary
from osler.evaluate.leaks import LeakageCheck, leakage
from osler.evaluate.limits import DEFAULT_LIMITS, Gate, check_limits, gates
from osler.evaluate.recalibrate import Recalibration, recalibrate_incidence, recalibrate_risk
from osler.evaluate.shift import ColumnDifference, Placing, Reference, membership
from osler.evaluate.stays import AlertPolicy, Alerts, Stays, fire
from osler.evaluate.survival import competing, time_to_event

__all__ = [
    "DEFAULT_LIMITS",
    "AlertPolicy",
    "AlertReport",
    "Alerts",
    "CalibrationBin",
    "CalibrationTable",
    "ColumnDifference",
    "Compared",
    "FairnessGroup",
    "FairnessTable",
    "Faithfulness",
    "Gate",
    "GroupRow",
    "GroupTable",
    "IncidenceCurve",
    "LeakageCheck",
    "Mitigation",
    "NetBenefitRow",
    "Placing",
    "Recalibration",
    "Reference",
    "Stays",
    "alert_report",
    "at_burden",
    "binary",
    "calibration_table",
    "check_limits",
    "compare",
    "compare_alerts",
    "compare_at_burden",
    "competing",
    "fairness",
    "faithfulness",
    "fire",
    "gates",
    "groups",
    "incidence",
    "leakage",
    "membership",
    "mitigated",
    "net_benefit",
    "recalibrate_incidence",
    "recalibrate_risk",
    "time_to_event",
]
