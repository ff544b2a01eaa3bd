"""A house's commitments over a small universe: rows of cash, ether, an option; real points under the tests' setup."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from support.backends import fastest_backend, fastest_engine
from support.setup import bases
from zkmargin.clearing.seals import Opening, public_key, seal
from zkmargin.prover.vectors import vector_of
from zkmargin.verifier.curve import G1, INFINITY
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.clearing import Book, House, empty_book

ROWS: Final = 64
CASH, ETHER, OPTION = 0, 1, 9
HOUSE: Final = House(1, bytes(19) + b"\1", bytes(19) + b"\2", bytes(19) + b"\3", bytes(19) + b"\4")
UNIVERSE: Final = bytes(31) + b"\7"
RISK, ALICE, BOB, CAROL = ((number).to_bytes(32, "big") for number in (11, 12, 13, 14))
ACCOUNT: Final = {ALICE: bytes(19) + b"\xa1", BOB: bytes(19) + b"\xb0", CAROL: bytes(19) + b"\xca"}


@cache
def _lagrange() -> Any:
    return bases(fastest_backend(), ROWS)[0]


def commit(lots: Mapping[int, int], blinding: int) -> G1:
    """The commitment to lots by row."""
    values = [lots.get(row, 0) for row in range(ROWS)]
    backend = fastest_backend()
    return backend.msm(_lagrange(), [vector_of(backend, values, ROWS)], [[blinding % SCALAR_MODULUS]])[0]


@cache
def base() -> G1:
    """[Z]."""
    return commit({}, 1)


def plus(*points: G1) -> G1:
    """Their sum."""
    return fastest_engine().combine(points, [1] * len(points))


def times(point: G1, k: int) -> G1:
    """k point."""
    return fastest_engine().combine([point], [k % SCALAR_MODULUS])


def opened(opening: Opening) -> G1:
    """The point that it opens."""
    return commit(opening.lots, opening.blinding) if opening.lots or opening.blinding else INFINITY


def empty() -> Book:
    """The book of an account without one."""
    return empty_book(base(), UNIVERSE)


def sealed(opening: Opening, d: G1, key: bytes) -> bytes:
    """A seal of this opening, for the risk key and the account."""
    return seal(opening, d, house=HOUSE, account=ACCOUNT[key], risk=public_key(RISK), own=public_key(key))
