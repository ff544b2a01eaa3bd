"""Books: pairs of commitments, their ranges, and pairs that lie."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from support.backends import fastest_backend, fastest_engine
from support.broker import market_of, setup, some_books

from zkmargin.circuits.language.errors import WitnessRangeError
from zkmargin.circuits.language.proving import random_blinding
from zkmargin.circuits.language.witness import Holding, Inputs, generate_witness
from zkmargin.circuits.markets.universe import Universe
from zkmargin.circuits.policies.policy import load_policy
from zkmargin.circuits.statements.book.circuit import GROSS, NET
from zkmargin.circuits.statements.book.prover import BookProver, OpenBook
from zkmargin.circuits.statements.book.verification import book_verifying_key
from zkmargin.prover.prove import Options, prove
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.statements.book import Book, BookList, verify_books

BITS = 60


@cache
def universe() -> Universe:
    return market_of(load_policy("collateral-factors")).epoch.universe


@cache
def prover() -> BookProver[Any, Any]:
    return BookProver(universe(), BITS, setup(), fastest_backend())


@cache
def honest() -> tuple[tuple[OpenBook, bytes], ...]:
    lots = some_books(market_of(load_policy("collateral-factors")), 3)
    lots[1, 0], lots[2, 1] = (1 << BITS) - 1, -((1 << BITS) - 1)
    opened = [prover().commit(bytes(31) + bytes([k + 1]), each) for k, each in enumerate(lots)]
    return tuple((each, prover().prove(each)) for each in opened)


def listed(pairs: list[tuple[Book, bytes]]) -> BookList:
    return BookList(prover().terms, tuple(book for book, _ in pairs), tuple(proof for _, proof in pairs), 0)


def verify(pairs: list[tuple[Book, bytes]], **options: Any) -> None:
    key = book_verifying_key(universe(), BITS, setup(), fastest_backend())
    verify_books(listed(pairs), key, fastest_engine(), **options)


def pairs() -> list[tuple[Book, bytes]]:
    return [(opened.book, proof) for opened, proof in honest()]


def test_books_up_to_their_range_are_accepted_together() -> None:
    verify(pairs())


def test_no_proof_beyond_the_range() -> None:
    lots = np.zeros(universe().rows, dtype=np.int64)
    lots[0] = 1 << BITS
    with pytest.raises(WitnessRangeError):
        prover().prove(prover().commit(bytes(32), lots))


def refuses(changed: list[tuple[Book, bytes]]) -> None:
    with pytest.raises(ProofRejected, match="a book's proof"):
        verify(changed)


def test_pairs_do_not_come_apart() -> None:
    """Another account's magnitudes, another account, another proof: each is another pair."""
    (first, proof), (second, other), third = pairs()
    refuses([(replace(first, gross=second.gross), proof), (second, other), third])
    refuses([(replace(first, account=bytes(32)), proof), (second, other), third])
    refuses([(first, other), (second, other), third])
    refuses([(replace(first, net=first.gross, gross=first.net), proof), (second, other), third])


def test_what_was_verified_before_is_not_verified_again_and_a_changed_pair_is() -> None:
    (first, _), second, third = pairs()
    known = frozenset(listed(pairs()).pair_ids)
    verify([(first, b""), second, third], known=known)
    with pytest.raises(FormatError, match=r"books\[0\]"):
        verify([(replace(first, gross=second[0].gross), b""), second, third], known=known)


def forged(net: NDArray[np.int64], gross: NDArray[np.int64]) -> tuple[Book, bytes]:
    """A pair of any two vectors, and a proof with the prover's checks off."""
    argument = prover().argument
    held = [Holding(values, random_blinding()) for values in (net, gross)]
    book = Book(bytes(32), *argument.commit(*held))
    inputs: Inputs[Any] = Inputs(holdings={NET: held[0], GROSS: held[1]}, market={})
    witness = generate_witness(argument.program, argument.backend, inputs, check=False)
    return book, prove(argument.key, book.public(prover().terms), witness.assignment, Options(check=False))


def some_lots() -> NDArray[np.int64]:
    lots = np.zeros(universe().rows, dtype=np.int64)
    lots[:4] = (5, -7, 0, 11)
    return lots


@pytest.mark.parametrize("lie", ["smaller", "signed", "beyond the range", "on a row without an instrument"])
def test_forged_books_are_refused(lie: str) -> None:
    net = some_lots()
    gross = np.abs(net)
    if lie == "smaller":
        gross[1] -= 1
    elif lie == "signed":
        gross = net.copy()
    elif lie == "beyond the range":
        net[0] = gross[0] = 1 << BITS
    else:
        net[-1] = gross[-1] = 1
    book, proof = forged(net, gross)
    refuses([(book, proof)])
    verify([forged(some_lots(), np.abs(some_lots()))])
