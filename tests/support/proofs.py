"""The layout of proof bytes, written out from the format's documentation, and ways to change one element."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zkmargin.verifier.circuit import Circuit
from zkmargin.verifier.curve import G1, G1_GENERATOR, PythonEngine, decode_g1, encode_g1

POINT = 64
SCALAR = 32


@dataclass(frozen=True)
class Element:
    """A point or a scalar of a proof: where it lies."""

    name: str
    offset: int
    size: int

    @property
    def is_point(self) -> bool:
        """Whether it is a point."""
        return self.size == POINT

    def read(self, proof: bytes) -> bytes:
        """Its bytes."""
        return proof[self.offset : self.offset + self.size]

    def point(self, proof: bytes) -> G1:
        """Its point."""
        return decode_g1(self.read(proof), self.name, allow_infinity=True)

    def scalar(self, proof: bytes) -> int:
        """Its scalar."""
        return int.from_bytes(self.read(proof), "big")

    def write(self, proof: bytes, value: bytes) -> bytes:
        """The proof with other bytes in its place, which may be longer or shorter."""
        return proof[: self.offset] + value + proof[self.offset + self.size :]

    def __str__(self) -> str:
        return self.name


def elements(circuit: Circuit) -> list[Element]:
    """Every element in the order of the bytes."""
    return list(_elements(circuit))


def _elements(circuit: Circuit) -> Iterator[Element]:
    offset = 0
    for name, count, size in (
        ("witness", len(circuit.witness), POINT),
        ("multiplicities", 1 if circuit.lookups else 0, POINT),
        ("helper", circuit.helpers, POINT),
        ("running_sum", 1, POINT),
        ("quotient", 1, POINT),
        ("evaluation", len(circuit.evaluations), SCALAR),
        ("opening", 1, POINT),
        ("opening_check", 1, POINT),
    ):
        for index in range(count):
            yield Element(f"{name}[{index}]", offset, size)
            offset += size


def plus_generator(point: G1) -> G1:
    """P + G."""
    return PythonEngine().combine([point, G1_GENERATOR], [1, 1])


def disturbed(element: Element, proof: bytes) -> bytes:
    """The proof with one point moved by the generator, or one scalar by one: well formed, and wrong."""
    if element.is_point:
        return element.write(proof, encode_g1(plus_generator(element.point(proof))))
    return element.write(proof, (element.scalar(proof) + 1).to_bytes(SCALAR, "big"))
