"""The encrypted store: timelines at rest, who may read them, who did, and how one leaves it."""

from osler.vault.access import AccessPolicy, Actor
from osler.vault.erasure import ErasureProof
from osler.vault.keys import Kdf, Key
from osler.vault.loading import ERASED, Loading
from osler.vault.vault import ALL, Act, Vault, VaultInfo
from osler.vault.verification import VerifyReport

__all__ = [
    "ALL",
    "ERASED",
    "AccessPolicy",
    "Act",
    "Actor",
    "ErasureProof",
    "Kdf",
    "Key",
    "Loading",
    "Vault",
    "VaultInfo",
    "VerifyReport",
]
