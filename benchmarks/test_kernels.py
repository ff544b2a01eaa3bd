"""Multi-scalar multiplications, transforms and pointwise kernels, each beside arkworks in the same run.

`extra_info` holds the back end, arkworks' best time, how many times faster the back end is, best against best, and the
floor: products counted times the time of one, measured in the same run (benchmarks/floor.py).
arkworks works on vectors in its own layout, which the portable back end's are, and is called directly; elementwise
arithmetic is the portable back end's, loops over arkworks' field operations. The two sides take turns, so that a busy
machine disturbs both alike. For one core: `taskset -c 0 python -m pytest benchmarks/test_kernels.py`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

import pytest
from floor import msm_products, seconds_a_product, transform_products
from pytest_benchmark.fixture import BenchmarkFixture

from zkmargin.prover.kernels import load_backend
from zkmargin.prover.kernels.interface import Backend
from zkmargin.verifier.field import SCALAR_MODULUS, root_of_unity

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
def arkworks() -> Backend[Any, Any]:
    """The back end whose vectors arkworks can read as they are."""
    return load_backend("portable")


@pytest.fixture(scope="module")
def basis(arkworks: Backend[Any, Any]) -> bytes:
    return arkworks.points_to_bytes(arkworks.fixed_base_powers(TAU, LARGEST_BASIS))


def scalars(bits: int, count: int) -> bytes:
    rng = random.Random(bits)
    bound = min(1 << bits, SCALAR_MODULUS)
    return b"".join(rng.randrange(bound).to_bytes(32, "little") for _ in range(count))


@pytest.fixture(scope="module")
def product(backend: Backend[Any, Any]) -> float:
    """Seconds that one product takes on this processor."""
    return seconds_a_product(backend)


def compare(
    benchmark: BenchmarkFixture,
    backend: Backend[Any, Any],
    ours: Callable[[], object],
    arkworks: Callable[[], object],
    rounds: int,
    *,
    products: int | None = None,
    product: float = 0.0,
) -> None:
    """Time `ours` with pytest-benchmark, running `arkworks` between the rounds.

    products: how many `ours` takes at least; with `product`, the seconds of one, it gives the floor of one core.
    """
    if products is not None:
        benchmark.extra_info["products"] = products
        benchmark.extra_info["product_ns"] = 1e9 * product
        benchmark.extra_info["floor_seconds"] = products * product
    direct: list[float] = []

    def time_arkworks() -> None:
        start = perf_counter()
        arkworks()
        direct.append(perf_counter() - start)

    # As in a proof, for both sides: dropped memory may be used again before it is overwritten.
    with backend.arena():
        benchmark.pedantic(ours, setup=time_arkworks, rounds=rounds, warmup_rounds=1)  # type: ignore[no-untyped-call]
    benchmark.extra_info["backend"] = backend.name
    benchmark.extra_info["arkworks_seconds"] = min(direct)
    if benchmark.stats is not None:
        benchmark.extra_info["times_faster"] = min(direct) / benchmark.stats.stats.min


@pytest.mark.parametrize(
    ("log_size", "bits"),
    [
        pytest.param(16, 254, id="2^16-254"),
        pytest.param(16, 64, id="2^16-64"),
        pytest.param(16, 16, id="2^16-16"),
        pytest.param(12, 254, id="2^12-254"),
    ],
)
def test_msm(
    benchmark: BenchmarkFixture,
    backend: Any,
    arkworks: Any,
    basis: bytes,
    product: float,
    log_size: int,
    bits: int,
) -> None:
    points, column = basis[: 64 << log_size], scalars(bits, 1 << log_size)
    our_points, our_column = backend.points(points), backend.vector_from_bytes(column)
    points, column = arkworks.points(points), arkworks.vector_from_bytes(column)
    assert backend.msm(our_points, [our_column]) == [arkworks.arkworks_msm(points, column)]
    compare(
        benchmark,
        backend,
        lambda: backend.msm(our_points, [our_column]),
        lambda: arkworks.arkworks_msm(points, column),
        10 if log_size == 16 else 40,
        products=msm_products(1 << log_size, bits),
        product=product,
    )


@pytest.mark.parametrize(
    "log_size", [pytest.param(12, id="2^12"), pytest.param(16, id="2^16"), pytest.param(20, id="2^20")]
)
def test_ntt(benchmark: BenchmarkFixture, backend: Any, arkworks: Any, product: float, log_size: int) -> None:
    size = 1 << log_size
    data = scalars(254, 1 << 10) * (size >> 10)
    ours, direct = backend.vector_from_bytes(data), arkworks.vector_from_bytes(data)
    (values,) = backend.evaluate_on_coset([ours], size, 1)
    assert backend.to_bytes(values) == arkworks.to_bytes(arkworks.arkworks_ntt(direct))
    compare(
        benchmark,
        backend,
        lambda: backend.evaluate_on_coset([ours], size, 1),
        lambda: arkworks.arkworks_ntt(direct),
        5 if log_size == 20 else 40,
        products=transform_products(size),
        product=product,
    )


POINTWISE: dict[str, Callable[[Backend[Any, Any], Any, Any], object]] = {
    "add": lambda b, x, y: b.add(x, y),
    "multiply": lambda b, x, y: b.multiply(x, y),
    "scale": lambda b, x, y: b.scale(x, TAU),
    "linear_combination": lambda b, x, y: b.linear_combination([x, y, x, y], [TAU, -TAU, 3, TAU**2]),
    "inner_product": lambda b, x, y: b.inner_product(x, y),
    "batch_inverse": lambda b, x, y: b.batch_inverse(x),
    "prefix_sum": lambda b, x, y: b.prefix_sum(x),
}


@pytest.mark.parametrize("kernel", POINTWISE.values(), ids=POINTWISE.keys())
def test_pointwise(benchmark: BenchmarkFixture, backend: Any, arkworks: Any, kernel: Any) -> None:
    data = [scalars(254, 1 << 16), scalars(253, 1 << 16)]
    ours = [backend.vector_from_bytes(part) for part in data]
    direct = [arkworks.vector_from_bytes(part) for part in data]
    compare(benchmark, backend, lambda: kernel(backend, *ours), lambda: kernel(arkworks, *direct), 30)


MULTIPLES: dict[str, Callable[[Backend[Any, Any], Any, Any], object]] = {
    "combine_points, one term": lambda b, p, v: b.combine_points([p], [v]),
    "combine_points, two terms": lambda b, p, v: b.combine_points([p, p], [v, v]),
    "transform_points": lambda b, p, v: b.transform_points(p, root_of_unity(len(p))),
}


@pytest.mark.parametrize("kernel", MULTIPLES.values(), ids=MULTIPLES.keys())
def test_multiples(benchmark: BenchmarkFixture, backend: Backend[Any, Any], basis: bytes, kernel: Any) -> None:
    """2^12 points at once; arkworks has nothing to compare with. `extra_info` holds microseconds of one core a row."""
    count, rounds = 1 << 12, 3
    points, column = backend.points(basis[: 64 * count]), backend.vector_from_bytes(scalars(254, count))
    kernel(backend, points, column)
    start = process_time()
    benchmark.pedantic(kernel, args=(backend, points, column), rounds=rounds)  # type: ignore[no-untyped-call]
    benchmark.extra_info["backend"] = backend.name
    benchmark.extra_info["core_us_a_row"] = 1e6 * (process_time() - start) / (rounds * count)
