"""The compiled contracts that ship, so that deploying needs no compiler."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from zkmargin.verifier.documents import parse_object


@dataclass(frozen=True)
class Artifact:
    """A compiled contract: its interface, the code that creates it, and the code that it then has.

    `code` of a contract with immutables has zeros in their places. The `Verifier` is not created from `creation`: see
    `table.runtime_code`.
    """

    name: str
    compiler: str
    abi: tuple[dict[str, Any], ...]
    creation: bytes
    code: bytes


@cache
def load_artifact(name: str) -> Artifact:
    """The artefact of a contract by its name: see `compile.CONTRACTS`."""
    data = (resources.files(__package__) / "artifacts" / f"{name}.json").read_bytes()
    fields = parse_object(data, f"artefact {name}")
    return Artifact(
        name=fields["contract"],
        compiler=fields["compiler"],
        abi=tuple(fields["abi"]),
        creation=bytes.fromhex(fields["creation"][2:]),
        code=bytes.fromhex(fields["code"][2:]),
    )
