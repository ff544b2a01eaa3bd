"""A house's contracts: creating the four, which know one another from the start, and reading their events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from zkmargin.chain.client import Client
from zkmargin.chain.errors import ChainError
from zkmargin.clearing.replay import Booked, Event, Merged, Reblinded, Released, Sealed, TakenOver, Written
from zkmargin.verifier.curve import G1
from zkmargin.verifier.ethereum import format_address
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.statements.clearing import House

DEFAULT_OWNER_DELAY_SECONDS: Final = 86_400


@dataclass(frozen=True)
class Token:
    """A token that is collateral. lot: units of it in one lot. unit: [L_row]."""

    address: bytes
    lot: int
    row: int
    unit: G1


@dataclass(frozen=True)
class HouseTerms:
    """What a house is created with, for good. Times in seconds.

    heartbeat, grace, max_epoch_age: together within the margin period of risk of the policies. epoch_delay: how long
    the epoch of a withdrawal must have stood; epochs must not come faster than that.
    """

    registry: bytes
    initial_policy: bytes
    maintenance_policy: bytes
    universe: bytes
    blinding_base: G1
    tokens: tuple[Token, ...]
    risk_key: bytes
    fund: bytes
    sweep_verifier: bytes
    notice: int
    window: int
    max_epoch_age: int
    epoch_delay: int
    heartbeat: int
    grace: int


def deploy_house(client: Client, terms: HouseTerms) -> House:
    """Create ledger, clearing, settlement and recovery, each told where the others will be. The key becomes owner.

    Raises ChainError when another transaction of the key came in between: nothing was trusted to the wrong address, and
    the command is run again.
    """
    with client.speaking("the key's transactions"):
        nonce = int(client.web3.eth.get_transaction_count(client.web3.to_checksum_address(client.address), "pending"))
    sender = bytes.fromhex(client.address[2:])
    ledger, clearing, settlement, recovery = (create_address(sender, nonce + i) for i in range(4))
    addresses = [format_address(address) for address in (clearing, settlement, recovery)]
    fixed = (terms.universe, tuple(terms.blinding_base), terms.notice, terms.window)
    settings = (client.address, DEFAULT_OWNER_DELAY_SECONDS, *addresses, *fixed)
    tokens = [(format_address(t.address), t.lot, t.row, tuple(t.unit)) for t in terms.tokens]
    registry, risk = format_address(terms.registry), format_address(terms.risk_key)
    epochs = (terms.max_epoch_age, terms.epoch_delay)
    created = (
        client.deploy("Ledger", [settings, tokens]),
        client.deploy(
            "Clearing", [format_address(ledger), addresses[2], registry, terms.initial_policy, risk, *epochs]
        ),
        client.deploy("Settlement", [format_address(ledger), registry, risk, format_address(terms.sweep_verifier)]),
        client.deploy(
            "Recovery",
            [
                format_address(ledger),
                addresses[0],
                registry,
                terms.maintenance_policy,
                format_address(terms.fund),
                terms.max_epoch_age,
                terms.heartbeat,
                terms.grace,
            ],
        ),
    )
    if created != (ledger, clearing, settlement, recovery):
        raise ChainError("deploying the house: another transaction of this key came in between; run the command again")
    return House(client.chain_id, ledger, clearing, settlement, recovery)


def create_address(sender: bytes, nonce: int) -> bytes:
    """The address of the contract that a sender's transaction creates: the end of keccak256(rlp([sender, nonce]))."""
    number = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
    encoded = number if len(number) == 1 and number[0] < 0x80 else bytes([0x80 + len(number)]) + number
    body = bytes([0x80 + len(sender)]) + sender + encoded
    return keccak256(bytes([0xC0 + len(body)]) + body)[-20:]


def events(client: Client, house: House, first_block: int = 0) -> list[Event]:
    """What happened to a house's books, in the chain's order: what `Replay` follows."""
    contracts = [client.contract("Ledger", house.ledger), client.contract("Recovery", house.recovery)]
    with client.speaking("the house's events"):
        logs: list[Any] = []
        for contract in contracts:
            filter_ = {"address": contract.address, "fromBlock": first_block, "toBlock": "latest"}
            names = {_topic(entry): entry["name"] for entry in contract.abi if entry["type"] == "event"}
            for log in client.web3.eth.get_logs(filter_):  # type: ignore[arg-type]
                name = names.get(bytes(log["topics"][0]))
                if name is not None:
                    logs.append((log["blockNumber"], log["logIndex"], name, contract.events[name]().process_log(log)))
    # Where one contract's event is the cause of another's, it comes first: the index is of the block.
    return [event for _, _, name, log in sorted(logs, key=lambda entry: entry[:2]) for event in _events(name, log)]


def _events(name: str, log: Any) -> Iterator[Event]:
    values = log["args"]
    account = bytes.fromhex(values["account"][2:]) if "account" in values else b""
    if (name == "Deposited" and not values["pending"]) or name == "Folded":
        yield Booked(account, values["token"], values["lots"])
    elif name == "Released":
        yield Released(account, values["token"], values["lots"])
    elif name == "Sealed":
        yield Sealed(account, G1(values["dx"], values["dy"]), values["fee"], bytes(values["seal"]))
    elif name == "Reblinded":
        yield Reblinded(account, G1(values["rx"], values["ry"]))
    elif name == "TakenOver":
        yield TakenOver(account, values["estate"], G1(values["cx"], values["cy"]))
    elif name == "Merged":
        yield Merged(bytes.fromhex(values["fund"][2:]), values["estate"])
    elif name == "BookWritten":
        yield Written(account, values["index"], G1(values["cx"], values["cy"]), G1(values["bx"], values["by"]))


def _topic(entry: Any) -> bytes:
    types: Sequence[str] = [value["type"] for value in entry["inputs"]]
    return keccak256(f"{entry['name']}({','.join(types)})".encode())
