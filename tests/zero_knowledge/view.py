"""What a proof shows to someone who knows the trapdoor, as a function of its blinding scalars.

The real prover runs on a back end of discrete logarithms, with its challenges fixed and its blinding given. Every
point becomes the value of its polynomial at tau, so that a proof becomes a list of field elements.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from unittest.mock import patch

from support.backends import ExponentBackend, fastest_backend
from support.programs import Case
from support.proofs import Element, elements
from support.setup import bases
from support.statements import Statement, make_statement

from zkmargin.prover import prove as prove_module
from zkmargin.prover.assignment import HoldingOpening
from zkmargin.prover.randomness import Blinding
from zkmargin.verifier.expression import ColumnKind
from zkmargin.verifier.field import SCALAR_MODULUS, inverse

R = SCALAR_MODULUS
PUBLIC_KINDS = (ColumnKind.FIXED, ColumnKind.MARKET)
Vector = list[int]
Matrix = list[Vector]


class _FixedTranscript:
    """Gives these challenges whatever is absorbed."""

    def __init__(self, challenges: Sequence[int]) -> None:
        self._challenges = iter(challenges)

    def absorb(self, message: bytes) -> None:
        """Nothing."""

    def challenge(self) -> int:
        """The next one."""
        return next(self._challenges)


@dataclass(frozen=True)
class View:
    """A statement on a back end of logarithms, with fixed challenges."""

    statement: Statement
    challenges: tuple[int, ...]

    @classmethod
    def of(cls, case: Case) -> View:
        """A view of an honest prover of this case, for random challenges."""
        backend = ExponentBackend(fastest_backend())
        challenges = tuple(secrets.randbelow(R) for _ in range(7))
        return cls(make_statement(case, backend), challenges)

    @cached_property
    def scalars(self) -> int:
        """How many blinding scalars the prover draws."""
        blinding = Blinding()
        with patch.object(prove_module, "start_transcript", lambda *_: _FixedTranscript(self.challenges)):
            self.statement.prove(blinding=blinding)
        return blinding.drawn

    @cached_property
    def layout(self) -> list[Element]:
        """The elements of the proof, in the order of `at`."""
        return elements(self.statement.circuit)

    def at(self, blinding: Sequence[int]) -> Vector:
        """The proof for these blinding scalars: logarithms of its points, and its evaluations."""
        source = iter(blinding)
        with patch.object(prove_module, "start_transcript", lambda *_: _FixedTranscript(self.challenges)):
            proof = self.statement.prove(blinding=Blinding(lambda: next(source)), check=False)
        assert next(source, None) is None, "the prover drew fewer scalars than were given"
        logarithms = self.statement.backend.logarithms
        return [
            logarithms[element.point(proof)] if element.is_point else element.scalar(proof) for element in self.layout
        ]

    def positions(self, *names: str) -> list[int]:
        """Where the elements of these kinds stand."""
        return [i for i, element in enumerate(self.layout) if element.name.partition("[")[0] in names]

    def jacobian(self, variables: Sequence[int] | None = None) -> Matrix:
        """The derivative of every element by every blinding scalar (or by some) at a random point, one row a scalar.

        Every element is a polynomial of degree at most three in any one scalar, so four values give it exactly.
        """
        base = [secrets.randbelow(R) for _ in range(self.scalars)]
        here = self.at(base)
        rows = []
        for variable in range(self.scalars) if variables is None else variables:
            values = [here]
            for step in (1, 2, 3):
                moved = list(base)
                moved[variable] = (base[variable] + step) % R
                values.append(self.at(moved))
            rows.append(
                [(-11 * a + 18 * b - 9 * c + 2 * d) * inverse(6) % R for a, b, c, d in zip(*values, strict=True)]
            )
        return rows

    def without_openings(self, row: Sequence[int]) -> Vector:
        """A row without W and W', which follow from the other elements."""
        hidden = set(self.positions("opening", "opening_check"))
        return [value for position, value in enumerate(row) if position not in hidden]

    @property
    def independent(self) -> int:
        """How many elements nobody can compute from the others: all but claims of public columns and W, W'."""
        known = [c for c in self.statement.circuit.evaluations if c.column and c.column.kind in PUBLIC_KINDS]
        return len(self.layout) - len(known) - 2

    # -- could another witness have made this proof? -------------------------------------------------------------------

    def for_portfolio(self, case: Case) -> View:
        """The view of a prover with another portfolio under the very same commitments.

        Commitments hide perfectly: for every portfolio there is a blinding scalar that opens them to it.
        """
        other = make_statement(case, self.statement.backend)
        basis, _ = bases(self.statement.backend, self.statement.circuit.rows)
        logarithms = self.statement.backend.to_ints(basis)
        openings = []
        for opening, venues in zip(other.assignment.holdings, self.statement.public.holdings, strict=True):
            committed = sum(self.statement.backend.logarithms[point] for point in venues)
            values = self.statement.backend.to_ints(opening.values)
            rest = committed - sum(v * log for v, log in zip(values, logarithms, strict=False))
            openings.append(HoldingOpening(opening.values, rest * inverse(logarithms[len(values)]) % R))
        assignment = replace(other.assignment, holdings=tuple(openings))
        statement = replace(other, assignment=assignment, public=self.statement.public)
        return replace(self, statement=statement)

    def explains(self, seen: Sequence[int]) -> bool:
        """Whether some blinding scalars make this view's prover send exactly `seen`.

        First all elements that are affine in the blinding, then the quotient and openings along what is left free.
        """
        origin = self.at([0] * self.scalars)
        steps = [difference(self.at(unit), origin) for unit in identity_matrix(self.scalars)]
        late = set(self.positions("quotient", "opening", "opening_check"))
        early = [position for position in range(len(seen)) if position not in late]
        solved = solve([[s[p] for p in early] for s in steps], [(seen[p] - origin[p]) % R for p in early])
        if solved is None:
            return False
        start, free = solved
        here = self.at(start)
        directions = [difference(self.at(total(start, direction)), here) for direction in free]
        solved = solve(directions, difference(seen, here))
        if solved is None:
            return False
        for factor, direction in zip(solved[0], free, strict=True):
            start = total(start, [factor * x % R for x in direction])
        return self.at(start) == list(seen)


# -- linear algebra over Fr --------------------------------------------------------------------------------------------


def identity_matrix(size: int) -> Matrix:
    """Unit vectors."""
    return [[int(i == j) for j in range(size)] for i in range(size)]


def total(left: Sequence[int], right: Sequence[int]) -> Vector:
    """left + right."""
    return [(a + b) % R for a, b in zip(left, right, strict=True)]


def difference(left: Sequence[int], right: Sequence[int]) -> Vector:
    """left - right."""
    return [(a - b) % R for a, b in zip(left, right, strict=True)]


def _reduced(matrix: Sequence[Sequence[int]], width: int) -> tuple[Matrix, list[int]]:
    """The reduced row echelon form by the first `width` columns, and the pivots' columns."""
    rows = [list(row) for row in matrix]
    pivots: list[int] = []
    for column in range(width):
        rank = len(pivots)
        found = next((i for i in range(rank, len(rows)) if rows[i][column]), None)
        if found is None:
            continue
        rows[rank], rows[found] = rows[found], rows[rank]
        scale = inverse(rows[rank][column])
        rows[rank] = [x * scale % R for x in rows[rank]]
        for i, row in enumerate(rows):
            if i != rank and row[column]:
                rows[i] = [(a - row[column] * b) % R for a, b in zip(row, rows[rank], strict=True)]
        pivots.append(column)
    return rows, pivots


def rank(matrix: Sequence[Sequence[int]]) -> int:
    """The rank of a matrix over Fr."""
    return len(_reduced(matrix, len(matrix[0]))[1]) if matrix else 0


def solve(steps: Sequence[Sequence[int]], target: Sequence[int]) -> tuple[Vector, Matrix] | None:
    """One x with sum_i x_i steps[i] = target and a basis of those with sum 0; None when there is no x."""
    count = len(steps)
    rows, pivots = _reduced([[*(s[p] for s in steps), target[p]] for p in range(len(target))], count)
    if any(row[count] for row in rows[len(pivots) :]):
        return None
    solution = [0] * count
    for row, pivot in zip(rows, pivots, strict=False):
        solution[pivot] = row[count]
    free = []
    for column in (c for c in range(count) if c not in pivots):
        direction = [0] * count
        direction[column] = 1
        for row, pivot in zip(rows, pivots, strict=False):
            direction[pivot] = -row[column] % R
        free.append(direction)
    return solution, free
