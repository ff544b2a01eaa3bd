"""Multi-scalar multiplications and transforms, each beside arkworks called directly in the same run.

`extra_info` holds the back end, arkworks' best time and the ratio of the best times (below 1: faster than
arkworks). Both sides take the same handles, and turns, so that a busy machine disturbs both alike.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from time import perf_counter
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from zkmargin.prover.kernels import load_backend
from zkmargin.prover.kernels.interface import Backend
from zkmargin.verifier.field import SCALAR_MODULUS

LARGEST_BASIS = 1 << 16
TAU = 0x9E3779B97F4A7C15F39CC0605CEDC834


@pytest.fixture(scope="module")
def backend() -> Backend[Any, Any]:
    """The back end that `load_backend` chooses, ZKMARGIN_BACKEND included."""
    chosen = load_backend()
    if chosen.name == "reference":
        pytest.skip("the reference back end is no match; build the native module")
    return chosen


@pytest.fixture(scope="module")
def basis(backend: Backend[Any, Any]) -> Any:
    return backend.fixed_base_powers(TAU, LARGEST_BASIS)


def scalars(backend: Backend[Any, Any], bits: int, count: int) -> Any:
    rng = random.Random(bits)
    bound = min(1 << bits, SCALAR_MODULUS)
    return backend.vector(rng.randrange(bound) for _ in range(count))


def compare(
    benchmark: BenchmarkFixture,
    backend: Backend[Any, Any],
    ours: Callable[[], object],
    arkworks: Callable[[], object],
    rounds: int,
) -> None:
    """Time `ours` with pytest-benchmark, running `arkworks` between the rounds."""
    direct: list[float] = []

    def time_arkworks() -> None:
        start = perf_counter()
        arkworks()
        direct.append(perf_counter() - start)

    benchmark.pedantic(ours, setup=time_arkworks, rounds=rounds, warmup_rounds=1)  # type: ignore[no-untyped-call]
    benchmark.extra_info["backend"] = backend.name
    benchmark.extra_info["arkworks_seconds"] = min(direct)
    if benchmark.stats is not None:
        benchmark.extra_info["ratio_to_arkworks"] = benchmark.stats.stats.min / min(direct)


@pytest.mark.parametrize(
    ("log_size", "bits"),
    [
        pytest.param(16, 254, id="2^16-254"),
        pytest.param(16, 64, id="2^16-64"),
        pytest.param(16, 16, id="2^16-16"),
        pytest.param(12, 254, id="2^12-254"),
    ],
)
def test_msm(benchmark: BenchmarkFixture, backend: Any, basis: Any, log_size: int, bits: int) -> None:
    points = backend.slice_points(basis, 0, 1 << log_size)
    column = scalars(backend, bits, 1 << log_size)
    assert backend.msm(points, [column]) == [backend.arkworks_msm(points, column)]
    rounds = 10 if log_size == 16 else 40
    compare(
        benchmark,
        backend,
        lambda: backend.msm(points, [column]),
        lambda: backend.arkworks_msm(points, column),
        rounds,
    )


@pytest.mark.parametrize("log_size", [pytest.param(16, id="2^16"), pytest.param(20, id="2^20")])
def test_ntt(benchmark: BenchmarkFixture, backend: Any, log_size: int) -> None:
    size = 1 << log_size
    seed = scalars(backend, 254, 1 << 10)
    coefficients = backend.concatenate([seed] * (size >> 10))
    (values,) = backend.evaluate_on_coset([coefficients], size, 1)
    assert backend.to_bytes(values) == backend.to_bytes(backend.arkworks_ntt(coefficients))
    compare(
        benchmark,
        backend,
        lambda: backend.evaluate_on_coset([coefficients], size, 1),
        lambda: backend.arkworks_ntt(coefficients),
        20 if log_size == 16 else 5,
    )
