"""Run the demo on a chain in this process: deploy, publish, prove for the gate, be challenged, fail.

What `zkmargin demo --chain` adds. No node, no network, no compiler.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from zkmargin.api.key_files import new_signing_key
from zkmargin.chain.client import Client
from zkmargin.chain.contracts import deploy, publish
from zkmargin.chain.deployment import DeploymentRecord
from zkmargin.chain.digests import epoch_signing_digest
from zkmargin.chain.local import LocalChain
from zkmargin.chain.submission import challenges_of, submit
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.statements.attestation import Opening
from zkmargin.circuits.statements.margin.market import Market
from zkmargin.circuits.statements.margin.prover import MarginProver
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.setup import Setup
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.prover.signing import sign_digest
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.statements.attestation import Attestation

HEARTBEAT_SECONDS: Final = 6 * 3600
GRACE_SECONDS: Final = 3600
MULTIPLE: Final = 5
BONUS: Final = 10
TERM_SECONDS: Final = 7 * 86_400
PLEDGE_LIMIT: Final = 10**21


@dataclass(frozen=True)
class Step:
    """One thing that happened, the gas it took, and whether the gate then called the account adequate."""

    what: str
    gas: int
    adequate: bool


@dataclass(frozen=True)
class ChainDemo:
    """All that happened, in order."""

    gate: str
    registry: str
    vault: str
    steps: tuple[Step, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the object that `demo --chain --json` prints under "chain"."""
        return {
            "gate": self.gate,
            "registry": self.registry,
            "vault": self.vault,
            "steps": [{"what": step.what, "gas": step.gas, "adequate": step.adequate} for step in self.steps],
        }


def run_chain_demo(
    policy: Policy,
    market: Market,
    setup: Setup,
    attestations: Sequence[Attestation],
    openings: Sequence[Opening],
    *,
    report: Report = silent,
) -> ChainDemo:
    """Run it for the account of these attestations; attestations[i] goes with openings[i].

    Raises ChainError when the extra `local` is not installed, and whatever proving raises.
    """
    key = new_signing_key()
    chain = LocalChain(market.epoch_time + 60, key)
    client = chain.client
    account = attestations[0].claimed.account
    steps: list[Step] = []

    def done(what: str, gas_before: int) -> None:
        gate = client.contract("Gate", record.gate).functions
        adequate = client.call(gate.isAdequate(format_address(account), policy.digest, (1 << 256) - 1), what)
        steps.append(Step(what, client.gas_used - gas_before, bool(adequate)))

    report("deploying", 0, 5)
    venues = {attestation.claimed.venue: attestation.attestor for attestation in attestations}
    record = deploy(client, policy, setup, "", venues, heartbeat_seconds=HEARTBEAT_SECONDS, grace_seconds=GRACE_SECONDS)
    pledges = client.deploy("Pledges", [PLEDGE_LIMIT])
    vault_arguments = [policy.digest, format_address(pledges), 2 * HEARTBEAT_SECONDS, TERM_SECONDS, MULTIPLE, BONUS]
    vault = client.deploy("CreditVault", [format_address(record.gate), *vault_arguments])
    done("registry, gate and a credit vault are deployed", 0)

    report("publishing", 1, 5)
    before = client.gas_used
    publish(client, record, market, setup, oracle_key=key)
    done("the verifier is deployed, the oracle posts the epoch", before)

    report("proving for the gate", 2, 5)
    prover = MarginProver(policy, market, setup, load_backend())
    proof = prover.prove(attestations, openings, deployment=record.target)
    before = client.gas_used
    submit(client, record, proof, market.terms)
    done("the account's proof is verified and the gate opens", before)

    report("a challenge", 3, 5)
    _let_it_fail(chain, record, market, account, key, done)
    report("done", 5, 5)
    return ChainDemo(format_address(record.gate), format_address(record.registry), format_address(vault), tuple(steps))


def _let_it_fail(
    chain: LocalChain, record: DeploymentRecord, market: Market, account: bytes, key: bytes, done: Any
) -> None:
    client: Client = chain.client
    challenges: Any = client.contract("Challenges", challenges_of(client, record)).functions
    named = (format_address(account), record.policy.digest)
    opened = market.epoch_time + HEARTBEAT_SECONDS + 60
    chain.move_to(opened)
    before = client.gas_used
    client.send(challenges.challenge(*named), "challenging the account")
    done("six hours later somebody challenges the account, which has an hour to answer from the next epoch on", before)
    before = client.gas_used
    # The same prices, at a later time: an epoch is a digest, whatever the oracle says of it.
    time, digest = opened + 1, keccak256(market.epoch_id)
    chain.move_to(time + 1)
    line = (record.policy.digest, market.universe, time, digest)
    signature = sign_digest(epoch_signing_digest(record.chain_id, record.registry, *line), key)
    registry: Any = client.contract("Registry", record.registry).functions
    client.send(registry.publishEpoch(*line, [signature]), "publishing an epoch")
    done("the oracle posts an epoch that the account could answer with", before)
    chain.move_to(time + GRACE_SECONDS + 60)
    before = client.gas_used
    client.send(challenges.markFailing(*named), "marking the account")
    done("it does not answer: the gate marks it as failing, and a liquidator may act", before)


__all__ = ["ChainDemo", "Step", "run_chain_demo"]
