"""Recording a program: columns, scalars, and the three primitives."""

from __future__ import annotations

from collections.abc import Sequence

from zkmargin.circuits.language.errors import CompileError, TraceError
from zkmargin.circuits.language.graph import Graph
from zkmargin.circuits.language.recording import (
    DEFAULT_ROW_BITS,
    MAX_RANGE_BITS,
    MAX_SCALAR_ROWS,
    MAX_SPARSE_ROWS,
    PACKING_SHIFT,
    FractionTerm,
    FreeColumn,
    HoldingNames,
    Interval,
    PackedColumn,
    PackedSums,
    PrivateScalar,
    RangedColumns,
    Recording,
    ScalarHint,
    SignSplit,
    Split,
    SumConstraint,
    VectorHint,
)
from zkmargin.circuits.language.traced import Scalar, Vector
from zkmargin.verifier.circuit import MAX_ROWS, MIN_ROWS, Identity, Lookup, MaskColumn, PublicScalar
from zkmargin.verifier.expression import Column, ColumnKind, Query


class Program:
    """A program under construction. Methods record; nothing is computed.

    rows: n, a power of two. digit_bits: width of the range table, 2^digit_bits <= n. row_bits: width of one row of a
    private scalar. active_rows: how many first rows may hold an instrument; by default all that no scalar needs.
    """

    def __init__(
        self,
        name: str,
        rows: int,
        *,
        digit_bits: int | None = None,
        row_bits: int = DEFAULT_ROW_BITS,
        active_rows: int | None = None,
    ) -> None:
        if not MIN_ROWS <= rows <= MAX_ROWS or rows & (rows - 1):
            raise CompileError(name, f"rows: expected a power of two from {MIN_ROWS} to {MAX_ROWS}, got {rows}")
        if not 1 <= row_bits <= MAX_RANGE_BITS:
            raise CompileError(name, f"row_bits: expected 1 to {MAX_RANGE_BITS}, got {row_bits}")
        most = rows.bit_length() - 1
        self.name = name
        self.rows = rows
        self.row_bits = row_bits
        self.active_rows = active_rows
        self.digit_bits = digit_bits if digit_bits is not None else default_digit_bits(rows, row_bits)
        if not 1 <= self.digit_bits <= most:
            raise CompileError(name, f"digit_bits: expected 1 to {most}, got {self.digit_bits}")
        self.graph = Graph()
        self.recording = Recording()

    # -- columns and scalars ------------------------------------------------------------------------------------------

    def fixed(self, label: str, values: Sequence[int]) -> Vector:
        """A column that is part of the program. Shape: (rows,). Cost: one evaluation, one point in the key."""
        self._name(label)
        if len(values) != self.rows:
            raise CompileError(label, f"expected {self.rows} values, got {len(values)}")
        self.recording.fixed.append((label, values))
        column = Column(ColumnKind.FIXED, len(self.recording.fixed))
        self.recording.bounds[column] = (min(values), max(values))
        return self._read(column)

    def market(self, label: str, bits: int, *, signed: bool = False) -> Vector:
        """A public column of one epoch, |value| < 2^bits (value >= 0 unless signed). Cost: one public point.

        The bound is the publisher's promise: whoever builds the epoch checks it, and so does whoever verifies it.
        """
        self._name(label)
        top = (1 << bits) - 1
        bound = (-top if signed else 0, top)
        column = Column(ColumnKind.MARKET, len(self.recording.market))
        self.recording.market.append((label, bound))
        self.recording.bounds[column] = bound
        return self._read(column)

    def packed_market(
        self, label: str, bits: int, *, count: int = 2, shift: int = PACKING_SHIFT, signed: bool = False
    ) -> PackedColumn:
        """One public column that holds `count`, |part| < 2^bits: sum_j 2^(shift j) part_j. Cost: one public point."""
        self._name(label)
        top = (1 << bits) - 1
        part = (-top if signed else 0, top)
        column = Column(ColumnKind.MARKET, len(self.recording.market))
        scale = sum(1 << (shift * j) for j in range(count))
        self.recording.market.append((label, (part[0] * scale, part[1] * scale)))
        self.recording.bounds[column] = (part[0] * scale, part[1] * scale)
        return PackedColumn(column.index, self.graph.query(Query(column, 0)), part, count, shift)

    def holding(self, label: str) -> Vector:
        """The netted holding of an account: the column that its venues' commitments add up to.

        Unbounded until `sign_split` or `require_range`; before, it may be added and scaled, but not multiplied.
        Cost: one public point.
        """
        self._name(label)
        index = len(self.recording.holdings)
        self.recording.holdings.append(label)
        net = HoldingNames.of(index).net
        self.recording.definitions[net] = self._read(Column(ColumnKind.HOLDING, index)).node
        return self._read(net)

    def unit(self, row: int) -> Vector:
        """The public vector that is 1 at `row` and 0 elsewhere. Cost: no commitment, one inverse for the verifier."""
        return self.sparse({row: 1})

    def sparse(self, entries: dict[int, int]) -> Vector:
        """The public vector with these entries and 0 elsewhere."""
        return self._read(Column(ColumnKind.SPARSE, self.sparse_index(entries)))

    def mask(self, label: str, stride: int, offsets: Sequence[int]) -> Vector:
        """The public vector that is 1 on rows i with i mod stride in `offsets`: a risk group laid out in cosets.

        Stride is a power of two up to `rows`. Cost: no commitment, one inverse an offset for the verifier.
        """
        self._name(label)
        column = Column(ColumnKind.MASK, len(self.recording.masks))
        self.recording.masks.append(MaskColumn(label, stride, tuple(offsets)))
        self.recording.bounds[column] = (0, 1)
        return self._read(column)

    def sparse_index(self, entries: dict[int, int]) -> int:
        """The index of a sparse column; equal ones are shared."""
        if not entries or any(not 0 <= row < self.rows for row in entries):
            raise CompileError("sparse", f"expected rows in [0, {self.rows})")
        key = tuple(sorted(entries.items()))
        index = self.recording.sparse.setdefault(key, len(self.recording.sparse))
        values = [0, *entries.values()]
        self.recording.bounds[Column(ColumnKind.SPARSE, index)] = (min(values), max(values))
        return index

    def witness(self, label: str, hint: VectorHint | Vector) -> Vector:
        """A free private column. Constraints must tie it down; it has no bound until one does."""
        self._name(label)
        column = self._witness_column(label)
        self.recording.steps.append(FreeColumn(label, column.index, self._hint(hint)))
        return self._read(column)

    def boolean(self, label: str, hint: VectorHint | Vector) -> Vector:
        """A private column of zeros and ones. Cost: one column, one identity of degree 2."""
        flag = self.witness(label, hint)
        self._mark_boolean(flag, label)
        return flag

    def ranged(self, label: str, bits: int, hint: VectorHint | Vector) -> Vector:
        """A private vector in [0, 2^bits) on every row, held as ceil(bits / digit_bits) looked-up columns."""
        self._name(label)
        return self._ranged(label, bits, self._hint(hint), signed_holding=None)

    def public_scalar(self, label: str, bits: int) -> Scalar:
        """A public input in [0, 2^bits), checked by the verifier."""
        self._name(label)
        self.recording.public.append(PublicScalar(label, bits))
        return Scalar({len(self.recording.public) - 1: 1}, {}, 0)

    def private_scalar(self, label: str, bits: int, hint: ScalarHint) -> Scalar:
        """A private scalar in [0, 2^bits), bits rounded up to whole rows of `row_bits`, at most four."""
        self._name(label)
        rows = -(-bits // self.row_bits)
        if not 1 <= rows <= MAX_SCALAR_ROWS:
            most = MAX_SCALAR_ROWS * self.row_bits
            raise CompileError(label, f"expected 1 to {most} bits in at most {MAX_SCALAR_ROWS} rows, got {bits}")
        scalar = PrivateScalar(label, rows * self.row_bits, hint)
        self.recording.private.append(scalar)
        self.recording.steps.append(scalar)
        return Scalar({}, {len(self.recording.private) - 1: 1}, 0)

    def following(self, vector: Vector) -> Vector:
        """A witness column read one row ahead, cyclically."""
        node = self.graph.nodes[vector.node]
        if not isinstance(node, Query) or node.column.kind is not ColumnKind.WITNESS or node.rotation:
            raise TraceError("following() expects a witness column itself, not an expression")
        return Vector(self.graph, self.graph.query(Query(node.column, 1)))

    # -- the three primitives -----------------------------------------------------------------------------------------

    def require_zero(self, vector: Vector, *, label: str) -> None:
        """Constrain every row to zero modulo r. Degree at most 3. Cost: nothing on chain but field arithmetic."""
        self._name(label)
        self.recording.identities.append(Identity(label, vector.node))

    def require_sum(self, vector: Vector, right: Scalar | int, *, label: str) -> None:
        """Constrain the sum over all rows: sum(vector) = right, over the integers.

        The compiler checks that neither side can reach r, from the columns' bounds.
        """
        self._name(label)
        self.recording.sums.append(SumConstraint(label, vector.node, Scalar.of(right)))

    def require_packed_sums(
        self, packed: PackedColumn, weight: Vector, rights: Sequence[Scalar | int], *, label: str
    ) -> None:
        """Constrain sum(weight * part_j) = rights[j] for every part, at the price of one sum.

        Sound without randomness because the compiler refuses it unless both sides of every part differ by less than
        2^shift in all cases: then sum_j 2^(shift j) (left_j - right_j) = 0 forces every term to zero, lowest first.
        """
        self._name(label)
        if len(rights) != packed.count:
            raise CompileError(label, f"expected {packed.count} right sides, got {len(rights)}")
        sides = tuple(Scalar.of(right) for right in rights)
        self.recording.packed_sums.append(PackedSums(label, packed, weight.node, sides))
        combined = Scalar.of(0)
        for position, side in enumerate(sides):
            combined = combined + side * (1 << (packed.shift * position))
        self.recording.sums.append(SumConstraint(label, self.graph.multiply(packed.node, weight.node), combined))

    def require_range(self, vector: Vector, bits: int, *, label: str) -> None:
        """Constrain every row to [0, 2^bits). Cost: ceil(bits / digit_bits) columns and lookups."""
        ranged = self.ranged(label, bits, vector)
        definitions, node = self.recording.definitions, self.graph.nodes[vector.node]
        if isinstance(node, Query) and node.column in definitions:
            # From here on the holding's name stands for its digits, which may be multiplied.
            committed, definitions[node.column] = definitions[node.column], ranged.node
            identity = self.graph.subtract(committed, ranged.node)
        else:
            identity = (vector - ranged).node
        self.recording.identities.append(Identity(f"{label}.recomposed", identity))
        self._bound(vector, (0, (1 << bits) - 1))

    def require_row(self, vector: Vector, row: int, right: Scalar | int, *, label: str) -> None:
        """Constrain one row's entry to a scalar. Modulo r, so that the column needs no bound."""
        self._name(label)
        entry = (self.unit(row) * vector).node
        self.recording.sums.append(SumConstraint(label, entry, Scalar.of(right), modular=True))

    def require_grouped_sums_equal(
        self,
        left: tuple[Vector | int, Sequence[Vector]],
        right: tuple[Vector | int, Sequence[Vector]],
        *,
        label: str,
    ) -> None:
        """Constrain two weighted lists of keys to agree: each key's weights sum to the same, modulo r, on both sides.

        A side is (weight, key), a number and a tuple of columns a row; all of degree at most one. Keys may repeat. Of
        weights with a bound the compiler checks that rows * weight stays below r / 2; where both sides have one, the
        sums are equal over the integers.
        Cost: one fraction a side, half a helper column each; a market column in a key is evaluated.
        """
        self._name(label)
        terms = []
        for sign, (weight, key) in ((1, left), (-1, right)):
            if len(key) != len(left[1]) or not key:
                raise CompileError(label, "expected keys of equally many parts, at least one, on both sides")
            node = (weight * sign).node if isinstance(weight, Vector) else self.graph.constant(weight * sign)
            terms.append(FractionTerm(node, tuple(part.node for part in key)))
        self.recording.fractions.append((label, tuple(terms)))

    # -- built from the primitives ------------------------------------------------------------------------------------

    def sign_split(self, holding: Vector, bits: int, *, label: str) -> SignSplit:
        """Constrain |holding| < 2^bits on active rows, zero elsewhere.

        q = (S - 2 s) a and s (S - s) = 0, with S selecting active rows: there s is a flag, elsewhere s = 0, so q = 0.
        |q| is S a and max(-q, 0) is s a: the magnitude column a also holds private scalars in its last rows, and must
        not be charged. q and the two are of degree two. Where the holding is zero, `negative` is the prover's choice:
        only its product with the holding means anything.
        """
        node = self.graph.nodes[holding.node]
        names = [HoldingNames.of(index) for index in range(len(self.recording.holdings))]
        index = next((k for k, name in enumerate(names) if node == Query(name.net, 0)), None)
        if index is None:
            raise TraceError("sign_split() expects a holding itself, not an expression")
        if index in self.recording.splits:
            raise CompileError(label, "this holding is split already")
        name = names[index]
        negative = self.witness(f"{label}.negative", lambda context: context.splits[index][0])
        self._bound(negative, (0, 1))
        self.recording.booleans.add(negative.node)
        self._name(f"{label}.magnitude")
        magnitude = self._ranged(
            f"{label}.magnitude", bits, lambda context: context.splits[index][1], signed_holding=index
        )
        top = (1 << bits) - 1
        self.recording.bounds |= {name.absolute: (0, top), name.short: (0, top)}
        self.recording.bounds |= dict.fromkeys((name.net, Column(ColumnKind.HOLDING, index)), (-top, top))
        self.recording.splits[index] = Split(label, index, negative.node, magnitude.node)
        return SignSplit(negative, self._read(name.absolute), self._read(name.short))

    def select(self, flag: Vector, chosen: Vector | int, otherwise: Vector | int) -> Vector:
        """`chosen` where the boolean `flag` is 1, else `otherwise`. Degree: one more than theirs."""
        if flag.node not in self.recording.booleans:
            raise TraceError("select() expects a flag made by boolean() or sign_split()")
        difference = chosen - otherwise if isinstance(chosen, Vector) else -(otherwise - chosen)
        return flag * difference + otherwise

    def product(self, left: Vector, right: Vector, *, label: str) -> Vector:
        """A witness column constrained to left * right: a product of degree one again. Cost: one column."""
        return self.column(left * right, label=label)

    def column(self, value: Vector, *, label: str) -> Vector:
        """A witness column constrained to an expression, or to a holding: of degree one. Cost: one column."""
        column = self.witness(label, value)
        self.recording.identities.append(Identity(f"{label}.value", (column - value).node))
        self._bound(column, value.node)
        return column

    def place(self, scalars: Sequence[Scalar], *, label: str) -> Vector:
        """A witness column whose row i is scalars[i], zero in all other rows, so that scalars can multiply."""
        if len(scalars) > MAX_SPARSE_ROWS:
            raise CompileError(label, f"expected at most {MAX_SPARSE_ROWS} scalars, got {len(scalars)}")
        entries = list(scalars)
        column = self.witness(
            label, lambda context: context.sparse({i: context.scalar(scalar) for i, scalar in enumerate(entries)})
        )
        used = self.sparse(dict.fromkeys(range(len(entries)), 1))
        self.recording.identities.append(Identity(f"{label}.elsewhere", (column - used * column).node))
        for row, scalar in enumerate(entries):
            self.recording.sums.append(SumConstraint(f"{label}[{row}]", (self.unit(row) * column).node, scalar))
        self._bound_by_scalars(column, entries)
        return column

    def lookup(
        self, row: Sequence[Vector], table: Sequence[Vector], multiplicities: VectorHint | Vector, *, label: str
    ) -> None:
        """Constrain every row's tuple to be one of the table's. multiplicities: how often each table row is used.

        Shapes: as many columns of degree at most one on both sides, rows of both (rows,). The multiplicities are a
        witness column named after the label. Cost: one column and one helper.
        """
        counts = self.witness(f"{label}.multiplicity", multiplicities)
        self.require_grouped_sums_equal((1, row), (counts, table), label=label)

    def require_sum_at_least(self, vector: Vector, right: Scalar | int, *, bits: int, label: str) -> None:
        """Constrain sum(vector) >= right over the integers, by a slack in [0, 2^bits) that no one sees.

        bits, rounded up to whole rows, must hold the greatest difference: a larger one has no proof.
        """
        right = Scalar.of(right)
        slack = self.private_scalar(f"{label}.slack", bits, lambda context: context.sum(vector) - context.scalar(right))
        self.require_sum(vector, right + slack, label=label)

    # -- inside -------------------------------------------------------------------------------------------------------

    def _name(self, label: str) -> None:
        if not label or label in self.recording.labels:
            raise CompileError(label or "?", "expected a label that is not empty and not used before")
        self.recording.labels.add(label)

    def _read(self, column: Column) -> Vector:
        return Vector(self.graph, self.graph.query(Query(column, 0)))

    def _witness_column(self, label: str) -> Column:
        self.recording.witness.append(label)
        return Column(ColumnKind.WITNESS, len(self.recording.witness) - 1)

    def _hint(self, hint: VectorHint | Vector) -> VectorHint:
        if isinstance(hint, Vector):
            vector = hint
            return lambda context: context.evaluate(vector)
        return hint

    def _mark_boolean(self, flag: Vector, label: str) -> None:
        self.recording.identities.append(Identity(f"{label}.boolean", (flag * (1 - flag)).node))
        self._bound(flag, (0, 1))
        self.recording.booleans.add(flag.node)

    def _bound(self, vector: Vector, bound: Interval | int) -> None:
        node = self.graph.nodes[vector.node]
        if isinstance(node, Query) and node.rotation == 0 and node.column not in self.recording.bounds:
            self.recording.bounds[node.column] = bound

    def _bound_by_scalars(self, column: Vector, scalars: Sequence[Scalar]) -> None:
        bounds = [self.scalar_bounds(scalar) for scalar in scalars]
        self._bound(column, (min(0, *(low for low, _ in bounds)), max(0, *(high for _, high in bounds))))

    def scalar_bounds(self, scalar: Scalar) -> Interval:
        """The interval that a scalar's declared ranges confine it to."""
        low = high = scalar.constant
        widths = [(c, self.recording.public[i].bits) for i, c in scalar.public.items()]
        widths += [(c, self.recording.private[i].bits) for i, c in scalar.private.items()]
        for coefficient, bits in widths:
            reach = coefficient * ((1 << bits) - 1)
            low, high = low + min(0, reach), high + max(0, reach)
        return low, high

    def _ranged(self, label: str, bits: int, hint: VectorHint, signed_holding: int | None) -> Vector:
        if not 1 <= bits <= MAX_RANGE_BITS:
            raise CompileError(label, f"expected 1 to {MAX_RANGE_BITS} bits, got {bits}")
        count = -(-bits // self.digit_bits)
        total: Vector | None = None
        indices = []
        for digit in range(count):
            column = self._witness_column(f"{label}.digit[{digit}]")
            indices.append(column.index)
            value = self._read(column)
            width = min(self.digit_bits, bits - digit * self.digit_bits)
            self.recording.bounds[column] = (0, (1 << width) - 1)
            self.recording.lookups.append(Lookup(f"{label}.digit[{digit}]", value.node))
            if width < self.digit_bits:
                scaled = value * (1 << (self.digit_bits - width))
                self.recording.lookups.append(Lookup(f"{label}.top", scaled.node))
            shifted = value * (1 << (digit * self.digit_bits))
            total = shifted if total is None else total + shifted
        if total is None:
            raise CompileError(label, "expected at least one digit")
        step = RangedColumns(label, bits, tuple(indices), total.node, hint, signed_holding)
        self.recording.steps.append(step)
        return total


def default_digit_bits(rows: int, row_bits: int) -> int:
    """The widest digit that the table allows and that divides `row_bits` with least waste.

    With 2^12 rows and 60 bits: 12-bit digits, five columns. With 2^16 rows: 15 bits, four columns.
    """
    most = rows.bit_length() - 1
    columns = -(-row_bits // most)
    return -(-row_bits // columns)
