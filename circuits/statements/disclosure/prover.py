"""Disclosure of one number about an account's holdings: one instrument's quantity, or one linear exposure.

Public: the weights w (a unit vector for a quantity), the venues' commitments, the amount. Hidden: the netted
quantities q. Constraint: sum_i w_i part(q_i) = amount, over the integers, with |q_i| < 2^60 on instrument rows and zero
elsewhere; part is q itself, or |q| for the gross notional. Nothing else is shown, and to one auditor for one purpose.

A bare opening of the commitment at one row would be shorter, but it could be passed on under another auditor's name.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from zkmargin.circuits.language.compiler import CompiledProgram, compile_program
from zkmargin.circuits.language.program import Program
from zkmargin.circuits.language.witness import Holding, Inputs, generate_witness, vector_of
from zkmargin.circuits.markets import black76
from zkmargin.circuits.markets.epoch import MarketArrays, MarketEpoch, market_arrays
from zkmargin.circuits.markets.positions import Positions, net
from zkmargin.circuits.markets.units import QUANTITY_BITS, integers
from zkmargin.circuits.markets.universe import UniverseShape
from zkmargin.circuits.statements.attestation import Opening, check_openings
from zkmargin.prover.commitments import commit, commit_from_powers
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.key import make_proving_key, make_verifying_key
from zkmargin.prover.prove import Options, prove
from zkmargin.prover.setup import Setup
from zkmargin.verifier.curve import GroupEngine
from zkmargin.verifier.errors import FormatError, ProofRejected
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.attestation import Attestation, Attestor
from zkmargin.verifier.statements.disclosure import (
    AMOUNT_BITS,
    EXPOSURES,
    Disclosure,
    check_text,
    order_attestations,
    verify_disclosure,
)

Ints = NDArray[np.int64]

HOLDING: Final = "net"
WEIGHT_BITS: Final = 62
USD_SCALE: Final = 12
COIN_SCALE: Final = 18
ANY_AGE_SECONDS: Final = 10 * 366 * 86400
"""Prices of any age count: a disclosure has no policy to say which are stale."""
RECOMPUTATION_UNITS: Final = 4
RECOMPUTATION_SHIFT: Final = 36
"""As for market files: a recomputed weight may be off by 4 units and 2^-36 of the largest."""


class DisclosureError(FormatError):
    """What is to be disclosed is not in this universe, or a disclosure's weights are not what they should be."""


@dataclass(frozen=True)
class Exposure:
    """What is disclosed. kind: one of `EXPOSURES`; subject: an instrument, or the underlying of a delta, else ""."""

    kind: str
    subject: str = ""

    @classmethod
    def parse(cls, text: str) -> Exposure:
        """From `quantity:INSTRUMENT`, `delta:UNDERLYING`, `value` or `gross-notional`. Raises DisclosureError."""
        kind, colon, subject = text.partition(":")
        needs_subject = kind in ("quantity", "delta")
        if kind not in EXPOSURES or needs_subject != bool(subject) or (colon and not subject):
            raise DisclosureError(
                f"exposure: expected quantity:INSTRUMENT, delta:UNDERLYING, value or gross-notional, got {text[:80]!r}"
            )
        return cls(kind, subject)

    def __str__(self) -> str:
        return f"{self.kind}:{self.subject}" if self.subject else self.kind

    def unit(self) -> str:
        """What the amount is counted in."""
        return self.subject if self.subject else "USD"


@dataclass(frozen=True)
class Weights:
    """An exposure over an epoch, amounts in 10^-scale. row: of a quantity; values: of any other, (rows,) int64."""

    scale: int
    row: int | None
    values: Ints | None


def exposure_weights(epoch: MarketEpoch, exposure: Exposure) -> Weights:
    """The public weights per lot. Raises DisclosureError when the epoch does not have the subject.

    value: what a long lot is worth, rounded down, usd_e12. gross-notional: the underlying's index price, usd_e12, of
    all but cash, times |quantity|. delta: d value / d forward, in coins, e18, of what is on the underlying.
    """
    universe = epoch.universe
    if exposure.kind == "quantity":
        listing = universe.by_id.get(exposure.subject)
        if listing is None:
            raise DisclosureError(
                f"exposure: expected one of the universe's instruments, got {exposure.subject[:64]!r}"
            )
        return Weights(listing.lot_exponent, listing.row, None)
    arrays = market_arrays(epoch, max_price_age_seconds=ANY_AGE_SECONDS)
    if exposure.kind == "value":
        return Weights(USD_SCALE, None, np.where(arrays.live, arrays.value, 0))
    if exposure.kind == "gross-notional":
        priced = arrays.live & ~arrays.is_kind("cash")
        return Weights(USD_SCALE, None, _rounded(np.where(priced, arrays.reference, 0.0)))
    if exposure.subject not in universe.underlyings or not exposure.subject:
        raise DisclosureError(f"exposure: expected one of the universe's underlyings, got {exposure.subject[:64]!r}")
    on_it = arrays.live & (arrays.underlying == universe.underlyings.index(exposure.subject))
    return Weights(COIN_SCALE, None, _rounded(np.where(on_it, _deltas(epoch, arrays), 0.0)))


def compile_disclosure(exposure: Exposure, shape: UniverseShape, row: int | None) -> CompiledProgram:
    """The program of an exposure over a universe's shape; `row` is a quantity's."""
    return _compile(shape, row, exposure.kind == "gross-notional")


@lru_cache(maxsize=64)
def _compile(shape: UniverseShape, row: int | None, gross: bool) -> CompiledProgram:
    def define(program: Program) -> None:
        weight = program.market("weight", WEIGHT_BITS, signed=True) if row is None else program.unit(row)
        holding = program.holding(HOLDING)
        absolute = program.sign_split(holding, QUANTITY_BITS, label=HOLDING).absolute
        positive = program.public_scalar("positive", AMOUNT_BITS)
        negative = program.public_scalar("negative", AMOUNT_BITS)
        program.require_sum(weight * (absolute if gross else holding), positive - negative, label="amount")

    return compile_program(
        define, name="disclosure", rows=shape.rows, row_bits=QUANTITY_BITS, active_rows=shape.instrument_rows
    )


def disclose(
    exposure: Exposure,
    attestations: Sequence[Attestation],
    openings: Sequence[Opening],
    *,
    epoch: MarketEpoch,
    universe: bytes,
    auditor: str,
    purpose: str,
    setup: Setup,
    backend: Backend[V, P],
    options: Options | None = None,
) -> Disclosure:
    """Prove the exposure of what the attestations hold together; of one alone it is that venue's.

    universe: the id of the epoch's universe under the setup. Raises DisclosureError, StatementError or OpeningError.
    """
    check_text(auditor, "auditor")
    check_text(purpose, "purpose")
    layout, epoch_time = epoch.universe, int(epoch.as_of.timestamp())
    ordered = order_attestations(attestations, universe, epoch_time)
    check_openings(attestations, openings, setup, backend, layout.rows)
    netted = net([Positions(layout.digest, opening.lots) for opening in openings], layout)
    weights = exposure_weights(epoch, exposure)
    disclosure = Disclosure(
        account=ordered[0].claimed.account,
        auditor=auditor,
        purpose=purpose,
        exposure=exposure.kind,
        subject=exposure.subject,
        units=_amount(exposure, weights, netted.lots),
        scale=weights.scale,
        universe=universe,
        epoch_time=epoch_time,
        snapshot_time=ordered[0].claimed.snapshot_time,
        attestations=ordered,
        weights=weights.values,
        proof=b"",
    )
    program = compile_disclosure(exposure, layout.shape, weights.row)
    basis, powers = setup.lagrange(backend, layout.rows), setup.monomial(backend)
    fixed = [vector_of(backend, values, layout.rows) for values in program.fixed_values]
    key = make_proving_key(backend, program.circuit, setup.key, basis, powers, fixed)
    market = {} if weights.values is None else {"weight": weights.values}
    vectors = [backend.vector_from_int64(np.ascontiguousarray(values)) for values in market.values()]
    public = disclosure.public_inputs(commit(backend, basis, vectors))
    inputs: Inputs[V] = Inputs(
        holdings={HOLDING: Holding(netted.lots, sum(opening.blinding for opening in openings) % SCALAR_MODULUS)},
        market=market,
        scalars=dict(zip(("positive", "negative"), public.scalars, strict=True)),
    )
    witness = generate_witness(program, backend, inputs)
    proof = prove(key, public, witness.assignment, options)
    return Disclosure(**{**vars(disclosure), "proof": proof})


def check_disclosure(
    disclosure: Disclosure,
    *,
    epoch: MarketEpoch,
    universe: bytes,
    setup: Setup,
    backend: Backend[V, P],
    attestors: Collection[bytes | Attestor] = (),
    engine: GroupEngine | None = None,
) -> None:
    """Return if the disclosure is true of the attested holdings and this epoch's prices; raise if not.

    Raises ProofRejected, DisclosureError for weights that do not follow from the prices, StatementError.
    """
    exposure = Exposure.parse(str(Exposure(disclosure.exposure, disclosure.subject)))
    expected = exposure_weights(epoch, exposure)
    if disclosure.scale != expected.scale:
        raise ProofRejected(f"the disclosure's scale is not the {expected.scale} of {exposure}")
    program = compile_disclosure(exposure, epoch.universe.shape, expected.row)
    powers, rows = setup.monomial(backend), epoch.universe.rows
    fixed = [vector_of(backend, values, rows) for values in program.fixed_values]
    vectors = []
    if expected.values is not None:
        vectors.append(backend.vector_from_int64(_checked_weights(disclosure.weights, expected.values, exposure)))
    verify_disclosure(
        disclosure,
        key=make_verifying_key(backend, program.circuit, setup.key, powers, fixed),
        universe=universe,
        epoch_time=int(epoch.as_of.timestamp()),
        weights=commit_from_powers(backend, powers, vectors),
        attestors=attestors,
        engine=engine,
    )


def _checked_weights(stated: Ints | None, expected: Ints, exposure: Exposure) -> Ints:
    """The stated weights, which may differ from the expected ones by what floating point does on another machine."""
    tolerance = RECOMPUTATION_UNITS + (int(np.abs(expected).max(initial=0)) >> RECOMPUTATION_SHIFT)
    if stated is None or stated.shape != expected.shape:
        raise DisclosureError(f"weights: expected {len(expected)} of them, one a row of the market's universe")
    wrong = (stated > expected + tolerance) | (stated < expected - tolerance) | ((expected == 0) & (stated != 0))
    if np.any(wrong):
        raise DisclosureError(f"weights: expected what {exposure} has at the market's prices, got others")
    return np.ascontiguousarray(stated)


def _amount(exposure: Exposure, weights: Weights, lots: Ints) -> int:
    if weights.row is not None:
        return int(lots[weights.row])
    if weights.values is None:
        raise DisclosureError(f"weights: {exposure} has none")
    held = np.flatnonzero(lots)
    quantities = [int(lots[row]) for row in held]
    if exposure.kind == "gross-notional":
        quantities = [abs(quantity) for quantity in quantities]
    return sum(int(weights.values[row]) * quantity for row, quantity in zip(held, quantities, strict=True))


def _deltas(epoch: MarketEpoch, arrays: MarketArrays) -> NDArray[np.float64]:
    """(rows,) coins a lot gains or loses like, times 10^18; zero where there is no instrument."""
    coins = np.zeros(epoch.universe.rows, dtype=np.float64)
    for listing in epoch.universe.listings:
        instrument = epoch.by_row.get(listing.row)
        if instrument is not None and instrument.kind != "cash":
            index = float(instrument.index) if instrument.kind in ("supply", "borrow") else 1.0
            coins[listing.row] = index * 10.0 ** (COIN_SCALE - listing.lot_exponent)
    options = arrays.is_kind("option")
    strike = np.where(options, arrays.strike, 1.0)
    greeks = black76.greeks(arrays.forward, strike, arrays.vol, arrays.years, arrays.is_call)
    return np.asarray(np.where(options, greeks.delta, 1.0) * coins)


def _rounded(values: NDArray[np.float64]) -> Ints:
    """Nearest integers. Raises DisclosureError beyond 2^62."""
    if not np.all(np.abs(values) < float(1 << WEIGHT_BITS)):
        raise DisclosureError(f"weights: expected less than 2^{WEIGHT_BITS} a lot, got more: the prices are absurd")
    return integers(np.rint(values), "a weight")
