"""The auditor's verification of a whole statement, step by step. Pure Python; group operations through an engine."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from zkmargin.verifier.curve import G1, INFINITY, GroupEngine, PythonEngine
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.ethereum import KeyRecovery
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.proof import PublicInputs, decode_proof
from zkmargin.verifier.statements.solvency.accounts import ACCOUNT_BITS
from zkmargin.verifier.statements.solvency.batched_opening import batched_points, coefficient
from zkmargin.verifier.statements.solvency.reserves import verify_reserves
from zkmargin.verifier.statements.solvency.statement import (
    BatchStatement,
    PublicTotals,
    Solvency,
    batch_context,
    separators_fault,
)
from zkmargin.verifier.statements.solvency.terms import Terms
from zkmargin.verifier.verify import BatchItem, VerifyingKey, verify_batch

TOP: int = (1 << ACCOUNT_BITS) - 1
"""The last separator."""
_CHECK_BITS = 128


@dataclass(frozen=True)
class SolvencyKeys:
    """What the verifier rebuilds from the terms and the setup before it looks at a statement.

    table: commitments to the public table's columns. settlement and settlement_market: for hidden totals, the key and
    the public columns' commitments. totals: for published totals, what they and their blinding commit to.
    """

    batch: VerifyingKey
    table: tuple[G1, ...]
    settlement: VerifyingKey | None = None
    settlement_market: tuple[G1, ...] = ()
    totals: tuple[G1, G1] | None = None


@dataclass(frozen=True)
class SolvencyVerdict:
    """What a valid statement says. reserves and, when published, owed: lots by asset number, from 0."""

    accounts: int
    batches: int
    reserves: tuple[int, ...]
    owed: tuple[int, ...] | None


def verify_solvency(
    statement: Solvency,
    keys: SolvencyKeys,
    engine: GroupEngine | None = None,
    recovery: KeyRecovery | None = None,
) -> SolvencyVerdict:
    """Return what a valid statement says. Raises ProofRejected with the reason, FormatError if malformed."""
    engine = engine or PythonEngine()
    terms = statement.terms
    if statement.setup != keys.batch.setup.digest:
        raise FormatError("statement: made under another setup")
    if keys.batch.circuit.rows != statement.rows:
        raise FormatError(f"statement: expected batches of {keys.batch.circuit.rows} rows, got {statement.rows}")
    if fault := separators_fault(statement.batches, TOP):
        raise ProofRejected(fault)
    reserves = verify_reserves(statement.reserves, terms, statement.epoch, recovery)
    items = [
        BatchItem(keys.batch, batch_inputs(statement.epoch, statement.rows, batch, keys.table), batch.proof)
        for batch in statement.batches
    ]
    owed: tuple[int, ...] | None = None
    if isinstance(statement.settlement, PublicTotals):
        owed = _check_public(statement, statement.settlement, keys, reserves, engine)
    else:
        items.append(_settlement_item(statement, statement.settlement, keys, reserves))
    for position, verdict in enumerate(verify_batch(items, engine)):
        if verdict is not None:
            what = f"batch {position}" if position < len(statement.batches) else "settlement"
            raise ProofRejected(f"{what}: {verdict}")
    _verify_batched_openings(statement, keys.batch, engine)
    accounts = sum(batch.accounts for batch in statement.batches)
    return SolvencyVerdict(accounts, len(statement.batches), tuple(reserves), owed)


def batch_inputs(epoch: bytes, rows: int, batch: BatchStatement, table: Sequence[G1]) -> PublicInputs:
    """What the proof of a batch is about; scalars in the circuit's order: accounts, low, high."""
    context = batch_context(epoch, rows, batch.index)
    scalars = (batch.accounts, batch.low, batch.high)
    return PublicInputs(context, scalars, ((batch.equity,), (batch.debt,)), tuple(table))


def settlement_inputs(statement: Solvency, market: Sequence[G1], reserves: Sequence[int]) -> PublicInputs:
    """What the settlement's proof is about."""
    holdings = [tuple(batch.equity for batch in statement.batches)]
    if statement.terms.count_debts:
        holdings.append(tuple(batch.debt for batch in statement.batches))
    scalars = (reserves_value(statement.terms, reserves),) if statement.terms.coverage == "value" else ()
    return PublicInputs(statement.settlement_context, scalars, tuple(holdings), tuple(market))


def reserves_value(terms: Terms, reserves: Sequence[int]) -> int:
    """Units of value that reserves count for, rounded down at the end only."""
    total = Fraction(0)
    for asset, lots in zip(terms.assets, reserves[1:], strict=True):
        lot_value = asset.price_usd * Fraction(10) ** (terms.value_decimals - asset.decimals)
        total += lots * lot_value * asset.reserve_ratio
    return int(total // 1)


def cover_fault(terms: Terms, reserves: Sequence[int], equity: Sequence[int], debt: Sequence[int]) -> str | None:
    """Where reserves fall short of published totals, None where they nowhere do."""
    owed = [e - d if terms.count_debts else e for e, d in zip(equity, debt, strict=True)]
    if terms.coverage == "value":
        value = sum(terms.table_rows_of[number][0].price * owed[number] for number in range(1, len(owed)))
        return None if reserves_value(terms, reserves) >= value else "reserves are worth less than what is owed"
    short = [asset.id for number, asset in enumerate(terms.assets, 1) if reserves[number] < owed[number]]
    return f"reserves of {', '.join(short[:8])} are less than what is owed" if short else None


def _settlement_item(statement: Solvency, proof: bytes, keys: SolvencyKeys, reserves: Sequence[int]) -> BatchItem:
    if statement.terms.totals != "hidden" or keys.settlement is None:
        raise ProofRejected("the terms publish totals, and the statement hides them")
    return BatchItem(keys.settlement, settlement_inputs(statement, keys.settlement_market, reserves), proof)


def _check_public(
    statement: Solvency, totals: PublicTotals, keys: SolvencyKeys, reserves: Sequence[int], engine: GroupEngine
) -> tuple[int, ...]:
    if statement.terms.totals != "public" or keys.totals is None:
        raise ProofRejected("the terms hide totals, and the statement publishes them")
    ones = [1] * len(statement.batches)
    sums = tuple(
        engine.combine([getattr(batch, name) for batch in statement.batches], ones) for name in ("equity", "debt")
    )
    if sums != keys.totals:
        raise ProofRejected("the published totals are not those that the batches commit to")
    if fault := cover_fault(statement.terms, reserves, totals.equity, totals.debt):
        raise ProofRejected(fault)
    net = statement.terms.count_debts
    return tuple(e - d if net else e for e, d in zip(totals.equity, totals.debt, strict=True))


def _verify_batched_openings(statement: Solvency, key: VerifyingKey, engine: GroupEngine) -> None:
    """What inclusion files open is made of the proven columns: all batches by one random combination."""
    points: list[G1] = []
    scalars: list[int] = []
    for batch in statement.batches:
        weight = secrets.randbits(_CHECK_BITS)
        c = coefficient(batch_context(statement.epoch, statement.rows, batch.index), keccak256(batch.proof))
        witness = decode_proof(key.circuit, batch.proof).witness
        points.append(batch.batched_opening)
        scalars.append(-weight)
        for point, scalar in batched_points(key.circuit, c, witness):
            points.append(point)
            scalars.append(weight * scalar)
    if engine.combine(points, scalars) != INFINITY:
        raise ProofRejected("what inclusion files open is not made of the proven columns")
