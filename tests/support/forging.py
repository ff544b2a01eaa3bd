"""Books at the boundary of adequacy, and witnesses in which a forger chooses some private scalars."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from support.desk import Book, Desk
from zkmargin.circuits.language.witness import Holding, Inputs, generate_witness
from zkmargin.circuits.markets.positions import positions_from_quantities
from zkmargin.circuits.markets.units import format_decimal
from zkmargin.circuits.policies.solution import Sums, assign, value_of
from zkmargin.circuits.statements.margin.circuit import HOLDING
from zkmargin.prover.prove import Options, prove
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.margin import OFF_CHAIN, MarginProof, make_statement, public_inputs


def least_cash(desk: Desk, book: Book) -> int | None:
    """The fewest micro-dollars that make a book adequate; None if no quantity of cash does."""
    high = (1 << (desk.policy.quantity_bits - 1)) - 1
    low = -high
    if not desk.evaluate([with_cash(book, high)]).adequate:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if desk.evaluate([with_cash(book, middle)]).adequate else (middle, high)
    return high


def with_cash(book: Book, micro_usd: int) -> Book:
    return {**book, "USD": format_decimal(Decimal(micro_usd).scaleb(-6))}


def forge(desk: Desk, book: Book, lies: Mapping[str, int]) -> tuple[MarginProof, set[str]]:
    """A proof with some private scalars as the forger wants them, every other one and every slack as follows from them.

    With it, the labels of the constraints that this breaks: their slacks are out of range.
    """
    attestations, openings = desk.attest([book])
    universe, market = desk.market.epoch.universe, desk.market
    statement, ordered = make_statement(attestations, market.policy, market.terms, OFF_CHAIN)
    lots = positions_from_quantities(universe, book).lots
    constraints = desk.policy.constraints(universe.shape)
    sums = Sums(universe, market.columns, lots)
    values = dict(assign(constraints, universe, market.columns, lots).values)
    for scalar in constraints.scalars:
        if scalar.name in lies:
            values[scalar.name] = lies[scalar.name]
        elif scalar.indicates is None:
            values[scalar.name] = max(0, *(value_of(least, sums, values) for least in scalar.least))
    broken = set()
    for inequality in (*constraints.inequalities, constraints.final):
        values[inequality.slack.name] = value_of(inequality.value, sums, values)
        if not 0 <= values[inequality.slack.name] < 1 << inequality.slack_bits:
            broken.add(inequality.label)
    blinding = sum(opening.blinding for opening in openings) % SCALAR_MODULUS
    inputs = Inputs(holdings={HOLDING: Holding(lots, blinding)}, market=desk.prover.columns, hints=values)
    witness = generate_witness(desk.prover.program.compiled, desk.backend, inputs, check=False)
    public = public_inputs(statement, ordered, market.terms)
    data = prove(desk.prover.argument.key, public, witness.assignment, Options(check=False))
    return MarginProof(statement, desk.policy.name, ordered, data), broken
