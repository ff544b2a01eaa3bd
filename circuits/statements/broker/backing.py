"""Prove that a list's books net to the broker's own attested position."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np

from zkmargin.circuits.statements.attestation import Opening, check_openings
from zkmargin.circuits.statements.broker.prover import OpenBooks
from zkmargin.circuits.statements.broker.verification import vanishing_point
from zkmargin.prover.commitments import weighted_sum
from zkmargin.prover.kernels import native_engine
from zkmargin.prover.kernels.interface import Backend, P, V
from zkmargin.prover.setup import Setup
from zkmargin.verifier.errors import FormatError, NoProofError, ProofRejected
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.statements.attestation import Attestation, venue_id
from zkmargin.verifier.statements.book import BookList
from zkmargin.verifier.statements.broker.backing import Backing, challenge, check_attestations, difference_of


class UnbackedError(NoProofError):
    """The accounts' books do not net to the broker's own position, so that no proof exists. Shows no quantity."""


def in_order(
    attestations: Sequence[Attestation], openings: Sequence[Opening], books: BookList
) -> tuple[tuple[Attestation, ...], tuple[Opening, ...]]:
    """Attestations and their openings in the order of venue ids. Raises FormatError when they do not fit the list."""
    if len(attestations) != len(openings):
        raise FormatError(f"openings: expected one for each of {len(attestations)} attestations, got {len(openings)}")
    pairs = sorted(zip(attestations, openings, strict=True), key=lambda pair: venue_id(pair[0].claimed.venue))
    ordered = tuple(attestation for attestation, _ in pairs)
    try:
        check_attestations(ordered, books)
    except ProofRejected as error:
        raise FormatError(f"attestations: {error.reason}") from None
    return ordered, tuple(opening for _, opening in pairs)


def prove_backing(
    attestations: tuple[Attestation, ...],
    openings: tuple[Opening, ...],
    books: BookList,
    opened: OpenBooks,
    context: bytes,
    setup: Setup,
    backend: Backend[V, P],
) -> Backing:
    """The proof for `in_order`'s attestations. k is fresh from the operating system and used once.

    Raises UnbackedError when lots differ on some row, OpeningError for an opening of something else.
    """
    rows = opened.lots.shape[1]
    check_openings(attestations, openings, setup, backend, rows)
    held = sum(opening.lots.astype(object) for opening in openings)
    wrong = np.flatnonzero(np.asarray(opened.lots.astype(object).sum(axis=0) != held, dtype=bool))
    if wrong.size:
        raise UnbackedError(
            f"the accounts' books do not net to the position that venues attest to: they differ in {wrong.size} rows, "
            f"the first being row {int(wrong[0])}"
        )
    delta = sum(opened.net_blinding) - sum(opening.blinding for opening in openings)
    k = 1 + secrets.randbelow(SCALAR_MODULUS - 1)
    base = vanishing_point(setup, backend, rows)
    commitment = weighted_sum(backend, [base], [k])
    c = challenge(context, difference_of(books, attestations, native_engine()), commitment)
    return Backing(attestations, commitment, (k + c * delta) % SCALAR_MODULUS)
