"""The file D of a deployment: which contracts, on which chain, for which policy, under which setup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zkmargin.circuits.markets.models import parse_model
from zkmargin.circuits.policies.policy import Policy
from zkmargin.prover.writing import write_document
from zkmargin.verifier.documents import Fields, read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import format_address, parse_address
from zkmargin.verifier.statements.attestation import check_venue
from zkmargin.verifier.statements.deployment import KIND, MAX_CHAIN_ID
from zkmargin.verifier.statements.margin import Deployment


@dataclass(frozen=True)
class DeploymentRecord:
    """What was deployed. `setup_path` is where the setup was then; its digest is what counts."""

    chain_id: int
    gate: bytes
    registry: bytes
    timelock: bytes
    """The registry's owner, a `TimelockController`."""
    block: int
    policy: Policy
    setup_digest: bytes
    setup_path: str
    venues: Mapping[str, bytes]

    @property
    def target(self) -> Deployment:
        """What a proof is bound to."""
        return Deployment(self.chain_id, self.gate)

    def to_json(self) -> dict[str, Any]:
        """The document's fields."""
        body = {name: value for name, value in self.policy.to_json().items() if name not in ("format", "version")}
        return {
            "chain_id": self.chain_id,
            "gate": format_address(self.gate),
            "registry": format_address(self.registry),
            "timelock": format_address(self.timelock),
            "block": self.block,
            "policy": {"name": self.policy.name, "digest": "0x" + self.policy.digest.hex(), "rules": body},
            "setup": {"digest": "0x" + self.setup_digest.hex(), "path": self.setup_path},
            "venues": {name: format_address(address) for name, address in self.venues.items()},
        }


def write_deployment_record(path: str | Path, record: DeploymentRecord, *, replace: bool = False) -> None:
    """Write D, whole or not at all. Raises FileExistsError when there is a file, unless it is to be replaced."""
    write_document(path, KIND, record.to_json(), replace=replace)


def read_deployment_record(path: str | Path) -> DeploymentRecord:
    """Read D. Raises FormatError naming the field; OSError when it cannot be read."""
    where = str(path)
    fields = Fields(path, read_document(path, KIND))
    chain_id = fields.integer("chain_id", 1, MAX_CHAIN_ID)
    gate = parse_address(fields.text("gate"), f"{where}: field 'gate'")
    registry = parse_address(fields.text("registry"), f"{where}: field 'registry'")
    timelock = parse_address(fields.text("timelock"), f"{where}: field 'timelock'")
    block = fields.integer("block", 0, 1 << 63)
    named = fields.record("policy")
    name = named.text("name")
    digest = named.hexadecimal("digest", 32)
    policy = parse_model(Policy, named.raw("rules"), f"{where}: field 'policy'")
    named.finish()
    if policy.digest != digest or policy.name != name:
        raise FormatError(f"{where}: field 'policy': expected the rules and name of 0x{digest.hex()}, got others")
    setup = fields.record("setup")
    setup_digest, setup_path = setup.hexadecimal("digest", 32), setup.text("path")
    setup.finish()
    listed = fields.raw("venues")
    if not isinstance(listed, dict) or not listed:
        raise FormatError(f"{where}: field 'venues': expected venues' names and their addresses")
    venues = {
        check_venue(name, f"{where}: field 'venues'"): parse_address(address, f"{where}: field 'venues': {name}")
        for name, address in listed.items()
    }
    fields.finish()
    return DeploymentRecord(chain_id, gate, registry, timelock, block, policy, setup_digest, setup_path, venues)
