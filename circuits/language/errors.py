"""What the language refuses, with the offending label first."""

from __future__ import annotations

from zkmargin.verifier.errors import NoProofError, ZkmarginError


class TraceError(ZkmarginError, TypeError):
    """A program did with a traced value what only a number can do. The message names what to write instead."""


class CompileError(ZkmarginError, ValueError):
    """A program breaks a rule on which soundness rests."""

    def __init__(self, label: str, message: str) -> None:
        super().__init__(f"{label}: {message}")
        self.label = label


class RowsError(CompileError):
    """A program needs more rows than it has; one with more rows, or fewer active ones, may fit."""


class WitnessRangeError(NoProofError, ValueError):
    """A private value does not fit its range, so no proof exists. The value itself is not kept.

    `row` is None for a scalar.
    """

    def __init__(self, label: str, bits: int, row: int | None = None) -> None:
        where = label if row is None else f"{label}[row {row}]"
        super().__init__(f"{where}: expected 0 <= value < 2**{bits}")
        self.label = label
        self.bits = bits
        self.row = row
