"""Compile the contracts with the npm compiler: `python -m zkmargin.verifier.contracts.compile` in a source tree.

Needs node and `npm install` in this folder, no network. What ships are the artefacts: ABI, creation code, code. The
same sources, compiler and settings give the same bytes, which a test checks.
"""

from __future__ import annotations

import json
import posixpath
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from zkmargin.verifier.documents import parse_json
from zkmargin.verifier.errors import FormatError

FOLDER: Final = Path(__file__).resolve().parent
ARTIFACTS: Final = FOLDER / "artifacts"
CONTRACTS: Final = {
    "Verifier": "src/Verifier.sol",
    "Registry": "src/Registry.sol",
    "Gate": "src/Gate.sol",
    "Challenges": "src/Challenges.sol",
    "TimelockController": "@openzeppelin/contracts/governance/TimelockController.sol",
    "CreditVault": "src/examples/CreditVault.sol",
    "Pledges": "src/examples/CreditVault.sol",
}
"""What ships, and where it is."""
SETTINGS: Final[Mapping[str, Any]] = {
    "optimizer": {"enabled": True, "runs": 20000},
    "viaIR": True,
    "evmVersion": "cancun",
    "metadata": {"bytecodeHash": "none", "appendCBOR": False},
}
"""Also in foundry.toml, so that forge tests what ships. Cancun: the EVM that every chain of interest has."""
_IMPORT: Final = re.compile(r'import[^;"]*"([^"]+)"')


def sources() -> dict[str, str]:
    """The sources by name, with what they import."""
    found: dict[str, str] = {}
    pending = sorted(set(CONTRACTS.values()))
    while pending:
        name = pending.pop()
        if name in found:
            continue
        folder = FOLDER / "node_modules" if name.startswith("@") else FOLDER
        found[name] = (folder / name).read_text(encoding="utf-8")
        for target in _IMPORT.findall(found[name]):
            relative = target.startswith(".")
            pending.append(posixpath.normpath(posixpath.join(posixpath.dirname(name), target)) if relative else target)
    return found


def compile_contracts() -> dict[str, dict[str, Any]]:
    """The artefacts by contract. Raises FormatError with the compiler's messages."""
    wanted = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.deployedBytecode.immutableReferences"]
    task = {
        "language": "Solidity",
        "sources": {name: {"content": text} for name, text in sorted(sources().items())},
        "settings": {**SETTINGS, "outputSelection": {path: {"*": wanted} for path in CONTRACTS.values()}},
    }
    command = ["node", str(FOLDER / "solc")]
    run = subprocess.run(  # noqa: S603 - our own script
        [*command, "--standard-json"], input=json.dumps(task).encode(), capture_output=True, check=True
    )
    output = parse_json(run.stdout, "solc", controls=True)
    problems = [problem["formattedMessage"] for problem in output.get("errors", []) if problem["severity"] != "info"]
    if problems:
        raise FormatError("contracts: " + "\n".join(problems))
    version = subprocess.run([*command, "--version"], capture_output=True, check=True, text=True)  # noqa: S603
    compiled = {}
    for name, path in CONTRACTS.items():
        contract = output["contracts"][path][name]
        compiled[name] = {
            "contract": name,
            "compiler": version.stdout.split("Version: ")[1].strip(),
            "settings": SETTINGS,
            "abi": contract["abi"],
            "creation": "0x" + contract["evm"]["bytecode"]["object"],
            "code": "0x" + contract["evm"]["deployedBytecode"]["object"],
        }
    return compiled


def encode(artifact: Mapping[str, Any]) -> str:
    """An artefact's file."""
    return json.dumps(artifact, separators=(",", ":"), sort_keys=True) + "\n"


def main() -> None:
    """Write the artefacts."""
    ARTIFACTS.mkdir(exist_ok=True)
    for name, artifact in compile_contracts().items():
        (ARTIFACTS / f"{name}.json").write_text(encode(artifact), encoding="utf-8")


if __name__ == "__main__":
    main()
