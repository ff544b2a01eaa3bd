"""What the contracts revert with, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from eth_abi import decode
from eth_abi.exceptions import DecodingError

from zkmargin.verifier.contracts.artifacts import load_artifact
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.keccak import keccak256

SELECTOR_BYTES: Final = 4
_BUILT_IN: Final = {
    keccak256(b"Error(string)")[:SELECTOR_BYTES]: ("Error", ("string",), ("message",)),
    keccak256(b"Panic(uint256)")[:SELECTOR_BYTES]: ("Panic", ("uint256",), ("code",)),
}

MESSAGES: Final[Mapping[str, str]] = {
    "AccessControlUnauthorizedAccount": "{account} lacks the role {neededRole}; the owner grants it",
    "OwnableUnauthorizedAccount": "{account} is not the registry's owner: additions and replacements go through its "
    "timelock",
    "AnswerTooOld": "the account is challenged and its snapshot was {age} s old then, over the heartbeat of "
    "{heartbeat} s; "
    "get fresh attestations and prove again",
    "BadSignature": "no current key of venue {venue} has signed its attestation; was the venue's key rotated, or is "
    "another address registered for it?",
    "EpochInFuture": "the epoch's time {time} is ahead of the chain's",
    "EpochNotNewer": "an epoch of {latest} is published already, and this one's time {time} is not later",
    "Expired": "the proof expired at {expiresAt}; build a new market, attest and prove again",
    "GraceNotOver": "the account could have answered for {answerable} s so far, of {grace} s that it has",
    "NotLister": "{caller} does not list universes in this registry",
    "NotReady": "what was listed counts from {readyAt} on; run the same command again then",
    "WrongStake": "challenging this record takes a stake of {expected} wei, got {got}",
    "NotAnOracle": "{signer} is not one of the oracle's signers",
    "NotNewer": "the gate has a record of {recorded} that is not older than this proof's epoch {epochTime}",
    "NotOffered": "the gate's registry does not offer this policy over this universe with exactly these venues, "
    "or one of them is stopped; the "
    "policy's venues must all attest and no other, and `zkmargin chain publish` registers a new universe",
    "WrongVenue": "the policy's venues must attest, each in its place: expected {expected}, got {got}",
    "SequenceOlder": "venue {venue} has a newer statement about the account than sequence {sequence}: at least "
    "{minimum} is needed",
    "SnapshotOlder": "the snapshot of {snapshotTime} is older than the recorded one of {recorded}",
    "SnapshotTooOld": "the attestations were {age} s old at the epoch's time, the policy allows {maximum} s",
    "TooFewSignatures": "the epoch needs {expected} signatures of the oracle's signers, got {got}",
    "UnknownEpoch": "the oracle has not published the epoch of {time}, or has withdrawn it; run "
    "`zkmargin chain publish`",
    "WrongMarket": "the market is not the one that the oracle published for this time: expected {expected}, got {got}",
    "LengthMismatch": "lists of different lengths: expected {expected}, got {got}",
}
"""Errors whose name and values alone would not tell what to do next."""

_TIMES: Final = frozenset(
    {
        *("time", "latest", "expiresAt", "recorded", "epochTime", "snapshotTime"),
        *("previousUntil", "readyAt", "until"),
    }
)


class ChainError(FormatError):
    """The chain, or a contract on it, does not do what was asked. The message says why and what to do."""


class ProofRefused(ProofRejected):
    """The verifier contract rejects the proof."""


@cache
def _errors() -> dict[bytes, tuple[str, tuple[str, ...], tuple[str, ...], str]]:
    """Every custom error by selector: name, types, names of the values, contract."""
    found = {}
    for contract in ("Registry", "Gate", "Challenges", "CreditVault", "TimelockController", "Verifier"):
        for entry in load_artifact(contract).abi:
            if entry["type"] == "error":
                types = tuple(_canonical(value) for value in entry["inputs"])
                signature = f"{entry['name']}({','.join(types)})"
                names = tuple(value["name"] for value in entry["inputs"])
                selector = keccak256(signature.encode())[:SELECTOR_BYTES]
                found[selector] = (entry["name"], types, names, contract)
    return found


def _canonical(value: Mapping[str, Any]) -> str:
    kind = str(value["type"])
    if kind.startswith("tuple"):
        return f"({','.join(_canonical(part) for part in value['components'])}){kind[len('tuple') :]}"
    return kind


def explain(data: bytes) -> tuple[str, str, Mapping[str, Any]]:
    """A revert's data as words, the error's name, and its values by name."""
    selector, body = data[:SELECTOR_BYTES], data[SELECTOR_BYTES:]
    known = _errors().get(selector)
    built_in = _BUILT_IN.get(selector)
    if known is not None:
        name, types, names = known[:3]
    elif built_in is not None:
        name, types, names = built_in
    else:
        return f"reverted with 0x{data[:64].hex()}" if data else "reverted without a reason", "", {}
    try:
        values: Sequence[Any] = decode(types, body)
    except DecodingError:
        return f"reverted with a malformed {name}", name, {}
    told = {label: _tell(label, value) for label, value in zip(names, values, strict=True)}
    if name in MESSAGES:
        words = MESSAGES[name].format(**told)
    elif told:
        words = f"{name}: " + ", ".join(f"{label} {value}" for label, value in told.items())
    else:
        words = name
    return words, name, dict(zip(names, values, strict=True))


def error_of(data: bytes, what: str) -> ChainError | ProofRefused:
    """The exception for a revert: `ProofRefused` when it is the verifier's."""
    words, _, _ = explain(data)
    known = _errors().get(data[:SELECTOR_BYTES])
    if known is not None and known[3] == "Verifier" and known[0] not in ("LengthMismatch", "NotEnoughGas"):
        return ProofRefused(f"on chain: {words}")
    return ChainError(f"{what}: {words}")


def _tell(label: str, value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if label in _TIMES and isinstance(value, int) and 0 < value < 1 << 40:
        return datetime.fromtimestamp(value, UTC).isoformat().replace("+00:00", "Z")
    return str(value)
