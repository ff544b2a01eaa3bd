"""The file of a deployment: which gate on which chain a proof is to be for. Whoever deploys writes more into it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from zkmargin.verifier.documents import Fields, read_document
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.ethereum import NO_ADDRESS, parse_address
from zkmargin.verifier.statements.margin import Deployment

KIND: Final = "deployment"
MAX_CHAIN_ID: Final = (1 << 256) - 1


def read_deployment(path: str | Path) -> Deployment:
    """Chain and gate of a deployment's file; its other fields are not looked at. Raises FormatError, OSError."""
    fields = Fields(path, read_document(path, KIND))
    chain_id = fields.integer("chain_id", 1, MAX_CHAIN_ID)
    gate = parse_address(fields.text("gate"), f"{path}: field 'gate'")
    if gate == NO_ADDRESS:
        raise FormatError(f"{path}: field 'gate': expected the gate's address, got the zero address")
    return Deployment(chain_id, gate)
