"""A broker with a few accounts over a small market, and everything to prove and to forge with."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from support.backends import fastest_backend, fastest_engine
from support.desk import instruments
from zkmargin.circuits.policies.policy import Policy, load_policy
from zkmargin.circuits.policies.solution import assign
from zkmargin.circuits.statements.broker.circuit import BrokerProgram, choose_layout, compile_broker
from zkmargin.circuits.statements.broker.prover import BrokerProver, Digits, OpenBooks, digits_of
from zkmargin.circuits.statements.broker.solution import Solutions, assign_all
from zkmargin.circuits.statements.margin.circuit import UniverseLayout
from zkmargin.circuits.statements.margin.market import Market, build_market
from zkmargin.prover.kernels.choice import AnyBackend
from zkmargin.prover.setup import Setup, development_setup
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.book import Book, BookList, BookTerms
from zkmargin.verifier.statements.broker.circuit import Layout
from zkmargin.verifier.statements.broker.statement import BrokerStatement
from zkmargin.verifier.statements.broker.verify import verify_broker

ROWS: Final = 4096


@cache
def setup() -> Setup:
    """A development setup for 2^13 rows."""
    return development_setup(1 << 13, fastest_backend())


def some_books(market: Market, accounts: int, seed: int = 1) -> NDArray[np.int64]:
    """Small positions in every instrument, and cash enough for each account."""
    universe = market.epoch.universe
    rng = np.random.default_rng(seed)
    lots = np.zeros((accounts, universe.rows), dtype=np.int64)
    for listing in universe.listings:
        held = rng.integers(-40, 40, accounts) * 10 ** max(0, listing.lot_exponent - 2)
        lots[:, listing.row] = np.abs(held) if listing.kind in ("spot", "supply", "cash") else held
    cash = next(listing for listing in universe.listings if listing.kind == "cash")
    lots[:, cash.row] = 20_000_000 * 10**cash.lot_exponent
    return lots


@dataclass(frozen=True, eq=False)
class Brokerage:
    """One policy over one market, accounts and their books."""

    policy: Policy
    market: Market
    lots: NDArray[np.int64]
    backend: AnyBackend

    @cached_property
    def layout(self) -> Layout:
        return choose_layout(self.policy, self.universe, len(self.lots), setup().rows)

    @cached_property
    def universe(self) -> UniverseLayout:
        return UniverseLayout.of(self.market.epoch.universe)

    @cached_property
    def program(self) -> BrokerProgram:
        return compile_broker(self.policy, self.universe, self.layout)

    @cached_property
    def solution(self) -> Solutions:
        constraints = self.policy.constraints(self.universe.shape)
        return assign_all(constraints, self.program, self.market.columns, self.lots)

    @cached_property
    def digits(self) -> Digits:
        return digits_of(self.program, self.solution.values)

    @cached_property
    def opening(self) -> OpenBooks:
        draw = [[secrets.randbelow(SCALAR_MODULUS) for _ in self.lots] for _ in range(2)]
        return OpenBooks(self.lots, *draw)

    @cached_property
    def books(self) -> BookList:
        """The pairs of all accounts. Their range proofs are left out: `BookList` does not look at them."""
        basis = setup().lagrange(self.backend, self.lots.shape[1])
        points = []
        for lots, blinding in (
            (self.lots, self.opening.net_blinding),
            (np.abs(self.lots), self.opening.gross_blinding),
        ):
            vectors = [self.backend.vector_from_int64(np.ascontiguousarray(row)) for row in lots]
            points.append(self.backend.msm(basis, vectors, [[scalar] for scalar in blinding]))
        terms = BookTerms(self.market.universe, setup().digest, self.policy.quantity_bits)
        books = tuple(
            Book((1000 + 7 * k).to_bytes(32, "big"), net, gross)
            for k, (net, gross) in enumerate(zip(*points, strict=True))
        )
        return BookList(terms, books, (b"",) * len(books), self.market.epoch_time)

    def statement(self, books: BookList | None = None) -> BrokerStatement:
        books = books or self.books
        root = books.root
        return BrokerStatement(
            broker="broker",
            policy=self.policy.digest,
            epoch=self.market.epoch_id,
            epoch_time=self.market.epoch_time,
            books_time=self.market.epoch_time,
            accounts=len(books.books),
            root=root,
        )

    def prover(self, kind: Any = BrokerProver) -> Any:
        return kind(self.program, setup(), self.backend, self.market.columns)

    @cached_property
    def key(self) -> Any:
        return self.prover().key

    def verify(self, proof: bytes, books: BookList | None = None, statement: BrokerStatement | None = None) -> None:
        listed = books or self.books
        verify_broker(
            self.key, statement or self.statement(listed), listed, self.market.columns, proof, fastest_engine()
        )


_MARKETS: Final[dict[bytes, Market]] = {}


def market_of(policy: Policy) -> Market:
    """The small market under a policy."""
    if policy.digest not in _MARKETS:
        _MARKETS[policy.digest] = build_market(instruments(), policy, setup(), fastest_backend())
    return _MARKETS[policy.digest]


@cache
def brokerage(policy: str = "span", accounts: int = 5) -> Brokerage:
    """A brokerage under a shipped policy."""
    loaded = load_policy(policy)
    market = market_of(loaded)
    return Brokerage(loaded, market, some_books(market, accounts), fastest_backend())


@cache
def covered() -> Policy:
    """A policy with a second-order cone: a value at risk beside scenarios, and 125 % cover."""
    rule = {
        "kind": "value_at_risk",
        "name": "var",
        "z": "2.33",
        "factors": [
            {"underlying": "BTC", "exposure": "delta", "move": "0.04"},
            {"underlying": "BTC", "exposure": "gamma", "move": "0.04"},
            {"underlying": "BTC", "exposure": "vega", "move": "0.05"},
        ],
        "correlation": [["1", "0.1", "-0.6"], ["0.1", "1", "0.2"], ["-0.6", "0.2", "1"]],
    }
    fields = {name: value for name, value in load_policy("span").to_json().items() if name not in ("format", "version")}
    return Policy.model_validate({**fields, "name": "covered", "cover": "1.25", "rules": [*fields["rules"], rule]})


def at_the_edge(policy: Policy, accounts: int, short: int | None = None, surplus: int = 0) -> Brokerage:
    """Every account's cash is the least that is enough, plus `surplus`; account `short` has a unit less."""
    market = market_of(policy)
    lots = some_books(market, accounts)
    universe = market.epoch.universe
    cash = next(listing.row for listing in universe.listings if listing.kind == "cash")
    constraints = policy.constraints(universe.shape)
    for k in range(accounts):
        low, high = -(1 << 58), 1 << 58
        while high - low > 1:
            middle = (low + high) // 2
            lots[k, cash] = middle
            low, high = (
                (low, middle) if assign(constraints, universe, market.columns, lots[k]).adequate else (middle, high)
            )
        lots[k, cash] = high + (-1 if k == short else surplus)
    return Brokerage(policy, market, lots, fastest_backend())


__all__ = ["Brokerage", "at_the_edge", "brokerage", "covered", "market_of", "setup", "some_books"]
