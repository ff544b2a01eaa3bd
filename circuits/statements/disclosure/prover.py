"""Proving one number about an account's holdings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from zkmargin.circuits.language.proving import Prover
from zkmargin.circuits.language.witness import Holding, Inputs
from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.markets.positions import Positions, net
from zkmargin.circuits.statements.attestation import Opening, check_openings
from zkmargin.circuits.statements.disclosure.circuit import (
    HOLDING,
    DisclosureError,
    Exposure,
    Ints,
    Weights,
    compile_disclosure,
    exposure_weights,
)
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.prove import Options
from zkmargin.prover.setup import Setup
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.attestation import Attestation
from zkmargin.verifier.statements.disclosure import Disclosure, check_text, order_attestations


def disclose(
    exposure: Exposure,
    attestations: Sequence[Attestation],
    openings: Sequence[Opening],
    *,
    epoch: MarketEpoch,
    universe: bytes,
    epoch_id: bytes,
    auditor: str,
    purpose: str,
    setup: Setup,
    backend: Backend[V, P],
    options: Options | None = None,
) -> Disclosure:
    """Prove the exposure of what the attestations hold together; of one alone it is that venue's.

    universe: the id of the epoch's universe under the setup; epoch_id: that of the market's epoch. Raises
    DisclosureError, StatementError or OpeningError.
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
        epoch=epoch_id,
        epoch_time=epoch_time,
        snapshot_time=ordered[0].claimed.snapshot_time,
        attestations=ordered,
        weights=weights.values,
        proof=b"",
    )
    prover = Prover(compile_disclosure(exposure, layout.shape, weights.row), setup, backend)
    market = prover.publish({} if weights.values is None else {"weight": weights.values})
    public = disclosure.public_inputs(market.points)
    inputs = Inputs(
        holdings={HOLDING: Holding(netted.lots, sum(opening.blinding for opening in openings) % SCALAR_MODULUS)},
        market=market.columns,
        scalars=dict(zip(("positive", "negative"), public.scalars, strict=True)),
    )
    return replace(disclosure, proof=prover.prove_public(public, inputs, options))


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
