"""Obligations: what a policy demands of a book, as data that the evaluator and the circuit builder both read.

A policy emits `Obligations` from itself and the shape of a universe alone; nothing in them depends on holdings,
prices or what is listed, so one verifying key serves every account and every epoch. They speak of

- the netted quantities q, one integer a row, |q| < 2^quantity_bits, zero on rows that are not instrument rows;
- *public columns*, one integer a row, published for the epoch (`Policy.public_columns`), with a declared bound;
- *private scalars*, non-negative integers of a declared number of bits, chosen by the prover.

A `Term` is a sum over rows: coefficient * sum_{i in group} column_i * part(q_i), where the part is q itself (NET), |q|
(GROSS), max(q, 0) (LONG), max(-q, 0) (SHORT) or one (UNIT: a public constant kept in a column). An `Affine` adds terms,
multiples of private scalars, and a constant. Two kinds of obligation exist, and no maximum is ever taken:

- `Inequality`: an affine value is >= 0. Its slack is a private scalar equal to the value.
- `SquareNorm`: magnitude^2 >= sum_j quotient_j^2, with component_j = quotient_j 2^shift + remainder_j exactly.

A private scalar that stands for a maximum ("the requirement is at least every loss") is free: obligations bound it from
below, and the prover's interest makes it small. Its `least` is the hint: the smallest value that satisfies them is
max(0, *least), which the evaluator takes; so "adequate" means exactly that some witness satisfies every obligation.

Degrees for a circuit: with s the sign bit of q, LONG and SHORT are of degree two in witness columns, GROSS too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.markets.universe import Universe, UniverseShape
from zkmargin.verifier.errors import FormatError

LIMB_BITS: Final = 60
"""Bits of a private scalar that one reserved row carries."""
MAX_SCALAR_BITS: Final = 240
"""A private scalar has at most four limb rows; a sum of more bits could wrap around the field."""
MAX_COLUMN_BITS: Final = 62
"""Public columns are int64 arrays."""


class ObligationError(FormatError):
    """Obligations that could not be checked soundly: a bound that might wrap around, an unknown or repeated name."""


class Part(StrEnum):
    """What of a row's quantity multiplies a public column."""

    NET = "net"
    GROSS = "gross"
    LONG = "long"
    SHORT = "short"
    UNIT = "unit"


@dataclass(frozen=True, order=True)
class Group:
    """A set of rows fixed by the universe's layout: the account (all instrument rows), an underlying slot, a bucket.

    `slot` of an underlying is its index; of a bucket it is underlying * (expiry_slots + 1) + expiry slot.
    """

    kind: Literal["account", "underlying", "bucket"]
    slot: int = 0


ACCOUNT: Final = Group("account")


def group_mask(universe: Universe, group: Group) -> NDArray[np.bool_]:
    """(rows,) which rows belong to a group; never a row of private scalars.

    A function of the universe's layout alone.
    """
    if group == ACCOUNT:
        return np.asarray(np.arange(universe.rows) < universe.instrument_rows)
    slots = universe.bucket_of_row if group.kind == "bucket" else universe.underlying_of_row
    return np.asarray(slots == group.slot)


def mask_offsets(universe: Universe, group: Group) -> tuple[int, tuple[int, ...]]:
    """(stride, offsets): the group's instrument rows are those of the rows i with i mod stride in offsets.

    Rows of private scalars match too; public columns and quantities are zero there.
    """
    stride = len(universe.segments)
    if group == ACCOUNT:
        return 1, (0,)
    per_slot = 1 if group.kind == "bucket" else universe.expiry_slots + 1
    inside = (bucket >= 0 and bucket // per_slot == group.slot for bucket in universe.segments)
    return stride, tuple(offset for offset, match in enumerate(inside) if match)


@dataclass(frozen=True)
class PublicColumn:
    """A column of the epoch: |value| < 2^bits on instrument rows and zero elsewhere; non-negative unless `signed`."""

    name: str
    bits: int
    signed: bool


@dataclass(frozen=True)
class Term:
    """coefficient * sum over the rows of `group` of column * part(q)."""

    column: str
    part: Part
    group: Group = ACCOUNT
    coefficient: int = 1


@dataclass(frozen=True)
class Affine:
    """Terms, multiples of private scalars by name, and a constant. Unit: whatever its terms' columns are in."""

    terms: tuple[Term, ...] = ()
    scalars: tuple[tuple[str, int], ...] = ()
    constant: int = 0

    def __add__(self, other: Affine) -> Affine:
        terms: dict[tuple[str, Part, Group], int] = {}
        for term in (*self.terms, *other.terms):
            key = (term.column, term.part, term.group)
            terms[key] = terms.get(key, 0) + term.coefficient
        scalars: dict[str, int] = {}
        for name, coefficient in (*self.scalars, *other.scalars):
            scalars[name] = scalars.get(name, 0) + coefficient
        return Affine(
            tuple(Term(*key, coefficient) for key, coefficient in terms.items() if coefficient),
            tuple((name, coefficient) for name, coefficient in scalars.items() if coefficient),
            self.constant + other.constant,
        )

    def __mul__(self, factor: int) -> Affine:
        if not factor:
            return Affine()
        return Affine(
            tuple(Term(t.column, t.part, t.group, t.coefficient * factor) for t in self.terms),
            tuple((name, coefficient * factor) for name, coefficient in self.scalars),
            self.constant * factor,
        )

    __rmul__ = __mul__

    def __neg__(self) -> Affine:
        return self * -1

    def __sub__(self, other: Affine) -> Affine:
        return self + (-other)

    @classmethod
    def of(cls, column: str, part: Part, group: Group = ACCOUNT, coefficient: int = 1) -> Affine:
        """One term."""
        return cls((Term(column, part, group, coefficient),))

    @classmethod
    def scalar(cls, name: str) -> Affine:
        """One private scalar."""
        return cls(scalars=((name, 1),))


@dataclass(frozen=True)
class PrivateScalar:
    """0 <= value < 2^bits. Hint: max(0, *least); an affine of `least` uses earlier scalars only."""

    name: str
    bits: int
    least: tuple[Affine, ...] = ()

    @property
    def limbs(self) -> int:
        """Reserved rows that its range check takes."""
        return -(-self.bits // LIMB_BITS)


@dataclass(frozen=True)
class Floor:
    """Marks an inequality "requirement >= loss" for the report: which requirement, and what loss it is."""

    requirement: str
    title: str
    group: Group


@dataclass(frozen=True)
class Inequality:
    """`value` = slack, with slack a private scalar in [0, 2^slack_bits)."""

    label: str
    value: Affine
    slack_bits: int
    floor: Floor | None = None

    @property
    def slack(self) -> PrivateScalar:
        """The slack as a private scalar; its value is that of the affine."""
        return PrivateScalar(f"{self.label}.slack", self.slack_bits)


@dataclass(frozen=True)
class SquareNorm:
    """magnitude^2 - sum_j (quotient_j - offset)^2 = slack >= 0, where for every component j

        component_j = (quotient_j - offset) * 2^shift + remainder_j,  0 <= remainder_j < 2^shift.

    quotient_j < 2 offset = 2^quotient_bits, remainder_j, magnitude and slack are private scalars. As the remainders are
    below 2^shift, |component| <= 2^shift (magnitude + sqrt(number of components)) by the triangle inequality.
    """

    label: str
    components: tuple[Affine, ...]
    shift: int
    quotient_bits: int
    magnitude_bits: int
    slack_bits: int

    @property
    def offset(self) -> int:
        """What is added to a signed quotient to make it a non-negative scalar."""
        return 1 << (self.quotient_bits - 1)

    @property
    def magnitude(self) -> str:
        """Name of the magnitude."""
        return f"{self.label}.magnitude"

    @property
    def scalars(self) -> tuple[PrivateScalar, ...]:
        """Quotients, remainders, magnitude and slack, in this order."""
        indices = range(len(self.components))
        return (
            *(PrivateScalar(f"{self.label}.quotient[{j}]", self.quotient_bits) for j in indices),
            *(PrivateScalar(f"{self.label}.remainder[{j}]", self.shift) for j in indices),
            PrivateScalar(self.magnitude, self.magnitude_bits),
            PrivateScalar(f"{self.label}.slack", self.slack_bits),
        )


@dataclass(frozen=True)
class Obligations:
    """Everything that a book must satisfy under a policy.

    `scalars` are the free ones in the order of their hints; slacks and the scalars of norms come on top
    (`all_scalars`). `final` is the inequality that decides adequacy: value_scale * (value - cover * requirement) >= 0.
    """

    shape: UniverseShape
    quantity_bits: int
    columns: tuple[PublicColumn, ...]
    scalars: tuple[PrivateScalar, ...]
    norms: tuple[SquareNorm, ...]
    inequalities: tuple[Inequality, ...]
    final: Inequality
    value_scale: int
    """The final inequality is in units of usd_e12 / value_scale, so that cover and risk factor stay exact."""
    risk_scale: int
    """What a requirement scalar counts for in the final inequality."""

    @cached_property
    def by_name(self) -> Mapping[str, PublicColumn]:
        """Columns by name."""
        return {column.name: column for column in self.columns}

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Every group that a term sums over, in order."""
        affines = [i.value for i in (*self.inequalities, self.final)] + [c for n in self.norms for c in n.components]
        return tuple(sorted({term.group for affine in affines for term in affine.terms}))

    @cached_property
    def all_scalars(self) -> tuple[PrivateScalar, ...]:
        """Free scalars, norms' scalars, slacks: all that a witness consists of besides the quantities."""
        return (
            *self.scalars,
            *(scalar for norm in self.norms for scalar in norm.scalars),
            *(inequality.slack for inequality in (*self.inequalities, self.final)),
        )

    @property
    def scalar_rows(self) -> int:
        """Reserved rows that all private scalars take, one limb of 60 bits a row."""
        return sum(scalar.limbs for scalar in self.all_scalars)


class Draft:
    """Collects obligations. Rules call it; `finish` computes every slack's bound and checks that nothing can wrap."""

    def __init__(self, shape: UniverseShape, quantity_bits: int) -> None:
        self.shape = shape
        self.quantity_bits = quantity_bits
        self.columns: dict[str, PublicColumn] = {}
        self._free: list[PrivateScalar] = []
        self._bits: dict[str, int] = {}
        self._norms: list[SquareNorm] = []
        self._inequalities: list[Inequality] = []
        self._floors: dict[Group, list[tuple[str, str, Affine]]] = {}
        self.deductions = Affine()
        """Taken from the value: haircuts."""
        self.charges = Affine()
        """Added to the requirement."""

    # -- what rules use -----------------------------------------------------------------------------------------------

    def column(self, name: str, bits: int, *, signed: bool) -> str:
        """Declare a public column; returns its name."""
        if name in self.columns or not 1 <= bits <= MAX_COLUMN_BITS:
            raise ObligationError(f"{name}: expected a new column of 1 to {MAX_COLUMN_BITS} bits")
        self.columns[name] = PublicColumn(name, bits, signed)
        return name

    def underlyings(self) -> tuple[Group, ...]:
        """The groups of per-underlying netting; with one slot that is the account, which needs no mask."""
        if self.shape.underlying_slots <= 1:
            return (ACCOUNT,)
        return tuple(Group("underlying", slot) for slot in range(self.shape.underlying_slots))

    def buckets(self, underlying: Group) -> tuple[Group, ...]:
        """The groups of one expiry each within an underlying's group."""
        stride = self.shape.expiry_slots + 1
        slots = range(1, stride) if self.shape.underlying_slots else ()
        return tuple(Group("bucket", underlying.slot * stride + slot) for slot in slots)

    def at_least(self, name: str, *lower: Affine, labels: Sequence[str] = ()) -> Affine:
        """A new private scalar that is >= 0 and >= each of `lower`."""
        bound = max((self._bound(affine)[1] for affine in lower), default=0)
        self._scalar(PrivateScalar(name, max(1, bound.bit_length()), tuple(lower)))
        for index, affine in enumerate(lower):
            label = labels[index] if labels else f"{name}.bound[{index}]"
            self._require(label, Affine.scalar(name) - affine)
        return Affine.scalar(name)

    def floor(self, group: Group, label: str, title: str, loss: Affine) -> None:
        """The requirement of `group` is at least `loss`."""
        self._floors.setdefault(group, []).append((label, title, loss))

    def charge(self, amount: Affine) -> None:
        """The requirement grows by `amount`."""
        self.charges = self.charges + amount

    def deduct(self, amount: Affine) -> None:
        """The value of the book shrinks by `amount`."""
        self.deductions = self.deductions + amount

    def norm(self, label: str, components: Iterable[Affine], shift: int) -> SquareNorm:
        """An upper bound on the Euclidean norm of `components`: 2^shift * its magnitude, up to 2^shift sqrt(number)."""
        parts = tuple(components)
        widest = max(max(-low, high) for low, high in map(self._bound, parts))
        quotient_bits = max(2, (widest >> shift).bit_length() + 2)
        squares = len(parts) << (2 * quotient_bits)
        magnitude_bits = quotient_bits + len(parts).bit_length()
        slack_bits = max(2 * magnitude_bits, squares.bit_length())
        norm = SquareNorm(label, parts, shift, quotient_bits, magnitude_bits, slack_bits)
        for scalar in norm.scalars:
            self._name(scalar)
        self._norms.append(norm)
        return norm

    # -- closing ------------------------------------------------------------------------------------------------------

    def finish(self, *, value: Affine, cover: tuple[int, int], risk_factor: tuple[int, int]) -> Obligations:
        """All obligations, with value - deductions >= cover * (risk_factor * sum of requirements + charges) last.

        `cover` and `risk_factor` are reduced fractions (numerator, denominator); the last inequality is multiplied by
        both denominators, so it is exact.
        """
        total = Affine()
        for group in sorted(self._floors):
            name = "requirement" if group == ACCOUNT else f"requirement.{group.kind}[{group.slot}]"
            floors = self._floors[group]
            bound = max(self._bound(loss)[1] for _, _, loss in floors)
            self._scalar(PrivateScalar(name, max(1, bound.bit_length()), tuple(loss for _, _, loss in floors)))
            for label, title, loss in floors:
                self._require(label, Affine.scalar(name) - loss, Floor(name, title, group))
            total = total + Affine.scalar(name)
        value_scale = cover[1] * risk_factor[1]
        risk_scale = cover[0] * risk_factor[0]
        final = (value - self.deductions) * value_scale - total * risk_scale
        final = final - self.charges * (cover[0] * risk_factor[1])
        final_inequality = self._inequality("adequate", final, None)
        return Obligations(
            shape=self.shape,
            quantity_bits=self.quantity_bits,
            columns=tuple(self.columns.values()),
            scalars=tuple(self._free),
            norms=tuple(self._norms),
            inequalities=tuple(self._inequalities),
            final=final_inequality,
            value_scale=value_scale,
            risk_scale=risk_scale,
        )

    # -- bounds -------------------------------------------------------------------------------------------------------

    def _scalar(self, scalar: PrivateScalar) -> None:
        self._name(scalar)
        self._free.append(scalar)

    def _name(self, scalar: PrivateScalar) -> None:
        if scalar.name in self._bits:
            raise ObligationError(f"{scalar.name}: expected a new private scalar")
        if scalar.bits > MAX_SCALAR_BITS:
            raise ObligationError(f"{scalar.name}: expected at most {MAX_SCALAR_BITS} bits, got {scalar.bits}")
        self._bits[scalar.name] = scalar.bits

    def _require(self, label: str, value: Affine, floor: Floor | None = None) -> None:
        self._inequalities.append(self._inequality(label, value, floor))

    def _inequality(self, label: str, value: Affine, floor: Floor | None) -> Inequality:
        bits = max(1, self._bound(value)[1].bit_length())
        if bits > MAX_SCALAR_BITS:
            raise ObligationError(f"{label}: expected a slack of at most {MAX_SCALAR_BITS} bits, got {bits}")
        return Inequality(label, value, bits, floor)

    def _bound(self, affine: Affine) -> tuple[int, int]:
        """(lowest, highest) value over all books within range, by declared bounds."""
        low = high = affine.constant
        weight = (1 << self.quantity_bits) - 1
        for term in affine.terms:
            column = self.columns.get(term.column)
            if column is None:
                raise ObligationError(f"{term.column}: no such public column")
            size = abs(term.coefficient) * ((1 << column.bits) - 1) * self.shape.instrument_rows
            size *= 1 if term.part is Part.UNIT else weight
            both = column.signed or term.part is Part.NET
            low -= size if both or term.coefficient < 0 else 0
            high += size if both or term.coefficient > 0 else 0
        for name, coefficient in affine.scalars:
            size = abs(coefficient) * ((1 << self._bits[name]) - 1)
            low -= size if coefficient < 0 else 0
            high += size if coefficient > 0 else 0
        return low, high
