"""Commit to books and prove their ranges: one pair and one proof an account, until the book changes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.language.proving import Prover, random_blinding
from zkmargin.circuits.language.witness import Holding, Inputs
from zkmargin.circuits.markets.universe import Universe
from zkmargin.circuits.statements.book.circuit import GROSS, NET, compile_book
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.prove import Options
from zkmargin.prover.setup import Setup
from zkmargin.verifier.statements.attestation import universe_id
from zkmargin.verifier.statements.book import Book, BookTerms


@dataclass(frozen=True)
class OpenBook:
    """A pair and what opens it: the lots by row, and the blinding scalars of C and of A. Secret."""

    book: Book
    lots: NDArray[np.int64]
    net_blinding: int
    gross_blinding: int

    def __repr__(self) -> str:
        return f"OpenBook(0x{self.book.account.hex()[:16]}...)"


@dataclass(frozen=True, eq=False)
class BookProver(Generic[V, P]):
    """Makes pairs over one universe under one setup, for quantities of `bits` bits; keeps bases and keys."""

    universe: Universe
    bits: int
    setup: Setup
    backend: Backend[V, P]

    def __repr__(self) -> str:
        return f"BookProver({self.universe.rows} rows, {self.bits} bits, {self.backend.name})"

    @cached_property
    def terms(self) -> BookTerms:
        """What all pairs share."""
        return BookTerms(universe_id(self.universe.digest, self.setup.key), self.setup.digest, self.bits)

    @cached_property
    def argument(self) -> Prover[V, P]:
        """The prover of the book's program."""
        return Prover(compile_book(self.universe.shape, self.bits), self.setup, self.backend)

    def commit(self, account: bytes, lots: NDArray[np.int64]) -> OpenBook:
        """A fresh pair: two blinding scalars from the operating system, never used for another book."""
        net, gross = (Holding(values, random_blinding()) for values in (lots, np.abs(lots)))
        points = self.argument.commit(net, gross)
        return OpenBook(Book(account, *points), lots, net.blinding, gross.blinding)

    def prove(self, opened: OpenBook, options: Options | None = None) -> bytes:
        """The proof of a pair's ranges. Raises WitnessRangeError when a quantity is out of range: no proof exists."""
        holdings = {
            NET: Holding(opened.lots, opened.net_blinding),
            GROSS: Holding(np.abs(opened.lots), opened.gross_blinding),
        }
        inputs: Inputs[V] = Inputs(holdings=holdings, market={})
        return self.argument.prove_public(opened.book.public(self.terms), inputs, options)
