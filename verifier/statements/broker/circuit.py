"""The broker's circuit: one policy's equations over many accounts' books, and how accounts lie in the proof's rows.

A *limb* is a number in [0, 2^(table_bits * digits)); every private scalar of an account is one or a few of them. For
every account k with lots q, limbs u, every equation j says over the integers

    sum of terms of q  +  sum lin_j u  +  sum square_j u^2  +  constant_j  =  0.

*Rows.* N = block * slots; row (slot, i) is w^(slot + slots i), so that a slot's rows are the coset w^slot H_block.
Account k = a block + i has its limbs in row i of the slots of its account block a: limb t = g S + s of S slots a block
lies in column group g, slot a S + s, one digit a column.

*Weights.* Account k weighs rho_k = x^(block a) L_i(x), L_i the Lagrange polynomials of H_block at a random x: linearly
independent polynomials in x, so that no account's error pays another's. Equation j weighs gamma^j. On a slot the weight
of a column group is a Lagrange kernel, which the verifier evaluates in closed form. docs/protocol.md, section 21.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from zkmargin.verifier.circuit import MAX_ROWS, MIN_ROWS, CircuitError
from zkmargin.verifier.field import SCALAR_MODULUS, inverse, root_of_unity
from zkmargin.verifier.keccak import keccak256

CIRCUIT_DOMAIN: Final = b"zkmargin/broker-circuit/v1"
PARTS: Final = ("net", "gross", "long", "short", "unit")
"""What of a row's quantity q a term multiplies: q, |q|, max(q, 0), max(-q, 0), or one."""
MAX_COLUMNS: Final = 4096
MAX_TABLE_BITS: Final = 28
MAX_ACCOUNTS: Final = 1 << 24
_R: Final = SCALAR_MODULUS


@dataclass(frozen=True)
class PublicColumn:
    """A column of the epoch, one integer a row of the universe: |value| < 2^bits, not negative unless `signed`."""

    name: str
    bits: int
    signed: bool


@dataclass(frozen=True)
class Mask:
    """The rows i of the universe with i mod stride in `offsets`: a group of instruments."""

    stride: int
    offsets: tuple[int, ...]

    def rows(self, count: int) -> list[int]:
        """The rows, of `count`, ascending."""
        chosen = set(self.offsets)
        return [row for row in range(count) if row % self.stride in chosen]


@dataclass(frozen=True)
class BookTerm:
    """coefficient * sum over the mask's rows (all where it is None) of column * part(q)."""

    column: int
    mask: int | None
    part: str
    coefficient: int


@dataclass(frozen=True)
class Equation:
    """One equation of every account; limbs and squares are (limb, coefficient)."""

    label: str
    terms: tuple[BookTerm, ...]
    limbs: tuple[tuple[int, int], ...]
    squares: tuple[tuple[int, int], ...]
    constant: int


@dataclass(frozen=True)
class Layout:
    """How accounts lie in rows: `rows` of the proof, digits of `table_bits`, `digits` a limb, `groups` of columns."""

    rows: int
    table_bits: int
    digits: int
    groups: int
    block: int
    accounts: int

    def __post_init__(self) -> None:
        if not MIN_ROWS <= self.rows <= MAX_ROWS or self.rows & (self.rows - 1):
            raise CircuitError(f"layout: rows: expected a power of two from {MIN_ROWS} to {MAX_ROWS}, got {self.rows}")
        if not 1 <= self.block <= self.rows or self.block & (self.block - 1):
            raise CircuitError(f"layout: block: expected a power of two up to {self.rows}, got {self.block}")
        most = min(MAX_TABLE_BITS, self.rows.bit_length() - 1)
        if not 1 <= self.table_bits <= most:
            raise CircuitError(f"layout: table_bits: expected 1 to {most}, got {self.table_bits}")
        if self.digits < 1 or self.groups < 1 or self.columns > MAX_COLUMNS:
            raise CircuitError(f"layout: expected 1 to {MAX_COLUMNS} columns, got {self.groups} * {self.digits}")
        if not 1 <= self.accounts <= MAX_ACCOUNTS:
            raise CircuitError(f"layout: accounts: expected 1 to {MAX_ACCOUNTS}, got {self.accounts}")

    @property
    def slots(self) -> int:
        """Cosets of `block` rows."""
        return self.rows // self.block

    @property
    def blocks(self) -> int:
        """Account blocks."""
        return -(-self.accounts // self.block)

    @property
    def columns(self) -> int:
        """Digit columns."""
        return self.groups * self.digits

    @property
    def limb_bits(self) -> int:
        """Bits of a limb."""
        return self.table_bits * self.digits

    @property
    def helpers(self) -> int:
        """Helper columns: two fractions each, of every digit column and the table."""
        return self.columns // 2 + 1

    def numbers(self) -> tuple[int, ...]:
        """The layout as numbers, in the order of the fields."""
        return self.rows, self.table_bits, self.digits, self.groups, self.block, self.accounts


@dataclass(frozen=True)
class BrokerCircuit:
    """Equations and layout. Checked when it is made: CircuitError for one that would not be sound."""

    universe_rows: int
    quantity_bits: int
    columns: tuple[PublicColumn, ...]
    masks: tuple[Mask, ...]
    limbs: int
    equations: tuple[Equation, ...]
    layout: Layout

    def __post_init__(self) -> None:
        n, layout = self.universe_rows, self.layout
        if not MIN_ROWS <= n <= layout.rows or n & (n - 1):
            raise CircuitError(f"broker: expected a universe of a power of two of rows up to {layout.rows}, got {n}")
        if layout.blocks * self.sub_slots > layout.slots:
            raise CircuitError(f"broker: expected {layout.blocks * self.sub_slots} slots, got {layout.slots}")
        if layout.groups > self.limbs:
            raise CircuitError(f"broker: expected at most {self.limbs} column groups, one a limb, got {layout.groups}")
        if not self.equations or self.limbs < 1 or not 1 <= self.quantity_bits <= 62:
            raise CircuitError("broker: expected equations, limbs, and quantities of 1 to 62 bits")
        if any(not 1 <= column.bits <= 62 for column in self.columns):
            raise CircuitError("broker: expected columns of 1 to 62 bits")
        used = {limb for equation in self.equations for limb, _ in (*equation.limbs, *equation.squares)}
        if used != set(range(self.limbs)):
            raise CircuitError("broker: expected every limb in an equation, and no other")
        for mask in self.masks:
            if self.universe_rows % mask.stride or list(mask.offsets) != sorted(
                {o % mask.stride for o in mask.offsets}
            ):
                raise CircuitError("broker: expected masks of rising offsets below a stride that divides the rows")
        for equation in self.equations:
            self._check_no_wrap(equation)

    def _check_no_wrap(self, equation: Equation) -> None:
        """No equation reaches r in magnitude: zero modulo r is then zero."""
        top = (1 << self.layout.limb_bits) - 1
        reach = abs(equation.constant) + sum(abs(c) for _, c in equation.limbs) * top
        reach += sum(abs(c) for _, c in equation.squares) * top * top
        for term in equation.terms:
            if term.part not in PARTS or not 0 <= term.column < len(self.columns):
                raise CircuitError(f"{equation.label}: expected a term of a column and a part that there are")
            if term.mask is not None and not 0 <= term.mask < len(self.masks):
                raise CircuitError(f"{equation.label}: expected a mask that there is")
            quantity = 0 if term.part == "unit" else self.quantity_bits
            reach += abs(term.coefficient) * self.universe_rows << (self.columns[term.column].bits + quantity)
        if reach >= _R:
            raise CircuitError(f"{equation.label}: it can reach 2**{reach.bit_length() - 1} or more, beyond the field")

    @property
    def sub_slots(self) -> int:
        """S: slots that an account block takes."""
        return -(-self.limbs // self.layout.groups)

    @property
    def squared_groups(self) -> tuple[int, ...]:
        """Column groups in which a limb is squared."""
        limbs = {limb for equation in self.equations for limb, _ in equation.squares}
        return tuple(sorted({limb // self.sub_slots for limb in limbs}))

    @cached_property
    def sums(self) -> tuple[tuple[int, int | None], ...]:
        """The (column, mask) pairs that some term reads, in order."""
        pairs = {(term.column, term.mask) for equation in self.equations for term in equation.terms}
        return tuple(sorted(pairs, key=lambda pair: (pair[0], -1 if pair[1] is None else pair[1])))

    @cached_property
    def digest(self) -> bytes:
        """Names equations and layout; the transcript begins with it."""
        return keccak256(CIRCUIT_DOMAIN + json.dumps(self.to_json(), separators=(",", ":")).encode())

    def to_json(self) -> dict[str, Any]:
        """What the digest is of. Integers that may be large are decimal strings."""
        return {
            "universe_rows": self.universe_rows,
            "quantity_bits": self.quantity_bits,
            "columns": [[c.name, c.bits, c.signed] for c in self.columns],
            "masks": [[m.stride, list(m.offsets)] for m in self.masks],
            "limbs": self.limbs,
            "equations": [
                [
                    e.label,
                    [[t.column, t.mask, t.part, str(t.coefficient)] for t in e.terms],
                    [[limb, str(c)] for limb, c in e.limbs],
                    [[limb, str(c)] for limb, c in e.squares],
                    str(e.constant),
                ]
                for e in self.equations
            ],
            "layout": list(self.layout.numbers()),
        }

    def __repr__(self) -> str:
        return f"BrokerCircuit({len(self.equations)} equations, {self.limbs} limbs, {self.layout})"


# -- weights ---------------------------------------------------------------------------------------------------------


def inverses(values: Sequence[int]) -> list[int]:
    """The inverses modulo r with one inversion. Raises ZeroDivisionError when one is zero."""
    before, product = [], 1
    for value in values:
        before.append(product)
        product = product * value % _R
    tail = inverse(product)
    found = [0] * len(values)
    for k in range(len(values) - 1, -1, -1):
        found[k] = tail * before[k] % _R
        tail = tail * values[k] % _R
    return found


def account_weights(layout: Layout, x: int) -> list[int]:
    """rho_k = x^(block a) L_i(x), k = a block + i, for every account; x^block other than 1."""
    block, w = layout.block, root_of_unity(layout.block)
    count = min(block, layout.accounts)
    roots = [1]
    while len(roots) < count:
        roots.append(roots[-1] * w % _R)
    factor = (pow(x, block, _R) - 1) * inverse(block) % _R
    first = [
        root * factor % _R * share % _R for root, share in zip(roots, inverses([x - h for h in roots]), strict=True)
    ]
    weights, shift, step = [], 1, pow(x, block, _R)
    for start in range(0, layout.accounts, block):
        weights += [shift * value % _R for value in first[: layout.accounts - start]]
        shift = shift * step % _R
    return weights


@dataclass(frozen=True)
class LimbWeights:
    """For each limb sum_j gamma^j lin_j and sum_j gamma^j square_j; for each equation its gamma^j."""

    powers: tuple[int, ...]
    linear: tuple[int, ...]
    squared: tuple[int, ...]


def limb_weights(circuit: BrokerCircuit, gamma: int) -> LimbWeights:
    """The weights of all limbs: gamma^0, gamma^1, ... over the equations."""
    powers, linear, squared = [1], [0] * circuit.limbs, [0] * circuit.limbs
    while len(powers) < len(circuit.equations):
        powers.append(powers[-1] * gamma % _R)
    for power, equation in zip(powers, circuit.equations, strict=True):
        for limb, coefficient in equation.limbs:
            linear[limb] = (linear[limb] + power * coefficient) % _R
        for limb, coefficient in equation.squares:
            squared[limb] = (squared[limb] + power * coefficient) % _R
    return LimbWeights(tuple(powers), tuple(linear), tuple(squared))


def column_weights_at(circuit: BrokerCircuit, x: int, of_limbs: Sequence[Sequence[int]], zeta: int) -> list[list[int]]:
    """For each list of limbs' weights the column groups' weight polynomials at zeta, in closed form.

    With m = block and Z(X) = X^m - 1: on the coset w^s H_m the weight polynomial of slot s is x^(m a) K(x, X / w^s)
    times the limb's weight, K(x, Y) = sum_i L_i(x) L_i(Y) = (Z(x) Y - Z(Y) x) / (m (x - Y)). The coset's indicator is
    eta (Y^B - 1) / (B (Y - eta)), Y = X^m, eta = w^(s m), B slots. The product of the two agrees with the weights on
    all N rows and has degree below N. Requires zeta^N other than 1 and x^N. Cost: a few operations a slot and limb.
    """
    layout = circuit.layout
    m, slots, w = layout.block, layout.slots, root_of_unity(layout.rows)
    used = layout.blocks * circuit.sub_slots
    power, z_x = pow(zeta, m, _R), (pow(x, m, _R) - 1) % _R
    points = _geometric(zeta % _R, inverse(w), used)
    eta_step = pow(w, m, _R)
    etas, inverse_etas = _geometric(1, eta_step, used), _geometric(1, inverse(eta_step), used)
    denominators = inverses(
        [slots * (power - eta) % _R * m % _R * (x - point) % _R for eta, point in zip(etas, points, strict=True)]
    )
    outer = (pow(power, slots, _R) - 1) % _R
    found = [[0] * layout.groups for _ in of_limbs]
    shift, block_step = 1, pow(x, m, _R)
    for slot in range(used):
        if slot and slot % circuit.sub_slots == 0:
            shift = shift * block_step % _R
        kernel = (z_x * points[slot] - (power * inverse_etas[slot] - 1) * x) % _R
        share = etas[slot] * outer % _R * kernel % _R * denominators[slot] % _R * shift % _R
        for group in range(layout.groups):
            limb = group * circuit.sub_slots + slot % circuit.sub_slots
            if limb < circuit.limbs:
                for values, weights in zip(found, of_limbs, strict=True):
                    values[group] = (values[group] + share * weights[limb]) % _R
    return found


def _geometric(first: int, ratio: int, count: int) -> list[int]:
    values = [first]
    while len(values) < count:
        values.append(values[-1] * ratio % _R)
    return values
