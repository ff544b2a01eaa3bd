"""From attestations and their openings to a margin proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.language.proving import Prover
from zkmargin.circuits.language.witness import Holding, Inputs
from zkmargin.circuits.markets.positions import Positions, net, refuse_expired
from zkmargin.circuits.policies.evaluate import MarginResult, check_quantities, evaluate_margin
from zkmargin.circuits.policies.policy import Policy
from zkmargin.circuits.policies.solution import Solver
from zkmargin.circuits.statements.attestation import Opening, check_openings
from zkmargin.circuits.statements.margin.circuit import HOLDING, MarginProgram, UniverseLayout, compile_margin
from zkmargin.circuits.statements.margin.market import Market
from zkmargin.prover.assignment import PublicColumns
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.prove import Options
from zkmargin.prover.setup import Setup
from zkmargin.verifier.errors import NoProofError
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.attestation import Attestation
from zkmargin.verifier.statements.margin import (
    OFF_CHAIN,
    Deployment,
    MarginProof,
    make_statement,
    public_inputs,
)


class InadequateError(NoProofError):
    """The account is inadequate, so that no proof exists. For the owner's eyes: names the scenario or limit."""

    def __init__(self, result: MarginResult) -> None:
        what = f"under-margined under policy {result.policy}: the binding scenario is {result.worst_scenario!r}"
        if result.slack_usd_e12 >= 0 and result.exceeded:
            names = ", ".join(repr(limit.name) for limit in result.exceeded)
            what = f"a limit of policy {result.policy} is exceeded: {names}"
        super().__init__(f"{what}; run `zkmargin evaluate` for the whole table")
        self.result = result


@dataclass(frozen=True)
class MarginProver(Generic[V, P]):
    """Proves margin statements over one market epoch; keeps bases, keys and the market's columns between proofs."""

    policy: Policy
    market: Market
    setup: Setup
    backend: Backend[V, P]

    def __repr__(self) -> str:
        return f"MarginProver({self.policy!r}, {self.market!r}, {self.backend.name})"

    @cached_property
    def program(self) -> MarginProgram:
        """The policy's program over the market's universe."""
        return compile_margin(self.policy, UniverseLayout.of(self.market.epoch.universe))

    @cached_property
    def solver(self) -> Solver:
        """What finds a book's private scalars: the policy's constraints over the market's columns."""
        universe = self.market.epoch.universe
        return Solver(self.policy.constraints(universe.shape), universe, self.market.columns, self.backend)

    @cached_property
    def expired(self) -> NDArray[np.int64]:
        """The rows of instruments that have expired at the epoch's time."""
        epoch = self.market.epoch
        listings = epoch.universe.listings
        rows = [item.row for item in listings if item.expiry is not None and item.expiry <= epoch.as_of]
        return np.array(rows, dtype=np.int64)

    @cached_property
    def argument(self) -> Prover[V, P]:
        """The prover of that program: bases and keys."""
        return Prover(self.program.compiled, self.setup, self.backend)

    @cached_property
    def columns(self) -> PublicColumns[V]:
        """The market's columns, interpolated once."""
        return PublicColumns.of(self.backend, self.program.market_vectors(self.backend, self.market.columns))

    def prepare(self) -> None:
        """Make now what the first proof would make: keys, bases, the market's columns."""
        _ = self.solver, self.expired, self.columns
        self.argument.prepare()

    def prove(
        self,
        attestations: Sequence[Attestation],
        openings: Sequence[Opening],
        *,
        deployment: Deployment = OFF_CHAIN,
        options: Options | None = None,
    ) -> MarginProof:
        """The proof that the netted account is adequate. attestations[i] goes with openings[i].

        Raises InadequateError when it is not, StatementError or OpeningError when the inputs do not go together,
        PositionsError when an instrument that has expired is held, RangeError when a netted quantity is beyond the
        policy's range.
        """
        if options is not None and options.progress is not None:
            options.progress("witness", 0.0)
        universe = self.market.epoch.universe
        statement, ordered = make_statement(attestations, self.market.policy, self.market.terms, deployment)
        check_openings(attestations, openings, self.setup, self.backend, universe.rows)
        books = [Positions(universe.digest, opening.lots) for opening in openings]
        for opening, book in zip(openings, books, strict=True):
            if np.any(book.lots[self.expired]):
                refuse_expired(universe, book, self.market.epoch.as_of, f"opening of {opening.venue}")
        netted = net(books, universe)
        check_quantities(self.policy, universe, netted)
        values = self.solver.solve(netted.lots)
        if not values.adequate:
            raise InadequateError(evaluate_margin(self.policy, self.market.epoch, netted, columns=self.market.columns))
        blinding = sum(opening.blinding for opening in openings) % SCALAR_MODULUS
        inputs = Inputs(holdings={HOLDING: Holding(netted.lots, blinding)}, market=self.columns, hints=values.values)
        public = public_inputs(statement, ordered, self.market.terms)
        data = self.argument.prove_public(public, inputs, options)
        return MarginProof(statement, self.policy.name, ordered, data)
