"""Traced values: what a program computes with while it is being recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from zkmargin.circuits.language.errors import TraceError
from zkmargin.circuits.language.graph import Graph
from zkmargin.verifier.field import SCALAR_MODULUS


class _Traced:
    """Refuses everything that would make the recorded program depend on a value."""

    __hash__ = object.__hash__

    def _refuse(self, what: str, instead: str) -> NoReturn:
        raise TraceError(f"a traced {type(self).__name__.lower()} {what} while the program is recorded; {instead}")

    def __bool__(self) -> NoReturn:
        self._refuse("has no truth value", "use select(flag, a, b) to choose and require_zero(...) to insist")

    def __eq__(self, other: object) -> NoReturn:
        self._refuse("cannot be compared", "use require_zero(left - right, label=...)")

    def __ne__(self, other: object) -> NoReturn:
        self._refuse("cannot be compared", "use a boolean witness and require_zero(...)")

    def __lt__(self, other: object) -> NoReturn:
        self._refuse("cannot be compared", "use require_range(right - left - 1, bits, label=...)")

    def __le__(self, other: object) -> NoReturn:
        self._refuse("cannot be compared", "use require_range(right - left, bits, label=...)")

    __gt__ = __lt__
    __ge__ = __le__

    def __len__(self) -> NoReturn:
        self._refuse("has no length", "the number of rows is program.rows")

    def __iter__(self) -> NoReturn:
        self._refuse("cannot be iterated", "write one constraint for all rows")

    def __getitem__(self, index: object) -> NoReturn:
        self._refuse("cannot be indexed", "multiply by program.unit(row) inside a sum")

    def __int__(self) -> NoReturn:
        self._refuse("has no value", "constants are Python integers")

    __index__ = __int__
    __float__ = __int__


class Vector(_Traced):
    """One value a row: a node of the program's graph."""

    __slots__ = ("graph", "node")

    def __init__(self, graph: Graph, node: int) -> None:
        self.graph = graph
        self.node = node

    def _lift(self, other: Vector | int) -> int:
        if isinstance(other, Vector):
            if other.graph is not self.graph:
                raise TraceError("two vectors of different programs meet; trace them in one function")
            return other.node
        if isinstance(other, int) and not isinstance(other, bool):
            if abs(other) > SCALAR_MODULUS // 2:
                raise TraceError("a constant stands for an integer; expected a magnitude below r / 2, about 2**252.6")
            return self.graph.constant(other)
        if isinstance(other, Scalar):
            raise TraceError("a scalar meets a vector; scalars belong on the right side of require_sum")
        raise TraceError(f"a traced vector meets a {type(other).__name__}; expected a vector or an integer")

    def __add__(self, other: Vector | int) -> Vector:
        return Vector(self.graph, self.graph.add(self.node, self._lift(other)))

    __radd__ = __add__

    def __sub__(self, other: Vector | int) -> Vector:
        return Vector(self.graph, self.graph.subtract(self.node, self._lift(other)))

    def __rsub__(self, other: Vector | int) -> Vector:
        return Vector(self.graph, self.graph.subtract(self._lift(other), self.node))

    def __mul__(self, other: Vector | int) -> Vector:
        return Vector(self.graph, self.graph.multiply(self.node, self._lift(other)))

    __rmul__ = __mul__

    def __neg__(self) -> Vector:
        return self * -1

    def __repr__(self) -> str:
        return f"Vector(node={self.node})"


class Scalar(_Traced):
    """constant + sum of coefficient * named scalar, public or private."""

    __slots__ = ("constant", "private", "public")

    def __init__(self, public: Mapping[int, int], private: Mapping[int, int], constant: int) -> None:
        self.public = dict(public)
        self.private = dict(private)
        self.constant = constant

    @staticmethod
    def of(value: Scalar | int) -> Scalar:
        """An integer as a constant scalar."""
        if isinstance(value, Scalar):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return Scalar({}, {}, value)
        raise TraceError(f"expected a scalar or an integer, got a {type(value).__name__}")

    def __add__(self, other: Scalar | int) -> Scalar:
        other = Scalar.of(other)
        return Scalar(
            _merged(self.public, other.public), _merged(self.private, other.private), self.constant + other.constant
        )

    __radd__ = __add__

    def __mul__(self, factor: int) -> Scalar:
        if not isinstance(factor, int) or isinstance(factor, bool):
            raise TraceError("scalars multiply by integers only; put both in columns with place(...) for a product")
        return Scalar(
            {k: c * factor for k, c in self.public.items()},
            {k: c * factor for k, c in self.private.items()},
            self.constant * factor,
        )

    __rmul__ = __mul__

    def __neg__(self) -> Scalar:
        return self * -1

    def __sub__(self, other: Scalar | int) -> Scalar:
        return self + -Scalar.of(other)

    def __rsub__(self, other: Scalar | int) -> Scalar:
        return Scalar.of(other) + -self

    def __repr__(self) -> str:
        return f"Scalar(public={len(self.public)}, private={len(self.private)})"


def _merged(left: Mapping[int, int], right: Mapping[int, int]) -> dict[int, int]:
    return {key: left.get(key, 0) + right.get(key, 0) for key in (*left, *(k for k in right if k not in left))}
