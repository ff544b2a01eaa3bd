"""Gas of submissions, from receipts of a node that the benchmark starts. The figures are in `extra_info`."""

from __future__ import annotations

import pytest
from full_size import AS_OF
from onchain import Gas, anvil, node
from pytest_benchmark.fixture import BenchmarkFixture

pytestmark = pytest.mark.skipif(anvil() is None, reason="anvil is not installed: run npm install in verifier/contracts")


@pytest.mark.parametrize("scenarios", [pytest.param(16, id="16-scenarios-2-venues")])
def test_onchain_gas(benchmark: BenchmarkFixture, scenarios: int) -> None:
    """A first submission; and with the market in calldata; and 32 accounts in one transaction."""
    with node(int(AS_OF.timestamp()) + 60) as client:
        gas = Gas(client, scenarios, pin=True)
        numbers = iter(range(1000))
        total, items = benchmark.pedantic(lambda: gas.submit(next(numbers)), rounds=1)  # type: ignore[no-untyped-call]
        each = gas.batch(32)
    with node(int(AS_OF.timestamp()) + 60) as client:
        unpinned, _ = Gas(client, scenarios, pin=False).submit()
    benchmark.extra_info["backend"] = "anvil"
    benchmark.extra_info["gas"] = total
    benchmark.extra_info["gas_items"] = items
    benchmark.extra_info["gas_market_in_calldata"] = unpinned
    benchmark.extra_info["gas_batch_of_32_each"] = each
    assert max(total, unpinned) < 450_000
    assert each < 210_000
