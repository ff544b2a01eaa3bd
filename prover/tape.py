"""From constraint expressions to tapes: straight-line programs that a back end runs over all rows at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zkmargin.prover.kernels.interface import Backend, Operation, P, Tape, V
from zkmargin.verifier.expression import Column, Query
from zkmargin.verifier.verify import Symbol

Key = Column | Symbol
"""What a tape's column is called: a column of the circuit, or a polynomial of the protocol."""

Value = int
"""A builder's handle on an intermediate value: its position in the order of creation."""


@dataclass(frozen=True)
class NamedTape:
    """A tape whose columns and constants are named.

    Integer constants stand for themselves, strings for values known later (challenges).
    """

    tape: Tape
    columns: tuple[Key, ...]
    constants: tuple[int | str, ...]

    def run(self, backend: Backend[V, P], columns: Mapping[Key, V], values: Mapping[str, int]) -> V:
        """Evaluate on all rows of the columns."""
        constants = [values[name] if isinstance(name, str) else name for name in self.constants]
        return backend.evaluate_tape(self.tape, [columns[key] for key in self.columns], constants)


class TapeBuilder:
    """An `Algebra` that records operations. Equal operations are recorded once."""

    def __init__(self) -> None:
        self._steps: list[_Step] = []
        self._known: dict[_Step, Value] = {}

    def column(self, key: Key, rotation: int = 0) -> Value:
        """Column `key`, `rotation` rows ahead."""
        return self._record(_Input(key, rotation))

    def query(self, query: Query) -> Value:
        """The column that a graph reads."""
        return self.column(query.column, query.rotation)

    def constant(self, value: int | str) -> Value:
        """A number, or the name of one."""
        return self._record(_Constant(value))

    def add(self, left: Value, right: Value) -> Value:
        """left + right."""
        return self._record(_Operation(Operation.ADD, min(left, right), max(left, right)))

    def subtract(self, left: Value, right: Value) -> Value:
        """left - right."""
        return self._record(_Operation(Operation.SUBTRACT, left, right))

    def multiply(self, left: Value, right: Value) -> Value:
        """left * right."""
        return self._record(_Operation(Operation.MULTIPLY, min(left, right), max(left, right)))

    def _record(self, step: _Step) -> Value:
        if step not in self._known:
            self._known[step] = len(self._steps)
            self._steps.append(step)
        return self._known[step]

    def build(self, result: Value) -> NamedTape:
        """The tape that computes `result`: unused steps dropped, registers shared once their value is spent."""
        if not isinstance(self._steps[result], _Operation):
            result = self.add(result, self.constant(0))
        needed = [(value, self._steps[value]) for value in self._needed(result)]
        inputs = [(value, step) for value, step in needed if isinstance(step, _Input)]
        constants = [(value, step) for value, step in needed if isinstance(step, _Constant)]
        operations = [(value, step) for value, step in needed if isinstance(step, _Operation)]
        columns = list(dict.fromkeys(step.key for _, step in inputs))
        instructions, registers = _allocate([value for value, _ in (*inputs, *constants)], operations)
        tape = Tape(
            inputs=tuple((columns.index(step.key), step.rotation) for _, step in inputs),
            constants=len(constants),
            registers=registers,
            instructions=instructions,
        )
        return NamedTape(tape, tuple(columns), tuple(step.value for _, step in constants))

    def _needed(self, result: Value) -> list[Value]:
        found = {result}
        for value in range(result, -1, -1):
            step = self._steps[value]
            if value in found and isinstance(step, _Operation):
                found.update((step.left, step.right))
        return sorted(found)


@dataclass(frozen=True)
class _Input:
    key: Key
    rotation: int


@dataclass(frozen=True)
class _Constant:
    value: int | str


@dataclass(frozen=True)
class _Operation:
    operation: Operation
    left: Value
    right: Value


_Step = _Input | _Constant | _Operation


def _allocate(
    operands: Sequence[Value], operations: Sequence[tuple[Value, _Operation]]
) -> tuple[NDArray[np.int32], int]:
    """Instructions and the number of registers; a register is free again after its value's last use."""
    place = {value: position for position, value in enumerate(operands)}
    first_register = len(place)
    last_use = {operand: value for value, step in operations for operand in (step.left, step.right)}
    free: list[int] = []
    registers = 0
    lines = np.empty((len(operations), 4), dtype=np.int32)
    for line, (value, step) in enumerate(operations):
        sources = place[step.left], place[step.right]
        for operand in {step.left, step.right}:
            if last_use[operand] == value and place[operand] >= first_register:
                free.append(place[operand] - first_register)
        if free:
            register = free.pop()
        else:
            register, registers = registers, registers + 1
        place[value] = first_register + register
        lines[line] = (step.operation, register, *sources)
    return lines, registers


def sum_of_powers(builder: TapeBuilder, terms: Sequence[Value], base: str) -> Value:
    """terms[0] + base terms[1] + base^2 terms[2] + ..., by Horner's rule."""
    total = terms[-1]
    for term in reversed(terms[:-1]):
        total = builder.add(builder.multiply(total, builder.constant(base)), term)
    return total
