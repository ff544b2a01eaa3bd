"""What whoever verifies books rebuilds: the verifying key of the book's program over a universe."""

from __future__ import annotations

from zkmargin.circuits.language.keys import verifying_key
from zkmargin.circuits.markets.universe import Universe
from zkmargin.circuits.statements.book.circuit import compile_book
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.setup import Setup
from zkmargin.verifier.verify import VerifyingKey


def book_verifying_key(universe: Universe, bits: int, setup: Setup, backend: Backend[V, P]) -> VerifyingKey:
    """The verifying key of books over a universe, rebuilt from the program and the setup."""
    return verifying_key(compile_book(universe.shape, bits), setup, backend)
