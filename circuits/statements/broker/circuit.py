"""From a policy's constraints to the broker's circuit, and the choice of its layout.

The equations are the policy's constraints, term by term as the integer evaluator reads them: a proof exists exactly
when the evaluator says that every account is adequate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from zkmargin.circuits.policies.constraints import ACCOUNT, Constraints, Group, LinearForm, SecondOrderCone
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.statements.margin.circuit import UniverseLayout
from zkmargin.verifier.circuit import CircuitError
from zkmargin.verifier.statements.broker.circuit import (
    BookTerm,
    BrokerCircuit,
    Equation,
    Layout,
    Mask,
    PublicColumn,
)

MOST_TABLE_BITS: Final = 16
WIDE_ENOUGH: Final = 48
"""Digit columns up to which fewer rows are taken: proof and verifier grow with columns, the prover's fixed part with
rows."""
MOST_DIGITS: Final = 16
GROUP_COST: Final = 0.3
"""What a column group's weights cost the prover, in digit columns."""


@dataclass(frozen=True)
class Scalar:
    """A private scalar of an account, by the name that the evaluator gives it, and its limbs, lowest first."""

    name: str
    limbs: tuple[int, ...]


@dataclass(frozen=True)
class BrokerProgram:
    """A circuit and the private scalars that its limbs hold. gaps: 2^bits - 1 - scalar, which keeps a scalar below."""

    circuit: BrokerCircuit
    scalars: tuple[Scalar, ...]
    gaps: tuple[tuple[str, str, int], ...]
    """Name, scalar and top of each gap."""
    masks: Mapping[Group, int]
    """The circuit's mask of each group of rows; a group without one has no row."""


def compile_broker(policy: Policy, universe: UniverseLayout, layout: Layout) -> BrokerProgram:
    """The circuit of a policy over a universe for a layout. Raises CircuitError where they do not fit."""
    return _compile(policy.constraints(universe.shape), universe, layout)


def choose_layout(policy: Policy, universe: UniverseLayout, accounts: int, most_rows: int) -> Layout:
    """A layout of little work: limbs that waste few digits, rows enough for few columns, within `most_rows` rows.

    Raises CircuitError when no layout fits; a larger setup may.
    """
    constraints = policy.constraints(universe.shape)
    rows = max(1 << 8, universe.shape.rows)
    while rows <= most_rows:
        found = [layout for layout in _layouts(constraints, accounts, rows) if _compiles(constraints, universe, layout)]
        best = min(found, key=lambda layout: layout.columns + GROUP_COST * layout.groups, default=None)
        if best is not None and (best.columns <= WIDE_ENOUGH or 2 * rows > most_rows):
            return best
        rows *= 2
    raise CircuitError(
        f"broker: {accounts} accounts under policy {policy.name} do not fit {most_rows} rows; make or import a larger "
        "setup"
    )


def _layouts(constraints: Constraints, accounts: int, rows: int) -> Iterator[Layout]:
    """Layouts of this many rows, one for each number of digits a limb, the widest limb that the policy allows first."""
    bits = min(MOST_TABLE_BITS, rows.bit_length() - 1)
    widths = [width for _, width in _widths(constraints)]
    block = min(1 << max(2, (accounts - 1).bit_length() - 3), rows)
    for digits in range(1, MOST_DIGITS + 1):
        limbs = sum(-(-width // (bits * digits)) for width in widths)
        slots = rows // block // -(-accounts // block)
        if slots:
            groups = -(-limbs // min(slots, limbs))
            yield Layout(rows, bits, digits, groups, block, accounts)


def _compiles(constraints: Constraints, universe: UniverseLayout, layout: Layout) -> bool:
    try:
        _compile(constraints, universe, layout)
    except CircuitError:
        return False
    return True


def _widths(constraints: Constraints) -> list[tuple[str, int]]:
    """Every private scalar and its bits: the policy's own, then what keeps remainders below their modulus."""
    widths = [(scalar.name, scalar.bits) for scalar in constraints.all_scalars]
    for cone in constraints.cones:
        widths += [(f"{name}.gap", cone.shift) for name in _remainders(cone)]
    return widths


def _remainders(cone: SecondOrderCone) -> list[str]:
    return [f"{cone.label}.remainder[{j}]" for j in range(len(cone.components))]


@lru_cache(maxsize=32)
def _compile(constraints: Constraints, universe: UniverseLayout, layout: Layout) -> BrokerProgram:
    definition = _Definition(constraints, universe, layout)
    equations = definition.equations()
    circuit = BrokerCircuit(
        universe_rows=constraints.shape.rows,
        quantity_bits=constraints.quantity_bits,
        columns=tuple(PublicColumn(column.name, column.bits, column.signed) for column in constraints.columns),
        masks=tuple(definition.masks.values()),
        limbs=sum(len(scalar.limbs) for scalar in definition.scalars.values()),
        equations=tuple(equations),
        layout=layout,
    )
    return BrokerProgram(circuit, tuple(definition.scalars.values()), tuple(definition.gaps), definition.mask_of)


class _Definition:
    """Writes constraints as equations."""

    def __init__(self, constraints: Constraints, universe: UniverseLayout, layout: Layout) -> None:
        self.constraints = constraints
        self.universe = universe
        self.limb_bits = layout.limb_bits
        self.column = {column.name: index for index, column in enumerate(constraints.columns)}
        self.masks: dict[Group, Mask] = {}
        for group in constraints.groups:
            if group != ACCOUNT and (offsets := universe.offsets(group)):
                self.masks[group] = Mask(len(universe.segments), offsets)
        self.mask_of = {group: index for index, group in enumerate(self.masks)}
        self.scalars: dict[str, Scalar] = {}
        first = 0
        for name, bits in _widths(constraints):
            count = -(-bits // self.limb_bits)
            self.scalars[name] = Scalar(name, tuple(range(first, first + count)))
            first += count
        self.gaps: list[tuple[str, str, int]] = []

    def equations(self) -> list[Equation]:
        """Inequalities, each its value less its slack; cones, their divisions, remainders' bounds and squares."""
        found = []
        for inequality in (*self.constraints.inequalities, self.constraints.final):
            form = inequality.value - LinearForm.scalar(inequality.slack.name)
            found.append(self._equation(inequality.label, form))
        for cone in self.constraints.cones:
            found += self._cone(cone)
        return found

    def _cone(self, cone: SecondOrderCone) -> Iterator[Equation]:
        scalar = LinearForm.scalar
        quotients = [f"{cone.label}.quotient[{j}]" for j in range(len(cone.components))]
        for component, quotient, remainder in zip(cone.components, quotients, _remainders(cone), strict=True):
            divided = (scalar(quotient) - LinearForm(constant=cone.offset)) * (1 << cone.shift) + scalar(remainder)
            yield self._equation(f"{quotient}.division", component - divided)
            gap, top = f"{remainder}.gap", (1 << cone.shift) - 1
            self.gaps.append((gap, remainder, top))
            yield self._equation(gap, scalar(gap) + scalar(remainder) - LinearForm(constant=top))
        # magnitude^2 - sum (quotient - offset)^2 - slack = 0, the squares multiplied out.
        form = LinearForm(constant=-len(quotients) * cone.offset**2) - scalar(f"{cone.label}.slack")
        for quotient in quotients:
            form = form + scalar(quotient) * (2 * cone.offset)
        squares = [(self._single(cone.magnitude), 1), *((self._single(quotient), -1) for quotient in quotients)]
        yield self._equation(cone.label, form, tuple(squares))

    def _single(self, name: str) -> int:
        """The one limb of a scalar that is squared."""
        limbs = self.scalars[name].limbs
        if len(limbs) != 1:
            raise CircuitError(f"{name}: expected one limb for a scalar that is squared, got {len(limbs)}")
        return limbs[0]

    def _equation(self, label: str, form: LinearForm, squares: tuple[tuple[int, int], ...] = ()) -> Equation:
        terms = []
        for term in form.terms:
            if term.group != ACCOUNT and term.group not in self.mask_of:
                continue  # a group without a segment: no row can ever be in it
            mask = self.mask_of.get(term.group)
            terms.append(BookTerm(self.column[term.column], mask, term.part.value, term.coefficient))
        limbs = [
            (limb, coefficient << (self.limb_bits * position))
            for name, coefficient in form.scalars
            for position, limb in enumerate(self.scalars[name].limbs)
        ]
        return Equation(label, tuple(terms), tuple(limbs), squares, form.constant)


__all__ = ["BrokerProgram", "Scalar", "choose_layout", "compile_broker"]
