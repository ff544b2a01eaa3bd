"""Each challenge drawn one step too early proves a false statement; drawn in its place it does not.

The same attack runs against the weakened variant and against the real order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from soundness.weakened import (
    Cheat,
    Variant,
    accepts,
    alpha_before_multiplicities,
    beta_before_witness,
    gamma_before_witness,
    real,
    statement_not_absorbed,
    v_before_evaluations,
    y_before_helpers,
    z_before_opening,
    zeta_before_quotient,
)
from support.programs import (
    FEES,
    GROUPS,
    ROW_BITS,
    ROWS,
    Case,
    define_margin,
    grouped,
    insolvent_case,
    margin,
    margin_case,
    slacks,
)
from support.statements import Statement, make_statement

from zkmargin.circuits.language import Program, compile_program
from zkmargin.prover.prove import domain_columns
from zkmargin.prover.rounds.lookups import looked_up_values
from zkmargin.verifier.circuit import Evaluation
from zkmargin.verifier.errors import ProofRejected
from zkmargin.verifier.field import SCALAR_MODULUS, inverse
from zkmargin.verifier.verify import Symbol

R = SCALAR_MODULUS


@cache
def insolvent() -> Statement:
    """An insolvent account and the witness of a prover who goes on regardless."""
    return make_statement(insolvent_case(margin()), check=False)


# -- the composed prover is the real one -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["margin", "packed", "catalogue", "grouped", "ballot"])
def test_the_steps_in_the_real_order_make_a_proof_that_the_real_verifier_accepts(
    name: str, request: pytest.FixtureRequest
) -> None:
    statement: Statement = request.getfixturevalue(f"{name}_statement")
    cheat = Cheat(statement).run()
    statement.verify(cheat.proof.encode())
    assert accepts(real, statement.verifying, statement.public, cheat.proof)


VARIANTS: list[Variant] = [
    alpha_before_multiplicities,
    gamma_before_witness,
    y_before_helpers,
    zeta_before_quotient,
    v_before_evaluations,
    z_before_opening,
    statement_not_absorbed,
]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.__name__)
def test_a_variant_is_complete_and_still_rejects_a_forger_who_does_not_use_its_weakness(
    margin_statement: Statement, variant: Variant
) -> None:
    assert Cheat(margin_statement, variant).run().accepted()
    assert not Cheat(insolvent(), variant).run().accepted()


# -- the attacks -------------------------------------------------------------------------------------------------------


def multiplicities_that_fit_alpha(variant: Variant) -> Cheat:
    """A negative slack in one digit; then multiplicities whose fractions sum to what the lookups' do."""
    statement = insolvent()
    program, circuit = statement.program, statement.circuit
    assert program.scalar_columns is not None
    digits = [circuit.witness[index] for index in program.scalar_columns.digits]
    changes: dict[str, dict[int, int]] = {name: {} for name in digits}
    for slack, rows in zip(slacks(insolvent_case(margin())), program.scalar_rows, strict=True):
        for row in rows:
            for name in digits:
                changes[name][row] = slack if (row, name) == (rows[0], digits[0]) else 0
    cheat = Cheat(statement.forge(changes), variant)
    cheat.commit_columns()
    alpha = cheat.challenges.alpha
    columns = domain_columns(statement.key, cheat.statement.assignment)
    total = sum(
        inverse(alpha + value)
        for vector in looked_up_values(statement.backend, circuit, columns)
        for value in statement.backend.to_ints(vector)
    )
    cheat.statement = cheat.statement.with_multiplicities([total * alpha % R, *[0] * (circuit.rows - 1)])
    cheat.commit_multiplicities()
    return cheat.run_from_round_two()


@cache
def wide_insolvent() -> Statement:
    """An insolvent account whose slacks have 180 bits: room for the vectors of a lattice of determinant r."""
    program = compile_program(lambda p: define_margin(p, slack_bits=180), name="wide margin", rows=ROWS, row_bits=60)
    return make_statement(insolvent_case(margin_case(program)), check=False)


def slacks_that_cancel_under_gamma(variant: Variant) -> Cheat:
    """Two false slacks, both positive, whose errors d satisfy d_0 + gamma d_1 = 0: a short vector of a lattice."""
    statement = wide_insolvent()
    cheat = Cheat(statement, variant)
    errors = short_relation(cheat.challenges.gamma, near=-(1 << 150))
    for j, true in enumerate(slacks(insolvent_case(margin_case(statement.program)))):
        claimed = true - errors[j]
        assert true < 0 <= claimed < 1 << 180
        cheat.statement = cheat.statement.with_scalar(f"scenario[{j}].slack", claimed)
    return cheat.run()


def short_relation(gamma: int, near: int) -> tuple[int, int]:
    """(d_0, d_1) with d_0 + gamma d_1 = 0 modulo r, both within about 2^128 of `near` (Lagrange reduction, Babai)."""

    def dot(a: tuple[int, int], b: tuple[int, int]) -> int:
        return a[0] * b[0] + a[1] * b[1]

    u, v = (R, 0), (-gamma % R, 1)
    while True:
        if dot(u, u) < dot(v, v):
            u, v = v, u
        step = (2 * dot(u, v) + dot(v, v)) // (2 * dot(v, v))
        if step == 0:
            break
        u = (u[0] - step * v[0], u[1] - step * v[1])
    determinant = u[0] * v[1] - u[1] * v[0]
    a, b = near * (v[1] - v[0]) // determinant, near * (u[0] - u[1]) // determinant
    found = (a * u[0] + b * v[0], a * u[1] + b * v[1])
    assert (found[0] + gamma * found[1]) % R == 0
    return found


def charge_that_fits_beta(variant: Variant) -> Cheat:
    """A row of group 1 is charged what makes its key that of group 2."""
    statement = make_statement(grouped())
    cheat = Cheat(statement, variant)
    row = GROUPS.index(1)
    charged = (FEES[2] + inverse(cheat.challenges.beta)) % R
    assert (1 + cheat.challenges.beta * charged - 2 - cheat.challenges.beta * FEES[2]) % R == 0
    forged = statement.forge({"charged": {row: charged}})
    cheat.statement = forged.shift("list.multiplicity", 1, -1).shift("list.multiplicity", 2, 1)
    return cheat.run()


def helper_that_fills_the_gap_of_the_running_sum(variant: Variant) -> Cheat:
    """Break two identities in one row, so that their y-weighted sum is zero there."""
    cheat = Cheat(insolvent(), variant)
    backend, key, circuit = cheat.statement.backend, cheat.statement.key, cheat.circuit
    cheat.commit_columns()
    cheat.commit_multiplicities()
    cheat.compute_helpers()
    cheat.compute_running_sum()
    at = cheat.challenges
    columns = domain_columns(key, cheat.statement.assignment)
    helpers = {Symbol("helper", index): helper for index, helper in enumerate(cheat.helpers)}
    gap = backend.sum(key.sum_tapes.step.run(backend, columns | helpers | cheat.factors, cheat.numbers))
    assert gap
    last = circuit.rows - 1
    product = backend.to_ints(key.helper_tapes.products[0].run(backend, columns, {"alpha": at.alpha}))[last]
    # helper 0: y^k product d; running sum, whose step grows by d: -y^l (gap + d).
    helper_weight = pow(at.y, len(circuit.identities), R)
    sum_weight = pow(at.y, len(circuit.identities) + circuit.helpers, R)
    shift = sum_weight * gap * inverse(helper_weight * product - sum_weight) % R
    cheat.helpers[0] = backend.add(cheat.helpers[0], backend.vector([*[0] * last, shift]))
    cheat.commit_helpers()
    cheat.compute_polynomials()
    cheat.compute_quotient()
    cheat.commit_quotient()
    cheat.evaluate()
    cheat.open()
    return cheat


def quotient_that_fits_at_zeta(variant: Variant) -> Cheat:
    """A quotient that is right in one point."""
    cheat = Cheat(insolvent(), variant)
    cheat.run()
    vanishing = pow(cheat.challenges.zeta, cheat.circuit.rows, R) - 1
    cheat.shift_quotient(cheat.residual() * inverse(vanishing) % R)
    cheat.evaluate()
    cheat.open()
    return cheat


def table_value_that_fits_v(variant: Variant) -> Cheat:
    """Claim a false value of the range table: both what it breaks and what it repairs is affine in it."""
    cheat = Cheat(insolvent(), variant)
    cheat.run()
    assert cheat.circuit.table is not None
    evaluation = Evaluation(cheat.circuit.table, 0)
    true = cheat.values[evaluation]
    weight = pow(cheat.challenges.v, cheat.circuit.evaluations.index(evaluation) + 1, R)

    def left_over(value: int) -> int:
        return cheat.residual({**cheat.values, evaluation: value}) + weight * (true - value)

    at_zero, at_one = left_over(0), left_over(1)
    cheat.evaluation(evaluation, -at_zero * inverse(at_one - at_zero))
    cheat.open()
    return cheat


def opening_that_fits_z(variant: Variant) -> Cheat:
    """Choose W for the z that is known: any claims open."""
    cheat = Cheat(insolvent(), variant)
    cheat.run()
    cheat.open_anything()
    return cheat


ATTACKS: list[tuple[Variant, Callable[[Variant], Cheat]]] = [
    (alpha_before_multiplicities, multiplicities_that_fit_alpha),
    (gamma_before_witness, slacks_that_cancel_under_gamma),
    (beta_before_witness, charge_that_fits_beta),
    (y_before_helpers, helper_that_fills_the_gap_of_the_running_sum),
    (zeta_before_quotient, quotient_that_fits_at_zeta),
    (v_before_evaluations, table_value_that_fits_v),
    (z_before_opening, opening_that_fits_z),
]


@pytest.mark.parametrize(("variant", "attack"), ATTACKS, ids=lambda part: part.__name__)
def test_a_challenge_drawn_too_early_proves_a_false_statement(
    variant: Variant, attack: Callable[[Variant], Cheat]
) -> None:
    assert attack(variant).accepted()


@pytest.mark.parametrize(("variant", "attack"), ATTACKS, ids=lambda part: part.__name__)
def test_the_same_attack_fails_against_the_real_order(variant: Variant, attack: Callable[[Variant], Cheat]) -> None:
    cheat = attack(real)
    with pytest.raises(ProofRejected, match="pairing"):
        cheat.statement.verify(cheat.proof.encode())


# -- weak Fiat-Shamir --------------------------------------------------------------------------------------------------


def define_report(p: Program) -> None:
    """The value of a holding, published."""
    net = p.holding("net")
    price = p.market("price", 10)
    p.sign_split(net, ROW_BITS, label="net")
    p.require_sum(net * price, p.public_scalar("total", 252), label="total.sum")


@cache
def report() -> Statement:
    """A true report."""
    program = compile_program(define_report, name="report", rows=ROWS, row_bits=ROW_BITS)
    case = margin_case(program)
    market = {"price": case.market["price"]}
    total = sum(q * price for q, price in zip(case.net("net"), market["price"], strict=True))
    return make_statement(Case(program, case.venues, market, {"total": total}))


def total_solved_for(variant: Variant) -> Cheat:
    """Break the witness, then compute the public total for which the broken proof is right."""
    honest = report()
    forged = honest.with_digits("net.magnitude", 4, 31337)
    while True:
        cheat = Cheat(forged, variant).run()
        (total,) = cheat.statement.public.scalars
        before = cheat.residual()
        cheat.statement = forged.with_public(scalars=(total + 1,))
        slope = cheat.residual() - before
        solved = (total - before * inverse(slope)) % R
        cheat.statement = forged.with_public(scalars=(solved,))
        cheat.open()
        # One random field element in four has at most 252 bits.
        if solved < 1 << 252:
            return cheat


def test_without_the_statement_in_the_transcript_any_broken_proof_proves_some_total() -> None:
    cheat = total_solved_for(statement_not_absorbed)
    assert cheat.statement.public.scalars != report().public.scalars
    cheat.statement.public.check(cheat.circuit)
    assert cheat.accepted()


def test_with_the_statement_in_the_transcript_the_total_cannot_be_solved_for() -> None:
    cheat = total_solved_for(real)
    with pytest.raises(ProofRejected, match="pairing"):
        cheat.statement.verify(cheat.proof.encode())


def test_without_the_statement_in_the_transcript_a_proof_is_replayed_in_another_context(
    margin_statement: Statement,
) -> None:
    elsewhere = replace(margin_statement.public, context=b"another chain, another gate".ljust(32))
    weak = Cheat(margin_statement, statement_not_absorbed).run()
    assert accepts(statement_not_absorbed, margin_statement.verifying, elsewhere, weak.proof)
    sound = Cheat(margin_statement).run()
    with pytest.raises(ProofRejected, match="pairing"):
        margin_statement.verify(sound.proof.encode(), elsewhere)
