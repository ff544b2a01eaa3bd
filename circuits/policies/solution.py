"""Exact interpretation of constraints: the witness of a book, and which constraints it fails.

All sums are integers without rounding, by one kernel; what is made of them is Python integers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.markets.units import QUANTITY_BITS, RangeError, fits
from zkmargin.circuits.markets.universe import Universe
from zkmargin.circuits.policies.constraints import (
    ACCOUNT,
    Constraints,
    Group,
    LinearForm,
    Part,
    SecondOrderCone,
    Term,
)
from zkmargin.prover.kernels import load_backend
from zkmargin.prover.kernels.interface import Backend
from zkmargin.verifier.errors import FormatError

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Solution:
    """The values of all private scalars for one book, taken as small as the constraints allow.

    `values` holds free scalars, norms' scalars and slacks by name; a slack may be negative, and then its constraint's
    label is in `failures`. The book is adequate exactly when nothing fails.
    """

    values: Mapping[str, int]
    failures: tuple[str, ...]

    @property
    def adequate(self) -> bool:
        """Whether every constraint holds."""
        return not self.failures

    def __repr__(self) -> str:
        """Says nothing of what is held."""
        return f"Assignment({len(self.values)} scalars, {'adequate' if self.adequate else 'inadequate'})"


class Rows:
    """A universe's instrument rows in the order of their buckets, so that a bucket is a segment of rows."""

    def __init__(self, universe: Universe) -> None:
        self.rows, self.count = universe.rows, universe.instrument_rows
        buckets = universe.bucket_of_row[: self.count]
        self.order = np.argsort(buckets, kind="stable")
        ordered = buckets[self.order]
        self.starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
        self.buckets = [int(bucket) for bucket in ordered[self.starts]]
        self._stride = universe.expiry_slots + 1

    def inside(self, group: Group) -> list[int]:
        """The positions, among the buckets, of those that a group consists of."""
        if group == ACCOUNT:
            return list(range(len(self.buckets)))
        per_slot = 1 if group.kind == "bucket" else self._stride
        return [i for i, bucket in enumerate(self.buckets) if bucket >= 0 and bucket // per_slot == group.slot]

    def matrix(self, columns: Sequence[Ints]) -> bytes:
        """Columns as `Backend.segment_sums` takes them."""
        return np.stack(columns)[:, self.order].astype("<i8").tobytes()

    def parts(self, lots: Ints) -> dict[Part, Ints]:
        """What multiplies a column in every kind of term.

        Raises FormatError for another shape or a quantity that is not on an instrument's row, RangeError for one of
        2^60 lots or more.
        """
        if lots.shape != (self.rows,) or np.any(lots[self.count :]):
            raise FormatError(f"positions: expected {self.rows} rows, zero beyond row {self.count - 1}")
        if not np.all(fits(lots, QUANTITY_BITS)):
            raise RangeError(f"positions: expected quantities below 2^{QUANTITY_BITS} lots in magnitude, got more")
        net = lots[: self.count][self.order]
        return {
            Part.NET: net,
            Part.GROSS: np.abs(net),
            Part.LONG: np.maximum(net, 0),
            Part.SHORT: np.maximum(-net, 0),
            Part.UNIT: np.ones_like(net),
        }


class Sums:
    """Exact sums of terms for one book, each computed when it is first asked for.

    `columns` maps names to (rows,) int64 arrays; `lots` is (rows,) int64, |lots| < 2^60, zero off instrument rows.
    """

    def __init__(
        self,
        universe: Universe,
        columns: Mapping[str, Ints],
        lots: Ints,
        *,
        backend: Backend[Any, Any] | None = None,
    ) -> None:
        self._rows = Rows(universe)
        self._parts = self._rows.parts(lots)
        self._columns = columns
        self._backend = backend or load_backend()
        self._by_bucket: dict[tuple[str, Part], list[int]] = {}

    def term(self, term: Term) -> int:
        """The term's value, coefficient included."""
        key = (term.column, term.part)
        if key not in self._by_bucket:
            matrix = self._rows.matrix([self._columns[term.column]])
            self._by_bucket[key] = self._backend.segment_sums(matrix, self._parts[term.part], self._rows.starts)
        return term.coefficient * sum(self._by_bucket[key][i] for i in self._rows.inside(term.group))


class Solver:
    """Solves books over one market, whose constraints are compiled once to sums and what is made of them.

    Raises FormatError when a column is missing or has the wrong shape.
    """

    def __init__(
        self,
        constraints: Constraints,
        universe: Universe,
        columns: Mapping[str, Ints],
        backend: Backend[Any, Any] | None = None,
    ) -> None:
        for column in constraints.columns:
            published = columns.get(column.name)
            if published is None or published.shape != (universe.rows,) or published.dtype != np.int64:
                raise FormatError(f"column {column.name}: expected {universe.rows} int64 values of this epoch")
        self._backend = backend or load_backend()
        self._rows = Rows(universe)
        plan = _Plan(constraints, self._rows)
        self._sweeps = [
            (part, self._rows.matrix([columns[name] for name in names]), plan.starts(whole=whole))
            for (part, whole), names in plan.sweeps.items()
        ]
        self._cones = [(cone, [plan.compiled(form) for form in cone.components]) for cone in constraints.cones]
        self._free = [
            (
                scalar.name,
                [plan.compiled(form) for form in scalar.least],
                None if scalar.indicates is None else plan.compiled(scalar.indicates),
            )
            for scalar in constraints.scalars
        ]
        self._slacks = [
            (inequality.label, inequality.slack.name, plan.compiled(inequality.value))
            for inequality in (*constraints.inequalities, constraints.final)
        ]

    def solve(self, lots: Ints) -> Solution:
        """The witness of a book: every private scalar at the smallest value its constraints allow.

        lots: (rows,) int64, |lots| < 2^60, zero off instrument rows, else FormatError or RangeError. Never raises for
        an inadequate book.
        """
        parts = self._rows.parts(lots)
        sums: list[int] = []
        for part, matrix, starts in self._sweeps:
            sums += self._backend.segment_sums(matrix, parts[part], starts)
        values: dict[str, int] = {}
        failures: list[str] = []
        for cone, components in self._cones:
            _assign_norm(cone, [component.value(sums, values) for component in components], values)
        for name, least, indicates in self._free:
            if indicates is not None:
                values[name] = int(indicates.value(sums, values) >= 0)
            else:
                values[name] = max([0, *(form.value(sums, values) for form in least)])
        for label, name, form in self._slacks:
            slack = values[name] = form.value(sums, values)
            if slack < 0:
                failures.append(label)
        return Solution(values, tuple(failures))

    def __repr__(self) -> str:
        return f"Solver({len(self._slacks)} inequalities)"


@dataclass(frozen=True)
class _Form:
    """A linear form; its terms are positions in the list of all sums, each with a coefficient."""

    terms: tuple[tuple[int, int], ...]
    scalars: tuple[tuple[str, int], ...]
    constant: int

    def value(self, sums: Sequence[int], values: Mapping[str, int]) -> int:
        total = self.constant
        for position, coefficient in self.terms:
            total += coefficient * sums[position]
        for name, coefficient in self.scalars:
            total += coefficient * values[name]
        return total


class _Plan:
    """Which sums constraints need, and where each is in the list of all.

    sweeps: the columns to sum against a part, over the whole account (True) or bucket by bucket.
    """

    def __init__(self, constraints: Constraints, rows: Rows) -> None:
        self._rows = rows
        forms = [inequality.value for inequality in (*constraints.inequalities, constraints.final)]
        forms += [component for cone in constraints.cones for component in cone.components]
        forms += [least for scalar in constraints.scalars for least in scalar.least]
        forms += [scalar.indicates for scalar in constraints.scalars if scalar.indicates is not None]
        self.sweeps: dict[tuple[Part, bool], dict[str, None]] = defaultdict(dict)
        for term in (term for form in forms for term in form.terms):
            self.sweeps[term.part, term.group == ACCOUNT][term.column] = None
        self._first: dict[tuple[str, Part, bool], int] = {}
        position = 0
        for (part, whole), names in self.sweeps.items():
            for name in names:
                self._first[name, part, whole] = position
                position += len(self.starts(whole=whole))

    def starts(self, *, whole: bool) -> Ints:
        """The first rows of the segments that a sweep sums over."""
        return self._rows.starts[:1] if whole else self._rows.starts

    def compiled(self, form: LinearForm) -> _Form:
        """The form over the list of all sums."""
        terms: list[tuple[int, int]] = []
        for term in form.terms:
            whole = term.group == ACCOUNT
            first = self._first[term.column, term.part, whole]
            inside = [0] if whole else self._rows.inside(term.group)
            terms += [(first + position, term.coefficient) for position in inside]
        return _Form(tuple(terms), form.scalars, form.constant)


def assign(constraints: Constraints, universe: Universe, columns: Mapping[str, Ints], lots: Ints) -> Solution:
    """`Solver.solve` for one book: for many over one market, keep a `Solver`."""
    return Solver(constraints, universe, columns).solve(lots)


def value_of(linear_form: LinearForm, sums: Sums, values: Mapping[str, int]) -> int:
    """An affine value, given the scalars assigned so far."""
    terms = sum(sums.term(term) for term in linear_form.terms)
    return terms + sum(coefficient * values[name] for name, coefficient in linear_form.scalars) + linear_form.constant


def _assign_norm(cone: SecondOrderCone, components: Sequence[int], values: dict[str, int]) -> None:
    squares = 0
    for index, component in enumerate(components):
        quotient, remainder = divmod(component, 1 << cone.shift)
        values[f"{cone.label}.quotient[{index}]"] = quotient + cone.offset
        values[f"{cone.label}.remainder[{index}]"] = remainder
        squares += quotient * quotient
    magnitude = math.isqrt(squares)
    magnitude += magnitude * magnitude < squares
    values[cone.magnitude] = magnitude
    values[f"{cone.label}.slack"] = magnitude * magnitude - squares
