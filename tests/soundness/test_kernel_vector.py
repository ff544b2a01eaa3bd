"""Solvency openings: one random combination of all asset columns is opened to a customer at their row.

Rows are customers, columns are assets, and the customer is shown balances b_k and one opening of sum_k c^k f_k. Who
knows c finds small errors d_k with sum_k c^k d_k = 0 by lattice reduction, and shows false balances that open alike. A
column of hashes of all balances, committed with the rest, is what makes them stand out.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from support.backends import fastest_backend, fastest_engine
from support.setup import bases, setup_key

from zkmargin.verifier.curve import G1, G1_GENERATOR, G2_GENERATOR
from zkmargin.verifier.field import BASE_MODULUS, SCALAR_MODULUS, root_of_unity
from zkmargin.verifier.keccak import keccak256
from zkmargin.verifier.proof import encode_points

R = SCALAR_MODULUS
CUSTOMERS = 32
ASSETS = 5
BALANCE_BITS = 60
BACKEND = fastest_backend()
ENGINE = fastest_engine()


@dataclass(frozen=True)
class Exchange:
    """Balances by customer and asset; with `ids` a last column binds each customer's whole row."""

    balances: tuple[tuple[int, ...], ...]
    ids: bool

    @cached_property
    def columns(self) -> list[list[int]]:
        """Values on the domain."""
        columns = [list(column) for column in zip(*self.balances, strict=True)]
        return [*columns, [identity(row, shown) for row, shown in enumerate(self.balances)]] if self.ids else columns

    @cached_property
    def commitments(self) -> list[G1]:
        """Published before the coefficient is drawn."""
        return BACKEND.msm(bases(BACKEND, CUSTOMERS)[0], [BACKEND.vector(column) for column in self.columns])

    @cached_property
    def coefficient(self) -> int:
        """Drawn after all columns are committed."""
        return int.from_bytes(keccak256(encode_points(self.commitments)), "big") % R

    def opening(self, row: int) -> G1:
        """The opening of the combination at a customer's row."""
        coefficients = BACKEND.interpolate([BACKEND.vector(column) for column in self.columns])
        powers = [pow(self.coefficient, k, R) for k in range(len(coefficients))]
        combined = BACKEND.linear_combination(coefficients, powers)
        quotient = BACKEND.divide_by_linear(combined, pow(root_of_unity(CUSTOMERS), row, R))
        return BACKEND.msm(bases(BACKEND, CUSTOMERS)[1], [quotient])[0]

    def customer_accepts(self, row: int, shown: tuple[int, ...], opening: G1) -> bool:
        """e(sum_k c^k (C_k - [b_k]), [1]) = e(opening, [x - w^row]), the id recomputed from what is shown."""
        values = [*shown, identity(row, shown)] if self.ids else list(shown)
        powers = [pow(self.coefficient, k, R) for k in range(len(values))]
        value = sum(c * b for c, b in zip(powers, values, strict=True))
        point = pow(root_of_unity(CUSTOMERS), row, R)
        left = ENGINE.combine([*self.commitments, G1_GENERATOR, opening], [*powers, -value, point])
        minus_opening = G1(opening.x, BASE_MODULUS - opening.y)
        return ENGINE.pairing_product_is_one([(left, G2_GENERATOR), (minus_opening, setup_key().g2_x)])


def identity(row: int, balances: tuple[int, ...]) -> int:
    """A hash of a customer's number and all balances."""
    data = row.to_bytes(4, "big") + b"".join((balance % R).to_bytes(32, "big") for balance in balances)
    return int.from_bytes(keccak256(data), "big") % R


def kernel_vector(coefficient: int, size: int) -> tuple[int, ...]:
    """A short non-zero d with sum_k coefficient^k d_k = 0 modulo r: the first vector of a reduced basis."""
    basis = [[R] + [0] * (size - 1)]
    for k in range(1, size):
        basis.append([-pow(coefficient, k, R) % R] + [int(k == j) for j in range(1, size)])
    return tuple(reduced(basis)[0])


def reduced(basis: list[list[int]]) -> list[list[int]]:
    """Lenstra, Lenstra and Lovasz, as in the textbook: exact, and fast enough for a handful of dimensions."""

    def dot(a: list[int], b: list[Fraction]) -> Fraction:
        return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))

    def orthogonalised() -> tuple[list[list[Fraction]], list[Fraction]]:
        found: list[list[Fraction]] = []
        norms: list[Fraction] = []
        for vector in basis:
            rest = [Fraction(x) for x in vector]
            for other, norm in zip(found, norms, strict=True):
                factor = dot(vector, other) / norm
                rest = [x - factor * y for x, y in zip(rest, other, strict=True)]
            found.append(rest)
            norms.append(sum(x * x for x in rest))
        return found, norms

    position = 1
    while position < len(basis):
        orthogonal, norms = orthogonalised()
        for j in range(position - 1, -1, -1):
            factor = round(dot(basis[position], orthogonal[j]) / norms[j])
            basis[position] = [x - factor * y for x, y in zip(basis[position], basis[j], strict=True)]
        projection = dot(basis[position], orthogonal[position - 1]) / norms[position - 1]
        if norms[position] >= (Fraction(3, 4) - projection**2) * norms[position - 1]:
            position += 1
        else:
            basis[position - 1], basis[position] = basis[position], basis[position - 1]
            position = max(1, position - 1)
    return basis


def exchange(*, ids: bool) -> Exchange:
    draw = random.Random(11)
    return Exchange(
        tuple(tuple(draw.randrange(1 << BALANCE_BITS) for _ in range(ASSETS)) for _ in range(CUSTOMERS)), ids
    )


def false_balances(of: Exchange, row: int) -> tuple[int, ...]:
    """Other balances in range that open alike without ids."""
    errors = kernel_vector(of.coefficient, ASSETS)
    assert any(errors)
    assert sum(pow(of.coefficient, k, R) * d for k, d in enumerate(errors)) % R == 0
    return tuple(balance + d for balance, d in zip(of.balances[row], errors, strict=True))


def test_true_balances_open_with_and_without_ids() -> None:
    for ids in (False, True):
        honest = exchange(ids=ids)
        assert honest.customer_accepts(3, honest.balances[3], honest.opening(3))
        assert not honest.customer_accepts(3, honest.balances[4], honest.opening(3))


def test_a_kernel_vector_shows_false_balances_that_open_alike_without_ids() -> None:
    dishonest = exchange(ids=False)
    row = next(
        row
        for row in range(CUSTOMERS)
        if all(0 <= shown < 1 << BALANCE_BITS for shown in false_balances(dishonest, row))
    )
    shown = false_balances(dishonest, row)
    assert shown != dishonest.balances[row]
    assert dishonest.customer_accepts(row, shown, dishonest.opening(row))


def test_a_kernel_vector_stands_out_where_ids_bind_all_balances() -> None:
    dishonest = exchange(ids=True)
    assert not dishonest.customer_accepts(0, false_balances(dishonest, 0), dishonest.opening(0))
