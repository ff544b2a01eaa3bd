"""A small market and accounts on it: attestations, proofs, and proofs forged with every check of the prover off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any, Final

from support.backends import fastest_backend, fastest_engine
from zkmargin.circuits.language.witness import Holding, Inputs, generate_witness
from zkmargin.circuits.markets.instruments import InstrumentSet
from zkmargin.circuits.markets.positions import Positions, net, positions_from_quantities
from zkmargin.circuits.policies.evaluate import MarginResult, evaluate_margin
from zkmargin.circuits.policies.policy import Policy, load_policy
from zkmargin.circuits.policies.solution import assign
from zkmargin.circuits.statements.attestation import Opening, attest
from zkmargin.circuits.statements.margin.circuit import HOLDING
from zkmargin.circuits.statements.margin.market import Market, build_market
from zkmargin.circuits.statements.margin.prover import MarginProver
from zkmargin.circuits.statements.margin.verification import margin_verifying_key
from zkmargin.prover.kernels.choice import AnyBackend
from zkmargin.prover.prove import Options, prove
from zkmargin.prover.setup import Setup, development_setup
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.attestation import Attestation
from zkmargin.verifier.statements.margin import OFF_CHAIN, MarginProof, make_statement, public_inputs, verify_margin

AS_OF: Final = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
ACCOUNT: Final = bytes.fromhex("a11ce000000000000000000000000000000a11ce")
KEYS: Final = tuple(bytes([1 + venue]) * 32 for venue in range(8))
ROWS: Final = 4096

Book = Mapping[str, str]


def instruments(spot: str = "94250.5", forward: str = "94301.25", vol: str = "0.6243") -> InstrumentSet:
    """Every kind of instrument on one coin and a dollar token; one option expires within the hour, one has no vol."""
    coin = {"underlying": "BTC", "mark_price_usd": spot}
    token = {"underlying": "USDC", "mark_price_usd": "0.9998"}
    entries: list[dict[str, Any]] = [
        {"id": "USD", "kind": "cash"},
        {"id": "USDC", "kind": "spot", **token},
        {"id": "BTC", "kind": "spot", **coin},
        {"id": "supply-BTC", "kind": "supply", **coin, "index": "1.0218437719"},
        {"id": "borrow-USDC", "kind": "borrow", **token, "index": "1.0344203301"},
        {"id": "BTC-PERP", "kind": "perpetual", **coin, "open_interest": "31250"},
    ]
    for hours in (1, 24 * 25):
        expiry = (AS_OF + timedelta(hours=hours)).isoformat()
        entries.append({"id": f"BTC-F{hours}", "kind": "future", **coin, "expiry": expiry})
        entries += [
            {
                "id": f"BTC-{hours}-{strike}-{side[0].upper()}",
                "kind": "option",
                "underlying": "BTC",
                "mark_price_usd": "1159.28",
                "forward_usd": forward,
                "implied_vol": "0" if strike == 94000 and hours == 1 else vol,
                "expiry": expiry,
                "strike_usd": str(strike),
                "option_type": side,
            }
            for strike in (20000, 94000, 300000)
            for side in ("call", "put")
        ]
    return InstrumentSet.model_validate({"as_of": AS_OF.isoformat(), "instruments": entries})


@dataclass(frozen=True, eq=False)
class Desk:
    """One policy over one market, and everything to prove with."""

    policy: Policy
    market: Market
    setup: Setup
    backend: AnyBackend

    @cached_property
    def prover(self) -> MarginProver[Any, Any]:
        """Warm."""
        return MarginProver(self.policy, self.market, self.setup, self.backend)

    def attest(self, books: Sequence[Book], **changes: Any) -> tuple[list[Attestation], list[Opening]]:
        """One venue a book: venue0, venue1, ..."""
        pairs = [
            attest(
                positions_from_quantities(self.market.epoch.universe, book),
                **{
                    "universe": self.market.universe,
                    "account": ACCOUNT,
                    "venue": f"venue{index}",
                    "private_key": KEYS[index],
                    "snapshot_time": self.market.epoch_time,
                    "sequence": 1,
                    "setup": self.setup,
                    "backend": self.backend,
                    **changes,
                },
            )
            for index, book in enumerate(books)
        ]
        return [attestation for attestation, _ in pairs], [opening for _, opening in pairs]

    def evaluate(self, books: Sequence[Book]) -> MarginResult:
        """The integer evaluator."""
        universe = self.market.epoch.universe
        positions = [positions_from_quantities(universe, book) for book in books]
        return evaluate_margin(self.policy, self.market.epoch, positions, columns=self.market.columns)

    def prove(self, books: Sequence[Book]) -> MarginProof:
        """An honest proof."""
        return self.prover.prove(*self.attest(books))

    def forge(self, books: Sequence[Book]) -> MarginProof:
        """A proof whatever the books are: values cut to their ranges, the prover's own checks off."""
        attestations, openings = self.attest(books)
        universe, market = self.market.epoch.universe, self.market
        statement, ordered = make_statement(attestations, market.policy, market.terms, OFF_CHAIN)
        netted = net([Positions(universe.digest, opening.lots) for opening in openings], universe)
        values = assign(self.policy.constraints(universe.shape), universe, market.columns, netted.lots)
        blinding = sum(opening.blinding for opening in openings) % SCALAR_MODULUS
        inputs = Inputs(
            holdings={HOLDING: Holding(netted.lots, blinding)}, market=self.prover.columns, hints=values.values
        )
        witness = generate_witness(self.prover.program.compiled, self.backend, inputs, check=False)
        public = public_inputs(statement, ordered, market.terms)
        data = prove(self.prover.argument.key, public, witness.assignment, Options(check=False))
        return MarginProof(statement, self.policy.name, ordered, data)

    def verify(self, proof: MarginProof, *, policy: Policy | None = None, **changes: Any) -> None:
        """Verify as an auditor would, a second after the epoch. policy: the auditor's own, this desk's if None."""
        options: dict[str, Any] = {
            "policy": self.market.policy,
            "market": self.market.terms,
            "at": self.market.epoch_time + 1,
            "engine": fastest_engine(),
            **changes,
        }
        verify_margin(
            proof, key=margin_verifying_key(policy or self.policy, self.market, self.setup, self.backend), **options
        )


@cache
def desk_setup() -> Setup:
    """One development setup for all."""
    return development_setup(ROWS, fastest_backend())


def make_desk(policy: Policy, data: InstrumentSet | None = None) -> Desk:
    """A desk over `data`, by default the small market."""
    backend, setup = fastest_backend(), desk_setup()
    return Desk(policy, build_market(data or instruments(), policy, setup, backend), setup, backend)


@cache
def preset_desk(name: str) -> Desk:
    """A shipped policy over the small market."""
    return make_desk(load_policy(name))
