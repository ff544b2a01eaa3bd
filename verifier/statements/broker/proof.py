"""The bytes of the broker's proof: points of 64 bytes and scalars of 32, big-endian, without separators.

    digit columns | multiplicities | helpers | running sum | quotient
    | digit columns at zeta, table at zeta, running sum at w zeta | W | W'

The circuit fixes the length; no point is infinity, coordinates are below q, scalars below r: one proof, one encoding.
"""

from __future__ import annotations

from dataclasses import dataclass

from zkmargin.verifier.curve import G1, POINT_BYTES, decode_g1, encode_g1
from zkmargin.verifier.errors import FormatError
from zkmargin.verifier.field import SCALAR_MODULUS
from zkmargin.verifier.proof import SCALAR_BYTES, encode_points
from zkmargin.verifier.statements.broker.circuit import Layout


@dataclass(frozen=True)
class BrokerArgument:
    """A decoded proof."""

    digits: tuple[G1, ...]
    multiplicities: G1
    helpers: tuple[G1, ...]
    running_sum: G1
    quotient: G1
    evaluations: tuple[int, ...]
    opening: G1
    opening_check: G1

    def first_round(self) -> bytes:
        """What alpha, gamma and x depend on."""
        return encode_points((*self.digits, self.multiplicities))

    def second_round(self) -> bytes:
        """What y depends on."""
        return encode_points((*self.helpers, self.running_sum))

    def third_round(self) -> bytes:
        """What zeta depends on."""
        return encode_g1(self.quotient)

    def fourth_round(self) -> bytes:
        """What v depends on."""
        return encode_scalars(self.evaluations)

    def encode(self) -> bytes:
        """The one encoding."""
        rounds = self.first_round() + self.second_round() + self.third_round() + self.fourth_round()
        return rounds + encode_g1(self.opening) + encode_g1(self.opening_check)


def encode_scalars(values: tuple[int, ...]) -> bytes:
    """The scalars' encodings one after the other."""
    return b"".join(value.to_bytes(SCALAR_BYTES, "big") for value in values)


def proof_length(layout: Layout) -> int:
    """Bytes of a proof."""
    points = layout.columns + 1 + layout.helpers + 1 + 1 + 2
    return POINT_BYTES * points + SCALAR_BYTES * (layout.columns + 2)


def decode_argument(layout: Layout, data: bytes) -> BrokerArgument:
    """Check and decode. Raises FormatError naming the element."""
    expected = proof_length(layout)
    if len(data) != expected:
        raise FormatError(f"proof: expected {expected} bytes, got {len(data)}")
    offset = 0

    def points(name: str, count: int) -> tuple[G1, ...]:
        nonlocal offset
        start, offset = offset, offset + count * POINT_BYTES
        parts = [data[start + i * POINT_BYTES : start + (i + 1) * POINT_BYTES] for i in range(count)]
        return tuple(decode_g1(part, f"proof.{name}[{i}]") for i, part in enumerate(parts))

    def scalars(name: str, count: int) -> tuple[int, ...]:
        nonlocal offset
        start, offset = offset, offset + count * SCALAR_BYTES
        parts = [data[start + i * SCALAR_BYTES : start + (i + 1) * SCALAR_BYTES] for i in range(count)]
        values = tuple(int.from_bytes(part, "big") for part in parts)
        for i, value in enumerate(values):
            if value >= SCALAR_MODULUS:
                raise FormatError(f"proof.{name}[{i}]: expected a scalar below r")
        return values

    return BrokerArgument(
        digits=points("digits", layout.columns),
        multiplicities=points("multiplicities", 1)[0],
        helpers=points("helpers", layout.helpers),
        running_sum=points("running_sum", 1)[0],
        quotient=points("quotient", 1)[0],
        evaluations=scalars("evaluations", layout.columns + 2),
        opening=points("opening", 1)[0],
        opening_check=points("opening_check", 1)[0],
    )
