"""Honest proofs of every shipped policy: Python, native and Solidity agree."""

from __future__ import annotations

import pytest
from support.backends import fastest_engine
from support.evm import OnChain, evm

import zkmargin
from zkmargin.circuits.policies.policy import preset_names
from zkmargin.circuits.statements.margin.verification import margin_verifying_key
from zkmargin.prover.kernels import load_backend
from zkmargin.verifier.contracts.artifacts import load_artifact
from zkmargin.verifier.contracts.table import build_table, creation_code, fits, holder_code, runtime_code, with_hint
from zkmargin.verifier.statements.margin import OFF_CHAIN, public_inputs
from zkmargin.verifier.verify import verify

from .desk import Desk, account

FOR_ALL = pytest.mark.slow
EVERYDAY = ("span", "derive-pmrm2")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in EVERYDAY else [FOR_ALL]) for name in preset_names()]
)
def test_a_shipped_policys_proof_is_accepted_by_all(name: str) -> None:
    desk = Desk.of(name)
    margin = desk.prove(OFF_CHAIN, account(1))
    key = margin_verifying_key(desk.policy, desk.market, desk.setup, load_backend())
    public = public_inputs(margin.statement, margin.attestations, desk.market.terms)
    verify(key, public, margin.proof)
    verify(key, public, margin.proof, fastest_engine())
    table, instructions = build_table(key), load_artifact("Verifier").code
    holder = None
    if not fits(table, instructions):
        holder = bytes.fromhex(evm().create(creation_code(holder_code(table)))[2:])
    contract = OnChain(key, evm().create(creation_code(runtime_code(table, instructions, holder))))
    assert contract.verify(public, with_hint(key, public, margin.proof)) is None
    wrong = bytearray(margin.proof)
    wrong[64 * (key.circuit.proof_points - 2) + 31] ^= 1
    assert contract.verify(public, with_hint(key, public, bytes(wrong))) == "ProofRejected"
    assert zkmargin.verify(margin, desk.market, desk.policy, desk.setup, any_attestor=True, at=desk.time + 60).valid
