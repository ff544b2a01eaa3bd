"""Constraint expressions: one graph of nodes, read by everyone through an algebra of their own.

A circuit's expressions form a directed acyclic graph stored as a flat tuple; a node refers only to earlier nodes. The
verifier evaluates it over numbers and affine forms, the prover over vectors and power series, the compiler over
degrees and bounds. Whoever needs another reading writes another `Algebra`, never another expression type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

__all__ = ["Algebra", "Binary", "Column", "ColumnKind", "Constant", "Node", "Operator", "Query", "evaluate"]


class ColumnKind(StrEnum):
    """Who knows a column, and how the verifier comes by it."""

    FIXED = "fixed"
    """The same for every statement of the circuit; its commitment is in the verifying key."""
    MARKET = "market"
    """Public for one epoch; its commitment is a public input that anyone recomputes from published data."""
    HOLDING = "holding"
    """Known to an account and its venues; the sum of the venues' commitments is a public input."""
    WITNESS = "witness"
    """Known to the prover; its commitment is in the proof."""
    SPARSE = "sparse"
    """Public and non-zero in few rows; the verifier evaluates it by itself."""
    MASK = "mask"
    """Public, one on some cosets of the domain and zero elsewhere; the verifier evaluates it by itself."""

    __hash__ = str.__hash__
    """That of the text it equals; the one that `Enum` writes in Python takes most of a look-up's time."""


@dataclass(frozen=True, order=True, slots=True)
class Column:
    """The `index`-th column of a kind."""

    kind: ColumnKind
    index: int


@dataclass(frozen=True, order=True, slots=True)
class Query:
    """A column read at row i + rotation (cyclically): the polynomial f(w^rotation X). Rotation is 0 or 1."""

    column: Column
    rotation: int


@dataclass(frozen=True)
class Constant:
    """A field element, canonical in [0, r)."""

    value: int


class Operator(StrEnum):
    """The three ring operations."""

    ADD = "+"
    SUBTRACT = "-"
    MULTIPLY = "*"


@dataclass(frozen=True)
class Binary:
    """An operation on two earlier nodes, given by their index."""

    operator: Operator
    left: int
    right: int


Node = Query | Constant | Binary

T = TypeVar("T")


class Algebra(Protocol[T]):
    """A ring, as far as an expression needs one."""

    def query(self, query: Query) -> T:
        """The meaning of a column."""

    def constant(self, value: int) -> T:
        """The meaning of a field element."""

    def add(self, left: T, right: T) -> T:
        """left + right."""

    def subtract(self, left: T, right: T) -> T:
        """left - right."""

    def multiply(self, left: T, right: T) -> T:
        """left * right."""


def evaluate(nodes: Sequence[Node], algebra: Algebra[T]) -> list[T]:
    """The meaning of every node, in order. Cost: one operation of the algebra a node."""
    operations = {
        Operator.ADD: algebra.add,
        Operator.SUBTRACT: algebra.subtract,
        Operator.MULTIPLY: algebra.multiply,
    }
    values: list[T] = []
    for node in nodes:
        if isinstance(node, Binary):
            values.append(operations[node.operator](values[node.left], values[node.right]))
        elif isinstance(node, Query):
            values.append(algebra.query(node))
        else:
            values.append(algebra.constant(node.value))
    return values
