"""Drafting constraints: what rules call, and the bounds that make every sum safe.

The bound of a slack or scalar follows from the declared bounds of columns and quantities, over the whole range of
books: so no sum can wrap around the field, and no book within range lacks a witness because a scalar is too narrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from zkmargin.circuits.markets.universe import UniverseShape
from zkmargin.circuits.policies.constraints import (
    ACCOUNT,
    MAX_COLUMN_BITS,
    MAX_SCALAR_BITS,
    Bound,
    ConstraintError,
    Constraints,
    Floor,
    Group,
    Inequality,
    LinearForm,
    Part,
    PublicColumn,
    ScalarVariable,
    SecondOrderCone,
)


@dataclass(frozen=True)
class _PendingFloor:
    label: str
    title: str
    loss: LinearForm
    titles: tuple[tuple[str, str], ...] | None
    when: str | None


class ConstraintBuilder:
    """Collects constraints. Rules call it; `finish` computes every slack's bound and checks that nothing can wrap."""

    def __init__(self, shape: UniverseShape, quantity_bits: int) -> None:
        self.shape = shape
        self.quantity_bits = quantity_bits
        self.columns: dict[str, PublicColumn] = {}
        self._free: list[ScalarVariable] = []
        self._bits: dict[str, int] = {}
        self._cones: list[SecondOrderCone] = []
        self._inequalities: list[Inequality] = []
        self._floors: dict[Group, list[_PendingFloor]] = {}
        self.deductions = LinearForm()
        """Taken from the value: haircuts."""
        self.charges = LinearForm()
        """Added to the requirement."""

    # -- what rules use -----------------------------------------------------------------------------------------------

    def column(self, name: str, bits: int, *, signed: bool) -> str:
        """Declare a public column; returns its name."""
        if name in self.columns or not 1 <= bits <= MAX_COLUMN_BITS:
            raise ConstraintError(f"{name}: expected a new column of 1 to {MAX_COLUMN_BITS} bits")
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

    def at_least(self, name: str, *lower: LinearForm, labels: Sequence[str] = ()) -> LinearForm:
        """A new private scalar that is >= 0 and >= each of `lower`."""
        bound = max((self._bound(linear_form)[1] for linear_form in lower), default=0)
        self._scalar(ScalarVariable(name, max(1, bound.bit_length()), tuple(lower)))
        for index, linear_form in enumerate(lower):
            label = labels[index] if labels else f"{name}.bound[{index}]"
            self._require(label, LinearForm.scalar(name) - linear_form)
        return LinearForm.scalar(name)

    def indicator(self, name: str, amount: LinearForm) -> str:
        """A new private scalar in {0, 1} that is 1 wherever `amount` >= 0; returns its name.

        A prover may set it elsewhere too: it is for what only costs the holder. With M above every `amount`,
        M * scalar > amount says it.
        """
        reach = max(1, self._bound(amount)[1] + 1)
        self._scalar(ScalarVariable(name, 1, (), amount))
        self._require(f"{name}.at_most_one", LinearForm(constant=1) - LinearForm.scalar(name))
        self._require(f"{name}.set", LinearForm.scalar(name) * reach - amount - LinearForm(constant=1))
        return name

    def smaller(self, name: str, first: LinearForm, second: LinearForm) -> tuple[LinearForm, LinearForm]:
        """Two lower bounds that n >= 0 meets, for one of a prover's two choices, where n >= min(first, second).

        The choice is a new private scalar in {0, 1}: 0 lets go of `second`, 1 of `first`.
        """
        self._scalar(ScalarVariable(name, 1, (), first - second))
        self._require(f"{name}.at_most_one", LinearForm(constant=1) - LinearForm.scalar(name))
        let_go = [max(0, self._bound(linear_form)[1]) for linear_form in (first, second)]
        chosen = LinearForm.scalar(name)
        return first - chosen * let_go[0], second + chosen * let_go[1] - LinearForm(constant=let_go[1])

    def floor(
        self,
        group: Group,
        label: str,
        title: str,
        loss: LinearForm,
        *,
        titles: tuple[tuple[str, str], ...] | None = None,
        when: str | None = None,
    ) -> None:
        """The requirement of `group` is at least `loss`; with `when`, only where that indicator is 1.

        titles: by underlying, where they differ.
        """
        if when is not None:
            reach = max(0, self._bound(loss)[1])
            loss = loss + LinearForm.scalar(when) * reach - LinearForm(constant=reach)
        self._floors.setdefault(group, []).append(_PendingFloor(label, title, loss, titles, when))

    def limit(
        self,
        group: Group,
        label: str,
        title: str,
        room: LinearForm,
        *,
        scale: int = 1,
        unit: Literal["usd", "coins"] = "usd",
    ) -> None:
        """`room`, what is left below a threshold, is not negative; `scale` of it are 10^-12 of its unit."""
        inequality = self._inequality(label, room, None)
        self._inequalities.append(replace(inequality, bound=Bound(title, group, scale, unit)))

    def charge(self, amount: LinearForm) -> None:
        """The requirement grows by `amount`."""
        self.charges = self.charges + amount

    def deduct(self, amount: LinearForm) -> None:
        """The value of the book shrinks by `amount`."""
        self.deductions = self.deductions + amount

    def cone(self, label: str, components: Iterable[LinearForm], shift: int) -> SecondOrderCone:
        """An upper bound on the Euclidean norm of `components`: 2^shift * its magnitude, up to 2^shift sqrt(number)."""
        parts = tuple(components)
        widest = max(max(-low, high) for low, high in map(self._bound, parts))
        quotient_bits = max(2, (widest >> shift).bit_length() + 2)
        squares = len(parts) << (2 * quotient_bits)
        magnitude_bits = quotient_bits + len(parts).bit_length()
        slack_bits = max(2 * magnitude_bits, squares.bit_length())
        cone = SecondOrderCone(label, parts, shift, quotient_bits, magnitude_bits, slack_bits)
        for scalar in cone.scalars:
            self._name(scalar)
        self._cones.append(cone)
        return cone

    # -- closing ------------------------------------------------------------------------------------------------------

    def finish(self, *, value: LinearForm, cover: tuple[int, int], risk_factor: tuple[int, int]) -> Constraints:
        """All constraints, with value - deductions >= cover * (risk_factor * sum of requirements + charges) last.

        `cover` and `risk_factor` are reduced fractions (numerator, denominator); the last inequality is multiplied by
        both denominators, so it is exact. A column that no constraint reads in a universe of this shape (a rule by
        expiry where nothing expires) is no column of it: nobody publishes what a proof is not about.
        """
        total = LinearForm()
        for group in sorted(self._floors):
            name = "requirement" if group == ACCOUNT else f"requirement.{group.kind}[{group.slot}]"
            floors = self._floors[group]
            bound = max(self._bound(floor.loss)[1] for floor in floors)
            self._scalar(ScalarVariable(name, max(1, bound.bit_length()), tuple(floor.loss for floor in floors)))
            for floor in floors:
                mark = Floor(name, floor.title, group, floor.titles, floor.when)
                self._require(floor.label, LinearForm.scalar(name) - floor.loss, mark)
            total = total + LinearForm.scalar(name)
        value_scale = cover[1] * risk_factor[1]
        risk_scale = cover[0] * risk_factor[0]
        final = (value - self.deductions) * value_scale - total * risk_scale
        final = final - self.charges * (cover[0] * risk_factor[1])
        final_inequality = self._inequality("adequate", final, None)
        forms = [inequality.value for inequality in (*self._inequalities, final_inequality)]
        forms += [component for cone in self._cones for component in cone.components]
        read = {term.column for form in forms for term in form.terms}
        return Constraints(
            shape=self.shape,
            quantity_bits=self.quantity_bits,
            columns=tuple(column for name, column in self.columns.items() if name in read),
            scalars=tuple(self._free),
            cones=tuple(self._cones),
            inequalities=tuple(self._inequalities),
            final=final_inequality,
            value_scale=value_scale,
            risk_scale=risk_scale,
        )

    # -- bounds -------------------------------------------------------------------------------------------------------

    def _scalar(self, scalar: ScalarVariable) -> None:
        self._name(scalar)
        self._free.append(scalar)

    def _name(self, scalar: ScalarVariable) -> None:
        if scalar.name in self._bits:
            raise ConstraintError(f"{scalar.name}: expected a new private scalar")
        if scalar.bits > MAX_SCALAR_BITS:
            raise ConstraintError(f"{scalar.name}: expected at most {MAX_SCALAR_BITS} bits, got {scalar.bits}")
        self._bits[scalar.name] = scalar.bits

    def _require(self, label: str, value: LinearForm, floor: Floor | None = None) -> None:
        self._inequalities.append(self._inequality(label, value, floor))

    def _inequality(self, label: str, value: LinearForm, floor: Floor | None) -> Inequality:
        bits = max(1, self._bound(value)[1].bit_length())
        if bits > MAX_SCALAR_BITS:
            raise ConstraintError(f"{label}: expected a slack of at most {MAX_SCALAR_BITS} bits, got {bits}")
        return Inequality(label, value, bits, floor)

    def _bound(self, linear_form: LinearForm) -> tuple[int, int]:
        """(lowest, highest) value over all books within range, by declared bounds."""
        low = high = linear_form.constant
        weight = (1 << self.quantity_bits) - 1
        for term in linear_form.terms:
            column = self.columns.get(term.column)
            if column is None:
                raise ConstraintError(f"{term.column}: no such public column")
            size = abs(term.coefficient) * ((1 << column.bits) - 1) * self.shape.instrument_rows
            size *= 1 if term.part is Part.UNIT else weight
            both = column.signed or term.part is Part.NET
            low -= size if both or term.coefficient < 0 else 0
            high += size if both or term.coefficient > 0 else 0
        for name, coefficient in linear_form.scalars:
            size = abs(coefficient) * ((1 << self._bits[name]) - 1)
            low -= size if coefficient < 0 else 0
            high += size if coefficient > 0 else 0
        return low, high
