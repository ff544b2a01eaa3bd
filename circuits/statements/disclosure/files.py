"""Write a disclosure's file. `zkmargin.verifier.statements.disclosure` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from zkmargin.prover.writing import write_document
from zkmargin.verifier.statements.disclosure import KIND, WEIGHTS, Disclosure


def write_disclosure(path: str | Path, disclosure: Disclosure) -> None:
    """Write a disclosure's file, and its weights beside it, whole or not at all."""
    arrays: Mapping[str, NDArray[Any]] | None = None
    if disclosure.weights is not None:
        arrays = {WEIGHTS: disclosure.weights}
    write_document(path, KIND, disclosure.to_json(), arrays=arrays)
