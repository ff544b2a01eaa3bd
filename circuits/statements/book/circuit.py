"""The program of a book: C commits to lots q with |q| < 2^bits on instrument rows and zero elsewhere, A to |q|."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from zkmargin.circuits.language.compiler import CompiledProgram, compile_program
from zkmargin.circuits.language.program import Program
from zkmargin.circuits.markets.universe import UniverseShape

NET: Final = "net"
GROSS: Final = "gross"


@lru_cache(maxsize=16)
def compile_book(shape: UniverseShape, bits: int) -> CompiledProgram:
    """The program for a universe's shape and quantities of `bits` bits. Source: docs/protocol.md#20-book-proofs"""

    def define(program: Program) -> None:
        net, gross = program.holding(NET), program.holding(GROSS)
        split = program.sign_split(net, bits, label=NET)
        program.require_zero(gross - split.absolute, label="gross is the magnitude")

    return compile_program(define, name="book", rows=shape.rows, row_bits=bits, active_rows=shape.instrument_rows)
