"""Why a prover refuses. Messages name constraints and rows, never a value."""

from __future__ import annotations

from dataclasses import dataclass

from zkmargin.verifier.errors import NoProofError


@dataclass(frozen=True)
class Failure:
    """A constraint that an assignment breaks. `row` is None for a sum, which belongs to no row."""

    label: str
    row: int | None


class UnsatisfiedError(NoProofError):
    """The assignment does not satisfy the circuit: the statement is false, or the witness is wrong."""

    def __init__(self, failures: list[Failure]) -> None:
        self.failures = tuple(failures)
        shown = ", ".join(f.label if f.row is None else f"{f.label}[row {f.row}]" for f in failures[:8])
        more = f" and {len(failures) - 8} more" if len(failures) > 8 else ""
        super().__init__(f"the assignment breaks {shown}{more}")
