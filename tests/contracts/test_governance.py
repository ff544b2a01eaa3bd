"""What changes a deployment, and how fast: listing under a delay, the timelock, the audit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from zkmargin.chain.audit import audit
from zkmargin.chain.client import Client
from zkmargin.chain.contracts import Delays, ListedForLater, deploy, publish, through_timelock, verifier_table
from zkmargin.chain.deployment import DeploymentRecord
from zkmargin.chain.errors import ChainError
from zkmargin.chain.local import LocalChain
from zkmargin.prover.signing import address_of_key
from zkmargin.verifier.contracts.artifacts import load_artifact
from zkmargin.verifier.contracts.table import creation_code, runtime_code
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.statements.attestation import venue_id

from .chains import OWNER
from .desk import GRACE, HEARTBEAT, VENUES, Desk

LISTING = 3600


@pytest.fixture
def chain() -> LocalChain:
    return LocalChain(desk().time + 60, OWNER)


def desk() -> Desk:
    return Desk.of("collateral-factors")


def deployed(client: Client, delays: Delays) -> DeploymentRecord:
    venues = {name: address_of_key(secret) for name, secret in VENUES.items()}
    return deploy(
        client, desk().policy, desk().setup, "setup.json", venues,
        heartbeat_seconds=HEARTBEAT, grace_seconds=GRACE, delays=delays,
    )  # fmt: skip


def announce(client: Client, record: DeploymentRecord) -> None:
    publish(client, record, desk().market, desk().setup, oracle_key=OWNER, pin=False)


def differences(client: Client, record: DeploymentRecord) -> str:
    return "; ".join(audit(client, record, desk().policy, desk().market, desk().setup).differences)


def test_a_universe_is_published_in_two_runs_under_a_delay(chain: LocalChain) -> None:
    record = deployed(chain.client, Delays(86_400, LISTING))
    with pytest.raises(ListedForLater, match="run the same command again then") as listed:
        announce(chain.client, record)
    with pytest.raises(ListedForLater):
        announce(chain.client, record)
    assert "expected a verifier of the policy" in differences(chain.client, record)
    chain.move_to(listed.value.ready_at)
    announce(chain.client, record)
    assert differences(chain.client, record) == ""


def test_what_was_listed_is_compared_before_it_is_offered(chain: LocalChain) -> None:
    client = chain.client
    record = deployed(client, Delays(0, LISTING))
    accepts_all = client.create(bytes.fromhex("6001600081600b8239f3") + b"\0" * 32, "creating")
    registry = client.contract("Registry", record.registry).functions
    line = (record.policy.digest, desk().market.universe)
    client.send(registry.list(*line, format_address(accepts_all)), "listing")
    chain.move_to(desk().time + 2 * LISTING)
    with pytest.raises(ChainError, match="do not trust the deployment"):
        announce(client, record)


def test_the_audit_tells_a_swapped_verifier_key_and_owner(chain: LocalChain) -> None:
    client = chain.client
    record = deployed(client, Delays(0, 0))
    announce(client, record)
    found = audit(client, record, desk().policy, desk().market, desk().setup)
    assert found.stands
    assert any("UNSAFE" in danger for danger in found.dangers)
    registry = client.contract("Registry", record.registry).functions
    # A table with another [tau]_2 answers with the honest digests.
    table = bytearray(verifier_table(record.policy, desk().market, desk().setup))
    table[64 + 3] ^= 1
    code = runtime_code(bytes(table), load_artifact("Verifier").code)
    other = client.create(creation_code(code), "creating")
    line = (record.policy.digest, desk().market.universe)
    through_timelock(client, record.timelock, [registry.setVerifier(*line, format_address(other))], "swapping")
    assert "expected at" in differences(client, record)
    name = next(iter(VENUES))
    rotation = registry.rotateVenueKey(venue_id(name), format_address(b"\7" * 20), 0)
    through_timelock(client, record.timelock, [rotation], "rotating")
    assert f"venue {name}: key" in differences(client, record)
    assert "registry: owner" in differences(client, replace(record, timelock=record.gate))
