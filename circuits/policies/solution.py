"""Exact interpretation of constraints: the witness of a book, and which constraints it fails.

All sums are integers without rounding: quantities and columns are split into 20-bit limbs, whose products summed over
2^20 rows stay below 2^60; up to four such sums of equal weight are added, and the rest is done with Python integers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

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
from zkmargin.verifier.errors import FormatError

Ints = NDArray[np.int64]
Limbs = list[tuple[int, Ints]]
"""(shift, limb) pairs that add up to an array, shifted."""
ColumnLimbs = dict[tuple[str, ...], Limbs]
"""The limbs of columns in the order of buckets, by part and columns."""
_LIMB_BITS: Final = 20
_LIMB_MASK: Final = (1 << _LIMB_BITS) - 1


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


class Sums:
    """Exact sums of terms for one book.

    `columns` maps names to (rows,) int64 arrays; `lots` is (rows,) int64, |lots| < 2^60, zero off instrument rows.
    `kept` holds the columns' limbs from book to book, for whoever passes the same universe and columns again.
    """

    def __init__(
        self, universe: Universe, columns: Mapping[str, Ints], lots: Ints, *, kept: ColumnLimbs | None = None
    ) -> None:
        self._kept: ColumnLimbs = {} if kept is None else kept
        count = universe.instrument_rows
        if lots.shape != (universe.rows,) or np.any(lots[count:]):
            raise FormatError(f"positions: expected {universe.rows} rows, zero beyond row {count - 1}")
        if not np.all(fits(lots, QUANTITY_BITS)):
            raise RangeError(f"positions: expected quantities below 2^{QUANTITY_BITS} lots in magnitude, got more")
        buckets = universe.bucket_of_row[:count]
        self._order = np.argsort(buckets, kind="stable")
        ordered = buckets[self._order]
        self._starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
        self._buckets = [int(bucket) for bucket in ordered[self._starts]]
        self._stride = universe.expiry_slots + 1
        self._columns = columns
        net = lots[:count][self._order]
        self._parts: dict[Part, Ints] = {
            Part.NET: net,
            Part.GROSS: np.abs(net),
            Part.LONG: np.maximum(net, 0),
            Part.SHORT: np.maximum(-net, 0),
            Part.UNIT: np.ones_like(net),
        }
        self._by_bucket: dict[tuple[str, Part], tuple[int, ...]] = {}

    def prepare(self, constraints: Constraints) -> None:
        """Compute, in one sweep a part, every sum that the constraints will ask for."""
        wanted: dict[Part, list[str]] = {}
        linear_forms = [i.value for i in (*constraints.inequalities, constraints.final)]
        linear_forms += [component for cone in constraints.cones for component in cone.components]
        linear_forms += [least for scalar in constraints.scalars for least in scalar.least]
        for linear_form in linear_forms:
            for term in linear_form.terms:
                names = wanted.setdefault(term.part, [])
                if term.column not in names:
                    names.append(term.column)
        for part, names in wanted.items():
            self._sweep(part, names)

    def term(self, term: Term) -> int:
        """The term's value, coefficient included."""
        key = (term.column, term.part)
        if key not in self._by_bucket:
            self._sweep(term.part, [term.column])
        return term.coefficient * self._group(self._by_bucket[key], term.group)

    def _group(self, sums: tuple[int, ...], group: Group) -> int:
        if group == ACCOUNT:
            return sum(sums)
        pairs = zip(self._buckets, sums, strict=True)
        if group.kind == "bucket":
            return sum(value for bucket, value in pairs if bucket == group.slot)
        return sum(value for bucket, value in pairs if bucket >= 0 and bucket // self._stride == group.slot)

    def _sweep(self, part: Part, names: list[str]) -> None:
        """Sums by bucket of every column of `names` against one part, (len(names), buckets) in exact integers."""
        key = (part, *names)
        if key not in self._kept:
            self._kept[key] = _limbs(np.stack([self._columns[name] for name in names])[:, self._order])
        by_shift: dict[int, Ints] = {}
        part_limbs = _limbs(self._parts[part])
        products = np.empty((len(names), len(self._order)), dtype=np.int64)
        for column_shift, column_limb in self._kept[key]:
            for part_shift, part_limb in part_limbs:
                np.multiply(column_limb, part_limb, out=products)
                partial = np.add.reduceat(products, self._starts, axis=1)
                shift = column_shift + part_shift
                by_shift[shift] = by_shift[shift] + partial if shift in by_shift else partial
        rows = [[0] * len(self._starts) for _ in names]
        for shift, partial in by_shift.items():
            pairs = zip(rows, partial.tolist(), strict=True)
            rows = [[a + (b << shift) for a, b in zip(row, more, strict=True)] for row, more in pairs]
        for name, row in zip(names, rows, strict=True):
            self._by_bucket[name, part] = tuple(row)


def assign(
    constraints: Constraints,
    universe: Universe,
    columns: Mapping[str, Ints],
    lots: Ints,
    *,
    kept: ColumnLimbs | None = None,
) -> Solution:
    """The witness of a book: every private scalar at the smallest value its constraints allow.

    kept: an empty dictionary at first, the same one for further books over the same universe and columns.
    Raises FormatError when a column is missing or has the wrong shape. Never raises for an inadequate book.
    """
    for column in constraints.columns:
        published = columns.get(column.name)
        if published is None or published.shape != (universe.rows,) or published.dtype != np.int64:
            raise FormatError(f"column {column.name}: expected {universe.rows} int64 values of this epoch")
    sums = Sums(universe, columns, lots, kept=kept)
    sums.prepare(constraints)
    values: dict[str, int] = {}
    failures: list[str] = []
    for cone in constraints.cones:
        _assign_norm(cone, sums, values)
    for scalar in constraints.scalars:
        if scalar.indicates is not None:
            values[scalar.name] = int(value_of(scalar.indicates, sums, values) >= 0)
            continue
        values[scalar.name] = max([0, *(value_of(linear_form, sums, values) for linear_form in scalar.least)])
    for inequality in (*constraints.inequalities, constraints.final):
        slack = value_of(inequality.value, sums, values)
        values[inequality.slack.name] = slack
        if slack < 0:
            failures.append(inequality.label)
    return Solution(values, tuple(failures))


def value_of(linear_form: LinearForm, sums: Sums, values: Mapping[str, int]) -> int:
    """An affine value, given the scalars assigned so far."""
    terms = sum(sums.term(term) for term in linear_form.terms)
    return terms + sum(coefficient * values[name] for name, coefficient in linear_form.scalars) + linear_form.constant


def _assign_norm(cone: SecondOrderCone, sums: Sums, values: dict[str, int]) -> None:
    squares = 0
    for index, component in enumerate(cone.components):
        quotient, remainder = divmod(value_of(component, sums, values), 1 << cone.shift)
        values[f"{cone.label}.quotient[{index}]"] = quotient + cone.offset
        values[f"{cone.label}.remainder[{index}]"] = remainder
        squares += quotient * quotient
    magnitude = math.isqrt(squares)
    magnitude += magnitude * magnitude < squares
    values[cone.magnitude] = magnitude
    values[f"{cone.label}.slack"] = magnitude * magnitude - squares


def _limbs(values: Ints) -> Limbs:
    """(shift, limb) pairs that add up to `values`; limbs are in [0, 2^20), the highest in [-2^20, 2^20)."""
    bits = max(int(values.max(initial=0)), -1 - int(values.min(initial=0))).bit_length()
    highest = max(bits - 1, 0) // _LIMB_BITS * _LIMB_BITS
    limbs = [(shift, (values >> shift) & _LIMB_MASK) for shift in range(0, highest, _LIMB_BITS)]
    return [*limbs, (highest, values >> highest)]
