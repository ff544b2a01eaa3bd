"""The auditor's verification of a whole statement, step by step. Pure Python; group operations through an engine."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    Solvency,
    batch_context,
    separators_fault,
)
from zkmargin.verifier.statements.solvency.terms import Terms, lot_value
from zkmargin.verifier.verify import BatchItem, VerifyingKey, verify_batch

TOP: int = (1 << ACCOUNT_BITS) - 1
"""The last separator."""
_CHECK_BITS = 128


@dataclass(frozen=True)
class SolvencyKeys:
    """What the verifier rebuilds from the terms and the setup before it looks at a statement.

    table: commitments to the public table's columns. settlement and settlement_market: for hidden equity, the key and
    the public columns' commitments. totals: by name, what each published total and its blinding commit to.
    """

    batch: VerifyingKey
    table: tuple[G1, ...]
    settlement: VerifyingKey | None = None
    settlement_market: tuple[G1, ...] = ()
    totals: Mapping[str, G1] = field(default_factory=dict)


@dataclass(frozen=True)
class SolvencyVerdict:
    """What a valid statement says, in lots by asset number, from 0.

    totals: those of `terms.TOTALS` that are published. owed: equity, less debts where they count; when it is published.
    """

    accounts: int
    batches: int
    reserves: tuple[int, ...]
    owed: tuple[int, ...] | None
    totals: Mapping[str, tuple[int, ...]]


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
    _check_totals(statement, keys, engine)
    owed: tuple[int, ...] | None = None
    if terms.totals == "public":
        if statement.settlement is not None:
            raise ProofRejected("the terms publish totals, and the statement hides them")
        owed = _check_cover(statement, reserves)
    else:
        items.append(_settlement_item(statement, keys, reserves))
    for position, verdict in enumerate(verify_batch(items, engine)):
        if verdict is not None:
            what = f"batch {position}" if position < len(statement.batches) else "settlement"
            raise ProofRejected(f"{what}: {verdict}")
    _verify_batched_openings(statement, keys.batch, engine)
    accounts = sum(batch.accounts for batch in statement.batches)
    totals = {name: opened.amounts for name, opened in statement.totals.items()}
    return SolvencyVerdict(accounts, len(statement.batches), tuple(reserves), owed, totals)


def batch_inputs(epoch: bytes, rows: int, batch: BatchStatement, table: Sequence[G1]) -> PublicInputs:
    """What the proof of a batch is about; scalars in the circuit's order: accounts, low, high."""
    context = batch_context(epoch, rows, batch.index)
    scalars = (batch.accounts, batch.low, batch.high)
    return PublicInputs(context, scalars, ((batch.equity,), (batch.debt,), (batch.collateral,)), tuple(table))


def settlement_inputs(statement: Solvency, market: Sequence[G1], reserves: Sequence[int]) -> PublicInputs:
    """What the settlement's proof is about."""
    equity = tuple(batch.equity for batch in statement.batches)
    by_value = statement.terms.coverage == "value"
    scalars = (cover_value(statement.terms, reserves, statement.counted_debts),) if by_value else ()
    return PublicInputs(statement.settlement_context, scalars, (equity,), tuple(market))


def cover_value(terms: Terms, reserves: Sequence[int], debts: Sequence[int]) -> int:
    """Units of value that reserves, under their ratios, and counted debts come to: rounded down, at the end only."""
    total = Fraction(0)
    for asset, held, owed in zip(terms.assets, reserves[1:], debts[1:], strict=True):
        total += lot_value(asset, terms.value_decimals) * (held * asset.reserve_ratio + owed)
    return int(total // 1)


def cover_fault(terms: Terms, reserves: Sequence[int], equity: Sequence[int], debts: Sequence[int]) -> str | None:
    """Where reserves and counted debts fall short of equity, None where they nowhere do. Lots by asset number."""
    if terms.coverage == "value":
        value = sum(terms.table_rows_of[number][0].price * equity[number] for number in range(1, len(equity)))
        covered = cover_value(terms, reserves, debts) >= value
        return None if covered else "reserves are worth less than what is owed"
    short = [
        asset.id for number, asset in enumerate(terms.assets, 1) if reserves[number] + debts[number] < equity[number]
    ]
    return f"reserves of {', '.join(short[:8])} are less than what is owed" if short else None


def caps_fault(terms: Terms, totals: Mapping[str, Sequence[int]]) -> str | None:
    """Which total passes the terms' cap, None where none does. Caps exist where debts count."""
    for name in ("debt", "collateral") if terms.count_debts else ():
        for number, (amount, cap) in enumerate(zip(totals[name], terms.caps(name), strict=True)):
            if number and amount > cap:
                return f"{name} in {terms.assets[number - 1].id} is more than the terms' max_{name}"
    return None


def _check_totals(statement: Solvency, keys: SolvencyKeys, engine: GroupEngine) -> None:
    """Published totals are those that the terms ask for, open the batches' commitments and keep to the terms' caps."""
    terms = statement.terms
    if tuple(keys.totals) != terms.published:
        raise FormatError("keys: expected one for every total that the terms publish")
    ones = [1] * len(statement.batches)
    for name in statement.totals:
        committed = engine.combine([getattr(batch, name) for batch in statement.batches], ones)
        if keys.totals[name] != committed:
            raise ProofRejected(f"the published totals of {name} are not those that the batches commit to")
    if fault := caps_fault(terms, {name: opened.amounts for name, opened in statement.totals.items()}):
        raise ProofRejected(fault)


def _check_cover(statement: Solvency, reserves: Sequence[int]) -> tuple[int, ...]:
    """Return what is owed by asset number, from published totals that reserves cover. Raises ProofRejected."""
    equity, debts = statement.totals["equity"].amounts, statement.counted_debts
    if fault := cover_fault(statement.terms, reserves, equity, debts):
        raise ProofRejected(fault)
    return tuple(e - d for e, d in zip(equity, debts, strict=True))


def _settlement_item(statement: Solvency, keys: SolvencyKeys, reserves: Sequence[int]) -> BatchItem:
    if statement.settlement is None or keys.settlement is None:
        raise ProofRejected("the terms hide totals, and the statement publishes them")
    inputs = settlement_inputs(statement, keys.settlement_market, reserves)
    return BatchItem(keys.settlement, inputs, statement.settlement)


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
