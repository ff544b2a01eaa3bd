"""The circuit language: vector programs in three primitives, elementwise, sum and range.

A program is a Python function over traced vectors. `compile_program` runs it once and returns everything that proving
and verifying need; see docs/protocol.md for what is enforced and `examples/` for programs.
"""

from zkmargin.circuits.language.compiler import CompiledProgram, compile_program
from zkmargin.circuits.language.errors import CompileError, RowsError, TraceError, WitnessRangeError
from zkmargin.circuits.language.program import Program
from zkmargin.circuits.language.traced import Scalar, Vector
from zkmargin.circuits.language.witness import Holding, Inputs, WitnessContext, check_constraints

__all__ = [
    "CompileError",
    "CompiledProgram",
    "Holding",
    "Inputs",
    "Program",
    "RowsError",
    "Scalar",
    "TraceError",
    "Vector",
    "WitnessContext",
    "WitnessRangeError",
    "check_constraints",
    "compile_program",
]
