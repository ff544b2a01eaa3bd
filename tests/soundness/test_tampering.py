"""An honest proof in which one element, or one public input, is another: always rejected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import pytest
from support.backends import fastest_engine
from support.programs import ballot, catalogue, margin, margin_case
from support.proofs import POINT, Element, disturbed, elements, plus_generator
from support.setup import setup_key
from support.statements import Statement, make_statement

from zkmargin.circuits.language import Program, compile_program
from zkmargin.prover.kernels import load_backend
from zkmargin.verifier.curve import G1, INFINITY, PythonEngine, encode_g1
from zkmargin.verifier.errors import ProofRejected
from zkmargin.verifier.field import BASE_MODULUS
from zkmargin.verifier.proof import PublicInputs
from zkmargin.verifier.verify import VerifyingKey, verify


def rejected(statement: Statement, proof: bytes, public: PublicInputs | None = None) -> bool:
    """Whether the verifier rejects; a FormatError is no rejection of a well-formed proof, and is let through."""
    try:
        statement.verify(proof, public)
    except ProofRejected as error:
        return error.reason == "pairing"
    return False


def negated(point: G1) -> G1:
    return G1(point.x, BASE_MODULUS - point.y)


# -- what is tampered with does verify ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["margin", "packed", "catalogue", "grouped", "ballot"])
def test_an_honest_proof_is_accepted(name: str, request: pytest.FixtureRequest) -> None:
    statement: Statement = request.getfixturevalue(f"{name}_statement")
    statement.verify(statement.proof)


def test_an_honest_proof_of_the_reference_back_end_is_accepted_in_pure_python() -> None:
    statement = make_statement(ballot(), load_backend("reference"))
    verify(statement.verifying, statement.public, statement.prove(), PythonEngine())


# -- the proof ---------------------------------------------------------------------------------------------------------


def margin_elements() -> list[Element]:
    return elements(margin().program.circuit)


def catalogue_elements() -> list[Element]:
    return elements(catalogue().program.circuit)


@pytest.mark.parametrize("element", catalogue_elements(), ids=str)
def test_any_element_moved_by_one_is_rejected(catalogue_statement: Statement, element: Element) -> None:
    assert rejected(catalogue_statement, disturbed(element, catalogue_statement.proof))


@pytest.mark.parametrize("element", [e for e in catalogue_elements() if e.is_point], ids=str)
def test_any_point_negated_is_rejected(catalogue_statement: Statement, element: Element) -> None:
    proof = catalogue_statement.proof
    assert rejected(catalogue_statement, element.write(proof, encode_g1(negated(element.point(proof)))))


def test_any_two_neighbouring_elements_exchanged_are_rejected(catalogue_statement: Statement) -> None:
    proof = catalogue_statement.proof
    for left, right in zip(catalogue_elements(), catalogue_elements()[1:], strict=False):
        if left.size == right.size and left.read(proof) != right.read(proof):
            exchanged = right.write(left.write(proof, right.read(proof)), left.read(proof))
            assert rejected(catalogue_statement, exchanged), f"{left} with {right}"


def test_any_element_taken_from_another_proof_of_the_same_statement_is_rejected(margin_statement: Statement) -> None:
    other = margin_statement.prove()
    for element in margin_elements():
        mixed = element.write(margin_statement.proof, element.read(other))
        # Only the table's value can be the same in both, if zeta were; it is not.
        assert rejected(margin_statement, mixed), str(element)


@pytest.mark.parametrize("name", ["margin", "packed", "grouped", "ballot"])
def test_no_program_has_an_unbound_element(name: str, request: pytest.FixtureRequest) -> None:
    statement: Statement = request.getfixturevalue(f"{name}_statement")
    for element in elements(statement.circuit):
        assert rejected(statement, disturbed(element, statement.proof)), str(element)


def test_the_layout_used_here_covers_the_whole_proof(catalogue_statement: Statement) -> None:
    covered = sum(element.size for element in catalogue_elements())
    assert covered == len(catalogue_statement.proof)
    assert len(encode_g1(INFINITY)) == POINT


# -- the public inputs -------------------------------------------------------------------------------------------------


def altered_public_inputs(public: PublicInputs) -> Iterator[tuple[str, PublicInputs]]:
    """Every public input altered, one at a time, each alternative well formed."""
    for position in range(len(public.context)):
        flipped = bytearray(public.context)
        flipped[position] ^= 1
        yield f"context[{position}]", replace(public, context=bytes(flipped))
    for position, value in enumerate(public.scalars):
        scalars = list(public.scalars)
        scalars[position] = value + 1
        yield f"scalar[{position}]", replace(public, scalars=tuple(scalars))
    for index, venues in enumerate(public.holdings):

        def with_venues(points: tuple[G1, ...], index: int = index) -> PublicInputs:
            holdings = list(public.holdings)
            holdings[index] = points
            return replace(public, holdings=tuple(holdings))

        for position, point in enumerate(venues):
            moved = (*venues[:position], plus_generator(point), *venues[position + 1 :])
            yield f"holding[{index}][{position}] moved", with_venues(moved)
            yield f"holding[{index}][{position}] omitted", with_venues((*venues[:position], *venues[position + 1 :]))
            yield f"holding[{index}][{position}] repeated", with_venues((*venues, point))
        yield f"holding[{index}] in another order", with_venues(venues[::-1])
        total = PythonEngine().combine(venues, [1] * len(venues))
        yield f"holding[{index}] as one sum", with_venues((total,))
        yield (
            f"holding[{index}] shifted between venues",
            with_venues((plus_generator(venues[0]), negated(plus_generator(negated(venues[1]))), *venues[2:])),
        )
    for position, point in enumerate(public.market):
        for name, other in (("moved", plus_generator(point)), ("infinite", INFINITY)):
            market = (*public.market[:position], other, *public.market[position + 1 :])
            yield f"market[{position}] {name}", replace(public, market=market)
    if len(public.holdings) > 1:
        yield "holdings exchanged", replace(public, holdings=public.holdings[::-1])
    if len(public.market) > 1:
        yield "market columns exchanged", replace(public, market=public.market[::-1])


def test_an_evaluated_market_column_is_bound_as_well(grouped_statement: Statement) -> None:
    """A market column that a key reads is claimed at zeta, beside its published commitment."""
    altered = list(altered_public_inputs(grouped_statement.public))
    accepted = [name for name, public in altered if not rejected(grouped_statement, grouped_statement.proof, public)]
    assert accepted == []


def test_any_public_input_altered_is_rejected(catalogue_statement: Statement) -> None:
    altered = list(altered_public_inputs(catalogue_statement.public))
    assert len(altered) > 32 + 2 + 3 * 5
    accepted = [
        name for name, public in altered if not rejected(catalogue_statement, catalogue_statement.proof, public)
    ]
    assert accepted == []


def test_a_shift_between_venues_leaves_their_sum_alone(catalogue_statement: Statement) -> None:
    """So what rejects it above is the transcript and nothing else."""
    public = dict(altered_public_inputs(catalogue_statement.public))["holding[0] shifted between venues"]
    before, after = (
        PythonEngine().combine(inputs.holdings[0], [1] * len(inputs.holdings[0]))
        for inputs in (catalogue_statement.public, public)
    )
    assert before == after


# -- the key -----------------------------------------------------------------------------------------------------------


def test_another_fixed_column_is_rejected(catalogue_statement: Statement) -> None:
    key = catalogue_statement.verifying
    for position, point in enumerate(key.fixed):
        fixed = (*key.fixed[:position], plus_generator(point), *key.fixed[position + 1 :])
        with pytest.raises(ProofRejected, match="pairing"):
            verify(replace(key, fixed=fixed), catalogue_statement.public, catalogue_statement.proof, fastest_engine())


def test_another_setup_is_rejected(margin_statement: Statement) -> None:
    key = replace(margin_statement.verifying, setup=setup_key(tau=12345))
    with pytest.raises(ProofRejected, match="pairing"):
        verify(key, margin_statement.public, margin_statement.proof, fastest_engine())


RENAMED: Final = "margin of another policy"


def test_the_same_constraints_under_another_name_are_another_circuit(margin_statement: Statement) -> None:
    circuit = replace(margin_statement.circuit, name=RENAMED)
    key = VerifyingKey(circuit, margin_statement.verifying.setup, margin_statement.verifying.fixed)
    assert key.digest != margin_statement.verifying.digest
    with pytest.raises(ProofRejected, match="pairing"):
        verify(key, margin_statement.public, margin_statement.proof, fastest_engine())


def test_a_proof_for_a_looser_circuit_is_rejected_by_the_stricter(margin_statement: Statement) -> None:
    """Ranges of 15 bits in both, but the looser one charges short size alone."""

    def define_loose(p: Program) -> None:
        net = p.holding("net")
        price = p.market("price", 10)
        pnl = [p.market(f"pnl[{j}]", 10, signed=True) for j in range(2)]
        rate = p.market("rate", 8)
        short = p.sign_split(net, 15, label="net").short
        threshold = p.public_scalar("threshold", 30)
        for j in range(2):
            p.require_sum_at_least(net * (price + pnl[j]) - short * rate, threshold, bits=30, label=f"scenario[{j}]")

    program = compile_program(define_loose, name="margin", rows=32, row_bits=15)
    loose = make_statement(margin_case(program))
    assert loose.public == margin_statement.public
    proof = loose.prove()
    loose.verify(proof)
    assert len(proof) == len(margin_statement.proof)
    assert rejected(margin_statement, proof)
