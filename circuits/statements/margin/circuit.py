"""Margin adequacy of one account under a policy.

Public: the policy's columns of one epoch (values, scenario profits and losses, charges), one commitment each; the
venues' commitments to the account's holdings. Hidden: the netted quantities, every requirement and every slack.

The constraints are the policy's constraints, term by term as the integer evaluator reads them: a proof exists exactly
when the evaluator says adequate. The evaluator also supplies the private scalars' values; nothing trusts it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.language.compiler import CompiledProgram, compile_program
from zkmargin.circuits.language.errors import CompileError
from zkmargin.circuits.language.program import Program
from zkmargin.circuits.language.recording import PACKING_SHIFT, PackedColumn, hint
from zkmargin.circuits.language.traced import Scalar, Vector
from zkmargin.circuits.markets.universe import Universe, UniverseShape
from zkmargin.circuits.policies.constraints import (
    ACCOUNT,
    LIMB_BITS,
    Constraints,
    Group,
    Inequality,
    LinearForm,
    Part,
    SecondOrderCone,
)
from zkmargin.circuits.policies.policy import Policy
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.verifier.circuit import Circuit

HOLDING = "net"


@dataclass(frozen=True)
class UniverseLayout:
    """What of a universe a circuit depends on: its shape, and which risk bucket each segment of rows belongs to."""

    shape: UniverseShape
    segments: tuple[int, ...]

    @classmethod
    def of(cls, universe: Universe) -> UniverseLayout:
        """The layout of a universe, the same for all its life."""
        return cls(universe.shape, universe.segments)

    def offsets(self, group: Group) -> tuple[int, ...]:
        """The segments that a group consists of: its rows i are those with i mod len(segments) among them."""
        buckets = self.shape.expiry_slots + 1
        return tuple(
            segment
            for segment, bucket in enumerate(self.segments)
            if bucket >= 0 and group.slot == (bucket if group.kind == "bucket" else bucket // buckets)
        )


@dataclass(frozen=True)
class MarginProgram:
    """A compiled policy, and what its market columns are made of.

    published: for each market column of the circuit, in order, the policy's public columns that it holds; more than one
    are packed, lowest part first.
    """

    compiled: CompiledProgram
    published: tuple[tuple[str, ...], ...]

    @property
    def circuit(self) -> Circuit:
        """The circuit."""
        return self.compiled.circuit

    def market_vectors(self, backend: Backend[V, P], columns: Mapping[str, NDArray[np.int64]]) -> list[V]:
        """The circuit's market columns, (rows,) each, from the policy's public columns."""
        vectors = []
        for names in self.published:
            parts = [backend.vector_from_int64(np.ascontiguousarray(columns[name])) for name in names]
            shifts = [1 << (PACKING_SHIFT * position) for position in range(len(parts))]
            vectors.append(parts[0] if len(parts) == 1 else backend.linear_combination(parts, shifts))
        return vectors


def compile_margin(policy: Policy, layout: UniverseLayout) -> MarginProgram:
    """The program of a policy over a universe's layout; the same for every account and every epoch.

    Raises CompileError or CircuitError naming the label when the policy's rules do not fit the argument.
    """
    return _compile(policy.constraints(layout.shape), layout)


@lru_cache(maxsize=16)
def _compile(constraints: Constraints, layout: UniverseLayout) -> MarginProgram:
    pairs = _pairs(constraints)
    compiled = compile_program(
        lambda program: _Definition(program, constraints, layout, pairs).define(),
        name="margin",
        rows=layout.shape.rows,
        row_bits=LIMB_BITS,
        active_rows=layout.shape.instrument_rows,
    )
    packed = {name: pair for pair in pairs for name in pair}
    published = dict.fromkeys(packed.get(column.name, (column.name,)) for column in constraints.columns)
    return MarginProgram(compiled, tuple(published))


def _pairs(constraints: Constraints) -> list[tuple[str, str]]:
    """Columns to pack two by two: those of inequalities "scalars + sum of column * q >= 0" alike but for the column.

    A column qualifies when nothing else reads it and its sums stay well below the packing shift, and pairs within one
    group of rows and one list of scalars.
    """
    linear_forms = [i.value for i in (*constraints.inequalities, constraints.final)]
    linear_forms += [component for cone in constraints.cones for component in cone.components]
    uses = Counter(term.column for linear_form in linear_forms for term in linear_form.terms)
    bits = {scalar.name: scalar.limbs * LIMB_BITS for scalar in constraints.all_scalars}
    alike: dict[object, list[str]] = {}
    for inequality in constraints.inequalities:
        if not _is_packable(inequality) or uses[inequality.value.terms[0].column] != 1:
            continue
        term = inequality.value.terms[0]
        column = constraints.by_name[term.column]
        reach = constraints.shape.rows << (column.bits + constraints.quantity_bits)
        reach += abs(inequality.value.constant) + (1 << bits[inequality.slack.name])
        reach += sum(abs(coefficient) << bits[name] for name, coefficient in inequality.value.scalars)
        if reach < 1 << PACKING_SHIFT:
            key = (term.group, term.coefficient, inequality.value.scalars, column.bits, column.signed)
            alike.setdefault(key, []).append(term.column)
    return [pair for names in alike.values() for pair in zip(names[::2], names[1::2], strict=False)]


def _is_packable(inequality: Inequality) -> bool:
    terms = inequality.value.terms
    return len(terms) == 1 and terms[0].part is Part.NET and abs(terms[0].coefficient) == 1


class _Definition:
    """Writes constraints into a program."""

    def __init__(
        self, program: Program, constraints: Constraints, layout: UniverseLayout, pairs: list[tuple[str, str]]
    ) -> None:
        self.program = program
        self.constraints = constraints
        self.layout = layout
        self.pair_of = {name: pair for pair in pairs for name in pair}
        self.packed: dict[tuple[str, str], PackedColumn] = {}
        self.columns: dict[str, Vector] = {}
        self.parts: dict[Part, Vector] = {}
        self.masks: dict[Group, Vector | None] = {}
        self.scalars: dict[str, Scalar] = {}

    def define(self) -> None:
        """Columns and parts of the quantity, then every private scalar, then what binds them."""
        constraints, program = self.constraints, self.program
        for column in constraints.columns:
            pair = self.pair_of.get(column.name)
            if pair is None:
                self.columns[column.name] = program.market(column.name, column.bits, signed=column.signed)
            elif pair not in self.packed:
                label = " & ".join(pair)
                self.packed[pair] = program.packed_market(label, column.bits, signed=column.signed)
        net = program.holding(HOLDING)
        _, gross, short = program.sign_split(net, constraints.quantity_bits, label=HOLDING)
        # Columns of their own where a mask multiplies them, as mask * public * q is of degree four.
        masked = self._masked_parts()
        if masked:
            net = program.column(net, label="quantity")
        if masked - {Part.NET}:
            short = program.column(short, label="short")
            gross = net + 2 * short
        self.parts = {Part.NET: net, Part.GROSS: gross, Part.LONG: net + short, Part.SHORT: short}
        for group in constraints.groups:
            if group != ACCOUNT and (offsets := self.layout.offsets(group)):
                label = f"group.{group.kind}[{group.slot}]"
                self.masks[group] = program.mask(label, len(self.layout.segments), offsets)
        for scalar in constraints.all_scalars:
            self.scalars[scalar.name] = program.private_scalar(scalar.name, scalar.bits, hint(scalar.name))
        for cone in constraints.cones:
            self._cone(cone)
        reading = {i.value.terms[0].column: i for i in constraints.inequalities if _is_packable(i)}
        for pair, packed in self.packed.items():
            self._packed_inequalities(packed, [reading[name] for name in pair])
        for inequality in (*constraints.inequalities, constraints.final):
            if not (_is_packable(inequality) and inequality.value.terms[0].column in self.pair_of):
                self._inequality(inequality)

    def _packed_inequalities(self, packed: PackedColumn, inequalities: list[Inequality]) -> None:
        """Two inequalities over one packed column: sum of column * q = (slack - scalars - constant) / coefficient."""
        term = inequalities[0].value.terms[0]
        if term.group != ACCOUNT and term.group not in self.masks:
            raise CompileError(inequalities[0].label, "a group without a segment cannot be packed")
        weight = self.parts[Part.NET]
        if (mask := self.masks.get(term.group)) is not None:
            weight = weight * mask
        rights = []
        for inequality in inequalities:
            right = self.scalars[inequality.slack.name] - inequality.value.constant
            for name, coefficient in inequality.value.scalars:
                right = right - self.scalars[name] * coefficient
            rights.append(right * term.coefficient)
        label = " & ".join(inequality.label for inequality in inequalities)
        self.program.require_packed_sums(packed, weight, rights, label=label)

    def _masked_parts(self) -> set[Part]:
        """The parts of the quantity that are summed over groups of rows."""
        linear_forms = [i.value for i in (*self.constraints.inequalities, self.constraints.final)]
        linear_forms += [component for cone in self.constraints.cones for component in cone.components]
        return {t.part for a in linear_forms for t in a.terms if t.group != ACCOUNT} - {Part.UNIT}

    def _inequality(self, inequality: Inequality) -> None:
        """value = slack, and the slack is not negative."""
        self._require(inequality.value, self.scalars[inequality.slack.name], inequality.label)

    def _cone(self, cone: SecondOrderCone) -> None:
        """Write a cone: the components' quotients, then the magnitude, placed in a column to be squared."""
        program = self.program
        quotients = [self.scalars[f"{cone.label}.quotient[{j}]"] - cone.offset for j in range(len(cone.components))]
        for index, (component, quotient) in enumerate(zip(cone.components, quotients, strict=True)):
            remainder = self.scalars[f"{cone.label}.remainder[{index}]"]
            label = f"{cone.label}.division[{index}]"
            self._exactly_below(remainder, cone.shift, f"{label}.remainder")
            self._require(component, quotient * (1 << cone.shift) + remainder, label)
        placed = program.place([*quotients, self.scalars[cone.magnitude]], label=f"{cone.label}.placed")
        last = len(quotients)
        signs = program.sparse({**dict.fromkeys(range(last), -1), last: 1})
        program.require_sum(signs * placed * placed, self.scalars[f"{cone.label}.slack"], label=cone.label)

    def _exactly_below(self, scalar: Scalar, bits: int, label: str) -> None:
        """scalar < 2^bits where its rows hold more: 2^bits - 1 - scalar is a private scalar too."""
        if bits % self.program.row_bits == 0:
            return
        top = (1 << bits) - 1
        gap = self.program.private_scalar(f"{label}.gap", bits, lambda context: top - context.scalar(scalar))
        zero = self.parts[Part.NET] * 0
        self.program.require_sum(zero, gap + scalar - top, label=f"{label}.bound")

    def _require(self, left: LinearForm, right: Scalar, label: str) -> None:
        """left = right, with private scalars moved to the right side."""
        total: Vector | None = None
        for term in left.terms:
            if term.group != ACCOUNT and term.group not in self.masks:
                continue  # a group without a segment: no row can ever be in it
            vector = self.columns[term.column]
            if term.part is not Part.UNIT:
                vector = vector * self.parts[term.part]
            if (mask := self.masks.get(term.group)) is not None:
                vector = vector * mask
            total = vector * term.coefficient if total is None else total + vector * term.coefficient
        for name, coefficient in left.scalars:
            right = right - self.scalars[name] * coefficient
        empty = self.parts[Part.NET] * 0
        self.program.require_sum(empty if total is None else total, right - left.constant, label=label)
