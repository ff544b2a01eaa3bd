"""Write a margin proof's file. `zkmargin.verifier.statements.margin` reads it."""

from __future__ import annotations

from pathlib import Path

from zkmargin.prover.writing import write_document
from zkmargin.verifier.statements.margin import MarginProof
from zkmargin.verifier.statements.margin.files import KIND


def write_margin_proof(path: str | Path, margin: MarginProof) -> None:
    """Write a proof's file, whole or not at all."""
    write_document(path, KIND, margin.to_json())
