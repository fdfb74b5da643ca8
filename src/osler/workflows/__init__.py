"""One function per thing a user does: the Python interface, shared by command line and web.

Each is imported when it is first used: making a vault need not wait for the learners.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from osler.workflows.demo import Demo, run_demo
    from osler.workflows.exporting import export_labels, export_meds
    from osler.workflows.genome.diagnose import CasesAnswer, CasesQuestion, diagnose
    from osler.workflows.genome.landing import Derived, Weights, changed_subjects, derive
    from osler.workflows.genome.pgx import advise_on_drugs
    from osler.workflows.genome.score import score_genotypes
    from osler.workflows.genome.somatic import SomaticAnswer, TumourQuestion, interpret_tumours
    from osler.workflows.learning.promote import promote, rollback
    from osler.workflows.learning.propose import proposal_lines, propose_update, replay
    from osler.workflows.learning.record import record_decisions
    from osler.workflows.learning.status import learning_status, status_lines
    from osler.workflows.loading import load
    from osler.workflows.opening import Opening
    from osler.workflows.patient import report_patient
    from osler.workflows.releases import (
        diff_knowledge,
        install_knowledge,
        list_knowledge,
        verify_knowledge,
    )
    from osler.workflows.study import apply_study, explain_study, run_study, study_summary
    from osler.workflows.vaults import (
        audit_vault,
        erase_subject,
        init_vault,
        rekey_vault,
        vault_info,
        verify_vault,
    )

__all__ = [
    "CasesAnswer",
    "CasesQuestion",
    "Demo",
    "Derived",
    "Opening",
    "SomaticAnswer",
    "TumourQuestion",
    "Weights",
    "advise_on_drugs",
    "apply_study",
    "audit_vault",
    "changed_subjects",
    "derive",
    "diagnose",
    "diff_knowledge",
    "erase_subject",
    "explain_study",
    "export_labels",
    "export_meds",
    "init_vault",
    "install_knowledge",
    "interpret_tumours",
    "learning_status",
    "list_knowledge",
    "load",
    "promote",
    "proposal_lines",
    "propose_update",
    "record_decisions",
    "rekey_vault",
    "replay",
    "report_patient",
    "rollback",
    "run_demo",
    "run_study",
    "score_genotypes",
    "status_lines",
    "study_summary",
    "vault_info",
    "verify_knowledge",
    "verify_vault",
]

_HOMES = {
    "demo": ("Demo", "run_demo"),
    "exporting": ("export_labels", "export_meds"),
    "genome.diagnose": ("CasesAnswer", "CasesQuestion", "diagnose"),
    "genome.landing": ("Derived", "Weights", "changed_subjects", "derive"),
    "genome.pgx": ("advise_on_drugs",),
    "genome.score": ("score_genotypes",),
    "genome.somatic": ("SomaticAnswer", "TumourQuestion", "interpret_tumours"),
    "learning.promote": ("promote", "rollback"),
    "learning.propose": ("proposal_lines", "propose_update", "replay"),
    "learning.record": ("record_decisions",),
    "learning.status": ("learning_status", "status_lines"),
    "loading": ("load",),
    "opening": ("Opening",),
    "patient": ("report_patient",),
    "releases": ("diff_knowledge", "install_knowledge", "list_knowledge", "verify_knowledge"),
    "study": ("apply_study", "explain_study", "run_study", "study_summary"),
    "vaults": (
        "audit_vault",
        "erase_subject",
        "init_vault",
        "rekey_vault",
        "vault_info",
        "verify_vault",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import an act from its home."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    """Name the acts."""
    return __all__
