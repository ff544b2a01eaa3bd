"""Straight-line programs over rows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zkmargin.prover.kernels.interface import Backend, Operation, Tape
from zkmargin.prover.kernels.reference import ReferenceBackend
from zkmargin.verifier.field import SCALAR_MODULUS

from .strategies import scalars

AnyBackend = Backend[Any, Any]

COLUMNS = 3
REGISTERS = 4


def make_tape(
    inputs: list[tuple[int, int]], constants: int, instructions: Sequence[tuple[int, ...]], registers: int = REGISTERS
) -> Tape:
    return Tape(tuple(inputs), constants, registers, np.array(instructions, dtype=np.int32))


@st.composite
def tapes(draw: st.DrawFn) -> Tape:
    """Programs that read anything already known and overwrite any register, an operand's own among them."""
    column = st.integers(0, COLUMNS - 1)
    inputs = draw(st.lists(st.tuples(column, st.integers(-1000, 1000)), min_size=1, max_size=4))
    constants = draw(st.integers(0, 3))
    known = set(range(len(inputs) + constants))
    instructions = []
    for _ in range(draw(st.integers(1, 12))):
        operands = st.sampled_from(sorted(known))
        operation = draw(st.sampled_from(list(Operation)))
        destination = draw(st.integers(0, REGISTERS - 1))
        instructions.append((int(operation), destination, draw(operands), draw(operands)))
        known.add(len(inputs) + constants + destination)
    return make_tape(inputs, constants, instructions)


@given(tape=tapes(), rows=st.integers(0, 9), data=st.data())
def test_random_programs(
    native: AnyBackend, reference: ReferenceBackend, tape: Tape, rows: int, data: st.DataObject
) -> None:
    columns = [data.draw(st.lists(scalars, min_size=rows, max_size=rows)) for _ in range(COLUMNS)]
    constants = data.draw(st.lists(scalars, min_size=tape.constants, max_size=tape.constants))
    result = native.evaluate_tape(tape, [native.vector(column) for column in columns], constants)
    expected = reference.evaluate_tape(tape, [reference.vector(column) for column in columns], constants)
    assert native.to_ints(result) == reference.to_ints(expected)


@pytest.mark.parametrize("rows", [255, 256, 257, 5000])
def test_rotations_wrap_across_blocks(native: AnyBackend, rows: int) -> None:
    rng = random.Random(rows)
    column = [rng.randrange(SCALAR_MODULUS) for _ in range(rows)]
    for rotation in (1, -1, rows - 1, rows, -3 * rows - 2, 300):
        tape = make_tape([(0, 0), (0, rotation)], 1, [(2, 0, 0, 1), (1, 0, 3, 2)], registers=1)
        result = native.evaluate_tape(tape, [native.vector(column)], [5])
        expected = [(v * column[(i + rotation) % rows] - 5) % SCALAR_MODULUS for i, v in enumerate(column)]
        assert native.to_ints(result) == expected


def test_constants_alone(backend: AnyBackend) -> None:
    tape = make_tape([], 2, [(2, 0, 0, 1), (1, 1, 0, 2)], registers=2)
    assert backend.to_ints(backend.evaluate_tape(tape, [backend.constant(0, 3)], [7, 6])) == [SCALAR_MODULUS - 35] * 3


MALFORMED = {
    "no instruction": make_tape([(0, 0)], 0, []),
    "unknown operation": make_tape([(0, 0)], 0, [(3, 0, 0, 0)]),
    "negative operation": make_tape([(0, 0)], 0, [(-1, 0, 0, 0)]),
    "register out of range": make_tape([(0, 0)], 0, [(0, 1, 0, 0)], registers=1),
    "negative register": make_tape([(0, 0)], 0, [(0, -1, 0, 0)]),
    "operand out of range": make_tape([(0, 0)], 0, [(0, 0, 0, 9)]),
    "negative operand": make_tape([(0, 0)], 0, [(0, 0, -1, 0)]),
    "register read before it is written": make_tape([(0, 0)], 0, [(0, 0, 0, 2)]),
    "column out of range": make_tape([(1, 0)], 0, [(0, 0, 0, 0)]),
    "negative column": make_tape([(-1, 0)], 0, [(0, 0, 0, 0)]),
    "three numbers an instruction": make_tape([(0, 0)], 0, [(0, 0, 0)]),
    "constants missing": make_tape([(0, 0)], 1, [(0, 0, 0, 1)]),
}


@pytest.mark.parametrize("tape", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_tapes_are_refused(backend: AnyBackend, tape: Tape) -> None:
    with pytest.raises(ValueError, match=r"tape|constants"):
        backend.evaluate_tape(tape, [backend.constant(1, 4)], [])


def test_columns_must_agree(backend: AnyBackend) -> None:
    tape = make_tape([(0, 0)], 0, [(0, 0, 0, 0)])
    with pytest.raises(ValueError, match="columns"):
        backend.evaluate_tape(tape, [backend.constant(1, 4), backend.constant(1, 5)], [])
    with pytest.raises(ValueError, match="column"):
        backend.evaluate_tape(tape, [], [])
