"""Back ends side by side: every kernel is held to the reference back end, which is held to galois and py_ecc.

A new back end joins by its name in BACKENDS.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from zkmargin.prover.kernels import describe_backends, load_backend
from zkmargin.prover.kernels.interface import Backend
from zkmargin.prover.kernels.reference import ReferenceBackend, ReferencePoints
from zkmargin.verifier.curve import G1

BACKENDS = ("portable", "avx512")

TAU = 0x1F3A5C7E9B2D4F60718293A4B5C6D7E8F9
BASIS_SIZE = 72


def _load(name: str) -> Backend[Any, Any]:
    status = next(status for status in describe_backends() if status.name == name)
    if not status.available:
        pytest.skip(f"{name}: {status.reason}")
    return load_backend(name)


@pytest.fixture(scope="session", params=("reference", *BACKENDS))
def backend(request: pytest.FixtureRequest) -> Backend[Any, Any]:
    """Any back end, for what must hold of all of them."""
    return _load(request.param)


@pytest.fixture(scope="session", params=BACKENDS)
def native(request: pytest.FixtureRequest) -> Backend[Any, Any]:
    """A back end to compare with the reference."""
    return _load(request.param)


@pytest.fixture(scope="session")
def reference() -> ReferenceBackend:
    return ReferenceBackend()


@dataclass(frozen=True)
class Basis:
    """Powers of TAU in the group, with infinity, a repeated point and its negative among them."""

    reference: ReferencePoints
    data: bytes

    @property
    def points(self) -> Sequence[G1]:
        return self.reference.values

    def load(self, backend: Backend[Any, Any], size: int | None = None) -> Any:
        return backend.points(self.data[: 64 * (BASIS_SIZE if size is None else size)])


@pytest.fixture(scope="session")
def basis(reference: ReferenceBackend) -> Basis:
    powers = reference.fixed_base_powers(TAU, BASIS_SIZE - 4)
    first = reference.slice_points(powers, 0, 1)
    infinity = reference.subtract_points(first, first)
    negative = reference.subtract_points(infinity, first)
    points = reference.concatenate_points([powers, infinity, first, negative, infinity])
    return Basis(points, reference.points_to_bytes(points))
