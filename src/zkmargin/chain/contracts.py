"""Deploying the contracts, and what the oracle and the policy's keeper do at each epoch. No compiler is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from zkmargin.verifier.contracts.table import build_table, creation_code, fits, holder_code, runtime_code, table_holder
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.instants import format_seconds
from zkmargin.verifier.statements.attestation import venue_id

DEFAULT_GRACE_SECONDS: Final = 3600
DEFAULT_DELAY_SECONDS: Final = 172_800
DEFAULT_STAKE_WEI: Final = 10**16
NO_OWNER: Final = "0x" + "00" * 20
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


class ListedForLater(ChainError):
    """A universe's verifier was listed, and the delay is not over: nothing was published yet."""

    def __init__(self, ready_at: int, verifier: bytes) -> None:
        super().__init__(
            f"publishing the epoch: the universe is listed with its verifier {format_address(verifier)}, which counts "
            f"from {format_seconds(ready_at)} on; run the same command again then"
        )
        self.ready_at = ready_at


@dataclass(frozen=True)
class Delays:
    """How fast what can change, in seconds. A timelock of no delay is unsafe: trust can be swapped and swapped back."""

    owner: int = DEFAULT_DELAY_SECONDS
    """Between the announcement and the effect of an addition or a replacement."""
    listing: int = 0
    """Between listing a universe and grants over it."""


@dataclass(frozen=True)
class Stakes:
    """What challenges cost and earn, in wei."""

    stake: int = DEFAULT_STAKE_WEI
    """On challenging a record younger than the heartbeat: the account's when it answers."""
    reward: int = DEFAULT_STAKE_WEI
    """At most, of the deposit of an account that fails, to who challenged it."""


def deploy(
    client: Client,
    policy: Policy,
    setup: Setup,
    setup_path: str | Path,
    venues: Mapping[str, bytes],
    *,
    oracle: bytes | None = None,
    guardian: bytes | None = None,
    heartbeat_seconds: int | None = None,
    grace_seconds: int = DEFAULT_GRACE_SECONDS,
    delays: Delays | None = None,
    stakes: Stakes | None = None,
    report: Report = silent,
) -> DeploymentRecord:
    """Deploy timelock, registry and gate, register the venues and the policy.

    The key proposes to and executes from the timelock, lists universes, and is oracle and guardian by default. A policy
    that lists venues needs exactly these. The verifier comes with the first epoch, whose universe it is made for: see
    `publish`. heartbeat_seconds: age from which a record may be challenged, by default as old as the policy lets
    attestations be.
    """
    if policy.venues and set(policy.venues) != set(venues):
        raise ChainError(
            f"--venue: expected exactly the policy's venues {', '.join(sorted(policy.venues))}, got "
            f"{', '.join(sorted(venues))}"
        )
    if not venues:
        raise ChainError("--venue: expected at least one venue, NAME=0x...")
    delays, stakes = delays or Delays(), stakes or Stakes()
    owner = client.address
    block = _block(client)
    signer = owner if oracle is None else format_address(oracle)
    report("deploying the timelock", 0, 4)
    # Without a delay until everything is set up, by its own hand: the last of what it does is to take on its delay.
    timelock = client.deploy("TimelockController", [0, [owner], [owner], NO_OWNER])
    report("deploying the registry", 1, 4)
    registry_address = client.deploy("Registry", [format_address(timelock), delays.listing, signer])
    report("deploying the gate", 2, 4)
    gate = client.deploy("Gate", [format_address(registry_address), stakes.stake, stakes.reward])
    report("registering venues and the policy", 3, 4)
    functions = client.contract("Registry", registry_address).functions
    terms = (
        int(Decimal(policy.cover) * COVER_UNITS),
        policy.validity_seconds,
        policy.max_attestation_age_seconds,
        max(1, policy.max_attestation_age_seconds if heartbeat_seconds is None else heartbeat_seconds),
        grace_seconds,
    )
    ids = sorted(venue_id(name) for name in venues)
    calls = [functions.addVenue(name, format_address(address), False) for name, address in venues.items()]
    calls += [
        functions.registerPolicy(policy.digest, policy.name, terms, ids),
        functions.setGuardian(owner if guardian is None else format_address(guardian)),
        functions.setLister(owner),
        client.contract("TimelockController", timelock).functions.updateDelay(delays.owner),
    ]
    through_timelock(client, timelock, calls, f"registering policy {policy.name}")
    return DeploymentRecord(
        chain_id=client.chain_id,
        gate=gate,
        registry=registry_address,
        timelock=timelock,
        block=block,
        policy=policy,
        setup_digest=setup.digest,
        setup_path=str(setup_path),
        venues=dict(venues),
    )


def through_timelock(client: Client, timelock: bytes, calls: Sequence[Any], what: str) -> None:
    """Have a timelock of no delay do all of it in one transaction, after announcing it in another."""
    functions = client.contract("TimelockController", timelock).functions
    targets = [call.address for call in calls]
    data = [bytes.fromhex(str(call._encode_transaction_data())[2:]) for call in calls]
    batch = (targets, [0] * len(calls), data, bytes(32), bytes(32))
    client.send(functions.scheduleBatch(*batch, 0), f"{what}: announcing it")
    client.send(functions.executeBatch(*batch), what)


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
    """List the universe with the verifier of the policy over it, and offer it as soon as the registry lets us.

    What was listed by an earlier run is compared with the code that is right. Raises ListedForLater.
    """
    table, instructions = verifier_table(deployment.policy, market, setup), load_artifact("Verifier").code
    line = (deployment.policy.digest, market.universe)
    listed, ready_at, _ = client.call(registry.functions.listingOf(*line), "asking for the listing")
    verifier = _address(listed)
    if verifier is None:
        holder = None
        if not fits(table, instructions):
            holder = _create(client, holder_code(table), "deploying the verifier's table")
        verifier = _create(client, runtime_code(table, instructions, holder), "deploying the verifier")
        client.send(registry.functions.list(*line, format_address(verifier)), "listing the universe")
        if _address(client.call(registry.functions.verifierOf(*line), "asking for the verifier")) is not None:
            return verifier
        _, ready_at, _ = client.call(registry.functions.listingOf(*line), "asking for the listing")
        raise ListedForLater(int(ready_at), verifier)
    check_verifier(client, verifier, table)
    if latest_time(client) < int(ready_at):
        raise ListedForLater(int(ready_at), verifier)
    client.send(registry.functions.offer(*line), "offering the universe")
    return verifier


def check_verifier(client: Client, verifier: bytes, table: bytes) -> None:
    """Raise ChainError unless a contract's code is the shipped verifier with this table, or with a holder of it."""
    instructions, code = load_artifact("Verifier").code, client.code(verifier)
    holder = table_holder(code)
    if holder is not None and client.code(holder) != holder_code(table):
        raise ChainError(f"verifier: expected the table of policy, universe and setup at {format_address(holder)}")
    if code != runtime_code(table, instructions, holder):
        raise ChainError(
            f"verifier: expected at {format_address(verifier)} the code rebuilt from policy, universe and setup, found "
            "other code; do not trust the deployment"
        )


def latest_time(client: Client) -> int:
    """The latest block's time, in seconds."""
    with client.speaking("the latest block"):
        return int(client.web3.eth.get_block("latest")["timestamp"])


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
