"""Deploying the contracts, and what the oracle and the policy's keeper do at each epoch. No compiler is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from zkmargin.chain.client import Client
from zkmargin.chain.deployment import DeploymentRecord
from zkmargin.chain.digests import epoch_signing_digest
from zkmargin.chain.errors import ChainError
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.statements.margin.market import Market
from zkmargin.circuits.statements.margin.verification import margin_verifying_key
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.setup import Setup
from zkmargin.prover.setup.progress import Report, silent
from zkmargin.prover.signing import sign_digest
from zkmargin.verifier.contracts.artifacts import load_artifact
from zkmargin.verifier.contracts.table import build_table, creation_code, fits, holder_code, runtime_code
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.statements.attestation import venue_id

DEFAULT_GRACE_SECONDS: Final = 3600
DEFAULT_OWNER_DELAY_SECONDS: Final = 86_400
COVER_UNITS: Final = 1_000_000


@dataclass(frozen=True)
class Published:
    """What publishing an epoch did. `verifier` is new when this policy met this universe for the first time."""

    digest: bytes
    epoch_time: int
    verifier: bytes
    new_verifier: bool
    gas_used: int
    transaction: str


def deploy(
    client: Client,
    policy: Policy,
    setup: Setup,
    setup_path: str | Path,
    venues: Mapping[str, bytes],
    *,
    oracle: bytes | None = None,
    heartbeat_seconds: int | None = None,
    grace_seconds: int = DEFAULT_GRACE_SECONDS,
    owner_delay_seconds: int = DEFAULT_OWNER_DELAY_SECONDS,
    report: Report = silent,
) -> DeploymentRecord:
    """Deploy registry and gate, register the venues and the policy. The key becomes owner, and the oracle by default.

    A policy that lists venues needs exactly these. The verifier comes with the first epoch, whose universe it is made
    for: see `publish`. heartbeat_seconds: age from which a record may be challenged, by default as old as the policy
    lets attestations be.
    """
    if policy.venues and set(policy.venues) != set(venues):
        raise ChainError(
            f"--venue: expected exactly the policy's venues {', '.join(sorted(policy.venues))}, got "
            f"{', '.join(sorted(venues))}"
        )
    if not venues:
        raise ChainError("--venue: expected at least one venue, NAME=0x...")
    report("deploying the registry", 0, 4)
    owner = client.address
    block = _block(client)
    signer = owner if oracle is None else format_address(oracle)
    registry_address = client.deploy("Registry", [owner, owner_delay_seconds, signer])
    report("deploying the gate", 1, 4)
    gate = client.deploy("Gate", [format_address(registry_address), owner, owner_delay_seconds])
    registry = client.contract("Registry", registry_address)
    report("registering venues", 2, 4)
    for name, address in venues.items():
        client.send(registry.functions.addVenue(name, format_address(address)), f"adding venue {name}")
    report("registering the policy", 3, 4)
    terms = (
        int(Decimal(policy.cover) * COVER_UNITS),
        policy.validity_seconds,
        policy.max_attestation_age_seconds,
        max(1, policy.max_attestation_age_seconds if heartbeat_seconds is None else heartbeat_seconds),
        grace_seconds,
    )
    ids = sorted(venue_id(name) for name in venues)
    client.send(
        registry.functions.registerPolicy(policy.digest, policy.name, terms, ids), f"registering policy {policy.name}"
    )
    return DeploymentRecord(
        chain_id=client.chain_id,
        gate=gate,
        registry=registry_address,
        block=block,
        policy=policy,
        setup_digest=setup.digest,
        setup_path=str(setup_path),
        venues=dict(venues),
    )


def _block(client: Client) -> int:
    with client.speaking("the latest block"):
        return int(client.web3.eth.block_number)


def publish(
    client: Client,
    deployment: DeploymentRecord,
    market: Market,
    setup: Setup,
    *,
    oracle_key: bytes,
    pin: bool = True,
    report: Report = silent,
) -> Published:
    """Sign the epoch as the oracle and post its digest.

    pin: also keep the market's commitments on chain, which each submission then need not carry.
    The first epoch of a universe also registers the universe and deploys the verifier of the policy over it, which
    needs the registry's policy role. Later epochs need nothing but the oracle's signature.
    """
    check_chain(client, deployment)
    if market.policy.digest != deployment.policy.digest:
        raise ChainError(
            f"--market: expected an epoch under the deployment's policy {deployment.policy.name}, got one under "
            f"{market.policy.name}"
        )
    if market.setup_digest != deployment.setup_digest or setup.digest != deployment.setup_digest:
        raise ChainError(
            f"--market: expected the deployment's setup 0x{deployment.setup_digest.hex()[:16]}..., got another one's"
        )
    before = client.gas_used
    registry = client.contract("Registry", deployment.registry)
    policy = deployment.policy.digest
    report("looking up the verifier", 0, 3)
    verifier = _address(client.call(registry.functions.verifierOf(policy, market.universe), "asking for the verifier"))
    new = verifier is None
    if verifier is None:
        report("deploying the verifier", 1, 3)
        verifier = _deploy_verifier(client, registry, deployment, market, setup)
    report("publishing the epoch", 2, 3)
    arguments = (policy, market.universe, market.epoch_time, market.epoch_id)
    signature = sign_digest(_epoch_digest(client, registry, deployment, market), oracle_key)
    receipt = client.send(registry.functions.publishEpoch(*arguments, [signature]), "publishing the epoch")
    if pin:
        client.send(registry.functions.pinEpoch(*arguments[:3], market.terms.published), "pinning the epoch")
    return Published(
        digest=market.epoch_id,
        epoch_time=market.epoch_time,
        verifier=verifier,
        new_verifier=new,
        gas_used=client.gas_used - before,
        transaction=receipt["transactionHash"].to_0x_hex(),
    )


def _epoch_digest(client: Client, registry: Any, deployment: DeploymentRecord, market: Market) -> bytes:
    """What the oracle signs, computed here. Raises ChainError when the registry would check another digest."""
    arguments = (deployment.policy.digest, market.universe, market.epoch_time, market.epoch_id)
    digest = epoch_signing_digest(deployment.chain_id, deployment.registry, *arguments)
    answer = client.call(registry.functions.hashEpoch(*arguments), "hashing the epoch")
    if bytes(answer) != digest:
        raise ChainError(
            "publishing the epoch: expected the registry to check a signature of "
            f"0x{digest.hex()}, the node says of another digest; nothing was signed. Is --rpc to be trusted?"
        )
    return digest


def _deploy_verifier(
    client: Client, registry: Any, deployment: DeploymentRecord, market: Market, setup: Setup
) -> bytes:
    if not client.call(registry.functions.isUniverse(market.universe), "asking for the universe"):
        client.send(registry.functions.registerUniverse(market.universe), "registering the universe")
    table, instructions = verifier_table(deployment.policy, market, setup), load_artifact("Verifier").code
    holder = None
    if not fits(table, instructions):
        holder = _create(client, holder_code(table), "deploying the verifier's table")
    verifier = _create(client, runtime_code(table, instructions, holder), "deploying the verifier")
    client.send(
        registry.functions.setVerifier(deployment.policy.digest, market.universe, format_address(verifier)),
        "registering the verifier",
    )
    return verifier


def _create(client: Client, code: bytes, what: str) -> bytes:
    address = client.create(creation_code(code), what)
    if client.code(address) != code:
        raise ChainError(f"{what}: expected {len(code)} bytes of code at it, found other code")
    return address


def verifier_table(policy: Policy, market: Market, setup: Setup) -> bytes:
    """The table that the verifier of a policy over a market's universe must have on chain, rebuilt from scratch."""
    return build_table(margin_verifying_key(policy, market, setup, load_backend()))


def check_chain(client: Client, deployment: DeploymentRecord) -> None:
    """Raise ChainError unless the client speaks to the deployment's chain and its contracts are there."""
    if client.chain_id != deployment.chain_id:
        raise ChainError(
            f"--rpc: expected a node of chain {deployment.chain_id}, where the deployment is, got one of chain "
            f"{client.chain_id}"
        )
    client.require_code(deployment.gate, "--deployment: gate")
    client.require_code(deployment.registry, "--deployment: registry")


def _address(value: str) -> bytes | None:
    address = bytes.fromhex(value[2:])
    return address if any(address) else None
