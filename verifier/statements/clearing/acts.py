"""Acts of a clearing house: what is announced, what accounts, risk key and oracle sign, and what proofs state.

A proof's context names this chain, this contract of the house, the act and its content: a proof of another house, of
another act, or of a gate's margin statement counts for nothing here, and the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from zkmargin.verifier.curve import G1
from zkmargin.verifier.ethereum import address_word, struct_hash, word
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.proof import encode_points
from zkmargin.verifier.statements.clearing.house import House

CONSENT_TYPE: Final = (
    "Consent(address account,uint256 dx,uint256 dy,bytes32 seal,uint256 fee,uint256 nonce,uint64 deadline,"
    "uint64 oldestEpoch)"
)
NOVATION_TYPE: Final = "Novation(bytes32 consents,address operator,uint64 deadline)"
SWEEP_NOVATION_TYPE: Final = "SweepNovation(address account,uint256 dx,uint256 dy,bytes32 seal,uint256 state)"
SETTLEMENT_TYPE: Final = "Settlement(bytes32 universe,uint256 row,int256 payoff,uint256 unitX,uint256 unitY)"
WITHDRAWAL_TYPE: Final = "Withdrawal(address account,uint256 token,uint256 lots,address recipient)"
FOLD_TYPE: Final = "Fold(address account)"
REBLINDING_TYPE: Final = "Reblinding(address account,uint256 rx,uint256 ry)"
SWEEP_TYPE: Final = "Sweep(address account,uint256 dx,uint256 dy,bytes32 seal)"
UPKEEP_TYPE: Final = "Upkeep(address account)"
MERGER_TYPE: Final = "Merger(address fund,uint256 estate)"
ANNOUNCEMENT_TYPE: Final = "Announcement(address account,bytes32 act,uint256 nonce,uint64 deadline)"
STATEMENT_TYPE: Final = (
    "ClearingStatement(uint256 chainId,address house,bytes32 act,address account,bytes32 digest,bytes32 policy,"
    "bytes32 epoch,uint64 epochTime)"
)
SWEEP_STATEMENT_TYPE: Final = "SweepStatement(uint256 chainId,address house,address account,bytes32 act,bytes32 market)"


class Act(Enum):
    """An act that needs a proof of margin, by the type of its content."""

    TRADE = CONSENT_TYPE
    WITHDRAWAL = WITHDRAWAL_TYPE
    UPKEEP = UPKEEP_TYPE
    MERGER = MERGER_TYPE

    @property
    def tag(self) -> bytes:
        """The type's hash, as contexts carry it."""
        return keccak256(self.value.encode())


@dataclass(frozen=True)
class Consent:
    """What an account signs for its part of a trade. seal: hash of the sealed opening of d. fee: lots of cash."""

    account: bytes
    d: G1
    seal: bytes
    fee: int
    nonce: int
    deadline: int
    oldest_epoch: int

    def digest(self, house: House) -> bytes:
        """The 32 bytes to sign; also the content of the trade's margin proof."""
        members = [address_word(self.account), *_words(self.d), self.seal, word(self.fee), word(self.nonce)]
        return house.clearing_digest(
            struct_hash(CONSENT_TYPE, [*members, word(self.deadline), word(self.oldest_epoch)])
        )


def novation_digest(house: House, groups: Sequence[Sequence[Consent]], operator: bytes, deadline: int) -> bytes:
    """What the risk key signs of a batch: every consent, group by group, and who sends it."""
    hashed = keccak256(b"".join(keccak256(b"".join(c.digest(house) for c in group)) for group in groups))
    return house.clearing_digest(struct_hash(NOVATION_TYPE, [hashed, address_word(operator), word(deadline)]))


def house_context(
    house: House, act: Act, account: bytes, digest: bytes, *, policy: bytes, epoch: bytes, epoch_time: int
) -> bytes:
    """The context of a margin proof for an act. digest: the consent, the act's hash, or the book's for upkeep."""
    contract = house.clearing if act in (Act.TRADE, Act.WITHDRAWAL) else house.recovery
    members = [word(house.chain_id), address_word(contract), act.tag, address_word(account), digest, policy, epoch]
    return struct_hash(STATEMENT_TYPE, [*members, word(epoch_time)])


def withdrawal_act(account: bytes, token: int, lots: int, recipient: bytes) -> bytes:
    """What is announced to withdraw."""
    return struct_hash(WITHDRAWAL_TYPE, [address_word(account), word(token), word(lots), address_word(recipient)])


def fold_act(account: bytes) -> bytes:
    """What is announced to fold in what waits."""
    return struct_hash(FOLD_TYPE, [address_word(account)])


def reblinding_act(account: bytes, r: G1) -> bytes:
    """What is announced to reblind."""
    return struct_hash(REBLINDING_TYPE, [address_word(account), *_words(r)])


def sweep_act(account: bytes, d: G1, seal: bytes) -> bytes:
    """What is announced to sweep."""
    return struct_hash(SWEEP_TYPE, [address_word(account), *_words(d), seal])


def merger_act(fund: bytes, estate: int) -> bytes:
    """The content of the proof with which the fund merges an estate."""
    return struct_hash(MERGER_TYPE, [address_word(fund), word(estate)])


def announcement_digest(house: House, account: bytes, act: bytes, nonce: int, deadline: int) -> bytes:
    """What an account signs so that another announces an act for it."""
    return house.ledger_digest(
        struct_hash(ANNOUNCEMENT_TYPE, [address_word(account), act, word(nonce), word(deadline)])
    )


def sweep_context(house: House, account: bytes, act: bytes, market: Sequence[G1]) -> bytes:
    """The context of a sweep's proof. market: commitments to the flags of closed rows and to their payoffs."""
    hashed = keccak256(encode_points(market))
    members = [word(house.chain_id), address_word(house.settlement), address_word(account), act, hashed]
    return struct_hash(SWEEP_STATEMENT_TYPE, members)


def sweep_novation_digest(house: House, account: bytes, d: G1, seal: bytes, state: int) -> bytes:
    """What the risk key signs of a sweep of the book of this hash."""
    members = [address_word(account), *_words(d), seal, word(state)]
    return house.settlement_digest(struct_hash(SWEEP_NOVATION_TYPE, members))


def settlement_digest(house: House, universe: bytes, row: int, payoff: int, unit: G1) -> bytes:
    """What the oracle's signers sign of a closed row. payoff: usd_e12 a lot, signed. unit: [L_row]."""
    signed = word(payoff % (1 << 256))
    return house.settlement_digest(struct_hash(SETTLEMENT_TYPE, [universe, word(row), signed, *_words(unit)]))


def _words(point: G1) -> list[bytes]:
    return [word(point.x), word(point.y)]
