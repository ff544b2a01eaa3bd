"""The private scalars of many books at once: what `policies.solution` computes for one, as arrays over accounts.

Sums of public columns with books are matrix products of 20-bit limbs in double precision, which is exact: 2^12 products
below 2^40 stay below 2^52. They are put together as Python integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.markets.units import integers
from zkmargin.circuits.policies.constraints import (
    ACCOUNT,
    Constraints,
    Group,
    LinearForm,
    Part,
    SecondOrderCone,
    Term,
)
from zkmargin.circuits.statements.broker.circuit import BrokerProgram
from zkmargin.verifier.statements.broker.circuit import PARTS

Ints = NDArray[np.int64]
Objects = NDArray[np.object_]
"""(accounts,) Python integers."""

_LIMB_BITS: Final = 20
_EXACT_ROWS: Final = 1 << 12
"""Rows whose products of 20-bit limbs add up exactly in double precision."""
_ACCOUNTS: Final = 512
"""Accounts at a time: what bounds memory."""


@dataclass(frozen=True)
class Solutions:
    """Values of all private scalars, (accounts,) each; and of each account that fails its first failing constraint."""

    values: Mapping[str, Objects]
    failures: Mapping[int, str]

    def __repr__(self) -> str:
        """Says nothing of what is held."""
        return f"Solutions({len(self.values)} scalars, {len(self.failures)} failures)"


def assign_all(constraints: Constraints, program: BrokerProgram, columns: Mapping[str, Ints], books: Ints) -> Solutions:
    """The witness of every book, (accounts, rows) lots, at the smallest values that the constraints allow."""
    sums = _Sums(program, columns, books)
    values: dict[str, Objects] = {}
    failures: dict[int, str] = {}
    for cone in constraints.cones:
        _assign_cone(cone, sums, values)
    for scalar in constraints.scalars:
        if scalar.indicates is not None:
            values[scalar.name] = _elementwise(_is_not_negative)(sums.value(scalar.indicates, values))
            continue
        least = np.zeros(len(books), dtype=object)
        for form in scalar.least:
            least = np.maximum(least, sums.value(form, values))
        values[scalar.name] = least
    for inequality in (*constraints.inequalities, constraints.final):
        slack = sums.value(inequality.value, values)
        values[inequality.slack.name] = slack
        for account in np.flatnonzero((slack < 0).astype(bool)).tolist():
            failures.setdefault(account, inequality.label)
    for gap, remainder, top in program.gaps:
        values[gap] = top - values[remainder]
    return Solutions(values, failures)


def _assign_cone(cone: SecondOrderCone, sums: _Sums, values: dict[str, Objects]) -> None:
    squares: Any = np.zeros(sums.accounts, dtype=object)
    for index, component in enumerate(cone.components):
        value = sums.value(component, values)
        quotient = value // (1 << cone.shift)
        values[f"{cone.label}.quotient[{index}]"] = quotient + cone.offset
        values[f"{cone.label}.remainder[{index}]"] = value - quotient * (1 << cone.shift)
        squares = squares + quotient * quotient
    root = _elementwise(_root_above)(squares)
    values[cone.magnitude] = root
    values[f"{cone.label}.slack"] = root * root - squares


def _is_not_negative(value: int) -> int:
    return int(value >= 0)


def _root_above(square: int) -> int:
    root = math.isqrt(square)
    return root + (root * root < square)


def _elementwise(function: Callable[[int], int]) -> Callable[[Objects], Objects]:
    return np.frompyfunc(function, 1, 1)


class _Sums:
    """Sums of (column, mask) pairs with q and with |q| of every book."""

    def __init__(self, program: BrokerProgram, columns: Mapping[str, Ints], books: Ints) -> None:
        circuit = program.circuit
        self.accounts = len(books)
        self._column = {column.name: index for index, column in enumerate(circuit.columns)}
        self._masks: dict[Group, int | None] = {ACCOUNT: None, **program.masks}
        pairs = circuit.sums
        stacked = {pair: np.zeros(circuit.universe_rows, dtype=np.int64) for pair in pairs}
        for (column, mask), masked in stacked.items():
            values = columns[circuit.columns[column].name]
            rows = slice(None) if mask is None else circuit.masks[mask].rows(circuit.universe_rows)
            masked[rows] = values[rows]
        parts: dict[str, set[tuple[int, int | None]]] = {part: set() for part in PARTS}
        for equation in circuit.equations:
            for term in equation.terms:
                parts[term.part].add((term.column, term.mask))
        self._unit = {pair: int(stacked[pair].astype(object).sum()) for pair in parts["unit"]}
        both = parts["long"] | parts["short"]
        self._net = _sums_of(stacked, parts["net"] | both, books)
        self._gross = _sums_of(stacked, parts["gross"] | both, books, magnitude=True)

    def value(self, form: LinearForm, values: Mapping[str, Objects]) -> Objects:
        """A form's value for every account, given the scalars assigned so far."""
        total: Any = np.full(self.accounts, form.constant, dtype=object)
        for term in form.terms:
            total = total + self._term(term)
        for name, coefficient in form.scalars:
            total = total + coefficient * values[name]
        return np.asarray(total, dtype=object)

    def _term(self, term: Term) -> Any:
        if term.group not in self._masks:
            return 0  # a group without a segment: no row can ever be in it
        pair = self._column[term.column], self._masks[term.group]
        if term.part is Part.UNIT:
            return term.coefficient * self._unit[pair]
        if term.part is Part.NET:
            return term.coefficient * self._net[pair]
        if term.part is Part.GROSS:
            return term.coefficient * self._gross[pair]
        net, gross = self._net[pair], self._gross[pair]
        return term.coefficient * ((gross + net if term.part is Part.LONG else gross - net) // 2)


def _sums_of(
    columns: Mapping[tuple[int, int | None], Ints],
    pairs: Set[tuple[int, int | None]],
    books: Ints,
    *,
    magnitude: bool = False,
) -> dict[tuple[int, int | None], Objects]:
    """The sums of some pairs' columns with every book, or with the books' magnitudes."""
    order = [pair for pair in columns if pair in pairs]
    if not order:
        return {}
    return dict(zip(order, _products(np.stack([columns[pair] for pair in order]), books, magnitude), strict=True))


def _products(columns: Ints, books: Ints, magnitude: bool) -> list[Objects]:
    """columns @ books^T in exact integers, or of |books|: (accounts,) for each of the (pairs, rows) columns."""
    totals = [np.zeros(len(books), dtype=object) for _ in columns]
    for start in range(0, len(books), _ACCOUNTS):
        part = np.asarray(books[start : start + _ACCOUNTS])
        part = np.abs(part) if magnitude else part
        by_shift: dict[int, Ints] = {}
        for low in range(0, columns.shape[1], _EXACT_ROWS):
            rows = slice(low, low + _EXACT_ROWS)
            book_limbs = [(shift, limb.T) for shift, limb in _limbs(part[:, rows])]
            for column_shift, column in _limbs(columns[:, rows]):
                for book_shift, book in book_limbs:
                    product = integers(column @ book)
                    shift = column_shift + book_shift
                    by_shift[shift] = by_shift[shift] + product if shift in by_shift else product
        for shift, product in by_shift.items():
            for total, row in zip(totals, product.astype(object), strict=True):
                total[start : start + len(part)] += row * (1 << shift)
    return totals


def _limbs(values: Ints) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """(shift, limb) pairs that add up to `values`: limbs in [0, 2^20), the highest in [-2^20, 2^20)."""
    bits = max(int(values.max(initial=0)), -1 - int(values.min(initial=0))).bit_length()
    highest = max(bits - 1, 0) // _LIMB_BITS * _LIMB_BITS
    for shift in range(0, highest, _LIMB_BITS):
        yield shift, ((values >> shift) & ((1 << _LIMB_BITS) - 1)).astype(np.float64)
    yield highest, (values >> highest).astype(np.float64)
