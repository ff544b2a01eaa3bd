"""Accounts that fall short by one unit, and provers who bend one step each: refused by the verifier.

Each forger is an honest prover but for one method, its own checks off. The account at SHORT lacks one unit of cash; the
strong forgers' sums close in their own world, so that only the verifier's computation stands against them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.broker import Brokerage, at_the_edge, covered, market_of, setup
from support.desk import instruments

from zkmargin.circuits.policies.policy import load_policy
from zkmargin.circuits.statements.broker import prover as proving
from zkmargin.circuits.statements.broker import solution as solutions
from zkmargin.circuits.statements.broker.prover import BrokerProver, Digits, OpenBooks, UnprovableError, digits_of
from zkmargin.circuits.statements.margin.market import build_market
from zkmargin.prover.prove import Options
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.field import SCALAR_MODULUS, inverse
from zkmargin.verifier.statements.book import BookList
from zkmargin.verifier.statements.broker import circuit as circuits
from zkmargin.verifier.statements.broker import verify as verifier
from zkmargin.verifier.statements.broker.circuit import limb_weights
from zkmargin.verifier.statements.broker.proof import decode_argument
from zkmargin.verifier.transcript import Transcript

R = SCALAR_MODULUS
SHORT = 2
ACCOUNTS = 6
UNCHECKED = Options(check=False)


@cache
def good() -> Brokerage:
    return at_the_edge(load_policy("span"), ACCOUNTS, surplus=1000)


@cache
def bad() -> Brokerage:
    return at_the_edge(load_policy("span"), ACCOUNTS, short=SHORT, surplus=1000)


@cache
def limb_of_final(position: int = 0) -> int:
    """The lowest limb of the slack that decides adequacy."""
    scalar = next(each for each in bad().program.scalars if each.name == "adequate.slack")
    return scalar.limbs[position]


def cut_digits(world: Brokerage) -> Digits:
    """The honest witness, what is negative set to zero."""
    values = {name: np.maximum(each, 0) for name, each in world.solution.values.items()}
    return digits_of(world.program, values)


# -- honest ------------------------------------------------------------------------------------------------------------


def test_exactly_enough_is_accepted_and_one_unit_less_has_no_proof() -> None:
    world = at_the_edge(load_policy("span"), ACCOUNTS)
    assert not world.solution.failures
    world.verify(world.prover().prove(world.statement(), world.opening, world.digits))
    assert bad().solution.failures == {SHORT: "adequate"}
    with pytest.raises(UnprovableError, match=r"adequate\.slack"):
        _ = bad().digits
    with pytest.raises(UnprovableError):
        bad().prover().prove(bad().statement(), bad().opening, cut_digits(bad()))


@pytest.mark.parametrize("short", [None, 1])
def test_a_second_order_cone(short: int | None) -> None:
    world = at_the_edge(covered(), 3, short=short)
    assert world.program.circuit.squared_groups
    if short is None:
        world.verify(world.prover().prove(world.statement(), world.opening, world.digits))
        return
    proof = world.prover().prove(world.statement(), world.opening, cut_digits(world), UNCHECKED)
    refuses(world, proof)


def refuses(world: Brokerage, proof: bytes, reason: str = "pairing", **changes: Any) -> None:
    with pytest.raises(ProofRejected) as caught:
        world.verify(proof, **changes)
    assert caught.value.reason == reason


# -- forgers -----------------------------------------------------------------------------------------------------------


Values = dict[str, Any]


def forged(world: Brokerage, change: Callable[[Values], None]) -> Digits:
    """The digits of a witness that a forger has changed; what is still negative set to zero."""
    values = {name: each.copy() for name, each in world.solution.values.items()}
    change(values)
    return digits_of(world.program, {name: np.maximum(each, 0) for name, each in values.items()})


def zeroed(values: Values) -> None:
    values["adequate.slack"][SHORT] = 0


def lent_by_the_neighbour(values: Values) -> None:
    """Exactly what is missing, so that the two accounts' errors add up to zero."""
    values["adequate.slack"][SHORT + 1] += values["adequate.slack"][SHORT]
    values["adequate.slack"][SHORT] = 0


def lent_by_another_equation(values: Values) -> None:
    other = next(
        name for name in values if name.endswith(".slack") and name != "adequate.slack" and values[name][SHORT]
    )
    values[other][SHORT] += values["adequate.slack"][SHORT]
    values["adequate.slack"][SHORT] = 0


def lent_by_a_maximum(values: Values) -> None:
    """The requirement is lower in one equation than in the others."""
    name = next(each for each in values if each.startswith("requirement"))
    values[name][SHORT] += values["adequate.slack"][SHORT]
    values["adequate.slack"][SHORT] = 0


def wrapped_residue(digits: Digits) -> None:
    digits[SHORT, limb_of_final(), 0] = -1


def wrapped_top(digits: Digits) -> None:
    digits[SHORT, limb_of_final()] = (1 << bad().layout.table_bits) - 1


VALUES = [zeroed, lent_by_the_neighbour, lent_by_another_equation, lent_by_a_maximum]


@pytest.mark.parametrize("change", VALUES, ids=lambda each: each.__name__)
def test_forged_values(change: Callable[[Values], None]) -> None:
    world = bad()
    refuses(world, world.prover().prove(world.statement(), world.opening, forged(world, change), UNCHECKED))


DIGITS = [wrapped_residue, wrapped_top]


@pytest.mark.parametrize("change", DIGITS, ids=lambda each: each.__name__)
def test_forged_digits(change: Callable[[Digits], None]) -> None:
    world = bad()
    digits = cut_digits(world)
    change(digits)
    refuses(world, world.prover(Careless).prove(world.statement(), world.opening, digits, UNCHECKED))


class Careless(BrokerProver[Any, Any]):
    """Counts what lies in the table and passes over the rest."""

    def multiplicities(self, columns: Sequence[Any]) -> Any:
        entries = np.zeros(self.layout.rows, dtype=np.int64)
        for column in columns:
            for digit in self.backend.to_ints(column):
                if digit < 1 << self.layout.table_bits:
                    entries[digit] += 1
        return self.backend.vector_from_int64(entries)


class FalseMultiplicities(Careless):
    def multiplicities(self, columns: Sequence[Any]) -> Any:
        counted = super().multiplicities(columns)
        first = self.backend.vector([1] + [0] * (self.layout.rows - 1))
        return self.backend.add(counted, first)


class OmittedBook(Careless):
    """The account is left out of the books' sum."""

    def folded_book(self, books: OpenBooks, rho: Sequence[int], *, gross: bool) -> Any:
        return super().folded_book(books, [0 if k == SHORT else each for k, each in enumerate(rho)], gross=gross)


class OmittedFully(OmittedBook):
    """Digits, weights, constant and book of the account are all left out: the sums close for the forger."""

    def account_weights(self, x: int) -> list[int]:
        return [0 if k == SHORT else each for k, each in enumerate(super().account_weights(x))]


class Doubled(Careless):
    """The neighbour's book counts twice in place of the account's."""

    def folded_book(self, books: OpenBooks, rho: Sequence[int], *, gross: bool) -> Any:
        weights = list(rho)
        weights[SHORT + 1] = (weights[SHORT] + weights[SHORT + 1]) % R
        weights[SHORT] = 0
        return super().folded_book(books, weights, gross=gross)


class WithoutWeight(Careless):
    """Every limb of the account weighs nothing."""

    def weight_columns(self, weights: Sequence[int], x: int) -> Iterator[Any]:
        block, slots, sub = self.layout.block, self.layout.slots, self.circuit.sub_slots
        rows = np.ones((block, slots), dtype=np.int64)
        first = SHORT // block * sub
        rows[SHORT % block, first : first + sub] = 0
        mask = self.backend.vector_from_int64(rows.reshape(-1))
        for column in super().weight_columns(weights, x):
            yield self.backend.multiply(column, mask)


class SmallerMagnitude(Careless):
    """|q| is a little less than |q|: what costs is charged on less."""

    def folded_book(self, books: OpenBooks, rho: Sequence[int], *, gross: bool) -> Any:
        folded = super().folded_book(books, rho, gross=gross)
        if not gross:
            return folded
        entries = [0] * self.circuit.universe_rows
        entries[3] = rho[SHORT]
        delta = self.backend.interpolate([self.backend.vector(entries)])[0]
        return self.backend.linear_combination([folded, delta], [1, -1])


class InPadding(Careless):
    """The missing unit stands in a row that belongs to no account."""

    def digit_vector(self, digits: Digits, column: int) -> Any:
        vector = super().digit_vector(digits, column)
        if column:
            return vector
        last = self.backend.vector([0] * (self.layout.rows - 1) + [1])
        return self.backend.add(vector, last)


PROVERS = [FalseMultiplicities, OmittedBook, OmittedFully, Doubled, WithoutWeight, SmallerMagnitude, InPadding]


@pytest.mark.parametrize("kind", PROVERS)
def test_bent_provers(kind: Any) -> None:
    world = bad()
    refuses(world, world.prover(kind).prove(world.statement(), world.opening, cut_digits(world), UNCHECKED))


# -- lists of accounts -------------------------------------------------------------------------------------------------


def listed(world: Brokerage, order: Sequence[int], ids: Sequence[int] | None = None) -> BookList:
    """The world's pairs in another order, under these accounts' ids."""
    accounts = [world.books.books[k].account for k in (ids or order)]
    books = [replace(world.books.books[k], account=account) for k, account in zip(order, accounts, strict=True)]
    return BookList(world.books.terms, tuple(books), (b"",) * len(books), world.books.time)


def opened(world: Brokerage, order: Sequence[int]) -> OpenBooks:
    net, gross = world.opening.net_blinding, world.opening.gross_blinding
    return OpenBooks(world.lots[list(order)], [net[k] for k in order], [gross[k] for k in order])


@pytest.mark.parametrize("order", [[0, 1, 3, 3, 4, 5], [0, 1, 4, 3, 2, 5]], ids=["doubled", "exchanged"])
def test_a_proof_of_another_list_is_of_that_list_alone(order: list[int]) -> None:
    world = good()
    other = listed(world, order, list(range(ACCOUNTS)))
    proof = world.prover().prove(world.statement(other), opened(world, order), world.digits[order])
    world.verify(proof, books=other)
    refuses(world, proof)
    refuses(world, proof, "another list of accounts", books=other, statement=world.statement())
    refuses(world, proof, "another list of accounts", statement=world.statement(other))


def test_fewer_accounts_than_stated() -> None:
    world = good()
    fewer = listed(world, range(ACCOUNTS - 1))
    proof = world.prover().prove(world.statement(), world.opening, world.digits)
    with pytest.raises(FormatError, match="accounts"):
        world.verify(proof, books=fewer, statement=world.statement())


def test_ids_rise_strictly() -> None:
    with pytest.raises(FormatError, match="rise strictly"):
        listed(good(), range(ACCOUNTS), [0, 1, 1, 3, 4, 5])
    with pytest.raises(FormatError, match="rise strictly"):
        listed(good(), [1, 0, *range(2, ACCOUNTS)])


def test_the_magnitudes_of_another_account_make_another_pair() -> None:
    world = good()
    books = list(world.books.books)
    books[0] = replace(books[0], gross=books[1].gross)
    other = BookList(world.books.terms, tuple(books), world.books.proofs, world.books.time)
    assert other.pair_ids[0] not in world.books.pair_ids
    proof = world.prover().prove(world.statement(), world.opening, world.digits)
    refuses(world, proof, "another list of accounts", books=other, statement=world.statement())
    refuses(world, proof, books=other)


def test_another_epochs_market() -> None:
    world = bad()
    kinder = build_market(instruments(spot="104250.5", forward="104301.25"), world.policy, setup(), world.backend)
    assert kinder.columns.keys() == market_of(world.policy).columns.keys()
    constraints = world.policy.constraints(world.universe.shape)
    lots: NDArray[np.int64] = world.lots
    found = solutions.assign_all(constraints, world.program, kinder.columns, lots)
    digits = digits_of(world.program, {name: np.maximum(each, 0) for name, each in found.values.items()})
    prover = BrokerProver(world.program, setup(), world.backend, kinder.columns)
    refuses(world, prover.prove(world.statement(), world.opening, digits, UNCHECKED))


# -- bytes -------------------------------------------------------------------------------------------------------------


def test_every_element_counts() -> None:
    world = good()
    proof = world.prover().prove(world.statement(), world.opening, world.digits)
    decoded = decode_argument(world.layout, proof)
    engine = world.backend
    other = decoded.quotient
    for name in ("digits", "helpers", "evaluations"):
        for index in range(0, len(getattr(decoded, name)), 7):
            held = list(getattr(decoded, name))
            held[index] = (held[index] + 1) % R if name == "evaluations" else other
            refuses(world, replace(decoded, **{name: tuple(held)}).encode())
    for name in ("multiplicities", "running_sum", "opening", "opening_check"):
        refuses(world, replace(decoded, **{name: other}).encode())
    refuses(world, replace(decoded, quotient=decoded.opening).encode())
    assert engine is world.backend


@pytest.mark.parametrize("cut", [0, 1, 64])
def test_other_lengths_and_infinity(cut: int) -> None:
    world = good()
    proof = world.prover().prove(world.statement(), world.opening, world.digits)
    with pytest.raises(FormatError, match="bytes"):
        world.verify(proof[: len(proof) - cut] if cut else proof + b"\0")
    with pytest.raises(FormatError, match="infinity"):
        world.verify(bytes(64) + proof[64:])


# -- controls: where the rule that stops it is taken away, the attack works --------------------------------------------


def test_with_equal_weights_accounts_lend_to_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were all accounts to weigh the same, the neighbour's surplus would pay."""
    world = bad()
    ones = lambda layout, _x: [1] * layout.accounts  # noqa: E731
    for module in (circuits, verifier, proving):
        monkeypatch.setattr(module, "account_weights", ones)

    def interpolated(circuit: Any, x: int, of_limbs: Sequence[Sequence[int]], zeta: int) -> list[list[int]]:
        prover, backend = world.prover(), world.backend
        return [
            [
                backend.evaluate(backend.interpolate([column]), zeta)[0]
                for column in prover.weight_columns(list(each), x)
            ]
            for each in of_limbs
        ]

    monkeypatch.setattr(verifier, "column_weights_at", interpolated)
    assert limb_weights(world.program.circuit, 2).powers[1] == 2
    digits = forged(world, lent_by_the_neighbour)
    world.verify(world.prover().prove(world.statement(), world.opening, digits, UNCHECKED))


class Early(Transcript):
    """A transcript of a weakened protocol: alpha, gamma and x do not depend on the digits."""

    def __init__(self, preamble: bytes) -> None:
        super().__init__(preamble)
        self._early = [super(Early, self).challenge() for _ in range(3)]

    def challenge(self) -> int:
        return self._early.pop(0) if self._early else super().challenge()


def early(key: Any, statement: Any) -> Early:
    return Early(key.digest + statement.context)


def short_vectors(weights: Sequence[int]) -> list[list[int]]:
    """Short integer vectors d with sum weight d = 0 modulo r: a lattice of determinant r, reduced (LLL)."""
    size = len(weights)
    basis = [[R] + [0] * (size - 1)]
    first = inverse(weights[0])
    basis += [[-weights[i] * first % R, *(int(i == j) for j in range(1, size))] for i in range(1, size)]
    k = 1
    while k < size:
        orthogonal: list[list[Fraction]] = []
        mu = [[Fraction(0)] * size for _ in range(size)]
        for i in range(k + 1):
            vector = [Fraction(entry) for entry in basis[i]]
            for j, other in enumerate(orthogonal):
                norm = sum(entry * entry for entry in other)
                mu[i][j] = sum(a * b for a, b in zip(basis[i], other, strict=True)) / norm
                if i == k and (rounded := round(mu[i][j])):
                    break
                vector = [a - mu[i][j] * b for a, b in zip(vector, other, strict=True)]
            else:
                orthogonal.append(vector)
                continue
            basis[k] = [a - rounded * b for a, b in zip(basis[k], basis[j], strict=True)]
            break
        else:
            norms = [sum(entry * entry for entry in each) for each in orthogonal]
            if norms[k] >= (Fraction(3, 4) - mu[k][k - 1] ** 2) * norms[k - 1]:
                k += 1
            else:
                basis[k], basis[k - 1] = basis[k - 1], basis[k]
                k = max(1, k - 1)
    return basis


def test_with_weights_known_before_the_digits_a_short_vector_is_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The weakened protocol accepts; the real one refuses the same digits."""
    world = at_the_edge(load_policy("span"), ACCOUNTS, short=SHORT, surplus=1 << 56)
    assert world.solution.failures == {SHORT: "adequate"}
    transcript = early(world.key, world.statement())
    x = [transcript.challenge() for _ in range(3)][2]
    slack = world.solution.values["adequate.slack"]
    width = len(next(each for each in world.program.scalars if each.name == "adequate.slack").limbs)
    top = 1 << (width * world.layout.limb_bits)
    candidates = [
        [sign * entry for entry in vector]
        for vector in short_vectors(circuits.account_weights(world.layout, x))
        for sign in (1, -1)
    ]
    lent = next(each for each in candidates if all(0 <= held + d < top for held, d in zip(slack, each, strict=True)))
    digits = forged(world, lambda values: values.update({"adequate.slack": slack + np.array(lent, dtype=object)}))
    refuses(world, world.prover().prove(world.statement(), world.opening, digits, UNCHECKED))
    for module in (proving, verifier):
        monkeypatch.setattr(module, "start_transcript", early)
    world.verify(world.prover().prove(world.statement(), world.opening, digits, UNCHECKED))
