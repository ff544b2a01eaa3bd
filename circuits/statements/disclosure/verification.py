"""What whoever checks a disclosure rebuilds: the weights, the verifying key, the verdict."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from zkmargin.circuits.language.keys import verifying_key
from zkmargin.circuits.markets.epoch import MarketEpoch
from zkmargin.circuits.statements.disclosure.circuit import (
    DisclosureError,
    Exposure,
    Ints,
    Weights,
    compile_disclosure,
    exposure_weights,
)
from zkmargin.prover.commitments import commit_from_powers
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.setup import Setup
from zkmargin.verifier.curve import GroupEngine
from zkmargin.verifier.errors import ProofRejected
from zkmargin.verifier.statements.attestation import Attestor
from zkmargin.verifier.statements.disclosure import Disclosure, verify_disclosure


def verify_disclosure_in_epoch(
    disclosure: Disclosure,
    *,
    epoch: MarketEpoch,
    universe: bytes,
    epoch_id: bytes,
    setup: Setup,
    backend: Backend[V, P],
    attestors: Collection[bytes | Attestor] = (),
    engine: GroupEngine | None = None,
) -> None:
    """Verify that the disclosure is true of the attested holdings and this epoch's prices.

    Raises ProofRejected, DisclosureError for weights that do not follow from the prices, StatementError.
    """
    exposure = Exposure.parse(str(Exposure(disclosure.exposure, disclosure.subject)))
    expected = exposure_weights(epoch, exposure)
    if disclosure.scale != expected.scale:
        raise ProofRejected(f"the disclosure's scale is not the {expected.scale} of {exposure}")
    program = compile_disclosure(exposure, epoch.universe.shape, expected.row)
    vectors = []
    if expected.values is not None:
        vectors.append(backend.vector_from_int64(_checked_weights(disclosure.weights, expected, exposure)))
    verify_disclosure(
        disclosure,
        key=verifying_key(program, setup, backend),
        universe=universe,
        epoch=epoch_id,
        epoch_time=int(epoch.as_of.timestamp()),
        weights=commit_from_powers(backend, setup.monomial(backend), vectors),
        attestors=attestors,
        engine=engine,
    )


def _checked_weights(stated: Ints | None, expected: Weights, exposure: Exposure) -> Ints:
    """The stated weights, which may differ from the expected ones by what floating point does on another machine."""
    values = np.asarray(expected.values)
    if stated is None or stated.shape != values.shape:
        raise DisclosureError(f"weights: expected {len(values)} of them, one a row of the market's universe")
    allowed = 0 if expected.rounding is None else np.where(values == 0, 0, expected.rounding)
    if np.any((stated > values + allowed) | (stated < values - allowed)):
        raise DisclosureError(f"weights: expected what {exposure} has at the market's prices, got others")
    return np.ascontiguousarray(stated)
