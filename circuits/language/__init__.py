"""The circuit language: vector programs in three primitives, elementwise, sum and range.

A program is a Python function over traced vectors. `compile_program` runs it once and returns everything that proving
and verifying need; see docs/protocol.md for what is enforced and `examples/` for programs. What proves is loaded when
it is first used: whoever verifies compiles programs too, and has no use for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from zkmargin.circuits.language.compiler import CompiledProgram, compile_program
from zkmargin.circuits.language.errors import CompileError, RowsError, TraceError, WitnessRangeError
from zkmargin.circuits.language.program import Program
from zkmargin.circuits.language.recording import HintContext, given, hint
from zkmargin.circuits.language.traced import Scalar, Vector

if TYPE_CHECKING:
    from zkmargin.circuits.language.proving import Proven, Prover, Published, random_blinding
    from zkmargin.circuits.language.witness import Holding, Inputs, check_constraints

__all__ = [
    "CompileError",
    "CompiledProgram",
    "HintContext",
    "Holding",
    "Inputs",
    "Program",
    "Proven",
    "Prover",
    "Published",
    "RowsError",
    "Scalar",
    "TraceError",
    "Vector",
    "WitnessRangeError",
    "check_constraints",
    "compile_program",
    "given",
    "hint",
    "random_blinding",
]

_WITNESS = ("Holding", "Inputs", "check_constraints")


def __getattr__(name: str) -> Any:
    """A name of the proving half, loaded on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{'witness' if name in _WITNESS else 'proving'}"), name)
    globals()[name] = value
    return value
