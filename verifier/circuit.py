"""A circuit: what is proven, in the three primitives elementwise, sum and range. Docs: docs/protocol.md.

Everything a verifier must know of a statement's shape is here, and everything that follows from it (which columns are
evaluated, how many blinding scalars each needs, how long a proof is) is derived here and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final, NamedTuple

from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.expression import Binary, Column, ColumnKind, Constant, Node, Operator, Query, evaluate
from zkmargin.verifier.field import SCALAR_MODULUS, TWO_ADICITY, powers_of_root
from zkmargin.verifier.keccak import keccak256

CIRCUIT_DOMAIN: Final = b"zkmargin/circuit/v1"
MIN_ROWS: Final = 1 << 5
"""Below, the quotient's few coefficients beyond 2 n would not be those of products of three columns alone."""
MAX_ROWS: Final = 1 << (TWO_ADICITY - 1)
"""Beyond, there is no second coset of n points on which the prover could compute the quotient."""
MAX_DEGREE: Final = 3
"""Degree of a constraint in columns: what a quotient of 2 n coefficients and a few more can carry."""
FRACTIONS_PER_HELPER: Final = 2
"""g of the LogUp argument: looked-up fractions summed in one helper column."""
SPARE_POWERS: Final = 16
"""Powers that a setup for n rows holds beyond 2 n: room for blinding."""
LINEAR: Final = (ColumnKind.MARKET, ColumnKind.HOLDING)
"""Kinds that enter linearly: the verifier has their commitments, and scales them instead of asking for values."""
UNCLAIMED: Final = (*LINEAR, ColumnKind.SPARSE, ColumnKind.MASK)
"""Kinds that the prover makes no claim about: they enter linearly, or the verifier evaluates them."""


def setup_powers(rows: int) -> int:
    """Powers of tau that a setup for domains of `rows` rows holds: what the longest quotient takes."""
    return 2 * rows + SPARE_POWERS


class CircuitError(FormatError):
    """A circuit breaks a rule on which soundness or zero knowledge rests. The message names the offending label."""


@dataclass(frozen=True)
class PublicScalar:
    """A public input in [0, 2^bits); the verifier refuses anything beyond."""

    name: str
    bits: int


@dataclass(frozen=True)
class SparseColumn:
    """A public column given by its non-zero entries (row, value), rows strictly increasing."""

    name: str
    entries: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class MaskColumn:
    """A public column that is one on the rows i with i mod stride in `offsets`, and zero elsewhere.

    Stride divides the number of rows, so that the rows are cosets of the domain; offsets are strictly increasing.
    """

    name: str
    stride: int
    offsets: tuple[int, ...]


@dataclass(frozen=True)
class Identity:
    """An expression that is zero on every row."""

    label: str
    node: int


@dataclass(frozen=True)
class Lookup:
    """An expression of degree one whose every row lies in the range table [0, 2^table_bits)."""

    label: str
    node: int


@dataclass(frozen=True)
class SumTerm:
    """coefficient * public(X) * weight(X); a missing factor is one.

    `public` is a market, fixed, sparse or mask column that enters linearly: the prover does not evaluate it.
    """

    coefficient: int
    public: Column | None
    weight: int | None


@dataclass(frozen=True)
class Sum:
    """The terms, summed over all rows, equal constant + sum of coefficient * public scalar."""

    label: str
    terms: tuple[SumTerm, ...]
    scalars: tuple[tuple[int, int], ...]
    constant: int


@dataclass(frozen=True)
class Fraction:
    """numerator / (alpha + sum_k beta^k denominator[k]) on every row; all are nodes of degree at most one."""

    numerator: int
    denominator: tuple[int, ...]


@dataclass(frozen=True)
class FractionSum:
    """The fractions, summed over all rows, are zero: equal keys on both sides carry equal total weights.

    With weights and keys on one side and totals beside their keys on the other, a grouped sum; with ones on one side
    and multiplicities beside a table on the other, a lookup of tuples. docs/solvency.md has the argument.
    """

    label: str
    fractions: tuple[Fraction, ...]


class Evaluation(NamedTuple):
    """A column whose value the prover states at zeta (rotation 0) or w zeta (rotation 1). None is the running sum."""

    column: Column | None
    rotation: int


@dataclass(frozen=True)
class Circuit:
    """A compiled program. Construction checks every rule or raises CircuitError: what exists is well formed."""

    name: str
    rows: int
    table_bits: int
    fixed: tuple[str, ...]
    market: tuple[str, ...]
    holdings: tuple[str, ...]
    witness: tuple[str, ...]
    scalars: tuple[PublicScalar, ...]
    sparse: tuple[SparseColumn, ...]
    masks: tuple[MaskColumn, ...]
    nodes: tuple[Node, ...]
    identities: tuple[Identity, ...]
    lookups: tuple[Lookup, ...]
    sums: tuple[Sum, ...]
    fractions: tuple[FractionSum, ...] = ()

    def __post_init__(self) -> None:
        _check_references(self)
        _check_degrees(self)
        if self.powers_needed > setup_powers(self.rows):
            raise CircuitError(f"{self.name}: quotient needs {self.powers_needed} powers of tau")

    @cached_property
    def sparse_rows(self) -> tuple[int, ...]:
        """The rows in which a sparse column is not zero, rising."""
        return tuple(sorted({row for column in self.sparse for row, _ in column.entries}))

    @cached_property
    def sparse_roots(self) -> tuple[int, ...]:
        """w^i for each of `sparse_rows`."""
        return tuple(powers_of_root(self.rows, self.sparse_rows))

    # -- what follows from the constraints ----------------------------------------------------------------------------

    @property
    def table(self) -> Column | None:
        """The range table 0, 1, ..., 2^table_bits - 1, 0, ..., 0: the first fixed column, if anything is looked up."""
        return Column(ColumnKind.FIXED, 0) if self.lookups else None

    @cached_property
    def queries(self) -> frozenset[Query]:
        """Every (column, rotation) that a constraint reads through the graph."""
        return frozenset(node for node in self.nodes if isinstance(node, Query))

    @cached_property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """The evaluations in a proof, in order: at zeta, then at w zeta; the running sum's comes last.

        Witness and fixed columns that the graph reads are evaluated; holdings enter linearly, and so do market columns
        unless a fraction's denominator reads them.
        """
        columns = {q for q in self.queries if q.column.kind not in UNCLAIMED}
        columns |= {Query(column, 0) for column in self.evaluated_market}
        if self.table is not None:
            columns.add(Query(self.table, 0))
        order = sorted(columns, key=lambda q: (q.rotation, q.column.kind.value, q.column.index))
        return (*(Evaluation(q.column, q.rotation) for q in order), Evaluation(None, 1))

    @cached_property
    def evaluated_market(self) -> frozenset[Column]:
        """The market columns that a fraction's denominator reads: a helper multiplies them."""
        reached = {node for total in self.fractions for fraction in total.fractions for node in fraction.denominator}
        for position in range(len(self.nodes) - 1, -1, -1):
            node = self.nodes[position]
            if position in reached and isinstance(node, Binary):
                reached |= {node.left, node.right}
        read = {node.column for node in map(self.nodes.__getitem__, reached) if isinstance(node, Query)}
        return frozenset(column for column in read if column.kind is ColumnKind.MARKET)

    @property
    def range_helpers(self) -> int:
        """Helper columns of the range argument: the lookups and the table, `FRACTIONS_PER_HELPER` fractions each."""
        return -(-(len(self.lookups) + 1) // FRACTIONS_PER_HELPER) if self.lookups else 0

    @property
    def helpers(self) -> int:
        """All helper columns: those of the range argument, then those of the fraction sums."""
        fractions = sum(len(total.fractions) for total in self.fractions)
        return self.range_helpers - (-fractions // FRACTIONS_PER_HELPER)

    def helper_groups(self) -> Iterator[tuple[tuple[Lookup, ...], bool]]:
        """The lookups of each range helper, and whether the table's fraction is the last of them."""
        for start in range(0, FRACTIONS_PER_HELPER * self.range_helpers, FRACTIONS_PER_HELPER):
            group = self.lookups[start : start + FRACTIONS_PER_HELPER]
            yield group, start + FRACTIONS_PER_HELPER > len(self.lookups)

    def fraction_groups(self) -> Iterator[tuple[tuple[int, Fraction], ...]]:
        """The fractions of each helper that follows the range argument's, each with the position of its sum.

        Fractions of two sums may share a helper: each carries its sum's power of gamma in the numerator.
        """
        placed = [(index, fraction) for index, total in enumerate(self.fractions) for fraction in total.fractions]
        for start in range(0, len(placed), FRACTIONS_PER_HELPER):
            yield tuple(placed[start : start + FRACTIONS_PER_HELPER])

    def fraction_weights(self, gamma: int) -> list[int]:
        """For each fraction sum its power of gamma: those after the sums'. The range argument has gamma^0 to itself."""
        first = len(self.sums) + 1
        return [pow(gamma, first + index, SCALAR_MODULUS) for index in range(len(self.fractions))]

    def blinding(self, index: int) -> int:
        """Blinding scalars of a witness column: one for each point where something about it is revealed.

        The commitment reveals its value at tau, a rotated use one at w tau, each claim one more (docs/protocol.md).
        """
        column = Column(ColumnKind.WITNESS, index)
        rotated = Query(column, 1) in self.queries
        return 1 + rotated + sum(evaluation.column == column for evaluation in self.evaluations)

    HELPER_BLINDING: ClassVar[int] = 1
    """The commitment: helpers enter linearly and are never evaluated."""
    MULTIPLICITY_BLINDING: ClassVar[int] = 1
    """The commitment, likewise."""
    HOLDING_BLINDING: ClassVar[int] = 1
    """rho, in the venues' commitments: a holding enters linearly and is never evaluated, in any number of proofs."""
    RUNNING_SUM_BLINDING: ClassVar[int] = 3
    """The commitment, w tau through the quotient, and the evaluation at w zeta."""

    @cached_property
    def quotient_degree(self) -> int:
        """Largest possible degree of the quotient polynomial, blinding included."""
        n = self.rows
        degrees = _Degrees(self)
        values = evaluate(self.nodes, degrees)
        running_sum = n - 1 + self.RUNNING_SUM_BLINDING
        found = [running_sum]
        found += [values[identity.node] for identity in self.identities]
        for total in self.sums:
            for term in total.terms:
                weight = 0 if term.weight is None else values[term.weight]
                found.append(weight + (0 if term.public is None else n - 1))
        helper = n - 1 + self.HELPER_BLINDING
        for group, with_table in self.helper_groups():
            denominators = [values[lookup.node] for lookup in group] + [n - 1] * with_table
            found.append(helper + sum(denominators))
            if with_table:
                found.append(n - 1 + self.MULTIPLICITY_BLINDING + sum(denominators[:-1]))
        for fractions in self.fraction_groups():
            reach = [max(values[part] for part in fraction.denominator) for _, fraction in fractions]
            found.append(helper + sum(reach))
            for position, (_, fraction) in enumerate(fractions):
                found.append(values[fraction.numerator] + sum(reach) - reach[position])
        return max(found) - n

    @property
    def quotient_excess(self) -> int:
        """Coefficients of the quotient beyond its first 2 n."""
        return max(0, self.quotient_degree + 1 - 2 * self.rows)

    @property
    def most_blinding(self) -> int:
        """Blinding scalars of the column that has most."""
        return max([self.RUNNING_SUM_BLINDING, *(self.blinding(i) for i in range(len(self.witness)))])

    @property
    def powers_needed(self) -> int:
        """Powers of tau that a proof commits with."""
        return max(self.rows + self.most_blinding, self.quotient_degree + 1)

    @property
    def proof_points(self) -> int:
        """G1 points in a proof: columns, multiplicities, helpers, running sum, quotient, two openings."""
        return len(self.witness) + bool(self.lookups) + self.helpers + 4

    # -- encoding -----------------------------------------------------------------------------------------------------

    def to_json(self) -> dict[str, Any]:
        """The circuit as plain JSON values; integers of a field's size are decimal strings.

        A circuit without fraction sums has no field for them, so that its digest is older than they are.
        """
        document: dict[str, Any] = {
            "name": self.name,
            "rows": self.rows,
            "table_bits": self.table_bits,
            "fixed": list(self.fixed),
            "market": list(self.market),
            "holdings": list(self.holdings),
            "witness": list(self.witness),
            "scalars": [[s.name, s.bits] for s in self.scalars],
            "sparse": [[c.name, [[row, str(value)] for row, value in c.entries]] for c in self.sparse],
            "masks": [[c.name, c.stride, list(c.offsets)] for c in self.masks],
            "nodes": [_node_to_json(node) for node in self.nodes],
            "identities": [[i.label, i.node] for i in self.identities],
            "lookups": [[k.label, k.node] for k in self.lookups],
            "sums": [
                [
                    s.label,
                    [
                        [
                            str(t.coefficient),
                            None if t.public is None else [t.public.kind.value, t.public.index],
                            t.weight,
                        ]
                        for t in s.terms
                    ],
                    [[index, str(coefficient)] for index, coefficient in s.scalars],
                    str(s.constant),
                ]
                for s in self.sums
            ],
        }
        if self.fractions:
            document["fractions"] = [
                [total.label, [[f.numerator, list(f.denominator)] for f in total.fractions]] for total in self.fractions
            ]
        return document

    def encode(self) -> bytes:
        """Canonical bytes: same program, same bytes."""
        return json.dumps(self.to_json(), ensure_ascii=True, separators=(",", ":")).encode()

    @cached_property
    def digest(self) -> bytes:
        """keccak256 of a domain tag and the canonical bytes."""
        return keccak256(CIRCUIT_DOMAIN + self.encode())


def _node_to_json(node: Node) -> list[Any]:
    if isinstance(node, Query):
        return ["query", node.column.kind.value, node.column.index, node.rotation]
    if isinstance(node, Constant):
        return ["constant", str(node.value)]
    return [node.operator.value, node.left, node.right]


# -- rules ------------------------------------------------------------------------------------------------------------


class _Degrees:
    """Reads a graph as polynomial degrees, blinding included. An affine node in no column has degree zero."""

    def __init__(self, circuit: Circuit) -> None:
        self._circuit = circuit

    def query(self, query: Query) -> int:
        kind, index = query.column.kind, query.column.index
        base = self._circuit.rows - 1
        if kind is ColumnKind.WITNESS:
            return base + self._circuit.blinding(index)
        return base + (Circuit.HOLDING_BLINDING if kind is ColumnKind.HOLDING else 0)

    def constant(self, value: int) -> int:
        return 0

    def add(self, left: int, right: int) -> int:
        return max(left, right)

    subtract = add

    def multiply(self, left: int, right: int) -> int:
        return left + right


@dataclass(frozen=True)
class _Shape:
    """Degree in all columns, and in those alone that enter linearly."""

    degree: int
    linear: int


class _Shapes:
    """Reads a graph as degrees counted in columns. A market column that is evaluated counts as any other."""

    def __init__(self, circuit: Circuit) -> None:
        self._evaluated = circuit.evaluated_market

    def query(self, query: Query) -> _Shape:
        linear = query.column.kind in LINEAR and query.column not in self._evaluated
        return _Shape(1, int(linear))

    def constant(self, value: int) -> _Shape:
        return _Shape(0, 0)

    def add(self, left: _Shape, right: _Shape) -> _Shape:
        return _Shape(max(left.degree, right.degree), max(left.linear, right.linear))

    subtract = add

    def multiply(self, left: _Shape, right: _Shape) -> _Shape:
        return _Shape(left.degree + right.degree, left.linear + right.linear)


def _check_references(circuit: Circuit) -> None:  # noqa: PLR0912 - one flat list of rules
    n = circuit.rows
    if not MIN_ROWS <= n <= MAX_ROWS or n & (n - 1):
        raise CircuitError(f"rows: expected a power of two from {MIN_ROWS} to {MAX_ROWS}, got {n}")
    if circuit.lookups and not (circuit.table_bits >= 1 and 1 << circuit.table_bits <= n):
        raise CircuitError(f"table_bits: expected 1 to {n.bit_length() - 1}, got {circuit.table_bits}")
    if circuit.lookups and not circuit.fixed:
        raise CircuitError("fixed: expected the range table as first column")
    counts = {
        ColumnKind.FIXED: len(circuit.fixed),
        ColumnKind.MARKET: len(circuit.market),
        ColumnKind.HOLDING: len(circuit.holdings),
        ColumnKind.WITNESS: len(circuit.witness),
        ColumnKind.SPARSE: len(circuit.sparse),
        ColumnKind.MASK: len(circuit.masks),
    }
    for position, node in enumerate(circuit.nodes):
        if isinstance(node, Query):
            kind, index = node.column.kind, node.column.index
            if not 0 <= index < counts[kind]:
                raise CircuitError(f"nodes[{position}]: there is no {kind} column {index}")
            if node.rotation != 0 and not (node.rotation == 1 and kind is ColumnKind.WITNESS):
                raise CircuitError(f"nodes[{position}]: only witness columns may be rotated, by one row")
        elif isinstance(node, Binary):
            if not (0 <= node.left < position and 0 <= node.right < position):
                raise CircuitError(f"nodes[{position}]: an operand must be an earlier node")
        elif not 0 <= node.value < SCALAR_MODULUS:
            raise CircuitError(f"nodes[{position}]: expected a canonical constant")
    for column in circuit.sparse:
        rows = [row for row, _ in column.entries]
        if rows != sorted(set(rows)) or any(not 0 <= row < n for row in rows):
            raise CircuitError(f"{column.name}: expected strictly increasing rows below {n}")
    for mask in circuit.masks:
        if mask.stride < 1 or n % mask.stride or not mask.offsets:
            raise CircuitError(f"{mask.name}: expected a stride that divides {n}, and at least one offset")
        if list(mask.offsets) != sorted(set(mask.offsets)) or any(not 0 <= s < mask.stride for s in mask.offsets):
            raise CircuitError(f"{mask.name}: expected strictly increasing offsets below {mask.stride}")
    for scalar in circuit.scalars:
        if not 1 <= scalar.bits < SCALAR_MODULUS.bit_length() - 1:
            raise CircuitError(f"{scalar.name}: expected 1 to 252 bits, got {scalar.bits}")
    references = [i.node for i in circuit.identities] + [k.node for k in circuit.lookups]
    for total in circuit.sums:
        references += [t.weight for t in total.terms if t.weight is not None]
        for term in total.terms:
            if term.public is None:
                continue
            kind, index = term.public.kind, term.public.index
            if kind in (ColumnKind.HOLDING, ColumnKind.WITNESS) or not 0 <= index < counts[kind]:
                raise CircuitError(f"{total.label}: {kind} column {index} cannot be a sum's public factor")
        if any(not 0 <= index < len(circuit.scalars) for index, _ in total.scalars):
            raise CircuitError(f"{total.label}: there is no such public scalar")
    for fraction_sum in circuit.fractions:
        parts = {len(fraction.denominator) for fraction in fraction_sum.fractions}
        if len(parts) != 1 or 0 in parts:
            raise CircuitError(
                f"{fraction_sum.label}: expected at least one fraction, each with a denominator of equally many parts"
            )
        for fraction in fraction_sum.fractions:
            references += [fraction.numerator, *fraction.denominator]
    if any(not 0 <= node < len(circuit.nodes) for node in references):
        raise CircuitError("a constraint refers to a node that does not exist")
    read = set(references)
    for position in range(len(circuit.nodes) - 1, -1, -1):
        node = circuit.nodes[position]
        if position not in read:
            raise CircuitError(f"nodes[{position}]: no constraint reads this node")
        if isinstance(node, Binary):
            read |= {node.left, node.right}
    for kind, names in ((ColumnKind.HOLDING, circuit.holdings), (ColumnKind.WITNESS, circuit.witness)):
        for index, name in enumerate(names):
            if not any(q.column == Column(kind, index) for q in circuit.queries):
                raise CircuitError(f"{name}: no constraint reads this column, so the proof would not be about it")
    published = {q.column for q in circuit.queries} | {t.public for total in circuit.sums for t in total.terms}
    for index, name in enumerate(circuit.market):
        if Column(ColumnKind.MARKET, index) not in published:
            raise CircuitError(f"{name}: no constraint reads this market column, so the proof would not be about it")
    stated = {index for total in circuit.sums for index, coefficient in total.scalars if coefficient % SCALAR_MODULUS}
    for index, scalar in enumerate(circuit.scalars):
        if index not in stated:
            raise CircuitError(f"{scalar.name}: no sum reads this public scalar, so the proof would not be about it")


_TWO_LINEAR: Final = (
    "two columns that enter linearly are multiplied; publish their product, or copy a holding to a column"
)


def _check_degrees(circuit: Circuit) -> None:  # noqa: PLR0912 - likewise
    shapes = evaluate(circuit.nodes, _Shapes(circuit))
    for identity in circuit.identities:
        shape = shapes[identity.node]
        if not 1 <= shape.degree <= MAX_DEGREE:
            raise CircuitError(f"{identity.label}: degree {shape.degree} in columns, expected 1 to {MAX_DEGREE}")
        if shape.linear > 1:
            raise CircuitError(f"{identity.label}: {_TWO_LINEAR}")
    for lookup in circuit.lookups:
        shape = shapes[lookup.node]
        if shape.degree != 1 or shape.linear:
            raise CircuitError(
                f"{lookup.label}: a looked-up expression is of degree one and free of market columns and holdings"
            )
    for total in circuit.sums:
        for term in total.terms:
            shape = shapes[term.weight] if term.weight is not None else _Shape(0, 0)
            if term.weight is not None and not shape.degree:
                raise CircuitError(f"{total.label}: a constant weight; make it the term's coefficient")
            if shape.degree + (term.public is not None) > MAX_DEGREE:
                raise CircuitError(f"{total.label}: a term of degree over {MAX_DEGREE}")
            if shape.linear:
                raise CircuitError(f"{total.label}: {_TWO_LINEAR}")
    for fraction_sum in circuit.fractions:
        for fraction in fraction_sum.fractions:
            if max(shapes[node].degree for node in (fraction.numerator, *fraction.denominator)) > 1:
                raise CircuitError(f"{fraction_sum.label}: numerators and denominators are of degree at most one")
            if not any(shapes[node].degree for node in fraction.denominator):
                raise CircuitError(f"{fraction_sum.label}: a denominator that reads no column")
            if any(shapes[node].linear for node in fraction.denominator):
                raise CircuitError(f"{fraction_sum.label}: a denominator that reads a holding; copy it to a column")


__all__ = [
    "FRACTIONS_PER_HELPER",
    "MAX_DEGREE",
    "SPARE_POWERS",
    "Circuit",
    "CircuitError",
    "Evaluation",
    "Fraction",
    "FractionSum",
    "Identity",
    "Lookup",
    "Operator",
    "PublicScalar",
    "SparseColumn",
    "Sum",
    "SumTerm",
    "setup_powers",
]
