"""The graph that tracing builds: nodes of `zkmargin.verifier.expression`, equal nodes recorded once."""

from __future__ import annotations

from collections.abc import Iterable

from zkmargin.circuits.language.errors import CompileError
from zkmargin.verifier.expression import Binary, Constant, Node, Operator, Query
from zkmargin.verifier.field import SCALAR_MODULUS, centred


class Graph:
    """An append-only graph; node indices are stable. Constants fold, 0 and 1 disappear.

    A constant stands for an integer, and folds as one: what the compiler proves of magnitudes it reads from constants,
    and 2^250 times 2^200 reduced modulo r could look like 7. One of r / 2 or more in magnitude is refused.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._known: dict[Node, int] = {}

    def query(self, query: Query) -> int:
        """A column read."""
        return self._record(query)

    def constant(self, value: int) -> int:
        """An integer below r / 2 in magnitude. Raises CompileError for any other."""
        if abs(value) > SCALAR_MODULUS // 2:
            raise CompileError(
                "constant",
                f"constants fold to 2**{abs(value).bit_length() - 1} or more in magnitude; expected less than r / 2, "
                "about 2**252.6",
            )
        return self._record(Constant(value % SCALAR_MODULUS))

    def add(self, left: int, right: int) -> int:
        """left + right."""
        a, b = self._value(left), self._value(right)
        if a is not None and b is not None:
            return self.constant(a + b)
        if a == 0:
            return right
        if b == 0:
            return left
        return self._record(Binary(Operator.ADD, min(left, right), max(left, right)))

    def subtract(self, left: int, right: int) -> int:
        """left - right."""
        a, b = self._value(left), self._value(right)
        if a is not None and b is not None:
            return self.constant(a - b)
        if b == 0:
            return left
        return self._record(Binary(Operator.SUBTRACT, left, right))

    def multiply(self, left: int, right: int) -> int:
        """left * right."""
        a, b = self._value(left), self._value(right)
        if a is not None and b is not None:
            return self.constant(a * b)
        if a == 0 or b == 0:
            return self.constant(0)
        if a == 1:
            return right
        if b == 1:
            return left
        return self._record(Binary(Operator.MULTIPLY, min(left, right), max(left, right)))

    def binary(self, operator: Operator, left: int, right: int) -> int:
        """left operator right."""
        operations = {Operator.ADD: self.add, Operator.SUBTRACT: self.subtract, Operator.MULTIPLY: self.multiply}
        return operations[operator](left, right)

    def reachable(self, roots: Iterable[int]) -> list[int]:
        """The nodes that the roots are computed from, in order."""
        found = set(roots)
        for index in range(max(found, default=-1), -1, -1):
            node = self.nodes[index]
            if index in found and isinstance(node, Binary):
                found.update((node.left, node.right))
        return sorted(found)

    def _value(self, index: int) -> int | None:
        node = self.nodes[index]
        return centred(node.value) if isinstance(node, Constant) else None

    def _record(self, node: Node) -> int:
        if node not in self._known:
            self._known[node] = len(self.nodes)
            self.nodes.append(node)
        return self._known[node]
