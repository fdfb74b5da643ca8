"""One function per thing a user does: the Python interface, shared by command line and web."""

from osler.workflows.demo import Demo, run_demo
from osler.workflows.exporting import export_meds
from osler.workflows.loading import load
from osler.workflows.opening import Opening
from osler.workflows.patient import report_patient
from osler.workflows.study import explain_study, run_study, study_summary
from osler.workflows.vaults import (
    audit_vault,
    erase_subject,
    init_vault,
    rekey_vault,
    vault_info,
    verify_vault,
)

__all__ = [
    "Demo",
    "Opening",
    "audit_vault",
    "erase_subject",
    "explain_study",
    "export_meds",
    "init_vault",
    "load",
    "rekey_vault",
    "report_patient",
    "run_demo",
    "run_study",
    "study_summary",
    "vault_info",
    "verify_vault",
]
