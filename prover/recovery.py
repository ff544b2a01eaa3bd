"""Recover signers by libsecp256k1, through coincurve: a hundred times as fast as the verifier's own pure Python.

The verifier checks a signature's form itself, and asks only for the key: `zkmargin.verifier.ethereum.recover_signer`.
"""

from __future__ import annotations

from functools import cache

from zkmargin.verifier import ethereum
from zkmargin.verifier.ethereum import KeyRecovery


@cache
def key_recovery() -> KeyRecovery:
    """Return recovery by libsecp256k1, or in pure Python where coincurve does not load. Both give the same keys."""
    try:
        from coincurve import PublicKey  # noqa: PLC0415 - only where something is signed
    except ImportError:
        return ethereum.recover_key

    def recover_key(digest: bytes, signature: bytes) -> bytes | None:
        compact = signature[:64] + bytes([signature[64] - 27])
        try:
            return PublicKey.from_signature_and_message(compact, digest, hasher=None).format(compressed=False)[1:]
        except ValueError:
            return None

    return recover_key
