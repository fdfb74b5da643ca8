"""The encrypted store: timelines at rest, who may read them, who did, and how one leaves it."""

from osler.vault.access import AccessPolicy, Actor
from osler.vault.acts import Act
from osler.vault.deriving import Deriving
from osler.vault.erasure import ErasureProof
from osler.vault.info import VaultInfo
from osler.vault.keys import Kdf, Key
from osler.vault.loading import ERASED, Loading
from osler.vault.manifest import Derivation
from osler.vault.vault import ALL, Vault
from osler.vault.verification import VerifyReport

__all__ = [
    "ALL",
    "ERASED",
    "AccessPolicy",
    "Act",
    "Actor",
    "Derivation",
    "Deriving",
    "ErasureProof",
    "Kdf",
    "Key",
    "Loading",
    "Vault",
    "VaultInfo",
    "VerifyReport",
]
