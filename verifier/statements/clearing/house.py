"""A house: where its four contracts are, and the domains of what is signed for each (EIP-712)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zkmargin.verifier.ethereum import address_word, struct_hash, word
from zkmargin.verifier.keccak import keccak256

DOMAIN_TYPE: Final = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


@dataclass(frozen=True)
class House:
    """The contracts of a house on a chain, 20 bytes each."""

    chain_id: int
    ledger: bytes
    clearing: bytes
    settlement: bytes
    recovery: bytes

    def typed_digest(self, name: str, contract: bytes, hashed: bytes) -> bytes:
        """What is signed of a struct: `name` is "zkmargin ledger", "zkmargin clearing" or "zkmargin settlement"."""
        domain = struct_hash(
            DOMAIN_TYPE, [keccak256(name.encode()), keccak256(b"1"), word(self.chain_id), address_word(contract)]
        )
        return keccak256(b"\x19\x01" + domain + hashed)

    def clearing_digest(self, hashed: bytes) -> bytes:
        """What is signed for the clearing contract."""
        return self.typed_digest("zkmargin clearing", self.clearing, hashed)

    def ledger_digest(self, hashed: bytes) -> bytes:
        """What is signed for the ledger."""
        return self.typed_digest("zkmargin ledger", self.ledger, hashed)

    def settlement_digest(self, hashed: bytes) -> bytes:
        """What is signed for the settlement contract."""
        return self.typed_digest("zkmargin settlement", self.settlement, hashed)
