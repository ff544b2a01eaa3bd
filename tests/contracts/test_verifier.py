"""The contract, case by case; tests/differential holds it to the other verifiers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_abi import decode
from support.evm import OnChain
from support.statements import Statement

from zkmargin.verifier.contracts.table import (
    build_table,
    encode_public_inputs,
    hint_for_code,
    holder_code,
    with_hint,
)
from zkmargin.verifier.curve import G1, INFINITY, PythonEngine
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS

Contracts = list[tuple[Statement, OnChain]]
WORD = 32


def word(value: int) -> bytes:
    return value.to_bytes(WORD, "big")


def put(data: bytes, offset: int, value: bytes) -> bytes:
    return data[:offset] + value + data[offset + len(value) :]


def first_evaluation(statement: Statement) -> int:
    return 64 * (statement.circuit.proof_points - 2)


def test_encodings_are_refused_by_name(margin_statement: Statement, contracts: Contracts) -> None:
    statement, contract = contracts[0]
    assert statement is margin_statement
    key, public, proof = statement.verifying, statement.public, statement.proof
    hinted = with_hint(key, public, proof)
    evaluation = first_evaluation(statement)
    x, y = (int.from_bytes(proof[at : at + WORD], "big") for at in (0, WORD))
    value = int.from_bytes(proof[evaluation : evaluation + WORD], "big")
    hint = int.from_bytes(hinted[-WORD:], "big")
    cases = {
        "short": (hinted[:-1], "ProofLength"),
        "long": (hinted + b"\0", "ProofLength"),
        "empty": (b"", "ProofLength"),
        "without its hint": (proof, "ProofLength"),
        "x >= q": (put(hinted, 0, word(x + BASE_MODULUS)), "NotOnCurve"),
        "y >= q": (put(hinted, WORD, word(y + BASE_MODULUS)), "NotOnCurve"),
        "off the curve": (put(hinted, WORD, word(y ^ 1)), "NotOnCurve"),
        "infinity": (put(hinted, 0, bytes(64)), "NotOnCurve"),
        "last opening at infinity": (put(hinted, len(proof) - 64, bytes(64)), "NotOnCurve"),
        "evaluation >= r": (put(hinted, evaluation, word(value + SCALAR_MODULUS)), "EvaluationNotCanonical"),
        "evaluation = r": (put(hinted, evaluation, word(SCALAR_MODULUS)), "EvaluationNotCanonical"),
        "hint = 0": (proof + bytes(WORD), "WrongHint"),
        "hint + r": (proof + word(hint + SCALAR_MODULUS), "WrongHint"),
        "hint + 1": (proof + word(hint + 1), "WrongHint"),
        "a wrong evaluation": (
            with_hint(key, public, put(proof, evaluation, word((value + 1) % SCALAR_MODULUS))),
            "ProofRejected",
        ),
    }
    for name, (data, error) in cases.items():
        assert contract.verify(public, data) == error, name
        if len(data) == len(hinted) and data[-WORD:] == hinted[-WORD:]:
            assert not statement.accepts(data[:-WORD], public), name


def test_public_inputs_are_checked(contracts: Contracts) -> None:
    statement, contract = contracts[2]
    key, public, proof = statement.verifying, statement.public, statement.proof
    hinted = with_hint(key, public, proof)
    inputs, market = encode_public_inputs(public)
    scalars = WORD
    first_count = scalars + WORD * len(public.scalars)
    bits = statement.circuit.scalars[0].bits
    cases = {
        "too short": (inputs[:-1], market, "PublicInputsLength"),
        "too long": (inputs + b"\0", market, "PublicInputsLength"),
        "nothing": (b"", market, "PublicInputsLength"),
        "no commitment": (inputs[:first_count] + bytes(2), market, "PublicInputsLength"),
        "a count beyond the end": (put(inputs, first_count, b"\xff\xff"), market, "PublicInputsLength"),
        "a scalar past its bits": (put(inputs, scalars, word(1 << bits)), market, "ScalarOutOfRange"),
        "a commitment off the curve": (put(inputs, first_count + 2, word(5)), market, "NotOnCurve"),
        "a commitment at infinity": (put(inputs, first_count + 2, bytes(64)), market, "NotOnCurve"),
        "a market too short": (inputs, market[:-64], "MarketLength"),
        "a market too long": (inputs, market + bytes(64), "MarketLength"),
    }
    for name, (given, points, error) in cases.items():
        assert contract.verify_bytes(given, points, hinted) == error, name


def test_a_market_off_the_curve_is_refused(contracts: Contracts) -> None:
    statement, contract = contracts[0]
    public = replace(statement.public, market=(G1(1, 3), *statement.public.market[1:]))
    assert contract.verify(public, with_hint(statement.verifying, public, statement.proof)) is not None
    assert not statement.accepts(statement.proof, public)


def test_a_market_column_at_infinity_is_read(contracts: Contracts) -> None:
    statement, contract = contracts[0]
    public = replace(statement.public, market=(INFINITY, *statement.public.market[1:]))
    assert contract.verify(public, with_hint(statement.verifying, public, statement.proof)) == "ProofRejected"
    assert not statement.accepts(statement.proof, public)


def test_venues_that_cancel_are_read(contracts: Contracts) -> None:
    """C + (-C) is infinity: well formed, and proves nothing."""
    statement, contract = contracts[0]
    point = statement.public.holdings[0][0]
    public = replace(statement.public, holdings=((point, G1(point.x, BASE_MODULUS - point.y)),))
    assert contract.verify(public, with_hint(statement.verifying, public, statement.proof)) == "ProofRejected"
    assert not statement.accepts(statement.proof, public)


@pytest.mark.parametrize("bad", [(), (0,), (2,), (0, 1, 2, 3, 4), (1, 3)])
def test_a_bad_proof_does_not_spoil_a_batch(contracts: Contracts, bad: tuple[int, ...]) -> None:
    statement, contract = contracts[1]
    key, public, proof = statement.verifying, statement.public, statement.proof
    evaluation = first_evaluation(statement)
    wrong = with_hint(key, public, put(proof, evaluation, word(5)))
    good = with_hint(key, public, proof)
    proofs = [wrong if number in bad else good for number in range(5)]
    expected = ["ProofRejected" if number in bad else None for number in range(5)]
    assert contract.verify_batch([public] * 5, proofs) == expected


def test_malformed_items_do_not_spoil_a_batch(contracts: Contracts) -> None:
    statement, contract = contracts[1]
    key, public, proof = statement.verifying, statement.public, statement.proof
    good = with_hint(key, public, proof)
    # Only a precompile sees that W' is off the curve, and burns what gas it is given.
    off_the_curve = put(good, len(proof) - WORD, word(7))
    proofs = [good[:-1], good, put(good, 0, bytes(64)), b"", off_the_curve, good]
    expected = ["ProofLength", None, "NotOnCurve", "ProofLength", "NotOnCurve", None]
    assert contract.verify_batch([public] * 6, proofs) == expected


def test_two_errors_that_cancel_are_found_in_a_batch(contracts: Contracts) -> None:
    """Openings moved by opposite amounts would pass a sum without random weights."""
    statement, contract = contracts[1]
    key, public, proof = statement.verifying, statement.public, statement.proof
    point = G1(1, 2)
    engine = PythonEngine()
    opening = G1(*(int.from_bytes(proof[len(proof) - 64 + at : len(proof) - WORD + at], "big") for at in (0, WORD)))
    moved = [engine.combine([opening, point], [1, sign]) for sign in (1, SCALAR_MODULUS - 1)]
    forged = [proof[:-64] + word(q.x) + word(q.y) for q in moved]
    proofs = [with_hint(key, public, data) for data in forged]
    assert contract.verify_batch([public] * 2, proofs) == ["ProofRejected", "ProofRejected"]


def test_proofs_hold_together_or_not_at_all(contracts: Contracts) -> None:
    """Bytes that only a later proof's path sees: behind the first, W and W' are multiplied, not copied."""
    statement, contract = contracts[1]
    key, public, proof = statement.verifying, statement.public, statement.proof
    good, end = with_hint(key, public, proof), len(proof)
    assert contract.verify_together([public] * 3, [good] * 3, 0, 3) is None
    assert contract.verify_together([public] * 3, [b"", good, b""], 1, 2) is None
    wrong = {
        "an evaluation": (put(proof, first_evaluation(statement), word(5)), "ProofRejected"),
        "an evaluation + r": (
            put(
                good,
                first_evaluation(statement),
                word(int.from_bytes(proof[first_evaluation(statement) :][:WORD], "big") + SCALAR_MODULUS),
            ),
            "EvaluationNotCanonical",
        ),
        "W at infinity": (put(good, end - 128, bytes(64)), "NotOnCurve"),
        "W' at infinity": (put(good, end - 64, bytes(64)), "NotOnCurve"),
        "W off the curve": (put(good, end - 96, word(7)), "NotOnCurve"),
        "W' off the curve": (put(good, end - 32, word(7)), "NotOnCurve"),
        "W' moved": (proof[: end - 64] + word(1) + word(2), "ProofRejected"),
    }
    # With the hint of their own challenges, so that nothing else is wrong with them: (0, q) reads as infinity, once
    # negated, where a first proof's W is not multiplied.
    inputs, market = encode_public_inputs(public)
    table = holder_code(build_table(key))
    for name, at in (("W is (0, q)", end - 128), ("W' is (0, q)", end - 64)):
        moved = put(proof, at, word(0) + word(BASE_MODULUS))
        wrong[name] = (moved + word(hint_for_code(table, inputs, market, moved)), "NotOnCurve")
    for name, (data, error) in wrong.items():
        hinted = data if len(data) == len(good) else with_hint(key, public, data)
        for position in range(2):
            proofs = [hinted if position == number else good for number in range(2)]
            assert contract.verify_together([public] * 2, proofs, 0, 2) == error, (name, position)


def test_want_of_gas_blames_no_proof(contracts: Contracts) -> None:
    """Whatever gas a batch gets, it reverts or calls every good proof good."""
    statement, contract = contracts[1]
    public, proof = statement.public, with_hint(statement.verifying, statement.public, statement.proof)
    enough = contract.batch_outcome([public] * 2, [proof] * 2).gas or 1_000_000
    verdicts = set()
    for share in (10, 30, 50, 70, 80, 85, 90, 92, 94, 96, 98, 99, 100, 101, 102, 104, 108, 120, 150):
        outcome = contract.batch_outcome([public] * 2, [proof] * 2, enough * share // 100)
        verdicts.add(outcome.ok)
        if outcome.ok:
            accepted, _ = decode(["bool[]", "bytes[]"], outcome.data)
            assert accepted == (True, True), share
    assert verdicts == {True, False}


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (1, 1), (2, 1)])
def test_no_proofs_hold_together(contracts: Contracts, start: int, stop: int) -> None:
    """Nothing verified is no verdict."""
    statement, contract = contracts[1]
    proof = with_hint(statement.verifying, statement.public, statement.proof)
    assert contract.verify_together([statement.public] * 2, [proof] * 2, start, stop) == "LengthMismatch"
