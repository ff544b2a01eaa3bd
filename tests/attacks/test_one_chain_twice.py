"""The lie: a wallet's coins, counted once on "eip155:1" and once more on "eip155:01". Told by an exchange in its terms.

Each wallet counts once a chain, and chains were different when their names were. Whoever looks either of them up finds
the coins, on the one chain that both names mean. Refused: a chain has one name (CAIP-2, numbers without leading zeros),
and no block hash stands for two chains.
"""

from __future__ import annotations

import pytest
from support.solvency import terms

from zkmargin.verifier.statements.solvency.terms import Chain, TermsError

ETHEREUM = terms().chains[0]
TWICE = [
    "eip155:01",
    "EIP155:1",
    "eip155:0x1",
    "eip155:1.",
    "eip155: 1",
    "eip155",
    "custodian",
    "eip155:1:1",
    "Eip155:1",
]


@pytest.mark.parametrize("name", TWICE)
def test_a_chain_has_one_name(name: str) -> None:
    with pytest.raises(TermsError, match="CAIP-2"):
        terms(chains=(ETHEREUM, Chain(name, ETHEREUM.block, b"\xcd" * 32)))


def test_a_block_belongs_to_one_chain() -> None:
    """Under another namespace's name too, where no rule knows what is one chain."""
    with pytest.raises(TermsError, match="counts wallets twice"):
        terms(chains=(ETHEREUM, Chain("ethereum:mainnet", 1, ETHEREUM.block_hash)))
    for name in ("eip155:10", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp", "bip122:000000000019d6689c085ae165831e93"):
        two = terms(chains=(ETHEREUM, Chain(name, 1, b"\xcd" * 32)))
        assert [chain.id for chain in two.chains] == ["eip155:1", name]
