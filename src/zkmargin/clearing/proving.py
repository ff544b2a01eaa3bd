"""Proofs of a house's acts: an opened book, the act and its content to the proof that the contracts verify."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic

import numpy as np

from zkmargin.circuits.language.proving import Prover
from zkmargin.circuits.language.witness import Holding, Inputs
from zkmargin.circuits.markets.positions import Positions
from zkmargin.circuits.markets.universe import Universe
from zkmargin.circuits.policies.evaluate import check_quantities, evaluate_margin
from zkmargin.circuits.statements.clearing.sweep import (
    BOOK,
    MOVED,
    SweepLayout,
    compile_sweep,
    sweep_columns,
    sweep_of,
)
from zkmargin.circuits.statements.margin.circuit import HOLDING
from zkmargin.circuits.statements.margin.prover import InadequateError, MarginProver
from zkmargin.clearing.seals import Opening, SealError
from zkmargin.prover.assignment import PublicColumns
from zkmargin.prover.commitments import commit
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.setup import Setup
from zkmargin.prover.vectors import vector_of
from zkmargin.verifier.curve import G1
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.proof import PublicInputs
from zkmargin.verifier.statements.clearing import Act, House, house_context, sweep_context


@dataclass(frozen=True)
class ActProof:
    """A proof, and what it is about: what a contract of the house computes for itself."""

    public: PublicInputs
    proof: bytes


@dataclass(frozen=True)
class BookProver(Generic[V, P]):
    """Proves books of a house adequate, for one act each, under one policy and epoch."""

    house: House
    margin: MarginProver[V, P]

    def __repr__(self) -> str:
        return f"BookProver({self.margin!r})"

    def commit(self, lots: Mapping[int, int], blinding: int) -> G1:
        """The commitment to lots by row over the house's universe."""
        rows = self.margin.market.epoch.universe.rows
        return self.margin.argument.commit(Holding(_values(lots, rows), blinding % SCALAR_MODULUS))[0]

    def prove(self, act: Act, account: bytes, digest: bytes, book: Opening) -> ActProof:
        """The proof that the book is adequate after the act. book: what opens C + B as the act leaves it.

        Raises InadequateError when it is not, RangeError when a quantity is beyond the policy's range.
        """
        margin, market = self.margin, self.margin.market
        universe = market.epoch.universe
        lots = np.array(_values(book.lots, universe.rows), dtype=np.int64)
        positions = Positions(universe.digest, lots)
        check_quantities(margin.policy, universe, positions)
        values = margin.solver.solve(lots)
        if not values.adequate:
            raise InadequateError(evaluate_margin(margin.policy, market.epoch, positions, columns=market.columns))
        policy, terms = market.policy.digest, market.terms
        context = house_context(
            self.house,
            act,
            account,
            digest,
            policy=policy,
            epoch=terms.epoch_id(policy),
            epoch_time=terms.epoch_time,
        )
        blinding = book.blinding % SCALAR_MODULUS
        point = self.commit(book.lots, blinding)
        public = PublicInputs(context, (), ((point,),), terms.commitments)
        inputs = Inputs(holdings={HOLDING: Holding(lots, blinding)}, market=margin.columns, hints=values.values)
        return ActProof(public, margin.argument.prove_public(public, inputs))


@dataclass(frozen=True)
class SweepProver(Generic[V, P]):
    """Proves sweeps of a house's books: one circuit for its universe and all extensions of it."""

    house: House
    universe: Universe
    setup: Setup
    backend: Backend[V, P]

    def __repr__(self) -> str:
        return f"SweepProver({self.universe!r}, {self.backend.name})"

    @cached_property
    def layout(self) -> SweepLayout:
        """What the circuit depends on."""
        return SweepLayout.of(self.universe)

    @cached_property
    def argument(self) -> Prover[V, P]:
        """Keys and bases of the circuit."""
        return Prover(compile_sweep(self.layout), self.setup, self.backend)

    def market(self, payoffs: Mapping[int, int]) -> tuple[PublicColumns[V], tuple[G1, ...]]:
        """The columns of closed rows and payoffs, usd_e12 a lot, and their commitments, as the contract adds them."""
        vectors = [vector_of(self.backend, column, self.layout.rows) for column in sweep_columns(self.layout, payoffs)]
        return PublicColumns.of(self.backend, vectors), commit(self.backend, self.argument.basis, vectors)

    def moved(self, book: Opening, payoffs: Mapping[int, int], blinding: int) -> Opening:
        """What opens D, the sweep of a book, under a fresh blinding. Raises SweepError when nothing is to be swept."""
        rows = sweep_of(self.layout, _values(book.lots, self.layout.rows), payoffs)
        return Opening({row: lots for row, lots in enumerate(rows) if lots}, blinding)

    def prove(self, account: bytes, act: bytes, book: Opening, moved: Opening, payoffs: Mapping[int, int]) -> ActProof:
        """The proof that D, opened by `moved`, sweeps the book, opened by `book` before it."""
        columns, points = self.market(payoffs)
        rows = self.layout.rows
        parts = [Holding(_values(each.lots, rows), each.blinding % SCALAR_MODULUS) for each in (book, moved)]
        before, d = self.argument.commit(*parts)
        public = PublicInputs(sweep_context(self.house, account, act, points), (), ((before,), (d,)), points)
        inputs = Inputs(holdings=dict(zip((BOOK, MOVED), parts, strict=True)), market=columns, scalars={})
        return ActProof(public, self.argument.prove_public(public, inputs))


def _values(lots: Mapping[int, int], rows: int) -> Sequence[int]:
    if any(not 0 <= row < rows for row in lots):
        raise SealError(f"opening: expected rows below {rows}")
    return [lots.get(row, 0) for row in range(rows)]
