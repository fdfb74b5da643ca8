"""What is special about single genes: each exception is a rule with its source, in its own file."""

from __future__ import annotations

from osler.genome.pgx.rules.cftr import Cftr
from osler.genome.pgx.rules.cyp2c9 import Cyp2c9
from osler.genome.pgx.rules.cyp2d6 import Cyp2d6
from osler.genome.pgx.rules.dpyd import Dpyd
from osler.genome.pgx.rules.g6pd import G6pd
from osler.genome.pgx.rules.nat2 import Nat2
from osler.genome.pgx.rules.outside import ONLY_BY_OUTSIDE_CALL
from osler.genome.pgx.rules.rule import Rule, Seen
from osler.genome.pgx.rules.ryr1 import Ryr1
from osler.genome.pgx.rules.slco1b1 import Slco1b1
from osler.genome.pgx.rules.undocumented import UNDOCUMENTED_IS_REFERENCE

__all__ = [
    "ONLY_BY_OUTSIDE_CALL",
    "UNDOCUMENTED_IS_REFERENCE",
    "Rule",
    "Seen",
    "rule_for",
]

RULES: dict[str, type[Rule]] = {
    "CFTR": Cftr,
    "CYP2C9": Cyp2c9,
    "CYP2D6": Cyp2d6,
    "DPYD": Dpyd,
    "G6PD": G6pd,
    "NAT2": Nat2,
    "RYR1": Ryr1,
    "SLCO1B1": Slco1b1,
}


def rule_for(gene: str) -> type[Rule]:
    """Return the rule that a gene is called by: its own, or the general one."""
    return RULES.get(gene, Rule)
