"""A small exchange: two assets, one with tiers, six customers, and statements about them that a test may forge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any, Final

import numpy as np

from support.backends import fastest_backend
from support.statements import Statement
from zkmargin.circuits.language import Holding, Inputs
from zkmargin.circuits.statements.solvency.batch import Batch, BatchWitness, batch_witness, records
from zkmargin.circuits.statements.solvency.prover import BatchProver, holdings_of
from zkmargin.prover.setup import Setup, development_setup
from zkmargin.prover.signing import address_of_key, sign_reserves
from zkmargin.verifier.proof import PublicInputs
from zkmargin.verifier.statements.solvency.accounts import Row, solvency_epoch_id
from zkmargin.verifier.statements.solvency.reserves import ReserveAttestation, claim_of
from zkmargin.verifier.statements.solvency.terms import Asset, Chain, Custodian, Terms, Tier
from zkmargin.verifier.statements.solvency.verify import TOP

ROWS: Final = 64
NONCE: Final = bytes(range(32))
MASTER: Final = b"the exchange's own secret, master"[:32]
WALLET_KEY: Final = (11).to_bytes(32, "big")
CUSTODIAN_KEY: Final = (12).to_bytes(32, "big")
BTC, USD = 1, 2
# Lines: BTC up to 1000 USD at 90 %, BTC beyond at 50 %, USD.
BTC_LOW, BTC_HIGH, USD_LINE = 1, 2, 3

CUSTOMERS: Final[Mapping[str, Sequence[Row]]] = {
    "anna": [Row(BTC_LOW, 30_000, 0, 0)],
    "bela": [Row(BTC_LOW, 0, 100_000, 0), Row(BTC_HIGH, 0, 20_000, 0), Row(USD_LINE, 0, 0, 90_000)],
    "carl": [Row(BTC_LOW, 30_000, 0, 0)],
    "dora": [Row(BTC_LOW, 5, 0, 0), Row(USD_LINE, 700, 0, 0)],
    "emil": [Row(USD_LINE, 1_000, 50, 50)],
    "fred": [Row(BTC_LOW, 0, 0, 1), Row(USD_LINE, 12_345, 9_999, 0)],
}
"""BTC has 4 decimals and costs 100 USD, USD has 2: a BTC lot is worth a cent, as is a USD lot."""


CAPS: Final = (Fraction(1_000_000), Fraction(10_000_000))
"""What all customers may owe and pledge of an asset, where debts count."""


def terms(**changes: Any) -> Terms:
    """The terms; a lot of either asset is worth 100 units of value. Without counted debts there are no caps."""
    usual = Terms(
        exchange="Harbor",
        as_of=1_700_000_000,
        value_decimals=4,
        coverage="asset",
        count_debts=True,
        totals="hidden",
        assets=(
            Asset(
                "BTC",
                4,
                Fraction(100),
                (Tier(Fraction(0), Fraction(9, 10)), Tier(Fraction(1000), Fraction(1, 2))),
                Fraction(4, 5),
                *CAPS,
            ),
            Asset("USD", 2, Fraction(1), (Tier(Fraction(0), Fraction(1)),), Fraction(1), *CAPS),
        ),
        chains=(Chain("eip155:1", 21_000_000, b"\xab" * 32),),
        custodians=(Custodian("vault", address_of_key(CUSTODIAN_KEY)),),
        identifier="document",
    )
    if not changes.get("count_debts", True) and "assets" not in changes:
        changes["assets"] = tuple(replace(each, max_debt=None, max_collateral=None) for each in usual.assets)
    return replace(usual, **changes)


@cache
def setup() -> Setup:
    """A development setup."""
    return development_setup(4 * ROWS, fastest_backend())


def epoch(of: Terms | None = None) -> bytes:
    """The epoch's id."""
    return solvency_epoch_id((of or terms()).digest, setup().digest, NONCE)


@cache
def prover() -> BatchProver[Any, Any]:
    """The prover of batches under the usual terms."""
    return BatchProver(terms(), epoch(), ROWS, setup(), fastest_backend())


def batch(
    customers: Mapping[str, Sequence[Row]] | None = None,
    *,
    index: int = 0,
    low: int = 0,
    high: int = TOP,
    numbers: Sequence[int] | None = None,
) -> Batch:
    """A batch of these customers, with account numbers 1000, 2000, ... above the lower separator."""
    held = CUSTOMERS if customers is None else customers
    rows = [row for of_one in held.values() for row in of_one]
    starts = np.cumsum([0, *(len(of_one) for of_one in held.values())])

    def column(name: str) -> Any:
        return np.array([getattr(row, name) for row in rows], dtype=np.int64)

    return Batch(
        index=index,
        low=low,
        high=high,
        customers=[name.encode() for name in held],
        numbers=np.array(numbers or [low + 1000 * (1 + i) for i in range(len(held))], dtype=np.int64),
        starts=starts.astype(np.int64),
        line=column("line"),
        free=column("free"),
        collateral=column("collateral"),
        debt=column("debt"),
    )


def columns_of(given: Batch) -> BatchWitness:
    """The honest columns of a batch."""
    return batch_witness(given, terms(), ROWS, records(given, epoch(), MASTER, fastest_backend()))


def statement_of(given: Batch, columns: BatchWitness | None = None, *, check: bool = True) -> Statement:
    """The statement about a batch, with these columns if they are not to be the honest ones."""
    made = columns or columns_of(given)
    by = prover()
    opening = by.opening(given, made, MASTER)
    witness = by.witness(made, opening, check=check)
    inputs: Inputs[Any] = Inputs(
        holdings={name: Holding(held.values, 0) for name, held in holdings_of(opening).items()},
        market=by.table.columns,
        scalars=made.scalars,
        columns=made.columns,
    )
    return Statement(by.program, by.argument.key, by.public(given.index, witness, opening), witness.assignment, inputs)


def recommitted(forged: Statement) -> Statement:
    """The statement with commitments to its own, perhaps forged, totals: what a lying exchange publishes."""
    values = [opening.values for opening in forged.assignment.holdings]
    blinding = [[opening.blinding] for opening in forged.assignment.holdings]
    points = forged.backend.msm(forged.key.lagrange, values, blinding)
    public: PublicInputs = replace(forged.public, holdings=tuple((point,) for point in points))
    return replace(forged, public=public)


def reserves(
    amounts: Mapping[str, str], *, of: Terms | None = None, key: bytes = WALLET_KEY, chain: str | None = "eip155:1"
) -> ReserveAttestation:
    """Reserves signed by a wallet, or by the custodian when `chain` is None."""
    agreed = of or terms()
    claim = claim_of(chain, None if chain else "vault", address_of_key(key), amounts, agreed)
    return sign_reserves(claim, agreed, epoch(agreed), key)


__all__ = ["batch", "columns_of", "prover", "recommitted", "reserves", "statement_of", "terms"]
