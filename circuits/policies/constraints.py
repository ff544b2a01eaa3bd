"""Constraints: what a policy demands of a book, as data that the evaluator and the circuit builder both read.

A policy emits `Constraints` from itself and the shape of a universe alone; nothing in them depends on holdings,
prices or what is listed, so one verifying key serves every account and every epoch. They speak of

- the netted quantities q, one integer a row, |q| < 2^quantity_bits, zero on rows that are not instrument rows;
- *public columns*, one integer a row, published for the epoch (`Policy.public_columns`), with a declared bound;
- *private scalars*, non-negative integers of a declared number of bits, chosen by the prover.

A `Term` is a sum over rows: coefficient * sum_{i in group} column_i * part(q_i), where the part is q itself (NET), |q|
(GROSS), max(q, 0) (LONG), max(-q, 0) (SHORT) or one (UNIT: a public constant kept in a column). A `LinearForm` adds
terms, multiples of private scalars, and a constant. Two kinds of constraint exist, and no maximum is ever taken:

- `Inequality`: an affine value is >= 0. Its slack is a private scalar equal to the value.
- `SecondOrderCone`: magnitude^2 >= sum_j quotient_j^2, with component_j = quotient_j 2^shift + remainder_j exactly.

A private scalar that stands for a maximum ("the requirement is at least every loss") is free: constraints bound it from
below, and the prover's interest makes it small. Its `least` is the hint: the smallest value that satisfies them is
max(0, *least), which the evaluator takes; so "adequate" means exactly that some witness satisfies every constraint.

Degrees for a circuit: with s the sign bit of q, LONG and SHORT are of degree two in witness columns, GROSS too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final, Literal

from zkmargin.circuits.markets.universe import UniverseShape
from zkmargin.verifier.errors import FormatError

LIMB_BITS: Final = 60
"""Bits of a private scalar that one reserved row carries."""
MAX_SCALAR_BITS: Final = 240
"""A private scalar has at most four limb rows; a sum of more bits could wrap around the field."""
MAX_COLUMN_BITS: Final = 62
"""Public columns are int64 arrays."""


class ConstraintError(FormatError):
    """Constraints that could not be checked soundly: a bound that might wrap around, an unknown or repeated name."""


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
class LinearForm:
    """Terms, multiples of private scalars by name, and a constant. Unit: whatever its terms' columns are in."""

    terms: tuple[Term, ...] = ()
    scalars: tuple[tuple[str, int], ...] = ()
    constant: int = 0

    def __add__(self, other: LinearForm) -> LinearForm:
        terms: dict[tuple[str, Part, Group], int] = {}
        for term in (*self.terms, *other.terms):
            key = (term.column, term.part, term.group)
            terms[key] = terms.get(key, 0) + term.coefficient
        scalars: dict[str, int] = {}
        for name, coefficient in (*self.scalars, *other.scalars):
            scalars[name] = scalars.get(name, 0) + coefficient
        return LinearForm(
            tuple(Term(*key, coefficient) for key, coefficient in terms.items() if coefficient),
            tuple((name, coefficient) for name, coefficient in scalars.items() if coefficient),
            self.constant + other.constant,
        )

    def __mul__(self, factor: int) -> LinearForm:
        if not factor:
            return LinearForm()
        return LinearForm(
            tuple(Term(t.column, t.part, t.group, t.coefficient * factor) for t in self.terms),
            tuple((name, coefficient * factor) for name, coefficient in self.scalars),
            self.constant * factor,
        )

    __rmul__ = __mul__

    def __neg__(self) -> LinearForm:
        return self * -1

    def __sub__(self, other: LinearForm) -> LinearForm:
        return self + (-other)

    @classmethod
    def of(cls, column: str, part: Part, group: Group = ACCOUNT, coefficient: int = 1) -> LinearForm:
        """One term."""
        return cls((Term(column, part, group, coefficient),))

    @classmethod
    def scalar(cls, name: str) -> LinearForm:
        """One private scalar."""
        return cls(scalars=((name, 1),))


@dataclass(frozen=True)
class ScalarVariable:
    """0 <= value < 2^bits. Hint: max(0, *least); an affine of `least` uses earlier scalars only."""

    name: str
    bits: int
    least: tuple[LinearForm, ...] = ()
    indicates: LinearForm | None = None
    """Of a scalar in {0, 1}: the hint is 1 where this is >= 0, and 0 elsewhere."""

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
    titles: tuple[tuple[str, str], ...] | None = None
    """Titles by underlying where they differ; `*` for all others. An underlying without one has no such loss."""
    when: str | None = None
    """The scalar in {0, 1} that says whether the floor holds, if not always."""


@dataclass(frozen=True)
class Bound:
    """Marks an inequality "threshold - measure >= 0" for the report; `scale` is what 10^-12 of its unit counts for."""

    title: str
    group: Group
    scale: int
    unit: Literal["usd", "coins"] = "usd"


@dataclass(frozen=True)
class Inequality:
    """`value` = slack, with slack a private scalar in [0, 2^slack_bits)."""

    label: str
    value: LinearForm
    slack_bits: int
    floor: Floor | None = None
    bound: Bound | None = None

    @property
    def slack(self) -> ScalarVariable:
        """The slack as a private scalar; its value is that of the affine."""
        return ScalarVariable(f"{self.label}.slack", self.slack_bits)


@dataclass(frozen=True)
class SecondOrderCone:
    """magnitude^2 - sum_j (quotient_j - offset)^2 = slack >= 0, where for every component j

        component_j = (quotient_j - offset) * 2^shift + remainder_j,  0 <= remainder_j < 2^shift.

    quotient_j < 2 offset = 2^quotient_bits, remainder_j, magnitude and slack are private scalars. As the remainders are
    below 2^shift, |component| <= 2^shift (magnitude + sqrt(number of components)) by the triangle inequality.
    """

    label: str
    components: tuple[LinearForm, ...]
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
    def scalars(self) -> tuple[ScalarVariable, ...]:
        """Quotients, remainders, magnitude and slack, in this order."""
        indices = range(len(self.components))
        return (
            *(ScalarVariable(f"{self.label}.quotient[{j}]", self.quotient_bits) for j in indices),
            *(ScalarVariable(f"{self.label}.remainder[{j}]", self.shift) for j in indices),
            ScalarVariable(self.magnitude, self.magnitude_bits),
            ScalarVariable(f"{self.label}.slack", self.slack_bits),
        )


@dataclass(frozen=True)
class Constraints:
    """Everything that a book must satisfy under a policy.

    `scalars` are the free ones in the order of their hints; slacks and the scalars of norms come on top
    (`all_scalars`). `final` is the inequality that decides adequacy: value_scale * (value - cover * requirement) >= 0.
    """

    shape: UniverseShape
    quantity_bits: int
    columns: tuple[PublicColumn, ...]
    scalars: tuple[ScalarVariable, ...]
    cones: tuple[SecondOrderCone, ...]
    inequalities: tuple[Inequality, ...]
    final: Inequality
    value_scale: int
    """The final inequality is in units of usd_e12 / value_scale, so that cover and risk factor stay exact."""
    risk_scale: int
    """What a requirement scalar counts for in the final inequality."""

    def __hash__(self) -> int:
        # Of a part: programs are kept by constraints, and hashing thousands of terms takes longer than it helps.
        return hash((self.shape, self.quantity_bits, self.columns, self.value_scale, self.risk_scale))

    @cached_property
    def by_name(self) -> Mapping[str, PublicColumn]:
        """Columns by name."""
        return {column.name: column for column in self.columns}

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """Every group that a term sums over, in order."""
        linear_forms = [i.value for i in (*self.inequalities, self.final)] + [
            c for n in self.cones for c in n.components
        ]
        return tuple(sorted({term.group for linear_form in linear_forms for term in linear_form.terms}))

    @cached_property
    def all_scalars(self) -> tuple[ScalarVariable, ...]:
        """Free scalars, norms' scalars, slacks: all that a witness consists of besides the quantities."""
        return (
            *self.scalars,
            *(scalar for cone in self.cones for scalar in cone.scalars),
            *(inequality.slack for inequality in (*self.inequalities, self.final)),
        )

    @property
    def scalar_rows(self) -> int:
        """Reserved rows that all private scalars take, one limb of 60 bits a row.

        A remainder below a power of two that is no whole number of limbs has a second scalar, its distance from it.
        """
        gaps = sum(len(cone.components) * -(-cone.shift // LIMB_BITS) for cone in self.cones if cone.shift % LIMB_BITS)
        return sum(scalar.limbs for scalar in self.all_scalars) + gaps
