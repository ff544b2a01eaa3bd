"""Proof bytes and public inputs: untrusted until decoded here, checked ever after.

A proof is the concatenation, without separators, of G1 points (64 bytes) and scalars (32 bytes), big-endian:

    witness columns | multiplicities | helpers h | running sum phi | quotient t | evaluations | opening W | opening W'

Its length is fixed by the circuit, coordinates are below q, scalars below r, no point is infinity: one proof, one
encoding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from zkmargin.verifier.circuit import Circuit
from zkmargin.verifier.curve import G1, POINT_BYTES, check_g1, decode_g1, encode_g1
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import SCALAR_MODULUS

SCALAR_BYTES: Final = 32
CONTEXT_BYTES: Final = 32


@dataclass(frozen=True)
class Proof:
    """A decoded proof: every point on the curve, every scalar canonical, every count as the circuit says."""

    witness: tuple[G1, ...]
    multiplicities: tuple[G1, ...]
    """One point when the circuit looks anything up, else none."""
    helpers: tuple[G1, ...]
    running_sum: G1
    quotient: G1
    evaluations: tuple[int, ...]
    opening: G1
    """W: the quotient of the batched claims."""
    opening_check: G1
    """W': the quotient of their combination at z, over z - zeta."""

    def first_round(self) -> bytes:
        """What alpha and gamma depend on."""
        return encode_points((*self.witness, *self.multiplicities))

    def second_round(self) -> bytes:
        """What y depends on."""
        return encode_points((*self.helpers, self.running_sum))

    def third_round(self) -> bytes:
        """What zeta depends on."""
        return encode_g1(self.quotient)

    def fourth_round(self) -> bytes:
        """What v depends on."""
        return b"".join(value.to_bytes(SCALAR_BYTES, "big") for value in self.evaluations)

    def encode(self) -> bytes:
        """The one encoding."""
        rounds = self.first_round() + self.second_round() + self.third_round() + self.fourth_round()
        return rounds + encode_g1(self.opening) + encode_g1(self.opening_check)


def encode_points(points: Sequence[G1]) -> bytes:
    """The points' encodings one after the other."""
    return b"".join(encode_g1(point) for point in points)


def proof_length(circuit: Circuit) -> int:
    """Bytes in a proof of this circuit."""
    return POINT_BYTES * circuit.proof_points + SCALAR_BYTES * len(circuit.evaluations)


def decode_proof(circuit: Circuit, data: bytes) -> Proof:
    """Check and decode. Raises FormatError naming the element."""
    expected = proof_length(circuit)
    if len(data) != expected:
        raise FormatError(f"proof: expected {expected} bytes, got {len(data)}")
    offset = 0

    def points(name: str, count: int) -> tuple[G1, ...]:
        nonlocal offset
        start, offset = offset, offset + count * POINT_BYTES
        return tuple(
            decode_g1(data[start + i * POINT_BYTES : start + (i + 1) * POINT_BYTES], f"proof.{name}[{i}]")
            for i in range(count)
        )

    def scalars(name: str, count: int) -> tuple[int, ...]:
        nonlocal offset
        start, offset = offset, offset + count * SCALAR_BYTES
        values = tuple(
            int.from_bytes(data[start + i * SCALAR_BYTES : start + (i + 1) * SCALAR_BYTES], "big") for i in range(count)
        )
        for i, value in enumerate(values):
            if value >= SCALAR_MODULUS:
                raise FormatError(f"proof.{name}[{i}]: expected a scalar below r")
        return values

    return Proof(
        witness=points("witness", len(circuit.witness)),
        multiplicities=points("multiplicities", int(bool(circuit.lookups))),
        helpers=points("helpers", circuit.helpers),
        running_sum=points("running_sum", 1)[0],
        quotient=points("quotient", 1)[0],
        evaluations=scalars("evaluations", len(circuit.evaluations)),
        opening=points("opening", 1)[0],
        opening_check=points("opening_check", 1)[0],
    )


@dataclass(frozen=True)
class PublicInputs:
    """What a proof is about. `check` before use: the fields may come from anywhere.

    context: 32 bytes that bind everything the argument does not look into (chain, gate, account, epoch, validity).
    scalars: one integer for each public scalar of the circuit.
    holdings: for each holding column its venues' commitments, at least one, in the statement's order.
    market: one commitment for each market column.
    """

    context: bytes
    scalars: tuple[int, ...]
    holdings: tuple[tuple[G1, ...], ...]
    market: tuple[G1, ...]

    def check(self, circuit: Circuit) -> None:
        """Raise FormatError unless every field fits the circuit, every point is on the curve, every scalar bounded."""
        if len(self.context) != CONTEXT_BYTES:
            raise FormatError(f"context: expected {CONTEXT_BYTES} bytes, got {len(self.context)}")
        _expect_count("scalars", len(self.scalars), len(circuit.scalars))
        _expect_count("holdings", len(self.holdings), len(circuit.holdings))
        _expect_count("market", len(self.market), len(circuit.market))
        for declared, value in zip(circuit.scalars, self.scalars, strict=True):
            if not 0 <= value < 1 << declared.bits:
                raise FormatError(f"scalar {declared.name}: expected 0 <= value < 2**{declared.bits}, got {value}")
        for name, venues in zip(circuit.holdings, self.holdings, strict=True):
            if not 1 <= len(venues) < 1 << 16:
                raise FormatError(f"holding {name}: expected 1 to 65535 commitments, got {len(venues)}")
            for position, point in enumerate(venues):
                check_g1(point.x, point.y, f"holding {name}[{position}]", allow_infinity=False)
        for name, point in zip(circuit.market, self.market, strict=True):
            check_g1(point.x, point.y, f"market {name}", allow_infinity=True)

    def encode(self) -> bytes:
        """Canonical bytes for the transcript. Counts of venues are written out; the circuit fixes all others."""
        holdings = b"".join(len(venues).to_bytes(2, "big") + encode_points(venues) for venues in self.holdings)
        scalars = b"".join(value.to_bytes(SCALAR_BYTES, "big") for value in self.scalars)
        return self.context + scalars + holdings + encode_points(self.market)


def _expect_count(name: str, got: int, expected: int) -> None:
    if got != expected:
        raise FormatError(f"{name}: expected {expected} entries, got {got}")
