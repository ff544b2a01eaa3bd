"""What every preset and statement costs, counted: the figures of benchmarks/snapshots, which are kept in git.

A preset's file has the circuit of its newest version over the shipped sample's universe, the proof that two venues'
account gets, and the gas of one transaction that has the verifier contract check that proof, without the gate's
signatures and storage.
`contracts.json` has the whole way through the gate, for the statement of docs/gas.md. Everything is made with fixed
randomness, a setup included, so that the same code gives the same figures; nothing here is good for anything of value.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from eth_abi import encode

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from full_size import AS_OF
from onchain import KEY, Gas
from support.evm import VERIFY, evm
from support.randomness import hashed, predictable
from support.setup import bases, setup_key

from zkmargin.chain.local import LocalChain
from zkmargin.chain.submission import submit
from zkmargin.circuits.language import CompiledProgram
from zkmargin.circuits.markets.positions import positions_from_quantities
from zkmargin.circuits.policies.policy import load_policy, preset_names
from zkmargin.circuits.policies.shipped import versions_of
from zkmargin.circuits.statements.attestation import Opening, commit_lots
from zkmargin.circuits.statements.disclosure.circuit import Exposure, compile_disclosure
from zkmargin.circuits.statements.margin.market import Market, build_market
from zkmargin.circuits.statements.margin.prover import MarginProver
from zkmargin.circuits.statements.solvency.circuit import compile_batch, compile_settlement
from zkmargin.demo.run import read_sample
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.kernels.choice import AnyBackend
from zkmargin.prover.prove import Options
from zkmargin.prover.setup import Setup
from zkmargin.prover.setup.srs import setup_of
from zkmargin.prover.signing import sign_attestation
from zkmargin.verifier.circuit import Circuit
from zkmargin.verifier.contracts.artifacts import load_artifact
from zkmargin.verifier.contracts.table import (
    build_table,
    creation_code,
    encode_public_inputs,
    runtime_code,
    with_hint,
)
from zkmargin.verifier.proof import PublicInputs, proof_length
from zkmargin.verifier.statements.attestation import Attestation, AttestationData
from zkmargin.verifier.statements.margin import public_inputs
from zkmargin.verifier.verify import VerifyingKey

Json = dict[str, Any]

MAX_ROWS: Final = 4096
"""Of the largest preset over the sample."""
ACCOUNT: Final = bytes.fromhex("a11ce000000000000000000000000000000a11ce")
VENUES: Final = {f"venue-{number}": (100 + number).to_bytes(32, "big") for number in range(2)}
BOOK: Final = {"USD": "100000000"}
"""Adequate under every policy; a proof's size and gas do not depend on it."""
SOLVENCY_ROWS: Final = 1 << 16
GAS_TOLERANCE: Final = 0.003
"""Columns are rounded from floating point, which differs by machine: by as much may gas differ from the record."""


def snapshots() -> Iterator[tuple[str, Json]]:
    """File name and content, one after the other."""
    for name in preset_names():
        yield f"{name}.json", preset(name)
    yield "statements.json", statements()
    yield "contracts.json", contracts()


def same(recorded: Any, now: Any) -> bool:
    """Whether two snapshots agree: exactly, but for gas within `GAS_TOLERANCE`."""
    if isinstance(recorded, dict) and isinstance(now, dict):
        return recorded.keys() == now.keys() and all(
            _near(recorded[key], now[key]) if "gas" in key else same(recorded[key], now[key]) for key in now
        )
    return bool(recorded == now)


def preset(name: str) -> Json:
    """One preset over the shipped sample."""
    backend, setup, policy = load_backend(), fixed_setup(), load_policy(name)
    market = build_market(read_sample().data, policy, setup, backend)
    prover: MarginProver[Any, Any] = MarginProver(policy, market, setup, backend)
    attestations, openings = fixed_attestations(market, setup, backend)
    proof = prover.prove(attestations, openings, options=Options(blinding=predictable()))
    public = public_inputs(proof.statement, proof.attestations, market.terms)
    return {
        "policy": versions_of(name)[-1].alias,
        "instruments": len(market.epoch.data.instruments),
        **counts(prover.program.compiled),
        "verifier_gas": verifier_gas(prover.argument.verifying_key, public, proof.proof),
    }


def statements() -> Json:
    """The other statements' circuits."""
    shape = build_market(read_sample().data, load_policy(read_sample().policy), fixed_setup(), load_backend())
    layout = shape.epoch.universe.shape
    return {
        "disclosure of a quantity": counts(compile_disclosure(Exposure("quantity", "USD"), layout, 0)),
        "disclosure of a value": counts(compile_disclosure(Exposure("value"), layout, None)),
        "disclosure of the gross notional": counts(compile_disclosure(Exposure("gross-notional"), layout, None)),
        "batch of customers": counts(compile_batch(SOLVENCY_ROWS)),
        **{
            f"settlement by {coverage}": counts(compile_settlement(SOLVENCY_ROWS, coverage))
            for coverage in ("asset", "value")
        },
    }


def contracts() -> Json:
    """Sizes of what is deployed, and gas through the gate: 16 scenarios over 4,096 rows, two venues, market pinned."""
    chain = LocalChain(int(AS_OF.timestamp()) + 60, KEY)
    # An estimate runs a transaction many times over; this node charges what was used, whatever the limit.
    chain.client.web3.eth.estimate_gas = lambda *_: 15_000_000  # type: ignore[assignment,method-assign]
    gas = Gas(chain.client, 16, pin=True)
    submitted = submit(chain.client, gas.record, gas.prove(0), gas.market.terms)
    names = ("Verifier", "Registry", "Gate")
    return {
        "code_bytes": {name: len(load_artifact(name).code) for name in names},
        "gas": {
            "deploying registry, gate, two venues, a policy": gas.deploy_gas,
            "first epoch of a universe": gas.published.gas_used,
            "first submission of an account": submitted.gas_used,
        },
    }


def counts(program: CompiledProgram) -> Json:
    """A circuit's size, and its proof's."""
    circuit = program.circuit
    return {
        "rows": circuit.rows,
        "columns": _columns(circuit),
        "private_scalars": len(program.recording.private),
        "scalar_rows": sum(len(rows) for rows in program.scalar_rows),
        "public_scalars": len(circuit.scalars),
        "identities": len(circuit.identities),
        "lookups": len(circuit.lookups),
        "sums": len(circuit.sums),
        "sum_terms": sum(len(total.terms) for total in circuit.sums),
        "fraction_sums": len(circuit.fractions),
        "expression_nodes": len(circuit.nodes),
        "proof": {
            "points": circuit.proof_points,
            "scalars": len(circuit.evaluations),
            "bytes": proof_length(circuit),
        },
    }


def verifier_gas(key: VerifyingKey, public: PublicInputs, proof: bytes) -> int:
    """Gas of a transaction to a circuit's verifier contract that has it check one proof."""
    table = build_table(key)
    address = evm().create(creation_code(runtime_code(table, load_artifact("Verifier").code)))
    inputs, market = encode_public_inputs(public)
    call = encode(["bytes"] * 3, [inputs, market, with_hint(key, public, proof)])
    outcome = evm().call(address, VERIFY + call)
    if not outcome.ok:
        raise ValueError(f"expected the contract to accept the proof, it refused: {outcome.data.hex()}")
    return outcome.gas


@cache
def fixed_setup() -> Setup:
    """A setup whose trapdoor everybody knows."""
    backend = load_backend()
    lagrange, powers = bases(backend, MAX_ROWS)
    return setup_of(backend, powers, backend.slice_points(lagrange, 0, MAX_ROWS), setup_key().g2_x, None)


def fixed_attestations(market: Market, setup: Setup, backend: AnyBackend) -> tuple[list[Attestation], list[Opening]]:
    """An account at two venues, blinded by constants."""
    blinding = hashed(b"zkmargin snapshots")
    universe = market.epoch.universe
    lots = positions_from_quantities(universe, BOOK).lots
    attestations, openings = [], []
    for venue, key in VENUES.items():
        rho = blinding()
        commitment = commit_lots(setup, backend, lots, rho)
        claimed = AttestationData(ACCOUNT, venue, market.universe, commitment, market.epoch_time, 1)
        attestations.append(sign_attestation(claimed, key))
        openings.append(Opening(venue, ACCOUNT, market.universe, commitment, lots, rho))
    return attestations, openings


def _columns(circuit: Circuit) -> Json:
    digits = sum(".digit[" in name for name in circuit.witness)
    return {
        "market": len(circuit.market),
        "holdings": len(circuit.holdings),
        "fixed": len(circuit.fixed),
        "sparse": len(circuit.sparse),
        "masks": len(circuit.masks),
        "digits": digits,
        "other_witness": len(circuit.witness) - digits,
        "helpers": circuit.helpers,
    }


def _near(recorded: Any, now: Any) -> bool:
    if isinstance(recorded, dict) and isinstance(now, dict):
        return recorded.keys() == now.keys() and all(_near(recorded[key], now[key]) for key in now)
    return abs(recorded - now) <= GAS_TOLERANCE * recorded
