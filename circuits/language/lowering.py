"""Sums in normal form: sum of coefficient * public column * private weight.

The prover gathers terms by weight and combines the public columns, so that sixteen scenarios over one holding cost one
product a row; the verifier gets one scalar a market column.

Coefficients are integers, not residues: reduced modulo r too early, a product of two large ones could pass for a small
one, and the bounds that are computed from it would be those of another sum.
"""

from __future__ import annotations

from zkmargin.circuits.language.errors import CompileError
from zkmargin.circuits.language.graph import Graph
from zkmargin.verifier.circuit import SumTerm
from zkmargin.verifier.expression import Binary, Column, ColumnKind, Constant, Operator, Query
from zkmargin.verifier.field import SCALAR_MODULUS, centred

_PUBLIC = (ColumnKind.MARKET, ColumnKind.FIXED, ColumnKind.SPARSE, ColumnKind.MASK)
_Term = tuple[Column | None, int | None]
_Form = dict[_Term, int]


class SumLowering:
    """Lowers the sums of one graph, which grows by the weights' products."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._forms: dict[int, _Form] = {}
        self._public: dict[int, bool] = {}

    def lower(self, label: str, node: int) -> tuple[SumTerm, ...]:
        """The terms of one expression, in order of first appearance; zero terms dropped.

        Raises CompileError for a coefficient that is not its own centred residue.
        """
        form = self._form(node)
        if any(abs(coefficient) > SCALAR_MODULUS // 2 for coefficient in form.values()):
            raise CompileError(label, "a coefficient reaches r / 2, about 2**252.6")
        return tuple(
            SumTerm(coefficient % SCALAR_MODULUS, public, weight)
            for (public, weight), coefficient in form.items()
            if coefficient
        )

    def _reads_public(self, index: int) -> bool:
        if index not in self._public:
            node = self._graph.nodes[index]
            if isinstance(node, Binary):
                self._public[index] = self._reads_public(node.left) or self._reads_public(node.right)
            else:
                self._public[index] = isinstance(node, Query) and node.column.kind in _PUBLIC
        return self._public[index]

    def _form(self, index: int) -> _Form:
        if index not in self._forms:
            self._forms[index] = self._make(index)
        return self._forms[index]

    def _make(self, index: int) -> _Form:
        node = self._graph.nodes[index]
        if isinstance(node, Constant):
            return {(None, None): centred(node.value)}
        if isinstance(node, Query):
            return {(node.column, None): 1} if node.column.kind in _PUBLIC else {(None, index): 1}
        if not self._reads_public(index) and node.operator is Operator.MULTIPLY:
            left, right = self._graph.nodes[node.left], self._graph.nodes[node.right]
            if not isinstance(left, Constant) and not isinstance(right, Constant):
                return {(None, index): 1}
        left_form, right_form = self._form(node.left), self._form(node.right)
        if node.operator is Operator.MULTIPLY:
            return self._product(left_form, right_form)
        sign = 1 if node.operator is Operator.ADD else -1
        total = dict(left_form)
        for term, coefficient in right_form.items():
            total[term] = total.get(term, 0) + sign * coefficient
        return total

    def _product(self, left: _Form, right: _Form) -> _Form:
        total: _Form = {}
        for (p, v), a in left.items():
            for (q, w), b in right.items():
                public, extra = self._keep_one(p, q)
                weight = self._times(self._times(v, w), extra)
                total[public, weight] = total.get((public, weight), 0) + a * b
        return total

    def _keep_one(self, left: Column | None, right: Column | None) -> tuple[Column | None, int | None]:
        """Of two public columns one stays linear (a market column if there is one), the other joins the weight."""
        if left is None or right is None:
            return left or right, None
        keep, other = (left, right) if left.kind is ColumnKind.MARKET else (right, left)
        return keep, self._graph.query(Query(other, 0))

    def _times(self, left: int | None, right: int | None) -> int | None:
        if left is None or right is None:
            return left if right is None else right
        return self._graph.multiply(left, right)
