"""What the compiler proves about magnitudes: no sum may reach r, or it would wrap around."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zkmargin.circuits.language.errors import CompileError
from zkmargin.circuits.language.recording import Interval
from zkmargin.verifier.circuit import SparseColumn, SumTerm
from zkmargin.verifier.expression import Binary, Column, ColumnKind, Constant, Node, Operator
from zkmargin.verifier.field import SCALAR_MODULUS, centred


def node_bounds(nodes: Sequence[Node], columns: Mapping[Column, Interval | int]) -> list[Interval | None]:
    """Each node's interval over the integers, None where a column in it has no bound.

    columns: an interval, or the index of an earlier node that the column is constrained to equal.
    """
    bounds: list[Interval | None] = []
    for node in nodes:
        if isinstance(node, Constant):
            value = centred(node.value)
            bounds.append((value, value))
        elif isinstance(node, Binary):
            bounds.append(_combine(node.operator, bounds[node.left], bounds[node.right]))
        else:
            known = columns.get(node.column)
            bounds.append(bounds[known] if isinstance(known, int) else known)
    return bounds


def _combine(operator: Operator, left: Interval | None, right: Interval | None) -> Interval | None:
    if left is None or right is None:
        return None
    if operator is Operator.ADD:
        return left[0] + right[0], left[1] + right[1]
    if operator is Operator.SUBTRACT:
        return left[0] - right[1], left[1] - right[0]
    products = [a * b for a in left for b in right]
    return min(products), max(products)


def sum_bounds(
    label: str,
    terms: Sequence[SumTerm],
    rows: int,
    nodes: Sequence[Interval | None],
    columns: Mapping[Column, Interval | int],
    sparse: Sequence[SparseColumn],
) -> Interval:
    """The interval of a lowered sum over all rows. Raises CompileError when something in it has no bound."""
    low = high = 0
    for term in terms:
        factor: Interval | None = (1, 1) if term.weight is None else nodes[term.weight]
        count = rows
        if term.public is not None:
            bound = columns[term.public]
            if term.public.kind is ColumnKind.SPARSE:
                count = len(sparse[term.public.index].entries)
            factor = _combine(Operator.MULTIPLY, factor, bound if isinstance(bound, tuple) else nodes[bound])
        if factor is None:
            raise CompileError(label, "a column in this sum has no bound; call sign_split or require_range on it")
        scaled = [centred(term.coefficient) * count * end for end in factor]
        low, high = low + min(scaled), high + max(scaled)
    return low, high


def check_no_wrap(label: str, left: Interval, right: Interval) -> None:
    """Raise CompileError unless |left - right| < r for all values in the intervals."""
    reach = max(abs(left[0] - right[1]), abs(left[1] - right[0]))
    if reach >= SCALAR_MODULUS:
        raise CompileError(
            label,
            f"the two sides can differ by 2**{reach.bit_length() - 1} or more and wrap around r; declare fewer bits",
        )
