"""What the chain's commands sign or expect, computed here: what a node says of it is at most a cross-check."""

from __future__ import annotations

from typing import Final

from zkmargin.verifier.ethereum import address_word, struct_hash, word
from zkmargin.verifier.keccak import keccak256

EPOCH_TYPE: Final = "Epoch(bytes32 policy,bytes32 universe,uint64 time,bytes32 digest)"
DOMAIN_TYPE: Final = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
REGISTRY_NAME: Final = "zkmargin registry"
REGISTRY_VERSION: Final = "1"


def epoch_signing_digest(
    chain_id: int, registry: bytes, policy: bytes, universe: bytes, time: int, epoch: bytes
) -> bytes:
    """Return what an oracle's signer signs (EIP-712, the registry's domain): an epoch's digest and what it is for.

    registry: 20 bytes. policy, universe, epoch: digests of 32 bytes. time: seconds.
    """
    domain = struct_hash(
        DOMAIN_TYPE,
        [
            keccak256(REGISTRY_NAME.encode()),
            keccak256(REGISTRY_VERSION.encode()),
            word(chain_id),
            address_word(registry),
        ],
    )
    return keccak256(b"\x19\x01" + domain + struct_hash(EPOCH_TYPE, [policy, universe, word(time), epoch]))


def created_address(sender: bytes, nonce: int) -> bytes:
    """Return the address of the contract that a sender's transaction of this nonce creates."""
    encoded = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    # RLP: a byte below 128 is itself, the empty string 0x80.
    item = encoded if len(encoded) == 1 and encoded[0] < 0x80 else bytes([0x80 + len(encoded)]) + encoded
    payload = b"\x94" + sender + item
    return keccak256(bytes([0xC0 + len(payload)]) + payload)[-20:]
