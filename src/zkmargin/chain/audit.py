"""What somebody who relies on a deployment wants to know: is it what it claims, and who could change it, how fast.

Everything is rebuilt here, from policy, setup and universe, and compared. A node that lies can still show another
chain than the real one: ask a node of your own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from web3 import Web3

from zkmargin.chain.client import Client
from zkmargin.chain.contracts import COVER_UNITS, check_chain, check_verifier, verifier_table
from zkmargin.chain.deployment import DeploymentRecord
from zkmargin.chain.digests import epoch_signing_digest
from zkmargin.chain.errors import ChainError
from zkmargin.chain.submission import challenges_of
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.statements.margin.market import Market
from zkmargin.prover.setup import Setup
from zkmargin.verifier.contracts.artifacts import load_artifact
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.statements.attestation import venue_id

IMMUTABLE: Final = b"\x7f" + bytes(32)
"""PUSH32 of what a constructor fills in."""
TIMELOCK_ROLES: Final = ("PROPOSER_ROLE", "EXECUTOR_ROLE", "CANCELLER_ROLE", "DEFAULT_ADMIN_ROLE")
MAX_ROLE_CHANGES: Final = 4096
FEW_SECONDS: Final = 86_400
"""A delay under a day is hardly noticed in time."""


@dataclass(frozen=True)
class Audit:
    """Findings: differences from what is right; dangers, which are as they are; who could change what, how fast."""

    differences: tuple[str, ...]
    dangers: tuple[str, ...]
    powers: dict[str, str]

    @property
    def stands(self) -> bool:
        """Whether everything is what it claims."""
        return not self.differences

    def to_json(self) -> dict[str, Any]:
        """Return the object that `chain audit --json` prints."""
        return {
            "stands": self.stands,
            "differences": list(self.differences),
            "dangers": list(self.dangers),
            "powers": self.powers,
        }


@dataclass
class _Auditor:
    client: Client
    deployment: DeploymentRecord
    differences: list[str] = field(default_factory=list)
    dangers: list[str] = field(default_factory=list)

    def functions(self, name: str, address: bytes) -> Any:
        return self.client.contract(name, address).functions

    def expect(self, what: str, expected: Any, got: Any) -> None:
        if expected != got:
            self.differences.append(f"{what}: expected {_told(expected)}, got {_told(got)}")

    def attempt(self, check: Callable[[], None]) -> None:
        try:
            check()
        except ChainError as error:
            self.differences.append(str(error))

    def check_code(self, name: str, address: bytes) -> None:
        """Compare a contract's code with the shipped one, but for what its constructor filled in."""
        expected, got = load_artifact(name).code, self.client.code(address)
        if len(expected) == len(got):
            got = _without_immutables(expected, got)
        if expected != got:
            self.differences.append(f"{name.lower()}: expected the shipped code at {format_address(address)}")


def audit(client: Client, deployment: DeploymentRecord, policy: Policy, market: Market, setup: Setup) -> Audit:
    """Rebuild and compare a deployment. Raises ChainError when it is on another chain, or nobody answers."""
    check_chain(client, deployment)
    found = _Auditor(client, deployment)
    registry, gate = (
        found.functions("Registry", deployment.registry),
        found.functions("Gate", deployment.gate),
    )
    found.expect("deployment: policy", policy.digest, deployment.policy.digest)
    found.expect("deployment: setup", setup.digest, deployment.setup_digest)
    challenges = challenges_of(client, deployment)
    for name, address in (("Registry", deployment.registry), ("Gate", deployment.gate), ("Challenges", challenges)):
        found.check_code(name, address)
    found.expect("gate: registry", deployment.registry, _address(client.call(gate.registry(), "the gate's registry")))
    arguments = (policy.digest, market.universe, market.epoch_time, market.epoch_id)
    answer = bytes(client.call(registry.hashEpoch(*arguments), "hashing the epoch"))
    found.expect(
        "registry: what the oracle signs",
        epoch_signing_digest(deployment.chain_id, deployment.registry, *arguments),
        answer,
    )
    _check_policy(found, registry, policy)
    _check_venues(found, registry)
    found.attempt(lambda: _check_verifier(found, registry, policy, market, setup))
    powers = _powers(found, registry)
    return Audit(tuple(found.differences), tuple(found.dangers), powers)


def _check_policy(found: _Auditor, registry: Any, policy: Policy) -> None:
    cover, validity, max_age, heartbeat, grace = found.client.call(registry.termsOf(policy.digest), "the terms")
    found.expect("policy: cover in millionths", int(Decimal(policy.cover) * COVER_UNITS), cover)
    found.expect("policy: validity in seconds", policy.validity_seconds, validity)
    found.expect("policy: oldest attestation in seconds", policy.max_attestation_age_seconds, max_age)
    if heartbeat >= validity:
        found.dangers.append(f"a record expires before it can be challenged for nothing: heartbeat {heartbeat} s")
    if grace < 60:
        found.dangers.append(f"a challenged account has {grace} s to answer")


def _check_venues(found: _Auditor, registry: Any) -> None:
    names = {venue_id(name): name for name in found.deployment.venues}
    ids = [bytes(each) for each in found.client.call(registry.venuesOf(found.deployment.policy.digest), "the venues")]
    found.expect("policy: venues", sorted(names), ids)
    for identifier, name in names.items():
        key, is_contract, said, previous, until = found.client.call(registry.venueOf(identifier), f"venue {name}")
        found.expect(f"venue {name}: name", name, said)
        found.expect(f"venue {name}: key", found.deployment.venues[name], _address(key))
        if is_contract:
            found.dangers.append(f"venue {name} is a contract: it is asked, and signs nothing")
        if any(_address(previous)):
            found.dangers.append(f"venue {name}: the replaced key {previous} counts until {until}")


def _check_verifier(found: _Auditor, registry: Any, policy: Policy, market: Market, setup: Setup) -> None:
    verifier = _address(found.client.call(registry.verifierOf(policy.digest, market.universe), "the verifier"))
    if not any(verifier):
        raise ChainError("registry: expected a verifier of the policy over the market's universe, got none")
    # The table holds the key's digest, the setup's and [tau]_2 itself.
    check_verifier(found.client, verifier, verifier_table(policy, market, setup))


def _powers(found: _Auditor, registry: Any) -> dict[str, str]:
    client, deployment = found.client, found.deployment
    owner = _address(client.call(registry.owner(), "the owner"))
    found.expect("registry: owner", deployment.timelock, owner)
    if owner != deployment.timelock:
        return {"adds and replaces": f"{format_address(owner)}, which is not the deployment's timelock"}
    found.check_code("TimelockController", deployment.timelock)
    timelock = found.functions("TimelockController", deployment.timelock)
    delay = int(client.call(timelock.getMinDelay(), "the timelock's delay"))
    listing = int(client.call(registry.listingDelay(), "the listing delay"))
    if delay == 0:
        found.dangers.append("UNSAFE: no delay: the owner can swap verifier, venues and oracle, and swap them back")
    elif delay < FEW_SECONDS:
        found.dangers.append(f"the owner's delay is short: {delay} s")
    if listing == 0:
        found.dangers.append("a universe is listed without a delay, for a policy that has no verifier over it yet")
    quorum = int(client.call(registry.quorum(), "the quorum"))
    signers = int(client.call(registry.oracleCount(), "the oracle's signers"))
    if quorum == 1:
        found.dangers.append("one signature makes an epoch")
    powers = {
        "adds and replaces venues, keys, verifiers, policies, signers": f"{format_address(owner)} after {delay} s",
        "lists universes": f"{client.call(registry.lister(), 'the lister')} after {listing} s",
        "stops anything, for a week": f"{client.call(registry.guardian(), 'the guardian')} at once",
        "publishes epochs": f"{quorum} of {signers} signers at once",
    }
    for role, holders in _timelock_roles(client, deployment.timelock, deployment.block).items():
        powers[f"timelock {role}"] = ", ".join(holders) or "nobody"
        if role == "DEFAULT_ADMIN_ROLE" and set(holders) - {format_address(deployment.timelock)}:
            found.dangers.append("the timelock has an administrator besides itself, who changes its roles at once")
    return powers


def _timelock_roles(client: Client, timelock: bytes, block: int) -> dict[str, list[str]]:
    """Who holds the timelock's roles: granted by an event, and the contract says still."""
    contract: Any = client.contract("TimelockController", timelock)
    with client.speaking("asking for the timelock's roles"):
        granted = contract.events.RoleGranted().get_logs(from_block=block)
    if len(granted) > MAX_ROLE_CHANGES:
        raise ChainError(f"the timelock's roles: expected at most {MAX_ROLE_CHANGES} changes, got {len(granted)}")
    holders: dict[str, list[str]] = {}
    for role in TIMELOCK_ROLES:
        identifier = bytes(32) if role == "DEFAULT_ADMIN_ROLE" else keccak256(role.encode())
        who = sorted({str(log["args"]["account"]) for log in granted if bytes(log["args"]["role"]) == identifier})
        holders[role] = [
            Web3.to_checksum_address(each)
            for each in who
            if client.call(contract.functions.hasRole(identifier, each), f"the timelock's {role}")
        ]
    return holders


def _without_immutables(expected: bytes, got: bytes) -> bytes:
    cleared = bytearray(got)
    at = expected.find(IMMUTABLE)
    while at >= 0:
        if got[at] == IMMUTABLE[0]:
            cleared[at + 1 : at + len(IMMUTABLE)] = bytes(32)
        at = expected.find(IMMUTABLE, at + len(IMMUTABLE))
    return bytes(cleared)


def _address(value: str) -> bytes:
    return bytes.fromhex(value[2:])


def _told(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, list):
        return ", ".join(_told(each) for each in value)
    return str(value)


__all__ = ["Audit", "audit"]
