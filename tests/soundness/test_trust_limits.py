"""What the argument does not decide by itself: venues are trusted to blind freshly, and statements to name each once.

Each test shows the attack and what stands against it.
"""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from soundness.weakened import Cheat
from support.backends import fastest_backend, fastest_engine
from support.programs import Case, margin
from support.setup import bases
from support.statements import Statement, make_statement

from zkmargin.circuits.language import Holding, Inputs
from zkmargin.circuits.language.witness import generate_witness
from zkmargin.prover.vectors import vector_of
from zkmargin.verifier.curve import G1
from zkmargin.verifier.errors import ProofRejected
from zkmargin.verifier.expression import Column, ColumnKind
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS

BACKEND = fastest_backend()
ENGINE = fastest_engine()


def commitment(case: Case, book: list[int], rho: int) -> G1:
    """A venue's commitment to a book."""
    rows = case.program.circuit.rows
    lagrange, _ = bases(BACKEND, rows)
    return BACKEND.msm(lagrange, [vector_of(BACKEND, book, rows)], [[rho]])[0]


def difference(left: G1, right: G1) -> G1:
    return ENGINE.combine([left, G1(right.x, BASE_MODULUS - right.y)], [1, 1])


def with_net(statement: Statement, venues: tuple[G1, ...], net: list[int], rho: int) -> Statement:
    """A statement about these commitments, with the opening of their sum."""
    inputs = Inputs(
        holdings={"net": Holding(net, rho)}, market=statement.inputs.market, scalars=statement.inputs.scalars
    )
    witness = generate_witness(statement.program, statement.backend, inputs)
    public = replace(statement.public, holdings=(venues,))
    return replace(statement, public=public, assignment=witness.assignment, inputs=inputs)


# -- reused blinding ---------------------------------------------------------------------------------------------------


def trade_between(case: Case, before: G1, after: G1) -> tuple[int, int] | None:
    """The single trade of 200 to 300 units that turns one commitment into the other, found by trying them all."""
    lagrange, _ = bases(BACKEND, case.program.circuit.rows)
    target = difference(after, before)
    for row in range(case.program.active_rows):
        point = BACKEND.msm(BACKEND.slice_points(lagrange, row, row + 1), [BACKEND.vector([1])])[0]
        total = ENGINE.combine([point], [200])
        for amount in range(200, 300):
            if total == target:
                return row, amount
            total = ENGINE.combine([total, point], [1, 1])
    return None


def test_a_blinding_scalar_used_for_two_snapshots_reveals_the_trade_between_them() -> None:
    case, draw = margin(), random.Random(7)
    book = list(case.venues["net"][0])
    traded = [q + 250 * (row == 4) for row, q in enumerate(book)]
    rho, fresh = draw.randrange(SCALAR_MODULUS), draw.randrange(SCALAR_MODULUS)
    before = commitment(case, book, rho)
    assert trade_between(case, before, commitment(case, traded, rho)) == (4, 250)
    assert trade_between(case, before, commitment(case, traded, fresh)) is None


# -- venues ------------------------------------------------------------------------------------------------------------


def test_one_venue_s_commitment_given_twice_counts_twice() -> None:
    """The argument proves the sum of what it is given: a statement must refuse a venue that it has already counted."""
    case = margin()
    statement = make_statement(case)
    book = list(case.venues["net"][0])
    rho = 12345
    point = commitment(case, book, rho)
    doubled = with_net(statement, (point, point), [2 * q for q in book], 2 * rho)
    doubled.verify(doubled.prove())


def test_a_venue_that_sees_the_other_s_commitment_can_set_the_net_alone() -> None:
    """C = C* - C_other: the rogue venue knows an opening of the sum, though of neither summand's book.

    Documented trust limit: policies list their venues; a proof of opening for each venue is what would prevent it.
    """
    case = margin()
    statement = make_statement(case)
    other = statement.public.holdings[0][1]
    wished, rho = [100] * case.program.active_rows, 54321
    rogue = difference(commitment(case, wished, rho), other)
    forged = with_net(statement, (rogue, other), wished, rho)
    forged.verify(forged.prove())


# -- commitments of a higher degree ------------------------------------------------------------------------------------


def with_higher_degree(statement: Statement, factor: int) -> Statement:
    """The statement with factor X^3 (X^n - 1) added to the first venue's polynomial: the same values on the domain."""
    first, *others = statement.public.holdings[0]
    blinding_point = BACKEND.slice_points(
        statement.key.lagrange, statement.circuit.rows + 3, statement.circuit.rows + 4
    )
    added = BACKEND.msm(blinding_point, [BACKEND.vector([factor])])[0]
    return statement.with_public(holdings=((ENGINE.combine([first, added], [1, 1]), *others),))


def test_a_commitment_of_a_higher_degree_holds_the_same_portfolio_for_whoever_knows_it() -> None:
    """Nothing bounds a commitment's degree, and nothing need: the quotient takes up what vanishes on the domain."""
    factor = 97531
    statement = with_higher_degree(make_statement(margin()), factor)
    cheat = Cheat(statement)
    cheat.commit_columns()
    cheat.commit_multiplicities()
    cheat.compute_helpers()
    cheat.compute_running_sum()
    cheat.commit_helpers()
    cheat.compute_polynomials()
    holding, rows = Column(ColumnKind.HOLDING, 0), statement.circuit.rows
    added = [0] * (rows + 4)
    added[3], added[rows + 3] = -factor % SCALAR_MODULUS, factor
    cheat.polynomials[holding] = BACKEND.linear_combination([cheat.polynomials[holding], BACKEND.vector(added)], [1, 1])
    cheat.compute_quotient()
    cheat.commit_quotient()
    cheat.evaluate()
    cheat.open()
    statement.verify(cheat.proof.encode())


def test_a_commitment_of_a_higher_degree_is_of_no_use_to_who_does_not_know_it() -> None:
    statement = with_higher_degree(make_statement(margin()), 97531)
    proof = statement.prove()
    with pytest.raises(ProofRejected, match="pairing"):
        statement.verify(proof)


def test_a_commitment_of_a_higher_degree_does_not_open_to_another_portfolio() -> None:
    case = margin()
    richer = [[q + 50 for q in case.venues["net"][0]], case.venues["net"][1]]
    committed = with_higher_degree(make_statement(case), 97531).public.holdings
    forged = make_statement(case.with_venues("net", richer)).with_public(holdings=committed)
    proof = forged.prove()
    with pytest.raises(ProofRejected, match="pairing"):
        forged.verify(proof)
