"""Back ends of the tests: the fastest that is there, and one that knows the trapdoor."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from zkmargin.prover.kernels import BackendError, load_backend, native_engine
from zkmargin.prover.kernels.choice import AnyBackend
from zkmargin.verifier.curve import G1, G1_GENERATOR, GroupEngine, PythonEngine
from zkmargin.verifier.field import SCALAR_MODULUS, root_of_unity


@cache
def fastest_backend() -> AnyBackend:
    """The fastest back end of this installation, whatever the environment asks for."""
    for name in ("portable", "reference"):
        try:
            return load_backend(name)
        except BackendError:
            continue
    raise AssertionError("the reference back end is always there")


@cache
def fastest_engine() -> GroupEngine:
    """Native group operations for the verifier where they are built, else pure Python."""
    try:
        return native_engine()
    except BackendError:
        return PythonEngine()


class ExponentBackend:
    """A back end whose points are discrete logarithms: what someone who knows tau sees.

    Field operations are another back end's; a vector of points is a vector of their logarithms. `logarithms` remembers
    that of every point that a proof was given.
    """

    def __init__(self, fields: AnyBackend) -> None:
        self._fields = fields
        self.name = f"exponents over {fields.name}"
        self.logarithms: dict[G1, int] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fields, name)

    def point(self, logarithm: int) -> G1:
        """logarithm * generator, remembered."""
        point = fastest_engine().combine([G1_GENERATOR], [logarithm % SCALAR_MODULUS])
        self.logarithms[point] = logarithm % SCALAR_MODULUS
        return point

    def points(self, data: bytes) -> Any:
        """The logarithms of points that this back end has made."""
        coordinates = [int.from_bytes(data[i : i + 32], "little") for i in range(0, len(data), 32)]
        pairs = zip(coordinates[::2], coordinates[1::2], strict=True)
        return self._fields.vector(self.logarithms[G1(x, y)] for x, y in pairs)

    def msm(self, basis: Any, vectors: Sequence[Any], tails: Sequence[Sequence[int]] = ()) -> list[G1]:
        """Inner products, lifted to the group."""
        fields = self._fields
        points = []
        for index, vector in enumerate(vectors):
            tail = list(tails[index]) if tails else []
            scalars = fields.concatenate([vector, fields.vector(tail)])
            points.append(self.point(fields.inner_product(fields.slice(basis, 0, len(scalars)), scalars)))
        return points

    def fixed_base_powers(self, tau: int, count: int) -> Any:
        """1, tau, tau^2, ..."""
        return self._fields.vector(pow(tau, power, SCALAR_MODULUS) for power in range(count))

    def combine_points(self, bases: Sequence[Any], scalars: Sequence[Any]) -> Any:
        """Row by row, sums of products."""
        products = [self._fields.multiply(base, vector) for base, vector in zip(bases, scalars, strict=True)]
        return self._fields.linear_combination(products, [1] * len(products))

    def transform_points(self, points: Any, root: int) -> Any:
        """The transform of the logarithms; root is w or 1 / w."""
        size = len(points)
        if root == root_of_unity(size):
            return self._fields.evaluate_on_coset([points], size, 1)[0]
        return self._fields.scale(self._fields.interpolate([points])[0], size)

    def slice_points(self, points: Any, start: int, stop: int) -> Any:
        """Logarithms start..stop-1."""
        return self._fields.slice(points, start, stop)

    def concatenate_points(self, parts: Sequence[Any]) -> Any:
        """The parts in order."""
        return self._fields.concatenate(parts)

    def subtract_points(self, left: Any, right: Any) -> Any:
        """left - right."""
        return self._fields.subtract(left, right)
