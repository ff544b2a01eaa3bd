"""Many margin proofs at once get the verdicts that each gets alone, in one pairing check when all are valid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from support.backends import fastest_engine
from support.desk import KEYS, Desk, preset_desk

from zkmargin.circuits.statements.margin.verification import margin_verifying_key
from zkmargin.prover.signing import address_of_key
from zkmargin.verifier.curve import G1, G2
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.statements.margin import MarginProof, verify_margin, verify_margins


class CountingEngine:
    """An engine that counts its pairing checks."""

    def __init__(self) -> None:
        self._engine, self.checks = fastest_engine(), 0

    def combine(self, points: Sequence[G1], scalars: Sequence[int]) -> G1:
        return self._engine.combine(points, scalars)

    def pairing_product_is_one(self, pairs: Sequence[tuple[G1, G2]]) -> bool:
        self.checks += 1
        return self._engine.pairing_product_is_one(pairs)


@pytest.fixture(scope="module")
def desk() -> Desk:
    return preset_desk("collateral-factors")


@pytest.fixture(scope="module")
def valid(desk: Desk) -> MarginProof:
    return desk.prove([{"USD": "1000"}, {"USD": "-10"}])


@pytest.fixture(scope="module")
def given(desk: Desk) -> dict[str, Any]:
    market = desk.market
    return {
        "key": margin_verifying_key(desk.policy, market, desk.setup, desk.backend),
        "policy": market.policy,
        "market": market.terms,
        "at": market.epoch_time + 1,
    }


def alone(margin: MarginProof, **given: Any) -> ProofRejected | FormatError | None:
    try:
        verify_margin(margin, engine=fastest_engine(), **given)
    except (ProofRejected, FormatError) as error:
        return error
    return None


def told(verdicts: Sequence[ProofRejected | FormatError | None]) -> list[tuple[type, str] | None]:
    return [None if verdict is None else (type(verdict), str(verdict)) for verdict in verdicts]


def test_valid_proofs_take_one_pairing_check(valid: MarginProof, desk: Desk, given: dict[str, Any]) -> None:
    engine = CountingEngine()
    assert verify_margins([valid, desk.prove([{"USD": "7"}]), valid], engine=engine, **given) == [None] * 3
    assert engine.checks == 1
    assert verify_margins([], engine=engine, **given) == []


def test_each_gets_the_verdict_that_it_gets_alone(valid: MarginProof, desk: Desk, given: dict[str, Any]) -> None:
    statement = valid.statement
    margins = [
        valid,
        desk.forge([{"USD": "-1"}]),
        replace(valid, proof=valid.proof[:-1]),
        replace(valid, proof=valid.proof[:-64] + valid.proof[:64]),
        replace(valid, statement=replace(statement, account=bytes(20))),
        replace(valid, attestations=valid.attestations[:1]),
        replace(valid, attestations=valid.attestations[::-1]),
        replace(valid, statement=replace(statement, valid_until=statement.valid_until + 1)),
        valid,
    ]
    expected = [alone(margin, **given) for margin in margins]
    assert [verdict is None for verdict in expected] == [True, *[False] * 7, True]
    assert told(verify_margins(margins, engine=fastest_engine(), **given)) == told(expected)


@pytest.mark.parametrize("changes", [{"at": 0}, {"at": 1 << 40}, {"attestors": [address_of_key(KEYS[0])]}])
def test_time_and_attestors_hold_for_all(valid: MarginProof, given: dict[str, Any], changes: dict[str, Any]) -> None:
    options = {**given, **changes}
    verdicts = verify_margins([valid, valid], engine=fastest_engine(), **options)
    assert all(isinstance(verdict, ProofRejected) for verdict in verdicts)
    assert told(verdicts) == told([alone(valid, **options)] * 2)
