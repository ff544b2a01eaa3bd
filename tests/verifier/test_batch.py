"""Many proofs by one pairing check: the same verdicts as one by one, and no way to let errors cancel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from support.backends import fastest_engine
from support.proofs import disturbed, elements
from support.setup import setup_key
from support.statements import Statement

from zkmargin.verifier import verify as verify_module
from zkmargin.verifier.curve import G1, G1_GENERATOR, G2, GroupEngine, PythonEngine, encode_g1
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.field import SCALAR_MODULUS, inverse
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.proof import decode_proof
from zkmargin.verifier.verify import BATCH_DOMAIN, BatchItem, derive_challenges, verify_batch

R = SCALAR_MODULUS


class CountingEngine:
    """An engine that counts its pairing checks."""

    def __init__(self) -> None:
        self._engine: GroupEngine = fastest_engine()
        self.checks = 0

    def combine(self, points: Sequence[G1], scalars: Sequence[int]) -> G1:
        return self._engine.combine(points, scalars)

    def pairing_product_is_one(self, pairs: Sequence[tuple[G1, G2]]) -> bool:
        self.checks += 1
        return self._engine.pairing_product_is_one(pairs)


def item(statement: Statement, proof: bytes | None = None) -> BatchItem:
    return BatchItem(statement.verifying, statement.public, proof or statement.prove())


def kinds(verdicts: Sequence[ProofRejected | FormatError | None]) -> list[type | None]:
    return [None if verdict is None else type(verdict) for verdict in verdicts]


@pytest.fixture(scope="module")
def four(margin_statement: Statement) -> list[BatchItem]:
    """Four proofs of one statement."""
    return [item(margin_statement) for _ in range(4)]


# -- verdicts ----------------------------------------------------------------------------------------------------------


def test_a_batch_of_valid_proofs_takes_one_pairing_check(four: list[BatchItem]) -> None:
    engine = CountingEngine()
    assert verify_batch(four, engine) == [None] * 4
    assert engine.checks == 1


def test_an_empty_batch_has_no_verdicts_and_takes_no_check() -> None:
    engine = CountingEngine()
    assert verify_batch([], engine) == []
    assert engine.checks == 0


def test_a_batch_of_one_is_a_verification(four: list[BatchItem]) -> None:
    assert verify_batch(four[:1], fastest_engine()) == [None]


def test_the_same_proof_may_come_twice(four: list[BatchItem]) -> None:
    assert verify_batch([four[0], four[0]], fastest_engine()) == [None, None]


@pytest.mark.parametrize("bad", range(4))
def test_one_bad_proof_is_found_and_the_others_stand(
    margin_statement: Statement, four: list[BatchItem], bad: int
) -> None:
    element = elements(margin_statement.circuit)[3 * bad]
    items = list(four)
    items[bad] = replace(four[bad], proof=disturbed(element, four[bad].proof))
    engine = CountingEngine()
    verdicts = verify_batch(items, engine)
    assert kinds(verdicts) == [ProofRejected if index == bad else None for index in range(4)]
    assert engine.checks == 1 + 4


def test_a_malformed_proof_is_named_and_costs_the_others_nothing(four: list[BatchItem]) -> None:
    items = [four[0], replace(four[1], proof=four[1].proof[:-1]), four[2]]
    engine = CountingEngine()
    verdicts = verify_batch(items, engine)
    assert kinds(verdicts) == [None, FormatError, None]
    assert "expected 896 bytes, got 895" in str(verdicts[1])
    assert engine.checks == 1


def test_malformed_public_inputs_are_a_verdict_too(four: list[BatchItem]) -> None:
    public = replace(four[1].public, scalars=(1 << 30,))
    assert kinds(verify_batch([four[0], replace(four[1], public=public)], fastest_engine())) == [None, FormatError]


def test_a_batch_of_malformed_proofs_takes_no_check(four: list[BatchItem]) -> None:
    engine = CountingEngine()
    verdicts = verify_batch([replace(four[0], proof=b""), replace(four[1], proof=b"\0" * 1056)], engine)
    assert kinds(verdicts) == [FormatError, FormatError]
    assert engine.checks == 0


def test_all_kinds_of_verdict_stand_beside_each_other(margin_statement: Statement, four: list[BatchItem]) -> None:
    wrong = replace(four[3], public=replace(four[3].public, context=bytes(32)))
    disturbed_proof = disturbed(elements(margin_statement.circuit)[-1], four[1].proof)
    items = [four[0], replace(four[1], proof=disturbed_proof), replace(four[2], proof=b"\xff" * 1056), wrong]
    assert kinds(verify_batch(items, fastest_engine())) == [None, ProofRejected, FormatError, ProofRejected]


def test_different_circuits_under_one_setup_share_a_batch(
    margin_statement: Statement,
    packed_statement: Statement,
    catalogue_statement: Statement,
    grouped_statement: Statement,
    ballot_statement: Statement,
) -> None:
    statements = [margin_statement, packed_statement, catalogue_statement, grouped_statement, ballot_statement]
    items = [item(statement, statement.proof) for statement in statements]
    engine = CountingEngine()
    assert verify_batch(items, engine) == [None] * 5
    assert engine.checks == 1
    items[2] = replace(items[2], proof=disturbed(elements(catalogue_statement.circuit)[0], items[2].proof))
    assert kinds(verify_batch(items, engine)) == [None, None, ProofRejected, None, None]


def test_a_proof_under_another_circuit_s_key_is_its_own_verdict(
    margin_statement: Statement, packed_statement: Statement
) -> None:
    mistaken = BatchItem(packed_statement.verifying, margin_statement.public, margin_statement.proof)
    assert kinds(verify_batch([item(packed_statement), mistaken], fastest_engine())) == [None, FormatError]


def test_different_setups_are_refused(four: list[BatchItem]) -> None:
    other = replace(four[0].key, setup=setup_key(tau=12345))
    with pytest.raises(FormatError, match="all proofs under one setup"):
        verify_batch([four[0], replace(four[1], key=other)], fastest_engine())


def test_pure_python_gives_the_same_verdicts(ballot_statement: Statement) -> None:
    good = item(ballot_statement)
    bad = replace(good, proof=disturbed(elements(ballot_statement.circuit)[0], good.proof))
    assert verify_batch([good, item(ballot_statement)], PythonEngine()) == [None, None]
    assert kinds(verify_batch([good, bad])) == [None, ProofRejected]


# -- errors that cancel ------------------------------------------------------------------------------------------------


def last_point_moved(batched: BatchItem, by: int) -> BatchItem:
    """W' plus a multiple of the generator."""
    proof = batched.proof
    last = decode_proof(batched.key.circuit, proof).opening_check
    moved = fastest_engine().combine([last, G1_GENERATOR], [1, by])
    return replace(batched, proof=proof[:-64] + encode_g1(moved))


def cancelling(items: Sequence[BatchItem]) -> list[BatchItem]:
    """Three proofs moved at W' such that the sum of their three equations still holds.

    z does not depend on W', so that moving W'_i by d_i moves equation i by z_i d_i on the left and d_i on the right.
    """
    z = [derive_challenges(one.key, one.public, decode_proof(one.key.circuit, one.proof))[0].z for one in items]
    # d_0 + d_1 + d_2 = 0 and z_0 d_0 + z_1 d_1 + z_2 d_2 = 0.
    moves = [1, (z[0] - z[2]) * inverse(z[2] - z[1]) % R]
    moves.append(-sum(moves) % R)
    assert sum(moves) % R == sum(a * b for a, b in zip(z, moves, strict=True)) % R == 0
    return [last_point_moved(one, by) for one, by in zip(items, moves, strict=True)]


def test_equations_added_without_weights_let_three_errors_cancel(
    four: list[BatchItem], monkeypatch: pytest.MonkeyPatch
) -> None:
    def without_weights(data: bytes) -> bytes:
        return (1).to_bytes(32, "big") if data.startswith(BATCH_DOMAIN) else keccak256(data)

    monkeypatch.setattr(verify_module, "keccak256", without_weights)
    assert verify_batch(cancelling(four[:3]), fastest_engine()) == [None] * 3


def test_weights_drawn_from_every_byte_let_no_errors_cancel(four: list[BatchItem]) -> None:
    assert kinds(verify_batch(cancelling(four[:3]), fastest_engine())) == [ProofRejected] * 3


def test_last_points_exchanged_between_two_proofs_are_rejected_in_both(four: list[BatchItem]) -> None:
    left, right = four[0].proof, four[1].proof
    items = [
        replace(four[0], proof=left[:-64] + right[-64:]),
        replace(four[1], proof=right[:-64] + left[-64:]),
        four[2],
    ]
    assert kinds(verify_batch(items, fastest_engine())) == [ProofRejected, ProofRejected, None]


def test_the_weights_depend_on_the_last_point_of_every_proof(four: list[BatchItem]) -> None:
    """What binds a proof for batching covers W', which no challenge of the proof itself covers."""
    for one in four:
        moved = last_point_moved(one, 1)
        before, after = (
            derive_challenges(each.key, each.public, decode_proof(each.key.circuit, each.proof))
            for each in (one, moved)
        )
        assert before[0] == after[0]
        assert before[1] != after[1]
